//! The rules of a branch, and how they judged what was pushed to it.

use super::{Answer, Failure, GitHub, Intent};
use serde::Deserialize;

/// A rule that is in force for a branch.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Rule {
    /// `pull_request`, `required_status_checks`, `deletion`, ...
    #[serde(rename = "type")]
    pub kind: String,
    pub parameters: Option<RuleParameters>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RuleParameters {
    /// Of `pull_request`.
    pub required_approving_review_count: Option<u64>,
}

/// How the rules judged one push or merge.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RuleSuite {
    pub before_sha: String,
    pub after_sha: String,
    #[serde(rename = "ref")]
    pub name: String,
    /// `pass`, `fail`, `bypass`, or what GitHub has come to call it.
    pub result: String,
}

impl GitHub {
    /// What is in force now, wherever it was set.
    pub async fn rules_of(&self, branch: &str) -> Answer<Vec<Rule>> {
        let call = self.here(Intent::RulesOf, &["rules", "branches"].into_iter().chain(branch.split('/')).collect::<Vec<_>>());
        let rules = self.list::<Rule>(call).await?;
        let approvals = |rule: &Rule| rule.parameters.as_ref().and_then(|parameters| parameters.required_approving_review_count);
        match rules.iter().find(|rule| rule.kind == "pull_request" && approvals(rule).is_none()) {
            Some(_) => Err(Failure::unreadable("GitHub's answer has a rule about pull requests that does not say how many must approve")),
            None => Ok(rules),
        }
    }

    /// The judgements of the last month; GitHub lists no older ones.
    pub async fn rule_suites(&self, branch: &str) -> Answer<Vec<RuleSuite>> {
        let name = format!("refs/heads/{branch}");
        let call = self.here(Intent::RuleSuites, &["rulesets", "rule-suites"]).query("ref", &name).query("time_period", "month");
        let suites = self.list::<RuleSuite>(call.query("rule_suite_result", "all")).await?;
        match suites.iter().find(|suite| suite.name != name) {
            Some(other) => {
                let words = format!("asked about pushes to {name}, GitHub gave one to `{}`", other.name.escape_debug());
                Err(Failure::unreadable(words))
            }
            None => Ok(suites),
        }
    }
}
