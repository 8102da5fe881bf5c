//! Results of gates, the evidence that they rest on, and the statements made of them.

use super::{Case, Found, Violation, Whole};
use crate::{
    attest::statement::{REPORT_PATH, evidence_path},
    domain::{
        GateId, Oid, Outcome, Reason, Timestamp, Verb,
        state::{Body, Entry, GateRecord, Waiver},
    },
    gate::{Ask, Evidence, Got, LoadedGate, OnFail, When, freshness, runner::judge_bound},
    release::{object::object_id, rehearsal, rejudge},
};
use std::collections::{BTreeMap, BTreeSet};

/// The gates that are asked before this move, those that only advise among them.
fn deciding<'a>(case: &'a Case) -> impl Iterator<Item = &'a LoadedGate> {
    let moves = case.entry.channel.as_ref().filter(|_| case.entry.action.moves());
    moves.into_iter().flat_map(|channel| case.policy.protocol.gates_for(case.entry.action, channel, When::Before))
}

/// The required gates of this move.
fn required<'a>(case: &'a Case) -> impl Iterator<Item = &'a LoadedGate> {
    deciding(case).filter(|gate| gate.header.on_fail == OnFail::Halt)
}

fn record<'a>(entry: &'a Entry, gate: &GateId) -> Option<&'a GateRecord> {
    entry.gates.iter().find(|record| record.id == *gate)
}

pub(super) fn present(case: &Case, _: &Whole, found: &mut Found) {
    for gate in deciding(case).filter(|gate| record(case.entry, &gate.id).is_none()) {
        let message = format!("gate {} has no result", gate.id);
        found.push(Violation::new("ledger/missing-gate", Reason::GateInconclusive, message));
    }
    let mut seen: BTreeMap<&GateId, usize> = BTreeMap::new();
    for record in &case.entry.gates {
        *seen.entry(&record.id).or_default() += 1;
    }
    for (gate, count) in seen.into_iter().filter(|(_, count)| *count > 1) {
        let message = format!("gate {gate} has {count} results");
        found.push(Violation::new("ledger/gate-twice", Reason::GateInconclusive, message));
    }
}

pub(super) fn passed(case: &Case, _: &Whole, found: &mut Found) {
    for gate in required(case) {
        let Some(record) = record(case.entry, &gate.id) else { continue };
        if record.outcome != Outcome::Passed && record.waiver.is_none() {
            let message = format!("the required gate {} is {}", gate.id, record.outcome);
            found.push(Violation::new("ledger/gate-not-passed", Reason::GateFailed, message));
        }
    }
    for record in &case.entry.gates {
        let Some(serial) = record.waiver else { continue };
        if let Err(why) = waived(case, record, serial) {
            let message = format!("the waiver of entry {serial} for gate {} does not count: {why}", record.id);
            found.push(Violation::new("ledger/gate-not-passed", Reason::GateFailed, message));
        }
    }
}

fn waived<'a>(case: &Case<'a>, record: &GateRecord, serial: u64) -> Result<&'a Waiver, String> {
    let entry = case.entry;
    let state = case.before.map(|before| &before.state).ok_or("there is no state before it")?;
    let fits = |waiver: &&Waiver| waiver.is_about(&record.id, entry.channel.as_ref(), entry.candidate.as_ref());
    let waiver = state.waivers.at(serial).iter().find(fits).ok_or("there is none for this gate, channel and commit")?;
    match waiver.objection(entry.time, Some(&entry.actor.id)) {
        _ if matches!(record.outcome, Outcome::Passed | Outcome::Skipped) => Err(format!("the gate is {}", record.outcome)),
        _ if !case.policy.protocol.gate(&record.id).is_some_and(|gate| gate.header.waivable) => Err("the gate cannot be waived".to_owned()),
        Some(objection) => Err(objection),
        None if !case.policy.still_permits(&waiver.by, &waiver.by_right_of, Verb::Waive, Some(&waiver.channel)) => {
            Err(format!("{} has no right to waive any more", waiver.by))
        }
        None => Ok(waiver),
    }
}

pub(super) fn records(case: &Case, _: &Whole, found: &mut Found) {
    for record in &case.entry.gates {
        let mut refuse = |why: String| {
            let message = format!("the result of gate {} {why}", record.id);
            found.push(Violation::new("ledger/gate-record", Reason::LedgerBroken, message));
        };
        if let Some(gate) = case.policy.protocol.gate(&record.id)
            && (record.kind != gate.kind.id || record.on_fail != gate.header.on_fail.slug())
        {
            refuse(format!("is of kind {} with on_fail {}, the policy says otherwise", record.kind, record.on_fail));
        }
        let passed = record.outcome == Outcome::Passed;
        if Reason::parse(&record.reason_code).is_none() || passed != (record.reason_code == Reason::Passed.slug()) {
            refuse(format!("is {} for the reason {}", record.outcome, record.reason_code.escape_debug()));
        }
        match (record.outcome, &record.evidence) {
            (Outcome::Skipped, Some(_)) => refuse("is skipped and has evidence".to_owned()),
            (Outcome::Passed | Outcome::Failed | Outcome::Inconclusive, None) => refuse("has no evidence".to_owned()),
            _ => {}
        }
    }
}

/// The recorded evidence of a gate, where it can be read.
fn read<'a>(whole: &'a Whole, record: &GateRecord) -> Option<&'a Evidence> {
    record.evidence.as_ref()?;
    whole.checked.evidence.get(&evidence_path(record.id.as_str()))?.1.as_ref()
}

pub(super) fn evidence(case: &Case, whole: &Whole, found: &mut Found) {
    if let Err(why) = report(case, whole) {
        found.push(Violation::new("ledger/evidence", Reason::LedgerBroken, format!("{REPORT_PATH} {why}")));
    }
    for record in &case.entry.gates {
        let Some(digest) = &record.evidence else { continue };
        let path = evidence_path(record.id.as_str());
        let mut refuse = |why: &str| found.push(Violation::new("ledger/evidence", Reason::LedgerBroken, format!("{path} {why}")));
        match whole.checked.evidence.get(&path) {
            None => refuse("is missing"),
            Some((there, _)) if there != digest => refuse("was changed"),
            Some((_, None)) => refuse("is malformed"),
            Some((_, Some(evidence))) if !bound(case.entry, record, evidence) => refuse("belongs to another move"),
            Some((_, Some(evidence))) if !agrees(case, evidence) => refuse("does not say what the ledger says"),
            Some((_, Some(evidence))) if record.outcome == Outcome::Passed && evidence.answers.is_empty() => refuse("holds no answer"),
            Some((_, Some(evidence))) if !gives(case, record, evidence) => refuse("does not give the recorded result"),
            Some(_) => {}
        }
    }
}

/// The report beside an entry that names one.
fn report(case: &Case, whole: &Whole) -> Result<(), String> {
    let (Some(Body::Stage { report } | Body::Rehearse { report, .. }), there) = (&case.entry.body, whole.checked.evidence.get(REPORT_PATH))
    else {
        return Ok(());
    };
    if there.is_none_or(|(there, _)| there != report) {
        return Err("is missing, or was changed".to_owned());
    }
    match (&case.entry.body, whole.offer.evidence.get(REPORT_PATH)) {
        (Some(Body::Rehearse { failed, .. }), Some(bytes)) if rehearsal::failed(bytes)? != *failed => {
            Err("tells of other steps that did not pass than the entry".to_owned())
        }
        _ => Ok(()),
    }
}

pub(super) fn after(case: &Case, _: &Whole, found: &mut Found) {
    let (entry, Some(before), Some(Body::After { of, verb })) = (case.entry, case.before, &case.entry.body) else { return };
    let mut refuse = |message: String| found.push(Violation::new("ledger/after", Reason::BadUsage, message));
    let moved = usize::try_from(*of).ok().and_then(|at| before.entries.get(at)).map(|linked| &linked.outline);
    let Some((moved, channel)) = moved.filter(|moved| moved.action.moves()).zip(entry.channel.as_ref()) else {
        return refuse(format!("entry {of} moved nothing"));
    };
    if (moved.action, &moved.channel, &moved.candidate, &moved.releases) != (*verb, &entry.channel, &entry.candidate, &entry.releases) {
        refuse(format!("entry {of} is another move"));
    }
    if moved.policy.tree != case.policy.tree {
        return refuse(format!("another policy is in force than when entry {of} moved"));
    }
    let wanted: BTreeSet<&GateId> = case.policy.protocol.gates_for(*verb, channel, When::After).map(|gate| &gate.id).collect();
    if entry.gates.iter().map(|record| &record.id).collect::<BTreeSet<_>>() != wanted {
        refuse(format!("its gates are not those that are asked after a {verb}"));
    }
    if entry.gates.iter().any(|record| record.waiver.is_some()) {
        refuse("nothing is waived after a move".to_owned());
    }
    if entry.gates.iter().all(|record| record.outcome == Outcome::Passed) {
        refuse("every gate passed, which nobody records".to_owned());
    }
}

/// Whether evidence that is the ledger's own gives the recorded result. What else gates saw is judged again by an audit.
fn gives(case: &Case, record: &GateRecord, evidence: &Evidence) -> bool {
    let gate = case.policy.protocol.gate(&record.id).filter(|gate| matches!(gate.kind.id, "ack" | "verdict" | "rehearsal"));
    let (Some(gate), Some(cx)) = (gate, rejudge::context(case.entry, case.policy, None)) else { return true };
    // Evidence that grew old was judged by the clock.
    record.reason_code == Reason::EvidenceExpired.slug() || judge_bound(&cx, gate, evidence).outcome() == record.outcome
}

fn bound(entry: &Entry, record: &GateRecord, evidence: &Evidence) -> bool {
    let (candidate, policy) = (entry.candidate.as_ref(), Some(&entry.policy.tree));
    let fits = |(verb, channel)| evidence.is_for(verb, channel, candidate, policy);
    evidence.is_of(&record.id, &record.kind) && entry.judged().zip(entry.channel.as_ref()).is_some_and(fits)
}

/// Whether what the evidence tells of the ledger is what the ledger holds. Statements on other commits tell stale from absent
/// and decide nothing.
fn agrees(case: &Case, evidence: &Evidence) -> bool {
    // What gates found after a move decides nothing, and was asked of the ledger as it was before it.
    let Some(before) = case.before.filter(|_| case.entry.action.moves()) else { return true };
    let (candidate, channel) = (case.entry.candidate.as_ref(), case.entry.channel.as_ref());
    evidence.answers.iter().all(|answer| match &answer.got {
        Some(Got::Verdicts(got)) => {
            let ours = |verdict: &&crate::domain::state::Verdict| match &answer.ask {
                Ask::VerdictsOn(ask) => ask.commits.contains(&verdict.commit),
                _ => Some(&verdict.commit) == candidate,
            };
            got.verdicts.iter().filter(ours).eq(before.state.verdicts_that_count(case.policy).iter().filter(ours))
        }
        Some(Got::Acks(got)) => {
            let ours = |ack: &&crate::domain::state::Ack| Some(&ack.candidate) == candidate && Some(&ack.channel) == channel;
            got.acks.iter().filter(ours).eq(before.state.acks_that_count(case.policy).iter().filter(ours))
        }
        Some(Got::ChannelRehearsal(got)) => {
            let held = channel.and_then(|channel| before.state.channels.get(channel)).map(|held| &held.candidate);
            let last = before.state.rehearsals_that_count(case.policy).into_iter().find(|last| Some(&last.channel) == channel);
            got.present.as_ref() == held && got.last == last
        }
        // Which commits were asked about hangs on what the channel held.
        Some(Got::Pulls(got)) => {
            let held = channel.and_then(|channel| before.state.channels.get(channel)).map(|held| &held.candidate);
            got.since.as_ref() == held
        }
        _ => true,
    })
}

pub(super) fn fresh(case: &Case, whole: &Whole, found: &mut Found) {
    let entry = case.entry;
    if !entry.action.moves() {
        return;
    }
    let mut refuse = |message: String| found.push(Violation::new("ledger/evidence-expired", Reason::EvidenceExpired, message));
    let mut parts: Vec<Timestamp> = Vec::new();
    for record in &entry.gates {
        let evidence = read(whole, record);
        // A run is over within a day; an answer from later was not had in it.
        if evidence.iter().flat_map(|evidence| &evidence.answers).any(|answer| answer.time > entry.time.plus(freshness::LONGEST_RUN)) {
            refuse(format!("evidence of gate {} is of more than a day after the entry", record.id));
        }
        if let Some(waiver) = record.waiver.and_then(|serial| waived(case, record, serial).ok()) {
            parts.push(waiver.until);
        }
        let gate = case.policy.protocol.gate(&record.id).filter(|gate| gate.header.on_fail == OnFail::Halt);
        let (Some(gate), Some(evidence), Outcome::Passed) = (gate, evidence, record.outcome) else { continue };
        let Some(until) = freshness::good_until(evidence, gate.header.max_age) else { continue };
        if until < entry.time {
            refuse(format!("evidence of gate {} was good until {until}, the entry is of {}", gate.id, entry.time));
        }
        parts.push(until);
    }
    let wanted = freshness::valid_until(entry.time, parts.into_iter());
    if entry.valid_until != Some(wanted) {
        let said = entry.valid_until.map_or("nothing".to_owned(), |until| until.to_string());
        refuse(format!("`valid_until` is {said}, evidence and waivers give {wanted}"));
    }
}

pub(super) fn attestations(case: &Case, whole: &Whole, found: &mut Found) {
    let files = whole.checked.attested.iter().flat_map(|attested| &attested.files);
    let shape: BTreeMap<&str, &Oid> = whole.offer.shape.iter().map(|(path, _, oid)| (path.as_str(), oid)).collect();
    for (path, bytes) in files {
        // That it is missing is said by the rule about the tree.
        if shape.get(path.as_str()).is_some_and(|oid| object_id("blob", bytes, oid) != **oid) {
            let message = format!("{path} is not the statement that this entry gives");
            found.push(Violation::new("ledger/attestation", Reason::LedgerBroken, message));
        }
    }
    if case.entry.action.moves() && whole.checked.attested.is_none() {
        found.push(Violation::new("ledger/attestation", Reason::LedgerBroken, "no statement can be made of it"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::Verb,
        release::{
            fixtures::{actor, entry, oid},
            policy::Policy,
            state::replay,
            state_tree::StateTree,
            transition::Ledger,
        },
    };
    use std::collections::HashMap;

    /// A change of the waiver, the move and the result of its gate.
    type Change = fn(&mut Entry, &mut Entry, &mut GateRecord);

    /// `who` may waive.
    fn policy(who: &str) -> Policy {
        let protocol = format!(
            "version: 1\npackages: {{ web: {{ release_tag: \"v{{version}}\" }} }}\nrelease_branches: [main]\nchannels: {{ live: {{ tag: \"channel/{{channel}}\" }} }}\nsigning: {{ key: none }}\nroles: {{ waivers: {{ who: [\"{who}\"], may: [waive, promote] }} }}\n"
        );
        let command = "title: T\ncommand: [ { run: [\"true\"] } ]\n";
        let files =
            [("protocol.yaml", protocol), ("10-may.yaml", format!("waivable: true\n{command}")), ("20-never.yaml", command.to_owned())];
        Policy::read(&oid('a'), files.map(|(path, text)| (path.to_owned(), text.into_bytes())).into()).unwrap()
    }

    /// What the rule says of a move under a waiver after a change.
    fn judged(who: &str, change: Change) -> Option<String> {
        let record = |id: &str| GateRecord {
            id: id.parse().unwrap(),
            kind: "command".to_owned(),
            on_fail: "halt".to_owned(),
            outcome: Outcome::Failed,
            reason_code: "gate_failed".to_owned(),
            evidence: None,
            waiver: Some(1),
        };
        let body = Body::Waive { gate: "may".parse().unwrap(), until: Timestamp::from_unix(2_000_000) };
        let mut waive =
            Entry { candidate: Some(oid('b')), actor: actor("local:two"), ..entry(1, Verb::Waive, Some("live"), Vec::new(), Some(body)) };
        let mut promote =
            Entry { candidate: Some(oid('b')), actor: actor("local:one"), ..entry(2, Verb::Promote, Some("live"), Vec::new(), None) };
        let mut record = record("may");
        change(&mut waive, &mut promote, &mut record);
        let first = entry(0, Verb::Adopt, None, Vec::new(), None);
        let state = replay([&first, &waive].map(|entry| (entry, &[] as &[String]))).unwrap();
        let policy = policy(who);
        let before = Ledger {
            head: oid('2'),
            genesis: oid('1'),
            state,
            tree: StateTree::empty(&oid('1')),
            policy: policy.clone(),
            latest: waive.time,
            entries: Vec::new(),
            claims: HashMap::new(),
        };
        let case = Case { before: Some(&before), passed: &[], policy: &policy, entry: &promote, rights: &[], clock: promote.time };
        waived(&case, &record, 1).err()
    }

    #[test]
    fn a_waiver_counts_under_all_of_its_conditions() {
        assert_eq!(judged("local:two", |_, _, _| ()), None);
        assert_eq!(
            judged("local:two", |waive, promote, _| {
                waive.body = Some(Body::Waive { gate: "may".parse().unwrap(), until: Timestamp::from_unix(promote.time.unix() + 1) });
            }),
            None,
            "until its end"
        );
        let refused: &[(&str, Change, &str)] = &[
            (
                "local:two",
                |waive, promote, _| {
                    waive.body = Some(Body::Waive { gate: "may".parse().unwrap(), until: promote.time });
                },
                "it ended at",
            ),
            ("local:two", |waive, _, _| waive.actor = actor("local:one"), "and asks for the move"),
            ("local:three", |_, _, _| (), "has no right to waive any more"),
            ("local:two", |waive, _, _| waive.candidate = Some(oid('c')), "there is none"),
            ("local:two", |waive, _, _| waive.channel = Some("other".parse().unwrap()), "there is none"),
            ("local:two", |_, _, record| record.id = "never".parse().unwrap(), "there is none"),
            (
                "local:two",
                |waive, _, record| {
                    record.id = "never".parse().unwrap();
                    waive.body = Some(Body::Waive { gate: "never".parse().unwrap(), until: Timestamp::from_unix(2_000_000) });
                },
                "cannot be waived",
            ),
            ("local:two", |_, _, record| record.outcome = Outcome::Skipped, "the gate is skipped"),
            ("local:two", |_, _, record| record.outcome = Outcome::Passed, "the gate is passed"),
        ];
        for (who, change, why) in refused {
            let said = judged(who, *change);
            assert!(said.as_ref().is_some_and(|said| said.contains(why)), "{why}: {said:?}");
        }
    }
}
