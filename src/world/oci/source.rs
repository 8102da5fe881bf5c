//! What is captured: files of the disk, or of a commit.
//!
//! Files are read twice, once for their digests and once, if they are new, for the store; bytes that changed in between are refused.
//! Deliberately absent: following symbolic links, and anything but plain files.

use super::{Store, blobs, restore::STAGING};
use crate::{
    artifact::files::{self, FileEntry, Mode},
    domain::{Digest, Fault, Finding, Reason, Result},
    tree::{EntryKind, Tree},
    world::machine,
};
use rayon::prelude::*;
use std::{
    fs, io,
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// git's own folder is never captured.
const GIT: &str = ".git";

/// The files that are to be captured.
pub struct Source {
    files: Vec<Found>,
    tree: Option<Arc<dyn Tree>>,
    /// Whether something of git's own was left out.
    pub without_git: bool,
}

struct Found {
    path: String,
    mode: Mode,
    from: From,
}

enum From {
    Disk(PathBuf),
    Tree(String),
}

/// Called for each file that was read, with how many there are.
pub type Progressed<'a> = dyn Fn(usize) + Sync + 'a;

impl Source {
    /// Files and folders of the disk, each with the name that it has in the snapshot; the empty name: its files stand at the top.
    /// Faults: `findings`, which name everything that cannot be captured.
    pub fn of_disk(roots: &[(PathBuf, String)], store: &Path) -> Result<Source> {
        let mut walk = Walk { store: fs::canonicalize(store).ok(), ..Walk::default() };
        for (path, name) in roots {
            walk.visit(path, name.clone())?;
        }
        let Walk { files, wrong, without_git, .. } = walk;
        Source { files, tree: None, without_git }.checked(wrong)
    }

    /// Files of a tree, each path with the name that it has in the snapshot.
    pub fn of_tree(tree: Arc<dyn Tree>, roots: &[(String, String)]) -> Result<Source> {
        let (mut files, mut wrong) = (Vec::new(), Vec::new());
        let entries = tree.entries().map_err(|error| Fault::new(Reason::GateInconclusive, error.to_string()))?;
        for entry in entries {
            for (root, name) in roots {
                let below = entry.path.strip_prefix(root.as_str());
                let path = match below {
                    Some("") => name.clone(),
                    Some(below) if root.is_empty() => join(name, below),
                    Some(below) if below.starts_with('/') => join(name, &below[1..]),
                    _ => continue,
                };
                let mode = match entry.kind {
                    EntryKind::File => Mode::FILE,
                    EntryKind::Executable => Mode::EXECUTABLE,
                    EntryKind::Symlink => {
                        wrong.push(refused(&entry.path, "it is a symbolic link"));
                        continue;
                    }
                    EntryKind::Submodule => {
                        wrong.push(refused(&entry.path, "it is a submodule"));
                        continue;
                    }
                };
                files.push(Found { path, mode, from: From::Tree(entry.path.clone()) });
            }
        }
        Source { files, tree: Some(tree), without_git: false }.checked(wrong)
    }

    fn checked(mut self, mut wrong: Vec<Finding>) -> Result<Source> {
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        wrong.extend(self.files.iter().filter_map(|file| Some(refused(&file.path, files::why_not(&file.path)?))));
        if !wrong.is_empty() {
            let fault = Fault::new(Reason::Findings, format!("{} of the source cannot be captured", files::counted(wrong.len())));
            return Err(fault.help("name the files or folders to capture without them").findings(wrong));
        }
        if self.files.is_empty() {
            let fault = Fault::new(Reason::NothingToCheck, "there is no file to capture");
            return Err(fault.help("name a file, or a folder that has some"));
        }
        Ok(self)
    }

    pub fn len(&self) -> usize {
        self.files.len()
    }

    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The bytes of a file, from their beginning.
    pub(super) fn open(&self, at: usize) -> io::Result<Box<dyn Read + '_>> {
        match (&self.files[at].from, &self.tree) {
            (From::Disk(path), _) => Ok(Box::new(blobs::open(path)?)),
            (From::Tree(path), Some(tree)) => {
                let bytes = tree.read(path).map_err(|error| io::Error::other(error.to_string()))?;
                Ok(Box::new(io::Cursor::new(bytes.ok_or(io::ErrorKind::NotFound)?)))
            }
            (From::Tree(_), None) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// The list of the files, in the order of the source.
    pub fn read(&self, done: &Progressed) -> Result<Vec<FileEntry>> {
        let read = |(at, file): (usize, &Found)| {
            let (size, digest) =
                self.open(at).and_then(|from| blobs::digested(from, u64::MAX)).map_err(|error| unread(&file.path, &error))?;
            done(self.files.len());
            Ok(FileEntry { path: file.path.clone(), mode: file.mode, size, digest })
        };
        let files: Vec<FileEntry> = self.files.par_iter().enumerate().map(|(at, file)| read((at, file))).collect::<Result<_>>()?;
        match files::why_not_all(&files) {
            None => Ok(files),
            Some(why) => Err(Fault::new(Reason::Findings, format!("the source cannot be captured: {why}"))),
        }
    }
}

/// The list of the files at the paths of a snapshot below a folder, for comparing; `None` where a path has no plain file.
pub fn listed(folder: &Path, paths: &[&str]) -> Result<Vec<Option<FileEntry>>> {
    let read = |path: &&str| {
        let place = folder.join(path);
        let file = match blobs::open(&place) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(unread(path, &error)),
        };
        let mode = file.metadata().map_err(|error| unread(path, &error))?.permissions().mode();
        let (size, digest) = blobs::digested(file, u64::MAX).map_err(|error| unread(path, &error))?;
        Ok(Mode::of_bits(mode & 0o7777).map(|mode| FileEntry { path: (*path).to_owned(), mode, size, digest }))
    };
    paths.par_iter().map(read).collect()
}

pub(super) fn unread(path: &str, error: &io::Error) -> Fault {
    let reason = machine::unwritten(error, Reason::SourceChanged);
    Fault::new(reason, format!("cannot read `{}`: {error}", path.escape_debug()))
}

fn refused(path: &str, why: &str) -> Finding {
    Finding::error("snapshot/source", format!("`{}` cannot be captured: {why}", path.escape_debug()))
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

#[derive(Default)]
struct Walk {
    store: Option<PathBuf>,
    files: Vec<Found>,
    wrong: Vec<Finding>,
    without_git: bool,
}

impl Walk {
    fn visit(&mut self, path: &Path, name: String) -> Result<()> {
        let shown = path.display().to_string();
        let meta = fs::symlink_metadata(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                Fault::new(Reason::BadUsage, format!("there is no {shown}")).help("name a file or folder that is there")
            }
            _ => unread(&shown, &error),
        })?;
        let bits = meta.permissions().mode() & 0o7777;
        if meta.is_dir() {
            return self.folder(path, &name);
        }
        let why = match Mode::of_bits(bits) {
            _ if meta.is_symlink() => "it is a symbolic link",
            _ if !meta.is_file() => "it is neither a file nor a folder",
            None => "it has a set-user-id, set-group-id or sticky bit",
            Some(mode) => {
                let name = if name.is_empty() { own_name(path) } else { name };
                self.files.push(Found { path: name, mode, from: From::Disk(path.to_owned()) });
                return Ok(());
            }
        };
        self.wrong.push(refused(&shown, why));
        Ok(())
    }

    fn folder(&mut self, path: &Path, name: &str) -> Result<()> {
        let shown = path.display().to_string();
        if self.store.is_some() && fs::canonicalize(path).ok() == self.store {
            self.wrong.push(refused(&shown, "it is the store itself"));
            return Ok(());
        }
        let failed = |error: io::Error| unread(&shown, &error);
        for entry in fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let own = entry.file_name();
            if own == GIT {
                self.without_git = true;
                continue;
            }
            if own == STAGING {
                continue;
            }
            match own.to_str() {
                Some(own) => self.visit(&entry.path(), join(name, own))?,
                None => self.wrong.push(refused(&entry.path().display().to_string(), "its name is not UTF-8")),
            }
        }
        Ok(())
    }
}

fn own_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

impl Store {
    /// Whether a file of the store has these bytes, so that they need not be written.
    pub(super) fn has(&self, digest: &Digest, size: u64) -> bool {
        self.check(digest, size).is_ok()
    }
}
