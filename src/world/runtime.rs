//! Where asynchronous work runs to its end.

use super::signals;
use crate::domain::{Fault, Reason, Result};
use rustix::process::Signal;
use std::{
    num::NonZero,
    sync::{Mutex, PoisonError},
};
use tokio::signal::unix::{SignalKind, signal};

/// The work waits for git and servers, so more would save nothing.
const MOST_WORKERS: usize = 8;

/// Runs this to its end on threads of its own.
pub fn complete<T>(work: impl Future<Output = T>) -> Result<T> {
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get).min(MOST_WORKERS);
    let failed = |error: std::io::Error| Fault::new(Reason::NoResources, format!("cannot start the runtime: {error}"));
    can_start(workers + 1).map_err(failed)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build().map_err(failed)?;
    let done = runtime.block_on(async {
        // A file that passes the limit of sizes is an error of its write from here on, and no death without a word. Where it
        // cannot be listened for, that death is all there is.
        let _kept = signal(SignalKind::from_raw(Signal::XFSZ.as_raw()));
        signals::unless_told(work).await
    });
    // A helper task that still waits for the network must not hold the answer back.
    runtime.shutdown_background();
    if done.is_err() {
        signals::clean_up();
    }
    done
}

/// Whether so many threads can run at once. The runtime itself panics where it cannot start its second one, and then waits
/// for the first without an end.
fn can_start(threads: usize) -> std::io::Result<()> {
    let gate = Mutex::new(());
    std::thread::scope(|scope| {
        let closed = gate.lock().unwrap_or_else(PoisonError::into_inner);
        let started: std::io::Result<Vec<_>> =
            (0..threads).map(|_| std::thread::Builder::new().spawn_scoped(scope, || drop(gate.lock()))).collect();
        drop(closed);
        started.map(|_| ())
    })
}
