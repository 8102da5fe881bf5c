//! Counts: a number of things that the document itself, or the protocol, counts otherwise.
//!
//! Judged are numbers that speak of all there are (`the 7 gates`, `all seven of the gates`, `the protocol has 7 gates`, `7 gates`
//! in a heading), and those that introduce a list; and those of a noun that a marker names. A number that may speak of some (`two gates failed`) is none of
//! these.

use super::{
    census::{ReferenceKind, Verdict},
    desk::{Desk, Draft},
    landmarks::Word,
    marker::{Marker, What},
    numbered, phases, settle,
};
use crate::text::constant::pattern;
use crate::text::markdown::{BlockKind, Bytes};
use regex::Regex;
use std::{collections::BTreeMap, sync::LazyLock};

const WORDS: &str =
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty";

/// Read backwards from the plural: marks of emphasis, line ends and those of quotes may stand between the words.
static ALL: LazyLock<Regex> = LazyLock::new(|| {
    let gap = r"[*_]*[\s>]+[*_]*";
    pattern(&format!(
        r"(?i)(?:^|[\s(\[|>*_\u{{2014}}])(?:(?P<all>(?:all[\s>]+of[\s>]+the|all[\s>]+the|there[\s>]+are|the|all|these|those){gap})|(?P<protocol>(?:the|this|our)[\s>]+(?:(?:promotion|release)[\s>]+)?protocol[\s>]+has{gap})|(?P<it>it[\s>]+has{gap}))?(?P<count>[*_]*(?P<number>[0-9]{{1,3}}|{WORDS})(?:{gap}(?:[a-z]+{gap})??|(?P<of>{gap}of[\s>]+(?:the|these|our){gap})))$"
    ))
});

/// What follows a number that speaks of all, behind words that may speak of some.
static ENDS: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[*_]*(?:[.,;:!)]|\s*$|\s+(?:and|in\s+(?:all|total))\b)"));

/// Bytes before a plural that are looked at.
const BEFORE: usize = 120;

/// What is counted without a marker.
const NOUNS: &[&str] = &["gate", "step", "phase", "channel"];

static NUMBER: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"(?i)(?:^|[\s(*_\u{{2014}}])(?P<number>[0-9]{{1,6}}|{WORDS})\b")));
static LISTED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?i)(?:^|[\s(*_])(?P<count>(?P<number>[0-9]{{1,3}}|{WORDS})\s+(?:of\s+(?:them|these|those)|[a-z]+(?:\s+[a-z]+){{0,2}}))\s*(?::|\.)\s*$"
    ))
});

/// How many there are of a noun, and who says so; looked up once.
type Known = BTreeMap<String, Option<(usize, String)>>;

pub fn take(desk: &mut Desk) {
    let mut known = Known::new();
    for spot in desk.landmarks.spots(Word::Plural).to_vec() {
        let text = &desk.source.text;
        let length = text[spot.at..].bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let plural = text[spot.at..spot.at + length].to_lowercase();
        let Some(noun) = plural.strip_suffix('s').filter(|noun| NOUNS.contains(noun)) else { continue };
        let window = window(desk, spot.at);
        let Some(found) = ALL.captures(desk.text(&window)) else { continue };
        let (Some(count), Some(number)) = (found.name("count"), found.name("number")) else { continue };
        let Some(said) = value(number.as_str()) else { continue };
        let opened = count.as_str().len() - count.as_str().trim_start_matches(['*', '_']).len();
        let closed = count.as_str()[opened..].contains(['*', '_']);
        let place = window.start + count.start() + if closed { 0 } else { opened }..spot.at + length;
        let behind = behind(desk, place.end);
        let whole = match found.name("all") {
            Some(all) if found.name("of").is_some() => all.as_str().trim_start().to_lowercase().starts_with("all"),
            Some(_) => true,
            None if found.name("of").is_some() => continue,
            None if found.name("protocol").is_some() => is_of_protocols(noun) && ENDS.is_match(behind),
            None => match found.name("it") {
                Some(it) => is_of_protocols(noun) && ENDS.is_match(behind) && is_the_protocol(desk, window.start + it.start()),
                None => in_heading(desk, &(window.start + number.start()..place.end)),
            },
        };
        one(desk, &mut known, noun, said, place, whole);
    }
    named(desk);
    introduced(desk);
}

fn is_of_protocols(noun: &str) -> bool {
    matches!(noun, "gate" | "channel")
}

/// Whether "it" at the start of a sentence is the protocol: the same paragraph speaks of one, or the document has only begun.
fn is_the_protocol(desk: &Desk, at: usize) -> bool {
    let before = &desk.source.text[desk.layout.item(at).start..at];
    if !before.trim().is_empty() {
        return before.to_lowercase().contains("protocol");
    }
    let headings = &desk.document.headings;
    headings[..headings.partition_point(|heading| heading.range.start < at)].last().is_none_or(|heading| heading.level == 1)
}

/// What stands before a plural in its paragraph, as far as it may belong to it.
fn window(desk: &Desk, at: usize) -> Bytes {
    let text = &desk.source.text;
    let mut from = at.saturating_sub(BEFORE);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let start = if text[from..at].contains('\n') { desk.layout.item(at).start } else { from };
    from.max(start)..at
}

/// Numbers of what only a marker names: any noun, in the singular or the plural, with up to two words before it.
fn named(desk: &mut Desk) {
    let known = |name: &str| NOUNS.contains(&name.trim_end_matches('s'));
    let names = |marker: &Marker| matches!(&marker.what, What::Count { name, .. } if !known(name));
    if !desk.markers.iter().any(names) {
        return;
    }
    let document = desk.document;
    for range in &document.texts {
        let text = desk.text(range);
        for found in NUMBER.captures_iter(text) {
            let Some(number) = found.name("number") else { continue };
            let Some(said) = value(number.as_str()) else { continue };
            let start = range.start + number.start();
            let behind = behind(desk, range.start + number.end());
            let marked = settle::around(&desk.markers, start).find_map(|(at, marker)| match &marker.what {
                What::Count { name, table } if !known(name) => {
                    let length = noun_after(behind, name)?;
                    Some((at, *table, name.clone(), range.start + number.end() + length))
                }
                _ => None,
            });
            let Some((marker, table, name, end)) = marked else { continue };
            let counted = Some(rows(desk, marker, table));
            judge(desk, &name, said, start..end, counted);
        }
    }
}

/// What follows in the same block, as far as a noun may stand from its number.
fn behind<'a>(desk: &Desk<'a, '_>, at: usize) -> &'a str {
    let rest = desk.source.text.get(at..).unwrap_or_default();
    let rest = &rest[..rest.char_indices().nth(200).map_or(rest.len(), |(at, _)| at)];
    &rest[..rest.find("\n\n").unwrap_or(rest.len())]
}

/// Where this noun ends, if no more than two plain words stand before it.
fn noun_after(rest: &str, name: &str) -> Option<usize> {
    let mut at = rest.find(|c: char| !c.is_whitespace()).filter(|at| *at > 0)?;
    for _ in 0..3 {
        if let Some(end) = noun_at(&rest[at..], name) {
            return Some(at + end);
        }
        let length = rest[at..].find(char::is_whitespace)?;
        let word = &rest[at..at + length];
        if !word.chars().all(|c| c.is_alphabetic() || "-*_".contains(c)) || value(word).is_some() {
            return None;
        }
        at += length + rest[at + length..].find(|c: char| !c.is_whitespace())?;
    }
    None
}

/// Where this noun ends, if it stands at the start.
fn noun_at(text: &str, name: &str) -> Option<usize> {
    let mut at = 0;
    let mut wanted = name.split(' ').peekable();
    while let Some(word) = wanted.next() {
        at += text[at..].find(|c: char| !(c.is_whitespace() || "*_".contains(c)))?;
        let length = text[at..].find(|c: char| !(c.is_alphanumeric() || "-'".contains(c))).unwrap_or(text.len() - at);
        let said = text[at..at + length].to_lowercase();
        let singular = |word: &str| word.strip_suffix('s').unwrap_or(word).to_owned();
        let same = if wanted.peek().is_some() { said == word } else { singular(&said) == singular(word) };
        if !same {
            return None;
        }
        at += length;
    }
    Some(at)
}

/// The rows that a marker counts.
fn rows(desk: &mut Desk, marker: usize, table: usize) -> (usize, String) {
    desk.counted(marker);
    match desk.document.tables.get(table - 1) {
        Some(found) => (found.rows.len(), format!("table {table}")),
        None => (0, format!("table {table}, which is not there")),
    }
}

fn one(desk: &mut Desk, known: &mut Known, noun: &str, said: usize, range: Bytes, whole: bool) {
    let marked = settle::around(&desk.markers, range.start).find_map(|(at, marker)| match &marker.what {
        What::Count { name, table } if name.trim_end_matches('s') == noun => Some((at, *table)),
        _ => None,
    });
    let counted = match marked {
        Some((marker, table)) => Some(rows(desk, marker, table)),
        None if whole => known.entry(noun.to_owned()).or_insert_with(|| counted(desk, noun)).clone(),
        None => return,
    };
    judge(desk, &format!("{noun}s"), said, range, counted);
}

fn judge(desk: &mut Desk, nouns: &str, said: usize, range: Bytes, counted: Option<(usize, String)>) {
    let draft = Draft { kind: ReferenceKind::Count, text: desk.text(&range).to_owned(), target: format!("{said} {nouns}"), range };
    match counted {
        Some((real, _)) if real == said => drop(desk.add(draft, Verdict::Ok)),
        Some((real, source)) if desk.strict => {
            desk.broken(draft, "docs/wrong-count", format!("the document says {said} {nouns}, but there are {real} ({source})"), None);
        }
        Some(_) => drop(desk.add(draft, Verdict::unchecked("not judged outside of protocol documents"))),
        None => drop(desk.add(draft, Verdict::unchecked("nothing here counts them"))),
    }
}

/// How many there are, and who says so.
fn counted(desk: &Desk, noun: &str) -> Option<(usize, String)> {
    let protocol = desk.library.facts.protocol.as_ref();
    let headings = |word: &str| numbered::headings(desk.document, word).len();
    match noun {
        "gate" => protocol
            .map(|protocol| (protocol.gates.len(), "gate files".to_owned()))
            .or_else(|| Some(headings("gate")).filter(|count| *count > 0).map(|count| (count, "headings".to_owned())))
            .or_else(|| numbered::table(desk, "gate").map(|(rows, line)| (rows, format!("rows of the table in line {line}")))),
        "step" => Some(headings("step")).filter(|count| *count > 0).map(|count| (count, "headings".to_owned())),
        "phase" => {
            let count = desk.document.headings.iter().filter(|heading| phases::of_heading(&heading.text).is_some()).count();
            Some(count).filter(|count| *count > 0).map(|count| (count, "headings".to_owned()))
        }
        "channel" => protocol.map(|protocol| (protocol.channels.len(), "the protocol".to_owned())),
        _ => None,
    }
}

fn in_heading(desk: &Desk, range: &Bytes) -> bool {
    let headings = &desk.document.headings;
    let at = headings.partition_point(|heading| heading.range.end < range.end);
    headings.get(at).is_some_and(|heading| heading.range.start <= range.start)
}

/// A paragraph that ends with a number of things and stands right before a list.
fn introduced(desk: &mut Desk) {
    let document = desk.document;
    for pair in document.blocks.windows(2) {
        let (paragraph, list) = (&pair[0], &pair[1]);
        if paragraph.kind != BlockKind::Paragraph || list.kind != BlockKind::List || paragraph.parent != list.parent {
            continue;
        }
        let at = document.lists.partition_point(|found| found.range.start < list.range.start);
        let Some(list) = document.lists.get(at).filter(|found| found.range.start == list.range.start) else { continue };
        let text = desk.text(&paragraph.range);
        let Some(found) = LISTED.captures(text) else { continue };
        let (Some(count), Some(number)) = (found.name("count"), found.name("number")) else { continue };
        let them = count.as_str().to_lowercase().contains(" of the") || count.as_str().to_lowercase().contains(" of tho");
        // Without a colon only words that point at the list introduce it.
        if !text.trim_end().ends_with(':') && !them {
            continue;
        }
        let Some(said) = value(number.as_str()).filter(|said| *said > 1) else { continue };
        let range = paragraph.range.start + count.start()..paragraph.range.start + count.end();
        let draft = Draft { kind: ReferenceKind::Count, text: desk.text(&range).to_owned(), target: format!("{said} items"), range };
        if said == list.items {
            desk.add(draft, Verdict::Ok);
        } else if desk.strict {
            let message = format!("the document says {said}, but the list below has {} items", list.items);
            desk.broken(draft, "docs/wrong-count", message, None);
        } else {
            desk.add(draft, Verdict::unchecked("not judged outside of protocol documents"));
        }
    }
}

fn value(number: &str) -> Option<usize> {
    let lower = number.to_lowercase();
    number.parse().ok().or_else(|| WORDS.split('|').position(|word| word == lower).map(|at| at + 1))
}
