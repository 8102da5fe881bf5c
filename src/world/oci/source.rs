//! What is captured: files of the disk, or of a commit.
//!
//! Files are read twice, once for their digests and once, if they are new, for the store; bytes that changed in between are refused.
//! Deliberately absent: following symbolic links, and anything but plain files.

use super::{Store, blobs, restore::STAGING};
use crate::{
    artifact::{
        FileEntry, Files,
        files::{self, Mode},
    },
    domain::{Digest, Fault, Finding, Reason, Result},
    tree::{EntryKind, Tree},
    world::machine,
};
use rayon::prelude::*;
use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// git's own folder is never captured.
const GIT: &str = ".git";

/// How many files are read before what is known of them is put away.
const TOGETHER: usize = 4096;

/// The files that are to be captured.
pub struct Source {
    found: Vec<Found>,
    origin: Origin,
    /// Whether something of git's own was left out.
    pub without_git: bool,
}

struct Found {
    path: Box<str>,
    mode: Mode,
}

/// Where the files are: each place with the name that it has in the snapshot.
enum Origin {
    Disk(Vec<(PathBuf, String)>),
    Tree(Arc<dyn Tree>, Vec<(String, String)>),
}

/// The files that are to be captured, with their digests.
pub struct Read {
    pub files: Files,
    origin: Origin,
}

/// Called for each file that was read, with how many there are.
pub type Progressed<'a> = dyn Fn(usize) + Sync + 'a;

impl Source {
    /// Files and folders of the disk, each with the name that it has in the snapshot; the empty name: its files stand at the top.
    /// Faults: `findings`, which name everything that cannot be captured.
    pub fn of_disk(roots: &[(PathBuf, String)], store: &Path) -> Result<Source> {
        let mut walk = Walk { store: fs::canonicalize(store).ok(), ..Walk::default() };
        let mut named = Vec::new();
        for (path, name) in roots {
            // A file has its own name there.
            let name = if name.is_empty() && !path.is_dir() { own_name(path) } else { name.clone() };
            walk.visit(path, name.clone())?;
            named.push((path.clone(), name));
        }
        let Walk { found, wrong, without_git, .. } = walk;
        Source { found, origin: Origin::Disk(named), without_git }.checked(wrong)
    }

    /// Plain files of one folder, as far as they are there.
    pub(super) fn of_folder(folder: &Path, files: &Files) -> Result<Source> {
        let mut walk = Walk::default();
        for path in files.paths() {
            let place = folder.join(path);
            match fs::symlink_metadata(&place) {
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                _ => walk.visit(&place, path.to_owned())?,
            }
        }
        let Walk { found, wrong, without_git, .. } = walk;
        let source = Source { found, origin: Origin::Disk(vec![(folder.to_owned(), String::new())]), without_git };
        if source.found.is_empty() && wrong.is_empty() { Ok(source) } else { source.checked(wrong) }
    }

    /// Files of a tree, each path with the name that it has in the snapshot.
    pub fn of_tree(tree: Arc<dyn Tree>, roots: &[(String, String)]) -> Result<Source> {
        let (mut found, mut wrong) = (Vec::new(), Vec::new());
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
                found.push(Found { path: path.into(), mode });
            }
        }
        let origin = Origin::Tree(tree.clone(), roots.to_vec());
        Source { found, origin, without_git: false }.checked(wrong)
    }

    fn checked(mut self, mut wrong: Vec<Finding>) -> Result<Source> {
        self.found.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        wrong.extend(self.found.iter().filter_map(|file| Some(refused(&file.path, files::why_not(&file.path)?))));
        if !wrong.is_empty() {
            let fault = Fault::new(Reason::Findings, format!("{} of the source cannot be captured", files::counted(wrong.len())));
            return Err(fault.help("name the files or folders to capture without them").findings(wrong));
        }
        if self.found.is_empty() {
            let fault = Fault::new(Reason::NothingToCheck, "there is no file to capture");
            return Err(fault.help("name a file, or a folder that has some"));
        }
        Ok(self)
    }

    pub fn len(&self) -> usize {
        self.found.len()
    }

    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Reads every file.
    pub fn read(self, done: &Progressed) -> Result<Read> {
        let Source { found, origin, .. } = self;
        let all = found.len();
        let read = |file: &Found| {
            let from = origin.open(&file.path).and_then(|from| blobs::digested(from, u64::MAX));
            let (size, digest) = from.map_err(|error| unread(&file.path, &error))?;
            done(all);
            Ok(FileEntry { path: file.path.to_string(), mode: file.mode, size, digest })
        };
        let mut fault = None;
        let mut together = Vec::new();
        let mut left = found.into_iter();
        let files: Files = std::iter::from_fn(|| {
            if together.is_empty() {
                let next: Vec<Found> = left.by_ref().take(TOGETHER).collect();
                match next.par_iter().rev().map(read).collect::<Result<Vec<FileEntry>>>() {
                    Ok(entries) => together = entries,
                    Err(first) => fault = Some(first),
                }
            }
            together.pop()
        })
        .collect();
        if let Some(fault) = fault {
            return Err(fault);
        }
        match files::why_not_all(&files) {
            None => Ok(Read { files, origin }),
            Some(why) => Err(Fault::new(Reason::Findings, format!("the source cannot be captured: {why}"))),
        }
    }
}

impl Read {
    /// The bytes of a file, from their beginning.
    pub(super) fn open(&self, path: &str) -> io::Result<Box<dyn io::Read + '_>> {
        self.origin.open(path)
    }
}

impl Origin {
    fn open(&self, path: &str) -> io::Result<Box<dyn io::Read + '_>> {
        match self {
            Origin::Disk(roots) => {
                let place = roots.iter().find_map(|(root, name)| Some((root, below(name, path)?)));
                let (root, rest) = place.ok_or(io::ErrorKind::NotFound)?;
                Ok(Box::new(if rest.is_empty() { blobs::open(root)? } else { blobs::open(&root.join(rest))? }))
            }
            Origin::Tree(tree, roots) => {
                let place = roots.iter().find_map(|(root, name)| Some((root, below(name, path)?)));
                let (root, rest) = place.ok_or(io::ErrorKind::NotFound)?;
                let place = if rest.is_empty() { root.clone() } else { join(root, rest) };
                let bytes = tree.read(&place).map_err(|error| io::Error::other(error.to_string()))?;
                Ok(Box::new(io::Cursor::new(bytes.ok_or(io::ErrorKind::NotFound)?)))
            }
        }
    }
}

/// What is left of a path below what has this name in the snapshot; nothing, where it is that itself.
fn below<'p>(name: &str, path: &'p str) -> Option<&'p str> {
    match path.strip_prefix(name)? {
        "" => Some(""),
        _ if name.is_empty() => Some(path),
        rest => rest.strip_prefix('/'),
    }
}

/// Which files of a list differ from those below a folder: their places in the list.
pub(super) fn differing(folder: &Path, files: &Files) -> Result<Vec<usize>> {
    let differs = |at: usize| -> Result<Option<usize>> {
        let file = files.get(at);
        let now = match blobs::open(&folder.join(&file.path)) {
            Ok(now) => now,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(Some(at)),
            Err(error) => return Err(unread(&file.path, &error)),
        };
        let meta = now.metadata().map_err(|error| unread(&file.path, &error))?;
        if Mode::of_bits(meta.permissions().mode() & 0o7777) != Some(file.mode) || meta.len() != file.size {
            return Ok(Some(at));
        }
        let now = blobs::digested(now, u64::MAX).map_err(|error| unread(&file.path, &error))?;
        Ok((now != (file.size, file.digest)).then_some(at))
    };
    let differing: Vec<Option<usize>> = (0..files.len()).into_par_iter().map(differs).collect::<Result<_>>()?;
    Ok(differing.into_iter().flatten().collect())
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
    found: Vec<Found>,
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
                self.found.push(Found { path: name.into(), mode });
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
