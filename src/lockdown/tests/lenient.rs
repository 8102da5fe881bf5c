//! Documents that are no protocol documents, and what history makes of what they name.

use super::*;

/// Verdicts, findings and fixes where history removed all that is asked for but `renamed.sh`, which is `new.sh` now.
fn settled(file: &str, text: &str, is_strict: bool) -> Vec<String> {
    let tree = tree(FILES);
    let facts = Facts { past: BTreeSet::from(["docs/log.md".to_owned()]), ..Facts::default() };
    let source = Source::new(file, text);
    let mut census = Library::new(&tree, &facts).unwrap().census(&source, &markdown::parse(text), is_strict).unwrap();
    let fate = |path: &str| match path.ends_with("renamed.sh") {
        true => Fate::Moved { to: "new.sh".to_owned() },
        false => Fate::Deleted,
    };
    let fates = census.questions().filter_map(|question| match question {
        Question::Fate(path) => Some((path.clone(), fate(path))),
        _ => None,
    });
    let answers = Answers { fates: fates.collect(), ..Answers::default() };
    census.settle(&source, &answers);
    let verdicts = census.references.iter().map(|reference| reference.verdict.slug().to_owned());
    verdicts.chain(census.findings().map(|finding| finding.code.clone())).collect()
}

#[test]
fn a_lenient_document_is_never_judged_harder_than_a_strict_one() {
    for (text, strictly, leniently) in [
        ("`hack/x.sh` was removed in 1.4.", vec!["ok"], vec!["ok"]),
        ("Remove `hack/x.sh`", vec!["broken", "docs/missing-path"], vec!["broken", "docs/missing-path"]),
        ("There is no `hack/x.sh`", vec!["ok"], vec!["ok"]),
        ("It writes `hack/x.sh`", vec!["broken", "docs/missing-path"], vec!["broken", "docs/missing-path"]),
        ("Run `hack/x.sh`", vec!["broken", "docs/missing-path"], vec!["broken", "docs/missing-path"]),
        ("Run `hack/x.sh` <!-- tagwarden: ignore -- old -->", vec!["unchecked"], vec!["unchecked"]),
        ("See `yarn.lock` and `.gitmodules`.", vec!["broken", "broken", "docs/missing-path", "docs/missing-path"], vec!["unchecked"; 2]),
        ("See `renamed.sh`.", vec!["broken", "docs/missing-path"], vec!["broken", "docs/missing-path"]),
    ] {
        let expected = |expected: &[&str]| expected.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(settled("README.md", text, true), expected(&strictly), "strictly: {text}");
        assert_eq!(settled("README.md", text, false), expected(&leniently), "leniently: {text}");
    }
}

#[test]
fn documents_about_the_past_name_what_is_gone() {
    for (file, path, link) in [
        ("docs/log.md", "unchecked", "unchecked"),
        ("CHANGELOG.md", "unchecked", "broken"),
        ("docs/changelog-1.md", "unchecked", "broken"),
        ("HISTORY.md", "unchecked", "broken"),
        ("RELEASES.md", "unchecked", "broken"),
        ("docs/guide.md", "broken", "broken"),
    ] {
        assert_eq!(settled(file, "- Merge `hack/x.sh` into others", false)[0], path, "{file}");
        assert_eq!(settled(file, "- [Merge](hack/x.sh) into others", false)[0], link, "{file}");
        assert_eq!(settled(file, "`src/lib/env.ts`", false), ["ok"], "{file}");
    }
    assert_eq!(settled("CHANGELOG.md", "- Merge `hack/x.sh` into others", true)[0], "broken");
}
