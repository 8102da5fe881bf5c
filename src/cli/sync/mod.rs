//! `sync`: what a channel is at, by the verified ledger, brought to the readers of a store. [`crate::sync`] says how.
//!
//! The policy in force says which store, which kinds and which rails; where there is no ledger, the checkout. The content of a branch is
//! never followed.
//!
//! Deliberately absent: a hydration before the time from which a release counts.

mod audit;
mod board;
mod changes;
mod hydrate;
mod once;
mod origin;
mod release;
mod run;
mod site;

use super::{Session, args};
use crate::{
    domain::{Finding, Reason, Result},
    report::{Body, Report},
};
use once::Leader;
use site::Site;

pub async fn run(session: &Session, command: &args::Sync) -> Result<Report> {
    if let args::Sync::Run(args) = command {
        return run::run(session, args).await;
    }
    let mut site = Site::open(session).await?;
    match command {
        args::Sync::Init => init(&mut site).await,
        args::Sync::Once => once::run(&mut site, &Leader::once()?).await,
        args::Sync::Status | args::Sync::Run(_) => status(&mut site).await,
        args::Sync::Audit => audit::run(&mut site).await,
        args::Sync::Repair(args) => audit::repair(&mut site, args.yes).await,
    }
}

async fn init(site: &mut Site) -> Result<Report> {
    site.pinned().await?;
    let source = site.source()?;
    let made = site.store.make(source).await?;
    // One that is there may be another ledger's.
    site.state().await?;
    let reason = if made { Reason::Passed } else { Reason::NothingToDo };
    Ok(site.report(reason, None, None).await?.next("Bring the release there: `tagwarden sync once`."))
}

async fn status(site: &mut Site) -> Result<Report> {
    let report = site.report(Reason::Passed, None, None).await?;
    let mut findings = site.drift.clone();
    if let Body::Sync(shape) = &report.body {
        let rejected = shape.conditions.iter().filter(|condition| condition.reason == "Rejected");
        findings.extend(rejected.map(|condition| Finding::error("sync/rejected", condition.message.clone())));
    }
    let reason = if findings.is_empty() { Reason::Passed } else { Reason::Findings };
    let notes = site.notes.clone();
    Ok(Report { reason, ..report.findings(findings).findings(notes) })
}
