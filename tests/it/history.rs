//! `history` of everything that people record: what each entry is about, for people and for scripts.

use crate::common::{Scratch, show::steady};
use insta::assert_snapshot;
use serde_json::{Value, json};

const PROTOCOL: &str = r#"version: 1
packages:
  web: { release_tag: "v{version}" }
release_branches: [main]
channels:
  staging: { tag: "channel/{channel}" }
signing: { key: "env:TAGWARDEN_SIGNING_KEY" }
roles:
  promoters:
    who: ["ssh:ann@example.com"]
    may: [stage, promote, rollback, hold, unhold]
  reviewers:
    who: ["ssh:ben@example.com"]
    may: [verdict, ack, waive]
"#;

/// Two people and gates of every sort that people answer, with one gate after the move; adopted by Ann, who signs.
fn signed() -> Scratch {
    let mut scratch = Scratch::new();
    for name in ["ann", "ben"] {
        scratch.key(name);
    }
    scratch.write("gates/protocol.yaml", PROTOCOL);
    scratch.write("gates/allowed_signers", scratch.allowed_signers(&["ann", "ben"]));
    scratch.write("gates/10-reviewed.yaml", "title: A reviewer says SAFE\nverdict:\n  reviewers: [\"ssh:ben@example.com\"]\n");
    scratch.write("gates/20-migrated.yaml", "title: The migration was run\nack:\n  step: Run the migration.\n");
    scratch.write("gates/30-broken.yaml", "title: The old endpoint answers\nwaivable: true\ncommand:\n  - shell: exit 1\n");
    scratch.write("gates/40-smoke.yaml", "title: It answers\nwhen: after\nverbs: [promote, rollback]\ncommand:\n  - shell: exit 1\n");
    scratch.commit("Add the protocol");
    scratch.push();
    scratch.sign_as("ann");
    scratch.json(&["policy", "adopt", "--reason", "start"]).expect("moved");
    scratch
}

/// One release through everything that its gates ask of people.
fn release(scratch: &mut Scratch, version: &str) {
    scratch.commit_and_push(version);
    scratch.sign_as("ann");
    scratch.json(&["stage", version, "--at", "HEAD"]).expect("moved");
    scratch.sign_as("ben");
    scratch.json(&["verdict", "record", "SAFE", "--release", version, "--reason", "read all of it"]).expect("moved");
    scratch.json(&["ack", "migrated", "--channel", "staging", "--release", version]).expect("moved");
    scratch.json(&["waive", "broken", "--channel", "staging", "--release", version, "--until", "2h", "--reason", "known"]).expect("moved");
    scratch.sign_as("ann");
    scratch.json(&["promote", version, "--channel", "staging"]).expect("moved_but_unhealthy");
}

#[test]
fn every_entry_says_what_it_is_about() {
    let mut scratch = signed();
    release(&mut scratch, "v1.0.0");
    release(&mut scratch, "v1.1.0");
    scratch.json(&["rollback", "--channel", "staging", "--reason", "slow"]).expect("moved_but_unhealthy");
    scratch.json(&["unhold", "--release", "v1.1.0", "--reason", "mended"]).expect("moved");
    scratch.json(&["hold", "--all", "--reason", "fire"]).expect("moved");
    scratch.json(&["unhold", "--all", "--reason", "out"]).expect("moved");

    assert_snapshot!(steady(&scratch.run(&["history"]).all()), @r"
      17  unhold  2026-11-21T10:00Z by ssh:ann@example.com ([short])
          everything
          lifts the hold of entry 16
          out
      16  hold  2026-11-21T10:00Z by ssh:ann@example.com ([short])
          everything
          fire
      15  unhold  2026-11-21T10:00Z by ssh:ann@example.com ([short])
          release web@1.1.0
          lifts the hold of entry 13
          mended
      14  after staging web@1.0.0  2026-11-21T10:00Z by ssh:ann@example.com ([short])
          found after the move of entry 13
          gate smoke: failed
      13  rollback staging web@1.0.0  2026-11-21T10:00Z by ssh:ann@example.com ([short])
          undoes entry 11
          holds release web@1.1.0
          holds channel staging for automation
          slow
          refs/tags/channel/staging [short] -> [short]
          after the move: gate smoke failed (entry 14)
      12  after staging web@1.1.0  2026-11-21T10:00Z by ssh:ann@example.com ([short])
          found after the move of entry 11
          gate smoke: failed
      11  promote staging web@1.1.0  2026-11-21T10:00Z by ssh:ann@example.com ([short])
          refs/tags/channel/staging [short] -> [short]
          gate broken: failed, waived by entry 10
          after the move: gate smoke failed (entry 12)
      10  waive staging  2026-11-21T10:00Z by ssh:ben@example.com ([short])
          gate broken until 2026-11-21T12:00Z for web@1.1.0 at commit [short]
          known
       9  ack staging  2026-11-21T10:00Z by ssh:ben@example.com ([short])
          gate migrated for web@1.1.0 at commit [short]
       8  verdict  2026-11-21T10:00Z by ssh:ben@example.com ([short])
          SAFE for web@1.1.0 at commit [short]
          read all of it
       7  stage web@1.1.0  2026-11-21T10:00Z by ssh:ann@example.com ([short])
          at commit [short]
          refs/tags/v1.1.0 none -> [short]
       6  after staging web@1.0.0  2026-11-21T10:00Z by ssh:ann@example.com ([short])
          found after the move of entry 5
          gate smoke: failed
       5  promote staging web@1.0.0  2026-11-21T10:00Z by ssh:ann@example.com ([short])
          refs/tags/channel/staging none -> [short]
          gate broken: failed, waived by entry 4
          after the move: gate smoke failed (entry 6)
       4  waive staging  2026-11-21T10:00Z by ssh:ben@example.com ([short])
          gate broken until 2026-11-21T12:00Z for web@1.0.0 at commit [short]
          known
       3  ack staging  2026-11-21T10:00Z by ssh:ben@example.com ([short])
          gate migrated for web@1.0.0 at commit [short]
       2  verdict  2026-11-21T10:00Z by ssh:ben@example.com ([short])
          SAFE for web@1.0.0 at commit [short]
          read all of it
       1  stage web@1.0.0  2026-11-21T10:00Z by ssh:ann@example.com ([short])
          at commit [short]
          refs/tags/v1.0.0 none -> [short]
       0  adopt  2026-11-21T10:00Z by ssh:ann@example.com ([short])
          start

    done (passed). Nothing is wrong.
    -- exit 0
    ");

    let of_channel = scratch.json(&["history", "--channel", "staging"]).expect("passed");
    let serials: Vec<&Value> = of_channel["entries"].as_array().unwrap().iter().map(|entry| &entry["serial"]).collect();
    assert_eq!(serials, [14, 13, 12, 11, 10, 9, 6, 5, 4, 3]);
    let history = scratch.json(&["history"]).expect("passed");
    let about: Vec<&Value> = history["entries"].as_array().unwrap().iter().map(|entry| &entry["about"]).collect();
    let commit = |release: &str| scratch.git(&["rev-parse", &format!("{release}^{{commit}}")]);
    let (first, second) = (commit("HEAD~1"), commit("HEAD"));
    let release = "web@1.1.0";
    assert_eq!(about[0], &json!({ "scope": "all", "entries": [16] }));
    assert_eq!(about[2], &json!({ "scope": "release", "release": release, "entries": [13] }));
    let held = json!([{ "scope": "release", "of": release }, { "scope": "channel", "of": "staging" }]);
    assert_eq!(about[4], &json!({ "commit": first, "release": "web@1.0.0", "holds": held, "entries": [11] }));
    assert_eq!(about[7], &json!({ "gate": "broken", "commit": second, "release": release, "until": about[7]["until"] }));
    assert!(about[7]["until"].as_str().unwrap().starts_with("2026-11-21T12:00:"), "{}", about[7]);
    assert_eq!(about[8], &json!({ "gate": "migrated", "commit": second, "release": release }));
    assert_eq!(about[9], &json!({ "verdict": "SAFE", "commit": second, "release": release }));
    assert_eq!(about[3], &json!({ "commit": first, "release": "web@1.0.0", "entries": [13] }));
    let moved = &history["entries"][6];
    assert_eq!((&moved["after_gates"], &moved["after_reason"]), (&json!(["smoke"]), &Value::Null));
    let (after, entry) = (&moved["after"], &history["entries"][5]["entry"]);
    assert_eq!((&after["serial"], &after["entry"], &after["gates"][0]["outcome"]), (&json!(12), entry, &json!("failed")));
    assert_eq!(history["entries"][7]["after_reason"], Value::Null);
    let audit = scratch.json(&["audit", "--rejudge=all"]).expect("passed");
    let smoke: Vec<&Value> = audit["rejudged"].as_array().unwrap().iter().filter(|again| again["gate"] == "smoke").collect();
    assert_eq!((smoke.len(), &smoke[0]["verdict"], &smoke[0]["recorded"]), (3, &json!("same"), &json!("gate_failed")));
    let said = "entry 14 records that the gates after the move of entry 13 did not all pass";
    let status = scratch.run(&["status"]).ok();
    assert!(status.contains(said) && status.contains("done (passed). Read the warnings."), "{status}");
    assert!(scratch.run(&["promote", "v1.0.0", "--channel", "staging"]).all().contains(said));
}

#[test]
fn a_dry_run_speaks_of_new_tags_and_a_stage_of_what_is_there_says_so() {
    let scratch = Scratch::minimal();
    assert_snapshot!(steady(&scratch.run(&["promote", "v1.0.0", "--channel", "local_dev", "--dry-run"]).all()), @r"
    promote app@1.0.0 to local_dev (dry run)
      refs/tags/v1.0.0             none -> new tag  commit [short]
      refs/tags/channel/local_dev  none -> new tag  commit [short]
      nothing is written in a dry run
    note: a dry run judges no gate; these would decide: 1 docs
    note: app@1.0.0 is new, at [oid]
    signing: none

    continue (passed). Run it again without `--dry-run`.
    -- exit 0
    ");
    scratch.run(&["stage", "v1.0.0", "--at", "HEAD"]).ok();
    assert_snapshot!(steady(&scratch.run(&["stage", "v1.0.0", "--at", "HEAD"]).all()), @r"
    stage app@1.0.0 at commit [short]: there already
      ledger entry 1 ([short]) on tagwarden/ledger
    note: entry 1 (stage) gave app@1.0.0 its tag at 2026-11-21T10:00Z
    signing: none

    done (nothing_to_do). Nothing to do.
    -- exit 0
    ");
    let again = scratch.json(&["stage", "v1.0.0", "--at", "HEAD"]).expect("nothing_to_do");
    assert_eq!((&again["moves"], &again["serial"]), (&json!([]), &json!(1)));
}
