//! Channels in tables, headings and sentences: each is one of the protocol, and a table or a set of headings leaves none out.
//!
//! A table with a column for each channel has two columns that are channels, or one and another that must be meant for one: its cells say what is
//! needed, as those of the channel do, and its name is like a channel that the table leaves out, or is written like one.
//! What stands in rows, headings and sentences is in [`named`]. Deliberately absent: columns of anything else, whatever they
//! are called.

mod named;

use super::{
    census::{ReferenceKind, Verdict},
    desk::{Desk, Draft, did_you_mean},
    numbered::inner,
};
use crate::{
    domain::Finding,
    gate::{Protocol, Setting},
    text::markdown::Table,
};
use std::collections::BTreeSet;

/// Words that say nothing but whether something is needed, beside those of gates.
const NEEDS: &[&str] = &[
    "-",
    "any",
    "n",
    "n/a",
    "needed",
    "no",
    "none",
    "not needed",
    "not required",
    "not set",
    "set",
    "unset",
    "x",
    "y",
    "yes",
    "\u{2705}",
    "\u{2713}",
    "\u{2714}",
    "\u{2717}",
    "\u{2718}",
    "\u{274c}",
];

/// Properties that a column may tell of beside channels, and environments that no release goes to.
const ORDINARY: &[&str] = &[
    "all",
    "always",
    "build",
    "ci",
    "comment",
    "comments",
    "default",
    "dev",
    "development",
    "everywhere",
    "local",
    "needed",
    "note",
    "notes",
    "optional",
    "other",
    "others",
    "owner",
    "presence",
    "public",
    "required",
    "rotation",
    "runtime",
    "scope",
    "secret",
    "sensitive",
    "status",
    "test",
    "testing",
    "tests",
    "type",
    "value",
];

/// Stages of releases that have these names everywhere.
const STAGES: &[&str] = &["alpha", "beta", "canary", "edge", "nightly", "pre-prod", "preprod", "preproduction", "uat"];

/// What the header of a column names.
enum Column {
    Channel,
    /// A channel that the protocol does not have, with the one that must be meant.
    Unknown(Option<String>),
    Other,
}

pub fn take(desk: &mut Desk, protocol: &Protocol) {
    let document = desk.document;
    let names: BTreeSet<&str> = protocol.channels.keys().map(|name| name.as_str()).collect();
    for table in &document.tables {
        let heads: Vec<&str> = table.header.iter().map(|cell| bare(&cell.text)).collect();
        let known = heads.iter().skip(1).filter(|head| names.contains(*head)).count();
        if known == 0 {
            continue;
        }
        let left_out: Vec<&str> = names.iter().copied().filter(|name| !heads.contains(name)).collect();
        let columns: Vec<Column> = (1..heads.len()).map(|at| column(desk, table, at, &heads, &names, &left_out)).collect();
        // One column may bear a channel's name by chance.
        if columns.iter().filter(|column| !matches!(column, Column::Other)).count() < 2 {
            continue;
        }
        let mut meant: BTreeSet<String> = BTreeSet::new();
        for ((cell, name), column) in table.header.iter().zip(&heads).skip(1).zip(columns) {
            let draft = || Draft {
                kind: ReferenceKind::Channel,
                text: cell.text.clone(),
                target: (*name).to_owned(),
                range: inner(desk, &cell.range),
            };
            match column {
                Column::Channel => drop(desk.add(draft(), Verdict::Ok)),
                Column::Unknown(near) => {
                    let draft = draft();
                    let help = near.as_deref().map(did_you_mean);
                    meant.extend(near);
                    desk.broken(draft, "docs/unknown-channel", format!("the protocol has no channel `{name}`"), help);
                }
                Column::Other => {}
            }
        }
        let missing: Vec<&str> = left_out.into_iter().filter(|name| !meant.contains(*name)).collect();
        if !missing.is_empty() {
            let range = table.header.first().map_or(table.range.clone(), |cell| cell.range.clone());
            let range = inner(desk, &range);
            let message = format!("the table has no column for {}", missing.join(", "));
            desk.problem(None, &range, Finding::error("docs/channel-missing", message), None);
        }
    }
    named::take(desk, protocol, &names);
}

fn column(desk: &mut Desk, table: &Table, at: usize, heads: &[&str], names: &BTreeSet<&str>, left_out: &[&str]) -> Column {
    let name = heads[at];
    if names.contains(name) {
        return Column::Channel;
    }
    let written = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-');
    let channels = || heads.iter().enumerate().skip(1).filter(|(_, head)| names.contains(*head));
    // Of two channels beside it nobody takes this for the name of anything else.
    if written && (name.contains('_') || STAGES.contains(&name)) && channels().count() > 1 {
        return Column::Unknown(desk.similar(name, names.iter()));
    }
    let needs = needs(table, at);
    let as_channels = needs != Needs::Other && channels().any(|(channel, _)| self::needs(table, channel) != Needs::Other);
    if !as_channels || name.contains(char::is_whitespace) {
        return Column::Other;
    }
    let near = short_for(name, left_out).or_else(|| desk.similar(&name.to_lowercase(), left_out.iter()));
    match near {
        Some(near) => Column::Unknown(Some(near)),
        None if written && needs == Needs::OfGates && !ORDINARY.contains(&name) => Column::Unknown(None),
        None => Column::Other,
    }
}

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// Nothing but words of need, one of them a word that gates have.
    OfGates,
    Words,
    Other,
}

fn needs(table: &Table, column: usize) -> Needs {
    let mut found = Needs::Other;
    for row in &table.rows {
        let Some(cell) = row.get(column) else { continue };
        let word = cell.text.trim_matches(|c: char| c.is_whitespace() || "`()*_".contains(c)).to_lowercase();
        found = match word.as_str() {
            word if Setting::ALL.iter().any(|setting| setting.slug() == word) => Needs::OfGates,
            "" | "-" | "\u{2013}" | "\u{2014}" => continue,
            word if !NEEDS.contains(&word) => return Needs::Other,
            _ if found == Needs::Other => Needs::Words,
            _ => continue,
        };
    }
    found
}

/// The one channel that this may be short for, by its first letters, one of its parts, or some of its letters.
fn short_for(name: &str, channels: &[&str]) -> Option<String> {
    let name = name.to_lowercase();
    if name.len() < 3 {
        return None;
    }
    let some_letters = |channel: &str| {
        let mut letters = channel.chars();
        channel.chars().next() == name.chars().next() && name.chars().all(|letter| letters.any(|other| other == letter))
    };
    let is = |channel: &&&str| name.starts_with(**channel) || channel.split(['_', '-']).any(|part| part == name) || some_letters(channel);
    let mut found = channels.iter().filter(is);
    found.next().filter(|_| found.next().is_none()).map(|channel| (*channel).to_owned())
}

fn bare(text: &str) -> &str {
    text.trim_matches('`').trim()
}
