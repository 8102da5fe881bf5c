//! What every read store must do, as one suite over the trait: lease and fencing, hydrations that are cut off, the flip, retention.

use std::collections::BTreeMap;
use tagwarden::{
    domain::{Digest, Oid, Reason, Result, Timestamp},
    sync::{
        StoreAt,
        compare::Change,
        row::{Body, Content, Key, Row, TEXT},
        state::{Live, Source},
    },
    world::{
        EnvVars,
        stores::{self, Store},
    },
};

#[tokio::test]
async fn a_file_of_sqlite_is_a_read_store() {
    let folder = tempfile::TempDir::with_prefix("tw-test-").unwrap();
    let at = StoreAt::Sqlite("live.db".into());
    conformance(|| stores::open(&at, folder.path(), &EnvVars::default()).unwrap()).await;
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
    (Row { content, uid: format!("uid-{identity}"), generation: 1 }, (digest, Body { media_type: TEXT, text: text.into() }))
}

/// Begins, or with `ends` replaces, a row.
fn change(identity: &str, text: &str, ends: bool) -> (Change, (Digest, Body)) {
    let (row, body) = row(identity, text);
    (Change { key: row.content.key.clone(), ends, begins: Some(row) }, body)
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
    let bodies: BTreeMap<Digest, String> = store.bodies(None, None, 1000).await.unwrap().into_iter().collect();
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

async fn conformance(open: impl Fn() -> Box<dyn Store>) {
    let reason = |refused: Result<()>| refused.unwrap_err().reason;
    let mut one = open();
    assert_eq!(one.state().await.unwrap_err().reason, Reason::NoStore);
    let source = Source { genesis: oid('a'), channel: "production".into() };
    assert!(one.make(source.clone()).await.unwrap());
    let mut two = open();
    assert!(!two.make(Source { channel: "other".into(), ..source.clone() }).await.unwrap(), "it is there");
    assert_eq!(two.state().await.unwrap().source, source, "whose it is never changes");

    // One leads; the other does when the lease is over, and not before.
    let first = one.lead("one".into(), at(0), at(60)).await.unwrap().unwrap();
    assert_eq!(one.lead("one".into(), at(10), at(70)).await.unwrap(), Some(first), "a holder goes on with its epoch");
    assert_eq!(two.lead("two".into(), at(69), at(129)).await.unwrap(), None);

    // A whole hydration, then a difference that replaces, ends and begins.
    let number = one.begin(first, oid('b'), Digest::of(b"s")).await.unwrap();
    let (changes, wanted) = (vec![change("a", "1", false), change("b", "1", false), change("c", "3", false)], "a=1 b=1 c=3");
    let digests = |changes: &[(Change, (Digest, Body))]| changes.iter().map(|(_, (digest, _))| digest.clone()).collect::<Vec<_>>();
    assert_eq!(one.lacks(digests(&changes)).await.unwrap().len(), 3);
    write(one.as_mut(), first, number, changes.clone()).await.unwrap();
    assert!(one.lacks(digests(&changes)).await.unwrap().is_empty());
    assert!(one.state().await.unwrap().snapshots.is_empty(), "it is not complete");
    let counts = BTreeMap::from([("product".to_owned(), 3)]);
    one.complete(first, number, Digest::of(b"1"), counts.clone()).await.unwrap();
    let snapshot = one.state().await.unwrap().snapshots.remove(0);
    assert_eq!((snapshot.number, &snapshot.commit, snapshot.rows()), (number, &oid('b'), 3));
    assert_eq!(seen(one.as_mut(), number).await, wanted);
    assert_eq!(one.bodies(Some(number), None, 10).await.unwrap().len(), 2, "two rows have one content");

    // The flip names what was there.
    assert!(!one.flip(first, Some(live(number, 3)), live(number, 4)).await.unwrap());
    assert!(one.flip(first, None, live(number, 3)).await.unwrap());
    assert!(!one.flip(first, None, live(number, 4)).await.unwrap());
    assert!(!one.flip(first, Some(live(number, 2)), live(number, 4)).await.unwrap(), "another serial");
    assert_eq!(one.state().await.unwrap().live, Some(live(number, 3)));

    // One is cut off in the middle of the next hydration.
    let cut = one.begin(first, oid('c'), Digest::of(b"s")).await.unwrap();
    assert!(cut > number);
    write(one.as_mut(), first, cut, vec![change("a", "2", true), change("d", "4", false)]).await.unwrap();
    one.write(first, cut, at(60), vec![end("b")], Vec::new()).await.unwrap();
    assert_eq!(seen(one.as_mut(), number).await, wanted, "readers do not see it");

    // Past its lease another one leads. Nothing of the first is taken any more, wherever it was stopped.
    let second = two.lead("two".into(), at(130), at(190)).await.unwrap().unwrap();
    assert!(second > first);
    assert_eq!(reason(write(one.as_mut(), first, cut, vec![change("e", "5", false)]).await), Reason::NotLeading);
    assert_eq!(reason(one.complete(first, cut, Digest::of(b"2"), counts.clone()).await), Reason::NotLeading);
    assert_eq!(reason(one.take_back(first, cut).await), Reason::NotLeading);
    assert_eq!(reason(one.remove(first, vec![number]).await.map(|_| ())), Reason::NotLeading);
    assert_eq!(reason(one.sweep(first, Vec::new()).await), Reason::NotLeading);
    assert!(!one.flip(first, Some(live(number, 3)), live(cut, 4)).await.unwrap(), "a paused leader cannot flip");
    one.resign(first).await.unwrap();
    assert_eq!(two.state().await.unwrap().lease.epoch, second);
    assert!(two.state().await.unwrap().lease.holder.is_some(), "it cannot give another's lease back");

    // What was cut off is taken back whole, then the next number is given.
    let next = two.begin(second, oid('d'), Digest::of(b"s")).await.unwrap();
    assert!(next > cut, "no number is given twice");
    assert_eq!(seen(two.as_mut(), number).await, wanted);
    assert_eq!(seen(two.as_mut(), next).await, wanted, "an empty difference is the same rows");
    assert_eq!(two.strays().await.unwrap(), stores::Strays::default());
    assert_eq!(two.bodies(None, None, 10).await.unwrap().len(), 2);

    // It can be taken back twice.
    write(two.as_mut(), second, next, vec![change("a", "2", true)]).await.unwrap();
    two.take_back(second, next).await.unwrap();
    two.take_back(second, next).await.unwrap();
    assert_eq!(seen(two.as_mut(), number).await, wanted);

    // A snapshot that goes takes along what it alone had.
    let last = two.begin(second, oid('e'), Digest::of(b"s")).await.unwrap();
    write(two.as_mut(), second, last, vec![change("a", "2", true), change("d", "4", false)]).await.unwrap();
    two.write(second, last, at(190), vec![end("c")], Vec::new()).await.unwrap();
    two.complete(second, last, Digest::of(b"3"), counts).await.unwrap();
    assert!(two.flip(second, Some(live(number, 3)), live(last, 5)).await.unwrap());
    assert_eq!(two.state().await.unwrap().snapshot(number).unwrap().left, Some(at(5)));
    assert_eq!((seen(two.as_mut(), number).await.as_str(), seen(two.as_mut(), last).await.as_str()), (wanted, "a=2 b=1 d=4"));
    assert_eq!(two.remove(second, vec![number]).await.unwrap(), 2, "the old `a`, and `c`");
    assert_eq!(seen(two.as_mut(), last).await, "a=2 b=1 d=4");
    assert_eq!(two.bodies(None, None, 10).await.unwrap().len(), 3);
    two.resign(second).await.unwrap();
    assert_eq!(one.lead("one".into(), at(140), at(200)).await.unwrap(), Some(second + 1), "what was given back is free at once");
}
