//! OpenPGP signatures: which count, against keys and signatures that GnuPG 2.2 and rPGP 0.21 made once (`tests/openpgp/`), and whole
//! sessions with them. Sessions with a real `gpg` are in `tests/full stores`.

use crate::common::{Scratch, finding, findings};
use serde_json::Value;
use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path};
use tagwarden::{
    attest::openpgp::Keyring,
    domain::{Finding, Timestamp},
};

const MESSAGE: &[u8] = b"manifest\n";

fn vector(kind: &str, name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openpgp").join(kind).join(format!("{name}.asc"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A policy: `person=key+key person=key`.
fn read(people: &str) -> (Keyring, Vec<Finding>) {
    let files: BTreeMap<String, Vec<u8>> = people
        .split_whitespace()
        .map(|one| {
            let (person, keys) = one.split_once('=').unwrap();
            let text: String = keys.split('+').map(|key| vector("keys", key)).collect();
            (format!("openpgp/{person}.asc"), text.into_bytes())
        })
        .collect();
    Keyring::read(&files, "gates")
}

fn verify(people: &str, armored: &str, at: &str, now: &str) -> Result<String, String> {
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    let (keyring, findings) = read(people);
    let errors: Vec<&Finding> = findings.iter().filter(|finding| finding.severity == tagwarden::domain::Severity::Error).collect();
    assert!(errors.is_empty(), "{people}: {errors:?}");
    keyring.verify(MESSAGE, armored, time(at), time(now)).map(|signed| signed.principal).map_err(|refusal| refusal.to_string())
}

#[cfg(not(feature = "openpgp"))]
#[test]
fn without_the_feature_nothing_is_good_and_nothing_is_bad() {
    let at = "2026-02-02T00:00:00Z";
    let (keyring, findings) = read("ada@example.com=ada");
    assert_eq!(keyring.people().collect::<Vec<_>>(), ["ada@example.com"]);
    assert_eq!(findings.iter().map(|finding| finding.code.as_str()).collect::<Vec<_>>(), ["signers/unread"]);
    for name in ["ada", "other", "both"] {
        let said = verify("ada@example.com=ada", &vector("signatures", name), at, at).unwrap_err();
        assert_eq!(said, "this build cannot check OpenPGP signatures", "{name}");
    }
    // Where nobody is listed, it is of nobody who is.
    assert!(verify("", &vector("signatures", "ada"), at, at).unwrap_err().contains("is in no file of gates/openpgp"));
}

/// Policy, signature, and who signed or a part of why nobody did; recorded two days after it was made.
#[cfg(feature = "openpgp")]
const CASES: &[(&str, &str, &str)] = &[
    // What counts: primary keys, subkeys, several algorithms, versions and ways to name the key.
    ("ada@x=ada", "ada", "ada@x"),
    ("ada@x=ada+ada-second", "ada-second", "ada@x"),
    ("bob@x=bob ada@x=ada", "bob", "bob@x"),
    ("bob@x=bob-bound", "bob", "bob@x"),
    ("carol@x=carol", "carol", "carol@x"),
    ("six@x=six", "six", "six@x"),
    ("ada@x=ada", "by-id", "ada@x"),
    ("ada@x=ada", "notation", "ada@x"),
    // Whose it is.
    ("ada@x=ada", "nobody", "is in no file of gates/openpgp"),
    ("ada@x=ada", "other", "does not fit these bytes"),
    ("ada@x=ada bob@x=bob", "anothers", "does not fit these bytes"),
    ("ada@x=ada", "anothers", "is in no file of gates/openpgp"),
    ("ada@x=ada", "no-issuer", "it does not say by which key"),
    // Keys that may not.
    ("old@x=old", "old", "it expired at 2025-06-01T"),
    ("gone@x=gone", "gone", "it is revoked"),
    ("sub@x=sub", "sub", "it is revoked"),
    ("weak@x=weak", "weak", "its algorithm is DSA"),
    ("short@x=short", "short", "it has 1024 bits"),
    ("sha@x=sha", "sha", "nothing that it says of itself can be believed"),
    ("bob@x=bob-authenticates", "bob", "it is not meant for signing"),
    ("bob@x=bob-no-flags", "bob", "its primary key does not say that it belongs to it, and what for"),
    ("bob@x=bob-no-back", "bob", "it does not say itself that it belongs to its primary key"),
    ("bob@x=bob-bound-by-another", "bob", "its primary key does not say that it belongs to it"),
    ("ada@x=ada", "too-early", "after the signature"),
    // What is no signature of a document.
    ("ada@x=ada", "text", "it is not the signature of a document"),
    ("ada@x=ada", "certification", "it is not the signature of a document"),
    ("ada@x=ada-second", "v3", "its version is neither 4 nor 6"),
    ("ada@x=ada", "sha1", "its hash is SHA1"),
    ("ada@x=ada-second", "md5", "its hash is MD5"),
    ("ada@x=ada-second", "ripemd", "its hash is RIPEMD160"),
    ("ada@x=ada", "critical", "it rests on something that is not known here"),
    ("ada@x=ada", "no-time", "it does not say when it was made"),
    // What its armor holds.
    ("ada@x=ada bob@x=bob", "both", "its armor does not hold exactly one signature"),
    ("ada@x=ada", "twice", "its armor does not hold exactly one signature"),
    ("ada@x=ada", "empty", "its armor"),
    ("ada@x=ada", "half", "cannot be read"),
    ("ada@x=ada", "short-packet", "cannot be read"),
    ("ada@x=ada", "other-armor", "it does not begin with"),
];

#[cfg(feature = "openpgp")]
#[test]
fn what_counts_counts_and_nothing_else_does() {
    let at = "2026-02-03T00:00:00Z";
    let judged = CASES.iter().map(|(people, name, wanted)| {
        let said = verify(people, &vector("signatures", name), at, at);
        let is_right = match &said {
            Ok(principal) => principal == wanted,
            Err(why) => why.contains(wanted) && !wanted.ends_with("@x"),
        };
        (is_right, format!("{people} {name}: {said:?} in place of {wanted}"))
    });
    let wrong: Vec<String> = judged.filter(|(is_right, _)| !is_right).map(|(_, said)| said).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[cfg(feature = "openpgp")]
#[test]
fn armor_is_one_block_that_is_whole() {
    let good = vector("signatures", "ada");
    let at = "2026-02-03T00:00:00Z";
    let judged = |text: &str| verify("ada@x=ada", text, at, at);
    assert_eq!(judged(&good).unwrap(), "ada@x");
    assert_eq!(judged(&good.replace('\n', "\r\n")).unwrap(), "ada@x");
    let lines: Vec<&str> = good.lines().collect();
    let without = |at: usize| [&lines[..at], &lines[at + 1..]].concat().join("\n");
    for (text, what) in [
        (String::new(), "nothing"),
        (good[..good.len() / 2].to_owned(), "cut off"),
        (without(lines.len() - 1), "without its end"),
        (without(3), "without a line of it"),
        (format!("{good}{good}"), "two blocks"),
        (format!("see this:\n{good}"), "text before it"),
        (format!("{good}and that\n"), "text behind it"),
        (good.replacen("\n\n", "\n\n-----BEGIN PGP SIGNATURE-----\n", 1), "a block in a block"),
        (good.replace("SIGNATURE", "MESSAGE"), "of another type"),
        ("\u{0}".repeat(300), "zeros"),
    ] {
        assert!(judged(&text).is_err(), "{what}");
    }
}

/// A key that expired counts for what it signed before; a signature that says itself how long it lasts does not count after that.
#[cfg(feature = "openpgp")]
#[test]
fn time_decides_by_the_record_and_not_by_what_a_signature_claims() {
    let old = |at: &str| verify("old@x=old", &vector("signatures", "old"), at, "2026-02-03T00:00:00Z");
    assert_eq!(old("2025-03-02T00:00:00Z").unwrap(), "old@x");
    assert!(old("2025-06-02T00:00:00Z").unwrap_err().contains("expired"));
    // Nobody recorded a signature before it was made.
    assert!(old("2025-02-28T00:00:00Z").unwrap_err().contains("it says that it was made at"));
    let expires = |now: &str| verify("ada@x=ada", &vector("signatures", "expires"), "2026-02-01T13:00:00Z", now);
    assert_eq!(expires("2026-02-09T00:00:00Z").unwrap(), "ada@x");
    assert!(expires("2026-02-11T00:00:00Z").unwrap_err().contains("the signature itself expired"));
}

#[cfg(feature = "openpgp")]
#[test]
fn files_of_keys_are_read_whole_or_not_at_all() {
    let one = |name: &str, text: &str| {
        let files = BTreeMap::from([(format!("openpgp/{name}"), text.as_bytes().to_vec())]);
        let (keyring, findings) = Keyring::read(&files, "gates");
        (keyring.people().count(), findings.iter().map(|finding| finding.code.clone()).collect::<Vec<_>>().join(" "))
    };
    let ada = vector("keys", "ada");
    let said = |people, code: &str| (people, code.to_owned());
    assert_eq!(one("ada@x.asc", &ada), said(1, ""));
    for (name, text, code) in [
        ("ada@x", ada.clone(), "signers/principal"),
        ("*.asc", ada.clone(), "signers/principal"),
        ("a/b.asc", ada.clone(), "signers/principal"),
        (".asc", ada.clone(), "signers/principal"),
        ("ada@x.asc", String::new(), "signers/malformed"),
        ("ada@x.asc", ada[..200].to_owned(), "signers/malformed"),
        ("ada@x.asc", format!("# ada\n{ada}"), "signers/malformed"),
        ("ada@x.asc", vector("signatures", "ada"), "signers/malformed"),
        ("ada@x.asc", ada.replace("PUBLIC", "PRIVATE"), "signers/private-key"),
        ("ada@x.asc", format!("{ada}{ada}"), "signers/two-names"),
        ("ada@x.asc", "\n".repeat(2 << 20), "signers/malformed"),
    ] {
        assert_eq!(one(name, &text), said(0, code), "{name}");
    }
    // Nobody could sign with these.
    for key in ["gone", "weak", "short", "sha", "sub", "bob-no-back"] {
        assert_eq!(one("x.asc", &vector("keys", key)), said(0, "signers/unusable"), "{key}");
    }
    assert_eq!(one("x.asc", &(vector("keys", "gone") + &ada)), said(1, ""));
    // One key under two names.
    let (_, findings) = read("ada@x=ada eve@x=ada");
    assert_eq!(findings[0].code, "signers/two-names");
    let (_, findings) = read("bob@x=bob eve@x=bob-bound");
    assert_eq!(findings[0].code, "signers/two-names");
}

/// A folder whose manifest the vectors `session-*` are over, a store that asks for so many signatures, and a `gpg` that plays for each
/// person what the real one wrote.
fn scratch(signatures: usize, people: &[(&str, &str)]) -> Scratch {
    let mut scratch = Scratch::new();
    scratch.at("2026-02-01T13:00:00Z");
    scratch.run(&["init", "--minimal"]).ok();
    let protocol = scratch.read("gates/protocol.yaml");
    scratch.write("gates/protocol.yaml", format!("{protocol}snapshots: {{ store: ../store, signatures: {signatures} }}\n"));
    for (person, key) in people {
        scratch.write(&format!("gates/openpgp/{person}@example.com.asc"), vector("keys", key));
    }
    scratch.write("config/index.json", "{\"artifacts\": [1, 2, 3]}\n");
    scratch.write("config/bin/run", "#!/bin/sh\n");
    for (path, mode) in [("index.json", 0o644), ("bin/run", 0o755)] {
        fs::set_permissions(scratch.path("work/config").join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    scratch.commit("Add the configuration");
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openpgp/signatures");
    let gpg = format!(
        "#!/bin/sh\nkey=\nfor word; do case $last in --local-user|--) key=${{key:-$word}};; esac; last=$word; done\n\
         case $* in\n*--list-secret-keys*)\n  case $key in nobody-here) echo 'gpg: error reading key' >&2; exit 2;; esac\n\
         \x20 printf 'sec:u:255:22:0:0::::::::::\\nfpr:::::::::F00%s:\\ngrp:::::::::A:\\n' \"$key\";;\n\
         *--detach-sign*) test \"$(cat | sha256sum | cut -c1-12)\" = \"$WANTED\" || exit 3; cat '{}/session-'\"$key\".asc;;\nesac\n",
        vectors.display()
    );
    let gpg = gpg.replace("\"$WANTED\"", "f6a4136aea40");
    scratch.write("../bin/gpg", gpg);
    fs::set_permissions(scratch.path("bin/gpg"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", scratch.path("bin").display(), std::env::var("PATH").unwrap());
    scratch.set("PATH", &path);
    scratch
}

fn sign(scratch: &Scratch, key: &str) -> Value {
    scratch.json(&["snapshot", "sign", "good", "--signing-key", &format!("openpgp:{key}")]).expect("passed")
}

fn create(scratch: &Scratch) {
    let made = scratch.json(&["snapshot", "create", "config", "--tag", "good"]).expect("passed");
    assert!(made["digest"].as_str().unwrap().starts_with("sha256:f6a4136aea40"));
}

#[cfg(feature = "openpgp")]
#[test]
fn people_are_counted_once_whatever_they_sign_with() {
    let scratch = scratch(2, &[("ada", "ada"), ("bob", "bob")]);
    create(&scratch);
    let ada = sign(&scratch, "ada");
    assert_eq!((&ada["signer"], &ada["people"]), (&serde_json::json!("ada@example.com"), &serde_json::json!(1)));
    // Her second key, and one of SSH, are still hers; somebody who is not listed is nobody.
    scratch.write("gates/openpgp/ada@example.com.asc", vector("keys", "ada") + &vector("keys", "ada-second"));
    assert_eq!(sign(&scratch, "ada-second")["people"], 1);
    let stranger = sign(&scratch, "nobody");
    assert_eq!((&stranger["signer"], &stranger["people"]), (&stranger["fingerprint"], &serde_json::json!(1)));
    let seed = tagwarden::attest::ssh::PrivateKey::from_seed([7; 32]).unwrap();
    scratch.write("gates/allowed_signers", format!("ada@example.com {}\n", seed.public_line()));
    let unsigned = scratch.json(&["snapshot", "verify"]).expect("findings");
    assert!(finding(&unsigned, "snapshot/unsigned")["message"].as_str().unwrap().starts_with("1 of 2 people"));
    assert!(findings(&unsigned).iter().any(|finding| finding["code"] == "snapshot/signature"));
    scratch.refused(&["snapshot", "restore", "good", "--to", "../copy"], "not_permitted");
    let bob = scratch.json_with(&["snapshot", "sign", "good", "--signing-key", "env:KEY"], &[("KEY", "openpgp:bob")]).expect("passed");
    assert_eq!((&bob["signer"], &bob["people"]), (&serde_json::json!("bob@example.com"), &serde_json::json!(2)));
    let verified = scratch.json(&["snapshot", "verify"]).expect("passed");
    assert_eq!(verified["signed"][0]["people"], serde_json::json!(["ada@example.com", "bob@example.com"]));
    scratch.json(&["snapshot", "restore", "good", "--to", "../copy"]).expect("passed");
    // Whoever leaves the list counts no more.
    scratch.write("gates/openpgp/bob@example.com.asc", vector("keys", "carol"));
    scratch.refused(&["snapshot", "restore", "good", "--to", "../other"], "not_permitted");
}

#[test]
fn more_people_than_there_are_never_sign() {
    let scratch = scratch(3, &[("ada", "ada"), ("bob", "bob")]);
    let seed = tagwarden::attest::ssh::PrivateKey::from_seed([7; 32]).unwrap();
    scratch.write("gates/allowed_signers", format!("ada@example.com {}\n", seed.public_line()));
    let refused = scratch.refused(&["snapshot", "create", "config"], "bad_config");
    assert!(finding(&refused, "config/threshold")["message"].as_str().unwrap().contains("name 2"), "{refused}");
    scratch.write("gates/allowed_signers", format!("eve@example.com {}\n", seed.public_line()));
    create(&scratch);
}

#[test]
fn a_key_of_gpg_signs_no_ledger_and_one_that_is_missing_nothing() {
    let scratch = scratch(0, &[]);
    create(&scratch);
    let before = scratch.everything();
    scratch.refused(&["snapshot", "sign", "good", "--signing-key", "openpgp:nobody-here"], "signer_missing");
    scratch.refused(&["snapshot", "sign", "good", "--signing-key", "openpgp:"], "bad_usage");
    scratch.unchanged_since(&before);
    let protocol = scratch.read("gates/protocol.yaml");
    scratch.write("gates/protocol.yaml", protocol.replace("key: none", "key: openpgp:ada"));
    let refused = scratch.refused(&["snapshot", "create", "config"], "bad_config");
    finding(&refused, "config/signing-key");
}

/// Neither good nor bad: with enough others it does not matter, without them nobody knows.
#[cfg(not(feature = "openpgp"))]
#[test]
fn what_this_build_cannot_check_is_unknown() {
    let scratch = scratch(1, &[("ada", "ada")]);
    create(&scratch);
    let unsigned = scratch.json(&["snapshot", "verify"]).expect("findings");
    finding(&unsigned, "snapshot/unsigned");
    assert_eq!(sign(&scratch, "ada")["people"], 0);
    let unknown = scratch.json(&["snapshot", "verify"]).expect("signature_unchecked");
    assert!(findings(&unknown).iter().all(|finding| finding["code"] == "snapshot/signature-unchecked"));
    scratch.refused(&["snapshot", "restore", "good", "--to", "../copy"], "signature_unchecked");
    // It may be the last good one.
    scratch.write("config/index.json", "{\"artifacts\": [4, 5, 6]}\n");
    for text in ["7", "8"] {
        scratch.write("config/index.json", format!("{{\"artifacts\": [4, 5, {text}]}}\n"));
        scratch.json(&["snapshot", "create", "config"]).expect("passed");
    }
    let pruned = scratch.json(&["snapshot", "prune", "--keep", "1"]).expect("passed");
    assert!(!pruned["pruned"].as_array().unwrap().iter().any(|one| one.as_str().unwrap().starts_with("sha256:f6a4136aea40")), "{pruned}");
}
