//! `snapshot status`: how old the newest capture is, when the store was verified last and what that found, in numbers for alerts.
//!
//! It reads log and index, and no blob: whether the bytes are right is said by the last `verify`.

use super::{Around, args::SnapshotStatus};
use crate::{
    cli::Session,
    domain::{Finding, Reason, Result},
    report::{
        Body, Report, TextShape,
        shape::snapshot::{SnapshotAnswer, SourceShape, StatusShape},
    },
};
use std::{collections::BTreeMap, fmt::Write as _};

pub async fn run(session: &Session, args: &SnapshotStatus) -> Result<Report> {
    let around = Around::of(session, &args.store).await?;
    let view = around.open()?.view()?;
    let now = session.clock.now();
    let age = |time: crate::domain::Timestamp| now.seconds_since(time).max(0).unsigned_abs();
    let mut sources: BTreeMap<&str, SourceShape> = BTreeMap::new();
    for known in view.state.snapshots.values() {
        let (digest, capture) = (known.capture.snapshot.clone(), &known.capture);
        let shape = SourceShape { source: capture.source.clone(), digest, captured: known.time, age_seconds: age(known.time) };
        sources.insert(&capture.source, shape);
    }
    let findings = super::list::doubts(&view);
    let open: Vec<Finding> = super::verify::open_restores(&view);
    let log_verifies = view.broken.is_none() && view.is_logged;
    // Of a log that cannot be believed nothing is counted: 0 would say that all is well.
    let known = |count: usize| log_verifies.then_some(count);
    let shape = StatusShape {
        snapshots: view.index.sizes().len(),
        bytes: log_verifies.then(|| view.state.snapshots.values().map(|known| known.capture.bytes).sum()),
        newest: view.state.snapshots.values().last().map(|known| known.time),
        age_seconds: view.state.snapshots.values().last().map(|known| age(known.time)),
        verified: view.state.verified.map(|(time, _)| time),
        verified_age_seconds: view.state.verified.map(|(time, _)| age(time)),
        verified_findings: view.state.verified.map(|(_, findings)| findings),
        rehearsed: view.state.rehearsed.as_ref().map(|(time, _)| *time),
        rehearsed_age_seconds: view.state.rehearsed.as_ref().map(|(time, _)| age(*time)),
        rehearsal_passed: view.state.rehearsed.as_ref().map(|(_, rehearsal)| rehearsal.failed.is_empty()),
        events: view.log.events.len() as u64,
        log_verifies,
        missing: known(view.state.snapshots.keys().filter(|digest| !view.index.has(digest)).count()),
        open_restores: known(open.len()),
        sources: sources.into_values().collect(),
    };
    if args.prometheus {
        return Ok(Report::new(Reason::Passed, Body::Text(TextShape::plain(metrics(&shape)))));
    }
    Ok(around.report(Reason::Passed, SnapshotAnswer::Status(Box::new(shape))).findings(findings).findings(open))
}

/// The text format of Prometheus. What is not known has no line.
fn metrics(shape: &StatusShape) -> String {
    let mut text = String::new();
    let mut metric = |name: &str, about: &str, values: Vec<(String, u64)>| {
        if values.is_empty() {
            return;
        }
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP tagwarden_snapshot_{name} {about}\n# TYPE tagwarden_snapshot_{name} gauge");
        for (labels, value) in values {
            let _ = writeln!(text, "tagwarden_snapshot_{name}{labels} {value}");
        }
    };
    let one = |value: u64| vec![(String::new(), value)];
    let maybe = |value: Option<u64>| value.map(one).unwrap_or_default();
    let sources = shape.sources.iter().map(|source| (format!("{{source=\"{}\"}}", label(&source.source)), source.age_seconds));
    metric("count", "Snapshots that the store names.", one(shape.snapshots as u64));
    metric("bytes", "Bytes of all captured files.", maybe(shape.bytes));
    metric("age_seconds", "Seconds since the newest capture.", maybe(shape.age_seconds));
    metric("source_age_seconds", "Seconds since the newest capture of a source.", sources.collect());
    metric("verified_age_seconds", "Seconds since the store was verified as a whole.", maybe(shape.verified_age_seconds));
    metric("verified_findings", "What the last verification found.", maybe(shape.verified_findings));
    metric("rehearsed_age_seconds", "Seconds since a restore was rehearsed.", maybe(shape.rehearsed_age_seconds));
    metric("rehearsal_passed", "Whether the last rehearsal passed: 1 or 0.", maybe(shape.rehearsal_passed.map(u64::from)));
    metric("log_verifies", "Whether the log fits its head: 1 or 0.", one(u64::from(shape.log_verifies)));
    metric("missing", "Snapshots that the log knows and the store does not name.", maybe(shape.missing.map(|count| count as u64)));
    metric("open_restores", "Restores that began and did not end.", maybe(shape.open_restores.map(|count| count as u64)));
    text
}

fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
