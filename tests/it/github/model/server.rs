//! HTTP on loopback, a thread and a port for each model, for the API and for git. The way of one request of the API: read by the contract, planted faults, the
//! caller's rights, the answer, the contract again.

use super::{
    access::{self, Caller},
    fault::{Broken, Delivery, Fault, refusal},
    git, graphql, rest,
    state::State,
};
use crate::github::contract::{self, Answer, Request};
use axum::body::{Body, Bytes};
use futures_util::StreamExt;
use hyper::{Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    thread::JoinHandle,
};
use tokio::{net::TcpListener, sync::oneshot};

pub struct Server {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(state: Arc<Mutex<State>>) -> Server {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = serve(listener, address, state) => {}
                    _ = stopped => {}
                }
            });
        });
        Server { address, stop: Some(stop), thread: Some(thread) }
    }

    /// Ends every connection; what was asked until now is in the state.
    pub fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, address: SocketAddr, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = state.clone();
        tokio::spawn(async move {
            let service = service_fn(|request: hyper::Request<Incoming>| {
                let state = state.clone();
                async move {
                    let request = whole(request).await?;
                    if git::is_git(&request) {
                        let answer = tokio::task::spawn_blocking(move || git::answer(&state, &request)).await;
                        return response(answer.map_err(std::io::Error::other)?, Delivery::Whole);
                    }
                    // Nothing is awaited while the state is held.
                    let (answer, delivery) = answer(&mut state.lock().unwrap(), &request, address);
                    response(answer, delivery)
                }
            });
            // An error is a connection that is closed, and the client's to notice.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn whole(request: hyper::Request<Incoming>) -> Result<Request, std::io::Error> {
    let (head, body) = request.into_parts();
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Ok(Request {
        method: head.method.to_string(),
        target: head.uri.path_and_query().map_or_else(String::new, ToString::to_string),
        headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: axum::body::to_bytes(Body::new(body), usize::MAX).await.map_err(std::io::Error::other)?.to_vec(),
    })
}

fn response(answer: Answer, delivery: Delivery) -> Result<Response<Body>, std::io::Error> {
    let lost = || std::io::Error::other("closed on demand");
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    let body = match delivery {
        Delivery::Closed => return Err(lost()),
        Delivery::Whole => Body::from(answer.body),
        Delivery::Truncated | Delivery::Stalled => {
            response = response.header("content-length", answer.body.len());
            let first: Bytes = answer.body[..answer.body.len() / 2].to_vec().into();
            let first = futures_util::stream::once(async { Ok(first) });
            if delivery == Delivery::Stalled {
                Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>())
            } else {
                Body::from_stream(first.chain(futures_util::stream::once(async move { Err(lost()) })))
            }
        }
    };
    response.body(body).map_err(std::io::Error::other)
}

fn answer(state: &mut State, request: &Request, address: SocketAddr) -> (Answer, Delivery) {
    state.log.push(request.clone());
    state.repos.iter_mut().for_each(git::keep_up);
    let line = format!("{} {}", request.method, request.target);
    let named = Request { target: by_name(state, &request.target), ..request.clone() };
    let planted = met(state, &named);
    if matches!(planted, Some(Fault::Broken(Broken::ClosedBefore))) {
        return (Answer::empty(500), Delivery::Closed);
    }
    let (call, faults) = contract::read(&named);
    state.violations.extend(faults.into_iter().map(|fault| format!("{line}: {fault}")));
    let Some(call) = call else { return (refusal(404, "Not Found"), Delivery::Whole) };
    let mut answer = match &planted {
        Some(Fault::Refused(refused)) => refused.answer(state.now),
        _ => answered(state, &call, request, &line, address),
    };
    answer.headers.insert("x-github-request-id".to_owned(), format!("{:04X}:{:04X}", state.log.len(), 1));
    let faults = contract::answer_faults(&call, &answer);
    state.violations.extend(faults.into_iter().map(|fault| format!("{line}: the model's answer: {fault}")));
    match planted {
        Some(Fault::Broken(broken)) => match broken.bend(&mut answer, &format!("http://{address}{}", request.target)) {
            Ok(delivery) => (answer, delivery),
            Err(fault) => {
                state.violations.push(format!("{line}: {fault}"));
                (answer, Delivery::Whole)
            }
        },
        _ => (answer, Delivery::Whole),
    }
}

fn answered(state: &mut State, call: &contract::Call, request: &Request, line: &str, address: SocketAddr) -> Answer {
    let caller = match access::caller(state, request) {
        Ok(caller) => caller,
        Err(answer) => return answer,
    };
    let limits = access::count(state, &caller, call.operation);
    let mut answer = match limits.and_then(|()| access::check(state, &caller, call)) {
        Err(answer) => answer,
        Ok(repo) if call.graphql.is_some() => {
            assert!(repo.is_none(), "GraphQL names no repository in its path");
            graphql::answer(state, &caller, call, line)
        }
        Ok(repo) => {
            let link = |repo: Option<u64>, page: u64| page_url(address, &request.target, call, repo, page);
            rest::answer(state, &caller, call, repo, line, &link)
        }
    };
    answer.headers.extend(limit_headers(state, &caller));
    answer
}

fn limit_headers(state: &State, caller: &Caller) -> BTreeMap<String, String> {
    let remaining = caller.token.as_ref().and_then(|token| state.tokens.get(token)).map_or(60, |token| token.remaining);
    let reset = (state.now.as_second() / 3600 + 1) * 3600;
    let headers = [
        ("x-ratelimit-limit", access::LIMIT.to_string()),
        ("x-ratelimit-remaining", remaining.to_string()),
        ("x-ratelimit-used", access::LIMIT.saturating_sub(remaining).to_string()),
        ("x-ratelimit-reset", reset.to_string()),
        ("x-ratelimit-resource", "core".to_owned()),
    ];
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The links between pages name a repository by its number, as GitHub's do; that is the only such address it knows.
fn by_name(state: &State, target: &str) -> String {
    let Some((number, rest)) = target.strip_prefix("/repositories/").and_then(|rest| rest.split_once('/')) else {
        return target.to_owned();
    };
    let found = state.repos.iter().find(|repo| repo.id.to_string() == number);
    found.map_or_else(|| target.to_owned(), |repo| format!("/repos/{}/{rest}", repo.full_name()))
}

fn page_url(address: SocketAddr, target: &str, call: &contract::Call, repo: Option<u64>, page: u64) -> String {
    let path = target.split('?').next().unwrap_or_default();
    let path = match (repo, path.strip_prefix("/repos/").and_then(|rest| rest.splitn(3, '/').nth(2))) {
        (Some(id), Some(rest)) => format!("/repositories/{id}/{rest}"),
        _ => path.to_owned(),
    };
    let encoded = |text: &str| {
        text.bytes()
            .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
            .collect::<String>()
    };
    let kept = call.query.iter().filter(|(name, _)| *name != "page").map(|(name, value)| format!("{name}={}", encoded(value)));
    let query: Vec<String> = kept.chain([format!("page={page}")]).collect();
    format!("http://{address}{path}?{}", query.join("&"))
}

/// The fault that is due at this request, counting it for those that wait.
fn met(state: &mut State, request: &Request) -> Option<Fault> {
    let line = format!("{} {}", request.method, request.target.split('?').next().unwrap_or_default());
    let waiting = state.planted.iter_mut().filter(|planted| planted.is_about(&line) && planted.left > 0);
    waiting.for_each(|planted| planted.left -= 1);
    let due = state.planted.iter().position(|planted| planted.is_about(&line) && planted.left == 0)?;
    Some(state.planted.remove(due).fault)
}
