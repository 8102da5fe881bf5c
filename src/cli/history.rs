//! `history`: who moved what, when, why, on which evidence. Newest first.

use super::{Session, args, gather};
use crate::{
    domain::{
        GateId, Oid, Reason, Result, Verb,
        state::{Body, Entry, HoldScope},
    },
    gate::When,
    release::{plan, state::staged_at},
    report::{
        Body as Answer, HistoryShape, Report,
        shape::{About, AfterShape, HistoryEntry, join_releases},
    },
    world::ledger::{WholeEntry, read_entries},
};
use std::collections::BTreeMap;

pub async fn run(session: &Session, args: &args::History) -> Result<Report> {
    let situation = gather::situation(session).await?;
    let only = match &args.channel {
        Some(channel) => Some(plan::channel(situation.protocol(), situation.place.drafted.as_deref(), channel.as_str())?.0),
        None => None,
    };
    let lifted = lifted(situation.head.entries().map(|linked| &linked.outline));
    let shown = situation.head.entries().rev().filter(|linked| {
        let took = || linked.outline.taken_over().iter().any(|taken| Some(&taken.channel) == only.as_ref());
        only.is_none() || linked.outline.channel == only || took()
    });
    let oids: Vec<Oid> = shown.map(|linked| linked.oid.clone()).collect();
    let mut entries = Vec::with_capacity(oids.len());
    let mut after: BTreeMap<u64, AfterShape> = BTreeMap::new();
    // A few at a time: with its evidence an entry can be large.
    for oids in oids.chunks(64) {
        let whole = read_entries(&situation.world().git, oids)?;
        entries.extend(whole.into_iter().zip(oids).map(|(WholeEntry { entry, .. }, oid)| {
            let about = About::of(&entry, releases(&situation, &entry), lifted.get(&entry.serial).copied());
            // What was found after a move is newer than the move, so it was seen before it.
            if let Some(Body::After { of, .. }) = entry.body {
                let found = AfterShape { serial: entry.serial, entry: oid.clone(), time: entry.time, gates: entry.gates.clone() };
                after.entry(of).or_insert(found);
            }
            HistoryEntry::of(&entry, oid.clone(), about, after_gates(&situation, &entry), after.remove(&entry.serial))
        }));
    }
    Ok(situation.report(Report::new(Reason::Passed, Answer::History(HistoryShape { entries }))))
}

/// By the entry that lifts a hold: the entry that set it.
fn lifted<'a>(entries: impl Iterator<Item = &'a Entry>) -> BTreeMap<u64, u64> {
    let mut set: BTreeMap<(HoldScope, Option<String>), u64> = BTreeMap::new();
    let mut lifted = BTreeMap::new();
    for entry in entries {
        match (&entry.body, entry.action) {
            (Some(Body::Hold { scope, of }), Verb::Unhold) => {
                lifted.extend(set.remove(&(*scope, of.clone())).map(|serial| (entry.serial, serial)));
            }
            (Some(Body::Hold { scope, of }), _) => {
                set.insert((*scope, of.clone()), entry.serial);
            }
            (Some(Body::Rollback { holds, .. }), _) => {
                holds.iter().for_each(|hold| {
                    set.entry((hold.scope, hold.of.clone())).or_insert(entry.serial);
                });
            }
            _ => {}
        }
    }
    lifted
}

/// The releases of an entry, or of the commit that it is about.
fn releases(situation: &gather::Situation, entry: &Entry) -> Option<String> {
    if !entry.releases.is_empty() {
        return Some(join_releases(&entry.releases, ", "));
    }
    let staged = staged_at(situation.head.state(), entry.candidate.as_ref()?);
    let names: Vec<String> = staged.map(|staged| super::releases::of_staged(staged).name().to_string()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// The gates that the entry's policy has after its move.
fn after_gates(situation: &gather::Situation, entry: &Entry) -> Vec<GateId> {
    let (Verb::Promote | Verb::Rollback, Some(channel)) = (entry.action, &entry.channel) else { return Vec::new() };
    let Some(policy) = situation.head.policy_of(&entry.policy.tree) else { return Vec::new() };
    policy.protocol.gates_for(entry.action, channel, When::After).map(|gate| gate.id.clone()).collect()
}
