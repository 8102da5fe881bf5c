//! Phases: `Phase 2` in text must be one that a heading of the same document opens.

use super::{
    census::{ReferenceKind, Verdict},
    desk::{Desk, Draft},
    landmarks::Word,
    numbered::{number_after, spoken},
};
use crate::text::markdown::Bytes;
use std::collections::BTreeSet;

pub fn take(desk: &mut Desk) {
    let document = desk.document;
    let opened: BTreeSet<u64> = document.headings.iter().filter_map(|heading| of_heading(&heading.text)).collect();
    if opened.is_empty() {
        return;
    }
    let in_heading = |range: &Bytes| {
        let at = document.headings.partition_point(|heading| heading.range.end < range.end);
        document.headings.get(at).is_some_and(|heading| heading.range.start <= range.start && of_heading(&heading.text).is_some())
    };
    let found = spoken(desk, Word::Phase, "phase");
    for (number, range) in found {
        if in_heading(&range) {
            continue;
        }
        let draft = Draft { kind: ReferenceKind::Phase, text: desk.text(&range).to_owned(), target: format!("phase {number}"), range };
        if opened.contains(&number) {
            desk.add(draft, Verdict::Ok);
        } else if desk.strict {
            desk.broken(draft, "docs/missing-phase", format!("no heading of the document opens phase {number}"), None);
        } else {
            desk.add(draft, Verdict::unchecked("no heading opens it"));
        }
    }
}

/// The number of a heading such as `Phase 2 — Schemas`.
pub fn of_heading(heading: &str) -> Option<u64> {
    number_after(heading, 0, "phase").map(|(number, _)| number)
}

/// `Phase n` and `phase n`, with their places.
pub fn mentions(text: &str, base: usize) -> Vec<(u64, Bytes)> {
    let starts = text.match_indices("hase ").filter_map(|(at, _)| at.checked_sub(1).filter(|start| text.is_char_boundary(*start)));
    let found = starts.filter_map(|start| number_after(text, start, "phase"));
    found.map(|(number, range)| (number, base + range.start..base + range.end)).collect()
}
