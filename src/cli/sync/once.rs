//! `sync once`: one round of a controller. It takes the lease, does what the channel's release asks for, and gives the lease back.

use super::{
    changes::{self, Changed, Looked},
    hydrate::{self, Hydrated},
    release::Release,
    site::Site,
};
use crate::{
    domain::{Fault, Finding, Reason, Result, Severity},
    report::Report,
    sync::{
        retention,
        state::{Attempt, Live, Rejected, State},
        step::{self, Step, Wanted},
    },
    world::stores,
};
use std::sync::Arc;

/// As whom a round leads.
pub struct Leader {
    name: String,
    /// Whether it leads on when the round is over.
    stays: bool,
}

impl Leader {
    pub fn once() -> Result<Leader> {
        Ok(Leader { name: stores::holder()?, stays: false })
    }

    pub fn staying() -> Result<Leader> {
        Ok(Leader { name: stores::holder()?, stays: true })
    }

    /// Takes the lease, or goes on with it. `None`: somebody else leads.
    pub async fn lead(&self, site: &mut Site) -> Result<Option<u64>> {
        let (now, lease) = (site.now(), site.settings.lease);
        site.store.lead(self.name.clone(), now, now.plus(lease)).await
    }

    async fn leave(&self, site: &mut Site, epoch: u64) -> Result<()> {
        if self.stays { Ok(()) } else { site.store.resign(epoch).await }
    }
}

pub async fn run(site: &mut Site, leader: &Leader) -> Result<Report> {
    site.pinned().await?;
    let state = site.state().await?;
    let Some(wanted) = site.wanted.clone() else {
        let next = match site.settings.channel() {
            Some(channel) => format!("`tagwarden promote RELEASE --channel {channel}`"),
            None => "push a tag that fits a pattern of `sync.tags`".to_owned(),
        };
        let notes = site.notes.clone();
        return Ok(site.report(Reason::NothingToDo, None, None).await?.next(next).findings(notes));
    };
    match step::step(&state, &wanted) {
        Step::Nothing if gone(site, &state).await.is_empty() => {
            let drift = site.drift.clone().into_iter().map(|finding| Finding { severity: Severity::Warning, ..finding });
            let drift: Vec<Finding> = drift.chain(site.notes.clone()).collect();
            return Ok(site.report(Reason::NothingToDo, None, None).await?.findings(drift));
        }
        Step::Newer { serial } => {
            let why = format!("the store is at entry {serial}, and the ledger here ends with entry {} for this channel", wanted.serial);
            return Err(Fault::new(Reason::StalePointer, why).help("fetch the ledger, or ask who moved it back: `tagwarden audit`"));
        }
        Step::Nothing => {}
        Step::Flip(_) | Step::Hydrate if !site.drift.is_empty() => {
            let why = format!("a tag of {} is not where the ledger says; readers see what they saw before", wanted.release);
            return Err(Fault::new(Reason::HalfState, why).findings(site.drift.clone()));
        }
        Step::Flip(_) | Step::Hydrate => {}
    }
    if let Some(from) = wanted.waits(site.now()) {
        let Wanted { release, serial, .. } = &wanted;
        let message = format!("{release} (entry {serial}) is in force from {from}; readers see what they saw before");
        let note =
            Finding::note("sync/scheduled", message).help("`tagwarden sync once` after that, or `tagwarden sync run`, which waits for it");
        return Ok(site.report(Reason::NothingToDo, None, None).await?.findings([note]));
    }
    nobody_else_leads(site, leader, &state)?;
    let prepared = match step::step(&state, &wanted) {
        Step::Nothing | Step::Newer { .. } => Prepared::Nothing,
        Step::Flip(number) if is_whole(site, &state, number).await? => Prepared::Snapshot(number),
        Step::Flip(_) | Step::Hydrate => {
            let release = Arc::new(Release::of(site, &wanted.commit).await?);
            match changes::look(site, &state, &wanted, &release).await? {
                Looked::Whole => Prepared::Release(release, None),
                Looked::Rejected(findings) => Prepared::Rejected(findings),
                Looked::Same(number) => Prepared::Snapshot(number),
                Looked::Changed(changed) => Prepared::Release(release, Some(changed)),
            }
        }
    };
    led(site, leader, async |site, epoch| round(site, (leader, epoch), &wanted, prepared).await).await
}

/// What is to be done with the lease.
enum Prepared {
    Nothing,
    /// It has the rows already, as many as it should have.
    Snapshot(u64),
    /// Where only little differs from a snapshot, with that.
    Release(Arc<Release>, Option<Box<Changed>>),
    Rejected(Vec<Finding>),
}

/// Faults: `not_leading` where somebody else leads now.
fn nobody_else_leads(site: &Site, leader: &Leader, state: &State) -> Result<()> {
    let now = site.now();
    match state.lease.holder.as_ref().filter(|holder| holder.until > now && holder.name != leader.name) {
        Some(holder) => Err(led_by(site, &format!("{} until {}", holder.name, holder.until))),
        None => Ok(()),
    }
}

fn led_by(site: &Site, who: &str) -> Fault {
    Fault::new(Reason::NotLeading, format!("another controller leads on {}: {who}", site.store.shown()))
}

/// Runs as the leader of the store. Faults: `not_leading` where somebody else is.
pub async fn led<T>(site: &mut Site, leader: &Leader, work: impl AsyncFnOnce(&mut Site, u64) -> Result<T>) -> Result<T> {
    let Some(epoch) = leader.lead(site).await? else {
        let state = site.state().await?;
        let who = state.lease.holder.map(|holder| format!("{} until {}", holder.name, holder.until)).unwrap_or_default();
        return Err(led_by(site, &who));
    };
    let done = work(site, epoch).await;
    // Where it cannot be given back, it ends by itself.
    let given_back = leader.leave(site, epoch).await;
    done.and_then(|done| given_back.map(|()| done))
}

async fn round(site: &mut Site, (leader, epoch): (&Leader, u64), wanted: &Wanted, prepared: Prepared) -> Result<Report> {
    // Somebody else may have led until now.
    let state = site.state().await?;
    let is_due = !matches!(step::step(&state, wanted), Step::Nothing | Step::Newer { .. });
    let mut rows = None;
    let mut warnings = Vec::new();
    let published = match prepared {
        _ if !is_due => None,
        Prepared::Snapshot(number) if state.snapshot(number).is_some() => Some(number),
        Prepared::Rejected(findings) => return rejected(site, (leader, epoch), wanted, findings).await,
        Prepared::Release(release, changed) => match hydrated(site, &state, epoch, wanted, (release, changed)).await? {
            Hydrated::Written(number, written, findings) => {
                (rows, warnings) = (Some(written), findings);
                Some(number)
            }
            Hydrated::Same(number) => Some(number),
            Hydrated::Rejected(findings) => return rejected(site, (leader, epoch), wanted, findings).await,
        },
        Prepared::Nothing | Prepared::Snapshot(_) => {
            return Err(
                Fault::new(Reason::NotLeading, "another controller changed the store meanwhile").help("`tagwarden sync once` again")
            );
        }
    };
    if let Some(number) = published {
        publish(site, epoch, &state, wanted, number).await?;
    }
    let state = site.state().await?;
    let gone = gone(site, &state).await;
    if !gone.is_empty() {
        site.store.remove(epoch, gone).await?;
    }
    leader.leave(site, epoch).await?;
    let reason = if published.is_some() { Reason::Published } else { Reason::NothingToDo };
    warnings.extend(site.notes.clone());
    Ok(site.report(reason, rows, None).await?.findings(warnings))
}

async fn hydrated(
    site: &mut Site,
    state: &State,
    epoch: u64,
    wanted: &Wanted,
    (release, changed): (Arc<Release>, Option<Box<Changed>>),
) -> Result<Hydrated> {
    // Somebody else may have led meanwhile, and then the difference is to what is not the newest any more.
    match changed.filter(|changed| state.snapshots.last().is_some_and(|last| last.number == changed.base)) {
        Some(changed) => changes::write(site, epoch, wanted, &release, *changed).await,
        None => hydrate::write(site, state, epoch, wanted, release, false).await,
    }
}

/// Whether a snapshot still has as many rows as it was completed with. What is in them is compared by `sync audit` alone: going back must
/// not wait for reading everything.
pub async fn is_whole(site: &mut Site, state: &State, number: u64) -> Result<bool> {
    let Some(snapshot) = state.snapshot(number) else { return Ok(false) };
    let buckets = site.store.buckets(number).await?;
    let is_known = buckets.is_some_and(|buckets| buckets.digest() == snapshot.digest);
    Ok(is_known && site.store.count(number).await? == snapshot.rows())
}

/// Moves the pointer, if everything still is as it was when this began.
pub async fn publish(site: &mut Site, epoch: u64, state: &State, wanted: &Wanted, number: u64) -> Result<()> {
    site.still(wanted).await?;
    let time = site.now();
    let Wanted { serial, release, commit, shape, .. } = wanted.clone();
    let live = Live { number, serial, release: release.clone(), commit: commit.clone(), shape, since: time };
    if !site.store.flip(epoch, state.live.clone(), live).await? {
        let why = "another controller published meanwhile, or took the lease over; this run published nothing";
        return Err(Fault::new(Reason::NotLeading, why));
    }
    site.store.note(epoch, Attempt { serial, release, commit, time, rejected: None }).await
}

async fn rejected(site: &mut Site, (leader, epoch): (&Leader, u64), wanted: &Wanted, findings: Vec<Finding>) -> Result<Report> {
    let message = findings.first().map(|finding| {
        let place = finding.place.as_ref().map(|place| format!("{}:{}: ", place.file, place.line)).unwrap_or_default();
        format!("{place}{}", finding.message)
    });
    let rejected = Some(Rejected { findings: findings.len() as u64, message: message.unwrap_or_default() });
    let Wanted { serial, release, commit, .. } = wanted.clone();
    let time = site.now();
    site.store.note(epoch, Attempt { serial, release, commit, time, rejected }).await?;
    leader.leave(site, epoch).await?;
    Ok(site.report(Reason::Findings, None, None).await?.findings(findings))
}

/// The snapshots that nobody needs any more.
async fn gone(site: &Site, state: &State) -> Vec<u64> {
    let settings = &site.settings;
    let kept = retention::kept(state, settings.retain, settings.grace, &site.reached().await, site.now());
    retention::gone(state, &kept)
}
