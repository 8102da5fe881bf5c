//! The words of Tagwarden: plain values with their invariants in their constructors.
//!
//! Nothing here reads a file, a clock or the network, and nothing is async. Every other floor may use these words; they
//! use nothing but each other. Rendering lives in [`crate::report`], judgement in [`crate::gate`] and
//! [`crate::release`].

pub mod actor;
pub mod digest;
pub mod fault;
pub mod finding;
pub mod name;
pub mod outcome;
pub mod release;
pub mod state;
pub mod time;

pub use actor::{Actor, ActorKind, Verb};
pub use digest::{Digest, canonical_json};
pub use fault::{Fault, Reason, Result};
pub use finding::{Finding, Place, Severity};
pub use name::{ChannelName, GateId, KindName, Oid, PackageName, RefName};
pub use outcome::{Decision, Outcome, VerdictWord};
pub use release::{Release, ReleaseName, ReleaseState, ReleaseWord, TagPattern};
pub use time::{Span, Timestamp, Until};
