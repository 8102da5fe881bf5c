//! The folder as a whole: which files are gates, and what the files say of one another.

use super::*;
use crate::{gate::When, text::yaml::MAX_BYTES};

fn gate(rest: &str) -> String {
    format!("title: T\n{rest}ping: {{ to: here }}\n")
}

#[test]
fn gates_stand_in_order_of_their_numbers() {
    let texts = [
        ("protocol.yaml", MINIMAL),
        ("100-last.yaml", GATE),
        ("9-first.yaml", GATE),
        ("010-second.yaml", GATE),
        ("README.md", "not a gate"),
        ("run.sh", "#!/bin/sh"),
        ("checks/10-x.yaml", "neither: [this"),
    ];
    let protocol = load_texts(&texts).unwrap();
    let gates: Vec<(usize, &str, &str, &str)> =
        protocol.gates.iter().map(|gate| (gate.number, gate.id.as_str(), gate.file.as_str(), gate.kind.id)).collect();
    let wanted = [
        (1, "first", "gates/9-first.yaml", "ping"),
        (2, "second", "gates/010-second.yaml", "ping"),
        (3, "last", "gates/100-last.yaml", "ping"),
    ];
    assert_eq!(gates, wanted);
    let channel = "local_dev".parse().unwrap();
    assert_eq!(protocol.gates_for(Verb::Promote, &channel, When::Before).count(), 3);
    assert_eq!(protocol.gates_for(Verb::Rollback, &channel, When::Before).count(), 0);
}

#[test]
fn a_folder_without_a_protocol() {
    for texts in [vec![], vec![("10-ping.yaml", GATE)], vec![("protocol.yml", MINIMAL)]] {
        let fault = load_texts(&texts).map(|_| ()).unwrap_err();
        assert_eq!(fault.reason, Reason::BadConfig);
        assert_eq!(fault.message, "there is no gates/protocol.yaml");
        assert!(fault.help.unwrap().contains("`tagwarden init`"));
    }
}

#[test]
fn file_names() {
    for (name, wanted) in [
        ("ping.yaml", Some("config/file-name ping.yaml:1:1- |title: T|")),
        ("10_ping.yaml", Some("config/file-name 10_ping.yaml:1:1- |title: T|")),
        ("10-Ping.yaml", Some("config/file-name 10-Ping.yaml:1:1- |title: T|")),
        ("10-.yaml", Some("config/file-name 10-.yaml:1:1- |title: T|")),
        ("-5-ping.yaml", Some("config/file-name -5-ping.yaml:1:1- |title: T|")),
        ("20-pong.yml", Some("config/file-name 20-pong.yml:1:1- |title: T|")),
        ("20-pong.YAML", Some("config/file-name 20-pong.YAML:1:1- |title: T|")),
        ("99999999999999999999-pong.yaml", Some("config/file-name 99999999999999999999-pong.yaml:1:1- |title: T|")),
        ("010-pong.yaml", Some("config/same-number 010-pong.yaml:1:1- |title: T|")),
        ("20-ping.yaml", Some("config/same-id 20-ping.yaml:1:1- |title: T|")),
        ("20-pong.yaml", None),
        ("20-pong.yaml.orig", None),
        ("20-pong", None),
    ] {
        let texts = [("protocol.yaml", MINIMAL), ("10-ping.yaml", GATE), (name, GATE)];
        match wanted {
            Some(wanted) => assert_eq!(refusals(&texts), [wanted], "{name}"),
            None => assert!(load_texts(&texts).is_ok(), "{name}"),
        }
    }
    let fault = load_texts(&[("protocol.yaml", MINIMAL), ("10-ping.yaml", GATE), ("Protocol.yml", "")]).map(|_| ()).unwrap_err();
    assert_eq!(fault.findings[0].help.as_deref(), Some("did you mean `protocol.yaml`?"));
}

#[test]
fn gates_and_channels() {
    let three = "  a: { tag: \"{channel}\" }\n  b: { tag: \"{channel}\", base_url: \"http://x\" }\n  c: { base_url: \"http://y\" }\n";
    let protocol = MINIMAL.replace("  local_dev: { tag: \"channel/{channel}\" }\n", three);
    for (rest, wanted) in [
        ("", vec![]),
        (
            "on_fail: document\n",
            vec![
                "config/no-gate protocol.yaml:6:3-4 |  a: { tag: \"{channel}\" }|",
                "config/no-gate protocol.yaml:7:3-4 |  b: { tag: \"{channel}\", base_url: \"http://x\" }|",
            ],
        ),
        (
            "when: after\nchannels: [b]\n",
            vec![
                "config/no-gate protocol.yaml:6:3-4 |  a: { tag: \"{channel}\" }|",
                "config/no-gate protocol.yaml:7:3-4 |  b: { tag: \"{channel}\", base_url: \"http://x\" }|",
            ],
        ),
        (
            "verbs: [rollback]\nchannels: [a, b]\n",
            vec![
                "config/no-gate protocol.yaml:6:3-4 |  a: { tag: \"{channel}\" }|",
                "config/no-gate protocol.yaml:7:3-4 |  b: { tag: \"{channel}\", base_url: \"http://x\" }|",
            ],
        ),
        ("channels: [a]\n", vec!["config/no-gate protocol.yaml:7:3-4 |  b: { tag: \"{channel}\", base_url: \"http://x\" }|"]),
        ("channels: [a, b, d]\n", vec!["config/unknown-channel 10-ping.yaml:2:18-19 |channels: [a, b, d]|"]),
        ("owner: \"{base_url}\"\n", vec!["config/no-base-url 10-ping.yaml:2:9-19 |owner: \"{base_url}\"|"]),
        ("owner: o # not {base_url}\n", vec![]),
        ("# {base_url}\nowner: 'it''s # {base_url}'\n", vec!["config/no-base-url 10-ping.yaml:3:17-27 |owner: 'it''s # {base_url}'|"]),
    ] {
        let gate = gate(rest);
        let texts = [("protocol.yaml", protocol.as_str()), ("10-ping.yaml", gate.as_str())];
        match wanted.is_empty() {
            true => assert!(load_texts(&texts).is_ok(), "{rest}"),
            false => assert_eq!(refusals(&texts), wanted, "{rest}"),
        }
    }
    let with_url = gate("channels: [b, c]\nowner: \"{base_url}\"\n");
    assert!(load_texts(&[("protocol.yaml", &protocol), ("10-ping.yaml", GATE), ("20-pong.yaml", &with_url)]).is_ok());
}

#[test]
fn signers() {
    let signed = MINIMAL.replace("key: none", "key: env:KEY, threshold: 2");
    let three = signed.replace("threshold: 2", "threshold: 3");
    let one = SIGNERS.lines().next().unwrap();
    let twice = format!("{one}\nrelease@example.com {}", SIGNERS.lines().nth(1).unwrap().split_once(' ').unwrap().1);
    let snapshots = |count: u32| MINIMAL.replace("signing", &format!("snapshots: {{ store: s, signatures: {count} }}\nsigning"));
    let reviewer = |name: &str| signed.replace("signing", &format!("reviewers: {{ ada: {{ type: user, id: 1, ssh: {name} }} }}\nsigning"));
    for (protocol, signers, wanted) in [
        (&signed, Some(SIGNERS), vec![]),
        (&signed, None, vec!["config/no-signers protocol.yaml:7:17-24 |signing: { key: env:KEY, threshold: 2 }|"]),
        (&signed, Some(one), vec!["config/threshold protocol.yaml:7:37-38 |signing: { key: env:KEY, threshold: 2 }|"]),
        // Two keys of one person are one signer.
        (&signed, Some(twice.as_str()), vec!["config/threshold protocol.yaml:7:37-38 |signing: { key: env:KEY, threshold: 2 }|"]),
        (&three, Some(SIGNERS), vec!["config/threshold protocol.yaml:7:37-38 |signing: { key: env:KEY, threshold: 3 }|"]),
        (&snapshots(2), Some(SIGNERS), vec![]),
        (&snapshots(3), Some(SIGNERS), vec!["config/threshold protocol.yaml:7:36-37 |snapshots: { store: s, signatures: 3 }|"]),
        (&snapshots(1), None, vec!["config/threshold protocol.yaml:7:36-37 |snapshots: { store: s, signatures: 1 }|"]),
        // A reviewer whose name is wrong would review what they ask for themselves.
        (&reviewer("ci@example.com"), Some(SIGNERS), vec![]),
        (
            &reviewer("cj@example.com"),
            Some(SIGNERS),
            vec!["config/no-such-signer protocol.yaml:7:45-59 |reviewers: { ada: { type: user, id: 1, ssh: cj@example.com } }|"],
        ),
        (&signed, Some("a@example.com\n"), vec!["signers/malformed allowed_signers:1:1-14 |a@example.com|"]),
    ] {
        let mut texts = vec![("protocol.yaml", protocol.as_str()), ("10-ping.yaml", GATE)];
        texts.extend(signers.map(|signers| ("allowed_signers", signers)));
        match wanted.is_empty() {
            true => assert!(load_texts(&texts).is_ok()),
            false => assert_eq!(refusals(&texts), wanted, "{signers:?}"),
        }
    }
}

#[test]
fn somebody_who_is_no_signer_is_warned_of() {
    let text = MINIMAL.replace("key: none", "key: env:KEY").replace("signing", "automation: [\"ssh:relase@example.com\"]\nsigning");
    let protocol = load_texts(&[("protocol.yaml", &text), ("10-ping.yaml", GATE), ("allowed_signers", SIGNERS)]).unwrap();
    let [warning] = protocol.warnings.as_slice() else { panic!("{:?}", protocol.warnings) };
    assert_eq!(shown(warning), "config/no-such-signer protocol.yaml:7:14-38 |automation: [\"ssh:relase@example.com\"]|");
    assert_eq!(warning.severity, Severity::Warning);
    assert_eq!(warning.help.as_deref(), Some("did you mean `release@example.com`?"));
}

#[test]
fn a_list_that_names_nobody_yet_is_warned_of() {
    let text = MINIMAL.replace("key: none", "key: env:KEY, threshold: 2").replace("signing", "automation: [\"ssh:ada\"]\nsigning");
    let nobody = "# Whoever is put in here first adopts.\n";
    let protocol = load_texts(&[("protocol.yaml", &text), ("10-ping.yaml", GATE), ("allowed_signers", nobody)]).unwrap();
    let warnings: Vec<String> = protocol.warnings.iter().map(shown).collect();
    assert_eq!(warnings, ["signers/empty allowed_signers:1:1-2 |# Whoever is put in here first adopts.|"]);
    assert_eq!(protocol.allowed_signers.as_deref(), Some(nobody));
    let unsigned = load_texts(&[("protocol.yaml", MINIMAL), ("10-ping.yaml", GATE), ("allowed_signers", nobody)]).unwrap();
    assert!(unsigned.warnings.is_empty());
}

#[test]
fn every_error_of_every_file_is_told() {
    let protocol = MINIMAL.replace("version: 1", "version: 3").replace("[main]", "[]");
    let fault = load_texts(&[
        ("protocol.yaml", &protocol),
        ("10-ping.yaml", "title: T\non_fail: maybe\nwhen: never\nping: { to: here }\n"),
        ("20-none.yaml", "when: now\nowner: o\n"),
        ("30-two.yaml", "title: T\nping: { to: here }\npong: { to: here }\n"),
        ("40-typo.yaml", "title: T\npign: { to: here }\n"),
        ("50-broken.yaml", "title: [\n"),
        ("x.yaml", ""),
        ("allowed_signers", "nobody\n"),
    ])
    .map(|_| ())
    .unwrap_err();
    let all: Vec<String> = fault.findings.iter().map(shown).collect();
    let wanted = [
        "config/unknown-word 10-ping.yaml:2:10-15 |on_fail: maybe|",
        "config/unknown-word 10-ping.yaml:3:7-12 |when: never|",
        "config/no-kind 20-none.yaml:1:1-5 |when: now|",
        "config/missing-key 20-none.yaml:1:1-5 |when: now|",
        "config/unknown-word 20-none.yaml:1:7-10 |when: now|",
        "config/several-kinds 30-two.yaml:2:1-5 |ping: { to: here }|",
        "config/several-kinds 30-two.yaml:3:1-5 |pong: { to: here }|",
        "config/unknown-key 40-typo.yaml:2:1-5 |pign: { to: here }|",
        "config/syntax 50-broken.yaml:1:8-9 |title: [|",
        "signers/malformed allowed_signers:1:1-7 |nobody|",
        "config/unknown-version protocol.yaml:1:10-11 |version: 3|",
        "config/nothing-there protocol.yaml:4:19-20 |release_branches: []|",
        "config/file-name x.yaml:1:1- ||",
    ];
    assert_eq!(all, wanted);
    assert_eq!(fault.message, "the configuration is wrong at gates/10-ping.yaml:2:10");
}

#[test]
fn hostile_files_are_refused() {
    let bomb: String = (1..30).map(|i| format!("k{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", "))).collect();
    let bomb = format!("k0: &a0 [x]\n{bomb}");
    for (bytes, in_protocol, in_gate) in [
        (b"\xff\xfe".to_vec(), "not-utf8", "not-utf8"),
        (b"\xef\xbb\xbftitle: T\n".to_vec(), "byte-order-mark", "byte-order-mark"),
        (b"title: T\0\n".to_vec(), "control-character", "control-character"),
        (b"title: T\rping: { to: a }\n".to_vec(), "control-character", "control-character"),
        (b"".to_vec(), "empty", "empty"),
        (vec![b'['; 100_000], "too-deep", "too-deep"),
        ([b"title: ".to_vec(), vec![b'['; 100_000]].concat(), "unknown-key", "too-deep"),
        (vec![b'#'; MAX_BYTES + 1], "too-large", "too-large"),
        // A protocol is refused at the first key that it does not have.
        (bomb.into_bytes(), "unknown-key", "too-big"),
    ] {
        for (name, code) in [("protocol.yaml", in_protocol), ("10-ping.yaml", in_gate)] {
            let mut files = files(&[("protocol.yaml", MINIMAL), ("10-ping.yaml", GATE)]);
            files.files.insert(name.to_owned(), bytes.clone());
            let fault = load_among(&files, TEST_KINDS).map(|_| ()).unwrap_err();
            let codes: Vec<&str> = fault.findings.iter().map(|finding| finding.code.as_str()).collect();
            assert_eq!(codes, [format!("config/{code}")], "{name}");
        }
    }
    let more = |text: &str| format!("{text}---\n{text}");
    let twice = [("protocol.yaml", more(MINIMAL)), ("10-ping.yaml", more(GATE))];
    let fault = load_texts(&twice.each_ref().map(|(name, text)| (*name, text.as_str()))).map(|_| ()).unwrap_err();
    let all: Vec<String> = fault.findings.iter().map(shown).collect();
    assert_eq!(
        all,
        ["config/several-documents 10-ping.yaml:4:1-6 |title: T|", "config/several-documents protocol.yaml:9:1-8 |version: 1|"]
    );
    let crlf = MINIMAL.replace('\n', "\r\n");
    assert!(load_texts(&[("protocol.yaml", &crlf), ("10-ping.yaml", &GATE.replace('\n', "\r\n"))]).is_ok());
}
