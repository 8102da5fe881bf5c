//! The model for who is no test: `tests/full actions` runs whole workflows against it. A repository, people, an App with its key, and the
//! payload of every comment that somebody wrote there, each with what must come of it.

use super::{
    comment::{PROTOCOL, Talk},
    model::{Key, User},
};
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

#[test]
#[ignore = "serves until a file `end` is there; `tests/full actions` runs it"]
fn a_repository_for_workflows() {
    let folder = PathBuf::from(std::env::var_os("TAGWARDEN_SERVED").expect("TAGWARDEN_SERVED names an empty folder"));
    let now = || jiff::Timestamp::now().to_string();
    // Who signs may also promote for themselves, by hand.
    let talk = Talk::of(&now(), &PROTOCOL.replacen("may: [stage, ", "may: [stage, promote, ", 1));
    let cases = Cases::of(&talk);
    cases.write(&folder.join("events"));
    let (hub, scratch) = (&talk.hosted.hub, &talk.hosted.scratch);
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    for (name, text) in [
        ("url", hub.url()),
        ("origin", scratch.path("origin.git").display().to_string()),
        ("genesis", scratch.git_in("origin.git", &["rev-list", "--max-parents=0", "tagwarden/ledger"])),
        ("app_id", talk.app.id.to_string()),
        ("app_key", Key::of_apps().pem.clone()),
        ("signing_key", read(&scratch.path("keys").join("mover"))),
        ("cases", cases.list),
        ("ready", String::new()),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let begun = std::time::Instant::now();
    while !folder.join("end").exists() && begun.elapsed() < LONGEST {
        // Programs outside of the tests go by the clock of the machine.
        hub.set_now(&now());
        std::thread::sleep(Duration::from_millis(100));
    }
    let own = talk.pull.comments().into_iter().filter(|comment| comment.starts_with("deployer[bot]: "));
    std::fs::write(folder.join("answers"), own.collect::<Vec<_>>().join("\n\n")).unwrap();
}

/// Payloads, and lines `NAME REASON`: what a run of each comes to. Those of refusals stand before those that move.
struct Cases {
    events: Vec<(String, Value)>,
    list: String,
}

impl Cases {
    fn of(talk: &Talk) -> Cases {
        let mut cases = Cases { events: Vec::new(), list: String::new() };
        let promote = format!("/promote app@1.1.0 --channel test --sha {}", talk.commit);
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
        cases.add("hold", "moved", says(&talk.lead, "/hold --channel test --reason \"an incident\""));
        cases.add("held", "held", says(&talk.ann, &promote));
        cases.add("unhold", "moved", says(&talk.lead, "/unhold --channel test --reason \"it is over\""));
        // 70: the same event again.
        let event = says(&talk.ann, &format!("Looks good.\n\n{promote} --reason \"the fix for logins\"\n"));
        cases.add("promote", "moved", event.clone());
        cases.add("replayed", "already_there", event);
        cases
    }

    fn add(&mut self, name: &str, reason: &str, event: Value) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.list, "{name} {reason}");
        self.events.push((name.to_owned(), event));
    }

    fn write(&self, folder: &Path) {
        std::fs::create_dir(folder).unwrap();
        for (name, event) in &self.events {
            std::fs::write(folder.join(format!("{name}.json")), event.to_string()).unwrap();
        }
    }
}
