//! The verbs of `docs`: what documents speak of, whether it is there, and whether it is what was locked.
//!
//! Documents that are named one by one, or that the protocol declares, are judged strictly; those found in a folder are not,
//! unless `--strict` says so.

mod accept;
mod drift;
mod fix;
mod gathered;
mod lock;
mod select;

use super::{Session, args};
use crate::{
    domain::{Finding, Place, Reason, Result, Severity},
    lockdown::{Census, Library, ReferenceKind, Totals, Verdict, headings},
    report::{
        Body, DocsShape, Report,
        shape::{FixedShape, Listed, UncheckedShape},
    },
    text::{markdown, source::Source},
    tree::Unreadable,
};
use gathered::Gathered;
use rayon::prelude::*;
use select::Chosen;
use std::collections::BTreeMap;

/// Findings of documents that were not read.
const UNREAD: &[&str] = &["docs/missing-document", "docs/not-read", "docs/not-text"];

pub async fn run(session: &Session, command: &args::Docs) -> Result<Report> {
    match command {
        args::Docs::Check { documents, fix: false } => check(session, documents, Vec::new()).await,
        args::Docs::Check { documents, fix: true } => fix::run(session, documents).await,
        args::Docs::List(documents) => list(session, documents).await,
        args::Docs::Lock(facts) => lock::run(session, facts).await,
        args::Docs::Accept(args) => accept::run(session, args).await,
    }
}

/// `fixed`: what was mended just before.
async fn check(session: &Session, args: &args::DocsCheck, fixed: Vec<FixedShape>) -> Result<Report> {
    let gathered = gathered::gather(session, args).await?;
    let mut judged = judge(&gathered, args).await?;
    let drift = drift::of(&gathered, &mut judged.taken, args)?;
    let findings = drift.findings.into_iter().chain(judged.take_findings()).collect();
    let shape = DocsShape { fixed, changes: drift.changes, ..shape(&mut judged.taken, false) }.with_accepted(drift.accepted);
    let unread = judged.unread.take();
    Ok(unread.into_iter().fold(report(&gathered, shape, findings), Report::notice))
}

async fn list(session: &Session, args: &args::DocsCheck) -> Result<Report> {
    let gathered = gathered::gather(session, args).await?;
    let mut judged = judge(&gathered, args).await?;
    let findings = judged.take_findings();
    let shape = shape(&mut judged.taken, true);
    let unread = judged.unread.take();
    Ok(unread.into_iter().fold(report(&gathered, shape, findings), Report::notice))
}

/// Documents with what was found out about them.
struct Judged {
    taken: Vec<Taken>,
    /// Of no one document.
    standing: Vec<Finding>,
    /// What to say of a history that could not be read.
    unread: Option<String>,
}

impl Judged {
    fn take_findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.standing).into_iter().chain(self.taken.iter_mut().flat_map(Taken::take_findings)).collect()
    }
}

async fn judge(gathered: &Gathered, args: &args::DocsCheck) -> Result<Judged> {
    let chosen = select::choose(gathered, args)?;
    let (mut taken, mut standing) = take(gathered, &chosen)?;
    let unread = gathered.settle(&mut taken).await?;
    standing.extend(gates_without_heading(gathered, &taken, args));
    Ok(Judged { taken, standing, unread })
}

fn report(gathered: &Gathered, shape: DocsShape, findings: Vec<Finding>) -> Report {
    let errors = findings.iter().any(|finding| finding.severity == Severity::Error);
    let unknown = gathered.facts.pulls.unread_findings();
    // What was not read may make any number of them.
    let unread = findings.iter().any(|finding| UNREAD.contains(&finding.code.as_str()));
    let empty = shape.totals.all() + shape.accepted == 0 && !shape.documents.is_empty() && !unread;
    let reason = match (errors, empty || shape.documents.is_empty()) {
        (true, _) => Reason::Findings,
        (false, _) if !unknown.is_empty() => Reason::GateInconclusive,
        (false, true) => Reason::NothingToCheck,
        (false, false) => Reason::Passed,
    };
    let warnings = gathered.protocol.iter().flat_map(|protocol| protocol.warnings.iter().cloned());
    let report = gathered.signed(Report::new(reason, Body::Docs(Box::new(shape))).findings(findings).findings(unknown).findings(warnings));
    let report = match gathered.facts.only.is_all() {
        true => report,
        false => report.notice("only some kinds of reference were looked for; the lock was not compared"),
    };
    if empty { report.notice("the documents make no reference that could be checked") } else { report }
}

/// A document with its census.
pub struct Taken {
    pub source: Source,
    pub census: Census,
    /// Of the document as a whole.
    findings: Vec<Finding>,
    strict: bool,
}

impl Taken {
    /// Whether the document was there and could be read.
    fn was_read(&self) -> bool {
        self.findings.is_empty()
    }

    fn take_findings(&mut self) -> impl Iterator<Item = Finding> + use<> {
        std::mem::take(&mut self.findings).into_iter().chain(self.census.take_findings(&self.source.file))
    }
}

/// The documents, and what is wrong with what they are judged by.
fn take(gathered: &Gathered, chosen: &[Chosen]) -> Result<(Vec<Taken>, Vec<Finding>)> {
    let library = Library::new(gathered.tree.as_ref(), &gathered.facts).map_err(gathered::unreadable)?;
    let reading = gathered.world.progress.count("documents:", chosen.len());
    let read = chosen.par_iter().map(|chosen| one(gathered, &library, chosen).inspect(|_| reading.advance()));
    let taken: std::result::Result<Vec<Taken>, Unreadable> = read.collect();
    drop(reading);
    let mut taken = taken.map_err(gathered::unreadable)?;
    let _completing = gathered.world.progress.doing("references across documents");
    taken.par_iter_mut().try_for_each(|taken| complete(gathered, &library, taken)).map_err(gathered::unreadable)?;
    Ok((taken, library.findings().map_err(gathered::unreadable)?))
}

fn one(gathered: &Gathered, library: &Library, chosen: &Chosen) -> std::result::Result<Taken, Unreadable> {
    let path = chosen.path.as_str();
    let empty = |finding: Finding| Taken {
        source: Source::new(path, ""),
        census: Census::default(),
        findings: vec![finding],
        strict: chosen.strict,
    };
    let start = Place { file: path.to_owned(), line: 1, column: 1, end_column: None, source: None };
    let Some(file) = library.file(path)? else {
        let finding = Finding::error("docs/missing-document", format!("the document `{path}` is not in the tree")).at(start);
        return Ok(empty(finding.help("commit the document, or take it out of `documents.protocol`")));
    };
    let Some(bytes) = gathered.tree.read(&file)? else { return Err(Unreadable(format!("`{file}` is listed, but not there"))) };
    match String::from_utf8(bytes) {
        Ok(text) => {
            let source = Source::new(path, text);
            let document = markdown::parse(&source.text);
            let census = library.census_of_many(&source, &document, chosen.strict)?;
            // Only what is asked further, or compared as a whole, is needed again; documents may be very many.
            let again = chosen.strict || census.questions().next().is_some();
            let source = if again { source } else { Source::new(path, "") };
            Ok(Taken { source, census, findings: Vec::new(), strict: chosen.strict })
        }
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let place = Source::new(path, String::from_utf8_lossy(error.as_bytes())).place(valid..valid + 1);
            let finding = Finding::error("docs/not-text", format!("byte {} of the document is no UTF-8", valid + 1)).at(place);
            Ok(empty(finding.help("save it as UTF-8")))
        }
    }
}

fn complete(gathered: &Gathered, library: &Library, taken: &mut Taken) -> std::result::Result<(), Unreadable> {
    let Taken { source, census, .. } = taken;
    library.complete(census, || match source.text.is_empty() {
        false => Ok(source.clone()),
        true => {
            let path = library.file(&source.file)?.unwrap_or_else(|| source.file.clone());
            let bytes = gathered.tree.read(&path)?.unwrap_or_default();
            Ok(Source::new(&source.file, String::from_utf8_lossy(&bytes)))
        }
    })
}

/// Gates that have no heading, where the protocol's own documents are checked as a whole.
fn gates_without_heading(gathered: &Gathered, taken: &[Taken], args: &args::DocsCheck) -> Vec<Finding> {
    let (Some(files), Some(protocol)) = (&gathered.files, &gathered.protocol) else { return Vec::new() };
    if !args.paths.is_empty() || !gathered.facts.only.has(ReferenceKind::Gate) {
        return Vec::new();
    }
    let strict = taken.iter().filter(|taken| taken.strict);
    let documents: Vec<(&str, &Census)> = strict.map(|taken| (taken.source.file.as_str(), &taken.census)).collect();
    headings::absent(files, protocol, &documents)
}

/// Takes the references with it.
fn shape(taken: &mut [Taken], listing: bool) -> DocsShape {
    let mut totals = Totals::default();
    let mut unchecked: BTreeMap<ReferenceKind, BTreeMap<String, usize>> = BTreeMap::new();
    let mut references = Vec::new();
    let documents = taken.iter().map(|taken| taken.source.file.clone()).collect();
    for taken in taken {
        for reference in &taken.census.references {
            totals.count(&reference.verdict);
            if let Verdict::Unchecked(reason) = &reference.verdict {
                let of_kind = unchecked.entry(reference.kind).or_default();
                match of_kind.get_mut(reason.as_ref()) {
                    Some(count) => *count += 1,
                    None => drop(of_kind.insert(reason.to_string(), 1)),
                }
            }
        }
        references.push(Listed { file: taken.source.file.clone(), references: std::mem::take(&mut taken.census.references) });
    }
    let unchecked = unchecked
        .into_iter()
        .flat_map(|(kind, reasons)| reasons.into_iter().map(move |(reason, count)| UncheckedShape { kind: kind.slug(), reason, count }))
        .collect();
    DocsShape { totals, documents, references, unchecked, listing, ..DocsShape::default() }
}
