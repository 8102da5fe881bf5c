//! Ground for tests that run the verbs in process against real git: a bare remote, clones, and a look at the refs and the
//! ledger that goes through `git` alone, never through the code under test.

use serde_json::Value;
use std::{
    collections::{BTreeMap, VecDeque},
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};
use tagwarden::{
    cli::{self, Cli, Session},
    domain::Fault,
    report::{Report, json},
    world::{Checkpoints, Clock, EnvVars, World},
};
use tempfile::TempDir;

pub struct Ground {
    folder: TempDir,
    clones: AtomicU64,
}

impl Ground {
    /// A bare remote with one commit that holds these files.
    pub fn new(files: &[(&str, &str)]) -> Ground {
        let folder = TempDir::new().unwrap();
        let ground = Ground { folder, clones: AtomicU64::new(0) };
        ground.git(ground.folder.path(), &["init", "-q", "--bare", "-b", "main", "origin.git"]);
        let seed = ground.folder.path().join("seed");
        ground.git(ground.folder.path(), &["init", "-q", "-b", "main", "seed"]);
        ground.git(&seed, &["remote", "add", "origin", "../origin.git"]);
        for (path, text) in files {
            let path = seed.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        ground.git(&seed, &["add", "."]);
        ground.git(&seed, &["commit", "-q", "-m", "seed"]);
        ground.git(&seed, &["push", "-q", "origin", "main"]);
        ground
    }

    pub fn remote(&self) -> PathBuf {
        self.folder.path().join("origin.git")
    }

    /// A fresh clone, with an identity of its own.
    pub fn clone_as(&self, name: &str) -> PathBuf {
        let folder = format!("clone-{}", self.clones.fetch_add(1, Ordering::Relaxed));
        self.git(self.folder.path(), &["clone", "-q", "origin.git", &folder]);
        let clone = self.folder.path().join(folder);
        self.git(&clone, &["config", "user.name", name]);
        self.git(&clone, &["config", "user.email", &format!("{name}@example.com")]);
        clone
    }

    /// A commit on top of the clone's main, pushed.
    pub fn commit(&self, clone: &Path, text: &str) -> String {
        self.commit_files(clone, &[("work.txt", text)])
    }

    /// The same with these files.
    pub fn commit_files(&self, clone: &Path, files: &[(&str, &str)]) -> String {
        self.git(clone, &["pull", "-q", "--rebase", "origin", "main"]);
        for (path, text) in files {
            std::fs::write(clone.join(path), text).unwrap();
        }
        self.git(clone, &["add", "."]);
        self.git(clone, &["commit", "-q", "-m", files[0].1]);
        self.git(clone, &["push", "-q", "origin", "HEAD:main"]);
        self.git(clone, &["rev-parse", "HEAD"])
    }

    pub fn git(&self, dir: &Path, args: &[&str]) -> String {
        let output = Command::new("git").args(args).current_dir(dir).env_clear().envs(self.vars()).output().expect("git starts");
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn vars(&self) -> Vec<(String, String)> {
        let path = std::env::var("PATH").unwrap();
        let home = self.folder.path().to_string_lossy().into_owned();
        let pairs = [("PATH", path.as_str()), ("HOME", &home), ("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")];
        let identity = [
            ("GIT_AUTHOR_NAME", "Test"),
            ("GIT_COMMITTER_NAME", "Test"),
            ("GIT_AUTHOR_EMAIL", "t@example.com"),
            ("GIT_COMMITTER_EMAIL", "t@example.com"),
        ];
        pairs.iter().chain(&identity).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// Runs a verb in process, in a clone; checkpoints of writes go to `checkpoint`.
    pub fn run(&self, clone: &Path, words: &[&str], checkpoint: Option<Arc<Checkpoints>>) -> Answer {
        self.run_around(clone, words, Around { checkpoint, ..Around::default() })
    }

    /// The same with what else is around it.
    pub fn run_around(&self, clone: &Path, words: &[&str], around: Around) -> Answer {
        use clap::Parser;
        let cli = Cli::try_parse_from([&["tagwarden"], words].concat()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let report = runtime.block_on(async {
            let env = EnvVars::of(self.vars().into_iter().chain(around.vars));
            let clock = around.clock.unwrap_or(Clock::system());
            let world = World::open(clone, clock, env).await.map_err(Report::from)?;
            let world = match around.checkpoint {
                Some(checkpoint) => world.stopping(checkpoint),
                None => world,
            };
            let session = Session::within(cli.globals.clone(), world);
            cli::run(&session, &cli.command).await.map_err(|fault: Fault| Report::from(fault))
        });
        let report = report.unwrap_or_else(|refused| refused);
        Answer { code: report.exit_code(), reason: report.reason.slug(), json: serde_json::from_str(&json::render(&report)).unwrap() }
    }

    /// Every ref of the remote, as git tells.
    pub fn refs(&self) -> BTreeMap<String, String> {
        let text = self.git(&self.remote(), &["for-each-ref", "--format=%(refname) %(objectname)"]);
        text.lines().filter_map(|line| line.split_once(' ')).map(|(name, oid)| (name.to_owned(), oid.to_owned())).collect()
    }

    /// The entries of the ledger, oldest first, as git shows their files.
    pub fn entries(&self) -> Vec<(String, Value)> {
        let list = self.git(&self.remote(), &["rev-list", "--reverse", "refs/heads/tagwarden/ledger"]);
        let wanted: String = list.lines().map(|oid| format!("{oid}:entry.json\n")).collect();
        let mut answers = self.batch(&wanted).into_iter();
        list.lines().map(|oid| (oid.to_owned(), answers.next().expect("an answer for each"))).collect()
    }

    /// The newest entry.
    pub fn last_entry(&self) -> Value {
        self.json_at("refs/heads/tagwarden/ledger", "entry.json")
    }

    /// JSON objects through one `git cat-file --batch`.
    fn batch(&self, wanted: &str) -> Vec<Value> {
        let mut child = Command::new("git")
            .args(["cat-file", "--batch"])
            .current_dir(self.remote())
            .env_clear()
            .envs(self.vars())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("git starts");
        let mut stdin = child.stdin.take().expect("piped");
        let wanted = wanted.to_owned();
        let writer = std::thread::spawn(move || stdin.write_all(wanted.as_bytes()));
        let output = child.wait_with_output().expect("git ends");
        writer.join().expect("no panic").expect("git reads");
        let mut rest = output.stdout.as_slice();
        let mut values = Vec::new();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let head = String::from_utf8_lossy(&rest[..end]).into_owned();
            let size: usize = head.rsplit(' ').next().and_then(|size| size.parse().ok()).unwrap_or_else(|| panic!("git says {head}"));
            values.push(serde_json::from_slice(&rest[end + 1..end + 1 + size]).expect("JSON"));
            rest = &rest[end + 1 + size + 1..];
        }
        values
    }

    /// Every record of one kind in the state beside an entry.
    pub fn records_at(&self, commit: &str, kind: &str) -> Vec<Value> {
        let listing = self.git(&self.remote(), &["ls-tree", "-r", "--name-only", commit, &format!("state/{kind}/")]);
        listing.lines().flat_map(|path| self.json_at(commit, path).as_array().unwrap().clone()).collect()
    }

    pub fn json_at(&self, commit: &str, path: &str) -> Value {
        serde_json::from_str(&self.git(&self.remote(), &["show", &format!("{commit}:{path}")])).unwrap()
    }
}

/// What a run happens in beside its words.
#[derive(Default)]
pub struct Around {
    pub checkpoint: Option<Arc<Checkpoints>>,
    /// `None`: the system's.
    pub clock: Option<Clock>,
    pub vars: Vec<(String, String)>,
}

#[must_use]
#[derive(Debug)]
pub struct Answer {
    pub code: u8,
    pub reason: &'static str,
    pub json: Value,
}

/// A server on loopback that answers `{"ok": <bool>, "nonce": <n>}` and remembers every nonce it gave with `ok: true`.
pub struct Endpoint {
    pub url: String,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    mood: Mood,
    /// What comes first on a path.
    next: BTreeMap<String, VecDeque<Mood>>,
    nonce: u64,
    good: Vec<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    #[default]
    Good,
    /// A well-formed no.
    Bad,
    /// 503.
    Down,
    /// No JSON.
    Garbled,
}

impl Endpoint {
    pub fn start() -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Mutex::new(Shared::default()));
        let server = shared.clone();
        // The thread ends with the test process; a connection is answered and closed.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &server);
            }
        });
        Endpoint { url, shared }
    }

    pub fn set(&self, mood: Mood) {
        self.shared.lock().unwrap().mood = mood;
    }

    /// The next answers on this path, one for each; then the mood of all counts again.
    pub fn next(&self, path: &str, moods: &[Mood]) {
        self.shared.lock().unwrap().next.insert(path.to_owned(), moods.iter().copied().collect());
    }

    /// The nonces given with `ok: true` so far.
    pub fn good(&self) -> Vec<u64> {
        self.shared.lock().unwrap().good.clone()
    }
}

fn answer(mut stream: TcpStream, shared: &Mutex<Shared>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let asked = lines.next().and_then(Result::ok).unwrap_or_default();
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    let mut shared = shared.lock().unwrap();
    shared.nonce += 1;
    let nonce = shared.nonce;
    let path = asked.split(' ').nth(1).unwrap_or_default();
    let mood = shared.next.get_mut(path).and_then(VecDeque::pop_front).unwrap_or(shared.mood);
    let (status, kind, body) = match mood {
        Mood::Good => {
            shared.good.push(nonce);
            ("200 OK", "application/json", format!("{{\"ok\":true,\"nonce\":{nonce}}}"))
        }
        Mood::Bad => ("200 OK", "application/json", format!("{{\"ok\":false,\"nonce\":{nonce}}}")),
        Mood::Down => ("503 Service Unavailable", "application/json", "{}".to_owned()),
        Mood::Garbled => ("200 OK", "text/html", "<html>".to_owned()),
    };
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let _ = stream.write_all((head + &body).as_bytes());
}
