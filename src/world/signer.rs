//! Signing: with a plain Ed25519 key in this process, with every other key through OpenSSH, which alone knows agents, hardware
//! keys and every key file.
//!
//! A key that came in a variable never touches a disk: what is not signed with here is handed to an ssh-agent of our own through
//! a pipe, and that agent ends with us, or within ten seconds where we are killed. Nothing here may wait for a passphrase: a program
//! that wants one gets none, and a time limit ends it. Deliberately absent: verification, which is [`crate::attest::ssh`].

use super::{
    EnvVars, machine,
    process::{self, Call},
    temporary::Temporary,
};
use crate::{
    attest::ssh::{PrivateKey, claimed_fingerprint, fingerprint_of},
    domain::{Fault, Reason, Result},
    gate::protocol::KeySource,
};
use std::{
    ffi::OsString,
    io::Write,
    os::unix::{
        fs::{MetadataExt, OpenOptionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    time::Duration,
};

/// A hardware key waits for a touch.
const SIGN_LIMIT: Duration = Duration::from_secs(60);

/// How long an agent of ours may take to start.
const AGENT_LIMIT: Duration = Duration::from_secs(10);

/// No key file is larger, in bytes.
const LARGEST_KEY: u64 = 64 * 1024;

/// A usable signing key.
pub struct Signer {
    holder: Holder,
    public: String,
    fingerprint: String,
}

enum Holder {
    Here(PrivateKey),
    /// A private key file, or the public one of a key that an agent holds.
    OpenSsh {
        file: PathBuf,
        env: EnvVars,
        _folder: Option<Temporary>,
        _agent: Option<process::Companion>,
    },
}

impl Signer {
    /// The key that the protocol names; `None` for `none`. Relative paths count from `dir`. Faults: `signer_missing`, with what
    /// was looked for.
    pub async fn from(source: &KeySource, env: &EnvVars, dir: &Path) -> Result<Option<Signer>> {
        match source {
            KeySource::None => Ok(None),
            KeySource::Path(path) => Signer::from_file(&located(path, env, dir), env).await.map(Some),
            KeySource::Env(name) => Signer::from_variable(name, env, dir).await.map(Some),
            KeySource::Agent(fingerprint) => Signer::from_agent(fingerprint, env).await.map(Some),
            KeySource::OpenPgp(_) => Err(not_ssh()),
        }
    }

    /// The public key as OpenSSH writes it: `ssh-ed25519 AAAA...`, with or without a comment.
    pub fn public_key(&self) -> &str {
        &self.public
    }

    /// `SHA256:<base64>`.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// An armored signature over `bytes`.
    pub async fn sign(&self, namespace: &str, bytes: &[u8]) -> Result<String> {
        let (file, env) = match &self.holder {
            Holder::Here(key) => return Ok(key.sign(namespace, bytes)),
            Holder::OpenSsh { file, env, .. } => (file.display().to_string(), env),
        };
        // An empty input would leave standard input closed, which reads the same.
        let signed = ssh(env, "ssh-keygen", &["-q", "-Y", "sign", "-n", namespace, "-f", &file], bytes.to_vec()).await?;
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

    async fn from_file(file: &Path, env: &EnvVars) -> Result<Signer> {
        if !file.is_file() {
            return Err(missing("there is no signing key", &format!("looked for the file {}", file.display())));
        }
        if let Some(key) = plain_key(file) {
            return Signer::here(key);
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
        Signer::new(public, Holder::OpenSsh { file: file.to_owned(), env: env.clone(), _folder: None, _agent: None })
    }

    async fn from_variable(name: &str, env: &EnvVars, dir: &Path) -> Result<Signer> {
        let value = env.get(name).unwrap_or_default();
        if value.trim().is_empty() {
            return Err(missing("there is no signing key", &format!("the variable {name} is not set, or empty")));
        }
        if value.trim().starts_with("openpgp:") {
            return Err(not_ssh());
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
            return Signer::from_file(&file, env).await;
        }
        let text = key_text(&value);
        match PrivateKey::parse(&text) {
            Some(key) => Signer::here(key),
            None => Signer::in_own_agent(name, text, env).await,
        }
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
        Signer::of_agent(line, env.clone(), private_folder(env)?, None)
    }

    /// Starts an ssh-agent and gives it the key that a variable holds.
    async fn in_own_agent(name: &str, key: String, env: &EnvVars) -> Result<Signer> {
        let folder = private_folder(env)?;
        let socket = folder.path().join("agent");
        // The agent ends with the program that it is started for; that one ends when the pipe to us does, however we end.
        let args = ["-a".into(), socket.clone().into_os_string(), "cat".into()];
        let agent =
            process::Companion::start("ssh-agent", args, &cleared(env)).map_err(|error| not_run("ssh-agent", &error.to_string()))?;
        let env = env.with("SSH_AUTH_SOCK", socket.as_os_str());
        let began = std::time::Instant::now();
        // Its socket has a name before anybody is heard there.
        while UnixStream::connect(&socket).is_err() {
            if began.elapsed() > AGENT_LIMIT {
                return Err(missing(&format!("the key in the variable {name} cannot be used"), "an ssh-agent for it did not start"));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let added = ssh(&env, "ssh-add", &["-q", "-"], key.into_bytes()).await?;
        if added.code != Some(0) {
            // What it said may quote the key.
            return Err(missing(&format!("the key in the variable {name} cannot be read"), "it is malformed, or has a passphrase")
                .help("A key with a passphrase must be in the ssh-agent: `ssh-add FILE`."));
        }
        let listed = ssh(&env, "ssh-add", &["-L"], Vec::new()).await?;
        let line = listed.stdout.lines().next().unwrap_or_default().to_owned();
        Signer::of_agent(&line, env, folder, Some(agent))
    }

    fn of_agent(line: &str, env: EnvVars, folder: Temporary, agent: Option<process::Companion>) -> Result<Signer> {
        let file = folder.path().join("key.pub");
        write_private(&file, format!("{line}\n").as_bytes())
            .map_err(|error| missing("the public key cannot be kept", &error.to_string()))?;
        Signer::new(line.to_owned(), Holder::OpenSsh { file, env, _folder: Some(folder), _agent: agent })
    }

    fn here(key: PrivateKey) -> Result<Signer> {
        Signer::new(key.public_line(), Holder::Here(key))
    }

    fn new(public: String, holder: Holder) -> Result<Signer> {
        let public = public.trim().to_owned();
        let fingerprint = fingerprint_of(&public).map_err(|refusal| missing("the signing key is not usable", &refusal.to_string()))?;
        Ok(Signer { holder, public, fingerprint })
    }
}

fn not_ssh() -> Fault {
    let fault = Fault::new(Reason::SignerMissing, "the key that is named is one of OpenPGP, and the ledger is signed with SSH keys");
    fault.help("give an SSH key; `openpgp:KEY` signs snapshots and bundles")
}

/// A fresh key; gone with the handle.
pub fn throw_away() -> Result<PrivateKey> {
    use ring::rand::SecureRandom as _;
    let none = || missing("a throw-away key cannot be made", "the system gives no random numbers");
    let mut seed = [0; 32];
    ring::rand::SystemRandom::new().fill(&mut seed).map_err(|_| none())?;
    PrivateKey::from_seed(seed).ok_or_else(none)
}

/// A key file that this process can sign with. OpenSSH refuses a file that others may read, and says so: it is left to it.
fn plain_key(file: &Path) -> Option<PrivateKey> {
    let meta = file.metadata().ok().filter(|meta| meta.len() <= LARGEST_KEY && meta.mode() & 0o077 == 0)?;
    meta.is_file().then(|| std::fs::read_to_string(file).ok()).flatten().and_then(|text| PrivateKey::parse(&text))
}

fn missing(what: &str, why: &str) -> Fault {
    Fault::new(machine::reason(&why, Reason::SignerMissing), format!("{what}: {}", why.trim()))
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

fn private_folder(env: &EnvVars) -> Result<Temporary> {
    Temporary::needed(&env.temp_dir())
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

/// What programs of OpenSSH get of the surroundings: where things are, and nothing that may be secret.
fn cleared(env: &EnvVars) -> Vec<(OsString, OsString)> {
    let kept = ["PATH", "HOME", "TMPDIR", "SSH_AUTH_SOCK", "SSH_SK_PROVIDER", "DISPLAY", "LOGNAME", "USER"];
    let kept = kept.into_iter().filter_map(|name| Some((OsString::from(name), env.get_os(name)?.to_owned())));
    // Whoever asks for a passphrase asks a program that gives none, even where there is a terminal.
    let set = [("SSH_ASKPASS", "false"), ("SSH_ASKPASS_REQUIRE", "force"), ("LC_ALL", "C")];
    kept.chain(set.map(|(name, value)| (name.into(), value.into()))).collect()
}

fn not_run(program: &str, why: &str) -> Fault {
    missing(&format!("{program} did not run"), why).help("Install OpenSSH; a key with a passphrase must be in the ssh-agent.")
}

async fn ssh(env: &EnvVars, program: &str, args: &[&str], input: Vec<u8>) -> Result<Said> {
    let call = Call {
        program: program.into(),
        args: args.iter().map(Into::into).collect(),
        folder: env.temp_dir(),
        env: cleared(env),
        input,
        limit: SIGN_LIMIT,
    };
    let ended = call.run().await.map_err(|unavailable| not_run(program, unavailable.detail.as_deref().unwrap_or(&unavailable.why)))?;
    if ended.status.code().is_none() {
        let message = format!("{program} was ended by a signal: by a limit of this machine, or by somebody");
        return Err(Fault::new(Reason::NoResources, message));
    }
    let said = env.masks().mask(&String::from_utf8_lossy(&ended.stderr));
    let said: Vec<&str> = said.lines().map(str::trim).collect();
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
