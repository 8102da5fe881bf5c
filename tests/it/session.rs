//! Whole sessions as a user has them: run, read, run again. The first with the smallest protocol and no keys, word by word;
//! the second signed, with several people and channels, where git itself is asked about every signature.

use crate::common::{Scratch, finding, show::steady};
use insta::assert_snapshot;
use serde_json::Value;

/// One command of a session and what it said.
#[track_caller]
fn tell(scratch: &Scratch, args: &[&str]) -> String {
    steady(&scratch.run(args).all())
}

#[test]
fn the_smallest_protocol_from_nothing() {
    let mut scratch = Scratch::new();

    assert_snapshot!(tell(&scratch, &["init", "--minimal"]), @r"
      wrote  gates/protocol.yaml         packages, channels, ledger
      wrote  gates/10-docs.yaml          the gate on the protocol document
      wrote  protocol-docs/promotion.md  the protocol document
    signing: none

    done (passed). Commit and push these files, then `tagwarden policy adopt --reason start`.
    -- exit 0
    ");
    scratch.commit("Add the protocol");
    scratch.push();
    assert_snapshot!(tell(&scratch, &["policy", "adopt", "--reason", "start"]), @r"
    policy 1 ([short])
      ledger entry 0 ([short]) on tagwarden/ledger
      entry 0           [oid]
      channels          local_dev
      release branches  main

    gates
       1  docs  docs  before promote  on every channel
    note: entry 0 is [oid]; this machine keeps it
    note: wherever else releases are made, CI among them, set TAGWARDEN_GENESIS=[oid], as a variable of that place's own settings and not in a file of this repository
    signing: none

    done (moved). Verify under it: `tagwarden verify --adopted --channel CHANNEL`.
    -- exit 0
    ");
    assert_snapshot!(tell(&scratch, &["verify", "--channel", "local_dev"]), @r"
    verify the work tree (draft) for local_dev by its own gates
      ✓   1  docs  The protocol document holds  [time]

    gate 1, docs: passed
    note[docs/unchecked]: protocol-docs/promotion.md: 4 references are not checked: a program outside of the tree
    note: judged the work tree as a draft; a promotion judges a commit
    signing: none

    continue (passed). Promote: `tagwarden promote RELEASE --channel local_dev`.
    -- exit 0
    ");

    let first = scratch.git(&["rev-parse", "HEAD"]);
    assert_snapshot!(tell(&scratch, &["promote", "v1.0.0", "--channel", "local_dev"]), @r"
    promote app@1.0.0 to local_dev
      refs/tags/v1.0.0             none -> [short]  commit [short]
      refs/tags/channel/local_dev  none -> [short]  commit [short]
      ledger entry 1 ([short]) on tagwarden/ledger

    gates before the move
      ✓   1  docs  The protocol document holds  [time]

    gate 1, docs: passed
    note[docs/unchecked]: protocol-docs/promotion.md: 4 references are not checked: a program outside of the tree
    note: app@1.0.0 is new, at [oid]
    signing: none

    done (moved). See it: `tagwarden status`.
    -- exit 0
    ");
    let refs = scratch.remote_refs();
    assert_eq!(
        refs.keys().collect::<Vec<_>>(),
        ["refs/heads/main", "refs/heads/tagwarden/ledger", "refs/tags/channel/local_dev", "refs/tags/v1.0.0"]
    );
    for tag in ["refs/tags/channel/local_dev", "refs/tags/v1.0.0"] {
        assert_eq!(scratch.remote_commit(tag).as_ref(), Some(&first), "{tag}");
        assert_eq!(scratch.git_in("origin.git", &["cat-file", "-t", tag]), "tag", "{tag} is annotated");
    }

    let before = scratch.everything();
    assert_snapshot!(tell(&scratch, &["promote", "v1.0.0", "--channel", "local_dev"]), @r"
    promote app@1.0.0 to local_dev
      ledger entry 1 ([short]) on tagwarden/ledger
    note: entry 1 put app@1.0.0 there at 2026-11-21T10:00Z
    signing: none

    done (already_there). Nothing to do.
    -- exit 0
    ");
    scratch.unchanged_since(&before);

    let second = scratch.commit_and_push("second");
    scratch.at("2026-11-22T10:00:00Z");
    assert_snapshot!(tell(&scratch, &["promote", "v1.1.0", "--channel", "local_dev", "--reason", "more"]), @r"
    promote app@1.1.0 to local_dev
      refs/tags/v1.1.0             none -> [short]        commit [short]
      refs/tags/channel/local_dev  [short] -> [short]  commit [short]
      ledger entry 2 ([short]) on tagwarden/ledger

    gates before the move
      ✓   1  docs  The protocol document holds  [time]

    gate 1, docs: passed
    note[docs/unchecked]: protocol-docs/promotion.md: 4 references are not checked: a program outside of the tree
    note: app@1.1.0 is new, at [oid]
    signing: none

    done (moved). See it: `tagwarden status`.
    -- exit 0
    ");
    assert_eq!(scratch.remote_commit("refs/tags/channel/local_dev"), Some(second));
    assert_eq!(scratch.remote_refs()["refs/tags/v1.0.0"], refs["refs/tags/v1.0.0"], "a release tag never moves");

    assert_snapshot!(tell(&scratch, &["status"]), @r"
      ledger entry 2 ([short]) on tagwarden/ledger
      policy 1 ([short])

      local_dev  app@1.1.0  [short]  since 2026-11-22T10:00Z  entry 2

    releases
      app@1.0.0  [short]  superseded
      app@1.1.0  [short]  released    local_dev
    signing: none

    done (passed). Nothing is wrong.
    -- exit 0
    ");
    assert_snapshot!(tell(&scratch, &["history"]), @r"
       2  promote local_dev app@1.1.0  2026-11-22T10:00Z by local:test@example.com ([short])
          more
          refs/tags/v1.1.0 none -> [short]
          refs/tags/channel/local_dev [short] -> [short]
       1  promote local_dev app@1.0.0  2026-11-21T10:00Z by local:test@example.com ([short])
          refs/tags/v1.0.0 none -> [short]
          refs/tags/channel/local_dev none -> [short]
       0  adopt  2026-11-21T10:00Z by local:test@example.com ([short])
          start
    signing: none

    done (passed). Nothing is wrong.
    -- exit 0
    ");
    assert_snapshot!(tell(&scratch, &["resolve", "local_dev"]), @r"
    local_dev is at app@1.1.0
      commit  [oid]
      tag     refs/tags/channel/local_dev ([oid])
      since   2026-11-22T10:00Z by entry 2
    signing: none

    done (passed). Nothing is wrong.
    -- exit 0
    ");

    scratch.at("2026-11-22T11:00:00Z");
    assert_snapshot!(tell(&scratch, &["rollback", "--channel", "local_dev", "--reason", "it is slow"]), @r"
    rollback local_dev to app@1.0.0
      refs/tags/channel/local_dev  [short] -> [short]  commit [short]
      ledger entry 3 ([short]) on tagwarden/ledger
    note: no gate decides a rollback on local_dev
    signing: none

    done (moved). See it: `tagwarden status`.
    -- exit 0
    ");
    assert_eq!(scratch.remote_commit("refs/tags/channel/local_dev").as_ref(), Some(&first));

    let before = scratch.everything();
    assert_snapshot!(tell(&scratch, &["promote", "v1.1.0", "--channel", "local_dev"]), @r"
    -- stderr
    error[held]: the hold on release app@1.1.0, set by local:test@example.com in entry 3 (it is slow) forbids to promote on local_dev
    signing: none

    stop (held). When the reason is gone: `tagwarden unhold --release app@1.1.0 --reason REASON`
    -- exit 4
    ");
    scratch.unchanged_since(&before);

    assert_snapshot!(tell(&scratch, &["unhold", "--release", "v1.1.0", "--reason", "mended"]), @r"
    unhold release app@1.1.0
      ledger entry 4 ([short]) on tagwarden/ledger
    signing: none

    done (moved). It is recorded, and no tag moved. See it: `tagwarden history`.
    -- exit 0
    ");
    assert_snapshot!(tell(&scratch, &["audit"]), @r"
    ledger head [short]: 5 entries verified, 0 of them signed
      first entry [oid]
    note: without --expect-head a ledger whose newest entries were cut off looks whole
    signing: none

    done (passed). The ledger verifies.
    -- exit 0
    ");

    // Somebody moves the tag by hand.
    let there = scratch.remote_refs()["refs/tags/channel/local_dev"].clone();
    scratch.git(&["push", "--quiet", "--force", "origin", "HEAD:refs/tags/channel/local_dev"]);
    assert_snapshot!(tell(&scratch, &["status"]), @r"
      ledger entry 4 ([short]) on tagwarden/ledger
      policy 1 ([short])

      local_dev  app@1.0.0  [short]  since 2026-11-22T11:00Z  entry 3  held: it is slow  drift

    releases
      app@1.0.0  [short]  released    local_dev
      app@1.1.0  [short]  superseded

    holds
      channel local_dev  for automation  it is slow  by local:test@example.com  entry 3

    error[status/tag-moved]: refs/tags/channel/local_dev holds [short] on the remote, the ledger says [short]
      help: `tagwarden doctor --fix` puts it back
    signing: none

    stop (findings). `tagwarden doctor` explains the drift, `tagwarden doctor --fix` puts tags back where the ledger says.
    -- exit 1
    ");
    let before = scratch.everything();
    assert_snapshot!(tell(&scratch, &["promote", "v1.1.0", "--channel", "local_dev"]), @r"
    -- stderr
    error[half_state]: refs/tags/channel/local_dev holds [short] on the remote, but the ledger says [short]
    signing: none

    stop (half_state). `tagwarden doctor` shows it, `tagwarden doctor --fix` mends it.
    -- exit 4
    ");
    scratch.unchanged_since(&before);
    let audit = scratch.json(&["audit"]).expect("findings");
    finding(&audit, "status/tag-moved");
    assert_snapshot!(tell(&scratch, &["doctor", "--fix"]), @r"
      ✓  repository   git answers, whole clone
      ✓  gates/       1 gates, 1 channels
      ✓  remote       origin answers
      ✓  ledger       5 entries verify, head [short]
      ✓  pin          entry 0 is the pinned one
      –  signer       signing: none, so entries prove nothing about who wrote them
      ✓  policy       the committed gates/ are in force (version 1)
      ✓  atomic push  the server offers it
      ✓  tags         refs/tags/channel/local_dev is where the ledger says again    mended
      ✓  tags         every tag is where the ledger says
    signing: none

    done (passed). Nothing stands in the way.
    -- exit 0
    ");
    assert_eq!(scratch.remote_refs()["refs/tags/channel/local_dev"], there, "the very object that the ledger recorded");
    scratch.json(&["status"]).expect("passed");
    scratch.json(&["promote", "v1.1.0", "--channel", "local_dev"]).expect("moved");
}

/// `signing: none` stands in every report of a protocol without keys, for people and for scripts.
#[test]
fn every_report_says_that_nothing_is_signed() {
    let scratch = Scratch::new();
    scratch.run(&["init", "--minimal"]).ok();
    scratch.commit_and_push("Add the protocol");
    scratch.json(&["policy", "adopt", "--reason", "start"]).expect("moved");
    let both = |args: &[&str], good: bool| {
        // Acts first, then says the same again: what is said must not hang on whether something was done.
        for format in ["human", "json"] {
            let output = scratch.run(&[args, &["--format", format]].concat());
            let says = match format {
                "human" => format!("{}{}", output.stdout, output.stderr).lines().any(|line| line == "signing: none"),
                _ => serde_json::from_str::<Value>(&output.stdout).is_ok_and(|value| value["signing"] == "none"),
            };
            assert!(says, "{args:?}: {output}");
            assert_eq!(output.code == 0, good, "{args:?}: {output}");
        }
    };
    both(&["init", "--minimal"], true);
    both(&["policy", "show"], true);
    both(&["policy", "adopt", "--reason", "again"], true);
    both(&["verify", "--channel", "local_dev"], true);
    both(&["verify", "--channel", "local_dev", "--at", "HEAD"], true);
    both(&["verify", "--channel", "local_dev", "--adopted"], true);
    both(&["verify", "--channel", "local_dev", "--gate", "docs"], true);
    both(&["stage", "v1.0.0", "--at", "HEAD"], true);
    both(&["promote", "v1.0.0", "--channel", "local_dev", "--dry-run"], true);
    both(&["promote", "v1.0.0", "--channel", "local_dev"], true);
    both(&["hold", "--channel", "local_dev", "--reason", "wait"], true);
    both(&["status"], true);
    both(&["resolve", "local_dev"], true);
    both(&["history"], true);
    both(&["audit"], true);
    both(&["doctor"], true);
    both(&["verdict", "record", "SAFE", "--at", "HEAD"], true);
    // Refusals are reports too.
    both(&["promote", "v2.0.0", "--channel", "local_dev"], false);
    both(&["promote", "v1.0.0", "--channel", "nowhere"], false);
    both(&["resolve", "nowhere"], false);
    both(&["stage", "v3.0.0", "--at", "nothing"], false);
}

const PROTOCOL: &str = r#"version: 1
packages:
  web: { release_tag: "v{version}" }
release_branches: [main]
channels:
  staging: { tag: "channel/{channel}" }
  production: { tag: "channel/{channel}", after: staging }
signing: { key: "env:TAGWARDEN_SIGNING_KEY", threshold: 2 }
roles:
  promoters:
    who: ["ssh:ann@example.com", "ssh:robot@example.com"]
    may: [stage, promote, rollback, hold, unhold]
  reviewers:
    who: ["ssh:ben@example.com"]
    may: [verdict, ack, waive]
  both:
    who: ["ssh:dan@example.com"]
    may: [waive, promote]
automation: ["ssh:robot@example.com"]
"#;

const REVIEWED: &str = "title: A reviewer says SAFE\nverdict:\n  reviewers: [\"ssh:ben@example.com\"]\n";
const MIGRATED: &str = "title: The migration was run\nchannels: [production]\nack:\n  step: Run the migration.\n";
const BROKEN: &str = "title: The old endpoint still answers\nchannels: [production]\nwaivable: true\ncommand:\n  - shell: exit 1\n";

/// A signed protocol of five people, adopted by Ann, with v1.0.0 at HEAD. Eve is nobody.
fn signed() -> Scratch {
    let mut scratch = Scratch::new();
    for name in ["ann", "ben", "dan", "robot", "eve"] {
        scratch.key(name);
    }
    scratch.write("gates/protocol.yaml", PROTOCOL);
    scratch.write("gates/allowed_signers", scratch.allowed_signers(&["ann", "ben", "dan", "robot"]));
    scratch.write("gates/10-reviewed.yaml", REVIEWED);
    scratch.write("gates/20-migrated.yaml", MIGRATED);
    scratch.write("gates/30-broken.yaml", BROKEN);
    scratch.commit("Add the protocol");
    scratch.push();
    scratch.sign_as("ann");
    scratch.json(&["policy", "adopt", "--reason", "start"]).expect("moved");
    scratch
}

#[test]
fn several_people_with_keys() {
    let mut scratch = signed();
    let commit = scratch.git(&["rev-parse", "HEAD"]);
    let genesis = scratch.remote_refs()["refs/heads/tagwarden/ledger"].clone();
    scratch.set("TAGWARDEN_GENESIS", &genesis);

    // A release comes into being on its own.
    let staged = scratch.json(&["stage", "web@1.0.0", "--at", "HEAD"]).expect("moved");
    assert_eq!(
        (&staged["action"], &staged["signing"], &staged["actor"]["id"]),
        (&"stage".into(), &"ssh".into(), &"ssh:ann@example.com".into())
    );
    assert_eq!(scratch.remote_commit("refs/tags/v1.0.0").as_ref(), Some(&commit));

    // Without a verdict nothing moves, and nobody judges their own move.
    let answer = scratch.refused(&["promote", "v1.0.0", "--channel", "staging"], "gate_failed");
    assert_eq!(answer["run"]["gates"][0]["id"], "reviewed");
    scratch.refused(&["verdict", "record", "SAFE", "--release", "v1.0.0"], "not_permitted");
    scratch.sign_as("ben");
    scratch.json(&["verdict", "record", "SAFE", "--release", "v1.0.0", "--reason", "read all of it"]).expect("moved");

    // Ben may review, but not promote; Eve may nothing.
    scratch.refused(&["promote", "v1.0.0", "--channel", "staging"], "not_permitted");
    scratch.sign_as("eve");
    scratch.refused(&["promote", "v1.0.0", "--channel", "staging"], "not_permitted");
    scratch.sign_as("ann");
    scratch.refused(&["promote", "v1.0.0", "--channel", "production"], "not_after");
    scratch.json(&["promote", "v1.0.0", "--channel", "staging"]).expect("moved");

    // Production wants the migration acknowledged, and the broken gate waived by somebody else.
    let promote = ["promote", "v1.0.0", "--channel", "production", "--reason", "first"];
    let answer = scratch.refused(&promote, "gate_failed");
    finding(&answer, "ack/absent");
    scratch.refused(&["ack", "migrated", "--channel", "production", "--release", "v1.0.0"], "not_permitted");
    scratch.sign_as("ben");
    scratch.json(&["ack", "migrated", "--channel", "production", "--release", "v1.0.0"]).expect("moved");
    scratch.sign_as("ann");
    let answer = scratch.refused(&promote, "gate_failed");
    finding(&answer, "command/exit");
    let waive = ["waive", "broken", "--channel", "production", "--release", "v1.0.0", "--until", "2h", "--reason", "known"];
    scratch.refused(&waive, "not_permitted");
    scratch.sign_as("ben");
    scratch.refused(
        &["waive", "reviewed", "--channel", "production", "--release", "v1.0.0", "--until", "2h", "--reason", "x"],
        "not_permitted",
    );
    // A waiver counts for somebody else's move only, and only for its time.
    scratch.sign_as("dan");
    scratch.json(&waive).expect("moved");
    let answer = scratch.refused(&promote, "gate_failed");
    finding(&answer, "command/exit");
    scratch.sign_as("ben");
    scratch.json(&waive).expect("moved");
    scratch.at("2026-11-21T12:30:00Z").sign_as("ann");
    scratch.refused(&promote, "gate_failed");
    scratch.at("2026-11-21T11:00:00Z");
    let moved = scratch.json(&promote).expect("moved");
    let gates = moved["run"]["gates"].as_array().unwrap();
    let outcomes: Vec<_> = gates.iter().map(|gate| (gate["id"].as_str().unwrap(), gate["outcome"].as_str().unwrap())).collect();
    assert_eq!(outcomes, [("reviewed", "passed"), ("migrated", "passed"), ("broken", "failed")]);
    assert_eq!(gates[2]["waiver"]["by"], "ssh:ben@example.com");
    assert_eq!(scratch.remote_commit("refs/tags/channel/production"), Some(commit));

    // A hold stops everybody; only people lift it.
    scratch.json(&["hold", "--all", "--reason", "fire"]).expect("moved");
    let second = scratch.commit_and_push("second");
    scratch.refused(&["promote", "v1.1.0", "--channel", "staging"], "held");
    scratch.sign_as("robot");
    scratch.refused(&["unhold", "--all", "--reason", "bored"], "not_permitted");
    scratch.sign_as("ann");
    scratch.json(&["unhold", "--all", "--reason", "out"]).expect("moved");
    scratch.refused(&["unhold", "--all", "--reason", "again"], "bad_usage");

    // A rollback of the first promotion of all removes nothing that was not there.
    scratch.sign_as("ben");
    scratch.json(&["verdict", "record", "SAFE", "--at", &second]).expect("moved");
    scratch.sign_as("robot");
    scratch.json(&["promote", "v1.1.0", "--channel", "staging"]).expect("moved");
    scratch.sign_as("ann");
    scratch.json(&["rollback", "--channel", "staging", "--reason", "slow"]).expect("moved");
    scratch.sign_as("robot");
    scratch.refused(&["rollback", "v1.1.0", "--channel", "staging", "--reason", "no"], "not_permitted");
    scratch.refused(&["promote", "v1.1.0", "--channel", "staging"], "held");

    every_signature_is_good_by_git(&scratch);
    let audit = scratch.json(&["audit", "--rejudge", "all"]).expect("passed");
    assert_eq!((&audit["signing"], &audit["signed"]), (&"ssh".into(), &audit["entries"]));
    assert_eq!(audit["genesis"], genesis.as_str());
    assert!(audit["rejudged"].as_array().unwrap().iter().all(|gate| gate["verdict"] == "same"), "{audit:#}");
    scratch.set("TAGWARDEN_GENESIS", &"1".repeat(40));
    scratch.refused(&["status"], "not_pinned");
    scratch.set("XDG_STATE_HOME", &scratch.path("elsewhere").display().to_string());
    scratch.refused(&["status"], "ledger_broken");
}

/// The other oracle: git with OpenSSH looks at every entry and every tag, knowing nothing but who may sign.
fn every_signature_is_good_by_git(scratch: &Scratch) {
    let signers = scratch.path("signers");
    std::fs::write(&signers, scratch.allowed_signers(&["ann", "ben", "dan", "robot"])).unwrap();
    let config = format!("gpg.ssh.allowedSignersFile={}", signers.display());
    let git = |args: &[&str]| scratch.try_tool("origin.git", "git", &[&["-c", &config], args].concat());
    let entries = scratch.git_in("origin.git", &["rev-list", "refs/heads/tagwarden/ledger"]);
    let entries: Vec<&str> = entries.lines().collect();
    assert!(entries.len() > 10, "{entries:?}");
    let (good, said) = git(&[&["verify-commit"], entries.as_slice()].concat());
    assert!(good, "{said}");
    let tags: Vec<String> = scratch.remote_refs().into_keys().filter(|name| name.starts_with("refs/tags/")).collect();
    assert_eq!(tags.len(), 4, "{tags:?}");
    for tag in &tags {
        let (good, said) = git(&["verify-tag", tag]);
        assert!(good, "{tag}: {said}");
    }
    // The oracle can say no.
    std::fs::write(&signers, scratch.allowed_signers(&["eve"])).unwrap();
    assert!(!git(&["verify-commit", entries[0]]).0);
    assert!(!git(&["verify-tag", &tags[0]]).0);
}

/// A threshold of two: one signature adopts nothing, a second person's does; the same key twice is one.
#[test]
fn a_policy_change_needs_both_and_a_foreign_commit_changes_nothing() {
    let scratch = signed();
    scratch.edit("gates/10-reviewed.yaml", "A reviewer says SAFE", "A reviewer has read it");
    scratch.commit("Say it better");
    scratch.push();
    let show = scratch.json(&["policy", "show"]).expect("passed");
    assert_ne!(show["tree"], show["committed"]);
    assert!(show["notices"].to_string().contains("not the adopted policy"), "{show:#}");

    let adopt = ["policy", "adopt", "--reason", "better words"];
    scratch.refused(&adopt, "not_permitted");
    let statement = scratch.run(&["policy", "adopt", "--reason", "x", "--print-statement"]).ok();
    let by = |name: &str| scratch.signature(name, &statement).display().to_string();
    let (ann, ben, eve) = (by("ann"), by("ben"), by("eve"));
    scratch.refused(&[&adopt[..], &["--signature", &ann]].concat(), "not_permitted");
    scratch.refused(&[&adopt[..], &["--signature", &eve]].concat(), "not_permitted");
    let adopted = scratch.json(&[&adopt[..], &["--signature", &ben]].concat()).expect("moved");
    assert_eq!((&adopted["version"], &adopted["threshold"]), (&2.into(), &2.into()));
    // What was signed was bound to its place: it adopts nothing again.
    scratch.json(&[&adopt[..], &["--signature", &ben]].concat()).expect("nothing_to_do");

    // A foreign commit on the ledger branch: named, skipped, and in nobody's way.
    let head = scratch.remote_refs()["refs/heads/tagwarden/ledger"].clone();
    let tree = format!("{head}^{{tree}}");
    let junk = scratch.git_in(
        "origin.git",
        &["-c", "user.name=Eve", "-c", "user.email=eve@example.com", "commit-tree", &tree, "-p", &head, "-m", "junk"],
    );
    scratch.git_in("origin.git", &["update-ref", "refs/heads/tagwarden/ledger", &junk]);
    for verb in ["audit", "status"] {
        let answer = scratch.json(&[verb]).expect("passed");
        let finding = &answer["findings"][0];
        assert_eq!((&finding["code"], &finding["severity"]), (&"ledger/unsigned".into(), &"warning".into()), "{answer:#}");
    }
    scratch.json(&["stage", "v1.0.0", "--at", "HEAD"]).expect("moved");
    let audit = scratch.json(&["audit"]);
    assert_eq!(audit.code, 0, "{:#}", audit.value);
    let history = scratch.json(&["history"]).expect("passed");
    let actions: Vec<&str> = history["entries"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions.first(), Some(&"stage"));
    assert_eq!(actions.last(), Some(&"adopt"));
}
