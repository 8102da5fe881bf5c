//! What a rehearsal looks with: refs, tag objects and ledger entries of the scratch remote, read by plain git, and signatures
//! verified by git and ssh-keygen. No code of the verbs is used here.

use super::{
    drill::{Cut, Miss, wrong},
    set::{SERVER, Set},
};
use crate::{
    domain::{Fault, Reason, Result},
    world::scratch::Scratch,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// Every ref of the server, with what it holds and what that peels to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refs {
    listing: String,
    refs: BTreeMap<String, String>,
}

impl Refs {
    pub fn read(scratch: &Scratch) -> Result<Refs> {
        let listing = scratch.git(SERVER, &["for-each-ref", "--format=%(objectname) %(refname) %(objecttype) %(*objectname)"])?;
        let of = |line: &str| line.split(' ').nth(1).zip(line.split(' ').next()).map(|(name, oid)| (name.to_owned(), oid.to_owned()));
        let refs = listing.lines().filter_map(of).collect();
        Ok(Refs { listing, refs })
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.refs.get(name).map(String::as_str)
    }

    /// The names of the refs that differ.
    pub fn changed(&self, before: &Refs) -> Vec<String> {
        let names = self.refs.keys().chain(before.refs.keys());
        let mut changed: Vec<String> = names.filter(|name| self.get(name) != before.get(name)).cloned().collect();
        changed.sort();
        changed.dedup();
        changed
    }

    /// Byte for byte the same.
    pub fn same_as(&self, before: &Refs) -> std::result::Result<(), Miss> {
        if self.listing == before.listing { Ok(()) } else { wrong(format!("refs changed: {}", self.changed(before).join(", "))) }
    }

    pub fn put_back(&self, wanted: &Refs, scratch: &Scratch) -> Result<()> {
        let line = |name: &String| match wanted.get(name) {
            Some(oid) => format!("update {name} {oid}\n"),
            None => format!("delete {name}\n"),
        };
        let lines: String = self.changed(wanted).iter().map(line).collect();
        scratch.git_fed(SERVER, &["update-ref", "--stdin"], lines.as_bytes()).map(|_| ())
    }
}

/// What a move must look like afterwards.
pub struct Expected<'a> {
    pub action: &'a str,
    /// The principal who asked.
    pub by: &'a str,
    pub cut: &'a Cut,
    /// How many entries came since; the move's is the last of them.
    pub entries: usize,
}

/// An entry of the ledger, read by plain git.
pub struct Entry {
    pub oid: String,
    pub json: Value,
}

impl Set {
    pub fn ledger(&self) -> &str {
        self.protocol.ledger.as_str()
    }

    /// The head of the ledger.
    pub fn head(&self, refs: &Refs) -> std::result::Result<String, Miss> {
        refs.get(self.ledger()).map(str::to_owned).ok_or_else(|| Miss::Blocked("there is no ledger".to_owned()))
    }

    /// One file of an entry.
    pub fn json(&self, entry: &str, path: &str) -> Result<Value> {
        let bytes = self.scratch.git_fed(SERVER, &["cat-file", "blob", &format!("{entry}:{path}")], b"")?;
        serde_json::from_slice(&bytes).map_err(|error| Fault::new(Reason::DrillFailed, format!("{path} of {entry} is no JSON: {error}")))
    }

    /// Every record of one kind in the state beside an entry.
    pub fn records(&self, entry: &str, kind: &str) -> Result<Vec<Value>> {
        let listing = self.scratch.git(SERVER, &["ls-tree", "-r", "--name-only", entry, &format!("state/{kind}/")])?;
        let mut records = Vec::new();
        for path in listing.lines() {
            records.extend(self.json(entry, path)?.as_array().cloned().unwrap_or_default());
        }
        Ok(records)
    }

    /// The entries between two heads, oldest first. The later head must follow the earlier one.
    pub fn entries(&self, before: Option<&str>, head: &str) -> std::result::Result<Vec<Entry>, Miss> {
        let range = before.map_or_else(|| head.to_owned(), |before| format!("{before}..{head}"));
        let listing = self.scratch.git(SERVER, &["rev-list", "--reverse", "--parents", &range])?;
        let mut entries = Vec::new();
        let mut expected = before.map(str::to_owned);
        for line in listing.lines() {
            let mut oids = line.split(' ').map(str::to_owned);
            let Some(oid) = oids.next() else { continue };
            let parents: Vec<String> = oids.collect();
            if parents.first() != expected.as_ref() || parents.len() > 1 {
                return wrong(format!("the entry {oid} does not follow {}", expected.as_deref().unwrap_or("nothing")));
            }
            let json = self.json(&oid, "entry.json")?;
            expected = Some(oid.clone());
            entries.push(Entry { oid, json });
        }
        Ok(entries)
    }

    /// Whether tag, ledger and release tag moved together, and nothing else. Gives the new entry.
    pub fn moved(&self, before: &Refs, expected: &Expected<'_>) -> std::result::Result<Entry, Miss> {
        let after = self.refs()?;
        let name = self.channel_tag()?;
        let Some(tag) = after.get(name.as_str()).filter(|tag| Some(*tag) != before.get(name.as_str())) else {
            return wrong(format!("{name} did not move"));
        };
        let cut = expected.cut;
        self.peels(tag, &cut.commit)?;
        let release = after.get(cut.tag.as_str()).ok_or_else(|| Miss::Wrong(format!("there is no {}", cut.tag)))?;
        self.peels(release, &cut.commit)?;
        let head = self.head(&after)?;
        let mut entries = self.entries(before.get(self.ledger()), &head)?;
        if entries.len() != expected.entries {
            return wrong(format!("{} entries came, expected {}", entries.len(), expected.entries));
        }
        let Some(entry) = entries.pop() else { return wrong("no entry came with the move") };
        let recorded = |pointer: &str| entry.json.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let by = format!("ssh:{}", expected.by);
        for (pointer, wanted) in [
            ("/action", expected.action),
            ("/channel", self.channel().as_str()),
            ("/candidate", cut.commit.as_str()),
            ("/actor/id", by.as_str()),
        ] {
            if recorded(pointer) != wanted {
                return wrong(format!("the entry records {} at {pointer}, expected {wanted}", recorded(pointer)));
            }
        }
        let moves = entry.json["moves"].as_array().cloned().unwrap_or_default();
        let is_this = |made: &&Value| made["ref"].as_str() == Some(name.as_str());
        let Some(made) = moves.iter().find(is_this) else { return wrong(format!("the entry records no move of {name}")) };
        if made["to"].as_str() != Some(tag) || made["from"].as_str() != before.get(name.as_str()) {
            return wrong(format!("the entry records another move of {name} than the one that happened"));
        }
        let ours = [self.ledger(), name.as_str(), cut.tag.as_str()];
        match after.changed(before).iter().find(|changed| !ours.contains(&changed.as_str())) {
            Some(other) if expected.entries == 1 => wrong(format!("{other} changed too")),
            _ => Ok(entry),
        }
    }

    /// Whether a tag is an annotated one that peels to this commit.
    pub fn peels(&self, tag: &str, commit: &str) -> std::result::Result<(), Miss> {
        let said = self.scratch.git(SERVER, &["rev-parse", "--verify", "--quiet", &format!("{tag}^{{tag}}^{{commit}}")]);
        match said {
            Ok(peeled) if peeled == commit => Ok(()),
            Ok(peeled) => wrong(format!("the tag {tag} peels to {peeled}, expected {commit}")),
            Err(_) => wrong(format!("{tag} is no annotated tag of a commit")),
        }
    }

    /// Who signed a commit, as git and ssh-keygen see it.
    pub fn signed_by(&self, commit: &str, principal: &str) -> std::result::Result<(), Miss> {
        let args = self.with_signers(&["log", "-1", "--format=%G? %GS", commit]);
        let said = self.scratch.git(SERVER, &args)?;
        if said == format!("G {principal}") { Ok(()) } else { wrong(format!("git says `{said}` of the signature of {commit}")) }
    }

    /// The commits up to this one, newest first, on which git finds no good signature.
    pub fn not_signed(&self, head: &str) -> Result<Vec<String>> {
        let listing = self.scratch.git(SERVER, &self.with_signers(&["log", "--format=%G? %H", head]))?;
        let refused = listing.lines().filter_map(|line| line.split_once(' ')).filter(|(verdict, _)| *verdict != "G");
        Ok(refused.map(|(_, oid)| oid.to_owned()).collect())
    }

    /// Whether git finds a good signature on a tag object.
    pub fn is_signed_tag(&self, tag: &str) -> std::result::Result<(), Miss> {
        let said = self.scratch.git(SERVER, &self.with_signers(&["verify-tag", tag]));
        said.map(|_| ()).map_err(|fault| Miss::Wrong(format!("git refuses the signature of the tag {tag}: {}", fault.message)))
    }

    fn with_signers(&self, args: &[&str]) -> Vec<String> {
        let file = self.scratch.path(SIGNERS).display().to_string();
        let config = ["-c", "gpg.format=ssh", "-c"].map(str::to_owned).into_iter().chain([format!("gpg.ssh.allowedSignersFile={file}")]);
        config.chain(args.iter().map(|arg| (*arg).to_owned())).collect()
    }
}

/// The scratch file with the keys that count, for git's own verification.
pub const SIGNERS: &str = "allowed_signers";
