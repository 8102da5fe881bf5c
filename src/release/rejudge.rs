//! Judging recorded evidence anew: the same pure gates on the same recorded bytes give the same verdict, offline.

use super::{chain::Policy, draft::TOOL};
use crate::{
    attest::statement::evidence_path,
    domain::{Digest, Finding, GateId, Outcome, Reason, Severity, state::Entry},
    gate::{Context, Evidence, judged_documents, runner::judge_bound},
    tree::{MapTree, Tree},
};
use std::{collections::BTreeMap, sync::Arc};

/// What judging one entry's evidence anew gave.
#[derive(Debug, Default)]
pub struct Rejudged {
    pub verdicts: Vec<Verdict>,
    pub findings: Vec<Finding>,
}

/// One gate, judged anew. `again` is `None` where it could not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub gate: GateId,
    pub recorded: Reason,
    pub again: Option<Reason>,
    pub same: bool,
    pub detail: Option<String>,
}

/// What the gates of a move were judged in. `tree`: the candidate's files, where they are wanted.
pub fn context(entry: &Entry, policy: &Policy, tree: Option<Arc<dyn Tree>>) -> Option<Context> {
    let (verb, channel) = entry.judged().zip(entry.channel.clone())?;
    Some(Context {
        verb,
        base_url: policy.protocol.channels.get(&channel).and_then(|channel| channel.base_url.clone()),
        channel,
        releases: entry.releases.clone(),
        candidate: entry.candidate.clone(),
        policy: Some(entry.policy.tree.clone()),
        now: entry.time,
        actor: Some(entry.actor.clone()),
        protocol: policy.protocol.clone(),
        tree: tree.unwrap_or_else(|| Arc::new(MapTree::new(BTreeMap::new()))),
    })
}

/// What is wrong where the candidate's documents are not those whose digest is recorded.
fn other_documents(cx: &Context, entry: &Entry, recorded: &Digest) -> Option<Finding> {
    let judged = entry.gates.iter().filter(|record| record.outcome != Outcome::Skipped);
    let again = judged_documents(cx, judged.filter_map(|record| cx.protocol.gate(&record.id)));
    let what = match again {
        Ok(Some(again)) if again == *recorded => return None,
        Ok(Some(again)) => format!("the candidate's documents give {again}"),
        Ok(None) => "none of its gates judges documents".to_owned(),
        Err(why) => return Some(Finding::warning("ledger/cannot-rejudge", format!("entry {}: {why}", entry.serial))),
    };
    Some(Finding::error("ledger/other-documents", format!("entry {} says that the documents {recorded} were judged; {what}", entry.serial)))
}

/// Judges the evidence of a move anew under the policy it names. `files` are the entry's `evidence/*`, `tree` the
/// candidate's files where its commit is still here.
pub fn rejudge(entry: &Entry, policy: &Policy, files: &BTreeMap<String, Vec<u8>>, tree: Option<Arc<dyn Tree>>) -> Rejudged {
    let mut rejudged = Rejudged::default();
    let has_tree = tree.is_some();
    let Some(cx) = context(entry, policy, tree) else { return rejudged };
    rejudged
        .findings
        .extend(entry.policy.documents.as_ref().filter(|_| has_tree).and_then(|recorded| other_documents(&cx, entry, recorded)));
    for record in &entry.gates {
        // A gate whose evidence went stale was judged by the clock, not by its evidence.
        let judged = record.outcome != Outcome::Skipped && record.reason_code != Reason::EvidenceExpired.slug();
        let (Some(gate), true) = (policy.protocol.gate(&record.id), judged) else { continue };
        let path = evidence_path(record.id.as_str());
        let evidence = files.get(&path).and_then(|bytes| serde_json::from_slice::<Evidence>(bytes).ok());
        let whose = format!("entry {}, gate {}", entry.serial, record.id);
        let recorded = Reason::parse(&record.reason_code).unwrap_or(Reason::Internal);
        let verdict = |again: Option<Reason>, same: bool, detail: Option<&str>| Verdict {
            gate: record.id.clone(),
            recorded,
            again,
            same,
            detail: detail.map(str::to_owned),
        };
        let Some(evidence) = evidence else {
            rejudged.findings.push(Finding::error("ledger/cannot-rejudge", format!("{whose}: {path} cannot be read")));
            rejudged.verdicts.push(verdict(None, false, Some("the evidence cannot be read")));
            continue;
        };
        let reads_tree = evidence.answers.iter().any(|answer| matches!(answer.ask, crate::gate::Ask::Tree(_)));
        if reads_tree && !has_tree {
            rejudged.findings.push(Finding::warning("ledger/cannot-rejudge", format!("{whose}: the candidate's commit is not here")));
            rejudged.verdicts.push(verdict(None, false, Some("the candidate's commit is not here")));
            continue;
        }
        let again = judge_bound(&cx, gate, &evidence);
        let same = again.outcome() == record.outcome;
        rejudged.verdicts.push(verdict(Some(again.reason()), same, None));
        if same {
            continue;
        }
        let message = format!("{whose}: recorded as {}, the evidence gives {}", record.outcome, again.outcome());
        let finding = Finding::error("ledger/other-verdict", message);
        rejudged.findings.push(match entry.tool == TOOL {
            true => finding,
            // Another version may rightly judge otherwise; that is told, not held against the entry.
            false => Finding { severity: Severity::Note, help: Some(format!("it was judged by {}", entry.tool)), ..finding },
        });
    }
    rejudged
}
