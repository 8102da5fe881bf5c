//! `catalog history`: when artifacts became active and stopped to be, by comparing the versions of the pointer file in commits that follow
//! one another.
//!
//! A pointer file with a branch of its own is followed from activation to activation, then from the commit that the first one judged; else
//! along the first parents. Deliberately absent: the ledger, which `history` shows.

use super::{branch_tip, pointers, protocol, release_tip};
use crate::{
    catalog::{history::turns, layout::PointerAt, pointer::Pointer},
    cli::{
        Session, args,
        diff::says_what_is_active,
        gather::{self, Place},
    },
    domain::{Finding, Oid, Reason, Result},
    gate::Protocol,
    report::{Body, CatalogHistoryShape, Report, SigningMode, shape::Event},
    text::yaml,
    world::git::{LogOf, Logged, ObjectKind},
};

pub async fn run(session: &Session, args: &args::CatalogHistory) -> Result<Report> {
    let place = gather::place(session).await?;
    let protocol = protocol(session, &place)?;
    let at = args.at.as_deref().map(|rev| gather::commit(&place.world, rev)).transpose()?;
    let (kind, id) = match args.artifact.as_deref().map(|word| word.split_once(':').unwrap_or((word, ""))) {
        Some((kind, id)) => (Some(kind), Some(id).filter(|id| !id.is_empty())),
        None => (None, None),
    };
    let is_meant = |event: &Event| {
        let turn = &event.turn;
        // A flat file has ids alone.
        turn.kind.as_deref().is_none_or(|of| kind.is_none_or(|kind| kind == of)) && id.is_none_or(|id| id == turn.id)
    };
    let (mut events, mut findings) = (Vec::new(), Vec::new());
    let mut complete = true;
    for at_file in pointers(&protocol.catalog, args.channel.as_ref())? {
        let line = line(&place, &protocol, at_file, at.as_ref()).await?;
        complete &= line.is_complete;
        findings.extend(line.findings);
        let mut newer: Vec<Event> = Vec::new();
        let mut before: Option<&Pointer> = None;
        let is_cut = !line.is_complete;
        for (number, step) in line.steps.iter().enumerate() {
            // What came before the beginning of a shallow history is not known, so neither is what changed there.
            if number > 0 || !is_cut {
                newer.extend(turns(before, step.pointer.as_ref()).into_iter().map(|turn| Event {
                    turn,
                    channel: at_file.channel.clone(),
                    commit: step.commit.oid.clone(),
                    author: step.commit.author.clone(),
                    time: step.commit.time,
                    subject: step.commit.subject.clone(),
                }));
            }
            before = step.pointer.as_ref();
        }
        newer.reverse();
        events.extend(newer.into_iter().filter(is_meant));
    }
    let reason = if complete { Reason::Passed } else { Reason::ShallowHistory };
    let report = Report::new(reason, Body::CatalogHistory(CatalogHistoryShape { events, complete })).signing(SigningMode::of(&protocol));
    let report = report.findings(findings);
    Ok(if complete { report } else { report.next("`git fetch --unshallow`, then run again; what is shown is what this clone has") })
}

/// The pointer file along its history.
pub struct Line {
    /// Oldest first; each changed the file.
    pub steps: Vec<Step>,
    /// Whether the beginning is here.
    pub is_complete: bool,
    /// Commits in which the file cannot be read.
    pub findings: Vec<Finding>,
}

pub struct Step {
    pub commit: Logged,
    /// `None`: the file is not there.
    pub pointer: Option<Pointer>,
}

/// What a pointer file was in each commit that changed it, up to a commit, or to the tip of its branch.
pub async fn line(place: &Place, protocol: &Protocol, at: &PointerAt, upto: Option<&Oid>) -> Result<Line> {
    let git = &place.world.git;
    let own = at.branch.as_ref().filter(|_| !at.is_on(&protocol.release_branches));
    let (mut tip, is_own) = match (upto, own) {
        (Some(upto), _) => (upto.clone(), own.is_some() && says_what_is_active(place, protocol, at, Some(upto)).await?),
        (None, Some(branch)) => match branch_tip(place, branch)? {
            Some(tip) => (tip, true),
            // Nothing was activated there yet.
            None => (release_tip(place, protocol)?, false),
        },
        (None, None) => (release_tip(place, protocol)?, false),
    };
    let mut commits = Vec::new();
    if is_own {
        let mut without = Vec::new();
        for branch in &protocol.release_branches {
            without.extend(branch_tip(place, branch)?);
        }
        let activations = git.commits(LogOf { head: &tip, without: &without, first_parents: false, paths: &[] }).await?;
        // Each follows the commit that it judged, then the activation before; the first one follows no other.
        while let Some(commit) = activations.iter().find(|commit| commit.oid == tip) {
            commits.push(commit.clone());
            let Some(before) = commit.parents.last() else { break };
            tip = before.clone();
        }
    }
    commits.extend(git.commits(LogOf { head: &tip, without: &[], first_parents: true, paths: &[&at.file] }).await?);
    commits.reverse();
    let is_cut = git.is_shallow();
    let mut line = Line { steps: Vec::new(), is_complete: !is_cut, findings: Vec::new() };
    for commit in commits {
        match read(place, at, &commit.oid)? {
            Ok(pointer) => line.steps.push(Step { commit, pointer }),
            Err(findings) => {
                let why = findings.first().map(|finding| finding.message.as_str()).unwrap_or_default();
                let message = format!("{} cannot be read in commit {}: {why}", at.file, commit.oid.short());
                line.findings.push(Finding::warning("catalog/unreadable-pointer", message));
            }
        }
    }
    Ok(line)
}

fn read(place: &Place, at: &PointerAt, commit: &Oid) -> Result<std::result::Result<Option<Pointer>, Vec<Finding>>> {
    let git = &place.world.git;
    let Some((oid, ObjectKind::Blob)) = git.object_at(commit, &at.file)? else { return Ok(Ok(None)) };
    let Some(blob) = git.read(&oid)? else { return Ok(Ok(None)) };
    let source = yaml::source(&at.file, &blob.bytes).map_err(|finding| vec![finding]);
    Ok(source.and_then(|source| Pointer::read(source, at.shape)).map(Some))
}
