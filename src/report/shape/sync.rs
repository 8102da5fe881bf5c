//! What `sync` answers.

use crate::{
    domain::{Digest, Oid, Timestamp},
    sync::condition::Condition,
};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SyncShape {
    /// Where it is, without secrets.
    pub store: String,
    pub channel: String,
    /// What readers see; `None`: nothing yet.
    pub live: Option<LiveShape>,
    /// Who may write; `None`: nobody does.
    pub leader: Option<LeaderShape>,
    pub conditions: Vec<Condition>,
    /// What this run wrote; `None`: it hydrated nothing.
    pub rows: Option<RowsShape>,
    /// What a repair would do, or did; `None`: this is no repair.
    pub plan: Option<PlanShape>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LiveShape {
    /// The digest of its content.
    pub snapshot: Option<Digest>,
    /// What readers pin.
    pub number: u64,
    pub release: String,
    pub commit: Oid,
    pub serial: u64,
    pub since: Timestamp,
    /// Rows by kind.
    pub counts: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeaderShape {
    pub name: String,
    pub until: Timestamp,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RowsShape {
    pub written: u64,
    pub ended: u64,
    pub kept: u64,
}

/// Rows and bodies, by what is done with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PlanShape {
    pub write: u64,
    pub end: u64,
    /// Rows and bodies that belong to nothing.
    pub remove: u64,
    /// Whether it was carried out.
    pub done: bool,
}

impl SyncShape {
    pub const SCHEMA: &str = "tagwarden.sync/1";
}
