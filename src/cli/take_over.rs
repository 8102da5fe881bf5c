//! Channel tags that were there before the ledger: refused by the adoption that would begin it, or recorded as they are, which is
//! what `policy adopt --take-over` says.
//!
//! Deliberately absent: who moved them there, and why. Nothing tells that.

use super::gather::Place;
use crate::{
    domain::{ChannelName, Fault, Finding, Oid, PackageName, Reason, RefName, Release, ReleaseName, Result, state::TakenOver},
    gate::Protocol,
    release::plan::{self, RefFact, Refs},
    world::{git::ObjectKind, ledger::bring},
};

/// A channel tag of the remote.
struct Found {
    channel: ChannelName,
    name: RefName,
    oid: Oid,
    commit: Oid,
    /// The releases whose tags are at the same commit, of packages that the channel tag is for.
    releases: Vec<Release>,
}

/// What the adoption that begins the ledger takes over. `given`: the releases that were named, by channel. Faults: `tag_conflict`
/// where tags are there and `--take-over` is not said; `bad_usage` where a named release is not what a tag is at.
pub async fn gather(
    place: &Place,
    refs: &Refs,
    protocol: &Protocol,
    wanted: bool,
    given: &[(ChannelName, String)],
) -> Result<Vec<TakenOver>> {
    let mut found = Vec::new();
    for (channel, name) in plan::channel_refs(protocol) {
        if let Some(fact) = refs.get(&name) {
            found.push(look(place, refs, protocol, (channel, name), fact).await?);
        }
    }
    if !wanted && !found.is_empty() {
        return Err(refused(place, &found));
    }
    let mut named: Vec<(&ChannelName, ReleaseName)> = Vec::new();
    for (channel, word) in given {
        if !found.iter().any(|found| found.channel == *channel) {
            let with_tag: Vec<String> = found.iter().map(|found| found.channel.to_string()).collect();
            let help = match with_tag.is_empty() {
                true => "leave `--take-over` and `--release` out: no channel has a tag on the remote".to_owned(),
                false => format!("the channels that have one: {}", with_tag.join(", ")),
            };
            return Err(Fault::new(Reason::BadUsage, format!("there is no tag of channel {channel} to take over")).help(help));
        }
        named.push((channel, plan::release_name(protocol, word)?));
    }
    let mut used = vec![false; named.len()];
    let mut taken_over = Vec::new();
    for found in found {
        let mut release = None;
        for (at, (_, name)) in named.iter().enumerate().filter(|(_, (channel, _))| **channel == found.channel) {
            if packages(protocol, &found.channel, &found.name).any(|package| *package == name.package) {
                if std::mem::replace(&mut used[at], true) || release.is_some() {
                    let fault = Fault::new(Reason::BadUsage, format!("{} is given two releases", found.name));
                    return Err(fault.help(format!("name one: `--release {channel}=RELEASE`", channel = found.channel)));
                }
                release = Some(chosen(protocol, refs, &found, name)?);
            }
        }
        let Found { channel, name, oid, commit, mut releases } = found;
        let only = if releases.len() == 1 { releases.pop() } else { None };
        taken_over.push(TakenOver { channel, name, oid, commit, release: release.or(only) });
    }
    match used.iter().position(|used| !used) {
        Some(at) => {
            let fault = Fault::new(Reason::BadUsage, format!("no tag of channel {} is for a release {}", named[at].0, named[at].1));
            Err(fault.help("name a release of the package that the channel's tag on the remote is for"))
        }
        None => Ok(taken_over),
    }
}

/// What is said of a tag that was taken over, wherever it is shown.
pub fn describe(taken: &TakenOver) -> String {
    let release = taken.release.as_ref().map_or("without a release".to_owned(), |release| format!("as {}", release.name()));
    format!("took over {} at {} {release}; who moved it there is unknown", taken.name, taken.commit.short())
}

async fn look(place: &Place, refs: &Refs, protocol: &Protocol, tag: (ChannelName, RefName), fact: &RefFact) -> Result<Found> {
    let ((channel, name), git) = (tag, &place.world.git);
    let commit = fact.peeled.clone().unwrap_or_else(|| fact.oid.clone());
    if !git.has(&fact.oid)? || !git.has(&commit)? {
        bring(git, &place.at, std::slice::from_ref(&name)).await?;
    }
    if git.kind_of(&commit)? != Some(ObjectKind::Commit) {
        let fault = Fault::new(Reason::TagConflict, format!("{name} does not name a commit, so it cannot be taken over"));
        return Err(fault.help(plan::keep_and_delete(&name, &place.at.remote)));
    }
    let mut releases = Vec::new();
    for package in packages(protocol, &channel, &name) {
        let pattern = protocol.packages.get(package).map(|package| &package.release_tag);
        for (tag, fact) in refs.iter().filter(|(_, fact)| fact.peeled.as_ref().unwrap_or(&fact.oid) == &commit) {
            let version = pattern.zip(tag.tag()).and_then(|(pattern, tag)| pattern.version_in(tag, package));
            let tag = Some(fact.oid.clone());
            releases.extend(version.map(|version| Release { package: package.clone(), version, commit: commit.clone(), tag }));
        }
    }
    Ok(Found { channel, name, oid: fact.oid.clone(), commit, releases })
}

/// The packages that a channel's tag is for.
fn packages<'a>(protocol: &'a Protocol, channel: &'a ChannelName, name: &'a RefName) -> impl Iterator<Item = &'a PackageName> {
    let pattern = protocol.channels.get(channel).and_then(|rules| rules.tag.as_ref());
    let is_for = move |package: &&PackageName| pattern.is_some_and(|pattern| pattern.channel_ref(channel, package).as_ref() == Ok(name));
    protocol.packages.keys().filter(is_for)
}

/// The release that was named for a tag: one of those at its commit, or a new name where there is none.
fn chosen(protocol: &Protocol, refs: &Refs, found: &Found, name: &ReleaseName) -> Result<Release> {
    if let Some(release) = found.releases.iter().find(|release| release.name() == *name) {
        return Ok(release.clone());
    }
    let tag = plan::release_ref(protocol, name)?;
    let there: Vec<String> = found.releases.iter().map(|release| release.name().to_string()).collect();
    let why = match refs.contains_key(&tag) {
        true => format!("{tag} is at another commit than {}", found.name),
        false if !there.is_empty() => {
            format!("{} is at {}, which bears the release tags of {}", found.name, found.commit.short(), there.join(", "))
        }
        false => {
            let ReleaseName { package, version } = name.clone();
            return Ok(Release { package, version, commit: found.commit.clone(), tag: None });
        }
    };
    let help = match there.is_empty() {
        true => format!("leave `--release {}=...` out, and the tag is taken over without a release", found.channel),
        false => format!("`--release {}=RELEASE` names one of those", found.channel),
    };
    Err(Fault::new(Reason::BadUsage, format!("{name} is not what channel {} is at: {why}", found.channel)).help(help))
}

fn refused(place: &Place, found: &[Found]) -> Fault {
    let finding = |found: &Found| {
        let kind = if found.oid == found.commit { "a lightweight tag" } else { "an annotated tag" };
        let releases: Vec<String> = found.releases.iter().map(|release| release.name().to_string()).collect();
        let releases = match releases.as_slice() {
            [] => "no release tag is there".to_owned(),
            [one] => format!("so is the release tag of {one}"),
            several => format!("so are the release tags of {}", several.join(", ")),
        };
        Finding::error("policy/tag-before-ledger", format!("{} is at {} ({kind}); {releases}", found.name, found.commit))
    };
    let open: Vec<String> = found.iter().filter(|found| found.releases.len() != 1).map(|found| found.channel.to_string()).collect();
    let which = match open.first() {
        Some(channel) => {
            format!("; `--release {channel}=RELEASE` says which release a channel is at where its tag's commit bears none or several")
        }
        None => String::new(),
    };
    let why = format!("channel tags are on remote `{}` already, and no ledger tells of them", place.at.remote);
    Fault::new(Reason::TagConflict, why)
        .findings(found.iter().map(finding))
        .help(format!("`tagwarden policy adopt --take-over --reason REASON` records them as they are{which}"))
}
