//! The names in the form of a variable that the files of a tree hold, and those among them that some file takes for variables
//! of the environment: it reads one by that name, or is an example of an environment.

use crate::text::constant::bytes_pattern;
use crate::tree::{EntryKind, Tree, Unreadable};
use rayon::prelude::*;
use regex::bytes::Regex;
use std::{collections::HashSet, sync::LazyLock};

/// Larger files are data, not sources.
const LARGEST: usize = 1 << 20;

#[derive(Debug, Default)]
pub struct Declared {
    pub words: HashSet<String>,
    pub variables: HashSet<String>,
}

/// A whole word in the form of a name.
static NAME: LazyLock<Regex> = LazyLock::new(|| bytes_pattern(r"(?-u:\b)[A-Z][A-Z0-9_]{2,99}(?-u:\b)"));

/// What stands right before a name that is read, by what it ends with.
const READS: &[&str] = &[
    "env.",
    "env!(\"",
    "env[\"",
    "env['",
    "env.get(\"",
    "env.get('",
    "env::var(\"",
    "env::var_os(\"",
    "environ.get(\"",
    "environ.get('",
    "environ[\"",
    "environ['",
    "getenv(\"",
    "getenv('",
    "Getenv(\"",
    "LookupEnv(\"",
    "ENV.fetch(\"",
    "ENV.fetch('",
    "ENV[\"",
    "ENV['",
];

/// Words that stand for any name, in examples of code as in documents.
const PLACEHOLDERS: &[&str] = &["BAR", "BAZ", "FOO", "KEY", "NAME", "VALUE", "VAR", "VARIABLE"];

pub fn gather(tree: &dyn Tree) -> Result<Declared, Unreadable> {
    let prose = |path: &str| {
        let lower = path.to_ascii_lowercase();
        [".md", ".markdown", ".mdx", ".rst", ".adoc", ".txt", ".lock"].iter().any(|end| lower.ends_with(end))
    };
    let entries = tree.entries()?;
    entries
        .par_iter()
        .filter(|entry| matches!(entry.kind, EntryKind::File | EntryKind::Executable) && !prose(&entry.path))
        .map(|entry| {
            let bytes = tree.read(&entry.path)?.unwrap_or_default();
            let mut found = Declared::default();
            if bytes.len() <= LARGEST && memchr::memchr(0, &bytes[..bytes.len().min(8000)]).is_none() {
                let name = entry.path.rsplit('/').next().unwrap_or_default();
                let example = name.starts_with(".env") || name.ends_with(".env");
                for word in NAME.find_iter(&bytes) {
                    let name = String::from_utf8_lossy(word.as_bytes()).into_owned();
                    let is_read = is_read(&bytes[..word.start()]) && !PLACEHOLDERS.contains(&name.as_str());
                    if is_read || example && bytes.get(word.end()) == Some(&b'=') {
                        found.variables.insert(name.clone());
                    }
                    found.words.insert(name);
                }
            }
            Ok(found)
        })
        .try_reduce(Declared::default, |one, other| {
            Ok(Declared { words: both(one.words, other.words), variables: both(one.variables, other.variables) })
        })
}

fn both(one: HashSet<String>, other: HashSet<String>) -> HashSet<String> {
    let (mut large, small) = if one.len() >= other.len() { (one, other) } else { (other, one) };
    large.extend(small);
    large
}

fn is_read(before: &[u8]) -> bool {
    matches!(before.last(), Some(b'.' | b'"' | b'\'')) && READS.iter().any(|end| before.ends_with(end.as_bytes()))
}
