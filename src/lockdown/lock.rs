//! The document lock: one sorted row for each reference that a protocol document makes, so that nothing changes unseen.
//!
//! A row is `document`, `kind`, `target`, `count`, `watched`, `accepted`, with a tab between them. `count` says how often the
//! document makes the reference, `watched` is the digest of the text that it leads to (see [`watch`]), `accepted` says
//! `who | when | why` of a broken reference that somebody took as it is. What a row has none of is `-`. Lines and columns
//! of the document are no part of it, so that moving a paragraph changes nothing. How it is compared is in [`compare`].
//!
//! The file is written by the program alone. It is read strictly to be compared, and leniently to be written anew: then the
//! rows of both sides of a merge conflict count. Deliberately absent: verdicts, which are the tree's to give and change
//! with it.

mod cells;
pub mod compare;
pub mod diff;
pub mod watch;

use super::{Reference, ReferenceKind};
use crate::{
    domain::{Digest, Finding, Place, Timestamp},
    tree::{Tree, Unreadable},
};
use std::{collections::BTreeMap, fmt::Write};

/// Where the lock is, unless the protocol says it.
pub const FILE: &str = "protocol-docs/tagwarden.lock";

/// The number of the format stands behind it.
const HEAD: &str = "# tagwarden.lock/";
const VERSION: &str = "1";
const REST: &str = ": what the protocol documents speak of. `tagwarden docs lock` writes it; review it, never edit it.";
const COLUMNS: &str = "# document\tkind\ttarget\tcount\twatched\taccepted";

const WRITE_IT: &str = "`tagwarden docs lock` writes it";

/// How many wrong lines are told.
const MOST: usize = 20;

/// What tells a row from all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its path from the root.
    pub document: String,
    pub kind: ReferenceKind,
    pub target: String,
}

impl Key {
    pub fn of(document: &str, reference: &Reference) -> Key {
        Key { document: document.to_owned(), kind: reference.kind, target: reference.target.clone() }
    }

    /// Kinds by their names, so that a further kind leaves the order of the others.
    fn order(&self) -> (&str, &str, &str) {
        (&self.document, self.kind.slug(), &self.target)
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Key) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// How often the document makes the reference; at least 1.
    pub count: usize,
    pub watched: Option<Digest>,
    pub accepted: Option<Acceptance>,
}

/// Why a broken reference stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// Name and address as git has them. Not empty.
    pub who: String,
    pub when: Timestamp,
    /// Not empty.
    pub why: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    pub rows: BTreeMap<Key, Row>,
}

/// A lock as it was read, with the line of each row, counted from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    pub lock: Lock,
    pub lines: BTreeMap<Key, u32>,
}

/// What a line of the file is.
enum Line<'t> {
    Remark,
    /// A mark of a merge conflict; the one before what both sides once had has `base`.
    Conflict {
        base: bool,
    },
    Row(&'t str),
}

/// The lock of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockFile {
    pub path: String,
    pub text: String,
    pub read: Read,
}

impl LockFile {
    /// Reads the lock, at [`FILE`] unless the protocol names another path. `Ok(None)`: there is none, and none was promised.
    /// The inner error: what is wrong with it.
    pub fn find(tree: &dyn Tree, named: Option<&str>) -> Result<Result<Option<LockFile>, Vec<Finding>>, Unreadable> {
        let path = named.unwrap_or(FILE);
        Ok(match tree.read(path)? {
            Some(bytes) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                Lock::read(path, &text).map(|read| Some(LockFile { path: path.to_owned(), text, read }))
            }
            None if named.is_none() => Ok(None),
            None => {
                Err(vec![Finding::error("docs/no-lock", format!("the protocol names the lock {path}, but it is not there")).help(WRITE_IT)])
            }
        })
    }

    /// The last commit has a lock, but what is judged has none.
    pub fn deleted() -> Finding {
        Finding::error("docs/no-lock", format!("{FILE} is committed, but it is not there")).help(WRITE_IT)
    }

    /// What is worth saying where no lock is.
    pub fn absent() -> Finding {
        Finding::note("docs/no-lock", "the protocol documents are not locked: a change of what they speak of goes unseen").help(WRITE_IT)
    }
}

impl Lock {
    pub fn text(&self) -> String {
        let mut text = format!("{HEAD}{VERSION}{REST}\n{COLUMNS}\n");
        for (key, row) in &self.rows {
            let watched = row.watched.as_ref().map_or("-", Digest::as_str);
            let accepted = row.accepted.as_ref().map_or_else(|| "-".to_owned(), cells::accepted);
            let (document, target) = (cells::write(&key.document), cells::write(&key.target));
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{document}\t{}\t{target}\t{}\t{watched}\t{accepted}", key.kind.slug(), row.count);
        }
        text
    }

    /// Reads a lock strictly. Rows may stand in any order; lines may end in CRLF.
    pub fn read(file: &str, text: &str) -> Result<Read, Vec<Finding>> {
        let mut wrong = Wrong { file, findings: Vec::new(), hidden: 0 };
        if let Err((line, said, help)) = version(text) {
            wrong.tell(line, said, help);
            return Err(wrong.findings);
        }
        let mut read = Read::default();
        for (number, line) in numbered(text) {
            match line {
                Line::Remark => {}
                Line::Conflict { .. } => {
                    let help = "`tagwarden docs lock` writes the file anew from the documents, with what both sides accepted";
                    wrong.findings.clear();
                    wrong.tell((number, line_of(text, number)), "the lock has a merge conflict".to_owned(), help);
                    return Err(wrong.findings);
                }
                Line::Row(row) => match self::row(row) {
                    Ok((key, _)) if read.lock.rows.contains_key(&key) => {
                        let said = format!("the row of `{}` stands a second time", key.target);
                        wrong.tell((number, row), said, "`tagwarden docs lock` writes the file anew from the documents");
                    }
                    Ok((key, row)) => {
                        read.lines.insert(key.clone(), number);
                        read.lock.rows.insert(key, row);
                    }
                    Err(said) => wrong.tell((number, row), said, "`tagwarden docs lock` writes the file anew from the documents"),
                },
            }
        }
        if wrong.findings.is_empty() { Ok(read) } else { Err(wrong.end()) }
    }

    /// What can be read of a lock that is to be written anew: of a merge conflict the rows of both sides, of a row that
    /// stands twice the newer acceptance, of a damaged row nothing. `Err`: no lock of this format, so not to be overwritten.
    pub fn salvage(file: &str, text: &str) -> Result<Lock, Vec<Finding>> {
        if let Err((line, said, help)) = version(text) {
            let mut wrong = Wrong { file, findings: Vec::new(), hidden: 0 };
            wrong.tell(line, said, help);
            return Err(wrong.findings);
        }
        let mut rows: BTreeMap<Key, Row> = BTreeMap::new();
        let mut in_base = false;
        for (_, line) in numbered(text) {
            match line {
                Line::Remark => {}
                Line::Conflict { base } => in_base = base,
                // What both sides once had stands in at least one of them, if it still counts.
                Line::Row(_) if in_base => {}
                Line::Row(text) => {
                    let Ok((key, row)) = self::row(text) else { continue };
                    let newer = |known: &Row| row.accepted.as_ref().map(|a| a.when) > known.accepted.as_ref().map(|a| a.when);
                    if rows.get(&key).is_none_or(newer) {
                        rows.insert(key, row);
                    }
                }
            }
        }
        Ok(Lock { rows })
    }
}

/// Wrong lines of a file.
struct Wrong<'f> {
    file: &'f str,
    findings: Vec<Finding>,
    hidden: usize,
}

impl Wrong<'_> {
    fn tell(&mut self, (line, text): (u32, &str), said: String, help: &str) {
        if self.findings.len() == MOST {
            self.hidden += 1;
            return;
        }
        self.findings.push(Finding::error("docs/bad-lock", said).at(place(self.file, line, text)).help(help));
    }

    fn end(mut self) -> Vec<Finding> {
        if self.hidden > 0 {
            self.findings.push(Finding::error("docs/bad-lock", format!("{} more lines of the lock cannot be read", self.hidden)));
        }
        self.findings
    }
}

/// A whole line of the lock; one that is too long is not quoted.
fn place(file: &str, line: u32, text: &str) -> Place {
    let source = (text.len() <= 1000).then(|| text.to_owned());
    Place { file: file.to_owned(), line, column: 1, end_column: Some(text.chars().count().max(1) as u32 + 1), source }
}

/// The lines with their numbers, counted from 1.
fn numbered(text: &str) -> impl Iterator<Item = (u32, Line<'_>)> {
    text.lines().zip(1..).map(|(line, number)| {
        let marks = |mark: &str| line.strip_prefix(mark).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
        let line = match ["<<<<<<<", "|||||||", "=======", ">>>>>>>"].into_iter().find(|mark| marks(mark)) {
            Some(mark) => Line::Conflict { base: mark.starts_with('|') },
            None if line.is_empty() || line.starts_with('#') => Line::Remark,
            None => Line::Row(line),
        };
        (number, line)
    })
}

fn line_of(text: &str, number: u32) -> &str {
    text.lines().nth(number.saturating_sub(1) as usize).unwrap_or_default()
}

type Refusal<'t> = ((u32, &'t str), String, &'static str);

/// Whether the file says that it has this format. A conflict may stand before that line.
fn version(text: &str) -> Result<(), Refusal<'_>> {
    let first = text.lines().next().unwrap_or_default();
    let opens_conflict = matches!(numbered(first).next(), Some((_, Line::Conflict { .. })));
    let mut heads = text.lines().zip(1..).take_while(|(_, number)| *number == 1 || opens_conflict);
    let found = heads.find_map(|(line, number)| Some((number, line, line.strip_prefix(HEAD)?)));
    let Some((number, line, rest)) = found else {
        return Err((
            (1, first),
            "this is no document lock".to_owned(),
            "remove the file, or name another under `lock` in gates/protocol.yaml",
        ));
    };
    match rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default() {
        VERSION => Ok(()),
        other => {
            let said = format!("version `{other}` of the lock's format is not known; this program reads {VERSION}");
            Err(((number, line), said, "install a newer Tagwarden"))
        }
    }
}

fn row(line: &str) -> Result<(Key, Row), String> {
    let cells: Vec<&str> = line.split('\t').collect();
    let [document, kind, target, count, watched, accepted] = cells[..] else {
        return Err(format!("a row has 6 columns, with a tab between them; this line has {}", cells.len()));
    };
    let document = cells::read(document).filter(|document| !document.is_empty()).ok_or("the first column names no document")?;
    let kind = ReferenceKind::parse(kind).ok_or_else(|| format!("`{kind}` is no kind of reference"))?;
    let target = cells::read(target).ok_or("the target has an escape that is not known")?;
    let count = count.parse().ok().filter(|number| *number > 0).ok_or_else(|| format!("`{count}` is no number of times"))?;
    let watched = match watched {
        "-" => None,
        digest => Some(digest.parse()?),
    };
    let accepted = match accepted {
        "-" => None,
        text => Some(cells::acceptance(text).ok_or("the last column is not of the form `who | when | why`")?),
    };
    Ok((Key { document, kind, target }, Row { count, watched, accepted }))
}

#[cfg(test)]
mod tests;
