//! The rulesets that `init --rulesets` prints: GitHub takes them as they are, and then nothing but the App moves what is kept.

use super::{
    hosted::Hosted,
    model::{App, GitHub},
    tests::Plain,
};
use crate::common::{Output, Scratch};
use insta::assert_snapshot;
use serde_json::Value;

const PROTOCOL: &str = r#"version: 1
packages: { app: { release_tag: "v{version}", default: true } }
release_branches: [main]
channels: { next: { tag: "vnext" }, live: { tag: "channel/{channel}", after: next } }
signing: { key: none }
release_tags: any
"#;
const POINTER: &str = r#"version: 1
packages: {}
release_branches: [main]
channels: { live: { tag: "channel/{channel}" } }
signing: { key: none }
release_tags: any
kinds: { page: { path: "pages/{id}-{version}.yaml", rail: none } }
pointer: { file: active.json, shape: grouped, branch: tagwarden/active, channel: live }
"#;
const FILES: &[(&str, &str)] =
    &[("gates/protocol.yaml", PROTOCOL), ("gates/10-tree.yaml", "title: The tree is there\ncommand: [ { run: [\"true\"] } ]\n")];

/// A checkout of a repository on the model that has no rulesets yet, and the App that is to move.
fn start() -> (Hosted, App) {
    let hub = GitHub::new();
    let app = hub.app("deployer");
    app.install_on(&hub.repo(), &[("contents", "write"), ("administration", "read")]);
    (Hosted::new(hub, FILES), app)
}

#[track_caller]
fn printed(scratch: &Scratch, app: &App) -> Vec<Value> {
    let text = scratch.run(&["init", "--rulesets", "--app", &app.id.to_string()]).ok();
    serde_json::from_str(&text).unwrap()
}

/// What the page says: each is one request.
pub fn create(hub: &GitHub, bodies: &[Value]) {
    let admin = Plain::new(hub, &hub.token(&hub.user("mover")));
    for body in bodies {
        assert_eq!(admin.send("POST /repos/example/app/rulesets", body).refusal(), "201 ", "{body}");
    }
}

#[test]
fn what_is_printed_binds_everybody_but_the_app() {
    let (mut hosted, app) = start();
    let bodies = printed(&hosted.scratch, &app);
    create(&hosted.hub, &bodies);
    hosted.release("v1.0.0");

    // An administrator is bound, too: the move is refused as a whole.
    let before = hosted.scratch.remote_refs();
    let refused = hosted.scratch.json(&["promote", "v1.0.0", "--channel", "next"]).expect("server_refused");
    assert!(refused.to_string().contains("GH013"), "{refused:#}");
    assert_eq!(hosted.scratch.remote_refs(), before);

    let (admin, app_token) = (hosted.hub.token(&hosted.hub.user("mover")), hosted.hub.app_token(&app));
    hosted.scratch.set("GITHUB_TOKEN", &app_token);
    hosted.scratch.json(&["promote", "v1.0.0", "--channel", "next"]).expect("moved");
    hosted.scratch.json(&["promote", "v1.0.0", "--channel", "live"]).expect("moved");
    let scratch = &hosted.scratch;
    scratch.write("more.txt", "more\n");
    scratch.commit("Add more");
    hosted.push();
    hosted.release("v1.1.0");
    scratch.json(&["promote", "v1.1.0", "--channel", "next"]).expect("moved");
    // Back is not forward, and allowed to the App.
    scratch.json(&["rollback", "v1.0.0", "--channel", "next", "--reason", "Broken"]).expect("moved");

    let ledger = "refs/heads/tagwarden/ledger";
    scratch.git(&["fetch", "--quiet", "../origin.git", &format!("+{ledger}:refs/seen")]);
    let after = scratch.remote_refs();
    for (token, spec) in [
        (&admin, ":refs/tags/v1.0.0"),
        (&app_token, ":refs/tags/v1.0.0"),
        (&admin, "+main:refs/tags/v1.0.0"),
        (&app_token, "+main:refs/tags/v1.0.0"),
        (&admin, "+main:refs/tags/vnext"),
        (&admin, ":refs/tags/channel/live"),
        (&admin, ":refs/heads/tagwarden/ledger"),
        (&app_token, ":refs/heads/tagwarden/ledger"),
        (&app_token, "+refs/seen~1:refs/heads/tagwarden/ledger"),
        (&admin, "+main:refs/heads/tagwarden/ledger"),
    ] {
        let (good, said) = hosted.try_git(token, &["push", "origin", spec]);
        assert!(!good && said.contains("GH013"), "{spec}: {said}");
    }
    assert_eq!(scratch.remote_refs(), after);
    // Releases are still made, and branches still moved.
    hosted.release("v2.0.0");
    assert!(hosted.try_git(&admin, &["push", "origin", "main:refs/heads/topic", "main:refs/tags/other"]).0);
}

#[test]
fn the_branch_of_a_pointer_file_is_written_by_activations_alone() {
    let hub = GitHub::new();
    let app = hub.app("deployer");
    app.install_on(&hub.repo(), &[("contents", "write"), ("administration", "read")]);
    let [one, two] = ["pages/home-1.0.0.yaml", "pages/home-1.1.0.yaml"].map(|path| (path, "text: hello\n"));
    let mut hosted = Hosted::new(hub, &[("gates/protocol.yaml", POINTER), FILES[1], one, two, ("active.json", "{}\n")]);
    create(&hosted.hub, &printed(&hosted.scratch, &app));
    let (admin, app_token) = (hosted.hub.token(&hosted.hub.user("mover")), hosted.hub.app_token(&app));
    hosted.scratch.set("GITHUB_TOKEN", &app_token);
    let active = "refs/heads/tagwarden/active";
    let refused = |hosted: &Hosted, token: &str, spec: &str| {
        let before = hosted.scratch.remote_refs();
        let (good, said) = hosted.try_git(token, &["push", "origin", spec]);
        assert!(!good && said.contains("GH013"), "{spec}: {said}");
        assert_eq!(hosted.scratch.remote_refs(), before, "{spec}");
    };
    // Not even begun.
    refused(&hosted, &admin, &format!("main:{active}"));
    for (version, channel) in [("1.0.0", "made"), ("1.1.0", "moved on")] {
        let before = hosted.scratch.remote_refs().get(active).cloned();
        let name = format!("page:home@{version}");
        hosted.scratch.json(&["stage", &name, "--at", "HEAD"]).expect("moved");
        hosted.scratch.json(&["promote", &name, "--channel", "live", "--reason", "because"]).expect("moved");
        let after = hosted.scratch.remote_refs().get(active).cloned();
        assert!(after.is_some() && after != before, "the App's is {channel}");
    }
    let scratch = &hosted.scratch;
    scratch.git(&["fetch", "--quiet", "../origin.git", &format!("+{active}:refs/seen")]);
    let further = scratch.git(&["commit-tree", "-p", "refs/seen", "-m", "By hand", "refs/seen^{tree}"]);
    for spec in [format!("{further}:{active}"), format!("+main:{active}"), format!(":{active}")] {
        refused(&hosted, &admin, &spec);
    }
    // Nor does the App rewrite it.
    for spec in [format!("+refs/seen~1:{active}"), format!(":{active}")] {
        refused(&hosted, &app_token, &spec);
    }
    assert!(hosted.try_git(&app_token, &["push", "origin", &format!("{further}:{active}")]).0, "the App moves it forward");
}

#[test]
fn the_rulesets_of_a_protocol() {
    let (hosted, app) = start();
    let line = |body: &Value| {
        let names = &body["conditions"]["ref_name"];
        let rules: Vec<&str> = body["rules"].as_array().unwrap().iter().map(|rule| rule["type"].as_str().unwrap()).collect();
        let past = body["bypass_actors"].to_string().replace(&app.id.to_string(), "APP");
        let of = format!("{}: {} {} but {}", body["name"], body["target"], names["include"], names["exclude"]);
        format!("{of}\n  {}\n  past it: {past}", rules.join(", "))
    };
    let lines: Vec<String> = printed(&hosted.scratch, &app).iter().map(line).collect();
    assert_snapshot!(lines.join("\n"), @r#"
    "Tagwarden: release tags": "tag" ["refs/tags/v*"] but ["refs/tags/vnext"]
      deletion, non_fast_forward, update
      past it: []
    "Tagwarden: ledger": "branch" ["refs/heads/tagwarden/ledger"] but []
      deletion, non_fast_forward
      past it: []
    "Tagwarden: channel tags": "tag" ["refs/tags/vnext","refs/tags/channel/live"] but []
      creation, deletion, update
      past it: [{"actor_id":APP,"actor_type":"Integration","bypass_mode":"always"}]
    "Tagwarden: ledger entries": "branch" ["refs/heads/tagwarden/ledger"] but []
      update
      past it: [{"actor_id":APP,"actor_type":"Integration","bypass_mode":"always"}]
    "#);
}

#[test]
fn what_cannot_be_printed_is_refused() {
    let told = |output: Output| output.all();
    let scratch = Scratch::with(FILES);
    assert_snapshot!(told(scratch.run(&["init", "--rulesets"])), @r"
    -- stderr
    error[bad_usage]: a ruleset names the App that it lets past by its number, and none is given
    signing: none

    stop (bad_usage). `tagwarden init --rulesets --app NUMBER`, with the App ID that the settings page of your App shows.
    -- exit 2
    ");
    assert_snapshot!(told(scratch.run(&["init", "--rulesets", "--app", "Iv23abc"])), @r"
    -- stderr
    error[bad_usage]: invalid value 'Iv23abc' for '--app <NUMBER>': invalid digit found in string

    stop (bad_usage). `tagwarden help init` says what may stand there.
    -- exit 2
    ");
    assert_snapshot!(told(scratch.run(&["init", "--rulesets", "--app", "0"])), @r"
    -- stderr
    error[bad_usage]: invalid value '0' for '--app <NUMBER>': 0 is not in 1..18446744073709551615

    stop (bad_usage). `tagwarden help init` says what may stand there.
    -- exit 2
    ");
    assert_snapshot!(told(Scratch::new().run(&["init", "--rulesets", "--app", "7"])), @r"
    -- stderr
    error[bad_config]: there is no gates/protocol.yaml to begin with

    stop (bad_config). `tagwarden init` writes one; `tagwarden init --minimal` the smallest.
    -- exit 2
    ");
}
