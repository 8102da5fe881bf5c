//! Runs every gate case: `tests/gates/<kind>/*.yaml`. A case brings a gate, a context and the answers; the gate is driven
//! through `asks` and `judge` alone, so nothing here touches the world.
//!
//! A case has these keys beside `gate`, `context`, `answers` and `expect` (see [`Case`] and below for all of them):
//! - an answer without `ask` gets the one that the gate asks under that key; `absent: true` leaves the answer out;
//! - `got: { tree: { id: here } }` stands for the id of the case's own tree;
//! - a file of `tree` whose text starts with `hex:` has those bytes;
//! - `expect.findings` are the codes of the error findings in order, `expect.notes` those of the others;
//! - `expect.asks` holds, by key, parts that the questions must have; `expect.says` holds texts that the messages must have.

use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};
use tagwarden::{
    catalog::layout::Layout,
    domain::{Actor, ChannelName, Finding, Oid, Outcome, PackageName, RefName, Release, Severity, TagPattern, Timestamp, Verb},
    gate::{
        Answer, Context, Effect, Evidence, Gate, Judgement, Kind, Probe, ProbeKey, Protocol, Unavailable,
        config::{self, GateFiles},
        kinds::KINDS,
        probe::{Ask, EVIDENCE_SCHEMA, Got},
        protocol::{Channel, Documents, KeySource, Package, ReleaseTags, Reviewer, ReviewerKind, Role, Rule, Signal, Signing, Snapshots},
    },
    text::{source::Source, yaml},
    tree::MapTree,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    gate: Value,
    #[serde(default)]
    context: CaseContext,
    #[serde(default)]
    answers: Vec<CaseAnswer>,
    expect: Expect,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CaseContext {
    channel: Option<ChannelName>,
    base_url: Option<String>,
    now: Option<Timestamp>,
    verb: Option<Verb>,
    candidate: Option<Oid>,
    /// The tree of the policy in force; none where absent.
    policy: Option<Oid>,
    /// No commit: the work tree.
    draft: bool,
    actor: Option<Value>,
    release: Option<CaseRelease>,
    protocol: CaseProtocol,
    tree: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseRelease {
    package: PackageName,
    version: String,
    commit: Oid,
}

/// The parts of a protocol that gates look at.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CaseProtocol {
    channels: indexmap::IndexMap<ChannelName, CaseChannel>,
    roles: indexmap::IndexMap<String, CaseRole>,
    automation: Vec<String>,
    reviewers: indexmap::IndexMap<String, CaseReviewer>,
    documents: CaseDocuments,
    /// `kinds` and `pointer` as they are written in `gates/protocol.yaml`, and `rails`: files by path below the folder of gates.
    catalog: serde_json::Map<String, Value>,
    /// `snapshots.signatures`; 0 for a protocol without a store.
    signatures: u32,
    /// Other gates of the protocol: each with `id` and the content of its file.
    gates: indexmap::IndexMap<String, Value>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CaseChannel {
    rules: Vec<CaseRule>,
    after: Option<ChannelName>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseRule {
    name: String,
    when: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseRole {
    who: Vec<String>,
    may: Vec<Verb>,
    on: Option<Vec<ChannelName>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseReviewer {
    id: u64,
    /// A bot, by the number of its App.
    app: Option<u64>,
    /// A team: `organisation/slug`.
    team: Option<String>,
    /// A person, by the name that they sign with.
    ssh: Option<String>,
    /// What its approving comments begin with.
    comment: Option<String>,
    #[serde(default)]
    reaction: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CaseDocuments {
    protocol: Vec<String>,
    archive: Vec<String>,
    log: Vec<String>,
    foreign: BTreeMap<String, String>,
    lock: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseAnswer {
    key: ProbeKey,
    ask: Option<Value>,
    time: Option<Timestamp>,
    got: Option<Value>,
    unavailable: Option<Unavailable>,
    #[serde(default)]
    absent: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    outcome: Outcome,
    reason_code: Option<String>,
    #[serde(default)]
    findings: Vec<String>,
    notes: Option<Vec<String>>,
    #[serde(default)]
    says: Vec<String>,
    #[serde(default)]
    asks: BTreeMap<ProbeKey, Value>,
    /// The questions that write; nothing is said of them where absent.
    writes: Option<Vec<ProbeKey>>,
    #[serde(default)]
    not_before: BTreeMap<ProbeKey, Timestamp>,
}

/// What one case showed.
struct Shown {
    outcome: Outcome,
    codes: BTreeSet<String>,
}

#[test]
fn every_case_ends_as_it_says() {
    let mut wrong = Vec::new();
    for kind in KINDS {
        for file in cases(kind) {
            if let Err(why) = run(kind, &file) {
                wrong.push(format!("{}: {why}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn every_kind_has_a_case_of_each_outcome_and_of_each_code() {
    let mut missing = Vec::new();
    for kind in KINDS {
        let shown: Vec<Shown> = cases(kind).iter().filter_map(|file| run(kind, file).ok()).collect();
        for outcome in [Outcome::Passed, Outcome::Failed, Outcome::Inconclusive] {
            if !shown.iter().any(|shown| shown.outcome == outcome) {
                missing.push(format!("{} has no case that is {outcome}", kind.id));
            }
        }
        for (code, _) in kind.codes {
            if !shown.iter().any(|shown| shown.codes.contains(*code)) {
                missing.push(format!("no case shows {code}"));
            }
        }
    }
    assert!(missing.is_empty(), "\n{}\n", missing.join("\n"));
}

#[test]
fn every_kind_is_documented_and_lawfully_named() {
    for kind in KINDS {
        assert!(kind.id.chars().all(|c| c.is_ascii_lowercase()), "{}", kind.id);
        assert!(kind.about.ends_with('?') && !kind.about.contains('\n'), "{}: `about` is one question", kind.id);
        assert!(kind.page.len() > 400 && kind.page.contains("```yaml"), "{}: the page has an example", kind.id);
        assert!(!kind.page.lines().any(|line| line.starts_with("# ") || line.starts_with("## ")), "{}: headings from ###", kind.id);
        assert!(!kind.verbs.is_empty());
        let mut codes = BTreeSet::new();
        for (code, about) in kind.codes {
            let slug = code.strip_prefix(kind.id).and_then(|rest| rest.strip_prefix('/')).unwrap_or_else(|| panic!("{code}"));
            assert!(slug.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{code}");
            assert!(!about.is_empty() && codes.insert(*code), "{code}");
        }
        let schema = serde_json::to_value((kind.schema)(&mut schemars::SchemaGenerator::default())).unwrap();
        assert!(schema.is_object(), "{}", kind.id);
    }
    assert!(KINDS.is_sorted_by_key(|kind| kind.id));
}

#[test]
fn every_folder_of_cases_belongs_to_a_kind() {
    for folder in folder("").read_dir().into_iter().flatten().flatten() {
        let name = folder.file_name().into_string().unwrap();
        assert!(KINDS.iter().any(|kind| kind.id == name), "tests/gates/{name} belongs to no kind");
    }
}

fn folder(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gates").join(kind)
}

fn cases(kind: &Kind) -> Vec<PathBuf> {
    let Ok(files) = folder(kind.id).read_dir() else { return Vec::new() };
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(files.iter().all(|file| file.extension().is_some_and(|extension| extension == "yaml")), "stray file among {files:?}");
    files
}

fn run(kind: &'static Kind, file: &Path) -> Result<Shown, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let case: Case = yaml::parse(&Source::new(file.display().to_string(), text))
        .map_err(|finding| format!("{} at {:?}", finding.message, finding.place.map(|place| place.line)))?;
    let gate = read_gate(kind, &case.gate)?;
    let cx = context(&case.context)?;
    let (evidence, probes) = gather(kind, gate.as_ref(), &cx, &case.answers)?;
    let judgement = gate.judge(&cx, &evidence);
    judged_again(gate.as_ref(), &cx, &evidence, &judgement)?;
    check_asks(&case.expect, &probes)?;
    check(kind, &case.expect, &judgement)?;
    let codes = judgement.findings().iter().map(|finding| finding.code.clone()).collect();
    Ok(Shown { outcome: judgement.outcome(), codes })
}

fn read_gate(kind: &Kind, gate: &Value) -> Result<Box<dyn Gate>, String> {
    // JSON is YAML, and keeps texts apart from numbers.
    let text = serde_json::to_string_pretty(gate).map_err(|error| error.to_string())?;
    let read = (kind.read)(&Source::new("gates/10-case.yaml", text));
    read.map(|(_, gate)| gate).map_err(|fault| {
        let findings: Vec<String> = fault.findings.iter().map(|finding| format!("{} {}", finding.code, finding.message)).collect();
        format!("the gate is refused: {} {findings:?}", fault.message)
    })
}

/// Asks until the gate is ready, and gives the evidence and every question.
fn gather(kind: &Kind, gate: &dyn Gate, cx: &Context, answers: &[CaseAnswer]) -> Result<(Evidence, Vec<Probe>), String> {
    let mut evidence = Evidence {
        schema: EVIDENCE_SCHEMA.to_owned(),
        gate: "case".parse()?,
        kind: kind.id.to_owned(),
        verb: cx.verb,
        channel: cx.channel.clone(),
        candidate: cx.candidate.clone(),
        policy: cx.policy.clone(),
        answers: Vec::new(),
    };
    let mut asked: Vec<Probe> = Vec::new();
    loop {
        let probes: Vec<Probe> =
            gate.asks(cx, &evidence).into_iter().filter(|probe| !asked.iter().any(|old| old.key == probe.key)).collect();
        if probes.is_empty() {
            break;
        }
        for probe in probes {
            let answer = answers.iter().find(|answer| answer.key == probe.key);
            let answer = answer.ok_or_else(|| format!("no answer to {}, which asks {:?}", probe.key, probe.ask))?;
            if !answer.absent {
                evidence.answers.push(recorded(answer, &probe, cx)?);
            }
            asked.push(probe);
        }
    }
    match answers.iter().find(|answer| !asked.iter().any(|probe| probe.key == answer.key)) {
        Some(unread) => Err(format!("the answer {} was never asked for", unread.key)),
        None => Ok((evidence, asked)),
    }
}

fn recorded(answer: &CaseAnswer, probe: &Probe, cx: &Context) -> Result<Answer, String> {
    let read = |value: &Value| serde_json::from_value::<Ask>(value.clone()).map_err(|error| format!("ask of {}: {error}", answer.key));
    // Canonical JSON, as the reduction gives it.
    let got = |value: &Value| {
        let mut value = value.clone();
        if value["tree"]["id"] == "here" {
            value["tree"]["id"] = json!(cx.tree.id().to_string());
        }
        let bytes = tagwarden::domain::canonical_json(&value).map_err(|fault| fault.to_string())?;
        serde_json::from_slice::<Got>(&bytes).map_err(|error| format!("got of {}: {error}", answer.key))
    };
    Ok(Answer {
        key: probe.key,
        ask: answer.ask.as_ref().map_or(Ok(probe.ask.clone()), read)?,
        time: answer.time.or(probe.not_before).unwrap_or(cx.now),
        got: answer.got.as_ref().map(got).transpose()?,
        unavailable: answer.unavailable.clone(),
    })
}

/// What is recorded and read back must be judged the same.
fn judged_again(gate: &dyn Gate, cx: &Context, evidence: &Evidence, judgement: &Judgement) -> Result<(), String> {
    let bytes = tagwarden::domain::canonical_json(evidence).map_err(|fault| fault.to_string())?;
    let again: Evidence = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    if gate.judge(cx, &again) == *judgement { Ok(()) } else { Err("the recorded evidence is judged otherwise".to_owned()) }
}

fn check_asks(expect: &Expect, probes: &[Probe]) -> Result<(), String> {
    let probe = |key: &ProbeKey| probes.iter().find(|probe| probe.key == *key).ok_or_else(|| format!("{key} was never asked"));
    for (key, wanted) in &expect.asks {
        let asked = serde_json::to_value(&probe(key)?.ask).map_err(|error| error.to_string())?;
        if !has(&asked, wanted) {
            return Err(format!("{key} asks {asked}, which does not have {wanted}"));
        }
    }
    let writes: Vec<ProbeKey> = probes.iter().filter(|probe| probe.effect == Effect::Writes).map(|probe| probe.key).collect();
    if let Some(wanted) = expect.writes.as_ref().filter(|wanted| **wanted != writes) {
        return Err(format!("{writes:?} write instead of {wanted:?}"));
    }
    for (key, wanted) in &expect.not_before {
        let found = probe(key)?.not_before;
        if found != Some(*wanted) {
            return Err(format!("{key} waits until {found:?}, not until {wanted}"));
        }
    }
    Ok(())
}

/// Whether a value has all of another: of an object the fields that are named, of anything else all.
fn has(value: &Value, wanted: &Value) -> bool {
    match wanted {
        Value::Object(fields) => fields.iter().all(|(key, wanted)| value.get(key).is_some_and(|value| has(value, wanted))),
        _ => value == wanted,
    }
}

fn check(kind: &Kind, expect: &Expect, judgement: &Judgement) -> Result<(), String> {
    let findings = judgement.findings();
    let shown = || findings.iter().map(|finding| format!("\n    {} {}", finding.code, finding.message)).collect::<String>();
    if judgement.outcome() != expect.outcome {
        return Err(format!("{} instead of {}{}", judgement.outcome(), expect.outcome, shown()));
    }
    if let Some(reason) = &expect.reason_code
        && judgement.reason().slug() != reason
    {
        return Err(format!("{} instead of {reason}{}", judgement.reason(), shown()));
    }
    let codes = |errors: bool| -> Vec<&str> {
        findings.iter().filter(|finding| (finding.severity == Severity::Error) == errors).map(|finding| finding.code.as_str()).collect()
    };
    if codes(true) != expect.findings || (expect.outcome != Outcome::Passed && expect.findings.is_empty()) {
        return Err(format!("the findings are not {:?}{}", expect.findings, shown()));
    }
    if expect.notes.as_ref().is_some_and(|notes| codes(false) != *notes) {
        return Err(format!("the notes are not {:?}{}", expect.notes, shown()));
    }
    if let Some(said) = expect.says.iter().find(|said| !findings.iter().any(|finding| finding.message.contains(said.as_str()))) {
        return Err(format!("nothing says `{said}`{}", shown()));
    }
    // What documents speak of, what artifacts and what stores are have codes of their own, which their own tests show.
    let known = |code: &str| {
        kind.codes
            .iter()
            .chain(tagwarden::lockdown::CODES)
            .chain(tagwarden::catalog::CODES)
            .chain(tagwarden::artifact::CODES)
            .any(|(known, _)| *known == code)
    };
    let unlawful = |finding: &&Finding| finding.message.is_empty() || !known(&finding.code);
    match findings.iter().find(unlawful) {
        Some(finding) => Err(format!("{} is no code of this kind, or has no message", finding.code)),
        None => Ok(()),
    }
}

fn context(case: &CaseContext) -> Result<Context, String> {
    let oid = |byte: &str| byte.repeat(20).parse::<Oid>();
    let release = match &case.release {
        None => Vec::new(),
        Some(release) => vec![Release {
            package: release.package.clone(),
            version: release.version.parse().map_err(|_| "no version".to_owned())?,
            commit: release.commit.clone(),
            tag: None,
        }],
    };
    let actor = case.actor.clone().map(serde_json::from_value::<Actor>).transpose().map_err(|error| error.to_string())?;
    Ok(Context {
        verb: case.verb.unwrap_or(Verb::Promote),
        channel: case.channel.clone().map_or_else(|| "staging".parse(), Ok)?,
        base_url: case.base_url.clone(),
        candidate: (!case.draft).then(|| case.candidate.clone().map_or_else(|| oid("c0"), Ok)).transpose()?,
        releases: release,
        policy: case.policy.clone(),
        now: case.now.map_or_else(|| "2026-11-21T10:00:00Z".parse(), Ok)?,
        actor,
        protocol: Arc::new(protocol(&case.protocol)?),
        tree: Arc::new(MapTree::new(case.tree.iter().map(|(path, text)| (path.clone(), bytes(text))).collect())),
    })
}

fn bytes(text: &str) -> Vec<u8> {
    let Some(hex) = text.trim_end().strip_prefix("hex:") else { return text.as_bytes().to_vec() };
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn protocol(case: &CaseProtocol) -> Result<Protocol, String> {
    let channel = |settings: &CaseChannel| -> Result<Channel, String> {
        let rules = settings.rules.iter().map(|rule| Rule { name: rule.name.clone(), when: rule.when.clone() }).collect();
        Ok(Channel { tag: Some(TagPattern::channel("channel/{channel}")?), base_url: None, after: settings.after.clone(), rules })
    };
    let defaults = ["local_dev", "operator_preview", "staging", "production"];
    let mut channels = indexmap::IndexMap::new();
    for (name, settings) in &case.channels {
        channels.insert(name.clone(), channel(settings)?);
    }
    if channels.is_empty() {
        for name in defaults {
            channels.insert(name.parse()?, channel(&CaseChannel::default())?);
        }
    }
    let role = |role: &CaseRole| Role { who: role.who.clone(), may: role.may.clone(), on: role.on.clone() };
    let reviewer = |of: &CaseReviewer| {
        let kind = match (&of.team, of.app) {
            (Some(_), _) => ReviewerKind::Team,
            (None, Some(_)) => ReviewerKind::Bot,
            (None, None) => ReviewerKind::User,
        };
        let others = of.comment.iter().cloned().map(Signal::Comment).chain(of.reaction.then_some(Signal::Reaction));
        let approves = std::iter::once(Signal::Review).chain(others).collect();
        Reviewer { kind, id: of.id, team: of.team.clone(), app: of.app, signer: of.ssh.clone(), approves }
    };
    let documents = &case.documents;
    Ok(Protocol {
        packages: [("web".parse::<PackageName>()?, Package { release_tag: TagPattern::release("v{version}")?, default: true })].into(),
        release_branches: vec!["main".to_owned()],
        channels,
        ledger: "refs/heads/tagwarden/ledger".parse::<RefName>()?,
        remote: "origin".to_owned(),
        signing: Signing { key: KeySource::None, threshold: 1 },
        release_tags: ReleaseTags::Any,
        roles: case.roles.iter().map(|(name, settings)| (name.clone(), role(settings))).collect(),
        automation: case.automation.clone(),
        movers: Vec::new(),
        reviewers: case.reviewers.iter().map(|(name, of)| (name.clone(), reviewer(of))).collect(),
        comments: Default::default(),
        redact: Vec::new(),
        documents: Documents {
            protocol: documents.protocol.clone(),
            archive: documents.archive.clone(),
            log: documents.log.clone(),
            foreign: documents.foreign.clone(),
            lock: documents.lock.clone(),
            ..Documents::default()
        },
        catalog: catalog(&case.catalog)?,
        sync: None,
        snapshots: (case.signatures > 0).then(|| Snapshots { store: "store".to_owned(), signatures: case.signatures }),
        hooks: Vec::new(),
        gates: gates(&case.gates)?,
        allowed_signers: None,
        openpgp: Default::default(),
        warnings: Vec::new(),
    })
}

/// By the program's own reader.
fn catalog(case: &serde_json::Map<String, Value>) -> Result<Layout, String> {
    if case.is_empty() {
        return Ok(Layout::default());
    }
    let mut written = serde_json::json!({
        "version": 1, "packages": { "web": { "release_tag": "v{version}" } }, "release_branches": ["main"],
        "channels": { "staging": {}, "production": {} }, "signing": { "key": "none" },
    });
    for key in ["kinds", "pointer"] {
        written.as_object_mut().unwrap().extend(case.get(key).map(|value| (key.to_owned(), value.clone())));
    }
    let rails = case.get("rails").and_then(Value::as_object).into_iter().flatten();
    let rails = rails.map(|(path, text)| (path.clone(), text.as_str().unwrap_or_default().as_bytes().to_vec()));
    let files = rails.chain([("protocol.yaml".to_owned(), written.to_string().into_bytes())]).collect();
    let loaded = config::load(&GateFiles { files, root: "gates".to_owned() });
    loaded.map(|protocol| protocol.catalog).map_err(|fault| format!("{fault} {:?}", fault.findings))
}

fn gates(cases: &indexmap::IndexMap<String, Value>) -> Result<Vec<tagwarden::gate::LoadedGate>, String> {
    let each = cases.iter().enumerate().map(|(at, (id, gate))| {
        let kind = KINDS.iter().find(|kind| gate.get(kind.id).is_some()).ok_or("a gate of the protocol has no kind")?;
        let text = serde_json::to_string_pretty(gate).map_err(|error| error.to_string())?;
        let file = format!("gates/{:02}-{id}.yaml", (at + 1) * 10);
        let (header, gate) = (kind.read)(&Source::new(file.clone(), text)).map_err(|fault| format!("{fault} {:?}", fault.findings))?;
        Ok(tagwarden::gate::LoadedGate { id: id.parse()?, number: at + 1, kind, header, gate, file })
    });
    each.collect()
}

#[test]
fn a_case_is_compared_with_what_it_says() {
    let value = json!({"http": {"url": "u", "headers": {"a": "b"}}});
    assert!(has(&value, &json!({"http": {"headers": {"a": "b"}}})) && !has(&value, &json!({"http": {"url": "v"}})));
}
