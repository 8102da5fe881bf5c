//! A GitHub App: its key signs a short claim (a JWT, RFC 7519, RS256), which GitHub exchanges for a token that is good for an
//! hour, for this repository, and for those permissions of the installation that the purpose needs.
//!
//! The key stays in this process. A token is renewed before it ends, and every token that was given is kept for masking.

use super::{
    Answer, Failure, FailureKind, Installed, Level, Needed, Place, Purpose,
    permissions::listed,
    transport::{Call, Transport},
};
use crate::domain::{Span, Timestamp};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde::Deserialize;
use serde_json::json;
use std::{collections::BTreeMap, sync::Mutex};

/// GitHub takes a claim that lives at most ten minutes; clocks differ. In seconds.
const CLAIM_BEGINS_BEFORE: i64 = 60;
const CLAIM_LIVES: Span = Span::minutes(8);

/// A token is renewed when it has less than this left.
const SPARE: Span = Span::minutes(5);

pub(super) struct App {
    id: String,
    key: RsaKeyPair,
    purpose: Purpose,
    /// Held while a token is fetched, so that one is fetched once.
    current: tokio::sync::Mutex<Option<Token>>,
    given: Mutex<Vec<String>>,
}

#[derive(Deserialize)]
struct Token {
    token: String,
    expires_at: Timestamp,
}

#[derive(Deserialize)]
struct Installation {
    id: u64,
    /// `read`, `write` or `admin`, by the name of a permission.
    permissions: BTreeMap<String, String>,
}

impl App {
    /// `key`: PEM, PKCS #1 (as GitHub gives it) or PKCS #8.
    pub fn new(id: &str, key: &str, purpose: Purpose) -> Answer<App> {
        if !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '.') {
            return Err(Failure::elsewhere("TAGWARDEN_APP_ID is neither an App's id nor its client id"));
        }
        let key = read_key(key).ok_or_else(|| Failure::elsewhere("TAGWARDEN_APP_KEY is not an RSA private key in PEM form"))?;
        Ok(App { id: id.to_owned(), key, purpose, current: tokio::sync::Mutex::default(), given: Mutex::default() })
    }

    /// Everything that has to be masked.
    pub fn given(&self) -> Vec<String> {
        self.given.lock().map(|given| given.clone()).unwrap_or_default()
    }

    /// A token that is good for a while.
    pub async fn token(&self, place: &Place, transport: &Transport) -> Answer<String> {
        let mut current = self.current.lock().await;
        let now = transport.now();
        if let Some(token) = current.as_ref().filter(|token| token.expires_at > now.plus(SPARE)) {
            return Ok(token.token.clone());
        }
        let claim = self.claim(now)?;
        let authorization = format!("Bearer {claim}");
        self.keep(claim);
        let find = Call::get(&place.api, &["repos", &place.owner, &place.name, "installation"]);
        let installation: Installation =
            transport.send(&find, Some(&authorization)).await.map_err(|failure| not_installed(failure, place))?.json()?;
        let permissions = permissions(self.purpose, &installation.permissions)?;
        let body = json!({ "repositories": [place.name], "permissions": permissions });
        let exchange = Call::get(&place.api, &["app", "installations", &installation.id.to_string(), "access_tokens"]);
        // It may be asked again: a token that nobody received ends by itself.
        let exchange = exchange.question(body);
        let token: Token =
            transport.send(&exchange, Some(&authorization)).await.map_err(|failure| lacking(failure, self.purpose))?.json()?;
        self.keep(token.token.clone());
        if token.expires_at <= now {
            return Err(Failure::unreadable("GitHub gave a token that has ended already; is this machine's clock right?"));
        }
        Ok(current.insert(token).token.clone())
    }

    /// How it is installed on the repository.
    pub async fn installed(&self, place: &Place, transport: &Transport) -> Answer<Installed> {
        let claim = self.claim(transport.now())?;
        let authorization = format!("Bearer {claim}");
        self.keep(claim);
        let find = Call::get(&place.api, &["repos", &place.owner, &place.name, "installation"]);
        transport.send(&find, Some(&authorization)).await.map_err(|failure| not_installed(failure, place))?.json()
    }

    fn keep(&self, secret: String) {
        if let Ok(mut given) = self.given.lock() {
            given.push(secret);
        }
    }

    fn claim(&self, now: Timestamp) -> Answer<String> {
        let header = json!({ "alg": "RS256", "typ": "JWT" });
        let begins = now.unix().saturating_sub(CLAIM_BEGINS_BEFORE);
        let payload = json!({ "iat": begins, "exp": now.plus(CLAIM_LIVES).unix(), "iss": self.id });
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(payload.to_string()));
        let mut signature = vec![0; self.key.public().modulus_len()];
        let done = self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature);
        done.map_err(|_| Failure::elsewhere("the App's key cannot sign"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn not_installed(failure: Failure, place: &Place) -> Failure {
    match failure.kind {
        FailureKind::NotFound => {
            let words = format!("the App is not installed on {}/{}, or may not see it", place.owner, place.name);
            Failure::new(failure.kind, words)
        }
        _ => failure,
    }
}

/// What is asked for: of what the purpose needs, all that the installation has. What is lacking for one question is said by that
/// question's failure; a purpose that needs all is refused here.
fn permissions(purpose: Purpose, granted: &BTreeMap<String, String>) -> Answer<BTreeMap<&'static str, &'static str>> {
    let level = |permission: &str| granted.get(permission).and_then(|name| Level::of_name(name));
    let needs = purpose.needs();
    let lacking: Vec<Needed> = needs.iter().copied().filter(|need| level(need.permission) < Some(need.level)).collect();
    if purpose.needs_all() && !lacking.is_empty() {
        let lacking = listed(&lacking);
        let words =
            format!("the App's installation lacks {lacking}; grant it in the settings of the App, and accept it where it is installed");
        return Err(Failure::new(FailureKind::Forbidden(Some(lacking)), words));
    }
    let asked = needs.iter().filter_map(|need| Some((need.permission, level(need.permission)?.min(need.level).name())));
    Ok(asked.chain([("metadata", Level::Read.name())]).collect())
}

/// GitHub refuses a token with more permissions than the installation has: it had them a moment ago.
fn lacking(failure: Failure, purpose: Purpose) -> Failure {
    match failure.kind {
        FailureKind::Unprocessable => {
            let needs = listed(&purpose.needs());
            let words = format!("the App's installation lacks a permission of {needs}; {}", failure.words);
            Failure::new(FailureKind::Forbidden(Some(needs)), words)
        }
        _ => failure,
    }
}

/// Environments keep line ends as `\n` in two characters, too.
fn read_key(pem: &str) -> Option<RsaKeyPair> {
    let pem = pem.replace("\\n", "\n");
    let body = |label: &str| {
        let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
        let (_, rest) = pem.split_once(&begin)?;
        let (body, _) = rest.split_once(&end)?;
        let compact: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        STANDARD.decode(compact).ok()
    };
    match body("RSA PRIVATE KEY") {
        Some(der) => RsaKeyPair::from_der(&der).ok(),
        None => RsaKeyPair::from_pkcs8(&body("PRIVATE KEY")?).ok(),
    }
}
