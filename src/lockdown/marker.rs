//! Markers: comments by which a writer says how a part of a document is to be judged.
//!
//! `<!-- tagwarden: ignore|expect-missing|as-of REV|watch|count NAME = rows(table N) -- reason -->` holds for the next block,
//! or at the end of a line for that line. A marker needs its reason; one that is malformed, or that nothing uses, is told.

use crate::{
    domain::Finding,
    text::{
        markdown::{Bytes, Document},
        near,
    },
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    pub what: What,
    pub reason: String,
    /// Where it holds.
    pub scope: Bytes,
    /// The comment.
    pub range: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Ignore,
    ExpectMissing,
    /// Judged by the tree of this commit.
    AsOf(String),
    /// The whole target is locked by its digest.
    Watch,
    /// The number beside this word is that of the rows of this table, counted from 1.
    Count {
        name: String,
        table: usize,
    },
}

const SIGN: &str = "tagwarden:";

const WORDS: &[&str] = &["ignore", "expect-missing", "as-of", "watch", "count"];

/// The markers of a document in the order of its text, and what is wrong with others that wanted to be one.
pub fn read(text: &str, document: &Document) -> (Vec<Marker>, Vec<(Bytes, Finding)>) {
    let mut markers = Vec::new();
    let mut wrong = Vec::new();
    for comment in &document.comments {
        let said = text.get(comment.text_range.clone()).unwrap_or_default();
        let Some(said) = said.trim().strip_prefix(SIGN) else { continue };
        let scope = scope(text, document, &comment.range);
        match parse(said.trim()) {
            Ok((what, reason)) => markers.push(Marker { what, reason, scope, range: comment.range.clone() }),
            Err((message, help)) => {
                let finding = Finding::error("docs/bad-marker", message);
                wrong.push((comment.range.clone(), help.into_iter().fold(finding, Finding::help)));
            }
        }
    }
    (markers, wrong)
}

/// Whether the text of a comment is, or wanted to be, a marker.
pub fn is_marker(said: &str) -> bool {
    said.trim_start().starts_with(SIGN)
}

fn parse(said: &str) -> Result<(What, String), (String, Option<String>)> {
    let (order, reason) = said.split_once("--").unwrap_or((said, ""));
    let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut words = order.split_whitespace();
    let word = words.next().unwrap_or_default();
    let rest: Vec<&str> = words.collect();
    let what = match (word, rest.as_slice()) {
        ("ignore", []) => What::Ignore,
        ("expect-missing", []) => What::ExpectMissing,
        ("watch", []) => What::Watch,
        ("as-of", [rev]) if !rev.starts_with('-') => What::AsOf((*rev).to_owned()),
        ("count", rest) => count(&rest.join(" ")).ok_or_else(|| {
            ("the marker `count` is not understood".to_owned(), Some("it has the form `count NAME = rows(table N)`".to_owned()))
        })?,
        (word, _) if WORDS.contains(&word) => {
            let help = if word == "as-of" { "`as-of` takes one revision" } else { "it takes nothing but its reason" };
            return Err((format!("the marker `{word}` is not understood"), Some(help.to_owned())));
        }
        (word, _) => {
            let help = match near::nearest(word, WORDS.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the markers are {}", WORDS.join(", ")),
            };
            return Err((format!("there is no marker `{}`", word.escape_debug()), Some(help)));
        }
    };
    if reason.is_empty() {
        return Err((format!("the marker `{word}` has no reason"), Some("say why after `--`".to_owned())));
    }
    Ok((what, reason))
}

/// `gates = rows(table 2)`
fn count(text: &str) -> Option<What> {
    let (name, value) = text.split_once('=')?;
    let number = value.trim().strip_prefix("rows(")?.strip_suffix(')')?.trim().strip_prefix("table")?.trim();
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let table = number.parse().ok().filter(|number| *number > 0)?;
    (!name.is_empty()).then_some(What::Count { name, table })
}

/// The line of a comment that ends it; else the next block.
fn scope(text: &str, document: &Document, range: &Bytes) -> Bytes {
    let start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[range.end..].find('\n').map_or(text.len(), |at| range.end + at);
    if document.tables.iter().rev().any(|table| table.range.contains(&range.start)) {
        return start..end;
    }
    let before = text[start..range.start].trim_start_matches([' ', '\t', '>', '-', '*', '+']);
    if !before.is_empty() && text[range.end..end].trim().is_empty() || text[range.end..end].trim() == "|" {
        return start..end;
    }
    document.block_from(range.end).map_or(range.end..range.end, |block| block.range.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::markdown;

    fn told(text: &str) -> Vec<String> {
        let (markers, wrong) = read(text, &markdown::parse(text));
        let shown = markers.iter().map(|marker| format!("{:?} [{}] {}", marker.what, &text[marker.scope.clone()], marker.reason));
        let wrong = wrong.iter().map(|(range, finding)| format!("{}: {}", &text[range.clone()], finding.message));
        shown.chain(wrong).collect()
    }

    #[test]
    fn markers_hold_for_the_next_block_or_their_line() {
        for (text, expected) in [
            ("<!-- tagwarden: ignore -- an example -->\n\none\ntwo\n\nthree", "Ignore [one\ntwo] an example"),
            (
                "one `x.md` <!-- tagwarden: expect-missing -- made later -->\ntwo",
                "ExpectMissing [one `x.md` <!-- tagwarden: expect-missing -- made later -->] made later",
            ),
            ("<!-- tagwarden: as-of v1.0.0 -- history -->\n- a\n- b\n\nc", "AsOf(\"v1.0.0\") [- a\n- b] history"),
            ("<!-- tagwarden:watch -- w -->\n\n| a |\n|---|\n| b |", "Watch [| a |\n|---|\n| b |] w"),
            (
                "<!--\n  tagwarden: count gates = rows(table 2)\n  -- they agree\n-->\n7 gates",
                "Count { name: \"gates\", table: 2 } [7 gates] they agree",
            ),
            ("<!-- tagwarden: ignore -->\nx", "<!-- tagwarden: ignore -->: the marker `ignore` has no reason"),
            ("<!-- tagwarden: ignroe -- x -->\nx", "<!-- tagwarden: ignroe -- x -->: there is no marker `ignroe`"),
            ("<!-- tagwarden: as-of -- x -->\nx", "<!-- tagwarden: as-of -- x -->: the marker `as-of` is not understood"),
            ("<!-- tagwarden: count x -- x -->\nx", "<!-- tagwarden: count x -- x -->: the marker `count` is not understood"),
            ("a <!-- tagwarden: ignore -- x --> b\n\nnext", "Ignore [next] x"),
            ("- <!-- tagwarden: ignore -- x -->\n\nnext", "Ignore [next] x"),
            (
                "| a | b |\n|---|---|\n| c <!-- tagwarden: ignore -- x --> | d |\n| e | f |\n\nnext",
                "Ignore [| c <!-- tagwarden: ignore -- x --> | d |] x",
            ),
            ("| a |\n|---|\n| b <!-- tagwarden: ignore -- x --> |\n\nnext", "Ignore [| b <!-- tagwarden: ignore -- x --> |] x"),
            ("<!-- tagwarden: as-of --x y -- z -->\nx", "<!-- tagwarden: as-of --x y -- z -->: the marker `as-of` is not understood"),
            ("<!-- tagwarden: as-of -x -- z -->\nx", "<!-- tagwarden: as-of -x -- z -->: the marker `as-of` is not understood"),
            (
                "<!-- tagwarden: count x = rows(table 0) -- z -->\nx",
                "<!-- tagwarden: count x = rows(table 0) -- z -->: the marker `count` is not understood",
            ),
            (
                "<!-- tagwarden: count = rows(table 1) -- z -->\nx",
                "<!-- tagwarden: count = rows(table 1) -- z -->: the marker `count` is not understood",
            ),
        ] {
            assert_eq!(told(text), [expected], "{text}");
        }
        assert_eq!(told("<!-- a comment -->\nx `<!-- tagwarden: ignore -- x -->`"), [] as [&str; 0]);
    }

    #[test]
    fn what_is_wrong_with_a_marker_is_helped() {
        for (marker, help) in [
            ("ignroe -- x", "did you mean `ignore`?"),
            ("zzzzzzzz -- x", "the markers are ignore, expect-missing, as-of, watch, count"),
            ("as-of -- x", "`as-of` takes one revision"),
            ("watch it -- x", "it takes nothing but its reason"),
            ("count x -- x", "it has the form `count NAME = rows(table N)`"),
            ("watch", "say why after `--`"),
        ] {
            let text = format!("<!-- tagwarden: {marker} -->\nx");
            let (_, wrong) = read(&text, &markdown::parse(&text));
            assert_eq!(wrong[0].1.help.as_deref(), Some(help), "{marker}");
        }
    }
}
