//! `snapshot create` and `bundle create`: read the source, validate it by the rails that its artifacts have, compare it with what was
//! captured before, write.
//!
//! What is validated is what is captured: a file whose bytes are others than when it was read is refused.

use super::{
    Around,
    args::{Capturing, SnapshotCreate},
    sign,
};
use crate::{
    artifact::{
        Files, Label, files,
        log::{Capture, Known, What},
    },
    catalog::{
        check::{Artifact, Which},
        layout::{Layout, RailOf},
        rails::Rails,
    },
    cli::{Session, gather, paths, validate},
    domain::{Digest, Fault, Finding, Oid, Reason, Result, Severity},
    release::plan,
    report::{
        Report,
        shape::snapshot::{Created, SnapshotAnswer},
    },
    tree::{Tree, TreeEntry, TreeId, Unreadable},
    world::{
        World,
        files::{below, in_full},
        oci::{Source, Store, View, Writer},
        trees::{CommitTree, WorkTree},
    },
};
use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

pub async fn run(session: &Session, args: &SnapshotCreate) -> Result<Report> {
    capture(session, &args.capturing, &As::Snapshot { max_shrink: args.max_shrink }).await
}

/// What the files become.
pub enum As {
    Snapshot {
        /// By how many percent they may be fewer than before.
        max_shrink: u8,
    },
    Bundle(Label),
}

impl As {
    fn label(&self) -> Option<&Label> {
        match self {
            As::Snapshot { .. } => None,
            As::Bundle(label) => Some(label),
        }
    }

    /// What may follow what was captured before.
    fn follows(&self, view: &View, source: &str, files: &Files) -> Result<()> {
        match self {
            As::Snapshot { max_shrink } => shrunk(view, source, files, *max_shrink),
            As::Bundle(_) => Ok(()),
        }
    }
}

pub async fn capture(session: &Session, args: &Capturing, what: &As) -> Result<Report> {
    let around = Around::of(session, &args.store).await?;
    let commit = commit(session, &around, args).await?;
    let mut found = match &commit {
        Some(commit) => of_commit(&around, args, commit)?,
        None => of_disk(session, &around, args)?,
    };
    if let Some(label) = what.label() {
        found.name = label.source();
    }
    let store = Store::open_or_begin(&around.store)?;
    let waiting = OnceLock::new();
    let without_git = found.source.without_git;
    let source = found.source.read(&|all| waiting.get_or_init(|| session.progress().count("files read:", all)).advance())?;
    let artifacts = validated(&around, found.tree.as_ref(), &source.files, what.label())?;
    what.follows(&store.view()?, &found.name, &source.files)?;

    // A key that is missing is no reason to capture without it.
    let signer = if args.sign { Some(sign::signer(session, &around).await?) } else { None };
    let mut writer = Writer::begin(&store, session.progress()).await?;
    // Somebody may have captured meanwhile.
    what.follows(&writer.view, &found.name, &source.files)?;
    let waiting = OnceLock::new();
    let made = writer.capture(&source, what.label(), &|all| {
        waiting.get_or_init(|| session.progress().count("files stored:", all)).advance();
    })?;
    let (artifact_type, digest) = (made.snapshot.artifact_type(), made.snapshot.digest);
    if let Some(label) = what.label() {
        reused(&writer.view, label, &digest)?;
    }
    let overlapping = what.label().map(|label| overlapping(&writer.view, label, &digest)).unwrap_or_default();
    let tags: Vec<String> = args.tags.iter().map(|tag| tag.as_str().to_owned()).collect();
    for tag in &tags {
        if let Some(other) = tagged(&writer.view, tag).filter(|other| **other != digest) {
            let fault = Fault::new(Reason::TagConflict, format!("the tag `{tag}` names the snapshot {other}"));
            return Err(fault.help("give another tag; a tag of a snapshot never moves"));
        }
    }
    let new = !writer.view.index.has(&digest);
    let masked = |text: &String| session.env.masks().mask(text);
    let capture = Capture {
        snapshot: digest.clone(),
        source: found.name.clone(),
        commit: commit.as_ref().map(Oid::to_string),
        channel: args.channel.as_ref().map(ToString::to_string),
        files: source.files.len() as u64,
        bytes: source.files.total(),
        tags: tags.clone(),
        reason: args.reason.as_ref().map(masked),
        before_restore: false,
        bundle: what.label().cloned(),
    };
    let by = around.by(session).await?;
    let size = made.manifest.len() as u64;
    writer.commit(session.clock.now(), &by, What::Create(capture), |index| index.add(artifact_type, &digest, size, &tags))?;
    let serial = writer.view.log.events.len() as u64;
    if let Some(signer) = &signer {
        sign::put(session, &around, &store, &mut writer, signer, &digest, &by).await?;
    }
    let (bundle, bytes) = (what.label().cloned(), source.files.total());
    let created = Created { digest, files: source.files.len(), bytes, new, source: found.name, tags, artifacts, serial, bundle };
    let report = around.report(if new { Reason::Passed } else { Reason::NothingToDo }, SnapshotAnswer::Created(created));
    let report = report.findings(overlapping);
    Ok(if without_git { report.notice("git's own folder `.git` was left out") } else { report })
}

/// What is captured, and how it is called.
struct Given {
    source: Source,
    /// What later captures are compared by.
    name: String,
    /// `None`: no repository has the files.
    tree: Option<InTree>,
}

/// A tree that has the files, and the path there of what has each name in the snapshot.
type InTree = (Arc<dyn Tree>, Vec<(String, String)>);

async fn commit(session: &Session, around: &Around, args: &Capturing) -> Result<Option<Oid>> {
    if let Some(rev) = &args.at {
        return gather::commit(repository(around)?, rev).map(Some);
    }
    let Some(channel) = &args.channel else { return Ok(None) };
    repository(around)?;
    let situation = gather::situation(session).await?;
    let (channel, _) = plan::channel(situation.protocol(), situation.place.drafted.as_deref(), channel.as_str())?;
    match situation.head.state().channels.get(&channel) {
        Some(now) => Ok(Some(now.shown().clone())),
        None => Err(Fault::new(Reason::UnknownRelease, format!("nothing was promoted to {channel} yet"))),
    }
}

fn repository(around: &Around) -> Result<&World> {
    let none = || Fault::new(Reason::NotARepository, "a commit can be captured only in a repository");
    around.world.as_ref().ok_or_else(none)
}

fn of_commit(around: &Around, args: &Capturing, commit: &Oid) -> Result<Given> {
    let world = repository(around)?;
    let tree: Arc<dyn Tree> = Arc::new(CommitTree::new(&world.git, commit)?);
    let mut roots = Vec::new();
    for path in &args.paths {
        let (path, folder) = paths::in_tree(world, tree.as_ref(), path, |_| true)?;
        let name = match (args.paths.len(), folder) {
            (1, Some(_)) => String::new(),
            (1, None) => path.rsplit('/').next().unwrap_or_default().to_owned(),
            _ => path.clone(),
        };
        roots.push((path, name));
    }
    let source = Source::of_tree(tree.clone(), &roots)?;
    Ok(Given { source, name: called(roots.iter().map(|(path, _)| path.as_str())), tree: Some((tree, roots)) })
}

fn of_disk(session: &Session, around: &Around, args: &Capturing) -> Result<Given> {
    let base = session.globals.repo.as_deref().unwrap_or(Path::new("."));
    let mut roots = Vec::new();
    let mut named = Vec::new();
    for path in &args.paths {
        let path = base.join(path);
        let inside = around.world.as_ref().filter(|world| !world.git.is_bare()).and_then(|world| below(world.git.dir(), &path));
        let name = match (args.paths.len(), &inside) {
            (1, _) => String::new(),
            (_, Some(inside)) if !inside.is_empty() => inside.clone(),
            _ => {
                let fault = Fault::new(Reason::BadUsage, format!("{} has no name below the root of the repository", path.display()));
                return Err(fault.help("several paths keep their names from that root; capture this one by itself"));
            }
        };
        named.push(inside.unwrap_or_else(|| in_full(&path)));
        roots.push((path, name));
    }
    let source = Source::of_disk(&roots, &around.store)?;
    let in_tree: Vec<(String, String)> = named.iter().cloned().zip(roots.into_iter().map(|(_, name)| name)).collect();
    let is_inside = |world: &&World| !world.git.is_bare() && named.iter().all(|name| !name.starts_with('/'));
    let tree = match around.world.as_ref().filter(is_inside) {
        Some(world) => Some((Arc::new(WorkTree::unpinned(&world.git)?) as Arc<dyn Tree>, in_tree)),
        None => None,
    };
    Ok(Given { source, name: called(named.iter().map(String::as_str)), tree })
}

fn called<'a>(paths: impl Iterator<Item = &'a str>) -> String {
    paths.map(paths::shown).collect::<Vec<_>>().join(", ")
}

/// Checks the artifacts among the files by their rails; how many there were. The files of a bundle must have some of its rail. Faults:
/// `findings`, `nothing_to_check`.
fn validated(around: &Around, tree: Option<&InTree>, files: &Files, label: Option<&Label>) -> Result<usize> {
    let (world, protocol, (tree, roots)) = match (&around.world, &around.protocol, tree) {
        (Some(world), Some(protocol), Some(tree)) if !protocol.catalog.kinds.is_empty() => (world, protocol, tree),
        _ if label.is_none() => return Ok(0),
        _ => {
            let fault = Fault::new(Reason::BadUsage, "the files of a bundle are checked by its rail, and here is none that could");
            return Err(
                fault.help("name files of the repository whose gates/ has the rail, and their kind under `kinds` in gates/protocol.yaml")
            );
        }
    };
    let rails = Rails::read(&protocol.catalog).map_err(validate::wrong_rails)?;
    if let Some(label) = label.filter(|label| rails.get(&label.rail).is_none()) {
        let fault = Fault::new(Reason::BadUsage, format!("there is no rail `{}`", label.rail));
        let names: Vec<&str> = rails.names().collect();
        return Err(fault.help(format!("rails of gates/rails: {}", names.join(", "))));
    }
    let which = Which::Below(roots.iter().map(|(root, _)| root.clone()).collect());
    let captured = Captured { tree: tree.as_ref(), roots, files };
    let pointers = vec![None; protocol.catalog.pointers.len()];
    let checked = validate::check(world, &captured, &protocol.catalog, &rails, pointers, which)?;
    if let Some(label) = label
        && !checked.found.iter().any(|artifact| captured.find(&artifact.path).is_some() && may_have(&protocol.catalog, artifact, label))
    {
        let fault = Fault::new(Reason::NothingToCheck, format!("none of the files is an artifact of the rail `{}`", label.rail));
        return Err(fault.help("name the files that `kinds` in gates/protocol.yaml gives this rail; `tagwarden validate` shows them"));
    }
    let wrong = checked.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    if wrong == 0 {
        return Ok(checked.artifacts);
    }
    let fault = Fault::new(
        Reason::Findings,
        format!(
            "the source is not valid, so it was not captured: {}",
            if wrong == 1 { "1 error".to_owned() } else { format!("{wrong} errors") }
        ),
    );
    Err(fault.findings(checked.findings).help("`tagwarden validate` shows the same; correct the artifacts"))
}

/// Whether the rail of an artifact is that of the label; an artifact may name its rail itself.
fn may_have(layout: &Layout, artifact: &Artifact, label: &Label) -> bool {
    match layout.kinds.get(&artifact.kind).map(|kind| &kind.rail) {
        Some(RailOf::Named(rail)) => *rail == label.rail,
        Some(RailOf::SaidAt(_)) => true,
        Some(RailOf::None) | None => false,
    }
}

/// Refuses other content under a version that the log knows.
fn reused(view: &View, label: &Label, digest: &Digest) -> Result<()> {
    match view.state.version_of(label) {
        Some(first) if first != digest => {
            let fault = Fault::new(Reason::VersionReused, format!("the bundle {label} is {first}, and this would be {digest}"));
            Err(fault.help("give it another version; other files and another window are another bundle, for ever"))
        }
        _ => Ok(()),
    }
}

/// Other bundles of the store whose windows overlap with this one.
fn overlapping(view: &View, label: &Label, digest: &Digest) -> Vec<Finding> {
    let others = view.state.snapshots.iter().filter(|(other, _)| *other != digest);
    let others = others.filter_map(|(_, known)| known.capture.bundle.as_ref()).filter(|other| label.overlaps(other));
    others.map(|other| Finding::warning("bundle/overlap", format!("{label} and {other} are in force at the same time"))).collect()
}

/// The name that a file of the tree has in the snapshot, if it is below this root.
fn named(root: &str, name: &str, path: &str) -> Option<String> {
    let below = if root.is_empty() { path } else { path.strip_prefix(root)? };
    match (name, below) {
        ("", "") => path.rsplit('/').next().map(str::to_owned),
        (name, "") => Some(name.to_owned()),
        (name, below) => {
            let below = if root.is_empty() { below } else { below.strip_prefix('/')? };
            Some(if name.is_empty() { below.to_owned() } else { format!("{name}/{below}") })
        }
    }
}

/// A tree in which the captured files have the captured bytes.
struct Captured<'a> {
    tree: &'a dyn Tree,
    roots: &'a [(String, String)],
    files: &'a Files,
}

impl Captured<'_> {
    /// Where the file of a path in the tree is among the captured ones.
    fn find(&self, path: &str) -> Option<usize> {
        self.roots.iter().find_map(|(root, name)| self.files.find(&named(root, name, path)?))
    }
}

impl Tree for Captured<'_> {
    fn id(&self) -> &TreeId {
        self.tree.id()
    }

    fn entries(&self) -> std::result::Result<&[TreeEntry], Unreadable> {
        self.tree.entries()
    }

    fn read(&self, path: &str) -> std::result::Result<Option<Vec<u8>>, Unreadable> {
        let read = self.tree.read(path)?;
        match (&read, self.find(path)) {
            (Some(bytes), Some(at)) if Digest::of(bytes) != self.files.get(at).digest => {
                Err(Unreadable(format!("`{path}` changed while it was captured")))
            }
            _ => Ok(read),
        }
    }
}

/// Refuses a source that lost more than it may since its last capture.
fn shrunk(view: &View, source: &str, files: &Files, max_shrink: u8) -> Result<()> {
    let Some(Known { capture: before, time, .. }) = view.state.newest_of(source) else { return Ok(()) };
    let lost = |before: u64, now: u64| before.checked_sub(now).map_or(0, |lost| u128::from(lost) * 100 / u128::from(before.max(1)));
    let (of_files, of_bytes) = (lost(before.files, files.len() as u64), lost(before.bytes, files.total()));
    if of_files.max(of_bytes) <= u128::from(max_shrink) {
        return Ok(());
    }
    let message = format!(
        "{source} shrank: {} and {} bytes, and it had {} and {} bytes at {time}",
        files::counted(files.len()),
        files.total(),
        files::counted(before.files as usize),
        before.bytes
    );
    let fault = Fault::new(Reason::Findings, message.clone()).finding(Finding::error("snapshot/shrunk", message));
    Err(fault.help(format!("if that is meant: `--max-shrink {}`; the limit is {} percent", of_files.max(of_bytes), max_shrink)))
}

fn tagged<'v>(view: &'v View, tag: &str) -> Option<&'v Digest> {
    view.state.tags.get(tag).or_else(|| view.index.tagged(tag).next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_tree_has_its_name_in_the_snapshot() {
        for (root, name, path, found) in [
            ("config", "", "config/a/b", Some("a/b")),
            ("config", "", "config/config", Some("config")),
            ("", "", "a/b", Some("a/b")),
            ("", "top", "a/b", Some("top/a/b")),
            ("config/index.json", "", "config/index.json", Some("index.json")),
            ("config/index.json", "config/index.json", "config/index.json", Some("config/index.json")),
            ("config", "config", "config/a", Some("config/a")),
            ("config", "config", "config.json", None),
            ("config", "", "other/a", None),
            ("one.json", "one.json", "one.json", Some("one.json")),
        ] {
            assert_eq!(named(root, name, path).as_deref(), found, "{root} {name} {path}");
        }
    }
}
