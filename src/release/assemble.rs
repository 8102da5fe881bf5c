//! The files of an entry, and the tree that they make: everything of it that is signed, before anything is written.

use super::{
    chain::Offer,
    object::{Commit, commit_bytes, object_id},
    state::Delta,
    state_tree::{Item, StateTree, tree_id},
    transition::{Ledger, Violation},
};
use crate::{
    attest::statement::EVIDENCE,
    domain::{Fault, Oid, Reason, Result, canonical_json, state::Entry},
};
use std::collections::BTreeMap;

/// No `entry.json` and no evidence of an entry is larger, in bytes. What is larger is as if it were not there.
pub const LARGEST: u64 = 4 * 1024 * 1024;

/// All evidence of an entry together is no larger, in bytes.
pub const EVIDENCE_TOTAL: usize = 32 * 1024 * 1024;

/// No folder of an entry has more files.
pub const PATHS: usize = 1_000;

/// No tree and no commit of an entry is larger, in bytes: a tree has a few files for each gate, a commit the reason.
pub const SMALL: u64 = 256 * 1024;

/// A commit before it is signed: what is left up to [`SMALL`] is for the signature.
pub const PAYLOAD: usize = 192 * 1024;

/// An entry with its files, unsigned.
pub struct Assembled {
    /// Every file and folder of its tree, by path.
    pub items: BTreeMap<String, Item>,
    /// The id of that tree.
    pub tree: Oid,
    /// The bytes of the unsigned commit.
    pub payload: Vec<u8>,
    /// As the ledger reads it.
    pub offer: Offer,
}

/// Puts `entry` behind `before` and the branch's `tip`. `files`: evidence and attestations, by path. `rights`: what gave the
/// actor the right beside their identity.
pub fn assemble(
    before: Option<&Ledger>,
    tip: Option<&Oid>,
    entry: &Entry,
    files: BTreeMap<String, Vec<u8>>,
    rights: &[String],
) -> Result<Assembled> {
    let like = &entry.policy.tree;
    let entry_bytes = canonical_json(entry)?;
    let delta = Delta::of(before.map(|before| &before.state), entry, rights);
    let empty = StateTree::empty(like);
    let state = before.map_or(&empty, |before| &before.tree).after(&delta)?;
    let is_small = |bytes: &[u8]| bytes.len() as u64 <= LARGEST;
    let readable = is_small(&entry_bytes).then_some(entry_bytes.as_slice());
    let evidence = files.iter().filter(|(path, bytes)| path.starts_with(EVIDENCE) && is_small(bytes));
    let evidence = evidence.map(|(path, bytes)| (path.clone(), bytes.clone())).collect();
    let entry = Offer::read_entry(readable).map_err(Violation::fault)?;
    let mut items: BTreeMap<String, Item> = files.into_iter().map(|(path, bytes)| (path, Item::File(bytes))).collect();
    items.insert("entry.json".to_owned(), Item::File(entry_bytes));
    items.insert("policy".to_owned(), Item::Tree(entry.policy.tree.clone()));
    let mut shape = shape(&items, like);
    shape.push(("state".to_owned(), "40000".to_owned(), state.id().clone()));
    items.extend(state.items(&delta)?.into_iter().map(|(path, item)| (format!("state/{path}"), item)));
    let tree = tree_of(&items, like);
    let parents: Vec<Oid> = tip.into_iter().cloned().collect();
    let payload = commit_bytes(&tree, &parents, &entry.actor.id, entry.time, &super::draft::message(&entry));
    let commit = Commit::parse(&payload).map_err(|why| Fault::new(Reason::Internal, format!("a commit of ours: {why}")))?;
    Ok(Assembled { items, tree, payload, offer: Offer { commit, entry, shape, evidence } })
}

/// What a reader of these items sees: every path with mode and id.
fn shape(items: &BTreeMap<String, Item>, like: &Oid) -> Vec<(String, String, Oid)> {
    let mut shape = BTreeMap::new();
    for (path, item) in items {
        if let Some((folder, _)) = path.split_once('/').filter(|(folder, _)| !shape.contains_key(*folder)) {
            let prefix = format!("{folder}/");
            let below = items.iter().filter_map(|(path, item)| Some((path.strip_prefix(&prefix)?.to_owned(), item.clone())));
            shape.insert(folder.to_owned(), ("40000", tree_of(&below.collect(), like)));
        }
        shape.insert(path.clone(), (mode(item), id(item, like)));
    }
    shape.into_iter().map(|(path, (mode, oid))| (path, mode.to_owned(), oid)).collect()
}

/// The id of the tree of these items.
pub fn tree_of(items: &BTreeMap<String, Item>, like: &Oid) -> Oid {
    let mut folders: BTreeMap<&str, BTreeMap<String, Item>> = BTreeMap::new();
    let mut entries: Vec<(String, bool, Oid)> = Vec::new();
    for (path, item) in items {
        match path.split_once('/') {
            Some((folder, rest)) => drop(folders.entry(folder).or_default().insert(rest.to_owned(), item.clone())),
            None => entries.push((path.clone(), matches!(item, Item::Tree(_)), id(item, like))),
        }
    }
    entries.extend(folders.iter().map(|(name, items)| ((*name).to_owned(), true, tree_of(items, like))));
    tree_id(entries.iter().map(|(name, folder, oid)| (name.clone(), *folder, oid)), like)
}

fn id(item: &Item, like: &Oid) -> Oid {
    match item {
        Item::File(bytes) => object_id("blob", bytes, like),
        Item::Blob(oid) | Item::Tree(oid) => oid.clone(),
    }
}

fn mode(item: &Item) -> &'static str {
    match item {
        Item::File(_) | Item::Blob(_) => "100644",
        Item::Tree(_) => "40000",
    }
}
