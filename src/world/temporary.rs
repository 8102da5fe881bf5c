//! Folders for the time of a run: 0700, and gone with the run however it ends.
//!
//! Each is locked while its process lives. What a killed process left behind has a lock that nobody holds, and is removed by the next
//! run that needs a folder in the same place. A folder that is younger than a minute is left alone, since its maker may not have come
//! to lock it yet.

use crate::domain::{Fault, Reason, Result};
use std::{
    collections::BTreeSet,
    fs::{File, Permissions},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tempfile::TempDir;

const PREFIX: &str = "tagwarden-";

/// No process takes longer from making a folder to locking it.
const UNLOCKED: Duration = Duration::from_secs(60);

/// A folder that goes away with the handle.
#[derive(Debug)]
pub struct Temporary {
    folder: TempDir,
    /// Locked.
    _lock: File,
}

/// What this process made, and where it has looked for what others left.
struct Known {
    made: BTreeSet<PathBuf>,
    looked: BTreeSet<PathBuf>,
}

static KNOWN: Mutex<Known> = Mutex::new(Known { made: BTreeSet::new(), looked: BTreeSet::new() });

fn known() -> MutexGuard<'static, Known> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Temporary {
    /// An empty folder in `within`.
    pub fn new(within: &Path) -> io::Result<Temporary> {
        if known().looked.insert(within.to_owned()) {
            remove_left(within);
        }
        let folder = tempfile::Builder::new().prefix(PREFIX).permissions(Permissions::from_mode(0o700)).tempdir_in(within)?;
        let lock = File::open(folder.path())?;
        lock.lock()?;
        known().made.insert(folder.path().to_owned());
        Ok(Temporary { folder, _lock: lock })
    }

    /// The same for a run, which cannot go on without. Faults: `no_resources`.
    pub fn needed(within: &Path) -> Result<Temporary> {
        Temporary::new(within).map_err(|error| {
            let why = format!("no folder for temporary files can be made in {}: {error}", within.display());
            Fault::new(Reason::NoResources, why).help("let TMPDIR name a folder that is there, has room, and can be written")
        })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        known().made.remove(self.folder.path());
    }
}

/// Removes every folder of this process: for its end, where handles may be held by threads that do not come back.
pub fn remove_all() {
    for folder in std::mem::take(&mut known().made) {
        // What cannot be removed now is removed by a later run.
        let _ = std::fs::remove_dir_all(folder);
    }
}

/// What cannot be looked at or removed is left for another time.
fn remove_left(within: &Path) {
    let own = rustix::process::getuid().as_raw();
    for entry in std::fs::read_dir(within).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let Ok(meta) = entry.path().symlink_metadata() else { continue };
        let is_old = meta.modified().ok().and_then(|time| time.elapsed().ok()).is_some_and(|age| age > UNLOCKED);
        if !is_ours || !meta.is_dir() || meta.uid() != own || !is_old {
            continue;
        }
        let Ok(lock) = File::open(entry.path()) else { continue };
        if lock.try_lock().is_ok() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn age(folder: &Path) {
        let then = SystemTime::now() - UNLOCKED * 2;
        File::open(folder).unwrap().set_modified(then).unwrap();
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let within = tempfile::tempdir().unwrap();
        let path = |name: &str| within.path().join(name);
        for name in ["tagwarden-left", "tagwarden-young", "tagwarden-held", "other"] {
            std::fs::create_dir(path(name)).unwrap();
            std::fs::write(path(name).join("file"), "x").unwrap();
        }
        std::fs::write(path("tagwarden-file"), "x").unwrap();
        let held = File::open(path("tagwarden-held")).unwrap();
        held.lock().unwrap();
        for name in ["tagwarden-left", "tagwarden-held", "other", "tagwarden-file"] {
            age(&path(name));
        }
        let own = Temporary::new(within.path()).unwrap();
        assert_eq!(own.path().metadata().unwrap().mode() & 0o777, 0o700);
        age(own.path());
        let mut left: Vec<_> = std::fs::read_dir(within.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        left.retain(|path| path != own.path());
        left.sort();
        assert_eq!(left, ["other", "tagwarden-file", "tagwarden-held", "tagwarden-young"].map(path));
        // A live one is not removed by another run.
        remove_left(within.path());
        assert!(own.path().exists() && !path("tagwarden-left").exists());
        let made = own.path().to_owned();
        drop(own);
        assert!(!made.exists());
    }
}
