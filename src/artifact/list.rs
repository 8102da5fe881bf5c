//! Many files in little memory: fewer than sixty bytes and the path for each.
//!
//! The list of a snapshot is at hand from the first byte that is read to the last that is written, and may have a million files; as
//! values of their own, with their digests as text, they would need several times that. Deliberately absent: changing a list that is
//! made. What a list must satisfy says [`super::files::why_not_all`].

use super::files::{FileEntry, Mode};
use crate::domain::Digest;
use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};
use std::{fmt, sync::Arc};

/// The files of a snapshot, sorted by path. A copy is the same list.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Files(Arc<Columns>);

#[derive(PartialEq, Eq, Default)]
struct Columns {
    /// One behind the other.
    paths: String,
    rows: Vec<Row>,
}

#[derive(PartialEq, Eq)]
struct Row {
    size: u64,
    digest: [u8; 32],
    /// Where its path begins among all.
    begin: usize,
    /// How long its path is.
    length: u32,
    mode: Mode,
}

impl Columns {
    fn push(&mut self, file: &FileEntry) {
        let (begin, length) = (self.paths.len(), u32::try_from(file.path.len()).unwrap_or(u32::MAX));
        self.paths.push_str(&file.path);
        self.rows.push(Row { size: file.size, digest: file.digest.to_bytes(), begin, length, mode: file.mode });
    }

    fn path(&self, row: &Row) -> &str {
        &self.paths[row.begin..row.begin + row.length as usize]
    }

    fn entry(&self, row: &Row) -> FileEntry {
        FileEntry { path: self.path(row).to_owned(), mode: row.mode, size: row.size, digest: Digest::of_bytes(&row.digest) }
    }

    /// The list. Room for files that did not come is given back.
    fn whole(mut self) -> Files {
        self.paths.shrink_to_fit();
        self.rows.shrink_to_fit();
        Files(Arc::new(self))
    }
}

impl Files {
    pub fn len(&self) -> usize {
        self.0.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.rows.is_empty()
    }

    /// The file at a place below [`Files::len`].
    pub fn get(&self, at: usize) -> FileEntry {
        self.0.entry(&self.0.rows[at])
    }

    /// The path at a place below [`Files::len`].
    pub fn path(&self, at: usize) -> &str {
        self.0.path(&self.0.rows[at])
    }

    pub fn iter(&self) -> impl Iterator<Item = FileEntry> {
        self.0.rows.iter().map(|row| self.0.entry(row))
    }

    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.rows.iter().map(|row| self.0.path(row))
    }

    pub fn sizes(&self) -> impl Iterator<Item = u64> {
        self.0.rows.iter().map(|row| row.size)
    }

    /// Where a path is in the list.
    pub fn find(&self, path: &str) -> Option<usize> {
        self.0.rows.binary_search_by(|row| self.0.path(row).cmp(path)).ok()
    }

    /// Each folder that a file is in, once.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        let mut before = "";
        self.paths().flat_map(move |path| {
            // Sorted, the files of a folder stand together.
            let last = std::mem::replace(&mut before, path);
            let is_new = move |folder: &&str| last.strip_prefix(folder).is_none_or(|rest| !rest.starts_with('/'));
            super::files::folders(path).filter(is_new)
        })
    }

    /// All bytes together.
    pub fn total(&self) -> u64 {
        self.sizes().fold(0, u64::saturating_add)
    }
}

impl FromIterator<FileEntry> for Files {
    fn from_iter<I: IntoIterator<Item = FileEntry>>(files: I) -> Files {
        let mut columns = Columns::default();
        files.into_iter().for_each(|file| columns.push(&file));
        columns.whole()
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// One after the other, so that the text of the list need not be in memory.
impl<'de> Deserialize<'de> for Files {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Files, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Files;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of files")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut files: A) -> Result<Files, A::Error> {
                let mut columns = Columns::default();
                while let Some(file) = files.next_element::<FileEntry>()? {
                    columns.push(&file);
                }
                Ok(columns.whole())
            }
        }
        deserializer.deserialize_seq(Each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_gives_back_what_went_in() {
        let paths = ["a", "b/c", "b/d/e", "b/d/f", "b.x", "d/d/e", "ä"];
        let mut entries: Vec<FileEntry> = paths
            .iter()
            .enumerate()
            .map(|(at, path)| FileEntry {
                path: (*path).to_owned(),
                mode: if at % 2 == 0 { Mode::FILE } else { Mode::EXECUTABLE },
                size: at as u64,
                digest: Digest::of(path.as_bytes()),
            })
            .collect();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        let files: Files = entries.iter().cloned().collect();
        assert_eq!(files.iter().collect::<Vec<_>>(), entries);
        assert_eq!(serde_json::from_slice::<Files>(&serde_json::to_vec(&entries).unwrap()).unwrap(), files);
        for (at, entry) in entries.iter().enumerate() {
            assert_eq!((files.find(&entry.path), files.path(at), files.get(at)), (Some(at), entry.path.as_str(), entry.clone()));
        }
        assert_eq!((files.find("b"), files.find(""), files.find("z")), (None, None, None));
        assert_eq!(files.folders().collect::<Vec<_>>(), ["b", "b/d", "d", "d/d"]);
        assert_eq!((files.total(), size_of::<Row>()), (21, 56), "a file takes no more room than it must");
    }
}
