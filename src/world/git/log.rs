//! Commits with who made them, when, and which files they changed, by one `git log`.
//!
//! Every commit is compared with its first parent, merges too, so that what a merge changed by itself is seen. Deliberately absent: renames;
//! a file that was renamed was removed and added.

use super::Git;
use crate::domain::{Fault, Oid, Reason, Result, Timestamp};

/// Settings of a repository or a user that would change or break the listing.
const SETTINGS: &[&str] =
    &["log.showSignature=false", "log.showRoot=true", "log.follow=false", "log.mailmap=false", "diff.orderFile=/dev/null"];

const LOG: &[&str] = &[
    "--literal-pathspecs",
    "log",
    "-z",
    "--topo-order",
    "--no-renames",
    "--no-ext-diff",
    "--no-decorate",
    "--ignore-submodules=none",
    "--diff-merges=first-parent",
    "--encoding=UTF-8",
    "--format=commit %H%n%P%n%an <%ae>%n%ct%n%s",
];

/// Which commits are listed.
#[derive(Clone, Copy, Debug)]
pub struct LogOf<'a> {
    pub head: &'a Oid,
    /// Nothing that is reachable from these.
    pub without: &'a [Oid],
    /// Only the line of first parents.
    pub first_parents: bool,
    /// Only commits that changed something at or below these paths, with what; empty: all commits, without their files.
    pub paths: &'a [&'a str],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    pub oid: Oid,
    pub parents: Vec<Oid>,
    /// `name <mail>`.
    pub author: String,
    /// When it was committed.
    pub time: Timestamp,
    pub subject: String,
    pub edits: Vec<Edit>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// `A`, `M`, `D` or `T`, as git names it.
    pub what: char,
    pub path: String,
}

impl Git {
    /// Newest first; no commit before one that follows it.
    pub async fn commits(&self, of: LogOf<'_>) -> Result<Vec<Logged>> {
        let without: Vec<String> = of.without.iter().map(|oid| format!("^{oid}")).collect();
        let mut words: Vec<&str> = SETTINGS.iter().flat_map(|setting| ["-c", setting]).chain(LOG.iter().copied()).collect();
        words.push(if of.paths.is_empty() { "--no-patch" } else { "--name-status" });
        words.extend(of.first_parents.then_some("--first-parent"));
        words.push(of.head.as_str());
        words.extend(without.iter().map(String::as_str));
        words.push("--");
        words.extend(of.paths);
        let output = self.runner().run(words, None).await?.ok("git log")?;
        read(&output.stdout)
    }
}

fn read(listing: &[u8]) -> Result<Vec<Logged>> {
    let mut all: Vec<Logged> = Vec::new();
    let mut words = listing.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    while let Some(word) = words.next() {
        let word = word.trim_start_matches('\n');
        if let Some(text) = word.strip_prefix("commit ") {
            all.push(commit(text).ok_or_else(|| unread(word))?);
            continue;
        }
        match (word.chars().next(), all.last_mut()) {
            (None, _) => {}
            (Some(what @ ('A' | 'M' | 'D' | 'T')), Some(last)) if word.len() == 1 => {
                let path = words.next().ok_or_else(|| unread(word))?.into_owned();
                last.edits.push(Edit { what, path });
            }
            _ => return Err(unread(word)),
        }
    }
    Ok(all)
}

fn commit(text: &str) -> Option<Logged> {
    let mut lines = text.splitn(5, '\n');
    let oid = lines.next()?.parse().ok()?;
    let parents = lines.next()?.split_whitespace().map(|oid| oid.parse().ok()).collect::<Option<_>>()?;
    let author = lines.next()?.to_owned();
    let time = Timestamp::from_unix(lines.next()?.parse().ok()?);
    Some(Logged { oid, parents, author, time, subject: lines.next()?.to_owned(), edits: Vec::new() })
}

fn unread(word: &str) -> Fault {
    Fault::new(Reason::Unreachable, format!("git log answered `{}`", word.escape_debug())).help("Run `git fsck`, or clone anew.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read_and_one_of_another_shape_refused() {
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        let listing = format!("commit {a}\n{b}\nA N <a@example.com>\n10\nA: subject\0\nM\0commit x\0D\0A\0commit {b}\n\nN <>\n5\n\0");
        let read_back = read(listing.as_bytes()).unwrap();
        let edits: Vec<(char, &str)> = read_back[0].edits.iter().map(|edit| (edit.what, edit.path.as_str())).collect();
        assert_eq!(edits, [('M', "commit x"), ('D', "A")]);
        assert_eq!((read_back[0].parents.len(), read_back[1].parents.len(), read_back[1].time.unix()), (1, 0, 5));
        for other in
            ["warning\0".to_owned(), "M\0a\0".to_owned(), format!("commit {a}\n\nN\nx\ns\0"), format!("commit {a}\n\nN\n1\ns\0\nM")]
        {
            assert!(read(other.as_bytes()).is_err(), "{other:?}");
        }
    }
}
