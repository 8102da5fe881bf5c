//! What belongs together in a document: items (a paragraph, a list item, a table row, a heading) and the sentences in them.
//!
//! Read from the lines alone, once, in linear time: whether two spans may speak of one thing is asked for very many of them.
//! Deliberately absent: nesting. A nested list item is an item of its own.

use crate::text::markdown::{Bytes, Document};
use std::cell::OnceCell;

pub struct Layout<'d> {
    text: &'d str,
    document: &'d Document,
    /// First byte of each item, ascending; the first is 0. Many documents never ask.
    starts: OnceCell<Vec<usize>>,
    /// Parts that no item or sentence reaches into or out of, in their order.
    parts: Vec<Bytes>,
}

impl<'d> Layout<'d> {
    pub fn of(text: &'d str, document: &'d Document) -> Layout<'d> {
        Layout { text, document, starts: OnceCell::new(), parts: Vec::new() }
    }

    pub fn set_apart(&mut self, parts: Vec<Bytes>) {
        self.parts = parts;
    }

    fn starts(&self) -> &[usize] {
        self.starts.get_or_init(|| self.read())
    }

    fn read(&self) -> Vec<usize> {
        let Layout { text, document, .. } = self;
        let mut starts = vec![0];
        let mut tables = document.tables.iter().map(|table| table.range.clone()).peekable();
        let mut fences = document.fences.iter().map(|fence| fence.range.clone()).peekable();
        let mut at = 0;
        let mut after_blank = false;
        let mut quoted = false;
        let ends = memchr::memchr_iter(b'\n', text.as_bytes()).map(|end| end + 1);
        for end in ends.chain((!text.is_empty() && !text.ends_with('\n')).then_some(text.len())) {
            let (start, line) = (at, &text[at..end]);
            at = end;
            while tables.next_if(|table| table.end <= start).is_some() {}
            while fences.next_if(|fence| fence.end <= start).is_some() {}
            if fences.peek().is_some_and(|fence| fence.start < start) {
                continue;
            }
            let in_table = tables.peek().is_some_and(|table| table.start < end);
            let trimmed = line.trim_start();
            let blank = trimmed.is_empty();
            let goes_on = quoted && trimmed.starts_with('>');
            let opens = in_table || after_blank || is_marked(trimmed) && !goes_on || fences.peek().is_some_and(|fence| fence.start < end);
            if opens && !blank && start > 0 {
                starts.push(start);
            }
            quoted = trimmed.starts_with('>');
            // What follows a heading or a row does not go on with it.
            after_blank = blank || trimmed.starts_with('#') || in_table;
        }
        starts
    }

    /// The item that an offset lies in.
    pub fn item(&self, offset: usize) -> Bytes {
        let starts = self.starts();
        let at = starts.partition_point(|start| *start <= offset);
        let start = starts[at.saturating_sub(1)];
        let end = starts.get(at).copied().unwrap_or(self.text.len());
        let part = self.parts[..self.parts.partition_point(|part| part.start <= offset)].last();
        match part.filter(|part| offset < part.end) {
            Some(part) => start.max(part.start)..end.min(part.end),
            None => start..end.max(start),
        }
    }

    /// Every item, in the order of the text.
    pub fn items(&self) -> impl Iterator<Item = Bytes> + use<> {
        let starts = self.starts().to_vec();
        let ends: Vec<usize> = starts.iter().skip(1).copied().chain([self.text.len()]).collect();
        starts.into_iter().zip(ends).map(|(start, end)| start..end)
    }

    /// The sentence of the item that an offset lies in. A full stop ends one only before a blank and something that opens a
    /// sentence, so that abbreviations and names with dots do not.
    pub fn sentence(&self, offset: usize) -> Bytes {
        let item = self.item(offset);
        let text = &self.text[item.clone()];
        let inside = offset.saturating_sub(item.start).min(text.len());
        // Only the neighbourhood is searched, since one item may be as long as a document.
        let from = floor(text, inside.saturating_sub(LONGEST));
        let to = floor(text, (inside + LONGEST).min(text.len()));
        let (mut start, mut end) = (from, to);
        for stop in ends(&text[from..to]).map(|stop| from + stop) {
            if stop > inside {
                end = stop;
                break;
            }
            start = stop + (text[stop..].len() - text[stop..].trim_start().len()).min(inside - stop);
        }
        item.start + start..item.start + end
    }
}

/// No sentence is looked for further away than this many bytes.
const LONGEST: usize = 300;

/// A heading, a list item, a quote, a table row, a comment.
fn is_marked(line: &str) -> bool {
    let bytes = line.as_bytes();
    match bytes.first() {
        Some(b'#' | b'>' | b'|') => true,
        Some(b'-' | b'*' | b'+') => bytes.get(1) == Some(&b' '),
        Some(b'<') => line.starts_with("<!--"),
        Some(b'0'..=b'9') => {
            let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
            digits <= 9 && matches!(bytes[digits..], [b'.' | b')', b' ', ..])
        }
        _ => false,
    }
}

/// What a full stop behind ends no sentence.
const ABBREVIATIONS: &[&str] = &["e.g", "E.g", "i.e", "I.e", " cf", " vs", "(cf"];

/// Offsets just past the end of each sentence.
fn ends(text: &str) -> impl Iterator<Item = usize> {
    text.match_indices(['.', '!', '?', ';']).filter_map(|(at, mark)| {
        let rest = &text[at + mark.len()..];
        let next = rest.trim_start();
        let short = mark == "." && ABBREVIATIONS.iter().any(|short| text[..at].ends_with(short));
        let opens = !short && next.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit() || "`*_\"\u{201c}([".contains(c));
        (rest.starts_with(char::is_whitespace) && (opens || next.is_empty() || mark == ";")).then_some(at + mark.len())
    })
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::markdown;

    const TEXT: &str = "# Head\nOne `a.rs` runs. It uses e.g. b and v1.2 of c; then d.\nSame item.\n\n- first\n  goes on\n- second\n\n| a | b |\n|---|---|\n| c | d |\n| e | f |\nafter\n\n```sh\n- no item\n\nx\n```\n1. last";

    #[test]
    fn spans_of_one_item_and_one_sentence_are_together() {
        let document = markdown::parse(TEXT);
        let layout = Layout::of(TEXT, &document);
        let item = |word: &str| TEXT[layout.item(TEXT.find(word).unwrap())].trim().to_owned();
        let sentence = |word: &str| TEXT[layout.sentence(TEXT.find(word).unwrap())].trim().to_owned();
        assert_eq!(item("Head"), "# Head");
        assert!(item("a.rs").ends_with("Same item.") && item("a.rs").starts_with("One"));
        assert_eq!(item("goes"), "- first\n  goes on");
        assert_eq!(item("second"), "- second");
        assert_eq!(item("d |\n"), "| c | d |");
        assert_eq!(item("e |"), "| e | f |");
        assert_eq!(item("no item"), "```sh\n- no item\n\nx\n```");
        assert_eq!(item("last"), "1. last");
        assert_eq!(sentence("a.rs"), "One `a.rs` runs.");
        assert_eq!(sentence("b and"), "It uses e.g. b and v1.2 of c;");
        assert_eq!(sentence("Same"), "Same item.");
        let text = "See e.g. `a` or i.e. `b`. Then `c`.";
        let document = markdown::parse(text);
        let layout = Layout::of(text, &document);
        assert_eq!(text[layout.sentence(text.find("b").unwrap())].trim(), "See e.g. `a` or i.e. `b`.");
    }

    proptest::proptest! {
        #[test]
        fn every_offset_has_an_item_and_a_sentence_around_it(text in "([ -~é\n`#|.-]|- |\\. |\n\n|```\n){0,80}") {
            let document = markdown::parse(&text);
            let layout = Layout::of(&text, &document);
            for (at, _) in text.char_indices() {
                let (item, sentence) = (layout.item(at), layout.sentence(at));
                proptest::prop_assert!(item.contains(&at) && sentence.start <= at && at <= sentence.end);
                proptest::prop_assert!(item.start <= sentence.start && sentence.end <= item.end);
                proptest::prop_assert!(text.get(item).is_some() && text.get(sentence).is_some());
            }
        }
    }
}
