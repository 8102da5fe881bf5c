//! The model for who is no test: `tests/full actions` runs whole workflows against it. A repository that was set up by the page, people,
//! and the payload of every comment that somebody wrote there, each with what must come of it; a second repository that has no ledger yet.

use super::{
    comment::Talk,
    hosted::Hosted,
    model::{GitHub, User},
};
use crate::{common::Scratch, set_up};
use serde_json::{Value, json};
use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

/// Whoever started this and forgot it is not waited for longer.
const LONGEST: Duration = Duration::from_secs(900);

/// What a run comes to: a reason code, or that no job is started.
const NO_JOB: &str = "no_job";

/// A gate that waits where it is told to, so that something can happen while gates run.
const SLOW: &str = "title: Somebody may wait\nverbs: [promote]\ncommand:\n  - shell: \"if test -e FOLDER/wait; then touch FOLDER/begun; \
                    while test -e FOLDER/wait; do sleep 0.1; done; fi\"\n";

#[test]
#[ignore = "serves until a file `end` is there; `tests/full actions` runs it"]
fn a_repository_for_workflows() {
    let folder = PathBuf::from(std::env::var_os("TAGWARDEN_SERVED").expect("TAGWARDEN_SERVED names an empty folder"));
    let action = std::env::var("TAGWARDEN_ACTION").expect("TAGWARDEN_ACTION names the action");
    let (hub, scratch) = (GitHub::new(), Scratch::new());
    let done = set_up::follow(&hub, &scratch, &action);
    let mut all = vec![("said", done.said)];
    let talk = Talk::set_up(Hosted::of(hub, scratch), done.app);
    let (hub, scratch) = (&talk.hosted.hub, &talk.hosted.scratch);
    let second = Second::of(&talk);
    scratch.write("gates/20-slow.yaml", SLOW.replace("FOLDER", &folder.display().to_string()));
    scratch.edit(
        "protocol-docs/promotion.md",
        "\n## Promoting\n",
        "\n## Gate 2 — Somebody may wait\n\n`gates/20-slow.yaml`.\n\n## Promoting\n",
    );
    scratch.commit("Add a gate");
    talk.hosted.push();
    let cases = Cases::of(&talk);
    cases.write(&folder.join("events"));
    let genesis = scratch.git_in("origin.git", &["rev-list", "--max-parents=0", "tagwarden/ledger"]);
    let token = hub.workflow_token(&["contents", "pull_requests", "issues", "checks", "statuses"].map(|name| (name, "read")));
    all.extend([
        ("url", hub.url()),
        ("origin", scratch.path("origin.git").display().to_string()),
        ("second", second.folder),
        ("keys", scratch.path("keys").display().to_string()),
        ("kept", done.kept.display().to_string()),
        ("genesis", genesis),
        ("token", token),
        ("cases", cases.list),
        ("ready", String::new()),
    ]);
    for (name, text) in all {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let begun = std::time::Instant::now();
    while !folder.join("end").exists() && begun.elapsed() < LONGEST {
        // Programs outside of the tests go by the clock of the machine.
        hub.set_now(&jiff::Timestamp::now().to_string());
        std::thread::sleep(Duration::from_millis(100));
    }
    let own = talk.pull.comments().into_iter().filter(|comment| comment.starts_with("deployer[bot]: "));
    std::fs::write(folder.join("answers"), own.collect::<Vec<_>>().join("\n\n")).unwrap();
}

/// A repository with the same workflows and no ledger, whose policy three people adopt together: `mover`, `boss` and `carol`. A channel tag
/// is there already.
struct Second {
    folder: String,
}

impl Second {
    fn of(talk: &Talk) -> Second {
        let scratch = &talk.hosted.scratch;
        let folder = scratch.path("second.git").display().to_string();
        scratch.git_in("", &["init", "--quiet", "--bare", "--initial-branch=main", "second.git"]);
        for name in ["boss", "carol"] {
            scratch.key(name);
        }
        scratch.git(&["checkout", "--quiet", "-b", "second"]);
        scratch.edit("gates/protocol.yaml", "TAGWARDEN_SIGNING_KEY\" }", "TAGWARDEN_SIGNING_KEY\", threshold: 3 }");
        scratch.write("gates/allowed_signers", scratch.allowed_signers(&["mover", "boss", "carol"]));
        scratch.commit("Let three people adopt");
        scratch.git(&["push", "--quiet", &folder, "second:refs/heads/main", "v1.1.0", "v1.1.0:refs/tags/channel/local_dev"]);
        scratch.git(&["checkout", "--quiet", "main"]);
        let repository = talk.hosted.hub.repository("example/second").on_disk(&scratch.path("second.git"));
        talk.app.install_on(&repository, &[("contents", "write")]);
        Second { folder }
    }
}

/// Payloads, and lines `NAME REASON`: what a run of each comes to. Those of refusals stand before those that move.
struct Cases {
    events: Vec<(String, Value)>,
    list: String,
}

impl Cases {
    fn of(talk: &Talk) -> Cases {
        let mut cases = Cases { events: Vec::new(), list: String::new() };
        let promote = format!("/promote app@1.1.0 --channel local_dev --sha {}", talk.commit);
        let (hub, hosted) = (&talk.hosted.hub, &talk.hosted);
        let says = |who: &User, body: &str| talk.event(talk.pull.comment(who, body));

        // 65: where a command is none, or stands where none is taken.
        for (name, body) in [
            ("quoted", format!("> {promote}")),
            ("in-text", format!("Please {promote}")),
            ("in-a-list", format!("- {promote}")),
            ("indented", format!("Look:\n\n    {promote}")),
        ] {
            cases.add(name, NO_JOB, says(&talk.ann, &body));
        }
        for (name, body) in [
            ("in-code", format!("```\n{promote}\n```")),
            ("in-html", format!("<!--\n{promote}\n-->")),
            ("after-a-lazy-quote", format!("> He wrote\n{promote}")),
        ] {
            cases.add(name, "nothing_to_do", says(&talk.ann, &body));
        }
        let comment = talk.pull.comment(&talk.ann, &promote);
        talk.pull.edit_comment(comment, &talk.ann, &promote);
        cases.add("edited-since", "not_permitted", talk.event(comment));
        let mut event = says(&talk.ann, &promote);
        event["action"] = json!("edited");
        cases.add("edited", "nothing_to_do", event);
        let closed = hosted.pull(8, &["b.txt"]).closed();
        cases.add("on-a-closed-request", "not_permitted", talk.event(closed.comment(&talk.ann, &promote)));
        let fork = hub.repository("stranger/app");
        let forked = hosted.pull(9, &["c.txt"]).of_fork(Some(&fork));
        cases.add("on-a-fork", "not_permitted", talk.event(forked.comment(&talk.ann, &promote)));
        let repo = hub.repo().issue_of(2, &talk.ann);
        cases.add("on-an-issue", "not_permitted", talk.event(repo.comment(2, &talk.ann, &promote)));
        // 66: what was meant is not what is there.
        let other = promote.replace(&talk.commit, &"1".repeat(40));
        cases.add("another-commit", "tag_conflict", says(&talk.ann, &other));
        let open = hosted.pull(10, &["d.txt"]);
        cases.keep("pushed-meanwhile", talk.event(open.comment(&talk.ann, &promote)));
        // 67: text of shells, Markdown, templates, and control characters, in arguments.
        for (name, reason) in [
            ("shell", "$(touch pwned) `touch pwned`; touch pwned"),
            ("template", "${{ secrets.TAGWARDEN_SIGNING_KEY }}"),
            ("commands", "::set-output name=moved::true ##[error]x"),
        ] {
            // The release's commit is another, so that only what the text does on its way is seen.
            cases.add(name, "tag_conflict", says(&talk.ann, &format!("{other} --reason \"{reason}\"")));
        }
        cases.add("control", "bad_usage", says(&talk.ann, &format!("{promote} --reason \"a\u{202e}b\"")));
        cases.add("two-lines", "bad_usage", says(&talk.ann, &format!("{promote} --reason \"a\nb\"")));
        // 69: nothing is forced.
        cases.add("forced", "bad_usage", says(&talk.ann, &format!("{promote} --force")));
        // 71: our own words, and a marker in somebody's.
        cases.add("own-comment", "nothing_to_do", talk.event(talk.pull.comment_of_app(&talk.app, &promote)));
        cases.add("forged-marker", NO_JOB, says(&talk.reader, "<!-- tagwarden comment=1 state=final -->\nmoved"));
        // 72: names.
        for (name, release) in [("hash", "a#b@1.0.0"), ("question", "a?b@1.0.0"), ("above", "../..@1.0.0")] {
            cases.add(name, "bad_usage", says(&talk.ann, &promote.replace("app@1.1.0", release)));
        }
        // Who may not.
        cases.add("by-a-reader", "not_permitted", says(&talk.reader, &promote));
        // 68, with the holds that come first: a hold of somebody else's.
        cases.add("hold", "moved", says(&talk.lead, "/hold --channel local_dev --reason \"an incident\""));
        cases.add("held", "held", says(&talk.ann, &promote));
        cases.add("unhold", "moved", says(&talk.lead, "/unhold --channel local_dev --reason \"it is over\""));
        cases.keep("unreadable-hold", says(&talk.ann, &promote));
        // 70: the same event again; once more when the channel is elsewhere, as `redelivered`.
        let event = says(&talk.ann, &format!("Looks good.\n\n{promote} --reason \"the fix for logins\"\n"));
        cases.add("promote", "moved", event.clone());
        cases.add("replayed", "already_there", event);
        cases.keep("verify", hub.repo().pull_event(10));
        cases
    }

    fn add(&mut self, name: &str, reason: &str, event: Value) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.list, "{name} {reason}");
        self.keep(name, event);
    }

    /// One that needs more than its payload.
    fn keep(&mut self, name: &str, event: Value) {
        self.events.push((name.to_owned(), event));
    }

    fn write(&self, folder: &Path) {
        std::fs::create_dir(folder).unwrap();
        for (name, event) in &self.events {
            std::fs::write(folder.join(format!("{name}.json")), event.to_string()).unwrap();
        }
    }
}
