//! Trees of a repository: a commit's, a tree object's, and the work tree as a draft.
//!
//! Objects are read through the repository's one object reader, the listing once and only when it is asked for. The work
//! tree is what git would commit: tracked files and those that no ignore rule hides; symbolic links are read as links.

use super::{
    git::{Git, ObjectKind, kind_of_mode},
    machine,
    temporary::Temporary,
};
use crate::{
    domain::{Digest, Fault, Oid, Reason, Result, digest::hex},
    tree::{EntryKind, Tree, TreeEntry, TreeId, Unreadable},
};
use rayon::prelude::*;
use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsStr,
    io::Read,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

/// The files of a commit.
pub struct CommitTree {
    git: Git,
    id: TreeId,
    tree: Oid,
    listing: OnceLock<std::result::Result<Listing, Unreadable>>,
}

/// Entries with the object to read for each, in the same order.
struct Listing {
    entries: Vec<TreeEntry>,
    oids: Vec<Oid>,
}

impl CommitTree {
    /// Faults: `unknown_release` where the commit is not here.
    pub fn new(git: &Git, commit: &Oid) -> Result<CommitTree> {
        match git.object_at(commit, "")? {
            Some((tree, ObjectKind::Tree)) => {
                Ok(CommitTree { git: git.clone(), id: TreeId::Commit(commit.clone()), tree, listing: OnceLock::new() })
            }
            _ => Err(Fault::new(Reason::UnknownRelease, format!("commit {commit} is not in this repository"))),
        }
    }

    /// A tree that is no commit's own, such as the `policy/` of a ledger entry; its id is the tree's.
    pub fn of_tree(git: &Git, tree: &Oid) -> Result<CommitTree> {
        match git.kind_of(tree)? {
            Some(ObjectKind::Tree) => {
                Ok(CommitTree { git: git.clone(), id: TreeId::Commit(tree.clone()), tree: tree.clone(), listing: OnceLock::new() })
            }
            _ => Err(Fault::new(Reason::LedgerUnverifiable, format!("tree {tree} is not in this repository"))),
        }
    }

    /// The tree object itself.
    pub fn tree(&self) -> &Oid {
        &self.tree
    }

    fn listing(&self) -> std::result::Result<&Listing, Unreadable> {
        self.listing.get_or_init(|| self.git.ls_tree(&self.tree)).as_ref().map_err(Clone::clone)
    }
}

impl Tree for CommitTree {
    fn id(&self) -> &TreeId {
        &self.id
    }

    fn entries(&self) -> std::result::Result<&[TreeEntry], Unreadable> {
        Ok(&self.listing()?.entries)
    }

    fn read(&self, path: &str) -> std::result::Result<Option<Vec<u8>>, Unreadable> {
        let listing = self.listing()?;
        let Ok(at) = listing.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)) else { return Ok(None) };
        if listing.entries[at].kind == EntryKind::Submodule {
            return Ok(None);
        }
        let oid = &listing.oids[at];
        match self.git.read(oid).map_err(|fault| Unreadable(fault.message))? {
            Some(object) => Ok(Some(object.bytes)),
            None => Err(Unreadable(format!("the blob {oid} of `{path}` is missing"))),
        }
    }
}

/// The files below one folder of another tree, by their names from there on; kinds (and so the bit of executables) stay.
pub struct Folder {
    tree: Arc<dyn Tree>,
    prefix: String,
    entries: Vec<TreeEntry>,
}

impl Folder {
    /// `folder`: its path without a slash at the end. An absent folder has no files.
    pub fn of(tree: Arc<dyn Tree>, folder: &str) -> std::result::Result<Folder, Unreadable> {
        let prefix = format!("{}/", folder.trim_end_matches('/'));
        let below = tree.entries()?.iter().filter_map(|entry| {
            let path = entry.path.strip_prefix(&prefix)?.to_owned();
            Some(TreeEntry { path, ..entry.clone() })
        });
        let entries = below.collect();
        Ok(Folder { tree, prefix, entries })
    }
}

impl Tree for Folder {
    /// That of the whole tree.
    fn id(&self) -> &TreeId {
        self.tree.id()
    }

    fn entries(&self) -> std::result::Result<&[TreeEntry], Unreadable> {
        Ok(&self.entries)
    }

    fn read(&self, path: &str) -> std::result::Result<Option<Vec<u8>>, Unreadable> {
        self.tree.read(&format!("{}{path}", self.prefix))
    }
}

impl Git {
    fn ls_tree(&self, tree: &Oid) -> std::result::Result<Listing, Unreadable> {
        let output = self.list(&["ls-tree", "-r", "-z", "--full-tree", tree.as_str()])?;
        let mut rows: Vec<(TreeEntry, Oid)> = Vec::new();
        for row in output.split(|byte| *byte == 0).filter(|row| !row.is_empty()) {
            let row = String::from_utf8_lossy(row);
            let entry = row.split_once('\t').and_then(|(head, path)| {
                let mut words = head.split(' ');
                let (mode, _, oid) = (words.next()?, words.next()?, words.next()?);
                let oid: Oid = oid.parse().ok()?;
                Some((TreeEntry { path: path.to_owned(), kind: kind_of_mode(mode)?, oid: oid.to_string() }, oid))
            });
            rows.push(entry.ok_or_else(|| Unreadable(format!("git ls-tree gave the row `{}`", row.escape_debug())))?);
        }
        rows.sort_by(|a, b| a.0.path.cmp(&b.0.path));
        let (entries, oids) = rows.into_iter().unzip();
        Ok(Listing { entries, oids })
    }

    /// Writes the files of a tree into a fresh folder that goes away with the handle: what command gates run in.
    pub fn policy_checkout(&self, tree: &Oid) -> Result<Temporary> {
        checkout(&CommitTree::of_tree(self, tree)?, "", self.temp_dir())
    }
}

/// Writes the files below `folder` of a tree (the empty name: all of them) into a fresh folder in `within`, by their names from there on,
/// executables with their bit. Symbolic links and submodules are left out:
/// a link could lead out of the folder.
pub fn checkout(tree: &dyn Tree, folder: &str, within: &Path) -> Result<Temporary> {
    let failed = |error: &dyn std::fmt::Display| Fault::new(Reason::NoResources, format!("cannot write a checkout: {error}"));
    let prefix = if folder.is_empty() { String::new() } else { format!("{}/", folder.trim_end_matches('/')) };
    let folder = Temporary::needed(within)?;
    for entry in tree.entries().map_err(|error| failed(&error))? {
        let Some(name) = entry.path.strip_prefix(&prefix) else { continue };
        let lawful = name.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !lawful || !matches!(entry.kind, EntryKind::File | EntryKind::Executable) {
            continue;
        }
        let Some(bytes) = tree.read(&entry.path).map_err(|error| failed(&error))? else { continue };
        write_file(&folder.path().join(name), &bytes, entry.kind).map_err(|error| failed(&error))?;
    }
    Ok(folder)
}

fn write_file(path: &Path, bytes: &[u8], kind: EntryKind) -> std::io::Result<()> {
    use std::{
        io::Write,
        os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    };
    if let Some(parent) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    let mode = if kind == EntryKind::Executable { 0o700 } else { 0o600 };
    std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?.write_all(bytes)
}

/// The work tree as git would commit it now. Read once: what was listed first stays what is judged, a file that changes
/// afterwards is unreadable.
pub struct WorkTree {
    root: PathBuf,
    id: TreeId,
    entries: Vec<TreeEntry>,
    /// `None`: not pinned.
    digests: Option<BTreeMap<String, Digest>>,
}

impl WorkTree {
    /// Lists and digests the work tree. Faults: `not_a_repository` for a bare repository.
    pub fn new(git: &Git) -> Result<WorkTree> {
        WorkTree::listed(git, true)
    }

    /// Lists the work tree without reading its files, for answers that move nothing: a file that changes meanwhile is not
    /// noticed, and the tree's identity is that of its listing alone.
    pub fn unpinned(git: &Git) -> Result<WorkTree> {
        WorkTree::listed(git, false)
    }

    fn listed(git: &Git, pinned: bool) -> Result<WorkTree> {
        if git.is_bare() {
            let fault = Fault::new(Reason::NotARepository, "a bare repository has no work tree to verify");
            return Err(fault.help("Name a commit with `--at REV`."));
        }
        let listed = git.list(&["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"]);
        let listed = listed.map_err(|error| Fault::new(machine::reason(&error, Reason::NotARepository), error.0))?;
        let root = git.dir().to_owned();
        let names: Vec<&[u8]> = listed.split(|byte| *byte == 0).filter(|name| !name.is_empty()).collect();
        let mut folders = HashMap::from([(&b""[..], true)]);
        let names: Vec<&[u8]> = names.into_iter().filter(|name| is_real_folder(&root, above(name), &mut folders)).collect();
        let on_disk = |name: &&[u8]| {
            let path = String::from_utf8_lossy(name).into_owned();
            let found = entry_on_disk(&root.join(OsStr::from_bytes(name)), &path, pinned)?;
            Ok(found.map(|(kind, digest)| (TreeEntry { path, kind, oid: String::new() }, digest)))
        };
        let found = names.par_iter().map(on_disk).collect::<Result<Vec<_>>>()?;
        let mut entries = Vec::new();
        let mut digests = BTreeMap::new();
        for (mut entry, digest) in found.into_iter().flatten() {
            if let Some(digest) = digest {
                entry.oid = digest.hex().to_owned();
                digests.insert(entry.path.clone(), digest);
            }
            entries.push(entry);
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        entries.dedup_by(|a, b| a.path == b.path);
        let listing: String = entries.iter().map(|entry| format!("{:?} {} {}\0", entry.kind, entry.oid, entry.path)).collect();
        Ok(WorkTree { root, id: TreeId::WorkTree(Digest::of(listing.as_bytes())), entries, digests: pinned.then_some(digests) })
    }
}

/// Whether the way from the root to here has no symbolic link, which could lead out of the work tree. git takes what lies
/// behind one as deleted.
fn is_real_folder<'n>(root: &Path, folder: &'n [u8], known: &mut HashMap<&'n [u8], bool>) -> bool {
    if let Some(real) = known.get(folder) {
        return *real;
    }
    let is_folder = || std::fs::symlink_metadata(root.join(OsStr::from_bytes(folder))).is_ok_and(|meta| meta.is_dir());
    let real = is_real_folder(root, above(folder), known) && is_folder();
    known.insert(folder, real);
    real
}

/// The folder that a path from the root is in; the empty one is the root.
fn above(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    &path[..end]
}

/// Kind and, where it is asked for, content digest of what is at a path; `None`: nothing is there (a deleted file).
fn entry_on_disk(path: &Path, name: &str, digested: bool) -> Result<Option<(EntryKind, Option<Digest>)>> {
    let failed = |error: std::io::Error| Fault::new(Reason::GateInconclusive, format!("cannot read `{}`: {error}", name.escape_debug()));
    let meta = match std::fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if meta.is_symlink() {
        let target = std::fs::read_link(path).map_err(failed)?;
        return Ok(Some((EntryKind::Symlink, digested.then(|| Digest::of(target.as_os_str().as_bytes())))));
    }
    if meta.is_dir() {
        return Ok(Some((EntryKind::Submodule, digested.then(|| Digest::of(b"")))));
    }
    if !meta.is_file() {
        return Ok(None);
    }
    use std::os::unix::fs::PermissionsExt;
    let kind = if meta.permissions().mode() & 0o100 != 0 { EntryKind::Executable } else { EntryKind::File };
    if !digested {
        return Ok(Some((kind, None)));
    }
    digest_file(path).map(|(_, digest)| Some((kind, Some(digest)))).map_err(failed)
}

/// Size and digest of a file, without holding it in memory.
pub(super) fn digest_file(path: &Path) -> std::io::Result<(u64, Digest)> {
    let mut file = std::fs::File::open(path)?;
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            let digest = format!("sha256:{}", hex(context.finish().as_ref())).parse().map_err(std::io::Error::other)?;
            return Ok((bytes, digest));
        }
        context.update(&buffer[..read]);
        bytes += read as u64;
    }
}

impl Tree for WorkTree {
    fn id(&self) -> &TreeId {
        &self.id
    }

    fn entries(&self) -> std::result::Result<&[TreeEntry], Unreadable> {
        Ok(&self.entries)
    }

    fn read(&self, path: &str) -> std::result::Result<Option<Vec<u8>>, Unreadable> {
        let Ok(at) = self.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)) else { return Ok(None) };
        let failed = |error: std::io::Error| Unreadable(format!("`{path}`: {error}"));
        let on_disk = self.root.join(path);
        let bytes = match self.entries[at].kind {
            EntryKind::Submodule => return Ok(None),
            EntryKind::Symlink => std::fs::read_link(&on_disk).map_err(failed)?.as_os_str().as_bytes().to_vec(),
            EntryKind::File | EntryKind::Executable => std::fs::read(&on_disk).map_err(failed)?,
        };
        match &self.digests {
            Some(digests) if digests.get(path) != Some(&Digest::of(&bytes)) => {
                Err(Unreadable(format!("`{path}` changed while it was judged")))
            }
            _ => Ok(Some(bytes)),
        }
    }
}
