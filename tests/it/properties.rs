//! Random interleavings of promoters, holds, waivers, kills and answers of an endpoint, over the real verbs and a real bare
//! repository. Whatever happens, "moved" is only ever said, and only ever true, with a fresh pass (or a lawful waiver) of
//! each required gate bound to this very move.
//!
//! What is true is read through `git` alone: entries, evidence, tags. `TAGWARDEN_PROPERTY_CASES` asks for more cases.

use crate::ground::{Answer, Endpoint, Ground, Mood};
use proptest::{prelude::*, test_runner::Config};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};
use tagwarden::{
    domain::{Fault, Reason},
    world::{Checkpoints, apply::Checkpoint},
};

#[derive(Clone, Debug)]
enum Event {
    /// A promotion of a new commit by one of two people. What happens between judgement and push is part of it.
    /// Perhaps with a waiver of the endpoint's gate, by the other person or by the very one, whose own must not count.
    Promote {
        by: usize,
        meanwhile: Meanwhile,
        dies: Option<Checkpoint>,
        waived_by: Option<usize>,
    },
    Endpoint(Mood),
    Hold {
        by: usize,
    },
    Unhold {
        by: usize,
    },
    Rollback {
        by: usize,
    },
    /// Somebody moves the channel tag by hand.
    HandMove,
    Mend {
        by: usize,
    },
}

/// What a rival does just before the push.
#[derive(Clone, Copy, Debug)]
enum Meanwhile {
    Nothing,
    Promote,
    Hold,
    /// Leaves the ground of the move alone.
    Unrelated,
    HandMove,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let meanwhile = prop_oneof![
        3 => Just(Meanwhile::Nothing),
        2 => Just(Meanwhile::Promote),
        1 => Just(Meanwhile::Hold),
        1 => Just(Meanwhile::Unrelated),
        1 => Just(Meanwhile::HandMove),
    ];
    let dies = prop_oneof![4 => Just(None), 1 => Just(Some(Checkpoint::BeforePush)), 1 => Just(Some(Checkpoint::AfterPush))];
    let event = prop_oneof![
        6 => (0..2usize, meanwhile, dies, prop::option::weighted(0.3, 0..2usize))
            .prop_map(|(by, meanwhile, dies, waived_by)| Event::Promote { by, meanwhile, dies, waived_by }),
        2 => prop_oneof![3 => Just(Mood::Good), 1 => Just(Mood::Bad), 1 => Just(Mood::Down), 1 => Just(Mood::Garbled)].prop_map(Event::Endpoint),
        1 => (0..2usize).prop_map(|by| Event::Hold { by }),
        2 => (0..2usize).prop_map(|by| Event::Unhold { by }),
        1 => (0..2usize).prop_map(|by| Event::Rollback { by }),
        1 => Just(Event::HandMove),
        2 => (0..2usize).prop_map(|by| Event::Mend { by }),
    ];
    prop::collection::vec(event, 4..9)
}

const TAG: &str = "refs/tags/channel/live";
const LEDGER: &str = "refs/heads/tagwarden/ledger";

struct Scene {
    ground: Arc<Ground>,
    endpoint: Arc<Endpoint>,
    people: [PathBuf; 2],
    version: Mutex<u64>,
    /// Every ledger commit ever seen on the remote, oldest first: the ledger only grows.
    seen: Mutex<Vec<String>>,
}

impl Scene {
    fn new() -> Scene {
        let endpoint = Endpoint::start();
        let protocol = format!(
            r#"
version: 1
packages: {{ app: {{ release_tag: "v{{version}}", default: true }} }}
release_branches: [main]
channels: {{ live: {{ tag: "channel/{{channel}}", base_url: "{}" }}, other: {{ tag: "channel/{{channel}}", base_url: "{0}" }} }}
signing: {{ key: none }}
release_tags: any
"#,
            endpoint.url
        );
        let health = "title: Health\nwaivable: true\nhttp: [ { get: \"{base_url}/h\", expect: { status: 200, jq: [\".ok == true\"] } } ]\n";
        let tool = "title: Tool\nverbs: [promote, rollback]\ncommand: [ { run: [\"true\"] } ]\n";
        let files = [("gates/protocol.yaml", protocol.as_str()), ("gates/10-tool.yaml", tool), ("gates/20-health.yaml", health)];
        let ground = Ground::new(&files);
        let people = [ground.clone_as("one"), ground.clone_as("two")];
        assert_eq!(ground.run(&people[0], &["policy", "adopt", "--reason", "start"], None).code, 0);
        Scene { ground: Arc::new(ground), endpoint: Arc::new(endpoint), people, version: Mutex::new(0), seen: Mutex::default() }
    }

    /// A new commit of this person, and the version it gets.
    fn new_release(&self, by: usize) -> String {
        let mut version = self.version.lock().unwrap();
        *version += 1;
        self.ground.commit(&self.people[by], &format!("work {version}"));
        format!("app@1.{version}.0")
    }

    fn promote(&self, by: usize, release: &str, checkpoint: Option<Arc<Checkpoints>>) -> Answer {
        self.ground.run(&self.people[by], &["promote", release, "--channel", "live"], checkpoint)
    }

    fn hand_move(&self) {
        let oid = self.ground.git(&self.ground.remote(), &["rev-parse", "main"]);
        self.ground.git(&self.ground.remote(), &["update-ref", TAG, &oid]);
    }

    /// Looks at the ledger and compares it with what was seen before.
    fn look(&self) -> Result<(), TestCaseError> {
        let list = self.ground.git(&self.ground.remote(), &["rev-list", "--reverse", LEDGER]);
        let now: Vec<String> = list.lines().map(str::to_owned).collect();
        let mut seen = self.seen.lock().unwrap();
        prop_assert!(now.starts_with(&seen), "the ledger lost entries: it was {:?}, it is {:?}", seen, now);
        *seen = now;
        Ok(())
    }

    fn rival(&self, by: usize, meanwhile: Meanwhile) {
        let person = &self.people[by];
        // How the rival fares is its own affair; the ground is checked after all.
        let _answer = match meanwhile {
            Meanwhile::Nothing => return,
            Meanwhile::HandMove => return self.hand_move(),
            Meanwhile::Promote => {
                let release = self.new_release(by);
                self.promote(by, &release, None)
            }
            Meanwhile::Hold => self.ground.run(person, &["hold", "--channel", "live", "--reason", "wait"], None),
            Meanwhile::Unrelated => self.ground.run(person, &["hold", "--channel", "other", "--reason", "elsewhere"], None),
        };
    }

    fn play(self: &Arc<Scene>, event: &Event) -> Result<(), TestCaseError> {
        let before = (self.ground.refs(), self.ground.entries().len(), self.endpoint.good().len());
        match event {
            Event::Endpoint(mood) => self.endpoint.set(*mood),
            Event::Hold { by } => drop(self.ground.run(&self.people[*by], &["hold", "--all", "--reason", "freeze"], None)),
            Event::Unhold { by } => {
                for scope in [["--all"].as_slice(), &["--channel", "live"]] {
                    let words = [&["unhold"], scope, &["--reason", "go on"]].concat();
                    drop(self.ground.run(&self.people[*by], &words, None));
                }
            }
            Event::Rollback { by } => {
                drop(self.ground.run(&self.people[*by], &["rollback", "--channel", "live", "--reason", "back"], None))
            }
            Event::HandMove => self.hand_move(),
            Event::Mend { by } => drop(self.ground.run(&self.people[*by], &["doctor", "--fix"], None)),
            Event::Promote { by, meanwhile, dies, waived_by } => {
                let release = self.new_release(*by);
                if let Some(waiver) = waived_by {
                    drop(self.ground.run(&self.people[*by], &["stage", &release, "--at", "HEAD"], None));
                    let words = ["waive", "health", "--channel", "live", "--release", &release, "--until", "1h", "--reason", "known"];
                    drop(self.ground.run(&self.people[*waiver], &words, None));
                }
                let answer = self.promote(*by, &release, Some(self.checkpoint(*by, *meanwhile, *dies)));
                self.judge_answer(&answer, &release, before)?;
            }
        }
        self.check_ledger()
    }

    /// Lets a rival act once before the push, and the process die where it shall.
    fn checkpoint(self: &Arc<Scene>, by: usize, meanwhile: Meanwhile, dies: Option<Checkpoint>) -> Arc<Checkpoints> {
        let scene = self.clone();
        let acted = Mutex::new(false);
        Arc::new(move |at| {
            let first = !std::mem::replace(&mut *acted.lock().unwrap(), true);
            if first && at == Checkpoint::BeforePush {
                // A runtime of its own: this one is in the middle of the promotion.
                std::thread::scope(|scope| drop(scope.spawn(|| scene.rival(1 - by, meanwhile)).join()));
                // Whatever the rival wrote must still be there after the push.
                let _ = scene.look();
            }
            match dies == Some(at) {
                true => Err(Fault::new(Reason::Internal, "killed")),
                false => Ok(()),
            }
        })
    }

    fn judge_answer(&self, answer: &Answer, release: &str, before: (BTreeMap<String, String>, usize, usize)) -> Result<(), TestCaseError> {
        let mine = |entry: &serde_json::Value| {
            entry["action"] == "promote"
                && entry["releases"][0]["version"].as_str().is_some_and(|version| release.ends_with(&format!("@{version}")))
        };
        let entry = self.ground.entries().into_iter().skip(before.1).find(|(_, entry)| mine(entry));
        match (answer.reason, &entry) {
            ("moved", None) => prop_assert!(false, "said moved, but no entry tells of it: {answer:?}"),
            ("moved", Some(_)) | ("internal", _) => {}
            (_, Some(_)) => prop_assert!(false, "said {}, but an entry tells of the move", answer.reason),
            (_, None) => prop_assert_ne!(answer.code, 0, "nothing moved, and it said so with exit 0: {:?}", answer),
        }
        // A waived gate may have seen anything; whether the waiver was lawful is seen in the ledger.
        let waived =
            |entry: &serde_json::Value| entry["gates"].as_array().is_some_and(|gates| gates.iter().any(|gate| !gate["waiver"].is_null()));
        if let Some((oid, _)) = entry.filter(|(_, entry)| !waived(entry)) {
            let evidence = self.ground.json_at(&oid, "evidence/health.json");
            let nonce = evidence["answers"][0]["got"]["http"]["body"]["nonce"].as_u64();
            let fresh = &self.endpoint.good()[before.2..];
            prop_assert!(
                nonce.is_some_and(|nonce| fresh.contains(&nonce)),
                "the evidence is not of this run: {:?} not in {:?}",
                nonce,
                fresh
            );
        }
        Ok(())
    }

    /// What must hold after anything: each move has its gates, each gate its evidence, bound to the move; every tag that
    /// Tagwarden made is where an entry put it.
    fn check_ledger(&self) -> Result<(), TestCaseError> {
        self.look()?;
        let entries = self.ground.entries();
        let mut serial = 0;
        let mut tag: Option<String> = None;
        let mut held = false;
        for (oid, entry) in &entries {
            prop_assert_eq!(entry["serial"].as_u64(), Some(serial));
            serial += 1;
            match entry["action"].as_str() {
                Some("promote") => {
                    prop_assert!(!held, "entry {} promoted under a hold", serial - 1);
                    for gate in ["tool", "health"] {
                        let record = entry["gates"].as_array().and_then(|gates| gates.iter().find(|record| record["id"] == gate));
                        let passed = record.is_some_and(|record| record["outcome"] == "passed");
                        let waiver = record.and_then(|record| record["waiver"].as_u64()).and_then(|serial| entries.get(serial as usize));
                        let lawful = waiver.is_some_and(|(_, waiver)| {
                            gate == "health"
                                && waiver["action"] == "waive"
                                && waiver["candidate"] == entry["candidate"]
                                && waiver["channel"] == entry["channel"]
                                && waiver["actor"]["id"] != entry["actor"]["id"]
                        });
                        prop_assert!(passed || lawful, "entry {}: {}", serial - 1, gate);
                        let evidence = self.ground.json_at(oid, &format!("evidence/{gate}.json"));
                        prop_assert_eq!(&evidence["candidate"], &entry["candidate"]);
                        prop_assert_eq!(&evidence["channel"], &entry["channel"]);
                        prop_assert_eq!(&evidence["policy"], &entry["policy"]["tree"]);
                    }
                    let passed = entry["gates"].as_array().is_some_and(|gates| gates.iter().all(|gate| gate["outcome"] == "passed"));
                    let health = self.ground.json_at(oid, "evidence/health.json");
                    let said = health["answers"][0]["got"]["http"]["body"]["ok"] == true;
                    prop_assert!(!passed || said, "entry {}: passed on {}", serial - 1, health);
                }
                Some("hold") => held |= entry["channel"] != "other",
                Some("unhold") => held = self.still_held(oid),
                _ => {}
            }
            for moved in entry["moves"].as_array().into_iter().flatten().filter(|moved| moved["ref"] == TAG) {
                prop_assert_eq!(moved["from"].as_str().map(str::to_owned), tag, "entry {} does not continue the tag", serial - 1);
                tag = moved["to"].as_str().map(str::to_owned);
            }
        }
        let refs = self.ground.refs();
        prop_assert!(refs.contains_key(LEDGER));
        let there = refs.get(TAG).cloned();
        // A tag moved by hand is a plain commit here; every tag object is one that the newest entry recorded.
        if let Some(oid) = &there
            && self.ground.git(&self.ground.remote(), &["cat-file", "-t", oid]) == "tag"
        {
            prop_assert_eq!(&there, &tag, "the channel tag is not where the newest entry put it");
        }
        Ok(())
    }

    fn still_held(&self, oid: &str) -> bool {
        let holds = self.ground.records_at(oid, "holds");
        holds
            .iter()
            .any(|hold| hold["scope"] == "all" || (hold["scope"] == "channel" && hold["of"] == "live" && hold["automation_only"] != true))
    }
}

fn cases() -> u32 {
    std::env::var("TAGWARDEN_PROPERTY_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(3)
}

proptest! {
    #![proptest_config(Config { cases: cases(), max_shrink_iters: 20, failure_persistence: None, ..Config::default() })]

    #[test]
    fn nothing_moves_without_a_fresh_pass_bound_to_the_move(events in events()) {
        let scene = Arc::new(Scene::new());
        for event in &events {
            scene.play(event)?;
        }
        // After everything: mend, and ledger and tags agree by their own word too. A tag that no entry made is left for people.
        let is_made = scene.ground.entries().iter().any(|(_, entry)| matches!(entry["action"].as_str(), Some("promote" | "rollback")));
        if !is_made && scene.ground.refs().contains_key(TAG) {
            let kept = scene.ground.refs();
            let answer = scene.ground.run(&scene.people[0], &["doctor", "--fix"], None);
            prop_assert_eq!(answer.reason, "findings", "{:?}", answer);
            prop_assert_eq!(scene.ground.refs(), kept);
            scene.ground.git(&scene.ground.remote(), &["update-ref", "-d", TAG]);
        }
        let mended = scene.ground.run(&scene.people[0], &["doctor", "--fix"], None);
        prop_assert_eq!(mended.reason, "passed", "{:?}", mended);
        let status = scene.ground.run(&scene.people[0], &["status"], None);
        prop_assert_eq!(status.reason, "passed", "{:?}", status);
        let audit = scene.ground.run(&scene.people[1], &["audit", "--rejudge", "all"], None);
        prop_assert_eq!(audit.reason, "passed", "{:?}", audit);
    }
}

/// The remote's tag object alone is no help: it can be pushed only by someone who has the commit, too.
#[test]
fn a_clone_that_lacks_the_commit_mends_a_moved_tag() {
    let scene = Arc::new(Scene::new());
    scene.play(&Event::Promote { by: 1, meanwhile: Meanwhile::Nothing, dies: None, waived_by: None }).unwrap();
    let recorded = scene.ground.refs()[TAG].clone();
    scene.hand_move();
    assert_ne!(scene.ground.refs()[TAG], recorded);
    let mended = scene.ground.run(&scene.people[0], &["doctor", "--fix"], None);
    assert_eq!((mended.code, mended.reason), (0, "passed"), "{mended:?}");
    assert_eq!(scene.ground.refs()[TAG], recorded);
}
