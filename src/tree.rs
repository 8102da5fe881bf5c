//! An immutable, content-addressed view of files. Gates read the candidate's commit through it, never the disk.
//!
//! Nothing of git is in here: [`crate::world`] implements the trait over the object database and over a work tree, and
//! tests implement it over a map ([`MapTree`]).

use crate::domain::{Digest, Oid};
use std::{collections::BTreeMap, fmt};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreeId {
    /// The tree of this commit.
    Commit(Oid),
    /// A draft: digest over the work tree's listing.
    WorkTree(Digest),
}

impl fmt::Display for TreeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TreeId::Commit(oid) => write!(f, "{oid}"),
            TreeId::WorkTree(digest) => write!(f, "{digest}"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    File,
    Executable,
    Symlink,
    Submodule,
}

/// One file of a tree. `path` has `/` separators, no leading slash; bytes that are no UTF-8 are replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeEntry {
    pub path: String,
    pub kind: EntryKind,
    /// Object id in hex, or a digest for work trees and tests.
    pub oid: String,
}

/// The tree could not be read: judged as inconclusive, never as "not there".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the tree: {0}")]
pub struct Unreadable(pub String);

pub trait Tree: Send + Sync {
    fn id(&self) -> &TreeId;
    /// Every file, sorted by path in byte order.
    fn entries(&self) -> Result<&[TreeEntry], Unreadable>;
    /// The bytes of one file; `Ok(None)`: no file of that path.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Unreadable>;
}

impl dyn Tree + '_ {
    pub fn entry(&self, path: &str) -> Result<Option<&TreeEntry>, Unreadable> {
        let entries = self.entries()?;
        Ok(entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok().map(|at| &entries[at]))
    }

    /// Whether some file lies below this folder.
    pub fn has_folder(&self, folder: &str) -> Result<bool, Unreadable> {
        let prefix = format!("{}/", folder.trim_end_matches('/'));
        let entries = self.entries()?;
        let at = entries.partition_point(|entry| entry.path.as_str() < prefix.as_str());
        Ok(entries.get(at).is_some_and(|entry| entry.path.starts_with(&prefix)))
    }

    /// The files directly in `folder`, by name, with their bytes.
    pub fn files_in(&self, folder: &str) -> Result<BTreeMap<String, Vec<u8>>, Unreadable> {
        let prefix = format!("{folder}/");
        let mut files = BTreeMap::new();
        for entry in self.entries()?.iter().filter(|entry| entry.path.starts_with(&prefix)) {
            if let Some(bytes) = self.read(&entry.path)? {
                files.insert(entry.path[prefix.len()..].to_owned(), bytes);
            }
        }
        Ok(files)
    }
}

/// A tree in memory.
pub struct MapTree {
    id: TreeId,
    entries: Vec<TreeEntry>,
    files: BTreeMap<String, Vec<u8>>,
}

impl MapTree {
    pub fn new(files: BTreeMap<String, Vec<u8>>) -> MapTree {
        let entries: Vec<TreeEntry> = files
            .iter()
            .map(|(path, bytes)| TreeEntry { path: path.clone(), kind: EntryKind::File, oid: Digest::of(bytes).hex().to_owned() })
            .collect();
        let listing: String = entries.iter().map(|entry| format!("{} {}\n", entry.oid, entry.path)).collect();
        MapTree { id: TreeId::WorkTree(Digest::of(listing.as_bytes())), entries, files }
    }

    /// The same tree with the files executable that `executable` says so of by their path.
    pub fn with_executables(mut self, executable: impl Fn(&str) -> bool) -> MapTree {
        for entry in self.entries.iter_mut().filter(|entry| executable(&entry.path)) {
            entry.kind = EntryKind::Executable;
        }
        self
    }
}

impl Tree for MapTree {
    fn id(&self) -> &TreeId {
        &self.id
    }

    fn entries(&self) -> Result<&[TreeEntry], Unreadable> {
        Ok(&self.entries)
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Unreadable> {
        Ok(self.files.get(path).cloned())
    }
}
