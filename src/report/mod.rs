//! Reports: what a verb found and decided, as typed shapes, and the only place where they are rendered.
//!
//! A verb fills a [`Body`]; the [`Report`] around it derives the decision, so that no verb can contradict its own exit
//! code. Renderers are pure: they get every choice (colour, delimiter of an output file) as an argument.
//!
//! Text that others wrote (file names, messages, reasons, titles) is foreign everywhere here: each renderer makes it
//! harmless for its own reader (see [`safe`]).
//!
//! Deliberately absent: any judgement, any reading or writing of files, and templates.

pub mod codes;
pub mod github;
pub mod human;
pub mod json;
pub mod junit;
pub mod markdown;
mod mermaid;
pub mod reply;
pub mod safe;
#[cfg(test)]
mod sample;
pub mod sarif;
pub mod shape;
pub mod thread;
pub mod wrap;

pub use human::Style;
pub use shape::{
    AuditShape, Body, BumpsShape, CatalogHistoryShape, CatalogShape, DiffShape, DocsShape, DoctorShape, EntryShape, ErrorShape,
    HistoryShape, HookShape, ImmutabilityShape, InitShape, MoveShape, PolicyShape, RehearsalShape, ResolveShape, RunShape, StatusShape,
    SyncShape, TextShape,
};

use crate::{
    domain::{Decision, Fault, Finding, Reason, Severity},
    gate::{protocol::Protocol, runner::Run},
};
use serde::{Deserialize, Serialize};

/// The answer of one verb.
#[derive(Clone, Debug)]
pub struct Report {
    pub reason: Reason,
    pub body: Body,
    /// What is wrong or worth saying beside the findings that the body itself carries (a gate's, a channel's drift).
    pub findings: Vec<Finding>,
    /// Facts about the run that decide nothing.
    pub notices: Vec<String>,
    /// Whether ledger entries are signed under the policy this answer depends on; `None`: it depends on no policy.
    pub signing: Option<SigningMode>,
    /// The next command, one sentence; the reason's own where `None`.
    pub next: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SigningMode {
    None,
    Ssh,
}

impl SigningMode {
    pub fn of(protocol: &Protocol) -> SigningMode {
        if protocol.is_unsigned() { SigningMode::None } else { SigningMode::Ssh }
    }

    pub const fn slug(self) -> &'static str {
        match self {
            SigningMode::None => "none",
            SigningMode::Ssh => "ssh",
        }
    }
}

impl Report {
    pub fn new(reason: Reason, body: Body) -> Report {
        Report { reason, body, findings: Vec::new(), notices: Vec::new(), signing: None, next: None }
    }

    /// The report of a plain verification.
    pub fn run(run: &Run, signing: SigningMode) -> Report {
        Report::new(run.reason(), Body::Run(RunShape::of(run))).signing(signing)
    }

    #[must_use]
    pub fn signing(mut self, signing: SigningMode) -> Report {
        self.signing = Some(signing);
        self
    }

    #[must_use]
    pub fn notice(mut self, notice: impl Into<String>) -> Report {
        self.notices.push(notice.into());
        self
    }

    #[must_use]
    pub fn findings(mut self, findings: impl IntoIterator<Item = Finding>) -> Report {
        self.findings.extend(findings);
        self
    }

    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Report {
        self.next = Some(next.into());
        self
    }

    /// What a calling script should do. `stop` for everything that did not exit 0; `continue` where gates passed or a dry
    /// run planned; `done` where the asked-for state is reached.
    pub fn decision(&self) -> Decision {
        if self.reason.exit_code() != 0 {
            return Decision::Stop;
        }
        match &self.body {
            Body::Run(_) => Decision::Continue,
            Body::Move(shape) if shape.dry_run && self.reason == Reason::Passed => Decision::Continue,
            _ => Decision::Done,
        }
    }

    pub fn exit_code(&self) -> u8 {
        self.reason.exit_code()
    }

    /// The next command, with the placeholders CHANNEL and RELEASE filled in where the report knows them.
    pub fn next_step(&self) -> String {
        if let Some(next) = &self.next {
            return next.clone();
        }
        let mut next = self.body.next(self.reason).unwrap_or(self.reason.next()).to_owned();
        if next == shape::NOTHING_IS_WRONG && self.findings.iter().any(|finding| finding.severity != Severity::Note) {
            return "Read the warnings.".to_owned();
        }
        if let Some(channel) = self.body.channel() {
            next = next.replace("CHANNEL", channel.as_str());
        }
        if let Some(release) = self.body.release() {
            next = next.replace("RELEASE", &release);
        }
        next
    }
}

impl From<Fault> for Report {
    fn from(fault: Fault) -> Report {
        let Fault { reason, message, findings, help } = fault;
        let report = Report::new(reason, Body::Error(ErrorShape { message })).findings(findings);
        Report { next: help, ..report }
    }
}

/// The formats that are built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Human,
    Json,
    Junit,
    Github,
    Sarif,
}

impl Format {
    pub const ALL: &'static [Format] = &[Format::Human, Format::Json, Format::Junit, Format::Github, Format::Sarif];

    pub const fn slug(self) -> &'static str {
        match self {
            Format::Human => "human",
            Format::Json => "json",
            Format::Junit => "junit",
            Format::Github => "github",
            Format::Sarif => "sarif",
        }
    }
}

/// The report in one format, ready to be written; ends with a newline unless it is empty.
pub fn render(report: &Report, format: Format, style: Style) -> String {
    match format {
        Format::Human => human::render(report, style),
        Format::Json => json::render(report),
        Format::Junit => junit::render(report),
        Format::Github => github::render(report, style),
        Format::Sarif => sarif::render(report),
    }
}

/// The word that scripts read.
pub const fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Done => "done",
        Decision::Stop => "stop",
        Decision::Continue => "continue",
    }
}
