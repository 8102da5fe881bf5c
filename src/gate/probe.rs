//! Probes and evidence: what a gate may ask of the world, and what is recorded of the answer.
//!
//! An answer is reduced (secrets masked, bodies capped, values turned into classes) before any judge sees it: recorded
//! bytes are judged bytes. The reduction is pure and lives with the shapes it makes ([`reduce`]); fetching lives in
//! [`crate::world`].
//!
//! Shapes here are written to the ledger (`tagwarden.evidence/1`): fields may be added, never renamed.

mod documents;
pub mod github;
pub mod reduce;
mod store;
pub mod why;

pub use documents::{DocumentsAsk, DocumentsGot, LogsAsk, LogsGot, Told};
pub use store::{BundleAsk, BundleFound, BundleGot, RehearsalAsk, RehearsalGot, Rehearsed};

use crate::{
    domain::{ChannelName, Finding, GateId, Oid, Span, Timestamp, Verb, state},
    lockdown::urls::Origin,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeMap, fmt, str::FromStr};

pub const EVIDENCE_SCHEMA: &str = "tagwarden.evidence/1";

/// `why` of a probe with effects that the verb does not allow.
pub const EFFECTS_NOT_ALLOWED: &str = "effects-not-allowed";

/// `<item>/<attempt>`: the position of the question in the gate file (from 0) and how often it was asked (from 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeKey {
    pub item: u32,
    pub attempt: u32,
}

impl ProbeKey {
    pub const fn first(item: u32) -> ProbeKey {
        ProbeKey { item, attempt: 1 }
    }
}

impl fmt::Display for ProbeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.item, self.attempt)
    }
}

impl FromStr for ProbeKey {
    type Err = String;

    fn from_str(text: &str) -> Result<ProbeKey, String> {
        let parsed =
            text.split_once('/').and_then(|(item, attempt)| Some(ProbeKey { item: item.parse().ok()?, attempt: attempt.parse().ok()? }));
        parsed.ok_or_else(|| format!("`{text}` is no probe key of the form item/attempt"))
    }
}

impl Serialize for ProbeKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ProbeKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<ProbeKey, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Refs that only try whether refs can be written; nothing else is ever kept there.
pub const PROBE_REFS: &str = "refs/tagwarden/probe/";

/// A wanted fact.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    pub key: ProbeKey,
    pub ask: Ask,
    /// Do not ask before this time: retries, backoff, N successes in a row.
    pub not_before: Option<Timestamp>,
    pub effect: Effect,
}

impl Probe {
    pub fn reads(key: ProbeKey, ask: Ask) -> Probe {
        Probe { key, ask, not_before: None, effect: Effect::Reads }
    }

    /// Whether it may be fetched before its gate's turn: only reads over HTTP.
    pub fn may_run_ahead(&self) -> bool {
        self.effect == Effect::Reads
            && self.not_before.is_none()
            && matches!(&self.ask, Ask::Http(ask) if matches!(ask.method.as_str(), "GET" | "HEAD"))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Reads,
    /// Changes something outside: runs only at its gate's turn inside promote, rollback or rehearse, or with `--effects`.
    Writes,
}

/// The questions that can be asked of the world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    Http(HttpAsk),
    Env(EnvAsk),
    /// Which of these rules hold over the environment, so that no value needs to be recorded.
    Rules(RulesAsk),
    Command(CommandAsk),
    /// Does the ledger verify from its head to its first entry?
    Chain(ChainAsk),
    /// Write a probe ref, read it back, remove it.
    ProbeRef(ProbeRefAsk),
    /// The ledger's verdicts on the candidate.
    Verdicts(LedgerAsk),
    /// The ledger's acknowledgements for the candidate.
    Acks(LedgerAsk),
    /// The identity of the candidate's tree, and of its repository; its files are read through [`super::Context::tree`].
    Tree(TreeAsk),
    /// What documents of the candidate leave open: history, other commits, pull requests.
    Documents(DocumentsAsk),
    /// What continuous integration says of a commit.
    Checks(github::ChecksAsk),
    /// What became of the logs that the channel's present release has.
    Logs(LogsAsk),
    /// What was said of the pull requests that brought the commits of a move.
    Pulls(github::PullsAsk),
    /// The ledger's verdicts on commits of the move that no pull request answers for.
    VerdictsOn(github::VerdictsOnAsk),
    /// A bundle of the store of snapshots.
    Bundle(BundleAsk),
    /// The last rehearsal of a restore from the store of snapshots.
    Rehearsal(RehearsalAsk),
    /// The ledger's last rehearsal of the channel, and what is on it now.
    ChannelRehearsal(LedgerAsk),
}

/// The reduced answers, one form per question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Got {
    Http(HttpGot),
    Env(EnvGot),
    Rules(RulesGot),
    Command(CommandGot),
    Chain(ChainGot),
    ProbeRef(ProbeRefGot),
    Verdicts(VerdictsGot),
    Acks(AcksGot),
    Tree(TreeGot),
    Documents(DocumentsGot),
    Checks(github::ChecksGot),
    Logs(LogsGot),
    Pulls(github::PullsGot),
    Bundle(BundleGot),
    Rehearsal(RehearsalGot),
    ChannelRehearsal(ChannelRehearsalGot),
}

/// An HTTP request. Strings may hold `{env.NAME}`, filled in only when the request is sent, so that no secret is recorded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HttpAsk {
    pub method: String,
    pub url: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// A JSON body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// A body as it is; excludes `json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Time limit for the whole exchange; 10 s where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
    /// How many redirects to follow on the same host; none where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirects: Option<u32>,
    /// Response headers to record (lower case).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub record: Vec<String>,
    /// Record how many days the server certificate is still valid.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub certificate: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HttpGot {
    pub status: u16,
    /// Media type without parameters, lower case.
    #[serde(default)]
    pub content_type: Option<String>,
    #[serde(default)]
    pub latency_ms: u64,
    /// The headers that were asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// JSON where the body is JSON, else the text as a string; `null` where it is empty.
    #[serde(default)]
    pub body: Value,
    /// Whether `body` is the parsed JSON of the response.
    #[serde(default = "yes")]
    pub is_json: bool,
    /// The body was longer than what is recorded: nothing may be concluded from it.
    #[serde(default)]
    pub truncated: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_days: Option<i64>,
}

fn yes() -> bool {
    true
}

/// One environment variable of one environment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EnvAsk {
    pub name: String,
    #[serde(default, skip_serializing_if = "EnvFrom::is_process")]
    pub from: EnvFrom,
    /// Prefixes to tell apart; the longest that fits is recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<String>,
    /// Values to compare with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub literals: Vec<String>,
    /// Regular expressions to match (anchored at both ends).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<String>,
}

/// Whose environment is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum EnvFrom {
    /// This process.
    #[default]
    Process,
    /// A file of `NAME=value` lines.
    File(String),
    /// A program that prints `NAME=value` lines or a JSON object.
    Command(Vec<String>),
    /// A URL that answers with a JSON object: names to values, or to true and false where only presence is told.
    Http(String),
}

impl EnvFrom {
    fn is_process(&self) -> bool {
        *self == EnvFrom::Process
    }
}

/// What is recorded of a variable: never its value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EnvGot {
    pub present: bool,
    #[serde(default)]
    pub empty: bool,
    #[serde(default)]
    pub prefix: Option<String>,
    /// `0`, `1-16`, `17-64`, `65-256`, `257+` characters.
    #[serde(default)]
    pub length_class: Option<String>,
    /// For each asked literal, whether the value equals it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub equals: Vec<bool>,
    /// For each asked pattern, whether the value matches it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<bool>,
    /// The source told presence only; literal, prefix and pattern cannot be known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub presence_only: bool,
}

/// Rules over the environment, each a jq program that sees `$env` and `$channel`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RulesAsk {
    pub rules: Vec<RuleAsk>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleAsk {
    pub name: String,
    pub when: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RulesGot {
    pub rules: Vec<RuleGot>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleGot {
    pub name: String,
    /// `None`: the program did not give one boolean; `error` says why.
    pub holds: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A program run in a checkout of the policy's `gates/`, with a cleared environment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CommandAsk {
    /// Program and arguments; excludes `shell`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub run: Vec<String>,
    /// A script for `sh -eu -c`; excludes `run`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// Names of variables passed through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Fixed variables, after placeholders.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
    /// Time limit; 60 s where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
    /// A file, relative to the run's scratch folder (`$TAGWARDEN_SCRATCH`), that must come into being.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub produces: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CommandGot {
    /// `None`: ended by a signal.
    pub exit: Option<i32>,
    /// JSON where the output is JSON, else the text.
    #[serde(default)]
    pub stdout: Value,
    #[serde(default)]
    pub is_json: bool,
    #[serde(default)]
    pub stderr: String,
    #[serde(default)]
    pub truncated: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub produced: Option<Produced>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Produced {
    pub bytes: u64,
    pub sha256: String,
    /// Made or changed after the command started.
    pub fresh: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChainAsk {}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChainGot {
    pub head: Oid,
    pub genesis: Oid,
    pub entries: u64,
    pub signing: String,
    /// What is wrong with the chain; empty where it verifies.
    #[serde(default)]
    pub problems: Vec<Finding>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeRefAsk {
    /// The last part of `refs/tagwarden/probe/<id>`.
    pub id: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeRefGot {
    #[serde(rename = "ref")]
    pub name: String,
    pub written: Oid,
    /// What the remote answered when read again; `None`: the ref was not there.
    pub read_back: Option<Oid>,
    pub removed: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LedgerAsk {}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictsGot {
    /// The ledger head they were read from.
    pub head: Oid,
    /// Those that name the candidate, or any commit where the reviewer has none for it (to tell stale from absent).
    pub verdicts: Vec<state::Verdict>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AcksGot {
    pub head: Oid,
    pub acks: Vec<state::Ack>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChannelRehearsalGot {
    pub head: Oid,
    /// What is on the channel; `None`: nothing.
    pub present: Option<Oid>,
    /// `None`: nobody rehearsed the channel.
    pub last: Option<state::Rehearsal>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TreeAsk {}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TreeGot {
    /// A commit id, or a digest for a draft.
    pub id: String,
    /// Where the remote says that its repository is; `None`: it does not say, or was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// Why a fact could not be had: a kebab-case slug that becomes the finding code `<kind>/<why>`, and a masked detail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unavailable {
    pub why: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Unavailable {
    pub fn new(why: &str) -> Unavailable {
        Unavailable { why: why.to_owned(), detail: None }
    }

    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Unavailable {
        self.detail = Some(detail.into());
        self
    }
}

/// One recorded answer: exactly one of `got` and `unavailable` is set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub key: ProbeKey,
    pub ask: Ask,
    pub time: Timestamp,
    pub got: Option<Got>,
    pub unavailable: Option<Unavailable>,
}

impl Answer {
    pub fn of(probe: &Probe, time: Timestamp, result: Result<Got, Unavailable>) -> Answer {
        let (got, unavailable) = match result {
            Ok(got) => (Some(got), None),
            Err(unavailable) => (None, Some(unavailable)),
        };
        Answer { key: probe.key, ask: probe.ask.clone(), time, got, unavailable }
    }

    /// The fact, or why it could not be had. An answer that says neither or both is unreadable.
    pub fn result(&self) -> Result<&Got, Unavailable> {
        match (&self.got, &self.unavailable) {
            (Some(got), None) => Ok(got),
            (None, Some(unavailable)) => Err(unavailable.clone()),
            _ => Err(Unavailable::new("unreadable")),
        }
    }
}

/// All answers to one gate's probes, bound to gate, verb, channel, commit and policy (`evidence/<gate>.json`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    pub schema: String,
    pub gate: GateId,
    pub kind: String,
    pub verb: Verb,
    pub channel: ChannelName,
    /// `None` for a draft.
    pub candidate: Option<Oid>,
    /// `None` for a draft judged by its own gates.
    pub policy: Option<Oid>,
    pub answers: Vec<Answer>,
}

impl Evidence {
    /// Whether it was gathered for this gate.
    pub fn is_of(&self, gate: &GateId, kind: &str) -> bool {
        self.schema == EVIDENCE_SCHEMA && self.gate == *gate && self.kind == kind
    }

    /// Whether it was gathered for this move under this policy.
    pub fn is_for(&self, verb: Verb, channel: &ChannelName, candidate: Option<&Oid>, policy: Option<&Oid>) -> bool {
        self.verb == verb && self.channel == *channel && self.candidate.as_ref() == candidate && self.policy.as_ref() == policy
    }

    pub fn get(&self, key: ProbeKey) -> Option<&Answer> {
        self.answers.iter().find(|answer| answer.key == key)
    }

    /// The newest attempt at an item.
    pub fn last(&self, item: u32) -> Option<&Answer> {
        self.answers.iter().filter(|answer| answer.key.item == item).max_by_key(|answer| answer.key.attempt)
    }

    /// The attempts at an item, oldest first.
    pub fn attempts(&self, item: u32) -> Vec<&Answer> {
        let mut attempts: Vec<&Answer> = self.answers.iter().filter(|answer| answer.key.item == item).collect();
        attempts.sort_by_key(|answer| answer.key.attempt);
        attempts
    }

    /// When the oldest answer that still counts was observed.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.answers.iter().map(|answer| answer.time).min()
    }
}
