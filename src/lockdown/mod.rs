//! Document lockdown: every reference that a protocol document makes, extracted from the document itself, resolved against
//! an independent source, and graded.
//!
//! [`extract`] finds what claims to be a reference, [`resolve`] looks it up in the [`index`] of a tree, [`grade`] turns
//! what was found into a verdict and, where it is broken, a finding under the exact characters.
//!
//! Read so far: links, images, definitions, fragments, HTML `a` and `img`, undefined references, and paths in code spans.
//! Deliberately absent: anything that needs the network or git history; such references are `unchecked`, with the reason.

mod extract;
mod grade;
mod index;
mod pattern;
mod place;
mod resolve;
mod shape;

pub use index::Index;

use crate::{
    domain::{Finding, Place},
    text::{markdown::Document, source::Source},
    tree::{Tree, Unreadable},
};
use std::collections::BTreeMap;

/// One reference of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub kind: ReferenceKind,
    /// As written in the document.
    pub text: String,
    /// What it leads to: the path from the root where it was found, else what was looked for.
    pub target: String,
    /// Without the source line, since a document may have very many references.
    pub place: Place,
    pub verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReferenceKind {
    Link,
    Image,
    Definition,
    Html,
    Fragment,
    Path,
}

impl ReferenceKind {
    pub const fn slug(self) -> &'static str {
        match self {
            ReferenceKind::Link => "link",
            ReferenceKind::Image => "image",
            ReferenceKind::Definition => "definition",
            ReferenceKind::Html => "html",
            ReferenceKind::Fragment => "fragment",
            ReferenceKind::Path => "path",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Ok,
    /// A finding of the census says why.
    Broken,
    /// Below a declared root of this other repository.
    Foreign(String),
    /// Recognised, but cannot be judged, for this reason.
    Unchecked(&'static str),
}

impl Verdict {
    pub const fn slug(&self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Broken => "broken",
            Verdict::Foreign(_) => "foreign",
            Verdict::Unchecked(_) => "unchecked",
        }
    }
}

/// The references of one document in the order of its text, and what is wrong with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    pub references: Vec<Reference>,
    /// One error for each broken reference; warnings for what hides references.
    pub findings: Vec<Finding>,
}

/// Every finding code of lockdown, with its meaning.
pub const CODES: &[(&str, &str)] = &[
    ("docs/missing-path", "a path in a code span names no file or folder of the tree"),
    ("docs/missing-file", "a link, image or definition leads to no file or folder of the tree"),
    ("docs/missing-anchor", "a fragment names no heading, id or name of its document"),
    ("docs/case", "a reference is right but for upper and lower case"),
    ("docs/escape", "a reference leads out of the tree, by `..` or by a symbolic link"),
    ("docs/undefined-reference", "`[text][label]` without a definition of that label"),
    ("docs/unclosed-fence", "the rest of the document lies inside a code block"),
];

/// A tree to resolve against, with what is worth remembering from one document to the next.
pub struct Library<'t> {
    index: Index<'t>,
    foreign: &'t BTreeMap<String, String>,
    fragments: resolve::Fragments,
}

impl<'t> Library<'t> {
    /// `foreign`: root folder of another repository to its name.
    pub fn new(tree: &'t dyn Tree, foreign: &'t BTreeMap<String, String>) -> Result<Library<'t>, Unreadable> {
        Ok(Library { index: Index::new(tree)?, foreign, fragments: resolve::Fragments::default() })
    }

    /// The file that this path leads to, through symbolic links.
    pub fn file(&self, path: &str) -> Result<Option<String>, Unreadable> {
        Ok(match self.index.find(path)? {
            index::Found::File(file) => Some(file),
            _ => None,
        })
    }

    /// The path that differs from this one only in case.
    pub fn in_other_case(&self, path: &str) -> Option<&'t str> {
        self.index.in_other_case(path)
    }

    /// Takes the census of one document, `source.file` being its path in the tree.
    pub fn census(&mut self, source: &Source, document: &Document) -> Result<Census, Unreadable> {
        let mut resolver = resolve::Resolver::new(&self.index, self.foreign, &mut self.fragments, source, document);
        let mut grader = grade::Grader::new(&self.index, source);
        for claim in extract::claims(source, document) {
            if let Some(resolution) = resolver.resolve(&claim)? {
                grader.grade(claim, resolution);
            }
        }
        grader.fences(document);
        Ok(grader.census)
    }
}

#[cfg(test)]
mod tests;
