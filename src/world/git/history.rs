//! What a history removed and renamed, by one `git log` over all of it; its output is read as it comes and never held whole.
//!
//! Asked for only where something is missing, since it reads every tree of the history: about a second for 10,000 commits.

use super::{Git, run::mask_userinfo};
use crate::{
    domain::{Fault, Oid, Reason, Result},
    lockdown::history::{History, Limits, Recorder},
};
use std::{process::Stdio, time::Duration};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest run. A history of a million commits takes minutes.
const LIMIT: Duration = Duration::from_secs(600);

/// The settings of a repository or a user that would change or break the listing.
const SETTINGS: &[&str] = &["log.showSignature=false", "diff.orderFile=/dev/null"];

/// The whole history is asked, since limiting it to paths would hide where they were renamed to.
///
/// Every commit is compared with its parent, and every merge with its first parent (`--diff-merges`), which finds what was
/// lost in the merge itself: whatever once stood on the line of first parents and is gone has a record. `--first-parent`
/// would do with less, but hides what lived and died on a branch, and blames merges for what a commit did. Comparing with
/// all parents (`-m`, `-c`) costs 15 times as much on a history with many merges.
///
/// A commit in which more files than the square root of the limit vanished and came is not searched for edited renames;
/// 1000 of each take two seconds. Given here, so that no `diff.renameLimit` can make it less; git says when it was passed.
const LOG: &[&str] = &[
    "log",
    "--date-order",
    "--diff-merges=first-parent",
    "--name-status",
    "-z",
    "-l1000",
    "--diff-filter=DR",
    "--no-ext-diff",
    "--ignore-submodules=none",
    "--format=commit %H %P",
];

impl Git {
    /// The removals and renames in the history of a commit. Faults: `unreachable` where git cannot read that history.
    pub async fn history(&self, of: &Oid) -> Result<History> {
        let exact_renames_only = self.is_partial().await?;
        // An edited rename is found by reading both files, which would fetch them one by one.
        let renames = if exact_renames_only { "-M100%" } else { "-M" };
        let settings = SETTINGS.iter().flat_map(|setting| ["-c", setting]);
        let args = settings.chain(LOG.iter().copied()).chain([renames, of.as_str(), "--"]);
        let mut command = tokio::process::Command::from(self.runner().command(args));
        command.stdin(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().map_err(unreadable)?;
        let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(unreadable("git log has no pipes"));
        };
        let mut said = Vec::new();
        let read = async { tokio::join!(listing(stdout), stderr.read_to_end(&mut said), child.wait()) };
        let Ok((listing, heard, status)) = tokio::time::timeout(LIMIT, read).await else {
            return Err(unreadable(format!("git log did not end within {} s", LIMIT.as_secs())));
        };
        heard.map_err(unreadable)?;
        let said = mask_userinfo(&String::from_utf8_lossy(&said));
        if !status.map_err(unreadable)?.success() {
            return Err(unreadable(said.trim()));
        }
        let renames_skipped = said.contains("rename detection was skipped");
        Ok(listing?.finish(Limits { cut: self.is_cut(), exact_renames_only, renames_skipped }))
    }

    /// Whether objects may have been left on a remote.
    async fn is_partial(&self) -> Result<bool> {
        let by_extension = !self.config_all("extensions.partialClone").await?.is_empty();
        let is_promisor = |key: &str| key.starts_with("remote.") && key.ends_with(".promisor");
        let keys = self.shared.config.get().into_iter().flatten();
        Ok(by_extension || keys.into_iter().any(|(key, values)| is_promisor(key) && values.last().is_some_and(|value| value != "false")))
    }
}

async fn listing(mut stdout: impl AsyncRead + Unpin) -> Result<Recorder> {
    let mut listing = Listing::default();
    let mut chunk = vec![0; 1 << 16];
    loop {
        match stdout.read(&mut chunk).await.map_err(unreadable)? {
            0 => return listing.end(),
            count => listing.feed(&chunk[..count])?,
        }
    }
}

/// Reads `commit <id> <parents>`, then for each change `D`, path or `R<score>`, old path, new path; a NUL ends each.
#[derive(Default)]
struct Listing {
    recorder: Recorder,
    /// The beginning of a word whose end has not come.
    word: Vec<u8>,
    next: Next,
}

#[derive(Default)]
enum Next {
    #[default]
    Record,
    Removed,
    Renamed,
    To(String),
}

impl Listing {
    fn feed(&mut self, mut bytes: &[u8]) -> Result<()> {
        while let Some(at) = bytes.iter().position(|byte| *byte == 0) {
            self.word.extend_from_slice(&bytes[..at]);
            bytes = &bytes[at + 1..];
            let word = std::mem::take(&mut self.word);
            self.word(&String::from_utf8_lossy(&word))?;
        }
        self.word.extend_from_slice(bytes);
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<()> {
        self.next = match std::mem::take(&mut self.next) {
            Next::Removed => {
                self.recorder.removed(word);
                Next::Record
            }
            Next::Renamed => Next::To(word.to_owned()),
            Next::To(from) => {
                self.recorder.renamed(&from, word);
                Next::Record
            }
            Next::Record => self.record(word)?,
        };
        Ok(())
    }

    fn record(&mut self, word: &str) -> Result<Next> {
        let word = word.trim_start_matches('\n');
        if let Some(ids) = word.strip_prefix("commit ") {
            let (id, parents) = ids.split_once(' ').unwrap_or((ids, ""));
            self.recorder.commit(id, parents.contains(' '));
            return Ok(Next::Record);
        }
        match word.as_bytes() {
            [] => Ok(Next::Record),
            b"D" => Ok(Next::Removed),
            [b'R', ..] => Ok(Next::Renamed),
            _ => Err(unreadable(format!("git log answered `{}`", word.escape_debug()))),
        }
    }

    fn end(self) -> Result<Recorder> {
        match self.next {
            Next::Record if self.word.is_empty() || self.word == b"\n" => Ok(self.recorder),
            _ => Err(unreadable("the answer of git log ends early")),
        }
    }
}

fn unreadable(what: impl std::fmt::Display) -> Fault {
    Fault::new(Reason::Unreachable, format!("the history cannot be read: {what}")).help("Run `git fsck`, or clone anew.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = b"commit cc c1 c2\0\nD\0lost\0\0commit bb aa\0\nR095\0old name\0D\0D\0commit x\0";

    fn fate(answer: Result<Recorder>, path: &str) -> Option<String> {
        Some(answer.ok()?.finish(Limits::default()).fate(path, |path| path == "D")?.to_string())
    }

    #[test]
    fn an_answer_is_read_however_it_is_cut() {
        for size in 1..=ANSWER.len() {
            let read = |path: &str| {
                let mut listing = Listing::default();
                ANSWER.chunks(size).try_for_each(|chunk| listing.feed(chunk)).unwrap();
                fate(listing.end(), path)
            };
            assert_eq!(read("lost").as_deref(), Some("removed in cc"), "{size}");
            assert_eq!(read("old name").as_deref(), Some("renamed to D in bb"), "{size}");
            assert_eq!(read("commit x").as_deref(), Some("removed in bb"), "{size}");
        }
    }

    #[test]
    fn an_answer_of_another_shape_is_refused() {
        for answer in
            [b"commit cc \0M\0a\0".as_slice(), b"commit cc \0\nD\0a", b"commit cc \0\nD\0", b"commit cc \0\nR100\0a\0", b"warning"]
        {
            let mut listing = Listing::default();
            let read = listing.feed(answer).and_then(|()| listing.end());
            assert!(read.is_err(), "{}", answer.escape_ascii());
        }
    }
}
