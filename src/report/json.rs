//! The JSON answer: the members that every answer has, then those of its body.

use super::{Body, Report, safe, shape};
use crate::domain::{ChannelName, Decision, Finding, Oid, Reason, Timestamp, Verb};
use serde::Serialize;
use serde_json::Value;

/// The whole answer as one pretty-printed JSON object and a newline.
pub fn render(report: &Report) -> String {
    // A map of plain values has no unserialisable key and no failing member.
    finished(serde_json::to_string_pretty(&Answer::of(report)).unwrap_or_default())
}

/// The same with further members behind the others.
pub fn render_with<const N: usize>(report: &Report, further: [(&str, Value); N]) -> String {
    // As above.
    let mut answer = serde_json::to_value(Answer::of(report)).unwrap_or_default();
    if let Value::Object(members) = &mut answer {
        members.extend(further.map(|(name, value)| (name.to_owned(), value)));
    }
    finished(serde_json::to_string_pretty(&answer).unwrap_or_default())
}

fn finished(text: String) -> String {
    let mut text = safe::neutral_json(text);
    text.push('\n');
    text
}

/// Written as it is read, since an answer about very many references is no small thing. In this order.
#[derive(Serialize)]
struct Answer<'r> {
    schema: &'static str,
    decision: Decision,
    reason_code: Reason,
    #[serde(skip_serializing_if = "Option::is_none")]
    signing: Option<&'static str>,
    #[serde(flatten)]
    members: Members<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    findings: &'r [Finding],
    notices: &'r [String],
}

impl<'r> Answer<'r> {
    fn of(report: &'r Report) -> Answer<'r> {
        let step = Some(report.next_step());
        let (help, next) = if matches!(report.body, Body::Error(_)) { (step, None) } else { (None, step) };
        Answer {
            schema: report.body.schema(),
            decision: report.decision(),
            reason_code: report.reason,
            signing: report.signing.map(|signing| signing.slug()),
            members: Members::of(&report.body),
            help,
            next,
            findings: &report.findings,
            notices: &report.notices,
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Members<'r> {
    Run(RunMembers<'r>),
    Move(&'r shape::MoveShape),
    Rehearsal(&'r shape::RehearsalShape),
    Status(&'r shape::StatusShape),
    Channel(&'r shape::ChannelShape),
    Version(&'r shape::VersionShape),
    Resolve(&'r shape::ResolveShape),
    History(&'r shape::HistoryShape),
    Audit(&'r shape::AuditShape),
    Policy(&'r shape::PolicyShape),
    Entry(&'r shape::EntryShape),
    Doctor(&'r shape::DoctorShape),
    Docs(&'r shape::DocsShape),
    Catalog(&'r shape::CatalogShape),
    Sync(&'r shape::SyncShape),
    Diff(&'r shape::DiffShape),
    CatalogHistory(&'r shape::CatalogHistoryShape),
    Immutability(&'r shape::ImmutabilityShape),
    Bumps(&'r shape::BumpsShape),
    Snapshot(&'r shape::snapshot::SnapshotShape),
    Init(&'r shape::InitShape),
    Text(&'r shape::TextShape),
    Error(&'r shape::ErrorShape),
}

/// A run without the members that every answer has, which it bears itself for where it stands inside a move.
#[derive(Serialize)]
struct RunMembers<'r> {
    verb: Verb,
    channel: &'r ChannelName,
    commit: &'r Option<Oid>,
    policy: &'r Option<Oid>,
    started: Timestamp,
    gates: &'r [shape::GateShape],
}

impl<'r> Members<'r> {
    fn of(body: &'r Body) -> Members<'r> {
        match body {
            Body::Run(shape) => {
                let shape::RunShape { schema: _, decision: _, reason_code: _, verb, channel, commit, policy, started, gates } = shape;
                Members::Run(RunMembers { verb: *verb, channel, commit, policy, started: *started, gates })
            }
            Body::Move(shape) => Members::Move(shape),
            Body::Rehearsal(shape) => Members::Rehearsal(shape),
            Body::Status(shape) => Members::Status(shape),
            Body::Channel(shape) => Members::Channel(shape),
            Body::Version(shape) => Members::Version(shape),
            Body::Resolve(shape) => Members::Resolve(shape),
            Body::History(shape) => Members::History(shape),
            Body::Audit(shape) => Members::Audit(shape),
            Body::Policy(shape) => Members::Policy(shape),
            Body::Entry(shape) => Members::Entry(shape),
            Body::Doctor(shape) => Members::Doctor(shape),
            Body::Docs(shape) => Members::Docs(shape),
            Body::Catalog(shape) => Members::Catalog(shape),
            Body::Sync(shape) => Members::Sync(shape),
            Body::Diff(shape) => Members::Diff(shape),
            Body::CatalogHistory(shape) => Members::CatalogHistory(shape),
            Body::Immutability(shape) => Members::Immutability(shape),
            Body::Bumps(shape) => Members::Bumps(shape),
            Body::Snapshot(shape) => Members::Snapshot(shape),
            Body::Init(shape) => Members::Init(shape),
            Body::Text(shape) => Members::Text(shape),
            Body::Error(shape) => Members::Error(shape),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{TextShape, sample};
    use serde_json::Value;

    fn value(report: &Report) -> Value {
        serde_json::to_value(Answer::of(report)).unwrap()
    }

    /// The members that scripts rely on, by schema; `a.b` and `a[].b` go into objects and lists.
    const PROMISED: &[(&str, &str)] = &[
        (
            "tagwarden.run/1",
            "channel commit policy gates[].id gates[].kind gates[].title gates[].on_fail gates[].outcome gates[].reason_code gates[].findings gates[].evidence gates[].duration_ms signing",
        ),
        (
            "tagwarden.move/1",
            "channel commit tag version previous_commit moved releases[].package releases[].version releases[].commit moves[].ref moves[].from moves[].to moves[].commit ledger run.schema run.decision run.reason_code run.gates[].id signing",
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
            "entries[].serial entries[].action entries[].channel entries[].actor entries[].reason entries[].time entries[].moves entries[].about entries[].after entries[].entry signing",
        ),
        ("tagwarden.audit/1", "head entries rejudged[].verdict signing"),
        ("tagwarden.policy/1", "version tree committed ledger.serial threshold signers[].principal roles[].may gates[].id signing"),
        ("tagwarden.entry-written/1", "action serial entry ref actor.id reason time channel releases signing"),
        ("tagwarden.doctor/1", "checks[].name checks[].outcome checks[].help checks[].fixed"),
        ("tagwarden.snapshot/1", "store digest files bytes new source tags artifacts serial"),
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
        let rest = [sample::rehearsal(), sample::doctor(), sample::init(), sample::snapshot(), sample::version(), text];
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
          "actor": {
            "id": "ssh:release@example.com",
            "kind": "human",
            "name": "Release"
          },
          "reason": "the fix for logins",
          "commit": "cccccccccccccccccccccccccccccccccccccccc",
          "tag": "channel/production",
          "version": "1.4.0",
          "previous_commit": "9999999999999999999999999999999999999999",
          "from": "8888888888888888888888888888888888888888",
          "to": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          "moved": true,
          "way": [
            {
              "channel": "staging",
              "after": null,
              "release": "web@1.4.0"
            },
            {
              "channel": "production",
              "after": "staging",
              "release": "web@1.3.0"
            },
            {
              "channel": "demo",
              "after": null,
              "release": null
            }
          ],
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
