//! The runner with gates that answer as the test says: order, halting, reading ahead, waiting, ageing, waivers, clearance.

use super::*;
use crate::{
    domain::{Actor, ActorKind, Span},
    gate::{Ask, Effect, Gate, Got, Header, Kind, OnFail, Protocol, Unavailable, probe::HttpAsk, probe::HttpGot},
    release::fixtures::{channel, oid, protocol},
    tree::MapTree,
};
use std::{collections::BTreeMap, sync::Arc};

static KIND: Kind = Kind {
    id: "asking",
    about: "",
    page: "",
    codes: &[],
    verbs: &[Verb::Promote],
    writes: false,
    read: |_| Err(Fault::new(Reason::Internal, "not read")),
    schema: |_| schemars::json_schema!({}),
};

/// Asks once (after a wait, a second time), passes on status 200, fails on others.
struct Asking {
    waits: bool,
}

impl Gate for Asking {
    fn asks(&self, cx: &Context, seen: &Evidence) -> Vec<Probe> {
        let ask = Ask::Http(HttpAsk { method: "GET".to_owned(), url: "http://x".to_owned(), ..HttpAsk::default() });
        let first = Probe::reads(crate::gate::ProbeKey::first(0), ask);
        match seen.answers.len() {
            0 => vec![first],
            1 if self.waits => {
                let key = crate::gate::ProbeKey { item: 0, attempt: 2 };
                vec![Probe { key, not_before: Some(cx.now.plus(Span::seconds(5))), effect: Effect::Reads, ..first }]
            }
            _ => Vec::new(),
        }
    }

    fn judge(&self, _: &Context, seen: &Evidence) -> Judgement {
        let mut checks = Checks::new();
        match seen.last(0).map(Answer::result) {
            Some(Ok(Got::Http(got))) if got.status == 200 => checks.hold(),
            Some(Ok(_)) => checks.fail(Finding::error("asking/no", "no")),
            Some(Err(unavailable)) => checks.unavailable("asking", "it", &unavailable),
            None => {}
        }
        checks.judge("asking")
    }
}

struct Trial {
    cx: Context,
}

impl Trial {
    /// Gates in order: id, whether it waits, whether it is required, whether it may be waived.
    fn new(gates: &[(&str, bool, OnFail, bool)]) -> Trial {
        let loaded = gates.iter().enumerate().map(|(at, (id, waits, on_fail, waivable))| LoadedGate {
            id: id.parse().unwrap(),
            number: at + 1,
            kind: &KIND,
            header: Header {
                title: (*id).to_owned(),
                owner: None,
                on_fail: *on_fail,
                when: When::Before,
                verbs: None,
                channels: None,
                max_age: Span::minutes(15),
                waivable: *waivable,
            },
            gate: Box::new(Asking { waits: *waits }),
            file: String::new(),
        });
        let protocol = Protocol { gates: loaded.collect(), ..protocol() };
        let cx = Context {
            verb: Verb::Promote,
            channel: channel("staging"),
            base_url: None,
            releases: Vec::new(),
            candidate: Some(oid('c')),
            policy: Some(oid('a')),
            now: at(0),
            actor: Some(Actor { id: "ssh:mover@example.com".to_owned(), kind: ActorKind::Human, name: String::new() }),
            protocol: Arc::new(protocol),
            tree: Arc::new(MapTree::new(BTreeMap::new())),
        };
        Trial { cx }
    }

    /// Runs to the end; `status` answers each probe (`None`: unavailable), one minute passing with every round. Gives what
    /// was asked, round by round, and the end.
    fn run(
        &self,
        waivers: &[Waiver],
        ends_at: i64,
        status: impl Fn(&str, u32) -> Option<u16>,
    ) -> (Vec<Vec<String>>, Run, Option<Clearance>) {
        let mut runner = Runner::new(&self.cx, When::Before, waivers);
        let mut rounds = Vec::new();
        let mut minute = 0;
        while let Step::Need(probes) = runner.step(at(minute), 0) {
            let name = |position: usize| self.cx.protocol.gates[position].id.to_string();
            rounds.push(probes.iter().map(|(position, probe)| format!("{} {}", name(*position), probe.key)).collect());
            let answers = probes.iter().map(|(position, probe)| {
                let got = status(&name(*position), probe.key.attempt);
                let result =
                    got.map(|status| Got::Http(HttpGot { status, ..HttpGot::default() })).ok_or_else(|| Unavailable::new("timeout"));
                (*position, Answer::of(probe, at(minute), result))
            });
            runner.supply(answers.collect());
            minute += 1;
            assert!(minute < 50, "the runner keeps asking");
        }
        let (run, clearance) = runner.finish(&Digest::of(b"binding"), at(ends_at)).unwrap();
        (rounds, run, clearance)
    }
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_unix(1_000_000 + 60 * minute)
}

fn outcomes(run: &Run) -> Vec<Outcome> {
    run.gates.iter().map(|gate| gate.outcome).collect()
}

const REQUIRED: OnFail = OnFail::Halt;

#[test]
fn reads_of_later_gates_are_fetched_together_and_judged_in_order() {
    let trial = Trial::new(&[("one", false, REQUIRED, false), ("two", false, REQUIRED, false)]);
    let (rounds, run, clearance) = trial.run(&[], 1, |_, _| Some(200));
    assert_eq!(rounds, [["one 0/1", "two 0/1"]]);
    assert_eq!(run.reason(), Reason::Passed);
    assert_eq!(clearance.unwrap().gates().len(), 2);
}

#[test]
fn the_first_required_no_halts_and_an_advisory_one_does_not() {
    let gates = [("note", false, OnFail::Document, false), ("one", false, REQUIRED, false), ("two", false, REQUIRED, false)];
    let (_, run, clearance) = Trial::new(&gates).run(&[], 1, |gate, _| Some(if gate == "two" { 200 } else { 500 }));
    assert_eq!(outcomes(&run), [Outcome::Failed, Outcome::Failed, Outcome::Skipped]);
    assert_eq!(run.reason(), Reason::GateFailed);
    assert!(clearance.is_none());
    let (_, run, clearance) = Trial::new(&gates).run(&[], 1, |gate, _| if gate == "note" { None } else { Some(200) });
    assert_eq!(outcomes(&run), [Outcome::Inconclusive, Outcome::Passed, Outcome::Passed]);
    assert!(clearance.is_some(), "an advisory gate cannot block");
}

#[test]
fn unknown_is_never_a_pass() {
    let (_, run, clearance) = Trial::new(&[("one", false, REQUIRED, false)]).run(&[], 1, |_, _| None);
    assert_eq!((run.reason(), clearance.is_none()), (Reason::GateInconclusive, true));
}

#[test]
fn after_a_wait_later_answers_are_fetched_anew() {
    let trial = Trial::new(&[("one", true, REQUIRED, false), ("two", false, REQUIRED, false)]);
    let (rounds, run, _) = trial.run(&[], 3, |_, _| Some(200));
    assert_eq!(rounds, [vec!["one 0/1", "two 0/1"], vec!["one 0/2"], vec!["two 0/1"]]);
    let second = run.gates[1].evidence.as_ref().unwrap().1.answers[0].time;
    assert_eq!(second, at(2), "the answer fetched ahead was thrown away");
}

#[test]
fn evidence_that_is_too_old_at_the_move_expires() {
    let trial = Trial::new(&[("one", false, REQUIRED, false)]);
    let (_, run, clearance) = trial.run(&[], 15, |_, _| Some(200));
    assert_eq!(run.reason(), Reason::Passed);
    let clearance = clearance.unwrap();
    let covers = |minute, binding: &[u8]| {
        let answer = clearance.covers(Verb::Promote, &channel("staging"), &oid('c'), &oid('a'), &Digest::of(binding), at(minute));
        answer.map_err(|fault| fault.reason)
    };
    assert_eq!(covers(15, b"binding"), Ok(()));
    assert_eq!(covers(16, b"binding"), Err(Reason::EvidenceExpired));
    assert_eq!(covers(15, b"another move"), Err(Reason::RefChanged));
    let (_, run, clearance) = trial.run(&[], 16, |_, _| Some(200));
    assert_eq!((run.reason(), clearance.is_none()), (Reason::EvidenceExpired, true));
}

#[test]
fn evidence_that_went_stale_on_the_way_is_asked_for_once_more() {
    let trial = Trial::new(&[("one", false, REQUIRED, false)]);
    for (minute, asked_again) in [(15, false), (16, true), (40, true)] {
        let mut runner = Runner::new(&trial.cx, When::Before, &[]);
        let answer = |runner: &mut Runner, minute: i64| {
            let Step::Need(probes) = runner.step(at(minute), 0) else { return false };
            let got = |probe| Answer::of(probe, at(minute), Ok(Got::Http(HttpGot { status: 200, ..HttpGot::default() })));
            runner.supply(probes.iter().map(|(position, probe)| (*position, got(probe))).collect());
            true
        };
        assert!(answer(&mut runner, 0));
        assert_eq!(answer(&mut runner, minute), asked_again, "minute {minute}");
        assert!(!answer(&mut runner, minute + 60), "never twice");
        let (run, clearance) = runner.finish(&Digest::of(b"binding"), at(minute)).unwrap();
        assert_eq!((run.reason(), clearance.is_some()), (Reason::Passed, true), "minute {minute}");
    }
}

#[test]
fn a_waiver_of_another_person_lets_the_run_go_on_and_the_outcome_stays() {
    let waiver = |by: &str, until: i64, commit: char| Waiver {
        gate: "one".parse().unwrap(),
        channel: channel("staging"),
        candidate: oid(commit),
        until: at(until),
        by: by.to_owned(),
        by_right_of: Vec::new(),
        serial: 7,
    };
    let trial = |waivable| Trial::new(&[("one", false, REQUIRED, waivable), ("two", false, REQUIRED, false)]);
    let run = |trial: Trial, waiver: Waiver| trial.run(&[waiver], 1, |gate, _| Some(if gate == "one" { 500 } else { 200 }));
    let (_, passed, clearance) = run(trial(true), waiver("ssh:other@example.com", 5, 'c'));
    assert_eq!(outcomes(&passed), [Outcome::Failed, Outcome::Passed]);
    let clearance = clearance.unwrap();
    assert_eq!(clearance.gates()[0].waiver, Some(7));
    assert_eq!(clearance.valid_until(), at(5), "no longer than the waiver");
    assert!(!passed.gates.iter().flat_map(|gate| &gate.findings).any(|finding| finding.code == "gate/waiver-does-not-count"));
    for (said, trial, waiver) in [
        (Some("the gate is not `waivable`"), trial(false), waiver("ssh:other@example.com", 5, 'c')),
        (Some("ssh:mover@example.com gave it and asks for the move"), trial(true), waiver("ssh:mover@example.com", 5, 'c')),
        (Some("it ended at"), trial(true), waiver("ssh:other@example.com", 0, 'c')),
        (None, trial(true), waiver("ssh:other@example.com", 5, 'd')),
    ] {
        let (_, run, clearance) = run(trial, waiver);
        assert!(clearance.is_none() && run.reason() == Reason::GateFailed, "{said:?}");
        let why = run.gates[0].findings.iter().find(|finding| finding.code == "gate/waiver-does-not-count");
        let wanted = said.map(|said| format!("the waiver of entry 7 does not count: {said}"));
        let as_wanted = match (why, &wanted) {
            (Some(why), Some(wanted)) => why.message.starts_with(wanted),
            (None, None) => true,
            _ => false,
        };
        assert!(as_wanted, "{wanted:?}, not {why:?}");
    }
}

#[test]
fn a_run_of_some_gates_gives_no_clearance() {
    let trial = Trial::new(&[("one", false, REQUIRED, false), ("two", false, REQUIRED, false)]);
    let mut runner = Runner::selected(&trial.cx, trial.cx.protocol.gates.iter().take(1).collect());
    let Step::Need(probes) = runner.step(at(0), 0) else { panic!("it asks") };
    let got = || Got::Http(HttpGot { status: 200, ..HttpGot::default() });
    runner.supply(probes.iter().map(|(position, probe)| (*position, Answer::of(probe, at(0), Ok(got())))).collect());
    assert!(matches!(runner.step(at(0), 0), Step::Done));
    let (run, clearance) = runner.finish(&Digest::of(b"binding"), at(0)).unwrap();
    assert!(clearance.is_none() && run.reason() == Reason::Passed);
}

#[test]
fn evidence_of_another_move_is_refused() {
    let trial = Trial::new(&[("one", false, REQUIRED, false)]);
    let (_, run, _) = trial.run(&[], 1, |_, _| Some(200));
    let evidence = run.gates[0].evidence.clone().unwrap().1;
    let gate = &trial.cx.protocol.gates[0];
    assert_eq!(judge_bound(&trial.cx, gate, &evidence).outcome(), Outcome::Passed);
    let foreign: [fn(&mut Evidence); 4] = [
        |evidence| evidence.candidate = Some(oid('d')),
        |evidence| evidence.policy = Some(oid('d')),
        |evidence| evidence.channel = channel("production"),
        |evidence| evidence.verb = Verb::Rollback,
    ];
    for (position, change) in foreign.iter().enumerate() {
        let mut other = evidence.clone();
        change(&mut other);
        assert_eq!(judge_bound(&trial.cx, gate, &other).outcome(), Outcome::Inconclusive, "{position}");
    }
}
