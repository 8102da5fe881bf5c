//! `history`: who moved what, when, why, on which evidence. Newest first.

use super::{Session, args, gather};
use crate::{
    domain::{Reason, Result},
    release::plan,
    report::{Body, HistoryShape, Report, shape::HistoryEntry},
};

pub async fn run(session: &Session, args: &args::History) -> Result<Report> {
    let situation = gather::situation(session).await?;
    let only = match &args.channel {
        Some(channel) => Some(plan::channel(situation.protocol(), situation.place.drafted.as_deref(), channel.as_str())?.0),
        None => None,
    };
    let shown = situation.head.entries().iter().rev().filter(|linked| only.is_none() || linked.entry.channel == only);
    let entries = shown.map(|linked| HistoryEntry::of(&linked.entry, linked.oid.clone(), linked.annulled)).collect();
    Ok(situation.report(Report::new(Reason::Passed, Body::History(HistoryShape { entries }))))
}
