//! `audit`: verifies the whole ledger offline (chain, serials, signatures, rights, gates, evidence, attestations, tags) and
//! judges recorded evidence anew.
//!
//! Offline means: no endpoint is asked and nothing is judged by today's facts. The remote's refs are read, because the ledger
//! is there.

use super::{Session, args, gather};
use crate::{
    domain::{Finding, Oid, Reason, Result, Severity, state::Entry},
    release::{
        chain::{self, RawChain, Verified},
        projection::Projection,
        rejudge,
    },
    report::{
        AuditShape, Body, Report, SigningMode,
        shape::{RejudgeVerdict, Rejudged},
    },
    tree::Tree,
    world::{
        World,
        ledger::{Depth, read_chain},
        trees::CommitTree,
    },
};
use std::{collections::BTreeSet, sync::Arc};

pub async fn run(session: &Session, args: &args::Audit) -> Result<Report> {
    let place = gather::place(session).await?;
    let refs = gather::refs(&place).await?;
    let head = gather::bring_ledger(&place, &refs).await?;
    let raw = read_chain(&place.world.git, &head, Depth::Full).await?;
    let verification = chain::verify(&raw, &[]);
    let mut findings = verification.findings;
    findings.extend(expected_head(args, &head, &raw));
    let mut shape =
        AuditShape { head: Some(head), entries: verification.entries, expected_head: args.expect_head.clone(), ..AuditShape::default() };
    let mut signing = None;
    if let Some(verified) = &verification.verified {
        findings.extend(pin(&place, verified));
        findings.extend(Projection::of(verified, &refs).findings());
        shape.genesis = Some(verified.genesis().clone());
        shape.signed =
            if verified.protocol().is_unsigned() { 0 } else { verified.entries().iter().filter(|linked| !linked.annulled).count() as u64 };
        signing = Some(SigningMode::of(verified.protocol()));
        rejudge_entries(&place.world, verified, &raw, args.rejudge, &mut shape, &mut findings);
    }
    let broken = verification.verified.is_none();
    let reason = match findings.iter().any(|finding| finding.severity == Severity::Error) {
        _ if broken => Reason::LedgerBroken,
        true => Reason::Findings,
        false => Reason::Passed,
    };
    let report = Report::new(reason, Body::Audit(shape)).findings(findings);
    let report = match args.expect_head {
        None => report.notice("without --expect-head a ledger whose newest entries were cut off looks whole"),
        Some(_) => report,
    };
    Ok(match signing {
        Some(signing) => report.signing(signing),
        None => report,
    })
}

/// A remembered head must be in the chain: the ledger only grows.
fn expected_head(args: &args::Audit, head: &Oid, raw: &RawChain) -> Option<Finding> {
    let expected = args.expect_head.as_ref()?;
    let there = raw.entries.iter().any(|entry| entry.oid == expected.as_str());
    if there {
        return None;
    }
    let message = format!("the ledger does not hold the remembered head {expected}; its head is {head}");
    Some(Finding::error("ledger/head-lost", message).help("entries were cut off or replaced, or the remembered head is of another ledger"))
}

fn pin(place: &gather::Place, verified: &Verified) -> Option<Finding> {
    let pin = place.world.env.get(gather::GENESIS_PIN).filter(|pin| !pin.is_empty())?;
    let message = format!("entry 0 is {}, {} pins another", verified.genesis(), gather::GENESIS_PIN);
    (pin != verified.genesis().as_str()).then(|| Finding::error("ledger/other-genesis", message))
}

fn rejudge_entries(
    world: &World,
    verified: &Verified,
    raw: &RawChain,
    which: args::Rejudge,
    shape: &mut AuditShape,
    findings: &mut Vec<Finding>,
) {
    let mut seen = BTreeSet::new();
    for linked in verified.newest_first().filter(|linked| linked.entry.action.moves()) {
        let first_of_channel = seen.insert(linked.entry.channel.clone());
        if which == args::Rejudge::Newest && !first_of_channel {
            continue;
        }
        let files = raw.entries.get(linked.entry.serial as usize).and_then(|entry| entry.files.as_ref());
        let policy = verified.policy_of(&linked.entry.policy.tree);
        let (Some(files), Some(policy)) = (files, policy) else { continue };
        let rejudged = rejudge::rejudge(&linked.entry, policy, files, candidate_tree(world, &linked.entry));
        shape.rejudged.extend(rejudged.verdicts.into_iter().map(|verdict| Rejudged {
            serial: linked.entry.serial,
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
    }
}

fn candidate_tree(world: &World, entry: &Entry) -> Option<Arc<dyn Tree>> {
    let tree = CommitTree::new(&world.git, entry.candidate.as_ref()?).ok()?;
    Some(Arc::new(tree))
}
