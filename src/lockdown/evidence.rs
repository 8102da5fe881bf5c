//! What shows that a word names a commit or a release tag of this very repository.
//!
//! Colours, digests and ids of other things look like commits, and every software has versions: only what the words right
//! beside such a word say makes it one whose absence is a defect. A digest or a version of another thing is none; that one is an
//! example, or will come, is for a marker to say.

use super::{desk::Desk, presence};
use crate::text::{constant::pattern, markdown::Bytes};
use regex::Regex;
use std::{collections::BTreeMap, sync::LazyLock};

/// Words between which and the id stand other ids of the same list, at most.
const LIST: &str = r"(?:(?:`[^`\n]{1,60}`\]?(?:\([^)\s]*\))?|[0-9a-f]{7,40}\b|v[0-9]+\.[0-9][0-9A-Za-z.-]*)[\s,;&/]*(?:(?:and|or|to|through|then)\s+)?\.{0,3})*[`(\[*_]*$";

static COMMIT_BEFORE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r#"(?i)\b(?:commits?|sha|sha-?1|revisions?|rev|revert(?:s|ed|ing)?|merge[sd]?|merging|cherry[- ]?pick(?:s|ed|ing)?|at)(?:\s+(?:as|at|are|back|by|from|hash|id|in|into|is|of|sha|the|to|was|with))*[\s:=(\[*_'"]*{LIST}"#
    ))
});

/// `Kubernetes commit`, `test-infra commit`: of another repository, by its name.
static COMMIT_OF_NAMED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\S\s+(?:[A-Z][a-z]\w*|[a-z]+-[a-z]+)\s+(?:commits?|revisions?|SHA|sha)(?:\s+(?:at|hash|id|is|of|was))*[\s:=(\[*_'\x22]*[`(\[*_]*$",
    )
});

static COMMIT_AFTER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^[`*_\]]*\s+(?:(?:commit|revision|merge|revert)s?\b|(?:(?:was|is|got|has\s+been)\s+)?(?:reverted|merged|cherry[- ]?picked)\b|(?:reverts|merges)\b)",
    )
});

/// The word before `tag` or `release` must be none that names other software.
static TAG_BEFORE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r#"(?i)(?:^|[.:;,(*_|>-]\s*|\b(?:a|an|and|as|at|by|check(?:ed)?\s+out|current|from|git|in|is|last|latest|of|on|or|our|previous|see|since|stable|the|this|to|until|under|with)\s+)(?:tags?|tagged|releases?|release\s+tags?)(?:\s+(?:as|at|called|from|is|was))*[\s:=(\[*_'"]*{LIST}"#
    ))
});

static TAG_AFTER: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)^[`*_)\]]*\s+(?:git\s+|release\s+)?tags?\b"));

/// Where a version or an id right before it belongs to something with a name.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?:^|\b(?i:a|an|and|at|check(?:ed)?\s+out|from|in|of|on|or|our|since|the|this|to|until|use|with))\s*[`(\[*_]*$")
});

static OF_OTHERS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:chart|checksum|colou?rs?|container|dependenc(?:y|ies)|digests?|docker|fingerprint|forks?|hex|images?|md5|sha-?(?:256|384|512)|submodules?|upstream|vendor(?:ed)?)\b",
    )
});

static OF_REPOSITORY: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)^[`*_)\]]*\s+(?:of|in|from|on|at)\s+(?:the\s+)?[`\[*_]*(?P<owner>[\w-]+)/[\w-]+(?:[`\]),;:*_\s]|\.?$)"));

/// Whether the id in these bytes must be a commit of this repository. `link`: the destination of a link around it.
pub fn of_commit(desk: &Desk, range: &Bytes, link: Option<&str>) -> bool {
    let (before, after) = around(desk, range);
    let whole = range.len() == 40;
    let named = COMMIT_BEFORE.is_match(before) || COMMIT_AFTER.is_match(after);
    (named || whole) && !COMMIT_OF_NAMED.is_match(before) && is_ours(desk, before, after, link)
}

/// The same for an id that might be any word, so that something must call it a commit.
pub fn of_word(desk: &Desk, range: &Bytes, link: Option<&str>) -> bool {
    range.len() < 40 && of_commit(desk, range, link)
}

/// Whether the version in these bytes must be a release tag of this repository.
pub fn of_release(desk: &Desk, range: &Bytes, link: Option<&str>) -> bool {
    let (before, after) = around(desk, range);
    let named = TAG_BEFORE.is_match(before) || TAG_AFTER.is_match(after) && NAMED.is_match(before);
    named && !presence::says_gone(before, after) && is_ours(desk, before, after, link)
}

/// The same for what is written as `refs/tags/…`, which calls itself one.
pub fn of_tag(desk: &Desk, range: &Bytes) -> bool {
    let (before, after) = around(desk, range);
    !presence::says_gone(before, after) && is_ours(desk, before, after, None)
}

/// What stands in the plain text of a protocol document, in order, where the words around it (`sure`) or the column of a table
/// say what it is; with whether it was the words. `found`: everything of this shape in a text.
pub fn in_page(desk: &Desk, column: &Regex, found: impl Fn(&str) -> Vec<Bytes>, sure: impl Fn(&Bytes) -> bool) -> Vec<(Bytes, bool)> {
    if !desk.strict {
        return Vec::new();
    }
    let texts = &desk.document.texts;
    let found = |range: &Bytes| {
        let start = range.start;
        found(desk.text(range)).into_iter().map(move |found| start + found.start..start + found.end)
    };
    let named = texts.iter().flat_map(found).filter(sure).map(|range| ((range.start, range.end), true));
    let is_text = |range: &Bytes| {
        let text = texts.get(texts.partition_point(|text| text.end < range.end));
        text.is_some_and(|text| text.start <= range.start && range.end <= text.end)
    };
    let mut told: BTreeMap<(usize, usize), bool> = named.collect();
    for table in &desk.document.tables {
        for (at, _) in table.header.iter().enumerate().filter(|(_, cell)| column.is_match(cell.text.trim())) {
            let cells = table.rows.iter().filter_map(|row| row.get(at));
            for range in cells.flat_map(|cell| found(&cell.range)).filter(is_text) {
                told.entry((range.start, range.end)).or_insert(false);
            }
        }
    }
    told.into_iter().map(|((start, end), sure)| (start..end, sure)).collect()
}

/// Whether a command in a sentence names what this repository must have.
pub fn of_command(desk: &Desk, range: &Bytes) -> bool {
    let (before, after) = around(desk, range);
    !presence::says_gone(before, after) && is_ours(desk, before, after, None)
}

fn is_ours(desk: &Desk, before: &str, after: &str, link: Option<&str>) -> bool {
    let other = OF_REPOSITORY.captures(after).is_some_and(|found| !desk.library.index.has_folder(&found["owner"]));
    let elsewhere = link.is_some_and(|link| link.contains("://"));
    !(other || elsewhere || OF_OTHERS.is_match(before) || OF_OTHERS.is_match(after))
}

/// The rest of the sentence on both sides.
fn around<'a>(desk: &Desk<'a, '_>, range: &Bytes) -> (&'a str, &'a str) {
    let sentence = desk.layout.sentence(range.start);
    (desk.text(&(sentence.start..range.start)), desk.text(&(range.end..sentence.end.max(range.end))))
}
