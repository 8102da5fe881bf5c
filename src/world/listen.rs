//! A small HTTP server's outer side: a bound address, its end, and a value that is fetched at most every
//! few seconds however many ask.
//!
//! Nobody holds a place for nothing: a request's head has a time limit, which also ends a connection that is kept open and
//! unused, every connection ends after a while, and where all places are taken the oldest connection that waits for its
//! client makes room. A fetch that hangs is answered for from the last good one, for a stated time.
//!
//! What is answered is the caller's router. Deliberately absent: TLS, access control and anything that writes; put a proxy in
//! front.

use super::machine;
use crate::domain::{Fault, Reason, Result};
use axum::Router;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use hyper::{
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rustix::process::{Resource, getrlimit};
use std::{
    collections::VecDeque,
    future::Future,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
    task::JoinHandle,
    time::Instant,
};

/// How long open requests may go on once the server was told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// How long it waits where the system gives no further connection.
const BREATH: Duration = Duration::from_millis(100);

/// What a request's head may take in memory.
const MAX_HEAD: usize = 16 << 10;

/// A listening socket.
pub struct Bound {
    listener: TcpListener,
    pub address: SocketAddr,
    limits: Limits,
}

/// What one client may take from the others.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections. At most half of the files that this process may have open: the rest is for reading the state.
    pub connections: usize,
    /// From the start of a connection, or the end of an answer, to the end of the next request's head.
    pub head: Duration,
    /// The whole of a connection. Longer than any answer takes.
    pub connection: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { connections: 256, head: Duration::from_secs(10), connection: Duration::from_secs(120) }
    }
}

/// Listens on this address; port 0 takes a free one.
pub async fn bind(address: SocketAddr) -> Result<Bound> {
    let refused = |error: std::io::Error| {
        Fault::new(machine::reason(&error, Reason::BadUsage), format!("cannot listen on {address}: {error}"))
            .help("choose another address with `--listen`")
    };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    Ok(Bound { listener, address, limits: Limits::default() })
}

impl Bound {
    #[must_use]
    pub fn limits(self, limits: Limits) -> Bound {
        Bound { limits, ..self }
    }

    /// Whether other machines may reach this address.
    pub fn is_exposed(&self) -> bool {
        !self.address.ip().to_canonical().is_loopback()
    }

    /// [`Bound::serve`], beside whatever else this process does.
    pub fn start(self, router: Router, stop: impl Future<Output = ()> + Send + 'static) -> Serving {
        Serving(tokio::spawn(self.serve(router, stop)))
    }

    /// Answers until `stop` is there; then lets open requests end, for a short while.
    pub async fn serve(self, router: Router, stop: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        let (stopping, stopped) = watch::channel(false);
        let half = getrlimit(Resource::Nofile).current.map_or(usize::MAX, |files| usize::try_from(files / 2).unwrap_or(usize::MAX));
        let connections = self.limits.connections.min(half).max(1);
        let places = Arc::new(Places::new(connections));
        let accept = async {
            loop {
                places.make_room().await;
                match self.listener.accept().await {
                    Ok((stream, _)) => {
                        let place = Place::take(&places);
                        tokio::spawn(answer(stream, router.clone(), place, self.limits, stopped.clone()));
                    }
                    // One client that left, or no file for one more.
                    Err(_) => {
                        places.end_oldest();
                        tokio::time::sleep(BREATH).await;
                    }
                }
            }
        };
        tokio::select! {
            () = accept => {}
            () = stop => {}
        }
        drop(self.listener);
        // Where nobody listens any more, all connections have ended.
        let _ = stopping.send(true);
        drop(stopped);
        // What is still open then is dropped with the runtime.
        let _ = tokio::time::timeout(GRACE, stopping.closed()).await;
        Ok(())
    }
}

/// A server that runs by itself.
pub struct Serving(JoinHandle<Result<()>>);

impl Serving {
    /// Returns when it was told to stop and has.
    pub async fn ended(self) -> Result<()> {
        self.0.await.unwrap_or_else(|error| Err(Fault::new(Reason::Internal, format!("the server broke off: {error}"))))
    }
}

/// Wakes whoever waits, or the next one who does.
#[derive(Clone, Default)]
pub struct Bell(Arc<Notify>);

impl Bell {
    pub fn ring(&self) {
        self.0.notify_one();
    }

    pub async fn heard(&self) {
        self.0.notified().await;
    }
}

/// Answers the requests of one connection.
async fn answer(stream: TcpStream, router: Router, place: Place, limits: Limits, mut stopped: watch::Receiver<bool>) {
    let service = TowerToHyperService::new(router);
    let (client, places) = (place.client.clone(), place.places.clone());
    let service = service_fn(move |request| {
        let busy = Busy::new(&client, &places);
        let answered = service.call(request);
        async move {
            let answer = answered.await;
            drop(busy);
            answer
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(MAX_HEAD);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let stopped = async move {
        // Its sender outlives every connection.
        let _ = stopped.wait_for(|stopped| *stopped).await;
        // Kept until the connection ends: it is what the end of the server waits for.
        stopped
    };
    let aged = tokio::time::sleep(limits.connection);
    tokio::pin!(connection, stopped, aged);
    let mut ending = None;
    loop {
        tokio::select! {
            // A client that broke off, or took too long for a head: nobody is left to be told.
            _ = connection.as_mut() => return,
            () = place.client.end.notified() => return,
            () = &mut aged => return,
            told = &mut stopped, if ending.is_none() => {
                ending = Some(told);
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// The open connections, oldest first.
struct Places {
    most: usize,
    taken: Mutex<VecDeque<Arc<Client>>>,
    freed: Notify,
}

#[derive(Default)]
struct Client {
    /// Requests whose answer is not there yet. Without one, it is the client that is waited for.
    asked: AtomicUsize,
    /// The place is needed by somebody else.
    end: Notify,
}

impl Places {
    fn new(most: usize) -> Places {
        Places { most, taken: Mutex::default(), freed: Notify::new() }
    }

    /// Waits only where every connection has a request that is being answered.
    async fn make_room(&self) {
        while lock(&self.taken).len() >= self.most && !self.end_oldest() {
            self.freed.notified().await;
        }
    }

    /// Ends the oldest connection that waits for its client; whether there was one.
    fn end_oldest(&self) -> bool {
        let mut taken = lock(&self.taken);
        let oldest = taken.iter().position(|client| client.asked.load(Ordering::Relaxed) == 0);
        let ended = oldest.and_then(|at| taken.remove(at));
        if let Some(client) = &ended {
            client.end.notify_one();
        }
        ended.is_some()
    }
}

/// A connection's place among the others, until it ends.
struct Place {
    places: Arc<Places>,
    client: Arc<Client>,
}

impl Place {
    fn take(places: &Arc<Places>) -> Place {
        let client = Arc::new(Client::default());
        lock(&places.taken).push_back(client.clone());
        Place { places: places.clone(), client }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.places.taken).retain(|client| !Arc::ptr_eq(client, &self.client));
        self.places.freed.notify_one();
    }
}

/// A request that is being answered.
struct Busy {
    client: Arc<Client>,
    places: Arc<Places>,
}

impl Busy {
    fn new(client: &Arc<Client>, places: &Arc<Places>) -> Busy {
        client.asked.fetch_add(1, Ordering::Relaxed);
        Busy { client: client.clone(), places: places.clone() }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.client.asked.fetch_sub(1, Ordering::Relaxed);
        // It may make room now.
        self.places.freed.notify_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long is waited for a fetch, and how long its result is good.
#[derive(Clone, Copy, Debug)]
pub struct CacheTimes {
    /// Whoever asks this soon after a fetch ended gets its result, a refusal included.
    pub keep: Duration,
    /// How long a fetch is waited for where there is an earlier result to answer with.
    pub wait: Duration,
    /// The same where there is none.
    pub first: Duration,
    /// How old, counted from the start of its fetch, a result may be that stands in for one that hangs.
    pub stale: Duration,
    /// When a fetch that hangs is broken off, so that the next one can find the way free again.
    pub give_up: Duration,
}

impl Default for CacheTimes {
    fn default() -> CacheTimes {
        let seconds = Duration::from_secs;
        CacheTimes { keep: seconds(5), wait: seconds(3), first: seconds(20), stale: seconds(300), give_up: seconds(120) }
    }
}

/// A result, and how old it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aged<T> {
    pub value: T,
    /// From the start of its fetch.
    pub age: Duration,
    /// It stands in for a fetch that has not ended.
    pub stale: bool,
}

/// The last result of a fetch. Whoever asks during a fetch waits for that fetch; it goes on where nobody waits any more.
///
/// A refusal is a result too: an older result stands in for a fetch that hangs, never for one that was refused.
pub struct Cached<T> {
    times: CacheTimes,
    kept: Arc<Mutex<Kept<T>>>,
}

struct Kept<T> {
    last: Option<Fetched<T>>,
    running: Option<Running<T>>,
}

#[derive(Clone)]
struct Fetched<T> {
    began: Instant,
    ended: Instant,
    result: Result<T>,
}

/// `None`: it was broken off.
type End<T> = Option<Fetched<T>>;

#[derive(Clone)]
struct Running<T> {
    began: Instant,
    end: Shared<BoxFuture<'static, End<T>>>,
}

impl<T: Clone + Send + Sync + 'static> Cached<T> {
    pub fn new(times: CacheTimes) -> Cached<T> {
        Cached { times, kept: Arc::new(Mutex::new(Kept { last: None, running: None })) }
    }

    /// The result, fetched anew where the last one is too old. Faults: the fetch's own; `unreachable` where it hangs and
    /// nothing may stand in for it.
    pub async fn get(&self, fetch: impl FnOnce() -> BoxFuture<'static, Result<T>>) -> Result<Aged<T>> {
        let (running, wait) = {
            let mut kept = lock(&self.kept);
            if let Some(last) = kept.last.as_ref().filter(|last| last.ended.elapsed() < self.times.keep) {
                return last.clone().answer(false);
            }
            let wait = if kept.stand_in(&self.times).is_some() { self.times.wait } else { self.times.first };
            // One that ended in between has left its place.
            let running = kept.running.get_or_insert_with(|| self.start(fetch()));
            (running.clone(), wait)
        };
        if let Ok(Some(fetched)) = tokio::time::timeout_at(running.began + wait, running.end).await {
            return fetched.answer(false);
        }
        match lock(&self.kept).stand_in(&self.times) {
            Some(last) => last.answer(true),
            None => {
                let message = format!("the state could not be read within {} s, and there is none to answer with", wait.as_secs_f64());
                Err(Fault::new(Reason::Unreachable, message).help("look at the remote and the network; it is tried again"))
            }
        }
    }

    fn start(&self, fetch: BoxFuture<'static, Result<T>>) -> Running<T> {
        let (kept, give_up, began) = (self.kept.clone(), self.times.give_up, Instant::now());
        let task = tokio::spawn(async move {
            // Also where the fetch is a defect and unwinds.
            let _place = Vacate(kept.clone());
            let result = tokio::time::timeout(give_up, fetch).await.ok()?;
            let fetched = Fetched { began, ended: Instant::now(), result };
            lock(&kept).last = Some(fetched.clone());
            Some(fetched)
        });
        Running { began, end: task.map(|ended| ended.ok().flatten()).boxed().shared() }
    }
}

impl<T: Clone> Kept<T> {
    /// What may be answered while a fetch hangs.
    fn stand_in(&self, times: &CacheTimes) -> Option<Fetched<T>> {
        self.last.clone().filter(|last| last.result.is_ok() && last.began.elapsed() <= times.stale)
    }
}

impl<T> Fetched<T> {
    fn answer(self, stale: bool) -> Result<Aged<T>> {
        let age = self.began.elapsed();
        self.result.map(|value| Aged { value, age, stale })
    }
}

/// Lets the next fetch begin.
struct Vacate<T>(Arc<Mutex<Kept<T>>>);

impl<T> Drop for Vacate<T> {
    fn drop(&mut self) {
        lock(&self.0).running = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(keep: Duration) -> CacheTimes {
        let soon = Duration::from_millis(20);
        CacheTimes { keep, wait: soon, first: soon, ..CacheTimes::default() }
    }

    fn ready<T: Send + 'static>(result: Result<T>) -> impl FnOnce() -> BoxFuture<'static, Result<T>> {
        || Box::pin(async { result })
    }

    fn hanging() -> BoxFuture<'static, Result<u8>> {
        Box::pin(std::future::pending())
    }

    fn refused() -> Result<u8> {
        Err(Fault::new(Reason::LedgerBroken, "x"))
    }

    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn answers_are_kept_and_refusals_too() {
        let kept = Cached::new(times(LONG));
        assert_eq!(kept.get(ready(Ok(1))).await.unwrap().value, 1);
        assert_eq!(kept.get(ready(Ok(2))).await.unwrap().value, 1);
        let refusals = Cached::new(times(LONG));
        assert!(refusals.get(ready(refused())).await.is_err());
        assert!(refusals.get(ready(Ok(1))).await.is_err());
        let fresh = Cached::new(times(Duration::ZERO));
        assert_eq!(fresh.get(ready(Ok(1))).await.unwrap().value, 1);
        assert!(fresh.get(ready(refused())).await.is_err(), "an old answer never stands in for a refusal");
    }

    #[tokio::test]
    async fn an_old_answer_stands_in_for_a_fetch_that_hangs_and_says_so() {
        let kept = Cached::new(times(Duration::ZERO));
        assert_eq!(kept.get(hanging).await.unwrap_err().reason, Reason::Unreachable);
        // The first one hangs still: nothing new is started beside it.
        assert!(kept.get(ready(Ok(1))).await.is_err());

        let kept = Cached::new(times(Duration::ZERO));
        assert!(!kept.get(ready(Ok(1))).await.unwrap().stale);
        let old = kept.get(hanging).await.unwrap();
        assert_eq!((old.value, old.stale), (1, true));
        assert!(old.age >= times(Duration::ZERO).wait);

        let kept = Cached::new(CacheTimes { stale: Duration::ZERO, ..times(Duration::ZERO) });
        assert!(kept.get(ready(Ok(1))).await.is_ok());
        assert_eq!(kept.get(hanging).await.unwrap_err().reason, Reason::Unreachable, "for no longer than stated");

        let kept = Cached::new(times(Duration::ZERO));
        assert!(kept.get(ready(Ok(1))).await.is_ok());
        assert!(kept.get(ready(refused())).await.is_err());
        assert_eq!(kept.get(hanging).await.unwrap_err().reason, Reason::Unreachable, "a refusal is not forgotten by hanging");
    }

    #[tokio::test]
    async fn a_fetch_that_hangs_is_broken_off_and_tried_again() {
        let kept = Cached::new(CacheTimes { give_up: Duration::ZERO, first: LONG, wait: LONG, ..times(Duration::ZERO) });
        assert_eq!(kept.get(hanging).await.unwrap_err().reason, Reason::Unreachable);
        assert_eq!(kept.get(ready(Ok(2))).await.unwrap().value, 2);
        let old = kept.get(hanging).await.unwrap();
        assert_eq!((old.value, old.stale), (2, true));
    }

    #[tokio::test]
    async fn a_taken_address_is_refused() {
        let first = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let second = bind(first.address).await.map(|_| ()).unwrap_err();
        assert_eq!(second.reason, Reason::BadUsage);
    }

    #[tokio::test]
    async fn addresses_that_others_reach_are_known() {
        for (address, exposed) in
            [("127.0.0.1:0", false), ("127.9.9.9:0", false), ("[::1]:0", false), ("[::ffff:127.0.0.1]:0", false), ("0.0.0.0:0", true)]
        {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let bound = Bound { listener, address: address.parse().unwrap(), limits: Limits::default() };
            assert_eq!(bound.is_exposed(), exposed, "{address}");
        }
    }

    #[tokio::test]
    async fn the_oldest_that_waits_for_its_client_makes_room() {
        let all = tokio::time::timeout(Duration::from_secs(60), places_are_given());
        all.await.expect("it hangs where the wrong one was ended");
    }

    async fn places_are_given() {
        let places = Arc::new(Places::new(2));
        let [busy, idle] = [Place::take(&places), Place::take(&places)];
        let asked = Busy::new(&busy.client, &places);
        places.make_room().await;
        idle.client.end.notified().await;
        assert_eq!(lock(&places.taken).len(), 1);
        let third = Place::take(&places);
        let also = Busy::new(&third.client, &places);
        let full = tokio::time::timeout(Duration::from_millis(20), places.make_room()).await;
        assert!(full.is_err(), "nobody who is being answered is cut off");
        drop(also);
        places.make_room().await;
        third.client.end.notified().await;
        drop(asked);
    }
}
