//! What gates ask of GitHub, and what is recorded of the answer: numbers and words as GitHub gave them, so that a value that
//! nobody knows yet is seen by whoever judges.

use super::Unavailable;
use crate::domain::{Oid, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What continuous integration says of a commit, about these names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChecksAsk {
    pub commit: Oid,
    /// Names of check runs, and contexts of commit statuses.
    pub names: Vec<String>,
}

/// The newest of each that was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChecksGot {
    pub commit: Oid,
    #[serde(default)]
    pub runs: Vec<RunGot>,
    #[serde(default)]
    pub statuses: Vec<StatusGot>,
}

/// The newest check run of an App under a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunGot {
    pub name: String,
    /// `None`: GitHub names no App.
    pub app: Option<u64>,
    /// Later runs have higher numbers.
    pub id: u64,
    pub status: String,
    /// Only of a completed run.
    #[serde(default)]
    pub conclusion: Option<String>,
}

/// The newest commit status of an account under a context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusGot {
    pub context: String,
    /// `None`: GitHub names nobody.
    pub by: Option<u64>,
    pub id: u64,
    pub state: String,
}

impl ChecksGot {
    /// Keeps what was asked for, and of that the newest.
    pub fn reduce(ask: &ChecksAsk, runs: Vec<RunGot>, statuses: Vec<StatusGot>) -> ChecksGot {
        let is_asked = |name: &str| ask.names.iter().any(|asked| asked == name);
        // Of two that name nobody, neither is known to be a later one of the other.
        let of = |name: &str, by: Option<u64>, id: u64| ((name.to_owned(), by, by.is_none().then_some(id)), id);
        let runs = newest(runs.into_iter().filter(|run| is_asked(&run.name)), |run| of(&run.name, run.app, run.id));
        let asked = statuses.into_iter().filter(|status| is_asked(&status.context));
        let statuses = newest(asked, |status| of(&status.context, status.by, status.id));
        ChecksGot { commit: ask.commit.clone(), runs, statuses }
    }
}

/// Of each key the one with the highest number, in the order of the keys.
fn newest<T, K: Ord>(all: impl Iterator<Item = T>, of: impl Fn(&T) -> (K, u64)) -> Vec<T> {
    let mut newest: BTreeMap<K, T> = BTreeMap::new();
    for one in all {
        let (key, id) = of(&one);
        match newest.get(&key) {
            Some(known) if of(known).1 >= id => {}
            _ => drop(newest.insert(key, one)),
        }
    }
    newest.into_values().collect()
}

/// What was said of the pull requests that brought the commits of a move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PullsAsk {
    pub commit: Oid,
    /// Only what these said is recorded.
    pub reviewers: Vec<ReviewerAsk>,
    /// The branches whose rules the merges may have come past; none: that is not asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<String>,
}

/// Verdicts in the ledger on exactly these commits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictsOnAsk {
    pub commits: Vec<Oid>,
}

/// A reviewer by number. Logins can change hands, so none is here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewerAsk {
    pub id: u64,
    /// Of a team: `organisation/slug`, under which its members are asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// The App that its comments come through, whose checks tell that it is still at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PullsGot {
    pub commit: Oid,
    /// The number of the repository that was asked.
    #[serde(default)]
    pub repository: Option<u64>,
    /// What the channel holds now; `None`: nothing, so only the candidate itself is looked at.
    pub since: Option<Oid>,
    /// The first-parent commits since then, newest first.
    pub commits: Vec<BroughtGot>,
    pub pulls: Vec<PullGot>,
    /// The members of each team, by the team's number.
    #[serde(default)]
    pub teams: BTreeMap<u64, Vec<u64>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<BranchGot>,
}

/// The rules of a branch, and how they judged the commits of the move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BranchGot {
    pub branch: String,
    /// `None`: they could not be read.
    pub rules: Option<RulesKept>,
    /// Those of the last month that ended at a commit of the move; `None`: `why` says why they could not be read.
    pub suites: Option<Vec<SuiteGot>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Unavailable>,
}

/// What is in force for a branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesKept {
    /// How many rules there are.
    pub count: u64,
    /// Changes come by pull requests with at least so many approvals; `None`: no rule says so.
    pub approvals: Option<u64>,
}

/// How the rules judged one push or merge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuiteGot {
    pub before: String,
    pub after: String,
    pub result: String,
}

/// What brought a commit onto its branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BroughtGot {
    pub commit: Oid,
    /// The merged pull request; `None`: none did.
    pub pull: Option<u64>,
    /// Whether its tree is what merging the pull request's head gives; `None`: `why` says why that is not known.
    #[serde(default)]
    pub as_merged: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A merged pull request, and what the reviewers said of it. Numbers are those of accounts; `None`: GitHub names nobody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PullGot {
    pub number: u64,
    /// Its last commit.
    pub head: String,
    pub author: Option<u64>,
    /// What it was merged into.
    #[serde(default)]
    pub base: Option<BaseGot>,
    /// Of everybody whose words are here: `User`, `Bot`, or what GitHub has come to call it.
    #[serde(default)]
    pub accounts: BTreeMap<u64, String>,
    #[serde(default)]
    pub reviews: Vec<ReviewGot>,
    #[serde(default)]
    pub threads: Vec<ThreadGot>,
    /// Unresolved conversations that accounts began which GitHub names no more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub nobodys: u64,
    #[serde(default)]
    pub comments: Vec<CommentGot>,
    #[serde(default)]
    pub reactions: Vec<ReactionGot>,
    /// How many accounts beside the author approve it, whoever they are; recorded where rules are asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<u64>,
    /// Apps with a check run on the head that has not ended.
    #[serde(default)]
    pub running: Vec<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The branch that a pull request was for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseGot {
    /// The number of its repository; `None`: GitHub does not say.
    pub repository: Option<u64>,
    /// Without `refs/heads/`.
    pub branch: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewGot {
    pub by: u64,
    pub id: u64,
    /// When it was sent, which is later than it was begun and numbered.
    #[serde(default)]
    pub at: Option<Timestamp>,
    pub state: String,
    pub commit: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadGot {
    pub by: u64,
    pub resolved: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentGot {
    pub by: u64,
    pub id: u64,
    /// How it begins, up to [`KEPT_OF_COMMENTS`] characters.
    pub begins: String,
    /// The commit that it says was reviewed, as far as it writes it.
    pub reviewed: Option<String>,
    /// The App that wrote it; `None`: it was not an App, or that was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<u64>,
    /// Somebody changed it since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub edited: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReactionGot {
    pub by: u64,
    pub content: String,
}

/// How much of a comment is recorded.
pub const KEPT_OF_COMMENTS: usize = 200;

/// The commit that a comment says was reviewed: the hexadecimal digits behind `Reviewed commit:`. `None`: none, or several.
pub fn reviewed_commit(body: &str) -> Option<String> {
    const WORDS: &str = "reviewed commit";
    let lower = body.to_ascii_lowercase();
    let mut found = std::collections::BTreeSet::new();
    for (at, _) in lower.match_indices(WORDS) {
        let rest = lower[at + WORDS.len()..].trim_start_matches([':', '*', '_', '`', '[', ' ', '\t']);
        let digits: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            found.insert(digits);
        }
    }
    if found.len() == 1 { found.pop_first() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_each_app_stays() {
        let run =
            |name: &str, app, id, status: &str| RunGot { name: name.to_owned(), app, id, status: status.to_owned(), conclusion: None };
        let status = |context: &str, by, id| StatusGot { context: context.to_owned(), by, id, state: "success".to_owned() };
        let ask = ChecksAsk { commit: "c".repeat(40).parse().unwrap(), names: vec!["test".to_owned(), "ci".to_owned()] };
        let runs = vec![
            run("test", Some(1), 7, "old"),
            run("test", Some(1), 9, "new"),
            run("test", Some(1), 8, "older"),
            run("test", Some(2), 3, "another app"),
            run("test", None, 4, "no app"),
            run("test", None, 5, "no app either"),
            run("lint", Some(1), 10, "not asked"),
        ];
        let got = ChecksGot::reduce(&ask, runs, vec![status("ci", Some(5), 2), status("ci", Some(5), 1), status("other", None, 3)]);
        let kept: Vec<(Option<u64>, &str)> = got.runs.iter().map(|run| (run.app, run.status.as_str())).collect();
        assert_eq!(kept, [(None, "no app"), (None, "no app either"), (Some(1), "new"), (Some(2), "another app")]);
        assert_eq!(got.statuses, [status("ci", Some(5), 2)]);
    }

    #[test]
    fn a_comment_names_the_commit_that_was_reviewed() {
        for (body, expected) in [
            ("Reviewed commit: `0123456789`", Some("0123456789")),
            ("text\n**Reviewed commit:** 0123456789abcdef and more", Some("0123456789abcdef")),
            ("reviewed commit: [`0123456789`](https://example.com)", Some("0123456789")),
            ("Reviewed commit: `0123456789`\nReviewed commit: `0123456789`", Some("0123456789")),
            ("Reviewed commit: `0123456789`\nReviewed commit: `9876543210`", None),
            ("Reviewed commit: main", None),
            ("Reviewed commit:", None),
            ("Reviewed commits", None),
            ("0123456789", None),
        ] {
            assert_eq!(reviewed_commit(body).as_deref(), expected, "{body}");
        }
    }
}
