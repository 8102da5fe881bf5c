//! Checks the artifacts of a tree: finds them, reads each once, asks each its rail, then looks at what they say of one another and at
//! what the pointer files say of them.
//!
//! The order is that of the data: what one file shows by itself is found while it is read, all files side by side; the values that name
//! other things are only collected there, and resolved when every artifact is known.
//!
//! Deliberately absent: states, and any comparison with another tree but for files that are gone ([`removed`]). Whether a change of a pointer file leaves everything closed is asked
//! by checking with the text of [`super::pointer::Pointer::with`].

mod file;
mod graph;
mod pointers;
mod resolve;
#[cfg(test)]
mod tests;

use super::{
    check::file::Turn,
    document::{Document, Library, Read},
    layout::Layout,
    pointer::{self, Pointer},
    rails::Rails,
    rules::About,
};
use crate::{
    domain::{Finding, KindName, Place},
    text::{query, yaml},
    tree::{EntryKind, Tree, Unreadable},
};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What is to be checked, and by what.
pub struct Input<'a> {
    pub tree: &'a dyn Tree,
    pub layout: &'a Layout,
    pub rails: &'a Rails,
    /// The bytes of each pointer file of the layout, in its order; `None`: it is not there.
    pub pointers: Vec<Option<Vec<u8>>>,
    pub which: Which,
    /// Called once for each file that is an artifact, with how many there are.
    pub done: &'a (dyn Fn(usize) + Sync),
    /// Called with every artifact that could be read, in any order, so that nobody has to read it again.
    pub each: &'a (dyn Fn(&Artifact, &Document) + Sync),
}

/// Which artifacts are looked at. What is said of several files together is looked at as soon as one artifact is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    All,
    /// Those at or below these paths, without the pointer files.
    Below(Vec<String>),
    /// What a file shows by itself only of those with one of these paths; everything that is said of several files of all.
    Changed(BTreeSet<String>),
}

/// What was checked and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// By kind, in the order of the protocol: how many there are.
    pub kinds: Vec<(KindName, usize)>,
    /// How many were looked at.
    pub artifacts: usize,
    /// Entries of the pointer files.
    pub active: usize,
    /// Markdown files without front matter at the place of artifacts.
    pub pages: usize,
    /// Every artifact, whichever were looked at.
    pub found: Vec<Artifact>,
    /// In the order of their places.
    pub findings: Vec<Finding>,
}

/// A file that is an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    pub kind: KindName,
    pub id: String,
    pub version: Option<String>,
    /// From the root.
    pub path: String,
    /// Whether it has its folder to itself.
    pub owns_folder: bool,
}

impl Artifact {
    /// `kind:id@version`.
    pub fn name(&self) -> String {
        let version = self.version.as_ref().map(|version| format!("@{version}")).unwrap_or_default();
        format!("{}:{}{version}", self.kind, self.id)
    }

    /// Everything that is its own: its folder, where it has that to itself, else its file.
    pub fn content(&self) -> &str {
        if self.owns_folder { self.folder() } else { &self.path }
    }

    /// What its relative paths start from.
    pub fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// Whether one of these paths is its own.
    fn is_among(&self, paths: &BTreeSet<String>) -> bool {
        let folder = format!("{}/", self.folder());
        let below = |folder: &String| paths.range::<String, _>(folder..).next().is_some_and(|path| path.starts_with(folder.as_str()));
        paths.contains(&self.path) || self.owns_folder && below(&folder)
    }
}

/// Every artifact that was found, with ways to it.
pub(in crate::catalog) struct Known {
    artifacts: Vec<Artifact>,
    by_name: HashMap<(String, String), Vec<usize>>,
    pointers: Vec<Pointer>,
}

impl Known {
    fn about<'a>(&'a self, artifact: &'a Artifact) -> About<'a> {
        about(artifact, &self.pointers)
    }

    /// All versions of an id.
    fn of(&self, kind: &str, id: &str) -> impl Iterator<Item = usize> + '_ {
        self.by_name.get(&(kind.to_owned(), id.to_owned())).into_iter().flatten().copied()
    }

    /// In which pointer files it is active.
    fn active_in(&self, artifact: &Artifact) -> impl Iterator<Item = &Pointer> {
        self.pointers.iter().filter(move |pointer| {
            artifact.version.is_some() && pointer.active(artifact.kind.as_str(), &artifact.id) == artifact.version.as_deref()
        })
    }
}

fn about<'a>(artifact: &'a Artifact, pointers: &'a [Pointer]) -> About<'a> {
    About {
        kind: artifact.kind.as_str(),
        id: &artifact.id,
        version: artifact.version.as_deref(),
        active: pointers.iter().find_map(|pointer| pointer.active(artifact.kind.as_str(), &artifact.id)),
    }
}

/// Checks. `Err`: the tree could not be read.
pub fn check(input: Input) -> Result<Checked, Unreadable> {
    query::side_by_side(|| in_order(input))
}

fn in_order(input: Input) -> Result<Checked, Unreadable> {
    let library = if input.rails.look_elsewhere() { Library::new(input.tree)? } else { Library::passing(input.tree)? };
    let mut checked = Checked::default();
    let mut pointers = Vec::new();
    for (at, bytes) in input.layout.pointers.iter().zip(&input.pointers) {
        if let Some(finding) = pointer::not_a_file(input.tree, &at.file)? {
            checked.findings.push(finding);
            continue;
        }
        let source = bytes.as_ref().map(|bytes| yaml::source(&at.file, bytes).map_err(|finding| vec![finding]));
        match source.map(|source| source.and_then(|source| Pointer::read(source, at.shape))) {
            Some(Ok(pointer)) => pointers.push(pointer),
            Some(Err(findings)) => checked.findings.extend(findings),
            None => checked.findings.push(pointers::absent(at)),
        }
    }
    let places = places(&input, &library);
    let done = |seen: &Option<file::Seen>| seen.iter().for_each(|_| (input.done)(places.len()));
    let small: Result<Vec<Option<file::Seen>>, Unreadable> =
        places.par_iter().map(|place| file::look(&input, &library, &pointers, place, Turn::Small).inspect(done)).collect();
    let mut seen = Vec::with_capacity(places.len());
    for (place, small) in places.iter().zip(small?) {
        seen.push(match small {
            Some(seen) => seen,
            None => file::look(&input, &library, &pointers, place, Turn::Any).inspect(done)?.unwrap_or_default(),
        });
    }
    let pages: Vec<&KindName> = places.iter().zip(&seen).filter(|(_, seen)| seen.is_page).map(|(place, _)| place.kind).collect();
    checked.pages = pages.len();
    for seen in &mut seen {
        checked.findings.append(&mut seen.findings);
    }
    let mut kinds: BTreeMap<&KindName, usize> = BTreeMap::new();
    for place in places.iter().zip(&seen).filter(|(_, seen)| !seen.is_page).map(|(place, _)| place) {
        *kinds.entry(place.kind).or_default() += 1;
    }
    checked.kinds = input.layout.kinds.keys().map(|kind| (kind.clone(), kinds.get(kind).copied().unwrap_or(0))).collect();
    checked.artifacts = seen.iter().filter(|seen| seen.was_looked_at).count();
    let mut known = Known { artifacts: Vec::new(), by_name: HashMap::new(), pointers };
    let mut asked = Vec::new();
    for seen in seen {
        let Some(artifact) = seen.artifact else { continue };
        let at = known.artifacts.len();
        known.by_name.entry((artifact.kind.to_string(), artifact.id.clone())).or_default().push(at);
        asked.push((at, seen.asked));
        known.artifacts.push(artifact);
    }
    if matches!(input.which, Which::All | Which::Changed(_)) {
        checked.findings.extend(empty_kinds(&checked.kinds, &pages, input.layout));
        checked.findings.extend(twice(&known));
        for pointer in &known.pointers {
            checked.active += pointer.entries().len();
            checked.findings.extend(pointers::entries(&input, &known, pointer));
            checked.findings.extend(pointers::own_schema(&library, pointer)?);
        }
    }
    checked.findings.extend(resolve::all(&library, &known, &asked)?);
    checked.found = known.artifacts;
    sort(&mut checked.findings);
    Ok(checked)
}

/// The files of permanent kinds among paths that changed that are no more in the tree: one tree alone cannot miss what nothing names.
pub fn removed(tree: &dyn Tree, layout: &Layout, changed: &BTreeSet<String>) -> Result<Vec<Finding>, Unreadable> {
    let library = Library::new(tree)?;
    let there: BTreeSet<&str> = library.entries().iter().map(|entry| entry.path.as_str()).collect();
    let mut findings = Vec::new();
    for path in changed.iter().filter(|path| !there.contains(path.as_str())) {
        for (kind, _) in layout.kinds.iter().filter(|(_, of)| of.permanent && of.path.read(path).is_some()) {
            let message = format!("{path} is gone, and a {kind} is permanent: it is neither removed nor moved");
            let place = Place { file: path.clone(), line: 1, column: 1, end_column: None, source: None };
            findings.push(
                Finding::error("catalog/removed", message).at(place).help("bring the file back; what takes its place is a new version"),
            );
        }
    }
    Ok(findings)
}

/// The kinds that have an artifact of this id, by its path, else by its own words.
pub fn kinds_of(tree: &dyn Tree, layout: &Layout, id: &str) -> Result<BTreeSet<String>, Unreadable> {
    let library = Library::new(tree)?;
    let mut kinds = BTreeSet::new();
    for (kind, of) in &layout.kinds {
        for entry in library.entries().iter().filter(|entry| entry.kind != EntryKind::Submodule) {
            let Some(said) = of.path.read(&entry.path) else { continue };
            let is_it = match (&said.id, &of.id) {
                (Some(in_path), _) => in_path == id,
                (None, Some(pointer)) => {
                    let read = library.document(&entry.path)?;
                    read.as_deref().and_then(document).and_then(|document| document.text(pointer)) == Some(id)
                }
                (None, None) => false,
            };
            if is_it {
                kinds.insert(kind.to_string());
                break;
            }
        }
    }
    Ok(kinds)
}

/// Puts findings in the order of their places.
pub fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| position(a).cmp(&position(b)));
}

fn position(finding: &Finding) -> (&str, u32, u32, &str) {
    let (file, line, column) = finding.place.as_ref().map_or(("", 0, 0), |place| (place.file.as_str(), place.line, place.column));
    (file, line, column, &finding.code)
}

/// A file at the place of an artifact.
struct At<'a> {
    kind: &'a KindName,
    path: &'a str,
    id: Option<String>,
    version: Option<String>,
}

fn places<'a>(input: &'a Input, library: &Library<'a>) -> Vec<At<'a>> {
    let mut places = Vec::new();
    for entry in library.entries().iter().filter(|entry| entry.kind != EntryKind::Submodule) {
        for (kind, of) in &input.layout.kinds {
            if let Some(said) = of.path.read(&entry.path) {
                places.push(At { kind, path: &entry.path, id: said.id, version: said.version });
            }
        }
    }
    places
}

/// A kind that no file is of is a wrong path more often than an empty folder; either way nothing of it is checked.
/// `pages`: the kind of each file at a place of artifacts that is for people.
fn empty_kinds(kinds: &[(KindName, usize)], pages: &[&KindName], layout: &Layout) -> Vec<Finding> {
    let empty = kinds.iter().filter(|(_, count)| *count == 0).filter_map(|(kind, _)| Some((kind, layout.kinds.get(kind)?)));
    let finding = |(kind, of): (&KindName, &super::layout::Kind)| {
        let message = format!("no file is an artifact of kind `{kind}`: ");
        let (why, help) = match pages.iter().filter(|page| **page == kind).count() {
            0 => (format!("nothing is at `{}`", of.path.as_str()), "correct its `path`, or take the kind out of `kinds`"),
            pages => (
                format!("the {pages} files at `{}` have no front matter", of.path.as_str()),
                "give them front matter, or take the kind out of `kinds`",
            ),
        };
        Finding::error("catalog/empty-kind", message + &why).help(help)
    };
    empty.map(finding).collect()
}

/// Two files that are one artifact.
fn twice(known: &Known) -> Vec<Finding> {
    let mut first: HashMap<String, &Artifact> = HashMap::new();
    let mut findings = Vec::new();
    for artifact in &known.artifacts {
        if let Some(other) = first.get(&artifact.name()) {
            let message = format!("`{}` is at {} already", artifact.name(), other.path);
            let place = Place { file: artifact.path.clone(), line: 1, column: 1, end_column: None, source: None };
            findings.push(Finding::error("catalog/duplicate-artifact", message).at(place));
        } else {
            first.insert(artifact.name(), artifact);
        }
    }
    findings
}

/// The document, where it is one.
fn document(read: &Read) -> Option<&Document> {
    match read {
        Read::Document(document) => Some(document),
        Read::NoFrontMatter(_) | Read::Malformed(_) => None,
    }
}
