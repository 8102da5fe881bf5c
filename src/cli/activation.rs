//! What a promotion or a rollback writes into the pointer file of its channel: the candidate's files with that file changed, checked as
//! a whole before any gate is asked.
//!
//! The candidate is the commit that has everything: the newest of those that the releases were staged at and of what was judged
//! before; where the pointer file lives on a release branch, the tip of that. Every active artifact must have there the bytes that it
//! was staged with, or that were active before.
//!
//! Deliberately absent: the commit itself, which is made with the push.

use super::{gather::Situation, moving, validate};
use crate::{
    catalog::{
        activation::{Activation, activated},
        check::{Artifact, Checked, Which},
        layout::{Layout, PointerAt},
        pointer::{self, Entry, Pointer},
        rails::Rails,
    },
    domain::{ChannelName, Fault, Finding, Oid, PackageName, Reason, RefName, ReleaseName, Result, Severity, Verb, state, state::Retired},
    gate::Protocol,
    release::{
        chain::{Linked, Verified},
        plan::{Plan, PlannedPointer, PlannedRelease, Refs, pointer_moved},
        transition,
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
    let (after, changes) = activated(&before, &names, plan.retires(), &plan.channel, plan.verb == Verb::Rollback)?;
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

/// What is active of these packages, to be taken out of the pointer file. Faults: `unknown_release` where one is not active.
pub async fn retired(
    situation: &Situation,
    channel: &ChannelName,
    releases: &[PlannedRelease],
    packages: &[PackageName],
) -> Result<Vec<Retired>> {
    if packages.is_empty() {
        return Ok(Vec::new());
    }
    let Some(at) = situation.protocol().catalog.pointer(channel) else {
        return Err(Fault::new(Reason::BadUsage, format!("{channel} has no pointer file that anything could be taken out of")));
    };
    let candidate = judged(situation, channel, releases).await?;
    let branch = Branch::of(situation, at, channel)?;
    let pointer = pointer(situation, at, &branch, &CommitTree::new(&situation.world().git, &candidate)?).await?;
    let retired = |package: &PackageName| {
        let (kind, id) = package.artifact()?;
        Some(Retired { package: package.clone(), version: pointer.active(kind, id)?.to_owned() })
    };
    let refuse = |package: &PackageName| {
        let fault = Fault::new(Reason::UnknownRelease, transition::not_active(package, channel));
        fault.help("`tagwarden status --packages` lists what is active")
    };
    packages.iter().map(|package| retired(package).ok_or_else(|| refuse(package))).collect()
}

/// Whether an artifact was not active before the entry that activated it first. Faults: `unknown_release` where the pointer file had
/// another version then, which no entry knows.
pub async fn was_absent(situation: &Situation, channel: &ChannelName, package: &PackageName) -> Result<()> {
    let of_package = |linked: &&Linked| linked.outline.packages().any(|of| of == package);
    let first = situation.head.ledger().moves_of(channel).filter(of_package).last();
    let (Some(at), Some(entry)) = (situation.protocol().catalog.pointer(channel), first.map(|first| &first.outline)) else { return Ok(()) };
    let Some(held) = pointer_before(entry) else { return Ok(()) };
    let before = recorded_pointer(situation, at, held).await?;
    let Some(version) = package.artifact().and_then(|(kind, id)| before.active(kind, id)) else { return Ok(()) };
    let why = format!(
        "{package} was at `{}` in {} before entry {} activated it, and no entry says what that was",
        version.escape_debug(),
        at.file,
        entry.serial
    );
    let help =
        format!("promote another version, or take it out: `tagwarden promote --retire {package} --channel {channel} --reason REASON`");
    Err(Fault::new(Reason::UnknownRelease, why).help(help))
}

/// The commit whose pointer file a recorded activation changed: what its branch held, else the judged one.
fn pointer_before(entry: &state::Entry) -> Option<&Oid> {
    entry.pointer().and_then(|moved| moved.from.as_ref()).or(entry.candidate.as_ref())
}

/// The pointer file as it is now: what the last activation made of it, else what a release branch has.
pub async fn now(situation: &Situation, at: &PointerAt) -> Result<Pointer> {
    let git = &situation.world().git;
    let recorded = situation.head.state().channels.get(&at.channel).and_then(|now| now.pointer.as_ref());
    if let Some(recorded) = recorded {
        return recorded_pointer(situation, at, recorded).await;
    }
    let branches = situation.protocol().release_branches.iter();
    let tip = branches.filter_map(|branch| situation.refs.get(&format!("refs/heads/{branch}").parse().ok()?)).next();
    match tip {
        Some(tip) => read(at, &CommitTree::new(git, &tip.oid)?),
        None => Pointer::read(Source::new(at.file.as_str(), EMPTY), at.shape)
            .map_err(|findings| Fault::new(Reason::Internal, "an empty pointer file cannot be read").findings(findings)),
    }
}

/// The pointer file of a commit that the ledger names.
async fn recorded_pointer(situation: &Situation, at: &PointerAt, recorded: &Oid) -> Result<Pointer> {
    let git = &situation.world().git;
    if !git.has(recorded)? {
        git.fetch_objects(&situation.place.at.remote, &[Want::Oid(recorded.clone())]).await?;
    }
    read(at, &CommitTree::new(git, recorded)?)
}

/// The commit of the first release of a move, else the one that was judged last, until it is known which one has everything.
pub fn first_commit(situation: &Situation, channel: &ChannelName, releases: &[PlannedRelease]) -> Result<Oid> {
    let first = releases.first().map(|release| &release.commit);
    let first = first.or_else(|| situation.head.state().channels.get(channel).map(|now| &now.candidate));
    first.cloned().ok_or_else(|| {
        let fault = Fault::new(Reason::BadUsage, format!("no entry moved {channel} yet, so no commit is there to be judged"));
        fault.help("name a release that is promoted together with it")
    })
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

/// What a recorded activation made: whether its commit is the candidate with the pointer file changed, for the releases of the entry and
/// what it retires, and for nothing else. `None`: it is, or the entry activates nothing.
pub fn audited(git: &Git, protocol: &Protocol, entry: &state::Entry) -> Result<Option<Finding>> {
    let Some(channel) = entry.channel.as_ref().filter(|_| entry.action.moves()) else { return Ok(None) };
    let at = protocol.catalog.pointer(channel);
    let (Some(at), Some(commit), Some(candidate)) = (at, entry.pointer().and_then(|moved| moved.to.as_ref()), &entry.candidate) else {
        return Ok(None);
    };
    let whose = format!("entry {}: {}", entry.serial, commit.short());
    let held = pointer_before(entry).unwrap_or(candidate);
    if !git.has(commit)? || !git.has(candidate)? || !git.has(held)? {
        let message = format!("{whose}, the commit that activates, is not here");
        return Ok(Some(Finding::warning("ledger/cannot-rejudge", message)));
    }
    let wrong = |what: String| Ok(Some(Finding::error("ledger/other-activation", format!("{whose} {what}"))));
    if let Some(other) = git.changed_since(candidate, Some(commit))?.into_iter().find(|path| *path != at.file) {
        return wrong(format!("changes {other}, and not only {}", at.file));
    }
    let (Ok(before), Ok(after)) = (read(at, &CommitTree::new(git, held)?), read(at, &CommitTree::new(git, commit)?)) else {
        return wrong(format!("has no pointer file {} that can be read", at.file));
    };
    let names: Vec<ReleaseName> = entry.releases.iter().map(|release| release.name()).collect();
    // Whether a version may be lower is for the rules of the ledger.
    let wanted = match activated(&before, &names, entry.retires(), channel, true) {
        Ok((wanted, _)) => wanted,
        Err(fault) => return wrong(format!("is not what the entry says: {}", fault.message)),
    };
    match difference(&wanted, &after) {
        Some(what) => wrong(format!("does not activate what the entry says: {what}")),
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
    let recorded = situation.head.state().channels.get(&at.channel).and_then(|now| now.pointer.as_ref());
    let Some(recorded) = recorded else { return read(at, base) };
    let made = recorded_pointer(situation, at, recorded).await?;
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
    if let Some(finding) = pointer::not_a_file(tree, &at.file).map_err(unreadable)? {
        return Err(refused(vec![finding]));
    }
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
