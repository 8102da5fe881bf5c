//! Being told to end, by SIGINT, SIGTERM or SIGHUP: the work is dropped, and with it every program and folder of the run.
//!
//! From the moment that a push may have reached the server until it is known what became of it, the first signal waits, so that
//! nobody is told "nothing moved" of a move. A push that has sent nothing yet hears of it ([`told`]) and gives up; a second signal
//! ends any. A server ends by itself once it is told. Deliberately absent: SIGKILL, which nobody hears; what it leaves
//! is removed by the next run ([`super::temporary`]).

use super::temporary;
use crate::domain::{Fault, Reason, Result};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
};

/// How many parts of this process must not be dropped, or end by themselves; signals are the whole process's, too.
static PUSHES: AtomicUsize = AtomicUsize::new(0);
static SERVERS: AtomicUsize = AtomicUsize::new(0);
static FREE: Notify = Notify::const_new();

/// How many runs of this process were told to end and have not ended.
static TOLD: AtomicUsize = AtomicUsize::new(0);
static HEARD: Notify = Notify::const_new();

/// What waits when it is told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A push, and what follows from it.
    Push,
    /// A server, which ends by itself.
    Server,
}

impl Work {
    fn count(self) -> &'static AtomicUsize {
        match self {
            Work::Push => &PUSHES,
            Work::Server => &SERVERS,
        }
    }
}

/// While it is there, the first signal waits.
#[derive(Debug)]
pub struct Busy(Work);

pub fn busy(work: Work) -> Busy {
    work.count().fetch_add(1, Ordering::SeqCst);
    Busy(work)
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.count().fetch_sub(1, Ordering::SeqCst);
        FREE.notify_waiters();
    }
}

/// The work's outcome, or that it was told to end. Faults: `interrupted`; `outcome_unknown` where a push may have been sent.
pub async fn unless_told<T>(work: impl Future<Output = T>) -> Result<T> {
    let Ok(mut signals) = Signals::new() else { return Ok(work.await) };
    tokio::pin!(work);
    let told = tokio::select! {
        done = &mut work => return Ok(done),
        told = signals.next() => told,
    };
    let _told = Told::now();
    let is_free = until(&FREE, || PUSHES.load(Ordering::SeqCst) + SERVERS.load(Ordering::SeqCst) == 0);
    tokio::select! {
        biased;
        done = &mut work => return Ok(done),
        () = is_free => {}
        _ = signals.next() => {}
    }
    if PUSHES.load(Ordering::SeqCst) == 0 {
        return Err(Fault::new(Reason::Interrupted, format!("told to end ({told}); nothing more was sent")));
    }
    let what = format!("told to end ({told}, and again) while a push was under way; it may have moved");
    Err(Fault::new(Reason::OutcomeUnknown, what))
}

/// Ends once this process is told to end.
pub async fn told() {
    until(&HEARD, is_told).await;
}

pub fn is_told() -> bool {
    TOLD.load(Ordering::SeqCst) > 0
}

/// Waits until it holds; whoever changes that notifies.
async fn until(changed: &Notify, holds: impl Fn() -> bool) {
    loop {
        let change = changed.notified();
        tokio::pin!(change);
        // Also a change between the look and the wait is heard.
        change.as_mut().enable();
        if holds() {
            return;
        }
        change.await;
    }
}

/// What is left when the process ends early, with the work already dropped.
pub fn clean_up() {
    temporary::remove_all();
}

struct Told(());

impl Told {
    fn now() -> Told {
        TOLD.fetch_add(1, Ordering::SeqCst);
        HEARD.notify_waiters();
        Told(())
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        TOLD.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Signals([Signal; 3]);

impl Signals {
    fn new() -> std::io::Result<Signals> {
        Ok(Signals([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?]))
    }

    async fn next(&mut self) -> &'static str {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
            _ = hangup.recv() => "SIGHUP",
        }
    }
}
