//! Slash commands, from the event that GitHub hands over to the moved tag and the thread: the model of GitHub, real git over HTTP,
//! and a mover who signs for whoever wrote the comment.

mod commands;
mod failures;
mod formats;
mod moves;
mod output;
mod permissions;
mod refusals;
mod replies;
mod telling;

use crate::{
    common::{Answer, Output, Scratch, findings},
    github::{
        hosted::Hosted,
        model::{App, GitHub, Pull, User, Way},
    },
};
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

const NOW: &str = "2026-11-21T10:00:00Z";

const PROTOCOL: &str = r#"version: 1
packages: { app: { release_tag: "v{version}", default: true } }
release_branches: [main]
channels: { test: { tag: "channel/{channel}" }, live: { tag: "channel/{channel}", after: test } }
signing: { key: "env:TAGWARDEN_SIGNING_KEY" }
release_tags: any
roles:
  owners: { who: ["ssh:mover@example.com", "ssh:boss@example.com"], may: [stage, hold, unhold] }
  promoters: { who: ["permission:maintain"], may: [stage, promote, rollback, hold, unhold] }
  helpers: { who: ["team:example/helpers"], may: [hold, unhold, ack, waive, verdict], on: [test, live] }
  lead: { who: ["github:LEAD"], may: [hold, unhold, verdict] }
movers: ["ssh:mover@example.com"]
comment: { release_issue: 3 }
"#;
const GATE: &str = "title: The tree is whole\nverbs: [promote, rollback]\ncommand: [ { run: [\"true\"] } ]\n";

/// A gate that has begun when there is a file, and ends when there is another.
const SLOW: &[(&str, &str)] = &[(
    "gates/20-slow.yaml",
    "title: Slow\nchannels: [live]\ncommand: [ { shell: \"touch ROOT/begun; while ! test -e ROOT/go; do sleep 0.05; done\" } ]\n",
)];

/// What is not as in most tests.
#[derive(Clone, Copy, Default)]
struct Setup<'a> {
    /// Further words of `git init`.
    format: &'a [&'a str],
    /// Texts of the protocol, each with what is there in its place.
    protocol: &'a [(&'a str, &'a str)],
    /// Files beside those of the smallest protocol, and their texts.
    files: &'a [(&'a str, &'a str)],
}

/// A repository on the model, people, and the job that GitHub starts for each comment.
pub struct Talk {
    pub hosted: Hosted,
    pub ann: User,
    pub lead: User,
    pub reader: User,
    /// In a team, and no more than a reader of the repository.
    helper: User,
    pub app: App,
    /// A merged pull request, and the commit of `app@1.1.0`.
    pub pull: Pull,
    pub commit: String,
}

/// A run of `comment`.
struct Said {
    comment: u64,
    answer: Answer,
}

impl Talk {
    fn new() -> Talk {
        Talk::with(Setup::default())
    }

    fn with(setup: Setup<'_>) -> Talk {
        let protocol = setup.protocol.iter().fold(PROTOCOL.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        });
        Talk::made(NOW, &protocol, setup)
    }

    fn made(now: &str, protocol: &str, setup: Setup<'_>) -> Talk {
        let hub = GitHub::new();
        hub.set_now(now);
        let (ann, lead, reader, helper) = (hub.user("ann"), hub.user("lead"), hub.user("reader"), hub.user("helper"));
        hub.team("example", "helpers", &[(&helper, "member")]);
        let repo = hub.repo().collaborator(&ann, "maintain").collaborator(&lead, "read").collaborator(&reader, "read");
        let app = hub.app("deployer");
        app.install_on(&repo, &[("contents", "write"), ("issues", "write"), ("pull_requests", "write"), ("members", "read")]);
        let mut scratch = Scratch::of_format(setup.format);
        scratch.at(now);
        scratch.key("mover");
        scratch.key("boss");
        scratch.sign_as("mover");
        let known = |text: &str| text.replace("LEAD", &lead.id.to_string()).replace("HELPER", &helper.id.to_string());
        scratch.write("gates/protocol.yaml", known(protocol));
        scratch.write("gates/10-tree.yaml", GATE);
        for (file, text) in setup.files {
            scratch.write(file, known(text).replace("ROOT", &scratch.root().display().to_string()));
        }
        scratch.write("gates/allowed_signers", scratch.allowed_signers(&["mover", "boss"]));
        scratch.commit("Add the protocol");
        scratch.push();
        scratch.json(&["policy", "adopt", "--reason", "start"]).expect("moved");
        Talk::among(Hosted::of(hub, scratch), [ann, lead, reader, helper], app)
    }

    /// In a repository that was set up, with its App; `ann` administers it.
    pub fn set_up(hosted: Hosted, app: App) -> Talk {
        let people = ["ann", "lead", "reader", "helper"].map(|name| hosted.hub.user(name));
        hosted.hub.repo().collaborator(&people[1], "maintain").collaborator(&people[2], "read");
        Talk::among(hosted, people, app)
    }

    fn among(hosted: Hosted, [ann, lead, reader, helper]: [User; 4], app: App) -> Talk {
        let pull = hosted.pull(7, &["a.txt"]);
        hosted.merge(&pull, Way::Merge);
        hosted.release("v1.1.0");
        let commit = hosted.at("HEAD");
        let mut talk = Talk { hosted, ann, lead, reader, helper, app, pull, commit };
        let token = talk.hosted.hub.app_token(&talk.app);
        talk.hosted.scratch.set("GITHUB_TOKEN", &token);
        talk
    }

    /// The command that moves a channel to `app@1.1.0`.
    fn promote(&self, channel: &str) -> String {
        format!("/promote app@1.1.0 --channel {channel} --sha {}", self.commit)
    }

    /// Somebody writes a comment on the pull request, and GitHub starts the job for it.
    fn says(&self, who: &User, body: &str) -> Said {
        let comment = self.pull.comment(who, body);
        Said { comment, answer: self.job(&self.event(comment)) }
    }

    /// What GitHub hands over.
    pub fn event(&self, comment: u64) -> Value {
        self.hosted.hub.repo().comment_event(comment)
    }

    fn job(&self, event: &Value) -> Answer {
        let path = self.handed_over(event);
        self.hosted.scratch.json_with(&["comment"], &[("GITHUB_EVENT_NAME", "issue_comment"), ("GITHUB_EVENT_PATH", &path)])
    }

    /// The job for a comment, and what happens while its gates run.
    fn job_while(&self, event: &Value, meanwhile: impl FnOnce()) -> Answer {
        let [begun, go] = ["begun", "go"].map(|name| self.hosted.scratch.path(name));
        let _ = std::fs::remove_file(&go);
        std::thread::scope(|scope| {
            let job = scope.spawn(|| self.job(event));
            while !begun.exists() && !job.is_finished() {
                std::thread::sleep(Duration::from_millis(10));
            }
            if std::fs::remove_file(&begun).is_ok() {
                meanwhile();
            }
            std::fs::write(&go, "").unwrap();
            job.join().unwrap()
        })
    }

    /// Every later run is that of a machine which has nothing but a new clone.
    fn on_another_machine(&mut self) {
        let scratch = &mut self.hosted.scratch;
        let url = scratch.git(&["remote", "get-url", "origin"]);
        scratch.git_in("", &["clone", "--quiet", "--no-local", "--single-branch", "origin.git", "again"]);
        scratch.git_in("again", &["remote", "set-url", "origin", &url]);
        let home = scratch.path("home-again");
        std::fs::create_dir(&home).unwrap();
        scratch.set("HOME", &home.display().to_string()).go("again");
    }

    /// The same as a step of a workflow prints it, with further variables.
    fn step(&self, event: &Value, env: &[(&str, &str)]) -> Output {
        let path = self.handed_over(event);
        let env = [&[("GITHUB_EVENT_NAME", "issue_comment"), ("GITHUB_EVENT_PATH", path.as_str())], env].concat();
        self.hosted.scratch.run_with(&["comment", "--format", "github"], &env)
    }

    /// The file that holds an event.
    fn handed_over(&self, event: &Value) -> String {
        let file = self.hosted.scratch.path("event.json");
        std::fs::write(&file, event.to_string()).unwrap();
        file.display().to_string()
    }

    /// Every tag on GitHub, and the ledger.
    fn refs(&self) -> BTreeMap<String, String> {
        let mut refs = self.hosted.scratch.remote_refs();
        refs.retain(|name, _| name.starts_with("refs/tags/") || name.contains("ledger"));
        refs
    }

    /// The answer to a comment, without what differs from run to run.
    fn told(&self, comment: u64) -> String {
        self.told_on(&self.pull, comment)
    }

    fn told_on(&self, pull: &Pull, comment: u64) -> String {
        let marker = format!("comment={comment} ");
        let all = pull.comments();
        let own: Vec<&String> = all.iter().filter(|text| text.lines().next().is_some_and(|line| line.contains(&marker))).collect();
        assert_eq!(own.len(), 1, "{all:#?}");
        let mut text = own[0].replace(&marker, "comment=ID ");
        for (name, oid) in self.hosted.scratch.remote_refs() {
            text = text.replace(&oid, &format!("[{name}]")).replace(&oid[..10], &format!("[{name}]"));
        }
        // Ids are nobody's to foresee; a long one may be parted so that it is no link.
        let ids = r"\b[0-9a-f]{40}([0-9a-f]{24})?\b|\b[0-9a-f]{6}(&#8203;)?[0-9a-f]{4}\b";
        // So is the second at which a slow machine comes to it.
        let times = r"T1\d:(&#8203;)?00:(&#8203;)?\d\dZ";
        // The width of a column is that of its longest time.
        let patterns = [(r" +\d+ ms {2,}", "  MS  "), (r" +\d+ ms", "  MS"), (r" {2,}not run", "  not run"), (ids, "OID"), (times, "TIME")];
        let text = patterns.iter().fold(text, |text, (from, to)| regex::Regex::new(from).unwrap().replace_all(&text, *to).into_owned());
        [(&self.ann, "ANN"), (&self.reader, "READER"), (&self.helper, "HELPER"), (&self.lead, "LEAD")].into_iter().fold(
            text,
            |text, (user, name)| {
                let id = |colon: &str| format!("github:{colon}{}", user.id);
                text.replace(&id(""), &format!("github:{name}")).replace(&id("&#8203;"), &format!("github:&#8203;{name}"))
            },
        )
    }

    fn reactions(&self, comment: u64) -> Vec<String> {
        self.pull.reactions(comment)
    }
}

fn codes(answer: &Value) -> Vec<String> {
    findings(answer).iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}
