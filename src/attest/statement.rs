//! In-toto statements (in-toto Attestation Framework v1): a test result per gate, and a verification summary (SLSA VSA v1)
//! for the move.

use crate::domain::{Digest, Oid, Outcome, RefName, Result, Timestamp, digest::canonical_json, state::GateRecord};
use serde_json::{Value, json};

pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
pub const TEST_RESULT_TYPE: &str = "https://in-toto.io/attestation/test-result/v0.1";
pub const SUMMARY_TYPE: &str = "https://slsa.dev/verification_summary/v1";
/// Names the program as verifier; the signer of the entry says who ran it.
pub const VERIFIER_ID: &str = "urn:tagwarden";

/// Where the verification summary stands beside an entry.
pub const SUMMARY_PATH: &str = "attestations/verdict.json";

/// The folder of evidence beside an entry.
pub const EVIDENCE: &str = "evidence/";

/// Where the answers stand that gave the right to somebody for whom a mover signed.
pub const ACTOR_PATH: &str = "evidence/actor.json";

/// What the check of the whole tree said when an artifact was staged. Such an entry has no gates, so no gate's evidence is in its way.
pub const REPORT_PATH: &str = "evidence/report.json";

/// Where a gate's statement stands beside an entry. A gate that is itself called `verdict` gives way to the summary; no gate
/// id has an underscore.
pub fn gate_path(gate: &str) -> String {
    let path = format!("attestations/{gate}.json");
    if path == SUMMARY_PATH { "attestations/_verdict.json".to_owned() } else { path }
}

/// Where a gate's evidence stands beside an entry. A gate that is itself called `actor` gives way to what gave the actor of a
/// move their right.
pub fn evidence_path(gate: &str) -> String {
    let path = format!("evidence/{gate}.json");
    if path == ACTOR_PATH { "evidence/_actor.json".to_owned() } else { path }
}

/// What every statement of one move is about.
pub struct Subject<'a> {
    pub refs: &'a [RefName],
    pub candidate: &'a Oid,
    pub policy: &'a Oid,
    pub ledger: &'a RefName,
}

impl Subject<'_> {
    fn json(&self) -> Value {
        Value::Array(self.refs.iter().map(|name| json!({ "name": name, "digest": { "gitCommit": self.candidate } })).collect())
    }
}

/// A gate's result (`attestations/<gate>.json`).
pub fn gate(subject: &Subject, record: &GateRecord) -> Result<Vec<u8>> {
    let result = match (record.outcome, record.waiver) {
        (Outcome::Passed, _) => "PASSED",
        (Outcome::Failed | Outcome::Inconclusive | Outcome::Skipped, Some(_)) => "WARNED",
        (Outcome::Failed | Outcome::Inconclusive | Outcome::Skipped, None) => "FAILED",
    };
    let evidence = record.evidence.as_ref().map(|digest| descriptor(&evidence_path(record.id.as_str()), digest));
    let list = |wanted: bool| if (result == "PASSED") == wanted { vec![record.id.as_str()] } else { Vec::new() };
    canonical_json(&json!({
        "_type": STATEMENT_TYPE,
        "subject": subject.json(),
        "predicateType": TEST_RESULT_TYPE,
        "predicate": {
            "result": result,
            "configuration": evidence.into_iter().collect::<Vec<_>>(),
            "passedTests": list(true),
            "warnedTests": if result == "WARNED" { vec![record.id.as_str()] } else { Vec::new() },
            "failedTests": if result == "FAILED" { vec![record.id.as_str()] } else { Vec::new() },
        },
    }))
}

/// The verification summary of the move (`attestations/verdict.json`). `gates` are the gate statements by id.
pub fn summary(subject: &Subject, resource: &str, time: Timestamp, tool: &str, gates: &[(String, Vec<u8>)]) -> Result<Vec<u8>> {
    let inputs: Vec<Value> = gates.iter().map(|(id, bytes)| descriptor(&gate_path(id), &Digest::of(bytes))).collect();
    canonical_json(&json!({
        "_type": STATEMENT_TYPE,
        "subject": subject.json(),
        "predicateType": SUMMARY_TYPE,
        "predicate": {
            "verifier": { "id": VERIFIER_ID, "version": { "tagwarden": tool } },
            "timeVerified": time,
            "resourceUri": resource,
            "policy": { "uri": subject.ledger, "digest": { "gitTree": subject.policy } },
            "inputAttestations": inputs,
            "verificationResult": "PASSED",
            "verifiedLevels": [],
        },
    }))
}

fn descriptor(name: &str, digest: &Digest) -> Value {
    json!({ "uri": name, "digest": { "sha256": digest.hex() } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_gate_stands_where_the_summary_stands() {
        for (gate, path) in [("health", "attestations/health.json"), ("verdict", "attestations/_verdict.json")] {
            assert_eq!(gate_path(gate), path);
            assert_ne!(gate_path(gate), SUMMARY_PATH);
        }
        assert_eq!(evidence_path("health"), "evidence/health.json");
        assert_ne!(evidence_path("actor"), ACTOR_PATH);
    }
}
