//! Why GitHub gave no answer, by name: what a status means, in words that somebody can act on.

use super::{Intent, permissions, transport::Reply};
use crate::{
    domain::Timestamp,
    gate::probe::{Unavailable, reduce::Masks, why},
};
use serde::Deserialize;
use std::fmt;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub kind: FailureKind,
    /// What happened, in a sentence without an end.
    pub words: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The environment does not say that this host may be asked, or with what.
    Elsewhere,
    /// No connection, no whole answer in time, or no proof of who answers: the slug of [`why`].
    Connection(String),
    /// 401.
    Unauthorized,
    /// 403; the permissions that are needed, where GitHub or [`permissions`] says so.
    Forbidden(Option<String>),
    /// 404 and 410: it is not there, or we may not see it.
    NotFound,
    /// 403 and 429 of a limit; when to ask again, where GitHub says so.
    RateLimited(Option<Timestamp>),
    /// A ruleset or a protection of a branch refuses a write.
    Ruleset,
    /// The repository is archived.
    Archived,
    /// 3xx, where it is not followed.
    Moved,
    /// 409.
    Conflict,
    /// 422.
    Unprocessable,
    /// 5xx.
    Server,
    /// An answer that cannot be what it says.
    Unreadable,
    /// A write was sent, and no answer says what became of it: it may have been done.
    OutcomeUnknown,
}

impl Failure {
    pub(super) fn new(kind: FailureKind, words: impl Into<String>) -> Failure {
        Failure { kind, words: words.into() }
    }

    pub(super) fn elsewhere(words: impl Into<String>) -> Failure {
        Failure::new(FailureKind::Elsewhere, words)
    }

    pub(in crate::world) fn unreadable(words: impl Into<String>) -> Failure {
        Failure::new(FailureKind::Unreadable, words)
    }

    pub(super) fn connection(unavailable: Unavailable) -> Failure {
        let words = unavailable.detail.unwrap_or_else(|| unavailable.why.replace('-', " "));
        Failure::new(FailureKind::Connection(unavailable.why), format!("GitHub was not reached: {words}"))
    }

    /// With the permissions that this needs, where GitHub does not say which is missing.
    #[must_use]
    pub(super) fn needing(self, intent: Intent) -> Failure {
        match (&self.kind, intent.needs()) {
            (FailureKind::Forbidden(None), needs @ [_, ..]) => {
                let needs = permissions::listed(needs);
                let words = format!("this needs {needs}; {}", self.words);
                Failure::new(FailureKind::Forbidden(Some(needs)), words)
            }
            _ => self,
        }
    }

    /// The failure of a write. A refusal is one; where there is no answer, or none that is understood, it may have been done.
    #[must_use]
    pub(super) fn of_write(self) -> Failure {
        match self.kind {
            FailureKind::Connection(_) | FailureKind::Server | FailureKind::Unreadable => {
                let words = format!("this was sent to GitHub once, and whether it was done is not known: {}", self.words);
                Failure::new(FailureKind::OutcomeUnknown, words)
            }
            _ => self,
        }
    }

    /// What an answer that is no success means.
    pub(super) fn of(reply: &Reply, now: Timestamp) -> Failure {
        let said = Said::of(&reply.body);
        let with = |kind, words: &str| {
            let said = said.words();
            Failure::new(kind, if said.is_empty() { words.to_owned() } else { format!("{words}: {said}") })
        };
        let lower = said.words().to_lowercase();
        // GitHub answers limits with 403 or 429, and tells them apart by headers, or by words only.
        let is_limit = matches!(reply.status, 403 | 429)
            && (reply.status == 429
                || reply.header("retry-after").is_some()
                || reply.header("x-ratelimit-remaining") == Some("0")
                || lower.contains("rate limit"));
        if is_limit {
            let until = reply.limited_until(now);
            let again = until.map_or_else(String::new, |until| format!(" until {until}"));
            return with(FailureKind::RateLimited(until), &format!("GitHub limits how often it is asked{again}"));
        }
        match reply.status {
            401 => with(FailureKind::Unauthorized, "GitHub does not know the token, or it has ended"),
            403 | 422 if lower.contains("gh013") || lower.contains("repository rule violation") => {
                with(FailureKind::Ruleset, "a ruleset of the repository refuses this")
            }
            403 if lower.contains("archived") => with(FailureKind::Archived, "the repository is archived, so nothing can be written to it"),
            403 => {
                let needed = reply.header("x-accepted-github-permissions").filter(|needed| !needed.is_empty()).map(readable);
                let words = match &needed {
                    Some(needed) => format!("the token lacks a permission; GitHub asks for {needed}"),
                    None => "the token may not do this".to_owned(),
                };
                with(FailureKind::Forbidden(needed), &words)
            }
            300..=399 => Failure::new(FailureKind::Moved, "GitHub has this at another place now; give the remote its present URL"),
            404 | 410 => with(FailureKind::NotFound, "GitHub has no such thing, or does not show it to this token"),
            409 => with(FailureKind::Conflict, "GitHub says that something else came first"),
            422 => with(FailureKind::Unprocessable, "GitHub does not accept the request"),
            500..=599 => Failure::new(FailureKind::Server, format!("GitHub answered with status {}", reply.status)),
            other => Failure::new(FailureKind::Unreadable, format!("GitHub answered with status {other}, which means nothing here")),
        }
    }

    pub(super) fn masked(self, masks: &Masks) -> Failure {
        // Masked before it is cut: half of a secret is not found.
        let words = masks.mask(&self.words);
        let words = match words.char_indices().nth(LONGEST_WORDS) {
            Some((end, _)) => format!("{}…", &words[..end]),
            None => words,
        };
        Failure { words, ..self }
    }

    /// Whether asking once more could help.
    pub(super) fn may_pass(&self) -> bool {
        match &self.kind {
            FailureKind::Server => true,
            FailureKind::Connection(slug) => slug == why::UNREACHABLE || slug == why::TIMEOUT,
            _ => false,
        }
    }

    /// As a fact that a gate could not have.
    pub fn unavailable(self) -> Unavailable {
        let slug = match &self.kind {
            FailureKind::Elsewhere => why::NO_FORGE,
            FailureKind::Connection(slug) => slug.as_str(),
            FailureKind::Unauthorized | FailureKind::Forbidden(_) => why::NOT_ALLOWED,
            FailureKind::NotFound => why::NOT_FOUND,
            FailureKind::RateLimited(_) => why::RATE_LIMITED,
            FailureKind::Server => why::UNREACHABLE,
            FailureKind::Ruleset
            | FailureKind::Archived
            | FailureKind::Moved
            | FailureKind::Conflict
            | FailureKind::Unprocessable
            | FailureKind::Unreadable
            | FailureKind::OutcomeUnknown => why::UNREADABLE,
        };
        Unavailable::new(slug).detail(self.words)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

/// `contents=read; pull_requests=read,issues=read` as GitHub's header has it: alternatives are told apart by `;`.
fn readable(header: &str) -> String {
    let alternatives = header.split(';').map(|all| all.trim().replace('=', ": ").replace(',', " and "));
    alternatives.collect::<Vec<_>>().join(", or ")
}

/// What an error's body says.
#[derive(Default, Deserialize)]
struct Said {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: serde_json::Value,
}

/// More of a server's words helps nobody.
const LONGEST_WORDS: usize = 400;

impl Said {
    /// A body that is no error of GitHub's, such as the page of a proxy, says nothing.
    fn of(body: &[u8]) -> Said {
        serde_json::from_slice(body).unwrap_or_default()
    }

    fn words(&self) -> String {
        let mut words = vec![self.message.trim().to_owned()];
        for error in self.errors.as_array().into_iter().flatten() {
            let text = error.as_str().or_else(|| error["message"].as_str());
            words.extend(text.map(str::to_owned));
        }
        words.retain(|words| !words.is_empty());
        words.join("; ").split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_masked_before_they_are_cut() {
        let masks = Masks::new(["ghs_OpenSesame1234"]);
        for before in LONGEST_WORDS - 18..LONGEST_WORDS + 2 {
            let failure = Failure::unreadable(format!("{}ghs_OpenSesame1234 and more words", "z".repeat(before)));
            let words = failure.masked(&masks).words;
            assert!(!words.contains("ghs_") && words.chars().count() <= LONGEST_WORDS + 1, "{before}: {words}");
        }
    }

    #[test]
    fn every_status_has_its_words() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let body = |message: &str| serde_json::json!({ "message": message }).to_string();
        type Case<'a> = (u16, &'a [(&'a str, &'a str)], String, &'a str);
        let cases: &[Case] = &[
            (401, &[], body("Bad credentials"), "not-allowed: GitHub does not know the token, or it has ended: Bad credentials"),
            (
                403,
                &[("x-accepted-github-permissions", "pull_requests=read; contents=read,issues=write")],
                body("Resource not accessible by integration"),
                "not-allowed: the token lacks a permission; GitHub asks for pull_requests: read, or contents: read and issues: write: \
                 Resource not accessible by integration",
            ),
            (403, &[], body("Must have admin rights"), "not-allowed: the token may not do this: Must have admin rights"),
            (
                403,
                &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795256460")],
                body("API rate limit exceeded"),
                "rate-limited: GitHub limits how often it is asked until 2026-11-21T10:21:00Z: API rate limit exceeded",
            ),
            (
                403,
                &[("retry-after", "60")],
                body("You have exceeded a secondary rate limit"),
                "rate-limited: GitHub limits how often it is asked until 2026-11-21T10:01:00Z: You have exceeded a secondary rate limit",
            ),
            (403, &[], body("You have exceeded a secondary rate limit."), "rate-limited: GitHub limits how often it is asked: You have"),
            (429, &[], String::new(), "rate-limited: GitHub limits how often it is asked"),
            (403, &[], body("Repository was archived so is read-only."), "unreadable: the repository is archived"),
            (422, &[], body("Repository rule violations found"), "unreadable: a ruleset of the repository refuses this"),
            (404, &[], body("Not Found"), "not-found: GitHub has no such thing, or does not show it to this token: Not Found"),
            (301, &[], String::new(), "unreadable: GitHub has this at another place now"),
            (409, &[], body("Conflict"), "unreadable: GitHub says that something else came first"),
            (
                422,
                &[],
                r#"{"message":"Validation Failed","errors":[{"message":"no\nsuch"},"x"]}"#.to_owned(),
                "Validation Failed; no such; x",
            ),
            (502, &[], "<html>a page</html>".to_owned(), "unreachable: GitHub answered with status 502"),
            (204, &[], String::new(), "unreadable: GitHub answered with status 204, which means nothing here"),
        ];
        for (status, headers, body, expected) in cases {
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let reply = Reply { status: *status, headers, body: body.clone().into_bytes() };
            let unavailable = Failure::of(&reply, now).unavailable();
            let found = format!("{}: {}", unavailable.why, unavailable.detail.unwrap_or_default());
            assert!(found.contains(expected), "{found}");
        }
    }
}
