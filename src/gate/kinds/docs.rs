//! Kind `docs`: do the protocol documents hold?
//!
//! Documents, files and gates are read from the candidate's own tree, so a commit may rightly change a gate together with
//! its heading. Which documents are judged says the policy in force, so a candidate cannot take its own document out of the
//! question. What documents and files leave open (history, other commits, pull requests) is asked in one question, which is
//! known only once the tree is; so the documents are read once to ask and once to judge. What is on the channel is asked for
//! where the policy names documents that are only added to.
//!
//! Deliberately absent: everything else that needs the network ([`crate::lockdown`] names such references as unchecked).

mod logs;
mod open;

use super::super::{
    Checks, Context, Evidence, Gate, Header, Judgement, Kind, Probe, ProbeKey, Protocol, at_hand,
    config::{self, GateFiles, Spec, collect::Collector},
    probe::{Ask, DocumentsAsk, Got},
};
use crate::{
    domain::{Fault, Finding, Place, Reason, Result, Severity, Verb},
    lockdown::{
        Census, Facts, Kinds, Library, ReferenceKind, Verdict, headings,
        lock::{
            LockFile,
            compare::{self, Seen},
            watch::Watcher,
        },
        urls::Origin,
    },
    text::{markdown, source::Source, yaml::Spanned},
    tree::Unreadable,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Arc};

pub static KIND: Kind = Kind {
    id: "docs",
    about: "do the protocol documents hold?",
    page: include_str!("docs.md"),
    codes: CODES,
    verbs: &[Verb::Promote, Verb::Rollback],
    writes: false,
    read,
    schema: |generator| generator.subschema_for::<DocsSpec>(),
};

/// What the gate itself finds, and what is wrong with links and paths; [`lockdown::CODES`] has the rest.
const CODES: &[(&str, &str)] = &[
    ("docs/gate-without-heading", "a gate of the candidate has no heading in the documents"),
    ("docs/heading-without-gate", "a heading claims to be a gate's, but the candidate has no such gate"),
    ("docs/gate-order", "the headings stand in another order than the gates"),
    ("docs/gate-number", "a heading has another number than its gate"),
    ("docs/gate-twice", "a gate has two headings in one document"),
    ("docs/missing-document", "a protocol document is not in the candidate's tree"),
    ("docs/not-text", "a protocol document is no UTF-8 text"),
    ("docs/bad-gates", "the candidate's own gates cannot be read"),
    ("docs/missing-path", "a path in a code span names no file or folder of the tree"),
    ("docs/missing-file", "a link, image or definition leads to no file or folder of the tree"),
    ("docs/missing-anchor", "a fragment names no heading, id or name of its document"),
    ("docs/case", "a reference is right but for upper and lower case"),
    ("docs/escape", "a reference leads out of the tree, by `..` or by a symbolic link"),
    ("docs/undefined-reference", "`[text][label]` without a definition of that label"),
    ("docs/too-many", "there are more broken references than are shown"),
    ("docs/unclosed-fence", "the rest of the document lies inside a code block"),
    ("docs/unchecked", "references that are recognised but cannot be judged (a note)"),
    ("docs/pending", "what the document names comes only with a pull request that is not merged"),
    ("docs/awaited", "what the document names is missing, and too little is known of the pull request beside it"),
    ("docs/foreign", "references into another repository (a note)"),
    ("docs/log-changed", "a document under `documents.log` does not hold all that it has on the channel"),
    ("docs/log-removed", "a document under `documents.log` that is on the channel is gone"),
    ("docs/log-unknown", "what is on the channel of the documents under `documents.log` could not be read"),
    ("docs/log-without-base", "nothing is on the channel yet that the documents under `documents.log` could be compared with (a note)"),
    ("docs/unreadable", "the candidate's tree could not be read, or what GitHub says of a pull request"),
    ("docs/other-tree", "the recorded answer is about another tree than the one at hand"),
    ("docs/unanswered", "there is no recorded answer about the candidate's tree, or to what its documents leave open"),
    ("docs/foreign-answer", "the recorded answer belongs to another question"),
    ("docs/no-forge", "it is not known which repository on GitHub to ask about pull requests, or with what"),
    ("docs/not-allowed", "GitHub does not know the token, or the token lacks a permission"),
    ("docs/not-found", "GitHub does not know the repository, or does not show it"),
    ("docs/rate-limited", "GitHub limits how often it is asked"),
    ("docs/unreachable", "GitHub could not be reached"),
    ("docs/tls", "GitHub's server could not prove who it is"),
    ("docs/timeout", "GitHub did not answer within the time limit"),
    ("docs/bad-question", "the documents name more pull requests than are asked about"),
    ("docs/nothing-to-check", "the documents have neither a reference nor a gate's heading to check"),
];

/// Protocol documents, and what is checked of them.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DocsSpec {
    /// Paths from the root of the tree; `documents.protocol` of the protocol where absent.
    documents: Option<Spanned<Vec<Spanned<String>>>>,
    /// Whether every gate must have its heading, in order, and the reverse; true where absent.
    headings: Option<bool>,
    /// Whether links, fragments and paths must lead somewhere; true where absent.
    references: Option<Spanned<bool>>,
    /// Who tells of pull requests: record (the file that --pulls names) or github.
    #[serde(default)]
    pulls: Pulls,
}

/// Who tells of pull requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Pulls {
    #[default]
    Record,
    Github,
}

impl Spec for DocsSpec {
    const KEY: &'static str = "docs";
}

struct Docs {
    documents: Option<Vec<String>>,
    headings: bool,
    references: bool,
    pulls: Pulls,
}

fn read(source: &Source) -> Result<(Header, Box<dyn Gate>)> {
    let (header, spec) = config::read::<DocsSpec>(source)?;
    let mut collector = Collector::new(source);
    if let Some(documents) = spec.documents.as_ref().filter(|documents| documents.is_empty()) {
        collector.refuse(documents, "wrong-value", "at least one document must be named");
        collector.help("leave the key out to take the protocol's documents");
    }
    for document in spec.documents.iter().flat_map(|documents| &documents.value) {
        if document.contains(['\\', '\0']) || document.split('/').any(|part| matches!(part, "" | "." | "..")) {
            collector.refuse(document, "wrong-value", "a path from the root of the tree must stand here, without `.` and `..`");
        }
    }
    let headings = spec.headings.unwrap_or(true);
    if let Some(references) = spec.references.as_ref().filter(|references| !headings && !references.value) {
        collector.refuse(references, "wrong-value", "the gate asks nothing: headings and references are off");
    }
    if !collector.findings.is_empty() {
        return Err(Fault::new(Reason::BadConfig, format!("{} is no valid gate", source.file)).findings(collector.findings));
    }
    let documents = spec.documents.map(|documents| documents.value.into_iter().map(|document| document.value).collect());
    let references = spec.references.is_none_or(|references| references.value);
    Ok((header, Box::new(Docs { documents, headings, references, pulls: spec.pulls })))
}

/// How many broken references of one document are shown.
const MOST_FINDINGS: usize = 500;

impl Gate for Docs {
    fn asks(&self, cx: &Context, seen: &Evidence) -> Vec<Probe> {
        if seen.last(at_hand::ITEM).is_none() {
            return vec![at_hand::ask()];
        }
        if !at_hand::is_the_tree(KIND.id, cx, seen, &mut Checks::new()) {
            return Vec::new();
        }
        let mut probes: Vec<Probe> = Vec::new();
        // What cannot be read is judged, not asked about.
        if self.references
            && seen.last(open::ITEM).is_none()
            && let Ok(ask) = self.left_open(cx, seen)
            && !ask.is_empty()
        {
            probes.push(Probe::reads(ProbeKey::first(open::ITEM), Ask::Documents(ask)));
        }
        let logs = logs::ask(cx).filter(|_| seen.last(logs::ITEM).is_none());
        probes.extend(logs.map(|ask| Probe::reads(ProbeKey::first(logs::ITEM), Ask::Logs(ask))));
        probes
    }

    fn documents(&self, cx: &Context) -> Vec<String> {
        self.documents.as_ref().unwrap_or(&cx.protocol.documents.protocol).clone()
    }

    fn judge(&self, cx: &Context, seen: &Evidence) -> Judgement {
        let mut checks = Checks::new();
        if at_hand::is_the_tree(KIND.id, cx, seen, &mut checks)
            && let Err(unreadable) = self.look(cx, seen, &mut checks)
        {
            checks.unknown(Finding::error("docs/unreadable", unreadable.to_string()));
        }
        checks.judge("docs")
    }
}

/// Where the repository is on its forge, as it was recorded with the tree.
fn origin(seen: &Evidence) -> Option<Origin> {
    match seen.last(at_hand::ITEM).map(|answer| answer.result()) {
        Some(Ok(Got::Tree(got))) => got.origin.clone(),
        _ => None,
    }
}

impl Docs {
    fn look(&self, cx: &Context, seen: &Evidence, checks: &mut Checks) -> std::result::Result<(), Unreadable> {
        logs::judge(cx, seen, checks)?;
        let own = Own::of(cx)?;
        let facts = Facts { pulls: open::known(seen), ..self.facts(&own, cx, seen) };
        let library = Library::new(cx.tree.as_ref(), &facts)?;
        library.findings()?.into_iter().filter(|finding| finding.severity == Severity::Error).for_each(|finding| checks.fail(finding));
        let lock = if self.references { the_lock(cx, checks)? } else { None };
        let Taken { documents, mut censuses } = self.take(cx, &library, checks)?;
        let answers = open::answers(cx, seen, &open::ask(&censuses, self.pulls), checks);
        for (census, source) in censuses.iter_mut().zip(&documents) {
            if let Some(answers) = &answers {
                census.settle(source, answers);
            }
            let lock = lock.as_ref().map(|lock| &lock.read.lock);
            if let Some(lock) = lock {
                compare::accept(lock, &source.file, census);
            }
            open::waits(cx, source, census, lock, self.pulls, checks);
        }
        if let Some(lock) = lock.filter(|_| cx.protocol.documents.lock.is_some()) {
            self.drift(cx, &lock, &documents, &censuses, checks)?;
        }
        if self.headings && !documents.is_empty() {
            let documents: Vec<_> = documents.iter().map(|source| source.file.as_str()).zip(&censuses).collect();
            gates_without_heading(&own, &documents, checks);
        }
        for (census, source) in censuses.into_iter().zip(&documents) {
            tell(census, &source.file, checks);
        }
        Ok(())
    }

    /// What the documents are judged by, before anything is known of pull requests.
    fn facts(&self, own: &Own, cx: &Context, seen: &Evidence) -> Facts {
        let gated = self.documents.as_ref().unwrap_or(&cx.protocol.documents.protocol).iter().cloned().collect();
        let only = if self.references { Kinds::default() } else { Kinds::of(&[ReferenceKind::Gate]) };
        Facts { gated, only, ..own.facts(cx, seen) }
    }

    /// What the documents ask, as far as they can be read.
    fn left_open(&self, cx: &Context, seen: &Evidence) -> std::result::Result<DocumentsAsk, Unreadable> {
        let facts = self.facts(&Own::of(cx)?, cx, seen);
        let library = Library::new(cx.tree.as_ref(), &facts)?;
        Ok(open::ask(&self.take(cx, &library, &mut Checks::new())?.censuses, self.pulls))
    }

    /// Reads the documents; what is wrong with them as files goes to `checks`.
    fn take(&self, cx: &Context, library: &Library, checks: &mut Checks) -> std::result::Result<Taken, Unreadable> {
        let mut taken = Taken { documents: Vec::new(), censuses: Vec::new() };
        for path in self.documents.as_ref().unwrap_or(&cx.protocol.documents.protocol) {
            let Some(text) = text_of(cx, library, path, checks)? else { continue };
            let source = Source::new(path, text);
            let document = markdown::parse(&source.text);
            let mut census = library.census(&source, &document, true)?;
            match (self.headings, self.references) {
                (true, true) => {}
                (true, false) => census.headings_alone(),
                (false, _) => census.without_headings(),
            }
            taken.censuses.push(census);
            taken.documents.push(source);
        }
        Ok(taken)
    }

    /// What the documents say against what they said when they were locked.
    fn drift(
        &self,
        cx: &Context,
        lock: &LockFile,
        documents: &[Source],
        censuses: &[Census],
        checks: &mut Checks,
    ) -> std::result::Result<(), Unreadable> {
        let mut watcher = Watcher::new(cx.tree.as_ref());
        let seen = documents.iter().zip(censuses).map(|(source, census)| Seen::new(&mut watcher, source, census));
        let seen = seen.collect::<std::result::Result<Vec<Seen>, Unreadable>>()?;
        let declared = self.documents.is_none().then_some(cx.protocol.documents.protocol.as_slice());
        for finding in compare::compare(&lock.path, &lock.text, &lock.read, &seen, declared).findings {
            match finding.severity {
                Severity::Error => checks.fail(finding),
                Severity::Warning | Severity::Note => checks.remark(finding),
            }
        }
        Ok(())
    }
}

/// The candidate's own gates.
struct Own {
    files: GateFiles,
    protocol: Result<Arc<Protocol>>,
}

impl Own {
    fn of(cx: &Context) -> std::result::Result<Own, Unreadable> {
        let root = gates_folder(&cx.protocol);
        let files = GateFiles { files: cx.tree.files_in(&root)?, root };
        let protocol = config::load(&files).map(Arc::new);
        Ok(Own { files, protocol })
    }

    /// What of it is the same for all such gates.
    fn facts(&self, cx: &Context, seen: &Evidence) -> Facts {
        let documents = &cx.protocol.documents;
        Facts {
            foreign: documents.foreign.clone(),
            roots: documents.roots.clone(),
            banned: documents.banned.clone(),
            past: documents.archive.iter().chain(&documents.log).cloned().collect(),
            origin: origin(seen),
            branches: self.protocol.as_ref().map(|protocol| protocol.release_branches.clone()).unwrap_or_default(),
            protocol: self.protocol.as_ref().ok().cloned(),
            ..Facts::default()
        }
    }
}

/// Documents that could be read, with their censuses.
struct Taken {
    documents: Vec<Source>,
    censuses: Vec<Census>,
}

/// The candidate's lock. What it accepts counts in any case; it is compared where the protocol names it.
fn the_lock(cx: &Context, checks: &mut Checks) -> std::result::Result<Option<LockFile>, Unreadable> {
    match LockFile::find(cx.tree.as_ref(), cx.protocol.documents.lock.as_deref())? {
        Ok(lock) => Ok(lock),
        Err(findings) => {
            findings.into_iter().for_each(|finding| checks.fail(finding));
            Ok(None)
        }
    }
}

/// The text of a document; what is wrong with it goes to `checks`.
fn text_of(cx: &Context, library: &Library, path: &str, checks: &mut Checks) -> std::result::Result<Option<String>, Unreadable> {
    let start = Place { file: path.to_owned(), line: 1, column: 1, end_column: None, source: None };
    let finding = |code: &str, message: String| Finding::error(format!("docs/{code}"), message).at(start.clone());
    let Some(file) = library.file(path)? else {
        let missing = finding("missing-document", format!("the document `{path}` is not in the tree"));
        checks.fail(match library.in_other_case(path) {
            Some(other) => missing.help(format!("did you mean `{other}`?")),
            None => missing.help("commit the document, or take it out of `documents.protocol` and adopt the policy"),
        });
        return Ok(None);
    };
    let Some(bytes) = cx.tree.read(&file)? else { return Err(Unreadable(format!("`{file}` is listed, but not there"))) };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let place = Source::new(path, text).place(valid..valid + 1);
            checks.fail(finding("not-text", format!("byte {} of the document is no UTF-8", valid + 1)).at(place).help("save it as UTF-8"));
            Ok(None)
        }
    }
}

/// Every reference of a document counts as one check.
fn tell(mut census: Census, path: &str, checks: &mut Checks) {
    census.say_how_to_expect();
    let mut notes: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for reference in &census.references {
        match &reference.verdict {
            Verdict::Ok => checks.hold(),
            // Told one by one.
            Verdict::Broken | Verdict::Pending(_) => {}
            Verdict::Foreign(name) => *notes.entry(("foreign", format!("lead to {name}"))).or_default() += 1,
            Verdict::Unchecked(reason) => *notes.entry(("unchecked", format!("are not checked: {reason}"))).or_default() += 1,
        }
    }
    let untold = census.untold_errors();
    let (errors, others): (Vec<Finding>, Vec<Finding>) =
        census.problems.into_iter().map(|problem| problem.finding).partition(|finding| finding.severity == Severity::Error);
    let hidden = errors.len().saturating_sub(MOST_FINDINGS) + untold;
    errors.into_iter().take(MOST_FINDINGS).for_each(|finding| checks.fail(finding));
    if hidden > 0 {
        checks.fail(Finding::error("docs/too-many", format!("{path} has {hidden} more broken references")));
    }
    others.into_iter().for_each(|finding| checks.remark(finding));
    for ((code, what), number) in notes {
        checks.remark(Finding::note(format!("docs/{code}"), format!("{path}: {number} references {what}")));
    }
}

fn gates_without_heading(own: &Own, documents: &[(&str, &Census)], checks: &mut Checks) {
    match &own.protocol {
        Ok(protocol) => headings::absent(&own.files, protocol, documents).into_iter().for_each(|finding| checks.fail(finding)),
        Err(fault) if fault.findings.is_empty() => checks.fail(bad_gates(fault, None)),
        Err(fault) => fault.findings.iter().for_each(|finding| checks.fail(bad_gates(fault, Some(finding)))),
    }
}

fn bad_gates(fault: &Fault, finding: Option<&Finding>) -> Finding {
    let said = finding.map_or(&fault.message, |finding| &finding.message);
    let help = finding.and_then(|finding| finding.help.clone()).or_else(|| fault.help.clone());
    let place = finding.and_then(|finding| finding.place.clone());
    Finding { place, help, ..Finding::error("docs/bad-gates", format!("the candidate's own gates cannot be read: {said}")) }
}

/// Where gates stand: beside those of the policy in force.
fn gates_folder(protocol: &Protocol) -> String {
    let file = protocol.gates.first().map(|gate| gate.file.as_str());
    file.and_then(|file| file.rsplit_once('/')).map_or("gates", |(folder, _)| folder).to_owned()
}
