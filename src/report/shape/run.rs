//! Shapes of gate runs, moves and rehearsals.

use crate::{
    catalog::activation::Activation,
    domain::{Actor, ChannelName, Decision, Digest, Finding, GateId, Oid, Outcome, Reason, RefName, Release, Timestamp, Verb, state},
    gate::{
        OnFail, Protocol,
        runner::{GateResult, Run},
    },
};
use serde::Serialize;

/// A run of gates. Whole in itself, since it also stands inside a move.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunShape {
    pub schema: &'static str,
    pub decision: Decision,
    pub reason_code: Reason,
    pub verb: Verb,
    pub channel: ChannelName,
    /// The commit under judgement; `None` for a draft.
    pub commit: Option<Oid>,
    /// The git tree of the adopted `gates/`; `None` for a draft judged by its own.
    pub policy: Option<Oid>,
    pub started: Timestamp,
    pub gates: Vec<GateShape>,
}

impl RunShape {
    pub const SCHEMA: &'static str = "tagwarden.run/1";

    pub fn of(run: &Run) -> RunShape {
        let reason = run.reason();
        RunShape {
            schema: RunShape::SCHEMA,
            decision: if reason.exit_code() == 0 { Decision::Continue } else { Decision::Stop },
            reason_code: reason,
            verb: run.verb,
            channel: run.channel.clone(),
            commit: run.candidate.clone(),
            policy: run.policy.clone(),
            started: run.started,
            gates: run.gates.iter().map(GateShape::of).collect(),
        }
    }

    /// The gates before a move as its entry records them, under the policy that judged; `None`: that policy does not know them. What
    /// they found stands in the evidence, not here. `waiver`: what the entry of this serial waived.
    pub fn recorded(entry: &state::Entry, protocol: &Protocol, waiver: &dyn Fn(u64) -> Option<WaiverShape>) -> Option<RunShape> {
        let gates = entry.gates.iter().map(|record| {
            let gate = protocol.gate(&record.id)?;
            Some(GateShape {
                number: gate.number,
                id: record.id.clone(),
                kind: gate.kind.id,
                title: gate.header.title.clone(),
                owner: gate.header.owner.clone(),
                on_fail: gate.header.on_fail.slug(),
                outcome: record.outcome,
                reason_code: Reason::ALL.iter().copied().find(|reason| reason.slug() == record.reason_code)?,
                findings: Vec::new(),
                evidence: record.evidence.clone(),
                duration_ms: None,
                waiver: record.waiver.and_then(waiver),
            })
        });
        Some(RunShape {
            schema: RunShape::SCHEMA,
            decision: Decision::Continue,
            reason_code: Reason::Passed,
            verb: entry.action,
            channel: entry.channel.clone()?,
            commit: entry.candidate.clone(),
            policy: Some(entry.policy.tree.clone()),
            started: entry.time,
            gates: gates.collect::<Option<Vec<GateShape>>>()?,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GateShape {
    /// Position among all gates of the protocol, from 1.
    pub number: usize,
    pub id: GateId,
    pub kind: &'static str,
    pub title: String,
    pub owner: Option<String>,
    pub on_fail: &'static str,
    pub outcome: Outcome,
    /// For a skipped gate: the reason of the gate that halted the run.
    pub reason_code: Reason,
    pub findings: Vec<Finding>,
    /// Digest of the evidence; `None` for a skipped gate.
    pub evidence: Option<Digest>,
    /// `None` for a skipped gate.
    pub duration_ms: Option<u64>,
    /// What lets the run go on although the gate did not pass.
    pub waiver: Option<WaiverShape>,
}

impl GateShape {
    pub fn of(gate: &GateResult) -> GateShape {
        GateShape {
            number: gate.number,
            id: gate.id.clone(),
            kind: gate.kind,
            title: gate.title.clone(),
            owner: gate.owner.clone(),
            on_fail: gate.on_fail.slug(),
            outcome: gate.outcome,
            reason_code: gate.reason,
            findings: gate.findings.clone(),
            evidence: gate.evidence.as_ref().map(|(digest, _)| digest.clone()),
            duration_ms: gate.duration_ms,
            waiver: gate.waiver.as_ref().map(|waiver| WaiverShape { serial: waiver.serial, by: waiver.by.clone(), until: waiver.until }),
        }
    }

    pub fn is_advisory(&self) -> bool {
        self.on_fail == OnFail::Document.slug()
    }

    /// Whether this gate stops the run.
    pub fn blocks(&self) -> bool {
        !self.is_advisory() && self.outcome != Outcome::Passed && self.waiver.is_none()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaiverShape {
    /// The entry that recorded it.
    pub serial: u64,
    pub by: String,
    pub until: Timestamp,
}

/// A promotion or rollback, done or planned.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MoveShape {
    pub verb: Verb,
    pub channel: ChannelName,
    pub releases: Vec<Release>,
    /// What is taken out of the pointer file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retires: Vec<state::Retired>,
    /// Every ref move of the plan beside the ledger's own. They happened only where `ledger` names an entry.
    pub moves: Vec<MoveRef>,
    /// On a channel with a pointer file: what changes in it. Empty where nothing does, or nothing moved now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub activates: Vec<Activation>,
    /// The entry that records the move; `None`: nothing moved.
    pub ledger: Option<LedgerPlace>,
    pub dry_run: bool,
    /// Who it is asked by.
    pub actor: Actor,
    /// Why, in their words.
    pub reason: Option<String>,
    #[serde(flatten)]
    pub outputs: MoveOutputs,
    /// Every channel of the policy in force, in its order, with what it was at before this run moved anything.
    pub way: Vec<Waypoint>,
    /// The gates before the move; `None` where it did not come to them.
    pub run: Option<RunShape>,
    /// The gates after the move; `None` where there are none or nothing moved.
    pub after: Option<RunShape>,
    /// What was called after the move.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookShape>,
}

/// A hook that was called after a move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HookShape {
    pub name: String,
    /// What a cache was told to forget.
    pub keys: Vec<String>,
    /// Whether it was taken: a status of 200 to 299, or exit code 0. `None`: it was not called, as in a dry run.
    pub taken: Option<bool>,
    pub detail: String,
}

/// What a workflow goes on with, the same whether the channel moved now or was there already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MoveOutputs {
    /// The commit that was asked for.
    pub commit: Option<Oid>,
    /// The channel's tag without `refs/tags/`; several joined by `, `.
    pub tag: Option<String>,
    /// The version; several joined by `, `.
    pub version: Option<String>,
    /// What the channel was at before; `None`: at nothing.
    pub previous_commit: Option<Oid>,
    /// What the channel's tag held before: the tag object's id; several joined by `, `, in the order of `tag`. `None`: there was no tag.
    pub from: Option<String>,
    /// What it holds after; `None`: nothing was moved there.
    pub to: Option<String>,
    /// Whether this run moved it.
    pub moved: bool,
}

impl MoveOutputs {
    /// `tags`: the channel's, with what each holds before and after.
    pub fn of<'a>(
        commit: Option<Oid>,
        tags: impl Iterator<Item = (&'a RefName, Option<&'a Oid>, Option<&'a Oid>)>,
        versions: impl Iterator<Item = &'a semver::Version>,
        previous_commit: Option<Oid>,
    ) -> MoveOutputs {
        let joined = |words: Vec<String>| (!words.is_empty()).then(|| words.join(", "));
        let (mut names, mut from, mut to) = (Vec::new(), Vec::new(), Vec::new());
        for (name, before, after) in tags {
            names.push(name.tag().unwrap_or(name.as_str()).to_owned());
            from.extend(before.map(ToString::to_string));
            to.extend(after.map(ToString::to_string));
        }
        let version = joined(versions.map(ToString::to_string).collect());
        MoveOutputs { commit, tag: joined(names), version, previous_commit, from: joined(from), to: joined(to), moved: false }
    }

    /// The same after the move of these tags.
    #[must_use]
    pub fn after<'a>(self, moves: impl Iterator<Item = &'a state::Move>) -> MoveOutputs {
        let to: Vec<String> = moves.filter_map(|made| made.to.as_ref()).map(ToString::to_string).collect();
        MoveOutputs { to: (!to.is_empty()).then(|| to.join(", ")), moved: true, ..self }
    }
}

/// A channel on the way of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waypoint {
    pub channel: ChannelName,
    /// The channel that must hold a release before this one.
    pub after: Option<ChannelName>,
    /// `package@version`, several joined by `, `; `None`: nothing.
    pub release: Option<String>,
}

/// `from` and `to` are the oids the ref itself holds (of the tag object, for an annotated tag).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MoveRef {
    #[serde(rename = "ref")]
    pub name: RefName,
    /// `None`: the ref did not exist.
    pub from: Option<Oid>,
    /// `None`: the ref is removed, or (in a dry run) its tag object is not made yet.
    pub to: Option<Oid>,
    /// What `to` peels to.
    pub commit: Option<Oid>,
}

impl MoveRef {
    /// What the ref gets, where it is not made yet.
    pub fn planned(&self) -> &'static str {
        if self.name.tag().is_some() { "new tag" } else { "new commit" }
    }
}

impl From<&state::Move> for MoveRef {
    fn from(made: &state::Move) -> MoveRef {
        MoveRef { name: made.name.clone(), from: made.from.clone(), to: made.to.clone(), commit: made.commit.clone() }
    }
}

/// An entry of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LedgerPlace {
    /// The ledger branch.
    #[serde(rename = "ref")]
    pub name: RefName,
    /// The entry's commit.
    pub entry: Oid,
    pub serial: u64,
}

/// A drill in a scratch copy.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RehearsalShape {
    /// In the order they ran.
    pub steps: Vec<Step>,
    /// What stood in for the real thing.
    pub stand_ins: Vec<String>,
    pub proves: Vec<String>,
    pub does_not_prove: Vec<String>,
    pub duration_ms: u64,
    /// The entry that records it, with `--record`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<LedgerPlace>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    pub name: String,
    pub outcome: Outcome,
    /// `None` for a skipped step.
    pub duration_ms: Option<u64>,
    pub detail: Option<String>,
}
