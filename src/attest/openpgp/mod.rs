//! OpenPGP signatures: who signed these bytes, by the keys in `gates/openpgp/`.
//!
//! A file `gates/openpgp/<person>.asc` holds the public keys of one person, as `gpg --armor --export` writes them; its name is the
//! person's, the same as in `allowed_signers`, so that whoever has keys of both sorts is one person. Signatures are checked here and
//! not by `gpg`: its answer would depend on a keyring, a configuration and a trust model of the machine that asks.
//!
//! What counts is a binary signature of a whole document (version 4 or 6, SHA-2 or SHA-3) by a primary key or a subkey that may sign,
//! that is bound to its primary key both ways, and that was in force when the signature was recorded. Keys: RSA from 2048 bits, ECDSA,
//! EdDSA. What a key says of itself in the policy in force decides, so an updated file ends or extends a key; a revocation of whatever
//! reason ends it for everything it ever signed, as taking it off the list does.
//!
//! Without the feature `openpgp` nothing is parsed: who has keys is known by the names of the files, and every signature is
//! [`OpenPgpRefusal::NotBuilt`], which is neither good nor bad. Deliberately absent: webs of trust, key servers, keyboxes, designated
//! revokers (a revocation by anybody counts where it stands in the policy), DSA, keys of version 3.

#[cfg(feature = "openpgp")]
mod certificate;
#[cfg(feature = "openpgp")]
mod packets;

use super::{Verified, ssh::is_literal};
use crate::{
    domain::{Finding, Timestamp},
    text::source::Source,
};
use std::collections::BTreeMap;

/// The folder of keys, in that of the gates.
pub const FOLDER: &str = "openpgp/";

/// No file of keys is longer, in bytes.
const LONGEST: usize = 1 << 20;

#[cfg(feature = "openpgp")]
use certificate::Certificate;

/// Nothing is known of keys.
#[cfg(not(feature = "openpgp"))]
#[derive(Clone, Debug)]
struct Certificate;

/// The OpenPGP keys of people.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    people: BTreeMap<String, Vec<Certificate>>,
}

/// Why a signature was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenPgpRefusal {
    #[error("this is no OpenPGP signature that could count: {0}")]
    Malformed(String),
    #[error("key {0} is in no file of gates/openpgp")]
    UnknownKey(String),
    #[error("the signature by {0} does not fit these bytes")]
    BadSignature(String),
    #[error("`{principal}` may not sign with key {fingerprint}: {why}")]
    Unfit { principal: String, fingerprint: String, why: String },
    #[error("this build cannot check OpenPGP signatures")]
    NotBuilt,
}

impl Keyring {
    /// Reads the files of [`FOLDER`]; `files`: everything in the folder of gates, by path; `root`: its name in messages.
    pub fn read(files: &BTreeMap<String, Vec<u8>>, root: &str) -> (Keyring, Vec<Finding>) {
        let (mut keyring, mut findings) = (Keyring::default(), Vec::new());
        for (path, bytes) in files {
            let Some(name) = path.strip_prefix(FOLDER) else { continue };
            let at = || Source::new(format!("{root}/{path}"), "").place(0..0);
            let principal = name.strip_suffix(".asc").filter(|name| is_literal(name) && !name.contains('/'));
            let Some(principal) = principal else {
                let message = format!("`{}` names nobody", name.escape_debug());
                let help = "name each file by its person, as allowed_signers does: `name@example.com.asc`";
                findings.push(Finding::error("signers/principal", message).at(at()).help(help));
                continue;
            };
            match keyring.certificates(principal, bytes) {
                Ok((certificates, doubt)) => {
                    findings.extend(doubt.map(|finding| finding.at(at())));
                    keyring.people.insert(principal.to_owned(), certificates);
                }
                Err(finding) => findings.push(finding.at(at())),
            }
        }
        (keyring, findings)
    }

    /// Whether it names nobody at all.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }
}

#[cfg(not(feature = "openpgp"))]
impl Keyring {
    /// The people whose signatures may count.
    pub fn people(&self) -> impl Iterator<Item = &str> {
        self.people.keys().map(String::as_str)
    }

    /// Verifies an armored signature over `bytes`.
    pub fn verify(&self, _: &[u8], _: &str, _: Timestamp, _: Timestamp) -> Result<Verified, OpenPgpRefusal> {
        match self.is_empty() {
            true => Err(OpenPgpRefusal::UnknownKey("of this signature".to_owned())),
            false => Err(OpenPgpRefusal::NotBuilt),
        }
    }

    fn certificates(&self, _: &str, bytes: &[u8]) -> Result<(Vec<Certificate>, Option<Finding>), Finding> {
        if bytes.len() > LONGEST {
            return Err(too_long());
        }
        let finding = Finding::warning("signers/unread", "this build cannot read OpenPGP keys, so what they signed stays unknown to it");
        Ok((Vec::new(), Some(finding.help("use a build with the feature `openpgp`, as published ones are"))))
    }
}

#[cfg(feature = "openpgp")]
impl Keyring {
    /// The people whose signatures may count: those with a key that may sign, and is not revoked.
    pub fn people(&self) -> impl Iterator<Item = &str> {
        let able = self.people.iter().filter(|(_, certificates)| certificates.iter().any(Certificate::may_sign));
        able.map(|(principal, _)| principal.as_str())
    }

    /// Verifies an armored signature over `bytes`; `at`: when it was recorded, or now where nobody recorded it.
    pub fn verify(&self, bytes: &[u8], armored: &str, at: Timestamp, now: Timestamp) -> Result<Verified, OpenPgpRefusal> {
        let signature = packets::Detached::parse(armored).map_err(OpenPgpRefusal::Malformed)?;
        let mut judged = Err(OpenPgpRefusal::UnknownKey(signature.issuer()));
        for (principal, certificate) in self.people.iter().flat_map(|(name, all)| all.iter().map(move |one| (name, one))) {
            for part in certificate.parts().filter(|part| signature.names(part)) {
                let fingerprint = certificate.fingerprint.clone();
                if !signature.fits(part, bytes) {
                    judged = Err(OpenPgpRefusal::BadSignature(fingerprint));
                    continue;
                }
                let unfit = |why| OpenPgpRefusal::Unfit { principal: principal.clone(), fingerprint: fingerprint.clone(), why };
                certificate.allows(part, signature.made, at).and_then(|()| signature.in_force(at, now)).map_err(unfit)?;
                return Ok(Verified { principal: principal.clone(), fingerprint });
            }
        }
        judged
    }

    /// The keys of a file, with a doubt about them. The error: why none of them counts.
    fn certificates(&self, principal: &str, bytes: &[u8]) -> Result<(Vec<Certificate>, Option<Finding>), Finding> {
        if bytes.len() > LONGEST {
            return Err(too_long());
        }
        let certificates = certificate::read(bytes)?;
        let known = self.people.iter().flat_map(|(name, all)| all.iter().map(move |one| (name.as_str(), one)));
        let mut seen: BTreeMap<&str, &str> =
            known.flat_map(|(name, one)| one.parts().map(move |part| (part.fingerprint.as_str(), name))).collect();
        for certificate in &certificates {
            for part in certificate.parts() {
                if let Some(other) = seen.insert(&part.fingerprint, principal) {
                    let message = match other == principal {
                        true => format!("key {} stands here twice, so which of the two is in force is open", part.fingerprint),
                        false => format!("key {} stands under `{other}` too, so nobody could say who signed", part.fingerprint),
                    };
                    return Err(Finding::error("signers/two-names", message).help("give every person keys of their own, each once"));
                }
            }
        }
        let unusable = certificates.iter().all(|certificate| !certificate.may_sign()).then(|| {
            let why = certificates.iter().map(|certificate| format!("{}: {}", certificate.fingerprint, certificate.why_not()));
            let message = format!("nothing that `{principal}` signed counts: {}", why.collect::<Vec<_>>().join("; "));
            Finding::warning("signers/unusable", message).help("put in a key that may sign, or take the file away")
        });
        Ok((certificates, unusable))
    }
}

fn too_long() -> Finding {
    Finding::error("signers/malformed", format!("a file of keys is longer than {LONGEST} bytes"))
        .help("export the keys without what others said of them: `gpg --armor --export-options export-minimal --export NAME`")
}
