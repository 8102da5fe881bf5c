//! CSV by RFC 4180 with exact places: rows of named cells, all of them text.
//!
//! The first row names the columns. A row becomes an object; an empty cell is absent from it, because CSV has no other way to say so.
//! Rows whose number of cells is wrong are reported, [`MOST_WRONG`] at most; of [`MAX_VALUES`] cells. Line ends are `\n` or `\r\n`; inside quotes they belong to
//! the cell.
//!
//! Deliberately absent: other separators, comments, numbers and dates, and tables without a row of names.

use super::{
    located::{Located, MAX_VALUES, MOST_WRONG, Malformed, Spot, What},
    source::Source,
};
use serde_json::{Map, Value};
use std::{collections::HashSet, ops::Range};

/// The table as a list of objects, and their places. A pointer `/4/name` is the cell `name` of the fifth row behind the names.
pub fn read(source: &Source) -> Result<Located, Vec<Malformed>> {
    let text = source.text.as_str();
    let mut wrong = Vec::new();
    let mut reader = Reader { text, at: 0 };
    let names = match reader.row() {
        Some(Ok(cells)) => cells,
        Some(Err(malformed)) => return Err(vec![malformed]),
        None => return Err(vec![Malformed::new(What::Syntax, 0..0, "there is no row of column names")]),
    };
    let mut known = HashSet::new();
    for (at, (range, name)) in names.iter().enumerate() {
        if wrong.len() == MOST_WRONG {
            return Err(wrong);
        } else if name.is_empty() {
            wrong.push(Malformed::new(What::Syntax, range.clone(), format!("column {} has no name", at + 1)));
        } else if !known.insert(name) {
            wrong.push(Malformed::new(
                What::DuplicateKey,
                range.clone(),
                format!("the column `{}` is here a second time", name.escape_debug()),
            ));
        }
    }
    let (mut rows, mut spots, mut values) = (Vec::new(), Vec::new(), 0);
    while let Some(row) = reader.row() {
        let cells = match row {
            Ok(cells) => cells,
            Err(malformed) => {
                wrong.push(malformed);
                break;
            }
        };
        let whole = cells.first().map_or(0, |(cell, _)| cell.start)..cells.last().map_or(0, |(cell, _)| cell.end);
        values += cells.len();
        if values > MAX_VALUES {
            return Err(vec![Malformed::new(What::TooLarge, whole, format!("there are more than {MAX_VALUES} cells"))]);
        }
        if cells.len() != names.len() {
            let message = format!("the row has {} cells where the table has {} columns", cells.len(), names.len());
            wrong.push(Malformed::new(What::Syntax, whole.clone(), message));
            if wrong.len() == MOST_WRONG {
                break;
            }
            continue;
        }
        let (mut row, mut places) = (Map::new(), Vec::new());
        for ((_, name), (range, cell)) in names.iter().zip(cells) {
            if !cell.is_empty() {
                row.insert(name.clone(), Value::String(cell));
                places.push((range.clone(), Spot::scalar(range)));
            }
        }
        rows.push(Value::Object(row));
        spots.push(Spot::members(whole, places));
    }
    match wrong.is_empty() {
        true => Ok(Located { value: Value::Array(rows), spot: Spot::items(0..text.len(), spots) }),
        false => Err(wrong),
    }
}

/// A cell with its range, quotes included.
type Cell = (Range<usize>, String);

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    /// The cells of the next row that is not empty; `None`: there is no further one.
    fn row(&mut self) -> Option<Result<Vec<Cell>, Malformed>> {
        while let Some(end) = self.line_end() {
            self.at += end;
        }
        if self.at >= self.text.len() {
            return None;
        }
        let mut cells = Vec::new();
        loop {
            match self.cell() {
                Ok(cell) => cells.push(cell),
                Err(malformed) => return Some(Err(malformed)),
            }
            match self.line_end() {
                Some(end) => {
                    self.at += end;
                    return Some(Ok(cells));
                }
                None if self.at >= self.text.len() => return Some(Ok(cells)),
                // A comma.
                None => self.at += 1,
            }
        }
    }

    fn cell(&mut self) -> Result<Cell, Malformed> {
        let start = self.at;
        let rest = &self.text[start..];
        let Some(quoted) = rest.strip_prefix('"') else {
            let length = rest.find([',', '\n']).unwrap_or(rest.len());
            let length = if rest[..length].ends_with('\r') && !rest[length..].starts_with(',') { length - 1 } else { length };
            self.at += length;
            if let Some(quote) = rest[..length].find('"') {
                let at = start + quote..start + quote + 1;
                return Err(Malformed::new(What::Syntax, at, "a quote inside a cell that is not quoted"));
            }
            return Ok((start..self.at, rest[..length].to_owned()));
        };
        let mut cell = String::new();
        let mut at = 0;
        loop {
            let Some(found) = quoted[at..].find('"') else {
                return Err(Malformed::new(What::Syntax, start..start + 1, "this quoted cell does not end"));
            };
            cell.push_str(&quoted[at..at + found]);
            at += found + 1;
            match quoted.as_bytes().get(at) {
                Some(b'"') => {
                    cell.push('"');
                    at += 1;
                }
                _ => break,
            }
        }
        self.at = start + 1 + at;
        if self.at < self.text.len() && !self.text[self.at..].starts_with(',') && self.line_end().is_none() {
            let at = self.at..self.at + self.text[self.at..].chars().next().map_or(0, char::len_utf8);
            return Err(Malformed::new(What::Syntax, at, "text behind the closing quote of a cell"));
        }
        Ok((start..self.at, cell))
    }

    /// The length of the line end that is next.
    fn line_end(&self) -> Option<usize> {
        let rest = &self.text[self.at..];
        if rest.starts_with('\n') { Some(1) } else { rest.starts_with("\r\n").then_some(2) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(text: &str) -> Result<Located, Vec<Malformed>> {
        read(&Source::new("a.csv", text))
    }

    #[test]
    fn rows_become_objects_of_text() {
        let text = "a,b,c\r\n1.10,\"x, \"\"y\"\"\nz\",\r\n\r\n0752,,no\n";
        let read = of(text).unwrap();
        assert_eq!(read.value, json!([{ "a": "1.10", "b": "x, \"y\"\nz" }, { "a": "0752", "c": "no" }]));
        assert_eq!(&text[read.range("/0/b")], "\"x, \"\"y\"\"\nz\"");
        assert_eq!(&text[read.range("/1/c")], "no");
        assert_eq!(&text[read.range("/1/b")], "0752,,no");
        assert_eq!(of("a\n").unwrap().value, json!([]));
    }

    #[test]
    fn malformed_tables_say_where() {
        for (text, places) in [
            ("", vec![(0, 0)]),
            ("\n\n", vec![(0, 0)]),
            ("a,b,a\n", vec![(4, 5)]),
            ("a,,b\n", vec![(2, 2)]),
            ("a,b\n1\n2,3\n4,5,6\n", vec![(4, 5), (10, 15)]),
            ("a\nx\"y\n", vec![(3, 4)]),
            ("a\n\"x\"y\n", vec![(5, 6)]),
            ("a\n\"x\n", vec![(2, 3)]),
        ] {
            let found: Vec<(usize, usize)> =
                of(text).unwrap_err().into_iter().map(|malformed| (malformed.at.start, malformed.at.end)).collect();
            assert_eq!(found, places, "{text:?}");
        }
    }
}
