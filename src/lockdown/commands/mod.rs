//! Commands.
pub mod mapped;
pub mod shell;
