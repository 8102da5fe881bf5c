//! Whether a sentence says of a thing that it is gone.
//!
//! One closed table of turns, each right beside the thing, so that a sentence that removes one thing and names another is not
//! misread. Such a sentence makes a claim that the tree proves or refutes. Deliberately absent: everything else that English
//! can say of a file (it will come, it is an example, it should be deleted, it may be there). Markers say that.
//! The letters and blanks of these turns are those of ASCII, which makes the patterns cheap to prepare.

use crate::text::constant::pattern;
use regex::Regex;
use std::sync::LazyLock;

/// Behind the thing: `was removed in 1.4`, `(deleted)`, `does not exist`, `no longer exists`, `is no more`.
static AFTER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i-u)^[`*_]*\)?\s*(?:(?:file|folder|script|variable|command|gate)s?\s+)?(?:(?:was|were|is|are|has been|have been|got|been)\s+(?:since\s+|now\s+)?(?:removed|deleted|dropped|gone|retired)\b(?:\s*$|\s*[.;,:)]|\s+(?:in|with|by|since|on|for good|again)\b)|\((?:since\s+|now\s+)?(?:removed|deleted|dropped|gone|retired)(?:\s+(?:in|with|by|since|on)\b[ -(*-~]*)?\)|(?:does|do|did)\s+not\s+exist\b|doesn(?:'|\u{2019})t\s+exist\b|no\s+longer\s+exists?\b|(?:is|are)\s+no\s+more\b)",
    )
});

/// Before it: `removed`, `deleted`, `dropped`, `there is no`.
static BEFORE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i-u)(?:\bthere\s+(?:is|are|was|were)\s+no|\b(?:removed|deleted|dropped)(?:\s+the)?(?:\s+(?:file|folder|script|variable|command)s?)?)\s*[`*_(]*$",
    )
});

/// "What `x` made is gone" and "the list in `x` was removed" speak of another thing.
static OF_ANOTHER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i-u)\b(?:at|by|for|from|in|inside|of|on|through|to|under|using|via|with|within)\s+(?:the\s+)?(?:(?:file|folder|script|command)\s+)?[`*_(]*$",
    )
});

/// "If `x` was deleted" does not say that it was.
static CONDITION: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i-u)\b(?:if|when|unless|whether|once|until|where|nothing|never|should)\b"));

/// `before` and `after`: the rest of the sentence on both sides of the thing.
pub fn says_gone(before: &str, after: &str) -> bool {
    (BEFORE.is_match(before) || AFTER.is_match(after)) && !OF_ANOTHER.is_match(before) && !CONDITION.is_match(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_say_what_is_gone() {
        for sentence in [
            "`X` was removed in 1.4.",
            "The file `X` has been deleted.",
            "`X` does not exist.",
            "`X` (removed) is next to `y`",
            "`X` (deleted in 1.4)",
            "`X` no longer exists",
            "`X` doesn\u{2019}t exist",
            "`X` doesn't exist",
            "There is no `X` any more.",
            "We removed `X` because of it",
        ] {
            let (before, after) = sentence.split_once('X').unwrap();
            assert!(says_gone(before, after), "{sentence}");
        }
    }

    #[test]
    fn nothing_else_says_so() {
        for sentence in [
            "See `X` for more.",
            "`X` (removed the old parser)",
            "`X` was removed from the list of gates",
            "`X` says that `y` was removed.",
            "Files removed by `X` are gone.",
            "The file at `X` was deleted.",
            "Nothing in `X` was removed.",
            "When `X` does not exist, make it.",
            "Should `X` be deleted, stop.",
            "Removing the file `X` is fine",
            "Delete `X`.",
            "`X` will hold the record",
            "The run creates `X`",
            "The report is generated: `X`",
            "`X` is planned",
            "`X` is not yet there",
            "It writes `X`",
            "`X` was renamed to `y`.",
            "Formerly `X`.",
            "Use `y` instead of `X`.",
            "See e.g. `X`",
            "a file like `X`",
            "Read `X` if it exists.",
            "If present, `X` is read",
            "Go on once `X` passes.",
        ] {
            let (before, after) = sentence.split_once('X').unwrap();
            assert!(!says_gone(before, after), "{sentence}");
        }
    }
}
