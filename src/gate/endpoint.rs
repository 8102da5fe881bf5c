//! Whose endpoint a URL names. A gate never probes another channel's endpoint by accident, so a URL is compared with the
//! channel's base URL before it is asked, and what an endpoint answered can never choose the host.
//!
//! The reading is stricter than that of any HTTP client: a URL that a client might mend into something else (backslashes,
//! white space, user information, odd hosts) is refused, so that both see the same host.

use crate::text::template::{Malformed, Slot, Template};
use std::fmt::Write as _;

/// Refuses a template whose host is not its own: it starts with `{base_url}`, or with `http://` or `https://` and a host
/// that neither a capture nor a variable decides.
pub fn check_template(text: &str, template: &Template) -> Result<(), Malformed> {
    const BASE: &str = "{base_url}";
    if let Some(rest) = text.strip_prefix(BASE) {
        return match rest.chars().next() {
            None | Some('/' | '?' | '#') => Ok(()),
            Some(_) => Err(Malformed { at: 0..text.len(), message: "`{base_url}` is followed by a path that starts with `/`".to_owned() }),
        };
    }
    let Some(after_scheme) = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme)) else {
        let message = format!("`{text}` is no URL: it starts with `{{base_url}}/`, `https://` or `http://`");
        return Err(Malformed { at: 0..text.len(), message });
    };
    let host_end = text.len() - after_scheme.len() + after_scheme.find(['/', '?', '#']).unwrap_or(after_scheme.len());
    match template.slots().find(|(slot, at)| at.start < host_end && !matches!(slot, Slot::Value(name) if name != "base_url")) {
        Some((slot, at)) => Err(Malformed { at: at.clone(), message: format!("`{slot}` may not decide which host is asked") }),
        None => Ok(()),
    }
}

/// Why a URL is not asked. Neither quotes user information.
#[derive(Debug, PartialEq)]
pub enum NotAsked {
    /// Different readers could read it differently; what is wrong.
    Unclear(String),
    /// It is on another host than the channel; which.
    OtherHost(String),
}

impl NotAsked {
    pub fn why(&self) -> &str {
        match self {
            NotAsked::Unclear(why) | NotAsked::OtherHost(why) => why,
        }
    }

    /// What to do, for a gate with a key `elsewhere`.
    pub fn help(&self) -> &'static str {
        match self {
            NotAsked::Unclear(_) => {
                "write it as scheme, host, port and path; what proves who asks goes into a header, from a variable (`{env.NAME}`)"
            }
            NotAsked::OtherHost(_) => "write `elsewhere: true` where the other host is meant",
        }
    }
}

/// Whether a URL (in which `{env.NAME}` may stand) is on the host of the base URL.
pub fn on_host_of(url: &str, base_url: &str) -> Result<(), NotAsked> {
    let authority = |url| Authority::of(url).map_err(NotAsked::Unclear);
    let (asked, base) = (authority(url)?, authority(base_url)?);
    // The plain-text twin of a host on its standard port is the same endpoint: it is asked whether it redirects.
    let same_port = asked.port == base.port || (asked.is_standard() && base.is_standard());
    if asked.host == base.host && same_port {
        return Ok(());
    }
    Err(NotAsked::OtherHost(format!("`{}` is not the channel's own host `{}`", asked.name(), base.name())))
}

/// Refuses a URL that different readers could read differently.
pub fn check_url(url: &str) -> Result<(), NotAsked> {
    Authority::of(url).map(|_| ()).map_err(NotAsked::Unclear)
}

/// Percent-encodes a value, so that it stays one path segment, or one value of a query, of the URL it is put into.
pub fn encode(value: &str) -> String {
    value.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

struct Authority {
    secure: bool,
    host: String,
    port: u16,
}

impl Authority {
    fn of(url: &str) -> Result<Authority, String> {
        if url.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err("the URL has white space, a control character or a backslash".to_owned());
        }
        let lower = url.to_ascii_lowercase();
        let (secure, rest) = lower
            .strip_prefix("https://")
            .map(|rest| (true, rest))
            .or_else(|| lower.strip_prefix("http://").map(|rest| (false, rest)))
            .ok_or("the URL starts with neither `https://` nor `http://`")?;
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        if authority.contains('@') {
            return Err("the URL has user information before its host, which is never sent".to_owned());
        }
        let port_at = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
        let (host, port) = port_at.map_or((authority, None), |at| (&authority[..at], Some(&authority[at + 1..])));
        let port = match port {
            None => {
                if secure {
                    443
                } else {
                    80
                }
            }
            Some(text) if text.bytes().all(|c| c.is_ascii_digit()) => text.parse().map_err(|_| format!("`{text}` is no port"))?,
            Some(text) => return Err(format!("`{text}` is no port")),
        };
        if !is_host(host) {
            return Err(format!("`{host}` is no plain host name or address"));
        }
        Ok(Authority { secure, host: host.to_owned(), port })
    }

    fn is_standard(&self) -> bool {
        self.port == if self.secure { 443 } else { 80 }
    }

    fn name(&self) -> String {
        if self.is_standard() { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }
}

/// A name of letters, digits, `-`, `_` and dots, or an IPv6 address in brackets.
fn is_host(host: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"-_.".contains(&c);
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.contains(':') && address.bytes().all(|c| c.is_ascii_hexdigit() || b":.".contains(&c)),
        None => !host.is_empty() && !host.starts_with('.') && !host.ends_with('.') && !host.contains("..") && host.bytes().all(plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_apart() {
        for (url, base, same) in [
            ("https://example.com/a", "https://example.com", true),
            ("HTTPS://EXAMPLE.com:443", "https://example.com/app", true),
            ("http://example.com/", "https://example.com", true),
            ("http://example.com:8080/", "https://example.com", false),
            ("http://localhost:4000", "http://localhost:3000", false),
            ("https://example.com.evil.test/", "https://example.com", false),
            ("https://example.com@evil.test/", "https://example.com", false),
            ("https://evil.test/https://example.com", "https://example.com", false),
            ("https://evil.test#@example.com", "https://example.com", false),
            ("https:\\\\example.com", "https://example.com", false),
            ("https://exam\tple.com", "https://example.com", false),
            ("https:///example.com", "https://example.com", false),
            ("ftp://example.com", "https://example.com", false),
            ("https://exämple.com", "https://example.com", false),
            ("https://example.com%2eevil.test/", "https://example.com", false),
            ("https://example.com:99999/", "https://example.com", false),
            ("https://[::1]:80/", "https://[::1]:80", true),
            ("https://[::1", "https://[::1]", false),
            ("https://example.com./", "https://example.com", false),
            ("https://example.com/{env.KEY}?x=a@b", "https://example.com", true),
        ] {
            assert_eq!(on_host_of(url, base).is_ok(), same, "{url} and {base}");
        }
    }

    #[test]
    fn templates_decide_their_own_host() {
        for (text, lawful) in [
            ("{base_url}", true),
            ("{base_url}/a/{capture.ID}?k={env.KEY}", true),
            ("https://{channel}.example.com/{env.KEY}", true),
            ("{base_url}.evil.test/", false),
            ("{base_url}@evil.test/", false),
            ("{base_url}{capture.ID}", false),
            ("https://{capture.ID}/", false),
            ("https://example.com{env.KEY}", false),
            ("https://{base_url}/", false),
            ("{capture.ID}", false),
            ("/api/health", false),
            ("file:///etc/passwd", false),
        ] {
            let template = Template::parse(text).unwrap();
            assert_eq!(check_template(text, &template).is_ok(), lawful, "{text}");
        }
    }

    #[test]
    fn values_stay_one_segment() {
        assert_eq!(encode("a/../b?x#y@z{env.K}é"), "a%2F..%2Fb%3Fx%23y%40z%7Benv.K%7D%C3%A9");
    }
}
