//! Reports that the tests of every renderer share; one of them full of hostile text.

use super::{
    Body, Report, SigningMode,
    shape::{
        About, AuditShape, ChannelShape, Check, DoctorShape, EntryShape, GateShape, HistoryEntry, HistoryShape, InitFile, InitShape,
        LedgerPlace, MoveOutputs, MoveRef, MoveShape, PolicyGate, PolicyRole, PolicyShape, PolicySigner, PolicyState, RehearsalShape,
        RejudgeVerdict, Rejudged, ReleaseShape, ReleaseState, ResolveShape, RunShape, StatusShape, Step, VersionShape, WaiverShape,
        Waypoint,
        snapshot::{Created, SnapshotAnswer, SnapshotShape},
    },
};
use crate::{
    domain::{Actor, ActorKind, Decision, Digest, Fault, Finding, Oid, Outcome, Reason, RefName, Release, Timestamp, Verb, state},
    text::source::Source,
};

/// What an attacker would put into a name, a body or a commit message.
pub const HOSTILE: &str =
    "x\u{1b}[2J\n::error::owned\n##[command]rm ]]> </failure> & \u{202e}@octocat https://evil.example ```\n- [x](y) <b>#1 \u{0}";

pub fn oid(c: char) -> Oid {
    c.to_string().repeat(40).parse().unwrap()
}

fn time() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

fn release() -> Release {
    Release { package: "web".parse().unwrap(), version: "1.4.0".parse().unwrap(), commit: oid('c'), tag: Some(oid('d')) }
}

fn reference(name: &str) -> RefName {
    name.parse().unwrap()
}

fn actor() -> Actor {
    Actor { id: "ssh:release@example.com".into(), kind: ActorKind::Human, name: "Release".into() }
}

fn ledger() -> LedgerPlace {
    LedgerPlace { name: reference("refs/heads/tagwarden/ledger"), entry: oid('e'), serial: 12 }
}

fn move_ref() -> MoveRef {
    MoveRef { name: reference("refs/tags/channel/production"), from: None, to: Some(oid('a')), commit: Some(oid('c')) }
}

fn hold() -> state::Hold {
    state::Hold {
        scope: state::HoldScope::Channel,
        of: Some("production".into()),
        reason: "incident".into(),
        by: "ssh:release@example.com".into(),
        serial: 9,
        automation_only: false,
    }
}

/// A finding with its source line.
pub fn placed() -> Finding {
    let source = Source::new("gates/20-health.yaml", "title: Health\nhttp:\n  - get: \"{base_url}/é/health\"\n");
    let at = source.text.find("{base").unwrap();
    Finding::error("http/status", "the status was 500, expected 200")
        .at(source.place(at..at + 19))
        .pointer("/status")
        .help("look at the service's log")
}

pub fn gate(number: usize, id: &str, outcome: Outcome) -> GateShape {
    let reason_code = match outcome {
        Outcome::Passed => Reason::Passed,
        Outcome::Failed | Outcome::Skipped => Reason::GateFailed,
        Outcome::Inconclusive => Reason::GateInconclusive,
    };
    GateShape {
        number,
        id: id.parse().unwrap(),
        kind: "http",
        title: format!("The {id} gate"),
        owner: None,
        on_fail: "halt",
        outcome,
        reason_code,
        findings: Vec::new(),
        evidence: (outcome != Outcome::Skipped).then(|| Digest::of(id.as_bytes())),
        duration_ms: (outcome != Outcome::Skipped).then_some(41),
        waiver: None,
    }
}

/// Every outcome, an advisory gate, a waived gate.
pub fn run() -> RunShape {
    let waiver = WaiverShape { serial: 7, by: "ssh:lead@example.com".into(), until: time() };
    RunShape {
        schema: RunShape::SCHEMA,
        decision: Decision::Stop,
        reason_code: Reason::GateFailed,
        verb: Verb::Promote,
        channel: "production".parse().unwrap(),
        commit: Some(oid('c')),
        policy: Some(oid('b')),
        started: time(),
        gates: vec![
            GateShape { owner: Some("operator".into()), ..gate(1, "env", Outcome::Passed) },
            GateShape { waiver: Some(waiver), ..gate(2, "window", Outcome::Failed) },
            GateShape { on_fail: "document", duration_ms: Some(2500), ..gate(3, "advice", Outcome::Inconclusive) },
            GateShape { findings: vec![placed()], duration_ms: Some(61_000), ..gate(4, "health", Outcome::Failed) },
            gate(5, "docs", Outcome::Skipped),
        ],
    }
}

pub fn verify() -> Report {
    Report::new(Reason::GateFailed, Body::Run(run())).signing(SigningMode::None)
}

pub fn passed() -> Report {
    let gates = vec![gate(1, "env", Outcome::Passed)];
    let shape = RunShape { gates, decision: Decision::Continue, reason_code: Reason::Passed, commit: None, policy: None, ..run() };
    let warning = Finding::warning("config/unused-role", "the role `nobody` names no one");
    Report::new(Reason::Passed, Body::Run(shape)).signing(SigningMode::Ssh).findings([warning]).notice("shallow clone deepened")
}

pub fn moved() -> Report {
    let shape = MoveShape {
        verb: Verb::Promote,
        channel: "production".parse().unwrap(),
        releases: vec![release()],
        moves: vec![move_ref()],
        retires: Vec::new(),
        activates: Vec::new(),
        ledger: Some(ledger()),
        dry_run: false,
        actor: actor(),
        reason: Some("the fix for logins".into()),
        way: vec![
            Waypoint { channel: "staging".parse().unwrap(), after: None, release: Some("web@1.4.0".into()) },
            Waypoint { channel: "production".parse().unwrap(), after: Some("staging".parse().unwrap()), release: Some("web@1.3.0".into()) },
            Waypoint { channel: "demo".parse().unwrap(), after: None, release: None },
        ],
        outputs: MoveOutputs {
            commit: Some(oid('c')),
            tag: Some("channel/production".into()),
            version: Some("1.4.0".into()),
            previous_commit: Some(oid('9')),
            from: Some(oid('8').to_string()),
            to: Some(oid('a').to_string()),
            moved: true,
        },
        run: Some(RunShape {
            gates: vec![gate(1, "env", Outcome::Passed)],
            decision: Decision::Continue,
            reason_code: Reason::Passed,
            ..run()
        }),
        after: None,
        hooks: Vec::new(),
    };
    Report::new(Reason::Moved, Body::Move(Box::new(shape))).signing(SigningMode::Ssh)
}

pub fn dry_run() -> Report {
    let Body::Move(shape) = moved().body else { unreachable!() };
    let shape = MoveShape { dry_run: true, ledger: None, moves: vec![MoveRef { to: None, ..move_ref() }], ..*shape };
    Report::new(Reason::Passed, Body::Move(Box::new(shape))).signing(SigningMode::Ssh)
}

/// Gates passed, but the push lost a race.
pub fn lost_race() -> Report {
    let Body::Move(shape) = moved().body else { unreachable!() };
    let shape = MoveShape { ledger: None, ..*shape };
    Report::new(Reason::StalePointer, Body::Move(Box::new(shape))).signing(SigningMode::Ssh)
}

/// Nothing but foreign text, wherever it can stand.
pub fn hostile() -> Report {
    let source = Source::new(HOSTILE, "a\u{1b}[31m\u{202e}b: x");
    let finding = Finding::error("http/body", HOSTILE).at(source.place(source.text.find('b').unwrap()..source.text.len())).help(HOSTILE);
    let shape = RunShape {
        gates: vec![GateShape {
            title: HOSTILE.into(),
            owner: Some(HOSTILE.into()),
            findings: vec![finding],
            ..gate(1, "body", Outcome::Failed)
        }],
        ..run()
    };
    Report::new(Reason::GateFailed, Body::Run(shape)).signing(SigningMode::None).notice(HOSTILE)
}

pub fn refused() -> Report {
    Fault::new(Reason::Held, "production is held").finding(placed()).into()
}

pub fn status() -> Report {
    let drift =
        Finding::error("ledger/tag-drift", "refs/tags/channel/staging was moved by hand").help("`tagwarden doctor --fix` moves it back");
    let channel = |name: &str| ChannelShape {
        channel: name.parse().unwrap(),
        release: Some("web@1.4.0".into()),
        releases: vec![release()],
        commit: Some(oid('c')),
        serial: Some(12),
        since: Some(time()),
        hold: None,
        drift: Vec::new(),
        taken_over: false,
        tag: Some(reference("refs/tags/channel/x")),
    };
    let shape = StatusShape {
        ledger: Some(ledger()),
        policy: Some(PolicyState { version: 3, tree: oid('b'), committed: Some(oid('f')) }),
        channels: vec![
            ChannelShape { releases: Vec::new(), release: None, commit: None, serial: None, since: None, ..channel("local_dev") },
            ChannelShape { drift: vec![drift], ..channel("staging") },
            ChannelShape { hold: Some(hold()), ..channel("production") },
        ],
        holds: vec![hold()],
        waivers: vec![state::Waiver {
            gate: "window".parse().unwrap(),
            channel: "production".parse().unwrap(),
            candidate: oid('c'),
            until: time(),
            by: "ssh:lead@example.com".into(),
            by_right_of: Vec::new(),
            serial: 7,
        }],
        releases: vec![ReleaseShape {
            release: "web@1.4.0".into(),
            commit: oid('c'),
            state: ReleaseState::Released,
            channels: vec!["staging".parse().unwrap(), "production".parse().unwrap()],
            held: false,
        }],
        packages: None,
    };
    Report::new(Reason::Findings, Body::Status(shape)).signing(SigningMode::Ssh)
}

pub fn channel() -> Report {
    let Body::Status(shape) = status().body else { unreachable!() };
    let one = shape.channels.into_iter().last().unwrap();
    Report::new(Reason::Passed, Body::Channel(one)).signing(SigningMode::Ssh)
}

pub fn version() -> Report {
    Report::new(Reason::Passed, Body::Version(VersionShape { version: "0.1.0" }))
}

pub fn resolve() -> Report {
    let shape = ResolveShape {
        channel: "production".parse().unwrap(),
        release: "web@1.4.0".into(),
        releases: vec![release()],
        commit: oid('c'),
        tag: state::TagState { name: reference("refs/tags/channel/production"), oid: oid('a') },
        serial: 12,
        since: time(),
        ledger: ledger(),
    };
    Report::new(Reason::Passed, Body::Resolve(shape)).signing(SigningMode::Ssh)
}

pub fn history() -> Report {
    let waived = state::GateRecord {
        id: "window".parse().unwrap(),
        kind: "http".into(),
        on_fail: "halt".into(),
        outcome: Outcome::Failed,
        reason_code: "gate_failed".into(),
        evidence: None,
        waiver: Some(7),
    };
    let entry = HistoryEntry {
        serial: 12,
        action: Verb::Promote,
        channel: Some("production".parse().unwrap()),
        releases: vec![release()],
        retires: Vec::new(),
        actor: actor(),
        reason: Some("planned".into()),
        time: time(),
        moves: vec![move_ref()],
        taken_over: Vec::new(),
        about: About { commit: Some(oid('c')), release: Some("web@1.4.0".into()), ..About::default() },
        entry: oid('e'),
        gates: vec![waived],
        after_gates: vec!["smoke".parse().unwrap()],
        after: None,
        after_reason: Some("nothing_recorded"),
    };
    let statement = |serial, action, about: About| HistoryEntry {
        serial,
        action,
        about,
        releases: Vec::new(),
        moves: Vec::new(),
        gates: Vec::new(),
        after_gates: Vec::new(),
        after_reason: None,
        ..entry.clone()
    };
    let on_commit = About { commit: Some(oid('c')), release: Some("web@1.4.0".into()), ..About::default() };
    let window = || Some("window".parse().unwrap());
    let back = state::HoldTarget { scope: state::HoldScope::Channel, of: Some("production".into()) };
    let others = [
        statement(11, Verb::Rollback, About { entries: vec![10], holds: vec![back], ..on_commit.clone() }),
        statement(9, Verb::Unhold, About { scope: Some(state::HoldScope::All), entries: vec![8], ..About::default() }),
        statement(8, Verb::Hold, About { scope: Some(state::HoldScope::All), ..About::default() }),
        statement(7, Verb::Waive, About { gate: window(), until: Some(time()), ..on_commit.clone() }),
        statement(6, Verb::Ack, About { gate: window(), ..on_commit.clone() }),
        statement(5, Verb::Verdict, About { verdict: Some("SAFE".into()), ..on_commit }),
    ];
    let entries = [entry.clone()].into_iter().chain(others).collect();
    Report::new(Reason::Passed, Body::History(HistoryShape { entries })).signing(SigningMode::Ssh)
}

pub fn audit() -> Report {
    let again = |gate: &str, verdict| Rejudged {
        serial: 12,
        gate: gate.parse().unwrap(),
        recorded: Reason::Passed,
        again: (verdict != RejudgeVerdict::CannotRejudge).then_some(if verdict == RejudgeVerdict::Same {
            Reason::Passed
        } else {
            Reason::GateFailed
        }),
        verdict,
        detail: None,
    };
    let shape = AuditShape {
        head: Some(oid('e')),
        genesis: Some(oid('1')),
        entries: 13,
        signed: 13,
        expected_head: None,
        rejudged: vec![
            again("env", RejudgeVerdict::Same),
            again("health", RejudgeVerdict::Differs),
            again("docs", RejudgeVerdict::CannotRejudge),
        ],
    };
    let broken = Finding::error("ledger/broken-chain", "entry 4 names another parent");
    Report::new(Reason::LedgerBroken, Body::Audit(shape)).signing(SigningMode::Ssh).findings([broken])
}

pub fn policy() -> Report {
    let shape = PolicyShape {
        version: 3,
        tree: oid('b'),
        committed: Some(oid('b')),
        ledger: ledger(),
        genesis: oid('1'),
        pin: None,
        taken_over: Vec::new(),
        threshold: 1,
        signers: vec![PolicySigner { principal: "release@example.com".into(), fingerprint: "SHA256:abc".into() }],
        release_branches: vec!["main".into()],
        channels: vec!["staging".parse().unwrap(), "production".parse().unwrap()],
        after: [("production".parse().unwrap(), "staging".parse().unwrap())].into(),
        roles: vec![PolicyRole {
            name: "promoters".into(),
            who: vec!["ssh:release@example.com".into()],
            may: vec![Verb::Promote, Verb::Rollback],
            on: None,
        }],
        automation: vec!["ssh:ci@example.com".into()],
        gates: vec![PolicyGate {
            number: 1,
            id: "env".parse().unwrap(),
            kind: "env",
            title: "Environment".into(),
            when: "before",
            on_fail: "halt",
            verbs: vec![Verb::Promote],
            channels: None,
        }],
    };
    Report::new(Reason::Passed, Body::Policy(shape)).signing(SigningMode::Ssh)
}

pub fn entry() -> Report {
    let shape = EntryShape {
        action: Verb::Hold,
        serial: 12,
        entry: oid('e'),
        ledger: reference("refs/heads/tagwarden/ledger"),
        actor: actor(),
        reason: Some("incident".into()),
        time: time(),
        channel: Some("production".parse().unwrap()),
        releases: Vec::new(),
        commit: None,
        moves: Vec::new(),
        body: Some(state::Body::Hold { scope: state::HoldScope::Channel, of: Some("production".into()) }),
    };
    Report::new(Reason::Moved, Body::Entry(shape)).signing(SigningMode::None)
}

pub fn rehearsal() -> Report {
    let step =
        |name: &str, outcome| Step { name: name.into(), outcome, duration_ms: (outcome != Outcome::Skipped).then_some(120), detail: None };
    let failed = Step { detail: Some("exit 0, expected 4 (held)".into()), ..step("a held release is refused", Outcome::Failed) };
    let shape = RehearsalShape {
        steps: vec![step("first promotion", Outcome::Passed), failed, step("rollback", Outcome::Skipped)],
        stand_ins: vec!["a throw-away signing key".into()],
        proves: vec!["move".into(), "ledger".into()],
        does_not_prove: vec!["data migrations".into()],
        duration_ms: 1240,
        ledger: None,
    };
    Report::new(Reason::DrillFailed, Body::Rehearsal(shape)).signing(SigningMode::Ssh)
}

pub fn doctor() -> Report {
    let help = Some("do this".to_owned());
    let check =
        |name: &str, outcome, fixed| Check { name: name.into(), outcome, detail: None, help: help.clone(), fixed, code: Check::CODE };
    let checks = vec![
        check("git 2.45", Outcome::Passed, false),
        check("tags agree with the ledger", Outcome::Failed, true),
        check("server pushes atomically", Outcome::Inconclusive, false),
    ];
    let findings: Vec<Finding> = checks.iter().filter_map(Check::finding).collect();
    Report::new(Reason::GateInconclusive, Body::Doctor(DoctorShape { checks })).findings(findings)
}

pub fn init() -> Report {
    let file = |path: &str, written| InitFile { path: path.into(), about: "packages, channels, roles".into(), written };
    let files = vec![file("gates/protocol.yaml", true), file("protocol-docs/promotion.md", false)];
    Report::new(Reason::Passed, Body::Init(InitShape { files })).signing(SigningMode::None)
}

pub fn snapshot() -> Report {
    let digest = Digest::of(b"manifest");
    let created = Created {
        digest,
        files: 2,
        bytes: 34,
        new: true,
        source: "config".into(),
        tags: Vec::new(),
        artifacts: 0,
        serial: 1,
        bundle: None,
    };
    let shape = SnapshotShape { store: "/srv/store".into(), what: SnapshotAnswer::Created(created) };
    Report::new(Reason::Passed, Body::Snapshot(shape))
}
