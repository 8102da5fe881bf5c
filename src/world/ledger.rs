//! Reads the ledger: what the remote's refs say, and the whole chain behind the ledger's head as raw entries.
//!
//! The state comes from the remote, never from local refs; objects are brought without touching any ref. A chain that is not
//! here as a whole is `ledger_unverifiable`, never "ok". Checking the chain is [`crate::release::chain`].

use super::git::{Git, Object, ObjectKind, Want};
use crate::{
    domain::{Fault, Oid, Reason, RefName, Result},
    release::{
        chain::{RawChain, RawEntry},
        object::{Commit, TreeItem, parse_tree},
        plan::{RefFact, Refs},
    },
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How much of each entry is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Entries, policies, the head's state: enough to trust the head. The states before it are nobody's truth any more, and
    /// reading them all would cost the square of the ledger's length.
    Chain,
    /// Every state, evidence and attestations too.
    Full,
}

/// Where the ledger lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerAt {
    pub remote: String,
    pub branch: RefName,
}

/// The remote's refs in one look: the ledger, every tag, the release branches.
pub async fn read_refs(git: &Git, at: &LedgerAt, branches: &[String]) -> Result<Refs> {
    let heads: Vec<String> = branches.iter().map(|branch| format!("refs/heads/{branch}")).collect();
    let mut patterns = vec![at.branch.as_str(), "refs/tags/*"];
    patterns.extend(heads.iter().map(String::as_str));
    let refs = git.ls_remote(&at.remote, &patterns).await?;
    Ok(refs.into_iter().map(|(name, fact)| (name, RefFact { oid: fact.oid, peeled: fact.peeled })).collect())
}

/// Brings what these refs hold, with all that it reaches.
pub async fn bring(git: &Git, at: &LedgerAt, names: &[RefName]) -> Result<()> {
    let wants: Vec<Want> = names.iter().cloned().map(Want::Ref).collect();
    git.fetch_objects(&at.remote, &wants).await
}

/// The chain behind `head`, oldest entry first. `head` and what it reaches must be here.
pub async fn read_chain(git: &Git, head: &Oid, depth: Depth) -> Result<RawChain> {
    let mut oids = git.rev_list(head).await?.ok_or_else(|| unverifiable("its commits are not all here"))?;
    oids.reverse();
    let mut raw = Vec::with_capacity(oids.len());
    let mut trees = Vec::with_capacity(oids.len());
    for (oid, object) in oids.iter().zip(git.read_many(&oids)?) {
        let bytes = bytes_of(object, ObjectKind::Commit)?;
        let commit = Commit::parse(&bytes).ok();
        trees.push(commit.map(|commit| commit.tree));
        raw.push(RawEntry { oid: oid.to_string(), commit: bytes, ..RawEntry::default() });
    }
    let cut = raw.first().and_then(|first| Commit::parse(&first.commit).ok()).is_some_and(|first| !first.parents.is_empty());
    if cut {
        return Err(unverifiable("its oldest commit here has a parent that is not here"));
    }
    read_trees(git, &mut raw, &trees, depth)?;
    let policies: BTreeSet<Oid> = raw.iter().filter_map(|entry| entry.policy.clone()).collect();
    let mut chain = RawChain { entries: raw, policies: HashMap::new() };
    for tree in policies {
        let files = read_folder(git, &tree)?;
        chain.policies.insert(tree, files);
    }
    Ok(chain)
}

fn read_trees(git: &Git, raw: &mut [RawEntry], trees: &[Option<Oid>], depth: Depth) -> Result<()> {
    let known: Vec<Oid> = trees.iter().flatten().cloned().collect();
    let mut roots = git.read_many(&known)?.into_iter();
    let mut blobs: Vec<(usize, String, Oid)> = Vec::new();
    let mut folders: Vec<(usize, String, Oid)> = Vec::new();
    let last = trees.len().saturating_sub(1);
    for (at, tree) in trees.iter().enumerate() {
        let Some(tree) = tree else { continue };
        let items = items_of(roots.next().flatten(), tree)?;
        for TreeItem { mode, name, oid } in items {
            match (name.as_str(), mode.as_str()) {
                ("policy", "40000") => raw[at].policy = Some(oid),
                ("entry.json", "100644") => blobs.push((at, name, oid)),
                ("state.json", "100644") if depth == Depth::Full || at == last => blobs.push((at, name, oid)),
                ("evidence" | "attestations", "40000") => folders.push((at, name, oid)),
                _ => {}
            }
        }
    }
    if depth == Depth::Full {
        let wanted: Vec<Oid> = folders.iter().map(|(_, _, oid)| oid.clone()).collect();
        for ((at, folder, oid), object) in folders.iter().zip(git.read_many(&wanted)?) {
            blobs.extend(items_of(object, oid)?.into_iter().map(|item| (*at, format!("{folder}/{}", item.name), item.oid)));
        }
        raw.iter_mut().for_each(|entry| entry.files = Some(BTreeMap::new()));
    }
    let wanted: Vec<Oid> = blobs.iter().map(|(_, _, oid)| oid.clone()).collect();
    for ((at, name, _), object) in blobs.into_iter().zip(git.read_many(&wanted)?) {
        let bytes = bytes_of(object, ObjectKind::Blob)?;
        let entry = &mut raw[at];
        match name.as_str() {
            "entry.json" => entry.entry = Some(bytes),
            "state.json" => entry.state = Some(bytes),
            _ => {
                entry.files.get_or_insert_default().insert(name, bytes);
            }
        }
    }
    Ok(())
}

/// Every file below a tree, by path. Folders are read level by level, so depth costs no stack.
pub fn read_folder(git: &Git, tree: &Oid) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![(String::new(), tree.clone())];
    while !folders.is_empty() {
        let oids: Vec<Oid> = folders.iter().map(|(_, oid)| oid.clone()).collect();
        let mut blobs: Vec<(String, Oid)> = Vec::new();
        let mut next = Vec::new();
        for ((prefix, oid), object) in folders.iter().zip(git.read_many(&oids)?) {
            for item in items_of(object, oid)? {
                let path = format!("{prefix}{}", item.name);
                match item.mode.as_str() {
                    "40000" => next.push((format!("{path}/"), item.oid)),
                    "160000" => {}
                    _ => blobs.push((path, item.oid)),
                }
            }
        }
        let oids: Vec<Oid> = blobs.iter().map(|(_, oid)| oid.clone()).collect();
        for ((path, _), object) in blobs.into_iter().zip(git.read_many(&oids)?) {
            files.insert(path, bytes_of(object, ObjectKind::Blob)?);
        }
        folders = next;
    }
    Ok(files)
}

fn items_of(object: Option<Object>, like: &Oid) -> Result<Vec<TreeItem>> {
    let bytes = bytes_of(object, ObjectKind::Tree)?;
    parse_tree(&bytes, like.as_str().len() / 2)
        .map_err(|why| Fault::new(Reason::LedgerBroken, format!("a tree of the ledger is malformed: {why}")))
}

fn bytes_of(object: Option<Object>, kind: ObjectKind) -> Result<Vec<u8>> {
    match object {
        Some(object) if object.kind == kind => Ok(object.bytes),
        Some(object) => Err(Fault::new(Reason::LedgerBroken, format!("object {} of the ledger is of the wrong kind", object.oid.short()))),
        None => Err(unverifiable("an object of it is missing")),
    }
}

fn unverifiable(why: &str) -> Fault {
    Fault::new(Reason::LedgerUnverifiable, format!("the ledger cannot be verified: {why}"))
}
