//! The thread that is told late, twice, or not at all: nothing that was decided changes.

use super::Talk;
use crate::github::model::{Refused, Way};

#[test]
fn a_thread_that_cannot_be_told_changes_nothing_and_is_told_once_later() {
    let talk = Talk::new();
    let hub = &talk.hosted.hub;
    let promote = format!("/promote app@1.1.0 --channel test --sha {}", talk.commit);
    let say = "POST /repos/example/app/issues/7/comments";
    let comment = talk.pull.comment(&talk.ann, &promote);
    hub.refuse(say, 1, Refused::SecondaryRateLimit { retry_after: 60 });
    hub.refuse(say, 2, Refused::SecondaryRateLimit { retry_after: 60 });
    let event = talk.event(comment);
    let answer = talk.job(&event).expect("followers_failed");
    let serial = answer["ledger"]["serial"].clone();
    assert!(answer["notices"].to_string().contains(&format!("`tagwarden follow --serial {serial}` tells it")), "{answer:#}");
    assert_eq!(talk.hosted.scratch.remote_commit("refs/tags/channel/test"), Some(talk.commit.clone()));
    assert_eq!(talk.pull.comments().len(), 1);

    // By `follow`, once.
    talk.hosted.scratch.json(&["follow"]).expect("moved");
    insta::assert_snapshot!(talk.told(comment), @r"
    deployer[bot]: <!-- tagwarden comment=ID state=final entry=1 -->
    ### ✓ `/promote app@1.1.0 --channel test --sha [refs/heads/main]`: moved

    app@&#8203;1&#8203;.1&#8203;.0 → **test** at [refs/heads/main]

    | ref | from | to | commit |
    |---|---|---|---|
    | `refs/tags/channel/test` | none | `[refs/tags/channel/test]` | [refs/heads/main] |

    | | gate | title | outcome | findings |
    |---|---|---|---|---|
    | ✓ | 1 `tree` | The tree is whole | passed |  |

    - ledger entry 1 ([refs/heads/tagwarden/ledger]) on `refs/heads/tagwarden/ledger`
    - asked by ann (`github:ANN`)

    **Next:** See it:&#8203; `/status`&#8203;.

    <details><summary>The whole report</summary>

    ```text
    promote app@1.1.0 to test
      refs/tags/channel/test  none -> [refs/tags/channel/test]  commit [refs/heads/main]
      ledger entry 1 ([refs/heads/tagwarden/ledger]) on tagwarden/ledger

    gates before the move
      ✓   1  tree  The tree is whole

    done (moved). See it: `tagwarden status`.
    ```

    </details>
    ");
    talk.hosted.scratch.json(&["follow", "--serial", &serial.to_string()]).expect("already_there");
    assert_eq!(talk.pull.comments().len(), 2);

    // By the next run of the same job, once.
    let rollback = "/hold --channel live --reason \"an incident\"";
    let comment = talk.pull.comment(&talk.lead, rollback);
    hub.refuse(say, 1, Refused::SecondaryRateLimit { retry_after: 60 });
    hub.refuse(say, 2, Refused::SecondaryRateLimit { retry_after: 60 });
    let event = talk.event(comment);
    talk.job(&event).expect("followers_failed");
    talk.job(&event).expect("already_there");
    insta::assert_snapshot!(talk.told(comment), @r#"
    deployer[bot]: <!-- tagwarden comment=ID state=final entry=2 -->
    ### ✓ `/hold --channel live --reason "an incident"`: recorded (`moved`)

    - ledger entry 2 ([refs/heads/tagwarden/ledger]) on `refs/heads/tagwarden/ledger`
    - asked by lead (`github:LEAD`)
    - because: an incident

    **Next:** It is recorded, and no tag moved&#8203;. See it:&#8203; `/status`&#8203;.

    <details><summary>The whole report</summary>

    ```text
    hold channel live
      ledger entry 2 ([refs/heads/tagwarden/ledger]) on tagwarden/ledger

    done (moved). It is recorded, and no tag moved. See it: `tagwarden history`.
    ```

    </details>
    "#);
    talk.job(&event).expect("already_there");
    assert_eq!(talk.pull.comments().len(), 4);
}

/// What was done stays told, whatever became of the comment since; what was not told is told then.
#[test]
fn a_late_run_of_the_same_event_makes_no_true_answer_untrue() {
    let mut talk = Talk::new();
    let promote = format!("/promote app@1.1.0 --channel test --sha {}", talk.commit);
    let said = talk.says(&talk.ann, &promote);
    said.answer.expect("moved");
    let event = talk.event(said.comment);
    let thread = talk.pull.comments();
    talk.hosted.scratch.at("2026-11-21T10:20:00Z");
    talk.hosted.hub.set_now("2026-11-21T10:20:00Z");
    talk.job(&event).expect("already_there");
    talk.pull.edit_comment(said.comment, &talk.ann, "never mind");
    talk.job(&event).expect("already_there");
    assert_eq!(talk.pull.comments()[1..], thread[1..]);

    // Untold, and too old by then.
    let say = "POST /repos/example/app/issues/7/comments";
    let hold = "/hold --channel live --reason x";
    let comment = talk.pull.comment(&talk.lead, hold);
    for nth in [1, 2] {
        talk.hosted.hub.refuse(say, nth, Refused::SecondaryRateLimit { retry_after: 60 });
    }
    let event = talk.event(comment);
    let answer = talk.job(&event).expect("followers_failed");
    assert!(answer["notices"].to_string().contains("tagwarden follow --serial"), "{answer:#}");
    talk.hosted.scratch.at("2026-11-21T10:50:00Z");
    talk.job(&event).expect("already_there");
    assert!(talk.told(comment).contains("recorded (`moved`)"), "{}", talk.told(comment));

    // Refused and told so; done by a later run that cannot tell it; told by `follow`.
    talk.hosted.scratch.json(&["hold", "--channel", "live", "--reason", "y"]).expect("moved");
    talk.hosted.hub.set_now("2026-11-21T10:50:00Z");
    let promote = promote.replace("test", "live");
    let comment = talk.pull.comment(&talk.ann, &promote);
    let event = talk.event(comment);
    talk.job(&event).expect("held");
    talk.hosted.scratch.json(&["unhold", "--channel", "live", "--reason", "y"]).expect("moved");
    let answer = talk.pull.comment_ids().pop().unwrap();
    talk.hosted.hub.refuse(&format!("PATCH /repos/example/app/issues/comments/{answer}"), 1, Refused::NotFound);
    talk.job(&event).expect("followers_failed");
    assert!(talk.told(comment).contains("a hold stops it"));
    talk.hosted.scratch.json(&["follow"]).expect("moved");
    assert!(talk.told(comment).contains("moved"), "{}", talk.told(comment));
    talk.hosted.scratch.json(&["follow"]).expect("already_there");
}

/// A later run of the same event that is refused leaves the answer as it was.
#[test]
fn a_refusal_stands_below_what_was_told() {
    let talk = Talk::new();
    let promote = format!("/promote app@1.1.0 --channel test --sha {}", talk.commit);
    talk.says(&talk.ann, &promote).answer.expect("moved");
    let said = talk.says(&talk.ann, &promote);
    said.answer.expect("already_there");
    let pull = talk.hosted.pull(8, &["b.txt"]);
    talk.hosted.merge(&pull, Way::Squash);
    talk.hosted.release("v1.2.0");
    let newer = format!("/promote app@1.2.0 --channel test --sha {}", talk.hosted.at("HEAD"));
    talk.says(&talk.ann, &newer).answer.expect("moved");
    // The older release is lower now, which is a refusal, and stands below what was told.
    talk.job(&talk.event(said.comment)).expect("lower_version");
    assert!(talk.told(said.comment).contains("was done before"), "{}", talk.told(said.comment));
}
