//! The report for people: a head line, tables with marks, findings under their source lines, and a last line that says the
//! decision and what to do next.
//!
//! Marks: `✓` passed, `✗` failed, `?` inconclusive, `–` not run. Every foreign text is made visible first; a text of
//! Tagwarden's own ([`super::TextShape`]) is printed as it is, without a decision line, so that it can be piped.

mod body;
mod canvas;
mod catalog;
mod finding;
mod ledger;
mod snapshot;
mod sync;

use super::{Body, Report, SigningMode, TextShape, shape::GateShape, wrap};
use crate::domain::{Decision, Finding, Severity};
use canvas::{Canvas, Tone};
use std::collections::BTreeMap;

/// Findings that are drawn; nobody reads more. The other formats have them all.
pub(super) const MOST_DRAWN: usize = 1000;

/// The choices of the person who reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    pub color: bool,
    /// How often `-v` was given: once shows evidence digests and full object ids.
    pub verbose: u8,
    /// Nothing where all is well; else findings at error level and the decision only.
    pub quiet: bool,
    /// The columns of the screen; `None`: lines are as long as they are.
    pub width: Option<usize>,
    /// Errors and warnings stand beside this text, as annotations.
    pub annotated: bool,
}

pub fn render(report: &Report, style: Style) -> String {
    if let Body::Text(shape) = &report.body {
        // Schemas, scripts, manual pages and statements are for programs.
        let width = style.width.filter(|_| shape.media_type == TextShape::MARKDOWN);
        return with_newline(&wrap::markdown(&shape.text, width));
    }
    if style.quiet && report.exit_code() == 0 {
        return String::new();
    }
    let mut canvas = Canvas::new(style);
    let said = match &report.body {
        Body::Error(shape) => style.annotated || report.findings.iter().any(|finding| says(finding, &shape.message)),
        _ => style.quiet,
    };
    if !said {
        body::draw(&report.body, report.reason, &mut canvas);
    }
    draw_findings(report, &mut canvas);
    if !style.quiet {
        for notice in &report.notices {
            canvas.line(&format!("note: {}", canvas.foreign(notice)));
        }
    }
    if report.signing == Some(SigningMode::None) {
        canvas.line("signing: none");
    }
    draw_decision(report, &mut canvas);
    super::safe::neutral(&canvas.finish())
}

/// Whether a finding says all that a message says.
pub(super) fn says(finding: &Finding, message: &str) -> bool {
    finding.severity == Severity::Error && finding.message == message
}

fn draw_findings(report: &Report, canvas: &mut Canvas) {
    let last = report.next_step();
    let mut drawn_before: BTreeMap<Problem<'_>, usize> = BTreeMap::new();
    for (gate, findings) in gate_findings(&report.body) {
        let shown = shown(findings, canvas.style);
        let like = shown.iter().find_map(|finding| drawn_before.get(&problem(finding))).copied();
        let fresh: Vec<&Finding> = shown.into_iter().filter(|finding| !drawn_before.contains_key(&problem(finding))).collect();
        if !fresh.is_empty() || like.is_some() {
            canvas.gap();
            let like = like.map(|like| format!(", as at gate {like}")).unwrap_or_default();
            canvas.line(&format!("gate {}, {}: {}{like}", gate.number, gate.id, gate.reason_code));
            draw_each(&fresh, &last, canvas);
            drawn_before.extend(fresh.into_iter().map(|finding| (problem(finding), gate.number)));
        }
    }
    let own = most_urgent(body_findings(&report.body).into_iter().chain(&report.findings).collect());
    let (most, rest) = own.split_at(own.len().min(MOST_DRAWN));
    let drawn = shown(most.iter().copied(), canvas.style);
    if !drawn.is_empty() {
        canvas.gap();
        draw_each(&drawn, &last, canvas);
    }
    if !rest.is_empty() {
        let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
        for finding in rest {
            *codes.entry(&finding.code).or_default() += 1;
        }
        let codes: Vec<String> = codes.into_iter().map(|(code, count)| format!("{count} {}", canvas.foreign(code))).collect();
        canvas.gap();
        canvas.line(&format!("and {} more: {}. `--format json` lists them all", rest.len(), codes.join(", ")));
    }
}

/// What makes findings of different gates one problem.
pub(super) type Problem<'a> = (&'a str, Option<(&'a str, u32, u32)>, Option<&'a str>, Option<&'a str>);

pub(super) fn problem(finding: &Finding) -> Problem<'_> {
    let place = finding.place.as_ref().map(|place| (place.file.as_str(), place.line, place.column));
    (&finding.message, place, finding.pointer.as_deref(), finding.help.as_deref())
}

/// In their order, unless they are more than are drawn: then errors come first.
pub(super) fn most_urgent(mut findings: Vec<&Finding>) -> Vec<&Finding> {
    if findings.len() > MOST_DRAWN {
        findings.sort_by_key(|finding| finding.severity != Severity::Error);
    }
    findings
}

fn draw_each(findings: &[&Finding], last: &str, canvas: &mut Canvas) {
    for (at, finding) in findings.iter().enumerate() {
        // An excerpt wants air above it; single lines stand together.
        if at > 0 && (finding.place.is_some() || findings[at - 1].place.is_some()) {
            canvas.gap();
        }
        finding::draw(finding, last, canvas);
    }
}

fn shown<'a>(findings: impl IntoIterator<Item = &'a Finding>, style: Style) -> Vec<&'a Finding> {
    let is_shown = |finding: &&Finding| match finding.severity {
        Severity::Error => !style.annotated,
        Severity::Warning => !style.annotated && !style.quiet,
        Severity::Note => !style.quiet,
    };
    findings.into_iter().filter(is_shown).collect()
}

/// The findings of every gate of the body, in gate order.
pub(super) fn gate_findings(body: &Body) -> Vec<(&GateShape, &[Finding])> {
    let runs = match body {
        Body::Run(run) => vec![run],
        Body::Move(shape) => shape.run.iter().chain(&shape.after).collect(),
        _ => Vec::new(),
    };
    runs.into_iter().flat_map(|run| &run.gates).map(|gate| (gate, gate.findings.as_slice())).collect()
}

/// The findings that a body carries outside gates.
pub(super) fn body_findings(body: &Body) -> Vec<&Finding> {
    match body {
        Body::Status(shape) => shape.channels.iter().flat_map(|channel| &channel.drift).collect(),
        Body::Channel(shape) => shape.drift.iter().collect(),
        _ => Vec::new(),
    }
}

fn draw_decision(report: &Report, canvas: &mut Canvas) {
    let decision = report.decision();
    let tone = if decision == Decision::Stop { Tone::Bad } else { Tone::Good };
    canvas.gap();
    let next = sentence(&canvas.foreign(&report.next_step()));
    let stop = if next.ends_with(['.', '`', '!', '?']) || next.is_empty() { "" } else { "." };
    canvas.line(&format!("{} ({}). {next}{stop}", canvas.paint(super::word(decision), tone), report.reason));
}

pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn with_newline(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

#[cfg(test)]
mod tests;
