//! What documents leave open ([`Question`]), answered from what is here: the history of the judged commit, the object
//! database, fetched refs of pull requests, and what somebody recorded of the forge.
//!
//! A question that cannot be answered has no answer. History is read at most once, and only where a missing path asks for
//! it. Deliberately absent: fetching anything.

mod past;

use super::git::Git;
use crate::{
    domain::{Fault, Oid, Reason, Result},
    lockdown::{Answers, PullAnswer, Question, pulls, releases},
    tree::{Tree, Unreadable},
};
use past::Past;
use std::collections::BTreeSet;

/// Answers questions about documents of `tree`: that of the commit `at`, or the work tree where that is `None`. Faults: where
/// git or the tree cannot be read; a history that cannot be read leaves its questions without answers.
pub async fn answers(
    git: &Git,
    tree: &dyn Tree,
    at: Option<&Oid>,
    known: &pulls::Known,
    questions: &BTreeSet<Question>,
) -> Result<Answers> {
    let mut answers = Answers::default();
    let past = match questions.iter().any(|question| matches!(question, Question::Fate(_))) {
        true => Past::of(git, tree, at).await?,
        false => None,
    };
    answers.limits = past.as_ref().map(Past::limits).unwrap_or_default();
    let tags = match questions.iter().any(|question| matches!(question, Question::Tag { .. })) {
        true => git.tags().await?,
        false => BTreeSet::new(),
    };
    // Who clones only some commits has only some tags.
    if !git.is_shallow() {
        answers.tag_forms = tags.iter().map(|tag| releases::form(tag)).collect();
    }
    for question in questions.iter().cloned() {
        match question {
            Question::Fate(path) => {
                if let Some(past) = &past {
                    let fate = past.fate(&path)?;
                    answers.folders.extend(past.folder_of(&fate));
                    answers.fates.insert(path, fate);
                }
            }
            Question::PullHas(number, path) => {
                let answer = pull(git, known, number, &path)?;
                answers.pulls.insert((number, path), answer);
            }
            Question::Commit { id, .. } => {
                // What a shallow clone lacks may exist all the same.
                let there = git.rev_parse(&id)?.is_some();
                if there || !git.is_shallow() {
                    answers.commits.insert(id, there);
                }
            }
            Question::Tag { name, .. } => {
                if tags.contains(&name) || tags.contains(&name.replacen('@', "/v", 1)) {
                    answers.tags.insert(name);
                }
            }
            Question::AsOf(rev, path) => {
                if let Some(commit) = git.rev_parse(&rev)? {
                    let there = git.object_at(&commit, &path)?.is_some();
                    answers.as_of.insert((rev, path), there);
                }
            }
        }
    }
    Ok(answers)
}

/// What the record and the fetched refs tell of a pull request. GitHub keeps `merge` only for open ones.
fn pull(git: &Git, known: &pulls::Known, number: u64, path: &str) -> Result<PullAnswer> {
    let recorded = known.pulls.get(&number);
    let head = git.rev_parse(&format!("refs/pull/{number}/head"))?;
    let has = match (recorded.and_then(|pull| pull.files.as_ref()), &head) {
        (Some(files), _) => Some(files.contains(path)),
        (None, Some(head)) => Some(git.object_at(head, path)?.is_some()),
        (None, None) => None,
    };
    let mergeable = git.rev_parse(&format!("refs/pull/{number}/merge"))?.map(|_| pulls::State::Open);
    Ok(PullAnswer { state: recorded.and_then(|pull| pull.state).or(mergeable), has })
}

fn unreadable(error: Unreadable) -> Fault {
    Fault::new(Reason::GateInconclusive, error.to_string())
}
