//! The rulebook: which entry may follow a verified state, and what it leads to.
//!
//! [`transition`] is the one function behind both sides. Verbs build an entry and run it through before they sign and push;
//! the fold over the chain ([`super::chain`]) runs what it reads through the same function. So what may be written is exactly
//! what verifies. Every rule stands in [`RULES`] once, with its number; the page of the rules is made from that list.
//!
//! Rules are in two stages. [`request`] runs those that need nothing but what is asked for, so that a verb can refuse before
//! it judges a gate; [`transition`] runs all of them.
//!
//! An entry names the number of the rulebook it was written under ([`RULEBOOK`]). A rule is tightened only under a new number.
//!
//! Deliberately absent: everything that needs more than the ledger. Those rules are listed in [`ELSEWHERE`].

mod fields;
mod gates;
mod links;
mod moves;
mod rights;
mod shape;

pub use fields::statement_of;
pub use links::may_pass;
pub use moves::{is_there, never_there, not_active, rollback_body};
pub use rights::signed_by;
pub use shape::{NOT_BESIDE, brings_policy, evidence_of};

use super::{
    draft::{self, Attested},
    object::Commit,
    policy::{Policies, Policy},
    state::{self, Delta},
    state_tree::StateTree,
};
use crate::{
    attest::{Verified as Signed, statement},
    domain::{
        ChannelName, Digest, Fault, Finding, Oid, Reason, Release, Timestamp, Verb,
        actor::{ACTOR_SCHEMA, ActorEvidence},
        state::{Body, ENTRY_SCHEMA, Entry, State, TakenOver},
    },
    gate::{Evidence, Protocol},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// The number of the rules in this list.
pub const RULEBOOK: u32 = 1;

/// A verified position of the chain.
#[derive(Clone)]
pub struct Ledger {
    /// The newest valid entry.
    pub head: Oid,
    pub genesis: Oid,
    pub state: State,
    pub tree: StateTree,
    /// The policy in force.
    pub policy: Policy,
    /// The latest time of any entry so far.
    pub latest: Timestamp,
    /// Oldest first.
    pub entries: Vec<Arc<Linked>>,
    /// Which entry used a claim.
    pub claims: HashMap<Digest, u64>,
}

/// An entry of the chain, without what only its own verification needs.
#[derive(Clone, Debug)]
pub struct Linked {
    pub oid: Oid,
    /// The entry without gate results and without raw tag objects; [`crate::world::ledger`] reads a whole one.
    pub outline: Entry,
    /// What gave its actor the right beside their identity.
    pub rights: Vec<String>,
}

/// An entry as it is offered for the chain: read from the ledger, or about to be written.
#[derive(Clone, Debug)]
pub struct Offer {
    pub commit: Commit,
    pub entry: Entry,
    /// Every path of its tree down to evidence and attestations, with mode and object id; `state` and `policy` as folders.
    pub shape: Vec<(String, String, Oid)>,
    /// The bytes below `evidence/`, by path.
    pub evidence: BTreeMap<String, Vec<u8>>,
}

/// Whose signature is looked at.
pub enum Signature<'a> {
    /// The one that the commit bears.
    OfCommit,
    /// The commit is not signed yet; this key will sign it. `None`: nothing will.
    Intended(Option<&'a Signed>),
    /// The same, looked at before together with everything else that needs no other entry.
    Checked(Checked),
}

/// What can be found out of an entry without those before it, given the policy in force: signatures, digests, what evidence
/// says, the statements that it gives. It is the bulk of the work, so a reader does it for many entries at once.
#[derive(Clone)]
pub struct Checked {
    /// The tree of that policy.
    policy: Oid,
    signer: Result<Option<Signed>, Violation>,
    /// Who signed the tag object of each move.
    tags: Vec<Result<Signed, String>>,
    /// By path: the digest of the file, and what it says, where it can be read.
    evidence: BTreeMap<String, (Digest, Option<Evidence>)>,
    attested: Option<Attested>,
}

impl Checked {
    /// `signer`: what [`signed_by`] says of the commit.
    pub fn of(offer: &Offer, policy: &Policy, signer: Result<Option<Signed>, Violation>) -> Checked {
        let entry = &offer.entry;
        let read = |(path, bytes): (&String, &Vec<u8>)| {
            let evidence = (path != statement::ACTOR_PATH).then(|| serde_json::from_slice(bytes).ok()).flatten();
            (path.clone(), (Digest::of(bytes), evidence))
        };
        let channel = entry.channel.as_ref().filter(|_| entry.action.moves() && is_plausible(entry, policy));
        let attested = channel.and_then(|channel| {
            let refs = moves::channel_refs(policy, channel, entry.packages());
            draft::attest(entry, policy, &refs).ok()
        });
        Checked {
            policy: policy.tree.clone(),
            signer,
            tags: entry.moves.iter().map(|moved| moves::tag_signer(moved, entry.time, policy)).collect(),
            evidence: offer.evidence.iter().map(read).collect(),
            attested,
        }
    }
}

/// What an entry leads to.
#[derive(Clone, Debug)]
pub struct Next {
    pub delta: Delta,
    pub tree: StateTree,
    pub rights: Vec<String>,
}

/// A rule that an entry breaks.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// The finding code.
    pub code: &'static str,
    /// Why a verb refuses, where it would write this.
    pub reason: Reason,
    pub message: String,
    pub help: Option<String>,
}

impl Violation {
    pub fn new(code: &'static str, reason: Reason, message: impl Into<String>) -> Violation {
        Violation { code, reason, message: message.into(), help: None }
    }

    fn of(code: &'static str, fault: Fault) -> Violation {
        Violation { code, reason: fault.reason, message: fault.message, help: fault.help }
    }

    #[must_use]
    fn help(mut self, help: impl Into<String>) -> Violation {
        self.help = Some(help.into());
        self
    }

    pub fn finding(&self) -> Finding {
        let finding = Finding::error(self.code, self.message.clone());
        self.help.iter().fold(finding, |finding, help| finding.help(help))
    }

    /// The refusal of a verb.
    pub fn fault(self) -> Fault {
        let fault = Fault::new(self.reason, self.message);
        self.help.into_iter().fold(fault, Fault::help)
    }
}

type Found = Vec<Violation>;

/// What the rules of both stages look at.
pub struct Case<'a> {
    /// `None`: the entry is entry 0.
    pub before: Option<&'a Ledger>,
    /// Valid entries that followed the position before, and that this one would take the place of.
    pub passed: &'a [Arc<Linked>],
    /// The policy in force; for entry 0 its own.
    pub policy: &'a Policy,
    pub entry: &'a Entry,
    /// What the actor has beside their identity.
    pub rights: &'a [String],
    pub clock: Timestamp,
}

/// What only the rules of whole entries look at.
struct Whole<'a> {
    offer: &'a Offer,
    policies: &'a Policies,
    checked: Checked,
    actor: Result<Option<ActorEvidence>, Violation>,
    tree: &'a StateTree,
}

/// One rule.
pub struct Rule {
    pub number: u32,
    /// The finding codes that name it.
    pub codes: &'static [&'static str],
    /// What holds, as a sentence without capital and full stop.
    pub about: &'static str,
    check: Check,
}

enum Check {
    /// Where it does not hold, no other rule is looked at: what nobody with a say signed is not worth it.
    First(fn(&Checked, &mut Found)),
    Request(fn(&Case, &mut Found)),
    Whole(fn(&Case, &Whole, &mut Found)),
}

impl Rule {
    /// Whether a verb can be refused by it before any gate is judged.
    pub fn is_early(&self) -> bool {
        matches!(self.check, Check::Request(_))
    }
}

macro_rules! rules {
    ($($number:literal [$($code:literal),+] $about:literal $stage:ident($check:path);)*) => {
        /// Every rule, in the order in which a verb is refused by them.
        pub const RULES: &[Rule] = &[$(Rule {
            number: $number,
            codes: &[$($code),+],
            about: $about,
            check: Check::$stage($check),
        },)*];
    };
}

rules! {
    1 ["ledger/bad-entry"] "the commit, its tree and `entry.json` can be read and are no larger than readers take; schema and rulebook are known" Whole(links::readable);
    2 ["ledger/fields"] "the fields and the body are those of the action: channel, releases, candidate, moves, gates, `valid_until`, and a reason where one is asked for" Request(fields::fit);
    3 ["ledger/not-permitted"] "the policy in force permits the actor this verb on this channel; an adoption has the threshold of the policy in force; a move that makes a release needs the right to stage" Request(rights::permitted);
    4 ["ledger/automation"] "automation lifts no hold and does not roll back a rollback" Request(rights::automation);
    5 ["ledger/claim-used"] "no entry before it has the same claim" Request(rights::claim);
    6 ["ledger/release"] "releases are of packages of the policy, each package once, all at the candidate; on a channel with a pointer file they are artifacts that were staged, each at its own commit, and artifacts move nowhere else" Request(moves::releases);
    7 ["ledger/no-change"] "it changes something: another release on the channel, or the one that was taken over and that no gate judged, another policy, a hold that is there, a release that is new" Request(moves::changes);
    8 ["ledger/never-there"] "a rollback goes to a release that the channel had, with the same commit and tag; where it was taken over without a release, to one at that commit" Request(moves::was_there);
    9 ["ledger/rollback-body"] "a rollback says which entry it undoes, and holds the release that it leaves and the channel" Request(moves::rollback);
    10 ["ledger/held"] "no hold forbids the move" Request(rights::held);
    11 ["ledger/version-reused"] "a version that the ledger knows keeps its commit and its tag" Request(moves::version_reused);
    12 ["ledger/lower-version"] "a promotion does not lower the version that is on the channel" Request(moves::lower_version);
    13 ["ledger/not-after"] "what is promoted to a channel with `after` is on that channel now, in the same version and commit" Request(moves::after);
    14 ["ledger/statement"] "a waiver is for a gate that may be waived, and ends later; an acknowledgement is for a gate of kind ack; a verdict is SAFE or FINDINGS" Request(fields::statement);
    15 ["ledger/parents", "ledger/commit"] "the commit has one parent, entry 0 none; its author, time and message are those that the entry gives" Whole(links::commit);
    16 ["ledger/broken-chain"] "`previous` is the newest valid entry before it" Whole(links::previous);
    17 ["ledger/bad-serial"] "the serial is one more than that of the entry before" Whole(links::serial);
    18 ["ledger/ahead"] "its time is not more than five minutes ahead of the clock" Whole(links::ahead);
    19 ["ledger/time"] "its time is not more than a day before the latest entry: no run takes longer" Whole(links::time);
    20 ["ledger/unsigned", "ledger/bad-signature"] "it is signed by a signer of the policy in force, valid at its time; entry 0 by one of its own policy" First(rights::signature);
    21 ["ledger/actor"] "the actor is who signed; for an actor `github:<id>` a mover of the policy signed, and `evidence/actor.json` holds the answers that gave the right, at most fifteen minutes old" Whole(rights::actor);
    22 ["ledger/policy", "ledger/bad-policy"] "the policy changes only by adoption, by one version, can be read, stands beside the entry, and names the same ledger branch" Whole(shape::policy);
    23 ["ledger/move"] "exactly the channel's tags move, from where the state says to the candidate, and exactly the releases that are new get their tags; on a channel with a pointer file its branch moves with them to a new commit, and the tags to that" Whole(moves::refs);
    24 ["ledger/tag-object"] "each tag object is the one that this entry makes, under its recorded id, signed by who signed the entry" Whole(moves::tag_objects);
    25 ["ledger/missing-gate", "ledger/gate-twice"] "every gate that is asked before this move has one result" Whole(gates::present);
    26 ["ledger/gate-not-passed"] "every required gate passed, or bears a waiver that counts: for this gate, channel and commit, of somebody else who still has the right, not past its end" Whole(gates::passed);
    27 ["ledger/gate-record"] "a result names the kind and `on_fail` of its gate; a passed one has evidence, a skipped one has none" Whole(gates::records);
    28 ["ledger/evidence"] "evidence is there under its digest, bound to gate, verb, channel, commit and policy; what it says of verdicts, acknowledgements and rehearsals is what the state says; the report of a staged artifact or of a rehearsal is there under its digest, and a rehearsal names the steps that did not pass in it" Whole(gates::evidence);
    29 ["ledger/evidence-expired"] "evidence is no older than its gate's `max_age` when the entry was decided, and `valid_until` is what evidence and waivers give" Whole(gates::fresh);
    30 ["ledger/attestation"] "attestations equal those computed again" Whole(gates::attestations);
    31 ["ledger/shape"] "the tree holds exactly the files of this entry, as plain files" Whole(shape::exact);
    32 ["ledger/passes-by"] "an entry takes the place of others only where they are dated more than five minutes ahead of it, or on a line that was merged, and only by somebody who has the right to each of them; it is not dated before the entry that it follows" Whole(links::passes_by);
    33 ["ledger/state"] "`state/` is the state before with what this entry does" Whole(shape::state);
    34 ["ledger/taken-over"] "only entry 0 takes over tags that were there before it: each once, of a channel of its policy, as a release of the channel at the tag's commit or as none" Request(moves::taken_over);
    35 ["ledger/after"] "what gates found after a move names that move and its policy, which is still in force, and has one result of each of them, of which one did not pass" Whole(gates::after);
    36 ["ledger/retire"] "only a move on a channel with a pointer file retires artifacts, each once and beside its releases; each is active there in the version that is named, and a rollback retires what an entry activated" Request(moves::retired);
    37 ["ledger/rehearsal"] "a rehearsal is of what is on its channel now, of nothing where nothing is" Request(moves::rehearsed);
}

/// Rules that the ledger alone cannot decide, and who decides them.
pub const ELSEWHERE: &[(&str, &str)] = &[
    ("The candidate is reachable from a release branch of the remote.", "the verb, before the gates (`unreachable_commit`)"),
    (
        "The commit on the branch of a pointer file is the candidate with that file changed, for these releases and what is retired alone; the candidate has what each active artifact was staged or activated with.",
        "the verb, before the gates (`version_reused`, `findings`); `audit` afterwards",
    ),
    ("The remote's tags are where the state says.", "the verb, before the gates (`half_state`); `status` and `audit` afterwards"),
    ("A release tag that somebody else made is what `release_tags` asks for.", "the verb, before the gates (`not_permitted`)"),
    (
        "A release without a tag is made only where it is newer than every other and its commit bears no other version.",
        "the verb (`unknown_release`)",
    ),
    ("The evidence gives the recorded verdict when it is judged again.", "`audit --rejudge`"),
    ("The evidence is still good at the moment of the push.", "the clearance, at each push (`evidence_expired`)"),
    ("Entry 0 is the one that is pinned.", "every verb, by its pin; without one nothing is written (`not_pinned`)"),
    ("What entry 0 takes over was on the remote, at that commit.", "the adoption that writes it; `status` and `audit` afterwards"),
    ("Of two lines that a merge brings together, one counts.", "the fold of the chain, by what is remembered, by rights, by height"),
];

/// The first rule of this code.
pub fn rule(code: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.codes.contains(&code))
}

/// What a request breaks before anything is judged. `entry` is a draft: its moves may be missing.
pub fn request(before: &Ledger, entry: &Entry, rights: &[String], clock: Timestamp) -> Result<(), Violation> {
    let case = Case { before: Some(before), passed: &[], policy: &before.policy, entry, rights, clock };
    let mut found = Found::new();
    for rule in RULES {
        if let Check::Request(check) = rule.check {
            check(&case, &mut found);
        }
    }
    found.into_iter().next().map_or(Ok(()), Err)
}

/// What an entry leads to, or every rule that it breaks. `before`: the verified position that it follows; `None`: it is entry
/// 0. `passed`: valid entries behind that position, which this one would take the place of. `policies` has the policies in force and adopted. `clock`: now.
pub fn transition(
    before: Option<&Ledger>,
    passed: &[Arc<Linked>],
    policies: &Policies,
    offer: &Offer,
    signature: Signature,
    clock: Timestamp,
) -> Result<Next, Vec<Violation>> {
    let entry = &offer.entry;
    let policy = match before {
        Some(before) => &before.policy,
        None => policies.get(&entry.policy.tree).ok_or_else(|| vec![shape::unreadable(&entry.policy.tree)])?,
    };
    let checked = match signature {
        Signature::Checked(checked) if checked.policy == policy.tree => checked,
        Signature::Intended(signed) => Checked::of(offer, policy, rights::intended(signed, policy)),
        Signature::Checked(_) | Signature::OfCommit => Checked::of(offer, policy, signed_by(&offer.commit, entry.time, policy)),
    };
    let mut found = Found::new();
    for rule in RULES {
        if let Check::First(check) = rule.check {
            check(&checked, &mut found);
        }
    }
    if !found.is_empty() {
        return Err(found);
    }
    if !is_plausible(entry, policy) {
        let why = "it has more gates or releases than the policy";
        return Err(vec![Violation::new("ledger/fields", Reason::BadUsage, why)]);
    }
    let actor = actor_evidence(offer);
    let rights = actor.as_ref().ok().and_then(Option::as_ref).map(ActorEvidence::rights).unwrap_or_default();
    let delta = Delta::of(before.map(|before| &before.state), entry, &rights);
    let empty = StateTree::empty(&offer.commit.tree);
    let tree = before.map_or(&empty, |before| &before.tree).after(&delta).map_err(|fault| vec![Violation::of("ledger/state", fault)])?;
    let case = Case { before, passed, policy, entry, rights: &rights, clock };
    let whole = Whole { offer, policies, checked, actor, tree: &tree };
    for rule in RULES {
        match rule.check {
            Check::First(_) => {}
            Check::Request(check) => check(&case, &mut found),
            Check::Whole(check) => check(&case, &whole, &mut found),
        }
    }
    if found.is_empty() { Ok(Next { delta, tree, rights }) } else { Err(found) }
}

/// Results of gates that the policy does not have are tolerated, a few of them.
const UNKNOWN_GATES: usize = 16;

/// So many artifacts are activated at once at most.
const ARTIFACTS: usize = 200;

/// Whether an entry is of a size that the policy accounts for: its statements are as many as gates times refs.
fn is_plausible(entry: &Entry, policy: &Policy) -> bool {
    let Protocol { gates, packages, catalog, .. } = policy.protocol.as_ref();
    let releases = packages.len() + if catalog.kinds.is_empty() { 0 } else { ARTIFACTS };
    entry.gates.len() <= gates.len() + UNKNOWN_GATES && entry.packages().count() <= releases && entry.moves.len() <= 2 * releases
}

/// What gave the actor the right. An actor who signs has no such file, as [`evidence_of`] says; where one lies there, it gives
/// nobody a right.
fn actor_evidence(offer: &Offer) -> Result<Option<ActorEvidence>, Violation> {
    if !evidence_of(&offer.entry).any(|path| path == statement::ACTOR_PATH) {
        return Ok(None);
    }
    let Some(bytes) = offer.evidence.get(statement::ACTOR_PATH) else { return Ok(None) };
    let wrong = |why: String| Violation::new("ledger/actor", Reason::NotPermitted, format!("{} {why}", statement::ACTOR_PATH));
    let actor: ActorEvidence = serde_json::from_slice(bytes).map_err(|error| wrong(format!("is malformed: {error}")))?;
    if actor.schema != ACTOR_SCHEMA {
        return Err(wrong(format!("has the unknown schema `{}`", actor.schema.escape_debug())));
    }
    Ok(Some(actor))
}

impl Ledger {
    /// Entry 0 as a position. `policy`: its own.
    pub fn first(oid: Oid, entry: Entry, next: Next, policy: Policy) -> Ledger {
        let claims = HashMap::from([(entry.claim.clone(), entry.serial)]);
        let state = state::apply(None, &next.delta);
        let latest = entry.time;
        let linked = Linked::new(oid.clone(), entry, next.rights);
        Ledger { head: oid.clone(), genesis: oid, state, tree: next.tree, policy, latest, entries: vec![Arc::new(linked)], claims }
    }

    /// The position after an entry that [`transition`] let through. `adopted`: the policy of an adoption.
    #[must_use]
    pub fn follow(self, oid: Oid, entry: Entry, next: Next, adopted: Option<Policy>) -> Ledger {
        let Ledger { genesis, state, policy, latest, mut entries, mut claims, .. } = self;
        claims.insert(entry.claim.clone(), entry.serial);
        let latest = latest.max(entry.time);
        let state = state::apply(Some(state), &next.delta);
        entries.push(Arc::new(Linked::new(oid.clone(), entry, next.rights)));
        Ledger { head: oid, genesis, state, tree: next.tree, policy: adopted.unwrap_or(policy), latest, entries, claims }
    }

    /// What the entry that began the ledger took over on this channel.
    pub fn taken_over<'a>(&'a self, channel: &'a ChannelName) -> impl Iterator<Item = &'a TakenOver> {
        let first = self.entries.first().into_iter();
        first.flat_map(|linked| linked.outline.taken_over()).filter(move |taken| taken.channel == *channel)
    }

    /// Whether the channel is where it was found, and nothing moved it since.
    pub fn is_taken_over(&self, channel: &ChannelName) -> bool {
        let serial = self.state.channels.get(channel).map(|now| now.serial);
        let entry = serial.and_then(|serial| self.entries.get(usize::try_from(serial).ok()?));
        entry.is_some_and(|linked| linked.outline.action == Verb::Adopt)
    }

    /// The releases that this channel had, newest first: those of its moves, then those that were taken over.
    pub fn releases_of<'a>(&'a self, channel: &'a ChannelName) -> impl Iterator<Item = &'a Release> {
        let moved = self.moves_of(channel).flat_map(|linked| &linked.outline.releases);
        moved.chain(self.taken_over(channel).filter_map(|taken| taken.release.as_ref()))
    }

    /// The entries that moved this channel, newest first.
    pub fn moves_of<'a>(&'a self, channel: &'a ChannelName) -> impl Iterator<Item = &'a Linked> {
        let moves = move |linked: &&Linked| linked.outline.action.moves() && linked.outline.channel.as_ref() == Some(channel);
        self.entries.iter().rev().map(Arc::as_ref).filter(moves)
    }

    /// Which entry, if any, says that gates after the move of this one did not all pass.
    pub fn found_after(&self, serial: u64) -> Option<String> {
        let about = |linked: &&Arc<Linked>| matches!(linked.outline.body, Some(Body::After { of, .. }) if of == serial);
        let found = self.entries.iter().rev().find(about)?.outline.serial;
        Some(format!("entry {found} records that the gates after the move of entry {serial} did not all pass"))
    }
}

impl Linked {
    pub fn new(oid: Oid, mut entry: Entry, rights: Vec<String>) -> Linked {
        entry.gates = Vec::new();
        entry.moves.iter_mut().for_each(|moved| moved.object = None);
        Linked { oid, outline: entry, rights }
    }
}

impl Offer {
    /// Reads `entry.json`. Faults name what is wrong with it.
    pub fn read_entry(bytes: Option<&[u8]>) -> Result<Entry, Violation> {
        let wrong = |why: String| Violation::new("ledger/bad-entry", Reason::LedgerBroken, why);
        let bytes = bytes.ok_or_else(|| wrong("entry.json is missing".to_owned()))?;
        let entry: Entry = serde_json::from_slice(bytes).map_err(|error| wrong(format!("entry.json is malformed: {error}")))?;
        match entry.schema == ENTRY_SCHEMA {
            true => Ok(entry),
            false => Err(wrong(format!("entry.json has the unknown schema `{}`", entry.schema.escape_debug()))),
        }
    }
}
