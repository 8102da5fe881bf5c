//! Programs: those that command gates name, and the few helpers that Tagwarden calls beside git.
//!
//! Every program gets exactly the environment it is given, no standard input but what is handed to it, a process group of
//! its own, and a time limit. When it ends or its time is up the whole group is killed, so nothing goes on in the background.
//! Output is read to its end but kept only up to a limit. Deliberately absent: a sandbox. A program that leaves its process
//! group lives on; what it may do is what the user may do.

use crate::{
    domain::Span,
    gate::probe::{CommandAsk, Produced, Unavailable, reduce::RawCommand, why},
    world::{EnvVars, trees::digest_file},
};
use std::{
    ffi::OsString,
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    task::JoinHandle,
};

/// The time limit of a command gate that names none.
const DEFAULT_LIMIT: Span = Span::seconds(60);

/// What is kept of an output; the rest is read and dropped.
const KEPT: usize = 1 << 20;

/// How long the end of the outputs is waited for once the group is gone. Only a program that left it can keep them open.
const GRACE: Duration = Duration::from_millis(500);

/// The fixed search path of command gates.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs a command gate's program in `folder`, with `scratch` for its files; of `env` it gets what it names. The answer is raw: reduce it before it is shown to anybody.
pub async fn run_command(ask: &CommandAsk, folder: &Path, scratch: &Path, env: &EnvVars) -> Result<RawCommand, Unavailable> {
    let (program, args) = match (ask.run.split_first(), &ask.shell) {
        (Some((program, args)), None) => (program.clone(), args.to_vec()),
        (None, Some(script)) => ("sh".to_owned(), ["-eu", "-c", script].map(str::to_owned).to_vec()),
        _ => return Err(Unavailable::new(why::BAD_QUESTION).detail("a command is either `run` or `shell`")),
    };
    let produces = ask.produces.as_deref().map(|name| inside(scratch, name)).transpose()?;
    let before = produces.as_deref().and_then(Stamp::of);
    let began = SystemTime::now();
    let call = Call {
        // A relative path means the folder that the program runs in.
        program: if program.contains('/') { folder.join(program).into() } else { program.into() },
        args: args.into_iter().map(OsString::from).collect(),
        folder: folder.to_owned(),
        env: environment(ask, scratch, env)?,
        input: Vec::new(),
        limit: ask.within.unwrap_or(DEFAULT_LIMIT).as_std(),
    };
    let ended = call.run().await?;
    let produced = produces.and_then(|path| produced(&path, scratch, before, began));
    let exit = ended.status.code();
    Ok(RawCommand {
        exit,
        stdout: ended.stdout,
        stderr: ended.stderr,
        over_limit: ended.over_limit,
        stderr_cut: ended.stderr_cut,
        produced,
    })
}

/// The whole environment of a command gate's program. A variable that is to be passed through but is not set makes the
/// question unanswerable.
fn environment(ask: &CommandAsk, scratch: &Path, env: &EnvVars) -> Result<Vec<(OsString, OsString)>, Unavailable> {
    let mut vars: Vec<(OsString, OsString)> = vec![
        ("PATH".into(), PATH.into()),
        ("HOME".into(), scratch.into()),
        ("TMPDIR".into(), scratch.into()),
        ("LANG".into(), "C".into()),
        ("TAGWARDEN_SCRATCH".into(), scratch.into()),
    ];
    for name in &ask.env {
        let value = env.get_os(name).ok_or_else(|| Unavailable::new(why::UNSET_VARIABLE).detail(name.clone()))?;
        vars.push((name.into(), value.to_owned()));
    }
    vars.extend(ask.set.iter().map(|(name, value)| (name.into(), value.into())));
    Ok(vars)
}

/// The path of a file that must lie in the scratch folder.
fn inside(scratch: &Path, name: &str) -> Result<PathBuf, Unavailable> {
    let lawful = !name.is_empty() && Path::new(name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if lawful {
        Ok(scratch.join(name))
    } else {
        Err(Unavailable::new(why::BAD_QUESTION).detail("`produces` is no path inside the scratch folder"))
    }
}

/// What tells one state of a file from another.
#[derive(PartialEq)]
struct Stamp {
    inode: (u64, u64),
    changed: (i64, i64),
    modified: (i64, i64),
    bytes: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Stamp> {
        let meta = std::fs::symlink_metadata(path).ok()?;
        Some(Stamp {
            inode: (meta.dev(), meta.ino()),
            changed: (meta.ctime(), meta.ctime_nsec()),
            modified: (meta.mtime(), meta.mtime_nsec()),
            bytes: meta.len(),
        })
    }
}

/// The file as it is now; `None` where there is no plain file, or only behind a link that leads out of the scratch folder.
fn produced(path: &Path, scratch: &Path, before: Option<Stamp>, began: SystemTime) -> Option<Produced> {
    let real = path.canonicalize().ok()?;
    let meta = std::fs::symlink_metadata(path).ok()?;
    if !meta.is_file() || !real.starts_with(scratch.canonicalize().ok()?) {
        return None;
    }
    // File systems stamp with a coarser clock than the one that gave `began`; an old file moved here is older than that.
    let recent = meta.modified().ok()? >= began - Duration::from_secs(2);
    let fresh = recent && before.is_none_or(|before| Stamp::of(path).is_some_and(|now| now != before));
    let (bytes, digest) = digest_file(path).ok()?;
    Some(Produced { bytes, sha256: digest.hex().to_owned(), fresh })
}

/// Runs a shell script that the caller of this run wrote, in `folder`, without the secrets of the surroundings; its exit code and its
/// error output. `None`: a signal ended it.
pub async fn run_script(script: &str, folder: &Path, env: &EnvVars, limit: Duration) -> Result<(Option<i32>, Vec<u8>), Unavailable> {
    let call = Call {
        program: "sh".into(),
        args: ["-eu", "-c", script].map(OsString::from).to_vec(),
        folder: folder.to_owned(),
        env: env.without_secrets().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        input: Vec::new(),
        limit,
    };
    let ended = call.run().await?;
    Ok((ended.status.code(), ended.stderr))
}

/// One run of a program.
pub(super) struct Call {
    pub program: OsString,
    pub args: Vec<OsString>,
    pub folder: PathBuf,
    /// All of it; nothing is inherited.
    pub env: Vec<(OsString, OsString)>,
    pub input: Vec<u8>,
    pub limit: Duration,
}

pub(super) struct Ended {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// More standard output came than was kept.
    pub over_limit: bool,
    /// More error output came than was kept.
    pub stderr_cut: bool,
}

impl Call {
    /// Runs it to its end. `timeout` where that takes too long, `not-found` where there is no such program.
    pub async fn run(self) -> Result<Ended, Unavailable> {
        let mut command = tokio::process::Command::new(&self.program);
        command.args(&self.args).current_dir(&self.folder).env_clear().envs(self.env).process_group(0).kill_on_drop(true);
        let stdin = if self.input.is_empty() { Stdio::null() } else { Stdio::piped() };
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = start(&mut command).await?;
        let group = Group::of(&child);
        let stdout = Reader::start(child.stdout.take());
        let stderr = Reader::start(child.stderr.take());
        let (stdin, input) = (child.stdin.take(), self.input);
        let write = tokio::spawn(async move {
            if let Some(mut stdin) = stdin {
                // A program that does not want its input says so in its exit code.
                let _ = stdin.write_all(&input).await;
            }
        });
        let waited = tokio::time::timeout(self.limit, child.wait()).await;
        drop(group);
        write.abort();
        let Ok(status) = waited else {
            // The group is gone; collect what is left of its leader.
            let _ = child.kill().await;
            return Err(Unavailable::new(why::TIMEOUT));
        };
        let (stdout, stderr) = tokio::join!(stdout.finish(), stderr.finish());
        let status = status.map_err(|error| not_started(&error))?;
        Ok(Ended { status, stdout: stdout.bytes, stderr: stderr.bytes, over_limit: stdout.over, stderr_cut: stderr.over })
    }
}

/// Starts it; again where the system says that somebody still writes to the file. That is another child of this process, in
/// the moment between its fork and its exec, which inherited our handle of a file that was just written.
async fn start(command: &mut tokio::process::Command) -> Result<tokio::process::Child, Unavailable> {
    for _ in 0..50 {
        match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(error) => return Err(not_started(&error)),
            Ok(child) => return Ok(child),
        }
    }
    Err(Unavailable::new(why::NOT_FOUND).detail("the program is being written to"))
}

fn not_started(error: &std::io::Error) -> Unavailable {
    match error.kind() {
        std::io::ErrorKind::NotFound => Unavailable::new(why::NOT_FOUND),
        _ => Unavailable::new(why::NOT_FOUND).detail(error.to_string()),
    }
}

/// Kills what is left of a process group when dropped, also where the run is given up half-way.
pub(super) struct Group(Option<rustix::process::Pid>);

impl Group {
    /// It ended by itself: what it left on purpose lives on.
    pub fn ended(mut self) {
        self.0 = None;
    }

    pub fn of(child: &tokio::process::Child) -> Group {
        Group(child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // It fails where nobody is left.
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}

/// A program that runs beside us until this is dropped. Its standard input is a pipe to us that nothing is written to, so it can
/// tell that we ended in whatever way.
pub(super) struct Companion {
    _group: Group,
    _child: tokio::process::Child,
}

impl Companion {
    pub fn start(program: &str, args: impl IntoIterator<Item = OsString>, env: &[(OsString, OsString)]) -> std::io::Result<Companion> {
        let mut command = tokio::process::Command::new(program);
        command.args(args).env_clear().envs(env.iter().cloned()).process_group(0).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn()?;
        Ok(Companion { _group: Group::of(&child), _child: child })
    }
}

/// Reads an output to its end and keeps the first part of it.
struct Reader {
    kept: Arc<Mutex<Kept>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    /// More came than is kept.
    over: bool,
}

impl Reader {
    fn start<R: AsyncRead + Unpin + Send + 'static>(pipe: Option<R>) -> Reader {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let filled = Arc::clone(&kept);
        let task = tokio::spawn(async move {
            let Some(mut pipe) = pipe else { return };
            let mut buffer = vec![0; 1 << 14];
            while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
                let mut kept = filled.lock().unwrap_or_else(PoisonError::into_inner);
                let room = KEPT.saturating_sub(kept.bytes.len()).min(read);
                kept.bytes.extend_from_slice(&buffer[..room]);
                kept.over |= room < read;
            }
        });
        Reader { kept, task }
    }

    async fn finish(mut self) -> Kept {
        let ended = tokio::time::timeout(GRACE, &mut self.task).await.is_ok();
        self.task.abort();
        let mut kept = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        // An output whose end was not seen is not whole.
        kept.over |= !ended;
        kept
    }
}
