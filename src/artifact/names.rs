//! How a snapshot is named on the command line: by the beginning of its digest, or by a tag; a bundle also by its rail and version.
//!
//! A digest is never a path: what is not hexadecimal is a tag, and tags have no separators.

use super::{BUNDLE, bundle::Label, log::State, manifest::Index};
use crate::domain::Digest;
use std::{collections::BTreeSet, fmt, str::FromStr};

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// 8 to 64 hexadecimal digits.
    Prefix(String),
    Tag(Tag),
    /// `rail@version`.
    Version {
        rail: String,
        version: String,
    },
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Wanted, String> {
        let digits = text.strip_prefix("sha256:").unwrap_or(text);
        if is_prefix(digits) {
            return Ok(Wanted::Prefix(digits.to_owned()));
        }
        if let Some((rail, version)) = text.split_once('@') {
            let Label { rail, version, .. } = Label::new(rail, version, (None, None))?;
            return Ok(Wanted::Version { rail, version });
        }
        if text.starts_with("sha256:") || text.contains('/') || is_hex(text) && text.len() < 8 {
            return Err("8 to 64 hexadecimal digits of a digest are wanted, or a tag".to_owned());
        }
        text.parse().map(Wanted::Tag)
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Prefix(digits) => f.write_str(digits),
            Wanted::Tag(tag) => f.write_str(tag.as_str()),
            Wanted::Version { rail, version } => write!(f, "{rail}@{version}"),
        }
    }
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
}

fn is_prefix(text: &str) -> bool {
    (8..=64).contains(&text.len()) && is_hex(text)
}

/// A name that a person gave, in the form that registries allow, and not to be taken for a digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag(String);

impl Tag {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = String;

    fn from_str(text: &str) -> Result<Tag, String> {
        let first = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let rest = text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        if !first || !rest || text.len() > 128 {
            return Err("a tag has letters, digits, `_`, `.` and `-`, at most 128, and begins with none of the last two".to_owned());
        }
        if is_hex(text) || is_reserved(text) {
            return Err("a tag must not look like a digest".to_owned());
        }
        Ok(Tag(text.to_owned()))
    }
}

/// What begins the names of digests: of snapshots, of bundles, and of what refers to a digest.
const OF_DIGESTS: [&str; 3] = ["snapshot-", "bundle-", "sha256-"];

/// The name that every snapshot has in `index.json`.
pub fn of_digest(artifact_type: &str, digest: &Digest) -> String {
    let [snapshot, bundle, _] = OF_DIGESTS;
    format!("{}{}", if artifact_type == BUNDLE { bundle } else { snapshot }, digest.hex())
}

/// Whether a name belongs to a digest, so that nobody gives it as a tag.
pub fn is_reserved(name: &str) -> bool {
    OF_DIGESTS.iter().any(|begin| name.strip_prefix(begin).is_some_and(|rest| rest.len() == 64 && is_hex(rest)))
}

/// What a name leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Led {
    To(Digest),
    Nowhere,
    /// More than one begins so.
    Ambiguous(Vec<Digest>),
}

/// The snapshot of an index that is meant.
pub fn lead(index: &Index, state: &State, wanted: &Wanted) -> Led {
    let found: BTreeSet<&Digest> = match wanted {
        Wanted::Prefix(prefix) => index.snapshots().filter(|digest| digest.hex().starts_with(prefix.as_str())).collect(),
        Wanted::Tag(tag) => index.tagged(tag.as_str()).collect(),
        // By the log, which keeps what a version means; a manifest may say anything.
        Wanted::Version { rail, version } => {
            state.versions.get(&(rail.clone(), version.clone())).into_iter().filter(|digest| index.has(digest)).collect()
        }
    };
    let mut found: Vec<Digest> = found.into_iter().cloned().collect();
    match found.len() {
        0 => Led::Nowhere,
        1 => Led::To(found.swap_remove(0)),
        _ => Led::Ambiguous(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_never_a_path() {
        for text in ["0123abcd", "sha256:0123abcd", &"a".repeat(64)] {
            assert!(matches!(text.parse(), Ok(Wanted::Prefix(_))), "{text}");
        }
        for text in ["before-release", "v1.4.0", "ABCDEF0123", "_x"] {
            assert!(matches!(text.parse(), Ok(Wanted::Tag(_))), "{text}");
        }
        assert!(matches!("routing@1.4.0".parse(), Ok(Wanted::Version { .. })));
        let (long, reserved) = ("a".repeat(65), format!("sha256-{}", "a".repeat(64)));
        for text in [
            "",
            "abc",
            "../../../etc/passwd",
            "a/b",
            "sha256:../x",
            "sha256:abc",
            "-x",
            ".x",
            &long,
            &reserved,
            "a b",
            "0123abcde/..",
            "a@",
            "@1",
            "a@1@2",
        ] {
            assert!(text.parse::<Wanted>().is_err(), "{text}");
        }
    }
}
