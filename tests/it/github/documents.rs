//! What documents say of pull requests, held against GitHub: by `docs check --github`, and by a gate that asks the same and can be
//! judged again without GitHub.

use super::{
    hosted::Hosted,
    model::{Broken, GitHub},
};
use crate::common::Scratch;
use insta::assert_snapshot;
use serde_json::Value;

const DOC: &str = "docs/protocol.md";
const PROTOCOL: &str = r#"version: 1
packages: { web: { release_tag: "v{version}" } }
release_branches: [main]
channels: { live: { tag: "channel/{channel}" } }
signing: { key: none }
documents: { protocol: [docs/protocol.md] }
"#;
const GATE: &str = "title: The document holds\ndocs: { pulls: github }\n";
const HEADING: &str = "# How we release\n\n## Gate 1 — The document holds\n\n";

/// A document of this text, and a token that may read pull requests and push.
fn hosted(hub: GitHub, text: &str) -> Hosted {
    let document = format!("{HEADING}{text}\n");
    let files = [("gates/protocol.yaml", PROTOCOL), ("gates/10-docs.yaml", GATE), ("ops/deploy.sh", "#!/bin/sh\n"), (DOC, &document)];
    let mut hosted = Hosted::new(hub, &files);
    let token = token(&hosted.hub, &[("contents", "write"), ("pull_requests", "read"), ("issues", "read")]);
    hosted.scratch.set("GITHUB_TOKEN", &token);
    hosted
}

fn token(hub: &GitHub, permissions: &[(&str, &str)]) -> String {
    hub.limited_token(&hub.user("mover"), permissions)
}

/// An open, a merged and a closed pull request, and an issue. The open one changes 120 files before the one that matters.
fn filled() -> GitHub {
    let hub = GitHub::new();
    hub.pull(1).files(120).touches(&["ops/next.sh"]);
    hub.pull(2).merged(&hub.user("lead"), &"c".repeat(40));
    hub.pull(3).closed();
    hub.repo().issue(5);
    hub
}

/// What was asked, sorted, without the number of entries on a page.
fn asked(hub: &GitHub) -> String {
    let line = |target: &str| target.replace("per_page=100", "").replace('?', " ").trim().to_owned();
    let mut lines: Vec<String> = hub.requests().iter().map(|request| line(&request.target)).collect();
    lines.sort();
    lines.join("\n")
}

/// The errors of `docs check --github`.
fn errors(answer: &Value) -> String {
    let findings = answer["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] == "error");
    let line = |finding: &Value| format!("{}: {}", finding["code"].as_str().unwrap(), finding["message"].as_str().unwrap());
    findings.map(line).collect::<Vec<_>>().join("\n")
}

/// What each reference to a pull request is.
fn verdicts(answer: &Value) -> String {
    let is_wanted = |reference: &&Value| ["pull", "status", "path"].contains(&reference["kind"].as_str().unwrap());
    let wanted = answer["references"].as_array().unwrap().iter().filter(is_wanted);
    let text = |reference: &Value, key: &str| reference[key].as_str().unwrap_or_default().to_owned();
    let line = |reference: &Value| {
        let line = ["kind", "text", "verdict", "reason"].map(|key| text(reference, key)).join(" ");
        line.trim_end().to_owned()
    };
    wanted.map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_pull_request_is_asked_for_once_and_its_files_to_the_end() {
    let text = "Run `ops/next.sh` (#1). #1 is open, #2 is merged; #2 and #1 again, #5.\n\nOf #1 to #3 the last was dropped.";
    let hosted = hosted(filled(), text);
    let (hub, scratch) = (&hosted.hub, &hosted.scratch);
    let listed = scratch.json(&["docs", "list", "--github"]).expect("passed");
    assert_snapshot!(verdicts(&listed), @r"
    path ops/next.sh pending comes with #1
    pull #1 ok
    pull #1 ok
    status open ok
    pull #2 ok
    status merged ok
    pull #2 ok
    pull #1 ok
    pull #5 ok
    pull #1 to #3 ok
    ");
    assert_snapshot!(asked(hub), @r"
    /repos/example/app/issues/5
    /repos/example/app/pulls/1
    /repos/example/app/pulls/1/files
    /repos/example/app/pulls/1/files &page=2
    /repos/example/app/pulls/2
    /repos/example/app/pulls/2/files
    /repos/example/app/pulls/3
    /repos/example/app/pulls/3/files
    /repos/example/app/pulls/5
    /repos/example/app/pulls/5/files
    ");
    let checked = scratch.json(&["docs", "check", "--github"]).expect("passed");
    assert_eq!(checked["totals"]["pending"], 1);
}

#[test]
fn what_github_says_otherwise_is_a_finding() {
    let text = "Run `ops/gone.sh` (#1), `ops/late.sh` (#2), `ops/more.sh` (#3) and `ops/most.sh` (#5).\n\n\
        #1 is merged. #2 is open. #3 is shipped. #4 is open.";
    let hosted = hosted(filled(), text);
    let scratch = &hosted.scratch;
    let checked = scratch.json(&["docs", "check", "--github"]).expect("findings");
    assert_snapshot!(errors(&checked), @r"
    docs/missing-path: `ops/gone.sh` is no file or folder of the tree, and the head of #1 does not have it either: no commit in the history of this one ever had it
    docs/missing-path: `ops/late.sh` is no file or folder of the tree, although #2 is merged: no commit in the history of this one ever had it
    docs/missing-path: `ops/more.sh` is no file or folder of the tree, and #3 was closed without being merged: no commit in the history of this one ever had it
    docs/missing-path: `ops/most.sh` is no file or folder of the tree, and the head of #5 does not have it either: no commit in the history of this one ever had it
    docs/untrue-status: #1 is called merged, but it is open
    docs/untrue-status: #2 is called open, but it is merged
    docs/untrue-status: #3 is called shipped, but it is closed
    docs/pull-unknown: there is no pull request or issue #4
    ");
    assert!(scratch.run(&["docs", "check", "--github", "--pulls", "x.json"]).code == 2, "there is one source");
}

#[test]
fn what_github_does_not_tell_is_undecided() {
    let mut hosted = hosted(filled(), "Run `ops/next.sh` (#1) as #2 and #3 say.");
    let (hub, scratch) = (&hosted.hub, &mut hosted.scratch);
    let pull = |number: u64| format!("GET /repos/example/app/pulls/{number}");
    let renamed = |from: &str, to: &str| Broken::Replaced { from: format!("\"state\":\"{from}\""), to: format!("\"state\":\"{to}\"") };
    hub.break_contract(&pull(1), 1, renamed("open", "frozen"));
    hub.break_contract(&pull(2), 1, renamed("closed", "open"));
    hub.break_contract(&format!("{}/files", pull(3)), 1, Broken::Html(200));
    let answer = scratch.json(&["docs", "check", "--github"]).expect("gate_inconclusive");
    assert_snapshot!(errors(&answer), @r"
    docs/unreadable: what GitHub knows of #1 could not be had: GitHub says that #1 is `frozen`, which is not known
    docs/unreadable: what GitHub knows of #2 could not be had: GitHub says that #2 is `open`, and merged, which is not known
    docs/unreadable: what GitHub knows of #3 could not be had: GitHub's answer is not JSON but `text/html`
    ");
    hub.break_contract(&format!("{}/files", pull(1)), 2, Broken::Html(200));
    let answer = scratch.json(&["docs", "check", "--github"]).expect("gate_inconclusive");
    assert_snapshot!(errors(&answer), @"docs/unreadable: what GitHub knows of #1 could not be had: GitHub's answer is not JSON but `text/html`");
    assert!(scratch.json(&["docs", "lock", "--github"]).code == 0, "GitHub tells it now");

    // Words that know the token.
    let allowed = token(hub, &[("contents", "write"), ("pull_requests", "read"), ("issues", "read")]);
    scratch.set("GITHUB_TOKEN", &allowed);
    hub.break_contract(&pull(1), 1, renamed("open", &allowed));
    let said = scratch.run(&["docs", "check", "--github"]);
    assert!(format!("{said}").contains("is `[masked]`") && !format!("{said}").contains(&allowed), "{said}");

    // A token that may not read pull requests, one that does not see the repository, and none that GitHub knows.
    scratch.set("GITHUB_TOKEN", &token(hub, &[("contents", "read")]));
    let answer = scratch.json(&["docs", "check", "--github"]).expect("gate_inconclusive");
    assert_snapshot!(errors(&answer), @"docs/not-allowed: what GitHub knows of #1, #2, #3 could not be had: the token lacks a permission; GitHub asks for pull_requests: read: Resource not accessible by integration");
    let refused = scratch.json(&["docs", "lock", "--github"]).expect("findings");
    assert!(errors(&refused).starts_with("docs/not-allowed"), "{refused:#}");
    scratch.set("GITHUB_TOKEN", &hub.token(&hub.user("stranger")));
    let answer = scratch.json(&["docs", "check", "--github"]).expect("gate_inconclusive");
    assert_snapshot!(errors(&answer), @"docs/not-found: what GitHub knows of #1, #2, #3 could not be had: GitHub has no such thing, or does not show it to this token: Not Found");
    scratch.set("GITHUB_TOKEN", "ghp_unknown");
    let answer = scratch.json(&["docs", "check", "--github"]).expect("gate_inconclusive");
    assert_snapshot!(errors(&answer), @"docs/not-allowed: what GitHub knows of #1, #2, #3 could not be had: GitHub does not know the token, or it has ended: Bad credentials");
    scratch.git(&["remote", "set-url", "origin", "../origin.git"]);
    let answer = scratch.json(&["docs", "check", "--github"]).expect("gate_inconclusive");
    assert_snapshot!(errors(&answer), @"docs/no-forge: what GitHub knows of #1, #2, #3 could not be had: the URL of the remote `origin` does not name a repository on GitHub");
}

#[test]
fn the_gate_asks_github_and_is_judged_again_without() {
    let mut hosted = hosted(filled(), "Run `ops/next.sh` (#1).");
    let hub = &hosted.hub;
    let told = |answer: &Value| {
        let findings = answer["run"]["gates"][0]["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] == "error");
        let line = |finding: &Value| format!("{}: {}", finding["code"].as_str().unwrap(), finding["message"].as_str().unwrap());
        findings.map(line).collect::<Vec<_>>().join("\n")
    };
    let promote = |scratch: &Scratch, reason: &str| scratch.json(&["promote", "v1.0.0", "--channel", "live"]).expect(reason);
    hosted.scratch.run(&["stage", "v1.0.0", "--at", "HEAD"]).ok();
    assert_snapshot!(told(&promote(&hosted.scratch, "gate_failed")), @"docs/pending: `ops/next.sh` is not here: it comes with #1, which is not merged");
    hub.pull(1).closed();
    assert_snapshot!(told(&promote(&hosted.scratch, "gate_failed")), @"docs/missing-path: `ops/next.sh` is no file or folder of the tree, and #1 was closed without being merged: no commit in the history of this one ever had it");

    hosted.scratch.edit(DOC, "Run `ops/next.sh` (#1).", "Run `ops/deploy.sh`, as #1 is closed, #2 is merged and #5 says.");
    hosted.scratch.commit("Say what is");
    hosted.push();
    hosted.scratch.run(&["stage", "v1.1.0", "--at", "HEAD"]).ok();
    let allowed = token(hub, &[("contents", "write"), ("pull_requests", "read"), ("issues", "read")]);
    hosted.scratch.set("GITHUB_TOKEN", &token(hub, &[("contents", "read")]));
    let answer = hosted.scratch.json(&["promote", "v1.1.0", "--channel", "live"]).expect("gate_inconclusive");
    assert_snapshot!(told(&answer), @"docs/not-allowed: what GitHub knows of #1, #2, #5 could not be had: the token lacks a permission; GitHub asks for pull_requests: read: Resource not accessible by integration");
    hosted.scratch.set("GITHUB_TOKEN", &allowed);
    hosted.scratch.json(&["promote", "v1.1.0", "--channel", "live"]).expect("moved");

    let before = hub.requests().len();
    hosted.scratch.json(&["audit", "--rejudge", "all"]).expect("passed");
    assert_eq!(hub.requests().len(), before, "the record is enough");
    let evidence = hosted.scratch.git_in("origin.git", &["show", "tagwarden/ledger:evidence/docs.json"]);
    let evidence: Value = serde_json::from_str(&evidence).unwrap();
    let mut got = evidence["answers"][1]["got"]["documents"].clone();
    got.as_object_mut().unwrap().retain(|name, _| ["pulls", "sides", "complete", "record"].contains(&name.as_str()));
    assert_snapshot!(got.to_string(), @r#"{"complete":true,"pulls":{"1":"closed","2":"merged","5":null},"record":null,"sides":{"1":{"base":"main","head":"0000000000000000000000000000000000000001"},"2":{"base":"main","head":"0000000000000000000000000000000000000002"}}}"#);
}
