//! What this machine knows of a ledger from before: which entry 0 is meant, and what was verified last. It is kept in the user's
//! state folder, by the URL that is pushed to, so that no checkout says which ledger counts.
//!
//! | file of `$XDG_STATE_HOME/tagwarden/ledgers/<SHA-256 of the URL>/` | what it holds |
//! |---|---|
//! | `pin.json` | the URL, the branch and entry 0; written by the adoption that begins a ledger, and by `trust` |
//! | `tip.json` | the commit that the branch held when it was read or written last |
//! | `seen.json` | the tip of the branch and the chain, as they were verified last; where it is missing or of another build, all is verified again |
//!
//! A file that others may write is refused, each of them: a pin would name their ledger, a tip would hide that the ledger went
//! back, a chain would count as verified. Whoever can write there can also put another program in the place of this one. Deliberately absent: anything secret; user info
//! of the URL is left out, so that a token that changes makes no other ledger of it.

use super::{EnvVars, files, machine};
use crate::{
    domain::{Digest, Fault, Oid, Reason, RefName, Result},
    release::chain::Chain,
};
use serde::{Deserialize, Serialize};
use std::{
    io::Write,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

const PIN_SCHEMA: &str = "tagwarden.pin/1";
const SEEN_SCHEMA: &str = "tagwarden.seen/2";

/// The build that verifies: what another one verified may break a rule of this one, and versions are shared between releases.
const BUILD: &str = env!("TAGWARDEN_BUILD");

/// No file here is larger, in bytes; a longer chain is verified each time.
const LARGEST: u64 = 64 * 1024 * 1024;

/// The ledger that somebody trusts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    schema: String,
    pub remote: String,
    pub branch: RefName,
    pub genesis: Oid,
}

/// What was verified last.
#[derive(Serialize, Deserialize)]
struct Seen {
    schema: String,
    build: String,
    #[serde(flatten)]
    chain: Chain,
}

/// The folder of one ledger.
#[derive(Clone, Debug)]
pub struct Trust {
    folder: Option<PathBuf>,
    url: String,
}

impl Trust {
    /// `url`: what is pushed to. `folder`: what a relative path in it counts from.
    pub fn of(env: &EnvVars, url: &str, folder: &Path) -> Trust {
        let url = lasting(url, folder);
        let absolute = |name: &str| env.get_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
        let name = Digest::of(url.as_bytes()).to_string();
        let name = name.strip_prefix("sha256:").unwrap_or(&name).to_owned();
        Trust { folder: state.map(|state| state.join("tagwarden/ledgers").join(name)), url }
    }

    /// Where the pin is, or would be.
    pub fn file(&self) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join("pin.json"))
    }

    /// The pin that is kept. Faults: `not_pinned` where it cannot be read, or others may write it.
    pub fn pin(&self) -> Result<Option<Pin>> {
        let Some(file) = self.file() else { return Ok(None) };
        let wrong = |why: String| {
            let fault = Fault::new(Reason::NotPinned, format!("the pin {} {why}", file.display()));
            fault.help("look at the file; `tagwarden trust OID` writes it anew where it is gone")
        };
        let Some(text) = read_kept(&file, 64 * 1024).map_err(wrong)? else { return Ok(None) };
        let pin: Pin = serde_json::from_str(&text).map_err(|error| wrong(format!("is malformed: {error}")))?;
        match pin.schema == PIN_SCHEMA {
            true => Ok(Some(pin)),
            false => Err(wrong(format!("has the unknown schema `{}`", pin.schema.escape_debug()))),
        }
    }

    /// The other remotes for which the same entry 0 is pinned. One that cannot be read is left out.
    pub fn same_elsewhere(&self, genesis: &Oid) -> Vec<String> {
        let Some(folders) = self.folder.as_ref().and_then(|folder| folder.parent()?.read_dir().ok()) else { return Vec::new() };
        let others = folders.flatten().map(|entry| Trust { folder: Some(entry.path()), url: String::new() });
        let pins = others.filter(|other| other.folder != self.folder).filter_map(|other| other.pin().ok().flatten());
        let mut remotes: Vec<String> = pins.filter(|pin| pin.genesis == *genesis).map(|pin| pin.remote).collect();
        remotes.sort();
        remotes
    }

    /// Keeps a pin; where it is. Faults: `not_pinned` where there is no place for it, or another one is there.
    pub fn keep(&self, branch: &RefName, genesis: &Oid) -> Result<PathBuf> {
        let Some(file) = self.file() else {
            let why = "there is no state folder: neither XDG_STATE_HOME nor HOME is set";
            return Err(Fault::new(Reason::NotPinned, why));
        };
        let pin = Pin { schema: PIN_SCHEMA.to_owned(), remote: self.url.clone(), branch: branch.clone(), genesis: genesis.clone() };
        match self.pin()? {
            Some(there) if there == pin => return Ok(file),
            Some(there) => {
                let why = format!("{} pins entry 0 {} of {}", file.display(), there.genesis, there.branch);
                let folder = file.parent().unwrap_or(&file).display();
                let help = format!(
                    "one of the two is not the ledger you mean: ask who began it. Where everybody concerned gave the old one up, keep what this machine knows of it under another name: `mv {folder} {folder}.kept`"
                );
                return Err(Fault::new(Reason::NotPinned, why).help(help));
            }
            None => {}
        }
        let failed = |error: std::io::Error| {
            Fault::new(machine::unwritten(&error, Reason::NotPinned), format!("the pin {} cannot be written: {error}", file.display()))
        };
        self.write("pin.json", &serde_json::to_vec_pretty(&pin).map_err(|error| failed(error.into()))?).map_err(failed)?;
        Ok(file)
    }

    /// The commit that the branch held when it was read or written last. Faults: `ledger_unverifiable` where that is kept and
    /// cannot be told.
    pub fn tip(&self) -> Result<Option<Oid>> {
        let Some(file) = self.folder.as_ref().map(|folder| folder.join("tip.json")) else { return Ok(None) };
        let wrong = |why: String| unknown_memory(&file, &why);
        let Some(text) = read_kept(&file, 1024).map_err(wrong)? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|error| wrong(format!("is malformed: {error}")))
    }

    /// Remembers that the branch holds this commit, where a pin is kept. A memory that cannot be read is left as it is.
    pub fn saw(&self, tip: &Oid) {
        if let (true, Ok(bytes)) = (self.is_pinned() && self.tip().is_ok_and(|kept| kept.as_ref() != Some(tip)), serde_json::to_vec(tip)) {
            // Where it cannot be written, only the memory of it is missing.
            let _ = self.write("tip.json", &bytes);
        }
    }

    fn is_pinned(&self) -> bool {
        self.file().is_some_and(|file| file.exists())
    }

    /// What was verified last, by this build of the program. What is of another build, or cannot be parsed, is verified again.
    /// Faults: `ledger_unverifiable` where others may write it, or it cannot be read.
    pub fn seen(&self) -> Result<Option<Chain>> {
        let Some(file) = self.folder.as_ref().map(|folder| folder.join("seen.json")) else { return Ok(None) };
        let text = read_kept(&file, LARGEST).map_err(|why| unknown_memory(&file, &why))?;
        let seen: Option<Seen> = text.and_then(|text| serde_json::from_str(&text).ok());
        Ok(seen.filter(|seen| seen.schema == SEEN_SCHEMA && seen.build == BUILD).map(|seen| seen.chain))
    }

    /// Remembers what was verified, where a pin is kept. What cannot be written is verified again the next time.
    pub fn remember(&self, chain: Chain) {
        let seen = Seen { schema: SEEN_SCHEMA.to_owned(), build: BUILD.to_owned(), chain };
        let bytes = serde_json::to_vec(&seen).ok().filter(|bytes| bytes.len() as u64 <= LARGEST);
        if let (true, Some(bytes)) = (self.is_pinned(), bytes) {
            let _ = self.write("seen.json", &bytes);
        }
    }

    /// Readers see the old file or the new one.
    fn write(&self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        let folder = self.folder.as_ref().ok_or(std::io::ErrorKind::NotFound)?;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut file = tempfile::Builder::new().prefix(".").tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.persist(folder.join(name))?;
        Ok(())
    }
}

/// A file that is kept here; `None`: there is none. `Err`: why it does not count.
fn read_kept(file: &Path, most: u64) -> std::result::Result<Option<String>, String> {
    match file.metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot be read: {error}")),
        Ok(meta) if meta.mode() & 0o022 != 0 => return Err("may be written by others".to_owned()),
        Ok(_) => {}
    }
    files::read_text(file, most).map(Some).map_err(|error| format!("cannot be read: {error}"))
}

/// What was seen may be gone: unknown is not whole.
fn unknown_memory(file: &Path, why: &str) -> Fault {
    let file = file.display();
    let what = format!("whether the ledger went back cannot be told: {file}, which remembers what this machine saw of it, {why}");
    Fault::new(Reason::LedgerUnverifiable, what).help(format!(
        "find out who wrote that file, and compare the ledger's head with what others saw; then keep the file under another name, `mv {file} {file}.kept`, and run again"
    ))
}

/// The URL without what may differ from run to run: user info, a slash at the end, the way to a folder of this machine.
fn lasting(url: &str, folder: &Path) -> String {
    let url = url.trim_end_matches('/');
    let local = |path: &str| {
        let path = folder.join(path);
        path.canonicalize().unwrap_or(path).display().to_string()
    };
    if let Some(path) = url.strip_prefix("file://") {
        return local(path);
    }
    if let Some((scheme, rest)) = url.split_once("://") {
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        return format!("{scheme}://{}{path}", host.to_ascii_lowercase());
    }
    // As git tells `host:path` from a path.
    let is_remote = url.find(':').is_some_and(|colon| !url[..colon].contains('/'));
    if is_remote {
        return url.rsplit_once('@').map_or(url, |(_, rest)| rest).to_owned();
    }
    local(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_ledger_has_one_name() {
        let folder = Path::new("/nowhere");
        for (one, other) in [
            ("https://x:token@Git.example.com/a/b.git", "https://git.example.com/a/b.git/"),
            ("ssh://git@git.example.com:22/a", "ssh://git.example.com:22/a"),
            ("git@git.example.com:a/b.git", "git.example.com:a/b.git"),
            ("../a", "/nowhere/../a"),
            ("file:///nowhere/a", "a"),
        ] {
            assert_eq!(lasting(one, folder), lasting(other, folder));
        }
        assert_ne!(lasting("https://git.example.com/a", folder), lasting("https://git.example.com/A", folder));
        assert_ne!(lasting("https://git.example.com/x@y", folder), lasting("https://git.example.com/z@y", folder));
    }

    #[test]
    fn a_pin_is_kept_for_its_ledger_and_never_replaced() {
        let home = tempfile::TempDir::new().unwrap();
        let env = EnvVars::of([("HOME", home.path())]);
        let trust = |url: &str| Trust::of(&env, url, Path::new("/"));
        let (branch, oid): (RefName, fn(&str) -> Oid) = ("refs/heads/l".parse().unwrap(), |digit| digit.repeat(40).parse().unwrap());
        let one = trust("https://git.example.com/one");
        assert_eq!(one.pin().unwrap(), None);
        let file = one.keep(&branch, &oid("1")).unwrap();
        assert_eq!(file.parent().unwrap().metadata().unwrap().mode() & 0o777, 0o700);
        assert_eq!(one.pin().unwrap().unwrap().genesis, oid("1"));
        assert!(one.keep(&branch, &oid("1")).is_ok());
        assert_eq!(one.keep(&branch, &oid("2")).unwrap_err().reason, Reason::NotPinned);
        assert_eq!(one.pin().unwrap().unwrap().genesis, oid("1"));
        let two = trust("https://git.example.com/two");
        assert_eq!(two.pin().unwrap(), None);
        assert_eq!(two.same_elsewhere(&oid("1")), ["https://git.example.com/one"]);
        assert!(two.same_elsewhere(&oid("2")).is_empty() && one.same_elsewhere(&oid("1")).is_empty());
        for text in ["{", "{\"schema\":\"tagwarden.pin/9\",\"remote\":\"\",\"branch\":\"refs/heads/l\",\"genesis\":\"\"}"] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(one.pin().unwrap_err().reason, Reason::NotPinned, "{text}");
        }
        assert_eq!(
            Trust::of(&EnvVars::of([("PATH", "/bin")]), "x", Path::new("/")).keep(&branch, &oid("1")).unwrap_err().reason,
            Reason::NotPinned
        );
    }
}
