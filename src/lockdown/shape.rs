//! Which texts in code spans have the shape of a path.
//!
//! The rule errs towards reading a path: a slash, a known extension or a known name is enough, unless something shows that
//! the text is a URL, an option, an expression, a host or a ref. A text with a slash but no extension counts only where its
//! first part is a folder of the tree, which [`super::resolve`] looks up.

use super::{census::Inside, pattern};
use std::{borrow::Cow, collections::HashSet, sync::LazyLock};

/// A text in the shape of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathClaim {
    /// With `/` as separator, without what is in `tail`.
    pub path: String,
    pub tail: Option<Tail>,
    /// Its shape alone says that it is a path; otherwise its first part must be a folder.
    pub sure: bool,
    /// Has placeholders or wildcards.
    pub pattern: bool,
    /// Written with `\`.
    pub backslash: bool,
    /// Has blanks: a path only if such a file exists.
    pub blanks: bool,
    /// The text of a link that leads elsewhere.
    pub label: bool,
    /// Has not the shape of a path: it may be the name of a file.
    pub name: bool,
}

impl PathClaim {
    /// This text and nothing more.
    pub fn of(path: &str) -> PathClaim {
        PathClaim {
            path: path.to_owned(),
            tail: None,
            sure: false,
            pattern: false,
            backslash: false,
            blanks: false,
            label: false,
            name: false,
        }
    }
}

/// What follows a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tail {
    /// `:12`, `:12-40`, `#L12-L40`: first and last line, from 1.
    Lines(u32, u32),
    /// `#name`: a heading of a document, a symbol of a source file.
    Name(String),
}

/// Longer texts are no paths.
const LONGEST: usize = 1000;

const EXTENSIONS: &str = "\
    adoc bash bat c cc cert cfg cjs clj cmake cmd conf cpp cql crt cs css csv cts dart diff dump env erl ex exs \
    fish gif go gql gradle graphql gz h hbs hcl hpp hs htm html ico ini ipynb j2 java jpeg jpg js json json5 jsonc \
    jsonl jsx key kt kts less list lock log lua markdown md mdx mjs mk ml mts ndjson nix patch pdf pem php pl png \
    prisma proto ps1 pub py pyi rb rs rst scala scss sh snap sql svelte svg swift tar tf tfvars tgz tmpl toml ts \
    tsv tsx txt vue wasm webp xml xsd yaml yml zig zip zsh";

/// Extensions that are as often a member (`process.env`, `console.log`): they need a slash.
const AMBIGUOUS: &str = "c cert conf dump env ex h key list log pub";

/// Names of things that are no files.
const PRODUCTS: &str = "docs.rs next.js node.js nuxt.js vue.js";

/// Files without an extension, and dotfiles that repositories hold.
const NAMES: &[&str] = &[
    "CODEOWNERS",
    "Dockerfile",
    "Gemfile",
    "Jenkinsfile",
    "Justfile",
    "Makefile",
    "Procfile",
    "Rakefile",
    ".dockerignore",
    ".editorconfig",
    ".env.example",
    ".env.sample",
    ".gitattributes",
    ".gitignore",
    ".gitmodules",
    ".mailmap",
    ".node-version",
    ".npmrc",
    ".nvmrc",
    ".python-version",
    ".tool-versions",
];

/// Reads a code span's text as a path. A colon behind it is none of its lines.
pub fn path(text: &str) -> Option<PathClaim> {
    let bare = || read(text.trim().strip_suffix(':')?).filter(|claim| claim.sure && claim.tail.is_none() && claim.path.contains('/'));
    read(text).or_else(bare)
}

fn read(text: &str) -> Option<PathClaim> {
    let text = text.trim();
    if text.is_empty() || text.len() > LONGEST || text.starts_with(['-', '#', '~', '@']) {
        return None;
    }
    let marks = marks(text);
    let may_have = |mark: u8| marks & mark != 0;
    // Most code spans are plain words.
    if !may_have(SEPARATOR) && !NAMES.iter().any(|name| text.starts_with(name)) || may_have(TAIL) && text.contains("://") {
        return None;
    }
    let backslash = may_have(SEPARATOR) && text.contains('\\');
    let (path, tail) = if may_have(TAIL) { split_tail(text) } else { (text, None) };
    let path = if backslash { path.replace('\\', "/") } else { path.to_owned() };
    let blanks = may_have(BLANK | OTHER) && path.contains(char::is_whitespace);
    if matches!(&tail, Some(Tail::Name(name)) if name.contains(char::is_whitespace)) {
        return None;
    }
    let pattern = !blanks && may_have(PATTERN | OTHER) && pattern::is_pattern(&path);
    let lawful = if may_have(DOUBT | TAIL | PATTERN | OTHER) { lawful(&path) } else { may_have(LETTER) };
    if !lawful || (pattern && !pattern::has_anchor(&path)) {
        return None;
    }
    let bare = path.trim_end_matches('/');
    let name = memchr::memrchr(b'/', bare.as_bytes()).map_or(bare, |at| &bare[at + 1..]);
    let slash = name.len() < path.len();
    let known = NAMES.contains(&name) || has_extension(name, slash);
    let relative = ["./", "../"].iter().any(|start| path.len() > start.len() && path.starts_with(start));
    if !known && (blanks || !slash) || is_host(&path) {
        return None;
    }
    Some(PathClaim { sure: known || relative, path, tail, pattern, backslash, blanks, label: false, name: false })
}

const SEPARATOR: u8 = 1;
/// What a line or a name behind a path starts with.
const TAIL: u8 = 2;
const BLANK: u8 = 4;
/// A placeholder or a wildcard; three dots are one as well.
const PATTERN: u8 = 8;
/// Characters that lawful paths have not, or only in some places.
const DOUBT: u8 = 16;
/// A letter or digit of ASCII.
const LETTER: u8 = 32;
/// Anything but ASCII.
const OTHER: u8 = 64;

const MARKS: [u8; 256] = {
    let mut marks = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        marks[byte] = match byte as u8 {
            b'/' | b'\\' | b'.' => SEPARATOR,
            b'#' | b':' => TAIL,
            b'<' | b'{' | b'*' => PATTERN,
            b' ' => BLANK,
            b'=' | b';' | b'"' | b'\'' | b'|' | b'&' | b'!' | b'^' | b'$' | b'`' | b'?' | b',' | b'%' | b'(' | b')' => DOUBT,
            0..=31 | 127 => BLANK | DOUBT,
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => LETTER,
            128..=255 => OTHER,
            _ => 0,
        };
        byte += 1;
    }
    marks
};

/// Which sorts of characters a text has, in one pass: each question below is asked only where it may have the answer.
fn marks(text: &str) -> u8 {
    let (mut marks, mut dots) = (0, 0_u8);
    for byte in text.bytes() {
        marks |= MARKS[usize::from(byte)];
        dots = if byte == b'.' { dots + 1 } else { 0 };
        if dots == 3 {
            (marks, dots) = (marks | PATTERN, 0);
        }
    }
    marks
}

fn has_extension(name: &str, slash: bool) -> bool {
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    let extension = match extension.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(extension.to_ascii_lowercase()),
        false => Cow::Borrowed(extension),
    };
    if stem.is_empty() || !is_extension(&extension) {
        return false;
    }
    slash || !(stem.starts_with('.') || one_of(AMBIGUOUS, &extension) || one_of(PRODUCTS, &name.to_ascii_lowercase()))
}

/// Extensions and hosts' last labels are looked up for every code span.
static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| EXTENSIONS.split(' ').collect());

fn is_extension(word: &str) -> bool {
    KNOWN.contains(word)
}

fn one_of(words: &str, word: &str) -> bool {
    words.split(' ').any(|known| known == word)
}

/// What of the file a reference means, as it is written.
pub fn inside(text: &str) -> Inside {
    match split_tail(text).1 {
        Some(Tail::Lines(first, last)) => Inside::Lines(first, last),
        Some(Tail::Name(name)) if !name.is_empty() => Inside::Name,
        Some(Tail::Name(_)) | None => Inside::Whole,
    }
}

/// What a fragment means of a file.
pub fn tail(fragment: &str) -> Tail {
    line_fragment(fragment).map_or_else(|| Tail::Name(fragment.to_owned()), |(first, last)| Tail::Lines(first, last))
}

/// Takes `:12-40`, `#L12-L40` or `#name` off the end.
fn split_tail(text: &str) -> (&str, Option<Tail>) {
    if let Some((path, name)) = text.split_once('#') {
        return (path, Some(tail(name)));
    }
    let numbers = text.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, ':' | '-' | '\u{2013}'));
    let tail = &text[numbers.len()..];
    // The numbers of a name (`a-1`, `v2`) are none of a line.
    let Some(at) = tail.find(':') else { return (text, None) };
    let mut parts = tail[at + 1..].splitn(2, [':', '-', '\u{2013}']);
    let number = |part: Option<&str>| part.map(|part| part.split(':').next().unwrap_or_default()).and_then(line_number);
    let Some(first) = number(parts.next()) else { return (text, None) };
    // What follows a second colon is a column.
    let last = match tail[at + 1..].contains(['-', '\u{2013}']) {
        true => number(parts.next()).unwrap_or(first),
        false => first,
    };
    (&text[..numbers.len() + at], Some(Tail::Lines(first, last)))
}

/// `L12`, `L12-L40`, `L12-40`, `L12C3-L40C9`: first and last line.
pub fn line_fragment(fragment: &str) -> Option<(u32, u32)> {
    let line = |part: &str, marked: bool| -> Option<u32> {
        let part = part.strip_prefix('L').or((!marked).then_some(part))?;
        line_number(part.split_once('C').map_or(part, |(line, _)| line))
    };
    match fragment.split_once('-') {
        Some((first, last)) => Some((line(first, true)?, line(last, false)?)),
        None => line(fragment, true).map(|first| (first, first)),
    }
}

/// A number that is too large for a line is the largest one.
fn line_number(digits: &str) -> Option<u32> {
    let lawful = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    lawful.then(|| digits.parse().unwrap_or(u32::MAX))
}

/// No character of expressions, shell words or refs; parentheses only around a whole part, as route groups have them.
fn lawful(path: &str) -> bool {
    let wrong = |c: char| matches!(c, '=' | ';' | '"' | '\'' | '|' | '&' | '!' | '^' | '$' | '`' | '?' | ':' | ',' | '%') || c.is_control();
    let outside = pattern::without_braces(path);
    let grouped = |part: &str| match (part.starts_with('('), part.ends_with(')')) {
        (true, true) => !part[1..part.len() - 1].contains(['(', ')']),
        _ => !part.contains(['(', ')']),
    };
    !outside.contains(wrong) && path.split('/').all(grouped) && path.chars().any(char::is_alphanumeric)
}

/// `example.com/a`: a first part with dots whose last label is no extension.
fn is_host(path: &str) -> bool {
    let Some((first, _)) = path.split_once('/') else { return false };
    let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    first.contains('.')
        && first.split('.').all(label)
        && first.rsplit('.').next().is_some_and(|last| last.chars().all(|c| c.is_ascii_alphabetic()) && !is_extension(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn marks_leave_no_question_out(text in "[ -~\\x00\\té…\u{a0}.]{0,12}") {
            let has = |mark: u8| marks(&text) & mark != 0;
            proptest::prop_assert!(has(PATTERN | OTHER) || !pattern::is_pattern(&text));
            proptest::prop_assert!(has(BLANK | OTHER) || !text.contains(char::is_whitespace));
            proptest::prop_assert!(has(TAIL) || split_tail(&text) == (text.as_str(), None));
            proptest::prop_assert!(has(DOUBT | TAIL | PATTERN | OTHER) || lawful(&text) == has(LETTER), "{text:?}");
        }
    }

    #[test]
    fn paths_are_told_from_everything_else() {
        let lines = |first, last| Some(Tail::Lines(first, last));
        let name = |name: &str| Some(Tail::Name(name.to_owned()));
        for (text, path, tail, sure) in [
            ("src/main.rs", "src/main.rs", None, true),
            ("src/main.rs:12", "src/main.rs", lines(12, 12), true),
            ("src/main.rs:12-40", "src/main.rs", lines(12, 40), true),
            ("src/main.rs:12\u{2013}40", "src/main.rs", lines(12, 40), true),
            ("src/main.rs:3:7", "src/main.rs", lines(3, 3), true),
            ("src/main.rs#L1-L9", "src/main.rs", lines(1, 9), true),
            ("src/main.rs#Runner", "src/main.rs", name("Runner"), true),
            ("docs/a.md#the-end", "docs/a.md", name("the-end"), true),
            ("promotion.md", "promotion.md", None, true),
            (".env.example", ".env.example", None, true),
            ("Makefile", "Makefile", None, true),
            ("gates/", "gates/", None, false),
            ("a/b", "a/b", None, false),
            ("./run", "./run", None, true),
            ("../x", "../x", None, true),
            ("/api/health", "/api/health", None, false),
            ("app/(auth)/page.tsx", "app/(auth)/page.tsx", None, true),
            ("app/[id]/route.ts", "app/[id]/route.ts", None, true),
            ("lib\\x.ts", "lib/x.ts", None, true),
            ("src/main.rs:", "src/main.rs", None, true),
            ("gates/<id>.yaml", "gates/<id>.yaml", None, true),
            ("src/{a,b}.rs", "src/{a,b}.rs", None, true),
            ("src/**/*.rs", "src/**/*.rs", None, true),
            ("release-1.md", "release-1.md", None, true),
            ("v1.2/notes.md", "v1.2/notes.md", None, true),
        ] {
            let claim = super::path(text);
            assert_eq!(
                claim.as_ref().map(|claim| (claim.path.as_str(), claim.tail.clone(), claim.sure)),
                Some((path, tail, sure)),
                "{text}"
            );
        }
        for text in [
            "",
            "word",
            "PR314A",
            "#312",
            "owner/repo#3 and more",
            "https://example.com/a.md",
            "example.com/a.md",
            "mailto:a@example.com",
            "--flag=a/b.md",
            "-f",
            "process.env",
            "console.log",
            "foo.bar()",
            "fs.read(a/b.md)",
            "$HOME/x.md",
            "~/x.md",
            "A=b/c.md",
            "crate::gate::kinds",
            "@scope/name",
            "<a>/<b>",
            "…",
            "*",
            "**",
            "{x}",
            "1.4.0",
            ".config.clerk",
            ".rs",
            "GET /api/x",
            "cat a/b.md | jq",
            "a.md, b.md",
            "HEAD:src/main.rs",
            "origin/main:",
            "src/main.rs::",
            "/",
            "..",
            "./",
            "-",
            "docs.rs",
            "x.y/z?q=1",
            "\\n",
        ] {
            assert_eq!(super::path(text).filter(|claim| claim.sure || !claim.path.starts_with('/')), None, "{text}");
        }
        assert!(path(&"a/".repeat(1000)).is_none());
    }

    #[test]
    fn blanks_patterns_and_backslashes_are_marked() {
        assert!(path("docs/My File.md").is_some_and(|claim| claim.blanks && !claim.pattern));
        assert!(path("docs/<name>.md").is_some_and(|claim| claim.pattern));
        assert!(path("docs\\a.md").is_some_and(|claim| claim.backslash));
        assert!(path("docs/[id].md").is_some_and(|claim| !claim.pattern));
    }
}
