//! `sync audit` and `sync repair`: the live snapshot against the release that it says it is of.

use super::{
    hydrate::{self, Hydrated, PAGE_OF_BODIES},
    once,
    release::Release,
    site::Site,
};
use crate::{
    domain::{Digest, Fault, Finding, Reason, Result},
    report::{Report, shape::PlanShape},
    sync::{
        compare::{Compare, Pair},
        row::{self, Content},
        state::{Live, State},
        step::Wanted,
    },
    world::stores::{PAGE, Strays},
};
use std::fmt::Write as _;
use std::sync::Arc;

pub async fn run(site: &mut Site) -> Result<Report> {
    let (findings, _) = audited(site).await?;
    let reason = if findings.is_empty() { Reason::Passed } else { Reason::Findings };
    let report = site.report(reason, None, None).await?.findings(findings);
    Ok(if reason == Reason::Findings { report.next("To see what would mend it: `tagwarden sync repair`.") } else { report })
}

/// What is wrong with the store, and what a repair does about it.
async fn audited(site: &mut Site) -> Result<(Vec<Finding>, PlanShape)> {
    let state = site.state().await?;
    let (found, strays) = compared(site, &state).await?;
    let Strays { rows, bodies } = strays;
    let plan = PlanShape {
        write: found.write + found.lacking + found.wrong.len() as u64,
        end: found.end,
        remove: rows + bodies + found.wrong.len() as u64,
        done: false,
    };
    let mut findings = found.findings;
    if rows > 0 {
        findings.push(Finding::error("sync/dangling", format!("{rows} rows of the store belong to no snapshot")));
    }
    if bodies > 0 {
        findings.push(Finding::error("sync/dangling", format!("{bodies} contents of the store belong to no row")));
    }
    Ok((findings, plan))
}

async fn compared(site: &mut Site, state: &State) -> Result<(Differences, Strays)> {
    let live = live(state)?;
    let asked = asked(site, &live).await?;
    let found = differences(site, &asked, live.number).await?;
    let strays = site.store.strays().await?;
    Ok((found, strays))
}

/// What is wrong with a snapshot as the store gives it back: its rows against the release, and all bodies.
async fn differences(site: &mut Site, asked: &[Content], snapshot: u64) -> Result<Differences> {
    let mut found = Differences::default();
    let mut compare = Compare::new(asked);
    let mut behind = None;
    loop {
        let page = site.store.rows(snapshot, behind.take(), PAGE).await?;
        let is_last = page.len() < PAGE;
        behind = page.last().map(|row| row.content.key.clone());
        let digests = page.iter().map(|row| row.content.digest.clone()).collect();
        for digest in site.store.lacks(digests).await? {
            let row = page.iter().find(|row| row.content.digest == digest);
            found.findings.extend(row.map(|row| {
                let Content { key, .. } = &row.content;
                Finding::error("sync/missing", format!("the store lacks the content of `{}` `{}`", key.kind, key.identity.escape_debug()))
            }));
            found.lacking += 1;
        }
        found.take(compare.page(page));
        if is_last {
            break;
        }
    }
    found.take(compare.finish());
    let mut behind = None;
    loop {
        let page = site.store.bodies(behind.take(), PAGE_OF_BODIES).await?;
        let is_last = page.len() < PAGE_OF_BODIES;
        behind = page.last().map(|(digest, _)| digest.clone());
        for (digest, body) in page {
            if let Some(wrong) = hydrate::wrong_body(&digest, &body) {
                found.findings.push(wrong);
                found.wrong.push(digest);
            }
        }
        if is_last {
            return Ok(found);
        }
    }
}

#[derive(Default)]
struct Differences {
    findings: Vec<Finding>,
    /// Rows that a repair writes and ends.
    write: u64,
    end: u64,
    /// Rows whose content is not there.
    lacking: u64,
    /// Bodies with another content than their digest says.
    wrong: Vec<Digest>,
}

impl Differences {
    fn take(&mut self, pairs: Vec<Pair<'_>>) {
        for pair in pairs {
            self.findings.extend(pair.finding());
            if let Some(change) = pair.change(0) {
                self.write += u64::from(change.begins.is_some());
                self.end += u64::from(change.ends);
            }
        }
    }
}

fn live(state: &State) -> Result<Live> {
    state.live.clone().ok_or_else(|| {
        Fault::new(Reason::NothingToCheck, "nothing was published yet, so there is nothing to compare").help("`tagwarden sync once`")
    })
}

/// The rows that the live release asks for. Whether its files are valid was judged when it was published.
async fn asked(site: &Site, live: &Live) -> Result<Vec<Content>> {
    if site.wanted.as_ref().is_some_and(|wanted| wanted.shape != live.shape) {
        let why = "the policy in force makes rows in another way than the live snapshot was made";
        return Err(Fault::new(Reason::GateInconclusive, why).help("`tagwarden sync once` writes it anew"));
    }
    let (contents, wrong) = hydrate::contents(site, &live.commit).await?;
    let sorted = if wrong.is_empty() { row::sort(contents) } else { Err(wrong) };
    sorted.map_err(|findings| {
        let why = format!("{} at {} cannot be read as it was when it was published", live.release, live.commit.short());
        Fault::new(Reason::GateInconclusive, why).findings(findings)
    })
}

pub async fn repair(site: &mut Site, yes: bool) -> Result<Report> {
    site.pinned().await?;
    let (findings, plan) = audited(site).await?;
    if findings.is_empty() {
        return site.report(Reason::NothingToDo, None, Some(plan)).await;
    }
    if !yes && !is_wanted(site, &findings, &plan) {
        return Ok(site.report(Reason::Findings, None, Some(plan)).await?.findings(findings));
    }
    let rows = once::led(site, &once::Leader::once()?, async |site, epoch| mend(site, epoch).await).await?;
    let (left, _) = audited(site).await?;
    let reason = if left.is_empty() { Reason::Published } else { Reason::Findings };
    Ok(site.report(reason, Some(rows), Some(PlanShape { done: true, ..plan })).await?.findings(left))
}

/// Asks at the terminal, where there is one.
fn is_wanted(site: &Site, findings: &[Finding], plan: &PlanShape) -> bool {
    const SHOWN: usize = 10;
    let mut question = String::new();
    for finding in findings.iter().take(SHOWN) {
        let _ = writeln!(question, "{}: {}", finding.code, finding.message);
    }
    if let Some(more) = findings.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        let _ = writeln!(question, "and {more} more");
    }
    let PlanShape { write, end, remove, .. } = plan;
    let _ = write!(question, "To write: {write}, to end: {end}, to remove: {remove}. Repair {}?", site.store.shown());
    site.world().progress.ask(&question) == Some(true)
}

/// Removes what belongs to nothing, then writes the live release as a snapshot of its own and moves readers there at once.
async fn mend(site: &mut Site, epoch: u64) -> Result<crate::report::shape::RowsShape> {
    let state = site.state().await?;
    let live = live(&state)?;
    let (found, _) = compared(site, &state).await?;
    site.store.sweep(epoch, found.wrong).await?;
    let Live { serial, release, commit, shape, .. } = live;
    let wanted = Wanted { serial, release, commit, shape, from: None };
    let release = Arc::new(Release::of(site, &wanted.commit).await?.judged_before());
    match hydrate::write(site, &state, epoch, &wanted, release, true).await? {
        Hydrated::Written(number, rows, _) => {
            once::publish(site, epoch, &state, &wanted, number).await?;
            Ok(rows)
        }
        Hydrated::Rejected(findings) => {
            let why = format!("{} at {} cannot be read as it was when it was published", wanted.release, wanted.commit.short());
            Err(Fault::new(Reason::GateInconclusive, why).findings(findings))
        }
        Hydrated::Same(_) => Err(Fault::new(Reason::Internal, "a repair found nothing to write")),
    }
}
