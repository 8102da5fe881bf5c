//! Logs: documents that are only added to.
//!
//! A log that is continued holds all bytes of the older one, in one piece or with the new entries between its head and the
//! rest. The head is nothing, the metadata, the metadata with the first heading of level 1, or all before the second
//! heading; so new entries may stand at the end, at the start, or newest first under a title. New text has lines of its own.
//! Deliberately absent: what an entry is, and who may add one.

use super::{declared, resolve::is_markdown};
use crate::text::markdown;
use serde::{Deserialize, Serialize};

/// What became of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// Nothing but new text came to it.
    Whole,
    /// The first line, counted from 1, that is not what was there.
    Changed { line: u32 },
    /// There is no such file any more.
    Removed,
}

/// Whether one of these entries of `documents.log` names this file.
pub fn is_one(entries: &[String], file: &str) -> bool {
    entries.iter().any(|entry| declared::names(entry, file))
}

pub fn compare(file: &str, old: &[u8], new: &[u8]) -> Kept {
    let heads = heads(file, old);
    if heads.iter().any(|head| is_continued(old.split_at(*head), new)) {
        return Kept::Whole;
    }
    let (old, new): (Vec<&[u8]>, Vec<&[u8]>) = (lines(old), lines(new));
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let more = new.len().saturating_sub(old.len());
    let wrong = |lower: usize| {
        let new = &new;
        old.iter().enumerate().skip(same).filter(move |(at, line)| new.get(at + lower) != Some(line))
    };
    // Old lines stand where they stood, or so many lower; whichever fits better is how the log is written.
    let lower = if wrong(more).count() < wrong(0).count() { more } else { 0 };
    let first = wrong(lower).next().map_or(same, |(at, _)| at + lower);
    Kept::Changed { line: (first + 1).min(new.len().max(1)) as u32 }
}

/// Whether `new` is the head, new lines, and the rest.
fn is_continued((head, rest): (&[u8], &[u8]), new: &[u8]) -> bool {
    let Some(added) = new.strip_prefix(head).and_then(|new| new.strip_suffix(rest)) else { return false };
    let starts_a_line = head.is_empty() || head.ends_with(b"\n") || added.starts_with(b"\n") || added.starts_with(b"\r\n");
    added.is_empty() || starts_a_line && (rest.is_empty() || added.ends_with(b"\n"))
}

/// Where new text may begin.
fn heads(file: &str, old: &[u8]) -> Vec<usize> {
    let mut heads = vec![old.len(), 0];
    let Some(text) = std::str::from_utf8(old).ok().filter(|_| is_markdown(file)) else { return heads };
    let document = markdown::parse(text);
    let front = document.front_matter.as_ref().map_or(0, |range| range.end);
    heads.push(front);
    let line_of = |at: usize| text[..at].rfind('\n').map_or(0, |end| end + 1);
    if let Some(title) = document.headings.first().filter(|heading| heading.level == 1 && !heading.nested)
        && text[front..line_of(title.range.start)].trim().is_empty()
    {
        heads.extend(document.block_from(title.range.end).map(|block| line_of(block.range.start)));
        heads.extend(document.headings.get(1).map(|heading| line_of(heading.range.start)));
    }
    heads
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|byte| *byte == b'\n').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_only_added_to() {
        let newest_first = "# Log\n\nWhat was released.\n\n## 1.1\n\nb\n\n## 1.0\n\na\n";
        for (old, new) in [
            ("a\n", "a\n"),
            ("a\n", "a\nb\n"),
            ("a", "a\nb"),
            ("", "a"),
            ("a\n", "b\na\n"),
            ("---\nx: 1\n---\na\n", "---\nx: 1\n---\nb\na\n"),
            ("# Log\n\na\n", "# Log\n\nb\n\na\n"),
            (newest_first, "# Log\n\nWhat was released.\n\n## 1.2\n\nc\n\n## 1.1\n\nb\n\n## 1.0\n\na\n"),
            ("Log\n===\n\na\n", "Log\n===\n\nb\na\n"),
            ("# Log\r\n\r\na\r\n", "# Log\r\n\r\nb\r\na\r\n"),
        ] {
            assert_eq!(compare("docs/log.md", old.as_bytes(), new.as_bytes()), Kept::Whole, "{old:?} {new:?}");
        }
        for (old, new, line) in [
            ("a\nb\n", "a\nB\nc\n", 2),
            ("a\nb\n", "a\n", 1),
            ("a\nb\nc\n", "a\nc\nd\n", 2),
            ("a", "ab\n", 1),
            ("a\n", "b a\n", 1),
            ("a\nb\nc\n", "d\na\nB\nc\n", 3),
            ("# Log\n\nb\n\na\n", "# Log\n\nc\n\nb\n\nA\n", 7),
            ("# Log\n\nb\n\na\n", "# Logs\n\nb\n\na\n\nc\n", 1),
            ("## 1.0\n\na\n\n## 0.9\n\nb\n", "## 1.0\n\na\n\nmore\n\n## 0.9\n\nb\n", 5),
            ("a\n", "", 1),
        ] {
            let found = compare("docs/log.md", old.as_bytes(), new.as_bytes());
            assert!(matches!(found, Kept::Changed { .. }), "{old:?} {new:?}");
            assert_eq!(found, Kept::Changed { line }, "{old:?} {new:?}");
        }
        assert_eq!(compare("log.txt", b"# Log\n\na\n", b"# Log\n\nb\na\n"), Kept::Changed { line: 3 }, "only Markdown has a title");
    }
}
