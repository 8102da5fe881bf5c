//! Drives the gate runner: asks the world for what the runner needs until every gate is judged.

use super::gather::{Place, Situation};
use crate::{
    domain::{Fault, Oid, Outcome, Reason, Result},
    gate::{
        Context, Probe, Protocol,
        probe::{ChainGot, Unavailable, why},
        runner::{Runner, Step},
    },
    release::chain::Verified,
    report::RunShape,
    tree::Tree,
    world::{
        World,
        answer::{Answerer, LedgerFacts},
        clock::Stopwatch,
        documents::Record,
        progress::Waiting,
    },
};
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

/// Runs the gates to the end. `known` gets what is known so far whenever another gate has its turn.
pub async fn drive(world: &World, answerer: &Answerer, runner: &mut Runner<'_>, known: &(dyn Fn(RunShape) + Sync)) -> Result<()> {
    let watch = Stopwatch::start();
    let mut at = 1;
    // Gates bound their own attempts; this bound only turns a defect into an error instead of a hang.
    for _ in 0..100_000 {
        match runner.step(world.clock.now(), watch.millis()) {
            Step::Done => return Ok(()),
            Step::Need(probes) => {
                if let Some((_, turn, _)) = runner.turn().filter(|(_, turn, _)| *turn != at) {
                    at = turn;
                    known(so_far(runner)?);
                }
                let _waiting = waiting(world, runner, &probes);
                runner.supply(answerer.answer_all(probes).await);
            }
        }
    }
    Err(Fault::new(Reason::Internal, "a gate kept asking without an end"))
}

/// The run as it is if it is told to end now.
fn so_far(runner: &Runner<'_>) -> Result<RunShape> {
    let mut run = runner.run()?;
    for gate in run.gates.iter_mut().filter(|gate| gate.outcome == Outcome::Skipped) {
        gate.reason = Reason::Interrupted;
    }
    Ok(RunShape::of(&run))
}

/// Says which gate is asked, and how long it waits before it asks again.
fn waiting(world: &World, runner: &Runner<'_>, probes: &[(usize, Probe)]) -> Option<(Waiting, Option<Waiting>)> {
    let (gate, at, of) = runner.turn()?;
    let its = world.progress.doing(format!("gate {at} of {of}, {}", gate.id));
    // Of this gate; others are asked ahead, and never again.
    let again = probes.iter().filter(|(place, probe)| *place + 1 == at && probe.key.attempt > 1).min_by_key(|(_, probe)| probe.not_before);
    let again = again.map(|(_, probe)| {
        let attempt = format!("attempt {} of {}", probe.key.attempt, gate.gate.attempts(probe.key.item));
        let left = probe.not_before.map(|time| time.seconds_since(world.clock.now())).and_then(|left| u64::try_from(left).ok());
        match left.filter(|left| *left > 0) {
            Some(left) => world.progress.until(format!("{attempt}, next in"), Duration::from_secs(left)),
            None => world.progress.doing(attempt),
        }
    });
    Some((its, again))
}

/// What probes about the ledger are answered with.
pub fn ledger_facts(head: &Verified) -> LedgerFacts {
    let chain = ChainGot {
        head: head.head().clone(),
        genesis: head.genesis().clone(),
        entries: head.length(),
        signing: if head.protocol().is_unsigned() { "none".to_owned() } else { "ssh".to_owned() },
        problems: Vec::new(),
    };
    LedgerFacts {
        chain: Ok(chain),
        head: Some(head.head().clone()),
        verdicts: head.state().verdicts_that_count(head.policy()),
        acks: head.state().acks_that_count(head.policy()),
        rehearsals: head.state().rehearsals_that_count(head.policy()),
        present: head.state().channels.iter().map(|(name, channel)| (name.clone(), channel.candidate.clone())).collect(),
    }
}

/// The same where no verified ledger is at hand: every such probe is unavailable, with the reason.
pub fn no_ledger_facts(fault: &Fault) -> LedgerFacts {
    let why = Unavailable::new(&why_no_ledger(fault.reason)).detail(fault.message.clone());
    LedgerFacts { chain: Err(why), head: None, verdicts: Vec::new(), acks: Vec::new(), rehearsals: Vec::new(), present: BTreeMap::new() }
}

/// The slug of why there is no ledger at hand. Kinds list these among their codes, so anything else is that it could not be read.
fn why_no_ledger(reason: Reason) -> String {
    match reason {
        Reason::NoLedger | Reason::LedgerBroken | Reason::LedgerLost | Reason::LedgerUnverifiable | Reason::Unreachable => {
            reason.slug().replace('_', "-")
        }
        _ => why::UNREADABLE.to_owned(),
    }
}

/// Whose files a run judges and by which gates.
pub struct Judged<'a> {
    pub cx: &'a Context,
    /// The files of the gates' folder that `command` gates run in.
    pub gates: Arc<dyn Tree>,
    pub facts: LedgerFacts,
    pub effects: bool,
    /// Where somebody recorded what the forge knows of pull requests.
    pub pulls: Option<&'a Path>,
}

/// An answerer for one run. Faults: `bad_usage` where the record of pull requests is none, or is judged itself.
pub fn answerer(place: &Place, judged: Judged<'_>) -> Result<Answerer> {
    let Judged { cx, gates, facts, effects, pulls } = judged;
    let record = pulls.map(|file| Record::beside(file, &place.world.git, cx.candidate.as_ref())).transpose()?;
    Ok(Answerer::new(&place.world, cx, gates, facts, effects, place.at.remote.clone())?.recorded(record))
}

/// The adopted policy's files as a tree.
pub fn policy_tree(situation: &Situation) -> Result<Arc<dyn Tree>> {
    tree_of(situation.world(), &situation.head.state().policy.tree)
}

pub fn tree_of(world: &World, tree: &Oid) -> Result<Arc<dyn Tree>> {
    let tree = crate::world::trees::CommitTree::of_tree(&world.git, tree)?;
    Ok(Arc::new(tree))
}

/// The context of a run.
pub fn base_url(protocol: &Protocol, channel: &crate::domain::ChannelName) -> Option<String> {
    protocol.channels.get(channel).and_then(|channel| channel.base_url.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::explain;

    #[test]
    fn whatever_is_wrong_with_the_ledger_has_a_code_that_explain_knows() {
        for reason in Reason::ALL {
            for kind in ["ack", "audit", "rehearsal", "verdict"] {
                let code = format!("{kind}/{}", why_no_ledger(*reason));
                assert!(explain::knows(&code), "{code}");
            }
        }
    }
}
