//! Where trust starts: which ledger is meant is known from outside of the repository, and what was seen of it is not forgotten.

use crate::common::{PLAIN, Scratch};

const PROMOTE: [&str; 4] = ["promote", "v1.0.0", "--channel", "local_dev"];
const PROTOCOL: &str = "gates/protocol.yaml";
const LEDGER: &str = "refs/heads/tagwarden/ledger";

/// Every verb that writes to a ledger.
const WRITING: &[&[&str]] = &[
    &PROMOTE,
    &["promote", "v1.0.0", "--channel", "local_dev", "--dry-run"],
    &["stage", "v1.0.0", "--at", "HEAD"],
    &["rollback", "--channel", "local_dev", "--reason", "x"],
    &["hold", "--all", "--reason", "x"],
    &["verdict", "record", "SAFE", "--at", "HEAD"],
];

fn genesis(scratch: &Scratch) -> String {
    scratch.git_in("origin.git", &["rev-list", "--max-parents=0", LEDGER])
}

/// One release is on the channel, and the machine is another one.
fn on_a_fresh_machine() -> Scratch {
    let mut scratch = Scratch::minimal();
    scratch.json(&["promote", "v0.1.0", "--channel", "local_dev"]).expect("moved");
    scratch.commit_and_push("second");
    scratch.set("HOME", &scratch.path("tmp").display().to_string());
    scratch
}

#[test]
fn a_fresh_machine_without_a_pin_moves_nothing() {
    let mut scratch = on_a_fresh_machine();
    let genesis = genesis(&scratch);
    for words in WRITING {
        let answer = scratch.refused(words, "not_pinned");
        let help = answer["help"].as_str().unwrap();
        assert!(help.contains(&format!("tagwarden trust {genesis}")) && help.contains("TAGWARDEN_GENESIS"), "{words:?}: {help}");
    }
    scratch.edit(PROTOCOL, "default: true", "default: true ");
    scratch.commit_and_push("Change the policy");
    scratch.refused(&["policy", "adopt", "--reason", "x"], "not_pinned");
    // Who only reads may.
    for words in [&["status"][..], &["audit"], &["history"], &["policy", "show"]] {
        scratch.json(words).expect("passed");
    }
    scratch.refused(&["trust", &"1".repeat(40)], "ledger_broken");
    scratch.refused(&["trust", &scratch.git(&["rev-parse", "HEAD"])], "ledger_broken");
    scratch.refused(&PROMOTE, "not_pinned");
    scratch.json(&["trust", &genesis]).expect("passed");
    scratch.json(&["trust", &genesis]).expect("nothing_to_do");
    scratch.json(&PROMOTE).expect("moved");
    // Another one is another ledger, and the variable says the same elsewhere.
    scratch.refused(&["trust", &scratch.git_in("origin.git", &["rev-parse", LEDGER])], "ledger_broken");
    scratch.unset("HOME");
    scratch.refused(&["hold", "--all", "--reason", "x"], "not_pinned");
    scratch.set("TAGWARDEN_GENESIS", &genesis);
    scratch.json(&["hold", "--all", "--reason", "x"]).expect("moved");
}

/// One ledger behind two addresses, as over SSH and HTTPS.
#[test]
fn another_address_of_a_pinned_ledger_says_that_it_needs_its_own_pin() {
    let mut scratch = Scratch::minimal();
    scratch.git_in("", &["clone", "--quiet", "--mirror", "origin.git", "other.git"]);
    scratch.git(&["remote", "set-url", "origin", "../other.git"]);
    let answer = scratch.refused(&PROMOTE, "not_pinned");
    let help = answer["help"].as_str().unwrap();
    assert!(help.contains(&format!("tagwarden trust {}", genesis(&scratch))), "{help}");
    assert!(help.contains("origin.git, and another address of the same ledger needs a pin of its own"), "{help}");
    scratch.json(&["trust", &genesis(&scratch)]).expect("passed");
    scratch.json(&PROMOTE).expect("moved");
    scratch.unset("HOME");
    let answer = scratch.refused(&PROMOTE, "not_pinned");
    assert!(!answer["help"].as_str().unwrap().contains("another address"), "{answer:#}");
}

#[test]
fn two_pins_that_disagree_are_refused() {
    let mut scratch = Scratch::minimal();
    scratch.set("TAGWARDEN_GENESIS", &"1".repeat(40));
    for words in [&PROMOTE[..], &["status"], &["policy", "adopt", "--reason", "x"]] {
        scratch.refused(words, "not_pinned");
    }
    scratch.set("TAGWARDEN_GENESIS", "main");
    scratch.refused(&PROMOTE, "bad_usage");
}

/// What was seen once has to be there for ever: by what git noted, and by what this program keeps.
#[test]
fn a_ledger_that_went_back_is_refused_by_every_verb() {
    let mut scratch = Scratch::minimal();
    let start = scratch.remote_refs()[LEDGER].clone();
    scratch.json(&["hold", "--all", "--reason", "x"]).expect("moved");
    let seen = scratch.remote_refs()[LEDGER].clone();
    scratch.git_in("origin.git", &["update-ref", LEDGER, &start]);
    let lost = |scratch: &Scratch, words: &[&str]| {
        let answer = scratch.refused(words, "ledger_broken");
        let finding = &answer["findings"][0];
        assert_eq!(finding["code"], "ledger/head-lost", "{answer:#}");
        assert!(finding["message"].as_str().unwrap().contains(&seen), "{answer:#}");
        finding["help"].as_str().unwrap().to_owned()
    };
    let help = lost(&scratch, &PROMOTE);
    assert!(help.contains(&format!("git push REMOTE {seen}:BRANCH")), "{help}");
    for words in WRITING.iter().chain(&[&["status"][..], &["audit"], &["history"], &["policy", "adopt", "--reason", "x"]]) {
        lost(&scratch, words);
    }
    // Each memory alone is enough.
    scratch.git(&["update-ref", "-d", "refs/remotes/origin/tagwarden/ledger"]);
    lost(&scratch, &PROMOTE);
    scratch.set("TAGWARDEN_GENESIS", &start);
    scratch.set("XDG_STATE_HOME", &scratch.path("elsewhere").display().to_string());
    scratch.json(&["status"]).expect("passed");
    scratch.git(&["update-ref", "refs/remotes/origin/tagwarden/ledger", &seen]);
    lost(&scratch, &PROMOTE);
    // What is advised brings it back.
    scratch.git(&["push", "--quiet", "origin", &format!("{seen}:{LEDGER}")]);
    scratch.json(&["unhold", "--all", "--reason", "x"]).expect("moved");
}

#[test]
fn a_ledger_that_is_gone_is_not_begun_anew() {
    let mut scratch = Scratch::minimal();
    let seen = scratch.remote_refs()[LEDGER].clone();
    scratch.git_in("origin.git", &["update-ref", "-d", LEDGER]);
    for words in [&PROMOTE[..], &["status"], &["audit"], &["policy", "adopt", "--reason", "x"]] {
        let answer = scratch.refused(words, "ledger_lost");
        assert!(answer["help"].as_str().unwrap().contains(&format!("git push origin {seen}:{LEDGER}")), "{answer:#}");
    }
    // Where only the pin is known, it is not begun anew either.
    scratch.set("TAGWARDEN_GENESIS", &seen);
    scratch.set("XDG_STATE_HOME", &scratch.path("elsewhere").display().to_string());
    scratch.git(&["update-ref", "-d", "refs/remotes/origin/tagwarden/ledger"]);
    for words in [&PROMOTE[..], &["policy", "adopt", "--reason", "x"]] {
        scratch.refused(words, "ledger_lost");
    }
    scratch.git(&["push", "--quiet", "origin", &format!("{seen}:{LEDGER}")]);
    scratch.json(&PROMOTE).expect("moved");
}

/// A copy of an older ledger under another name is the same entry 0, and not the same ledger.
#[test]
fn a_checkout_that_names_another_ledger_moves_nothing() {
    let mut scratch = Scratch::minimal();
    let start = scratch.remote_refs()[LEDGER].clone();
    scratch.json(&["hold", "--all", "--reason", "x"]).expect("moved");
    scratch.git_in("origin.git", &["update-ref", "refs/heads/tagwarden/other", &start]);
    scratch.edit(PROTOCOL, "branch: tagwarden/ledger", "branch: tagwarden/other");
    scratch.commit_and_push("Name another ledger");
    for words in WRITING.iter().chain(&[&["status"][..], &["audit"], &["policy", "adopt", "--reason", "x"]]) {
        scratch.refused(words, "policy_unadopted");
    }
    scratch.set("TAGWARDEN_GENESIS", &start);
    scratch.set("XDG_STATE_HOME", &scratch.path("elsewhere").display().to_string());
    for words in WRITING.iter().chain(&[&["status"][..], &["audit"]]) {
        scratch.refused(words, "policy_unadopted");
    }
}

#[test]
fn a_checkout_that_signs_otherwise_moves_nothing() {
    let scratch = Scratch::minimal();
    scratch.edit(PROTOCOL, "key: none", "key: \"env:TAGWARDEN_SIGNING_KEY\"");
    scratch.write("gates/allowed_signers", "# nobody yet\n");
    scratch.commit_and_push("Sign");
    for words in WRITING {
        scratch.refused(words, "policy_unadopted");
    }
}

/// The name of a remote is local: the pin is kept for where it leads.
#[test]
fn a_remote_may_have_any_name() {
    let mut scratch = Scratch::minimal();
    scratch.git(&["remote", "rename", "origin", "upstream"]);
    scratch.refused(&PROMOTE, "no_remote");
    let named = |words: &[&str]| [&["--remote", "upstream"], words].concat().join("\n");
    let named = |words: &[&str]| named(words).split('\n').map(str::to_owned).collect::<Vec<_>>();
    let run = |scratch: &Scratch, words: &[&str]| {
        let words = named(words);
        scratch.json(&words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    run(&scratch, &PROMOTE).expect("moved");
    // As git rewrites it.
    let folder = format!("{}/", scratch.root().display());
    scratch.git(&["remote", "set-url", "upstream", "there:origin.git"]);
    scratch.git(&["config", &format!("url.{folder}.insteadOf"), "there:"]);
    run(&scratch, &["hold", "--all", "--reason", "x"]).expect("moved");
    scratch.git_in("", &["clone", "--quiet", "--origin", "elsewhere", "origin.git", "two"]);
    scratch.identity("two", "Test", "test@example.com");
    scratch.go("two").json(&["--remote", "elsewhere", "unhold", "--all", "--reason", "x"]).expect("moved");
}

const SIGNED: &str = r#"
version: 1
packages: { app: { release_tag: "v{version}", default: true } }
release_branches: [main]
channels: { live: { tag: "channel/{channel}" }, next: { tag: "channel/{channel}" } }
signing: { key: "env:TAGWARDEN_SIGNING_KEY", threshold: 1 }
roles:
  movers: { who: ["ssh:ann@example.com"], may: [stage, promote, hold] }
  others: { who: ["ssh:ben@example.com"], may: [stage, verdict] }
"#;
const GATE: &str = "title: The tree is there\ncommand: [ { run: [\"true\"] } ]\n";

/// Signed by ann, who may move; v1.0.0 and then v1.1.0 are on the channel.
fn with_two_people() -> Scratch {
    let mut scratch = Scratch::new();
    scratch.write(PROTOCOL, SIGNED);
    scratch.write("gates/10-tree.yaml", GATE);
    for name in ["ann", "ben"] {
        scratch.key(name);
    }
    scratch.write("gates/allowed_signers", scratch.allowed_signers(&["ann", "ben"]));
    scratch.commit("Add the protocol");
    scratch.push();
    scratch.sign_as("ann");
    scratch.json(&["policy", "adopt", "--reason", "start"]).expect("moved");
    scratch.json(&["promote", "v1.0.0", "--channel", "live"]).expect("moved");
    scratch.commit_and_push("second");
    scratch.json(&["promote", "v1.1.0", "--channel", "live"]).expect("moved");
    scratch
}

#[test]
fn doctor_mends_for_who_has_the_right_and_deletes_nothing() {
    let mut scratch = with_two_people();
    let good = scratch.remote_refs()["refs/tags/channel/live"].clone();
    let commit = scratch.git(&["rev-parse", "HEAD"]);
    scratch.git_in("origin.git", &["update-ref", "refs/tags/channel/live", &commit]);
    scratch.git_in("origin.git", &["update-ref", "refs/tags/channel/next", &commit]);
    scratch.sign_as("ben");
    scratch.refused(&["doctor", "--fix"], "not_permitted");
    scratch.sign_as("ann");
    let answer = scratch.json(&["doctor", "--fix"]).expect("findings");
    let refs = scratch.remote_refs();
    assert_eq!((&refs["refs/tags/channel/live"], &refs["refs/tags/channel/next"]), (&good, &commit), "{answer:#}");
    let finding = answer["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "status/tag-without-entry").unwrap();
    assert!(finding["help"].as_str().unwrap().contains("git push REMOTE --delete refs/tags/channel/next"), "{finding:#}");
    scratch.set("XDG_STATE_HOME", &scratch.path("elsewhere").display().to_string());
    scratch.git_in("origin.git", &["update-ref", "refs/tags/channel/live", &commit]);
    scratch.refused(&["doctor", "--fix"], "not_pinned");
}

/// Nobody who never saw the newest entries puts the tags back behind them.
#[test]
fn doctor_does_not_follow_a_ledger_that_went_back() {
    let mut scratch = with_two_people();
    let genesis = genesis(&scratch);
    let head = scratch.remote_refs()[LEDGER].clone();
    scratch.git_in("origin.git", &["update-ref", LEDGER, &format!("{head}^")]);
    scratch.git(&["update-ref", "-d", "refs/remotes/origin/tagwarden/ledger"]);
    scratch.set("XDG_STATE_HOME", &scratch.path("elsewhere").display().to_string());
    scratch.set("TAGWARDEN_GENESIS", &genesis);
    let answer = scratch.refused(&["doctor", "--fix"], "ledger_broken");
    assert!(answer.to_string().contains("entry 2"), "{answer:#}");
    // However the tag says it.
    let inner = scratch.git(&["rev-parse", "HEAD"]);
    for message in ["tagwarden-SERIAL: 9", "Tagwarden-Serial: 1\nTagwarden-Serial: 9", "Tagwarden-Serial: 99999999999999999999999"] {
        scratch.git(&["tag", "--force", "--annotate", "--message", message, "other", &inner]);
        scratch.git(&["tag", "--force", "--annotate", "--message", "of a tag", "nested", "other"]);
        for tag in ["other", "nested"] {
            scratch.git(&["push", "--quiet", "--force", "origin", &format!("refs/tags/{tag}:refs/tags/channel/live")]);
            scratch.refused(&["doctor", "--fix"], "ledger_broken");
        }
    }
}

/// A clone that never saw the ledger, on another machine.
fn on_a_fresh_clone(scratch: &mut Scratch) {
    scratch.git_in("", &["clone", "--quiet", "origin.git", "fresh"]);
    scratch.identity("fresh", "Test", "test@example.com");
    scratch.git_in("fresh", &["update-ref", "-d", "refs/remotes/origin/tagwarden/ledger"]);
    scratch.set("XDG_STATE_HOME", &scratch.path("elsewhere").display().to_string()).go("fresh");
}

/// Every verb that asks the ledger.
const ASKING: &[&[&str]] = &[
    &["status"],
    &["resolve", "local_dev"],
    &["history"],
    &["audit"],
    &["policy", "show"],
    &["policy", "adopt", "--reason", "x"],
    &["verify", "--adopted", "--channel", "local_dev"],
    &["doctor"],
    &["doctor", "--fix"],
    &["unhold", "--all", "--reason", "x"],
];

/// A channel's tag tells of the ledger also to who never saw one.
#[test]
fn a_tag_that_an_entry_made_says_that_there_was_a_ledger() {
    let mut scratch = Scratch::minimal();
    let genesis = scratch.remote_refs()[LEDGER].clone();
    scratch.json(&PROMOTE).expect("moved");
    scratch.git_in("origin.git", &["update-ref", "-d", LEDGER]);
    on_a_fresh_clone(&mut scratch);
    let tag = "refs/tags/channel/local_dev";
    for words in WRITING.iter().chain(ASKING).chain(&[&["trust", genesis.as_str()][..]]) {
        let answer = scratch.refused(words, "ledger_lost");
        let said = answer.to_string();
        assert!(said.contains(&format!("{tag} was made by entry 1 of it")), "{words:?}: {answer:#}");
        assert!(said.contains(&format!("git push origin refs/remotes/origin/tagwarden/ledger:{LEDGER}")), "{words:?}: {answer:#}");
        assert!(!said.contains("policy adopt"), "{words:?}: {answer:#}");
    }
    // Who gives it up keeps the last trace of it first, by the very words.
    let help = scratch.refused(&["status"], "ledger_lost")["help"].as_str().unwrap().to_owned();
    let words: Vec<Vec<&str>> = help.split('`').skip(1).step_by(2).map(|words| words.split(' ').skip(1).collect()).collect();
    let [.., keep, delete] = words.as_slice() else { panic!("{help}") };
    assert_eq!((keep[0], delete[..3].join(" ")), ("fetch", "push origin --delete".to_owned()), "{help}");
    let held = scratch.remote_refs()[tag].clone();
    scratch.git(keep);
    scratch.git(delete);
    assert_eq!(scratch.git(&["rev-parse", "refs/kept/channel/local_dev"]), held);
    scratch.json(&["policy", "adopt", "--reason", "x"]).expect("moved");
}

/// The way back that is printed works from the clone that saw the ledger.
#[test]
fn who_saw_the_ledger_pushes_it_back_as_it_is_said() {
    let mut scratch = Scratch::minimal();
    scratch.json(&PROMOTE).expect("moved");
    let seen = scratch.remote_refs()[LEDGER].clone();
    scratch.git(&["fetch", "--quiet", "origin"]);
    scratch.git_in("origin.git", &["update-ref", "-d", LEDGER]);
    on_a_fresh_clone(&mut scratch);
    let help = scratch.refused(&["status"], "ledger_lost")["help"].as_str().unwrap().to_owned();
    let push: Vec<&str> = help.split('`').find(|words| words.starts_with("git push")).unwrap().split(' ').skip(1).collect();
    scratch.git_in("work", &push);
    assert_eq!(scratch.remote_refs()[LEDGER], seen);
    scratch.json(&["status"]).expect("passed");
}

/// Who never saw the entries that were cut off is told by the tags, and nobody is told to put these back.
#[test]
fn a_ledger_that_was_cut_back_is_not_taken_for_tags_that_drifted() {
    let mut scratch = Scratch::minimal();
    let genesis = genesis(&scratch);
    scratch.json(&PROMOTE).expect("moved");
    let whole = scratch.remote_refs()[LEDGER].clone();
    scratch.commit_and_push("second");
    scratch.json(&["promote", "v1.1.0", "--channel", "local_dev"]).expect("moved");
    for (ledger, last) in [(&whole, 1), (&genesis, 0)] {
        scratch.git_in("origin.git", &["update-ref", LEDGER, ledger]);
        if last == 1 {
            on_a_fresh_clone(&mut scratch);
            scratch.set("TAGWARDEN_GENESIS", &genesis);
        }
        for words in WRITING.iter().chain(ASKING) {
            let said = scratch.refused(words, "ledger_broken").to_string();
            let why = format!("refs/tags/channel/local_dev was made by entry 2, and the ledger here ends with entry {last}");
            assert!(said.contains(&why), "{words:?}: {said}");
            assert!(
                said.contains("git push origin refs/remotes/origin/tagwarden/ledger:") && !said.contains("doctor --fix"),
                "{words:?}: {said}"
            );
        }
    }
}

/// Where entries are signed so are their tags, and a tag that nobody signed stops nobody. It is put away by hand all the same: it could
/// be the one trace of an entry.
#[test]
fn a_forged_tag_stops_nobody_and_a_signed_one_tells_of_its_entry() {
    let scratch = with_two_people();
    let forged = "channel/live";
    let whole = scratch.remote_refs()[LEDGER].clone();
    let good = scratch.remote_refs()["refs/tags/channel/live"].clone();
    scratch.git(&["tag", "--annotate", "--force", "--message", "live\n\nTagwarden-Serial: 99", forged, "HEAD"]);
    scratch.git(&["push", "--quiet", "--force", "origin", forged]);
    scratch.json(&["status"]).expect("findings");
    scratch.refused(&["promote", "v1.0.0", "--channel", "live"], "half_state");
    scratch.json(&["hold", "--all", "--reason", "look"]).expect("moved");
    scratch.refused(&["doctor", "--fix"], "ledger_broken");
    scratch.git_in("origin.git", &["update-ref", "refs/tags/channel/live", &good]);
    scratch.git_in("origin.git", &["update-ref", LEDGER, &format!("{whole}~1")]);
    let cut = on_another_machine(scratch, &whole);
    for words in [&["status"][..], &["hold", "--all", "--reason", "x"], &["doctor"], &["doctor", "--fix"]] {
        cut.refused(words, "ledger_broken");
    }
}

/// A machine that saw no ledger yet, with its entry 0 pinned.
fn on_another_machine(mut scratch: Scratch, of: &str) -> Scratch {
    let first = scratch.git_in("origin.git", &["rev-list", "--max-parents=0", of]);
    on_a_fresh_clone(&mut scratch);
    scratch.set("TAGWARDEN_GENESIS", &first);
    scratch
}

/// A server that hides the branch from those who fetch still has it: nobody is told to push, or to begin anew.
#[test]
fn a_ledger_that_is_hidden_is_told_from_one_that_is_gone() {
    let scratch = Scratch::minimal();
    scratch.json(&PROMOTE).expect("moved");
    scratch.git_in("origin.git", &["config", "uploadpack.hideRefs", "refs/heads/tagwarden"]);
    for words in WRITING.iter().chain(ASKING) {
        let said = scratch.refused(words, "ledger_lost").to_string();
        assert!(said.contains("hides refs/heads/tagwarden/ledger from fetches") && !said.contains("git push"), "{words:?}: {said}");
    }
    // Hidden from both it looks as if it were deleted, and that is said.
    scratch.git_in("origin.git", &["config", "--unset", "uploadpack.hideRefs"]);
    scratch.git_in("origin.git", &["config", "transfer.hideRefs", "refs/heads/tagwarden"]);
    let said = scratch.refused(&["status"], "ledger_lost").to_string();
    assert!(said.contains("it was deleted, or is hidden from fetches and pushes") && said.contains("transfer.hideRefs"), "{said}");
    scratch.git_in("origin.git", &["config", "--unset", "transfer.hideRefs"]);
    scratch.json(&["status"]).expect("passed");
}

/// A variable that was left from elsewhere is the one thing that tells of a ledger.
#[test]
fn a_pin_that_is_the_only_trace_of_a_ledger_is_named() {
    let mut scratch = Scratch::minimal_unadopted();
    scratch.set("TAGWARDEN_GENESIS", &"1".repeat(40));
    let answer = scratch.refused(&["policy", "adopt", "--reason", "x"], "ledger_lost");
    assert!(answer["message"].as_str().unwrap().contains("TAGWARDEN_GENESIS pins its entry 0"), "{answer:#}");
    assert!(answer["help"].as_str().unwrap().contains("unset TAGWARDEN_GENESIS"), "{answer:#}");
}

/// Gates that do not decide hide no ledger that is gone.
#[test]
fn verify_says_that_the_ledger_is_lost_or_broken() {
    let mut scratch = Scratch::with(PLAIN);
    scratch.write("gates/20-told.yaml", "title: Told\non_fail: document\nack: { step: \"tell the provider\" }\n");
    let verify = ["verify", "--channel", "local_dev", "--at", "HEAD"];
    scratch.commit_and_push("Ask for a step");
    scratch.json(&verify).expect("passed");
    let genesis = scratch.remote_refs()[LEDGER].clone();
    scratch.json(&PROMOTE).expect("moved");
    scratch.git_in("origin.git", &["update-ref", LEDGER, &genesis]);
    scratch.refused(&verify, "ledger_broken");
    scratch.git_in("origin.git", &["update-ref", "-d", LEDGER]);
    scratch.refused(&verify, "ledger_lost");
    // Where nobody ever saw one, the gate says that there is none.
    scratch.git(&["update-ref", "-d", "refs/remotes/origin/tagwarden/ledger"]);
    scratch.set("HOME", &scratch.path("tmp").display().to_string());
    scratch.git_in("origin.git", &["update-ref", "-d", "refs/tags/channel/local_dev"]);
    scratch.json(&verify).expect("passed");
    for code in ["ack/ledger-lost", "verdict/ledger-lost", "audit/ledger-lost"] {
        scratch.run(&["explain", code]).ok();
    }
}

/// Where the pin is gone, what was seen still counts.
#[test]
fn trust_looks_at_what_this_machine_saw() {
    let scratch = Scratch::minimal();
    let start = scratch.remote_refs()[LEDGER].clone();
    scratch.json(&["hold", "--all", "--reason", "x"]).expect("moved");
    scratch.git(&["update-ref", "-d", "refs/remotes/origin/tagwarden/ledger"]);
    let pin = kept(&scratch, "pin.json");
    std::fs::remove_file(&pin).unwrap();
    let seen = scratch.remote_refs()[LEDGER].clone();
    scratch.git_in("origin.git", &["update-ref", LEDGER, &start]);
    let answer = scratch.refused(&["trust", &start], "ledger_broken");
    assert_eq!(answer["findings"][0]["code"], "ledger/head-lost", "{answer:#}");
    scratch.git_in("origin.git", &["update-ref", LEDGER, &seen]);
    scratch.json(&["trust", &start]).expect("passed");
    assert!(pin.exists());
}

/// Nothing was verified, so nothing is said to be.
#[test]
fn an_audit_of_a_ledger_that_went_back_counts_nothing() {
    let scratch = Scratch::minimal();
    let start = scratch.remote_refs()[LEDGER].clone();
    scratch.json(&["hold", "--all", "--reason", "x"]).expect("moved");
    scratch.git_in("origin.git", &["update-ref", LEDGER, &start]);
    let output = scratch.run(&["audit"]);
    let said = output.all();
    assert!(!said.contains("verified") && said.contains("the ledger went back, or was replaced"), "{said}");
    assert_eq!(output.code, 1);
    assert!(scratch.refused(&["audit"], "ledger_broken")["entries"].is_null());
}

/// A file of what this machine remembers.
fn kept(scratch: &Scratch, name: &str) -> std::path::PathBuf {
    let ledgers = std::fs::read_dir(scratch.path("home/.local/state/tagwarden/ledgers")).unwrap();
    let folders: Vec<_> = ledgers.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    folders[0].join(name)
}

#[test]
fn a_memory_that_others_may_write_or_that_is_malformed_is_no_memory() {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};
    let scratch = Scratch::minimal();
    scratch.json(&["hold", "--all", "--reason", "x"]).expect("moved");
    scratch.json(&["status"]).expect("passed");
    for (name, reason) in [("pin.json", "not_pinned"), ("tip.json", "ledger_unverifiable"), ("seen.json", "ledger_unverifiable")] {
        let file = kept(&scratch, name);
        for mode in [0o620, 0o602] {
            std::fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            for words in [&["status"][..], &["audit"], &["unhold", "--all", "--reason", "x"]] {
                let answer = scratch.refused(words, reason);
                assert!(answer["message"].as_str().unwrap().contains("may be written by others"), "{name}: {answer:#}");
            }
        }
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        scratch.json(&["status"]).expect("passed");
    }
    let tip = kept(&scratch, "tip.json");
    std::fs::write(&tip, "\"no object id\"").unwrap();
    for words in [&["status"][..], &["audit"], &["unhold", "--all", "--reason", "x"], &["policy", "adopt", "--reason", "x"]] {
        let answer = scratch.refused(words, "ledger_unverifiable");
        assert!(answer["help"].as_str().unwrap().contains(&format!("`mv {0} {0}.kept`", tip.display())), "{answer:#}");
        assert_eq!(std::fs::read_to_string(&tip).unwrap(), "\"no object id\"", "the evidence stays");
    }
    std::fs::rename(&tip, tip.with_extension("kept")).unwrap();
    scratch.json(&["unhold", "--all", "--reason", "x"]).expect("moved");
}

/// What is kept as verified counts for the build that verified it.
#[test]
fn what_another_build_verified_is_verified_again() {
    let scratch = Scratch::minimal();
    scratch.json(&["hold", "--all", "--reason", "the true reason"]).expect("moved");
    scratch.json(&["status"]).expect("passed");
    let file = kept(&scratch, "seen.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let lie = text.replace("the true reason", "a lie");
    assert_ne!(lie, text);
    let reason = || scratch.json(&["status"]).expect("passed")["holds"][0]["reason"].as_str().unwrap().to_owned();
    std::fs::write(&file, &lie).unwrap();
    assert_eq!(reason(), "a lie", "it is taken as it is kept");
    let build = serde_json::from_str::<serde_json::Value>(&lie).unwrap()["build"].as_str().unwrap().to_owned();
    std::fs::write(&file, lie.replace(&build, "0000000000000000")).unwrap();
    assert_eq!(reason(), "the true reason");
}

/// Writes down its group, and works on with a child until it is ended.
const LONG: &str = "title: It works\ncommand: [ { shell: \"echo $$ >RUNNING; sleep 300 & wait\", within: 5m } ]\n";

/// With a key in a variable, in the middle of a gate's program.
#[test]
fn who_is_told_to_end_leaves_nothing_behind() {
    let mut scratch = with_two_people();
    let running = scratch.path("running");
    scratch.write("gates/20-works.yaml", LONG.replace("RUNNING", &running.display().to_string()));
    scratch.commit_and_push("A gate that takes long");
    scratch.json(&["policy", "adopt", "--reason", "x"]).expect("moved");
    let key = std::fs::read_to_string(scratch.path("keys/ann")).unwrap();
    scratch.set("TAGWARDEN_SIGNING_KEY", &key);
    let refs = scratch.remote_refs();
    for (signal, name) in [("-INT", "SIGINT"), ("-TERM", "SIGTERM"), ("-HUP", "SIGHUP")] {
        let _ = std::fs::remove_file(&running);
        let child = scratch.spawn_program(&["promote", "v1.2.0", "--channel", "live", "--format", "json"]);
        let group = wait_for(&running);
        let files: Vec<_> = walk(&scratch.path("tmp"));
        assert!(!files.is_empty(), "a gate has its folder");
        for file in &files {
            let bytes = std::fs::read(file).unwrap_or_default();
            assert!(!String::from_utf8_lossy(&bytes).contains("PRIVATE KEY"), "{}", file.display());
        }
        scratch.signal(signal, &child.id().to_string());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let answer: serde_json::Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
        assert_eq!((output.status.code(), &answer["reason_code"]), (Some(3), &"interrupted".into()), "{answer:#}");
        assert!(answer["notices"].to_string().contains(name), "{answer:#}");
        assert_eq!(walk(&scratch.path("tmp")), Vec::<std::path::PathBuf>::new(), "{name}");
        assert_eq!(std::fs::read_dir(scratch.path("tmp")).unwrap().count(), 0, "{name}");
        // What is killed is gone only once the system got to it.
        let is_gone = (0..3_000).any(|_| {
            let gone = members(&group) == 0;
            if !gone {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            gone
        });
        assert!(is_gone, "{name}: the gate's programs go on");
        assert_eq!(scratch.remote_refs(), refs);
    }
}

/// How many processes of a group still run.
fn members(group: &str) -> usize {
    let members = std::fs::read_dir("/proc").unwrap().flatten().filter(|process| {
        let stat = std::fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        // pid (name) state ppid pgrp
        let after = stat.rsplit_once(") ").map(|(_, after)| after.to_owned()).unwrap_or_default();
        let words: Vec<&str> = after.split(' ').collect();
        words.len() > 2 && words[2] == group && words[0] != "Z"
    });
    members.count()
}

fn wait_for(file: &std::path::Path) -> String {
    for _ in 0..6_000 {
        match std::fs::read_to_string(file) {
            Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
            _ => std::thread::sleep(std::time::Duration::from_millis(10)),
        }
    }
    panic!("the gate did not start");
}

/// Every file below a folder.
fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path().is_dir() {
            true => files.extend(walk(&entry.path())),
            false => files.push(entry.path()),
        }
    }
    files
}

/// A gate's program turns the remote elsewhere; the push asks first whether all is as it was.
#[test]
fn a_program_that_rewrites_the_configuration_of_git_gets_no_push() {
    let mut scratch = with_two_people();
    let (elsewhere, config) = (scratch.path("elsewhere.git"), scratch.path("work/.git/config"));
    scratch.git_in("", &["clone", "--quiet", "--mirror", "origin.git", "elsewhere.git"]);
    let turn = format!(
        "title: It turns\ncommand: [ {{ shell: \"git config --file {} remote.origin.url {}\" }} ]\n",
        config.display(),
        elsewhere.display()
    );
    scratch.write("gates/20-turns.yaml", turn);
    scratch.commit_and_push("A gate that turns the remote");
    scratch.json(&["policy", "adopt", "--reason", "x"]).expect("moved");
    let kept = std::fs::read(&config).unwrap();
    let there = scratch.git_in("elsewhere.git", &["show-ref"]);
    let refs = scratch.remote_refs();
    let answer = scratch.json(&["promote", "v1.2.0", "--channel", "live"]).expect("ref_changed");
    assert!(answer["message"].as_str().unwrap().contains("remote.origin.url"), "{answer:#}");
    assert_eq!((scratch.remote_refs(), scratch.git_in("elsewhere.git", &["show-ref"])), (refs, there));
    std::fs::write(&config, kept).unwrap();
    scratch.sign_as("ann");
}

/// What a gate's program sees of everybody who runs as the same user.
#[cfg(target_os = "linux")]
#[test]
fn no_process_of_ours_shows_a_secret_to_a_gates_program() {
    let mut scratch = with_two_people();
    let (running, go_on) = (scratch.path("running"), scratch.path("go-on"));
    let wait = LONG
        .replace("RUNNING", &running.display().to_string())
        .replace("sleep 300 & wait", &format!("while ! test -e {}; do sleep 0.05; done", go_on.display()));
    scratch.write("gates/20-works.yaml", wait);
    scratch.commit_and_push("A gate that waits");
    scratch.json(&["policy", "adopt", "--reason", "x"]).expect("moved");
    let key = std::fs::read_to_string(scratch.path("keys/ann")).unwrap();
    let canary = "canary-4f1c0a77d2";
    let _ = std::fs::remove_file(&running);
    scratch.set("TAGWARDEN_SIGNING_KEY", &key).set("DEPLOY_TOKEN", canary).set("OTHER_PEM", &key).set("MARK_OF_THIS_TEST", "6b1f");
    let child = scratch.spawn_program(&["promote", "v1.2.0", "--channel", "live", "--format", "json"]);
    wait_for(&running);
    let (mut seen, mut shown) = (0, Vec::new());
    for process in std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path()) {
        let environment = std::fs::read(process.join("environ")).unwrap_or_default();
        let environment = String::from_utf8_lossy(&environment).into_owned();
        if !environment.contains("MARK_OF_THIS_TEST") && !environment.contains(canary) {
            continue;
        }
        seen += 1;
        if environment.contains(canary) || environment.contains("PRIVATE KEY") {
            shown.push(std::fs::read_to_string(process.join("cmdline")).unwrap_or_default().replace('\0', " "));
        }
    }
    std::fs::write(&go_on, "").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(seen >= 2, "the program and its git were there: {seen}");
    assert_eq!(shown, Vec::<String>::new());
}
