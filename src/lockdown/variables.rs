//! Environment variables: names in code spans and in tables of variables, looked for in everything of the tree that is no
//! prose; and the reverse, the variables that gates ask for, looked for in the document's own tables of variables.
//!
//! A name counts as known where any file that is no Markdown holds it as a whole word: gate files, `.env.example`,
//! workflows, scripts, sources. A word in capitals without an underscore may be anything; it is a variable in a table of
//! variables, behind the words "environment variable", and where a gate, an example or a source takes it for one.
//! Deliberately absent: values.

mod cells;
mod declared;
mod tables;

use super::{
    census::{ReferenceKind, Verdict},
    desk::{Desk, Draft, did_you_mean},
    extract::spans::{self, Span},
};
use crate::{
    domain::Finding,
    text::markdown::Bytes,
    tree::{Tree, Unreadable},
};
use declared::Declared;
use std::{
    collections::{BTreeSet, HashSet},
    sync::OnceLock,
};
use tables::Listing;

/// Shorter names are like many others.
const LEAST_MISTYPED: usize = 7;

const NO_SOURCE: &str = "no file of the tree declares or reads variables";
const OF_A_SESSION: &str = "a variable that whoever runs the command may set";
const OF_EVERYBODY: &str = "a variable that systems and common tools set or read";
const NOT_OURS: &str = "nothing in the tree declares or reads it";

/// Every name in the form of a variable that the tree's files hold, read once and only when it is asked for.
#[derive(Default)]
pub struct Names(OnceLock<Result<Declared, Unreadable>>);

impl Names {
    fn of(&self, tree: &dyn Tree) -> Result<&Declared, Unreadable> {
        self.0.get_or_init(|| declared::gather(tree)).as_ref().map_err(Clone::clone)
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
    let of_spans = |wanted: &dyn Fn(&Span, &str) -> Option<String>| -> Vec<(String, Bytes)> {
        let spans = document.codes.iter().zip(&desk.spans);
        spans.filter_map(|(code, span)| Some((wanted(span, code.text.trim())?, code.content.clone()))).collect()
    };
    let named = of_spans(&|span, _| match span {
        Span::Env(name) => Some(name.clone()),
        _ => None,
    });
    let words = of_spans(&|span, text| match span {
        Span::Name(_) | Span::Other => spans::capitals(text).filter(|name| may_be_known(desk, name)).map(str::to_owned),
        _ => None,
    });
    let library = desk.library;
    let listings = tables::read(desk, &named, &words);
    if named.is_empty() && words.is_empty() && in_commands.is_empty() && listings.is_empty() {
        return Ok(());
    }
    let declared = library.names.of(library.index.tree)?;
    let known = &declared.words;
    let draft = |desk: &Desk, name: &str, range: &Bytes| Draft {
        kind: ReferenceKind::Env,
        text: desk.text(range).to_owned(),
        target: name.to_owned(),
        range: range.clone(),
    };
    let listed: HashSet<usize> = listings.iter().flat_map(Listing::names).map(|(_, range)| range.start).collect();
    for (name, range) in &named {
        let draft = draft(desk, name, range);
        judge(desk, draft, known, listed.contains(&range.start));
    }
    let listed_names = listings.iter().flat_map(Listing::names);
    let mut others: Vec<&(String, Bytes)> = listed_names.filter(|(_, range)| !is_among(&named, range)).collect();
    let is_said = |name: &str, range: &Bytes| {
        library.asked().variables.contains_key(name) || declared.variables.contains(name) || is_called_a_variable(desk, range)
    };
    others.extend(words.iter().filter(|(name, range)| !listed.contains(&range.start) && is_said(name, range)));
    for (name, range) in others {
        let draft = draft(desk, name, range);
        judge(desk, draft, known, true);
    }
    for Named { name, range, sure } in in_commands {
        let draft = draft(desk, name, range);
        if known.contains(name) || *sure && is_mistyped(desk, name, known) {
            judge(desk, draft, known, false);
        } else {
            desk.add(draft, Verdict::unchecked(OF_A_SESSION));
        }
    }
    if desk.strict {
        undocumented(desk, &listings, declared);
    }
    Ok(())
}

/// Shorter names are not looked for in files.
fn may_be_known(desk: &Desk, name: &str) -> bool {
    name.len() >= 3 || desk.library.asked().variables.contains_key(name)
}

/// Whether one of these names, which stand in the order of the text, stands exactly here.
fn is_among(named: &[(String, Bytes)], range: &Bytes) -> bool {
    named.binary_search_by_key(&range.start, |(_, range)| range.start).is_ok()
}

/// Whether the words right before a code span call it a variable of the environment.
fn is_called_a_variable(desk: &Desk, range: &Bytes) -> bool {
    let before = &desk.source.text[..range.start];
    let Some(before) = before.strip_suffix('`').map(|before| before.trim_end_matches('`').trim_end()) else { return false };
    let mut words = before.rsplit(char::is_whitespace).filter(|word| !word.is_empty()).take(2).map(str::to_lowercase);
    let (last, first) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let environment = first.trim_start_matches(['(', '*', '_']);
    matches!(last.as_str(), "variable" | "variables" | "var" | "vars") && matches!(environment, "env" | "environment")
}

/// Whether one letter tells a name from one that is known.
fn is_mistyped(desk: &Desk, name: &str, known: &HashSet<String>) -> bool {
    let near = |known: &String| known.len().abs_diff(name.len()) <= 1 && strsim::damerau_levenshtein(known, name) == 1;
    desk.strict && desk.may_search() && name.len() >= LEAST_MISTYPED && known.iter().any(near)
}

/// A name in capitals may be a constant as well. What says that it is a variable: how it is written, the words around it, the
/// table it stands in, or a known variable that is nearly the same. Names that platforms set are nobody's own.
fn is_surely_a_variable(desk: &Desk, draft: &Draft, known: &HashSet<String>, said: bool) -> bool {
    let name = draft.target.as_str();
    if PLATFORM.iter().any(|prefix| name.starts_with(prefix)) {
        return false;
    }
    if said {
        return true;
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

/// `said`: that it is a variable.
fn judge(desk: &mut Desk, draft: Draft, known: &HashSet<String>, said: bool) {
    let name = draft.target.clone();
    let found = match name.strip_suffix('*') {
        Some(stem) => known.iter().any(|known| known.len() > stem.len() && known.starts_with(stem)),
        None => known.contains(&name) || desk.library.asked().variables.contains_key(&name),
    };
    if found {
        desk.add(draft, Verdict::Ok);
    } else if super::commands::is_of_sessions(&name) || OF_TOOLS.contains(&name.as_str()) {
        desk.add(draft, Verdict::unchecked(OF_EVERYBODY));
    } else if known.is_empty() {
        desk.add(draft, Verdict::unchecked(NO_SOURCE));
    } else if !desk.strict || !is_surely_a_variable(desk, &draft, known, said) {
        desk.add(draft, Verdict::unchecked(NOT_OURS));
    } else if let Some(reason) = super::grade::brought(desk, &draft.range) {
        desk.add(draft, Verdict::Unchecked(reason.into()));
    } else {
        let help = desk.similar(&name, known.iter()).map(|name| did_you_mean(&name));
        let message = format!("no gate, example, workflow, script or source of the tree knows a variable `{name}`");
        desk.broken(draft, "docs/unknown-env", message, help);
    }
}

/// Tables of variables must name all that the gates ask for.
fn undocumented(desk: &mut Desk, listings: &[Listing], declared: &Declared) {
    let library = desk.library;
    let asked = &library.asked().variables;
    listings.iter().for_each(|listing| cells::compare(desk, listing));
    // Other tables may have names in capitals too.
    let of_variables = |listing: &&Listing| {
        listing.said
            || listing.names().any(|(name, _)| asked.contains_key(name) || declared.variables.contains(name) || name.ends_with('*'))
    };
    let listings: Vec<&Listing> = listings.iter().filter(of_variables).collect();
    let Some(last) = listings.last() else { return };
    let listed: BTreeSet<&str> = listings.iter().flat_map(|listing| listing.names()).map(|(name, _)| name.as_str()).collect();
    let covered = |name: &str| {
        listed.contains(name) || listed.iter().any(|listed| listed.strip_suffix('*').is_some_and(|stem| name.starts_with(stem)))
    };
    let head = last.table.header.get(last.column).map_or(last.table.range.clone(), |cell| cell.range.clone());
    for (name, variable) in asked {
        let gate = &variable.gate;
        if !covered(name) {
            let message = format!("gate \u{201c}{gate}\u{201d} asks for the variable `{name}`, which the tables of variables leave out");
            let finding = Finding::error("docs/env-undocumented", message).help(format!("add a row for `{name}`"));
            desk.problem(None, &head, finding, None);
        }
    }
}
