//! Pull requests: `#312`, `owner/repo#3`, ranges such as `#305–#337`, and the tables that list them with what they depend on.
//!
//! Numbers and states come from [`Known`], what was recorded of the forge; without it a single number stays unchecked. What
//! the document says of itself is judged all the same: a declared range against the rows of its tables, doublets, order,
//! circles. A blank between two numbers is no range, and neither is `PR314A`.

mod declared;
pub(super) mod scan;
mod tables;

use super::{
    census::{ReferenceKind, Verdict},
    desk::{Desk, Draft},
};
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
    let mut ranges: BTreeMap<usize, usize> = BTreeMap::new();
    for mention in &mentions {
        let draft = Draft {
            kind: if mention.issue { ReferenceKind::Issue } else { ReferenceKind::Pull },
            text: desk.text(&mention.range).to_owned(),
            target: target(mention),
            range: mention.range.clone(),
        };
        match mention.word {
            _ if mention.repo.is_some() => drop(desk.add(draft, Verdict::unchecked(OTHER_REPOSITORY))),
            Word::One(number) => judge(desk, draft, number),
            Word::Range(..) => {
                let at = desk.add(draft, Verdict::Ok);
                ranges.insert(mention.range.start, at);
            }
        }
    }
    declared::check(desk, &mentions, &ranges, &rows);
    tables::check(desk, &rows);
}

fn target(mention: &Mention) -> String {
    let repo = mention.repo.as_deref().unwrap_or_default();
    match mention.word {
        Word::One(number) => format!("{repo}#{number}"),
        Word::Range(first, last) => format!("{repo}#{first}-#{last}"),
    }
}

/// A single number of this repository.
pub(super) fn judge(desk: &mut Desk, draft: Draft, number: u64) {
    match exists(desk, number) {
        Some(true) => drop(desk.add(draft, Verdict::Ok)),
        Some(false) => {
            let message = format!("there is no pull request or issue #{number}");
            desk.broken(draft, "docs/pull-unknown", message, None);
        }
        None => drop(desk.add(draft, Verdict::unchecked(NO_SOURCE))),
    }
}

/// Whether there is such a number; `None`: not known.
fn exists(desk: &Desk, number: u64) -> Option<bool> {
    let known = &desk.library.facts.pulls;
    if known.pulls.contains_key(&number) { Some(true) } else { known.complete.then_some(false) }
}

fn stand(count: usize) -> String {
    format!("{count} {}", if count == 1 { "stands" } else { "stand" })
}

fn numbers(list: &[u64]) -> String {
    let shown: Vec<String> = list.iter().take(MOST_SHOWN).map(|number| format!("#{number}")).collect();
    let more = if list.len() > MOST_SHOWN { ", …" } else { "" };
    shown.join(", ") + more
}
