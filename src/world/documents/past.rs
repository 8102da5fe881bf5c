//! What became of paths that are not in the tree: by the history of the commit, and by what the work tree changed since.

use super::unreadable;
use crate::{
    domain::{Fault, Oid, Result},
    lockdown::{
        Ended, Fate,
        history::{
            History, Limits,
            ends::{Ends, MOST},
        },
    },
    tree::{Tree, TreeEntry},
    world::{git::Git, trees::CommitTree},
};
use std::collections::BTreeSet;

pub(super) struct Past<'g> {
    tree: &'g dyn Tree,
    entries: &'g [TreeEntry],
    /// What kept it from being read.
    history: std::result::Result<History, Fault>,
    head: Oid,
    /// Of the last commit, where the work tree is judged.
    committed: Option<CommitTree>,
    /// Files of the work tree that the last commit does not have.
    new: Vec<&'g str>,
    /// Paths of the last commit that the work tree does not have.
    left: Ends,
}

impl<'g> Past<'g> {
    /// `tree`: that of the commit `at`, or the work tree where that is `None`; `paths`, `ends`: all that are
    /// asked for, and ends of others. `None`: there is no
    /// commit yet.
    pub async fn of(git: &Git, tree: &'g dyn Tree, at: Option<&Oid>, paths: &[&str], ends: &[&str]) -> Result<Option<Past<'g>>> {
        let Some(head) = at.cloned().map_or_else(|| git.rev_parse("HEAD"), |at| Ok(Some(at)))? else { return Ok(None) };
        let entries = tree.entries().map_err(unreadable)?;
        let history = git.history(&head, paths, ends, |path| exists(entries, path)).await;
        let committed = if at.is_none() && history.is_ok() { Some(CommitTree::new(git, &head)?) } else { None };
        let mut new = Vec::new();
        let mut left = Ends::default();
        if let Some(committed) = &committed {
            let old = committed.entries().map_err(unreadable)?;
            let is_new = |entry: &&TreeEntry| old.binary_search_by(|old| old.path.as_str().cmp(&entry.path)).is_err();
            new.extend(entries.iter().filter(is_new).map(|entry| entry.path.as_str()));
            if !ends.is_empty() {
                left = Ends::of(old.iter().map(|entry| entry.path.as_str()).filter(|path| !exists(entries, path)));
            }
        }
        Ok(Some(Past { tree, entries, history, head, committed, new, left }))
    }

    /// `None`: it is not known. What is missing stays missing.
    pub fn fate(&self, path: &str) -> Result<Option<Fate>> {
        let Ok(history) = &self.history else { return Ok(None) };
        if let Some(fate) = self.since(path)? {
            return Ok(Some(fate));
        }
        let fate = history.fate(path, |path| exists(self.entries, path));
        let nothing = if history.limits.cut { Fate::NotHere } else { Fate::Never };
        Ok(Some(fate.map_or(nothing, Fate::Was)))
    }

    /// What became of the paths that are gone and ended in these parts. `None`: there are none; `Some(None)`: several, which went
    /// different ways.
    pub fn ended(&self, parts: &str) -> Result<Option<Option<Ended>>> {
        let Ok(history) = &self.history else { return Ok(None) };
        let found: BTreeSet<&str> = history.ending_in(parts).chain(self.left.with(parts)).collect();
        if found.len() > MOST {
            return Ok(Some(None));
        }
        let mut ended: Vec<Ended> = Vec::new();
        for path in found.into_iter().filter(|path| !exists(self.entries, path)) {
            if let Some(fate) = self.fate(path)?.filter(|fate| !matches!(fate, Fate::Never | Fate::NotHere)) {
                ended.push(Ended { path: path.to_owned(), fate });
            }
        }
        // One file may have had several such names in turn.
        let all_went_to = |to: &str| ended.iter().all(|other| other.fate.now() == Some(to));
        Ok(match ended.as_slice() {
            [] => None,
            [first, rest @ ..] if rest.is_empty() || first.fate.now().is_some_and(all_went_to) => Some(Some(first.clone())),
            _ => Some(None),
        })
    }

    /// What the history cannot tell.
    pub fn limits(&self) -> Limits {
        self.history.as_ref().map_or(Limits { unread: true, ..Limits::default() }, |history| history.limits)
    }

    /// That nothing is known of the past, and why.
    pub fn unread(&self) -> Option<String> {
        let fault = self.history.as_ref().err()?;
        let why = fault.message.lines().next_back().unwrap_or_default();
        let why = why.strip_prefix("the history cannot be read: ").unwrap_or(why);
        let head = self.head.short();
        Some(format!("the history of {head} cannot be read ({why}): what became of missing paths is not known; try `git fsck`"))
    }

    /// The folder that a path was renamed to, if it is one.
    pub fn folder_of(&self, fate: &Fate) -> Option<String> {
        let Fate::Was(fate) = fate else { return None };
        let is_file = |path: &str| self.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).is_ok();
        fate.now().filter(|to| !is_file(to)).map(str::to_owned)
    }

    /// What the work tree did to a committed file: the one new file of the same bytes is its new name. A partial clone may lack
    /// its bytes; that it went is certain all the same.
    fn since(&self, path: &str) -> Result<Option<Fate>> {
        let Some(committed) = &self.committed else { return Ok(None) };
        let listed = committed.entries().map_err(unreadable)?;
        if listed.binary_search_by(|entry| entry.path.as_str().cmp(path)).is_err() {
            return Ok(None);
        }
        let bytes = match committed.read(path) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(None),
            Err(_) => Vec::new(),
        };
        let mut same = Vec::new();
        for new in &self.new {
            if !bytes.is_empty() && self.tree.read(new).map_err(unreadable)?.as_deref() == Some(&bytes) {
                same.push(*new);
            }
        }
        Ok(Some(match same.as_slice() {
            [to] => Fate::Moved { to: (*to).to_owned() },
            _ => Fate::Deleted,
        }))
    }
}

/// Whether there is such a file or folder.
fn exists(entries: &[TreeEntry], path: &str) -> bool {
    let below = format!("{path}/");
    let at = entries.partition_point(|entry| entry.path.as_str() < path);
    entries.get(at).is_some_and(|entry| entry.path == path) || {
        let at = entries.partition_point(|entry| entry.path.as_str() < below.as_str());
        entries.get(at).is_some_and(|entry| entry.path.starts_with(&below))
    }
}
