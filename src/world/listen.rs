//! A small HTTP server's outer side: a bound address, the signals that end it, and a value that is fetched at most every
//! few seconds however many ask.
//!
//! What is answered is the caller's router. Deliberately absent: TLS and anything that writes; put a proxy in front.

use crate::domain::{Fault, Reason, Result};
use axum::Router;
use std::{future::Future, net::SocketAddr, time::Duration};
use tokio::{net::TcpListener, sync::Mutex, time::Instant};

/// How long open requests may go on once the server was told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// A listening socket.
pub struct Bound {
    listener: TcpListener,
    pub address: SocketAddr,
}

/// Listens on this address; port 0 takes a free one.
pub async fn bind(address: SocketAddr) -> Result<Bound> {
    let refused = |error: std::io::Error| {
        Fault::new(Reason::BadUsage, format!("cannot listen on {address}: {error}")).help("choose another address with `--listen`")
    };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    Ok(Bound { listener, address })
}

impl Bound {
    /// Answers until `stop` is there; then lets open requests end, for a short while.
    pub async fn serve(self, router: Router, stop: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        let (told, mut stopping) = tokio::sync::watch::channel(false);
        let stop = async move {
            stop.await;
            // Nobody listens any more only where the server has ended by itself.
            let _ = told.send(true);
        };
        let late = async move {
            if stopping.wait_for(|stopping| *stopping).await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(GRACE).await;
        };
        let served = axum::serve(self.listener, router).with_graceful_shutdown(stop);
        tokio::select! {
            ended = served => ended.map_err(|error| Fault::new(Reason::Internal, format!("the server ended: {error}"))),
            () = late => Ok(()),
        }
    }
}

/// Ends when the process is told to stop: SIGINT or SIGTERM.
pub async fn stop_signal() -> Result<impl Future<Output = ()> + Send + 'static> {
    let refused = |error: std::io::Error| Fault::new(Reason::Internal, format!("cannot listen for signals: {error}"));
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt()).map_err(refused)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(refused)?;
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    {
        let _ = refused;
        Ok(async {
            // Without a way to be told, it runs until it is ended from outside.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

/// The last answer of a fetch, refusals included: whoever asks within `keep` gets the same one, and whoever asks during a
/// fetch waits for that fetch.
pub struct Cached<T> {
    keep: Duration,
    last: Mutex<Option<(Instant, Result<T>)>>,
}

impl<T: Clone> Cached<T> {
    pub fn new(keep: Duration) -> Cached<T> {
        Cached { keep, last: Mutex::new(None) }
    }

    /// The answer, fetched anew where the last one is too old. An old answer never stands in for a refusal.
    pub async fn get<F: Future<Output = Result<T>>>(&self, fetch: impl FnOnce() -> F) -> Result<T> {
        let mut last = self.last.lock().await;
        if let Some((_, answer)) = last.as_ref().filter(|(at, _)| at.elapsed() < self.keep) {
            return answer.clone();
        }
        // Forgotten first: where this fetch is broken off, the next one asks again.
        *last = None;
        let answer = fetch().await;
        *last = Some((Instant::now(), answer.clone()));
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_are_kept_and_refusals_too() {
        let kept = Cached::new(Duration::from_secs(3600));
        assert_eq!(kept.get(|| async { Ok(1) }).await, Ok(1));
        assert_eq!(kept.get(|| async { Ok(2) }).await, Ok(1));
        let refusals = Cached::<u8>::new(Duration::from_secs(3600));
        assert!(refusals.get(|| async { Err(Fault::new(Reason::Unreachable, "x")) }).await.is_err());
        assert!(refusals.get(|| async { Ok(1) }).await.is_err());
        let fresh = Cached::new(Duration::ZERO);
        assert_eq!(fresh.get(|| async { Ok(1) }).await, Ok(1));
        assert!(fresh.get(|| async { Err(Fault::new(Reason::LedgerBroken, "x")) }).await.is_err(), "an old answer never stands in");
    }

    #[tokio::test]
    async fn a_taken_address_is_refused() {
        let first = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let second = bind(first.address).await.map(|_| ()).unwrap_err();
        assert_eq!(second.reason, Reason::BadUsage);
    }
}
