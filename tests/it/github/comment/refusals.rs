//! What is refused, or not a command: the reason code, and every tag and the ledger as they were.

use super::{Said, Talk, codes};
use crate::github::model::{Refused, User};
use serde_json::{Value, json};

#[test]
fn what_is_refused_leaves_every_ref_and_tells_the_thread_why() {
    let talk = Talk::new();
    let sha = &talk.commit;
    let promote = format!("/promote app@1.1.0 --channel test --sha {sha}");
    let refs = talk.refs();
    let hub = &talk.hosted.hub;
    let refused = |said: Said, reason: &str, code: &str| {
        let answer = said.answer.expect(reason);
        assert_eq!(talk.refs(), refs, "{code}");
        if !code.is_empty() {
            assert_eq!(codes(&answer), [code]);
        }
        said.comment
    };

    // Who may not, whatever they are called; who may by their team only something else.
    let comment = refused(talk.says(&talk.reader, &promote), "not_permitted", "");
    insta::assert_snapshot!(talk.told(comment), @r"
    deployer[bot]: <!-- tagwarden comment=ID state=final -->
    ### ✗ `/promote app@1.1.0 --channel test --sha [refs/heads/main]`: not permitted (`not_permitted`)

    no role of the adopted policy names github:&#8203;READER, so nothing is done for them

    - asked by reader (`github:READER`)

    **Next:** Ask somebody whom the policy names

    <details><summary>The whole report</summary>

    ```text
    error[comment/no-role]: no role of the adopted policy names github:READER, so nothing is done for them

    stop (not_permitted). Ask somebody whom the policy names.
    ```

    </details>
    ");
    assert_eq!(talk.reactions(comment), ["deployer[bot] eyes", "deployer[bot] -1"]);
    refused(talk.says(&hub.user("helper"), &promote), "not_permitted", "");
    refused(talk.says(&talk.reader, &format!("/verify --channel test --at {sha}")), "not_permitted", "comment/no-role");
    // Without the commit: the reply shows which one it is.
    let comment = refused(talk.says(&talk.ann, "/promote app@1.1.0 --channel test"), "bad_usage", "comment/no-sha");
    insta::assert_snapshot!(talk.told(comment), @r"
    deployer[bot]: <!-- tagwarden comment=ID state=final -->
    ### ✗ `/promote app@1.1.0 --channel test`: not understood (`bad_usage`)

    `--sha` says which commit is meant, and the policy asks for it; app@&#8203;1&#8203;.1&#8203;.0 is at `[refs/heads/main]`

    - asked by ann (`github:ANN`)

    **Next:** If that is the commit you mean, write `/promote app@1.1.0 --channel test --sha [refs/heads/main]`

    <details><summary>The whole report</summary>

    ```text
    error[comment/no-sha]: `--sha` says which commit is meant, and the policy asks for it; app@1.1.0 is at `[refs/heads/main]`

    stop (bad_usage). If that is the commit you mean, write `/promote app@1.1.0 --channel test --sha [refs/heads/main]`
    ```

    </details>
    ");
    // Another commit than the release's.
    refused(talk.says(&talk.ann, &promote.replace(sha, &"1".repeat(40))), "tag_conflict", "");
    // Mistyped.
    let comment = refused(talk.says(&talk.ann, &promote.replace("promote", "promte")), "bad_usage", "comment/unknown-command");
    insta::assert_snapshot!(talk.told(comment), @r"
    deployer[bot]: <!-- tagwarden comment=ID state=final -->
    ### ✗ `/promte app@1.1.0 --channel test --sha [refs/heads/main]`: not understood (`bad_usage`)

    `/promte` is not a command

    - asked by ann (`github:ANN`)

    **Next:** Write `/promote app@1.1.0 --channel test --sha [refs/heads/main]`

    <details><summary>The whole report</summary>

    ```text
    error[comment/unknown-command]: `/promte` is not a command
     --> comment:1:1
      |
    1 | /promte app@1.1.0 --channel test --sha [refs/heads/main]
      | ^^^^^^^
      |
      = help: did you mean `/promote`?

    stop (bad_usage). Write `/promote app@1.1.0 --channel test --sha [refs/heads/main]`
    ```

    </details>
    ");

    // Changed after it was written, by its writer too; another text than the event has; gone.
    let comment = talk.pull.comment(&talk.ann, &promote);
    talk.pull.edit_comment(comment, &talk.ann, &promote);
    refused(Said { comment, answer: talk.job(&talk.event(comment)) }, "not_permitted", "comment/edited");
    let comment = talk.pull.comment(&talk.ann, "/status");
    let mut event = talk.event(comment);
    event["comment"]["body"] = json!(promote);
    refused(Said { comment, answer: talk.job(&event) }, "not_permitted", "comment/edited");
    talk.pull.delete_comment(comment);
    refused(Said { comment, answer: talk.job(&event) }, "unreachable", "comment/unavailable");

    // On a closed pull request, on one from another repository, on an issue, on the release issue.
    let hosted = &talk.hosted;
    let closed = hosted.pull(8, &["b.txt"]).closed();
    let comment = closed.comment(&talk.ann, &promote);
    refused(Said { comment, answer: talk.job(&talk.event(comment)) }, "not_permitted", "comment/place");
    let fork = hub.repository("stranger/app");
    let forked = hosted.pull(9, &["c.txt"]).of_fork(Some(&fork));
    let comment = forked.comment(&talk.ann, &promote);
    refused(Said { comment, answer: talk.job(&talk.event(comment)) }, "not_permitted", "comment/fork");
    let repo = hub.repo().issue_of(2, &talk.ann).issue_of(3, &talk.ann);
    let comment = repo.comment(2, &talk.ann, &promote);
    refused(Said { comment, answer: talk.job(&talk.event(comment)) }, "not_permitted", "comment/place");
    let comment = repo.comment(3, &talk.ann, "/verify --channel test");
    let event = talk.event(comment);
    refused(Said { comment, answer: talk.job(&event) }, "bad_usage", "comment/missing");

    let comment = talk.pull.comment(&talk.ann, &promote);
    let event = talk.event(comment);
    // An event of another repository is nobody's request here.
    let mut foreign = event.clone();
    foreign["repository"]["full_name"] = json!("example/other");
    assert_eq!(talk.job(&foreign).value["reason_code"], "bad_usage");
    // What cannot be read gives no right.
    hub.refuse("GET /repos/example/app/collaborators/ann/permission", 1, Refused::NotFound);
    let said = talk.says(&talk.ann, &promote).answer.expect("not_permitted");
    assert!(said["help"].as_str().unwrap().contains("the access of github:"), "{said:#}");
    assert_eq!(talk.refs()["refs/heads/tagwarden/ledger"], refs["refs/heads/tagwarden/ledger"]);
}

#[test]
fn what_was_written_long_ago_is_not_done_now() {
    let mut talk = Talk::new();
    let promote = format!("/promote app@1.1.0 --channel test --sha {}", talk.commit);
    let comment = talk.pull.comment(&talk.ann, &promote);
    let event = talk.event(comment);
    let refs = talk.refs();
    talk.hosted.scratch.at("2026-11-21T10:20:00Z");
    let answer = talk.job(&event).expect("not_permitted");
    assert_eq!((codes(&answer), talk.refs()), (vec!["comment/too-old".to_owned()], refs));
}

#[test]
fn what_is_no_new_command_of_somebody_else_is_left_alone() {
    let talk = Talk::new();
    let refs = talk.refs();
    let promote = format!("/promote app@1.1.0 --channel test --sha {}", talk.commit);
    let quiet = |event: &Value| {
        let thread = talk.pull.comments();
        talk.job(event).expect("nothing_to_do");
        assert_eq!((talk.refs(), talk.pull.comments()), (refs.clone(), thread), "{event}");
    };
    for body in [
        "Ship it!",
        "/cc ann",
        "> {}",
        "> quoted\n{}",
        "    {}",
        "```\n{}\n```",
        "`{}`",
        "- {}",
        "- item\n{}",
        "| a |\n|---|\n| {} |",
        "# {}",
        "<!-- {} -->",
        "<!--\n{}\n-->",
        "<details>\n\n{}\n\n</details>",
        "[text\n{}\ntext](https://example.com)",
        " {}",
    ] {
        let asked = talk.hosted.hub.requests().len();
        let comment = talk.pull.comment(&talk.ann, &body.replace("{}", &promote));
        quiet(&talk.event(comment));
        assert!(talk.reactions(comment).is_empty(), "{body}");
        assert_eq!(talk.hosted.hub.requests().len(), asked, "nobody is asked about {body:?}");
    }
    // Edited, deleted, and a word that no action has today.
    let comment = talk.pull.comment(&talk.ann, &promote);
    for action in ["edited", "deleted", "pinned"] {
        let mut event = talk.event(comment);
        event["action"] = json!(action);
        quiet(&event);
    }
    // Our own words are nobody's request.
    let comment = talk.pull.comment_of_app(&talk.app, &promote);
    quiet(&talk.event(comment));
}

/// Whoever writes a marker into a comment of theirs decides nothing, neither that a command was answered nor that it was given.
#[test]
fn a_forged_marker_is_nobodys_answer() {
    let talk = Talk::new();
    let promote = talk.promote("test");
    let comment = talk.pull.comment(&talk.ann, &promote);
    for state in ["running", "final", "final entry=1"] {
        talk.pull.comment(&talk.reader, &format!("<!-- tagwarden comment={comment} state={state} -->\nall is well"));
    }
    let forged = talk.pull.comments()[1..].to_vec();
    talk.job(&talk.event(comment)).expect("moved");
    let comments = talk.pull.comments();
    assert_eq!(comments[1..4], forged);
    assert!(comments.len() == 5 && comments[4].starts_with("deployer[bot]: ") && comments[4].contains("entry=1"), "{comments:#?}");

    // Above a command of their own, as an answer of ours would begin.
    let refs = talk.refs();
    let said = talk.says(&talk.reader, &format!("<!-- tagwarden comment={comment} state=final -->\n\n{}", talk.promote("live")));
    said.answer.expect("not_permitted");
    assert_eq!(talk.refs(), refs);
}

/// One line of the catalogue of attacks each: who writes what, and why nothing comes of it.
#[test]
fn no_argument_reaches_further_than_its_name() {
    let talk = Talk::new();
    let (ann, reader, sha) = (&talk.ann, &talk.reader, &talk.commit);
    let (test, live) = (talk.promote("test"), talk.promote("live"));
    talk.says(&talk.lead, "/hold --channel live --reason \"an incident\"").answer.expect("moved");
    let promote = |release: &str| format!("/promote {release} --channel test --sha {sha}");
    let on = |channel: &str| format!("/promote app@1.1.0 --channel {channel} --sha {sha}");
    let because = |reason: &str| format!("{test} --reason {reason}");
    let rows: Vec<(&User, String, &str, &str)> = vec![
        // Words that a shell, Markdown or a template would act on, where a name belongs.
        (ann, promote("v1.1.0;id"), "bad_usage", "comment/wrong-value"),
        (ann, promote("$(id)@1.1.0"), "bad_usage", "comment/wrong-value"),
        (ann, promote("`id`"), "bad_usage", "comment/quotes"),
        (ann, promote("app@1.1.0 && id"), "bad_usage", "comment/wrong-value"),
        (ann, promote("app@1.1.0|id"), "bad_usage", "comment/wrong-value"),
        (ann, promote("**app@1.1.0**"), "bad_usage", "comment/wrong-value"),
        (ann, promote("[app@1.1.0](https://example.com)"), "bad_usage", "comment/wrong-value"),
        (ann, promote("<b>app@1.1.0</b>"), "bad_usage", "comment/wrong-value"),
        (ann, on("${{github.token}}"), "bad_usage", "comment/wrong-value"),
        (ann, on("${{ github.token }}"), "bad_usage", "comment/wrong-value"),
        (ann, on("{channel}"), "bad_usage", "comment/wrong-value"),
        (ann, on("test\\nlive"), "bad_usage", "comment/quotes"),
        // Line breaks, control characters, the direction of text, quotes that nothing closes.
        (ann, because("\"a\nb\""), "bad_usage", "comment/quotes"),
        (ann, because("\"a"), "bad_usage", "comment/quotes"),
        (ann, because("'a b'"), "bad_usage", "comment/quotes"),
        (ann, because("\"a\u{7}\""), "bad_usage", "comment/hidden-character"),
        (ann, because("\"a\u{1b}[31m\""), "bad_usage", "comment/hidden-character"),
        (ann, on("\u{202e}tset"), "bad_usage", "comment/hidden-character"),
        (ann, because("\"\u{2066}a\""), "bad_usage", "comment/hidden-character"),
        (ann, format!("/pro\u{200b}mote app@1.1.0 --channel test --sha {sha}"), "bad_usage", "comment/hidden-character"),
        // Names that would lead elsewhere in an address or a path.
        (ann, promote("a#b@1.1.0"), "bad_usage", "comment/wrong-value"),
        (ann, promote("a?b@1.1.0"), "bad_usage", "comment/wrong-value"),
        (ann, promote("../..@1.1.0"), "bad_usage", "comment/wrong-value"),
        (ann, promote("../.."), "bad_usage", "comment/wrong-value"),
        (ann, on("a#b"), "bad_usage", "comment/wrong-value"),
        (ann, on("a?b"), "bad_usage", "comment/wrong-value"),
        (ann, on("../.."), "bad_usage", "comment/wrong-value"),
        (ann, "/verify --gate ../..".to_owned(), "bad_usage", "comment/wrong-value"),
        (ann, "/hold --release a#b --reason x".to_owned(), "bad_usage", "comment/wrong-value"),
        (ann, "/ack a?b --channel test --release app@1.1.0".to_owned(), "bad_usage", "comment/wrong-value"),
        (ann, "/verdict record SAFE --at ../..".to_owned(), "bad_usage", "comment/wrong-value"),
        // Held by somebody else; nobody goes past that with a flag, and whoever lifts it must have the right.
        (ann, live.clone(), "held", ""),
        (ann, format!("{live} --force"), "bad_usage", "comment/unknown-flag"),
        (reader, "/unhold --channel live --reason x".to_owned(), "not_permitted", "comment/no-role"),
        (&talk.helper, "/unhold --all --reason x".to_owned(), "not_permitted", ""),
        // A gate is waived with a reason, by who may, where it can be.
        (&talk.helper, "/waive tree --channel test --release app@1.1.0 --until 2h".to_owned(), "bad_usage", "comment/missing"),
        (
            &talk.helper,
            "/waive tree --channel test --release app@1.1.0 --until 2h --reason \" \"".to_owned(),
            "bad_usage",
            "comment/wrong-value",
        ),
        (ann, "/waive tree --channel test --release app@1.1.0 --until 2h --reason x".to_owned(), "not_permitted", ""),
        (&talk.helper, "/waive tree --channel test --release app@1.1.0 --until 2h --reason x".to_owned(), "not_permitted", ""),
        // A role that is limited to channels says nothing about a commit on none.
        (&talk.helper, format!("/verdict record SAFE --at {sha}"), "not_permitted", ""),
        // What is not there.
        (ann, promote("app@9.9.9").replace(sha.as_str(), &"1".repeat(40)), "unreachable", ""),
        (ann, on("nowhere"), "unknown_channel", ""),
        (ann, promote("web@1.1.0"), "unknown_release", ""),
    ];
    let refs = talk.refs();
    for (who, body, reason, code) in &rows {
        let said = talk.says(who, body);
        let answer = said.answer.expect(reason);
        let wanted: &[&str] = if code.is_empty() { &[] } else { &[code] };
        assert_eq!(codes(&answer), wanted, "{body}");
        assert_eq!(talk.refs(), refs, "{body}");
        // The thread was told why, once.
        let told = talk.told(said.comment);
        assert!(told.contains(&format!("(`{reason}`)")), "{told}");
        let last = if ["held", "unreachable"].contains(reason) { "confused" } else { "-1" };
        assert_eq!(talk.reactions(said.comment), ["deployer[bot] eyes".to_owned(), format!("deployer[bot] {last}")], "{body}");
    }
}

/// Who is called what names nobody: an odd login is looked up by number, and written into no address as it is.
#[test]
fn an_odd_login_leads_nowhere_else() {
    let talk = Talk::new();
    for login in ["a#b", "a?b", "../.."] {
        let odd = talk.hosted.hub.user(login);
        talk.hosted.hub.repo().collaborator(&odd, "read");
        let refs = talk.refs();
        let said = talk.says(&odd, &talk.promote("test"));
        let answer = said.answer.expect("not_permitted");
        assert!(answer["help"].as_str().unwrap().contains("is not a login"), "{answer:#}");
        assert_eq!(talk.refs(), refs);
    }
}

/// A ledger, and so a hold, that cannot be read lets nothing through.
#[test]
fn a_hold_that_cannot_be_read_stops_everything() {
    let mut talk = Talk::new();
    talk.says(&talk.lead, "/hold --channel test --reason \"an incident\"").answer.expect("moved");
    let line = talk.promote("test");
    // A machine that has seen nothing, so that all of it has to be fetched.
    talk.on_another_machine();
    let git = |args: &[&str]| talk.hosted.scratch.git_in("origin.git", args);
    let ledger = git(&["rev-parse", "tagwarden/ledger"]);
    let entry = git(&["rev-parse", "tagwarden/ledger:entry.json"]);
    let object = talk.hosted.scratch.path(&format!("origin.git/objects/{}/{}", &entry[..2], &entry[2..]));
    let bytes = std::fs::read(&object).unwrap();
    let refused = |reason: &str| {
        let refs = talk.refs();
        let said = talk.says(&talk.ann, &line);
        said.answer.expect(reason);
        assert_eq!(talk.refs(), refs);
    };
    std::fs::remove_file(&object).unwrap();
    refused("unreachable");
    std::fs::write(&object, bytes).unwrap();
    git(&["update-ref", "-d", "refs/heads/tagwarden/ledger"]);
    refused("ledger_lost");
    git(&["update-ref", "refs/heads/tagwarden/ledger", &ledger]);
    refused("held");
}
