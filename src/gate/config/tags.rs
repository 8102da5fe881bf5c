//! Refs that would be in each other's way: equal names, names that read as another thing's, and names of which one is a
//! folder of the other (git keeps no ref `a` beside a ref `a/b`).

use super::{collect::Collector, raw};
use crate::{
    domain::{PackageName, ReleaseName, TagPattern},
    gate::Protocol,
};

/// Whether git could not keep both names, or they are the same.
pub(super) fn in_the_way(a: &str, b: &str) -> bool {
    let folder = |a: &str, b: &str| b.strip_prefix(a).is_some_and(|rest| rest.starts_with('/'));
    a == b || folder(a, b) || folder(b, a)
}

pub(super) fn check(check: &mut Collector, raw: &raw::Protocol, protocol: &Protocol) {
    release_tags(check, raw, protocol);
    artifact_tags(check, raw, protocol);
    channel_tags(check, raw, protocol);
}

/// Two packages whose release tags could be the same tag.
fn release_tags(check: &mut Collector, raw: &raw::Protocol, protocol: &Protocol) {
    let packages: Vec<(&PackageName, &TagPattern)> = protocol.packages.iter().map(|(name, package)| (name, &package.release_tag)).collect();
    for (position, (name, pattern)) in packages.iter().enumerate() {
        let Some(at) = raw.packages.get(name.as_str()).map(|package| &package.release_tag) else { continue };
        for (other, other_pattern) in &packages[..position] {
            let shared = sample_tags(pattern, name).find(|tag| other_pattern.version_in(tag, other).is_some());
            let shared = shared.or_else(|| sample_tags(other_pattern, other).find(|tag| pattern.version_in(tag, name).is_some()));
            if let Some(tag) = shared {
                check.refuse(at, "tag-collision", format!("the tag `{tag}` could be a release of `{other}` as well"));
                check.help("put {package} into both patterns");
            }
        }
    }
}

/// A kind whose release tags could be those of another kind, or of a package.
fn artifact_tags(check: &mut Collector, raw: &raw::Protocol, protocol: &Protocol) {
    let sample = |kind: &str, pattern: &TagPattern| {
        let package = PackageName::of_artifact(kind, "x").ok()?;
        sample_tags(&pattern.of_artifact(kind, "x"), &package).next()
    };
    for (position, (kind, of)) in protocol.catalog.kinds.iter().enumerate() {
        let Some((name, written)) = raw.kinds.iter().flatten().find(|(name, _)| name.as_str() == kind.as_str()) else { continue };
        let at = written.release_tag.as_ref().unwrap_or(name);
        let reads = |tag: &String| of.release_tag.artifact_in(tag, kind.as_str()).is_some();
        let kinds = protocol.catalog.kinds.iter().take(position);
        let of_kinds = kinds.filter_map(|(other, rules)| Some((other.as_str(), sample(other.as_str(), &rules.release_tag)?)));
        let of_packages =
            protocol.packages.iter().flat_map(|(name, rules)| sample_tags(&rules.release_tag, name).map(|tag| (name.as_str(), tag)));
        if let Some((other, tag)) = of_kinds.chain(of_packages).find(|(_, tag)| reads(tag)) {
            check.refuse(at, "tag-collision", format!("the tag `{tag}` of `{other}` could be a release of kind `{kind}` as well"));
            check.help("put {kind} into `release_tag`");
        }
    }
}

/// Release tags of a few versions: one of each form that a version can have.
fn sample_tags<'a>(pattern: &'a TagPattern, package: &'a PackageName) -> impl Iterator<Item = String> + 'a {
    const VERSIONS: [&str; 4] = ["1.0.0", "1.0.0-1.0.0", "1.0.0-rc.1", "1.0.0-x-1.0.0"];
    VERSIONS.iter().filter_map(move |version| {
        let release = ReleaseName { package: package.clone(), version: version.parse().ok()? };
        Some(pattern.release_ref(&release).ok()?.tag()?.to_owned())
    })
}

/// Every channel tag, against those of the channels before, and against every package's release tags.
fn channel_tags(check: &mut Collector, raw: &raw::Protocol, protocol: &Protocol) {
    let mut taken: Vec<(String, &str)> = Vec::new();
    for (name, channel) in &protocol.channels {
        let at = raw.channels.get(name.as_str()).and_then(|channel| channel.tag.as_ref());
        let (Some(pattern), Some(at)) = (&channel.tag, at) else { continue };
        let mut tags: Vec<String> = Vec::new();
        for package in protocol.packages.keys() {
            match pattern.channel_ref(name, package) {
                Ok(tag) => tags.extend(tag.tag().map(str::to_owned).filter(|tag| !tags.contains(tag))),
                Err(message) => check.refuse(at, "wrong-value", message),
            }
        }
        for tag in tags {
            if let Some((other, owner)) = taken.iter().find(|(other, _)| in_the_way(other, &tag)) {
                let message = match *other == tag {
                    true => format!("`{tag}` is the tag of channel `{owner}` already"),
                    false => format!("git cannot keep the tag `{tag}` beside `{other}` of channel `{owner}`"),
                };
                check.refuse(at, "tag-collision", message);
                check.help("put {channel} into the pattern, in a place of its own");
            }
            for (package, rules) in &protocol.packages {
                if reads_as_release(&tag, &rules.release_tag, package) {
                    check.refuse(at, "tag-collision", format!("`{tag}` could be a release tag of package `{package}`"));
                    check.help("for example \"channel/{channel}\"");
                }
            }
            taken.push((tag, name.as_str()));
        }
    }
}

/// Whether a channel tag is a release tag of the package, or is or has a folder that is one.
fn reads_as_release(tag: &str, pattern: &TagPattern, package: &PackageName) -> bool {
    let folders = tag.match_indices('/').map(|(at, _)| &tag[..at]);
    folders.chain([tag]).any(|name| pattern.version_in(name, package).is_some())
        || sample_tags(pattern, package).any(|release| release.strip_prefix(tag).is_some_and(|rest| rest.starts_with('/')))
}
