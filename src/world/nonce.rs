//! Chance from the system, where two must not be taken for one. Deliberately absent: anything that is secret or decides.

use crate::domain::{Digest, Fault, Reason, Result};

/// A digest that nobody had before.
pub fn fresh() -> Result<Digest> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Fault::new(Reason::NoResources, format!("the system gives no random bytes: {error}")))?;
    Ok(Digest::of(&bytes))
}
