//! Places of very many ranges in one text, in linear time where they are asked for in the order of the text.

use crate::{
    domain::Place,
    text::{markdown::Bytes, source::Source},
};

/// A source line longer than this many bytes is not quoted.
const LONGEST_EXCERPT: usize = 1000;

pub struct Places<'s> {
    source: &'s Source,
    /// Offset of each line's first byte.
    lines: Vec<usize>,
    /// The offset that was asked for last, and its column from 0.
    last: (usize, u32),
}

impl<'s> Places<'s> {
    pub fn new(source: &'s Source) -> Places<'s> {
        let lines = std::iter::once(0).chain(source.text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Places { source, lines, last: (0, 0) }
    }

    /// The place of a range on character boundaries, cut at the end of its first line, without the source line.
    pub fn place(&mut self, range: &Bytes) -> Place {
        let text = self.source.text.as_str();
        let line = self.line_of(range.start);
        let line_start = self.lines[line];
        let (from, counted) = if (line_start..=range.start).contains(&self.last.0) { self.last } else { (line_start, 0) };
        let column = counted + width(text, from..range.start);
        self.last = (range.start, column);
        let end = range.end.min(line_start + self.line(line).len()).max(range.start);
        Place {
            file: self.source.file.clone(),
            line: line as u32 + 1,
            column: column + 1,
            end_column: Some(column + 1 + width(text, range.start..end).max(1)),
            source: None,
        }
    }

    /// The same with its source line, unless that is too long to be quoted.
    pub fn quote(&self, place: &Place) -> Place {
        let line = self.line(place.line.saturating_sub(1) as usize);
        Place { source: (line.len() <= LONGEST_EXCERPT).then(|| line.to_owned()), ..place.clone() }
    }

    fn line_of(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    fn line(&self, line: usize) -> &'s str {
        let text = self.source.text.as_str();
        let start = self.lines.get(line).copied().unwrap_or(text.len());
        let end = self.lines.get(line + 1).map_or(text.len(), |next| next - 1);
        text.get(start..end).unwrap_or_default().trim_end_matches('\r')
    }
}

fn width(text: &str, range: Bytes) -> u32 {
    text.get(range).map_or(0, |slice| slice.chars().count() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_equal_those_of_the_source() {
        let source = Source::new("a.md", "one é\r\n\ntwo `x` and `é y`\nlast\n");
        let mut places = Places::new(&source);
        let mut starts: Vec<usize> = source.text.char_indices().map(|(at, _)| at).collect();
        starts.extend(starts.clone());
        for start in starts {
            for end in (start..=source.text.len()).filter(|end| source.text.is_char_boundary(*end)) {
                let place = places.place(&(start..end));
                assert_eq!(places.quote(&place), source.place(start..end), "{start}..{end}");
            }
        }
    }

    #[test]
    fn long_lines_are_not_quoted() {
        let source = Source::new("a.md", "x".repeat(2000));
        let mut places = Places::new(&source);
        let place = places.place(&(5..6));
        assert_eq!((place.column, places.quote(&place).source), (6, None));
    }
}
