//! Attacks on the chain by writers with lesser rights, rights of yesterday, or none: nothing that counts is taken out of
//! effect, nobody is stopped, and no reader does more work than the branch is worth.

use super::{
    forge::{Forge, Proposal, oid},
    objects::{self, Node},
};
use tagwarden::{
    domain::{Digest, Oid, Timestamp, Verb, state::HoldScope},
    release::chain::Verified,
};

const DAY: i64 = 86_400;

fn at(forge: &mut Forge, seconds: i64) {
    forge.clock = Timestamp::from_unix("2026-11-21T10:00:00Z".parse::<Timestamp>().unwrap().unix() + seconds);
}

/// The head as it is read from this tip; `None`: it is refused.
fn head_of(forge: &Forge, tip: &Oid, remembered: Option<&Oid>) -> Option<Oid> {
    forge.read(tip, remembered).into_verified().ok().map(|head| head.head().clone())
}

/// Claim 3: a valid entry that was written after a quiet day is taken out of effect by a backdated one.
#[test]
fn a_hold_written_earlier_than_the_one_that_counts() {
    let mut forge = Forge::new();
    at(&mut forge, 3 * DAY);
    let before = forge.head();
    let hold = forge.hold(&before, Verb::Hold, "lead", HoldScope::All, None);
    let kept = forge.add(&hold);
    at(&mut forge, 3 * DAY - DAY - 1);
    let mut early = forge.hold(&before, Verb::Hold, "dev", HoldScope::Channel, Some("staging"));
    early.parents = vec![kept.clone()];
    at(&mut forge, 3 * DAY + 60);
    forge.put(&early, Some(&before));
    let head = forge.head();
    assert_eq!(*head.head(), kept, "the hold of lead on everything was passed by");
}

/// The same by a signer whom the adoption took out.
#[test]
fn a_signer_who_was_removed_and_writes_earlier() {
    let mut forge = Forge::new();
    at(&mut forge, 3 * DAY);
    let before = forge.head();
    let kept = forge.add(&forge.adopt(&before, "lead", "without second"));
    at(&mut forge, DAY);
    let mut early = forge.verdict(&before, "second", &oid('3'), "SAFE");
    early.parents = vec![kept.clone()];
    at(&mut forge, 3 * DAY + 60);
    forge.put(&early, Some(&before));
    assert_eq!(*forge.head().head(), kept, "the adoption was passed by");
}

/// Claim 3: a longer line, of one who may only hold staging, and who remembers does not help.
#[test]
fn a_longer_line_of_somebody_with_lesser_rights() {
    let mut forge = Forge::new();
    let base = forge.head();
    forge.add(&forge.adopt(&base, "lead", "without second"));
    let kept = forge.add(&forge.hold(&forge.head(), Verb::Hold, "lead", HoldScope::All, None));
    forge.tip = Some(base.head().clone());
    for n in 0..4u32 {
        let head = forge.head();
        let mut p = forge.verdict(&head, "second", &oid('3'), "SAFE");
        p.entry.claim = Digest::of(format!("x{n}").as_bytes());
        forge.add(&p);
    }
    let long = forge.tip.clone().unwrap();
    let bytes = forge.commit_of(&long, &[kept.clone(), long.clone()], None);
    let merge = forge.put_commit(&bytes);
    let head = forge.read(&merge, Some(&kept)).into_verified().unwrap();
    assert_eq!(*head.head(), kept, "the removed signer's line counts, even where the other one is remembered");
}

/// What is written where any of them is remembered counts for everybody.
#[test]
fn three_lines_of_one_height() {
    let mut forge = Forge::new();
    let base = forge.head();
    let mut tips = Vec::new();
    for (n, digit) in ['3', '4', '5'].into_iter().enumerate() {
        forge.tip = Some(base.head().clone());
        let mut p = forge.verdict(&base, "review", &oid(digit), "SAFE");
        p.entry.claim = Digest::of(format!("x{n}").as_bytes());
        tips.push(forge.put(&p, Some(&base)));
    }
    for order in [[0, 1, 2], [1, 2, 0], [2, 0, 1]] {
        let parents: Vec<Oid> = order.iter().map(|n: &usize| tips[*n].clone()).collect();
        let bytes = forge.commit_of(&tips[0], &parents, None);
        let merge = forge.put_commit(&bytes);
        for own in &tips {
            let remembering = forge.read(&merge, Some(own)).into_verified().unwrap();
            assert_eq!(remembering.head(), own);
            let p = forge.hold(&remembering, Verb::Hold, "lead", HoldScope::Channel, Some("staging"));
            let next = forge.put(&p, Some(&remembering));
            let fresh = head_of(&forge, &next, None);
            let same = head_of(&forge, &next, Some(&next));
            let same_old = head_of(&forge, &next, Some(own));
            assert_eq!(same.as_ref(), Some(&next), "the writer does not count its own entry");
            assert_eq!(fresh.as_ref(), Some(&next));
            assert_eq!(same_old.as_ref(), Some(&next));
        }
    }
}

/// A policy that cannot be read at all: a file of it is a tree. Of one who may only give verdicts.
#[test]
fn a_policy_with_a_folder_where_a_file_is_named() {
    let mut forge = Forge::new();
    let head = forge.head();
    let empty = forge.trees["first"].clone();
    let mut bytes = b"100644 protocol.yaml\0".to_vec();
    bytes.extend((0..20).map(|i| u8::from_str_radix(&empty.as_str()[i * 2..i * 2 + 2], 16).unwrap()));
    let repo = std::path::PathBuf::from(forge.git(&["rev-parse", "--absolute-git-dir"]).trim());
    let bad = objects::write(&repo, "tree", &bytes);
    let mut adopt = forge.adopt(&head, "review", "first");
    adopt.entry.policy.tree = bad.clone();
    adopt.edit("policy", Some(Node::There("40000", bad)));
    forge.put(&adopt, Some(&head));
    // `read` unwraps: a fault is a panic here.
    assert_eq!(forge.head().head(), head.head());
}

/// The same unsigned, as an entry 0 of nobody, merged. Without a pin.
#[test]
fn such_a_policy_of_an_entry_0_that_nobody_signed() {
    let mut forge = Forge::new();
    let head = forge.head();
    let empty = forge.trees["first"].clone();
    let mut bytes = b"100644 protocol.yaml\0".to_vec();
    bytes.extend((0..20).map(|i| u8::from_str_radix(&empty.as_str()[i * 2..i * 2 + 2], 16).unwrap()));
    let repo = std::path::PathBuf::from(forge.git(&["rev-parse", "--absolute-git-dir"]).trim());
    let bad = objects::write(&repo, "tree", &bytes);
    let mut adopt = forge.adopt(&head, "lead", "first");
    (adopt.entry.serial, adopt.entry.previous, adopt.entry.policy.version) = (0, None, 1);
    adopt.entry.policy.tree = bad.clone();
    adopt.edit("policy", Some(Node::There("40000", bad)));
    adopt.parents = Vec::new();
    adopt.signer = None;
    let root = forge.put(&adopt, None);
    let bytes = forge.commit_of(&root, &[root.clone(), head.tip().clone()], None);
    forge.put_commit(&bytes);
    assert_eq!(forge.head().head(), head.head());
}

/// A removed signer stops everybody with a higher rulebook on a fork of the old policy.
#[test]
fn a_higher_rulebook_on_the_line_of_a_removed_signer() {
    let mut forge = Forge::new();
    let base = forge.head();
    let mut newer = forge.verdict(&base, "second", &oid('3'), "SAFE");
    newer.entry.rulebook = 2;
    let kept = forge.add(&forge.adopt(&base, "lead", "without second"));
    let fork = forge.put(&newer, Some(&base));
    for parents in [[kept.clone(), fork.clone()], [fork.clone(), kept.clone()]] {
        let bytes = forge.commit_of(&kept, &parents, None);
        let merge = forge.put_commit(&bytes);
        assert!(head_of(&forge, &merge, None).is_some());
    }
}

/// The same with a time that is ahead.
#[test]
fn an_entry_ahead_of_the_clock_on_the_line_of_a_removed_signer() {
    let mut forge = Forge::new();
    let base = forge.head();
    let now = forge.clock;
    forge.clock = Timestamp::from_unix(now.unix() + 23 * 3600);
    let ahead = forge.verdict(&base, "second", &oid('3'), "SAFE");
    forge.clock = now;
    let kept = forge.add(&forge.adopt(&base, "lead", "without second"));
    let fork = forge.put(&ahead, Some(&base));
    for parents in [[kept.clone(), fork.clone()], [fork.clone(), kept.clone()]] {
        let bytes = forge.commit_of(&kept, &parents, None);
        let merge = forge.put_commit(&bytes);
        assert!(head_of(&forge, &merge, None).is_some());
    }
}

/// Unsigned junk before it makes an entry of a higher rulebook unseen.
#[test]
fn a_higher_rulebook_behind_junk() {
    let mut forge = Forge::new();
    let base = forge.head();
    let hold = forge.add(&forge.hold(&base, Verb::Hold, "lead", HoldScope::All, None));
    at(&mut forge, 3 * DAY);
    forge.add(&forge.hold(&forge.head(), Verb::Hold, "lead", HoldScope::Channel, Some("staging")));
    let head = forge.head();
    let mut junk = forge.verdict(&head, "review", &oid('3'), "SAFE");
    (junk.signer, junk.entry.previous, junk.entry.time) = (None, Some(hold), "1970-01-01T00:00:00Z".parse().unwrap());
    let junk = forge.put(&junk, Some(&head));
    let mut newer = forge.hold(&head, Verb::Hold, "lead", HoldScope::Channel, Some("production"));
    newer.entry.rulebook = 2;
    newer.parents = vec![junk];
    let tip = forge.put(&newer, Some(&head));
    assert!(head_of(&forge, &tip, None).is_none(), "verbs must refuse (ledger_unverifiable)");
}

/// What gave somebody on GitHub the right to hold is told in a form that is not known here.
#[test]
fn a_higher_rulebook_for_somebody_for_whom_a_mover_signs() {
    type Made = fn(&Forge, &Verified) -> Proposal;
    let hold: Made = |forge, head| forge.hold(head, Verb::Hold, "github:42", HoldScope::All, None);
    let verdict: Made = |forge, head| forge.verdict(head, "github:42", &oid('3'), "SAFE");
    for (signer, made, is_known) in [("mover", hold, false), ("review", hold, true), ("mover", verdict, true)] {
        let mut forge = Forge::new();
        let head = forge.head();
        let mut newer = made(&forge, &head);
        (newer.signer, newer.entry.rulebook) = (Some(signer.to_owned()), 2);
        let tip = forge.put(&newer, Some(&head));
        assert_eq!(head_of(&forge, &tip, None).is_some(), is_known, "{signer} {}", newer.entry.action);
    }
}

/// Claim 1: an ack gate is passed without any ack in the ledger.
#[test]
fn an_acknowledgement_that_was_never_given() {
    let mut forge = Forge::new();
    forge.add(&forge.promote(&forge.head(), "lead", "staging", &["web@1.0.0"], &oid('1'), &[]));
    let head = forge.head();
    let p = forge.promote(&head, "lead", "production", &["web@1.0.0"], &oid('1'), &[]);
    assert!(forge.ask(&head, &p).is_err(), "the ledger has no ack, and the gate of kind ack is `passed`");
}

/// The same with evidence of no answers at all, for any gate.
#[test]
fn evidence_without_an_answer() {
    let forge = Forge::new();
    let head = forge.head();
    let mut p = forge.promote(&head, "lead", "staging", &["web@1.0.0"], &oid('1'), &[]);
    for gate in ["health", "fixed"] {
        p.edit_evidence(gate, |evidence| evidence["answers"] = serde_json::json!([]));
    }
    forge.settle_validity(&head, &mut p);
    let p = forge.seal(&head, p);
    assert!(forge.ask(&head, &p).is_err(), "gates are passed by evidence without an answer");
}

/// A clone that saw junk of its line, and then the merge.
#[test]
fn a_machine_that_remembers_junk() {
    let mut forge = Forge::new();
    let base = forge.head();
    let kept = forge.add(&forge.hold(&base, Verb::Hold, "lead", HoldScope::All, None));
    let bytes = forge.commit_of(&kept, std::slice::from_ref(&kept), None);
    let junk = forge.put_commit(&bytes);
    let other = forge.put(&forge.verdict(&base, "review", &oid('3'), "SAFE"), Some(&base));
    for parents in [[junk.clone(), other.clone()], [other.clone(), junk.clone()]] {
        let bytes = forge.commit_of(&kept, &parents, None);
        let merge = forge.put_commit(&bytes);
        assert_eq!(head_of(&forge, &merge, Some(&junk)), Some(kept.clone()));
    }
}
