//! `history`: who moved what, when, why, on which evidence. Newest first.

use super::{Session, args, gather};
use crate::{
    domain::{Oid, Reason, Result},
    release::plan,
    report::{Body, HistoryShape, Report, shape::HistoryEntry},
    world::ledger::read_entries,
};

pub async fn run(session: &Session, args: &args::History) -> Result<Report> {
    let situation = gather::situation(session).await?;
    let only = match &args.channel {
        Some(channel) => Some(plan::channel(situation.protocol(), situation.place.drafted.as_deref(), channel.as_str())?.0),
        None => None,
    };
    let shown = situation.head.entries().rev().filter(|linked| {
        let took = || linked.outline.taken_over().iter().any(|taken| Some(&taken.channel) == only.as_ref());
        only.is_none() || linked.outline.channel == only || took()
    });
    let oids: Vec<Oid> = shown.map(|linked| linked.oid.clone()).collect();
    let mut entries = Vec::with_capacity(oids.len());
    // A few at a time: with its evidence an entry can be large.
    for oids in oids.chunks(64) {
        let whole = read_entries(&situation.world().git, oids)?;
        entries.extend(whole.into_iter().zip(oids).map(|(whole, oid)| HistoryEntry::of(&whole.entry, oid.clone())));
    }
    Ok(situation.report(Report::new(Reason::Passed, Body::History(HistoryShape { entries }))))
}
