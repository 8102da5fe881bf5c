//! Gates and steps by their number: `Gate 3`, `step 5`, against the headings and numbered tables of the same document, and
//! against the gates of the protocol.

use super::{
    census::{ReferenceKind, Verdict},
    channels,
    desk::{Desk, Draft},
    headings::folded,
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
    gate_tables(desk);
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
    let found: Vec<(u64, Bytes)> = desk
        .landmarks
        .spots(if word == "gate" { Word::Gate } else { Word::Step })
        .iter()
        .filter_map(|spot| {
            let text = &document.texts[spot.text];
            let (number, found) = number_after(desk.text(text), spot.at - text.start, word)?;
            Some((number, text.start + found.start..text.start + found.end))
        })
        .collect();
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

/// Whether this is the start of one of these ranges, which stand in the order of the text.
fn starts_one(ranges: &[Bytes], range: &Bytes) -> bool {
    let at = ranges.partition_point(|one| one.end < range.end);
    ranges.get(at).is_some_and(|one| one.start == range.start)
}

fn in_heading(document: &Document, range: &Bytes) -> bool {
    let at = document.headings.partition_point(|heading| heading.range.end < range.end);
    document.headings.get(at).is_some_and(|heading| heading.range.start <= range.start)
}

/// A table that numbers the gates names each with its title or id, in their order, all of them.
fn gate_tables(desk: &mut Desk) {
    let Some(protocol) = desk.library.facts.protocol.clone().filter(|_| desk.strict) else { return };
    let document = desk.document;
    for table in document.tables.iter().filter(|table| is_numbered(table, "gate")) {
        for (at, row) in table.rows.iter().enumerate() {
            let (Some(number), Some(title)) = (row.first(), row.get(1)) else { continue };
            let draft =
                Draft { kind: ReferenceKind::Gate, text: title.text.clone(), target: title.text.clone(), range: inner(desk, &title.range) };
            let Some(gate) = protocol.gates.get(at) else {
                desk.broken(
                    draft,
                    "docs/gate-table",
                    format!("the protocol has {} gates; row {} is none", protocol.gates.len(), at + 1),
                    None,
                );
                continue;
            };
            let said = folded(&title.text);
            if said != folded(&gate.header.title) && said != gate.id.as_str() {
                let message = format!("gate {} is \u{201c}{}\u{201d}", gate.number, gate.header.title);
                let there = protocol.gates.iter().find(|other| said == folded(&other.header.title));
                let help = match there {
                    Some(other) => format!("\u{201c}{}\u{201d} is gate {}", other.header.title, other.number),
                    None => format!("make the two equal: {} has the title", gate.file),
                };
                desk.broken(draft, "docs/gate-table", message, Some(help));
            } else if number.text.parse::<usize>().ok() != Some(gate.number) {
                let range = inner(desk, &number.range);
                let finding = Finding::error("docs/gate-table", format!("\u{201c}{}\u{201d} is gate {}", gate.header.title, gate.number));
                let at = desk.add(draft, Verdict::Ok);
                desk.problem(Some(at), &range, finding, None);
            } else {
                desk.add(draft, Verdict::Ok);
            }
        }
        let missing: Vec<String> =
            protocol.gates.iter().skip(table.rows.len()).map(|gate| format!("\u{201c}{}\u{201d}", gate.header.title)).collect();
        if !missing.is_empty() {
            let message = format!("the table leaves out {} of {} gates: {}", missing.len(), protocol.gates.len(), missing.join(", "));
            let range = table.header.first().map_or(table.range.clone(), |cell| cell.range.clone());
            let range = inner(desk, &range);
            desk.problem(None, &range, Finding::error("docs/gate-table", message), None);
        }
    }
    channels::take(desk, &protocol);
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
