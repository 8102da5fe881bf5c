//! A promotion from the event to the moved tag: once, whatever runs beside it or again, and not at all where something changes under it.

use super::{SLOW, Setup, Talk, codes};
use crate::github::model::Broken;
use serde_json::{Value, json};

#[test]
fn a_maintainer_promotes_from_a_merged_pull_request_and_a_re_run_does_nothing() {
    let talk = Talk::new();
    let line = format!("/promote app@1.1.0 --channel test --sha {} --reason \"the fix for logins\"", talk.commit);
    let said = talk.says(&talk.ann, &format!("Looks good.\n\n{line}\n"));
    let answer = said.answer.expect("moved");
    assert_eq!(talk.hosted.scratch.remote_commit("refs/tags/channel/test"), Some(talk.commit.clone()));
    assert_eq!(talk.reactions(said.comment), ["deployer[bot] eyes", "deployer[bot] rocket"]);
    insta::assert_snapshot!(talk.told(said.comment), @r#"
    deployer[bot]: <!-- tagwarden comment=ID state=final entry=1 -->
    ### ✓ `/promote app@1.1.0 --channel test --sha [refs/heads/main] --reason "the fix for logins"`: moved

    app@&#8203;1&#8203;.1&#8203;.0 → **test** at [refs/heads/main]

    | ref | from | to | commit |
    |---|---|---|---|
    | `refs/tags/channel/test` | none | `[refs/tags/channel/test]` | [refs/heads/main] |

    | | gate | title | outcome | findings |
    |---|---|---|---|---|
    | ✓ | 1 `tree` | The tree is whole | passed |  |

    - ledger entry 1 ([refs/heads/tagwarden/ledger]) on `refs/heads/tagwarden/ledger`
    - asked by ann (`github:ANN`)
    - because: the fix for logins

    **Next:** See it:&#8203; `/status`&#8203;.

    <details><summary>The whole report</summary>

    ```text
    promote app@1.1.0 to test
      refs/tags/channel/test  none -> [refs/tags/channel/test]  commit [refs/heads/main]
      ledger entry 1 ([refs/heads/tagwarden/ledger]) on tagwarden/ledger

    gates before the move
      ✓   1  tree  The tree is whole  MS

    done (moved). See it: `tagwarden status`.
    ```

    </details>
    "#);

    // The entry is the writer's, signed by the mover, with what gave the right.
    let history = talk.hosted.scratch.json(&["history", "--channel", "test"]).value;
    assert_eq!(history["entries"][0]["actor"]["id"], format!("github:{}", talk.ann.id));
    let evidence = talk.hosted.scratch.git_in("origin.git", &["show", "tagwarden/ledger:evidence/actor.json"]);
    let evidence: Value = serde_json::from_str(&evidence).unwrap();
    assert_eq!((&evidence["permission"], &evidence["source"]), (&json!("maintain"), &json!(format!("comment:{}", said.comment))));
    talk.hosted.scratch.json(&["audit", "--rejudge", "all"]).expect("passed");

    // The same event again: nothing moves, and the thread is not touched.
    let (refs, thread) = (talk.refs(), talk.pull.comments());
    let writes =
        || talk.hosted.hub.requests().iter().filter(|request| request.method != "GET" && !request.target.ends_with("/graphql")).count();
    let before = writes();
    let event = talk.event(said.comment);
    let again = talk.job(&event).expect("already_there");
    assert_eq!((talk.refs(), talk.pull.comments(), writes()), (refs, thread, before));
    assert_eq!(again["ledger"]["serial"], answer["ledger"]["serial"]);
}

#[test]
fn a_pull_request_that_moves_while_a_command_runs_stops_it() {
    let talk = Talk::new();
    let open = talk.hosted.pull(8, &["b.txt"]);
    let promote = format!("/promote app@1.1.0 --channel test --sha {}", talk.commit);
    let comment = open.comment(&talk.ann, &promote);
    let event = talk.event(comment);
    // The second time it is read, before the move.
    let (head, other) = (talk.hosted.at("topic-8"), "1".repeat(40));
    talk.hosted.hub.break_contract("GET /repos/example/app/pulls/8", 2, Broken::Replaced { from: head, to: other });
    let refs = talk.refs();
    let answer = talk.job(&event).expect("ref_changed");
    assert_eq!((codes(&answer), talk.refs()), (vec!["comment/head-changed".to_owned()], refs));
    // A comment that is changed while the gates run.
    let comment = open.comment(&talk.ann, &promote);
    let event = talk.event(comment);
    let line = format!("GET /repos/example/app/issues/comments/{comment}");
    talk.hosted.hub.break_contract(&line, 2, Broken::Replaced { from: "--channel test".to_owned(), to: "--channel live".to_owned() });
    let answer = talk.job(&event).expect("not_permitted");
    assert_eq!(codes(&answer), ["comment/edited"]);
}

/// Two jobs for one event: one entry, and nobody is told that it failed.
#[test]
fn two_jobs_for_one_event_tell_one_truth() {
    let talk = Talk::new();
    let promote = format!("/promote app@1.1.0 --channel test --sha {}", talk.commit);
    let comment = talk.pull.comment(&talk.ann, &promote);
    let event = talk.event(comment);
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(|| talk.job(&event));
        let two = scope.spawn(|| talk.job(&event));
        (one.join().unwrap(), two.join().unwrap())
    });
    let mut reasons = [one.reason().to_owned(), two.reason().to_owned()];
    reasons.sort();
    assert_eq!(reasons, ["already_there", "moved"]);
    let history = talk.hosted.scratch.json(&["history"]).value;
    assert_eq!(history["entries"].as_array().unwrap().len(), 2);
    let comments = talk.pull.comments();
    assert!(comments[1..].iter().all(|text| text.contains("state=final entry=1") && text.contains("✓")), "{comments:#?}");
}

/// Whose right is taken away while the gates run moves nothing.
#[test]
fn a_right_that_is_gone_when_the_gates_passed_is_none() {
    let talk = Talk::new();
    let promote = format!("/promote app@1.1.0 --channel test --sha {}", talk.commit);
    let line = "GET /repos/example/app/collaborators/ann/permission";
    talk.hosted.hub.break_contract(line, 3, Broken::Replaced { from: "maintain".to_owned(), to: "read".to_owned() });
    let refs = talk.refs();
    let said = talk.says(&talk.ann, &promote);
    said.answer.expect("not_permitted");
    assert_eq!(talk.refs(), refs);
}

/// A push after the comment, before the job starts or while its gates run: what is moved is what the comment names, or nothing.
#[test]
fn a_push_after_the_comment_moves_nothing_else() {
    let talk = Talk::with(Setup { files: SLOW, ..Setup::default() });
    let (hosted, hub) = (&talk.hosted, &talk.hosted.hub);
    let says = |body: &str| {
        let open = hub.pull(8);
        talk.event(open.comment(&talk.ann, body))
    };
    hosted.pull(8, &["b.txt"]);
    talk.says(&talk.ann, &talk.promote("test")).answer.expect("moved");

    // The release is another than the one that was read, or is on no release branch.
    hosted.release("v1.2.0");
    let event = says(&format!("/promote app@1.2.0 --channel test --sha {}", talk.commit));
    hosted.git_as(&hub.user("author"), &["push", "--quiet", "--force", "origin", "topic-8:refs/tags/v1.2.0"]);
    let refs = talk.refs();
    talk.job(&event).expect("tag_conflict");
    assert_eq!(talk.refs(), refs);
    hosted.git_as(&hub.user("author"), &["push", "--quiet", "origin", ":refs/tags/v1.2.0"]);
    let head = hosted.at("topic-8");
    let event = says(&format!("/promote app@1.3.0 --channel test --sha {head}"));
    hosted.push_more(8, &["c.txt"]);
    let refs = talk.refs();
    talk.job(&event).expect("unreachable_commit");
    assert_eq!(talk.refs(), refs);

    // While the gates run: to the pull request, by force too, and to the tag of the release.
    let promote = talk.promote("live");
    let answer = talk.job_while(&says(&promote), || drop(hosted.push_more(8, &["d.txt"]))).expect("ref_changed");
    assert_eq!((codes(&answer), talk.refs()), (vec!["comment/head-changed".to_owned()], refs.clone()));
    let event = says(&promote);
    let back = || drop(hosted.git_as(&hub.user("author"), &["push", "--quiet", "--force", "origin", "main:refs/heads/topic-8"]));
    let answer = talk.job_while(&event, back).expect("ref_changed");
    assert_eq!((codes(&answer), talk.refs()), (vec!["comment/head-changed".to_owned()], refs.clone()));
    let moved = || drop(hosted.git_as(&hub.user("author"), &["push", "--quiet", "--force", "origin", "topic-8:refs/tags/v1.1.0"]));
    let answer = talk.job_while(&says(&promote), moved);
    answer.expect("ref_changed");
    let now = talk.refs();
    assert_eq!(now.keys().collect::<Vec<_>>(), refs.keys().collect::<Vec<_>>());
    assert!(now.iter().all(|(name, oid)| name == "refs/tags/v1.1.0" || refs[name] == *oid), "{now:#?}");
}

/// The same event handed over again, by another machine too, or with somebody else's name on it.
#[test]
fn an_event_that_comes_again_moves_nothing() {
    let mut talk = Talk::new();
    talk.hosted.pull(8, &["b.txt"]);
    let promote = talk.promote("test");
    let said = talk.says(&talk.ann, &promote);
    said.answer.expect("moved");
    let event = talk.event(said.comment);
    let (refs, thread) = (talk.refs(), talk.pull.comments());

    // A webhook that is sent twice says so outside of the payload; a run that is repeated starts with nothing but the repository.
    talk.on_another_machine();
    talk.hosted.scratch.set("GITHUB_RUN_ATTEMPT", "2");
    talk.job(&event).expect("already_there");
    assert_eq!((talk.refs(), talk.pull.comments()), (refs.clone(), thread.clone()));

    // The same comment below another name or as another's, and another comment as this one.
    let mut as_lead = event.clone();
    as_lead["comment"]["user"]["id"] = json!(talk.lead.id);
    talk.job(&as_lead).expect("not_permitted");
    let comment = talk.pull.comment(&talk.reader, &talk.promote("live"));
    let mut forged = talk.event(comment);
    forged["comment"]["user"] = event["comment"]["user"].clone();
    let answer = talk.job(&forged).expect("not_permitted");
    assert_eq!((codes(&answer), talk.refs()), (vec!["comment/edited".to_owned()], refs.clone()));
    let mut elsewhere = talk.event(talk.pull.comment(&talk.ann, &talk.promote("live")));
    elsewhere["issue"]["number"] = json!(8);
    let answer = talk.job(&elsewhere).expect("not_permitted");
    assert_eq!((codes(&answer), talk.refs()), (vec!["comment/edited".to_owned()], refs.clone()));

    // A claim that was taken once is taken, also for somebody who asks for the same in a comment of their own.
    let said = talk.says(&talk.ann, &promote);
    said.answer.expect("already_there");
    assert_eq!(talk.refs(), refs);
}
