//! Tagwarden: ordered release gates, one atomic tag move, and a ledger that says why.
//!
//! The floors, lowest first. An item uses its own floor and those below, never above; `tests/it/house.rs` reads the `use`
//! lines and names the broken sentence.
//!
//! | floor | modules | rule |
//! |---|---|---|
//! | 0, words | [`domain`] | no I/O, no clock, nothing async |
//! | 1, judgement | [`tree`], [`text`], [`artifact`], [`catalog`], [`gate`], [`lockdown`], [`release`], [`attest`], [`report`], [`sync`] | pure functions over floor 0 |
//! | 2, the world | [`world`] | all I/O, all async |
//! | 3, verbs | [`cli`] | gather, judge, report, apply |
//!
//! The way of a promotion:
//!
//! ```text
//! Request -> Plan -> before-gates (probes -> evidence -> judgement, in order) -> Clearance
//!         -> gate results -> VSA -> tag object -> ledger entry
//!         -> ONE atomic push with leases { channel tags, missing release tags, ledger entry }
//!         -> after-gates
//! ```

pub mod domain;

pub mod artifact;
pub mod attest;
pub mod catalog;
pub mod gate;
pub mod lockdown;
pub mod release;
pub mod report;
pub mod sync;
pub mod text;
pub mod tree;

pub mod world;

pub mod cli;
