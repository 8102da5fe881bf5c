//! Masks: known secret values, taken out of every text before it is recorded.
//!
//! A secret is found as it is, JSON-escaped, percent-encoded, in hex and in base64 (both alphabets, wherever in the encoded
//! bytes it starts). What is not found: a secret that was compressed, encrypted, split or otherwise transformed, and
//! anything shorter than four bytes. Secrets that nobody named are the business of [`super::secrets`].

use crate::gate::probe::Unavailable;
use base64::{Engine as _, alphabet, engine};
use serde_json::Value;
use std::{collections::BTreeSet, fmt::Write as _};

/// What stands where a secret stood.
pub const MASKED: &str = "[masked]";

/// The shortest secret that is masked, in bytes.
const SHORTEST: usize = 4;
/// Encodings in which a short secret would hit innocent text are looked for from this length on, in bytes.
const ENCODED_FROM: usize = 7;
/// Lines of a secret with several lines count as secrets from this length on.
const LINE_FROM: usize = 16;

/// A set of secret values. Has no `Debug` and no way to read a value back.
#[derive(Clone, Default)]
pub struct Masks {
    needles: Vec<String>,
}

impl Masks {
    pub fn new(secrets: impl IntoIterator<Item = impl AsRef<str>>) -> Masks {
        let mut needles = BTreeSet::new();
        for secret in secrets {
            let secret = secret.as_ref();
            add_forms(secret, &mut needles);
            add_forms(secret.trim(), &mut needles);
            if let Some(password) = password_of(secret) {
                add_forms(password, &mut needles);
            }
            if secret.trim().contains('\n') {
                secret.lines().map(str::trim).filter(|line| line.len() >= LINE_FROM).for_each(|line| add_forms(line, &mut needles));
            }
        }
        Masks { needles: needles.into_iter().collect() }
    }

    /// The secrets of both sets.
    #[must_use]
    pub fn and(&self, other: &Masks) -> Masks {
        let needles: BTreeSet<&String> = self.needles.iter().chain(&other.needles).collect();
        Masks { needles: needles.into_iter().cloned().collect() }
    }

    pub fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    /// The text without the secrets.
    pub fn mask(&self, text: &str) -> String {
        let mut hits = self.hits(text);
        hits.sort_unstable();
        let mut masked = String::with_capacity(text.len());
        let mut at = 0;
        let mut hits = hits.into_iter().peekable();
        while let Some((start, mut end)) = hits.next() {
            while let Some((_, further)) = hits.next_if(|(next, _)| *next <= end) {
                end = end.max(further);
            }
            masked.push_str(&text[at..start]);
            masked.push_str(MASKED);
            at = end;
        }
        masked.push_str(&text[at..]);
        masked
    }

    /// Masks the strings, the keys and the numbers of a JSON value, at any depth.
    pub fn mask_json(&self, value: &mut Value) {
        if self.is_empty() {
            return;
        }
        let mut open = vec![value];
        while let Some(value) = open.pop() {
            match value {
                Value::String(text) => *text = self.mask(text),
                Value::Number(number) => {
                    let text = number.to_string();
                    let masked = self.mask(&text);
                    if masked != text {
                        *value = Value::String(masked);
                    }
                }
                Value::Array(items) => open.extend(items.iter_mut()),
                Value::Object(fields) => {
                    *fields = std::mem::take(fields).into_iter().map(|(key, value)| (self.mask(&key), value)).collect();
                    open.extend(fields.values_mut());
                }
                Value::Null | Value::Bool(_) => {}
            }
        }
    }

    /// The same reason with a masked detail.
    #[must_use]
    pub fn unavailable(&self, unavailable: Unavailable) -> Unavailable {
        let detail = unavailable.detail.map(|detail| super::secrets::redact_text(&self.mask(&detail)));
        Unavailable { detail, ..unavailable }
    }

    /// Every place where a needle stands, overlapping ones too.
    fn hits(&self, text: &str) -> Vec<(usize, usize)> {
        let mut hits = Vec::new();
        for needle in &self.needles {
            let mut from = 0;
            while let Some(found) = text[from..].find(needle.as_str()) {
                let start = from + found;
                hits.push((start, start + needle.len()));
                // The next character, so that the slice stays on a boundary.
                from = start + text[start..].chars().next().map_or(1, char::len_utf8);
            }
        }
        hits
    }
}

/// The password in an address such as `postgres://user:password@host/name`: it is the secret of it, and programs say it
/// without the rest.
fn password_of(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user_info, _) = authority.rsplit_once('@')?;
    user_info.split_once(':').map(|(_, password)| password)
}

/// Adds every form in which a secret may stand in a text.
fn add_forms(secret: &str, needles: &mut BTreeSet<String>) {
    if secret.len() < SHORTEST {
        return;
    }
    needles.insert(secret.to_owned());
    needles.insert(json_escaped(secret, false));
    needles.insert(json_escaped(secret, true));
    needles.insert(json_escaped(secret, true).replace('/', "\\/"));
    for upper in [true, false] {
        needles.insert(percent_encoded(secret, "-._~", upper));
        // As `encodeURI` and path segments leave it, and as forms have it.
        needles.insert(percent_encoded(secret, "-._~!$&'()*+,;=:@/?#", upper));
        needles.insert(percent_encoded(secret, "-._~*", upper).replace("%20", "+"));
    }
    for alphabet in [alphabet::STANDARD, alphabet::URL_SAFE] {
        let engine = engine::GeneralPurpose::new(&alphabet, engine::general_purpose::NO_PAD);
        needles.insert(engine.encode(secret));
        if secret.len() >= ENCODED_FROM {
            (0..3).for_each(|offset| {
                needles.insert(base64_core(&engine, secret.as_bytes(), offset));
            });
        }
    }
    if secret.len() >= ENCODED_FROM {
        let hex = crate::domain::digest::hex(secret.as_bytes());
        needles.insert(hex.to_uppercase());
        needles.insert(hex);
    }
}

/// The characters of the base64 form that depend on nothing but the secret, where the secret starts `offset` bytes into a
/// group of three.
fn base64_core(engine: &engine::GeneralPurpose, secret: &[u8], offset: usize) -> String {
    let mut padded = vec![0; offset];
    padded.extend_from_slice(secret);
    let first = (offset * 8).div_ceil(6);
    let end = (offset + secret.len()) * 8 / 6;
    engine.encode(padded)[first..end].to_owned()
}

/// The inside of the JSON string; `ascii`: with `\uXXXX` for everything beyond ASCII.
fn json_escaped(secret: &str, ascii: bool) -> String {
    let quoted = Value::from(secret).to_string();
    let inner = &quoted[1..quoted.len() - 1];
    if !ascii {
        return inner.to_owned();
    }
    let mut escaped = String::new();
    for c in inner.chars() {
        if c.is_ascii() {
            escaped.push(c);
        } else {
            // Writing to a String cannot fail.
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| _ = write!(escaped, "\\u{unit:04x}"));
        }
    }
    escaped
}

fn percent_encoded(secret: &str, kept: &str, upper: bool) -> String {
    let mut encoded = String::new();
    for byte in secret.bytes() {
        if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) {
            encoded.push(char::from(byte));
        } else if upper {
            // Writing to a String cannot fail.
            _ = write!(encoded, "%{byte:02X}");
        } else {
            _ = write!(encoded, "%{byte:02x}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SECRET: &str = "p&ss \"wörd\"/+9?";

    #[test]
    fn every_form_of_a_secret_is_masked() {
        let masks = Masks::new([SECRET]);
        let standard = engine::general_purpose::STANDARD;
        let url_safe = engine::general_purpose::URL_SAFE_NO_PAD;
        let forms = [
            SECRET.to_owned(),
            json!(SECRET).to_string(),
            r#"p&ss \"w\u00f6rd\"\/+9?"#.to_owned(),
            "p%26ss%20%22w%C3%B6rd%22%2F%2B9%3F".to_owned(),
            "p%26ss%20%22w%c3%b6rd%22%2f%2b9%3f".to_owned(),
            "p%26ss+%22w%C3%B6rd%22%2F%2B9%3F".to_owned(),
            standard.encode(SECRET),
            standard.encode(format!("user:{SECRET}")),
            standard.encode(format!("u:{SECRET}")),
            standard.encode(format!("me:{SECRET} and more")),
            url_safe.encode(format!("{{{SECRET}")),
            crate::domain::digest::hex(SECRET.as_bytes()),
        ];
        for form in forms {
            let masked = masks.mask(&format!("before {form} after"));
            assert!(masked.contains(MASKED), "{form}");
            assert!(masked.starts_with("before ") && masked.ends_with(" after"), "{masked}");
            // At base64 group edges, up to two characters that mix the secret with its neighbours may stay.
            assert!(masked.len() <= "before ".len() + MASKED.len() + " after".len() + 24, "{masked}");
        }
    }

    #[test]
    fn overlapping_secrets_leave_nothing() {
        let masks = Masks::new(["abcdef", "efghij", "aaaa"]);
        assert_eq!(masks.mask("xabcdefghijx"), "x[masked]x");
        assert_eq!(masks.mask("aaaaaa"), "[masked]");
        assert_eq!(Masks::new(["abc"]).mask("abc"), "abc", "too short to mask");
    }

    #[test]
    fn each_line_of_a_long_secret_is_one() {
        let masks = Masks::new(["-----BEGIN X-----\nQUJDREVGR0hJSktMTU5PUA\n-----END X-----\n"]);
        assert_eq!(masks.mask("log: QUJDREVGR0hJSktMTU5PUA"), "log: [masked]");
    }

    #[test]
    fn the_password_of_an_address_is_one() {
        for (address, left) in [
            ("postgres://app:hunter22@db.example.com:5432/app?x=y", "[masked] for app at db.example.com:5432"),
            ("https://app:hunter22@example.com", "[masked] for app at db.example.com:5432"),
            ("postgres://db.example.com:5432/hunter22", "hunter22 for app at db.example.com:5432"),
            ("https://example.com/?mail=app:hunter22@example.com", "hunter22 for app at db.example.com:5432"),
        ] {
            assert_eq!(Masks::new([address]).mask("hunter22 for app at db.example.com:5432"), left, "{address}");
        }
    }

    #[test]
    fn json_is_masked_in_keys_strings_and_numbers() {
        let mut value = json!({"k-hunter22": [{"a": "x hunter22"}, 12345678, 1, true]});
        Masks::new(["hunter22", "12345678"]).mask_json(&mut value);
        assert_eq!(value, json!({"k-[masked]": [{"a": "x [masked]"}, "[masked]", 1, true]}));
    }

    #[test]
    fn the_detail_of_a_missing_fact_is_masked() {
        let unavailable = Masks::new(["hunter22"]).unavailable(Unavailable::new("timeout").detail("https://x/?a=hunter22&token=abc"));
        assert_eq!(unavailable.detail.as_deref(), Some("https://x/?a=[masked]&token=[redacted]"));
    }

    #[test]
    fn two_sets_together_mask_the_secrets_of_both() {
        let both = Masks::new(["first-secret"]).and(&Masks::new(["second-secret"]));
        assert_eq!(both.mask("first-secret second-secret"), "[masked] [masked]");
    }
}
