//! What answers tell about what to do next, and what counts: for people who meet the program for the first time.

use crate::common::{PLAIN, Scratch, finding, findings, show::steady};
use insta::assert_snapshot;
use serde_json::{Value, json};

const PROTOCOL: &str = r#"version: 1
packages:
  web: { release_tag: "v{version}" }
release_branches: [main]
channels:
  staging: { tag: "channel/{channel}" }
signing: { key: "env:TAGWARDEN_SIGNING_KEY" }
roles:
  promoters:
    who: ["ssh:ann@example.com"]
    may: [stage, promote, rollback, hold, unhold, waive, verdict]
  reviewers:
    who: ["ssh:ben@example.com"]
    may: [verdict, waive]
"#;

fn signed() -> Scratch {
    let mut scratch = Scratch::new();
    for name in ["ann", "ben"] {
        scratch.key(name);
    }
    scratch.write("gates/protocol.yaml", PROTOCOL);
    scratch.write("gates/allowed_signers", scratch.allowed_signers(&["ann", "ben"]));
    scratch.write("gates/10-reviewed.yaml", "title: A reviewer says SAFE\nverdict:\n  reviewers: [\"ssh:ben@example.com\"]\n");
    scratch.write("gates/20-broken.yaml", "title: The old endpoint answers\nwaivable: true\ncommand:\n  - shell: exit 1\n");
    scratch.commit("Add the protocol");
    scratch.push();
    scratch.sign_as("ann");
    scratch.json(&["policy", "adopt", "--reason", "start"]).expect("moved");
    scratch.json(&["stage", "v1.0.0", "--at", "HEAD"]).expect("moved");
    scratch
}

fn notices(answer: &Value) -> String {
    answer["notices"].as_array().unwrap().iter().map(|notice| notice.as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

#[test]
fn verdicts_and_waivers_say_where_they_count() {
    let mut scratch = signed();
    let verdict = ["verdict", "record", "SAFE", "--release", "v1.0.0"];
    let answer = scratch.json(&verdict).expect("moved");
    assert_eq!(notices(&answer), "no gate of the policy in force looks for a verdict of ssh:ann@example.com, so it decides nothing");
    scratch.sign_as("ben");
    let answer = scratch.json(&["verdict", "record", "FINDINGS", "--release", "v1.0.0"]).expect("moved");
    assert_eq!(notices(&answer), "it stops this commit at gate reviewed until ssh:ben@example.com records another verdict on it");
    let answer = scratch.json(&verdict).expect("moved");
    assert_eq!(notices(&answer), "it counts at gate reviewed for this commit, unless ssh:ben@example.com asks for the move");

    // A waiver of who asks for the move does not count, and the refusal says why.
    scratch.sign_as("ann");
    let waive = ["waive", "broken", "--channel", "staging", "--release", "v1.0.0", "--until", "2h", "--reason", "known"];
    let answer = scratch.json(&waive).expect("moved");
    let said = notices(&answer);
    assert!(said.starts_with("until 2026-11-21T12:00:"), "{said}");
    assert!(said.ends_with("gate broken does not stop a move of web@1.0.0 to staging, unless ssh:ann@example.com asks for it"), "{said}");
    let refused = scratch.refused(&["promote", "v1.0.0", "--channel", "staging"], "gate_failed");
    let why = finding(&refused, "gate/waiver-does-not-count");
    assert_eq!(why["message"], "the waiver of entry 5 does not count: ssh:ann@example.com gave it and asks for the move");
    assert_eq!(why["help"], "another person with the right to waive must give it, or ask for the move");
    scratch.sign_as("ben");
    scratch.json(&waive).expect("moved");
    scratch.sign_as("ann");
    scratch.json(&["promote", "v1.0.0", "--channel", "staging"]).expect("moved");
}

#[test]
fn a_release_is_verified_as_the_remote_has_it() {
    let mut scratch = Scratch::minimal();
    let first = scratch.git(&["rev-parse", "HEAD"]);
    scratch.json(&["stage", "v1.0.0", "--at", "HEAD"]).expect("moved");
    scratch.commit_and_push("second");
    // This clone never fetched the tag.
    assert_eq!(scratch.git(&["tag", "--list"]), "");
    for name in ["v1.0.0", "app@1.0.0"] {
        let answer = scratch.json(&["verify", "--channel", "local_dev", "--at", name]).expect("passed");
        assert_eq!(answer["commit"], first.as_str(), "{name}");
        assert_eq!(notices(&answer), format!("app@1.0.0 is at {} on the remote", &first[..10]));
        let answer = scratch.json(&["verify", "--channel", "local_dev", "--at", name, "--adopted"]).expect("passed");
        assert_eq!(answer["commit"], first.as_str(), "{name}");
    }
    // A tag of that name here is not the release.
    scratch.git(&["tag", "v1.0.0", "HEAD"]);
    let answer = scratch.json(&["verify", "--channel", "local_dev", "--at", "v1.0.0"]).expect("passed");
    assert_eq!(answer["commit"], first.as_str());
    assert!(notices(&answer).contains("; the tag here is at "), "{answer:#}");
    // One that only this clone has is judged, and said to be no release.
    scratch.git(&["tag", "v2.0.0", "HEAD"]);
    let answer = scratch.json(&["verify", "--channel", "local_dev", "--at", "v2.0.0"]).expect("passed");
    assert!(notices(&answer).starts_with("the remote has no release app@2.0.0"), "{answer:#}");
    let unknown = scratch.refused(&["verify", "--channel", "local_dev", "--at", "v3.0.0"], "unknown_release");
    assert_eq!(unknown["message"], "neither the remote nor this clone has a release app@3.0.0");

    // A commit that this clone does not have is brought.
    let origin = format!("file://{}", scratch.path("origin.git").display());
    scratch.git_in("", &["clone", "--quiet", "--depth=1", "--no-tags", &origin, "shallow"]);
    scratch.go("shallow");
    let answer = scratch.json(&["verify", "--channel", "local_dev", "--at", "v1.0.0"]).expect("passed");
    assert_eq!(answer["commit"], first.as_str());

    // Where the remote cannot be asked, what is judged is said.
    scratch.go("work");
    scratch.git(&["remote", "set-url", "origin", "../nowhere.git"]);
    let answer = scratch.json(&["verify", "--channel", "local_dev", "--at", "v2.0.0"]).expect("passed");
    assert!(notices(&answer).contains("the remote could not be asked for app@2.0.0"), "{answer:#}");
    scratch.json(&["verify", "--channel", "local_dev", "--at", "v3.0.0"]).expect("unreachable");
}

#[test]
fn a_hold_on_a_release_that_is_not_there_holds_and_warns() {
    let scratch = Scratch::minimal();
    scratch.json(&["stage", "v1.0.0", "--at", "HEAD"]).expect("moved");
    let known = scratch.json(&["hold", "--release", "v1.0.0", "--reason", "wait"]).expect("moved");
    assert_eq!(known["findings"], json!([]));
    assert_snapshot!(steady(&scratch.run(&["hold", "--release", "v1.0.1", "--reason", "wait"]).all()), @r"
    hold release app@1.0.1
      ledger entry 3 ([short]) on tagwarden/ledger

    warning[hold/unknown-release]: there is no release app@1.0.1 yet; it is held once it comes
      help: `tagwarden unhold --release app@1.0.1 --reason REASON` lifts it; `app@1.0.0` is there
    signing: none

    done (moved). It is recorded, and no tag moved. See it: `tagwarden history`.
    -- exit 0
    ");
    scratch.commit_and_push("second");
    scratch.refused(&["promote", "v1.0.1", "--channel", "local_dev"], "held");
    let lifted = scratch.json(&["unhold", "--release", "v1.0.1", "--reason", "go"]).expect("moved");
    assert_eq!(lifted["findings"], json!([]));
}

#[test]
fn the_only_remote_is_suggested() {
    let scratch = Scratch::minimal();
    scratch.git(&["remote", "rename", "origin", "upstream"]);
    let refused = scratch.refused(&["status"], "no_remote");
    assert_eq!(
        refused["help"],
        "its only remote is `upstream`: give `--remote upstream`, or write `remote: upstream` in gates/protocol.yaml"
    );
    scratch.json(&["status", "--remote", "upstream"]).expect("passed");
    scratch.git(&["remote", "add", "other", "../other.git"]);
    let refused = scratch.refused(&["status"], "no_remote");
    assert!(refused["help"].as_str().unwrap().starts_with("`git remote add origin URL`"), "{refused:#}");
}

#[test]
fn the_last_words_of_a_program_are_told_whole_with_v() {
    let scratch = Scratch::minimal();
    let script = "echo connecting >&2; echo \"cannot reach the database at db.example.com: the connection was refused after three attempts in a row\" >&2; exit 2";
    scratch.write(
        "gates/20-dump.yaml",
        format!("title: The data can be dumped\naudit:\n  dump:\n    shell: '{script}'\n    file: dump.sql\n"),
    );
    scratch.write("gates/30-tool.yaml", format!("title: The tool says yes\ncommand:\n  - shell: '{script}'\n"));
    let whole = "cannot reach the database at db.example.com: the connection was refused after three attempts in a row";
    for (gate, code) in [("dump", "audit/dump-failed"), ("tool", "command/exit")] {
        let verify = ["verify", "--channel", "local_dev", "--gate", gate];
        let answer = scratch.json(&verify).expect("gate_failed");
        let found = finding(&answer, code);
        assert!(found["message"].as_str().unwrap().contains("cannot reach the database at db.example.com"), "{found:#}");
        assert_eq!(found["output"], json!(["connecting", whole]));
        let short = scratch.run(&verify).stdout;
        assert!(!short.contains("  > ") && short.contains("`-v` shows the last lines of its error output"), "{short}");
        let long = scratch.run(&[&verify[..], &["-v"]].concat()).stdout;
        assert!(long.contains(&format!("  > connecting\n  > {whole}\n")), "{long}");
    }
}

#[test]
fn a_workflow_gets_the_same_outputs_whether_it_moved_or_was_there() {
    let scratch = Scratch::minimal();
    let first = scratch.git(&["rev-parse", "HEAD"]);
    let named = ["commit", "tag", "version", "previous_commit", "from", "to", "moved"];
    let outputs = |answer: &Value| named.map(|name| answer[name].clone());
    let run = |release: &str, more: &[&str]| scratch.json(&[&["promote", release, "--channel", "local_dev"], more].concat());
    let planned = run("v1.0.0", &["--dry-run"]).expect("passed");
    let (none, tag) = (Value::Null, "channel/local_dev");
    let before = [json!(first), json!(tag), json!("1.0.0"), none.clone(), none.clone()];
    assert_eq!(outputs(&planned)[..5], before);
    assert_eq!(outputs(&planned)[5..], [none, json!(false)]);
    let moved = outputs(&run("v1.0.0", &[]).expect("moved"));
    let old = scratch.remote_refs()["refs/tags/channel/local_dev"].clone();
    assert_eq!((&moved[..5], &moved[5..]), (&before[..], &[json!(old), json!(true)][..]));
    assert_eq!(outputs(&run("v1.0.0", &[]).expect("already_there"))[..6], moved[..6]);
    let second = scratch.commit_and_push("second");

    // As a step of a workflow, with the names that its outputs have.
    let step = |words: &[&str]| -> std::collections::BTreeMap<String, String> {
        let file = scratch.path("outputs");
        std::fs::write(&file, "").unwrap();
        let path = file.display().to_string();
        scratch.run_with(&[words, &["--format", "github"]].concat(), &[("GITHUB_OUTPUT", path.as_str())]).ok();
        let text = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        lines.chunks(3).map(|lines| (lines[0].split_once("<<").unwrap().0.to_owned(), lines[1].to_owned())).collect()
    };
    let promote = ["promote", "v1.1.0", "--channel", "local_dev", "--reason", "the fix"];
    let (moved, again) = (step(&promote), step(&promote));
    let now = scratch.remote_refs()["refs/tags/channel/local_dev"].clone();
    let entry = scratch.remote_refs()["refs/heads/tagwarden/ledger"].clone();
    for (name, value) in [
        ("decision", "done"),
        ("release", "app@1.1.0"),
        ("version", "1.1.0"),
        ("tag", tag),
        ("commit", &second),
        ("previous_commit", &first),
        ("from", &old),
        ("to", &now),
        ("entry", &entry),
        ("serial", "2"),
    ] {
        assert_eq!((moved[name].as_str(), again[name].as_str()), (value, value), "{name}");
    }
    let differ: Vec<&str> = moved.iter().filter(|(name, value)| again[*name] != **value).map(|(name, _)| name.as_str()).collect();
    assert_eq!(differ, ["moved", "reason_code", "result"]);
    assert_eq!((moved["moved"].as_str(), again["moved"].as_str()), ("true", "false"));
    assert_eq!(again["reason_code"], "already_there");

    // Whatever the verb, the names are the same; a verb that moves nothing says so.
    let back = step(&["rollback", "--channel", "local_dev", "--reason", "errors"]);
    assert_eq!([&back["moved"], &back["commit"], &back["previous_commit"], &back["from"]], ["true", &first, &second, &now]);
    let verified = step(&["verify", "--channel", "local_dev", "--at", "HEAD"]);
    assert_eq!([&verified["decision"], &verified["moved"], &verified["commit"]], ["continue", "false", &second]);
    let names = |outputs: &std::collections::BTreeMap<String, String>| outputs.keys().cloned().collect::<Vec<_>>();
    assert_eq!((names(&back), names(&verified)), (names(&moved), names(&moved)));
}

/// The commands that a text prints between backticks, as words.
fn commands(text: &str) -> Vec<Vec<&str>> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|words| words.strip_prefix("tagwarden "))
        .map(|words| words.split(' ').collect())
        .collect()
}

/// A help that names a release which the refused move would have made says how to make it first.
#[test]
fn what_is_printed_after_a_gate_refused_a_new_release_can_be_typed() {
    let told = ("gates/20-told.yaml", "title: The provider was told\nack: { step: \"tell the provider\" }\n");
    let scratch = Scratch::with(&[PLAIN, &[told]].concat());
    let promote = ["promote", "app@1.0.0", "--channel", "local_dev"];
    let refused = scratch.refused(&promote, "gate_failed");
    let help = finding(&refused, "ack/absent")["help"].as_str().unwrap();
    // Judged again as a commit: a draft has none that a step could be acknowledged for.
    let next = refused["next"].as_str().unwrap();
    assert!(next.contains("`tagwarden verify --channel local_dev --at COMMIT`"), "{next}");
    let commit = scratch.git(&["rev-parse", "HEAD"]);
    let verify = ["verify", "--channel", "local_dev", "--at", commit.as_str()];
    let again = scratch.json(&verify).expect("gate_failed");
    assert!(again["next"].as_str().unwrap().contains("--at COMMIT`"), "{again:#}");
    let printed = commands(help);
    assert_eq!(printed.len(), 2, "{help}");
    for words in printed {
        scratch.json(&words).expect("moved");
    }
    scratch.json(&verify).expect("passed");
    scratch.json(&promote).expect("moved");
    // A release that is there is acknowledged at once.
    scratch.commit_and_push("second");
    scratch.json(&["stage", "app@1.1.0", "--at", "HEAD"]).expect("moved");
    let refused = scratch.refused(&["promote", "app@1.1.0", "--channel", "local_dev"], "gate_failed");
    let found = findings(&refused).into_iter().find(|found| found["help"].to_string().contains("tagwarden ack")).unwrap();
    assert_eq!(commands(found["help"].as_str().unwrap()).len(), 1, "{found:#}");
}

/// `ack` and `waive` for a release that nobody made yet name the whole command that makes it.
#[test]
fn a_release_that_is_not_there_yet_is_staged_first() {
    let scratch = signed();
    let waive = ["waive", "broken", "--channel", "staging", "--release", "v2.0.0", "--until", "2h", "--reason", "known"];
    let refused = scratch.refused(&waive, "unknown_release");
    assert_eq!(refused["help"], "`tagwarden stage web@2.0.0 --at REV` makes it; then run this again");
}

#[test]
fn a_release_tag_that_was_moved_is_nothing_that_doctor_puts_back() {
    let scratch = Scratch::minimal();
    scratch.json(&["promote", "v1.0.0", "--channel", "local_dev"]).expect("moved");
    scratch.commit_and_push("second");
    scratch.git(&["push", "--quiet", "--force", "origin", "HEAD:refs/tags/v1.0.0"]);
    for words in [&["status"][..], &["doctor"], &["doctor", "--fix"]] {
        let output = scratch.run(words);
        assert_eq!(output.code, 1, "{output}");
        assert!(output.stdout.contains("a release tag is never moved back by force"), "{output}");
        assert!(!output.stdout.contains("--fix"), "{output}");
    }
    // A channel's tag is.
    scratch.git(&["push", "--quiet", "--force", "origin", "HEAD:refs/tags/channel/local_dev"]);
    assert!(scratch.run(&["status"]).stdout.contains("`tagwarden doctor --fix` puts tags back"));
}

#[test]
fn a_url_with_a_password_is_refused_without_it_and_without_a_key_that_is_there() {
    let scratch = Scratch::with(PLAIN);
    let gate = |url: &str| format!("title: Health\nhttp: [ {{ get: \"{url}\", elsewhere: true, expect: {{ status: 200 }} }} ]\n");
    let verify = ["verify", "--channel", "local_dev", "--gate", "health"];
    scratch.write("gates/20-health.yaml", gate("http://user:hunter22-and-more@127.0.0.1:1/h"));
    for output in [scratch.run(&verify), scratch.run(&[&verify[..], &["--format", "json"]].concat())] {
        let said = output.to_string();
        assert!(output.code == 1 && said.contains("http/elsewhere"), "{said}");
        assert!(!said.contains("hunter22") && !said.contains("`elsewhere: true`"), "{said}");
        assert!(said.contains("user information"), "{said}");
    }
}

/// What is wrong on the command line, or in a variable, is not answered with the whole manual.
#[test]
fn a_value_that_is_not_understood_says_what_is_right() {
    let scratch = Scratch::minimal();
    let ends = |output: crate::common::Output| output.to_string().lines().last().unwrap().to_owned();
    assert_snapshot!(ends(scratch.run(&["policy", "adopt", "--take-over", "--release", "v1.0.0", "--reason", "x"])), @"stop (bad_usage). `tagwarden help policy adopt` says what may stand there.");
    assert_snapshot!(ends(scratch.run_with(&["status"], &[("TAGWARDEN_GENESIS", "main")])), @"stop (bad_usage). Set TAGWARDEN_GENESIS to entry 0 as the first adoption printed it, or unset it.");
    let said = ends(scratch.run(&["stage", "v1.0.0", "--at", "HEAD", "--dry-run"]));
    assert!(said.starts_with("stop (bad_usage). `--dry-run` is a flag of promote, rollback; Usage: tagwarden stage"), "{said}");
    // A release of no channel that has a tag, at the adoption that begins a ledger.
    let scratch = Scratch::minimal_unadopted();
    let adopt = |releases: &[&str]| {
        let named = releases.iter().flat_map(|release| ["--release", release]);
        ["policy", "adopt", "--take-over", "--reason", "x"].into_iter().chain(named).map(str::to_owned).collect::<Vec<_>>()
    };
    let run = |releases: &[&str]| {
        let words = adopt(releases);
        ends(scratch.run(&words.iter().map(String::as_str).collect::<Vec<_>>()))
    };
    assert_snapshot!(run(&["local_dev=v1.0.0"]), @"stop (bad_usage). Leave `--take-over` and `--release` out: no channel has a tag on the remote.");
    scratch.git(&["push", "--quiet", "origin", "HEAD:refs/tags/channel/local_dev", "HEAD:refs/tags/v1.0.0"]);
    assert_snapshot!(run(&["local_dev=v2.0.0"]), @"stop (bad_usage). `--release local_dev=RELEASE` names one of those.");
    assert_snapshot!(run(&["local_dev=v1.0.0", "local_dev=v1.0.0"]), @"stop (bad_usage). Name one: `--release local_dev=RELEASE`");
}

#[test]
fn an_entry_that_moves_no_tag_is_said_to_be_recorded() {
    let scratch = Scratch::minimal();
    let ends = |words: &[&str]| scratch.run(words).ok().lines().last().unwrap().to_owned();
    assert_snapshot!(ends(&["hold", "--all", "--reason", "x"]), @"done (moved). It is recorded, and no tag moved. See it: `tagwarden history`.");
    assert_snapshot!(ends(&["stage", "v1.0.0", "--at", "HEAD"]), @"done (moved). See it: `tagwarden status`.");
}

#[test]
fn channels_are_in_a_row_only_where_one_comes_after_the_other() {
    let protocol = |after: &str| {
        format!(
            "version: 1\npackages: {{ app: {{ release_tag: \"v{{version}}\" }} }}\nrelease_branches: [main]\nsigning: {{ key: none }}\nchannels:\n  one: {{ tag: \"channel/{{channel}}\" }}\n  two: {{ tag: \"channel/{{channel}}\"{after} }}\n  three: {{ tag: \"channel/{{channel}}\" }}\n"
        )
    };
    let gate = ("gates/10-tree.yaml", "title: The tree is there\ncommand: [ { run: [\"true\"] } ]\n");
    for (after, line) in [("", "one, two, three"), (", after: one", "one, two (after one), three")] {
        let scratch = Scratch::with(&[("gates/protocol.yaml", &protocol(after)), gate]);
        let shown = scratch.run(&["policy", "show"]).ok();
        assert!(shown.lines().any(|shown| shown.trim_start() == format!("channels          {line}")), "{shown}");
    }
}
