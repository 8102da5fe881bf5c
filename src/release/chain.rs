//! The ledger's chain: from the commits of the branch to a verified head.
//!
//! The chain is the `previous` links from the newest valid entry to entry 0. [`Fold`] takes every commit of the branch, parents
//! first, and asks [`super::transition`] whether it may follow the head that stands before it. What may not is skipped and
//! named: it hides nothing and stops nobody. Merges are skipped, but what they bring together counts.
//!
//! Where two lines come together that parted, the line goes on of which the signers have the right to everything on the other
//! one, and of two such lines the higher. Else the ledger is broken, but where one of them is remembered, until an entry by
//! somebody with those rights follows one of them. An entry that is dated more than a day ahead of a later one with the same
//! predecessor is passed by, again only by somebody who has the right to it: the clock that wrote it was wrong, and no other
//! clock will ever bring it back.
//!
//! [`Verified`] has no public constructor: who holds one holds a verified chain. Signatures are verified in parallel,
//! everything else is one pass. Deliberately absent: reading objects ([`crate::world::ledger`]) and judging evidence anew
//! ([`super::rejudge`]).

pub use super::{
    policy::Policy,
    transition::{Linked, Offer},
};

use super::{
    assemble::EVIDENCE_TOTAL,
    object::Commit,
    policy::{self, Policies},
    state,
    state_tree::StateTree,
    transition::{Checked, Ledger, NOT_BESIDE, RULEBOOK, Signature, Violation, brings_policy, may_pass, signed_by, transition},
};
use crate::{
    attest::Verified as Signed,
    domain::{
        Fault, Finding, Oid, Reason, Result, Severity, Timestamp, Verb,
        state::{Entry, State},
    },
    gate::{
        Protocol,
        freshness::{CLOCK_SLACK, LONGEST_RUN},
    },
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// The namespace git gives to signatures of commits and tags.
pub const GIT_NAMESPACE: &str = "git";

/// How many skipped commits are named one by one.
const NAMED: usize = 100;

/// How many rules that one of them breaks are kept.
const RULES_NAMED: usize = 12;

/// One commit of the ledger branch as read from the object database.
#[derive(Clone, Debug)]
pub struct RawEntry {
    pub oid: Oid,
    pub parents: Vec<Oid>,
    pub commit: Vec<u8>,
    /// Every path of its tree down to evidence and attestations, with mode and object id; `state` and `policy` as folders.
    pub shape: Vec<(String, String, Oid)>,
    /// `None`: the tree has no such file, or it is larger than any entry.
    pub entry: Option<Vec<u8>>,
    /// Why the commit cannot be read as an entry at all.
    pub trouble: Option<String>,
}

/// What is read only where it is worth it: once somebody with a say signed the entry.
pub trait Source {
    /// The files of a policy; `Ok(Err)`: why this tree is none. Faults: objects that are not here.
    fn policy(&mut self, tree: &Oid) -> Result<std::result::Result<BTreeMap<String, Vec<u8>>, String>>;

    /// Files of entries, in the order asked; `None`: larger than any evidence. Faults: objects that are not here.
    fn files(&mut self, oids: &[Oid]) -> Result<Vec<Option<Vec<u8>>>>;
}

/// A commit of the branch that is not in the chain.
#[derive(Clone, Debug)]
pub struct Skipped {
    pub oid: Oid,
    /// At least one.
    pub why: Vec<Violation>,
}

/// A verified chain.
#[derive(Clone)]
pub struct Verified {
    tip: Oid,
    ledger: Ledger,
    /// Valid entries behind the head that are dated ahead of the clock: the next entry passes them by.
    passed: Vec<Arc<Linked>>,
    policies: Policies,
    skipped: Vec<Skipped>,
}

impl Verified {
    /// The newest valid entry.
    pub fn head(&self) -> &Oid {
        &self.ledger.head
    }

    /// What the branch holds: the head, or what was put behind it and does not count.
    pub fn tip(&self) -> &Oid {
        &self.tip
    }

    pub fn genesis(&self) -> &Oid {
        &self.ledger.genesis
    }

    /// The serial of the newest entry.
    pub fn serial(&self) -> u64 {
        self.ledger.state.serial
    }

    pub fn next_serial(&self) -> u64 {
        self.serial().saturating_add(1)
    }

    /// How many entries the chain has.
    pub fn length(&self) -> u64 {
        self.ledger.entries.len() as u64
    }

    /// The entry of this serial.
    pub fn entry(&self, serial: u64) -> Option<&Linked> {
        let linked = self.ledger.entries.get(usize::try_from(serial).ok()?);
        linked.map(Arc::as_ref).filter(|linked| linked.outline.serial == serial)
    }

    /// Oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Linked> {
        self.ledger.entries.iter().map(Arc::as_ref)
    }

    /// The chain with one more commit at its tip, where that is an entry that may follow; else what it breaks.
    pub fn then(self, oid: Oid, offer: Offer, clock: Timestamp) -> std::result::Result<Verified, Vec<Violation>> {
        let next = transition(Some(&self.ledger), &self.passed, &self.policies, &offer, Signature::OfCommit, clock)?;
        let adopted = self.policies.get(&offer.entry.policy.tree).filter(|_| offer.entry.action == Verb::Adopt).cloned();
        let Verified { ledger, policies, skipped, .. } = self;
        let ledger = ledger.follow(oid.clone(), offer.entry, next, adopted);
        Ok(Verified { tip: oid, ledger, passed: Vec::new(), policies, skipped })
    }

    /// Valid entries behind the head that are dated ahead of the clock, and that the next entry takes the place of.
    pub fn passed(&self) -> &[Arc<Linked>] {
        &self.passed
    }

    /// The position that the next entry follows.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub fn state(&self) -> &State {
        &self.ledger.state
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.ledger.policy
    }

    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    pub fn policy_of(&self, tree: &Oid) -> Option<&Policy> {
        self.policies.get(tree)
    }

    pub fn protocol(&self) -> &Arc<Protocol> {
        &self.ledger.policy.protocol
    }

    /// What may be kept for the next run; `None` where something lies on the branch that does not count: that is looked at again.
    pub fn chain(&self) -> Option<Chain> {
        let is_plain = self.skipped.is_empty() && self.passed.is_empty() && self.tip == self.ledger.head;
        let kept = |linked: &Linked| Kept { oid: linked.oid.clone(), rights: linked.rights.clone(), entry: linked.outline.clone() };
        is_plain.then(|| Chain { tip: self.tip.clone(), entries: self.entries().map(kept).collect() })
    }

    /// What lies on the branch and does not count.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// The same as warnings, one for each commit.
    pub fn skipped_findings(&self) -> Vec<Finding> {
        findings_of(&self.skipped, false)
    }
}

/// A chain without anything beside it on the branch, as it is kept from one run to the next.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Chain {
    tip: Oid,
    /// Oldest first, each following the one before it.
    entries: Vec<Kept>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    oid: Oid,
    rights: Vec<String>,
    entry: Entry,
}

impl Chain {
    pub fn tip(&self) -> &Oid {
        &self.tip
    }

    /// How many entries it has.
    pub fn length(&self) -> usize {
        self.entries.len()
    }

    fn genesis(&self) -> Option<&Oid> {
        self.entries.first().map(|kept| &kept.oid)
    }
}

/// What the fold over a branch gave.
pub struct Verification {
    /// Errors where there is no verified chain; else warnings about what was skipped.
    pub findings: Vec<Finding>,
    /// How many valid entries were found.
    pub entries: u64,
    pub verified: Option<Verified>,
    /// An entry that would be valid if this clock were not behind it, and its time.
    pub behind: Option<(Oid, Timestamp)>,
    /// An entry of a signer, written under rules that this program does not know.
    pub newer: Option<(Oid, u32)>,
    /// A commit that this machine saw on the branch, and that is not there any more. Then nothing was looked at.
    pub lost: Option<Oid>,
}

impl Verification {
    /// The verified chain, or the refusal of every verb. Faults: `ledger_broken`, `ledger_unverifiable`, `clock_behind`.
    pub fn into_verified(self) -> Result<Verified> {
        let Verification { findings, verified, behind, newer, lost, entries: _ } = self;
        if lost.is_some() {
            return Err(Fault::new(Reason::LedgerBroken, "the ledger went back, or was replaced: it lacks what this machine saw of it")
                .findings(findings));
        }
        if let Some((oid, number)) = newer {
            let why = format!("entry {} is written under rulebook {number}, this program knows {RULEBOOK}", oid.short());
            return Err(Fault::new(Reason::LedgerUnverifiable, why).help("use a newer version of Tagwarden"));
        }
        if let Some((oid, time)) = behind {
            let why = format!("ledger entry {} is of {time}, which is more than five minutes ahead of the clock here", oid.short());
            let help = format!("set the clock; where this one is right, the other one was not, and the entry counts from {time} on");
            return Err(Fault::new(Reason::ClockBehind, why).help(help));
        }
        verified.ok_or_else(|| Fault::new(Reason::LedgerBroken, "the ledger does not verify").findings(findings))
    }
}

/// Where the chain stands after a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Base {
    /// No entry 0 yet.
    Nothing,
    At(usize),
    /// Several entries that could each be the newest.
    Tie(BTreeSet<usize>),
}

/// A valid entry.
struct Node {
    linked: Arc<Linked>,
    before: Option<usize>,
}

/// Takes the commits of a branch, parents first. Whether an entry follows another one does not depend on the clock; the clock
/// only says, at the end, how far the chain reaches by now.
pub struct Fold {
    clock: Timestamp,
    pin: Option<Oid>,
    remembered: Vec<Oid>,
    policies: Policies,
    nodes: Vec<Node>,
    after: HashMap<Oid, Base>,
    /// The position of one node, kept from commit to commit.
    position: Option<(usize, Ledger)>,
    skipped: Vec<Skipped>,
    tip: Option<Oid>,
    /// Entries of signers under rules that this program does not know, by the node that they follow.
    newer: Vec<(usize, Oid, u32)>,
}

/// A commit with what could be read of it.
struct Parsed {
    oid: Oid,
    parents: Vec<Oid>,
    offer: std::result::Result<Offer, Violation>,
    /// `entry.json` as any JSON, and the commit, where it is no entry of this rulebook.
    foreign: Option<(serde_json::Value, Commit)>,
    /// By the tree of a policy.
    signer: Option<(Oid, std::result::Result<Option<Signed>, Violation>)>,
    /// Its evidence was brought.
    complete: bool,
    checked: Option<Checked>,
}

impl Offer {
    /// Reads a commit as an entry, without its evidence.
    fn of(raw: &mut RawEntry) -> std::result::Result<Offer, Violation> {
        let wrong = |why: String| Violation::new("ledger/bad-entry", Reason::LedgerBroken, why);
        if let Some(trouble) = raw.trouble.take() {
            return Err(wrong(trouble));
        }
        let commit = Commit::parse(&raw.commit).map_err(wrong)?;
        let entry = Offer::read_entry(raw.entry.as_deref())?;
        Ok(Offer { commit, entry, shape: std::mem::take(&mut raw.shape), evidence: BTreeMap::new() })
    }

    /// The evidence that the entry names: path and object id of each plain file.
    fn wanted(&self) -> Vec<(String, Oid)> {
        let named: BTreeSet<String> = super::transition::evidence_of(&self.entry).collect();
        let files = self.shape.iter().filter(|(path, mode, _)| mode == "100644" && named.contains(path));
        files.map(|(path, _, oid)| (path.clone(), oid.clone())).collect()
    }
}

impl Parsed {
    fn of(mut raw: RawEntry, policy: Option<&Policy>) -> Parsed {
        let offer = Offer::of(&mut raw);
        let is_ours = offer.as_ref().is_ok_and(|offer| offer.entry.rulebook == RULEBOOK);
        // Only of what this rulebook cannot judge it is asked whether another one could.
        let foreign = raw.entry.filter(|_| !is_ours).and_then(|bytes| {
            let value: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
            Some((value, Commit::parse(&raw.commit).ok()?))
        });
        let signed = |policy: &Policy, offer: &Offer| (policy.tree.clone(), signed_by(&offer.commit, offer.entry.time, policy));
        let signer = policy.zip(offer.as_ref().ok()).map(|(policy, offer)| signed(policy, offer));
        Parsed { oid: raw.oid, parents: raw.parents, offer, foreign, signer, complete: false, checked: None }
    }

    /// Who signed it, by this policy.
    fn signer(&mut self, policy: &Policy) -> std::result::Result<(), Violation> {
        let Ok(offer) = &self.offer else { return Ok(()) };
        match &self.signer {
            Some((tree, signer)) if *tree == policy.tree => signer.as_ref().map(|_| ()).map_err(Clone::clone),
            _ => {
                let signer = signed_by(&offer.commit, offer.entry.time, policy);
                let answer = signer.as_ref().map(|_| ()).map_err(Clone::clone);
                self.signer = Some((policy.tree.clone(), signer));
                answer
            }
        }
    }
}

impl Fold {
    /// `pin`: entry 0, where it is known from outside. `remembered`: commits that this machine saw as the tip of the branch; where
    /// one is not on the branch any more, the ledger went back, and nothing is verified.
    pub fn new(clock: Timestamp, pin: Option<Oid>, remembered: Vec<Oid>) -> Fold {
        Fold {
            clock,
            pin,
            remembered,
            policies: Policies::new(),
            nodes: Vec::new(),
            after: HashMap::new(),
            position: None,
            skipped: Vec::new(),
            tip: None,
            newer: Vec::new(),
        }
    }

    /// Begins behind a chain that this program verified before. `false`: it cannot, and everything has to be taken from the start.
    pub fn resume(&mut self, chain: Chain, source: &mut dyn Source) -> Result<bool> {
        let Some(last) = chain.entries.len().checked_sub(1) else { return Ok(false) };
        if self.tip.is_some() || self.pin.as_ref() != chain.genesis() {
            return Ok(false);
        }
        let adoptions: BTreeSet<Oid> = chain.entries.iter().map(|kept| kept.entry.policy.tree.clone()).collect();
        for tree in adoptions {
            match source.policy(&tree)?.map(|files| Policy::read(&tree, files)) {
                Ok(Ok(policy)) => self.policies.insert(tree, policy),
                Ok(Err(_)) | Err(_) => return Ok(false),
            };
        }
        let nodes = chain.entries.into_iter().enumerate().map(|(at, Kept { oid, rights, entry })| {
            let linked = Arc::new(Linked { oid, outline: entry, rights });
            Node { linked, before: at.checked_sub(1) }
        });
        self.nodes = nodes.collect();
        self.after.extend(self.nodes.iter().enumerate().map(|(at, node)| (node.linked.oid.clone(), Base::At(at))));
        self.tip = Some(chain.tip);
        self.go_to(last)?;
        Ok(true)
    }

    /// Takes the next commits. Faults are those of `source`.
    pub fn take(&mut self, commits: Vec<RawEntry>, source: &mut dyn Source) -> Result<()> {
        let policy = self.position.as_ref().map(|(_, ledger)| ledger.policy.clone());
        let mut parsed: Vec<Parsed> = commits.into_par_iter().map(|raw| Parsed::of(raw, policy.as_ref())).collect();
        // What nobody with a say signed is not worth reading further.
        let good = |parsed: &Parsed| parsed.signer.as_ref().is_some_and(|(_, signer)| signer.is_ok()) && parsed.parents.len() == 1;
        bring(parsed.iter_mut().filter(|parsed| good(parsed)), source)?;
        if let Some(policy) = &policy {
            parsed.par_iter_mut().filter(|parsed| parsed.complete).for_each(|parsed| {
                let signer = parsed.signer.as_ref().map(|(_, signer)| signer.clone());
                parsed.checked = parsed.offer.as_ref().ok().zip(signer).map(|(offer, signer)| Checked::of(offer, policy, signer));
            });
        }
        for parsed in parsed {
            self.step(parsed, source)?;
        }
        Ok(())
    }

    fn step(&mut self, parsed: Parsed, source: &mut dyn Source) -> Result<()> {
        let base = self.base_of(&parsed.parents);
        let oid = parsed.oid.clone();
        let after = match self.judge(&base, parsed, source)? {
            Ok(node) => Base::At(node),
            Err(mut why) => {
                why.truncate(RULES_NAMED);
                self.skipped.push(Skipped { oid: oid.clone(), why });
                base
            }
        };
        self.after.insert(oid.clone(), after);
        self.tip = Some(oid);
        Ok(())
    }

    /// The node that a commit adds to the chain, or why it adds none.
    fn judge(&mut self, base: &Base, mut parsed: Parsed, source: &mut dyn Source) -> Result<std::result::Result<usize, Vec<Violation>>> {
        let skip = |why: Violation| Ok(Err(vec![why]));
        if parsed.parents.len() > 1 {
            let why = format!("it has {} parents", parsed.parents.len());
            return skip(Violation::new("ledger/parents", Reason::LedgerBroken, why));
        }
        let is_root = parsed.parents.is_empty();
        if is_root && self.pin.as_ref().is_some_and(|pin| *pin != parsed.oid) {
            let why = "it is not the entry 0 that is pinned";
            return skip(Violation::new("ledger/other-genesis", Reason::LedgerBroken, why));
        }
        self.note_newer(base, &parsed);
        let offer = match &parsed.offer {
            Ok(offer) => offer,
            Err(why) => return skip(why.clone()),
        };
        let (before, passed) = match (is_root, self.predecessor(base, &offer.entry)) {
            (true, _) => (None, Vec::new()),
            (false, Some((before, passed))) => (Some(before), passed),
            (false, None) => return skip(self.no_predecessor(base, &mut parsed)),
        };
        if let Some(policy) = before.and_then(|node| self.policy_at(node)).cloned()
            && let Err(why) = parsed.signer(&policy)
        {
            return skip(why);
        }
        if !parsed.complete {
            bring(std::iter::once(&mut parsed), source)?;
        }
        if let Some(before) = before {
            self.go_to(before)?;
        }
        let Parsed { oid, offer: Ok(offer), checked, .. } = parsed else {
            return Err(Fault::new(Reason::Internal, "an entry that was read is none"));
        };
        if let Some(why) = self.learn(&offer, source)? {
            return skip(why);
        }
        let passed: Vec<Arc<Linked>> = passed.into_iter().map(|node| self.nodes[node].linked.clone()).collect();
        let position = before.and(self.position.as_ref()).map(|(_, ledger)| ledger);
        let signature = checked.map_or(Signature::OfCommit, Signature::Checked);
        // On its own clock: how far the chain reaches by now is asked at the end.
        match transition(position, &passed, &self.policies, &offer, signature, offer.entry.time) {
            Ok(next) => {
                let adopted = self.policies.get(&offer.entry.policy.tree).filter(|_| offer.entry.action == Verb::Adopt).cloned();
                let ledger = match (self.position.take().filter(|_| before.is_some()), adopted) {
                    (Some((_, ledger)), adopted) => ledger.follow(oid, offer.entry, next, adopted),
                    (None, Some(policy)) => Ledger::first(oid, offer.entry, next, policy),
                    (None, None) => return Err(Fault::new(Reason::Internal, "entry 0 without its policy")),
                };
                let linked = ledger.entries.last().cloned();
                let linked = linked.ok_or_else(|| Fault::new(Reason::Internal, "a position without an entry"))?;
                let node = self.nodes.len();
                self.nodes.push(Node { linked, before });
                self.position = Some((node, ledger));
                Ok(Ok(node))
            }
            Err(violations) => Ok(Err(violations)),
        }
    }

    /// Reads the policy that an entry brings. Of an entry 0 it is what says who signs, so there it comes first.
    fn learn(&mut self, offer: &Offer, source: &mut dyn Source) -> Result<Option<Violation>> {
        let tree = &offer.entry.policy.tree;
        if offer.entry.action != Verb::Adopt || self.policies.contains_key(tree) {
            return Ok(None);
        }
        if !brings_policy(offer) {
            return Ok(Some(Violation::new("ledger/policy", Reason::LedgerBroken, NOT_BESIDE)));
        }
        let bad = |why: String| {
            let why = format!("the policy {} cannot be read: {why}", tree.short());
            Ok(Some(Violation::new("ledger/bad-policy", Reason::BadConfig, why)))
        };
        match source.policy(tree)?.map(|files| Policy::read(tree, files)) {
            Ok(Ok(policy)) => {
                self.policies.insert(tree.clone(), policy);
                Ok(None)
            }
            Ok(Err(findings)) => bad(findings.first().map(|finding| finding.message.clone()).unwrap_or_default()),
            Err(why) => bad(why),
        }
    }

    /// Remembers an entry of a signer that only a newer program can judge: while it is the next one, nothing can be said of the
    /// ledger here.
    fn note_newer(&mut self, base: &Base, parsed: &Parsed) {
        let (Base::At(node), Some((value, commit))) = (base, &parsed.foreign) else { return };
        let Some(number) = value["rulebook"].as_u64().filter(|number| *number > u64::from(RULEBOOK)) else { return };
        let (linked, Some(policy)) = (&self.nodes[*node].linked, self.policy_at(*node)) else { return };
        let follows = value["previous"].as_str() == Some(linked.oid.as_str())
            && value["serial"].as_u64() == linked.outline.serial.checked_add(1)
            && value["time"].as_str().and_then(|time| time.parse::<Timestamp>().ok()).is_some_and(|time| time <= self.clock);
        let verb = value["action"].as_str().and_then(|verb| verb.parse::<Verb>().ok());
        let actor = policy::actor(&policy.protocol, value["actor"]["id"].as_str().unwrap_or_default(), "");
        let Ok(signed) = signed_by(commit, self.clock, policy) else { return };
        // What gave somebody the right is in a form that only the newer program reads: for whom a mover signs, it may be anything.
        let by_mover = signed.is_some_and(|signed| policy.protocol.movers.contains(&format!("ssh:{}", signed.principal)));
        let may_have = |who: &&String| by_mover && (who.starts_with("team:") || who.starts_with("permission:"));
        let rights: Vec<String> = match actor.id.starts_with("github:") {
            true => policy.protocol.roles.values().flat_map(|role| role.who.iter().filter(may_have).cloned()).collect(),
            false => Vec::new(),
        };
        let channel = value["channel"].as_str().and_then(|channel| channel.parse().ok());
        // A verb that this program does not know may be anybody's who signs.
        let permitted = verb.is_none_or(|verb| policy::permit(&policy.protocol, &actor, &rights, verb, channel.as_ref()).is_ok());
        if follows && permitted {
            self.newer.push((*node, parsed.oid.clone(), u32::try_from(number).unwrap_or(u32::MAX)));
        }
    }

    fn policy_at(&self, node: usize) -> Option<&Policy> {
        self.policies.get(&self.nodes[node].linked.outline.policy.tree)
    }

    /// The node that an entry may follow, and those that it would take the place of.
    fn predecessor(&self, base: &Base, entry: &Entry) -> Option<(usize, Vec<usize>)> {
        let previous = entry.previous.as_ref()?;
        let is = |node: &usize| self.nodes[*node].linked.oid == *previous;
        match base {
            Base::Nothing => None,
            Base::At(node) if is(node) => Some((*node, Vec::new())),
            Base::At(node) => {
                let limit = entry.time.plus(LONGEST_RUN);
                let ahead = |node: &usize| self.nodes[*node].linked.outline.time > limit;
                let passed: Vec<usize> = self.line(*node).take_while(ahead).collect();
                let at = passed.iter().position(|node| self.nodes[*node].before.as_ref().is_some_and(is))?;
                Some((self.nodes[passed[at]].before?, passed[..=at].to_vec()))
            }
            Base::Tie(nodes) => {
                let chosen = *nodes.iter().find(|node| is(node))?;
                let others = nodes.iter().filter(|node| **node != chosen).flat_map(|other| self.parted(*other, chosen));
                Some((chosen, others.collect::<BTreeSet<usize>>().into_iter().collect()))
            }
        }
    }

    fn no_predecessor(&self, base: &Base, parsed: &mut Parsed) -> Violation {
        let policy = match base {
            Base::At(node) => self.policy_at(*node),
            Base::Tie(nodes) => nodes.first().and_then(|node| self.policy_at(*node)),
            Base::Nothing => None,
        };
        let why = "`previous` is not the newest valid entry before it";
        let broken = Violation::new("ledger/broken-chain", Reason::StalePointer, why);
        policy.and_then(|policy| parsed.signer(policy).err()).unwrap_or(broken)
    }

    fn base_of(&self, parents: &[Oid]) -> Base {
        let bases = parents.iter().filter_map(|parent| self.after.get(parent).cloned());
        bases.reduce(|a, b| self.join(a, b)).unwrap_or(Base::Nothing)
    }

    /// Where two lines come together. A line that the other one follows is part of it. Of lines that parted, the one goes on of
    /// which the signers have the right to everything on the other; where both have, the higher one; else the one that this
    /// machine remembers. Nothing else is decided here.
    fn join(&self, a: Base, b: Base) -> Base {
        let nodes: BTreeSet<usize> = [&a, &b].into_iter().flat_map(Base::nodes).collect();
        let mut heads: BTreeSet<usize> = BTreeSet::new();
        for node in nodes.iter().rev() {
            // Nodes come in the order of the branch, so only a later one can follow this one.
            if !heads.iter().any(|head| self.follows(*head, *node)) {
                heads.insert(*node);
            }
        }
        // Another entry 0 is another ledger: nothing in either says which one is meant.
        let first = |head: usize| self.line(head).last();
        let is_one_ledger = heads.iter().map(|head| first(*head)).collect::<BTreeSet<_>>().len() < 2;
        let wins = |head: usize| heads.iter().all(|other| *other == head || self.outranks(head, *other));
        let won: Vec<usize> = heads.iter().copied().filter(|head| is_one_ledger && wins(*head)).collect();
        match (heads.len(), won.as_slice()) {
            (0, _) => Base::Nothing,
            (1, _) => Base::At(heads.first().copied().unwrap_or_default()),
            (_, [only]) => Base::At(*only),
            _ => self.remembered_of(&heads).map_or(Base::Tie(heads), Base::At),
        }
    }

    /// Whether `node` is `earlier`, or stands behind it.
    fn follows(&self, node: usize, earlier: usize) -> bool {
        let height = |node: usize| self.nodes[node].linked.outline.serial;
        let wanted = height(earlier);
        self.line(node).take_while(|node| height(*node) >= wanted).any(|node| node == earlier)
    }

    /// The nodes of a line that another one does not have, newest first.
    fn parted(&self, node: usize, from: usize) -> Vec<usize> {
        let kept: BTreeSet<usize> = self.line(from).collect();
        self.line(node).take_while(|node| !kept.contains(node)).collect()
    }

    fn outranks(&self, node: usize, other: usize) -> bool {
        let (ours, theirs) = (self.parted(node, other), self.parted(other, node));
        let may = |ours: &[usize], theirs: &[usize]| {
            theirs.iter().all(|passed| {
                let by = ours.iter().filter_map(|node| {
                    let linked = &self.nodes[*node].linked;
                    Some((&linked.outline, linked.rights.as_slice(), self.policy_at(*node)?))
                });
                may_pass(by, &self.nodes[*passed].linked.outline)
            })
        };
        let height = |node: usize| self.nodes[node].linked.outline.serial;
        may(&ours, &theirs) && (!may(&theirs, &ours) || height(node) > height(other))
    }

    /// The one of these that goes with what this machine saw last.
    fn remembered_of(&self, heads: &BTreeSet<usize>) -> Option<usize> {
        let seen = self.remembered.iter().find_map(|oid| match self.after.get(oid) {
            Some(Base::At(seen)) => Some(seen),
            _ => None,
        })?;
        let mut kept = heads.iter().copied().filter(|head| self.follows(*head, *seen) || self.follows(*seen, *head));
        kept.next().filter(|_| kept.next().is_none())
    }

    /// A node and those before it, newest first.
    fn line(&self, node: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(node), |node| self.nodes[*node].before)
    }

    /// Makes the position that of this node. Only where lines part or come together is there anything to do: then the effects
    /// of its entries, which were all judged already, are carried out again.
    fn go_to(&mut self, node: usize) -> Result<()> {
        if self.position.as_ref().is_some_and(|(at, _)| *at == node) {
            return Ok(());
        }
        let mut line: Vec<usize> = self.line(node).collect();
        line.reverse();
        let mut ledger: Option<Ledger> = None;
        for node in line {
            let linked = self.nodes[node].linked.clone();
            let (entry, oid) = (&linked.outline, linked.oid.clone());
            let delta = state::Delta::of(ledger.as_ref().map(|ledger| &ledger.state), entry, &linked.rights);
            // Only the one at the end is wanted.
            let tree = StateTree::empty(&oid);
            let next = super::transition::Next { delta, tree, rights: linked.rights.clone() };
            let adopted = self.policies.get(&entry.policy.tree).filter(|_| entry.action == Verb::Adopt).cloned();
            ledger = Some(match (ledger, adopted) {
                (Some(ledger), adopted) => ledger.follow(oid, entry.clone(), next, adopted),
                (None, Some(policy)) => Ledger::first(oid, entry.clone(), next, policy),
                (None, None) => return Err(Fault::new(Reason::Internal, "entry 0 without its policy")),
            });
        }
        if let Some(ledger) = &mut ledger {
            ledger.tree = StateTree::of(&ledger.state, &ledger.head)?;
        }
        self.position = ledger.map(|ledger| (node, ledger));
        Ok(())
    }

    /// The verified chain at the last commit taken, as far as this clock has come.
    pub fn finish(mut self) -> Result<Verification> {
        if let Some(lost) = self.remembered.iter().find(|oid| !self.after.contains_key(*oid)) {
            let message = format!(
                "this machine saw {lost} on the ledger, and the branch does not hold it any more: it went back, was replaced, or is another ledger"
            );
            let help = format!(
                "ask who moved it; what was seen is still here: `git log {lost}`, and `git branch ledger-seen {lost}` keeps it. A plain `git push REMOTE {lost}:BRANCH` brings it back where nothing else was written since"
            );
            let findings = vec![Finding::error("ledger/head-lost", message).help(help)];
            return Ok(Verification { findings, entries: 0, verified: None, behind: None, newer: None, lost: Some(lost.clone()) });
        }
        let base = self.tip.as_ref().and_then(|tip| self.after.get(tip).cloned()).unwrap_or(Base::Nothing);
        let entries = self.nodes.len() as u64;
        let mut line: Vec<usize> = match &base {
            Base::At(node) => self.line(*node).collect(),
            Base::Nothing | Base::Tie(_) => Vec::new(),
        };
        line.reverse();
        let is_ahead = |node: &usize| self.nodes[*node].linked.outline.time > self.clock.plus(CLOCK_SLACK);
        let reached = line.iter().position(is_ahead).unwrap_or(line.len());
        let ahead = line.split_off(reached);
        let behind = ahead.first().map(|node| &self.nodes[*node].linked).filter(|linked| {
            // What is further ahead is passed by; but nothing comes before entry 0.
            reached == 0 || linked.outline.time <= self.clock.plus(LONGEST_RUN)
        });
        let behind = behind.map(|linked| (linked.oid.clone(), linked.outline.time));
        let newer = line.last().and_then(|last| self.newer.iter().find(|(node, ..)| node == last));
        let newer = newer.map(|(_, oid, number)| (oid.clone(), *number));
        let (Some(last), Some(tip)) = (line.last().copied(), self.tip.clone()) else {
            let broken = self.broken(&base);
            let findings = [broken].into_iter().chain(findings_of(&self.skipped, true));
            let findings = findings.map(|finding| Finding { severity: Severity::Error, ..finding }).collect();
            return Ok(Verification { findings, entries, verified: None, behind, newer, lost: None });
        };
        self.go_to(last)?;
        let (kept, late): (BTreeSet<usize>, BTreeSet<usize>) = (line.iter().copied().collect(), ahead.iter().copied().collect());
        for (node, Node { linked, .. }) in self.nodes.iter().enumerate().filter(|(node, _)| !kept.contains(node)) {
            let Linked { oid, outline: Entry { serial, action, actor, time, .. }, .. } = linked.as_ref();
            let why = match late.contains(&node) {
                true => {
                    let why = format!("its time {time} is ahead of the clock, which says {}", self.clock);
                    Violation::new("ledger/ahead", Reason::ClockBehind, why)
                }
                false => {
                    let why = format!("entry {serial} ({action}) of {} was valid, and others took its place", actor.id);
                    Violation::new("ledger/passed-by", Reason::LedgerBroken, why)
                }
            };
            self.skipped.push(Skipped { oid: oid.clone(), why: vec![why] });
        }
        let passed = ahead.iter().map(|node| self.nodes[*node].linked.clone()).collect();
        let Fold { position, policies, skipped, .. } = self;
        let verified = position.map(|(_, ledger)| Verified { tip, ledger, passed, policies, skipped });
        let findings = verified.as_ref().map(|verified| findings_of(&verified.skipped, true)).unwrap_or_default();
        Ok(Verification { findings, entries: kept.len() as u64, verified, behind, newer, lost: None })
    }

    /// Why no head can be named.
    fn broken(&self, base: &Base) -> Finding {
        let name = |node: &usize| {
            let Linked { oid, outline, .. } = self.nodes[*node].linked.as_ref();
            format!("{oid} ({} {} by {})", outline.serial, outline.action, outline.actor.id)
        };
        match (base, &self.pin) {
            (Base::Tie(nodes), _) => {
                let names: Vec<String> = nodes.iter().map(name).collect();
                let message = format!("valid entries could each be the newest, on lines that parted: {}", names.join(" and "));
                let help = "pin entry 0 as TAGWARDEN_GENESIS; where one of them is remembered the ledger goes on, and the next entry by somebody who has the right to all of the other line decides for everybody";
                Finding::error("ledger/fork", message).help(help)
            }
            (_, Some(pin)) => Finding::error("ledger/no-genesis", format!("the branch has no valid entry 0 {pin}, which is pinned")),
            (_, None) => Finding::error("ledger/no-genesis", "the branch has no valid entry 0"),
        }
    }
}

impl Base {
    fn nodes(&self) -> Vec<usize> {
        match self {
            Base::Nothing => Vec::new(),
            Base::At(node) => vec![*node],
            Base::Tie(nodes) => nodes.iter().copied().collect(),
        }
    }
}

/// Brings the evidence of these entries, each object once.
fn bring<'a>(parsed: impl Iterator<Item = &'a mut Parsed>, source: &mut dyn Source) -> Result<()> {
    let mut parsed: Vec<&mut Parsed> = parsed.collect();
    let wanted: Vec<Vec<(String, Oid)>> =
        parsed.iter().map(|parsed| parsed.offer.as_ref().map(Offer::wanted).unwrap_or_default()).collect();
    let oids: BTreeSet<&Oid> = wanted.iter().flatten().map(|(_, oid)| oid).collect();
    let oids: Vec<Oid> = oids.into_iter().cloned().collect();
    let files: HashMap<Oid, Vec<u8>> =
        oids.iter().cloned().zip(source.files(&oids)?).filter_map(|(oid, file)| Some((oid, file?))).collect();
    for (parsed, wanted) in parsed.iter_mut().zip(wanted) {
        parsed.complete = true;
        let Ok(offer) = &mut parsed.offer else { continue };
        let mut left = EVIDENCE_TOTAL;
        for (path, oid) in wanted {
            let file = files.get(&oid).filter(|file| file.len() <= left);
            left -= file.map_or(0, Vec::len);
            offer.evidence.extend(file.map(|file| (path, file.clone())));
        }
    }
    Ok(())
}

/// `all`: every rule that a commit breaks, not only the first.
fn findings_of(skipped: &[Skipped], all: bool) -> Vec<Finding> {
    let finding = |oid: &Oid, why: &Violation| {
        Finding::warning(why.code, format!("commit {} on the ledger does not count: {}", oid.short(), why.message))
    };
    let rules = if all { RULES_NAMED } else { 1 };
    let named = skipped.iter().take(NAMED).flat_map(|Skipped { oid, why }| why.iter().take(rules).map(|why| finding(oid, why)));
    let mut findings: Vec<Finding> = named.collect();
    if skipped.len() > NAMED {
        let message = format!("{} more commits on the ledger do not count", skipped.len() - NAMED);
        findings.push(Finding::warning("ledger/bad-entry", message));
    }
    findings
}
