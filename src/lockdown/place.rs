//! Places of very many ranges in one text, each in a time that does not depend on how long the text or its lines are.

use crate::{
    domain::Place,
    text::{
        markdown::Bytes,
        source::{LONGEST_EXCERPT, Source},
    },
};
use memchr::{memchr_iter, memrchr};

/// How many bytes a mark speaks for. Counting within them is what a question costs.
const STRIDE: usize = 512;

pub struct Places<'s> {
    source: &'s Source,
    /// What holds at every [`STRIDE`]th byte, as far as was asked.
    marks: Vec<Mark>,
    /// The offset that was asked for last: most questions come in the order of the text.
    last: (usize, Mark),
}

/// What stands before a byte.
#[derive(Clone, Copy, Default)]
struct Mark {
    lines: usize,
    characters: usize,
    /// How many characters stand before its line.
    line_characters: usize,
}

impl<'s> Places<'s> {
    pub fn new(source: &'s Source) -> Places<'s> {
        Places { source, marks: vec![Mark::default()], last: (0, Mark::default()) }
    }

    pub fn source(&self) -> &'s Source {
        self.source
    }

    /// The place of a range on character boundaries, cut at the end of its first line, without the source line.
    pub fn place(&mut self, range: &Bytes) -> Place {
        let (line, column, end_column) = self.line_and_columns(range);
        Place { file: self.source.file.clone(), line, column, end_column: Some(end_column), source: None }
    }

    /// The same as line, column and the column behind it.
    pub fn line_and_columns(&mut self, range: &Bytes) -> (u32, u32, u32) {
        let text = self.source.text.as_bytes();
        let here = self.before(range.start);
        self.last = (range.start, here);
        let first_line = text.get(range.clone()).unwrap_or_default().split(|byte| *byte == b'\n').next().unwrap_or_default();
        let cut = first_line.len() < range.len() || text.get(range.end).is_none_or(|byte| *byte == b'\n');
        let blanks = if cut { first_line.iter().rev().take_while(|byte| **byte == b'\r').count() } else { 0 };
        let width = characters(&first_line[..first_line.len() - blanks]);
        let column = here.characters - here.line_characters;
        (here.lines as u32 + 1, column as u32 + 1, (column + 1 + width.max(1)) as u32)
    }

    /// The same with its source line, unless that is too long to be quoted.
    pub fn quote(&self, place: &Place) -> Place {
        let start = self.start_of(place.line.saturating_sub(1) as usize);
        let text = self.source.text.get(start..).unwrap_or_default();
        // One more than is quoted, and a line end of two.
        let room = text.as_bytes().iter().take(LONGEST_EXCERPT + 3);
        let end = room.clone().position(|byte| *byte == b'\n').or_else(|| (room.len() == text.len()).then_some(text.len()));
        let line = end.and_then(|end| text.get(..end)).map(|line| line.trim_end_matches('\r'));
        Place { source: line.filter(|line| line.len() <= LONGEST_EXCERPT).map(str::to_owned), ..place.clone() }
    }

    /// What stands before a byte.
    fn before(&mut self, offset: usize) -> Mark {
        let text = self.source.text.as_bytes();
        let offset = offset.min(text.len());
        while self.marks.len() <= offset / STRIDE {
            let at = self.marks.len() - 1;
            self.marks.push(self.marks[at].after(&text[at * STRIDE..(at + 1) * STRIDE]));
        }
        let at = offset / STRIDE;
        let (from, mark) = match self.last {
            (from, mark) if (at * STRIDE..=offset).contains(&from) => (from, mark),
            _ => (at * STRIDE, self.marks[at]),
        };
        mark.after(&text[from..offset])
    }

    /// Where this line starts, counted from 0.
    fn start_of(&self, line: usize) -> usize {
        let at = self.marks.partition_point(|mark| mark.lines < line).saturating_sub(1);
        let text = self.source.text.as_bytes();
        let wanted = line - self.marks[at].lines.min(line);
        if wanted == 0 {
            return 0;
        }
        let ends = text[at * STRIDE..].iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        ends.map(|(end, _)| at * STRIDE + end + 1).nth(wanted - 1).unwrap_or(text.len())
    }
}

impl Mark {
    /// What stands before the byte behind these.
    fn after(self, bytes: &[u8]) -> Mark {
        let lines = self.lines + memchr_iter(b'\n', bytes).count();
        let characters = self.characters + characters(bytes);
        match memrchr(b'\n', bytes) {
            None => Mark { lines, characters, ..self },
            Some(end) => Mark { lines, characters, line_characters: characters - self::characters(&bytes[end + 1..]) },
        }
    }
}

/// How many characters start in these bytes of a text.
fn characters(bytes: &[u8]) -> usize {
    if bytes.is_ascii() { bytes.len() } else { bytes.iter().filter(|byte| **byte as i8 >= -0x40).count() }
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
    fn long_texts_and_long_lines_have_the_same_places() {
        let lines = (0..400).map(|at| "zé漢 ".repeat(at * at % 97) + if at % 3 == 0 { "\r\n" } else { "\n" });
        let source = Source::new("a.md", lines.collect::<String>() + &"ü".repeat(3 * STRIDE) + "\nlast");
        let mut places = Places::new(&source);
        let bounds: Vec<usize> = source.text.char_indices().map(|(at, _)| at).chain([source.text.len()]).collect();
        // Forwards and backwards, at every mark too.
        for start in bounds.iter().rev().step_by(53).chain(bounds.iter().filter(|at| (*at % STRIDE) < 4)) {
            let end = source.text.len().min(start + 40);
            let end = (end..).find(|at| source.text.is_char_boundary(*at)).unwrap();
            let place = places.place(&(*start..end));
            assert_eq!(places.quote(&place), source.place(*start..end), "{start}..{end}");
        }
    }

    #[test]
    fn lines_that_end_in_carriage_returns_are_lines() {
        let source = Source::new("a.md", "one é\r\rtwo `x`\rlast");
        let read = source.with_line_feeds();
        let mut places = Places::new(&read);
        let place = places.place(&(12..15));
        assert_eq!((place.line, place.column, place.end_column), (3, 5, Some(8)));
        assert_eq!(places.quote(&place).source.as_deref(), Some("two `x`"));
        assert_eq!(places.quote(&place), source.place(12..15));
        assert_eq!(places.quote(&place), read.place(12..15));
    }

    #[test]
    fn long_lines_are_not_quoted() {
        let source = Source::new("a.md", "x".repeat(2000));
        let mut places = Places::new(&source);
        let place = places.place(&(5..6));
        assert_eq!((place.column, places.quote(&place).source), (6, None));
        for (more, quoted) in [(0, true), (1, false)] {
            let line = "x".repeat(LONGEST_EXCERPT + more);
            let source = Source::new("a.md", format!("{line}\r\nnext"));
            let mut places = Places::new(&source);
            let place = places.place(&(0..1));
            assert_eq!(places.quote(&place).source.as_deref(), Some(line.as_str()).filter(|_| quoted));
        }
    }
}
