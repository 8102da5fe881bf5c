//! Lock against documents: what is new, what is gone, what was reviewed against an older text, what is accepted.
//!
//! A new reference that is broken is told by its own error alone: it must be mended or accepted before it can be locked.

use super::{
    Key, Lock, Read, Row, place,
    watch::{Part, Watcher},
};
use crate::{
    domain::{Digest, Finding, Place, Severity},
    lockdown::{Census, Reference, ReferenceKind, Verdict, place::Places},
    text::source::Source,
    tree::Unreadable,
};
use std::collections::{BTreeMap, BTreeSet};

/// How many findings of one sort are shown for one document; the others are counted.
const MOST: usize = 50;

const READ_IT: &str = "read it again; if the document still tells the truth, `tagwarden docs lock`";
const LOCK_IT: &str = "if the document is right, `tagwarden docs lock`, and review the change of the lock";

/// One document as it is now.
pub struct Seen<'a> {
    pub source: &'a Source,
    pub census: &'a Census,
    rows: BTreeMap<Key, Sight>,
}

/// All references of one key.
struct Sight {
    count: usize,
    /// The first of them.
    first: usize,
    watched: Option<(Part, Digest)>,
    broken: bool,
    ok: bool,
}

/// What a comparison found.
#[derive(Debug, Default)]
pub struct Compared {
    pub findings: Vec<Finding>,
    pub changes: Vec<Change>,
}

/// A text that is not the one that was reviewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub key: Key,
    pub part: Part,
    /// Of the text that was reviewed.
    pub reviewed: Digest,
}

/// How many rows a new lock has otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Renewed {
    pub added: usize,
    pub removed: usize,
    pub changed: usize,
    /// Acceptances that went, since what they speak of holds or is gone.
    pub settled: usize,
}

impl<'a> Seen<'a> {
    /// Of a census that is settled, and in which what is accepted is a note (see [`accept`]).
    pub fn new(watcher: &mut Watcher, source: &'a Source, census: &'a Census) -> Result<Seen<'a>, Unreadable> {
        let mut rows: BTreeMap<Key, Sight> = BTreeMap::new();
        for (at, reference) in census.references.iter().enumerate() {
            let watched = watcher.watched(&source.file, census, at)?;
            let (broken, ok) = (reference.verdict == Verdict::Broken, reference.verdict == Verdict::Ok);
            match rows.get_mut(&Key::of(&source.file, reference)) {
                None => {
                    rows.insert(Key::of(&source.file, reference), Sight { count: 1, first: at, watched, broken, ok });
                }
                Some(sight) => {
                    sight.count += 1;
                    sight.broken |= broken;
                    sight.ok &= ok;
                    // One marker beside one of them is enough.
                    if sight.watched.is_none() || matches!(watched, Some((Part::Whole { .. }, _))) {
                        sight.watched = watched;
                    }
                }
            }
        }
        Ok(Seen { source, census, rows })
    }
}

/// Turns the errors of accepted references into notes that say who accepted them. Gives the number of references.
pub fn accept(lock: &Lock, document: &str, census: &mut Census) -> usize {
    let mut accepted = BTreeSet::new();
    for problem in &mut census.problems {
        let Some(at) = problem.reference.filter(|_| problem.finding.severity == Severity::Error) else { continue };
        let key = Key::of(document, &census.references[at]);
        let Some(by) = lock.rows.get(&key).and_then(|row| row.accepted.as_ref()) else { continue };
        problem.finding.severity = Severity::Note;
        problem.finding.message = format!("{}; accepted by {} at {}: {}", problem.finding.message, by.who, by.when, by.why);
        problem.finding.help = None;
        // It is meant to stay.
        problem.fix = None;
        accepted.insert(at);
    }
    let Census { untold, references, .. } = census;
    untold.retain(|about| {
        let Some(at) = about.filter(|at| is_accepted(lock, document, &references[*at])) else { return true };
        accepted.insert(at);
        false
    });
    accepted.len()
}

/// Whether somebody accepted that this reference is not right.
pub fn is_accepted(lock: &Lock, document: &str, reference: &Reference) -> bool {
    lock.rows.get(&Key::of(document, reference)).is_some_and(|row| row.accepted.is_some())
}

/// Compares the rows of these documents. `file`, `text`: the lock that `read` comes from. With `declared` (all protocol
/// documents), rows of other documents are told too.
pub fn compare(file: &str, text: &str, read: &Read, seen: &[Seen], declared: Option<&[String]>) -> Compared {
    let lines = Lines { file, lines: text.lines().collect(), read };
    let mut rows: BTreeMap<&str, Vec<&Key>> = BTreeMap::new();
    for key in read.lock.rows.keys() {
        rows.entry(&key.document).or_default().push(key);
    }
    let mut compared = Compared::default();
    for seen in seen {
        present(seen, &lines, &mut compared);
        absent(seen, rows.get(seen.source.file.as_str()).map_or(&[], Vec::as_slice), &lines, &mut compared.findings);
    }
    if let Some(declared) = declared {
        strangers(declared, &rows, &lines, &mut compared.findings);
    }
    compared
}

/// What the document says now.
fn present(seen: &Seen, lines: &Lines, compared: &mut Compared) {
    let Compared { findings, changes } = compared;
    let document = &seen.source.file;
    let mut places = Places::new(seen.source);
    let mut added = Tally::new("docs/lock-added", "references that the lock does not have");
    let mut counts = Tally::new("docs/lock-count", "references that stand another number of times");
    let mut changed = Tally::new("docs/changed-target", "references that were reviewed against an older text");
    let mut sights: Vec<(&Key, &Sight)> = seen.rows.iter().collect();
    sights.sort_by_key(|(_, sight)| sight.first);
    for (key, sight) in sights {
        let named = named(key);
        let range = &seen.census.references[sight.first].range;
        let mut place = || {
            let place = places.place(range);
            places.quote(&place)
        };
        let Some(row) = lines.read.lock.rows.get(key) else {
            if !sight.broken && added.counts() {
                findings.push(added.error(format!("{named} is not in the lock")).at(place()).help(LOCK_IT));
            }
            continue;
        };
        if row.count != sight.count && counts.counts() {
            let said = format!("{named} stands here {}, in the lock {}", times(sight.count), times(row.count));
            findings.push(counts.error(said).at(place()).help(LOCK_IT));
        }
        // Another build may read definitions that this one does not, or the reverse.
        let told = key.kind != ReferenceKind::Symbol || row.watched.is_some() && sight.watched.is_some();
        if sight.ok
            && told
            && let Some(said) = other_text(row.watched.as_ref(), sight.watched.as_ref().map(|(_, digest)| digest), &named)
            && changed.counts()
        {
            findings.push(changed.error(said).at(place()).help(READ_IT));
            if let (Some(reviewed), Some((part, _))) = (&row.watched, &sight.watched) {
                changes.push(Change { key: key.clone(), part: part.clone(), reviewed: reviewed.clone() });
            }
        }
        if sight.ok && sight.watched.is_none() && seen.census.watched.contains(&sight.first) && key.kind == ReferenceKind::Path {
            let said = format!("{named} is to be watched, but only files are, and this is none");
            findings.push(Finding::warning("docs/not-watched", said).at(place()).help("name the files, or take the marker away"));
        }
        if let Some(by) = row.accepted.as_ref().filter(|_| sight.ok) {
            let said = format!("{named} holds, so nothing is left of what {} accepted", by.who);
            let stale = Finding::warning("docs/accepted-stale", said).at(lines.place(key));
            findings.push(stale.help("`tagwarden docs lock` takes the acceptance out"));
        }
    }
    findings.extend([added, counts, changed].iter().filter_map(|tally| tally.rest(document)));
}

/// How the text that is watched differs from the one that was reviewed.
fn other_text(reviewed: Option<&Digest>, now: Option<&Digest>, named: &str) -> Option<String> {
    match (reviewed, now) {
        (reviewed, now) if reviewed == now => None,
        (Some(_), Some(_)) => Some(format!("{named} was reviewed against an older text")),
        (None, _) => Some(format!("the text of {named} is watched, but the lock does not know it")),
        (_, None) => Some(format!("the lock knows a text of {named}, which is watched no more")),
    }
}

/// What it said when it was locked.
fn absent(seen: &Seen, rows: &[&Key], lines: &Lines, findings: &mut Vec<Finding>) {
    let mut gone = Tally::new("docs/lock-removed", "rows of references that it makes no more");
    // The end of a path is all that is known of one that is not found; the document speaks of it as it did.
    let unfound = seen.rows.iter().filter(|(_, sight)| !sight.ok);
    let unfound: BTreeSet<(ReferenceKind, &str)> =
        unfound.map(|(key, _)| (key.kind, key.target.trim_start_matches("../").trim_start_matches("./"))).collect();
    let is_unfound = |key: &Key| {
        let ends = key.target.match_indices('/').map(|(at, _)| &key.target[at + 1..]).chain([key.target.as_str()]);
        ends.into_iter().any(|end| unfound.contains(&(key.kind, end)))
    };
    for key in rows.iter().filter(|key| !seen.rows.contains_key(key) && !is_unfound(key)) {
        if gone.counts() {
            let said = format!("{} is in the lock, but {} makes no such reference any more", named(key), key.document);
            findings.push(gone.error(said).at(lines.place(key)).help(LOCK_IT));
        }
    }
    findings.extend(gone.rest(&seen.source.file));
}

/// Documents that are none of the protocol's any more.
fn strangers(declared: &[String], rows: &BTreeMap<&str, Vec<&Key>>, lines: &Lines, findings: &mut Vec<Finding>) {
    for (document, keys) in rows.iter().filter(|(document, _)| !declared.iter().any(|declared| declared == *document)) {
        let Some(first) = keys.first() else { continue };
        let said = format!("the lock has {} of {document}, which is no protocol document", counted(keys.len()));
        let finding = Finding::error("docs/lock-removed", said).at(lines.place(first));
        findings.push(finding.help("declare it under `documents.protocol`, or let `tagwarden docs lock` take them out"));
    }
}

/// The lock of these documents as they are now. What was accepted stays as long as it does not hold.
pub fn renew(old: &Lock, seen: &[Seen]) -> (Lock, Renewed) {
    let mut renewed = Renewed::default();
    let mut lock = Lock::default();
    for (key, sight) in seen.iter().flat_map(|seen| &seen.rows) {
        let known = old.rows.get(key);
        let accepted = known.and_then(|row| row.accepted.clone()).filter(|_| !sight.ok);
        let watched = match (&sight.watched, known) {
            (Some((_, digest)), _) => Some(digest.clone()),
            // What cannot be looked at now is not another text.
            (None, Some(row)) if !sight.ok || key.kind == ReferenceKind::Symbol => row.watched.clone(),
            (None, _) => None,
        };
        let row = Row { count: sight.count, watched, accepted };
        match known {
            None => renewed.added += 1,
            Some(known) if *known != row => renewed.changed += 1,
            Some(_) => {}
        }
        lock.rows.insert(key.clone(), row);
    }
    let accepted = |lock: &Lock| lock.rows.values().filter(|row| row.accepted.is_some()).count();
    renewed.removed = old.rows.keys().filter(|key| !lock.rows.contains_key(key)).count();
    renewed.settled = accepted(old).saturating_sub(accepted(&lock));
    (lock, renewed)
}

fn counted(rows: usize) -> String {
    if rows == 1 { "a row".to_owned() } else { format!("{rows} rows") }
}

fn named(key: &Key) -> String {
    format!("`{}` ({})", key.target, key.kind.slug())
}

fn times(number: usize) -> String {
    if number == 1 { "once".to_owned() } else { format!("{number} times") }
}

/// The lines of the lock.
struct Lines<'l> {
    file: &'l str,
    lines: Vec<&'l str>,
    read: &'l Read,
}

impl Lines<'_> {
    fn place(&self, key: &Key) -> Place {
        let line = self.read.lines.get(key).copied().unwrap_or(1);
        let text = self.lines.get(line.saturating_sub(1) as usize).copied().unwrap_or_default();
        place(self.file, line, text)
    }
}

/// Findings of one sort, up to [`MOST`].
struct Tally {
    code: &'static str,
    what: &'static str,
    told: usize,
}

impl Tally {
    fn new(code: &'static str, what: &'static str) -> Tally {
        Tally { code, what, told: 0 }
    }

    /// Counts one more; whether it is to be shown.
    fn counts(&mut self) -> bool {
        self.told += 1;
        self.told <= MOST
    }

    fn error(&self, said: String) -> Finding {
        Finding::error(self.code, said)
    }

    fn rest(&self, document: &str) -> Option<Finding> {
        let rest = self.told.checked_sub(MOST).filter(|rest| *rest > 0)?;
        Some(self.error(format!("{document}: {rest} more {}", self.what)).help(LOCK_IT))
    }
}
