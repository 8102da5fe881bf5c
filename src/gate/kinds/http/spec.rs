//! What stands under `http:`, and its checked form.

use crate::{
    domain::{Finding, Place, Span},
    gate::{
        Effect,
        config::{Spec, collect::Collector},
        expect::Expectation,
        shapes::{self, OneOrMany, TextMatch},
    },
    text::{
        source::Source,
        template::{self, Allowed, Template},
        yaml::{Spanned, place_of},
    },
};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// A list of requests, asked in order.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct HttpSpec(Vec<Spanned<RequestSpec>>);

impl Spec for HttpSpec {
    const KEY: &'static str = "http";
}

/// One request: exactly one of the method keys, and what is expected of the answer.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RequestSpec {
    /// URL of a GET request.
    get: Option<Spanned<String>>,
    /// URL of a HEAD request.
    head: Option<Spanned<String>>,
    /// URL of a POST request.
    post: Option<Spanned<String>>,
    /// URL of a PUT request.
    put: Option<Spanned<String>>,
    /// URL of a PATCH request.
    patch: Option<Spanned<String>>,
    /// URL of a DELETE request.
    delete: Option<Spanned<String>>,
    /// Request headers.
    #[serde(default)]
    headers: IndexMap<Spanned<String>, Spanned<String>>,
    /// A JSON body; placeholders are filled in inside its strings.
    json: Option<Spanned<Value>>,
    /// A body as it is.
    text: Option<Spanned<String>>,
    /// How many redirects to follow on the same host; none where absent.
    follow: Option<u32>,
    /// The URL is meant to be on another host than the channel's base URL.
    #[serde(default)]
    elsewhere: bool,
    /// Whether the request changes something; `reads` for get, head and post where absent, else `writes`.
    effect: Option<EffectSpec>,
    /// What the answer must be.
    expect: Spanned<ExpectSpec>,
    /// Time limit for one exchange; 10s where absent.
    within: Option<Span>,
    /// How often to ask before the last answer counts; 1, or `consecutive`, where absent.
    attempts: Option<Spanned<u32>>,
    /// The wait before the next attempt, doubled after each bad one up to a minute; 1s where absent.
    backoff: Option<Span>,
    /// How many good answers in a row are needed; 1 where absent.
    consecutive: Option<Spanned<u32>>,
    /// Names for parts of the answer, each read by a jq program; later requests use them.
    #[serde(default)]
    capture: IndexMap<Spanned<String>, Spanned<String>>,
}

/// What an answer must be. At least one key.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ExpectSpec {
    /// Lawful status codes; 200 where absent.
    status: Option<Spanned<OneOrMany<u16>>>,
    /// Lawful media types, without parameters.
    content_type: Option<Spanned<OneOrMany<String>>>,
    /// Response headers that must be there, with their values.
    #[serde(default)]
    headers: IndexMap<Spanned<String>, Spanned<TextMatch>>,
    /// jq programs over the body, each of which must give true.
    #[serde(default)]
    jq: Vec<Spanned<String>>,
    /// The answer may take so long.
    latency: Option<Spanned<Span>>,
    /// The server certificate must still be valid for so many days.
    certificate_days: Option<Spanned<u32>>,
}

/// Whether a probe changes something outside.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum EffectSpec {
    Reads,
    Writes,
}

/// A checked request.
pub(super) struct Request {
    pub method: &'static str,
    pub url: Template,
    pub headers: Vec<(String, Template)>,
    pub json: Option<Value>,
    pub text: Option<Template>,
    pub follow: Option<u32>,
    pub elsewhere: bool,
    pub effect: Effect,
    pub within: Option<Span>,
    pub attempts: u32,
    pub backoff: Span,
    pub consecutive: u32,
    pub expect: Expect,
    pub capture: Vec<(String, Expectation)>,
    pub place: Place,
}

impl Request {
    /// Whether it may be asked beside others.
    pub fn is_safe(&self) -> bool {
        matches!(self.method, "GET" | "HEAD")
    }

    pub fn needs_body(&self) -> bool {
        !self.expect.jq.is_empty() || !self.capture.is_empty()
    }
}

/// Checked expectations, each with its place.
pub(super) struct Expect {
    pub status: (Vec<u16>, Place),
    pub content_type: Option<(Vec<String>, Place)>,
    pub headers: Vec<(String, HeaderMatch, Place)>,
    pub jq: Vec<Expectation>,
    pub latency: Option<(Span, Place)>,
    pub certificate_days: Option<(u32, Place)>,
}

pub(super) enum HeaderMatch {
    Equals(String),
    Matches(regex::Regex),
}

/// More attempts than this are a mistake: a run that waits for hours.
const MOST_ATTEMPTS: u32 = 1000;

/// Checks the requests; what is wrong goes to the collector.
pub(super) fn check(source: &Source, spec: HttpSpec, collector: &mut Collector) -> Vec<Request> {
    let mut captures: Vec<String> = Vec::new();
    let mut requests = Vec::new();
    for request in spec.0 {
        let place = place_of(source, &request);
        let names: Vec<Spanned<String>> = request.capture.keys().cloned().collect();
        requests.extend(check_request(source, request, place, &captures, collector));
        for name in names {
            if !template::is_name(&name) {
                collector.refuse(&name, "wrong-value", "the name of a capture has letters, digits and `_`, and starts with no digit");
            } else if captures.contains(&name.value) {
                collector.refuse(&name, "duplicate", format!("an earlier request captures `{}` already", name.value));
            }
            captures.push(name.value);
        }
    }
    requests
}

fn check_request(
    source: &Source,
    request: Spanned<RequestSpec>,
    place: Place,
    captures: &[String],
    collector: &mut Collector,
) -> Option<Request> {
    let at = request.with(());
    let request = request.value;
    let allowed = Allowed { values: template::VALUES, env: true, captures };
    let methods = [
        ("GET", &request.get),
        ("HEAD", &request.head),
        ("POST", &request.post),
        ("PUT", &request.put),
        ("PATCH", &request.patch),
        ("DELETE", &request.delete),
    ];
    let given: Vec<_> = methods.into_iter().filter_map(|(method, url)| Some((method, url.as_ref()?))).collect();
    let one = match given.as_slice() {
        [one] => Some(*one),
        [] => {
            collector.refuse(&at, "missing-key", "the request has no URL");
            collector.help("one of: get, head, post, put, patch, delete");
            None
        }
        [_, second, ..] => {
            collector.refuse(second.1, "several-methods", "a request has exactly one method");
            None
        }
    };
    let url = one.and_then(|(_, url)| shapes::url(collector, url, &allowed));
    let headers = request_headers(&request.headers, &allowed, collector);
    if let Some(json) = &request.json {
        check_json(json, &allowed, collector);
    }
    if let (Some(_), Some(text)) = (&request.json, &request.text) {
        collector.refuse(text, "several-bodies", "a request has `json` or `text`, not both");
    }
    let text = request.text.as_ref().and_then(|text| shapes::template(collector, text, &allowed));
    let (consecutive, attempts) = attempts(&request, collector);
    let jq_keys = || request.expect.jq.first().into_iter().chain(request.capture.values()).next();
    if let (Some(("HEAD", _)), Some(jq)) = (one, jq_keys()) {
        collector.refuse(jq, "no-body", "the answer to a HEAD request has no body to read");
    }
    let capture =
        request.capture.iter().filter_map(|(name, program)| shapes::expectation(collector, program).map(|jq| (name.value.clone(), jq)));
    let capture: Vec<(String, Expectation)> = capture.collect();
    let expect = check_expect(source, request.expect, collector)?;
    let (method, _) = one?;
    let default_effect = if matches!(method, "GET" | "HEAD" | "POST") { EffectSpec::Reads } else { EffectSpec::Writes };
    Some(Request {
        method,
        url: url?,
        headers,
        json: request.json.map(|json| json.value),
        text,
        follow: request.follow,
        elsewhere: request.elsewhere,
        effect: match request.effect.unwrap_or(default_effect) {
            EffectSpec::Reads => Effect::Reads,
            EffectSpec::Writes => Effect::Writes,
        },
        within: request.within,
        attempts,
        backoff: request.backoff.unwrap_or(Span::seconds(1)),
        consecutive,
        expect,
        capture,
        place,
    })
}

/// Lower-case names with their templates, and the header that keeps caches out of the way unless the file has its own.
fn request_headers(
    headers: &IndexMap<Spanned<String>, Spanned<String>>,
    allowed: &Allowed,
    collector: &mut Collector,
) -> Vec<(String, Template)> {
    let mut checked: Vec<(String, Template)> = Vec::new();
    for (name, value) in headers {
        let lower = header_name(name, collector);
        if value.contains(['\n', '\r', '\0']) {
            collector.refuse(value, "wrong-value", "the value of a header is one line");
        }
        let value = shapes::template(collector, value, allowed);
        if let (Some(lower), Some(value)) = (lower, value) {
            if checked.iter().any(|(known, _)| *known == lower) {
                collector.refuse(name, "duplicate", format!("the header `{lower}` stands here a second time"));
            }
            checked.push((lower, value));
        }
    }
    if !checked.iter().any(|(name, _)| name == "cache-control") {
        checked.extend(Template::parse("no-cache").ok().map(|value| ("cache-control".to_owned(), value)));
    }
    checked
}

/// A lawful header name (RFC 9110, section 5.6.2), lower case.
fn header_name(name: &Spanned<String>, collector: &mut Collector) -> Option<String> {
    let lawful = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(lawful) {
        collector.refuse(name, "wrong-value", format!("`{}` is no name of a header", name.escape_debug()));
        return None;
    }
    Some(name.to_ascii_lowercase())
}

/// Refuses unknown placeholders inside the strings of a JSON body.
fn check_json(json: &Spanned<Value>, allowed: &Allowed, collector: &mut Collector) {
    let checked = template::map_strings(&mut json.value.clone(), |text| {
        let checked = Template::parse(text).and_then(|template| template.allow(allowed));
        checked.map(|_| text.to_owned()).map_err(|malformed| (text[malformed.at.clone()].to_owned(), malformed.message))
    });
    if let Err((part, message)) = checked {
        // The strings of a JSON value have no places of their own: the first text after its start that looks the same.
        let start = json.span.start;
        let found = collector.source.text.get(start..).and_then(|rest| rest.find(&part)).map(|at| start + at..start + at + part.len());
        let place = found.map_or_else(|| place_of(collector.source, json), |range| collector.source.place(range));
        collector.findings.push(Finding::error("config/bad-template", message).at(place));
    }
}

fn attempts(request: &RequestSpec, collector: &mut Collector) -> (u32, u32) {
    for number in [&request.attempts, &request.consecutive].into_iter().flatten() {
        if number.value == 0 || number.value > MOST_ATTEMPTS {
            collector.refuse(number, "wrong-value", format!("a number from 1 to {MOST_ATTEMPTS} must stand here"));
        }
    }
    let consecutive = request.consecutive.as_ref().map_or(1, |number| number.value);
    match &request.attempts {
        Some(attempts) if attempts.value > 0 && attempts.value < consecutive => {
            let message = format!("{} attempts can never give {consecutive} good answers in a row", attempts.value);
            collector.refuse(attempts, "wrong-value", message);
            (consecutive, attempts.value)
        }
        Some(attempts) => (consecutive, attempts.value),
        None => (consecutive, consecutive),
    }
}

fn check_expect(source: &Source, spec: Spanned<ExpectSpec>, collector: &mut Collector) -> Option<Expect> {
    let at = spec.with(());
    let place = place_of(source, &spec);
    let ExpectSpec { status, content_type, headers, jq, latency, certificate_days } = spec.value;
    let nothing = status.is_none() && content_type.is_none() && headers.is_empty() && jq.is_empty();
    if nothing && latency.is_none() && certificate_days.is_none() {
        collector.refuse(&at, "missing-key", "`expect` expects nothing");
        collector.help("one of: status, content_type, headers, jq, latency, certificate_days");
    }
    let status = match status {
        None => (vec![200], place),
        Some(status) => {
            if status.0.is_empty() || status.0.iter().any(|code| !(100..=599).contains(code)) {
                collector.refuse(&status, "wrong-value", "status codes from 100 to 599 must stand here");
            }
            let place = place_of(source, &status);
            (status.value.0, place)
        }
    };
    let content_type = content_type.map(|types| {
        if types.0.is_empty() || types.0.iter().any(|name| !name.contains('/') || name.contains([';', ' '])) {
            collector.refuse(&types, "wrong-value", "media types such as application/json, without parameters, must stand here");
        }
        let place = place_of(source, &types);
        (types.value.0.iter().map(|name| name.to_ascii_lowercase()).collect(), place)
    });
    let headers = headers.iter().filter_map(|(name, wanted)| {
        let lower = header_name(name, collector)?;
        let place = place_of(source, name);
        let wanted = match &wanted.value {
            TextMatch::Equals(text) => HeaderMatch::Equals(text.clone()),
            TextMatch::Matches(text) => HeaderMatch::Matches(shapes::pattern(collector, text)?),
        };
        Some((lower, wanted, place))
    });
    let headers = headers.collect();
    let jq = jq.iter().filter_map(|program| shapes::expectation(collector, program)).collect();
    Some(Expect {
        status,
        content_type,
        headers,
        jq,
        latency: latency.map(|span| (span.value, place_of(source, &span))),
        certificate_days: certificate_days.map(|days| (days.value, place_of(source, &days))),
    })
}
