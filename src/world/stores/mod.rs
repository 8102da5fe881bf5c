//! Read stores: where the rows of a released state are kept for readers. [`crate::sync`] says what is in them and why.
//!
//! Every write names the lease that it is made under, and a store refuses one whose epoch is not the present one (`not_leading`): a
//! controller that was stopped past its lease can change nothing any more, wherever it was stopped.
//!
//! Faults of all: `unreachable` where the store does not answer, `no_resources` where this machine cannot, `foreign_store`, `no_store`.
//!
//! Deliberately absent: any decision. What is written, kept and flipped to is decided by [`crate::sync`].

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(any(feature = "postgres", feature = "sqlite"))]
use sql::{OPEN, POINTER, SCHEMA, STRAY, counted_strays, signed, text_of, unsigned};

use crate::{
    domain::{Digest, Fault, Oid, Reason, Result, Timestamp},
    sync::{
        StoreAt,
        compare::Change,
        member::Buckets,
        row::{Body, Key, Row},
        state::{Attempt, Live, Source, State},
    },
    world::{EnvVars, nonce},
};
use futures_util::future::BoxFuture;
use std::{collections::BTreeMap, path::Path};

/// An answer of a store.
pub type Doing<'s, T> = BoxFuture<'s, Result<T>>;

/// What takes pages of rows.
pub type Take<'s> = &'s mut (dyn FnMut(Vec<Row>) -> Result<()> + Send);
/// Whether somebody still waits for what is read.
pub type GoesOn<'s> = &'s (dyn Fn() -> bool + Send + Sync);

/// Rows that are read at once.
pub const PAGE: usize = 5_000;

pub trait Store: Send {
    /// How the store is named in answers: without any secret.
    fn shown(&self) -> &str;

    /// Another connection to the same store, for reading beside this one what this one wrote.
    fn another(&self) -> Box<dyn Store>;

    /// Makes tables and views. `false`: they are there.
    fn make(&mut self, source: Source) -> Doing<'_, bool>;

    fn state(&mut self) -> Doing<'_, State>;

    /// Takes the lease, or goes on with it. `None`: another holder has it.
    fn lead(&mut self, holder: String, now: Timestamp, until: Timestamp) -> Doing<'_, Option<u64>>;

    /// Gives the lease back, where it still is of this epoch.
    fn resign(&mut self, epoch: u64) -> Doing<'_, ()>;

    /// Takes back what was not completed, then begins a hydration; its number. `rules`: what its files are judged by, where they are.
    fn begin(&mut self, epoch: u64, commit: Oid, shape: Digest, rules: Option<Digest>) -> Doing<'_, u64>;

    /// Those of these digests that have no body. While the first hydration of all is written nobody knows, and these are all: what is
    /// written twice then is there once when it is indexed.
    fn lacks(&mut self, digests: Vec<Digest>) -> Doing<'_, Vec<Digest>>;

    /// Writes a part of hydration `number`, and goes on with the lease. Of two rows with one key, which no valid release has, the first is
    /// kept.
    fn write(&mut self, epoch: u64, number: u64, until: Timestamp, changes: Vec<Change>, bodies: Vec<(Digest, Body)>) -> Doing<'_, ()>;

    /// Every row of a hydration is written: makes the indexes that the first of all is written without, and goes on with the lease.
    fn index(&mut self, epoch: u64, until: Timestamp) -> Doing<'_, ()>;

    /// The hydration is whole.
    fn complete(&mut self, epoch: u64, number: u64, buckets: Buckets, counts: BTreeMap<String, u64>) -> Doing<'_, ()>;

    /// Removes everything of a hydration that was not completed.
    fn take_back(&mut self, epoch: u64, number: u64) -> Doing<'_, ()>;

    /// The rows of a snapshot behind this key, in order of their keys; fewer than `limit`: there are no more.
    fn rows(&mut self, number: u64, behind: Option<Key>, limit: usize) -> Doing<'_, Vec<Row>>;

    /// Hands over all rows of a snapshot, in an order of the store's own, a page at a time. Faults: those of `take`, and `internal` where
    /// `goes_on` does not hold any more.
    fn each<'s>(&'s mut self, number: u64, take: Take<'s>, goes_on: GoesOn<'s>) -> Doing<'s, ()>;

    /// How many rows of a snapshot readers see: those whose body is there.
    fn count(&mut self, number: u64) -> Doing<'_, u64>;

    /// The rows of a snapshot that have these keys, in order of their keys.
    fn find(&mut self, number: u64, keys: Vec<Key>) -> Doing<'_, Vec<Row>>;

    /// The rows of a snapshot in one bucket, each with its body, as it is stored; `None`: it is not there.
    fn bucket(&mut self, number: u64, bucket: u16) -> Doing<'_, Vec<(Row, Option<String>)>>;

    /// The digests that a snapshot was completed with. `None`: there is no such snapshot, or what is stored is nothing that was written.
    fn buckets(&mut self, number: u64) -> Doing<'_, Option<Buckets>>;

    /// All bodies behind this digest, as they are stored, in an order of the store's own.
    fn bodies(&mut self, behind: Option<Digest>, limit: usize) -> Doing<'_, Vec<(Digest, String)>>;

    /// The digests of those bodies that hydration `number` wrote whose content, as it is stored now, is not what their digest says.
    /// Faults: `internal`, likewise.
    fn wrong<'s>(&'s mut self, number: u64, goes_on: GoesOn<'s>) -> Doing<'s, Vec<Digest>>;

    /// Moves the pointer if it is at `from`: the one act that readers see. `false`: it is elsewhere.
    fn flip(&mut self, epoch: u64, from: Option<Live>, to: Live) -> Doing<'_, bool>;

    fn note(&mut self, epoch: u64, attempt: Attempt) -> Doing<'_, ()>;

    /// Removes snapshots, the rows that no other one has, and the bodies that no row has; how many rows.
    fn remove(&mut self, epoch: u64, numbers: Vec<u64>) -> Doing<'_, u64>;

    /// Rows that belong to no hydration, and bodies that belong to no row.
    fn strays(&mut self) -> Doing<'_, Strays>;

    /// Removes those, and the given bodies, whose content is wrong.
    fn sweep(&mut self, epoch: u64, wrong: Vec<Digest>) -> Doing<'_, ()>;
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strays {
    pub rows: u64,
    pub bodies: u64,
}

/// Opens a store; `root` is what relative paths start from. Nothing is made: see [`Store::make`].
pub fn open(at: &StoreAt, root: &Path, env: &EnvVars) -> Result<Box<dyn Store>> {
    match at {
        StoreAt::Sqlite(path) => sqlite(root, path),
        StoreAt::Env(name) => {
            let Some(value) = env.get(name).filter(|value| !value.is_empty()) else {
                let fault = Fault::new(Reason::BadUsage, format!("the variable {name}, which `sync.store` names, is not set"));
                return Err(fault.help(format!("set {name} to where the store is: sqlite:PATH, or postgres://...")));
            };
            let value = value.trim();
            if value.starts_with("postgres://") || value.starts_with("postgresql://") {
                return postgres(value, env, name);
            }
            match StoreAt::parse(value) {
                Ok(StoreAt::Sqlite(path)) => sqlite(root, &path),
                _ => {
                    // The value is not told: it may have a password.
                    let fault = Fault::new(Reason::BadUsage, format!("the variable {name} names no store that this program knows"));
                    Err(fault.help("sqlite:PATH, or postgres://USER:PASSWORD@HOST:PORT/DATABASE"))
                }
            }
        }
    }
}

#[cfg(feature = "sqlite")]
fn sqlite(root: &Path, path: &str) -> Result<Box<dyn Store>> {
    Ok(Box::new(sqlite::Sqlite::at(root.join(path), format!("sqlite:{path}"))))
}

#[cfg(not(feature = "sqlite"))]
fn sqlite(_: &Path, _: &str) -> Result<Box<dyn Store>> {
    Err(Fault::new(Reason::BadConfig, "this program was built without SQLite")
        .help("use a build with the feature `sqlite`, as published ones are"))
}

#[cfg(feature = "postgres")]
fn postgres(url: &str, env: &EnvVars, named: &str) -> Result<Box<dyn Store>> {
    Ok(Box::new(postgres::Postgres::at(url, env, named)?))
}

#[cfg(not(feature = "postgres"))]
fn postgres(_: &str, _: &EnvVars, _: &str) -> Result<Box<dyn Store>> {
    Err(Fault::new(Reason::BadConfig, "this program was built without PostgreSQL").help("use a build with the feature `postgres`"))
}

/// The end of work that nobody waits for any more.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
fn left_alone() -> Fault {
    Fault::new(Reason::Internal, "a read store was read, and nobody waited for what came of it")
}

/// The refusal of a write under a lease that is over.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
fn not_leading(what: &str) -> Fault {
    Fault::new(
        Reason::NotLeading,
        format!("the lease of this run was taken over by another controller before {what}; nothing was published"),
    )
}

/// The refusal of tables that a version of this program made which knew less.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
fn older(shown: &str, schema: i64) -> Fault {
    let why = format!("{shown} was made by an older program (schema {schema}; this one knows {SCHEMA})");
    Fault::new(Reason::ForeignStore, why).help(
        "keep it for its readers, and name a new store under `sync.store`: `tagwarden sync init` and `tagwarden sync once` fill that from \
         the repository",
    )
}

/// A name for a holder of the lease that no other one has.
pub fn holder() -> Result<String> {
    Ok(format!("process {} {}", std::process::id(), &nonce::fresh()?.hex()[..8]))
}
