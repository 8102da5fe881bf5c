//! What `init --preset` and `catalog rail new` write: catalogs that are right from the start, and what becomes of them.

use crate::common::{Scratch, finding, findings, show::steady};
use insta::assert_snapshot;
use serde_json::json;

fn preset(name: &str) -> Scratch {
    let scratch = Scratch::new();
    scratch.run(&["init", "--preset", name]).ok();
    scratch.git(&["add", "--all"]);
    scratch
}

#[test]
fn every_preset_writes_a_catalog_that_is_right() {
    let scratch = Scratch::new();
    assert_snapshot!(steady(&scratch.run(&["init", "--preset", "grouped"]).all()), @r"
      wrote  gates/protocol.yaml                    kinds of artifacts, the pointer file, channels
      wrote  gates/10-docs.yaml                     the gate on the protocol document
      wrote  gates/20-catalog.yaml                  the gate on the catalog
      wrote  gates/rails/document/schema.json       what a document is
      wrote  gates/rails/document/lint.yaml         what a document says of others
      wrote  gates/rails/prompt/lint.yaml           what a prompt must not say
      wrote  protocol-docs/promotion.md             the protocol document
      wrote  documents/welcome/1.0.0/document.yaml  a document
      wrote  prompts/greeting/1.0.0/prompt.txt      the prompt that it names
      wrote  _active/active_releases.json           which versions are active at first
    signing: none

    done (passed). Read what was written, `git add --all`, `tagwarden validate`, commit and push, then `tagwarden policy adopt --reason start`.
    -- exit 0
    ");
    for (name, kinds, active) in [
        ("flat", json!([{ "kind": "document", "artifacts": 1 }, { "kind": "prompt", "artifacts": 1 }]), 2),
        ("grouped", json!([{ "kind": "document", "artifacts": 1 }, { "kind": "prompt", "artifacts": 1 }]), 2),
        ("rails", json!([{ "kind": "table", "artifacts": 1 }, { "kind": "page", "artifacts": 1 }]), 0),
    ] {
        let scratch = preset(name);
        let answer = scratch.json(&["validate"]).expect("passed");
        assert_eq!((&answer["kinds"], &answer["active"], findings(&answer).len()), (&kinds, &json!(active), 0), "{name}");
        let channel = if name == "rails" { "local_dev" } else { "production" };
        scratch.commit("Begin");
        scratch.json(&["verify", "--channel", channel]).expect("passed");
        scratch.json(&["init", "--preset", name]).expect("nothing_to_do");
    }
}

/// Whatever is taken out of a preset is missed, and so is each reference in it.
#[test]
fn presets_miss_what_is_taken_out() {
    for name in ["flat", "grouped", "rails"] {
        let scratch = preset(name);
        let listed = scratch.git(&["ls-files"]);
        let own = |path: &&str| !path.starts_with("gates/") && !path.starts_with("protocol-docs/");
        let artifacts: Vec<&str> = listed.lines().filter(own).collect();
        assert!(artifacts.len() > 1, "{listed}");
        for path in artifacts {
            let before = scratch.read(path);
            std::fs::remove_file(scratch.path("work").join(path)).unwrap();
            let answer = scratch.json(&["validate"]).expect("findings");
            assert!(!findings(&answer).is_empty(), "{name} {path}");
            scratch.write(path, before);
        }
        scratch.json(&["validate"]).expect("passed");
    }
    let scratch = preset("flat");
    scratch.edit("documents/welcome/1.0.0/document.yaml", "greeting@1.0.0", "greeting@1.0.1");
    finding(&scratch.json(&["validate"]).expect("findings"), "catalog/dangling-reference");
}

/// From nothing to an active version and back, with a pointer file of either shape.
#[test]
fn presets_with_a_pointer_file_are_promoted_and_rolled_back() {
    for (name, line) in [("flat", "  \"welcome\": \"1.1.0\"\n"), ("grouped", "    \"welcome\": \"1.1.0\"\n")] {
        let scratch = preset(name);
        scratch.commit("Begin");
        scratch.push();
        scratch.json(&["policy", "adopt", "--reason", "start"]).expect("moved");
        let document = scratch.read("documents/welcome/1.0.0/document.yaml");
        scratch.write("documents/welcome/1.1.0/document.yaml", document.replace("1.0.0\"", "1.1.0\""));
        scratch.commit("Add welcome 1.1.0");
        scratch.push();
        for release in ["document:welcome@1.0.0", "document:welcome@1.1.0"] {
            scratch.json(&["stage", release, "--at", "HEAD"]).expect("moved");
        }
        scratch.json(&["promote", "document:welcome@1.0.0", "--channel", "production"]).expect("moved");
        let moved = scratch.json(&["promote", "document:welcome@1.1.0", "--channel", "production"]).expect("moved");
        assert_eq!(moved["activates"], json!([{ "artifact": "document:welcome", "from": "1.0.0", "to": "1.1.0" }]), "{name}");
        let active = || scratch.git_in("origin.git", &["show", "tagwarden/active:_active/active_releases.json"]) + "\n";
        assert!(active().contains(line) && active().contains("\"_comment\""), "{}", active());
        scratch.json(&["rollback", "--channel", "production", "--reason", "wrong"]).expect("moved");
        assert_eq!(active(), scratch.read("_active/active_releases.json"), "{name}");
        scratch.json(&["audit"]).expect("passed");
    }
}

#[test]
fn a_new_rail_is_written_once_and_can_be_used_at_once() {
    let scratch = preset("rails");
    assert_snapshot!(steady(&scratch.run(&["catalog", "rail", "new", "seat"]).all()), @r"
      wrote  gates/rails/seat/schema.json  what one artifact is
      wrote  gates/rails/seat/lint.yaml    what a schema cannot say

    done (passed). Fill it in, name it in gates/protocol.yaml (`kinds: { KIND: { path: PATH, rail: seat } }`), then `tagwarden validate`.
    -- exit 0
    ");
    scratch.json(&["validate"]).expect("passed");
    scratch.edit("products/seats/chair.md", "rail: product", "rail: seat");
    scratch.json(&["validate"]).expect("passed");
    scratch.json(&["catalog", "rail", "new", "seat"]).expect("nothing_to_do");
    // The template checks something, and nothing of somebody's is written over.
    scratch.edit("products/seats/chair.md", "# Chair", "<<<<<<< HEAD\n# Chair");
    assert_eq!(finding(&scratch.json(&["validate"]).expect("findings"), "catalog/forbidden-text")["line"], 7);
    scratch.write("gates/rails/seat/schema.json", "{}\n");
    std::fs::remove_file(scratch.path("work/gates/rails/seat/lint.yaml")).unwrap();
    let refused = scratch.json(&["catalog", "rail", "new", "seat"]).expect("bad_usage");
    assert_eq!(findings(&refused)[0]["code"], "init/in-the-way");
    assert_eq!(scratch.read("gates/rails/seat/schema.json"), "{}\n");
    assert!(!scratch.path("work/gates/rails/seat/lint.yaml").exists());
    for name in ["none", "../x", "a/b", "", ".git", "a b", "é"] {
        scratch.json(&["catalog", "rail", "new", name]).expect("bad_usage");
    }
    assert!(!scratch.path("work/gates/rails/none").exists());
}

#[test]
fn presets_stand_alone() {
    let scratch = Scratch::new();
    for args in [&["--minimal"][..], &["--github"], &["--rulesets"], &["--signing-key", "env:KEY"]] {
        scratch.json(&[&["init", "--preset", "flat"], args].concat()).expect("bad_usage");
    }
    scratch.json(&["init", "--preset", "round"]).expect("bad_usage");
    scratch.write("_active/active_releases.json", "{}\n");
    scratch.json(&["init", "--preset", "flat"]).expect("bad_usage");
    assert!(!scratch.path("work/gates").exists());
}
