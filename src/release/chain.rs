//! The ledger's chain: from raw commits to a verified head.
//!
//! Every entry is checked against the one before it: one parent, the next serial, a signature by a signer of the policy in
//! force before it, a right of that policy, moves that start where the state says, gates that passed, and a recorded state
//! that equals what the entry makes of the state before. Entry 0 is checked against itself and, where a pin is given, against
//! the pin. An entry that a later, lawful `annul` names is left out of the state and not judged.
//!
//! [`Verified`] has no public constructor: who holds one holds a chain without a finding. Signatures are verified in
//! parallel; everything else is one pass. Deliberately absent: reading objects ([`crate::world::ledger`]) and judging
//! evidence anew ([`super::rejudge`]).

mod check;
#[cfg(test)]
mod tests;

use super::{object::Commit, policy::Signers, state};
use crate::{
    attest::ssh::AllowedSigners,
    domain::{
        Fault, Finding, Oid, Reason, Result, Verb,
        state::{Body, Entry, State},
    },
    gate::{
        Protocol,
        config::{self, GateFiles},
    },
};
use rayon::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// The namespace git gives to signatures of commits and tags.
pub const GIT_NAMESPACE: &str = "git";

/// One entry commit as read from the object database.
#[derive(Clone, Debug, Default)]
pub struct RawEntry {
    pub oid: String,
    pub commit: Vec<u8>,
    /// `None`: the tree has no such file.
    pub entry: Option<Vec<u8>>,
    /// As `entry`; where only the chain was read, it is read for the head alone.
    pub state: Option<Vec<u8>>,
    /// Tree id of `policy/`.
    pub policy: Option<Oid>,
    /// `evidence/*` and `attestations/*` by path; `None` where only the chain was read.
    pub files: Option<BTreeMap<String, Vec<u8>>>,
}

/// A whole ledger, oldest entry first, with the files of every policy it names.
#[derive(Default)]
pub struct RawChain {
    pub entries: Vec<RawEntry>,
    pub policies: HashMap<Oid, BTreeMap<String, Vec<u8>>>,
}

/// A policy of the ledger, parsed once.
#[derive(Clone)]
pub struct Policy {
    pub tree: Oid,
    pub protocol: Arc<Protocol>,
    pub allowed: Option<Arc<AllowedSigners>>,
}

impl Policy {
    /// Reads the signers; every wrong line is a finding.
    pub fn new(tree: Oid, protocol: Arc<Protocol>) -> std::result::Result<Policy, Vec<Finding>> {
        let allowed = protocol.allowed_signers.as_deref().map(AllowedSigners::parse).transpose()?;
        Ok(Policy { tree, protocol, allowed: allowed.map(Arc::new) })
    }
}

/// An entry and its commit.
#[derive(Clone, Debug)]
pub struct Linked {
    pub oid: Oid,
    pub entry: Entry,
    /// A later entry took it out of effect.
    pub annulled: bool,
}

/// A chain without a finding.
pub struct Verified {
    head: Oid,
    genesis: Oid,
    length: u64,
    entries: Vec<Linked>,
    state: State,
    policy: Policy,
    policies: HashMap<Oid, Policy>,
}

impl Verified {
    pub fn head(&self) -> &Oid {
        &self.head
    }

    pub fn genesis(&self) -> &Oid {
        &self.genesis
    }

    /// How many commits the chain has, annulled ones counted: the next entry's serial.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The entry of this serial, if it is in effect.
    pub fn entry(&self, serial: u64) -> Option<&Linked> {
        self.entries.iter().find(|linked| linked.entry.serial == serial && !linked.annulled)
    }

    /// Oldest first. Annulled commits that are no entries at all are left out.
    pub fn entries(&self) -> &[Linked] {
        &self.entries
    }

    /// The entries in effect, newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Linked> {
        self.entries.iter().rev().filter(|linked| !linked.annulled)
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    pub fn policy_of(&self, tree: &Oid) -> Option<&Policy> {
        self.policies.get(tree)
    }

    pub fn protocol(&self) -> &Arc<Protocol> {
        &self.policy.protocol
    }
}

/// What verification found.
pub struct Verification {
    pub findings: Vec<Finding>,
    /// How many commits the chain has.
    pub entries: u64,
    /// Set exactly where no finding is an error.
    pub verified: Option<Verified>,
}

impl Verification {
    /// The verified chain, or the refusal that every verb but `audit` and `annul` gives on a broken one.
    pub fn into_verified(self) -> Result<Verified> {
        let Verification { findings, verified, .. } = self;
        verified.ok_or_else(|| Fault::new(Reason::LedgerBroken, "the ledger does not verify").findings(findings))
    }
}

/// Verifies a chain. `annulled` are entries to leave out beside those that the chain itself annuls (what an annulment in the
/// making asks for).
pub fn verify(chain: &RawChain, annulled: &[Oid]) -> Verification {
    let mut findings = Vec::new();
    let policies = parse_policies(chain, &mut findings);
    let parsed: Vec<Parsed> = chain.entries.par_iter().map(Parsed::of).collect();
    let out: BTreeSet<String> = annulled.iter().map(Oid::to_string).chain(parsed.iter().flat_map(Parsed::annuls)).collect();
    let governing = governing(&parsed, &out);
    let signers: Vec<Signer> = parsed
        .par_iter()
        .zip(&governing)
        .map(|(parsed, tree)| Signer::of(parsed, tree.as_ref().and_then(|tree| policies.get(tree))))
        .collect();
    let mut walk = Walk { policies: &policies, findings, entries: Vec::new(), state: None, parent: None, states: true };
    let head = parsed.len().saturating_sub(1);
    for (position, (parsed, signer)) in parsed.iter().zip(signers).enumerate() {
        walk.states = position == head || parsed.raw.files.is_some();
        walk.step(position, parsed, signer, governing[position].as_ref(), &out);
    }
    let Walk { findings, entries, state, .. } = walk;
    let whole = !findings.iter().any(|finding| finding.severity == crate::domain::Severity::Error);
    let verified = state.filter(|_| whole).and_then(|state| {
        let policy = policies.get(&state.policy.tree)?.clone();
        let (head, genesis) = (chain.entries.last()?.oid.parse().ok()?, entries.first()?.oid.clone());
        let length = chain.entries.len() as u64;
        Some(Verified { head, genesis, length, entries, state, policy, policies })
    });
    Verification { findings, entries: chain.entries.len() as u64, verified }
}

/// A commit with what could be read of it.
struct Parsed<'a> {
    raw: &'a RawEntry,
    oid: std::result::Result<Oid, String>,
    commit: std::result::Result<Commit, String>,
    entry: std::result::Result<Entry, String>,
    state: std::result::Result<State, String>,
}

impl<'a> Parsed<'a> {
    fn of(raw: &'a RawEntry) -> Parsed<'a> {
        let entry = read_json::<Entry>("entry.json", raw.entry.as_deref()).and_then(|entry| {
            let known = entry.schema == crate::domain::state::ENTRY_SCHEMA;
            if known { Ok(entry) } else { Err(format!("entry.json has the unknown schema `{}`", entry.schema)) }
        });
        Parsed {
            raw,
            oid: raw.oid.parse(),
            commit: Commit::parse(&raw.commit),
            entry,
            state: read_json("state.json", raw.state.as_deref()),
        }
    }

    fn annuls(&self) -> Vec<String> {
        match &self.entry {
            Ok(Entry { action: Verb::Annul, body: Some(Body::Annul { entries, .. }), .. }) => entries.iter().map(Oid::to_string).collect(),
            _ => Vec::new(),
        }
    }
}

fn read_json<T: serde::de::DeserializeOwned>(name: &str, bytes: Option<&[u8]>) -> std::result::Result<T, String> {
    let bytes = bytes.ok_or_else(|| format!("{name} is missing"))?;
    serde_json::from_slice(bytes).map_err(|error| format!("{name} is malformed: {error}"))
}

fn parse_policies(chain: &RawChain, findings: &mut Vec<Finding>) -> HashMap<Oid, Policy> {
    let mut policies = HashMap::new();
    for (tree, files) in &chain.policies {
        let loaded = config::load(&GateFiles { files: files.clone(), root: "gates".to_owned() });
        let protocol = match loaded {
            Ok(protocol) => Arc::new(protocol),
            Err(fault) => {
                findings
                    .push(Finding::error("ledger/bad-policy", format!("the policy {} cannot be read: {}", tree.short(), fault.message)));
                findings.extend(fault.findings);
                continue;
            }
        };
        match Policy::new(tree.clone(), protocol) {
            Ok(policy) => {
                policies.insert(tree.clone(), policy);
            }
            Err(problems) => {
                findings.push(Finding::error("ledger/bad-policy", format!("the signers of policy {} cannot be read", tree.short())));
                findings.extend(problems);
            }
        }
    }
    policies
}

/// For every position, the policy in force before it; for entry 0, its own.
fn governing(parsed: &[Parsed], out: &BTreeSet<String>) -> Vec<Option<Oid>> {
    let mut current: Option<Oid> = parsed.first().and_then(|first| first.raw.policy.clone());
    let mut governing = Vec::with_capacity(parsed.len());
    for entry in parsed {
        governing.push(current.clone());
        if !out.contains(&entry.raw.oid) && entry.entry.is_ok() && entry.raw.policy.is_some() {
            current = entry.raw.policy.clone();
        }
    }
    governing
}

/// Who signed an entry commit, under the governing policy.
enum Signer {
    /// The policy asks for no signature.
    Unasked,
    Known {
        principal: String,
        fingerprint: String,
    },
    Refused {
        code: &'static str,
        why: String,
    },
}

impl Signer {
    fn of(parsed: &Parsed, policy: Option<&Policy>) -> Signer {
        let (Some(policy), Ok(commit), Ok(entry)) = (policy, &parsed.commit, &parsed.entry) else {
            return Signer::Refused { code: "ledger/bad-entry", why: "the entry cannot be read".to_owned() };
        };
        if policy.protocol.is_unsigned() {
            return Signer::Unasked;
        }
        let (Some(allowed), Some(armored)) = (&policy.allowed, &commit.signature) else {
            return Signer::Refused { code: "ledger/unsigned", why: "the entry bears no signature".to_owned() };
        };
        match allowed.verify(GIT_NAMESPACE, &commit.payload, armored, entry.time) {
            Ok(verified) => Signer::Known { principal: verified.principal, fingerprint: verified.fingerprint },
            Err(refusal) => Signer::Refused { code: "ledger/bad-signature", why: format!("its signature does not count: {refusal}") },
        }
    }
}

struct Walk<'a> {
    policies: &'a HashMap<Oid, Policy>,
    findings: Vec<Finding>,
    entries: Vec<Linked>,
    state: Option<State>,
    /// The commit before the present one.
    parent: Option<String>,
    /// Whether the recorded state of the present commit was read.
    states: bool,
}

impl Walk<'_> {
    fn step(&mut self, position: usize, parsed: &Parsed, signer: Signer, governing: Option<&Oid>, out: &BTreeSet<String>) {
        let annulled = out.contains(&parsed.raw.oid);
        let problems = match (&parsed.oid, &parsed.entry) {
            (Ok(oid), Ok(entry)) => {
                let problems = if annulled { Vec::new() } else { self.check(position, parsed, entry, signer, governing) };
                self.entries.push(Linked { oid: oid.clone(), entry: entry.clone(), annulled });
                problems
            }
            // An annulled commit that is no entry at all has nothing to remember.
            (Ok(_), Err(_)) if annulled && position > 0 => Vec::new(),
            (Err(why), _) | (_, Err(why)) => vec![check::problem("ledger/bad-entry", why.clone())],
        };
        self.parent = Some(parsed.raw.oid.clone());
        let whose = format!("entry {position} ({})", parsed.raw.oid.get(..10).unwrap_or(&parsed.raw.oid));
        let help = format!("if it is foreign or a mistake: `tagwarden annul {} --reason REASON`", parsed.raw.oid);
        let fixable = position > 0;
        self.findings.extend(problems.into_iter().map(|problem| Finding {
            message: format!("{whose}: {}", problem.message),
            help: fixable.then(|| help.clone()),
            ..problem
        }));
    }

    fn check(&mut self, position: usize, parsed: &Parsed, entry: &Entry, signer: Signer, governing: Option<&Oid>) -> Vec<Finding> {
        let Some(policy) = governing.and_then(|tree| self.policies.get(tree)) else {
            return vec![check::problem("ledger/bad-policy", "the policy in force before it cannot be read")];
        };
        let mut problems = check::links(position, parsed, entry, self.parent.as_deref(), self.entries.last());
        problems.extend(check::policy(entry, parsed.raw, self.state.as_ref(), self.policies));
        let mut signers = Signers::default();
        problems.extend(check::signature(entry, signer, policy, &mut signers));
        problems.extend(check::right(entry, policy, &mut signers, self.state.as_ref()));
        if entry.action.moves() || entry.action == Verb::Stage {
            problems.extend(check::moves(entry, policy, self.state.as_ref()));
        } else if !entry.moves.is_empty() {
            problems.push(check::problem("ledger/move", format!("a {} moves no ref", entry.action)));
        }
        if entry.action.moves() {
            problems.extend(check::gates(entry, policy, self.state.as_ref()));
        }
        problems.extend(check::files(parsed.raw, entry));
        let after = match entry.action {
            Verb::Annul => {
                let before = self.entries.iter().filter(|linked| !linked.annulled).map(|linked| &linked.entry);
                state::replay(before.chain([entry])).ok()
            }
            _ => Some(state::advance(self.state.take(), entry)),
        };
        match (&parsed.state, &after) {
            _ if !self.states => {}
            (Ok(recorded), Some(after)) if recorded == after => {}
            (Err(why), _) => problems.push(check::problem("ledger/state", why.clone())),
            _ => problems.push(check::problem("ledger/state", "state.json is not what the entries make")),
        }
        self.state = after;
        problems
    }
}
