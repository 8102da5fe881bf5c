//! Signed messages that wake a controller: HMAC-SHA256 over the body, as GitHub sends it in `X-Hub-Signature-256`.
//!
//! What a message says is never read. It only wakes, and the round that follows asks the remote, so a message that is sent again does no
//! harm.

use ring::hmac;

/// What both sides know.
pub struct Secret(hmac::Key);

impl Secret {
    pub fn new(text: &str) -> Secret {
        Secret(hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes()))
    }

    /// Whether `signature` (`sha256=` and hex) is that of the body. Takes as long for every wrong one.
    pub fn has_signed(&self, body: &[u8], signature: &str) -> bool {
        let tag = signature.strip_prefix("sha256=").and_then(decoded);
        tag.is_some_and(|tag| hmac::verify(&self.0, body, &tag).is_ok())
    }
}

fn decoded(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = hex.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_signature_of_this_body_under_this_secret_counts() {
        // The example of GitHub's documentation.
        let (secret, body) = (Secret::new("It's a Secret to Everybody"), b"Hello, World!");
        let right = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert!(secret.has_signed(body, right));
        assert!(!secret.has_signed(b"Hello, World?", right));
        assert!(!Secret::new("another").has_signed(body, right));
        for wrong in [
            "",
            "sha256=",
            "sha1=757107ea",
            &right[7..],
            &right[..right.len() - 1],
            &right[..right.len() - 2],
            "sha256=é7",
            &right.replace('e', "g"),
        ] {
            assert!(!secret.has_signed(body, wrong), "{wrong}");
        }
    }
}
