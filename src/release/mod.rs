//! Releases and the ledger, purely: raw objects, the rulebook ([`transition`]) and the chain it makes, the state an entry leads
//! to, who may do what, the plan of a move, the draft of an entry.
//!
//! Nothing here reads a repository. [`crate::world`] brings the bytes, verbs bring the request.

pub mod assemble;
pub mod chain;
pub mod draft;
#[cfg(test)]
pub mod fixtures;
pub mod object;
pub mod plan;
pub mod policy;
pub mod projection;
pub mod rehearsal;
pub mod rejudge;
pub mod rulesets;
pub mod state;
pub mod state_tree;
pub mod transition;
