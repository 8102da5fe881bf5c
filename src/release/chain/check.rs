//! The single checks of one entry. Each returns findings; their wording says what, the caller adds which entry.

use super::{Linked, Parsed, Policy, RawEntry, Signer};
use crate::{
    attest::statement::{SUMMARY_PATH, gate_path},
    domain::{
        Digest, Finding, GateId, Oid, Outcome, Verb,
        state::{Body, Entry, GateRecord, Move, State},
    },
    gate::{Evidence, OnFail, When},
    release::{object, policy as rights},
};
use std::collections::{BTreeMap, HashMap};

pub fn problem(code: &str, message: impl Into<String>) -> Finding {
    Finding::error(code, message)
}

/// One parent, which is the commit before it in the chain (none for entry 0), and a position that is its serial.
pub fn links(position: usize, parsed: &Parsed, entry: &Entry, parent: Option<&str>, before: Option<&Linked>) -> Vec<Finding> {
    let mut problems = Vec::new();
    let parents = match &parsed.commit {
        Ok(commit) => commit.parents.clone(),
        Err(why) => return vec![problem("ledger/bad-entry", why.clone())],
    };
    if parents.len() > 1 {
        problems.push(problem("ledger/two-parents", format!("it has {} parents", parents.len())));
    }
    if parents.first() != entry.previous.as_ref() {
        problems.push(problem("ledger/broken-chain", "`previous` is not the commit's parent"));
    }
    if entry.previous.as_ref().map(Oid::as_str) != parent {
        problems.push(problem("ledger/broken-chain", "`previous` is not the entry that stands before it"));
    }
    if entry.previous.is_some() != (position > 0) {
        problems.push(problem("ledger/broken-chain", "only entry 0 has no predecessor"));
    }
    if entry.serial != position as u64 {
        problems.push(problem("ledger/bad-serial", format!("its serial is {}, its place in the chain {position}", entry.serial)));
    }
    // Decision time is fixed at the start of a run, so an entry may be older than one that was written meanwhile; a day is
    // beyond any run.
    if before.is_some_and(|before| before.entry.time.seconds_since(entry.time) > 86_400) {
        problems.push(problem("ledger/time", format!("its time {} is more than a day before the entry it follows", entry.time)));
    }
    problems
}

/// The policy changes only by adoption, by one version, and the tree beside the entry is the one it names.
pub fn policy(entry: &Entry, raw: &RawEntry, before: Option<&State>, known: &HashMap<Oid, Policy>) -> Vec<Finding> {
    let mut problems = Vec::new();
    if raw.policy.as_ref() != Some(&entry.policy.tree) {
        problems.push(problem("ledger/policy", "the policy beside it is not the one it names"));
    }
    if !known.contains_key(&entry.policy.tree) {
        problems.push(problem("ledger/bad-policy", "its policy cannot be read"));
    }
    match (before, entry.action) {
        (None, Verb::Adopt) if entry.policy.version == 1 => {}
        (None, _) => problems.push(problem("ledger/policy", "entry 0 must adopt version 1 of a policy")),
        (Some(before), Verb::Adopt) if entry.policy.version == before.policy.version + 1 => {}
        (Some(before), Verb::Adopt) => {
            problems
                .push(problem("ledger/policy", format!("adopts version {} after version {}", entry.policy.version, before.policy.version)));
        }
        (Some(before), _) if entry.policy.version == before.policy.version && entry.policy.tree == before.policy.tree => {}
        (Some(_), _) => problems.push(problem("ledger/policy", "it changes the policy without adopting one")),
    }
    problems
}

/// The signature counts under the policy in force before, and the actor is who signed.
pub fn signature(entry: &Entry, signer: Signer, policy: &Policy, signers: &mut rights::Signers) -> Vec<Finding> {
    match signer {
        Signer::Unasked => Vec::new(),
        Signer::Refused { code, why } => vec![problem(code, why)],
        Signer::Known { principal, fingerprint } => {
            signers.add(&principal, &fingerprint);
            let expected = rights::actor(&policy.protocol, &format!("ssh:{principal}"), "");
            if entry.actor.id == expected.id && entry.actor.kind == expected.kind {
                return Vec::new();
            }
            vec![problem("ledger/actor", format!("it names {} as its actor, but {principal} signed", entry.actor.id))]
        }
    }
}

/// The policy in force gave the right.
pub fn right(entry: &Entry, policy: &Policy, signers: &mut rights::Signers, before: Option<&State>) -> Vec<Finding> {
    let about = match (&entry.body, entry.action) {
        (Some(Body::Adopt { signatures }), Verb::Adopt) => Some((adoption(entry), signatures)),
        (Some(Body::Annul { entries, signatures }), Verb::Annul) => Some((serde_json::json!({ "entries": entries }), signatures)),
        (None, Verb::Adopt) => return vec![problem("ledger/bad-entry", "an adoption lacks its body")],
        (_, Verb::Adopt | Verb::Annul) => return vec![problem("ledger/bad-entry", "the body does not fit the action")],
        _ => None,
    };
    let granted = match (about, &entry.previous) {
        (Some((about, signatures)), Some(previous)) => {
            if let (Some(allowed), Ok(statement)) = (&policy.allowed, rights::statement(entry.action, previous, about)) {
                signers.add_signatures(allowed, &statement, signatures, entry.time);
            }
            rights::permit_by_threshold(&policy.protocol, &entry.actor, entry.action, signers)
        }
        // Entry 0 starts the trust; it is judged by its pin, not by itself.
        (Some(_), None) => return Vec::new(),
        (None, _) => rights::permit(&policy.protocol, &entry.actor, entry.action, entry.channel.as_ref()),
    };
    let mut problems: Vec<Finding> = granted.err().into_iter().map(|fault| problem("ledger/not-permitted", fault.message)).collect();
    if let (true, Some(state), Some(channel)) = (entry.action.moves(), before, &entry.channel) {
        let releases: Vec<String> = entry.releases.iter().map(|release| release.name().to_string()).collect();
        let held = rights::refuse_held(state, &entry.actor, entry.action, channel, &releases);
        problems.extend(held.err().map(|fault| problem("ledger/held", fault.message)));
    }
    problems
}

/// What co-signers of an adoption sign beside the place in the chain.
pub fn adoption(entry: &Entry) -> serde_json::Value {
    serde_json::json!({ "policy": entry.policy.tree, "version": entry.policy.version })
}

/// Channel tags start where the state says, release tags where nothing was, and every tag object is the one recorded.
pub fn moves(entry: &Entry, policy: &Policy, before: Option<&State>) -> Vec<Finding> {
    let mut problems = Vec::new();
    for moved in &entry.moves {
        let is_release = entry.releases.iter().any(|release| {
            let pattern = policy.protocol.packages.get(&release.package).map(|package| &package.release_tag);
            pattern.and_then(|pattern| pattern.release_ref(&release.name()).ok()).as_ref() == Some(&moved.name)
        });
        problems.extend(tag_object(moved));
        if is_release {
            if moved.from.is_some() {
                problems.push(problem("ledger/move", format!("release tag {} was there already; it never moves", moved.name)));
            }
            continue;
        }
        let expected = entry.channel.as_ref().and_then(|channel| {
            let pattern = policy.protocol.channels.get(channel)?.tag.as_ref()?;
            entry.releases.iter().find(|release| pattern.channel_ref(channel, &release.package).ok().as_ref() == Some(&moved.name))
        });
        if expected.is_none() || !entry.action.moves() {
            problems.push(problem("ledger/move", format!("{} is no tag of its channel or releases", moved.name)));
        }
        let state = entry.channel.as_ref().and_then(|channel| before?.channels.get(channel));
        let was = state.into_iter().flat_map(|state| std::iter::once(&state.tag).chain(&state.tags)).find(|tag| tag.name == moved.name);
        if was.map(|tag| &tag.oid) != moved.from.as_ref() {
            problems.push(problem("ledger/move", format!("{} does not start where the state before says", moved.name)));
        }
        if moved.commit != entry.candidate {
            problems.push(problem("ledger/move", format!("{} does not end at the candidate", moved.name)));
        }
    }
    if entry.action.moves() && crate::release::state::channel_moves(entry).next().is_none() {
        problems.push(problem("ledger/move", format!("a {} without a move of a channel tag", entry.action)));
    }
    problems
}

fn tag_object(moved: &Move) -> Vec<Finding> {
    let wrong = |why: &str| vec![problem("ledger/tag-object", format!("the tag object of {} {why}", moved.name))];
    let (Some(to), Some(text)) = (&moved.to, &moved.object) else {
        return wrong("is not recorded");
    };
    if object::object_id("tag", text.as_bytes(), to) != *to {
        return wrong("does not have the recorded id");
    }
    match object::Tag::parse(text.as_bytes()) {
        Ok(tag) if tag.kind != "commit" || Some(&tag.object) != moved.commit.as_ref() => wrong("names another object"),
        Ok(tag) if moved.name.tag() != Some(tag.name.as_str()) => wrong("bears another name"),
        Ok(_) => Vec::new(),
        Err(why) => wrong(&format!("is malformed: {why}")),
    }
}

/// Every required gate of the policy in force passed, or bears a waiver that was in force. Results of gates the policy does
/// not know change nothing.
pub fn gates(entry: &Entry, policy: &Policy, before: Option<&State>) -> Vec<Finding> {
    let Some(channel) = &entry.channel else {
        return vec![problem("ledger/bad-entry", "a move without a channel")];
    };
    let mut problems = Vec::new();
    let mut records: BTreeMap<&GateId, Vec<&GateRecord>> = BTreeMap::new();
    for record in &entry.gates {
        records.entry(&record.id).or_default().push(record);
    }
    for gate in policy.protocol.gates_for(entry.action, channel, When::Before).filter(|gate| gate.header.on_fail == OnFail::Halt) {
        match records.get(&gate.id).map(Vec::as_slice) {
            None => problems.push(problem("ledger/missing-gate", format!("the required gate {} has no result", gate.id))),
            Some([record]) if record.outcome == Outcome::Passed => {}
            Some([record]) if record.waiver.is_some_and(|serial| waived(before, serial, record, entry) && gate.header.waivable) => {}
            Some([record]) => {
                problems.push(problem("ledger/gate-not-passed", format!("the required gate {} is {}", gate.id, record.outcome)))
            }
            Some(_) => problems.push(problem("ledger/gate-twice", format!("gate {} has two results", gate.id))),
        }
    }
    problems
}

fn waived(before: Option<&State>, serial: u64, record: &GateRecord, entry: &Entry) -> bool {
    before.is_some_and(|state| {
        state.waivers.iter().any(|waiver| {
            waiver.serial == serial
                && waiver.gate == record.id
                && Some(&waiver.channel) == entry.channel.as_ref()
                && Some(&waiver.candidate) == entry.candidate.as_ref()
                && waiver.until > entry.time
                && waiver.by != entry.actor.id
        })
    })
}

/// In a full read: every recorded evidence digest fits its file, the evidence is bound to this move, and the tag names the
/// digest of the verification summary.
pub fn files(raw: &RawEntry, entry: &Entry) -> Vec<Finding> {
    let Some(files) = &raw.files else { return Vec::new() };
    let mut problems = Vec::new();
    let inputs = inputs(files);
    for record in &entry.gates {
        let Some(expected) = &record.evidence else { continue };
        let path = format!("evidence/{}.json", record.id);
        match files.get(&path) {
            None => problems.push(problem("ledger/evidence", format!("{path} is missing"))),
            Some(bytes) if Digest::of(bytes) != *expected => problems.push(problem("ledger/evidence", format!("{path} was changed"))),
            Some(bytes) => match serde_json::from_slice::<Evidence>(bytes) {
                Err(error) => problems.push(problem("ledger/evidence", format!("{path} is malformed: {error}"))),
                Ok(evidence) => {
                    let bound = evidence.gate == record.id
                        && evidence.kind == record.kind
                        && evidence.verb == entry.action
                        && Some(&evidence.channel) == entry.channel.as_ref()
                        && evidence.candidate == entry.candidate
                        && evidence.policy.as_ref() == Some(&entry.policy.tree);
                    if !bound {
                        problems.push(problem("ledger/evidence", format!("{path} belongs to another move")));
                    }
                }
            },
        }
        let path = gate_path(record.id.as_str());
        match (files.get(&path), inputs.get(&path)) {
            (None, _) => problems.push(problem("ledger/attestation", format!("{path} is missing"))),
            (Some(bytes), Some(digest)) if Digest::of(bytes).hex() == digest => {}
            (Some(_), _) => problems.push(problem("ledger/attestation", format!("{path} is not the one that the summary names"))),
        }
    }
    if entry.action.moves() {
        let named = files.get(SUMMARY_PATH).map(|bytes| Digest::of(bytes).to_string());
        let names_it = |moved: &Move| moved.object.as_deref().zip(named.as_deref()).is_some_and(|(object, digest)| object.contains(digest));
        if !crate::release::state::channel_moves(entry).all(names_it) {
            problems.push(problem("ledger/attestation", "the tag object does not name the digest of attestations/verdict.json"));
        }
    }
    problems
}

/// What the verification summary says it rests on: attestation path to the hex of its SHA-256. The tag object names the
/// summary's digest, so each attestation is bound to the tag through it.
fn inputs(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, String> {
    let summary = files.get(SUMMARY_PATH).and_then(|bytes| serde_json::from_slice::<serde_json::Value>(bytes).ok());
    let list = summary.as_ref().and_then(|summary| summary["predicate"]["inputAttestations"].as_array());
    let pair = |input: &serde_json::Value| Some((input["uri"].as_str()?.to_owned(), input["digest"]["sha256"].as_str()?.to_owned()));
    list.into_iter().flatten().filter_map(pair).collect()
}
