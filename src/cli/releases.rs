//! From the words on the command line to releases with commits and tags.

use super::{args::Meant, gather::Situation};
use crate::{
    domain::{Fault, Oid, Reason, RefName, ReleaseName, Result, Timestamp},
    gate::{Protocol, protocol::ReleaseTags},
    release::{
        chain::GIT_NAMESPACE,
        object::Tag,
        plan::{self, Located, Plan, PlannedRelease},
    },
    world::git::{ObjectKind, Want},
};
use std::collections::BTreeSet;

/// What the words name, each package once. An artifact that was staged may be named without its kind.
pub fn names(situation: &Situation, words: &[String]) -> Result<Vec<ReleaseName>> {
    let mut names: Vec<ReleaseName> = Vec::new();
    for word in words {
        let name = named(situation.protocol(), word, |id| {
            let kinds = situation.head.state().staged.iter().filter_map(|staged| staged.package.artifact().filter(|(_, of)| *of == id));
            Ok(kinds.map(|(kind, _)| kind.to_owned()).collect())
        })?;
        if names.iter().any(|other| other.package == name.package) {
            return Err(Fault::new(Reason::BadUsage, format!("package {} is named twice", name.package)));
        }
        names.push(name);
    }
    Ok(names)
}

/// The release that a word names. `ID@VERSION` is an artifact where no package has that name and exactly one kind has that id, by
/// `kinds_of`. Faults: `bad_usage` where several have it.
pub fn named(protocol: &Protocol, word: &str, kinds_of: impl FnOnce(&str) -> Result<BTreeSet<String>>) -> Result<ReleaseName> {
    let bare = word.rsplit_once('@').filter(|(id, _)| !id.contains(':') && !protocol.catalog.kinds.is_empty());
    let is_package = |id: &str| protocol.packages.keys().any(|package| package.as_str() == id);
    let Some((id, version)) = bare.filter(|(id, _)| !is_package(id)) else { return plan::release_name(protocol, word) };
    let kinds = kinds_of(id)?;
    let candidates: Vec<String> = kinds.iter().map(|kind| format!("{kind}:{id}@{version}")).collect();
    match candidates.as_slice() {
        [] => plan::release_name(protocol, word),
        [only] => plan::release_name(protocol, only),
        several => {
            let why = format!("several kinds have an artifact `{}`, so `{}` could be any of them", id.escape_debug(), word.escape_debug());
            Err(Fault::new(Reason::BadUsage, why).help(format!("name its kind: {}", several.join(", "))))
        }
    }
}

/// The releases to move. One that has no tag yet is made at the commit that is `meant`, else at HEAD, where that is plain.
pub async fn resolve(situation: &Situation, names: Vec<ReleaseName>, meant: Option<&Oid>) -> Result<Vec<PlannedRelease>> {
    let mut releases = Vec::new();
    for name in names {
        releases.push(resolve_one(situation, name, meant).await?);
    }
    Ok(releases)
}

impl Meant {
    /// Whoever names a commit acts on that one or on none. Faults: `tag_conflict`.
    pub fn check(&self, releases: &[PlannedRelease]) -> Result<()> {
        let Some(sha) = &self.sha else { return Ok(()) };
        match releases.iter().find(|release| release.commit != *sha) {
            None => Ok(()),
            Some(other) => {
                let why = format!("{} is at `{}`, not at `{sha}`", other.name, other.commit);
                Err(Fault::new(Reason::TagConflict, why).help("look at what the release is, then name its commit"))
            }
        }
    }
}

impl Meant {
    /// The same where the releases of a move were staged at several commits: the one that is judged is meant.
    pub fn check_activation(&self, plan: &Plan) -> Result<()> {
        if plan.pointer.is_some() { self.check_judged(&plan.names().join(", "), &plan.candidate) } else { Ok(()) }
    }

    /// The same of whatever is said about what would be judged.
    pub fn check_judged(&self, what: &str, judged: &Oid) -> Result<()> {
        let Some(sha) = self.sha.as_ref().filter(|sha| *sha != judged) else { return Ok(()) };
        let why = format!("{what} would be judged at {judged}, not at {sha}");
        Err(Fault::new(Reason::TagConflict, why).help("look at that commit, then name it"))
    }
}

/// One release that exists: staged, or tagged by somebody.
pub async fn existing(situation: &Situation, word: &str) -> Result<PlannedRelease> {
    let name = plan::release_name(situation.protocol(), word)?;
    let tag_ref = plan::release_ref(situation.protocol(), &name)?;
    match plan::locate(situation.head.state(), &situation.refs, &name, &tag_ref)? {
        Located::Missing => {
            let fault = Fault::new(Reason::UnknownRelease, format!("there is no release {name}"));
            Err(fault.help(format!("`tagwarden stage {name} --at REV` makes it; then run this again")))
        }
        located => settle(situation, name, tag_ref, located, None).await,
    }
}

async fn resolve_one(situation: &Situation, name: ReleaseName, meant: Option<&Oid>) -> Result<PlannedRelease> {
    let tag_ref = plan::release_ref(situation.protocol(), &name)?;
    let located = plan::locate(situation.head.state(), &situation.refs, &name, &tag_ref)?;
    if name.package.artifact().is_some() && !matches!(located, Located::Staged { .. }) {
        let fault = Fault::new(Reason::UnknownRelease, format!("{name} was never staged"));
        let help = format!("`tagwarden stage {name} --at REV` checks the whole tree and gives it its tag; then run this again");
        return Err(fault.help(help));
    }
    settle(situation, name, tag_ref, located, meant).await
}

async fn settle(
    situation: &Situation,
    name: ReleaseName,
    tag_ref: RefName,
    located: Located,
    meant: Option<&Oid>,
) -> Result<PlannedRelease> {
    match located {
        Located::Staged { commit, tag } => Ok(PlannedRelease { name, commit, tag_ref, tag: Some(tag) }),
        Located::Tagged { oid, peeled } => {
            check_foreign_tag(situation, &tag_ref, &oid, &peeled).await?;
            Ok(PlannedRelease { name, commit: peeled, tag_ref, tag: Some(oid) })
        }
        Located::Missing => {
            let commit = match meant {
                Some(meant) => meant.clone(),
                None => new_commit(situation, &name).await?,
            };
            plan::may_create(situation.protocol(), situation.head.state(), &situation.refs, &name, &commit)?;
            Ok(PlannedRelease { name, commit, tag_ref, tag: None })
        }
    }
}

/// The commit of a release nobody tagged on the remote: that of a local tag of the same name, else HEAD of a branch.
async fn new_commit(situation: &Situation, name: &ReleaseName) -> Result<Oid> {
    let git = &situation.world().git;
    let tag_ref = plan::release_ref(situation.protocol(), name)?;
    if let Some(commit) = git.rev_parse(tag_ref.as_str())? {
        return Ok(commit);
    }
    let unknown = |why: &str| {
        let fault = Fault::new(Reason::UnknownRelease, format!("there is no release {name}, and {why}"));
        Err(fault.help(format!("`tagwarden stage {name} --at REV` makes it at a commit of your choice")))
    };
    match (git.is_bare(), git.current_branch().await?, git.rev_parse("HEAD")?) {
        (true, _, _) => unknown("a bare repository has no commit checked out to make it from"),
        (_, None, _) => unknown("HEAD is detached, so it is not taken for the commit that is meant"),
        (_, _, Some(commit)) => Ok(commit),
        (_, _, None) => unknown("there is no commit here"),
    }
}

/// A tag that Tagwarden did not make: it must be what the policy asks of such tags.
async fn check_foreign_tag(situation: &Situation, tag_ref: &RefName, oid: &Oid, peeled: &Oid) -> Result<()> {
    let git = &situation.world().git;
    if !git.has(oid)? || !git.has(peeled)? {
        git.fetch_objects(&situation.place.at.remote, &[Want::Ref(tag_ref.clone())]).await?;
    }
    if git.kind_of(peeled)? != Some(ObjectKind::Commit) {
        return Err(Fault::new(Reason::TagConflict, format!("{tag_ref} does not name a commit")));
    }
    let refuse = |why: String| {
        let fault = Fault::new(Reason::NotPermitted, format!("{tag_ref} {why}, and the policy asks for signed release tags"));
        Err(fault.help("stage the release with `tagwarden stage` under another version, or set `release_tags: any` and adopt the policy"))
    };
    let object = git.read(oid)?.filter(|object| object.kind == ObjectKind::Tag);
    let tag = object
        .map(|object| Tag::parse(&object.bytes))
        .transpose()
        .map_err(|why| Fault::new(Reason::TagConflict, format!("{tag_ref}: {why}")))?;
    if let Some(tag) = &tag
        && tag_ref.tag() != Some(tag.name.as_str())
    {
        let why = format!("{tag_ref} holds a tag object that is named `{}`", tag.name.escape_debug());
        return Err(Fault::new(Reason::TagConflict, why));
    }
    if situation.protocol().release_tags == ReleaseTags::Any || situation.protocol().is_unsigned() {
        return Ok(());
    }
    let Some(tag) = tag else { return refuse("is a lightweight tag".to_owned()) };
    let (Some(armored), Some(allowed)) = (&tag.signature, &situation.head.policy().allowed) else {
        return refuse("is not signed".to_owned());
    };
    match allowed.verify(GIT_NAMESPACE, &tag.payload, armored, tagged_at(&tag).unwrap_or(situation.world().clock.now())) {
        Ok(_) => Ok(()),
        Err(refusal) => refuse(format!("bears a signature that does not count ({refusal})")),
    }
}

/// The tagger's time, by which a key's validity window is judged.
fn tagged_at(tag: &Tag) -> Option<Timestamp> {
    let text = std::str::from_utf8(&tag.payload).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("tagger "))?;
    let seconds = line.rsplit(' ').nth(1)?;
    seconds.parse().ok().map(Timestamp::from_unix)
}

/// A staged release as gates see it.
pub fn of_staged(staged: &crate::domain::state::Staged) -> crate::domain::Release {
    crate::domain::Release {
        package: staged.package.clone(),
        version: staged.version.clone(),
        commit: staged.commit.clone(),
        tag: Some(staged.tag.clone()),
    }
}
