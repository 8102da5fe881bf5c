//! Banned phrases: list files of extended regular expressions, one a line, looked for in the text of documents.
//!
//! Case is ignored up to the line `:case-sensitive:`. Blank lines and lines that start with `# ` say nothing. Typographic
//! quotes count as plain ones, and a phrase is found across line ends within its paragraph. A document that an allow-list
//! names may say all of its list's phrases; negation is not understood.

use super::{
    census::ReferenceKind,
    desk::{Desk, Draft},
};
use crate::{
    domain::Finding,
    text::source::Source,
    tree::{Tree, Unreadable},
};
use globset::Glob;
use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use std::sync::OnceLock;

/// A list file, and the documents that may say what it bans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// From the root.
    pub path: String,
    /// Paths or patterns with `*`.
    pub allow: Vec<String>,
}

/// The lists of the tree, read once.
#[derive(Default)]
pub struct Phrases(OnceLock<Result<Read, Unreadable>>);

#[derive(Default)]
struct Read {
    lists: Vec<Compiled>,
    /// What is wrong with the lists themselves.
    findings: Vec<Finding>,
}

struct Compiled {
    list: List,
    set: RegexSet,
    /// Pattern as written, its line, compiled.
    patterns: Vec<(String, u32, Regex)>,
}

impl Phrases {
    fn of(&self, tree: &dyn Tree, lists: &[List]) -> Result<&Read, Unreadable> {
        self.0.get_or_init(|| read(tree, lists)).as_ref().map_err(Clone::clone)
    }

    pub fn findings(&self, tree: &dyn Tree, lists: &[List]) -> Result<&[Finding], Unreadable> {
        Ok(&self.of(tree, lists)?.findings)
    }
}

pub fn take(desk: &mut Desk) -> Result<(), Unreadable> {
    let library = desk.library;
    if library.facts.banned.is_empty() {
        return Ok(());
    }
    let read = library.phrases.of(library.index.tree, &library.facts.banned)?;
    for list in read.lists.iter().filter(|list| !allows(&list.list, &desk.source.file)) {
        for item in desk.layout.items() {
            let folded = Folded::of(desk.text(&item));
            for at in list.set.matches(&folded.text) {
                let (pattern, line, regex) = &list.patterns[at];
                for found in regex.find_iter(&folded.text).filter(|found| !found.is_empty()) {
                    let range = item.start + folded.from[found.start()]..item.start + folded.from[found.end()];
                    let text = desk.text(&range).split_whitespace().collect::<Vec<_>>().join(" ");
                    let message = format!("\u{201c}{text}\u{201d} is banned by `{pattern}`");
                    let draft = Draft { kind: ReferenceKind::Phrase, text, target: pattern.clone(), range };
                    let help =
                        format!("{}:{line} bans it; say it otherwise, or allow it for this document in the protocol", list.list.path);
                    desk.broken(draft, "docs/banned-phrase", message, Some(help));
                }
            }
        }
    }
    Ok(())
}

fn allows(list: &List, file: &str) -> bool {
    list.allow.iter().any(|allowed| allowed == file || Glob::new(allowed).is_ok_and(|glob| glob.compile_matcher().is_match(file)))
}

/// A text on one line with plain quotes, and where each of its bytes comes from.
struct Folded {
    text: String,
    from: Vec<usize>,
}

impl Folded {
    fn of(text: &str) -> Folded {
        let mut folded = Folded { text: String::with_capacity(text.len()), from: Vec::with_capacity(text.len() + 1) };
        let mut line_start = false;
        for (at, c) in text.char_indices() {
            let c = match c {
                '\u{2018}' | '\u{2019}' | '\u{201b}' => '\'',
                '\u{201c}' | '\u{201d}' | '\u{201f}' => '"',
                '\n' | '\r' => {
                    line_start = true;
                    ' '
                }
                // The marks of a quote's lines are no part of what it says.
                ' ' | '\t' | '>' if line_start => ' ',
                '\t' | '\u{a0}' => ' ',
                c => {
                    line_start = false;
                    c
                }
            };
            if c == ' ' && folded.text.ends_with(' ') {
                continue;
            }
            folded.text.push(c);
            folded.from.extend(std::iter::repeat_n(at, c.len_utf8()));
        }
        folded.from.push(text.len());
        folded
    }
}

fn read(tree: &dyn Tree, lists: &[List]) -> Result<Read, Unreadable> {
    let mut read = Read::default();
    for list in lists {
        let Some(bytes) = tree.read(&list.path)? else {
            let message = format!("the list of banned phrases `{}` is not in the tree", list.path);
            read.findings.push(Finding::error("docs/bad-list", message).help("mend `documents.banned` of the protocol"));
            continue;
        };
        let source = Source::new(&list.path, String::from_utf8_lossy(&bytes));
        let mut sensitive = false;
        let mut patterns = Vec::new();
        let mut written = Vec::new();
        let mut at = 0;
        for (number, line) in source.text.split_inclusive('\n').enumerate() {
            let start = at;
            at += line.len();
            let phrase = line.trim_end_matches(['\n', '\r']);
            if phrase.trim().is_empty() || phrase.starts_with("# ") || phrase == "#" {
                continue;
            }
            match phrase.trim() {
                ":case-sensitive:" => sensitive = true,
                ":case-insensitive:" => sensitive = false,
                _ => match RegexBuilder::new(phrase).case_insensitive(!sensitive).build() {
                    Ok(regex) => {
                        written.push(if sensitive { phrase.to_owned() } else { format!("(?i:{phrase})") });
                        patterns.push((phrase.to_owned(), number as u32 + 1, regex));
                    }
                    Err(error) => {
                        let why = error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                        let place = source.place(start..start + phrase.len());
                        read.findings.push(Finding::error("docs/bad-list", format!("this is no regular expression: {why}")).at(place));
                    }
                },
            }
        }
        match RegexSetBuilder::new(&written).build() {
            Ok(set) => read.lists.push(Compiled { list: list.clone(), set, patterns }),
            Err(_) => {
                let message = format!("the expressions of `{}` are too large together", list.path);
                read.findings.push(Finding::error("docs/bad-list", message));
            }
        }
    }
    Ok(read)
}
