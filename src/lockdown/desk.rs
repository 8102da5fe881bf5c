//! Where the census of one document is written: the document with all that is read off it once, and the list that grows.

use super::{
    Library,
    aside::Aside,
    census::{Census, Fix, Question, Reference, ReferenceKind, Verdict},
    extract::{
        names,
        spans::{self, Span},
    },
    headings::Gated,
    landmarks::Landmarks,
    layout::Layout,
    marker::{self, Marker},
    naming::Located,
    place::Places,
    pulls::scan::{self, Mention},
    settle,
};
use crate::{
    domain::{Finding, Severity},
    text::{
        markdown::{Bytes, Document},
        source::Source,
    },
};
use std::collections::HashMap;

/// How many findings get a suggestion that has to be searched for.
const MOST_SEARCHES: usize = 1000;

/// Names that are compared for one suggestion.
const MOST_NAMES: usize = 2000;

/// How like two names are, from 0 to 1, for one to be suggested for the other.
const NEAR: f64 = 0.7;

pub struct Desk<'a, 't> {
    pub library: &'a Library<'t>,
    pub source: &'a Source,
    /// What is read now: the page, then what stands beside it.
    pub document: &'a Document,
    pub page: &'a Document,
    pub layout: Layout<'a>,
    pub landmarks: Landmarks,
    /// What each code span of the document is, in their order.
    pub spans: Vec<Span>,
    pub strict: bool,
    /// Pull requests and issues that are named, in the order of the text.
    pub mentions: Vec<Mention>,
    pub markers: Vec<Marker>,
    /// Files that paths were found to lead to, in the order of the text.
    pub located: Vec<Located>,
    /// The same of links to lines, in the order of the text.
    pub linked: Vec<Located>,
    places: Places<'a>,
    census: Census,
    pub search: Search,
}

/// The search for what may have been meant, which is given up after many.
#[derive(Default)]
pub struct Search(usize);

/// A reference before it has its place.
pub struct Draft {
    pub kind: ReferenceKind,
    pub text: String,
    pub target: String,
    pub range: Bytes,
}

impl<'a, 't> Desk<'a, 't> {
    pub fn new(library: &'a Library<'t>, source: &'a Source, document: &'a Document, strict: bool) -> Desk<'a, 't> {
        let (mut spans, landmarks): (Vec<Span>, Landmarks) = match library.facts.only.are_links() {
            true => (document.codes.iter().map(spans::read_url).collect(), Landmarks::of_urls(&source.text, &document.texts)),
            false => (document.codes.iter().map(spans::read).collect(), Landmarks::of(&source.text, &document.texts)),
        };
        if !library.facts.only.are_links() {
            names::find(&library.index, &source.file, strict, &document.codes, &mut spans);
        }
        let mentions = match library.facts.only.are_links() {
            true => Vec::new(),
            false => scan::mentions(source, document, &spans, &landmarks, library.facts.origin.as_ref()),
        };
        let (markers, wrong) = marker::read(&source.text, document);
        let mut desk = Desk {
            library,
            source,
            document,
            page: document,
            layout: Layout::of(&source.text, document),
            landmarks,
            spans,
            strict,
            mentions,
            markers,
            located: Vec::new(),
            linked: Vec::new(),
            places: Places::new(source),
            census: Census { strict, ..Census::default() },
            search: Search::default(),
        };
        for (range, finding) in wrong {
            desk.problem(None, &range, finding, None);
        }
        desk
    }

    /// From here on what stands beside the page is read.
    pub fn turn(&mut self, aside: &'a Aside) {
        let read = if self.library.facts.only.are_links() { spans::read_url } else { spans::read };
        self.document = &aside.document;
        self.spans = self.document.codes.iter().map(read).collect();
        if !self.library.facts.only.are_links() {
            names::find(&self.library.index, &self.source.file, self.strict, &self.document.codes, &mut self.spans);
        }
        self.landmarks = Landmarks::within(&self.source.text, &self.document.texts);
        self.mentions = match self.library.facts.only.are_links() {
            true => Vec::new(),
            false => scan::mentions(self.source, self.document, &self.spans, &self.landmarks, self.library.facts.origin.as_ref()),
        };
        self.layout.set_apart(aside.parts.clone());
    }

    /// Whether a code span is, with what marks it, all of the text of the link with this destination.
    pub fn is_label_of(&self, code: &Bytes, destination: &Bytes) -> bool {
        let between = self.text(&(code.end..destination.start));
        between.len() <= 20 && between.trim_start_matches(['`', '*', '_', ' ']).trim_end_matches('<').trim_end() == "]("
    }

    pub fn text(&self, range: &Bytes) -> &'a str {
        self.source.text.get(range.clone()).unwrap_or_default()
    }

    /// Adds a reference; its index.
    pub fn add(&mut self, draft: Draft, verdict: Verdict) -> usize {
        let (line, column, end_column) = self.places.line_and_columns(&draft.range);
        let Draft { kind, text, target, range } = draft;
        self.census.references.push(Reference { kind, text, target, range, line, column, end_column, verdict });
        self.census.references.len() - 1
    }

    /// Adds a broken reference with its error.
    pub fn broken(&mut self, draft: Draft, code: &str, message: String, help: Option<String>) -> usize {
        let range = draft.range.clone();
        let at = self.add(draft, Verdict::Broken);
        let finding = Finding { help, ..Finding::error(code, message) };
        self.problem(Some(at), &range, finding, None);
        at
    }

    /// A finding under these characters.
    pub fn problem(&mut self, reference: Option<usize>, range: &Bytes, finding: Finding, fix: Option<Fix>) {
        if finding.severity == Severity::Error
            && let Some(at) = reference
        {
            self.census.references[at].verdict = Verdict::Broken;
        }
        settle::push(&mut self.census, &mut self.places, reference, range, finding, fix);
    }

    /// How many references there are so far.
    pub fn count(&self) -> usize {
        self.census.references.len()
    }

    /// A fragment of another document, unchecked until that one was read.
    pub fn wait(&mut self, reference: usize, path: String, fragment: String) {
        self.census.later.push((reference, path, fragment));
    }

    pub fn ask(&mut self, reference: usize, question: Question) {
        // Nobody would be told what became of it.
        let untold = self.census.problems.last().is_some_and(|problem| problem.reference == Some(reference) && !problem.is_told());
        if !(untold && matches!(question, Question::Fate(_) | Question::Ends(_))) {
            self.census.open.push((reference, question));
        }
    }

    /// Missing paths that were named beside a pull request so far, by their last part: the first of each.
    pub fn announced(&self) -> HashMap<String, (String, u64)> {
        let mut announced = HashMap::new();
        for (_, question) in &self.census.open {
            if let Question::PullHas(number, path) = question {
                let last = path.rsplit('/').next().unwrap_or(path);
                announced.entry(last.to_owned()).or_insert_with(|| (path.clone(), *number));
            }
        }
        announced
    }

    pub fn set(&mut self, reference: usize, verdict: Verdict) {
        self.census.references[reference].verdict = verdict;
    }

    /// Only its past tells whether this is a reference at all.
    pub fn perhaps(&mut self, reference: usize) {
        self.census.perhaps.insert(reference);
    }

    /// What headings say of gates.
    pub fn gated(&mut self, gated: Gated) {
        self.census.gated = gated;
    }

    /// A count was judged by this marker.
    pub fn counted(&mut self, marker: usize) {
        self.census.counted.insert(marker);
    }

    pub fn verdict_of(&self, reference: usize) -> &Verdict {
        &self.census.references[reference].verdict
    }

    /// The one name that is most like this one, if any is near.
    pub fn similar(&mut self, name: &str, names: impl Iterator<Item = impl AsRef<str>>) -> Option<String> {
        self.search.similar(name, names)
    }

    pub fn may_search(&self) -> bool {
        self.search.0 < MOST_SEARCHES
    }

    /// The census in the order of the text.
    pub fn finish(self) -> Census {
        let Census { references, mut problems, mut open, mut later, watched, gated, perhaps, strict, counted, awaited, untold, unwarned } =
            self.census;
        let only = self.library.facts.only;
        let mut order: Vec<usize> = (0..references.len()).filter(|at| only.has(references[*at].kind)).collect();
        order.sort_by_key(|at| (references[*at].range.start, references[*at].range.end, references[*at].kind));
        let mut new_index = vec![None; references.len()];
        for (new, old) in order.iter().enumerate() {
            new_index[*old] = Some(new);
        }
        let mut slots: Vec<Option<Reference>> = references.into_iter().map(Some).collect();
        let references = order.iter().filter_map(|old| slots[*old].take()).collect();
        // What is said of a reference goes where it goes.
        let moved = |reference: &mut usize| new_index[*reference].map(|new| *reference = new).is_some();
        problems.retain_mut(|problem| problem.reference.as_mut().is_none_or(moved));
        open.retain_mut(|(reference, _)| moved(reference));
        later.retain_mut(|(reference, ..)| moved(reference));
        let gated = Gated {
            references: gated.references.iter().filter_map(|at| new_index[*at]).collect(),
            near: gated.near.iter().filter_map(|(at, gate)| Some((new_index[*at]?, *gate))).collect(),
            ..gated
        };
        let perhaps = perhaps.iter().filter_map(|at| new_index[*at]).collect();
        problems.sort_by_key(|problem| (problem.range.start, problem.range.end));
        open.sort();
        let mut census = Census { references, problems, open, later, watched, gated, perhaps, strict, counted, awaited, untold, unwarned };
        let mut places = self.places;
        let past = settle::Past::of(&self.source.file, strict, self.library.is_past(&self.source.file));
        settle::attitudes(&mut census, &mut places, &self.layout, &self.markers, past);
        census.without_closed();
        if !only.is_all() {
            // A marker may speak of what was not looked for.
            census.problems.retain(|problem| problem.finding.code != settle::UNUSED_MARKER);
        }
        census.trim();
        census.problems.sort_by_key(|problem| (problem.range.start, problem.range.end));
        census
    }
}

impl Search {
    /// The one name that is most like this one, if any is near.
    pub fn similar(&mut self, name: &str, names: impl Iterator<Item = impl AsRef<str>>) -> Option<String> {
        self.0 += 1;
        if self.0 > MOST_SEARCHES || name.len() > 200 {
            return None;
        }
        let near = |candidate: &str| strsim::normalized_damerau_levenshtein(name, candidate);
        let length = name.chars().count();
        // At least as many letters differ as one of them is longer.
        let may_be_near = |candidate: &str| {
            let other = candidate.chars().count();
            1.0 - length.abs_diff(other) as f64 / length.max(other).max(1) as f64 >= NEAR
        };
        names
            .take(MOST_NAMES)
            .filter(|candidate| candidate.as_ref().len() <= 200 && may_be_near(candidate.as_ref()))
            .map(|candidate| (near(candidate.as_ref()), candidate))
            .filter(|(nearness, _)| *nearness >= NEAR)
            .max_by(|(a, _), (b, _)| a.total_cmp(b))
            .map(|(_, candidate)| candidate.as_ref().to_owned())
    }
}

pub fn did_you_mean(what: &str) -> String {
    format!("did you mean `{what}`?")
}
