//! Verdicts on pull requests, from GitHub's answers and a real history to a move: what was merged is computed again, and what
//! came past a pull request is seen.

use crate::common::{
    Scratch,
    server::{Reply, Server},
};
use serde_json::{Value, json};

const PROTOCOL: &str = r#"
version: 1
packages: { app: { release_tag: "v{version}", default: true } }
release_branches: [main]
channels: { one: { tag: "channel/{channel}" } }
signing: { key: none }
release_tags: any
reviewers: { lead: { type: user, id: 7 } }
"#;
const GATE: &str = "title: Pull requests are reviewed\nverdict: { pulls: { reviewers: [lead] } }\n";

struct Forge {
    scratch: Scratch,
    server: Server,
}

impl Forge {
    fn new() -> Forge {
        let server = Server::start();
        let mut scratch = Scratch::with(&[("gates/protocol.yaml", PROTOCOL), ("gates/10-reviewed.yaml", GATE)]);
        // The remote's name is one of the forge; its objects are in a folder.
        let url = format!("{}/acme/shop.git", server.url());
        let folder = scratch.path("origin.git").display().to_string();
        scratch.git(&["config", &format!("url.{folder}.insteadOf"), &url]);
        scratch.git(&["remote", "set-url", "origin", &url]);
        scratch.set("GITHUB_SERVER_URL", &server.url());
        scratch.set("GITHUB_API_URL", &format!("{}/api", server.url()));
        scratch.set("GITHUB_GRAPHQL_URL", &format!("{}/graphql", server.url()));
        let genesis = scratch.git(&["ls-remote", "origin", "refs/heads/tagwarden/ledger"]);
        scratch.set("TAGWARDEN_GENESIS", genesis.split_whitespace().next().unwrap());
        let nothing = json!({ "totalCount": 0, "nodes": [], "pageInfo": { "hasNextPage": false, "endCursor": null } });
        let said = json!({ "data": { "repository": { "pullRequest": { "reviewThreads": nothing, "comments": nothing } } } });
        server.set("/graphql", Reply::json(&said.to_string()));
        Forge { scratch, server }
    }

    fn set(&self, path: &str, body: Value) {
        self.server.set(&format!("/api/repos/acme/shop/{path}"), Reply::json(&body.to_string()));
    }

    /// A branch with commits of these files, as the pull request has it; its last commit.
    fn topic(&self, number: u64, files: &[&str]) -> String {
        let git = |words: &[&str]| self.scratch.git(words);
        git(&["checkout", "--quiet", "-b", &format!("topic-{number}"), "main"]);
        for file in files {
            self.scratch.write(file, "text\n");
            self.scratch.commit(&format!("Add {file}"));
        }
        let head = git(&["rev-parse", "HEAD"]).trim().to_owned();
        git(&["push", "--quiet", "origin", &format!("HEAD:refs/pull/{number}/head")]);
        git(&["checkout", "--quiet", "main"]);
        self.pull(number, &head, None);
        self.set(&format!("issues/{number}/reactions"), json!([]));
        self.set(&format!("commits/{head}/check-runs"), json!({ "total_count": 0, "check_runs": [] }));
        self.review(number, &head);
        head
    }

    /// As GitHub shows the pull request.
    fn pull(&self, number: u64, head: &str, merge: Option<&str>) {
        let account = json!({ "id": 5, "login": "cleo", "type": "User" });
        let branch = json!({ "sha": head, "ref": "x", "repo": { "id": 1 } });
        let pull = json!({ "number": number, "state": "closed", "merged": true, "merge_commit_sha": merge, "user": account, "merged_by": null,
            "head": branch, "base": branch });
        self.set(&format!("pulls/{number}"), pull);
    }

    fn review(&self, number: u64, commit: &str) {
        let account = json!({ "id": 7, "login": "lead", "type": "User" });
        self.set(&format!("pulls/{number}/reviews"), json!([{ "id": 1, "user": account, "state": "APPROVED", "commit_id": commit }]));
    }

    /// What is at HEAD now was brought by a pull request, as GitHub tells.
    fn brought(&self, number: u64, merge: &str) {
        let head = self.scratch.git(&["rev-parse", "HEAD"]).trim().to_owned();
        let merge = self.scratch.git(&["rev-parse", merge]).trim().to_owned();
        self.lists(&head, number, &merge);
        let head = self.scratch.git_in("origin.git", &["rev-parse", &format!("refs/pull/{number}/head")]);
        self.pull(number, head.trim(), Some(&merge));
    }

    /// GitHub lists the pull request at a commit.
    fn lists(&self, commit: &str, number: u64, merge: &str) {
        let pull = json!([{ "number": number, "merged_at": "2026-11-21T10:00:00Z", "merge_commit_sha": merge }]);
        self.set(&format!("commits/{commit}/pulls"), pull);
    }

    fn release(&self, tag: &str) {
        self.scratch.git(&["tag", tag]);
        self.scratch.git(&["push", "--quiet", "origin", "main", tag]);
    }

    /// The codes of the gate's findings.
    fn refused(&self, tag: &str, reason: &str) -> Vec<String> {
        let answer = self.scratch.json(&["promote", tag, "--channel", "one"]).expect(reason);
        let findings = answer["run"]["gates"][0]["findings"].as_array().unwrap().clone();
        let errors = findings.iter().filter(|finding| finding["severity"] == "error");
        errors.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
    }

    fn moved(&self, tag: &str) {
        self.scratch.json(&["promote", tag, "--channel", "one"]).expect("moved");
    }
}

#[test]
fn what_reviewers_said_of_every_pull_request_decides() {
    let forge = Forge::new();
    let git = |words: &[&str]| forge.scratch.git(words);

    // Squashed. An approval of an earlier commit does not count; of the last one it does.
    let head = forge.topic(12, &["a.txt", "b.txt"]);
    git(&["merge", "--quiet", "--squash", "topic-12"]);
    forge.scratch.commit("Squash 12");
    forge.brought(12, "HEAD");
    forge.release("v1.1.0");
    forge.review(12, git(&["rev-parse", &format!("{head}^")]).trim());
    assert_eq!(forge.refused("v1.1.0", "gate_failed"), ["verdict/stale"]);
    forge.review(12, &head);
    forge.moved("v1.1.0");

    // Merged, then two rebased, all since the last move; the head is nowhere but in the pull request's ref.
    forge.topic(13, &["c.txt"]);
    git(&["merge", "--quiet", "--no-ff", "--no-edit", "topic-13"]);
    forge.brought(13, "HEAD");
    forge.topic(14, &["d.txt", "e.txt"]);
    forge.scratch.write("f.txt", "meanwhile\n");
    forge.scratch.commit("Pushed past review");
    let pushed = git(&["rev-parse", "HEAD"]).trim().to_owned();
    forge.set(&format!("commits/{pushed}/pulls"), json!([]));
    git(&["cherry-pick", "main..topic-14"]);
    forge.brought(14, "HEAD");
    let newest = git(&["rev-parse", "HEAD"]).trim().to_owned();
    git(&["checkout", "--quiet", "HEAD^"]);
    forge.brought(14, &newest);
    git(&["checkout", "--quiet", "main"]);
    git(&["branch", "--quiet", "-D", "topic-12", "topic-13", "topic-14"]);
    forge.release("v1.2.0");
    assert_eq!(forge.refused("v1.2.0", "gate_failed"), ["verdict/unmapped"]);
    forge.lists(&pushed, 15, &pushed);
    let own = forge.topic_of(15, &pushed);
    assert_eq!(own.len(), 40);
    forge.moved("v1.2.0");

    // Something slipped in while merging.
    forge.topic(16, &["g.txt"]);
    git(&["merge", "--quiet", "--no-ff", "--no-commit", "topic-16"]);
    forge.scratch.write("slipped.txt", "in\n");
    forge.scratch.commit("Merge 16");
    forge.brought(16, "HEAD");
    forge.release("v1.3.0");
    assert_eq!(forge.refused("v1.3.0", "gate_failed"), ["verdict/not-as-merged"]);

    // Pushed, and a pull request began on it: it is no commit that was rebased, whatever lists it.
    forge.scratch.write("h.txt", "meanwhile\n");
    forge.scratch.commit("Pushed below a review");
    let below = git(&["rev-parse", "HEAD"]).trim().to_owned();
    forge.topic(17, &["i.txt"]);
    git(&["merge", "--quiet", "--squash", "topic-17"]);
    forge.scratch.commit("Squash 17");
    forge.brought(17, "HEAD");
    forge.lists(&below, 17, git(&["rev-parse", "HEAD"]).trim());
    forge.release("v1.4.0");
    assert_eq!(forge.refused("v1.4.0", "gate_failed"), ["verdict/unmapped", "verdict/not-as-merged"]);

    // Shown as merged elsewhere than where it is listed.
    forge.pull(17, git(&["rev-parse", "topic-17"]).trim(), Some(&"0".repeat(40)));
    assert_eq!(forge.refused("v1.4.0", "gate_inconclusive"), ["verdict/unreadable"]);

    // GitHub is away.
    forge.server.set("/graphql", Reply::status(403, "{\"message\": \"Resource not accessible\"}"));
    assert_eq!(forge.refused("v1.3.0", "gate_inconclusive"), ["verdict/not-allowed"]);
}

impl Forge {
    /// A pull request whose last commit is one that is there; that commit.
    fn topic_of(&self, number: u64, commit: &str) -> String {
        self.scratch.git(&["push", "--quiet", "origin", &format!("{commit}:refs/pull/{number}/head")]);
        self.pull(number, commit, Some(commit));
        self.set(&format!("issues/{number}/reactions"), json!([]));
        self.set(&format!("commits/{commit}/check-runs"), json!({ "total_count": 0, "check_runs": [] }));
        self.review(number, commit);
        commit.to_owned()
    }
}
