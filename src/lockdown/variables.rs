//! Environment variables: names in code spans, looked for in everything of the tree that is no prose; and the reverse, the
//! variables that gates ask for, looked for in the document's own table of variables.
//!
//! A name counts as known where any file that is no Markdown holds it as a whole word: gate files, `.env.example`,
//! workflows, scripts, sources. Deliberately absent: values, and whether a source reads the name or only mentions it.

mod cells;

use super::{
    census::{ReferenceKind, Verdict},
    desk::{Desk, Draft, did_you_mean},
    extract::spans::Span,
};
use crate::{
    domain::Finding,
    text::markdown::{Bytes, Table},
    tree::{EntryKind, Tree, Unreadable},
};
use rayon::prelude::*;
use std::{
    collections::{BTreeSet, HashSet},
    sync::OnceLock,
};

/// Larger files are data, not sources.
const LARGEST: usize = 1 << 20;

/// Shorter names are like many others.
const LEAST_MISTYPED: usize = 7;

const NO_SOURCE: &str = "no file of the tree declares or reads variables";
const OF_A_SESSION: &str = "a variable that whoever runs the command may set";
const OF_EVERYBODY: &str = "a variable that systems and common tools set or read";
const NOT_OURS: &str = "nothing in the tree declares or reads it";

/// Every name in the form of a variable that the tree's files hold, read once and only when it is asked for.
#[derive(Default)]
pub struct Names(OnceLock<Result<HashSet<String>, Unreadable>>);

impl Names {
    fn of(&self, tree: &dyn Tree) -> Result<&HashSet<String>, Unreadable> {
        self.0.get_or_init(|| gather(tree)).as_ref().map_err(Clone::clone)
    }
}

/// A variable that a command names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub name: String,
    /// The bytes of the name.
    pub range: Bytes,
    /// It is set for a script of the tree. Even so, only some program that the script runs may know it.
    pub sure: bool,
}

pub fn take(desk: &mut Desk, in_commands: &[Named]) -> Result<(), Unreadable> {
    let document = desk.document;
    let named: Vec<(String, Bytes)> = document
        .codes
        .iter()
        .zip(&desk.spans)
        .filter_map(|(code, span)| match span {
            Span::Env(name) => Some((name.clone(), code.content.clone())),
            _ => None,
        })
        .collect();
    if named.is_empty() && in_commands.is_empty() {
        return Ok(());
    }
    let library = desk.library;
    let known = library.names.of(library.index.tree)?;
    let draft = |desk: &Desk, name: &str, range: &Bytes| Draft {
        kind: ReferenceKind::Env,
        text: desk.text(range).to_owned(),
        target: name.to_owned(),
        range: range.clone(),
    };
    for (name, range) in &named {
        let draft = draft(desk, name, range);
        judge(desk, draft, known);
    }
    for Named { name, range, sure } in in_commands {
        let draft = draft(desk, name, range);
        if known.contains(name) || *sure && is_mistyped(desk, name, known) {
            judge(desk, draft, known);
        } else {
            desk.add(draft, Verdict::unchecked(OF_A_SESSION));
        }
    }
    undocumented(desk, &named);
    Ok(())
}

/// Whether one letter tells a name from one that is known.
fn is_mistyped(desk: &Desk, name: &str, known: &HashSet<String>) -> bool {
    let near = |known: &String| known.len().abs_diff(name.len()) <= 1 && strsim::damerau_levenshtein(known, name) == 1;
    desk.strict && desk.may_search() && name.len() >= LEAST_MISTYPED && known.iter().any(near)
}

/// A name in capitals may be a constant as well. What says that it is a variable: how it is written, the words around it, the
/// table it stands in, or a known variable that is nearly the same. Names that platforms set are nobody's own.
fn is_surely_a_variable(desk: &Desk, draft: &Draft, known: &HashSet<String>) -> bool {
    let name = draft.target.as_str();
    if PLATFORM.iter().any(|prefix| name.starts_with(prefix)) {
        return false;
    }
    let item = desk.layout.item(draft.range.start);
    let row = desk.text(&item);
    let said = |word: &str| row.to_lowercase().contains(word);
    let first_of_row =
        row.trim_start().starts_with('|') && !row[..draft.range.start - item.start].trim_start().trim_start_matches('|').contains('|');
    draft.text.starts_with('$')
        || draft.text.contains('=')
        || first_of_row
        || said("variable")
        || said("env")
        || is_mistyped(desk, name, known)
}

const PLATFORM: &[&str] = &[
    "GITHUB_", "RUNNER_", "CI_", "ACTIONS_", "RUST_", "CARGO_", "NODE_", "NPM_", "PYTHON", "VERCEL_", "AWS_", "GIT_", "SSH_", "XDG_", "LC_",
];

/// Read by many programs, beside those of every session.
const OF_TOOLS: &[&str] = &[
    "ALL_PROXY",
    "APPDATA",
    "CLICOLOR_FORCE",
    "DEBIAN_FRONTEND",
    "DOCKER_BUILDKIT",
    "DOCKER_HOST",
    "FORCE_COLOR",
    "FTP_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "JAVA_HOME",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "LOCALAPPDATA",
    "NO_COLOR",
    "NO_PROXY",
    "PKG_CONFIG_PATH",
    "SOURCE_DATE_EPOCH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TEMP",
    "TMP",
    "USERPROFILE",
];

fn judge(desk: &mut Desk, draft: Draft, known: &HashSet<String>) {
    let name = draft.target.clone();
    let found = match name.strip_suffix('*') {
        Some(stem) => known.iter().any(|known| known.len() > stem.len() && known.starts_with(stem)),
        None => known.contains(&name),
    };
    if found {
        desk.add(draft, Verdict::Ok);
    } else if super::commands::is_of_sessions(&name) || OF_TOOLS.contains(&name.as_str()) {
        desk.add(draft, Verdict::unchecked(OF_EVERYBODY));
    } else if known.is_empty() {
        desk.add(draft, Verdict::unchecked(NO_SOURCE));
    } else if !desk.strict || !is_surely_a_variable(desk, &draft, known) {
        desk.add(draft, Verdict::unchecked(NOT_OURS));
    } else if let Some(reason) = super::grade::brought(desk, &draft.range) {
        desk.add(draft, Verdict::Unchecked(reason.into()));
    } else {
        let help = desk.similar(&name, known.iter()).map(|name| did_you_mean(&name));
        let message = format!("no gate, example, workflow, script or source of the tree knows a variable `{name}`");
        desk.broken(draft, "docs/unknown-env", message, help);
    }
}

/// A table of variables must name all that the gates ask for.
fn undocumented(desk: &mut Desk, named: &[(String, Bytes)]) {
    let library = desk.library;
    let document = desk.document;
    let tables: Vec<&Table> = document.tables.iter().filter(|table| is_of_variables(table, named)).collect();
    let Some(last) = tables.last() else { return };
    if desk.strict {
        tables.iter().for_each(|table| cells::compare(desk, table));
    }
    let listed: BTreeSet<&str> = named
        .iter()
        .filter(|(_, range)| tables.iter().any(|table| table.range.start <= range.start && range.end <= table.range.end))
        .map(|(name, _)| name.as_str())
        .collect();
    let covered = |name: &str| {
        listed.contains(name) || listed.iter().any(|listed| listed.strip_suffix('*').is_some_and(|stem| name.starts_with(stem)))
    };
    let head = last.header.first().map_or(last.range.clone(), |cell| cell.range.clone());
    for (name, variable) in &library.asked().variables {
        let gate = &variable.gate;
        if !covered(name) {
            let message = format!("gate \u{201c}{gate}\u{201d} asks for the variable `{name}`, which the tables of variables leave out");
            let finding = Finding::error("docs/env-undocumented", message).help(format!("add a row for `{name}`"));
            desk.problem(None, &head, finding, None);
        }
    }
}

/// A table whose first column is names of variables, for the most part.
fn is_of_variables(table: &Table, named: &[(String, Bytes)]) -> bool {
    let firsts: Vec<&Bytes> = table.rows.iter().filter_map(|row| row.first()).map(|cell| &cell.range).collect();
    let holds = |cell: &Bytes| {
        let at = named.partition_point(|(_, range)| range.start < cell.start);
        named.get(at).is_some_and(|(_, range)| range.end <= cell.end)
    };
    let variables = firsts.iter().filter(|cell| holds(cell)).count();
    variables > 0 && variables * 2 > firsts.len()
}

fn gather(tree: &dyn Tree) -> Result<HashSet<String>, Unreadable> {
    let prose = |path: &str| {
        let lower = path.to_ascii_lowercase();
        [".md", ".markdown", ".mdx", ".rst", ".adoc", ".txt", ".lock"].iter().any(|end| lower.ends_with(end))
    };
    let entries = tree.entries()?;
    entries
        .par_iter()
        .filter(|entry| matches!(entry.kind, EntryKind::File | EntryKind::Executable) && !prose(&entry.path))
        .map(|entry| {
            let bytes = tree.read(&entry.path)?.unwrap_or_default();
            let mut names = HashSet::new();
            if bytes.len() <= LARGEST && !bytes.iter().take(8000).any(|byte| *byte == 0) {
                for word in bytes.split(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_')).filter(|word| is_name(word)) {
                    names.insert(String::from_utf8_lossy(word).into_owned());
                }
            }
            Ok(names)
        })
        .try_reduce(HashSet::new, |one, other| {
            let (mut large, small) = if one.len() >= other.len() { (one, other) } else { (other, one) };
            large.extend(small);
            Ok(large)
        })
}

fn is_name(word: &[u8]) -> bool {
    (3..=100).contains(&word.len())
        && word[0].is_ascii_uppercase()
        && word.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
}
