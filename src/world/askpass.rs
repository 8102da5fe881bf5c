//! Tagwarden's own credentials for git over HTTPS, by `GIT_ASKPASS`.
//!
//! git starts this program with its question; the program hands the question to the run that started git, through a socket in a
//! folder that only this user can enter, and prints the answer. So a token stands in no argument, address, configuration, file or
//! environment. A GitHub App's token is fetched when git asks, and one that ends soon is renewed before.
//!
//! Only questions about the host that the environment names are answered ([`GitHub::server`]): a remote's address, a redirect or a
//! proxy never chooses who gets the token. What git was set up with goes before, and then nothing is offered (`git/own.rs`). Deliberately
//! absent: passwords for anything but GitHub, and storing what was given.

use super::{Clock, EnvVars, GitHub, Http, temporary::Temporary};
use crate::{
    domain::{Fault, Reason, Result},
    gate::probe::reduce::Masks,
    lockdown::urls::Origin,
    world::github::{Failure, Purpose, TOKENS},
};
use std::{
    ffi::{OsStr, OsString},
    io::{Read, Write},
    net::Shutdown,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
};

/// In the environment of a git alone: the socket where this program asks for the answer.
const SOCKET: &str = "TAGWARDEN_ASKPASS";

/// Any user does for a token; GitHub's documents use this one for Apps.
const USER: &str = "x-access-token";

/// No question of git is longer.
const LONGEST: u64 = 4096;

/// How long the helper waits: longer than a token takes to be fetched.
const PATIENCE: Duration = Duration::from_secs(180);

/// What this run has for git.
pub struct Askpass {
    /// This program, as git can start it.
    program: PathBuf,
    env: EnvVars,
    http: Http,
    clock: Clock,
    /// The repositories that were spoken with, so that a token is fetched once.
    github: Mutex<Vec<(Origin, Purpose, GitHub)>>,
}

/// What one git is given.
pub struct Offer {
    program: PathBuf,
    /// As it begins every address there: `https://github.com`.
    server: String,
    github: GitHub,
    listener: UnixListener,
    folder: Temporary,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    has_given: bool,
    failure: Option<Failure>,
}

impl Askpass {
    pub fn new(program: PathBuf, env: EnvVars, http: Http, clock: Clock) -> Askpass {
        Askpass { program, env, http, clock, github: Mutex::default() }
    }

    /// For a git that speaks with this address, and for no more than that. `None`: the address is not on the server, or there are no
    /// credentials.
    pub fn offer(&self, url: &str, purpose: Purpose) -> Result<Option<Offer>> {
        // What cannot be used is said where it is asked for, by what needs it.
        let Ok(server) = GitHub::server(&self.env) else { return Ok(None) };
        let is_there =
            url.get(..server.len()).is_some_and(|start| start.eq_ignore_ascii_case(&server)) && url[server.len()..].starts_with('/');
        let Some(origin) = Origin::of_remote(url).filter(|_| is_there) else { return Ok(None) };
        let Some(github) = self.github(origin, purpose).filter(GitHub::has_credentials) else { return Ok(None) };
        let folder = Temporary::needed(&self.env.temp_dir())?;
        let listener = UnixListener::bind(folder.path().join("askpass")).map_err(|error| {
            let why = format!("git cannot be given credentials: no socket can be made in {}: {error}", folder.path().display());
            Fault::new(Reason::NoResources, why).help("let TMPDIR name a folder with a shorter path, which has room and can be written")
        })?;
        Ok(Some(Offer { program: self.program.clone(), server, github, listener, folder, told: Mutex::default() }))
    }

    fn github(&self, origin: Origin, purpose: Purpose) -> Option<GitHub> {
        let mut known = self.github.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((.., github)) = known.iter().find(|(of, good_for, _)| *of == origin && *good_for == purpose) {
            return Some(github.clone());
        }
        let github = GitHub::new(&origin, &self.env, &self.http, self.clock, purpose).ok()?;
        known.push((origin, purpose, github.clone()));
        Some(github)
    }
}

impl Offer {
    /// For git's command line: what it was given is stored by nobody, and its question names the host alone.
    pub const CONFIG: &[&str] = &["credential.helper=", "credential.useHttpPath=false"];

    /// Nothing but this program needs them.
    pub const DROPPED: &[&str] = TOKENS;

    pub fn variables(&self) -> [(&'static str, OsString); 2] {
        [("GIT_ASKPASS", self.program.clone().into()), (SOCKET, self.folder.path().join("askpass").into())]
    }

    /// Answers questions for as long as `talk` lasts.
    pub async fn during<T>(&self, talk: impl Future<Output = T>) -> T {
        tokio::select! {
            done = talk => done,
            never = self.serve() => match never {},
        }
    }

    /// Masks for what git says.
    pub fn masks(&self) -> Masks {
        self.github.masks()
    }

    /// What somebody has to know where git failed.
    pub fn words(&self) -> Option<String> {
        let told = self.told();
        match &told.failure {
            Some(failure) => Some(format!("git was given no token: {failure}")),
            None => told.has_given.then(|| format!("git was given the token of {}", self.github.credentials_name())),
        }
    }

    async fn serve(&self) -> std::convert::Infallible {
        loop {
            // One at a time: git asks for the user, then for the password.
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            // Who goes away gets no answer.
            let _ = self.hear(stream).await;
        }
    }

    async fn hear(&self, mut stream: UnixStream) -> std::io::Result<()> {
        let mut question = String::new();
        (&mut stream).take(LONGEST).read_to_string(&mut question).await?;
        let answer = match asked(&question, &self.server) {
            Some(Asked::User) => USER.to_owned(),
            Some(Asked::Password) => self.token().await,
            None => String::new(),
        };
        stream.write_all(answer.as_bytes()).await
    }

    async fn token(&self) -> String {
        let token = self.github.token().await;
        let mut told = self.told();
        told.has_given = matches!(token, Ok(Some(_)));
        match token {
            Ok(token) => token.unwrap_or_default(),
            Err(failure) => {
                told.failure = Some(failure);
                String::new()
            }
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    User,
    Password,
}

/// What git asks, where it asks about the server itself. The whole question is compared, not parsed: older versions write a user's
/// name into it as it came, and that may look like a host.
fn asked(question: &str, server: &str) -> Option<Asked> {
    let (scheme, host) = server.split_once("://")?;
    let is = |wanted: String| question.trim_end().eq_ignore_ascii_case(&wanted);
    if is(format!("Username for '{scheme}://{host}':")) {
        Some(Asked::User)
    } else {
        is(format!("Password for '{scheme}://{USER}@{host}':")).then_some(Asked::Password)
    }
}

/// The exit code of this process, where git started it to ask. What it prints is the answer.
pub fn helper(words: &[OsString]) -> Option<u8> {
    let socket = std::env::var_os(SOCKET)?;
    let [_, question] = words else { return None };
    let question =
        question.to_str().filter(|question| ["Username for '", "Password for '"].iter().any(|start| question.starts_with(start)));
    Some(match question.and_then(|question| ask(Path::new::<OsStr>(&socket), question).ok()) {
        Some(answer) if !answer.is_empty() => u8::from(super::output::to_stdout(&format!("{answer}\n")).is_err()),
        _ => 1,
    })
}

fn ask(socket: &Path, question: &str) -> std::io::Result<String> {
    let mut stream = std::os::unix::net::UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(question.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.take(LONGEST).read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_questions_about_the_server_are_answered() {
        let server = "https://git.example.com:8443";
        for (question, wanted) in [
            ("Username for 'https://git.example.com:8443': ", Some(Asked::User)),
            ("Password for 'https://x-access-token@git.example.com:8443': ", Some(Asked::Password)),
            ("Username for 'https://Git.Example.com:8443': ", Some(Asked::User)),
            // Another host, port, scheme or user, and what looks like the server.
            ("Password for 'https://x-access-token@evil.example.com': ", None),
            ("Password for 'https://x-access-token@git.example.com': ", None),
            ("Password for 'http://x-access-token@git.example.com:8443': ", None),
            ("Password for 'https://ann@git.example.com:8443': ", None),
            ("Password for 'https://git.example.com:8443': ", None),
            ("Password for 'https://x-access-token@git.example.com:8443.evil.example.com': ", None),
            ("Password for 'https://x-access-token@git.example.com:8443/x@evil.example.com': ", None),
            ("Password for 'https://x-access-token@git.example.com:8443\\@evil.example.com': ", None),
            ("Password for 'https://x-access-token@git.example.com:8443': '': ", None),
            ("Enter passphrase for key '/home/ann/.ssh/id_ed25519': ", None),
            ("", None),
        ] {
            assert_eq!(asked(question, server), wanted, "{question}");
        }
    }
}
