//! `audit`: verifies the whole ledger offline, by the rulebook that every verb verifies it by, compares it with the tags, and
//! judges recorded evidence anew.
//!
//! Offline means: no endpoint is asked and nothing is judged by today's facts. The remote's refs are read, because the ledger
//! is there.

use super::{Session, activation, args, gather};
use crate::{
    domain::{Fault, Finding, Oid, Reason, Result, Severity, state::Entry},
    release::{chain::Verified, projection::Projection, rejudge},
    report::{
        AuditShape, Body, Report, SigningMode,
        shape::{RejudgeVerdict, Rejudged},
    },
    tree::Tree,
    world::{
        World,
        ledger::{WholeEntry, read_entries},
        trees::CommitTree,
    },
};
use std::{collections::BTreeSet, sync::Arc};

pub async fn run(session: &Session, args: &args::Audit) -> Result<Report> {
    let place = gather::place(session).await?;
    let refs = gather::refs(&place).await?;
    let (tip, mut verification) = gather::verification(&place, &refs).await?;
    let mut shape = AuditShape {
        head: Some(tip.clone()),
        entries: verification.entries,
        expected_head: args.expect_head.clone(),
        ..AuditShape::default()
    };
    if verification.newer.is_some() || verification.behind.is_some() || verification.lost.is_some() {
        // Nothing can be said of this ledger here and now.
        verification.into_verified()?;
        return Err(Fault::new(Reason::Internal, "a ledger that cannot be verified was"));
    }
    let mut findings = std::mem::take(&mut verification.findings);
    let (mut signing, mut cut_back) = (None, None);
    if let Some(verified) = &verification.verified {
        cut_back = match gather::not_cut_back(&place, verified, &refs, gather::Believed::Signers).await {
            Err(fault) if fault.reason == Reason::LedgerBroken => Some(fault),
            other => other.map(|()| None)?,
        };
        findings.extend(cut_back.iter().flat_map(|fault| fault.findings.clone()));
        findings.extend(expected_head(&place, args, verified).await?);
        // The tags are the newer ones then.
        if cut_back.is_none() {
            findings.extend(Projection::of(verified, &refs).findings());
        }
        shape.head = Some(verified.head().clone());
        shape.genesis = Some(verified.genesis().clone());
        shape.signed = if verified.protocol().is_unsigned() { 0 } else { verified.length() };
        signing = Some(SigningMode::of(verified.protocol()));
        rejudge_entries(&place.world, verified, args.rejudge, &mut shape, &mut findings)?;
    }
    let broken = verification.verified.is_none() || cut_back.is_some();
    let reason = match findings.iter().any(|finding| finding.severity == Severity::Error) {
        _ if broken => Reason::LedgerBroken,
        true => Reason::Findings,
        false => Reason::Passed,
    };
    let report = Report::new(reason, Body::Audit(shape)).findings(findings);
    let report = cut_back.and_then(|fault| fault.help).into_iter().fold(report, Report::next);
    let report = match args.expect_head {
        None => report.notice("without --expect-head a ledger whose newest entries were cut off looks whole"),
        Some(_) => report,
    };
    Ok(match signing {
        Some(signing) => report.signing(signing),
        None => report,
    })
}

/// A remembered head must be an entry of the chain, or what lay on the branch behind one: the ledger only grows.
async fn expected_head(place: &gather::Place, args: &args::Audit, verified: &Verified) -> Result<Option<Finding>> {
    let Some(expected) = &args.expect_head else { return Ok(None) };
    let is_entry = verified.entries().any(|linked| linked.oid == *expected);
    if is_entry
        || verified.skipped().iter().any(|skipped| skipped.oid == *expected && skipped.why.iter().all(|why| why.code != "ledger/passed-by"))
    {
        return Ok(None);
    }
    let there = place.world.git.is_ancestor(expected, verified.tip()).await?.unwrap_or(false);
    let message = match there {
        true => format!("the remembered head {expected} is on the branch, and later entries passed it by; the head is {}", verified.head()),
        false => format!("the ledger does not hold the remembered head {expected}; its head is {}", verified.head()),
    };
    let help = "entries were cut off or replaced, or the remembered head is of another ledger";
    Ok(Some(Finding::error("ledger/head-lost", message).help(help)))
}

/// How many entries are read again at once.
const CHUNK: usize = 64;

fn rejudge_entries(
    world: &World,
    verified: &Verified,
    which: args::Rejudge,
    shape: &mut AuditShape,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let mut seen = BTreeSet::new();
    let judged = verified.entries().rev().map(|linked| (linked, &linked.outline)).filter(|(_, entry)| entry.judged().is_some());
    let wanted: Vec<Oid> = judged
        .filter(|(_, entry)| seen.insert((&entry.channel, entry.action.moves())) || which == args::Rejudge::All)
        .map(|(linked, _)| linked.oid.clone())
        .collect();
    for oids in wanted.chunks(CHUNK) {
        for WholeEntry { entry, evidence } in read_entries(&world.git, oids)? {
            let Some(policy) = verified.policy_of(&entry.policy.tree) else { continue };
            let rejudged = rejudge::rejudge(&entry, policy, &evidence, candidate_tree(world, &entry));
            shape.rejudged.extend(rejudged.verdicts.into_iter().map(|verdict| Rejudged {
                serial: entry.serial,
                gate: verdict.gate,
                recorded: verdict.recorded,
                again: verdict.again,
                verdict: match (verdict.again, verdict.same) {
                    (Some(_), true) => RejudgeVerdict::Same,
                    (Some(_), false) => RejudgeVerdict::Differs,
                    (None, _) => RejudgeVerdict::CannotRejudge,
                },
                detail: verdict.detail,
            }));
            findings.extend(rejudged.findings);
            findings.extend(activation::audited(&world.git, &policy.protocol, &entry)?);
        }
    }
    Ok(())
}

fn candidate_tree(world: &World, entry: &Entry) -> Option<Arc<dyn Tree>> {
    // What was judged before an activation was a tree without a commit.
    let tree = match entry.pointer() {
        Some(_) => CommitTree::of_tree(&world.git, CommitTree::new(&world.git, entry.shown()?).ok()?.tree()),
        None => CommitTree::new(&world.git, entry.candidate.as_ref()?),
    };
    let tree = tree.ok()?;
    Some(Arc::new(tree))
}
