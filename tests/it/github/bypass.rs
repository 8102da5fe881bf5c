//! Merges that came past the rules, and commits that no pull request brought: what a gate makes of GitHub's answers, of the history
//! and of the ledger.

use super::{
    hosted::{Hosted, protocol},
    model::{GitHub, Way},
};
use insta::assert_snapshot;

/// These gates, and who may read everything that they ask.
fn hosted(gates: &[(&str, &str)]) -> Hosted {
    let hub = GitHub::new();
    let protocol = protocol(&hub, "");
    Hosted::new(hub, &[&[("gates/protocol.yaml", protocol.as_str())], gates].concat())
}

/// A pull request that was approved and merged; the commits before the merge and of it.
fn merged(hosted: &Hosted, number: u64, file: &str) -> (String, String) {
    let before = hosted.at("main");
    let pull = hosted.pull(number, &[file]).review(&hosted.hub.user("lead"), "APPROVED", "");
    (before, hosted.merge(&pull, Way::Merge))
}

#[test]
fn a_merge_past_the_rules_is_seen_where_github_tells_of_it() {
    let known = ("gates/10-known.yaml", "title: No known bypass\non_fail: document\nverdict: { pulls: { reviewers: [lead] } }\n");
    let strict = ("gates/20-strict.yaml", "title: No bypass\nverdict: { pulls: { reviewers: [lead], bypass: refuse } }\n");
    let mut hosted = hosted(&[known, strict]);
    let (before, merge) = merged(&hosted, 12, "a.txt");
    let hub = &hosted.hub;

    // What the token of a workflow may have is not enough.
    let few = [("contents", "read"), ("pull_requests", "read"), ("issues", "read"), ("checks", "read")];
    hosted.scratch.set("GITHUB_TOKEN", &hub.limited_token(&hub.user("mover"), &few));
    assert_snapshot!(hosted.told(), @r"
    known: passed
      verdict/bypass-unknown: whether COMMIT kept to the rules of the branch is not known: how they judged cannot be read: the token lacks a permission; GitHub asks for administration: read: Resource not accessible by integration
    strict: inconclusive
      verdict/bypass-unknown: whether COMMIT kept to the rules of the branch is not known: how they judged cannot be read: the token lacks a permission; GitHub asks for administration: read: Resource not accessible by integration
    ");
    hosted.scratch.set("GITHUB_TOKEN", &hub.token(&hub.user("mover")));
    assert_snapshot!(hosted.told(), @r"
    known: passed
      verdict/bypass-unknown: whether COMMIT kept to the rules of the branch is not known: no rule is in force
    strict: inconclusive
      verdict/bypass-unknown: whether COMMIT kept to the rules of the branch is not known: no rule is in force
    ");
    hub.repo().ruleset("Main", "branch", &["refs/heads/main"], &["pull_request", "deletion"], &[]);
    assert_snapshot!(hosted.told(), @r"
    known: passed
      verdict/bypass-suspected: whether COMMIT kept to the rules of the branch is not known: the rules ask for 2 approvals, and #12 has 1
    strict: inconclusive
      verdict/bypass-suspected: whether COMMIT kept to the rules of the branch is not known: the rules ask for 2 approvals, and #12 has 1
    ");
    hub.pull(12).review(&hub.user("second"), "APPROVED", "");
    assert_snapshot!(hosted.told(), @r"
    known: passed
      verdict/bypass-unknown: whether COMMIT kept to the rules of the branch is not known: GitHub has no judgement of the last month about it
    strict: inconclusive
      verdict/bypass-unknown: whether COMMIT kept to the rules of the branch is not known: GitHub has no judgement of the last month about it
    ");

    hub.repo().rule_suite(&hub.user("boss"), "refs/heads/main", (&before, &merge), "pass");
    assert_snapshot!(hosted.told(), @r"
    known: passed
    strict: passed
    ");
    hosted.release("v1.0.0");
    hosted.promote("v1.0.0").expect("moved");
    let asked = hub.requests().len();
    hosted.scratch.json(&["audit", "--rejudge", "all"]).expect("passed");
    assert_eq!(hub.requests().len(), asked, "the record is enough");

    let (before, merge) = merged(&hosted, 13, "b.txt");
    hub.repo().rule_suite(&hub.user("boss"), "refs/heads/main", (&before, &merge), "bypass");
    assert_snapshot!(hosted.told(), @r"
    known: failed
      verdict/bypassed: COMMIT came past the rules of its branch
    strict: failed
      verdict/bypassed: COMMIT came past the rules of its branch
    ");
}

#[test]
fn a_verdict_on_the_commit_itself_answers_where_the_policy_says_so() {
    let gate = "title: Reviewed\nverdict: { pulls: { reviewers: [lead], bypass: allow, otherwise: { reviewers: [\"local:ann@example.com\"] } } }\n";
    let hosted = hosted(&[("gates/10-reviewed.yaml", gate)]);
    let scratch = &hosted.scratch;
    let pushed = hosted.push_past_review("pushed.txt");
    hosted.release("v1.0.0");
    assert_snapshot!(hosted.told(), @r"
    reviewed: failed
      verdict/absent: local:ann@example.com has recorded no verdict on COMMIT
    ");
    hosted.promote("v1.0.0").expect("gate_failed");
    // Who asks for the move does not answer for it.
    scratch.identity("work", "Ann", "ann@example.com");
    let recorded = scratch.json(&["verdict", "record", "SAFE", "--at", &pushed]).expect("moved");
    assert!(recorded.to_string().contains("it counts at gate reviewed"), "{recorded:#}");
    hosted.promote("v1.0.0").expect("gate_failed");
    scratch.identity("work", "Test", "test@example.com");
    assert_snapshot!(hosted.told(), @"reviewed: passed");
    hosted.promote("v1.0.0").expect("moved");
    scratch.json(&["audit", "--rejudge", "all"]).expect("passed");
    let evidence = scratch.git_in("origin.git", &["show", "tagwarden/ledger:evidence/reviewed.json"]);
    assert!(evidence.contains(&format!(r#""verdicts_on":{{"commits":["{pushed}"]}}"#)), "{evidence}");
}
