//! Gates and steps by their number: `Gate 3`, `step 5`, against the headings and numbered tables of the same document, and
//! against the gates of the protocol.

mod tables;

use super::{
    census::{ReferenceKind, Verdict},
    channels, columns,
    desk::{Desk, Draft},
    landmarks::Word,
};
use crate::{
    domain::Finding,
    text::markdown::{Bytes, Document, Heading, Table},
};

/// Headers of a column of numbers.
pub const NUMBER: &[&str] = &["#", "no", "no.", "nr", "number"];

/// `gated`: headings of gates, which are references as a whole.
pub fn take(desk: &mut Desk, gated: &[Bytes]) {
    for word in ["gate", "step"] {
        let headings = headings(desk.document, word);
        order(desk, word, &headings);
        mentions(desk, word, &headings, gated);
    }
    if let Some(protocol) = desk.library.facts.protocol.clone().filter(|_| desk.strict) {
        tables::take(desk, &protocol);
        channels::take(desk, &protocol);
    }
}

/// The numbered headings `Gate n` or `Step n`, in the order of the text.
pub fn headings<'d>(document: &'d Document, word: &str) -> Vec<(u64, &'d Heading)> {
    let number = |heading: &'d Heading| number_after(&heading.text, 0, word).map(|(number, _)| (number, heading));
    document.headings.iter().filter(|heading| !heading.nested).filter_map(number).collect()
}

/// Rows and line of the first table that numbers things of this sort: a header of a number column and this word.
pub fn table(desk: &Desk, word: &str) -> Option<(usize, usize)> {
    let table = desk.document.tables.iter().find(|table| is_numbered(table, word))?;
    Some((table.rows.len(), desk.source.text[..table.range.start].matches('\n').count() + 1))
}

fn is_numbered(table: &Table, word: &str) -> bool {
    let head =
        |at: usize, words: &[&str]| table.header.get(at).is_some_and(|cell| words.iter().any(|word| cell.text.eq_ignore_ascii_case(word)));
    head(0, NUMBER) && head(1, &[word])
}

/// The numbers of headings go up by one.
fn order(desk: &mut Desk, word: &str, headings: &[(u64, &Heading)]) {
    // Gates of a protocol are compared with their headings elsewhere.
    if word == "gate" && desk.library.facts.protocol.is_some() || !desk.strict {
        return;
    }
    for pair in headings.windows(2) {
        let ((before, _), (number, heading)) = (pair[0], pair[1]);
        // Another section may number its own from 1.
        if number != before + 1 && number != 1 {
            let message = format!("{word} {number} follows {word} {before}");
            desk.problem(None, &heading.range, Finding::error("docs/heading-number", message), None);
        }
    }
}

fn mentions(desk: &mut Desk, word: &str, headings: &[(u64, &Heading)], gated: &[Bytes]) {
    let document = desk.document;
    let gates = desk.library.facts.protocol.as_ref().map(|protocol| protocol.gates.len() as u64).filter(|_| word == "gate");
    let rows = table(desk, word).map(|(rows, _)| rows as u64);
    let known = |number: u64| match gates {
        Some(gates) => Some((1..=gates).contains(&number)),
        None if !headings.is_empty() => Some(headings.iter().any(|(known, _)| *known == number)),
        None => rows.map(|rows| (1..=rows).contains(&number)),
    };
    let found = spoken(desk, if word == "gate" { Word::Gate } else { Word::Step }, word);
    for (number, range) in found {
        let Some(known) = known(number) else { continue };
        if starts_one(gated, &range) || !known && gates.is_some() && in_heading(document, &range) {
            continue;
        }
        let draft = Draft { kind: ReferenceKind::Gate, text: desk.text(&range).to_owned(), target: format!("{word} {number}"), range };
        if known {
            desk.add(draft, Verdict::Ok);
        } else if desk.strict {
            desk.broken(draft, "docs/unknown-gate", format!("there is no {word} {number}"), None);
        } else {
            desk.add(draft, Verdict::unchecked("no heading bears this number"));
        }
    }
}

/// The numbers of `gate 3` and `gates 1, 2 and 7` in plain text, in the order of the text.
pub fn spoken(desk: &Desk, landmark: Word, word: &str) -> Vec<(u64, Bytes)> {
    let texts = &desk.document.texts;
    let placed = |text: usize, (number, found): (u64, Bytes)| {
        let base = texts[text].start;
        (number, base + found.start..base + found.end)
    };
    let within = |text: usize, at: usize| (desk.text(&texts[text]), at - texts[text].start);
    let one = desk.landmarks.spots(landmark).iter().filter_map(|spot| {
        let (text, at) = within(spot.text, spot.at);
        Some(placed(spot.text, number_after(text, at, word)?))
    });
    let several = desk.landmarks.spots(Word::Plural).iter().flat_map(|spot| {
        let (text, at) = within(spot.text, spot.at);
        numbers_after(text, at, word).into_iter().map(|found| placed(spot.text, found))
    });
    let mut all: Vec<(u64, Bytes)> = one.chain(several).collect();
    all.sort_by_key(|(_, range)| range.start);
    all
}

/// Whether this is the start of one of these ranges, which stand in the order of the text.
fn starts_one(ranges: &[Bytes], range: &Bytes) -> bool {
    let at = ranges.partition_point(|one| one.end < range.end);
    ranges.get(at).is_some_and(|one| one.start == range.start)
}

fn in_heading(document: &Document, range: &Bytes) -> bool {
    let at = document.headings.partition_point(|heading| heading.range.end < range.end);
    document.headings.get(at).is_some_and(|heading| heading.range.start <= range.start)
}

/// A cell's bytes without the blanks around its text.
pub fn inner(desk: &Desk, range: &Bytes) -> Bytes {
    let text = desk.text(range);
    let start = range.start + (text.len() - text.trim_start_matches([' ', '\t', '|']).len());
    let end = range.start + text.trim_end_matches([' ', '\t', '|']).len();
    start..end.max(start)
}

/// The number of a `Gate n` or `gate n` that starts here, and the bytes of both.
pub fn number_after(text: &str, start: usize, word: &str) -> Option<(u64, Bytes)> {
    let alone = !text.get(..start)?.ends_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_');
    let (found, rest) = text[start..].split_at_checked(word.len()).filter(|_| alone)?;
    let rest = rest.strip_prefix(' ').filter(|_| found.eq_ignore_ascii_case(word))?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let goes_on = rest[digits..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
        || rest[digits..].strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let number = rest[..digits].parse().ok().filter(|_| !goes_on && digits <= 4)?;
    Some((number, start..start + word.len() + 1 + digits))
}

/// What stands between two numbers of a list or range.
const BETWEEN: &[&str] = &[", and ", ", or ", ", ", " and ", " or ", " to ", " through ", " & ", "-", "\u{2013}", " - ", " \u{2013} ", "/"];

/// The numbers of `Gates 1–5` or `gates 1, 2 and 7` that start here, two at least: the first with the word, of a range both ends.
fn numbers_after(text: &str, start: usize, word: &str) -> Vec<(u64, Bytes)> {
    let mut found = Vec::new();
    let alone = !text[..start].ends_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_');
    let plural = text[start..]
        .split_at_checked(word.len())
        .filter(|(noun, rest)| alone && noun.eq_ignore_ascii_case(word) && rest.get(..2).is_some_and(|end| end.eq_ignore_ascii_case("s ")));
    if plural.is_none() {
        return found;
    }
    let mut from = start;
    let mut at = start + word.len() + 2;
    loop {
        let digits = text[at..].bytes().take_while(u8::is_ascii_digit).count();
        let rest = &text[at + digits..];
        let goes_on = rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '%')
            || rest.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        let Some(number) = text[at..at + digits].parse().ok().filter(|_| !goes_on && digits <= 4) else { break };
        found.push((number, from..at + digits));
        let next =
            BETWEEN.iter().find(|between| rest.strip_prefix(**between).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())));
        let Some(next) = next else { break };
        at += digits + next.len();
        from = at;
    }
    if found.len() < 2 { Vec::new() } else { found }
}
