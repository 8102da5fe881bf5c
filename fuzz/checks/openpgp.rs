//! Keys and signatures of OpenPGP: a file of keys, a NUL, an armored signature, a NUL, what is signed. Whatever they hold, reading ends,
//! what counts counts for these bytes alone, and nothing counts where nobody is listed.

use std::collections::BTreeMap;
use tagwarden::{attest::openpgp::Keyring, domain::Timestamp};

pub fn check(text: &str) {
    let mut parts = text.splitn(3, '\0');
    let mut part = || parts.next().unwrap_or_default();
    let (keys, armored, message) = (part(), part(), part().as_bytes());
    let files = BTreeMap::from([("openpgp/a@example.com.asc".to_owned(), keys.as_bytes().to_vec())]);
    let (keyring, findings) = Keyring::read(&files, "gates");
    assert!(findings.len() <= 1 && findings.iter().all(|finding| finding.code.starts_with("signers/")));
    let now = Timestamp::from_unix(1_770_000_000);
    let counts = |keyring: &Keyring, bytes: &[u8]| keyring.verify(bytes, armored, now, now).is_ok();
    assert!(!counts(&Keyring::default(), message));
    if counts(&keyring, message) {
        assert_eq!(keyring.people().count(), 1);
        assert!(!counts(&keyring, &[message, b"\n"].concat()));
    }
}
