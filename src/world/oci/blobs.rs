//! The bytes of a store: read and checked against their names.

use super::{ALGORITHM, BLOBS, Store};
use crate::{
    artifact::{FileEntry, Form, Snapshot, tar},
    domain::{Digest, Finding, digest::Hasher},
};
use rayon::prelude::*;
use rustix::fs::OFlags;
use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// What is read at once, in bytes.
const PIECE: usize = 256 << 10;

/// Why a part of a store cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    Missing(Digest),
    /// Its bytes are not those of its name; what they are instead.
    Other(Digest, String),
    /// What a manifest says breaks a rule.
    Malformed(Digest, String),
    /// Whether it is right is not known.
    Unreadable(Digest, String),
}

impl Wrong {
    /// The blob.
    pub fn digest(&self) -> &Digest {
        match self {
            Wrong::Missing(digest) | Wrong::Other(digest, _) | Wrong::Malformed(digest, _) | Wrong::Unreadable(digest, _) => digest,
        }
    }

    pub fn finding(&self) -> Finding {
        match self {
            Wrong::Missing(digest) => Finding::error("snapshot/blob-missing", format!("the blob {digest} is not there")),
            Wrong::Other(digest, what) => Finding::error("snapshot/other-bytes", format!("the blob {digest} {what}")),
            Wrong::Malformed(digest, why) => Finding::error("snapshot/manifest", format!("the manifest {digest} is wrong: {why}")),
            Wrong::Unreadable(digest, why) => Finding::error("snapshot/other-bytes", format!("the blob {digest} cannot be read: {why}")),
        }
    }
}

/// Opens a plain file: no symbolic link, no pipe that would never end.
pub fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a plain file")),
    }
}

/// The bytes of a plain file that is not larger than it may be.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let large = || io::Error::new(io::ErrorKind::InvalidData, format!("it is larger than {limit} bytes"));
    if file.metadata()?.len() > limit {
        return Err(large());
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(large()) } else { Ok(bytes) }
}

/// Reads to the end, handing each piece on; how many bytes there were. A reader that gives more than `most` is stopped.
pub fn pieces(mut from: impl Read, most: u64, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<u64> {
    // Most files are small, and a fresh buffer for each would cost more than they do.
    thread_local! {
        static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    }
    let mut buffer = BUFFER.take();
    buffer.resize(PIECE, 0);
    let mut count: u64 = 0;
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => {
                BUFFER.set(buffer);
                return Ok(count);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        count += read as u64;
        if count > most {
            return Ok(count);
        }
        take(&buffer[..read])?;
    }
}

/// Size and digest of what comes, up to a size.
pub fn digested(from: impl Read, most: u64) -> io::Result<(u64, Digest)> {
    let mut hasher = Hasher::default();
    let size = pieces(from, most, |piece| {
        hasher.update(piece);
        Ok(())
    })?;
    Ok((size, hasher.finish()))
}

/// Called with a file's place in its list, the file, and a piece of its bytes.
pub(super) type Taking<'a> = dyn FnMut(usize, &FileEntry, &[u8]) -> io::Result<()> + 'a;

impl Store {
    /// A blob of this size. Its bytes are not looked at yet.
    pub(super) fn open_blob(&self, digest: &Digest, size: u64) -> Result<File, Wrong> {
        let unreadable = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Wrong::Missing(digest.clone()),
            _ => Wrong::Unreadable(digest.clone(), error.to_string()),
        };
        let file = open(&self.blob(digest)).map_err(unreadable)?;
        match file.metadata().map_err(unreadable)?.len() {
            length if length == size => Ok(file),
            length => Err(Wrong::Other(digest.clone(), format!("has {length} bytes, not {size}"))),
        }
    }

    /// A small blob, its digest checked.
    pub fn small_blob(&self, digest: &Digest, size: u64, limit: u64) -> Result<Vec<u8>, Wrong> {
        if size > limit {
            return Err(Wrong::Malformed(digest.clone(), format!("it has {size} bytes, and {limit} are read at most")));
        }
        let mut bytes = Vec::new();
        let read = self.open_blob(digest, size)?.take(size + 1).read_to_end(&mut bytes);
        read.map_err(|error| Wrong::Unreadable(digest.clone(), error.to_string()))?;
        if Digest::of(&bytes) == *digest { Ok(bytes) } else { Err(other_bytes(digest, &Digest::of(&bytes))) }
    }

    /// What is made of a blob while it is read; its digest is checked before, and of what was read again. It need not be in memory.
    pub(super) fn large_blob<T>(&self, digest: &Digest, size: u64, limit: u64, make: impl FnOnce(&mut dyn Read) -> T) -> Result<T, Wrong> {
        if size > limit {
            return Err(Wrong::Malformed(digest.clone(), format!("it has {size} bytes, and {limit} are read at most")));
        }
        self.check(digest, size)?;
        let file = self.open_blob(digest, size)?.take(size);
        let mut hashed = Hashed { from: file, hasher: Hasher::default() };
        let made = make(&mut io::BufReader::with_capacity(PIECE, &mut hashed));
        let rest = io::copy(&mut hashed, &mut io::sink());
        rest.map_err(|error| Wrong::Unreadable(digest.clone(), error.to_string()))?;
        let found = hashed.hasher.finish();
        if found == *digest { Ok(made) } else { Err(other_bytes(digest, &found)) }
    }

    /// Whether a blob has the bytes of its name.
    pub fn check(&self, digest: &Digest, size: u64) -> Result<(), Wrong> {
        let file = self.open_blob(digest, size)?;
        match digested(file, size).map_err(|error| Wrong::Unreadable(digest.clone(), error.to_string()))? {
            (_, found) if found == *digest => Ok(()),
            (_, found) => Err(other_bytes(digest, &found)),
        }
    }

    /// Every byte of these snapshots against the names; each blob is read once. What is wrong comes sorted. `done` is called for each
    /// blob, with how many there are.
    pub fn check_all(&self, snapshots: &[&Snapshot], done: &(dyn Fn(usize) + Sync)) -> Vec<Wrong> {
        let mut files: BTreeSet<([u8; 32], u64)> = BTreeSet::new();
        let mut tars: BTreeMap<&Digest, &Snapshot> = BTreeMap::new();
        for snapshot in snapshots {
            match &snapshot.form {
                Form::Blobs => files.extend(snapshot.files.iter().map(|file| (file.digest.to_bytes(), file.size))),
                Form::Tar { layer, .. } => drop(tars.insert(layer, snapshot)),
            }
        }
        let all = files.len() + tars.len();
        let files: Vec<([u8; 32], u64)> = files.into_iter().collect();
        let tars: Vec<&Snapshot> = tars.into_values().collect();
        let mut wrong: Vec<Wrong> = tars
            .par_iter()
            .filter_map(|snapshot| {
                let wrong = self.check_tar(snapshot).err();
                done(all);
                wrong
            })
            .chain(files.par_iter().filter_map(|(digest, size)| {
                let wrong = self.check(&Digest::of_bytes(digest), *size).err();
                done(all);
                wrong
            }))
            .collect();
        wrong.sort_by_key(|wrong| wrong.finding().message);
        wrong
    }

    /// A tar layer as a whole, and each file in it.
    fn check_tar(&self, snapshot: &Snapshot) -> Result<(), Wrong> {
        let mut check = |_, _: &_, _: &[u8]| Ok(());
        self.untar(snapshot, &mut check)
    }

    /// Reads the tar layer of a snapshot once from end to end, and gives each file's place in the list and bytes in pieces. Only when all
    /// of it was read is it known to be right.
    pub(super) fn untar(&self, snapshot: &Snapshot, take: &mut Taking) -> Result<(), Wrong> {
        let Form::Tar { layer, size, .. } = &snapshot.form else { return Ok(()) };
        let failed = |error: io::Error| Wrong::Unreadable(layer.clone(), error.to_string());
        let other = |what: String| Wrong::Other(layer.clone(), what);
        let mut input = Hashed { from: io::BufReader::with_capacity(PIECE, self.open_blob(layer, *size)?), hasher: Hasher::default() };
        for (at, file) in snapshot.files.iter().enumerate() {
            let header = tar::header(&file);
            if input.next(header.len()).map_err(failed)? != header {
                return Err(other(format!("does not have the header of `{}` where it belongs", file.path)));
            }
            let mut hasher = Hasher::default();
            let read = pieces((&mut input).take(file.size), file.size, |piece| {
                hasher.update(piece);
                take(at, &file, piece)
            });
            let read = read.map_err(failed)?;
            if read != file.size || hasher.finish() != file.digest {
                return Err(other(format!("has other bytes for `{}` than its list says", file.path)));
            }
            let padding = tar::padding(file.size);
            if input.next(padding).map_err(failed)?.iter().any(|byte| *byte != 0) {
                return Err(other(format!("has bytes behind `{}` that belong to no file", file.path)));
            }
        }
        if input.next(tar::END.len()).map_err(failed)? != tar::END {
            return Err(other("does not end where its list ends".to_owned()));
        }
        let found = input.hasher.finish();
        if found == *layer { Ok(()) } else { Err(other_bytes(layer, &found)) }
    }

    /// Every blob that is there, by its name; other files of the folder are not counted.
    pub(super) fn all_blobs(&self) -> io::Result<BTreeSet<Digest>> {
        let mut blobs = BTreeSet::new();
        for entry in fs::read_dir(self.root.join(BLOBS).join(ALGORITHM))? {
            let name = entry?.file_name();
            blobs.extend(name.to_str().and_then(|name| format!("{ALGORITHM}:{name}").parse::<Digest>().ok()));
        }
        Ok(blobs)
    }
}

fn other_bytes(digest: &Digest, found: &Digest) -> Wrong {
    Wrong::Other(digest.clone(), format!("has other bytes: their digest is {found}"))
}

/// A reader that digests all that it gives.
struct Hashed<R> {
    from: R,
    hasher: Hasher,
}

impl<R: Read> Hashed<R> {
    fn next(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}
