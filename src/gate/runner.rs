//! The gate runner: a sans-I/O stepper that asks for probes, takes answers, judges in order, and alone makes a
//! [`Clearance`].

use super::{Evidence, OnFail};
use crate::domain::{ChannelName, Digest, Finding, GateId, Oid, Outcome, Reason, Timestamp, Verb, state::Waiver};

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

impl Run {
    /// The reason of the whole run: that of the first required gate that neither passed nor is waived.
    pub fn reason(&self) -> Reason {
        let blocks = |gate: &&GateResult| gate.on_fail == OnFail::Halt && gate.outcome != Outcome::Passed && gate.waiver.is_none();
        self.gates.iter().find(blocks).map_or(Reason::Passed, |gate| gate.reason)
    }
}
