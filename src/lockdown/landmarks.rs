//! Where the words stand that scanners of plain text start from.
//!
//! A document is searched once for all of them together, since every scanner that went through the text by itself would cost
//! as much as reading the Markdown. Only what the document shows as plain text counts: no code, no destinations.

use crate::text::markdown::Bytes;
use aho_corasick::{AhoCorasick, MatchKind};
use std::sync::LazyLock;

/// What a scanner starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// `gate ` or `Gate `: a number may follow.
    Gate,
    Step,
    Phase,
    /// `ommit`
    Commit,
    /// `http`
    Http,
    /// The plural of something that documents count.
    Plural,
    /// `#`
    Number,
    /// `/`
    Slash,
}

const WORDS: usize = 8;

/// Lower case, capitalised, upper case.
const LETTERS: &[(&str, Word)] = &[
    ("gate ", Word::Gate),
    ("Gate ", Word::Gate),
    ("GATE ", Word::Gate),
    ("step ", Word::Step),
    ("Step ", Word::Step),
    ("STEP ", Word::Step),
    ("phase ", Word::Phase),
    ("Phase ", Word::Phase),
    ("ommit", Word::Commit),
    ("http", Word::Http),
    ("gates", Word::Plural),
    ("Gates", Word::Plural),
    ("GATES", Word::Plural),
    ("steps", Word::Plural),
    ("Steps", Word::Plural),
    ("STEPS", Word::Plural),
    ("phases", Word::Plural),
    ("Phases", Word::Plural),
    ("PHASES", Word::Plural),
    ("channels", Word::Plural),
    ("Channels", Word::Plural),
    ("CHANNELS", Word::Plural),
];

static FINDER: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(LETTERS.iter().map(|(letters, _)| letters));
    // A constant of some hundred letters, built by every test: it cannot fail for a user.
    finder.expect("a constant list of words")
});

#[derive(Debug, Default)]
pub struct Landmarks([Vec<Spot>; WORDS]);

/// Where a word starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// From the start of the document, in bytes.
    pub at: usize,
    /// Which of the document's texts it lies in.
    pub text: usize,
}

impl Landmarks {
    /// URLs alone.
    pub fn of_urls(source: &str, texts: &[Bytes]) -> Landmarks {
        let mut landmarks = Landmarks::default();
        let mut text = 0;
        for at in memchr::memmem::find_iter(source.as_bytes(), "http") {
            landmarks.note(at, Word::Http, texts, &mut text);
        }
        landmarks
    }

    /// `texts`: the plain text of the document, in its order.
    pub fn of(source: &str, texts: &[Bytes]) -> Landmarks {
        let mut landmarks = Landmarks::default();
        let mut text = 0;
        for found in FINDER.find_iter(source) {
            landmarks.note(found.start(), LETTERS[found.pattern().as_usize()].1, texts, &mut text);
        }
        text = 0;
        for at in memchr::memchr2_iter(b'#', b'/', source.as_bytes()) {
            let word = if source.as_bytes()[at] == b'#' { Word::Number } else { Word::Slash };
            landmarks.note(at, word, texts, &mut text);
        }
        landmarks
    }

    /// The same for few texts of a long document.
    pub fn within(source: &str, texts: &[Bytes]) -> Landmarks {
        let mut landmarks = Landmarks::default();
        for (text, range) in texts.iter().enumerate() {
            let inner = source.get(range.clone()).unwrap_or_default();
            let inside = Landmarks::of(inner, std::slice::from_ref(&(0..inner.len())));
            for (all, spots) in landmarks.0.iter_mut().zip(inside.0) {
                all.extend(spots.iter().map(|spot| Spot { at: range.start + spot.at, text }));
            }
        }
        landmarks
    }

    /// `text`: the one that the word before lay in, or came after.
    fn note(&mut self, at: usize, word: Word, texts: &[Bytes], text: &mut usize) {
        while texts.get(*text).is_some_and(|range| range.end <= at) {
            *text += 1;
        }
        if texts.get(*text).is_some_and(|range| range.start <= at) {
            self.0[word as usize].push(Spot { at, text: *text });
        }
    }

    /// In the order of the text.
    pub fn spots(&self, word: Word) -> &[Spot] {
        &self.0[word as usize]
    }

    /// The texts that a word occurs in, each once.
    pub fn texts(&self, word: Word) -> impl Iterator<Item = usize> {
        self.spots(word).chunk_by(|one, other| one.text == other.text).filter_map(|spots| spots.first()).map(|spot| spot.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::markdown;

    #[test]
    fn only_words_of_plain_text_are_found() {
        let text = "# Gate 1\nsee #2 and `gate 3` at [a/b](c/d#e), e/f of both gates.\nThe step 4 of Steps: https://example.com\n";
        let document = markdown::parse(text);
        let landmarks = Landmarks::of(text, &document.texts);
        let told = |word: Word| {
            let spots = landmarks.spots(word).iter();
            spots
                .map(|spot| {
                    assert!(document.texts[spot.text].contains(&spot.at));
                    text[spot.at..].chars().take(6).collect::<String>()
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(told(Word::Gate), ["Gate 1"]);
        assert_eq!(told(Word::Step), ["step 4"]);
        assert_eq!(told(Word::Plural), ["gates.", "Steps:"]);
        assert_eq!(told(Word::Number), ["#2 and"]);
        assert_eq!(told(Word::Slash), ["/b](c/", "/f of ", "//exam", "/examp"]);
        assert_eq!(told(Word::Http), ["https:"]);
        assert_eq!(landmarks.texts(Word::Slash).count(), 3);
        let at_the_edges = Landmarks::of("#a#b#", &[1..2, 4..5]);
        assert_eq!(at_the_edges.spots(Word::Number), [Spot { at: 4, text: 1 }]);
    }
}
