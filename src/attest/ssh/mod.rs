//! SSH signatures: who signed these bytes, by a list of allowed signers.
//!
//! The format is OpenSSH's SSHSIG (its PROTOCOL.sshsig); the list is its `allowed_signers` file (ssh-keygen(1)), read more
//! strictly where OpenSSH leaves open who a signer is ([`allowed`]). Keys: Ed25519, ECDSA P-256 and P-384, RSA from 2048 to
//! 8192 bits with SHA-2, and the security-key forms of Ed25519 and P-256, which must tell of the holder's touch.
//!
//! Signatures are made here with plain Ed25519 keys only ([`PrivateKey`]); every other key signs through OpenSSH, in
//! [`crate::world`]. Deliberately absent: certificates, revocation lists (a policy that leaves a key out revokes it), RSA with
//! SHA-1, DSA, P-521.

mod allowed;
mod private;
mod wire;

pub(super) use allowed::is_literal;
pub use allowed::{AllowedSigners, CODES, NOBODY, Signer};
pub use private::PrivateKey;

use super::Verified;
use crate::domain::Timestamp;
use base64::Engine as _;
use ring::signature as keys;
use wire::{PublicKey, Signature};

/// Why a signature, or a key, was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SshRefusal {
    #[error("this is no SSH signature: {0}")]
    Malformed(String),
    #[error("the signature is for `{got}`, not for `{wanted}`")]
    WrongNamespace { got: String, wanted: String },
    #[error("key {0} is no allowed signer")]
    UnknownKey(String),
    #[error("the signature by {0} does not fit these bytes")]
    BadSignature(String),
    #[error("the security key {0} signed without being touched")]
    NoPresence(String),
    #[error("`{principal}` may not sign with key {fingerprint} at {at}")]
    OutsideValidity { principal: String, fingerprint: String, at: Timestamp },
    #[error("`{principal}` may not sign for `{namespace}`")]
    NamespaceNotAllowed { principal: String, namespace: String },
    #[error("keys of type {0} are not supported")]
    Unsupported(String),
}

impl AllowedSigners {
    /// Verifies an armored signature over `bytes`, made for `namespace`, by a key that was allowed at `at`.
    pub fn verify(&self, namespace: &str, bytes: &[u8], armored: &str, at: Timestamp) -> Result<Verified, SshRefusal> {
        let signature = Signature::parse(armored)?;
        let fingerprint = fingerprint(&signature.key_blob);
        if signature.namespace != namespace {
            let got = signature.namespace.escape_debug().to_string();
            return Err(SshRefusal::WrongNamespace { got, wanted: namespace.to_owned() });
        }
        let listed = self.with_key(&signature.key_blob);
        if listed.is_empty() {
            return Err(SshRefusal::UnknownKey(fingerprint));
        }
        check(&signature, bytes, &fingerprint)?;
        decide(listed, Some(namespace), fingerprint, at)
    }

    /// Whose key this is at that time; `key`: a public key as OpenSSH writes it, `ssh-ed25519 AAAA... comment`.
    pub fn principal_of(&self, key: &str, at: Timestamp) -> Result<Verified, SshRefusal> {
        let blob = PublicKey::parse_line(key)?.0;
        let (listed, fingerprint) = (self.with_key(&blob), fingerprint(&blob));
        if listed.is_empty() {
            return Err(SshRefusal::UnknownKey(fingerprint));
        }
        decide(listed, None, fingerprint, at)
    }
}

/// One of the lines of a key must allow time and namespace; all of them name the same signer.
fn decide(listed: &[Signer], namespace: Option<&str>, fingerprint: String, at: Timestamp) -> Result<Verified, SshRefusal> {
    let in_time: Vec<&Signer> = listed.iter().filter(|signer| signer.is_valid_at(at)).collect();
    let principal = listed.first().map(|signer| signer.principal.clone()).unwrap_or_default();
    if in_time.is_empty() {
        return Err(SshRefusal::OutsideValidity { principal, fingerprint, at });
    }
    match namespace {
        Some(namespace) if !in_time.iter().any(|signer| signer.may_sign_for(namespace)) => {
            Err(SshRefusal::NamespaceNotAllowed { principal, namespace: namespace.to_owned() })
        }
        _ => Ok(Verified { principal, fingerprint }),
    }
}

/// The fingerprint of a public key line, as OpenSSH prints it.
pub fn fingerprint_of(key: &str) -> Result<String, SshRefusal> {
    PublicKey::parse_line(key).map(|(blob, _)| fingerprint(&blob))
}

/// The fingerprint of the key that a signature names. Says nothing about whether the signature is good.
pub fn claimed_fingerprint(armored: &str) -> Result<String, SshRefusal> {
    Signature::parse(armored).map(|signature| fingerprint(&signature.key_blob))
}

fn fingerprint(blob: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, blob);
    format!("SHA256:{}", base64::engine::general_purpose::STANDARD_NO_PAD.encode(digest))
}

fn check(signature: &Signature, message: &[u8], fingerprint: &str) -> Result<(), SshRefusal> {
    let signed = signature.signed_data(message);
    let bad = || SshRefusal::BadSignature(fingerprint.to_owned());
    let verify = |algorithm: &'static dyn keys::VerificationAlgorithm, key: &[u8], bytes: &[u8], raw: &[u8]| {
        keys::UnparsedPublicKey::new(algorithm, key).verify(bytes, raw).map_err(|_| bad())
    };
    let raw = &signature.raw;
    match (&signature.key, signature.format.as_str()) {
        (PublicKey::Ed25519 { point, application: None }, "ssh-ed25519") => verify(&keys::ED25519, point, &signed, raw),
        (PublicKey::P256 { point, application: None }, "ecdsa-sha2-nistp256") => {
            verify(&keys::ECDSA_P256_SHA256_FIXED, point, &signed, &wire::fixed_ecdsa(raw, 32)?)
        }
        (PublicKey::P384 { point }, "ecdsa-sha2-nistp384") => {
            verify(&keys::ECDSA_P384_SHA384_FIXED, point, &signed, &wire::fixed_ecdsa(raw, 48)?)
        }
        (PublicKey::Rsa { n, e }, format @ ("rsa-sha2-256" | "rsa-sha2-512")) => {
            let parameters = if format == "rsa-sha2-256" { &keys::RSA_PKCS1_2048_8192_SHA256 } else { &keys::RSA_PKCS1_2048_8192_SHA512 };
            keys::RsaPublicKeyComponents { n, e }.verify(parameters, &signed, &wire::left_padded(raw, n.len())?).map_err(|_| bad())
        }
        (PublicKey::Ed25519 { point, application: Some(application) }, "sk-ssh-ed25519@openssh.com") => {
            let touched = signature.touch(application, &signed).ok_or_else(|| SshRefusal::NoPresence(fingerprint.to_owned()))?;
            verify(&keys::ED25519, point, &touched, raw)
        }
        (PublicKey::P256 { point, application: Some(application) }, "sk-ecdsa-sha2-nistp256@openssh.com") => {
            let touched = signature.touch(application, &signed).ok_or_else(|| SshRefusal::NoPresence(fingerprint.to_owned()))?;
            verify(&keys::ECDSA_P256_SHA256_FIXED, point, &touched, &wire::fixed_ecdsa(raw, 32)?)
        }
        (_, format) => Err(SshRefusal::Malformed(format!("a signature `{}` does not go with its key", format.escape_debug()))),
    }
}
