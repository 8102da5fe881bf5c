//! Faults planted in a scratch store, for rehearsals only.

use super::{Store, blobs};
use crate::domain::{Digest, Fault, Reason, Result};
use std::{fs, io};

/// The largest blob that is spoiled as a whole, in bytes; of a larger one only the length is changed.
const LARGEST: u64 = 64 << 20;

/// What a blob becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoiled {
    Truncated,
    Flipped,
    Gone,
}

impl Store {
    /// Spoils a blob while something looks at the store, then puts it right again. The store must be a scratch copy.
    pub fn spoiled<T>(&self, digest: &Digest, spoiled: Spoiled, look: impl FnOnce() -> T) -> Result<T> {
        let (blob, aside) = (self.blob(digest), self.root.join("aside"));
        let failed = |error: io::Error| Fault::new(Reason::NoResources, format!("cannot plant a fault in a scratch copy: {error}"));
        fs::rename(&blob, &aside).map_err(failed)?;
        match spoiled {
            Spoiled::Gone => {}
            Spoiled::Truncated | Spoiled::Flipped => {
                let mut bytes = blobs::read(&aside, LARGEST).unwrap_or_default();
                let middle = bytes.len() / 2;
                match bytes.get_mut(middle) {
                    Some(byte) if spoiled == Spoiled::Flipped => *byte ^= 1,
                    Some(_) => bytes.truncate(middle),
                    // Of nothing, nothing can be cut off.
                    None => bytes.push(0),
                }
                fs::write(&blob, bytes).map_err(failed)?;
            }
        }
        let seen = look();
        fs::rename(&aside, &blob).map_err(failed)?;
        Ok(seen)
    }
}
