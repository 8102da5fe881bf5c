//! Finds what claims to be a reference. Looks at the document alone; whether a claim holds, or turns out to be no reference
//! after all, is decided in [`super::resolve`].

pub mod names;
pub mod spans;

use super::{
    Kinds, ReferenceKind,
    landmarks::{Landmarks, Word},
    shape::{self, PathClaim},
};
use crate::text::{
    markdown::{Bytes, CodeSpan, Document, Link, LinkForm, Undefined},
    source::Source,
};
use spans::Span;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub kind: ReferenceKind,
    /// As written.
    pub text: String,
    pub range: Bytes,
    pub target: Target,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Has a scheme or a host.
    Url,
    /// A path without query, and a fragment, both decoded. An empty path is the document itself.
    Link {
        path: String,
        fragment: Option<String>,
    },
    /// A label that nothing defines.
    Undefined(String),
    Path(PathClaim),
}

/// The links and paths of a document in the order of its text. `spans`: what its code spans are; `only`: what is looked for;
/// `values`: paths that are known beforehand, in the order of the text.
pub fn claims(source: &Source, document: &Document, spans: &[Span], landmarks: &Landmarks, only: Kinds, values: &[Claim]) -> Vec<Claim> {
    let text = |range: &Bytes| source.text.get(range.clone()).unwrap_or_default().to_owned();
    let mut claims: Vec<Claim> = document.links.iter().filter_map(link).collect();
    claims.extend(document.definitions.iter().map(|definition| Claim {
        kind: ReferenceKind::Definition,
        text: definition.destination.clone(),
        range: definition.place.clone(),
        target: target(&definition.destination),
    }));
    // `[a][b](c)` is a link of `b`, and `[a]` is text.
    let alone = |undefined: &&Undefined| !source.text.get(undefined.range.end..).is_some_and(|rest| rest.starts_with('('));
    // `[1][2]` cites twice.
    let cites = |undefined: &&Undefined| {
        let text = source.text.get(undefined.range.clone()).unwrap_or_default();
        text.chars().all(|c| c.is_ascii_digit() || matches!(c, '[' | ']'))
    };
    claims.extend(document.undefined.iter().filter(alone).filter(|undefined| !cites(undefined)).map(|undefined| Claim {
        kind: ReferenceKind::Link,
        text: text(&undefined.range),
        range: undefined.range.clone(),
        target: Target::Undefined(undefined.label.clone()),
    }));
    let known = |claim: &Claim| values.binary_search_by_key(&claim.range.start, |value| value.range.start).is_ok();
    if !only.are_links() {
        claims.extend(document.codes.iter().zip(spans).filter_map(|(code, span)| path(code, span)));
        let others = document.codes.iter().zip(spans).filter(|(_, span)| **span == Span::Other);
        claims.extend(others.flat_map(|(code, _)| listed(source, code)));
        claims.extend(bare(source, document, landmarks).filter(|claim| !known(claim)));
        claims.extend_from_slice(values);
    }
    claims.sort_by_key(|claim| (claim.range.start, claim.range.end));
    claims
}

/// Paths in plain text: words with a slash and a known extension. As prose has such words of other things too, the first part
/// must be a folder that is there.
fn bare<'a>(source: &'a Source, document: &'a Document, landmarks: &'a Landmarks) -> impl Iterator<Item = Claim> + use<'a> {
    let mut done = 0;
    landmarks.spots(Word::Slash).iter().filter_map(move |spot| {
        // A further slash of the word before.
        if spot.at < done {
            return None;
        }
        let range = &document.texts[spot.text];
        let text = source.text.get(range.clone())?;
        let (before, after) = text.split_at_checked(spot.at - range.start)?;
        let start = before.char_indices().rev().find(|(_, c)| c.is_whitespace()).map_or(0, |(at, c)| at + c.len_utf8());
        let end = before.len() + after.find(char::is_whitespace).unwrap_or(after.len());
        done = range.start + end;
        let word = Some(&text[start..end]).filter(|word| word.contains('.') && !word.contains("://"))?;
        let inner = word.trim_start_matches(is_around).trim_end_matches(is_around).trim_end_matches('.');
        let from = range.start + start + (word.len() - word.trim_start_matches(is_around).len());
        let claim = shape::path(inner).filter(|claim| claim.sure && !claim.blanks && !claim.pattern && !inner.starts_with('/'))?;
        let named = claim.path.rsplit('/').next().is_some_and(|name| name.contains('.'));
        let links = &document.links;
        let next = links.partition_point(|link| link.range.start <= from);
        let label = links[next.saturating_sub(4)..next].iter().any(|link| link.range.contains(&from));
        let target = Target::Path(PathClaim { sure: false, label, ..claim });
        named.then(|| Claim { kind: ReferenceKind::Path, text: inner.to_owned(), range: from..from + inner.len(), target })
    })
}

/// What may stand around a path in a sentence.
fn is_around(c: char) -> bool {
    ",;:!?()[]{}\"'\u{201c}\u{201d}\u{2018}\u{2019}*_|".contains(c)
}

/// Paths that are values of the metadata, alone or in a list. Metadata has no code spans to mark them, so only what has a folder
/// and is surely a path counts. `range`: a line of the value.
pub fn value(text: &str, range: &Bytes) -> Vec<Claim> {
    let mut claims = Vec::new();
    let mut inner = range.start;
    for part in text.get(range.clone()).unwrap_or_default().split(',') {
        let text = part.trim_matches(|c: char| c.is_whitespace() || "[]\"'".contains(c));
        let from = inner + part.find(text).unwrap_or_default();
        inner += part.len() + 1;
        let Some(claim) = shape::path(text).filter(|claim| claim.sure && !claim.blanks && claim.path.contains('/')) else { continue };
        let range = from..from + text.len();
        claims.push(Claim { kind: ReferenceKind::Path, text: text.to_owned(), range, target: Target::Path(claim) });
    }
    claims
}

/// A use of a definition is no claim of its own: the definition is.
fn link(link: &Link) -> Option<Claim> {
    let target = target(&link.destination);
    let fragment_only = matches!(&target, Target::Link { path, fragment: Some(_) } if path.is_empty());
    let kind = match link.form {
        LinkForm::Reference(_) => return None,
        LinkForm::Html => ReferenceKind::Html,
        _ if link.image => ReferenceKind::Image,
        _ if fragment_only => ReferenceKind::Fragment,
        _ => ReferenceKind::Link,
    };
    Some(Claim { kind, text: link.destination.clone(), range: link.place.clone(), target })
}

/// A code span as the text of a link to that very path is no claim of its own: the link is.
fn path(code: &CodeSpan, span: &Span) -> Option<Claim> {
    // What starts with a slash is an endpoint, unless there is such a file.
    let claim = match span {
        Span::Path(claim) => claim.clone(),
        Span::Endpoint(None, _) => shape::path(&code.text)?,
        _ => return None,
    };
    let says_the_same = |link: &str| {
        let path = link.split(['#', '?']).next().unwrap_or_default();
        path == claim.path || path.strip_suffix(claim.path.as_str()).is_some_and(|before| before.ends_with('/'))
    };
    if code.link.as_deref().is_some_and(says_the_same) {
        return None;
    }
    let claim = PathClaim { label: code.link.is_some(), ..claim };
    Some(Claim { kind: ReferenceKind::Path, text: code.text.clone(), range: code.content.clone(), target: Target::Path(claim) })
}

/// Paths in one code span with commas between them, each surely one.
fn listed(source: &Source, code: &CodeSpan) -> Vec<Claim> {
    let text = source.text.get(code.content.clone()).unwrap_or_default();
    if code.link.is_some() || text != code.text || !text.contains(", ") || text.contains(['{', '(', '<']) {
        return Vec::new();
    }
    let mut at = code.content.start;
    let claim = |part: &str| {
        let text = part.trim();
        let start = at + (part.len() - part.trim_start().len());
        at += part.len() + 1;
        let path = shape::path(text).filter(|path| path.sure && !path.blanks && !path.pattern && path.path.contains('/'))?;
        Some(Claim { kind: ReferenceKind::Path, text: text.to_owned(), range: start..start + text.len(), target: Target::Path(path) })
    };
    text.split(',').map(claim).collect::<Option<Vec<Claim>>>().unwrap_or_default()
}

fn target(destination: &str) -> Target {
    if destination.starts_with("//") || has_scheme(destination) {
        return Target::Url;
    }
    let (before, fragment) = match destination.split_once('#') {
        Some((before, fragment)) => (before, Some(decode(fragment))),
        None => (destination, None),
    };
    Target::Link { path: decode(before.split('?').next().unwrap_or_default()), fragment }
}

/// `scheme:` of at least two characters, so that a drive letter is none.
fn has_scheme(destination: &str) -> bool {
    let Some((scheme, _)) = destination.split_once(':') else { return false };
    scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// Percent-decoding; what is no lawful escape stays as it is.
pub fn decode(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let digit = |byte: Option<&u8>| byte.and_then(|byte| (*byte as char).to_digit(16));
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, _, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_urls_or_paths_with_fragments() {
        let link = |path: &str, fragment: Option<&str>| Target::Link { path: path.to_owned(), fragment: fragment.map(str::to_owned) };
        for (destination, expected) in [
            ("https://example.com/a", Target::Url),
            ("mailto:a@example.com", Target::Url),
            ("//example.com/a", Target::Url),
            ("a%20b.md#%C3%BC", link("a b.md", Some("ü"))),
            ("a.md?plain=1#L3", link("a.md", Some("L3"))),
            ("#", link("", Some(""))),
            ("50%.md", link("50%.md", None)),
            ("%zz%4", link("%zz%4", None)),
            ("C:\\x", link("C:\\x", None)),
            ("dir:1/x", Target::Url),
            ("", link("", None)),
        ] {
            assert_eq!(target(destination), expected, "{destination}");
        }
    }
}
