//! Pull requests: `#312`, `owner/repo#3`, ranges such as `#305–#337`, and the tables that list them with what they depend on.
//!
//! Numbers and states come from [`Known`], what was recorded of the forge; without it a single number stays unchecked. What
//! the document says of itself is judged all the same: a declared range against the rows of its tables, doublets, order,
//! circles. A blank between two numbers is no range, and neither is `PR314A`.

pub(super) mod scan;
mod tables;

use super::{
    census::{ReferenceKind, Verdict},
    desk::{Desk, Draft},
};
use crate::domain::Finding;
use scan::{Mention, Word};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Longer ranges are not expanded.
const LONGEST_RANGE: u64 = 10_000;

/// How many numbers a finding lists.
const MOST_SHOWN: usize = 20;

const NO_SOURCE: &str = "nothing is recorded of pull requests";
const OTHER_REPOSITORY: &str = "in another repository";

/// What is known of pull requests and issues; an absent number is not known, unless `complete`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    pub pulls: BTreeMap<u64, Pull>,
    /// Every number there is is listed: what is not here does not exist.
    #[serde(default)]
    pub complete: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pull {
    /// `None`: it exists, but its state is not known.
    #[serde(default)]
    pub state: Option<State>,
    /// Paths that its head holds and that it touches; `None`: not recorded.
    #[serde(default)]
    pub files: Option<BTreeSet<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Open,
    Merged,
    /// Without having been merged.
    Closed,
}

impl State {
    pub const fn slug(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Merged => "merged",
            State::Closed => "closed",
        }
    }
}

pub(super) fn take(desk: &mut Desk) {
    let mentions = desk.mentions.clone();
    let rows = tables::rows(desk, &mentions);
    let mut ranges = Vec::new();
    for mention in &mentions {
        let draft = Draft {
            kind: if mention.issue { ReferenceKind::Issue } else { ReferenceKind::Pull },
            text: desk.text(&mention.range).to_owned(),
            target: target(mention),
            range: mention.range.clone(),
        };
        match mention.word {
            Word::One(number) => one(desk, draft, mention, number),
            Word::Range(first, last) => {
                let at = desk.add(draft, Verdict::Ok);
                ranges.push((at, mention.clone(), first, last));
            }
        }
    }
    // A range that is a row itself is listed by nothing else.
    let own: BTreeSet<usize> = rows.iter().map(|row| row.range.start).collect();
    for (at, mention, first, last) in &ranges {
        if own.contains(&mention.range.start) {
            desk.set(*at, Verdict::unchecked(NO_SOURCE));
        } else {
            range(desk, *at, mention, (*first, *last), &rows);
        }
    }
    // What a row depends on says nothing of which rows there are.
    let of_rows: BTreeSet<usize> = rows.iter().flat_map(tables::Row::needed).chain(own).collect();
    let declared = ranges.iter().filter(|(_, mention, first, last)| first <= last && !of_rows.contains(&mention.range.start));
    extra(desk, &declared.map(|(_, _, first, last)| (*first, *last)).collect::<Vec<_>>(), &rows);
    tables::check(desk, &rows);
}

fn target(mention: &Mention) -> String {
    let repo = mention.repo.as_deref().unwrap_or_default();
    match mention.word {
        Word::One(number) => format!("{repo}#{number}"),
        Word::Range(first, last) => format!("{repo}#{first}-#{last}"),
    }
}

fn one(desk: &mut Desk, draft: Draft, mention: &Mention, number: u64) {
    if mention.repo.is_some() {
        desk.add(draft, Verdict::unchecked(OTHER_REPOSITORY));
    } else {
        judge(desk, draft, number);
    }
}

/// A single number of this repository.
pub(super) fn judge(desk: &mut Desk, draft: Draft, number: u64) {
    let known = &desk.library.facts.pulls;
    if known.pulls.contains_key(&number) {
        desk.add(draft, Verdict::Ok);
    } else if known.complete {
        let message = format!("there is no pull request or issue #{number}");
        desk.broken(draft, "docs/pull-unknown", message, None);
    } else {
        desk.add(draft, Verdict::unchecked(NO_SOURCE));
    }
}

/// A declared range against the rows of the document's own tables.
fn range(desk: &mut Desk, at: usize, mention: &Mention, (first, last): (u64, u64), rows: &[tables::Row]) {
    if last < first {
        let finding = Finding::error("docs/pull-missing", format!("#{first} to #{last} is no range"));
        desk.problem(Some(at), &mention.range, finding, None);
        return;
    }
    if rows.is_empty() || !desk.strict || last - first >= LONGEST_RANGE {
        desk.set(at, Verdict::unchecked(NO_SOURCE));
        return;
    }
    let listed: BTreeSet<u64> = rows.iter().map(|row| row.number).collect();
    let missing: Vec<u64> = (first..=last).filter(|number| !listed.contains(number)).collect();
    if missing.is_empty() {
        return;
    }
    let all = last - first + 1;
    let message = format!("#{first} to #{last} are {all} pull requests, but {} in no table: {}", stand(missing.len()), numbers(&missing));
    let finding = Finding::error("docs/pull-missing", message).help("add their rows, or narrow the range");
    desk.problem(Some(at), &mention.range, finding, None);
}

/// Rows outside of everything that the document declares.
fn extra(desk: &mut Desk, ranges: &[(u64, u64)], rows: &[tables::Row]) {
    if ranges.is_empty() || !desk.strict {
        return;
    }
    for row in rows.iter().filter(|row| !ranges.iter().any(|(first, last)| (*first..=*last).contains(&row.number))) {
        let declared: Vec<String> = ranges.iter().map(|(first, last)| format!("#{first} to #{last}")).collect();
        let message = format!("#{} stands in a table, but lies outside of {}", row.number, declared.join(", "));
        let finding = Finding::error("docs/pull-extra", message).help("widen the range, or remove the row");
        desk.problem(None, &row.range, finding, None);
    }
}

fn stand(count: usize) -> String {
    format!("{count} {}", if count == 1 { "stands" } else { "stand" })
}

fn numbers(list: &[u64]) -> String {
    let shown: Vec<String> = list.iter().take(MOST_SHOWN).map(|number| format!("#{number}")).collect();
    let more = if list.len() > MOST_SHOWN { ", …" } else { "" };
    shown.join(", ") + more
}
