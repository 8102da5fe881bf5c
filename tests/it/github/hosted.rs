//! A checkout whose remote is a repository of the model, spoken to over HTTP by the program and by whoever pushes; GitHub's own
//! side of it is a bare repository. What tests of whole sessions share.

use super::model::{GitHub, Pull, User, Way};
use crate::common::{Answer, Scratch, findings};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

pub struct Hosted {
    pub hub: GitHub,
    pub scratch: Scratch,
}

impl Hosted {
    /// These files on `main` of `example/app`, adopted. Whoever runs the program is `mover`, an administrator whose token may do
    /// everything.
    pub fn new(hub: GitHub, files: &[(&str, &str)]) -> Hosted {
        Hosted::of(hub, Scratch::with(files))
    }

    /// The same of a repository that has its ledger already.
    pub fn of(hub: GitHub, mut scratch: Scratch) -> Hosted {
        let genesis = scratch.remote_refs()["refs/heads/tagwarden/ledger"].clone();
        hub.repo().on_disk(&scratch.path("origin.git"));
        scratch.git(&["remote", "set-url", "origin", &format!("{}/example/app.git", hub.url())]);
        scratch.set("TAGWARDEN_GENESIS", &genesis).set("GITHUB_SERVER_URL", &hub.url());
        scratch.set("GITHUB_API_URL", &hub.url()).set("GITHUB_GRAPHQL_URL", &format!("{}/graphql", hub.url()));
        let mover = hub.user("mover");
        hub.repo().collaborator(&mover, "admin").collaborator(&hub.user("author"), "write");
        let token = hub.token(&mover);
        scratch.set("GITHUB_TOKEN", &token);
        Hosted { hub, scratch }
    }

    /// git in the checkout with somebody's token.
    #[track_caller]
    pub fn git_as(&self, user: &User, args: &[&str]) -> String {
        let (good, said) = self.try_git(&self.hub.token(user), args);
        assert!(good, "git {args:?}: {said}");
        said
    }

    pub fn try_git(&self, token: &str, args: &[&str]) -> (bool, String) {
        let pair = STANDARD.encode(format!("x-access-token:{token}"));
        let header = format!("http.extraHeader=Authorization: Basic {pair}");
        self.scratch.try_tool("work", "git", &[&["-c", &header], args].concat())
    }

    /// What is at a name in the checkout.
    pub fn at(&self, name: &str) -> String {
        self.scratch.git(&["rev-parse", name])
    }

    /// Commits of these files, one each, on a branch of their own; the author of pull requests pushes it and opens one.
    pub fn pull(&self, number: u64, files: &[&str]) -> Pull {
        self.pull_from("main", number, files)
    }

    pub fn pull_from(&self, base: &str, number: u64, files: &[&str]) -> Pull {
        let branch = format!("topic-{number}");
        self.scratch.git(&["checkout", "--quiet", "-b", &branch, base]);
        self.push_more(number, files)
    }

    /// More commits on that branch, which is checked out no more afterwards.
    pub fn push_more(&self, number: u64, files: &[&str]) -> Pull {
        let branch = format!("topic-{number}");
        self.scratch.git(&["checkout", "--quiet", &branch]);
        for file in files {
            // Each commit changes something, also of a file that was changed before.
            let before = self.at("HEAD");
            self.scratch.write(file, format!("{number}, after {before}\n"));
            self.scratch.commit(&format!("Add {file}"));
        }
        self.git_as(&self.hub.user("author"), &["push", "--quiet", "origin", &branch]);
        self.scratch.git(&["checkout", "--quiet", "main"]);
        self.hub.pull(number).of_branch(&branch)
    }

    /// Merges it there, and brings `main` here. The merge commit.
    pub fn merge(&self, pull: &Pull, way: Way) -> String {
        let merge = pull.merge(&self.hub.user("boss"), way);
        self.sync();
        merge
    }

    /// `main` as it is there.
    pub fn sync(&self) {
        self.git_as(&self.hub.user("author"), &["pull", "--quiet", "--ff-only", "origin", "main"]);
    }

    /// A commit on `main` that nobody reviewed.
    pub fn push_past_review(&self, file: &str) -> String {
        self.scratch.write(file, "past review\n");
        let commit = self.scratch.commit(&format!("Push {file}"));
        self.push();
        commit
    }

    /// What is committed on `main`.
    pub fn push(&self) {
        self.git_as(&self.hub.user("author"), &["push", "--quiet", "origin", "main"]);
    }

    /// A release tag at the last commit of `main`.
    pub fn release(&self, tag: &str) {
        self.scratch.git(&["tag", tag]);
        self.git_as(&self.hub.user("author"), &["push", "--quiet", "origin", tag]);
    }

    /// A promotion of the only package to the channel `live`.
    pub fn promote(&self, tag: &str) -> Answer {
        self.scratch.json(&["promote", tag, "--channel", "live"])
    }

    /// What one gate says of the last commit: its outcome, and the codes of its errors.
    pub fn verdict(&self, gate: &str) -> (String, Vec<String>) {
        let answer = self.scratch.json(&["verify", "--channel", "live", "--at", "HEAD"]).value;
        let gates = answer["gates"].as_array().unwrap_or_else(|| panic!("{answer:#}"));
        let found = gates.iter().find(|found| found["id"] == gate).unwrap_or_else(|| panic!("no gate {gate}: {answer:#}"));
        let errors = findings(found).into_iter().filter(|finding| finding["severity"] == "error");
        let codes = errors.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect();
        (found["outcome"].as_str().unwrap().to_owned(), codes)
    }

    /// What each gate says of the last commit: its outcome, and its findings.
    pub fn told(&self) -> String {
        let answer = self.scratch.json(&["verify", "--channel", "live", "--at", "HEAD"]).value;
        let line = |finding: &Value| format!("\n  {}: {}", finding["code"].as_str().unwrap(), finding["message"].as_str().unwrap());
        let gate = |gate: &Value| {
            let findings: String = gate["findings"].as_array().unwrap_or(&Vec::new()).iter().map(line).collect();
            format!("{}: {}{findings}", gate["id"].as_str().unwrap(), gate["outcome"].as_str().unwrap())
        };
        let gates = answer["gates"].as_array().unwrap_or_else(|| panic!("{answer:#}"));
        let all: Vec<String> = gates.iter().map(gate).collect();
        // Ids of commits are not what is looked at.
        all.join("\n").replace(&self.at("HEAD")[..10], "COMMIT")
    }
}

const PROTOCOL: &str = r#"version: 1
packages: { app: { release_tag: "v{version}", default: true } }
release_branches: [main]
channels: { live: { tag: "channel/{channel}" } }
signing: { key: none }
release_tags: any
reviewers:
  lead: { type: user, id: LEAD }
"#;

/// A protocol whose reviewer `lead` is that user of the model, with what stands behind it.
pub fn protocol(hub: &GitHub, more: &str) -> String {
    PROTOCOL.replace("LEAD", &hub.user("lead").id.to_string()) + more
}

#[test]
fn git_is_served_beside_the_api_and_one_shows_what_the_other_has() {
    let hub = GitHub::new();
    let files =
        [("gates/protocol.yaml", protocol(&hub, "")), ("gates/10-tree.yaml", "title: T\ncommand: [ { run: [\"true\"] } ]\n".to_owned())];
    let hosted = Hosted::new(hub, &files.each_ref().map(|(path, text)| (*path, text.as_str())));
    let Hosted { hub, scratch } = &hosted;
    let (author, reader) = (hub.user("author"), hub.user("reader"));
    let repo = hub.repo().collaborator(&reader, "read");

    // What is pushed is what the API shows, also of a pull request; its ref can be read and not pushed.
    let pull = hosted.pull(7, &["a.txt"]);
    let head = hosted.at("topic-7");
    assert_eq!(repo.at("refs/heads/topic-7"), Some(head.clone()));
    assert_eq!(repo.at("refs/pull/7/head"), Some(head.clone()));
    hosted.push_more(7, &["b.txt"]);
    let head = hosted.at("topic-7");
    assert!(hosted.git_as(&reader, &["ls-remote", "origin", "refs/pull/7/head"]).starts_with(&head));
    let (good, said) = hosted.try_git(&hub.token(&author), &["push", "origin", "HEAD:refs/pull/7/head"]);
    assert!(!good && said.contains("deny updating a hidden ref"), "{said}");
    let merge = hosted.merge(&pull, Way::Merge);
    assert_eq!((repo.at("refs/heads/main"), hosted.at("main^2")), (Some(merge.clone()), head));
    assert_eq!(repo.at("refs/pull/7/head"), Some(hosted.at("main^2")));

    // Who asks: with no token, a wrong one, one under another user, one that may only read, and one that may not even do that.
    let tree = |token: &str| hosted.try_git(token, &["ls-remote", "origin"]);
    let push = |token: &str| hosted.try_git(token, &["push", "origin", "main:refs/heads/next"]);
    let (good, said) = scratch.try_tool("work", "git", &["-c", "core.askPass=true", "ls-remote", "origin"]);
    assert!(!good && said.contains("Authentication failed"), "{said}");
    let token = hub.token(&author);
    for pair in [format!("ann:{token}"), "x-access-token:ghp_wrong".to_owned()] {
        let url = format!("{}/example/app.git", hub.url()).replace("://", &format!("://{pair}@"));
        let (good, said) = scratch.try_tool("work", "git", &["ls-remote", &url]);
        assert!(!good && said.contains("Authentication failed"), "{said}");
    }
    assert!(tree(&hub.token(&reader)).0 && !push(&hub.token(&reader)).0);
    assert!(!push(&hub.limited_token(&author, &[("contents", "read")])).0);
    assert!(!tree(&hub.limited_token(&author, &[("pull_requests", "read")])).0);
    assert!(tree(&hub.token(&hub.user("stranger"))).1.contains("not found"));
    assert_eq!(repo.at("refs/heads/next"), None);
    assert!(push(&token).0);
    assert_eq!(repo.at("refs/heads/next"), Some(merge.clone()));

    // Rules hold for git as for the API, but not for who is named to come past them.
    let mover = hub.app("mover");
    mover.install_on(&repo, &[("contents", "write")]);
    let repo = repo.ruleset("Main", "branch", &["refs/heads/main", "refs/heads/next"], &["non_fast_forward", "deletion"], &[&mover]);
    let force = ["push", "--force", "origin", "main^:refs/heads/next"];
    let (good, said) = hosted.try_git(&token, &force);
    assert!(!good && said.contains("GH013: Repository rule violations found for refs/heads/next."), "{said}");
    assert!(!hosted.try_git(&token, &["push", "origin", ":refs/heads/next"]).0);
    assert_eq!(repo.at("refs/heads/next"), Some(merge));
    let installed = hub.app_token(&mover);
    assert!(hosted.try_git(&installed, &force).0);
    assert_eq!(repo.at("refs/heads/next"), Some(hosted.at("main^")));

    // The program's own way.
    hosted.release("v1.0.0");
    hosted.promote("v1.0.0").expect("moved");
    assert!(repo.at("refs/tags/channel/live").is_some());
    assert!(hub.git_requests().iter().any(|request| request.target.ends_with("/example/app.git/git-receive-pack")));
    assert_eq!(json!(hub.violations()), json!([]));
}
