//! The verb `serve`: what the channels point to, over HTTP, read from the verified ledger head.
//!
//! | path | answers |
//! |---|---|
//! | `/healthz` | 200 where the state can be read, else 503 |
//! | `/version` | the program's version; asks nobody |
//! | `/channels` | as `status --format json` |
//! | `/channels/{name}` | one channel; 404 where the protocol names no such channel |
//!
//! Every answer is JSON with `decision` and `reason_code`. A state that cannot be read or does not verify is a 503, never
//! an old answer. Only GET and HEAD are answered.
//!
//! Answers about channels bear the age of what they say, in seconds: the header `Age` and the member `age_seconds`. While a
//! read hangs, they repeat the state that was verified last, with `stale` true and a notice, for at most five minutes; its
//! `decision` and `reason_code` are those of then. `/healthz` is a 503 by then, and so is everything where there is no such
//! state. How long is waited is in [`CacheTimes`], what a client may take in [`listen::Limits`].
//!
//! Deliberately absent, as in [`listen`]: TLS and access control. An address that other machines reach is warned of.

use super::{args, gather, program::complaint, session::Session, status};
use crate::{
    domain::{ChannelName, Fault, Finding, Reason, Result},
    report::{Body, Report, SigningMode, StatusShape, TextShape, json, shape::VersionShape},
    world::{
        listen::{self, Aged, CacheTimes, Cached},
        output, signals,
    },
};
use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use futures_util::future::BoxFuture;
use serde_json::Value;
use std::sync::Arc;

pub async fn run(session: &Session, args: &args::Serve) -> Result<Report> {
    session.world().await?;
    let globals = args::Globals { no_progress: true, ..session.globals.clone() };
    let (env, clock) = (session.env.clone(), session.clock);
    let source: Source = Box::new(move || {
        let session = Session::new(globals.clone(), env.clone(), clock);
        Box::pin(async move {
            let situation = gather::situation(&session).await?;
            let (status, findings) = status::shape(&situation, None);
            Ok(Served { status, findings, signing: situation.signing() })
        })
    });
    let bound = listen::bind(args.listen).await?;
    // It ends by itself when it is told to.
    let _busy = signals::busy(signals::Work::Server);
    // Where standard error is gone, nobody waits for the address.
    let _ = output::to_stderr(&format!("listening on http://{}\n", bound.address));
    if bound.is_exposed() {
        // As above.
        let _ = output::to_stderr(&complaint(&format!(
            "warning: other machines may reach {}, and answers are neither encrypted nor restricted; listen on 127.0.0.1 behind a proxy",
            bound.address
        )));
    }
    bound.serve(router(source, CacheTimes::default()), signals::told()).await?;
    Ok(Report::new(Reason::Passed, Body::Text(TextShape::plain(""))))
}

/// The state as it is now: fetched, verified, or why it could not be.
pub type Source = Box<dyn Fn() -> BoxFuture<'static, Result<Served>> + Send + Sync>;

/// What is served: the status of every channel, under which policy.
#[derive(Clone)]
pub struct Served {
    pub status: StatusShape,
    /// What disagrees beside the channels' own drift.
    pub findings: Vec<Finding>,
    pub signing: SigningMode,
}

struct Shared {
    source: Source,
    last: Cached<Served>,
}

impl Shared {
    async fn served(&self) -> Result<Aged<Served>> {
        self.last.get(|| (self.source)()).await
    }
}

fn router(source: Source, times: CacheTimes) -> Router {
    let shared = Arc::new(Shared { source, last: Cached::new(times) });
    Router::new()
        .route("/healthz", only(get(healthz)))
        .route("/version", only(get(version)))
        .route("/channels", only(get(channels)))
        .route("/channels/{name}", only(get(channel)))
        .fallback(|| async { nothing_here("/healthz, /version, /channels, /channels/{name}") })
        .with_state(shared)
}

/// GET and HEAD; every other method is told so.
pub fn only<S: Clone + Send + Sync + 'static>(route: MethodRouter<S>) -> MethodRouter<S> {
    route.fallback(|| async {
        let fault = Fault::new(Reason::BadUsage, "this server only answers").help("use GET or HEAD");
        let mut response = answer(StatusCode::METHOD_NOT_ALLOWED, &fault.into());
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        response
    })
}

async fn healthz(State(shared): State<Arc<Shared>>) -> Response {
    match shared.served().await {
        Ok(Aged { stale: true, age, .. }) => refuse(Fault::new(
            Reason::Unreachable,
            format!("the state is being read anew without an end; the last is {} s old", age.as_secs()),
        )),
        Ok(served) => answer(StatusCode::OK, &version_report().signing(served.value.signing)),
        Err(fault) => refuse(fault),
    }
}

async fn version() -> Response {
    answer(StatusCode::OK, &version_report())
}

fn version_report() -> Report {
    Report::new(Reason::Passed, Body::Version(VersionShape { version: env!("CARGO_PKG_VERSION") }))
}

async fn channels(State(shared): State<Arc<Shared>>) -> Response {
    match shared.served().await {
        Ok(served) => {
            let aged = Aged { value: (), age: served.age, stale: served.stale };
            let Served { status, findings, signing } = served.value;
            let drift = !findings.is_empty() || status.channels.iter().any(|channel| !channel.drift.is_empty());
            told(Report::new(found(drift), Body::Status(status)).signing(signing).findings(findings), &aged)
        }
        Err(fault) => refuse(fault),
    }
}

async fn channel(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Response {
    let served = match shared.served().await {
        Ok(served) => served,
        Err(fault) => return refuse(fault),
    };
    let aged = Aged { value: (), age: served.age, stale: served.stale };
    let Served { status, signing, .. } = served.value;
    let wanted = name.parse::<ChannelName>().ok();
    match status.channels.into_iter().find(|channel| Some(&channel.channel) == wanted.as_ref()) {
        Some(channel) => {
            let reason = found(!channel.drift.is_empty());
            told(Report::new(reason, Body::Channel(channel)).signing(signing), &aged)
        }
        None => {
            let fault = Fault::new(Reason::UnknownChannel, format!("there is no channel `{}`", name.escape_debug()));
            answer(StatusCode::NOT_FOUND, &fault.help("/channels lists them").into())
        }
    }
}

/// A report about the state, with its age.
fn told(report: Report, served: &Aged<()>) -> Response {
    let seconds = served.age.as_secs();
    let report = match served.stale {
        true => report.notice(format!("the remote has not answered: this is the state that was verified {seconds} s ago")),
        false => report,
    };
    let text = json::render_with(&report, [("age_seconds", Value::from(seconds)), ("stale", Value::from(served.stale))]);
    let mut response = respond(StatusCode::OK, text);
    response.headers_mut().insert(header::AGE, HeaderValue::from(seconds));
    response
}

/// Drift is told with the state: the ledger's word stands, but somebody moved a tag.
fn found(drift: bool) -> Reason {
    if drift { Reason::Findings } else { Reason::Passed }
}

/// `paths`: those where something is.
pub fn nothing_here(paths: &str) -> Response {
    let fault = Fault::new(Reason::BadUsage, "nothing is at this path").help(paths);
    answer(StatusCode::NOT_FOUND, &fault.into())
}

fn refuse(fault: Fault) -> Response {
    answer(StatusCode::SERVICE_UNAVAILABLE, &fault.into())
}

pub fn answer(status: StatusCode, report: &Report) -> Response {
    respond(status, json::render(report))
}

pub fn respond(status: StatusCode, text: String) -> Response {
    let headers =
        [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (status, headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::listen::Limits;
    use super::*;
    use crate::report::shape::ChannelShape;
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    fn served(drift: bool) -> Served {
        let channel = ChannelShape {
            channel: "production".parse().unwrap(),
            release: Some("web@1.4.0".into()),
            releases: Vec::new(),
            commit: Some("c".repeat(40).parse().unwrap()),
            serial: Some(12),
            since: None,
            hold: None,
            drift: if drift { vec![Finding::error("status/tag-moved", "by hand")] } else { Vec::new() },
            tag: None,
            taken_over: false,
        };
        Served {
            status: StatusShape { channels: vec![channel], ..StatusShape::default() },
            findings: Vec::new(),
            signing: SigningMode::Ssh,
        }
    }

    fn source(answer: impl Fn() -> Result<Served> + Send + Sync + 'static) -> Source {
        Box::new(move || {
            let answer = answer();
            Box::pin(async move { answer })
        })
    }

    /// Every request reads anew, and waits for a moment only.
    fn at_once() -> CacheTimes {
        let soon = Duration::from_millis(50);
        CacheTimes { keep: Duration::ZERO, wait: soon, first: soon, ..CacheTimes::default() }
    }

    /// Nothing here takes this long; what does has hung.
    const HUNG: Duration = Duration::from_secs(60);

    struct Server {
        address: std::net::SocketAddr,
        stop: tokio::sync::oneshot::Sender<()>,
        task: tokio::task::JoinHandle<Result<()>>,
    }

    impl Server {
        async fn start(router: Router, limits: Limits) -> Server {
            let bound = listen::bind("127.0.0.1:0".parse().unwrap()).await.unwrap().limits(limits);
            let address = bound.address;
            let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
            let task = tokio::spawn(bound.serve(router, async move { stopped.await.unwrap() }));
            Server { address, stop, task }
        }

        async fn send(&self, text: &str) -> TcpStream {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            stream
        }

        /// Status, headers, body.
        async fn ask(&self, request: &str) -> (u16, String, Value) {
            let mut stream = self.send(&format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
            let mut text = String::new();
            tokio::time::timeout(HUNG, stream.read_to_string(&mut text)).await.unwrap().unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_owned(), serde_json::from_str(body).unwrap_or(Value::Null))
        }

        async fn end(self) {
            self.stop.send(()).unwrap();
            self.task.await.unwrap().unwrap();
        }
    }

    /// Asks a server of this router over a socket.
    async fn ask(router: Router, requests: &[&str]) -> Vec<(u16, String, Value)> {
        let server = Server::start(router, Limits::default()).await;
        let mut answers = Vec::new();
        for request in requests {
            answers.push(server.ask(request).await);
        }
        server.end().await;
        answers
    }

    /// Answers once, then hangs.
    fn hanging_after(answers: usize) -> Source {
        let asked = AtomicUsize::new(0);
        Box::new(move || match asked.fetch_add(1, Ordering::SeqCst) < answers {
            true => Box::pin(async { Ok(served(false)) }),
            false => Box::pin(std::future::pending()),
        })
    }

    #[tokio::test]
    async fn half_open_connections_do_not_keep_others_out() {
        let limits = Limits { connections: 8, head: HUNG, connection: HUNG };
        let server = Server::start(router(source(|| Ok(served(false))), CacheTimes::default()), limits).await;
        let mut open = Vec::new();
        for at in 0..40 {
            open.push(server.send(if at % 2 == 0 { "" } else { "GET /channels HTTP/1.1\r\nho" }).await);
            assert_eq!(server.ask("GET /version").await.0, 200);
        }
        // The oldest were ended, the youngest wait on.
        let mut byte = [0];
        let read = tokio::time::timeout(HUNG, open[0].read(&mut byte)).await.unwrap();
        assert!(matches!(read, Ok(0) | Err(_)));
        assert!(tokio::time::timeout(Duration::from_millis(20), open[39].read(&mut byte)).await.is_err());
        drop(open);
        server.end().await;
    }

    #[tokio::test]
    async fn heads_that_do_not_end_idle_connections_and_old_ones_are_ended() {
        let soon = Duration::from_millis(50);
        for (limits, text) in [
            (Limits { head: soon, ..Limits::default() }, ""),
            (Limits { head: soon, ..Limits::default() }, "GET /version HTTP/1.1\r\nho"),
            (Limits { head: soon, ..Limits::default() }, "GET /version HTTP/1.1\r\nhost: x\r\n\r\n"),
            (Limits { connection: soon, ..Limits::default() }, "GET /version HTTP/1.1\r\nho"),
        ] {
            let limits = Limits { head: limits.head.max(soon), ..limits };
            let server = Server::start(router(source(|| Ok(served(false))), CacheTimes::default()), limits).await;
            let mut stream = server.send(text).await;
            let mut answer = Vec::new();
            tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.expect("the server ends it").unwrap();
            assert_eq!(answer.starts_with(b"HTTP/1.1 200"), text.ends_with("\r\n\r\n"), "{}", String::from_utf8_lossy(&answer));
            server.end().await;
        }
    }

    #[tokio::test]
    async fn a_reader_that_does_not_read_blocks_nobody() {
        // More than the buffers of a socket hold.
        let large = router(source(|| Ok(served(false))), CacheTimes::default()).route("/large", get(|| async { vec![b'x'; 64 << 20] }));
        let server = Server::start(large, Limits::default()).await;
        let mut reader = server.send("GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
        reader.readable().await.unwrap();
        let [channels, version] = [server.ask("GET /channels").await, server.ask("GET /version").await];
        assert_eq!((channels.0, version.0), (200, 200));
        assert_eq!(reader.read(&mut [0]).await.unwrap(), 1, "its own answer is still under way");
        drop(reader);
        server.end().await;
    }

    #[tokio::test]
    async fn a_read_that_hangs_is_answered_for_from_the_last_one_and_says_so() {
        let answers = ask(
            router(hanging_after(1), at_once()),
            &["GET /channels", "GET /channels", "GET /channels/production", "GET /healthz", "GET /version"],
        )
        .await;
        let seen: Vec<(u16, &Value, &Value)> =
            answers.iter().map(|(status, _, body)| (*status, &body["reason_code"], &body["stale"])).collect();
        let (passed, hangs, none) = (&Value::from("passed"), &Value::from("unreachable"), &Value::Null);
        let [fresh, stale] = [&Value::from(false), &Value::from(true)];
        assert_eq!(seen, [(200, passed, fresh), (200, passed, stale), (200, passed, stale), (503, hangs, none), (200, passed, none)]);
        for (_, head, body) in &answers[..3] {
            let age = body["age_seconds"].as_u64().unwrap();
            assert!(head.contains(&format!("\r\nage: {age}\r\n")), "{head}");
            let notices = body["notices"].as_array().unwrap();
            assert_eq!(notices.iter().any(|notice| notice.as_str().unwrap().contains("was verified")), body["stale"] == true);
        }
    }

    #[tokio::test]
    async fn a_read_that_hangs_is_unavailable_where_nothing_was_read_lately() {
        let past = CacheTimes { stale: Duration::ZERO, ..at_once() };
        for (answers, times) in [(0, at_once()), (1, past)] {
            let source = hanging_after(answers);
            let seen = ask(router(source, times), &["GET /channels", "GET /channels", "GET /healthz"]).await;
            let seen: Vec<u16> = seen.iter().map(|(status, ..)| *status).collect();
            assert_eq!(seen, [if answers == 0 { 503 } else { 200 }, 503, 503]);
        }
    }

    #[tokio::test]
    async fn the_state_is_answered() {
        let requests = ["GET /healthz", "GET /version", "GET /channels", "GET /channels/production", "HEAD /channels"];
        let answers = ask(router(source(|| Ok(served(false))), CacheTimes::default()), &requests).await;
        for (status, head, _) in &answers {
            assert_eq!(*status, 200, "{head}");
            assert!(head.contains("content-type: application/json") && head.contains("cache-control: no-store"), "{head}");
        }
        let body = |at: usize| answers[at].2.clone();
        assert_eq!(body(1)["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(body(2)["channels"][0]["release"], "web@1.4.0");
        assert_eq!((&body(3)["commit"], &body(3)["signing"]), (&Value::from("c".repeat(40)), &Value::from("ssh")));
        assert!((0..4).all(|at| body(at)["decision"] == "done" && body(at)["reason_code"] == "passed"));
        assert_eq!(body(4), Value::Null, "HEAD has no body");
    }

    #[tokio::test]
    async fn drift_is_told_with_the_state() {
        let answers = ask(router(source(|| Ok(served(true))), CacheTimes::default()), &["GET /channels", "GET /channels/production"]).await;
        for (status, _, body) in answers {
            assert_eq!((status, &body["reason_code"], &body["decision"]), (200, &Value::from("findings"), &Value::from("stop")));
        }
    }

    #[tokio::test]
    async fn what_is_not_there_and_what_may_not_be_done() {
        let requests =
            ["GET /channels/nowhere", "GET /channels/..%2Fx", "GET /x", "POST /channels", "DELETE /channels/production", "PUT /healthz"];
        let answers = ask(router(source(|| Ok(served(false))), CacheTimes::default()), &requests).await;
        let seen: Vec<(u16, &str)> = answers.iter().map(|(status, _, body)| (*status, body["reason_code"].as_str().unwrap())).collect();
        assert_eq!(
            seen,
            [
                (404, "unknown_channel"),
                (404, "unknown_channel"),
                (404, "bad_usage"),
                (405, "bad_usage"),
                (405, "bad_usage"),
                (405, "bad_usage")
            ]
        );
        assert!(answers[3].1.contains("allow: GET, HEAD"), "{}", answers[3].1);
    }

    #[tokio::test]
    async fn a_broken_ledger_is_unavailable_and_never_an_old_answer() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let flaky = source(move || match count.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(served(false)),
            _ => Err(Fault::new(Reason::LedgerBroken, "entry 4 names another parent")),
        });
        let answers =
            ask(router(flaky, at_once()), &["GET /channels", "GET /channels", "GET /healthz", "GET /channels/production", "GET /version"])
                .await;
        let seen: Vec<(u16, &str)> = answers.iter().map(|(status, _, body)| (*status, body["reason_code"].as_str().unwrap())).collect();
        assert_eq!(seen, [(200, "passed"), (503, "ledger_broken"), (503, "ledger_broken"), (503, "ledger_broken"), (200, "passed")]);
        assert_eq!(asked.load(Ordering::SeqCst), 4);
    }

    #[tokio::test]
    async fn many_questions_are_one_read() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let counted = source(move || {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(served(false))
        });
        ask(
            router(counted, CacheTimes { keep: Duration::from_secs(3600), ..CacheTimes::default() }),
            &["GET /channels", "GET /healthz", "GET /channels/production"],
        )
        .await;
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}
