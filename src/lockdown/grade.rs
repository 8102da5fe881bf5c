//! Turns what was found into a verdict, and a broken reference into a finding with at most one suggestion.

use super::{
    Census, Reference, Verdict,
    extract::Claim,
    index::{Index, normal},
    place::Places,
    resolve::{Breakage, Resolution},
};
use crate::{
    domain::{Finding, Place},
    text::{markdown::Document, source::Source},
};
use std::collections::BTreeSet;

/// How many findings get a suggestion that has to be searched for.
const MOST_SEARCHES: usize = 1000;

/// Names that are compared for one suggestion.
const MOST_NAMES: usize = 2000;

pub struct Grader<'g, 't> {
    pub census: Census,
    index: &'g Index<'t>,
    source: &'g Source,
    places: Places<'g>,
    searches: usize,
}

impl<'g, 't> Grader<'g, 't> {
    pub fn new(index: &'g Index<'t>, source: &'g Source) -> Grader<'g, 't> {
        Grader { census: Census::default(), index, source, places: Places::new(source), searches: 0 }
    }

    pub fn grade(&mut self, claim: Claim, resolution: Resolution) {
        let place = self.places.place(&claim.range);
        let (target, verdict) = match resolution {
            Resolution::There(target) => (target, Verdict::Ok),
            Resolution::Foreign { path, name } => (path, Verdict::Foreign(name)),
            Resolution::Unchecked { target, reason } => (target, Verdict::Unchecked(reason)),
            Resolution::Broken(breakage) => {
                let (target, finding) = self.broken(breakage, &place);
                self.census.findings.push(finding);
                (target, Verdict::Broken)
            }
        };
        self.census.references.push(Reference { kind: claim.kind, text: claim.text, target, place, verdict });
    }

    /// Says so when the rest of the document lies in a code block that nothing closes.
    pub fn fences(&mut self, document: &Document) {
        let Some(fence) = document.fences.last() else { return };
        let rest = self.source.text.get(fence.range.end..).unwrap_or_default();
        if fence.closed || !rest.trim().is_empty() {
            return;
        }
        let place = self.places.place(&fence.range);
        self.census.findings.push(
            Finding::warning("docs/unclosed-fence", "this code block is never closed: the rest of the document lies inside it")
                .at(self.places.quote(&place)),
        );
    }

    fn broken(&mut self, breakage: Breakage, place: &Place) -> (String, Finding) {
        let (target, code, message, help) = match breakage {
            Breakage::MissingPath { path, pattern: true } => {
                let message = format!("nothing in the tree fits `{path}`");
                (path, "docs/missing-path", message, None)
            }
            Breakage::MissingPath { path, pattern: false } => {
                let message = format!("`{path}` is no file or folder of the tree");
                let help = self.similar_path(&path.replace('\\', "/")).map(|path| did_you_mean(&path));
                (path, "docs/missing-path", message, help)
            }
            Breakage::MissingFile { path } => {
                let message = format!("the link leads to `{path}`, which is no file or folder of the tree");
                let help = self.similar_path(&path).map(|path| did_you_mean(&path));
                (path, "docs/missing-file", message, help)
            }
            Breakage::MissingFragment { target, fragment, known } => {
                let message = format!("`{target}` has no heading, id or name `{fragment}`");
                let help = self.similar_name(&fragment, known.iter().map(String::as_str)).map(|name| did_you_mean(&format!("#{name}")));
                (format!("{target}#{fragment}"), "docs/missing-anchor", message, help)
            }
            Breakage::OtherCase { wrong, right } => {
                let message = format!("`{wrong}` is written `{right}`: upper and lower case differ");
                (wrong, "docs/case", message, Some(did_you_mean(&right)))
            }
            Breakage::Outside { target } => {
                let message = format!("`{target}` leads out of the tree");
                (target, "docs/escape", message, None)
            }
            Breakage::Undefined { label } => {
                let message = format!("nothing defines the label `{label}`");
                let help = format!("add `[{label}]: DESTINATION`, or write a backslash before the bracket if it is no link");
                (label, "docs/undefined-reference", message, Some(help))
            }
        };
        let finding = Finding::error(code, message).at(self.places.quote(place));
        (target, Finding { help, ..finding })
    }

    /// The one path that ends like this one, else the name in the same folder that is most like it.
    fn similar_path(&mut self, path: &str) -> Option<String> {
        let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | "." | "..")).collect();
        for from in 0..parts.len() {
            match self.index.ending_in(&parts[from..].join("/"), 2)[..] {
                [] => {}
                [only] => return Some(only.to_owned()),
                _ => break,
            }
        }
        if self.searches >= MOST_SEARCHES {
            return None;
        }
        let folder = self.source.file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let (inner, name) = path.trim_end_matches('/').rsplit_once('/').unwrap_or(("", path));
        let base = ["", folder].into_iter().filter_map(|base| normal(base, inner)).find(|base| self.index.has_folder(base))?;
        let start = if base.is_empty() { String::new() } else { format!("{base}/") };
        let names: BTreeSet<&str> =
            self.index.starting_with(&start).take(MOST_NAMES).map(|path| &path[start.len()..]).filter(|name| !name.contains('/')).collect();
        self.similar_name(name, names.into_iter()).map(|name| format!("{start}{name}"))
    }

    fn similar_name(&mut self, name: &str, names: impl Iterator<Item = impl AsRef<str>>) -> Option<String> {
        self.searches += 1;
        if self.searches > MOST_SEARCHES || name.len() > 200 {
            return None;
        }
        let near = |candidate: &str| strsim::normalized_damerau_levenshtein(name, candidate);
        names
            .take(MOST_NAMES)
            .filter(|candidate| candidate.as_ref().len() <= 200)
            .map(|candidate| (near(candidate.as_ref()), candidate.as_ref().to_owned()))
            .filter(|(nearness, _)| *nearness >= 0.7)
            .max_by(|(a, _), (b, _)| a.total_cmp(b))
            .map(|(_, candidate)| candidate)
    }
}

fn did_you_mean(what: &str) -> String {
    format!("did you mean `{what}`?")
}
