//! Every command, carried out, with the whole of what the thread is told.

use super::{Setup, Talk};
use crate::github::model::Way;
use serde_json::{Value, json};

#[test]
fn every_command_does_what_it_says() {
    let talk = Talk::new();
    let (ann, lead) = (&talk.ann, &talk.lead);
    let promote = format!("/promote app@1.1.0 --channel test --sha {}", talk.commit);
    let plan = talk.says(ann, "/plan app@1.1.0 --channel test");
    plan.answer.expect("passed");
    insta::assert_snapshot!(talk.told(plan.comment), @r"
    deployer[bot]: <!-- tagwarden comment=ID state=final -->
    ### ✓ `/plan app@1.1.0 --channel test`: all is well (`passed`)

    app@&#8203;1&#8203;.1&#8203;.0 → **test** at [refs/heads/main]

    | ref | from | to | commit |
    |---|---|---|---|
    | `refs/tags/channel/test` | none | new tag | [refs/heads/main] |

    - asked by ann (`github:ANN`)
    - a dry run judges no gate; these would decide:&#8203; 1 tree

    **Next:** To move it:&#8203; `/promote app@1.1.0 --channel test --sha [refs/heads/main]`

    <details><summary>The whole report</summary>

    ```text
    promote app@1.1.0 to test (dry run)
      refs/tags/channel/test  none -> new tag  commit [refs/heads/main]
      nothing is written in a dry run
    note: a dry run judges no gate; these would decide: 1 tree

    continue (passed). To move it: `/promote app@1.1.0 --channel test --sha [refs/heads/main]`
    ```

    </details>
    ");
    talk.says(ann, &promote).answer.expect("moved");

    let verify = talk.says(ann, "/verify --channel test");
    verify.answer.expect("passed");
    insta::assert_snapshot!(talk.told(verify.comment), @r"
    deployer[bot]: <!-- tagwarden comment=ID state=final -->
    ### ✓ `/verify --channel test`: all is well (`passed`)

    commit [refs/heads/main] for **test**

    | | gate | title | outcome | findings |
    |---|---|---|---|---|
    | ✓ | 1 `tree` | The tree is whole | passed |  |

    - asked by ann (`github:ANN`)

    **Next:** Promote:&#8203; `/promote RELEASE --channel test --sha COMMIT`&#8203;.

    <details><summary>The whole report</summary>

    ```text
    verify commit [refs/heads/main] for test by policy OID
      ✓   1  tree  The tree is whole  MS

    continue (passed). Promote: `tagwarden promote RELEASE --channel test`.
    ```

    </details>
    ");
    let status = talk.says(&talk.reader, "/status");
    status.answer.expect("passed");
    insta::assert_snapshot!(talk.told(status.comment), @r"
    deployer[bot]: <!-- tagwarden comment=ID state=final -->
    ### ✓ `/status`: all is well (`passed`)

    ```text
      ledger entry 1 ([refs/heads/tagwarden/ledger]) on tagwarden/ledger
      policy 1 (OID)

      test  app@1.1.0    [refs/heads/main]  since 2026-11-21TIME  entry 1
      live  nothing yet

    releases
      app@1.1.0  [refs/heads/main]  released  test

    done (passed). Nothing is wrong.
    ```

    - asked by reader (`github:READER`)

    **Next:** Nothing is wrong&#8203;.
    ");
    let help = talk.says(&talk.reader, "/help");
    help.answer.expect("passed");
    insta::assert_snapshot!(talk.told(help.comment), @r"
    deployer[bot]: <!-- tagwarden comment=ID state=final -->
    ### ✓ `/help`

    | command | does | who may |
    |---|---|---|
    | `/promote` | Move a channel to releases: plan, gates, one atomic move with its ledger entry | roles with `promote` |
    | `/rollback` | Move a channel back to releases it had | roles with `rollback` |
    | `/verify` | Run the gates and say what they found; moves nothing | whom any role names |
    | `/status` | Show every channel, release and hold, and what disagrees | who may read the repository |
    | `/plan` | Show what `promote` would move and which gates would decide; moves nothing | roles with `promote` |
    | `/hold` | Freeze a channel, a release or everything | roles with `hold` |
    | `/unhold` | Lift a hold | roles with `unhold` |
    | `/ack` | Confirm an operator step for a release | roles with `ack` |
    | `/waive` | Let one release pass one gate for a time, with a reason | roles with `waive` |
    | `/verdict` | Record a reviewer's verdict on one commit | roles with `verdict` |
    | `/help` | Say which commands there are, or how one of them is written | who may read the repository |

    How one of them is written: `/help COMMAND`.

    - asked by reader (`github:READER`)
    ");

    // Held, and what a promotion says then; foreign text in a reason acts on nothing.
    talk.says(lead, "/hold --channel live --reason \"see @boss, #1 | <b> ::error:: `x`\"").answer.expect("moved");
    let held = talk.says(ann, &promote.replace("test", "live"));
    held.answer.expect("held");
    insta::assert_snapshot!(talk.told(held.comment), @r"
    deployer[bot]: <!-- tagwarden comment=ID state=final -->
    ### ✗ `/promote app@1.1.0 --channel live --sha [refs/heads/main]`: a hold stops it (`held`)

    the hold on channel live, set by github:&#8203;LEAD in entry 2 \(see @&#8203;boss, #&#8203;1 \| &lt;b&gt; :&#8203;:&#8203;error:&#8203;:&#8203; `x`\) forbids to promote on live

    - asked by ann (`github:ANN`)

    **Next:** When the reason is gone:&#8203; `/unhold --channel live --reason REASON`
    ");
    talk.says(lead, "/unhold --channel live --reason \"solved\"").answer.expect("moved");

    // A second release, and back.
    let pull = talk.hosted.pull(8, &["b.txt"]);
    talk.hosted.merge(&pull, Way::Squash);
    talk.hosted.release("v1.2.0");
    let sha = talk.hosted.at("HEAD");
    talk.says(ann, &format!("/promote app@1.2.0 --channel test --sha {sha}")).answer.expect("moved");
    let back = talk.says(ann, "/rollback --channel test --reason \"logins fail\"");
    back.answer.expect("moved");
    insta::assert_snapshot!(talk.told(back.comment), @r#"
    deployer[bot]: <!-- tagwarden comment=ID state=final entry=5 -->
    ### ✓ `/rollback --channel test --reason "logins fail"`: moved

    app@&#8203;1&#8203;.1&#8203;.0 → **test** at [refs/tags/v1.1.0]

    | ref | from | to | commit |
    |---|---|---|---|
    | `refs/tags/channel/test` | `OID` | `[refs/tags/channel/test]` | [refs/tags/v1.1.0] |

    | | gate | title | outcome | findings |
    |---|---|---|---|---|
    | ✓ | 1 `tree` | The tree is whole | passed |  |

    - ledger entry 5 ([refs/heads/tagwarden/ledger]) on `refs/heads/tagwarden/ledger`
    - asked by ann (`github:ANN`)
    - because: logins fail

    **Next:** See it:&#8203; `/status`&#8203;.

    <details><summary>The whole report</summary>

    ```text
    rollback test to app@1.1.0
      refs/tags/channel/test  OID -> [refs/tags/channel/test]  commit [refs/tags/v1.1.0]
      ledger entry 5 ([refs/heads/tagwarden/ledger]) on tagwarden/ledger

    gates before the move
      ✓   1  tree  The tree is whole  MS

    done (moved). See it: `tagwarden status`.
    ```

    </details>
    "#);
    assert_eq!(talk.hosted.scratch.remote_commit("refs/tags/channel/test"), Some(talk.commit.clone()));
    talk.says(lead, &format!("/verdict record SAFE --at {sha} --reason \"read it\"")).answer.expect("moved");
    talk.hosted.scratch.json(&["audit", "--rejudge", "all"]).expect("passed");
}

/// Gates that wait for people, on one of the channels.
const STEPS: &[(&str, &str)] = &[
    ("gates/20-migrated.yaml", "title: Migrated\nchannels: [live]\nack: { step: Run the migration }\n"),
    ("gates/30-broken.yaml", "title: Broken\nchannels: [live]\nwaivable: true\ncommand: [ { run: [\"false\"] } ]\n"),
    ("gates/40-read.yaml", "title: Read by the helper\nchannels: [live]\nverdict: { reviewers: [\"github:HELPER\"] }\n"),
];

/// What somebody does by the right of their team alone counts, is in the evidence, and holds up when everything is judged again.
#[test]
fn a_member_of_a_team_acknowledges_waives_judges_and_holds() {
    let everywhere = [("verdict], on: [test, live]", "verdict]")];
    let talk = Talk::with(Setup { files: STEPS, protocol: &everywhere, ..Setup::default() });
    let (sha, live) = (&talk.commit, "--channel live --release app@1.1.0");
    talk.says(&talk.ann, &talk.promote("test")).answer.expect("moved");
    let stopped = talk.says(&talk.ann, &talk.promote("live"));
    stopped.answer.expect("gate_failed");
    insta::assert_snapshot!(talk.told(stopped.comment), @r"
    deployer[bot]: <!-- tagwarden comment=ID state=final -->
    ### ✗ `/promote app@1.1.0 --channel live --sha [refs/heads/main]`: a gate stopped it (`gate_failed`)

    app@&#8203;1&#8203;.1&#8203;.0 → **live** at [refs/heads/main]

    | | gate | title | outcome | findings |
    |---|---|---|---|---|
    | ✓ | 1 `tree` | The tree is whole | passed |  |
    | ✗ | 2 `migrated` | Migrated | failed (`gate_failed`) | nobody has acknowledged the step “Run the migration” for OID |
    | – | 3 `broken` | Broken | not run |  |
    | – | 4 `read` | Read by the helper | not run |  |

    - gate 2 `migrated`: after the step:&#8203; `/ack migrated --channel live --release app@1.1.0`
    - asked by ann (`github:ANN`)

    **Next:** Read the finding, mend its cause, run `/verify --channel live`&#8203;.

    <details><summary>The whole report</summary>

    ```text
    promote app@1.1.0 to live
      nothing moved

    gates before the move
      ✓   1  tree      The tree is whole  MS
      ✗   2  migrated  Migrated  MS  gate_failed
      –   3  broken    Broken  not run
      –   4  read      Read by the helper  not run

    gate 2, migrated: gate_failed
    error[ack/absent]: nobody has acknowledged the step “Run the migration” for [refs/heads/main]
      help: after the step: `tagwarden ack migrated --channel live --release app@1.1.0`

    stop (gate_failed). Read the finding, mend its cause, run `tagwarden verify --channel live --at COMMIT`.
    ```

    </details>
    ");

    let mut told = Vec::new();
    for line in [
        format!("/ack migrated {live} --sha {sha}"),
        format!("/waive broken {live} --until 2h --reason \"known: the mirror is down\""),
        format!("/verdict record SAFE --at {sha} --reason \"read every change\""),
        "/hold --release app@1.1.0 --reason \"wait for the backup\"".to_owned(),
        "/unhold --release app@1.1.0 --reason \"it is there\"".to_owned(),
    ] {
        let said = talk.says(&talk.helper, &line);
        let answer = said.answer.expect("moved");
        let evidence = talk.hosted.scratch.git_in("origin.git", &["show", "tagwarden/ledger:evidence/actor.json"]);
        let evidence: Value = serde_json::from_str(&evidence).unwrap();
        assert_eq!(evidence["actor"], format!("github:{}", talk.helper.id), "{line}");
        assert_eq!(evidence["source"], format!("comment:{}", said.comment), "{line}");
        assert_eq!((&evidence["teams"], &evidence["permission"]), (&json!(["example/helpers"]), &json!(null)), "{line}");
        let entry = talk.hosted.scratch.json(&["history"]).value["entries"][0].clone();
        assert_eq!((&entry["serial"], &entry["actor"]["id"]), (&answer["serial"], &evidence["actor"]), "{line}: {entry:#}");
        talk.hosted.scratch.json(&["audit", "--rejudge", "all"]).expect("passed");
        told.push(talk.told(said.comment));
    }
    insta::assert_snapshot!(told.join("\n=====\n"), @r#"
    deployer[bot]: <!-- tagwarden comment=ID state=final entry=2 -->
    ### ✓ `/ack migrated --channel live --release app@1.1.0 --sha [refs/heads/main]`: recorded (`moved`)

    - ledger entry 2 ([refs/heads/tagwarden/ledger]) on `refs/heads/tagwarden/ledger`
    - asked by helper (`github:HELPER`)

    **Next:** It is recorded, and no tag moved&#8203;. See it:&#8203; `/status`&#8203;.

    <details><summary>The whole report</summary>

    ```text
    ack gate migrated on live at commit [refs/heads/main]
      ledger entry 2 ([refs/heads/tagwarden/ledger]) on tagwarden/ledger

    done (moved). It is recorded, and no tag moved. See it: `tagwarden history`.
    ```

    </details>

    =====
    deployer[bot]: <!-- tagwarden comment=ID state=final entry=3 -->
    ### ✓ `/waive broken --channel live --release app@1.1.0 --until 2h --reason "known: the mirror is down"`: recorded (`moved`)

    - ledger entry 3 ([refs/heads/tagwarden/ledger]) on `refs/heads/tagwarden/ledger`
    - asked by helper (`github:HELPER`)
    - because: known:&#8203; the mirror is down
    - until 2026-&#8203;11-&#8203;21TIME gate broken does not stop a move of app@&#8203;1&#8203;.1&#8203;.0 to live, unless github:&#8203;HELPER asks for it

    **Next:** It is recorded, and no tag moved&#8203;. See it:&#8203; `/status`&#8203;.

    <details><summary>The whole report</summary>

    ```text
    waive gate broken until 2026-11-21TIME on live at commit [refs/heads/main]
      ledger entry 3 ([refs/heads/tagwarden/ledger]) on tagwarden/ledger
    note: until 2026-11-21TIME gate broken does not stop a move of app@1.1.0 to live, unless github:HELPER asks for it

    done (moved). It is recorded, and no tag moved. See it: `tagwarden history`.
    ```

    </details>

    =====
    deployer[bot]: <!-- tagwarden comment=ID state=final entry=4 -->
    ### ✓ `/verdict record SAFE --at [refs/heads/main] --reason "read every change"`: recorded (`moved`)

    - ledger entry 4 ([refs/heads/tagwarden/ledger]) on `refs/heads/tagwarden/ledger`
    - asked by helper (`github:HELPER`)
    - because: read every change
    - it counts at gate read for this commit, unless github:&#8203;HELPER asks for the move

    **Next:** It is recorded, and no tag moved&#8203;. See it:&#8203; `/status`&#8203;.

    <details><summary>The whole report</summary>

    ```text
    verdict SAFE at commit [refs/heads/main]
      ledger entry 4 ([refs/heads/tagwarden/ledger]) on tagwarden/ledger
    note: it counts at gate read for this commit, unless github:HELPER asks for the move

    done (moved). It is recorded, and no tag moved. See it: `tagwarden history`.
    ```

    </details>

    =====
    deployer[bot]: <!-- tagwarden comment=ID state=final entry=5 -->
    ### ✓ `/hold --release app@1.1.0 --reason "wait for the backup"`: recorded (`moved`)

    - ledger entry 5 ([refs/heads/tagwarden/ledger]) on `refs/heads/tagwarden/ledger`
    - asked by helper (`github:HELPER`)
    - because: wait for the backup

    **Next:** It is recorded, and no tag moved&#8203;. See it:&#8203; `/status`&#8203;.

    <details><summary>The whole report</summary>

    ```text
    hold release app@1.1.0
      ledger entry 5 ([refs/heads/tagwarden/ledger]) on tagwarden/ledger

    done (moved). It is recorded, and no tag moved. See it: `tagwarden history`.
    ```

    </details>

    =====
    deployer[bot]: <!-- tagwarden comment=ID state=final entry=6 -->
    ### ✓ `/unhold --release app@1.1.0 --reason "it is there"`: recorded (`moved`)

    - ledger entry 6 ([refs/heads/tagwarden/ledger]) on `refs/heads/tagwarden/ledger`
    - asked by helper (`github:HELPER`)
    - because: it is there

    **Next:** It is recorded, and no tag moved&#8203;. See it:&#8203; `/status`&#8203;.

    <details><summary>The whole report</summary>

    ```text
    unhold release app@1.1.0
      ledger entry 6 ([refs/heads/tagwarden/ledger]) on tagwarden/ledger

    done (moved). It is recorded, and no tag moved. See it: `tagwarden history`.
    ```

    </details>
    "#);

    // All of it together opens the way.
    let moved = talk.says(&talk.ann, &talk.promote("live"));
    moved.answer.expect("moved");
    insta::assert_snapshot!(talk.told(moved.comment), @r#"
    deployer[bot]: <!-- tagwarden comment=ID state=final entry=7 -->
    ### ✓ `/promote app@1.1.0 --channel live --sha [refs/heads/main]`: moved

    app@&#8203;1&#8203;.1&#8203;.0 → **live** at [refs/heads/main]

    | ref | from | to | commit |
    |---|---|---|---|
    | `refs/tags/channel/live` | none | `[refs/tags/channel/live]` | [refs/heads/main] |

    | | gate | title | outcome | findings |
    |---|---|---|---|---|
    | ✓ | 1 `tree` | The tree is whole | passed |  |
    | ✓ | 2 `migrated` | Migrated | passed |  |
    | ✗ | 3 `broken` | Broken | failed (`gate_failed`), waived until 2026-11-21TIME by `github:HELPER` (entry 3) | \`false\` ended with exit code 1 instead of 0 |
    | ✓ | 4 `read` | Read by the helper | passed |  |

    - ledger entry 7 ([refs/heads/tagwarden/ledger]) on `refs/heads/tagwarden/ledger`
    - asked by ann (`github:ANN`)

    **Next:** See it:&#8203; `/status`&#8203;.

    <details><summary>The whole report</summary>

    ```text
    promote app@1.1.0 to live
      refs/tags/channel/live  none -> [refs/tags/channel/live]  commit [refs/heads/main]
      ledger entry 7 ([refs/heads/tagwarden/ledger]) on tagwarden/ledger

    gates before the move
      ✓   1  tree      The tree is whole  MS
      ✓   2  migrated  Migrated  MS
      ✗   3  broken    Broken  MS  gate_failed  waived until 2026-11-21TIME by github:HELPER (entry 3)
      ✓   4  read      Read by the helper  MS

    gate 3, broken: gate_failed
    error[command/exit]: `false` ended with exit code 1 instead of 0
     --> gates/30-broken.yaml:4:12
      |
    4 | command: [ { run: ["false"] } ]
      |            ^

    done (moved). See it: `tagwarden status`.
    ```

    </details>
    "#);
    talk.hosted.scratch.json(&["audit", "--rejudge", "all"]).expect("passed");

    // Who left the team has no right any more.
    talk.hosted.hub.leave("example", "helpers", &talk.helper);
    let refs = talk.refs();
    talk.says(&talk.helper, "/hold --all --reason x").answer.expect("not_permitted");
    assert_eq!(talk.refs(), refs);
}

/// Where the policy does not ask for the commit, the answer shows in full which one it was.
#[test]
fn a_promotion_without_a_commit_shows_the_one_that_it_moved() {
    let unpinned = [("comment: { release_issue: 3 }", "comment: { require_sha: false }")];
    let talk = Talk::with(Setup { protocol: &unpinned, ..Setup::default() });
    let said = talk.says(&talk.ann, "/promote app@1.1.0 --channel test");
    said.answer.expect("moved");
    insta::assert_snapshot!(talk.told(said.comment), @r"
    deployer[bot]: <!-- tagwarden comment=ID state=final entry=1 -->
    ### ✓ `/promote app@1.1.0 --channel test`: moved

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
      ✓   1  tree  The tree is whole  MS

    done (moved). See it: `tagwarden status`.
    ```

    </details>
    ");
    assert_eq!(talk.hosted.scratch.remote_commit("refs/tags/channel/test"), Some(talk.commit.clone()));
    let told = talk.pull.comments().pop().unwrap();
    assert!(told.contains(&format!(" → **test** at {}\n", talk.commit)), "{told}");
}
