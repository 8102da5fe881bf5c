//! Attestations and signatures, purely: in-toto statements about gates and moves, SSH signatures and who may make them.
//!
//! Deliberately absent: signing (it needs a key, so it is in [`crate::world::signer`]) and DSSE envelopes (the ledger entry
//! that holds a statement is signed as a whole).

pub mod ssh;
pub mod statement;
