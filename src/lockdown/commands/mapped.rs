//! A text that was put together from parts of a document, with the way back to the document's own bytes.

use crate::text::markdown::Bytes;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapped {
    pub text: String,
    /// Where each part starts: here, and in the document.
    parts: Vec<(usize, usize)>,
}

impl Mapped {
    /// Adds characters that stand at `at` of the document.
    pub fn push(&mut self, text: &str, at: usize) {
        let goes_on = self.parts.last().is_some_and(|(here, there)| self.text.len() - here + there == at);
        if !goes_on && !text.is_empty() {
            self.parts.push((self.text.len(), at));
        }
        self.text.push_str(text);
    }

    /// The document's offset of the character at `offset`.
    pub fn offset(&self, offset: usize) -> usize {
        let at = self.parts.partition_point(|(here, _)| *here <= offset);
        self.parts.get(at.saturating_sub(1)).map_or(0, |(here, there)| there + offset.saturating_sub(*here))
    }

    /// The document's bytes from the first to past the last character of `range`.
    pub fn range(&self, range: &Bytes) -> Bytes {
        let Some(last) = self.text.get(range.clone()).and_then(|text| text.chars().next_back()) else {
            let at = match range.start.checked_sub(1) {
                // Behind the last character there is nothing to look up.
                Some(before) if range.start >= self.text.len() => self.offset(before) + 1,
                _ => self.offset(range.start),
            };
            return at..at;
        };
        self.offset(range.start)..self.offset(range.end - last.len_utf8()) + last.len_utf8()
    }

    /// The part of it in `range`.
    pub fn slice(&self, range: &Bytes) -> Mapped {
        let mut slice = Mapped::default();
        let mut at = range.start;
        let first = self.parts.partition_point(|(here, _)| *here <= range.start);
        for (here, _) in self.parts[first..].iter().take_while(|(here, _)| *here < range.end) {
            slice.push(self.text.get(at..*here).unwrap_or_default(), self.offset(at));
            at = *here;
        }
        slice.push(self.text.get(at..range.end).unwrap_or_default(), self.offset(at));
        slice
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_leads_back() {
        let mut mapped = Mapped::default();
        mapped.push("ab", 10);
        mapped.push("é", 12);
        mapped.push("", 50);
        mapped.push("|c", 20);
        assert_eq!(mapped.text, "abé|c");
        assert_eq!(mapped.parts.len(), 2);
        for (range, bytes) in [(0..2, 10..12), (1..4, 11..14), (2..5, 12..21), (4..6, 20..22), (6..6, 22..22), (1..1, 11..11)] {
            assert_eq!(mapped.range(&range), bytes, "{range:?}");
        }
        let slice = mapped.slice(&(1..5));
        assert_eq!((slice.text.as_str(), slice.range(&(3..4)), slice.range(&(0..1))), ("bé|", 20..21, 11..12));
    }
}
