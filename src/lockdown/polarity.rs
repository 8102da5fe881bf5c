//! What a sentence says of a thing: that it is there, that it is gone, or that it will come.
//!
//! Read from a few plain English turns right around the thing, so that a sentence that removes one thing and names another
//! is not misread. The letters and blanks of these turns are those of ASCII, which makes the patterns cheap to prepare.

use crate::text::constant::pattern;
use regex::Regex;
use std::sync::LazyLock;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polarity {
    There,
    Gone,
    /// It may be gone: a condition, an order, an old name.
    Perhaps,
    /// Not yet, or never: an example.
    Coming,
}

static GONE_AFTER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i-u)^[`*_]*\)?\s*(?:(?:file|folder|script|variable|command|gate)s?\s+)?(?:(?:was|were|is|are|has been|have been|got|been)\s+(?:since\s+|now\s+)?(?:removed|deleted|dropped|gone|retired)\b(?:\s*$|\s*[.;,:)]|\s+(?:in|with|by|since|on|for good|again)\b)|\((?:since\s+|now\s+)?(?:removed|deleted|dropped|gone|retired)(?:\s+(?:in|with|by|since|on)\b[ -(*-~]*)?\)|(?:does|do|did)\s+not\s+exist\b|doesn(?:'|\u{2019})t\s+exist\b|no\s+longer\s+exists?\b|(?:is|are)\s+no\s+more\b)",
    )
});

static GONE_BEFORE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i-u)(?:\bthere\s+(?:is|are|was|were)\s+no|\b(?:removed|deleted|dropped|removes|deletes|drops|removing|deleting)(?:\s+the)?(?:\s+(?:file|folder|script|variable|command)s?)?)\s*[`*_(]*$",
    )
});

static OBJECT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i-u)\b(?:at|by|for|from|in|inside|of|on|through|to|under|using|via|with|within)\s+(?:the\s+)?(?:(?:file|folder|script|command)\s+)?[`*_(]*$",
    )
});

static PERHAPS_AFTER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i-u)^[`*_]*\)?\s*(?:(?:was|were|is|has been|got)\s+)?(?:since\s+|now\s+)?(?:renamed|moved|replaced)\b"));

static PERHAPS_BEFORE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i-u)\b(?:formerly|previously|instead\s+of|renamed|replaces|replaced|moved(?:\s+from)?|was\s+called|were\s+called|no\s+longer|(?:delete|remove|drop)(?:\s+the)?)(?:\s+(?:file|folder|script|variable|command)s?)?(?:\s+(?:in|at|by|from))?\s*[`*_(]*$",
    )
});

static CONDITION: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i-u)\b(?:if|when|unless|whether|once|until|where|nothing|never|should)\b"));

static EXAMPLE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i-u)(?:\be\.\s?g\.|\bfor\s+(?:example|instance)|\bsuch\s+as|\blike)[,:]?\s*[`*_(]*$"));

static COMING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i-u)\b(?:will|creat(?:e|es|ed|ing)|generat(?:e|es|ed|ing)|produc(?:e|es|ed|ing)|to\s+be\s+(?:added|written|made|built)|not\s+yet|planned|upcoming)\b",
    )
});

static OPTIONAL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i-u)\bif\s+(?:(?:it|they|this|that|one)\s+(?:exists?|(?:is|are)\s+(?:there|present))|present|there\s+(?:is|are)\s+(?:one|any))\b",
    )
});

static WRITTEN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i-u)\b(?:writes?|saves?|saved|outputs?|emits?)(?:\s+(?:a|an|file|into|it|its\s+\w+|report|results?|the|them|to))*\s*[`*_(]*$",
    )
});

/// `before` and `after`: the rest of the sentence on both sides of the thing.
pub fn of(before: &str, after: &str) -> Polarity {
    if GONE_BEFORE.is_match(before) || GONE_AFTER.is_match(after) {
        // "What `x` made is gone" says nothing of `x`; "the file at `x` is gone" does.
        if OBJECT.is_match(before) {
            return Polarity::Perhaps;
        }
        return if CONDITION.is_match(before) { Polarity::Perhaps } else { Polarity::Gone };
    }
    if PERHAPS_AFTER.is_match(after) || PERHAPS_BEFORE.is_match(before) {
        return Polarity::Perhaps;
    }
    if EXAMPLE.is_match(before) {
        return Polarity::Coming;
    }
    if OPTIONAL.is_match(before) || OPTIONAL.is_match(after) {
        return Polarity::Perhaps;
    }
    if WRITTEN.is_match(before) || COMING.is_match(before) || COMING.is_match(after) {
        return Polarity::Coming;
    }
    Polarity::There
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_say_what_is_there() {
        use Polarity::{Coming, Gone, Perhaps, There};
        for (sentence, expected) in [
            ("See `X` for more.", There),
            ("`X` was removed in 1.4.", Gone),
            ("The file `X` has been deleted.", Gone),
            ("`X` does not exist.", Gone),
            ("`X` (removed) is next to `y`", Gone),
            ("`X` (deleted in 1.4)", Gone),
            ("`X` (removed the old parser)", There),
            ("Files removed by `X` are gone.", Perhaps),
            ("The file at `X` was deleted.", Perhaps),
            ("`X` no longer exists", Gone),
            ("`X` doesn\u{2019}t exist", Gone),
            ("`X` doesn't exist", Gone),
            ("There is no `X` any more.", Gone),
            ("We removed `X` because of it", Gone),
            ("Removing the file `X` is fine", Gone),
            ("`X` was removed from the list of gates", There),
            ("`X` says that `y` was removed.", There),
            ("`X` will hold the record", Coming),
            ("The run creates `X`", Coming),
            ("`X` is planned", Coming),
            ("`X` is not yet there", Coming),
            ("The goodwill of `X`", There),
            ("`X` was renamed to `y`.", Perhaps),
            ("`X` is called by the job.", There),
            ("Go on once `X` passes.", There),
            ("Formerly `X`.", Perhaps),
            ("Use `y` instead of `X`.", Perhaps),
            ("Delete `X`.", Perhaps),
            ("When `X` does not exist, make it.", Perhaps),
            ("Nothing in `X` was removed.", Perhaps),
            ("See e.g. `X`", Coming),
            ("such as `X`", Coming),
            ("It writes `X`", Coming),
            ("The report is saved to `X`.", Coming),
            ("It writes what `X` says", There),
            ("Read `X` if it exists.", Perhaps),
            ("If present, `X` is read", Perhaps),
            ("If it runs, `X` is read", There),
        ] {
            let (before, after) = sentence.split_once('X').unwrap();
            assert_eq!(of(before, after), expected, "{sentence}");
        }
    }
}
