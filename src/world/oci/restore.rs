//! Puts the files of a snapshot into a folder: whole files only, each in one step.
//!
//! All bytes are written beside their places first and brought to the disk; then each takes its place by a rename, so that a reader sees
//! the old file or the new one, never a part. Files of the folder that the snapshot does not name stay as they are. A process that ends
//! in between leaves some files old and some new: the log says so, and the same restore, run again, ends it.
//!
//! Deliberately absent: removing files, owners, and exchanging a whole folder at once, which would move the files that are not ours.

use super::{
    Source, Store, blobs, source,
    writer::{create, sync_all, sync_folder},
};
use crate::{
    artifact::{
        FileEntry, Files, Form, Snapshot,
        files::{self, Mode},
    },
    domain::{Fault, Finding, Reason, Result, digest::Hasher},
    world::machine,
};
use rayon::prelude::*;
use std::{
    collections::BTreeSet,
    fs::{self, File, TryLockError},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Where files are written before they take their places.
pub(super) const STAGING: &str = ".tagwarden-restore";

/// A folder that is restored to, and its lock.
pub struct Target {
    root: PathBuf,
    _lock: File,
}

/// What a restore came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Files that were not there or had other bytes or another mode.
    pub written: usize,
    /// Files that were right already.
    pub kept: usize,
    /// The files that were not there before, as places in the list.
    pub new: Vec<usize>,
}

impl Target {
    /// The folder, made where it is missing, and locked. Faults: `store_busy` where another restore writes there.
    pub fn open(dir: &Path) -> Result<Target> {
        let unwritten = |error: io::Error| {
            let reason = machine::unwritten(&error, Reason::BadUsage);
            Fault::new(reason, format!("cannot restore to {}: {error}", dir.display()))
        };
        if !dir.exists() {
            fs::create_dir_all(dir).map_err(unwritten)?;
        }
        let root = fs::canonicalize(dir).map_err(unwritten)?;
        if !root.is_dir() {
            let fault = Fault::new(Reason::BadUsage, format!("{} is not a folder", dir.display()));
            return Err(fault.help("name the folder that holds the files"));
        }
        let lock = File::open(&root).map_err(unwritten)?;
        match lock.try_lock() {
            Ok(()) => Ok(Target { root, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Fault::new(Reason::StoreBusy, format!("another process restores to {}", root.display()))),
            Err(TryLockError::Error(error)) => Err(unwritten(error)),
        }
    }

    /// As the log names it.
    pub fn name(&self) -> String {
        self.root.display().to_string()
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Refuses places where no file may be written: behind symbolic links, where a folder is, where something else is.
    pub fn check(&self, files: &Files) -> Result<()> {
        let mut wrong = Vec::new();
        let refuse = |path: &str, why: &str| {
            Finding::error("snapshot/source", format!("`{}` cannot be written in {}: {why}", path.escape_debug(), self.root.display()))
        };
        for folder in files.folders() {
            match self.at(folder)? {
                Some(meta) if !meta.is_dir() => wrong.push(refuse(folder, "a folder is needed there, and something else is")),
                _ => {}
            }
        }
        for path in files.paths() {
            match self.at(path)? {
                Some(meta) if !meta.is_file() => wrong.push(refuse(path, "it is there and is not a plain file")),
                _ => {}
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        let fault = Fault::new(Reason::Findings, format!("{} places of {} cannot be written", wrong.len(), self.root.display()));
        Err(fault.help("restore to another folder, or move what is in the way").findings(wrong))
    }

    fn at(&self, path: &str) -> Result<Option<fs::Metadata>> {
        match fs::symlink_metadata(self.root.join(path)) {
            Ok(meta) => Ok(Some(meta)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(source::unread(path, &error)),
        }
    }

    /// The files of the folder at these paths, as they are now.
    pub fn now(&self, files: &Files) -> Result<Option<Source>> {
        let source = Source::of_folder(&self.root, files)?;
        Ok(if source.is_empty() { None } else { Some(source) })
    }

    /// Which files differ from the snapshot's: their places in its list, from the first.
    pub fn differing(&self, snapshot: &Snapshot) -> Result<Vec<usize>> {
        source::differing(&self.root, &snapshot.files)
    }

    /// Writes files of a snapshot, of which the places in its list are given from the first. Every byte is checked against its digest
    /// before the first file takes its place.
    pub fn write(&self, store: &Store, snapshot: &Snapshot, files: &[usize]) -> Result<Restored> {
        self.write_some(store, snapshot, files, files.len())
    }

    /// The same, stopped when so many files took their places: what a process leaves that is killed there.
    pub fn write_some(&self, store: &Store, snapshot: &Snapshot, files: &[usize], places: usize) -> Result<Restored> {
        let unwritten = |error: io::Error| {
            Fault::new(machine::unwritten(&error, Reason::NoResources), format!("cannot write to {}: {error}", self.root.display()))
        };
        let staging = self.root.join(STAGING);
        self.clean().map_err(unwritten)?;
        fs::create_dir(&staging).map_err(unwritten)?;
        fs::set_permissions(&staging, fs::Permissions::from_mode(0o700)).map_err(unwritten)?;
        let staged = self.stage(store, snapshot, files, &staging);
        if staged.is_err() {
            // The refusal tells what happened; what is left is removed by the next restore.
            let _ = self.clean();
        }
        staged?;
        let mut new = Vec::new();
        for at in files {
            if self.at(snapshot.files.path(*at))?.is_none() {
                new.push(*at);
            }
        }
        let place = || -> io::Result<()> {
            let mut folders = BTreeSet::from([self.root.clone()]);
            for at in files.iter().take(places) {
                let path = snapshot.files.path(*at);
                for folder in files::folders(path) {
                    let folder = self.root.join(folder);
                    if folders.insert(folder.clone()) && !folder.is_dir() {
                        fs::create_dir(&folder)?;
                    }
                }
                fs::rename(staging.join(at.to_string()), self.root.join(path))?;
            }
            folders.iter().try_for_each(|folder| sync_folder(folder))?;
            if places < files.len() { Ok(()) } else { self.clean() }
        };
        place().map_err(unwritten)?;
        Ok(Restored { written: files.len(), kept: snapshot.files.len() - files.len(), new })
    }

    fn stage(&self, store: &Store, snapshot: &Snapshot, files: &[usize], staging: &Path) -> Result<()> {
        let failed = |error: io::Error| {
            Fault::new(machine::unwritten(&error, Reason::NoResources), format!("cannot write to {}: {error}", self.root.display()))
        };
        if let Form::Tar { .. } = snapshot.form {
            self.stage_tar(store, snapshot, files, staging)?;
        } else {
            let one = |at: &usize| -> Result<()> {
                let file = snapshot.files.get(*at);
                let from = store.open_blob(&file.digest, file.size).map_err(|wrong| store.broken(&wrong.finding()))?;
                let mut output = create(&staging.join(at.to_string())).map_err(failed)?;
                let mut hasher = Hasher::default();
                let copied = blobs::pieces(from, file.size, |piece| {
                    hasher.update(piece);
                    output.write_all(piece)
                });
                copied.map_err(failed)?;
                if hasher.finish() != file.digest {
                    return Err(store.broken(&blobs::Wrong::Other(file.digest.clone(), "changed while it was read".to_owned()).finding()));
                }
                finish(&output, file.mode, files.len()).map_err(failed)
            };
            files.par_iter().map(one).collect::<Result<Vec<()>>>()?;
        }
        let is_synced = files.len() <= FEW && snapshot.form == Form::Blobs;
        if is_synced { Ok(()) } else { sync_all(staging, files.iter().map(usize::to_string)).map_err(failed) }
    }

    fn stage_tar(&self, store: &Store, snapshot: &Snapshot, files: &[usize], staging: &Path) -> Result<()> {
        let mut kept = Ok(());
        let mut open: Option<(usize, File)> = None;
        let begin = |at: usize, mode: Mode| -> io::Result<File> {
            let file = create(&staging.join(at.to_string()))?;
            finish(&file, mode, usize::MAX)?;
            Ok(file)
        };
        // A file without bytes is never given any.
        for (at, file) in files.iter().map(|at| (*at, snapshot.files.get(*at))).filter(|(_, file)| file.size == 0) {
            begin(at, file.mode).map_err(|error| source::unread(&file.path, &error))?;
        }
        let mut write = |file: &FileEntry, at: usize, piece: &[u8]| -> io::Result<()> {
            if open.as_ref().is_none_or(|(own, _)| *own != at) {
                open = Some((at, begin(at, file.mode)?));
            }
            open.as_mut().map_or(Ok(()), |(_, output)| output.write_all(piece))
        };
        let read = store.untar(snapshot, &mut |at, file, piece| {
            if files.binary_search(&at).is_err() {
                return Ok(());
            }
            kept = write(file, at, piece);
            if kept.is_ok() { Ok(()) } else { Err(io::ErrorKind::Other.into()) }
        });
        kept.map_err(|error| {
            Fault::new(machine::unwritten(&error, Reason::NoResources), format!("cannot write to {}: {error}", self.root.display()))
        })?;
        read.map_err(|wrong| store.broken(&wrong.finding()))
    }

    /// Takes files of a list away that a restore which is taken back had brought.
    pub fn remove(&self, files: &Files, brought: &[usize]) -> Result<()> {
        let remove = || -> io::Result<()> {
            let mut folders = BTreeSet::new();
            for at in brought {
                let path = self.root.join(files.path(*at));
                folders.extend(path.parent().map(Path::to_owned));
                match fs::remove_file(path) {
                    // It never took its place.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    other => other?,
                }
            }
            folders.iter().filter(|folder| folder.is_dir()).try_for_each(|folder| sync_folder(folder))
        };
        remove().map_err(|error| {
            Fault::new(machine::unwritten(&error, Reason::NoResources), format!("cannot remove from {}: {error}", self.root.display()))
        })
    }

    fn clean(&self) -> io::Result<()> {
        match fs::remove_dir_all(self.root.join(STAGING)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

/// Files up to this number are each brought to the disk by themselves.
const FEW: usize = 16;

fn finish(file: &File, mode: Mode, files: usize) -> io::Result<()> {
    file.set_permissions(fs::Permissions::from_mode(mode.bits()))?;
    if files <= FEW { file.sync_all() } else { Ok(()) }
}
