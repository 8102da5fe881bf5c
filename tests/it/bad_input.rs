//! Everything that a user can get wrong: each is refused with its reason, its exit code, its place and the next command, and
//! nothing at all is written: no ref, no file, no object on the remote.

use crate::common::{Scratch, finding, show::steady};
use insta::assert_snapshot;
use serde_json::Value;

const PROTOCOL: &str = "gates/protocol.yaml";
const GATE: &str = "gates/10-docs.yaml";
const VERIFY: [&str; 3] = ["verify", "--channel", "local_dev"];
const PROMOTE: [&str; 4] = ["promote", "v1.0.0", "--channel", "local_dev"];

/// `code file:line:column` of the first finding that is an error.
fn first(answer: &Value) -> String {
    let found = crate::common::findings(answer);
    let error = found.iter().find(|finding| finding["severity"] == "error").unwrap_or_else(|| panic!("no finding: {answer:#}"));
    let word = |key: &str| error[key].as_str().unwrap_or("-").to_owned();
    format!("{} {}:{}:{}", word("code"), word("file"), error["line"], error["column"])
}

/// Whether a finding is the wanted one: `code` (or `kind/` for any of it), with `line:column` or `line:` behind it.
fn fits(got: &str, file: &str, wanted: &str) -> bool {
    match wanted.split_once(' ') {
        None => got.split(' ').next().is_some_and(|code| code == wanted || (wanted.ends_with('/') && code.starts_with(wanted))),
        Some((code, at)) => {
            let wanted = format!("{code} {file}:{at}");
            got == wanted || (wanted.ends_with(':') && got.starts_with(&wanted))
        }
    }
}

/// One file of the smallest protocol spoilt, in every way that YAML can be.
#[test]
fn yaml_that_could_be_read_in_two_ways_is_refused_where_it_stands() {
    let scratch = Scratch::minimal();
    let protocol = scratch.read(PROTOCOL);
    let line_of = |word: &str| protocol.lines().position(|line| line.contains(word)).unwrap() + 1;
    let replaced = |from: &str, to: &str| {
        assert_eq!(protocol.matches(from).count(), 1, "{from}");
        protocol.replace(from, to).into_bytes()
    };
    let after = |text: &str| format!("{protocol}{text}").into_bytes();
    let end = protocol.lines().count();
    let bomb: String = (1..40).map(|i| format!("      k{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", "))).collect();
    let cases: Vec<(&str, Vec<u8>, String)> = vec![
        ("an alias bomb", after(&format!("hooks:\n  after_move:\n    - k0: &a0 [x]\n{bomb}")), format!("config/unknown-key {}:7", end + 3)),
        ("100,000 levels", after(&format!("hooks: {{ after_move: {}", "[".repeat(100_000))), format!("config/too-deep {}:", end + 1)),
        (
            "100,000 levels by lines",
            after(&format!(
                "hooks:\n  after_move:\n    - k:\n{}",
                (0..1_000).map(|i| format!("{}k:\n", " ".repeat(i + 7))).collect::<String>()
            )),
            format!("config/unknown-key {}:7", end + 3),
        ),
        ("a key twice", after("version: 1\n"), format!("config/duplicate-key {}:1", end + 1)),
        (
            "a key twice, inside",
            replaced("{ branch: tagwarden/ledger }", "{ branch: a, branch: b }"),
            format!("config/duplicate-key {}:22", line_of("ledger:")),
        ),
        ("several documents", after("---\nversion: 1\n"), format!("config/several-documents {}:1", end + 2)),
        ("1.10 for a number", replaced("version: 1\n", "version: 1.10\n"), format!("config/wrong-type {}:10", line_of("version: 1"))),
        ("0752 for a number", replaced("version: 1\n", "version: 0752\n"), format!("config/wrong-type {}:10", line_of("version: 1"))),
        ("NO for a boolean", replaced("default: true", "default: NO"), format!("config/wrong-type {}:46", line_of("default:"))),
        ("a tab", replaced("  app:", "\tapp:"), format!("config/tab {}:2", line_of("app:"))),
        ("a byte order mark", [b"\xef\xbb\xbf", protocol.as_bytes()].concat(), "config/byte-order-mark 1:1".to_owned()),
        ("a NUL", replaced("remote: origin", "remote: ori\0gin"), format!("config/control-character {}:12", line_of("remote:"))),
        ("no UTF-8", [protocol.as_bytes(), b"lock: \xff\xfe\n"].concat(), format!("config/not-utf8 {}:7", end + 1)),
        (
            "a mark that turns the text round",
            replaced("remote: origin", "remote: \u{202e}origin"),
            format!("config/control-character {}:9", line_of("remote:")),
        ),
        ("nothing", Vec::new(), "config/empty 1:1".to_owned()),
        ("a list", b"- version: 1\n".to_vec(), "config/wrong-type 1:1".to_owned()),
        ("a tag", replaced("remote: origin", "remote: !include origin"), format!("config/tag {}:18", line_of("remote:"))),
        ("a merge key", after("x: &x { a: b }\nroles: { <<: *x }\n"), "config/".to_owned()),
        ("an open quote", replaced("remote: origin", "remote: \"origin"), "config/syntax".to_owned()),
        ("two megabytes", after(&format!("# {}\n", "x".repeat(2 << 20))), "config/too-large 1:1".to_owned()),
    ];
    let mut wrong = Vec::new();
    for (what, bytes, wanted) in cases {
        scratch.write(PROTOCOL, bytes);
        let before = scratch.everything();
        let answer = scratch.json(&VERIFY);
        scratch.unchanged_since(&before);
        let got = if answer.reason() == "bad_config" { first(&answer.value) } else { answer.reason().to_owned() };
        wrong.extend((!fits(&got, PROTOCOL, &wanted)).then(|| format!("{what}: {got} is not {wanted}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");

    // What is no mistake keeps its spelling.
    scratch.write(PROTOCOL, replaced("release_branches: [main]", "release_branches: [main, 1.10, 0752, NO, 1e3]"));
    scratch.commit("Release from oddly named branches");
    scratch.push();
    let adopted = scratch.json(&["policy", "adopt", "--reason", "odd names"]).expect("moved");
    assert_eq!(adopted["release_branches"], serde_json::json!(["main", "1.10", "0752", "NO", "1e3"]));
}

/// Words in the files that mean nothing here.
#[test]
fn files_that_do_not_fit_are_refused_where_they_stand() {
    let scratch = Scratch::minimal();
    let (protocol, gate) = (scratch.read(PROTOCOL), scratch.read(GATE));
    // File, its new text, finding, and a word of the help.
    let cases: &[(&str, String, &str, &str)] = &[
        (GATE, gate.replace("docs: {}", "dosc: {}"), "config/unknown-key 4:1", "docs"),
        (GATE, gate.replace("on_fail:", "on_fial:"), "config/unknown-key 2:1", "on_fail"),
        (GATE, gate.replace("halt", "hlat"), "config/unknown-word 2:10", "halt"),
        (GATE, gate.replace("promote", "promotes"), "config/unknown-word 3:9", "promote"),
        (GATE, gate.replace("docs: {}", "docs: {}\nhttp: []"), "config/several-kinds 4:1", ""),
        (GATE, gate.replace("docs: {}\n", ""), "config/no-kind 1:1", ""),
        (GATE, gate.replace("title: The protocol document holds\n", ""), "config/missing-key", "title"),
        (GATE, format!("{gate}channels: [lokal_dev]\n"), "config/unknown-channel 5:12", "local_dev"),
        (GATE, format!("{gate}max_age: soon\n"), "config/wrong-value 5:10", ""),
        (PROTOCOL, protocol.replace("channels:", "chanels:"), "config/unknown-key 7:1", "channels"),
        (PROTOCOL, protocol.replace("release_tags: any", "release_tags: some"), "config/unknown-word 12:15", "any"),
        (PROTOCOL, protocol.replace("channel/{channel}", "channel/{chanel}"), "config/", "channel"),
        (PROTOCOL, protocol.replace("channel/{channel}", "v1.0.0"), "config/tag-collision 8:21", ""),
        (PROTOCOL, protocol.replace("local_dev: {", "\"-x\": {"), "config/", ""),
        (PROTOCOL, protocol.replace("local_dev: {", "\"../..\": {"), "config/", ""),
        (PROTOCOL, protocol.replace("local_dev: {", "\"a#b\": {"), "config/", ""),
        (PROTOCOL, protocol.replace("tagwarden/ledger", "../main"), "config/", ""),
        (PROTOCOL, protocol.replace("remote: origin", "remote: --upload-pack=x"), "config/remote 10:9", "git remote"),
        (PROTOCOL, protocol.replace("remote: origin", "remote: ext::sh -c true"), "config/remote 10:9", "git remote"),
        (PROTOCOL, protocol.replace("key: none", "key: \"env:\""), "config/signing-key 11:17", "env:NAME"),
        (PROTOCOL, protocol.replace("key: none", "key: none, threshold: 0"), "config/threshold 11:34", ""),
        (PROTOCOL, protocol.replace("key: none", "key: env:KEY"), "config/no-signers 11:17", "allowed_signers"),
        (
            PROTOCOL,
            protocol.replace("{ tag: \"channel/{channel}\" }", "{ tag: \"channel/{channel}\", after: later }"),
            "config/unknown-channel 8:49",
            "",
        ),
        (
            PROTOCOL,
            protocol.replace("{ tag: \"channel/{channel}\" }", "{ tag: \"channel/{channel}\", rules: [{ name: x, when: '.[' }] }"),
            "config/query 8:70",
            "",
        ),
        (PROTOCOL, protocol.replace("[protocol-docs/promotion.md]", "[/etc/passwd]"), "config/path 13:25", ""),
        (PROTOCOL, format!("{protocol}hooks: {{ after_move: [{{ http: x }}] }}\n"), "config/unknown-key 14:25", "post"),
        (PROTOCOL, format!("{protocol}roles: {{ r: {{ who: [\"somebody\"], may: [promote] }} }}\n"), "config/identity 14:21", "ssh:"),
        (PROTOCOL, format!("{protocol}roles: {{ r: {{ who: [\"local:a@example.com\"], may: [adopt] }} }}\n"), "config/verb 14:51", ""),
    ];
    let mut wrong = Vec::new();
    for (file, text, wanted, help) in cases {
        scratch.write(file, text);
        let answer = scratch.refused(&VERIFY, "bad_config");
        let said: String =
            crate::common::findings(&answer).iter().map(|finding| format!("{} {}\n", finding["message"], finding["help"])).collect();
        let got = if said.is_empty() { "nothing".to_owned() } else { first(&answer) };
        if !fits(&got, file, wanted) || !said.contains(help) {
            wrong.push(format!("{got} is not {wanted} with `{help}`: {text}\n{said}"));
        }
        scratch.write(PROTOCOL, &protocol);
        scratch.write(GATE, &gate);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // The list of signers is a file like the others.
    for (text, wanted) in [
        ("nonsense\n", "signers/ gates/allowed_signers:1:1"),
        ("# fine\na@example.com ssh-ed25519 AAAA\n", "signers/ gates/allowed_signers:2:"),
        ("a@example.com ssh-dss AAAA\n", "signers/ gates/allowed_signers:1:"),
        ("* ssh-ed25519 AAAA\n", "signers/ gates/allowed_signers:1:"),
    ] {
        scratch.write("gates/allowed_signers", text);
        let got = first(&scratch.refused(&VERIFY, "bad_config"));
        let (kind, at) = wanted.split_once(' ').unwrap();
        assert!(got.starts_with(kind) && got.contains(at), "{got} is not {wanted}");
    }
    std::fs::remove_file(scratch.path("work/gates/allowed_signers")).unwrap();

    // What is committed is refused at its place, too, however good the work tree is.
    scratch.write(GATE, gate.replace("halt", "hlat"));
    scratch.commit("Break it");
    scratch.write(GATE, &gate);
    let answer = scratch.refused(&["verify", "--channel", "local_dev", "--at", "HEAD"], "bad_config");
    assert_eq!(first(&answer), "config/unknown-word gates/10-docs.yaml:2:10");
    scratch.refused(&["policy", "adopt", "--reason", "x"], "bad_config");
    scratch.commit("Mend it");

    // Files that should not be there, or are not.
    scratch.write("gates/gate.yaml", &gate);
    assert_eq!(first(&scratch.refused(&VERIFY, "bad_config")), "config/file-name gates/gate.yaml:1:1");
    std::fs::rename(scratch.path("work/gates/gate.yaml"), scratch.path("work/gates/10-again.yaml")).unwrap();
    assert_eq!(first(&scratch.refused(&VERIFY, "bad_config")), "config/same-number gates/10-docs.yaml:1:1");
    std::fs::rename(scratch.path("work/gates/10-again.yaml"), scratch.path("work/gates/20-docs.yaml")).unwrap();
    assert_eq!(first(&scratch.refused(&VERIFY, "bad_config")), "config/same-id gates/20-docs.yaml:1:1");
    std::fs::remove_file(scratch.path("work/gates/20-docs.yaml")).unwrap();
    std::fs::remove_file(scratch.path("work").join(GATE)).unwrap();
    assert_eq!(first(&scratch.refused(&VERIFY, "bad_config")), "config/no-gate gates/protocol.yaml:8:3");
    std::fs::remove_file(scratch.path("work").join(PROTOCOL)).unwrap();
    scratch.write(GATE, &gate);
    scratch.refused(&VERIFY, "bad_config");

    // A link out of the folder is no protocol.
    std::fs::write(scratch.path("outside.yaml"), &protocol).unwrap();
    std::os::unix::fs::symlink("../../outside.yaml", scratch.path("work").join(PROTOCOL)).unwrap();
    scratch.refused(&VERIFY, "bad_config");
}

/// The same for people: what, where with the line, and what to do.
#[test]
fn people_see_the_place() {
    let scratch = Scratch::minimal();
    scratch.edit(GATE, "docs: {}", "dosc: {}");
    scratch.edit(PROTOCOL, "remote: origin", "remotes: origin");
    let before = scratch.everything();
    assert_snapshot!(steady(&scratch.run(&PROMOTE).all()), @r"
    -- stderr
    error[bad_config]: the configuration is wrong at gates/10-docs.yaml:4:1

    error[config/unknown-key]: unknown key `dosc`
     --> gates/10-docs.yaml:4:1
      |
    4 | dosc: {}
      | ^^^^
      |
      = help: did you mean `docs`?

    error[config/unknown-key]: unknown key `remotes`
      --> gates/protocol.yaml:10:1
       |
    10 | remotes: origin
       | ^^^^^^^
       |
       = help: did you mean `remote`?

    stop (bad_config). Mend the file at the place shown; `tagwarden schema` prints its shape.
    -- exit 2
    ");
    scratch.refused(&["policy", "adopt", "--reason", "x"], "bad_config");
    scratch.git(&["checkout", "--quiet", "."]);
    let before_refs = scratch.remote_refs();
    assert_snapshot!(steady(&scratch.run(&["promote", "v1.0.0", "--channel", "local_deb"]).all()), @r"
    -- stderr
    error[unknown_channel]: there is no channel `local_deb`
    signing: none

    stop (unknown_channel). Did you mean `local_dev`? channels: local_dev.
    -- exit 2
    ");
    assert_snapshot!(steady(&scratch.run(&["promote", "1.0.0", "--channel", "local_dev"]).all()), @r"
    -- stderr
    error[unknown_release]: `1.0.0` names no release
    signing: none

    stop (unknown_release). Write it as package@1.4.0, or as a release tag of the form v{version}.
    -- exit 2
    ");
    assert_snapshot!(steady(&scratch.run(&["stage", "v1.0.0", "--at", "nothing"]).all()), @r"
    -- stderr
    error[bad_usage]: `nothing` names no commit here
    signing: none

    stop (bad_usage). Name a branch, a tag or a commit that `git rev-parse` knows; a shallow clone knows few.
    -- exit 2
    ");
    assert_eq!(scratch.remote_refs(), before_refs);
    assert!(before.keys().eq(scratch.everything().keys()));
}

/// Words on the command line.
#[test]
fn names_that_name_nothing() {
    let scratch = Scratch::minimal();
    let promote = |release: &str, channel: &str, reason: &str| scratch.refused(&["promote", release, "--channel", channel], reason);
    for (channel, reason) in [
        ("local_deb", "unknown_channel"),
        ("production", "unknown_channel"),
        ("", "bad_usage"),
        ("../..", "bad_usage"),
        ("a#b", "bad_usage"),
        ("a?b", "bad_usage"),
        ("--all", "bad_usage"),
        ("local_dev\n", "bad_usage"),
        ("local_dev\u{1b}[31m", "bad_usage"),
        ("refs/tags/v1.0.0", "bad_usage"),
    ] {
        let answer = promote("v1.0.0", channel, reason);
        assert!(!answer.to_string().contains('\u{1b}'));
    }
    for (release, reason) in [
        ("1.0.0", "unknown_release"),
        ("v1", "unknown_release"),
        ("v1.0", "unknown_release"),
        ("v01.0.0", "unknown_release"),
        ("v1.0.0.0", "unknown_release"),
        ("vv1.0.0", "unknown_release"),
        ("app@v1.0.0", "unknown_release"),
        ("other@1.0.0", "unknown_release"),
        ("app@", "unknown_release"),
        ("@1.0.0", "unknown_release"),
        ("../..", "unknown_release"),
        ("a#b", "unknown_release"),
        ("refs/heads/main", "unknown_release"),
        ("main", "unknown_release"),
        ("HEAD", "unknown_release"),
        ("", "bad_usage"),
        ("--force", "bad_usage"),
        ("-x", "bad_usage"),
        ("v1.0.0 v1.0.1", "bad_usage"),
        ("v1.0.0\u{7}", "bad_usage"),
    ] {
        promote(release, "local_dev", reason);
    }
    for (args, reason) in [
        (vec!["promote", "--channel", "local_dev"], "bad_usage"),
        (vec!["promote", "v1.0.0"], "bad_usage"),
        (vec!["promote", "v1.0.0", "app@1.0.0", "--channel", "local_dev"], "bad_usage"),
        (vec!["rollback", "--channel", "local_dev"], "bad_usage"),
        (vec!["rollback", "--channel", "local_dev", "--reason", " "], "bad_usage"),
        (vec!["rollback", "--channel", "local_dev", "--reason", "x"], "unknown_release"),
        (vec!["rollback", "v1.0.0", "--channel", "local_dev", "--reason", "x"], "unknown_release"),
        (vec!["stage", "v1.0.0", "--at", "nothing"], "bad_usage"),
        (vec!["stage", "v1.0.0", "--at", "--all"], "bad_usage"),
        (vec!["stage", "v1.0.0", "--at", "HEAD^{tree}"], "bad_usage"),
        (vec!["verify", "--channel", "nowhere"], "unknown_channel"),
        (vec!["verify", "--channel", "local_dev", "--gate", "nothing"], "bad_usage"),
        (vec!["verify", "--channel", "local_dev", "--at", "nothing"], "bad_usage"),
        (vec!["resolve", "nowhere"], "unknown_channel"),
        (vec!["resolve", "local_dev"], "unknown_release"),
        (vec!["status", "--channel", "nowhere"], "unknown_channel"),
        (vec!["history", "--channel", "nowhere"], "unknown_channel"),
        (vec!["hold", "--release", "v1", "--reason", "x"], "unknown_release"),
        (vec!["hold", "--reason", "x"], "bad_usage"),
        (vec!["unhold", "--all", "--reason", "x"], "bad_usage"),
        (vec!["waive", "docs", "--channel", "local_dev", "--release", "v1.0.0", "--until", "2h", "--reason", "x"], "not_permitted"),
        (vec!["waive", "nothing", "--channel", "local_dev", "--release", "v1.0.0", "--until", "2h", "--reason", "x"], "bad_usage"),
        (vec!["ack", "docs", "--channel", "local_dev", "--release", "v1.0.0"], "bad_usage"),
        (vec!["verdict", "record", "MAYBE", "--at", "HEAD"], "bad_usage"),
        (vec!["verdict", "record", "SAFE", "--release", "v9.0.0"], "unknown_release"),
        (vec!["audit", "--expect-head", "nothing"], "bad_usage"),
        (vec!["policy", "adopt"], "bad_usage"),
        (vec!["promotes", "v1.0.0"], "bad_usage"),
        (vec!["status", "--repo", "nothing"], "not_a_repository"),
        (vec!["status", "--remote", "nothing"], "no_remote"),
        (vec!["status", "--remote", "--upload-pack=x"], "bad_usage"),
        (vec!["verify", "--channel", "local_dev", "--gates", "nothing"], "bad_config"),
        (vec!["status", "--now", "yesterday"], "bad_usage"),
        (vec!["status", "--now", "2026-11-21T09:00:00Z"], "clock_behind"),
    ] {
        scratch.refused(&args, reason);
    }
}

/// Nothing to work on, or not all of it.
#[test]
fn places_where_nothing_can_be_done() {
    let scratch = Scratch::without_repository();
    for args in [&VERIFY[..], &PROMOTE, &["status"], &["init", "--minimal"], &["audit"], &["policy", "adopt", "--reason", "x"]] {
        scratch.refused(args, "not_a_repository");
    }

    // An empty repository: no commit, no protocol.
    let scratch = Scratch::new();
    scratch.refused(&VERIFY, "bad_config");
    scratch.refused(&["policy", "adopt", "--reason", "x"], "bad_config");
    scratch.refused(&["status"], "no_ledger");
    scratch.refused(&PROMOTE, "no_ledger");
    scratch.run(&["init", "--minimal"]).ok();
    let answer = scratch.refused(&["policy", "adopt", "--reason", "x"], "bad_config");
    assert!(answer["help"].to_string().contains("commit"), "{answer:#}");
    // What is in the work tree only cannot be adopted either.
    scratch.commit("Add the protocol");
    scratch.edit(PROTOCOL, "version: 1\n", "version: 1 # changed\n");
    scratch.refused(&["policy", "adopt", "--reason", "x"], "bad_config");
    scratch.git(&["checkout", "--quiet", "."]);

    // A protocol, but no ledger: nobody but `policy adopt` makes one.
    scratch.push();
    for args in
        [&PROMOTE[..], &["stage", "v1.0.0", "--at", "HEAD"], &["hold", "--all", "--reason", "x"], &["status"], &["audit"], &["history"]]
    {
        let answer = scratch.refused(args, "no_ledger");
        assert!(answer["help"].to_string().contains("tagwarden policy adopt"), "{answer:#}");
    }

    // No remote, one that is not there, one that is no repository, one that cannot be reached.
    scratch.json(&["policy", "adopt", "--reason", "start"]).expect("moved");
    scratch.git(&["remote", "rename", "origin", "elsewhere"]);
    let answer = scratch.refused(&PROMOTE, "no_remote");
    assert!(answer["help"].to_string().contains("`--remote elsewhere`"), "{answer:#}");
    for url in ["../nothing.git", "../home", &format!("{}/x.git", crate::common::server::closed_url()), "ssh://127.0.0.1:1/x.git"] {
        scratch.git(&["remote", "remove", "elsewhere"]);
        scratch.git(&["remote", "add", "elsewhere", url]);
        scratch.git(&["config", "core.sshCommand", "false"]);
        for args in [&["status", "--remote", "elsewhere"][..], &["promote", "v1.0.0", "--channel", "local_dev", "--remote", "elsewhere"]] {
            scratch.refused(args, "unreachable");
        }
    }
}

#[test]
fn a_detached_head_is_not_guessed_from() {
    let scratch = Scratch::minimal();
    scratch.git(&["checkout", "--quiet", "--detach"]);
    let answer = scratch.refused(&PROMOTE, "unknown_release");
    assert!(answer["help"].to_string().contains("tagwarden stage app@1.0.0 --at"), "{answer:#}");
    scratch.json(&["stage", "v1.0.0", "--at", "HEAD"]).expect("moved");
    scratch.json(&PROMOTE).expect("moved");
}

/// What a CI checkout of depth 1 can do, and what it must not claim.
#[test]
fn shallow_clones_never_say_ok_by_mistake() {
    let mut scratch = Scratch::minimal();
    let old = scratch.git(&["rev-parse", "HEAD"]);
    for text in ["second", "third"] {
        scratch.commit_and_push(text);
    }
    scratch.json(&["stage", "v1.0.0", "--at", &old]).expect("moved");
    let url = format!("file://{}", scratch.path("origin.git").display());
    scratch.git_in("", &["clone", "--quiet", "--depth", "1", &url, "shallow"]);
    scratch.identity("shallow", "Test", "test@example.com");
    scratch.go("shallow");

    // The ledger is fetched whole, so it can be verified.
    let audit = scratch.json(&["audit"]).expect("passed");
    assert_eq!(audit["entries"], 2);
    scratch.json(&["promote", "v1.1.0", "--channel", "local_dev"]).expect("moved");
    scratch.json(&["audit"]).expect("passed");
    // A commit that is not here names nothing.
    scratch.refused(&["stage", "v0.9.0", "--at", &old], "bad_usage");

    // A ledger that is itself cut off is never "ok".
    scratch.git_in("", &["clone", "--quiet", "--bare", "--depth", "2", "--no-single-branch", &url, "cut.git"]);
    scratch.git_in("", &["clone", "--quiet", "--depth", "1", &url, "new"]);
    scratch.identity("new", "Test", "test@example.com");
    scratch.go("new").git(&["remote", "set-url", "origin", "../cut.git"]);
    for args in [&["audit"][..], &["status"], &["history"], &["resolve", "local_dev"], &["promote", "v1.2.0", "--channel", "local_dev"]] {
        scratch.refused(args, "ledger_unverifiable");
    }
}

/// What lies between a commit and the release branch is brought where the remote has it; where it has not, nothing moves.
#[test]
fn a_commit_whose_way_to_the_release_branch_is_cut_off() {
    let mut scratch = Scratch::minimal();
    let old = scratch.git(&["rev-parse", "HEAD"]);
    let aside = scratch.commit("aside");
    scratch.git(&["push", "--quiet", "origin", "HEAD:refs/heads/aside"]);
    scratch.git(&["reset", "--quiet", "--hard", &old]);
    for text in ["second", "third"] {
        scratch.commit_and_push(text);
    }
    let url = format!("file://{}", scratch.path("origin.git").display());
    scratch.git_in("", &["clone", "--quiet", "--bare", "--depth", "1", "--single-branch", &url, "cut.git"]);
    scratch.git(&["fetch", "--quiet", "origin", "tagwarden/ledger"]);
    scratch.git(&["push", "--quiet", "../cut.git", "FETCH_HEAD:refs/heads/tagwarden/ledger"]);
    let cut = format!("file://{}", scratch.path("cut.git").display());
    for (clone, from) in [("lone", &cut), ("deep", &url)] {
        scratch.git_in("", &["clone", "--quiet", "--depth", "1", from, clone]);
        scratch.identity(clone, "Test", "test@example.com");
        // Both commits are here, each alone.
        scratch.git_in(clone, &["fetch", "--quiet", "--depth", "1", &url, &old, &aside]);
    }
    let genesis = scratch.git(&["rev-list", "--max-parents=0", "FETCH_HEAD"]);
    scratch.go("lone").refused(&["stage", "v0.9.0", "--at", &old], "not_pinned");
    scratch.go("lone").json(&["trust", &genesis]).expect("passed");
    for stage in [["stage", "v0.9.0", "--at", &old], ["stage", "v0.9.0", "--at", &aside]] {
        scratch.go("lone").refused(&stage, "shallow_history");
    }
    scratch.git(&["tag", "v0.9.0", &old]);
    scratch.refused(&["promote", "v0.9.0", "--channel", "local_dev"], "shallow_history");
    scratch.git(&["tag", "--delete", "v0.9.0"]);
    scratch.go("deep").refused(&["stage", "v0.9.0", "--at", &aside], "unreachable_commit");
    scratch.json(&["stage", "v0.9.0", "--at", &old]).expect("moved");
    scratch.json(&["promote", "v0.9.0", "--channel", "local_dev"]).expect("moved");
    assert_eq!(scratch.git(&["rev-parse", "--is-shallow-repository"]), "true", "the clone stays as it is");
}

/// Rights come from the adopted policy, and a key without one is nobody's.
#[test]
fn people_without_the_right() {
    let mut scratch = Scratch::new();
    for name in ["ann", "ben", "eve"] {
        scratch.key(name);
    }
    scratch.run(&["init", "--minimal"]).ok();
    scratch.edit(PROTOCOL, "signing: { key: none }", "signing: { key: \"env:TAGWARDEN_SIGNING_KEY\" }");
    let roles =
        "roles:\n  a: { who: [\"ssh:ann@example.com\"], may: [promote, stage] }\n  b: { who: [\"ssh:ben@example.com\"], may: [hold] }\n";
    scratch.write(PROTOCOL, scratch.read(PROTOCOL) + roles);
    scratch.write("gates/allowed_signers", scratch.allowed_signers(&["ann", "ben"]));
    scratch.commit("Add the protocol");
    scratch.push();

    // Nobody without a key of the list makes the first entry.
    scratch.refused(&["policy", "adopt", "--reason", "x"], "signer_missing");
    scratch.sign_as("eve");
    scratch.refused(&["policy", "adopt", "--reason", "x"], "not_permitted");
    scratch.sign_as("ann");
    scratch.json(&["policy", "adopt", "--reason", "start"]).expect("moved");

    scratch.sign_as("ben");
    let answer = scratch.refused(&PROMOTE, "not_permitted");
    assert!(answer["message"].to_string().contains("ssh:ben@example.com"), "{answer:#}");
    scratch.sign_as("eve");
    let answer = scratch.refused(&PROMOTE, "not_permitted");
    assert!(answer["help"].to_string().contains("allowed_signers"), "{answer:#}");
    scratch.unset("TAGWARDEN_SIGNING_KEY");
    let answer = scratch.refused(&PROMOTE, "signer_missing");
    assert!(answer["message"].to_string().contains("TAGWARDEN_SIGNING_KEY"), "{answer:#}");
    // A flag cannot turn signatures off, nor can an edit that is not adopted.
    scratch.refused(&["promote", "v1.0.0", "--channel", "local_dev", "--signing-key", "none"], "bad_usage");
    scratch.edit(PROTOCOL, "\"env:TAGWARDEN_SIGNING_KEY\"", "none");
    scratch.git(&["commit", "--quiet", "--all", "--message", "Sign nothing"]);
    scratch.push();
    scratch.refused(&PROMOTE, "policy_unadopted");
    scratch.git(&["revert", "--no-edit", "HEAD"]);
    scratch.push();

    for value in ["", "/nothing/there", "not a key", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"] {
        scratch.set("TAGWARDEN_SIGNING_KEY", value);
        let answer = scratch.refused(&PROMOTE, "signer_missing");
        assert!(!answer.to_string().contains("AAAA"), "{answer:#}");
    }
    // The public half alone signs nothing.
    let public = scratch.path("home/ann.pub");
    std::fs::copy(scratch.path("keys/ann.pub"), &public).unwrap();
    scratch.set("TAGWARDEN_SIGNING_KEY", &public.display().to_string());
    scratch.refused(&PROMOTE, "signer_missing");
    assert_eq!(scratch.remote_refs().len(), 2);
}

/// A key with a passphrase is refused at once, with and without a terminal to ask on.
#[test]
fn a_passphrase_is_not_waited_for() {
    let scratch = Scratch::new();
    scratch.key_with("ann", "open sesame");
    scratch.run(&["init", "--minimal"]).ok();
    scratch.edit(PROTOCOL, "key: none", "key: ../keys/ann");
    scratch.write("gates/allowed_signers", scratch.allowed_signers(&["ann"]));
    scratch.commit("Add the protocol");
    scratch.push();
    let answer = scratch.refused(&["policy", "adopt", "--reason", "x"], "signer_missing");
    assert!(answer["help"].to_string().contains("ssh-add"), "{answer:#}");

    let program = env!("CARGO_BIN_EXE_tagwarden");
    let line = format!("'{program}' policy adopt --reason x");
    if !scratch.try_tool("", "sh", &["-c", "command -v script && script --version | grep -q util-linux"]).0 {
        eprintln!("there is no util-linux `script` here: only the run without a terminal was tried");
        return;
    }
    let (_, said) = scratch.try_tool("work", "timeout", &["60", "script", "--quiet", "--return", "--command", &line, "/dev/null"]);
    assert!(said.contains("signer_missing"), "{said}");
    std::fs::remove_file(scratch.path("keys/ann.pub")).unwrap();
    scratch.refused(&["policy", "adopt", "--reason", "x"], "signer_missing");
}

/// Tags and versions that are taken, and commits that are nowhere.
#[test]
fn tags_and_versions_that_do_not_fit() {
    let scratch = Scratch::minimal();
    let first = scratch.git(&["rev-parse", "HEAD"]);
    scratch.json(&PROMOTE).expect("moved");
    let second = scratch.commit_and_push("second");
    let tree = scratch.git(&["rev-parse", "HEAD^{tree}"]);

    // A version names one commit for ever.
    scratch.refused(&["stage", "v1.0.0", "--at", "HEAD"], "version_reused");
    // Tags of others: at another commit, at something that is no commit, at another name.
    scratch.git(&["push", "--quiet", "origin", &format!("{first}:refs/tags/v2.0.0"), &format!("{tree}:refs/tags/v2.1.0")]);
    scratch.refused(&["stage", "v2.0.0", "--at", "HEAD"], "tag_conflict");
    scratch.refused(&["promote", "v2.1.0", "--channel", "local_dev"], "tag_conflict");
    scratch.git(&["tag", "--annotate", "--message", "x", "v2.2.0", &second]);
    scratch.git(&["push", "--quiet", "origin", "refs/tags/v2.2.0:refs/tags/v2.3.0"]);
    scratch.refused(&["promote", "v2.3.0", "--channel", "local_dev"], "tag_conflict");
    scratch.git(&["tag", "--delete", "v2.2.0"]);
    scratch.git(&["push", "--quiet", "--delete", "origin", "v2.0.0", "v2.1.0", "v2.3.0"]);

    // Lower than what is there: only a rollback goes there.
    scratch.json(&["stage", "v1.2.0", "--at", "HEAD"]).expect("moved");
    scratch.json(&["promote", "v1.2.0", "--channel", "local_dev"]).expect("moved");
    let answer = scratch.refused(&PROMOTE, "lower_version");
    assert!(answer["help"].to_string().contains("tagwarden rollback"), "{answer:#}");
    // Lower than what is there and new, or of a commit that has a version: not made by a slip.
    scratch.refused(&["promote", "v1.1.0", "--channel", "local_dev"], "unknown_release");
    scratch.refused(&["promote", "v1.3.0", "--channel", "local_dev"], "unknown_release");

    // A commit that is on no release branch of the remote.
    scratch.write("file", "third");
    let third = scratch.commit("not pushed");
    scratch.refused(&["promote", "v1.3.0", "--channel", "local_dev"], "unreachable_commit");
    scratch.refused(&["stage", "v1.3.0", "--at", &third], "unreachable_commit");
    scratch.git(&["push", "--quiet", "origin", "HEAD:refs/heads/side"]);
    scratch.refused(&["promote", "v1.3.0", "--channel", "local_dev"], "unreachable_commit");
    let orphan = scratch.git(&["commit-tree", &tree, "-m", "orphan"]);
    scratch.git(&["push", "--quiet", "origin", &format!("{orphan}:refs/tags/v1.3.0")]);
    scratch.refused(&["promote", "v1.3.0", "--channel", "local_dev"], "unreachable_commit");
    scratch.git(&["push", "--quiet", "--delete", "origin", "v1.3.0"]);
    scratch.push();
    scratch.json(&["promote", "v1.3.0", "--channel", "local_dev"]).expect("moved");

    // A release tag that somebody moved, and one that somebody deleted.
    scratch.git(&["push", "--quiet", "--force", "origin", "HEAD:refs/tags/v1.2.0"]);
    let answer = scratch.json(&["status"]).expect("findings");
    finding(&answer, "status/release-tag-moved");
    scratch.refused(&["promote", "v1.2.0", "--channel", "local_dev"], "tag_conflict");
    // The way back goes by what the ledger recorded, never by today's tag.
    scratch.json(&["rollback", "--channel", "local_dev", "--reason", "x"]).expect("moved");
    assert_eq!(scratch.remote_commit("refs/tags/channel/local_dev"), Some(second));
    scratch.git(&["push", "--quiet", "--delete", "origin", "v1.0.0"]);
    finding(&scratch.json(&["status"]).expect("findings"), "status/release-tag-missing");

    // A claim moves things once.
    let scratch = Scratch::minimal();
    scratch.json(&["promote", "v1.0.0", "--channel", "local_dev", "--claim", "one"]).expect("moved");
    scratch.json(&["promote", "v1.0.0", "--channel", "local_dev", "--claim", "one"]).expect("already_there");
    scratch.commit_and_push("second");
    scratch.refused(&["promote", "v1.1.0", "--channel", "local_dev", "--claim", "one"], "claim_used");

    // A channel that is in the files only is not adopted.
    scratch.edit(PROTOCOL, "channels:\n", "channels:\n  preview: { tag: \"channel/{channel}\" }\n");
    scratch.refused(&["promote", "v1.1.0", "--channel", "preview"], "policy_unadopted");
}

/// A gate without its heading, and a heading without its gate: the commit is refused, at the place.
#[test]
fn documents_that_do_not_fit_their_gates() {
    const PAGE: &str = "protocol-docs/promotion.md";
    let scratch = Scratch::minimal();
    let page = scratch.read(PAGE);
    let line_of = |word: &str| page.lines().position(|line| line.contains(word)).unwrap() + 1;
    for (from, to, code, line) in [
        ("## Gate 1 — The protocol document holds", "", "docs/gate-without-heading", None),
        ("## Promoting", "## Gate 2 — Promoting", "docs/heading-without-gate", Some(line_of("## Promoting"))),
        ("`gates/10-docs.yaml`", "`gates/11-docs.yaml`", "docs/missing-path", Some(line_of("`gates/10-docs.yaml`"))),
    ] {
        scratch.edit(PAGE, from, to);
        scratch.commit_and_push(code);
        let answer = scratch.refused(&PROMOTE, "gate_failed");
        let found = finding(&answer, code);
        let totals = &scratch.json(&["docs", "check"]).expect("findings")["totals"];
        assert_eq!(totals["broken"], u8::from(line.is_some()), "{code}: what stands at a place is one broken reference");
        if let Some(line) = line {
            assert_eq!((&found["file"], &found["line"]), (&PAGE.into(), &line.into()), "{found:#}");
        }
        scratch.write(PAGE, &page);
    }
    scratch.commit_and_push("mended");
    scratch.json(&PROMOTE).expect("moved");
}
