//! The files of a tree, a part at a time, and the files in which two trees differ: what is read of a tree without holding all of it.

use super::{
    Git,
    batch::{Batch, Questions},
    objects::Small,
};
use crate::{
    domain::{Fault, Oid, Reason, Result},
    tree::{EntryKind, Tree, TreeEntry, TreeId, Unreadable},
    world::machine,
};
use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Stdio},
    sync::mpsc,
};

/// Files of more bytes are read when they are asked for, each by itself.
const SMALL: u64 = 64 * 1024;
/// Parts that git was asked for, and that nobody has read yet.
const ASKED: usize = 2;

/// A file as a tree lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub path: String,
    pub kind: EntryKind,
    pub oid: Oid,
}

/// A path with different files in two trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differs {
    pub before: Option<Listed>,
    pub after: Option<Listed>,
}

impl Git {
    /// The files of a tree, in the order of git.
    pub fn files_of(&self, tree: &Oid) -> Result<Files> {
        let mut command = self.runner().command(["ls-tree", "-r", "-z", "--full-tree", tree.as_str()]);
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().map_err(unreadable)?;
        match child.stdout.take() {
            Some(stdout) => Ok(Files { child, stdout: BufReader::with_capacity(1 << 16, stdout), is_over: false }),
            None => Err(unreadable("git ls-tree has no pipe")),
        }
    }

    /// The files in which two trees or commits differ; a renamed file is one that went and one that came. `None`: more than `most`.
    pub fn differs(&self, before: &Oid, after: &Oid, most: usize) -> Result<Option<Vec<Differs>>> {
        let words = ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-ext-diff", "--full-index", before.as_str(), after.as_str()];
        let mut child = self.runner().command(words).stdin(Stdio::null()).stderr(Stdio::null()).spawn().map_err(unreadable)?;
        let Some(stdout) = child.stdout.take() else { return Err(unreadable("git diff-tree has no pipe")) };
        let mut words = BufReader::new(stdout).split(0);
        let mut differs = Vec::new();
        while let Some(head) = words.next() {
            let head = String::from_utf8_lossy(&head.map_err(unreadable)?).into_owned();
            let Some(path) = words.next() else { return Err(unreadable("the answer of git diff-tree ends early")) };
            let path = String::from_utf8_lossy(&path.map_err(unreadable)?).into_owned();
            differs.push(self::differs(&head, &path).ok_or_else(|| unreadable(format!("git diff-tree gave `{}`", head.escape_debug())))?);
            if differs.len() > most {
                let _ = child.kill();
                child.wait().map_err(unreadable)?;
                return Ok(None);
            }
        }
        match child.wait().map_err(unreadable)?.success() {
            true => Ok(Some(differs)),
            false => Err(unreadable(format!("git diff-tree of {before} and {after} failed"))),
        }
    }

    /// These files, with the bytes of those that are not large. Faults: where one is not here.
    pub fn part(&self, of: &Oid, mut listed: Vec<Listed>) -> Result<Part> {
        listed.sort_by(|a, b| a.path.cmp(&b.path));
        let oids: Vec<Oid> = listed.iter().filter(is_file).map(|listed| listed.oid.clone()).collect();
        let mut read = self.read_small(&oids, SMALL)?.into_iter();
        self.with_bytes(of, listed, || Ok(read.next().unwrap_or(Small::Missing)))
    }

    /// Hands over files, `size` at once, each part as [`Git::part`] does, until nobody takes them. git reads the next ones meanwhile.
    pub fn parts(&self, of: &Oid, size: usize, files: impl Iterator<Item = Result<Listed>> + Send, give: impl Fn(Result<Part>) -> bool) {
        let Batch { questions, mut answers } = match Batch::start_ahead(self.runner()) {
            Ok(batch) => batch,
            Err(fault) => {
                give(Err(fault));
                return;
            }
        };
        std::thread::scope(|scope| {
            let (send, asked) = mpsc::sync_channel(ASKED);
            scope.spawn(move || ask(files, size, questions, &send));
            for listed in asked {
                let part = listed.and_then(|listed| self.with_bytes(of, listed, || self.checked(answers.small(SMALL)?)));
                let is_last = part.is_err();
                if !give(part) || is_last {
                    break;
                }
            }
            // Whoever still asks git is not left waiting.
            drop(answers);
        });
    }

    fn checked(&self, read: Small) -> Result<Small> {
        if let Small::Object(object) = &read {
            self.check(object)?;
        }
        Ok(read)
    }

    /// `read`: what was read of the files among them, one after the other.
    fn with_bytes(&self, of: &Oid, listed: Vec<Listed>, mut read: impl FnMut() -> Result<Small>) -> Result<Part> {
        let mut bytes = Vec::with_capacity(listed.len());
        for listed in &listed {
            bytes.push(match is_file(&listed).then(&mut read).transpose()? {
                None => Bytes::None,
                Some(Small::Object(object)) => Bytes::Read(object.bytes),
                Some(Small::TooLarge(_)) => Bytes::Large,
                Some(Small::Missing) => return Err(unreadable(format!("the blob {} of `{}` is missing", listed.oid, listed.path))),
            });
        }
        let entry = |listed: Listed| TreeEntry { path: listed.path, kind: listed.kind, oid: listed.oid.to_string() };
        let oids = listed.iter().map(|listed| listed.oid.clone()).collect();
        let entries = listed.into_iter().map(entry).collect();
        Ok(Part { git: self.clone(), id: TreeId::Commit(of.clone()), entries, oids, bytes })
    }
}

fn is_file(listed: &&Listed) -> bool {
    listed.kind != EntryKind::Submodule
}

/// Asks git for files, and says in which order they were asked for.
fn ask(
    mut files: impl Iterator<Item = Result<Listed>>,
    size: usize,
    mut questions: Questions,
    send: &mpsc::SyncSender<Result<Vec<Listed>>>,
) {
    loop {
        let part = files.by_ref().take(size).collect::<Result<Vec<Listed>>>().and_then(|mut part| {
            part.sort_by(|a, b| a.path.cmp(&b.path));
            questions.send(part.iter().filter(is_file).map(|listed| ("contents", listed.oid.as_str())))?;
            Ok(part)
        });
        let is_last = part.as_ref().map_or(true, |part| part.len() < size);
        // Nobody is left to tell where nobody takes it.
        if send.send(part).is_err() || is_last {
            return;
        }
    }
}

/// A listing under way. Whoever drops it ends it.
pub struct Files {
    child: Child,
    stdout: BufReader<ChildStdout>,
    is_over: bool,
}

impl Iterator for Files {
    type Item = Result<Listed>;

    fn next(&mut self) -> Option<Result<Listed>> {
        if self.is_over {
            return None;
        }
        let mut row = Vec::new();
        let read = self.stdout.read_until(0, &mut row).map_err(unreadable);
        let listed = read.and_then(|read| match row.pop() {
            Some(0) => listed(&row).map(Some),
            _ if read == 0 => match self.child.wait().map_err(unreadable)?.success() {
                true => Ok(None),
                false => Err(unreadable("git ls-tree failed")),
            },
            _ => Err(unreadable("the answer of git ls-tree ends early")),
        });
        self.is_over = !matches!(listed, Ok(Some(_)));
        listed.transpose()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // It may have ended by itself; nothing is left to be done about an error here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listed(row: &[u8]) -> Result<Listed> {
    let row = String::from_utf8_lossy(row);
    let read = row.split_once('\t').and_then(|(head, path)| {
        let mut words = head.split(' ');
        let (mode, _, oid) = (words.next()?, words.next()?, words.next()?);
        Some(Listed { path: path.to_owned(), kind: kind_of_mode(mode)?, oid: oid.parse().ok()? })
    });
    read.ok_or_else(|| unreadable(format!("git ls-tree gave the row `{}`", row.escape_debug())))
}

/// `:MODE MODE OID OID STATUS`, where a mode of zeros is nothing.
fn differs(head: &str, path: &str) -> Option<Differs> {
    let words: Vec<&str> = head.strip_prefix(':')?.split(' ').collect();
    let [mode_before, mode_after, before, after, _] = words[..] else { return None };
    let side = |mode: &str, oid: &str| -> Option<Option<Listed>> {
        match mode.bytes().all(|byte| byte == b'0') {
            true => Some(None),
            false => Some(Some(Listed { path: path.to_owned(), kind: kind_of_mode(mode)?, oid: oid.parse().ok()? })),
        }
    };
    Some(Differs { before: side(mode_before, before)?, after: side(mode_after, after)? })
}

pub(in crate::world) fn kind_of_mode(mode: &str) -> Option<EntryKind> {
    Some(match mode {
        "100755" => EntryKind::Executable,
        "120000" => EntryKind::Symlink,
        "160000" => EntryKind::Submodule,
        mode if mode.starts_with("100") => EntryKind::File,
        _ => return None,
    })
}

fn unreadable(what: impl std::fmt::Display) -> Fault {
    Fault::new(machine::reason(&what, Reason::GateInconclusive), format!("the tree cannot be read: {what}"))
}

/// Some files of a tree, in memory but for large ones.
pub struct Part {
    git: Git,
    id: TreeId,
    entries: Vec<TreeEntry>,
    oids: Vec<Oid>,
    bytes: Vec<Bytes>,
}

enum Bytes {
    None,
    Read(Vec<u8>),
    Large,
}

impl Tree for Part {
    fn id(&self) -> &TreeId {
        &self.id
    }

    fn entries(&self) -> std::result::Result<&[TreeEntry], Unreadable> {
        Ok(&self.entries)
    }

    fn read(&self, path: &str) -> std::result::Result<Option<Vec<u8>>, Unreadable> {
        let Ok(at) = self.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)) else { return Ok(None) };
        match &self.bytes[at] {
            Bytes::None => Ok(None),
            Bytes::Read(bytes) => Ok(Some(bytes.clone())),
            Bytes::Large => match self.git.read(&self.oids[at]).map_err(|fault| Unreadable(fault.message))? {
                Some(object) => Ok(Some(object.bytes)),
                None => Err(Unreadable(format!("the blob {} of `{path}` is missing", self.oids[at]))),
            },
        }
    }
}
