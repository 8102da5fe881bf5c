//! Commits: abbreviated ids in code spans, and in text after the word `commit`. Whether one exists is a question.

use super::{
    census::{Question, ReferenceKind, Verdict},
    desk::{Desk, Draft},
    extract::spans::Span,
};
use crate::text::markdown::Bytes;

const NOT_ASKED: &str = "the object database was not asked";

pub fn take(desk: &mut Desk) {
    let document = desk.document;
    let mut named: Vec<Bytes> =
        document.codes.iter().zip(&desk.spans).filter(|(_, span)| **span == Span::Commit).map(|(code, _)| code.content.clone()).collect();
    for range in &document.texts {
        named.extend(in_text(desk.text(range), range.start));
    }
    for range in named {
        let id = desk.text(&range).to_owned();
        let draft = Draft { kind: ReferenceKind::Commit, text: id.clone(), target: id.clone(), range };
        let at = desk.add(draft, Verdict::unchecked(NOT_ASKED));
        desk.ask(at, Question::Commit(id));
    }
}

/// Seven to forty hex digits with a digit and a letter, right after `commit` or `commits`.
fn in_text(text: &str, base: usize) -> Vec<Bytes> {
    let mut found = Vec::new();
    for (at, word) in text.match_indices("ommit") {
        let after = &text[at + word.len()..];
        let after = after.strip_prefix('s').unwrap_or(after);
        let Some(rest) = after.strip_prefix(' ') else { continue };
        let start = text.len() - rest.len();
        let length = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let id = &rest[..length];
        let hex = id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let mixed = id.bytes().any(|byte| byte.is_ascii_digit()) && id.bytes().any(|byte| byte.is_ascii_alphabetic());
        if hex && mixed && (7..=40).contains(&length) {
            found.push(base + start..base + start + length);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_after_the_word_are_commits() {
        let text = "commit a1b2c3d, Commits 0123abc and abcdefg; commit 1234567, commit deadbeef, discommit a1b2c3d4";
        let found: Vec<&str> = in_text(text, 0).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, ["a1b2c3d", "0123abc", "a1b2c3d4"]);
    }
}
