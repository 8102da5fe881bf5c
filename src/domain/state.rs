//! The records of the ledger: an entry, and the whole state after it.
//!
//! Shapes are promises (`tagwarden.entry/1`, `tagwarden.state/1`). Unknown extra keys are tolerated when reading; missing
//! keys, duplicate keys and wrong types are not. How entries chain and what they may do to the state is in
//! [`crate::release`].

use super::{
    actor::{Actor, Verb},
    digest::Digest,
    name::{ChannelName, GateId, Oid, PackageName, RefName},
    outcome::Outcome,
    release::Release,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub const ENTRY_SCHEMA: &str = "tagwarden.entry/1";
pub const STATE_SCHEMA: &str = "tagwarden.state/1";

/// One ledger entry (`entry.json`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub schema: String,
    pub serial: u64,
    /// The entry commit before this one; `None` for entry 0.
    #[serde(deserialize_with = "required")]
    pub previous: Option<Oid>,
    pub action: Verb,
    /// What was asked, as a digest: a repeated request with the same claim is recognised.
    pub claim: Digest,
    pub time: Timestamp,
    /// Program and version that judged.
    pub tool: String,
    pub actor: Actor,
    #[serde(deserialize_with = "required")]
    pub reason: Option<String>,
    /// `cli` or `comment:<id>`.
    pub source: String,
    #[serde(deserialize_with = "required")]
    pub channel: Option<ChannelName>,
    pub releases: Vec<Release>,
    /// The commit that the channel tag peels to after this entry.
    #[serde(deserialize_with = "required")]
    pub candidate: Option<Oid>,
    pub moves: Vec<Move>,
    pub policy: PolicyRef,
    pub gates: Vec<GateRecord>,
    /// What is particular to the action: a hold, a waiver, an acknowledgement, a verdict, an annulment, co-signatures.
    #[serde(deserialize_with = "required")]
    pub body: Option<Body>,
}

/// serde reads a missing `Option` as `None`; a ledger record must say `null`.
fn required<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// One ref move. `from` and `to` are the oids that the ref itself holds (for an annotated tag: of the tag object).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    #[serde(rename = "ref")]
    pub name: RefName,
    /// `None`: the ref must not exist.
    #[serde(deserialize_with = "required")]
    pub from: Option<Oid>,
    /// `None`: the ref is removed (only by a rollback of a first promotion).
    #[serde(deserialize_with = "required")]
    pub to: Option<Oid>,
    /// What `to` peels to.
    #[serde(deserialize_with = "required")]
    pub commit: Option<Oid>,
    /// The raw tag object, so that a lost tag can be made again.
    #[serde(deserialize_with = "required")]
    pub object: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRef {
    pub version: u64,
    /// The git tree of the adopted `gates/`.
    pub tree: Oid,
    /// Digest over the protocol documents that were judged; absent where none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documents: Option<Digest>,
}

/// A gate's result as recorded in an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateRecord {
    pub id: GateId,
    pub kind: String,
    pub on_fail: String,
    pub outcome: Outcome,
    pub reason_code: String,
    /// Digest of `evidence/<gate>.json`.
    #[serde(deserialize_with = "required")]
    pub evidence: Option<Digest>,
    /// Serial of the entry whose waiver let this gate pass the run.
    #[serde(deserialize_with = "required")]
    pub waiver: Option<u64>,
}

/// What an action carries beside the common fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    Adopt {
        /// Armored SSH signatures of co-signers over the adoption statement.
        signatures: Vec<String>,
    },
    /// The hold that a `hold` sets, or that an `unhold` lifts.
    Hold {
        scope: HoldScope,
        of: Option<String>,
    },
    /// The holds that a rollback sets by itself.
    Rollback {
        holds: Vec<HoldTarget>,
        undoes: u64,
    },
    Waive {
        gate: GateId,
        until: Timestamp,
    },
    Ack {
        gate: GateId,
    },
    Verdict {
        verdict: String,
    },
    Annul {
        entries: Vec<Oid>,
        signatures: Vec<String>,
    },
    Rehearse {
        report: serde_json::Value,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldTarget {
    pub scope: HoldScope,
    pub of: Option<String>,
}

/// What a hold stops. `Channel` holds set by a rollback stop automation only (see [`Hold::automation_only`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HoldScope {
    All,
    Channel,
    Release,
}

/// `state.json`: the whole state after an entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub schema: String,
    pub serial: u64,
    pub time: Timestamp,
    pub policy: PolicyRef,
    pub channels: BTreeMap<ChannelName, ChannelState>,
    pub holds: Vec<Hold>,
    pub waivers: Vec<Waiver>,
    pub acks: Vec<Ack>,
    pub verdicts: Vec<Verdict>,
    pub staged: Vec<Staged>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelState {
    pub candidate: Oid,
    /// One per channel; with `{package}` in the pattern, one per package (see `tags`).
    pub tag: TagState,
    /// Further channel tags, where the pattern has `{package}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<TagState>,
    pub releases: BTreeMap<PackageName, ChannelRelease>,
    pub since: Timestamp,
    pub serial: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagState {
    #[serde(rename = "ref")]
    pub name: RefName,
    pub oid: Oid,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelRelease {
    pub version: semver::Version,
    pub commit: Oid,
    /// The version that was here before, for display.
    pub previous: Option<semver::Version>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub scope: HoldScope,
    /// The channel, or the release as `package@version`; `None` for `all`.
    pub of: Option<String>,
    pub reason: String,
    pub by: String,
    pub serial: u64,
    /// Set by a rollback on its channel: stops automation, not people.
    #[serde(default)]
    pub automation_only: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    pub gate: GateId,
    pub channel: ChannelName,
    pub candidate: Oid,
    pub until: Timestamp,
    pub by: String,
    pub serial: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    pub gate: GateId,
    pub channel: ChannelName,
    pub candidate: Oid,
    pub by: String,
    pub time: Timestamp,
    pub serial: u64,
}

/// A reviewer's recorded verdict on a commit: `SAFE` or `FINDINGS`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub verdict: String,
    pub commit: Oid,
    pub by: String,
    pub time: Timestamp,
    pub serial: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staged {
    pub package: PackageName,
    pub version: semver::Version,
    pub commit: Oid,
    /// The release tag's object id.
    pub tag: Oid,
    /// Digest of the staging report, where one was made.
    pub report: Option<Digest>,
    pub serial: u64,
}
