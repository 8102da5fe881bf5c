//! `sync once`: one round of a controller. It takes the lease, does what the channel's release asks for, and gives the lease back.

use super::{
    hydrate::{self, Asked, Release},
    site::Site,
};
use crate::{
    domain::{Fault, Finding, Reason, Result, Severity},
    report::{Report, shape::RowsShape},
    sync::{
        retention,
        row::Membership,
        state::{Attempt, Live, Rejected, State},
        step::{self, Step, Wanted},
    },
    world::stores::{self, PAGE},
};

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
    // Reading takes as long as it takes, so nobody leads meanwhile.
    nobody_else_leads(site, leader, &state)?;
    let prepared = match step::step(&state, &wanted) {
        Step::Nothing | Step::Newer { .. } => Prepared::Nothing,
        Step::Flip(number) if is_whole(site, &state, number).await? => Prepared::Snapshot(number),
        Step::Flip(_) | Step::Hydrate => {
            let release = hydrate::read(site, &wanted.commit).await?;
            match same_rows(site, &state, &wanted, &release).await? {
                Some(number) => Prepared::Snapshot(number),
                None => Prepared::Release(Box::new(release)),
            }
        }
    };
    led(site, leader, async |site, epoch| round(site, (leader, epoch), &wanted, prepared).await).await
}

/// What was read before the lease was taken.
enum Prepared {
    Nothing,
    /// It has the rows already, and all of them.
    Snapshot(u64),
    Release(Box<Release>),
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
        Prepared::Release(release) => match hydrated(site, &state, epoch, wanted, &release).await? {
            Ok((number, written)) => {
                (rows, warnings) = (Some(written), release.findings);
                Some(number)
            }
            Err(findings) => return rejected(site, (leader, epoch), wanted, findings).await,
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

/// The snapshot that has these very rows already.
async fn same_rows(site: &mut Site, state: &State, wanted: &Wanted, release: &Release) -> Result<Option<u64>> {
    let Ok(asked) = &release.asked else { return Ok(None) };
    let Some(snapshot) = step::same_rows(state, &asked.digest, &wanted.shape) else { return Ok(None) };
    let number = snapshot.number;
    Ok(is_whole(site, state, number).await?.then_some(number))
}

/// Whether a snapshot still has the rows that it was completed with.
async fn is_whole(site: &mut Site, state: &State, number: u64) -> Result<bool> {
    let Some(snapshot) = state.snapshot(number) else { return Ok(false) };
    let mut membership = Membership::default();
    let mut behind = None;
    loop {
        let page = site.store.rows(number, behind.take(), PAGE).await?;
        behind = page.last().map(|row| row.content.key.clone());
        page.iter().for_each(|row| membership.push(&row.content));
        let lacking = site.store.lacks(page.iter().map(|row| row.content.digest.clone()).collect()).await?;
        if !lacking.is_empty() {
            return Ok(false);
        }
        if page.len() < PAGE {
            return Ok(membership.finish().0 == snapshot.digest);
        }
    }
}

type Hydrated = std::result::Result<(u64, RowsShape), Vec<Finding>>;

/// Writes a release beside what is live, and reads it back. The findings: why it is not valid; nothing of it is left then.
async fn hydrated(site: &mut Site, state: &State, epoch: u64, wanted: &Wanted, release: &Release) -> Result<Hydrated> {
    let asked = match &release.asked {
        Ok(asked) if release.errors().next().is_none() => asked,
        _ => return Ok(Err(release.errors().cloned().collect())),
    };
    let base = state.snapshots.last().map_or(0, |snapshot| snapshot.number);
    write(site, epoch, wanted, asked, (base, Bodies::OfNewRows)).await.map(Ok)
}

/// Which bodies a hydration looks for in the store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bodies {
    OfNewRows,
    OfAllRows,
}

/// One hydration, from its number to its completion. `base`: the snapshot that it is the difference to, 0 for none.
pub async fn write(site: &mut Site, epoch: u64, wanted: &Wanted, asked: &Asked, (base, bodies): (u64, Bodies)) -> Result<(u64, RowsShape)> {
    let number = site.store.begin(epoch, wanted.commit.clone(), wanted.shape.clone()).await?;
    if bodies == Bodies::OfAllRows {
        hydrate::fill(site, asked, epoch, number).await?;
    }
    let rows = hydrate::write(site, asked, epoch, number, base).await?;
    let found = hydrate::differences(site, asked, number, Some(epoch)).await?;
    if !found.findings.is_empty() {
        site.store.take_back(epoch, number).await?;
        let why = format!("{} gives back something else than was written; readers see what they saw before", site.store.shown());
        let fault = Fault::new(Reason::Unreachable, why).findings(found.findings);
        return Err(fault.help("`tagwarden sync audit` compares all of it, `tagwarden sync repair` mends it"));
    }
    site.store.complete(epoch, number, asked.digest.clone(), asked.counts.clone()).await?;
    Ok((number, rows))
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
