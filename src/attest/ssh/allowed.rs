//! The `allowed_signers` file: one signer a line, `principal [options] type base64 [comment]`.
//!
//! Options: `namespaces="a,b"`, `valid-after="..."`, `valid-before="..."`. Stricter than OpenSSH where the answer to "who
//! signed" would otherwise be open: one literal name a line, one name for a key, times in UTC with their `Z`, no certificate
//! authorities, nothing unknown.

use super::{SshRefusal, wire::PublicKey};
use crate::{
    domain::{Finding, Timestamp},
    text::source::Source,
};
use std::{collections::BTreeMap, ops::Range};

/// Every finding code that reading the file can give.
pub const CODES: &[(&str, &str)] = &[
    ("signers/malformed", "A line of allowed_signers is not of the form `principal [options] type base64 [comment]`."),
    ("signers/principal", "A line names no single literal signer."),
    ("signers/option", "An option of a line is unknown, repeated or has an unreadable value."),
    ("signers/cert-authority", "Certificate authorities are not supported."),
    ("signers/key", "A key is malformed or of a type that is not supported."),
    ("signers/two-names", "One key stands under two names."),
    ("signers/empty", "The file names no signer."),
];

/// What to do about a list without signers.
pub const NOBODY: &str = "nobody can adopt it: put in a line for each signer, `release@example.com ssh-ed25519 AAAA...`";

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    pub principal: String,
    /// As OpenSSH prints it: `SHA256:<base64>`.
    pub fingerprint: String,
    /// Key type as OpenSSH names it.
    pub key_type: String,
    pub valid_after: Option<Timestamp>,
    pub valid_before: Option<Timestamp>,
    /// Patterns; `None`: every namespace.
    namespaces: Option<Vec<String>>,
}

impl Signer {
    /// Both ends belong to the time of validity.
    pub fn is_valid_at(&self, at: Timestamp) -> bool {
        self.valid_after.is_none_or(|after| at >= after) && self.valid_before.is_none_or(|before| at <= before)
    }

    pub fn may_sign_for(&self, namespace: &str) -> bool {
        let Some(patterns) = &self.namespaces else { return true };
        let negated = |pattern: &String| pattern.strip_prefix('!').is_some_and(|pattern| fits(pattern, namespace));
        patterns.iter().any(|pattern| fits(pattern, namespace)) && !patterns.iter().any(negated)
    }
}

/// Who may sign.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedSigners {
    /// By key blob. All lines of one key name the same principal.
    keys: BTreeMap<Vec<u8>, Vec<Signer>>,
}

impl AllowedSigners {
    /// Reads `gates/allowed_signers`; every line that is wrong gives a finding.
    pub fn parse(text: &str) -> Result<AllowedSigners, Vec<Finding>> {
        AllowedSigners::parse_file(&Source::new("gates/allowed_signers", text))
    }

    /// Reads a file of another name.
    pub fn parse_file(source: &Source) -> Result<AllowedSigners, Vec<Finding>> {
        let mut allowed = AllowedSigners::default();
        let mut findings = Vec::new();
        let mut at = 0;
        for line in source.text.split_inclusive('\n') {
            let start = at;
            at += line.len();
            let text = line.trim_end();
            let indent = text.len() - text.trim_start().len();
            let text = &text[indent..];
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            if let Err(wrong) = allowed.add(text) {
                let place = source.place(start + indent + wrong.at.start..start + indent + wrong.at.end);
                findings.push(Finding::error(wrong.code, wrong.message).at(place).help(wrong.help));
            }
        }
        if findings.is_empty() && allowed.keys.is_empty() {
            findings.push(Finding::error("signers/empty", "the file names no signer").at(source.place(0..0)).help(NOBODY));
        }
        if findings.is_empty() { Ok(allowed) } else { Err(findings) }
    }

    /// Every line, in the order of the keys.
    pub fn signers(&self) -> impl Iterator<Item = &Signer> {
        self.keys.values().flatten()
    }

    pub(super) fn with_key(&self, blob: &[u8]) -> &[Signer] {
        self.keys.get(blob).map(Vec::as_slice).unwrap_or_default()
    }

    fn add(&mut self, line: &str) -> Result<(), Wrong> {
        let (principal, rest) = principal(line)?;
        let (options, key_at) = options(line, rest)?;
        let (blob, _) = PublicKey::parse_line(&line[key_at..]).map_err(|refusal| {
            let help = match refusal {
                SshRefusal::Unsupported(_) => "Use an Ed25519, ECDSA P-256 or P-384, or RSA key of 2048 to 8192 bits.",
                _ => "Copy the line from the .pub file.",
            };
            Wrong { code: "signers/key", message: refusal.to_string(), at: key_at..line.len(), help }
        })?;
        let lines = self.keys.entry(blob).or_default();
        if let Some(other) = lines.iter().find(|other| other.principal != principal) {
            let message = format!("the key of `{principal}` stands under `{}` too, so nobody could say who signed", other.principal);
            return Err(Wrong { code: "signers/two-names", message, at: 0..line.len(), help: "Give every signer a key of their own." });
        }
        lines.push(Signer {
            principal,
            fingerprint: super::fingerprint_of(&line[key_at..]).unwrap_or_default(),
            key_type: line[key_at..].split_ascii_whitespace().next().unwrap_or_default().to_owned(),
            valid_after: options.valid_after,
            valid_before: options.valid_before,
            namespaces: options.namespaces,
        });
        Ok(())
    }
}

/// What is wrong with a line, and the byte range in it.
struct Wrong {
    code: &'static str,
    message: String,
    at: Range<usize>,
    help: &'static str,
}

/// The name, and where the rest of the line starts.
fn principal(line: &str) -> Result<(String, usize), Wrong> {
    let wrong = |code: &'static str, message: &str, end: usize| Wrong {
        code,
        message: message.to_owned(),
        at: 0..end,
        help: "Write one line for each signer: `name@example.com ssh-ed25519 AAAA...`.",
    };
    let (name, end) = match line.strip_prefix('"') {
        Some(quoted) => {
            let close = quoted.find('"').ok_or_else(|| wrong("signers/malformed", "the quoted name has no end", line.len()))?;
            (&quoted[..close], close + 2)
        }
        None => {
            let end = line.find([' ', '\t']).unwrap_or(line.len());
            (&line[..end], end)
        }
    };
    let rest = end + (line[end..].len() - line[end..].trim_start().len());
    if rest == line.len() {
        return Err(wrong("signers/malformed", "the line has no key", line.len()));
    }
    if name.contains(['*', '?', '!']) {
        return Err(wrong("signers/principal", "a pattern does not say who signed", end));
    }
    if !is_literal(name) {
        return Err(wrong("signers/principal", "a line names exactly one signer, in letters, digits and `@._+-/=`", end));
    }
    Ok((name.to_owned(), rest))
}

/// Names one person, and is no pattern.
pub(in crate::attest) fn is_literal(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "@._+-/=".contains(c))
}

#[derive(Default)]
struct Options {
    namespaces: Option<Vec<String>>,
    valid_after: Option<Timestamp>,
    valid_before: Option<Timestamp>,
}

/// The options, if the word at `start` is not a key type already, and where the key starts.
fn options(line: &str, start: usize) -> Result<(Options, usize), Wrong> {
    let mut options = Options::default();
    let first = line[start..].split_ascii_whitespace().next().unwrap_or_default();
    if is_key_type(first) {
        return Ok((options, start));
    }
    let mut at = start;
    loop {
        let name_end = line[at..].find(['=', ',', ' ', '\t']).map_or(line.len(), |end| at + end);
        let name = line[at..name_end].to_ascii_lowercase();
        let wrong = |message: String, end: usize| Wrong {
            code: if name == "cert-authority" { "signers/cert-authority" } else { "signers/option" },
            message,
            at: at..end,
            help: "Known options: namespaces=\"a,b\", valid-after=\"20261121Z\", valid-before=\"20271121Z\".",
        };
        let (value, end) = match line[name_end..].strip_prefix("=\"") {
            Some(quoted) => {
                let close = quoted.find('"').ok_or_else(|| wrong(format!("the value of `{name}` has no end"), line.len()))?;
                (&quoted[..close], name_end + close + 3)
            }
            None => ("", name_end),
        };
        let repeated = || wrong(format!("`{name}` is given twice"), end);
        let time = || read_time(value).ok_or_else(|| wrong(format!("`{value}` is no time such as 20261121Z or 202611211030Z (UTC)"), end));
        match name.as_str() {
            "namespaces" if value.is_empty() => return Err(wrong("`namespaces` is empty".to_owned(), end)),
            "namespaces" => {
                let patterns = value.split(',').map(|pattern| pattern.trim().to_owned()).collect();
                options.namespaces.replace(patterns).map_or(Ok(()), |_| Err(repeated()))?;
            }
            "valid-after" => options.valid_after.replace(time()?).map_or(Ok(()), |_| Err(repeated()))?,
            "valid-before" => options.valid_before.replace(time()?).map_or(Ok(()), |_| Err(repeated()))?,
            "cert-authority" => return Err(wrong("certificate authorities are not supported".to_owned(), end)),
            _ => return Err(wrong(format!("`{}` is no option and no key type", name.escape_debug()), end)),
        }
        match line[end..].chars().next() {
            Some(',') => at = end + 1,
            Some(' ' | '\t') => {
                if options.valid_after.zip(options.valid_before).is_some_and(|(after, before)| after >= before) {
                    return Err(wrong("the key is valid before it is valid".to_owned(), end));
                }
                return Ok((options, end + (line[end..].len() - line[end..].trim_start().len())));
            }
            _ => return Err(wrong("a key must follow the options".to_owned(), line.len())),
        }
    }
}

fn is_key_type(word: &str) -> bool {
    ["ssh-", "sk-ssh-", "ecdsa-", "sk-ecdsa-"].iter().any(|prefix| word.starts_with(prefix))
}

/// `YYYYMMDDZ`, `YYYYMMDDHHMMZ` or `YYYYMMDDHHMMSSZ`. Without its `Z`, OpenSSH means the time zone of the machine that
/// reads: then two machines could disagree about a signature.
fn read_time(text: &str) -> Option<Timestamp> {
    let digits = text.strip_suffix(['Z', 'z'])?;
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |range: Range<usize>| digits.get(range).unwrap_or("00");
    let (date, time) = ((part(0..4), part(4..6), part(6..8)), (part(8..10), part(10..12), part(12..14)));
    format!("{}-{}-{}T{}:{}:{}Z", date.0, date.1, date.2, time.0, time.1, time.2).parse().ok()
}

/// `*` and `?` as in ssh_config(5). Goes back to the last star only, so its time is bounded by the product of the lengths.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    (p, t) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF6D3ggKRCZAbk4u3P0cGLqy7ASfVZl3bwleV4zMzQ8D";
    const TWO: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDmPIBQspgwVLnEcqXiG0fV6myxpwXyRDhuqJq+qiB2R";

    fn parse(text: &str) -> Result<AllowedSigners, Vec<Finding>> {
        AllowedSigners::parse(text)
    }

    #[test]
    fn lines_with_options_comments_and_quotes_are_read() {
        let text = format!(
            "# who may sign\n\n  release@example.com {ONE} with a comment\r\n\"ci@example.com\"\tnamespaces=\"tagwarden,git*,!github\",\
             valid-after=\"20260101Z\",valid-before=\"202701010930Z\" {TWO}\n\trelease@example.com VALID-BEFORE=\"20250101000001Z\" {ONE}\n"
        );
        let allowed = parse(&text).unwrap();
        let mut signers: Vec<&Signer> = allowed.signers().collect();
        signers.sort_by_key(|signer| (&signer.principal, signer.valid_before));
        let [ci, always, before] = signers.as_slice() else { panic!("{signers:?}") };
        assert_eq!((ci.principal.as_str(), ci.key_type.as_str()), ("ci@example.com", "ssh-ed25519"));
        for (namespace, may) in
            [("tagwarden", true), ("git", true), ("gitlab", true), ("github", false), ("tagwardenx", false), ("", false)]
        {
            assert_eq!(ci.may_sign_for(namespace), may, "{namespace}");
        }
        for (at, valid) in [
            ("2025-12-31T23:59:59Z", false),
            ("2026-01-01T00:00:00Z", true),
            ("2027-01-01T09:30:00Z", true),
            ("2027-01-01T09:30:01Z", false),
        ] {
            assert_eq!(ci.is_valid_at(at.parse().unwrap()), valid, "{at}");
        }
        assert_eq!((always.valid_before, always.may_sign_for("anything")), (None, true));
        assert_eq!(before.valid_before.unwrap().to_string(), "2025-01-01T00:00:01Z");
    }

    #[test]
    fn wrong_lines_are_refused_at_their_place() {
        for (line, code, columns) in [
            ("a@x".to_owned(), "signers/malformed", 1..4),
            ("\"a@x ".to_owned() + ONE, "signers/malformed", 1..86),
            ("*@example.com ".to_owned() + ONE, "signers/principal", 1..14),
            ("a@x,b@x ".to_owned() + ONE, "signers/principal", 1..8),
            ("!a@x ".to_owned() + ONE, "signers/principal", 1..5),
            ("\"\" ".to_owned() + ONE, "signers/principal", 1..3),
            ("a@x cert-authority ".to_owned() + ONE, "signers/cert-authority", 5..19),
            ("a@x namespace=\"x\" ".to_owned() + ONE, "signers/option", 5..18),
            ("a@x namespaces=\"\" ".to_owned() + ONE, "signers/option", 5..18),
            ("a@x namespaces=\"x ".to_owned() + ONE, "signers/option", 5..99),
            ("a@x namespaces=\"x\",namespaces=\"y\" ".to_owned() + ONE, "signers/option", 20..34),
            ("a@x namespaces=\"x\"".to_owned(), "signers/option", 5..19),
            ("a@x valid-after=\"20260101\" ".to_owned() + ONE, "signers/option", 5..27),
            ("a@x valid-after=\"20261301Z\" ".to_owned() + ONE, "signers/option", 5..28),
            ("a@x valid-after=\"20260102Z\",valid-before=\"20260101Z\" ".to_owned() + ONE, "signers/option", 29..53),
            ("a@x ssh-ed25519 AAAA".to_owned(), "signers/key", 5..21),
            ("a@x ssh-ed25519".to_owned(), "signers/key", 5..16),
            ("a@x ssh-rsa ".to_owned() + &ONE["ssh-ed25519 ".len()..], "signers/key", 5..81),
            ("a@x ".to_owned() + &ONE[..ONE.len() - 4], "signers/key", 5..81),
            ("a@x ssh-ed25519 !!!!".to_owned(), "signers/key", 5..21),
        ] {
            let findings = parse(&format!("first@example.com {TWO}\n{line}\n")).unwrap_err();
            let [finding] = findings.as_slice() else { panic!("{line}: {findings:?}") };
            let place = finding.place.as_ref().unwrap();
            assert_eq!((finding.code.as_str(), place.line), (code, 2), "{line}: {}", finding.message);
            assert_eq!((place.column, place.end_column), (columns.start, Some(columns.end)), "{line}: {}", finding.message);
            assert!(CODES.iter().any(|(known, _)| *known == code));
        }
    }

    #[test]
    fn one_key_under_two_names_and_an_empty_file_are_refused() {
        let findings = parse(&format!("a@x {ONE}\nb@x {TWO}\nb@x {ONE}\n")).unwrap_err();
        assert_eq!((findings[0].code.as_str(), findings[0].place.as_ref().unwrap().line), ("signers/two-names", 3));
        assert_eq!(parse("# nobody\n").unwrap_err()[0].code, "signers/empty");
    }

    #[test]
    fn patterns_take_no_exponential_time() {
        assert!(!fits(&"*a".repeat(2000), &"a".repeat(1999)));
        assert!(fits("a*b?d*", "a--b-d--bcd") && !fits("a*b?d", "abd") && fits("", "") && !fits("?", ""));
    }
}
