//! From when readers may see a release that was promoted before its time.

use crate::{
    attest::statement::evidence_path,
    domain::{Fault, Reason, Result, Timestamp, state::Entry},
    gate::{Evidence, Got, kinds::bundle},
};
use std::collections::BTreeMap;

/// The latest beginning of a window among the bundles that the gates of an entry weighed; `None`: it is in force at once. `files`: the
/// entry's evidence, by path. Faults: `gate_inconclusive` where it cannot be read, because then nobody knows.
pub fn effective_from(entry: &Entry, files: &BTreeMap<String, Vec<u8>>) -> Result<Option<Timestamp>> {
    let mut latest = None;
    for record in entry.gates.iter().filter(|record| record.kind == bundle::ID && record.evidence.is_some()) {
        let path = evidence_path(record.id.as_str());
        let evidence = files.get(&path).and_then(|bytes| serde_json::from_slice::<Evidence>(bytes).ok());
        let Some(evidence) = evidence else {
            let why = format!("{path} of entry {} cannot be read, so nobody knows from when readers may see the release", entry.serial);
            return Err(Fault::new(Reason::GateInconclusive, why).help("`tagwarden audit`; a newer program may have written it"));
        };
        let windows = evidence.answers.iter().filter_map(|answer| match answer.result() {
            Ok(Got::Bundle(got)) => got.bundle.as_ref().and_then(|found| found.label.effective_from),
            _ => None,
        });
        latest = windows.chain(latest).max();
    }
    Ok(latest)
}
