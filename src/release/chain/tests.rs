//! A small lawful chain, and every way to spoil it.

use super::*;
use crate::{
    domain::{
        ChannelName, Digest, GateId, Outcome, Timestamp,
        digest::canonical_json,
        state::{GateRecord, HoldScope, Move},
    },
    release::{
        draft::Draft,
        fixtures::{actor, channel, oid, release},
        object::{commit_bytes, object_id, tag_bytes},
    },
};

const PROTOCOL: &str = r#"
version: 1
packages: { web: { release_tag: "v{version}", default: true } }
release_branches: [main]
channels: { staging: { tag: "channel/{channel}" }, production: { tag: "channel/{channel}", after: staging } }
signing: { key: none }
release_tags: any
roles:
  everything: { who: ["local:lead@example.com"], may: [stage, promote, rollback, hold, unhold, waive, ack, verdict] }
  staging: { who: ["local:dev@example.com"], may: [promote], on: [staging] }
"#;
const GATE: &str = "title: Step done\nwaivable: true\nack: { step: Do it }\n";

/// A chain in the making: every entry is placed behind the verified ones before it.
struct Maker {
    chain: RawChain,
}

impl Maker {
    fn new() -> Maker {
        let files = [("protocol.yaml", PROTOCOL), ("10-step.yaml", GATE)].map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
        let mut maker = Maker { chain: RawChain { entries: Vec::new(), policies: [(oid('a'), files.into())].into() } };
        let body = Some(Body::Adopt { signatures: Vec::new() });
        maker.add(Draft { adopts: Some(oid('a')), body, ..draft(Verb::Adopt, "lead") });
        maker
    }

    fn verify(&self) -> Verification {
        verify(&self.chain, &[])
    }

    fn head(&self) -> Option<Verified> {
        (!self.chain.entries.is_empty()).then(|| self.verify().into_verified().map_err(|fault| fault.findings).unwrap())
    }

    fn add(&mut self, draft: Draft) -> &mut Maker {
        let head = self.head();
        let moves = moves(&draft, head.as_ref());
        let drafted = draft.place(head.as_ref(), moves).unwrap();
        let (entry, state) = (drafted.entry.clone(), drafted.state.clone());
        self.push(&entry, &state, entry.previous.iter().cloned().collect());
        self
    }

    fn push(&mut self, entry: &Entry, state: &State, parents: Vec<Oid>) {
        let (entry_bytes, state_bytes) = (canonical_json(entry).unwrap(), canonical_json(state).unwrap());
        let commit = commit_bytes(&oid('f'), &parents, "x", entry.time, &format!("{}", entry.serial));
        let oid = object_id("commit", &[commit.as_slice(), &entry_bytes].concat(), &oid('a'));
        self.chain.entries.push(RawEntry {
            oid: oid.to_string(),
            commit,
            entry: Some(entry_bytes),
            state: Some(state_bytes),
            policy: Some(entry.policy.tree.clone()),
            files: None,
        });
    }

    /// Changes one entry's JSON, its commit id staying as it is (an object id is git's to check).
    fn edit(&mut self, at: usize, change: impl FnOnce(&mut serde_json::Value)) {
        let mut value = serde_json::from_slice(self.chain.entries[at].entry.as_deref().unwrap()).unwrap();
        change(&mut value);
        self.chain.entries[at].entry = Some(serde_json::to_vec(&value).unwrap());
    }

    fn codes(&self) -> Vec<String> {
        let verification = self.verify();
        assert_eq!(verification.verified.is_none(), !verification.findings.is_empty());
        verification.findings.into_iter().map(|finding| finding.code).collect()
    }
}

fn draft(action: Verb, who: &str) -> Draft {
    Draft {
        action,
        actor: actor(&format!("local:{who}@example.com")),
        reason: Some("because".to_owned()),
        source: "cli".to_owned(),
        claim: Digest::of(action.slug().as_bytes()),
        time: Timestamp::from_unix(2_000_000),
        channel: None,
        releases: Vec::new(),
        candidate: None,
        gates: Vec::new(),
        body: None,
        adopts: None,
    }
}

fn promotion(to: &str, version: &str, commit: char, who: &str) -> Draft {
    let gate = GateRecord {
        id: "step".parse::<GateId>().unwrap(),
        kind: "ack".to_owned(),
        on_fail: "halt".to_owned(),
        outcome: Outcome::Passed,
        reason_code: "passed".to_owned(),
        evidence: None,
        waiver: None,
    };
    let releases = vec![release(version, oid(commit), oid('9'))];
    Draft { channel: Some(channel(to)), releases, candidate: Some(oid(commit)), gates: vec![gate], ..draft(Verb::Promote, who) }
}

fn moves(draft: &Draft, head: Option<&Verified>) -> Vec<Move> {
    let (Some(to), Some(candidate), true) = (&draft.channel, &draft.candidate, draft.action.moves()) else { return Vec::new() };
    let name = format!("refs/tags/channel/{to}").parse().unwrap();
    let serial = head.map_or(0, Verified::length);
    let bytes = tag_bytes(candidate, &name, "x", draft.time, &format!("{serial}"));
    let from = head.and_then(|head| head.state().channels.get(to)).map(|now| now.tag.oid.clone());
    let object = String::from_utf8(bytes.clone()).unwrap();
    vec![Move { name, from, to: Some(object_id("tag", &bytes, candidate)), commit: Some(candidate.clone()), object: Some(object) }]
}

fn lawful() -> Maker {
    let mut maker = Maker::new();
    maker.add(promotion("staging", "1.0.0", 'b', "lead"));
    maker.add(promotion("staging", "1.1.0", 'c', "dev"));
    maker.add(promotion("production", "1.1.0", 'c', "lead"));
    maker
}

#[test]
fn a_lawful_chain_verifies() {
    let maker = lawful();
    assert_eq!(maker.codes(), Vec::<String>::new());
    let head = maker.head().unwrap();
    assert_eq!((head.length(), head.state().serial), (4, 3));
    let on = |name: &str| head.state().channels[&channel(name) as &ChannelName].candidate.clone();
    assert_eq!((on("staging"), on("production")), (oid('c'), oid('c')));
}

#[test]
fn every_single_fault_is_named() {
    type Spoil = fn(&mut Maker);
    let cases: &[(&str, &str, Spoil)] = &[
        ("edited reason", "ledger/bad-entry", |maker| maker.edit(2, |entry| entry["reason"] = serde_json::json!(7))),
        ("edited candidate", "ledger/move", |maker| maker.edit(2, |entry| entry["candidate"] = serde_json::json!(oid('d')))),
        ("edited version", "ledger/state", |maker| maker.edit(2, |entry| entry["releases"][0]["version"] = "9.0.0".into())),
        ("missing key", "ledger/bad-entry", |maker| maker.edit(2, |entry| drop(entry.as_object_mut().unwrap().remove("channel")))),
        ("bad number", "ledger/bad-entry", |maker| maker.edit(2, |entry| entry["serial"] = serde_json::json!(-1))),
        ("serial jump", "ledger/bad-serial", |maker| maker.edit(3, |entry| entry["serial"] = serde_json::json!(1003))),
        ("other schema", "ledger/bad-entry", |maker| maker.edit(2, |entry| entry["schema"] = "tagwarden.entry/9".into())),
        ("trailing bytes", "ledger/bad-entry", |maker| maker.chain.entries[2].entry.as_mut().unwrap().extend(b"{}")),
        ("duplicate key", "ledger/bad-entry", |maker| {
            let text = String::from_utf8(maker.chain.entries[2].entry.take().unwrap()).unwrap();
            maker.chain.entries[2].entry = Some(text.replacen("{\"action\"", "{\"serial\":2,\"action\"", 1).into_bytes());
        }),
        ("no entry.json", "ledger/bad-entry", |maker| maker.chain.entries[2].entry = None),
        ("no state.json", "ledger/state", |maker| maker.chain.entries[3].state = None),
        ("edited state", "ledger/state", |maker| {
            let text = String::from_utf8(maker.chain.entries[3].state.take().unwrap()).unwrap();
            maker.chain.entries[3].state = Some(
                text.replace("\"holds\":[]", "\"holds\":[{\"scope\":\"all\",\"of\":null,\"reason\":\"r\",\"by\":\"b\",\"serial\":1}]")
                    .into_bytes(),
            );
        }),
        ("dropped entry", "ledger/broken-chain", |maker| drop(maker.chain.entries.remove(2))),
        ("reordered", "ledger/broken-chain", |maker| maker.chain.entries.swap(1, 2)),
        ("two parents", "ledger/two-parents", |maker| {
            let parents = [maker.chain.entries[2].oid.parse().unwrap(), oid('d')];
            maker.chain.entries[3].commit = commit_bytes(&oid('f'), &parents, "x", Timestamp::from_unix(2_000_000), "3");
        }),
        ("new root", "ledger/broken-chain", |maker| {
            maker.chain.entries[3].commit = commit_bytes(&oid('f'), &[], "x", Timestamp::from_unix(2_000_000), "3");
        }),
        ("another policy beside it", "ledger/policy", |maker| maker.chain.entries[3].policy = Some(oid('d'))),
        ("policy without adoption", "ledger/policy", |maker| maker.edit(3, |entry| entry["policy"]["version"] = serde_json::json!(2))),
        ("tag object of another id", "ledger/tag-object", |maker| {
            maker.edit(3, |entry| entry["moves"][0]["to"] = serde_json::json!(oid('d')))
        }),
        ("moved from elsewhere", "ledger/move", |maker| maker.edit(2, |entry| entry["moves"][0]["from"] = serde_json::json!(oid('d')))),
        ("no move at all", "ledger/move", |maker| maker.edit(3, |entry| entry["moves"] = serde_json::json!([]))),
        ("a foreign ref", "ledger/move", |maker| maker.edit(3, |entry| entry["moves"][0]["ref"] = "refs/heads/main".into())),
        ("gate missing", "ledger/missing-gate", |maker| maker.edit(3, |entry| entry["gates"] = serde_json::json!([]))),
        ("gate failed", "ledger/gate-not-passed", |maker| maker.edit(3, |entry| entry["gates"][0]["outcome"] = "failed".into())),
        ("a waiver nobody gave", "ledger/gate-not-passed", |maker| {
            maker.edit(3, |entry| {
                entry["gates"][0]["outcome"] = "failed".into();
                entry["gates"][0]["waiver"] = serde_json::json!(1);
            });
        }),
        ("gate twice", "ledger/gate-twice", |maker| {
            maker.edit(3, |entry| {
                let again = entry["gates"][0].clone();
                entry["gates"].as_array_mut().unwrap().push(again);
            });
        }),
        ("an actor without the right", "ledger/not-permitted", |maker| {
            maker.edit(3, |entry| entry["actor"]["id"] = "local:dev@example.com".into())
        }),
        ("a day back in time", "ledger/time", |maker| maker.edit(3, |entry| entry["time"] = "1970-01-02T00:00:00Z".into())),
    ];
    for (name, code, spoil) in cases {
        let mut maker = lawful();
        spoil(&mut maker);
        let codes = maker.codes();
        assert!(codes.iter().any(|found| found == code), "{name}: expected {code}, found {codes:?}");
    }
}

#[test]
fn an_unknown_extra_key_is_tolerated() {
    let mut maker = lawful();
    maker.edit(2, |entry| entry["later"] = serde_json::json!({ "a": 1 }));
    assert_eq!(maker.codes(), Vec::<String>::new());
}

#[test]
fn a_result_of_an_unknown_gate_changes_nothing() {
    let mut maker = lawful();
    maker.edit(3, |entry| {
        let mut foreign = entry["gates"][0].clone();
        foreign["id"] = "foreign".into();
        entry["gates"].as_array_mut().unwrap().push(foreign);
    });
    assert_eq!(maker.codes(), Vec::<String>::new());
}

#[test]
fn a_move_under_a_hold_is_found() {
    let mut maker = lawful();
    let body = Some(Body::Hold { scope: HoldScope::All, of: None });
    maker.add(Draft { body, ..draft(Verb::Hold, "lead") });
    let head = maker.head().unwrap();
    let held = promotion("staging", "1.2.0", 'd', "lead");
    let moves = moves(&held, Some(&head));
    let drafted = held.place(Some(&head), moves).unwrap();
    maker.push(&drafted.entry, &drafted.state, vec![head.head().clone()]);
    assert_eq!(maker.codes(), ["ledger/held"]);
}

#[test]
fn junk_on_top_is_refused_and_an_annulment_takes_it_out_of_effect() {
    let mut maker = lawful();
    let before = maker.head().unwrap();
    let junk = commit_bytes(&oid('e'), &[before.head().clone()], "x", Timestamp::from_unix(3), "junk");
    maker.chain.entries.push(RawEntry { oid: oid('7').to_string(), commit: junk, ..RawEntry::default() });
    assert_eq!(maker.codes(), ["ledger/bad-entry"]);
    let lenient = verify(&maker.chain, &[oid('7')]).into_verified().unwrap();
    assert_eq!((lenient.head(), lenient.length()), (&oid('7'), 5));
    let body = Some(Body::Annul { entries: vec![oid('7')], signatures: Vec::new() });
    let drafted = Draft { body, ..draft(Verb::Annul, "lead") }.place(Some(&lenient), Vec::new()).unwrap();
    maker.push(&drafted.entry, &drafted.state, vec![oid('7')]);
    assert_eq!(maker.codes(), Vec::<String>::new());
    let after = maker.head().unwrap();
    assert_eq!(after.state().channels, before.state().channels);
}

#[test]
fn an_annulled_promotion_has_no_effect_on_the_state() {
    let mut maker = lawful();
    let mistaken: Oid = maker.chain.entries[3].oid.parse().unwrap();
    let lenient = verify(&maker.chain, std::slice::from_ref(&mistaken)).into_verified().unwrap();
    let body = Some(Body::Annul { entries: vec![mistaken], signatures: Vec::new() });
    let drafted = Draft { body, ..draft(Verb::Annul, "lead") }.place(Some(&lenient), Vec::new()).unwrap();
    maker.push(&drafted.entry, &drafted.state, vec![lenient.head().clone()]);
    let after = maker.head().unwrap();
    assert!(!after.state().channels.contains_key(&channel("production")));
    assert_eq!(after.state().channels[&channel("staging")].candidate, oid('c'));
}
