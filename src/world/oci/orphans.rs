//! What nothing in a store names any more.
//!
//! Manifests of others are followed, too; where one cannot be read nothing is taken for nameless.

use super::{BLOBS, Store};
use crate::{
    artifact::manifest::{Index, LARGEST_READ},
    domain::{Digest, Result},
};
use std::{collections::BTreeSet, fs, io};

impl Store {
    /// The blobs that nothing names, with their sizes. `None`: something is named that cannot be read, so nobody knows what it names.
    pub fn orphans(&self, index: &Index) -> Result<Option<Vec<(Digest, u64)>>> {
        let Some(named) = self.reachable(index) else { return Ok(None) };
        let unread = |error: io::Error| self.unread(BLOBS, &error);
        let mut orphans = Vec::new();
        for digest in self.all_blobs().map_err(unread)?.difference(&named) {
            let size = fs::symlink_metadata(self.blob(digest)).map_err(unread)?.len();
            orphans.push((digest.clone(), size));
        }
        Ok(Some(orphans))
    }

    /// Every digest that can be reached from an index.
    fn reachable(&self, index: &Index) -> Option<BTreeSet<Digest>> {
        let mut open: Vec<(Digest, u64)> = index.sizes().into_iter().collect();
        open.extend(index.others().map(|entry| (entry.digest.clone(), entry.size)));
        let mut named = BTreeSet::new();
        while let Some((digest, size)) = open.pop() {
            if !named.insert(digest.clone()) {
                continue;
            }
            let bytes = self.small_blob(&digest, size, LARGEST_READ).ok()?;
            let value: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
            for (descriptor, is_manifest) in descriptors(&value) {
                match is_manifest {
                    true => open.push(descriptor),
                    false => drop(named.insert(descriptor.0)),
                }
            }
        }
        Some(named)
    }
}

/// What a manifest or an index names, each with whether it names further things itself.
fn descriptors(value: &serde_json::Value) -> Vec<((Digest, u64), bool)> {
    let mut found = Vec::new();
    let one = |value: &serde_json::Value| {
        let digest = value["digest"].as_str()?.parse().ok()?;
        Some((digest, value["size"].as_u64()?))
    };
    found.extend(value.get("manifests").and_then(|list| list.as_array()).into_iter().flatten().filter_map(one).map(|found| (found, true)));
    found.extend(value.get("subject").and_then(one).map(|found| (found, true)));
    found.extend(value.get("config").and_then(one).map(|found| (found, false)));
    found.extend(value.get("layers").and_then(|list| list.as_array()).into_iter().flatten().filter_map(one).map(|found| (found, false)));
    found.extend(value.get("blobs").and_then(|list| list.as_array()).into_iter().flatten().filter_map(one).map(|found| (found, false)));
    found
}
