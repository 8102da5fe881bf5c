//! The tree of an entry: exactly its files, the policy beside it, the state after it.

use super::{Case, Found, Offer, Violation, Whole};
use crate::{
    attest::statement::{ACTOR_PATH, REPORT_PATH, SUMMARY_PATH, evidence_path, gate_path},
    domain::{
        Oid, Reason, Verb,
        state::{Body, Entry},
    },
};
use std::collections::BTreeMap;

const FILE: &str = "100644";
const FOLDER: &str = "40000";

pub(super) fn exact(case: &Case, whole: &Whole, found: &mut Found) {
    let wanted = paths(case.entry);
    let mut refuse = |message: String| found.push(Violation::new("ledger/shape", Reason::LedgerBroken, message));
    let mut there: BTreeMap<&str, &str> = BTreeMap::new();
    for (path, mode, _) in &whole.offer.shape {
        if there.insert(path, mode).is_some() {
            refuse(format!("{} stands in its tree twice", path.escape_debug()));
        }
        match wanted.get(path) {
            None => refuse(format!("its tree holds {}, which is no file of an entry", path.escape_debug())),
            Some(kind) if kind != mode => refuse(format!("{path} has the mode {mode} in place of {kind}")),
            Some(_) => {}
        }
    }
    for path in wanted.keys().filter(|path| !there.contains_key(path.as_str())) {
        refuse(format!("its tree lacks {path}"));
    }
}

/// Every path of an entry's tree, with its mode.
fn paths(entry: &Entry) -> BTreeMap<String, &'static str> {
    let mut paths: BTreeMap<String, &'static str> =
        [("entry.json", FILE), ("state", FOLDER), ("policy", FOLDER)].map(|(path, mode)| (path.to_owned(), mode)).into();
    let mut file = |path: String| {
        if let Some((folder, _)) = path.split_once('/') {
            paths.insert(folder.to_owned(), FOLDER);
        }
        paths.insert(path, FILE);
    };
    evidence_of(entry).for_each(&mut file);
    for record in entry.gates.iter().filter(|_| entry.action.moves()) {
        file(gate_path(record.id.as_str()));
    }
    if entry.action.moves() {
        file(SUMMARY_PATH.to_owned());
    }
    paths
}

/// What an entry has below `evidence/`: that of its gates, the report of a staged artifact or of a rehearsal, what gave its actor the right.
pub fn evidence_of(entry: &Entry) -> impl Iterator<Item = String> {
    let of_gates = entry.gates.iter().filter(|record| record.evidence.is_some()).map(|record| evidence_path(record.id.as_str()));
    let report = matches!(entry.body, Some(Body::Stage { .. } | Body::Rehearse { .. })).then(|| REPORT_PATH.to_owned());
    let actor = entry.actor.id.starts_with("github:").then(|| ACTOR_PATH.to_owned());
    of_gates.chain(report).chain(actor)
}

pub(super) fn state(_: &Case, whole: &Whole, found: &mut Found) {
    let there = whole.offer.shape.iter().find(|(path, ..)| path == "state");
    if there.is_some_and(|(.., oid)| oid != whole.tree.id()) {
        let message = "state/ is not what the entries make";
        found.push(Violation::new("ledger/state", Reason::LedgerBroken, message));
    }
}

/// Why an entry is refused that does not [bring](brings_policy) its policy.
pub const NOT_BESIDE: &str = "the policy in its tree is not the one it names";

/// Whether the policy that an entry names is the one in its tree. What it names may not even be there; what is in its tree is.
pub fn brings_policy(offer: &Offer) -> bool {
    offer.shape.iter().any(|(path, mode, oid)| path == "policy" && mode == FOLDER && *oid == offer.entry.policy.tree)
}

pub(super) fn policy(case: &Case, whole: &Whole, found: &mut Found) {
    let (entry, named) = (case.entry, &case.entry.policy);
    let mut refuse = |message: String| found.push(Violation::new("ledger/policy", Reason::LedgerBroken, message));
    let beside = whole.offer.shape.iter().any(|(path, ..)| path == "policy");
    if (beside || entry.action == Verb::Adopt) && !brings_policy(whole.offer) {
        refuse(NOT_BESIDE.to_owned());
    }
    if named.documents.is_some() && !entry.action.moves() {
        refuse("it names documents, and judged none".to_owned());
    }
    match case.before.map(|before| &before.state.policy) {
        None if entry.action != Verb::Adopt || named.version != 1 => refuse("entry 0 must adopt version 1 of a policy".to_owned()),
        None => {}
        Some(before) if entry.action == Verb::Adopt => {
            if Some(named.version) != before.version.checked_add(1) {
                refuse(format!("it adopts version {} after version {}", named.version, before.version));
            }
            match whole.policies.get(&named.tree) {
                None => found.push(unreadable(&named.tree)),
                Some(adopted) if adopted.protocol.ledger != case.policy.protocol.ledger => {
                    let message = format!(
                        "the adopted policy keeps its ledger on {}, this one is on {}",
                        adopted.protocol.ledger, case.policy.protocol.ledger
                    );
                    let violation = Violation::new("ledger/policy", Reason::NotPermitted, message);
                    found.push(violation.help("a ledger stays on its branch"));
                }
                Some(_) => {}
            }
        }
        Some(before) if named.version != before.version || named.tree != before.tree => {
            refuse("it changes the policy without adopting one".to_owned());
        }
        Some(_) => {}
    }
}

pub(super) fn unreadable(tree: &Oid) -> Violation {
    Violation::new("ledger/bad-policy", Reason::BadConfig, format!("its policy {} cannot be read", tree.short()))
}
