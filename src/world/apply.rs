//! Writes: one ledger entry and the refs that go with it, in one atomic push under leases.
//!
//! [`move_refs`] moves channel tags and demands a [`Clearance`]; [`append`] writes an entry that moves no channel tag and
//! demands a [`Permit`]; [`project`] puts tags where a verified ledger says and demands a [`Permit`] for each. All three
//! answer by what the refs say afterwards, not by git's exit code alone.
//!
//! A push that lost a race is built anew on the new head, three times at most, and only where the entries in between leave
//! the ground of the move alone. Deliberately absent: any decision about what should move.

use super::{
    World,
    git::{ObjectKind, PushAnswer, PushEnd, PushSpec, RefAnswer, TreeItem, Update, Want, advice, answers_with_status, without_boilerplate},
    ledger::{self, Known, LedgerAt, bring, read_settled},
    nonce, signals,
    signer::Signer,
};
use crate::{
    attest::{Verified as Signed, statement::ACTOR_PATH},
    domain::{
        Fault, Oid, Reason, RefName, Result, Timestamp, Verb,
        actor::ActorEvidence,
        digest::canonical_json,
        state::{Entry, Move},
    },
    gate::Clearance,
    release::{
        assemble::{Assembled, assemble},
        chain::{GIT_NAMESPACE, Offer, Policy, Verified},
        draft::{self, Draft},
        object::{self, Commit},
        plan::{Plan, PlannedPointer, Refs, half_state},
        policy::{Permit, Policies},
        projection::ProjectedTag,
        state::same_ground,
        state_tree::Item,
        transition::{Ledger, Linked, Signature, Violation, is_there, transition},
    },
};
use std::{collections::BTreeMap, sync::Arc};

/// How often a lost race is run again.
const REBUILDS: usize = 3;

/// What was written.
#[derive(Debug)]
pub struct Applied {
    pub entry: Oid,
    pub record: Entry,
    /// How often the entry was rebuilt on unrelated ones.
    pub rebuilt: usize,
    /// Who is told to end still says what was written.
    _busy: signals::Busy,
}

/// What [`project`] put back.
#[derive(Debug, Default)]
pub struct Projected {
    pub names: Vec<RefName>,
    /// Who is told to end still says what was put back.
    _busy: Option<signals::Busy>,
}

/// Points between the steps of a write at which a rehearsal lets the process die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checkpoint {
    /// Objects are written, nothing is pushed.
    BeforePush,
    /// The push is through, its answer is not read yet.
    AfterPush,
}

/// The world a write happens in.
pub struct Writer<'a> {
    pub world: &'a World,
    pub at: &'a LedgerAt,
    pub signer: Option<&'a Signer>,
    /// Who that is, by the policy in force.
    pub signed: Option<&'a Signed>,
    /// What gave the actor the right, where the signer is a mover who signs for them.
    pub behalf: Option<&'a ActorEvidence>,
    /// Called at every checkpoint; an error ends the write there, as a kill would.
    pub checkpoint: &'a super::Checkpoints,
}

/// What became of a move.
pub enum Moved {
    Applied(Box<Applied>),
    /// Somebody else promoted the same first; the ledger as it is by now.
    AlreadyThere(Box<Verified>),
}

/// Moves channel tags by a plan, under the clearance of exactly these moves.
pub async fn move_refs(writer: &Writer<'_>, head: Verified, plan: &Plan, clearance: &Clearance, permit: &Permit) -> Result<Moved> {
    if !permit.covers(&plan.actor, plan.verb, Some(&plan.channel)) {
        return Err(Fault::new(Reason::Internal, "the permit is for another verb, actor or channel"));
    }
    let mut head = head;
    for rebuilt in 0..=REBUILDS {
        let (policy, binding) = (head.state().policy.tree.clone(), plan.binding()?);
        // Asked when everything is signed: a key may wait long for the hand that confirms it.
        let covered = |now| clearance.covers(plan.verb, &plan.channel, &plan.candidate, &policy, &binding, now);
        let built = build_move(writer, &head, plan, clearance).await?;
        match push(writer, &head, built, rebuilt, &covered).await? {
            Pushed::Applied(applied) => return Ok(Moved::Applied(applied)),
            Pushed::Lost(newer)
                if plan.verb == Verb::Promote && is_there(newer.ledger(), &plan.channel, &plan.as_releases(), plan.retires()) =>
            {
                return Ok(Moved::AlreadyThere(newer));
            }
            Pushed::Lost(newer) => {
                if !same_ground(head.state(), newer.state(), &plan.channel, plan.after.as_ref(), &plan.candidate) {
                    return Err(stale(&newer));
                }
                head = *newer;
            }
        }
    }
    Err(stale(&head))
}

/// Writes an entry that moves no channel tag. `tags` are release tags to create with it (`stage`); `adopts` is the policy that
/// an adoption brings.
pub async fn append(
    writer: &Writer<'_>,
    head: Option<Verified>,
    draft: &Draft,
    tags: &[(RefName, String)],
    adopts: Option<&Policy>,
    permit: &Permit,
) -> Result<Applied> {
    if !permit.covers(&draft.actor, draft.action, draft.channel.as_ref()) {
        return Err(Fault::new(Reason::Internal, "the permit is for another verb, actor or channel"));
    }
    let mut head = head;
    for rebuilt in 0..=REBUILDS {
        let built = build_entry(writer, head.as_ref(), draft, tags, adopts).await?;
        let Some(verified) = &head else {
            return push_first(writer, built).await;
        };
        match push(writer, verified, built, rebuilt, &|_| Ok(())).await? {
            Pushed::Applied(applied) => return Ok(*applied),
            // A policy adopted in between may have changed who may do this.
            Pushed::Lost(newer) if newer.state().policy != verified.state().policy || draft.adopts.is_some() => return Err(stale(&newer)),
            Pushed::Lost(newer) => head = Some(*newer),
        }
    }
    Err(Fault::new(Reason::StalePointer, "other entries kept coming first; nothing was written"))
}

/// Puts tags where the newest valid entry says, each under the lease of what is there now and with the right to move it. Who calls
/// it has made sure that it is not the ledger that went back.
pub async fn project(writer: &Writer<'_>, tags: &[(&ProjectedTag, Permit)]) -> Result<Projected> {
    let git = &writer.world.git;
    let mut updates = Vec::new();
    for (tag, permit) in tags {
        let (verb, channel) = tag.right();
        if !permit.covers(permit.actor(), verb, channel) || tag.recorded.is_none() {
            return Err(Fault::new(Reason::NotPermitted, format!("nothing permits to move {}", tag.name)));
        }
        if restorable(writer, tag).await? {
            updates.push(Update { name: tag.name.clone(), expect: tag.there.clone(), new: tag.recorded.clone() });
        }
    }
    if updates.is_empty() {
        return Ok(Projected::default());
    }
    let names: Vec<RefName> = updates.iter().map(|update| update.name.clone()).collect();
    let projected = Projected { names, _busy: Some(signals::busy(signals::Work::Push)) };
    let answer = git.push(&writer.at.remote, &PushSpec { updates: updates.clone() }).await?;
    if answer.end == PushEnd::Moved {
        return Ok(projected);
    }
    let refs = read_after(writer, &updates, &answer, |_| true).await?;
    let (mended, left): (Vec<&Update>, Vec<&Update>) =
        updates.iter().partition(|update| update.expect != update.new && holds(&refs, &update.name) == update.new.as_ref());
    match (mended.is_empty(), left.is_empty()) {
        (_, true) => Ok(projected),
        (true, _) => Err(push_fault(writer, &answer)),
        _ => Err(half_mended(&mended, &left, &answer.end)),
    }
}

/// Some tags are where the ledger says now, and some are not. Each is right or wrong by itself, so nothing is taken back.
fn half_mended(mended: &[&Update], left: &[&Update], end: &PushEnd) -> Fault {
    let names = |updates: &[&Update]| updates.iter().map(|update| update.name.as_str()).collect::<Vec<_>>().join(", ");
    let what = format!("{} is where the ledger says again, {} is not: {}", names(mended), names(left), words(end));
    Fault::new(Reason::PartialMove, what).help("what is mended stays; run `tagwarden doctor --fix` again for the rest")
}

/// The highest entry that a tag of the remote says it was made by. `None`: it is no tag object, or says nothing of the kind. Tags that
/// are not `believed` say nothing; what cannot be read is offered as `None`, and believed says any entry.
pub async fn serial_in_tag(
    git: &super::Git,
    at: &LedgerAt,
    name: &RefName,
    there: &Oid,
    believed: &(dyn Fn(Option<&object::Tag>) -> bool + Sync),
) -> Result<Option<u64>> {
    if !git.has(there)? {
        bring(git, at, std::slice::from_ref(name)).await?;
    }
    let (mut next, mut serial) = (Some(there.clone()), None);
    while let Some(oid) = next.take() {
        let Some(object) = git.read(&oid)?.filter(|object| object.kind == ObjectKind::Tag) else { break };
        let Ok(tag) = object::Tag::parse(&object.bytes) else { return Ok(serial.max(believed(None).then_some(u64::MAX))) };
        serial = serial.max(draft::serial_of(&tag.message).filter(|_| believed(Some(&tag))));
        next = Some(tag.object);
    }
    Ok(serial)
}

/// Makes what the tag shall hold again. A tag object can be pushed only from where its commit is, and the person who mends
/// need not have it. `false`: an object that the ledger does not hold, or a commit that the server does not give either, so
/// the other tags are mended and this one stays a finding.
async fn restorable(writer: &Writer<'_>, tag: &ProjectedTag) -> Result<bool> {
    let git = &writer.world.git;
    let Some(recorded) = &tag.recorded else { return Ok(true) };
    if let Some(commit) = &tag.commit
        && !git.has(commit)?
        && git.fetch_objects(&writer.at.remote, &[Want::Oid(commit.clone())]).await.is_err()
    {
        return Ok(false);
    }
    if let Some(entry) = &tag.entry
        && !git.has(recorded)?
    {
        let entries = ledger::read_entries(git, std::slice::from_ref(entry))?;
        let moved = entries.iter().flat_map(|whole| &whole.entry.moves).find(|moved| moved.to.as_ref() == Some(recorded));
        if let Some(bytes) = moved.and_then(|moved| moved.object.as_ref()) {
            git.write_object(ObjectKind::Tag, bytes.as_bytes()).await?;
        }
    }
    // A tag object that was taken over stands in no entry; perhaps the server still has it.
    if tag.entry.is_none() && !git.has(recorded)? {
        return Ok(git.fetch_objects(&writer.at.remote, &[Want::Oid(recorded.clone())]).await.is_ok());
    }
    git.has(recorded)
}

/// An entry with everything that is pushed for it.
struct Built {
    commit: Oid,
    record: Entry,
    updates: Vec<Update>,
}

async fn build_move(writer: &Writer<'_>, head: &Verified, plan: &Plan, clearance: &Clearance) -> Result<Built> {
    let draft = plan.draft(Some(clearance));
    let mut entry = Entry { nonce: Some(nonce::fresh()?), ..draft.place(Some(head), Vec::new())? };
    for (at, planned) in plan.releases.iter().enumerate().filter(|(_, planned)| planned.tag.is_none()) {
        let bytes = draft::release_tag(&entry, &planned.tag_ref, &entry.releases[at]);
        let made = make_tag(writer, &planned.tag_ref, None, &planned.commit, bytes).await?;
        entry.releases[at].tag = made.to.clone();
        entry.moves.push(made);
    }
    let shown = match &plan.pointer {
        Some(pointer) => {
            let made = make_activation(writer, &entry, &plan.candidate, pointer).await?;
            entry.moves.push(Move {
                name: pointer.branch.clone(),
                from: pointer.from.clone(),
                to: Some(made.clone()),
                commit: Some(made.clone()),
                object: None,
            });
            made
        }
        None => plan.candidate.clone(),
    };
    let refs: Vec<RefName> = plan.tags.iter().map(|tag| tag.name.clone()).collect();
    let attested = draft::attest(&entry, head.policy(), &refs)?;
    for tag in &plan.tags {
        let bytes = draft::channel_tag(&entry, &tag.name, &shown, &attested.summary);
        let made = make_tag(writer, &tag.name, tag.from.clone(), &shown, bytes).await?;
        entry.moves.push(made);
    }
    let mut files: BTreeMap<String, Vec<u8>> = attested.files.into_iter().collect();
    files.extend(draft.evidence);
    write_entry(writer, Some(head), None, entry, files).await
}

async fn build_entry(
    writer: &Writer<'_>,
    head: Option<&Verified>,
    draft: &Draft,
    tags: &[(RefName, String)],
    adopts: Option<&Policy>,
) -> Result<Built> {
    let mut entry = Entry { nonce: Some(nonce::fresh()?), ..draft.place(head, Vec::new())? };
    for (name, release) in tags {
        let Some(at) = entry.releases.iter().position(|bound| bound.name().to_string() == *release) else { continue };
        let bytes = draft::release_tag(&entry, name, &entry.releases[at]);
        let made = make_tag(writer, name, None, &entry.releases[at].commit.clone(), bytes).await?;
        entry.releases[at].tag = made.to.clone();
        entry.moves.push(made);
    }
    write_entry(writer, head, adopts, entry, draft.evidence.iter().cloned().collect()).await
}

/// Writes the commit that activates, signed where there is a key.
async fn make_activation(writer: &Writer<'_>, entry: &Entry, candidate: &Oid, pointer: &PlannedPointer) -> Result<Oid> {
    let mut bytes = draft::activation(entry, candidate, pointer);
    if let Some(signer) = writer.signer {
        bytes = object::signed_commit(&bytes, &signer.sign(GIT_NAMESPACE, &bytes).await?);
    }
    writer.world.git.write_object(ObjectKind::Commit, &bytes).await
}

/// Writes a tag object, signed where there is a key.
async fn make_tag(writer: &Writer<'_>, name: &RefName, from: Option<Oid>, commit: &Oid, mut bytes: Vec<u8>) -> Result<Move> {
    if let Some(signer) = writer.signer {
        let armored = signer.sign(GIT_NAMESPACE, &bytes).await?;
        bytes.extend_from_slice(format!("{}\n", armored.trim_end()).as_bytes());
    }
    let oid = writer.world.git.write_object(ObjectKind::Tag, &bytes).await?;
    let object = String::from_utf8(bytes).map_err(|_| Fault::new(Reason::Internal, "a tag object is no UTF-8"))?;
    Ok(Move { name: name.clone(), from, to: Some(oid), commit: Some(commit.clone()), object: Some(object) })
}

/// Puts an entry behind the branch's tip, runs it through the rulebook, signs it, and runs it through again as it will be
/// read. Only then its objects are written.
async fn write_entry(
    writer: &Writer<'_>,
    head: Option<&Verified>,
    adopts: Option<&Policy>,
    entry: Entry,
    files: BTreeMap<String, Vec<u8>>,
) -> Result<Built> {
    let git = &writer.world.git;
    let mut policies = head.map(|head| head.policies().clone()).unwrap_or_default();
    policies.extend(adopts.map(|policy| (policy.tree.clone(), policy.clone())));
    let (before, tip) = (head.map(Verified::ledger), head.map(|head| head.tip().clone()));
    let mut files = files;
    if let Some(evidence) = writer.behalf {
        files.insert(ACTOR_PATH.to_owned(), canonical_json(evidence)?);
    }
    let rights = writer.behalf.map(ActorEvidence::rights).unwrap_or_default();
    let Assembled { items, tree, payload, mut offer } = assemble(before, tip.as_ref(), &entry, files, &rights)?;
    let passed = head.map(Verified::passed).unwrap_or_default();
    check(writer, before, passed, &policies, &offer, Signature::Intended(writer.signed))?;
    let bytes = match writer.signer {
        Some(signer) => object::signed_commit(&payload, &signer.sign(GIT_NAMESPACE, &payload).await?),
        None => payload,
    };
    offer.commit = Commit::parse(&bytes).map_err(|why| Fault::new(Reason::Internal, format!("a commit of ours: {why}")))?;
    check(writer, before, passed, &policies, &offer, Signature::OfCommit)?;
    let items: BTreeMap<String, TreeItem> = items.into_iter().map(|(path, item)| (path, tree_item(item))).collect();
    if git.write_tree(&items).await? != tree {
        return Err(Fault::new(Reason::Internal, "git wrote another tree than the one that was judged"));
    }
    let commit = git.write_object(ObjectKind::Commit, &bytes).await?;
    let mut updates: Vec<Update> =
        entry.moves.iter().map(|moved| Update { name: moved.name.clone(), expect: moved.from.clone(), new: moved.to.clone() }).collect();
    updates.push(Update { name: writer.at.branch.clone(), expect: tip, new: Some(commit.clone()) });
    Ok(Built { commit, record: entry, updates })
}

/// The rulebook. The first rule that is broken is the refusal, the others stand beside it.
fn check(
    writer: &Writer<'_>,
    before: Option<&Ledger>,
    passed: &[Arc<Linked>],
    policies: &Policies,
    offer: &Offer,
    signature: Signature,
) -> Result<()> {
    let found = match transition(before, passed, policies, offer, signature, writer.world.clock.now()) {
        Ok(_) => return Ok(()),
        Err(found) => found,
    };
    let mut found = found.into_iter();
    let first =
        found.next().unwrap_or_else(|| Violation::new("ledger/bad-entry", Reason::Internal, "the entry breaks a rule without a name"));
    Err(first.fault().findings(found.map(|violation| violation.finding())))
}

fn tree_item(item: Item) -> TreeItem {
    match item {
        Item::File(bytes) => TreeItem::File(bytes),
        Item::Blob(oid) => TreeItem::Blob(oid),
        Item::Tree(oid) => TreeItem::Tree(oid),
    }
}

enum Pushed {
    Applied(Box<Applied>),
    /// Somebody else moved first, and nothing of ours moved.
    Lost(Box<Verified>),
}

/// `last`: what is asked right before the push, with the time.
async fn push(
    writer: &Writer<'_>,
    head: &Verified,
    built: Built,
    rebuilt: usize,
    last: &(dyn Fn(Timestamp) -> Result<()> + Sync),
) -> Result<Pushed> {
    let Built { commit, record, updates } = built;
    let busy = signals::busy(signals::Work::Push);
    let answer = send(writer, &updates, last).await?;
    // Whoever is in the way moves the ledger in the end: a server that writes one file for each ref shows its tags first.
    let is_in_the_way = matches!(answer.end, PushEnd::Stale(_) | PushEnd::Locked(_));
    let is_settled = |refs: &Refs| !is_in_the_way || holds(refs, &writer.at.branch) != Some(head.tip());
    let refs = read_after(writer, &updates, &answer, is_settled).await?;
    let now = refs.get(&writer.at.branch).map(|fact| fact.oid.clone());
    let done = |busy| Pushed::Applied(Box::new(Applied { entry: commit.clone(), record: record.clone(), rebuilt, _busy: busy }));
    if now.as_ref() == Some(&commit) {
        // Our entry is the head; the tags must be where it says, or the server split the push.
        return match taken_alone(&updates, &refs, &writer.at.branch) {
            None => Ok(done(busy)),
            Some(_) => Err(undo(writer, &updates, &refs, &answer).await),
        };
    }
    if now.as_ref() == Some(head.tip()) {
        // The ledger stands still: nothing may have moved.
        return match updates.iter().find(|update| update.name != writer.at.branch && holds(&refs, &update.name) == update.new.as_ref()) {
            Some(_) => Err(undo(writer, &updates, &refs, &answer).await),
            None => Err(refused(writer, &answer, &updates, &refs)),
        };
    }
    let newer = read_head(writer, head, now).await?;
    if newer.entries().any(|linked| linked.oid == commit) {
        return Ok(done(busy));
    }
    Ok(Pushed::Lost(Box::new(newer)))
}

/// Entry 0: the ledger ref must not exist.
async fn push_first(writer: &Writer<'_>, built: Built) -> Result<Applied> {
    let Built { commit, record, updates } = built;
    let busy = signals::busy(signals::Work::Push);
    let answer = send(writer, &updates, &|_| Ok(())).await?;
    let refs = read_after(writer, &updates, &answer, |_| true).await?;
    match holds(&refs, &writer.at.branch) {
        Some(oid) if *oid == commit => Ok(Applied { entry: commit, record, rebuilt: 0, _busy: busy }),
        Some(_) => Err(Fault::new(Reason::StalePointer, "somebody else wrote the first entry of the ledger")),
        None => Err(refused(writer, &answer, &updates, &refs)),
    }
}

async fn send(writer: &Writer<'_>, updates: &[Update], last: &(dyn Fn(Timestamp) -> Result<()> + Sync)) -> Result<PushAnswer> {
    (writer.checkpoint)(Checkpoint::BeforePush)?;
    last(writer.world.clock.now())?;
    let answer = writer.world.git.push(&writer.at.remote, &PushSpec { updates: updates.to_vec() }).await?;
    (writer.checkpoint)(Checkpoint::AfterPush)?;
    Ok(answer)
}

/// The refs as they are after a push. Where they cannot be read, what the answer says decides whether something may have moved.
async fn read_after(writer: &Writer<'_>, updates: &[Update], answer: &PushAnswer, is_settled: impl Fn(&Refs) -> bool) -> Result<Refs> {
    let is_ended = matches!(answer.end, PushEnd::NotSent(_)) && signals::is_told();
    if is_ended || answer.end == PushEnd::NoAtomic {
        return Err(push_fault(writer, answer));
    }
    let branches: Vec<String> =
        updates.iter().filter_map(|update| Some(update.name.as_str().strip_prefix("refs/heads/")?.to_owned())).collect();
    read_settled(&writer.world.git, writer.at, &branches, is_settled).await.map_err(|fault| match &answer.end {
        PushEnd::Moved | PushEnd::UpToDate | PushEnd::Partial(_) | PushEnd::Unknown(_) => {
            let why = format!("{}; and its refs cannot be read now: {}", words(&answer.end), fault.message);
            Fault { message: why, ..unknown(fault.help) }
        }
        PushEnd::Stale(_) | PushEnd::Locked(_) | PushEnd::Refused(_) | PushEnd::NotSent(_) | PushEnd::NoAtomic => {
            push_fault(writer, answer)
        }
    })
}

/// A push that was sent, and nobody knows what it did.
fn unknown(first: Option<String>) -> Fault {
    let help = "run the same command again; it will tell (where a lock file is left on the server, it names that)";
    let help = first.map_or_else(|| help.to_owned(), |first| format!("{first}; then {help}"));
    Fault::new(Reason::OutcomeUnknown, "").help(help)
}

async fn read_head(writer: &Writer<'_>, seen: &Verified, head: Option<Oid>) -> Result<Verified> {
    let Some(head) = head else {
        return Err(Fault::new(Reason::LedgerBroken, "the ledger is gone from the remote"));
    };
    bring(&writer.world.git, writer.at, std::slice::from_ref(&writer.at.branch)).await?;
    let known = Known { pin: Some(seen.genesis().clone()), remembered: vec![seen.tip().clone()], chain: seen.chain() };
    ledger::verify(&writer.world.git, &head, writer.world.clock.now(), known).await?.into_verified()
}

fn holds<'a>(refs: &'a Refs, name: &RefName) -> Option<&'a Oid> {
    refs.get(name).map(|fact| &fact.oid)
}

/// A ref of the push that is not where the push put it, although the ledger is. A branch may have grown since; one that holds what
/// it held did not move.
fn taken_alone<'a>(updates: &'a [Update], refs: &Refs, ledger: &RefName) -> Option<&'a Update> {
    let is_elsewhere = |update: &Update| match update.name.tag() {
        Some(_) => holds(refs, &update.name) != update.new.as_ref(),
        None => holds(refs, &update.name) == update.expect.as_ref(),
    };
    updates.iter().find(|update| update.name != *ledger && is_elsewhere(update))
}

/// Some refs moved and some did not, which an atomic server never does: take back what moved, each under the lease of what
/// we put there.
async fn undo(writer: &Writer<'_>, updates: &[Update], refs: &Refs, answer: &PushAnswer) -> Fault {
    // A ref that the server does not show may have moved all the same: then its own answer says so.
    let said = |name: &RefName| answer.lines.iter().any(|line| line.name == *name && line.answer == RefAnswer::Moved);
    let is_moved = |update: &&Update| match holds(refs, &update.name) {
        Some(oid) => Some(oid) == update.new.as_ref(),
        None => update.new.is_none() || said(&update.name),
    };
    let moved: Vec<&Update> = updates.iter().filter(is_moved).collect();
    let names: Vec<&str> = moved.iter().map(|update| update.name.as_str()).collect();
    let mut fault = Fault::new(Reason::PartialMove, format!("the server moved {}, or shows only that", names.join(", ")));
    for update in &moved {
        let back = Update { name: update.name.clone(), expect: update.new.clone(), new: update.expect.clone() };
        let answer = writer.world.git.push(&writer.at.remote, &PushSpec { updates: vec![back] }).await;
        let code_and_words = match answer.map(|answer| answer.end) {
            Ok(PushEnd::Moved) => ("apply/taken-back", format!("{} was taken back", update.name)),
            Ok(end) => ("apply/not-taken-back", format!("{} could not be taken back: {}", update.name, words(&end))),
            Err(fault) => ("apply/not-taken-back", format!("{} could not be taken back: {fault}", update.name)),
        };
        fault = fault.finding(crate::domain::Finding::error(code_and_words.0, code_and_words.1));
    }
    fault
}

/// Nothing moved; why. A tag that somebody moved without its entry is told apart from a server that refuses.
fn refused(writer: &Writer<'_>, answer: &PushAnswer, updates: &[Update], refs: &Refs) -> Fault {
    let displaced = updates.iter().find(|update| holds(refs, &update.name) != update.expect.as_ref());
    match (&answer.end, displaced) {
        (PushEnd::Stale(_) | PushEnd::Locked(_), Some(update)) if update.name.tag().is_none() => {
            Fault::new(Reason::StalePointer, format!("{} grew meanwhile, and nothing was moved", update.name))
                .help("run the same command again")
        }
        (PushEnd::Stale(_) | PushEnd::Locked(_), Some(update)) if update.expect.is_none() => {
            let fault = Fault::new(Reason::TagConflict, format!("{} came into being meanwhile", update.name));
            fault.help("look at it with `git ls-remote`, then run again")
        }
        (PushEnd::Stale(_) | PushEnd::Locked(_), Some(update)) => {
            half_state(&update.name, update.expect.as_ref(), holds(refs, &update.name))
        }
        _ => push_fault(writer, answer),
    }
}

/// What an answer means where the refs show no move.
fn push_fault(writer: &Writer<'_>, answer: &PushAnswer) -> Fault {
    let (end, remote) = (&answer.end, &writer.at.remote);
    let advice = match end {
        PushEnd::NotSent(why) | PushEnd::Unknown(why) => advice(why),
        _ => None,
    };
    // What was sent may be done still, whatever its words are; only a status of the web server in git's own words says that it is not.
    let is_proven = match end {
        PushEnd::Unknown(why) => answers_with_status(why),
        _ => true,
    };
    let is_refused = is_proven && advice.is_some_and(|advice| advice.is_refusal);
    let reason = match end {
        PushEnd::NoAtomic => Reason::NoAtomic,
        PushEnd::NotSent(_) if signals::is_told() => Reason::Interrupted,
        PushEnd::NotSent(_) | PushEnd::Unknown(_) if is_refused => Reason::ServerRefused,
        PushEnd::NotSent(_) => Reason::Unreachable,
        PushEnd::Unknown(_) => Reason::OutcomeUnknown,
        PushEnd::Refused(_) | PushEnd::Locked(_) => Reason::ServerRefused,
        PushEnd::Partial(_) => Reason::PartialMove,
        PushEnd::Stale(_) | PushEnd::Moved | PushEnd::UpToDate => Reason::StalePointer,
    };
    let message = match (end, advice) {
        (PushEnd::NotSent(why), Some(advice)) => {
            format!("the push to `{remote}` sent nothing: {}: {}", advice.what, without_boilerplate(why))
        }
        (PushEnd::Unknown(why), Some(advice)) if is_refused => {
            format!("the push to `{remote}` moved nothing: {}: {}", advice.what, without_boilerplate(why))
        }
        (PushEnd::Unknown(_), _) => format!("{}; its refs show no move yet", words(end)),
        (end, _) => words(end),
    };
    // What the message quotes is not told twice.
    let is_new = |line: &&String| !line.trim().is_empty() && !message.contains(line.trim());
    let lines = answer.remote.iter().filter(is_new).take(20);
    let said: Vec<_> = lines.map(|line| crate::domain::Finding::note("apply/server-said", line.clone())).collect();
    let fault = Fault::new(reason, message).findings(said);
    match (end, advice) {
        (PushEnd::Locked(_), _) => fault.help(LOCKED),
        (PushEnd::Unknown(_), advice) if reason == Reason::OutcomeUnknown => {
            Fault { help: unknown(advice.map(|advice| advice.help.to_owned())).help, ..fault }
        }
        (PushEnd::Refused(why), _) if why.contains("hidden ref") => fault.help(HIDDEN),
        (_, Some(advice)) if reason != Reason::Interrupted => fault.help(advice.help),
        _ => fault,
    }
}

/// A server may keep refs from its clients.
const HIDDEN: &str = "the server hides this ref from clients: take it out of `transfer.hideRefs` and `receive.hideRefs` there";

/// A lock does not say whose it is.
const LOCKED: &str = "another push may be at work: run again in a minute; where the lock file is still there and no git runs on the \
                      server, a git that was killed left it: remove that file on the server, then run again";

fn words(end: &PushEnd) -> String {
    match end {
        PushEnd::Moved => "the push went through, but the refs say otherwise".to_owned(),
        PushEnd::UpToDate => "the push changed nothing".to_owned(),
        PushEnd::NoAtomic => "the server cannot push atomically; nothing was sent".to_owned(),
        PushEnd::Stale(why) => format!("somebody else moved first: {why}"),
        PushEnd::Locked(why) => format!("a lock file on the server is in the way, and nothing was moved: {why}"),
        PushEnd::Refused(why) => format!("the server refused: {why}"),
        PushEnd::Partial(why) => format!("the server moved only some refs: {why}"),
        PushEnd::NotSent(why) => format!("nothing was sent: {why}"),
        PushEnd::Unknown(why) => format!("the push was sent, and the server gave no answer, so it may have moved: {why}"),
    }
}

fn stale(newer: &Verified) -> Fault {
    let last = newer.entries().next_back().map(|linked| format!("entry {} ({}) came first", linked.outline.serial, linked.outline.action));
    Fault::new(Reason::StalePointer, format!("{}; nothing was moved", last.unwrap_or_else(|| "another entry came first".to_owned())))
}
