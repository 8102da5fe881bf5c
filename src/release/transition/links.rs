//! Where an entry stands in the chain, and when it was decided.

use super::{Case, Found, RULEBOOK, Violation, Whole};
use crate::{
    domain::{Reason, Verb, state::Entry},
    gate::freshness::{CLOCK_SLACK, LONGEST_RUN},
    release::{
        assemble::{EVIDENCE_TOTAL, PATHS, PAYLOAD},
        draft,
        object::commit_bytes,
        policy::{self, Policy},
    },
};
use std::collections::BTreeMap;

/// What could be parsed is known to be an entry; this is about its size, and what its writer knew.
pub(super) fn readable(case: &Case, whole: &Whole, found: &mut Found) {
    let offer = whole.offer;
    let mut files: BTreeMap<&str, usize> = BTreeMap::new();
    for (path, ..) in &offer.shape {
        *files.entry(path.split_once('/').map_or("", |(folder, _)| folder)).or_default() += 1;
    }
    let sizes = [
        ("the commit", offer.commit.payload.len(), PAYLOAD),
        ("its evidence", offer.evidence.values().map(Vec::len).sum(), EVIDENCE_TOTAL),
        ("the number of its files", files.into_values().max().unwrap_or(0), PATHS),
    ];
    for (what, size, most) in sizes.into_iter().filter(|(_, size, most)| size > most) {
        found.push(Violation::new("ledger/bad-entry", Reason::BadUsage, format!("{what} is {size}, and readers take {most} at most")));
    }
    let number = case.entry.rulebook;
    if number != RULEBOOK {
        let message = format!("it is written under rulebook {number}, this program knows {RULEBOOK}");
        found.push(Violation::new("ledger/bad-entry", Reason::LedgerUnverifiable, message));
    }
}

pub(super) fn commit(case: &Case, whole: &Whole, found: &mut Found) {
    let commit = &whole.offer.commit;
    let (has, wants) = (commit.parents.len(), usize::from(case.before.is_some()));
    if has != wants {
        found.push(Violation::new("ledger/parents", Reason::LedgerBroken, format!("its commit has {has} parents in place of {wants}")));
    }
    let entry = case.entry;
    if commit.payload != commit_bytes(&commit.tree, &commit.parents, &entry.actor.id, entry.time, &draft::message(entry)) {
        let message = "its commit has another author, time or message than the entry gives";
        found.push(Violation::new("ledger/commit", Reason::LedgerBroken, message));
    }
}

/// Whether one of `by` has the right to do what `passed` did. An adoption needs an adoption.
pub fn may_pass<'a>(mut by: impl Iterator<Item = (&'a Entry, &'a [String], &'a Policy)>, passed: &Entry) -> bool {
    by.any(|(entry, rights, policy)| match passed.action {
        Verb::Adopt => entry.action == Verb::Adopt,
        verb => policy::permit(&policy.protocol, &entry.actor, rights, verb, passed.channel.as_ref()).is_ok(),
    })
}

pub(super) fn passes_by(case: &Case, _: &Whole, found: &mut Found) {
    let (entry, Some(before)) = (case.entry, case.before) else { return };
    let mut refuse = |reason, message: String| found.push(Violation::new("ledger/passes-by", reason, message));
    if !case.passed.is_empty() && entry.time < before.latest {
        refuse(Reason::ClockBehind, format!("it would pass others by, and its time {} lies before {}", entry.time, before.latest));
    }
    for passed in case.passed {
        let other = &passed.outline;
        if !may_pass(std::iter::once((entry, case.rights, case.policy)), other) {
            let message = format!(
                "it would pass by entry {} ({} by {}), which {} has no right to do",
                other.serial, other.action, other.actor.id, entry.actor.id
            );
            refuse(Reason::NotPermitted, message);
        }
    }
}

pub(super) fn previous(case: &Case, _: &Whole, found: &mut Found) {
    if case.entry.previous.as_ref() != case.before.map(|before| &before.head) {
        let message = "`previous` is not the newest valid entry before it";
        found.push(Violation::new("ledger/broken-chain", Reason::StalePointer, message));
    }
}

pub(super) fn serial(case: &Case, _: &Whole, found: &mut Found) {
    let wanted = case.before.map_or(Some(0), |before| before.state.serial.checked_add(1));
    if Some(case.entry.serial) != wanted {
        let wanted = wanted.map_or("none".to_owned(), |wanted| wanted.to_string());
        let message = format!("its serial is {}, its place in the chain {wanted}", case.entry.serial);
        found.push(Violation::new("ledger/bad-serial", Reason::LedgerBroken, message));
    }
}

pub(super) fn ahead(case: &Case, _: &Whole, found: &mut Found) {
    let (time, clock) = (case.entry.time, case.clock);
    if time > clock.plus(CLOCK_SLACK) {
        let message = format!("its time {time} is ahead of the clock, which says {clock}");
        found.push(Violation::new("ledger/ahead", Reason::ClockBehind, message));
    }
}

pub(super) fn time(case: &Case, _: &Whole, found: &mut Found) {
    let Some(before) = case.before else { return };
    // Decision time is fixed at the start of a run, so an entry may be older than one that was written meanwhile.
    if case.entry.time.plus(LONGEST_RUN) < before.latest {
        let message = format!("its time {} is more than a day before the latest entry ({})", case.entry.time, before.latest);
        found.push(Violation::new("ledger/time", Reason::ClockBehind, message));
    }
}
