//! Pull requests by commit.

use super::{Answer, GitHub, Intent, there};
use crate::domain::{Oid, Timestamp};
use serde::Deserialize;

/// A pull request that has something to do with a commit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct CommitPull {
    pub number: u64,
    #[serde(deserialize_with = "there")]
    pub merged_at: Option<Timestamp>,
    #[serde(deserialize_with = "there")]
    pub merge_commit_sha: Option<String>,
}

impl GitHub {
    pub async fn pulls_of(&self, commit: &Oid) -> Answer<Vec<CommitPull>> {
        self.list(self.here(Intent::PullsOf, &["commits", &commit.to_string(), "pulls"])).await
    }
}
