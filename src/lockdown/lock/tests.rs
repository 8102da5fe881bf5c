use super::{
    compare::{self, Renewed, Seen},
    watch::Watcher,
    *,
};
use crate::{
    domain::Severity,
    lockdown::{Census, Facts, Library, Verdict},
    text::{markdown, source::Source},
    tree::MapTree,
};
use proptest::prelude::*;

const TEXT: &str = "\
# tagwarden.lock/1: x
# document	kind	target	count	watched	accepted
a.md	path	src/x.rs	2	-	-
b.md	lines	src/x.rs:1-2	1	sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855	-
b.md	path	gone.rs	1	-	Ada <ada@example.com> | 2026-11-21T10:00:00Z | made | later
";

fn key(document: &str, kind: ReferenceKind, target: &str) -> Key {
    Key { document: document.to_owned(), kind, target: target.to_owned() }
}

#[test]
fn a_lock_is_read_and_written() {
    let read = Lock::read("x.lock", TEXT).unwrap();
    let gone = key("b.md", ReferenceKind::Path, "gone.rs");
    let accepted = read.lock.rows[&gone].accepted.clone().unwrap();
    assert_eq!((accepted.who.as_str(), accepted.why.as_str()), ("Ada <ada@example.com>", "made | later"));
    assert_eq!(read.lines[&gone], 5);
    let written = read.lock.text();
    assert_eq!(written.lines().skip(2).collect::<Vec<_>>(), TEXT.lines().skip(2).collect::<Vec<_>>());
    assert_eq!(written.lines().nth(1), TEXT.lines().nth(1));
    assert_eq!(Lock::read("x.lock", &TEXT.replace('\n', "\r\n")), Ok(read));
    let mut turned: Vec<&str> = TEXT.lines().collect();
    turned[2..].reverse();
    assert_eq!(Lock::read("x.lock", &turned.join("\n")).unwrap().lock.text(), written, "any order is read");
}

#[test]
fn what_is_wrong_with_a_lock_is_said_with_its_line() {
    let row = "a.md\tpath\tx\t1\t-\t-";
    for (lines, expected) in [
        (vec!["\tx"], "3: a row has 6 columns, with a tab between them; this line has 2"),
        (vec!["", "# remark", "a\tpth\tx\t1\t-\t-"], "5: `pth` is no kind of reference"),
        (vec!["-\tpath\tx\t1\t-\t-"], "3: the first column names no document"),
        (vec!["a\tpath\t\\x\t1\t-\t-"], "3: the target has an escape that is not known"),
        (vec!["a\tpath\tx\t0\t-\t-"], "3: `0` is no number of times"),
        (vec!["a\tpath\tx\t1\tsha256:00\t-"], "3: `sha256:00` is no digest of the form sha256:<64 hex>"),
        (vec!["a\tpath\tx\t1\t-\tAda | yesterday | x"], "3: the last column is not of the form `who | when | why`"),
        (vec!["a\tpath\tx\t1\t-\tAda | 2026-11-21T10:00:00Z | -"], "3: the last column is not of the form `who | when | why`"),
        (vec![row, row], "4: the row of `x` stands a second time"),
        (vec![row, "x", "<<<<<<< ours", row], "5: the lock has a merge conflict"),
        (vec![row, "======="], "4: the lock has a merge conflict"),
    ] {
        let text = format!("{HEAD}1\n{COLUMNS}\n{}\n", lines.join("\n"));
        let findings = Lock::read("x.lock", &text).unwrap_err();
        let told: Vec<String> = findings.iter().map(|f| format!("{}: {}", f.place.as_ref().unwrap().line, f.message)).collect();
        assert_eq!(told, [expected]);
        assert!(findings[0].help.as_ref().unwrap().contains("docs lock"), "{expected}");
        assert!(Lock::salvage("x.lock", &text).is_ok(), "{expected}");
    }
    for (text, expected) in [
        ("", "this is no document lock"),
        ("a,b\n# tagwarden.lock/1\n", "this is no document lock"),
        ("# tagwarden.lock/2: y\n", "version `2` of the lock's format is not known; this program reads 1"),
        ("# tagwarden.lock/11\n", "version `11` of the lock's format is not known; this program reads 1"),
        ("# tagwarden.lock/", "version `` of the lock's format is not known; this program reads 1"),
    ] {
        assert_eq!(Lock::read("x.lock", text).unwrap_err()[0].message, expected);
        assert_eq!(Lock::salvage("x.lock", text).unwrap_err()[0].message, expected, "and is never overwritten");
    }
    let many = format!("{HEAD}1\n{}", "x\n".repeat(100));
    assert_eq!(Lock::read("x.lock", &many).unwrap_err().len(), MOST + 1);
}

#[test]
fn of_a_merge_conflict_both_sides_count() {
    let by = |who: &str, when: &str| format!("{who} | 2026-11-{when}T10:00:00Z | w");
    let text = [
        "# tagwarden.lock/1: x",
        "a.md\tpath\ta\t1\t-\t-",
        "<<<<<<< HEAD",
        &format!("a.md\tpath\tb\t1\t-\t{}", by("Ada", "20")),
        "a.md\tpath\tc\t1\t-\t-",
        "||||||| base",
        "a.md\tpath\td\t1\t-\t-",
        "=======",
        &format!("a.md\tpath\tb\t2\t-\t{}", by("Bob", "21")),
        &format!("a.md\tpath\tc\t2\t-\t{}", by("Bob", "21")),
        "damaged",
        ">>>>>>> theirs",
    ];
    let lock = Lock::salvage("x.lock", &text.join("\n")).unwrap();
    let rows: Vec<(&str, Option<&str>)> =
        lock.rows.iter().map(|(key, row)| (key.target.as_str(), row.accepted.as_ref().map(|accepted| accepted.who.as_str()))).collect();
    assert_eq!(rows, [("a", None), ("b", Some("Bob")), ("c", Some("Bob"))]);
    let in_the_head =
        ["<<<<<<< HEAD", "# tagwarden.lock/1: x", "=======", "# tagwarden.lock/1: y", ">>>>>>> theirs", "a.md\tpath\ta\t1\t-\t-"];
    assert_eq!(Lock::salvage("x.lock", &in_the_head.join("\n")).unwrap().rows.len(), 1);
}

fn tree(files: &[(&str, &str)]) -> MapTree {
    MapTree::new(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect())
}

/// What `docs lock` writes for these documents, and what `docs check` then says of others.
struct Case {
    tree: MapTree,
    documents: Vec<(Source, Census)>,
}

impl Case {
    fn new(files: &[(&str, &str)]) -> Case {
        let tree = tree(files);
        let facts = Facts::default();
        let library = Library::new(&tree, &facts).unwrap();
        let documents = files.iter().filter(|(path, _)| path.starts_with("docs/")).map(|(path, text)| {
            let source = Source::new(*path, *text);
            let census = library.census(&source, &markdown::parse(text), true).unwrap();
            (source, census)
        });
        let documents = documents.collect();
        Case { tree, documents }
    }

    fn seen(&self) -> Vec<Seen<'_>> {
        let mut watcher = Watcher::new(&self.tree);
        self.documents.iter().map(|(source, census)| Seen::new(&mut watcher, source, census).unwrap()).collect()
    }

    fn lock(&self, old: &Lock) -> (Lock, Renewed) {
        compare::renew(old, &self.seen())
    }

    /// `code line message` of each finding, and the targets that changed.
    fn told(&self, lock: &Lock) -> Vec<String> {
        let text = lock.text();
        let read = Lock::read("x.lock", &text).unwrap();
        let declared: Vec<String> = self.documents.iter().map(|(source, _)| source.file.clone()).collect();
        let compared = compare::compare("x.lock", &text, &read, &self.seen(), Some(&declared));
        let shown = |finding: &Finding| {
            let place = finding.place.as_ref().unwrap();
            format!("{} {}:{} {}", finding.code, place.file, place.line, finding.message)
        };
        let changes = compared.changes.iter().map(|change| format!("{:?}", change.part));
        compared.findings.iter().map(shown).chain(changes).collect()
    }
}

const CODE: &str = "one\ntwo\nthree\n";

#[test]
fn every_drift_is_told_once() {
    let document = "`src/x.rs` `src/y.rs`\n`src/x.rs:1-2` [a](b.md#way)\n";
    let files = |document, code, other| [("docs/a.md", document), ("docs/b.md", other), ("src/x.rs", code), ("src/y.rs", "")];
    let other = "# Way\nx\n# End\ny\n";
    let first = Case::new(&files(document, CODE, other));
    let (lock, renewed) = first.lock(&Lock::default());
    assert_eq!((renewed.added, renewed.removed, renewed.changed), (4, 0, 0));
    assert_eq!(first.told(&lock), [""; 0]);
    assert_eq!(first.lock(&lock), (lock.clone(), Renewed::default()), "the same again");

    for (document, code, other, expected) in [
        // Moving, and what is not watched, changes nothing.
        ("\n\n[a](b.md#way) text `src/x.rs:1-2`\n\n`src/y.rs` `src/x.rs`", "one\ntwo\nTHREE\n", "# End\nz\n# Way\nx\n", vec![]),
        (document, "one\r\ntwo\r\n", other, vec![]),
        (
            document,
            "one\nTWO\n",
            other,
            vec![
                "docs/changed-target docs/a.md:2 `src/x.rs:1-2` (lines) was reviewed against an older text",
                "Lines { path: \"src/x.rs\", first: 1, last: 2 }",
            ],
        ),
        (
            document,
            CODE,
            "# Way\nother\n# End\n",
            vec![
                "docs/changed-target docs/a.md:2 `docs/b.md#way` (link) was reviewed against an older text",
                "Section { path: \"docs/b.md\", anchor: \"way\" }",
            ],
        ),
        (
            "`src/x.rs` `src/x.rs`\n`src/x.rs:1-2` [a](b.md#way) `src/`",
            CODE,
            other,
            vec![
                "docs/lock-count docs/a.md:1 `src/x.rs` (path) stands here 2 times, in the lock once",
                "docs/lock-added docs/a.md:2 `src` (path) is not in the lock",
                "docs/lock-removed x.lock:6 `src/y.rs` (path) is in the lock, but docs/a.md makes no such reference any more",
            ],
        ),
        // What is broken has its own error.
        ("`src/x.rs` `src/y.rs`\n`src/x.rs:1-2` [a](b.md#way) `src/gone.rs`", CODE, other, vec![]),
        (
            "<!-- tagwarden: watch -- its whole text counts -->\n`src/y.rs`\n\n`src/x.rs` `src/x.rs:1-2` [a](b.md#way)",
            CODE,
            other,
            vec!["docs/changed-target docs/a.md:2 the text of `src/y.rs` (path) is watched, but the lock does not know it"],
        ),
    ] {
        let mut told = Case::new(&files(document, code, other)).told(&lock);
        let mut expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
        told.sort();
        expected.sort();
        assert_eq!(told, expected, "{document} {code} {other}");
    }

    let folder = Case::new(&[("docs/a.md", "<!-- tagwarden: watch -- all of it -->\n`src/` `src/x.rs`"), ("src/x.rs", "")]);
    let (lock_of_folder, _) = folder.lock(&Lock::default());
    assert_eq!(
        folder.told(&lock_of_folder),
        ["docs/not-watched docs/a.md:2 `src` (path) is to be watched, but only files are, and this is none"]
    );

    let one_less = Case::new(&[("docs/b.md", other)]);
    assert_eq!(one_less.told(&lock), ["docs/lock-removed x.lock:3 the lock has 4 rows of docs/a.md, which is no protocol document"]);
}

#[test]
fn what_is_accepted_stays_until_it_holds() {
    let broken = Case::new(&[("docs/a.md", "`src/gone.rs` `src/gone.rs`"), ("src/x.rs", "")]);
    let gone = key("docs/a.md", ReferenceKind::Path, "src/gone.rs");
    let by = Acceptance { who: "Ada".to_owned(), when: "2026-11-21T10:00:00Z".parse().unwrap(), why: "made later".to_owned() };
    let row = Row { count: 2, watched: None, accepted: Some(by) };
    let lock = Lock { rows: BTreeMap::from([(gone.clone(), row.clone())]) };

    let mut census = broken.documents[0].1.clone();
    assert_eq!(compare::accept(&lock, "docs/a.md", &mut census), 2);
    let told: Vec<(Severity, &str)> = census.findings().map(|finding| (finding.severity, finding.message.as_str())).collect();
    let said = "`src/gone.rs` is no file or folder of the tree; accepted by Ada at 2026-11-21T10:00:00Z: made later";
    assert_eq!(told, [(Severity::Note, said), (Severity::Note, said)]);
    assert!(census.references.iter().all(|reference| reference.verdict == Verdict::Broken), "accepted is not found");
    assert_eq!(broken.lock(&lock), (lock.clone(), Renewed::default()));

    for (other, of_another) in [
        (key("docs/b.md", ReferenceKind::Path, "src/gone.rs"), "document"),
        (key("docs/a.md", ReferenceKind::Link, "src/gone.rs"), "kind"),
        (key("docs/a.md", ReferenceKind::Path, "src/gone"), "target"),
    ] {
        let lock = Lock { rows: BTreeMap::from([(other, row.clone())]) };
        assert_eq!(compare::accept(&lock, "docs/a.md", &mut broken.documents[0].1.clone()), 0, "of another {of_another}");
    }

    let more = Case::new(&[("docs/a.md", "`src/gone.rs` `src/gone.rs` `src/gone.rs`"), ("src/x.rs", "")]);
    assert_eq!(more.told(&lock), ["docs/lock-count docs/a.md:1 `src/gone.rs` (path) stands here 3 times, in the lock 2 times"]);

    let mended = Case::new(&[("docs/a.md", "`src/gone.rs` `src/gone.rs`"), ("src/gone.rs", "")]);
    assert_eq!(mended.told(&lock), ["docs/accepted-stale x.lock:3 `src/gone.rs` (path) holds, so nothing is left of what Ada accepted"]);
    let (renewed, how) = mended.lock(&lock);
    assert_eq!((renewed.rows[&gone].accepted.clone(), how.changed, how.settled), (None, 1, 1));
}

/// What `told` says of a document once another one was locked.
fn drift(locked: &[(&str, &str)], now: &[(&str, &str)]) -> Vec<String> {
    let (lock, _) = Case::new(locked).lock(&Lock::default());
    Case::new(now).told(&lock)
}

#[test]
fn what_stands_several_times_is_what_all_of_it_is() {
    let with = |text: &'static str| vec![("docs/a.md", text), ("docs/b.md", "# Way\nx\n"), ("src/x.rs", CODE)];
    // One that nobody claims, and one that is broken.
    assert_eq!(drift(&with(""), &with("Delete `src/gone.rs`. See `src/gone.rs`.")), [""; 0]);
    let fewer = "docs/lock-count docs/a.md:1 `src/x.rs` (path) stands here once, in the lock 2 times";
    assert_eq!(drift(&with("`src/x.rs` `src/x.rs`"), &with("`src/x.rs`")), [fewer]);
    let whole = "[a](b.md#way)\n\n<!-- tagwarden: watch -- all of it -->\n[a](b.md#way)";
    let (lock, _) = Case::new(&with("[a](b.md#way) [a](b.md#way)")).lock(&Lock::default());
    let now = Case::new(&with(whole)).told(&lock);
    assert_eq!(now.last().map(String::as_str), Some("Whole { path: \"docs/b.md\" }"), "{now:#?}");
    let row = ["docs/lock-removed x.lock:3 the lock has a row of docs/a.md, which is no protocol document"];
    assert_eq!(drift(&with("`src/x.rs`"), &[("docs/b.md", "")]), row);
}

#[test]
fn what_cannot_be_looked_at_is_no_other_text() {
    let document = "`src/x.rs:1-2`";
    let locked = [("docs/a.md", document), ("src/x.rs", CODE)];
    let short = [("docs/a.md", document), ("src/x.rs", "one\n")];
    assert_eq!(drift(&locked, &short), [""; 0], "its own error says it");
    let (lock, _) = Case::new(&locked).lock(&Lock::default());
    assert_eq!(Case::new(&short).lock(&lock), (lock, Renewed::default()), "what was reviewed stays");
    for watched in ["[a](../src/)", "`src/gone.rs`", "`GONE_NAME`", "[a](https://example.com/x)"] {
        let text = format!("<!-- tagwarden: watch -- all of it -->\n{watched}");
        let case = [("docs/a.md", text.as_str()), ("src/x.rs", CODE)];
        assert!(!drift(&case, &case).iter().any(|told| told.contains("not-watched")), "{watched}");
    }
    // Another build may read definitions that this one does not.
    let symbol = Case::new(&[("docs/a.md", "`src/x.rs#run`"), ("src/x.rs", "pub fn run() {}\n")]);
    let (seen, _) = symbol.lock(&Lock::default());
    for watched in [None, Some(Digest::of(b"other"))] {
        let mut lock = seen.clone();
        let there = lock.rows.values().all(|row| row.watched.is_some());
        lock.rows.values_mut().for_each(|row| row.watched = watched.clone());
        assert_eq!(symbol.told(&lock).is_empty(), watched.is_none() || !there);
        assert!(there || symbol.lock(&lock).0 == lock, "and keeps what the other read");
    }
}

#[test]
fn an_acceptance_takes_help_and_mending_away_but_not_while_one_of_two_is_wrong() {
    let by = Acceptance { who: "Ada".to_owned(), when: "2026-11-21T10:00:00Z".parse().unwrap(), why: "later".to_owned() };
    let lock = |target: &str, count: usize| Lock {
        rows: BTreeMap::from([(key("docs/a.md", ReferenceKind::Path, target), Row { count, watched: None, accepted: Some(by.clone()) })]),
    };
    let case = Case::new(&[("docs/a.md", "`SRC/x.rs`"), ("src/x.rs", "")]);
    let mut census = case.documents[0].1.clone();
    assert!(census.findings().all(|finding| finding.help.is_some()));
    let range = census.problems[0].range.clone();
    census.problems[0].fix = Some(crate::lockdown::Fix { range, with: "src/x.rs".to_owned() });
    assert_eq!(compare::accept(&lock("SRC/x.rs", 1), "docs/a.md", &mut census), 1);
    assert!(census.problems.iter().all(|problem| problem.finding.help.is_none() && problem.fix.is_none()), "{:?}", census.problems);
    let (accepted, other) = (lock("SRC/x.rs", 1), Lock { rows: BTreeMap::new() });
    let reference = &census.references[0];
    assert!(compare::is_accepted(&accepted, "docs/a.md", reference) && !compare::is_accepted(&other, "docs/a.md", reference));
    let mut plain = accepted.clone();
    plain.rows.values_mut().for_each(|row| row.accepted = None);
    assert!(!compare::is_accepted(&plain, "docs/a.md", reference));

    let missing = "`src/x.rs`\n\n`src/x.rs` <!-- tagwarden: expect-missing -- soon -->";
    let half = Case::new(&[("docs/a.md", missing), ("src/x.rs", "")]);
    assert_eq!(half.told(&lock("src/x.rs", 2)), [""; 0], "one of the two is still wrong");
}

#[test]
fn very_many_changes_are_counted() {
    let text: String = (0..300).map(|number| format!("`src/{number}.rs` ")).collect();
    let code: Vec<String> = (0..300).map(|number| format!("src/{number}.rs")).collect();
    let mut files: Vec<(&str, &str)> = code.iter().map(|path| (path.as_str(), "")).collect();
    files.push(("docs/a.md", &text));
    let case = Case::new(&files);
    let compared = compare::compare("x.lock", "", &Read::default(), &case.seen(), None);
    assert_eq!(compared.findings.len(), 51);
    assert_eq!(compared.findings[50].message, "docs/a.md: 250 more references that the lock does not have");
    let text: String = (0..50).map(|number| format!("`src/{number}.rs` ")).collect();
    *files.last_mut().unwrap() = ("docs/a.md", &text);
    let compared = compare::compare("x.lock", "", &Read::default(), &Case::new(&files).seen(), None);
    assert_eq!(compared.findings.len(), 50, "exactly as many as are shown");
}

fn odd() -> impl Strategy<Value = String> {
    "(#|-|<<<<<<< |=======|>>>>>>>|\\\\)?([a-z -~é\u{0}\t\n\r\\\\#|<>=\u{202e}\u{85}-]| \\| |\\\\u\\{|-){0,12}"
}

prop_compose! {
    fn any_lock()(rows in prop::collection::vec((odd(), 0..ReferenceKind::ALL.len(), odd(), 1usize..9, any::<bool>(), prop::option::of((odd(), odd(), 0i64..4_000_000_000))), 0..8)) -> Lock {
        let rows = rows.into_iter().map(|(document, kind, target, count, watched, accepted)| {
            let accepted = accepted.map(|(who, why, when)| Acceptance { who: format!("w{who}"), when: Timestamp::from_unix(when), why: format!("{why}.") });
            let key = Key { document: format!("{document}d"), kind: ReferenceKind::ALL[kind], target };
            (key, Row { count, watched: watched.then(|| Digest::of(b"x")), accepted })
        });
        Lock { rows: rows.collect() }
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back(lock in any_lock()) {
        let text = lock.text();
        let read = Lock::read("x.lock", &text).unwrap();
        prop_assert_eq!(&read.lock, &lock);
        prop_assert_eq!(read.lock.text(), text.clone());
        prop_assert_eq!(Lock::salvage("x.lock", &text).unwrap(), lock);
        prop_assert!(text.lines().skip(2).all(|line| line.matches('\t').count() == 5));
    }

    #[test]
    fn no_file_is_too_odd(text in "(# tagwarden\\.lock/1\n)?([a-z\t\n|<=>#\\\\-]|a\tpath\t|<<<<<<< |=======\n|1\t-\t-\n){0,40}") {
        let read = Lock::read("x.lock", &text);
        let salvaged = Lock::salvage("x.lock", &text);
        if let Ok(read) = read {
            prop_assert_eq!(salvaged.unwrap(), read.lock);
        }
    }
}
