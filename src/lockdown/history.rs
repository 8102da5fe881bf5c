//! What became of paths that are gone: removed in which commit, renamed to what, through any number of renames.
//!
//! A [`Recorder`] takes the removals of a history once, newest commit first; a [`History`] answers from them. Which of them
//! were renames is costly to find out, so a history says in which commits it matters ([`History::unclear`]) for the paths that
//! are asked for. Memory grows with the number of removals, not with commits or files. What git took for a rename is believed.
//!
//! Deliberately absent: when a path came into being, and what stood in it.

pub mod ends;

use ends::Ends;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt,
};

/// Digits of a commit id that are shown. Fixed, so that the same text comes out of every clone.
const SHORT: usize = 10;

/// What a history cannot tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Older commits are not here (a shallow clone): a path without a fate may still have existed.
    pub cut: bool,
    /// Only renames of unchanged files were looked for (a partial clone): others read as removals.
    pub exact_renames_only: bool,
    /// Some commit held too many files to look for all of its renames: they read as removals.
    pub renames_skipped: bool,
    /// Renames could not be looked for (an object is missing): all read as removals.
    pub renames_unread: bool,
    /// The history could not be read: no path has a fate.
    pub unread: bool,
}

/// Takes what a history removed and renamed, newest commit first.
#[derive(Default)]
pub struct Recorder {
    ids: HashMap<Box<str>, usize>,
    commits: Vec<Box<str>>,
    /// Whether something was recorded of the last commit.
    used: bool,
    in_merge: bool,
    ordinary: Vec<Event>,
    merged: Vec<Event>,
    /// Paths that `merged` holds.
    in_merged: HashSet<usize>,
}

/// A path went away. `at`: position of the commit; `to`: its new name where it was renamed; `alike`: as [`Rename::alike`].
#[derive(Clone)]
struct Event {
    path: usize,
    at: usize,
    to: Option<Box<str>>,
    alike: u8,
}

/// How many of a hundred parts two files must share for one to be written for the other without asking.
const SAME_FILE: u8 = 90;

impl Recorder {
    /// The following changes are those of this commit, which comes before all that were recorded so far. Those of a merge,
    /// seen from its first parent, mostly repeat what its other parents did.
    pub fn commit(&mut self, id: &str, is_merge: bool) {
        // Most commits remove nothing.
        if self.used {
            self.commits.push(Box::default());
        }
        match self.commits.last_mut() {
            Some(last) => *last = id.into(),
            None => self.commits.push(id.into()),
        }
        self.used = false;
        self.in_merge = is_merge;
    }

    pub fn removed(&mut self, path: &str) {
        self.record(path, None);
    }

    pub fn renamed(&mut self, from: &str, to: &str, alike: u8) {
        self.record(from, Some((to, alike)));
    }

    /// Changes before the first commit belong to none, and are dropped.
    fn record(&mut self, path: &str, to: Option<(&str, u8)>) {
        let Some(at) = self.commits.len().checked_sub(1) else { return };
        let path = self.id(path);
        // A merge speaks only for paths that no ordinary commit knows of, and only once for each.
        if self.in_merge && !self.in_merged.insert(path) {
            return;
        }
        self.used = true;
        let event = Event { path, at, to: to.map(|(to, _)| to.into()), alike: to.map_or(0, |(_, alike)| alike) };
        if self.in_merge { self.merged.push(event) } else { self.ordinary.push(event) }
    }

    fn id(&mut self, path: &str) -> usize {
        match self.ids.get(path) {
            Some(id) => *id,
            None => {
                let id = self.ids.len();
                self.ids.insert(path.into(), id);
                id
            }
        }
    }

    pub fn finish(self, limits: Limits) -> History {
        let Recorder { ids, mut commits, ordinary, merged, .. } = self;
        let known: HashSet<usize> = ordinary.iter().map(|event| event.path).collect();
        let mut events = ordinary;
        events.extend(merged.into_iter().filter(|event| !known.contains(&event.path)));

        // Paths are numbered in their order from here on, commits from the oldest to the newest.
        let mut named: Vec<(Box<str>, usize)> = ids.into_iter().collect();
        named.sort_unstable();
        let mut rank = vec![0; named.len()];
        for (new, (_, old)) in named.iter().enumerate() {
            rank[*old] = new;
        }
        let newest = commits.len();
        commits.reverse();
        for event in &mut events {
            event.path = rank[event.path];
            event.at = newest - 1 - event.at;
        }
        events.sort_by_key(|event| (event.path, event.at));
        let paths = named.into_iter().map(|(path, _)| path).collect();
        History { paths, commits, events, clear: HashSet::new(), ends: Ends::default(), limits }
    }
}

/// The removals and renames of a history.
pub struct History {
    /// Sorted.
    paths: Vec<Box<str>>,
    /// Oldest first.
    commits: Vec<Box<str>>,
    /// Sorted by path, then by time.
    events: Vec<Event>,
    /// Positions of commits whose renames are known.
    clear: HashSet<usize>,
    ends: Ends,
    pub limits: Limits,
}

/// What became of a path. Displayed as `removed in 0123456789` or `renamed to NAME in 0123456789`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fate {
    /// Oldest first; empty where it was removed under the name that was asked for.
    pub renames: Vec<Rename>,
    pub end: End,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rename {
    pub to: String,
    /// Short id.
    pub commit: String,
    /// How many of a hundred parts the two files have in common, as git counts them; 0: not known, or a folder.
    #[serde(default)]
    pub alike: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Under the last name, which exists.
    Here,
    /// Removed under the last name, in the commit with this short id.
    Removed(String),
    /// The last name does not exist, and no commit says when it went. Without renames: it came back to the name asked for.
    Lost,
}

impl Fate {
    /// The name that it has now.
    pub fn now(&self) -> Option<&str> {
        self.renames.last().filter(|_| self.end == End::Here).map(|rename| rename.to.as_str())
    }

    /// Whether no rename on the way changed more than a little.
    pub fn is_same_file(&self) -> bool {
        self.renames.iter().all(|rename| rename.alike >= SAME_FILE)
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.renames.last(), &self.end) {
            (None, End::Removed(commit)) => write!(f, "removed in {commit}"),
            (None, _) => f.write_str("gone"),
            (Some(Rename { to, commit, .. }), End::Here) => write!(f, "renamed to {to} in {commit}"),
            (Some(Rename { to, commit, .. }), End::Removed(end)) => write!(f, "renamed to {to} in {commit}, which was removed in {end}"),
            (Some(Rename { to, commit, .. }), End::Lost) => write!(f, "renamed to {to} in {commit}, which is gone as well"),
        }
    }
}

impl History {
    /// Makes [`History::ending_in`] know what went.
    pub fn index_ends(&mut self) {
        self.ends = Ends::of(self.paths.iter().map(|path| &**path));
    }

    /// Paths that went and end in these parts, if they are few; those that are back as well.
    pub fn ending_in(&self, parts: &str) -> impl Iterator<Item = &str> {
        self.ends.with(parts)
    }

    /// The commits, by their ids, whose renames must be known to tell what became of these paths. To be asked again once
    /// [`History::renames`] told them, since a new name may have gone as well; empty when all is known. `exists` as for
    /// [`History::fate`].
    pub fn unclear(&self, paths: &[&str], exists: impl Fn(&str) -> bool) -> Vec<String> {
        let mut wanted: Vec<&str> =
            paths.iter().map(|path| path.trim_end_matches('/')).filter(|path| !path.is_empty() && !exists(path)).collect();
        let mut seen: HashSet<&str> = wanted.iter().copied().collect();
        let mut unclear = BTreeSet::new();
        while let Some(path) = wanted.pop() {
            // Of what lay below a folder only how it last went away counts.
            let last = self.below(path).filter_map(|below| self.events_of(below).last());
            for event in self.events_named(path).chain(last).map(|at| &self.events[at]) {
                if !self.clear.contains(&event.at) {
                    unclear.insert(event.at);
                }
                let Some(to) = event.to.as_deref() else { continue };
                // A file that left a folder may have gone to where the whole folder is now.
                let rest = self.paths[event.path].strip_prefix(path).filter(|rest| !rest.is_empty());
                let home = rest.and_then(|rest| to.strip_suffix(rest)).filter(|home| !home.is_empty() && !exists(home));
                wanted.extend([Some(to), home].into_iter().flatten().filter(|next| seen.insert(next)));
            }
        }
        unclear.into_iter().map(|at| self.commits[at].to_string()).collect()
    }

    /// Takes in which of its removals were renames in a commit: old and new names, and how alike the files are.
    pub fn renames<'r>(&mut self, commit: &str, renames: impl Iterator<Item = (&'r str, &'r str, u8)>) {
        let Some(at) = self.commits.iter().rposition(|id| id.as_ref() == commit) else { return };
        self.clear.insert(at);
        for (from, to, alike) in renames {
            let Ok(path) = self.paths.binary_search_by(|known| known.as_ref().cmp(from)) else { continue };
            let range = self.events_of(path);
            if let Some(event) = self.events[range].iter_mut().find(|event| event.at == at) {
                (event.to, event.alike) = (Some(to.into()), alike);
            }
        }
    }

    /// What became of a file or folder that is not there. `exists` answers for files and folders of the present tree. `None`:
    /// it exists, or no commit of this history removed or renamed it; it never existed then, unless [`Limits::cut`].
    pub fn fate(&self, path: &str, exists: impl Fn(&str) -> bool) -> Option<Fate> {
        let path = path.trim_end_matches('/');
        if path.is_empty() || exists(path) {
            return None;
        }
        let fate = self.file_fate(path, &exists).or_else(|| self.folder_fate(path, &exists))?;
        Some(settle(fate, path, exists))
    }

    fn file_fate(&self, path: &str, exists: impl Fn(&str) -> bool) -> Option<Fate> {
        let path = self.paths.binary_search_by(|known| known.as_ref().cmp(path)).ok()?;
        let mut at = self.events_of(path).end.checked_sub(1).filter(|at| self.events[*at].path == path)?;
        let mut renames = Vec::new();
        // Each event leads on at most once: renames in a circle end.
        let mut used = HashSet::new();
        let end = loop {
            used.insert(at);
            let event = &self.events[at];
            let Some(to) = event.to.as_deref() else { break End::Removed(self.commit(event.at)) };
            renames.push(Rename { to: to.to_owned(), commit: self.commit(event.at), alike: event.alike });
            let range = self.events_named(to);
            let later = range.start + self.events[range.clone()].partition_point(|next| next.at <= event.at);
            at = if later < range.end {
                later
            } else if exists(to) {
                break End::Here;
            } else if let Some(last) = range.last().filter(|last| self.events[*last].at < event.at) {
                // Histories that run side by side: the other one moved it on before this one brought it there.
                last
            } else {
                break End::Lost;
            };
            if used.contains(&at) {
                break End::Lost;
            }
        };
        Some(Fate { renames, end })
    }

    fn folder_fate(&self, folder: &str, exists: impl Fn(&str) -> bool) -> Option<Fate> {
        let mut left = self.left(folder)?;
        let mut folder = folder.to_owned();
        let mut renames = Vec::new();
        let end = loop {
            let commit = self.commit(left.at);
            let Some(to) = self.moved_to(&folder, &left.last, &exists) else { break End::Removed(commit) };
            let here = exists(&to);
            renames.push(Rename { to: to.clone(), commit, alike: 0 });
            if here {
                break End::Here;
            }
            // It must have been left later than it was entered, so this ends.
            match self.left(&to).filter(|next| next.at > left.at) {
                Some(next) => left = next,
                None => break End::Lost,
            }
            folder = to;
        };
        Some(Fate { renames, end })
    }

    /// How the files below a folder last went away. `None`: none ever did.
    fn left(&self, folder: &str) -> Option<Left<'_>> {
        let last: Vec<&Event> = self.below(folder).filter_map(|path| Some(&self.events[self.events_of(path).last()?])).collect();
        let at = last.iter().map(|event| event.at).max()?;
        Some(Left { at, last })
    }

    /// The one folder to which all files went: from the first file that moved there until nothing was left. A file that moved
    /// elsewhere, or was removed, before that does not count, but most of the renamed ones must be there.
    fn moved_to(&self, folder: &str, last: &[&Event], exists: impl Fn(&str) -> bool) -> Option<String> {
        let below = format!("{folder}/");
        let rest = |event: &Event| self.paths[event.path].strip_prefix(&below).unwrap_or_default();
        let newest = last.iter().map(|event| event.at).max()?;
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for event in last.iter().filter(|event| event.at == newest) {
            let to = event.to.as_deref().unwrap_or_default();
            if let Some(home) = to.strip_suffix(rest(event)).and_then(|home| home.strip_suffix('/')) {
                *votes.entry(home).or_default() += 1;
            }
        }
        let home = votes.into_iter().max_by_key(|(_, count)| *count).map(|(home, _)| home)?;
        let inside = format!("{home}/");
        let went_there = |event: &Event| event.to.as_ref().is_some_and(|to| to.starts_with(&inside));
        let began = last.iter().filter(|event| went_there(event)).map(|event| event.at).min()?;
        // A file that was much edited as it moved reads as removed, and one of several with the same text may be taken for
        // another; but they stand there.
        let stands_there = |event: &Event| {
            let path = format!("{home}/{}", rest(event));
            exists(&path) || self.paths.binary_search_by(|known| (**known).cmp(&path)).is_ok()
        };
        let arrived = |event: &Event| went_there(event) || stands_there(event);
        let all = last.iter().filter(|event| event.at >= began).all(|event| arrived(event));
        let went_away = last.iter().filter(|event| event.to.as_ref().is_some_and(|to| !to.starts_with(&below)));
        let elsewhere = went_away.filter(|event| !arrived(event)).count();
        let most = last.iter().filter(|event| arrived(event)).count() > elsewhere;
        (all && most).then(|| home.to_owned())
    }

    fn events_of(&self, path: usize) -> std::ops::Range<usize> {
        let start = self.events.partition_point(|event| event.path < path);
        start..start + self.events[start..].partition_point(|event| event.path == path)
    }

    fn events_named(&self, path: &str) -> std::ops::Range<usize> {
        self.paths.binary_search_by(|known| known.as_ref().cmp(path)).map_or(0..0, |path| self.events_of(path))
    }

    /// The paths below a folder.
    fn below(&self, folder: &str) -> std::ops::Range<usize> {
        let below = format!("{folder}/");
        let start = self.paths.partition_point(|path| **path < *below);
        start..start + self.paths[start..].partition_point(|path| path.starts_with(&below))
    }

    /// The short id.
    fn commit(&self, at: usize) -> String {
        let id = &self.commits[at];
        id.get(..SHORT).unwrap_or(id).to_owned()
    }
}

struct Left<'h> {
    /// The newest commit among them.
    at: usize,
    /// The last event of every path below.
    last: Vec<&'h Event>,
}

/// Where the trace ends in nothing, an earlier name that exists (again) is where it is: a removal that was taken back.
/// One that comes back to the name that was asked for says nothing.
fn settle(mut fate: Fate, path: &str, exists: impl Fn(&str) -> bool) -> Fate {
    if fate.end == End::Here {
        return fate;
    }
    if let Some(at) = fate.renames.iter().rposition(|rename| exists(&rename.to)) {
        fate.renames.truncate(at + 1);
        fate.end = End::Here;
    } else if fate.end == End::Lost && fate.renames.last().is_some_and(|rename| rename.to == path) {
        fate.renames.clear();
    }
    fate
}

#[cfg(test)]
mod tests;
