//! `stage`: gives a new version its commit, with an annotated tag that never moves.

use super::{
    Session, acting, args, gather, moving, releases,
    statement::{self, Intent},
};
use crate::{
    domain::{Fault, Reason, Release, Result, Verb},
    release::{
        plan::{self, Located, PlannedRelease},
        state,
    },
    report::{Body, EntryShape, Report, shape::join_releases},
};

pub async fn run(session: &Session, args: &args::Stage) -> Result<Report> {
    let situation = gather::situation(session).await?;
    let time = situation.world().clock.now();
    let name = plan::release_name(situation.protocol(), &args.release)?;
    let tag_ref = plan::release_ref(situation.protocol(), &name)?;
    let commit = gather::commit(situation.world(), &args.at)?;
    let acting = acting::acting(session, &situation.place, &situation.head).await?;
    let permit = acting.permit(situation.protocol(), Verb::Stage, None)?;
    let wanted = PlannedRelease { name: name.clone(), commit: commit.clone(), tag_ref: tag_ref.clone(), tag: None };
    if let Some(staged) = state::staged(situation.head.state(), &name).filter(|staged| staged.commit == commit) {
        return nothing_to_do(&situation, staged.serial);
    }
    let release = Release { package: name.package.clone(), version: name.version.clone(), commit: commit.clone(), tag: None };
    let intent = Intent { releases: vec![release], candidate: Some(commit.clone()), ..Intent::default() };
    statement::early(&situation.head, &acting, Verb::Stage, &intent, time)?;
    let located = plan::locate(situation.head.state(), &situation.refs, &name, &tag_ref)?;
    let (tags, tag) = match located {
        Located::Missing => (vec![(tag_ref.clone(), name.to_string())], None),
        Located::Tagged { oid, peeled } if peeled == commit => {
            releases::existing(&situation, &args.release).await?;
            (Vec::new(), Some(oid))
        }
        Located::Tagged { peeled, .. } | Located::Staged { commit: peeled, .. } => {
            let why = format!("{tag_ref} exists at {} and never moves to {}", peeled.short(), commit.short());
            return Err(Fault::new(Reason::TagConflict, why));
        }
    };
    moving::bring_branches(&situation).await?;
    moving::check_reachable(&situation, std::slice::from_ref(&wanted)).await?;
    let releases = intent.releases.into_iter().map(|release| Release { tag: tag.clone(), ..release }).collect();
    let intent = Intent { releases, tags, candidate: intent.candidate, ..Intent::default() };
    let signing = situation.signing();
    let gather::Situation { place, head, .. } = situation;
    let applied = statement::write(&place, &acting, Some(head), &permit, Verb::Stage, intent, time).await?;
    Ok(statement::report(&place, applied, signing))
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
