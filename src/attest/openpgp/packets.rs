//! Armor and packets: what a detached signature is, and everything else that is refused before a key is asked.
//!
//! Stricter than the format: one block, nothing around it, nothing that a program would have to leave out. A packet that cannot be
//! read is never skipped.

use super::certificate::Part;
use crate::{domain::Timestamp, gate::freshness::CLOCK_SLACK};
use pgp::{
    armor::{BlockType, Dearmor, DearmorOptions},
    crypto::hash::HashAlgorithm,
    packet::{Packet, PacketParser, Signature, SignatureType, SignatureVersion, SubpacketData},
};
use std::{fmt::Display, io::Read};

/// A packet that means nothing.
const MARKER: &[u8] = b"\xca\x03PGP";

/// A signature of a document that stands apart from it.
pub struct Detached {
    signature: Signature,
    pub made: i64,
}

impl Detached {
    /// The error says why nothing about a key would make it count.
    pub fn parse(armored: &str) -> Result<Detached, String> {
        let [block] = &blocks(armored, "PGP SIGNATURE")?[..] else { return Err("it is not exactly one block of armor".to_owned()) };
        let mut packets = packets(block, BlockType::Signature)?;
        let (Some(Packet::Signature(signature)), true) = (packets.pop(), packets.is_empty()) else {
            return Err("its armor does not hold exactly one signature".to_owned());
        };
        if !matches!(signature.version(), SignatureVersion::V4 | SignatureVersion::V6) {
            return Err("its version is neither 4 nor 6".to_owned());
        }
        if signature.typ() != Some(SignatureType::Binary) {
            return Err("it is not the signature of a document".to_owned());
        }
        check_hash(&signature)?;
        known(&signature)?;
        let made = signature.created().ok_or("it does not say when it was made")?;
        if signature.issuer_fingerprint().is_empty() && signature.issuer_key_id().is_empty() {
            return Err("it does not say by which key".to_owned());
        }
        Ok(Detached { made: made.as_secs().into(), signature })
    }

    /// The key that it says it is by.
    pub fn issuer(&self) -> String {
        let fingerprint = self.signature.issuer_fingerprint().first().map(hex);
        fingerprint.unwrap_or_else(|| self.signature.issuer_key_id().first().map(hex).unwrap_or_default())
    }

    /// Whether it says that it is by this key.
    pub fn names(&self, part: &Part) -> bool {
        let fingerprints = self.signature.issuer_fingerprint();
        match fingerprints.is_empty() {
            false => fingerprints.iter().all(|fingerprint| hex(fingerprint) == part.fingerprint),
            true => self.signature.issuer_key_id().iter().any(|id| hex(id) == part.id),
        }
    }

    pub fn fits(&self, part: &Part, bytes: &[u8]) -> bool {
        part.key.verify(&self.signature, bytes)
    }

    /// It was not made after it was recorded, and its own time is not over.
    pub fn in_force(&self, at: Timestamp, now: Timestamp) -> Result<(), String> {
        if self.made > at.plus(CLOCK_SLACK).unix() {
            return Err(format!("it says that it was made at {}, after {at}", Timestamp::from_unix(self.made)));
        }
        let lasts = self.signature.signature_expiration_time().map_or(0, |lasts| i64::from(lasts.as_secs()));
        if lasts > 0 && now.unix() >= self.made + lasts {
            return Err(format!("the signature itself expired at {}", Timestamp::from_unix(self.made + lasts)));
        }
        Ok(())
    }
}

/// Whether forging it would need more than MD5, SHA-1 and their like withstand.
pub fn check_hash(signature: &Signature) -> Result<(), String> {
    use HashAlgorithm::{Sha3_256, Sha3_512, Sha256, Sha384, Sha512};
    match signature.hash_alg() {
        Some(Sha256 | Sha384 | Sha512 | Sha3_256 | Sha3_512) => Ok(()),
        Some(other) => Err(format!("its hash is {other}")),
        None => Err("its hash is not known".to_owned()),
    }
}

/// What a signature marks as critical must be understood.
pub fn known(signature: &Signature) -> Result<(), String> {
    let subpackets = signature.config().into_iter().flat_map(|config| config.hashed_subpackets());
    let strange = subpackets.filter(|subpacket| {
        let unknown = matches!(&subpacket.data, SubpacketData::Other(..) | SubpacketData::Experimental(..) | SubpacketData::Notation(_));
        subpacket.is_critical && unknown
    });
    match strange.count() {
        0 => Ok(()),
        _ => Err("it rests on something that is not known here".to_owned()),
    }
}

/// The blocks of armor of this name in a text that holds nothing else.
pub fn blocks<'a>(text: &'a str, name: &str) -> Result<Vec<&'a str>, String> {
    let (begin, end) = (format!("-----BEGIN {name}-----"), format!("-----END {name}-----"));
    let mut blocks = Vec::new();
    let mut rest = text.trim_ascii();
    while !rest.is_empty() {
        if !rest.starts_with(&begin) {
            return Err(format!("it does not begin with `{begin}`"));
        }
        let length = rest.find(&end).ok_or_else(|| format!("it has no `{end}`"))? + end.len();
        let (block, after) = rest.split_at(length);
        if block[begin.len()..].contains("-----BEGIN ") {
            return Err("a block of armor begins in another".to_owned());
        }
        blocks.push(block);
        rest = after.trim_ascii_start();
    }
    Ok(blocks)
}

/// Everything that a block holds. Its checksum is not looked at, as RFC 9580 wants it: what was signed is checked by the signature.
pub fn packets(block: &str, wanted: BlockType) -> Result<Vec<Packet>, String> {
    let options = DearmorOptions::new().set_limit(2 * block.len());
    let mut armor = Dearmor::with_options(block.as_bytes(), options);
    let mut bytes = Vec::new();
    armor.read_to_end(&mut bytes).map_err(|error| format!("its armor cannot be read: {error}"))?;
    if armor.typ != Some(wanted) {
        return Err("its armor is of another type".to_owned());
    }
    // The parser ends without a word at half a header: what follows shows whether it came to the end.
    bytes.extend_from_slice(MARKER);
    let read = PacketParser::new(bytes.as_slice()).map(|packet| packet.map_err(|error| format!("a packet in it cannot be read: {error}")));
    let mut packets = read.collect::<Result<Vec<Packet>, String>>()?;
    match packets.pop() {
        Some(Packet::Marker(_)) => Ok(packets),
        _ => Err("bytes follow its last packet".to_owned()),
    }
}

/// Fingerprints and the ids of keys, as `gpg` shows them.
pub fn hex(id: impl Display) -> String {
    id.to_string().to_ascii_uppercase()
}
