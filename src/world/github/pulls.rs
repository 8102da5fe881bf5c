//! Pull requests: their state, their files, and what was said of them.

use super::{
    Account, Answer, Failure, GitHub, Intent, graphql,
    pages::Connection,
    people::{Actor, account, long},
    there,
};
use crate::domain::Timestamp;
use serde::Deserialize;
use serde_json::json;

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Pull {
    pub number: u64,
    /// `open` or `closed`.
    pub state: String,
    /// `None`: GitHub does not say.
    pub draft: Option<bool>,
    pub merged: bool,
    #[serde(deserialize_with = "there")]
    pub merge_commit_sha: Option<String>,
    pub head: Branch,
    pub base: Branch,
    #[serde(deserialize_with = "there")]
    pub user: Option<Account>,
    #[serde(deserialize_with = "there")]
    pub merged_by: Option<Account>,
}

/// One side of a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Branch {
    pub sha: String,
    #[serde(rename = "ref")]
    pub name: String,
    /// `None`: the fork is gone.
    #[serde(deserialize_with = "there")]
    pub repo: Option<Repository>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Repository {
    pub id: u64,
}

impl Pull {
    /// Whether its head may be another repository's: so it is also where GitHub does not say which.
    pub fn is_of_fork(&self) -> bool {
        match (&self.head.repo, &self.base.repo) {
            (Some(head), Some(base)) => head.id != base.id,
            _ => true,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PullFile {
    pub filename: String,
    /// `added`, `removed`, `modified`, `renamed`, ...
    pub status: String,
    pub previous_filename: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Review {
    pub id: u64,
    #[serde(deserialize_with = "there")]
    pub user: Option<Account>,
    /// `APPROVED`, `CHANGES_REQUESTED`, `COMMENTED`, `DISMISSED`, `PENDING`, or what GitHub has come to call it.
    pub state: String,
    #[serde(deserialize_with = "there")]
    pub commit_id: Option<String>,
    /// Not there while the review is pending.
    pub submitted_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Reaction {
    pub id: u64,
    #[serde(deserialize_with = "there")]
    pub user: Option<Account>,
    pub content: String,
}

/// A conversation about some lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    pub resolved: bool,
    pub outdated: bool,
    /// Who began it; `None`: nobody that GitHub still knows.
    pub author: Option<Account>,
}

/// A comment below the pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    pub id: u64,
    pub author: Option<Account>,
    pub body: String,
    pub created_at: String,
    /// Whether it was changed since, and by whom as far as GitHub tells.
    pub edited: Option<Option<Account>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ThreadNode {
    is_resolved: bool,
    is_outdated: bool,
    comments: Nodes<Authored>,
}

#[derive(Deserialize)]
struct Nodes<T> {
    nodes: Vec<T>,
}

#[derive(Deserialize)]
struct Authored {
    #[serde(deserialize_with = "there")]
    author: Option<Actor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CommentNode {
    #[serde(deserialize_with = "long")]
    full_database_id: u64,
    body: String,
    created_at: String,
    #[serde(deserialize_with = "there")]
    last_edited_at: Option<String>,
    #[serde(deserialize_with = "there")]
    author: Option<Actor>,
    #[serde(deserialize_with = "there")]
    editor: Option<Actor>,
}

/// GitHub lists no more files of one pull request.
const MOST_FILES: usize = 3_000;

impl GitHub {
    pub async fn pull(&self, number: u64) -> Answer<Pull> {
        let pull: Pull = self.read(self.here(Intent::Pull, &["pulls", &number.to_string()])).await?;
        if pull.number != number {
            return Err(Failure::unreadable(format!("asked about pull request {number}, GitHub answered about {}", pull.number)));
        }
        Ok(pull)
    }

    /// Every file that it changes. A list that may have been cut is no answer.
    pub async fn files(&self, number: u64) -> Answer<Vec<PullFile>> {
        let files = self.list::<PullFile>(self.here(Intent::Files, &["pulls", &number.to_string(), "files"])).await?;
        if files.len() >= MOST_FILES {
            return Err(Failure::unreadable(format!("pull request {number} has {MOST_FILES} files or more, and GitHub lists no more")));
        }
        Ok(files)
    }

    pub async fn reviews(&self, number: u64) -> Answer<Vec<Review>> {
        self.list(self.here(Intent::Reviews, &["pulls", &number.to_string(), "reviews"])).await
    }

    pub async fn reactions(&self, number: u64) -> Answer<Vec<Reaction>> {
        self.list(self.here(Intent::Reactions, &["issues", &number.to_string(), "reactions"])).await
    }

    pub async fn threads(&self, number: u64) -> Answer<Vec<Thread>> {
        let pointer = "/repository/pullRequest/reviewThreads";
        let nodes = self.connection::<ThreadNode, _>(|after| self.about(Intent::Threads, number, graphql::THREADS, pointer, after)).await?;
        let thread = |node: ThreadNode| {
            let first = node.comments.nodes.into_iter().next();
            let first = first.ok_or_else(|| Failure::unreadable("GitHub's answer has a thread without a comment"))?;
            Ok(Thread { resolved: node.is_resolved, outdated: node.is_outdated, author: account(first.author)? })
        };
        nodes.into_iter().map(thread).collect()
    }

    pub async fn comments(&self, number: u64) -> Answer<Vec<Comment>> {
        let pointer = "/repository/pullRequest/comments";
        let nodes =
            self.connection::<CommentNode, _>(|after| self.about(Intent::Comments, number, graphql::COMMENTS, pointer, after)).await?;
        let comment = |node: CommentNode| {
            let editor = account(node.editor)?;
            let edited = (node.last_edited_at.is_some() || editor.is_some()).then_some(editor);
            Ok(Comment { id: node.full_database_id, author: account(node.author)?, body: node.body, created_at: node.created_at, edited })
        };
        nodes.into_iter().map(comment).collect()
    }

    async fn about<T: serde::de::DeserializeOwned>(
        &self,
        intent: Intent,
        number: u64,
        operation: &str,
        pointer: &str,
        after: Option<String>,
    ) -> Answer<Connection<T>> {
        let variables = json!({ "owner": self.place.owner, "name": self.place.name, "number": number, "after": after });
        self.ask(intent, operation, variables, pointer).await
    }
}
