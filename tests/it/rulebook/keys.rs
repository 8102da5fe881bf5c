//! Keys that sign in process, by the format of OpenSSH (PROTOCOL.sshsig), so that thousands of entries can be made.

use base64::Engine as _;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

pub struct Key {
    name: String,
    pair: Ed25519KeyPair,
}

impl Key {
    /// Always the same key for a name.
    pub fn of(name: &str) -> Key {
        let seed = ring::digest::digest(&ring::digest::SHA256, name.as_bytes());
        Key { name: name.to_owned(), pair: Ed25519KeyPair::from_seed_unchecked(seed.as_ref()).unwrap() }
    }

    pub fn identity(&self) -> String {
        format!("ssh:{}@example.com", self.name)
    }

    /// A line of `allowed_signers`.
    pub fn line(&self) -> String {
        let key = base64::engine::general_purpose::STANDARD.encode(self.blob());
        format!("{}@example.com ssh-ed25519 {key}\n", self.name)
    }

    /// An armored signature.
    pub fn sign(&self, namespace: &str, bytes: &[u8]) -> String {
        let hash = ring::digest::digest(&ring::digest::SHA512, bytes);
        let head = [string(namespace.as_bytes()), string(b""), string(b"sha512")].concat();
        let signed = [b"SSHSIG".to_vec(), head.clone(), string(hash.as_ref())].concat();
        let raw = [string(b"ssh-ed25519"), string(self.pair.sign(&signed).as_ref())].concat();
        let blob = [b"SSHSIG\0\0\0\x01".to_vec(), string(&self.blob()), head, string(&raw)].concat();
        let text = base64::engine::general_purpose::STANDARD.encode(blob);
        let lines: Vec<&str> = text.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
    }

    fn blob(&self) -> Vec<u8> {
        [string(b"ssh-ed25519"), string(self.pair.public_key().as_ref())].concat()
    }
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}
