//! What documents name that is not there, or no more: its kind, what became of it, what must be written.

use super::*;

const TREE: &[(&str, &str)] = &[
    ("docs/g.md", "# Way\n"),
    ("docs/p.md", ""),
    ("img/a.png", ""),
    ("src/up.ts", ""),
    ("src/deep/ways.rs", ""),
    ("src/Twice.rs", ""),
    ("src/twice.rs", ""),
];

#[test]
fn what_is_missing_keeps_its_kind_and_what_follows_its_path() {
    for (text, references) in [
        ("`src/none.ts` `src/none.ts:1-3`", vec!["path src/none.ts broken", "lines src/none.ts:1-3 broken"]),
        ("`src/none.ts#fooBar` `docs/none.md#way`", vec!["symbol src/none.ts#fooBar broken", "path docs/none.md#way broken"]),
        ("`src/none.ts#L3`", vec!["lines src/none.ts:3-3 broken"]),
        ("[l](../src/none.ts#L2) [m](none.md#way)", vec!["lines src/none.ts:2-2 broken", "link docs/none.md#way broken"]),
        ("[l](../src/none.ts#x)", vec!["link src/none.ts broken"]),
        ("`other/x.ts:3` `../other/x.rs`", vec!["lines other/x.ts:3-3 foreign", "path other/x.rs foreign"]),
        ("`SRC/up.ts:2`", vec!["lines SRC/up.ts:2-2 broken"]),
        ("`src/none.ts:1-3` was removed.", vec!["lines src/none.ts:1-3 ok"]),
        ("`src/none.ts#Foo` was removed.", vec!["symbol src/none.ts#Foo ok"]),
        ("[l](../src/none.ts#L2) was removed.", vec!["lines src/none.ts:2-2 broken"]),
        ("`src/none.ts:3` <!-- tagwarden: expect-missing -- made later -->", vec!["lines src/none.ts:3-3 ok"]),
        ("`src/none.ts:3` (#12)", vec!["lines src/none.ts:3-3 broken", "pull #12 unchecked: nothing is recorded of pull requests"]),
    ] {
        let census = census(TREE, "docs/p.md", text);
        let told = lines(&census).0;
        assert_eq!(told[0], references[0], "{text}");
        assert_eq!(told.len(), references.len(), "{text}: {told:?}");
        assert!(told.iter().zip(&references).all(|(told, expected)| told == expected || expected.starts_with("pull")), "{text}: {told:?}");
    }
}

/// The first finding's message and what would mend it, once these answers came.
fn settled(text: &str, answers: &Answers) -> (String, Option<String>) {
    let (source, mut census) = (Source::new("docs/p.md", text), census(TREE, "docs/p.md", text));
    census.settle(&source, answers);
    let problem = census.problems.first().unwrap_or_else(|| panic!("{text}"));
    (problem.finding.message.clone(), problem.fix.clone().map(|fix| fix.with))
}

#[test]
fn a_path_of_which_only_the_end_is_written_is_followed() {
    let ended = |path: &str, fate: Fate| Some(Ended { path: path.to_owned(), fate });
    let moved = |to: &str| Fate::Moved { to: to.to_owned() };
    let ends = [
        ("main.rs", ended("deep/main.rs", moved("deep/start.rs"))),
        ("x/two.ts", ended("lib/x/two.ts", Fate::Deleted)),
        ("y/two.ts", None),
    ];
    let mut answers = Answers { ends: ends.into_iter().map(|(end, ended)| (end.to_owned(), ended)).collect(), ..Answers::default() };
    for path in ["main.rs", "docs/main.rs", "x/two.ts", "y/two.ts", "z/two.ts"] {
        answers.fates.insert(path.to_owned(), Fate::Never);
    }
    let missing = |path: &str, said: &str| format!("`{path}` is no file or folder of the tree{said}");
    let renamed = ": `deep/main.rs` was renamed to `deep/start.rs` since the last commit";
    for (text, message, fix) in [
        ("`main.rs`", missing("main.rs", renamed), Some("deep/start.rs")),
        ("`main.rs:1-3`", missing("main.rs", renamed), Some("deep/start.rs:1-3")),
        ("`x/two.ts`", missing("x/two.ts", ": `lib/x/two.ts` was removed since the last commit"), None),
        ("`y/two.ts`", missing("y/two.ts", ", and several paths that ended in it are gone"), None),
        ("`z/two.ts`", missing("z/two.ts", ": no commit in the history of this one ever had it"), None),
    ] {
        assert_eq!(settled(text, &answers), (message, fix.map(str::to_owned)), "{text}");
    }
    // What it is itself comes first.
    answers.fates.insert("docs/main.rs".to_owned(), moved("docs/start.rs"));
    assert_eq!(settled("`main.rs`", &answers).1.as_deref(), Some("docs/start.rs"));
    // A link is read in its folder only; the lines that it names stay.
    let fates = BTreeMap::from([("src/none.ts".to_owned(), moved("src/new.ts"))]);
    let fix = settled("[l](../src/none.ts#L2)", &Answers { fates, ..Answers::default() }).1;
    assert_eq!(fix.as_deref(), Some("../src/new.ts#L2"));
    let asked = |text: &str| census(TREE, "docs/p.md", text).questions().filter(|question| matches!(question, Question::Ends(_))).count();
    assert_eq!(["`a/b.rs`", "`../a/b.rs`", "[l](a/b.rs)", "`and/or`"].map(asked), [1, 0, 0, 0]);
}

#[test]
fn paths_may_start_where_they_are_looked_for_while_they_are_there() {
    let tree = tree(TREE);
    let facts = Facts { roots: vec!["web/".to_owned()], ..Facts::default() };
    let text = "`lib/util.ts`";
    let asked = |strict: bool| {
        let census =
            Library::new(&tree, &facts).unwrap().census(&Source::new("docs/ops/p.md", text), &markdown::parse(text), strict).unwrap();
        let fate = |question: &Question| if let Question::Fate(path) = question { Some(path.clone()) } else { None };
        census.questions().filter_map(fate).collect::<Vec<_>>()
    };
    assert_eq!(asked(true), ["docs/lib/util.ts", "docs/ops/lib/util.ts", "lib/util.ts", "web/lib/util.ts"]);
    assert_eq!(asked(false), ["docs/ops/lib/util.ts", "lib/util.ts"]);
}

#[test]
fn suggestions_are_what_must_be_written_there() {
    for (text, help) in [
        ("[l](docs/g.md)", "did you mean `g.md`?"),
        ("[l](docs/g.md#way)", "did you mean `g.md#way`?"),
        ("[l](../img/b.png)", "did you mean `../img/a.png`?"),
        ("[l](../src/Up.ts)", "did you mean `../src/up.ts`?"),
        ("[l](/SRC/up.ts#L1)", "did you mean `/src/up.ts#L1`?"),
        ("`src/Up.ts:1`", "did you mean `src/up.ts:1`?"),
        ("`../src/Up.ts`", "did you mean `../src/up.ts`?"),
        ("`Src/Deep/`", "did you mean `src/deep/`?"),
        ("`G.md`", "did you mean `g.md`?"),
        ("`src/TWICE.rs`", "did you mean `src/"),
    ] {
        let census = census(TREE, "docs/p.md", text);
        let problem = census.problems.first().unwrap_or_else(|| panic!("{text}"));
        let told = problem.finding.help.clone().unwrap_or_default();
        assert!(told.starts_with(help), "{text}: {told}");
        assert_eq!(problem.fix, None, "only a rename proves what must be written: {text}");
    }
}

#[test]
fn wildcards_without_a_folder_speak_of_names_anywhere() {
    for (text, verdict) in [("`*.ts`", "ok"), ("`*.go`", "broken"), ("`src/*.png`", "broken"), ("`{up,none}.ts`", "ok")] {
        assert_eq!(census(TREE, "docs/p.md", text).references[0].verdict.slug(), verdict, "{text}");
    }
}

const NAMED: &[(&str, &str)] = &[
    ("go.mod", ""),
    ("LICENSE", ""),
    (".env", ""),
    ("docs/NOTES", ""),
    ("run", ""),
    ("src/a.rs", "fn one() {}\n\n\nfn two_way() {}\n"),
    ("src/b.rs", ""),
    ("docs/p.md", ""),
    (".gitignore", "dist/\n"),
];

#[test]
fn files_that_code_names_without_a_folder_are_paths() {
    for (text, references) in [
        ("`go.mod` `LICENSE` `.env` `NOTES`", vec!["path go.mod ok", "path LICENSE ok", "path .env ok", "path docs/NOTES ok"]),
        ("`run` `HTTP` `a.rs`", vec!["path src/a.rs ok"]),
        // They lead no name after them astray.
        ("`src/a.rs`, `LICENSE`, `b.rs`", vec!["path src/a.rs ok", "path LICENSE ok", "path src/b.rs ok"]),
        ("`two_way` of `src/a.rs` as `go.mod` says", vec!["symbol src/a.rs#two_way ok", "path src/a.rs ok", "path go.mod ok"]),
        ("[`LICENSE`](../LICENSE)", vec!["link LICENSE ok"]),
        ("`src/a.rs, src/b.rs`", vec!["path src/a.rs ok", "path src/b.rs ok"]),
        ("`src/a.rs, src/none.rs`", vec!["path src/a.rs ok", "path src/none.rs broken"]),
        ("`src/a.rs, or not`", vec![]),
        ("`src/a.rs:` `src/none.rs:`", vec!["path src/a.rs ok", "path src/none.rs broken"]),
        ("`src/{a,b}.rs`", vec!["path src/{a,b}.rs ok"]),
        ("`src/{a,none}.rs`", vec!["path src/{a,none}.rs broken"]),
        ("`{src,dist}/a.rs`", vec!["path {src,dist}/a.rs ok"]),
        ("`src/a.{rs,ts}`", vec!["path src/a.{rs,ts} ok"]),
        ("`node_modules/x.js` and `Cargo.toml`", vec!["path node_modules/x.js broken", "path Cargo.toml broken"]),
        ("`src/x.js` and `Cargo.toml`", vec!["path src/x.js broken", "path src/Cargo.toml broken"]),
        ("`src/none.rs` (removed)", vec!["path src/none.rs ok"]),
        ("Files removed by `src/a.rs` are gone.", vec!["path src/a.rs ok"]),
        ("| a | b |\n|---|---|\n| `src/none.rs` <!-- tagwarden: ignore -- y --> | x |", vec!["path src/none.rs unchecked: ignored: y"]),
    ] {
        let (source, mut census) = (Source::new("docs/p.md", text), census(NAMED, "docs/p.md", text));
        census.settle(&source, &Answers { fates: never(&census), ..Answers::default() });
        assert_eq!(lines(&census).0, references, "{text}");
    }
}

fn never(census: &Census) -> BTreeMap<String, Fate> {
    let fate = |question: &Question| if let Question::Fate(path) = question { Some((path.clone(), Fate::Never)) } else { None };
    census.questions().filter_map(fate).collect()
}

#[test]
fn a_file_without_a_folder_is_missed_once_it_went() {
    let files = &NAMED[3..];
    let text = "`go.mod` `LICENSE-MIT` `.env` `process.env` `HTTP` `1.4.0` `runGate.mode` `v1.2` `console.log`";
    let (source, mut census) = (Source::new("docs/p.md", text), census(files, "docs/p.md", text));
    let mut fates = never(&census);
    for path in ["go.mod", "LICENSE-MIT", ".env"] {
        assert!(fates.insert(path.to_owned(), Fate::Moved { to: "src/b.rs".to_owned() }).is_some(), "{path} is asked for");
    }
    assert!(["HTTP", "1.4.0", "runGate.mode", "v1.2"].iter().all(|name| !fates.contains_key(*name)));
    census.settle(&source, &Answers { fates, ..Answers::default() });
    assert_eq!(lines(&census).0, ["path go.mod broken", "path LICENSE-MIT broken", "path .env broken"]);
    let lenient = {
        let (tree, facts) = (tree(files), Facts::default());
        Library::new(&tree, &facts).unwrap().census(&source, &markdown::parse(text), false).unwrap()
    };
    assert!(lenient.references.is_empty(), "{:?}", lenient.references);
}

#[test]
fn a_name_that_links_to_its_lines_lies_in_them() {
    for (text, codes) in [
        ("[`two_way`](../src/a.rs#L1-L2)", vec!["docs/symbol-outside"]),
        ("[**`two_way`**](../src/a.rs#L1-L2) and `src/b.rs`", vec!["docs/symbol-outside"]),
        ("[`two_way`](../src/a.rs#L4)", vec![]),
        ("[see `two_way` for more](../src/a.rs#L1-L2)", vec![]),
        ("`two_way` and [this](../src/a.rs#L1-L2)", vec![]),
    ] {
        assert_eq!(lines(&census(NAMED, "docs/p.md", text)).1, codes, "{text}");
    }
}

#[test]
fn a_character_that_no_text_has_is_told() {
    let text = "`src/no\0ne.rs`";
    assert_eq!(lines(&census(NAMED, "docs/p.md", text)).1, ["docs/no-text"]);
}

#[test]
fn documents_of_a_folder_of_the_past_may_name_what_is_gone() {
    let tree = tree(&[("docs/old/a.md", ""), ("docs/p.md", "")]);
    let facts = Facts { past: ["docs/old/".to_owned(), "none/*".to_owned()].into(), ..Facts::default() };
    let library = Library::new(&tree, &facts).unwrap();
    let text = "`src/none.rs` [x](none.md)";
    for (file, broken) in [("docs/old/a.md", 0), ("docs/p.md", 2)] {
        let census = library.census(&Source::new(file, text), &markdown::parse(text), true).unwrap();
        assert_eq!(census.problems.len(), broken, "{file}");
    }
    let findings = library.findings().unwrap();
    assert_eq!(findings.iter().map(|finding| finding.code.as_str()).collect::<Vec<_>>(), ["docs/no-such-document"]);
    assert!(findings[0].message.contains("`none/*`"));
}

#[test]
fn a_pull_request_may_bring_one_of_several() {
    let census = census(NAMED, "docs/p.md", "`src/{a,next}.rs` (#12)");
    assert_eq!(census.questions().next(), Some(&Question::PullHas(12, "docs/src/next.rs".to_owned())));
}

/// What is said of `{text}` in `docs/p.md`, where history knows of this fate of `Cargo.toml` and of nothing else.
fn beside_another(text: &str, fate: Fate) -> Vec<String> {
    let tree = tree(&[("fuzz/Cargo.toml", "a\nb\n"), ("fuzz/LICENSE", ""), ("engine.toml", ""), ("docs/p.md", "")]);
    let facts = Facts { past: BTreeSet::from(["docs/old.md".to_owned()]), ..Facts::default() };
    let (file, text) = text.split_once(" says ").unwrap_or(("docs/p.md", text));
    let source = Source::new(file, text);
    let mut census = Library::new(&tree, &facts).unwrap().census(&source, &markdown::parse(text), true).unwrap();
    let gone = |path: &str| if matches!(path, "Cargo.toml" | "LICENSE") { fate.clone() } else { Fate::Never };
    let fates = census.questions().filter_map(|question| match question {
        Question::Fate(path) => Some((path.clone(), gone(path))),
        _ => None,
    });
    let answers = Answers { fates: fates.collect(), ..Answers::default() };
    census.settle(&source, &answers);
    let told = census.references.iter().map(|reference| format!("{} {}", reference.target, reference.verdict.slug()));
    let fixes = census.problems.iter().filter_map(|problem| problem.fix.as_ref()).map(|fix| format!("fix: {}", fix.with));
    told.chain(census.findings().map(|finding| finding.message.clone())).chain(fixes).collect()
}

#[test]
fn history_is_asked_before_a_path_is_taken_for_the_end_of_another() {
    let was = |alike: u8| {
        let rename = history::Rename { to: "engine.toml".to_owned(), commit: "abc1234".to_owned(), alike };
        Fate::Was(history::Fate { renames: vec![rename], end: history::End::Here })
    };
    let removed = || Fate::Was(history::Fate { renames: Vec::new(), end: history::End::Removed("abc1234".to_owned()) });
    let gone = "`Cargo.toml` is no file or folder of the tree: it was removed in abc1234";
    let renamed = "`Cargo.toml` is no file or folder of the tree: it was renamed to engine.toml in abc1234";
    for (text, fate, expected) in [
        ("`Cargo.toml`", Fate::Never, vec!["fuzz/Cargo.toml ok"]),
        ("`Cargo.toml`", removed(), vec!["Cargo.toml broken", gone]),
        ("`Cargo.toml:2`", removed(), vec!["Cargo.toml:2-2 broken", gone]),
        ("`Cargo.toml`", was(90), vec!["Cargo.toml broken", renamed, "fix: engine.toml"]),
        ("`Cargo.toml`", was(89), vec!["Cargo.toml broken", renamed]),
        ("`Cargo.toml`", Fate::NotHere, vec!["fuzz/Cargo.toml unchecked"]),
        ("`LICENSE`", removed(), vec!["LICENSE broken", "`LICENSE` is no file or folder of the tree: it was removed in abc1234"]),
        ("`LICENSE`", Fate::Never, vec![]),
        // Who says that it is gone does not mean the other one.
        ("`Cargo.toml` was removed.", removed(), vec!["fuzz/Cargo.toml ok"]),
        ("`Cargo.toml` <!-- tagwarden: expect-missing -- moved into the workspace -->", removed(), vec!["fuzz/Cargo.toml ok"]),
        ("docs/old.md says `Cargo.toml`", removed(), vec!["fuzz/Cargo.toml ok"]),
    ] {
        assert_eq!(beside_another(text, fate), expected, "{text}");
    }
}
