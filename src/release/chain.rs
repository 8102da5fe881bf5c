//! The ledger's chain: from the commits of the branch to a verified head.
//!
//! The chain is the `previous` links from the newest valid entry to entry 0. [`Fold`] takes every commit of the branch, parents
//! first, and asks [`super::transition`] whether it may follow the head that stands before it. What may not is skipped and
//! named: it hides nothing and stops nobody. Merges are skipped, but what they bring together counts.
//!
//! Where two lines come together, the head with the higher serial goes on. Two heads of one height break the ledger, unless
//! this machine remembers one of them, until the next entry follows one of the two. An entry that is dated a day or more
//! ahead of a valid later one with the same predecessor is passed by: the clock that wrote it was wrong, and no other clock
//! will ever bring it back.
//!
//! [`Verified`] has no public constructor: who holds one holds a verified chain. Signatures are verified in parallel,
//! everything else is one pass. Deliberately absent: reading objects ([`crate::world::ledger`]) and judging evidence anew
//! ([`super::rejudge`]).

pub use super::{
    policy::Policy,
    transition::{Linked, Offer},
};

use super::{
    object::Commit,
    policy::Policies,
    state,
    state_tree::StateTree,
    transition::{Checked, Ledger, RULEBOOK, Signature, Violation, signed_by, transition},
};
use crate::{
    domain::{
        Fault, Finding, Oid, Reason, Result, Severity, Timestamp, Verb,
        state::{Entry, State},
    },
    gate::{Protocol, freshness::LONGEST_RUN},
};
use rayon::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// The namespace git gives to signatures of commits and tags.
pub const GIT_NAMESPACE: &str = "git";

/// How many skipped commits are named one by one.
const NAMED: usize = 100;

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
    /// The files below `evidence/`, by path.
    pub evidence: BTreeMap<String, Vec<u8>>,
    /// Why the commit cannot be read as an entry at all.
    pub trouble: Option<String>,
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
        let next = transition(Some(&self.ledger), &self.policies, &offer, Signature::OfCommit, clock)?;
        let adopted = self.policies.get(&offer.entry.policy.tree).filter(|_| offer.entry.action == Verb::Adopt).cloned();
        let Verified { ledger, policies, skipped, .. } = self;
        Ok(Verified { tip: oid.clone(), ledger: ledger.follow(oid, offer.entry, next, adopted), policies, skipped })
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

    /// What lies on the branch and does not count.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// The same as warnings, one for each commit.
    pub fn skipped_findings(&self) -> Vec<Finding> {
        findings_of(&self.skipped, false)
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
}

impl Verification {
    /// The verified chain, or the refusal of every verb. Faults: `ledger_broken`, `ledger_unverifiable`, `clock_behind`.
    pub fn into_verified(self) -> Result<Verified> {
        let Verification { findings, verified, behind, newer, .. } = self;
        if let Some((oid, number)) = newer {
            let why = format!("entry {} is written under rulebook {number}, this program knows {RULEBOOK}", oid.short());
            return Err(Fault::new(Reason::LedgerUnverifiable, why).help("use a newer version of Tagwarden"));
        }
        if let Some((oid, time)) = behind {
            let why = format!("ledger entry {} is of {time}, which is more than five minutes ahead of the clock here", oid.short());
            return Err(Fault::new(Reason::ClockBehind, why));
        }
        verified.ok_or_else(|| Fault::new(Reason::LedgerBroken, "the ledger does not verify").findings(findings))
    }
}

/// Where the chain stands after a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    /// No entry 0 yet.
    Nothing,
    At(usize),
    /// Two entries of one height.
    Tie(usize, usize),
}

/// A valid entry.
struct Node {
    linked: Arc<Linked>,
    before: Option<usize>,
}

/// Takes the commits of a branch, parents first.
pub struct Fold {
    clock: Timestamp,
    pin: Option<Oid>,
    remembered: Option<Oid>,
    policies: Policies,
    nodes: Vec<Node>,
    after: HashMap<Oid, Base>,
    /// The position of one node, kept from commit to commit.
    position: Option<(usize, Ledger)>,
    skipped: Vec<Skipped>,
    tip: Option<Oid>,
    behind: Option<(Oid, Timestamp)>,
    newer: Option<(Oid, u32)>,
}

/// Where the files of a policy come from.
pub type ReadPolicy<'a> = dyn FnMut(&Oid) -> Result<BTreeMap<String, Vec<u8>>> + 'a;

/// A commit with what could be read of it.
struct Parsed {
    oid: Oid,
    parents: Vec<Oid>,
    offer: std::result::Result<Offer, Violation>,
    /// The rulebook that `entry.json` names, whether it can be read or not.
    rulebook: Option<u64>,
    commit: Option<Commit>,
    checked: Option<Checked>,
}

impl Offer {
    /// Reads a commit as an entry.
    pub fn of(raw: RawEntry) -> std::result::Result<Offer, Violation> {
        let wrong = |why: String| Violation::new("ledger/bad-entry", Reason::LedgerBroken, why);
        if let Some(trouble) = raw.trouble {
            return Err(wrong(trouble));
        }
        let commit = Commit::parse(&raw.commit).map_err(wrong)?;
        let entry = Offer::read_entry(raw.entry.as_deref())?;
        Ok(Offer { commit, entry, shape: raw.shape, evidence: raw.evidence })
    }
}

impl Parsed {
    fn of(raw: RawEntry, policy: Option<&Policy>) -> Parsed {
        let (oid, parents) = (raw.oid.clone(), raw.parents.clone());
        let number = |bytes: &Vec<u8>| serde_json::from_slice::<serde_json::Value>(bytes).ok()?["rulebook"].as_u64();
        let (commit, bytes) = (Commit::parse(&raw.commit).ok(), raw.entry.clone());
        let offer = Offer::of(raw);
        let rulebook = match &offer {
            Ok(offer) => Some(u64::from(offer.entry.rulebook)),
            Err(_) => bytes.as_ref().and_then(number),
        };
        let checked = offer.as_ref().ok().zip(policy).filter(|_| parents.len() == 1);
        let checked = checked.map(|(offer, policy)| Checked::of(offer, policy));
        Parsed { oid, parents, offer, rulebook, commit, checked }
    }
}

impl Fold {
    /// `pin`: entry 0, where it is known from outside. `remembered`: a commit of the branch that this machine saw as its tip.
    pub fn new(clock: Timestamp, pin: Option<Oid>, remembered: Option<Oid>) -> Fold {
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
            behind: None,
            newer: None,
        }
    }

    /// Takes the next commits. Faults are those of `read`.
    pub fn take(&mut self, commits: Vec<RawEntry>, read: &mut ReadPolicy) -> Result<()> {
        let policy = self.position.as_ref().map(|(_, ledger)| ledger.policy.clone());
        let parsed: Vec<Parsed> = commits.into_par_iter().map(|raw| Parsed::of(raw, policy.as_ref())).collect();
        for parsed in parsed {
            self.step(parsed, read)?;
        }
        Ok(())
    }

    fn step(&mut self, parsed: Parsed, read: &mut ReadPolicy) -> Result<()> {
        let base = self.base_of(&parsed.parents);
        let oid = parsed.oid.clone();
        let after = match self.judge(base, parsed, read)? {
            Ok(node) => Base::At(node),
            Err(why) => {
                self.skipped.push(Skipped { oid: oid.clone(), why });
                base
            }
        };
        self.after.insert(oid.clone(), after);
        self.tip = Some(oid);
        Ok(())
    }

    /// The node that a commit adds to the chain, or why it adds none.
    fn judge(&mut self, base: Base, parsed: Parsed, read: &mut ReadPolicy) -> Result<std::result::Result<usize, Vec<Violation>>> {
        let skip = |why: Violation| Ok(Err(vec![why]));
        if parsed.parents.len() > 1 {
            let why = format!("it has {} parents", parsed.parents.len());
            return skip(Violation::new("ledger/parents", Reason::LedgerBroken, why));
        }
        if parsed.parents.is_empty() && self.pin.as_ref().is_some_and(|pin| *pin != parsed.oid) {
            let why = "it is not the entry 0 that is pinned";
            return skip(Violation::new("ledger/other-genesis", Reason::LedgerBroken, why));
        }
        self.note_newer(base, &parsed);
        let Parsed { oid, parents, offer, checked, .. } = parsed;
        let offer = match offer {
            Ok(offer) => offer,
            Err(why) => return skip(why),
        };
        let before = match (parents.is_empty(), self.predecessor(base, &offer.entry)) {
            (true, _) => None,
            (false, Some(before)) => Some(before),
            (false, None) => return skip(self.no_predecessor(base, &offer)),
        };
        if let Some(before) = before {
            self.go_to(before)?;
        }
        let (clock, governing) = (self.clock, before.and(self.position.as_ref()).map(|(_, ledger)| ledger.policy.clone()));
        if let Some(why) = self.learn(&offer, governing.as_ref(), read)? {
            return skip(why);
        }
        let position = before.and(self.position.as_ref()).map(|(_, ledger)| ledger);
        let signature = checked.map_or(Signature::OfCommit, Signature::Checked);
        match transition(position, &self.policies, &offer, signature, clock) {
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
                self.behind = None;
                Ok(Ok(node))
            }
            Err(violations) => {
                let only_ahead = violations.iter().all(|violation| violation.code == "ledger/ahead");
                // What is ahead by more than a day is passed by; but nothing comes before entry 0.
                let is_near = before.is_none() || offer.entry.time <= clock.plus(LONGEST_RUN);
                if only_ahead && is_near && self.behind.is_none() {
                    self.behind = Some((oid, offer.entry.time));
                }
                Ok(Err(violations))
            }
        }
    }

    /// Reads the policy that an entry brings, once somebody with a say signed it. Whatever lies on the branch otherwise is not
    /// worth reading.
    fn learn(&mut self, offer: &Offer, governing: Option<&Policy>, read: &mut ReadPolicy) -> Result<Option<Violation>> {
        let tree = &offer.entry.policy.tree;
        if offer.entry.action != Verb::Adopt || self.policies.contains_key(tree) {
            return Ok(None);
        }
        if let Some(policy) = governing
            && let Err(why) = signed_by(&offer.commit, offer.entry.time, policy)
        {
            return Ok(Some(why));
        }
        // What the entry names may not even be there; what stands beside it is.
        if !offer.shape.iter().any(|(path, mode, oid)| path == "policy" && mode == "40000" && oid == tree) {
            let why = "the policy beside it is not the one it names";
            return Ok(Some(Violation::new("ledger/policy", Reason::LedgerBroken, why)));
        }
        match Policy::read(tree, read(tree)?) {
            Ok(policy) => {
                self.policies.insert(tree.clone(), policy);
                Ok(None)
            }
            Err(findings) => {
                let why = findings.first().map(|finding| format!(": {}", finding.message)).unwrap_or_default();
                let why = format!("the policy {} cannot be read{why}", tree.short());
                Ok(Some(Violation::new("ledger/bad-policy", Reason::BadConfig, why)))
            }
        }
    }

    /// Remembers an entry of a signer that only a newer program can judge: without it nothing can be said of the ledger.
    fn note_newer(&mut self, base: Base, parsed: &Parsed) {
        let Some(number) = parsed.rulebook.filter(|number| *number > u64::from(RULEBOOK)) else { return };
        let (Base::At(node) | Base::Tie(node, _), Some(commit)) = (base, &parsed.commit) else { return };
        let policy = match &self.position {
            Some((at, ledger)) if *at == node => &ledger.policy,
            _ => return,
        };
        let time = parsed.offer.as_ref().map_or(self.clock, |offer| offer.entry.time);
        if signed_by(commit, time, policy).is_ok() {
            self.newer.get_or_insert((parsed.oid.clone(), u32::try_from(number).unwrap_or(u32::MAX)));
        }
    }

    /// The node that an entry may follow.
    fn predecessor(&self, base: Base, entry: &Entry) -> Option<usize> {
        let previous = entry.previous.as_ref()?;
        let is = |node: usize| self.nodes[node].linked.oid == *previous;
        match base {
            Base::Nothing => None,
            Base::Tie(one, other) => [one, other].into_iter().find(|node| is(*node)),
            Base::At(node) if is(node) => Some(node),
            Base::At(node) => self.passed_by(node, entry).find(|node| is(*node)),
        }
    }

    /// Nodes before those that are dated a day or more ahead of `entry`, newest first.
    fn passed_by(&self, node: usize, entry: &Entry) -> impl Iterator<Item = usize> {
        let limit = entry.time.plus(LONGEST_RUN);
        std::iter::successors(Some(node), |node| self.nodes[*node].before)
            .take_while(move |node| self.nodes[*node].linked.outline.time > limit)
            .filter_map(|node| self.nodes[node].before)
    }

    fn no_predecessor(&self, base: Base, offer: &Offer) -> Violation {
        let policy = match (base, &self.position) {
            (Base::At(node) | Base::Tie(node, _), Some((at, ledger))) if *at == node => Some(&ledger.policy),
            _ => None,
        };
        let unsigned = policy.and_then(|policy| signed_by(&offer.commit, offer.entry.time, policy).err());
        let why = "`previous` is not the newest valid entry before it";
        unsigned.unwrap_or_else(|| Violation::new("ledger/broken-chain", Reason::StalePointer, why))
    }

    fn base_of(&self, parents: &[Oid]) -> Base {
        let bases = parents.iter().filter_map(|parent| self.after.get(parent).copied());
        bases.reduce(|a, b| self.join(a, b)).unwrap_or(Base::Nothing)
    }

    fn join(&self, a: Base, b: Base) -> Base {
        let height = |base: Base| match base {
            Base::Nothing => None,
            Base::At(node) | Base::Tie(node, _) => Some(self.nodes[node].linked.outline.serial),
        };
        match height(a).cmp(&height(b)) {
            std::cmp::Ordering::Greater => a,
            std::cmp::Ordering::Less => b,
            std::cmp::Ordering::Equal if a == b => a,
            std::cmp::Ordering::Equal => {
                let nodes: BTreeSet<usize> = [a, b].into_iter().flat_map(Base::nodes).collect();
                match nodes.iter().copied().find(|node| self.is_remembered(*node)) {
                    Some(node) => Base::At(node),
                    None => {
                        let mut nodes = nodes.into_iter();
                        nodes.next().zip(nodes.next()).map_or(a, |(one, other)| Base::Tie(one, other))
                    }
                }
            }
        }
    }

    /// Whether what this machine saw last stands on this node.
    fn is_remembered(&self, node: usize) -> bool {
        let Some(Base::At(last)) = self.remembered.as_ref().and_then(|oid| self.after.get(oid)) else { return false };
        self.line(*last).any(|seen| seen == node)
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
            let empty = StateTree::empty(&oid);
            let tree = ledger.as_ref().map_or(&empty, |ledger| &ledger.tree).after(&delta)?;
            let next = super::transition::Next { delta, tree, rights: linked.rights.clone() };
            let adopted = self.policies.get(&entry.policy.tree).filter(|_| entry.action == Verb::Adopt).cloned();
            ledger = Some(match (ledger, adopted) {
                (Some(ledger), adopted) => ledger.follow(oid, entry.clone(), next, adopted),
                (None, Some(policy)) => Ledger::first(oid, entry.clone(), next, policy),
                (None, None) => return Err(Fault::new(Reason::Internal, "entry 0 without its policy")),
            });
        }
        self.position = ledger.map(|ledger| (node, ledger));
        Ok(())
    }

    /// The verified chain at the last commit taken.
    pub fn finish(mut self) -> Result<Verification> {
        let base = self.tip.as_ref().and_then(|tip| self.after.get(tip).copied()).unwrap_or(Base::Nothing);
        let broken = self.broken(base);
        let (behind, newer, entries) = (self.behind.take(), self.newer.take(), self.nodes.len() as u64);
        let (Base::At(node), None, Some(tip)) = (base, &broken, self.tip.clone()) else {
            let findings =
                broken.into_iter().chain(findings_of(&self.skipped, true)).map(|finding| Finding { severity: Severity::Error, ..finding });
            return Ok(Verification { findings: findings.collect(), entries, verified: None, behind, newer });
        };
        self.go_to(node)?;
        let kept: BTreeSet<usize> = self.line(node).collect();
        for (_, passed) in self.nodes.iter().enumerate().filter(|(node, _)| !kept.contains(node)) {
            let entry = &passed.linked.outline;
            let why = format!("entry {} ({}) of {} is valid, and was passed by", entry.serial, entry.action, entry.actor.id);
            let why = Violation::new("ledger/passed-by", Reason::LedgerBroken, why);
            self.skipped.push(Skipped { oid: passed.linked.oid.clone(), why: vec![why] });
        }
        let Fold { position, policies, skipped, .. } = self;
        let verified = position.map(|(_, ledger)| Verified { tip, ledger, policies, skipped });
        let findings = verified.as_ref().map(|verified| findings_of(&verified.skipped, true)).unwrap_or_default();
        Ok(Verification { findings, entries: kept.len() as u64, verified, behind, newer })
    }

    /// Why no head can be named.
    fn broken(&self, base: Base) -> Option<Finding> {
        let first: Vec<&Oid> = self.nodes.iter().filter(|node| node.before.is_none()).map(|node| &node.linked.oid).collect();
        let name = |node: usize| {
            let Linked { oid, outline, .. } = self.nodes[node].linked.as_ref();
            format!("{oid} ({} by {})", outline.action, outline.actor.id)
        };
        match base {
            Base::Nothing => {
                let message = match &self.pin {
                    Some(pin) => format!("the branch has no valid entry 0 {pin}, which is pinned"),
                    None => "the branch has no valid entry 0".to_owned(),
                };
                Some(Finding::error("ledger/no-genesis", message))
            }
            Base::Tie(one, other) => {
                let serial = self.nodes[one].linked.outline.serial;
                let message = format!("two valid entries {serial} follow one entry: {} and {}", name(one), name(other));
                let help = "the next entry decides: it is written where one of the two is remembered";
                Some(Finding::error("ledger/fork", message).help(help))
            }
            Base::At(_) if first.len() > 1 => {
                let all = first.iter().map(|oid| oid.as_str()).collect::<Vec<_>>().join(" and ");
                Some(
                    Finding::error("ledger/fork", format!("there are several entries 0: {all}"))
                        .help("pin the right one as TAGWARDEN_GENESIS"),
                )
            }
            Base::At(_) => None,
        }
    }
}

impl Base {
    fn nodes(self) -> Vec<usize> {
        match self {
            Base::Nothing => Vec::new(),
            Base::At(node) => vec![node],
            Base::Tie(one, other) => vec![one, other],
        }
    }
}

/// `all`: every rule that a commit breaks, not only the first.
fn findings_of(skipped: &[Skipped], all: bool) -> Vec<Finding> {
    let finding = |oid: &Oid, why: &Violation| {
        Finding::warning(why.code, format!("commit {} on the ledger does not count: {}", oid.short(), why.message))
    };
    let rules = if all { NAMED } else { 1 };
    let named = skipped.iter().take(NAMED).flat_map(|Skipped { oid, why }| why.iter().take(rules).map(|why| finding(oid, why)));
    let mut findings: Vec<Finding> = named.collect();
    if skipped.len() > NAMED {
        let message = format!("{} more commits on the ledger do not count", skipped.len() - NAMED);
        findings.push(Finding::warning("ledger/bad-entry", message));
    }
    findings
}
