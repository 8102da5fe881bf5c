//! What a document names that no tree holds: pages of a forge, what builds make, variables of everybody; and what may be
//! meant by a path that is not there.

use super::*;

const BUILT: &[(&str, &str)] = &[
    (".gitignore", "dist/\n"),
    ("docs/setup.md", ""),
    ("docs/guide/README.md", ""),
    ("other/config/x.md", ""),
    ("web/setup", ""),
    ("src/lib/env.ts", "APP_MODE"),
];

#[test]
fn what_no_tree_holds_is_not_missing() {
    let page = "unchecked: a page of the forge";
    for (text, expected) in [
        ("[a](../../../issues)", format!("link ../../../issues {page}")),
        ("[a](../../../wiki/Home)", format!("link ../../../wiki/Home {page}")),
        ("[a](../../../issues/7)", "issue #7 unchecked: nothing is recorded of pull requests".to_owned()),
        ("[a](../../../pull/8)", "pull #8 unchecked: nothing is recorded of pull requests".to_owned()),
        ("[a](../../issues)", "link ../../issues broken".to_owned()),
        ("[a](../../../../issues)", "link ../../../../issues broken".to_owned()),
        ("[a](../../../src/x.rs)", "link ../../../src/x.rs broken".to_owned()),
        ("`dist/bundle.js`", "path dist/bundle.js unchecked: ignored by `.gitignore`; it may come of a build".to_owned()),
        ("`src/bundle.js`", "path src/bundle.js broken".to_owned()),
        ("`$HOME`", "env HOME unchecked: a variable that systems and common tools set or read".to_owned()),
        ("`HTTP_PROXY=x`", "env HTTP_PROXY unchecked: a variable that systems and common tools set or read".to_owned()),
        ("`$APP_HOME`", "env APP_HOME broken".to_owned()),
    ] {
        let origin = urls::Origin { host: "github.com".to_owned(), name: "example/web".to_owned() };
        let (references, _) = told(&Facts { origin: Some(origin), ..Facts::default() }, BUILT, text);
        assert_eq!(references, [expected], "{text}");
    }
}

#[test]
fn a_page_beside_the_document_is_suggested_first() {
    for (text, help) in [
        ("[a](setup)", "setup.md"),
        ("[a](/setup)", "/docs/setup.md"),
        ("[a](/guide)", "/docs/guide/README.md"),
        ("[a](config/x.md)", "../other/config/x.md"),
    ] {
        let (source, mut census) = strict(BUILT, text);
        let fates = census.questions().filter_map(|question| match question {
            Question::Fate(path) => Some((path.clone(), Fate::Never)),
            _ => None,
        });
        let answers = Answers { fates: fates.collect(), ..Answers::default() };
        census.settle(&source, &answers);
        let [Problem { finding, fix, .. }] = &census.problems[..] else { panic!("{text}: {:?}", census.problems) };
        assert_eq!((finding.help.as_deref(), fix), (Some(format!("did you mean `{help}`?").as_str()), &None), "{text}");
    }
}

#[test]
fn a_bare_name_behind_a_path_may_be_meant_as_it_stands() {
    let (source, mut census) = strict(&[("b/f.txt", "")], "`b/f.txt` and `z.txt`");
    let gone = Fate::Was(history::Fate { renames: Vec::new(), end: history::End::Removed("abc1234".to_owned()) });
    let fates = [("b/z.txt", Fate::Never), ("docs/b/z.txt", Fate::Never), ("docs/z.txt", Fate::Never), ("z.txt", gone)];
    let fates = fates.into_iter().map(|(path, fate)| (path.to_owned(), fate)).collect();
    census.settle(&source, &Answers { fates, ..Answers::default() });
    let messages: Vec<&str> = census.findings().map(|finding| finding.message.as_str()).collect();
    assert_eq!(messages, ["`b/z.txt` is no file or folder of the tree: `z.txt` was removed in abc1234"]);
}

#[test]
fn a_folder_of_an_unknown_folder_is_told_if_it_was_one() {
    let here = Fate::Moved { to: "uno/two".to_owned() };
    for (text, is_strict, fate, expected) in [
        ("`one/two/`", true, here.clone(), vec!["path one/two broken"]),
        ("`one/`", true, Fate::Deleted, vec!["path one broken"]),
        ("`one/two/` was removed.", true, Fate::Deleted, vec!["path one/two ok"]),
        ("`one/two/`", true, Fate::Never, vec!["path one/two unchecked: named in code, and nothing of that name is in this tree"]),
        ("`one/two/`", false, here.clone(), vec![]),
        ("`and/or`", true, Fate::Deleted, vec![]),
        ("`lib/`", true, Fate::Deleted, vec![]),
    ] {
        let tree = tree(BUILT);
        let source = Source::new("docs/me.md", text);
        let facts = Facts::default();
        let mut census = Library::new(&tree, &facts).unwrap().census(&source, &markdown::parse(text), is_strict).unwrap();
        let fates = [("one/two", fate.clone()), ("one", fate)].map(|(path, fate)| (path.to_owned(), fate));
        census.settle(&source, &Answers { fates: fates.into(), ..Answers::default() });
        assert_eq!(lines(&census).0, expected, "{text}");
    }
}
