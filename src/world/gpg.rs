//! Signing with the user's own `gpg`, as git does: it alone knows keyrings, agents, cards and passphrases.
//!
//! A passphrase is asked for by its agent, on its own ways; a time limit ends the waiting. Deliberately absent: verification, which
//! is [`crate::attest::openpgp`], and keys that come in a variable: a private key would have to be put into a keyring on a disk.

use super::{
    EnvVars, machine,
    process::{Call, Ended},
};
use crate::domain::{Fault, Reason, Result};
use std::{ffi::OsString, time::Duration};

/// Somebody types a passphrase, or touches a card.
const SIGN_LIMIT: Duration = Duration::from_secs(60);

const BEGIN: &str = "-----BEGIN PGP SIGNATURE-----";

/// A secret key of the user's `gpg`.
pub struct Gpg {
    key: String,
    fingerprint: String,
    env: EnvVars,
}

impl Gpg {
    /// The one secret key that `gpg` knows by this name. Faults: `signer_missing`.
    pub async fn of(key: &str, env: &EnvVars) -> Result<Gpg> {
        let listed = run(env, &["--with-colons", "--list-secret-keys", "--", key], Vec::new()).await?;
        let text = String::from_utf8_lossy(&listed.stdout);
        let primary = text.lines().skip_while(|line| !line.starts_with("sec:")).find_map(|line| line.strip_prefix("fpr:"));
        let fingerprint = primary.and_then(|fields| fields.split(':').find(|field| !field.is_empty()));
        let shown = key.escape_debug();
        match (text.lines().filter(|line| line.starts_with("sec:")).count(), fingerprint) {
            (1, Some(fingerprint)) => Ok(Gpg { key: key.to_owned(), fingerprint: fingerprint.to_owned(), env: env.clone() }),
            (0, _) => Err(missing(&format!("gpg has no secret key `{shown}`"), &said(env, &listed))),
            _ => Err(missing(&format!("gpg has several secret keys `{shown}`"), "name the one that is meant by its fingerprint")),
        }
    }

    /// Of the primary key, in upper-case hex.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// An armored signature over `bytes`.
    pub async fn sign(&self, bytes: &[u8]) -> Result<String> {
        let args = ["--no-textmode", "--armor", "--detach-sign", "--output", "-", "--local-user", &self.key, "--", "-"];
        let signed = run(&self.env, &args, bytes.to_vec()).await?;
        let armored = String::from_utf8_lossy(&signed.stdout).into_owned();
        match signed.status.code() {
            Some(0) if armored.starts_with(BEGIN) => Ok(armored),
            _ => Err(missing(&format!("key {} did not sign", self.fingerprint), &said(&self.env, &signed))),
        }
    }
}

async fn run(env: &EnvVars, args: &[&str], input: Vec<u8>) -> Result<Ended> {
    // Where things are, and how its agent asks for a passphrase; nothing that may be secret.
    let kept = [
        "PATH",
        "HOME",
        "TMPDIR",
        "GNUPGHOME",
        "GPG_TTY",
        "DISPLAY",
        "WAYLAND_DISPLAY",
        "DBUS_SESSION_BUS_ADDRESS",
        "XDG_RUNTIME_DIR",
        "TERM",
        "LOGNAME",
        "USER",
    ];
    let kept = kept.into_iter().filter_map(|name| Some((OsString::from(name), env.get_os(name)?.to_owned())));
    let call = Call {
        program: "gpg".into(),
        args: ["--batch", "--no-tty", "--quiet"].iter().chain(args).map(Into::into).collect(),
        folder: env.temp_dir(),
        env: kept.chain([("LC_ALL".into(), "C".into())]).collect(),
        input,
        limit: SIGN_LIMIT,
    };
    call.run().await.map_err(|unavailable| {
        let why = unavailable.detail.as_deref().unwrap_or(&unavailable.why);
        missing("gpg did not run to its end", why).help("install GnuPG; a key with a passphrase needs an agent that may ask for it")
    })
}

/// What it said beside, on one line.
fn said(env: &EnvVars, ended: &Ended) -> String {
    let said = env.masks().mask(&String::from_utf8_lossy(&ended.stderr));
    said.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

fn missing(what: &str, why: &str) -> Fault {
    let fault = Fault::new(machine::reason(&why, Reason::SignerMissing), format!("{what}: {}", why.trim()));
    fault.help("`gpg --list-secret-keys` shows which keys there are; a passphrase is asked for by the agent of gpg, where GPG_TTY is set")
}
