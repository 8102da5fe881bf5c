//! Files of a catalog, split at NUL: each is read or refused with places inside it, JSON is what the library says it is, a change of the
//! pointer file gives what it says, and the whole tree is checked without a panic.

use std::{collections::BTreeMap, sync::Arc};
use tagwarden::{
    catalog::{
        check::{self, Input, Which},
        document::{self, Read},
        layout::{Kind, Layout, PathTemplate, PointerAt, RailFiles, RailOf, Shape},
        pointer::{Change, Pointer},
        rails::Rails,
    },
    cli::explain,
    domain::TagPattern,
    text::source::Source,
    tree::MapTree,
};

const NAMES: [&str; 8] =
    ["a/x/1.json", "a/y/2.yaml", "a/z.csv", "a/p.md", "active.json", "rails/r/lint.yaml", "rails/r/schema.json", "rails/r/more.json"];

pub fn check(text: &str) {
    let files: BTreeMap<String, Vec<u8>> =
        NAMES.iter().zip(text.split('\0')).map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    for (path, bytes) in &files {
        read(path, bytes);
    }
    if let Some(bytes) = files.get("active.json") {
        pointers(&String::from_utf8_lossy(bytes));
    }
    let rails = Arc::new(RailFiles { files: files.clone(), root: "gates".to_owned() });
    let layout = Layout { rails, ..layout() };
    let Ok(rails) = Rails::read(&layout) else { return };
    let tree = MapTree::new(files.clone());
    let pointers = vec![files.get("active.json").cloned()];
    let input = Input { tree: &tree, layout: &layout, rails: &rails, pointers, which: Which::All, done: &|_| {}, each: &|_, _| {} };
    let Ok(checked) = check::check(input) else { panic!("a tree in memory can be read") };
    for finding in &checked.findings {
        assert!(explain::knows(&finding.code), "{finding:?}");
    }
}

fn read(path: &str, bytes: &[u8]) {
    match document::read(path, bytes.to_vec()) {
        Read::Document(document) => {
            if path.ends_with(".json") {
                assert_eq!(serde_json::from_slice::<serde_json::Value>(bytes).ok().as_ref(), Some(&document.located.value));
            }
            assert!(document.source.text.get(document.located.range("")).is_some());
        }
        Read::NoFrontMatter(_) => {}
        Read::Malformed(findings) => {
            assert!(!findings.is_empty());
            let lines = String::from_utf8_lossy(bytes).lines().count().max(1) as u32 + 1;
            assert!(findings.iter().filter_map(|finding| finding.place.as_ref()).all(|place| (1..=lines).contains(&place.line)));
        }
    }
}

fn pointers(text: &str) {
    for shape in [Shape::Flat, Shape::Grouped] {
        let Ok(pointer) = Pointer::read(Source::new("active.json", text), shape) else { continue };
        let kind = (shape == Shape::Grouped).then(|| "kind".to_owned());
        let change = Change { kind: kind.clone(), id: "new.v1".to_owned(), to: Some("1.10".to_owned()) };
        // A group may be there that is no group.
        if let Ok(changed) = pointer.with(&[change]) {
            assert_eq!(changed.active("kind", "new.v1"), Some("1.10"), "{text}");
            let back = changed.with(&[Change { kind, id: "new.v1".to_owned(), to: None }]).unwrap_or_else(|why| panic!("{why}: {text}"));
            assert_eq!(back.active("kind", "new.v1"), None, "{text}");
        }
    }
}

fn layout() -> Layout {
    let kind = |path: &str| Kind {
        path: PathTemplate::parse(path).unwrap_or_else(|why| panic!("{why}")),
        rail: RailOf::Named("r".to_owned()),
        id: None,
        version: None,
        null_is_absent: true,
        permanent: true,
        major: Vec::new(),
        release_tag: TagPattern::artifact("{kind}/{id}/v{version}").unwrap_or_else(|why| panic!("{why}")),
    };
    let kinds = [("k", "a/{id}/{version}.json"), ("y", "a/{id}/{version}.yaml"), ("t", "a/{id}.csv"), ("p", "a/{id}.md")];
    Layout {
        kinds: kinds.into_iter().filter_map(|(name, path)| Some((name.parse().ok()?, kind(path)))).collect(),
        pointers: "live"
            .parse()
            .ok()
            .map(|channel| PointerAt { channel, file: "active.json".to_owned(), shape: Shape::Grouped, branch: None })
            .into_iter()
            .collect(),
        rails: Arc::default(),
    }
}
