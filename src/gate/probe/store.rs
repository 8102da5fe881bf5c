//! What a store of snapshots says: of one bundle, and of its last rehearsal.

use crate::{
    artifact::{Label, log::Rehearsal},
    domain::{Digest, Finding, Timestamp},
};
use serde::{Deserialize, Serialize};

/// Which bundle of the store that the protocol names; exactly one of both is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BundleAsk {
    /// `RAIL@VERSION`, a tag, or the beginning of a digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A file of the candidate whose first word is such a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BundleGot {
    /// What it was named.
    pub named: String,
    /// `None`: the store has no bundle of this name.
    pub bundle: Option<BundleFound>,
    /// The run was told to move what is not in force yet.
    #[serde(default)]
    pub scheduled: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BundleFound {
    pub digest: Digest,
    #[serde(flatten)]
    pub label: Label,
    /// Whose signatures are good, as the policy's `allowed_signers` and `openpgp/` list them, each once.
    #[serde(default)]
    pub people: Vec<String>,
    /// How many signatures the build that asked could not check.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unchecked: usize,
    /// What is wrong with its bytes, its version, or the log.
    #[serde(default)]
    pub wrong: Vec<Finding>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RehearsalAsk {}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RehearsalGot {
    /// The last one; `None`: there was none.
    pub last: Option<Rehearsed>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rehearsed {
    pub time: Timestamp,
    #[serde(flatten)]
    pub rehearsal: Rehearsal,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}
