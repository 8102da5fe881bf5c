//! Reads `gates/` into a [`super::Protocol`], with exact places for everything that is wrong.
//!
//! Files are parsed into plain types that keep their places ([`raw`], [`header`]), then checked into the types of
//! [`super::protocol`]: the protocol by itself ([`protocol`], [`tags`], [`catalog`], [`sync`]), then what the files say of one another ([`agree`]).
//! Every error of every file is collected, so that one run shows all of them; nothing half right ever leaves this module.
//!
//! Deliberately absent: reading files (the caller brings their bytes) and the meaning of what stands under a kind's key
//! (each kind reads its own).

mod agree;
mod catalog;
mod header;
mod keys;
mod load;
mod protocol;
mod raw;
mod schemas;
mod sync;
mod tags;
#[cfg(test)]
mod tests;

pub(in crate::gate) use crate::text::collect;
pub use header::{Spec, read};
pub use keys::{Key, keys};
pub use load::{GateFiles, load};
pub use schemas::schemas;
