//! Gates against headings: every gate has its heading, in the same order, and the reverse.
//!
//! A heading is a gate's by its title, with or without a number before it (`Gate 2 — Title`, `Step 2: Title`, `2. Title`,
//! `Title`). Which other headings claim to be a gate's is read from those that are: the same word before the number, or
//! where they have no number, the same section.

use crate::text::constant::pattern;
use crate::{
    domain::{Finding, Place},
    gate::{Protocol, config::GateFiles},
    text::{
        markdown::{Bytes, Document, Heading},
        source::Source,
    },
};
use regex::Regex;
use std::{collections::BTreeSet, sync::LazyLock};

/// `Gate 2 — Title`: the word, the number, the title.
static NUMBERED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:(?<word>(?i:gate|step))\s+)?(?<number>[0-9]{1,4})(?:\s*[\p{Pd}:.)|·]\s*|\s+|$)(?<title>.*)$"));

/// A gate of the candidate.
struct Wanted<'p> {
    number: usize,
    title: &'p str,
    /// The title in the gate's file.
    place: Place,
    found: bool,
}

/// A heading as far as gates are concerned.
struct Entry<'d> {
    source: &'d Source,
    heading: &'d Heading,
    /// Index of the heading that it stands below.
    parent: Option<usize>,
    word: Option<String>,
    number: Option<usize>,
    title: &'d str,
    /// Index of its gate.
    gate: Option<usize>,
}

/// How many findings about headings are shown, and how many headings are compared with a title that has none. A place and a
/// comparison cost a walk over the text, so that a hostile document must not have very many of either.
const MOST: usize = 200;

/// What the comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Gates that have their heading.
    pub held: usize,
    /// Up to [`MOST`], then one that counts the others.
    pub findings: Vec<Finding>,
    told: usize,
}

impl Compared {
    fn fail(&mut self, finding: impl FnOnce() -> Finding) {
        self.told += 1;
        if self.told <= MOST {
            self.findings.push(finding());
        }
    }

    fn end(mut self) -> Compared {
        if let Some(hidden) = self.told.checked_sub(MOST).filter(|hidden| *hidden > 0) {
            self.findings.push(Finding::error("docs/too-many", format!("there are {hidden} more findings about headings")));
        }
        self
    }
}

/// `files` are those that `protocol` was read from.
pub fn compare(files: &GateFiles, protocol: &Protocol, documents: &[(Source, Document)]) -> Compared {
    let mut gates: Vec<Wanted> = protocol
        .gates
        .iter()
        .map(|gate| Wanted { number: gate.number, title: &gate.header.title, place: title_place(files, &gate.file), found: false })
        .collect();
    let mut told = Compared::default();
    let mut strangers: Vec<Entry> = Vec::new();
    for (source, document) in documents {
        let entries = entries(source, document, &gates);
        let claims = claims(document, &entries);
        order(&entries, &mut gates, &mut told);
        strangers.extend(entries.into_iter().zip(claims).filter(|(entry, claims)| entry.gate.is_none() && *claims).map(|(entry, _)| entry));
    }
    for gate in &gates {
        if gate.found {
            told.held += 1;
            continue;
        }
        let names: Vec<&str> = documents.iter().map(|(source, _)| source.file.as_str()).collect();
        let message = format!("gate {} \u{201c}{}\u{201d} has no heading in {}", gate.number, gate.title, names.join(", "));
        let missing = Finding::error("docs/gate-without-heading", message).at(gate.place.clone());
        // A heading that is nearly the title is told together with its gate, not a second time.
        let help = match nearest(gate.title, &strangers) {
            Some(at) => {
                let near = strangers.swap_remove(at);
                let place = near.source.place(near.heading.range.clone());
                format!(
                    "did you mean the heading \u{201c}{}\u{201d} at {}:{}? Make the two equal",
                    near.heading.text, place.file, place.line
                )
            }
            None => format!("add the heading \u{201c}Gate {} \u{2014} {}\u{201d}", gate.number, gate.title),
        };
        told.fail(|| missing.help(help));
    }
    strangers.sort_by_key(|entry| (entry.source.file.as_str(), entry.heading.range.start));
    for stranger in strangers {
        told.fail(|| {
            let message = format!("the candidate has no gate \u{201c}{}\u{201d}", stranger.title);
            let finding = Finding::error("docs/heading-without-gate", message).at(place(&stranger));
            finding.help(format!("add its file below `{}/`, or remove the heading", files.root))
        });
    }
    told.end()
}

fn entries<'d>(source: &'d Source, document: &'d Document, gates: &[Wanted]) -> Vec<Entry<'d>> {
    let mut above: Vec<usize> = Vec::new();
    let each = document.headings.iter().enumerate().map(|(at, heading)| {
        while above.last().is_some_and(|up| document.headings[*up].level >= heading.level) {
            above.pop();
        }
        let parent = above.last().copied();
        if !heading.nested {
            above.push(at);
        }
        let whole = gates.iter().position(|gate| same(gate.title, &heading.text));
        let numbered = NUMBERED.captures(&heading.text).filter(|_| whole.is_none());
        let part = |name: &str| numbered.as_ref().and_then(|found| found.name(name)).map(|part| part.as_str());
        let title = match numbered.as_ref().and_then(|found| found.name("title")) {
            Some(title) => heading.text[title.range()].trim(),
            None => heading.text.as_str(),
        };
        let gate = if heading.nested { None } else { whole.or_else(|| gates.iter().position(|gate| same(gate.title, title))) };
        Entry {
            source,
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

/// Order, numbers and doublets of the headings of one document.
fn order(entries: &[Entry], gates: &mut [Wanted], told: &mut Compared) {
    let mut here: BTreeSet<usize> = BTreeSet::new();
    let mut last: Option<usize> = None;
    for entry in entries {
        let Some(index) = entry.gate else { continue };
        let (number, title) = (gates[index].number, gates[index].title);
        gates[index].found = true;
        if !here.insert(index) {
            let message = format!("gate {number} \u{201c}{title}\u{201d} has a second heading here");
            told.fail(|| Finding::error("docs/gate-twice", message).at(place(entry)));
            continue;
        }
        if let Some(written) = entry.number.filter(|written| *written != number) {
            let message = format!("the heading says number {written}, but \u{201c}{title}\u{201d} is gate {number}");
            let help = "a gate's number is its position among the sorted gate files";
            told.fail(|| Finding::error("docs/gate-number", message).at(place(entry)).help(help));
        }
        match last.filter(|last| *last > number) {
            Some(before) => {
                let message = format!("gate {number} stands after gate {before} here, but comes before it among the gates");
                let help = "move the section, or renumber the gate files";
                told.fail(|| Finding::error("docs/gate-order", message).at(place(entry)).help(help));
            }
            None => last = Some(number),
        }
    }
}

/// The heading that is nearly this title: the most similar one above a floor.
fn nearest(title: &str, strangers: &[Entry]) -> Option<usize> {
    let short = |text: &str| folded(text).to_lowercase().chars().take(200).collect::<String>();
    let title = short(title);
    let scored = strangers
        .iter()
        .take(MOST)
        .enumerate()
        .map(|(at, entry)| (strsim::normalized_damerau_levenshtein(&title, &short(entry.title)), at));
    scored.filter(|(likeness, _)| *likeness >= 0.6).max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, at)| at)
}

fn same(title: &str, heading: &str) -> bool {
    folded(title) == folded(heading)
}

/// Blanks and the backticks of code make no difference.
fn folded(text: &str) -> String {
    text.replace('`', "").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn place(entry: &Entry) -> Place {
    entry.source.place(entry.heading.range.clone())
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
