//! Probes and their answers: order, one at a time or together, effects, secrets, and the probe ref on real remotes.

use crate::world_support::Scratch;
use indexmap::IndexMap;
use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpListener,
    sync::{Arc, Condvar, Mutex},
};
use tagwarden::{
    domain::{Oid, RefName, Span, Verb},
    gate::{
        Answer, Ask, Context, Effect, Got, Probe, ProbeKey, Protocol, Unavailable,
        probe::{
            AcksGot, ChainAsk, ChainGot, CommandAsk, DocumentsAsk, EnvAsk, EnvFrom, HttpAsk, LedgerAsk, ProbeRefAsk, RuleAsk, RulesAsk,
            Told, TreeAsk,
        },
        protocol::{Channel, Documents, KeySource, ReleaseTags, Signing},
    },
    lockdown::{Fate, Question},
    tree::{MapTree, Tree, TreeEntry, TreeId, Unreadable},
    world::{
        Clock, EnvVars, World,
        answer::{Answerer, LedgerFacts},
        trees::{CommitTree, Folder},
    },
};

const CANARY: &str = "canary-7f3a9c21";

fn context(world: &World) -> Context {
    let channel = Channel { tag: None, base_url: Some("http://staging.example.com".to_owned()), after: None, rules: Vec::new() };
    let protocol = Protocol {
        packages: IndexMap::new(),
        release_branches: Vec::new(),
        channels: IndexMap::from([("staging".parse().unwrap(), channel)]),
        ledger: "refs/heads/tagwarden/ledger".parse().unwrap(),
        remote: "origin".to_owned(),
        signing: Signing { key: KeySource::None, threshold: 1 },
        release_tags: ReleaseTags::Any,
        roles: IndexMap::new(),
        automation: Vec::new(),
        movers: Vec::new(),
        reviewers: indexmap::IndexMap::new(),
        comments: Default::default(),
        redact: Vec::new(),
        documents: Documents::default(),
        catalog: Default::default(),
        sync: None,
        snapshots: None,
        hooks: Vec::new(),
        gates: Vec::new(),
        allowed_signers: None,
        openpgp: Default::default(),
        warnings: Vec::new(),
    };
    Context {
        verb: Verb::Promote,
        channel: "staging".parse().unwrap(),
        base_url: None,
        releases: Vec::new(),
        candidate: None,
        policy: None,
        now: world.clock.now(),
        actor: None,
        protocol: Arc::new(protocol),
        tree: Arc::new(MapTree::new(BTreeMap::new())),
    }
}

fn no_facts() -> LedgerFacts {
    LedgerFacts {
        chain: Err(Unavailable::new("no-ledger")),
        head: None,
        verdicts: Vec::new(),
        acks: Vec::new(),
        rehearsals: Vec::new(),
        present: Default::default(),
    }
}

/// A repository whose `gates/` holds a program, and an answerer over it.
struct Bench {
    scratch: Scratch,
    world: World,
}

impl Bench {
    async fn new(env: &[(&str, &str)]) -> Bench {
        let scratch = Scratch::with_remote(1);
        std::fs::create_dir_all(scratch.path("work/gates/bin")).unwrap();
        scratch.script("work/gates/bin/alone", "#!/bin/sh\nmkdir \"$HOME/lock\" || exit 9\nsleep 0.05\nrmdir \"$HOME/lock\"\ntest ! -e left || exit 8\ntouch left\necho x >> \"$HOME/count\"\n");
        scratch.script("work/gates/bin/env", "#!/bin/sh\necho x >> \"$HOME/looked\"\necho DEPLOYED=canary-7f3a9c21\n");
        scratch.git("work", &["add", "."]);
        scratch.git("work", &["commit", "--quiet", "--message", "gates"]);
        let env: EnvVars = env.iter().fold(scratch.env(), |vars, (name, value)| vars.with(name, value));
        let world = World::open(&scratch.path("work"), Clock::starting("2026-11-21T10:00:00Z".parse().unwrap()), env).await.unwrap();
        Bench { scratch, world }
    }

    fn answerer(&self, facts: LedgerFacts, effects: bool) -> Answerer {
        let head = self.world.git.rev_parse("HEAD").unwrap().unwrap();
        let gates = Folder::of(Arc::new(CommitTree::new(&self.world.git, &head).unwrap()), "gates").unwrap();
        Answerer::new(&self.world, &context(&self.world), Arc::new(gates), facts, effects, "origin".to_owned()).unwrap()
    }

    async fn ask(&self, asks: Vec<Ask>) -> Vec<Answer> {
        let answers = self.answerer(no_facts(), true).answer_all(numbered(asks)).await;
        answers.into_iter().map(|(_, answer)| answer).collect()
    }
}

fn numbered(asks: Vec<Ask>) -> Vec<(usize, Probe)> {
    (0..).zip(asks).map(|(item, ask)| (7 + item as usize, Probe::reads(ProbeKey::first(item), ask))).collect()
}

fn get(url: String) -> Ask {
    Ask::Http(HttpAsk { method: "GET".to_owned(), url, ..HttpAsk::default() })
}

fn run(program: &str) -> Ask {
    Ask::Command(CommandAsk { run: vec![program.to_owned()], ..CommandAsk::default() })
}

fn shell(script: &str) -> CommandAsk {
    CommandAsk { shell: Some(script.to_owned()), ..CommandAsk::default() }
}

fn exit(answer: &Answer) -> Option<i32> {
    match answer.result().unwrap() {
        Got::Command(got) => got.exit,
        other => panic!("{other:?}"),
    }
}

fn why(answer: &Answer) -> String {
    answer.result().err().unwrap_or_else(|| panic!("{answer:?}")).why
}

/// A server that answers nobody before `together` requests are in; the path is the body. Counts its requests.
fn server(together: usize, body: impl Fn(&str) -> String + Send + Sync + 'static) -> (String, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(Mutex::new(0));
    let (state, body) = (Arc::new((Arc::clone(&count), Condvar::new())), Arc::new(body));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (state, body) = (Arc::clone(&state), Arc::clone(&body));
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut buffer = [0; 8192];
                let read = stream.read(&mut buffer).unwrap();
                let request = String::from_utf8_lossy(&buffer[..read]).into_owned();
                let mut seen = state.0.lock().unwrap();
                *seen += 1;
                state.1.notify_all();
                drop(state.1.wait_while(seen, |seen| *seen < together).unwrap());
                let body = body(&request);
                let _ = write!(stream, "HTTP/1.1 200 OK\r\nX-Echo: {CANARY}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            });
        }
    });
    (url, count)
}

#[tokio::test]
async fn reads_go_out_together_and_come_back_in_order() {
    let bench = Bench::new(&[]).await;
    let (url, _) = server(32, |request| format!("\"{}\"", request.split(' ').nth(1).unwrap()));
    let asks: Vec<Ask> = (0..64).map(|number| get(format!("{url}/{number}"))).collect();
    let answers = bench.answerer(no_facts(), false).answer_all(numbered(asks)).await;
    for (number, (gate, answer)) in answers.iter().enumerate() {
        assert_eq!((*gate, answer.key), (7 + number, ProbeKey::first(number as u32)));
        let Got::Http(got) = answer.result().unwrap() else { panic!("{answer:?}") };
        assert_eq!(got.body, format!("/{number}"));
    }
    assert_eq!(answers.len(), 64);
}

#[tokio::test]
async fn programs_run_one_after_another_each_in_a_fresh_checkout() {
    let bench = Bench::new(&[]).await;
    let count = Ask::Command(shell("wc -l < \"$HOME/count\""));
    let answers = bench.ask(vec![run("./bin/alone"), run("./bin/alone"), run("./bin/alone"), count]).await;
    assert_eq!(answers.iter().map(exit).collect::<Vec<_>>(), [Some(0); 4]);
    let Got::Command(got) = answers[3].result().unwrap() else { panic!() };
    assert_eq!(got.stdout, 3, "they share their scratch folder");
    assert_eq!(why(&bench.ask(vec![run("./bin/none")]).await[0]), "not-found");
}

#[tokio::test]
async fn what_writes_is_refused_unless_allowed() {
    let bench = Bench::new(&[]).await;
    let (url, count) = server(1, |_| String::new());
    let http = Probe { effect: Effect::Writes, ..Probe::reads(ProbeKey::first(0), get(url)) };
    let id = "a1".to_owned();
    let probe_ref = Probe::reads(ProbeKey::first(1), Ask::ProbeRef(ProbeRefAsk { id }));
    let answers = bench.answerer(no_facts(), false).answer_all(vec![(0, http.clone()), (0, probe_ref)]).await;
    assert!(answers.iter().all(|(_, answer)| why(answer) == "effects-not-allowed"), "{answers:?}");
    assert_eq!(*count.lock().unwrap(), 0);
    let answers = bench.answerer(no_facts(), true).answer_all(vec![(0, http)]).await;
    assert!(answers[0].1.result().is_ok());
}

#[tokio::test]
async fn a_probe_waits_for_its_time() {
    let bench = Bench::new(&[]).await;
    let later = bench.world.clock.now().plus(Span::seconds(1));
    let probe = Probe { not_before: Some(later), ..Probe::reads(ProbeKey::first(0), Ask::Tree(TreeAsk {})) };
    let answers = bench.answerer(no_facts(), false).answer_all(vec![(0, probe)]).await;
    assert!(answers[0].1.time >= later);
}

fn variable(name: &str, from: EnvFrom) -> Ask {
    let literals = vec!["expected".to_owned(), CANARY.to_owned()];
    Ask::Env(EnvAsk { name: name.to_owned(), from, literals, ..EnvAsk::default() })
}

#[tokio::test]
async fn each_environment_is_looked_at_once() {
    let bench = Bench::new(&[("HERE", "expected")]).await;
    let (url, count) = server(1, |_| format!("{{\"DEPLOYED\": \"{CANARY}\", \"TOLD\": true}}"));
    std::fs::write(bench.scratch.path("work/settings"), format!("DEPLOYED={CANARY}\n")).unwrap();
    let command = EnvFrom::Command(vec!["./bin/env".to_owned()]);
    let mut asks = vec![variable("HERE", EnvFrom::Process), variable("ABSENT", EnvFrom::Process)];
    for from in [EnvFrom::File("settings".to_owned()), command.clone(), EnvFrom::Http(url.clone())] {
        asks.extend([variable("DEPLOYED", from.clone()), variable("ABSENT", from.clone())]);
    }
    asks.push(variable("TOLD", EnvFrom::Http(url)));
    asks.push(Ask::Command(shell("wc -l < \"$HOME/looked\"")));
    let answers = bench.ask(asks).await;
    let got: Vec<_> = answers[..9]
        .iter()
        .map(|answer| match answer.result().unwrap() {
            Got::Env(got) => (got.present, got.equals.clone()),
            other => panic!("{other:?}"),
        })
        .collect();
    let (absent, deployed) = ((false, Vec::new()), (true, vec![false, true]));
    let mut expected = vec![(true, vec![true, false]), absent.clone()];
    for _ in 0..3 {
        expected.extend([deployed.clone(), absent.clone()]);
    }
    expected.push((true, Vec::new()));
    assert_eq!(got, expected);
    assert_eq!(*count.lock().unwrap(), 1);

    let looked = bench.ask(vec![variable("DEPLOYED", command.clone()), variable("ABSENT", command)]).await;
    assert!(looked.iter().all(|answer| answer.result().is_ok()));
}

#[tokio::test]
async fn an_environment_that_cannot_be_read_is_no_empty_one() {
    let bench = Bench::new(&[]).await;
    let (not_json, _) = server(1, |_| "<html>".to_owned());
    std::fs::write(bench.scratch.path("work/settings"), "no lines\n").unwrap();
    std::fs::write(bench.scratch.path("work/binary"), b"A=\xff\n").unwrap();
    std::fs::write(bench.scratch.path("work/large"), vec![b'#'; (1 << 20) + 1]).unwrap();
    let command = |words: &[&str]| EnvFrom::Command(words.iter().map(|word| (*word).to_owned()).collect());
    for (from, expected) in [
        (EnvFrom::File("none".to_owned()), "not-found"),
        (EnvFrom::File("settings".to_owned()), "unreadable"),
        (EnvFrom::File("binary".to_owned()), "unreadable"),
        (EnvFrom::File("large".to_owned()), "unreadable"),
        (EnvFrom::File(".".to_owned()), "unreadable"),
        (command(&["false"]), "unreadable"),
        (command(&["./none"]), "not-found"),
        (command(&["echo", "no lines"]), "unreadable"),
        (EnvFrom::Http(not_json), "unreadable"),
        (EnvFrom::Http("http://127.0.0.1:9/".to_owned()), "unreachable"),
        (EnvFrom::Http("no url".to_owned()), "bad-question"),
    ] {
        let answers = bench.ask(vec![variable("A", from.clone())]).await;
        assert_eq!(why(&answers[0]), expected, "{from:?}");
    }
}

#[tokio::test]
async fn no_secret_is_in_any_answer() {
    let bench = Bench::new(&[("API_TOKEN", CANARY), ("PLAIN", "canary-0b1c2d3e"), ("STAGE", "staging")]).await;
    let echo = |request: &str| format!("{{\"said\": {request:?}, \"own\": \"{CANARY}\", \"stage\": \"staging\"}}");
    let (url, _) = server(1, echo);
    let mut http = HttpAsk {
        method: "POST".to_owned(),
        url: format!("{url}/{{env.API_TOKEN}}?q={{env.PLAIN}}"),
        record: vec!["x-echo".to_owned()],
        ..HttpAsk::default()
    };
    http.headers.insert("x-key".to_owned(), "{env.API_TOKEN}".to_owned());
    http.text = Some("{env.PLAIN}".to_owned());
    let command = CommandAsk {
        env: vec!["API_TOKEN".to_owned(), "PLAIN".to_owned(), "STAGE".to_owned()],
        ..shell("echo \"$API_TOKEN $STAGE\"; echo $PLAIN | base64; echo $PLAIN >&2; printf %s $API_TOKEN | od -An -tx1 | tr -d ' \\n'")
    };
    let command_env = EnvFrom::Command(vec!["./bin/env".to_owned()]);
    let answers = bench
        .ask(vec![
            variable("PLAIN", EnvFrom::Process),
            variable("DEPLOYED", command_env),
            Ask::Http(http),
            Ask::Command(command),
            Ask::Http(HttpAsk { method: "GET".to_owned(), url: url.clone(), record: vec!["x-echo".to_owned()], ..HttpAsk::default() }),
            get("http://127.0.0.1:9/{env.API_TOKEN}".to_owned()),
            Ask::Command(CommandAsk { run: vec!["/none".to_owned()], env: vec!["PLAIN".to_owned()], ..CommandAsk::default() }),
        ])
        .await;
    // What was asked holds placeholders and the literals of the gate file, never values.
    let told: Vec<_> = answers.iter().map(|answer| (&answer.got, &answer.unavailable)).collect();
    let written = serde_json::to_string(&told).unwrap();
    for form in [CANARY, "canary-0b1c2d3e", "canary", "Y2FuYXJ5", "63616e617279"] {
        assert!(!written.contains(form), "{form} in {written}");
    }
    assert!(written.contains("staging"), "what every gate may know stays: {written}");
    assert_eq!(exit(&answers[3]), Some(0));
}

#[tokio::test]
async fn facts_of_the_run_are_handed_on() {
    let bench = Bench::new(&[("APP_CHANNEL", "staging")]).await;
    let head: Oid = "a".repeat(40).parse().unwrap();
    let chain = ChainGot { head: head.clone(), genesis: head.clone(), entries: 1, signing: "none".to_owned(), problems: Vec::new() };
    let facts = LedgerFacts { chain: Ok(chain.clone()), head: Some(head.clone()), ..no_facts() };
    let rules = RulesAsk { rules: vec![RuleAsk { name: "explicit".to_owned(), when: "$env.APP_CHANNEL == $channel".to_owned() }] };
    let asks = vec![Ask::Chain(ChainAsk {}), Ask::Acks(LedgerAsk {}), Ask::Rules(rules), Ask::Tree(TreeAsk {})];
    let answers = bench.answerer(facts, false).answer_all(numbered(asks)).await;
    assert_eq!(answers[0].1.result().unwrap(), &Got::Chain(chain));
    assert_eq!(answers[1].1.result().unwrap(), &Got::Acks(AcksGot { head, acks: Vec::new() }));
    let Got::Rules(got) = answers[2].1.result().unwrap() else { panic!() };
    assert_eq!(got.rules[0].name, "explicit");
    assert!(matches!(answers[3].1.result().unwrap(), Got::Tree(_)));
    assert_eq!(why(&bench.ask(vec![Ask::Verdicts(LedgerAsk {})]).await[0]), "no-ledger");
}

fn probe_ref() -> Ask {
    Ask::ProbeRef(ProbeRefAsk { id: "b2c3".to_owned() })
}

#[tokio::test]
async fn the_probe_ref_is_written_read_back_and_removed() {
    let bench = Bench::new(&[]).await;
    for _ in 0..2 {
        let answers = bench.ask(vec![probe_ref()]).await;
        let Got::ProbeRef(got) = answers[0].result().unwrap() else { panic!("{answers:?}") };
        assert_eq!(got.name, "refs/tagwarden/probe/b2c3");
        assert_eq!((got.read_back.as_ref(), got.removed), (Some(&got.written), true));
        assert_eq!(bench.scratch.git("server", &["for-each-ref", "refs/tagwarden"]), "");
        assert_eq!(bench.scratch.git("server", &["cat-file", "-t", got.written.as_str()]), "commit", "it was there");
    }
}

#[tokio::test]
async fn a_remote_that_does_not_take_or_keep_the_probe_ref_is_told() {
    let bench = Bench::new(&[]).await;
    bench.scratch.script("server/hooks/update", "#!/bin/sh\nexit 1\n");
    assert_eq!(why(&bench.ask(vec![probe_ref()]).await[0]), "refused");
    bench.scratch.script("server/hooks/update", "#!/bin/sh\ncase $3 in 000*) exit 1;; esac\n");
    let answers = bench.ask(vec![probe_ref()]).await;
    let Got::ProbeRef(got) = answers[0].result().unwrap() else { panic!("{answers:?}") };
    assert_eq!((got.read_back.as_ref(), got.removed), (Some(&got.written), false));
    assert_eq!(why(&bench.ask(vec![probe_ref()]).await[0]), "refused", "it is left behind, and not overwritten");
    std::fs::remove_file(bench.scratch.path("server/hooks/update")).unwrap();
    bench.scratch.git("server", &["update-ref", "-d", "refs/tagwarden/probe/b2c3"]);

    // A hook that takes the ref away again as soon as it was written.
    bench.scratch.script("server/hooks/post-update", "#!/bin/sh\nunset GIT_QUARANTINE_PATH\nexec git update-ref -d \"$1\"\n");
    let answers = bench.ask(vec![probe_ref()]).await;
    let Got::ProbeRef(got) = answers[0].result().unwrap() else { panic!("{answers:?}") };
    assert_eq!((got.read_back.clone(), got.removed), (None, false));
    std::fs::remove_file(bench.scratch.path("server/hooks/post-update")).unwrap();

    std::fs::rename(bench.scratch.path("server"), bench.scratch.path("away")).unwrap();
    assert_eq!(why(&bench.ask(vec![probe_ref()]).await[0]), "unreachable");
    let bad = Ask::ProbeRef(ProbeRefAsk { id: "../x".to_owned() });
    assert_eq!(why(&bench.ask(vec![bad]).await[0]), "bad-question");
    let _: RefName = "refs/tagwarden/probe/b2c3".parse().unwrap();
}

#[tokio::test]
async fn the_history_is_read_once_and_only_for_paths_that_are_missing() {
    let bench = Bench::new(&[]).await;
    let git = &bench.world.git;
    let answerer = bench.answerer(no_facts(), false);
    let head = bench.scratch.git("work", &["rev-parse", "HEAD"]);
    let commit = Question::Commit { id: head[..9].to_owned(), sure: true };
    let fate = |path: &str| Question::Fate(path.to_owned());
    let ask = |questions: Vec<Question>| Ask::Documents(DocumentsAsk { github: false, pulls: Vec::new(), questions });
    let told = async |questions: Vec<Question>| match answerer.answer_all(numbered(vec![ask(questions)])).await[0].1.result().unwrap() {
        Got::Documents(got) => got.answers.clone(),
        other => panic!("{other:?}"),
    };
    // Configuration is read once by whoever needs it first.
    told(vec![commit.clone(), fate("gone")]).await;
    let before = git.processes();
    assert_eq!(told(vec![commit.clone()]).await, [Some(Told::There(true))]);
    assert_eq!(git.processes(), before, "no process beside the one that reads objects");
    let never = || Some(Told::Fate { of: Fate::Never, folder: false });
    assert_eq!(told(vec![fate("gone"), fate("lost")]).await, [never(), never()]);
    let once = git.processes() - before;
    told(vec![fate("gone")]).await;
    assert!(once > 0);
    assert_eq!(git.processes() - before, 2 * once, "as many for two paths as for one");
}

/// Cannot be read, and says so with a secret.
struct Broken(TreeId);

impl Tree for Broken {
    fn id(&self) -> &TreeId {
        &self.0
    }

    fn entries(&self) -> Result<&[TreeEntry], Unreadable> {
        Err(Unreadable(format!("no {}", CANARY.to_uppercase())))
    }

    fn read(&self, _path: &str) -> Result<Option<Vec<u8>>, Unreadable> {
        Err(Unreadable(format!("no {CANARY}")))
    }
}

#[tokio::test]
async fn whatever_cannot_be_had_is_told_without_secrets() {
    let bench = Bench::new(&[("ACCESS_TOKEN", CANARY)]).await;
    let broken = || Arc::new(Broken(MapTree::new(BTreeMap::new()).id().clone()));
    let cx = Context { tree: broken(), ..context(&bench.world) };
    let facts = LedgerFacts { chain: Err(Unavailable::new("unreachable").detail(format!("by {CANARY}"))), ..no_facts() };
    let answerer = Answerer::new(&bench.world, &cx, broken(), facts, true, "origin".to_owned()).unwrap();
    let environment = EnvAsk { name: "A".to_owned(), from: EnvFrom::Command(vec!["./env".to_owned()]), ..EnvAsk::default() };
    let documents = DocumentsAsk { github: false, pulls: Vec::new(), questions: vec![Question::Fate("gone".to_owned())] };
    let asks = vec![Ask::Env(environment), run("./env"), Ask::Documents(documents), Ask::Chain(ChainAsk {})];
    for (_, answer) in answerer.answer_all(numbered(asks)).await {
        let detail = answer.result().unwrap_err().detail.unwrap();
        assert!(detail.contains("[masked]") && !detail.to_lowercase().contains(CANARY), "{detail}");
    }
}

#[tokio::test]
async fn what_one_question_sends_no_other_answer_tells() {
    let bench = Bench::new(&[("GREETING", CANARY)]).await;
    let (url, _) = server(2, |_| format!("hello {CANARY}"));
    let sends = get(format!("{url}/?of={{env.GREETING}}"));
    for answer in bench.ask(vec![sends, get(url)]).await {
        let Got::Http(got) = answer.result().unwrap() else { panic!() };
        assert_eq!(got.body, "hello [masked]");
    }
}
