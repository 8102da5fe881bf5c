//! HTTP against servers that behave, and servers that do not.

use crate::world_support::Scratch;
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use serde_json::json;
use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};
use tagwarden::{
    domain::{Span, Timestamp},
    gate::probe::{HttpAsk, Unavailable, reduce::RawHttp},
    world::{EnvVars, Http},
};

/// Answers every connection with what `answer` writes; keeps the requests.
struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(answer: impl Fn(usize, &str, &mut TcpStream) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (Arc::clone(&seen), Arc::new(answer));
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let request = read_request(&mut stream);
                    kept.lock().unwrap().push(request.clone());
                    answer(number, &request, &mut stream);
                });
            }
        });
        Server { address, seen }
    }

    /// One fixed answer.
    fn fixed(answer: impl Into<Vec<u8>>) -> Server {
        let answer = answer.into();
        Server::new(move |_, _, stream| drop(stream.write_all(&answer)))
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// The request up to the end of its body.
fn read_request(stream: &mut impl Read) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                return text;
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return text,
            Ok(read) => request.extend_from_slice(&buffer[..read]),
        }
    }
}

fn get(url: String) -> HttpAsk {
    HttpAsk { method: "GET".to_owned(), url, ..HttpAsk::default() }
}

fn now() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

async fn ask_with(env: &EnvVars, ask: HttpAsk) -> Result<RawHttp, Unavailable> {
    Http::new(env).ask(&ask, now()).await.result
}

async fn ask(ask: HttpAsk) -> Result<RawHttp, Unavailable> {
    ask_with(&EnvVars::default(), ask).await
}

async fn why(question: HttpAsk) -> String {
    let unavailable = ask(question).await.err().unwrap();
    unavailable.why
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Tag: a\r\nX-Tag: b\r\nContent-Length: 11\r\n\r\n{\"ok\":true}";

#[tokio::test]
async fn an_answer_comes_whole() {
    let server = Server::fixed(OK);
    let raw = ask(get(server.url("/health?x=1"))).await.ok().unwrap();
    assert_eq!((raw.status, raw.body.as_slice(), raw.over_limit), (200, b"{\"ok\":true}".as_slice(), false));
    let tags: Vec<&str> = raw.headers.iter().filter(|(name, _)| name == "x-tag").map(|(_, value)| value.as_str()).collect();
    assert_eq!(tags, ["a", "b"]);
    let request = server.seen().remove(0).to_lowercase();
    assert!(request.starts_with("get /health?x=1 http/1.1\r\n"), "{request}");
    assert!(request.contains("cache-control: no-cache") && request.contains("user-agent: tagwarden/"), "{request}");
    assert!(!request.contains("accept-encoding"), "{request}");
}

#[tokio::test]
async fn variables_are_filled_in_when_the_request_is_sent_and_masked() {
    let server = Server::fixed(OK);
    let env = EnvVars::of([("TOKEN", "hunter2-secret"), ("PART", "abc/def")]);
    let question = HttpAsk {
        method: "POST".to_owned(),
        url: server.url("/{env.PART}"),
        headers: BTreeMap::from([
            ("Authorization".to_owned(), "Bearer {env.TOKEN}".to_owned()),
            ("cache-control".to_owned(), "max-age=1".to_owned()),
        ]),
        json: Some(json!({"a": ["{env.TOKEN}", {"b": "{{x}}"}], "n": 1})),
        ..HttpAsk::default()
    };
    let exchange = Http::new(&env).ask(&question, now()).await;
    assert!(exchange.result.is_ok());
    assert_eq!(exchange.masks.mask("got hunter2-secret"), "got [masked]");
    let request = server.seen().remove(0);
    assert!(request.starts_with("POST /abc/def HTTP/1.1"), "{request}");
    assert!(
        request.contains("authorization: Bearer hunter2-secret\r\n") && request.contains("content-type: application/json\r\n"),
        "{request}"
    );
    assert!(request.ends_with("{\"a\":[\"hunter2-secret\",{\"b\":\"{x}\"}],\"n\":1}"), "{request}");
    assert!(request.contains("max-age=1") && !request.contains("no-cache"), "{request}");

    let unset = ask(get(server.url("/{env.NOPE}"))).await.err().unwrap();
    assert_eq!((unset.why.as_str(), unset.detail.as_deref()), ("unset-variable", Some("NOPE")));
    assert_eq!(server.seen().len(), 1, "nothing was sent");
}

#[tokio::test]
async fn questions_that_cannot_be_asked() {
    for url in ["", "no url", "ftp://example.com/", "file:///etc/passwd", "http://", "{x", "http://127.0.0.1:99999/"] {
        assert_eq!(why(get(url.to_owned())).await, "bad-question", "{url}");
    }
    let server = Server::fixed(OK);
    let header =
        |name: &str, value: &str| HttpAsk { headers: BTreeMap::from([(name.to_owned(), value.to_owned())]), ..get(server.url("/")) };
    for question in
        [header("a b", "x"), header("a", "x\r\nInjected: y"), HttpAsk { method: "GET / HTTP/1.1\r\n".to_owned(), ..get(server.url("/")) }]
    {
        assert_eq!(why(question).await, "bad-question");
    }
    let env = EnvVars::of([("BREAK", "x\r\nInjected: y")]);
    let question = header("a", "{env.BREAK}");
    assert_eq!(ask_with(&env, question).await.err().unwrap().why, "bad-question");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn servers_that_misbehave() {
    let limited = |server: &Server| HttpAsk { within: Some(Span::millis(400)), ..get(server.url("/")) };

    let silent = Server::new(|_, _, _| std::thread::sleep(Duration::from_secs(20)));
    assert_eq!(why(limited(&silent)).await, "timeout");

    let drip = Server::new(|_, _, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    assert_eq!(why(limited(&drip)).await, "timeout");

    let drip_head = Server::new(|_, _, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX: ");
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    assert_eq!(why(limited(&drip_head)).await, "timeout");

    let endless = Server::new(|_, _, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        while stream.write_all(&[b'x'; 65536]).is_ok() {}
    });
    let raw = ask(get(endless.url("/"))).await.ok().unwrap();
    assert!(raw.over_limit && raw.body.len() == 1 << 20);

    let endless_head = Server::new(|_, _, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(&[b'X'; 65536]).is_ok() {}
    });
    assert!(["unreadable", "unreachable"].contains(&why(get(endless_head.url("/"))).await.as_str()));

    for (answer, expected) in [
        ("", "unreachable"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "unreachable"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc", "unreachable"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "unreadable"),
        ("HTTP/9.9 200 OK\r\n\r\n", "unreadable"),
        ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", "unreadable"),
    ] {
        assert_eq!(why(get(Server::fixed(answer).url("/"))).await, expected, "{answer:?}");
    }

    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = ask(get(format!("http://{closed}/"))).await.err().unwrap();
    assert_eq!((refused.why.as_str(), refused.detail.as_deref()), ("unreachable", Some("connection refused")));
    let unresolved = ask(get("http://nothing.invalid/".to_owned())).await.err().unwrap();
    assert_eq!(unresolved.why, "unreachable");
}

#[tokio::test]
async fn a_failed_exchange_names_no_secret() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let env = EnvVars::of([("TOKEN", "hunter2-secret")]);
    for url in [format!("http://{closed}/{{env.TOKEN}}"), "http://{env.TOKEN}.invalid/".to_owned(), "http://u:{env.TOKEN}@[".to_owned()] {
        let unavailable = ask_with(&env, get(url.clone())).await.err().unwrap();
        assert!(!format!("{unavailable:?}").contains("hunter2"), "{url}: {unavailable:?}");
    }
}

/// Redirects from `/start` to wherever the test says.
fn redirecting(status: u16, location: String) -> Server {
    Server::new(move |_, request, stream| {
        let path = request.split(' ').nth(1).unwrap_or_default();
        let answer = match path {
            "/start" => format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"),
            "/loop" => "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n".to_owned(),
            "/nowhere" => "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
            _ => OK.to_owned(),
        };
        let _ = stream.write_all(answer.as_bytes());
    })
}

#[tokio::test]
async fn redirects_are_followed_only_as_far_as_asked_and_never_elsewhere() {
    let server = redirecting(302, "/end".to_owned());
    let following = |server: &Server, path: &str, redirects: Option<u32>| HttpAsk { redirects, ..get(server.url(path)) };
    let raw = ask(following(&server, "/start", None)).await.ok().unwrap();
    assert_eq!(raw.status, 302, "a redirect is the answer unless it is to be followed");
    assert!(raw.headers.contains(&("location".to_owned(), "/end".to_owned())));
    assert_eq!(ask(following(&server, "/start", Some(1))).await.ok().unwrap().status, 200);
    assert_eq!(why(following(&server, "/start", Some(0))).await, "too-many-redirects");
    assert_eq!(why(following(&server, "/loop", Some(5))).await, "too-many-redirects");
    assert_eq!(ask(following(&server, "/nowhere", Some(5))).await.ok().unwrap().status, 302);

    let other = Server::fixed(OK);
    for location in [
        other.url("/end"),
        format!("http://localhost:{}/end", server.address.port()),
        "https://example.com/".to_owned(),
        "//example.com/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "javascript:x".to_owned(),
    ] {
        let server = redirecting(301, location.clone());
        assert_eq!(why(following(&server, "/start", Some(5))).await, "redirect-elsewhere", "{location}");
    }
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn a_redirected_post_keeps_its_body_only_where_it_may() {
    for (status, kept) in [(301, false), (303, false), (307, true), (308, true)] {
        let server = redirecting(status, "/end".to_owned());
        let question =
            HttpAsk { method: "POST".to_owned(), text: Some("body".to_owned()), redirects: Some(1), ..get(server.url("/start")) };
        assert_eq!(ask(question).await.ok().unwrap().status, 200);
        let second = server.seen().remove(1);
        assert_eq!(second.starts_with("POST /end") && second.ends_with("body"), kept, "{status}: {second}");
        assert_eq!(second.starts_with("GET /end") && !second.to_lowercase().contains("content-type"), !kept, "{status}: {second}");
    }
}

#[tokio::test]
async fn every_question_reaches_the_service_anew() {
    let server = Server::new(|number, _, stream| {
        let body = number.to_string();
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        // The connection would stay open for more.
        std::thread::sleep(Duration::from_secs(5));
    });
    let http = Http::new(&EnvVars::default());
    for number in 0..3 {
        let raw = http.ask(&get(server.url("/")), now()).await.result.ok().unwrap();
        assert_eq!(raw.body, number.to_string().into_bytes());
    }
}

#[tokio::test]
async fn proxies_of_the_environment_are_used_but_never_for_this_machine() {
    let proxy = Server::fixed("HTTP/1.1 299 Proxied\r\nContent-Length: 0\r\n\r\n");
    let direct = Server::fixed(OK);
    let env = EnvVars::of([("HTTP_PROXY", proxy.url("/")), ("NO_PROXY", "exempt.invalid".to_owned())]);
    assert_eq!(ask_with(&env, get("http://example.invalid/x".to_owned())).await.ok().unwrap().status, 299);
    assert!(proxy.seen()[0].starts_with("GET http://example.invalid/x HTTP/1.1"), "{}", proxy.seen()[0]);
    assert_eq!(ask_with(&env, get(direct.url("/"))).await.ok().unwrap().status, 200);
    assert_eq!(ask_with(&env, get("http://exempt.invalid/".to_owned())).await.err().unwrap().why, "unreachable");
    let cgi = env.with("REQUEST_METHOD", "GET");
    assert_eq!(ask_with(&cgi, get("http://example.invalid/x".to_owned())).await.err().unwrap().why, "unreachable");
    assert_eq!(proxy.seen().len(), 1);
}

fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = match content.len() {
        short @ 0..=127 => vec![short as u8],
        long @ 128..=255 => vec![0x81, long as u8],
        long => vec![0x82, (long >> 8) as u8, long as u8],
    };
    [vec![tag], length, content].concat()
}

/// A self-signed certificate for 127.0.0.1 that ends at `not_after` (`YYYYMMDDHHMMSSZ`), and its key.
fn certificate(not_after: &str) -> (Vec<u8>, Vec<u8>) {
    let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.as_ref()).unwrap();
    let algorithm = der(0x30, &[&der(0x06, &[&[0x2b, 0x65, 0x70]])]);
    let common_name = der(0x30, &[&der(0x06, &[&[0x55, 0x04, 0x03]]), &der(0x0c, &[b"test"])]);
    let name = der(0x30, &[&der(0x31, &[&common_name])]);
    let validity = der(0x30, &[&der(0x18, &[b"20200101000000Z"]), &der(0x18, &[not_after.as_bytes()])]);
    let public = der(0x30, &[&algorithm, &der(0x03, &[&[0], pair.public_key().as_ref()])]);
    let alternative = der(0x04, &[&der(0x30, &[&der(0x87, &[&[127, 0, 0, 1]])])]);
    let extensions = der(0xa3, &[&der(0x30, &[&der(0x30, &[&der(0x06, &[&[0x55, 0x1d, 0x11]]), &alternative])])]);
    let body =
        der(0x30, &[&der(0xa0, &[&der(0x02, &[&[2]])]), &der(0x02, &[&[1]]), &algorithm, &name, &validity, &name, &public, &extensions]);
    let signature = pair.sign(&body);
    (der(0x30, &[&body, &algorithm, &der(0x03, &[&[0], signature.as_ref()])]), key.as_ref().to_vec())
}

/// A TLS server with this certificate; gives its URL.
fn tls_server(certificate: Vec<u8>, key: Vec<u8>) -> String {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], rustls::pki_types::PrivatePkcs8KeyDer::from(key).into())
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream.unwrap());
            read_request(&mut stream);
            let _ = stream.write_all(OK.as_bytes());
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    url
}

#[tokio::test]
async fn tls_is_verified_and_the_end_of_the_certificate_is_told() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let scratch = Scratch::new();
    let trusting = |certificate: &[u8]| {
        let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(certificate));
        std::fs::write(scratch.path("roots.pem"), pem).unwrap();
        EnvVars::of([("SSL_CERT_FILE", scratch.path("roots.pem"))])
    };
    let (good, key) = certificate("21000101000000Z");
    let url = tls_server(good.clone(), key);
    let env = trusting(&good);
    let raw = ask_with(&env, HttpAsk { certificate: true, ..get(url.clone()) }).await.ok().unwrap();
    assert_eq!(raw.status, 200);
    assert_eq!(raw.certificate_days, Some(26703), "from 2026-11-21T10:00 to 2100-01-01");
    assert_eq!(ask_with(&env, get(url.clone())).await.ok().unwrap().certificate_days, None, "only where asked");

    let untrusted = ask(get(url.clone())).await.err().unwrap();
    assert_eq!(untrusted.why, "tls", "{untrusted:?}");
    let elsewhere = ask_with(&env, get(url.replace("127.0.0.1", "localhost"))).await.err().unwrap();
    assert_eq!(elsewhere.why, "tls", "{elsewhere:?}");
    let (expired, key) = certificate("20210101000000Z");
    let url = tls_server(expired.clone(), key);
    let unavailable = ask_with(&trusting(&expired), get(url)).await.err().unwrap();
    assert_eq!(unavailable.why, "tls");
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let plain_url = format!("https://{}/", plain.local_addr().unwrap());
    std::thread::spawn(move || plain.incoming().for_each(|stream| drop(stream.unwrap().write_all(OK.as_bytes()))));
    let unavailable = ask(get(plain_url)).await.err().unwrap();
    assert_eq!(unavailable.why, "tls", "{unavailable:?}");
    let broken = EnvVars::of([("SSL_CERT_FILE", "/none")]);
    assert_eq!(ask_with(&broken, get(Server::fixed(OK).url("/"))).await.err().unwrap().why, "tls");
}

/// Nothing of this module may hold a runtime up: what is given up is dropped.
#[test]
fn a_question_that_is_given_up_leaves_nothing_behind() {
    let (sender, receiver) = mpsc::channel();
    let server = Server::new(move |_, _, stream| {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        sender.send(()).unwrap();
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let http = Http::new(&EnvVars::default());
        let question = get(server.url("/"));
        let _ = tokio::time::timeout(Duration::from_millis(300), http.ask(&question, now())).await;
    });
    drop(runtime);
    receiver.recv_timeout(Duration::from_secs(60)).expect("the connection was closed");
}
