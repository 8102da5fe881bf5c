//! Kind `http`: do the endpoints answer as they should?
//!
//! Requests are asked in order: GET and HEAD requests beside one another, any other request alone. Retries, waits and
//! successes in a row are asked as further attempts with a `not_before`, so the whole polling is a function of what was
//! seen. A later request that uses a capture waits for the request that makes it.
//!
//! Deliberately absent: cookies, redirects to other hosts, and any way for an answer to choose which host is asked.

mod judge;
mod spec;

use super::super::{
    Checks, Context, Evidence, Gate, Header, Judgement, Kind, Probe, ProbeKey, config,
    config::collect::Collector,
    endpoint, expect,
    probe::{Answer, Ask, HttpAsk},
    shapes,
};
use crate::{
    domain::{Fault, Finding, Reason, Result, Span, Timestamp, Verb},
    text::{
        source::Source,
        template::{Slot, Template, map_strings},
    },
};
use serde_json::{Map, Value};
use spec::{HttpSpec, Request};

pub static KIND: Kind = Kind {
    id: "http",
    about: "do the endpoints answer?",
    page: include_str!("http.md"),
    codes: CODES,
    verbs: &[Verb::Promote],
    writes: true,
    read,
    schema: |generator| generator.subschema_for::<HttpSpec>(),
};

const CODES: &[(&str, &str)] = &[
    ("http/status", "the status code is not an expected one"),
    ("http/redirect", "the endpoint redirects where no redirect was expected"),
    ("http/content-type", "the media type is not an expected one"),
    ("http/header", "a response header is missing or has another value"),
    ("http/jq", "a jq program over the body does not give true"),
    ("http/undecided", "a jq program compares values of two types or one that is not there, or gives no boolean: nothing can be concluded"),
    ("http/latency", "the answer took longer than allowed"),
    ("http/certificate", "the server certificate expires too soon"),
    ("http/capture", "a part of the answer that a later request needs is not there"),
    ("http/elsewhere", "the URL is not on the channel's own host, or does not say plainly on which it is"),
    ("http/not-consecutive", "the recorded answers break off before there were enough good ones in a row"),
    ("http/server-error", "the server answered with an unexpected 5xx status: nothing can be concluded"),
    ("http/empty", "the body is empty where one is needed"),
    ("http/truncated", "the body is longer than what is recorded: nothing can be concluded"),
    ("http/not-json", "the body is no JSON where a jq program must read it"),
    ("http/redacted", "the verdict would hang on a value that is redacted before it is judged"),
    ("http/no-certificate", "the life of the server certificate could not be found out"),
    ("http/no-value", "a placeholder of the request has no value here"),
    ("http/not-asked", "the request was not asked, because an earlier one did not give what it needs"),
    ("http/unanswered", "there is no recorded answer to the request"),
    ("http/foreign-answer", "the recorded answer belongs to another request"),
    ("http/timeout", "no whole answer within the time limit"),
    ("http/unreachable", "no connection, or it broke off"),
    ("http/tls", "the server could not prove who it is"),
    ("http/redirect-elsewhere", "a redirect led to another host and was not followed"),
    ("http/too-many-redirects", "there were more redirects than the request follows"),
    ("http/unset-variable", "a variable that the request needs is not set"),
    ("http/bad-question", "the request cannot be sent as it stands"),
    ("http/unreadable", "the answer came, but could not be read"),
    ("http/effects-not-allowed", "the request changes something, which this verb does not allow"),
    ("http/nothing-to-check", "there is no request"),
];

/// The longest wait that doubling leads to.
const LONGEST_WAIT: Span = Span::minutes(1);

struct Http {
    requests: Vec<Request>,
}

fn read(source: &Source) -> Result<(Header, Box<dyn Gate>)> {
    let (header, spec) = config::read::<HttpSpec>(source)?;
    let mut collector = Collector::new(source);
    let requests = spec::check(source, spec, &mut collector);
    if collector.findings.is_empty() {
        return Ok((header, Box::new(Http { requests })));
    }
    Err(Fault::new(Reason::BadConfig, format!("{} is no valid gate", source.file)).findings(collector.findings))
}

impl Gate for Http {
    fn asks(&self, cx: &Context, seen: &Evidence) -> Vec<Probe> {
        let mut probes = Vec::new();
        let mut captures = Map::new();
        for (item, request) in self.requests.iter().enumerate() {
            let item = item as u32;
            if !request.is_safe() && !probes.is_empty() {
                break;
            }
            let attempts = seen.attempts(item);
            let Ok(ask) = request.ask(cx, &captures) else { continue };
            match request.progress(cx, &attempts, &captures) {
                Progress::Good(answer) => captures.extend(request.captured(cx, answer, &captures)),
                Progress::Bad => {}
                Progress::Open { attempt, not_before } => {
                    probes.push(Probe { key: ProbeKey { item, attempt }, ask: Ask::Http(ask), not_before, effect: request.effect });
                    if !request.is_safe() {
                        break;
                    }
                }
            }
        }
        probes
    }

    fn attempts(&self, item: u32) -> u32 {
        self.requests.get(item as usize).map_or(1, |request| request.attempts)
    }

    fn judge(&self, cx: &Context, seen: &Evidence) -> Judgement {
        let mut checks = Checks::new();
        let mut captures = Map::new();
        for (item, request) in self.requests.iter().enumerate() {
            let attempts = seen.attempts(item as u32);
            match request.ask(cx, &captures) {
                Ok(_) => judge::request(request, cx, &attempts, &captures, &mut checks),
                Err(NotAsked::Capture(name)) => {
                    let why = if captures.contains_key(&name) { "is no text or number" } else { "was not captured" };
                    let message = format!("{} was not asked: `{name}` {why}", request.name());
                    checks.unknown(Finding::error("http/not-asked", message).at(request.place.clone()));
                }
                Err(NotAsked::NoValue(slot)) => {
                    let finding = Finding::error("http/no-value", format!("`{slot}` has no value here")).at(request.place.clone());
                    checks.unknown(finding.help("name a release or a commit, or give the channel a `base_url`"));
                }
                Err(NotAsked::Elsewhere(not_asked)) => {
                    let mut place = request.place.clone();
                    // What is unclear about a URL may be a password in it.
                    place.source = place.source.filter(|_| matches!(not_asked, endpoint::NotAsked::OtherHost(_)));
                    checks.fail(Finding::error("http/elsewhere", not_asked.why()).at(place).help(not_asked.help()));
                }
            }
            if let Progress::Good(answer) = request.progress(cx, &attempts, &captures) {
                captures.extend(request.captured(cx, answer, &captures));
            }
        }
        checks.judge("http")
    }
}

/// Why a request cannot be asked.
enum NotAsked {
    /// No earlier answer gave this.
    Capture(String),
    NoValue(Slot),
    Elsewhere(endpoint::NotAsked),
}

/// How far a request is.
enum Progress<'a> {
    /// Good answers enough in a row; the newest.
    Good(&'a Answer),
    /// No attempt is left.
    Bad,
    Open {
        attempt: u32,
        not_before: Option<Timestamp>,
    },
}

impl Request {
    /// The request with everything filled in but variables.
    fn ask(&self, cx: &Context, captures: &Map<String, Value>) -> std::result::Result<HttpAsk, NotAsked> {
        let placeholders = cx.placeholders();
        let value = |slot: &Slot| match slot {
            Slot::Value(name) => placeholders.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()),
            Slot::Capture(name) => captures.get(name).and_then(as_text),
            Slot::Env(_) => None,
        };
        let missing = |slot: Slot| match slot {
            Slot::Capture(name) => NotAsked::Capture(name),
            slot => NotAsked::NoValue(slot),
        };
        let stage = |template: &Template| template.stage(value).map_err(missing);
        let url = shapes::stage_url(&self.url, value).map_err(missing)?;
        let lawful = match &cx.base_url {
            Some(base_url) if !self.elsewhere => endpoint::on_host_of(&url, base_url),
            _ => endpoint::check_url(&url),
        };
        lawful.map_err(NotAsked::Elsewhere)?;
        let mut json = self.json.clone();
        if let Some(json) = &mut json {
            // Every string was parsed when the gate was read, so a text that is no template cannot come up here.
            map_strings(json, |text| Template::parse(text).map_or(Ok(text.to_owned()), |template| stage(&template)))?;
        }
        let headers = self.headers.iter().map(|(name, value)| Ok((name.clone(), stage(value)?)));
        let record = self.expect.headers.iter().map(|(name, ..)| name.clone()).chain(["location".to_owned()]);
        Ok(HttpAsk {
            method: self.method.to_owned(),
            url,
            headers: headers.collect::<std::result::Result<_, NotAsked>>()?,
            json,
            text: self.text.as_ref().map(stage).transpose()?,
            within: self.within,
            redirects: self.follow,
            record: record.collect(),
            certificate: self.expect.certificate_days.is_some(),
        })
    }

    fn progress<'a>(&self, cx: &Context, attempts: &[&'a Answer], captures: &Map<String, Value>) -> Progress<'a> {
        let good = |answer: &&&Answer| judge::is_good(self, cx, answer, captures);
        let in_a_row = attempts.iter().rev().take_while(good).count() as u32;
        match attempts.last() {
            None => Progress::Open { attempt: 1, not_before: None },
            Some(last) if in_a_row >= self.consecutive => Progress::Good(last),
            // Not enough attempts are left for the rest of the row.
            Some(last) if last.key.attempt.saturating_add(self.consecutive - in_a_row) > self.attempts => Progress::Bad,
            Some(last) => {
                let bad = attempts.iter().rev().take_while(|answer| !good(answer)).count() as u32;
                let not_before = Some(last.time.plus(wait(self.backoff, bad)));
                Progress::Open { attempt: last.key.attempt + 1, not_before }
            }
        }
    }

    /// What a good answer gives to later requests.
    fn captured(&self, cx: &Context, answer: &Answer, captures: &Map<String, Value>) -> Map<String, Value> {
        let variables = expect::variables(cx, captures);
        let body = judge::body(answer);
        let read = |(name, program): &(String, expect::Expectation)| Some((name.clone(), program.value(body?, &variables).ok()?));
        self.capture.iter().filter_map(read).collect()
    }

    /// `GET https://example.com/x` as far as it is known before it is asked.
    fn name(&self) -> String {
        let shown = self.url.expand(|slot| Some(slot.to_string())).unwrap_or_default();
        format!("{} {shown}", self.method)
    }
}

/// The wait after so many bad answers in a row.
fn wait(backoff: Span, bad: u32) -> Span {
    let doubled = backoff.as_millis().saturating_mul(1 << bad.saturating_sub(1).min(32));
    Span::millis(doubled.min(LONGEST_WAIT.as_millis().max(backoff.as_millis())))
}

/// A captured value as it stands in a URL, a header or a body.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::shapes::{assert_refused, refusals};

    #[test]
    fn what_is_wrong_is_refused_at_its_place() {
        let cases = [
            (r#"get: "{base_url}/", json: {}"#, "config/missing-key <get> the key `expect` is missing"),
            (r#"get: "{base_url}/", expect: {}"#, "config/missing-key <{> `expect` expects nothing"),
            (r#"expect: { status: 200 }"#, "config/missing-key <{> the request has no URL"),
            (
                r#"get: "{base_url}/", put: "{base_url}/", expect: { status: 200 }"#,
                "config/several-methods <\"{base_url}/\"> a request has exactly one method",
            ),
            (r#"get: "{base_url}/x{chanel}", expect: { status: 200 }"#, "config/bad-template <{chanel}> unknown placeholder `{chanel}`"),
            (
                r#"get: "{base_url}/{capture.ID}", expect: { status: 200 }"#,
                "config/bad-template <{capture.ID}> no earlier request captures `ID`",
            ),
            (
                r#"get: "{base_url}.evil.test/", expect: { status: 200 }"#,
                "config/bad-template <{base_url}.evil.test/> `{base_url}` is followed by a path",
            ),
            (
                r#"get: "https://{env.HOST}/", expect: { status: 200 }"#,
                "config/bad-template <{env.HOST}> `{env.HOST}` may not decide which host is asked",
            ),
            (r#"get: "/x", expect: { status: 200 }"#, "config/bad-template </x> `/x` is no URL"),
            (r#"get: "{base_url}/", expect: { jq: [".a =="] }"#, "config/query "),
            (r#"get: "{base_url}/", expect: { jq: ["$nope"] }"#, "config/query "),
            (r#"get: "{base_url}/", expect: { jq: [".a | env"] }"#, "config/query "),
            (r#"head: "{base_url}/", expect: { jq: [".a"] }"#, "config/no-body "),
            (r#"get: "{base_url}/", expect: { status: [] }"#, "config/wrong-value <[> status codes from 100 to 599"),
            (r#"get: "{base_url}/", expect: { status: 999 }"#, "config/wrong-value <999> status codes from 100 to 599"),
            (r#"get: "{base_url}/", expect: { status: "200" }"#, "config/wrong-type "),
            (
                r#"get: "{base_url}/", expect: { content_type: "application/json; charset=utf-8" }"#,
                "config/wrong-value <\"application/json; charset=utf-8\"> media types",
            ),
            (r#"get: "{base_url}/", expect: { headers: { "a b": x } }"#, "config/wrong-value <\"a b\"> `a b` is no name of a header"),
            (
                r#"get: "{base_url}/", expect: { headers: { a: { matches: "(" } } }"#,
                "config/wrong-value <\"(\"> the regular expression does not compile: unclosed group",
            ),
            (r#"get: "{base_url}/", expect: { headers: { a: { match: x } } }"#, "config/unknown-key <match> unknown key `match`"),
            (r#"get: "{base_url}/", headers: { A: x, a: y }, expect: { status: 200 }"#, "config/duplicate <a> the header `a`"),
            (
                r#"get: "{base_url}/", headers: { A: "x\ny" }, expect: { status: 200 }"#,
                "config/wrong-value <\"x\\ny\"> the value of a header is one line",
            ),
            (
                r#"post: "{base_url}/", json: { a: ["{nope}"] }, expect: { status: 200 }"#,
                "config/bad-template <{nope}> unknown placeholder `{nope}`",
            ),
            (r#"post: "{base_url}/", json: {}, text: "", expect: { status: 200 }"#, "config/several-bodies "),
            (r#"get: "{base_url}/", attempts: 0, expect: { status: 200 }"#, "config/wrong-value <0> a number from 1 to 1000"),
            (
                r#"get: "{base_url}/", attempts: 2, consecutive: 3, expect: { status: 200 }"#,
                "config/wrong-value <2> 2 attempts can never give 3",
            ),
            (r#"get: "{base_url}/", within: 5, expect: { status: 200 }"#, "config/wrong-value <5> `5` is no duration"),
            (
                r#"get: "{base_url}/", capture: { "a-b": .a }, expect: { status: 200 }"#,
                "config/wrong-value <\"a-b\"> the name of a capture",
            ),
            (r#"get: "{base_url}/", effect: maybe, expect: { status: 200 }"#, "config/unknown-word <maybe> `maybe` is not known here"),
            (r#"get: "{base_url}/", latency: 5s, expect: { status: 200 }"#, "config/unknown-key <latency> unknown key `latency`"),
        ];
        assert_refused(&KIND, cases.map(|(request, wanted)| (format!("title: T\nhttp:\n  - {{ {request} }}\n"), wanted)));
    }

    #[test]
    fn everything_wrong_is_found_in_one_reading() {
        let text = "title: T\nhttp:\n  - get: '{base_url}/{a}'\n    expect: { status: 99, jq: ['('] }\n    capture: { X: .x }\n  - get: '{base_url}/{capture.X}'\n    expect: { status: 200 }\n    capture: { X: .x }\n";
        let found = refusals(&KIND, text);
        let marked: Vec<&str> = found.iter().filter_map(|text| text.split(' ').nth(1)).collect();
        assert_eq!(marked, ["<{a}>", "<99>", "<'>", "<X>"], "{found:#?}");
    }

    #[test]
    fn waits_double_up_to_a_minute() {
        let second = Span::seconds(1);
        for (backoff, bad, want) in [
            (second, 0, second),
            (second, 1, second),
            (second, 2, Span::seconds(2)),
            (second, 6, Span::seconds(32)),
            (second, 7, Span::minutes(1)),
            (second, u32::MAX, Span::minutes(1)),
            (Span::minutes(5), 9, Span::minutes(5)),
            (Span::millis(0), 9, Span::millis(0)),
        ] {
            assert_eq!(wait(backoff, bad), want, "{backoff} after {bad}");
        }
    }
}
