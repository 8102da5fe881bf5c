//! What `doctor` says of a repository that is ill: every problem once, with the help that belongs to it, and probe refs that were
//! left behind.

use crate::common::{
    PLAIN, Scratch, finding,
    server::{Reply, Server},
    show::steady,
};
use insta::assert_snapshot;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

const PROMOTE: [&str; 4] = ["promote", "v1.0.0", "--channel", "local_dev"];
const AUDIT: &str = "title: The ledger can be written\naudit: { ledger: true, probe_ref: true }\n";
const RECEIVE: &str = "/origin.git/git-receive-pack";

#[track_caller]
fn tell(scratch: &Scratch, args: &[&str]) -> String {
    steady(&scratch.run(args).all())
}

/// The probe refs on the remote.
fn probes(scratch: &Scratch) -> Vec<String> {
    scratch.remote_refs().into_keys().filter(|name| name.starts_with("refs/tagwarden/probe/")).collect()
}

/// Pushes go over HTTP to git's own server, reads to the folder.
fn behind_a_proxy(gates: &[(&str, &str)]) -> (Scratch, Server) {
    let mut scratch = Scratch::with(&[PLAIN, gates].concat());
    let server = Server::start();
    server.set("/origin.git/info/refs", Reply::Git(scratch.root().to_owned()));
    server.set(RECEIVE, Reply::Git(scratch.root().to_owned()));
    scratch.git(&["config", "remote.origin.pushurl", &format!("{}/origin.git", server.url())]);
    let genesis = scratch.remote_refs()["refs/heads/tagwarden/ledger"].clone();
    scratch.set("TAGWARDEN_GENESIS", &genesis);
    (scratch, server)
}

fn check<'a>(answer: &'a Value, name: &str) -> &'a Value {
    answer["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{answer:#}"))
}

#[test]
fn a_probe_ref_whose_push_was_not_answered_is_looked_for_and_removed() {
    let (scratch, server) = behind_a_proxy(&[]);
    scratch.json(&["doctor", "--write"]).expect("passed");
    let before = scratch.remote_refs();
    server.set(RECEIVE, Reply::GitUnanswered(scratch.root().to_owned(), 504));
    let answer = scratch.json(&["doctor", "--write"]).expect("unreachable");
    assert_eq!(scratch.remote_refs(), before);
    let said = check(&answer, "write")["detail"].as_str().unwrap();
    assert!(said.contains("HTTP 504") && said.contains("refs/tagwarden/probe/doctor-"), "{said}");
    assert!(said.ends_with("was written all the same, and is removed again"), "{said}");
    // What was never sent wrote nothing.
    server.set("/origin.git/info/refs", Reply::status(503, "no"));
    let answer = scratch.json(&["doctor", "--write"]).expect("unreachable");
    assert!(!check(&answer, "write").to_string().contains("refs/tagwarden/probe/"), "{answer:#}");
}

#[test]
fn a_gate_that_lost_its_answer_leaves_no_probe_ref() {
    let (scratch, server) = behind_a_proxy(&[("gates/20-audit.yaml", AUDIT)]);
    server.set(RECEIVE, Reply::GitUnanswered(scratch.root().to_owned(), 504));
    let before = scratch.remote_refs();
    let answer = scratch.json(&PROMOTE).expect("gate_inconclusive");
    assert_eq!(scratch.remote_refs(), before);
    let said = finding(&answer, "audit/unreachable").to_string();
    assert!(said.contains("was written all the same, and is removed again"), "{said}");
}

#[test]
fn a_probe_ref_that_is_left_is_named_and_doctor_removes_it() {
    let (scratch, server) = behind_a_proxy(&[]);
    // What was written cannot be removed, because the server ends its answers there.
    let unanswered = Reply::GitUnanswered(scratch.root().to_owned(), 504);
    server.set(RECEIVE, Reply::Then(vec![unanswered, Reply::status(504, "no")]));
    let answer = scratch.json(&["doctor", "--write"]).expect("unreachable");
    let [left] = probes(&scratch).try_into().unwrap();
    let said = check(&answer, "write")["detail"].as_str().unwrap();
    assert!(said.ends_with(&format!("{left} was written all the same, and is still there")), "{said}");
    // It is told, and stands in nobody's way.
    scratch.git(&["config", "--unset", "remote.origin.pushurl"]);
    scratch.git(&["push", "--quiet", "origin", "HEAD:refs/tagwarden/other"]);
    let answer = scratch.json(&["doctor"]).expect("passed");
    let found = check(&answer, "probe refs");
    assert!(found["detail"].to_string().contains(&left) && found["help"].to_string().contains("doctor --fix"), "{found:#}");
    let answer = scratch.json(&["doctor", "--fix"]).expect("passed");
    assert_eq!(check(&answer, "probe refs")["fixed"], true, "{answer:#}");
    assert_eq!(probes(&scratch), [""; 0]);
    assert!(scratch.remote_refs().contains_key("refs/tagwarden/other"), "only what is below the prefix");
    // One that the server keeps is a problem.
    scratch.git(&["push", "--quiet", "origin", "HEAD:refs/tagwarden/probe/x"]);
    let hook = scratch.path("origin.git/hooks/update");
    std::fs::write(&hook, "#!/bin/sh\ncase $3 in 000*) echo kept; exit 1;; esac\n").unwrap();
    std::fs::set_permissions(&hook, PermissionsExt::from_mode(0o755)).unwrap();
    let answer = scratch.json(&["doctor", "--fix"]).expect("findings");
    assert!(check(&answer, "probe refs")["detail"].to_string().contains("refs/tagwarden/probe/x"), "{answer:#}");
}

/// The listing of the remote is not to be had in the end either.
#[test]
fn what_cannot_be_told_of_a_probe_ref_is_said() {
    let (scratch, server) = behind_a_proxy(&[]);
    scratch.git(&["config", "--unset", "remote.origin.pushurl"]);
    scratch.git(&["remote", "set-url", "origin", &format!("{}/origin.git", server.url())]);
    let folder = scratch.root().to_owned();
    server.set("/origin.git/git-upload-pack", Reply::Git(folder.clone()));
    let refs = || Reply::Git(folder.clone());
    // `refs` of: the refs, the ledger, the probe refs, the atomic push, the probe ref; the look after it fails.
    server.set(RECEIVE, Reply::GitUnanswered(folder.clone(), 504));
    server.forget();
    scratch.json(&["doctor", "--write"]).expect("unreachable");
    let looks = server.log().iter().position(|request| request.target == RECEIVE).unwrap();
    let asked = server.log()[..looks].iter().filter(|request| request.target.contains("/info/refs")).count();
    let answers = (0..asked).map(|_| refs()).chain([Reply::status(503, "no")]).collect();
    server.set("/origin.git/info/refs", Reply::Then(answers));
    let answer = scratch.json(&["doctor", "--write"]).expect("unreachable");
    let [left] = probes(&scratch).try_into().unwrap();
    let said = check(&answer, "write")["detail"].as_str().unwrap();
    assert!(said.contains(&format!("whether {left} is there is not known")), "{said}");
}

#[test]
fn a_problem_is_said_once_and_the_last_line_is_its_own_help() {
    let scratch = Scratch::minimal();
    let server = Server::start();
    scratch.git(&["remote", "set-url", "origin", &format!("{}/x.git", server.url()).replace("http://", "http://me:hunter22-and-more@")]);
    server.set("/x.git/info/refs", Reply::status(401, "no"));
    let said = tell(&scratch, &["doctor"]).replace(&server.url()[7..], "HOST");
    assert_snapshot!(said, @r"
      ✓  repository  git answers, whole clone
      ✓  gates/      1 gates, 1 channels
      ?  remote

    error[doctor/check]: remote: remote `origin` could not be read: the server does not accept these credentials (401): fatal: Authentication failed for 'http://127.0.0.1:[port]/x.git/'
    signing: none

    stop (unreachable). The token or password is wrong or has expired: replace it where the credential helper, or the workflow, gets it.
    -- exit 3
    ");
    for status in [403, 413] {
        server.set("/x.git/info/refs", Reply::status(status, "no"));
        let said = tell(&scratch, &["doctor"]);
        assert!(said.contains(&format!("({status})")) && !said.contains("Check network"), "{said}");
    }
}

#[test]
fn a_hidden_ledger_is_not_to_be_pushed_in_the_last_line_either() {
    let scratch = Scratch::minimal();
    scratch.git_in("origin.git", &["config", "uploadpack.hideRefs", "refs/heads/tagwarden"]);
    assert_snapshot!(tell(&scratch, &["doctor", "--fix"]), @r"
      ✓  repository  git answers, whole clone
      ✓  gates/      1 gates, 1 channels
      ✓  remote      origin answers
      ✗  ledger

    error[doctor/check]: ledger: remote `origin` hides refs/heads/tagwarden/ledger from fetches, and a push would find it there; this machine saw it at [oid]
    signing: none

    stop (ledger_lost). Ask who runs the server to show refs/heads/tagwarden/ledger to fetches again (`uploadpack.hideRefs` there); nothing is lost, and nothing is to be pushed.
    -- exit 1
    ");
}

#[test]
fn several_problems_keep_their_own_help() {
    let scratch = Scratch::minimal();
    scratch.json(&PROMOTE).expect("moved");
    scratch.commit_and_push("second");
    scratch.git(&["push", "--quiet", "--force", "origin", "HEAD:refs/tags/channel/local_dev", "HEAD:refs/tags/v1.0.0"]);
    scratch.git_in("origin.git", &["config", "receive.advertiseAtomic", "false"]);
    assert_snapshot!(tell(&scratch, &["doctor"]), @r"
      ✓  repository   git answers, whole clone
      ✓  gates/       1 gates, 1 channels
      ✓  remote       origin answers
      ✓  ledger       2 entries verify, head [short]
      ✓  pin          entry 0 is the pinned one
      –  signer       signing: none, so entries prove nothing about who wrote them
      ✓  policy       the committed gates/ are in force (version 1)
      ✗  atomic push
      ✗  tags

    error[doctor/check]: atomic push: the server does not offer it
      help: use a server with `receive.advertiseAtomic`
    error[status/tag-moved]: refs/tags/channel/local_dev holds [short] on the remote, the ledger says [short]
      help: `tagwarden doctor --fix` puts it back
    error[status/release-tag-moved]: refs/tags/v1.0.0 holds [short] on the remote, the ledger says [short]
      help: find out who moved it; a release tag is never moved back by force
    signing: none

    stop (findings). Read the findings.
    -- exit 1
    ");
}
