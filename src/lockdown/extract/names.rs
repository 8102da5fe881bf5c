//! Files that code names without a folder, and in the shape of no path: `go.mod`, `LICENSE`, `.env`.
//!
//! A name that a file of the tree has is that file. In a protocol document one that has none may have had one, which its past
//! tells. A plain word in lower case stays a name.

use super::spans::Span;
use crate::{
    lockdown::{
        index::{Index, normal},
        naming::is_of_a_program,
        resolve::ancestors,
        shape::PathClaim,
    },
    text::markdown::CodeSpan,
};

/// Files in upper case that many repositories have.
const USUAL: &[&str] = &[
    "AUTHORS",
    "CHANGELOG",
    "CODE_OF_CONDUCT",
    "CONTRIBUTING",
    "COPYING",
    "LICENCE",
    "LICENSE",
    "MAINTAINERS",
    "NOTICE",
    "OWNERS",
    "README",
    "SECURITY",
    "VERSION",
];

/// Turns spans that are such names into paths. `file`: the document; `strict`: it is one of the protocol.
pub fn find(index: &Index, file: &str, strict: bool, codes: &[CodeSpan], spans: &mut [Span]) {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    for (code, span) in codes.iter().zip(spans) {
        let name = code.text.trim();
        if !matches!(span, Span::Name(_) | Span::Other) || !may_be_a_file(name) {
            continue;
        }
        let there = ancestors(folder).any(|base| normal(base, name).is_some_and(|path| index.has_file(&path)));
        if there || strict && code.link.is_none() && may_have_been_one(name) {
            *span = Span::Path(PathClaim { sure: there, name: true, ..PathClaim::of(name) });
        }
    }
}

fn may_be_a_file(name: &str) -> bool {
    name.len() <= 100
        && (name.contains('.') || name.starts_with(|c: char| c.is_ascii_uppercase()))
        && !name.ends_with('.')
        && name.chars().any(char::is_alphabetic)
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+'))
}

fn may_have_been_one(name: &str) -> bool {
    if is_of_a_program(name, name) {
        return false;
    }
    match name.rsplit_once('.') {
        Some((stem, extension)) => {
            let plain = !extension.is_empty() && extension.len() <= 12 && extension.chars().all(|c| c.is_ascii_lowercase());
            plain && (stem.is_empty() || stem.chars().any(char::is_alphabetic)) && !stem.trim_start_matches('.').contains('.')
        }
        None => USUAL.iter().any(|usual| name.strip_prefix(usual).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))),
    }
}
