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

use super::{args, gather, session::Session, status};
use crate::{
    domain::{ChannelName, Fault, Finding, Reason, Result},
    report::{Body, Report, SigningMode, StatusShape, TextShape, json, shape::VersionShape},
    world::{
        listen::{self, Cached},
        output,
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
use std::{sync::Arc, time::Duration};

/// How long a read of the ledger is answered with.
const KEEP: Duration = Duration::from_secs(5);

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
    let stop = listen::stop_signal().await?;
    // Where standard error is gone, nobody waits for the address.
    let _ = output::to_stderr(&format!("listening on http://{}\n", bound.address));
    bound.serve(router(source, KEEP), stop).await?;
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
    async fn served(&self) -> Result<Served> {
        self.last.get(|| (self.source)()).await
    }
}

fn router(source: Source, keep: Duration) -> Router {
    let shared = Arc::new(Shared { source, last: Cached::new(keep) });
    Router::new()
        .route("/healthz", only(get(healthz)))
        .route("/version", only(get(version)))
        .route("/channels", only(get(channels)))
        .route("/channels/{name}", only(get(channel)))
        .fallback(nothing_here)
        .with_state(shared)
}

/// GET and HEAD; every other method is told so.
fn only(route: MethodRouter<Arc<Shared>>) -> MethodRouter<Arc<Shared>> {
    route.fallback(|| async {
        let fault = Fault::new(Reason::BadUsage, "this server only answers").help("use GET or HEAD");
        let mut response = answer(StatusCode::METHOD_NOT_ALLOWED, &fault.into());
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        response
    })
}

async fn healthz(State(shared): State<Arc<Shared>>) -> Response {
    match shared.served().await {
        Ok(served) => answer(StatusCode::OK, &version_report().signing(served.signing)),
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
        Ok(Served { status, findings, signing }) => {
            let drift = !findings.is_empty() || status.channels.iter().any(|channel| !channel.drift.is_empty());
            answer(StatusCode::OK, &Report::new(found(drift), Body::Status(status)).signing(signing).findings(findings))
        }
        Err(fault) => refuse(fault),
    }
}

async fn channel(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Response {
    let Served { status, signing, .. } = match shared.served().await {
        Ok(served) => served,
        Err(fault) => return refuse(fault),
    };
    let wanted = name.parse::<ChannelName>().ok();
    match status.channels.into_iter().find(|channel| Some(&channel.channel) == wanted.as_ref()) {
        Some(channel) => {
            let reason = found(!channel.drift.is_empty());
            answer(StatusCode::OK, &Report::new(reason, Body::Channel(channel)).signing(signing))
        }
        None => {
            let fault = Fault::new(Reason::UnknownChannel, format!("there is no channel `{}`", name.escape_debug()));
            answer(StatusCode::NOT_FOUND, &fault.help("/channels lists them").into())
        }
    }
}

/// Drift is told with the state: the ledger's word stands, but somebody moved a tag.
fn found(drift: bool) -> Reason {
    if drift { Reason::Findings } else { Reason::Passed }
}

async fn nothing_here() -> Response {
    let fault = Fault::new(Reason::BadUsage, "nothing is at this path").help("/healthz, /version, /channels, /channels/{name}");
    answer(StatusCode::NOT_FOUND, &fault.into())
}

fn refuse(fault: Fault) -> Response {
    answer(StatusCode::SERVICE_UNAVAILABLE, &fault.into())
}

fn answer(status: StatusCode, report: &Report) -> Response {
    let headers =
        [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (status, headers, json::render(report)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::shape::ChannelShape;
    use serde_json::Value;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

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

    /// Asks a server of this router over a socket: status line, headers, body.
    async fn ask(router: Router, requests: &[&str]) -> Vec<(u16, String, Value)> {
        let bound = listen::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = bound.address;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let server = tokio::spawn(bound.serve(router, async move { stopped.await.unwrap() }));
        let mut answers = Vec::new();
        for request in requests {
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            stream.write_all(format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            answers.push((status, head.to_owned(), serde_json::from_str(body).unwrap_or(Value::Null)));
        }
        stop.send(()).unwrap();
        server.await.unwrap().unwrap();
        answers
    }

    #[tokio::test]
    async fn the_state_is_answered() {
        let requests = ["GET /healthz", "GET /version", "GET /channels", "GET /channels/production", "HEAD /channels"];
        let answers = ask(router(source(|| Ok(served(false))), KEEP), &requests).await;
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
        let answers = ask(router(source(|| Ok(served(true))), KEEP), &["GET /channels", "GET /channels/production"]).await;
        for (status, _, body) in answers {
            assert_eq!((status, &body["reason_code"], &body["decision"]), (200, &Value::from("findings"), &Value::from("stop")));
        }
    }

    #[tokio::test]
    async fn what_is_not_there_and_what_may_not_be_done() {
        let requests =
            ["GET /channels/nowhere", "GET /channels/..%2Fx", "GET /x", "POST /channels", "DELETE /channels/production", "PUT /healthz"];
        let answers = ask(router(source(|| Ok(served(false))), KEEP), &requests).await;
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
        let answers = ask(
            router(flaky, Duration::ZERO),
            &["GET /channels", "GET /channels", "GET /healthz", "GET /channels/production", "GET /version"],
        )
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
        ask(router(counted, Duration::from_secs(3600)), &["GET /channels", "GET /healthz", "GET /channels/production"]).await;
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}
