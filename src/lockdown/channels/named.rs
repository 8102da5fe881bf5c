//! Channels by their name alone: in the rows of a table headed `Channel`, in headings (`Channel production`), and in code right
//! beside the word "channel".
//!
//! The word has other meanings, so an unknown name is an error only where it must be meant for a channel of the protocol:
//! among rows of such, in a heading that can mean nothing else, and where it is like one or is a usual stage of releases. A
//! marker says that it is of something else.

use super::{STAGES, bare};
use crate::{
    domain::Finding,
    gate::Protocol,
    lockdown::{
        census::{ReferenceKind, Verdict},
        columns,
        desk::{Desk, Draft, did_you_mean},
        extract::spans::Span,
        numbered::{NUMBER, inner},
    },
    text::{
        constant::pattern,
        markdown::{Bytes, Cell},
    },
};
use regex::Regex;
use std::{collections::BTreeSet, sync::LazyLock};

const PERHAPS: &str = "the protocol has no such channel, but it may be one of something else";

/// Rows for more than one channel, or for none.
const ALL: &[&str] = &["all", "any", "both", "each", "every"];
const NONE: &[&str] = &["", "-", "\u{2013}", "\u{2014}", "n/a", "none", "other", "others"];

static OF_HEADING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)^(?:(?:release|runtime)\s+)?channel(?P<mark>\s*[:\u{2013}\u{2014}]\s*|\s+-\s+|\s+)(?P<name>[a-z0-9_-]+)$")
});
static BEHIND: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)^(?P<name>[a-z0-9_-]+)\s+channel$"));

pub fn take(desk: &mut Desk, protocol: &Protocol, names: &BTreeSet<&str>) {
    // One without a tag is only verified on, and need not be spoken of.
    let wanted: BTreeSet<&str> =
        protocol.channels.iter().filter(|(_, channel)| channel.tag.is_some()).map(|(name, _)| name.as_str()).collect();
    rows(desk, protocol, names, &wanted);
    headings(desk, names, &wanted);
    sentences(desk, names);
}

/// The channel that is called so, in any case and with blanks for marks.
fn known<'n>(names: &BTreeSet<&'n str>, said: &str) -> Option<&'n str> {
    let said = said.to_lowercase();
    let with = |mark: &str| names.get(said.replace(' ', mark).as_str()).copied();
    with("_").or_else(|| with("-"))
}

fn is_written_like_one(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') && name.chars().any(char::is_alphabetic)
}

fn judge(desk: &mut Desk, names: &BTreeSet<&str>, said: &str, range: Bytes) {
    let target = known(names, said).map_or_else(|| said.to_owned(), str::to_owned);
    let draft = Draft { kind: ReferenceKind::Channel, text: desk.text(&range).to_owned(), target, range };
    if names.contains(draft.target.as_str()) {
        desk.add(draft, Verdict::Ok);
    } else {
        let help = desk.similar(&said.to_lowercase(), names.iter()).map(|name| did_you_mean(&name));
        desk.broken(draft, "docs/unknown-channel", format!("the protocol has no channel `{said}`"), help);
    }
}

/// Tables with a row for each channel.
fn rows(desk: &mut Desk, protocol: &Protocol, names: &BTreeSet<&str>, wanted: &BTreeSet<&str>) {
    let document = desk.document;
    for table in &document.tables {
        let head = |at: usize| table.header.get(at).map(|cell| bare(&cell.text).to_lowercase()).unwrap_or_default();
        let column = usize::from(NUMBER.contains(&head(0).as_str()));
        if !matches!(head(column).as_str(), "channel" | "channels" | "release channel" | "runtime channel") {
            continue;
        }
        let cells = table.rows.iter().filter_map(|row| row.get(column));
        let said: Vec<(String, Bytes)> = cells.flat_map(|cell| parts(desk, cell)).collect();
        let held: BTreeSet<&str> = said.iter().filter_map(|(name, _)| known(names, name)).collect();
        let strange = said.iter().filter(|(name, _)| known(names, name).is_none() && !is_of_many(name)).count();
        if held.is_empty() || strange > said.len() - strange {
            continue;
        }
        for (name, range) in &said {
            if known(names, name).is_some() || !is_of_many(name) && is_written_like_one(name) {
                judge(desk, names, name, range.clone());
            }
        }
        for row in &table.rows {
            let named: Vec<&str> =
                row.get(column).into_iter().flat_map(|cell| parts(desk, cell)).filter_map(|(name, _)| known(names, &name)).collect();
            // A row of several channels speaks of them together.
            if let [name] = named[..]
                && let Some((name, channel)) = protocol.channels.iter().find(|(channel, _)| channel.as_str() == name)
            {
                columns::of_channel(desk, protocol, table, row, name, channel);
            }
        }
        let missing: Vec<&str> = wanted.iter().copied().filter(|name| !held.contains(name)).collect();
        if held.len() > 1 && !missing.is_empty() && strange < missing.len() && !said.iter().any(|(name, _)| is_of_many(name)) {
            let range = inner(desk, &table.header[column].range);
            let message = format!("the table has no row for {}", missing.join(", "));
            desk.problem(None, &range, Finding::error("docs/channel-missing", message), None);
        }
    }
}

fn is_of_many(name: &str) -> bool {
    ALL.iter().any(|word| name.eq_ignore_ascii_case(word) || name.to_lowercase().starts_with(&format!("{word} ")))
}

/// The names of a cell, without what stands in parentheses behind them.
fn parts(desk: &Desk, cell: &Cell) -> Vec<(String, Bytes)> {
    let whole = inner(desk, &cell.range);
    let parts: Vec<&str> = cell.text.split(&[',', '/'][..]).flat_map(|part| part.split(" and ")).collect();
    let one = parts.len() == 1;
    let mut from = 0;
    let placed = |part: &str| {
        let name = bare(part.split('(').next().unwrap_or_default().trim());
        if NONE.iter().any(|none| name.eq_ignore_ascii_case(none)) {
            return None;
        }
        let range = match desk.text(&whole)[from..].find(name).filter(|_| !one) {
            Some(at) => {
                let start = whole.start + from + at;
                from += at + name.len();
                start..start + name.len()
            }
            None => whole.clone(),
        };
        Some((name.to_owned(), range))
    };
    parts.into_iter().filter_map(placed).collect()
}

fn headings(desk: &mut Desk, names: &BTreeSet<&str>, wanted: &BTreeSet<&str>) {
    let document = desk.document;
    let mut held: BTreeSet<&str> = BTreeSet::new();
    let mut first = None;
    let mut strange = false;
    for heading in &document.headings {
        let Some(found) = OF_HEADING.captures(&heading.text).or_else(|| BEHIND.captures(&heading.text)) else { continue };
        let name = found.name("name").map_or("", |name| name.as_str());
        let range = &heading.range;
        if let Some(channel) = known(names, name) {
            judge(desk, names, name, range.clone());
            if found.name("mark").is_some() {
                held.insert(channel);
                first.get_or_insert_with(|| range.clone());
            }
            continue;
        }
        let marked = found.name("mark").is_some_and(|mark| !mark.as_str().trim().is_empty());
        let code = desk.text(range).contains(&format!("`{name}`"));
        let lower = name.to_lowercase();
        if marked || code || STAGES.contains(&lower.as_str()) || desk.similar(&lower, names.iter()).is_some() {
            strange = true;
            judge(desk, names, name, range.clone());
        }
    }
    let missing: Vec<&str> = wanted.iter().copied().filter(|name| !held.contains(name)).collect();
    if let Some(range) = first.filter(|_| held.len() > 1 && !strange && !missing.is_empty()) {
        let message = format!("other channels have a heading here, but not {}", missing.join(", "));
        desk.problem(None, &range, Finding::error("docs/channel-missing", message), None);
    }
}

/// Names in code right before or behind the word.
fn sentences(desk: &mut Desk, names: &BTreeSet<&str>) {
    let document = desk.document;
    let source = desk.source;
    let mut found: Vec<(String, Bytes, bool)> = Vec::new();
    for (code, span) in document.codes.iter().zip(&desk.spans) {
        let Span::Name(name) = span else { continue };
        if !is_written_like_one(name) || name.chars().any(|c| c.is_ascii_uppercase()) {
            continue;
        }
        let (before, behind) = (source.text[..code.range.start].trim_end(), source.text[code.range.end..].trim_start());
        let word = |text: Option<&str>| text.is_some_and(|text| text.eq_ignore_ascii_case("channel"));
        let in_front = before.len() < code.range.start
            && word(before.len().checked_sub(7).and_then(|at| before.get(at..)))
            && !before[..before.len() - 7].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-');
        let after = word(behind.get(..7)) && !behind[7..].starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-');
        let heading = document.headings.partition_point(|heading| heading.range.end < code.range.end);
        let in_heading = document.headings.get(heading).is_some_and(|heading| heading.range.start <= code.range.start);
        if (in_front || after) && !in_heading {
            found.push((name.clone(), code.content.clone(), in_front));
        }
    }
    for (name, range, in_front) in found {
        if names.contains(name.as_str()) || STAGES.contains(&name.as_str()) || desk.similar(&name, names.iter()).is_some() {
            judge(desk, names, &name, range);
        } else if in_front {
            let draft = Draft { kind: ReferenceKind::Channel, text: name.clone(), target: name, range };
            desk.add(draft, Verdict::unchecked(PERHAPS));
        }
    }
}
