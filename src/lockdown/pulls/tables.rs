//! Tables of pull requests: which rows there are, what each depends on, and in which phase it stands.

use super::scan::{Mention, Word};
use crate::{
    domain::Finding,
    lockdown::desk::Desk,
    text::{
        constant::pattern,
        markdown::{Bytes, Cell, Table},
    },
};
use regex::Regex;
use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

/// How many pull requests of one cell depend on what stands beside them.
const MOST_WITH_NEEDS: usize = 8;

/// How far above a table its introduction is read, in bytes.
const LONGEST_INTRODUCTION: usize = 2000;

static UNORDERED: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\b(?:any|no particular)\s+order\b"));

/// Where a link leads, between its text and what follows.
pub static DESTINATION: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\]\([^)]*\)"));

/// One pull request of a table; several may stand in one cell.
#[derive(Clone, Debug)]
pub struct Row {
    pub number: u64,
    /// The mention itself.
    pub range: Bytes,
    /// Number of the heading `Phase n` above, if any.
    phase: Option<u64>,
    needs: Vec<Need>,
    /// Where the table starts, if the text above says that the order of its rows means nothing.
    unordered: Option<usize>,
}

#[derive(Clone, Debug)]
struct Need {
    what: What,
    range: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Pull(u64),
    Phase(u64),
}

/// The rows of every table whose header names a column of pull requests.
pub fn rows(desk: &Desk, mentions: &[Mention]) -> Vec<Row> {
    let document = desk.document;
    document.tables.iter().flat_map(|table| rows_of(desk, table, mentions)).collect()
}

fn rows_of(desk: &Desk, table: &Table, mentions: &[Mention]) -> Vec<Row> {
    let column = |wanted: fn(&str) -> bool| table.header.iter().position(|cell| wanted(&cell.text.to_lowercase()));
    let Some(pulls) = column(|head| matches!(head.trim_end_matches('s'), "pr" | "pull request" | "pull" | "pr #" | "merge")) else {
        return Vec::new();
    };
    let needs = column(|head| {
        ["depend", "need", "require", "blocked by"].iter().any(|word| head.starts_with(word))
            || matches!(head, "after" | "deps" | "dependencies")
    });
    let phase = phase_above(desk, table.range.start);
    let unordered = is_unordered(desk, table).then_some(table.range.start);
    let mut rows = Vec::new();
    for row in &table.rows {
        let Some(cell) = row.get(pulls) else { continue };
        let mut needs = needs.and_then(|at| row.get(at)).map(|cell| needs_in(desk, cell, mentions)).unwrap_or_default();
        for (at, (number, range)) in listed(desk, cell, mentions).into_iter().enumerate() {
            if at == MOST_WITH_NEEDS {
                needs.clear();
            }
            rows.push(Row { number, range, phase, needs: needs.clone(), unordered });
        }
    }
    rows
}

/// Whether the text between a table and the heading above it says that the rows have no order.
fn is_unordered(desk: &Desk, table: &Table) -> bool {
    let headings = &desk.document.headings;
    let heading = headings[..headings.partition_point(|heading| heading.range.start < table.range.start)].last();
    let from = heading.map_or(0, |heading| heading.range.start).max(table.range.start.saturating_sub(LONGEST_INTRODUCTION));
    let from = (from..table.range.start).find(|at| desk.source.text.is_char_boundary(*at)).unwrap_or(table.range.start);
    UNORDERED.is_match(desk.text(&(from..table.range.start)))
}

/// The pull requests that a cell lists; no others that its words speak of after them.
fn listed(desk: &Desk, cell: &Cell, mentions: &[Mention]) -> Vec<(u64, Bytes)> {
    let mut listed = Vec::new();
    let mut end = None;
    for mention in inside(mentions, &cell.range).filter(|mention| mention.repo.is_none()) {
        let between = end.map_or("", |end| desk.text(&(end..mention.range.start)));
        let between = DESTINATION.replace_all(between, "");
        if between.split(|c: char| !c.is_alphanumeric()).any(|word| !word.is_empty() && word != "and") || between.contains('(') {
            break;
        }
        end = Some(mention.range.end);
        match mention.word {
            Word::One(number) => listed.push((number, mention.range.clone())),
            Word::Range(first, last) if last.saturating_sub(first) < 1000 => {
                listed.extend((first..=last).map(|number| (number, mention.range.clone())));
            }
            Word::Range(..) => {}
        }
    }
    listed
}

fn inside<'m>(mentions: &'m [Mention], range: &Bytes) -> impl Iterator<Item = &'m Mention> {
    let (start, end) = (range.start, range.end);
    let at = mentions.partition_point(|mention| mention.range.start < start);
    mentions[at..].iter().take_while(move |mention| mention.range.end <= end)
}

fn needs_in(desk: &Desk, cell: &Cell, mentions: &[Mention]) -> Vec<Need> {
    let mut needs: Vec<Need> = Vec::new();
    for mention in inside(mentions, &cell.range).filter(|mention| mention.repo.is_none()) {
        match mention.word {
            Word::One(number) => needs.push(Need { what: What::Pull(number), range: mention.range.clone() }),
            Word::Range(first, last) if last.saturating_sub(first) < 1000 => {
                needs.extend((first..=last).map(|number| Need { what: What::Pull(number), range: mention.range.clone() }));
            }
            Word::Range(..) => {}
        }
    }
    for (number, range) in crate::lockdown::phases::mentions(desk.text(&cell.range), cell.range.start) {
        needs.push(Need { what: What::Phase(number), range });
    }
    needs
}

/// The number of the nearest heading `Phase n` above.
fn phase_above(desk: &Desk, offset: usize) -> Option<u64> {
    let headings = &desk.document.headings;
    let at = headings.partition_point(|heading| heading.range.start < offset);
    let mut level = 7;
    // A heading of the same or a higher level ends the section of those before it.
    headings[..at].iter().rev().find_map(|heading| {
        if heading.level >= level {
            return None;
        }
        level = heading.level;
        crate::lockdown::phases::of_heading(&heading.text)
    })
}

/// Doublets, order and circles.
pub fn check(desk: &mut Desk, rows: &[Row]) {
    if !desk.strict {
        return;
    }
    let mut places: BTreeMap<u64, usize> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        if let Some(first) = places.insert(row.number, at).map(|first| places.insert(row.number, first).map_or(first, |_| first)) {
            let line = desk.source.text[..rows[first].range.start].matches('\n').count() + 1;
            let message = format!("#{} stands in a table already, in line {line}", row.number);
            desk.problem(None, &row.range, Finding::error("docs/pull-twice", message), None);
        }
    }
    for (at, row) in rows.iter().enumerate() {
        for need in &row.needs {
            if let Some(message) = out_of_order(rows, &places, at, row, need) {
                let finding = Finding::error("docs/pull-order", message).help("move the row, or mend what it depends on");
                desk.problem(None, &need.range, finding, None);
            }
        }
    }
    for circle in circles(rows, &places) {
        let names: Vec<String> = circle.iter().chain(circle.first()).map(|number| format!("#{number}")).collect();
        let row = &rows[places[&circle[0]]];
        let finding = Finding::error("docs/pull-cycle", format!("these depend on one another: {}", names.join(" \u{2192} ")));
        desk.problem(None, &row.range, finding, None);
    }
}

fn out_of_order(rows: &[Row], places: &BTreeMap<u64, usize>, at: usize, row: &Row, need: &Need) -> Option<String> {
    match need.what {
        What::Pull(number) if number == row.number => Some(format!("#{number} depends on itself")),
        What::Pull(number) => {
            let needed = &rows[*places.get(&number)?];
            match (needed.phase, row.phase) {
                (Some(theirs), Some(own)) if theirs > own => {
                    Some(format!("#{} of phase {own} depends on #{number}, which comes only in phase {theirs}", row.number))
                }
                _ if needed.unordered.is_some() && needed.unordered == row.unordered => None,
                _ if places[&number] > at => Some(format!("#{} depends on #{number}, which stands below it", row.number)),
                _ => None,
            }
        }
        What::Phase(phase) => row
            .phase
            .filter(|own| *own <= phase)
            .map(|own| format!("#{} of phase {own} depends on phase {phase}, which does not come before it", row.number)),
    }
}

/// Circles of dependencies, each told once, from its smallest number on.
fn circles(rows: &[Row], places: &BTreeMap<u64, usize>) -> Vec<Vec<u64>> {
    let needs = |number: u64| {
        let row = places.get(&number).map(|at| &rows[*at]);
        row.into_iter().flat_map(|row| &row.needs).filter_map(move |need| match need.what {
            What::Pull(needed) if needed != number => Some(needed),
            _ => None,
        })
    };
    // 1: on the way; 2: done.
    let mut seen: HashMap<u64, u8> = HashMap::new();
    let mut found: Vec<Vec<u64>> = Vec::new();
    for start in places.keys().copied() {
        if seen.contains_key(&start) {
            continue;
        }
        seen.insert(start, 1);
        let mut way: Vec<(u64, Vec<u64>)> = vec![(start, needs(start).collect())];
        while let Some((number, left)) = way.last_mut() {
            let number = *number;
            match left.pop() {
                None => {
                    seen.insert(number, 2);
                    way.pop();
                }
                Some(next) => match seen.get(&next) {
                    None => {
                        seen.insert(next, 1);
                        way.push((next, needs(next).collect()));
                    }
                    Some(1) => {
                        let from = way.iter().position(|(number, _)| *number == next).unwrap_or(0);
                        let mut circle: Vec<u64> = way[from..].iter().map(|(number, _)| *number).collect();
                        let smallest = circle.iter().enumerate().min_by_key(|(_, number)| **number).map_or(0, |(at, _)| at);
                        circle.rotate_left(smallest);
                        found.push(circle);
                    }
                    Some(_) => {}
                },
            }
        }
    }
    found
}
