//! Keeps secrets out of what other programs can read of this process.
//!
//! What a process was started with stands in `/proc/<pid>/environ` for as long as it lives, and a gate's program may read it. So where
//! the environment holds secrets, the process starts itself once more in the same place, without them: they come through a pipe, which is empty
//! once it is read. Only Linux shows environments this way; elsewhere nothing is done. Deliberately
//! absent: protection from who may read the memory of this process, as root may.

use super::EnvVars;
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{Read, Write},
    os::{
        fd::AsFd,
        unix::{
            ffi::{OsStrExt, OsStringExt},
            fs::FileTypeExt,
            process::CommandExt,
        },
    },
    process::Command,
};

/// Says that standard input holds the rest of the environment of the process with this id, which a new start in its place keeps.
const MARK: &str = "TAGWARDEN_HIDDEN_ENVIRONMENT";

/// A pipe takes so many bytes that nobody reads yet; where the secrets are more, they stay where they are.
const ROOM: usize = 60_000;

/// The whole environment of this process. Returns in a process whose own shows no secrets, where that can be had.
pub fn environment() -> EnvVars {
    let marked = EnvVars::from_process();
    let env = EnvVars::of(marked.iter().filter(|(name, _)| *name != OsStr::new(MARK)));
    if marked.get(MARK).is_some_and(|mark| mark == own_mark()) && stdin_is_pipe() {
        return rest(&env);
    }
    let clean = env.without_secrets();
    if cfg!(target_os = "linux") && clean.iter().count() < env.iter().count() {
        // It returns only where it failed; then all goes on as it is.
        let _ = start_again(&env, &clean);
    }
    env
}

fn own_mark() -> String {
    std::process::id().to_string()
}

fn stdin_is_pipe() -> bool {
    let stdin = std::io::stdin().as_fd().try_clone_to_owned().map(File::from);
    stdin.and_then(|stdin| stdin.metadata()).is_ok_and(|meta| meta.file_type().is_fifo())
}

fn start_again(env: &EnvVars, clean: &EnvVars) -> std::io::Result<()> {
    let mut rest = Vec::new();
    for (name, value) in env.iter().filter(|(name, _)| clean.get_os_name(name).is_none()) {
        rest.extend([name.as_bytes(), b"=", value.as_bytes(), b"\0"].concat());
    }
    if rest.len() > ROOM {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    let (reader, mut writer) = std::io::pipe()?;
    writer.write_all(&rest)?;
    let mut words = std::env::args_os();
    let mut command = Command::new(std::env::current_exe()?);
    command.arg0(words.next().unwrap_or_default()).args(words).env_clear().envs(clean.iter()).env(MARK, own_mark()).stdin(reader);
    Err(command.exec())
}

fn rest(env: &EnvVars) -> EnvVars {
    let mut bytes = Vec::new();
    // What cannot be read is not there: the variable is then said to be missing.
    let _ = std::io::stdin().lock().take(ROOM as u64).read_to_end(&mut bytes);
    let own = env.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let hidden = bytes.split(|byte| *byte == 0).filter_map(|line| {
        let at = line.iter().skip(1).position(|byte| *byte == b'=')? + 1;
        Some((OsString::from_vec(line[..at].to_vec()), OsString::from_vec(line[at + 1..].to_vec())))
    });
    EnvVars::of(own.chain(hidden))
}
