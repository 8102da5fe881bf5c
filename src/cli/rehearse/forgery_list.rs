//! The forgeries, in groups. Each is wrong in one thing; most bear the mover's good signature, as with a stolen key, so that
//! nothing but that one thing can give them away.

use super::forgeries::{Forgery, Signed};
use crate::domain::{Digest, Timestamp};
use serde_json::json;

pub const SIGNATURES: &[Forgery] = &[
    Forgery {
        about: "changed afterwards",
        code: "ledger/bad-signature",
        signed: Signed::Before,
        edit: |forged| forged.entry["reason"] = json!("another reason"),
    },
    Forgery { about: "not signed", code: "ledger/unsigned", signed: Signed::Not, edit: |_| {} },
    Forgery { about: "signed by a stranger", code: "ledger/bad-signature", signed: Signed::Stranger, edit: |_| {} },
    Forgery { about: "signed by somebody else", code: "ledger/actor", signed: Signed::Bystander, edit: |_| {} },
    Forgery {
        about: "by somebody without the right",
        code: "ledger/not-permitted",
        signed: Signed::Bystander,
        edit: |forged| forged.entry["actor"]["id"] = json!(format!("ssh:{}", forged.bystander)),
    },
];

pub const CHAIN: &[Forgery] = &[
    Forgery {
        about: "with another serial",
        code: "ledger/bad-serial",
        signed: Signed::Mover,
        edit: |forged| forged.entry["serial"] = json!(1_000_000),
    },
    Forgery {
        about: "behind another entry",
        code: "ledger/broken-chain",
        signed: Signed::Mover,
        edit: |forged| forged.entry["previous"] = json!(forged.genesis),
    },
    Forgery {
        about: "with two parents",
        code: "ledger/parents",
        signed: Signed::Mover,
        edit: |forged| forged.header = Some(format!("parent {}", forged.genesis)),
    },
    Forgery {
        about: "a week early",
        code: "ledger/time",
        signed: Signed::Mover,
        edit: |forged| {
            let time = forged.entry["time"].as_str().and_then(|time| time.parse::<Timestamp>().ok());
            forged.entry["time"] = json!(time.map(|time| Timestamp::from_unix(time.unix() - 7 * 86_400)));
        },
    },
    Forgery {
        about: "with another state",
        code: "ledger/state",
        signed: Signed::Mover,
        edit: |forged| forged.files.push(("state/staged/9/9.json".to_owned(), Some(b"[]".to_vec()))),
    },
    Forgery {
        about: "under a policy that nobody adopted",
        code: "ledger/policy",
        signed: Signed::Mover,
        edit: |forged| {
            forged.entry["policy"]["version"] = json!(1_000);
        },
    },
    Forgery {
        about: "with a policy beside it that it does not name",
        code: "ledger/policy",
        signed: Signed::Mover,
        edit: |forged| forged.files.push(("policy/README".to_owned(), Some(b"another tree\n".to_vec()))),
    },
    Forgery {
        about: "with a move from elsewhere",
        code: "ledger/move",
        signed: Signed::Mover,
        edit: |forged| forged.channel_move()["from"] = json!(forged.genesis),
    },
    Forgery {
        about: "with another tag object",
        code: "ledger/tag-object",
        signed: Signed::Mover,
        edit: |forged| {
            let object = forged.channel_move()["object"].as_str().map(|object| format!("{object}\n"));
            forged.channel_move()["object"] = json!(object);
        },
    },
    Forgery {
        about: "that is none",
        code: "ledger/bad-entry",
        signed: Signed::Mover,
        edit: |forged| forged.entry = json!({ "schema": "tagwarden.entry/1" }),
    },
];

pub const GATES: &[Forgery] = &[
    Forgery {
        about: "without a required gate",
        code: "ledger/missing-gate",
        signed: Signed::Mover,
        edit: |forged| {
            let gate = forged.gate.clone();
            if let Some(records) = forged.entry["gates"].as_array_mut() {
                records.retain(|record| record["id"] != gate.as_str());
            }
        },
    },
    Forgery {
        about: "with a failed gate",
        code: "ledger/gate-not-passed",
        signed: Signed::Mover,
        edit: |forged| forged.record()["outcome"] = json!("failed"),
    },
    Forgery {
        about: "with a waiver that nobody gave",
        code: "ledger/gate-not-passed",
        signed: Signed::Mover,
        edit: |forged| {
            forged.record()["outcome"] = json!("failed");
            forged.record()["waiver"] = json!(0);
        },
    },
    Forgery {
        about: "with two results of one gate",
        code: "ledger/gate-twice",
        signed: Signed::Mover,
        edit: |forged| {
            let record = forged.record().clone();
            forged.entry["gates"].as_array_mut().into_iter().for_each(|records| records.push(record.clone()));
        },
    },
];

pub const EVIDENCE: &[Forgery] = &[
    Forgery {
        about: "with evidence changed afterwards",
        code: "ledger/evidence",
        signed: Signed::Mover,
        edit: |forged| {
            forged.settle_evidence();
            forged.record()["evidence"] = json!(Digest::of(b"what it was"));
        },
    },
    Forgery {
        about: "with evidence of another commit",
        code: "ledger/evidence",
        signed: Signed::Mover,
        edit: |forged| {
            forged.evidence["candidate"] = json!(forged.genesis);
            forged.settle_evidence();
        },
    },
    Forgery {
        about: "without its evidence",
        code: "ledger/evidence",
        signed: Signed::Mover,
        edit: |forged| forged.files.push((format!("evidence/{}.json", forged.gate), None)),
    },
    Forgery {
        about: "without an attestation",
        code: "ledger/shape",
        signed: Signed::Mover,
        edit: |forged| forged.files.push((crate::attest::statement::gate_path(&forged.gate.to_string()), None)),
    },
    Forgery {
        about: "with another verdict in its attestation than the tag names",
        code: "ledger/attestation",
        signed: Signed::Mover,
        edit: |forged| forged.files.push(("attestations/verdict.json".to_owned(), Some(b"{}".to_vec()))),
    },
    Forgery {
        about: "with evidence of the day before",
        code: "ledger/evidence-expired",
        signed: Signed::Mover,
        edit: |forged| {
            for answer in forged.evidence["answers"].as_array_mut().into_iter().flatten() {
                let time = answer["time"].as_str().and_then(|time| time.parse::<Timestamp>().ok());
                answer["time"] = json!(time.map(|time| Timestamp::from_unix(time.unix() - 86_400)));
            }
            forged.settle_evidence();
        },
    },
    Forgery {
        about: "with a file that no entry has",
        code: "ledger/shape",
        signed: Signed::Mover,
        edit: |forged| forged.files.push(("evidence/more.json".to_owned(), Some(b"{}".to_vec()))),
    },
];
