//! The program as a user has it: scratch repositories, a cleared environment, a clock that is given, and answers as they
//! come out. Every test makes its own folder and leaves nothing behind.
//!
//! The program has no way to be told the time of what it writes, so verbs that write run in process, through the same
//! function as `main.rs`; all others are the built program. Deliberately absent: anything else of the product. What is
//! promised is written down here a second time.

pub mod git_http;
pub mod keys;
pub mod server;
pub mod show;
pub mod xml;

use serde_json::Value;
use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};
use tagwarden::{
    cli::program::{self, Surroundings},
    world::{Clock, EnvVars, git::Patience},
};
use tempfile::TempDir;

/// The decision time of every run that names none.
pub const NOW: &str = "2026-11-21T10:00:00Z";

/// Nothing that is tested takes this long; what does has hung.
const LIMIT: Duration = Duration::from_secs(90);

/// Nothing but channels, and a gate that is always green.
pub const PLAIN: &[(&str, &str)] = &[
    (
        "gates/protocol.yaml",
        "version: 1\npackages: { app: { release_tag: \"v{version}\", default: true } }\nrelease_branches: [main]\n\
         channels: { local_dev: { tag: \"channel/{channel}\" } }\nsigning: { key: none }\nrelease_tags: any\n",
    ),
    ("gates/10-tree.yaml", "title: The tree is there\ncommand: [ { run: [\"true\"] } ]\n"),
];

/// The exit code of every reason code, as the documents promise it.
pub const EXIT_CODES: &[(i32, &str)] = &[
    (0, "passed moved already_there nothing_to_do published followers_failed"),
    (1, "gate_failed nothing_to_check findings differences ledger_broken ledger_lost store_broken drill_failed"),
    (
        2,
        "bad_usage bad_config unknown_channel unknown_release unknown_snapshot no_remote no_ledger signer_missing no_store foreign_store not_a_repository git_too_old",
    ),
    (
        3,
        "gate_inconclusive evidence_expired unreachable signature_unchecked shallow_history ledger_unverifiable outcome_unknown interrupted effects_not_allowed clock_behind no_resources",
    ),
    (
        4,
        "not_leading stale_pointer ref_changed tag_conflict held half_state claim_used server_refused no_atomic store_busy source_changed partial_move",
    ),
    (5, "not_permitted window_closed immutable_tag lower_version version_reused not_after unreachable_commit policy_unadopted not_pinned"),
    (6, "moved_but_unhealthy"),
    (70, "internal"),
];

pub fn exit_code_of(reason: &str) -> i32 {
    let row = EXIT_CODES.iter().find(|(_, reasons)| reasons.split(' ').any(|known| known == reason));
    row.unwrap_or_else(|| panic!("`{reason}` is no reason code")).0
}

/// What a run of the program gave.
#[must_use]
#[derive(Clone, Debug)]
pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// The output of a run that went well.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self}");
        self.stdout
    }

    /// Both outputs and the exit code, for a snapshot.
    pub fn all(&self) -> String {
        let stderr = if self.stderr.is_empty() { String::new() } else { format!("-- stderr\n{}", self.stderr) };
        let parts = [self.stdout.trim_end(), stderr.trim_end(), &format!("-- exit {}", self.code)];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit {}\n-- stdout\n{}\n-- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

/// A JSON answer with the exit code that came with it.
#[must_use]
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was run, for messages.
    pub line: String,
    pub code: i32,
    pub value: Value,
}

impl Answer {
    pub fn reason(&self) -> &str {
        self.value["reason_code"].as_str().unwrap_or("(none)")
    }

    /// Asserts the reason code, and the exit code and decision that belong to it.
    #[track_caller]
    pub fn expect(self, reason: &str) -> Value {
        assert_eq!(self.reason(), reason, "{}: {:#}", self.line, self.value);
        assert_eq!(self.code, exit_code_of(reason), "{}: the exit code of {reason}", self.line);
        let stop = self.value["decision"] == "stop";
        assert_eq!(stop, self.code != 0, "{}: {:#}", self.line, self.value);
        self.value
    }
}

/// A run that was started.
pub enum Run {
    Program(Child),
    Thread(mpsc::Receiver<Output>),
}

/// Who says what time it is to a run.
enum TimeOf {
    /// The test, through the library: the verb writes.
    Test,
    /// `--now`: the verb only reads.
    Flag,
    /// The clock of the machine, or none is asked.
    Clock,
}

fn time_of(args: &[&str]) -> TimeOf {
    const WRITE: &str =
        "init policy stage promote rollback hold unhold waive ack verdict docs doctor comment follow sync snapshot bundle catalog rehearse";
    const READ: &str = "verify status resolve history audit";
    let is_among = |verbs: &str, word: &str| verbs.split(' ').any(|verb| verb == word);
    let at = args.iter().position(|word| is_among(WRITE, word) || is_among(READ, word));
    match at.map(|at| (args[at], args.get(at + 1).copied().unwrap_or_default())) {
        Some(("policy", "show") | ("docs", "list")) => TimeOf::Flag,
        Some(("docs", "check")) if !args.contains(&"--fix") => TimeOf::Flag,
        Some((verb, _)) if is_among(WRITE, verb) => TimeOf::Test,
        Some(_) => TimeOf::Flag,
        None => TimeOf::Clock,
    }
}

/// A folder of its own with a bare `origin.git`, a clone `work` of it, and a home.
pub struct Scratch {
    folder: TempDir,
    env: BTreeMap<String, String>,
    now: String,
    dir: String,
    patience: Patience,
}

impl Scratch {
    /// An empty repository and its clone; nothing is committed.
    pub fn new() -> Scratch {
        Scratch::of_format(&[])
    }

    /// The same with further words of `git init`, such as `--object-format=sha256`.
    pub fn of_format(format: &[&str]) -> Scratch {
        let scratch = Scratch::without_repository();
        scratch.git_in("", &[&["init", "--quiet", "--bare", "--initial-branch=main"], format, &["origin.git"]].concat());
        scratch.git_in("", &[&["init", "--quiet", "--initial-branch=main"], format, &["work"]].concat());
        scratch.git(&["remote", "add", "origin", "../origin.git"]);
        scratch.identity("work", "Test", "test@example.com");
        scratch
    }

    /// An empty folder `work` that is no repository.
    pub fn without_repository() -> Scratch {
        let folder = tempfile::Builder::new().prefix("tw-test-").tempdir().unwrap();
        for name in ["home", "tmp", "work"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let path = |name: &str| folder.path().join(name).display().to_string();
        let env = [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", path("home")),
            ("TMPDIR", path("tmp")),
            ("GIT_CONFIG_GLOBAL", "/dev/null".to_owned()),
            ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
            // A folder above may be a repository.
            ("GIT_CEILING_DIRECTORIES", folder.path().display().to_string()),
        ];
        let env = env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Scratch { env, now: NOW.to_owned(), dir: "work".to_owned(), patience: Patience::default(), folder }
    }

    /// The smallest protocol, committed, pushed and adopted; one more commit than nothing.
    pub fn minimal() -> Scratch {
        let scratch = Scratch::minimal_unadopted();
        scratch.json(&["policy", "adopt", "--reason", "start"]).expect("moved");
        scratch
    }

    /// The smallest protocol, committed and pushed.
    pub fn minimal_unadopted() -> Scratch {
        let scratch = Scratch::new();
        scratch.run(&["init", "--minimal"]).ok();
        // So that rollbacks are judged too.
        let gate = scratch.read("gates/10-docs.yaml");
        let both = gate.lines().map(|line| if line.starts_with("verbs:") { "verbs: [promote, rollback]" } else { line });
        scratch.write("gates/10-docs.yaml", both.map(|line| format!("{line}\n")).collect::<String>());
        scratch.commit("Add the protocol");
        scratch.push();
        scratch
    }

    /// These files committed, pushed and adopted.
    pub fn with(files: &[(&str, &str)]) -> Scratch {
        let scratch = Scratch::new();
        for (path, text) in files {
            scratch.write(path, text);
        }
        scratch.commit("Add the protocol");
        scratch.push();
        scratch.json(&["policy", "adopt", "--reason", "start"]).expect("moved");
        scratch
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Sets a variable for every later run of the program (not of git).
    pub fn set(&mut self, name: &str, value: &str) -> &mut Scratch {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn unset(&mut self, name: &str) -> &mut Scratch {
        self.env.remove(name);
        self
    }

    /// Sets the decision time of every later run.
    pub fn at(&mut self, now: &str) -> &mut Scratch {
        self.now = now.to_owned();
        self
    }

    /// How long every later run in process waits for servers, and who sees it.
    pub fn waiting(&mut self, patience: Patience) -> &mut Scratch {
        self.patience = patience;
        self
    }

    /// Lets every later run and every git command without a folder happen in this folder.
    pub fn go(&mut self, dir: &str) -> &mut Scratch {
        self.dir = dir.to_owned();
        self
    }

    /// The program with exactly these arguments, and the clock of the test.
    pub fn run(&self, args: &[&str]) -> Output {
        self.run_with(args, &[])
    }

    /// The same with further variables.
    pub fn run_with(&self, args: &[&str], env: &[(&str, &str)]) -> Output {
        self.finish(self.start(args, env), args)
    }

    /// Starts a run. Give it to [`Scratch::finish`].
    pub fn start(&self, args: &[&str], env: &[(&str, &str)]) -> Run {
        let clock = if args.contains(&"--now") { TimeOf::Clock } else { time_of(args) };
        match clock {
            TimeOf::Test => self.start_in_process(args, env),
            TimeOf::Flag => self.start_program(&[args, &["--now", &self.now]].concat(), env),
            TimeOf::Clock => self.start_program(args, env),
        }
    }

    /// The built program, by the clock of the machine.
    pub fn run_program(&self, args: &[&str]) -> Output {
        self.finish(self.start_program(args, &[]), args)
    }

    fn start_program(&self, args: &[&str], env: &[(&str, &str)]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tagwarden"));
        command.args(args);
        command.current_dir(self.path(&self.dir)).env_clear().envs(&self.env).envs(env.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Run::Program(command.spawn().unwrap())
    }

    /// The built program at a terminal, by the clock of the machine: its exit code and everything that was shown. `typed`: what somebody types.
    #[cfg(target_os = "linux")]
    pub fn at_terminal(&self, args: &[&str], typed: &str) -> (Option<i32>, String) {
        use std::io::Write;
        let line = format!("'{}' {}", env!("CARGO_BIN_EXE_tagwarden"), args.join(" "));
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        command.current_dir(self.path(&self.dir)).env_clear().envs(&self.env).env("SHELL", "/bin/sh").env("TERM", "dumb");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The built program, running.
    pub fn spawn_program(&self, args: &[&str]) -> Child {
        match self.start_program(args, &[]) {
            Run::Program(child) => child,
            Run::Thread(_) => unreachable!("a program is a program"),
        }
    }

    pub fn signal(&self, signal: &str, process: &str) {
        let (good, said) = self.try_tool("", "kill", &[signal, process]);
        assert!(good, "{said}");
    }

    fn start_in_process(&self, args: &[&str], env: &[(&str, &str)]) -> Run {
        let words: Vec<OsString> = ["tagwarden"].iter().chain(args).map(OsString::from).collect();
        let vars = self.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(env.iter().copied());
        // A later value of a name replaces an earlier one.
        let around = Surroundings {
            env: EnvVars::of(vars.collect::<BTreeMap<_, _>>()),
            clock: Clock::starting(self.now.parse().unwrap()),
            dir: self.path(&self.dir),
            shows_colors: false,
            columns: None,
            patience: self.patience.clone(),
            program: Some(env!("CARGO_BIN_EXE_tagwarden").into()),
        };
        let (send, receive) = mpsc::channel();
        let run = move || {
            let printed = program::run(&words, &around).unwrap_or_else(|text| panic!("{words:?} is no verb that writes: {text}"));
            // Nobody waits for a run that took too long.
            let _ = send.send(Output { code: printed.code.into(), stdout: printed.stdout, stderr: printed.stderr });
        };
        // As much room as the main thread of a program has.
        std::thread::Builder::new().stack_size(8 << 20).spawn(run).unwrap();
        Run::Thread(receive)
    }

    /// Waits for the program. One that hangs is ended, and the test fails.
    pub fn finish(&self, run: Run, args: &[&str]) -> Output {
        let mut child = match run {
            Run::Program(child) => child,
            Run::Thread(output) => return output.recv_timeout(LIMIT).unwrap_or_else(|why| panic!("{args:?} did not end: {why}")),
        };
        let (send, receive) = mpsc::channel();
        let mut outputs: Vec<Box<dyn Read + Send>> = vec![Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        let readers: Vec<_> = outputs
            .drain(..)
            .map(|mut output| {
                let send = send.clone();
                std::thread::spawn(move || {
                    let mut bytes = Vec::new();
                    let read = output.read_to_end(&mut bytes);
                    let _ = send.send(());
                    read.map(|_| String::from_utf8(bytes).expect("the program writes UTF-8")).unwrap()
                })
            })
            .collect();
        for _ in 0..2 {
            if receive.recv_timeout(LIMIT).is_err() {
                let _ = child.kill();
                panic!("{args:?} did not end");
            }
        }
        let mut texts = readers.into_iter().map(|reader| reader.join().unwrap());
        let status = child.wait().unwrap();
        let code = status.code().unwrap_or_else(|| panic!("{args:?} was ended by a signal: {status}"));
        Output { code, stdout: texts.next().unwrap(), stderr: texts.next().unwrap() }
    }

    /// The program with `--format json`. Standard error must be empty.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Answer {
        self.json_with(args, &[])
    }

    #[track_caller]
    pub fn json_with(&self, args: &[&str], env: &[(&str, &str)]) -> Answer {
        let output = self.run_with(&[args, &["--format", "json"]].concat(), env);
        assert_eq!(output.stderr, "", "{args:?}: {output}");
        let value = serde_json::from_str(&output.stdout).unwrap_or_else(|why| panic!("{args:?}: no JSON ({why}): {output}"));
        Answer { line: args.join(" "), code: output.code, value }
    }

    /// git in the folder of the runs; its output without the last line break. Panics where it fails.
    #[track_caller]
    pub fn git(&self, args: &[&str]) -> String {
        self.git_in(&self.dir, args)
    }

    #[track_caller]
    pub fn git_in(&self, dir: &str, args: &[&str]) -> String {
        let (good, text) = self.try_tool(dir, "git", args);
        assert!(good, "git {args:?}: {text}");
        text
    }

    /// Any program but the one under test, with a fixed date for git. Whether it went well, and what it said.
    pub fn try_tool(&self, dir: &str, program: &str, args: &[&str]) -> (bool, String) {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.path(dir)).env_clear().envs(&self.env).stdin(Stdio::null());
        command.env("GIT_AUTHOR_DATE", "1795000000 +0000").env("GIT_COMMITTER_DATE", "1795000000 +0000").env("LC_ALL", "C");
        let output = command.output().unwrap_or_else(|why| panic!("{program}: {why}"));
        let mut text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        if !output.status.success() {
            text.push_str(&String::from_utf8_lossy(&output.stderr));
        }
        (output.status.success(), text)
    }

    pub fn identity(&self, dir: &str, name: &str, mail: &str) {
        self.git_in(dir, &["config", "user.name", name]);
        self.git_in(dir, &["config", "user.email", mail]);
        self.git_in(dir, &["config", "core.hooksPath", "/dev/null"]);
    }

    /// Writes a file below the folder of the runs.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(&self.dir).join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(&self.dir).join(path)).unwrap()
    }

    /// Replaces a text in a file; it must be there exactly once.
    #[track_caller]
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {path}: {text}");
        self.write(path, text.replace(from, to));
    }

    /// Commits everything; the commit's object id.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub fn push(&self) {
        self.git(&["push", "--quiet", "origin", "HEAD:main"]);
    }

    /// A file with this text, committed and pushed; the commit.
    pub fn commit_and_push(&self, text: &str) -> String {
        self.write("file", text);
        let commit = self.commit(text);
        self.push();
        commit
    }

    /// Every ref of the bare repository: name and the object it holds.
    pub fn remote_refs(&self) -> BTreeMap<String, String> {
        let text = self.git_in("origin.git", &["for-each-ref", "--format=%(refname) %(objectname)"]);
        text.lines().filter_map(|line| line.split_once(' ')).map(|(name, oid)| (name.to_owned(), oid.to_owned())).collect()
    }

    /// What a ref of the bare repository peels to; `None`: there is no such ref.
    pub fn remote_commit(&self, name: &str) -> Option<String> {
        let (good, text) = self.try_tool("origin.git", "git", &["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")]);
        good.then_some(text)
    }

    /// Everything that a refusal must leave as it is, byte for byte: the whole bare repository; of the clone the files and all
    /// that says where refs, index and configuration stand (objects may have been fetched); home and the folder for
    /// temporary files.
    pub fn everything(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for name in std::fs::read_dir(self.root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
            collect(self.root(), &name, &mut files);
        }
        // Fetched objects change no state of a clone; whoever removes one does.
        files.retain(|name, _| name.starts_with("origin.git/") || !name.contains("/.git/objects/"));
        // Nor does what a machine remembers of a ledger.
        files.retain(|name, _| !name.starts_with("home/.local/state/") || name.ends_with("/pin.json"));
        files
    }

    /// Runs, and asserts the reason and that nothing at all was written. Gives the answer.
    #[track_caller]
    pub fn refused(&self, args: &[&str], reason: &str) -> Value {
        self.refused_with(args, &[], reason)
    }

    #[track_caller]
    pub fn refused_with(&self, args: &[&str], env: &[(&str, &str)], reason: &str) -> Value {
        let before = self.everything();
        let value = self.json_with(args, env).expect(reason);
        assert_ne!(exit_code_of(reason), 0, "a refusal");
        self.unchanged_since(&before);
        let next = value["help"].as_str().or(value["next"].as_str()).unwrap_or_default();
        assert!(!next.is_empty(), "there is no next step: {value:#}");
        value
    }

    #[track_caller]
    pub fn unchanged_since(&self, before: &BTreeMap<String, Vec<u8>>) {
        let after = self.everything();
        let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let changed: Vec<&&String> = names.iter().filter(|name| before.get(**name) != after.get(**name)).collect();
        assert!(changed.is_empty(), "written although it was refused: {changed:?}");
    }
}

/// Every file below `name`, by path. Folders count too: an empty one left behind is something.
pub fn collect(root: &Path, name: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    let path = root.join(name);
    let meta = std::fs::symlink_metadata(&path).unwrap();
    if meta.is_symlink() {
        files.insert(name.to_owned(), std::fs::read_link(&path).unwrap().display().to_string().into_bytes());
    } else if meta.is_dir() {
        files.insert(format!("{name}/"), Vec::new());
        for entry in std::fs::read_dir(&path).unwrap() {
            let entry = entry.unwrap().file_name().into_string().unwrap();
            collect(root, &format!("{name}/{entry}"), files);
        }
    } else if meta.is_file() {
        files.insert(name.to_owned(), std::fs::read(&path).unwrap());
    }
}

/// The finding of this code, wherever it stands in an answer.
#[track_caller]
pub fn finding<'a>(answer: &'a Value, code: &str) -> &'a Value {
    let found = findings(answer);
    let codes: Vec<&str> = found.iter().filter_map(|finding| finding["code"].as_str()).collect();
    found.iter().copied().find(|finding| finding["code"] == code).unwrap_or_else(|| panic!("no {code} among {codes:?}: {answer:#}"))
}

/// Every finding of an answer: its own, its channels', its gates'.
pub fn findings(answer: &Value) -> Vec<&Value> {
    let mut found: Vec<&Value> = Vec::new();
    let mut open = vec![answer];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) if members.contains_key("code") && members.contains_key("severity") => found.push(value),
            Value::Object(members) => open.extend(members.values()),
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    found.reverse();
    found
}
