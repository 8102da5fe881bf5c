//! Proof that every required gate passed for exactly these moves under exactly this policy.
//!
//! Only [`super::runner::Runner::finish`] makes a [`Clearance`]; every function that moves a channel tag demands one and
//! compares what it is about to do with it ([`Clearance::covers`]). Deliberately absent: a way to make, copy or widen one.

use super::{Context, runner::Run};
use crate::attest::statement::evidence_path;
use crate::domain::{ChannelName, Digest, Fault, Oid, Outcome, Reason, Result, Timestamp, Verb, digest::canonical_json, state::GateRecord};

pub struct Clearance {
    verb: Verb,
    channel: ChannelName,
    candidate: Oid,
    policy: Oid,
    binding: Digest,
    valid_until: Timestamp,
    gates: Vec<GateRecord>,
    evidence: Vec<(String, Vec<u8>)>,
    documents: Option<Digest>,
}

impl Clearance {
    /// Called by the runner alone, after it found that nothing blocks.
    pub(in crate::gate) fn grant(cx: &Context, run: &Run, binding: Digest, valid_until: Timestamp) -> Result<Clearance> {
        let missing = |what: &str| Fault::new(Reason::Internal, format!("a clearance needs {what}"));
        let candidate = cx.candidate.clone().ok_or_else(|| missing("a commit"))?;
        let policy = cx.policy.clone().ok_or_else(|| missing("an adopted policy"))?;
        let judged = run.gates.iter().filter(|gate| gate.outcome != Outcome::Skipped).filter_map(|gate| cx.protocol.gate(&gate.id));
        let unreadable = |why: crate::tree::Unreadable| Fault::new(Reason::GateInconclusive, format!("the documents: {why}"));
        let documents = super::judged_documents(cx, judged).map_err(unreadable)?;
        Ok(Clearance {
            verb: cx.verb,
            channel: cx.channel.clone(),
            candidate,
            policy,
            binding,
            valid_until,
            gates: run.records(),
            evidence: run.evidence()?,
            documents,
        })
    }

    /// Refuses unless this clearance is for these moves and its evidence is still fresh at `now`.
    pub fn covers(&self, verb: Verb, channel: &ChannelName, candidate: &Oid, policy: &Oid, binding: &Digest, now: Timestamp) -> Result<()> {
        let same = self.verb == verb
            && self.channel == *channel
            && self.candidate == *candidate
            && self.policy == *policy
            && self.binding == *binding;
        if !same {
            return Err(Fault::new(Reason::RefChanged, "the moves are not those that the gates judged"));
        }
        if now > self.valid_until {
            return Err(Fault::new(Reason::EvidenceExpired, format!("the evidence was good until {}, it is {now}", self.valid_until)));
        }
        Ok(())
    }

    pub fn gates(&self) -> &[GateRecord] {
        &self.gates
    }

    /// What was judged, as [`Run::evidence`] gives it.
    pub fn evidence(&self) -> &[(String, Vec<u8>)] {
        &self.evidence
    }

    /// The digest of the documents that were judged.
    pub fn documents(&self) -> Option<&Digest> {
        self.documents.as_ref()
    }

    pub fn valid_until(&self) -> Timestamp {
        self.valid_until
    }
}

impl Run {
    /// The results as an entry records them.
    pub fn records(&self) -> Vec<GateRecord> {
        let record = |gate: &super::runner::GateResult| GateRecord {
            id: gate.id.clone(),
            kind: gate.kind.to_owned(),
            on_fail: gate.on_fail.slug().to_owned(),
            outcome: gate.outcome,
            reason_code: gate.reason.slug().to_owned(),
            evidence: gate.evidence.as_ref().map(|(digest, _)| digest.clone()),
            waiver: gate.waiver.as_ref().filter(|_| gate.outcome != Outcome::Passed).map(|waiver| waiver.serial),
        };
        self.gates.iter().map(record).collect()
    }

    /// `(path beside the entry, canonical bytes)`: what was judged, to be recorded.
    pub fn evidence(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let judged = self.gates.iter().filter_map(|gate| Some((&gate.id, &gate.evidence.as_ref()?.1)));
        judged.map(|(id, recorded)| Ok((evidence_path(id.as_str()), canonical_json(recorded)?))).collect()
    }
}
