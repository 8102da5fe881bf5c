//! How git is started: one fixed environment for every call, so that neither configuration nor environment can change what
//! a call means, while credentials go on working.

use super::talk::{Ended, Listener, Talk, Talked};
use crate::{
    domain::{Fault, Reason, Result},
    world::{EnvVars, askpass::Offer, machine, process::Group, signals},
};
use std::{
    ffi::{OsStr, OsString},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Longest run of a git that speaks with no remote.
const LIMIT: Duration = Duration::from_secs(600);

/// Variables of the surroundings that would point git at another repository, index, object store or history, or make it
/// write into what is read here.
const DROPPED: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_QUARANTINE_PATH",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_REPLACE_REF_BASE",
    "GIT_GLOB_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
    "GIT_EXTERNAL_DIFF",
    "GIT_REDIRECT_STDIN",
    "GIT_REDIRECT_STDOUT",
    "GIT_REDIRECT_STDERR",
    "GIT_CONFIG",
    // An old name of GIT_TRACE_CURL.
    "GIT_CURL_VERBOSE",
    "LANGUAGE",
];

const FIXED: &[(&str, &str)] = &[
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    // A path that cannot exist: an existing one makes git advise.
    ("GIT_GRAFT_FILE", "/dev/null/none"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_LITERAL_PATHSPECS", "1"),
    ("LC_ALL", "C"),
];

/// No programs of the repository's configuration, no maintenance, no colour in what is parsed.
const CONFIG: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    // It may say other parents than the commits do.
    "core.commitGraph=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "color.ui=never",
    "color.remote=never",
    "core.quotePath=false",
];

/// Whether this process has a terminal to ask at.
pub(super) static TERMINAL: LazyLock<bool> = LazyLock::new(|| std::fs::File::open("/dev/tty").is_ok());

pub(super) struct Runner {
    program: PathBuf,
    dir: PathBuf,
    /// Without secrets: a gate's program may look at what runs beside it.
    env: Vec<(OsString, OsString)>,
    /// For what speaks with a server, which may need a token.
    env_of_remotes: Vec<(OsString, OsString)>,
    limit: Duration,
    started: AtomicU64,
    /// Where the secrets are that its words may quote.
    pub(super) surroundings: EnvVars,
}

/// Before every line that the server said.
const SERVER: &str = "remote: ";

pub(super) struct Output {
    /// `None`: ended by a signal.
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    /// Without secrets.
    pub stderr: String,
}

impl Runner {
    pub fn new(dir: &Path, env: &EnvVars) -> Runner {
        let dropped = |name: &OsStr| {
            name.to_str().is_some_and(|name| DROPPED.contains(&name) || (name.starts_with("GIT_TRACE") && name != "GIT_TRACE2_PARENT_SID"))
        };
        let fixed = |env: EnvVars| {
            let mut kept: Vec<(OsString, OsString)> =
                env.iter().filter(|(name, _)| !dropped(name)).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            kept.extend(FIXED.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))));
            kept
        };
        Runner {
            program: program(env),
            dir: dir.to_owned(),
            env: fixed(env.without_secrets()),
            env_of_remotes: fixed(env.without_keys()),
            limit: LIMIT,
            started: AtomicU64::new(0),
            surroundings: env.clone(),
        }
    }

    pub fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// Runs git to its end. `Err` only where it could not be started or ran too long; a failure of git is an [`Output`].
    pub async fn run<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I, input: Option<Vec<u8>>) -> Result<Output> {
        self.to_its_end(self.command(args), input).await
    }

    /// The same with what credentials need, listening to what git tells of the talk with the server. It is ended where the server
    /// takes too long, and where it pushes and this process is told to end before anything was sent.
    pub async fn talk<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(
        &self,
        args: I,
        talk: &Talk<'_>,
        offer: Option<&Offer>,
    ) -> Result<Talked> {
        let mut command = match offer {
            None => self.command_in(&self.env_of_remotes, &[], args),
            Some(offer) => {
                let mut command = self.command_in(&self.env_of_remotes, Offer::CONFIG, args);
                for name in Offer::DROPPED {
                    command.env_remove(name);
                }
                command.envs(offer.variables());
                command
            }
        };
        // Every packet on standard error, beside git's own words.
        command.env("GIT_TRACE_PACKET", "1").stdin(Stdio::null());
        let (mut child, mut group) = start(command)?;
        let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
        let listener = Listener::new(talk);
        let read = async {
            let mut bytes = Vec::new();
            match &mut stdout {
                Some(stdout) => stdout.read_to_end(&mut bytes).await.map(|_| bytes),
                None => Ok(bytes),
            }
        };
        let listen = async {
            let mut buffer = vec![0; 1 << 14];
            if let Some(stderr) = &mut stderr {
                while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
                    listener.hear(&buffer[..read]);
                }
            }
        };
        let leader = child.id();
        let whole = async { tokio::join!(read, listen, child.wait()) };
        tokio::pin!(whole);
        let mut is_told = false;
        let (ended, done) = loop {
            tokio::select! {
                done = &mut whole => break (Ended::ByItself, Some(done)),
                () = tokio::time::sleep_until(listener.due().into()) => match listener.overdue() {
                    Some(ended) => break (ended, None),
                    None => continue,
                },
                () = signals::told(), if talk.pushes && !is_told => {
                    is_told = true;
                    // From our own group, what git started would go on.
                    if group.is_some() && !listener.has_sent() {
                        break (Ended::Told, None);
                    }
                }
            }
        };
        let done = match done {
            Some(done) => {
                group.into_iter().for_each(Group::ended);
                Some(done)
            }
            None => {
                drop(group.take());
                if let Some(leader) = leader {
                    end(leader);
                }
                // What it told until its end counts, too.
                tokio::time::timeout(GRACE, &mut whole).await.ok()
            }
        };
        let (code, stdout) = match done {
            Some((stdout, (), status)) => (status.map_err(not_started)?.code(), stdout.map_err(not_started)?),
            None => (None, Vec::new()),
        };
        let (words, has_sent) = listener.finish();
        let output = Output { code, stdout, stderr: self.clean(&words) };
        Ok(Talked { output, ended, has_sent })
    }

    pub(super) async fn to_its_end(&self, mut command: std::process::Command, input: Option<Vec<u8>>) -> Result<Output> {
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        let (mut child, group) = start(command)?;
        let stdin = child.stdin.take();
        let write = async move {
            if let (Some(mut stdin), Some(input)) = (stdin, input) {
                // A git that stops reading says why in its exit code.
                let _ = stdin.write_all(&input).await;
            }
        };
        let both = async { tokio::join!(write, child.wait_with_output()).1 };
        let Ok(output) = tokio::time::timeout(self.limit, both).await else {
            return Err(Fault::new(Reason::Unreachable, format!("git did not end within {} s", self.limit.as_secs())));
        };
        group.into_iter().for_each(Group::ended);
        let output = output.map_err(not_started)?;
        let stderr = self.clean(&output.stderr);
        Ok(Output { code: output.status.code(), stdout: output.stdout, stderr })
    }

    /// The same, blocking: for reads behind the synchronous [`crate::tree::Tree`].
    pub fn run_blocking<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> Result<Output> {
        let output = self.command(args).stdin(Stdio::null()).output().map_err(not_started)?;
        let stderr = self.clean(&output.stderr);
        Ok(Output { code: output.status.code(), stdout: output.stdout, stderr })
    }

    /// What git or a server said, without the secrets of the environment and the user info of URLs.
    pub fn clean(&self, said: &[u8]) -> String {
        let said = String::from_utf8_lossy(said);
        let masks = self.surroundings.masks();
        // git puts its mark before every line of the server, which must not hide what stands on two of them.
        let (server, own): (Vec<&str>, Vec<&str>) = said.lines().partition(|line| line.starts_with(SERVER));
        let server: Vec<&str> = server.iter().map(|line| &line[SERVER.len()..]).collect();
        let server = masks.mask(&server.join("\n"));
        let mut lines: Vec<String> = server.lines().map(|line| format!("{SERVER}{line}")).collect();
        lines.push(masks.mask(&own.join("\n")));
        mask_userinfo(&lines.join("\n"))
    }

    pub fn command<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> std::process::Command {
        self.command_in(&self.env, &[], args)
    }

    fn command_in<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(
        &self,
        env: &[(OsString, OsString)],
        settings: &[&str],
        args: I,
    ) -> std::process::Command {
        self.started.fetch_add(1, Ordering::Relaxed);
        let mut command = std::process::Command::new(&self.program);
        command.current_dir(&self.dir).env_clear().envs(env.iter().map(|(name, value)| (name, value)));
        for setting in CONFIG.iter().chain(settings) {
            command.args(["-c", setting]);
        }
        command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// The `git` of the surroundings, looked for once. A program that is known by its path is started without a copy of this
/// process, which matters the more the larger this one is.
fn program(env: &EnvVars) -> PathBuf {
    let folders = std::env::split_paths(env.get_os("PATH").unwrap_or_default()).filter(|folder| folder.is_absolute());
    let runs = |path: &PathBuf| path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0);
    folders.map(|folder| folder.join("git")).find(runs).unwrap_or_else(|| PathBuf::from("git"))
}

impl Output {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The output where git ended well; a defect otherwise, for calls that cannot fail on a sound repository.
    pub fn ok(self, what: &str) -> Result<Output> {
        if self.code == Some(0) {
            return Ok(self);
        }
        Err(Fault::new(self.reason(Reason::Internal), format!("{what} failed: {}", self.last_words())))
    }

    /// Why it failed: `no_resources` where the machine did, or something ended git from outside, else `otherwise`.
    pub fn reason(&self, otherwise: Reason) -> Reason {
        let own = self.stderr.lines().filter(|line| !line.starts_with("remote:")).collect::<Vec<_>>().join("\n");
        if self.code.is_none() { Reason::NoResources } else { machine::reason(&own, otherwise) }
    }

    /// What git said, on one line.
    pub fn last_words(&self) -> String {
        let lines: Vec<&str> = self.stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        match (lines.is_empty(), self.code) {
            (true, Some(code)) => format!("git said nothing (exit {code})"),
            (true, None) => "git was ended by a signal: by a limit of this machine, or by somebody".to_owned(),
            _ => lines.join("; "),
        }
    }
}

/// How long the end of a git that was ended is waited for.
const GRACE: Duration = Duration::from_secs(2);

/// Starts it. Where there is a terminal it stays in our process group: ssh may have to ask there, which it cannot from another
/// one, and who ends us there ends the whole group.
fn start(command: std::process::Command) -> Result<(tokio::process::Child, Option<Group>)> {
    let mut command = tokio::process::Command::from(command);
    command.kill_on_drop(true);
    let alone = !*TERMINAL;
    if alone {
        command.process_group(0);
    }
    let child = command.spawn().map_err(not_started)?;
    let group = alone.then(|| Group::of(&child));
    Ok((child, group))
}

/// Asks a git that was not waited for to end: it then ends what it started, which it cannot where it is killed.
fn end(leader: u32) {
    if let Some(leader) = i32::try_from(leader).ok().and_then(rustix::process::Pid::from_raw) {
        // It may have ended by itself.
        let _ = rustix::process::kill_process(leader, rustix::process::Signal::TERM);
    }
}

fn not_started(error: std::io::Error) -> Fault {
    let message = format!("git cannot be run: {error}");
    match machine::reason(&error, Reason::GitTooOld) {
        Reason::GitTooOld => Fault::new(Reason::GitTooOld, message).help("Install git 2.36 or newer and put it on PATH."),
        other => Fault::new(other, message),
    }
}

/// Puts `***` in place of `user:password` (or a bare token) between `://` and `@`.
pub fn mask_userinfo(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        masked.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '\'' | '"' | '<' | '>')).unwrap_or(after.len());
        rest = match after[..end].rfind('@') {
            Some(sign) => {
                masked.push_str("***");
                &after[sign..]
            }
            None => after,
        };
    }
    masked.push_str(rest);
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_info_of_urls_is_masked() {
        for (text, masked) in [
            ("fatal: 'https://u:p@example.com/x.git' gone", "fatal: 'https://***@example.com/x.git' gone"),
            ("https://ghs_token@example.com", "https://***@example.com"),
            ("https://u:p@ss@example.com/a@b", "https://***@example.com/a@b"),
            ("ssh://git@example.com:22/a and http://a:b@c", "ssh://***@example.com:22/a and http://***@c"),
            ("no url, a@b, ://", "no url, a@b, ://"),
        ] {
            assert_eq!(mask_userinfo(text), masked);
        }
    }

    #[test]
    fn words_are_told_without_the_secrets_of_the_environment() {
        let env = EnvVars::of([("DEPLOY_TOKEN", "hunter22-and-more")]);
        let runner = Runner::new(Path::new("/"), &env);
        let said = "remote: no hunter22-an        \nremote: d-more here\nfatal: HUNTER22-AND%2Dmore at https://u:p@example.com\n";
        assert_eq!(runner.clean(said.as_bytes()), "remote: no [masked] here\nfatal: [masked] at https://***@example.com");
    }

    #[tokio::test]
    async fn a_git_that_hangs_is_ended() {
        let limit = Duration::from_millis(200);
        let runner = Runner { limit, ..Runner::new(Path::new("/"), &EnvVars::from_process()) };
        let hang = ["-c", "alias.hang=!sleep 600", "hang"];
        assert_eq!(runner.run(hang, None).await.err().map(|fault| fault.reason), Some(Reason::Unreachable));
    }

    #[test]
    fn surroundings_cannot_redirect_git() {
        let env = EnvVars::of([("GIT_DIR", "/elsewhere"), ("GIT_TRACE_CURL", "1"), ("GIT_CONFIG_COUNT", "1"), ("LC_ALL", "de_DE")]);
        let runner = Runner::new(Path::new("/"), &env);
        let get = |name: &str| runner.env.iter().rfind(|(key, _)| key == name).map(|(_, value)| value.to_str().unwrap());
        assert_eq!((get("GIT_DIR"), get("GIT_TRACE_CURL"), get("GIT_CONFIG_COUNT"), get("LC_ALL")), (None, None, Some("1"), Some("C")));
        assert_eq!(get("GIT_NO_REPLACE_OBJECTS"), Some("1"));
    }
}
