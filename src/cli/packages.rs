//! The part of `status` about artifacts: every version that the work tree, the release branches, the ledger, release tags or a pointer
//! file know, with where it stands.
//!
//! Deliberately absent: checking. `validate` and `stage` say what is wrong with an artifact.

use super::{activation, gather::Situation, moving, status};
use crate::{
    catalog::{
        check::Artifact,
        states::{self, Seen},
    },
    domain::{
        ChannelName, Fault, Oid, PackageName, Reason, ReleaseName, Result,
        state::{HoldScope, Staged},
    },
    report::shape::PackageShape,
    tree::Unreadable,
    world::{
        git::Want,
        trees::{CommitTree, WorkTree},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// Kinds in the order of the protocol, then ids, then versions from the lowest; what is no semantic version comes first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    at: usize,
    kind: String,
    id: String,
    order: Option<semver::Version>,
    version: Option<String>,
}

#[derive(Default)]
struct Known<'a> {
    seen: Seen,
    path: Option<String>,
    channels: Vec<ChannelName>,
    staged: Option<&'a Staged>,
    differs: bool,
}

/// Every version, or those on one channel. Faults: `nothing_to_check` where the policy in force has no kinds.
pub async fn packages(situation: &Situation, only: Option<&ChannelName>) -> Result<Vec<PackageShape>> {
    let (git, layout) = (&situation.world().git, &situation.protocol().catalog);
    if layout.kinds.is_empty() {
        let fault = Fault::new(Reason::NothingToCheck, "the policy in force names no kind of artifacts");
        return Err(fault.help("say where artifacts are under `kinds` in gates/protocol.yaml, then `tagwarden policy adopt`"));
    }
    moving::bring_branches(situation).await?;
    activation::bring(situation).await?;
    let name = |kind: &str, id: &str, version: Option<&str>| Name {
        at: layout.kinds.keys().position(|known| known.as_str() == kind).unwrap_or(usize::MAX),
        kind: kind.to_owned(),
        id: id.to_owned(),
        order: version.and_then(|version| semver::Version::parse(version).ok()),
        version: version.map(str::to_owned),
    };
    let name_of = |artifact: &Artifact| name(artifact.kind.as_str(), &artifact.id, artifact.version.as_deref());
    let mut all: BTreeMap<Name, Known> = BTreeMap::new();
    for staged in staged(situation).await? {
        let Some((kind, id)) = staged.package.artifact() else { continue };
        let known = all.entry(name(kind, id, Some(&staged.version.to_string()))).or_default();
        (known.seen.is_staged, known.staged) = (true, Some(staged));
    }
    for tag in situation.refs.keys().filter_map(|name| name.tag()) {
        for (kind, rules) in &layout.kinds {
            let Some(release) = rules.release_tag.artifact_in(tag, kind.as_str()) else { continue };
            let Some((kind, id)) = release.package.artifact() else { continue };
            all.entry(name(kind, id, Some(&release.version.to_string()))).or_default().seen.is_tagged = true;
        }
    }
    for release in status::moved(situation) {
        let Some((kind, id)) = release.package.artifact() else { continue };
        all.entry(name(kind, id, Some(&release.version.to_string()))).or_default().seen.was_active = true;
    }
    for tip in tips(situation)? {
        for artifact in states::artifacts(&CommitTree::new(git, &tip)?, layout).map_err(unreadable)? {
            let known = all.entry(name_of(&artifact)).or_default();
            let staged = known.staged.filter(|_| !known.seen.is_on_branch);
            if let Some(staged) = staged {
                let content = artifact.content();
                known.differs = git.object_at(&tip, content)? != git.object_at(&staged.commit, content)?;
            }
            known.seen.is_on_branch = true;
            known.path.get_or_insert(artifact.path);
        }
    }
    let head = git.rev_parse("HEAD")?;
    if let Some(head) = &head {
        for artifact in states::artifacts(&CommitTree::new(git, head)?, layout).map_err(unreadable)? {
            all.entry(name_of(&artifact)).or_default().path.get_or_insert(artifact.path);
        }
    }
    if !git.is_bare() {
        let changed = head.as_ref().map(|head| git.changed_since(head, None)).transpose()?;
        for artifact in states::artifacts(&WorkTree::unpinned(git)?, layout).map_err(unreadable)? {
            let is_changed = changed.as_ref().is_none_or(|changed| changes(changed, &artifact));
            let known = all.entry(name_of(&artifact)).or_default();
            known.seen.is_changed = is_changed;
            known.path.get_or_insert(artifact.path);
        }
    }
    for at in &layout.pointers {
        let pointer = activation::now(situation, at).await?;
        for entry in pointer.entries() {
            let kinds: Vec<String> = match &entry.kind {
                Some(kind) => vec![kind.clone()],
                // A flat file does not say of which kind its ids are.
                None => all
                    .keys()
                    .filter(|name| name.id == entry.id)
                    .map(|name| name.kind.clone())
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .collect(),
            };
            for kind in kinds {
                let known = all.entry(name(&kind, &entry.id, Some(&entry.version))).or_default();
                known.seen.is_active = true;
                known.channels.push(at.channel.clone());
            }
        }
    }
    let is_meant = |known: &Known| only.is_none_or(|only| known.channels.contains(only));
    Ok(all.into_iter().filter(|(_, known)| is_meant(known)).map(|(name, known)| shape(situation, name, known)).collect())
}

fn shape(situation: &Situation, name: Name, known: Known) -> PackageShape {
    let version = name.version.as_ref().map(|version| format!("@{version}")).unwrap_or_default();
    let artifact = format!("{}:{}{version}", name.kind, name.id);
    let is_held = PackageName::of_artifact(&name.kind, &name.id).is_ok_and(|package| {
        let key = name.order.map(|version| ReleaseName { package, version }.to_string());
        situation.head.state().holds.serial(&(HoldScope::Release, key)).is_some()
    });
    PackageShape {
        artifact,
        kind: name.kind,
        id: name.id,
        version: name.version,
        path: known.path,
        state: known.seen.state(),
        channels: known.channels,
        commit: known.staged.map(|staged| staged.commit.clone()),
        report: known.staged.and_then(|staged| staged.report.clone()),
        held: is_held,
        changed_here: known.seen.is_changed,
        differs: known.differs,
        in_tree: known.seen.is_on_branch,
    }
}

/// What the ledger has staged, with the commits that it was staged at here.
async fn staged(situation: &Situation) -> Result<Vec<&Staged>> {
    let git = &situation.world().git;
    let all: Vec<&Staged> = situation.head.state().staged.iter().filter(|staged| staged.package.artifact().is_some()).collect();
    let mut missing: BTreeSet<&Oid> = BTreeSet::new();
    for staged in &all {
        if !git.has(&staged.commit)? {
            missing.insert(&staged.commit);
        }
    }
    let wants: Vec<Want> = missing.into_iter().cloned().map(Want::Oid).collect();
    git.fetch_objects(&situation.place.at.remote, &wants).await?;
    Ok(all)
}

/// The tips of the release branches on the remote.
fn tips(situation: &Situation) -> Result<Vec<Oid>> {
    let mut tips = Vec::new();
    for branch in &situation.protocol().release_branches {
        let name = format!("refs/heads/{branch}").parse().map_err(|why: String| Fault::new(Reason::BadConfig, why))?;
        tips.extend(situation.refs.get(&name).map(|fact| fact.oid.clone()));
    }
    Ok(tips)
}

/// Whether a file of the artifact is among these paths.
fn changes(changed: &BTreeSet<String>, artifact: &Artifact) -> bool {
    if !artifact.owns_folder {
        return changed.contains(&artifact.path);
    }
    let below = format!("{}/", artifact.folder());
    changed.range(below.clone()..).next().is_some_and(|path| path.starts_with(&below))
}

fn unreadable(error: Unreadable) -> Fault {
    Fault::new(Reason::GateInconclusive, error.to_string())
}
