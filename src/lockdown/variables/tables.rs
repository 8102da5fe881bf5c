//! Tables of variables: a column of names, with or without backticks.
//!
//! A table is one where the header of its first column says so, behind a column of numbers too; or where most of its rows start
//! with a name that has an underscore, or with any word in capitals while a gate asks for one of them.

use crate::{
    lockdown::{desk::Desk, extract::spans, numbered},
    text::markdown::{Bytes, Cell, Table},
};

/// A table with a column of variables.
pub struct Listing<'d> {
    pub table: &'d Table,
    /// Where the names stand.
    pub column: usize,
    /// The header says that they are variables.
    pub said: bool,
    /// The names of each row, with their bytes.
    pub rows: Vec<Vec<(String, Bytes)>>,
}

impl Listing<'_> {
    pub fn names(&self) -> impl Iterator<Item = &(String, Bytes)> {
        self.rows.iter().flatten()
    }
}

/// `named`, `words`: the names of code spans with an underscore, and the other words in capitals.
pub fn read<'d>(desk: &Desk<'d, '_>, named: &[(String, Bytes)], words: &[(String, Bytes)]) -> Vec<Listing<'d>> {
    let document = desk.document;
    let asked = &desk.library.asked().variables;
    let listing = |table: &'d Table| {
        let column = table.header.first().map_or(0, |cell| usize::from(numbered::NUMBER.contains(&cell.text.to_lowercase().as_str())));
        let said = table.header.get(column).is_some_and(|cell| says_variables(&cell.text));
        let in_cell = |all: &[(String, Bytes)], cell: &Cell| -> Vec<(String, Bytes)> {
            let at = all.partition_point(|(_, range)| range.start < cell.range.start);
            all[at..].iter().take_while(|(_, range)| range.end <= cell.range.end).cloned().collect()
        };
        let mut with_underscore = 0;
        let mut of_gates = false;
        let of_row = |row: &Vec<Cell>| {
            let Some(cell) = row.get(column) else { return Vec::new() };
            let mut names = in_cell(named, cell);
            with_underscore += usize::from(!names.is_empty());
            names.extend(in_cell(words, cell));
            if names.is_empty() {
                names = plain(desk, cell);
            }
            of_gates |= names.iter().any(|(name, _)| asked.contains_key(name));
            names
        };
        let mut rows: Vec<Vec<(String, Bytes)>> = table.rows.iter().map(of_row).collect();
        let held = rows.iter().filter(|names| !names.is_empty()).count();
        let most = |count: usize| count * 2 > rows.len();
        let is = held > 0 && (said || most(with_underscore) || of_gates && most(held));
        if !said && !of_gates {
            // Only how they are written says what they are.
            rows.iter_mut().for_each(|names| names.retain(|(_, range)| super::is_among(named, range)));
        }
        is.then_some(Listing { table, column, said, rows })
    };
    document.tables.iter().filter_map(listing).collect()
}

fn says_variables(header: &str) -> bool {
    let header = header.to_lowercase();
    let header = header.trim_matches(|c: char| c.is_whitespace() || "`*:".contains(c));
    matches!(header, "var" | "vars" | "env" | "envvar" | "envvars")
        || header.starts_with("variable")
        || header.contains("env var")
        || header.contains("environment var")
}

/// Words in capitals that stand for no name.
const NO_NAMES: &[&str] = &["ALL", "ANY", "NONE", "OTHER", "TBD", "TODO"];

/// The names of a cell that is nothing but names, as plain text.
fn plain(desk: &Desk, cell: &Cell) -> Vec<(String, Bytes)> {
    let parts = || cell.text.split(|c: char| c.is_whitespace() || c == ',').filter(|part| !matches!(*part, "" | "and" | "or"));
    let lawful = |part: &str| spans::capitals(part) == Some(part) && !NO_NAMES.contains(&part) && super::may_be_known(desk, part);
    if cell.text.len() > 1000 || !parts().all(lawful) {
        return Vec::new();
    }
    let whole = numbered::inner(desk, &cell.range);
    let text = desk.text(&whole);
    let mut from = 0;
    parts()
        .map(|name| {
            let written = [name.to_owned(), name.replace('_', "\\_")];
            let found = written.iter().find_map(|written| Some((text[from..].find(written.as_str())?, written.len())));
            let Some((at, length)) = found else { return (name.to_owned(), whole.clone()) };
            let start = whole.start + from + at;
            from += at + length;
            (name.to_owned(), start..start + length)
        })
        .collect()
}
