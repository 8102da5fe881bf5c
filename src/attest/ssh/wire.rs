//! The bytes of SSH keys and signatures. Every field is used up to its end: trailing bytes are refused, as are numbers in
//! any but their one form.

use super::SshRefusal;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest;

/// No signature or key of a supported type comes near it.
const LONGEST: usize = 64 * 1024;

pub(super) const MAGIC: &[u8] = b"SSHSIG";

/// A security key sets it when its holder touched it.
const USER_PRESENT: u8 = 1;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    Ed25519 {
        point: Vec<u8>,
        application: Option<Vec<u8>>,
    },
    P256 {
        point: Vec<u8>,
        application: Option<Vec<u8>>,
    },
    P384 {
        point: Vec<u8>,
    },
    /// Big-endian, without leading zeros.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

impl PublicKey {
    /// Reads `type base64 [comment]`; gives the blob beside the key.
    pub fn parse_line(line: &str) -> Result<(Vec<u8>, PublicKey), SshRefusal> {
        let mut words = line.split_ascii_whitespace();
        let (Some(kind), Some(encoded)) = (words.next(), words.next()) else {
            return Err(malformed("a public key has the form `type base64`"));
        };
        if encoded.len() > LONGEST {
            return Err(malformed("the key is too long"));
        }
        let blob = STANDARD.decode(encoded).map_err(|_| malformed("the key is no base64"))?;
        let (named, key) = PublicKey::parse(&blob)?;
        if named == kind {
            Ok((blob, key))
        } else {
            Err(malformed(&format!("the key says that it is `{}`, the line says `{}`", named.escape_debug(), kind.escape_debug())))
        }
    }

    pub fn parse(blob: &[u8]) -> Result<(String, PublicKey), SshRefusal> {
        let mut fields = Fields(blob);
        let kind = fields.text()?;
        let key = match kind.as_str() {
            "ssh-ed25519" => PublicKey::Ed25519 { point: fields.exactly(32)?, application: None },
            "sk-ssh-ed25519@openssh.com" => PublicKey::Ed25519 { point: fields.exactly(32)?, application: Some(fields.string()?.to_vec()) },
            "ecdsa-sha2-nistp256" => PublicKey::P256 { point: fields.point("nistp256", 65)?, application: None },
            "sk-ecdsa-sha2-nistp256@openssh.com" => {
                PublicKey::P256 { point: fields.point("nistp256", 65)?, application: Some(fields.string()?.to_vec()) }
            }
            "ecdsa-sha2-nistp384" => PublicKey::P384 { point: fields.point("nistp384", 97)? },
            "ssh-rsa" => {
                let (e, n) = (fields.number()?.to_vec(), fields.number()?.to_vec());
                let bits = n.len() * 8 - n.first().map_or(0, |byte| byte.leading_zeros() as usize);
                if !(2048..=8192).contains(&bits) {
                    return Err(SshRefusal::Unsupported(format!("ssh-rsa with {bits} bits")));
                }
                PublicKey::Rsa { n, e }
            }
            _ => return Err(SshRefusal::Unsupported(kind.escape_debug().to_string())),
        };
        fields.end()?;
        Ok((kind, key))
    }
}

pub(super) struct Signature {
    pub key_blob: Vec<u8>,
    pub key: PublicKey,
    pub namespace: String,
    reserved: Vec<u8>,
    hash: &'static digest::Algorithm,
    hash_name: &'static str,
    pub format: String,
    /// As the format has it; without what a security key adds.
    pub raw: Vec<u8>,
    /// Flags and counter of a security key.
    presence: Option<(u8, [u8; 4])>,
}

impl Signature {
    pub fn parse(armored: &str) -> Result<Signature, SshRefusal> {
        let blob = dearmor(armored)?;
        let mut fields = Fields(&blob);
        if fields.take(MAGIC.len())? != MAGIC || fields.take(4)? != [0, 0, 0, 1] {
            return Err(malformed("it does not start as version 1 of the format"));
        }
        let key_blob = fields.string()?.to_vec();
        let (_, key) = PublicKey::parse(&key_blob)?;
        let namespace = fields.text()?;
        let reserved = fields.string()?.to_vec();
        let (hash, hash_name) = match fields.string()? {
            b"sha256" => (&digest::SHA256, "sha256"),
            b"sha512" => (&digest::SHA512, "sha512"),
            _ => return Err(malformed("its hash is neither sha256 nor sha512")),
        };
        let inner = fields.string()?;
        fields.end()?;
        if namespace.is_empty() {
            return Err(malformed("its namespace is empty"));
        }
        let mut inner = Fields(inner);
        let format = inner.text()?;
        let raw = inner.string()?.to_vec();
        let presence = if format.starts_with("sk-") {
            let flags = inner.take(1)?[0];
            let counter = inner.take(4)?.try_into().map_err(|_| malformed("its counter is cut off"))?;
            Some((flags, counter))
        } else {
            None
        };
        inner.end()?;
        Ok(Signature { key_blob, key, namespace, reserved, hash, hash_name, format, raw, presence })
    }

    /// What was signed in place of the message.
    pub fn signed_data(&self, message: &[u8]) -> Vec<u8> {
        signed_data(self.namespace.as_bytes(), &self.reserved, self.hash, self.hash_name, message)
    }

    /// What a security key signed in place of `signed`; `None`: nobody touched it.
    pub fn touch(&self, application: &[u8], signed: &[u8]) -> Option<Vec<u8>> {
        let (flags, counter) = self.presence?;
        if flags & USER_PRESENT == 0 {
            return None;
        }
        let mut data = digest::digest(&digest::SHA256, application).as_ref().to_vec();
        data.push(flags);
        data.extend_from_slice(&counter);
        data.extend_from_slice(digest::digest(&digest::SHA256, signed).as_ref());
        Some(data)
    }
}

/// What is signed: not the message itself but its hash, bound to the namespace.
pub(super) fn signed_data(namespace: &[u8], reserved: &[u8], hash: &'static digest::Algorithm, hash_name: &str, message: &[u8]) -> Vec<u8> {
    let hash = digest::digest(hash, message);
    [MAGIC, &field(namespace), &field(reserved), &field(hash_name.as_bytes()), &field(hash.as_ref())].concat()
}

/// A field with its length before it. Nothing here comes near the four GiB that a length can say.
pub(super) fn field(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

fn dearmor(armored: &str) -> Result<Vec<u8>, SshRefusal> {
    if armored.len() > LONGEST {
        return Err(malformed("it is too long"));
    }
    let body = armored
        .trim_ascii_end()
        .strip_prefix("-----BEGIN SSH SIGNATURE-----")
        .and_then(|rest| rest.strip_suffix("-----END SSH SIGNATURE-----"))
        .ok_or_else(|| malformed("it has no BEGIN and END line"))?;
    let encoded: String = body.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    STANDARD.decode(encoded).map_err(|_| malformed("it is no base64"))
}

/// The two numbers of an ECDSA signature side by side, each as long as the curve wants.
pub(super) fn fixed_ecdsa(raw: &[u8], width: usize) -> Result<Vec<u8>, SshRefusal> {
    let mut fields = Fields(raw);
    let (r, s) = (left_padded(fields.number()?, width)?, left_padded(fields.number()?, width)?);
    fields.end()?;
    Ok([r, s].concat())
}

pub(super) fn left_padded(number: &[u8], width: usize) -> Result<Vec<u8>, SshRefusal> {
    let missing = width.checked_sub(number.len()).ok_or_else(|| malformed("a number is longer than its key allows"))?;
    Ok([vec![0; missing], number.to_vec()].concat())
}

/// Reads length-prefixed fields from the front.
pub(super) struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], SshRefusal> {
        let (field, rest) = self.0.split_at_checked(length).ok_or_else(|| malformed("it ends early"))?;
        self.0 = rest;
        Ok(field)
    }

    pub fn string(&mut self) -> Result<&'a [u8], SshRefusal> {
        let length = self.take(4)?.iter().fold(0usize, |length, byte| length << 8 | usize::from(*byte));
        self.take(length)
    }

    fn text(&mut self) -> Result<String, SshRefusal> {
        String::from_utf8(self.string()?.to_vec()).map_err(|_| malformed("a name in it is no UTF-8"))
    }

    pub fn exactly(&mut self, length: usize) -> Result<Vec<u8>, SshRefusal> {
        let field = self.string()?;
        if field.len() == length { Ok(field.to_vec()) } else { Err(malformed("a field has the wrong length")) }
    }

    fn point(&mut self, curve: &str, length: usize) -> Result<Vec<u8>, SshRefusal> {
        if self.string()? == curve.as_bytes() { self.exactly(length) } else { Err(malformed("its curve does not go with its type")) }
    }

    /// A positive number, without the zero byte that keeps it positive.
    fn number(&mut self) -> Result<&'a [u8], SshRefusal> {
        let wrong = || malformed("a number in it is not in its one form");
        match self.string()? {
            [0, rest @ ..] if rest.first().is_some_and(|byte| byte & 0x80 != 0) => Ok(rest),
            number @ [first, ..] if first & 0x80 == 0 && *first != 0 => Ok(number),
            _ => Err(wrong()),
        }
    }

    pub fn end(&self) -> Result<(), SshRefusal> {
        if self.0.is_empty() { Ok(()) } else { Err(malformed("bytes follow its end")) }
    }
}

fn malformed(why: &str) -> SshRefusal {
    SshRefusal::Malformed(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_form_and_are_padded_to_their_curve() {
        let pair = |r: &[u8], s: &[u8]| fixed_ecdsa(&[field(r), field(s)].concat(), 4);
        assert_eq!(pair(&[1], &[0, 0x80, 2, 3, 4]).unwrap(), [0, 0, 0, 1, 0x80, 2, 3, 4]);
        for (r, why) in [
            (&[][..], "zero"),
            (&[0], "a zero byte alone"),
            (&[0, 1], "a zero byte too many"),
            (&[0x80], "negative"),
            (&[1, 2, 3, 4, 5], "too long"),
        ] {
            assert!(pair(r, &[1]).is_err(), "{why}");
        }
        assert!(fixed_ecdsa(&[field(&[1]), field(&[1]), vec![0]].concat(), 4).is_err(), "bytes follow");
        assert!(fixed_ecdsa(&[0xff, 0xff, 0xff, 0xff, 1], 4).is_err(), "a length beyond the end");
    }
}
