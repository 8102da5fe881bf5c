//! What goes wrong on demand, at the n-th request of a path: refusals that GitHub documents, which are held to the contract like any
//! answer, and [`Broken`] answers, which are not. Each must be met: one that is left over fails the test.

use crate::github::contract::Answer;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

pub struct Planted {
    /// `GET /repos/example/app/pulls/7`, without a query; a part that is `*` is any.
    pub line: String,
    /// Met when it is 1.
    pub left: usize,
    pub fault: Fault,
}

impl Planted {
    pub fn is_about(&self, line: &str) -> bool {
        let parts = || self.line.split('/').zip(line.split('/'));
        self.line.split('/').count() == line.split('/').count() && parts().all(|(planted, part)| planted == "*" || planted == part)
    }
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
    /// One part of the body under one of the names is bent: each name in turn, then other places of it. Which one is told.
    Bent {
        among: &'static [&'static str],
        at: usize,
        bend: Bend,
        told: Arc<Mutex<String>>,
    },
}

#[derive(Clone, Copy, Debug)]
pub enum Bend {
    Gone,
    Null,
    /// A word that nobody knows yet.
    Word,
    Negative,
    List,
    Object,
}

pub const NEW_WORD: &str = "brand_new";

impl Bend {
    fn of(self) -> Option<Value> {
        Some(match self {
            Bend::Gone => return None,
            Bend::Null => Value::Null,
            Bend::Word => json!(NEW_WORD),
            Bend::Negative => json!(-1),
            Bend::List => json!([[]]),
            Bend::Object => json!({}),
        })
    }
}

/// Every member of every object, as a JSON pointer.
fn members(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut inner = |name: &str, value: &Value, is_member: bool| {
        let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        members(value, &at, found);
        if is_member {
            found.push(at);
        }
    };
    match value {
        Value::Object(all) => all.iter().for_each(|(name, value)| inner(name, value, true)),
        Value::Array(all) => all.iter().enumerate().for_each(|(at, value)| inner(&at.to_string(), value, false)),
        _ => {}
    }
}

fn bend_one(body: &mut Value, among: &[&str], at: usize, bend: Bend) -> Option<String> {
    let mut pointers = Vec::new();
    members(body, "", &mut pointers);
    pointers.retain(|pointer| among.iter().any(|name| pointer.rsplit('/').next() == Some(name)));
    // By name first, so that a long list does not hide the rest.
    let name_of = |pointer: &String| pointer.rsplit('/').next().unwrap_or_default().to_owned();
    let names: Vec<String> = pointers.iter().map(name_of).collect::<BTreeSet<_>>().into_iter().collect();
    let name = names.get(at % names.len().max(1))?;
    pointers.retain(|pointer| name_of(pointer) == *name);
    let pointer = pointers[at / names.len() % pointers.len()].clone();
    let (parent, name) = pointer.rsplit_once('/')?;
    let object = body.pointer_mut(parent)?.as_object_mut()?;
    match bend.of() {
        Some(value) => object.insert(name.to_owned(), value),
        None => object.remove(name),
    };
    Some(pointer)
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
            Broken::Bent { among, at, bend, told } => {
                let mut body: Value = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
                *told.lock().unwrap() = bend_one(&mut body, among, *at, *bend).ok_or("the answer has none of the names")?;
                answer.body = body.to_string().into_bytes();
            }
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
