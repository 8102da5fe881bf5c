//! What documents leave open ([`Question`]), answered from what is here: the history of the judged commit, the object
//! database, fetched refs of pull requests, and what somebody recorded of the forge, or GitHub told ([`told`]).
//!
//! A question that cannot be answered has no answer. History is read at most once, and only where a missing path asks for
//! it. Deliberately absent: fetching anything.

mod forge;
mod logs;
mod past;

pub use forge::{connect, told};
pub use logs::logs;

use super::{
    files,
    git::{Git, ObjectKind},
};
use crate::{
    domain::{Digest, Fault, Oid, Reason, Result},
    lockdown::{Answers, AsOf, Inside, PullAnswer, Question, lines_in, pulls, releases, urls::Origin},
    tree::{Tree, Unreadable},
};
use past::Past;
use std::{collections::BTreeSet, path::Path};

/// A larger record is not read.
const LARGEST_RECORD: u64 = 64 << 20;

/// What somebody recorded of a forge.
#[derive(Clone, Debug)]
pub struct Record {
    pub known: pulls::Known,
    /// Of the whole file.
    pub digest: Digest,
}

impl Record {
    /// Faults: `bad_usage` where the file cannot be read, or is no such record.
    pub fn read(file: &Path) -> Result<Record> {
        let refused = |why: String| {
            let fault = Fault::new(Reason::BadUsage, format!("{} is no record of pull requests: {why}", file.display()));
            fault.help("it has the form {\"pulls\": {\"312\": {\"state\": \"open\"}}}")
        };
        let text = files::read_text(file, LARGEST_RECORD).map_err(|error| refused(error.to_string()))?;
        let known = serde_json::from_str(&text).map_err(|error| refused(error.to_string()))?;
        Ok(Record { known, digest: Digest::of(text.as_bytes()) })
    }

    /// The same for what decides a move. Faults: also where the file is part of the commit that is judged (`None`: of the last
    /// one), which would say itself what is true of it.
    pub fn beside(file: &Path, git: &Git, judged: Option<&Oid>) -> Result<Record> {
        let record = Record::read(file)?;
        let commit = judged.cloned().map_or_else(|| git.rev_parse("HEAD"), |commit| Ok(Some(commit)))?;
        if let (Some(path), Some(commit)) = (files::below(git.dir(), file), commit)
            && git.object_at(&commit, &path)?.is_some()
        {
            let message = format!("{} is a file of commit {}, which cannot vouch for itself", file.display(), commit.short());
            return Err(Fault::new(Reason::BadUsage, message).help("name a file that stands outside of what is judged"));
        }
        Ok(record)
    }
}

/// What is recorded of pull requests, and those of which a head was fetched: they exist. Their states are not known, since the
/// refs may be older than what happened since.
pub async fn known(git: &Git, record: Option<&Record>) -> Result<pulls::Known> {
    let mut known = record.map(|record| record.known.clone()).unwrap_or_default();
    for number in git.pull_heads().await? {
        known.pulls.entry(number).or_default();
    }
    Ok(known)
}

/// Where a remote's repository is on its forge, as far as its URL tells.
pub async fn origin(git: &Git, remote: &str) -> Option<Origin> {
    git.remote_url(remote).await.ok().and_then(|url| Origin::of_remote(&url))
}

/// Whom to ask about a document.
pub struct Source<'a> {
    /// The repository of the judged tree: its history.
    pub git: &'a Git,
    /// The repository that knows other commits, tags and pull requests; mostly the same.
    pub others: &'a Git,
    /// The tree that is judged.
    pub tree: &'a dyn Tree,
    /// Its commit; `None`: it is the work tree.
    pub at: Option<&'a Oid>,
    pub known: &'a pulls::Known,
}

/// Answers questions about documents. Faults: where git or the tree cannot be read; a history that cannot be read leaves its
/// questions without answers, which [`Answers::unread`] tells.
pub async fn answers(source: &Source<'_>, questions: &BTreeSet<Question>) -> Result<Answers> {
    let Source { git, others, tree, at, known } = *source;
    let mut answers = Answers::default();
    let gone = questions.iter().filter_map(|question| match question {
        Question::Fate(path) => Some(path.as_str()),
        _ => None,
    });
    let gone: Vec<&str> = gone.collect();
    let ends = questions.iter().filter_map(|question| match question {
        Question::Ends(path) => Some(path.as_str()),
        _ => None,
    });
    let ends: Vec<&str> = ends.collect();
    let past = if gone.is_empty() && ends.is_empty() { None } else { Past::of(git, tree, at, &gone, &ends).await? };
    answers.limits = past.as_ref().map(Past::limits).unwrap_or_default();
    answers.unread = past.as_ref().and_then(Past::unread);
    let tags = match questions.iter().any(|question| matches!(question, Question::Tag { .. })) {
        true => others.tags().await?,
        false => BTreeSet::new(),
    };
    // Who clones only some commits has only some tags.
    if !others.is_shallow() {
        answers.tag_forms = tags.iter().map(|tag| releases::form(tag)).collect();
    }
    for question in questions.iter().cloned() {
        match question {
            Question::Fate(path) => {
                if let Some(past) = &past
                    && let Some(fate) = past.fate(&path)?
                {
                    answers.folders.extend(past.folder_of(&fate));
                    answers.fates.insert(path, fate);
                }
            }
            Question::Ends(path) => {
                if let Some(past) = &past
                    && let Some(ended) = past.ended(&path)?
                {
                    answers.folders.extend(ended.as_ref().and_then(|ended| past.folder_of(&ended.fate)));
                    answers.ends.insert(path, ended);
                }
            }
            Question::PullHas(number, path) => {
                let answer = pull(others, known, number, &path)?;
                answers.pulls.insert((number, path), answer);
            }
            Question::Commit { id, .. } => {
                // What a shallow clone lacks may exist all the same.
                let there = others.rev_parse(&id)?.is_some();
                if there || !others.is_shallow() {
                    answers.commits.insert(id, there);
                }
            }
            Question::Tag { name, .. } => {
                if tags.contains(&name) || tags.contains(&name.replacen('@', "/v", 1)) {
                    answers.tags.insert(name);
                }
            }
            Question::AsOf { rev, path, inside, .. } => {
                if let Some(found) = as_of(others, &rev, &path, inside)? {
                    // Who asked for no lines knows less.
                    match inside {
                        Inside::Lines(..) => drop(answers.as_of.insert((rev, path), found)),
                        Inside::Whole | Inside::Name => drop(answers.as_of.entry((rev, path)).or_insert(found)),
                    }
                }
            }
        }
    }
    Ok(answers)
}

/// `None`: what a shallow clone lacks may exist all the same.
fn as_of(git: &Git, rev: &str, path: &str, inside: Inside) -> Result<Option<AsOf>> {
    let Some(commit) = git.rev_parse(rev)? else {
        return Ok((!git.is_shallow()).then_some(AsOf::NoRevision));
    };
    let lines = match git.object_at(&commit, path)? {
        None => return Ok(Some(AsOf::Missing)),
        Some((blob, ObjectKind::Blob)) if matches!(inside, Inside::Lines(..)) => git.read(&blob)?.map(|file| lines_in(&file.bytes)),
        Some(_) => None,
    };
    Ok(Some(AsOf::There { lines }))
}

/// What the record and the fetched refs tell of a pull request. GitHub keeps `merge` only for open ones.
fn pull(git: &Git, known: &pulls::Known, number: u64, path: &str) -> Result<PullAnswer> {
    let recorded = known.pulls.get(&number);
    match (recorded, known.exists(number)) {
        // What does not exist brings nothing; and of what GitHub did not tell, older refs prove nothing.
        (None, Some(false)) => return Ok(PullAnswer { state: None, has: Some(false) }),
        (None, _) if known.unread.contains_key(&number) => return Ok(PullAnswer::default()),
        _ => {}
    }
    let head = match recorded.and_then(|pull| pull.head.as_ref()) {
        Some(head) => git.has(head)?.then(|| head.clone()),
        None => git.rev_parse(&format!("refs/pull/{number}/head"))?,
    };
    let listed = recorded.and_then(|pull| pull.files.as_ref()).map(|files| files.contains(path) || holds(files, path));
    let has = match (listed, &head) {
        (Some(true), _) | (Some(_), None) => listed,
        // The head may hold what it does not touch; a head that was only fetched may be older than the list.
        (Some(false), Some(head)) if recorded.is_some_and(|pull| pull.head.is_some()) => Some(git.object_at(head, path)?.is_some()),
        (Some(false), Some(_)) => Some(false),
        (None, Some(head)) => Some(git.object_at(head, path)?.is_some()),
        (None, None) => None,
    };
    let mergeable = git.rev_parse(&format!("refs/pull/{number}/merge"))?.map(|_| pulls::State::Open);
    Ok(PullAnswer { state: recorded.and_then(|pull| pull.state).or(mergeable), has })
}

/// Whether one of these files lies in this folder.
fn holds(files: &BTreeSet<String>, folder: &str) -> bool {
    let start = format!("{folder}/");
    files.range(start.clone()..).next().is_some_and(|file| file.starts_with(&start))
}

fn unreadable(error: Unreadable) -> Fault {
    Fault::new(Reason::GateInconclusive, error.to_string())
}
