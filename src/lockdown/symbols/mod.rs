//! Where a source file defines a name: functions, methods, types, members, constants.
//!
//! With the feature `symbols`, Rust, TypeScript, JavaScript, Python and Go are parsed ([`parse`], with what counts as a
//! definition in [`kinds`]). Without it, or in another language, only whole words can be looked for ([`word_lines`]), which
//! proves a mention and no definition. Callers see the same functions either way.
//!
//! Limits: names that a macro makes are not seen; neither are names that are only passed on (`pub use`, `export … from`,
//! imports).

#[cfg(feature = "symbols")]
mod kinds;
#[cfg(feature = "symbols")]
mod parse;

use std::{collections::HashMap, ops::RangeInclusive};

/// Larger files are not parsed: next to all of them are generated, and what a hostile one costs grows with the square of its
/// size.
const LARGEST: usize = 512 * 1024;

/// What a look at one file says of a symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sighting<'d> {
    /// Defined here, in the order of the text; several where a name is used twice.
    Defined(Vec<&'d Definition>),
    /// The name stands on these lines (from 1), but no definition of it was seen.
    Mentioned(Vec<usize>),
    Absent,
}

/// Looks for a symbol in a file of this text, whose definitions are these where they could be read.
pub fn look<'d>(definitions: Option<&'d Definitions>, text: &str, symbol: &str) -> Sighting<'d> {
    let defined = definitions.map(|definitions| definitions.find(symbol)).unwrap_or_default();
    if !defined.is_empty() {
        return Sighting::Defined(defined);
    }
    let lines = word_lines(text, symbol);
    if lines.is_empty() { Sighting::Absent } else { Sighting::Mentioned(lines) }
}

/// What a source file defines. `path` says the language and the names of the modules that hold it. `None`: it cannot be
/// read here, since the language is unknown, the feature `symbols` is not built in, or the file is too large or too tangled.
pub fn definitions(path: &str, text: &str) -> Option<Definitions> {
    if text.len() > LARGEST {
        return None;
    }
    #[cfg(feature = "symbols")]
    return parse::definitions(path, text);
    #[cfg(not(feature = "symbols"))]
    {
        let _ = path;
        None
    }
}

/// One definition. A name that is defined twice has two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    pub name: String,
    /// From the first to the last line (from 1) of the definition itself, without comments, attributes and decorators
    /// before it.
    pub lines: RangeInclusive<usize>,
    /// The line (from 1) on which the name stands.
    pub line: usize,
    /// Position in [`Definitions::containers`].
    container: Option<usize>,
}

/// The definitions of one file.
#[derive(Clone, Debug, Default)]
pub struct Definitions {
    /// In the order of the text.
    pub all: Vec<Definition>,
    /// Whether the whole file was understood. Where it was not, a name without a definition may have one.
    pub is_whole: bool,
    containers: Vec<Container>,
    by_name: HashMap<String, Vec<usize>>,
    /// Names of the folders and of the file, without its extension.
    modules: Vec<String>,
}

/// What holds definitions: a type, a module, a function, an object.
#[derive(Clone, Debug)]
struct Container {
    name: String,
    /// A second name: of the trait that is implemented.
    alias: Option<String>,
    /// Position of what holds it.
    parent: Option<usize>,
}

/// Words before a name that say nothing of where it is defined.
const NEUTRAL: &[&str] = &["crate", "self", "super", "Self", "this", "exports", "module", "prototype"];

/// Names of containers before an own one that are written out.
const MOST_CONTAINERS: usize = 16;

impl Definitions {
    /// The definitions that a symbol names: `name`, `name()`, `#name`, `Container::name`, `Container.name`,
    /// `Container#name`, with the modules of the file before it or without.
    pub fn find(&self, symbol: &str) -> Vec<&Definition> {
        let parts = parts(symbol);
        let Some((name, before)) = parts.split_last() else { return Vec::new() };
        let named = self.by_name.get(*name).map_or(&[] as &[usize], Vec::as_slice);
        named.iter().map(|at| &self.all[*at]).filter(|definition| self.is_in(definition, before)).collect()
    }

    /// The full name: `Container.name`, or `Container::name` where the language writes it so.
    pub fn qualified(&self, definition: &Definition, separator: &str) -> String {
        let mut names = vec![definition.name.as_str()];
        let mut next = definition.container;
        while let Some(container) = next.filter(|_| names.len() <= MOST_CONTAINERS).map(|at| &self.containers[at]) {
            names.push(&container.name);
            next = container.parent;
        }
        names.reverse();
        names.join(separator)
    }

    /// Whether a definition stands in these containers, innermost last. What is named before the outermost container must be
    /// a module of the file; the first of several may be the package, whose name a file does not know.
    fn is_in(&self, definition: &Definition, before: &[&str]) -> bool {
        let mut next = definition.container;
        let mut before = before;
        while let (Some((part, rest)), Some(at)) = (before.split_last(), next) {
            if !NEUTRAL.contains(part) {
                let container = &self.containers[at];
                if container.name != *part && container.alias.as_deref() != Some(part) {
                    return false;
                }
                next = container.parent;
            }
            before = rest;
        }
        let before = if before.len() > 1 { &before[1..] } else { before };
        before.iter().all(|part| NEUTRAL.contains(part) || self.modules.iter().any(|module| module == part))
    }
}

/// The lines (from 1) on which the last name of a symbol stands as a whole word.
pub fn word_lines(text: &str, symbol: &str) -> Vec<usize> {
    let parts = parts(symbol);
    let Some(name) = parts.last() else { return Vec::new() };
    let mut lines = Vec::new();
    let (mut line, mut counted) = (1, 0);
    for (at, _) in text.match_indices(name) {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        if before.is_some_and(is_word) || after.is_some_and(is_word) {
            continue;
        }
        line += text[counted..at].matches('\n').count();
        counted = at;
        if lines.last() != Some(&line) {
            lines.push(line);
        }
    }
    lines
}

/// Words before the name in a symbol that is written as it is declared: `pub fn run`.
const DECLARING: &[&str] = &[
    "abstract",
    "async",
    "class",
    "const",
    "def",
    "enum",
    "export",
    "fn",
    "func",
    "function",
    "impl",
    "interface",
    "let",
    "macro",
    "mod",
    "namespace",
    "pub",
    "static",
    "struct",
    "trait",
    "type",
    "union",
    "unsafe",
    "var",
];

/// The names of a symbol, outermost first: `Runner::run()`, `Class#method`, `(*T).Method`, `Vec<T>::new`, `name!`, `fn run`.
fn parts(symbol: &str) -> Vec<&str> {
    let mut symbol = symbol.trim();
    while let Some((word, rest)) = symbol.split_once(char::is_whitespace)
        && DECLARING.contains(&word)
    {
        symbol = rest.trim_start();
    }
    let mut parts = Vec::new();
    // Brackets that are open: arguments and types, which are no part of the name. One around the beginning is (`(*T)`).
    let mut open = 0_usize;
    let mut start = None;
    for (at, c) in symbol.char_indices().chain([(symbol.len(), ' ')]) {
        let joins = c == '-' && symbol[at + 1..].starts_with(is_word);
        if open == 0 && (is_word(c) || start.is_some() && joins) {
            start.get_or_insert(at);
            continue;
        }
        parts.extend(start.take().map(|start| &symbol[start..at]));
        match c {
            '(' if parts.is_empty() => {}
            '(' | '[' | '<' => open += 1,
            ')' | ']' | '>' => open = open.saturating_sub(1),
            // What follows is no name: `run() -> Result`.
            _ if c.is_whitespace() && open == 0 => break,
            _ => {}
        }
    }
    parts
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}

#[cfg(test)]
mod tests;
