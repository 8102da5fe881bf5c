//! The JSON Web Tokens by which an App says who it is: RS256, checked with the public half of the key that the App has.
//! <https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app>

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jiff::Timestamp;
use ring::{rsa, signature};
use serde_json::Value;
use std::{process::Command, sync::LazyLock};

/// An App's private key, in the form that GitHub gives it to people.
pub struct Key {
    pub pem: String,
    /// PKCS#1, DER.
    pub public: Vec<u8>,
}

/// Made once for the process by OpenSSH: it takes a while.
static KEYS: LazyLock<[Key; 2]> = LazyLock::new(|| [make(), make()]);

impl Key {
    /// The key that every App of a model has.
    pub fn of_apps() -> &'static Key {
        &KEYS[0]
    }

    /// A key that no App has.
    pub fn of_nobody() -> &'static Key {
        &KEYS[1]
    }

    /// A token with these claims, signed with this key.
    pub fn token(&self, claims: &Value) -> String {
        let signed = format!("{}.{}", BASE64.encode(r#"{"alg":"RS256","typ":"JWT"}"#), BASE64.encode(claims.to_string()));
        let pair = rsa::KeyPair::from_der(&der(&self.pem)).unwrap();
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(&signature::RSA_PKCS1_SHA256, &ring::rand::SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", BASE64.encode(signature))
    }
}

fn make() -> Key {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let output =
        Command::new("ssh-keygen").args(["-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-f"]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let pem = std::fs::read_to_string(path).unwrap();
    let public = rsa::KeyPair::from_der(&der(&pem)).unwrap().public().as_ref().to_vec();
    Key { pem, public }
}

fn der(pem: &str) -> Vec<u8> {
    let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

/// Whose token it is, as it says itself: the issuer.
pub fn issuer(token: &str) -> Option<u64> {
    match &claims(token)?["iss"] {
        Value::Number(id) => id.as_u64(),
        // Its number, or its client id.
        Value::String(id) => id.trim_start_matches("Iv1.").parse().ok(),
        _ => None,
    }
}

/// What is wrong with a token, in GitHub's words.
pub fn refuse(token: &str, public: &[u8], now: Timestamp) -> Option<&'static str> {
    const UNREADABLE: &str = "A JSON web token could not be decoded";
    const MOST_SECONDS: i64 = 600;
    // Clocks of two machines are never the same.
    const LEEWAY: i64 = 60;
    let Some((signed, signature)) = token.rsplit_once('.') else { return Some(UNREADABLE) };
    let header: Value = signed
        .split('.')
        .next()
        .and_then(|part| BASE64.decode(part).ok())
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let Ok(signature) = BASE64.decode(signature) else { return Some(UNREADABLE) };
    let key = signature::UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, public);
    if header["alg"] != "RS256" || key.verify(signed.as_bytes(), &signature).is_err() {
        return Some(UNREADABLE);
    }
    let claims = claims(token).unwrap_or_default();
    let (Some(issued), Some(expires)) = (claims["iat"].as_i64(), claims["exp"].as_i64()) else {
        return Some("Missing 'issued at' claim ('iat') or 'expiration time' claim ('exp') in assertion");
    };
    let now = now.as_second();
    if issued > now + LEEWAY {
        return Some("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued");
    }
    if expires <= now {
        return Some("'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires");
    }
    (expires > now + MOST_SECONDS).then_some("'Expiration time' claim ('exp') is too far in the future")
}

fn claims(token: &str) -> Option<Value> {
    serde_json::from_slice(&BASE64.decode(token.split('.').nth(1)?).ok()?).ok()
}
