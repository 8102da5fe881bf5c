//! The draft of an entry: from a plan or a statement of intent to the bytes of its files, tag objects and commit. Signing and
//! writing happen in [`crate::world::apply`].

use super::{chain::Verified, object, plan::Plan, state};
use crate::{
    attest::statement::{self, Subject},
    domain::{
        Actor, ChannelName, Digest, Oid, RefName, Release, Result, Timestamp, Verb,
        digest::canonical_json,
        state::{Body, ENTRY_SCHEMA, Entry, GateRecord, Move, PolicyRef, State},
    },
    gate::Clearance,
};

/// Program and version as entries record it.
pub const TOOL: &str = concat!("tagwarden ", env!("CARGO_PKG_VERSION"));

/// What an entry says, before its place in the chain is known.
#[derive(Clone, Debug)]
pub struct Draft {
    pub action: Verb,
    pub actor: Actor,
    pub reason: Option<String>,
    pub source: String,
    pub claim: Digest,
    pub time: Timestamp,
    pub channel: Option<ChannelName>,
    pub releases: Vec<Release>,
    pub candidate: Option<Oid>,
    pub gates: Vec<GateRecord>,
    pub body: Option<Body>,
    /// The policy an adoption brings; `None`: the one in force.
    pub adopts: Option<Oid>,
}

/// A finished entry with the state after it.
#[derive(Clone, Debug)]
pub struct Drafted {
    pub entry: Entry,
    pub state: State,
}

impl Draft {
    /// Places the entry behind a verified head (`None`: as entry 0).
    pub fn place(&self, head: Option<&Verified>, moves: Vec<Move>) -> Result<Drafted> {
        let serial = head.map_or(0, Verified::length);
        let in_force = head.map(|head| head.state().policy.clone());
        let policy = match (&self.adopts, in_force) {
            (Some(tree), before) => {
                PolicyRef { version: before.map_or(1, |before| before.version + 1), tree: tree.clone(), documents: None }
            }
            (None, Some(before)) => before,
            (None, None) => {
                return Err(crate::domain::Fault::new(crate::domain::Reason::NoLedger, "only an adoption can be the first entry"));
            }
        };
        let entry = Entry {
            schema: ENTRY_SCHEMA.to_owned(),
            serial,
            previous: head.map(|head| head.head().clone()),
            action: self.action,
            claim: self.claim.clone(),
            time: self.time,
            tool: TOOL.to_owned(),
            actor: self.actor.clone(),
            reason: self.reason.clone(),
            source: self.source.clone(),
            channel: self.channel.clone(),
            releases: self.releases.clone(),
            candidate: self.candidate.clone(),
            moves,
            policy,
            gates: self.gates.clone(),
            body: self.body.clone(),
        };
        let state = match (&entry.body, head) {
            (Some(Body::Annul { entries, .. }), Some(head)) => {
                let kept = head.entries().iter().filter(|linked| !linked.annulled && !entries.contains(&linked.oid));
                state::replay(kept.map(|linked| &linked.entry).chain([&entry]))?
            }
            _ => state::advance(head.map(|head| head.state().clone()), &entry),
        };
        Ok(Drafted { entry, state })
    }
}

impl Drafted {
    /// `entry.json` and `state.json`.
    pub fn files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        Ok(vec![("entry.json".to_owned(), canonical_json(&self.entry)?), ("state.json".to_owned(), canonical_json(&self.state)?)])
    }

    /// The commit's message: a line for `git log`, and the reason.
    pub fn message(&self) -> String {
        let Entry { serial, action, channel, releases, reason, .. } = &self.entry;
        let channel = channel.as_ref().map(|channel| format!(" {channel}")).unwrap_or_default();
        let releases: String = releases.iter().map(|release| format!(" {}", release.name())).collect();
        let reason = reason.as_deref().map(|reason| format!("\n\n{}", reason.replace('\0', " "))).unwrap_or_default();
        format!("{serial}: {action}{channel}{releases}{reason}")
    }
}

/// The statements of a move and the unsigned channel tags that name them.
pub struct Attested {
    /// `attestations/<gate>.json` and `attestations/verdict.json`.
    pub files: Vec<(String, Vec<u8>)>,
    pub summary: Digest,
}

pub fn attest(plan: &Plan, clearance: &Clearance, ledger: &RefName) -> Result<Attested> {
    let refs: Vec<RefName> = plan.tags.iter().map(|tag| tag.name.clone()).collect();
    let subject = Subject { refs: &refs, candidate: &plan.candidate, policy: &plan.policy, ledger };
    let mut gates = Vec::new();
    for record in clearance.gates() {
        gates.push((record.id.to_string(), statement::gate(&subject, record)?));
    }
    let resource = plan.releases.first().map_or(plan.channel.to_string(), |release| release.tag_ref.to_string());
    let summary = statement::summary(&subject, &resource, plan.time, TOOL, &gates)?;
    let digest = Digest::of(&summary);
    let mut files: Vec<(String, Vec<u8>)> = gates.into_iter().map(|(id, bytes)| (statement::gate_path(&id), bytes)).collect();
    files.push((statement::SUMMARY_PATH.to_owned(), summary));
    Ok(Attested { files, summary: digest })
}

/// The unsigned channel tag object: it names the serial of its entry and the digest of the verification summary.
pub fn channel_tag(plan: &Plan, name: &RefName, serial: u64, summary: &Digest) -> Vec<u8> {
    let releases = plan.release_names().join(", ");
    let message = format!("{}: {releases} ({})\n\nTagwarden-Serial: {serial}\nTagwarden-Summary: {summary}", plan.channel, plan.verb);
    object::tag_bytes(&plan.candidate, name, &plan.actor.id, plan.time, &message)
}

/// The unsigned release tag object.
pub fn release_tag(name: &RefName, release: &str, commit: &Oid, actor: &Actor, time: Timestamp) -> Vec<u8> {
    object::tag_bytes(commit, name, &actor.id, time, &format!("Release {release}"))
}

impl Plan {
    /// The draft of this plan's entry.
    pub fn draft(&self, clearance: &Clearance, releases: Vec<Release>) -> Draft {
        Draft {
            action: self.verb,
            actor: self.actor.clone(),
            reason: self.reason.clone(),
            source: self.source.clone(),
            claim: self.claim.clone(),
            time: self.time,
            channel: Some(self.channel.clone()),
            releases,
            candidate: Some(self.candidate.clone()),
            gates: clearance.gates().to_vec(),
            body: self.body.clone(),
            adopts: None,
        }
    }
}
