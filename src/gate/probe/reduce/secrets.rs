//! Secrets that nobody named, recognised by their look: values under secret-sounding keys, and strings with the shape of a
//! token or a private key. A heuristic beside [`super::mask`], never a replacement for it.
//!
//! Keys stay, so that a gate can still see that a field is there. `true`, `false`, `null` and the empty string stay too:
//! they tell of presence, and many status endpoints report no more. Of a token with a known prefix the prefix stays.

use regex::{Captures, Regex};
use serde_json::Value;
use std::sync::LazyLock;

/// What stands where a secret-looking value stood.
pub const REDACTED: &str = "[redacted]";

/// Beginnings of well-known tokens and keys. What follows them is secret, or at least nobody's business.
pub const PREFIXES: &[&str] = &[
    "sk_live_",
    "sk_test_",
    "pk_live_",
    "pk_test_",
    "rk_live_",
    "rk_test_",
    "whsec_",
    "sk-ant-",
    "sk-proj-",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xoxs-",
    "xapp-",
    "npm_",
    "pypi-",
    "AKIA",
    "ASIA",
    "AIza",
    "SG.",
    "dop_v1_",
    "shpat_",
];

/// Redacts a JSON value in place, at any depth. Returns nothing of what it found.
pub fn redact_json(value: &mut Value) {
    let mut open = vec![(value, Kept::All)];
    while let Some((value, kept)) = open.pop() {
        match value {
            Value::String(text) if text.is_empty() => {}
            Value::String(text) => *text = if kept == Kept::All { redact_text(text) } else { REDACTED.to_owned() },
            Value::Number(_) if kept == Kept::Presence => *value = Value::from(REDACTED),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::Array(items) => open.extend(items.iter_mut().map(|item| (item, kept))),
            Value::Object(fields) => {
                let is_key = fields.contains_key("kty");
                *fields = std::mem::take(fields).into_iter().map(|(key, value)| (redact_text(&key), value)).collect();
                open.extend(fields.iter_mut().map(|(key, value)| {
                    let inside = if is_key && PRIVATE_MEMBERS.contains(&key.as_str()) { Kept::Presence } else { Kept::under(key) };
                    (value, kept.max(inside))
                }));
            }
        }
    }
}

/// Redacts what looks like a secret inside a text.
pub fn redact_text(text: &str) -> String {
    let text = PEM.replace_all(text, REDACTED);
    let text = JWT.replace_all(&text, REDACTED);
    let text = TOKEN.replace_all(&text, format!("$1{REDACTED}").as_str());
    let text = CREDENTIALS.replace_all(&text, format!("://{REDACTED}@").as_str());
    let text = BEARER.replace_all(&text, format!("$1 {REDACTED}").as_str());
    let text = ASSIGNED.replace_all(&text, |found: &Captures| {
        let (name, between) = (&found[1], &found[2]);
        if is_secret_name(name) { format!("{name}{between}{REDACTED}") } else { found[0].to_owned() }
    });
    text.into_owned()
}

/// Whether a field, header, variable or parameter of this name usually holds a secret.
pub fn is_secret_name(name: &str) -> bool {
    Kept::under(name) != Kept::All
}

/// Whether the value of a variable is a secret: it is long or mixed enough to be one, or its name says so.
pub fn is_secret(name: &str, value: &str) -> bool {
    let value = value.trim();
    looks_secret(value) || (is_secret_name(name) && value.len() >= 6)
}

/// The secrets in the user info of an address such as `postgres://user:password@host/name`; programs say them without the
/// rest. The password is one; a user is where it looks like a token.
pub fn of_address(address: &str) -> impl Iterator<Item = &str> {
    let authority = address.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    let user_info = authority.and_then(|authority| authority.rsplit_once('@')).map(|(user_info, _)| user_info);
    let (user, password) = user_info.map_or((None, None), |user_info| match user_info.split_once(':') {
        Some((user, password)) => (Some(user), Some(password)),
        None => (Some(user_info), None),
    });
    user.filter(|user| looks_secret(user)).into_iter().chain(password)
}

fn looks_secret(value: &str) -> bool {
    let mixed = value.chars().any(|c| c.is_ascii_digit()) && value.chars().any(|c| c.is_alphabetic());
    value.len() >= 20 || (value.len() >= 8 && mixed)
}

/// What may stay of the values below a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kept {
    All,
    /// Presence, and numbers: under a plural such as `tokens` a number is a count.
    Counts,
    Presence,
}

impl Kept {
    fn under(name: &str) -> Kept {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        let plural = plain.strip_suffix('s').unwrap_or_default();
        if SECRET_NAMES.iter().any(|name| plain.ends_with(name)) {
            Kept::Presence
        } else if SECRET_NAMES.iter().any(|name| plural.ends_with(name)) {
            Kept::Counts
        } else {
            Kept::All
        }
    }
}

/// Ends of names, without separators, lower case.
const SECRET_NAMES: &[&str] = &[
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "privatekeyjwk",
    "privatejwk",
    "signingkey",
    "encryptionkey",
    "authorization",
    "cookie",
    "credential",
    "sessionid",
    "connectionstring",
    "databaseurl",
    "jwt",
    "xamzsignature",
];

/// The private members of a JSON Web Key (RFC 7518, sections 6.2.2, 6.3.2, 6.4.1).
const PRIVATE_MEMBERS: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Compiled once. The patterns are constants, and a test compiles each.
#[allow(clippy::unwrap_used)]
fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

static PEM: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z0-9 ]*PRIVATE KEY-----)?"));
static JWT: LazyLock<Regex> = LazyLock::new(|| pattern(r"\beyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){2,4}"));
static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    let prefixes: Vec<String> = PREFIXES.iter().map(|prefix| regex::escape(prefix)).collect();
    pattern(&format!(r"\b({})[A-Za-z0-9_.\-]{{8,}}", prefixes.join("|")))
});
static CREDENTIALS: LazyLock<Regex> = LazyLock::new(|| pattern(r#"://[^/\s"'@?#]+@"#));
static BEARER: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{20,}"));
/// `NAME=value`, `?name=value&`, and `"name":"value"` inside a string.
static ASSIGNED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"([A-Za-z0-9_.\-]+)(=["']?|\\?["']\s*[:=]\s*\\?["'])([^\s"'\\&;,<>\[]{1,})"#));

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_under_secret_names_go_and_keys_stay() {
        let mut value = json!({
            "token": "abc", "access_token": 1234, "clientSecret": {"a": ["x", 7, true, null, ""]}, "X-Api-Key": "k",
            "tokens": 12, "cookies": ["a=b"], "Set-Cookie": "a=b", "secretKeyPresent": true, "password": null, "apiKey": "",
            "status": "ok", "error": "token is required", "kid": "k1", "publishableKeyPrefix": "pk_live_", "d": "plain",
            "keys": [{"kty": "EC", "crv": "P-256", "x": "X", "d": "D", "kid": "k1"}, {"kty": "oct", "k": "K"}]
        });
        redact_json(&mut value);
        assert_eq!(
            value,
            json!({
                "token": REDACTED, "access_token": REDACTED, "clientSecret": {"a": [REDACTED, REDACTED, true, null, ""]},
                "X-Api-Key": REDACTED, "tokens": 12, "cookies": [REDACTED], "Set-Cookie": REDACTED, "secretKeyPresent": true,
                "password": null, "apiKey": "", "status": "ok", "error": "token is required", "kid": "k1",
                "publishableKeyPrefix": "pk_live_", "d": "plain",
                "keys": [{"kty": "EC", "crv": "P-256", "x": "X", "d": REDACTED, "kid": "k1"}, {"kty": "oct", "k": REDACTED}]
            })
        );
    }

    #[test]
    fn secret_looking_texts_go() {
        for (text, want) in [
            ("key sk_live_abcdefgh12345 end", "key sk_live_[redacted] end"),
            ("Clerk configured (pk_live_); ok", "Clerk configured (pk_live_); ok"),
            ("ghp_abcdefghijkl,AKIAABCDEFGHIJKLMNOP", "ghp_[redacted],AKIA[redacted]"),
            ("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", "[redacted]"),
            ("-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----\nrest", "[redacted]\nrest"),
            ("-----BEGIN PRIVATE KEY-----\nMHc", "[redacted]"),
            ("-----BEGIN PUBLIC KEY-----\nMHc", "-----BEGIN PUBLIC KEY-----\nMHc"),
            ("postgres://me:pw@db/x", "postgres://[redacted]@db/x"),
            ("Authorization: Bearer abcdefghijklmnopqrstuvwxyz", "Authorization: Bearer [redacted]"),
            ("Basic authentication is off", "Basic authentication is off"),
            ("/x?page=2&access_token=abc&y=1", "/x?page=2&access_token=[redacted]&y=1"),
            ("DB_PASSWORD=abc\nMODE=live", "DB_PASSWORD=[redacted]\nMODE=live"),
            (r#"body {"token":"abc","a":"b"}"#, r#"body {"token":"[redacted]","a":"b"}"#),
            (r#"{\"token\": \"abc\"}"#, r#"{\"token\": \"[redacted]\"}"#),
            ("invalid token: expired", "invalid token: expired"),
        ] {
            assert_eq!(redact_text(text), want, "{text}");
            assert_eq!(redact_text(want), want, "redacting twice changes nothing: {want}");
        }
    }
}
