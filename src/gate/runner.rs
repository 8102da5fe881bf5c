//! The gate runner: a sans-I/O stepper that asks for probes, takes answers, judges in order, and alone makes a
//! [`Clearance`].
//!
//! Judgement is ordered, gathering is concurrent: reads over HTTP of later gates are fetched together with what the present
//! gate asks for. Once a gate has to wait and ask again, answers fetched ahead are thrown away, so that later gates see the
//! world as it is at their turn. The first required gate that neither passes nor is waived halts the run.
//!
//! Deliberately absent: sleeping, fetching, a clock. The caller gives the time with every step.

#[cfg(test)]
mod tests;

use super::{Answer, Checks, Clearance, Context, Evidence, Judgement, LoadedGate, OnFail, Probe, When, freshness, probe};
use crate::domain::{ChannelName, Digest, Fault, Finding, GateId, Oid, Outcome, Reason, Result, Timestamp, Verb, state::Waiver};

/// What a run of gates gave, in gate order.
#[derive(Clone, Debug)]
pub struct Run {
    pub verb: Verb,
    pub channel: ChannelName,
    /// `None` for a draft.
    pub candidate: Option<Oid>,
    pub policy: Option<Oid>,
    pub started: Timestamp,
    pub gates: Vec<GateResult>,
}

#[derive(Clone, Debug)]
pub struct GateResult {
    pub id: GateId,
    /// Position among all gates of the protocol, from 1.
    pub number: usize,
    pub kind: &'static str,
    pub title: String,
    pub owner: Option<String>,
    pub on_fail: OnFail,
    pub outcome: Outcome,
    /// For a skipped gate: the reason of the gate that halted the run.
    pub reason: Reason,
    pub findings: Vec<Finding>,
    /// What was judged, and its digest; `None` for a skipped gate.
    pub evidence: Option<(Digest, Evidence)>,
    /// Between the first probe and the judgement; `None` for a skipped gate.
    pub duration_ms: Option<u64>,
    /// The waiver that lets the run go on although this gate did not pass. The outcome stays what it was.
    pub waiver: Option<Waiver>,
}

impl GateResult {
    /// Whether this result stands in the way of a move.
    pub fn blocks(&self) -> bool {
        self.on_fail == OnFail::Halt && self.outcome != Outcome::Passed && self.waiver.is_none()
    }
}

impl Run {
    /// The reason of the whole run: that of the first required gate that neither passed nor is waived.
    pub fn reason(&self) -> Reason {
        self.gates.iter().find(|gate| gate.blocks()).map_or(Reason::Passed, |gate| gate.reason)
    }
}

/// What the runner wants next.
pub enum Step {
    /// Fetch these and hand the answers to [`Runner::supply`]. The number is the gate's position in the run.
    Need(Vec<(usize, Probe)>),
    /// Every gate is judged or skipped.
    Done,
}

pub struct Runner<'a> {
    cx: &'a Context,
    gates: Vec<&'a LoadedGate>,
    slots: Vec<Slot>,
    waivers: Vec<Waiver>,
    at: usize,
    halted: Option<Reason>,
    refreshed: bool,
    /// Whether the run holds every gate that decides the verb on this side of the move.
    whole: bool,
}

struct Slot {
    evidence: Evidence,
    judgement: Option<Judgement>,
    begun: Option<u64>,
    ended: Option<u64>,
}

impl<'a> Runner<'a> {
    /// A run of every gate that decides `cx.verb` on `cx.channel`. `waivers` are those of the verified ledger state.
    pub fn new(cx: &'a Context, when: When, waivers: &[Waiver]) -> Runner<'a> {
        let gates: Vec<&LoadedGate> = cx.protocol.gates_for(cx.verb, &cx.channel, when).collect();
        Runner::over(cx, gates, waivers, when == When::Before)
    }

    /// A run of some gates only. It can never give a clearance.
    pub fn selected(cx: &'a Context, gates: Vec<&'a LoadedGate>) -> Runner<'a> {
        Runner::over(cx, gates, &[], false)
    }

    fn over(cx: &'a Context, gates: Vec<&'a LoadedGate>, waivers: &[Waiver], whole: bool) -> Runner<'a> {
        let slots = gates.iter().map(|gate| Slot::new(cx, gate)).collect();
        Runner { cx, gates, slots, waivers: waivers.to_vec(), at: 0, halted: None, refreshed: false, whole }
    }

    /// Goes on as far as the answers reach. `elapsed_ms` counts from the start of the run and is only for durations.
    pub fn step(&mut self, now: Timestamp, elapsed_ms: u64) -> Step {
        loop {
            if self.at == self.gates.len() {
                if self.refresh(now) {
                    continue;
                }
                return Step::Done;
            }
            if self.slots[self.at].judgement.is_some() {
                self.at += 1;
                continue;
            }
            self.slots[self.at].begun.get_or_insert(elapsed_ms);
            let wanted = self.wanted(self.at);
            if wanted.is_empty() {
                self.judge(elapsed_ms);
                continue;
            }
            return Step::Need(self.with_reads_ahead(wanted));
        }
    }

    /// The gate whose turn it is, its place among those of the run (from 1), and how many they are. `None`: all had theirs.
    pub fn turn(&self) -> Option<(&'a LoadedGate, usize, usize)> {
        self.gates.get(self.at).map(|gate| (*gate, self.at + 1, self.gates.len()))
    }

    /// Takes answers. Those that were not asked for, or are there already, are dropped.
    pub fn supply(&mut self, answers: Vec<(usize, Answer)>) {
        for (at, answer) in answers {
            let Some(slot) = self.slots.get_mut(at) else { continue };
            if slot.judgement.is_none() && slot.evidence.get(answer.key).is_none() {
                slot.evidence.answers.push(answer);
                slot.evidence.answers.sort_by_key(|answer| answer.key);
            }
        }
    }

    /// The run so far, as a report shows it. Gates not reached are skipped.
    pub fn run(&self) -> Result<Run> {
        let mut gates = Vec::with_capacity(self.gates.len());
        for (gate, slot) in self.gates.iter().zip(&self.slots) {
            gates.push(self.result(gate, slot)?);
        }
        let Context { verb, channel, candidate, policy, now, .. } = self.cx;
        Ok(Run { verb: *verb, channel: channel.clone(), candidate: candidate.clone(), policy: policy.clone(), started: *now, gates })
    }

    /// The run, and the proof for `binding` where nothing blocks. A run of selected gates, of after-gates, of a draft, or one
    /// whose evidence went stale gives none.
    pub fn finish(self, binding: &Digest, now: Timestamp) -> Result<(Run, Option<Clearance>)> {
        let mut run = self.run()?;
        let mut valid_until: Option<Timestamp> = None;
        for ((gate, slot), result) in self.gates.iter().zip(&self.slots).zip(&mut run.gates) {
            if result.outcome != Outcome::Passed || gate.header.on_fail == OnFail::Document {
                continue;
            }
            let until = slot.good_until(gate);
            if until.is_some_and(|until| now > until) {
                result.outcome = Outcome::Inconclusive;
                result.reason = Reason::EvidenceExpired;
                let message = format!("evidence is older than this gate's max_age of {}", gate.header.max_age);
                result.findings.push(Finding::error("gate/evidence-expired", message));
            }
            valid_until = [valid_until, until].into_iter().flatten().min();
        }
        let waivers = run.gates.iter().filter_map(|gate| gate.waiver.as_ref().map(|waiver| waiver.until));
        let valid_until = freshness::valid_until(self.cx.now, waivers.chain(valid_until));
        let decided = self.at == self.gates.len() && self.whole && !run.gates.iter().any(GateResult::blocks);
        if !decided {
            return Ok((run, None));
        }
        let clearance = Clearance::grant(self.cx, &run, binding.clone(), valid_until)?;
        Ok((run, Some(clearance)))
    }

    fn wanted(&self, at: usize) -> Vec<Probe> {
        let slot = &self.slots[at];
        let mut wanted = self.gates[at].gate.asks(self.cx, &slot.evidence);
        wanted.retain(|probe| slot.evidence.get(probe.key).is_none());
        wanted
    }

    fn with_reads_ahead(&mut self, wanted: Vec<Probe>) -> Vec<(usize, Probe)> {
        let at = self.at;
        let waits = wanted.iter().any(|probe| probe.not_before.is_some() || probe.key.attempt > 1);
        let mut need: Vec<(usize, Probe)> = wanted.into_iter().map(|probe| (at, probe)).collect();
        for later in at + 1..self.gates.len() {
            if self.slots[later].judgement.is_some() {
                continue;
            }
            if waits {
                self.slots[later].evidence.answers.clear();
            } else {
                need.extend(self.wanted(later).into_iter().filter(Probe::may_run_ahead).map(|probe| (later, probe)));
            }
        }
        need
    }

    fn judge(&mut self, elapsed_ms: u64) {
        let (gate, slot) = (self.gates[self.at], &mut self.slots[self.at]);
        slot.ended = Some(elapsed_ms);
        let judgement = judge_bound(self.cx, gate, &slot.evidence);
        let passes = judgement.outcome() == Outcome::Passed || gate.header.on_fail == OnFail::Document;
        let reason = judgement.reason();
        slot.judgement = Some(judgement);
        if passes || self.waiver(gate).is_some() {
            self.at += 1;
        } else {
            self.halted.get_or_insert(reason);
            self.at = self.gates.len();
        }
    }

    /// One round of asking again for evidence that went stale while later gates waited. What ran a command or wrote
    /// something is never run twice; it expires instead.
    fn refresh(&mut self, now: Timestamp) -> bool {
        if self.refreshed || self.halted.is_some() || !self.whole {
            return false;
        }
        self.refreshed = true;
        let mut first = None;
        for (at, (gate, slot)) in self.gates.iter().zip(&mut self.slots).enumerate() {
            let passed = slot.judgement.as_ref().is_some_and(|judgement| judgement.outcome() == Outcome::Passed);
            let stale = slot.good_until(gate).is_some_and(|until| now > until);
            if passed && stale && slot.may_ask_again() {
                *slot = Slot::new(self.cx, gate);
                first.get_or_insert(at);
            }
        }
        self.at = first.unwrap_or(self.at);
        first.is_some()
    }

    /// The newest waiver that covers this gate here: of another person, for this commit, not past its end.
    fn waiver(&self, gate: &LoadedGate) -> Option<&Waiver> {
        let requester = self.cx.actor.as_ref().map(|actor| actor.id.as_str());
        let covers = |waiver: &&Waiver| {
            waiver.is_about(&gate.id, Some(&self.cx.channel), self.cx.candidate.as_ref())
                && waiver.objection(self.cx.now, requester).is_none()
        };
        self.waivers.iter().filter(|_| gate.header.waivable).filter(covers).max_by_key(|waiver| waiver.serial)
    }

    /// Why the newest waiver of this gate, channel and commit does not count.
    fn objection(&self, gate: &LoadedGate) -> Option<Finding> {
        let requester = self.cx.actor.as_ref().map(|actor| actor.id.as_str());
        let about = self.waivers.iter().filter(|waiver| waiver.is_about(&gate.id, Some(&self.cx.channel), self.cx.candidate.as_ref()));
        let newest = about.max_by_key(|waiver| waiver.serial)?;
        let why = match gate.header.waivable {
            true => newest.objection(self.cx.now, requester)?,
            false => "the gate is not `waivable`".to_owned(),
        };
        let finding = Finding::note("gate/waiver-does-not-count", format!("the waiver of entry {} does not count: {why}", newest.serial));
        let own = requester.is_some_and(|requester| newest.by == requester);
        Some(if own { finding.help("another person with the right to waive must give it, or ask for the move") } else { finding })
    }

    fn result(&self, gate: &LoadedGate, slot: &Slot) -> Result<GateResult> {
        let (outcome, reason, mut findings) = match &slot.judgement {
            Some(judgement) => (judgement.outcome(), judgement.reason(), judgement.findings().to_vec()),
            None => (Outcome::Skipped, self.halted.unwrap_or(Reason::GateInconclusive), Vec::new()),
        };
        let evidence = match outcome {
            Outcome::Skipped => None,
            _ => Some((Digest::of_json(&slot.evidence)?, slot.evidence.clone())),
        };
        let duration_ms =
            slot.ended.zip(slot.begun).map(|(ended, begun)| ended.saturating_sub(begun)).filter(|_| outcome != Outcome::Skipped);
        let waiver = self.waiver(gate).filter(|_| !matches!(outcome, Outcome::Passed | Outcome::Skipped)).cloned();
        if waiver.is_none() && matches!(outcome, Outcome::Failed | Outcome::Inconclusive) {
            findings.extend(self.objection(gate));
        }
        Ok(GateResult {
            id: gate.id.clone(),
            number: gate.number,
            kind: gate.kind.id,
            title: gate.header.title.clone(),
            owner: gate.header.owner.clone(),
            on_fail: gate.header.on_fail,
            outcome,
            reason,
            findings,
            evidence,
            duration_ms,
            waiver,
        })
    }
}

/// Judges evidence after checking that it is bound to this gate, verb, channel, commit and policy. Also how an audit judges
/// anew.
pub fn judge_bound(cx: &Context, gate: &LoadedGate, evidence: &Evidence) -> Judgement {
    if evidence.is_of(&gate.id, gate.kind.id) && evidence.is_for(cx.verb, &cx.channel, cx.candidate.as_ref(), cx.policy.as_ref()) {
        return gate.gate.judge(cx, evidence);
    }
    let mut checks = Checks::new();
    checks.unknown(Finding::error("gate/foreign-evidence", "the evidence belongs to another gate, verb, channel, commit or policy"));
    checks.judge(gate.kind.id)
}

impl Slot {
    fn new(cx: &Context, gate: &LoadedGate) -> Slot {
        let evidence = Evidence {
            schema: probe::EVIDENCE_SCHEMA.to_owned(),
            gate: gate.id.clone(),
            kind: gate.kind.id.to_owned(),
            verb: cx.verb,
            channel: cx.channel.clone(),
            candidate: cx.candidate.clone(),
            policy: cx.policy.clone(),
            answers: Vec::new(),
        };
        Slot { evidence, judgement: None, begun: None, ended: None }
    }

    fn good_until(&self, gate: &LoadedGate) -> Option<Timestamp> {
        freshness::good_until(&self.evidence, gate.header.max_age)
    }

    fn may_ask_again(&self) -> bool {
        use super::Ask;
        !self.evidence.answers.iter().any(|answer| matches!(answer.ask, Ask::Command(_) | Ask::ProbeRef(_)))
    }
}

/// Refuses a run that lacks a required gate for a promotion; the configuration is checked when it is loaded, so this is the
/// last door only.
pub fn require_some(cx: &Context) -> Result<()> {
    let required = cx.protocol.gates_for(cx.verb, &cx.channel, When::Before).any(|gate| gate.header.on_fail == OnFail::Halt);
    if required || cx.verb != Verb::Promote {
        return Ok(());
    }
    Err(Fault::new(Reason::NothingToCheck, format!("no required gate decides promotions to {}", cx.channel)))
}
