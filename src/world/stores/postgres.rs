//! A read store on a server of PostgreSQL (14 or newer), in the first schema of the connection's search path.
//!
//! Each method is one transaction. Those that write lock the row with lease and pointer and compare its epoch first, so that writers
//! come one after the other; readers are never blocked. A transaction that stands still is ended by the server, so a controller that was
//! stopped in the middle of one holds nobody up.
//!
//! The connection is encrypted, and the server's certificate verified, wherever the server is another machine, unless `sslmode=disable`
//! is written.
//!
//! Deliberately absent: roles and grants for readers, and certificates of clients.

mod copy;
mod indexes;
mod tls;

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
    world::EnvVars,
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture};
use std::{collections::BTreeMap, time::Duration};
use tokio_postgres::{
    Client, Config, IsolationLevel, Transaction,
    config::{Host, SslMode},
    error::SqlState,
};

/// Marks the tables as those of a read store.
const MARK: &str = "tagwarden read store, schema ";
/// Longer than any transaction of this module on a server that is not overloaded.
const PATIENCE: Duration = Duration::from_secs(300);
const CONNECTING: Duration = Duration::from_secs(10);
/// The lock of those that make the tables.
const MAKERS: i64 = 0x5457_5253;

/// How long others are waited for, and may be held up. A pointer that is lost when the server dies would be an older one.
const SESSION: &str = "SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '10s'; SET synchronous_commit = on;
SET client_min_messages = warning;";

const TABLES: &str = r#"
CREATE TABLE source (genesis text NOT NULL, channel text NOT NULL);
CREATE TABLE bodies (digest bytea NOT NULL, media_type text NOT NULL, body text NOT NULL);
CREATE TABLE artifacts (
  kind text COLLATE "C" NOT NULL, identity text COLLATE "C" NOT NULL, valid_from bigint NOT NULL, valid_to bigint NOT NULL,
  bucket integer NOT NULL, uid text NOT NULL, generation bigint NOT NULL, version text, path text NOT NULL, digest bytea NOT NULL, counted bytea NOT NULL
);
CREATE INDEX artifacts_to ON artifacts (valid_to) WHERE valid_to < 9223372036854775807;
CREATE TABLE snapshots (
  number bigint PRIMARY KEY, state text NOT NULL, digest text, commit_id text NOT NULL, shape text NOT NULL, rules text, counts text,
  left_at text, buckets bytea
);
CREATE TABLE pointer (
  name text PRIMARY KEY, snapshot bigint, serial bigint NOT NULL, release text, commit_id text, shape text, since text,
  lease_epoch bigint NOT NULL, lease_holder text, lease_until text COLLATE "C", last_number bigint NOT NULL
);
CREATE TABLE attempts (
  name text PRIMARY KEY, serial bigint NOT NULL, release text NOT NULL, commit_id text NOT NULL, time text NOT NULL,
  findings bigint, message text
);
CREATE TABLE publications (
  serial bigint NOT NULL, snapshot bigint NOT NULL, digest text NOT NULL, release text NOT NULL, commit_id text NOT NULL,
  counts text NOT NULL, time text NOT NULL, holder text
);
CREATE VIEW pinned AS
  SELECT s.number AS snapshot, a.kind, a.identity, a.uid, a.generation, a.version, a.path,
    'sha256:' || encode(a.digest, 'hex') AS digest, b.media_type, b.body
  FROM snapshots s JOIN artifacts a ON a.valid_from <= s.number AND s.number < a.valid_to JOIN bodies b ON b.digest = a.digest
  WHERE s.state = 'ready';
CREATE VIEW live AS
  SELECT p.serial, p.release, p.commit_id, v.*
  FROM pointer p JOIN pinned v ON v.snapshot = p.snapshot WHERE p.name = 'live';
CREATE FUNCTION pin() RETURNS bigint LANGUAGE sql STABLE
  BEGIN ATOMIC SELECT snapshot FROM pointer WHERE name = 'live'; END;
"#;

pub struct Postgres {
    config: Config,
    tls: tls::Tls,
    shown: String,
    client: Option<Client>,
    begun: Option<Begun>,
}

/// The hydration that this run began last.
#[derive(Clone, Copy)]
struct Begun {
    number: u64,
    /// It is written without indexes.
    is_first: bool,
}

impl Postgres {
    /// Faults: `bad_usage` where this is no address of a server. It is never repeated: it may have a password.
    pub fn at(url: &str, env: &EnvVars, named: &str) -> Result<Postgres> {
        // The names that others use for what is always done here.
        let url = url.replace("sslmode=verify-full", "sslmode=require").replace("sslmode=verify-ca", "sslmode=require");
        let mut config: Config = url.parse().map_err(|_| {
            let why = format!("the variable {named} begins as the address of a PostgreSQL server, and cannot be read as one");
            Fault::new(Reason::BadUsage, why).help("postgres://USER:PASSWORD@HOST:PORT/DATABASE; for a socket ?host=/FOLDER")
        })?;
        if config.get_hosts().is_empty() {
            let fault = Fault::new(Reason::BadUsage, format!("the variable {named} names no host of a PostgreSQL server"));
            return Err(fault.help("postgres://USER:PASSWORD@HOST:PORT/DATABASE; for a socket ?host=/FOLDER"));
        }
        if config.get_ssl_mode() == SslMode::Prefer && config.get_hosts().iter().any(is_elsewhere) {
            config.ssl_mode(SslMode::Require);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECTING);
        }
        if config.get_application_name().is_none() {
            config.application_name("tagwarden");
        }
        let shown = shown(&config);
        Ok(Postgres { config, tls: tls::Tls::new(env), shown, client: None, begun: None })
    }

    /// The connection to a store. Faults: `no_store` where there is none, `foreign_store`.
    async fn open(&mut self) -> Result<&mut Client> {
        let client = match self.client.take().filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => {
                let client = self.connect().await?;
                if self.kind(&client).await? == Kind::Empty {
                    return Err(Fault::new(Reason::NoStore, format!("there is no read store at {}", self.shown)));
                }
                client
            }
        };
        Ok(self.client.insert(client))
    }

    async fn connect(&self) -> Result<Client> {
        let (client, connection) = self.config.connect(self.tls.clone()).await.map_err(|error| self.fault(&error))?;
        // It ends with the client; what went wrong is told by the request that it went wrong for.
        tokio::spawn(connection);
        client.batch_execute(SESSION).await.map_err(|error| self.fault(&error))?;
        Ok(client)
    }

    /// Whose schema it is.
    async fn kind(&self, client: &impl tokio_postgres::GenericClient) -> Result<Kind> {
        let query = "SELECT current_schema(), obj_description(to_regclass(quote_ident(current_schema()) || '.source'), 'pg_class'),
                     (SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident(current_schema())))";
        let row = client.query_one(query, &[]).await.map_err(|error| self.fault(&error))?;
        let foreign = |why: String| Fault::new(Reason::ForeignStore, format!("{}: {why}", self.shown));
        let told = |error: tokio_postgres::Error| self.fault(&error);
        if row.try_get::<_, Option<String>>(0).map_err(told)?.is_none() {
            return Err(foreign("no schema of the search path is there".to_owned())
                .help("CREATE SCHEMA, or name one that is there: `?options=-csearch_path%3DSCHEMA` at the end of the address"));
        }
        let mark: Option<String> = row.try_get(1).map_err(told)?;
        let version = mark.as_deref().and_then(|mark| mark.strip_prefix(MARK)).and_then(|version| version.parse::<i64>().ok());
        match (version, row.try_get::<_, i64>(2).map_err(told)?) {
            (Some(SCHEMA), _) => Ok(Kind::Own),
            (None, 0) => Ok(Kind::Empty),
            (Some(version), _) if version < SCHEMA => Err(older(&self.shown, version)),
            (Some(version), _) if version > SCHEMA => {
                Err(foreign(format!("a newer program made it (schema {version}; this one knows {SCHEMA})"))
                    .help("use the program that made it, or a newer one"))
            }
            _ => Err(foreign("the schema has tables of something else, and is left as it is".to_owned())
                .help("use a schema or database of its own; `?options=-csearch_path%3DSCHEMA` at the end of the address names one")),
        }
    }

    fn fault(&self, error: &tokio_postgres::Error) -> Fault {
        fault_of(&self.shown, error)
    }

    /// One transaction that reads, at one moment.
    fn reading<T: Send + 'static>(
        &mut self,
        work: impl for<'t> FnOnce(&'t Transaction<'_>) -> Work<'t, T> + Send + 'static,
    ) -> Doing<'_, T> {
        self.within(Mode::Reads, work)
    }

    /// One transaction that writes, under this epoch of the lease.
    fn leading<T: Send + 'static>(
        &mut self,
        epoch: u64,
        what: &'static str,
        work: impl for<'t> FnOnce(&'t Transaction<'_>) -> Work<'t, T> + Send + 'static,
    ) -> Doing<'_, T> {
        self.within(Mode::Writes, move |transaction| {
            async move {
                let locked = transaction.query_one("SELECT lease_epoch FROM pointer WHERE name = $1 FOR UPDATE", &[&POINTER]).await?;
                if number(&locked, 0)? == epoch { work(transaction).await } else { Err(Failed::Fault(not_leading(what))) }
            }
            .boxed()
        })
    }

    /// One transaction; it is taken back where anything in it fails.
    fn within<T: Send + 'static>(
        &mut self,
        mode: Mode,
        work: impl for<'t> FnOnce(&'t Transaction<'_>) -> Work<'t, T> + Send + 'static,
    ) -> Doing<'_, T> {
        async move {
            let client = self.open().await?;
            let whole = async {
                let begin = client.build_transaction();
                let begin = match mode {
                    Mode::Reads => begin.isolation_level(IsolationLevel::RepeatableRead).read_only(true),
                    Mode::Writes => begin.isolation_level(IsolationLevel::ReadCommitted),
                };
                let transaction = begin.start().await?;
                let done = work(&transaction).await?;
                transaction.commit().await?;
                Ok(done)
            };
            let done = tokio::time::timeout(PATIENCE, whole).await;
            match done {
                Ok(Ok(done)) => Ok(done),
                Ok(Err(Failed::Fault(fault))) => Err(fault),
                Ok(Err(Failed::Postgres(error))) => Err(self.fault(&error)),
                Ok(Err(Failed::Foreign(why))) => Err(Fault::new(Reason::ForeignStore, format!("{}: {why}", self.shown))),
                Err(_) => {
                    // What the server still does for it is nobody's.
                    self.client = None;
                    let why = format!("{} has not answered for {} s", self.shown, PATIENCE.as_secs());
                    Err(Fault::new(Reason::Unreachable, why))
                }
            }
        }
        .boxed()
    }

    async fn made(&mut self, source: &Source) -> Result<bool> {
        let mut client = self.connect().await?;
        let told = |error: tokio_postgres::Error| self.fault(&error);
        let transaction = client.transaction().await.map_err(told)?;
        transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&MAKERS]).await.map_err(told)?;
        let makes = self.kind(&transaction).await? == Kind::Empty;
        if makes {
            transaction.batch_execute(TABLES).await.map_err(told)?;
            for index in indexes::ALL {
                transaction.batch_execute(&indexes::made(index)).await.map_err(told)?;
            }
            transaction.batch_execute(&format!("COMMENT ON TABLE source IS '{MARK}{SCHEMA}'")).await.map_err(told)?;
            let whose = "INSERT INTO source (genesis, channel) VALUES ($1, $2)";
            transaction.execute(whose, &[&source.genesis.as_str(), &source.channel]).await.map_err(told)?;
            let pointer = "INSERT INTO pointer (name, serial, lease_epoch, last_number) VALUES ($1, 0, 0, 0)";
            transaction.execute(pointer, &[&POINTER]).await.map_err(told)?;
        }
        transaction.commit().await.map_err(told)?;
        self.client = Some(client);
        Ok(makes)
    }
}

/// Whether packets to it leave this machine.
fn is_elsewhere(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name != "localhost" && !name.parse::<std::net::IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
        }
        Host::Unix(_) => false,
    }
}

/// The address without user and password.
fn shown(config: &Config) -> String {
    let port = |at: usize| config.get_ports().get(at).or(config.get_ports().first()).copied().unwrap_or(5432);
    let hosts: Vec<String> = config
        .get_hosts()
        .iter()
        .enumerate()
        .map(|(at, host)| match host {
            Host::Tcp(name) => format!("{name}:{}", port(at)),
            Host::Unix(folder) => folder.display().to_string(),
        })
        .collect();
    format!("postgres://{}/{}", hosts.join(","), config.get_dbname().unwrap_or_default())
}

fn fault_of(shown: &str, error: &tokio_postgres::Error) -> Fault {
    let said = |reason, what: String| Fault::new(reason, format!("{shown}: {what}"));
    let Some(db) = error.as_db_error() else { return said(Reason::Unreachable, words(error)) };
    let what = db.message().to_owned();
    match db.code() {
        code if *code == SqlState::LOCK_NOT_AVAILABLE => {
            said(Reason::Unreachable, "another controller is in the middle of a write".to_owned()).help("run again")
        }
        code if *code == SqlState::INVALID_CATALOG_NAME => said(Reason::NoStore, what).help("CREATE DATABASE, then `tagwarden sync init`"),
        code if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
            said(Reason::ForeignStore, what).help("GRANT the user of the address what it lacks; `tagwarden sync init` makes tables")
        }
        _ => said(Reason::Unreachable, what),
    }
}

/// An error with its causes.
fn words(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        cause = inner.source();
    }
    text
}

#[derive(PartialEq)]
enum Kind {
    Own,
    Empty,
}

#[derive(Clone, Copy)]
enum Mode {
    Reads,
    Writes,
}

type Work<'t, T> = BoxFuture<'t, std::result::Result<T, Failed>>;

enum Failed {
    Postgres(tokio_postgres::Error),
    Fault(Fault),
    /// Something in a table that this program never writes.
    Foreign(String),
}

impl From<tokio_postgres::Error> for Failed {
    fn from(error: tokio_postgres::Error) -> Failed {
        Failed::Postgres(error)
    }
}

impl Store for Postgres {
    fn shown(&self) -> &str {
        &self.shown
    }

    fn another(&self) -> Box<dyn Store> {
        let (config, tls, shown) = (self.config.clone(), self.tls.clone(), self.shown.clone());
        Box::new(Postgres { config, tls, shown, client: None, begun: self.begun })
    }

    fn make(&mut self, source: Source) -> Doing<'_, bool> {
        async move { self.made(&source).await }.boxed()
    }

    fn state(&mut self) -> Doing<'_, State> {
        self.reading(|transaction| state(transaction).boxed())
    }

    fn lead(&mut self, holder: String, now: Timestamp, until: Timestamp) -> Doing<'_, Option<u64>> {
        self.within(Mode::Writes, move |transaction| {
            async move {
                // Times are written alike, so their texts are in their order.
                let query = "UPDATE pointer SET lease_epoch = lease_epoch + CASE WHEN lease_holder = $2 THEN 0 ELSE 1 END,
                               lease_holder = $2, lease_until = $4
                             WHERE name = $1 AND (lease_holder IS NULL OR lease_holder = $2 OR lease_until <= $3) RETURNING lease_epoch";
                let taken = transaction.query_opt(query, &[&POINTER, &holder, &now.to_string(), &until.to_string()]).await?;
                taken.map(|row| number(&row, 0)).transpose()
            }
            .boxed()
        })
    }

    fn resign(&mut self, epoch: u64) -> Doing<'_, ()> {
        self.within(Mode::Writes, move |transaction| {
            async move {
                let free = "UPDATE pointer SET lease_holder = NULL, lease_until = NULL WHERE name = $1 AND lease_epoch = $2";
                transaction.execute(free, &[&POINTER, &signed(epoch)]).await?;
                Ok(())
            }
            .boxed()
        })
    }

    fn begin(&mut self, epoch: u64, commit: Oid, shape: Digest, rules: Option<Digest>) -> Doing<'_, u64> {
        async move {
            self.begun = None;
            let begun =
                self.leading(epoch, "it began to write", move |transaction| begin(transaction, commit, shape, rules).boxed()).await?;
            self.begun = Some(begun);
            Ok(begun.number)
        }
        .boxed()
    }

    fn lacks(&mut self, digests: Vec<Digest>) -> Doing<'_, Vec<Digest>> {
        if self.begun.is_some_and(|begun| begun.is_first) {
            return async { Ok(digests) }.boxed();
        }
        self.reading(move |transaction| {
            async move {
                let query = "SELECT d FROM unnest($1::bytea[]) WITH ORDINALITY AS t (d, at)
                             WHERE NOT EXISTS (SELECT 1 FROM bodies b WHERE b.digest = d) ORDER BY at";
                transaction.query(query, &[&bytes(digests.iter())]).await?.iter().map(|row| digest(row, 0)).collect()
            }
            .boxed()
        })
    }

    fn write(&mut self, epoch: u64, number: u64, until: Timestamp, changes: Vec<Change>, bodies: Vec<(Digest, Body)>) -> Doing<'_, ()> {
        let copies = self.begun.is_some_and(|begun| begun.is_first && begun.number == number);
        self.leading(epoch, "a part of the release was written", move |transaction| {
            async move {
                // It is on disk with the flip, which waits for the disk; without that nobody needs it.
                transaction.batch_execute("SET LOCAL synchronous_commit = off").await?;
                let ends = changes.iter().filter(|change| change.ends).map(|change| &change.key);
                let begins: Vec<&Row> = changes.iter().filter_map(|change| change.begins.as_ref()).collect();
                if changes.is_empty() && bodies.is_empty() {
                    // The lease alone.
                } else if copies {
                    copy::bodies(transaction, &bodies).await?;
                    copy::rows(transaction, number, &begins).await?;
                } else {
                    insert_bodies(transaction, &bodies).await?;
                    end(transaction, number, ends).await?;
                    insert(transaction, number, &begins).await?;
                }
                prolong(transaction, until).await
            }
            .boxed()
        })
    }

    fn index(&mut self, epoch: u64, until: Timestamp) -> Doing<'_, ()> {
        async move {
            // Each in a transaction of its own, so that nobody who would write waits for all of them.
            for index in indexes::ALL {
                self.leading(epoch, "the rows were indexed", move |transaction| {
                    async move {
                        indexes::one(transaction, index).await?;
                        prolong(transaction, until).await
                    }
                    .boxed()
                })
                .await?;
            }
            self.begun = self.begun.map(|begun| Begun { is_first: false, ..begun });
            Ok(())
        }
        .boxed()
    }

    fn complete(&mut self, epoch: u64, number: u64, buckets: Buckets, counts: BTreeMap<String, u64>) -> Doing<'_, ()> {
        self.begun = self.begun.map(|begun| Begun { is_first: false, ..begun });
        self.leading(epoch, "the release was complete", move |transaction| {
            async move {
                for index in indexes::ALL {
                    indexes::one(transaction, index).await?;
                }
                let complete = "UPDATE snapshots SET state = 'ready', digest = $2, counts = $3, buckets = $4 WHERE number = $1";
                let (digest, bytes) = (buckets.digest(), buckets.to_bytes());
                transaction.execute(complete, &[&signed(number), &digest.as_str(), &text_of(&counts), &bytes]).await?;
                Ok(())
            }
            .boxed()
        })
    }

    fn take_back(&mut self, epoch: u64, number: u64) -> Doing<'_, ()> {
        self.leading(epoch, "the release was taken back", move |transaction| take_back(transaction, number).boxed())
    }

    fn rows(&mut self, number: u64, behind: Option<Key>, limit: usize) -> Doing<'_, Vec<Row>> {
        self.reading(move |transaction| {
            async move {
                let query = format!(
                    "SELECT {ROW} FROM artifacts a WHERE valid_from <= $1 AND $1 < valid_to AND (kind, identity) > ($2, $3)
                     ORDER BY kind, identity, valid_from LIMIT $4"
                );
                transaction.batch_execute(IN_ORDER).await?;
                let Key { kind, identity } = behind.unwrap_or_else(|| Key { kind: String::new(), identity: String::new() });
                let rows = transaction.query(&query, &[&signed(number), &kind, &identity, &(limit as i64)]).await?;
                rows.iter().map(row).collect()
            }
            .boxed()
        })
    }

    fn each<'s>(&'s mut self, number: u64, take: Take<'s>, goes_on: GoesOn<'s>) -> Doing<'s, ()> {
        async move {
            let query = format!("SELECT {ROW} FROM artifacts a WHERE valid_from <= $1 AND $1 < valid_to");
            let shown = self.shown.clone();
            let told = |failed| match failed {
                Failed::Fault(fault) => fault,
                Failed::Postgres(error) => fault_of(&shown, &error),
                Failed::Foreign(why) => Fault::new(Reason::ForeignStore, format!("{shown}: {why}")),
            };
            let client = self.open().await?;
            let given = client.query_raw(&query, [signed(number)]).await.map_err(|error| told(error.into()))?;
            // The server waits while a page is taken, so there are never many in memory.
            let mut given = std::pin::pin!(given.ready_chunks(PAGE));
            while let Some(page) = given.next().await {
                if !goes_on() {
                    return Err(left_alone());
                }
                let page = page.into_iter().map(|found| row(&found?)).collect::<std::result::Result<Vec<Row>, Failed>>();
                take(page.map_err(told)?)?;
            }
            Ok(())
        }
        .boxed()
    }

    fn count(&mut self, number: u64) -> Doing<'_, u64> {
        self.reading(move |transaction| {
            async move {
                let query = "SELECT count(*) FROM artifacts JOIN bodies USING (digest) WHERE valid_from <= $1 AND $1 < valid_to";
                self::number(&transaction.query_one(query, &[&signed(number)]).await?, 0)
            }
            .boxed()
        })
    }

    fn find(&mut self, number: u64, keys: Vec<Key>) -> Doing<'_, Vec<Row>> {
        self.reading(move |transaction| {
            async move {
                let query = format!(
                    "SELECT {ROW} FROM (SELECT DISTINCT * FROM unnest($2::text[], $3::text[]) AS w (k, i)) w
                     JOIN artifacts a ON a.kind = w.k AND a.identity = w.i AND valid_from <= $1 AND $1 < valid_to
                     ORDER BY kind, identity, valid_from"
                );
                let (kinds, identities): (Vec<&str>, Vec<&str>) = keys.iter().map(|key| (key.kind.as_str(), key.identity.as_str())).unzip();
                let rows = transaction.query(&query, &[&signed(number), &kinds, &identities]).await?;
                rows.iter().map(row).collect()
            }
            .boxed()
        })
    }

    fn bucket(&mut self, number: u64, bucket: u16) -> Doing<'_, Vec<(Row, Option<String>)>> {
        self.reading(move |transaction| {
            async move {
                let query = format!(
                    "SELECT {ROW}, (SELECT body FROM bodies b WHERE b.digest = a.digest) FROM artifacts a
                     WHERE bucket = $2 AND valid_from <= $1 AND $1 < valid_to"
                );
                let rows = transaction.query(&query, &[&signed(number), &i32::from(bucket)]).await?;
                rows.iter().map(|found| Ok((row(found)?, found.try_get(9)?))).collect()
            }
            .boxed()
        })
    }

    fn buckets(&mut self, number: u64) -> Doing<'_, Option<Buckets>> {
        self.reading(move |transaction| {
            async move {
                let query = "SELECT buckets FROM snapshots WHERE number = $1 AND state = 'ready' AND buckets IS NOT NULL";
                let found = transaction.query_opt(query, &[&signed(number)]).await?;
                let bytes: Option<Vec<u8>> = found.map(|row| row.try_get(0)).transpose()?;
                Ok(bytes.and_then(|bytes| Buckets::of_bytes(&bytes)))
            }
            .boxed()
        })
    }

    fn bodies(&mut self, behind: Option<Digest>, limit: usize) -> Doing<'_, Vec<(Digest, String)>> {
        self.reading(move |transaction| {
            async move {
                transaction.batch_execute(IN_ORDER).await?;
                let behind = behind.as_ref().map_or(Vec::new(), |digest| digest.to_bytes().to_vec());
                let query = "SELECT digest, body FROM bodies WHERE digest > $1 ORDER BY digest LIMIT $2";
                let rows = transaction.query(query, &[&behind, &(limit as i64)]).await?;
                rows.iter().map(|row| Ok((digest(row, 0)?, row.try_get(1)?))).collect()
            }
            .boxed()
        })
    }

    fn wrong<'s>(&'s mut self, number: u64, goes_on: GoesOn<'s>) -> Doing<'s, Vec<Digest>> {
        if !goes_on() {
            return async { Err(left_alone()) }.boxed();
        }
        // The server makes the digests that are compared, of what it has stored, which saves sending all of it. Those that they are
        // compared with were made here, of the files.
        self.reading(move |transaction| {
            async move {
                let query = "SELECT b.digest FROM bodies b WHERE b.digest <> sha256(convert_to(b.body, 'UTF8'))
                             AND EXISTS (SELECT 1 FROM artifacts a WHERE a.digest = b.digest AND a.valid_from = $1)";
                transaction.query(query, &[&signed(number)]).await?.iter().map(|row| digest(row, 0)).collect()
            }
            .boxed()
        })
    }

    fn flip(&mut self, epoch: u64, from: Option<Live>, to: Live) -> Doing<'_, bool> {
        self.within(Mode::Writes, move |transaction| flip(transaction, epoch, from, to).boxed())
    }

    fn note(&mut self, epoch: u64, attempt: Attempt) -> Doing<'_, ()> {
        self.leading(epoch, "what came of it was noted", move |transaction| {
            async move {
                let Attempt { serial, release, commit, time, rejected } = attempt;
                let (findings, message) = rejected.map_or((None, None), |rejected| (Some(signed(rejected.findings)), Some(rejected.message)));
                let note = "INSERT INTO attempts (name, serial, release, commit_id, time, findings, message) VALUES ($1, $2, $3, $4, $5, $6, $7)
                            ON CONFLICT (name) DO UPDATE SET serial = $2, release = $3, commit_id = $4, time = $5, findings = $6, message = $7";
                let time = time.to_string();
                transaction.execute(note, &[&POINTER, &signed(serial), &release, &commit.as_str(), &time, &findings, &message]).await?;
                Ok(())
            }
            .boxed()
        })
    }

    fn remove(&mut self, epoch: u64, numbers: Vec<u64>) -> Doing<'_, u64> {
        self.leading(epoch, "old snapshots were removed", move |transaction| {
            async move {
                let numbers: Vec<i64> = numbers.into_iter().map(signed).collect();
                transaction.execute("DELETE FROM snapshots WHERE number = ANY($1)", &[&numbers]).await?;
                remove_rows(transaction, &format!("valid_to < {OPEN} AND {STRAY}")).await
            }
            .boxed()
        })
    }

    fn strays(&mut self) -> Doing<'_, Strays> {
        self.reading(|transaction| {
            async move {
                let counted = transaction.query_one(&counted_strays(), &[]).await?;
                Ok(Strays { rows: number(&counted, 0)?, bodies: number(&counted, 1)? })
            }
            .boxed()
        })
    }

    fn sweep(&mut self, epoch: u64, wrong: Vec<Digest>) -> Doing<'_, ()> {
        self.leading(epoch, "the store was cleaned up", move |transaction| {
            async move {
                remove_rows(transaction, STRAY).await?;
                let wrong = bytes(wrong.iter());
                let orphans = "DELETE FROM bodies WHERE digest = ANY($1)
                               OR NOT EXISTS (SELECT 1 FROM artifacts a WHERE a.digest = bodies.digest)";
                transaction.execute(orphans, &[&wrong]).await?;
                Ok(())
            }
            .boxed()
        })
    }
}

async fn state(transaction: &Transaction<'_>) -> std::result::Result<State, Failed> {
    let whose = transaction.query_one("SELECT genesis, channel FROM source", &[]).await?;
    let source = Source { genesis: parsed(&whose, 0)?, channel: whose.try_get(1)? };
    let query = "SELECT snapshot, serial, release, commit_id, shape, since, lease_epoch, lease_holder, lease_until
                 FROM pointer WHERE name = $1";
    let pointer = transaction.query_one(query, &[&POINTER]).await?;
    let live = match pointer.try_get::<_, Option<i64>>(0)? {
        None => None,
        Some(number_of) => Some(Live {
            number: unsigned(number_of),
            serial: number(&pointer, 1)?,
            release: pointer.try_get(2)?,
            commit: parsed(&pointer, 3)?,
            shape: parsed(&pointer, 4)?,
            since: parsed(&pointer, 5)?,
        }),
    };
    let holder = match pointer.try_get::<_, Option<String>>(7)? {
        None => None,
        Some(name) => Some(Holder { name, until: parsed(&pointer, 8)? }),
    };
    let lease = Lease { epoch: number(&pointer, 6)?, holder };
    let query = "SELECT number, digest, commit_id, shape, counts, left_at, rules FROM snapshots WHERE state = 'ready' ORDER BY number";
    let mut snapshots = Vec::new();
    for row in &transaction.query(query, &[]).await? {
        let left = row.try_get::<_, Option<&str>>(5)?.is_some();
        let has_rules = row.try_get::<_, Option<&str>>(6)?.is_some();
        snapshots.push(Snapshot {
            number: number(row, 0)?,
            digest: parsed(row, 1)?,
            commit: parsed(row, 2)?,
            shape: parsed(row, 3)?,
            rules: if has_rules { Some(parsed(row, 6)?) } else { None },
            counts: serde_json::from_str(row.try_get(4)?).map_err(|error| Failed::Foreign(error.to_string()))?,
            left: left.then(|| parsed(row, 5)).transpose()?,
        });
    }
    let query = "SELECT serial, release, commit_id, time, findings, message FROM attempts WHERE name = $1";
    let attempt = match transaction.query_opt(query, &[&POINTER]).await? {
        None => None,
        Some(row) => {
            let rejected = match row.try_get::<_, Option<i64>>(4)? {
                None => None,
                Some(findings) => Some(Rejected { findings: unsigned(findings), message: row.try_get(5)? }),
            };
            let (commit, time) = (parsed(&row, 2)?, parsed(&row, 3)?);
            Some(Attempt { serial: number(&row, 0)?, release: row.try_get(1)?, commit, time, rejected })
        }
    };
    Ok(State { source, live, lease, snapshots, attempt })
}

async fn flip(transaction: &Transaction<'_>, epoch: u64, from: Option<Live>, to: Live) -> std::result::Result<bool, Failed> {
    let (number, serial) = from.as_ref().map_or((None, 0), |live| (Some(signed(live.number)), signed(live.serial)));
    let since = to.since.to_string();
    let moved = transaction
        .execute(
            "UPDATE pointer SET snapshot = $5, serial = $6, release = $7, commit_id = $8, shape = $9, since = $10
             WHERE name = $1 AND lease_epoch = $2 AND snapshot IS NOT DISTINCT FROM $3 AND serial = $4",
            &[
                &POINTER,
                &signed(epoch),
                &number,
                &serial,
                &signed(to.number),
                &signed(to.serial),
                &to.release,
                &to.commit.as_str(),
                &to.shape.as_str(),
                &since,
            ],
        )
        .await?;
    if moved == 0 {
        return Ok(false);
    }
    let left = "UPDATE snapshots SET left_at = CASE WHEN number = $2 THEN NULL ELSE $3 END WHERE number = $1 OR number = $2";
    transaction.execute(left, &[&number, &signed(to.number), &since]).await?;
    let published = "INSERT INTO publications (serial, snapshot, digest, release, commit_id, counts, time, holder)
                     SELECT $2, s.number, s.digest, $3, $4, s.counts, $5, p.lease_holder
                     FROM snapshots s JOIN pointer p ON p.name = $6 WHERE s.number = $1";
    transaction.execute(published, &[&signed(to.number), &signed(to.serial), &to.release, &to.commit.as_str(), &since, &POINTER]).await?;
    Ok(true)
}

async fn begin(transaction: &Transaction<'_>, commit: Oid, shape: Digest, rules: Option<Digest>) -> std::result::Result<Begun, Failed> {
    let unfinished = "SELECT number FROM snapshots WHERE state <> 'ready' ORDER BY number DESC";
    for row in transaction.query(unfinished, &[]).await? {
        take_back(transaction, number(&row, 0)?).await?;
    }
    let next = "UPDATE pointer SET last_number = last_number + 1 WHERE name = $1 RETURNING last_number";
    let next = number(&transaction.query_one(next, &[&POINTER]).await?, 0)?;
    let is_first = indexes::left_out(transaction).await?;
    let begun = "INSERT INTO snapshots (number, state, commit_id, shape, rules) VALUES ($1, 'writing', $2, $3, $4)";
    let rules = rules.as_ref().map(Digest::as_str);
    transaction.execute(begun, &[&signed(next), &commit.as_str(), &shape.as_str(), &rules]).await?;
    Ok(Begun { number: next, is_first })
}

async fn prolong(transaction: &Transaction<'_>, until: Timestamp) -> std::result::Result<(), Failed> {
    transaction.execute("UPDATE pointer SET lease_until = $2 WHERE name = $1", &[&POINTER, &until.to_string()]).await?;
    Ok(())
}

async fn insert_bodies(transaction: &Transaction<'_>, bodies: &[(Digest, Body)]) -> std::result::Result<(), Failed> {
    if bodies.is_empty() {
        return Ok(());
    }
    let digests = bytes(bodies.iter().map(|(digest, _)| digest));
    let types: Vec<&str> = bodies.iter().map(|(_, body)| body.media_type).collect();
    let texts: Vec<&str> = bodies.iter().map(|(_, body)| body.text.as_str()).collect();
    let insert = "INSERT INTO bodies (digest, media_type, body)
                  SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[]) ON CONFLICT (digest) DO NOTHING";
    transaction.execute(insert, &[&digests, &types, &texts]).await?;
    Ok(())
}

async fn end(transaction: &Transaction<'_>, number: u64, keys: impl Iterator<Item = &Key>) -> std::result::Result<(), Failed> {
    let (kinds, identities): (Vec<&str>, Vec<&str>) = keys.map(|key| (key.kind.as_str(), key.identity.as_str())).unzip();
    if kinds.is_empty() {
        return Ok(());
    }
    let end = format!(
        "UPDATE artifacts a SET valid_to = $1 FROM unnest($2::text[], $3::text[]) AS ended (kind, identity)
         WHERE a.kind = ended.kind AND a.identity = ended.identity AND a.valid_to = {OPEN} AND a.valid_from < $1"
    );
    transaction.execute(&end, &[&signed(number), &kinds, &identities]).await?;
    Ok(())
}

async fn insert(transaction: &Transaction<'_>, number: u64, rows: &[&Row]) -> std::result::Result<(), Failed> {
    if rows.is_empty() {
        return Ok(());
    }
    let texts = |of: fn(&Row) -> &str| rows.iter().map(|row| of(row)).collect::<Vec<&str>>();
    let versions: Vec<Option<&str>> = rows.iter().map(|row| row.content.version.as_deref()).collect();
    let buckets: Vec<i32> = rows.iter().map(|row| i32::from(member::bucket(&row.content.key))).collect();
    let generations: Vec<i64> = rows.iter().map(|row| signed(row.generation)).collect();
    let begin = format!(
        "INSERT INTO artifacts (kind, identity, uid, path, digest, counted, version, generation, bucket, valid_from, valid_to)
         SELECT *, $10::bigint, {OPEN}
         FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::bytea[], $7::text[], $8::bigint[], $9::integer[])
         ON CONFLICT (kind, identity, valid_from) DO NOTHING"
    );
    transaction
        .execute(
            &begin,
            &[
                &texts(|row| &row.content.key.kind),
                &texts(|row| &row.content.key.identity),
                &texts(|row| &row.uid),
                &texts(|row| &row.content.path),
                &bytes(rows.iter().map(|row| &row.content.digest)),
                &bytes(rows.iter().map(|row| &row.content.counted)),
                &versions,
                &generations,
                &buckets,
                &signed(number),
            ],
        )
        .await?;
    Ok(())
}

async fn take_back(transaction: &Transaction<'_>, number: u64) -> std::result::Result<(), Failed> {
    let number = signed(number);
    remove_rows(transaction, &format!("valid_from = {number}")).await?;
    transaction.execute("UPDATE artifacts SET valid_to = $2 WHERE valid_to = $1 AND valid_to < $2", &[&number, &OPEN]).await?;
    transaction.execute("DELETE FROM snapshots WHERE number = $1", &[&number]).await?;
    Ok(())
}

/// Removes rows, and the bodies that no other row has; how many rows. `which`: a condition of this program's own.
async fn remove_rows(transaction: &Transaction<'_>, which: &str) -> std::result::Result<u64, Failed> {
    transaction.batch_execute("CREATE TEMP TABLE IF NOT EXISTS gone (digest bytea) ON COMMIT DELETE ROWS; TRUNCATE gone").await?;
    let rows = transaction
        .execute(
            &format!("WITH removed AS (DELETE FROM artifacts WHERE {which} RETURNING digest) INSERT INTO gone SELECT digest FROM removed"),
            &[],
        )
        .await?;
    if rows > 0 {
        let orphans = "DELETE FROM bodies WHERE digest IN (SELECT digest FROM gone)
                       AND NOT EXISTS (SELECT 1 FROM artifacts a WHERE a.digest = bodies.digest)";
        transaction.execute(orphans, &[]).await?;
    }
    Ok(rows)
}

/// A page is read along an index. Of tables that were just filled the server knows no figures, and would sort all of them for each page.
const IN_ORDER: &str = "SET LOCAL enable_sort = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off";

/// What [`row`] reads.
const ROW: &str = "a.kind, a.identity, a.version, a.path, a.digest, a.counted, a.uid, a.generation, a.bucket";

fn row(row: &tokio_postgres::Row) -> std::result::Result<Row, Failed> {
    let key = Key { kind: row.try_get(0)?, identity: row.try_get(1)? };
    let content = Content { key, version: row.try_get(2)?, path: row.try_get(3)?, digest: digest(row, 4)?, counted: digest(row, 5)? };
    Ok(Row::found(content, row.try_get(6)?, number(row, 7)?, row.try_get::<_, i32>(8)?.into()))
}

/// Digests in the least room.
fn bytes<'d>(digests: impl Iterator<Item = &'d Digest>) -> Vec<Vec<u8>> {
    digests.map(|digest| digest.to_bytes().to_vec()).collect()
}

fn digest(row: &tokio_postgres::Row, column: usize) -> std::result::Result<Digest, Failed> {
    let bytes: &[u8; 32] = row.try_get::<_, &[u8]>(column)?.try_into().map_err(|_| Failed::Foreign("a digest is not one".to_owned()))?;
    Ok(Digest::of_bytes(bytes))
}

fn number(row: &tokio_postgres::Row, column: usize) -> std::result::Result<u64, Failed> {
    Ok(unsigned(row.try_get(column)?))
}

fn parsed<T: std::str::FromStr<Err = String>>(row: &tokio_postgres::Row, column: usize) -> std::result::Result<T, Failed> {
    row.try_get::<_, &str>(column)?.parse().map_err(Failed::Foreign)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str) -> Result<Postgres> {
        Postgres::at(url, &EnvVars::default(), "LIVE")
    }

    #[test]
    fn addresses_are_shown_without_user_and_password() {
        for (url, shown) in [
            ("postgres://me:hunter2@db.example.com/shop", "postgres://db.example.com:5432/shop"),
            ("postgresql://me:hunter2@127.0.0.1:5433/shop?sslmode=verify-full", "postgres://127.0.0.1:5433/shop"),
            ("postgres:///shop?host=/run/postgresql&user=me&password=hunter2", "postgres:///run/postgresql/shop"),
        ] {
            assert_eq!(at(url).unwrap().shown, shown);
        }
        for wrong in ["postgres://me:hunter2@db.example.com:port/shop", "postgres://me:hunter2@/shop", "postgres://a/b?hunter2=x"] {
            let fault = at(wrong).err().unwrap();
            assert!(fault.reason == Reason::BadUsage && !format!("{fault:?}").contains("hunter2"), "{fault:?}");
        }
    }

    #[test]
    fn other_machines_are_spoken_to_encrypted() {
        for (url, mode) in [
            ("postgres://db.example.com/shop", SslMode::Require),
            ("postgres://127.0.0.1,db.example.com/shop", SslMode::Require),
            ("postgres://db.example.com/shop?sslmode=disable", SslMode::Disable),
            ("postgres://localhost/shop", SslMode::Prefer),
            ("postgres://[::1]/shop", SslMode::Prefer),
            ("postgres:///shop?host=/run/postgresql", SslMode::Prefer),
        ] {
            assert_eq!(at(url).unwrap().config.get_ssl_mode(), mode, "{url}");
        }
    }
}
