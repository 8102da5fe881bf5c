//! The records of the ledger: an entry, and the whole state after it.
//!
//! Shapes are promises (`tagwarden.entry/1`, `tagwarden.state/1`). Unknown extra keys are tolerated when reading; missing
//! keys, duplicate keys and wrong types are not. How entries chain and what they may do to the state is in
//! [`crate::release::transition`]; how the state is laid out as files in [`crate::release::state_tree`].

use super::{
    actor::{Actor, Verb},
    digest::Digest,
    name::{ChannelName, GateId, Oid, PackageName, RefName},
    outcome::Outcome,
    release::{Release, ReleaseName},
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
    /// The number of the rules that it was written under and is judged by.
    pub rulebook: u32,
    pub serial: u64,
    /// The newest valid entry before this one; `None` for entry 0. Not always the commit's parent: what is no entry may lie
    /// between them.
    #[serde(deserialize_with = "required")]
    pub previous: Option<Oid>,
    pub action: Verb,
    /// What was asked, as a digest: a repeated request with the same claim is recognised.
    pub claim: Digest,
    /// Chance: two who write the same in the same second write two entries, of which one can be the next. Says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Digest>,
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
    /// The commit that was judged. The channel tag peels to it after this entry; on a channel with a pointer file, to the commit
    /// that activates on top of it.
    #[serde(deserialize_with = "required")]
    pub candidate: Option<Oid>,
    pub moves: Vec<Move>,
    pub policy: PolicyRef,
    /// Until when the evidence of a move counts; `None` for everything else.
    #[serde(deserialize_with = "required")]
    pub valid_until: Option<Timestamp>,
    pub gates: Vec<GateRecord>,
    /// What is particular to the action: a hold, a waiver, an acknowledgement, a verdict, co-signatures.
    #[serde(deserialize_with = "required")]
    pub body: Option<Body>,
}

impl Entry {
    /// The move of a pointer file's branch, the one ref of an entry that is no tag.
    pub fn pointer(&self) -> Option<&Move> {
        self.moves.iter().find(|moved| moved.name.tag().is_none())
    }

    /// What the channel tag peels to after this entry.
    pub fn shown(&self) -> Option<&Oid> {
        self.pointer().and_then(|moved| moved.to.as_ref()).or(self.candidate.as_ref())
    }

    /// What a move takes out of the pointer file.
    pub fn retires(&self) -> &[Retired] {
        self.body.as_ref().map(Body::retires).unwrap_or_default()
    }

    /// The packages that a move is about: those of its releases, and those that it retires.
    pub fn packages(&self) -> impl Iterator<Item = &PackageName> {
        self.releases.iter().map(|release| &release.package).chain(self.retires().iter().map(|retired| &retired.package))
    }

    /// The verb whose gates this entry holds results of.
    pub fn judged(&self) -> Option<Verb> {
        match &self.body {
            Some(Body::After { verb, .. }) => Some(*verb),
            _ => Some(self.action).filter(|action| action.moves()),
        }
    }

    /// Channel tags that were there before the ledger, where this entry took them over.
    pub fn taken_over(&self) -> &[TakenOver] {
        match &self.body {
            Some(Body::Adopt { taken_over, .. }) => taken_over,
            _ => &[],
        }
    }
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
    /// `None` is for a ref that is removed, which no rule allows.
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
    /// Digest over the protocol documents that a move's gates judged; absent where none was.
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
        /// Channel tags that were there before the ledger.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        taken_over: Vec<TakenOver>,
    },
    /// The hold that a `hold` sets, or that an `unhold` lifts.
    Hold {
        scope: HoldScope,
        of: Option<String>,
    },
    /// The artifacts that a promotion takes out of the pointer file; where there are none, it has no body.
    Promote {
        retires: Vec<Retired>,
    },
    /// The holds that a rollback sets by itself, and the artifacts that were not active before what it undoes.
    Rollback {
        holds: Vec<HoldTarget>,
        undoes: u64,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        retires: Vec<Retired>,
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
    /// The digest of `evidence/report.json`, which tells each step, and the names of the steps that did not pass.
    Rehearse {
        report: Digest,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        failed: Vec<String>,
    },
    /// What the whole check of the tree said when an artifact was staged: the digest of `evidence/report.json`.
    Stage {
        report: Digest,
    },
    /// What gates found after the move of entry `of`, whose verb is `verb`.
    After {
        of: u64,
        verb: Verb,
    },
}

impl Body {
    /// What a move takes out of the pointer file.
    pub fn retires(&self) -> &[Retired] {
        match self {
            Body::Promote { retires } | Body::Rollback { retires, .. } => retires,
            _ => &[],
        }
    }
}

/// An artifact that a move takes out of the pointer file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    pub package: PackageName,
    /// The version that was active, as the pointer file has it.
    pub version: String,
}

impl std::fmt::Display for Retired {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.package, self.version)
    }
}

/// A channel tag that was there before the ledger, as it was. Nothing says who moved it there, or why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenOver {
    pub channel: ChannelName,
    #[serde(rename = "ref")]
    pub name: RefName,
    /// What the ref holds; a lightweight tag holds the commit.
    pub oid: Oid,
    /// What it peels to.
    pub commit: Oid,
    /// `None`: the commit bears no release tag, or several, and nobody said which release it is.
    #[serde(deserialize_with = "required")]
    pub release: Option<Release>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldTarget {
    pub scope: HoldScope,
    pub of: Option<String>,
}

/// What a hold stops. `Channel` holds set by a rollback stop automation only (see [`Hold::automation_only`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HoldScope {
    All,
    Channel,
    Release,
}

/// The whole state after an entry. What a release, a gate or a person is about is found by its key.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub serial: u64,
    pub time: Timestamp,
    pub policy: PolicyRef,
    pub channels: BTreeMap<ChannelName, ChannelState>,
    pub holds: Records<Hold>,
    pub waivers: Records<Waiver>,
    pub acks: Records<Ack>,
    pub verdicts: Records<Verdict>,
    pub rehearsals: Records<Rehearsal>,
    pub staged: Records<Staged>,
}

impl State {
    /// A state in which nothing is yet.
    pub fn empty(serial: u64, time: Timestamp, policy: PolicyRef) -> State {
        State {
            serial,
            time,
            policy,
            channels: BTreeMap::new(),
            holds: Records::default(),
            waivers: Records::default(),
            acks: Records::default(),
            verdicts: Records::default(),
            rehearsals: Records::default(),
            staged: Records::default(),
        }
    }
}

/// Something that an entry put into the state.
pub trait Record: Clone {
    /// Of two records with one key only the newer is in the state.
    type Key: Ord + Clone;

    fn key(&self) -> Self::Key;
}

/// The records of one kind, by the serial of the entry that made them.
#[derive(Clone, Debug, PartialEq)]
pub struct Records<T: Record> {
    by_serial: BTreeMap<u64, Vec<T>>,
    serials: BTreeMap<T::Key, u64>,
}

impl<T: Record> Default for Records<T> {
    fn default() -> Records<T> {
        Records { by_serial: BTreeMap::new(), serials: BTreeMap::new() }
    }
}

impl<T: Record> Records<T> {
    /// Oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.by_serial.values().flatten()
    }

    pub fn get(&self, key: &T::Key) -> Option<&T> {
        self.at(*self.serials.get(key)?).iter().find(|record| record.key() == *key)
    }

    /// The serial of the entry that made the record of this key.
    pub fn serial(&self, key: &T::Key) -> Option<u64> {
        self.serials.get(key).copied()
    }

    /// What the entry of this serial made, as far as it is still in the state.
    pub fn at(&self, serial: u64) -> &[T] {
        self.by_serial.get(&serial).map(Vec::as_slice).unwrap_or_default()
    }

    /// All of them, by the serial of the entry that made them.
    pub fn by_serial(&self) -> &BTreeMap<u64, Vec<T>> {
        &self.by_serial
    }

    /// Replaces what the entry of this serial made; nothing: removes it.
    pub fn set(&mut self, serial: u64, records: Vec<T>) {
        for old in self.by_serial.remove(&serial).unwrap_or_default() {
            if self.serials.get(&old.key()) == Some(&serial) {
                self.serials.remove(&old.key());
            }
        }
        if records.is_empty() {
            return;
        }
        for record in &records {
            self.serials.insert(record.key(), serial);
        }
        self.by_serial.insert(serial, records);
    }

    pub fn to_vec(&self) -> Vec<T> {
        self.iter().cloned().collect()
    }

    pub fn is_empty(&self) -> bool {
        self.by_serial.is_empty()
    }

    pub fn len(&self) -> usize {
        self.serials.len()
    }
}

impl Record for Hold {
    type Key = (HoldScope, Option<String>);

    fn key(&self) -> Self::Key {
        (self.scope, self.of.clone())
    }
}

impl Record for Waiver {
    type Key = (GateId, ChannelName, Oid, String);

    fn key(&self) -> Self::Key {
        (self.gate.clone(), self.channel.clone(), self.candidate.clone(), self.by.clone())
    }
}

impl Record for Ack {
    type Key = (GateId, ChannelName, Oid, String);

    fn key(&self) -> Self::Key {
        (self.gate.clone(), self.channel.clone(), self.candidate.clone(), self.by.clone())
    }
}

impl Record for Verdict {
    type Key = (Oid, String);

    fn key(&self) -> Self::Key {
        (self.commit.clone(), self.by.clone())
    }
}

impl Record for Rehearsal {
    type Key = ChannelName;

    fn key(&self) -> Self::Key {
        self.channel.clone()
    }
}

impl Record for Staged {
    type Key = ReleaseName;

    fn key(&self) -> Self::Key {
        ReleaseName { package: self.package.clone(), version: self.version.clone() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelState {
    /// The commit that was judged.
    pub candidate: Oid,
    /// On a channel with a pointer file: the commit that activates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<Oid>,
    /// One per channel; with `{package}` in the pattern, one per package (see `tags`).
    pub tag: TagState,
    /// Further channel tags, where the pattern has `{package}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<TagState>,
    pub releases: BTreeMap<PackageName, ChannelRelease>,
    pub since: Timestamp,
    pub serial: u64,
}

impl ChannelState {
    /// What the channel's tags peel to.
    pub fn shown(&self) -> &Oid {
        self.pointer.as_ref().unwrap_or(&self.candidate)
    }
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
    /// What gave the right, where a mover signed for the person: `team:...`, `permission:...`.
    #[serde(rename = "as", default, skip_serializing_if = "Vec::is_empty")]
    pub by_right_of: Vec<String>,
    pub serial: u64,
}

impl Waiver {
    /// Whether it is for this gate, channel and commit.
    pub fn is_about(&self, gate: &GateId, channel: Option<&ChannelName>, candidate: Option<&Oid>) -> bool {
        self.gate == *gate && Some(&self.channel) == channel && Some(&self.candidate) == candidate
    }

    /// Why it does not count for somebody's move that is decided at `time`; `None`: nothing speaks against it.
    pub fn objection(&self, time: Timestamp, requester: Option<&str>) -> Option<String> {
        match requester {
            _ if self.until <= time => Some(format!("it ended at {}", self.until)),
            None => Some("nobody in particular asks for the move".to_owned()),
            Some(requester) if self.by == requester => Some(format!("{requester} gave it and asks for the move")),
            Some(_) => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    pub gate: GateId,
    pub channel: ChannelName,
    pub candidate: Oid,
    pub by: String,
    /// What gave the right, where a mover signed for the person: `team:...`, `permission:...`.
    #[serde(rename = "as", default, skip_serializing_if = "Vec::is_empty")]
    pub by_right_of: Vec<String>,
    pub time: Timestamp,
    pub serial: u64,
}

/// A reviewer's recorded verdict on a commit: `SAFE` or `FINDINGS`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub verdict: String,
    pub commit: Oid,
    pub by: String,
    /// What gave the right, where a mover signed for the person: `team:...`, `permission:...`.
    #[serde(rename = "as", default, skip_serializing_if = "Vec::is_empty")]
    pub by_right_of: Vec<String>,
    pub time: Timestamp,
    pub serial: u64,
}

/// A rehearsal: the moves of a channel were run in a scratch copy of what was on it, under the policy then in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsal {
    pub channel: ChannelName,
    /// What was on the channel; `None`: nothing.
    pub candidate: Option<Oid>,
    /// The tree of the policy.
    pub policy: Oid,
    /// The steps that did not pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<String>,
    pub by: String,
    /// What gave the right, where a mover signed for the person: `team:...`, `permission:...`.
    #[serde(rename = "as", default, skip_serializing_if = "Vec::is_empty")]
    pub by_right_of: Vec<String>,
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
