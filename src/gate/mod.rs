//! Gates: ordered questions whose answers decide a move.
//!
//! A [`Gate`] names the facts it wants ([`Gate::asks`]) and judges them ([`Gate::judge`]); it never fetches anything, is
//! never async and sees redacted evidence only, so the recorded evidence gives the same verdict again offline. The verb
//! drives the sans-I/O [`runner`]; the facts are fetched by [`crate::world`].
//!
//! Deliberately absent: any knowledge of how a fact is had, and any rendering of a verdict.

pub mod at_hand;
mod clearance;
pub mod config;
pub mod endpoint;
pub mod expect;
pub mod freshness;
pub mod hooks;
pub mod identity;
pub mod kinds;
pub mod probe;
pub mod protocol;
pub mod runner;
pub mod shapes;

pub use clearance::Clearance;
pub use probe::{Answer, Ask, Effect, Evidence, Got, Probe, ProbeKey, Unavailable};
pub use protocol::Protocol;

use crate::{
    domain::{Actor, ChannelName, Digest, Finding, GateId, Oid, Outcome, Reason, Release, Result, Severity, Span, Timestamp, Verb},
    text::source::Source,
    tree::{Tree, Unreadable},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// One ordered question. Implementations live in `gate/kinds/<kind>.rs`, one file each.
pub trait Gate: Send + Sync {
    /// The probes whose answers are wanted and not yet in `seen`; empty: ready to judge. Asking again under a new attempt
    /// number with `not_before` is how a gate polls.
    fn asks(&self, cx: &Context, seen: &Evidence) -> Vec<Probe>;
    /// The verdict on what was seen. Called once `asks` is empty, and again when the evidence is judged anew.
    fn judge(&self, cx: &Context, seen: &Evidence) -> Judgement;
    /// Whether it looks for what this identity records in the ledger.
    fn looks_for(&self, _identity: &str) -> bool {
        false
    }
    /// Who must have recorded something in the ledger for it to pass. Most gates wait for nobody.
    fn waits_for(&self) -> Option<WaitsFor> {
        None
    }
    /// How often an item may be asked.
    fn attempts(&self, _item: u32) -> u32 {
        1
    }
    /// How variables must be set on a channel, for documents that say so too. Most gates ask for none.
    fn settings(&self, _channel: &ChannelName) -> Vec<(&str, Setting)> {
        Vec::new()
    }
    /// The paths of the candidate's documents that it judges. Most gates judge none.
    fn documents(&self, _cx: &Context) -> Vec<String> {
        Vec::new()
    }
}

/// People who must have recorded something in the ledger.
pub struct WaitsFor {
    pub verb: Verb,
    /// Each with their identities; `None`: anybody whom the policy permits it.
    pub people: Option<Vec<Vec<String>>>,
    /// How many of them at least.
    pub least: usize,
}

/// How a variable must be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    Required,
    Optional,
    /// Set to nothing, or not set.
    Empty,
    Forbidden,
}

impl Setting {
    pub const ALL: &'static [Setting] = &[Setting::Required, Setting::Optional, Setting::Empty, Setting::Forbidden];

    /// As gate files say it.
    pub const fn slug(self) -> &'static str {
        match self {
            Setting::Required => "required",
            Setting::Optional => "optional",
            Setting::Empty => "empty",
            Setting::Forbidden => "forbidden",
        }
    }
}

/// Everything a gate may know beside its own configuration and its evidence.
#[derive(Clone)]
pub struct Context {
    pub verb: Verb,
    pub channel: ChannelName,
    /// The channel's base URL, without a trailing slash.
    pub base_url: Option<String>,
    pub releases: Vec<Release>,
    /// The commit under judgement; `None` for a draft (the work tree).
    pub candidate: Option<Oid>,
    /// The git tree of the policy in force; `None` for a draft judged by its own `gates/`.
    pub policy: Option<Oid>,
    /// Decision time: fixed at the start of a run.
    pub now: Timestamp,
    /// Who asks, where known: an acknowledgement or verdict never counts for its own requester.
    pub actor: Option<Actor>,
    pub protocol: Arc<Protocol>,
    /// The candidate's files.
    pub tree: Arc<dyn Tree>,
}

impl Context {
    /// What to do where a draft is judged by what counts for a commit only.
    pub fn name_a_commit(&self) -> String {
        format!("judge a commit: `tagwarden verify --channel {} --at COMMIT`", self.channel)
    }

    /// The placeholder values for templates in gate strings: `{base_url}`, `{channel}`, `{package}`, `{version}`, `{commit}`.
    /// Several releases: package and version are those of the first.
    pub fn placeholders(&self) -> Vec<(&'static str, String)> {
        let mut values = vec![("channel", self.channel.to_string())];
        values.extend(self.base_url.clone().map(|url| ("base_url", url)));
        values.extend(self.candidate.as_ref().map(|oid| ("commit", oid.to_string())));
        if let Some(release) = self.releases.first() {
            values.push(("package", release.package.to_string()));
            values.push(("version", release.version.to_string()));
        }
        values
    }
}

/// A kind of gate. The parser, `explain`, the JSON Schema, the generated page and the tests all read [`kinds::KINDS`].
pub struct Kind {
    /// The key in the gate file, the file stem under `gate/kinds/`, the folder under `tests/gates/`, the finding prefix.
    pub id: &'static str,
    /// The question, one line.
    pub about: &'static str,
    /// What it asks, when it passes, every key of its configuration, an example: Markdown without a top heading.
    pub page: &'static str,
    /// Every finding code of this kind, with its meaning.
    pub codes: &'static [(&'static str, &'static str)],
    /// The verbs the gate decides where the file has no `verbs:`.
    pub verbs: &'static [Verb],
    /// Whether some probe of this kind may write.
    pub writes: bool,
    /// Reads a gate file of this kind.
    pub read: fn(&Source) -> Result<Read>,
    /// JSON Schema of what stands under the kind's key.
    pub schema: fn(&mut schemars::SchemaGenerator) -> schemars::Schema,
}

/// A gate file as read: what every gate has, and the gate itself.
pub type Read = (Header, Box<dyn Gate>);

/// What every gate file has, whatever its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub title: String,
    pub owner: Option<String>,
    pub on_fail: OnFail,
    pub when: When,
    /// `None`: the kind's own verbs.
    pub verbs: Option<Vec<Verb>>,
    /// `None`: every channel.
    pub channels: Option<Vec<ChannelName>>,
    pub max_age: Span,
    pub waivable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFail {
    /// Required: blocks the move.
    Halt,
    /// Advisory: reported, can neither block nor pass.
    Document,
}

impl OnFail {
    pub const fn slug(self) -> &'static str {
        match self {
            OnFail::Halt => "halt",
            OnFail::Document => "document",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Before,
    After,
}

/// A gate as loaded from `gates/NN-<id>.yaml`.
pub struct LoadedGate {
    pub id: GateId,
    /// Position among the gates, from 1.
    pub number: usize,
    pub kind: &'static Kind,
    pub header: Header,
    pub gate: Box<dyn Gate>,
    /// Repository-relative path of its file.
    pub file: String,
}

impl LoadedGate {
    pub fn verbs(&self) -> &[Verb] {
        self.header.verbs.as_deref().unwrap_or(self.kind.verbs)
    }

    /// Whether this gate decides `verb` on `channel` at this side of the move.
    pub fn applies(&self, verb: Verb, channel: &ChannelName, when: When) -> bool {
        self.header.when == when
            && self.verbs().contains(&verb)
            && self.header.channels.as_ref().is_none_or(|channels| channels.contains(channel))
    }
}

/// The digest of the candidate's documents that these gates judged: of every path, the digest of what is there. `None`: they
/// judged none.
pub fn judged_documents<'a>(cx: &Context, gates: impl Iterator<Item = &'a LoadedGate>) -> std::result::Result<Option<Digest>, Unreadable> {
    let mut documents: BTreeMap<String, Option<Digest>> = BTreeMap::new();
    for path in gates.flat_map(|gate| gate.gate.documents(cx)).collect::<BTreeSet<String>>() {
        let digest = cx.tree.read(&path)?.map(|bytes| Digest::of(&bytes));
        documents.insert(path, digest);
    }
    let digest = || Digest::of_json(&documents).map_err(|fault| Unreadable(fault.message));
    (!documents.is_empty()).then(digest).transpose()
}

/// A verdict. Made only by [`Checks::judge`], so that "passed" without a check cannot be written down.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    outcome: Outcome,
    reason: Reason,
    findings: Vec<Finding>,
}

impl Judgement {
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    pub fn reason(&self) -> Reason {
        self.reason
    }

    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

/// Collects what a gate checked. A well-formed wrong answer is [`Checks::fail`]; a fact that could not be had is
/// [`Checks::unknown`]. Failed outweighs unknown, unknown outweighs passed, and no check at all is `nothing_to_check`.
#[derive(Default)]
pub struct Checks {
    held: usize,
    failed: usize,
    unknown: usize,
    effects_refused: bool,
    findings: Vec<Finding>,
}

impl Checks {
    pub fn new() -> Checks {
        Checks::default()
    }

    /// One expectation was compared with one fact, and held.
    pub fn hold(&mut self) {
        self.held += 1;
    }

    /// One expectation was compared with one fact, and did not hold.
    pub fn fail(&mut self, finding: Finding) {
        self.failed += 1;
        self.findings.push(Finding { severity: Severity::Error, ..finding });
    }

    /// The fact could not be had.
    pub fn unknown(&mut self, finding: Finding) {
        self.unknown += 1;
        self.findings.push(Finding { severity: Severity::Error, ..finding });
    }

    /// The fact could not be had; the code is `<kind>/<why>`. A refused effect gets its own reason code.
    pub fn unavailable(&mut self, kind: &str, what: &str, unavailable: &Unavailable) {
        self.effects_refused |= unavailable.why == probe::EFFECTS_NOT_ALLOWED;
        let detail = unavailable.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default();
        self.unknown(Finding::error(
            format!("{kind}/{}", unavailable.why),
            format!("{what}: {}{detail}", unavailable.why.replace('-', " ")),
        ));
    }

    /// Worth saying; decides nothing.
    pub fn remark(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// The one way to a [`Judgement`].
    pub fn judge(self, kind: &str) -> Judgement {
        let Checks { held, failed, unknown, effects_refused, mut findings } = self;
        let (outcome, reason) = if failed > 0 {
            (Outcome::Failed, Reason::GateFailed)
        } else if unknown > 0 && effects_refused {
            (Outcome::Inconclusive, Reason::EffectsNotAllowed)
        } else if unknown > 0 {
            (Outcome::Inconclusive, Reason::GateInconclusive)
        } else if held == 0 {
            findings.push(Finding::error(format!("{kind}/nothing-to-check"), "the gate found nothing to check, which proves nothing"));
            (Outcome::Failed, Reason::NothingToCheck)
        } else {
            (Outcome::Passed, Reason::Passed)
        };
        Judgement { outcome, reason, findings }
    }
}
