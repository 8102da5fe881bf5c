//! Truth rules: a status word beside a pull request against its real state. An open one may not be called shipped, merged
//! or live; a merged one may not be called open.
//!
//! Only words right beside the number, or alone in a cell of its row, are taken for its status.

use super::{
    census::{ReferenceKind, Verdict},
    desk::{Desk, Draft},
    pulls::{
        State,
        scan::{Mention, Word},
    },
};
use crate::text::constant::pattern;
use crate::{domain::Finding, text::markdown::Bytes};
use regex::Regex;
use std::sync::LazyLock;

const NO_STATE: &str = "the state of the pull request is not known";

const DONE: &str = "shipped|merged|live|landed|released|deployed";
const OPEN: &str = "open|unmerged|in review|under review";

static AFTER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?i)^[)\]`*]*,?\s*(?:[(\[:\u{{2013}}\u{{2014}}-]\s*)?(?:(?:is|are|was|were|has|have|been|got|now|already|still|all)\s+){{0,3}}(?P<word>{DONE}|{OPEN})\b"
    ))
});
static BEFORE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(r"(?i)\b(?P<word>{DONE}|{OPEN})\s+(?:(?:in|with|by|via|as|PRs?|pull\s+requests?)\s+){{0,2}}[(\[`*]*$"))
});
static ALONE: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"(?i)^\W*(?P<word>{DONE}|{OPEN})\W*$")));
static NOT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\b(?:not|never|un|until|once|when|after|before|if|must be|to be)\s*(?:\w+\s*){0,2}$"));

pub fn take(desk: &mut Desk) {
    for mention in desk.mentions.clone() {
        if mention.repo.is_some() || mention.issue {
            continue;
        }
        for range in status(desk, &mention) {
            judge(desk, &mention, range);
        }
    }
}

/// The status words that speak of a mention.
fn status(desk: &Desk, mention: &Mention) -> Vec<Bytes> {
    let item = desk.layout.item(mention.range.start);
    let row = desk.text(&item);
    let mut found = Vec::new();
    if row.trim_start().starts_with('|') {
        // The first mention of a row is what the row is about.
        let first = desk.mentions.partition_point(|other| other.range.start < item.start);
        if desk.mentions.get(first) == Some(mention) {
            let mut at = item.start;
            for cell in row.split('|') {
                if let Some(word) = ALONE.captures(cell).and_then(|found| found.name("word")) {
                    found.push(at + word.start()..at + word.end());
                }
                at += cell.len() + 1;
            }
        }
    }
    let sentence = desk.layout.sentence(mention.range.start);
    let before = desk.text(&(sentence.start..mention.range.start));
    let after = desk.text(&(mention.range.end..sentence.end.max(mention.range.end)));
    if let Some(word) = BEFORE.captures(before).and_then(|found| found.name("word")).filter(|word| !NOT.is_match(&before[..word.start()])) {
        found.push(sentence.start + word.start()..sentence.start + word.end());
    }
    // “once #12 is merged” says nothing of today.
    let plain = !NOT.is_match(before);
    if let Some(word) = AFTER.captures(after).and_then(|found| found.name("word")).filter(|_| plain) {
        found.push(mention.range.end + word.start()..mention.range.end + word.end());
    }
    found
}

fn judge(desk: &mut Desk, mention: &Mention, range: Bytes) {
    let said = desk.text(&range).to_lowercase();
    let done = DONE.split('|').any(|word| word == said);
    let numbers = match mention.word {
        Word::One(number) => number..=number,
        Word::Range(first, last) if last.saturating_sub(first) < 1000 => first..=last,
        Word::Range(..) => return,
    };
    let known = &desk.library.facts.pulls;
    let states: Vec<(u64, Option<State>)> = numbers.map(|number| (number, known.pulls.get(&number).and_then(|pull| pull.state))).collect();
    let wrong = states.iter().find(|(_, state)| match state {
        Some(State::Merged) => !done,
        Some(State::Open) => done,
        // Closed without a merge is neither.
        Some(State::Closed) => true,
        None => false,
    });
    let draft = Draft {
        kind: ReferenceKind::Status,
        text: desk.text(&range).to_owned(),
        target: format!("{} {said}", desk.text(&mention.range)),
        range: range.clone(),
    };
    match wrong {
        Some((number, Some(state))) => {
            let message = format!("#{number} is called {said}, but it is {}", state.slug());
            if desk.strict {
                desk.broken(draft, "docs/untrue-status", message, None);
            } else {
                let at = desk.add(draft, Verdict::unchecked("not judged outside of protocol documents"));
                desk.problem(Some(at), &range, Finding::warning("docs/untrue-status", message), None);
            }
        }
        _ if states.iter().all(|(_, state)| state.is_some()) => drop(desk.add(draft, Verdict::Ok)),
        _ => drop(desk.add(draft, Verdict::unchecked(NO_STATE))),
    }
}
