//! What goes wrong on demand, at the n-th request of a path: refusals that GitHub documents, which are held to the contract like any
//! answer, and [`Broken`] answers, which are not. Each must be met: one that is left over fails the test.

use crate::github::contract::Answer;
use serde_json::{Value, json};

pub struct Planted {
    /// `GET /repos/example/app/pulls/7`, without a query.
    pub line: String,
    /// Met when it is 1.
    pub left: usize,
    pub fault: Fault,
}

#[derive(Clone)]
pub enum Fault {
    Refused(Refused),
    Broken(Broken),
}

/// What GitHub says it may answer.
#[derive(Clone, Copy, Debug)]
pub enum Refused {
    /// 401.
    BadCredentials,
    /// 403, and when requests are answered again in `x-ratelimit-reset`.
    RateLimit,
    /// 403 with `retry-after`, in seconds.
    SecondaryRateLimit { retry_after: u64 },
    /// 429 with `retry-after`, in seconds.
    TooManyRequests { retry_after: u64 },
    /// 404, though it is there.
    NotFound,
}

/// What no contract allows, and what the net does all the same.
#[derive(Clone, Debug)]
pub enum Broken {
    /// Any status with a page for people.
    Html(u16),
    /// Any status and body, as JSON.
    Json(u16, Value),
    Header(&'static str, String),
    /// Half of the body, then the connection is closed.
    Truncated,
    /// The head, then nothing until the model ends.
    Stalled,
    /// Closed before anything was done.
    ClosedBefore,
    /// It is done, and the answer is lost.
    ClosedAfter,
    /// The right body as `text/plain`.
    WrongType,
    /// The next page is this page.
    StuckCursor,
    /// One text of the body is another: the page of another commit, say.
    Replaced {
        from: String,
        to: String,
    },
}

/// The cursor that leads to the page it stands on: the first.
pub const STUCK: &str = "c3R1Y2s=";

/// How an answer is sent.
#[derive(Clone, Copy, PartialEq)]
pub enum Delivery {
    Whole,
    Truncated,
    Stalled,
    Closed,
}

impl Refused {
    pub fn answer(self, now: jiff::Timestamp) -> Answer {
        let (status, message, header) = match self {
            Refused::BadCredentials => (401, "Bad credentials", None),
            Refused::RateLimit => (403, "API rate limit exceeded for user ID 1.", Some(("x-ratelimit-remaining", 0))),
            Refused::SecondaryRateLimit { retry_after } => {
                let message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
                (403, message, Some(("retry-after", retry_after)))
            }
            Refused::TooManyRequests { retry_after } => (429, "Too many requests", Some(("retry-after", retry_after))),
            Refused::NotFound => (404, "Not Found", None),
        };
        let mut answer = refusal(status, message);
        answer.headers.extend(header.map(|(name, value)| (name.to_owned(), value.to_string())));
        answer.headers.insert("x-ratelimit-reset".to_owned(), (now.as_second() + 600).to_string());
        answer
    }
}

/// An answer that says no, in GitHub's form.
pub fn refusal(status: u16, message: &str) -> Answer {
    let documentation = "https://docs.github.com/rest";
    Answer::json(status, &json!({ "message": message, "documentation_url": documentation, "status": status.to_string() }))
}

impl Broken {
    /// Bends a right answer; `Err`: it has not what should be bent.
    pub fn bend(&self, answer: &mut Answer, target: &str) -> Result<Delivery, String> {
        match self {
            Broken::Html(status) => {
                answer.status = *status;
                answer.body = b"<!DOCTYPE html><html><body><h1>Whoa there!</h1></body></html>".to_vec();
                answer.headers.insert("content-type".to_owned(), "text/html; charset=utf-8".to_owned());
            }
            Broken::Json(status, body) => *answer = Answer::json(*status, body),
            Broken::Header(name, value) => drop(answer.headers.insert((*name).to_owned(), value.clone())),
            Broken::Truncated => return Ok(Delivery::Truncated),
            Broken::Stalled => return Ok(Delivery::Stalled),
            Broken::ClosedBefore | Broken::ClosedAfter => return Ok(Delivery::Closed),
            Broken::WrongType => drop(answer.headers.insert("content-type".to_owned(), "text/plain".to_owned())),
            Broken::StuckCursor => stick(answer, target),
            Broken::Replaced { from, to } => {
                let text = String::from_utf8_lossy(&answer.body);
                if !text.contains(from.as_str()) {
                    return Err(format!("the answer has no {from} to replace"));
                }
                answer.body = text.replace(from.as_str(), to).into_bytes();
            }
        }
        Ok(Delivery::Whole)
    }
}

fn stick(answer: &mut Answer, target: &str) {
    answer.headers.insert("link".to_owned(), format!("<{target}>; rel=\"next\""));
    if let Ok(mut body) = serde_json::from_slice(&answer.body) {
        stick_pages(&mut body);
        answer.body = Value::to_string(&body).into_bytes();
    }
}

fn stick_pages(value: &mut Value) {
    if let Some(pages) = value.get_mut("pageInfo") {
        *pages = json!({ "hasNextPage": true, "endCursor": STUCK });
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(stick_pages),
        Value::Array(items) => items.iter_mut().for_each(stick_pages),
        _ => {}
    }
}
