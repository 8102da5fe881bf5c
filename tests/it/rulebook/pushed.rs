//! One thing pushed past the verbs, and what it does: nothing.

use super::{
    forge::{Forge, Proposal, actor, oid, person, signed},
    objects::Node,
};
use tagwarden::{
    attest::statement::{ACTOR_PATH, REPORT_PATH},
    domain::{
        Digest, Oid, Outcome, Reason, Release, Severity, Timestamp, Verb, canonical_json,
        state::{Body, HoldScope, Move, TakenOver},
    },
    release::{chain::Verified, draft::TOOL, object::Commit, rejudge::rejudge},
};

/// Adopted; `web@1.0.0` and then `web@1.1.0` promoted to staging, and 1.1.0 to production after its step was acknowledged.
fn story() -> Forge {
    let mut forge = Forge::new();
    let (one, two) = (oid('1'), oid('2'));
    forge.add(&forge.promote(&forge.head(), "dev", "staging", &["web@1.0.0"], &one, &[]));
    forge.add(&forge.promote(&forge.head(), "lead", "staging", &["web@1.1.0"], &two, &[]));
    forge.add(&forge.ack(&forge.head(), "second", "production", &two));
    forge.add(&forge.promote(&forge.head(), "lead", "production", &["web@1.1.0"], &two, &[]));
    forge
}

/// Puts it on the branch; it must be named by this code, and change nothing. The next entry goes on past it.
#[track_caller]
fn skipped(forge: &mut Forge, proposal: &Proposal, code: &str) {
    let before = forge.head();
    let violations = forge.ask(&before, proposal).err().unwrap_or_default();
    assert!(violations.iter().any(|violation| violation.code == code), "the verbs: expected {code}, got {violations:#?}");
    let oid = forge.put(proposal, Some(&before));
    named(forge, &before, &oid, code);
    goes_on(forge);
}

#[track_caller]
fn named(forge: &Forge, before: &Verified, oid: &Oid, code: &str) {
    let verification = forge.read(forge.tip.as_ref().unwrap(), None);
    let codes: Vec<&str> = verification.findings.iter().map(|finding| finding.code.as_str()).collect();
    assert!(codes.contains(&code), "expected {code}, got {codes:?}");
    let after = verification.into_verified().unwrap();
    assert_eq!((after.head(), after.state()), (before.head(), before.state()), "it changed something");
    assert!(after.skipped().iter().any(|skipped| skipped.oid == *oid), "it is not named");
    assert_eq!(Some(after.tip()), forge.tip.as_ref());
}

/// A valid entry behind whatever is at the tip.
#[track_caller]
fn goes_on(forge: &mut Forge) {
    let head = forge.head();
    let next = forge.hold(&head, Verb::Hold, "lead", HoldScope::Channel, Some("production"));
    let oid = forge.add(&next);
    assert_eq!(forge.read_head().entry(head.next_serial()).map(|linked| &linked.oid), Some(&oid));
}

#[test]
fn a_lawful_story_verifies_and_its_state_is_what_git_holds() {
    let forge = story();
    let head = forge.read_head();
    assert_eq!((head.length(), head.serial()), (5, 4));
    assert_eq!(head.state().channels[&"production".parse().unwrap()].candidate, oid('2'));
    assert!(head.skipped().is_empty());
    let state = forge.git(&["rev-parse", &format!("{}:state", head.head())]);
    assert_eq!(head.ledger().tree.id().as_str(), state);
    let listing = forge.git(&["ls-tree", "-r", "--name-only", head.head().as_str(), "state/"]);
    let files: Vec<&str> = listing.lines().collect();
    assert_eq!(
        files,
        [
            "state/acks/0/3.json",
            "state/channels/production.json",
            "state/channels/staging.json",
            "state/head.json",
            "state/staged/0/1.json",
            "state/staged/0/2.json",
        ]
    );
}

#[test]
fn an_unsigned_hold() {
    let mut forge = story();
    let mut hold = forge.hold(&forge.head(), Verb::Hold, "lead", HoldScope::All, None);
    hold.signer = None;
    skipped(&mut forge, &hold, "ledger/unsigned");
}

#[test]
fn an_unsigned_adoption() {
    let mut forge = story();
    let mut adopt = forge.adopt(&forge.head(), "lead", "not waivable");
    adopt.signer = None;
    skipped(&mut forge, &adopt, "ledger/unsigned");
}

/// No entry takes another one out of effect: there is no such action, signed or not.
#[test]
fn an_annulment() {
    let mut forge = story();
    let before = forge.head();
    let target = before.head().clone();
    for signer in [None, Some("lead")] {
        let mut annul = forge.hold(&before, Verb::Hold, "lead", HoldScope::All, None);
        annul.parents = forge.tip.iter().cloned().collect();
        annul.signer = signer.map(str::to_owned);
        let mut entry = serde_json::to_value(&annul.entry).unwrap();
        entry["action"] = "annul".into();
        entry["body"] = serde_json::json!({ "annul": { "entries": [target], "signatures": [] } });
        annul.edit("entry.json", Some(Node::Bytes("100644", canonical_json(&entry).unwrap())));
        let oid = forge.put(&annul, Some(&before));
        named(&forge, &before, &oid, "ledger/bad-entry");
    }
    goes_on(&mut forge);
}

/// Every server takes it for a fast-forward.
#[test]
fn a_merge_whose_first_parent_is_an_older_entry_hides_nothing() {
    let mut forge = story();
    let before = forge.head();
    let older = before.entry(1).unwrap().oid.clone();
    for signer in [None, Some("lead")] {
        let tip = forge.tip.clone().unwrap();
        let bytes = forge.commit_of(&older, &[older.clone(), tip], signer);
        let merge = forge.put_commit(&bytes);
        named(&forge, &before, &merge, "ledger/parents");
    }
    goes_on(&mut forge);
}

#[test]
fn junk_of_any_shape() {
    let mut forge = story();
    let before = forge.head();
    let head = before.head().clone();
    let hold = |forge: &Forge| {
        let mut hold = forge.hold(&before, Verb::Hold, "lead", HoldScope::All, None);
        hold.parents = forge.tip.iter().cloned().collect();
        hold
    };
    let edits: [(&str, Option<Node>); 7] = [
        ("entry.json", None),
        ("entry.json", Some(Node::Bytes("100644", b"{".to_vec()))),
        ("entry.json", Some(Node::Bytes("100644", vec![b' '; 5 << 20]))),
        ("entry.json", Some(Node::There("40000", forge.trees["first"].clone()))),
        ("entry.json", Some(Node::There("160000", oid('3')))),
        ("entry.json/x", Some(Node::Bytes("100644", Vec::new()))),
        ("evidence", Some(Node::Bytes("120000", b"/etc/passwd".to_vec()))),
    ];
    for (path, node) in edits {
        let mut junk = hold(&forge);
        if path.contains('/') {
            junk.edit("entry.json", None);
        }
        junk.edit(path, node);
        let oid = forge.put(&junk, Some(&before));
        let code = if path == "evidence" { "ledger/shape" } else { "ledger/bad-entry" };
        named(&forge, &before, &oid, code);
    }
    let tip = forge.tip.clone().unwrap();
    let empty = forge.commit_of(&head, std::slice::from_ref(&tip), None);
    forge.put_commit(&empty);
    goes_on(&mut forge);
}

/// What is ahead of the clock does not count now, and never comes back once a valid entry passed it by.
#[test]
fn an_entry_of_2036_before_and_after_the_next_valid_one() {
    let mut forge = story();
    let now = forge.clock;
    let before = forge.head();
    forge.clock = "2036-01-01T00:00:00Z".parse().unwrap();
    let ahead = forge.promote(&before, "lead", "staging", &["web@9.0.0"], &oid('9'), &[]);
    assert!(forge.ask(&before, &ahead).is_ok(), "on its own clock it is good");
    let oid_ahead = forge.put(&ahead, Some(&before));
    forge.clock = now;
    assert!(forge.ask(&before, &ahead).unwrap_err().iter().all(|violation| violation.reason == Reason::ClockBehind));
    named(&forge, &before, &oid_ahead, "ledger/ahead");
    goes_on(&mut forge);
    let after = forge.head();
    for clock in ["2035-12-31T23:59:59Z", "2036-01-01T00:00:00Z", "2040-01-01T00:00:00Z"] {
        forge.clock = clock.parse().unwrap();
        let head = forge.head();
        assert_eq!(head.head(), after.head(), "{clock}");
        assert!(head.skipped().iter().any(|skipped| skipped.oid == oid_ahead), "{clock}");
        assert!(!head.state().channels[&"staging".parse().unwrap()].releases.values().any(|release| release.version.major == 9));
    }
}

/// A clock that is a little wrong must not pass by what others wrote: it refuses instead.
#[test]
fn an_entry_of_an_hour_ahead_makes_verbs_refuse_until_the_clock_is_there() {
    let mut forge = story();
    let (now, before) = (forge.clock, forge.head());
    forge.clock = Timestamp::from_unix(now.unix() + 3_600);
    let ahead = forge.hold(&before, Verb::Hold, "lead", HoldScope::All, None);
    let oid = forge.add(&ahead);
    forge.clock = now;
    let refused = forge.read(&oid, None).into_verified().err().unwrap();
    assert_eq!(refused.reason, Reason::ClockBehind);
    forge.clock = Timestamp::from_unix(now.unix() + 3_300);
    assert_eq!(*forge.head().head(), oid, "five minutes are no difference");
}

/// Writing earlier than what stands there brings no valid entry out of effect.
#[test]
fn a_valid_entry_is_not_passed_by_from_behind() {
    let mut forge = story();
    let before = forge.head();
    let early = forge.hold(&before, Verb::Hold, "lead", HoldScope::All, None);
    forge.clock = Timestamp::from_unix(forge.clock.unix() + 3_600);
    let kept = forge.add(&forge.promote(&before, "lead", "staging", &["web@1.2.0"], &oid('3'), &[]));
    let mut early = early;
    early.parents = vec![kept.clone()];
    let oid = forge.put(&early, Some(&before));
    let after = forge.head();
    assert_eq!(*after.head(), kept);
    assert!(after.skipped().iter().any(|skipped| skipped.oid == oid && skipped.why[0].code == "ledger/broken-chain"));
}

#[test]
fn two_valid_entries_with_one_predecessor() {
    let mut forge = story();
    let before = forge.head();
    let one = forge.hold(&before, Verb::Hold, "lead", HoldScope::All, None);
    let other = forge.hold(&before, Verb::Hold, "second", HoldScope::Channel, Some("staging"));
    let (one, other) = (forge.put(&one, Some(&before)), forge.put(&other, Some(&before)));
    let bytes = forge.commit_of(&one, &[other.clone(), one.clone()], None);
    let merge = forge.put_commit(&bytes);
    let verification = forge.read(&merge, None);
    let fork = verification.findings.iter().find(|finding| finding.code == "ledger/fork").cloned().unwrap();
    assert!(fork.message.contains(one.as_str()) && fork.message.contains(other.as_str()), "{}", fork.message);
    assert_eq!(verification.into_verified().err().unwrap().reason, Reason::LedgerBroken);
    // A machine that remembers one of them goes on with it, and what it writes settles it for everybody.
    let remembering = forge.read(&merge, Some(&other)).into_verified().unwrap();
    assert_eq!(*remembering.head(), other);
    let next = forge.promote(&remembering, "lead", "staging", &["web@1.2.0"], &oid('3'), &[]);
    assert_eq!(forge.ask(&remembering, &next).unwrap_err()[0].code, "ledger/held", "the hold of the line that counts");
    let next = forge.hold(&remembering, Verb::Unhold, "lead", HoldScope::Channel, Some("staging"));
    let next = forge.put(&next, Some(&remembering));
    let settled = forge.head();
    assert_eq!(*settled.head(), next);
    assert!(settled.skipped().iter().any(|skipped| skipped.oid == one && skipped.why[0].code == "ledger/passed-by"));
    assert!(settled.state().holds.is_empty(), "the other line's hold does not count");
}

/// A longer line wins, the other one is named, and its entries never come back.
#[test]
fn a_merge_of_a_longer_line() {
    let mut forge = story();
    let before = forge.head();
    let short = forge.hold(&before, Verb::Hold, "second", HoldScope::All, None);
    let short = forge.put(&short, Some(&before));
    forge.tip = Some(before.head().clone());
    forge.add(&forge.hold(&before, Verb::Hold, "lead", HoldScope::Channel, Some("staging")));
    let long = forge.add(&forge.hold(&forge.head(), Verb::Hold, "lead", HoldScope::Channel, Some("production")));
    let bytes = forge.commit_of(&short, &[short.clone(), long.clone()], None);
    forge.put_commit(&bytes);
    let head = forge.head();
    assert_eq!(*head.head(), long);
    assert!(head.skipped().iter().any(|skipped| skipped.oid == short && skipped.why[0].code == "ledger/passed-by"));
    assert_eq!(head.state().holds.len(), 2);
}

#[test]
fn a_second_entry_0() {
    let mut forge = story();
    let before = forge.head();
    let mut again = forge.adopt(&before, "dev", "first");
    (again.entry.serial, again.entry.previous, again.entry.policy.version) = (0, None, 1);
    again.parents = Vec::new();
    let root = forge.put(&again, None);
    let bytes = forge.commit_of(&root, &[root.clone(), before.tip().clone()], None);
    let merge = forge.put_commit(&bytes);
    let refused = forge.read(&merge, None).into_verified().err().unwrap();
    assert!(refused.findings.iter().any(|finding| finding.message.contains(root.as_str())), "{:#?}", refused.findings);
}

#[test]
fn production_without_what_comes_before_it() {
    let mut forge = story();
    let head = forge.head();
    forge.add(&forge.ack(&head, "second", "production", &oid('3')));
    let jump = forge.promote(&forge.head(), "lead", "production", &["web@1.2.0"], &oid('3'), &[]);
    skipped(&mut forge, &jump, "ledger/not-after");
}

#[test]
fn a_lower_version_by_promote() {
    let mut forge = story();
    let lower = forge.promote(&forge.head(), "lead", "staging", &["web@1.0.0"], &oid('1'), &[]);
    skipped(&mut forge, &lower, "ledger/lower-version");
}

#[test]
fn a_release_that_is_there_already() {
    let mut forge = story();
    let again = forge.promote(&forge.head(), "lead", "staging", &["web@1.1.0"], &oid('2'), &[]);
    skipped(&mut forge, &again, "ledger/no-change");
}

#[test]
fn a_version_that_names_another_commit() {
    let mut forge = story();
    let reused = forge.promote(&forge.head(), "lead", "staging", &["web@1.1.0"], &oid('5'), &[]);
    skipped(&mut forge, &reused, "ledger/version-reused");
}

#[test]
fn a_release_at_another_commit_than_its_tag() {
    let mut forge = story();
    let head = forge.head();
    let good = forge.promote(&head, "lead", "staging", &["web@1.2.0"], &oid('3'), &[]);
    // The tag object of another commit, in the place of the release's own.
    let other = forge.promote(&head, "lead", "staging", &["web@1.2.0"], &oid('4'), &[]);
    let mut wrong = good.clone();
    wrong.entry.moves[0] = other.entry.moves[0].clone();
    wrong.entry.releases[0].tag = other.entry.releases[0].tag.clone();
    skipped(&mut forge, &wrong, "ledger/move");
    let mut lying = good;
    lying.entry.moves[0].object = other.entry.moves[0].object.clone();
    lying.parents = forge.tip.iter().cloned().collect();
    let head = forge.head();
    (lying.entry.serial, lying.entry.previous) = (head.next_serial(), Some(head.head().clone()));
    skipped(&mut forge, &lying, "ledger/tag-object");
}

#[test]
fn a_known_release_with_another_tag() {
    let mut forge = story();
    let head = forge.head();
    forge.add(&forge.stage(&head, "lead", "web@1.2.0", &oid('3')));
    let mut other = forge.promote(&forge.head(), "lead", "staging", &["web@1.2.0"], &oid('3'), &[]);
    other.entry.releases[0].tag = Some(oid('8'));
    skipped(&mut forge, &other, "ledger/version-reused");
}

#[test]
fn a_claim_used_again() {
    let mut forge = story();
    let mut again = forge.promote(&forge.head(), "lead", "staging", &["web@1.2.0"], &oid('3'), &[]);
    again.entry.claim = forge.head().entry(1).unwrap().outline.claim.clone();
    skipped(&mut forge, &again, "ledger/claim-used");
}

#[test]
fn a_rollback_without_its_hold() {
    let mut forge = story();
    let mut back = forge.rollback(&forge.head(), "lead", "staging", &["web@1.0.0"]);
    if let Some(Body::Rollback { holds, .. }) = &mut back.entry.body {
        holds.remove(0);
    }
    skipped(&mut forge, &back, "ledger/rollback-body");
}

#[test]
fn a_rollback_without_a_body() {
    let mut forge = story();
    let mut back = forge.rollback(&forge.head(), "lead", "staging", &["web@1.0.0"]);
    back.entry.body = None;
    skipped(&mut forge, &back, "ledger/rollback-body");
}

#[test]
fn a_rollback_that_undoes_another_entry() {
    let mut forge = story();
    let mut back = forge.rollback(&forge.head(), "lead", "staging", &["web@1.0.0"]);
    if let Some(Body::Rollback { undoes, .. }) = &mut back.entry.body {
        *undoes = 1;
    }
    skipped(&mut forge, &back, "ledger/rollback-body");
}

#[test]
fn a_rollback_to_a_release_that_was_never_there() {
    let mut forge = story();
    let back = forge.rollback(&forge.head(), "lead", "production", &["web@1.0.0"]);
    skipped(&mut forge, &back, "ledger/never-there");
}

#[test]
fn a_rollback_of_a_rollback_by_automation() {
    let mut forge = story();
    forge.add(&forge.rollback(&forge.head(), "lead", "staging", &["web@1.0.0"]));
    for of in [(HoldScope::Release, "web@1.1.0"), (HoldScope::Channel, "staging")] {
        forge.add(&forge.hold(&forge.head(), Verb::Unhold, "lead", of.0, Some(of.1)));
    }
    let again = forge.rollback(&forge.head(), "ci", "staging", &["web@1.1.0"]);
    skipped(&mut forge, &again, "ledger/automation");
}

#[test]
fn a_hold_lifted_by_automation() {
    let mut forge = story();
    forge.add(&forge.hold(&forge.head(), Verb::Hold, "lead", HoldScope::All, None));
    let lift = forge.hold(&forge.head(), Verb::Unhold, "ci", HoldScope::All, None);
    skipped(&mut forge, &lift, "ledger/automation");
}

#[test]
fn a_move_under_a_hold() {
    let mut forge = story();
    forge.add(&forge.hold(&forge.head(), Verb::Hold, "second", HoldScope::All, None));
    let moved = forge.promote(&forge.head(), "lead", "staging", &["web@1.2.0"], &oid('3'), &[]);
    skipped(&mut forge, &moved, "ledger/held");
}

#[test]
fn a_lift_of_a_hold_that_is_not_there() {
    let mut forge = story();
    let lift = forge.hold(&forge.head(), Verb::Unhold, "lead", HoldScope::All, None);
    skipped(&mut forge, &lift, "ledger/no-change");
}

/// A role that is limited to a channel holds that channel, and nothing else by naming it.
#[test]
fn a_role_with_channels_and_a_hold_on_everything() {
    let mut forge = story();
    let all = forge.hold(&forge.head(), Verb::Hold, "dev", HoldScope::All, None);
    skipped(&mut forge, &all, "ledger/not-permitted");
    let release = forge.hold(&forge.head(), Verb::Hold, "dev", HoldScope::Release, Some("web@1.1.0"));
    skipped(&mut forge, &release, "ledger/not-permitted");
    let mut named = forge.hold(&forge.head(), Verb::Hold, "dev", HoldScope::All, None);
    named.entry.channel = Some("staging".parse().unwrap());
    skipped(&mut forge, &named, "ledger/fields");
    let stage = forge.stage(&forge.head(), "dev", "web@1.2.0", &oid('3'));
    skipped(&mut forge, &stage, "ledger/not-permitted");
    forge.add(&forge.hold(&forge.head(), Verb::Hold, "dev", HoldScope::Channel, Some("staging")));
}

#[test]
fn evidence_older_than_its_gate_allows() {
    let mut forge = story();
    let head = forge.head();
    let mut old = forge.promote(&head, "lead", "staging", &["web@1.2.0"], &oid('3'), &[]);
    let then = Timestamp::from_unix(forge.clock.unix() - 15 * 60 - 1);
    old.edit_evidence("health", |evidence| evidence["answers"][0]["time"] = serde_json::json!(then));
    forge.settle_validity(&head, &mut old);
    let old = forge.seal(&head, old);
    skipped(&mut forge, &old, "ledger/evidence-expired");
}

#[test]
fn evidence_of_15_minutes_ago_counts() {
    let mut forge = story();
    let head = forge.head();
    let mut old = forge.promote(&head, "lead", "staging", &["web@1.2.0"], &oid('3'), &[]);
    let then = Timestamp::from_unix(forge.clock.unix() - 15 * 60);
    old.edit_evidence("health", |evidence| evidence["answers"][0]["time"] = serde_json::json!(then));
    forge.settle_validity(&head, &mut old);
    forge.add(&forge.seal(&head, old));
}

#[test]
fn evidence_of_the_future() {
    let mut forge = story();
    let head = forge.head();
    let mut future = forge.promote(&head, "lead", "staging", &["web@1.2.0"], &oid('3'), &[]);
    future.edit_evidence("health", |evidence| evidence["answers"][0]["time"] = "2036-01-01T00:00:00Z".into());
    forge.settle_validity(&head, &mut future);
    let future = forge.seal(&head, future);
    skipped(&mut forge, &future, "ledger/evidence-expired");
}

#[test]
fn a_verdict_on_a_commit_of_the_move_that_the_ledger_does_not_have() {
    let mut forge = story();
    let head = forge.head();
    let mut made_up = forge.promote(&head, "lead", "staging", &["web@1.2.0"], &oid('3'), &[]);
    made_up.edit_evidence("health", |evidence| {
        let time = evidence["answers"][0]["time"].clone();
        let verdict = serde_json::json!({ "verdict": "SAFE", "commit": oid('2'), "by": "ssh:lead@example.com", "time": time, "serial": 1 });
        let got = serde_json::json!({ "verdicts": { "head": head.head(), "verdicts": [verdict] } });
        let ask = serde_json::json!({ "verdicts_on": { "commits": [oid('2')] } });
        let answer = serde_json::json!({ "key": "2/1", "ask": ask, "time": time, "got": got, "unavailable": null });
        evidence["answers"].as_array_mut().unwrap().push(answer);
    });
    let made_up = forge.seal(&head, made_up);
    skipped(&mut forge, &made_up, "ledger/evidence");
}

#[test]
fn a_validity_that_evidence_does_not_give() {
    let mut forge = story();
    let head = forge.head();
    for until in [None, Some(Timestamp::from_unix(forge.clock.unix() + 86_400))] {
        let head = if forge.head().head() == head.head() { &head } else { &forge.head() };
        let mut long = forge.promote(head, "lead", "staging", &["web@1.2.0"], &oid('3'), &[]);
        long.entry.valid_until = until;
        let long = forge.seal(head, long);
        skipped(&mut forge, &long, "ledger/evidence-expired");
    }
}

#[test]
fn a_passed_gate_without_evidence() {
    let mut forge = story();
    let head = forge.head();
    let mut empty = forge.promote(&head, "lead", "staging", &["web@1.2.0"], &oid('3'), &[]);
    empty.record("health").evidence = None;
    empty.files.remove("evidence/health.json");
    forge.settle_validity(&head, &mut empty);
    let empty = forge.seal(&head, empty);
    skipped(&mut forge, &empty, "ledger/gate-record");
}

#[test]
fn evidence_of_another_policy_channel_or_commit() {
    let mut forge = story();
    for (key, value) in [("policy", oid('f').to_string()), ("channel", "production".to_owned()), ("candidate", oid('f').to_string())] {
        let head = forge.head();
        let mut foreign = forge.promote(&head, "lead", "staging", &["web@1.2.0"], &oid('3'), &[]);
        foreign.edit_evidence("health", |evidence| evidence[key] = value.into());
        let foreign = forge.seal(&head, foreign);
        skipped(&mut forge, &foreign, "ledger/evidence");
    }
}

#[test]
fn evidence_that_was_changed() {
    let mut forge = story();
    let mut changed = forge.promote(&forge.head(), "lead", "staging", &["web@1.2.0"], &oid('3'), &[]);
    let bytes = [changed.files["evidence/health.json"].as_slice(), b" "].concat();
    changed.files.insert("evidence/health.json".to_owned(), bytes);
    skipped(&mut forge, &changed, "ledger/evidence");
}

/// An acknowledgement that the ledger does not hold, in the evidence of the gate that asks for one.
#[test]
fn evidence_that_says_what_the_ledger_does_not() {
    let mut forge = story();
    forge.add(&forge.promote(&forge.head(), "lead", "staging", &["web@1.2.0"], &oid('3'), &[]));
    let head = forge.head();
    let mut invented = forge.promote(&head, "lead", "production", &["web@1.2.0"], &oid('3'), &[]);
    let ack = serde_json::json!({
        "gate": "step", "channel": "production", "candidate": oid('3'), "by": "ssh:second@example.com", "time": forge.clock, "serial": 3
    });
    invented.edit_evidence("step", |evidence| evidence["answers"][0]["got"]["acks"]["acks"].as_array_mut().unwrap().push(ack));
    let invented = forge.seal(&head, invented);
    skipped(&mut forge, &invented, "ledger/evidence");
}

/// What is on the channel, how it went, and under which policy: the state after it says so, and the next one takes its place.
#[test]
fn a_rehearsal_and_the_one_after_it() {
    let mut forge = story();
    forge.add(&forge.rehearse(&forge.head(), "lead", "staging", &[("first", "passed"), ("back", "failed")]));
    let rehearsals = |forge: &Forge| -> Vec<(u64, Option<Oid>, Vec<String>, Oid)> {
        let head = forge.read_head();
        head.state().rehearsals.iter().map(|one| (one.serial, one.candidate.clone(), one.failed.clone(), one.policy.clone())).collect()
    };
    let first = forge.trees["first"].clone();
    assert_eq!(rehearsals(&forge), [(5, Some(oid('2')), vec!["back".to_owned()], first.clone())]);
    forge.add(&forge.rehearse(&forge.head(), "second", "staging", &[("first", "passed")]));
    assert_eq!(rehearsals(&forge), [(6, Some(oid('2')), Vec::new(), first)]);
}

#[test]
fn a_rehearsal_of_what_is_not_on_the_channel() {
    let mut forge = story();
    for candidate in [Some(oid('1')), None] {
        let mut other = forge.rehearse(&forge.head(), "lead", "staging", &[("first", "passed")]);
        other.entry.candidate = candidate;
        skipped(&mut forge, &other, "ledger/rehearsal");
    }
}

#[test]
fn a_rehearsal_by_somebody_without_the_right() {
    let mut forge = story();
    let moved = forge.rehearse(&forge.head(), "dev", "staging", &[("first", "passed")]);
    skipped(&mut forge, &moved, "ledger/not-permitted");
}

/// A report that is missing, changed, of nothing, or tells of other failures than the entry.
#[test]
fn a_rehearsal_with_another_report_than_it_says() {
    let mut forge = story();
    let steps = [("first", "passed"), ("back", "failed")];
    let without = |proposal: &mut Proposal| drop(proposal.files.remove(REPORT_PATH));
    let changed = |proposal: &mut Proposal| drop(proposal.files.insert(REPORT_PATH.to_owned(), b"{}".to_vec()));
    let hushed = |proposal: &mut Proposal| {
        if let Some(Body::Rehearse { failed, .. }) = &mut proposal.entry.body {
            failed.clear();
        }
    };
    for spoil in [&without as &dyn Fn(&mut Proposal), &changed, &hushed] {
        let mut proposal = forge.rehearse(&forge.head(), "lead", "staging", &steps);
        spoil(&mut proposal);
        skipped(&mut forge, &proposal, "ledger/evidence");
    }
    let of_nothing = forge.rehearse(&forge.head(), "lead", "staging", &[]);
    skipped(&mut forge, &of_nothing, "ledger/evidence");
}

/// A gate asks for a rehearsal of what is on the channel under the policy in force, and its evidence says what the ledger says.
#[test]
fn a_promotion_that_asks_for_a_rehearsal() {
    let mut forge = story();
    let fine = [("first", "passed")];
    forge.add(&forge.rehearse(&forge.head(), "lead", "staging", &fine));
    forge.add(&forge.adopt(&forge.head(), "lead", "rehearsed"));
    let promote = |forge: &Forge| forge.promote(&forge.head(), "lead", "staging", &["web@1.2.0"], &oid('3'), &[]);
    // Of the policy before, of which the forged result says that it passed.
    let moved = promote(&forge);
    skipped(&mut forge, &moved, "ledger/evidence");
    forge.add(&forge.rehearse(&forge.head(), "lead", "staging", &[("back", "inconclusive")]));
    let moved = promote(&forge);
    skipped(&mut forge, &moved, "ledger/evidence");
    forge.add(&forge.rehearse(&forge.head(), "lead", "staging", &fine));
    let head = forge.head();
    for edit in [
        |got: &mut serde_json::Value| got["last"]["candidate"] = serde_json::json!(oid('3')),
        |got: &mut serde_json::Value| got["present"] = serde_json::json!(oid('3')),
        |got: &mut serde_json::Value| got["last"]["time"] = serde_json::json!("2026-11-21T10:00:01Z"),
    ] {
        let mut moved = promote(&forge);
        moved.edit_evidence("back", |evidence| edit(&mut evidence["answers"][0]["got"]["channel_rehearsal"]));
        let moved = forge.seal(&head, moved);
        assert!(forge.ask(&head, &moved).unwrap_err().iter().any(|violation| violation.code == "ledger/evidence"));
    }
    forge.add(&promote(&forge));
    // What was rehearsed is not there any more.
    let next = forge.promote(&forge.head(), "lead", "staging", &["web@1.3.0"], &oid('4'), &[]);
    skipped(&mut forge, &next, "ledger/evidence");
}

/// The rules take what an endpoint answered as it is recorded; judging it again finds the contradiction, and says whose it is.
#[test]
fn evidence_that_gives_another_verdict_when_it_is_judged_again() {
    for (tool, severity) in [("tagwarden 9.9.9", Severity::Note), (TOOL, Severity::Error)] {
        let mut forge = story();
        let head = forge.head();
        let mut moved = forge.promote(&head, "lead", "staging", &["web@1.2.0"], &oid('3'), &[]);
        moved.edit_evidence("health", |evidence| evidence["answers"][0]["got"]["http"]["status"] = 404.into());
        moved.entry.tool = tool.to_owned();
        let moved = forge.seal(&head, moved);
        forge.add(&moved);
        let rejudged = rejudge(&moved.entry, head.policy(), &moved.files, None);
        let [finding] = rejudged.findings.as_slice() else { panic!("{:?}", rejudged.findings) };
        assert_eq!((finding.code.as_str(), finding.severity), ("ledger/other-verdict", severity));
        assert_eq!(finding.help.as_deref(), (severity == Severity::Note).then_some("it was judged by tagwarden 9.9.9"));
    }
}

#[test]
fn a_move_without_a_required_gate_or_with_two_results() {
    let mut forge = story();
    let head = forge.head();
    let mut without = forge.promote(&head, "lead", "staging", &["web@1.2.0"], &oid('3'), &[]);
    without.entry.gates.retain(|record| record.id.as_str() != "fixed");
    without.files.retain(|path, _| !path.ends_with("/fixed.json"));
    forge.settle_validity(&head, &mut without);
    let without = forge.seal(&head, without);
    skipped(&mut forge, &without, "ledger/missing-gate");
    let head = forge.head();
    let mut twice = forge.promote(&head, "lead", "staging", &["web@1.2.0"], &oid('3'), &[]);
    let again = twice.entry.gates[0].clone();
    twice.entry.gates.push(again);
    let twice = forge.seal(&head, twice);
    skipped(&mut forge, &twice, "ledger/gate-twice");
}

#[test]
fn a_move_with_a_failed_gate() {
    let mut forge = story();
    let head = forge.head();
    let mut failed = forge.promote(&head, "lead", "staging", &["web@1.2.0"], &oid('3'), &[]);
    (failed.record("health").outcome, failed.record("health").reason_code) = (Outcome::Failed, "gate_failed".to_owned());
    forge.settle_validity(&head, &mut failed);
    let failed = forge.seal(&head, failed);
    skipped(&mut forge, &failed, "ledger/gate-not-passed");
}

#[test]
fn a_gate_that_claims_another_kind() {
    let mut forge = story();
    let head = forge.head();
    let mut advisory = forge.promote(&head, "lead", "staging", &["web@1.2.0"], &oid('3'), &[]);
    advisory.record("health").on_fail = "document".to_owned();
    let advisory = forge.seal(&head, advisory);
    skipped(&mut forge, &advisory, "ledger/gate-record");
}

#[test]
fn an_unsigned_tag_object() {
    let mut forge = story();
    let head = forge.head();
    let unsigned = forge.promote(&head, "lead", "staging", &["web@1.2.0"], &oid('3'), &[]);
    let unsigned = forge.seal_as(&head, unsigned, None);
    skipped(&mut forge, &unsigned, "ledger/tag-object");
}

#[test]
fn a_tag_object_signed_by_one_who_may_only_give_verdicts() {
    let mut forge = story();
    let head = forge.head();
    let by_reviewer = forge.promote(&head, "lead", "staging", &["web@1.2.0"], &oid('3'), &[]);
    let by_reviewer = forge.seal_as(&head, by_reviewer, Some("review"));
    skipped(&mut forge, &by_reviewer, "ledger/tag-object");
}

#[test]
fn a_tag_object_of_another_message() {
    let mut forge = story();
    let head = forge.head();
    let good = forge.promote(&head, "lead", "staging", &["web@1.2.0"], &oid('3'), &[]);
    // Made for another serial, and signed: only what the entry itself gives is right.
    let mut other = good.clone();
    other.entry.serial += 1;
    let other = forge.seal(&head, other);
    let mut wrong = good;
    wrong.entry.moves = other.entry.moves.clone();
    wrong.entry.releases = other.entry.releases.clone();
    skipped(&mut forge, &wrong, "ledger/tag-object");
}

#[test]
fn a_placeholder_attestation() {
    let mut forge = story();
    for (path, bytes) in [("attestations/health.json", b"{}".to_vec()), ("attestations/verdict.json", Vec::new())] {
        let mut placeholder = forge.promote(&forge.head(), "lead", "staging", &["web@1.2.0"], &oid('3'), &[]);
        placeholder.edit(path, Some(Node::Bytes("100644", bytes)));
        skipped(&mut forge, &placeholder, "ledger/attestation");
    }
}

#[test]
fn an_extra_file_a_symlink_and_an_executable_bit() {
    let mut forge = story();
    let attestation =
        forge.promote(&forge.head(), "lead", "staging", &["web@1.2.0"], &oid('3'), &[]).files["attestations/health.json"].clone();
    let faults = [
        ("README", Some(Node::Bytes("100644", b"hello".to_vec()))),
        ("evidence/more.json", Some(Node::Bytes("100644", b"{}".to_vec()))),
        ("evidence/deep/er.json", Some(Node::Bytes("100644", b"{}".to_vec()))),
        ("attestations/health.json", Some(Node::Bytes("120000", attestation.clone()))),
        ("attestations/health.json", Some(Node::Bytes("100755", attestation))),
        ("attestations/health.json", None),
    ];
    for (path, node) in faults {
        let mut wrong = forge.promote(&forge.head(), "lead", "staging", &["web@1.2.0"], &oid('3'), &[]);
        wrong.edit(path, node);
        skipped(&mut forge, &wrong, "ledger/shape");
    }
}

#[test]
fn a_state_with_a_file_more_or_less() {
    let mut forge = story();
    for (path, node) in [
        ("state/holds/0/9.json", Some(Node::Bytes("100644", b"[]".to_vec()))),
        ("state/head.json", Some(Node::Bytes("100755", b"{}".to_vec()))),
        ("state/staged/0/1.json", None),
    ] {
        let mut wrong = forge.hold(&forge.head(), Verb::Hold, "lead", HoldScope::All, None);
        wrong.edit("state/staged", None);
        wrong.edit(path, node);
        skipped(&mut forge, &wrong, "ledger/state");
    }
}

/// A waiver for the health gate by somebody, then a promotion that rests on it.
fn waived(forge: &mut Forge, by: &str, until: Timestamp) -> Proposal {
    let head = forge.head();
    forge.add(&forge.waive(&head, by, "health", "staging", &oid('3'), until));
    let head = forge.head();
    forge.promote(&head, "lead", "staging", &["web@1.2.0"], &oid('3'), &[("health", head.serial())])
}

#[test]
fn a_waiver_of_somebody_else_counts() {
    let mut forge = story();
    let until = Timestamp::from_unix(forge.clock.unix() + 60);
    let moved = waived(&mut forge, "second", until);
    assert_eq!(moved.entry.valid_until, Some(until));
    forge.add(&moved);
}

#[test]
fn a_waiver_that_expired() {
    let mut forge = story();
    let until = Timestamp::from_unix(forge.clock.unix() + 60);
    waived(&mut forge, "second", until);
    let head = forge.head();
    forge.clock = until;
    let late = forge.promote(&head, "lead", "staging", &["web@1.2.0"], &oid('3'), &[("health", head.serial())]);
    skipped(&mut forge, &late, "ledger/gate-not-passed");
}

#[test]
fn a_waiver_of_ones_own() {
    let mut forge = story();
    let until = Timestamp::from_unix(forge.clock.unix() + 3_600);
    let own = waived(&mut forge, "lead", until);
    skipped(&mut forge, &own, "ledger/gate-not-passed");
}

#[test]
fn a_waiver_of_a_gate_that_cannot_be_waived() {
    let mut forge = story();
    let until = Timestamp::from_unix(forge.clock.unix() + 3_600);
    let fixed = forge.waive(&forge.head(), "second", "fixed", "staging", &oid('3'), until);
    skipped(&mut forge, &fixed, "ledger/statement");
    // One that could be waived when the waiver was given.
    waived(&mut forge, "second", until);
    forge.add(&forge.adopt(&forge.head(), "lead", "not waivable"));
    let head = forge.head();
    let serial = head.state().waivers.iter().next().unwrap().serial;
    let moved = forge.promote(&head, "lead", "staging", &["web@1.2.0"], &oid('3'), &[("health", serial)]);
    skipped(&mut forge, &moved, "ledger/gate-not-passed");
}

#[test]
fn a_waiver_of_a_signer_who_was_removed() {
    let mut forge = story();
    let until = Timestamp::from_unix(forge.clock.unix() + 3_600);
    waived(&mut forge, "second", until);
    forge.add(&forge.adopt(&forge.head(), "lead", "without second"));
    let head = forge.head();
    let serial = head.state().waivers.iter().next().unwrap().serial;
    let moved = forge.promote(&head, "lead", "staging", &["web@1.2.0"], &oid('3'), &[("health", serial)]);
    skipped(&mut forge, &moved, "ledger/gate-not-passed");
}

#[test]
fn a_waiver_of_another_commit() {
    let mut forge = story();
    let until = Timestamp::from_unix(forge.clock.unix() + 3_600);
    waived(&mut forge, "second", until);
    let head = forge.head();
    let moved = forge.promote(&head, "lead", "staging", &["web@1.2.0"], &oid('4'), &[("health", head.serial())]);
    skipped(&mut forge, &moved, "ledger/gate-not-passed");
}

#[test]
fn the_replayed_entry_of_a_refused_push() {
    let mut forge = story();
    let before = forge.head();
    let lost = forge.promote(&before, "dev", "staging", &["web@1.2.0"], &oid('3'), &[]);
    let lost_oid = forge.put(&lost, Some(&before));
    let lost_bytes = forge.bytes_of(&lost_oid);
    // Somebody else was first.
    forge.tip = Some(before.head().clone());
    forge.add(&forge.hold(&before, Verb::Hold, "second", HoldScope::Channel, Some("production")));
    // As a merge, since its commit names the old tip.
    let head = forge.head();
    let bytes = forge.commit_of(&lost_oid, &[head.tip().clone(), lost_oid.clone()], None);
    let merge = forge.put_commit(&bytes);
    let broken = forge.read(&merge, Some(head.head())).into_verified().unwrap();
    assert_eq!(broken.head(), head.head(), "a machine that saw the ledger goes on");
    // Behind the next entry it has passed by for everybody.
    forge.tip = Some(head.tip().clone());
    forge.add(&forge.hold(&head, Verb::Unhold, "second", HoldScope::Channel, Some("production")));
    let head = forge.head();
    let bytes = forge.commit_of(&lost_oid, &[lost_oid.clone(), head.tip().clone()], None);
    forge.put_commit(&bytes);
    let after = forge.head();
    assert_eq!(after.head(), head.head());
    assert!(after.skipped().iter().any(|skipped| skipped.oid == lost_oid));
    assert_eq!(forge.bytes_of(&lost_oid), lost_bytes);
    goes_on(&mut forge);
    // And its very tree under a new commit is signed by nobody, or for another place.
    let mut again = lost;
    again.parents = forge.tip.iter().cloned().collect();
    skipped(&mut forge, &again, "ledger/broken-chain");
}

#[test]
fn an_entry_signed_by_somebody_else_or_by_a_stranger() {
    let mut forge = story();
    let mut other = forge.hold(&forge.head(), Verb::Hold, "lead", HoldScope::All, None);
    other.signer = Some("dev".to_owned());
    skipped(&mut forge, &other, "ledger/actor");
    let mut stranger = forge.hold(&forge.head(), Verb::Hold, "lead", HoldScope::All, None);
    stranger.signer = Some("stranger".to_owned());
    skipped(&mut forge, &stranger, "ledger/bad-signature");
}

#[test]
fn automation_that_says_it_is_a_person() {
    let mut forge = story();
    let mut person = forge.promote(&forge.head(), "ci", "staging", &["web@1.2.0"], &oid('3'), &[]);
    person.entry.actor.kind = actor("lead").kind;
    skipped(&mut forge, &person, "ledger/actor");
}

#[test]
fn a_promotion_that_makes_a_release_needs_the_right_to_stage() {
    let mut forge = story();
    forge.add(&forge.stage(&forge.head(), "lead", "web@1.2.0", &oid('3')));
    // The reviewer may neither; the developer both on staging only.
    let by = |forge: &Forge, who: &str| forge.promote(&forge.head(), who, "staging", &["web@1.2.0"], &oid('3'), &[]);
    let reviewer = by(&forge, "review");
    skipped(&mut forge, &reviewer, "ledger/not-permitted");
    let dev = by(&forge, "dev");
    forge.add(&dev);
}

#[test]
fn a_policy_that_keeps_its_ledger_elsewhere() {
    let mut forge = story();
    let moved = forge.adopt(&forge.head(), "lead", "elsewhere");
    skipped(&mut forge, &moved, "ledger/policy");
}

#[test]
fn a_policy_changed_without_adoption_or_by_two_versions() {
    let mut forge = story();
    let mut changed = forge.hold(&forge.head(), Verb::Hold, "lead", HoldScope::All, None);
    changed.entry.policy.tree = forge.trees["not waivable"].clone();
    skipped(&mut forge, &changed, "ledger/policy");
    let mut jumped = forge.adopt(&forge.head(), "lead", "not waivable");
    jumped.entry.policy.version += 1;
    skipped(&mut forge, &jumped, "ledger/policy");
    let again = forge.adopt(&forge.head(), "lead", "first");
    skipped(&mut forge, &again, "ledger/no-change");
}

#[test]
fn several_packages_at_several_commits() {
    let mut forge = story();
    let head = forge.head();
    let mut mixed = forge.promote(&head, "lead", "staging", &["web@1.2.0", "api@1.0.0"], &oid('3'), &[]);
    forge.add(&mixed.clone());
    let head = forge.head();
    mixed = forge.promote(&head, "lead", "staging", &["web@1.3.0", "api@1.1.0"], &oid('4'), &[]);
    mixed.entry.releases[1].commit = oid('5');
    let mixed = forge.seal(&head, mixed);
    skipped(&mut forge, &mixed, "ledger/release");
}

#[test]
fn a_mover_signs_for_somebody_who_has_the_right() {
    let mut forge = story();
    let moved = forge.promote(&forge.head(), "github:42", "staging", &["web@1.2.0"], &oid('3'), &[]);
    forge.add(&moved);
    let head = forge.head();
    assert_eq!(head.entries().next_back().unwrap().rights, ["permission:maintain"]);
}

#[test]
fn a_mover_without_what_gave_the_right() {
    let mut forge = story();
    type Fault = fn(&Forge, &mut Proposal);
    let faults: [(Fault, &str); 9] = [
        (|_, moved| drop(moved.files.remove(ACTOR_PATH)), "ledger/actor"),
        (|_, moved| moved.signer = Some("lead".to_owned()), "ledger/actor"),
        (|_, moved| moved.entry.actor.id = "github:43".to_owned(), "ledger/actor"),
        (|_, moved| moved.entry.source = "comment:18".to_owned(), "ledger/actor"),
        (|_, moved| moved.entry.source = "cli".to_owned(), "ledger/actor"),
        (|forge, moved| give(moved, "write", Timestamp::from_unix(forge.clock.unix())), "ledger/not-permitted"),
        (|forge, moved| give(moved, "maintain", Timestamp::from_unix(forge.clock.unix() - 901)), "ledger/actor"),
        (|_, moved| drop(moved.files.insert(ACTOR_PATH.to_owned(), b"{}".to_vec())), "ledger/actor"),
        (|_, moved| moved.entry.actor.id = "ssh:mover@example.com".to_owned(), "ledger/actor"),
    ];
    for (at, (fault, code)) in faults.into_iter().enumerate() {
        let head = forge.head();
        let mut moved = forge.promote(&head, "github:42", "staging", &["web@1.2.0"], &oid('3'), &[]);
        fault(&forge, &mut moved);
        let moved = forge.seal(&head, moved);
        skipped(&mut forge, &moved, code);
        assert_eq!(forge.head().entry(at as u64 + 5).unwrap().outline.action, Verb::Hold, "fault {at}");
    }
}

#[test]
fn a_mover_has_no_right_of_its_own() {
    let mut forge = story();
    let own = forge.promote(&forge.head(), "mover", "staging", &["web@1.2.0"], &oid('3'), &[]);
    skipped(&mut forge, &own, "ledger/not-permitted");
}

/// Puts other answers in the place of those that gave the right.
fn give(moved: &mut Proposal, permission: &str, time: Timestamp) {
    let mut evidence = person(&moved.entry, permission, &[]);
    evidence.time = time;
    moved.rights = evidence.rights();
    moved.files.insert(ACTOR_PATH.to_owned(), canonical_json(&evidence).unwrap());
}

/// What a mover signed is the actor's: their own waiver does not count for them, and for another it does.
#[test]
fn own_waivers_are_judged_by_the_actor_and_not_by_the_mover() {
    let mut forge = story();
    let until = Timestamp::from_unix(forge.clock.unix() + 3_600);
    let waive = forge.waive(&forge.head(), "github:42", "health", "staging", &oid('3'), until);
    forge.add(&waive);
    let head = forge.head();
    let own = forge.promote(&head, "github:42", "staging", &["web@1.2.0"], &oid('3'), &[("health", head.serial())]);
    skipped(&mut forge, &own, "ledger/gate-not-passed");
    let serial = forge.head().state().waivers.iter().next().unwrap().serial;
    let other = forge.promote(&forge.head(), "github:43", "staging", &["web@1.2.0"], &oid('3'), &[("health", serial)]);
    forge.add(&other);
}

#[test]
fn an_unknown_rulebook_of_a_signer_is_said_and_not_skipped() {
    let mut forge = story();
    let before = forge.head();
    let mut newer = forge.hold(&before, Verb::Hold, "lead", HoldScope::All, None);
    newer.entry.rulebook = 2;
    let mut unsigned = newer.clone();
    unsigned.signer = None;
    let oid = forge.put(&unsigned, Some(&before));
    named(&forge, &before, &oid, "ledger/unsigned");
    newer.parents = vec![oid];
    let oid = forge.put(&newer, Some(&before));
    assert_eq!(forge.read(&oid, None).into_verified().err().unwrap().reason, Reason::LedgerUnverifiable);
}

/// What was there before is taken over once, by the first entry, as it can be.
#[test]
fn tags_from_before_that_are_not_the_channels() {
    let taken = |channel: &str, tag: &str, release: Option<(&str, char)>| TakenOver {
        channel: channel.parse().unwrap(),
        name: format!("refs/tags/{tag}").parse().unwrap(),
        oid: oid('7'),
        commit: oid('7'),
        release: release.map(|(package, commit)| Release {
            package: package.parse().unwrap(),
            version: "0.1.0".parse().unwrap(),
            commit: oid(commit),
            tag: None,
        }),
    };
    let (web, api) = ("channel/staging/web", "channel/staging/api");
    let good = || vec![taken("staging", web, Some(("web", '7'))), taken("staging", api, None)];
    let bad = [
        vec![taken("staging", "channel/production/web", None)],
        vec![taken("staging", "v1.0.0", None)],
        vec![taken("staging", web, None), taken("staging", web, None)],
        vec![taken("staging", web, Some(("web", '6')))],
        vec![taken("staging", web, Some(("api", '7')))],
    ];
    for bad in bad {
        let forge = Forge::taking_over(bad.clone());
        let read = forge.read(forge.tip.as_ref().unwrap(), None);
        assert!(read.findings.iter().any(|finding| finding.code == "ledger/taken-over"), "{bad:?}: {:?}", read.findings);
        assert_eq!(read.into_verified().err().unwrap().reason, Reason::LedgerBroken, "{bad:?}");
    }
    let mut forge = Forge::taking_over(good());
    let head = forge.head();
    let staging = &head.state().channels[&"staging".parse().unwrap()];
    assert_eq!((&staging.candidate, staging.tags.len(), staging.releases.len()), (&oid('7'), 1, 1));
    let mut later = forge.adopt(&head, "lead", "without second");
    later.entry.body = Some(Body::Adopt { signatures: Vec::new(), taken_over: vec![taken("production", "channel/production/web", None)] });
    skipped(&mut forge, &later, "ledger/taken-over");
}

/// Whoever may move a channel says what the gates after the move found: of that move, all of it, and nothing that the move needs.
#[test]
fn what_was_found_after_a_move() {
    type Change = fn(&mut Proposal);
    let faults: &[(&str, u64, Change, &str)] = &[
        ("of an entry that moved nothing", 3, |_| (), "ledger/after"),
        ("of an entry that is not there", 4, |after| after.entry.body = Some(Body::After { of: 99, verb: Verb::Promote }), "ledger/after"),
        ("of another move", 4, |after| after.entry.body = Some(Body::After { of: 1, verb: Verb::Promote }), "ledger/after"),
        ("of another verb", 4, |after| after.entry.body = Some(Body::After { of: 4, verb: Verb::Rollback }), "ledger/after"),
        ("another gate", 4, |after| after.record("smoke").id = "health".parse().unwrap(), "ledger/after"),
        (
            "green",
            4,
            |after| (after.record("smoke").outcome, after.record("smoke").reason_code) = (Outcome::Passed, "passed".to_owned()),
            "ledger/after",
        ),
        ("waived", 4, |after| after.record("smoke").waiver = Some(1), "ledger/after"),
        ("without evidence", 4, |after| after.record("smoke").evidence = None, "ledger/gate-record"),
        ("evidence of another move", 4, |after| after.edit_evidence("smoke", |seen| seen["verb"] = "rollback".into()), "ledger/evidence"),
        ("no results", 4, |after| after.entry.gates.clear(), "ledger/fields"),
        ("with a move", 4, |after| after.entry.moves = vec![after_move()], "ledger/fields"),
        (
            "with an attestation",
            4,
            |after| after.edit("attestations/smoke.json", Some(Node::Bytes("100644", b"{}".to_vec()))),
            "ledger/shape",
        ),
    ];
    for (what, of, change, code) in faults {
        let mut forge = story();
        let mut after = forge.after(&forge.head(), "lead", *of);
        change(&mut after);
        let before = forge.head();
        let violations = forge.ask(&before, &after).err().unwrap_or_default();
        assert!(violations.iter().any(|violation| violation.code == *code), "{what}: {violations:#?}");
        skipped(&mut forge, &after, code);
    }
    let mut forge = story();
    // `dev` may promote to staging alone.
    for who in ["review", "dev"] {
        let after = forge.after(&forge.head(), who, 4);
        skipped(&mut forge, &after, "ledger/not-permitted");
    }
    let facts = |forge: &Forge| {
        let state = forge.head().state().clone();
        (state.channels, state.holds, state.staged, state.acks)
    };
    for (who, of) in [("lead", 4), ("dev", 1), ("ci", 1)] {
        let before = facts(&forge);
        forge.add(&forge.after(&forge.head(), who, of));
        assert_eq!(facts(&forge), before, "{who}");
    }
    forge.add(&forge.adopt(&forge.head(), "lead", "not waivable"));
    let after = forge.after(&forge.head(), "lead", 4);
    skipped(&mut forge, &after, "ledger/after");
}

fn after_move() -> Move {
    Move { name: "refs/tags/channel/staging/web".parse().unwrap(), from: None, to: Some(oid('9')), commit: Some(oid('1')), object: None }
}

/// Good entries in commits that say something else, signed by who may sign them.
#[test]
fn a_commit_that_is_not_the_one_of_its_entry() {
    let mut forge = story();
    let other = forge.head().ledger().genesis.clone();
    let faults: [(&str, &str, String, &str); 4] = [
        ("message", ": hold", ": unhold".to_owned(), "ledger/commit"),
        ("author", "\nauthor ", "\nauthor x".to_owned(), "ledger/commit"),
        ("a second parent", "\nauthor", format!("\nparent {other}\nauthor"), "ledger/parents"),
        ("another header", "\ncommitter", "\nencoding x\ncommitter".to_owned(), "ledger/commit"),
    ];
    for (about, from, to, code) in faults {
        let before = forge.head();
        let hold = forge.hold(&before, Verb::Hold, "lead", HoldScope::Channel, Some("staging"));
        let oid = forge.put(&hold, Some(&before));
        let payload = Commit::parse(&forge.bytes_of(&oid)).unwrap().payload;
        let text = String::from_utf8(payload).unwrap();
        let changed = text.replacen(from, &to, 1);
        assert_ne!(text, changed, "{about}");
        forge.tip = Some(before.head().clone());
        let oid = forge.put_commit(&signed(changed.into_bytes(), Some("lead")));
        named(&forge, &before, &oid, code);
        forge.tip = Some(before.head().clone());
    }
    goes_on(&mut forge);
}

#[test]
fn times_that_go_back() {
    let mut forge = story();
    let head = forge.head();
    let mut early = forge.hold(&head, Verb::Hold, "lead", HoldScope::All, None);
    early.entry.time = Timestamp::from_unix(forge.clock.unix() - 86_401);
    skipped(&mut forge, &early, "ledger/time");
    // Step by step it does not work either.
    let clock = forge.clock;
    forge.clock = Timestamp::from_unix(clock.unix() - 86_400);
    let step = forge.hold(&forge.head_at(clock), Verb::Hold, "lead", HoldScope::All, None);
    forge.clock = clock;
    forge.add(&step);
    let mut second = forge.hold(&forge.head(), Verb::Hold, "second", HoldScope::Channel, Some("staging"));
    second.entry.time = Timestamp::from_unix(clock.unix() - 2 * 86_400);
    skipped(&mut forge, &second, "ledger/time");
}

#[test]
fn serials_and_fields_that_do_not_fit() {
    let mut forge = story();
    type Fault = fn(&mut Proposal);
    let faults: [(Fault, &str); 8] = [
        (|hold| hold.entry.serial += 1000, "ledger/bad-serial"),
        (|hold| hold.entry.serial = 1 << 53, "ledger/bad-serial"),
        (|hold| hold.entry.previous = Some(oid('d')), "ledger/broken-chain"),
        (|hold| hold.entry.reason = None, "ledger/fields"),
        (|hold| hold.entry.reason = Some("  ".to_owned()), "ledger/fields"),
        (|hold| hold.entry.candidate = Some(oid('3')), "ledger/fields"),
        (|hold| hold.entry.action = Verb::Rehearse, "ledger/fields"),
        (|hold| hold.entry.valid_until = Some(hold.entry.time), "ledger/fields"),
    ];
    for (fault, code) in faults {
        let mut hold = forge.hold(&forge.head(), Verb::Hold, "lead", HoldScope::All, None);
        fault(&mut hold);
        skipped(&mut forge, &hold, code);
    }
    let verdict = forge.verdict(&forge.head(), "review", &oid('3'), "MAYBE");
    skipped(&mut forge, &verdict, "ledger/statement");
    let digest = Digest::of(b"x");
    assert!(!forge.head().ledger().claims.contains_key(&digest));
}
