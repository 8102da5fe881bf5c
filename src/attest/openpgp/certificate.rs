//! Keys of people: what a file of them says, and which part of a key may sign when.
//!
//! A primary key speaks for itself and for its subkeys in signatures of its own; of several the newest counts. What others say of it is
//! not read, but for revocations.

use super::packets::{blocks, check_hash, hex, known, packets};
use crate::domain::{Finding, Timestamp};
use pgp::{
    armor::BlockType,
    crypto::public_key::PublicKeyAlgorithm,
    packet::{Packet, PublicKey, PublicSubkey, Signature, SignatureType, SubpacketData, UserId},
    ser::Serialize as _,
    types::{KeyDetails, KeyVersion, Tag},
};

/// What an RSA key must have at least.
const RSA_BITS: u16 = 2048;

/// A primary key and what belongs to it.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Of the primary key.
    pub fingerprint: String,
    parts: Vec<Part>,
}

/// A primary key or a subkey.
#[derive(Clone, Debug)]
pub struct Part {
    pub fingerprint: String,
    pub id: String,
    pub key: Key,
    created: i64,
    /// The first second in which it is not valid any more.
    ends: Option<i64>,
    /// Why it never may sign.
    unfit: Option<String>,
}

#[derive(Clone, Debug)]
pub enum Key {
    Primary(PublicKey),
    Sub(PublicSubkey),
}

impl Key {
    pub fn verify(&self, signature: &Signature, bytes: &[u8]) -> bool {
        match self {
            Key::Primary(key) => signature.verify(key, bytes),
            Key::Sub(key) => signature.verify(key, bytes),
        }
        .is_ok()
    }
}

impl Certificate {
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter()
    }

    /// Whether any part may sign at some time.
    pub fn may_sign(&self) -> bool {
        self.parts.iter().any(|part| part.unfit.is_none())
    }

    /// Why no part may.
    pub fn why_not(&self) -> String {
        self.parts.iter().find_map(|part| part.unfit.clone()).unwrap_or_default()
    }

    /// Whether a part of it may have signed at `made` what was recorded at `at`. The error says why not.
    pub fn allows(&self, part: &Part, made: i64, at: Timestamp) -> Result<(), String> {
        if let Some(why) = &part.unfit {
            return Err(why.clone());
        }
        if made < part.created {
            return Err(format!("it was made at {}, after the signature", Timestamp::from_unix(part.created)));
        }
        let primary = self.parts.first().and_then(|primary| primary.ends);
        match part.ends.into_iter().chain(primary).min() {
            Some(ends) if at.unix().max(made) >= ends => Err(format!("it expired at {}", Timestamp::from_unix(ends))),
            _ => Ok(()),
        }
    }
}

/// The keys of a file. The error: why none of it counts.
pub fn read(bytes: &[u8]) -> Result<Vec<Certificate>, Finding> {
    let malformed = |why: String| {
        let finding = Finding::error("signers/malformed", format!("this is no file of OpenPGP public keys: {why}"));
        finding.help("write it anew: `gpg --armor --export NAME`")
    };
    let private = || {
        let finding = Finding::error("signers/private-key", "the file holds a private key");
        finding.help("revoke that key, and put only public keys here: `gpg --armor --export NAME`")
    };
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("it is no text".to_owned()))?;
    if text.contains("PRIVATE KEY") {
        return Err(private());
    }
    let mut raw: Vec<Raw> = Vec::new();
    for block in blocks(text, "PGP PUBLIC KEY BLOCK").map_err(malformed)? {
        for packet in packets(block, BlockType::PublicKey).map_err(malformed)? {
            match (packet, raw.last_mut()) {
                (Packet::SecretKey(_) | Packet::SecretSubkey(_), _) => return Err(private()),
                (Packet::PublicKey(key), _) => raw.push(Raw::of(key)),
                (Packet::Trust(_) | Packet::Marker(_) | Packet::Padding(_), _) => {}
                (Packet::UserId(id), Some(last)) if last.subkeys.is_empty() => last.users.push((Some(id), Vec::new())),
                (Packet::UserAttribute(_), Some(last)) if last.subkeys.is_empty() => last.users.push((None, Vec::new())),
                (Packet::PublicSubkey(key), Some(last)) => last.subkeys.push((key, Vec::new())),
                (Packet::Signature(signature), Some(last)) if signature.typ().is_some() => last.signed(signature),
                _ => return Err(malformed("a packet stands where none of its sort belongs".to_owned())),
            }
        }
    }
    match raw.is_empty() {
        true => Err(malformed("it is empty".to_owned())),
        false => Ok(raw.into_iter().map(Raw::weigh).collect()),
    }
}

/// A key as its packets stand in a file; each signature with what it stands after.
struct Raw {
    primary: PublicKey,
    direct: Vec<Signature>,
    /// `None`: a picture.
    users: Vec<(Option<UserId>, Vec<Signature>)>,
    subkeys: Vec<(PublicSubkey, Vec<Signature>)>,
}

/// What a primary key says of itself or of a subkey.
struct Said {
    created: i64,
    signs: bool,
    /// How long the key lasts from its creation, in seconds.
    lasts: Option<i64>,
    /// When the saying itself ends.
    ends: Option<i64>,
}

impl Said {
    /// `None`: it does not say what the key is for.
    fn by(signature: &Signature) -> Option<Said> {
        let mut subpackets = signature.config()?.hashed_subpackets();
        subpackets.find(|subpacket| matches!(subpacket.data, SubpacketData::KeyFlags(_)))?;
        let created = i64::from(signature.created()?.as_secs());
        let span = |span: Option<pgp::types::Duration>| span.map(|span| i64::from(span.as_secs())).filter(|seconds| *seconds > 0);
        Some(Said {
            created,
            signs: signature.key_flags().sign(),
            lasts: span(signature.key_expiration_time()),
            ends: span(signature.signature_expiration_time()).map(|lasts| created + lasts),
        })
    }

    fn end(&self, key: i64) -> Option<i64> {
        self.lasts.map(|lasts| key + lasts).into_iter().chain(self.ends).min()
    }
}

impl Raw {
    fn of(primary: PublicKey) -> Raw {
        Raw { primary, direct: Vec::new(), users: Vec::new(), subkeys: Vec::new() }
    }

    fn signed(&mut self, signature: Signature) {
        let place = match (self.subkeys.last_mut(), self.users.last_mut()) {
            (Some((_, all)), _) => all,
            (None, Some((_, all))) => all,
            (None, None) => &mut self.direct,
        };
        place.push(signature);
    }

    fn weigh(self) -> Certificate {
        let (own, ends, signs) = self.own();
        let revoked = self.direct.iter().any(|signature| signature.typ() == Some(SignatureType::KeyRevocation));
        // Of all that is wrong with a primary key only this leaves its subkeys alone.
        let useless = revoked.then(|| "it is revoked".to_owned()).or_else(|| weak(&self.primary)).or(own);
        let alone = useless.clone().or_else(|| (!signs).then(|| "it is not meant for signing".to_owned()));
        let primary = Part::of(Key::Primary(self.primary.clone()), &self.primary, ends, alone);
        let mut parts = vec![primary];
        for (key, signatures) in &self.subkeys {
            let (ends, unfit) = self.bound(key, signatures);
            parts.push(Part::of(Key::Sub(key.clone()), key, ends, useless.clone().or(unfit)));
        }
        Certificate { fingerprint: hex(self.primary.fingerprint()), parts }
    }

    /// What it says of itself: why that is nothing, its end, whether it signs. Of what was said in the same second the worst counts.
    fn own(&self) -> (Option<String>, Option<i64>, bool) {
        let sound = |signature: &&Signature| check_hash(signature).and_then(|()| known(signature)).is_ok();
        let direct = self
            .direct
            .iter()
            .filter(sound)
            .filter(|signature| signature.typ() == Some(SignatureType::Key) && signature.verify_key(&self.primary).is_ok());
        let mut said: Vec<Said> = direct.filter_map(Said::by).collect();
        for (id, signatures) in self.users.iter().filter_map(|(id, signatures)| Some((id.as_ref()?, signatures))) {
            // Whoever revokes a name does so for good, as far as this file tells.
            let is_own = |signature: &&Signature| {
                let fingerprints = signature.issuer_fingerprint();
                fingerprints.contains(&&self.primary.fingerprint()) || signature.issuer_key_id().contains(&&self.primary.legacy_key_id())
            };
            if signatures.iter().filter(is_own).any(|signature| signature.typ() == Some(SignatureType::CertRevocation)) {
                continue;
            }
            let certifies = |signature: &&Signature| {
                use SignatureType::{CertCasual, CertGeneric, CertPersona, CertPositive};
                matches!(signature.typ(), Some(CertGeneric | CertPersona | CertCasual | CertPositive))
            };
            let good = signatures.iter().filter(is_own).filter(certifies).filter(sound);
            let good = good.filter(|signature| signature.verify_certification(&self.primary, Tag::UserId, id).is_ok());
            said.extend(good.filter_map(Said::by));
        }
        let Some(newest) = said.iter().map(|said| said.created).max() else {
            return (Some("nothing that it says of itself can be believed, or says what it is for".to_owned()), None, false);
        };
        let newest: Vec<&Said> = said.iter().filter(|said| said.created == newest).collect();
        let created = i64::from(self.primary.created_at().as_secs());
        (None, newest.iter().filter_map(|said| said.end(created)).min(), newest.iter().all(|said| said.signs))
    }

    /// What the primary key says of a subkey: its end, and why it may not sign.
    fn bound(&self, key: &PublicSubkey, signatures: &[Signature]) -> (Option<i64>, Option<String>) {
        let refused = |why: &str| (None, Some(why.to_owned()));
        if signatures.iter().any(|signature| signature.typ() == Some(SignatureType::SubkeyRevocation)) {
            return refused("it is revoked");
        }
        if let Some(why) = weak(key) {
            return (None, Some(why));
        }
        let binds = signatures.iter().filter(|signature| {
            let is_sound = check_hash(signature).and_then(|()| known(signature)).is_ok();
            let is_binding = signature.typ() == Some(SignatureType::SubkeyBinding);
            is_sound && is_binding && signature.verify_subkey_binding(&self.primary, key).is_ok()
        });
        let newest = binds.filter_map(|signature| Some((Said::by(signature)?, signature))).max_by_key(|(said, _)| said.created);
        let Some((said, binding)) = newest else { return refused("its primary key does not say that it belongs to it, and what for") };
        if !said.signs {
            return refused("it is not meant for signing");
        }
        let back = binding.embedded_signature().filter(|back| check_hash(back).is_ok());
        if back.is_none_or(|back| back.verify_primary_key_binding(key, &self.primary).is_err()) {
            return refused("it does not say itself that it belongs to its primary key");
        }
        (said.end(key.created_at().as_secs().into()), None)
    }
}

impl Part {
    fn of(key: Key, details: &impl KeyDetails, ends: Option<i64>, unfit: Option<String>) -> Part {
        Part {
            fingerprint: hex(details.fingerprint()),
            id: hex(details.legacy_key_id()),
            key,
            created: details.created_at().as_secs().into(),
            ends,
            unfit,
        }
    }
}

/// Why signatures of such a key prove nothing.
fn weak(key: &impl KeyDetails) -> Option<String> {
    use PublicKeyAlgorithm::{ECDSA, Ed448, Ed25519, EdDSALegacy, RSA};
    if !matches!(key.version(), KeyVersion::V4 | KeyVersion::V6) {
        return Some("its version is neither 4 nor 6".to_owned());
    }
    match key.algorithm() {
        RSA => {
            // The first number says how many bits it has.
            let bits = key.public_params().to_bytes().ok().and_then(|bytes| Some(u16::from_be_bytes(bytes.get(..2)?.try_into().ok()?)));
            bits.is_none_or(|bits| bits < RSA_BITS).then(|| format!("it has {} bits", bits.unwrap_or_default()))
        }
        ECDSA | EdDSALegacy | Ed25519 | Ed448 => None,
        other => Some(format!("its algorithm is {other:?}")),
    }
}
