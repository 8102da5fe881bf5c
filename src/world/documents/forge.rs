//! What GitHub tells of the pull requests that documents name: all of them at once, each number asked for once.
//!
//! A number is told, is not there, or has the reason why it is neither. What is no pull request may be an issue, which exists and
//! brings no file. Deliberately absent: whether what is told makes a document right.

use super::origin;
use crate::{
    domain::Oid,
    gate::{Unavailable, probe::why},
    lockdown::pulls::{Known, Pull, State},
    world::{
        Git, GitHub, World,
        github::{Answer, Failure, FailureKind, Purpose},
    },
};
use futures_util::StreamExt;
use std::collections::{BTreeMap, BTreeSet};

/// More numbers than any document means.
const MOST_NUMBERS: usize = 1_000;

/// How many numbers are asked about at once.
const AT_ONCE: usize = 8;

/// The repository that a remote's URL names, as far as `purpose` needs it.
pub async fn connect(world: &World, git: &Git, remote: &str, purpose: Purpose) -> Result<GitHub, Unavailable> {
    let Some(origin) = origin(git, remote).await else {
        let words = format!("the URL of the remote `{remote}` does not name a repository on GitHub");
        return Err(Unavailable::new(why::NO_FORGE).detail(words));
    };
    GitHub::new(&origin, &world.env, &world.http, world.clock, purpose).map_err(Failure::unavailable)
}

/// What GitHub tells of these numbers. `github`: whom to ask, or why nobody can be asked.
pub async fn told(github: Result<&GitHub, Unavailable>, numbers: &BTreeSet<u64>) -> Known {
    let none = |unavailable: Unavailable| Known {
        complete: true,
        unread: numbers.iter().map(|number| (*number, unavailable.clone())).collect(),
        ..Known::default()
    };
    let github = match github {
        Ok(github) => github,
        Err(unavailable) => return none(unavailable),
    };
    if numbers.len() > MOST_NUMBERS {
        let words = format!("the documents name {} pull requests; more than {MOST_NUMBERS} are not asked about", numbers.len());
        return none(Unavailable::new(why::BAD_QUESTION).detail(words));
    }
    let asked = futures_util::stream::iter(numbers).map(|number| async move { (*number, one(github, *number).await) });
    let answers: BTreeMap<u64, Answer<Option<Pull>>> = asked.buffer_unordered(AT_ONCE).collect().await;
    // To who may not see the repository, nothing in it is there.
    let hidden = match answers.values().any(|answer| matches!(answer, Ok(None))) {
        true => github.is_shown().await.err(),
        false => None,
    };
    // Words of GitHub's that stand in an answer are masked by nobody else on the way to a report.
    let unread = |failure: Failure| github.masks().unavailable(failure.unavailable());
    let mut known = Known { complete: true, ..Known::default() };
    for (number, answer) in answers {
        match (answer, &hidden) {
            (Ok(Some(pull)), _) => drop(known.pulls.insert(number, pull)),
            (Ok(None), None) => {}
            (Ok(None), Some(failure)) => drop(known.unread.insert(number, unread(failure.clone()))),
            (Err(failure), _) => drop(known.unread.insert(number, unread(failure))),
        }
    }
    known
}

/// `None`: there is no such number.
async fn one(github: &GitHub, number: u64) -> Answer<Option<Pull>> {
    let (pull, files) = tokio::join!(github.pull(number), github.files(number));
    let pull = match pull {
        Err(failure) if failure.kind == FailureKind::NotFound => return issue(github, number).await,
        pull => pull?,
    };
    let Some(state) = State::of_github(&pull.state, pull.merged) else {
        let merged = if pull.merged { ", and merged" } else { "" };
        let words = format!("GitHub says that #{number} is `{}`{merged}, which is not known", pull.state.escape_debug());
        return Err(Failure::unreadable(words));
    };
    let head: Oid = pull.head.sha.parse().map_err(|_| Failure::unreadable(format!("#{number} has a head that is not a commit")))?;
    let held = files?.into_iter().filter(|file| file.status != "removed").map(|file| file.filename);
    Ok(Some(Pull { state: Some(state), files: Some(held.collect()), head: Some(head), base: Some(pull.base.name) }))
}

async fn issue(github: &GitHub, number: u64) -> Answer<Option<Pull>> {
    match github.issue(number).await {
        Ok(issue) if issue.pull_request.is_some() => {
            Err(Failure::unreadable(format!("GitHub calls #{number} a pull request, and does not show it as one")))
        }
        Ok(_) => Ok(Some(Pull { files: Some(BTreeSet::new()), ..Pull::default() })),
        Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}
