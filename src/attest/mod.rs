//! In-toto statements and SSH signatures. Pure.

pub mod ssh;
