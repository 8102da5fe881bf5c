//! Being told to end, by SIGINT, SIGTERM or SIGHUP: the work is dropped, and with it every program and folder of the run.
//!
//! From the moment that a push may have reached the server until it is known what became of it, the first signal waits, so that
//! nobody is told "nothing moved" of a move. A second one ends that too. Deliberately absent: SIGKILL, which nobody hears; what it leaves
//! is removed by the next run ([`super::temporary`]).

use super::temporary;
use crate::domain::{Fault, Reason, Result};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
};

/// How many parts of this process end by themselves or must not be dropped; signals are the whole process's, too.
static BUSY: AtomicUsize = AtomicUsize::new(0);
static FREE: Notify = Notify::const_new();

/// While it is there, the first signal waits.
#[derive(Debug)]
pub struct Busy(());

/// For a push and what follows from it, and for what listens for signals itself.
pub fn busy() -> Busy {
    BUSY.fetch_add(1, Ordering::SeqCst);
    Busy(())
}

impl Drop for Busy {
    fn drop(&mut self) {
        BUSY.fetch_sub(1, Ordering::SeqCst);
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
    let is_free = async {
        loop {
            let free = FREE.notified();
            if BUSY.load(Ordering::SeqCst) == 0 {
                return;
            }
            free.await;
        }
    };
    let reason = tokio::select! {
        biased;
        done = &mut work => return Ok(done),
        () = is_free => Reason::Interrupted,
        _ = signals.next() => Reason::OutcomeUnknown,
    };
    Err(match reason {
        Reason::Interrupted => Fault::new(reason, format!("told to end ({told}); nothing more was sent")),
        _ => Fault::new(reason, format!("told to end ({told}) while a push was under way; what became of it is not known")),
    })
}

/// What is left when the process ends early, with the work already dropped.
pub fn clean_up() {
    temporary::remove_all();
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
