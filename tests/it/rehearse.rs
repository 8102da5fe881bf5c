//! `tagwarden rehearse`, as it is run: the program, on repositories made here.

use crate::{common, world_support::Scratch};
use serde_json::Value;
use std::{path::Path, process::Command};

struct Answer {
    code: Option<i32>,
    json: Value,
}

impl Answer {
    fn steps(&self) -> Vec<(String, String, String)> {
        let text = |step: &Value, key: &str| step[key].as_str().unwrap_or_default().to_owned();
        let steps = self.json["steps"].as_array().unwrap_or_else(|| panic!("no steps: {}", self.json));
        steps.iter().map(|step| (text(step, "name"), text(step, "outcome"), text(step, "detail"))).collect()
    }

    #[track_caller]
    fn all_passed(&self) {
        for (name, outcome, detail) in self.steps() {
            assert_eq!(outcome, "passed", "{name}: {detail}");
        }
        assert_eq!((self.code, self.json["decision"].as_str(), self.json["reason_code"].as_str()), (Some(0), Some("done"), Some("passed")));
        assert_eq!(self.json["schema"], "tagwarden.rehearsal/1");
    }
}

/// Runs the program with its scratch folders in a folder of the test's own.
fn tagwarden(scratch: &Scratch, dir: &str, args: &[&str]) -> Answer {
    let temporary = scratch.path("temporary");
    std::fs::create_dir_all(&temporary).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tagwarden"));
    command.current_dir(scratch.path(dir)).args(args).args(["--format", "json"]).env_clear().envs(scratch.env().iter());
    command.env("TMPDIR", &temporary).stdin(std::process::Stdio::null());
    let output = command.output().unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let left: Vec<_> = std::fs::read_dir(&temporary).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    Answer { code: output.status.code(), json }
}

/// Everything in a folder: path, size, time of the last change, and bytes.
fn everything(folder: &Path) -> Vec<(String, u64, std::time::SystemTime, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let meta = std::fs::symlink_metadata(&path).unwrap();
            let bytes = if meta.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
            found.push((path.display().to_string(), meta.len(), meta.modified().unwrap(), bytes));
            if meta.is_dir() {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A repository of its own with some files committed; no remote.
fn repository(format: &str, files: &[(&str, String)]) -> Scratch {
    let scratch = Scratch::new();
    scratch.git("", &["init", "--quiet", "--initial-branch=main", &format!("--object-format={format}"), "work"]);
    commit(&scratch, files);
    scratch
}

fn commit(scratch: &Scratch, files: &[(&str, String)]) {
    for (path, text) in files {
        let path = scratch.path("work").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    scratch.git("work", &["add", "--all"]);
    scratch.git("work", &["commit", "--quiet", "--message", "files"]);
}

#[test]
fn the_smallest_protocol_is_rehearsed_and_nothing_here_is_touched() {
    let scratch = repository("sha1", &[("README.md", "A project.\n".to_owned())]);
    assert_eq!(tagwarden(&scratch, "work", &["init", "--minimal"]).code, Some(0));
    // Other commits are not in the scratch copy, but they are no less there.
    let document = "protocol-docs/promotion.md";
    let text = std::fs::read_to_string(scratch.path("work").join(document)).unwrap();
    commit(&scratch, &[(document, format!("{text}\nAll this began with commit {}.\n", scratch.oid("work", "HEAD")))]);
    scratch.git("work", &["checkout", "--quiet", "--detach"]);
    std::fs::write(scratch.path("work/gates/10-docs.yaml"), "title: not committed, and wrong\n").unwrap();
    std::fs::write(scratch.path("work/untracked"), "x").unwrap();
    let before = everything(&scratch.path("work"));
    let answer = tagwarden(&scratch, "work", &["rehearse"]);
    answer.all_passed();
    assert!(everything(&scratch.path("work")) == before, "the repository was written to");

    let steps = answer.steps();
    let names: Vec<&str> = steps.iter().map(|(name, _, _)| name.as_str()).collect();
    assert!(names.len() >= 40, "{} steps", names.len());
    for name in [
        "policy adoption",
        "first promotion",
        "second promotion",
        "a failing gate",
        "an unreachable endpoint",
        "waivers",
        "holds",
        "a stale lease",
        "a kill before the push",
        "a kill after the push",
        "a server that refuses one ref",
        "tampered entries: signatures",
        "a foreign commit on the ledger",
        "rollback",
        "byte comparison",
        "audit",
    ] {
        assert!(names.contains(&name), "no step `{name}`");
    }
    let notices = answer.json["notices"].to_string();
    assert!(notices.contains("not committed were not rehearsed"), "{notices}");
    let stand_ins = answer.json["stand_ins"].to_string();
    assert!(stand_ins.contains("signatures, although the protocol asks for none"), "{stand_ins}");
    assert!(answer.json["duration_ms"].as_u64() > answer.json["steps"][0]["duration_ms"].as_u64());
    assert_eq!(answer.json.get("ledger"), None, "nothing is recorded that nobody asked for");
}

/// Two channels one after the other, two packages, several people, a threshold, gates of every sort, SHA-256, a bare repository and a
/// remote of another name.
#[test]
#[ignore = "takes half a minute; `tests/full ledger` runs it"]
fn a_whole_protocol_is_rehearsed() {
    let protocol = r#"
version: 1
packages:
  web: { release_tag: "v{version}", default: true }
  lib/api: { release_tag: "{package}/v{version}" }
release_branches: [trunk, next]
channels:
  staging:
    tag: "at/{channel}/{package}"
    base_url: "https://staging.example.com"
    rules: [{ name: said, when: '$env.APP_CHANNEL == "staging"' }]
  production:
    tag: "at/{channel}/{package}"
    base_url: "https://example.com/app"
    after: staging
  preview: { base_url: "https://preview.example.com" }
ledger: { branch: records }
remote: upstream
signing: { key: "env:RELEASE_KEY", threshold: 2 }
roles:
  promoters: { who: ["ssh:lead@example.com", "permission:maintain"], may: [stage, promote, rollback, hold], on: [staging, production] }
  makers: { who: ["ssh:lead@example.com"], may: [stage] }
  reviewers: { who: ["ssh:ann@example.com", "ssh:ben@example.com"], may: [verdict] }
automation: ["ssh:ci@example.com"]
documents: { protocol: [docs/how.md] }
"#;
    let document = "# How\n\n## Gate 1: Set up\n\nRead `gates/protocol.yaml`.\n\n## Gate 2: Reviewed\n\n## Gate 3: Migrated\n\n## Gate 4: Healthy\n\n## Gate 5: Written down\n\n## Gate 6: Whole\n\n## Gate 7: Still healthy\n";
    let gates = [
        ("gates/protocol.yaml", protocol),
        ("gates/10-env.yaml", "title: Set up\nenv: { from: process, vars: { DATABASE_URL: required } }\n"),
        (
            "gates/20-review.yaml",
            "title: Reviewed\nverdict: { reviewers: [\"ssh:ann@example.com\", \"ssh:ben@example.com\"], fresh: 7d }\n",
        ),
        (
            "gates/30-migrate.yaml",
            "title: Migrated\nchannels: [production]\nack: { step: Migrate, by: [\"ssh:dba@example.com\"], four_eyes: true }\n",
        ),
        (
            "gates/40-health.yaml",
            "title: Healthy\nwaivable: true\nhttp: [{ get: \"{base_url}/health\", expect: { status: 200 }, attempts: 5, backoff: 30s }]\n",
        ),
        ("gates/50-docs.yaml", "title: Written down\ndocs: {}\n"),
        (
            "gates/60-audit.yaml",
            "title: Whole\nverbs: [promote, rollback]\naudit: { dump: { run: [\"pg_dump\"], file: x, list: [\"pg_restore\"] } }\n",
        ),
        ("gates/70-after.yaml", "title: Still healthy\nwhen: after\ncommand: [{ run: [\"./smoke\"] }]\n"),
        ("gates/allowed_signers", "# nobody yet\n"),
        ("docs/how.md", document),
    ];
    let files: Vec<(&str, String)> = gates.iter().map(|(path, text)| (*path, (*text).to_owned())).collect();
    let scratch = repository("sha256", &files);
    scratch.git("", &["clone", "--quiet", "--bare", "work", "bare"]);
    let before = everything(&scratch.path("bare"));
    let answer = tagwarden(&scratch, "bare", &["rehearse", "--channel", "production"]);
    answer.all_passed();
    assert!(everything(&scratch.path("bare")) == before, "the repository was written to");
    let steps = answer.steps();
    let detail = |wanted: &str| steps.iter().find(|(name, _, _)| name == wanted).map(|(_, _, detail)| detail.clone()).unwrap_or_default();
    assert!(detail("policy adoption").contains("lead@example.com"), "{}", detail("policy adoption"));
    assert!(detail("first promotion").contains("production"), "{}", detail("first promotion"));
    assert!(detail("a change of policy").contains("2 signer"), "{}", detail("a change of policy"));
    for name in ["no verdict for gate review", "no ack for gate migrate", "a channel passed by", "waivers"] {
        assert!(!detail(name).is_empty(), "no step `{name}`");
    }
    let stand_ins = answer.json["stand_ins"].to_string();
    for stand_in in ["the env gate env", "the http gate health", "the command gate after", "the dump of gate audit", "for dba@example.com"]
    {
        assert!(stand_ins.contains(stand_in), "{stand_in}: {stand_ins}");
    }
}

#[test]
fn what_cannot_be_rehearsed_is_refused() {
    let scratch = repository("sha1", &[("README.md", "A project.\n".to_owned())]);
    scratch.git("", &["init", "--quiet", "empty"]);
    let refused = |dir: &str, args: &[&str], code: i32, reason: &str, words: &str| {
        let answer = tagwarden(&scratch, dir, &[&["rehearse"], args].concat());
        assert_eq!((answer.code, answer.json["reason_code"].as_str()), (Some(code), Some(reason)), "{dir} {args:?}: {}", answer.json);
        assert!(answer.json.to_string().contains(words), "{dir} {args:?}: {}", answer.json);
    };
    refused("empty", &[], 2, "bad_config", "no commit yet");
    refused("", &[], 2, "not_a_repository", "");
    assert_eq!(tagwarden(&scratch, "work", &["init", "--minimal"]).code, Some(0));
    refused("work", &[], 2, "bad_config", "has no gates/");
    commit(&scratch, &[]);
    refused("work", &["--channel", "production"], 2, "unknown_channel", "local_dev");
    // What is known of pull requests counts for the gates of the drill as for those of a move.
    let open = r#"{"pulls": {"7": {"state": "open"}}}"#;
    let page = std::fs::read_to_string(scratch.path("work/protocol-docs/promotion.md")).unwrap();
    commit(&scratch, &[("protocol-docs/promotion.md", format!("{page}\nPull request #7 is merged.\n")), ("open.json", open.to_owned())]);
    std::fs::write(scratch.path("open.json"), open).unwrap();
    refused("work", &["--pulls", "open.json"], 2, "bad_usage", "cannot vouch for itself");
    refused("work", &["--pulls", "none.json"], 2, "bad_usage", "none.json");
    refused("work", &["--pulls", "../open.json"], 1, "drill_failed", "gate_failed");
    let protocol = std::fs::read_to_string(scratch.path("work/gates/protocol.yaml")).unwrap();
    let tagless = protocol.replace("channels:\n", "channels:\n  preview: {}\n");
    commit(&scratch, &[("gates/protocol.yaml", tagless)]);
    refused("work", &["--channel", "preview"], 2, "bad_usage", "has no tag");
    commit(&scratch, &[("gates/10-docs.yaml", "title: A\ndosc: {}\n".to_owned())]);
    refused("work", &[], 2, "bad_config", "gates/10-docs.yaml");
}

/// A channel that moves only after the way back from what is on it was rehearsed: from nothing to the first release, and on.
#[test]
fn a_rehearsal_is_signed_into_the_ledger_and_asked_for() {
    let scratch = common::Scratch::minimal_unadopted();
    scratch.write("gates/20-back.yaml", "title: The way back was rehearsed\nrehearsal: { of: rollback }\n");
    scratch.edit("protocol-docs/promotion.md", "## Promoting", "## Gate 2 — The way back was rehearsed\n\n## Promoting");
    scratch.commit_and_push("Ask for a rehearsal");
    let record = ["rehearse", "--channel", "local_dev", "--record"];
    scratch.refused(&record, "no_ledger");
    scratch.json(&["policy", "adopt", "--reason", "start"]).expect("moved");
    let promote = |version: &str| {
        let name = format!("app@{version}");
        scratch.json(&["stage", &name, "--at", "HEAD"]).expect("moved");
        scratch.json(&["promote", &name, "--channel", "local_dev"])
    };
    let answer = promote("1.0.0").expect("gate_failed");
    assert!(common::finding(&answer["run"]["gates"][1], "rehearsal/absent")["help"].as_str().unwrap().contains(&record.join(" ")));

    let refs = scratch.remote_refs();
    let answer = scratch.json(&record).expect("passed");
    let names: Vec<&str> = answer["steps"].as_array().unwrap().iter().filter_map(|step| step["name"].as_str()).collect();
    assert_eq!(names.last(), Some(&"what is on the channel"), "{names:?}");
    let after = scratch.remote_refs();
    let changed: Vec<&String> = after.keys().filter(|name| refs.get(*name) != after.get(*name)).collect();
    assert_eq!(changed, ["refs/heads/tagwarden/ledger"]);
    let entry = answer["ledger"]["entry"].as_str().unwrap();
    let json = |path: &str| -> Value { serde_json::from_str(&scratch.git(&["show", &format!("{entry}:{path}")])).unwrap() };
    let (said, report) = (json("entry.json"), json("evidence/report.json"));
    assert_eq!((&said["action"], &said["channel"], &said["candidate"]), (&"rehearse".into(), &"local_dev".into(), &Value::Null));
    assert_eq!((&report["schema"], report["steps"].as_array().unwrap().len()), (&"tagwarden.rehearsal/1".into(), names.len()));
    let state = json("state/rehearsals/0/2.json");
    assert_eq!((&state[0]["channel"], &state[0]["policy"]), (&"local_dev".into(), &said["policy"]["tree"]));

    scratch.json(&["promote", "app@1.0.0", "--channel", "local_dev"]).expect("moved");
    scratch.commit_and_push("Next");
    let answer = promote("1.1.0").expect("gate_failed");
    common::finding(&answer["run"]["gates"][1], "rehearsal/other-release");

    // A document that is wrong keeps the drill from promoting, and that it failed counts.
    scratch.edit("protocol-docs/promotion.md", "## Promoting", "See `gates/no-such-file.yaml`.\n\n## Promoting");
    scratch.commit_and_push("A document that is wrong");
    let answer = scratch.json(&record).expect("drill_failed");
    let failed = answer["steps"].as_array().unwrap().iter().filter(|step| step["outcome"] != "passed").count();
    let history = scratch.json(&["history", "--channel", "local_dev"]).expect("passed");
    assert_eq!(history["entries"][0]["action"], "rehearse");
    assert_eq!(history["entries"][0]["about"]["failed"].as_array().unwrap().len(), failed);
    let answer = scratch.json(&["promote", "app@1.1.0", "--channel", "local_dev"]).expect("gate_failed");
    common::finding(&answer["run"]["gates"][1], "rehearsal/failed");
    scratch.json(&["audit", "--rejudge", "all"]).expect("passed");

    // What is rehearsed must be what decides.
    scratch.edit("gates/20-back.yaml", "rollback", "rollback, fresh: 1d");
    scratch.commit_and_push("Another policy");
    scratch.refused(&record, "policy_unadopted");
}
