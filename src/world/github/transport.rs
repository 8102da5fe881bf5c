//! One exchange with the API: limits on time and size, and reads repeated where that can help.

use super::{Answer, Failure, Intent};
use crate::{
    domain::{Span, Timestamp},
    world::{Clock, Http},
};
use futures_util::StreamExt;
use reqwest::{Method, Url, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What is read of one answer. GitHub's longest pages have some hundred kilobytes.
const LARGEST: usize = 16 << 20;

/// For one exchange, from the connection to the last byte.
const LIMIT: Span = Span::seconds(30);

/// How often a read is sent, at most, and how long is waited before it is sent again.
const WAITS: [Span; 2] = [Span::seconds(1), Span::seconds(4)];

/// A limit that ends later than this is told, not waited for.
const LONGEST_WAIT: Span = Span::seconds(60);

/// A version that GitHub keeps as it is.
const VERSION: &str = "2022-11-28";

#[derive(Clone, Debug)]
pub(super) struct Call {
    method: Method,
    url: Option<Url>,
    body: Option<Value>,
    /// Changes nothing, so it may be sent again.
    reads: bool,
    /// For which a token needs permissions.
    intent: Option<Intent>,
}

impl Call {
    /// `segments`: each is one part of the path, and encoded as such.
    pub fn get(api: &Url, segments: &[&str]) -> Call {
        let mut url = api.clone();
        let is_path = match url.path_segments_mut() {
            Ok(mut path) => {
                path.pop_if_empty().extend(segments);
                true
            }
            Err(()) => false,
        };
        // A segment that could climb is no name of anything.
        let is_plain = segments.iter().all(|segment| !matches!(*segment, "" | "." | ".."));
        Call { method: Method::GET, url: (is_path && is_plain).then_some(url), body: None, reads: true, intent: None }
    }

    /// At an address that is known whole.
    pub fn at(url: &Url) -> Call {
        Call { method: Method::GET, url: Some(url.clone()), body: None, reads: true, intent: None }
    }

    pub fn intent(self, intent: Intent) -> Call {
        Call { intent: Some(intent), ..self }
    }

    /// A question that GitHub wants as a POST.
    pub fn question(self, body: Value) -> Call {
        Call { method: Method::POST, body: Some(body), ..self }
    }

    /// A write: sent once.
    pub fn writing(self, method: Method, body: Value) -> Call {
        Call { method, body: Some(body), reads: false, ..self }
    }

    pub fn query(mut self, name: &str, value: &str) -> Call {
        if let Some(url) = &mut self.url {
            url.query_pairs_mut().append_pair(name, value);
        }
        self
    }

    /// The same with another query.
    pub fn with_query(mut self, query: &str) -> Call {
        if let Some(url) = &mut self.url {
            url.set_query(Some(query));
        }
        self
    }

    /// What a failure means for who sent this: a write may have been done.
    fn lost(&self, failure: Failure) -> Failure {
        if self.reads { failure } else { failure.of_write() }
    }

    pub fn query_text(&self) -> &str {
        self.url.as_ref().and_then(Url::query).unwrap_or_default()
    }
}

/// An answer as it came: header names in lower case.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a header that may stand several times, joined as RFC 9110 has it.
    pub fn header_list(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The body of a success. A page of HTML with status 200 comes from somebody between us and GitHub.
    pub fn json<T: DeserializeOwned>(&self) -> Answer<T> {
        let media = self.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if media != "application/json" && !media.ends_with("+json") {
            return Err(Failure::unreadable(format!("GitHub's answer is not JSON but `{}`", media.escape_debug())));
        }
        // serde's words name places and types, and values only where they are texts of ours.
        serde_json::from_slice(&self.body).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            Failure::unreadable(format!("GitHub's answer is not what its documentation says ({:?} at {place})", error.classify()))
        })
    }

    /// When a limit ends.
    pub fn limited_until(&self, now: Timestamp) -> Option<Timestamp> {
        let seconds = |name| self.header(name).and_then(|value| value.trim().parse::<i64>().ok());
        match seconds("retry-after") {
            Some(wait) => Some(now.plus(Span::seconds(u64::try_from(wait.clamp(0, 1 << 32)).unwrap_or(0)))),
            None => seconds("x-ratelimit-reset").filter(|_| self.header("x-ratelimit-remaining") == Some("0")).map(Timestamp::from_unix),
        }
    }
}

#[derive(Clone)]
pub(super) struct Transport {
    http: Http,
    clock: Clock,
}

impl Transport {
    pub fn new(http: &Http, clock: Clock) -> Transport {
        Transport { http: http.clone(), clock }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The answer with a status of success. `authorization`: the whole value of the header.
    pub async fn send(&self, call: &Call, authorization: Option<&str>) -> Answer<Reply> {
        let mut waits = WAITS.iter();
        loop {
            let failure = match self.once(call, authorization).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            let Some(wait) = waits.next().filter(|_| call.reads) else { return Err(failure) };
            let now = self.clock.now();
            let until = match failure.kind {
                super::failure::FailureKind::RateLimited(Some(until)) if until <= now.plus(LONGEST_WAIT) => until,
                _ if failure.may_pass() => now.plus(*wait),
                _ => return Err(failure),
            };
            self.clock.sleep_until(until).await;
        }
    }

    async fn once(&self, call: &Call, authorization: Option<&str>) -> Answer<Reply> {
        let whole = async {
            let url = call.url.clone().ok_or_else(|| Failure::unreadable("a name in the question cannot be part of a URL"))?;
            let mut reply = self.exchange(call, &url, authorization).await?;
            if let Some(next) = redirected(call, &url, &reply) {
                reply = self.exchange(call, &next, authorization).await?;
            }
            if (200..300).contains(&reply.status) {
                return Ok(reply);
            }
            let failure = call.lost(Failure::of(&reply, self.clock.now()));
            Err(match call.intent {
                Some(intent) => failure.needing(intent),
                None => failure,
            })
        };
        let timed_out =
            || Failure::connection(crate::gate::probe::Unavailable::new("timeout").detail(format!("no whole answer within {LIMIT}")));
        tokio::time::timeout(LIMIT.as_std(), whole).await.unwrap_or_else(|_| Err(call.lost(timed_out())))
    }

    async fn exchange(&self, call: &Call, url: &Url, authorization: Option<&str>) -> Answer<Reply> {
        let client = self.http.pooled().map_err(Failure::connection)?;
        let mut request = client.request(call.method.clone(), url.clone());
        request = request.header(header::ACCEPT, "application/vnd.github+json").header("x-github-api-version", VERSION);
        if let Some(authorization) = authorization {
            let mut value =
                header::HeaderValue::from_str(authorization).map_err(|_| Failure::elsewhere("the token cannot be sent as it is"))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        if let Some(body) = &call.body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let broke = |error: reqwest::Error| {
            let failure = Failure::connection(crate::world::http::failure(&error));
            // Without a connection nothing was sent.
            if error.is_connect() { failure } else { call.lost(failure) }
        };
        let response = request.send().await.map_err(broke)?;
        let status = response.status().as_u16();
        let text = |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let mut body = Vec::new();
        let mut stream = response.bytes_stream();
        while let Some(chunk) = stream.next().await {
            body.extend_from_slice(&chunk.map_err(broke)?);
            if body.len() > LARGEST {
                return Err(call.lost(Failure::unreadable("GitHub's answer is longer than any answer should be")));
            }
        }
        Ok(Reply { status, headers, body })
    }
}

/// Where a read goes on: a repository that was renamed, which GitHub then names by its number. Everything else of the address is the
/// same, so that no answer about something else, or another repository, is taken for this one's.
fn redirected(call: &Call, from: &Url, reply: &Reply) -> Option<Url> {
    if !call.reads || call.method != Method::GET || !matches!(reply.status, 301 | 302 | 307 | 308) {
        return None;
    }
    let next = from.join(reply.header("location")?).ok()?;
    let (root, named) = from.path().split_once("/repos/")?;
    let asked = named.splitn(3, '/').nth(2);
    let moved = next.path().strip_prefix(root)?.strip_prefix("/repositories/")?;
    let (number, told) = moved.split_once('/').map_or((moved, None), |(number, rest)| (number, Some(rest)));
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_bare = next.username().is_empty() && next.password().is_none() && next.fragment().is_none();
    let is_same = next.origin() == from.origin() && next.query() == from.query() && told == asked;
    (is_number && is_bare && is_same).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_number_of_a_renamed_repository_is_followed() {
        let api = Url::parse("https://git.example.com/api/v3").unwrap();
        let call = |segments: &[&str]| Call::get(&api, &[&["repos", "acme", "shop"], segments].concat());
        let reviews = call(&["pulls", "7", "reviews"]).query("page", "2");
        let to = |call: &Call, status: u16, location: &str| {
            let reply = Reply { status, headers: vec![("location".to_owned(), location.to_owned())], body: Vec::new() };
            redirected(call, call.url.as_ref().unwrap(), &reply).map(String::from)
        };
        let good = "https://git.example.com/api/v3/repositories/12/pulls/7/reviews?page=2";
        for status in [301, 302, 307, 308] {
            assert_eq!(to(&reviews, status, good).as_deref(), Some(good), "{status}");
        }
        assert_eq!(to(&reviews, 301, "/api/v3/repositories/12/pulls/7/reviews?page=2").as_deref(), Some(good));
        let whole = "https://git.example.com/api/v3/repositories/12";
        assert_eq!(to(&call(&[]), 301, whole).as_deref(), Some(whole));
        for other in [
            // Another repository by its name, something else of this one, another page.
            "https://git.example.com/api/v3/repos/evil/shop/pulls/7/reviews?page=2",
            "https://git.example.com/api/v3/repositories/12/pulls/8/reviews?page=2",
            "https://git.example.com/api/v3/repositories/12/pulls/7/reviews?page=3",
            "https://git.example.com/api/v3/repositories/12/pulls/7/reviews",
            "https://git.example.com/api/v3/repositories/12/issues/../pulls/8/reviews?page=2",
            "https://git.example.com/api/v3/repositories/12",
            // Neither a number nor the API.
            "https://git.example.com/api/v3/repositories/twelve/pulls/7/reviews?page=2",
            "https://git.example.com/api/v3/repositories//pulls/7/reviews?page=2",
            "https://git.example.com/repositories/12/pulls/7/reviews?page=2",
            // Another place.
            "https://evil.example.com/api/v3/repositories/12/pulls/7/reviews?page=2",
            "https://git.example.com:8443/api/v3/repositories/12/pulls/7/reviews?page=2",
            "http://git.example.com/api/v3/repositories/12/pulls/7/reviews?page=2",
            "https://ann@git.example.com/api/v3/repositories/12/pulls/7/reviews?page=2",
            "::",
        ] {
            assert_eq!(to(&reviews, 301, other), None, "{other}");
        }
        assert_eq!(to(&reviews, 303, good), None);
        assert_eq!(to(&reviews.clone().writing(Method::POST, Value::Null), 307, good), None);
        let account = Call::get(&api, &["user", "7"]);
        assert_eq!(to(&account, 301, "https://git.example.com/api/v3/repositories/12"), None);
    }
}
