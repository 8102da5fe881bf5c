//! An endpoint on loopback that stands in for a deployment during a rehearsal, and answers as it is told.
//!
//! `GET /<channel>/<gate>` gives `{"status":"ok","gate":"<gate>","channel":"<channel>"}`. Each gate's answer can be made
//! wrong or broken, and the whole port can be closed. Deliberately absent: anything that a real deployment does.

use super::machine;
use crate::domain::{Fault, GateId, Reason, Result};
use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, Uri, header},
    response::IntoResponse,
};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// How a gate is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    #[default]
    Well,
    /// Well-formed, and not what the gate wants.
    Wrong,
    /// A server error.
    Broken,
}

/// What happens once, before the next request is answered.
pub type Trap = Box<dyn FnOnce() + Send>;

pub struct StandIn {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    /// `None` while the port is closed.
    task: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    moods: BTreeMap<String, Mood>,
    asked: BTreeMap<String, usize>,
    trap: Option<Trap>,
}

impl StandIn {
    /// Listens on a free port of 127.0.0.1.
    pub async fn open() -> Result<StandIn> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(no_port)?;
        let address = listener.local_addr().map_err(no_port)?;
        let shared = Arc::new(Mutex::new(Shared::default()));
        let task = Some(serve(listener, shared.clone()));
        Ok(StandIn { address, shared, task })
    }

    /// The base URL of a channel, without a trailing slash.
    pub fn base_url(&self, channel: &str) -> String {
        format!("http://{}/{channel}", self.address)
    }

    pub fn set(&self, gate: &GateId, mood: Mood) {
        lock(&self.shared).moods.insert(gate.to_string(), mood);
    }

    /// Every gate is answered well again.
    pub fn calm(&self) {
        lock(&self.shared).moods.clear();
    }

    /// Lets something happen in the middle of the next request.
    pub fn on_next(&self, trap: Trap) {
        lock(&self.shared).trap = Some(trap);
    }

    /// How often a gate was asked about so far.
    pub fn asked(&self, gate: &GateId) -> usize {
        lock(&self.shared).asked.get(gate.as_str()).copied().unwrap_or_default()
    }

    /// Closes the port: whoever connects is refused.
    pub async fn close(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            // Its end frees the port; that it was ended is no news.
            let _ = task.await;
        }
    }

    /// Opens the same port again.
    pub async fn reopen(&mut self) -> Result<()> {
        if self.task.is_none() {
            let listener = TcpListener::bind(self.address).await.map_err(no_port)?;
            self.task = Some(serve(listener, self.shared.clone()));
        }
        Ok(())
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

fn serve(listener: TcpListener, shared: Arc<Mutex<Shared>>) -> JoinHandle<()> {
    let router = Router::new().fallback(answer).with_state(shared);
    tokio::spawn(async move {
        // It ends only by being aborted.
        let _ = axum::serve(listener, router).await;
    })
}

async fn answer(State(shared): State<Arc<Mutex<Shared>>>, uri: Uri) -> impl IntoResponse {
    let mut parts = uri.path().trim_start_matches('/').splitn(2, '/');
    let (channel, gate) = (parts.next().unwrap_or_default().to_owned(), parts.next().unwrap_or_default().to_owned());
    let (mood, trap) = {
        let mut shared = lock(&shared);
        *shared.asked.entry(gate.clone()).or_default() += 1;
        (shared.moods.get(&gate).copied().unwrap_or_default(), shared.trap.take())
    };
    if let Some(trap) = trap {
        // What it did is looked at afterwards.
        let _ = tokio::task::spawn_blocking(trap).await;
    }
    let (status, word) = match mood {
        Mood::Well => (StatusCode::OK, "ok"),
        Mood::Wrong => (StatusCode::OK, "down"),
        Mood::Broken => (StatusCode::INTERNAL_SERVER_ERROR, "broken"),
    };
    let body = serde_json::json!({ "status": word, "gate": gate, "channel": channel });
    // A kept connection would outlive a closed port.
    (status, [(header::CONNECTION, "close")], Json(body))
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn no_port(error: std::io::Error) -> Fault {
    Fault::new(machine::reason(&error, Reason::DrillFailed), format!("no stand-in endpoint can listen on 127.0.0.1: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn get(url: &str) -> Option<String> {
        let (host, path) = url.strip_prefix("http://")?.split_once('/')?;
        let mut stream = tokio::net::TcpStream::connect(host).await.ok()?;
        stream.write_all(format!("GET /{path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.ok()?;
        Some(format!("{} {}", text.split(' ').nth(1)?, text.rsplit("\r\n").next()?))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_answers_as_it_is_told() {
        let mut stand_in = StandIn::open().await.unwrap();
        let gate: GateId = "health".parse().unwrap();
        let url = format!("{}/health", stand_in.base_url("staging"));
        assert_eq!(get(&url).await.unwrap(), r#"200 {"status":"ok","gate":"health","channel":"staging"}"#);
        stand_in.set(&gate, Mood::Wrong);
        assert!(get(&url).await.unwrap().starts_with(r#"200 {"status":"down""#));
        stand_in.set(&gate, Mood::Broken);
        assert!(get(&url).await.unwrap().starts_with("500 "));
        assert_eq!((stand_in.asked(&gate), stand_in.asked(&"other".parse().unwrap())), (3, 0));
        stand_in.calm();
        stand_in.close().await;
        assert_eq!(get(&url).await, None);
        stand_in.reopen().await.unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        stand_in.on_next(Box::new(move || tell.send(()).unwrap()));
        assert!(get(&url).await.unwrap().starts_with("200 "));
        told.try_recv().unwrap();
    }
}
