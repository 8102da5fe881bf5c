//! Truth rules: a status word beside a pull request against its real state. An open one may not be called shipped, merged,
//! live or closed; a merged one may not be called open or not merged.
//!
//! Only words right beside the number, or beside a list that it stands in, or alone in a cell of its row, are taken for its
//! status. Questions, conditions, orders ("#12 is merged first") and boxes to tick claim nothing.

use super::{
    census::{ReferenceKind, Verdict},
    desk::{Desk, Draft},
    pulls::{
        LONGEST_LIST, State,
        scan::{Mention, Word},
    },
};
use crate::text::constant::pattern;
use crate::{domain::Finding, text::markdown::Bytes};
use regex::Regex;
use std::sync::LazyLock;

const NO_STATE: &str = "the state of the pull request is not known";

/// How far two members of one list may stand apart, in bytes.
const MOST_BETWEEN: usize = 200;

const DONE: &str = "shipped|merged|live|landed|released|deployed";
const OPEN: &str = "open|unmerged|in review|under review";

/// Behind a number: `plural` where it speaks of the whole list, `not` where it denies.
static AFTER: LazyLock<Regex> = LazyLock::new(|| {
    let close = r"^(?:\]\([^)\s]*\))?[)\]`*_]*,?\s*(?:[(\[:\u{2013}\u{2014}-]\s*)?[*_`]*";
    let verbs = r"(?:(?:is|are|was|were|has|have|been|got|went|gone|now|already|still|all|both|just)[\s*_`]+)";
    let be = r"(?:(?:is|are|was|were|has|have|been|now|already|still|all|both)[\s*_`]+)";
    let deny = r"(?:is|are|has|have)(?:n['\u{2019}]t|\s+not)\s+(?:yet\s+|been\s+){0,2}";
    let denied = r"\s*(?:yet|so far)?[*_`]*(?:[.,;:)\]|]|$)";
    pattern(&format!(
        r"(?i){close}(?P<verbs>{verbs}{{0,4}})(?:(?P<word>{DONE}|{OPEN})|(?:{be}{{1,3}})(?P<more>in production|closed))\b|{close}(?P<not>{deny}(?:merged|landed)){denied}"
    ))
});
/// Before a number: `all` where it heads the whole list.
static BEFORE: LazyLock<Regex> = LazyLock::new(|| {
    let pulls = r"(?:(?:in|with|by|via|as|PRs?|pull\s+requests?)\s+){0,2}";
    let head = r"(?:\s+(?:PRs?|pull\s+requests?))?[*_`]*:[*_`]*\s*";
    pattern(&format!(r"(?i)\b(?P<word>{DONE}|{OPEN})(?:(?P<all>{head}|\s+(?:PRs|pull\s+requests)\s+)|\s+{pulls})[(\[`*_]*$"))
});
static ALONE: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"(?i)^\W*(?P<word>{DONE}|{OPEN}|closed)\W*$")));
static NOT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)\b(?:not|never|un|nor\b|none\b|neither|until|once|when|after|before|if|must be|to be|be\b)\s*(?:\w+\s*){0,2}$")
});
/// Words that open a condition or an order: what they are followed by claims nothing.
static PERHAPS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:if|once|when|whenever|after|before|until|till|unless|whether|neither|nor|assum\w+|suppos\w+|provided|should|would|could|may|might|must|as soon as|in case|by the time|wait\w*|expect\w*|needs?|requires?|check|verify|confirm|ensure|make sure|assert|let)\b",
    )
});
/// What follows a status that tells when or how it comes about.
static ORDERED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^[*_`]*\s+(?:first|last|next|second|third|before|after|when|once|only|by|as|if|with|then|together|later|separately|unless|until|automatically|manually|in (?:the )?(?:\w+ )?(?:phase|step|wave|round|stage|order))\b",
    )
});
/// Only a word of this kind before it makes "open #12" a claim and no order.
static CALLED: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\b(?:the|an?|still|currently|our|other)\s+$"));
/// Where a list ends, a preposition before it may take its first number: "unlike #1, #2 and #3 are merged".
static TAKES: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:of|on|for|with|by|unlike|like|than|in|to|from|besides|despite|without|except|per|via|under|over|against|since|that|and|or|but|as|see|into|at)\W+(?:(?:the|PRs?|pull\s+requests?)\W+){0,2}$",
    )
});
static JOINED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)^(?:\]\([^)\s]*\))?[)\]`*_]*\s*(?:,\s*and\b|,|and\b|&|/|\+|as well as\b)\s*(?:(?:PRs?|pull\s+requests?)\s+)?[(\[`*_]*$")
});

pub fn take(desk: &mut Desk) {
    let mentions = desk.mentions.clone();
    // The first and the last of the list that each one stands in.
    let joined: Vec<bool> = mentions.windows(2).map(|two| is_joined(desk, &two[0], &two[1])).collect();
    let mut first = 0;
    let mut lists: Vec<(usize, usize)> = Vec::with_capacity(mentions.len());
    for at in 0..mentions.len() {
        if !joined.get(at).is_some_and(|joined| *joined) {
            lists.extend((first..=at).map(|_| (first, at)));
            first = at + 1;
        }
    }
    for (at, (first, last)) in lists.into_iter().enumerate() {
        let mention = &mentions[at];
        if mention.repo.is_some() || mention.issue {
            continue;
        }
        for said in status(desk, mention, &mentions[first], &mentions[last]) {
            judge(desk, mention, said);
        }
    }
}

fn is_joined(desk: &Desk, one: &Mention, other: &Mention) -> bool {
    let between = one.range.end..other.range.start;
    between.len() <= MOST_BETWEEN
        && JOINED.is_match(desk.text(&between))
        && desk.layout.item(one.range.start) == desk.layout.item(between.end)
}

/// What is said of a pull request.
struct Said {
    range: Bytes,
    denied: bool,
}

/// What is said of a mention, which stands in a list from `first` to `last`.
fn status(desk: &Desk, mention: &Mention, first: &Mention, last: &Mention) -> Vec<Said> {
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
                    found.push(Said { range: at + word.start()..at + word.end(), denied: false });
                }
                at += cell.len() + 1;
            }
        }
    }
    let sentence = desk.layout.sentence(mention.range.start);
    let whole = desk.text(&sentence);
    if whole.trim_end_matches(|c: char| c.is_whitespace() || ")*_`\"\u{201d}".contains(c)).ends_with('?') || is_to_do(row) {
        return found;
    }
    // Of a list that starts too far away, the nearest number is all that is spoken of.
    let before = |start: usize| desk.text(&(sentence.start..start.max(sentence.start)));
    if let Some(heads) = BEFORE.captures(before(first.range.start))
        && let Some(word) = heads.name("word")
        && (mention == first || heads.name("all").is_some())
    {
        let ahead = &before(first.range.start)[..word.start()];
        let order = word.as_str().eq_ignore_ascii_case("open") && !heads[0].contains(':') && !CALLED.is_match(ahead);
        if !order && !NOT.is_match(ahead) {
            found.push(Said { range: sentence.start + word.start()..sentence.start + word.end(), denied: false });
        }
    }
    let after = desk.text(&(last.range.end..sentence.end.max(last.range.end)));
    let Some(said) = AFTER.captures(after) else { return found };
    let ahead = before(first.range.start);
    let plural = ["are ", "were ", "have "].iter().any(|verb| said[0].to_lowercase().contains(verb));
    let whole_list = (plural || ahead.trim_end().to_lowercase().ends_with("both")) && !TAKES.is_match(ahead);
    // "once #12 is merged" says nothing of today.
    let claimed = !NOT.is_match(before(mention.range.start)) && !PERHAPS.is_match(before(mention.range.start));
    let Some(word) = said.name("word").or(said.name("more")).or(said.name("not")) else { return found };
    let behind = &after[word.end()..];
    let now = !["been ", "was ", "were "].iter().any(|verb| said[0].to_lowercase().contains(verb));
    let asked = behind.trim_start_matches(|c: char| ")]*_`\" ".contains(c)).starts_with('?');
    if (mention == last || whole_list) && claimed && !asked && !(now && ORDERED.is_match(behind)) {
        let range = last.range.end + word.start()..last.range.end + word.end();
        found.push(Said { range, denied: said.name("not").is_some() });
    }
    found
}

/// A box that nobody ticked yet.
fn is_to_do(item: &str) -> bool {
    item.trim_start().trim_start_matches(['-', '*', '+', '>', ' ']).starts_with("[ ]")
}

fn judge(desk: &mut Desk, mention: &Mention, said: Said) {
    let Said { range, denied } = said;
    let word = desk.text(&range).to_lowercase();
    let said = match denied {
        true => format!("not {}", word.rsplit(char::is_whitespace).next().unwrap_or_default()),
        false => word,
    };
    let open = denied || OPEN.split('|').any(|word| word == said);
    let numbers = match mention.word {
        Word::One(number) => number..=number,
        Word::Range(first, last) if last.saturating_sub(first) < LONGEST_LIST => first..=last,
        Word::Range(..) => return,
    };
    let known = &desk.library.facts.pulls;
    let states: Vec<(u64, Option<State>)> = numbers.map(|number| (number, known.state(number))).collect();
    let wrong = states.iter().find(|(_, state)| match state {
        Some(State::Merged) => open,
        Some(State::Open) => !open,
        // Closed without a merge is neither merged nor open.
        Some(State::Closed) => !denied && said != "closed" && said != "unmerged",
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
