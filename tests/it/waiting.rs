//! Servers that say nothing, break off or refuse: what is said of a push that was sent and of one that was not, how long is waited, who
//! sees it, and what a signal leaves known. Limits are small here, and no test looks at the time.

use crate::common::{
    Scratch,
    server::{Reply, Server},
};
use std::{
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    process::Child,
    sync::{Arc, Mutex},
    time::Duration,
};
use tagwarden::world::{
    Progress,
    git::{Limits, Patience},
};

const PROMOTE: [&str; 4] = ["promote", "v1.0.0", "--channel", "one"];

const PROTOCOL: &str = r#"
version: 1
packages: { app: { release_tag: "v{version}", default: true } }
release_branches: [main]
channels: { one: { tag: "channel/{channel}" } }
signing: { key: none }
release_tags: any
"#;
const GATE: &str = "title: The tree is there\ncommand: [ { run: [\"true\"] } ]\n";

fn adopted() -> Scratch {
    Scratch::with(&[("gates/protocol.yaml", PROTOCOL), ("gates/10-tree.yaml", GATE)])
}

/// Limits so small, and what the run writes on its line.
fn hurried(scratch: &mut Scratch, silent: Duration, answer: Duration) -> Arc<Mutex<String>> {
    let seen = Arc::new(Mutex::new(String::new()));
    let sink = {
        let seen = seen.clone();
        move |text: &str| seen.lock().unwrap().push_str(text)
    };
    scratch.waiting(Patience { limits: Limits { silent, answer }, progress: Progress::with_sink(Arc::new(sink)) });
    seen
}

fn script(scratch: &Scratch, path: &str, text: &str) -> String {
    let path = scratch.path(path);
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    path.display().to_string()
}

const HOOK: &str = "origin.git/hooks/pre-receive";

fn silent_server() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/x.git", listener.local_addr().unwrap());
    (listener, url)
}

#[test]
fn a_server_that_says_nothing_ends_the_run_and_is_seen_on_a_terminal_only() {
    let mut scratch = adopted();
    let (_listener, url) = silent_server();
    scratch.git(&["remote", "set-url", "origin", &url]);
    let seen = hurried(&mut scratch, Duration::from_secs(2), Duration::from_secs(60));
    let hold = ["hold", "--all", "--reason", "x"];
    let output = scratch.run(&hold);
    assert_eq!(output.code, 3, "{output}");
    assert!(output.stderr.contains("unreachable") && output.stderr.contains("the server said nothing for 2 s"), "{output}");
    assert!(!output.stderr.to_lowercase().contains("check network"), "{output}");
    let line = std::mem::take(&mut *seen.lock().unwrap());
    assert!(line.contains("\r\x1b[2Kwaiting for origin (") && line.ends_with("\r\x1b[2K"), "{line:?}");
    for flags in [&["--no-progress"][..], &["--quiet"], &["--format", "json"]] {
        assert_eq!(scratch.run(&[&hold[..], flags].concat()).code, 3);
        assert_eq!(*seen.lock().unwrap(), "", "{flags:?}");
    }
    // The program as it is, behind pipes.
    let child = scratch.spawn_program(&["status"]);
    let id = child.id().to_string();
    std::thread::sleep(Duration::from_secs(2));
    scratch.signal("-INT", &id);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{stderr}");
    assert!(stderr.contains("SIGINT") && !stderr.contains(['\r', '\x1b']) && !stderr.contains("waiting"), "{stderr:?}");
}

#[test]
fn a_gate_that_waits_says_which_it_is_and_when_it_asks_again() {
    let server = Server::start();
    server.set("/h", Reply::status(503, "{}"));
    let gate = format!(
        "title: Health\nhttp: [ {{ get: \"{}/h\", elsewhere: true, attempts: 2, backoff: 2s, expect: {{ status: 200 }} }} ]\n",
        server.url()
    );
    let mut scratch = Scratch::with(&[("gates/protocol.yaml", PROTOCOL), ("gates/10-tree.yaml", GATE), ("gates/20-health.yaml", &gate)]);
    let seen = hurried(&mut scratch, Duration::from_secs(60), Duration::from_secs(60));
    assert_eq!(scratch.run(&PROMOTE).code, 3);
    let line = seen.lock().unwrap().clone();
    assert!(line.contains("\r\x1b[2Kgate 2 of 2, health: attempt 2 of 2, next in "), "{line:?}");
}

/// The connection is lost once the server has everything.
#[test]
fn a_push_without_an_answer_may_have_moved_and_the_next_run_tells() {
    let scratch = adopted();
    let before = scratch.remote_refs();
    // Whatever the server printed before proves nothing.
    script(&scratch, HOOK, "echo 'checking that the deploy key may write' >&2; kill -KILL $PPID");
    let answer = scratch.json(&PROMOTE).expect("outcome_unknown");
    let (message, help) = (answer["message"].as_str().unwrap(), answer["help"].as_str().unwrap());
    assert!(message.contains("the push was sent") && message.contains("it may have moved"), "{message}");
    assert!(help.contains("run the same command again; it will tell"), "{help}");
    // Whether the server still hands it on is chance.
    assert!(answer.to_string().matches("checking that the deploy key").count() <= 1, "{answer:#}");
    assert_eq!(scratch.remote_refs(), before);
    // Nor can its refs be read any more.
    script(
        &scratch,
        HOOK,
        &format!("mv {} {}; kill -KILL $PPID", scratch.path("origin.git").display(), scratch.path("away.git").display()),
    );
    let answer = scratch.json(&PROMOTE).expect("outcome_unknown");
    assert!(answer["message"].as_str().unwrap().contains("its refs cannot be read now"), "{answer:#}");
    std::fs::rename(scratch.path("away.git"), scratch.path("origin.git")).unwrap();
    std::fs::remove_file(scratch.path(HOOK)).unwrap();
    scratch.json(&PROMOTE).expect("moved");
    scratch.json(&PROMOTE).expect("already_there");
}

#[test]
fn a_push_that_is_not_answered_in_time_is_told_from_one_that_was_never_sent() {
    let mut scratch = adopted();
    // The server never gets to say what it has, so nothing is sent.
    let mute = script(&scratch, "mute", "sleep 300");
    scratch.git(&["config", "remote.origin.receivepack", &mute]);
    hurried(&mut scratch, Duration::from_secs(6), Duration::from_secs(60));
    let answer = scratch.json(&PROMOTE).expect("unreachable");
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("sent nothing") && message.ends_with("the server said nothing for 6 s"), "{answer:#}");
    assert!(answer["help"].as_str().unwrap().starts_with("ask who runs the server"), "{answer:#}");
    scratch.git(&["config", "--unset", "remote.origin.receivepack"]);
    // It has everything, and thinks.
    script(&scratch, HOOK, "sleep 300");
    let seen = hurried(&mut scratch, Duration::from_secs(60), Duration::from_secs(8));
    let output = scratch.run(&PROMOTE);
    assert!(output.code == 3 && output.stderr.contains("outcome_unknown"), "{output}");
    assert!(output.stderr.contains("no answer within 8 s after the push was sent"), "{output}");
    let line = seen.lock().unwrap().clone();
    assert!(line.contains("sent to origin, waiting at most 8 s for its answer ("), "{line:?}");
}

/// Starts a promotion that hangs at the server, and waits until it does.
fn hanging(scratch: &Scratch) -> Child {
    hanging_at(scratch, &PROMOTE)
}

fn hanging_at(scratch: &Scratch, words: &[&str]) -> Child {
    let mut child = scratch.spawn_program(&[words, &["--format", "json"]].concat());
    let running = scratch.path("running");
    for _ in 0..6_000 {
        if running.exists() {
            std::fs::remove_file(running).unwrap();
            return child;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    panic!("the push did not start");
}

fn ended(child: Child) -> serde_json::Value {
    let output = child.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn a_signal_waits_for_a_push_that_was_sent_and_ends_one_that_was_not() {
    let scratch = adopted();
    let [running, go_on] = ["running", "go-on"].map(|name| scratch.path(name).display().to_string());
    let mute = script(&scratch, "mute", &format!("touch {running}; sleep 300"));
    scratch.git(&["config", "remote.origin.receivepack", &mute]);
    let child = hanging(&scratch);
    scratch.signal("-TERM", &child.id().to_string());
    let answer = ended(child);
    assert_eq!(answer["reason_code"], "interrupted", "{answer:#}");
    assert!(answer.to_string().contains("nothing was sent"), "{answer:#}");
    scratch.git(&["config", "--unset", "remote.origin.receivepack"]);

    script(&scratch, HOOK, &format!("touch {running}; while ! test -e {go_on}; do sleep 0.05; done"));
    let child = hanging(&scratch);
    let id = child.id().to_string();
    for _ in 0..2 {
        scratch.signal("-INT", &id);
        std::thread::sleep(Duration::from_millis(500));
    }
    let answer = ended(child);
    assert_eq!(answer["reason_code"], "outcome_unknown", "{answer:#}");
    assert!(answer["message"].as_str().unwrap().contains("it may have moved"), "{answer:#}");

    let child = hanging(&scratch);
    scratch.signal("-INT", &child.id().to_string());
    std::thread::sleep(Duration::from_millis(300));
    std::fs::write(&go_on, "").unwrap();
    let answer = ended(child);
    assert_eq!(answer["reason_code"], "moved", "the first signal waits for the answer: {answer:#}");
}

/// The tags are back, and the server does not answer what the others hold.
#[test]
fn a_signal_right_after_doctor_put_a_tag_back_does_not_hide_that() {
    let scratch = adopted();
    scratch.json(&PROMOTE).expect("moved");
    let tag = "refs/tags/channel/one";
    let sound = scratch.remote_refs()[tag].clone();
    scratch.commit_and_push("second");
    scratch.git(&["push", "--quiet", "--force", "origin", &format!("HEAD:{tag}")]);
    let [running, moved, go_on] = ["running", "moved", "go-on"].map(|name| scratch.path(name).display().to_string());
    script(&scratch, "origin.git/hooks/post-receive", &format!("touch {moved}"));
    let wait = format!("if test -e {moved}; then touch {running}; while ! test -e {go_on}; do sleep 0.05; done; fi");
    let slow = script(&scratch, "slow", &format!("{wait}; exec git-upload-pack \"$@\""));
    scratch.git(&["config", "remote.origin.uploadpack", &slow]);
    let child = hanging_at(&scratch, &["doctor", "--fix"]);
    scratch.signal("-TERM", &child.id().to_string());
    std::thread::sleep(Duration::from_millis(500));
    std::fs::write(&go_on, "").unwrap();
    let answer = ended(child);
    assert_eq!(answer["reason_code"], "passed", "{answer:#}");
    let fixed = answer["checks"].as_array().unwrap().iter().filter(|check| check["fixed"] == true);
    assert!(fixed.map(|check| check["detail"].to_string()).any(|detail| detail.contains(tag)), "{answer:#}");
    assert_eq!(scratch.remote_refs()[tag], sound);

    // Nor does a server that fails then.
    std::fs::remove_file(&moved).unwrap();
    scratch.git(&["push", "--quiet", "--force", "origin", &format!("HEAD:{tag}")]);
    std::fs::remove_file(&moved).unwrap();
    script(&scratch, "slow", &format!("if test -e {moved}; then exit 1; fi; exec git-upload-pack \"$@\""));
    let answer = scratch.json(&["doctor", "--fix"]).expect("unreachable");
    assert!(answer["checks"].as_array().unwrap().iter().any(|check| check["fixed"] == true), "{answer:#}");
    assert_eq!(scratch.remote_refs()[tag], sound);
}

#[test]
fn a_signal_leaves_known_what_moved_and_which_gates_passed() {
    let scratch = Scratch::new();
    let running = scratch.path("running").display().to_string();
    let long = format!("title: It works\ncommand: [ {{ shell: \"touch {running}; sleep 300\", within: 5m }} ]\n");
    scratch.write("gates/protocol.yaml", PROTOCOL);
    scratch.write("gates/10-tree.yaml", GATE);
    scratch.write("gates/20-works.yaml", &long);
    scratch.commit("Add the protocol");
    scratch.push();
    scratch.json(&["policy", "adopt", "--reason", "start"]).expect("moved");
    let outcomes = |run: &serde_json::Value| -> Vec<String> {
        run["gates"].as_array().unwrap().iter().map(|gate| format!("{} {}", gate["outcome"], gate["reason_code"])).collect()
    };
    let child = hanging(&scratch);
    scratch.signal("-TERM", &child.id().to_string());
    let answer = ended(child);
    assert_eq!(answer["reason_code"], "interrupted", "{answer:#}");
    assert_eq!(outcomes(&answer["run"]), ["\"passed\" \"passed\"", "\"skipped\" \"interrupted\""], "{answer:#}");
    assert!(answer["notices"].to_string().contains("told to end (SIGTERM)"), "{answer:#}");

    scratch.write("gates/20-works.yaml", long.replace("title:", "when: after\ntitle:"));
    scratch.commit_and_push("The gate is asked after the move");
    scratch.json(&["policy", "adopt", "--reason", "after"]).expect("moved");
    let child = hanging(&scratch);
    scratch.signal("-TERM", &child.id().to_string());
    let answer = ended(child);
    assert_eq!(answer["reason_code"], "moved_but_unhealthy", "{answer:#}");
    assert!(answer["ledger"]["entry"].is_string() && answer["notices"].to_string().contains("SIGTERM"), "{answer:#}");
}

/// git's own client over HTTP, and a server with planted answers: what it advertises is true.
#[test]
fn errors_of_servers_are_told_in_words_to_act_on() {
    let scratch = adopted();
    let before = scratch.remote_refs();
    let server = Server::start();
    let genesis = scratch.git_in("origin.git", &["rev-list", "--max-parents=0", "refs/heads/tagwarden/ledger"]);
    let url = format!("{}/x.git", server.url());
    scratch.git(&["config", "remote.origin.pushurl", &url]);
    let refs = scratch.git_in("", &["receive-pack", "--stateless-rpc", "--advertise-refs", "origin.git"]);
    let advertised = Reply::Send {
        status: 200,
        headers: vec![("content-type".to_owned(), "application/x-git-receive-pack-advertisement".to_owned())],
        body: format!("001f# service=git-receive-pack\n0000{refs}").into_bytes(),
    };
    let status = |status: u16| Reply::status(status, "no");
    let (at_first, at_last) = ("/x.git/info/refs", "/x.git/git-receive-pack");
    for (first, last, reason, says) in [
        (status(401), None, "unreachable", "no credential helper gives any"),
        (status(403), None, "server_refused", "sent nothing: these credentials may not do this (403)"),
        (status(404), None, "server_refused", "there is no repository at this address"),
        (status(503), None, "unreachable", "a proxy before it, failed"),
        (Reply::Drop, None, "unreachable", "nothing was sent"),
        (advertised.clone(), Some(status(403)), "server_refused", "moved nothing: these credentials may not do this (403)"),
        (advertised.clone(), Some(status(413)), "server_refused", "moved nothing: the push is larger than the server"),
        (advertised.clone(), Some(status(502)), "outcome_unknown", "it may have moved"),
        (advertised.clone(), Some(Reply::Drop), "outcome_unknown", "it may have moved"),
    ] {
        server.set(at_first, first);
        server.set(at_last, last.unwrap_or(Reply::Drop));
        let answer = scratch.json_with(&PROMOTE, &[("TAGWARDEN_GENESIS", &genesis)]);
        let answer = answer.expect(reason);
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains(says), "{answer:#}");
        assert!(
            !answer["help"].as_str().unwrap_or_default().to_lowercase().contains("check network") || says == "nothing was sent",
            "{answer:#}"
        );
        assert!(!message.contains("Please make sure"), "{message}");
        assert_eq!(scratch.remote_refs(), before);
    }
    // Readers are told the same, and no secret.
    server.set(at_first, status(401));
    scratch.git(&["config", "--unset", "remote.origin.pushurl"]);
    scratch.git(&["remote", "set-url", "origin", &url.replace("http://", "http://me:hunter22-and-more@")]);
    let answer = scratch.json(&["status"]).expect("unreachable");
    assert!(answer["message"].as_str().unwrap().contains("does not accept these credentials (401)"), "{answer:#}");
    assert!(!answer.to_string().contains("hunter22"), "{answer:#}");
    for (url, says) in [
        ("http://nowhere.invalid/x.git", "the host's name is not known"),
        ("http://127.0.0.1:1/x.git", "nothing accepts connections"),
        ("../nowhere.git", "there is no repository at this address"),
    ] {
        scratch.git(&["remote", "set-url", "origin", url]);
        let answer = scratch.json(&["status"]).expect("unreachable");
        assert!(answer["message"].as_str().unwrap().contains(says), "{answer:#}");
    }
}

#[test]
fn doctor_tries_a_write_where_it_is_asked_to() {
    let scratch = adopted();
    let before = scratch.remote_refs();
    let checks = |answer: &serde_json::Value| -> Vec<String> {
        answer["checks"].as_array().unwrap().iter().map(|check| format!("{} {}", check["name"], check["outcome"])).collect()
    };
    let answer = scratch.json(&["doctor"]).expect("passed");
    assert!(!checks(&answer).iter().any(|check| check.contains("write")), "{answer:#}");
    let answer = scratch.json(&["doctor", "--write"]).expect("passed");
    assert!(checks(&answer).contains(&"\"write\" \"passed\"".to_owned()), "{answer:#}");
    script(&scratch, HOOK, "echo not today; exit 1");
    let answer = scratch.json(&["doctor", "--write"]).expect("findings");
    assert!(answer.to_string().contains("not today"), "{answer:#}");
    assert_eq!(scratch.remote_refs(), before);
}

#[test]
fn a_folder_for_temporary_files_that_is_not_there_is_named() {
    let scratch = adopted();
    for words in [&PROMOTE[..], &["hold", "--all", "--reason", "x"]] {
        let answer = scratch.json_with(words, &[("TMPDIR", "/nowhere/at/all")]).expect("no_resources");
        assert!(answer["message"].to_string().contains("/nowhere/at/all") && answer["help"].to_string().contains("TMPDIR"), "{answer:#}");
    }
}
