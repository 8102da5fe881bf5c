//! Ranges of pull requests against the tables of the same document: which ones declare what the tables list, and what is
//! missing there or too much.
//!
//! Prose names ranges for many reasons: a part that goes first, what was merged long ago, what a change depends on. So only the
//! one that covers the tables best declares them, together with the list that it stands in, and further ones that have nothing
//! in common with it. A row is called too much only by what introduces its table. A number that the text calls dropped is not
//! missing.

use super::{
    LONGEST_RANGE, numbers,
    scan::{Mention, Word},
    stand,
    tables::{DESTINATION, Row},
};
use crate::{
    domain::Finding,
    lockdown::{census::Verdict, desk::Desk},
    text::{constant::pattern, markdown::Bytes},
};
use regex::Regex;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::LazyLock,
};

/// How far two members of one list may stand apart, in bytes.
const MOST_BETWEEN: usize = 200;

/// How many sentences on one number are read for why it is not listed.
const MOST_TOLD: usize = 50;

/// What stands before a range that declares nothing.
static LEADS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:after|once|before|when|until|till|unless|if|since|while|needs?|requires?|on|for|by|from|in|like|unlike|with|without|than|follows?|besides|see|history)\W+(?:(?:all|both|top|the|of)\W+)*(?:PRs?\W+|pull\s+requests?\W+)?$",
    )
});

/// All that stands before a range that introduces what follows.
static INTRODUCES: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?:[\W\d]+|(?:the|all|these|those|our|of|open|following|remaining|queued|pending|merge|order|queue|PRs?|pull|requests?)\b)*$",
    )
});

/// A sentence that speaks of a part, or of the past.
static PARTLY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)\b(?:was|were|had|been|already|merged|landed|shipped|closed|done|first|last|then|rest|others?|only|each|part|belongs?)\b")
});

/// A sentence that says why a number is not listed.
static DROPPED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:except|without|exclud\w+|minus|other than|apart from|dropped|withdrawn|abandoned|closed|cancell?ed|superseded|replaced|skipped|skips?|reverted|omitted|left out|removed|no longer|not|never|already|merged|landed|shipped|duplicates?|gap|unused|was|were)\b|n['\u{2019}]t\b",
    )
});

/// What may stand between a list and the table that it declares.
static LEADS_ON: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?:[\W_]|(?:in|this|that|the|following|order|merge|merged|land|below|table|are|listed|to|be|must|with|their|dependenc(?:y|ies))\b)*$",
    )
});

/// Numbers one by one that make a list which declares something.
const FEWEST: usize = 3;

const LIST: &[&str] = &["and", "or", "plus", "also", "as", "well", "the", "pr", "prs", "pull", "request", "requests"];
const EXCEPT: &[&str] =
    &["except", "excepting", "excluding", "without", "minus", "but", "not", "save", "apart", "other", "less", "sans", "bar", "barring"];
const EXCEPT_TOO: &[&str] = &["for", "than", "from"];

/// Mentions that are read together, with at least one range or right above a table.
struct List<'m> {
    /// Those that count, then what is excepted.
    named: Vec<&'m Mention>,
    excepted: Vec<(u64, u64)>,
    range: Bytes,
}

impl List<'_> {
    fn has_range(&self) -> bool {
        self.named.iter().any(|mention| matches!(mention.word, Word::Range(..)))
    }

    fn spans(&self) -> impl Iterator<Item = (u64, u64)> {
        self.named.iter().map(|mention| span(mention))
    }

    fn is_lawful(&self) -> bool {
        self.spans().all(|(first, last)| first <= last && last - first < LONGEST_RANGE)
    }

    fn excepts(&self, number: u64) -> bool {
        holds(&self.excepted, number)
    }

    /// How many numbers it names.
    fn len(&self) -> u64 {
        let count = |(first, last): (u64, u64)| last.saturating_sub(first) + 1;
        self.spans().map(count).sum::<u64>().saturating_sub(self.excepted.iter().copied().map(count).sum())
    }
}

fn span(mention: &Mention) -> (u64, u64) {
    match mention.word {
        Word::One(number) => (number, number),
        Word::Range(first, last) => (first, last),
    }
}

fn holds(spans: &[(u64, u64)], number: u64) -> bool {
    spans.iter().any(|(first, last)| (*first..=*last).contains(&number))
}

/// The numbers of the rows, ascending, each once.
struct Listed(Vec<u64>);

impl Listed {
    fn of(rows: &[Row]) -> Listed {
        Listed(rows.iter().map(|row| row.number).collect::<BTreeSet<u64>>().into_iter().collect())
    }

    fn has(&self, number: u64) -> bool {
        self.0.binary_search(&number).is_ok()
    }

    fn count(&self, (first, last): (u64, u64)) -> u64 {
        let below = |limit: u64| self.0.partition_point(|number| *number < limit);
        below(last.saturating_add(1)).saturating_sub(below(first)) as u64
    }
}

/// `ranges`: every range of this repository with its reference, by where it starts.
pub fn check(desk: &mut Desk, mentions: &[Mention], ranges: &BTreeMap<usize, usize>, rows: &[Row]) {
    let listed = Listed::of(rows);
    let lists = if desk.strict && !rows.is_empty() { lists(desk, mentions) } else { Vec::new() };
    let declared = declared(desk, &lists, rows, &listed);
    let mut told: HashMap<u64, Vec<&Mention>> = HashMap::new();
    for mention in mentions.iter().filter(|mention| mention.repo.is_none() && !declared.is_empty()) {
        if let Word::One(number) = mention.word {
            told.entry(number).or_default().push(mention);
        }
    }
    let mut judged: BTreeSet<usize> = BTreeSet::new();
    for list in &declared {
        judged.extend(list.named.iter().map(|mention| mention.range.start));
        missing(desk, &told, ranges, list, &listed);
    }
    for (start, at) in ranges.iter().filter(|(start, _)| !judged.contains(start)) {
        let Ok(index) = mentions.binary_search_by_key(start, |mention| mention.range.start) else { continue };
        mere(desk, *at, &mentions[index], &listed);
    }
    extra(desk, mentions, &declared, rows);
}

/// A range that declares nothing: what is known of its ends.
fn mere(desk: &mut Desk, at: usize, mention: &Mention, listed: &Listed) {
    let (first, last) = span(mention);
    if last < first {
        let finding = Finding::error("docs/pull-missing", format!("#{first} to #{last} is no range"));
        desk.problem(Some(at), &mention.range, finding, None);
        return;
    }
    let pulls = &desk.library.facts.pulls;
    let known = [first, last].map(|number| pulls.exists(number));
    if let Some(wrong) = [first, last].into_iter().zip(&known).find_map(|(number, known)| (*known == Some(false)).then_some(number)) {
        let finding = Finding::error("docs/pull-unknown", format!("there is no pull request or issue #{wrong}"));
        desk.problem(Some(at), &mention.range, finding, None);
    } else if known == [Some(true); 2] || last - first < LONGEST_RANGE && listed.count((first, last)) == last - first + 1 {
        desk.set(at, Verdict::Ok);
    } else {
        let unread = if known[0].is_none() { first } else { last };
        desk.set(at, pulls.unchecked(unread));
    }
}

/// What prose lists together, outside of tables and code blocks.
fn lists<'m>(desk: &Desk, mentions: &'m [Mention]) -> Vec<List<'m>> {
    let document = desk.document;
    let apart = |at: usize| {
        let table = document.tables.partition_point(|table| table.range.start <= at);
        let fence = document.fences.partition_point(|fence| fence.range.start <= at);
        document.tables[..table].last().is_some_and(|table| at < table.range.end)
            || document.fences[..fence].last().is_some_and(|fence| at < fence.range.end)
    };
    let mut lists: Vec<List> = Vec::new();
    let mut excepting = false;
    for mention in mentions.iter().filter(|mention| mention.repo.is_none() && !mention.issue && !apart(mention.range.start)) {
        let joined = lists.last().and_then(|list| joined(desk, &(list.range.end..mention.range.start)));
        match (joined, lists.last_mut()) {
            (Some(except), Some(list)) => {
                excepting |= except;
                match excepting {
                    true => list.excepted.push(span(mention)),
                    false => list.named.push(mention),
                }
                list.range.end = mention.range.end;
            }
            _ => {
                excepting = false;
                lists.push(List { named: vec![mention], excepted: Vec::new(), range: mention.range.clone() });
            }
        }
    }
    lists.retain(|list| list.is_lawful() && (list.has_range() || list.named.len() >= FEWEST && is_above_a_table(desk, list)));
    lists
}

/// Whether a list without a range is all that is said above a table.
fn is_above_a_table(desk: &Desk, list: &List) -> bool {
    let tables = &desk.document.tables;
    let Some(table) = tables.get(tables.partition_point(|table| table.range.start < list.range.end)) else { return false };
    introduces(desk, list) && LEADS_ON.is_match(desk.text(&(list.range.end..table.range.start)))
}

/// Whether what stands between two mentions makes them one list; `Some(true)`: one without the second.
fn joined(desk: &Desk, between: &Bytes) -> Option<bool> {
    if between.len() > MOST_BETWEEN || desk.layout.item(between.start) != desk.layout.item(between.end) {
        return None;
    }
    let text = DESTINATION.replace(desk.text(between), "");
    let lawful = |c: char| c.is_alphanumeric() || c.is_whitespace() || ",&+/()[]*_`~".contains(c);
    let mut except = false;
    let mut others = false;
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let word = word.to_lowercase();
        except |= EXCEPT.contains(&word.as_str());
        others |= !LIST.contains(&word.as_str()) && !EXCEPT.contains(&word.as_str()) && !EXCEPT_TOO.contains(&word.as_str());
        others |= EXCEPT_TOO.contains(&word.as_str()) && !except;
    }
    (!others && text.chars().all(lawful)).then_some(except)
}

/// The lists that declare what the tables hold, the best first.
fn declared<'l, 'm>(desk: &Desk, lists: &'l [List<'m>], rows: &[Row], listed: &Listed) -> Vec<&'l List<'m>> {
    let overlap = |list: &List| list.spans().map(|span| listed.count(span)).sum::<u64>();
    let mut order: Vec<(u64, &List)> = lists.iter().map(|list| (overlap(list), list)).filter(|(overlap, _)| *overlap > 0).collect();
    order.sort_by_key(|(overlap, list)| (std::cmp::Reverse(*overlap), list.len(), list.range.start));
    // Disjoint ranges by their start.
    let mut taken: BTreeMap<u64, u64> = BTreeMap::new();
    let mut declared = Vec::new();
    for (overlap, list) in order {
        let whole = overlap == listed.0.len() as u64 && rows.first().is_some_and(|row| list.range.end < row.range.start);
        let sure = overlap * 2 > list.len() || whole && introduces(desk, list);
        let free = |(first, last): (u64, u64)| taken.range(..=last).next_back().is_none_or(|(_, end)| *end < first);
        if sure && list.spans().all(free) && !LEADS.is_match(before(desk, list)) {
            taken.extend(list.spans());
            declared.push(list);
        }
    }
    declared
}

fn before<'t>(desk: &Desk<'t, '_>, list: &List) -> &'t str {
    desk.text(&(desk.layout.sentence(list.range.start).start..list.range.start))
}

fn introduces(desk: &Desk, list: &List) -> bool {
    let sentence = desk.layout.sentence(list.range.start);
    INTRODUCES.is_match(before(desk, list)) && !PARTLY.is_match(desk.text(&(list.range.end..sentence.end.max(list.range.end))))
}

/// What is declared, but stands in no table.
fn missing(desk: &mut Desk, told: &HashMap<u64, Vec<&Mention>>, ranges: &BTreeMap<usize, usize>, list: &List, listed: &Listed) {
    // A number beside a range is declared with it only where nothing else is said of them.
    let after = desk.text(&(list.range.end..desk.source.text.len()));
    let around = |c: char| "[]*_`".contains(c);
    let enclosed = before(desk, list).trim_end_matches(around).ends_with('(') && after.trim_start_matches(around).starts_with(')');
    for mention in &list.named {
        let (first, last) = span(mention);
        let gaps = (first..=last).filter(|number| !listed.has(*number) && !list.excepts(*number));
        let gaps: Vec<u64> = gaps.filter(|number| !told.get(number).is_some_and(|told| is_dropped(desk, told))).collect();
        let at = ranges.get(&mention.range.start).copied();
        if gaps.is_empty() || at.is_none() && !enclosed && list.has_range() {
            continue;
        }
        let message = match at {
            Some(_) => {
                let all = last - first + 1;
                format!("#{first} to #{last} are {all} pull requests, but {} in no table: {}", stand(gaps.len()), numbers(&gaps))
            }
            None if list.has_range() => format!("#{first} is declared beside a range, but stands in no table"),
            None => format!("#{first} is declared above a table, but stands in none"),
        };
        let finding = Finding::error("docs/pull-missing", message).help("add their rows, or narrow the range");
        desk.problem(at, &mention.range, finding, None);
    }
}

/// Whether a sentence says why a number is not listed.
fn is_dropped(desk: &Desk, told: &[&Mention]) -> bool {
    told.iter().take(MOST_TOLD).any(|mention| DROPPED.is_match(desk.text(&desk.layout.sentence(mention.range.start))))
}

/// Rows below what introduces them, but outside of all that is declared.
fn extra(desk: &mut Desk, mentions: &[Mention], declared: &[&List], rows: &[Row]) {
    let mut taken: BTreeMap<u64, u64> = BTreeMap::new();
    declared.iter().for_each(|list| taken.extend(list.spans()));
    let is_declared = |number: u64| taken.range(..=number).next_back().is_some_and(|(_, end)| number <= *end);
    let mut sections: BTreeSet<usize> = BTreeSet::new();
    let mut inside: Vec<&List> = declared.iter().copied().filter(|list| introduces(desk, list)).collect();
    inside.sort_by_key(|list| list.range.start);
    for list in inside {
        let Some(section) = section(desk, list.range.start).filter(|section| sections.insert(section.start)) else { continue };
        let from = rows.partition_point(|row| row.range.start < section.start);
        let upto = rows.partition_point(|row| row.range.start < section.end);
        let rows = &rows[from..upto];
        let Some(first) = rows.first().filter(|row| list.range.end < row.range.start) else { continue };
        let spans: Vec<(u64, u64)> = list.spans().collect();
        let theirs = rows.iter().filter(|row| is_declared(row.number)).count();
        if theirs * 2 <= rows.len() {
            continue;
        }
        // What else the text says between here and the table, it says of them.
        let spoken = desk.layout.item(list.range.start).start..first.range.start;
        let upto = mentions.partition_point(|mention| mention.range.start < spoken.end);
        let since = mentions.partition_point(|mention| mention.range.start < spoken.start);
        let spoken: Vec<(u64, u64)> = mentions[since..upto].iter().map(span).collect();
        let shown: Vec<String> =
            spans.iter().map(|(first, last)| if first == last { format!("#{first}") } else { format!("#{first} to #{last}") }).collect();
        for row in rows.iter().filter(|row| !is_declared(row.number) && !holds(&spoken, row.number)) {
            let message = format!("#{} stands in a table, but lies outside of {}", row.number, shown.join(", "));
            let finding = Finding::error("docs/pull-extra", message).help("widen the range, or remove the row");
            desk.problem(None, &row.range, finding, None);
        }
    }
}

/// The section that a byte of its text lies in; `None`: it lies in a heading.
fn section(desk: &Desk, at: usize) -> Option<Bytes> {
    let headings = &desk.document.headings;
    let next = headings.partition_point(|heading| heading.range.start <= at);
    let Some(heading) = headings[..next].last() else { return Some(0..desk.source.text.len()) };
    let end = headings[next..].iter().find(|other| other.level <= heading.level).map_or(desk.source.text.len(), |other| other.range.start);
    (heading.range.end <= at).then_some(heading.range.end..end)
}
