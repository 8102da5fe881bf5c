//! What a maintainer reads in the thread, for each way that a command can end, and in which order it is written.

use super::{SLOW, Said, Setup, Talk};
use crate::github::model::{Refused, Way};
use serde_json::Value;

/// The answer without the report that is folded away.
fn shown(told: &str) -> &str {
    told.split_once("\n<details>").map_or(told, |(shown, _)| shown).trim_end()
}

/// First the eyes and a comment that says that it runs, then the same comment with the answer and the last reaction.
#[test]
fn the_thread_hears_of_the_start_before_the_end() {
    let talk = Talk::new();
    let before = talk.hosted.hub.requests().len();
    let said = talk.says(&talk.ann, &talk.promote("test"));
    said.answer.expect("moved");
    let answer = *talk.pull.comment_ids().last().unwrap();
    let written = |body: &Value| body["content"].as_str().or_else(|| body["body"].as_str()?.lines().next()).unwrap().to_owned();
    let writes = talk.hosted.hub.requests().split_off(before).into_iter().filter_map(|request| {
        let body: Value = serde_json::from_slice(&request.body).ok().filter(|_| !request.target.ends_with("/graphql"))?;
        let line = format!("{} {}: {}", request.method, request.target, written(&body));
        Some(line.replace(&said.comment.to_string(), "COMMENT").replace(&answer.to_string(), "ANSWER"))
    });
    insta::assert_snapshot!(writes.collect::<Vec<_>>().join("\n"), @r"
    POST /repos/example/app/issues/comments/COMMENT/reactions: eyes
    POST /repos/example/app/issues/7/comments: <!-- tagwarden comment=COMMENT state=running -->
    PATCH /repos/example/app/issues/comments/ANSWER: <!-- tagwarden comment=COMMENT state=final entry=1 -->
    POST /repos/example/app/issues/comments/COMMENT/reactions: rocket
    ");
}

#[test]
fn each_end_reads_as_what_it_is() {
    let talk = Talk::with(Setup { files: SLOW, ..Setup::default() });
    let (ann, hub, hosted) = (&talk.ann, &talk.hosted.hub, &talk.hosted);
    let mut shown_of = Vec::new();
    let mut keep = |said: Said, reason: &str| {
        said.answer.expect(reason);
        shown_of.push(shown(&talk.told(said.comment)).to_owned());
    };
    // Another commit than the release's; what nobody knows.
    let promote = talk.promote("test");
    keep(talk.says(ann, &promote.replace(&talk.commit, &"1".repeat(40))), "tag_conflict");
    keep(talk.says(ann, &promote.replace("--channel test", "--channel tset")), "unknown_channel");
    keep(talk.says(ann, "/ack tree --channel test --release app@9.9.9"), "bad_usage");
    keep(talk.says(ann, "/rollback --channel test --reason \"logins fail\""), "unknown_release");
    // Who wrote it could not be read.
    hub.refuse("GET /repos/example/app/collaborators/ann/permission", 1, Refused::NotFound);
    keep(talk.says(ann, &promote), "not_permitted");
    // Changed after it was written.
    let comment = talk.pull.comment(ann, &promote);
    talk.pull.edit_comment(comment, ann, &promote);
    keep(Said { comment, answer: talk.job(&talk.event(comment)) }, "not_permitted");
    // Somebody else moved first.
    talk.says(ann, &promote).answer.expect("moved");
    let pull = hosted.pull(8, &["b.txt"]);
    hosted.merge(&pull, Way::Merge);
    hosted.release("v1.2.0");
    let newer = format!("/promote app@1.2.0 --channel test --sha {}", hosted.at("HEAD"));
    let comment = talk.pull.comment(ann, &talk.promote("live"));
    let hold = || drop(hosted.scratch.json(&["hold", "--channel", "live", "--reason", "wait"]).expect("moved"));
    keep(Said { comment, answer: talk.job_while(&talk.event(comment), hold) }, "stale_pointer");
    talk.says(ann, &newer).answer.expect("moved");
    keep(talk.says(ann, &promote), "lower_version");
    keep(talk.says(ann, &newer), "already_there");
    // From another repository.
    let fork = hub.repository("stranger/app");
    let forked = hosted.pull(9, &["c.txt"]).of_fork(Some(&fork));
    let comment = forked.comment(ann, &promote);
    talk.job(&talk.event(comment)).expect("not_permitted");
    shown_of.push(shown(&talk.told_on(&forked, comment)).to_owned());
    insta::assert_snapshot!(shown_of.join("\n=====\n"), @r#"
    deployer[bot]: <!-- tagwarden comment=ID state=final -->
    ### ✗ `/promote app@1.1.0 --channel test --sha OID`: the tag is at another object (`tag_conflict`)

    app@&#8203;1&#8203;.1&#8203;.0 is at `[refs/heads/main]`, not at `OID`

    - asked by ann (`github:ANN`)

    **Next:** Look at what the release is, then name its commit
    =====
    deployer[bot]: <!-- tagwarden comment=ID state=final -->
    ### ✗ `/promote app@1.1.0 --channel tset --sha [refs/heads/main]`: no such channel (`unknown_channel`)

    there is no channel `tset`

    - asked by ann (`github:ANN`)

    **Next:** Did you mean `test`? channels:&#8203; test, live
    =====
    deployer[bot]: <!-- tagwarden comment=ID state=final -->
    ### ✗ `/ack tree --channel test --release app@9.9.9`: not understood (`bad_usage`)

    gate tree is of kind command, nobody acknowledges it

    - asked by ann (`github:ANN`)

    **Next:** Run `/help`&#8203;.
    =====
    deployer[bot]: <!-- tagwarden comment=ID state=final -->
    ### ✗ `/rollback --channel test --reason "logins fail"`: no such release (`unknown_release`)

    nothing was ever promoted to test

    - asked by ann (`github:ANN`)
    - because: logins fail

    **Next:** `/promote RELEASE --channel test --sha COMMIT` would be the first
    =====
    deployer[bot]: <!-- tagwarden comment=ID state=final -->
    ### ✗ `/promote app@1.1.0 --channel test --sha [refs/heads/main]`: not permitted (`not_permitted`)

    no role of the adopted policy names github:&#8203;ANN, so nothing is done for them

    - asked by ann (`github:ANN`)

    **Next:** What could not be read gives no right:&#8203; the access of github:&#8203;ANN to the repository \(GitHub has no such thing, or does not show it to this token:&#8203; Not Found\); ask again in a new comment once GitHub answers
    =====
    deployer[bot]: <!-- tagwarden comment=ID state=final -->
    ### ✗ `/promote app@1.1.0 --channel test --sha [refs/heads/main]`: not permitted (`not_permitted`)

    the comment was changed after it was written, and only what was written first counts

    - asked by ann (`github:ANN`)

    **Next:** Write the command in a new comment
    =====
    deployer[bot]: <!-- tagwarden comment=ID state=final -->
    ### ✗ `/promote app@1.1.0 --channel live --sha [refs/tags/v1.1.0]`: something else came first (`stale_pointer`)

    entry 2 \(hold\) came first; nothing was moved

    - asked by ann (`github:ANN`)

    **Next:** Look at `/status`, then run again&#8203;.
    =====
    deployer[bot]: <!-- tagwarden comment=ID state=final -->
    ### ✗ `/promote app@1.1.0 --channel test --sha [refs/tags/v1.1.0]`: refused (`lower_version`)

    test is at app@&#8203;1&#8203;.2&#8203;.0, app@&#8203;1&#8203;.1&#8203;.0 is lower

    - asked by ann (`github:ANN`)

    **Next:** To go back:&#8203; `/rollback app@1.1.0 --channel test --reason REASON`
    =====
    deployer[bot]: <!-- tagwarden comment=ID state=final entry=3 -->
    ### ✓ `/promote app@1.2.0 --channel test --sha [refs/heads/main]`: was done before (`already_there`)

    app@&#8203;1&#8203;.2&#8203;.0 → **test** at [refs/heads/main]

    - ledger entry 3 ([refs/heads/tagwarden/ledger]) on `refs/heads/tagwarden/ledger`
    - asked by ann (`github:ANN`)
    - entry 3 put app@&#8203;1&#8203;.2&#8203;.0 there at 2026-&#8203;11-&#8203;21TIME

    **Next:** Nothing to do&#8203;.
    =====
    deployer[bot]: <!-- tagwarden comment=ID state=final -->
    ### ✗ `/promote app@1.1.0 --channel test --sha [refs/tags/v1.1.0]`: not permitted (`not_permitted`)

    the pull request's head is in another repository, whose commits are not released from here

    - asked by ann (`github:ANN`)

    **Next:** Ask on a pull request of this repository, or on the release issue
    "#);
}

/// Gates after the move, and one before it that finds much.
const AFTER: &[(&str, &str)] =
    &[("gates/50-smoke.yaml", "title: Logins work\nwhen: after\nchannels: [live]\ncommand: [ { run: [\"false\"] } ]\n")];

#[test]
fn a_move_whose_later_gates_fail_says_that_it_moved() {
    let talk = Talk::with(Setup { files: AFTER, ..Setup::default() });
    talk.says(&talk.ann, &talk.promote("test")).answer.expect("moved");
    let said = talk.says(&talk.ann, &talk.promote("live"));
    said.answer.expect("moved_but_unhealthy");
    assert_eq!(talk.hosted.scratch.remote_commit("refs/tags/channel/live"), Some(talk.commit.clone()));
    insta::assert_snapshot!(talk.told(said.comment), @r#"
    deployer[bot]: <!-- tagwarden comment=ID state=final entry=2 -->
    ### ✗ `/promote app@1.1.0 --channel live --sha [refs/heads/main]`: moved, but a gate after the move is not green (`moved_but_unhealthy`)

    app@&#8203;1&#8203;.1&#8203;.0 → **live** at [refs/heads/main]

    | ref | from | to | commit |
    |---|---|---|---|
    | `refs/tags/channel/live` | none | `[refs/tags/channel/live]` | [refs/heads/main] |

    | | gate | title | outcome | findings |
    |---|---|---|---|---|
    | ✓ | 1 `tree` | The tree is whole | passed |  |

    After the move:

    | | gate | title | outcome | findings |
    |---|---|---|---|---|
    | ✗ | 2 `smoke` | Logins work | failed (`gate_failed`) | \`false\` ended with exit code 1 instead of 0 |

    - ledger entry 2 (OID) on `refs/heads/tagwarden/ledger`
    - asked by ann (`github:ANN`)
    - entry 3 records what the gates found after the move

    **Next:** Roll back:&#8203; `/rollback --channel live --reason REASON`&#8203;.

    <details><summary>The whole report</summary>

    ```text
    promote app@1.1.0 to live
      refs/tags/channel/live  none -> [refs/tags/channel/live]  commit [refs/heads/main]
      ledger entry 2 (OID) on tagwarden/ledger

    gates before the move
      ✓   1  tree  The tree is whole  MS

    gates after the move
      ✗   2  smoke  Logins work  MS  gate_failed

    gate 2, smoke: gate_failed
    error[command/exit]: `false` ended with exit code 1 instead of 0
     --> gates/50-smoke.yaml:4:12
      |
    4 | command: [ { run: ["false"] } ]
      |            ^
    note: entry 3 records what the gates found after the move

    stop (moved_but_unhealthy). Roll back: `tagwarden rollback --channel live --reason REASON`.
    ```

    </details>
    "#);
    talk.hosted.scratch.json(&["audit", "--rejudge", "all"]).expect("passed");
    // Told again it is the same move, with what was found.
    let thread = talk.pull.comments();
    talk.job(&talk.event(said.comment)).expect("already_there");
    assert_eq!(talk.pull.comments(), thread);
}
