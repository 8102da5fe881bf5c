//! `gates/protocol.yaml` by itself: what is right, and everything that is wrong, each at its place.

use super::*;
use crate::{
    domain::Span,
    gate::protocol::{Comments, Rule},
    text::slash::Dialect,
};

#[test]
fn the_smallest_protocol() {
    let protocol = load_texts(&[("protocol.yaml", MINIMAL), ("10-ping.yaml", GATE)]).unwrap();
    assert!(protocol.is_unsigned());
    assert_eq!(protocol.default_package().unwrap().as_str(), "web");
    assert_eq!((protocol.remote.as_str(), protocol.ledger.as_str()), ("origin", "refs/heads/tagwarden/ledger"));
    assert_eq!((protocol.signing.threshold, protocol.release_tags), (1, ReleaseTags::Signed));
    assert_eq!((protocol.roles.len(), protocol.warnings.len(), protocol.allowed_signers), (0, 0, None));
}

#[test]
fn every_key_is_read() {
    let gate = "title: T\nchannels: [local_dev, staging, production]\nping: { to: here }\n";
    let protocol = load_texts(&[("protocol.yaml", WHOLE), ("10-ping.yaml", gate), ("allowed_signers", SIGNERS)]).unwrap();
    let channels: Vec<&str> = protocol.channels.keys().map(|name| name.as_str()).collect();
    assert_eq!(channels, ["local_dev", "staging", "production"]);
    let production = &protocol.channels[2];
    assert_eq!(production.base_url.as_deref(), Some("https://example.com/app"), "without its slash");
    assert_eq!(production.after.as_ref().unwrap().as_str(), "staging");
    let rule = Rule { name: "explicit".into(), when: "$env.APP_CHANNEL == \"production\"".into() };
    assert_eq!(production.rules, [rule]);
    assert_eq!(protocol.signing.key, KeySource::Env("TAGWARDEN_SIGNING_KEY".into()));
    let promoters = &protocol.roles["promoters"];
    assert_eq!(promoters.who, ["ssh:release@example.com", "permission:maintain"]);
    assert_eq!(promoters.may, [Verb::Stage, Verb::Promote, Verb::Rollback]);
    assert_eq!(promoters.on.as_ref().unwrap().len(), 2);
    assert_eq!(
        (protocol.automation.as_slice(), protocol.redact.as_slice()),
        (["ssh:ci@example.com".to_owned()].as_slice(), [".. | .token?".to_owned()].as_slice())
    );
    assert_eq!(
        protocol.comments,
        Comments {
            dialect: Dialect { prefix: "/tw-".parse().unwrap(), require_sha: false },
            max_age: Span::minutes(5),
            release_issue: Some(12)
        }
    );
    assert_eq!(protocol.documents.protocol, ["protocol-docs/promotion.md"]);
    assert_eq!(protocol.documents.foreign["other/"], "example");
    assert_eq!(protocol.allowed_signers.as_deref(), Some(SIGNERS));
    assert!(protocol.warnings.is_empty());
}

#[test]
fn lawful_spellings() {
    for (from, to) in [
        ("key: none", "key: keys/release"),
        ("key: none", "key: ~/.ssh/id_ed25519"),
        ("key: none", "key: env:KEY_2"),
        ("key: none", "key: agent:SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"),
        ("key: none", "key: env:KEY, threshold: 2"),
        ("{ tag: \"channel/{channel}\" }", "{ tag: here, base_url: \"http://[::1]:8080\" }"),
        ("{ tag: \"channel/{channel}\" }", "{ tag: here, base_url: \"https://example.com:443/a/b/\" }"),
        ("  web: { release_tag: \"v{version}\" }\n", "  web: { release_tag: \"web/v{version}\" }\n"),
        ("version: 1\n", "version: 1\nremote: my-fork_2.x\nrelease_tags: any\n"),
        (
            "version: 1\n",
            "version: 1\nreviewers: {}\ncomment: {}\nhooks: {}\nkinds:\npointer:\nredact: ['.a.b', '.. | .c?', '.d[] | select(.e) | .f']\n",
        ),
        (
            "signing",
            "roles: { all: { who: [\"local:me@example.com\", \"github:199175422\", \"team:example/release-team\"], may: [hold] } }\nsigning",
        ),
    ] {
        let unsigned = to.contains("local:") || !from.starts_with("key");
        let text = MINIMAL.replacen(from, to, 1);
        let signers = if unsigned { vec![] } else { vec![("allowed_signers", SIGNERS)] };
        let texts: Vec<(&str, &str)> = [("protocol.yaml", text.as_str()), ("10-ping.yaml", GATE)].into_iter().chain(signers).collect();
        if let Err(fault) = load_texts(&texts) {
            panic!("{to}: {:?}", fault.findings);
        }
    }
}

/// Each case puts one wrong thing into the smallest protocol.
#[test]
fn everything_wrong_has_its_place() {
    let web = "  web: { release_tag: \"v{version}\" }\n";
    let channel = "  local_dev: { tag: \"channel/{channel}\" }\n";
    let cases: &[(&str, &str, &[&str])] = &[
        ("version: 1", "version: 2", &["config/unknown-version protocol.yaml:1:10-11 |version: 2|"]),
        ("version: 1", "version: '1.0'", &["config/wrong-type protocol.yaml:1:10-15 |version: '1.0'|"]),
        ("version: 1\n", "", &["config/missing-key protocol.yaml:1:1-9 |packages:|"]),
        ("version: 1\n", "version: 1\nchanels: {}\n", &["config/unknown-key protocol.yaml:2:1-8 |chanels: {}|"]),
        ("version: 1\n", "version: 1\nversion: 1\n", &["config/duplicate-key protocol.yaml:2:1-8 |version: 1|"]),
        // Packages.
        (web, "  {}\n", &["config/nothing-there protocol.yaml:3:3-4 |  {}|"]),
        ("web:", "we b:", &["config/wrong-value protocol.yaml:3:3-7 |  we b: { release_tag: \"v{version}\" }|"]),
        ("\"v{version}\"", "v1", &["config/wrong-value protocol.yaml:3:23-25 |  web: { release_tag: v1 }|"]),
        ("\"v{version}\"", "\"{x}{version}\"", &["config/wrong-value protocol.yaml:3:23-37 |  web: { release_tag: \"{x}{version}\" }|"]),
        (
            web,
            "  a: { release_tag: \"a{version}\", default: true }\n  b: { release_tag: \"b{version}\", default: true }\n",
            &[
                "config/two-defaults protocol.yaml:4:3-4 |  b: { release_tag: \"b{version}\", default: true }|",
                "config/package-needed protocol.yaml:7:21-40 |  local_dev: { tag: \"channel/{channel}\" }|",
            ],
        ),
        (
            &format!("{web}release_branches: [main]\nchannels:\n{channel}"),
            "  a: { release_tag: \"v{version}\" }\n  b: { release_tag: \"v{version}\" }\nrelease_branches: [main]\nchannels:\n  c: { tag: \"{channel}/{package}\" }\n",
            &["config/tag-collision protocol.yaml:4:21-33 |  b: { release_tag: \"v{version}\" }|"],
        ),
        (
            &format!("{web}release_branches: [main]\nchannels:\n{channel}"),
            "  a: { release_tag: \"{package}-{version}\" }\n  a-1.0.0: { release_tag: \"{package}-{version}\" }\nrelease_branches: [main]\nchannels:\n  c: { tag: \"{channel}/{package}\" }\n",
            &["config/tag-collision protocol.yaml:4:27-48 |  a-1.0.0: { release_tag: \"{package}-{version}\" }|"],
        ),
        (
            &format!("{web}release_branches: [main]\nchannels:\n{channel}"),
            "  b: { release_tag: \"v{version}-b\" }\n  a: { release_tag: \"v{version}\" }\nrelease_branches: [main]\nchannels:\n  c: { tag: \"{channel}/{package}\" }\n",
            &["config/tag-collision protocol.yaml:4:21-33 |  a: { release_tag: \"v{version}\" }|"],
        ),
        // Branches.
        ("[main]", "[]", &["config/nothing-there protocol.yaml:4:19-20 |release_branches: []|"]),
        ("[main]", "[main, 'a b']", &["config/branch protocol.yaml:4:26-31 |release_branches: [main, 'a b']|"]),
        ("[main]", "[refs/heads/main]", &["config/branch protocol.yaml:4:20-35 |release_branches: [refs/heads/main]|"]),
        ("[main]", "[main, --force]", &["config/branch protocol.yaml:4:26-33 |release_branches: [main, --force]|"]),
        ("[main]", "[main, main]", &["config/duplicate protocol.yaml:4:26-30 |release_branches: [main, main]|"]),
        ("[main]", "main", &["config/wrong-type protocol.yaml:4:19-23 |release_branches: main|"]),
        ("signing", "ledger: { branch: main }\nsigning", &["config/ledger-branch protocol.yaml:7:19-23 |ledger: { branch: main }|"]),
        (
            "signing",
            "ledger: { branch: main/ledger }\nsigning",
            &["config/ledger-branch protocol.yaml:7:19-30 |ledger: { branch: main/ledger }|"],
        ),
        ("signing", "ledger: { branch: a..b }\nsigning", &["config/branch protocol.yaml:7:19-23 |ledger: { branch: a..b }|"]),
        (
            "signing",
            "remote: https://example.com/x.git\nsigning",
            &["config/remote protocol.yaml:7:9-34 |remote: https://example.com/x.git|"],
        ),
        ("signing", "remote: --upload-pack=x\nsigning", &["config/remote protocol.yaml:7:9-24 |remote: --upload-pack=x|"]),
        // Channels.
        (channel, "  {}\n", &["config/nothing-there protocol.yaml:6:3-4 |  {}|"]),
        ("local_dev:", "Local:", &["config/wrong-value protocol.yaml:6:3-8 |  Local: { tag: \"channel/{channel}\" }|"]),
        ("\"channel/{channel}\"", "\"{chanel}\"", &["config/wrong-value protocol.yaml:6:21-31 |  local_dev: { tag: \"{chanel}\" }|"]),
        ("\"channel/{channel}\"", "\"v1.0.0\"", &["config/tag-collision protocol.yaml:6:21-29 |  local_dev: { tag: \"v1.0.0\" }|"]),
        ("\"channel/{channel}\"", "\"v1.0.0/x\"", &["config/tag-collision protocol.yaml:6:21-31 |  local_dev: { tag: \"v1.0.0/x\" }|"]),
        (channel, "  a: { tag: now }\n  b: { tag: now }\n", &["config/tag-collision protocol.yaml:7:13-16 |  b: { tag: now }|"]),
        (
            channel,
            "  a: { tag: now }\n  b: { tag: \"now/{channel}\" }\n",
            &["config/tag-collision protocol.yaml:7:13-28 |  b: { tag: \"now/{channel}\" }|"],
        ),
        (
            &format!("{web}release_branches: [main]\nchannels:\n{channel}"),
            "  web: { release_tag: \"web/v{version}\" }\nrelease_branches: [main]\nchannels:\n  c: { tag: web }\n",
            &["config/tag-collision protocol.yaml:6:13-16 |  c: { tag: web }|"],
        ),
        (
            &format!("{web}release_branches: [main]\nchannels:\n{channel}"),
            "  a: { release_tag: \"a{version}\" }\n  a/b: { release_tag: \"b{version}\" }\nrelease_branches: [main]\nchannels:\n  c: { tag: \"{channel}/{package}\" }\n",
            &["config/tag-collision protocol.yaml:7:13-34 |  c: { tag: \"{channel}/{package}\" }|"],
        ),
        (
            channel,
            "  a: { tag: now, after: b }\n  b: { tag: then, after: a }\n",
            &["config/order protocol.yaml:6:25-26 |  a: { tag: now, after: b }|"],
        ),
        (channel, "  a: { tag: now, after: a }\n", &["config/order protocol.yaml:6:25-26 |  a: { tag: now, after: a }|"]),
        (
            channel,
            "  aaa: { tag: now }\n  b: { tag: then, after: aab }\n",
            &["config/unknown-channel protocol.yaml:7:26-29 |  b: { tag: then, after: aab }|"],
        ),
        (
            channel,
            "  a: { base_url: \"http://x\" }\n  b: { tag: then, after: a }\n",
            &["config/no-tag protocol.yaml:7:26-27 |  b: { tag: then, after: a }|"],
        ),
        // Signing.
        ("key: none", "key: env:1A", &["config/signing-key protocol.yaml:7:17-23 |signing: { key: env:1A }|"]),
        ("key: none", "key: agent:ada", &["config/signing-key protocol.yaml:7:17-26 |signing: { key: agent:ada }|"]),
        ("key: none", "key: ''", &["config/signing-key protocol.yaml:7:17-19 |signing: { key: '' }|"]),
        ("key: none", "key: none, threshold: 0", &["config/threshold protocol.yaml:7:34-35 |signing: { key: none, threshold: 0 }|"]),
        ("key: none", "key: none, threshold: 2", &["config/threshold protocol.yaml:7:34-35 |signing: { key: none, threshold: 2 }|"]),
        ("key: none", "key: none, threshold: -1", &["config/wrong-type protocol.yaml:7:34-36 |signing: { key: none, threshold: -1 }|"]),
        ("signing: { key: none }\n", "", &["config/missing-key protocol.yaml:1:1-8 |version: 1|"]),
        ("signing", "release_tags: some\nsigning", &["config/unknown-word protocol.yaml:7:15-19 |release_tags: some|"]),
        // Roles.
        (
            "signing",
            "roles: { r: { who: [], may: [hold] } }\nsigning",
            &["config/nothing-there protocol.yaml:7:20-21 |roles: { r: { who: [], may: [hold] } }|"],
        ),
        (
            "signing",
            "roles: { r: { who: [\"ssh:a\"], may: [promot] } }\nsigning",
            &["config/unknown-word protocol.yaml:7:37-43 |roles: { r: { who: [\"ssh:a\"], may: [promot] } }|"],
        ),
        (
            "signing",
            "roles: { r: { who: [\"ssh:a\"], may: [adopt] } }\nsigning",
            &["config/verb protocol.yaml:7:37-42 |roles: { r: { who: [\"ssh:a\"], may: [adopt] } }|"],
        ),
        (
            "signing",
            "roles: { r: { who: [\"ssh:a\"], may: [hold], on: [lokal_dev] } }\nsigning",
            &["config/unknown-channel protocol.yaml:7:49-58 |roles: { r: { who: [\"ssh:a\"], may: [hold], on: [lokal_dev] } }|"],
        ),
        (
            "signing",
            "roles: { r: { who: [\"ssh:a\"], may: [hold], on: [] } }\nsigning",
            &["config/nothing-there protocol.yaml:7:48-49 |roles: { r: { who: [\"ssh:a\"], may: [hold], on: [] } }|"],
        ),
        (
            "signing",
            "roles: { r: { may: [hold] } }\nsigning",
            &["config/missing-key protocol.yaml:7:15-18 |roles: { r: { may: [hold] } }|"],
        ),
        ("signing", "automation: [\"ada\"]\nsigning", &["config/identity protocol.yaml:7:14-19 |automation: [\"ada\"]|"]),
        // Programs.
        (
            "{ tag: \"channel/{channel}\" }",
            "{ tag: now, rules: [{ name: r, when: '$env.A == ' }] }",
            &["config/query protocol.yaml:6:61-62 |  local_dev: { tag: now, rules: [{ name: r, when: '$env.A == ' }] }|"],
        ),
        (
            "{ tag: \"channel/{channel}\" }",
            "{ tag: now, rules: [{ name: r, when: '$evn.A == 1' }] }",
            &["config/query protocol.yaml:6:52-56 |  local_dev: { tag: now, rules: [{ name: r, when: '$evn.A == 1' }] }|"],
        ),
        (
            "{ tag: \"channel/{channel}\" }",
            "{ tag: now, rules: [{ name: r, when: '$env | has(\"A\")' }] }",
            &["config/query protocol.yaml:6:52-56 |  local_dev: { tag: now, rules: [{ name: r, when: '$env | has(\"A\")' }] }|"],
        ),
        (
            "{ tag: \"channel/{channel}\" }",
            "{ tag: now, rules: [{ name: r, when: 'true' }, { name: r, when: 'true' }] }",
            &[
                "config/duplicate protocol.yaml:6:69-70 |  local_dev: { tag: now, rules: [{ name: r, when: 'true' }, { name: r, when: 'true' }] }|",
            ],
        ),
        ("signing", "redact: ['.a', 'it''s now']\nsigning", &["config/query protocol.yaml:7:19-21 |redact: ['.a', 'it''s now']|"]),
        ("signing", "redact:\n  - |\n    .a |\n      now\nsigning", &["config/query protocol.yaml:10:7-10 |      now|"]),
        ("signing", "redact: ['.a | length']\nsigning", &["config/no-path protocol.yaml:7:10-23 |redact: ['.a | length']|"]),
        // Paths.
        (
            "signing",
            "documents: { protocol: [../a.md], log: [/b.md], archive: ['a\\b'] }\nsigning",
            &[
                "config/path protocol.yaml:7:25-32 |documents: { protocol: [../a.md], log: [/b.md], archive: ['a\\b'] }|",
                "config/path protocol.yaml:7:41-46 |documents: { protocol: [../a.md], log: [/b.md], archive: ['a\\b'] }|",
                "config/path protocol.yaml:7:59-64 |documents: { protocol: [../a.md], log: [/b.md], archive: ['a\\b'] }|",
            ],
        ),
        (
            "signing",
            "documents: { protocol: [a.md, a.md] }\nsigning",
            &["config/duplicate protocol.yaml:7:31-35 |documents: { protocol: [a.md, a.md] }|"],
        ),
        (
            "signing",
            "documents: { protokol: [a.md] }\nsigning",
            &["config/unknown-key protocol.yaml:7:14-22 |documents: { protokol: [a.md] }|"],
        ),
        (
            "signing",
            "documents: { foreign: { ../x: y } }\nsigning",
            &["config/path protocol.yaml:7:25-29 |documents: { foreign: { ../x: y } }|"],
        ),
        ("signing", "lock: a//b\nsigning", &["config/path protocol.yaml:7:7-11 |lock: a//b|"]),
        ("signing", "lock: docs/\nsigning", &["config/path protocol.yaml:7:7-12 |lock: docs/|"]),
        ("signing", "lock: .Git/hooks/x\nsigning", &["config/path protocol.yaml:7:7-19 |lock: .Git/hooks/x|"]),
        // What a later version does.
        ("signing", "pointer: { file: a.json }\nsigning", &["config/nothing-there protocol.yaml:7:10-11 |pointer: { file: a.json }|"]),
        ("signing", "kinds: { doc: { path: x } }\nsigning", &["config/wrong-value protocol.yaml:7:23-24 |kinds: { doc: { path: x } }|"]),
        (
            "signing",
            "kinds: { Doc: { path: '{id}' } }\nsigning",
            &["config/wrong-value protocol.yaml:7:10-13 |kinds: { Doc: { path: '{id}' } }|"],
        ),
        (
            "signing",
            "kinds: { doc: { path: '{name}' } }\nsigning",
            &["config/wrong-value protocol.yaml:7:23-31 |kinds: { doc: { path: '{name}' } }|"],
        ),
        (
            "signing",
            "kinds: { doc: { path: '{id}', id: .name, rail: a/b } }\nsigning",
            &[
                "config/wrong-value protocol.yaml:7:35-40 |kinds: { doc: { path: '{id}', id: .name, rail: a/b } }|",
                "config/wrong-value protocol.yaml:7:48-51 |kinds: { doc: { path: '{id}', id: .name, rail: a/b } }|",
            ],
        ),
        (
            "signing",
            "kinds: { a: { path: '{id}' }, b: { path: '{id}' } }\nsigning",
            &["config/duplicate protocol.yaml:7:42-48 |kinds: { a: { path: '{id}' }, b: { path: '{id}' } }|"],
        ),
        (
            "signing",
            "kinds: { a: { path: '{id}' } }\npointer: { file: p.json, shape: grupped, channel: prod }\nsigning",
            &[
                "config/unknown-word protocol.yaml:8:33-40 |pointer: { file: p.json, shape: grupped, channel: prod }|",
                "config/unknown-channel protocol.yaml:8:51-55 |pointer: { file: p.json, shape: grupped, channel: prod }|",
            ],
        ),
        (
            "signing",
            "hooks: { after_move: [{ name: a }] }\nsigning",
            &["config/missing-key protocol.yaml:7:23-24 |hooks: { after_move: [{ name: a }] }|"],
        ),
        (
            "signing",
            "hooks: { after_move: [{ name: a, post: \"https://x.example.com\", run: [b] }] }\nsigning",
            &[
                "config/several-commands protocol.yaml:7:70-71 |hooks: { after_move: [{ name: a, post: \"https://x.example.com\", run: [b] }] }|",
            ],
        ),
        (
            "signing",
            "hooks: { after_move: [{ name: a, run: [../b] }] }\nsigning",
            &["config/bad-program protocol.yaml:7:40-44 |hooks: { after_move: [{ name: a, run: [../b] }] }|"],
        ),
        // Shapes.
        (
            "signing",
            "reviewers: { ada: { type: robot, id: 1 } }\nsigning",
            &["config/unknown-word protocol.yaml:7:27-32 |reviewers: { ada: { type: robot, id: 1 } }|"],
        ),
        (
            "signing",
            "reviewers: { ada: { type: user, id: ada } }\nsigning",
            &["config/wrong-type protocol.yaml:7:37-40 |reviewers: { ada: { type: user, id: ada } }|"],
        ),
        (
            "signing",
            "reviewers: { ada: { type: bot, id: 1, ssh: ada } }\nsigning",
            &["config/wrong-value protocol.yaml:7:44-47 |reviewers: { ada: { type: bot, id: 1, ssh: ada } }|"],
        ),
        (
            "signing",
            "reviewers: { ada: { type: user, id: 1, ssh: a b } }\nsigning",
            &["config/wrong-value protocol.yaml:7:45-48 |reviewers: { ada: { type: user, id: 1, ssh: a b } }|"],
        ),
        ("signing", "comment: { max_age: 10 }\nsigning", &["config/wrong-value protocol.yaml:7:21-23 |comment: { max_age: 10 }|"]),
        ("signing", "comment: { max_age: 0s }\nsigning", &["config/wrong-value protocol.yaml:7:21-23 |comment: { max_age: 0s }|"]),
        ("signing", "comment: { prefix: \"> \" }\nsigning", &["config/wrong-value protocol.yaml:7:20-24 |comment: { prefix: \"> \" }|"]),
        (
            "signing",
            "comment: { release_issue: 0 }\nsigning",
            &["config/wrong-value protocol.yaml:7:27-28 |comment: { release_issue: 0 }|"],
        ),
        ("signing", "comment: { perfix: / }\nsigning", &["config/unknown-key protocol.yaml:7:12-18 |comment: { perfix: / }|"]),
        ("signing", "hooks: { before_move: [] }\nsigning", &["config/unknown-key protocol.yaml:7:10-21 |hooks: { before_move: [] }|"]),
    ];
    for (from, to, wanted) in cases {
        assert!(MINIMAL.contains(from), "{from}");
        let text = MINIMAL.replacen(from, to, 1);
        let texts = [("protocol.yaml", text.as_str()), ("10-ping.yaml", GATE)];
        assert_eq!(refusals(&texts), *wanted, "{text}");
    }
}

#[test]
fn base_urls() {
    for (url, lawful) in [
        ("https://example.com", true),
        ("http://127.0.0.1:8787", true),
        ("https://example.com/a//", true),
        ("ftp://example.com", false),
        ("example.com", false),
        ("https://", false),
        ("https:///x", false),
        ("https://user:secret@example.com", false),
        ("https://user@example.com", false),
        ("https://example.com?x=1", false),
        ("https://example.com/#x", false),
        ("https://example.com:0", false),
        ("https://example.com:99999", false),
        ("https://exa mple.com", false),
        ("https://{channel}.example.com", false),
        ("https://example.com\\\\x", false),
    ] {
        let text = MINIMAL.replace("{ tag: \"channel/{channel}\" }", &format!("{{ tag: now, base_url: \"{url}\" }}"));
        let texts = [("protocol.yaml", text.as_str()), ("10-ping.yaml", GATE)];
        if lawful {
            let protocol = load_texts(&texts).map_err(|fault| fault.findings).unwrap();
            assert_eq!(protocol.channels[0].base_url.as_deref(), Some(url.trim_end_matches('/')));
        } else {
            let end = 38 + url.chars().count();
            assert_eq!(
                refusals(&texts),
                [format!("config/base-url protocol.yaml:6:36-{end} |  local_dev: {{ tag: now, base_url: \"{url}\" }}|")]
            );
        }
    }
}

#[test]
fn identities() {
    for (who, signed, lawful) in [
        ("ssh:release@example.com", true, true),
        ("ssh:", true, false),
        ("ssh:a b", true, false),
        ("github:199175422", true, true),
        ("github:ada", true, false),
        ("github:007", true, false),
        ("team:example/core", true, true),
        ("team:core", true, false),
        ("team:example/core/x", true, false),
        ("permission:maintain", true, true),
        ("permission:owner", true, false),
        ("local:me@example.com", false, true),
        ("local:me@example.com", true, false),
        ("local:", false, false),
        ("me@example.com", false, false),
        ("mail:me@example.com", false, false),
        ("", false, false),
    ] {
        let key = if signed { "env:KEY" } else { "none" };
        let text = MINIMAL.replace("signing: { key: none }", &format!("automation: ['{who}']\nsigning: {{ key: '{key}' }}"));
        let texts = [("protocol.yaml", text.as_str()), ("10-ping.yaml", GATE), ("allowed_signers", SIGNERS)];
        if lawful {
            assert_eq!(load_texts(&texts).map_err(|fault| fault.findings).unwrap().automation, [who]);
        } else {
            let end = 16 + who.chars().count();
            assert_eq!(refusals(&texts), [format!("config/identity protocol.yaml:7:14-{end} |automation: ['{who}']|")]);
        }
    }
}

#[test]
fn mistyped_words_get_a_guess() {
    for (from, to, guess) in [
        ("version: 1\n", "version: 1\nchanels: {}\n", "did you mean `channels`?"),
        ("release_tag:", "relese_tag:", "did you mean `release_tag`?"),
        ("signing", "release_tags: Signed\nsigning", "did you mean `signed`?"),
        ("signing", "roles: { r: { who: [\"ssh:a\"], may: [promot] } }\nsigning", "did you mean `promote`?"),
        ("signing", "roles: { r: { who: [\"ssh:a\"], may: [hold], on: [lokal_dev] } }\nsigning", "did you mean `local_dev`?"),
        ("signing", "reviewers: { a: { type: usr, id: 1 } }\nsigning", "did you mean `user`?"),
    ] {
        let text = MINIMAL.replacen(from, to, 1);
        let fault = load_texts(&[("protocol.yaml", &text), ("10-ping.yaml", GATE)]).map(|_| ()).unwrap_err();
        assert_eq!(fault.findings[0].help.as_deref(), Some(guess), "{to}");
    }
}
