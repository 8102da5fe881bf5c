//! Whole catalogs in memory: what holds after a set of changes of the pointer file, and ways from artifact to artifact.

use super::*;
use crate::{
    catalog::{
        layout::{Kind, PathTemplate, PointerAt, RailFiles, RailOf, Shape},
        pointer::Change,
    },
    domain::TagPattern,
    tree::MapTree,
};
use std::sync::Arc;

const RULES: &str = "rules:
  - id: needs
    of: active
    refs: { each: '.needs[]?', to: [{ artifact: 'doc:{value}', must: active }], acyclic: true, depth: 2 }
";

fn layout() -> Layout {
    let kind = Kind {
        path: PathTemplate::parse("{id}/{version}.yaml").unwrap(),
        rail: RailOf::Named("r".to_owned()),
        id: None,
        version: None,
        null_is_absent: false,
        permanent: false,
        major: Vec::new(),
        release_tag: TagPattern::artifact("{kind}/{id}/v{version}").unwrap(),
    };
    let pointer = PointerAt { channel: "live".parse().unwrap(), file: "active.json".to_owned(), shape: Shape::Flat, branch: None };
    Layout { kinds: [("doc".parse().unwrap(), kind)].into(), pointers: vec![pointer], rails: Default::default() }
}

/// The codes that are found: each artifact with what it needs, by the pointer file.
fn codes(artifacts: &[(&str, &str)], pointer: &str) -> Vec<String> {
    let mut layout = layout();
    let files = [("rails/r/lint.yaml".to_owned(), RULES.as_bytes().to_vec())].into();
    layout.rails = Arc::new(RailFiles { files, root: "gates".to_owned() });
    let Ok(rails) = Rails::read(&layout) else { panic!("the rail is right") };
    let files = artifacts.iter().map(|(name, needs)| (format!("{name}.yaml"), format!("needs: [{needs}]\n").into_bytes()));
    let tree = MapTree::new(files.collect());
    let pointers = vec![Some(pointer.as_bytes().to_vec())];
    let input = Input { tree: &tree, layout: &layout, rails: &rails, pointers, which: Which::All, done: &|_| {}, each: &|_, _| {} };
    check(input).unwrap().findings.into_iter().map(|finding| finding.code).collect()
}

/// Whether everything is closed is a question about the whole set, in whatever order the changes come.
#[test]
fn a_set_of_changes_is_closed_or_not_as_a_whole() {
    let artifacts = [("a/1", ""), ("a/2", "b"), ("b/1", "")];
    let before = Pointer::read(crate::text::source::Source::new("active.json", "{\n  \"a\": \"1\"\n}\n"), Shape::Flat).unwrap();
    let change = |id: &str, to: Option<&str>| Change { kind: None, id: id.to_owned(), to: to.map(str::to_owned) };
    for (changes, wanted) in [
        (vec![], vec![]),
        (vec![change("a", Some("2"))], vec!["catalog/inactive-reference"]),
        (vec![change("a", Some("2")), change("b", Some("1"))], vec![]),
        (vec![change("b", Some("1")), change("a", Some("2"))], vec![]),
        (vec![change("b", Some("1")), change("a", Some("2")), change("b", None)], vec!["catalog/inactive-reference"]),
        (vec![change("a", None)], vec![]),
        (vec![change("a", Some("3"))], vec!["catalog/missing-artifact"]),
    ] {
        let after = before.with(&changes).unwrap();
        assert_eq!(codes(&artifacts, &after.source.text), wanted, "{changes:?}");
    }
    assert_eq!(codes(&artifacts, "{ \"a\": \"1-rc.1\" }"), ["catalog/missing-artifact"]);
    assert_eq!(codes(&[("a/1.0.0-rc.1", "")], "{ \"a\": \"1.0.0-rc.1\" }"), ["catalog/pre-release-active"]);
}

#[test]
fn ways_end_and_are_short() {
    let active = |ids: &str| format!("{{ {} }}", ids.split(' ').map(|id| format!("\"{id}\": \"1\"")).collect::<Vec<_>>().join(", "));
    for (artifacts, ids, wanted) in [
        (vec![("a/1", "b"), ("b/1", "c"), ("c/1", "")], "a b c", vec![]),
        (vec![("a/1", "b"), ("b/1", "c"), ("c/1", "d"), ("d/1", "")], "a b c d", vec!["catalog/chain"]),
        (vec![("a/1", "a")], "a", vec!["catalog/cycle"]),
        (vec![("a/1", "b"), ("b/1", "a")], "a b", vec!["catalog/cycle"]),
        // Two ways to one place are no circle.
        (vec![("a/1", "b, c"), ("b/1", "d"), ("c/1", "d"), ("d/1", "")], "a b c d", vec![]),
        // An older version that is not active leads nowhere.
        (vec![("a/1", "b"), ("b/1", ""), ("b/0", "a")], "a b", vec![]),
    ] {
        assert_eq!(codes(&artifacts, &active(ids)), wanted, "{artifacts:?}");
    }
}
