//! Banned phrases: list files of extended regular expressions, one a line, looked for in the text of documents.
//!
//! Case is ignored up to the line `:case-sensitive:`. Blank lines and lines that start with `# ` say nothing. Typographic
//! quotes count as plain ones, and a phrase is found across line ends within its paragraph. It is looked for in the text as
//! it is written, comments and metadata among it, and where marks stand within a paragraph also in the text as it is shown:
//! emphasis, backticks, brackets and destinations of links, tags and comments come between no words there. A document that an
//! allow-list names may say all of its list's phrases; negation is not understood.

use super::{
    census::ReferenceKind,
    desk::{Desk, Draft},
};
use crate::{
    domain::Finding,
    text::{
        markdown::{Bytes, CodeSpan, Document},
        source::Source,
    },
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
    let lists: Vec<&Compiled> = read.lists.iter().filter(|list| !allows(&list.list, &desk.source.file)).collect();
    if lists.is_empty() {
        return Ok(());
    }
    let mut shown = Shown::of(desk.document);
    for item in desk.layout.items() {
        let written = Folded::of(desk.text(&item), item.start);
        let shown = shown.fold(&desk.source.text, &item);
        for list in &lists {
            phrases(desk, list, &written, shown.as_ref());
        }
    }
    Ok(())
}

/// The phrases of one list in one item.
fn phrases(desk: &mut Desk, list: &Compiled, written: &Folded, shown: Option<&Folded>) {
    let mut found: Vec<(usize, Bytes)> = Vec::new();
    for folded in [Some(written), shown].into_iter().flatten() {
        for at in list.set.matches(&folded.text) {
            let regex = &list.patterns[at].2;
            for range in regex.find_iter(&folded.text).filter(|found| !found.is_empty()).map(|found| folded.range(&found.range())) {
                let meets = |(pattern, other): &(usize, Bytes)| *pattern == at && other.start < range.end && range.start < other.end;
                if std::ptr::eq(folded, written) || !found.iter().any(meets) {
                    found.push((at, range));
                }
            }
        }
    }
    for (at, range) in found {
        let (pattern, line, _) = &list.patterns[at];
        let text = desk.text(&range).split_whitespace().collect::<Vec<_>>().join(" ");
        let message = format!("\u{201c}{text}\u{201d} is banned by `{pattern}`");
        let draft = Draft { kind: ReferenceKind::Phrase, text, target: pattern.clone(), range };
        let help = format!("{}:{line} bans it; say it otherwise, or allow it for this document in the protocol", list.list.path);
        desk.broken(draft, "docs/banned-phrase", message, Some(help));
    }
}

fn allows(list: &List, file: &str) -> bool {
    list.allow.iter().any(|allowed| allowed == file || Glob::new(allowed).is_ok_and(|glob| glob.compile_matcher().is_match(file)))
}

/// A text on one line with plain quotes, and where each of its bytes comes from.
#[derive(Default)]
struct Folded {
    text: String,
    /// Of each byte the character it comes from: where it starts, and how long it is.
    from: Vec<(usize, u8)>,
    line_start: bool,
}

impl Folded {
    /// `at`: where the text stands in its document.
    fn of(text: &str, at: usize) -> Folded {
        let mut folded = Folded { text: String::with_capacity(text.len()), from: Vec::with_capacity(text.len()), line_start: false };
        folded.push(text, at);
        folded
    }

    fn push(&mut self, text: &str, base: usize) {
        for (at, written) in text.char_indices() {
            let c = match written {
                '\u{2018}' | '\u{2019}' | '\u{201b}' => '\'',
                '\u{201c}' | '\u{201d}' | '\u{201f}' => '"',
                '\n' | '\r' => {
                    self.line_start = true;
                    ' '
                }
                // The marks of a quote's lines are no part of what it says.
                ' ' | '\t' | '>' if self.line_start => ' ',
                '\t' | '\u{a0}' => ' ',
                c => {
                    self.line_start = false;
                    c
                }
            };
            if c == ' ' && self.text.ends_with(' ') {
                continue;
            }
            self.put(c, base + at, written.len_utf8());
        }
    }

    fn put(&mut self, c: char, at: usize, length: usize) {
        self.text.push(c);
        self.from.extend(std::iter::repeat_n((at, length as u8), c.len_utf8()));
    }

    /// The document's bytes from the first to past the last character of `range`, which is not empty.
    fn range(&self, range: &Bytes) -> Bytes {
        let start = self.from.get(range.start).map_or(0, |(at, _)| *at);
        let end = self.from.get(range.end - 1).map_or(start, |(at, length)| at + usize::from(*length));
        start..end
    }
}

/// What a document shows in its lines, part after part: text, and the insides of code spans.
struct Shown<'d> {
    texts: &'d [Bytes],
    codes: &'d [CodeSpan],
}

impl<'d> Shown<'d> {
    fn of(document: &'d Document) -> Shown<'d> {
        Shown { texts: &document.texts, codes: &document.codes }
    }

    /// The next part before `end`.
    fn next(&mut self, end: usize) -> Option<Bytes> {
        let text = self.texts.first().filter(|text| text.start < end);
        let code = self.codes.first().map(|code| &code.content).filter(|code| code.start < end);
        if code.is_some_and(|code| text.is_none_or(|text| code.start < text.start)) {
            self.codes = &self.codes[1..];
            return code.cloned();
        }
        self.texts = text.map_or(self.texts, |_| &self.texts[1..]);
        text.cloned()
    }

    /// What the next item shows; `None`: it has no mark between its words, so that it reads as it is written.
    fn fold(&mut self, text: &str, item: &Bytes) -> Option<Folded> {
        let mut folded = Folded::default();
        let mut marked = false;
        let mut before: Option<usize> = None;
        while let Some(part) = self.next(item.end) {
            let between = before.and_then(|end| Some((end, text.get(end..part.start)?)));
            if let Some((end, between)) = between {
                marked |= between.bytes().any(|byte| !matches!(byte, b'\n' | b'\r' | b' ' | b'\t' | b'>' | b'|'));
                folded.line_start = false;
                if let Some((at, c)) = joint(between).filter(|(_, c)| *c != ' ' || !folded.text.ends_with(' ')) {
                    folded.put(c, end + at, 1);
                }
            }
            before = Some(before.unwrap_or_default().max(part.end));
            folded.push(text.get(part.clone()).unwrap_or_default(), part.start);
        }
        marked.then_some(folded)
    }
}

/// What shows between two parts, and which byte says so; `None`: nothing does.
fn joint(between: &str) -> Option<(usize, char)> {
    if let Some(image) = between.find("![") {
        return Some((image, OTHER));
    }
    if let Some(end) = between.find(['\n', '\r']) {
        let goes_on = between[end..].chars().all(|c| c.is_whitespace() || ">*_~`[\\".contains(c));
        return Some((end, if goes_on { ' ' } else { OTHER }));
    }
    let cell = between.find('|').map(|at| (at, '|'));
    cell.or_else(|| between.find("<br").or_else(|| between.find("<BR")).map(|at| (at, ' ')))
}

/// Something that is no text.
const OTHER: char = '\u{fffc}';

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
