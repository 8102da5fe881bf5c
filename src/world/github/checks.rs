//! What continuous integration says of a commit: check runs of Apps, and the older commit statuses.

use super::{Answer, Failure, GitHub, Intent, pages::Wrapped, there};
use crate::domain::Oid;
use serde::Deserialize;

/// One run of one check of one App.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct CheckRun {
    pub id: u64,
    pub name: String,
    pub head_sha: String,
    /// `queued`, `in_progress`, `completed`, or what GitHub has come to call it.
    pub status: String,
    #[serde(deserialize_with = "there")]
    pub conclusion: Option<String>,
    pub started_at: Option<String>,
    #[serde(deserialize_with = "there")]
    pub app: Option<App>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct App {
    pub id: u64,
}

/// One commit status.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Status {
    pub id: u64,
    /// `error`, `failure`, `pending`, `success`, or what GitHub has come to call it.
    pub state: String,
    pub context: String,
    #[serde(deserialize_with = "there")]
    pub creator: Option<super::Account>,
}

#[derive(Deserialize)]
struct CheckRuns {
    total_count: u64,
    check_runs: Vec<CheckRun>,
}

impl Wrapped for CheckRuns {
    type Item = CheckRun;

    fn total(&self) -> u64 {
        self.total_count
    }

    fn items(self) -> Vec<CheckRun> {
        self.check_runs
    }
}

impl GitHub {
    /// Every run on this commit, also those that were run again.
    pub async fn check_runs(&self, commit: &Oid) -> Answer<Vec<CheckRun>> {
        let runs = self
            .list_in::<CheckRuns>(self.here(Intent::CheckRuns, &["commits", &commit.to_string(), "check-runs"]).query("filter", "all"))
            .await?;
        match runs.iter().find(|run| run.head_sha != commit.to_string()) {
            Some(run) => {
                Err(Failure::unreadable(format!("asked for checks of {}, GitHub gave one of another commit ({})", commit.short(), run.id)))
            }
            None => Ok(runs),
        }
    }

    /// Every status of this commit, newest first.
    pub async fn statuses(&self, commit: &Oid) -> Answer<Vec<Status>> {
        self.list(self.here(Intent::Statuses, &["commits", &commit.to_string(), "statuses"])).await
    }
}
