//! `resolve`: what one channel points to, from the verified ledger head alone.

use super::{Session, args, gather, status};
use crate::{
    domain::{Fault, Reason, Result},
    release::{plan, projection::Projection},
    report::{Body, Report, ResolveShape, shape::join_releases},
};

pub async fn run(session: &Session, args: &args::Resolve) -> Result<Report> {
    let situation = gather::situation(session).await?;
    let (channel, rules) = plan::channel(situation.protocol(), situation.place.drafted.as_deref(), args.channel.as_str())?;
    let state = situation.head.state();
    let now = state.channels.get(&channel).ok_or_else(|| {
        Fault::new(Reason::UnknownRelease, format!("nothing was promoted to {channel} yet"))
            .help(format!("`tagwarden promote RELEASE --channel {channel}`"))
    })?;
    let releases = status::on_channel(state, now);
    let shape = ResolveShape {
        channel: channel.clone(),
        release: join_releases(&releases, ", "),
        releases,
        commit: now.shown().clone(),
        tag: now.tag.clone(),
        serial: now.serial,
        since: now.since,
        ledger: situation.ledger_place(),
    };
    // The ledger decides; a tag that disagrees is told, so that nobody takes it for the truth.
    let drift = status::channel(&situation, &Projection::of(&situation.head, &situation.refs), &channel, rules).drift;
    let drift = drift.into_iter().map(|finding| crate::domain::Finding { severity: crate::domain::Severity::Warning, ..finding });
    Ok(situation.report(Report::new(Reason::Passed, Body::Resolve(shape)).findings(drift)))
}
