//! A read store in one file. Readers are other processes that open the same file: it is in write-ahead mode, so they are never blocked,
//! and one read transaction sees one moment.
//!
//! Each method is one transaction, and those that write compare the epoch of the lease within it.
//!
//! Deliberately absent: network file systems, on which locks of SQLite do not hold.

mod indexes;

use super::{
    Doing, GoesOn, OPEN, PAGE, POINTER, SCHEMA, STRAY, Store, Strays, Take, counted_strays, left_alone, not_leading, older, signed,
    text_of, unsigned,
};
use crate::{
    domain::{Digest, Fault, Oid, Reason, Result, Timestamp},
    sync::{
        compare::Change,
        member::{self, Buckets},
        row::{Body, Content, Key, Row},
        state::{Attempt, Holder, Lease, Live, Rejected, Snapshot, Source, State},
    },
    world::machine,
};
use futures_util::{FutureExt, future};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// What marks a file as one of these, in its header.
const APPLICATION: i64 = 0x5457_5253;
/// Longer than any transaction of this module on a machine that is not overloaded.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pages of 16 KiB, in a file that it makes: bodies fill them better than pages of 4, and trees are lower. What a connection keeps of such a
/// file in its log, in pages: 64 MiB, however large the file is. And only the flip waits for the disk: what comes before it is on disk with
/// it, and without it nobody needs that.
const CONNECTION: &str = "PRAGMA page_size = 16384; PRAGMA wal_autocheckpoint = 4096; PRAGMA synchronous = NORMAL;";
/// What a connection keeps of the file in memory, in KiB; less where it only reads from one end to the other.
const KEPT: i64 = 65_536;
const KEPT_BESIDE: i64 = 4_096;

const TABLES: &str = "
CREATE TABLE source (genesis TEXT NOT NULL, channel TEXT NOT NULL) STRICT;
CREATE TABLE bodies (digest BLOB NOT NULL, media_type TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE artifacts (
  kind TEXT NOT NULL, identity TEXT NOT NULL, valid_from INTEGER NOT NULL, valid_to INTEGER NOT NULL, bucket INTEGER NOT NULL,
  uid TEXT NOT NULL, generation INTEGER NOT NULL, version TEXT, path TEXT NOT NULL, digest BLOB NOT NULL, counted BLOB NOT NULL
) STRICT;
CREATE INDEX artifacts_to ON artifacts (valid_to) WHERE valid_to < 9223372036854775807;
CREATE TABLE snapshots (
  number INTEGER PRIMARY KEY, state TEXT NOT NULL, digest TEXT, commit_id TEXT NOT NULL, shape TEXT NOT NULL, rules TEXT, counts TEXT,
  left_at TEXT, buckets BLOB
) STRICT;
CREATE TABLE pointer (
  name TEXT PRIMARY KEY, snapshot INTEGER, serial INTEGER NOT NULL, release TEXT, commit_id TEXT, shape TEXT, since TEXT,
  lease_epoch INTEGER NOT NULL, lease_holder TEXT, lease_until TEXT, last_number INTEGER NOT NULL
) STRICT;
CREATE TABLE attempts (
  name TEXT PRIMARY KEY, serial INTEGER NOT NULL, release TEXT NOT NULL, commit_id TEXT NOT NULL, time TEXT NOT NULL,
  findings INTEGER, message TEXT
) STRICT;
CREATE TABLE publications (
  serial INTEGER NOT NULL, snapshot INTEGER NOT NULL, digest TEXT NOT NULL, release TEXT NOT NULL, commit_id TEXT NOT NULL,
  counts TEXT NOT NULL, time TEXT NOT NULL, holder TEXT
) STRICT;
CREATE VIEW pinned AS
  SELECT s.number AS snapshot, a.kind, a.identity, a.uid, a.generation, a.version, a.path, 'sha256:' || lower(hex(a.digest)) AS digest,
    b.media_type, b.body
  FROM snapshots s JOIN artifacts a ON a.valid_from <= s.number AND s.number < a.valid_to JOIN bodies b ON b.digest = a.digest
  WHERE s.state = 'ready';
CREATE VIEW live AS
  SELECT p.serial, p.release, p.commit_id, v.*
  FROM pointer p JOIN pinned v ON v.snapshot = p.snapshot WHERE p.name = 'live';
";

pub struct Sqlite {
    path: PathBuf,
    shown: String,
    connection: Option<Connection>,
    kept: i64,
    begun: Option<Begun>,
}

/// The hydration that this run began last.
#[derive(Clone, Copy)]
struct Begun {
    number: u64,
    /// It is written without indexes.
    is_first: bool,
    /// The last body that was there before it.
    last: i64,
}

impl Begun {
    fn indexed(self) -> Begun {
        Begun { is_first: false, ..self }
    }
}

impl Sqlite {
    pub fn at(path: PathBuf, shown: String) -> Sqlite {
        Sqlite { path, shown, connection: None, kept: KEPT, begun: None }
    }

    /// The open file. Faults: `no_store` where there is none or it is empty, `foreign_store`.
    fn open(&mut self) -> Result<&mut Connection> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let missing = || Fault::new(Reason::NoStore, format!("there is no read store at {}", self.shown));
                if !self.path.exists() {
                    return Err(missing());
                }
                let connection = self.connect(false)?;
                if self.kind(&connection)? == Kind::Empty {
                    return Err(missing());
                }
                connection
            }
        };
        Ok(self.connection.insert(connection))
    }

    fn connect(&self, makes: bool) -> Result<Connection> {
        let make = if makes { OpenFlags::SQLITE_OPEN_CREATE } else { OpenFlags::empty() };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | make;
        let told = |error| self.fault(&error);
        let connection = Connection::open_with_flags(&self.path, flags).map_err(told)?;
        connection.busy_timeout(PATIENCE).map_err(told)?;
        connection.execute_batch(CONNECTION).map_err(told)?;
        connection.pragma_update(None, "cache_size", -self.kept).map_err(told)?;
        Ok(connection)
    }

    /// Whose file it is.
    fn kind(&self, connection: &Connection) -> Result<Kind> {
        let number = |what: &str| connection.query_row(&format!("PRAGMA {what}"), [], |row| row.get::<_, i64>(0));
        let told = |error| self.fault(&error);
        let (application, version) = (number("application_id").map_err(told)?, number("user_version").map_err(told)?);
        let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)).map_err(told)?;
        match (application, version, tables) {
            (APPLICATION, SCHEMA, _) => Ok(Kind::Own),
            (0, 0, 0) => Ok(Kind::Empty),
            (APPLICATION, version, _) if version < SCHEMA => Err(older(&self.shown, version)),
            (APPLICATION, version, _) if version > SCHEMA => {
                let why = format!("{} was made by a newer program (schema {version}; this one knows {SCHEMA})", self.shown);
                Err(Fault::new(Reason::ForeignStore, why).help("use the program that made it, or a newer one"))
            }
            _ => {
                let why = format!("{} is a database of something else, and is left as it is", self.shown);
                Err(Fault::new(Reason::ForeignStore, why).help("name a file of its own under `sync.store`"))
            }
        }
    }

    fn fault(&self, error: &rusqlite::Error) -> Fault {
        let said = |reason, what: String| Fault::new(reason, format!("{}: {what}", self.shown));
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                said(Reason::Unreachable, "another process holds the file locked".to_owned())
                    .help("end whatever writes to it, then run again")
            }
            Some(ErrorCode::NotADatabase) => {
                said(Reason::ForeignStore, "this is no database".to_owned()).help("name a file of its own under `sync.store`")
            }
            Some(ErrorCode::DatabaseCorrupt) => said(Reason::Unreachable, "the file is damaged".to_owned())
                .help("keep it under another name; `tagwarden sync init` and `tagwarden sync once` make it anew from the repository"),
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::DiskFull) => {
                said(Reason::NoResources, error.to_string())
            }
            _ => said(machine::reason(error, Reason::Unreachable), error.to_string()),
        }
    }

    /// One transaction; it is taken back where anything in it fails.
    fn within<T: Send + 'static>(&mut self, work: impl FnOnce(&Transaction) -> std::result::Result<T, Failed>) -> Doing<'_, T> {
        let done = self.transaction(TransactionBehavior::Deferred, work);
        future::ready(done).boxed()
    }

    /// One transaction that writes, under this epoch of the lease.
    fn leading<T: Send + 'static>(
        &mut self,
        epoch: u64,
        what: &'static str,
        work: impl FnOnce(&Transaction) -> std::result::Result<T, Failed>,
    ) -> Doing<'_, T> {
        future::ready(self.leading_now(epoch, what, work)).boxed()
    }

    fn leading_now<T>(
        &mut self,
        epoch: u64,
        what: &'static str,
        work: impl FnOnce(&Transaction) -> std::result::Result<T, Failed>,
    ) -> Result<T> {
        self.transaction(TransactionBehavior::Immediate, |transaction| {
            let present: u64 = transaction.query_row("SELECT lease_epoch FROM pointer WHERE name = ?1", [POINTER], number(0))?;
            if present == epoch { work(transaction) } else { Err(Failed::Fault(not_leading(what))) }
        })
    }

    fn transaction<T>(
        &mut self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction) -> std::result::Result<T, Failed>,
    ) -> Result<T> {
        let connection = self.open()?;
        let done = connection.transaction_with_behavior(behavior).map_err(Failed::from).and_then(|transaction| {
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        });
        done.map_err(|failed| match failed {
            Failed::Fault(fault) => fault,
            Failed::Sqlite(error) => self.fault(&error),
        })
    }
}

#[derive(PartialEq)]
enum Kind {
    Own,
    Empty,
}

enum Failed {
    Sqlite(rusqlite::Error),
    Fault(Fault),
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Failed {
        Failed::Sqlite(error)
    }
}

impl Store for Sqlite {
    fn shown(&self) -> &str {
        &self.shown
    }

    fn another(&self) -> Box<dyn Store> {
        Box::new(Sqlite { kept: KEPT_BESIDE, begun: self.begun, ..Sqlite::at(self.path.clone(), self.shown.clone()) })
    }

    fn make(&mut self, source: Source) -> Doing<'_, bool> {
        future::ready(self.made(&source)).boxed()
    }

    fn state(&mut self) -> Doing<'_, State> {
        self.within(|transaction| {
            let source = transaction.query_row("SELECT genesis, channel FROM source", [], |row| {
                Ok(Source { genesis: parsed(row, 0)?, channel: row.get(1)? })
            })?;
            let columns = "snapshot, serial, release, commit_id, shape, since, lease_epoch, lease_holder, lease_until";
            let (live, lease) = transaction.query_row(&format!("SELECT {columns} FROM pointer WHERE name = ?1"), [POINTER], |row| {
                let live = match row.get::<_, Option<i64>>(0)? {
                    None => None,
                    Some(number) => Some(Live {
                        number: unsigned(number),
                        serial: number_at(row, 1)?,
                        release: row.get(2)?,
                        commit: parsed(row, 3)?,
                        shape: parsed(row, 4)?,
                        since: parsed(row, 5)?,
                    }),
                };
                let holder = match row.get::<_, Option<String>>(7)? {
                    None => None,
                    Some(name) => Some(Holder { name, until: parsed(row, 8)? }),
                };
                Ok((live, Lease { epoch: number_at(row, 6)?, holder }))
            })?;
            let query =
                "SELECT number, digest, commit_id, shape, counts, left_at, rules FROM snapshots WHERE state = 'ready' ORDER BY number";
            let mut statement = transaction.prepare(query)?;
            let snapshots = statement.query_map([], |row| {
                let counts: String = row.get(4)?;
                Ok(Snapshot {
                    number: number_at(row, 0)?,
                    digest: parsed(row, 1)?,
                    commit: parsed(row, 2)?,
                    shape: parsed(row, 3)?,
                    counts: serde_json::from_str(&counts).map_err(|error| foreign(4, error))?,
                    left: parsed_or_null(row, 5)?,
                    rules: parsed_or_null(row, 6)?,
                })
            })?;
            let snapshots = snapshots.collect::<rusqlite::Result<Vec<_>>>()?;
            let columns = "serial, release, commit_id, time, findings, message";
            let attempt = transaction.query_row(&format!("SELECT {columns} FROM attempts WHERE name = ?1"), [POINTER], |row| {
                let rejected = match row.get::<_, Option<i64>>(4)? {
                    None => None,
                    Some(findings) => Some(Rejected { findings: unsigned(findings), message: row.get(5)? }),
                };
                let (commit, time) = (parsed(row, 2)?, parsed(row, 3)?);
                Ok(Attempt { serial: number_at(row, 0)?, release: row.get(1)?, commit, time, rejected })
            });
            Ok(State { source, live, lease, snapshots, attempt: attempt.optional()? })
        })
    }

    fn lead(&mut self, holder: String, now: Timestamp, until: Timestamp) -> Doing<'_, Option<u64>> {
        let done = self.transaction(TransactionBehavior::Immediate, |transaction| {
            // Times are written alike, so their texts are in their order.
            let taken = transaction.execute(
                "UPDATE pointer SET lease_epoch = lease_epoch + (lease_holder IS NOT ?2), lease_holder = ?2, lease_until = ?4
                 WHERE name = ?1 AND (lease_holder IS NULL OR lease_holder = ?2 OR lease_until <= ?3)",
                params![POINTER, holder, now.to_string(), until.to_string()],
            )?;
            let epoch = transaction.query_row("SELECT lease_epoch FROM pointer WHERE name = ?1", [POINTER], number(0))?;
            Ok((taken > 0).then_some(epoch))
        });
        future::ready(done).boxed()
    }

    fn resign(&mut self, epoch: u64) -> Doing<'_, ()> {
        let done = self.transaction(TransactionBehavior::Immediate, |transaction| {
            let free = "UPDATE pointer SET lease_holder = NULL, lease_until = NULL WHERE name = ?1 AND lease_epoch = ?2";
            transaction.execute(free, params![POINTER, signed(epoch)])?;
            Ok(())
        });
        future::ready(done).boxed()
    }

    fn begin(&mut self, epoch: u64, commit: Oid, shape: Digest, rules: Option<Digest>) -> Doing<'_, u64> {
        let begun = self.leading_now(epoch, "it began to write", move |transaction| {
            let mut unfinished = transaction.prepare("SELECT number FROM snapshots WHERE state <> 'ready' ORDER BY number DESC")?;
            let unfinished = unfinished.query_map([], number(0))?.collect::<rusqlite::Result<Vec<u64>>>()?;
            for number in unfinished {
                take_back(transaction, number)?;
            }
            transaction.execute("UPDATE pointer SET last_number = last_number + 1 WHERE name = ?1", [POINTER])?;
            let number: u64 = transaction.query_row("SELECT last_number FROM pointer WHERE name = ?1", [POINTER], number(0))?;
            transaction.execute(
                "INSERT INTO snapshots (number, state, commit_id, shape, rules) VALUES (?1, 'writing', ?2, ?3, ?4)",
                params![signed(number), commit.as_str(), shape.as_str(), rules.as_ref().map(Digest::as_str)],
            )?;
            let is_first = indexes::left_out(transaction)?;
            let last = transaction.query_row("SELECT coalesce(max(rowid), 0) FROM bodies", [], |row| row.get(0))?;
            Ok(Begun { number, is_first, last })
        });
        self.begun = begun.as_ref().ok().copied();
        future::ready(begun.map(|begun| begun.number)).boxed()
    }

    fn lacks(&mut self, digests: Vec<Digest>) -> Doing<'_, Vec<Digest>> {
        if self.begun.is_some_and(|begun| begun.is_first) {
            return future::ready(Ok(digests)).boxed();
        }
        self.within(move |transaction| {
            let mut there = transaction.prepare("SELECT 1 FROM bodies WHERE digest = ?1")?;
            let mut lacking = Vec::new();
            for digest in digests {
                if !there.exists([digest.to_bytes()])? {
                    lacking.push(digest);
                }
            }
            Ok(lacking)
        })
    }

    fn write(&mut self, epoch: u64, number: u64, until: Timestamp, changes: Vec<Change>, bodies: Vec<(Digest, Body)>) -> Doing<'_, ()> {
        self.leading(epoch, "a part of the release was written", move |transaction| {
            let mut body = transaction.prepare("INSERT OR IGNORE INTO bodies (digest, media_type, body) VALUES (?1, ?2, ?3)")?;
            for (digest, Body { media_type, text }) in &bodies {
                body.execute(params![digest.to_bytes(), media_type, text])?;
            }
            let mut end = transaction.prepare(
                "UPDATE artifacts SET valid_to = ?3 WHERE kind = ?1 AND identity = ?2 AND valid_to = 9223372036854775807 AND valid_from < ?3",
            )?;
            let mut begin = transaction.prepare(
                "INSERT OR IGNORE INTO artifacts (kind, identity, valid_from, valid_to, uid, generation, version, path, digest, counted, bucket)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?;
            for Change { key, ends, begins } in &changes {
                if *ends {
                    end.execute(params![key.kind, key.identity, signed(number)])?;
                }
                if let Some(Row { content, uid, generation, .. }) = begins {
                    let Content { version, path, digest, counted, .. } = content;
                    begin.execute(params![
                        key.kind,
                        key.identity,
                        signed(number),
                        OPEN,
                        uid,
                        signed(*generation),
                        version,
                        path,
                        digest.to_bytes(),
                        counted.to_bytes(),
                        member::bucket(key)
                    ])?;
                }
            }
            Ok(prolonged(transaction, until)?)
        })
    }

    fn index(&mut self, epoch: u64, until: Timestamp) -> Doing<'_, ()> {
        future::ready(self.indexed(epoch, until)).boxed()
    }

    fn complete(&mut self, epoch: u64, number: u64, buckets: Buckets, counts: BTreeMap<String, u64>) -> Doing<'_, ()> {
        self.begun = self.begun.map(Begun::indexed);
        self.leading(epoch, "the release was complete", move |transaction| {
            indexes::all(transaction)?;
            transaction.execute(
                "UPDATE snapshots SET state = 'ready', digest = ?2, counts = ?3, buckets = ?4 WHERE number = ?1",
                params![signed(number), buckets.digest().as_str(), text_of(&counts), buckets.to_bytes()],
            )?;
            Ok(())
        })
    }

    fn take_back(&mut self, epoch: u64, number: u64) -> Doing<'_, ()> {
        self.leading(epoch, "the release was taken back", move |transaction| Ok(take_back(transaction, number)?))
    }

    fn rows(&mut self, number: u64, behind: Option<Key>, limit: usize) -> Doing<'_, Vec<Row>> {
        self.within(move |transaction| {
            // The sign keeps it from any other index than that of the order.
            let query = format!(
                "SELECT {ROW} FROM artifacts
                 WHERE +valid_from <= ?1 AND ?1 < +valid_to AND (kind, identity) > (?2, ?3) ORDER BY kind, identity, valid_from LIMIT ?4"
            );
            let mut statement = transaction.prepare(&query)?;
            let Key { kind, identity } = behind.unwrap_or_else(|| Key { kind: String::new(), identity: String::new() });
            let rows = statement.query_map(params![signed(number), kind, identity, limit as i64], row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
        })
    }

    fn each<'s>(&'s mut self, number: u64, take: Take<'s>, goes_on: GoesOn<'s>) -> Doing<'s, ()> {
        // In the order of the file, whatever indexes there are.
        let query = format!(
            "SELECT {ROW}, rowid FROM artifacts
             WHERE rowid > ?2 AND +valid_from <= ?1 AND ?1 < +valid_to ORDER BY rowid LIMIT ?3"
        );
        let mut page = |behind: i64| {
            self.transaction(TransactionBehavior::Deferred, |transaction| {
                let mut statement = transaction.prepare(&query)?;
                let rows = statement.query_map(params![signed(number), behind, PAGE as i64], |at| Ok((row(at)?, at.get::<_, i64>(9)?)))?;
                Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
            })
        };
        let mut all = || {
            let mut behind = 0;
            while goes_on() {
                let rows = page(behind)?;
                let is_last = rows.len() < PAGE;
                behind = rows.last().map_or(behind, |(_, at)| *at);
                take(rows.into_iter().map(|(row, _)| row).collect())?;
                if is_last {
                    return Ok(());
                }
            }
            Err(left_alone())
        };
        future::ready(all()).boxed()
    }

    fn count(&mut self, number: u64) -> Doing<'_, u64> {
        self.within(move |transaction| {
            // In the order of the digests, so that the bodies are looked for one beside the other.
            let query = "SELECT count(*) FROM artifacts a CROSS JOIN bodies b ON b.digest = a.digest
                         WHERE +a.valid_from <= ?1 AND ?1 < +a.valid_to";
            Ok(transaction.query_row(query, [signed(number)], self::number(0))?)
        })
    }

    fn find(&mut self, number: u64, mut keys: Vec<Key>) -> Doing<'_, Vec<Row>> {
        self.within(move |transaction| {
            keys.sort_unstable();
            keys.dedup();
            let query = format!(
                "SELECT {ROW} FROM artifacts WHERE kind = ?2 AND identity = ?3 AND valid_from <= ?1 AND ?1 < valid_to ORDER BY valid_from"
            );
            let mut statement = transaction.prepare(&query)?;
            let mut found = Vec::with_capacity(keys.len());
            for Key { kind, identity } in &keys {
                for there in statement.query_map(params![signed(number), kind, identity], row)? {
                    found.push(there?);
                }
            }
            Ok(found)
        })
    }

    fn bucket(&mut self, number: u64, bucket: u16) -> Doing<'_, Vec<(Row, Option<String>)>> {
        self.within(move |transaction| {
            let query = format!(
                "SELECT {ROW}, (SELECT body FROM bodies WHERE bodies.digest = artifacts.digest) FROM artifacts
                 WHERE bucket = ?2 AND valid_from <= ?1 AND ?1 < valid_to"
            );
            let mut statement = transaction.prepare(&query)?;
            let rows = statement.query_map(params![signed(number), bucket], |found| Ok((row(found)?, found.get(9)?)))?;
            Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
        })
    }

    fn buckets(&mut self, number: u64) -> Doing<'_, Option<Buckets>> {
        self.within(move |transaction| {
            let query = "SELECT buckets FROM snapshots WHERE number = ?1 AND state = 'ready'";
            let bytes: Option<Option<Vec<u8>>> = transaction.query_row(query, [signed(number)], |row| row.get(0)).optional()?;
            Ok(bytes.flatten().and_then(|bytes| Buckets::of_bytes(&bytes)))
        })
    }

    fn bodies(&mut self, behind: Option<Digest>, limit: usize) -> Doing<'_, Vec<(Digest, String)>> {
        self.within(move |transaction| {
            let mut statement = transaction.prepare("SELECT digest, body FROM bodies WHERE digest > ?1 ORDER BY digest LIMIT ?2")?;
            let behind = behind.as_ref().map_or(Vec::new(), |digest| digest.to_bytes().to_vec());
            let bodies = statement.query_map(params![behind, limit as i64], |row| Ok((digest(row, 0)?, row.get(1)?)))?;
            Ok(bodies.collect::<rusqlite::Result<Vec<_>>>()?)
        })
    }

    fn wrong<'s>(&'s mut self, number: u64, goes_on: GoesOn<'s>) -> Doing<'s, Vec<Digest>> {
        // What came last has the highest rows, and reading them in their order is reading the file in its order.
        let mut behind = self.begun.filter(|begun| begun.number == number).map_or(0, |begun| begun.last);
        let mut all = || {
            let mut wrong = Vec::new();
            while goes_on() {
                let mut count = 0;
                self.transaction(TransactionBehavior::Deferred, |transaction| {
                    let query = "SELECT rowid, digest, body FROM bodies WHERE rowid > ?1 ORDER BY rowid LIMIT ?2";
                    let mut statement = transaction.prepare(query)?;
                    let mut rows = statement.query(params![behind, PAGE as i64])?;
                    while let Some(row) = rows.next()? {
                        (behind, count) = (row.get(0)?, count + 1);
                        if !is_right(row)? {
                            wrong.push(digest(row, 1)?);
                        }
                    }
                    Ok(())
                })?;
                if count < PAGE {
                    return Ok(wrong);
                }
            }
            Err(left_alone())
        };
        future::ready(all()).boxed()
    }

    fn flip(&mut self, epoch: u64, from: Option<Live>, to: Live) -> Doing<'_, bool> {
        if let Err(fault) = self.on_disk(true) {
            return future::ready(Err(fault)).boxed();
        }
        let done = self.transaction(TransactionBehavior::Immediate, move |transaction| {
            let (number, serial) = from.as_ref().map_or((None, 0), |live| (Some(signed(live.number)), signed(live.serial)));
            let moved = transaction.execute(
                "UPDATE pointer SET snapshot = ?5, serial = ?6, release = ?7, commit_id = ?8, shape = ?9, since = ?10
                 WHERE name = ?1 AND lease_epoch = ?2 AND snapshot IS ?3 AND serial = ?4",
                params![
                    POINTER,
                    signed(epoch),
                    number,
                    serial,
                    signed(to.number),
                    signed(to.serial),
                    to.release,
                    to.commit.as_str(),
                    to.shape.as_str(),
                    to.since.to_string()
                ],
            )?;
            if moved == 0 {
                return Ok(false);
            }
            if let Some(number) = number.filter(|number| *number != signed(to.number)) {
                transaction.execute("UPDATE snapshots SET left_at = ?2 WHERE number = ?1", params![number, to.since.to_string()])?;
            }
            transaction.execute("UPDATE snapshots SET left_at = NULL WHERE number = ?1", [signed(to.number)])?;
            transaction.execute(
                "INSERT INTO publications (serial, snapshot, digest, release, commit_id, counts, time, holder)
                 SELECT ?2, s.number, s.digest, ?3, ?4, s.counts, ?5, p.lease_holder
                 FROM snapshots s JOIN pointer p ON p.name = ?6 WHERE s.number = ?1",
                params![signed(to.number), signed(to.serial), to.release, to.commit.as_str(), to.since.to_string(), POINTER],
            )?;
            Ok(true)
        });
        let done = self.on_disk(false).and(done);
        future::ready(done).boxed()
    }

    fn note(&mut self, epoch: u64, attempt: Attempt) -> Doing<'_, ()> {
        self.leading(epoch, "what came of it was noted", move |transaction| {
            let Attempt { serial, release, commit, time, rejected } = attempt;
            let (findings, message) = rejected.map_or((None, None), |rejected| (Some(signed(rejected.findings)), Some(rejected.message)));
            transaction.execute(
                "INSERT OR REPLACE INTO attempts (name, serial, release, commit_id, time, findings, message)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![POINTER, signed(serial), release, commit.as_str(), time.to_string(), findings, message],
            )?;
            Ok(())
        })
    }

    fn remove(&mut self, epoch: u64, numbers: Vec<u64>) -> Doing<'_, u64> {
        self.leading(epoch, "old snapshots were removed", move |transaction| {
            for number in &numbers {
                transaction.execute("DELETE FROM snapshots WHERE number = ?1", [signed(*number)])?;
            }
            let gone = format!("valid_to < {OPEN} AND {STRAY}");
            Ok(remove_rows(transaction, &gone, &[])?)
        })
    }

    fn strays(&mut self) -> Doing<'_, Strays> {
        self.within(|transaction| {
            let (rows, bodies) = transaction.query_row(&counted_strays(), [], |row| Ok((number_at(row, 0)?, number_at(row, 1)?)))?;
            Ok(Strays { rows, bodies })
        })
    }

    fn sweep(&mut self, epoch: u64, wrong: Vec<Digest>) -> Doing<'_, ()> {
        self.leading(epoch, "the store was cleaned up", move |transaction| {
            remove_rows(transaction, STRAY, &[])?;
            for digest in &wrong {
                transaction.execute("DELETE FROM bodies WHERE digest = ?1", [digest.to_bytes()])?;
            }
            transaction.execute("DELETE FROM bodies WHERE NOT EXISTS (SELECT 1 FROM artifacts a WHERE a.digest = bodies.digest)", [])?;
            Ok(())
        })
    }
}

impl Sqlite {
    /// Whether a transaction waits until it, and all before it, is on disk.
    fn on_disk(&mut self, waits: bool) -> Result<()> {
        let mode = if waits { "FULL" } else { "NORMAL" };
        let set = self.open()?.pragma_update(None, "synchronous", mode);
        set.map_err(|error| self.fault(&error))
    }

    /// Each in a transaction of its own, so that nobody who would write waits for all of them.
    fn indexed(&mut self, epoch: u64, until: Timestamp) -> Result<()> {
        for index in indexes::ALL {
            self.leading_now(epoch, "the rows were indexed", |transaction| {
                indexes::one(transaction, index)?;
                Ok(prolonged(transaction, until)?)
            })?;
        }
        self.begun = self.begun.map(Begun::indexed);
        Ok(())
    }

    fn made(&mut self, source: &Source) -> Result<bool> {
        let connection = self.connect(true)?;
        let told = |error| self.fault(&error);
        if self.kind(&connection)? == Kind::Own {
            self.connection = Some(connection);
            return Ok(false);
        }
        // Kept in the file, so that readers of every kind get it.
        connection.pragma_update(None, "journal_mode", "wal").map_err(told)?;
        let make = || {
            let transaction = Transaction::new_unchecked(&connection, TransactionBehavior::Immediate)?;
            transaction.execute_batch(TABLES)?;
            indexes::all(&transaction)?;
            transaction
                .execute("INSERT INTO source (genesis, channel) VALUES (?1, ?2)", params![source.genesis.as_str(), source.channel])?;
            transaction.execute("INSERT INTO pointer (name, serial, lease_epoch, last_number) VALUES (?1, 0, 0, 0)", [POINTER])?;
            transaction.pragma_update(None, "application_id", APPLICATION)?;
            transaction.pragma_update(None, "user_version", SCHEMA)?;
            transaction.commit()
        };
        make().map_err(told)?;
        self.connection = Some(connection);
        Ok(true)
    }
}

fn prolonged(transaction: &Transaction, until: Timestamp) -> rusqlite::Result<()> {
    transaction.execute("UPDATE pointer SET lease_until = ?2 WHERE name = ?1", params![POINTER, until.to_string()]).map(drop)
}

fn take_back(transaction: &Transaction, number: u64) -> rusqlite::Result<()> {
    remove_rows(transaction, "valid_from = ?1", &[signed(number)])?;
    transaction.execute(
        "UPDATE artifacts SET valid_to = ?2 WHERE valid_to = ?1 AND valid_to < 9223372036854775807",
        params![signed(number), OPEN],
    )?;
    transaction.execute("DELETE FROM snapshots WHERE number = ?1", [signed(number)])?;
    Ok(())
}

/// Removes rows, and the bodies that no other row has; how many rows.
fn remove_rows(transaction: &Transaction, which: &str, with: &[i64]) -> rusqlite::Result<u64> {
    transaction.execute_batch("CREATE TEMP TABLE IF NOT EXISTS gone (digest BLOB PRIMARY KEY) STRICT; DELETE FROM temp.gone;")?;
    let with = || rusqlite::params_from_iter(with.iter());
    transaction.execute(&format!("INSERT OR IGNORE INTO temp.gone SELECT digest FROM artifacts WHERE {which}"), with())?;
    let rows = transaction.execute(&format!("DELETE FROM artifacts WHERE {which}"), with())?;
    transaction.execute(
        "DELETE FROM bodies WHERE digest IN (SELECT digest FROM temp.gone)
         AND NOT EXISTS (SELECT 1 FROM artifacts a WHERE a.digest = bodies.digest)",
        [],
    )?;
    Ok(rows as u64)
}

/// What [`row`] reads.
const ROW: &str = "kind, identity, version, path, digest, counted, uid, generation, bucket";

fn row(row: &rusqlite::Row) -> rusqlite::Result<Row> {
    let key = Key { kind: row.get(0)?, identity: row.get(1)? };
    let content = Content { key, version: row.get(2)?, path: row.get(3)?, digest: digest(row, 4)?, counted: digest(row, 5)? };
    Ok(Row::found(content, row.get(6)?, number_at(row, 7)?, row.get(8)?))
}

/// Whether a body is what its digest says, both as they are stored.
fn is_right(row: &rusqlite::Row) -> rusqlite::Result<bool> {
    Ok(row.get_ref(1)?.as_blob()? == Digest::bytes_of(row.get_ref(2)?.as_bytes()?))
}

/// A digest in the least room.
fn digest(row: &rusqlite::Row, column: usize) -> rusqlite::Result<Digest> {
    let bytes = row.get_ref(column)?.as_blob()?;
    let bytes: &[u8; 32] = bytes.try_into().map_err(|error| foreign(column, error))?;
    Ok(Digest::of_bytes(bytes))
}

fn parsed_or_null<T: std::str::FromStr<Err = String>>(row: &rusqlite::Row, column: usize) -> rusqlite::Result<Option<T>> {
    let is_null = row.get_ref(column)? == rusqlite::types::ValueRef::Null;
    (!is_null).then(|| parsed(row, column)).transpose()
}

fn number_at(row: &rusqlite::Row, column: usize) -> rusqlite::Result<u64> {
    row.get(column).map(unsigned)
}

/// Reads a number of a row.
fn number(column: usize) -> impl Fn(&rusqlite::Row) -> rusqlite::Result<u64> {
    move |row| number_at(row, column)
}

fn parsed<T: std::str::FromStr<Err = String>>(row: &rusqlite::Row, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|why: String| foreign(column, Fault::new(Reason::ForeignStore, why)))
}

fn foreign(column: usize, why: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(why))
}
