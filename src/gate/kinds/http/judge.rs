//! One answer against the expectations of its request.

use super::spec::{HeaderMatch, Request};
use crate::{
    domain::Finding,
    gate::{
        Checks, Context,
        expect::{self, Verdict},
        probe::{Answer, Ask, Got, HttpAsk, HttpGot, Unavailable, reduce},
    },
    text::query::RunError,
};
use serde_json::{Map, Value};

/// What one answer shows of one expectation.
enum Shown {
    Held,
    Wrong(Finding),
    Unknown(Finding),
    Unavailable(Unavailable),
}

/// Judges a request by its newest answer. Asking ends with a bad answer, or with good ones enough in a row; anything between
/// is a record that breaks off.
pub(super) fn request(request: &Request, cx: &Context, attempts: &[&Answer], captures: &Map<String, Value>, checks: &mut Checks) {
    let Some(last) = attempts.last() else {
        let message = format!("there is no answer to {}", request.name());
        checks.unknown(Finding::error("http/unanswered", message).at(request.place.clone()));
        return;
    };
    let good = attempts.iter().rev().take_while(|answer| is_good(request, cx, answer, captures)).count();
    if good > 0 && good < request.consecutive as usize {
        let message = format!("{} gave {good} of {} good answers in a row", request.name(), request.consecutive);
        checks.unknown(Finding::error("http/not-consecutive", message).at(request.place.clone()));
        return;
    }
    let name = name(last);
    for shown in examine(request, cx, last, captures) {
        match shown {
            Shown::Held => checks.hold(),
            Shown::Wrong(finding) => checks.fail(finding),
            Shown::Unknown(finding) => checks.unknown(finding),
            Shown::Unavailable(unavailable) => checks.unavailable("http", &name, &unavailable),
        }
    }
}

/// Whether every expectation holds.
pub(super) fn is_good(request: &Request, cx: &Context, answer: &Answer, captures: &Map<String, Value>) -> bool {
    examine(request, cx, answer, captures).iter().all(|shown| matches!(shown, Shown::Held))
}

/// The parsed body, where the answer has one.
pub(super) fn body(answer: &Answer) -> Option<&Value> {
    match answer.got.as_ref()? {
        Got::Http(got) if got.is_json && !got.truncated => Some(&got.body),
        _ => None,
    }
}

/// Every expectation against one answer, in the order of the configuration. Never empty.
fn examine(request: &Request, cx: &Context, answer: &Answer, captures: &Map<String, Value>) -> Vec<Shown> {
    let got = match answer.result() {
        Ok(Got::Http(got)) => got,
        Ok(_) => return vec![Shown::Unavailable(Unavailable::new("unreadable"))],
        Err(unavailable) => return vec![Shown::Unavailable(unavailable)],
    };
    let asked = request.ask(cx, captures).ok();
    if !asked.is_some_and(|asked| belongs(answer, &asked)) {
        let message = format!("the recorded answer is to {}, not to {}", name(answer), request.name());
        return vec![Shown::Unknown(Finding::error("http/foreign-answer", message).at(request.place.clone()))];
    }
    let name = name(answer);
    match status(request, got, &name) {
        Shown::Held => {}
        // An answer of another status is not the one that the other expectations speak of.
        other => return vec![other],
    }
    let mut shown = vec![Shown::Held];
    shown.extend(content_type(request, got, &name));
    shown.extend(headers(request, got, &name));
    shown.extend(json(request, cx, got, captures, &name));
    shown.extend(latency(request, got, &name));
    shown.extend(certificate(request, got, &name));
    shown
}

/// Whether an answer was given to this request: another tool version may send other headers, but never to another place.
fn belongs(answer: &Answer, asked: &HttpAsk) -> bool {
    matches!(&answer.ask, Ask::Http(ask) if ask.method == asked.method && ask.url == asked.url)
}

fn name(answer: &Answer) -> String {
    match &answer.ask {
        Ask::Http(ask) => format!("{} {}", ask.method, ask.url),
        _ => "the request".to_owned(),
    }
}

fn status(request: &Request, got: &HttpGot, name: &str) -> Shown {
    let (wanted, place) = &request.expect.status;
    if wanted.contains(&got.status) {
        return Shown::Held;
    }
    let wanted = wanted.iter().map(u16::to_string).collect::<Vec<_>>().join(" or ");
    let message = format!("{name} answered {} instead of {wanted}", got.status);
    match got.status {
        500..=599 => Shown::Unknown(Finding::error("http/server-error", message).at(place.clone())),
        300..=399 if got.headers.contains_key("location") => {
            let message = format!("{message}, and redirects to {}", got.headers["location"]);
            let finding = Finding::error("http/redirect", message).at(place.clone());
            Shown::Wrong(finding.help("`follow: 1` follows one redirect on the same host"))
        }
        _ => Shown::Wrong(Finding::error("http/status", message).at(place.clone())),
    }
}

fn content_type(request: &Request, got: &HttpGot, name: &str) -> Option<Shown> {
    let (wanted, place) = request.expect.content_type.as_ref()?;
    if got.content_type.as_ref().is_some_and(|found| wanted.contains(found)) {
        return Some(Shown::Held);
    }
    let found = got.content_type.as_deref().unwrap_or("no media type");
    let message = format!("{name} answered with {found} instead of {}", wanted.join(" or "));
    Some(Shown::Wrong(Finding::error("http/content-type", message).at(place.clone())))
}

fn headers(request: &Request, got: &HttpGot, name: &str) -> Vec<Shown> {
    let each = request.expect.headers.iter().map(|(header, wanted, place)| {
        let Some(found) = got.headers.get(header) else {
            let message = format!("{name} answered without the header `{header}`");
            return Shown::Wrong(Finding::error("http/header", message).at(place.clone()));
        };
        let (holds, wanted) = match wanted {
            HeaderMatch::Equals(text) => (text == found, format!("`{text}`")),
            HeaderMatch::Matches(pattern) => (pattern.is_match(found), format!("something that matches `{pattern}`")),
        };
        if holds {
            return Shown::Held;
        }
        if found.contains(reduce::REDACTED) || found.contains(reduce::MASKED) {
            let message = format!("the header `{header}` of {name} is redacted before it is judged");
            return Shown::Unknown(Finding::error("http/redacted", message).at(place.clone()));
        }
        let message = format!("{name} answered with `{header}: {found}` instead of {wanted}");
        Shown::Wrong(Finding::error("http/header", message).at(place.clone()))
    });
    each.collect()
}

fn json(request: &Request, cx: &Context, got: &HttpGot, captures: &Map<String, Value>, name: &str) -> Vec<Shown> {
    if !request.needs_body() {
        return Vec::new();
    }
    let unusable = |code: &str, what: &str| {
        vec![Shown::Unknown(Finding::error(format!("http/{code}"), format!("the body of {name} {what}")).at(request.place.clone()))]
    };
    if got.truncated {
        return unusable("truncated", "is longer than what is recorded, so nothing can be concluded from it");
    }
    if !got.is_json {
        return if got.body.is_null() { unusable("empty", "is empty") } else { unusable("not-json", "is no JSON") };
    }
    let variables = expect::variables(cx, captures);
    let checked = request.expect.jq.iter().map(|program| {
        let text = program.text();
        match program.check(&got.body, &variables) {
            Verdict::Holds => Shown::Held,
            Verdict::Broken { said, pointer } => {
                let finding = Finding::error("http/jq", format!("{name}: `{text}` does not hold: {said}")).at(program.place.clone());
                Shown::Wrong(Finding { pointer, ..finding })
            }
            Verdict::Undecided { said, pointer } => {
                let message = format!("{name}: `{text}` cannot be decided: {said}");
                let finding = Finding::error("http/undecided", message).at(program.place.clone()).help(expect::DECIDE);
                Shown::Unknown(Finding { pointer, ..finding })
            }
            Verdict::Hidden => {
                let message = format!("{name}: `{text}` hangs on a value that is redacted before it is judged");
                Shown::Unknown(Finding::error("http/redacted", message).at(program.place.clone()))
            }
        }
    });
    let captured = request.capture.iter().map(|(capture, program)| {
        let what = match program.value(&got.body, &variables) {
            Ok(value) if expect::has_marks(&value) => {
                let message = format!("{name}: what `{capture}` captures is redacted before it is judged");
                return Shown::Unknown(Finding::error("http/redacted", message).at(program.place.clone()));
            }
            Ok(Value::Null) => Err("the answer has no such field".to_owned()),
            Ok(_) => return Shown::Held,
            Err(RunError::Undecided(why)) => Err(why),
            Err(RunError::Failed(why)) => Ok(why),
        };
        let finding = |what: String| {
            let message = format!("{name}: nothing to capture as `{capture}` by `{}`: {what}", program.text());
            Finding::error("http/capture", message).at(program.place.clone())
        };
        match what {
            Ok(failed) => Shown::Wrong(finding(failed)),
            Err(unknown) => Shown::Unknown(finding(unknown)),
        }
    });
    checked.chain(captured).collect()
}

fn latency(request: &Request, got: &HttpGot, name: &str) -> Option<Shown> {
    let (most, place) = request.expect.latency.as_ref()?;
    if got.latency_ms <= most.as_millis() {
        return Some(Shown::Held);
    }
    let message = format!("{name} took {} ms; {most} are allowed", got.latency_ms);
    Some(Shown::Wrong(Finding::error("http/latency", message).at(place.clone())))
}

fn certificate(request: &Request, got: &HttpGot, name: &str) -> Option<Shown> {
    let (least, place) = request.expect.certificate_days.as_ref()?;
    let Some(days) = got.certificate_days else {
        let message = format!("how long the certificate of {name} is valid could not be found out");
        return Some(Shown::Unknown(Finding::error("http/no-certificate", message).at(place.clone())));
    };
    if days >= i64::from(*least) {
        return Some(Shown::Held);
    }
    let message = format!("the certificate of {name} is valid for {days} more days; {least} are wanted");
    Some(Shown::Wrong(Finding::error("http/certificate", message).at(place.clone())))
}
