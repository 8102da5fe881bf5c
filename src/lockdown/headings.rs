//! Gates against headings: every gate has its heading, in the same order, and the reverse.
//!
//! A heading is a gate's by its title, with or without a number before it (`Gate 2 — Title`, `Step 2: Title`, `2. Title`,
//! `Title`). Which other headings claim to be a gate's is read from those that are: the same word before the number, or
//! where they have no number, the same section.

use super::{
    census::{Census, ReferenceKind, Verdict},
    desk::{Desk, Draft},
};
use crate::{
    domain::{Finding, Place},
    gate::{Protocol, config::GateFiles},
    text::{
        constant::pattern,
        markdown::{Bytes, Document, Heading},
        source::Source,
    },
};
use regex::Regex;
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

/// `Gate 2 — Title`: the word, the number, the title.
static NUMBERED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:(?<word>(?i:gate|step))\s+)?(?<number>[0-9]{1,4})(?:\s*[\p{Pd}:.)|·]\s*|\s+|$)(?<title>.*)$"));

const NOT_ASKED: &str = "headings are not asked for";

/// What the headings of one document say of gates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gated {
    /// References that are such headings.
    pub(super) references: BTreeSet<usize>,
    /// Positions of the gates that have their heading here.
    pub(super) held: BTreeSet<usize>,
    /// References to no gate, with the position of the gate that has nearly this title.
    pub(super) near: BTreeMap<usize, usize>,
}

/// A heading as far as gates are concerned.
struct Entry<'d> {
    heading: &'d Heading,
    /// Index of the heading that it stands below.
    parent: Option<usize>,
    word: Option<String>,
    number: Option<usize>,
    title: &'d str,
    /// Index of its gate.
    gate: Option<usize>,
}

impl Entry<'_> {
    /// The title, or where it has none the whole heading.
    fn shown(&self) -> &str {
        if self.title.is_empty() { &self.heading.text } else { self.title }
    }
}

/// How many headings are compared with a title that has none.
const MOST: usize = 200;

/// Adds every heading of a protocol document that claims to be a gate's. Gives their bytes, in the order of the text.
pub fn take(desk: &mut Desk) -> Vec<Bytes> {
    let library = desk.library;
    let Some(protocol) = library.facts.protocol.as_ref().filter(|_| library.facts.gated.contains(&desk.source.file)) else {
        return Vec::new();
    };
    let document = desk.document;
    let titles: Vec<Cow<str>> = protocol.gates.iter().map(|gate| folded(&gate.header.title)).collect();
    let entries = entries(document, &titles);
    let claimed: Vec<Entry> = claims(document, &entries)
        .into_iter()
        .zip(entries)
        .filter(|(claims, entry)| entry.gate.is_some() || *claims)
        .map(|(_, entry)| entry)
        .collect();
    let held: BTreeSet<usize> = claimed.iter().filter_map(|entry| entry.gate).collect();
    let near = near(&titles, &held, &claimed);
    let mut gated = Gated { held, ..Gated::default() };
    let mut here: BTreeSet<usize> = BTreeSet::new();
    let mut last = 0;
    for (position, entry) in claimed.iter().enumerate() {
        let range = &entry.heading.range;
        let draft = Draft {
            kind: ReferenceKind::Gate,
            text: desk.text(range).to_owned(),
            target: folded(entry.shown()).into_owned(),
            range: range.clone(),
        };
        let at = desk.add(draft, Verdict::Ok);
        gated.references.insert(at);
        let mut fail = |code: &str, message: String, help: Option<String>| {
            desk.problem(Some(at), range, Finding { help, ..Finding::error(format!("docs/{code}"), message) }, None);
        };
        let Some(index) = entry.gate else {
            let close = near.get(&position).map(|gate| &protocol.gates[*gate]);
            let help = match close {
                Some(gate) => {
                    format!("did you mean \u{201c}{}\u{201d}, gate {} in {}? Make the two equal", gate.header.title, gate.number, gate.file)
                }
                None => "add its gate file, or remove the heading".to_owned(),
            };
            fail("heading-without-gate", format!("the candidate has no gate \u{201c}{}\u{201d}", entry.shown()), Some(help));
            gated.near.extend(near.get(&position).map(|gate| (at, *gate)));
            continue;
        };
        let (number, title) = (protocol.gates[index].number, &protocol.gates[index].header.title);
        if !here.insert(index) {
            fail("gate-twice", format!("gate {number} \u{201c}{title}\u{201d} has a second heading here"), None);
            continue;
        }
        if let Some(written) = entry.number.filter(|written| *written != number) {
            let message = format!("the heading says number {written}, but \u{201c}{title}\u{201d} is gate {number}");
            fail("gate-number", message, Some("a gate's number is its position among the sorted gate files".to_owned()));
        }
        if last > number {
            let message = format!("gate {number} stands after gate {last} here, but comes before it among the gates");
            fail("gate-order", message, Some("move the section, or renumber the gate files".to_owned()));
        }
        last = last.max(number);
    }
    desk.gated(gated);
    claimed.into_iter().map(|entry| entry.heading.range.clone()).collect()
}

/// Gates that have no heading in any of these documents, which are named with their censuses. A heading that has nearly the
/// title is told already. `files` are those that `protocol` was read from.
pub fn absent(files: &GateFiles, protocol: &Protocol, documents: &[(&str, &Census)]) -> Vec<Finding> {
    let told = |gate: usize| {
        documents.iter().any(|(_, census)| {
            let mut near = census.gated.near.iter().filter(|(_, near)| **near == gate);
            near.any(|(at, _)| census.problems.iter().any(|problem| problem.reference == Some(*at)))
        })
    };
    let names: Vec<&str> = documents.iter().map(|(name, _)| *name).collect();
    let gates = protocol.gates.iter().enumerate();
    let missing = gates.filter(|(at, _)| !documents.iter().any(|(_, census)| census.gated.held.contains(at)) && !told(*at));
    missing
        .map(|(_, gate)| {
            let title = &gate.header.title;
            let message = format!("gate {} \u{201c}{title}\u{201d} has no heading in {}", gate.number, names.join(", "));
            let finding = Finding::error("docs/gate-without-heading", message).at(title_place(files, &gate.file));
            finding.help(format!("add the heading \u{201c}Gate {} \u{2014} {title}\u{201d}", gate.number))
        })
        .collect()
}

impl Census {
    /// Nothing more is said of headings of gates, which stay listed.
    pub fn without_headings(&mut self) {
        let headings = std::mem::take(&mut self.gated.references);
        self.problems.retain(|problem| problem.reference.is_none_or(|at| !headings.contains(&at)));
        self.untold.retain(|about| about.is_none_or(|at| !headings.contains(&at)));
        for at in headings {
            self.references[at].verdict = Verdict::unchecked(NOT_ASKED);
        }
    }

    /// Keeps headings of gates alone.
    pub fn headings_alone(&mut self) {
        let headings = self.gated.references.clone();
        self.retain(|at| headings.contains(&at));
        self.problems.retain(|problem| problem.reference.is_some());
        self.untold.retain(Option::is_some);
    }
}

fn entries<'d>(document: &'d Document, titles: &[Cow<str>]) -> Vec<Entry<'d>> {
    let gate = |title: &str| {
        let title = folded(title);
        titles.iter().position(|known| *known == title)
    };
    let mut above: Vec<usize> = Vec::new();
    let each = document.headings.iter().enumerate().map(|(at, heading)| {
        while above.last().is_some_and(|up| document.headings[*up].level >= heading.level) {
            above.pop();
        }
        let parent = above.last().copied();
        if !heading.nested {
            above.push(at);
        }
        let whole = gate(&heading.text);
        let numbered = NUMBERED.captures(&heading.text).filter(|_| whole.is_none());
        let part = |name: &str| numbered.as_ref().and_then(|found| found.name(name)).map(|part| part.as_str());
        let title = match numbered.as_ref().and_then(|found| found.name("title")) {
            Some(title) => heading.text[title.range()].trim(),
            None => heading.text.as_str(),
        };
        let gate = if heading.nested { None } else { whole.or_else(|| gate(title)) };
        Entry {
            heading,
            parent,
            word: part("word").map(str::to_lowercase),
            number: part("number").and_then(|n| n.parse().ok()),
            title,
            gate,
        }
    });
    each.collect()
}

/// For each heading, whether it claims to be a gate's.
fn claims(document: &Document, entries: &[Entry]) -> Vec<bool> {
    let known: Vec<&Entry> = entries.iter().filter(|entry| entry.gate.is_some()).collect();
    let words: BTreeSet<&str> = known.iter().filter_map(|entry| entry.word.as_deref()).collect();
    let sections: BTreeSet<(u8, Option<usize>)> = known.iter().map(|entry| (entry.heading.level, entry.parent)).collect();
    let plain = !known.is_empty() && known.iter().all(|entry| entry.word.is_none() && entry.number.is_none());
    let span = known.first().map_or(0, |entry| entry.heading.range.start)..known.last().map_or(0, |entry| entry.heading.range.end);
    let claims = |entry: &Entry| {
        let beside = sections.contains(&(entry.heading.level, entry.parent));
        match entry.word.as_deref() {
            _ if entry.heading.nested => false,
            Some("gate") => true,
            Some(word) => words.contains(word) && beside,
            None if !plain => false,
            // A section of its own is all gates; among the chapters of a document only those between the first and the last.
            None => {
                let own_section = entry.parent.is_some_and(|parent| document.headings[parent].level > 1);
                beside && (own_section || span.contains(&entry.heading.range.start))
            }
        }
    };
    entries.iter().map(claims).collect()
}

/// For headings that are no gate's the gate whose title is nearest, above a floor, by their positions: each gate that has no
/// heading here once.
fn near(titles: &[Cow<str>], held: &BTreeSet<usize>, claimed: &[Entry]) -> BTreeMap<usize, usize> {
    let short = |text: &str| folded(text).to_lowercase().chars().take(200).collect::<String>();
    let strangers = claimed.iter().enumerate().filter(|(_, entry)| entry.gate.is_none()).take(MOST);
    let strangers: Vec<(usize, String)> = strangers.map(|(at, entry)| (at, short(entry.shown()))).collect();
    let mut near = BTreeMap::new();
    for (gate, title) in titles.iter().enumerate().filter(|(gate, _)| !held.contains(gate) && !strangers.is_empty()) {
        let title = short(title);
        let free = strangers.iter().filter(|(at, _)| !near.contains_key(at));
        let scored = free.map(|(at, shown)| (strsim::normalized_damerau_levenshtein(&title, shown), *at));
        let best = scored.filter(|(likeness, _)| *likeness >= 0.6).max_by(|(a, _), (b, _)| a.total_cmp(b));
        near.extend(best.map(|(_, at)| (at, gate)));
    }
    near
}

/// The number before a title, and the title.
pub(super) fn with_number(text: &str) -> Option<(usize, &str)> {
    let found = NUMBERED.captures(text)?;
    let title = found.name("title").map_or("", |title| title.as_str());
    Some((found.name("number")?.as_str().parse().ok()?, title.trim()))
}

/// Blanks and the backticks of code make no difference.
pub(super) fn folded(text: &str) -> Cow<'_, str> {
    if text.contains('`') || text.contains("  ") || text.contains(|c: char| c.is_whitespace() && c != ' ') || text.trim() != text {
        return Cow::Owned(text.replace('`', "").split_whitespace().collect::<Vec<_>>().join(" "));
    }
    Cow::Borrowed(text)
}

/// The place of the title in a gate's file.
fn title_place(files: &GateFiles, file: &str) -> Place {
    let name = file.strip_prefix(&files.root).map_or(file, |rest| rest.trim_start_matches('/'));
    let text = files.files.get(name).map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
    let source = Source::new(file, text);
    let range = title_range(&source.text).unwrap_or(0..0);
    source.place(range)
}

fn title_range(text: &str) -> Option<Bytes> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let key = line.trim_start_matches([' ', '{', '"', '\'']).strip_prefix("title");
        if let Some(value) = key.and_then(|rest| rest.trim_start_matches(['"', '\'', ' ']).strip_prefix(':')) {
            let end = start + line.trim_end().len();
            return Some(end - value.trim().len()..end);
        }
        start += line.len();
    }
    None
}
