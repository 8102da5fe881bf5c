//! What became of logs between two commits.

use super::unreadable;
use crate::{
    domain::{Oid, Result},
    lockdown::log::{self, Kept},
    tree::{EntryKind, Tree},
    world::{
        git::{Git, Want},
        trees::CommitTree,
    },
};
use std::collections::BTreeMap;

/// The logs of a commit, which is brought where it is not here, and what became of each in this tree. `entries`: as
/// `documents.log` has them.
pub async fn logs(git: &Git, remote: &str, base: &Oid, tree: &dyn Tree, entries: &[String]) -> Result<BTreeMap<String, Kept>> {
    if !git.has(base)? {
        git.fetch_objects(remote, &[Want::Oid(base.clone())]).await?;
    }
    let old = CommitTree::new(git, base)?;
    let mut logs = BTreeMap::new();
    for entry in old.entries().map_err(unreadable)? {
        if !matches!(entry.kind, EntryKind::File | EntryKind::Executable) || !log::is_one(entries, &entry.path) {
            continue;
        }
        let before = old.read(&entry.path).map_err(unreadable)?.unwrap_or_default();
        let kept = match tree.read(&entry.path).map_err(unreadable)? {
            Some(now) => log::compare(&entry.path, &before, &now),
            None => Kept::Removed,
        };
        logs.insert(entry.path.clone(), kept);
    }
    Ok(logs)
}
