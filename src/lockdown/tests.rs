#[cfg(test)]
mod beside;
#[cfg(test)]
mod claims;
#[cfg(test)]
mod edges;
#[cfg(test)]
mod gone;
#[cfg(test)]
mod lenient;
#[cfg(test)]
mod names;
#[cfg(test)]
mod outside;
mod protocol;

use super::census::PullAnswer;
use super::*;
use crate::{text::markdown, tree::MapTree};

fn tree(files: &[(&str, &str)]) -> MapTree {
    MapTree::new(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect())
}

fn census(files: &[(&str, &str)], file: &str, text: &str) -> Census {
    let tree = tree(files);
    let facts = Facts { foreign: BTreeMap::from([("other".to_owned(), "example/other".to_owned())]), ..Facts::default() };
    let source = Source::new(file, text);
    Library::new(&tree, &facts).unwrap().census(&source, &markdown::parse(text), true).unwrap()
}

const FILES: &[(&str, &str)] = &[
    ("README.md", "# Top\n## Way\n"),
    ("gates/30-health.yaml", ""),
    ("docs/promotion.md", ""),
    ("docs/other.md", "# Other\n## Other\n<a id=\"here\"></a>\n"),
    ("docs/img/a b.png", ""),
    ("docs/pages/README.md", "# Pages\n"),
    ("src/lib/env.ts", ""),
    ("src/lib/auth/clerk.ts", ""),
    ("src/api/route.ts", ""),
    ("src/web/route.ts", ""),
    ("app/[id]/page.tsx", ""),
    ("scripts/backups/dump.sh", ""),
    ("scripts/backups/restore.sh", ""),
    ("other-things/restore.sh", ""),
    ("Makefile", ""),
];

/// Words with a slash are references only where the history knows such a path.
#[test]
fn a_path_of_a_folder_that_went_is_told_from_words() {
    let text = "`owner/repo` `one/two` `and/or`. `three/four` was removed. \n\n\
        <!-- tagwarden: ignore -- an old name -->\n`one/three`\n\n`README.md` `src/gone.rs`";
    let mut census = census(FILES, "docs/promotion.md", text);
    let asked: Vec<&str> =
        census.questions().filter_map(|question| if let Question::Fate(path) = question { Some(path.as_str()) } else { None }).collect();
    assert!(["owner/repo", "one/two", "and/or", "src/gone.rs"].iter().all(|path| asked.contains(path)) && !asked.contains(&"one/three"));
    let fates = [("owner/repo", Fate::Never), ("and/or", Fate::NotHere), ("one/two", Fate::Deleted), ("src/gone.rs", Fate::Never)];
    let fates = fates.into_iter().map(|(path, fate)| (path.to_owned(), fate)).collect();
    census.settle(&Source::new("docs/promotion.md", text), &Answers { fates, ..Answers::default() });
    let (references, codes) = lines(&census);
    assert_eq!(references, ["path one/two broken", "path README.md ok", "path src/gone.rs broken"]);
    assert_eq!(codes, ["docs/missing-path", "docs/missing-path"]);
    assert!(census.problems.iter().all(|problem| census.references[problem.reference.unwrap()].verdict == Verdict::Broken));
}

/// `kind target verdict` of each reference, and the codes of the findings.
fn lines(census: &Census) -> (Vec<String>, Vec<&str>) {
    let reference = |r: &Reference| match &r.verdict {
        Verdict::Unchecked(reason) => format!("{} {} unchecked: {reason}", r.kind.slug(), r.target),
        verdict => format!("{} {} {}", r.kind.slug(), r.target, verdict.slug()),
    };
    (census.references.iter().map(reference).collect(), census.findings().map(|finding| finding.code.as_str()).collect())
}

#[test]
fn every_reference_has_its_verdict() {
    for (text, references, codes) in [
        // Links are read in the document's folder only.
        ("[a](other.md)", vec!["link docs/other.md ok"], vec![]),
        ("[a](src/lib/env.ts)", vec!["link docs/src/lib/env.ts broken"], vec!["docs/missing-file"]),
        ("[a](/src/lib/env.ts)", vec!["link src/lib/env.ts ok"], vec![]),
        ("[a](../src/lib/)", vec!["link src/lib ok"], vec![]),
        ("[a](other.md/)", vec!["link docs/other.md/ broken"], vec!["docs/missing-file"]),
        ("![a](img/a%20b.png)", vec!["image docs/img/a b.png ok"], vec![]),
        ("![a](<img/a b.png>)", vec!["image docs/img/a b.png ok"], vec![]),
        ("![a]()", vec!["image  broken"], vec!["docs/missing-file"]),
        ("[a]()", vec!["link docs/promotion.md ok"], vec![]),
        ("[a](Other.md)", vec!["link docs/Other.md broken"], vec!["docs/case"]),
        ("[a](../../x.md)", vec!["link ../../x.md broken"], vec!["docs/escape"]),
        ("[a](..%2f..%2fx.md)", vec!["link ../../x.md broken"], vec!["docs/escape"]),
        ("[a](https://example.com/x)", vec!["link https://example.com/x unchecked: a URL outside of the tree"], vec![]),
        ("[a][b]\n\n[b]: gone.md", vec!["definition docs/gone.md broken"], vec!["docs/missing-file"]),
        ("[a][b]", vec!["link b broken"], vec!["docs/undefined-reference"]),
        ("[a][1]", vec!["link 1 broken"], vec!["docs/undefined-reference"]),
        ("as shown [1][2]", vec![], vec![]),
        ("<img src='img/x.png'>", vec!["html docs/img/x.png broken"], vec!["docs/missing-file"]),
        ("[a](../other/x.md)", vec!["link other/x.md foreign"], vec![]),
        // Fragments.
        ("# One\n[a](#one)", vec!["fragment docs/promotion.md#one ok"], vec![]),
        ("# One\n[a](#two)", vec!["fragment docs/promotion.md#two broken"], vec!["docs/missing-anchor"]),
        ("# One\n[a](#One)", vec!["fragment docs/promotion.md#One broken"], vec!["docs/case"]),
        (
            "# One\n[a](#user-content-one) [b](#user-content-two) [c](other.md#user-content-here)",
            vec!["fragment docs/promotion.md#one ok", "fragment docs/promotion.md#user-content-two broken", "link docs/other.md#here ok"],
            vec!["docs/missing-anchor"],
        ),
        ("[a](#top) [b](#)", vec!["fragment docs/promotion.md#top ok", "fragment docs/promotion.md# ok"], vec![]),
        ("[a](other.md#other-1)", vec!["link docs/other.md#other-1 ok"], vec![]),
        ("[a](other.md#here)", vec!["link docs/other.md#here ok"], vec![]),
        ("[a](other.md#other-2)", vec!["link docs/other.md#other-2 broken"], vec!["docs/missing-anchor"]),
        ("[a](pages#pages)", vec!["link docs/pages/README.md#pages ok"], vec![]),
        ("[a](img#x)", vec!["link docs/img#x broken"], vec!["docs/missing-anchor"]),
        ("[a](../src/lib/env.ts#L3)", vec!["lines src/lib/env.ts:3-3 broken"], vec!["docs/missing-lines"]),
        ("[a](../src/lib/env.ts#x)", vec!["link src/lib/env.ts unchecked: a fragment of a file that is no Markdown"], vec![]),
        // Paths in code spans: root, folder, ancestors, the end of one path, beside the one before.
        ("`src/lib/env.ts`", vec!["path src/lib/env.ts ok"], vec![]),
        ("`other.md` `docs/other.md`", vec!["path docs/other.md ok", "path docs/other.md ok"], vec![]),
        ("`auth/clerk.ts`", vec!["path src/lib/auth/clerk.ts ok"], vec![]),
        ("`clerk.ts`", vec!["path src/lib/auth/clerk.ts ok"], vec![]),
        ("`route.ts`", vec!["path route.ts unchecked: several paths end in it"], vec![]),
        ("`scripts/backups/dump.sh` + `restore.sh`", vec!["path scripts/backups/dump.sh ok", "path scripts/backups/restore.sh ok"], vec![]),
        ("`./scripts/backups/dump.sh`", vec!["path scripts/backups/dump.sh ok"], vec![]),
        ("`../gates/` `gates` `gates/`", vec!["path gates ok", "path gates ok"], vec![]),
        ("`Makefile`", vec!["path Makefile ok"], vec![]),
        ("`src/lib/gone.ts`", vec!["path src/lib/gone.ts broken"], vec!["docs/missing-path"]),
        ("`src/gone`", vec!["path src/gone broken"], vec!["docs/missing-path"]),
        ("`SRC/lib/env.ts`", vec!["path SRC/lib/env.ts broken"], vec!["docs/case"]),
        ("`../../x.md`", vec!["path ../../x.md broken"], vec!["docs/escape"]),
        ("`src\\lib\\env.ts`", vec!["path src\\lib\\env.ts broken"], vec!["docs/missing-path"]),
        ("`other/x.ts`", vec!["path other/x.ts foreign"], vec![]),
        ("`src/lib/env.ts:3-9`", vec!["lines src/lib/env.ts:3-9 broken"], vec!["docs/missing-lines"]),
        (
            "`src/lib/env.ts:99999999999` `src/lib/env.ts#L2-L99999999999` [x](../src/lib/env.ts#L99999999999)",
            vec![
                "lines src/lib/env.ts:99999999999 broken",
                "lines src/lib/env.ts#L2-L99999999999 broken",
                "lines ../src/lib/env.ts#L99999999999 broken",
            ],
            vec!["docs/missing-lines"; 3],
        ),
        ("`src/lib/env.ts#Env`", vec!["symbol src/lib/env.ts#Env broken"], vec!["docs/missing-symbol"]),
        ("`docs/other.md#gone`", vec!["path docs/other.md#gone broken"], vec!["docs/missing-anchor"]),
        (
            "`docs/img/a b.png` `cat docs/a.md` `cat docs/other.md`",
            vec!["path docs/img/a b.png ok", "command cat docs/a.md broken", "command cat docs/other.md ok"],
            vec!["docs/missing-path"],
        ),
        // What is no path.
        ("`text/html:x` `a=b/c` `v/1.2` `1/2` `one/<x>` `src`", vec![], vec![]),
        (
            "`/api/health` `GET /src/nothing`",
            vec![
                "endpoint /api/health unchecked: no route file, OpenAPI document or gate tells of it",
                "endpoint GET /src/nothing unchecked: no route file, OpenAPI document or gate tells of it",
            ],
            vec![],
        ),
        ("`/src/lib/env.ts`", vec!["path src/lib/env.ts ok"], vec![]),
        (
            "`PR314A` `1.4.0` `curl -s https://example.com/a.md`",
            vec!["command curl -s https://example.com/a.md ok", "endpoint /a.md unchecked: on a host that no channel names"],
            vec![],
        ),
        // Placeholders.
        ("`gates/<id>.yaml`", vec!["path gates/<id>.yaml ok"], vec![]),
        ("`src/{lib,api}/*.ts`", vec!["path src/{lib,api}/*.ts ok"], vec![]),
        ("`src/…/clerk.ts`", vec!["path src/…/clerk.ts ok"], vec![]),
        ("`gates/<id>.json`", vec!["path gates/<id>.json broken"], vec!["docs/missing-path"]),
        ("`app/[id]/page.tsx`", vec!["path app/[id]/page.tsx ok"], vec![]),
        ("`other/<x>.ts`", vec!["path other/<x>.ts foreign"], vec![]),
        // The link says it already.
        ("[`env.ts`](../src/lib/env.ts)", vec!["link src/lib/env.ts ok"], vec![]),
        // Plain text.
        (
            "See src/gone.ts, (src/lib/env.ts:9) or and/or.md; https://example.com/src/x.ts, text/x.html.",
            vec![
                "path src/gone.ts broken",
                "lines src/lib/env.ts:9-9 broken",
                "url https://example.com/src/x.ts unchecked: a URL outside of the tree",
            ],
            vec!["docs/missing-path", "docs/missing-lines"],
        ),
        // Metadata.
        (
            "---\ntitle: a/b c\nsource: src/lib/env.ts\nalso: [\"src/gone.ts\", docs/other.md]\n- ../Makefile\n---\ntext",
            vec!["path src/lib/env.ts ok", "path src/gone.ts broken", "path docs/other.md ok", "path Makefile ok"],
            vec!["docs/missing-path"],
        ),
        // Never code.
        ("```\n[a](gone.md) `gone.md`\n```\n\n    `gone.md`", vec![], vec![]),
        ("`a/b.md", vec![], vec![]),
        ("text\n\n```\n[a](gone.md)\n", vec![], vec!["docs/unclosed-fence"]),
    ] {
        let census = census(FILES, "docs/promotion.md", text);
        assert_eq!(lines(&census), (references.into_iter().map(str::to_owned).collect(), codes), "{text}");
    }
}

#[test]
fn a_finding_marks_the_exact_characters_and_suggests_one_thing() {
    for (text, marked, help) in [
        ("x é [a](gone.md) y", "gone.md", None),
        ("see `lib/auth/klerk.ts` now", "lib/auth/klerk.ts", None),
        ("see `src/lib/auth/klerk.ts` now", "src/lib/auth/klerk.ts", Some("did you mean `src/lib/auth/clerk.ts`?")),
        ("see `web/lib/env.ts` now", "web/lib/env.ts", Some("did you mean `src/lib/env.ts`?")),
        ("| a |\n|---|\n| `x \\| y` `SRC/lib` |", "SRC/lib", Some("did you mean `src/lib`?")),
        ("| a |\n|---|\n| \\| `gates/<x>.json` |", "gates/<x>.json", None),
        ("# Health gate\n[a](#helth-gate)", "#helth-gate", Some("did you mean `#health-gate`?")),
        ("[a](othr.md)", "othr.md", Some("did you mean `other.md`?")),
        ("[a](<goo (d.md>)", "goo (d.md", None),
    ] {
        let census = census(FILES, "docs/promotion.md", text);
        let [Problem { finding, .. }] = &census.problems[..] else { panic!("{text}: {:?}", census.problems) };
        let place = finding.place.as_ref().unwrap();
        let line: Vec<char> = place.source.as_deref().unwrap().chars().collect();
        let cut: String = line[place.column as usize - 1..place.end_column.unwrap() as usize - 1].iter().collect();
        assert_eq!((cut.as_str(), finding.help.as_deref()), (marked, help), "{text}");
    }
}

#[test]
fn an_unreadable_tree_is_no_empty_tree() {
    struct Broken(crate::tree::TreeId);
    impl Tree for Broken {
        fn id(&self) -> &crate::tree::TreeId {
            &self.0
        }
        fn entries(&self) -> Result<&[crate::tree::TreeEntry], Unreadable> {
            Err(Unreadable("gone".to_owned()))
        }
        fn read(&self, _: &str) -> Result<Option<Vec<u8>>, Unreadable> {
            Err(Unreadable("gone".to_owned()))
        }
    }
    let broken = Broken(crate::tree::TreeId::WorkTree(crate::domain::Digest::of(b"")));
    assert!(Library::new(&broken, &Facts::default()).is_err());
}

#[test]
fn commits_and_tags_of_the_page_are_read_where_something_calls_them_so() {
    let text = "The tag v2.0.0 is out, and refs/tags/web/v1.0.0 as well as `refs/tags/v3.0.0`. It needs v20.1.0 of node.\n\nSee commits 0123abc and 4567def, sha 89ab0123cd, not 0badcafe1.\n\n| Release | Commit | Note |\n|---|---|---|\n| v1.2.3 | 00aa11b | v9.9.9, 00cc22d |\n| `v1.2.4` | `00aa11c` | |\n";
    let census = census(FILES, "docs/promotion.md", text);
    let references = census.references.iter().map(|r| format!("{} {} {}", r.kind.slug(), r.target, &text[r.range.clone()]));
    let references: Vec<String> = references.collect();
    let expected = [
        "release v2.0.0 v2.0.0",
        "release web/v1.0.0 refs/tags/web/v1.0.0",
        "release v3.0.0 refs/tags/v3.0.0",
        "commit 0123abc 0123abc",
        "commit 4567def 4567def",
        "commit 89ab0123cd 89ab0123cd",
        "release v1.2.3 v1.2.3",
        "commit 00aa11b 00aa11b",
        "release v1.2.4 v1.2.4",
        "commit 00aa11c 00aa11c",
    ];
    assert_eq!(references, expected);
}

#[test]
fn very_many_references_take_linear_time() {
    let text = "`src/lib/env.ts` `gone/x.md` [a](gone.md#x) ".repeat(8_000);
    let mut census = census(FILES, "docs/promotion.md", &text);
    assert_eq!((census.references.len(), census.problems.len()), (24_000, census::MOST_PROBLEMS));
    assert_eq!(census.untold_errors(), 16_000 - census::MOST_PROBLEMS);
    let first = census.take_findings("docs/promotion.md").next().unwrap();
    assert_eq!((first.code.as_str(), first.message.as_str()), ("docs/too-many", "there are 6000 more errors in this document"));
}

#[test]
fn what_is_not_told_is_excused_and_settled_all_the_same() {
    let many = "[a](gone.md) ".repeat(census::MOST_PROBLEMS);
    let behind = "`gone/x.md` was removed.\n\n`gone/y.md` <!-- tagwarden: ignore -- an example -->\n\n[b](gone.md)\n\n`src/z.ts` (#7)\n\n[c](other.md#none)\n";
    let text = format!("{many}\n\n{behind}");
    let tree = tree(FILES);
    let facts = Facts::default();
    let source = Source::new("docs/promotion.md", &text);
    let library = Library::new(&tree, &facts).unwrap();
    let mut census = library.census_of_many(&source, &markdown::parse(&text), true).unwrap();
    library.complete(&mut census, || Ok(source.clone())).unwrap();
    let verdicts = |census: &Census| {
        let verdicts: Vec<&str> = census.references[census::MOST_PROBLEMS..].iter().map(|reference| reference.verdict.slug()).collect();
        verdicts.join(" ")
    };
    assert_eq!(verdicts(&census), "ok unchecked broken broken unchecked broken");
    assert_eq!((census.problems.len(), census.untold_errors()), (census::MOST_PROBLEMS, 3));
    let answer = PullAnswer { state: Some(pulls::State::Open), has: Some(true) };
    let fates = [("docs/gone.md".to_owned(), Fate::Deleted)].into();
    let answers = Answers { fates, pulls: [((7, "src/z.ts".to_owned()), answer)].into(), ..Answers::default() };
    census.settle(&source, &answers);
    assert_eq!(verdicts(&census), "ok unchecked broken pending unchecked broken");
    assert_eq!((census.problems.len(), census.untold_errors()), (census::MOST_PROBLEMS, 2));
    let mut lock = lock::Lock::default();
    let accepted = lock::Acceptance { who: "me".into(), when: "2026-01-02T03:04:05Z".parse().unwrap(), why: "so".into() };
    let row = lock::Row { count: 1, watched: None, accepted: Some(accepted) };
    lock.rows.insert(lock::Key::of("docs/promotion.md", census.references.last().unwrap()), row);
    assert_eq!(lock::compare::accept(&lock, "docs/promotion.md", &mut census), 1);
    assert_eq!(census.untold_errors(), 1);
}

proptest::proptest! {
    #[test]
    fn no_document_is_too_odd(text in "([\\[\\]()<>`~#|\\\\!:*_ \r\n{}./a-c%&=…é\u{0}-]|docs/|src/|\\.md){0,60}") {
        let census = census(FILES, "docs/promotion.md", &text);
        let broken = census.references.iter().filter(|r| r.verdict == Verdict::Broken).count();
        proptest::prop_assert_eq!(broken, census.findings().filter(|f| !["docs/unclosed-fence", "docs/no-text"].contains(&f.code.as_str())).count());
        for finding in census.findings() {
            let known = crate::gate::kinds::KINDS.iter().flat_map(|kind| kind.codes).chain(CODES).any(|(code, _)| *code == finding.code);
            proptest::prop_assert!(known);
        }
    }
}

fn strict(files: &[(&str, &str)], text: &str) -> (Source, Census) {
    let tree = tree(files);
    let facts = Facts::default();
    let source = Source::new("docs/promotion.md", text);
    let census = Library::new(&tree, &facts).unwrap().census(&source, &markdown::parse(text), true).unwrap();
    (source, census)
}

#[test]
fn markers_and_sentences_turn_a_verdict() {
    for (text, references, codes) in [
        ("`src/gone.ts` <!-- tagwarden: ignore -- an example -->", vec!["path src/gone.ts unchecked: ignored: an example"], vec![]),
        ("`src/gone.ts` <!-- tagwarden: expect-missing -- made later -->", vec!["path src/gone.ts ok"], vec![]),
        ("`src/lib/env.ts` <!-- tagwarden: expect-missing -- made later -->", vec!["path src/lib/env.ts broken"], vec!["docs/still-there"]),
        (
            "<!-- tagwarden: ignore -- x -->\n\nnothing\n\n`src/gone.ts`",
            vec!["path src/gone.ts broken"],
            vec!["docs/unused-marker", "docs/missing-path"],
        ),
        ("<!-- tagwarden: ignore -->\n`Makefile`", vec!["path Makefile ok"], vec!["docs/bad-marker"]),
        ("`src/gone.ts` was removed.", vec!["path src/gone.ts ok"], vec![]),
        ("`src/gone.ts` is called by the job.", vec!["path src/gone.ts broken"], vec!["docs/missing-path"]),
        ("Delete `src/gone.ts`.", vec!["path src/gone.ts broken"], vec!["docs/missing-path"]),
        (
            "<!-- tagwarden: as-of v1 -- history -->\n`src/lib/env.ts:3-9`",
            vec!["lines src/lib/env.ts:3-9 unchecked: as of v1, which was not looked at"],
            vec![],
        ),
        ("`src/lib/env.ts` was removed.", vec!["path src/lib/env.ts broken"], vec!["docs/still-there"]),
        (
            "The run creates `src/gone.ts`. If it exists, see `src/lost.ts`.",
            vec!["path src/gone.ts broken", "path src/lost.ts broken"],
            vec!["docs/missing-path", "docs/missing-path"],
        ),
        (
            "<!-- tagwarden: as-of v1 -- history -->\n`src/gone.ts`",
            vec!["path src/gone.ts unchecked: as of v1, which was not looked at"],
            vec![],
        ),
    ] {
        let (_, census) = strict(FILES, text);
        assert_eq!(lines(&census), (references.into_iter().map(str::to_owned).collect(), codes), "{text}");
    }
}

#[test]
fn tables_of_pull_requests_are_judged_by_themselves() {
    let table = |head: &str, rows: &str| format!("# Queue\n\nThe pull requests #1\u{2013}#4.\n\n{head}\n|---|---|\n{rows}");
    let head = "| PR | Depends on |";
    for (text, messages) in [
        (table(head, "| #1 | (none) |\n| #2 | #1 |\n| #3 | #1, #2 |\n| #4 | (none) |"), vec![]),
        (table(head, "| #1 | (none) |\n| #2 | #1 |\n| #4 | (none) |"), vec!["#1 to #4 are 4 pull requests, but 1 stands in no table: #3"]),
        (
            table(head, "| #1 | |\n| #2 | |\n| #3 | |\n| #4 | |\n| #9 | |\n| #2 | |"),
            vec!["#9 stands in a table, but lies outside of #1 to #4", "#2 stands in a table already, in line 8"],
        ),
        (table(head, "| #1, [#2](https://example.com/a) | |\n| #3\u{2013}#4 | #1 |"), vec![]),
        (
            table(head, "| #1 and #2 (instead of #9) | #3 |\n| #3\u{2013}#5, #1 | |"),
            vec![
                "#1 depends on #3, which stands below it",
                "#2 depends on #3, which stands below it",
                "#5 stands in a table, but lies outside of #1 to #4",
                "#1 stands in a table already, in line 7",
            ],
        ),
        (
            table(head, "| #1 | #2 |\n| #2 | #1 |\n| #3 | #3 |\n| #4 | |"),
            vec![
                "these depend on one another: #1 \u{2192} #2 \u{2192} #1",
                "#1 depends on #2, which stands below it",
                "#3 depends on itself",
            ],
        ),
        (
            format!(
                "## Phase 1\n\n{head}\n|---|---|\n| #1 | #2 |\n\n## Phase 2\n\n{head}\n|---|---|\n| #2 | Phase 1 |\n| #3 | Phase 2 |\n\nAs in Phase 3."
            ),
            vec![
                "#1 of phase 1 depends on #2, which comes only in phase 2",
                "#3 of phase 2 depends on phase 2, which does not come before it",
                "no heading of the document opens phase 3",
            ],
        ),
        ("| What | Number |\n|---|---|\n| #1 | #2 |\n\n#1\u{2013}#9".to_owned(), vec![]),
    ] {
        let (_, census) = strict(&[], &text);
        assert_eq!(census.findings().map(|finding| finding.message.as_str()).collect::<Vec<_>>(), messages, "{text}");
    }
}

#[test]
fn answers_settle_what_the_tree_could_not_tell() {
    let open = Some(pulls::State::Open);
    for (state, has, verdict) in [
        (open, Some(true), Verdict::Pending(12)),
        (open, Some(false), Verdict::Broken),
        (Some(pulls::State::Merged), Some(true), Verdict::Broken),
        (Some(pulls::State::Closed), None, Verdict::Broken),
        (None, None, Verdict::unchecked("missing here; nothing is known of the pull request beside it")),
    ] {
        let (source, mut census) = strict(FILES, "`src/new.ts` (PR #12)");
        let asked: Vec<_> = census.questions().cloned().collect();
        let fate = |path: &str| Question::Fate(path.to_owned());
        let holds = |path: &str| Question::PullHas(12, path.to_owned());
        let ends = Question::Ends("src/new.ts".to_owned());
        assert_eq!(asked, [fate("docs/src/new.ts"), fate("src/new.ts"), holds("docs/src/new.ts"), holds("src/new.ts"), ends]);
        let not_beside = PullAnswer { state, has: has.map(|_| false) };
        let answers = [("src/new.ts", PullAnswer { state, has }), ("docs/src/new.ts", not_beside)];
        let pulls = answers.into_iter().map(|(path, answer)| ((12, path.to_owned()), answer)).collect();
        census.settle(&source, &Answers { pulls, ..Answers::default() });
        assert_eq!(census.references[0].verdict, verdict);
        assert_eq!(census.problems.len(), usize::from(verdict == Verdict::Broken), "{state:?} {has:?}");
    }
    let (source, mut census) = strict(FILES, "see `src/old.ts:3` and [x](old.md)");
    let renamed = |to: &str| {
        let rename = history::Rename { to: to.to_owned(), commit: "abc1234".to_owned(), alike: 100 };
        Fate::Was(history::Fate { renames: vec![rename], end: history::End::Here })
    };
    let fates = BTreeMap::from([("src/old.ts".to_owned(), renamed("src/new.ts")), ("docs/old.md".to_owned(), renamed("new.md"))]);
    census.settle(&source, &Answers { fates, ..Answers::default() });
    let fixes: Vec<_> = census.problems.iter().map(|problem| problem.fix.as_ref().map(|fix| fix.with.as_str())).collect();
    assert_eq!(fixes, [Some("src/new.ts:3"), Some("../new.md")]);
    assert!(census.findings().all(|finding| finding.message.ends_with("in abc1234")));
    let (source, mut census) = strict(FILES, "see `src/olden`");
    let fates = BTreeMap::from([("src/olden".to_owned(), renamed("src/lib"))]);
    census.settle(&source, &Answers { fates, folders: ["src/lib".to_owned()].into(), ..Answers::default() });
    let [problem] = &census.problems[..] else { panic!("{:?}", census.problems) };
    assert_eq!((problem.fix.as_ref(), problem.finding.help.as_deref()), (None, Some("did you mean `src/lib`?")));
}

/// `Verdict` of each reference that stays, where #2 is open and its head holds `src/new.rs`, `docs/next.md` and a folder.
fn with_pull_two(text: &str, strict: bool, fates: BTreeMap<String, Fate>) -> Vec<String> {
    let tree = tree(FILES);
    let origin = urls::Origin { host: "github.com".to_owned(), name: "example/web".to_owned() };
    let facts = Facts { origin: Some(origin), ..Facts::default() };
    let source = Source::new("docs/promotion.md", text);
    let mut census = Library::new(&tree, &facts).unwrap().census(&source, &markdown::parse(text), strict).unwrap();
    let held = ["src/new.rs", "docs/next.md", "lib/new"];
    let answer = |number: u64, path: &str| match number {
        2 => PullAnswer { state: Some(pulls::State::Open), has: Some(held.contains(&path)) },
        _ => PullAnswer::default(),
    };
    let asked: Vec<(u64, String)> = census
        .questions()
        .filter_map(|question| if let Question::PullHas(number, path) = question { Some((*number, path.clone())) } else { None })
        .collect();
    let pulls = asked.into_iter().map(|(number, path)| ((number, path.clone()), answer(number, &path))).collect();
    census.settle(&source, &Answers { pulls, fates, ..Answers::default() });
    let shown = census.references.iter().filter(|r| r.kind != ReferenceKind::Pull);
    shown.map(|r| format!("{} {}", r.kind.slug(), r.verdict.slug())).collect()
}

#[test]
fn a_pull_request_may_bring_a_path_however_it_is_written() {
    for (text, verdicts) in [
        ("[n](../src/new.rs) (#2)", vec!["link pending"]),
        ("[n](next.md#top) and ![i](next.md) (#2)", vec!["link pending", "image pending"]),
        ("[n](../src/old.rs) (#2)", vec!["link broken"]),
        ("[n](../src/new.rs)", vec!["link broken"]),
        ("[n](../src/new.rs) (#3)", vec!["link unchecked"]),
        ("See [the text][n] (#2).\n\n[n]: ../src/new.rs", vec!["definition pending"]),
        ("See [the text][n].\n\n#2\n\n[n]: ../src/new.rs", vec!["definition broken"]),
        ("<a href=\"../src/new.rs\">x</a> (#2)", vec!["html pending"]),
        ("https://github.com/example/web/blob/main/src/new.rs (#2)", vec!["url pending"]),
        ("[n](https://github.com/example/web/blob/main/src/new.rs#L3) (#2)", vec!["lines pending"]),
        ("`./src/new.rs` and `../src/new.rs` (#2)", vec!["path pending", "path pending"]),
        ("`docs/next.md` and `next.md`, `./next.md` (#2)", vec!["path pending", "path pending", "path pending"]),
        ("`../src/other.rs` (#2)", vec!["path broken"]),
        ("`../lib/new/` (#2)", vec!["path pending"]),
        ("`./src/new.rs:3-9` and `src/new.rs#Run` (#2)", vec!["lines pending", "symbol pending"]),
        ("`./src/new.rs` (example/web#2), `./src/new.rs` (example/other#2)", vec!["path pending", "path pending"]),
        ("`./src/new.rs` (EXAMPLE/web#2)", vec!["path pending"]),
        ("`./src/new.rs` (example/other#2)", vec!["path broken"]),
        ("`cat src/new.rs` (#2)", vec!["command pending"]),
        ("`cat src/new.rs src/gone.rs` (#2)", vec!["command broken"]),
    ] {
        assert_eq!(with_pull_two(text, true, BTreeMap::new()), verdicts, "{text}");
    }
    assert_eq!(with_pull_two("[n](../src/new.rs) (#2)", false, BTreeMap::new()), ["link broken"]);
    // What is known to be renamed is broken, unless something is known of the pull request.
    let moved = || BTreeMap::from([("src/new.rs".to_owned(), Fate::Moved { to: "src/lib/env.ts".to_owned() })]);
    assert_eq!(with_pull_two("[n](../src/new.rs) (#3)", true, moved()), ["link broken"]);
    assert_eq!(with_pull_two("[n](../src/new.rs) (#2)", true, moved()), ["link pending"]);
}

#[test]
fn what_a_history_cannot_tell_is_said() {
    let (cut, skipped) = ("which lacks the older ones", "for git to look for all renames");
    let gone = || Fate::Was(history::Fate { renames: Vec::new(), end: history::End::Removed("abc1234".to_owned()) });
    let limits = |renames_skipped, exact_renames_only| history::Limits { renames_skipped, exact_renames_only, ..Default::default() };
    let renames_unread = history::Limits { renames_unread: true, ..Default::default() };
    for (fate, limits, end) in [
        (Fate::Never, limits(false, false), "no commit in the history of this one ever had it"),
        (Fate::NotHere, limits(false, false), cut),
        (gone(), limits(false, false), "it was removed in abc1234"),
        (gone(), limits(true, true), skipped),
        (
            gone(),
            renames_unread,
            "it was removed in abc1234, or renamed then: the renames of the history cannot be read, which `git fsck` may explain",
        ),
        (gone(), limits(false, true), "in a partial clone only unchanged files are followed"),
    ] {
        let (source, mut census) = strict(FILES, "see `src/old.ts`");
        let fates = BTreeMap::from([("src/old.ts".to_owned(), fate)]);
        census.settle(&source, &Answers { fates, limits, ..Answers::default() });
        let message = &census.findings().next().unwrap().message;
        assert!(message.ends_with(end), "{message}");
    }
    let (source, mut census) = strict(FILES, "see `src/old.ts`");
    let limits = history::Limits { unread: true, ..Default::default() };
    census.settle(&source, &Answers { limits, ..Answers::default() });
    let message = &census.findings().next().unwrap().message;
    assert!(message.ends_with("of the tree, and the history cannot be read to tell what became of it"), "{message}");
}

#[test]
fn a_commit_or_tag_must_be_here_only_where_something_says_that_it_is_one() {
    let whole = "0123456789abcdef0123456789abcdef01234567";
    for text in [
        "Reverted in commit `ff00aa1`.",
        "commits `c0ffee1`, `ff00aa1`",
        "see revision `ff00aa1` of the tree",
        "the `ff00aa1` commit",
        "`ff00aa1` was reverted.",
        "in commit `deadbeef`",
        "deployed at `ff00aa1`",
        "It came with commit ff00aa1.",
        "Run `git revert ff00aa1`.",
        "```sh\ngit show ff00aa1:src/x.rs\n```",
        "```sh\ngit log v1.2.3..ff00aa1\n```",
        &format!("pinned: `{whole}`"),
        "tag `v9.9.9`",
        "check out the tag `v9.9.9`.",
        "The release `v9.9.9` has it.",
        "since the `v9.9.9` tag",
        "tagged `v9.9.9`",
        "`git checkout v9.9.9`",
        "```sh\ngit checkout v9.9.9\n```",
        "```console\n$ git diff v9.9.9..v1.2.3\n```",
        "releases `v1.2.3` and `v9.9.9`",
        "e.g. commit `ff00aa1`",
        "the release `v9.9.9` will have it",
        "If you want the tag `v9.9.9`, push it",
        "e.g. tag `v9.9.9`",
    ] {
        assert_eq!(revisions(text), "broken", "{text}");
    }
    for text in [
        "`ff00aa1`",
        "`deadbeef`",
        "(see `ff00aa1`) merged",
        "the colour `ff00aa1`",
        "commit `ff00aa1` of `example/other`",
        "an upstream commit `ff00aa1`",
        "It failed for Kubernetes commit `ff00aa1`",
        "the corresponding test-infra commit was `ff00aa1`",
        "| X | the resolved revision, e.g. `ff00aa1` |",
        "[commit `ff00aa1`](https://example.com/a)",
        "sha256 of the commit `ff00aa1`",
        &format!("sha256 `{whole}`"),
        &format!("the digest `{whole}`"),
        "```sh\ngit clone https://example.com/x && cd x && git show ff00aa1\n```",
        "```sh\ngit -C ../x show ff00aa1\n```",
        "`v9.9.9`",
        "Node `v18.2.0`",
        "- `v9.9.9`",
        "the Kubernetes release `v9.9.9`",
        "Kubernetes `v9.9.9` tag",
        "the image tag `v9.9.9`",
        "the tag `v9.9.9` of the image",
        "the next release `v9.9.9`",
        "```sh\ngit tag v9.9.9\ngit checkout v9.9.9\n```",
        "```sh\ngit checkout -b v9.9.9\n```",
        "the release `web@9.9.9`",
        "the release `9.9.9`",
        "[tag `v9.9.9`](https://example.com/a)",
    ] {
        assert!(!revisions(text).contains("broken"), "{text}: {}", revisions(text));
    }
    for (text, verdict) in [
        ("`c0ffee1`", "ok"),
        ("the colour `c0ffee1`", "ok"),
        ("`v1.2.3`", "ok"),
        ("`git checkout v1.2.3`", "ok"),
        ("`1.2.3` or `version`", ""),
        ("```sh\ngit log -S ff00aa1 -- v9.9.9\n```", ""),
        ("`v9.9.9`", "unchecked: no tag here bears this name"),
        ("`ff00aa1`", "unchecked: no commit here, and nothing beside it says that it is one"),
    ] {
        assert_eq!(revisions(text), verdict, "{text}");
    }
}

/// The last verdict about a commit or a tag, where there are a commit `c0ffee1` and a tag `v1.2.3`.
fn revisions(text: &str) -> String {
    let (source, mut census) = strict(FILES, text);
    let commits = [("c0ffee1", true), ("deadbeef", false), ("ff00aa1", false), ("0123456789abcdef0123456789abcdef01234567", false)];
    let answers = Answers {
        commits: commits.into_iter().map(|(id, there)| (id.to_owned(), there)).collect(),
        tags: ["v1.2.3".to_owned()].into(),
        tag_forms: [releases::form("v1.2.3")].into(),
        ..Answers::default()
    };
    census.settle(&source, &answers);
    let of_git = |kind: ReferenceKind| matches!(kind, ReferenceKind::Commit | ReferenceKind::Release);
    let shown = |reference: &Reference| match &reference.verdict {
        Verdict::Unchecked(reason) => format!("unchecked: {reason}"),
        verdict => verdict.slug().to_owned(),
    };
    let verdicts: Vec<String> = census.references.iter().filter(|reference| of_git(reference.kind)).map(shown).collect();
    let broken = verdicts.iter().find(|verdict| *verdict == "broken");
    broken.or(verdicts.last()).cloned().unwrap_or_default()
}

/// The messages of a strictly judged document beside some facts.
fn told(facts: &Facts, files: &[(&str, &str)], text: &str) -> (Vec<String>, Vec<String>) {
    let tree = tree(files);
    let source = Source::new("docs/promotion.md", text);
    let census = Library::new(&tree, facts).unwrap().census(&source, &markdown::parse(text), true).unwrap();
    let messages = census.findings().map(|finding| finding.message.clone()).collect();
    (lines(&census).0, messages)
}

#[test]
fn numbers_of_things_are_counted() {
    for (text, references, messages) in [
        (
            "## The 2 steps\n\n### Step 1 — a\n### Step 2 — b\n\nAll 2 steps.",
            vec!["count 2 steps ok", "gate step 1 ok", "gate step 2 ok", "count 2 steps ok"],
            vec![],
        ),
        (
            "### Step 1 — a\n### Step 2 — b\n\nThe three steps. Two steps fail. As in step 4.",
            vec!["gate step 1 ok", "gate step 2 ok", "count 3 steps broken", "gate step 4 broken"],
            vec!["the document says 3 steps, but there are 2 (headings)", "there is no step 4"],
        ),
        ("### Step 1\n### Step 3", vec!["gate step 1 ok", "gate step 3 ok"], vec!["step 3 follows step 1"]),
        (
            "| # | Gate |\n|---|---|\n| 1 | a |\n| 2 | b |\n\nThe 2 gates; taken at gate 2, not gate 3.",
            vec!["count 2 gates ok", "gate gate 2 ok", "gate gate 3 broken"],
            vec!["there is no gate 3"],
        ),
        ("Three rules:\n\n- a\n- b", vec!["count 3 items broken"], vec!["the document says 3, but the list below has 2 items"]),
        ("Do it. Two of them.\n\n1. a\n2. b", vec!["count 2 items ok"], vec![]),
        ("We have two cats.\n\n- a\n- b\n- c", vec![], vec![]),
        (
            "| a | b |\n|---|---|\n| c | d |\n\n<!-- tagwarden: count gates = rows(table 1) -- they agree -->\n2 gates decide.",
            vec!["count 2 gates broken"],
            vec!["the document says 2 gates, but there are 1 (table 1)"],
        ),
    ] {
        let expected = (references.into_iter().map(str::to_owned).collect(), messages.into_iter().map(str::to_owned).collect());
        assert_eq!(told(&Facts::default(), &[], text), expected, "{text}");
    }
}

#[test]
fn a_status_is_judged_by_the_real_state() {
    let pull = |state| pulls::Pull { state: Some(state), ..pulls::Pull::default() };
    let pulls = BTreeMap::from([(1, pull(pulls::State::Merged)), (2, pull(pulls::State::Open)), (3, pull(pulls::State::Closed))]);
    let facts = Facts { pulls: pulls::Known { pulls, complete: true, ..pulls::Known::default() }, ..Facts::default() };
    for (text, messages) in [
        ("#1 is merged, the shipped #1, landed in PR #1.", vec![]),
        ("#2 is live", vec!["#2 is called live, but it is open"]),
        ("Shipped with PR #2", vec!["#2 is called shipped, but it is open"]),
        ("The shipped PRs (#1\u{2013}#2) depend", vec!["#2 is called shipped, but it is open"]),
        ("Once #2 is merged, go on. Not merged in #2. post-#2 merge. Open #2 (open).", vec![]),
        ("#3 landed", vec!["#3 is called landed, but it is closed"]),
        (
            "| PR | State |\n|---|---|\n| #1 | open |\n| #2 | merged |",
            vec!["#1 is called open, but it is merged", "#2 is called merged, but it is open"],
        ),
        ("See #9.", vec!["there is no pull request or issue #9"]),
    ] {
        assert_eq!(told(&facts, &[], text).1, messages, "{text}");
    }
}

#[test]
fn banned_phrases_are_found_across_lines_and_quotes() {
    let banned = vec![banned::List { path: "banned.list".to_owned(), allow: vec!["docs/legal*.md".to_owned()] }];
    let facts = Facts { banned, ..Facts::default() };
    let files = [("banned.list", "# phrases\nfully verified\nSOC ?2 certified\n:case-sensitive:\nstatus: 'Done'\n(\n")];
    let found = |text: &str| told(&facts, &files, text).1;
    assert_eq!(found("> It is fully\n> verified now."), ["\u{201c}fully > verified\u{201d} is banned by `fully verified`"]);
    assert_eq!(found("FULLY VERIFIED and SOC2 certified").len(), 2);
    assert_eq!(found("status: \u{2018}Done\u{2019}"), ["\u{201c}status: \u{2018}Done\u{2019}\u{201d} is banned by `status: 'Done'`"]);
    assert_eq!(found("status: 'done'"), [] as [&str; 0]);
    let tree = tree(&files);
    let library = Library::new(&tree, &facts).unwrap();
    let wrong = library.findings().unwrap();
    assert_eq!(wrong.iter().map(|finding| finding.place.as_ref().unwrap().line).collect::<Vec<_>>(), [6]);
    let legal = Source::new("docs/legal-1.md", "fully verified");
    assert!(library.census(&legal, &markdown::parse(&legal.text), true).unwrap().problems.is_empty());
}

#[test]
fn banned_phrases_are_found_through_marks() {
    let facts = Facts { banned: vec![banned::List { path: "banned.list".to_owned(), allow: Vec::new() }], ..Facts::default() };
    let tree = tree(&[("banned.list", "fully verified\n:case-sensitive:\na_b\nit's.*done\nonetwo\n")]);
    let library = Library::new(&tree, &facts).unwrap();
    for (text, phrases) in [
        ("*fully* verified", vec!["fully* verified"]),
        ("é **fully verified** now", vec!["fully verified"]),
        ("> now fully\n> **_verified_**!", vec!["fully\n> **_verified"]),
        ("fully `verified`, `fully` verified", vec!["fully `verified", "fully` verified"]),
        ("[fully](x.md \"a b\") verified [fully ~~verified~~](#x)", vec!["fully](x.md \"a b\") verified", "fully ~~verified"]),
        ("[fully](x.md)\n[*verified*][y]\n\n[y]: x.md", vec!["fully](x.md)\n[*verified"]),
        ("fully<b> verified</b>, fully<br/>verified", vec!["fully<b> verified", "fully<br/>verified"]),
        ("fully <!-- un --> verified", vec!["fully <!-- un --> verified"]),
        ("# Not *fully* verified\n\n- so **fully** verified", vec!["fully* verified", "fully** verified"]),
        ("| a *fully* verified | *fully* |\n|---|---|\n| **fully** | verified |", vec!["fully* verified"]),
        // What is written counts too.
        ("x <!-- fully verified --> [x](<fully verified>) `a_b` a\\_b", vec!["fully verified", "fully verified", "a_b", "a\\_b"]),
        ("---\nx: fully verified\n---\n*x*", vec!["fully verified"]),
        ("*it\u{2019}s* **all** done", vec!["it\u{2019}s* **all** done"]),
        ("*fully* un*verified*, fully ![x](y.png) verified, *fully* \\*verified", vec![]),
        ("*fully*\n<script>un</script>\nverified", vec![]),
        ("*fully*\n===\nverified", vec![]),
        ("*fully*\n\nverified", vec![]),
        ("|*one*|two|\n|---|---|\n|**one**two||", vec!["one**two"]),
    ] {
        let census = library.census(&Source::new("docs/a.md", text), &markdown::parse(text), true).unwrap();
        let found: Vec<&str> =
            census.references.iter().filter(|r| r.kind == ReferenceKind::Phrase).map(|r| &text[r.range.clone()]).collect();
        assert_eq!(found, phrases, "{text}");
    }
}

#[test]
fn variables_and_endpoints_are_looked_for_in_the_tree() {
    let files = [
        (".env.example", "APP_CHANNEL=local\nAPP_SIGNING_KEY=\n"),
        ("src/read.ts", "const a = process.env.APP_URL;"),
        ("app/api/health/route.ts", "export async function GET() {}\n"),
        ("openapi.yaml", "openapi: 3.1.0\npaths:\n  /v1/users/{id}:\n    get: {}\n"),
    ];
    for (text, references, messages) in [
        ("`APP_CHANNEL=staging` `$APP_URL` `APP_SIGNING_*`", vec!["env APP_CHANNEL ok", "env APP_URL ok", "env APP_SIGNING_* ok"], vec![]),
        (
            "`APP_CHANEL`",
            vec!["env APP_CHANEL broken"],
            vec!["no gate, example, workflow, script or source of the tree knows a variable `APP_CHANEL`"],
        ),
        (
            "`/api/health` `GET /v1/users/<id>` `/elsewhere/x`",
            vec![
                "endpoint /api/health ok",
                "endpoint GET /v1/users/<id> ok",
                "endpoint /elsewhere/x unchecked: no route file, OpenAPI document or gate tells of it",
            ],
            vec![],
        ),
        (
            "`/api/helth`",
            vec!["endpoint /api/helth broken"],
            vec!["no route file, OpenAPI document or gate of the tree serves `/api/helth`"],
        ),
        (
            "The routes GET /health, (/api/health/deep); /v1/users/7. Not /x, a/b/c, /etc/x/y, //a/b or `x`/y/z; but /passport/[id]",
            vec![
                "endpoint GET /health unchecked: no route file, OpenAPI document or gate tells of it",
                "endpoint /api/health/deep broken",
                "endpoint /v1/users/7 ok",
                "endpoint /passport/[id] unchecked: no route file, OpenAPI document or gate tells of it",
            ],
            vec!["no route file, OpenAPI document or gate of the tree serves `/api/health/deep`"],
        ),
        ("`POST /api/health`", vec!["endpoint POST /api/health broken"], vec!["`/api/health` answers GET, HEAD, OPTIONS, not POST"]),
        ("`POST /v1/users/7`", vec!["endpoint POST /v1/users/7 broken"], vec!["`/v1/users/7` answers GET, not POST"]),
    ] {
        let expected = (references.into_iter().map(str::to_owned).collect(), messages.into_iter().map(str::to_owned).collect());
        assert_eq!(told(&Facts::default(), &files, text), expected, "{text}");
    }
}

#[test]
fn a_document_that_is_not_read_proves_nothing() {
    let deep = "> ".repeat(markdown::MAX_DEPTH + 1) + "`src/gone.ts`";
    let files: Vec<(&str, &str)> = FILES.iter().copied().chain([("docs/deep.md", deep.as_str())]).collect();
    let itself = census(&files, "docs/deep.md", &deep);
    assert_eq!(lines(&itself), (vec![], vec!["docs/not-read"]));
    assert_eq!(itself.findings().next().unwrap().place.as_ref().map(|place| place.column), Some(2 * markdown::MAX_DEPTH as u32 + 1));
    let other = census(&files, "docs/promotion.md", "[a](deep.md#x) [b](deep.md)");
    let unread = "link docs/deep.md#x unchecked: a fragment of a document that is too long, too dense or nested too deep to be read";
    assert_eq!(lines(&other), (vec![unread.to_owned(), "link docs/deep.md ok".to_owned()], vec![]));
}

#[test]
fn urls_of_the_same_repository_lead_into_the_tree() {
    let origin = urls::Origin { host: "github.com".to_owned(), name: "example/web".to_owned() };
    let facts = Facts { origin: Some(origin), ..Facts::default() };
    let files = [("src/a.rs", "one\ntwo\n"), ("docs/other.md", "# Other\n")];
    let base = "https://github.com/example/web";
    for (text, references) in [
        (format!("[a]({base}/blob/main/src/a.rs#L2)"), "lines src/a.rs:2-2 ok"),
        (format!("[a]({base}/blob/main/src/a.rs#L9)"), "lines src/a.rs:9-9 broken"),
        (format!("[a]({base}/blob/HEAD/docs/other.md#other)"), "link docs/other.md#other ok"),
        (format!("see {base}/tree/main/src."), "url src ok"),
        (format!("<{base}/blob/main/gone.rs>"), "link gone.rs broken"),
        (format!("`{base}/blob/0123abc/src/a.rs`"), "url 0123abc:src/a.rs unchecked: at a revision that was not looked at"),
        (format!("({base}/pull/7)"), "pull #7 unchecked: nothing is recorded of pull requests"),
        ("https://example.com/a_(b).".to_owned(), "url https://example.com/a_(b) unchecked: a URL outside of the tree"),
        ("[a][b](docs/x.md)".to_owned(), "link docs/docs/x.md broken"),
    ] {
        assert_eq!(told(&facts, &files, &text).0, [references], "{text}");
    }
}

#[test]
fn lines_as_of_a_revision_are_asked_for_by_their_file() {
    let (_, census) = strict(FILES, "<!-- tagwarden: as-of v1 -- history -->\n`src/lib/env.ts:3-9`");
    let (rev, path) = ("v1".to_owned(), "src/lib/env.ts".to_owned());
    let asked = Question::AsOf { rev, path, inside: Inside::Lines(3, 9), sure: true };
    assert_eq!(census.questions().collect::<Vec<_>>(), [&asked]);
}

#[test]
fn what_is_meant_of_a_file_is_judged_as_of_a_revision() {
    let there = |lines: u32| Some(AsOf::There { lines: Some(lines) });
    let base = "https://github.com/example/web/blob/0123abc";
    let facts = Facts { origin: Some(urls::Origin { host: "github.com".to_owned(), name: "example/web".to_owned() }), ..Facts::default() };
    let tree = tree(FILES);
    let library = Library::new(&tree, &facts).unwrap();
    for (text, answer, expected) in [
        ("`src/lib/env.ts:9`", there(9), "lines src/lib/env.ts:9-9 ok".to_owned()),
        ("`src/lib/env.ts:9-12`", there(11), "lines src/lib/env.ts:9-12 broken: `src/lib/env.ts` had 11 lines as of v1, not 12".to_owned()),
        ("`src/gone.ts:99`", there(98), "lines src/gone.ts:99-99 broken: `src/gone.ts` had 98 lines as of v1, not 99".to_owned()),
        ("`src/gone.ts:9-3`", there(98), "lines src/gone.ts:9-3 broken: 9 to 3 is no range of lines".to_owned()),
        (
            "`src/gone.ts:9`",
            Some(AsOf::There { lines: None }),
            "lines src/gone.ts:9-9 unchecked: it is there as of v1, but its lines were not counted".to_owned(),
        ),
        (
            "`src/gone.ts#Nope`",
            there(9),
            "symbol src/gone.ts#Nope unchecked: the file is there as of v1, but names in it were not looked for".to_owned(),
        ),
        ("`src/gone.ts`", there(9), "path src/gone.ts ok".to_owned()),
        ("`src/gone.ts`", Some(AsOf::NoRevision), "path src/gone.ts broken: there is no revision `v1` here".to_owned()),
        ("`src/gone.ts`", None, "path src/gone.ts unchecked: as of v1, which was not looked at".to_owned()),
        ("https://example.com/x", None, "url https://example.com/x unchecked: a URL outside of the tree".to_owned()),
        (
            &format!("[r]({base}/src/a.rs#L999)"),
            there(30),
            "url 0123abc:src/a.rs broken: `src/a.rs` had 30 lines as of 0123abc, not 999".to_owned(),
        ),
        (&format!("[r]({base}/src/a.rs#L3-L30)"), there(30), "url 0123abc:src/a.rs ok".to_owned()),
        (
            &format!("[r]({base}/src/a.rs)"),
            Some(AsOf::NoRevision),
            "url 0123abc:src/a.rs unchecked: there is no revision `0123abc` here".to_owned(),
        ),
    ] {
        let source = Source::new("docs/promotion.md", format!("<!-- tagwarden: as-of v1 -- history -->\n{text}"));
        let mut census = library.census(&source, &markdown::parse(&source.text), true).unwrap();
        let asked: Vec<Question> = census.questions().cloned().collect();
        let mut answers = Answers::default();
        for question in asked {
            let (Question::AsOf { rev, path, .. }, Some(answer)) = (question, answer) else { continue };
            answers.as_of.insert((rev, path), answer);
        }
        census.settle(&source, &answers);
        let shown = lines(&census).0;
        let messages: String = census.findings().map(|finding| format!(": {}", finding.message)).collect();
        assert_eq!(format!("{}{messages}", shown.join(", ")), expected, "{text}");
    }
}

#[test]
fn a_document_about_the_past_may_name_what_is_gone() {
    let facts = Facts { past: ["docs/promotion.md".to_owned()].into(), ..Facts::default() };
    let (references, messages) = told(&facts, FILES, "`src/gone.ts` [a](gone.md) `src/lib/env.ts` [b](#none)");
    let gone = "gone, in a document about the past";
    let missing = format!("fragment docs/promotion.md#none unchecked: {gone}");
    assert_eq!(
        references,
        [
            format!("path src/gone.ts unchecked: {gone}"),
            format!("link docs/gone.md unchecked: {gone}"),
            "path src/lib/env.ts ok".to_owned(),
            missing
        ]
    );
    assert_eq!(messages, [] as [&str; 0]);
}

#[test]
fn tables_are_what_the_gates_are() {
    let protocol = "version: 1\npackages: { web: { release_tag: \"v{version}\", default: true } }\nrelease_branches: [main]\n\
        channels: { local_dev: { tag: \"channel/{channel}\" }, production: { tag: \"channel/{channel}\", base_url: \"https://example.com\" } }\n\
        signing: { key: none }\n";
    let env = "title: Variables are set\nenv: { vars: { APP_KEY: { default: optional, production: { prefix: pk_live_ } }, APP_MODE: { production: { literal: live }, default: optional } } }\n";
    let http = "title: Health answers\nchannels: [production]\nhttp: [ { get: \"{base_url}/api/health\", expect: { status: 200 } } ]\n";
    let files = BTreeMap::from([
        ("protocol.yaml".to_owned(), protocol.as_bytes().to_vec()),
        ("10-env.yaml".to_owned(), env.as_bytes().to_vec()),
        ("20-health.yaml".to_owned(), http.as_bytes().to_vec()),
    ]);
    let loaded = crate::gate::config::load(&crate::gate::config::GateFiles { files, root: "gates".to_owned() });
    let facts = Facts { protocol: Some(Arc::new(loaded.unwrap_or_else(|fault| panic!("{fault:?}")))), ..Facts::default() };
    let tree = [("gates/10-env.yaml", env)];
    for (text, expected) in [
        ("| # | Gate |\n|---|---|\n| 1 | Variables are set |\n| 2 | health |\n\nThe 2 gates.", vec![]),
        (
            "| # | Gate |\n|---|---|\n| 1 | Health answers |\n| 3 | Variables |\n| 3 | More |",
            vec![
                "gate 1 is \u{201c}Variables are set\u{201d}",
                "the protocol has 2 gates; row 2 is none",
                "the protocol has 2 gates; row 3 is none",
            ],
        ),
        ("| # | Gate |\n|---|---|\n| 1 | Variables are set |", vec!["the table leaves out 1 of 2 gates: \u{201c}Health answers\u{201d}"]),
        ("All 3 gates, as gate 4.", vec!["the document says 3 gates, but there are 2 (gate files)", "there is no gate 4"]),
        (
            "| Var | local_dev | production |\n|---|---|---|\n| `APP_KEY` | `(optional)` | `pk_live_\u{2026}` |\n| `APP_MODE` | any | `live` |",
            vec![],
        ),
        (
            "| Var | local_dev | prodution_x | production |\n|---|---|---|---|\n| `APP_KEY` | x | x | `pk_test_...` |",
            vec![
                "gate \u{201c}Variables are set\u{201d} asks for the variable `APP_MODE`, which the tables of variables leave out",
                "the protocol has no channel `prodution_x`",
                "gate \u{201c}Variables are set\u{201d} asks for `APP_KEY` as `pk_live_\u{2026}` on production, not as `pk_test_...`",
            ],
        ),
        ("`/api/health` `/api/nothing`", vec![]),
    ] {
        assert_eq!(told(&facts, &tree, text).1, expected, "{text}");
    }
}

#[test]
fn names_of_programs_are_looked_for_in_their_file() {
    let text = "use x::helper_of;\npub struct Runner;\nimpl Runner {\n    pub fn run_all(&self) {}\n}\n\npub fn other_thing() {}\n";
    let files = [("src/run.rs", text), ("src/b.rs", "")];
    let beside = "the file beside it does not hold it";
    for (text, references, messages) in [
        ("`src/run.rs#Runner::run_all`", vec!["symbol src/run.rs#Runner::run_all ok"], vec![]),
        ("`src/run.rs#gone_by`", vec!["symbol src/run.rs#gone_by broken"], vec!["`src/run.rs` holds no `gone_by`"]),
        ("`run_all` in `src/run.rs`.", vec!["symbol src/run.rs#run_all ok", "path src/run.rs ok"], vec![]),
        (
            "The `runAll()` helper from `src/run.rs`",
            vec!["symbol src/run.rs#runAll broken", "path src/run.rs ok"],
            vec!["`src/run.rs` holds no `runAll`"],
        ),
        (
            "`src/run.rs` is called by `callAll()`",
            vec!["path src/run.rs ok", &format!("symbol src/run.rs#callAll unchecked: {beside}")],
            vec![],
        ),
        ("`runAll` is elsewhere. See `src/run.rs`.", vec!["path src/run.rs ok"], vec![]),
        ("`run_all` in `src/run.rs` or `src/b.rs`", vec!["path src/run.rs ok", "path src/b.rs ok"], vec![]),
        ("`true` and `events` in `src/run.rs`", vec!["path src/run.rs ok"], vec![]),
    ] {
        let expected = (references.into_iter().map(str::to_owned).collect(), messages.into_iter().map(str::to_owned).collect());
        assert_eq!(told(&Facts::default(), &files, text), expected, "{text}");
    }
    let (references, messages) = told(&Facts::default(), &files, "`other_thing()` of `src/run.rs:1-4`");
    assert_eq!(
        told(&Facts::default(), &files, "`gone_by()` in `src/gone.rs`").0,
        ["symbol src/gone.rs#gone_by unchecked: the file beside it is not here", "path src/gone.rs broken"]
    );
    // Only definitions tell in which lines a name is; without them, that it comes later.
    if cfg!(feature = "symbols") {
        assert_eq!(messages, ["`other_thing` is in lines 7-7 of `src/run.rs`, not in 1-4"]);
        assert_eq!(
            told(&Facts::default(), &files, "`src/run.rs#helper_of`").0,
            ["symbol src/run.rs#helper_of unchecked: its file mentions it, but no definition of it was seen"]
        );
    } else {
        assert_eq!(
            (references, messages),
            (
                vec!["symbol src/run.rs#other_thing ok".to_owned(), "lines src/run.rs:1-4 broken".to_owned()],
                vec!["`other_thing` first stands in line 7 of `src/run.rs`, not in 1-4".to_owned()]
            )
        );
    }
}

#[test]
fn headings_of_documents_that_are_read_later_are_looked_up_then() {
    let files = [
        ("docs/a.md", "[x](b.md#here) [x](b.md#nowhere) ![x](b.md#HERE) [x](#nowhere) `docs/b.md#gone`\n\n[x]: b.md#away\n"),
        ("docs/b.md", "# Here\n"),
        ("docs/c.md", "[x](b.md#nowhere) <!-- tagwarden: ignore -- an example -->\n"),
    ];
    let tree = tree(&files);
    let facts = Facts::default();
    for (file, text) in files {
        let source = Source::new(file, text);
        let library = Library::new(&tree, &facts).unwrap();
        let read = Source::new(files[1].0, files[1].1);
        library.census_of_many(&read, &markdown::parse(files[1].1), false).unwrap();
        let at_once = library.census_of_many(&source, &markdown::parse(text), false).unwrap();
        let library = Library::new(&tree, &facts).unwrap();
        let mut later = library.census_of_many(&source, &markdown::parse(text), false).unwrap();
        let waited = at_once != later;
        let open = later.references.iter().filter(|reference| matches!(reference.verdict, Verdict::Unchecked(_))).count();
        assert_eq!(open, if waited { 3 } else { 0 } + usize::from(file == "docs/c.md"), "{file}");
        library.complete(&mut later, || Ok(source.clone())).unwrap();
        assert_eq!(later, at_once, "{file}");
        assert_eq!(waited, file == "docs/a.md", "{file}");
    }
    let source = Source::new(files[0].0, files[0].1);
    let census = Library::new(&tree, &facts).unwrap().census(&source, &markdown::parse(files[0].1), false).unwrap();
    let anchors = census.findings().filter(|finding| finding.code == "docs/missing-anchor").count();
    assert_eq!((anchors, census.findings().filter(|finding| finding.code == "docs/case").count()), (4, 1));
}

#[test]
fn only_what_is_looked_for_is_listed() {
    let files = [("docs/b.md", "# Here\n"), ("src/a.rs", "one\ntwo\n")];
    let text = "# Gate 1\nSee #3 of https://github.com/example/web/pull/4, [x](b.md#here), [x](../src/a.rs#L2), [x](../src/a.rs#L9), \
        [p](https://github.com/example/web/pull/5) `src/a.rs:1`, `docs/gone.md`, `make all`, <!-- tagwarden: ignore -- why --> `APP_MODE` x.\n";
    let told = |only: Kinds| {
        let origin = urls::Origin::of_remote("https://github.com/example/web");
        let facts = Facts { only, origin, ..Facts::default() };
        let tree = tree(&files);
        let library = Library::new(&tree, &facts).unwrap();
        let census = library.census(&Source::new("docs/a.md", text), &markdown::parse(text), true).unwrap();
        let (lines, codes) = lines(&census);
        let lines: Vec<String> = lines.into_iter().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
        for problem in &census.problems {
            assert!(problem.reference.is_none_or(|at| census.references[at].range == problem.range), "{:?}", problem.finding);
        }
        (lines.join(", "), codes.join(", "))
    };
    let all = told(Kinds::default()).0;
    for (only, listed, codes) in [
        (Kinds::LINKS, "link docs/b.md#here, lines src/a.rs:2-2, lines src/a.rs:9-9", "docs/missing-lines"),
        (Kinds::of(&[ReferenceKind::Link]), "link docs/b.md#here", ""),
        (Kinds::of(&[ReferenceKind::Lines]), "lines src/a.rs:2-2, lines src/a.rs:9-9, lines src/a.rs:1-1", "docs/missing-lines"),
        (Kinds::of(&[ReferenceKind::Pull]), "pull #3, pull #4, pull #5", ""),
        (Kinds::of(&[ReferenceKind::Path, ReferenceKind::Command]), "path docs/gone.md, command make", "docs/missing-path"),
        (Kinds::of(&[ReferenceKind::Gate, ReferenceKind::Env]), "gate gate, env APP_MODE", ""),
    ] {
        assert!(listed.split(", ").all(|line| all.contains(line)), "{listed} are some of {all}");
        assert_eq!(told(only), (listed.to_owned(), codes.to_owned()), "{only:?}");
    }
}

#[test]
fn links_of_a_site_are_no_errors_outside_of_protocol_documents() {
    let files = [("docs/mkdocs.yml", ""), ("docs/guide/start.md", ""), ("docs/other.md", "")];
    let text = "[a](other.html#x) [b](/guide/start/) ![c](/gone.png) [d](gone.html)";
    let told = |file: &str, strict: bool| {
        let (tree, facts) = (tree(&files), Facts::default());
        let census = Library::new(&tree, &facts).unwrap().census(&Source::new(file, text), &markdown::parse(text), strict).unwrap();
        lines(&census).0.into_iter().map(|line| line.split(' ').nth(2).unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(told("docs/a.md", false), "unchecked: unchecked: broken broken");
    assert_eq!(told("docs/a.md", true), "broken broken broken broken");
    assert_eq!(told("a.md", false), "broken broken broken broken");
}

#[test]
fn two_pairs_of_brackets_are_an_error_in_protocol_documents_only() {
    let told = |strict: bool| {
        let (tree, facts) = (tree(&[]), Facts::default());
        let text = "cpu=[100m][, memory]";
        let census = Library::new(&tree, &facts).unwrap().census(&Source::new("a.md", text), &markdown::parse(text), strict).unwrap();
        census.problems.iter().map(|problem| (problem.finding.severity, census.references[0].verdict.slug())).collect::<Vec<_>>()
    };
    assert_eq!(told(true), [(crate::domain::Severity::Error, "broken")]);
    assert_eq!(told(false), [(crate::domain::Severity::Warning, "unchecked")]);
}

#[test]
fn the_text_of_a_link_is_not_asked_for_again() {
    let questions = |text: &str, strict: bool| {
        let (tree, facts) = (tree(&[("ui/a.ts", "")]), Facts::default());
        let census = Library::new(&tree, &facts).unwrap().census(&Source::new("a.md", text), &markdown::parse(text), strict).unwrap();
        census.questions().count()
    };
    let label = "[`ui/yarn.lock`](https://example.com/report)";
    assert_eq!([questions(label, false), questions("`ui/yarn.lock`", false)], [0, 1]);
    assert_eq!([questions("[ui/yarn.lock](ui/a.ts)", false), questions("ui/yarn.lock", false)], [0, 1]);
    assert!(questions(label, true) > 0);
}
