//! The draft of an entry: from a plan or a statement of intent to the entry, its statements and its tag objects. Signing and
//! writing happen in [`crate::world::apply`]; whether the entry may stand is for [`super::transition`] to say.

use super::{
    chain::Verified,
    object,
    plan::{Plan, PlannedPointer},
    policy::Policy,
    transition::RULEBOOK,
};
use crate::{
    attest::statement::{self, Subject},
    domain::{
        Actor, ChannelName, Digest, Fault, Oid, Reason, RefName, Release, Result, Timestamp, Verb,
        state::{Body, ENTRY_SCHEMA, Entry, GateRecord, Move, PolicyRef},
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
    pub valid_until: Option<Timestamp>,
    pub gates: Vec<GateRecord>,
    /// What the gates judged: paths beside the entry, and their bytes.
    pub evidence: Vec<(String, Vec<u8>)>,
    pub body: Option<Body>,
    /// The policy an adoption brings; `None`: the one in force.
    pub adopts: Option<Oid>,
    /// The digest of the protocol documents that were judged.
    pub documents: Option<Digest>,
}

impl Draft {
    /// Places the entry behind a verified head (`None`: as entry 0).
    pub fn place(&self, head: Option<&Verified>, moves: Vec<Move>) -> Result<Entry> {
        let in_force = head.map(|head| head.state().policy.clone());
        let policy = match (&self.adopts, in_force) {
            (Some(tree), before) => {
                PolicyRef { version: before.map_or(1, |before| before.version + 1), tree: tree.clone(), documents: None }
            }
            (None, Some(before)) => PolicyRef { documents: self.documents.clone(), ..before },
            (None, None) => return Err(Fault::new(Reason::NoLedger, "only an adoption can be the first entry")),
        };
        Ok(Entry {
            schema: ENTRY_SCHEMA.to_owned(),
            rulebook: RULEBOOK,
            serial: head.map_or(0, Verified::next_serial),
            previous: head.map(|head| head.head().clone()),
            action: self.action,
            claim: self.claim.clone(),
            nonce: None,
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
            valid_until: self.valid_until,
            gates: self.gates.clone(),
            body: self.body.clone(),
        })
    }
}

/// The commit's message: a line for `git log`, and the reason.
pub fn message(entry: &Entry) -> String {
    let Entry { serial, action, channel, releases, reason, .. } = entry;
    let channel = channel.as_ref().map(|channel| format!(" {channel}")).unwrap_or_default();
    let releases: String = releases.iter().map(|release| format!(" {}", release.name())).collect();
    let retires: String = entry.retires().iter().map(|retired| format!(" without {retired}")).collect();
    let reason = reason.as_deref().map(|reason| format!("\n\n{}", reason.replace('\0', " "))).unwrap_or_default();
    format!("{serial}: {action}{channel}{releases}{retires}{reason}")
}

/// The statements of a move.
#[derive(Clone)]
pub struct Attested {
    /// `attestations/<gate>.json` and `attestations/verdict.json`.
    pub files: Vec<(String, Vec<u8>)>,
    pub summary: Digest,
}

/// The statements of a move, from its entry and the policy that it was judged by. `refs`: its channel tags. What the entry
/// says of its moves is not looked at: the tags name these statements.
pub fn attest(entry: &Entry, policy: &Policy, refs: &[RefName]) -> Result<Attested> {
    let candidate = entry.candidate.as_ref().ok_or_else(|| Fault::new(Reason::BadUsage, "a move without a candidate"))?;
    let subject = Subject { refs, candidate, policy: &entry.policy.tree, ledger: &policy.protocol.ledger };
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut gates = Vec::new();
    for record in &entry.gates {
        let bytes = statement::gate(&subject, record)?;
        files.push((statement::gate_path(record.id.as_str()), bytes.clone()));
        gates.push((record.id.to_string(), bytes));
    }
    let resource = match entry.releases.first() {
        Some(release) => super::plan::release_ref(&policy.protocol, &release.name())?.to_string(),
        None => entry.channel.as_ref().map(ToString::to_string).unwrap_or_default(),
    };
    let summary = statement::summary(&subject, &resource, entry.time, &entry.tool, &gates)?;
    let digest = Digest::of(&summary);
    files.push((statement::SUMMARY_PATH.to_owned(), summary));
    Ok(Attested { files, summary: digest })
}

/// The unsigned channel tag object: it names the serial of its entry and the digest of the verification summary.
pub fn channel_tag(entry: &Entry, name: &RefName, commit: &Oid, summary: &Digest) -> Vec<u8> {
    let releases = entry.releases.iter().map(|release| release.name().to_string());
    let releases: Vec<String> = releases.chain(entry.retires().iter().map(|retired| format!("without {retired}"))).collect();
    let channel = entry.channel.as_ref().map(ChannelName::as_str).unwrap_or_default();
    let message = format!(
        "{channel}: {} ({})\n\nTagwarden-Serial: {}\nTagwarden-Summary: {summary}",
        releases.join(", "),
        entry.action,
        entry.serial
    );
    object::tag_bytes(commit, name, &entry.actor.id, entry.time, &message)
}

/// The unsigned commit that activates: the candidate's files with another pointer file. It follows the candidate, and what the
/// branch of the pointer file held, so that the branch only grows.
pub fn activation(entry: &Entry, candidate: &Oid, pointer: &PlannedPointer) -> Vec<u8> {
    let parents: Vec<Oid> = std::iter::once(candidate).chain(pointer.from.as_ref().filter(|from| *from != candidate)).cloned().collect();
    let back = entry.action == Verb::Rollback;
    let (area, what, to, by) = match back {
        true => ("rollback", "Revert", "to ", "Rolled-Back-By"),
        false => ("release", "Activate", "", "Activated-By"),
    };
    let version = |version: &Option<String>| version.clone().unwrap_or_else(|| "none".to_owned());
    let gone = pointer.changes.iter().filter(|change| change.to.is_none()).count();
    let subject = match (pointer.changes.as_slice(), gone) {
        ([only], 0) => format!("{area}: {what} {} {to}{}", only.artifact, version(&only.to)),
        ([only], _) => format!("{area}: Retire {}", only.artifact),
        (all, 0) => format!("{area}: {what} {} artifacts", all.len()),
        (all, gone) if gone == all.len() => format!("{area}: Retire {gone} artifacts"),
        (all, gone) => format!("{area}: {what} {}, retire {gone} artifacts", all.len() - gone),
    };
    let lines: String = pointer
        .changes
        .iter()
        .map(|change| format!("{} {} -> {}\n", change.artifact, version(&change.from), version(&change.to)))
        .collect();
    // A trailer is one line, whatever the reason is.
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").replace('\0', " ");
    let reason = entry.reason.as_deref().map(|reason| format!("Reason: {}\n", one_line(reason))).unwrap_or_default();
    let retires: String = entry.retires().iter().map(|retired| format!("Retires: {}\n", one_line(&retired.to_string()))).collect();
    let message = format!("{subject}\n\n{lines}\n{by}: {}\n{reason}{retires}Tagwarden-Serial: {}", one_line(&entry.actor.id), entry.serial);
    object::commit_bytes(&pointer.tree, &parents, &entry.actor.id, entry.time, &message)
}

/// The entry that a channel's tag says it was made by; where it says several, the highest. What cannot be read is higher than any.
pub fn serial_of(message: &str) -> Option<u64> {
    const KEY: &str = "tagwarden-serial:";
    let value = |line: &str| {
        let (key, value) = line.trim_start().split_at_checked(KEY.len())?;
        key.eq_ignore_ascii_case(KEY).then(|| value.trim().parse().unwrap_or(u64::MAX))
    };
    message.lines().filter_map(value).max()
}

/// The unsigned release tag object.
pub fn release_tag(entry: &Entry, name: &RefName, release: &Release) -> Vec<u8> {
    object::tag_bytes(&release.commit, name, &entry.actor.id, entry.time, &format!("Release {}", release.name()))
}

impl Plan {
    /// The draft of this plan's entry. `clearance`: what its gates gave; `None`: they were not run yet.
    pub fn draft(&self, clearance: Option<&Clearance>) -> Draft {
        Draft {
            action: self.verb,
            actor: self.actor.clone(),
            reason: self.reason.clone(),
            source: self.source.clone(),
            claim: self.claim.clone(),
            time: self.time,
            channel: Some(self.channel.clone()),
            releases: self.as_releases(),
            candidate: Some(self.candidate.clone()),
            valid_until: clearance.map(Clearance::valid_until),
            gates: clearance.map(|clearance| clearance.gates().to_vec()).unwrap_or_default(),
            evidence: clearance.map(|clearance| clearance.evidence().to_vec()).unwrap_or_default(),
            body: self.body.clone(),
            adopts: None,
            documents: clearance.and_then(Clearance::documents).cloned(),
        }
    }
}
