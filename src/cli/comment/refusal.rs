//! Why a comment is not acted on, each with the code of its finding.

use crate::{
    domain::{Fault, Finding, Oid, Reason, Span},
    world::github::Failure,
};

fn refusal(reason: Reason, code: &str, why: String, help: &str) -> Fault {
    let finding = Finding::error(code, why.clone());
    Fault::new(reason, why).finding(finding).help(help)
}

/// What GitHub did not tell is not guessed.
pub fn unreadable(what: &str, failure: &Failure) -> Fault {
    let why = format!("{what} could not be read again: {failure}");
    refusal(Reason::Unreachable, "comment/unavailable", why, "ask again in a new comment once GitHub answers")
}

pub fn edited() -> Fault {
    let why = "the comment was changed after it was written, and only what was written first counts".to_owned();
    refusal(Reason::NotPermitted, "comment/edited", why, "write the command in a new comment")
}

/// `age` in seconds; `None`: nobody knows.
pub fn too_old(age: Option<i64>, limit: Span) -> Fault {
    let age = age.map_or_else(|| "at a time that is not known".to_owned(), |age| format!("{age} s ago"));
    let why = format!("the comment was written {age}, and `comment.max_age` of the policy is {limit}");
    refusal(Reason::NotPermitted, "comment/too-old", why, "write the command in a new comment")
}

/// GitHub told something that nobody here knows what to make of.
pub fn odd(why: &str) -> Fault {
    refusal(Reason::Unreachable, "comment/unavailable", why.to_owned(), "ask again in a new comment")
}

pub fn no_role(who: &str, unread: &[String]) -> Fault {
    let why = format!("no role of the adopted policy names {who}, so nothing is done for them");
    let finding = Finding::error("comment/no-role", why.clone());
    let fault = Fault::new(Reason::NotPermitted, why).finding(finding);
    match unread {
        [] => fault.help("ask somebody whom the policy names"),
        unread => fault
            .help(format!("what could not be read gives no right: {}; ask again in a new comment once GitHub answers", unread.join("; "))),
    }
}

/// `verify` on the release issue: no commit is meant by itself.
pub fn no_subject() -> Fault {
    let why = "an issue has no commit that could be meant".to_owned();
    refusal(Reason::BadUsage, "comment/missing", why, "name the commit: `--at COMMIT`, in full")
}

pub fn not_here(why: &str) -> Fault {
    let help = "write it on an open or merged pull request, or on the release issue that `comment.release_issue` of the policy names";
    refusal(Reason::NotPermitted, "comment/place", why.to_owned(), help)
}

pub fn fork() -> Fault {
    let why = "the pull request's head is in another repository, whose commits are not released from here".to_owned();
    refusal(Reason::NotPermitted, "comment/fork", why, "ask on a pull request of this repository, or on the release issue")
}

/// `known`: the releases, and the commit that they are at.
pub fn no_commit(known: Option<(&str, &Oid)>, corrected: &str) -> Fault {
    let at = known.map(|(releases, commit)| format!("; {releases} is at `{commit}`")).unwrap_or_default();
    let why = format!("`--sha` says which commit is meant, and the policy asks for it{at}");
    let finding = Finding::error("comment/no-sha", why.clone());
    let mean = if known.is_some() { "if that is the commit you mean, write" } else { "write" };
    Fault::new(Reason::BadUsage, why).finding(finding).help(format!("{mean} `{corrected}`"))
}
