//! The paths of one tree, ready for many look-ups: exact, in any case, by their last parts, through symbolic links.

use crate::tree::{EntryKind, Tree, TreeEntry, Unreadable};
use std::{
    collections::{BTreeSet, HashMap},
    ops::Bound,
};

/// Symbolic links followed before a path counts as a loop, as on Linux.
const MOST_LINKS: usize = 40;

pub struct Index<'t> {
    pub tree: &'t dyn Tree,
    entries: &'t [TreeEntry],
    folders: BTreeSet<&'t str>,
    /// Lower case to the path as it is written; one of them where several differ only in case.
    lower: HashMap<String, &'t str>,
    /// Every file and folder with its parts in reverse order, sorted: a common end is a common beginning here.
    reversed: Vec<(String, &'t str)>,
    has_links: bool,
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    File(String),
    Folder(String),
    /// Inside a submodule, whose files the tree does not hold.
    Submodule(String),
    /// A symbolic link on the way leads out of the tree.
    Outside,
    /// A symbolic link on the way leads to a path that is not there; `None`: in a circle.
    Dead {
        link: String,
        to: Option<String>,
    },
    Nothing,
}

impl<'t> Index<'t> {
    pub fn new(tree: &'t dyn Tree) -> Result<Index<'t>, Unreadable> {
        let entries = tree.entries()?;
        let mut folders = BTreeSet::new();
        for entry in entries {
            // From the innermost folder outwards, up to the first that is known.
            let mut path = entry.path.as_str();
            while let Some((folder, _)) = path.rsplit_once('/') {
                if !folders.insert(folder) {
                    break;
                }
                path = folder;
            }
        }
        let all = || entries.iter().map(|entry| entry.path.as_str()).chain(folders.iter().copied());
        let mut lower: HashMap<String, &str> = HashMap::with_capacity(entries.len());
        lower.extend(all().map(|path| (path.to_lowercase(), path)));
        let mut reversed: Vec<(String, &str)> = all().map(|path| (reverse(path), path)).collect();
        reversed.sort_unstable();
        let has_links = entries.iter().any(|entry| matches!(entry.kind, EntryKind::Symlink | EntryKind::Submodule));
        Ok(Index { tree, entries, folders, lower, reversed, has_links })
    }

    pub fn has_folder(&self, path: &str) -> bool {
        path.is_empty() || self.folders.contains(path)
    }

    /// Whether there is a file of exactly this path, or a symbolic link.
    pub fn has_file(&self, path: &str) -> bool {
        self.entry(path).is_some()
    }

    /// Sorted by path.
    pub fn entries(&self) -> &'t [TreeEntry] {
        self.entries
    }

    /// Whether a file or folder has exactly this path. Links are not followed.
    pub fn is_there(&self, path: &str) -> bool {
        self.has_folder(path) || self.entry(path).is_some()
    }

    fn entry(&self, path: &str) -> Option<&'t TreeEntry> {
        self.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok().map(|at| &self.entries[at])
    }

    /// What a normal path (see [`normal`]) leads to.
    pub fn find(&self, path: &str) -> Result<Found, Unreadable> {
        if self.has_folder(path) {
            return Ok(Found::Folder(path.to_owned()));
        }
        match self.entry(path).map(|entry| entry.kind) {
            Some(EntryKind::File | EntryKind::Executable) => Ok(Found::File(path.to_owned())),
            Some(EntryKind::Submodule) => Ok(Found::Submodule(path.to_owned())),
            Some(EntryKind::Symlink) => self.follow(path),
            None if self.has_links => self.follow(path),
            None => Ok(Found::Nothing),
        }
    }

    fn follow(&self, path: &str) -> Result<Found, Unreadable> {
        let mut path = path.to_owned();
        let mut last: Option<(&TreeEntry, String)> = None;
        for _ in 0..MOST_LINKS {
            let Some((link, rest)) = self.first_link(&path) else {
                let is_there = |path: &str| self.has_folder(path) || self.entry(path).is_some();
                return Ok(match last {
                    _ if self.has_folder(&path) => Found::Folder(path),
                    _ if self.entry(&path).is_some() => Found::File(path),
                    Some((link, to)) if !is_there(&to) => Found::Dead { link: link.path.clone(), to: Some(to) },
                    _ => Found::Nothing,
                });
            };
            if link.kind == EntryKind::Submodule {
                return Ok(Found::Submodule(link.path.clone()));
            }
            let Some(target) = self.tree.read(&link.path)? else { return Ok(Found::Nothing) };
            let target = String::from_utf8_lossy(&target);
            let folder = link.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let Some(led) = (!target.starts_with('/')).then(|| normal(folder, &format!("{target}/{rest}"))).flatten() else {
                return Ok(Found::Outside);
            };
            // What a link itself leads to may lie behind another one.
            last = match last {
                Some((link, to)) if to == path => Some((link, to)),
                _ => Some((link, normal(folder, &target).unwrap_or_default())),
            };
            path = led;
        }
        Ok(last.map_or(Found::Nothing, |(link, _)| Found::Dead { link: link.path.clone(), to: None }))
    }

    /// The first part of the path that is a symbolic link or a submodule, and what comes behind it.
    fn first_link<'p>(&self, path: &'p str) -> Option<(&'t TreeEntry, &'p str)> {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        ends.filter_map(|end| Some((self.entry(&path[..end])?, path[end..].trim_start_matches('/'))))
            .find(|(entry, _)| matches!(entry.kind, EntryKind::Symlink | EntryKind::Submodule))
    }

    /// The path that differs from this one only in case.
    pub fn in_other_case(&self, path: &str) -> Option<&'t str> {
        self.lower.get(&path.to_lowercase()).copied()
    }

    /// The paths that end in these parts; at most `most` of them.
    pub fn ending_in(&self, parts: &str, most: usize) -> Vec<&'t str> {
        let wanted = reverse(parts);
        let below = format!("{wanted}/");
        let at = self.reversed.partition_point(|(reversed, _)| reversed.as_str() < wanted.as_str());
        let whole = self.reversed[at..].iter().take_while(|(reversed, _)| *reversed == wanted);
        let at = self.reversed.partition_point(|(reversed, _)| reversed.as_str() < below.as_str());
        let longer = self.reversed[at..].iter().take_while(|(reversed, _)| reversed.starts_with(&below));
        whole.chain(longer).map(|(_, path)| *path).take(most).collect()
    }

    /// Files and folders whose path starts with this text, in order.
    pub fn starting_with(&self, start: &str) -> impl Iterator<Item = &'t str> {
        let at = self.entries.partition_point(|entry| entry.path.as_str() < start);
        let files = self.entries[at..].iter().map(|entry| entry.path.as_str());
        let folders = self.folders.range::<str, _>((Bound::Included(start), Bound::Unbounded)).copied();
        files.take_while(move |path| path.starts_with(start)).chain(folders.take_while(move |path| path.starts_with(start)))
    }
}

/// A path read in a folder, without `.`, `..` and doubled separators; `None`: it leads out of the tree.
pub fn normal(folder: &str, path: &str) -> Option<String> {
    let mut normal = String::with_capacity(folder.len() + 1 + path.len());
    for part in folder.split('/').filter(|part| !part.is_empty()) {
        join(&mut normal, part);
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if normal.is_empty() => return None,
            ".." => normal.truncate(normal.rfind('/').unwrap_or_default()),
            part => join(&mut normal, part),
        }
    }
    Some(normal)
}

fn join(path: &mut String, part: &str) {
    if !path.is_empty() {
        path.push('/');
    }
    path.push_str(part);
}

pub fn reverse(path: &str) -> String {
    path.split('/').rev().collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::TreeId;
    use std::collections::BTreeMap;

    /// A tree with symbolic links (`-> target`) and submodules (`submodule`).
    pub struct LinkTree(TreeId, Vec<TreeEntry>, BTreeMap<String, Vec<u8>>);

    impl LinkTree {
        pub fn new(files: &[(&str, &str)]) -> LinkTree {
            let mut entries = Vec::new();
            let mut contents = BTreeMap::new();
            for (path, text) in files.iter().copied().collect::<BTreeMap<_, _>>() {
                let (kind, bytes) = match text.strip_prefix("-> ") {
                    Some(target) => (EntryKind::Symlink, target),
                    None if text == "submodule" => (EntryKind::Submodule, ""),
                    None => (EntryKind::File, text),
                };
                entries.push(TreeEntry { path: path.to_owned(), kind, oid: String::new() });
                contents.insert(path.to_owned(), bytes.as_bytes().to_vec());
            }
            LinkTree(TreeId::WorkTree(crate::domain::Digest::of(b"")), entries, contents)
        }
    }

    impl Tree for LinkTree {
        fn id(&self) -> &TreeId {
            &self.0
        }
        fn entries(&self) -> Result<&[TreeEntry], Unreadable> {
            Ok(&self.1)
        }
        fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Unreadable> {
            Ok(self.2.get(path).cloned())
        }
    }

    #[test]
    fn paths_are_found_through_links_and_never_outside() {
        let tree = LinkTree::new(&[
            ("docs/a.md", ""),
            ("src/deep/x.rs", ""),
            ("alias", "-> src/deep"),
            ("docs/up.md", "-> ../src/deep/x.rs"),
            ("docs/out.md", "-> ../../etc/passwd"),
            ("docs/abs", "-> /etc"),
            ("dangling", "-> nowhere"),
            ("docs/further", "-> ../alias/none.rs"),
            ("loop", "-> loop"),
            ("vendor/lib", "submodule"),
        ]);
        let index = Index::new(&tree).unwrap();
        let file = |path: &str| Found::File(path.to_owned());
        for (path, found) in [
            ("docs/a.md", file("docs/a.md")),
            ("docs", Found::Folder("docs".to_owned())),
            ("", Found::Folder(String::new())),
            ("alias/x.rs", file("src/deep/x.rs")),
            ("alias", Found::Folder("src/deep".to_owned())),
            ("docs/up.md", file("src/deep/x.rs")),
            ("docs/out.md", Found::Outside),
            ("docs/abs/passwd", Found::Outside),
            ("dangling", Found::Dead { link: "dangling".to_owned(), to: Some("nowhere".to_owned()) }),
            ("dangling/x", Found::Dead { link: "dangling".to_owned(), to: Some("nowhere".to_owned()) }),
            ("loop", Found::Dead { link: "loop".to_owned(), to: None }),
            ("loop/x", Found::Dead { link: "loop".to_owned(), to: None }),
            ("alias/none.rs", Found::Nothing),
            ("docs/further", Found::Dead { link: "docs/further".to_owned(), to: Some("alias/none.rs".to_owned()) }),
            ("vendor/lib/src/a.c", Found::Submodule("vendor/lib".to_owned())),
            ("doc", Found::Nothing),
        ] {
            assert_eq!(index.find(path).unwrap(), found, "{path}");
        }
    }

    #[test]
    fn paths_are_found_by_their_last_parts() {
        let tree = LinkTree::new(&[("a/lib/x.rs", ""), ("b/lib/x.rs", ""), ("b/mylib/x.rs", ""), ("x.rs", ""), ("lib/only.rs", "")]);
        let index = Index::new(&tree).unwrap();
        assert_eq!(index.ending_in("lib/x.rs", 9), ["a/lib/x.rs", "b/lib/x.rs"]);
        assert_eq!(index.ending_in("x.rs", 9).len(), 4);
        assert_eq!(index.ending_in("only.rs", 9), ["lib/only.rs"]);
        assert_eq!(index.ending_in("lib", 9), ["lib", "a/lib", "b/lib"]);
        assert_eq!(index.ending_in("ib/x.rs", 9), [] as [&str; 0]);
        assert_eq!(index.in_other_case("B/LIB/X.rs"), Some("b/lib/x.rs"));
        assert_eq!(index.starting_with("b/l").collect::<Vec<_>>(), ["b/lib/x.rs", "b/lib"]);
    }

    #[test]
    fn normal_paths_stay_inside() {
        for (folder, path, led) in [
            ("docs", "../src/./a//b", Some("src/a/b")),
            ("docs", "../..", None),
            ("", "a/../..", None),
            ("a/b", "..", Some("a")),
            ("", "", Some("")),
        ] {
            assert_eq!(normal(folder, path).as_deref(), led, "{folder} {path}");
        }
    }
}
