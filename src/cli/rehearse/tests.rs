//! A step that cannot miss proves nothing: whatever a step claims to find is taken out of the answers, and the step has to miss.

use super::{
    drill::{Drill, Miss, Seen},
    forgeries::forged,
    forgery_list::{CHAIN, EVIDENCE, GATES, SIGNATURES},
    *,
};
use crate::{
    cli::{
        args::Command,
        parse::{Parsed, parse},
    },
    world::{Clock, EnvVars},
};
use std::{
    ffi::OsString,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

/// What is done to the answers that players get.
#[derive(Default)]
pub struct Bent {
    /// The finding that is taken out of them.
    hidden: Mutex<Option<&'static str>>,
    /// Counts the answers; the one of this number (from 1) says something else.
    at: AtomicUsize,
    answers: AtomicUsize,
    tried: AtomicUsize,
    /// Steps that passed on a bent answer. `None`: they are not tried.
    blind: Mutex<Option<Vec<String>>>,
}

impl Bent {
    pub fn bend(&self, mut report: Report) -> Report {
        if let Some(code) = *self.hidden.lock().unwrap() {
            report.findings.retain(|finding| finding.code != code);
        }
        let count = self.answers.fetch_add(1, Ordering::SeqCst) + 1;
        if count == self.at.load(Ordering::SeqCst) {
            report.reason = Reason::Internal;
        }
        report
    }

    fn hide(&self, code: Option<&'static str>) {
        *self.hidden.lock().unwrap() = code;
    }

    /// Lets the answer of this number be another one; 0: none.
    fn turn(&self, at: usize) {
        self.at.store(at, Ordering::SeqCst);
        self.answers.store(0, Ordering::SeqCst);
    }
}

/// Runs a step again and again before it counts, each time with another one of its answers bent, and notes where it passes all
/// the same.
pub async fn bent_answers(drill: &mut Drill, name: &str, act: &impl AsyncFn(&mut Drill) -> Seen) {
    let set = drill.set.clone();
    if set.bent.blind.lock().unwrap().is_none() {
        return;
    }
    let (before, memory) = (set.snapshot().unwrap(), drill.memory.clone());
    if !all() && !drill.steps.len().is_multiple_of(6) {
        return;
    }
    for at in 1..=if all() { usize::MAX } else { 1 } {
        set.bent.turn(at);
        let seen = Box::pin(act(drill)).await;
        let answers = set.bent.answers.load(Ordering::SeqCst);
        set.bent.turn(0);
        drill.stand_in.calm();
        drill.stand_in.reopen().await.unwrap();
        set.restore(&before).unwrap();
        drill.memory = memory.clone();
        if answers < at {
            break;
        }
        set.bent.tried.fetch_add(1, Ordering::SeqCst);
        if let Ok(said) = seen {
            set.bent.blind.lock().unwrap().as_mut().unwrap().push(format!("{name}, answer {at}: {said}"));
        }
    }
}

const PROTOCOL: &str = r#"
version: 1
packages: { app: { release_tag: "v{version}", default: true } }
release_branches: [main]
channels: { live: { tag: "channel/{channel}", base_url: "https://example.com" } }
signing: { key: none }
"#;
const HEALTH: &str = "title: Health\nwaivable: true\nhttp: [ { get: \"{base_url}/h\", expect: { status: 200 } } ]\n";

fn git(folder: &Path, args: &[&str]) {
    let identity = ["-c", "user.name=Test", "-c", "user.email=t@example.com"];
    let output = std::process::Command::new("git").args(identity).args(args).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A rehearsal of a small protocol, before its first step.
async fn drill(folder: &Path) -> Drill {
    std::fs::create_dir(folder.join("gates")).unwrap();
    std::fs::write(folder.join("gates/protocol.yaml"), PROTOCOL).unwrap();
    std::fs::write(folder.join("gates/10-health.yaml"), HEALTH).unwrap();
    git(folder, &["init", "--quiet", "--initial-branch=main"]);
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "--message", "files"]);
    let line: Vec<OsString> = ["tagwarden", "rehearse"].map(OsString::from).into();
    let Parsed::Run(cli) = parse(&line, None) else { panic!("no run") };
    let Command::Rehearse(args) = &cli.command else { panic!("no rehearsal") };
    let env = EnvVars::from_process().with("GIT_CONFIG_GLOBAL", "/dev/null");
    let world = World::open(folder, Clock::system(), env).await.unwrap();
    let session = Session::within(cli.globals.clone(), world.clone());
    let live = Live::read(&world, "gates".to_owned()).unwrap();
    let channel = channel(&live.protocol, args).unwrap();
    prepare(&session, &world, &live, channel, None, None).await.unwrap().0
}

fn all_passed(drill: &Drill) {
    for step in &drill.steps {
        assert_eq!(step.outcome, Outcome::Passed, "{}: {:?}", step.name, step.detail);
    }
}

/// Whether everything is tried, which takes minutes, or a slice of it.
fn all() -> bool {
    std::env::var_os("TAGWARDEN_REHEARSAL").is_some_and(|said| said == "all")
}

/// One of each sort. `TAGWARDEN_REHEARSAL=all` tries each.
#[tokio::test(flavor = "multi_thread")]
async fn each_forgery_is_missed_where_its_finding_is_hidden() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut drill = drill(folder.path()).await;
    drill.step("policy adoption", promotions::adoption).await;
    drill.step("first promotion", promotions::first).await;
    drill.step("second promotion", promotions::second).await;
    all_passed(&drill);
    let set = drill.set.clone();
    let before = set.snapshot().unwrap();
    let slice = if all() { usize::MAX } else { 1 };
    for forgery in [SIGNATURES, CHAIN, GATES, EVIDENCE].into_iter().flat_map(|sort| sort.iter().take(slice)) {
        set.bent.hide(Some(forgery.code));
        let missed = forged(&mut drill, std::slice::from_ref(forgery)).await;
        assert!(matches!(&missed, Err(Miss::Wrong(why)) if why.contains(forgery.code)), "{}: {missed:?}", forgery.about);
        set.restore(&before).unwrap();
        set.bent.hide(None);
        let seen = forged(&mut drill, std::slice::from_ref(forgery)).await;
        assert!(seen.is_ok(), "{}: {seen:?}", forgery.about);
    }
}

/// Every sixth step, with its first answer bent. `TAGWARDEN_REHEARSAL=all` bends each answer of each step in turn.
#[test]
fn steps_miss_where_one_of_their_answers_is_another() {
    // The stack of a test's thread is smaller than that of a program.
    let thread = std::thread::Builder::new().stack_size(32 << 20).spawn(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(with_bent_answers());
    });
    thread.unwrap().join().unwrap();
}

async fn with_bent_answers() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut drill = drill(folder.path()).await;
    *drill.set.bent.blind.lock().unwrap() = Some(Vec::new());
    Box::pin(play(&mut drill)).await;
    all_passed(&drill);
    let blind = drill.set.bent.blind.lock().unwrap().take().unwrap();
    assert_eq!(blind, Vec::<String>::new(), "they passed although an answer was another");
    // The comparison of bytes alone asks no verb.
    let tried = drill.set.bent.tried.load(Ordering::SeqCst);
    let wanted = if all() { drill.steps.len() } else { drill.steps.len() / 6 };
    assert!(tried + 1 >= wanted, "{tried} of {wanted}");
}
