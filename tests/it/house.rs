//! The rules of the house, read from the source: floors, who may import what, where async and the world may stand, what a
//! module must say of itself. Every rule has a case that shows it catching a planted violation.
//!
//! The source is read with a small scanner (comments, strings, `use` trees, `#[cfg(test)]` items), not with a parser of
//! Rust: macros that build paths are not seen.

use regex::Regex;
use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    fs,
    ops::Range,
    path::Path,
    sync::LazyLock,
};

#[test]
fn the_house_rules_hold() {
    let files: Vec<String> = ["src", "tests"].iter().flat_map(|root| files_below(root)).collect();
    let broken: Vec<String> = stray(&SOURCES, &files).into_iter().chain(broken(&SOURCES)).collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

/// A code that nothing gives would be explained for ever.
#[test]
fn every_code_outside_gates_is_given_somewhere() {
    let said: BTreeSet<&str> = SOURCES
        .iter()
        .filter(|source| source.path.starts_with("src/") && !source.path.ends_with("/codes.rs"))
        .flat_map(|source| source.strings.iter().filter(|range| !source.in_tests(range.start)).map(|range| &source.text[range.clone()]))
        .collect();
    let given = |code: &str| said.contains(code) || code.strip_prefix("config/").is_some_and(|what| said.contains(what));
    let codes = [
        tagwarden::report::codes::CODES,
        tagwarden::lockdown::CODES,
        tagwarden::catalog::CODES,
        tagwarden::sync::CODES,
        tagwarden::artifact::CODES,
    ];
    let codes = codes.into_iter().flatten().map(|(code, _)| *code);
    let unused: Vec<&str> = codes.filter(|code| !given(code)).collect();
    assert!(unused.is_empty(), "the tables of codes explain what nothing gives: {unused:?}");
}

/// The sentences, as they are reported.
const FLOORS: &str = "an item uses its own floor and those below, never above";
const ASYNC: &str = "async stands only under world/, cli/ and in main.rs";
const WORLD_ONLY: &str = "tokio, reqwest, std::fs, std::env, std::process and clocks stand only under world/ and in main.rs";
const ENGINES: &str = "each engine is imported by exactly one module of text/";
const KINDS: &str = "kinds of gates never import one another";
const BLIND_WORLD: &str = "world does not import gate::kinds, report or cli";
const MODULE_DOC: &str = "every module opens with a `//!` doc";
const CLEARANCE: &str = "a Clearance is made only by the gate runner, and by nothing that reads or copies";
const UNFINISHED: &str = "nothing is left unfinished: no todo!, unimplemented!, dbg!";
const PANICS: &str = "no unwrap, expect, panic! or unreachable! outside tests, unless a comment says why it cannot happen";
const CODES: &str = "`explain` knows every finding code";
const STRAY: &str = "no file stands in src/ or tests/ that nothing reads, and every test is a module of tests/it/main.rs";

const RULES: &[(&str, Rule)] = &[
    (FLOORS, floors),
    (ASYNC, asynchrony),
    (WORLD_ONLY, world_only),
    (ENGINES, engines),
    (KINDS, kinds),
    (BLIND_WORLD, blind_world),
    (MODULE_DOC, module_doc),
    (CLEARANCE, clearance),
    (UNFINISHED, unfinished),
    (PANICS, panics),
    (CODES, codes),
];

/// Byte offsets of what breaks the rule, each with what stands there.
type Rule = fn(&Source) -> Vec<(usize, String)>;

fn broken(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources {
        for (sentence, rule) in RULES {
            broken.extend(rule(source).into_iter().map(|(at, what)| format!("{}:{}: {what}: {sentence}", source.path, source.line(at))));
        }
    }
    broken
}

// ---- the rules -------------------------------------------------------------------------------------------------------

fn floor(module: &str) -> Option<u8> {
    match module {
        "domain" => Some(0),
        "tree" | "text" | "artifact" | "gate" | "lockdown" | "catalog" | "release" | "attest" | "report" | "sync" => Some(1),
        "world" => Some(2),
        "cli" => Some(3),
        _ => None,
    }
}

fn floors(source: &Source) -> Vec<(usize, String)> {
    let Some(own) = source.module.first().and_then(|module| floor(module)) else { return Vec::new() };
    let above = |path: &Vec<String>| path.first().and_then(|module| floor(module)).is_some_and(|floor| floor > own);
    source.paths.iter().filter(|found| above(&found.inside)).map(|found| (found.at, found.shown())).collect()
}

fn in_world(source: &Source) -> bool {
    source.path == "src/main.rs" || source.path.starts_with("src/world/") || source.path == "src/world.rs"
}

fn asynchrony(source: &Source) -> Vec<(usize, String)> {
    if !source.is_product() || in_world(source) || source.path.starts_with("src/cli/") {
        return Vec::new();
    }
    source.matches(r"\basync\b|\.await\b")
}

fn world_only(source: &Source) -> Vec<(usize, String)> {
    if !source.is_product() || in_world(source) {
        return Vec::new();
    }
    let fenced = |path: &[String]| match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tokio" | "reqwest" | "octocrab" | "hyper", ..] => true,
        ["std", "fs" | "env" | "process", ..] => true,
        ["std", "time", "SystemTime" | "Instant", ..] => true,
        ["fs" | "env" | "process", next, ..] => next.chars().next().is_some_and(char::is_lowercase),
        [.., "Timestamp" | "Zoned", "now"] => true,
        _ => false,
    };
    source.product_paths().filter(|found| fenced(&found.written)).map(|found| (found.at, found.shown())).collect()
}

fn engines(source: &Source) -> Vec<(usize, String)> {
    let owner = |krate: &str| match krate {
        "serde_yaml" | "serde_saphyr" => Some("src/text/yaml"),
        "pulldown_cmark" => Some("src/text/markdown"),
        "jaq_core" | "jaq_std" | "jaq_json" => Some("src/text/query"),
        // The tests hold the model of GitHub to its published contract by it, too.
        "jsonschema" if source.path.starts_with("src/") => Some("src/text/schema"),
        _ => None,
    };
    let foreign = |found: &&Found| found.written.first().and_then(|krate| owner(krate)).is_some_and(|owner| !source.is_below(owner));
    source.paths.iter().filter(foreign).map(|found| (found.at, found.shown())).collect()
}

fn kinds(source: &Source) -> Vec<(usize, String)> {
    let ["gate", "kinds", own, ..] = source.module.iter().map(String::as_str).collect::<Vec<_>>()[..] else { return Vec::new() };
    let other =
        |found: &&Found| matches!(&found.inside[..], [gate, kinds, other, ..] if gate == "gate" && kinds == "kinds" && other != own);
    source.paths.iter().filter(other).map(|found| (found.at, found.shown())).collect()
}

fn blind_world(source: &Source) -> Vec<(usize, String)> {
    if source.module.first().is_none_or(|module| module != "world") {
        return Vec::new();
    }
    let seen = |found: &&Found| match &found.inside[..] {
        [module, ..] if module == "report" || module == "cli" => true,
        [gate, kinds, ..] => gate == "gate" && kinds == "kinds",
        _ => false,
    };
    source.paths.iter().filter(seen).map(|found| (found.at, found.shown())).collect()
}

fn module_doc(source: &Source) -> Vec<(usize, String)> {
    let says = source.text.starts_with("//! ") || (source.is_test_file && source.path.starts_with("src/"));
    if says { Vec::new() } else { vec![(0, "no doc".to_owned())] }
}

fn clearance(source: &Source) -> Vec<(usize, String)> {
    if !source.path.starts_with("src/") {
        return Vec::new();
    }
    let (home, runner) = (source.is_below("src/gate/clearance"), source.is_below("src/gate/runner"));
    let made = if home { Vec::new() } else { source.matches(r"\bClearance\s*\{|\bimpl\b[^{]*\bfor\s+Clearance\b") };
    let asked = if home || runner { Vec::new() } else { source.matches(r"\bClearance::\w+\s*\(") };
    let derived = source.matches(r"#\[derive\([^)]*\b(?:Clone|Copy|Default|Deserialize)\b[^)]*\)\]\s*pub struct Clearance\b");
    // A type before a body is no construction.
    let is_type = |at: usize| source.code[..at].trim_end().ends_with(['&', '>', '+']);
    let made = made.into_iter().filter(|(at, _)| !is_type(*at));
    made.chain(asked).chain(derived).collect()
}

fn unfinished(source: &Source) -> Vec<(usize, String)> {
    source.matches(r"\b(?:todo|unimplemented|dbg)!")
}

fn panics(source: &Source) -> Vec<(usize, String)> {
    if !source.path.starts_with("src/") {
        return Vec::new();
    }
    let found = source.product_matches(r"\.(?:unwrap|expect)\(|\b(?:panic|unreachable|assert|assert_eq)!");
    found.into_iter().filter(|(at, _)| !source.is_commented(*at)).collect()
}

fn codes(source: &Source) -> Vec<(usize, String)> {
    if !source.path.starts_with("src/") {
        return Vec::new();
    }
    static KNOWN: LazyLock<Vec<String>> = LazyLock::new(|| {
        let any = tagwarden::report::codes::ANY_KIND.iter().map(|(what, _)| format!("any/{what}"));
        tagwarden::cli::explain::ids().into_iter().chain(any).collect()
    });
    let known: &[String] = &KNOWN;
    unknown_codes(source, known)
}

/// Codes are written in a `Finding`, as the last part of a configuration code, as why a fact is unavailable, or as any text
/// that has the form of a code and a known first part.
fn unknown_codes(source: &Source, known: &[String]) -> Vec<(usize, String)> {
    let form = regex(r"^[a-z][a-z-]*/[a-z][a-z0-9-]*$");
    let slug = regex(r"^[a-z][a-z0-9-]*$");
    let in_finding = regex(r"Finding::(?:error|warning|note)\(\s*$");
    let in_config = regex(r"(?:\.refuse\((?:[^(),]|\([^()]*\))*,|Described::new\()\s*$");
    let in_unavailable = regex(r"Unavailable::new\(\s*$");
    let prefixes: BTreeSet<&str> = known.iter().filter_map(|id| id.split_once('/')).map(|(prefix, _)| prefix).collect();
    let mut unknown = Vec::new();
    for range in source.strings.iter().filter(|range| !source.in_tests(range.start)) {
        let text = &source.text[range.clone()];
        let before = &source.code[floor_boundary(&source.code, range.start.saturating_sub(200))..range.start - 1];
        let has_prefix = || text.split_once('/').is_some_and(|(prefix, _)| prefixes.contains(prefix));
        let code = if in_config.is_match(before) && slug.is_match(text) {
            format!("config/{text}")
        } else if in_unavailable.is_match(before) && slug.is_match(text) {
            known.iter().find(|id| id.split_once('/').is_some_and(|(_, what)| what == text)).cloned().unwrap_or(format!("any/{text}"))
        } else if form.is_match(text) && (in_finding.is_match(before) || has_prefix()) {
            text.to_owned()
        } else {
            continue;
        };
        if !known.contains(&code) {
            unknown.push((range.start, format!("`{code}`")));
        }
    }
    unknown
}

/// Source files that no `mod` declares, other files in src/ that no source names, leftovers of tools.
fn stray(sources: &[Source], files: &[String]) -> Vec<String> {
    let declared: BTreeSet<String> = sources.iter().flat_map(Source::declares).collect();
    let named: BTreeSet<&str> = sources.iter().flat_map(|source| source.strings.iter().map(|range| &source.text[range.clone()])).collect();
    let is_root = |path: &str| ["src/lib.rs", "src/main.rs", "tests/it/main.rs"].contains(&path);
    let is_read = |path: &String| match path.rsplit_once('.') {
        Some((_, "rs")) => is_root(path) || declared.contains(path),
        Some((_, "orig" | "rej" | "new" | "pending-snap")) => false,
        _ if path.starts_with("tests/") => true,
        _ => named.iter().any(|name| !name.is_empty() && path.ends_with(&format!("/{name}"))),
    };
    files.iter().filter(|path| !is_read(path)).map(|path| format!("{path}: {STRAY}")).collect()
}

// ---- the scanner -----------------------------------------------------------------------------------------------------

struct Source {
    /// `src/gate/kinds/http.rs`.
    path: String,
    /// `[gate, kinds, http]`.
    module: Vec<String>,
    text: String,
    /// The text with comments, and what stands inside strings, blanked; same offsets.
    code: String,
    /// What stands inside strings.
    strings: Vec<Range<usize>>,
    /// Items under `#[cfg(test)]`.
    tests: Vec<Range<usize>>,
    is_test_file: bool,
    paths: Vec<Found>,
}

/// A path in the code: as it is written, and as it is seen from the crate's root (empty where it leads outside).
struct Found {
    at: usize,
    written: Vec<String>,
    inside: Vec<String>,
}

impl Found {
    fn shown(&self) -> String {
        self.written.join("::")
    }
}

impl Source {
    fn new(path: &str, text: &str, is_test_file: bool) -> Source {
        let (code, strings) = blank(text);
        let below = path.strip_prefix("src/").unwrap_or(path).trim_end_matches(".rs");
        let module = below.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main")).map(str::to_owned).collect();
        let tests = test_items(&code);
        let mut source =
            Source { path: path.to_owned(), module, text: text.to_owned(), code, strings, tests, is_test_file, paths: Vec::new() };
        source.paths = paths(&source);
        source
    }

    /// Code that is shipped: in src/, and no file of tests.
    fn is_product(&self) -> bool {
        self.path.starts_with("src/") && !self.is_test_file
    }

    fn is_below(&self, module: &str) -> bool {
        self.path.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    }

    fn in_tests(&self, at: usize) -> bool {
        self.is_test_file || self.tests.iter().any(|range| range.contains(&at))
    }

    fn line(&self, at: usize) -> usize {
        self.text[..at].matches('\n').count() + 1
    }

    fn matches(&self, pattern: &'static str) -> Vec<(usize, String)> {
        regex(pattern).find_iter(&self.code).map(|found| (found.start(), found.as_str().trim().to_owned())).collect()
    }

    fn product_matches(&self, pattern: &'static str) -> Vec<(usize, String)> {
        self.matches(pattern).into_iter().filter(|(at, _)| !self.in_tests(*at)).collect()
    }

    fn product_paths(&self) -> impl Iterator<Item = &Found> {
        self.paths.iter().filter(|found| !self.in_tests(found.at))
    }

    /// Whether a comment, or an `allow` with its reason in the item's doc, stands on this line or directly above its
    /// statement (at most four lines).
    fn is_commented(&self, at: usize) -> bool {
        let lines: Vec<(&str, &str)> = self.text.lines().zip(self.code.lines()).collect();
        let has_comment = |line: usize| {
            let (text, code) = lines[line];
            let allows = ["#[allow(clippy::unwrap_used)]", "#[allow(clippy::expect_used)]"].contains(&code.trim());
            allows || text.get(code.trim_end().len()..).is_some_and(|rest| rest.trim_start().starts_with("// "))
        };
        let own = self.line(at) - 1;
        (own.saturating_sub(4)..=own)
            .rev()
            .take_while(|line| *line == own || has_comment(*line) || !lines[*line].1.trim_end().ends_with([';', '}']))
            .any(has_comment)
    }

    /// The files that this file's `mod` items name.
    fn declares(&self) -> Vec<String> {
        let folder = match self.path.rsplit_once('/') {
            Some((folder, "mod.rs" | "lib.rs" | "main.rs")) => folder.to_owned(),
            _ => self.path.trim_end_matches(".rs").to_owned(),
        };
        let names = regex(r"\bmod\s+(\w+)\s*;");
        let names = names.captures_iter(&self.code).map(|found| found[1].to_owned()).collect::<Vec<_>>();
        names.iter().flat_map(|name| [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")]).collect()
    }

    /// A written path as seen from the crate's root.
    fn inside(&self, written: &[String], at: usize) -> Vec<String> {
        let supers = written.iter().take_while(|part| *part == "super").count();
        match written.first().map(String::as_str) {
            Some("crate") => written[1..].to_vec(),
            Some("tagwarden") if self.path == "src/main.rs" || self.path.starts_with("tests/") => written[1..].to_vec(),
            Some("self") => self.module.iter().chain(&written[1..]).cloned().collect(),
            Some("super") => {
                // An item in an inline test module is one level deeper than its file.
                let up = supers - usize::from(self.tests.iter().any(|range| range.contains(&at)));
                self.module[..self.module.len().saturating_sub(up)].iter().chain(&written[supers..]).cloned().collect()
            }
            _ => Vec::new(),
        }
    }
}

static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(sources);

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: String| (fs::read_to_string(root.join(&path)).unwrap(), path);
    let files = ["src", "tests"].iter().flat_map(|root| files_below(root));
    let files: Vec<(String, String)> = files.filter(|path| path.ends_with(".rs")).map(read).collect();
    let under_test = regex(r"#\[cfg\(test\)\]\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*;");
    let mut test_files = BTreeSet::new();
    for (text, path) in &files {
        let folder = path.trim_end_matches(".rs").trim_end_matches("/mod");
        test_files.extend(under_test.captures_iter(text).map(|found| format!("{folder}/{}.rs", &found[1])));
    }
    let is_test = |path: &str| path.starts_with("tests/") || test_files.contains(path);
    files.iter().map(|(text, path)| Source::new(path, text, is_test(path))).collect()
}

/// Every file below a folder of the package, with `/` separators, sorted.
fn files_below(folder: &str) -> Vec<String> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().unwrap().is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

/// Comments and the insides of strings become blanks; offsets and lines stay. Gives the insides of strings too.
fn blank(text: &str) -> (String, Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut strings = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let after_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        let (blanked, next) = match rest {
            [b'/', b'/', ..] => {
                let end = at + find(rest, b"\n").unwrap_or(rest.len());
                (at..end, end)
            }
            [b'/', b'*', ..] => {
                let end = at + find(rest, b"*/").map_or(rest.len(), |end| end + 2);
                (at..end, end)
            }
            [b'r', b'"' | b'#', ..] | [b'b', b'r', b'"' | b'#', ..] if !after_word || bytes[at - 1] == b'b' => {
                let open = find(rest, b"\"").unwrap_or(0);
                let hashes = rest[..open].iter().filter(|c| **c == b'#').count();
                if open != rest.iter().take_while(|c| b"br#".contains(c)).count() {
                    (at..at, at + 1)
                } else {
                    let close = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
                    let inside = at + open + 1;
                    let end = inside + find(&bytes[inside..], &close).unwrap_or(bytes.len() - inside);
                    strings.push(inside..end);
                    (inside..end, (end + close.len()).min(bytes.len()))
                }
            }
            [b'"', ..] => {
                let mut end = at + 1;
                while end < bytes.len() && bytes[end] != b'"' {
                    end += if bytes[end] == b'\\' { 2 } else { 1 };
                }
                let end = end.min(bytes.len());
                strings.push(at + 1..end);
                (at + 1..end, end + 1)
            }
            // A character, not a lifetime: it ends with a quote after one character or one escape.
            [b'\'', b'\\', _, ..] => {
                let end = at + 3 + find(&rest[3..], b"'").unwrap_or(0);
                (at + 1..end, end + 1)
            }
            [b'\'', first, ..] => {
                let width = text[at + 1..].chars().next().map_or(1, char::len_utf8);
                match rest.get(1 + width) {
                    Some(b'\'') if *first != b'\'' => (at + 1..at + 1 + width, at + 2 + width),
                    _ => (at..at, at + 1),
                }
            }
            _ => (at..at, at + 1),
        };
        code[blanked].iter_mut().filter(|c| **c != b'\n').for_each(|c| *c = b' ');
        at = next;
    }
    (String::from_utf8(code).unwrap(), strings)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The ranges of items under `#[cfg(test)]`.
fn test_items(code: &str) -> Vec<Range<usize>> {
    let mut items = Vec::new();
    for (start, attribute) in code.match_indices("#[cfg(test)]") {
        let rest = &code[start + attribute.len()..];
        let (mut depth, mut end) = (0usize, rest.len());
        for (at, c) in rest.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 && matches!(c, '}' | ';') {
                end = at + 1;
                break;
            }
        }
        items.push(start..start + attribute.len() + end);
    }
    items
}

/// Every path of the code: the leaves of `use` trees, and `a::b` elsewhere.
fn paths(source: &Source) -> Vec<Found> {
    let uses = regex(r"\buse\s+([^;]+);");
    let inline = regex(r"\b[A-Za-z_]\w*(?:\s*::\s*[A-Za-z_]\w*)+");
    let mut written: Vec<(usize, Vec<String>)> = Vec::new();
    let mut rest = source.code.clone();
    for found in uses.captures_iter(&source.code) {
        let tree = found.get(1).unwrap();
        leaves(tree.as_str(), tree.start(), &[], &mut written);
        rest.replace_range(tree.range(), &" ".repeat(tree.len()));
    }
    written.extend(
        inline.find_iter(&rest).map(|found| (found.start(), found.as_str().split("::").map(|part| part.trim().to_owned()).collect())),
    );
    written.into_iter().map(|(at, written)| Found { at, inside: source.inside(&written, at), written }).collect()
}

/// The leaves of a `use` tree, each with its place.
fn leaves(tree: &str, at: usize, before: &[String], found: &mut Vec<(usize, Vec<String>)>) {
    let (mut depth, mut start) = (0, 0);
    for (end, c) in tree.char_indices().chain([(tree.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let item = &tree[start..end];
                let (path, group) = item.split_once('{').map_or((item, None), |(path, group)| (path, Some(group)));
                let name = path.split(" as ").next().unwrap_or_default();
                let parts = name.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned);
                let full: Vec<String> = before.iter().cloned().chain(parts).collect();
                let place = at + start + (item.len() - item.trim_start().len());
                match group {
                    Some(group) => leaves(group.trim_end().trim_end_matches('}'), at + start + path.len() + 1, &full, found),
                    None if !full.is_empty() && !item.trim().is_empty() => found.push((place, full)),
                    None => {}
                }
                start = end + 1;
            }
            _ => {}
        }
    }
}

/// Compiled once per thread.
fn regex(pattern: &'static str) -> Regex {
    thread_local! { static KNOWN: RefCell<HashMap<&'static str, Regex>> = RefCell::default(); }
    KNOWN.with_borrow_mut(|known| known.entry(pattern).or_insert_with(|| Regex::new(pattern).unwrap()).clone())
}

fn floor_boundary(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

// ---- planted violations ----------------------------------------------------------------------------------------------

/// Each text breaks (or, where the sentence is absent, keeps) exactly the rule named.
#[test]
fn every_rule_catches_what_is_planted() {
    let known = ["config/known", "http/known"].map(str::to_owned);
    #[rustfmt::skip]
    let planted: &[(&str, &str, Option<&str>)] = &[
        ("src/domain/x.rs", "use crate::gate::Gate;", Some(FLOORS)),
        ("src/domain/x.rs", "use crate::{\n    domain::Oid,\n    text::{yaml, source::Source},\n};", Some(FLOORS)),
        ("src/gate/x.rs", "fn f() { crate::cli::run() }", Some(FLOORS)),
        ("src/tree.rs", "use super::world::Git;", Some(FLOORS)),
        ("src/gate/kinds/x.rs", "use super::super::super::world::Git;", Some(FLOORS)),
        ("src/report/x.rs", "#[cfg(test)]\nmod tests {\n    use crate::world::Git;\n}", Some(FLOORS)),
        ("src/cli/x.rs", "use crate::{world::World, report::Report, domain::Oid};", None),
        ("src/report/x.rs", "// crate::world\nconst A: &str = \"crate::world::X\";", None),
        ("src/gate/x.rs", "pub async fn f() {}", Some(ASYNC)),
        ("src/release/x.rs", "fn f() { g().await }", Some(ASYNC)),
        ("src/world/x.rs", "pub async fn f() { tokio::spawn(g()).await }", None),
        ("src/cli/x.rs", "use std::{collections::BTreeMap, fs};", Some(WORLD_ONLY)),
        ("src/cli/x.rs", "fn f() { tokio::spawn(g()) }", Some(WORLD_ONLY)),
        ("src/gate/x.rs", "fn f() { std::env::var(\"X\") }", Some(WORLD_ONLY)),
        ("src/gate/x.rs", "use std::time::Instant;", Some(WORLD_ONLY)),
        ("src/gate/x.rs", "fn f() { jiff::Timestamp::now() }", Some(WORLD_ONLY)),
        ("src/gate/x.rs", "use std::time::Duration;\n#[cfg(test)]\nmod tests { use std::fs; }", None),
        ("src/gate/x.rs", "use serde_yaml::Value;", Some(ENGINES)),
        ("src/lockdown/x.rs", "use pulldown_cmark::Parser;", Some(ENGINES)),
        ("src/gate/kinds/x.rs", "use jaq_core::Ctx;", Some(ENGINES)),
        ("src/catalog/x.rs", "use jsonschema::Validator;", Some(ENGINES)),
        ("src/text/yaml/x.rs", "use serde_yaml::Value;", None),
        ("src/text/query.rs", "use jaq_core::Ctx;", None),
        ("src/gate/kinds/http.rs", "use super::env::Cell;", Some(KINDS)),
        ("src/gate/kinds/http/spec.rs", "use crate::gate::{kinds::env::Cell, Header};", Some(KINDS)),
        ("src/gate/kinds/http/spec.rs", "use super::{judge, super::env};", Some(KINDS)),
        ("src/gate/kinds/http/spec.rs", "use super::judge;\nuse crate::gate::kinds::http::X;", None),
        ("src/world/x.rs", "use crate::gate::kinds::KINDS;", Some(BLIND_WORLD)),
        ("src/world/x.rs", "use crate::report::Report;", Some(BLIND_WORLD)),
        ("src/world/x.rs", "use crate::gate::Probe;", None),
        ("src/release/x.rs", "fn f() -> Clearance { Clearance { verb } }", Some(CLEARANCE)),
        ("src/world/x.rs", "fn f() { crate::gate::Clearance::grant(a) }", Some(CLEARANCE)),
        ("src/gate/clearance.rs", "#[derive(Debug, Clone)]\npub struct Clearance { a: u8 }", Some(CLEARANCE)),
        ("src/release/x.rs", "impl Default for Clearance {}", Some(CLEARANCE)),
        ("src/release/x.rs", "pub fn f(c: &Clearance) -> &Clearance { c }", None),
        ("src/gate/runner.rs", "fn f() { Clearance::grant(a) }", None),
        ("src/gate/x.rs", "fn f() { todo!() }", Some(UNFINISHED)),
        ("tests/it/x.rs", "fn f() { dbg!(1); }", Some(UNFINISHED)),
        ("src/gate/x.rs", "fn f() { a.unwrap(); }", Some(PANICS)),
        ("src/gate/x.rs", "fn f() {\n    // Other.\n    let a = 1;\n    a\n        .expect(\"x\");\n}", Some(PANICS)),
        ("src/gate/x.rs", "fn f() {\n    // It was checked above.\n    a\n        .unwrap();\n}", None),
        ("src/gate/x.rs", "fn f() { a.unwrap_or(1); }\n#[cfg(test)]\nmod tests { fn f() { a.unwrap() } }", None),
        ("src/text/x.rs", "fn f() { Finding::error(\"other/thing\", \"m\") }", Some(CODES)),
        ("src/text/x.rs", "const A: &str = \"config/unheard-of\";", Some(CODES)),
        ("src/text/x.rs", "fn f() { c.refuse(&at(1), \"unheard-of\", \"m\") }", Some(CODES)),
        ("src/text/x.rs", "fn f() { Unavailable::new(\"unheard-of\") }", Some(CODES)),
        ("src/text/x.rs", "fn f() { Finding::error(\"config/known\", \"m\"); c.refuse(at, \"known\", \"m\"); let _ = \"text/plain\"; }", None),
    ];
    for (path, text, sentence) in planted {
        let source = Source::new(path, &format!("//! Doc.\n{text}\n"), path.starts_with("tests/"));
        let mut caught: BTreeSet<&str> =
            RULES.iter().filter(|(rule, check)| *rule != CODES && !check(&source).is_empty()).map(|(rule, _)| *rule).collect();
        caught.extend((!unknown_codes(&source, &known).is_empty()).then_some(CODES));
        assert_eq!(caught.into_iter().collect::<Vec<_>>(), sentence.iter().copied().collect::<Vec<_>>(), "{path}\n{text}");
    }
    let undocumented = Source::new("src/gate/x.rs", "use std::fmt;\n", false);
    assert_eq!(module_doc(&undocumented).len(), 1);
}

#[test]
fn files_that_nothing_reads_are_stray() {
    let lib = Source::new("src/lib.rs", "//! Doc.\npub mod gate;\n", false);
    let gate = Source::new(
        "src/gate/mod.rs",
        "//! Doc.\nmod runner;\n#[cfg(test)]\nmod tests;\nconst A: &str = include_str!(\"set/a.yaml\");\n",
        false,
    );
    let files = [
        "lib.rs",
        "gate/mod.rs",
        "gate/runner.rs",
        "gate/tests.rs",
        "gate/lost.rs",
        "gate/set/a.yaml",
        "gate/set/b.yaml",
        "gate/x.rs.orig",
    ];
    let files = files.map(|path| format!("src/{path}"));
    let lost = ["gate/lost.rs", "gate/set/b.yaml", "gate/x.rs.orig"].map(|path| format!("src/{path}: {STRAY}"));
    assert_eq!(stray(&[lib, gate], &files), lost);
    let all = Source::new("tests/it/main.rs", "//! Doc.\nmod session;\n", true);
    let files = ["main.rs", "session.rs", "other.rs"].map(|path| format!("tests/it/{path}"));
    let files = files.into_iter().chain(["tests/own.rs".to_owned(), "tests/gates/http/a.yaml".to_owned()]);
    let lost = ["tests/it/other.rs", "tests/own.rs"].map(|path| format!("{path}: {STRAY}"));
    assert_eq!(stray(&[all], &files.collect::<Vec<_>>()), lost);
}

#[test]
fn comments_strings_and_characters_are_told_apart() {
    let text = r###"let a = 'x'; let b: &'a str = "1 // \" 2"; // it's "c"
let r = r#"raw " x"#; /* b " */ let q = '"'; let e = '\''; let u = '\u{22}'; let br = br"y"; let ü = 'ü';"###;
    let (code, strings) = blank(text);
    assert_eq!(code.len(), text.len());
    assert_eq!(strings.iter().map(|range| &text[range.clone()]).collect::<Vec<_>>(), [r#"1 // \" 2"#, r#"raw " x"#, "y"]);
    let kept = code.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(
        kept,
        r###"let a = ' '; let b: &'a str = " "; let r = r#" "#; let q = ' '; let e = ' '; let u = ' '; let br = br" "; let ü = ' ';"###
    );
}

#[test]
fn places_are_told() {
    let source = Source::new("src/gate/x.rs", "//! Doc.\n\nuse crate::{\n    domain::Oid,\n    cli::run,\n};\n", false);
    assert_eq!(broken(&[source]).last().unwrap(), &format!("src/gate/x.rs:5: crate::cli::run: {FLOORS}"));
}
