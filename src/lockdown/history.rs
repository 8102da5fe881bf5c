//! What became of paths that are gone: removed in which commit, renamed to what, through any number of renames.
//!
//! A [`Recorder`] takes the removals and renames of a history once, newest commit first; a [`History`] answers from them.
//! Memory grows with the number of removals and renames, not with commits or files. What git took for a rename is believed.
//!
//! Deliberately absent: when a path came into being, and what stood in it.

use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
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
}

/// Takes what a history removed and renamed, newest commit first.
#[derive(Default)]
pub struct Recorder {
    ids: HashMap<Box<str>, usize>,
    commits: Vec<Box<str>>,
    in_merge: bool,
    ordinary: Vec<Event>,
    merged: Vec<Event>,
    /// Paths that `merged` holds.
    in_merged: HashSet<usize>,
}

/// A path went away. `at`: position of the commit; `to`: its new name where it was renamed.
#[derive(Clone, Copy)]
struct Event {
    path: usize,
    at: usize,
    to: Option<usize>,
}

impl Recorder {
    /// The following changes are those of this commit, which comes before all that were recorded so far. Those of a merge,
    /// seen from its first parent, mostly repeat what its other parents did.
    pub fn commit(&mut self, id: &str, is_merge: bool) {
        self.commits.push(id.get(..SHORT).unwrap_or(id).into());
        self.in_merge = is_merge;
    }

    pub fn removed(&mut self, path: &str) {
        self.record(path, None);
    }

    pub fn renamed(&mut self, from: &str, to: &str) {
        self.record(from, Some(to));
    }

    /// Changes before the first commit belong to none, and are dropped.
    fn record(&mut self, path: &str, to: Option<&str>) {
        let Some(at) = self.commits.len().checked_sub(1) else { return };
        let path = self.id(path);
        // A merge speaks only for paths that no ordinary commit knows of, and only once for each.
        if self.in_merge && !self.in_merged.insert(path) {
            return;
        }
        let to = to.map(|to| self.id(to));
        let event = Event { path, at, to };
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
            *event = Event { path: rank[event.path], at: newest - 1 - event.at, to: event.to.map(|to| rank[to]) };
        }
        events.sort_by_key(|event| (event.path, event.at));
        History { paths: named.into_iter().map(|(path, _)| path).collect(), commits, events, limits }
    }
}

/// The removals and renames of a history.
pub struct History {
    /// Sorted.
    paths: Vec<Box<str>>,
    /// Short ids, oldest first.
    commits: Vec<Box<str>>,
    /// Sorted by path, then by time.
    events: Vec<Event>,
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
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.renames.last(), &self.end) {
            (None, End::Removed(commit)) => write!(f, "removed in {commit}"),
            (None, _) => f.write_str("gone"),
            (Some(Rename { to, commit }), End::Here) => write!(f, "renamed to {to} in {commit}"),
            (Some(Rename { to, commit }), End::Removed(end)) => write!(f, "renamed to {to} in {commit}, which was removed in {end}"),
            (Some(Rename { to, commit }), End::Lost) => write!(f, "renamed to {to} in {commit}, which is gone as well"),
        }
    }
}

impl History {
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
            let event = self.events[at];
            let Some(to) = event.to else { break End::Removed(self.commit(event.at)) };
            renames.push(Rename { to: self.paths[to].to_string(), commit: self.commit(event.at) });
            let range = self.events_of(to);
            let later = range.start + self.events[range.clone()].partition_point(|next| next.at <= event.at);
            at = if later < range.end {
                later
            } else if exists(&self.paths[to]) {
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
            renames.push(Rename { to: to.clone(), commit });
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
    fn left(&self, folder: &str) -> Option<Left> {
        let below = format!("{folder}/");
        let start = self.paths.partition_point(|path| **path < *below);
        let end = start + self.paths[start..].partition_point(|path| path.starts_with(&below));
        let last: Vec<Event> = (start..end).filter_map(|path| Some(self.events[self.events_of(path).last()?])).collect();
        let at = last.iter().map(|event| event.at).max()?;
        Some(Left { at, last })
    }

    /// The one folder to which all files went: from the first file that moved there until nothing was left. A file that moved
    /// elsewhere, or was removed, before that does not count, but most of the renamed ones must be there.
    fn moved_to(&self, folder: &str, last: &[Event], exists: impl Fn(&str) -> bool) -> Option<String> {
        let below = format!("{folder}/");
        let rest = |event: &Event| self.paths[event.path].strip_prefix(&below).unwrap_or_default();
        let newest = last.iter().map(|event| event.at).max()?;
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for event in last.iter().filter(|event| event.at == newest) {
            let to = event.to.map_or("", |to| &self.paths[to]);
            if let Some(home) = to.strip_suffix(rest(event)).and_then(|home| home.strip_suffix('/')) {
                *votes.entry(home).or_default() += 1;
            }
        }
        let home = votes.into_iter().max_by_key(|(_, count)| *count).map(|(home, _)| home)?;
        let inside = format!("{home}/");
        let went_there = |event: &Event| event.to.is_some_and(|to| self.paths[to].starts_with(&inside));
        let began = last.iter().filter(|event| went_there(event)).map(|event| event.at).min()?;
        // A file that was much edited as it moved reads as removed, and one of several with the same text may be taken for
        // another; but they stand there.
        let stands_there = |event: &Event| {
            let path = format!("{home}/{}", rest(event));
            exists(&path) || self.paths.binary_search_by(|known| (**known).cmp(&path)).is_ok()
        };
        let arrived = |event: &&Event| went_there(event) || stands_there(event);
        let all = last.iter().filter(|event| event.at >= began).all(|event| arrived(&event));
        let went_away = last.iter().filter(|event| event.to.is_some_and(|to| !self.paths[to].starts_with(&below)));
        let elsewhere = went_away.filter(|event| !arrived(event)).count();
        let most = last.iter().filter(arrived).count() > elsewhere;
        (all && most).then(|| home.to_owned())
    }

    fn events_of(&self, path: usize) -> std::ops::Range<usize> {
        let start = self.events.partition_point(|event| event.path < path);
        start..start + self.events[start..].partition_point(|event| event.path == path)
    }

    fn commit(&self, at: usize) -> String {
        self.commits[at].to_string()
    }
}

struct Left {
    /// The newest commit among them.
    at: usize,
    /// The last event of every path below.
    last: Vec<Event>,
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
