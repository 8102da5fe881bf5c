//! Forged entries in place of the newest one, each wrong in one thing, some of them signed with a good key: the audit must
//! name exactly that thing, the forgery must not count, and nothing may move from a tag that no entry put there.

use super::{
    drill::{Drill, Miss, Seen, wrong},
    players::{Player, said},
    set::{SERVER, Set},
};
use crate::{
    domain::{Digest, Reason, Result},
    release::object::{Commit, signed_commit},
    report::Report,
};
use serde_json::{Value, json};

/// One way to forge.
pub struct Forgery {
    /// What was done to the entry, in words.
    pub about: &'static str,
    /// The finding that names it.
    pub code: &'static str,
    pub signed: Signed,
    pub edit: fn(&mut Forged),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    Not,
    /// By the signature of the entry that it replaces.
    Before,
    /// By the mover, as with a stolen key.
    Mover,
    Bystander,
    Stranger,
}

/// An entry under the forger's hands.
pub struct Forged {
    pub entry: Value,
    /// Evidence of the endpoint gate.
    pub evidence: Value,
    /// The gate whose evidence it is.
    pub gate: String,
    pub bystander: String,
    pub genesis: String,
    /// Changes of other files.
    pub files: Vec<(String, Option<Vec<u8>>)>,
    /// A header line to add to the commit.
    pub header: Option<String>,
    /// Takes changes of what is not there.
    nothing: Value,
}

impl Forged {
    pub fn record(&mut self) -> &mut Value {
        let gate = self.gate.clone();
        let records = self.entry["gates"].as_array_mut();
        // `forge` refuses an entry without this record.
        records.and_then(|records| records.iter_mut().find(|record| record["id"] == gate.as_str())).unwrap_or(&mut self.nothing)
    }

    /// Puts the changed evidence in place, with a digest that fits it.
    pub fn settle_evidence(&mut self) {
        let bytes = serde_json::to_vec(&self.evidence).unwrap_or_default();
        self.record()["evidence"] = json!(Digest::of(&bytes));
        let path = format!("evidence/{}.json", self.gate);
        self.files.push((path, Some(bytes)));
    }

    pub fn channel_move(&mut self) -> &mut Value {
        let releases: Vec<Value> = self.entry["releases"].as_array().into_iter().flatten().map(|release| release["tag"].clone()).collect();
        let moves = self.entry["moves"].as_array_mut();
        moves.and_then(|moves| moves.iter_mut().find(|made| !releases.contains(&made["to"]))).unwrap_or(&mut self.nothing)
    }
}

/// Puts every forgery in the place of the newest entry, one after the other.
pub async fn forged(drill: &mut Drill, forgeries: &[Forgery]) -> Seen {
    let set = drill.set.clone();
    let Some(last) = drill.memory.history.last().cloned() else { return wrong("nothing was promoted yet") };
    let before = set.refs()?;
    let head = set.head(&before)?;
    let template = Template::read(&set, &head)?;
    let mut tried = false;
    let newcomer = set.newcomer(drill.memory.genesis.as_deref())?;
    for forgery in forgeries {
        let forged = template.forge(drill, forgery)?;
        set.move_by_hand(set.ledger(), &forged)?;
        let blame = |miss| match miss {
            Miss::Wrong(why) => Miss::Wrong(format!("an entry {}: {why}", forgery.about)),
            blocked => blocked,
        };
        audited(drill, &newcomer, forgery.code).await.map_err(blame)?;
        // Every verb reads the chain by the same door; one try of each group shows that the forgery does not count: the tag says
        // which entry made it, and no entry of that number counts.
        if !tried {
            drill.unmoved_by(&newcomer, &drill.promotion(&last), Reason::LedgerBroken).await.map_err(blame)?;
            tried = true;
        }
    }
    set.move_by_hand(set.ledger(), &head)?;
    set.refs()?.same_as(&before)?;
    Ok(format!(
        "found each of {} entries: {}",
        forgeries.len(),
        forgeries.iter().map(|forgery| forgery.about).collect::<Vec<_>>().join("; ")
    ))
}

/// The audit of somebody names this finding.
pub async fn audited(drill: &Drill, player: &Player, code: &str) -> std::result::Result<Report, Miss> {
    let before = drill.set.refs()?;
    let answer = player.run(&["audit", "--rejudge", "all"]).await;
    drill.set.refs()?.same_as(&before)?;
    let named = answer.findings.iter().any(|finding| finding.code == code);
    match answer.exit_code() {
        1 if named => Ok(answer),
        _ => wrong(format!("expected the audit to name {code}, got {}", said(&answer))),
    }
}

/// The entry that is replaced.
struct Template {
    entry: Value,
    evidence: Value,
    commit: Commit,
}

impl Template {
    fn read(set: &Set, head: &str) -> std::result::Result<Template, Miss> {
        let raw = set.scratch.git_fed(SERVER, &["cat-file", "commit", head], b"")?;
        Ok(Template {
            entry: set.json(head, "entry.json")?,
            evidence: set.json(head, &format!("evidence/{}.json", set.endpoint.gate))?,
            commit: Commit::parse(&raw).map_err(Miss::Blocked)?,
        })
    }

    /// Writes a forged entry beside the true one; its commit.
    fn forge(&self, drill: &Drill, forgery: &Forgery) -> std::result::Result<String, Miss> {
        let set = &drill.set;
        let mut forged = Forged {
            entry: self.entry.clone(),
            evidence: self.evidence.clone(),
            gate: set.endpoint.gate.to_string(),
            bystander: set.cast.bystander.clone(),
            genesis: drill.memory.genesis.clone().unwrap_or_default(),
            files: Vec::new(),
            header: None,
            nothing: Value::Null,
        };
        if forged.record().get("id").is_none() || forged.channel_move().get("ref").is_none() {
            return Err(Miss::Blocked("the newest entry is no promotion to forge".to_owned()));
        }
        (forgery.edit)(&mut forged);
        // An untouched file keeps its bytes, so that nothing but the forgery differs.
        let mut edits = forged.files;
        if self.entry != forged.entry {
            edits.push(("entry.json".to_owned(), Some(bytes(&forged.entry))));
        }
        let tree = match edits.is_empty() {
            true => self.commit.tree.to_string(),
            false => set.scratch.edit_tree(SERVER, self.commit.tree.as_str(), &edits)?,
        };
        Ok(self.sign(set, &tree, forged.header.as_deref(), forgery.signed)?)
    }

    /// A commit like the true one, with another tree, and signed as asked.
    fn sign(&self, set: &Set, tree: &str, header: Option<&str>, signed: Signed) -> Result<String> {
        let fault = |why: &str| crate::domain::Fault::new(Reason::DrillFailed, why);
        let text = String::from_utf8_lossy(&self.commit.payload).into_owned();
        let (first, rest) = text.split_once("\nauthor ").ok_or_else(|| fault("the entry's commit has no author"))?;
        let mut headers: Vec<String> = first.lines().skip(1).map(str::to_owned).collect();
        headers.insert(0, format!("tree {tree}"));
        headers.extend(header.map(str::to_owned));
        let payload = format!("{}\nauthor {rest}", headers.join("\n")).into_bytes();
        let key = match signed {
            Signed::Not | Signed::Before => None,
            Signed::Mover => Some(set.cast.mover.as_str()),
            Signed::Bystander => Some(set.cast.bystander.as_str()),
            Signed::Stranger => Some(super::STRANGER),
        };
        let bytes = match (key.and_then(|name| set.keys.get(name)), signed, &self.commit.signature) {
            (Some(key), _, _) => signed_commit(&payload, &key.sign("git", &payload)),
            (None, Signed::Before, Some(armored)) => signed_commit(&payload, armored),
            _ => payload,
        };
        let oid = set.scratch.git_fed(SERVER, &["hash-object", "-t", "commit", "-w", "--stdin"], &bytes)?;
        Ok(String::from_utf8_lossy(&oid).trim_end().to_owned())
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
