//! Finds mentions of pull requests and issues in what a document shows: text, headings, cells, code spans; in code blocks only
//! where a word before says that the number is one.

use crate::{
    lockdown::{
        extract::spans::Span,
        landmarks::{self, Landmarks},
        urls::Origin,
    },
    text::{
        markdown::{Bytes, Document},
        source::Source,
    },
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    pub word: Word,
    /// `owner/repo`, where another repository is named.
    pub repo: Option<String>,
    pub issue: bool,
    pub range: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    One(u64),
    /// From the first to the last, as written.
    Range(u64, u64),
}

/// The mentions in the order of the text. `origin`: the repository of the document.
pub fn mentions(source: &Source, document: &Document, spans: &[Span], landmarks: &Landmarks, origin: Option<&Origin>) -> Vec<Mention> {
    let text = |range: &Bytes| source.text.get(range.clone()).unwrap_or_default();
    let mut found = Vec::new();
    for spots in landmarks.spots(landmarks::Word::Number).chunk_by(|one, other| one.text == other.text) {
        let Some(range) = spots.first().and_then(|spot| document.texts.get(spot.text)) else { continue };
        scan(text(range), range.start, spots.iter().map(|spot| spot.at - range.start), Where::Prose, &mut found);
    }
    for (code, span) in document.codes.iter().zip(spans) {
        if *span == Span::Pull {
            let text = text(&code.content);
            scan(text, code.content.start, signs(text), Where::Prose, &mut found);
        }
    }
    for fence in &document.fences {
        let text = text(&fence.content);
        scan(text, fence.content.start, signs(text), Where::Code, &mut found);
    }
    let own = |repo: &mut String| origin.is_some_and(|origin| origin.name.eq_ignore_ascii_case(repo));
    for mention in &mut found {
        mention.repo.take_if(own);
    }
    found.sort_by_key(|mention| mention.range.start);
    found
}

/// Words whose number is no pull request's.
const NUMBERED: &[&str] = &[
    "section", "sections", "step", "steps", "item", "items", "point", "points", "rule", "rules", "color", "colour", "chapter", "figure",
    "table", "row", "line", "question", "page", "part", "phase", "gate", "option", "note", "number", "priority", "version", "the", "top",
    "our",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    Prose,
    Code,
}

/// Where number signs stand.
fn signs(text: &str) -> impl Iterator<Item = usize> {
    memchr::memchr_iter(b'#', text.as_bytes())
}

/// `signs`: where the number signs of the text stand, in their order.
fn scan(text: &str, base: usize, signs: impl Iterator<Item = usize>, place: Where, found: &mut Vec<Mention>) {
    let mut from = 0;
    for at in signs {
        // The second one of a range.
        if at < from {
            continue;
        }
        let Some((number, end)) = number(text, at + 1) else { continue };
        let (repo, start) = repo(text, at);
        if repo.is_none() && !opens(text, at) {
            continue;
        }
        let before = word_before(&text[..start]);
        if place == Where::Code && !says_pull(&before) {
            continue;
        }
        let (word, end) = match range_end(text, number, end) {
            Some((last, end)) => (Word::Range(number, last), end),
            None => (Word::One(number), end),
        };
        // A number sign may number anything.
        if repo.is_none() && NUMBERED.contains(&before.as_str()) {
            continue;
        }
        let issue = matches!(before.as_str(), "issue" | "issues" | "bug" | "bugs" | "ticket" | "tickets");
        found.push(Mention { word, repo, issue, range: base + start..base + end });
        from = end;
    }
}

/// Up to nine digits that nothing goes on with.
fn number(text: &str, at: usize) -> Option<(u64, usize)> {
    whole(text, at).filter(|(_, end)| end - at <= 9)
}

/// Digits that nothing goes on with; a number that is too large is the largest one.
fn whole(text: &str, at: usize) -> Option<(u64, usize)> {
    let digits = text[at..].bytes().take_while(u8::is_ascii_digit).count();
    let end = at + digits;
    let rest = &text[end..];
    let mut next = rest.chars();
    let goes_on = match next.next() {
        Some('-') => next.next().is_some_and(char::is_alphabetic),
        Some('.') => next.next().is_some_and(char::is_alphanumeric),
        Some(c) => c.is_alphanumeric() || c == '_' || c == ';',
        None => false,
    };
    if digits == 0 || text[at..].starts_with('0') {
        return None;
    }
    let value = text[at..end].parse().unwrap_or(u64::MAX);
    // `;` ends an HTML entity only after `&`.
    let goes_on = goes_on && (!rest.starts_with(';') || text[..at - 1].ends_with('&'));
    (!goes_on).then_some((value, end))
}

/// `owner/repo` right before the number sign, and where it starts.
fn repo(text: &str, at: usize) -> (Option<String>, usize) {
    let before = &text[..at];
    let lawful = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let start = before.rfind(|c: char| !lawful(c)).map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    let name = &before[start..];
    match name.split_once('/') {
        Some((owner, repo)) if !owner.is_empty() && !repo.is_empty() && !repo.contains('/') => (Some(name.to_owned()), start),
        _ => (None, at),
    }
}

/// Whether a number sign may open a mention here. `PR#3` does without a blank.
fn opens(text: &str, at: usize) -> bool {
    let word = ["PR", "PRs", "MR"].iter().find_map(|word| text[..at].strip_suffix(word));
    if word.is_some_and(|before| !before.ends_with(|c: char| c.is_alphanumeric() || "_/-.".contains(c))) {
        return true;
    }
    text[..at].chars().next_back().is_none_or(|c| {
        !(c.is_alphanumeric() || "_#&/.=:?".contains(c)) || c == '/' && text[..at - 1].ends_with(|c: char| c.is_ascii_digit())
    })
}

/// `–#337`, `-337`, ` - #337`, ` to #337`, ` through #337`: the last number, and where the range ends. A bare number that is smaller than
/// the first one belongs to something else, as in `#1038-1`.
fn range_end(text: &str, first: u64, at: usize) -> Option<(u64, usize)> {
    let rest = &text[at..];
    let dash = ["\u{2013}", "\u{2014}", "\u{2012}", "\u{2010}", "\u{2011}", "\u{2212}", "-", "..", "\u{2026}"];
    let word = [" to ", " through ", " thru ", " bis "];
    let apart = [" \u{2013} ", " - "];
    let (joint, marked) = match dash.iter().find(|dash| rest.starts_with(**dash)) {
        Some(dash) => (dash.len(), false),
        None => (word.iter().chain(&apart).find(|word| rest.starts_with(**word))?.len(), true),
    };
    let after = at + joint;
    match text[after..].strip_prefix('#') {
        // A dash between blanks may part two thoughts, or all members of a list.
        Some(_) if apart.contains(&&rest[..joint]) => {
            let goes_on = |end: &usize| apart.iter().any(|dash| text[*end..].strip_prefix(dash).is_some_and(|rest| rest.starts_with('#')));
            whole(text, after + 1).filter(|(last, end)| *last > first && !goes_on(end))
        }
        Some(_) => whole(text, after + 1),
        // After a word a bare number may count anything.
        None if marked => None,
        None => whole(text, after).filter(|(last, _)| *last >= first),
    }
}

/// The word before, in lower case, across blanks, brackets and other mentions of the same list.
fn word_before(before: &str) -> String {
    let trimmed = before.trim_end_matches(|c: char| c.is_whitespace() || "([{,/+&".contains(c));
    let start = trimmed.rfind(|c: char| !c.is_alphabetic()).map_or(0, |at| at + trimmed[at..].chars().next().map_or(1, char::len_utf8));
    trimmed[start..].to_lowercase()
}

fn says_pull(word: &str) -> bool {
    matches!(
        word,
        "pr" | "prs"
            | "pull"
            | "request"
            | "requests"
            | "issue"
            | "issues"
            | "post"
            | "per"
            | "after"
            | "before"
            | "see"
            | "fixes"
            | "closes"
            | "from"
            | "since"
            | "until"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, place: Where) -> Vec<String> {
        let mut found = Vec::new();
        scan(text, 0, signs(text), place, &mut found);
        let show = |mention: &Mention| format!("{}{}", &text[mention.range.clone()], if mention.issue { " issue" } else { "" });
        found.iter().map(show).collect()
    }

    #[test]
    fn mentions_are_told_from_other_number_signs() {
        for (text, expected) in [
            ("(PR #312) and #7, #8/#9", vec!["#312", "#7", "#8", "#9"]),
            ("#305\u{2013}#337 open", vec!["#305\u{2013}#337"]),
            ("#305-#337, #305-337, #1..#3", vec!["#305-#337", "#305-337", "#1..#3"]),
            ("#305 to #337 and #1 through #2", vec!["#305 to #337", "#1 through #2"]),
            ("#1 - #4, #1 \u{2013} #4, #1 - 4", vec!["#1 - #4", "#1 \u{2013} #4", "#1"]),
            ("#9 - #3; #1 - #2 - #3", vec!["#9", "#3", "#1", "#2 - #3"]),
            ("PR#7, the PRs#8, XPR#9 and a/PR#9", vec!["#7", "#8", "a/PR#9"]),
            ("#305 #337 and #1 to 5", vec!["#305", "#337", "#1"]),
            (
                "#1038-1, #1\u{2013}#99999999999, #7-#99999999999999999999999, #9-#3",
                vec!["#1038", "#1\u{2013}#99999999999", "#7-#99999999999999999999999", "#9-#3"],
            ),
            ("post-#334 merge", vec!["#334"]),
            ("example/tool#3 and a/b/c#4", vec!["example/tool#3"]),
            ("issue #5", vec!["#5 issue"]),
            ("PR314A #12a #a1 #0 x#3 &#35; ##4 #1_2 #1234567890", vec![]),
            ("see #319's body; #320; #321.", vec!["#319", "#320", "#321"]),
            ("#3-a #4.5", vec![]),
            ("The #1 priority; section #4; color #123; the PRs #5 and #6", vec!["#5", "#6"]),
        ] {
            assert_eq!(told(text, Where::Prose), expected, "{text}");
        }
        assert_eq!(told("# Backup (PR #320)\n// (post #334 merge)\ncolor: #333; #12 x", Where::Code), ["#320", "#334"]);
    }
}
