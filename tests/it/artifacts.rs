//! What is said of configuration artifacts over time: states, comparisons, the history of the pointer file, and versions that changed.

use crate::{
    activation::{PROTOCOL, catalog, promote, retire, stage, write},
    common::{Scratch, findings, show::steady},
};
use insta::assert_snapshot;
use serde_json::{Value, json};

/// `artifact state`, and the channels.
fn states(answer: &Value) -> Vec<String> {
    let state = |package: &Value| {
        let channels: Vec<&str> = package["channels"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        format!("{} {} {}", package["artifact"].as_str().unwrap(), package["state"].as_str().unwrap(), channels.join(","))
    };
    answer["packages"].as_array().unwrap().iter().map(|package| state(package).trim_end().to_owned()).collect()
}

#[test]
fn every_version_of_the_catalog_has_a_state() {
    let scratch = catalog(PROTOCOL);
    assert!(scratch.json(&["status"]).expect("passed").get("packages").is_none());
    assert_eq!(
        states(&scratch.json(&["status", "--packages"]).expect("passed")),
        ["document:base@1.0.0 committed", "document:plan@1.0.0 committed", "page:home@1.0.0 committed"]
    );
    stage(&scratch, &["document:base@1.0.0", "document:plan@1.0.0", "page:home@1.0.0"]);
    scratch.json(&promote(&["document:base@1.0.0", "page:home@1.0.0"])).expect("moved");
    write(&scratch, "base", "1.10.0", "");
    write(&scratch, "base", "1.9.0", "");
    write(&scratch, "other", "1.0.0", "");
    scratch.git(&["rm", "-r", "--quiet", "documents/plan/1.0.0"]);
    scratch.commit("Add versions, and take plan away");
    scratch.push();
    stage(&scratch, &["document:base@1.9.0", "document:base@1.10.0"]);
    scratch.json(&promote(&["document:base@1.9.0"])).expect("moved");
    // What is here and nowhere else; what is changed here.
    write(&scratch, "new", "0.1.0", "");
    write(&scratch, "other", "1.0.0", "base");
    scratch.write("documents/base/1.10.0/notes.txt", "later\n");
    let answer = scratch.json(&["status", "--packages"]).expect("passed");
    assert_eq!(
        states(&answer),
        [
            "document:base@1.0.0 superseded",
            "document:base@1.9.0 released production",
            "document:base@1.10.0 staged",
            "document:new@0.1.0 draft",
            "document:other@1.0.0 draft",
            "document:plan@1.0.0 archived",
            "page:home@1.0.0 released production",
        ]
    );
    assert_eq!(answer["packages"][2]["changed_here"], true);
    assert_eq!(states(&scratch.json(&["status", "--packages", "--channel", "production"]).expect("passed")).len(), 2);
    // The commit has what is staged otherwise.
    scratch.commit("Change what is staged");
    scratch.push();
    let answer = scratch.json(&["status", "--packages"]).expect("passed");
    assert_eq!((&answer["packages"][2]["differs"], &answer["packages"][4]["state"]), (&json!(true), &json!("committed")));
    assert_snapshot!(steady(&scratch.run(&["status", "--packages"]).ok()), @r"
      ledger entry 7 ([short]) on tagwarden/ledger
      policy 1 ([short])

      staging     nothing yet
      production  document:base@1.9.0, page:home@1.0.0  [short]  since 2026-11-21T10:00Z  entry 7

    releases
      document:base@1.0.0   [short]  superseded
      document:plan@1.0.0   [short]  staged
      page:home@1.0.0       [short]  released    production
      document:base@1.9.0   [short]  released    production
      document:base@1.10.0  [short]  staged

    artifacts
      document:base@1.0.0   [short]  superseded
      document:base@1.9.0   [short]  released    production
      document:base@1.10.0  [short]  staged                  not as it was staged
      document:new@0.1.0                committed
      document:other@1.0.0              committed
      document:plan@1.0.0   [short]  archived
      page:home@1.0.0       [short]  released    production

    done (passed). Nothing is wrong.
    ");
    let without = Scratch::minimal();
    without.refused(&["status", "--packages"], "nothing_to_check");
}

#[test]
fn what_only_the_pointer_file_knows_is_released() {
    let scratch = catalog(&PROTOCOL.replace("shape: grouped", "shape: flat"));
    scratch.write("active.json", "{\n  \"base\": \"1.0.0\"\n}\n");
    scratch.commit("Activate by hand");
    scratch.push();
    let answer = scratch.json(&["status", "--packages"]).expect("passed");
    assert_eq!(states(&answer)[0], "document:base@1.0.0 released production");
}

#[test]
fn two_commits_channels_or_the_work_tree_are_compared() {
    let scratch = catalog(PROTOCOL);
    stage(&scratch, &["document:base@1.0.0", "document:plan@1.0.0", "page:home@1.0.0"]);
    scratch.json(&promote(&["document:base@1.0.0", "page:home@1.0.0"])).expect("moved");
    scratch.git(&["fetch", "--quiet", "origin", "tagwarden/active"]);
    scratch.git(&["branch", "--quiet", "before", "FETCH_HEAD"]);
    scratch.write("documents/base/2.0.0/package.yaml", "id: base\nversion: \"2.0.0\"\ninputs: []\ntoken: hunter2\nlimit: 1.10\n");
    scratch.write("documents/base/2.0.0/texts/a.txt", "one\n");
    scratch.commit("Add base 2.0.0");
    scratch.push();
    stage(&scratch, &["document:base@2.0.0"]);
    scratch.json(&[promote(&["document:base@2.0.0", "document:plan@1.0.0"]), vec!["--retire", "page:home"]].concat()).expect("moved");
    scratch.git(&["fetch", "--quiet", "origin", "tagwarden/active:refs/remotes/origin/tagwarden/active"]);

    let shown = scratch.run(&["diff", "before", "production"]);
    assert_snapshot!(steady(&shown.all()), @r#"
    before ([short]) -> production ([short]): what is active

    changed document:base 1.0.0 -> 2.0.0
      /version "1.0.0" -> "2.0.0"
      /token none -> "[redacted]"
      /limit none -> "1.10"
      texts/a.txt added

    added document:plan 1.0.0

    removed page:home 1.0.0

    1 added, 1 removed, 1 changed

    stop (differences). Read the differences.
    -- exit 1
    "#);
    let answer = scratch.json(&["diff", "before", "production"]).expect("differences");
    assert_eq!((&answer["compared"], &answer["to"]["channel"]), (&json!("active"), &json!("production")));
    assert_eq!(
        answer["changes"][2],
        json!({ "class": "page", "id": "home", "change": "removed", "from": "1.0.0", "to": null, "fields": [] })
    );
    assert_eq!(answer["changes"][0]["fields"][0], json!({ "pointer": "/version", "from": "1.0.0", "to": "2.0.0" }));
    scratch.json(&["diff", "production", "origin/tagwarden/active"]).expect("passed");
    // The copy of the pointer file on the release branch says nothing, so all artifacts are compared.
    let answer = scratch.json(&["diff", "HEAD~1"]).expect("differences");
    assert_eq!(answer["compared"], "all");
    assert_eq!((&answer["changes"][0]["change"], &answer["changes"][0]["to"]), (&json!("added"), &json!("2.0.0")));
    scratch.json(&["diff", "HEAD"]).expect("passed");
    write(&scratch, "plan", "1.0.0", "base, other");
    assert_snapshot!(steady(&scratch.run(&["diff", "HEAD", "."]).all()), @r#"
    HEAD ([short]) -> the work tree: every artifact

    changed document:plan 1.0.0
      /inputs/1 none -> "other"

    0 added, 0 removed, 1 changed
    note: one side does not say what is active, so every artifact was compared

    stop (differences). Read the differences.
    -- exit 1
    "#);
    scratch.json(&["diff", "production", "production"]).expect("passed");
    scratch.json(&["diff", "nowhere"]).expect("bad_usage");
    scratch.json(&["diff", "staging"]).expect("unknown_release");
}

#[test]
fn the_history_of_the_pointer_file_is_told_by_its_versions() {
    let mut scratch = catalog(PROTOCOL);
    scratch.write("active.json", "{\n  \"document\": {\n    \"base\": \"1.0.0\"\n  }\n}\n");
    scratch.commit("Release home, or so it says");
    scratch.push();
    write(&scratch, "base", "2.0.0", "");
    scratch.commit("Add base 2.0.0");
    scratch.push();
    stage(&scratch, &["document:base@2.0.0", "document:plan@1.0.0", "page:home@1.0.0", "document:base@1.0.0"]);
    let history = |args: &[&str]| {
        let answer = scratch.json(&[&["catalog", "history"], args].concat()).expect("passed");
        let event = |event: &Value| {
            let text = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
            [text("event"), text("kind"), text("id"), text("from"), text("to"), text("author")].join(" ")
        };
        answer["events"].as_array().unwrap().iter().map(event).collect::<Vec<_>>()
    };
    let fetch = || scratch.git(&["fetch", "--quiet", "origin", "+refs/heads/*:refs/remotes/origin/*"]);
    scratch.json(&promote(&["page:home@1.0.0", "document:plan@1.0.0"])).expect("moved");
    scratch.json(&promote(&["document:base@2.0.0"])).expect("moved");
    scratch.json(&retire(&["page:home"])).expect("moved");
    fetch();
    assert_snapshot!(history(&[]).join("\n"), @r"
    deactivate page home 1.0.0 - boss <boss@example.com>
    activate document base 1.0.0 2.0.0 boss <boss@example.com>
    activate page home - 1.0.0 boss <boss@example.com>
    activate document plan - 1.0.0 boss <boss@example.com>
    activate document base - 1.0.0 Test <test@example.com>
    ");
    assert_eq!(history(&["page"]).len(), 2);
    assert_eq!(history(&["document:base"]).len(), 2);
    assert_eq!(history(&["page:base"]), Vec::<String>::new());
    assert_eq!(history(&["--at", "HEAD"]).len(), 1, "what the release branch says");
    assert_snapshot!(steady(&scratch.run(&["catalog", "history", "page"]).ok()), @r"
      2026-11-21T10:00Z  deactivate  page:home  1.0.0 -> none  [short]  boss <boss@example.com>
      2026-11-21T10:00Z  activate    page:home  none -> 1.0.0  [short]  boss <boss@example.com>

    done (passed). Nothing is wrong.
    ");
    scratch.json(&["catalog", "history", "--channel", "staging"]).expect("bad_config");

    // A file that cannot be read hides what changed there, and says so.
    let shared = catalog(&PROTOCOL.replace(", branch: tagwarden/active", ""));
    for (text, message) in [
        ("{\"document\": {\"base\": \"1.0.0\"}}\n", "first"),
        ("{\"document\": {\"base\": \"0.9.0\"}}\n", "release: Activate"),
        ("{\"document\": \n", "oh"),
        ("{\"document\": {\"base\": \"1.1\"}}\n", "rollback"),
    ] {
        shared.write("active.json", text);
        shared.commit(message);
    }
    shared.push();
    let answer = shared.json(&["catalog", "history"]).expect("passed");
    let told: Vec<&str> = answer["events"].as_array().unwrap().iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(told, ["change", "rollback", "activate"]);
    assert_eq!(findings(&answer)[0]["code"], "catalog/unreadable-pointer");

    // What a shallow clone lacks is not taken for the beginning.
    shared.try_tool("", "git", &["clone", "--quiet", "--depth", "2", "--no-local", "origin.git", "shallow"]);
    scratch = shared;
    scratch.go("shallow");
    let answer = scratch.json(&["catalog", "history"]).expect("shallow_history");
    assert_eq!((answer["complete"].as_bool(), answer["events"].as_array().map(Vec::len)), (Some(false), Some(0)));
}

#[test]
fn versions_that_changed_after_they_were_released_are_found() {
    let scratch = catalog(PROTOCOL);
    stage(&scratch, &["document:base@1.0.0", "document:plan@1.0.0"]);
    scratch.json(&promote(&["document:base@1.0.0"])).expect("moved");
    write(&scratch, "other", "1.0.0", "");
    scratch.commit("Add other");
    write(&scratch, "other", "1.0.0", "base");
    let start = scratch.commit("Change what nobody released");
    scratch.push();
    let fetch = || scratch.git(&["fetch", "--quiet", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*"]);
    fetch();
    scratch.json(&["catalog", "immutability"]).expect("passed");
    scratch.write("documents/base/1.0.0/notes/a.txt", "later\n");
    scratch.commit("Add to what is active");
    scratch.git(&["checkout", "--quiet", "-b", "side", "HEAD~1"]);
    scratch.write("documents/plan/1.0.0/package.yaml", "id: plan\nversion: \"1.0.0\"\n");
    scratch.commit("Change what is tagged");
    scratch.git(&["checkout", "--quiet", "main"]);
    scratch.git(&["merge", "--quiet", "--no-edit", "side"]);
    let middle = scratch.git(&["rev-parse", "HEAD"]);
    scratch.git(&["rm", "-r", "--quiet", "documents/base/1.0.0"]);
    scratch.commit("Remove what is active");
    scratch.push();
    fetch();
    let shown = scratch.run(&["catalog", "immutability"]);
    assert_snapshot!(steady(&shown.all()), @r"
    2 versions in 6 commits ([short])

    error[catalog/changed-after-active]: commit [short] adds a file to document:base@1.0.0, which was active on production since commit [short]
    --> documents/base/1.0.0/notes/a.txt:1:1
     = help: `git show [oid] -- documents/base/1.0.0/notes/a.txt` shows it; a change is a version of its own

    error[catalog/changed-after-tag]: commit [short] changes a file of document:plan@1.0.0, which the tag document/plan/v1.0.0 names at commit [short]
    --> documents/plan/1.0.0/package.yaml:1:1
     = help: `git show [oid] -- documents/plan/1.0.0/package.yaml` shows it; a change is a version of its own

    error[catalog/changed-after-active]: commit [short] removes a file of document:base@1.0.0, which was active on production since commit [short]
    --> documents/base/1.0.0/notes/a.txt:1:1
     = help: `git show [oid] -- documents/base/1.0.0/notes/a.txt` shows it; a change is a version of its own

    error[catalog/changed-after-active]: commit [short] removes a file of document:base@1.0.0, which was active on production since commit [short]
    --> documents/base/1.0.0/package.yaml:1:1
     = help: `git show [oid] -- documents/base/1.0.0/package.yaml` shows it; a change is a version of its own

    stop (findings). Put the files back as they were, and give each change a version of its own.
    -- exit 1
    ");
    let answer = scratch.json(&["catalog", "immutability"]).expect("findings");
    let told = |answer: &Value| findings(answer).iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(told(&answer).len(), 4);
    assert_eq!(told(&scratch.json(&["catalog", "immutability", "--since", &middle]).expect("findings")).len(), 2);
    let active = scratch.json(&["catalog", "immutability", "--since", &start, "--active"]).expect("findings");
    assert_eq!(told(&active), ["catalog/changed-after-active"; 3]);
    scratch.json(&["catalog", "immutability", "--at", &start]).expect("passed");
    scratch.json(&["catalog", "immutability", "--active"]).expect("bad_usage");
}

#[test]
fn a_version_steps_up_as_far_as_its_changes_need() {
    let scratch = catalog(&PROTOCOL.replace("id: /id, version: /version }", "id: /id, version: /version, major: [/level] }"));
    let schema = |values: &str| format!("{{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\", \"enum\": [{values}]}}\n");
    scratch.write("documents/plan/1.0.0/schema.json", schema("\"a\", \"b\""));
    scratch.commit("Add a schema");
    write(&scratch, "plan", "1.1.0", "base");
    scratch.write("documents/plan/1.1.0/schema.json", schema("\"b\", \"c\""));
    write(&scratch, "plan", "1.1.1", "base");
    scratch.write("documents/plan/1.1.1/schema.json", schema("\"b\", \"c\""));
    scratch.write("documents/base/1.0.1/package.yaml", "id: base\nversion: \"1.0.1\"\nlevel: high\n");
    assert_snapshot!(steady(&scratch.run(&["catalog", "bumps", "HEAD", "--all"]).all()), @r#"
    HEAD ([short]) -> the work tree: every artifact
    document:base 1.0.0 -> 1.0.1: patch step, needs major
      major /level changed, which the protocol calls a major step
    document:plan 1.0.0 -> 1.1.0: minor step, needs major
      major schema.json#/enum "a" is not allowed any more
    document:plan 1.1.0 -> 1.1.1: patch step, needs patch

    error[catalog/low-bump]: document:base went from 1.0.0 to 1.0.1, a patch step, and needs a major one: /level changed, which the protocol calls a major step
    --> documents/base/1.0.1/package.yaml:1:1
     = note: at /level
     = help: give it 2.0.0 or a higher version

    error[catalog/low-bump]: document:plan went from 1.0.0 to 1.1.0, a minor step, and needs a major one: /enum "a" is not allowed any more
    --> documents/plan/1.1.0/schema.json:1:1
     = note: at /enum
     = help: give it 2.0.0 or a higher version

    stop (findings). Give the changes the versions that they need.
    -- exit 1
    "#);
    let answer = scratch.json(&["catalog", "bumps", "HEAD"]).expect("findings");
    assert_eq!(findings(&answer).iter().map(|finding| finding["code"].as_str().unwrap()).collect::<Vec<_>>(), ["catalog/low-bump"; 2]);
    assert_eq!(answer["bumps"][1]["lowest"], "2.0.0");
    for (id, version) in [("base", "1.0.1"), ("plan", "1.1.0"), ("plan", "1.1.1")] {
        scratch.git(&["clean", "--quiet", "--force", "-d", &format!("documents/{id}/{version}")]);
    }
    write(&scratch, "plan", "2.0.0", "base");
    scratch.write("documents/plan/2.0.0/schema.json", schema("\"b\", \"c\""));
    scratch.json(&["catalog", "bumps", "HEAD", "--all"]).expect("passed");
}
