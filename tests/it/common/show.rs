//! Makes outputs the same on every machine and in every run, for snapshots.

use regex::Regex;
use std::sync::LazyLock;

/// Object ids, digests, temporary paths, ports, seconds and durations by their names.
pub fn steady(text: &str) -> String {
    static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        [
            (r"(?:/private)?/[^\s:`'\x22]*/tw-test-\w+", "[scratch]"),
            (r"SHA256:[A-Za-z0-9+/]{43}", "[fingerprint]"),
            (r"sha256:[0-9a-f]{64}", "[digest]"),
            (r"\b[0-9a-f]{40}\b", "[oid]"),
            (r"127\.0\.0\.1:\d+", "127.0.0.1:[port]"),
            // The clock goes on from the time that was given.
            (r"(T\d\d:\d\d):\d\dZ", "${1}Z"),
            (r#""duration_ms": \d+"#, r#""duration_ms": [ms]"#),
            (r"\b\d+(?:\.\d)? (?:ms|s)\b *", "[time] "),
        ]
        .map(|(pattern, with)| (Regex::new(pattern).unwrap(), with))
        .into()
    });
    static SHORT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b[0-9a-f]{10}\b").unwrap());
    let text = RULES.iter().fold(text.to_owned(), |text, (rule, with)| rule.replace_all(&text, *with).into_owned());
    let text = SHORT.replace_all(&text, "[short]");
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}
