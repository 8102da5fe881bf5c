//! What a controller answers over HTTP while it runs.
//!
//! | path | answers |
//! |---|---|
//! | `/healthz` | 200 while rounds come to an end, else 503 |
//! | `/readyz` | 200 where readers see a whole snapshot, else 503 |
//! | `/status` | as `sync status --format json`, of the last round, with `role`, `age_seconds`, and `failure` where that failed |
//! | `/metrics` | the text format of Prometheus |
//! | `POST /hook` | wakes it; only with the signature of the body |
//!
//! Deliberately absent, as in [`listen`](crate::world::listen): TLS and access control. Nothing here says more than `sync status` does.

use crate::{
    cli::serve::{answer, nothing_here, only, respond},
    domain::{Fault, Reason, Span, Timestamp},
    report::{Body, Report, TextShape, json},
    sync::{condition::Status, figures::Figures, hook::Secret},
    world::{Clock, listen::Bell},
};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A round that takes longer than this does not end by itself.
const LONGEST_ROUND: Span = Span::minutes(60);
const PATHS: &str = "/healthz, /readyz, /status, /metrics, /hook";

pub struct Board {
    clock: Clock,
    secret: Option<Secret>,
    pub bell: Bell,
    shown: Mutex<Shown>,
}

#[derive(Default)]
struct Shown {
    figures: Figures,
    /// The last one that knew the store.
    report: Option<(Timestamp, Report)>,
    /// Why the last round failed.
    failure: Option<Fault>,
    began: Option<Timestamp>,
}

impl Board {
    pub fn new(clock: Clock, secret: Option<Secret>) -> Board {
        Board { clock, secret, bell: Bell::default(), shown: Mutex::default() }
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn begins(&self) {
        self.shown().began = Some(self.clock.now());
    }

    /// A round came to its end. `report`: what is known of the store now.
    pub fn ends(&self, reason: Reason, failure: Option<Fault>, failures: u32, leads: bool, report: Option<Report>, millis: u64) {
        let now = self.clock.now();
        let mut shown = self.shown();
        shown.began = None;
        let figures = &mut shown.figures;
        (figures.leads, figures.failures, figures.millis, figures.last) = (leads, failures, millis, Some(now));
        *figures.rounds.entry(reason).or_default() += 1;
        if failures == 0 {
            figures.last_good = Some(now);
        }
        shown.failure = failure;
        if let Some(report) = report {
            if let Body::Sync(shape) = &report.body {
                let figures = &mut shown.figures;
                figures.conditions = shape.conditions.clone();
                figures.live = shape.live.as_ref().map(|live| (live.serial, live.since));
                figures.counts = shape.live.as_ref().map(|live| live.counts.clone()).unwrap_or_default();
                figures.written += shape.rows.map_or(0, |rows| rows.written);
            }
            shown.report = Some((now, report));
        }
    }
}

pub fn router(board: Arc<Board>) -> Router {
    Router::new()
        .route("/healthz", only(get(healthz)))
        .route("/readyz", only(get(readyz)))
        .route("/status", only(get(status)))
        .route("/metrics", only(get(metrics)))
        .route("/hook", post(hook))
        .fallback(|| async { nothing_here(PATHS) })
        .with_state(board)
}

async fn healthz(State(board): State<Arc<Board>>) -> Response {
    let began = board.shown().began;
    match began.filter(|began| began.plus(LONGEST_ROUND) < board.clock.now()) {
        Some(began) => unavailable(format!("the round that began at {began} has not ended")),
        None => good(),
    }
}

async fn readyz(State(board): State<Arc<Board>>) -> Response {
    let ready = board.shown().figures.conditions.iter().find(|condition| condition.name == "Ready").cloned();
    match ready {
        Some(ready) if ready.status == Status::True => good(),
        Some(ready) => unavailable(ready.message),
        None => unavailable("the store was not read yet".to_owned()),
    }
}

async fn status(State(board): State<Arc<Board>>) -> Response {
    let shown = board.shown();
    let Some((at, report)) = &shown.report else {
        let failure = shown.failure.clone();
        drop(shown);
        return failure.map_or_else(
            || unavailable("no round has ended yet".to_owned()),
            |fault| answer(StatusCode::SERVICE_UNAVAILABLE, &fault.into()),
        );
    };
    let role = if shown.figures.leads { "leader" } else { "standby" };
    let failure = shown.failure.as_ref().map(|fault| json!({ "reason_code": fault.reason, "message": fault.message }));
    let further = [
        ("role", Value::from(role)),
        ("age_seconds", Value::from(board.clock.now().seconds_since(*at))),
        ("failure", failure.unwrap_or_default()),
    ];
    respond(StatusCode::OK, json::render_with(report, further))
}

async fn metrics(State(board): State<Arc<Board>>) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/plain; version=0.0.4"), (header::CACHE_CONTROL, "no-store")];
    let text = board.shown().figures.render();
    (StatusCode::OK, headers, text).into_response()
}

async fn hook(State(board): State<Arc<Board>>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(secret) = &board.secret else {
        let fault = Fault::new(Reason::BadUsage, "this controller takes no messages").help("start it with `--webhook env:NAME`");
        return answer(StatusCode::NOT_FOUND, &fault.into());
    };
    let signature = headers.get("x-hub-signature-256").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !secret.has_signed(&body, signature) {
        board.shown().figures.unsigned += 1;
        let fault = Fault::new(Reason::NotPermitted, "the message is not signed with the secret of this controller");
        return answer(StatusCode::UNAUTHORIZED, &fault.help("X-Hub-Signature-256: sha256=HMAC of the body").into());
    }
    board.shown().figures.woken += 1;
    board.bell.ring();
    answer(StatusCode::ACCEPTED, &plain())
}

fn good() -> Response {
    answer(StatusCode::OK, &plain())
}

fn plain() -> Report {
    Report::new(Reason::Passed, Body::Text(TextShape::plain("")))
}

fn unavailable(why: String) -> Response {
    answer(StatusCode::SERVICE_UNAVAILABLE, &Fault::new(Reason::Unreachable, why).into())
}
