//! The verbs in process, against real git, where time passes, rivals act and rights change between one step and the next.
//!
//! What happened is read through `git` alone. Time is a number that the tests set; nothing here waits for a clock.

use crate::{
    ground::{Answer, Around, Endpoint, Ground, Mood},
    race::{Guest, LIMIT, Meeting},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};
use tagwarden::{
    domain::Timestamp,
    world::{Checkpoints, Clock, apply::Checkpoint},
};

const START: &str = "2026-11-21T10:00:00Z";
const HEALTH: &str =
    "title: Health\nwaivable: true\nmax_age: 5m\nhttp: [ { get: \"{base_url}/h\", expect: { status: 200, jq: [\".ok == true\"] } } ]\n";
const TOOL: &str = "title: Tool\ncommand: [ { run: [\"true\"] } ]\n";
const LIVE: &str = "refs/tags/channel/live";

/// A remote with three people around it.
struct Scene {
    ground: Ground,
    endpoint: Endpoint,
    people: [PathBuf; 3],
    hand: &'static AtomicI64,
}

const ONE: usize = 0;
const TWO: usize = 1;
const THREE: usize = 2;

impl Scene {
    /// The protocol with these gates and this at its end; people sign nothing and are told apart by their addresses.
    fn new(gates: &[(&str, &str)], more: &str) -> Arc<Scene> {
        let endpoint = Endpoint::start();
        let protocol = protocol(&endpoint.url, more);
        let mut files = vec![("gates/protocol.yaml", protocol.as_str())];
        files.extend(gates);
        let ground = Ground::new(&files);
        let people = ["one", "two", "three"].map(|name| ground.clone_as(name));
        // A few bytes for each test, which its clocks share.
        let hand = Box::leak(Box::new(AtomicI64::new(START.parse::<Timestamp>().unwrap().unix())));
        let scene = Scene { ground, endpoint, people, hand };
        scene.run(ONE, "policy adopt --reason start").expect("moved");
        Arc::new(scene)
    }

    fn run(&self, who: usize, line: &str) -> Answer {
        self.run_through(who, line, None)
    }

    fn run_through(&self, who: usize, line: &str, checkpoint: Option<Arc<Checkpoints>>) -> Answer {
        let words: Vec<&str> = line.split(' ').collect();
        let around = Around { checkpoint, clock: Some(Clock::by_hand(self.hand)), ..Around::default() };
        self.ground.run_around(&self.people[who], &words, around)
    }

    /// Runs, and asserts that no ref of the remote is another one afterwards.
    #[track_caller]
    fn unmoved(&self, who: usize, line: &str, reason: &str) -> Value {
        let before = self.ground.refs();
        let answer = self.run(who, line).expect(reason);
        assert_eq!(self.ground.refs(), before, "{line}: {reason}");
        answer
    }

    fn pass(&self, seconds: i64) {
        self.hand.fetch_add(seconds, Ordering::SeqCst);
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.hand.load(Ordering::SeqCst))
    }

    /// A checkpoint at which something happens once, before the push.
    fn before_push(self: &Arc<Scene>, act: impl FnOnce(&Scene) + Send + 'static) -> Option<Arc<Checkpoints>> {
        let (scene, act) = (self.clone(), Mutex::new(Some(act)));
        Some(Arc::new(move |at| {
            let act = if at == Checkpoint::BeforePush { act.lock().unwrap().take() } else { None };
            if let Some(act) = act {
                // On a thread of its own: this one is in the middle of a run.
                std::thread::scope(|scope| scope.spawn(|| act(&scene)).join()).unwrap();
            }
            Ok(())
        }))
    }

    /// Another commit on the release branch, in the clone of this person.
    fn commit(&self, who: usize, text: &str) -> String {
        self.ground.commit(&self.people[who], text)
    }

    /// Commits these files and adopts what is committed then.
    #[track_caller]
    fn adopt(&self, who: usize, files: &[(&str, &str)]) {
        self.ground.commit_files(&self.people[who], files);
        self.run(who, "policy adopt --reason change").expect("moved");
    }

    /// Adopts the protocol with this at its end.
    #[track_caller]
    fn adopt_protocol(&self, who: usize, more: &str) {
        self.adopt(who, &[("gates/protocol.yaml", &protocol(&self.endpoint.url, more))]);
    }

    /// `scope of`, and whether it is for automation only, of every hold that the newest entry leaves.
    fn holds(&self) -> Vec<(String, bool)> {
        let head = &self.ground.refs()["refs/heads/tagwarden/ledger"];
        let text = |hold: &Value, key: &str| hold[key].as_str().unwrap_or("-").to_owned();
        let said = |hold: &Value| (format!("{} {}", text(hold, "scope"), text(hold, "of")), hold["automation_only"] == true);
        let mut holds: Vec<_> = self.ground.records_at(head, "holds").iter().map(said).collect();
        holds.sort();
        holds
    }
}

fn protocol(url: &str, more: &str) -> String {
    let channel = |name: &str| format!("  {name}: {{ tag: \"channel/{{channel}}\", base_url: \"{url}\" }}\n");
    format!(
        "version: 1\npackages: {{ app: {{ release_tag: \"v{{version}}\", default: true }} }}\nrelease_branches: [main]\nchannels:\n{}{}{}signing: {{ key: none }}\nrelease_tags: any\n{more}",
        channel("live"),
        channel("other"),
        channel("third"),
    )
}

impl Answer {
    #[track_caller]
    fn expect(self, reason: &str) -> Value {
        assert_eq!(self.reason, reason, "{:#}", self.json);
        assert_eq!(i32::from(self.code), crate::common::exit_code_of(reason));
        self.json
    }
}

/// Outcome and reason of one gate in an answer.
fn gate<'a>(run: &'a Value, id: &str) -> (&'a str, &'a str) {
    let gate = run["gates"].as_array().and_then(|gates| gates.iter().find(|gate| gate["id"] == id)).unwrap_or_else(|| panic!("{run:#}"));
    (gate["outcome"].as_str().unwrap(), gate["reason_code"].as_str().unwrap())
}

const PROMOTE: &str = "promote app@1.0.0 --channel live";

#[test]
fn evidence_that_expires_before_the_push_moves_nothing() {
    let scene = Scene::new(&[("gates/10-health.yaml", HEALTH)], "");
    let before = scene.ground.refs();
    let late = scene.before_push(|scene| scene.pass(301));
    scene.run_through(ONE, PROMOTE, late).expect("evidence_expired");
    assert_eq!(scene.ground.refs(), before);
    // To the very second it is good.
    let start = scene.now();
    let in_time = scene.before_push(|scene| scene.pass(300));
    scene.run_through(ONE, PROMOTE, in_time).expect("moved");
    assert_eq!(scene.ground.last_entry()["valid_until"], Timestamp::from_unix(start.unix() + 300).to_string());
}

#[test]
fn evidence_that_expires_while_a_push_is_built_again_moves_nothing() {
    let scene = Scene::new(&[("gates/10-health.yaml", HEALTH)], "");
    let late = scene.before_push(|scene| {
        scene.pass(301);
        scene.run(TWO, "hold --channel other --reason elsewhere").expect("moved");
    });
    scene.run_through(ONE, PROMOTE, late).expect("evidence_expired");
    assert_eq!(scene.ground.last_entry()["action"], "hold");
    assert!(!scene.ground.refs().contains_key(LIVE));
}

#[test]
fn evidence_of_a_program_that_expires_while_a_later_gate_waits_moves_nothing() {
    let tool = "title: Tool\nmax_age: 30s\ncommand: [ { run: [\"true\"] } ]\n";
    let slow = "title: Slow\nhttp: [ { get: \"{base_url}/h\", attempts: 2, backoff: 40s, expect: { status: 200 } } ]\n";
    let scene = Scene::new(&[("gates/10-tool.yaml", tool), ("gates/20-slow.yaml", slow)], "");
    scene.endpoint.next("/h", &[Mood::Down]);
    let answer = scene.unmoved(ONE, PROMOTE, "evidence_expired");
    assert_eq!(gate(&answer["run"], "tool"), ("inconclusive", "evidence_expired"));
    assert_eq!(gate(&answer["run"], "slow"), ("passed", "passed"));
    // Without the wait it is in time.
    scene.run(ONE, PROMOTE).expect("moved");
}

/// Refused, and not built again under the right that the policy before gave.
#[test]
fn a_policy_adopted_while_something_is_written_stops_it() {
    let scene = Scene::new(&[("gates/10-health.yaml", HEALTH), ("gates/20-tool.yaml", TOOL)], "");
    scene.run(ONE, "stage app@1.0.0 --at HEAD").expect("moved");
    for (at, line) in [
        "hold --channel live --reason wait",
        "unhold --channel live --reason go",
        "waive health --channel live --release app@1.0.0 --until 1h --reason known",
        "verdict record SAFE --at HEAD",
        "stage app@2.0.0 --at HEAD",
    ]
    .into_iter()
    .enumerate()
    {
        let adopts = scene.before_push(move |scene| scene.adopt(TWO, &[("gates/NOTE", &format!("change {at}"))]));
        scene.run_through(ONE, line, adopts).expect("stale_pointer");
        assert_eq!(scene.ground.last_entry()["action"], "adopt", "{line}");
        assert!(!scene.ground.refs().contains_key("refs/tags/v2.0.0"), "{line}");
        // What comes between and leaves the policy alone does not stop it.
        let unrelated = scene.before_push(|scene| drop(scene.run(TWO, "hold --channel other --reason elsewhere").expect("moved")));
        scene.run_through(ONE, line, unrelated).expect("moved");
    }
}

/// One promotes under a waiver of another, and something happens before the push.
fn under_a_waiver(roles: &str, meanwhile: impl FnOnce(&Scene) + Send + 'static, reason: &str) -> Arc<Scene> {
    let scene = Scene::new(&[("gates/10-health.yaml", HEALTH)], roles);
    scene.endpoint.set(Mood::Bad);
    scene.run(ONE, "stage app@1.0.0 --at HEAD").expect("moved");
    scene.unmoved(ONE, PROMOTE, "gate_failed");
    scene.run(TWO, "waive health --channel live --release app@1.0.0 --until 1h --reason known").expect("moved");
    let meanwhile = scene.before_push(meanwhile);
    scene.run_through(ONE, PROMOTE, meanwhile).expect(reason);
    assert!(!scene.ground.refs().contains_key(LIVE));
    scene
}

const WAIVERS: &str = "roles:\n  movers: { who: [\"local:one@example.com\"], may: [stage, promote] }\n";

fn may_waive(who: &str) -> String {
    format!(
        "{WAIVERS}  waivers: {{ who: [\"local:{who}@example.com\"], may: [waive] }}\n  others: {{ who: [\"local:three@example.com\"], may: [hold] }}\n"
    )
}

#[test]
fn a_waiver_replaced_before_the_push_does_not_count() {
    let again = "waive health --channel live --release app@1.0.0 --until 2h --reason longer";
    let scene = under_a_waiver(&may_waive("two"), |scene| drop(scene.run(TWO, again).expect("moved")), "stale_pointer");
    let newest = scene.ground.last_entry()["serial"].clone();
    scene.run(ONE, PROMOTE).expect("moved");
    assert_eq!(scene.ground.last_entry()["gates"][0]["waiver"], newest);
}

#[test]
fn a_waiver_whose_signer_loses_the_right_before_the_push_does_not_count() {
    let scene = under_a_waiver(&may_waive("two"), |scene| scene.adopt_protocol(TWO, &may_waive("three")), "stale_pointer");
    let answer = scene.unmoved(ONE, PROMOTE, "gate_failed");
    assert_eq!(answer["schema"], "tagwarden.move/1", "the gates say so");
    scene.run(THREE, "waive health --channel live --release app@1.0.0 --until 1h --reason known").expect("moved");
    scene.run(ONE, PROMOTE).expect("moved");
}

#[test]
fn a_waiver_that_ends_before_the_push_does_not_count() {
    for unrelated in [false, true] {
        let meanwhile = move |scene: &Scene| {
            scene.pass(3601);
            if unrelated {
                scene.run(THREE, "hold --channel other --reason elsewhere").expect("moved");
            }
        };
        let scene = under_a_waiver(&may_waive("two"), meanwhile, "evidence_expired");
        scene.unmoved(ONE, PROMOTE, "gate_failed");
    }
}

/// A waiver is good until its end and no longer, and the move that rests on it is good for as long.
#[test]
fn a_move_under_a_waiver_is_good_until_the_waiver_ends() {
    let scene = Scene::new(&[("gates/10-health.yaml", HEALTH)], "");
    scene.endpoint.set(Mood::Bad);
    scene.run(ONE, "stage app@1.0.0 --at HEAD").expect("moved");
    let until = Timestamp::from_unix(scene.now().unix() + 3600).to_string();
    scene.run(TWO, "waive health --channel live --release app@1.0.0 --until 1h --reason known").expect("moved");
    scene.pass(3599);
    scene.run(ONE, PROMOTE).expect("moved");
    assert_eq!(scene.ground.last_entry()["valid_until"], until);
    scene.run(TWO, "waive health --channel other --release app@1.0.0 --until 1h --reason known").expect("moved");
    scene.pass(3600);
    let answer = scene.unmoved(ONE, "promote app@1.0.0 --channel other", "gate_failed");
    assert_eq!(answer["schema"], "tagwarden.move/1", "the gates say so");
}

#[test]
fn a_move_is_good_for_as_long_as_the_shortest_of_its_gates() {
    let short = "title: Short\nmax_age: 2m\nhttp: [ { get: \"{base_url}/s\", expect: { status: 200 } } ]\n";
    let scene = Scene::new(&[("gates/10-health.yaml", HEALTH), ("gates/20-short.yaml", short)], "");
    let after = |seconds: i64| Timestamp::from_unix(scene.now().unix() + seconds).to_string();
    scene.run(ONE, PROMOTE).expect("moved");
    assert_eq!(scene.ground.last_entry()["valid_until"], after(120));
    // A waiver that ends before any evidence does.
    scene.run(TWO, "waive health --channel other --release app@1.0.0 --until 60s --reason known").expect("moved");
    scene.endpoint.next("/h", &[Mood::Bad]);
    scene.run(ONE, "promote app@1.0.0 --channel other").expect("moved");
    assert_eq!(scene.ground.last_entry()["valid_until"], after(60));
    // And one that ends after it.
    scene.run(TWO, "waive health --channel third --release app@1.0.0 --until 10m --reason known").expect("moved");
    scene.endpoint.next("/h", &[Mood::Bad]);
    scene.run(ONE, "promote app@1.0.0 --channel third").expect("moved");
    assert_eq!(scene.ground.last_entry()["valid_until"], after(120));
}

/// The oldest of the newest answer to each question decides; answers that were asked for again do not.
#[test]
fn a_move_is_good_for_as_long_as_the_oldest_answer_that_counts() {
    let asked = |path: &str| format!("  - {{ get: \"{{base_url}}/{path}\", attempts: 3, backoff: 20s, expect: {{ status: 200 }} }}\n");
    let both = format!("title: Both\nmax_age: 5m\nhttp:\n{}{}", asked("a"), asked("b"));
    let scene = Scene::new(&[("gates/10-both.yaml", &both)], "");
    let mut start = scene.now().unix();
    for (version, a, b, oldest) in [
        // Only `b` is asked again: `a` stays the older one.
        (1, &[][..], &[Mood::Down][..], 0),
        // Both are: what they said first does not count.
        (2, &[Mood::Down], &[Mood::Down], 20),
        // `a` is asked a third time, after twice the wait.
        (3, &[Mood::Down, Mood::Down], &[Mood::Down], 20),
    ] {
        scene.commit(ONE, &format!("work {version}"));
        scene.endpoint.next("/a", a);
        scene.endpoint.next("/b", b);
        scene.run(ONE, &format!("promote app@{version}.0.0 --channel live")).expect("moved");
        assert_eq!(
            scene.ground.last_entry()["valid_until"],
            Timestamp::from_unix(start + oldest + 300).to_string(),
            "promotion {version}, with {a:?} and {b:?}"
        );
        start = scene.now().unix();
    }
}

#[test]
fn gates_after_the_move_decide_what_is_said_of_it() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let after = "title: After\nwhen: after\nhttp: [ { get: \"{base_url}/after\", expect: { status: 200, jq: [\".ok == true\"] } } ]\n";
    let scene = Scene::new(&[("gates/10-tool.yaml", TOOL), ("gates/20-after.yaml", after)], "");
    let promote = |version: usize, mood: Mood| {
        scene.commit(ONE, &format!("work {version}"));
        scene.endpoint.set(mood);
        let before = scene.ground.refs().get(LIVE).cloned();
        let answer = scene.run(ONE, &format!("promote app@{version}.0.0 --channel live"));
        let newest = scene.ground.last_entry();
        let entry = match newest["action"] == "after" {
            true => scene.ground.json_at("refs/heads/tagwarden/ledger~1", "entry.json"),
            false => newest,
        };
        assert_eq!(entry["releases"][0]["version"], format!("{version}.0.0"));
        let moved = scene.ground.refs()[LIVE].clone();
        assert_eq!(entry["moves"].as_array().unwrap().iter().find(|moved| moved["ref"] == LIVE).unwrap()["to"], moved.as_str());
        assert_ne!(before.as_ref(), Some(&moved), "the tag moved, whatever was found afterwards");
        assert_eq!(entry["gates"].as_array().unwrap().len(), 1, "what comes after the move is no part of its entry");
        answer
    };
    let good = promote(1, Mood::Good).expect("moved");
    assert_eq!(gate(&good["after"], "after"), ("passed", "passed"));
    let red = promote(2, Mood::Bad).expect("moved_but_unhealthy");
    assert_eq!(gate(&red["after"], "after"), ("failed", "gate_failed"));
    assert_eq!(gate(&red["run"], "tool"), ("passed", "passed"));
    let down = promote(3, Mood::Down).expect("moved_but_unhealthy");
    assert_eq!(gate(&down["after"], "after"), ("inconclusive", "gate_inconclusive"));
    // One that asks where nobody listens, and a program that is not there.
    let nobody = after.replace("{base_url}", &format!("http://127.0.0.1:{closed}")).replace("get:", "elsewhere: true, get:");
    let none = "title: None\nwhen: after\ncommand: [ { run: [\"no-such-program-here\"] } ]\n";
    scene.adopt(ONE, &[("gates/20-after.yaml", after), ("gates/30-nobody.yaml", &nobody)]);
    let erring = promote(4, Mood::Good).expect("moved_but_unhealthy");
    assert_eq!(gate(&erring["after"], "after").0, "passed");
    assert_eq!(gate(&erring["after"], "nobody"), ("inconclusive", "gate_inconclusive"));
    scene.adopt(ONE, &[("gates/30-nobody.yaml", none)]);
    let erring = promote(5, Mood::Good).expect("moved_but_unhealthy");
    assert_eq!(gate(&erring["after"], "nobody"), ("inconclusive", "gate_inconclusive"));
}

#[test]
fn one_hold_lifted_leaves_the_others() {
    let scene = Scene::new(&[("gates/10-tool.yaml", TOOL)], "");
    scene.run(ONE, "stage app@1.0.0 --at HEAD").expect("moved");
    scene.commit(ONE, "more");
    scene.run(ONE, "stage app@2.0.0 --at HEAD").expect("moved");
    for release in ["app@1.0.0", "app@2.0.0"] {
        scene.run(TWO, &format!("hold --release {release} --reason wait")).expect("moved");
    }
    scene.run(TWO, "hold --channel other --reason wait").expect("moved");
    scene.run(TWO, "unhold --release app@1.0.0 --reason go").expect("moved");
    assert_eq!(scene.holds(), [("channel other".to_owned(), false), ("release app@2.0.0".to_owned(), false)]);
    scene.unmoved(ONE, "promote app@2.0.0 --channel live", "held");
    scene.run(ONE, PROMOTE).expect("moved");
    scene.unmoved(ONE, "promote app@1.0.0 --channel other", "held");
    scene.run(TWO, "unhold --release app@2.0.0 --reason go").expect("moved");
    scene.run(ONE, "promote app@2.0.0 --channel live").expect("moved");
    scene.unmoved(TWO, "unhold --release app@2.0.0 --reason go", "bad_usage");
}

#[test]
fn a_rollback_passes_held_releases_by() {
    let scene = Scene::new(&[("gates/10-tool.yaml", TOOL)], "");
    let mut commits = Vec::new();
    for version in 1..=3 {
        commits.push(scene.commit(ONE, &format!("work {version}")));
        scene.run(ONE, &format!("promote app@{version}.0.0 --channel live")).expect("moved");
    }
    scene.run(TWO, "hold --release app@2.0.0 --reason broken").expect("moved");
    scene.unmoved(ONE, "rollback app@2.0.0 --channel live --reason back", "held");
    scene.run(TWO, "hold --release app@1.0.0 --reason broken").expect("moved");
    scene.unmoved(ONE, "rollback --channel live --reason back", "held");
    scene.run(TWO, "unhold --release app@1.0.0 --reason mended").expect("moved");
    scene.run(ONE, "rollback --channel live --reason back").expect("moved");
    let entry = scene.ground.last_entry();
    assert_eq!((&entry["releases"][0]["version"], &entry["candidate"]), (&Value::from("1.0.0"), &Value::from(commits[0].as_str())));
    assert_eq!(scene.ground.git(&scene.ground.remote(), &["rev-parse", &format!("{LIVE}^{{commit}}")]), commits[0]);
    let holds = ["channel live", "release app@2.0.0", "release app@3.0.0"];
    assert_eq!(scene.holds().iter().map(|(hold, _)| hold.as_str()).collect::<Vec<_>>(), holds);
}

#[test]
fn a_rollback_of_several_packages_holds_each_that_it_leaves() {
    let scene = Scene::new(&[("gates/10-tool.yaml", TOOL)], "");
    let text = protocol(&scene.endpoint.url, "")
        .replace(
            "{ app: { release_tag: \"v{version}\", default: true } }",
            "{ web: { release_tag: \"web/v{version}\" }, api: { release_tag: \"api/v{version}\" } }",
        )
        .replace("channel/{channel}", "channel/{channel}/{package}");
    scene.adopt(ONE, &[("gates/protocol.yaml", &text)]);
    let tag = |package: &str| format!("{LIVE}/{package}");
    let mut was: Vec<BTreeMap<String, String>> = Vec::new();
    for version in 1..=2 {
        scene.commit(ONE, &format!("work {version}"));
        scene.run(ONE, &format!("promote web@{version}.0.0 api@{version}.0.0 --channel live")).expect("moved");
        was.push(scene.ground.refs());
    }
    assert_ne!(was[0][&tag("web")], was[1][&tag("web")]);
    scene.run(ONE, "rollback --channel live --reason back").expect("moved");
    for package in ["web", "api"] {
        let peel = |oid: &str| scene.ground.git(&scene.ground.remote(), &["rev-parse", &format!("{oid}^{{commit}}")]);
        assert_eq!(peel(&scene.ground.refs()[&tag(package)]), peel(&was[0][&tag(package)]), "{package}");
    }
    let held = |hold: &str, automation: bool| (hold.to_owned(), automation);
    let [channel, api, web] = [held("channel live", true), held("release api@2.0.0", false), held("release web@2.0.0", false)];
    assert_eq!(scene.holds(), [channel.clone(), api.clone(), web.clone()]);
    let status = scene.run(TWO, "status").expect("passed");
    let shown: Vec<String> = status["holds"].as_array().unwrap().iter().map(|hold| format!("{} {}", hold["scope"], hold["of"])).collect();
    for (hold, _) in [&channel, &api, &web] {
        let (scope, of) = hold.split_once(' ').unwrap();
        assert!(shown.contains(&format!("\"{scope}\" \"{of}\"")), "{hold}: {shown:?}");
    }
    assert_eq!(shown.len(), 3);
    // Each goes by itself.
    scene.run(TWO, "unhold --release api@2.0.0 --reason mended").expect("moved");
    assert_eq!(scene.holds(), [channel.clone(), web.clone()]);
    scene.unmoved(ONE, "promote web@2.0.0 api@2.0.0 --channel live", "held");
    scene.run(TWO, "unhold --channel live --reason mended").expect("moved");
    assert_eq!(scene.holds(), std::slice::from_ref(&web));
    scene.run(TWO, "unhold --release web@2.0.0 --reason mended").expect("moved");
    assert_eq!(scene.holds(), []);
    scene.run(ONE, "promote web@2.0.0 api@2.0.0 --channel live").expect("moved");
}

#[test]
fn of_two_moves_with_one_claim_one_happens() {
    let scene = Scene::new(&[("gates/10-tool.yaml", TOOL)], "");
    scene.run(ONE, "stage app@1.0.0 --at HEAD").expect("moved");
    let meeting = Arc::new(Meeting::default());
    let race = |who: usize, channel: &str| {
        let _guest = Guest(meeting.clone());
        let meeting = meeting.clone();
        let wait: Arc<Checkpoints> = Arc::new(move |at| if at == Checkpoint::BeforePush { meeting.wait(LIMIT) } else { Ok(()) });
        scene.run_through(who, &format!("promote app@1.0.0 --channel {channel} --claim ours"), Some(wait))
    };
    let answers = std::thread::scope(|scope| {
        let first = scope.spawn(|| race(ONE, "live"));
        let second = scope.spawn(|| race(TWO, "other"));
        [first.join().unwrap(), second.join().unwrap()]
    });
    let mut reasons: Vec<&str> = answers.iter().map(|answer| answer.reason).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["claim_used", "moved"], "{answers:?}");
    let refs = scene.ground.refs();
    let won = if answers[0].reason == "moved" { "live" } else { "other" };
    let lost = if won == "live" { "other" } else { "live" };
    assert!(refs.contains_key(&format!("refs/tags/channel/{won}")) && !refs.contains_key(&format!("refs/tags/channel/{lost}")), "{refs:?}");
    assert_eq!(scene.ground.entries().len(), 3);
    // Later it is used up as well, on every channel and for every release.
    scene.unmoved(THREE, &format!("promote app@1.0.0 --channel {lost} --claim ours"), "claim_used");
    scene.unmoved(THREE, "promote app@1.0.0 --channel third --claim ours", "claim_used");
    scene.commit(THREE, "more");
    scene.unmoved(THREE, &format!("promote app@2.0.0 --channel {won} --claim ours"), "claim_used");
    scene.run(THREE, &format!("promote app@1.0.0 --channel {lost} --claim another")).expect("moved");
}

#[test]
fn a_role_on_channels_gives_nothing_without_one() {
    let roles = "roles:\n  all: { who: [\"local:one@example.com\"], may: [stage, promote, hold, unhold, verdict] }\n  live: { who: [\"local:two@example.com\"], may: [stage, promote, hold, unhold, verdict, rollback], on: [live] }\n  movers: { who: [\"local:three@example.com\"], may: [promote], on: [live] }\n";
    let scene = Scene::new(&[("gates/10-tool.yaml", TOOL)], roles);
    scene.run(ONE, "stage app@1.0.0 --at HEAD").expect("moved");
    scene.run(ONE, "hold --release app@1.0.0 --reason wait").expect("moved");
    for line in [
        "hold --all --reason wait",
        "hold --release app@1.0.0 --reason wait",
        "hold --channel other --reason wait",
        "unhold --release app@1.0.0 --reason go",
        "stage app@2.0.0 --at HEAD",
        "verdict record SAFE --at HEAD",
        "promote app@1.0.0 --channel other",
    ] {
        scene.unmoved(TWO, line, "not_permitted");
    }
    scene.run(TWO, "hold --channel live --reason wait").expect("moved");
    scene.run(TWO, "unhold --channel live --reason go").expect("moved");
    scene.unmoved(TWO, "unhold --all --reason go", "not_permitted");
    scene.run(ONE, "unhold --release app@1.0.0 --reason go").expect("moved");
    scene.run(TWO, PROMOTE).expect("moved");
    // Where the move makes the release, the right to stage is asked for on the channel.
    scene.commit(THREE, "more");
    scene.unmoved(THREE, "promote app@2.0.0 --channel live", "not_permitted");
    scene.ground.git(&scene.people[TWO], &["pull", "-q", "origin", "main"]);
    scene.run(TWO, "promote app@2.0.0 --channel live").expect("moved");
}

const REVIEW: &str = "title: Review\nverdict: { reviewers: [\"local:two@example.com\", \"local:three@example.com\"], require: 1 }\n";
const STEP: &str = "title: Step\nack: { step: Migrate }\n";

#[test]
fn statements_count_while_their_signer_has_the_right() {
    let scene = Scene::new(&[("gates/10-health.yaml", HEALTH), ("gates/20-review.yaml", REVIEW), ("gates/30-step.yaml", STEP)], "");
    let roles = |may: &str| {
        let mut roles = "roles:\n  movers: { who: [\"local:one@example.com\"], may: [stage, promote] }\n".to_owned();
        for (at, verb) in ["waive", "verdict", "ack"].into_iter().enumerate() {
            let who = if verb == may { "three" } else { "two" };
            roles.push_str(&format!("  r{at}: {{ who: [\"local:{who}@example.com\"], may: [{verb}] }}\n"));
        }
        roles
    };
    scene.endpoint.set(Mood::Bad);
    for (version, taken, gate_of, statement) in [
        (1, "waive", "health", "waive health --channel live --release app@R --until 1h --reason known"),
        (2, "verdict", "review", "verdict record SAFE --release app@R"),
        (3, "ack", "step", "ack step --channel live --release app@R"),
    ] {
        let release = format!("{version}.0.0");
        let line = |line: &str| line.replace("app@R", &format!("app@{release}"));
        scene.adopt_protocol(ONE, &roles("nothing"));
        scene.run(ONE, &line("stage app@R --at HEAD")).expect("moved");
        for statement in [
            "waive health --channel live --release app@R --until 1h --reason known",
            "verdict record SAFE --release app@R",
            "ack step --channel live --release app@R",
        ] {
            scene.run(TWO, &line(statement)).expect("moved");
        }
        scene.adopt_protocol(ONE, &roles(taken));
        scene.unmoved(TWO, &line(statement), "not_permitted");
        let answer = scene.unmoved(ONE, &line("promote app@R --channel live"), "gate_failed");
        assert_eq!(gate(&answer["run"], gate_of).0, "failed", "{taken}");
        scene.run(THREE, &line(statement)).expect("moved");
        scene.run(ONE, &line("promote app@R --channel live")).expect("moved");
    }
}

/// The same where people sign, and a key is taken out of the list.
#[test]
fn statements_count_while_the_key_of_their_signer_is_listed() {
    let endpoint = Endpoint::start();
    endpoint.set(Mood::Bad);
    let keys = tempfile::TempDir::new().unwrap();
    let listed = |names: &[&str]| -> String {
        let public = |name: &&str| {
            format!("{name}@example.com {}\n", std::fs::read_to_string(keys.path().join(format!("{name}.pub"))).unwrap().trim())
        };
        names.iter().map(public).collect()
    };
    for name in ["one", "two", "three"] {
        make_key(keys.path(), name);
    }
    let text = protocol(&endpoint.url, "").replace("{ key: none }", "{ key: \"env:KEY\" }");
    let review = REVIEW.replace("local:", "ssh:");
    let files = [
        ("gates/protocol.yaml", text.as_str()),
        ("gates/allowed_signers", &listed(&["one", "two", "three"])),
        ("gates/10-health.yaml", HEALTH),
        ("gates/20-review.yaml", &review),
        ("gates/30-step.yaml", STEP),
    ];
    let ground = Ground::new(&files);
    let clone = ground.clone_as("somebody");
    let run = |name: &str, line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let vars = vec![("KEY".to_owned(), keys.path().join(name).display().to_string())];
        let clock = START.parse().map(|start: Timestamp| Clock::by_hand(Box::leak(Box::new(AtomicI64::new(start.unix())))));
        ground.run_around(&clone, &words, Around { vars, clock: clock.ok(), ..Around::default() })
    };
    run("one", "policy adopt --reason start").expect("moved");
    run("one", "stage app@1.0.0 --at HEAD").expect("moved");
    let statements = [
        ("health", "waive health --channel live --release app@1.0.0 --until 1h --reason known"),
        ("review", "verdict record SAFE --release app@1.0.0"),
        ("step", "ack step --channel live --release app@1.0.0"),
    ];
    for (_, line) in statements {
        run("two", line).expect("moved");
    }
    ground.commit_files(&clone, &[("gates/allowed_signers", &listed(&["one", "three"]))]);
    run("one", "policy adopt --reason gone").expect("moved");
    for (id, line) in statements {
        let before = ground.refs();
        let answer = run("one", PROMOTE).expect("gate_failed");
        assert_eq!(gate(&answer["run"], id).0, "failed", "{id}");
        assert_eq!(ground.refs(), before);
        run("two", line).expect("not_permitted");
        run("three", line).expect("moved");
    }
    run("one", PROMOTE).expect("moved");
}

fn make_key(folder: &Path, name: &str) {
    let status = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", name])
        .current_dir(folder)
        .stdin(std::process::Stdio::null())
        .status()
        .expect("ssh-keygen starts");
    assert!(status.success());
}
