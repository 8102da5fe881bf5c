//! Pull requests: `#312`, `owner/repo#3`, ranges such as `#305–#337`, and the tables that list them with what they depend on.
//!
//! Numbers and states come from [`Known`], what was recorded or asked of the forge; without it a single number stays unchecked. What
//! the document says of itself is judged all the same: a declared range against the rows of its tables, doublets, order,
//! circles. A blank between two numbers is no range, and neither is `PR314A`.

mod declared;
pub(super) mod scan;
mod tables;

use super::{
    census::{ReferenceKind, Verdict},
    desk::{Desk, Draft},
};
use crate::{
    domain::{Finding, Oid},
    gate::Unavailable,
};
use scan::{Mention, Word};
use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

/// Longer ranges are not expanded.
const LONGEST_RANGE: u64 = 10_000;

/// Of longer ranges the members are not looked at one by one.
pub(super) const LONGEST_LIST: u64 = 1_000;

/// How many numbers a finding lists.
const MOST_SHOWN: usize = 20;

const NO_SOURCE: &str = "nothing is recorded of pull requests";
const OTHER_REPOSITORY: &str = "in another repository";

/// What is known of pull requests and issues; an absent number is not known, unless `complete`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    pub pulls: BTreeMap<u64, Pull>,
    /// Every number there is is listed: what is not here does not exist.
    #[serde(default)]
    pub complete: bool,
    /// What a forge was asked and did not tell, whatever `complete` says. A file cannot say this.
    #[serde(skip)]
    pub unread: BTreeMap<u64, Unavailable>,
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
    /// Its last commit.
    #[serde(default)]
    pub head: Option<Oid>,
    /// The branch that it is for.
    #[serde(default)]
    pub base: Option<String>,
}

impl Known {
    /// Whether there is such a number; `None`: not known.
    pub fn exists(&self, number: u64) -> Option<bool> {
        match self.pulls.contains_key(&number) {
            true => Some(true),
            false if self.unread.contains_key(&number) => None,
            false => self.complete.then_some(false),
        }
    }

    pub fn state(&self, number: u64) -> Option<State> {
        self.pulls.get(&number).and_then(|pull| pull.state)
    }

    /// Why nothing can be judged of this number.
    fn unchecked(&self, number: u64) -> Verdict {
        match self.unread.get(&number) {
            Some(unavailable) => Verdict::Unchecked(format!("GitHub did not tell: {}", reason(unavailable)).into()),
            None => Verdict::unchecked(NO_SOURCE),
        }
    }

    /// One finding for each reason why the forge did not tell.
    pub fn unread_findings(&self) -> Vec<Finding> {
        let mut reasons: BTreeMap<(&str, &str), Vec<u64>> = BTreeMap::new();
        for (number, unavailable) in &self.unread {
            let detail = unavailable.detail.as_deref().unwrap_or_default();
            reasons.entry((&unavailable.why, detail)).or_default().push(*number);
        }
        let finding = |((why, _), list): (&(&str, &str), &Vec<u64>)| {
            let message = format!("what GitHub knows of {} could not be had: {}", numbers(list), reason(&self.unread[&list[0]]));
            Finding::error(format!("docs/{why}"), message)
        };
        reasons.iter().map(finding).collect()
    }
}

/// Why something is not known, in words.
fn reason(unavailable: &Unavailable) -> Cow<'_, str> {
    unavailable.detail.as_deref().map_or_else(|| unavailable.why.replace('-', " ").into(), Cow::Borrowed)
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
    /// What GitHub's REST API says of a pull request; `None`: nothing that is known.
    pub fn of_github(state: &str, merged: bool) -> Option<State> {
        match (state, merged) {
            ("open", false) => Some(State::Open),
            ("closed", true) => Some(State::Merged),
            ("closed", false) => Some(State::Closed),
            _ => None,
        }
    }

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
    let known = &desk.library.facts.pulls;
    match known.exists(number) {
        Some(true) => drop(desk.add(draft, Verdict::Ok)),
        Some(false) => {
            let message = format!("there is no pull request or issue #{number}");
            desk.broken(draft, "docs/pull-unknown", message, None);
        }
        None => {
            let verdict = known.unchecked(number);
            desk.add(draft, verdict);
        }
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
