//! A small GitHub on loopback: it remembers what is done to it, answers over real HTTP, and holds each request and answer to
//! [`super::contract`]. A test makes what it needs ([`session`]), plays, and looks; when the model is dropped, the test fails if
//! a request broke the contract or was never expected, if the model itself broke it, or if a planted fault was never met.
//!
//! Its clock starts at noon of 2026-01-01 UTC and moves a second for each thing that happens; nothing is read of the real one.
//!
//! Where a test gives a repository a folder, git is served beside the API on the same port, and what is pushed is what the API shows.
//!
//! Deliberately absent: webhooks, organisation rulesets, nested teams, `If-None-Match`, and the automatic merge of
//! deployments; a request for one of them fails the test.

mod access;
mod fault;
mod git;
mod graphql;
mod jwt;
mod rest;
mod server;
mod session;
mod state;

pub use fault::{Bend, Broken, NEW_WORD, Refused};
pub use git::Way;
pub use jwt::Key;
pub use session::{App, GitHub, Pull, Repository, User};
