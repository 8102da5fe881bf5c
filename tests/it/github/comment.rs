//! Slash commands, from the event that GitHub hands over to the moved tag and the thread: the model of GitHub, real git over HTTP,
//! and a mover who signs for whoever wrote the comment.

use crate::{
    common::{Answer, Scratch, findings},
    github::{
        hosted::Hosted,
        model::{App, Broken, GitHub, Pull, Refused, User, Way},
    },
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tagwarden::{cli::explain, text::slash::COMMANDS};

const NOW: &str = "2026-11-21T10:00:00Z";

pub const PROTOCOL: &str = r#"version: 1
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

/// A repository on the model, people, and the job that GitHub starts for each comment.
pub struct Talk {
    pub hosted: Hosted,
    pub ann: User,
    pub lead: User,
    pub reader: User,
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
        Talk::of(NOW, PROTOCOL)
    }

    /// At this time, under this protocol.
    pub fn of(now: &str, protocol: &str) -> Talk {
        let hub = GitHub::new();
        hub.set_now(now);
        let (ann, lead, reader, helper) = (hub.user("ann"), hub.user("lead"), hub.user("reader"), hub.user("helper"));
        hub.team("example", "helpers", &[(&helper, "member")]);
        let repo = hub.repo().collaborator(&ann, "maintain").collaborator(&lead, "read").collaborator(&reader, "read");
        let app = hub.app("deployer");
        app.install_on(&repo, &[("contents", "write"), ("issues", "write"), ("pull_requests", "write"), ("members", "read")]);
        let mut scratch = Scratch::new();
        scratch.at(now);
        scratch.key("mover");
        scratch.key("boss");
        scratch.sign_as("mover");
        scratch.write("gates/protocol.yaml", protocol.replace("LEAD", &lead.id.to_string()));
        scratch.write("gates/10-tree.yaml", GATE);
        scratch.write("gates/allowed_signers", scratch.allowed_signers(&["mover", "boss"]));
        scratch.commit("Add the protocol");
        scratch.push();
        scratch.json(&["policy", "adopt", "--reason", "start"]).expect("moved");
        let hosted = Hosted::of(hub, scratch);
        let pull = hosted.pull(7, &["a.txt"]);
        hosted.merge(&pull, Way::Merge);
        hosted.release("v1.1.0");
        let commit = hosted.at("HEAD");
        let mut talk = Talk { hosted, ann, lead, reader, app, pull, commit };
        let token = talk.hosted.hub.app_token(&talk.app);
        talk.hosted.scratch.set("GITHUB_TOKEN", &token);
        talk
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
        let file = self.hosted.scratch.path("event.json");
        std::fs::write(&file, event.to_string()).unwrap();
        let path = file.display().to_string();
        self.hosted.scratch.json_with(&["comment"], &[("GITHUB_EVENT_NAME", "issue_comment"), ("GITHUB_EVENT_PATH", &path)])
    }

    /// Every tag on GitHub, and the ledger.
    fn refs(&self) -> BTreeMap<String, String> {
        let mut refs = self.hosted.scratch.remote_refs();
        refs.retain(|name, _| name.starts_with("refs/tags/") || name.contains("ledger"));
        refs
    }

    /// The answer to a comment, without what differs from run to run.
    fn told(&self, comment: u64) -> String {
        let marker = format!("comment={comment} ");
        let all = self.pull.comments();
        let own: Vec<&String> = all.iter().filter(|text| text.lines().next().is_some_and(|line| line.contains(&marker))).collect();
        assert_eq!(own.len(), 1, "{all:#?}");
        let mut text = own[0].replace(&marker, "comment=ID ");
        for (name, oid) in self.hosted.scratch.remote_refs() {
            text = text.replace(&oid, &format!("[{name}]")).replace(&oid[..10], &format!("[{name}]"));
        }
        let text = regex::Regex::new(r"\d+ ms").unwrap().replace_all(&text, "MS").into_owned();
        let text = regex::Regex::new(r"([`( ])[0-9a-f]{10}([`)\n ])").unwrap().replace_all(&text, "${1}OID$2").into_owned();
        let text = regex::Regex::new(r"T10:00:\d\dZ").unwrap().replace_all(&text, "TIME").into_owned();
        text.replace(&self.ann.id.to_string(), "ANN").replace(&self.reader.id.to_string(), "READER")
    }

    fn reactions(&self, comment: u64) -> Vec<String> {
        self.pull.reactions(comment)
    }
}

fn codes(answer: &Value) -> Vec<String> {
    findings(answer).iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

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
    for body in ["Ship it!", "> /promote", "    /promote app@1.1.0", "/cc ann", "- /promote app@1.1.0 --channel test"] {
        let comment = talk.pull.comment(&talk.ann, body);
        quiet(&talk.event(comment));
        assert!(talk.reactions(comment).is_empty(), "{body}");
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
    - asked by lead (`github:1004`)
    - because: an incident

    **Next:** It is recorded, and no tag moved&#8203;. See it:&#8203; `tagwarden history`&#8203;.

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

    the hold on channel live, set by github:&#8203;1004 in entry 2 \(see @&#8203;boss, #&#8203;1 \| &lt;b&gt; :&#8203;:&#8203;error:&#8203;:&#8203; `x`\) forbids to promote on live

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

/// What the page says of each command is what GitHub asks of the calls that are made: with exactly those permissions each is done
/// and told, with one less it is not.
#[test]
fn each_command_needs_the_permissions_of_the_page() {
    let mut talk = Talk::new();
    let promote = format!("promote app@1.1.0 --channel test --sha {}", talk.commit);
    let hold = "hold --channel live --reason x".to_owned();
    let lines = [
        ("plan", "plan app@1.1.0 --channel test".to_owned()),
        ("promote", promote),
        ("verify", "verify --channel test".to_owned()),
        ("status", "status".to_owned()),
        ("help", "help".to_owned()),
        ("hold", hold.clone()),
        ("unhold", hold.replace("hold", "unhold")),
    ];
    let mover = talk.hosted.hub.user("mover");
    let needs = |command: &str| {
        let spec = COMMANDS.iter().find(|spec| spec.name == command).unwrap();
        explain::permissions(spec).into_iter().map(|need| (need.permission, need.level.name())).collect::<Vec<_>>()
    };
    let try_with = |talk: &mut Talk, permissions: &[(&str, &str)], line: &str| {
        let token = talk.hosted.hub.limited_token(&mover, permissions);
        talk.hosted.scratch.set("GITHUB_TOKEN", &token);
        talk.says(&talk.ann, &format!("/{line}")).answer.value
    };
    for (command, line) in &lines {
        let answer = try_with(&mut talk, &needs(command), line);
        assert!(answer["decision"] != "stop" && !answer["notices"].to_string().contains("GitHub"), "{command}: {answer:#}");
    }
    for (command, line) in [&lines[3], &lines[5]] {
        let all = needs(command);
        for missing in &all {
            let less: Vec<(&str, &str)> = all.iter().copied().filter(|need| need != missing).collect();
            let told = talk.pull.comments().len();
            let answer = try_with(&mut talk, &less, line).to_string();
            let (permission, level) = *missing;
            let is_named = answer.contains(&format!("{permission}: {level}")) || answer.contains("contents");
            // Ann's right needs no team.
            assert_eq!(is_named, permission != "members", "{command} without {permission}: {answer}");
            assert!(permission != "issues" || talk.pull.comments().len() == told + 1, "{answer}");
        }
    }
    let less: Vec<(&str, &str)> = needs("hold").into_iter().filter(|(permission, _)| *permission != "members").collect();
    let token = talk.hosted.hub.limited_token(&mover, &less);
    talk.hosted.scratch.set("GITHUB_TOKEN", &token);
    let answer = talk.says(&talk.hosted.hub.user("helper"), &format!("/{hold}")).answer.expect("not_permitted");
    assert!(answer["help"].as_str().unwrap().contains("members: read"), "{answer:#}");
}

/// Whoever writes a marker into a comment of theirs decides nothing.
#[test]
fn a_forged_marker_is_nobodys_answer() {
    let talk = Talk::new();
    let comment = talk.pull.comment(&talk.ann, "/status");
    let forged = format!("<!-- tagwarden comment={comment} state=final -->\nall is well");
    talk.pull.comment(&talk.reader, &forged);
    talk.job(&talk.event(comment)).expect("passed");
    let comments = talk.pull.comments();
    assert_eq!(comments.iter().filter(|text| text.contains("state=final")).count(), 2);
    assert!(comments.contains(&format!("reader: {forged}")) && comments[2].starts_with("deployer[bot]: "), "{comments:#?}");
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
