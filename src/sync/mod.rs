//! The read store: which rows a release asks for, what is wrong with stored ones, and when readers may see a snapshot.
//!
//! # The data
//!
//! A store holds the artifacts of one channel. Five tables, and every store has them under these names:
//!
//! | table | a row is | key |
//! |---|---|---|
//! | `bodies` | the content of an artifact, by its digest; shared by every row that has it | `digest` |
//! | `artifacts` | an artifact from one hydration to another: `valid_from <= n < valid_to` | `kind, identity, valid_from` |
//! | `snapshots` | one hydration: its number, the digest of its membership, commit, state | `number` |
//! | `pointer` | what readers see, and who may change that: live snapshot, serial, and the lease | `name` |
//! | `attempts` | what became of the newest release that was tried | `name` |
//!
//! **Numbers.** Each hydration takes the next number `n`, which is never used again. A snapshot is a number; its rows are those whose
//! interval holds the number. Its digest is that of its rows without numbers, uids and generations, so a new tag at an old commit, and the
//! commit of a rollback, have the digest of the snapshot that is there already. It is made of the digests of buckets ([`member`]), which the
//! store keeps of each snapshot: a few changes cost the reading of a few buckets.
//!
//! **Differences.** A hydration is written as the difference to the newest complete one, whether readers see that one or not: a row that is
//! not asked for any more gets `valid_to = n`, a row that is new gets `valid_from = n`. A release that changes 10 rows of 1,000,000 writes
//! 10 rows; where rules look at one file alone and are those that the snapshot was judged by, it reads 10 files, too. Since intervals follow the order of hydrations and never the pointer, moving the pointer back changes no interval, and the next
//! hydration starts where the last one ended.
//!
//! **Crash.** A hydration is complete when its row of `snapshots` is `ready`. One that is not is taken back before anything else is
//! written: rows with `valid_from = n` go, rows with `valid_to = n` are open again. So is a release that turned out not to be valid while
//! it was written. Both are told by the number alone and can be repeated,
//! so a store without transactions over several rows needs nothing more. Readers are led by the pointer, and no pointer ever held `n`.
//!
//! **The flip.** Lease and live snapshot are one row, and the flip is one conditional update that names the epoch of the lease, the
//! snapshot and the serial that were there. A leader that was stopped past its lease finds another epoch and changes nothing. Its late
//! writes are refused as well: every write names the epoch. (A store that cannot compare and write several rows at once can give the
//! epoch as the timestamp of its writes, so that a later leader's removal wins over them.) The serial is that of the ledger's entry. It
//! rises with every move, also back, so an older release that is ready late never replaces a newer one.
//!
//! **Retention.** A row goes when no kept snapshot's number is in its interval. Kept are the live snapshot, the newest complete one, the last
//! `retain` ones, those of commits that rollbacks reach by default, and those that were live less than `grace` ago: a reader that pinned
//! one has that long to finish. A pinned number that is gone gives no rows at all, never some of them.
//!
//! # Identity
//!
//! The uid is made when an identity appears ([`row::uid`]) and stays while the identity does, wherever its file moves. The generation
//! rises with each change of the content. An identity that was gone and comes back has another uid, unless the whole content is that of a
//! snapshot that is kept: then it is that snapshot again, as after a rollback.
//!
//! Deliberately absent: any store ([`crate::world::stores`]), and any clock: times are given.

pub mod compare;
pub mod condition;
pub mod figures;
pub mod hook;
pub mod member;
pub mod pace;
pub mod retention;
pub mod row;
pub mod scheduled;
mod settings;
pub mod state;
pub mod step;
pub mod tags;

pub use settings::{From, KindRows, Orphans, Settings, StoreAt};

/// The finding codes of `sync`, with their meaning (a sentence without capital and full stop), sorted.
pub const CODES: &[(&str, &str)] = &[
    ("sync/dangling", "the store has a row, or a part of one, that the release does not have"),
    ("sync/duplicate", "the store has two rows of one identity in one snapshot"),
    ("sync/duplicate-identity", "two artifacts of one kind have the same identity"),
    ("sync/inexact-number", "a number has more digits than readers of JSON keep; write it as text"),
    ("sync/lightweight-tag", "a tag is no object of its own, so it does not say who made it, and is left out"),
    ("sync/missing", "the store lacks a row, or its content, that the release has"),
    ("sync/no-identity", "an artifact has nothing at the place that identifies it, or no text or whole number"),
    ("sync/nothing", "the release has no artifact of the kinds that are synced, so readers would see nothing"),
    ("sync/rejected", "the release that the channel is at is not valid, so readers keep the one before"),
    ("sync/scheduled", "the release is in force later; readers keep what they see until then"),
    ("sync/stale", "a row of the store is not what the release says, or its content is not what its digest says"),
    ("sync/tag-missing", "the tag that readers see is not on the remote any more; they see it still"),
    ("sync/tag-moved", "a tag is not where it was when it was published; readers see what they saw"),
    ("sync/unranked-tag", "a tag fits a pattern and names neither a version nor a date, so it is left out"),
];
