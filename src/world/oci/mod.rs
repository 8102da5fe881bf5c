//! A store of snapshots in a folder: an OCI image layout with a log beside it. Its form, and the order of writes that keeps it whole,
//! are those of [`crate::artifact`].
//!
//! Readers take no lock: `index.json` is replaced in one step and names everything else. Whoever writes holds the lock of the folder
//! from the first byte to the last. Everything that is read is taken as hostile: plain files only, no longer than they say they are,
//! and their digest before anything is made of them.
//!
//! Deliberately absent: registries, and repairing what is broken. Only a file whose bytes are at hand again is put right, by the next
//! capture of them.

mod blobs;
mod orphans;
mod restore;
mod signatures;
mod source;
mod spoil;
mod writer;

pub use blobs::Wrong;
pub use restore::{Restored, Target};
pub use signatures::Signatures;
pub use source::{Progressed, Read, Source};
pub use spoil::Spoiled;
pub use writer::Writer;

use super::machine;
use crate::{
    artifact::{
        log::{Log, State},
        manifest::{self, Index, LARGEST_READ, LONGEST_LIST, Parsed, Snapshot},
        names::{self, Led, Wanted},
    },
    domain::{Digest, Fault, Finding, Reason, Result},
};
use std::{
    fmt::Display,
    io,
    path::{Path, PathBuf},
};

const LAYOUT: &str = "oci-layout";
const INDEX: &str = "index.json";
const BLOBS: &str = "blobs";
const ALGORITHM: &str = "sha256";
/// What is ours alone.
const OWN: &str = "tagwarden";
const LOG: &str = "log";
const LOCK: &str = "lock";
const TEMPORARY: &str = "tmp";

/// The largest index that is read, in bytes.
const LARGEST_INDEX: u64 = 64 << 20;

/// The longest log that is read, in bytes.
const LONGEST_LOG: u64 = 1 << 30;

/// A folder that has the form of a store.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// A store at one moment.
#[derive(Clone, Debug)]
pub struct View {
    pub index: Index,
    pub log: Log,
    pub state: State,
    /// Why the log cannot be believed. It is empty then.
    pub broken: Option<String>,
    /// Whether there is a log.
    pub is_logged: bool,
}

impl Store {
    /// Faults: `bad_usage` where there is no store.
    pub fn open(root: &Path) -> Result<Store> {
        let store = Store { root: root.to_owned() };
        match store.has_layout() {
            Ok(true) => Ok(store),
            Ok(false) => {
                let fault = Fault::new(Reason::BadUsage, format!("there is no store of snapshots at {}", root.display()));
                Err(fault.help("`tagwarden snapshot create PATH --store DIR` begins one"))
            }
            Err(error) => Err(store.unread(LAYOUT, &error)),
        }
    }

    /// A store, or a place where one may begin: nothing is there, or an empty folder, or a store that was never finished.
    pub fn open_or_begin(root: &Path) -> Result<Store> {
        let store = Store { root: root.to_owned() };
        if store.has_layout().map_err(|error| store.unread(LAYOUT, &error))? {
            return Ok(store);
        }
        let entries = match std::fs::read_dir(root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(store),
            Err(error) => return Err(store.unread("", &error)),
            Ok(entries) => entries,
        };
        for entry in entries {
            let name = entry.map_err(|error| store.unread("", &error))?.file_name();
            if ![LAYOUT, INDEX, BLOBS, OWN].iter().any(|known| name == **known) {
                let why = format!("{} is not a store of snapshots, and not empty: it has `{}`", root.display(), name.display());
                return Err(Fault::new(Reason::BadUsage, why).help("name a store, or a folder that is empty or not there yet"));
            }
        }
        Ok(store)
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    fn has_layout(&self) -> io::Result<bool> {
        match blobs::read(&self.root.join(LAYOUT), 4096) {
            Ok(bytes) => {
                let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
                Ok(value["imageLayoutVersion"].as_str().is_some_and(|version| version.starts_with("1.")))
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What is there now.
    pub fn view(&self) -> Result<View> {
        // The index first: what it names of the log was there before it.
        let mut index = match blobs::read(&self.root.join(INDEX), LARGEST_INDEX) {
            Ok(bytes) => Index::parse(&bytes).map_err(|why| {
                let fault = Fault::new(Reason::StoreBroken, format!("{INDEX} of the store {} cannot be read: {why}", self.root.display()));
                fault.help("bring `index.json` back from a copy of the store; the blobs are untouched")
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Index::default(),
            Err(error) => return Err(self.unread(INDEX, &error)),
        };
        index.learn(|digest, size| {
            let manifest = self.small_blob(digest, size, LARGEST_READ).ok()?;
            let manifest: serde_json::Value = serde_json::from_slice(&manifest).ok()?;
            Some(manifest["artifactType"].as_str()?.to_owned())
        });
        let lines = match blobs::read(&self.root.join(OWN).join(LOG), LONGEST_LOG) {
            Ok(lines) => lines,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Vec::new(),
            Err(error) => return Err(self.unread(LOG, &error)),
        };
        let named = index.log();
        let is_logged = !matches!(named, Ok(None));
        let read = named.and_then(|named| {
            let log = named.map_or(Ok(Log::default()), |(entries, head)| Log::parse(&lines, entries, &head))?;
            // One write that did not come to its end leaves one line.
            let tail = &lines[log.length..];
            if tail.iter().filter(|byte| **byte == b'\n').count() > 1 {
                return Err("it has more events than `index.json` knows: that file is older, or another program wrote it".to_owned());
            }
            Ok(log)
        });
        Ok(match read {
            Ok(log) => View { index, state: log.state(), log, broken: None, is_logged },
            Err(why) => View { index, state: State::default(), log: Log::default(), broken: Some(why), is_logged: true },
        })
    }

    /// Which snapshot is meant. Faults: `unknown_snapshot`.
    pub fn find(&self, view: &View, wanted: &Wanted) -> Result<Digest> {
        let none = |why: String| Fault::new(Reason::UnknownSnapshot, why);
        match names::lead(&view.index, &view.state, wanted) {
            Led::To(digest) => Ok(digest),
            Led::Nowhere => {
                let what = match wanted {
                    Wanted::Prefix(_) => "whose digest begins with",
                    Wanted::Tag(_) => "tagged",
                    Wanted::Version { .. } => "that is the bundle",
                };
                Err(none(format!("the store {} has no snapshot {what} `{wanted}`", self.root.display())))
            }
            Led::Ambiguous(found) => {
                let digests: Vec<&str> = found.iter().map(Digest::hex).collect();
                Err(none(format!("`{wanted}` is not one snapshot: {}", digests.join(", "))).help("give more digits of the digest"))
            }
        }
    }

    /// A snapshot by its manifest, of which `size` bytes are expected.
    pub fn snapshot(&self, digest: &Digest, size: u64) -> std::result::Result<Snapshot, Wrong> {
        let bytes = self.small_blob(digest, size, LARGEST_READ)?;
        let malformed = |why: String| Wrong::Malformed(digest.clone(), why);
        match manifest::parse(digest, &bytes).map_err(malformed)? {
            Parsed::Whole(snapshot) => Ok(snapshot),
            Parsed::Listed(listed) => {
                let (list, size) = (listed.list.clone(), listed.list_size);
                self.large_blob(&list, size, LONGEST_LIST, |text| listed.with(text))?.map_err(malformed)
            }
        }
    }

    /// The snapshot that the index names. Faults: `store_broken`, with what is wrong.
    pub fn named(&self, view: &View, digest: &Digest) -> Result<Snapshot> {
        let size = view.index.sizes().get(digest).copied();
        let size = size.ok_or_else(|| Fault::new(Reason::UnknownSnapshot, format!("the store names no snapshot {digest}")))?;
        self.snapshot(digest, size).map_err(|wrong| self.broken(&wrong.finding()))
    }

    /// The refusal of a store in which this is wrong.
    pub fn broken(&self, finding: &Finding) -> Fault {
        let fault = Fault::new(Reason::StoreBroken, finding.message.clone()).finding(finding.clone());
        fault.help(format!("`tagwarden snapshot verify --store {}` names everything that is wrong", self.root.display()))
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.root.join(BLOBS).join(ALGORITHM).join(digest.hex())
    }

    fn unread(&self, what: &str, error: &dyn Display) -> Fault {
        let place = if what.is_empty() { String::new() } else { format!("{what} of ") };
        let reason = machine::reason(error, Reason::NoResources);
        Fault::new(reason, format!("cannot read {place}the store {}: {error}", self.root.display()))
    }

    fn unwritten(&self, what: &str, error: &io::Error) -> Fault {
        let reason = machine::unwritten(error, Reason::NoResources);
        Fault::new(reason, format!("cannot write {what} of the store {}: {error}", self.root.display()))
    }
}
