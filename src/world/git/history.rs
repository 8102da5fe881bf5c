//! What a history removed, by one `git log` over all of it, and which of that were renames, by a second one over the commits
//! where that matters. Their output is read as it comes and never held whole.
//!
//! Asked for only where something is missing, since it reads every tree of the history: about a quarter of a second for
//! 10,000 commits. Looking for renames in all of them would take three times as much.

use super::Git;
use crate::{
    domain::{Fault, Oid, Reason, Result},
    lockdown::history::{History, Limits, Recorder, ends::MOST},
    world::machine,
};
use std::{collections::BTreeMap, process::Stdio, time::Duration};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

/// Longest run. A history of a million commits takes minutes.
const LIMIT: Duration = Duration::from_secs(600);

/// The settings of a repository or a user that would change or break the listing.
const SETTINGS: &[&str] = &["log.showSignature=false", "diff.orderFile=/dev/null"];

/// The whole history is asked: a limit to paths saves next to nothing, and would hide what lies behind a new name.
///
/// Every commit is compared with its parent, and every merge with its first parent (`--diff-merges`), which finds what was
/// lost in the merge itself: whatever once stood on the line of first parents and is gone has a record. `--first-parent`
/// would do with less, but hides what lived and died on a branch, and blames merges for what a commit did. Comparing with
/// all parents (`-m`, `-c`) costs 15 times as much on a history with many merges.
const LOG: &[&str] =
    &["log", "--diff-merges=first-parent", "--name-status", "-z", "--no-ext-diff", "--ignore-submodules=none", "--format=commit %H %P"];

const REMOVALS: &[&str] = &["--date-order", "--no-renames", "--diff-filter=D"];

/// A commit in which more files than the square root of the limit vanished and came is not searched for edited renames;
/// 1000 of each take two seconds. Given here, so that no `diff.renameLimit` can make it less; git says when it was passed.
const RENAMES: &[&str] = &["--no-walk=unsorted", "--stdin", "-l1000", "--diff-filter=R"];

impl Git {
    /// The removals in the history of a commit, and what of these paths, and of those that end in `ends`, were renames. `exists`: as for [`History::fate`].
    /// Faults: `unreachable` where git cannot read that history. Where only its renames cannot be read, its limits say so.
    pub async fn history(&self, of: &Oid, paths: &[&str], ends: &[&str], exists: impl Fn(&str) -> bool) -> Result<History> {
        let mut recorder = Recorder::default();
        let take = |told: Told| match told {
            Told::Commit { id, is_merge } => recorder.commit(id, is_merge),
            Told::Removed(path) => recorder.removed(path),
            Told::Renamed { from, to, alike } => recorder.renamed(from, to, alike),
        };
        self.log(REMOVALS.iter().copied().chain([of.as_str(), "--"]), String::new(), take).await?;
        let exact_renames_only = self.is_partial().await?;
        let mut history = recorder.finish(Limits { cut: self.is_cut(), exact_renames_only, ..Limits::default() });
        let mut ended: Vec<String> = Vec::new();
        if !ends.is_empty() {
            history.index_ends();
            for end in ends {
                let found: Vec<&str> = history.ending_in(end).collect();
                if found.len() <= MOST {
                    ended.extend(found.into_iter().map(str::to_owned));
                }
            }
        }
        let paths: Vec<&str> = paths.iter().copied().chain(ended.iter().map(String::as_str)).collect();
        // An edited rename is found by reading both files, which a partial clone would fetch one by one.
        let renames = if exact_renames_only { "-M100%" } else { "-M" };
        loop {
            let unclear = history.unclear(&paths, &exists);
            if unclear.is_empty() {
                return Ok(history);
            }
            let mut told: BTreeMap<String, Vec<(String, String, u8)>> = unclear.iter().map(|id| (id.clone(), Vec::new())).collect();
            let mut commit = String::new();
            let take = |word: Told| match word {
                Told::Commit { id, .. } => commit = id.to_owned(),
                Told::Renamed { from, to, alike } => told.entry(commit.clone()).or_default().push((from.to_owned(), to.to_owned(), alike)),
                Told::Removed(_) => {}
            };
            let Ok(said) = self.log(RENAMES.iter().copied().chain([renames]), unclear.join("\n") + "\n", take).await else {
                // Removals are read off commits and trees alone; this listing reads the files too, of which one is missing.
                history.limits.renames_unread = true;
                return Ok(history);
            };
            history.limits.renames_skipped |= said.contains("rename detection was skipped");
            for (commit, renames) in &told {
                history.renames(commit, renames.iter().map(|(from, to, alike)| (from.as_str(), to.as_str(), *alike)));
            }
        }
    }

    /// Runs one listing, with `input` for its standard input; gives what git said beside it.
    async fn log<'a>(&self, args: impl Iterator<Item = &'a str>, input: String, take: impl FnMut(Told<'_>)) -> Result<String> {
        let settings = SETTINGS.iter().flat_map(|setting| ["-c", setting]);
        let args = settings.chain(LOG.iter().copied()).chain(args);
        let mut command = tokio::process::Command::from(self.runner().command(args));
        command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() }).kill_on_drop(true);
        let mut child = command.spawn().map_err(unreadable)?;
        let stdin = child.stdin.take();
        let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(unreadable("git log has no pipes"));
        };
        let write = async move {
            // Git reads all of its input before it answers; where it does not, its end says why.
            if let Some(mut stdin) = stdin {
                let _ = stdin.write_all(input.as_bytes()).await;
            }
        };
        let mut said = Vec::new();
        let read = async { tokio::join!(write, listing(stdout, take), stderr.read_to_end(&mut said), child.wait()) };
        let Ok(((), listing, heard, status)) = tokio::time::timeout(LIMIT, read).await else {
            return Err(unreadable(format!("git log did not end within {} s", LIMIT.as_secs())));
        };
        heard.map_err(unreadable)?;
        let said = self.runner().clean(&said);
        if !status.map_err(unreadable)?.success() {
            return Err(unreadable(said.trim()));
        }
        listing?;
        Ok(said)
    }

    /// Whether objects may have been left on a remote.
    pub(super) async fn is_partial(&self) -> Result<bool> {
        let by_extension = !self.config_all("extensions.partialClone").await?.is_empty();
        let is_promisor = |key: &str| key.starts_with("remote.") && key.ends_with(".promisor");
        let keys = self.shared.config.get().into_iter().flatten();
        Ok(by_extension || keys.into_iter().any(|(key, values)| is_promisor(key) && values.last().is_some_and(|value| value != "false")))
    }
}

/// One word of a listing.
enum Told<'w> {
    Commit { id: &'w str, is_merge: bool },
    Removed(&'w str),
    Renamed { from: &'w str, to: &'w str, alike: u8 },
}

async fn listing(mut stdout: impl AsyncRead + Unpin, take: impl FnMut(Told<'_>)) -> Result<()> {
    let mut listing = Listing::new(take);
    let mut chunk = vec![0; 1 << 16];
    loop {
        match stdout.read(&mut chunk).await.map_err(unreadable)? {
            0 => return listing.end(),
            count => listing.feed(&chunk[..count])?,
        }
    }
}

/// Reads `commit <id> <parents>`, then for each change `D`, path or `R<score>`, old path, new path; a NUL ends each.
struct Listing<T> {
    take: T,
    /// The beginning of a word whose end has not come.
    word: Vec<u8>,
    next: Next,
}

#[derive(Default)]
enum Next {
    #[default]
    Record,
    Removed,
    /// How alike the two files are.
    Renamed(u8),
    To(String, u8),
}

impl<T: FnMut(Told<'_>)> Listing<T> {
    fn new(take: T) -> Listing<T> {
        Listing { take, word: Vec::new(), next: Next::Record }
    }

    fn feed(&mut self, mut bytes: &[u8]) -> Result<()> {
        while let Some(at) = memchr::memchr(0, bytes) {
            self.word.extend_from_slice(&bytes[..at]);
            bytes = &bytes[at + 1..];
            let mut word = std::mem::take(&mut self.word);
            self.word(&String::from_utf8_lossy(&word))?;
            word.clear();
            self.word = word;
        }
        self.word.extend_from_slice(bytes);
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<()> {
        self.next = match std::mem::take(&mut self.next) {
            Next::Removed => {
                (self.take)(Told::Removed(word));
                Next::Record
            }
            Next::Renamed(alike) => Next::To(word.to_owned(), alike),
            Next::To(from, alike) => {
                (self.take)(Told::Renamed { from: &from, to: word, alike });
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
            (self.take)(Told::Commit { id, is_merge: parents.contains(' ') });
            return Ok(Next::Record);
        }
        match word.as_bytes() {
            [] => Ok(Next::Record),
            b"D" => Ok(Next::Removed),
            [b'R', alike @ ..] => Ok(Next::Renamed(std::str::from_utf8(alike).ok().and_then(|alike| alike.parse().ok()).unwrap_or(0))),
            _ => Err(unreadable(format!("git log answered `{}`", word.escape_debug()))),
        }
    }

    fn end(self) -> Result<()> {
        match self.next {
            Next::Record if self.word.is_empty() || self.word == b"\n" => Ok(()),
            _ => Err(unreadable("the answer of git log ends early")),
        }
    }
}

fn unreadable(what: impl std::fmt::Display) -> Fault {
    match machine::reason(&what, Reason::Unreachable) {
        Reason::NoResources => Fault::new(Reason::NoResources, format!("the history cannot be read: {what}")),
        reason => Fault::new(reason, format!("the history cannot be read: {what}")).help("Run `git fsck`, or clone anew."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = b"commit cc c1 c2\0\nD\0lost\0\0commit bb aa\0\nR095\0old name\0D\0D\0commit x\0";

    /// What is told of an answer that comes in pieces of this size.
    fn told(answer: &[u8], size: usize) -> Result<Vec<String>> {
        let mut told = Vec::new();
        let mut listing = Listing::new(|word: Told| {
            told.push(match word {
                Told::Commit { id, is_merge } => format!("{id}{}", if is_merge { "!" } else { "" }),
                Told::Removed(path) => format!("- {path}"),
                Told::Renamed { from, to, alike } => format!("{from} > {to} {alike}"),
            });
        });
        answer.chunks(size).try_for_each(|chunk| listing.feed(chunk)).and_then(|()| listing.end())?;
        Ok(told)
    }

    #[test]
    fn an_answer_is_read_however_it_is_cut() {
        for size in 1..=ANSWER.len() {
            assert_eq!(told(ANSWER, size).unwrap(), ["cc!", "- lost", "bb", "old name > D 95", "- commit x"], "{size}");
        }
    }

    #[test]
    fn an_answer_of_another_shape_is_refused() {
        for answer in
            [b"commit cc \0M\0a\0".as_slice(), b"commit cc \0\nD\0a", b"commit cc \0\nD\0", b"commit cc \0\nR100\0a\0", b"warning"]
        {
            assert!(told(answer, 9).is_err(), "{}", answer.escape_ascii());
        }
    }
}
