//! `curl`, `wget` and what opens URLs: a URL needs its host, and its path is an endpoint.

use super::{
    files,
    judge::{Judge, Proof, Run},
    options::{self, Given, Valued},
    shell::Word,
};
use crate::{lockdown::endpoints, tree::Unreadable};

const MENTIONED: &str = "named without its arguments";

const CURL: Valued = Valued {
    letters: "AbcCdDeEFHKmoPQrtTuUwxXyYz",
    names: "abstract-unix-socket alt-svc aws-sigv4 cacert capath cert cert-type ciphers config connect-timeout connect-to continue-at \
            cookie cookie-jar create-file-mode crlfile curves data data-ascii data-binary data-raw data-urlencode delegation \
            dns-interface dns-ipv4-addr dns-ipv6-addr dns-servers doh-url dump-header ech engine etag-compare etag-save \
            expect100-timeout form form-string ftp-account ftp-method ftp-port happy-eyeballs-timeout-ms haproxy-clientip header \
            hostpubmd5 hostpubsha256 hsts interface ipfs-gateway json keepalive-time key key-type krb libcurl limit-rate local-port \
            login-options mail-auth mail-from mail-rcpt max-filesize max-redirs max-time netrc-file noproxy oauth2-bearer output \
            output-dir parallel-max pass pinnedpubkey preproxy proto proto-default proto-redir proxy proxy-cacert proxy-cert \
            proxy-header proxy-key proxy-pass proxy-user proxy1.0 pubkey quote random-file range rate referer request request-target \
            resolve retry retry-delay retry-max-time sasl-authzid service-name socks4 socks4a socks5 socks5-hostname speed-limit \
            speed-time stderr telnet-option tftp-blksize time-cond tls-max tls13-ciphers tlspassword tlsuser trace trace-ascii \
            trace-config unix-socket upload-file url url-query user user-agent variable vlan-priority write-out",
};

const WGET: Valued = Valued {
    letters: "OoPeiUQtTwlARDIXBa",
    names: "accept append-output body-data body-file ca-certificate certificate directory-prefix domains execute header input-file level \
            limit-rate method output-document output-file password post-data post-file private-key quota reject timeout tries user \
            user-agent wait",
};

/// Options that do without a URL, or bring it from elsewhere.
const WITHOUT: &[&str] =
    &["-K", "--config", "-V", "--version", "-h", "--help", "-M", "--manual", "--url", "-i", "--input-file", "--unix-socket"];

/// Options of curl whose value is a file where an `@` stands before it, and those whose value is one as it stands.
const SENT: &[&str] = &["-d", "--data", "--data-ascii", "--data-binary", "--data-urlencode", "--json"];
const UPLOADED: &[&str] = &["-T", "--upload-file"];

pub fn judge(judge: &mut Judge, run: &Run) -> Result<(), Unreadable> {
    let text = &judge.text.text;
    let curl = run.program == "curl";
    let given = options::read(&run.words[1..], text, if curl { &CURL } else { &WGET });
    let mut urls: Vec<&Word> = Vec::new();
    let mut elsewhere = run.fed;
    for given in &given {
        match given {
            Given::Argument(word) => urls.push(word),
            Given::Option(name, value) => {
                if name == "--url" {
                    urls.extend(value.iter().map(|value| value.word));
                }
                // For curl, `-i` shows headers.
                elsewhere |= WITHOUT.contains(&name.as_str()) && !(curl && name == "-i");
            }
        }
    }
    for given in &given {
        let Given::Option(name, Some(value)) = given else { continue };
        let named = judge.named_by(value.word).filter(|named| curl && value.text.as_ref() == Some(named));
        let path = match named {
            Some(named) if SENT.contains(&name.as_str()) => named.strip_prefix('@').map(str::to_owned),
            named => named.filter(|_| UPLOADED.contains(&name.as_str())),
        };
        if let Some(path) = path {
            files::at(judge, value.word, path, false)?;
        }
    }
    let method = method(&given, curl);
    for url in &urls {
        let raw = url.raw(text);
        if raw.trim_start_matches(['"', '\'']).starts_with('/') && !elsewhere {
            let range = judge.place(url);
            let message = format!("`{raw}` has no host, so that {} cannot ask it", run.program);
            let help = format!("write the whole URL, such as `https://<target>{}`", raw.trim_matches(['"', '\'']));
            judge.report.blame("docs/curl-without-host", Proof::Tree, range, message, Some(help));
        }
        name(judge, url, method);
    }
    if !urls.is_empty() || elsewhere {
        judge.report.checked = true;
    } else if judge.around.inline || run.words.len() == 1 {
        judge.report.unsure(MENTIONED);
    } else {
        let range = judge.place(&run.words[0]);
        let message = format!("{} is given no URL", run.program);
        judge.report.blame("docs/curl-without-host", Proof::Tree, range, message, None);
    }
    Ok(())
}

/// What a browser or the like opens.
pub fn opened(judge: &mut Judge, run: &Run) {
    for word in &run.words[1..] {
        let raw = word.raw(&judge.text.text).trim_start_matches(['"', '\'']);
        if raw.contains("://") || run.program.starts_with("http") {
            name(judge, word, None);
        }
    }
}

fn method(given: &[Given], curl: bool) -> Option<&'static str> {
    let mut method = None;
    for given in given {
        let Given::Option(name, value) = given else { continue };
        match (name.as_str(), value) {
            ("-X" | "--request" | "--method", Some(value)) => {
                let named = value.text.as_deref().unwrap_or_default();
                return endpoints::METHODS.iter().find(|known| **known == named).copied();
            }
            ("-G" | "--get", _) => return Some("GET"),
            ("-I" | "--head", _) if curl => return Some("HEAD"),
            ("-T" | "--upload-file", _) if curl => method = Some("PUT"),
            ("-d" | "-F" | "--json" | "--form" | "--post-data" | "--post-file", _) => method = Some("POST"),
            (name, _) if curl && name.starts_with("--data") => method = Some("POST"),
            _ => {}
        }
    }
    method
}

/// Names the path of a URL as an endpoint.
fn name(judge: &mut Judge, word: &Word, method: Option<&'static str>) {
    let raw = word.raw(&judge.text.text);
    let Some((host, path)) = split(raw) else { return };
    let shown = &raw[path.clone()];
    if !shown.chars().any(char::is_alphanumeric) {
        return;
    }
    let range = judge.text.range(&(word.range.start + path.start..word.range.start + path.end));
    let ours = is_ours(judge, host);
    judge.named.endpoints.push(endpoints::Named { method, path: shown.to_owned(), range, ours });
}

/// A host that is left open, that is this machine, or that a channel names.
fn is_ours(judge: &Judge, host: &str) -> bool {
    let bare = host.split(':').next().unwrap_or(host);
    let open = host.is_empty() || host.contains(['<', '{', '$', '\u{2026}']) || host.contains("...");
    let local = matches!(bare, "localhost" | "127.0.0.1" | "0.0.0.0") || host.starts_with("[::1]");
    let channels = judge.desk.library.facts.protocol.iter().flat_map(|protocol| protocol.channels.values());
    let mut hosts = channels.filter_map(|channel| channel.base_url.as_deref());
    let of = |url: &str| url.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or_default().to_owned());
    open || local || hosts.any(|url| of(url).as_deref() == Some(host))
}

/// Host and path of a URL as it is written: the bytes of the path, without query and fragment.
fn split(raw: &str) -> Option<(&str, std::ops::Range<usize>)> {
    let start = raw.len() - raw.trim_start_matches(['"', '\'']).len();
    let rest = &raw[start..];
    let scheme = rest.find("://").filter(|at| rest[..*at].chars().all(|c| c.is_ascii_alphanumeric() || c == '+')).map_or(0, |at| at + 3);
    let from = start + scheme;
    let slash = from + outside(&raw[from..], |c| matches!(c, '/' | '"' | '\'' | '?' | '#' | ' ' | '`' | '\\'));
    let host = &raw[from..slash];
    let host_like = scheme > 0 || host.is_empty() || host.contains(['.', ':', '<', '{', '$']) || host == "localhost";
    if !raw[slash..].starts_with('/') || !host_like {
        return None;
    }
    let end = slash + outside(&raw[slash..], |c| matches!(c, '"' | '\'' | '?' | '#' | ' ' | '`' | '\\' | '|' | '&' | ')' | '('));
    Some((host, slash..end))
}

/// The first place outside of `<...>` and `{...}` where a character is one of these; else the end.
fn outside(text: &str, stops: impl Fn(char) -> bool) -> usize {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '<' | '{' => depth += 1,
            '>' | '}' => depth = depth.saturating_sub(1),
            c if depth == 0 && stops(c) => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_split_as_they_are_written() {
        for (raw, expected) in [
            ("https://<target>/api/health", Some(("<target>", "/api/health"))),
            ("\"https://$HOST/api/x?y=1\"", Some(("$HOST", "/api/x"))),
            ("'${BASE_URL}/api/<test-npi>/z#a'", Some(("${BASE_URL}", "/api/<test-npi>/z"))),
            ("/api/health", Some(("", "/api/health"))),
            ("localhost:3000/x", Some(("localhost:3000", "/x"))),
            ("https://example.com", None),
            ("https://example.com/", Some(("example.com", "/"))),
            ("https://{{ host }}/a/{id}", Some(("{{ host }}", "/a/{id}"))),
            ("relative/path", None),
            ("https://<a/b>/c", Some(("<a/b>", "/c"))),
        ] {
            assert_eq!(split(raw).map(|(host, path)| (host, &raw[path])), expected, "{raw}");
        }
    }
}
