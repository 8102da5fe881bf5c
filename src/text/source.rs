//! A text file with its name, and exact places in it.

use crate::domain::Place;
use std::{borrow::Cow, sync::OnceLock};

/// A source line longer than this many bytes is not quoted.
pub const LONGEST_EXCERPT: usize = 1000;

/// A text under its repository-relative name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub file: String,
    pub text: String,
    lines: Lines,
}

/// Where the lines of the text begin, once a place was asked for.
#[derive(Clone, Debug, Default)]
struct Lines(OnceLock<Box<[usize]>>);

/// It follows from the text.
impl PartialEq for Lines {
    fn eq(&self, _: &Lines) -> bool {
        true
    }
}

impl Eq for Lines {}

impl Source {
    pub fn new(file: impl Into<String>, text: impl Into<String>) -> Source {
        Source { file: file.into(), text: text.into(), lines: Lines::default() }
    }

    /// The same with line feeds where only carriage returns end the lines. No offset changes.
    pub fn with_line_feeds(&self) -> Cow<'_, Source> {
        if self.text.contains('\n') || !self.text.contains('\r') {
            return Cow::Borrowed(self);
        }
        Cow::Owned(Source::new(self.file.as_str(), self.text.replace('\r', "\n")))
    }

    /// The place of a byte range. A range over several lines is cut at the end of its first line. The first one takes time in the whole
    /// text, others in their line.
    pub fn place(&self, range: std::ops::Range<usize>) -> Place {
        let start = floor_boundary(&self.text, range.start);
        let ends = if self.text.contains('\n') { '\n' } else { '\r' };
        let lines = self.lines.0.get_or_init(|| self.text.match_indices(ends).map(|(at, _)| at + 1).collect());
        let line = lines.partition_point(|line| *line <= start);
        let line_start = line.checked_sub(1).map_or(0, |above| lines[above]);
        let line_end = self.text[start..].find(ends).map_or(self.text.len(), |at| start + at);
        let text = self.text[line_start..line_end].trim_end_matches('\r');
        let column = self.text[line_start..start].chars().count() as u32 + 1;
        let end = floor_boundary(&self.text, range.end).clamp(start, line_start + text.len().max(start - line_start));
        let width = self.text[start..end].chars().count() as u32;
        Place { file: self.file.clone(), line: line as u32 + 1, column, end_column: Some(column + width.max(1)), source: excerpt(text) }
    }

    /// The place of a line and column (both from 1, columns in characters) as parsers report them; `width` in characters.
    pub fn place_at(&self, line: u32, column: u32, width: u32) -> Place {
        let source = self.text.lines().nth(line.saturating_sub(1) as usize).and_then(excerpt);
        Place { file: self.file.clone(), line, column, end_column: Some(column + width.max(1)), source }
    }
}

fn excerpt(line: &str) -> Option<String> {
    (line.len() <= LONGEST_EXCERPT).then(|| line.to_owned())
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_and_stay_on_their_line() {
        let source = Source::new("a.md", "one\nzwölf é x\r\nlast");
        let at = source.text.find('x').unwrap();
        let place = source.place(at..at + 1);
        assert_eq!((place.line, place.column, place.end_column), (2, 9, Some(10)));
        assert_eq!(place.source.as_deref(), Some("zwölf é x"));
        let long = source.place(at..source.text.len());
        assert_eq!((long.line, long.end_column), (2, Some(10)));
        let end = source.place(source.text.len()..source.text.len() + 9);
        assert_eq!((end.line, end.column), (3, 5));
    }

    #[test]
    fn carriage_returns_end_lines_where_nothing_else_does() {
        let source = Source::new("a.md", "one\rtwo x\rlast");
        let place = source.place(8..9);
        assert_eq!((place.line, place.column, place.source.as_deref()), (2, 5, Some("two x")));
        let mixed = Source::new("a.md", "one\rtwo x\nlast");
        assert_eq!((mixed.place(8..9).line, mixed.place(12..13).line), (1, 2));
        assert_eq!(mixed.with_line_feeds().text, mixed.text);
    }

    #[test]
    fn very_long_lines_are_not_quoted() {
        let source = Source::new("a.md", format!("{}\nshort", "x".repeat(LONGEST_EXCERPT + 1)));
        assert_eq!((source.place(5..6).column, source.place(5..6).source), (6, None));
        assert_eq!((source.place_at(1, 6, 1).source, source.place_at(2, 1, 1).source.as_deref()), (None, Some("short")));
    }
}
