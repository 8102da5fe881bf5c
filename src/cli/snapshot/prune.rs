//! `snapshot prune`: forgets the oldest snapshots that nothing rests on, each as an event, and removes what nothing names any more.

use super::{Around, args::SnapshotPrune, sign};
use crate::{
    artifact::{
        log::What,
        retention::{self, Plan},
    },
    cli::Session,
    domain::{Digest, Fault, Reason, Result},
    report::{
        Report,
        shape::snapshot::{KeptShape, PrunedShape, SnapshotAnswer},
    },
    world::oci::{Store, View, Writer},
};

pub async fn run(session: &Session, args: &SnapshotPrune) -> Result<Report> {
    let around = Around::of(session, &args.store).await?;
    let store = around.open()?;
    if args.dry_run {
        let view = store.view()?;
        if let Some(why) = &view.broken {
            return Err(Fault::new(Reason::StoreBroken, format!("the log of the store does not verify: {why}")));
        }
        let plan = plan(session, &around, &store, &view, args);
        let mut index = view.index.clone();
        for digest in &plan.gone {
            index.remove(digest);
            view.state.signatures.get(digest).into_iter().flat_map(|all| all.keys()).for_each(|signature| index.remove(signature));
        }
        let orphans = store.orphans(&index)?;
        return Ok(around.report(Reason::Passed, answer(plan, orphans.as_deref(), true)));
    }
    let by = around.by(session).await?;
    let mut writer = Writer::begin(&store, session.progress()).await?;
    let plan = plan(session, &around, &store, &writer.view, args);
    for digest in &plan.gone {
        let signatures: Vec<_> = writer.view.state.signatures.get(digest).into_iter().flat_map(|all| all.keys().cloned()).collect();
        writer.commit(session.clock.now(), &by, What::Prune { snapshot: digest.clone() }, |index| {
            index.remove(digest);
            signatures.iter().for_each(|signature| index.remove(signature));
        })?;
    }
    let orphans = store.orphans(&writer.view.index)?;
    writer.remove(orphans.as_deref().unwrap_or_default())?;
    let is_something = !plan.gone.is_empty() || orphans.as_ref().is_some_and(|orphans| !orphans.is_empty());
    let reason = if is_something { Reason::Passed } else { Reason::NothingToDo };
    Ok(around.report(reason, answer(plan, orphans.as_deref(), false)))
}

fn plan(session: &Session, around: &Around, store: &Store, view: &View, args: &SnapshotPrune) -> Plan {
    let is_good = |digest: &Digest| {
        let signatures = sign::of(around, store, view, digest, session.clock.now());
        // Where nobody says whose signatures count, each does; what nobody here can check may be good, and is kept.
        let by_somebody = signatures.as_ref().is_none_or(|signatures| !signatures.people.is_empty() || signatures.unchecked > 0);
        by_somebody && sign::lacking(around, signatures.as_ref(), digest).is_none_or(|finding| finding.code == sign::UNCHECKED)
    };
    retention::plan(&view.state, &view.index, args.keep, session.clock.now(), is_good)
}

fn answer(plan: Plan, orphans: Option<&[(Digest, u64)]>, dry_run: bool) -> SnapshotAnswer {
    let kept = plan.kept.into_iter().map(|(digest, kept)| KeptShape { digest, because: kept.word() }).collect();
    let freed = orphans.unwrap_or_default().iter().map(|(_, size)| size).sum();
    SnapshotAnswer::Pruned(PrunedShape { dry_run, pruned: plan.gone, kept, blobs: orphans.map(<[_]>::len), freed })
}
