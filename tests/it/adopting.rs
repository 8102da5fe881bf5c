//! Adoptions as people have them: where the key lives in CI alone, what the configuration warns of, policies under which nobody
//! could go on, and what an entry says of the policy and the documents that decided.

use crate::common::{Scratch, finding};
use serde_json::Value;
use std::collections::BTreeMap;
use tagwarden::{
    domain::{Digest, state::Entry},
    release::{policy::Policy, rejudge},
    tree::MapTree,
};

const PROTOCOL: &str = "gates/protocol.yaml";
const LEDGER: &str = "refs/heads/tagwarden/ledger";
const GATE: &str = "title: The tree is there\ncommand: [ { run: [\"true\"] } ]\n";

/// Signed; ann and ben may sign. Not adopted.
fn signed(roles: &str) -> Scratch {
    let mut scratch = Scratch::new();
    for name in ["ann", "ben"] {
        scratch.key(name);
    }
    scratch.write(PROTOCOL, protocol(roles));
    scratch.write("gates/10-tree.yaml", GATE);
    scratch.write("gates/allowed_signers", scratch.allowed_signers(&["ann", "ben"]));
    scratch.commit("Add the protocol");
    scratch.push();
    scratch.sign_as("ann");
    scratch
}

fn protocol(more: &str) -> String {
    format!(
        r#"version: 1
packages: {{ app: {{ release_tag: "v{{version}}", default: true }} }}
release_branches: [main]
channels: {{ live: {{ tag: "channel/{{channel}}" }} }}
{more}
"#
    )
}

const SIGNING: &str = "signing: { key: \"env:TAGWARDEN_SIGNING_KEY\" }";

/// No home, and a key that is nowhere but in a variable.
#[test]
fn a_team_whose_key_lives_in_ci_adopts_and_goes_on() {
    let mut scratch = signed(SIGNING);
    let key = std::fs::read_to_string(scratch.path("keys/ann")).unwrap();
    scratch.set("TAGWARDEN_SIGNING_KEY", &key).unset("HOME");
    let output = scratch.run(&["policy", "adopt", "--reason", "start"]);
    let genesis = scratch.remote_refs()[LEDGER].clone();
    let said = output.ok();
    assert!(said.contains(&format!("entry 0 is {genesis}; this machine does not keep it")), "{said}");
    assert!(said.contains(&format!("set TAGWARDEN_GENESIS={genesis}, as a variable of that place's own settings")), "{said}");
    // Whoever lost the answer asks again, and is told the same.
    let again = scratch.json(&["policy", "adopt", "--reason", "start"]).expect("nothing_to_do");
    assert_eq!(again["genesis"], genesis.as_str());
    scratch.refused(&["promote", "v1.0.0", "--channel", "live"], "not_pinned");
    scratch.set("TAGWARDEN_GENESIS", &genesis);
    scratch.json(&["promote", "v1.0.0", "--channel", "live"]).expect("moved");
}

#[test]
fn an_adoption_tells_scripts_what_to_pin() {
    let mut scratch = signed(SIGNING);
    scratch.unset("HOME");
    let answer = scratch.json(&["policy", "adopt", "--reason", "start"]).expect("moved");
    let genesis = scratch.remote_refs()[LEDGER].clone();
    let pin = serde_json::json!({ "variable": "TAGWARDEN_GENESIS", "value": genesis, "kept": null });
    assert_eq!((&answer["genesis"], &answer["pin"]), (&Value::from(genesis), &pin));
    let kept = signed(SIGNING).json(&["policy", "adopt", "--reason", "start"]).expect("moved");
    assert!(kept["pin"]["kept"].as_str().unwrap().ends_with("/pin.json"), "{kept:#}");
    assert_eq!(kept["pin"]["value"], kept["genesis"]);
}

const NOBODYS: &str = "roles: { promoters: { who: [\"ssh:anna@example.com\", \"ssh:ann@example.com\"], may: [promote, stage] } }";

#[test]
fn what_the_configuration_warns_of_is_said() {
    let scratch = signed(&format!("{SIGNING}\n{NOBODYS}"));
    scratch.write("README.md", "See [the protocol](gates/protocol.yaml).\n");
    scratch.commit("Say where it is");
    let warned = |words: &[&str]| {
        let answer = scratch.json(words).value;
        let warning = finding(&answer, "config/no-such-signer");
        assert_eq!((&warning["severity"], &warning["file"]), (&"warning".into(), &PROTOCOL.into()), "{words:?}");
        assert!(warning["message"].as_str().unwrap().contains("anna@example.com"), "{words:?}: {warning:#}");
        answer["reason_code"].as_str().unwrap().to_owned()
    };
    // Warnings decide nothing.
    assert_eq!(warned(&["verify", "--channel", "live"]), "passed");
    assert_eq!(warned(&["docs", "check", "README.md"]), "passed");
    assert_eq!(warned(&["docs", "list", "README.md"]), "passed");
    assert_eq!(warned(&["policy", "adopt", "--reason", "start"]), "moved");
    assert_eq!(warned(&["policy", "adopt", "--reason", "start"]), "nothing_to_do");
    assert_eq!(warned(&["verify", "--channel", "live", "--adopted"]), "passed");
    assert_eq!(warned(&["doctor"]), "passed");
}

/// Each leaves the policy without somebody who could promote, or adopt another.
#[test]
fn a_policy_under_which_nobody_could_go_on_is_not_adopted() {
    let promoters = |who: &str| format!("roles: {{ promoters: {{ who: [\"{who}\"], may: [promote] }} }}");
    let ended = |scratch: &Scratch, names: &[&str]| {
        let line = |name: &&str| format!("{name}@example.com valid-before=\"20250101Z\" {}\n", scratch.public(name));
        names.iter().map(line).collect::<String>()
    };
    type Signers = fn(&Scratch, &dyn Fn(&Scratch, &[&str]) -> String) -> String;
    let both: Signers = |scratch, _| scratch.allowed_signers(&["ann", "ben"]);
    let (unsigned, two) = ("signing: { key: none }", "signing: { key: \"env:TAGWARDEN_SIGNING_KEY\", threshold: 2 }");
    let cases: [(&str, String, Signers, &str); 7] = [
        ("a role of strangers", format!("{SIGNING}\n{}", promoters("ssh:eve@example.com")), both, "policy/nobody-promotes"),
        (
            "another verb",
            format!("{SIGNING}\nroles: {{ holders: {{ who: [\"ssh:ann@example.com\"], may: [hold] }} }}"),
            both,
            "policy/nobody-promotes",
        ),
        ("a forge without a mover", format!("{SIGNING}\n{}", promoters("github:7")), both, "policy/nobody-promotes"),
        ("keys where nothing is signed", format!("{unsigned}\n{}", promoters("ssh:ann@example.com")), both, "policy/nobody-promotes"),
        (
            "a threshold that counts a key that ended",
            two.to_owned(),
            |scratch, ended| format!("{}{}", scratch.allowed_signers(&["ann"]), ended(scratch, &["ben"])),
            "policy/nobody-adopts",
        ),
        (
            "a threshold of keys that sign entries and no statements",
            two.to_owned(),
            |scratch, _| ["ann", "ben"].map(|name| format!("{name}@example.com namespaces=\"git\" {}\n", scratch.public(name))).concat(),
            "policy/nobody-adopts",
        ),
        ("keys that ended", SIGNING.to_owned(), |scratch, ended| ended(scratch, &["ann", "ben"]), "policy/nobody-adopts"),
    ];
    let later = signed(SIGNING);
    later.json(&["policy", "adopt", "--reason", "start"]).expect("moved");
    for (about, more, signers, code) in cases {
        for scratch in [&signed(SIGNING), &later] {
            scratch.write(PROTOCOL, protocol(&more));
            scratch.write("gates/allowed_signers", signers(scratch, &ended));
            scratch.commit(about);
            let answer = scratch.refused(&["policy", "adopt", "--reason", "x"], "bad_config");
            let said = finding(&answer, code);
            assert_eq!(said["message"], answer["message"], "{about}");
        }
    }
    // The same forms, with somebody behind them.
    for more in [
        format!("{SIGNING}\n{}\nmovers: [\"ssh:ben@example.com\"]", promoters("github:7")),
        format!("{SIGNING}\n{}\nmovers: [\"ssh:ben@example.com\"]", promoters("permission:maintain")),
        format!("{unsigned}\n{}", promoters("local:test@example.com")),
        two.to_owned(),
    ] {
        let scratch = signed(SIGNING);
        scratch.write(PROTOCOL, protocol(&more));
        scratch.commit("go on");
        scratch.json(&["policy", "adopt", "--reason", "x"]).expect("moved");
    }
}

/// What `init` writes lists nobody yet.
#[test]
fn a_list_without_signers_says_what_to_put_in() {
    let scratch = Scratch::new();
    scratch.json(&["init"]).expect("passed");
    scratch.commit_and_push("Add the protocol");
    let answer = scratch.refused(&["policy", "adopt", "--reason", "x"], "bad_config");
    assert_eq!(answer["message"], "gates/allowed_signers: the file names no signer");
    assert!(answer["help"].as_str().unwrap().contains("put in a line for each signer"), "{answer:#}");
}

/// A required gate that waits for people nobody of whom can answer closes every channel that it is on.
#[test]
fn a_gate_that_waits_for_nobody_is_not_adopted() {
    let verdict = |who: &str, more: &str| format!("title: Reviewed\n{more}verdict: {{ reviewers: [{who}] }}\n");
    let roles = "roles:\n  leads: { who: [\"ssh:ann@example.com\"], may: [promote, ack] }\n  reviewers: { who: [\"ssh:ben@example.com\"], may: [verdict] }\n";
    let movers = "  others: { who: [\"team:org/reviewers\"], may: [verdict] }\nmovers: [\"ssh:ann@example.com\"]\n";
    let (ben, both, eve) = ("\"ssh:ben@example.com\"", "\"ssh:ben@example.com\", \"ssh:ann@example.com\"", "\"ssh:eve@example.com\"");
    for (gate, roles, reason) in [
        (verdict(ben, ""), roles.to_owned(), "moved"),
        (verdict(eve, ""), roles.to_owned(), "bad_config"),
        // All of them must say it, and ann may not.
        (verdict(both, ""), roles.to_owned(), "bad_config"),
        (verdict(both, ""), String::new(), "moved"),
        (verdict(eve, ""), String::new(), "bad_config"),
        (verdict(eve, "on_fail: document\n"), roles.to_owned(), "moved"),
        (verdict(eve, "waivable: true\n"), roles.to_owned(), "moved"),
        (verdict("\"github:7\"", ""), roles.to_owned(), "bad_config"),
        (verdict("\"github:7\"", ""), format!("{roles}{movers}"), "moved"),
        ("title: Done\nack: { step: Do it }\n".to_owned(), roles.to_owned(), "moved"),
        ("title: Done\nack: { step: Do it, by: [\"ssh:ben@example.com\"] }\n".to_owned(), roles.to_owned(), "bad_config"),
    ] {
        let scratch = signed(SIGNING);
        scratch.write(PROTOCOL, protocol(&format!("{SIGNING}\n{roles}")));
        scratch.write("gates/20-people.yaml", &gate);
        scratch.commit("people");
        match reason {
            "moved" => drop(scratch.json(&["policy", "adopt", "--reason", "x"]).expect("moved")),
            _ => {
                let answer = scratch.refused(&["policy", "adopt", "--reason", "x"], "bad_config");
                let said = &finding(&answer, "policy/nobody-promotes")["message"];
                assert!(said.as_str().unwrap().contains("gate people waits for"), "{gate}{roles}: {answer:#}");
            }
        }
    }
}

/// Not only refusals say that the committed protocol is another one.
#[test]
fn what_is_written_under_another_policy_than_the_committed_one_says_so() {
    let scratch = Scratch::minimal();
    scratch.edit(PROTOCOL, "default: true", "default: true ");
    scratch.commit_and_push("Change the policy");
    for words in [
        &["promote", "v1.0.0", "--channel", "local_dev"][..],
        &["hold", "--all", "--reason", "x"],
        &["unhold", "--all", "--reason", "x"],
        &["stage", "v2.0.0", "--at", "HEAD"],
    ] {
        let answer = scratch.json(words).expect("moved");
        assert!(answer["notices"].to_string().contains("are not the adopted policy"), "{words:?}: {answer:#}");
    }
    scratch.json(&["policy", "adopt", "--reason", "x"]).expect("moved");
    let second = scratch.json(&["promote", "v2.0.0", "--channel", "local_dev"]).expect("moved");
    assert!(!second["notices"].to_string().contains("are not the adopted policy"), "{second:#}");
}

const DOCUMENT: &str = "protocol-docs/promotion.md";

fn entry(scratch: &Scratch) -> Entry {
    serde_json::from_str(&scratch.git_in("origin.git", &["show", &format!("{LEDGER}:entry.json")])).unwrap()
}

/// What the gates read of the documents stands in the entry, and an audit reads it again.
#[test]
fn a_move_names_the_documents_that_were_judged() {
    let scratch = Scratch::minimal();
    assert_eq!(entry(&scratch).policy.documents, None, "an adoption judges none");
    let digest = |text: &str| {
        let of = BTreeMap::from([(DOCUMENT, Digest::of(text.as_bytes()))]);
        Digest::of_json(&of).unwrap()
    };
    let first = scratch.read(DOCUMENT);
    scratch.json(&["promote", "v1.0.0", "--channel", "local_dev"]).expect("moved");
    assert_eq!(entry(&scratch).policy.documents, Some(digest(&first)));
    scratch.write(DOCUMENT, format!("{first}\nOne more sentence.\n"));
    scratch.commit("Say more");
    scratch.push();
    scratch.json(&["promote", "v1.1.0", "--channel", "local_dev"]).expect("moved");
    assert_eq!(entry(&scratch).policy.documents, Some(digest(&scratch.read(DOCUMENT))));
    scratch.json(&["rollback", "--channel", "local_dev", "--reason", "x"]).expect("moved");
    let recorded = entry(&scratch);
    assert_eq!(recorded.policy.documents, Some(digest(&first)));
    scratch.json(&["audit", "--rejudge", "all"]).expect("passed");
    // Others than those that were judged.
    let file = |path: &str| (path.to_owned(), scratch.git(&["show", &format!("v1.0.0:gates/{path}")]).into_bytes());
    scratch.git(&["fetch", "--quiet", "--tags", "origin"]);
    let policy = Policy::read(&recorded.policy.tree, ["protocol.yaml", "10-docs.yaml"].map(file).into()).unwrap();
    let codes_of = |entry: &Entry, text: &str| {
        let tree = MapTree::new(BTreeMap::from([(DOCUMENT.to_owned(), text.as_bytes().to_vec())]));
        let rejudged = rejudge::rejudge(entry, &policy, &BTreeMap::new(), Some(std::sync::Arc::new(tree)));
        rejudged.findings.into_iter().map(|finding| finding.code).collect::<Vec<_>>()
    };
    let other = |entry: &Entry, text: &str| codes_of(entry, text).iter().any(|code| code == "ledger/other-documents");
    assert!(other(&recorded, "something else") && !other(&recorded, &first));
    let ungated = Entry { gates: Vec::new(), ..recorded.clone() };
    assert!(other(&ungated, &first), "a digest of what no gate judged");
}

const TAG: &str = "refs/tags/channel/local_dev";
const FIRST: [&str; 4] = ["policy", "adopt", "--reason", "start"];

/// Not adopted; the channel's tag is at the first commit, lightweight, and so are these release tags. One more commit follows.
fn tagged(releases: &[&str]) -> (Scratch, String) {
    let scratch = Scratch::minimal_unadopted();
    let commit = scratch.git(&["rev-parse", "HEAD"]);
    for tag in releases.iter().chain(&["channel/local_dev"]) {
        scratch.git(&["push", "--quiet", "origin", &format!("HEAD:refs/tags/{tag}")]);
    }
    scratch.commit_and_push("second");
    (scratch, commit)
}

fn taking_over(scratch: &Scratch, releases: &[&str]) -> Value {
    let releases: Vec<String> = releases.iter().flat_map(|release| ["--release".to_owned(), format!("local_dev={release}")]).collect();
    let words: Vec<&str> = FIRST.iter().copied().chain(["--take-over"]).chain(releases.iter().map(String::as_str)).collect();
    scratch.json(&words).expect("moved")
}

#[test]
fn tags_from_before_are_listed_and_refused() {
    let (scratch, commit) = tagged(&["v1.0.0"]);
    let answer = scratch.refused(&FIRST, "tag_conflict");
    let listed = finding(&answer, "policy/tag-before-ledger");
    let wanted = format!("{TAG} is at {commit} (a lightweight tag); so is the release tag of app@1.0.0");
    assert_eq!(listed["message"], wanted.as_str());
    assert!(answer["help"].as_str().unwrap().contains("`tagwarden policy adopt --take-over --reason REASON`"), "{answer:#}");
    // Where nothing says which release it is, the flag that does is named.
    for releases in [&[][..], &["v1.0.0", "v1.0.1"]] {
        let answer = tagged(releases).0.refused(&FIRST, "tag_conflict");
        assert!(answer["help"].as_str().unwrap().contains("`--release local_dev=RELEASE`"), "{answer:#}");
    }
}

#[test]
fn tags_from_before_are_taken_over_and_rolled_back_to() {
    let (scratch, commit) = tagged(&["v1.0.0"]);
    let refs = scratch.remote_refs();
    let adopted = taking_over(&scratch, &[]);
    let taken = serde_json::json!([{
        "channel": "local_dev", "ref": TAG, "oid": commit, "commit": commit,
        "release": { "package": "app", "version": "1.0.0", "commit": commit, "tag": commit },
    }]);
    assert_eq!(adopted["taken_over"], taken);
    assert!(adopted["notices"].to_string().contains("as app@1.0.0; who moved it there is unknown"), "{adopted:#}");
    let recorded: Value = serde_json::from_str(&scratch.git_in("origin.git", &["show", &format!("{LEDGER}:entry.json")])).unwrap();
    assert_eq!(recorded["body"], serde_json::json!({ "adopt": { "signatures": [], "taken_over": taken } }));
    assert_eq!(scratch.remote_refs()[TAG], refs[TAG], "it stays as it is");
    let status = scratch.json(&["status"]).expect("passed");
    assert_eq!((&status["channels"][0]["release"], &status["channels"][0]["taken_over"]), (&"app@1.0.0".into(), &true.into()));
    assert!(scratch.run(&["status"]).ok().contains("taken over by entry 0, who moved it is unknown"));
    for words in [&["history"][..], &["history", "--channel", "local_dev"]] {
        assert!(scratch.run(words).ok().contains("(app@1.0.0); who moved it there is unknown"), "{words:?}");
        let entry = scratch.json(words).expect("passed")["entries"][0].clone();
        assert_eq!(entry["taken_over"], taken, "{words:?}");
    }
    // Moved by hand it drifts like any other tag, and goes back.
    scratch.git(&["push", "--quiet", "--force", "origin", &format!("HEAD:{TAG}")]);
    scratch.json(&["status"]).expect("findings");
    scratch.json(&["doctor", "--fix"]).expect("passed");
    assert_eq!(scratch.remote_refs()[TAG], commit);
    // On it goes, and back, by the gates of the adopted policy.
    scratch.json(&["promote", "v1.1.0", "--channel", "local_dev"]).expect("moved");
    assert_eq!(scratch.json(&["status"]).expect("passed")["channels"][0]["taken_over"], Value::Null);
    let back = scratch.json(&["rollback", "--channel", "local_dev", "--reason", "slow"]).expect("moved");
    assert_eq!((&back["releases"][0]["version"], &back["run"]["gates"][0]["id"]), (&"1.0.0".into(), &"docs".into()), "{back:#}");
    assert_eq!(scratch.remote_commit(TAG), Some(commit));
    scratch.json(&["audit", "--rejudge", "all"]).expect("passed");
    // Once there is a ledger, nothing is taken over any more.
    scratch.refused(&[&FIRST[..], &["--take-over"]].concat(), "bad_usage");
}

/// The usual start: the document comes with the adoption, after what was released before.
#[test]
fn what_is_older_than_the_document_can_be_rolled_back_to() {
    let scratch = Scratch::new();
    scratch.commit_and_push("before");
    let commit = scratch.git(&["rev-parse", "HEAD"]);
    for tag in ["v1.0.0", "channel/local_dev"] {
        scratch.git(&["push", "--quiet", "origin", &format!("HEAD:refs/tags/{tag}")]);
    }
    scratch.json(&["init", "--minimal"]).expect("passed");
    scratch.commit_and_push("Add the protocol");
    taking_over(&scratch, &[]);
    scratch.json(&["promote", "v1.1.0", "--channel", "local_dev"]).expect("moved");
    scratch.json(&["rollback", "--channel", "local_dev", "--reason", "slow"]).expect("moved");
    assert_eq!(scratch.remote_commit(TAG), Some(commit));
}

/// No gate judged what was there before, so it is not there yet for who promotes it.
#[test]
fn what_was_taken_over_is_promoted_like_anything_else() {
    let (scratch, commit) = tagged(&["v1.0.0"]);
    taking_over(&scratch, &[]);
    let promote = ["promote", "v1.0.0", "--channel", "local_dev"];
    let moved = scratch.json(&promote).expect("moved");
    assert_eq!((&moved["run"]["gates"][0]["outcome"], &moved["moves"][0]["from"]), (&"passed".into(), &commit.into()), "{moved:#}");
    scratch.json(&promote).expect("already_there");
}

#[test]
fn a_tag_without_one_release_is_taken_over_with_its_commit_alone() {
    for releases in [&[][..], &["v1.0.0", "v1.0.1"]] {
        let (scratch, commit) = tagged(releases);
        let adopted = taking_over(&scratch, &[]);
        assert_eq!((&adopted["taken_over"][0]["commit"], &adopted["taken_over"][0]["release"]), (&commit.clone().into(), &Value::Null));
        let status = scratch.json(&["status"]).expect("passed");
        assert_eq!((&status["channels"][0]["commit"], &status["channels"][0]["release"]), (&commit.clone().into(), &Value::Null));
        assert!(scratch.run(&["status"]).ok().contains("local_dev  no release"));
        scratch.json(&["resolve", "local_dev"]).expect("passed");
        scratch.json(&["promote", "v2.0.0", "--channel", "local_dev"]).expect("moved");
        // It has a way back once the commit has a release.
        let back = ["rollback", "--channel", "local_dev", "--reason", "slow"];
        let help = scratch.refused(&back, "unknown_release")["help"].as_str().unwrap().to_owned();
        assert!(help.contains(&format!("`tagwarden stage RELEASE --at {commit}`")), "{help}");
        scratch.refused(&["rollback", "v0.9.0", "--channel", "local_dev", "--reason", "slow"], "unknown_release");
        scratch.json(&["stage", "v0.9.0", "--at", &commit]).expect("moved");
        scratch.json(&["rollback", "v0.9.0", "--channel", "local_dev", "--reason", "slow"]).expect("moved");
        assert_eq!(scratch.remote_commit(TAG), Some(commit));
        // Another commit's release was never there.
        scratch.json(&["stage", "v0.8.0", "--at", "HEAD"]).expect("moved");
        scratch.refused(&["rollback", "v0.8.0", "--channel", "local_dev", "--reason", "slow"], "unknown_release");
        scratch.json(&["audit"]).expect("passed");
    }
}

/// A channel's tag of one package says nothing of another that is released at the same commit.
#[test]
fn tags_of_several_packages_are_taken_over_each_with_its_own_release() {
    let adopt = |releases: &[&str]| {
        let scratch = Scratch::new();
        scratch.write(
            PROTOCOL,
            r#"version: 1
packages: { web: { release_tag: "web-v{version}" }, api: { release_tag: "api-v{version}" } }
release_branches: [main]
channels: { live: { tag: "channel/{channel}/{package}" } }
signing: { key: none }
"#,
        );
        scratch.write("gates/10-tree.yaml", GATE);
        scratch.commit("Add the protocol");
        scratch.push();
        for tag in ["web-v1.0.0", "api-v2.0.0", "channel/live/web"] {
            scratch.git(&["push", "--quiet", "origin", &format!("HEAD:refs/tags/{tag}")]);
        }
        let releases = releases.iter().flat_map(|release| ["--release", release]);
        let words: Vec<&str> = FIRST.into_iter().chain(["--take-over"]).chain(releases).collect();
        (scratch.json(&words), scratch)
    };
    let (adopted, _) = adopt(&[]);
    let adopted = adopted.expect("moved");
    let releases: Vec<&Value> = adopted["taken_over"].as_array().unwrap().iter().map(|taken| &taken["release"]["package"]).collect();
    assert_eq!(releases, ["web"], "{adopted:#}");
    let (refused, scratch) = adopt(&["live=api@2.0.0"]);
    let refused = refused.expect("bad_usage");
    assert_eq!(refused["message"], "no tag of channel live is for a release api@2.0.0");
    assert!(!scratch.remote_refs().contains_key(LEDGER));
}

#[test]
fn a_tag_that_names_no_commit_is_not_taken_over() {
    let scratch = Scratch::minimal_unadopted();
    scratch.git(&["push", "--quiet", "origin", &format!("HEAD^{{tree}}:{TAG}")]);
    let before = scratch.remote_refs();
    for words in [&FIRST[..], &[&FIRST[..], &["--take-over"]].concat()] {
        let answer = scratch.refused(words, "tag_conflict");
        assert!(answer["message"].as_str().unwrap().contains("does not name a commit"), "{answer:#}");
    }
    assert_eq!(scratch.remote_refs(), before);
}

#[test]
fn people_say_which_release_a_tag_is_at_where_nothing_else_does() {
    let (scratch, _) = tagged(&["v1.0.0", "v1.0.1"]);
    let refused = |words: &[&str]| {
        let answer = scratch.refused(&[&FIRST[..], words].concat(), "bad_usage");
        answer["message"].as_str().unwrap().to_owned()
    };
    let both = refused(&["--take-over", "--release", "local_dev=v3.0.0"]);
    assert!(both.contains("which bears the release tags of app@1.0.0, app@1.0.1"), "{both}");
    assert!(refused(&["--take-over", "--release", "elsewhere=v1.0.0"]).contains("there is no tag of channel elsewhere"));
    assert!(refused(&["--take-over", "--release", "local_dev=v1.0.0", "--release", "local_dev=v1.0.1"]).contains("given two releases"));
    refused(&["--release", "local_dev=v1.0.0"]);
    assert_eq!(taking_over(&scratch, &["v1.0.1"])["taken_over"][0]["release"]["version"], "1.0.1");

    // A release that has no tag yet gets one when it is gone back to.
    let (scratch, first) = tagged(&[]);
    assert_eq!(taking_over(&scratch, &["v0.9.0"])["taken_over"][0]["release"]["tag"], Value::Null);
    scratch.json(&["promote", "v1.0.0", "--channel", "local_dev"]).expect("moved");
    scratch.json(&["rollback", "--channel", "local_dev", "--reason", "slow"]).expect("moved");
    assert_eq!((scratch.remote_commit("refs/tags/v0.9.0"), scratch.remote_commit(TAG)), (Some(first.clone()), Some(first)));
    scratch.json(&["audit", "--rejudge", "all"]).expect("passed");

    // Its name must be free.
    let (scratch, _) = tagged(&[]);
    scratch.git(&["push", "--quiet", "origin", "HEAD:refs/tags/v0.9.0"]);
    let answer = scratch.refused(&[&FIRST[..], &["--take-over", "--release", "local_dev=v0.9.0"]].concat(), "bad_usage");
    assert!(answer["message"].as_str().unwrap().contains("refs/tags/v0.9.0 is at another commit"), "{answer:#}");
}
