//! SHA-256 digests written `sha256:<hex>`, and canonical JSON (RFC 8785), the only form that is ever hashed.

use super::fault::{Fault, Reason, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{fmt, str::FromStr};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

impl Digest {
    pub fn of(bytes: &[u8]) -> Digest {
        Digest::of_bytes(&Digest::bytes_of(bytes))
    }

    /// The digest in the least room, where nobody needs its text.
    pub fn bytes_of(bytes: &[u8]) -> [u8; 32] {
        Sha256::digest(bytes).into()
    }

    /// The digest of a value's canonical JSON.
    pub fn of_json(value: &impl Serialize) -> Result<Digest> {
        Ok(Digest::of(&canonical_json(value)?))
    }

    pub fn of_bytes(digest: &[u8; 32]) -> Digest {
        let mut text = String::with_capacity("sha256:".len() + 2 * digest.len());
        text.push_str("sha256:");
        push_hex(&mut text, digest);
        Digest(text)
    }

    /// The digest in the least room.
    pub fn to_bytes(&self) -> [u8; 32] {
        let digit = |c: u8| if c.is_ascii_digit() { c - b'0' } else { c - b'a' + 10 };
        let hex = self.hex().as_bytes();
        std::array::from_fn(|at| digit(hex[2 * at]) << 4 | digit(hex[2 * at + 1]))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The hex part, 64 characters.
    pub fn hex(&self) -> &str {
        &self.0["sha256:".len()..]
    }
}

/// A digest over bytes that come one after the other.
#[derive(Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn finish(self) -> Digest {
        Digest::of_bytes(&self.0.finalize().into())
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Digest, String> {
        let hex = text.strip_prefix("sha256:").unwrap_or_default();
        let lower_hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        if hex.len() == 64 && hex.bytes().all(lower_hex) {
            Ok(Digest(text.to_owned()))
        } else {
            Err(format!("`{text}` is no digest of the form sha256:<64 hex>"))
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Digest, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The bytes of a value as canonical JSON (RFC 8785).
pub fn canonical_json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json_canonicalizer::to_vec(value).map_err(|error| Fault::new(Reason::Internal, format!("cannot write canonical JSON: {error}")))
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    push_hex(&mut text, bytes);
    text
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_json_sorts_keys_and_writes_numbers_as_ecmascript() {
        let value = serde_json::json!({"b": 1.0, "a": [1e21, "\u{20ac}"], "\u{e9}": null});
        assert_eq!(canonical_json(&value).unwrap(), "{\"a\":[1e+21,\"€\"],\"b\":1,\"é\":null}".as_bytes());
    }

    #[test]
    fn digests_read_back_and_refuse_other_forms() {
        let digest = Digest::of(b"");
        assert_eq!(digest.as_str(), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(digest.as_str().parse::<Digest>().unwrap(), digest);
        assert_eq!(Digest::of_bytes(&digest.to_bytes()), digest);
        for wrong in ["", "sha256:", "e3b0c442", &digest.as_str().to_uppercase()] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }
}
