//! Releases of configuration artifacts: staged with a report, activated in the pointer file by the same push that moves the tag.

use crate::common::{Scratch, finding, findings, show::steady};
use insta::assert_snapshot;
use serde_json::json;

pub const PROTOCOL: &str = r#"version: 1
packages: { web: { release_tag: "v{version}" } }
release_branches: [main]
channels: { staging: { tag: "staging" }, production: { tag: "channel/{channel}" } }
signing: { key: "env:TAGWARDEN_SIGNING_KEY" }
roles: { owners: { who: ["ssh:boss@example.com"], may: [stage, promote, rollback, hold, unhold, ack, waive] } }
kinds:
  document: { path: "documents/{id}/{version}/package.yaml", id: /id, version: /version }
  page: { path: "pages/{id}-{version}.yaml", rail: none }
pointer: { file: active.json, shape: grouped, branch: tagwarden/active, channel: production }
"#;
const RULES: &str = r#"rules:
  - id: inputs
    of: active
    refs: { each: '.inputs[]?', to: [{ artifact: "document:{value}", must: active }], acyclic: true }
"#;
const GATE: &str = "title: It is whole\ncatalog: {}\n";
const ACTIVE: &str = "refs/heads/tagwarden/active";

pub fn write(scratch: &Scratch, id: &str, version: &str, inputs: &str) {
    let text = format!("id: {id}\nversion: \"{version}\"\ninputs: [{inputs}]\n");
    scratch.write(&format!("documents/{id}/{version}/package.yaml"), text);
}

/// `base` and `plan`, which needs it; nothing is active.
pub fn catalog(protocol: &str) -> Scratch {
    let mut scratch = Scratch::new();
    scratch.key("boss");
    scratch.sign_as("boss");
    scratch.write("gates/protocol.yaml", protocol);
    scratch.write("gates/10-whole.yaml", GATE);
    scratch.write("gates/rails/document/lint.yaml", RULES);
    scratch.write("gates/allowed_signers", scratch.allowed_signers(&["boss"]));
    write(&scratch, "base", "1.0.0", "");
    write(&scratch, "plan", "1.0.0", "base");
    scratch.write("pages/home-1.0.0.yaml", "text: hello\n");
    scratch.write("active.json", "{}\n");
    scratch.commit("Add the catalog");
    scratch.push();
    scratch.json(&["policy", "adopt", "--reason", "start"]).expect("moved");
    scratch
}

pub fn stage(scratch: &Scratch, names: &[&str]) {
    for name in names {
        scratch.json(&["stage", name, "--at", "HEAD"]).expect("moved");
    }
}

pub fn promote<'a>(names: &[&'a str]) -> Vec<&'a str> {
    [&["promote"], names, &["--channel", "production", "--reason", "because"]].concat()
}

/// What the branch of the pointer file holds of it.
fn active(scratch: &Scratch, branch: &str) -> String {
    scratch.git_in("origin.git", &["show", &format!("{branch}:active.json")])
}

#[test]
fn packages_are_activated_together_or_not_at_all_and_rolled_back() {
    let scratch = catalog(PROTOCOL);
    stage(&scratch, &["document:base@1.0.0", "document:plan@1.0.0"]);

    // Alone it would need what is not active.
    let refused = scratch.refused(&promote(&["document:plan@1.0.0"]), "findings");
    assert_eq!(findings(&refused)[0]["code"], "catalog/inactive-reference");
    let shown = scratch.run(&promote(&["document:plan@1.0.0"]));
    assert_snapshot!(steady(&shown.all()), @r"
    -- stderr
    error[findings]: with document:plan@1.0.0 the catalog would have 1 errors; nothing is activated

    error[catalog/inactive-reference]: document/inputs: `base`: no version of `document:base` is active
     --> documents/plan/1.0.0/package.yaml:3:10
      |
    3 | inputs: [base]
      |          ^^^^
      |
      = note: at /inputs/0

    stop (findings). Read the findings.
    -- exit 1
    ");

    let shown = scratch.run(&promote(&["document:plan@1.0.0", "document:base@1.0.0"]));
    assert_snapshot!(steady(&shown.ok()), @r"
    promote document:plan@1.0.0, document:base@1.0.0 to production
      document:plan none -> 1.0.0
      document:base none -> 1.0.0
      refs/heads/tagwarden/active   none -> [short]  commit [short]
      refs/tags/channel/production  none -> [short]  commit [short]
      ledger entry 3 ([short]) on tagwarden/ledger

    gates before the move
      ✓   1  whole  It is whole  [time]

    done (moved). See it: `tagwarden status`.
    ");
    assert_snapshot!(active(&scratch, ACTIVE), @r#"
    {
      "document": {
        "base": "1.0.0",
        "plan": "1.0.0"
      }
    }
    "#);

    // The tag names the commit that activates: the candidate with one file changed, signed like the entry.
    let tip = scratch.remote_commit(ACTIVE).unwrap();
    assert_eq!(scratch.remote_commit("refs/tags/channel/production").as_ref(), Some(&tip));
    assert_eq!(scratch.git_in("origin.git", &["diff", "--name-only", &format!("{tip}^1"), &tip]), "active.json");
    assert_snapshot!(scratch.git_in("origin.git", &["log", "-1", "--format=%B", &tip]), @r"
    release: Activate 2 artifacts

    document:plan none -> 1.0.0
    document:base none -> 1.0.0

    Activated-By: ssh:boss@example.com
    Reason: because
    Tagwarden-Serial: 3
    ");
    let signers = format!("gpg.ssh.allowedSignersFile={}", scratch.path("work/gates/allowed_signers").display());
    assert_eq!(scratch.git_in("origin.git", &["-c", &signers, "log", "-1", "--format=%G?", &tip]), "G");
    let resolved = scratch.json(&["resolve", "production"]).expect("passed");
    assert_eq!(resolved["commit"], json!(tip));

    // One more version is one line of the branch, whatever came to the release branch since.
    write(&scratch, "plan", "1.1.0", "base");
    write(&scratch, "other", "1.0.0", "");
    scratch.commit("Add plan 1.1.0");
    scratch.push();
    stage(&scratch, &["document:plan@1.1.0", "document:other@1.0.0"]);
    let before = scratch.everything();
    let planned = scratch.json(&[promote(&["document:plan@1.1.0"]), vec!["--dry-run"]].concat()).expect("passed");
    assert_eq!(planned["activates"], json!([{ "artifact": "document:plan", "from": "1.0.0", "to": "1.1.0" }]));
    scratch.unchanged_since(&before);
    scratch.json(&promote(&["document:plan@1.1.0"])).expect("moved");
    assert_snapshot!(scratch.git_in("origin.git", &["diff", "--unified=0", &tip, ACTIVE, "--", "active.json"]), @r#"
    diff --git a/active.json b/active.json
    index 4971b58..9eff315 100644
    --- a/active.json
    +++ b/active.json
    @@ -4 +4 @@
    -    "plan": "1.0.0"
    +    "plan": "1.1.0"
    "#);
    scratch.json(&promote(&["document:plan@1.1.0"])).expect("already_there");

    // A third that fails leaves both of a set as they were.
    write(&scratch, "base", "2.0.0", "");
    write(&scratch, "plan", "2.0.0", "base");
    write(&scratch, "last", "1.0.0", "nowhere");
    scratch.commit("Add 2.0.0");
    scratch.push();
    stage(&scratch, &["document:base@2.0.0", "document:plan@2.0.0", "document:last@1.0.0"]);
    let refused = scratch.refused(&promote(&["document:base@2.0.0", "document:plan@2.0.0", "document:last@1.0.0"]), "findings");
    assert!(refused["message"].as_str().unwrap().contains("document:last@1.0.0"), "{refused}");
    scratch.json(&promote(&["document:base@2.0.0", "document:plan@2.0.0"])).expect("moved");

    let back = scratch.run(&["rollback", "--channel", "production", "--reason", "wrong texts"]);
    assert_snapshot!(steady(&back.ok()), @r"
    rollback production to document:base@1.0.0, document:plan@1.1.0
      document:base 2.0.0 -> 1.0.0
      document:plan 2.0.0 -> 1.1.0
      refs/heads/tagwarden/active   [short] -> [short]  commit [short]
      refs/tags/channel/production  [short] -> [short]  commit [short]
      ledger entry 11 ([short]) on tagwarden/ledger

    gates before the move
      ✓   1  whole  It is whole  [time]

    done (moved). See it: `tagwarden status`.
    ");
    assert_snapshot!(active(&scratch, ACTIVE), @r#"
    {
      "document": {
        "base": "1.0.0",
        "plan": "1.1.0"
      }
    }
    "#);
    assert_snapshot!(steady(&scratch.run(&["status"]).ok()), @r"
      ledger entry 11 ([short]) on tagwarden/ledger
      policy 1 ([short])

      staging     nothing yet
      production  document:base@1.0.0, document:plan@1.1.0  [short]  since 2026-11-21T10:00Z  entry 11  held: wrong texts

    releases
      document:base@1.0.0   [short]  released    production
      document:plan@1.0.0   [short]  superseded
      document:plan@1.1.0   [short]  released    production
      document:other@1.0.0  [short]  staged
      document:base@2.0.0   [short]  superseded              held
      document:plan@2.0.0   [short]  superseded              held
      document:last@1.0.0   [short]  staged

    holds
      release document:base@2.0.0                  wrong texts  by ssh:boss@example.com  entry 11
      release document:plan@2.0.0                  wrong texts  by ssh:boss@example.com  entry 11
      channel production           for automation  wrong texts  by ssh:boss@example.com  entry 11

    done (passed). Nothing is wrong.
    ");
    let audit = scratch.json(&["audit", "--rejudge", "all"]).expect("passed");
    assert_eq!(findings(&audit), Vec::<&serde_json::Value>::new());
    assert_snapshot!(scratch.git_in("origin.git", &["log", "--first-parent", "--format=%s", ACTIVE, "-1"]), @"rollback: Revert 2 artifacts");
}

#[test]
fn what_is_not_staged_whole_and_newer_is_not_activated() {
    let scratch = catalog(PROTOCOL);
    stage(&scratch, &["document:base@1.0.0", "page:home@1.0.0"]);
    scratch.json(&promote(&["document:base@1.0.0"])).expect("moved");
    write(&scratch, "base", "1.1.0", "");
    write(&scratch, "base", "1.2.0-rc.1", "");
    scratch.commit("Add 1.1.0");
    scratch.push();
    let refused = |names: &[&str], reason: &str| scratch.refused(&promote(names), reason);
    refused(&["document:base@1.1.0"], "unknown_release");
    refused(&["document:gone@1.0.0"], "unknown_release");
    refused(&["base@1.1.0"], "unknown_release");
    refused(&["nothing:base@1.1.0"], "unknown_release");
    refused(&["web@1.0.0"], "bad_usage");
    stage(&scratch, &["document:base@1.1.0", "document:base@1.2.0-rc.1"]);
    refused(&["document:base@1.2.0-rc.1"], "not_permitted");
    refused(&["document:base@1.1.0", "web@1.0.0"], "bad_usage");
    scratch.refused(&["promote", "document:base@1.1.0", "--channel", "staging", "--reason", "because"], "bad_usage");
    scratch.refused(&["stage", "document:base@9.0.0", "--at", "HEAD"], "unknown_release");
    scratch.refused(&["stage", "document:base@1.1.0", "--at", "HEAD~1"], "version_reused");

    // What is here is not what would be released.
    scratch.write("documents/base/1.1.0/notes.txt", "later\n");
    refused(&["document:base@1.1.0"], "bad_usage");
    scratch.git(&["add", "."]);
    scratch.git(&["commit", "--quiet", "--message", "Change a version that is staged"]);
    scratch.push();
    // It stays what it was where it was staged; a commit that has it otherwise is not the candidate.
    scratch.json(&promote(&["document:base@1.1.0"])).expect("moved");
    write(&scratch, "plan", "1.1.0", "base");
    scratch.commit("Add plan 1.1.0");
    scratch.push();
    stage(&scratch, &["document:plan@1.1.0"]);
    let reused = refused(&["document:plan@1.1.0"], "version_reused");
    assert!(reused["message"].as_str().unwrap().contains("documents/base/1.1.0 was changed"), "{reused}");
    scratch.git(&["rm", "--quiet", "documents/base/1.1.0/notes.txt"]);
    write(&scratch, "plan", "1.2.0", "base");
    scratch.commit("Put it back");
    scratch.push();
    stage(&scratch, &["document:plan@1.2.0"]);
    scratch.json(&promote(&["document:plan@1.2.0"])).expect("moved");
    refused(&["document:plan@1.1.0"], "lower_version");

    // What is active must be there.
    scratch.git(&["rm", "-r", "--quiet", "documents/base/1.1.0"]);
    write(&scratch, "plan", "1.3.0", "");
    scratch.commit("Take away what is active");
    scratch.push();
    let missing = scratch.refused(&["stage", "document:plan@1.3.0", "--at", "HEAD"], "findings");
    assert!(findings(&missing).iter().any(|finding| finding["code"] == "catalog/missing-artifact"), "{missing}");
}

#[test]
fn a_branch_that_somebody_else_wrote_is_told_and_stops_activations() {
    let scratch = catalog(PROTOCOL);
    stage(&scratch, &["document:base@1.0.0", "document:plan@1.0.0"]);
    scratch.json(&promote(&["document:base@1.0.0"])).expect("moved");
    let recorded = scratch.remote_commit(ACTIVE).unwrap();
    scratch.git(&["fetch", "--quiet", "origin", "tagwarden/active"]);
    scratch.git(&["push", "--quiet", "origin", "HEAD:refs/heads/elsewhere"]);
    scratch.git_in("origin.git", &["update-ref", ACTIVE, "refs/heads/elsewhere"]);
    let status = scratch.json(&["status"]).expect("findings");
    assert_eq!(status["channels"][1]["drift"][0]["code"], "status/pointer-moved");
    let doctor = scratch.json(&["doctor"]).expect("findings");
    assert!(findings(&doctor).iter().any(|finding| finding["code"] == "status/pointer-moved"), "{doctor}");
    let refused = scratch.refused(&promote(&["document:plan@1.0.0"]), "half_state");
    let help = refused["help"].as_str().unwrap_or_default().replace(&recorded, "RECORDED");
    assert_snapshot!(help.replace(&scratch.remote_commit("refs/heads/elsewhere").unwrap(), "THERE"), @"activations alone write it: find out who pushed to it; keep what it holds (`git push origin THERE:refs/heads/kept/tagwarden/active`), then `git push --force-with-lease=tagwarden/active:THERE origin RECORDED:refs/heads/tagwarden/active`");
    // What is advised mends it, and loses nothing.
    let advised: Vec<&str> = refused["help"].as_str().unwrap().split('`').filter(|word| word.starts_with("git ")).collect();
    for command in &advised {
        scratch.git(&command.split(' ').skip(1).collect::<Vec<_>>());
    }
    assert_eq!(advised.len(), 2);
    assert_eq!(scratch.remote_commit(ACTIVE), Some(recorded));
    scratch.json(&promote(&["document:plan@1.0.0"])).expect("moved");
}

#[test]
fn on_a_release_branch_an_activation_is_one_commit_of_one_line() {
    let scratch = catalog(&PROTOCOL.replace(", branch: tagwarden/active", ""));
    stage(&scratch, &["document:base@1.0.0", "document:plan@1.0.0"]);
    scratch.write("README", "later\n");
    let tip = scratch.commit("Something else");
    scratch.push();
    scratch.json(&promote(&["document:base@1.0.0"])).expect("moved");
    let made = scratch.remote_commit("refs/heads/main").unwrap();
    assert_eq!(scratch.git_in("origin.git", &["rev-parse", "main^@"]), tip);
    assert_eq!(scratch.remote_commit("refs/tags/channel/production"), Some(made));
    // Who has not fetched it yet can promote all the same; what others push in between stays.
    scratch.json(&promote(&["document:plan@1.0.0"])).expect("moved");
    scratch.git(&["pull", "--quiet", "--ff-only", "origin", "main"]);
    assert_eq!(scratch.read("active.json"), active(&scratch, "main") + "\n");
    scratch.json(&["audit", "--rejudge", "all"]).expect("passed");
    // Nothing becomes active, and nothing stops to be, by a commit of somebody else.
    write(&scratch, "plan", "1.1.0", "base");
    let whole = scratch.read("active.json");
    for (text, what) in [
        (whole.replace("\"plan\": \"1.0.0\"", "\"plan\": \"1.1.0\""), "`document:plan` is at `1.1.0` there, and `1.0.0` was activated"),
        ("{}\n".to_owned(), " is at nothing there, and `1.0.0` was activated"),
        (
            whole.replace("\"plan\": \"1.0.0\"", "\"plan\": \"1.0.0\",\n    \"other\": \"1.0.0\""),
            "`document:other` is at `1.0.0` there, and nothing",
        ),
    ] {
        scratch.write("active.json", &text);
        write(&scratch, "other", "1.0.0", "");
        scratch.commit("Write the pointer file by hand");
        scratch.push();
        stage_where_missing(&scratch, "document:plan@1.1.0");
        let refused = scratch.refused(&promote(&["document:plan@1.1.0"]), "half_state");
        assert!(refused["message"].as_str().unwrap().contains(what), "{refused}");
    }
    // What is advised mends it. A comment beside the entries is whoever's wrote it.
    scratch.write("active.json", whole.replacen('{', "{\n  \"_comment\": \"by hand\",", 1));
    scratch.commit("Put it back");
    scratch.push();
    stage_where_missing(&scratch, "document:plan@1.1.0");
    scratch.json(&promote(&["document:plan@1.1.0"])).expect("moved");
    assert!(active(&scratch, "main").contains("by hand"));
}

fn stage_where_missing(scratch: &Scratch, name: &str) {
    let answer = scratch.json(&["stage", name, "--at", "HEAD"]);
    assert!(["moved", "nothing_to_do", "findings", "version_reused"].contains(&answer.reason()), "{}", answer.reason());
}

#[test]
fn a_branch_that_was_there_before_the_first_activation_is_not_believed() {
    let scratch = catalog(PROTOCOL);
    stage(&scratch, &["document:base@1.0.0"]);
    scratch.git(&["push", "--quiet", "origin", "HEAD:refs/heads/tagwarden/active"]);
    let refused = scratch.refused(&promote(&["document:base@1.0.0"]), "half_state");
    assert!(refused["message"].as_str().unwrap().contains("no entry of the ledger wrote it"), "{refused}");
}

#[test]
fn channels_share_no_branch_of_pointer_files() {
    let scratch = catalog(PROTOCOL);
    for (pointer, reason) in [
        ("{ file: \"active/{channel}.json\", shape: grouped, branch: tagwarden/active }", "bad_config"),
        ("{ file: active.json, shape: grouped, branch: refs/heads/active, channel: production }", "bad_config"),
        ("{ file: active.json, shape: grouped, branch: tagwarden/ledger, channel: production }", "bad_config"),
    ] {
        let written = format!("pointer: {pointer}\n");
        let (before, _) = PROTOCOL.split_once("pointer:").unwrap();
        scratch.write("gates/protocol.yaml", format!("{before}{written}"));
        scratch.refused(&["validate"], reason);
    }
}

/// An unsigned ledger can be rewritten by whoever may push: the commit that activates is compared with the entry that names it.
#[test]
fn audits_find_activations_that_made_something_else() {
    const PLAIN: &str = r#"version: 1
packages: { web: { release_tag: "v{version}" } }
release_branches: [main]
channels: { production: { tag: "channel/{channel}" } }
signing: { key: none }
kinds: { document: { path: "documents/{id}/{version}/package.yaml", id: /id, version: /version } }
pointer: { file: active.json, shape: grouped, branch: tagwarden/active, channel: production }
"#;
    let mut scratch = catalog(PLAIN);
    stage(&scratch, &["document:base@1.0.0"]);
    scratch.json(&promote(&["document:base@1.0.0"])).expect("moved");
    let ledger = scratch.git(&["ls-remote", "origin", "refs/heads/tagwarden/ledger"]);
    let ledger = ledger.split_whitespace().next().unwrap().to_owned();
    scratch.git(&["fetch", "-q", "origin", "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]);
    let (made, tag) = (scratch.remote_commit(ACTIVE).unwrap(), scratch.git(&["rev-parse", "refs/tags/channel/production"]));

    /// Writes an object from a file of this text; its id.
    fn object(scratch: &Scratch, kind: &str, text: &str) -> String {
        std::fs::write(scratch.path("object"), text).unwrap();
        scratch.git(&["hash-object", "-t", kind, "-w", "../object"])
    }
    /// An object with another first line.
    fn with_head(scratch: &Scratch, kind: &str, oid: &str, head: &str) -> String {
        let text = scratch.git(&["cat-file", kind, oid]) + "\n";
        object(scratch, kind, &format!("{head}\n{}", text.split_once('\n').unwrap().1))
    }
    /// The tree of a commit with these files changed.
    fn changed(scratch: &Scratch, commit: &str, files: &[(&str, String)]) -> String {
        scratch.git(&["read-tree", commit]);
        for (path, text) in files {
            let blob = object(scratch, "blob", text);
            scratch.git(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},{path}")]);
        }
        scratch.git(&["write-tree"])
    }

    let other = |now| format!("does not activate what the entry says: `document:base` is at {now} there, and `1.0.0` was activated");
    for (file, text, said) in [
        ("active.json", "{\n  \"document\": {\n    \"base\": \"1.0.0\"\n  }\n}\n", None),
        ("other.txt", "x", Some("changes other.txt, and not only active.json".to_owned())),
        ("active.json", "{\"document\": {\"base\": \"2.0.0\"}}", Some(other("`2.0.0`"))),
        ("active.json", "{\"document\": {}}", Some(other("nothing"))),
        ("active.json", "no", Some("has no pointer file active.json that can be read".to_owned())),
    ] {
        let tree = changed(&scratch, &made, &[(file, text.to_owned())]);
        let wrong = with_head(&scratch, "commit", &made, &format!("tree {tree}"));
        let moved = with_head(&scratch, "tag", &tag, &format!("object {wrong}"));
        let rewritten = ["entry.json", "state/channels/production.json"].map(|path| {
            let text = scratch.git(&["show", &format!("{ledger}:{path}")]);
            (path, text.replace(&made, &wrong).replace(&tag, &moved))
        });
        let tree = changed(&scratch, &ledger, &rewritten);
        let forged = with_head(&scratch, "commit", &ledger, &format!("tree {tree}"));
        for (to, name) in [(&forged, "refs/heads/tagwarden/ledger"), (&wrong, ACTIVE), (&moved, "refs/tags/channel/production")] {
            scratch.git(&["push", "-q", "--force", "origin", &format!("{to}:{name}")]);
        }
        // Somebody who never saw the ledger before.
        let home = scratch.path(&format!("home-{}", &forged[..8])).display().to_string();
        std::fs::create_dir(&home).unwrap();
        scratch.set("HOME", &home);
        let answer = scratch.json(&["audit", "--rejudge", "all"]);
        match said {
            None => drop(answer.expect("passed")),
            Some(said) => {
                let answer = answer.expect("findings");
                let message = finding(&answer, "ledger/other-activation")["message"].as_str().unwrap().to_owned();
                assert_eq!(message, format!("entry 2: {} {said}", &wrong[..10]));
            }
        }
    }
}

#[test]
fn the_kind_is_left_out_where_one_kind_has_the_id() {
    let scratch = catalog(PROTOCOL);
    scratch.json(&["stage", "base@1.0.0", "--at", "HEAD"]).expect("moved");
    scratch.json(&["stage", "plan@1.0.0", "--at", "HEAD"]).expect("moved");
    let planned = scratch.json(&[promote(&["base@1.0.0", "plan@1.0.0"]), vec!["--dry-run"]].concat()).expect("passed");
    assert_eq!(planned["activates"][0]["artifact"], "document:base");
    // A package of that name comes first, and what no kind has is unknown.
    scratch.json(&["stage", "nobody@1.0.0", "--at", "HEAD"]).expect("unknown_release");
    scratch.json(&promote(&["home@1.0.0"])).expect("unknown_release");

    scratch.write("pages/base-1.0.0.yaml", "text: hello\n");
    scratch.write("documents/web/1.0.0/package.yaml", "id: web\nversion: \"1.0.0\"\ninputs: []\n");
    scratch.commit("Add a page");
    scratch.push();
    assert_snapshot!(scratch.run(&["stage", "base@1.0.0", "--at", "HEAD"]).all(), @r"
    -- stderr
    error[bad_usage]: several kinds have an artifact `base`, so `base@1.0.0` could be any of them

    stop (bad_usage). Name its kind: document:base@1.0.0, page:base@1.0.0.
    -- exit 2
    ");
    scratch.json(&["stage", "page:base@1.0.0", "--at", "HEAD"]).expect("moved");
    let refused = scratch.json(&promote(&["base@1.0.0"])).expect("bad_usage");
    assert!(refused["help"].as_str().unwrap().contains("document:base@1.0.0, page:base@1.0.0"), "{refused}");
    let staged = scratch.json(&["stage", "web@1.0.0", "--at", "HEAD"]).expect("moved");
    assert_eq!(staged["releases"][0]["package"], "web", "{staged}");
    scratch.json(&promote(&["document:base@1.0.0"])).expect("moved");
}

pub fn retire<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let flags = names.iter().flat_map(|name| ["--retire", name]);
    ["promote"].into_iter().chain(flags).chain(["--channel", "production", "--reason", "not needed"]).collect()
}

#[test]
fn what_is_retired_leaves_the_pointer_file_and_comes_back_by_a_rollback() {
    let scratch = catalog(PROTOCOL);
    stage(&scratch, &["document:base@1.0.0", "document:plan@1.0.0", "page:home@1.0.0"]);
    scratch.refused(&retire(&["document:base"]), "bad_usage");
    scratch.json(&promote(&["document:base@1.0.0", "document:plan@1.0.0", "page:home@1.0.0"])).expect("moved");
    let before = scratch.everything();
    // What is left must be whole.
    let refused = scratch.refused(&retire(&["document:base"]), "findings");
    assert_eq!(findings(&refused)[0]["code"], "catalog/inactive-reference");
    scratch.refused(&retire(&["document:gone"]), "unknown_release");
    scratch.refused(&retire(&["base"]), "bad_usage");
    scratch.refused(&retire(&["document:plan", "document:plan"]), "bad_usage");
    scratch.refused(&[promote(&["document:plan@1.0.0"]), vec!["--retire", "document:plan"]].concat(), "bad_usage");
    scratch.refused(&["promote", "--retire", "document:plan", "--channel", "production"], "bad_usage");
    scratch.refused(&["promote", "--retire", "document:plan", "--channel", "staging", "--reason", "x"], "bad_usage");
    let planned = scratch.json(&[retire(&["document:plan"]), vec!["--dry-run"]].concat()).expect("passed");
    assert_eq!(planned["activates"], json!([{ "artifact": "document:plan", "from": "1.0.0", "to": null }]));
    scratch.unchanged_since(&before);

    let shown = scratch.run(&retire(&["document:plan", "document:base"]));
    assert_snapshot!(steady(&shown.ok()), @r"
    promote production: without document:plan@1.0.0, without document:base@1.0.0
      document:plan 1.0.0 -> none
      document:base 1.0.0 -> none
      refs/heads/tagwarden/active   [short] -> [short]  commit [short]
      refs/tags/channel/production  [short] -> [short]  commit [short]
      ledger entry 5 ([short]) on tagwarden/ledger

    gates before the move
      ✓   1  whole  It is whole  [time]

    done (moved). See it: `tagwarden status`.
    ");
    assert_snapshot!(active(&scratch, ACTIVE), @r#"
    {
      "document": {},
      "page": {
        "home": "1.0.0"
      }
    }
    "#);
    let tip = scratch.remote_commit(ACTIVE).unwrap();
    assert_snapshot!(scratch.git_in("origin.git", &["log", "-1", "--format=%B", &tip]), @r"
    release: Retire 2 artifacts

    document:plan 1.0.0 -> none
    document:base 1.0.0 -> none

    Activated-By: ssh:boss@example.com
    Reason: not needed
    Retires: document:plan@1.0.0
    Retires: document:base@1.0.0
    Tagwarden-Serial: 5
    ");
    assert_snapshot!(scratch.git_in("origin.git", &["tag", "-l", "--format=%(contents:subject)", "channel/production"]), @"production: without document:plan@1.0.0, without document:base@1.0.0 (promote)");
    scratch.json(&retire(&["document:plan", "document:base"])).expect("already_there");
    scratch.refused(&["promote", "--retire", "document:plan", "--channel", "production", "--reason", "again"], "unknown_release");
    let status = scratch.json(&["status"]).expect("passed");
    assert_eq!(status["channels"][1]["release"], "page:home@1.0.0");
    assert_eq!(status["releases"][0]["state"], "superseded");
    let history = scratch.run(&["history", "--channel", "production"]).ok();
    assert!(history.contains("promote production without document:plan@1.0.0 without document:base@1.0.0"), "{history}");
    scratch.json(&["audit", "--rejudge", "all"]).expect("passed");

    // What is promoted again beside something that leaves is one commit.
    scratch.json(&["rollback", "--channel", "production", "--reason", "still needed"]).expect("moved");
    assert_snapshot!(active(&scratch, ACTIVE), @r#"
    {
      "document": {
        "base": "1.0.0",
        "plan": "1.0.0"
      },
      "page": {
        "home": "1.0.0"
      }
    }
    "#);
    write(&scratch, "plan", "1.1.0", "");
    scratch.commit("Add plan 1.1.0");
    scratch.push();
    stage(&scratch, &["document:plan@1.1.0"]);
    let shown = scratch.run(&[promote(&["document:plan@1.1.0"]), vec!["--retire", "document:base"]].concat());
    assert_snapshot!(steady(&shown.ok()), @r"
    promote document:plan@1.1.0 to production, without document:base@1.0.0
      document:plan 1.0.0 -> 1.1.0
      document:base 1.0.0 -> none
      refs/heads/tagwarden/active   [short] -> [short]  commit [short]
      refs/tags/channel/production  [short] -> [short]  commit [short]
      ledger entry 8 ([short]) on tagwarden/ledger

    gates before the move
      ✓   1  whole  It is whole  [time]
    note: moved under the hold on channel production (automation only), set by ssh:boss@example.com in entry 6 (still needed)

    done (moved). See it: `tagwarden status`.
    ");
    assert_snapshot!(scratch.git_in("origin.git", &["log", "-1", "--format=%s", ACTIVE]), @"release: Activate 1, retire 1 artifacts");
    let audit = scratch.json(&["audit", "--rejudge", "all"]).expect("passed");
    assert_eq!(findings(&audit), Vec::<&serde_json::Value>::new());
}

#[test]
fn the_first_activation_is_rolled_back_to_where_the_artifact_was_not_active() {
    let mut scratch = catalog(PROTOCOL);
    write(&scratch, "other", "1.0.0", "");
    write(&scratch, "base", "2.0.0", "");
    scratch.write("active.json", "{\n  \"document\": {\n    \"base\": \"1.0.0\"\n  }\n}\n");
    scratch.commit("Activate by hand");
    scratch.push();
    stage(&scratch, &["document:other@1.0.0", "document:plan@1.0.0", "document:base@2.0.0"]);
    scratch.json(&promote(&["document:other@1.0.0"])).expect("moved");
    scratch.json(&promote(&["document:plan@1.0.0"])).expect("moved");
    let back = scratch.run(&["rollback", "--channel", "production", "--reason", "too early"]);
    assert_snapshot!(steady(&back.ok()), @r"
    rollback production: without document:plan@1.0.0
      document:plan 1.0.0 -> none
      refs/heads/tagwarden/active   [short] -> [short]  commit [short]
      refs/tags/channel/production  [short] -> [short]  commit [short]
      ledger entry 6 ([short]) on tagwarden/ledger

    gates before the move
      ✓   1  whole  It is whole  [time]

    done (moved). See it: `tagwarden status`.
    ");
    assert_snapshot!(active(&scratch, ACTIVE), @r#"
    {
      "document": {
        "base": "1.0.0",
        "other": "1.0.0"
      }
    }
    "#);
    assert_snapshot!(scratch.git_in("origin.git", &["log", "-1", "--format=%B", ACTIVE]), @r"
    rollback: Retire document:plan

    document:plan 1.0.0 -> none

    Rolled-Back-By: ssh:boss@example.com
    Reason: too early
    Retires: document:plan@1.0.0
    Tagwarden-Serial: 6
    ");
    // What was left is held, so nothing brings it back by itself.
    scratch.refused(&["rollback", "--channel", "production", "--reason", "back again"], "held");
    scratch.refused(&promote(&["document:plan@1.0.0"]), "held");

    // The file had another version before the ledger did: absence would not be what was.
    scratch.json(&promote(&["document:base@2.0.0"])).expect("moved");
    let refused = scratch.refused(&["rollback", "--channel", "production", "--reason", "worse"], "unknown_release");
    assert!(refused["message"].as_str().unwrap().contains("document:base was at `1.0.0` in active.json before entry"), "{refused}");
    scratch.json(&retire(&["document:base"])).expect("moved");
    scratch.at("2026-11-21T10:01:00Z");
    let audit = scratch.json(&["audit", "--rejudge", "all"]).expect("passed");
    assert_eq!(findings(&audit), Vec::<&serde_json::Value>::new());
}

#[test]
fn what_was_active_before_the_ledger_is_promoted_first_and_then_gone_back_to() {
    let scratch = catalog(PROTOCOL);
    write(&scratch, "base", "2.0.0", "");
    let in_use = "{ \"document\": { \"base\": \"1.0.0\" } }\n";
    scratch.write("active.json", in_use);
    scratch.commit("Activate by hand");
    scratch.push();
    stage(&scratch, &["document:base@1.0.0", "document:base@2.0.0"]);
    scratch.json(&promote(&["document:base@1.0.0"])).expect("moved");
    assert_eq!(active(&scratch, ACTIVE).trim_end(), in_use.trim_end());
    scratch.json(&promote(&["document:base@2.0.0"])).expect("moved");
    assert_eq!(active(&scratch, ACTIVE).trim_end(), in_use.replace("1.0.0", "2.0.0").trim_end());
    scratch.json(&["rollback", "--channel", "production", "--reason", "worse"]).expect("moved");
    assert_eq!(active(&scratch, ACTIVE).trim_end(), in_use.trim_end());
}

#[test]
fn what_only_the_file_knows_is_retired_as_well() {
    let scratch = catalog(PROTOCOL);
    write(&scratch, "old", "1.10.0", "");
    write(&scratch, "old", "one", "");
    scratch.write("active.json", "{\n  \"document\": {\n    \"old\": \"one\"\n  }\n}\n");
    scratch.commit("Activate by hand");
    scratch.push();
    stage(&scratch, &["document:base@1.0.0"]);
    scratch.json(&promote(&["document:base@1.0.0"])).expect("moved");
    scratch.json(&retire(&["document:old"])).expect("moved");
    assert_eq!(active(&scratch, ACTIVE), "{\n  \"document\": {\n    \"base\": \"1.0.0\"\n  }\n}");
    scratch.refused(&["rollback", "--channel", "production", "--reason", "back"], "unknown_release");
    scratch.json(&["audit", "--rejudge", "all"]).expect("passed");
}
