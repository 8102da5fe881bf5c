//! HTTP: one exchange for one question, with limits on time and size.
//!
//! Redirects are followed only where the question says so, and only on the same host. Every exchange has a connection of its
//! own, so that asking again means reaching the service again, and nothing is retried, stored or decompressed. The answer is
//! raw: reduce it, with the masks that come beside it, before it is shown to anybody.
//!
//! The client is made at the first question: reading the system's certificates takes time that `--version` does not have.

mod certificate;
mod failure;

pub(super) use failure::why as failure;

use crate::{
    domain::{Span, Timestamp},
    gate::probe::{
        HttpAsk, Unavailable,
        reduce::{Masks, RawHttp},
        why,
    },
    text::template::{fill_env, map_strings},
    world::EnvVars,
};
use futures_util::StreamExt;
use reqwest::{
    Method, Response, Url,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

/// The time limit of a question that names none.
const DEFAULT_LIMIT: Span = Span::seconds(10);

/// What is read of a body. Longer bodies are no answer.
const KEPT: usize = 1 << 20;

/// How many connections are kept by who keeps any.
const IDLE: usize = 8;

/// Hosts that are never asked through a proxy.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// A lazily made HTTP client. Cheap to clone.
#[derive(Clone)]
pub struct Http {
    env: EnvVars,
    client: Arc<OnceLock<Result<reqwest::Client, String>>>,
    /// For many questions to one server.
    pooled: Arc<OnceLock<Result<reqwest::Client, String>>>,
}

/// The outcome of one exchange, and the secret values that went into it.
pub struct Exchange {
    pub result: Result<RawHttp, Unavailable>,
    pub masks: Masks,
}

impl Http {
    /// Proxies and certificates are those of the environment: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`,
    /// `SSL_CERT_FILE`.
    pub fn new(env: &EnvVars) -> Http {
        Http { env: env.clone(), client: Arc::default(), pooled: Arc::default() }
    }

    /// Asks once. `now` is only for the age of certificates.
    pub async fn ask(&self, ask: &HttpAsk, now: Timestamp) -> Exchange {
        let mut secrets = Vec::new();
        let request = Request::fill(ask, &self.env, &mut secrets);
        let masks = Masks::new(&secrets);
        let result = match request {
            Ok(request) => self.exchange(ask, request, now).await,
            Err(unavailable) => Err(unavailable),
        };
        Exchange { result: result.map_err(|unavailable| masks.unavailable(unavailable)), masks }
    }

    /// A client with the same limits that keeps its connections.
    pub(super) fn pooled(&self) -> Result<reqwest::Client, Unavailable> {
        let client = self.pooled.get_or_init(|| make_client(&self.env, IDLE));
        client.clone().map_err(|error| Unavailable::new(why::TLS).detail(error))
    }

    async fn exchange(&self, ask: &HttpAsk, request: Request, now: Timestamp) -> Result<RawHttp, Unavailable> {
        let client = self.client.get_or_init(|| make_client(&self.env, 0));
        let client = client.as_ref().map_err(|error| Unavailable::new(why::TLS).detail(error.clone()))?;
        let limit = ask.within.unwrap_or(DEFAULT_LIMIT);
        let began = Instant::now();
        let whole = async {
            let response = follow(client, request, ask.redirects).await?;
            let certificate_days = if ask.certificate { certificate_days(&response, now) } else { None };
            read(response, certificate_days).await
        };
        let timed_out = || Unavailable::new(why::TIMEOUT).detail(format!("no whole answer within {limit}"));
        let mut raw = tokio::time::timeout(limit.as_std(), whole).await.unwrap_or_else(|_| Err(timed_out()))?;
        raw.latency_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(raw)
    }
}

/// The variables that a question sends, as far as its texts are templates.
pub fn variables(ask: &HttpAsk) -> Vec<String> {
    let mut names = Vec::new();
    let mut named = |text: &str| {
        // What is no template is refused when it is asked.
        let _ = fill_env(text, |name| {
            names.push(name.to_owned());
            Some(String::new())
        });
        Ok::<String, ()>(String::new())
    };
    for text in ask.headers.values().chain([&ask.url]).chain(&ask.text) {
        _ = named(text);
    }
    if let Some(json) = &ask.json {
        _ = map_strings(&mut json.clone(), &mut named);
    }
    names
}

/// A request with everything filled in.
#[derive(Clone)]
struct Request {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
}

impl Request {
    fn fill(ask: &HttpAsk, env: &EnvVars, secrets: &mut Vec<String>) -> Result<Request, Unavailable> {
        let mut filled = |text: &str| {
            let value = fill_env(text, |name| {
                let value = env.get(name)?;
                secrets.push(value.clone());
                Some(value)
            });
            value.map_err(|name| match name.as_str() {
                "" => bad("a text of the request is no template"),
                name => Unavailable::new(why::UNSET_VARIABLE).detail(name.to_owned()),
            })
        };
        let method = Method::from_bytes(ask.method.as_bytes()).map_err(|_| bad("the method is none"))?;
        let url = Url::parse(&filled(&ask.url)?).map_err(|error| bad(&format!("the URL is none: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(bad("the URL is neither http nor https"));
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let mut body = None;
        if let Some(json) = &ask.json {
            let mut json = json.clone();
            map_strings(&mut json, &mut filled)?;
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            body = Some(json.to_string().into_bytes());
        } else if let Some(text) = &ask.text {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
            body = Some(filled(text)?.into_bytes());
        }
        for (name, value) in &ask.headers {
            let wrong = || bad(&format!("header `{}` cannot be sent", name.escape_debug()));
            let mut value = HeaderValue::from_str(&filled(value)?).map_err(|_| wrong())?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?, value);
        }
        Ok(Request { method, url, headers, body })
    }

    /// The request that a redirect asks for; `None`: the answer names no place to go to.
    fn redirected(self, response: &Response) -> Result<Option<Request>, Unavailable> {
        let Some(location) = response.headers().get(header::LOCATION) else { return Ok(None) };
        let unreadable = || Unavailable::new(why::UNREADABLE).detail("the redirect leads to no URL");
        let url = self.url.join(location.to_str().map_err(|_| unreadable())?).map_err(|_| unreadable())?;
        if !is_same_host(&self.url, &url) {
            return Err(Unavailable::new(why::REDIRECT_ELSEWHERE).detail(url.host_str().unwrap_or("no host").to_owned()));
        }
        let keeps = matches!(response.status().as_u16(), 307 | 308) || matches!(self.method, Method::GET | Method::HEAD);
        if keeps {
            return Ok(Some(Request { url, ..self }));
        }
        let mut headers = self.headers;
        headers.remove(header::CONTENT_TYPE);
        Ok(Some(Request { method: Method::GET, url, headers, body: None }))
    }
}

/// The same scheme, name and port, or the step from plain text to TLS on their standard ports.
fn is_same_host(from: &Url, to: &Url) -> bool {
    let upgraded = (from.scheme(), to.scheme(), from.port_or_known_default(), to.port_or_known_default());
    from.host_str() == to.host_str() && (from.origin() == to.origin() || upgraded == ("http", "https", Some(80), Some(443)))
}

fn bad(what: &str) -> Unavailable {
    Unavailable::new(why::BAD_QUESTION).detail(what.to_owned())
}

/// Sends, and follows redirects as far as the question allows. Without `redirects`, a redirect is the answer.
async fn follow(client: &reqwest::Client, mut request: Request, redirects: Option<u32>) -> Result<Response, Unavailable> {
    let mut left = redirects.unwrap_or(0);
    loop {
        let sent = request.clone();
        let mut builder = client.request(sent.method, sent.url).headers(sent.headers);
        if let Some(body) = sent.body {
            builder = builder.body(body);
        }
        let response = builder.send().await.map_err(|error| failure::why(&error))?;
        if redirects.is_none() || !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(response);
        }
        let Some(next) = request.redirected(&response)? else { return Ok(response) };
        left = left.checked_sub(1).ok_or_else(|| Unavailable::new(why::TOO_MANY_REDIRECTS))?;
        request = next;
    }
}

async fn read(response: Response, certificate_days: Option<i64>) -> Result<RawHttp, Unavailable> {
    let status = response.status().as_u16();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Vec<(String, String)> = response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let encoding = response.headers().get(header::CONTENT_ENCODING).map(text).unwrap_or_default();
    if !matches!(encoding.trim().to_ascii_lowercase().as_str(), "" | "identity") {
        return Err(Unavailable::new(why::UNREADABLE).detail("the body is compressed although that was not asked for"));
    }
    let mut body = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| failure::why(&error))?;
        let room = KEPT - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return Ok(RawHttp { status, headers, body, over_limit: true, latency_ms: 0, certificate_days });
        }
    }
    Ok(RawHttp { status, headers, body, over_limit: false, latency_ms: 0, certificate_days })
}

/// Whole days until the server's certificate ends; negative once it has.
fn certificate_days(response: &Response, now: Timestamp) -> Option<i64> {
    let info = response.extensions().get::<reqwest::tls::TlsInfo>()?;
    let end = certificate::not_after(info.peer_certificate()?)?;
    Some(end.seconds_since(now).div_euclid(24 * 60 * 60))
}

/// `idle`: how many connections to one host are kept.
fn make_client(env: &EnvVars, idle: usize) -> Result<reqwest::Client, String> {
    // Another part of the program may have chosen it already; there is only one to choose.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let roots = match env.get("SSL_CERT_FILE").filter(|path| !path.is_empty()) {
        // The value is not told: whatever was put into the variable may stand there.
        Some(path) => {
            let pem = std::fs::read(&path).map_err(|error| format!("the file that SSL_CERT_FILE names cannot be read: {error}"))?;
            let roots = reqwest::Certificate::from_pem_bundle(&pem);
            Some(roots.map_err(|_| "the file that SSL_CERT_FILE names holds no certificates".to_owned())?)
        }
        None => None,
    };
    let build = |roots: Option<Vec<reqwest::Certificate>>| {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("tagwarden/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .pool_max_idle_per_host(idle)
            .tls_info(true)
            .no_proxy();
        for proxy in proxies(env)? {
            builder = builder.proxy(proxy);
        }
        let builder = match roots {
            Some(roots) => builder.tls_certs_only(roots),
            None => builder,
        };
        builder.build().map_err(|error| failure::words(&error))
    };
    let trusts_none = roots.is_none();
    // A system without certificates can still be asked in plain text; everything else then fails as untrusted.
    build(roots).or_else(|error| if trusts_none { build(Some(Vec::new())) } else { Err(error) })
}

/// The proxies of the environment.
fn proxies(env: &EnvVars) -> Result<Vec<reqwest::Proxy>, String> {
    let first = |names: &[&str]| names.iter().find_map(|name| env.get(name).filter(|value| !value.trim().is_empty()));
    let exempt = format!("{LOOPBACK},{}", first(&["NO_PROXY", "no_proxy"]).unwrap_or_default());
    // Where a web server runs us, HTTP_PROXY may be a header that a stranger sent.
    let http = if env.get("REQUEST_METHOD").is_some() { first(&["http_proxy"]) } else { first(&["http_proxy", "HTTP_PROXY"]) };
    let made = [
        http.map(reqwest::Proxy::http),
        first(&["https_proxy", "HTTPS_PROXY"]).map(reqwest::Proxy::https),
        first(&["all_proxy", "ALL_PROXY"]).map(reqwest::Proxy::all),
    ];
    let mut proxies = Vec::new();
    for proxy in made.into_iter().flatten() {
        let proxy = proxy.map_err(|_| "a proxy of the environment is no URL".to_owned())?;
        proxies.push(proxy.no_proxy(reqwest::NoProxy::from_string(&exempt)));
    }
    Ok(proxies)
}
