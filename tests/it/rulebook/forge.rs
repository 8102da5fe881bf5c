//! A ledger that is written by raw objects, with good keys: valid entries, and entries with whatever faults a test asks for.
//!
//! Valid entries are made by the functions that the verbs make theirs by; what is put on the branch, and how it is read back,
//! goes through git.

use super::{
    keys::Key,
    objects::{self, Node},
};
use crate::world_support::Scratch;
use std::{cell::RefCell, collections::BTreeMap, path::PathBuf};
use tagwarden::{
    attest::statement::{ACTOR_PATH, REPORT_PATH, evidence_path},
    domain::{
        Actor, ActorKind, ChannelName, Digest, Oid, Outcome, RefName, Release, ReleaseName, Timestamp, Verb,
        actor::{ACTOR_SCHEMA, ActorEvidence},
        canonical_json,
        state::{Body, Entry, GateRecord, HoldScope, Move, TakenOver},
    },
    gate::{
        Answer, Ask, Evidence, Got, LoadedGate, OnFail, When, freshness,
        probe::{self, AcksGot, ChannelRehearsalGot, CommandAsk, CommandGot, HttpAsk, HttpGot, LedgerAsk, ProbeKey},
    },
    release::{
        assemble::assemble,
        chain::{Offer, Policy, Verification, Verified},
        draft::{self, Draft},
        object::{Commit, commit_bytes, object_id, signed_commit},
        plan,
        policy::Policies,
        rehearsal,
        transition::{self, Next, Signature, Violation},
    },
    world::{
        Git,
        git::{ObjectKind, TreeItem},
        ledger::{self, Known},
    },
};

pub const NOW: &str = "2026-11-21T10:00:00Z";

const PROTOCOL: &str = r#"
version: 1
packages: { web: { release_tag: "v{version}", default: true }, api: { release_tag: "api/v{version}" } }
release_branches: [main]
channels:
  staging: { tag: "channel/{channel}/{package}" }
  production: { tag: "channel/{channel}/{package}", after: staging }
signing: { key: "env:KEY" }
release_tags: any
roles:
  leads:
    who: ["ssh:lead@example.com", "ssh:second@example.com"]
    may: [stage, promote, rollback, hold, unhold, waive, ack, verdict, rehearse]
  devs: { who: ["ssh:dev@example.com"], may: [stage, promote, hold], on: [staging] }
  reviewers: { who: ["ssh:review@example.com"], may: [verdict] }
  robots: { who: ["ssh:ci@example.com"], may: [stage, promote, rollback, unhold] }
  maintainers: { who: ["permission:maintain", "team:org/ops"], may: [promote, stage, waive, ack, hold] }
movers: ["ssh:mover@example.com"]
automation: ["ssh:ci@example.com"]
"#;

const GATES: &[(&str, &str)] = &[
    ("10-step.yaml", "title: Step done\nwaivable: true\nchannels: [production]\nack: { step: Do it, fresh: 30d }\n"),
    (
        "20-health.yaml",
        "title: Healthy\nwaivable: true\nmax_age: 15m\nhttp: [{ get: \"https://example.com/h\", expect: { status: 200 } }]\n",
    ),
    ("30-fixed.yaml", "title: Built\ncommand: [{ run: [\"true\"] }]\n"),
    ("40-smoke.yaml", "title: It answers\nwhen: after\nverbs: [promote, rollback]\ncommand: [{ run: [\"true\"] }]\n"),
];

pub const SIGNERS: [&str; 7] = ["lead", "second", "dev", "review", "ci", "mover", "leaver"];

pub struct Forge {
    scratch: Scratch,
    git: Git,
    repo: PathBuf,
    runtime: tokio::runtime::Runtime,
    /// What a reader's clock says.
    pub clock: Timestamp,
    pub tip: Option<Oid>,
    /// The head as it was read last, or followed from there: by which tip and clock, and the chain.
    known: RefCell<Option<(Oid, Timestamp, Verified)>>,
    policies: Policies,
    /// A commit that is there.
    #[allow(dead_code, reason = "benches use it")]
    pub commit: Oid,
    /// Policy trees by the name of what was changed in them.
    pub trees: BTreeMap<&'static str, Oid>,
}

/// A commit in the making.
#[derive(Clone)]
pub struct Proposal {
    pub entry: Entry,
    pub files: BTreeMap<String, Vec<u8>>,
    pub parents: Vec<Oid>,
    /// `None`: it is not signed.
    pub signer: Option<String>,
    pub rights: Vec<String>,
    /// What is put into its tree, or taken out of it, after all.
    pub edits: Vec<(String, Option<Node>)>,
}

impl Forge {
    pub fn new() -> Forge {
        Forge::taking_over(Vec::new())
    }

    /// A ledger that begins with tags that were there before.
    pub fn taking_over(taken_over: Vec<TakenOver>) -> Forge {
        let scratch = Scratch::new();
        scratch.run(&scratch.path(""), "git", &["init", "--quiet", "--bare", "ledger.git"]);
        let repo = scratch.path("ledger.git");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let git = runtime.block_on(Git::open(&repo, &scratch.env())).unwrap();
        let clock = NOW.parse().unwrap();
        let root = objects::write(&repo, "tree", b"");
        let commit = objects::write(&repo, "commit", &commit_bytes(&root, &[], "x", clock, "a commit"));
        let mut forge = Forge {
            scratch,
            git,
            repo,
            runtime,
            clock,
            commit,
            tip: None,
            known: RefCell::new(None),
            policies: Policies::new(),
            trees: BTreeMap::new(),
        };
        let all: String = SIGNERS.iter().map(|name| Key::of(name).line()).collect();
        let without: String = SIGNERS.iter().filter(|name| **name != "second").map(|name| Key::of(name).line()).collect();
        let elsewhere = format!("{PROTOCOL}ledger: {{ branch: elsewhere }}\n");
        let stricter = GATES.iter().map(|(name, text)| (*name, text.replace("waivable: true\n", ""))).collect::<Vec<_>>();
        let plain = GATES.iter().map(|(name, text)| (*name, (*text).to_owned())).collect::<Vec<_>>();
        forge.policy("first", PROTOCOL, &plain, &all);
        forge.policy("without second", PROTOCOL, &plain, &without);
        forge.policy("not waivable", PROTOCOL, &stricter, &all);
        forge.policy("elsewhere", &elsewhere, &plain, &all);
        let rehearsed = ("50-back.yaml", "title: The way back\nchannels: [staging]\nrehearsal: { of: rollback }\n".to_owned());
        forge.policy("rehearsed", PROTOCOL, &plain.iter().cloned().chain([rehearsed]).collect::<Vec<_>>(), &all);
        let entry = forge.draft(Verb::Adopt, "lead", 0);
        let entry =
            Draft { adopts: Some(forge.trees["first"].clone()), body: Some(Body::Adopt { signatures: Vec::new(), taken_over }), ..entry };
        let entry = entry.place(None, Vec::new()).unwrap();
        let first = Proposal {
            entry,
            files: BTreeMap::new(),
            parents: Vec::new(),
            signer: Some("lead".to_owned()),
            rights: Vec::new(),
            edits: Vec::new(),
        };
        forge.put(&first, None);
        forge
    }

    fn policy(&mut self, name: &'static str, protocol: &str, gates: &[(&str, String)], signers: &str) {
        let mut files: BTreeMap<String, Vec<u8>> =
            gates.iter().map(|(name, text)| ((*name).to_owned(), text.clone().into_bytes())).collect();
        files.insert("protocol.yaml".to_owned(), protocol.as_bytes().to_vec());
        files.insert("allowed_signers".to_owned(), signers.as_bytes().to_vec());
        let items = files.iter().map(|(path, bytes)| (path.clone(), TreeItem::File(bytes.clone()))).collect();
        let tree = self.runtime.block_on(self.git.write_tree(&items)).unwrap();
        let policy = Policy::read(&tree, files).unwrap_or_else(|findings| panic!("{name}: {findings:?}"));
        self.policies.insert(tree.clone(), policy);
        self.trees.insert(name, tree);
    }

    /// A ledger of many entries in one pack, with its tags, and a clone beside it.
    #[allow(dead_code, reason = "benches use it")]
    pub fn long(entries: usize, each: impl Fn(&Forge, &Verified, usize) -> Proposal) -> Forge {
        let mut forge = Forge::new();
        let mut head = forge.head();
        let mut tags = BTreeMap::new();
        for number in 0..entries {
            let proposal = each(&forge, &head, number);
            let (offer, _) = forge.offer(Some(&head), &proposal);
            let oid = forge.put(&proposal, Some(&head));
            for moved in &proposal.entry.moves {
                objects::write(&forge.repo, "tag", moved.object.as_ref().unwrap().as_bytes());
                tags.insert(moved.name.to_string(), moved.to.clone().unwrap());
            }
            head = head.then(oid, offer.unwrap(), forge.clock).unwrap_or_else(|violations| panic!("{violations:#?}"));
            if number % 500 == 499 {
                forge.pack(&tags);
            }
        }
        forge.pack(&tags);
        forge.scratch.run(&forge.scratch.path(""), "git", &["clone", "--quiet", "--no-tags", "--branch=main", "ledger.git", "work"]);
        forge
    }

    /// The clone that [`Forge::long`] makes.
    #[allow(dead_code, reason = "benches use it")]
    pub fn clone_dir(&self) -> PathBuf {
        self.scratch.path("work")
    }

    #[allow(dead_code, reason = "benches use it")]
    fn pack(&self, tags: &BTreeMap<String, Oid>) {
        let ledger = ("refs/heads/tagwarden/ledger".to_owned(), self.tip.clone().unwrap());
        let main = ("refs/heads/main".to_owned(), self.commit.clone());
        let refs: BTreeMap<String, Oid> = tags.clone().into_iter().chain([ledger, main]).collect();
        let lines: String = refs.iter().map(|(name, oid)| format!("{oid} {name}\n")).collect();
        std::fs::write(self.repo.join("packed-refs"), format!("# pack-refs with: sorted\n{lines}")).unwrap();
        self.git(&["repack", "-q", "-a", "-d", "--window=5"]);
    }

    /// Reads the branch as every verb does.
    pub fn read(&self, tip: &Oid, remembered: Option<&Oid>) -> Verification {
        let verify = |known| self.runtime.block_on(ledger::verify(&self.git, tip, self.clock, known)).unwrap();
        let known = Known { remembered: remembered.cloned().into_iter().collect(), ..Known::default() };
        let whole = verify(known.clone());
        // What was verified before need not be looked at again.
        if let (Some((.., before)), Some(now)) = (&*self.known.borrow(), &whole.verified)
            && let Some(chain) = before.chain()
            && before.genesis() == now.genesis()
        {
            let again = verify(Known { pin: Some(before.genesis().clone()), chain: Some(chain), ..known });
            assert_eq!((&again.behind, &again.newer), (&whole.behind, &whole.newer), "what forbids to go on is found again");
            let again = again.verified.unwrap();
            assert_eq!((again.head(), again.tip(), again.state()), (now.head(), now.tip(), now.state()));
            assert_eq!((again.length(), again.ledger().tree.id()), (now.length(), now.ledger().tree.id()));
        }
        whole
    }

    /// The verified head of the branch. It is read once, and followed where a valid entry is added.
    pub fn head(&self) -> Verified {
        let tip = self.tip.as_ref().unwrap();
        if let Some((at, clock, known)) = &*self.known.borrow()
            && at == tip
            && *clock == self.clock
        {
            return known.clone();
        }
        let head = self.read(tip, None).into_verified().unwrap_or_else(|fault| panic!("{fault}: {:#?}", fault.findings));
        *self.known.borrow_mut() = Some((tip.clone(), self.clock, head.clone()));
        head
    }

    /// The verified head, read anew.
    pub fn read_head(&self) -> Verified {
        self.known.borrow_mut().take();
        self.head()
    }

    /// The head as another clock sees it.
    pub fn head_at(&self, clock: Timestamp) -> Verified {
        let tip = self.tip.as_ref().unwrap();
        self.runtime.block_on(ledger::verify(&self.git, tip, clock, Known::default())).unwrap().into_verified().unwrap()
    }

    /// What the rulebook says of a proposal: the side of the verbs.
    pub fn ask(&self, head: &Verified, proposal: &Proposal) -> Result<Next, Vec<Violation>> {
        let (offer, _) = self.offer(Some(head), proposal);
        let policies = head.policies().clone().into_iter().chain(self.policies.clone()).collect();
        transition::transition(
            Some(head.ledger()),
            head.passed(),
            &policies,
            &offer.map_err(|violation| vec![violation])?,
            Signature::OfCommit,
            self.clock,
        )
    }

    /// Puts a commit on the branch, whatever it is. Gives its id.
    pub fn put(&mut self, proposal: &Proposal, head: Option<&Verified>) -> Oid {
        let (_, bytes) = self.offer(head, proposal);
        let oid = objects::write(&self.repo, "commit", &bytes);
        self.tip = Some(oid.clone());
        oid
    }

    /// Puts raw bytes on the branch as a commit.
    pub fn put_commit(&mut self, bytes: &[u8]) -> Oid {
        let oid = objects::write(&self.repo, "commit", bytes);
        self.tip = Some(oid.clone());
        oid
    }

    /// Puts a valid entry on the branch.
    pub fn add(&mut self, proposal: &Proposal) -> Oid {
        let head = self.head();
        let (offer, _) = self.offer(Some(&head), proposal);
        let oid = self.put(proposal, Some(&head));
        let policies = head.policies().keys().cloned().collect::<Vec<_>>();
        let adopts = proposal.entry.action == Verb::Adopt && !policies.contains(&proposal.entry.policy.tree);
        if adopts {
            // Only reading brings the files of another policy.
            assert_eq!(*self.head().head(), oid);
            return oid;
        }
        match head.then(oid.clone(), offer.unwrap(), self.clock) {
            Ok(next) => *self.known.borrow_mut() = Some((oid.clone(), self.clock, next)),
            Err(violations) => panic!("{}: {violations:#?}", proposal.entry.action),
        }
        oid
    }

    /// A commit with another one's tree.
    pub fn commit_of(&self, tree_of: &Oid, parents: &[Oid], signer: Option<&str>) -> Vec<u8> {
        let tree = self.scratch.run(&self.repo, "git", &["rev-parse", &format!("{tree_of}^{{tree}}")]);
        let payload = commit_bytes(&tree.parse().unwrap(), parents, "x", self.clock, "message");
        signed(payload, signer)
    }

    /// An entry's commit with another `entry.json`, under the signature that it bore.
    pub fn with_entry(&self, oid: &Oid, commit: &Commit, entry: &[u8]) -> Vec<u8> {
        let listing = self.git(&["ls-tree", oid.as_str()]);
        let mut tree = objects::Tree::new();
        for line in listing.lines() {
            let (head, name) = line.split_once('\t').unwrap();
            let (mode, there) = (if head.starts_with("04") { "40000" } else { "100644" }, head.rsplit(' ').next().unwrap());
            tree.insert(name.to_owned(), Node::There(mode, there.parse().unwrap()));
        }
        tree.insert("entry.json".to_owned(), Node::Bytes("100644", entry.to_vec()));
        let (root, _) = objects::write_tree(&self.repo, &tree);
        let text = String::from_utf8(commit.payload.clone()).unwrap().replacen(commit.tree.as_str(), root.as_str(), 1);
        signed_commit(text.as_bytes(), commit.signature.as_ref().unwrap())
    }

    pub fn git(&self, args: &[&str]) -> String {
        self.scratch.run(&self.repo, "git", args)
    }

    pub fn bytes_of(&self, oid: &Oid) -> Vec<u8> {
        let object = self.git.read(oid).unwrap().unwrap();
        assert_eq!(object.kind, ObjectKind::Commit);
        object.bytes
    }

    fn offer(&self, head: Option<&Verified>, proposal: &Proposal) -> (Result<Offer, Violation>, Vec<u8>) {
        let Proposal { entry, files, parents, signer, rights, edits } = proposal;
        let assembled = assemble(head.map(Verified::ledger), None, entry, files.clone(), rights).unwrap();
        let mut tree = objects::tree_of(&assembled);
        for (path, node) in edits {
            match node {
                Some(node) => drop(tree.insert(path.clone(), node.clone())),
                None => drop(tree.remove(path)),
            }
        }
        let (root, shape) = objects::write_tree(&self.repo, &tree);
        let payload = commit_bytes(&root, parents, &entry.actor.id, entry.time, &draft::message(entry));
        let bytes = signed(payload, signer.as_deref());
        let file = |path: &str| match tree.get(path) {
            Some(Node::Bytes("100644", bytes)) => Some(bytes.clone()),
            _ => None,
        };
        let evidence = tree.keys().filter(|path| path.starts_with("evidence/"));
        let evidence = evidence.filter_map(|path| Some((path.clone(), file(path)?))).collect();
        let commit = Commit::parse(&bytes).unwrap();
        let offer = Offer::read_entry(file("entry.json").as_deref()).map(|entry| Offer { commit, entry, shape, evidence });
        (offer, bytes)
    }

    // -- What entries say

    fn draft(&self, action: Verb, who: &str, serial: u64) -> Draft {
        Draft {
            action,
            actor: actor(who),
            reason: Some("because".to_owned()),
            source: "cli".to_owned(),
            claim: Digest::of(format!("{action} {serial}").as_bytes()),
            time: self.clock,
            channel: None,
            releases: Vec::new(),
            candidate: None,
            valid_until: None,
            gates: Vec::new(),
            evidence: Vec::new(),
            body: None,
            adopts: None,
            documents: None,
        }
    }

    /// An entry that moves no channel tag.
    pub fn statement(&self, head: &Verified, action: Verb, who: &str, fill: impl FnOnce(&mut Draft)) -> Proposal {
        let mut draft = self.draft(action, who, head.next_serial());
        fill(&mut draft);
        self.proposal(head, draft.place(Some(head), Vec::new()).unwrap(), who)
    }

    pub fn proposal(&self, head: &Verified, mut entry: Entry, who: &str) -> Proposal {
        if who.starts_with("github:") {
            entry.source = "comment:17".to_owned();
        }
        let mut files = BTreeMap::new();
        let mut rights = Vec::new();
        let signer = match who.strip_prefix("github:") {
            None => who.to_owned(),
            Some(_) => {
                let evidence = person(&entry, "maintain", &[]);
                rights = evidence.rights();
                files.insert(ACTOR_PATH.to_owned(), canonical_json(&evidence).unwrap());
                "mover".to_owned()
            }
        };
        Proposal { entry, files, parents: vec![head.tip().clone()], signer: Some(signer), rights, edits: Vec::new() }
    }

    pub fn hold(&self, head: &Verified, action: Verb, who: &str, scope: HoldScope, of: Option<&str>) -> Proposal {
        self.statement(head, action, who, |draft| {
            draft.body = Some(Body::Hold { scope, of: of.map(str::to_owned) });
            draft.channel = of.filter(|_| scope == HoldScope::Channel).map(|of| of.parse().unwrap());
        })
    }

    pub fn waive(&self, head: &Verified, who: &str, gate: &str, channel: &str, commit: &Oid, until: Timestamp) -> Proposal {
        self.statement(head, Verb::Waive, who, |draft| {
            draft.body = Some(Body::Waive { gate: gate.parse().unwrap(), until });
            (draft.channel, draft.candidate) = (Some(channel.parse().unwrap()), Some(commit.clone()));
        })
    }

    pub fn ack(&self, head: &Verified, who: &str, channel: &str, commit: &Oid) -> Proposal {
        self.statement(head, Verb::Ack, who, |draft| {
            draft.body = Some(Body::Ack { gate: "step".parse().unwrap() });
            (draft.channel, draft.candidate) = (Some(channel.parse().unwrap()), Some(commit.clone()));
        })
    }

    pub fn verdict(&self, head: &Verified, who: &str, commit: &Oid, verdict: &str) -> Proposal {
        self.statement(head, Verb::Verdict, who, |draft| {
            draft.body = Some(Body::Verdict { verdict: verdict.to_owned() });
            draft.candidate = Some(commit.clone());
        })
    }

    /// Of what is on the channel, with a report of these steps.
    pub fn rehearse(&self, head: &Verified, who: &str, channel: &str, steps: &[(&str, &str)]) -> Proposal {
        let steps: Vec<_> = steps.iter().map(|(name, outcome)| serde_json::json!({ "name": name, "outcome": outcome })).collect();
        let report = canonical_json(&serde_json::json!({ "schema": rehearsal::SCHEMA, "steps": steps })).unwrap();
        let mut proposal = self.statement(head, Verb::Rehearse, who, |draft| {
            let failed = rehearsal::failed(&report).unwrap_or_default();
            draft.body = Some(Body::Rehearse { report: Digest::of(&report), failed });
            let channel: ChannelName = channel.parse().unwrap();
            draft.candidate = head.state().channels.get(&channel).map(|now| now.candidate.clone());
            draft.channel = Some(channel);
        });
        proposal.files.insert(REPORT_PATH.to_owned(), report);
        proposal
    }

    pub fn adopt(&self, head: &Verified, who: &str, policy: &str) -> Proposal {
        self.statement(head, Verb::Adopt, who, |draft| {
            draft.body = Some(Body::Adopt { signatures: Vec::new(), taken_over: Vec::new() });
            draft.adopts = Some(self.trees[policy].clone());
        })
    }

    /// What the gate after the move of this entry found.
    pub fn after(&self, head: &Verified, who: &str, of: u64) -> Proposal {
        let moved = &head.entry(of).unwrap().outline;
        let smoke = head.protocol().gate(&"smoke".parse().unwrap()).unwrap();
        let mut draft = self.draft(Verb::After, who, head.next_serial());
        (draft.channel, draft.releases, draft.candidate) = (moved.channel.clone(), moved.releases.clone(), moved.candidate.clone());
        draft.body = Some(Body::After { of, verb: moved.action });
        // Of an entry that moved nothing nothing can be found.
        draft.channel.get_or_insert_with(|| "staging".parse().unwrap());
        let seen = Evidence { verb: moved.action, ..self.evidence(head, smoke, &draft) };
        let bytes = canonical_json(&seen).unwrap();
        draft.gates.push(GateRecord {
            id: smoke.id.clone(),
            kind: smoke.kind.id.to_owned(),
            on_fail: smoke.header.on_fail.slug().to_owned(),
            outcome: Outcome::Failed,
            reason_code: "gate_failed".to_owned(),
            evidence: Some(Digest::of(&bytes)),
            waiver: None,
        });
        let mut proposal = self.proposal(head, draft.place(Some(head), Vec::new()).unwrap(), who);
        proposal.files.insert(evidence_path("smoke"), bytes);
        proposal
    }

    pub fn stage(&self, head: &Verified, who: &str, name: &str, commit: &Oid) -> Proposal {
        let release = release(head, name, commit);
        let draft = Draft { candidate: Some(commit.clone()), releases: vec![release], ..self.draft(Verb::Stage, who, head.next_serial()) };
        let entry = draft.place(Some(head), Vec::new()).unwrap();
        self.seal(head, self.proposal(head, entry, who))
    }

    /// A promotion of releases (`web@1.0.0`) at one commit. Gates passed, but those that `waived` names by the serial of a waiver.
    pub fn promote(&self, head: &Verified, who: &str, channel: &str, names: &[&str], commit: &Oid, waived: &[(&str, u64)]) -> Proposal {
        let releases = names.iter().map(|name| release(head, name, commit)).collect();
        self.moving(head, Verb::Promote, who, channel, releases, commit, waived, None)
    }

    pub fn rollback(&self, head: &Verified, who: &str, channel: &str, names: &[&str]) -> Proposal {
        let name = |name: &str| plan::release_name(head.protocol(), name).unwrap();
        let channel_name: ChannelName = channel.parse().unwrap();
        let was = |wanted: &ReleaseName| {
            let mut releases = head.ledger().releases_of(&channel_name);
            releases.find(|release| release.name() == *wanted).cloned()
        };
        let releases: Vec<Release> = names.iter().map(|text| was(&name(text)).unwrap_or_else(|| release(head, text, &oid('7')))).collect();
        let commit = releases[0].commit.clone();
        let body = transition::rollback_body(head.state(), &channel_name, &releases, &[]);
        self.moving(head, Verb::Rollback, who, channel, releases, &commit, &[], body)
    }

    #[expect(clippy::too_many_arguments, reason = "everything that a move says")]
    fn moving(
        &self,
        head: &Verified,
        verb: Verb,
        who: &str,
        channel: &str,
        releases: Vec<Release>,
        commit: &Oid,
        waived: &[(&str, u64)],
        body: Option<Body>,
    ) -> Proposal {
        let channel: ChannelName = channel.parse().unwrap();
        let mut draft = self.draft(verb, who, head.next_serial());
        (draft.channel, draft.releases, draft.candidate, draft.body) = (Some(channel.clone()), releases, Some(commit.clone()), body);
        let mut evidence = Vec::new();
        for gate in head.protocol().gates_for(verb, &channel, When::Before) {
            let waiver = waived.iter().find(|(id, _)| *id == gate.id.as_str()).map(|(_, serial)| *serial);
            let seen = self.evidence(head, gate, &draft);
            let bytes = canonical_json(&seen).unwrap();
            draft.gates.push(GateRecord {
                id: gate.id.clone(),
                kind: gate.kind.id.to_owned(),
                on_fail: gate.header.on_fail.slug().to_owned(),
                outcome: if waiver.is_some() { Outcome::Failed } else { Outcome::Passed },
                reason_code: if waiver.is_some() { "gate_failed" } else { "passed" }.to_owned(),
                evidence: Some(Digest::of(&bytes)),
                waiver,
            });
            evidence.push((evidence_path(gate.id.as_str()), bytes));
        }
        let entry = draft.place(Some(head), Vec::new()).unwrap();
        let mut proposal = self.proposal(head, entry, who);
        proposal.files.extend(evidence);
        self.settle_validity(head, &mut proposal);
        self.seal(head, proposal)
    }

    /// Writes down until when evidence and waivers make the move good.
    pub fn settle_validity(&self, head: &Verified, proposal: &mut Proposal) {
        let mut parts = Vec::new();
        for record in &proposal.entry.gates {
            let waivers = record.waiver.iter().flat_map(|serial| head.state().waivers.at(*serial)).map(|waiver| waiver.until);
            parts.extend(waivers);
            let required = head.protocol().gate(&record.id).filter(|gate| gate.header.on_fail == OnFail::Halt);
            let bytes = proposal.files.get(&evidence_path(record.id.as_str()));
            let evidence = bytes.and_then(|bytes| serde_json::from_slice::<Evidence>(bytes).ok());
            if let (Some(gate), Some(evidence), Outcome::Passed) = (required, evidence, record.outcome) {
                parts.extend(freshness::good_until(&evidence, gate.header.max_age));
            }
        }
        proposal.entry.valid_until = Some(freshness::valid_until(proposal.entry.time, parts.into_iter()));
    }

    /// Makes tags and attestations anew from what the proposal says, signed by its signer.
    pub fn seal(&self, head: &Verified, proposal: Proposal) -> Proposal {
        let signer = proposal.signer.clone();
        self.seal_as(head, proposal, signer.as_deref())
    }

    /// The same, with the tags signed by somebody else.
    pub fn seal_as(&self, head: &Verified, mut proposal: Proposal, signer: Option<&str>) -> Proposal {
        let Proposal { entry, files, .. } = &mut proposal;
        entry.moves.clear();
        let names: Vec<ReleaseName> = entry.releases.iter().map(Release::name).collect();
        for (at, name) in names.iter().enumerate() {
            match head.state().staged.get(name) {
                Some(staged) => entry.releases[at].tag = Some(staged.tag.clone()),
                None => {
                    let tag_ref = plan::release_ref(head.protocol(), name).unwrap();
                    let made =
                        tag(&tag_ref, None, &entry.releases[at].commit, draft::release_tag(entry, &tag_ref, &entry.releases[at]), signer);
                    entry.releases[at].tag = made.to.clone();
                    entry.moves.push(made);
                }
            }
        }
        if let (true, Some(channel), Some(candidate)) = (entry.action.moves(), entry.channel.clone(), entry.candidate.clone()) {
            let Some(pattern) = head.protocol().channels.get(&channel).and_then(|rules| rules.tag.as_ref()) else { return proposal };
            let refs: Vec<RefName> = names.iter().map(|name| pattern.channel_ref(&channel, &name.package).unwrap()).collect();
            let attested = draft::attest(entry, head.policy(), &refs).unwrap();
            files.extend(attested.files);
            for name in refs {
                let from = plan::recorded_tag(head.state().channels.get(&channel), &name);
                let made = tag(&name, from, &candidate, draft::channel_tag(entry, &name, &candidate, &attested.summary), signer);
                entry.moves.push(made);
            }
        }
        proposal
    }

    fn evidence(&self, head: &Verified, gate: &LoadedGate, draft: &Draft) -> Evidence {
        let (ask, got) = match gate.kind.id {
            "ack" => {
                let acks = head.state().acks_that_count(head.policy());
                (Ask::Acks(LedgerAsk {}), Got::Acks(AcksGot { head: head.head().clone(), acks }))
            }
            "rehearsal" => {
                let channel = draft.channel.as_ref().unwrap();
                let last = head.state().rehearsals_that_count(head.policy()).into_iter().find(|last| last.channel == *channel);
                let present = head.state().channels.get(channel).map(|now| now.candidate.clone());
                (
                    Ask::ChannelRehearsal(LedgerAsk {}),
                    Got::ChannelRehearsal(ChannelRehearsalGot { head: head.head().clone(), present, last }),
                )
            }
            "http" => {
                let ask = HttpAsk { method: "GET".to_owned(), url: "https://example.com/h".to_owned(), ..HttpAsk::default() };
                (Ask::Http(ask), Got::Http(HttpGot { status: 200, ..HttpGot::default() }))
            }
            _ => {
                let ask = CommandAsk { run: vec!["true".to_owned()], ..CommandAsk::default() };
                (Ask::Command(ask), Got::Command(CommandGot { exit: Some(0), ..CommandGot::default() }))
            }
        };
        let answer = Answer { key: ProbeKey::first(0), ask, time: draft.time, got: Some(got), unavailable: None };
        Evidence {
            schema: probe::EVIDENCE_SCHEMA.to_owned(),
            gate: gate.id.clone(),
            kind: gate.kind.id.to_owned(),
            verb: draft.action,
            channel: draft.channel.clone().unwrap(),
            candidate: draft.candidate.clone(),
            policy: Some(head.state().policy.tree.clone()),
            answers: vec![answer],
        }
    }
}

impl Proposal {
    /// Changes the evidence of a gate, with a digest that fits it. Tags and attestations are those of before: [`Forge::seal`]
    /// makes them anew.
    pub fn edit_evidence(&mut self, gate: &str, edit: impl FnOnce(&mut serde_json::Value)) {
        let path = evidence_path(gate);
        let mut value = serde_json::from_slice(&self.files[&path]).unwrap();
        edit(&mut value);
        let bytes = canonical_json(&value).unwrap();
        self.record(gate).evidence = Some(Digest::of(&bytes));
        self.files.insert(path, bytes);
    }

    pub fn record(&mut self, gate: &str) -> &mut GateRecord {
        self.entry.gates.iter_mut().find(|record| record.id.as_str() == gate).unwrap()
    }

    pub fn edit(&mut self, path: &str, node: Option<Node>) {
        self.edits.push((path.to_owned(), node));
    }
}

pub fn signed(payload: Vec<u8>, signer: Option<&str>) -> Vec<u8> {
    match signer {
        Some(name) => signed_commit(&payload, &Key::of(name).sign("git", &payload)),
        None => payload,
    }
}

fn tag(name: &RefName, from: Option<Oid>, commit: &Oid, mut bytes: Vec<u8>, signer: Option<&str>) -> Move {
    if let Some(signer) = signer {
        let armored = Key::of(signer).sign("git", &bytes);
        bytes.extend_from_slice(format!("{}\n", armored.trim_end()).as_bytes());
    }
    let to = object_id("tag", &bytes, commit);
    Move { name: name.clone(), from, to: Some(to), commit: Some(commit.clone()), object: Some(String::from_utf8(bytes).unwrap()) }
}

fn release(head: &Verified, name: &str, commit: &Oid) -> Release {
    let ReleaseName { package, version } = plan::release_name(head.protocol(), name).unwrap();
    Release { package, version, commit: commit.clone(), tag: None }
}

pub fn actor(who: &str) -> Actor {
    let id = if who.starts_with("github:") { who.to_owned() } else { Key::of(who).identity() };
    let kind = if who == "ci" { ActorKind::Automation } else { ActorKind::Human };
    Actor { id, kind, name: String::new() }
}

/// The answers that gave the actor of an entry the right.
pub fn person(entry: &Entry, permission: &str, teams: &[&str]) -> ActorEvidence {
    ActorEvidence {
        schema: ACTOR_SCHEMA.to_owned(),
        actor: entry.actor.id.clone(),
        source: entry.source.clone(),
        time: entry.time,
        permission: Some(permission.to_owned()),
        teams: teams.iter().map(|team| (*team).to_owned()).collect(),
    }
}

pub fn oid(digit: char) -> Oid {
    digit.to_string().repeat(40).parse().unwrap()
}
