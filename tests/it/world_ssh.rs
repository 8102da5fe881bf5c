//! SSH signatures against OpenSSH itself: what `ssh-keygen -Y sign` makes must verify here, what was tampered with must not,
//! and `ssh-keygen -Y verify` must agree.

use crate::world_support::Scratch;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use tagwarden::{
    attest::ssh::{AllowedSigners, SshRefusal, claimed_fingerprint, fingerprint_of},
    domain::Timestamp,
};

const NAMESPACE: &str = "tagwarden";

fn at() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

struct Ring {
    scratch: Scratch,
}

impl Ring {
    fn new() -> Ring {
        Ring { scratch: Scratch::new() }
    }

    /// Makes a key and gives its public line.
    fn key(&self, name: &str, kind: &[&str]) -> String {
        let mut args = vec!["-q", "-N", "", "-C", "comment", "-f", name, "-t"];
        args.extend(kind);
        self.scratch.run(&self.scratch.path(""), "ssh-keygen", &args);
        std::fs::read_to_string(self.scratch.path(&format!("{name}.pub"))).unwrap().trim().to_owned()
    }

    fn sign(&self, key: &str, namespace: &str, message: &[u8]) -> String {
        let file = self.scratch.path("message");
        let _ = std::fs::remove_file(self.scratch.path("message.sig"));
        std::fs::write(&file, message).unwrap();
        self.scratch.run(&self.scratch.path(""), "ssh-keygen", &["-q", "-Y", "sign", "-n", namespace, "-f", key, "message"]);
        std::fs::read_to_string(self.scratch.path("message.sig")).unwrap()
    }

    /// What OpenSSH says.
    fn oracle(&self, allowed: &str, principal: &str, namespace: &str, message: &[u8], armored: &str) -> bool {
        for (file, bytes) in [("allowed", allowed.as_bytes()), ("message", message), ("signature", armored.as_bytes())] {
            std::fs::write(self.scratch.path(file), bytes).unwrap();
        }
        let time = "verify-time=20261121100000Z";
        let line = format!("exec ssh-keygen -q -Y verify -O {time} -f allowed -I '{principal}' -n '{namespace}' -s signature < message");
        self.scratch.try_run(&self.scratch.path(""), "sh", &["-c", &line]).0 == Some(0)
    }
}

fn allowed(text: &str) -> AllowedSigners {
    AllowedSigners::parse(text).unwrap()
}

const KINDS: &[(&str, &[&str])] = &[
    ("ed25519", &["ed25519"]),
    ("p256", &["ecdsa", "-b", "256"]),
    ("p384", &["ecdsa", "-b", "384"]),
    ("rsa2048", &["rsa", "-b", "2048"]),
    ("rsa3072", &["rsa", "-b", "3072"]),
];

#[test]
fn every_kind_of_key_verifies_and_tampering_does_not() {
    let ring = Ring::new();
    let mut list = String::new();
    for (name, kind) in KINDS {
        list.push_str(&format!("{name}@example.com {}\n", ring.key(name, kind)));
    }
    let allowed = allowed(&list);
    for (name, _) in KINDS {
        // ECDSA numbers now and then are shorter than their curve: several messages.
        for message in [b"".as_slice(), b"one", &[0xff; 5000], b"two", b"three", b"four"] {
            let armored = ring.sign(name, NAMESPACE, message);
            let verified = allowed.verify(NAMESPACE, message, &armored, at()).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
            assert_eq!(verified.principal, format!("{name}@example.com"));
            let printed = ring.scratch.run(&ring.scratch.path(""), "ssh-keygen", &["-l", "-f", name]);
            assert!(printed.contains(&format!(" {} ", verified.fingerprint)), "{printed}");
            assert_eq!(claimed_fingerprint(&armored).unwrap(), verified.fingerprint);

            let longer = [message, b"x"].concat();
            let refusal = allowed.verify(NAMESPACE, &longer, &armored, at()).unwrap_err();
            assert_eq!(refusal, SshRefusal::BadSignature(verified.fingerprint.clone()));
            let refusal = allowed.verify("git", message, &armored, at()).unwrap_err();
            assert_eq!(refusal, SshRefusal::WrongNamespace { got: NAMESPACE.to_owned(), wanted: "git".to_owned() });
            assert!(ring.oracle(&list, &verified.principal, NAMESPACE, message, &armored));
        }
    }
}

/// Every byte of a signature, changed one at a time: none may pass that OpenSSH refuses.
#[test]
fn no_changed_byte_of_a_signature_passes() {
    let ring = Ring::new();
    for (name, kind) in [KINDS[0], KINDS[1], KINDS[3]] {
        let list = format!("a@example.com {}\n", ring.key(name, kind));
        let allowed = allowed(&list);
        let armored = ring.sign(name, NAMESPACE, b"message");
        let blob = STANDARD.decode(armored.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap();
        let armor = |blob: &[u8]| format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", STANDARD.encode(blob));
        assert!(allowed.verify(NAMESPACE, b"message", &armor(&blob), at()).is_ok());
        for place in 0..blob.len() {
            for flip in [0x01, 0x80] {
                let mut changed = blob.clone();
                changed[place] ^= flip;
                let verdict = allowed.verify(NAMESPACE, b"message", &armor(&changed), at());
                assert!(verdict.is_err(), "{name}: byte {place} of {} flipped by {flip:#x}", blob.len());
            }
        }
        for cut in 0..blob.len() {
            assert!(allowed.verify(NAMESPACE, b"message", &armor(&blob[..cut]), at()).is_err(), "{name}: cut to {cut}");
        }
        let longer = [blob.as_slice(), b"\0"].concat();
        assert!(allowed.verify(NAMESPACE, b"message", &armor(&longer), at()).is_err());
    }
}

#[test]
fn foreign_text_is_malformed() {
    let ring = Ring::new();
    let list = format!("a@example.com {}\n", ring.key("k", &["ed25519"]));
    let armored = ring.sign("k", NAMESPACE, b"m");
    let allowed = allowed(&list);
    let body = armored.lines().nth(1).unwrap();
    for text in [
        String::new(),
        "-----BEGIN SSH SIGNATURE-----".to_owned(),
        "-----BEGIN SSH SIGNATURE----------END SSH SIGNATURE-----".to_owned(),
        armored.replace("SSH SIGNATURE", "PGP SIGNATURE"),
        armored.replace(body, &format!("{body}!")),
        format!("{armored}{armored}"),
        format!("x{armored}"),
        format!("{armored}x"),
        format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----", "A".repeat(1 << 20)),
    ] {
        let refusal = allowed.verify(NAMESPACE, b"m", &text, at()).unwrap_err();
        assert!(matches!(refusal, SshRefusal::Malformed(_)), "{refusal}: {text:.80}");
    }
    assert!(allowed.verify(NAMESPACE, b"m", &armored.replace('\n', "\r\n"), at()).is_ok());
}

#[test]
fn keys_that_are_not_listed_or_not_supported_are_refused() {
    let ring = Ring::new();
    let (listed, other) = (ring.key("listed", &["ed25519"]), ring.key("other", &["ed25519"]));
    let allowed = allowed(&format!("a@example.com {listed}\n"));
    let armored = ring.sign("other", NAMESPACE, b"m");
    let fingerprint = fingerprint_of(&other).unwrap();
    assert_eq!(allowed.verify(NAMESPACE, b"m", &armored, at()).unwrap_err(), SshRefusal::UnknownKey(fingerprint.clone()));
    assert_eq!(allowed.principal_of(&other, at()).unwrap_err(), SshRefusal::UnknownKey(fingerprint));
    assert_eq!(allowed.principal_of(&listed, at()).unwrap().principal, "a@example.com");
    for (name, kind) in [("p521", ["ecdsa", "-b", "521"]), ("rsa1024", ["rsa", "-b", "1024"])] {
        let line = format!("a@example.com {}\n", ring.key(name, &kind));
        let findings = AllowedSigners::parse(&line).unwrap_err();
        assert_eq!(findings[0].code, "signers/key");
        assert!(findings[0].message.contains("not supported"), "{}", findings[0].message);
        let refusal = allowed.verify(NAMESPACE, b"m", &ring.sign(name, NAMESPACE, b"m"), at()).unwrap_err();
        assert!(matches!(refusal, SshRefusal::Unsupported(_)), "{refusal}");
    }
}

#[test]
fn windows_and_namespaces_decide_as_openssh_does() {
    let ring = Ring::new();
    let key = ring.key("k", &["ed25519"]);
    let armored = ring.sign("k", NAMESPACE, b"m");
    for (options, good) in [
        ("", true),
        ("valid-after=\"20261121Z\"", true),
        ("valid-after=\"20261121100000Z\"", true),
        ("valid-after=\"20261121100001Z\"", false),
        ("valid-before=\"20261121100000Z\"", true),
        ("valid-before=\"20261121095959Z\"", false),
        ("valid-after=\"202611210959Z\",valid-before=\"202611211001Z\"", true),
        ("namespaces=\"tagwarden\"", true),
        ("namespaces=\"git,tag*\"", true),
        ("namespaces=\"git\"", false),
        ("namespaces=\"*,!tagwarden\"", false),
        ("namespaces=\"TAGWARDEN\"", false),
    ] {
        let list = format!("a@example.com {options} {key}\n");
        let verdict = allowed(&list).verify(NAMESPACE, b"m", &armored, at());
        assert_eq!(verdict.is_ok(), good, "{options}: {verdict:?}");
        assert_eq!(ring.oracle(&list, "a@example.com", NAMESPACE, b"m", &armored), good, "OpenSSH on {options}");
    }
    let two = format!("a@example.com valid-before=\"20200101Z\" {key}\na@example.com valid-after=\"20260101Z\" {key}\n");
    assert!(allowed(&two).verify(NAMESPACE, b"m", &armored, at()).is_ok(), "one of the windows is enough");
    let refusal = allowed(&two).principal_of(&key, "2023-01-01T00:00:00Z".parse().unwrap()).unwrap_err();
    assert!(matches!(refusal, SshRefusal::OutsideValidity { .. }), "{refusal}");
}

/// A security key in software: its signature covers application, flags and counter too.
#[test]
fn a_security_key_must_have_been_touched() {
    let ring = Ring::new();
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let field = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes(), bytes].concat();
    let sha256 = |bytes: &[u8]| ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().to_vec();
    let kind = b"sk-ssh-ed25519@openssh.com";
    let key = [field(kind), field(pair.public_key().as_ref()), field(b"ssh:")].concat();
    let list = format!("a@example.com sk-ssh-ed25519@openssh.com {}\n", STANDARD.encode(&key));

    let signed = [b"SSHSIG".to_vec(), field(NAMESPACE.as_bytes()), field(b""), field(b"sha256"), field(&sha256(b"m"))].concat();
    let sign = |flags: u8| {
        let tail = [&[flags], 7u32.to_be_bytes().as_slice()].concat();
        let raw = pair.sign(&[sha256(b"ssh:"), tail.clone(), sha256(&signed)].concat());
        let inner = [field(kind), field(raw.as_ref()), tail].concat();
        let blob =
            [b"SSHSIG\0\0\0\x01".to_vec(), field(&key), field(NAMESPACE.as_bytes()), field(b""), field(b"sha256"), field(&inner)].concat();
        let lines: Vec<String> =
            STANDARD.encode(blob).as_bytes().chunks(70).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
        format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
    };
    let touched = sign(1);
    assert_eq!(allowed(&list).verify(NAMESPACE, b"m", &touched, at()).unwrap().principal, "a@example.com");
    assert!(ring.oracle(&list, "a@example.com", NAMESPACE, b"m", &touched), "OpenSSH takes it too");
    let untouched = allowed(&list).verify(NAMESPACE, b"m", &sign(0), at()).unwrap_err();
    assert!(matches!(untouched, SshRefusal::NoPresence(_)), "{untouched}");
    assert!(matches!(allowed(&list).verify(NAMESPACE, b"n", &touched, at()).unwrap_err(), SshRefusal::BadSignature(_)));
}
