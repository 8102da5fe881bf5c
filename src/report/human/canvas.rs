//! Lines, aligned rows and colours.

use super::{
    super::{safe, wrap},
    Style,
};
use crate::domain::{Oid, Outcome};
use anstyle::AnsiColor;
use std::fmt::Display;

/// Text that grows from top to bottom.
pub struct Canvas {
    pub style: Style,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Good,
    Bad,
    Unsure,
    Dim,
}

/// One cell of a row: text already made harmless, and its colour.
pub struct Cell(String, Tone);

impl Canvas {
    pub fn new(style: Style) -> Canvas {
        Canvas { style, text: String::new() }
    }

    /// A line of text. On a narrow screen it goes on below, deeper than it began.
    pub fn line(&mut self, line: &str) {
        self.line_hanging(line, line.len() - line.trim_start().len() + 2);
    }

    /// The same, with its own indentation of what goes on below.
    pub fn line_hanging(&mut self, line: &str, hanging: usize) {
        for line in wrap::wrap(line.trim_end(), self.style.width, hanging) {
            self.line_as_it_is(&line);
        }
    }

    /// A line whose columns mean something.
    pub fn line_as_it_is(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// An empty line, unless there is one or nothing stands above.
    pub fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// Rows with aligned columns, indented by two. Where the screen is too narrow, the widest columns get less room, and their
    /// cells go on below.
    pub fn rows(&mut self, rows: &[Vec<Cell>]) {
        let widths = self.widths(rows);
        for row in rows {
            let last = row.iter().rposition(|cell| !cell.0.is_empty()).map_or(0, |at| at + 1);
            let most = |at: usize| self.style.width.map(|_| widths[at]);
            let cells: Vec<Vec<String>> = row[..last].iter().enumerate().map(|(at, cell)| wrap::wrap(&cell.0, most(at), 0)).collect();
            for level in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
                let mut line = String::new();
                for (at, cell) in cells.iter().enumerate().filter(|(at, _)| widths[*at] > 0) {
                    let text = cell.get(level).map_or("", String::as_str);
                    line.push_str("  ");
                    line.push_str(&self.paint(text, row[at].1));
                    line.extend(std::iter::repeat_n(' ', widths[at].saturating_sub(wrap::width(text))));
                }
                self.line_as_it_is(&line);
            }
        }
    }

    fn widths(&self, rows: &[Vec<Cell>]) -> Vec<usize> {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let widest = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| wrap::width(&cell.0)).max();
        let mut widths: Vec<usize> = (0..columns).map(|column| widest(column).unwrap_or(0)).collect();
        let Some(most) = self.style.width else { return widths };
        // A word that takes half of the screen overflows, so that it leaves room for the other columns.
        let longest_word = |column: usize| {
            let words = rows.iter().filter_map(|row| row.get(column)).flat_map(|cell| cell.0.split(' ')).map(wrap::width);
            words.filter(|wide| wide * 2 <= most).max().unwrap_or(0)
        };
        let least: Vec<usize> = (0..columns).map(|column| longest_word(column).max(widths[column].min(NARROW))).collect();
        let room = |widths: &[usize]| widths.iter().filter(|width| **width > 0).map(|width| width + 2).sum::<usize>();
        while room(&widths) > most {
            // The rightmost of the widest: what is told last is told in sentences.
            let Some(widest) = (0..columns).filter(|at| widths[*at] > least[*at]).max_by_key(|at| widths[*at]) else { break };
            widths[widest] -= 1;
        }
        widths
    }

    pub fn finish(self) -> String {
        self.text
    }

    /// A foreign text on one line.
    pub fn foreign(&self, text: &str) -> String {
        safe::visible(text).into_owned()
    }

    pub fn paint(&self, text: &str, tone: Tone) -> String {
        let style = match tone {
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
            Tone::Unsure => AnsiColor::Yellow.on_default(),
            Tone::Dim => anstyle::Style::new().dimmed(),
            Tone::Plain => return text.to_owned(),
        };
        if self.style.color && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// An object id: short, or whole with `-v`.
    pub fn oid(&self, oid: &Oid) -> String {
        if self.style.verbose > 0 { oid.to_string() } else { oid.short().to_owned() }
    }

    pub fn oid_or(&self, oid: Option<&Oid>, none: &str) -> String {
        oid.map_or_else(|| none.to_owned(), |oid| self.oid(oid))
    }
}

/// A cell of foreign or own text.
pub fn cell(text: impl Display) -> Cell {
    toned(text, Tone::Plain)
}

pub fn toned(text: impl Display, tone: Tone) -> Cell {
    Cell(safe::visible(&text.to_string()).into_owned(), tone)
}

/// A column of this width is not made narrower: marks, numbers and durations.
const NARROW: usize = 12;

/// The mark of an outcome.
pub fn mark(outcome: Outcome) -> Cell {
    match outcome {
        Outcome::Passed => Cell("✓".into(), Tone::Good),
        Outcome::Failed => Cell("✗".into(), Tone::Bad),
        Outcome::Inconclusive => Cell("?".into(), Tone::Unsure),
        Outcome::Skipped => Cell("–".into(), Tone::Dim),
    }
}

/// `41 ms`, `2.5 s`, `3 min 20 s`.
pub fn duration(millis: u64) -> String {
    match millis {
        0..1000 => format!("{millis} ms"),
        1000..60_000 => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        _ => format!("{} min {} s", millis / 60_000, millis % 60_000 / 1000),
    }
}
