//! Whoever writes to a store: one at a time, and in an order that leaves it whole wherever it ends.

use super::{ALGORITHM, BLOBS, INDEX, LAYOUT, LOCK, LOG, OWN, Progressed, Read, Store, TEMPORARY, View, blobs, source};
use crate::{
    artifact::{
        FileEntry, Files, Label,
        log::{By, What},
        manifest::{self, Index, LARGEST_READ, LAYOUT_BYTES, Made},
        tar,
    },
    domain::{Digest, Fault, Reason, Result, Timestamp, digest::Hasher},
    world::progress::Progress,
};
use rayon::prelude::*;
use std::{
    collections::HashMap,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long the lock is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Files up to this number are each brought to the disk by themselves; more of them by one call for the whole file system.
const FEW: usize = 16;

/// Small files are read side by side before they are written into a tar one after the other, so many bytes at a time.
const BATCH: u64 = 4 << 20;

/// And so many files.
const TOGETHER: usize = 4096;

/// A store and its lock.
pub struct Writer<'s> {
    store: &'s Store,
    _lock: File,
    pub view: View,
}

impl<'s> Writer<'s> {
    /// Takes the lock; begins the store where there is none yet. Faults: `store_busy`; `store_broken` where the log does not verify.
    pub async fn begin(store: &'s Store, progress: &Progress) -> Result<Writer<'s>> {
        let root = &store.root;
        let failed = |what: &str| {
            let what = what.to_owned();
            move |error: io::Error| store.unwritten(&what, &error)
        };
        make_folder(root, 0o700).map_err(failed("the folder"))?;
        let own = root.join(OWN);
        make_folder(&own, 0o777).map_err(failed(OWN))?;
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(own.join(LOCK)).map_err(failed(LOCK))?;
        let began = Instant::now();
        let mut waiting = None;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if began.elapsed() < PATIENCE => {
                    waiting.get_or_insert_with(|| progress.until("another process writes to the store; waiting for it", PATIENCE));
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(Fault::new(Reason::StoreBusy, format!("another process writes to the store {}", root.display())));
                }
                Err(TryLockError::Error(error)) => return Err(store.unwritten(LOCK, &error)),
            }
        }
        drop(waiting);
        let temporary = own.join(TEMPORARY);
        match fs::remove_dir_all(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(store.unwritten(TEMPORARY, &error)),
            _ => make_folder(&temporary, 0o700).map_err(failed(TEMPORARY))?,
        }
        make_folder(&root.join(BLOBS), 0o777).map_err(failed(BLOBS))?;
        make_folder(&root.join(BLOBS).join(ALGORITHM), 0o777).map_err(failed(BLOBS))?;
        let view = store.view()?;
        if let Some(why) = &view.broken {
            let fault = Fault::new(Reason::StoreBroken, format!("the log of the store {} does not verify: {why}", root.display()));
            return Err(fault.help("nothing was written. Bring `index.json` and `tagwarden/log` back from one copy of the store"));
        }
        let writer = Writer { store, _lock: lock, view };
        if !store.has_layout().map_err(failed(LAYOUT))? {
            // The index that comes after it brings its name to the disk, too; a store without it gets it from the next writer.
            write_whole(&writer.temporary(LAYOUT), LAYOUT_BYTES).map_err(failed(LAYOUT))?;
            fs::rename(writer.temporary(LAYOUT), store.root.join(LAYOUT)).map_err(failed(LAYOUT))?;
        }
        Ok(writer)
    }

    fn temporary(&self, name: &str) -> PathBuf {
        self.store.root.join(OWN).join(TEMPORARY).join(name)
    }

    /// Writes the files of a snapshot, as far as they are not there, and its manifest. Nothing names them yet. Faults: `source_changed`.
    pub fn capture(&self, source: &Read, label: Option<&Label>, done: &Progressed) -> Result<Made> {
        let made = match manifest::of_files(&source.files, label)? {
            Some(made) => {
                self.put_files(source, done)?;
                self.put_small(&[manifest::EMPTY_BYTES])?;
                made
            }
            None => {
                let list = self.put_list(&source.files)?;
                let layer = match self.with_list(&list.0) {
                    Some(layer) => layer,
                    None => self.put_tar(source, done)?,
                };
                manifest::in_tar(&source.files, list, layer, label)?
            }
        };
        self.put_small(&[&made.manifest])?;
        Ok(made)
    }

    /// The list of the files as a blob; its digest and length.
    fn put_list(&self, files: &Files) -> Result<(Digest, u64)> {
        let temporary = self.temporary("files.json");
        let unwritten = |error: io::Error| self.store.unwritten("a list of files", &error);
        let written = || -> io::Result<(Digest, u64)> {
            let mut output = Digested::new(create(&temporary)?);
            manifest::list_of(files, &mut output)?;
            let (file, digest) = output.finish()?;
            let size = file.metadata()?.len();
            if !self.store.has(&digest, size) {
                file.sync_all()?;
                fs::rename(&temporary, self.temporary(digest.hex()))?;
                self.place(&[&digest])?;
            }
            Ok((digest, size))
        };
        written().map_err(unwritten)
    }

    /// The tar layer of a snapshot that has this list already, if all of it is right.
    fn with_list(&self, list: &Digest) -> Option<Digest> {
        self.view.index.sizes().into_iter().find_map(|(digest, size)| {
            let bytes = self.store.small_blob(&digest, size, LARGEST_READ).ok()?;
            let manifest::Parsed::Listed(listed) = manifest::parse(&digest, &bytes).ok()? else { return None };
            if listed.list != *list {
                return None;
            }
            let snapshot = self.store.snapshot(&digest, size).ok()?;
            let manifest::Form::Tar { layer, .. } = &snapshot.form else { return None };
            self.store.check_all(&[&snapshot], &|_| {}).is_empty().then(|| layer.clone())
        })
    }

    /// Each file as a blob.
    fn put_files(&self, source: &Read, done: &Progressed) -> Result<()> {
        let files: Vec<FileEntry> = source.files.iter().collect();
        let first: HashMap<&Digest, usize> = files.iter().enumerate().rev().map(|(at, file)| (&file.digest, at)).collect();
        let mut first: Vec<usize> = first.into_values().collect();
        first.sort_unstable();
        let put = |at: &usize| -> Result<Option<&Digest>> {
            let file = &files[*at];
            done(files.len());
            if self.store.has(&file.digest, file.size) {
                return Ok(None);
            }
            let temporary = self.temporary(file.digest.hex());
            let mut output = create(&temporary).map_err(|error| self.store.unwritten("a blob", &error))?;
            let mut hasher = Hasher::default();
            let mut kept = Ok(());
            let from = source.open(&file.path).map_err(|error| source::unread(&file.path, &error))?;
            let size = blobs::pieces(from, file.size, |piece| {
                hasher.update(piece);
                kept = output.write_all(piece);
                if kept.is_ok() { Ok(()) } else { Err(io::ErrorKind::Other.into()) }
            });
            kept.map_err(|error| self.store.unwritten("a blob", &error))?;
            let size = size.map_err(|error| source::unread(&file.path, &error))?;
            if size != file.size || hasher.finish() != file.digest {
                return Err(changed(&file.path));
            }
            if first.len() <= FEW {
                output.sync_all().map_err(|error| self.store.unwritten("a blob", &error))?;
            }
            Ok(Some(&file.digest))
        };
        let new: Vec<Option<&Digest>> = first.par_iter().map(put).collect::<Result<_>>()?;
        let new: Vec<&Digest> = new.into_iter().flatten().collect();
        let placed = || -> io::Result<()> {
            if first.len() > FEW && !new.is_empty() {
                sync_all(&self.store.root.join(OWN).join(TEMPORARY), new.iter().map(|digest| digest.hex().to_owned()))?;
            }
            self.place(&new)
        };
        placed().map_err(|error| self.store.unwritten("a blob", &error))
    }

    /// All files as one tar; the digest of it.
    fn put_tar(&self, source: &Read, done: &Progressed) -> Result<Digest> {
        let temporary = self.temporary("files.tar");
        let unwritten = |error: io::Error| self.store.unwritten("a tar", &error);
        let mut output = Digested::new(create(&temporary).map_err(unwritten)?);
        let all = source.files.len();
        let mut left = source.files.iter().peekable();
        while let Some(file) = left.next() {
            if file.size > BATCH {
                self.put_large(source, &file, &mut output)?;
                done(all);
                continue;
            }
            let mut bytes = file.size;
            let mut batch = vec![file];
            while batch.len() < TOGETHER
                && let Some(file) = left.next_if(|file| bytes.saturating_add(file.size) <= BATCH)
            {
                bytes += file.size;
                batch.push(file);
            }
            let read: Vec<Vec<u8>> = batch.par_iter().map(|file| whole(source, file)).collect::<Result<_>>()?;
            for (file, bytes) in batch.iter().zip(read) {
                entry(&mut output, file, |output| output.write_all(&bytes)).map_err(unwritten)?;
                done(all);
            }
        }
        let (file, digest) = output.write_all(&tar::END).and_then(|()| output.finish()).map_err(unwritten)?;
        let placed = || -> io::Result<()> {
            file.sync_all()?;
            fs::rename(&temporary, self.temporary(digest.hex()))?;
            self.place(&[&digest])
        };
        placed().map_err(unwritten)?;
        Ok(digest)
    }

    fn put_large(&self, source: &Read, file: &FileEntry, output: &mut Digested) -> Result<()> {
        let unwritten = |error: io::Error| self.store.unwritten("a tar", &error);
        let from = source.open(&file.path).map_err(|error| source::unread(&file.path, &error))?;
        let mut hasher = Hasher::default();
        let (mut size, mut read) = (0, Ok(()));
        let wrote = entry(output, file, |output| {
            let mut kept = Ok(());
            let came = blobs::pieces(from, file.size, |piece| {
                hasher.update(piece);
                kept = output.write_all(piece);
                if kept.is_ok() { Ok(()) } else { Err(io::ErrorKind::Other.into()) }
            });
            kept?;
            match came {
                Ok(came) => size = came,
                Err(error) => read = Err(error),
            }
            Ok(())
        });
        wrote.map_err(unwritten)?;
        read.map_err(|error| source::unread(&file.path, &error))?;
        if size == file.size && hasher.finish() == file.digest { Ok(()) } else { Err(changed(&file.path)) }
    }

    /// Small blobs that are at hand.
    pub fn put_small(&self, all: &[&[u8]]) -> Result<()> {
        let put = || -> io::Result<()> {
            let mut new = Vec::new();
            for bytes in all {
                let digest = Digest::of(bytes);
                if !self.store.has(&digest, bytes.len() as u64) {
                    write_whole(&self.temporary(digest.hex()), bytes)?;
                    new.push(digest);
                }
            }
            self.place(&new.iter().collect::<Vec<_>>())
        };
        put().map_err(|error| self.store.unwritten("a blob", &error))
    }

    /// Gives temporary files, which are on the disk, their names.
    fn place(&self, digests: &[&Digest]) -> io::Result<()> {
        for digest in digests {
            fs::rename(self.temporary(digest.hex()), self.store.blob(digest))?;
        }
        if digests.is_empty() { Ok(()) } else { sync_folder(&self.store.root.join(BLOBS).join(ALGORITHM)) }
    }

    /// Writes one event and, with it, a new index. Either both count or none.
    pub fn commit(&mut self, time: Timestamp, by: &By, what: What, change: impl FnOnce(&mut Index)) -> Result<()> {
        let unwritten = |error: io::Error| self.store.unwritten("the log", &error);
        let (mut log, mut index) = (self.view.log.clone(), self.view.index.clone());
        let before = log.length as u64;
        let line = log.add(time, by, what)?;
        change(&mut index);
        if let Some(head) = &log.head {
            index.set_log(log.events.len() as u64, head);
        }
        let append = || -> io::Result<File> {
            let path = self.store.root.join(OWN).join(LOG);
            let mut file = OpenOptions::new().append(true).create(true).open(path)?;
            // What a write left that did not come to its end.
            if file.metadata()?.len() != before {
                file.set_len(before)?;
            }
            file.write_all(&line)?;
            Ok(file)
        };
        let written = append().map_err(unwritten)?;
        let bytes = index.to_bytes()?;
        // Both are on the disk before the index takes its place; the disk is waited for once.
        let (logged, indexed) = rayon::join(
            || {
                written.sync_all()?;
                if before == 0 { sync_folder(&self.store.root.join(OWN)) } else { Ok(()) }
            },
            || write_whole(&self.temporary(INDEX), &bytes),
        );
        logged.map_err(unwritten)?;
        let place = || {
            fs::rename(self.temporary(INDEX), self.store.root.join(INDEX))?;
            sync_folder(&self.store.root)
        };
        indexed.and_then(|()| place()).map_err(|error| self.store.unwritten(INDEX, &error))?;
        self.view = View { state: log.state(), index, log, broken: None, is_logged: true };
        Ok(())
    }

    /// Removes blobs that nothing names.
    pub fn remove(&self, blobs: &[(Digest, u64)]) -> Result<()> {
        let removed = || -> io::Result<()> {
            for (digest, _) in blobs {
                fs::remove_file(self.store.blob(digest))?;
            }
            if blobs.is_empty() { Ok(()) } else { sync_folder(&self.store.root.join(BLOBS).join(ALGORITHM)) }
        };
        removed().map_err(|error| self.store.unwritten(BLOBS, &error))
    }
}

impl Drop for Writer<'_> {
    /// What is not whole goes at once, while the lock is held: on a disk that it filled nobody could write before the next writer.
    fn drop(&mut self) {
        let left = fs::read_dir(self.store.root.join(OWN).join(TEMPORARY));
        for entry in left.into_iter().flatten().flatten() {
            // The next writer tries again.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn changed(path: &str) -> Fault {
    Fault::new(Reason::SourceChanged, format!("`{}` changed while it was captured", path.escape_debug()))
}

fn whole(source: &Read, file: &FileEntry) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(file.size as usize + 1);
    let from = source.open(&file.path).map_err(|error| source::unread(&file.path, &error))?;
    from.take(file.size.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| source::unread(&file.path, &error))?;
    if bytes.len() as u64 == file.size && Digest::of(&bytes) == file.digest { Ok(bytes) } else { Err(changed(&file.path)) }
}

/// One file of a tar.
fn entry(output: &mut Digested, file: &FileEntry, bytes: impl FnOnce(&mut Digested) -> io::Result<()>) -> io::Result<()> {
    output.write_all(&tar::header(file))?;
    bytes(output)?;
    output.write_all(&vec![0; tar::padding(file.size)])
}

/// A file that is digested while it is written.
struct Digested {
    to: io::BufWriter<File>,
    hasher: Hasher,
}

impl Digested {
    fn new(to: File) -> Digested {
        Digested { to: io::BufWriter::with_capacity(1 << 20, to), hasher: Hasher::default() }
    }

    fn finish(self) -> io::Result<(File, Digest)> {
        Ok((self.to.into_inner().map_err(io::IntoInnerError::into_error)?, self.hasher.finish()))
    }
}

impl Write for Digested {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.to.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn make_folder(path: &Path, mode: u32) -> io::Result<()> {
    if path.is_dir() { Ok(()) } else { DirBuilder::new().recursive(true).mode(mode).create(path) }
}

pub(super) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A name that an earlier step of this run left.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Brings files of a folder to the disk: all that the file system has in one call where there is one, else each by itself.
#[cfg(target_os = "linux")]
pub(super) fn sync_all(folder: &Path, _names: impl Iterator<Item = String>) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(folder)?)?)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn sync_all(folder: &Path, names: impl Iterator<Item = String>) -> io::Result<()> {
    names.into_iter().try_for_each(|name| File::open(folder.join(name))?.sync_all())
}
