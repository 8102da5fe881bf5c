//! Where asynchronous work runs to its end.

use crate::domain::{Fault, Reason, Result};

/// Runs this to its end on threads of its own.
pub fn complete<T>(work: impl Future<Output = T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Fault::new(Reason::Internal, format!("cannot start the runtime: {error}")))?;
    let done = runtime.block_on(work);
    // A helper task that still waits for the network must not hold the answer back.
    runtime.shutdown_background();
    Ok(done)
}
