//! A document and the tree around it, split at NUL: every reference and every finding has a place in the document that is the
//! same by another way of counting, and a broken reference has a finding.

use std::collections::BTreeMap;
use tagwarden::{
    cli::explain,
    lockdown::{Facts, Library, Verdict},
    text::{markdown, source::Source},
    tree::MapTree,
};

const NAMES: [&str; 6] = ["docs/page.md", "README.md", "src/lib.rs", "gates/10-health.yaml", "Makefile", ".env.example"];

pub fn check(text: &str) {
    let files: BTreeMap<String, Vec<u8>> =
        NAMES.iter().zip(text.split('\0')).map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    let source = Source::new(NAMES[0], text.split('\0').next().unwrap_or_default());
    let tree = MapTree::new(files);
    let facts = Facts { foreign: BTreeMap::from([("other".to_owned(), "example/other".to_owned())]), ..Facts::default() };
    let document = markdown::parse(&source.text);
    let Ok(library) = Library::new(&tree, &facts) else { panic!("a tree in memory can be read") };
    for strict in [true, false] {
        let Ok(census) = library.census(&source, &document, strict) else { panic!("a tree in memory can be read") };
        for (index, reference) in census.references.iter().enumerate() {
            let place = source.place(reference.range.clone());
            assert_eq!((reference.line, reference.column), (place.line, place.column), "{reference:?}");
            assert_eq!(Some(reference.end_column), place.end_column, "{reference:?}");
            if reference.verdict == Verdict::Broken {
                assert!(census.problems.iter().any(|problem| problem.reference == Some(index)), "{reference:?}");
            }
        }
        for problem in &census.problems {
            assert!(explain::knows(&problem.finding.code), "{problem:?}");
            assert!(source.text.get(problem.range.clone()).is_some(), "{problem:?}");
            if let Some(fix) = &problem.fix {
                assert!(source.text.get(fix.range.clone()).is_some(), "{problem:?}");
            }
        }
    }
}
