//! Commits: abbreviated ids in code spans, in text after the word `commit`, and in commands of git. Whether one exists is a
//! question; that it must exist needs more than its shape ([`super::evidence`]).

use super::{
    census::{Question, ReferenceKind, Verdict},
    desk::{Desk, Draft},
    evidence,
    extract::spans::{self, Span},
    landmarks::Word,
};
use crate::text::{constant::pattern, markdown::Bytes};
use regex::Regex;
use std::{collections::BTreeSet, sync::LazyLock};

const NOT_ASKED: &str = "the object database was not asked";
const PERHAPS: &str = "no commit here, and nothing beside it says that it is one";

/// A commit or a tag that a command names.
pub struct Named {
    pub range: Bytes,
    /// It must be one of this repository.
    pub sure: bool,
}

pub fn take(desk: &mut Desk, by_commands: &[Named]) {
    let document = desk.document;
    let spans = document.codes.iter().zip(&desk.spans).filter(|(_, span)| **span == Span::Commit);
    let in_code = spans.map(|(code, _)| (code.content.clone(), evidence::of_commit(desk, &code.content, code.link.as_deref())));
    // A word of letters is one only where something calls it so.
    let words = document
        .codes
        .iter()
        .zip(&desk.spans)
        .filter(|(code, span)| matches!(span, Span::Name(name) if is_hex(name) && *name == code.text));
    let words = words.filter(|(code, _)| evidence::of_word(desk, &code.content, code.link.as_deref()));
    let words = words.map(|(code, _)| (code.content.clone(), true));
    let in_text = desk.landmarks.spots(Word::Commit).iter().filter_map(|spot| {
        let text = &document.texts[spot.text];
        let found = id_after(desk.text(text), spot.at - text.start)?;
        Some(text.start + found.start..text.start + found.end)
    });
    let in_text = in_text.map(|range| (range.clone(), evidence::of_commit(desk, &range, None)));
    let in_commands = by_commands.iter().filter(|named| spans::is_commit(desk.text(&named.range)));
    let in_commands = in_commands.map(|named| (named.range.clone(), named.sure));
    let mut found: Vec<(Bytes, bool)> = in_code.chain(words).chain(in_text).chain(in_commands).collect();
    let known: BTreeSet<usize> = found.iter().map(|(range, _)| range.start).collect();
    let ids = |text: &str| ID.find_iter(text).map(|found| found.range()).filter(|range| spans::is_commit(&text[range.clone()])).collect();
    let in_page = evidence::in_page(desk, &COLUMN, ids, |range| evidence::of_commit(desk, range, None));
    found.extend(in_page.into_iter().filter(|(range, _)| !known.contains(&range.start)));
    for (range, sure) in found {
        let id = desk.text(&range).to_owned();
        let draft = Draft { kind: ReferenceKind::Commit, text: id.clone(), target: id.clone(), range };
        let at = desk.add(draft, Verdict::unchecked(if sure { NOT_ASKED } else { PERHAPS }));
        desk.ask(at, Question::Commit { id, sure });
    }
}

static ID: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?-u:\b)[0-9a-f]{7,40}(?-u:\b)"));

static COLUMN: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)^(?:git )?(?:commit|sha|revision)s?(?: (?:id|hash|sha))?$"));

fn is_hex(text: &str) -> bool {
    (7..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Seven to forty hex digits with a digit and a letter, right after the `commit` or `commits` whose `ommit` starts here.
fn id_after(text: &str, at: usize) -> Option<Bytes> {
    let after = text.get(at..)?.strip_prefix("ommit")?;
    let rest = after.strip_prefix('s').unwrap_or(after).strip_prefix(' ')?;
    let start = text.len() - rest.len();
    let length = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
    spans::is_commit(&rest[..length]).then_some(start..start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_after_the_word_are_commits() {
        let text = "commit a1b2c3d, Commits 0123abc and abcdefg; commit 1234567, commit deadbeef, discommit a1b2c3d4";
        let found: Vec<&str> = text.match_indices("ommit").filter_map(|(at, _)| id_after(text, at)).map(|range| &text[range]).collect();
        assert_eq!(found, ["a1b2c3d", "0123abc", "a1b2c3d4"]);
    }
}
