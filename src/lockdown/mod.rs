//! Document lockdown: every reference that a protocol document makes, extracted from the document itself, resolved against
//! an independent source, and graded.
//!
//! [`Library`] holds what documents are judged by: a tree and the [`Facts`] beside it. [`Library::census`] reads one
//! document, and then what stands beside its page ([`aside`]), a kind of reference after the other: links and paths ([`extract`], [`resolve`], [`grade`]), pull requests
//! ([`pulls`]), commands ([`commands`]), variables ([`variables`]), endpoints ([`endpoints`]) and the rest. What only git
//! history, other commits or a forge know is asked by [`Census::questions`] and answered through [`Census::settle`], so that
//! nothing here reads the world.
//!
//! A document is judged strictly where it is declared as a protocol document; elsewhere a name in code that was never in
//! this tree is taken for an example. Deliberately absent: anything that needs the network.

mod aside;
mod asked;
pub mod banned;
mod census;
mod channels;
mod codes;
mod columns;
mod commands;
mod commits;
mod counts;
mod declared;
mod desk;
mod endpoints;
mod evidence;
mod extract;
mod grade;
pub mod headings;
pub mod history;
mod ignored;
mod index;
mod landmarks;
mod layout;
pub mod lock;
pub mod log;
mod marker;
mod naming;
mod numbered;
mod pattern;
mod phases;
mod place;
mod presence;
pub mod pulls;
pub mod releases;
mod resolve;
mod settle;
mod shape;
mod site;
pub mod symbols;
mod truth;
pub mod urls;
mod variables;

pub use census::{
    Answers, AsOf, Census, Ended, Fate, Fix, Inside, Kinds, Problem, PullAnswer, Question, Reference, ReferenceKind, Totals, Verdict,
};
pub use codes::CODES;
pub use index::Index;
pub use resolve::lines_in;

use crate::{
    domain::Finding,
    gate::Protocol,
    text::{markdown::Document, source::Source},
    tree::{Tree, Unreadable},
};
use asked::Asked;
use desk::Desk;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock},
};

/// What documents are judged by beside the tree.
#[derive(Clone, Default)]
pub struct Facts {
    /// Root folder of another repository to its name.
    pub foreign: BTreeMap<String, String>,
    /// Folders that paths may start from, beside the root.
    pub roots: Vec<String>,
    /// The protocol of the same tree; `None`: there is none.
    pub protocol: Option<Arc<Protocol>>,
    /// What is known of pull requests, by number.
    pub pulls: pulls::Known,
    pub banned: Vec<banned::List>,
    /// Where the repository is on its forge; `None`: not known.
    pub origin: Option<urls::Origin>,
    /// Documents about the past, by path, folder or pattern: what they name may be gone.
    pub past: BTreeSet<String>,
    /// Documents whose headings are compared with the gates of the protocol.
    pub gated: BTreeSet<String>,
    /// Branches that releases come from, without `refs/heads/`.
    pub branches: Vec<String>,
    /// What is looked for; nothing else is listed.
    pub only: Kinds,
}

/// A tree to resolve against, with what is worth remembering from one document to the next. Documents may be read side by
/// side.
pub struct Library<'t> {
    index: Index<'t>,
    facts: &'t Facts,
    fragments: resolve::Fragments,
    names: variables::Names,
    routes: endpoints::Routes,
    asked: OnceLock<Asked>,
    phrases: banned::Phrases,
    tools: commands::Tools,
    sources: naming::Files,
    ignored: ignored::Ignored,
    sites: OnceLock<Vec<String>>,
}

impl<'t> Library<'t> {
    pub fn new(tree: &'t dyn Tree, facts: &'t Facts) -> Result<Library<'t>, Unreadable> {
        let index = Index::new(tree)?;
        Ok(Library {
            index,
            facts,
            fragments: resolve::Fragments::default(),
            names: variables::Names::default(),
            routes: endpoints::Routes::default(),
            asked: OnceLock::new(),
            phrases: banned::Phrases::default(),
            tools: commands::Tools::default(),
            sources: naming::Files::default(),
            ignored: ignored::Ignored::default(),
            sites: OnceLock::new(),
        })
    }

    fn asked(&self) -> &Asked {
        self.asked.get_or_init(|| self.facts.protocol.as_ref().map(Asked::of).unwrap_or_default())
    }

    /// Whether a site is made of this document.
    fn is_of_a_site(&self, file: &str) -> bool {
        site::holds(self.sites.get_or_init(|| site::roots(self.index.entries())), file)
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

    /// What is wrong with the facts themselves, such as a list of phrases that cannot be read.
    pub fn findings(&self) -> Result<Vec<Finding>, Unreadable> {
        let mut findings = self.phrases.findings(self.index.tree, &self.facts.banned)?.to_vec();
        let is_there = |entry: &String| self.index.entries().iter().any(|file| declared::names(entry, &file.path));
        findings.extend(self.facts.past.iter().filter(|entry| !is_there(entry)).map(|entry| {
            let message = format!("`{entry}`, under `documents.archive` or `documents.log` of the protocol, names no file of the tree");
            Finding::warning("docs/no-such-document", message).help("name a file, a folder or a pattern like `docs/old/**`")
        }));
        Ok(findings)
    }

    /// Whether a document is declared to tell of the past.
    fn is_past(&self, file: &str) -> bool {
        self.facts.past.iter().any(|entry| declared::names(entry, file))
    }

    /// Takes the census of one document, `source.file` being its path in the tree.
    pub fn census(&self, source: &Source, document: &Document, strict: bool) -> Result<Census, Unreadable> {
        let mut census = self.census_of_many(source, document, strict)?;
        self.complete(&mut census, || Ok(source.clone()))?;
        Ok(census)
    }

    /// The same for one of many documents: links to headings of others are unchecked until [`Library::complete`] is
    /// called, best when all were read, so that none is read twice.
    pub fn census_of_many(&self, source: &Source, document: &Document, strict: bool) -> Result<Census, Unreadable> {
        let source = &*source.with_line_feeds();
        let beside = aside::read(source, document, strict);
        let mut desk = Desk::new(self, source, document, strict);
        if let Some(unread) = document.unread {
            grade::unread(&mut desk, unread);
            return Ok(desk.finish());
        }
        // Markers and a document's place in time change what a finding means, so there findings come at once.
        let may_wait = !strict && desk.markers.is_empty() && !self.is_past(&source.file);
        let mut resolver = resolve::Resolver::new(self, source, document, strict, may_wait);
        grade::fences(&mut desk);
        grade::no_text(&mut desk);
        self.take(&mut desk, &mut resolver, None)?;
        if let Some(aside) = &beside {
            desk.turn(aside);
            resolver.turn();
            self.take(&mut desk, &mut resolver, Some(aside))?;
        }
        Ok(desk.finish())
    }

    /// Everything that the desk's document refers to. `aside`: that it is what stands beside the page.
    fn take(&self, desk: &mut Desk, resolver: &mut resolve::Resolver, aside: Option<&aside::Aside>) -> Result<(), Unreadable> {
        let paths = aside.map_or(&[][..], |aside| &aside.paths);
        for claim in extract::claims(desk.source, desk.document, &desk.spans, &desk.landmarks, self.facts.only, paths) {
            let known = desk.count();
            let (resolution, written) = match resolver.resolve(&claim)? {
                Some(resolve::Resolution::ByEnd { of, written }) => (Some(*of), Some(written)),
                resolution => (resolution, None),
            };
            match resolution {
                Some(resolve::Resolution::Url(url)) => urls::judge(desk, claim.kind, &url, claim.range, claim.text),
                Some(resolve::Resolution::Symbol { path, name }) => {
                    let draft = desk::Draft { kind: ReferenceKind::Symbol, text: claim.text, target: String::new(), range: claim.range };
                    naming::explicit(desk, draft, &path, &name)?;
                }
                Some(resolution) if aside.is_some() => grade::beside_the_page(desk, claim, resolution),
                Some(resolution) => grade::grade(desk, claim, resolution),
                None => {}
            }
            // Another path that ends like it proves nothing while this one may have been there itself.
            if let Some(written) = written {
                (known..desk.count()).for_each(|at| grade::ask_fate(desk, at, &written));
            }
        }
        for (url, range) in urls::bare(desk) {
            resolver.bare_url(desk, url, range)?;
        }
        if !self.facts.only.are_links() {
            further(desk)?;
            if aside.is_none() {
                said_of_all(desk)?;
            }
        }
        Ok(())
    }
}

/// The kinds of reference beyond links and paths.
fn further(desk: &mut Desk) -> Result<(), Unreadable> {
    use ReferenceKind::{Command, Commit, Endpoint, Env, Issue, Path, Pull, Release, Symbol};
    let only = desk.library.facts.only;
    if only.has_any(&[Pull, Issue]) {
        pulls::take(desk);
    }
    let named = match only.has_any(&[Command, Env, Endpoint, Commit, Release, Path]) {
        true => commands::take(desk)?,
        false => commands::Named::default(),
    };
    if only.has(Env) {
        variables::take(desk, &named.variables)?;
    }
    if only.has(Endpoint) {
        endpoints::take(desk, &named.endpoints)?;
    }
    if only.has(Symbol) {
        naming::take(desk)?;
    }
    if only.has(Commit) {
        commits::take(desk, &named.revisions);
    }
    if only.has(Release) {
        releases::take(desk, &named.revisions);
    }
    Ok(())
}

/// What only the page says: how things of the protocol are numbered, counted and called.
fn said_of_all(desk: &mut Desk) -> Result<(), Unreadable> {
    use ReferenceKind::{Channel, Count, Gate, Phase, Phrase, Status};
    let only = desk.library.facts.only;
    if only.has(Phase) {
        phases::take(desk);
    }
    if only.has_any(&[Gate, Channel]) {
        let headings = headings::take(desk);
        numbered::take(desk, &headings);
    }
    if only.has(Count) {
        counts::take(desk);
    }
    if only.has(Status) {
        truth::take(desk);
    }
    if only.has(Phrase) {
        banned::take(desk)?;
    }
    Ok(())
}

impl Library<'_> {
    /// Looks up what [`Library::census_of_many`] left. `source`: the document, wanted only if something is wrong with it.
    pub fn complete(&self, census: &mut Census, source: impl FnOnce() -> Result<Source, Unreadable>) -> Result<(), Unreadable> {
        let mut search = desk::Search::default();
        let mut wrong = Vec::new();
        for (at, path, fragment) in std::mem::take(&mut census.later) {
            let (verdict, finding) = grade::later(&mut search, self.fragment(path, &fragment)?);
            census.references[at].verdict = verdict;
            wrong.extend(finding.map(|finding| (at, finding)));
        }
        if wrong.is_empty() {
            return Ok(());
        }
        let source = source()?;
        let source = source.with_line_feeds();
        let mut places = place::Places::new(&source);
        for (at, finding) in wrong {
            let range = census.references[at].range.clone();
            settle::push(census, &mut places, Some(at), &range, finding, None);
        }
        census.trim();
        census.problems.sort_by_key(|problem| (problem.range.start, problem.range.end));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
