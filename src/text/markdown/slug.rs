//! GitHub's anchors of headings.
//!
//! The rule, as GitHub's own renderer shows it: lower case; only letters, marks, decimal digits, connector punctuation,
//! blanks and hyphens stay; each blank becomes a hyphen; a second heading of the same anchor gets `-1`, a third `-2`, and
//! a number that is taken already is passed over.

use regex::Regex;
use std::{collections::HashMap, sync::LazyLock};

/// What an anchor loses. The pattern is a constant, compiled by every test of this module.
#[allow(clippy::expect_used)]
static DROPPED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\- ]").expect("constant pattern"));

/// The anchor of a heading's shown text, not looking at other headings.
pub fn slug(text: &str) -> String {
    // Most headings are; the same rule, a few times as fast.
    if text.is_ascii() {
        let kept = text.bytes().filter(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b' '));
        return kept.map(|byte| if byte == b' ' { '-' } else { char::from(byte.to_ascii_lowercase()) }).collect();
    }
    by_classes(text)
}

fn by_classes(text: &str) -> String {
    DROPPED.replace_all(&text.to_lowercase(), "").replace(' ', "-")
}

/// Gives anchors that are unique within one document; ask in the order of its headings.
#[derive(Clone, Debug, Default)]
pub struct Slugs {
    /// Anchors in use, with the number that was last appended to each.
    taken: HashMap<String, usize>,
}

impl Slugs {
    pub fn next(&mut self, text: &str) -> String {
        let plain = slug(text);
        let Some(&last) = self.taken.get(&plain) else {
            self.taken.insert(plain.clone(), 0);
            return plain;
        };
        let mut number = last + 1;
        let mut numbered = format!("{plain}-{number}");
        while self.taken.contains_key(&numbered) {
            number += 1;
            numbered = format!("{plain}-{number}");
        }
        self.taken.insert(plain, number);
        self.taken.insert(numbered.clone(), 0);
        numbered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn anchors_follow_the_rule() {
        for (text, anchor) in [
            ("Gate 1 — Health", "gate-1--health"),
            ("What's new?", "whats-new"),
            ("snake_case & kebab-case", "snake_case--kebab-case"),
            ("🚀 Launch", "-launch"),
            ("❤️ Care", "\u{fe0f}-care"),
            ("Über Größe ÀÉ", "über-größe-àé"),
            ("日本語 テスト", "日本語-テスト"),
            ("a/b.c(d)[e]", "abcde"),
            ("Δοκιμή", "δοκιμή"),
            ("½ of ⑤", "-of-"),
            ("tab\there", "tabhere"),
            ("zero\u{200d}width", "zerowidth"),
            ("", ""),
        ] {
            assert_eq!(slug(text), anchor, "{text}");
        }
    }

    #[test]
    fn duplicates_are_numbered_and_pass_over_what_is_taken() {
        let mut slugs = Slugs::default();
        let given: Vec<String> = ["a", "A", "a-1", "a", "a-1", "", ""].iter().map(|text| slugs.next(text)).collect();
        assert_eq!(given, ["a", "a-1", "a-1-1", "a-2", "a-1-2", "", "-1"]);
    }

    proptest! {
        #[test]
        fn plain_letters_follow_the_same_rule(text in "[ -~\t\n]{0,40}") {
            prop_assert_eq!(slug(&text), by_classes(&text));
        }

        #[test]
        fn deterministic_and_unique_within_a_document(headings in proptest::collection::vec("[aA][-1 ]{0,3}|\\PC{0,8}", 0..40)) {
            let give = || { let mut slugs = Slugs::default(); headings.iter().map(|text| slugs.next(text)).collect::<Vec<_>>() };
            let once = give();
            prop_assert_eq!(&once, &give());
            let unique: std::collections::BTreeSet<&String> = once.iter().collect();
            prop_assert_eq!(unique.len(), once.len());
            prop_assert!(once.iter().all(|slug| !slug.contains([' ', '#', '/', '?'])));
        }
    }
}
