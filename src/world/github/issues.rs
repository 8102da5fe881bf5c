//! Issues by number, and whether the repository is shown at all.

use super::{Account, Answer, Failure, GitHub, Intent, there};
use serde::Deserialize;

/// GitHub numbers issues and pull requests together, and shows a pull request as an issue, too.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Issue {
    pub number: u64,
    /// `open` or `closed`; a pull request that was merged is closed.
    pub state: String,
    /// Only those with write access may comment.
    pub locked: bool,
    #[serde(deserialize_with = "there")]
    pub user: Option<Account>,
    /// Of a pull request alone.
    pub pull_request: Option<Marked>,
}

/// That something is there, whatever stands in it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Marked {}

impl GitHub {
    pub async fn issue(&self, number: u64) -> Answer<Issue> {
        let issue: Issue = self.read(self.here(Intent::Issue, &["issues", &number.to_string()])).await?;
        if issue.number != number {
            return Err(Failure::unreadable(format!("asked about issue {number}, GitHub answered about {}", issue.number)));
        }
        Ok(issue)
    }

    /// `Err`: the repository is not there, or not for us, so nothing in it is known to be absent.
    pub async fn is_shown(&self) -> Answer<()> {
        self.number().await.map(drop)
    }

    /// The repository's number. Its name can be given to another.
    pub async fn number(&self) -> Answer<u64> {
        let shown: Shown = self.read(self.here(Intent::IsShown, &[])).await?;
        match shown.id {
            0 => Err(Failure::unreadable("GitHub answered about a repository without a number")),
            id => Ok(id),
        }
    }
}

#[derive(Deserialize)]
struct Shown {
    id: u64,
}
