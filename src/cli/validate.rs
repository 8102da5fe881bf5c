//! `validate`: configuration artifacts by their rails, their references and the pointer files. It moves nothing and asks no network.
//!
//! A tree is judged by its own `gates/`, so that a change of an artifact and of its rail are judged together.

use super::{Session, args, gather, paths};
use crate::{
    catalog::{
        check::{self, Artifact, Checked, Input, Which},
        document::Document,
        layout::{Layout, PointerAt},
        rails::Rails,
    },
    domain::{Fault, Finding, Reason, Result, Severity},
    gate::{
        Protocol,
        config::{self, GateFiles},
    },
    report::{Body, CatalogShape, Report, SigningMode, shape::KindShape},
    tree::{Tree, Unreadable},
    world::{
        World,
        trees::{CommitTree, WorkTree},
    },
};
use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
};

pub async fn run(session: &Session, args: &args::Validate) -> Result<Report> {
    let world = session.world().await?.clone();
    let at = args.at.as_ref().map(|rev| gather::commit(&world, rev)).transpose()?;
    let tree: Arc<dyn Tree> = match &at {
        Some(commit) => Arc::new(CommitTree::new(&world.git, commit)?),
        None => Arc::new(WorkTree::unpinned(&world.git)?),
    };
    let root = gather::gates_folder(session);
    let files = tree.files_in(&root).map_err(unreadable)?;
    if files.is_empty() {
        let fault = Fault::new(Reason::BadConfig, format!("there is no {root}/ here"));
        return Err(fault.help("`tagwarden init` writes one; `tagwarden init --minimal` the smallest"));
    }
    let files = GateFiles { files, root };
    let protocol = config::load(&files)?;
    session.beside(SigningMode::of(&protocol));
    if protocol.catalog.kinds.is_empty() {
        let fault = Fault::new(Reason::NothingToCheck, "the protocol names no kind of artifacts");
        return Err(fault.help("say where artifacts are under `kinds` in gates/protocol.yaml: `tagwarden explain kinds`"));
    }
    let rails = Rails::read(&protocol.catalog).map_err(wrong_rails)?;
    let since = args.changed_since.as_ref().map(|rev| gather::commit(&world, rev)).transpose()?;
    let changed = since.map(|since| world.git.changed_since(&since, at.as_ref())).transpose()?;
    let removed =
        changed.as_ref().map(|changed| check::removed(tree.as_ref(), &protocol.catalog, changed)).transpose().map_err(unreadable)?;
    let (which, said) = which(&world, tree.as_ref(), args, changed, &files.root)?;
    let mut pointers = Vec::new();
    for at in &protocol.catalog.pointers {
        pointers.push(pointer(session, &world, tree.as_ref(), &protocol, at)?);
    }
    let mut checked = check(&world, tree.as_ref(), &protocol.catalog, &rails, pointers, which)?;
    checked.findings.extend(removed.into_iter().flatten());
    Ok(said.into_iter().fold(report(&protocol, checked), Report::notice))
}

/// Checks a tree, and shows how far it is.
pub fn check(
    world: &World,
    tree: &dyn Tree,
    layout: &Layout,
    rails: &Rails,
    pointers: Vec<Option<Vec<u8>>>,
    which: Which,
) -> Result<Checked> {
    check_each(world, tree, layout, rails, pointers, which, &|_, _| {})
}

/// The same, with something to do for every artifact that could be read.
pub fn check_each(
    world: &World,
    tree: &dyn Tree,
    layout: &Layout,
    rails: &Rails,
    pointers: Vec<Option<Vec<u8>>>,
    which: Which,
    each: &(dyn Fn(&Artifact, &Document) + Sync),
) -> Result<Checked> {
    let waiting = OnceLock::new();
    let done = |all: usize| waiting.get_or_init(|| world.progress.count("artifacts:", all)).advance();
    check::check(Input { tree, layout, rails, pointers, which, done: &done, each }).map_err(unreadable)
}

/// The refusal of rails that cannot be used.
pub fn wrong_rails(findings: Vec<Finding>) -> Fault {
    let place = findings.iter().find_map(|finding| finding.place.as_ref());
    let at = place.map(|place| format!(" at {}:{}:{}", place.file, place.line, place.column)).unwrap_or_default();
    Fault::new(Reason::BadConfig, format!("the rails are wrong{at}")).findings(findings)
}

fn unreadable(error: Unreadable) -> Fault {
    Fault::new(Reason::GateInconclusive, error.to_string())
}

/// Which artifacts are meant, and what is worth saying of the choice.
fn which(
    world: &World,
    tree: &dyn Tree,
    args: &args::Validate,
    changed: Option<BTreeSet<String>>,
    gates: &str,
) -> Result<(Which, Option<String>)> {
    if let (Some(rev), Some(changed)) = (&args.changed_since, changed) {
        if changed.iter().any(|path| path.strip_prefix(gates).is_some_and(|rest| rest.starts_with('/'))) {
            return Ok((Which::All, Some(format!("{gates}/ changed since {rev}, so every artifact was checked"))));
        }
        let said =
            format!("only files that changed since {rev} were checked by themselves; what several files say together was checked of all");
        return Ok((Which::Changed(changed), Some(said)));
    }
    if args.paths.is_empty() {
        return Ok((Which::All, None));
    }
    let found: Result<Vec<String>> = args.paths.iter().map(|path| Ok(paths::in_tree(world, tree, path, |_| true)?.0)).collect();
    Ok((Which::Below(found?), Some("only a part was named; the pointer file was not checked".to_owned())))
}

/// The bytes of a pointer file: of the tree, else of the branch that it is on, as this clone knows it.
fn pointer(session: &Session, world: &World, tree: &dyn Tree, protocol: &Protocol, at: &PointerAt) -> Result<Option<Vec<u8>>> {
    if let Some(bytes) = tree.read(&at.file).map_err(unreadable)? {
        return Ok(Some(bytes));
    }
    let Some(branch) = &at.branch else { return Ok(None) };
    let remote = session.globals.remote.as_deref().unwrap_or(&protocol.remote);
    for name in [format!("refs/remotes/{remote}/{branch}"), format!("refs/heads/{branch}")] {
        if let Some(commit) = world.git.rev_parse(&name)? {
            return CommitTree::new(&world.git, &commit)?.read(&at.file).map_err(unreadable);
        }
    }
    Ok(None)
}

fn report(protocol: &Protocol, checked: Checked) -> Report {
    let errors = checked.findings.iter().any(|finding| finding.severity == Severity::Error);
    let reason = match (errors, checked.artifacts) {
        (true, _) => Reason::Findings,
        (false, 0) => Reason::NothingToCheck,
        (false, _) => Reason::Passed,
    };
    let kinds = checked.kinds.into_iter().map(|(kind, artifacts)| KindShape { kind, artifacts }).collect();
    let shape = CatalogShape { artifacts: checked.artifacts, kinds, active: checked.active, pages: checked.pages };
    let report = Report::new(reason, Body::Catalog(shape)).signing(SigningMode::of(protocol));
    report.findings(checked.findings).findings(protocol.warnings.iter().cloned())
}
