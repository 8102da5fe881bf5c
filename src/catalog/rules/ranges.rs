//! Ranges: the rows of a table say where each begins and ends. They lie apart or inside one another; two that overlap in part, and two
//! that are the same, are wrong.
//!
//! As `prefixes` a row speaks of everything that begins with its digits, so that six digits hold eight; as `numbers` of the numbers
//! themselves. A row without an end is a range of one.
//!
//! Deliberately absent: gaps between ranges, which are no error.

use super::{Rule, Text};
use crate::{
    catalog::document::Document,
    domain::Finding,
    text::{collect::Collector, located},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// Digits of the longest bound.
const MAX_DIGITS: usize = 30;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRanges {
    /// The column, or the key of each row, that says where the range begins.
    pub start: Text,
    /// The one that says where it ends, itself included.
    pub end: Option<Text>,
    /// prefixes or numbers; numbers where absent.
    #[serde(rename = "as")]
    pub sort: Option<Text>,
    /// Whether the rows are in the order of where they begin.
    #[serde(default)]
    pub sorted: bool,
}

pub struct Ranges {
    start: String,
    end: Option<String>,
    prefixes: bool,
    sorted: bool,
}

pub(super) fn read(check: &mut Collector, raw: &RawRanges) -> Option<Ranges> {
    let prefixes = match &raw.sort {
        Some(word) => check.word(word, &[("prefixes", true), ("numbers", false)])?,
        None => false,
    };
    let end = raw.end.as_ref().map(|end| end.value.clone());
    Some(Ranges { start: raw.start.value.clone(), end, prefixes, sorted: raw.sorted })
}

struct Row {
    at: usize,
    start: String,
    end: String,
    low: u128,
    high: u128,
}

impl Ranges {
    pub(in crate::catalog) fn check(&self, rule: &Rule, document: &Document) -> Vec<Finding> {
        let Value::Array(items) = &document.located.value else {
            return vec![rule.finding_at(document, "", "catalog/bad-range", "this is not a list of rows, so it has no ranges")];
        };
        let mut findings = Vec::new();
        let mut rows: Vec<Row> = (0..items.len()).filter_map(|at| self.row(rule, document, at, &mut findings)).collect();
        if self.prefixes {
            let width = rows.iter().map(|row| row.start.len()).max().unwrap_or(0);
            for row in &mut rows {
                let factor = 10u128.pow((width - row.start.len()) as u32);
                (row.low, row.high) = (row.low * factor, (row.high + 1) * factor - 1);
            }
        }
        if self.sorted {
            for pair in rows.windows(2) {
                if pair[1].low < pair[0].low {
                    let message = format!("{} is behind {}, so the rows are not sorted", shown(&pair[1]), shown(&pair[0]));
                    findings.push(rule.finding_at(document, &self.pointer(pair[1].at, &self.start), "catalog/unsorted", message));
                }
            }
        }
        // The widest of those that begin together comes first, so that what is inside it comes behind it.
        rows.sort_by_key(|row| (row.low, u128::MAX - row.high, row.at));
        let mut open: Vec<&Row> = Vec::new();
        for row in &rows {
            while open.last().is_some_and(|other| other.high < row.low) {
                open.pop();
            }
            let Some(around) = open.last() else {
                open.push(row);
                continue;
            };
            let what = if row.low == around.low && row.high == around.high {
                Some("is the same range as")
            } else if row.high > around.high {
                Some("overlaps in part")
            } else {
                None
            };
            if let Some(what) = what {
                let (later, earlier) = if row.at > around.at { (row, *around) } else { (*around, row) };
                let other = document.row(&format!("/{}", earlier.at)).unwrap_or(earlier.at);
                let message = format!("{} {what} {} of row {other}", shown(later), shown(earlier));
                findings.push(rule.finding_at(document, &self.pointer(later.at, &self.start), "catalog/overlap", message));
            }
            open.push(row);
        }
        findings
    }

    fn pointer(&self, at: usize, key: &str) -> String {
        let mut pointer = format!("/{at}");
        located::push(&mut pointer, key);
        pointer
    }

    fn row(&self, rule: &Rule, document: &Document, at: usize, findings: &mut Vec<Finding>) -> Option<Row> {
        let mut bad = |key: &str, message: String| {
            findings.push(rule.finding_at(document, &self.pointer(at, key), "catalog/bad-range", message));
            None::<Row>
        };
        let digits = |text: &str| !text.is_empty() && text.len() <= MAX_DIGITS && text.bytes().all(|c| c.is_ascii_digit());
        let Some(start) = document.text(&self.pointer(at, &self.start)) else {
            return bad(&self.start, format!("there is no `{}`", self.start.escape_debug()));
        };
        if !digits(start) {
            return bad(&self.start, format!("`{}` is not digits, {MAX_DIGITS} at most", start.escape_debug()));
        }
        let end_key = self.end.as_deref().unwrap_or(&self.start);
        let end = document.text(&self.pointer(at, end_key)).unwrap_or(start);
        if !digits(end) {
            return bad(end_key, format!("`{}` is not digits, {MAX_DIGITS} at most", end.escape_debug()));
        }
        if self.prefixes && end.len() != start.len() {
            return bad(end_key, format!("the end `{end}` has not as many digits as the start `{start}`"));
        }
        let (Ok(low), Ok(high)) = (start.parse::<u128>(), end.parse::<u128>()) else {
            return bad(&self.start, "the bounds are not numbers".to_owned());
        };
        if high < low {
            return bad(end_key, format!("the end `{end}` is before the start `{start}`"));
        }
        Some(Row { at, start: start.to_owned(), end: end.to_owned(), low, high })
    }
}

fn shown(row: &Row) -> String {
    if row.start == row.end { row.start.clone() } else { format!("{}-{}", row.start, row.end) }
}
