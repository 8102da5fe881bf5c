//! A private Ed25519 key, and the signatures it makes.
//!
//! The key is OpenSSH's own format (its PROTOCOL.key) without a passphrase; a signature is what `ssh-keygen -Y sign` writes, byte
//! for byte. Deliberately absent: every other type of key, passphrases and the older PEM formats. Those are left to OpenSSH
//! ([`crate::world`]).

use super::wire::{Fields, MAGIC, field, signed_data};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    digest,
    signature::{Ed25519KeyPair, KeyPair as _},
};

const TYPE: &[u8] = b"ssh-ed25519";
const KEY_MAGIC: &[u8] = b"openssh-key-v1\0";
const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &str = "-----END OPENSSH PRIVATE KEY-----";

/// How many letters OpenSSH puts on a line.
const LINE: usize = 70;

/// Never shown: it has neither `Debug` nor `Display`.
pub struct PrivateKey {
    pair: Ed25519KeyPair,
    seed: [u8; 32],
}

impl PrivateKey {
    pub fn from_seed(seed: [u8; 32]) -> Option<PrivateKey> {
        Ed25519KeyPair::from_seed_unchecked(&seed).ok().map(|pair| PrivateKey { pair, seed })
    }

    /// `None`: another type of key, one with a passphrase, or none at all. Nothing is said of why, since what was read is secret.
    pub fn parse(text: &str) -> Option<PrivateKey> {
        let body = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
        let encoded: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let blob = STANDARD.decode(encoded).ok()?;
        let mut fields = Fields(&blob);
        let is_plain = fields.take(KEY_MAGIC.len()).ok()? == KEY_MAGIC
            && fields.string().ok()? == b"none"
            && fields.string().ok()? == b"none"
            && fields.string().ok()?.is_empty()
            && fields.take(4).ok()? == [0, 0, 0, 1];
        let public = fields.string().ok().filter(|_| is_plain)?;
        let secret = fields.string().ok()?;
        fields.end().ok()?;
        let mut fields = Fields(secret);
        let fits = fields.take(4).ok()? == fields.take(4).ok()? && fields.string().ok()? == TYPE;
        let point = fields.exactly(32).ok().filter(|_| fits)?;
        let both = fields.exactly(64).ok()?;
        let (seed, again) = both.split_at(32);
        let key = PrivateKey::from_seed(seed.try_into().ok()?)?;
        (key.pair.public_key().as_ref() == point && again == point && key.blob() == public).then_some(key)
    }

    /// As OpenSSH writes a public key: `ssh-ed25519 AAAA...`.
    pub fn public_line(&self) -> String {
        format!("{} {}", String::from_utf8_lossy(TYPE), STANDARD.encode(self.blob()))
    }

    /// The key as a file of OpenSSH has it.
    pub fn to_openssh(&self) -> String {
        let public = self.pair.public_key().as_ref();
        // Two equal numbers, which say whether a passphrase was the right one, then the key, a comment, and bytes that count up to
        // a whole block.
        let mut secret = [&[0; 8], &field(TYPE)[..], &field(public), &field(&[&self.seed[..], public].concat()), &field(b"")].concat();
        secret.extend((1u8..).take((8 - secret.len() % 8) % 8));
        let blob =
            [KEY_MAGIC, &field(b"none"), &field(b"none"), &field(b""), &[0, 0, 0, 1], &field(&self.blob()), &field(&secret)].concat();
        armor(BEGIN, &blob, END)
    }

    /// An armored signature over `bytes`.
    pub fn sign(&self, namespace: &str, bytes: &[u8]) -> String {
        let signed = signed_data(namespace.as_bytes(), b"", &digest::SHA512, "sha512", bytes);
        let raw = self.pair.sign(&signed);
        let signature = field(&[field(TYPE), field(raw.as_ref())].concat());
        let head = [MAGIC, &[0, 0, 0, 1], &field(&self.blob()), &field(namespace.as_bytes()), &field(b""), &field(b"sha512")].concat();
        armor("-----BEGIN SSH SIGNATURE-----", &[head, signature].concat(), "-----END SSH SIGNATURE-----")
    }

    fn blob(&self) -> Vec<u8> {
        [field(TYPE), field(self.pair.public_key().as_ref())].concat()
    }
}

fn armor(begin: &str, blob: &[u8], end: &str) -> String {
    let mut text = format!("{begin}\n");
    let encoded = STANDARD.encode(blob);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text + end + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attest::ssh::{AllowedSigners, claimed_fingerprint, fingerprint_of};

    #[test]
    fn a_key_is_read_as_it_was_written_and_its_signatures_verify() {
        let key = PrivateKey::from_seed([7; 32]).unwrap();
        let text = key.to_openssh();
        for text in [text.clone(), text.replace('\n', "\r\n"), text.trim().to_owned()] {
            assert_eq!(PrivateKey::parse(&text).unwrap().public_line(), key.public_line());
        }
        let armored = key.sign("git", b"bytes");
        assert_eq!(claimed_fingerprint(&armored).unwrap(), fingerprint_of(&key.public_line()).unwrap());
        let allowed = AllowedSigners::parse(&format!("lead@example.com {}\n", key.public_line())).unwrap();
        let verify = |namespace: &str, bytes: &[u8]| allowed.verify(namespace, bytes, &armored, "2026-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(verify("git", b"bytes").unwrap().principal, "lead@example.com");
        assert!(verify("git", b"byte").is_err() && verify("file", b"bytes").is_err());
    }

    #[test]
    fn what_is_no_plain_key_is_not_taken_for_one() {
        let text = PrivateKey::from_seed([7; 32]).unwrap().to_openssh();
        let encoded: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        let blob = STANDARD.decode(encoded).unwrap();
        assert!(PrivateKey::parse(&armor(BEGIN, &blob, END)).is_some());
        for at in 0..blob.len() - 1 {
            // Only the comment and the padding may be other bytes.
            let mut other = blob.clone();
            other[at] ^= 1;
            let read = PrivateKey::parse(&armor(BEGIN, &other, END));
            assert!(read.is_none() || at >= blob.len() - 12, "byte {at}");
        }
        assert!(PrivateKey::parse(&armor(BEGIN, &blob[..blob.len() - 1], END)).is_none());
        assert!(PrivateKey::parse("").is_none() && PrivateKey::parse(BEGIN).is_none());
    }
}
