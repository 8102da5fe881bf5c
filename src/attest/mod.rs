//! Attestations and signatures, purely: in-toto statements about gates and moves, signatures of SSH and OpenPGP and who may make them.
//!
//! Deliberately absent: signing (it needs a key, so it is in [`crate::world::signer`] and [`crate::world::gpg`]) and DSSE envelopes (the
//! ledger entry that holds a statement is signed as a whole).

pub mod openpgp;
pub mod ssh;
pub mod statement;

/// Who made a good signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// As the policy names the signer, without `ssh:`; one person has one name, whatever they sign with.
    pub principal: String,
    /// Of the key: as OpenSSH prints it, `SHA256:<base64>`, or the fingerprint of an OpenPGP primary key in upper-case hex.
    pub fingerprint: String,
}
