//! Releases and the tags that name them.

use super::name::{ChannelName, Oid, PackageName, RefName};
use serde::{Deserialize, Serialize};
use std::fmt;

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

/// A tag name with placeholders: `{package}`, `{version}` (release tags), `{channel}` (channel tags).
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
}
