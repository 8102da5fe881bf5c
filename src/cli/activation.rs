//! What a promotion or a rollback writes into the pointer file of its channel: the candidate's files with that file changed, checked as
//! a whole before any gate is asked.
//!
//! The candidate is the commit that has everything: the newest of those that the releases were staged at and of what was judged
//! before; where the pointer file lives on a release branch, the tip of that. Every active artifact must have there the bytes that it
//! was staged with, or that were active before.
//!
//! Deliberately absent: taking an artifact out of the pointer file, and the commit itself, which is made with the push.

use super::{gather::Situation, moving, validate};
use crate::{
    catalog::{
        activation::{Activation, activated},
        check::{Artifact, Checked, Which},
        layout::{Layout, PointerAt},
        pointer::{Entry, Pointer},
        rails::Rails,
    },
    domain::{ChannelName, Fault, Finding, Oid, PackageName, Reason, RefName, Release, ReleaseName, Result, Severity, Verb, state},
    gate::Protocol,
    release::{
        chain::Verified,
        plan::{Plan, PlannedPointer, PlannedRelease, Refs, pointer_moved},
    },
    text::{source::Source, yaml},
    tree::{Tree, Unreadable},
    world::{
        git::{Git, Want},
        trees::CommitTree,
    },
};

/// Of a pointer file that is not there yet.
const EMPTY: &str = "{}\n";

/// Completes the plan of a move on a channel with a pointer file; leaves any other as it is. Faults: `findings` where what would be
/// active is not whole, `lower_version`, `version_reused`, `half_state`, `bad_usage` where changes are not committed.
pub async fn complete(situation: &Situation, mut plan: Plan) -> Result<Plan> {
    let Some(at) = situation.protocol().catalog.pointer(&plan.channel) else { return Ok(plan) };
    let git = &situation.world().git;
    bring(situation).await?;
    plan.candidate = judged(situation, &plan.channel, &plan.releases).await?;
    let branch = Branch::of(situation, at, &plan.channel)?;
    let base = CommitTree::new(git, &plan.candidate)?;
    let names: Vec<ReleaseName> = plan.releases.iter().map(|release| release.name.clone()).collect();
    let before = pointer(situation, at, &branch, &base).await?;
    let (after, changes) = activated(&before, &names, plan.verb == Verb::Rollback)?;
    let tree = git.tree_with(base.tree(), &at.file, after.source.text.as_bytes()).await?;
    let files = CommitTree::of_tree(git, &tree)?;
    let checked = check(situation, &files, Some((at, &after)))?;
    whole(&checked, &changes)?;
    let now = situation.head.state().channels.get(&plan.channel).map(|now| now.shown());
    for artifact in checked.found.iter().filter(|artifact| is_active(&after, artifact)) {
        let staged = plan.releases.iter().find(|release| is_of(artifact, &release.name));
        let Some(commit) = staged.map(|staged| &staged.commit).or(now) else { continue };
        same_bytes(git, artifact, &tree, commit)?;
        if staged.is_some() {
            committed(git, artifact).await?;
        }
    }
    plan.pointer = Some(PlannedPointer { branch: branch.name, from: branch.holds, tree, file: at.file.clone(), changes });
    Ok(plan)
}

/// The commit that a promotion of these releases to a channel would judge now: what statements about them are about.
pub async fn judged(situation: &Situation, channel: &ChannelName, releases: &[PlannedRelease]) -> Result<Oid> {
    let Some(at) = situation.protocol().catalog.pointer(channel) else { return moving::one_candidate(releases) };
    for release in releases {
        moving::bring_commit(situation.world(), &situation.place.at, release, &situation.refs).await?;
    }
    let branch = Branch::of(situation, at, channel)?;
    branch.bring(situation).await?;
    newest(situation, &branch, channel, releases).await
}

/// Makes the branches of all pointer files local.
pub async fn bring(situation: &Situation) -> Result<()> {
    for at in &situation.protocol().catalog.pointers {
        Branch::of(situation, at, &at.channel)?.bring(situation).await?;
    }
    Ok(())
}

/// The check of a whole tree by the rails of the adopted policy. `pointer`: one of the pointer files as it would be.
pub fn check(situation: &Situation, files: &CommitTree, pointer: Option<(&PointerAt, &Pointer)>) -> Result<Checked> {
    let git = &situation.world().git;
    let layout: &Layout = &situation.protocol().catalog;
    let release_branches = &situation.protocol().release_branches;
    let rails = Rails::read(layout).map_err(validate::wrong_rails)?;
    let bytes = |at: &PointerAt| match pointer {
        Some((own, after)) if own == at => Ok(Some(after.source.text.clone().into_bytes())),
        _ if at.is_on(release_branches) => files.read(&at.file).map_err(unreadable),
        _ => match at.branch_ref(release_branches).and_then(|name| situation.refs.get(&name)) {
            Some(fact) => CommitTree::new(git, &fact.oid)?.read(&at.file).map_err(unreadable),
            // The remote has no such branch, so nothing was ever activated on it.
            None => Ok(Some(files.read(&at.file).map_err(unreadable)?.unwrap_or_else(|| EMPTY.as_bytes().to_vec()))),
        },
    };
    let pointers = layout.pointers.iter().map(bytes).collect::<Result<Vec<_>>>()?;
    validate::check(situation.world(), files, layout, &rails, pointers, Which::All)
}

/// How the branch of a channel's pointer file differs from the ledger. One that others write to as well only grows.
pub fn drift(head: &Verified, refs: &Refs, remote: &str, channel: &ChannelName) -> Option<Finding> {
    let at = head.protocol().catalog.pointer(channel)?;
    let fault = Branch::among(head, refs, remote, at, channel).err().filter(|fault| fault.reason == Reason::HalfState)?;
    let finding = Finding::error("status/pointer-moved", fault.message);
    Some(fault.help.into_iter().fold(finding, Finding::help))
}

/// What a recorded activation made: whether its commit is the candidate with the pointer file changed, for the releases of the entry.
/// `None`: it is, or the entry activates nothing.
pub fn audited(git: &Git, protocol: &Protocol, entry: &state::Entry) -> Result<Option<Finding>> {
    let channel = entry.channel.as_ref().filter(|_| entry.action.moves());
    let at = channel.and_then(|channel| protocol.catalog.pointer(channel));
    let (Some(at), Some(commit), Some(candidate)) = (at, entry.pointer().and_then(|moved| moved.to.as_ref()), &entry.candidate) else {
        return Ok(None);
    };
    let whose = format!("entry {}: {}", entry.serial, commit.short());
    if !git.has(commit)? || !git.has(candidate)? {
        let message = format!("{whose}, the commit that activates, is not here");
        return Ok(Some(Finding::warning("ledger/cannot-rejudge", message)));
    }
    let wrong = |what: String| Ok(Some(Finding::error("ledger/other-activation", format!("{whose} {what}"))));
    if let Some(other) = git.changed_since(candidate, Some(commit))?.into_iter().find(|path| *path != at.file) {
        return wrong(format!("changes {other}, and not only {}", at.file));
    }
    let bytes = CommitTree::new(git, commit)?.read(&at.file).map_err(unreadable)?;
    let source = bytes.and_then(|bytes| yaml::source(&at.file, &bytes).ok());
    let Some(pointer) = source.and_then(|source| Pointer::read(source, at.shape).ok()) else {
        return wrong(format!("has no pointer file {} that can be read", at.file));
    };
    let is_missing = |release: &&Release| {
        let active = release.package.artifact().and_then(|(kind, id)| pointer.active(kind, id));
        active != Some(release.version.to_string().as_str())
    };
    match entry.releases.iter().find(is_missing) {
        Some(release) => wrong(format!("does not activate {}", release.name())),
        None => Ok(None),
    }
}

/// The branch of a pointer file, and what it holds.
struct Branch {
    name: RefName,
    holds: Option<Oid>,
    /// Whether others write to it, too.
    is_shared: bool,
}

impl Branch {
    fn of(situation: &Situation, at: &PointerAt, channel: &ChannelName) -> Result<Branch> {
        Branch::among(&situation.head, &situation.refs, &situation.place.at.remote, at, channel)
    }

    fn among(head: &Verified, refs: &Refs, remote: &str, at: &PointerAt, channel: &ChannelName) -> Result<Branch> {
        let release_branches = &head.protocol().release_branches;
        let Some(name) = at.branch_ref(release_branches) else {
            let fault = Fault::new(Reason::BadConfig, format!("which release branch {} is written to is not said", at.file));
            return Err(fault.help("name it in gates/protocol.yaml: `pointer: { branch: ... }`"));
        };
        let (holds, is_shared) = (refs.get(&name).map(|fact| fact.oid.clone()), at.is_on(release_branches));
        let recorded = head.state().channels.get(channel).and_then(|now| now.pointer.as_ref());
        match (recorded, is_shared) {
            // Nobody knows what it says, and who wrote it.
            (None, false) if holds.is_some() => {
                let fault = Fault::new(Reason::HalfState, format!("{name} is there, and no entry of the ledger wrote it"));
                Err(fault.help(format!(
                    "activations alone write it; what is active at first is said by {} on the release branch. Keep what it holds under another name, then delete it",
                    at.file
                )))
            }
            (Some(recorded), false) if holds.as_ref() != Some(recorded) => Err(pointer_moved(&name, recorded, holds.as_ref(), remote)),
            _ => Ok(Branch { name, holds, is_shared }),
        }
    }

    async fn bring(&self, situation: &Situation) -> Result<()> {
        let git = &situation.world().git;
        match &self.holds {
            Some(holds) if !git.has(holds)? => git.fetch_objects(&situation.place.at.remote, &[Want::Ref(self.name.clone())]).await,
            _ => Ok(()),
        }
    }
}

/// The commit that follows all others: these, and what was judged on the channel before.
async fn newest(situation: &Situation, branch: &Branch, channel: &ChannelName, releases: &[PlannedRelease]) -> Result<Oid> {
    let now = situation.head.state().channels.get(channel).map(|now| &now.candidate);
    let all: Vec<&Oid> = releases.iter().map(|release| &release.commit).chain(now).collect();
    let tip = branch.holds.as_ref().filter(|_| branch.is_shared);
    for commit in tip.into_iter().chain(all.iter().copied().filter(|_| !branch.is_shared)) {
        let mut follows = true;
        for other in &all {
            follows = follows
                && match follows_in_history(situation, other, commit).await? {
                    Some(follows) => follows,
                    None => {
                        let why = format!("whether {} follows {} cannot be told from the history here", commit.short(), other.short());
                        return Err(Fault::new(Reason::ShallowHistory, why).help("`git fetch --unshallow`, then run again"));
                    }
                };
        }
        if follows {
            return Ok(commit.clone());
        }
    }
    let names: Vec<&str> = all.iter().map(|oid| oid.short()).collect();
    let why = match branch.is_shared {
        true => format!("{} does not have all of {}", branch.name, names.join(", ")),
        false => format!("no commit of {} has all the others, so none has every artifact", names.join(", ")),
    };
    Err(Fault::new(Reason::UnreachableCommit, why).help("merge them, and stage a release at the merge"))
}

/// Whether a commit follows another. What a shallow clone lacks of the way is brought from the release branches.
async fn follows_in_history(situation: &Situation, other: &Oid, commit: &Oid) -> Result<Option<bool>> {
    let git = &situation.world().git;
    if let Some(follows) = git.is_ancestor(other, commit).await? {
        return Ok(Some(follows));
    }
    for branch in &situation.protocol().release_branches {
        let name: RefName = format!("refs/heads/{branch}").parse().map_err(|why: String| Fault::new(Reason::BadConfig, why))?;
        if situation.refs.contains_key(&name) && moving::is_ancestor(situation, other, &name, commit).await?.is_some() {
            return git.is_ancestor(other, commit).await;
        }
    }
    Ok(None)
}

/// The pointer file to change: what the last activation made of it. The first one takes over what the judged commit has. Faults:
/// `half_state` where the file on a release branch names something else than that activation.
async fn pointer(situation: &Situation, at: &PointerAt, branch: &Branch, base: &CommitTree) -> Result<Pointer> {
    let git = &situation.world().git;
    let recorded = situation.head.state().channels.get(&at.channel).and_then(|now| now.pointer.as_ref());
    let Some(recorded) = recorded else { return read(at, base) };
    if !git.has(recorded)? {
        git.fetch_objects(&situation.place.at.remote, &[Want::Oid(recorded.clone())]).await?;
    }
    let made = read(at, &CommitTree::new(git, recorded)?)?;
    if branch.is_shared {
        let there = read(at, base)?;
        if let Some(what) = difference(&made, &there) {
            let why = format!("{} on {} is not what was activated last: {what}", at.file, branch.name);
            return Err(Fault::new(Reason::HalfState, why).help(format!(
                "what is active changes by `promote` and `rollback` alone: commit the file as it was (`git checkout {recorded} -- {}`), then run again",
                at.file
            )));
        }
        // Keys that are no entries, and the order, are whoever's edits them.
        return Ok(there);
    }
    Ok(made)
}

fn read(at: &PointerAt, tree: &CommitTree) -> Result<Pointer> {
    let refused = |findings| Fault::new(Reason::Findings, format!("the pointer file {} cannot be read", at.file)).findings(findings);
    let source = match tree.read(&at.file).map_err(unreadable)? {
        Some(bytes) => yaml::source(&at.file, &bytes).map_err(|finding| refused(vec![finding]))?,
        None => Source::new(at.file.as_str(), EMPTY),
    };
    Pointer::read(source, at.shape).map_err(refused)
}

/// An entry that two pointer files do not have alike, in words.
fn difference(made: &Pointer, there: &Pointer) -> Option<String> {
    let find = |pointer: &Pointer, entry: &Entry| {
        pointer.entries().iter().find(|other| other.kind == entry.kind && other.id == entry.id).map(|other| other.version.clone())
    };
    let name = |entry: &Entry| entry.kind.iter().map(|kind| format!("{kind}:")).chain([entry.id.clone()]).collect::<String>();
    let told = |version: Option<String>| version.map_or_else(|| "nothing".to_owned(), |version| format!("`{}`", version.escape_debug()));
    made.entries().iter().chain(there.entries()).find_map(|entry| {
        let (then, now) = (find(made, entry), find(there, entry));
        (then != now).then(|| format!("`{}` is at {} there, and {} was activated", name(entry).escape_debug(), told(now), told(then)))
    })
}

/// What would be active is whole: no error in the tree as it would be.
fn whole(checked: &Checked, changes: &[Activation]) -> Result<()> {
    let errors = checked.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    if errors == 0 {
        return Ok(());
    }
    let what: Vec<String> =
        changes.iter().map(|change| format!("{}@{}", change.artifact, change.to.as_deref().unwrap_or("none"))).collect();
    let fault =
        Fault::new(Reason::Findings, format!("with {} the catalog would have {errors} errors; nothing is activated", what.join(", ")));
    Err(fault.findings(checked.findings.clone()))
}

fn is_active(pointer: &Pointer, artifact: &Artifact) -> bool {
    artifact.version.is_some() && pointer.active(artifact.kind.as_str(), &artifact.id) == artifact.version.as_deref()
}

pub fn is_of(artifact: &Artifact, name: &ReleaseName) -> bool {
    PackageName::of_artifact(artifact.kind.as_str(), &artifact.id).as_ref() == Ok(&name.package)
        && artifact.version.as_deref() == Some(name.version.to_string().as_str())
}

fn same_bytes(git: &Git, artifact: &Artifact, tree: &Oid, commit: &Oid) -> Result<()> {
    let path = artifact.content();
    let (now, then) = (git.object_at(tree, path)?, git.object_at(commit, path)?);
    if now.is_some() && now == then {
        return Ok(());
    }
    let why = format!("{} is not what it was at {}: {path} was changed", artifact.name(), commit.short());
    Err(Fault::new(Reason::VersionReused, why).help("a version keeps its bytes: put them back, and give the change a version of its own"))
}

/// Who promotes what they see here must not have changed it.
pub async fn committed(git: &Git, artifact: &Artifact) -> Result<()> {
    let path = artifact.content();
    if git.is_bare() || !git.is_dirty(path).await? {
        return Ok(());
    }
    let why = format!("{path} has changes here that are not committed, and {} is released without them", artifact.name());
    Err(Fault::new(Reason::BadUsage, why).help("commit them as a version of their own, or put them aside with `git stash`"))
}

fn unreadable(error: Unreadable) -> Fault {
    Fault::new(Reason::GateInconclusive, error.to_string())
}
