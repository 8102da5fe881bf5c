//! Shapes of what the ledger holds: history, audit, the policy in force, and a single entry just written.

use super::run::{LedgerPlace, MoveRef};
use crate::domain::{Actor, ChannelName, GateId, Oid, Reason, Release, Timestamp, Verb, state};
use serde::Serialize;
use std::collections::BTreeMap;

/// The entries of the ledger, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HistoryShape {
    pub entries: Vec<HistoryEntry>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistoryEntry {
    pub serial: u64,
    pub action: Verb,
    pub channel: Option<ChannelName>,
    pub releases: Vec<Release>,
    /// What was taken out of the pointer file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retires: Vec<state::Retired>,
    pub actor: Actor,
    pub reason: Option<String>,
    pub time: Timestamp,
    pub moves: Vec<MoveRef>,
    /// Channel tags that were there before the ledger. Who moved them there is unknown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub taken_over: Vec<state::TakenOver>,
    pub about: About,
    /// The entry's commit.
    pub entry: Oid,
    pub gates: Vec<state::GateRecord>,
    /// The gates that its policy has after the move. An entry is written before they run.
    pub after_gates: Vec<GateId>,
    /// What they found, where another entry says so.
    pub after: Option<AfterShape>,
    /// Why there is nothing about gates after the move: `nothing_recorded`. They passed, or nobody could write down what they found.
    pub after_reason: Option<&'static str>,
}

/// What the gates after a move found: where one did not pass, whoever moved wrote it down in an entry of its own.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AfterShape {
    pub serial: u64,
    pub entry: Oid,
    pub time: Timestamp,
    pub gates: Vec<state::GateRecord>,
}

/// What an entry is about beside its channel, its releases and its moves: what there is of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct About {
    /// What a hold stops, or an unhold frees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<state::HoldScope>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<Oid>,
    /// `package@version`, several joined by `, `: what is held, or the releases of the commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// The steps of a rehearsal that did not pass.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The holds that a rollback set by itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<state::HoldTarget>,
    /// The earlier entries that it is about: the hold that is lifted, the move that is undone, the move whose gates found something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<u64>,
}

impl About {
    /// `releases` are those of the entry's commit, `lifted` the entry of the hold that it lifts.
    pub fn of(entry: &state::Entry, releases: Option<String>, lifted: Option<u64>) -> About {
        let about = About { commit: entry.candidate.clone(), release: releases, ..About::default() };
        match entry.body.clone() {
            Some(state::Body::Hold { scope, of }) => {
                let release = of.filter(|_| scope == state::HoldScope::Release);
                About { scope: Some(scope), release, entries: lifted.into_iter().collect(), ..about }
            }
            Some(state::Body::Rollback { holds, undoes, .. }) => About { holds, entries: vec![undoes], ..about },
            Some(state::Body::Waive { gate, until }) => About { gate: Some(gate), until: Some(until), ..about },
            Some(state::Body::Ack { gate }) => About { gate: Some(gate), ..about },
            Some(state::Body::Verdict { verdict }) => About { verdict: Some(verdict), ..about },
            Some(state::Body::After { of, .. }) => About { entries: vec![of], ..about },
            Some(state::Body::Rehearse { failed, .. }) => About { failed, ..about },
            Some(state::Body::Adopt { .. } | state::Body::Stage { .. } | state::Body::Promote { .. }) | None => about,
        }
    }
}

impl HistoryEntry {
    pub fn of(entry: &state::Entry, oid: Oid, about: About, after_gates: Vec<GateId>, after: Option<AfterShape>) -> HistoryEntry {
        HistoryEntry {
            about,
            after_reason: (!after_gates.is_empty() && after.is_none()).then_some("nothing_recorded"),
            after,
            after_gates,
            serial: entry.serial,
            action: entry.action,
            channel: entry.channel.clone(),
            releases: entry.releases.clone(),
            retires: entry.retires().to_vec(),
            actor: entry.actor.clone(),
            reason: entry.reason.clone(),
            time: entry.time,
            moves: entry.moves.iter().map(MoveRef::from).collect(),
            taken_over: entry.taken_over().to_vec(),
            entry: oid,
            gates: entry.gates.clone(),
        }
    }
}

/// What a verification of the whole ledger gave. Its findings stand around it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AuditShape {
    /// `None`: there is no ledger, or its head could not be read.
    pub head: Option<Oid>,
    pub genesis: Option<Oid>,
    /// How many entries verified.
    pub entries: u64,
    /// How many of them bear a signature that verified.
    pub signed: u64,
    /// The head that was asked for with `--expect-head`; without one, a cut-off tail cannot be noticed.
    pub expected_head: Option<Oid>,
    pub rejudged: Vec<Rejudged>,
}

/// One recorded gate judged again on its recorded evidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rejudged {
    pub serial: u64,
    pub gate: GateId,
    pub recorded: Reason,
    /// `None` where it cannot be judged again.
    pub again: Option<Reason>,
    pub verdict: RejudgeVerdict,
    pub detail: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RejudgeVerdict {
    Same,
    Differs,
    /// An object is missing, or this version does not know the kind.
    CannotRejudge,
}

impl RejudgeVerdict {
    pub const fn slug(self) -> &'static str {
        match self {
            RejudgeVerdict::Same => "same",
            RejudgeVerdict::Differs => "differs",
            RejudgeVerdict::CannotRejudge => "cannot_rejudge",
        }
    }
}

/// The policy in force, or the one just adopted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicyShape {
    pub version: u64,
    /// The git tree of the adopted `gates/`.
    pub tree: Oid,
    /// The git tree of the committed `gates/`; `None`: there is none, or it could not be read.
    pub committed: Option<Oid>,
    /// The entry that adopted it.
    pub ledger: LedgerPlace,
    /// Entry 0.
    pub genesis: Oid,
    /// How entry 0 is pinned, where it was just written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<PinShape>,
    /// Channel tags that were there before, where this adoption took them over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub taken_over: Vec<state::TakenOver>,
    /// How many signers an adoption needs.
    pub threshold: u32,
    pub signers: Vec<PolicySigner>,
    pub release_branches: Vec<String>,
    pub channels: Vec<ChannelName>,
    /// The channel that a release must be on before, by channel.
    pub after: BTreeMap<ChannelName, ChannelName>,
    pub roles: Vec<PolicyRole>,
    pub automation: Vec<String>,
    pub gates: Vec<PolicyGate>,
}

/// What says, outside of the repository, which ledger is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PinShape {
    /// The environment variable to set wherever else releases are made.
    pub variable: &'static str,
    pub value: Oid,
    /// The file of this machine that keeps it; `None`: it could not be kept here.
    pub kept: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicySigner {
    pub principal: String,
    /// `SHA256:...` of the public key.
    pub fingerprint: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyRole {
    pub name: String,
    pub who: Vec<String>,
    pub may: Vec<Verb>,
    /// `None`: every channel.
    pub on: Option<Vec<ChannelName>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyGate {
    pub number: usize,
    pub id: GateId,
    pub kind: &'static str,
    pub title: String,
    /// `before` or `after` the move.
    pub when: &'static str,
    pub on_fail: &'static str,
    pub verbs: Vec<Verb>,
    /// `None`: every channel.
    pub channels: Option<Vec<ChannelName>>,
}

/// An entry that was written, beside promotions, rollbacks and adoptions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EntryShape {
    pub action: Verb,
    pub serial: u64,
    /// The entry's commit.
    pub entry: Oid,
    /// The ledger branch.
    #[serde(rename = "ref")]
    pub ledger: crate::domain::RefName,
    pub actor: Actor,
    pub reason: Option<String>,
    pub time: Timestamp,
    pub channel: Option<ChannelName>,
    pub releases: Vec<Release>,
    /// The commit it is about.
    pub commit: Option<Oid>,
    /// Refs that moved with it (the release tag of a `stage`).
    pub moves: Vec<MoveRef>,
    /// What is particular to the action: scope of a hold, gate and end of a waiver, the verdict.
    pub body: Option<state::Body>,
}

impl EntryShape {
    pub fn of(entry: &state::Entry, oid: Oid, ledger: crate::domain::RefName) -> EntryShape {
        EntryShape {
            action: entry.action,
            serial: entry.serial,
            entry: oid,
            ledger,
            actor: entry.actor.clone(),
            reason: entry.reason.clone(),
            time: entry.time,
            channel: entry.channel.clone(),
            releases: entry.releases.clone(),
            commit: entry.candidate.clone(),
            moves: entry.moves.iter().map(MoveRef::from).collect(),
            body: entry.body.clone(),
        }
    }
}
