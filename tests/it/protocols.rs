//! The protocols that are shipped: what `init` writes, and the one that Tagwarden itself is released by. Each must load, its
//! document must hold, and the document must not hold once the heading of any gate is gone.

use crate::world_support::Scratch;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, path::Path, sync::Arc};
use tagwarden::{
    domain::{ChannelName, Outcome, Timestamp, Verb},
    gate::{
        Answer, Context, Evidence, Judgement, LoadedGate, Protocol,
        config::{self, GateFiles},
        probe::{Ask, DocumentsGot, EVIDENCE_SCHEMA, Got, HttpGot, TreeGot},
    },
    lockdown::{Answers, Fate, Question, pulls},
    tree::MapTree,
};

type Files = BTreeMap<String, Vec<u8>>;

/// The files that `init` writes into a fresh repository.
fn written(args: &[&str]) -> Files {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("work")).unwrap();
    scratch.git("work", &["init", "-q", "-b", "main"]);
    scratch.run(&scratch.path("work"), env!("CARGO_BIN_EXE_tagwarden"), args);
    files(&scratch.path("work"), &["gates", "protocol-docs"])
}

/// What the own protocol and its document speak of.
fn own() -> Files {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut own = files(root, &["action", "gates", "protocol-docs", "src", "tests", ".ci", ".github"]);
    for name in ["Cargo.toml", "CHANGELOG.md", "CONTRIBUTING.md", "README.md"] {
        own.extend(fs::read(root.join(name)).map(|bytes| (name.to_owned(), bytes)));
    }
    own
}

fn files(root: &Path, folders: &[&str]) -> Files {
    let mut files = Files::new();
    let mut open: Vec<_> = folders.iter().map(|folder| root.join(folder)).filter(|folder| folder.exists()).collect();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            } else {
                let path = entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.insert(path, fs::read(entry.path()).unwrap());
            }
        }
    }
    files
}

fn load(files: &Files) -> Arc<Protocol> {
    let gates = files.iter().filter_map(|(path, bytes)| Some((path.strip_prefix("gates/")?.to_owned(), bytes.clone()))).collect();
    let loaded = config::load(&GateFiles { files: gates, root: "gates".to_owned() });
    Arc::new(loaded.unwrap_or_else(|fault| panic!("{fault}\n{:#?}", fault.findings)))
}

/// The verdict of a gate whose questions are answered by `answer`.
fn judge(protocol: &Arc<Protocol>, gate: &LoadedGate, channel: &str, files: Files, answer: impl Fn(&Ask) -> Got) -> Judgement {
    let channel: ChannelName = channel.parse().unwrap();
    let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    let cx = Context {
        verb: Verb::Promote,
        channel: channel.clone(),
        base_url: protocol.channels[&channel].base_url.clone(),
        releases: Vec::new(),
        candidate: Some("c".repeat(40).parse().unwrap()),
        policy: None,
        now,
        actor: None,
        protocol: protocol.clone(),
        tree: Arc::new(MapTree::new(files)),
    };
    let mut evidence = Evidence {
        schema: EVIDENCE_SCHEMA.to_owned(),
        gate: gate.id.clone(),
        kind: gate.kind.id.to_owned(),
        verb: cx.verb,
        channel,
        candidate: cx.candidate.clone(),
        policy: None,
        answers: Vec::new(),
    };
    for _ in 0..20 {
        let probes = gate.gate.asks(&cx, &evidence);
        if probes.is_empty() {
            return gate.gate.judge(&cx, &evidence);
        }
        for probe in probes {
            let got = match &probe.ask {
                Ask::Tree(_) => Got::Tree(TreeGot { id: cx.tree.id().to_string(), origin: None }),
                ask => answer(ask),
            };
            evidence.answers.push(Answer::of(&probe, now, Ok(got)));
        }
    }
    panic!("{} keeps asking", gate.id);
}

/// The history knows nothing of the words with a slash that documents hold.
fn no_history(ask: &Ask) -> Got {
    let Ask::Documents(ask) = ask else { panic!("nobody should be asked: {ask:?}") };
    let path = |question: &Question| match question {
        Question::Fate(path) => (path.clone(), Fate::Never),
        other => panic!("nobody should be asked: {other:?}"),
    };
    let answers = Answers { fates: ask.questions.iter().map(path).collect(), ..Answers::default() };
    Got::Documents(DocumentsGot::new(ask, &pulls::Known::default(), None, &answers))
}

fn protocols() -> Vec<(&'static str, Files)> {
    vec![("init", written(&["init"])), ("init --minimal", written(&["init", "--minimal"])), ("own", own())]
}

#[test]
fn every_shipped_protocol_loads_and_its_document_holds() {
    for (name, files) in protocols() {
        let protocol = load(&files);
        let docs = protocol.gates.iter().find(|gate| gate.kind.id == "docs").unwrap();
        for channel in protocol.channels.keys() {
            assert!(docs.applies(Verb::Promote, channel, docs.header.when));
            let judgement = judge(&protocol, docs, channel.as_str(), files.clone(), no_history);
            assert_eq!(judgement.outcome(), Outcome::Passed, "{name}: {:#?}", judgement.findings());
        }
    }
}

#[test]
fn a_document_without_the_heading_of_a_gate_does_not_hold() {
    for (name, files) in protocols() {
        let protocol = load(&files);
        let docs = protocol.gates.iter().find(|gate| gate.kind.id == "docs").unwrap();
        let channel = protocol.channels.keys().next().unwrap();
        let document = String::from_utf8(files["protocol-docs/promotion.md"].clone()).unwrap();
        for gate in &protocol.gates {
            let heading = format!("## Gate {} — {}\n", gate.number, gate.header.title);
            let mut without = files.clone();
            assert_eq!(document.matches(&heading).count(), 1, "{name}: {heading}");
            without.insert("protocol-docs/promotion.md".to_owned(), document.replace(&heading, "").into_bytes());
            let judgement = judge(&protocol, docs, channel.as_str(), without, no_history);
            assert_eq!(judgement.outcome(), Outcome::Failed, "{name}: {heading}");
            assert!(judgement.findings().iter().any(|finding| finding.message.contains(&gate.header.title)), "{:#?}", judgement.findings());
        }
    }
}

#[test]
fn the_ready_set_has_the_seven_gates_and_their_document() {
    let protocol = load(&written(&["init"]));
    let gates: Vec<(&str, &str)> = protocol.gates.iter().map(|gate| (gate.id.as_str(), gate.kind.id)).collect();
    let expected = [
        ("env", "env"),
        ("channel", "channel"),
        ("auth-keys", "http"),
        ("trust-endpoints", "http"),
        ("replay", "http"),
        ("audit", "audit"),
        ("verdicts", "verdict"),
        ("docs", "docs"),
    ];
    assert_eq!(gates, expected);
    let channels: Vec<(&str, Option<&str>)> =
        protocol.channels.iter().map(|(name, channel)| (name.as_str(), channel.after.as_ref().map(ChannelName::as_str))).collect();
    let chain = [
        ("local_dev", None),
        ("operator_preview", Some("local_dev")),
        ("staging", Some("operator_preview")),
        ("production", Some("staging")),
    ];
    assert_eq!(channels, chain);
    assert!(protocol.warnings.iter().any(|warning| warning.code == "signers/empty"), "{:?}", protocol.warnings);
}

#[test]
fn the_smallest_protocol_signs_nothing_and_lets_go_back() {
    let protocol = load(&written(&["init", "--minimal"]));
    assert!(protocol.is_unsigned() && protocol.warnings.is_empty() && protocol.gates.len() == 1);
    assert_eq!(protocol.gates[0].verbs(), [Verb::Promote]);
}

/// Changes the answer to a request.
type Spoil<'s> = &'s dyn Fn(&str, &mut HttpGot);

/// A deployment that does what the document of the ready set asks for; `spoil` may change an answer.
fn deployment(ask: &Ask, spoil: Spoil) -> Got {
    let Ask::Http(ask) = ask else { panic!("{ask:?}") };
    let path = ask.url.strip_prefix("https://staging.example.com").unwrap();
    let request = format!("{} {path}", ask.method);
    let (status, body) = match request.as_str() {
        "GET /api/health" => (200, json!({ "runtime_channel": "staging", "config": { "auth": { "enabled": true, "mode": "test" } } })),
        "GET /.well-known/jwks.json" => (200, json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "k1", "x": "x", "y": "y" }] })),
        "POST /api/receipts/verify" => (400, json!({ "error": "no receipt" })),
        "GET /api/replay/lineage" => {
            let digest = format!("sha256:{}", "0a".repeat(32));
            (200, json!({ "lineage": { "event_digest": digest, "replay_of": "e1", "comprehensive": true } }))
        }
        other => panic!("the document says nothing of {other}"),
    };
    let mut got = HttpGot { status, content_type: Some("application/json".to_owned()), body, is_json: true, ..HttpGot::default() };
    spoil(&request, &mut got);
    Got::Http(got)
}

#[test]
fn the_ready_set_passes_a_sound_deployment_and_no_spoilt_one() {
    let files = written(&["init"]);
    let protocol = load(&files);
    let verdict = |gate: &str, spoil: Spoil| {
        let gate = protocol.gates.iter().find(|loaded| loaded.id.as_str() == gate).unwrap();
        judge(&protocol, gate, "staging", files.clone(), |ask| deployment(ask, spoil))
    };
    for gate in ["auth-keys", "trust-endpoints", "replay"] {
        let judgement = verdict(gate, &|_, _| {});
        assert_eq!(judgement.outcome(), Outcome::Passed, "{gate}: {:#?}", judgement.findings());
    }
    let set = |got: &mut HttpGot, pointer: &str, value: Value| *got.body.pointer_mut(pointer).unwrap() = value;
    let spoils: [(&str, &str, Spoil, Outcome); 10] = [
        ("auth-keys", "live keys", &|_, got| set(got, "/config/auth/mode", json!("live")), Outcome::Failed),
        ("auth-keys", "no authentication", &|_, got| set(got, "/config/auth/enabled", json!(false)), Outcome::Failed),
        ("auth-keys", "down", &|_, got| got.status = 503, Outcome::Inconclusive),
        (
            "trust-endpoints",
            "no key",
            &|path, got| {
                if path.ends_with("jwks.json") {
                    set(got, "/keys", json!([]))
                }
            },
            Outcome::Failed,
        ),
        (
            "trust-endpoints",
            "a private member",
            &|path, got| {
                if path.ends_with("jwks.json") {
                    set(got, "/keys/0", json!({ "kid": "k1", "d": "[redacted]" }))
                }
            },
            Outcome::Failed,
        ),
        (
            "trust-endpoints",
            "says yes to all",
            &|path, got| {
                if path.starts_with("POST") {
                    got.status = 200
                }
            },
            Outcome::Failed,
        ),
        (
            "trust-endpoints",
            "fails on bad input",
            &|path, got| {
                if path.starts_with("POST") {
                    got.status = 500
                }
            },
            Outcome::Inconclusive,
        ),
        ("replay", "no digest", &|_, got| set(got, "/lineage/event_digest", json!(null)), Outcome::Inconclusive),
        (
            "replay",
            "no real digest",
            &|_, got| set(got, "/lineage/event_digest", json!(format!("sha256:{}", "0".repeat(64)))),
            Outcome::Failed,
        ),
        ("replay", "not complete", &|_, got| set(got, "/lineage/comprehensive", json!(false)), Outcome::Failed),
    ];
    for (gate, what, spoil, expected) in spoils {
        let judgement = verdict(gate, spoil);
        assert_eq!(judgement.outcome(), expected, "{gate}, {what}: {:#?}", judgement.findings());
    }
}
