//! `stage`: gives a new version its commit, with an annotated tag that never moves. A configuration artifact is staged with the report
//! of the check of the whole tree, which found no error.

use super::{
    Session, acting, activation, args, gather, moving, releases,
    statement::{self, Intent},
};
use crate::{
    attest::statement::REPORT_PATH,
    catalog::check::{self, Checked},
    domain::{
        Digest, Fault, Finding, Oid, Reason, Release, ReleaseName, Result, Severity, Verb, digest::canonical_json, state::Body as Said,
    },
    release::{
        plan::{self, Located, PlannedRelease},
        state,
    },
    report::{Body, CatalogShape, EntryShape, Report, shape::join_releases},
    tree::Unreadable,
    world::trees::CommitTree,
};
use serde::Serialize;

pub async fn run(session: &Session, args: &args::Stage) -> Result<Report> {
    let situation = gather::situation(session).await?;
    let time = situation.world().clock.now();
    let commit = gather::commit(situation.world(), &args.at)?;
    let name = releases::named(situation.protocol(), &args.release, |id| {
        let files = CommitTree::new(&situation.world().git, &commit)?;
        let unreadable = |error: Unreadable| Fault::new(Reason::GateInconclusive, error.to_string());
        check::kinds_of(&files, &situation.protocol().catalog, id).map_err(unreadable)
    })?;
    let tag_ref = plan::release_ref(situation.protocol(), &name)?;
    let acting = acting::acting(session, &situation.place, &situation.head).await?;
    let permit = acting.permit(situation.protocol(), Verb::Stage, None)?;
    let wanted = PlannedRelease { name: name.clone(), commit: commit.clone(), tag_ref: tag_ref.clone(), tag: None };
    if let Some(staged) = state::staged(situation.head.state(), &name).filter(|staged| staged.commit == commit) {
        return nothing_to_do(&situation, staged.serial);
    }
    let release = Release { package: name.package.clone(), version: name.version.clone(), commit: commit.clone(), tag: None };
    let is_artifact = name.package.artifact().is_some();
    // What the report says is not known yet; that there will be one is.
    let body = is_artifact.then(|| Said::Stage { report: Digest::of(b"") });
    let intent = Intent { releases: vec![release], candidate: Some(commit.clone()), body, ..Intent::default() };
    statement::early(&situation.head, &acting, Verb::Stage, &intent, time)?;
    let located = plan::locate(situation.head.state(), &situation.refs, &name, &tag_ref)?;
    let (tags, tag) = match located {
        Located::Missing => (vec![(tag_ref.clone(), name.to_string())], None),
        Located::Tagged { oid, peeled } if peeled == commit => {
            releases::existing(&situation, &name.to_string()).await?;
            (Vec::new(), Some(oid))
        }
        Located::Tagged { peeled, .. } | Located::Staged { commit: peeled, .. } => {
            let why = format!("{tag_ref} exists at {} and never moves to {}", peeled.short(), commit.short());
            return Err(Fault::new(Reason::TagConflict, why));
        }
    };
    moving::bring_branches(&situation).await?;
    moving::check_reachable(&situation, [&wanted.commit]).await?;
    let report = match is_artifact {
        true => Some(report(&situation, &name, &commit, &activation_check(&situation, &name, &commit).await?)?),
        false => None,
    };
    let releases = intent.releases.into_iter().map(|release| Release { tag: tag.clone(), ..release }).collect();
    let body = report.as_ref().map(|report| Said::Stage { report: Digest::of(report) });
    let evidence = report.into_iter().map(|report| (REPORT_PATH.to_owned(), report)).collect();
    let intent = Intent { releases, tags, candidate: intent.candidate, body, evidence, ..Intent::default() };
    let signing = situation.signing();
    let gather::Situation { place, head, .. } = situation;
    let applied = statement::write(&place, &acting, Some(head), &permit, Verb::Stage, intent, time).await?;
    Ok(statement::report(&place, applied, signing))
}

/// The check of everything at the commit. Faults: `unknown_release` where the artifact is not there, `findings` where anything is
/// wrong, `bad_usage` where it was changed here since.
async fn activation_check(situation: &gather::Situation, name: &ReleaseName, commit: &Oid) -> Result<Checked> {
    let git = &situation.world().git;
    let files = CommitTree::new(git, commit)?;
    activation::bring(situation).await?;
    let checked = activation::check(situation, &files, None)?;
    let Some(artifact) = checked.found.iter().find(|artifact| activation::is_of(artifact, name)) else {
        let others = checked.found.iter().filter(|artifact| name.package.artifact() == Some((artifact.kind.as_str(), &artifact.id)));
        let versions: Vec<&str> = others.filter_map(|artifact| artifact.version.as_deref()).collect();
        let fault = Fault::new(Reason::UnknownRelease, format!("there is no artifact {name} at {}", commit.short()));
        return Err(match versions.is_empty() {
            true => fault.help("`tagwarden validate` lists how many there are of each kind; `kinds` says where they are"),
            false => fault.help(format!("versions of it there: {}", versions.join(", "))),
        });
    };
    let errors = checked.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    if errors > 0 {
        let fault = Fault::new(Reason::Findings, format!("the tree at {} has {errors} errors; {name} is not staged", commit.short()));
        return Err(fault.findings(checked.findings.clone()));
    }
    if git.rev_parse("HEAD")?.as_ref() == Some(commit) {
        activation::committed(git, artifact).await?;
    }
    Ok(checked)
}

/// How many findings a report holds at most; none of them is an error.
const FINDINGS: usize = 1_000;

#[derive(Serialize)]
struct StageReport<'a> {
    schema: &'static str,
    release: String,
    commit: &'a Oid,
    policy: &'a Oid,
    artifacts: usize,
    active: usize,
    findings: &'a [Finding],
    left_out: usize,
}

fn report(situation: &gather::Situation, name: &ReleaseName, commit: &Oid, checked: &Checked) -> Result<Vec<u8>> {
    let kept = checked.findings.len().min(FINDINGS);
    canonical_json(&StageReport {
        schema: CatalogShape::SCHEMA,
        release: name.to_string(),
        commit,
        policy: &situation.head.state().policy.tree,
        artifacts: checked.artifacts,
        active: checked.active,
        findings: &checked.findings[..kept],
        left_out: checked.findings.len() - kept,
    })
}

fn nothing_to_do(situation: &gather::Situation, serial: u64) -> Result<Report> {
    let linked = situation.head.entry(serial);
    let linked = linked.ok_or_else(|| Fault::new(Reason::Internal, "the state names an entry that is not there"))?;
    let entry = &linked.outline;
    let said = format!("entry {serial} ({}) gave {} its tag at {}", entry.action, join_releases(&entry.releases, ", "), entry.time);
    // What that entry moved did not move now.
    let shape = EntryShape { moves: Vec::new(), ..EntryShape::of(entry, linked.oid.clone(), situation.place.at.branch.clone()) };
    Ok(situation.report(Report::new(Reason::NothingToDo, Body::Entry(shape))).notice(said))
}
