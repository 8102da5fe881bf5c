//! Random sequences of entries, valid and broken in one or two places, written through raw git. The branch reads as exactly
//! what the verbs' function said of each, and no field of an entry that counts can be changed.
//!
//! `TAGWARDEN_RULEBOOK_CASES` asks for more cases.

use super::{
    forge::{Forge, Proposal, SIGNERS, actor, oid},
    keys::Key,
    objects::Node,
};
use proptest::{prelude::*, test_runner::Config};
use std::collections::BTreeSet;
use tagwarden::{
    domain::{
        ActorKind, Oid, Outcome, Release, Timestamp, Verb,
        state::{Body, HoldScope, TakenOver},
    },
    release::{chain::Verified, object::Commit},
};

/// One entry: what it does, by whom, with which faults.
#[derive(Clone, Debug)]
struct Step {
    action: u8,
    who: u8,
    with: u8,
    /// Seconds since the step before.
    later: u8,
    faults: Vec<u8>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let faults = prop_oneof![3 => Just(Vec::new()), 2 => prop::collection::vec(any::<u8>(), 1..=2)];
    let step = (any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>(), faults);
    prop::collection::vec(step.prop_map(|(action, who, with, later, faults)| Step { action, who, with, later, faults }), 1..16)
}

/// Mostly somebody who may do it.
fn person(step: &Step) -> &'static str {
    match step.who % 12 {
        0 => "github:42",
        1 => "ci",
        2 => "review",
        3 => "dev",
        4 => "mover",
        5..=7 => "second",
        _ => "lead",
    }
}

/// Staging has a tag for each of two packages. 0: it was not there; 1: it was, without a release; 2: as a release.
fn taken_over(kinds: &[u8]) -> Vec<TakenOver> {
    let taken = |(package, kind): (&str, &u8)| TakenOver {
        channel: "staging".parse().unwrap(),
        name: format!("refs/tags/channel/staging/{package}").parse().unwrap(),
        oid: oid('9'),
        commit: oid('9'),
        release: (*kind == 2).then(|| Release {
            package: package.parse().unwrap(),
            version: "0.1.0".parse().unwrap(),
            commit: oid('9'),
            tag: Some(oid('8')),
        }),
    };
    ["web", "api"].into_iter().zip(kinds).filter(|(_, kind)| **kind > 0).map(taken).collect()
}

fn propose(forge: &Forge, head: &Verified, step: &Step) -> Proposal {
    let who = person(step);
    let digit = |n: u8| oid(char::from_digit(u32::from(n % 9) + 1, 10).unwrap());
    let serial = head.next_serial();
    let commit = digit(u8::try_from(serial % 9).unwrap());
    let channel = if step.with.is_multiple_of(2) { "staging" } else { "production" };
    let until = Timestamp::from_unix(forge.clock.unix() + i64::from(step.with));
    let on = |name: &str| head.state().channels.get(&name.parse().unwrap()).cloned();
    let waivers = || -> Vec<(&'static str, u64)> {
        let ours = head.state().waivers.iter().filter(|waiver| waiver.channel.as_str() == channel);
        ours.map(|waiver| (if waiver.gate.as_str() == "step" { "step" } else { "health" }, waiver.serial)).take(1).collect()
    };
    match step.action % 16 {
        0..=2 => forge.promote(head, who, "staging", &[&format!("web@1.{serial}.0")], &commit, &[]),
        3 => forge.promote(head, who, "staging", &[&format!("web@1.{serial}.0"), &format!("api@1.{serial}.0")], &commit, &waivers()),
        4 => match on("staging").and_then(|now| Some((now.releases.get(&"web".parse().unwrap())?.clone(), now))) {
            Some((web, now)) => forge.promote(head, who, "production", &[&format!("web@{}", web.version)], &now.candidate, &waivers()),
            None => forge.promote(head, who, "production", &["web@1.0.0"], &commit, &[]),
        },
        5 => {
            let channel_name = channel.parse().unwrap();
            let mut was = head.ledger().releases_of(&channel_name);
            let target = was.nth(1 + usize::from(step.with % 3)).map_or("web@0.1.0".to_owned(), |release| release.name().to_string());
            forge.rollback(head, who, channel, &[&target])
        }
        6 => forge.hold(head, Verb::Hold, who, HoldScope::Channel, Some(channel)),
        7 => forge.hold(head, Verb::Hold, who, HoldScope::Release, Some("web@1.1.0")),
        8 => match head.state().holds.iter().nth(usize::from(step.with % 3)) {
            Some(hold) => forge.hold(head, Verb::Unhold, who, hold.scope, hold.of.as_deref()),
            None => forge.hold(head, Verb::Unhold, who, HoldScope::All, None),
        },
        9 => forge.waive(head, who, if step.with.is_multiple_of(3) { "fixed" } else { "health" }, channel, &commit, until),
        10 => {
            let staged = on("staging").map_or(commit, |now| now.candidate);
            forge.ack(head, who, "production", &staged)
        }
        11 => forge.verdict(head, who, &commit, if step.with.is_multiple_of(2) { "SAFE" } else { "FINDINGS" }),
        12 => forge.stage(head, who, &format!("web@1.{serial}.0"), &commit),
        13 => forge.after(head, who, u64::from(step.with) % serial),
        14 => forge.adopt(head, who, ["first", "without second", "not waivable", "elsewhere"][usize::from(step.with % 4)]),
        _ => forge.rehearse(
            head,
            who,
            channel,
            &[("first", "passed"), ("back", if step.with.is_multiple_of(3) { "failed" } else { "passed" })],
        ),
    }
}

type Fault = fn(&Forge, &Verified, &mut Proposal);

/// Each breaks one thing; some break nothing where there is nothing to break.
const FAULTS: &[Fault] = &[
    |_, _, proposal| proposal.signer = None,
    |_, _, proposal| proposal.signer = Some("stranger".to_owned()),
    |_, _, proposal| proposal.signer = Some("review".to_owned()),
    |_, _, proposal| proposal.parents.clear(),
    |_, head, proposal| proposal.parents.push(head.genesis().clone()),
    |_, head, proposal| proposal.entry.previous = Some(head.genesis().clone()),
    |_, _, proposal| proposal.entry.previous = None,
    |_, _, proposal| proposal.entry.serial += 1,
    |_, _, proposal| proposal.entry.rulebook = 0,
    |forge, _, proposal| proposal.entry.time = Timestamp::from_unix(forge.clock.unix() + 90_000),
    |forge, _, proposal| proposal.entry.time = Timestamp::from_unix(forge.clock.unix() - 90_000),
    |_, _, proposal| proposal.entry.actor = actor("review"),
    |_, _, proposal| proposal.entry.actor.kind = ActorKind::Automation,
    |_, _, proposal| proposal.entry.actor.id = "github:42".to_owned(),
    |_, _, proposal| proposal.entry.reason = None,
    |_, _, proposal| proposal.entry.channel = None,
    |_, _, proposal| proposal.entry.channel = Some("production".parse().unwrap()),
    |_, _, proposal| proposal.entry.candidate = Some(oid('e')),
    |_, _, proposal| proposal.entry.body = None,
    |_, _, proposal| proposal.entry.body = Some(Body::Verdict { verdict: "FINE".to_owned() }),
    |_, head, proposal| proposal.entry.claim = head.entry(0).unwrap().outline.claim.clone(),
    |_, _, proposal| proposal.entry.policy.version += 1,
    |forge, _, proposal| proposal.entry.policy.tree = forge.trees["elsewhere"].clone(),
    |_, _, proposal| proposal.entry.valid_until = None,
    |_, _, proposal| proposal.entry.releases.iter_mut().for_each(|release| release.commit = oid('e')),
    |_, _, proposal| proposal.entry.releases.iter_mut().for_each(|release| release.tag = Some(oid('e'))),
    |_, _, proposal| proposal.entry.releases.truncate(1),
    |_, _, proposal| drop(proposal.entry.moves.pop()),
    |_, _, proposal| proposal.entry.moves.iter_mut().for_each(|moved| moved.from = Some(oid('e'))),
    |_, _, proposal| proposal.entry.moves.iter_mut().for_each(|moved| moved.commit = Some(oid('e'))),
    |_, _, proposal| proposal.entry.moves.iter_mut().for_each(|moved| moved.object = None),
    |_, _, proposal| proposal.entry.moves.iter_mut().for_each(|moved| moved.name = "refs/heads/main".parse().unwrap()),
    |_, _, proposal| drop(proposal.entry.gates.pop()),
    |_, _, proposal| proposal.entry.gates.extend(proposal.entry.gates.first().cloned()),
    |_, _, proposal| proposal.entry.gates.iter_mut().for_each(|record| record.outcome = Outcome::Failed),
    |_, _, proposal| proposal.entry.gates.iter_mut().for_each(|record| record.evidence = None),
    |_, _, proposal| proposal.entry.gates.iter_mut().for_each(|record| record.waiver = Some(1)),
    |_, _, proposal| proposal.entry.gates.iter_mut().for_each(|record| record.kind = "env".to_owned()),
    |_, _, proposal| drop(proposal.files.pop_first()),
    |_, _, proposal| drop(proposal.files.pop_last()),
    |_, _, proposal| drop(proposal.files.insert("evidence/health.json".to_owned(), b"{}".to_vec())),
    |_, _, proposal| drop(proposal.files.insert("attestations/health.json".to_owned(), b"{}".to_vec())),
    |_, _, proposal| proposal.edit("README", Some(Node::Bytes("100644", Vec::new()))),
    |_, _, proposal| proposal.edit("state/head.json", Some(Node::Bytes("100644", b"{}".to_vec()))),
    |_, _, proposal| proposal.edit("policy", None),
    |_, _, proposal| proposal.edit("entry.json", Some(Node::Bytes("100644", b"{}".to_vec()))),
    |_, head, proposal| {
        let is_there = proposal.files.contains_key("evidence/health.json");
        if is_there && proposal.entry.gates.iter().any(|record| record.id.as_str() == "health" && record.evidence.is_some()) {
            proposal.edit_evidence("health", |evidence| evidence["answers"][0]["time"] = "2026-11-20T09:00:00Z".into());
        }
        let _ = head;
    },
];

/// Faults that stand in what is made of the entry as well: tags and attestations are made anew with them.
fn spoil(forge: &Forge, head: &Verified, mut proposal: Proposal, step: &Step) -> Proposal {
    for (at, fault) in step.faults.iter().enumerate() {
        FAULTS[usize::from(*fault) % FAULTS.len()](forge, head, &mut proposal);
        let seals = at == 0 && step.with.is_multiple_of(3) && proposal.entry.action.moves() && proposal.entry.candidate.is_some();
        let packages: BTreeSet<_> = proposal.entry.releases.iter().map(|release| &release.package).collect();
        if seals && !packages.is_empty() && proposal.entry.channel.is_some() {
            proposal = forge.seal(head, proposal);
        }
    }
    proposal
}

fn play(forge: &mut Forge, step: &Step) -> Result<(), TestCaseError> {
    forge.clock = Timestamp::from_unix(forge.clock.unix() + i64::from(step.later));
    let head = forge.head();
    let mut proposal = propose(forge, &head, step);
    if !step.faults.is_empty() {
        proposal = spoil(forge, &head, proposal, step);
    }
    let said = forge.ask(&head, &proposal);
    let tip = forge.tip.clone();
    let oid = forge.put(&proposal, Some(&head));
    if !proposal.parents.contains(head.tip()) {
        // It is on the branch only where a merge brings it there.
        let bytes = forge.commit_of(&oid, &[tip.unwrap(), oid.clone()], None);
        forge.put_commit(&bytes);
    }
    let after = forge.head();
    // No verb writes anywhere but behind the tip, so none looks at the parent.
    let is_behind_tip = proposal.parents.contains(head.tip());
    prop_assert_eq!(
        after.head() == &oid,
        said.is_ok() && is_behind_tip,
        "{}: the verbs say {:?}, the branch says otherwise",
        proposal.entry.action,
        said.err()
    );
    if after.head() == &oid {
        return change_one_field(forge, &head, &oid, usize::from(step.who));
    }
    prop_assert_eq!((after.head(), after.state()), (head.head(), head.state()));
    let codes: BTreeSet<&str> = said.as_ref().err().into_iter().flatten().map(|violation| violation.code).collect();
    let skipped = after.skipped().iter().find(|skipped| skipped.oid == oid);
    let named = skipped.map(|skipped| skipped.why.iter().map(|why| why.code).collect::<BTreeSet<_>>()).unwrap_or_default();
    // Without a parent it is judged as an entry 0, a merge not at all, and what follows or names another entry as one that would take
    // the place of those between.
    let is_judged_here = proposal.parents == [head.tip().clone()] && proposal.entry.previous.as_ref() == Some(head.head());
    prop_assert!(!named.is_empty() && (!is_judged_here || named.is_subset(&codes)), "named as {named:?}, the verbs say {codes:?}");
    Ok(())
}

/// The commit of an entry that counts, with one value of its `entry.json` changed and everything else as it is: it counts no
/// more.
fn change_one_field(forge: &mut Forge, before: &Verified, oid: &Oid, pick: usize) -> Result<(), TestCaseError> {
    let tip = forge.tip.clone();
    let commit = Commit::parse(&forge.bytes_of(oid)).unwrap();
    let text = forge.git(&["show", &format!("{oid}:entry.json")]);
    let entry: serde_json::Value = serde_json::from_str(&text).unwrap();
    let leaves = leaves(&entry, String::new());
    let pointer = &leaves[pick % leaves.len()];
    let mut changed = entry.clone();
    let value = changed.pointer_mut(pointer).unwrap();
    *value = match value.clone() {
        serde_json::Value::String(text) if text.ends_with('0') => format!("{}1", &text[..text.len() - 1]).into(),
        serde_json::Value::String(text) => format!("{}0", text.get(..text.len().saturating_sub(1)).unwrap_or_default()).into(),
        serde_json::Value::Number(number) => (number.as_u64().unwrap() + 1).into(),
        serde_json::Value::Bool(value) => (!value).into(),
        serde_json::Value::Null => "x".into(),
        list => {
            if list.is_array() {
                serde_json::json!([{}])
            } else {
                serde_json::json!({ "x": 1 })
            }
        }
    };
    let bytes = forge.with_entry(oid, &commit, &serde_json::to_vec(&changed).unwrap());
    let other = forge.put_commit(&bytes);
    let read = forge.head();
    forge.tip = tip;
    prop_assert!(
        read.head() == before.head() && other != *oid,
        "{pointer} was changed from {} and still counts",
        entry.pointer(pointer).unwrap()
    );
    Ok(())
}

/// The place of every value that holds no other one.
fn leaves(value: &serde_json::Value, at: String) -> Vec<String> {
    match value {
        serde_json::Value::Object(map) if !map.is_empty() => {
            map.iter().flat_map(|(key, value)| leaves(value, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")))).collect()
        }
        serde_json::Value::Array(list) if !list.is_empty() => {
            list.iter().enumerate().flat_map(|(number, value)| leaves(value, format!("{at}/{number}"))).collect()
        }
        _ => vec![at],
    }
}

fn cases() -> u32 {
    std::env::var("TAGWARDEN_RULEBOOK_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(5)
}

proptest! {
    #![proptest_config(Config { cases: cases(), max_shrink_iters: 60, failure_persistence: None, ..Config::default() })]

    #[test]
    fn the_branch_reads_as_exactly_what_the_verbs_may_write(steps in steps(), taken in prop::collection::vec(0..3u8, 2)) {
        let mut forge = Forge::taking_over(taken_over(&taken));
        for step in &steps {
            play(&mut forge, step)?;
        }
    }
}

/// An adoption whose tree has no policy: its reader stops there, before the policy is known, and names what the verbs name.
#[test]
fn an_adoption_without_its_policy_is_named_as_the_verbs_name_it() {
    let without_policy = FAULTS.len() - 3;
    for who in [0, 11] {
        let step = Step { action: 14, who, with: 1, later: 0, faults: vec![u8::try_from(without_policy).unwrap()] };
        play(&mut Forge::new(), &step).unwrap();
    }
}

/// The file with somebody's rights, beside an entry of an actor who signs: readers do not read it, so it may give no right.
#[test]
fn rights_of_somebody_else_are_named_as_the_verbs_name_them() {
    let is_of_another = 11;
    let step = Step { action: 0, who: 0, with: 0, later: 0, faults: vec![is_of_another] };
    play(&mut Forge::new(), &step).unwrap();
}

/// Beside the newest entry, on the one before it, and so on the branch by a merge alone.
#[test]
fn an_entry_of_another_line_changes_nothing() {
    let mut forge = Forge::taking_over(taken_over(&[0, 1]));
    let (no_parent, on_genesis) = (3, 4);
    play(&mut forge, &Step { action: 6, who: 5, with: 0, later: 0, faults: Vec::new() }).unwrap();
    // The first is refused, the second would count behind the tip.
    play(&mut forge, &Step { action: 0, who: 0, with: 54, later: 26, faults: vec![no_parent, on_genesis] }).unwrap();
    play(&mut forge, &Step { action: 10, who: 5, with: 120, later: 221, faults: vec![no_parent, on_genesis] }).unwrap();
}

/// Every field of an entry, one by one.
#[test]
fn no_field_of_an_entry_can_be_changed() {
    let mut forge = Forge::new();
    let before = forge.head();
    let oid = forge.add(&forge.promote(&before, "lead", "staging", &["web@1.0.0", "api@1.0.0"], &oid('1'), &[]));
    let text = forge.git(&["show", &format!("{oid}:entry.json")]);
    let count = leaves(&serde_json::from_str(&text).unwrap(), String::new()).len();
    assert!(count > 50, "{count}");
    for pick in 0..count {
        change_one_field(&mut forge, &before, &oid, pick).unwrap();
    }
    assert!(SIGNERS.iter().all(|name| Key::of(name).identity().starts_with("ssh:")));
}
