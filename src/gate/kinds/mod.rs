//! Every kind of gate, in one slice. Adding a kind: its file here, its two lines below, its cases under
//! `tests/gates/<kind>/`, and the regenerated page.

mod ack;
mod audit;
pub mod bundle;
mod catalog;
mod channel;
mod checks;
mod command;
mod docs;
mod env;
mod http;
mod rehearsal;
mod verdict;

use super::Kind;

pub static KINDS: &[&Kind] = &[
    &ack::KIND,
    &audit::KIND,
    &bundle::KIND,
    &catalog::KIND,
    &channel::KIND,
    &checks::KIND,
    &command::KIND,
    &docs::KIND,
    &env::KIND,
    &http::KIND,
    &rehearsal::KIND,
    &verdict::KIND,
];
