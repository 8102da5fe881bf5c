//! The one process of git that reads objects: questions in, answers out.
//!
//! Deliberately absent: whether an object is what its id says; see [`super::objects`].

use super::{
    objects::{Object, ObjectKind, Small, unreadable},
    run::Runner,
};
use crate::domain::{Oid, Result};
use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

/// Larger objects are not read into memory; whoever wants them gets an error.
const LARGEST: u64 = 256 * 1024 * 1024;

/// Bytes of answers that wait for whoever reads them later; no user may have more in one pipe.
#[cfg(target_os = "linux")]
const AHEAD: usize = 1 << 20;

/// A running `git cat-file --batch-command --buffer`. It takes questions until `flush`, then answers them all: writing them
/// first and reading afterwards cannot block both sides.
pub(super) struct Batch {
    pub(super) questions: Questions,
    pub(super) answers: Answers,
}

pub(super) struct Questions(ChildStdin);

pub(super) struct Answers {
    stdout: BufReader<ChildStdout>,
    _process: Ended,
}

/// A process that ends when nobody reads its answers any more.
struct Ended(Child);

impl Batch {
    pub(super) fn start(runner: &Runner) -> Result<Batch> {
        let mut command = runner.command(["cat-file", "--batch-command", "--buffer"]);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(unreadable)?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(stdin), Some(stdout)) => {
                let stdout = BufReader::with_capacity(1 << 16, stdout);
                Ok(Batch { questions: Questions(stdin), answers: Answers { stdout, _process: Ended(child) } })
            }
            _ => Err(unreadable("git cat-file has no pipes")),
        }
    }

    /// With room for many answers that nobody has read yet: git writes them in small pieces, and where somebody waits for each, handing
    /// them over costs as much as making them.
    pub(super) fn start_ahead(runner: &Runner) -> Result<Batch> {
        let batch = Batch::start(runner)?;
        // Where a pipe cannot be larger, it only is slower.
        #[cfg(target_os = "linux")]
        let _ = rustix::pipe::fcntl_setpipe_size(batch.answers.stdout.get_ref(), AHEAD);
        Ok(batch)
    }
}

impl Questions {
    pub(super) fn send<'a>(&mut self, questions: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<()> {
        let mut text: String = questions.into_iter().map(|(command, name)| format!("{command} {name}\n")).collect();
        text.push_str("flush\n");
        self.0.write_all(text.as_bytes()).and_then(|()| self.0.flush()).map_err(unreadable)
    }
}

impl Answers {
    /// `<oid> <kind> <size>`; every other answer means that there is no such object.
    pub(super) fn head(&mut self) -> Result<Option<(Oid, ObjectKind, u64)>> {
        let mut line = Vec::new();
        self.stdout.read_until(b'\n', &mut line).map_err(unreadable)?;
        if line.pop() != Some(b'\n') {
            return Err(unreadable("git cat-file ended early; an object is damaged"));
        }
        let line = String::from_utf8_lossy(&line);
        let mut words = line.split(' ');
        let head = (|| {
            let (oid, kind, size) = (words.next()?, words.next()?, words.next()?);
            Some((oid.parse().ok()?, ObjectKind::parse(kind)?, size.parse().ok()?))
        })();
        Ok(head)
    }

    pub(super) fn small(&mut self, limit: u64) -> Result<Small> {
        let Some((oid, kind, size)) = self.head()? else { return Ok(Small::Missing) };
        if size > limit {
            let passed = std::io::copy(&mut self.stdout.by_ref().take(size + 1), &mut std::io::sink()).map_err(unreadable)?;
            return if passed == size + 1 { Ok(Small::TooLarge(size)) } else { Err(unreadable(format!("object {oid} ends early"))) };
        }
        self.content(oid, kind, size).map(Small::Object)
    }

    pub(super) fn object(&mut self) -> Result<Option<Object>> {
        let Some((oid, kind, size)) = self.head()? else { return Ok(None) };
        if size > LARGEST {
            return Err(unreadable(format!("object {oid} has {size} bytes, more than {LARGEST}")));
        }
        self.content(oid, kind, size).map(Some)
    }

    fn content(&mut self, oid: Oid, kind: ObjectKind, size: u64) -> Result<Object> {
        let mut bytes = Vec::with_capacity(size as usize + 1);
        self.stdout.by_ref().take(size + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 != size + 1 {
            return Err(unreadable(format!("object {oid} ends early")));
        }
        bytes.pop();
        Ok(Object { oid, kind, bytes })
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself; nothing is left to be done about an error here.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
