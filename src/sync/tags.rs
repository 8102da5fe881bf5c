//! Releases of a repository that has no ledger: which of its tags readers should see.
//!
//! A tag counts whose whole name fits one of the patterns. The newest is that with the highest version by semver's precedence; a date
//! (`release-2026-11-21`, `2026.11.21`) is lower than any version. Readers never go back by themselves: a tag that is deleted changes
//! nothing, and one that moved after it was published is refused. Going back is a new tag, with a higher version, at the old commit.
//!
//! Deliberately absent: dates of commits and tags, which whoever makes them chooses.

use super::{state::State, step::Wanted};
use crate::domain::{Digest, Finding, Oid, RefName};
use regex::Regex;
use semver::Version;

#[derive(Clone, Debug)]
pub struct Tags {
    patterns: Vec<Regex>,
    /// Whether tags count that are no objects of their own: nobody is named who made them, and when.
    pub lightweight: bool,
    /// Whether versions with a part such as `-rc.1` are left out.
    pub stable: bool,
}

impl PartialEq for Tags {
    fn eq(&self, other: &Tags) -> bool {
        let texts = |tags: &Tags| tags.patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect::<Vec<_>>();
        (texts(self), self.lightweight, self.stable) == (texts(other), other.lightweight, other.stable)
    }
}

impl Eq for Tags {}

/// How new a tag is. Every version is newer than every date.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Date([u32; 3], String),
    Version(Version),
}

/// A tag of the remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    pub name: String,
    pub commit: Oid,
    pub is_annotated: bool,
}

/// What readers should see, and what is wrong with the tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    pub tag: Option<Tag>,
    pub wanted: Option<Wanted>,
    /// Errors forbid that anything new is published.
    pub findings: Vec<Finding>,
}

/// A pattern of names, from the first to the last character.
pub fn pattern(text: &str) -> Result<Regex, String> {
    let is_anchored = text.starts_with('^') && text.ends_with('$') && !text.ends_with("\\$");
    // An alternative without parentheses would be anchored on one side alone.
    let alternatives = Regex::new(&format!("^(?:{text})$")).map_err(|_| format!("`{text}` is no regular expression"))?;
    if is_anchored && !has_open_alternative(text) {
        return Ok(alternatives);
    }
    Err(format!("`{text}` does not say where names begin and end: ^...$, alternatives in parentheses"))
}

fn has_open_alternative(text: &str) -> bool {
    let (mut depth, mut is_escaped, mut in_class) = (0_i32, false, false);
    for character in text.chars() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => depth += 1,
            ')' if !in_class => depth -= 1,
            '|' if !in_class && depth == 0 => return true,
            _ => {}
        }
    }
    false
}

impl Tags {
    pub fn new(patterns: Vec<Regex>, lightweight: bool, stable: bool) -> Tags {
        Tags { patterns, lightweight, stable }
    }

    /// How the patterns are shown, and told from those of another store.
    pub fn shown(&self) -> String {
        let patterns: Vec<&str> =
            self.patterns.iter().map(|pattern| &pattern.as_str()["^(?:".len()..pattern.as_str().len() - ")$".len()]).collect();
        format!("tags {}", patterns.join(" "))
    }

    /// Chooses among the tags of the remote. `state`: what the store says, where there is one; `shape`: how rows are made.
    pub fn choose(&self, tags: &[Tag], state: Option<&State>, shape: &Digest) -> Chosen {
        let mut findings = Vec::new();
        let mut newest: Option<(Rank, &Tag)> = None;
        for tag in tags.iter().filter(|tag| self.patterns.iter().any(|pattern| pattern.is_match(&tag.name))) {
            let Some(rank) = rank(&tag.name) else {
                findings.push(Finding::warning(
                    "sync/unranked-tag",
                    format!("the tag {} names neither a version nor a date, so it is left out", tag.name),
                ));
                continue;
            };
            if self.stable && matches!(&rank, Rank::Version(version) if !version.pre.is_empty()) {
                continue;
            }
            if !tag.is_annotated && !self.lightweight {
                let message = format!("the tag {} is lightweight: it does not say who made it and when, so it is left out", tag.name);
                let help = format!("`git tag -a {} COMMIT` makes one that does; `sync.lightweight: true` takes such tags", tag.name);
                findings.push(Finding::warning("sync/lightweight-tag", message).help(help));
                continue;
            }
            // Of two names with one version, the one that comes first.
            if newest.as_ref().is_none_or(|(known, best)| (known, std::cmp::Reverse(&best.name)) < (&rank, std::cmp::Reverse(&tag.name))) {
                newest = Some((rank, tag));
            }
        }
        let live = state.and_then(|state| state.live.as_ref());
        let wanted = |serial: u64, tag: &Tag| {
            let Tag { name, commit, .. } = tag.clone();
            Some(Wanted { serial, release: name, commit, shape: shape.clone(), from: None })
        };
        let Some(live) = live else {
            let tag = newest.map(|(_, tag)| tag.clone());
            return Chosen { wanted: tag.as_ref().and_then(|tag| wanted(1, tag)), tag, findings };
        };
        let there = tags.iter().find(|tag| tag.name == live.release);
        match newest {
            Some((rank, tag)) if self::rank(&live.release).is_none_or(|published| published < rank) => {
                Chosen { wanted: wanted(live.serial + 1, tag), tag: Some(tag.clone()), findings }
            }
            _ => {
                // What is live stays.
                let stays = Wanted {
                    serial: live.serial,
                    release: live.release.clone(),
                    commit: live.commit.clone(),
                    shape: shape.clone(),
                    from: None,
                };
                let problem = match there {
                    Some(tag) if tag.commit == live.commit => None,
                    Some(tag) => Some((
                        "sync/tag-moved",
                        format!("the tag {} is at {} now, and was published at {}", tag.name, tag.commit.short(), live.commit.short()),
                    )),
                    None => {
                        Some(("sync/tag-missing", format!("the tag {}, which readers see, is not on the remote any more", live.release)))
                    }
                };
                let help = "readers see what they saw; publish another state under a new version";
                findings.extend(problem.map(|(code, message)| Finding::error(code, message).help(help)));
                Chosen { wanted: Some(stays), tag: there.cloned(), findings }
            }
        }
    }
}

/// Tags by their names, of the refs of a remote.
pub fn of_refs<'r>(refs: impl Iterator<Item = (&'r RefName, &'r Oid, Option<&'r Oid>)>) -> Vec<Tag> {
    refs.filter_map(|(name, oid, peeled)| {
        let name = name.as_str().strip_prefix("refs/tags/")?.to_owned();
        Some(Tag { name, commit: peeled.unwrap_or(oid).clone(), is_annotated: peeled.is_some() })
    })
    .collect()
}

/// By the first place in the name, behind its last `/`, that a version or a date can begin at.
fn rank(name: &str) -> Option<Rank> {
    let name = name.rsplit('/').next().unwrap_or(name);
    let starts =
        name.char_indices().filter(|(at, character)| character.is_ascii_digit() && !name[..*at].ends_with(|c: char| c.is_ascii_digit()));
    for (at, _) in starts {
        let text = &name[at..];
        if let Some(date) = date(text) {
            return Some(date);
        }
        if let Ok(version) = Version::parse(text) {
            return Some(Rank::Version(version));
        }
    }
    None
}

/// `2026-11-21`, `2026.11.21` or `20261121`, and what follows.
fn date(text: &str) -> Option<Rank> {
    let digits =
        |from: usize, to: usize| text.get(from..to).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))?.parse::<u32>().ok();
    let separator = text.get(4..5)?;
    let (month, day, end) = match separator {
        "-" | "." if text.get(7..8) == Some(separator) => (digits(5, 7)?, digits(8, 10)?, 10),
        _ => (digits(4, 6)?, digits(6, 8)?, 8),
    };
    let year = digits(0, 4)?;
    let rest = text.get(end..)?;
    let is_date = (1900..=2999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    (is_date && !rest.starts_with(|character: char| character.is_ascii_digit())).then(|| Rank::Date([year, month, day], rest.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::Timestamp,
        sync::state::{Lease, Live, Source},
    };

    fn tag(name: &str, letter: &str) -> Tag {
        Tag { name: name.into(), commit: letter.repeat(40).parse().unwrap(), is_annotated: true }
    }

    fn tags(lightweight: bool, stable: bool) -> Tags {
        let patterns = [r"^v\d+\.\d+\.\d+(-[a-z0-9.]+)?$", r"^release-\d{4}-\d{2}-\d{2}$"];
        Tags::new(patterns.map(|text| pattern(text).unwrap()).to_vec(), lightweight, stable)
    }

    fn state(release: &str, letter: &str) -> State {
        let live = Live {
            number: 4,
            serial: 7,
            release: release.into(),
            commit: letter.repeat(40).parse().unwrap(),
            shape: Digest::of(b"s"),
            since: Timestamp::from_unix(0),
        };
        let source = Source { genesis: "f".repeat(40).parse().unwrap(), channel: "tags".into() };
        State { source, live: Some(live), lease: Lease::default(), snapshots: Vec::new(), attempt: None }
    }

    /// `serial tag`, then the codes.
    fn chosen(by: &Tags, there: &[Tag], state: Option<&State>) -> String {
        let chosen = by.choose(there, state, &Digest::of(b"s"));
        let wanted = chosen.wanted.map(|wanted| format!("{} {} {}", wanted.serial, wanted.release, &wanted.commit.as_str()[..1]));
        let codes: Vec<String> = chosen.findings.into_iter().map(|finding| finding.code).collect();
        [vec![wanted.unwrap_or("nothing".into())], codes].concat().join(" ")
    }

    #[test]
    fn patterns_say_where_names_begin_and_end() {
        for text in [r"^v\d+$", "^(a|b)$", r"^v[|$]\d$"] {
            assert!(pattern(text).is_ok(), "{text}");
        }
        for text in [r"v\d+", r"^v\d+", r"v\d+$", "^a|b$", r"^v\$", "^($"] {
            assert!(pattern(text).is_err(), "{text}");
        }
        assert!(!pattern(r"^v\d+$").unwrap().is_match("v1-hotfix"));
    }

    #[test]
    fn the_newest_is_that_with_the_highest_version_and_dates_are_lower() {
        let all = tags(false, false);
        for (names, want) in [
            (&["v1.9.0", "v1.10.0"][..], "1 v1.10.0 a"),
            (&["v1.1.0-rc.1", "v1.0.0"], "1 v1.1.0-rc.1 a"),
            (&["v1.1.0-rc.1", "v1.1.0"], "1 v1.1.0 a"),
            (&["v1.1.0-rc.2", "v1.1.0-rc.10"], "1 v1.1.0-rc.10 a"),
            (&["release-2026-11-21", "v0.0.1"], "1 v0.0.1 a"),
            (&["release-2026-11-21", "release-2026-02-28"], "1 release-2026-11-21 a"),
            (&["v1.0.0-hotfix/x", "main", "v1"], "nothing"),
            (&["release-2026-13-21"], "nothing sync/unranked-tag"),
            (&[], "nothing"),
        ] {
            let there: Vec<Tag> = names.iter().map(|name| tag(name, "a")).collect();
            assert_eq!(chosen(&all, &there, None), want, "{names:?}");
        }
        let there = [tag("v1.1.0-rc.1", "a"), tag("v1.0.0", "b")];
        assert_eq!(chosen(&tags(false, true), &there, None), "1 v1.0.0 b", "stable alone");
    }

    #[test]
    fn lightweight_tags_count_only_where_that_is_said() {
        let there = [Tag { is_annotated: false, ..tag("v1.1.0", "a") }, tag("v1.0.0", "b")];
        assert_eq!(chosen(&tags(false, false), &there, None), "1 v1.0.0 b sync/lightweight-tag");
        assert_eq!(chosen(&tags(true, false), &there, None), "1 v1.1.0 a");
    }

    #[test]
    fn readers_never_go_back_by_themselves() {
        let all = tags(false, false);
        let live = state("v1.1.0", "a");
        for (there, want) in [
            (vec![tag("v1.1.0", "a"), tag("v1.0.0", "b")], "7 v1.1.0 a"),
            (vec![tag("v1.1.0", "c")], "7 v1.1.0 a sync/tag-moved"),
            (vec![tag("v1.0.0", "b")], "7 v1.1.0 a sync/tag-missing"),
            (vec![], "7 v1.1.0 a sync/tag-missing"),
            // A new version at the old commit goes back.
            (vec![tag("v1.1.0", "a"), tag("v1.1.1", "b")], "8 v1.1.1 b"),
            (vec![tag("v1.2.0", "d"), tag("v1.1.1", "b")], "8 v1.2.0 d"),
            (vec![tag("v1.1.0", "a"), tag("release-2026-11-21", "b")], "7 v1.1.0 a"),
        ] {
            assert_eq!(chosen(&all, &there, Some(&live)), want, "{there:?}");
        }
    }
}
