//! What a store says of itself: whose it is, its snapshots, what is live, who leads, and what was tried last.

use crate::domain::{Digest, Oid, Timestamp};
use std::collections::BTreeMap;

/// Whose releases a store holds. A store never changes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Entry 0 of the ledger.
    pub genesis: Oid,
    pub channel: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub source: Source,
    pub live: Option<Live>,
    pub lease: Lease,
    /// Those that are complete, by number.
    pub snapshots: Vec<Snapshot>,
    pub attempt: Option<Attempt>,
}

/// What readers see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    pub number: u64,
    /// Of the ledger's entry that released it.
    pub serial: u64,
    pub release: String,
    pub commit: Oid,
    /// How its rows are made ([`super::step::shape`]).
    pub shape: Digest,
    pub since: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub number: u64,
    /// Of its membership.
    pub digest: Digest,
    pub commit: Oid,
    pub shape: Digest,
    /// What all its files were judged by ([`super::step::rules`]); `None`: they were not judged.
    pub rules: Option<Digest>,
    /// Rows by kind.
    pub counts: BTreeMap<String, u64>,
    /// When readers stopped seeing it; `None`: they see it, or never did.
    pub left: Option<Timestamp>,
}

impl Snapshot {
    pub fn rows(&self) -> u64 {
        self.counts.values().sum()
    }
}

/// Who may write. An epoch is given once, and only its holder's writes are taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    pub epoch: u64,
    /// `None`: nobody leads.
    pub holder: Option<Holder>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub name: String,
    pub until: Timestamp,
}

/// What became of the newest release that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub serial: u64,
    pub release: String,
    pub commit: Oid,
    pub time: Timestamp,
    /// `None`: it was published.
    pub rejected: Option<Rejected>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    pub findings: u64,
    /// Of the first finding.
    pub message: String,
}

impl State {
    /// The snapshot of this number, where it is complete.
    pub fn snapshot(&self, number: u64) -> Option<&Snapshot> {
        self.snapshots.iter().find(|snapshot| snapshot.number == number)
    }

    pub fn live_snapshot(&self) -> Option<&Snapshot> {
        self.snapshot(self.live.as_ref()?.number)
    }
}
