//! What every read store must do, as one suite over the trait: lease and fencing, hydrations that are cut off, the flip, retention; and
//! what readers of it see meanwhile.

use std::collections::BTreeMap;
use tagwarden::{
    domain::{Digest, Fault, Oid, Reason, Result, Timestamp},
    sync::{
        StoreAt,
        compare::Change,
        member::{self, Buckets},
        row::{Body, Content, Key, Row, TEXT},
        state::{Live, Source},
    },
    world::{
        EnvVars,
        stores::{self, Store},
    },
};

/// A place for one store, as programs of others reach it as well.
trait Place: Sync {
    fn open(&self) -> Box<dyn Store>;

    /// What one request of a reader sees: the pinned number, then `identity=text` of its rows and how many there are, in two queries.
    fn request(&self) -> Box<dyn FnMut() -> (i64, Vec<String>, i64) + Send>;

    /// What somebody else does to its tables.
    fn execute(&self, statement: &str);
}

const PIN: &str = "SELECT snapshot FROM pointer WHERE name = 'live'";
const READ: &str = "SELECT identity || '=' || body FROM pinned WHERE snapshot = $1 ORDER BY identity";
const COUNT: &str = "SELECT count(*) FROM pinned WHERE snapshot = $1";

struct File(tempfile::TempDir);

impl File {
    fn new() -> File {
        File(tempfile::TempDir::with_prefix("tw-test-").unwrap())
    }
}

impl Place for File {
    fn open(&self) -> Box<dyn Store> {
        stores::open(&StoreAt::Sqlite("live.db".into()), self.0.path(), &EnvVars::default()).unwrap()
    }

    fn request(&self) -> Box<dyn FnMut() -> (i64, Vec<String>, i64) + Send> {
        let reader = rusqlite::Connection::open(self.0.path().join("live.db")).unwrap();
        Box::new(move || {
            let number: i64 = reader.query_row(PIN, [], |row| row.get(0)).unwrap();
            let mut rows = reader.prepare(READ).unwrap();
            let rows = rows.query_map([number], |row| row.get(0)).unwrap().map(|row| row.unwrap()).collect();
            (number, rows, reader.query_row(COUNT, [number], |row| row.get(0)).unwrap())
        })
    }

    fn execute(&self, statement: &str) {
        rusqlite::Connection::open(self.0.path().join("live.db")).unwrap().execute_batch(statement).unwrap();
    }
}

#[tokio::test]
async fn a_file_of_sqlite_is_a_read_store() {
    conformance(&File::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_a_file_see_one_release_or_the_next() {
    readers(&File::new()).await;
}

/// A schema on the server that `TAGWARDEN_TEST_POSTGRES` has the address of.
#[cfg(feature = "postgres")]
mod postgres {
    use super::*;
    use tokio_postgres::{Client, NoTls};

    struct Schema(String);

    /// One made for a test, with its address.
    async fn schema(name: &str) -> Schema {
        let server = std::env::var("TAGWARDEN_TEST_POSTGRES").expect("TAGWARDEN_TEST_POSTGRES is the address of a server");
        connect(&server).await.batch_execute(&format!("DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}")).await.unwrap();
        Schema(format!("{server}{}options=-csearch_path%3D{name}", if server.contains('?') { '&' } else { '?' }))
    }

    async fn connect(url: &str) -> Client {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    impl Place for Schema {
        fn open(&self) -> Box<dyn Store> {
            let env = EnvVars::of([("LIVE", &self.0)]);
            stores::open(&StoreAt::Env("LIVE".into()), std::path::Path::new("/"), &env).unwrap()
        }

        fn request(&self) -> Box<dyn FnMut() -> (i64, Vec<String>, i64) + Send> {
            // A runtime of its own, since a reader here is a thread.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let url = self.0.clone();
            let mut client = None;
            Box::new(move || {
                runtime.block_on(async {
                    if client.is_none() {
                        client = Some(connect(&url).await);
                    }
                    let client = client.as_ref().unwrap();
                    let number: i64 = client.query_one("SELECT pin()", &[]).await.unwrap().get(0);
                    let rows = client.query(READ, &[&number]).await.unwrap().iter().map(|row| row.get(0)).collect();
                    (number, rows, client.query_one(COUNT, &[&number]).await.unwrap().get(0))
                })
            })
        }

        fn execute(&self, statement: &str) {
            let run = || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async { connect(&self.0).await.batch_execute(statement).await.unwrap() });
            };
            std::thread::scope(|scope| scope.spawn(run).join().unwrap());
        }
    }

    #[tokio::test]
    #[ignore = "needs a server of PostgreSQL; `tests/full sync` starts one"]
    async fn a_schema_of_postgresql_is_a_read_store() {
        conformance(&schema("conformance").await).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a server of PostgreSQL; `tests/full sync` starts one"]
    async fn readers_of_a_schema_see_one_release_or_the_next() {
        readers(&schema("readers").await).await;
    }

    #[tokio::test]
    #[ignore = "needs a server of PostgreSQL; `tests/full sync` starts one"]
    async fn schemas_of_something_else_are_left_as_they_are() {
        let source = || Source { genesis: oid('a'), channel: "production".into() };
        let place = schema("elsewhere").await;
        let other = connect(&place.0).await;
        other.batch_execute("CREATE TABLE mine (x int); INSERT INTO mine VALUES (1)").await.unwrap();
        for refused in [place.open().make(source()).await.map(|_| ()), place.open().state().await.map(|_| ())] {
            assert_eq!(refused.unwrap_err().reason, Reason::ForeignStore);
        }
        other.batch_execute("DROP TABLE mine").await.unwrap();
        let mut store = place.open();
        store.make(source()).await.unwrap();
        other.batch_execute("COMMENT ON TABLE source IS 'tagwarden read store, schema 4'").await.unwrap();
        let newer = place.open().state().await.unwrap_err();
        assert!(newer.reason == Reason::ForeignStore && newer.message.contains("newer program"), "{newer:?}");
        let nowhere = Schema(place.0.replace("elsewhere", "nowhere"));
        assert_eq!(nowhere.open().make(source()).await.unwrap_err().reason, Reason::ForeignStore);
        let closed = Schema("postgres://nobody:hunter2@127.0.0.1:1/shop".to_owned());
        let fault = closed.open().state().await.unwrap_err();
        assert!(fault.reason == Reason::Unreachable && !format!("{fault:?}").contains("hunter2"), "{fault:?}");
    }

    #[tokio::test]
    #[ignore = "needs a server of PostgreSQL; `tests/full sync` starts one"]
    async fn two_that_make_the_tables_at_once_make_them_once() {
        let place = schema("makers").await;
        let source = Source { genesis: oid('a'), channel: "production".into() };
        let (mut one, mut two) = (place.open(), place.open());
        let (one, two) = tokio::join!(one.make(source.clone()), two.make(source.clone()));
        assert!(one.unwrap() != two.unwrap());
    }
}

fn oid(letter: char) -> Oid {
    letter.to_string().repeat(40).parse().unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(1_795_000_000 + seconds)
}

fn row(identity: &str, text: &str) -> (Row, (Digest, Body)) {
    let digest = Digest::of(text.as_bytes());
    let key = Key { kind: "product".into(), identity: identity.into() };
    let content = Content { key, version: None, path: format!("{identity}.md"), digest: digest.clone(), counted: digest.clone() };
    (
        Row { content, uid: format!("uid-{identity}"), generation: 1, is_in_bucket: true },
        (digest, Body { media_type: TEXT, text: text.into() }),
    )
}

/// Begins, or with `ends` replaces, a row.
fn change(identity: &str, text: &str, ends: bool) -> (Change, (Digest, Body)) {
    let (row, body) = row(identity, text);
    (Change { key: row.content.key.clone(), ends, begins: Some(row) }, body)
}

/// The digests of some rows.
fn buckets(identities: &[&str]) -> Buckets {
    let mut members: Vec<_> = identities.iter().map(|identity| member::of(&row(identity, "1").0.content)).collect();
    members.sort_unstable();
    let mut buckets = Buckets::default();
    buckets.set_all(&members);
    buckets
}

fn end(identity: &str) -> Change {
    Change { key: row(identity, "").0.content.key, ends: true, begins: None }
}

async fn write(store: &mut dyn Store, epoch: u64, number: u64, changes: Vec<(Change, (Digest, Body))>) -> Result<()> {
    let (changes, bodies) = changes.into_iter().unzip();
    store.write(epoch, number, at(60), changes, bodies).await
}

/// `identity=text` of every row of a snapshot.
async fn seen(store: &mut dyn Store, number: u64) -> String {
    let bodies: BTreeMap<Digest, String> = store.bodies(None, 1000).await.unwrap().into_iter().collect();
    let mut rows = Vec::new();
    // One row a page: pages must not lose or repeat rows.
    let mut behind = None;
    loop {
        let page = store.rows(number, behind.take(), 1).await.unwrap();
        let Some(row) = page.into_iter().next() else { return rows.join(" ") };
        rows.push(format!("{}={}", row.content.key.identity, bodies[&row.content.digest]));
        behind = Some(row.content.key);
    }
}

fn live(number: u64, serial: u64) -> Live {
    Live { number, serial, release: format!("shop@{serial}"), commit: oid('c'), shape: Digest::of(b"s"), since: at(serial as i64) }
}

/// Eight readers, each request of which must see one release whole, while `TAGWARDEN_SYNC_FLIPS` (else 40) are published one after the
/// other.
async fn readers(place: &dyn Place) {
    let releases = std::env::var("TAGWARDEN_SYNC_FLIPS").map_or(40, |flips| flips.parse::<u64>().unwrap());
    let mut store = place.open();
    store.make(Source { genesis: oid('a'), channel: "production".into() }).await.unwrap();
    let epoch = store.lead("one".into(), at(0), at(60)).await.unwrap().unwrap();
    // Release `n` has rows `0` to `n % 7 + 3`; each text names the release and how many there are.
    let rows = |release: u64| (0..release % 7 + 4).map(move |at| (at.to_string(), format!("{release} of {}", release % 7 + 4)));
    let publish = async |store: &mut dyn Store, from: Option<Live>, serial: u64| {
        let number = store.begin(epoch, oid('b'), Digest::of(b"s"), None).await.unwrap();
        let last = store.state().await.unwrap().snapshots.last().map_or(0, |snapshot| snapshot.number);
        let there: Vec<String> = store.rows(last, None, 100).await.unwrap().into_iter().map(|row| row.content.key.identity).collect();
        for (identity, text) in rows(serial) {
            // Each in a transaction of its own, so that there is much in between.
            write(store, epoch, number, vec![change(&identity, &text, there.contains(&identity))]).await.unwrap();
        }
        let gone = there.iter().filter(|identity| !rows(serial).any(|(wanted, _)| wanted == **identity)).map(|identity| end(identity));
        store.write(epoch, number, at(60), gone.collect(), Vec::new()).await.unwrap();
        let counts = BTreeMap::from([("product".to_owned(), serial % 7 + 4)]);
        store.complete(epoch, number, Buckets::default(), counts).await.unwrap();
        let to = live(number, serial);
        assert!(store.flip(epoch, from, to.clone()).await.unwrap());
        to
    };
    let mut now = publish(store.as_mut(), None, 1).await;
    let ended = std::sync::atomic::AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let reader = || {
            let mut request = place.request();
            let mut seen = std::collections::BTreeSet::new();
            while !ended.load(std::sync::atomic::Ordering::SeqCst) {
                let (number, rows, count) = request();
                let release = rows.first().and_then(|row| row.split(['=', ' ']).nth(1)).unwrap_or("none").to_owned();
                let alike = rows.iter().all(|row| row.split_once('=').unwrap().1 == format!("{release} of {}", rows.len()));
                assert!(alike && !rows.is_empty() && count == rows.len() as i64, "{number}: {count} of {rows:?}");
                seen.insert(release);
                // Without a pause, eight of them leave the writer no processor.
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            seen.len()
        };
        let readers: Vec<_> = (0..8).map(|_| scope.spawn(reader)).collect();
        let flips = async {
            for serial in 2..=releases {
                now = publish(store.as_mut(), Some(now.clone()), serial).await;
                let numbers: Vec<u64> = store.state().await.unwrap().snapshots.iter().map(|snapshot| snapshot.number).collect();
                // A reader is never as late as this.
                let old = numbers.len().saturating_sub(60);
                store.remove(epoch, numbers[..old].to_vec()).await.unwrap();
            }
        };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(flips));
        ended.store(true, std::sync::atomic::Ordering::SeqCst);
        readers.into_iter().map(|reader| reader.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(seen.iter().all(|releases| *releases > 1), "readers saw nothing of it: {seen:?}");
}

async fn conformance(place: &dyn Place) {
    let reason = |refused: Result<()>| refused.unwrap_err().reason;
    let mut one = place.open();
    assert_eq!(one.state().await.unwrap_err().reason, Reason::NoStore);
    let source = Source { genesis: oid('a'), channel: "production".into() };
    assert!(one.make(source.clone()).await.unwrap());
    let mut two = place.open();
    assert!(!two.make(Source { channel: "other".into(), ..source.clone() }).await.unwrap(), "it is there");
    assert_eq!(two.state().await.unwrap().source, source, "whose it is never changes");

    // One leads; the other does when the lease is over, and not before.
    let first = one.lead("one".into(), at(0), at(60)).await.unwrap().unwrap();
    assert_eq!(one.lead("one".into(), at(10), at(70)).await.unwrap(), Some(first), "a holder goes on with its epoch");
    assert_eq!(two.lead("two".into(), at(69), at(129)).await.unwrap(), None);

    // The first of all is cut off, and nothing is left of it for the next.
    let lost = one.begin(first, oid('b'), Digest::of(b"s"), None).await.unwrap();
    write(one.as_mut(), first, lost, vec![change("a", "0", false), change("b", "0", false)]).await.unwrap();

    // A whole hydration, in parts that have a row and a content in common; then a difference that replaces, ends and begins.
    let number = one.begin(first, oid('b'), Digest::of(b"s"), Some(Digest::of(b"r"))).await.unwrap();
    assert!(number > lost && one.bodies(None, 10).await.unwrap().is_empty() && one.rows(number, None, 10).await.unwrap().is_empty());
    let (changes, wanted) = (vec![change("a", "1", false), change("b", "1", false), change("c", "3", false)], "a=1 b=1 c=3");
    let digests = |changes: &[(Change, (Digest, Body))]| changes.iter().map(|(_, (digest, _))| digest.clone()).collect::<Vec<_>>();
    assert_eq!(one.lacks(digests(&changes)).await.unwrap().len(), 3);
    write(one.as_mut(), first, number, changes[..1].to_vec()).await.unwrap();
    write(one.as_mut(), first, number, changes.clone()).await.unwrap();
    one.index(first, at(60)).await.unwrap();
    one.index(first, at(60)).await.unwrap();
    assert!(one.lacks(digests(&changes)).await.unwrap().is_empty());
    assert!(one.state().await.unwrap().snapshots.is_empty(), "it is not complete");
    let counts = BTreeMap::from([("product".to_owned(), 3)]);
    one.complete(first, number, buckets(&["a", "b"]), counts.clone()).await.unwrap();
    let snapshot = one.state().await.unwrap().snapshots.remove(0);
    assert_eq!((snapshot.number, &snapshot.commit, snapshot.rows()), (number, &oid('b'), 3));
    assert_eq!(seen(one.as_mut(), number).await, wanted);
    assert_eq!(one.bodies(None, 10).await.unwrap().len(), 2, "two rows have one content");

    // Another connection reads all of it in one go, and tells content that is not what its digest says.
    let mut beside = one.another();
    let mut given = Vec::new();
    let mut take = |page: Vec<Row>| {
        given.extend(page.into_iter().map(|row| (row.content.key.identity, row.content.digest)));
        Ok(())
    };
    beside.each(number, &mut take, &|| true).await.unwrap();
    given.sort_unstable();
    assert_eq!(given, ["a", "b", "c"].map(|identity| (identity.to_owned(), Digest::of(if identity == "c" { b"3" } else { b"1" }))));
    assert_eq!(reason(beside.each(number, &mut |_| Err(Fault::new(Reason::Findings, "")), &|| true).await), Reason::Findings);
    assert_eq!(reason(beside.each(number, &mut |_| Ok(()), &|| false).await), Reason::Internal, "nobody waits for it");
    assert_eq!(beside.wrong(number, &|| true).await.unwrap(), []);
    place.execute("UPDATE bodies SET body = '4' WHERE body = '3'");
    assert_eq!(beside.wrong(number, &|| true).await.unwrap(), [Digest::of(b"3")]);
    assert_eq!(reason(beside.wrong(number, &|| false).await.map(|_| ())), Reason::Internal, "nobody waits for it");
    place.execute("UPDATE bodies SET body = '3' WHERE body = '4'");

    // What it is asked for by key, by bucket and as digests.
    let key = |identity: &str| row(identity, "").0.content.key;
    let identities = |rows: Vec<Row>| rows.into_iter().map(|row| row.content.key.identity).collect::<Vec<_>>();
    let found = one.find(number, vec![key("c"), key("x"), key("a"), key("c")]).await.unwrap();
    assert_eq!(identities(found), ["a", "c"], "in order, each once");
    assert!(one.find(number + 1, vec![key("a")]).await.unwrap().len() == 1 && one.find(0, vec![key("a")]).await.unwrap().is_empty());
    let of_b = one.bucket(number, member::bucket(&key("b"))).await.unwrap();
    assert_eq!(of_b.iter().map(|(row, body)| (row.content.key.identity.as_str(), body.as_deref())).collect::<Vec<_>>(), [("b", Some("1"))]);
    assert!(one.bucket(0, member::bucket(&key("b"))).await.unwrap().is_empty());
    assert_eq!((one.count(number).await.unwrap(), one.count(0).await.unwrap()), (3, 0));
    assert_eq!(one.buckets(number).await.unwrap(), Some(buckets(&["a", "b"])));
    assert_eq!(snapshot.digest, buckets(&["a", "b"]).digest());
    assert_eq!(one.buckets(number + 1).await.unwrap(), None);
    assert_eq!(snapshot.rules, Some(Digest::of(b"r")));

    // The flip names what was there.
    assert!(!one.flip(first, Some(live(number, 3)), live(number, 4)).await.unwrap());
    assert!(one.flip(first, None, live(number, 3)).await.unwrap());
    assert!(!one.flip(first, None, live(number, 4)).await.unwrap());
    assert!(!one.flip(first, Some(live(number, 2)), live(number, 4)).await.unwrap(), "another serial");
    assert_eq!(one.state().await.unwrap().live, Some(live(number, 3)));

    // One is cut off in the middle of the next hydration.
    let cut = one.begin(first, oid('c'), Digest::of(b"s"), None).await.unwrap();
    assert!(cut > number);
    write(one.as_mut(), first, cut, vec![change("a", "2", true), change("d", "4", false)]).await.unwrap();
    one.write(first, cut, at(60), vec![end("b")], Vec::new()).await.unwrap();
    assert_eq!(seen(one.as_mut(), number).await, wanted, "readers do not see it");

    // Past its lease another one leads. Nothing of the first is taken any more, wherever it was stopped.
    let second = two.lead("two".into(), at(130), at(190)).await.unwrap().unwrap();
    assert!(second > first);
    assert_eq!(reason(write(one.as_mut(), first, cut, vec![change("e", "5", false)]).await), Reason::NotLeading);
    assert_eq!(reason(one.index(first, at(60)).await), Reason::NotLeading);
    assert_eq!(reason(one.complete(first, cut, Buckets::default(), counts.clone()).await), Reason::NotLeading);
    assert_eq!(reason(one.take_back(first, cut).await), Reason::NotLeading);
    assert_eq!(reason(one.remove(first, vec![number]).await.map(|_| ())), Reason::NotLeading);
    assert_eq!(reason(one.sweep(first, Vec::new()).await), Reason::NotLeading);
    assert!(!one.flip(first, Some(live(number, 3)), live(cut, 4)).await.unwrap(), "a paused leader cannot flip");
    one.resign(first).await.unwrap();
    assert_eq!(two.state().await.unwrap().lease.epoch, second);
    assert!(two.state().await.unwrap().lease.holder.is_some(), "it cannot give another's lease back");

    // What was cut off is taken back whole, then the next number is given.
    let next = two.begin(second, oid('d'), Digest::of(b"s"), None).await.unwrap();
    assert!(next > cut, "no number is given twice");
    assert_eq!(seen(two.as_mut(), number).await, wanted);
    assert_eq!(seen(two.as_mut(), next).await, wanted, "an empty difference is the same rows");
    assert_eq!(two.strays().await.unwrap(), stores::Strays::default());
    assert_eq!(two.bodies(None, 10).await.unwrap().len(), 2);

    // It can be taken back twice.
    write(two.as_mut(), second, next, vec![change("a", "2", true)]).await.unwrap();
    two.take_back(second, next).await.unwrap();
    two.take_back(second, next).await.unwrap();
    assert_eq!(seen(two.as_mut(), number).await, wanted);

    // A snapshot that goes takes along what it alone had.
    let last = two.begin(second, oid('e'), Digest::of(b"s"), None).await.unwrap();
    write(two.as_mut(), second, last, vec![change("a", "2", true), change("d", "4", false)]).await.unwrap();
    write(two.as_mut(), second, last, vec![change("d", "4", false)]).await.unwrap();
    assert_eq!(two.wrong(last, &|| true).await.unwrap(), []);
    assert_eq!(two.bodies(None, 10).await.unwrap().len(), 4, "a row that is there already is kept as it is");
    two.write(second, last, at(190), vec![end("c")], Vec::new()).await.unwrap();
    two.complete(second, last, buckets(&["b"]), counts).await.unwrap();
    assert!(two.flip(second, Some(live(number, 3)), live(last, 5)).await.unwrap());
    assert_eq!(two.state().await.unwrap().snapshot(number).unwrap().left, Some(at(5)));
    assert_eq!((seen(two.as_mut(), number).await.as_str(), seen(two.as_mut(), last).await.as_str()), (wanted, "a=2 b=1 d=4"));
    assert_eq!(two.remove(second, vec![number]).await.unwrap(), 2, "the old `a`, and `c`");
    assert_eq!(seen(two.as_mut(), last).await, "a=2 b=1 d=4");
    assert_eq!(two.bodies(None, 10).await.unwrap().len(), 3);
    two.resign(second).await.unwrap();
    assert_eq!(one.lead("one".into(), at(140), at(200)).await.unwrap(), Some(second + 1), "what was given back is free at once");
}
