//! Phases: `Phase 2` in text must be one that a heading of the same document opens.

use super::{
    census::{ReferenceKind, Verdict},
    desk::{Desk, Draft},
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
    for range in &document.texts {
        for (number, range) in mentions(desk.text(range), range.start) {
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
}

/// The number of a heading such as `Phase 2 — Schemas`.
pub fn of_heading(heading: &str) -> Option<u64> {
    mentions(heading, 0).into_iter().find(|(_, range)| range.start == 0).map(|(number, _)| number)
}

/// `Phase n` and `phase n`, with their places.
pub fn mentions(text: &str, base: usize) -> Vec<(u64, Bytes)> {
    let mut found = Vec::new();
    for (at, word) in text.match_indices("hase ") {
        let Some(start) = at.checked_sub(1).filter(|start| matches!(text.as_bytes()[*start], b'p' | b'P')) else { continue };
        let alone = !text[..start].ends_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_');
        let from = at + word.len();
        let digits = text[from..].bytes().take_while(u8::is_ascii_digit).count();
        let end = from + digits;
        let ends = !text[end..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
        if let Some(number) = text[from..end].parse().ok().filter(|_| alone && ends && digits <= 4) {
            found.push((number, base + start..base + end));
        }
    }
    found
}
