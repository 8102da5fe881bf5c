//! Merges that came past the rules, and commits that no pull request brought: what a gate makes of GitHub's answers, of the history
//! and of the ledger.

use super::model::GitHub;
use crate::common::Scratch;
use insta::assert_snapshot;
use serde_json::Value;

const PROTOCOL: &str = r#"version: 1
packages: { app: { release_tag: "v{version}", default: true } }
release_branches: [main]
channels: { live: { tag: "channel/{channel}" } }
signing: { key: none }
release_tags: any
reviewers: { lead: { type: user, id: LEAD } }
"#;

/// A repository whose remote is `example/app` there, with these gates.
fn repository(hub: &GitHub, gates: &[(&str, &str)]) -> Scratch {
    let protocol = PROTOCOL.replace("LEAD", &hub.user("lead").id.to_string());
    let mut scratch = Scratch::with(&[&[("gates/protocol.yaml", protocol.as_str())], gates].concat());
    let genesis = scratch.git(&["ls-remote", "origin", "refs/heads/tagwarden/ledger"]);
    scratch.set("TAGWARDEN_GENESIS", genesis.split_whitespace().next().unwrap());
    let folder = scratch.path("origin.git").display().to_string();
    let url = "https://github.com/example/app.git";
    scratch.git(&["config", &format!("url.{folder}.insteadOf"), url]);
    scratch.git(&["remote", "set-url", "origin", url]);
    scratch.set("GITHUB_SERVER_URL", "https://github.com");
    scratch.set("GITHUB_API_URL", &hub.url());
    scratch.set("GITHUB_GRAPHQL_URL", &format!("{}/graphql", hub.url()));
    hub.repo().collaborator(&hub.user("reader"), "admin");
    scratch
}

/// A pull request that was approved and merged; the commits before the merge and of it.
fn merged(hub: &GitHub, scratch: &Scratch, number: u64, file: &str) -> (String, String) {
    let at = |name: &str| scratch.git(&["rev-parse", name]).trim().to_owned();
    let before = at("main");
    scratch.git(&["checkout", "--quiet", "-b", "topic"]);
    scratch.write(file, "text\n");
    let head = scratch.commit("Change something");
    scratch.git(&["push", "--quiet", "origin", &format!("HEAD:refs/pull/{number}/head")]);
    scratch.git(&["checkout", "--quiet", "main"]);
    scratch.git(&["merge", "--quiet", "--no-ff", "--no-edit", "topic"]);
    scratch.git(&["branch", "--quiet", "-D", "topic"]);
    scratch.push();
    let merge = at("main");
    hub.pull(number).head(&head).review(&hub.user("lead"), "APPROVED", "").merged(&hub.user("boss"), &merge);
    (before, merge)
}

/// What each gate says of the last commit.
fn told(scratch: &Scratch) -> String {
    let answer = scratch.json(&["verify", "--channel", "live", "--at", "HEAD"]).value;
    let line = |finding: &Value| format!("\n  {}: {}", finding["code"].as_str().unwrap(), finding["message"].as_str().unwrap());
    let gate = |gate: &Value| {
        let findings: String = gate["findings"].as_array().unwrap().iter().map(line).collect();
        format!("{}: {}{findings}", gate["id"].as_str().unwrap(), gate["outcome"].as_str().unwrap())
    };
    let all: Vec<String> = answer["gates"].as_array().unwrap().iter().map(gate).collect();
    // Ids of commits are not what is looked at.
    let known = scratch.git(&["rev-parse", "HEAD"]);
    all.join("\n").replace(&known[..10], "COMMIT")
}

#[test]
fn a_merge_past_the_rules_is_seen_where_github_tells_of_it() {
    let hub = GitHub::new();
    let known = ("gates/10-known.yaml", "title: No known bypass\non_fail: document\nverdict: { pulls: { reviewers: [lead] } }\n");
    let strict = ("gates/20-strict.yaml", "title: No bypass\nverdict: { pulls: { reviewers: [lead], bypass: refuse } }\n");
    let mut scratch = repository(&hub, &[known, strict]);
    let (before, merge) = merged(&hub, &scratch, 12, "a.txt");

    // What the token of a workflow may have is not enough.
    let few = [("contents", "read"), ("pull_requests", "read"), ("issues", "read"), ("checks", "read")];
    scratch.set("GITHUB_TOKEN", &hub.limited_token(&hub.user("reader"), &few));
    assert_snapshot!(told(&scratch), @r"
    known: passed
      verdict/bypass-unknown: whether COMMIT kept to the rules of the branch is not known: how they judged cannot be read: the token lacks a permission; GitHub asks for administration: read: Resource not accessible by integration
    strict: inconclusive
      verdict/bypass-unknown: whether COMMIT kept to the rules of the branch is not known: how they judged cannot be read: the token lacks a permission; GitHub asks for administration: read: Resource not accessible by integration
    ");
    scratch.set("GITHUB_TOKEN", &hub.token(&hub.user("reader")));
    assert_snapshot!(told(&scratch), @r"
    known: passed
      verdict/bypass-unknown: whether COMMIT kept to the rules of the branch is not known: no rule is in force
    strict: inconclusive
      verdict/bypass-unknown: whether COMMIT kept to the rules of the branch is not known: no rule is in force
    ");
    hub.repo().ruleset("Main", "branch", &["refs/heads/main"], &["pull_request", "deletion"], &[]);
    assert_snapshot!(told(&scratch), @r"
    known: passed
      verdict/bypass-suspected: whether COMMIT kept to the rules of the branch is not known: the rules ask for 2 approvals, and #12 has 1
    strict: inconclusive
      verdict/bypass-suspected: whether COMMIT kept to the rules of the branch is not known: the rules ask for 2 approvals, and #12 has 1
    ");
    hub.pull(12).review(&hub.user("second"), "APPROVED", "");
    assert_snapshot!(told(&scratch), @r"
    known: passed
      verdict/bypass-unknown: whether COMMIT kept to the rules of the branch is not known: GitHub has no judgement of the last month about it
    strict: inconclusive
      verdict/bypass-unknown: whether COMMIT kept to the rules of the branch is not known: GitHub has no judgement of the last month about it
    ");

    hub.repo().rule_suite(&hub.user("boss"), "refs/heads/main", (&before, &merge), "pass");
    assert_snapshot!(told(&scratch), @r"
    known: passed
    strict: passed
    ");
    scratch.git(&["tag", "v1.0.0"]);
    scratch.git(&["push", "--quiet", "origin", "v1.0.0"]);
    scratch.json(&["promote", "v1.0.0", "--channel", "live"]).expect("moved");
    let asked = hub.requests().len();
    scratch.json(&["audit", "--rejudge", "all"]).expect("passed");
    assert_eq!(hub.requests().len(), asked, "the record is enough");

    let (before, merge) = merged(&hub, &scratch, 13, "b.txt");
    hub.repo().rule_suite(&hub.user("boss"), "refs/heads/main", (&before, &merge), "bypass");
    assert_snapshot!(told(&scratch), @r"
    known: failed
      verdict/bypassed: COMMIT came past the rules of its branch
    strict: failed
      verdict/bypassed: COMMIT came past the rules of its branch
    ");
}

#[test]
fn a_verdict_on_the_commit_itself_answers_where_the_policy_says_so() {
    let hub = GitHub::new();
    let gate = "title: Reviewed\nverdict: { pulls: { reviewers: [lead], bypass: allow, otherwise: { reviewers: [\"local:ann@example.com\"] } } }\n";
    let mut scratch = repository(&hub, &[("gates/10-reviewed.yaml", gate)]);
    scratch.set("GITHUB_TOKEN", &hub.token(&hub.user("reader")));
    scratch.write("pushed.txt", "past review\n");
    let pushed = scratch.commit("Push past review");
    hub.repo().commit(&pushed, &[]);
    scratch.git(&["tag", "v1.0.0"]);
    scratch.git(&["push", "--quiet", "origin", "main", "v1.0.0"]);
    let promote = ["promote", "v1.0.0", "--channel", "live"];
    assert_snapshot!(told(&scratch), @r"
    reviewed: failed
      verdict/absent: local:ann@example.com has recorded no verdict on COMMIT
    ");
    scratch.json(&promote).expect("gate_failed");
    // Who asks for the move does not answer for it.
    scratch.identity("work", "Ann", "ann@example.com");
    let recorded = scratch.json(&["verdict", "record", "SAFE", "--at", &pushed]).expect("moved");
    assert!(recorded.to_string().contains("it counts at gate reviewed"), "{recorded:#}");
    scratch.json(&promote).expect("gate_failed");
    scratch.identity("work", "Test", "test@example.com");
    assert_snapshot!(told(&scratch), @"reviewed: passed");
    scratch.json(&promote).expect("moved");
    scratch.json(&["audit", "--rejudge", "all"]).expect("passed");
    let evidence = scratch.git_in("origin.git", &["show", "tagwarden/ledger:evidence/reviewed.json"]);
    assert!(evidence.contains(&format!(r#""verdicts_on":{{"commits":["{pushed}"]}}"#)), "{evidence}");
}
