//! Signatures over snapshots: which bytes are signed, how a signature stands in a store, and which signatures count.
//!
//! What is signed is the manifest itself, byte for byte, so that `ssh-keygen -Y verify` and `gpg --verify` judge a blob of the store
//! without anything of ours. A signature is an artifact that refers to the manifest (`subject`), so registries list it as a referrer.
//!
//! OpenPGP knows no namespace: that a document of this form is signed says what it is for.
//!
//! A person counts once, however many keys or signatures of whatever sort they have; a signature that does not verify, or of a key that is
//! not listed, counts for nobody. A key that left the list counts no more, whenever it signed; one that expired counts for what it signed
//! before. A signature that this build cannot check counts for nobody either, but nobody may say that it is bad ([`Uncounted`]).

use super::manifest::{Descriptor, MANIFEST, empty_config};
use crate::{
    attest::{
        Verified,
        openpgp::{Keyring, OpenPgpRefusal},
        ssh::AllowedSigners,
    },
    domain::{Digest, Result, Timestamp, digest::canonical_json},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, sync::Arc};

/// The namespace that `ssh-keygen -Y` is given.
pub const NAMESPACE: &str = "tagwarden-snapshot";

/// What a signature is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Ssh,
    OpenPgp,
}

impl Kind {
    pub const ALL: [Kind; 2] = [Kind::Ssh, Kind::OpenPgp];

    /// The artifact type of such a signature.
    pub const fn artifact_type(self) -> &'static str {
        match self {
            Kind::Ssh => "application/vnd.tagwarden.signature.ssh.v1",
            Kind::OpenPgp => "application/vnd.tagwarden.signature.openpgp.v1",
        }
    }

    /// The type of the armored text, and the name of its file.
    const fn armored(self) -> (&'static str, &'static str) {
        match self {
            Kind::Ssh => ("application/vnd.tagwarden.sshsig", "snapshot.sig"),
            Kind::OpenPgp => ("application/pgp-signature", "snapshot.asc"),
        }
    }
}

/// Whose signatures count.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    pub ssh: AllowedSigners,
    pub openpgp: Arc<Keyring>,
}

/// Why a signature counts for nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Uncounted {
    /// It is bad, or of somebody who is not listed.
    Bad(String),
    /// Nobody knows.
    Unchecked(String),
}

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
    pub kind: Kind,
    /// What was signed.
    pub subject: Digest,
    /// The armored signature.
    pub blob: Digest,
    pub size: u64,
}

/// The manifest of an armored signature over the manifest `subject`.
pub fn manifest(kind: Kind, subject: &Digest, size: u64, armored: &str) -> Result<Vec<u8>> {
    let (media_type, title) = kind.armored();
    let layer = Descriptor::new(media_type, Digest::of(armored.as_bytes()), armored.len() as u64);
    canonical_json(&Manifest {
        schema_version: 2,
        media_type: MANIFEST.to_owned(),
        artifact_type: kind.artifact_type().to_owned(),
        config: empty_config(),
        layers: vec![layer.titled(title)],
        subject: Descriptor::new(MANIFEST, subject.clone(), size),
    })
}

/// Reads the manifest of a signature. The error says what is wrong with it.
pub fn parse(bytes: &[u8]) -> std::result::Result<Signature, String> {
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| format!("it is not the manifest of a signature: {error}"))?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.artifact_type() == manifest.artifact_type);
    let kind = kind.ok_or("its type is not that of a signature")?;
    match &manifest.layers[..] {
        [only] if only.size <= LONGEST => {
            Ok(Signature { kind, subject: manifest.subject.digest, blob: only.digest.clone(), size: only.size })
        }
        [_] => Err(format!("its signature is longer than {LONGEST} bytes")),
        _ => Err("it has not exactly one signature".to_owned()),
    }
}

/// Who signed these bytes; `at`: when the signature was recorded, or now where nobody recorded it.
pub fn judge(
    allowed: &Allowed,
    kind: Kind,
    manifest: &[u8],
    armored: &str,
    (at, now): (Timestamp, Timestamp),
) -> std::result::Result<Verified, Uncounted> {
    match kind {
        Kind::Ssh => allowed.ssh.verify(NAMESPACE, manifest, armored, at).map_err(|refusal| Uncounted::Bad(refusal.to_string())),
        Kind::OpenPgp => allowed.openpgp.verify(manifest, armored, at, now).map_err(|refusal| match refusal {
            OpenPgpRefusal::NotBuilt => Uncounted::Unchecked(refusal.to_string()),
            _ => Uncounted::Bad(refusal.to_string()),
        }),
    }
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
        let bytes = manifest(Kind::Ssh, &Digest::of(b"manifest"), 8, &armored).unwrap();
        let read = parse(&bytes).unwrap();
        assert_eq!((read.subject, read.blob), (Digest::of(b"manifest"), Digest::of(armored.as_bytes())));
        let text = String::from_utf8(bytes).unwrap();
        for (from, to) in [(Kind::Ssh.artifact_type(), "application/x"), ("\"size\":8", "\"size\":-8"), ("\"subject\"", "\"object\"")] {
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
        let allowed = Allowed { ssh: AllowedSigners::parse(&list.concat()).unwrap(), ..Allowed::default() };
        let judged = |seed: u8, namespace: &str, bytes: &[u8], time: &str| {
            judge(&allowed, Kind::Ssh, b"manifest", &key(seed).sign(namespace, bytes), (at(time), at(time)))
        };
        let good = |seed, time| judged(seed, NAMESPACE, b"manifest", time);
        let (early, late) = ("2025-06-01T00:00:00Z", "2026-06-01T00:00:00Z");
        let two = [good(1, late).unwrap(), good(1, late).unwrap(), good(2, late).unwrap()];
        assert_eq!(count(&two), 1);
        assert_eq!(count(&[good(1, early).unwrap(), good(3, early).unwrap()]), 2);
        assert!(good(3, late).is_err() && good(4, late).is_err() && good(5, late).is_err());
        assert!(judged(1, "git", b"manifest", late).is_err() && judged(1, NAMESPACE, b"another", late).is_err());
        assert!(judge(&allowed, Kind::Ssh, b"manifest", "", (at(late), at(late))).is_err());
    }
}
