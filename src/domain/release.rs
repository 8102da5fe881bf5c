//! Releases and the tags that name them.

use super::name::{ChannelName, Oid, PackageName, RefName};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A package and a version, before its commit is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReleaseName {
    pub package: PackageName,
    pub version: semver::Version,
}

impl fmt::Display for ReleaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.package, self.version)
    }
}

impl FromStr for ReleaseName {
    type Err = String;

    fn from_str(text: &str) -> Result<ReleaseName, String> {
        let (package, version) =
            text.rsplit_once('@').ok_or_else(|| format!("`{}` is not written as package@1.4.0", text.escape_debug()))?;
        let package = package.parse()?;
        let version = semver::Version::parse(version)
            .map_err(|why| format!("`{}` is not a semantic version such as 1.4.0: {why}", version.escape_debug()))?;
        Ok(ReleaseName { package, version })
    }
}

/// A release as somebody names it, before the protocol says which one is meant: `package@1.4.0`, or the name of a release tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseWord {
    Name(ReleaseName),
    Tag(RefName),
}

impl FromStr for ReleaseWord {
    type Err = String;

    /// A tag's name is stricter here than git is: what would act in a URL or a shell is refused, and so is what has no version.
    fn from_str(text: &str) -> Result<ReleaseWord, String> {
        if text.contains('@') {
            return text.parse().map(ReleaseWord::Name);
        }
        let tag = text.strip_prefix("refs/tags/").unwrap_or(text);
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-+/".contains(c);
        let name = format!("refs/tags/{tag}").parse().ok().filter(|_| tag.chars().all(plain) && has_version(tag));
        name.map(ReleaseWord::Tag)
            .ok_or_else(|| format!("`{}` names no release: write package@1.4.0, or a release tag such as v1.4.0", text.escape_debug()))
    }
}

impl fmt::Display for ReleaseWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReleaseWord::Name(name) => name.fmt(f),
            ReleaseWord::Tag(name) => f.write_str(name.tag().unwrap_or(name.as_str())),
        }
    }
}

/// Whether three numbers with dots between stand somewhere.
fn has_version(text: &str) -> bool {
    let (mut numbers, mut digits) = (0, 0);
    for c in text.chars() {
        (numbers, digits) = match c {
            '0'..='9' => (numbers, digits + 1),
            '.' if digits > 0 => (numbers + 1, 0),
            _ => (0, 0),
        };
        if numbers >= 2 && digits > 0 {
            return true;
        }
    }
    false
}

/// A release: a name bound to a commit, and to its annotated tag where that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    pub package: PackageName,
    pub version: semver::Version,
    pub commit: Oid,
    /// The release tag's object id.
    pub tag: Option<Oid>,
}

impl Release {
    pub fn name(&self) -> ReleaseName {
        ReleaseName { package: self.package.clone(), version: self.version.clone() }
    }
}

/// Where a release stands; computed, never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReleaseState {
    Draft,
    Committed,
    Staged,
    Released,
    Superseded,
    Archived,
}

impl ReleaseState {
    pub const fn slug(self) -> &'static str {
        match self {
            ReleaseState::Draft => "draft",
            ReleaseState::Committed => "committed",
            ReleaseState::Staged => "staged",
            ReleaseState::Released => "released",
            ReleaseState::Superseded => "superseded",
            ReleaseState::Archived => "archived",
        }
    }
}

/// A tag name with placeholders: `{package}`, `{version}` (release tags), `{kind}`, `{id}`, `{version}` (release tags of
/// artifacts), `{channel}` (channel tags).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TagPattern(String);

impl TagPattern {
    /// A release tag pattern: `{version}` exactly once, nothing but `{package}` beside it.
    pub fn release(text: &str) -> Result<TagPattern, String> {
        if text.matches("{version}").count() != 1 {
            return Err(format!("release tag pattern `{text}` must contain {{version}} exactly once"));
        }
        TagPattern::checked(text, &["{package}", "{version}"])
    }

    /// The release tag pattern of a kind of artifacts: `{id}`, something, `{version}`, and nothing but `{kind}` beside them.
    pub fn artifact(text: &str) -> Result<TagPattern, String> {
        let between = text.split_once("{id}").and_then(|(_, rest)| rest.split_once("{version}")).map(|(between, _)| between);
        if between.is_none_or(str::is_empty) || text.matches("{id}").count() != 1 || text.matches("{version}").count() != 1 {
            return Err(format!(
                "release tag pattern `{text}` must contain {{id}} and behind it {{version}}, each once and with something between"
            ));
        }
        TagPattern::checked(text, &["{kind}", "{id}", "{version}"])
    }

    /// The release tag pattern of one artifact.
    pub fn of_artifact(&self, kind: &str, id: &str) -> TagPattern {
        TagPattern(self.0.replace("{kind}", kind).replace("{id}", id))
    }

    /// The artifact of this kind that a tag name is a release of. Of several readings the one with the shortest id.
    pub fn artifact_in(&self, tag: &str, kind: &str) -> Option<ReleaseName> {
        let pattern = self.0.replace("{kind}", kind);
        let (before, rest) = pattern.split_once("{id}")?;
        let (between, after) = rest.split_once("{version}")?;
        let inner = tag.strip_prefix(before)?.strip_suffix(after)?;
        inner.match_indices(between).find_map(|(at, _)| {
            let version = semver::Version::parse(&inner[at + between.len()..]).ok()?;
            Some(ReleaseName { package: PackageName::of_artifact(kind, &inner[..at]).ok()?, version })
        })
    }

    /// A channel tag pattern: `{channel}` and `{package}` are allowed.
    pub fn channel(text: &str) -> Result<TagPattern, String> {
        TagPattern::checked(text, &["{channel}", "{package}"])
    }

    fn checked(text: &str, placeholders: &[&str]) -> Result<TagPattern, String> {
        let sample = placeholders.iter().fold(text.to_owned(), |sample, placeholder| sample.replace(placeholder, "x"));
        if sample.contains(['{', '}']) {
            return Err(format!("tag pattern `{text}` may use only {}", placeholders.join(" and ")));
        }
        format!("refs/tags/{sample}").parse::<RefName>().map_err(|_| format!("tag pattern `{text}` makes no lawful tag name"))?;
        Ok(TagPattern(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn has_package(&self) -> bool {
        self.0.contains("{package}")
    }

    pub fn release_ref(&self, release: &ReleaseName) -> Result<RefName, String> {
        format!("refs/tags/{}", self.0.replace("{package}", release.package.as_str()).replace("{version}", &release.version.to_string()))
            .parse()
    }

    pub fn channel_ref(&self, channel: &ChannelName, package: &PackageName) -> Result<RefName, String> {
        format!("refs/tags/{}", self.0.replace("{channel}", channel.as_str()).replace("{package}", package.as_str())).parse()
    }

    /// The one tag of a channel; `None` where each package has its own.
    pub fn only_ref(&self, channel: &ChannelName) -> Option<RefName> {
        if self.has_package() {
            return None;
        }
        format!("refs/tags/{}", self.0.replace("{channel}", channel.as_str())).parse().ok()
    }

    /// The version that a tag name gives for this package, if the name is of this pattern and the version is strict
    /// semantic versioning.
    pub fn version_in(&self, tag: &str, package: &PackageName) -> Option<semver::Version> {
        let pattern = self.0.replace("{package}", package.as_str());
        let (before, after) = pattern.split_once("{version}")?;
        semver::Version::parse(tag.strip_prefix(before)?.strip_suffix(after)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_make_and_read_tags() {
        let web: PackageName = "web".parse().unwrap();
        let pattern = TagPattern::release("{package}/v{version}").unwrap();
        assert_eq!(pattern.version_in("web/v1.4.0-rc.1", &web), semver::Version::parse("1.4.0-rc.1").ok());
        for foreign in ["web/v1.4", "web/1.4.0", "api/v1.4.0", "web/v1.4.0/x", "web/v01.4.0"] {
            assert_eq!(pattern.version_in(foreign, &web), None, "{foreign}");
        }
        for wrong in ["v", "v{version}{version}", "{channel}/v{version}", "v{version}..", "a b{version}"] {
            assert!(TagPattern::release(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn patterns_of_artifacts_make_and_read_tags() {
        let pattern = TagPattern::artifact("{kind}/{id}/v{version}").unwrap();
        let name: ReleaseName = "prompt:a.v1@1.10.0".parse().unwrap();
        let tag = pattern.of_artifact("prompt", "a.v1").release_ref(&name).unwrap();
        assert_eq!(tag.as_str(), "refs/tags/prompt/a.v1/v1.10.0");
        for (tag, read) in [
            ("prompt/a.v1/v1.10.0", Some("prompt:a.v1@1.10.0")),
            ("prompt/a/v1.0.0-rc.1", Some("prompt:a@1.0.0-rc.1")),
            ("table/a/v1.0.0", None),
            ("prompt/a/b/v1.0.0", None),
            ("prompt/a/v1.0", None),
            ("prompt//v1.0.0", None),
        ] {
            assert_eq!(pattern.artifact_in(tag, "prompt").map(|name| name.to_string()).as_deref(), read, "{tag}");
        }
        let short = TagPattern::artifact("{id}-{version}").unwrap();
        assert_eq!(short.artifact_in("a-b-1.0.0-x", "prompt").unwrap().to_string(), "prompt:a-b@1.0.0-x");
        for wrong in ["{kind}/v{version}", "{id}{version}", "{version}/{id}", "{id}/{id}/{version}", "{package}/{id}/{version}"] {
            assert!(TagPattern::artifact(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn releases_are_named_by_package_and_version_or_by_tag() {
        for (text, read) in [
            ("web@1.4.0", Some("web@1.4.0")),
            ("a/b@1.4.0-rc.1+5", Some("a/b@1.4.0-rc.1+5")),
            ("v1.4.0", Some("v1.4.0")),
            ("refs/tags/web/v1.4.0", Some("web/v1.4.0")),
            ("release-2026.10.1", Some("release-2026.10.1")),
            ("a@1.2", None),
            ("@1.4.0", None),
            ("prompt:a.v1@1.4.0", Some("prompt:a.v1@1.4.0")),
            ("a@b@1.4.0", None),
            ("a#b@1.4.0", None),
            ("a?b@1.4.0", None),
            ("../..@1.4.0", None),
            ("../..", None),
            ("a#v1.4.0", None),
            ("a?v1.4.0", None),
            ("../v1.4.0", None),
            ("refs/heads/../v1.4.0", None),
            ("v1.4.0;rm", None),
            ("v1.4", None),
            ("v1..4.0", None),
            ("now", None),
            ("", None),
        ] {
            assert_eq!(text.parse::<ReleaseWord>().ok().map(|word| word.to_string()).as_deref(), read, "{text}");
        }
    }
}
