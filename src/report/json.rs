//! The JSON answer: the members that every answer has, then those of its body.

use super::{Body, Report, safe};
use serde_json::{Map, Value};

/// The whole answer as one pretty-printed JSON object and a newline.
pub fn render(report: &Report) -> String {
    // A map of plain values has no unserialisable key and no failing member.
    let text = serde_json::to_string_pretty(&value(report)).unwrap_or_default();
    safe::neutral_json(&text) + "\n"
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
        Body::Channel(shape) => plain(shape),
        Body::Version(shape) => plain(shape),
        Body::Resolve(shape) => plain(shape),
        Body::History(shape) => plain(shape),
        Body::Audit(shape) => plain(shape),
        Body::Policy(shape) => plain(shape),
        Body::Entry(shape) => plain(shape),
        Body::Doctor(shape) => plain(shape),
        Body::Docs(shape) => plain(shape),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{TextShape, sample};

    /// The members that scripts rely on, by schema; `a.b` and `a[].b` go into objects and lists.
    const PROMISED: &[(&str, &str)] = &[
        (
            "tagwarden.run/1",
            "channel commit policy gates[].id gates[].kind gates[].title gates[].on_fail gates[].outcome gates[].reason_code gates[].findings gates[].evidence gates[].duration_ms signing",
        ),
        (
            "tagwarden.move/1",
            "channel releases[].package releases[].version releases[].commit moves[].ref moves[].from moves[].to moves[].commit ledger run.schema run.decision run.reason_code run.gates[].id signing",
        ),
        ("tagwarden.rehearsal/1", "steps[].name steps[].outcome steps[].duration_ms steps[].detail signing"),
        (
            "tagwarden.status/1",
            "channels[].channel channels[].release channels[].commit channels[].serial channels[].since channels[].hold channels[].drift signing",
        ),
        ("tagwarden.channel/1", "channel release commit serial since hold drift signing"),
        ("tagwarden.version/1", "version"),
        ("tagwarden.resolve/1", "channel release commit tag.ref tag.oid serial since ledger.entry signing"),
        (
            "tagwarden.history/1",
            "entries[].serial entries[].action entries[].channel entries[].actor entries[].reason entries[].time entries[].moves entries[].entry signing",
        ),
        ("tagwarden.audit/1", "head entries rejudged[].verdict signing"),
        ("tagwarden.policy/1", "version tree committed ledger.serial threshold signers[].principal roles[].may gates[].id signing"),
        ("tagwarden.entry-written/1", "action serial entry ref actor.id reason time channel releases signing"),
        ("tagwarden.doctor/1", "checks[].name checks[].outcome checks[].help checks[].fixed"),
        ("tagwarden.init/1", "files[].path files[].written signing"),
        ("tagwarden.text/1", "media_type text"),
        ("tagwarden.error/1", "message help"),
    ];

    fn samples() -> Vec<Report> {
        let text = Report::new(crate::domain::Reason::Passed, Body::Text(TextShape::plain("x")));
        let all = [
            sample::verify(),
            sample::passed(),
            sample::moved(),
            sample::dry_run(),
            sample::lost_race(),
            sample::hostile(),
            sample::refused(),
        ];
        let ledger =
            [sample::status(), sample::channel(), sample::resolve(), sample::history(), sample::audit(), sample::policy(), sample::entry()];
        let rest = [sample::rehearsal(), sample::doctor(), sample::init(), sample::version(), text];
        all.into_iter().chain(ledger).chain(rest).collect()
    }

    #[test]
    fn every_answer_keeps_its_promises() {
        for report in samples() {
            let answer = value(&report);
            let schema = answer["schema"].as_str().unwrap();
            let (_, promised) = PROMISED.iter().find(|(name, _)| *name == schema).unwrap_or_else(|| panic!("{schema} has no promises"));
            for path in "decision reason_code findings notices".split(' ').chain(promised.split(' ')) {
                assert!(has(&answer, path), "{schema} lacks {path}: {answer:#}");
            }
            let parsed: Value = serde_json::from_str(&render(&report)).unwrap();
            assert_eq!(parsed, answer);
        }
        let seen: std::collections::BTreeSet<&str> = samples().iter().map(|report| report.body.schema()).collect();
        assert_eq!(seen.len(), PROMISED.len(), "every promise has a sample");
    }

    fn has(value: &Value, path: &str) -> bool {
        let Some((head, rest)) = path.split_once('.') else { return value.get(path).is_some() };
        match head.strip_suffix("[]") {
            Some(list) => {
                value.get(list).and_then(Value::as_array).is_some_and(|items| !items.is_empty() && items.iter().all(|item| has(item, rest)))
            }
            None => value.get(head).is_some_and(|member| has(member, rest)),
        }
    }

    #[test]
    fn decisions_follow_from_reasons() {
        for (report, decision) in [
            (sample::verify(), "stop"),
            (sample::passed(), "continue"),
            (sample::moved(), "done"),
            (sample::dry_run(), "continue"),
            (sample::lost_race(), "stop"),
            (sample::refused(), "stop"),
            (sample::entry(), "done"),
            (sample::status(), "stop"),
            (sample::init(), "done"),
        ] {
            assert_eq!(value(&report)["decision"], decision, "{:?}", report.reason);
        }
    }

    #[test]
    fn a_move_and_a_refusal() {
        insta::assert_snapshot!(render(&sample::moved()), @r#"
        {
          "schema": "tagwarden.move/1",
          "decision": "done",
          "reason_code": "moved",
          "signing": "ssh",
          "verb": "promote",
          "channel": "production",
          "releases": [
            {
              "package": "web",
              "version": "1.4.0",
              "commit": "cccccccccccccccccccccccccccccccccccccccc",
              "tag": "dddddddddddddddddddddddddddddddddddddddd"
            }
          ],
          "moves": [
            {
              "ref": "refs/tags/channel/production",
              "from": null,
              "to": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
              "commit": "cccccccccccccccccccccccccccccccccccccccc"
            }
          ],
          "ledger": {
            "ref": "refs/heads/tagwarden/ledger",
            "entry": "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee",
            "serial": 12
          },
          "dry_run": false,
          "run": {
            "schema": "tagwarden.run/1",
            "decision": "continue",
            "reason_code": "passed",
            "verb": "promote",
            "channel": "production",
            "commit": "cccccccccccccccccccccccccccccccccccccccc",
            "policy": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
            "started": "2026-11-21T10:00:00Z",
            "gates": [
              {
                "number": 1,
                "id": "env",
                "kind": "http",
                "title": "The env gate",
                "owner": null,
                "on_fail": "halt",
                "outcome": "passed",
                "reason_code": "passed",
                "findings": [],
                "evidence": "sha256:b77349bf1fa9b26d45d545d7d64dad96737e9cfbb3cbb5f5d10fb77b0fcc44ad",
                "duration_ms": 41,
                "waiver": null
              }
            ]
          },
          "after": null,
          "next": "See it: `tagwarden status`.",
          "findings": [],
          "notices": []
        }
        "#);
        insta::assert_snapshot!(render(&sample::refused()), @r#"
        {
          "schema": "tagwarden.error/1",
          "decision": "stop",
          "reason_code": "held",
          "message": "production is held",
          "help": "`tagwarden status` shows the hold; `tagwarden unhold` lifts it.",
          "findings": [
            {
              "code": "http/status",
              "severity": "error",
              "message": "the status was 500, expected 200",
              "file": "gates/20-health.yaml",
              "line": 3,
              "column": 11,
              "end_column": 29,
              "pointer": "/status",
              "help": "look at the service's log"
            }
          ],
          "notices": []
        }
        "#);
    }

    #[test]
    fn hostile_text_survives_as_data() {
        let parsed: Value = serde_json::from_str(&render(&sample::hostile())).unwrap();
        assert_eq!(parsed["gates"][0]["title"], sample::HOSTILE);
    }
}
