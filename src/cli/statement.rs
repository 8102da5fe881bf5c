//! What the verbs share that write an entry without moving a channel tag: stage, hold, unhold, waive, ack, verdict,
//! policy adopt.

use super::{
    acting::Acting,
    gather::{self, Place},
};
use crate::{
    domain::{
        ChannelName, Oid, Reason, RefName, Release, Result, Timestamp, Verb,
        state::{Body, GateRecord},
    },
    release::{
        chain::{Linked, Policy, Verified},
        draft::Draft,
        policy::{self as rights, Permit},
        transition::{self, Violation},
    },
    report::{self, EntryShape, Report, SigningMode},
    world::{
        apply::{self, Applied},
        nonce,
    },
};

/// What such an entry says.
#[derive(Default)]
pub struct Intent {
    pub channel: Option<ChannelName>,
    pub releases: Vec<Release>,
    pub candidate: Option<Oid>,
    pub reason: Option<String>,
    pub body: Option<Body>,
    pub gates: Vec<GateRecord>,
    /// What they judged: paths beside the entry, and their bytes.
    pub evidence: Vec<(String, Vec<u8>)>,
    pub adopts: Option<Policy>,
    /// Release tags to create: ref and `package@version`.
    pub tags: Vec<(RefName, String)>,
}

/// Writes the entry.
pub async fn write(
    place: &Place,
    acting: &Acting,
    head: Option<Verified>,
    permit: &Permit,
    verb: Verb,
    intent: Intent,
    time: Timestamp,
) -> Result<Applied> {
    if let Some(head) = &head {
        early(head, acting, verb, &intent, time)?;
    }
    let draft = draft(head.as_ref(), acting, verb, &intent, time)?;
    // What is written about a move that was made is not asked for by anybody.
    if let Some(head) = head.as_ref().filter(|_| verb != Verb::After) {
        acting.still_asked(head.protocol(), verb, intent.channel.as_ref()).await?;
    }
    let applied = apply::append(&acting.writer(place), head, &draft, &intent.tags, intent.adopts.as_ref(), permit).await?;
    Acting::wrote(place, &applied.entry).await;
    Ok(applied)
}

/// The rules that need no key and no object.
pub fn early(head: &Verified, acting: &Acting, verb: Verb, intent: &Intent, time: Timestamp) -> Result<()> {
    let entry = draft(Some(head), acting, verb, intent, time)?.place(Some(head), Vec::new())?;
    transition::request(head.ledger(), &entry, &acting.rights(), time).map_err(Violation::fault)
}

fn draft(head: Option<&Verified>, acting: &Acting, verb: Verb, intent: &Intent, time: Timestamp) -> Result<Draft> {
    let Intent { channel, releases, candidate, reason, body, gates, evidence, adopts, tags: _ } = intent;
    let adopts = adopts.as_ref().map(|policy| policy.tree.clone());
    // What it follows is part of the claim: the same may be said again later. So is chance: two who say the same in the same second
    // say it twice.
    let about = serde_json::json!({
        "verb": verb, "channel": channel, "candidate": candidate, "body": body, "adopts": adopts, "time": time, "actor": acting.actor.id,
        "follows": head.map(Verified::head), "nonce": nonce::fresh()?,
    });
    // A move took the claim of the request that its gates are about.
    let given = acting.claim().filter(|_| verb != Verb::After);
    Ok(Draft {
        action: verb,
        actor: acting.actor.clone(),
        reason: reason.clone(),
        source: acting.source(),
        claim: rights::claim(given.as_deref(), &about)?,
        time,
        channel: channel.clone(),
        releases: releases.clone(),
        candidate: candidate.clone(),
        valid_until: None,
        gates: gates.clone(),
        evidence: evidence.clone(),
        body: body.clone(),
        adopts,
        documents: None,
    })
}

/// The answer for a request that an entry of the ledger carried out before.
pub fn already(situation: &gather::Situation, linked: &Linked) -> Report {
    let (entry, branch) = (&linked.outline, situation.place.at.branch.clone());
    // What that entry moved did not move now.
    let shape = EntryShape { moves: Vec::new(), ..EntryShape::of(entry, linked.oid.clone(), branch) };
    let said = format!("entry {} ({}) did this at {}", entry.serial, entry.action, entry.time);
    situation.report(Report::new(Reason::AlreadyThere, report::Body::Entry(shape))).notice(said)
}

/// The report of a written entry.
pub fn report(place: &Place, applied: Applied, signing: SigningMode) -> Report {
    let shape = EntryShape::of(&applied.record, applied.entry, place.at.branch.clone());
    gather::under(place, &applied.record.policy, Report::new(Reason::Moved, report::Body::Entry(shape)).signing(signing))
}
