//! Whether the commits of a move came past the rules of their branch.
//!
//! GitHub keeps for a month how the rules judged each push, and shows it to few. Where it says `bypass` the commit came past them,
//! where it says `pass` it did not. Where it says nothing, what the rules ask and the pull request lacks is a suspicion, and the rest
//! cannot be told. Deliberately absent: classic branch protection, of which GitHub keeps no judgements.

use crate::{
    domain::Finding,
    gate::{
        Checks,
        probe::github::{BroughtGot, PullsGot, SuiteGot},
    },
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What a merge past the rules means for the gate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Bypass {
    /// One that GitHub tells of fails; what it does not tell is a note, since few tokens may ask.
    #[default]
    RefuseKnown,
    /// Each commit must be known to have kept to the rules.
    Refuse,
    /// Nothing is asked.
    Allow,
}

enum Way {
    Clean,
    Bypassed,
    Suspected(String),
    Unverifiable(String),
    /// GitHub answered, in words that nobody knows.
    Unknown(String),
}

pub(super) fn weigh(policy: Bypass, got: &PullsGot, checks: &mut Checks) {
    if policy == Bypass::Allow {
        return;
    }
    let finding = |code: &str, message: String| Finding::error(format!("verdict/{code}"), message);
    // Many commits share one reason.
    let mut open: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
    for (at, brought) in got.commits.iter().enumerate() {
        let commit = brought.commit.short().to_string();
        match way(got, at, brought) {
            Way::Clean => checks.hold(),
            Way::Bypassed => {
                let help = "have it reviewed and merged under the rules; who may come past them is set in the ruleset";
                checks.fail(finding("bypassed", format!("{commit} came past the rules of its branch")).help(help));
            }
            Way::Suspected(why) => open.entry(("bypass-suspected", why)).or_default().push(commit),
            Way::Unknown(why) => checks.unknown(finding("bypass-unknown", format!("whether {commit} kept to the rules: {why}"))),
            Way::Unverifiable(why) => open.entry(("bypass-unknown", why)).or_default().push(commit),
        }
    }
    for ((code, why), commits) in open {
        let message = format!("whether {} kept to the rules of the branch is not known: {why}", commits.join(", "));
        match policy {
            Bypass::Refuse => checks.unknown(finding(code, message)),
            Bypass::RefuseKnown | Bypass::Allow => checks.remark(Finding::note(format!("verdict/{code}"), message)),
        }
    }
}

fn way(got: &PullsGot, at: usize, brought: &BroughtGot) -> Way {
    let suites = got.branches.iter().flat_map(|branch| branch.suites.iter().flatten());
    let results: Vec<&str> = suites.filter(|suite| covers(got, suite, at)).map(|suite| suite.result.as_str()).collect();
    if results.contains(&"bypass") {
        return Way::Bypassed;
    }
    if let Some(odd) = results.iter().find(|result| !matches!(**result, "pass" | "fail")) {
        return Way::Unknown(format!("GitHub says `{}` of it, which is not known", odd.escape_debug()));
    }
    if results.contains(&"pass") {
        return Way::Clean;
    }
    if !results.is_empty() {
        return Way::Suspected("the rules refused it, and it is there".to_owned());
    }
    // Of several branches the mildest, as the commit may be of that one.
    let asked = || got.branches.iter().filter_map(|branch| branch.rules.as_ref()).map(|rules| rules.approvals);
    if asked().count() == got.branches.len()
        && let Some(Some(wanted)) = asked().min()
    {
        let pull = brought.pull.and_then(|number| got.pulls.iter().find(|pull| pull.number == number));
        match (brought.pull, pull.and_then(|pull| pull.approvals)) {
            (None, _) => return Way::Suspected("the rules ask for a pull request, and none brought it".to_owned()),
            (Some(number), Some(approvals)) if approvals < wanted => {
                return Way::Suspected(format!("the rules ask for {wanted} approvals, and #{number} has {approvals}"));
            }
            _ => {}
        }
    }
    Way::Unverifiable(untold(got))
}

/// Whether this judgement was about that commit: it lies between what was there before and what was there after.
fn covers(got: &PullsGot, suite: &SuiteGot, at: usize) -> bool {
    let place = |oid: &str| got.commits.iter().position(|brought| brought.commit.as_str() == oid);
    let Some(first) = place(&suite.after) else { return false };
    let end = match place(&suite.before) {
        Some(before) => before,
        None if got.since.as_ref().is_some_and(|since| since.as_str() == suite.before) => got.commits.len(),
        // What else came with it is not known.
        None => first + 1,
    };
    (first..end).contains(&at)
}

/// Why nothing is told of a commit.
fn untold(got: &PullsGot) -> String {
    if got.branches.is_empty() {
        return "nothing is recorded of the rules".to_owned();
    }
    if let Some(why) = got.branches.iter().find_map(|branch| branch.why.as_ref()) {
        let detail = why.detail.clone().unwrap_or_else(|| why.why.replace('-', " "));
        return format!("how they judged cannot be read: {detail}");
    }
    let ruled = got.branches.iter().any(|branch| branch.rules.as_ref().is_none_or(|rules| rules.count > 0));
    match ruled {
        true => "GitHub has no judgement of the last month about it".to_owned(),
        false => "no rule is in force".to_owned(),
    }
}
