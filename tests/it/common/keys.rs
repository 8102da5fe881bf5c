//! Keys of people, and the files of a signed protocol.

use super::Scratch;
use std::path::PathBuf;

impl Scratch {
    /// Makes an Ed25519 key without a passphrase; the path of the private half.
    pub fn key(&self, name: &str) -> PathBuf {
        self.key_with(name, "")
    }

    pub fn key_with(&self, name: &str, passphrase: &str) -> PathBuf {
        std::fs::create_dir_all(self.path("keys")).unwrap();
        let (good, said) = self.try_tool("keys", "ssh-keygen", &["-q", "-t", "ed25519", "-N", passphrase, "-C", "", "-f", name]);
        assert!(good, "{said}");
        self.path("keys").join(name)
    }

    /// The public line of a key.
    pub fn public(&self, name: &str) -> String {
        std::fs::read_to_string(self.path("keys").join(format!("{name}.pub"))).unwrap().trim().to_owned()
    }

    /// One line of `allowed_signers` per name: `NAME@example.com` with the key of that name.
    pub fn allowed_signers(&self, names: &[&str]) -> String {
        names.iter().map(|name| format!("{name}@example.com {}\n", self.public(name))).collect()
    }

    /// Every later run signs with this key.
    pub fn sign_as(&mut self, name: &str) -> &mut Scratch {
        let path = self.path("keys").join(name).display().to_string();
        self.set("TAGWARDEN_SIGNING_KEY", &path)
    }

    /// What `ssh-keygen` makes of a statement: the armored signature's file.
    pub fn signature(&self, key: &str, statement: &str) -> PathBuf {
        let name = format!("statement-{key}");
        let file = self.path(&name);
        std::fs::write(&file, statement).unwrap();
        let signature = self.path(&format!("{name}.sig"));
        let _ = std::fs::remove_file(&signature);
        let key = self.path("keys").join(key).display().to_string();
        let (good, said) = self.try_tool("", "ssh-keygen", &["-q", "-Y", "sign", "-n", "tagwarden", "-f", &key, &name]);
        assert!(good, "{said}");
        signature
    }
}
