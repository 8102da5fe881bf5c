//! What a server that was killed in the middle of a push leaves, and what is said of it: lock files, tags of which only some are
//! where they belong, an answer that never came. `tests/kill-sweep` ends the processes themselves.

use crate::common::Scratch;

const PROMOTE: [&str; 4] = ["promote", "v1.0.0", "--channel", "one"];
const MEND: [&str; 2] = ["doctor", "--fix"];
const TAGS: [&str; 2] = ["refs/tags/channel/one", "refs/tags/channel/two"];

const PROTOCOL: &str = r#"
version: 1
packages: { app: { release_tag: "v{version}", default: true } }
release_branches: [main]
channels: { one: { tag: "channel/{channel}" }, two: { tag: "channel/{channel}" } }
signing: { key: none }
release_tags: any
"#;
const GATE: &str = "title: The tree is there\ncommand: [ { run: [\"true\"] } ]\n";

fn adopted() -> Scratch {
    Scratch::with(&[("gates/protocol.yaml", PROTOCOL), ("gates/10-tree.yaml", GATE)])
}

/// Both channels have a release, and somebody moved both tags by hand.
fn drifted() -> Scratch {
    let scratch = adopted();
    for channel in ["one", "two"] {
        scratch.json(&["promote", "v1.0.0", "--channel", channel]).expect("moved");
    }
    for tag in TAGS {
        scratch.git_in("origin.git", &["update-ref", tag, "main"]);
    }
    scratch
}

/// A hook of the server's ref transaction, in one of its states; `script` has the first moved ref and its new value.
fn hook(scratch: &Scratch, state: &str, script: &str) {
    let text = format!("#!/bin/sh\ntest \"$1\" = {state} || exit 0\nread -r _ new name\n{script}\n");
    let path = scratch.path("origin.git/hooks/reference-transaction");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn a_lock_file_that_was_left_is_named_with_what_to_do() {
    let scratch = adopted();
    let folder = scratch.path("origin.git/refs/heads/tagwarden");
    let lock = folder.join("ledger.lock");
    std::fs::write(&lock, "").unwrap();
    // Objects of a refused push may stay on either side, so not everything is compared.
    let before = scratch.remote_refs();
    for command in [&PROMOTE[..], &["hold", "--all", "--reason", "wait"]] {
        let answer = scratch.json(command).expect("server_refused");
        assert_eq!(scratch.remote_refs(), before);
        assert!(answer["message"].to_string().contains("refs/heads/tagwarden/ledger.lock"), "{answer:#}");
        assert!(answer["message"].to_string().contains("nothing was moved"), "{answer:#}");
        assert!(answer["help"].to_string().contains("remove that file on the server"), "{answer:#}");
    }
    std::fs::remove_file(&lock).unwrap();
    scratch.json(&PROMOTE).expect("moved");
    scratch.json(&["status"]).expect("passed");
}

#[test]
fn a_lock_file_in_the_way_of_a_tag_is_named_by_doctor() {
    let scratch = drifted();
    let lock = scratch.path("origin.git/refs/tags/channel/two.lock");
    std::fs::write(&lock, "").unwrap();
    let before = scratch.remote_refs();
    let answer = scratch.json(&MEND).expect("server_refused");
    assert_eq!(scratch.remote_refs(), before);
    assert!(answer["message"].to_string().contains("refs/tags/channel/two.lock"), "{answer:#}");
    std::fs::remove_file(&lock).unwrap();
    scratch.json(&MEND).expect("passed");
}

#[test]
fn doctor_says_which_tags_a_server_mended_before_it_ended() {
    let scratch = drifted();
    hook(&scratch, "prepared", "echo \"$new\" >\"$name\"; kill -KILL $PPID");
    let answer = scratch.json(&MEND).expect("partial_move");
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("refs/tags/channel/one is where the ledger says again, refs/tags/channel/two is not"), "{message}");
    assert!(answer["help"].to_string().contains("doctor --fix"), "{answer:#}");
    std::fs::remove_file(scratch.path("origin.git/hooks/reference-transaction")).unwrap();
    // The killed server left the locks of both; the first was on its way to be renamed.
    for tag in TAGS {
        std::fs::remove_file(scratch.path(&format!("origin.git/{tag}.lock"))).unwrap();
    }
    scratch.json(&MEND).expect("passed");
    scratch.json(&["status"]).expect("passed");
}

#[test]
fn doctor_believes_the_refs_where_the_answer_never_came() {
    let scratch = drifted();
    hook(&scratch, "committed", "kill -KILL $PPID");
    scratch.json(&MEND).expect("passed");
    scratch.json(&["status"]).expect("passed");
}

/// What is pushed to is not what is read: the push finds nothing to do, and the tag is still elsewhere.
#[test]
fn a_push_that_changed_nothing_mends_nothing() {
    let scratch = drifted();
    scratch.git_in("", &["clone", "--quiet", "--mirror", "origin.git", "right.git"]);
    scratch.json(&MEND).expect("passed");
    let right = scratch.remote_refs();
    for tag in TAGS {
        scratch.git_in("right.git", &["fetch", "--quiet", "../origin.git", &format!("+{tag}:{tag}")]);
        scratch.git_in("origin.git", &["update-ref", tag, "main"]);
    }
    assert_ne!(scratch.remote_refs(), right);
    scratch.git(&["config", "remote.origin.pushurl", "../right.git"]);
    let answer = scratch.json_with(&MEND, &[("TAGWARDEN_GENESIS", &genesis(&scratch))]).expect("stale_pointer");
    assert!(answer["message"].to_string().contains("the push changed nothing"), "{answer:#}");
}

fn genesis(scratch: &Scratch) -> String {
    scratch.git_in("origin.git", &["rev-list", "--max-parents=0", "refs/heads/tagwarden/ledger"])
}
