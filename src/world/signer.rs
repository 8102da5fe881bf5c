//! Signing, through `ssh-keygen`: it alone knows agents, hardware keys and every key file.
//!
//! Nothing here may wait for a passphrase: a program that wants one gets none, and a time limit ends it. A key that came in a
//! variable lives in a private folder that goes away with the signer. Deliberately absent: verification, which is
//! [`crate::attest::ssh`].

use super::{EnvVars, process::Call};
use crate::{
    attest::ssh::{claimed_fingerprint, fingerprint_of},
    domain::{Fault, Reason, Result},
    gate::protocol::KeySource,
};
use std::{
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

/// A hardware key waits for a touch.
const SIGN_LIMIT: Duration = Duration::from_secs(60);

/// A usable signing key.
pub struct Signer {
    /// A private key file, or the public one of a key that an agent holds.
    file: PathBuf,
    public: String,
    fingerprint: String,
    env: EnvVars,
    /// Holds `file` where it was made here.
    _folder: Option<TempDir>,
}

impl Signer {
    /// The key that the protocol names; `None` for `none`. Relative paths count from `dir`. Faults: `signer_missing`, with what
    /// was looked for.
    pub async fn from(source: &KeySource, env: &EnvVars, dir: &Path) -> Result<Option<Signer>> {
        match source {
            KeySource::None => Ok(None),
            KeySource::Path(path) => Signer::from_file(&located(path, env, dir), env, None).await.map(Some),
            KeySource::Env(name) => Signer::from_variable(name, env, dir).await.map(Some),
            KeySource::Agent(fingerprint) => Signer::from_agent(fingerprint, env).await.map(Some),
        }
    }

    /// A fresh key for a rehearsal; gone with the handle.
    pub async fn throw_away(env: &EnvVars) -> Result<Signer> {
        let folder = private_folder(env)?;
        let file = folder.path().join("key");
        let name = file.display().to_string();
        let made = ssh(env, "ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "rehearsal", "-f", &name], Vec::new()).await?;
        if made.code != Some(0) {
            return Err(missing("a throw-away key cannot be made", &made.said));
        }
        Signer::from_file(&file, env, Some(folder)).await
    }

    /// The public key as OpenSSH writes it: `ssh-ed25519 AAAA...`, with or without a comment.
    pub fn public_key(&self) -> &str {
        &self.public
    }

    /// `SHA256:<base64>`.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// An armored signature over `bytes` for `namespace`.
    pub async fn sign(&self, namespace: &str, bytes: &[u8]) -> Result<String> {
        let file = self.file.display().to_string();
        // An empty input would leave standard input closed, which reads the same.
        let signed = ssh(&self.env, "ssh-keygen", &["-q", "-Y", "sign", "-n", namespace, "-f", &file], bytes.to_vec()).await?;
        if signed.code != Some(0) {
            let fault = missing(&format!("key {} did not sign", self.fingerprint), &signed.said);
            return Err(fault.help("A key with a passphrase must be in the ssh-agent: `ssh-add FILE`."));
        }
        match claimed_fingerprint(&signed.stdout) {
            Ok(fingerprint) if fingerprint == self.fingerprint => Ok(signed.stdout),
            Ok(fingerprint) => Err(missing("another key signed", &format!("{fingerprint} in place of {}", self.fingerprint))),
            Err(refusal) => Err(missing("ssh-keygen gave no signature", &refusal.to_string())),
        }
    }

    async fn from_file(file: &Path, env: &EnvVars, folder: Option<TempDir>) -> Result<Signer> {
        if !file.is_file() {
            return Err(missing("there is no signing key", &format!("looked for the file {}", file.display())));
        }
        let name = file.display().to_string();
        let beside = PathBuf::from(format!("{name}.pub"));
        let public = if name.ends_with(".pub") {
            read(file)?
        } else {
            let read_out = ssh(env, "ssh-keygen", &["-y", "-P", "", "-f", &name], Vec::new()).await?;
            match read_out.code {
                Some(0) => read_out.stdout,
                // A key with a passphrase: an agent may hold it.
                _ if beside.is_file() => read(&beside)?,
                _ => return Err(missing(&format!("the signing key {name} cannot be read"), &read_out.said)),
            }
        };
        Signer::new(file.to_owned(), public, env, folder)
    }

    async fn from_variable(name: &str, env: &EnvVars, dir: &Path) -> Result<Signer> {
        let value = env.get(name).unwrap_or_default();
        if value.trim().is_empty() {
            return Err(missing("there is no signing key", &format!("the variable {name} is not set, or empty")));
        }
        if !value.contains("PRIVATE KEY-----") {
            let file = located(value.trim(), env, dir);
            if !file.is_file() {
                // The value may be a key after all, only garbled: it must not be shown.
                return Err(missing(
                    "there is no signing key",
                    &format!("the variable {name} holds neither a private key nor the path of one"),
                ));
            }
            return Signer::from_file(&file, env, None).await;
        }
        let folder = private_folder(env)?;
        let file = folder.path().join("key");
        write_private(&file, key_text(&value).as_bytes()).map_err(|error| missing("the signing key cannot be kept", &error.to_string()))?;
        Signer::from_file(&file, env, Some(folder)).await
    }

    async fn from_agent(fingerprint: &str, env: &EnvVars) -> Result<Signer> {
        let wanted = if fingerprint.starts_with("SHA256:") { fingerprint.to_owned() } else { format!("SHA256:{fingerprint}") };
        let listed = ssh(env, "ssh-add", &["-L"], Vec::new()).await?;
        let line = listed.stdout.lines().find(|line| fingerprint_of(line).is_ok_and(|found| found == wanted));
        let Some(line) = line else {
            let said = if listed.code == Some(0) { format!("looked for {wanted}") } else { listed.said };
            return Err(missing("the ssh-agent does not hold the signing key", &said)
                .help("Start an agent and add the key: `ssh-add FILE`; `ssh-add -l` lists fingerprints."));
        };
        let folder = private_folder(env)?;
        let file = folder.path().join("key.pub");
        write_private(&file, format!("{line}\n").as_bytes())
            .map_err(|error| missing("the public key cannot be kept", &error.to_string()))?;
        Signer::new(file, line.to_owned(), env, Some(folder))
    }

    fn new(file: PathBuf, public: String, env: &EnvVars, folder: Option<TempDir>) -> Result<Signer> {
        let public = public.trim().to_owned();
        let fingerprint = fingerprint_of(&public).map_err(|refusal| missing("the signing key is not usable", &refusal.to_string()))?;
        Ok(Signer { file, public, fingerprint, env: env.clone(), _folder: folder })
    }
}

fn missing(what: &str, why: &str) -> Fault {
    Fault::new(Reason::SignerMissing, format!("{what}: {}", why.trim()))
}

fn located(path: &str, env: &EnvVars, dir: &Path) -> PathBuf {
    match (path.strip_prefix("~/"), env.get_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(home).join(rest),
        _ => dir.join(path),
    }
}

/// Secret stores lose line ends: a key may come with `\r\n`, with `\n` written out, or without its last one.
fn key_text(value: &str) -> String {
    let text = value.trim().replace("\r\n", "\n");
    let text = if text.contains('\n') { text } else { text.replace("\\n", "\n") };
    format!("{}\n", text.trim_end())
}

fn private_folder(env: &EnvVars) -> Result<TempDir> {
    let private = std::fs::Permissions::from_mode(0o700);
    let folder = tempfile::Builder::new().prefix("tagwarden-").permissions(private).tempdir_in(env.temp_dir());
    folder.map_err(|error| missing("there is no place for the key", &error.to_string()))
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(bytes)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| missing(&format!("{} cannot be read", path.display()), &error.to_string()))
}

struct Said {
    code: Option<i32>,
    stdout: String,
    /// What it said beside, on one line.
    said: String,
}

async fn ssh(env: &EnvVars, program: &str, args: &[&str], input: Vec<u8>) -> Result<Said> {
    // Whoever asks for a passphrase asks a program that gives none, even where there is a terminal.
    let env = env.with("SSH_ASKPASS", "false").with("SSH_ASKPASS_REQUIRE", "force").with("LC_ALL", "C");
    let call = Call {
        program: program.into(),
        args: args.iter().map(Into::into).collect(),
        folder: env.temp_dir(),
        env: env.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        input,
        limit: SIGN_LIMIT,
    };
    let ended = call.run().await.map_err(|unavailable| {
        missing(&format!("{program} did not run"), &unavailable.why)
            .help("Install OpenSSH; a key with a passphrase must be in the ssh-agent.")
    })?;
    let said: Vec<String> = String::from_utf8_lossy(&ended.stderr).lines().map(|line| line.trim().to_owned()).collect();
    Ok(Said { code: ended.status.code(), stdout: String::from_utf8_lossy(&ended.stdout).into_owned(), said: said.join("; ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_from_secret_stores_get_their_line_ends_back() {
        for text in ["-----A\nb\n-----C\n", "-----A\r\nb\r\n-----C", "-----A\\nb\\n-----C\\n", "\n-----A\nb\n-----C\n\n"] {
            assert_eq!(key_text(text), "-----A\nb\n-----C\n", "{text:?}");
        }
    }
}
