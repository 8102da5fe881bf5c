//! What the verbs share that write an entry without moving a channel tag: stage, hold, unhold, waive, ack, verdict, annul,
//! policy adopt.

use super::gather::{Acting, Place};
use crate::{
    domain::{ChannelName, Oid, Reason, RefName, Release, Result, Timestamp, Verb, state::Body},
    release::{
        chain::Verified,
        draft::Draft,
        policy::{self as rights, Permit},
    },
    report::{self, EntryShape, Report, SigningMode},
    world::apply::{self, Applied, Writer},
};

/// What such an entry says.
#[derive(Default)]
pub struct Intent {
    pub channel: Option<ChannelName>,
    pub releases: Vec<Release>,
    pub candidate: Option<Oid>,
    pub reason: Option<String>,
    pub body: Option<Body>,
    pub adopts: Option<Oid>,
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
    let Intent { channel, releases, candidate, reason, body, adopts, tags } = intent;
    let claim = rights::claim(
        None,
        &serde_json::json!({ "verb": verb, "channel": channel, "candidate": candidate, "body": body, "adopts": adopts, "time": time, "actor": acting.actor.id }),
    )?;
    let draft = Draft {
        action: verb,
        actor: acting.actor.clone(),
        reason,
        source: "cli".to_owned(),
        claim,
        time,
        channel,
        releases,
        candidate,
        gates: Vec::new(),
        body,
        adopts,
    };
    let writer = Writer { world: &place.world, at: &place.at, signer: acting.signer.as_ref(), checkpoint: place.world.checkpoint() };
    apply::append(&writer, head, &draft, &tags, permit).await
}

/// The report of a written entry.
pub fn report(place: &Place, applied: Applied, signing: SigningMode) -> Report {
    let shape = EntryShape::of(&applied.record, applied.entry, place.at.branch.clone());
    Report::new(Reason::Moved, report::Body::Entry(shape)).signing(signing)
}
