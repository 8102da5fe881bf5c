//! `catalog immutability`: changes of files of a version after it was active or tagged.
//!
//! Commits are those of the release branch along the first parents, a merge with all that it brought. From when on a version must stay as it
//! is, is said by the history of the pointer file and by release tags. Deliberately absent: kinds whose paths do not have the version; a
//! file of theirs becomes the next version by being changed.

use super::{history::line, protocol, release_tip};
use crate::{
    catalog::layout::{Layout, PathTemplate},
    cli::{Session, args, gather},
    domain::{Fault, Finding, Oid, Place as FilePlace, Reason, Result},
    report::{Body, ImmutabilityShape, Report, SigningMode},
    world::git::{Edit, Git, LogOf, Logged},
};
use std::collections::{BTreeSet, HashMap};

/// A version: kind, id, version.
type Name = (String, String, String);

/// Since when a version must stay as it is, and why.
struct Frozen {
    at: usize,
    code: &'static str,
    why: String,
}

pub async fn run(session: &Session, args: &args::CatalogImmutability) -> Result<Report> {
    let place = gather::place(session).await?;
    let protocol = protocol(session, &place)?;
    let (git, layout) = (&place.world.git, &protocol.catalog);
    let commit = |rev: &String| gather::commit(&place.world, rev);
    let since = args.since.as_ref().map(commit).transpose()?;
    let head = args.at.as_ref().map(commit).transpose()?.map_or_else(|| release_tip(&place, &protocol), Ok)?;
    let looked_at: Vec<&PathTemplate> = layout.kinds.values().map(|kind| &kind.path).filter(|path| has_version(path)).collect();
    if looked_at.is_empty() {
        let fault =
            Fault::new(Reason::NothingToCheck, "no path of `kinds` has both {id} and {version}, so no file is a version of its own");
        return Err(fault.help("put the version into the path of a kind whose versions must stay as they are"));
    }
    let all = git.commits(LogOf { head: &head, without: &[], first_parents: false, paths: &[] }).await?;
    let place_of = reached(&all, &head);
    let base = match &since {
        None => None,
        Some(since) => Some(*place_of.get(since).ok_or_else(|| {
            Fault::new(Reason::BadUsage, format!("{} is not in the history of {}", since.short(), head.short()))
                .help("name a commit that it follows, or with `--at REV` one that follows it")
        })?),
    };
    let (mut frozen, mut findings): (HashMap<Name, Frozen>, Vec<Finding>) = (HashMap::new(), Vec::new());
    let mut notices = Vec::new();
    let mut first = |name: Name, new: Frozen| match frozen.get(&name) {
        Some(known) if known.at <= new.at => {}
        _ => drop(frozen.insert(name, new)),
    };
    for at in &layout.pointers {
        let line = line(&place, &protocol, at, None).await?;
        findings.extend(line.findings);
        // An activation that is on a branch of its own is of the commit that it judged.
        let reach = |commit: &Logged| {
            let known = place_of.get(&commit.oid).copied();
            known.or_else(|| commit.parents.first().and_then(|judged| place_of.get(judged).copied()))
        };
        let steps: Vec<_> = line.steps.iter().filter_map(|step| Some((reach(&step.commit)?, step))).collect();
        if let (true, Some(base)) = (args.active, base) {
            let active = |until: usize| {
                let pointer = steps.iter().rev().find(|(at, _)| *at <= until).and_then(|(_, step)| step.pointer.as_ref());
                let entries = pointer.map(|pointer| pointer.entries().to_vec()).unwrap_or_default();
                entries.into_iter().map(|entry| (entry.kind, entry.id, entry.version)).collect::<BTreeSet<_>>()
            };
            for (kind, id, version) in active(base).intersection(&active(usize::MAX)) {
                let why = format!("which is active at both ends, on {}", at.channel);
                for name in names(layout, kind.as_deref(), id, version) {
                    first(name, Frozen { at: base, code: "catalog/changed-after-active", why: why.clone() });
                }
            }
            continue;
        }
        for (place, step) in steps {
            for entry in step.pointer.iter().flat_map(|pointer| pointer.entries()) {
                let why = format!("which is active on {} since commit {}", at.channel, step.commit.oid.short());
                for name in names(layout, entry.kind.as_deref(), &entry.id, &entry.version) {
                    first(name, Frozen { at: place, code: "catalog/changed-after-active", why: why.replace(" is active", " was active") });
                }
            }
        }
    }
    if !args.active {
        for (name, tag, commit) in tagged(git, layout).await? {
            let Some(at) = place_of.get(&commit) else { continue };
            let why = format!("which the tag {tag} names at commit {}", commit.short());
            first(name, Frozen { at: *at, code: "catalog/changed-after-tag", why });
        }
    }
    let folders: BTreeSet<&str> = looked_at.iter().map(|path| path.fixed_folder()).collect();
    let paths: Vec<&str> = if folders.contains("") { vec!["."] } else { folders.into_iter().collect() };
    let without: Vec<Oid> = since.iter().cloned().collect();
    let edits = git.commits(LogOf { head: &head, without: &without, first_parents: true, paths: &paths }).await?;
    for (commit, edit) in edits.iter().rev().flat_map(|commit| commit.edits.iter().map(move |edit| (commit, edit))) {
        for (kind, rules) in &layout.kinds {
            let Some((id, version)) = rules.path.of_file(&edit.path).and_then(|said| Some((said.id?, said.version?))) else { continue };
            let name = (kind.to_string(), id, version);
            let Some(since) = frozen.get(&name).filter(|since| place_of.get(&commit.oid).is_some_and(|at| *at > since.at)) else {
                continue;
            };
            findings.push(finding(commit, edit, &name, since));
        }
    }
    let without_version: Vec<&str> = layout.kinds.iter().filter(|(_, of)| !has_version(&of.path)).map(|(kind, _)| kind.as_str()).collect();
    if !without_version.is_empty() {
        notices.push(format!("not looked at, because their paths do not have {{id}} and {{version}}: {}", without_version.join(", ")));
    }
    let is_wrong = findings.iter().any(|finding| finding.severity == crate::domain::Severity::Error);
    let reason = match (is_wrong, git.is_shallow()) {
        (true, _) => Reason::Findings,
        (false, true) => Reason::ShallowHistory,
        (false, false) => Reason::Passed,
    };
    let shape = ImmutabilityShape { since, head, commits: edits.len(), versions: frozen.len() };
    let report = Report::new(reason, Body::Immutability(shape)).signing(SigningMode::of(&protocol)).findings(findings);
    Ok(notices.into_iter().fold(report, Report::notice))
}

fn has_version(path: &PathTemplate) -> bool {
    path.has("id") && path.has("version")
}

/// By commit, where along the first parents it came into the history: 0 is the oldest.
fn reached<'a>(all: &'a [Logged], head: &'a Oid) -> HashMap<&'a Oid, usize> {
    let by_oid: HashMap<&Oid, &Logged> = all.iter().map(|commit| (&commit.oid, commit)).collect();
    let mut line = vec![head];
    while let Some(before) = line.last().and_then(|oid| by_oid.get(*oid)).and_then(|commit| commit.parents.first()) {
        line.push(before);
    }
    line.reverse();
    let mut reached: HashMap<&Oid, usize> = HashMap::new();
    for (at, oid) in line.into_iter().enumerate() {
        let mut open = vec![oid];
        while let Some(oid) = open.pop() {
            if reached.contains_key(oid) {
                continue;
            }
            reached.insert(oid, at);
            open.extend(by_oid.get(oid).into_iter().flat_map(|commit| &commit.parents));
        }
    }
    reached
}

/// The versions that an entry of a pointer file may mean: in a flat file those of every kind.
fn names(layout: &Layout, kind: Option<&str>, id: &str, version: &str) -> Vec<Name> {
    let kinds = layout.kinds.keys().filter(|known| kind.is_none_or(|kind| known.as_str() == kind));
    kinds.map(|kind| (kind.to_string(), id.to_owned(), version.to_owned())).collect()
}

/// The release tags of artifacts that are here, with the commits that they name.
async fn tagged(git: &Git, layout: &Layout) -> Result<Vec<(Name, String, Oid)>> {
    let mut tagged = Vec::new();
    for tag in git.tags().await? {
        for (kind, rules) in &layout.kinds {
            let Some(release) = rules.release_tag.artifact_in(&tag, kind.as_str()) else { continue };
            let Some((kind, id)) = release.package.artifact() else { continue };
            let Some(commit) = git.rev_parse(&format!("refs/tags/{tag}"))? else { continue };
            tagged.push(((kind.to_owned(), id.to_owned(), release.version.to_string()), tag.clone(), commit));
        }
    }
    Ok(tagged)
}

fn finding(commit: &Logged, edit: &Edit, (kind, id, version): &Name, since: &Frozen) -> Finding {
    let what = match edit.what {
        'A' => "adds a file to",
        'D' => "removes a file of",
        _ => "changes a file of",
    };
    let message = format!("commit {} {what} {kind}:{id}@{version}, {}", commit.oid.short(), since.why);
    let place = FilePlace { file: edit.path.clone(), line: 1, column: 1, end_column: None, source: None };
    let help = format!("`git show {} -- {}` shows it; a change is a version of its own", commit.oid, edit.path);
    Finding::error(since.code, message).at(place).help(help)
}
