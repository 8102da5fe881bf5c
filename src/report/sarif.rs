//! The report as SARIF 2.1.0, for code scanning: one run with one result for each finding.
//!
//! Code scanning refuses a whole file for one result without a place, so a finding without one is put on the first line of
//! the protocol; its gate stands beside it as a logical location. As in every format, what blocks nothing is a warning at
//! most, and a stop that no result shows is a result of its own.
//!
//! There are at most as many results as code scanning takes; how many are left out is said.
//!
//! Foreign text is made visible, and nothing in it reads as a link of SARIF's own message syntax.

use super::{
    Body, Report, codes, human,
    safe::{neutral_json, visible},
    shape::GateShape,
};
use crate::{
    domain::{Decision, Digest, Finding, Outcome, Place, Reason, Severity},
    gate::kinds::KINDS,
};
use serde_json::{Map, Value, json};
use std::{collections::HashMap, fmt::Write as _};

/// Where a finding without a place is shown.
const NO_PLACE: &str = "gates/protocol.yaml";

/// Code scanning refuses a run of more results.
const MOST_RESULTS: usize = 25_000;

/// The whole log as one pretty-printed JSON object and a newline.
pub fn render(report: &Report) -> String {
    // A map of plain values has no unserialisable key and no failing member.
    let text = serde_json::to_string_pretty(&log(report)).unwrap_or_default();
    neutral_json(text) + "\n"
}

fn log(report: &Report) -> Value {
    let (mut rules, mut results) = (Rules::default(), Vec::new());
    let mut all = said(report);
    let hidden = all.len().saturating_sub(MOST_RESULTS);
    if hidden > 0 {
        all.sort_by_key(|said| said.severity);
        all.truncate(MOST_RESULTS);
    }
    for said in all {
        let index = rules.index(&said.code);
        results.push(said.result(index));
    }
    number_fingerprints(&mut results);
    let level = if report.decision() == Decision::Stop { "error" } else { "note" };
    let mut notifications = vec![notification(level, &format!("{} {}", report.reason.about(), report.next_step()))];
    notifications[0]["descriptor"] = json!({ "id": report.reason.slug() });
    if hidden > 0 {
        let text = format!("{hidden} more findings are not listed, the least severe ones; `--format json` has them all");
        notifications.push(notification("warning", &text));
    }
    notifications.extend(report.notices.iter().map(|notice| notification("note", notice)));
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": env!("CARGO_PKG_NAME"),
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.rules,
            } },
            // Results of another verb or channel do not replace these.
            "automationDetails": { "id": category(report) },
            "invocations": [{
                // Exit code 1 is a judgement; beyond it, something could not be judged or done.
                "executionSuccessful": report.exit_code() <= 1,
                "exitCode": report.exit_code(),
                "exitCodeDescription": report.reason.slug(),
                "toolExecutionNotifications": notifications,
            }],
            "originalUriBaseIds": { "%SRCROOT%": { "description": { "text": "The root of the repository." } } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn category(report: &Report) -> String {
    let schema = report.body.schema();
    let kind = schema.strip_prefix("tagwarden.").unwrap_or(schema).split('/').next().unwrap_or_default();
    let channel = report.body.channel().map(|channel| format!("{channel}/")).unwrap_or_default();
    format!("tagwarden/{kind}/{channel}")
}

fn notification(level: &str, text: &str) -> Value {
    json!({ "level": level, "message": { "text": message(text) } })
}

/// What becomes a result.
struct Said<'r> {
    code: String,
    severity: Severity,
    /// Foreign, one line.
    message: &'r str,
    help: Option<&'r str>,
    place: Option<&'r Place>,
    pointer: Option<&'r str>,
    gate: Option<&'r GateShape>,
}

impl<'r> Said<'r> {
    fn finding(finding: &'r Finding, gate: Option<&'r GateShape>) -> Said<'r> {
        let most = if gate.is_none_or(GateShape::blocks) { Severity::Error } else { Severity::Warning };
        Said {
            code: finding.code.clone(),
            severity: finding.severity.max(most),
            message: &finding.message,
            help: finding.help.as_deref(),
            place: finding.place.as_ref(),
            pointer: finding.pointer.as_deref(),
            gate,
        }
    }

    fn reason(reason: Reason, message: &'r str, gate: Option<&'r GateShape>) -> Said<'r> {
        let code = reason.slug().to_owned();
        Said { code, severity: Severity::Error, message, help: None, place: None, pointer: None, gate }
    }

    fn result(&self, rule: usize) -> Value {
        let help = self.help.map(|help| format!("\nhelp: {}", message(help))).unwrap_or_default();
        let mut result = json!({
            "ruleId": visible(&self.code),
            "ruleIndex": rule,
            "level": match self.severity { Severity::Error => "error", Severity::Warning => "warning", Severity::Note => "note" },
            "message": { "text": message(self.message) + &help },
            "locations": [self.location()],
            "partialFingerprints": { FINGERPRINT: self.fingerprint() },
        });
        if let Some(pointer) = self.pointer {
            result["properties"] = json!({ "pointer": visible(pointer) });
        }
        result
    }

    fn location(&self) -> Value {
        let (artifact, region) = match self.place {
            Some(place) => (artifact(&place.file), region(place)),
            None => (artifact(NO_PLACE), json!({ "startLine": 1 })),
        };
        let mut location = json!({ "physicalLocation": { "artifactLocation": artifact, "region": region } });
        if let Some(gate) = self.gate {
            let name = format!("gates/{}", gate.id);
            let title = json!({ "title": message(&gate.title) });
            location["logicalLocations"] =
                json!([{ "name": gate.id.as_str(), "fullyQualifiedName": name, "kind": "gate", "properties": title }]);
        }
        location
    }

    /// The same wherever in its file a finding stands.
    fn fingerprint(&self) -> String {
        let file = self.place.map_or(NO_PLACE, |place| place.file.as_str());
        let gate = self.gate.map_or("", |gate| gate.id.as_str());
        Digest::of([self.code.as_str(), gate, file, self.message].join("\0").as_bytes()).to_string()
    }
}

const FINGERPRINT: &str = "tagwarden/v1";

/// Findings in the order of every other format.
fn said(report: &Report) -> Vec<Said<'_>> {
    let mut all = Vec::new();
    for (gate, findings) in human::gate_findings(&report.body) {
        all.extend(findings.iter().map(|finding| Said::finding(finding, Some(gate))));
        if gate.blocks() && findings.is_empty() && gate.outcome != Outcome::Skipped {
            all.push(Said::reason(gate.reason_code, gate.reason_code.about(), Some(gate)));
        }
    }
    all.extend(human::body_findings(&report.body).into_iter().chain(&report.findings).map(|finding| Said::finding(finding, None)));
    let shown = all.iter().any(|said| said.severity == Severity::Error);
    match &report.body {
        Body::Error(shape) => all.insert(0, Said::reason(report.reason, &shape.message, None)),
        _ if report.decision() == Decision::Stop && !shown => all.push(Said::reason(report.reason, report.reason.about(), None)),
        _ => {}
    }
    all
}

/// Findings that are alike are told apart by their order.
fn number_fingerprints(results: &mut [Value]) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for result in results {
        let Some(Value::String(print)) = result.pointer_mut("/partialFingerprints").and_then(|prints| prints.get_mut(FINGERPRINT)) else {
            continue;
        };
        let number = seen.entry(print.clone()).or_default();
        *number += 1;
        // Writing to a String cannot fail.
        let _ = write!(print, ":{number}");
    }
}

/// One rule for each code that occurs, in the order of their first results.
#[derive(Default)]
struct Rules {
    rules: Vec<Value>,
    known: HashMap<String, usize>,
}

impl Rules {
    fn index(&mut self, code: &str) -> usize {
        let next = self.rules.len();
        let index = *self.known.entry(code.to_owned()).or_insert(next);
        if index == next {
            let id = visible(code);
            let about = about(code).map_or_else(|| id.to_string(), sentence);
            self.rules.push(json!({
                "id": id,
                "shortDescription": { "text": about },
                "fullDescription": { "text": about },
                "help": { "text": format!("`tagwarden explain {id}` says what it means.") },
            }));
        }
        index
    }
}

fn about(code: &str) -> Option<&'static str> {
    if let Some(reason) = Reason::parse(code) {
        return Some(reason.about());
    }
    let (prefix, what) = code.split_once('/')?;
    let Some(kind) = KINDS.iter().find(|kind| kind.id == prefix) else { return codes::meaning(code) };
    let own = kind.codes.iter().find(|(known, _)| *known == code).map(|(_, meaning)| *meaning);
    own.or_else(|| codes::meaning_in_any_kind(what)).or_else(|| codes::meaning(code))
}

/// With its capital letter and its full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.to_owned();
    if let Some(first) = letters.get(..1).map(str::to_ascii_uppercase) {
        letters.replace_range(..1, &first);
    }
    if !letters.ends_with(['.', '?', '!']) {
        letters.push('.');
    }
    letters
}

/// A reader of SARIF makes a link of `[text](target)`: the blank between keeps it text.
fn message(text: &str) -> String {
    visible(text).replace("](", "] (")
}

fn artifact(file: &str) -> Value {
    let mut members = Map::new();
    let absolute = file.starts_with('/');
    members.insert("uri".into(), format!("{}{}", if absolute { "file://" } else { "" }, percent_encoded(file)).into());
    if !absolute {
        members.insert("uriBaseId".into(), "%SRCROOT%".into());
    }
    Value::Object(members)
}

/// A path as a URI reference: only unreserved characters and slashes stand for themselves, so that no part reads as a scheme,
/// a query or a fragment.
fn percent_encoded(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(byte as char),
            // Writing to a String cannot fail.
            _ => _ = write!(uri, "%{byte:02X}"),
        }
    }
    uri
}

/// SARIF counts as we do: from 1, characters, the end one past the last.
fn region(place: &Place) -> Value {
    let column = place.column.max(1);
    let mut region = json!({ "startLine": place.line.max(1), "startColumn": column });
    if let Some(end) = place.end_column {
        region["endColumn"] = end.max(column).into();
    }
    region
}

#[cfg(test)]
mod tests;
