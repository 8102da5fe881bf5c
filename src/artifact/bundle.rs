//! Bundles: a snapshot of the files that a rail describes, with rail, version and window of effect in its manifest.
//!
//! What a bundle says of itself is in the manifest, so that its digest and every signature cover it. A rail and a version name one
//! digest for ever: another window is another bundle, and needs another version. The log of the store remembers which, also of what
//! was pruned.
//!
//! Deliberately absent: an order of versions. Which bundle is in force is said by what names it, never by a comparison.

use crate::domain::{Finding, Timestamp};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

const RAIL: &str = "vnd.tagwarden.bundle.rail";
const VERSION: &str = "vnd.tagwarden.bundle.version";
const FROM: &str = "vnd.tagwarden.bundle.effective-from";
const TO: &str = "vnd.tagwarden.bundle.effective-to";

/// What a bundle says beside its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    pub rail: String,
    pub version: String,
    /// The first moment at which it is in force; `None`: always before its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_from: Option<Timestamp>,
    /// The first moment at which it is not in force any more; `None`: it has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_to: Option<Timestamp>,
}

/// Where a moment is in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Scheduled(Timestamp),
    Effective,
    Expired(Timestamp),
}

impl Phase {
    pub const fn word(self) -> &'static str {
        match self {
            Phase::Scheduled(_) => "scheduled",
            Phase::Effective => "effective",
            Phase::Expired(_) => "expired",
        }
    }
}

impl Label {
    /// The error says which rule is broken.
    pub fn new(rail: &str, version: &str, window: (Option<Timestamp>, Option<Timestamp>)) -> Result<Label, String> {
        for (what, text) in [("rail", rail), ("version", version)] {
            let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c));
            if !plain || !text.starts_with(|c: char| c.is_ascii_alphanumeric()) || text.len() > 128 {
                let text = text.escape_debug();
                return Err(format!("`{text}` is not a {what}: letters, digits, `.`, `_`, `+` and `-`, beginning with a letter or digit"));
            }
        }
        let (effective_from, effective_to) = window;
        match window {
            (Some(from), Some(to)) if from >= to => Err(format!("its window is never open: it begins at {from} and ends at {to}")),
            _ => Ok(Label { rail: rail.to_owned(), version: version.to_owned(), effective_from, effective_to }),
        }
    }

    /// What its captures are compared by.
    pub fn source(&self) -> String {
        format!("bundle {}", self.rail)
    }

    pub fn phase(&self, now: Timestamp) -> Phase {
        match (self.effective_from, self.effective_to) {
            (Some(from), _) if now < from => Phase::Scheduled(from),
            (_, Some(to)) if now >= to => Phase::Expired(to),
            _ => Phase::Effective,
        }
    }

    /// What is to be said of a moment at which it is not in force: that it is not yet is a warning.
    pub fn out_of_window(&self, phase: Phase) -> Option<Finding> {
        match phase {
            Phase::Effective => None,
            Phase::Scheduled(from) => Some(Finding::warning("bundle/scheduled", format!("{self} is not in force before {from}"))),
            Phase::Expired(to) => Some(Finding::error("bundle/expired", format!("{self} is not in force any more since {to}"))),
        }
    }

    /// Whether both are in force at some moment. A window that is open at both ends says nothing of time and overlaps with none.
    pub fn overlaps(&self, other: &Label) -> bool {
        let is_bound = |label: &Label| label.effective_from.is_some() || label.effective_to.is_some();
        let before = |end: Option<Timestamp>, begin: Option<Timestamp>| end.zip(begin).is_some_and(|(end, begin)| end <= begin);
        let apart = before(self.effective_to, other.effective_from) || before(other.effective_to, self.effective_from);
        self.rail == other.rail && is_bound(self) && is_bound(other) && !apart
    }

    pub(super) fn annotations(&self) -> BTreeMap<String, String> {
        let mut annotations = BTreeMap::from([(RAIL.to_owned(), self.rail.clone()), (VERSION.to_owned(), self.version.clone())]);
        annotations.extend(self.effective_from.map(|time| (FROM.to_owned(), time.to_string())));
        annotations.extend(self.effective_to.map(|time| (TO.to_owned(), time.to_string())));
        annotations
    }

    pub(super) fn read(annotations: &BTreeMap<String, String>) -> Result<Label, String> {
        let text = |name: &str| annotations.get(name).map(String::as_str);
        let time = |name: &str| text(name).map(str::parse::<Timestamp>).transpose();
        let (Some(rail), Some(version)) = (text(RAIL), text(VERSION)) else {
            return Err("it is a bundle and does not say its rail and version".to_owned());
        };
        Label::new(rail, version, (time(FROM)?, time(TO)?))
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.rail, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<Timestamp> {
        Some(format!("{text}T00:00:00Z").parse().unwrap())
    }

    fn label(window: (Option<Timestamp>, Option<Timestamp>)) -> Label {
        Label::new("routing", "1", window).unwrap()
    }

    #[test]
    fn a_window_has_its_beginning_and_not_its_end() {
        let (from, to) = (at("2026-02-01"), at("2026-03-01"));
        for (window, now, phase) in [
            ((None, None), "2026-02-01", "effective"),
            ((from, to), "2026-01-31", "scheduled"),
            ((from, to), "2026-02-01", "effective"),
            ((from, to), "2026-02-28", "effective"),
            ((from, to), "2026-03-01", "expired"),
            ((from, None), "2030-01-01", "effective"),
            ((None, to), "2000-01-01", "effective"),
            ((None, to), "2026-03-01", "expired"),
        ] {
            assert_eq!(label(window).phase(at(now).unwrap()).word(), phase, "{window:?} {now}");
        }
        let before_the_end = Timestamp::from_unix(to.unwrap().unix() - 1);
        assert_eq!(label((from, to)).phase(before_the_end), Phase::Effective);
    }

    #[test]
    fn windows_that_are_never_open_and_words_that_are_no_names_are_refused() {
        for window in [(at("2026-03-01"), at("2026-02-01")), (at("2026-03-01"), at("2026-03-01"))] {
            assert!(Label::new("routing", "1", window).unwrap_err().contains("never open"));
        }
        for (rail, version) in [("", "1"), ("a/b", "1"), ("..", "1"), ("routing", ""), ("routing", "1 2"), ("routing", "-1"), ("r@x", "1")]
        {
            assert!(Label::new(rail, version, (None, None)).is_err(), "{rail} {version}");
        }
    }

    #[test]
    fn what_a_manifest_says_reads_back_and_half_of_it_does_not() {
        for window in [(None, None), (at("2026-02-01"), None), (at("2026-02-01"), at("2026-03-01"))] {
            let label = label(window);
            assert_eq!(Label::read(&label.annotations()), Ok(label));
        }
        let mut half = label((at("2026-02-01"), None)).annotations();
        half.insert(FROM.to_owned(), "soon".to_owned());
        assert!(Label::read(&half).is_err());
        half.remove(FROM);
        half.remove(VERSION);
        assert!(Label::read(&half).unwrap_err().contains("rail and version"));
    }

    #[test]
    fn overlapping_windows_of_one_rail_are_found() {
        let (one, two, three) = (at("2026-01-01"), at("2026-02-01"), at("2026-03-01"));
        for (left, right, overlap) in [
            ((one, two), (two, three), false),
            ((one, three), (two, None), true),
            ((None, two), (one, None), true),
            ((None, one), (one, None), false),
            ((None, None), (one, None), false),
        ] {
            assert_eq!(label(left).overlaps(&label(right)), overlap, "{left:?} {right:?}");
            assert_eq!(label(right).overlaps(&label(left)), overlap, "{right:?} {left:?}");
        }
        let other = Label::new("other", "1", (one, three)).unwrap();
        assert!(!label((one, three)).overlaps(&other));
    }
}
