//! Snapshots as content-addressed artifacts: what their names, manifests, log and retention are. No bytes are moved here; that is
//! [`crate::world::oci`].
//!
//! A store is a folder in the form of an OCI image layout (image-spec 1.1), so that registries and the tools of others read it:
//!
//! ```text
//! oci-layout                  {"imageLayoutVersion":"1.0.0"}
//! index.json                  names every snapshot, and in its annotations the head of the log: the one point of commit
//! blobs/sha256/<hex>          manifests, files, signatures; never changed once they are there
//! tagwarden/log               one event a line, append-only
//! tagwarden/lock              locked by whoever writes
//! tagwarden/tmp/              what is not whole yet; emptied at its end, or by the next writer
//! ```
//!
//! **A snapshot** is an artifact manifest ([`manifest`]). Each file is a layer with the title annotation for its path and an annotation
//! for its mode; above [`MOST_LAYERS`] files or [`LARGEST_MANIFEST`] bytes of manifest all files travel in one tar layer ([`tar`]), and
//! the config lists them. Manifests are canonical JSON and hold nothing that differs between two captures of the same bytes and modes,
//! so that the digest of the manifest is the name of the content. `index.json` names it `snapshot-<hex>`, and by each tag once more: the
//! name `sha256-<hex>` is where registries without the referrers API keep what refers to that digest, and the first signature that is
//! pushed there would replace the snapshot.
//!
//! **A bundle** is the same with another artifact type and a label in its manifest ([`bundle`]): rail, version, window of effect. Where
//! the code says snapshot, it is meant as well; its name is `bundle-<hex>`.
//!
//! **The log** ([`log`]) says what the manifests must not: who captured, verified, restored, pruned, when, from where and why. Each event
//! names the digest of the line before it, and `index.json` names how many lines there are and the digest of the last. A line that was
//! changed, taken out or cut off is found; a line behind the last named one belongs to a write that never came to its end, is ignored,
//! and is cut off by the next writer. The log is also the list of what must be there: a snapshot that it knows and `index.json` does
//! not name is missing. What it does not protect from: somebody who may write to the folder and makes log and index anew. Against that
//! stand signatures, and the copy of a head that was noted elsewhere.
//!
//! **Writes** are made under the lock and in this order: blobs (temporary file, fsync, rename, fsync of the folder), then the event
//! (append, fsync), then `index.json` (temporary file, fsync, rename, fsync of the folder). A process that ends at any point leaves a
//! store that verifies; blobs that no manifest names are removed by `prune`. Deleting goes the other way: first `index.json` forgets,
//! then blobs go.
//!
//! The structs of the specification are written here ([`manifest`]) instead of taken from `oci-spec`: four small ones are needed, they
//! must keep members of others that they do not know when `index.json` is written again, and refuse what is hostile at once.
//!
//! Deliberately absent: empty folders, symbolic links, owners, times, extended attributes; compression; chunks smaller than a file.

pub mod bundle;
pub mod files;
pub mod list;
pub mod log;
pub mod manifest;
pub mod names;
pub mod retention;
pub mod signature;
pub mod tar;

pub use bundle::Label;
pub use files::FileEntry;
pub use list::Files;
pub use manifest::{Form, Snapshot};

/// The artifact type of a snapshot.
pub const SNAPSHOT: &str = "application/vnd.tagwarden.snapshot.v1+json";

/// The artifact type of a bundle.
pub const BUNDLE: &str = "application/vnd.tagwarden.bundle.v1+json";

/// How many files have a layer of their own at most. Fixed: another number would give the same content another digest.
pub const MOST_LAYERS: usize = 2000;

/// How long a manifest with a layer for each file is at most, in bytes. Fixed as well.
pub const LARGEST_MANIFEST: usize = 1 << 20;

/// Codes of findings about stores, with what they mean.
pub const CODES: &[(&str, &str)] = &[
    ("bundle/expired", "the window of the bundle is over"),
    ("bundle/overlap", "two bundles of one rail are in force at the same time"),
    ("bundle/scheduled", "the window of the bundle has not begun"),
    ("bundle/version-reused", "a rail and a version name another bundle than the one that was recorded under them first"),
    ("snapshot/blob-missing", "a file of the store that a snapshot names is not there"),
    ("snapshot/check-failed", "the check of a restore failed, so the folder was put back"),
    ("snapshot/log-broken", "the log of the store was changed or cut off, or its head does not fit"),
    ("snapshot/manifest", "a manifest of the store is malformed, or names what no snapshot may have"),
    ("snapshot/missing", "the log knows a snapshot that the store does not name any more"),
    ("snapshot/no-log", "the store has no log, so nothing says which snapshots must be there"),
    ("snapshot/not-restored", "a restore could not be done, and the folder was put back"),
    ("snapshot/other-bytes", "a file of the store does not have the bytes that its name says"),
    ("snapshot/restore-open", "a restore began and did not come to its end, so its folder may hold files of two snapshots"),
    ("snapshot/shrunk", "the source is much smaller than when it was captured last"),
    ("snapshot/signature", "a signature does not verify, or is of somebody who is not listed; it counts for nobody"),
    ("snapshot/signature-unchecked", "a signature that this build cannot check: it counts for nobody, and nobody may say that it is bad"),
    ("snapshot/source", "something in the source cannot be captured: a symbolic link, a device, a name that is not plain"),
    ("snapshot/tag", "a tag is at another snapshot than the log says"),
    ("snapshot/unsigned", "fewer people signed the snapshot than the protocol asks for"),
    ("snapshot/unrecorded", "the store names a snapshot that the log does not know; another program put it there"),
];
