//! Lines, aligned rows and colours.

use super::{super::safe, Style};
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

    pub fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// An empty line, unless there is one or nothing stands above.
    pub fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// Rows with aligned columns, indented by two.
    pub fn rows(&mut self, rows: &[Vec<Cell>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.0.chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in rows {
            let last = row.iter().rposition(|cell| !cell.0.is_empty()).map_or(0, |at| at + 1);
            let mut line = String::new();
            for (at, Cell(text, tone)) in row[..last].iter().enumerate().filter(|(at, _)| widths[*at] > 0) {
                let room = if at + 1 == last { 0 } else { widths[at] - text.chars().count() };
                line.push_str("  ");
                line.push_str(&self.paint(text, *tone));
                line.extend(std::iter::repeat_n(' ', room));
            }
            self.line(&line);
        }
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

/// A cell that is not cut, for the last column.
pub fn whole(text: impl Display) -> Cell {
    Cell(safe::visible(&text.to_string()).into_owned(), Tone::Plain)
}

/// A cell of foreign or own text; long text is cut.
pub fn cell(text: impl Display) -> Cell {
    toned(text, Tone::Plain)
}

pub fn toned(text: impl Display, tone: Tone) -> Cell {
    const LONGEST: usize = 72;
    let text = text.to_string();
    let text = safe::visible(&text);
    let cut = if text.chars().count() > LONGEST { text.chars().take(LONGEST - 1).chain(['…']).collect() } else { text.into_owned() };
    Cell(cut, tone)
}

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
