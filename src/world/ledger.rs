//! Reads the ledger: what the remote's refs say, and every commit of its branch, a few hundred at a time, into the fold.
//!
//! The state comes from the remote, never from local refs; objects are brought without touching any ref. A branch that is not
//! here as a whole is `ledger_unverifiable`, never "ok". Whatever else lies on it is read as far as it is small, and judged
//! like an entry. Judging is [`crate::release::chain`].

use super::git::{Git, ObjectKind, Small, Want};
use crate::{
    attest::statement::EVIDENCE,
    domain::{Fault, Oid, Reason, RefName, Result, Timestamp, state::Entry},
    release::{
        assemble::{LARGEST, PATHS, SMALL},
        chain::{Chain, Fold, Offer, RawEntry, Source, Verification},
        object::{Commit, TreeItem, parse_tree},
        plan::{RefFact, Refs},
    },
};
use std::{collections::BTreeMap, time::Duration};

/// Where the ledger lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerAt {
    pub remote: String,
    pub branch: RefName,
}

/// The remote's refs in one look: the ledger, every tag, these branches (without `refs/heads/`).
pub async fn read_refs(git: &Git, at: &LedgerAt, branches: &[String]) -> Result<Refs> {
    let heads: Vec<String> = branches.iter().map(|branch| format!("refs/heads/{branch}")).collect();
    let mut patterns = vec![at.branch.as_str(), "refs/tags/*"];
    patterns.extend(heads.iter().map(String::as_str));
    let refs = git.ls_remote(&at.remote, &patterns).await?;
    Ok(refs.into_iter().map(|(name, fact)| (name, RefFact { oid: fact.oid, peeled: fact.peeled })).collect())
}

/// How often, and how far apart, refs are read that may be in the middle of a change.
const LOOKS: (usize, Duration) = (5, Duration::from_millis(200));

/// The same refs with other branches, read again for about a second while they are not settled; then as they are.
pub async fn read_settled(git: &Git, at: &LedgerAt, branches: &[String], is_settled: impl Fn(&Refs) -> bool) -> Result<Refs> {
    let mut refs = read_refs(git, at, branches).await?;
    for _ in 0..LOOKS.0 {
        if is_settled(&refs) {
            break;
        }
        tokio::time::sleep(LOOKS.1).await;
        refs = read_refs(git, at, branches).await?;
    }
    Ok(refs)
}

/// Brings what these refs hold, with all that it reaches.
pub async fn bring(git: &Git, at: &LedgerAt, names: &[RefName]) -> Result<()> {
    let wants: Vec<Want> = names.iter().cloned().map(Want::Ref).collect();
    git.fetch_objects(&at.remote, &wants).await
}

/// How many commits are read and judged at once: memory holds so many entries with their evidence, however long the ledger
/// is.
const CHUNK: usize = 256;

/// What is known of a ledger before it is looked at.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Entry 0.
    pub pin: Option<Oid>,
    /// Commits that this machine saw as the tip of the branch.
    pub remembered: Vec<Oid>,
    /// What this program verified before. It is not looked at again; only what came since is.
    pub chain: Option<Chain>,
}

/// Verifies the branch behind `head`, which must be here with all that it reaches. `clock`: now.
pub async fn verify(git: &Git, head: &Oid, clock: Timestamp, known: Known) -> Result<Verification> {
    let Known { pin, remembered, chain } = known;
    let mut fold = Fold::new(clock, pin, remembered);
    let mut beyond = None;
    if let Some(chain) = chain {
        let (tip, commits) = (chain.tip().clone(), git.rev_list_beyond(head, Some(chain.tip())).await?);
        let follows = |commits: &Vec<(Oid, Vec<Oid>)>| tip == *head || commits.iter().any(|(_, parents)| parents.contains(&tip));
        if let Some(commits) = commits.filter(follows)
            && fold.resume(chain, &mut FromGit(git))?
        {
            beyond = Some(commits);
        }
    }
    let mut commits = match beyond {
        Some(commits) => commits,
        None => git.rev_list_parents(head).await?.ok_or_else(|| unverifiable("its commits are not all here"))?,
    };
    commits.reverse();
    // The next commits are read while the last ones are judged.
    std::thread::scope(|scope| {
        let (ready, chunks) = std::sync::mpsc::sync_channel(1);
        scope.spawn(move || {
            // Whoever judges may have given up; then nobody wants the rest.
            // Entry 0 alone comes first: once it says who signs, the others are looked at many at a time.
            let (first, rest) = commits.split_at(commits.len().min(1));
            std::iter::once(first).chain(rest.chunks(CHUNK)).all(|chunk| ready.send(read_commits(git, chunk)).is_ok())
        });
        chunks.iter().try_for_each(|raw| fold.take(raw?, &mut FromGit(git)))
    })?;
    fold.finish()
}

/// One entry as it stands in the ledger.
#[derive(Clone, Debug)]
pub struct WholeEntry {
    pub entry: Entry,
    /// The files below `evidence/`, by path.
    pub evidence: BTreeMap<String, Vec<u8>>,
}

/// Reads entries of a verified chain again, with what the chain does not keep: gate results, tag objects, evidence.
pub fn read_entries(git: &Git, oids: &[Oid]) -> Result<Vec<WholeEntry>> {
    let commits: Vec<(Oid, Vec<Oid>)> = oids.iter().map(|oid| (oid.clone(), Vec::new())).collect();
    let broken = |why: &str| Fault::new(Reason::LedgerBroken, format!("an entry that was verified cannot be read again: {why}"));
    let mut entries = Vec::with_capacity(oids.len());
    for raw in read_commits(git, &commits)? {
        let entry = Offer::read_entry(raw.entry.as_deref()).map_err(|violation| broken(&violation.message))?;
        let files = raw.shape.into_iter().filter(|(path, mode, _)| path.starts_with(EVIDENCE) && mode == "100644");
        let (paths, oids): (Vec<String>, Vec<Oid>) = files.map(|(path, _, oid)| (path, oid)).unzip();
        let evidence = paths.into_iter().zip(FromGit(git).files(&oids)?).filter_map(|(path, bytes)| Some((path, bytes?))).collect();
        entries.push(WholeEntry { entry, evidence });
    }
    Ok(entries)
}

struct FromGit<'a>(&'a Git);

/// What a policy may be at most: files, bytes, levels of folders.
const POLICY: (usize, u64, usize) = (2_000, 16 * 1024 * 1024, 8);

impl Source for FromGit<'_> {
    fn policy(&mut self, tree: &Oid) -> Result<std::result::Result<BTreeMap<String, Vec<u8>>, String>> {
        read_policy(self.0, tree)
    }

    fn files(&mut self, oids: &[Oid]) -> Result<Vec<Option<Vec<u8>>>> {
        let file = |object| match object {
            Small::Object(object) if object.kind == ObjectKind::Blob => Ok(Some(object.bytes)),
            Small::Object(_) | Small::TooLarge(_) => Ok(None),
            Small::Missing => Err(unverifiable("an object of it is missing")),
        };
        self.0.read_small(oids, LARGEST)?.into_iter().map(file).collect()
    }
}

/// Level by level, so depth costs no stack. `Ok(Err)`: why it is no policy.
fn read_policy(git: &Git, tree: &Oid) -> Result<std::result::Result<BTreeMap<String, Vec<u8>>, String>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![(String::new(), tree.clone())];
    let (mut left, mut level) = (POLICY.1, 0);
    while !folders.is_empty() {
        let oids: Vec<Oid> = folders.iter().map(|(_, oid)| oid.clone()).collect();
        let (mut blobs, mut next) = (Vec::new(), Vec::new());
        for ((prefix, oid), object) in folders.iter().zip(git.read_small(&oids, SMALL)?) {
            let items = match object {
                Small::Object(object) if object.kind == ObjectKind::Tree => parse_tree(&object.bytes, oid.as_str().len() / 2),
                Small::Missing => return Err(unverifiable("an object of it is missing")),
                _ => Err("a folder of it is none".to_owned()),
            };
            for TreeItem { mode, name, oid } in match items {
                Ok(items) => items,
                Err(why) => return Ok(Err(why)),
            } {
                let path = format!("{prefix}{name}");
                match mode.as_str() {
                    "40000" => next.push((format!("{path}/"), oid)),
                    "160000" => {}
                    _ => blobs.push((path, oid)),
                }
            }
            if files.len() + blobs.len() + next.len() > POLICY.0 {
                return Ok(Err(format!("it has more than {} files", POLICY.0)));
            }
        }
        let oids: Vec<Oid> = blobs.iter().map(|(_, oid)| oid.clone()).collect();
        for ((path, _), object) in blobs.into_iter().zip(git.read_small(&oids, LARGEST)?) {
            match object {
                Small::Object(object) if object.kind == ObjectKind::Blob && object.bytes.len() as u64 <= left => {
                    left -= object.bytes.len() as u64;
                    files.insert(path, object.bytes);
                }
                Small::Missing => return Err(unverifiable("an object of it is missing")),
                _ => return Ok(Err(format!("{} is not a small file", path.escape_debug()))),
            }
        }
        level += 1;
        if level > POLICY.2 {
            return Ok(Err(format!("it nests deeper than {} folders", POLICY.2)));
        }
        folders = next;
    }
    Ok(Ok(files))
}

fn read_commits(git: &Git, commits: &[(Oid, Vec<Oid>)]) -> Result<Vec<RawEntry>> {
    let oids: Vec<Oid> = commits.iter().map(|(oid, _)| oid.clone()).collect();
    let mut raw: Vec<RawEntry> = Vec::with_capacity(commits.len());
    let mut folders: Vec<(usize, String, Oid)> = Vec::new();
    for (at, ((oid, parents), object)) in commits.iter().zip(git.read_small(&oids, SMALL)?).enumerate() {
        let (bytes, trouble) = match object {
            Small::Object(object) if object.kind == ObjectKind::Commit => (object.bytes, None),
            Small::Object(_) => (Vec::new(), Some("it is not a commit".to_owned())),
            Small::TooLarge(size) => (Vec::new(), Some(format!("its commit has {size} bytes"))),
            Small::Missing => return Err(unverifiable("an object of it is missing")),
        };
        folders.extend(Commit::parse(&bytes).ok().map(|commit| (at, String::new(), commit.tree)));
        raw.push(RawEntry { oid: oid.clone(), parents: parents.clone(), commit: bytes, shape: Vec::new(), entry: None, trouble });
    }
    let below = read_trees(git, &mut raw, &folders)?;
    read_trees(git, &mut raw, &below)?;
    let entry =
        |raw: &RawEntry| raw.shape.iter().find(|(path, mode, _)| path == "entry.json" && mode == "100644").map(|(.., oid)| oid.clone());
    let (at, wanted): (Vec<usize>, Vec<Oid>) = raw.iter().enumerate().filter_map(|(at, raw)| Some((at, entry(raw)?))).unzip();
    for (at, bytes) in at.into_iter().zip(FromGit(git).files(&wanted)?) {
        raw[at].entry = bytes;
    }
    Ok(raw)
}

/// Notes what these trees hold; gives the folders of evidence and attestations in them.
fn read_trees(git: &Git, raw: &mut [RawEntry], trees: &[(usize, String, Oid)]) -> Result<Vec<(usize, String, Oid)>> {
    let wanted: Vec<Oid> = trees.iter().map(|(.., oid)| oid.clone()).collect();
    let mut below = Vec::new();
    for ((at, prefix, oid), object) in trees.iter().zip(git.read_small(&wanted, SMALL)?) {
        let items = match object {
            Small::Object(object) if object.kind == ObjectKind::Tree => parse_tree(&object.bytes, oid.as_str().len() / 2),
            Small::Object(_) => Err("its tree is none".to_owned()),
            Small::TooLarge(size) => Err(format!("its tree has {size} bytes")),
            Small::Missing => return Err(unverifiable("an object of it is missing")),
        };
        match items {
            Ok(items) if items.len() > PATHS => raw[*at].trouble = Some(format!("its tree has {} files", items.len())),
            Ok(items) => {
                for TreeItem { mode, name, oid } in items {
                    let path = format!("{prefix}{name}");
                    if prefix.is_empty() && mode == "40000" && matches!(name.as_str(), "evidence" | "attestations") {
                        below.push((*at, format!("{path}/"), oid.clone()));
                    }
                    raw[*at].shape.push((path, mode, oid));
                }
            }
            Err(why) => raw[*at].trouble = Some(why),
        }
    }
    Ok(below)
}

/// Every file of a policy's tree, by path. Faults: `bad_config` where the tree is none that a ledger could hold.
pub fn read_folder(git: &Git, tree: &Oid) -> Result<BTreeMap<String, Vec<u8>>> {
    read_policy(git, tree)?.map_err(|why| Fault::new(Reason::BadConfig, format!("the folder of the protocol cannot be read: {why}")))
}

fn unverifiable(why: &str) -> Fault {
    Fault::new(Reason::LedgerUnverifiable, format!("the ledger cannot be verified: {why}"))
}
