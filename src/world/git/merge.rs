//! What a move brings, commit by commit along first parents, and what merging gives when it is done again.

use super::Git;
use crate::domain::{Oid, Result};

/// What merging one commit into another gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merged {
    Tree(Oid),
    /// There is no such tree without somebody's decision.
    Conflicts,
    /// git could not tell; its words.
    Unknown(String),
}

impl Git {
    /// The commits from `head` along first parents that `known` does not reach, newest first, each with its parents; without
    /// `known` only `head`. `Ok(None)`: some of that history is not here.
    pub async fn first_parents(&self, head: &Oid, known: Option<&Oid>) -> Result<Option<Vec<(Oid, Vec<Oid>)>>> {
        let without = known.map_or_else(|| "--max-count=1".to_owned(), |known| format!("^{known}"));
        self.listed(vec!["--shallow-file", "", "rev-list", "--first-parent", "--parents", head.as_str(), &without, "--"]).await
    }

    /// Merges `head` into `base` without a work tree; git 2.38 or newer can.
    pub async fn merged(&self, base: &Oid, head: &Oid) -> Result<Merged> {
        let output = self.runner().run(["merge-tree", "--write-tree", "--no-messages", base.as_str(), head.as_str()], None).await?;
        Ok(match (output.code, output.text().lines().next().map(str::parse)) {
            (Some(0), Some(Ok(tree))) => Merged::Tree(tree),
            (Some(1), Some(Ok(_))) => Merged::Conflicts,
            _ => Merged::Unknown(output.last_words()),
        })
    }
}
