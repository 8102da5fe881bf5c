//! Reading and writing objects, with as few processes as git allows.
//!
//! All reads of a [`Git`] go through one `git cat-file --batch-command`. A missing object is a value. What git hands out is
//! hashed again here: git itself does not do so on reading, and a ledger must not rest on an edited object store.

use super::{Git, ObjectFormat, batch::Batch};
use crate::{
    domain::{Fault, Oid, Reason, Result, digest::hex},
    release::object,
    world::{machine, temporary::Temporary},
};
use std::{
    collections::BTreeMap,
    process::Stdio,
    sync::{MutexGuard, PoisonError},
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

/// How many objects are asked for at once: git holds the questions in memory until it answers.
const CHUNK: usize = 4096;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub oid: Oid,
    pub kind: ObjectKind,
    /// The content, without git's header.
    pub bytes: Vec<u8>,
}

/// An object, where it is not too large to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Small {
    Missing,
    /// Its size in bytes.
    TooLarge(u64),
    Object(Object),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    Commit,
    Tree,
    Blob,
    Tag,
}

impl ObjectKind {
    pub const fn slug(self) -> &'static str {
        match self {
            ObjectKind::Commit => "commit",
            ObjectKind::Tree => "tree",
            ObjectKind::Blob => "blob",
            ObjectKind::Tag => "tag",
        }
    }

    pub(super) fn parse(slug: &str) -> Option<ObjectKind> {
        [ObjectKind::Commit, ObjectKind::Tree, ObjectKind::Blob, ObjectKind::Tag].into_iter().find(|kind| kind.slug() == slug)
    }
}

/// One thing to put at a path of a new tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreeItem {
    /// A new file of these bytes.
    File(Vec<u8>),
    /// A blob that exists.
    Blob(Oid),
    /// A folder that exists as a tree.
    Tree(Oid),
}

impl Git {
    /// What a revision names once peeled to a commit; `Ok(None)`: no such commit here, or an ambiguous short id.
    pub fn rev_parse(&self, rev: &str) -> Result<Option<Oid>> {
        Ok(self.look_up(&format!("{rev}^{{commit}}"))?.map(|(oid, _)| oid))
    }

    /// The object at `path` of a commit or tree: `gates`, `docs/a.md`. `Ok(None)`: nothing there, or the commit is not here.
    pub fn object_at(&self, treeish: &Oid, path: &str) -> Result<Option<(Oid, ObjectKind)>> {
        self.look_up(&format!("{treeish}:{path}"))
    }

    /// Whether the object is here.
    pub fn has(&self, oid: &Oid) -> Result<bool> {
        Ok(self.look_up(oid.as_str())?.is_some())
    }

    /// Kind of an object; `Ok(None)`: not here.
    pub fn kind_of(&self, oid: &Oid) -> Result<Option<ObjectKind>> {
        Ok(self.look_up(oid.as_str())?.map(|(_, kind)| kind))
    }

    /// One object; `Ok(None)`: not here.
    pub fn read(&self, oid: &Oid) -> Result<Option<Object>> {
        Ok(self.read_many(std::slice::from_ref(oid))?.pop().flatten())
    }

    /// Many objects in the order asked; `None` where one is not here.
    pub fn read_many(&self, oids: &[Oid]) -> Result<Vec<Option<Object>>> {
        let mut objects = Vec::with_capacity(oids.len());
        for chunk in oids.chunks(CHUNK) {
            self.ask(|batch| {
                batch.questions.send(chunk.iter().map(|oid| ("contents", oid.as_str())))?;
                chunk.iter().try_for_each(|_| batch.answers.object().map(|object| objects.push(object)))
            })?;
        }
        objects.iter().flatten().try_for_each(|object| self.check(object))?;
        Ok(objects)
    }

    /// Many objects of at most `limit` bytes, in the order asked. What is larger is not kept in memory.
    pub fn read_small(&self, oids: &[Oid], limit: u64) -> Result<Vec<Small>> {
        let mut objects = Vec::with_capacity(oids.len());
        for chunk in oids.chunks(CHUNK) {
            self.ask(|batch| {
                batch.questions.send(chunk.iter().map(|oid| ("contents", oid.as_str())))?;
                chunk.iter().try_for_each(|_| batch.answers.small(limit).map(|object| objects.push(object)))
            })?;
        }
        for object in &objects {
            if let Small::Object(object) = object {
                self.check(object)?;
            }
        }
        Ok(objects)
    }

    /// Whether kind and content give the id that they were read under.
    pub(super) fn check(&self, object: &Object) -> Result<()> {
        let algorithm = match self.object_format() {
            ObjectFormat::Sha1 => &ring::digest::SHA1_FOR_LEGACY_USE_ONLY,
            ObjectFormat::Sha256 => &ring::digest::SHA256,
        };
        let mut context = ring::digest::Context::new(algorithm);
        context.update(format!("{} {}\0", object.kind.slug(), object.bytes.len()).as_bytes());
        context.update(&object.bytes);
        if hex(context.finish().as_ref()) == object.oid.as_str() {
            Ok(())
        } else {
            Err(unreadable(format!("object {} has other content than its id says", object.oid)))
        }
    }

    fn look_up(&self, name: &str) -> Result<Option<(Oid, ObjectKind)>> {
        if name.contains(['\n', '\0']) {
            return Ok(None);
        }
        self.ask(|batch| {
            batch.questions.send([("info", name)])?;
            Ok(batch.answers.head()?.map(|(oid, kind, _)| (oid, kind)))
        })
    }

    /// Runs one exchange with the reader. A reader that failed is ended; the next question starts another.
    fn ask<T>(&self, exchange: impl FnOnce(&mut Batch) -> Result<T>) -> Result<T> {
        // A poisoned lock only means that some exchange panicked: its reader may be out of step, so it goes.
        let mut slot: MutexGuard<Option<Batch>> = self.shared.batch.lock().unwrap_or_else(|poison| {
            let mut guard = PoisonError::into_inner(poison);
            *guard = None;
            guard
        });
        let mut batch = match slot.take() {
            Some(batch) => batch,
            None => Batch::start(self.runner())?,
        };
        let result = exchange(&mut batch)?;
        *slot = Some(batch);
        Ok(result)
    }

    /// Writes blobs, all by one process; their ids in the same order.
    pub async fn write_blobs(&self, blobs: &[&[u8]]) -> Result<Vec<Oid>> {
        if blobs.is_empty() {
            return Ok(Vec::new());
        }
        let folder = Temporary::needed(self.temp_dir())?;
        let mut paths = String::new();
        for (number, bytes) in blobs.iter().enumerate() {
            let path = folder.path().join(number.to_string());
            tokio::fs::write(&path, bytes).await.map_err(|error| unwritable(&error))?;
            paths.push_str(&format!("{}\n", path.display()));
        }
        let args = ["hash-object", "-w", "--no-filters", "--stdin-paths"];
        self.written(args, paths.into_bytes(), blobs.len()).await
    }

    /// Writes one commit or tag object (or any other) from its raw content.
    pub async fn write_object(&self, kind: ObjectKind, bytes: &[u8]) -> Result<Oid> {
        let oids = self.written(["hash-object", "-t", kind.slug(), "-w", "--stdin"], bytes.to_vec(), 1).await?;
        oids.into_iter().next().ok_or_else(|| unwritable(&"git hash-object gave no id"))
    }

    async fn written<const N: usize>(&self, args: [&str; N], input: Vec<u8>, count: usize) -> Result<Vec<Oid>> {
        let output = self.runner().run(args, Some(input)).await?;
        let oids: Vec<Oid> = output.text().lines().filter_map(|line| line.parse().ok()).collect();
        if output.code == Some(0) && oids.len() == count { Ok(oids) } else { Err(unwritable(&output.last_words())) }
    }

    /// Writes a pack of everything that a tree reaches into a file outside, and nothing here.
    pub(in crate::world) async fn pack(&self, tree: &Oid, into: std::fs::File) -> Result<()> {
        let mut command = self.runner().command(["pack-objects", "--revs", "--stdout", "--quiet", "--window=0"]);
        command.stdout(into);
        let mut command = tokio::process::Command::from(command);
        command.stdin(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(unreadable)?;
        if let Some(mut stdin) = child.stdin.take() {
            // A git that stops reading says why in its exit code.
            let _ = stdin.write_all(format!("{tree}\n").as_bytes()).await;
        }
        let output = child.wait_with_output().await.map_err(unreadable)?;
        if output.status.success() { Ok(()) } else { Err(unreadable(self.runner().clean(&output.stderr).trim())) }
    }

    /// Writes a tree of files and folders, by two processes however many there are. Paths are relative, with `/`; the id of
    /// the root tree.
    pub async fn write_tree(&self, items: &BTreeMap<String, TreeItem>) -> Result<Oid> {
        let fresh: Vec<&[u8]> =
            items.values().filter_map(|item| if let TreeItem::File(bytes) = item { Some(bytes.as_slice()) } else { None }).collect();
        let mut blobs = self.write_blobs(&fresh).await?.into_iter();
        let mut folders: BTreeMap<&str, Vec<(&str, &str, Oid)>> = BTreeMap::from([("", Vec::new())]);
        for (path, item) in items {
            check_path(path)?;
            let (mode, oid) = match item {
                // As many blobs came back as files were written.
                TreeItem::File(_) => ("100644 blob", blobs.next().ok_or_else(|| unwritable(&"git hash-object gave too few ids"))?),
                TreeItem::Blob(oid) => ("100644 blob", oid.clone()),
                TreeItem::Tree(oid) => ("040000 tree", oid.clone()),
            };
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            folders.entry(folder).or_default().push((mode, name, oid));
            for (at, _) in folder.match_indices('/') {
                folders.entry(&folder[..at]).or_default();
            }
        }
        self.write_folders(folders).await
    }

    /// Writes a tree that differs from another in one file; its id. A file that is there keeps whether it is executable. Faults:
    /// `bad_config` where something else than a file is at the path, or on the way to it.
    pub async fn tree_with(&self, tree: &Oid, path: &str, bytes: &[u8]) -> Result<Oid> {
        check_path(path)?;
        let blob = self.write_object(ObjectKind::Blob, bytes).await?;
        let mut listed: Vec<(String, Vec<object::TreeItem>)> = Vec::new();
        let (mut level, mut folder, mut rest) = (Some(tree.clone()), String::new(), path);
        let mut mode = "100644 blob";
        loop {
            let (name, below) = rest.split_once('/').map_or((rest, None), |(name, below)| (name, Some(below)));
            let items = match &level {
                Some(level) => self.tree_items(level)?,
                None => Vec::new(),
            };
            let there = items.iter().find(|item| item.name == name);
            let fits =
                there.is_none_or(|item| (item.mode == "40000") == below.is_some() && !matches!(item.mode.as_str(), "120000" | "160000"));
            if !fits {
                let what = format!("{folder}{name}");
                return Err(Fault::new(Reason::BadConfig, format!("{path} cannot be written: {what} is not what its name says here")));
            }
            level = there.map(|item| item.oid.clone());
            mode = there.filter(|_| below.is_none()).map_or(mode, |item| mktree_kind(&item.mode));
            let kept = items.into_iter().filter(|item| item.name != name).collect();
            listed.push((folder.trim_end_matches('/').to_owned(), kept));
            let Some(below) = below else { break };
            folder = format!("{folder}{name}/");
            rest = below;
        }
        let mut folders: BTreeMap<&str, Vec<(&str, &str, Oid)>> = BTreeMap::new();
        for (folder, items) in &listed {
            let rows = items.iter().map(|item| (mktree_kind(&item.mode), item.name.as_str(), item.oid.clone()));
            folders.insert(folder, rows.collect());
        }
        folders.entry(folder.trim_end_matches('/')).or_default().push((mode, rest, blob));
        self.write_folders(folders).await
    }

    fn tree_items(&self, tree: &Oid) -> Result<Vec<object::TreeItem>> {
        let missing = || Fault::new(Reason::UnknownRelease, format!("tree {tree} is not in this repository"));
        let object = self.read(tree)?.filter(|object| object.kind == ObjectKind::Tree).ok_or_else(missing)?;
        object::parse_tree(&object.bytes, tree.as_str().len() / 2).map_err(unreadable)
    }

    /// One `mktree --batch`, fed the deepest folders first, since a folder needs the ids of those in it. What it names is known
    /// to exist, so git need not look each of it up (in a partial clone it would fetch them).
    async fn write_folders(&self, mut folders: BTreeMap<&str, Vec<(&str, &str, Oid)>>) -> Result<Oid> {
        let mut command = tokio::process::Command::from(self.runner().command(["mktree", "-z", "--batch", "--missing"]));
        command.stdin(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| unwritable(&error))?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(unwritable(&"git mktree has no pipes"));
        };
        let mut answers = tokio::io::BufReader::new(stdout).lines();
        let mut order: Vec<&str> = folders.keys().copied().collect();
        order.sort_by_key(|folder| std::cmp::Reverse(if folder.is_empty() { 0 } else { folder.split('/').count() }));
        for folder in order {
            let mut record = Vec::new();
            for (mode, name, oid) in folders.remove(folder).unwrap_or_default() {
                record.extend_from_slice(format!("{mode} {oid}\t{name}\0").as_bytes());
            }
            record.push(0);
            stdin.write_all(&record).await.map_err(|error| unwritable(&error))?;
            stdin.flush().await.map_err(|error| unwritable(&error))?;
            let line = answers.next_line().await.map_err(|error| unwritable(&error))?.unwrap_or_default();
            let oid: Oid = line.parse().map_err(|_| unwritable(&"git mktree refused an entry"))?;
            if folder.is_empty() {
                return Ok(oid);
            }
            let (parent, name) = folder.rsplit_once('/').unwrap_or(("", folder));
            folders.entry(parent).or_default().push(("040000 tree", name, oid));
        }
        Err(unwritable(&"git mktree gave no root"))
    }
}

/// As `mktree` reads a mode.
fn mktree_kind(mode: &str) -> &'static str {
    match mode {
        "40000" => "040000 tree",
        "160000" => "160000 commit",
        "120000" => "120000 blob",
        "100755" => "100755 blob",
        "100664" => "100664 blob",
        _ => "100644 blob",
    }
}

fn check_path(path: &str) -> Result<()> {
    let lawful = |part: &str| !matches!(part, "" | "." | "..") && !part.eq_ignore_ascii_case(".git") && !part.contains('\0');
    if path.split('/').all(lawful) {
        Ok(())
    } else {
        Err(Fault::new(Reason::Internal, format!("`{}` is no path inside a tree", path.escape_debug())))
    }
}

fn unwritable(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(Reason::NoResources, format!("cannot write an object: {error}"))
        .help("Look at permissions and free space of the repository.")
}

pub(super) fn unreadable(what: impl std::fmt::Display) -> Fault {
    match machine::reason(&what, Reason::LedgerUnverifiable) {
        Reason::NoResources => Fault::new(Reason::NoResources, format!("the object store cannot be read: {what}")),
        reason => Fault::new(reason, format!("the object store cannot be read: {what}")).help("Run `git fsck`, or clone anew."),
    }
}
