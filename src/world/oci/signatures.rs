//! Which signatures a store has of a snapshot, and who they are of.

use super::{Store, View};
use crate::{
    artifact::{
        manifest::LARGEST_READ,
        signature::{self, Allowed, Kind, Uncounted},
    },
    attest::Verified,
    domain::{Digest, Finding, Timestamp},
};
use std::collections::{BTreeMap, BTreeSet};

/// The signatures of a snapshot.
#[derive(Default)]
pub struct Signatures {
    /// Who signed, once for each good signature.
    pub people: Vec<Verified>,
    /// How many nobody here can check: each may be of a person more.
    pub unchecked: usize,
    /// Those that count for nobody, and those that are gone.
    pub findings: Vec<Finding>,
}

impl Signatures {
    /// The people whose signatures are good, each once.
    pub fn names(&self) -> Vec<String> {
        let people: BTreeSet<&str> = self.people.iter().map(|signed| signed.principal.as_str()).collect();
        people.into_iter().map(str::to_owned).collect()
    }
}

impl Store {
    /// Judges every signature of a snapshot, recorded or put there by another program.
    pub fn signatures(&self, view: &View, digest: &Digest, allowed: &Allowed, now: Timestamp) -> Signatures {
        let mut found = Signatures::default();
        let size = view.index.sizes().get(digest).copied().unwrap_or_default();
        let Ok(bytes) = self.small_blob(digest, size, LARGEST_READ) else { return found };
        let recorded = view.state.signatures.get(digest).cloned().unwrap_or_default();
        let named: BTreeMap<&Digest, u64> = Kind::ALL.iter().flat_map(|kind| view.index.of_type(kind.artifact_type())).collect();
        for gone in recorded.keys().filter(|signature| !named.contains_key(signature)) {
            found.findings.push(Finding::error("snapshot/missing", format!("the signature {gone} of {digest} is not there")));
        }
        for (own, size) in named {
            let counted = |why: String| Finding::warning("snapshot/signature", format!("the signature {own} does not count: {why}"));
            let read = self.small_blob(own, size, LARGEST_READ).map_err(|wrong| wrong.finding());
            let parsed = read.and_then(|bytes| signature::parse(&bytes).map_err(counted));
            let signature = match parsed {
                Ok(signature) if signature.subject == *digest => signature,
                Ok(_) => continue,
                Err(finding) if recorded.contains_key(own) => {
                    found.findings.push(finding);
                    continue;
                }
                // Of which snapshot it is, nobody knows.
                Err(_) => continue,
            };
            let armored = match self.small_blob(&signature.blob, signature.size, signature::LONGEST) {
                Ok(armored) => String::from_utf8_lossy(&armored).into_owned(),
                Err(wrong) => {
                    found.findings.push(wrong.finding());
                    continue;
                }
            };
            let at = recorded.get(own).copied().unwrap_or(now);
            match signature::judge(allowed, signature.kind, &bytes, &armored, (at, now)) {
                Ok(signed) => found.people.push(signed),
                Err(Uncounted::Bad(why)) => found.findings.push(counted(why)),
                Err(Uncounted::Unchecked(why)) => {
                    found.unchecked += 1;
                    let finding =
                        Finding::warning("snapshot/signature-unchecked", format!("whether the signature {own} counts is not known: {why}"));
                    found.findings.push(finding.help("use a build with the feature `openpgp`, as published ones are"));
                }
            }
        }
        found
    }
}
