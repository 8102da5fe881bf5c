//! The JSON answer: the members that every answer has, then those of its body.

use super::{Body, Report};
use serde_json::{Map, Value};

/// The whole answer as one pretty-printed JSON object and a newline.
pub fn render(report: &Report) -> String {
    // A map of plain values has no unserialisable key and no failing member.
    let mut text = serde_json::to_string_pretty(&value(report)).unwrap_or_default();
    text.push('\n');
    text
}

/// The whole answer. Order of members: `schema`, `decision`, `reason_code`, `signing`, the body's, `findings`, `notices`.
pub fn value(report: &Report) -> Value {
    let mut answer = Map::new();
    answer.insert("schema".into(), report.body.schema().into());
    answer.insert("decision".into(), plain(&report.decision()));
    answer.insert("reason_code".into(), report.reason.slug().into());
    if let Some(signing) = report.signing {
        answer.insert("signing".into(), signing.slug().into());
    }
    for (key, member) in members(&report.body) {
        answer.entry(key).or_insert(member);
    }
    if matches!(report.body, Body::Error(_)) {
        answer.insert("help".into(), report.next_step().into());
    } else {
        answer.insert("next".into(), report.next_step().into());
    }
    answer.insert("findings".into(), plain(&report.findings));
    answer.insert("notices".into(), plain(&report.notices));
    Value::Object(answer)
}

fn members(body: &Body) -> Map<String, Value> {
    let value = match body {
        Body::Run(shape) => plain(shape),
        Body::Move(shape) => plain(shape),
        Body::Rehearsal(shape) => plain(shape),
        Body::Status(shape) => plain(shape),
        Body::Resolve(shape) => plain(shape),
        Body::History(shape) => plain(shape),
        Body::Audit(shape) => plain(shape),
        Body::Policy(shape) => plain(shape),
        Body::Entry(shape) => plain(shape),
        Body::Doctor(shape) => plain(shape),
        Body::Init(shape) => plain(shape),
        Body::Text(shape) => plain(shape),
        Body::Error(shape) => plain(shape),
    };
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// The shapes are plain data with string keys: their serialisation cannot fail.
fn plain(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}
