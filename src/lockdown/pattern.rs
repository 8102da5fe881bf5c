//! Paths with placeholders: `<x>`, `{x}`, `…` and `...` stand for something, `*` and `**` are wildcards, `{a,b}` lists
//! alternatives. `[id]` stays literal, as in the file names of routes.

use super::index::normal;
use globset::{GlobBuilder, GlobMatcher};
use std::borrow::Cow;

pub fn is_pattern(path: &str) -> bool {
    let mut dots = 0;
    path.bytes().any(|byte| {
        dots = if byte == b'.' { dots + 1 } else { 0 };
        // The last byte of an ellipsis is tried first, since few other characters have it.
        matches!(byte, b'<' | b'{' | b'*') || dots == 3 || byte == ELLIPSIS_END && path.contains('\u{2026}')
    })
}

/// The last byte of `…` in UTF-8.
const ELLIPSIS_END: u8 = 0xa6;

/// Whether something literal is left to look for: a letter or digit outside of the placeholders, in the first part or in an
/// extension.
pub fn has_anchor(path: &str) -> bool {
    literal_start(path).chars().any(char::is_alphanumeric)
        || path.rsplit_once('.').is_some_and(|(_, extension)| !is_pattern(extension) && extension.chars().any(char::is_alphanumeric))
}

/// What stands before the first placeholder.
pub fn literal_start(path: &str) -> &str {
    let dots = path.find("...").unwrap_or(path.len());
    let other = path.find(['<', '{', '\u{2026}', '*']).unwrap_or(path.len());
    &path[..dots.min(other)]
}

/// The path without its brace groups, whose commas are no commas of prose.
pub fn without_braces(path: &str) -> Cow<'_, str> {
    if !path.contains('{') {
        return Cow::Borrowed(path);
    }
    let mut depth = 0_usize;
    let outside = path.chars();
    outside
        .filter(|c| {
            depth += usize::from(*c == '{');
            let outside = depth == 0;
            depth = depth.saturating_sub(usize::from(*c == '}'));
            outside
        })
        .collect::<String>()
        .into()
}

/// The paths that one list in braces names, where nothing else is left open: `src/{a,b}.rs`. None for extensions, of which any
/// one is meant: `vite.config.{js,ts}`.
pub fn each(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return Vec::new() };
    let Some((inner, after)) = rest.split_once('}') else { return Vec::new() };
    if before.ends_with('.') || !inner.contains(',') || [before, inner, after].into_iter().any(is_pattern) {
        return Vec::new();
    }
    // An empty name makes the part one that may be left out.
    if inner.split(',').any(|name| name.trim().is_empty()) {
        return Vec::new();
    }
    inner.split(',').filter_map(|name| normal("", &format!("{before}{}{after}", name.trim()))).collect()
}

/// The matcher of a pattern; `None` where it makes no lawful glob.
pub fn matcher(path: &str) -> Option<GlobMatcher> {
    GlobBuilder::new(&glob(path)).literal_separator(true).backslash_escape(true).build().ok().map(|glob| glob.compile_matcher())
}

fn glob(path: &str) -> String {
    let mut glob = String::with_capacity(path.len() + 8);
    let mut rest = path;
    while let Some(c) = rest.chars().next() {
        let (written, length) = match c {
            '<' => ("*".to_owned(), group(rest, '>')),
            '{' => {
                let length = group(rest, '}');
                let inner = rest[1..length].trim_end_matches('}');
                (if inner.contains(',') { alternatives(inner) } else { "*".to_owned() }, length)
            }
            '\u{2026}' => (ellipsis(&glob, &rest[c.len_utf8()..]), c.len_utf8()),
            '.' if rest.starts_with("...") => (ellipsis(&glob, &rest["...".len()..]), "...".len()),
            '*' => ("*".to_owned(), 1),
            c => (escape(c), c.len_utf8()),
        };
        glob.push_str(&written);
        rest = &rest[length..];
    }
    glob
}

/// An ellipsis that is a whole part stands for any number of parts.
fn ellipsis(before: &str, after: &str) -> String {
    let whole = (before.is_empty() || before.ends_with('/')) && (after.is_empty() || after.starts_with('/'));
    if whole { "**".to_owned() } else { "*".to_owned() }
}

/// The length of a group up to and with its closing character; of an unclosed one, everything.
fn group(rest: &str, closing: char) -> usize {
    rest.find(closing).map_or(rest.len(), |at| at + closing.len_utf8())
}

fn alternatives(inner: &str) -> String {
    let alternative = |text: &str| text.chars().map(|c| if c == '*' { "*".to_owned() } else { escape(c) }).collect::<String>();
    format!("{{{}}}", inner.split(',').map(|text| alternative(text.trim())).collect::<Vec<_>>().join(","))
}

fn escape(c: char) -> String {
    if "?[]{}\\!".contains(c) { format!("\\{c}") } else { c.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_match_within_their_part() {
        for (pattern, path, fits) in [
            ("gates/<id>.yaml", "gates/30-health.yaml", true),
            ("gates/<id>.yaml", "gates/a/b.yaml", false),
            ("gates/{id}.yaml", "gates/x.yaml", true),
            ("src/{a,b}.rs", "src/b.rs", true),
            ("src/{a,b}.rs", "src/c.rs", false),
            ("src/…/x.rs", "src/a/b/x.rs", true),
            ("src/.../x.rs", "src/a/x.rs", true),
            ("src/x….rs", "src/xyz.rs", true),
            ("src/**/*.rs", "src/a/b.rs", true),
            ("src/*.rs", "src/a/b.rs", false),
            ("app/[id]/<x>.ts", "app/[id]/r.ts", true),
            ("app/[id]/<x>.ts", "app/i/r.ts", false),
            ("a/<x", "a/y", true),
            ("a/{x", "a/y", true),
            ("a/{b{c,d}}e", "a/x", false),
        ] {
            assert_eq!(matcher(pattern).is_some_and(|matcher| matcher.is_match(path)), fits, "{pattern} {path}");
        }
    }

    #[test]
    fn something_literal_is_needed() {
        for (path, anchored) in [("<a>/<b>", false), ("…", false), ("*.md", true), ("src/*", true), ("{x}.<y>", false)] {
            assert_eq!(has_anchor(path), anchored, "{path}");
        }
        assert_eq!(without_braces("a/{b,c}/d"), "a//d");
        assert_eq!(each("a/{b, c}/d.rs"), ["a/b/d.rs", "a/c/d.rs"]);
        assert_eq!(each("a/{b/,c/}"), ["a/b", "a/c"]);
        for open in ["a/b.{js,ts}", "a/{,b/}c.rs", "a/{b}.rs", "a/{b,c}/*.rs", "a/{b,c}/{d,e}", "a/{b,c", "a/b"] {
            assert!(each(open).is_empty(), "{open}");
        }
        assert_eq!(literal_start("gates/a.../x*"), "gates/a");
    }

    proptest::proptest! {
        #[test]
        fn no_pattern_is_too_odd(text in "[a-c<>{},*.…\\[\\]!?/\\\\ é-]{0,24}") {
            let _ = (is_pattern(&text), has_anchor(&text), without_braces(&text), matcher(&text).map(|m| m.is_match("a/b")));
            proptest::prop_assert!(literal_start(&text).len() <= text.len());
        }
    }
}
