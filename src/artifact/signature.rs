//! Signatures over snapshots: which bytes are signed, how a signature stands in a store, and which signatures count.
//!
//! What is signed is the manifest itself, byte for byte, so that `ssh-keygen -Y verify` and `gpg --verify` judge a blob of the store
//! without anything of ours. A signature is an artifact that refers to the manifest (`subject`), so registries list it as a referrer.
//!
//! A person counts once, however many keys or signatures they have; a signature that does not verify, or of a key that is not listed,
//! counts for nobody. A key that left the list counts no more, whenever it signed; one that expired counts for what it signed before.

use super::manifest::{Descriptor, MANIFEST, empty_config};
use crate::{
    attest::ssh::{AllowedSigners, SshRefusal, Verified},
    domain::{Digest, Result, Timestamp, digest::canonical_json},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The namespace that `ssh-keygen -Y` is given.
pub const NAMESPACE: &str = "tagwarden-snapshot";

/// The artifact type of an SSH signature.
pub const SSH: &str = "application/vnd.tagwarden.signature.ssh.v1";
const ARMORED: &str = "application/vnd.tagwarden.sshsig";

/// The longest signature that is read, in bytes.
pub const LONGEST: u64 = 64 << 10;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u64,
    media_type: String,
    artifact_type: String,
    config: Descriptor,
    layers: Vec<Descriptor>,
    subject: Descriptor,
}

/// A signature as its manifest describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// What was signed.
    pub subject: Digest,
    /// The armored signature.
    pub blob: Digest,
    pub size: u64,
}

/// The manifest of an armored SSH signature over the manifest `subject`.
pub fn manifest(subject: &Digest, size: u64, armored: &str) -> Result<Vec<u8>> {
    let layer = Descriptor::new(ARMORED, Digest::of(armored.as_bytes()), armored.len() as u64);
    canonical_json(&Manifest {
        schema_version: 2,
        media_type: MANIFEST.to_owned(),
        artifact_type: SSH.to_owned(),
        config: empty_config(),
        layers: vec![layer.titled("snapshot.sig")],
        subject: Descriptor::new(MANIFEST, subject.clone(), size),
    })
}

/// Reads the manifest of a signature. The error says what is wrong with it.
pub fn parse(bytes: &[u8]) -> std::result::Result<Signature, String> {
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| format!("it is not the manifest of a signature: {error}"))?;
    if manifest.artifact_type != SSH {
        return Err(format!("its type is not {SSH}"));
    }
    match &manifest.layers[..] {
        [only] if only.size <= LONGEST => Ok(Signature { subject: manifest.subject.digest, blob: only.digest.clone(), size: only.size }),
        [_] => Err(format!("its signature is longer than {LONGEST} bytes")),
        _ => Err("it has not exactly one signature".to_owned()),
    }
}

/// Who signed these bytes; `at`: when the signature was recorded, or now where nobody recorded it.
pub fn judge(allowed: &AllowedSigners, manifest: &[u8], armored: &str, at: Timestamp) -> std::result::Result<Verified, SshRefusal> {
    allowed.verify(NAMESPACE, manifest, armored, at)
}

/// How many people signed.
pub fn count(signed: &[Verified]) -> usize {
    signed.iter().map(|signed| signed.principal.as_str()).collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attest::ssh::PrivateKey;

    fn key(seed: u8) -> PrivateKey {
        PrivateKey::from_seed([seed; 32]).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_signature_refers_to_what_it_signs() {
        let armored = key(1).sign(NAMESPACE, b"manifest");
        let bytes = manifest(&Digest::of(b"manifest"), 8, &armored).unwrap();
        let read = parse(&bytes).unwrap();
        assert_eq!((read.subject, read.blob), (Digest::of(b"manifest"), Digest::of(armored.as_bytes())));
        let text = String::from_utf8(bytes).unwrap();
        for (from, to) in [(SSH, "application/x"), ("\"size\":8", "\"size\":-8"), ("\"subject\"", "\"object\"")] {
            assert!(parse(text.replacen(from, to, 1).as_bytes()).is_err(), "{from}");
        }
    }

    #[test]
    fn people_count_once_and_only_for_these_bytes() {
        let line = |name: &str, seed: u8, options: &str| format!("{name} {options}{}\n", key(seed).public_line());
        let list = [
            line("ada@example.com", 1, ""),
            line("ada@example.com", 2, ""),
            line("bob@example.com", 3, "valid-before=\"20260101000000Z\" "),
            line("eve@example.com", 4, "namespaces=\"git\" "),
        ];
        let allowed = AllowedSigners::parse(&list.concat()).unwrap();
        let judged =
            |seed: u8, namespace: &str, bytes: &[u8], time: &str| judge(&allowed, b"manifest", &key(seed).sign(namespace, bytes), at(time));
        let good = |seed, time| judged(seed, NAMESPACE, b"manifest", time);
        let (early, late) = ("2025-06-01T00:00:00Z", "2026-06-01T00:00:00Z");
        let two = [good(1, late).unwrap(), good(1, late).unwrap(), good(2, late).unwrap()];
        assert_eq!(count(&two), 1);
        assert_eq!(count(&[good(1, early).unwrap(), good(3, early).unwrap()]), 2);
        assert!(good(3, late).is_err() && good(4, late).is_err() && good(5, late).is_err());
        assert!(judged(1, "git", b"manifest", late).is_err() && judged(1, NAMESPACE, b"another", late).is_err());
        assert!(judge(&allowed, b"manifest", "", at(late)).is_err());
    }
}
