//! What `snapshot` and `bundle` answer. Every verb has the same schema, and members of its own.

use crate::{
    artifact::Label,
    domain::{Digest, Timestamp},
};
use serde::Serialize;

pub const SCHEMA: &str = "tagwarden.snapshot/1";

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SnapshotShape {
    /// The folder of the store.
    pub store: String,
    #[serde(flatten)]
    pub what: SnapshotAnswer,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum SnapshotAnswer {
    Created(Created),
    List { snapshots: Vec<Listed> },
    Bundles { bundles: Vec<Listed> },
    Info(Box<Info>),
    Verified(VerifiedShape),
    Signed(SignedShape),
    Differences(DiffShape),
    Restored(RestoredShape),
    Rehearsed(RehearsedShape),
    Pruned(PrunedShape),
    Status(Box<StatusShape>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Created {
    pub digest: Digest,
    pub files: usize,
    pub bytes: u64,
    /// `false`: the store had exactly this already.
    pub new: bool,
    pub source: String,
    pub tags: Vec<String>,
    /// How many artifacts of the catalog were validated before it was captured.
    pub artifacts: usize,
    /// The event that records it.
    pub serial: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Label>,
}

/// What is known of a snapshot without reading its manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    pub digest: Digest,
    pub tags: Vec<String>,
    /// `None`, here and below: another program put it there, and nothing is recorded of it.
    pub captured: Option<Timestamp>,
    pub first: Option<Timestamp>,
    pub actor: Option<String>,
    pub source: Option<String>,
    pub commit: Option<String>,
    pub channel: Option<String>,
    pub files: Option<u64>,
    pub bytes: Option<u64>,
    pub reason: Option<String>,
    pub serial: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Label>,
    /// Of a bundle: `scheduled`, `effective` or `expired`, by the clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Info {
    #[serde(flatten)]
    pub listed: Listed,
    /// `blobs`: a blob for each file; `tar`: all in one.
    pub form: &'static str,
    /// Who signed it, as `gates/allowed_signers` lists them; `None`: nothing says who may sign.
    pub signed: Option<Vec<String>>,
    pub contents: Vec<FileShape>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileShape {
    pub path: String,
    pub mode: String,
    pub size: u64,
    pub digest: Digest,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerifiedShape {
    /// The one that was asked for; `None`: the whole store.
    pub digest: Option<Digest>,
    /// How many snapshots were looked at.
    pub verified: usize,
    /// Who signed each, as `gates/allowed_signers` lists them; `None`: nothing says who may sign.
    pub signed: Option<Vec<SignersShape>>,
    /// Those of the snapshots that are bundles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bundles: Vec<BundleShape>,
    pub files: usize,
    pub bytes: u64,
    /// Events of the log; `None`: there is no log that verifies.
    pub events: Option<u64>,
    /// The digest of the last event: noted elsewhere, it shows a store that was replaced.
    pub head: Option<Digest>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignersShape {
    pub digest: Digest,
    pub people: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BundleShape {
    pub digest: Digest,
    pub bundle: Label,
    /// `scheduled`, `effective` or `expired`, by the clock.
    pub phase: &'static str,
}

/// How one bundle differs from another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DiffShape {
    pub from: Digest,
    pub to: Digest,
    pub fields: Vec<FieldShape>,
    pub changes: Vec<ChangeShape>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldShape {
    pub field: &'static str,
    pub from: Option<String>,
    pub to: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeShape {
    pub path: String,
    /// `added`, `removed` or `changed`.
    pub change: &'static str,
    pub from: Option<Digest>,
    pub to: Option<Digest>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignedShape {
    pub digest: Digest,
    /// As `gates/allowed_signers` lists them; else the fingerprint of the key, and then the signature counts for nobody.
    pub signer: String,
    pub fingerprint: String,
    /// How many people have signed it.
    pub people: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RestoredShape {
    pub digest: Digest,
    pub target: String,
    pub files: usize,
    pub written: usize,
    /// What was there before; `None`: nothing was, or nothing had to be written.
    pub previous: Option<Digest>,
    /// The check failed, and the files are as they were before.
    pub undone: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RehearsedShape {
    pub digest: Digest,
    /// How long the restore of the whole snapshot took.
    pub recovery_ms: u64,
    pub limit_seconds: u64,
    /// Whether the log of the store has it.
    pub recorded: bool,
    /// In the order in which they were tried. After a restore that failed, no fault is planted.
    pub criteria: Vec<CriterionShape>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CriterionShape {
    pub name: &'static str,
    pub held: bool,
    pub duration_ms: u64,
    pub detail: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PrunedShape {
    pub dry_run: bool,
    pub pruned: Vec<Digest>,
    pub kept: Vec<KeptShape>,
    /// Blobs that nothing names any more; `None`: something of another program cannot be read, so none was removed.
    pub blobs: Option<usize>,
    pub freed: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeptShape {
    pub digest: Digest,
    pub because: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatusShape {
    pub snapshots: usize,
    /// Of all captured files, as if nothing were shared. `None`, as the other counts below: the log does not verify, so nobody knows.
    pub bytes: Option<u64>,
    /// `None`, as the times below: there was none.
    pub newest: Option<Timestamp>,
    pub age_seconds: Option<u64>,
    pub verified: Option<Timestamp>,
    pub verified_age_seconds: Option<u64>,
    pub verified_findings: Option<u64>,
    /// The last rehearsal of a restore, and whether it passed.
    pub rehearsed: Option<Timestamp>,
    pub rehearsed_age_seconds: Option<u64>,
    pub rehearsal_passed: Option<bool>,
    pub events: u64,
    pub log_verifies: bool,
    /// Snapshots that the log knows and the store does not name.
    pub missing: Option<usize>,
    pub open_restores: Option<usize>,
    pub sources: Vec<SourceShape>,
}

/// The newest capture of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceShape {
    pub source: String,
    pub digest: Digest,
    pub captured: Timestamp,
    pub age_seconds: u64,
}
