//! YAML with exact places. The only importer of the YAML crate.
//!
//! A file is read into plain serde types. Everything that is wrong is one [`Finding`] with the place of the very scalar,
//! key or mapping. Hostile input (alias bombs, deep nesting, several documents, control characters) is refused early, by
//! fixed budgets that a configuration file never comes near.
//!
//! Sharp edges, on purpose: `true` and `false` are the only booleans, so `NO` stays a word; a scalar read as a string keeps
//! its spelling, so `1.10` and `0752` stay what was written; merge keys (`<<`) and tags are refused. CRLF line ends are
//! read as line ends; a carriage return alone is not.
//!
//! Deliberately absent: writing YAML, comments, and internally tagged or flattened serde types (both lose their places).

mod any;
mod error;
#[cfg(test)]
mod tests;

use super::{located::Located, source::Source};
use crate::domain::{Finding, Place};
use serde::{Deserialize, de::DeserializeOwned};
use std::ops::{Deref, Range};

/// The largest file that is read, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Nested mappings and sequences.
const MAX_DEPTH: usize = 48;

/// Turns bytes into a [`Source`]. Refused: more than [`MAX_BYTES`], no UTF-8, a byte order mark, control characters.
pub fn source(file: impl Into<String>, bytes: &[u8]) -> Result<Source, Finding> {
    let file = file.into();
    if bytes.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; more than {MAX_BYTES} are not read", bytes.len());
        return Err(Finding::error("config/too-large", message).at(file_start(file)));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            let source = Source::new(file, text);
            check_characters(&source).map(|()| source)
        }
        Err(error) => {
            // Replacement keeps what stands before the first bad byte, so places up to there are exact.
            let source = Source::new(file, String::from_utf8_lossy(bytes));
            let at = error.valid_up_to();
            let message = format!("byte {} of the file is no UTF-8", at + 1);
            Err(Finding::error("config/not-utf8", message).at(source.place(at..at + 1)).help("save the file as UTF-8"))
        }
    }
}

/// Reads one document.
pub fn parse<T: DeserializeOwned>(source: &Source) -> Result<T, Finding> {
    if source.text.len() > MAX_BYTES {
        let message = format!("the text has {} bytes; more than {MAX_BYTES} are not read", source.text.len());
        return Err(Finding::error("config/too-large", message).at(file_start(source.file.clone())));
    }
    check_characters(source)?;
    if error::is_empty(source) {
        return Err(Finding::error("config/empty", "the file is empty").at(source.place(0..0)));
    }
    serde_yaml::from_str_with_options(&source.text, options()).map_err(|failure| error::finding(source, &failure))
}

/// Reads one document of any shape: its value, with the place of every part. A number is a number here; how it is spelled is said by
/// [`Located::spelled`].
pub fn located(source: &Source) -> Result<Located, Finding> {
    parse::<any::Node>(source).map(any::Node::located)
}

/// The keys of the top mapping, in order.
pub fn keys(source: &Source) -> Result<Vec<Spanned<String>>, Finding> {
    let map: indexmap::IndexMap<Spanned<String>, serde::de::IgnoredAny> = parse(source)?;
    Ok(map.into_keys().collect())
}

/// A value and the place it was read from. Compares, hashes and derefs as the value alone.
#[derive(Clone, Debug, Default)]
pub struct Spanned<T> {
    pub value: T,
    /// Bytes of the source: the whole scalar with its quotes; for a mapping or sequence, its start.
    pub span: Range<usize>,
}

/// The place of a value in the source that it was read from.
pub fn place_of<T>(source: &Source, spanned: &Spanned<T>) -> Place {
    source.place(spanned.span.clone())
}

/// The place of a part of a string value; `part` is a byte range of the value. Where the scalar is folded or escaped, so
/// that the part cannot be found letter by letter, it is the place of the whole scalar.
pub fn place_in(source: &Source, spanned: &Spanned<String>, part: Range<usize>) -> Place {
    match (raw_offset(source, spanned, part.start), raw_offset(source, spanned, part.end)) {
        (Some(start), Some(end)) => source.place(start..end.max(start)),
        _ => place_of(source, spanned),
    }
}

/// Where in the source the byte `offset` of the value stands. Walks value and scalar side by side; they may differ only in
/// the quotes, the indentation of continued lines, and doubled single quotes.
fn raw_offset(source: &Source, spanned: &Spanned<String>, offset: usize) -> Option<usize> {
    let raw = source.text.get(spanned.span.clone())?;
    let quote = raw.chars().next().filter(|c| matches!(c, '\'' | '"'));
    let mut at = quote.map_or(0, char::len_utf8);
    for (index, wanted) in spanned.value.char_indices() {
        if index >= offset {
            break;
        }
        let rest = raw.get(at..)?;
        let found = rest.chars().next()?;
        at += match (wanted, found) {
            ('\'', '\'') if quote == Some('\'') => rest.starts_with("''").then_some(2)?,
            ('\n', _) => {
                let line_end = if rest.starts_with("\r\n") { 2 } else { rest.starts_with('\n').then_some(1)? };
                let indentation = rest[line_end..].len() - rest[line_end..].trim_start_matches(' ').len();
                line_end + indentation.min(indentation_of(source, spanned))
            }
            (_, '\\') if quote == Some('"') => return None,
            _ => (wanted == found).then_some(found.len_utf8())?,
        };
    }
    Some(spanned.span.start + at)
}

/// The column (from 0) at which a block scalar's lines start.
fn indentation_of<T>(source: &Source, spanned: &Spanned<T>) -> usize {
    let start = spanned.span.start;
    start - source.text[..start].rfind('\n').map_or(0, |at| at + 1)
}

fn options() -> serde_yaml::Options {
    use serde_yaml::options::{DuplicateKeyPolicy, MergeKeyPolicy};
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_events: 120_000,
            max_nodes: 50_000,
            max_aliases: 1_000,
            max_anchors: 200,
            max_documents: 2,
            max_recorded_anchor_events: 20_000,
            max_total_scalar_bytes: 2 * MAX_BYTES,
        },
        alias_limits: serde_yaml::alias_limits! {
            max_total_replayed_events: 20_000,
            max_replay_stack_depth: 8,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        legacy_octal_numbers: false,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

/// What no configuration file needs and what could make a reader see something else than the parser.
fn check_characters(source: &Source) -> Result<(), Finding> {
    let text = &source.text;
    if text.starts_with('\u{feff}') {
        let finding = Finding::error("config/byte-order-mark", "the file starts with a byte order mark");
        return Err(finding.at(source.place(0..3)).help("save the file as UTF-8 without a byte order mark"));
    }
    let unlawful = |&(at, c): &(usize, char)| match c {
        '\n' | '\t' => false,
        '\r' => text.as_bytes().get(at + 1) != Some(&b'\n'),
        // Zero-width and direction marks.
        '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' => true,
        // Some readers end a line at these.
        '\u{2028}' | '\u{2029}' => true,
        _ => c.is_control(),
    };
    match text.char_indices().find(unlawful) {
        None => Ok(()),
        Some((at, c)) => {
            let message = format!("the character U+{:04X} may not stand in a configuration file", c as u32);
            let finding = Finding::error("config/control-character", message).at(source.place(at..at + c.len_utf8()));
            Err(finding.help("remove it, or write it as an escape in a double-quoted string"))
        }
    }
}

fn file_start(file: String) -> Place {
    Place { file, line: 1, column: 1, end_column: Some(2), source: None }
}

impl<T> Spanned<T> {
    pub fn new(value: T, span: Range<usize>) -> Spanned<T> {
        Spanned { value, span }
    }

    /// The same place with another value.
    pub fn with<U>(&self, value: U) -> Spanned<U> {
        Spanned { value, span: self.span.clone() }
    }
}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Spanned<T>) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Spanned<T> {}

impl<T: std::hash::Hash> std::hash::Hash for Spanned<T> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

/// Lets maps be asked by plain text; sound because hashing and comparing look at the value alone.
impl std::borrow::Borrow<str> for Spanned<String> {
    fn borrow(&self) -> &str {
        &self.value
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Spanned<T>, D::Error> {
        let read = serde_yaml::Spanned::<T>::deserialize(deserializer)?;
        // For an alias: where its anchor stands, because that is the text to mend.
        let span = read.defined.span();
        let start = span.byte_offset().unwrap_or(0) as usize;
        let length = span.byte_len().unwrap_or(0) as usize;
        Ok(Spanned { value: read.value, span: start..start + length })
    }
}

impl<T: serde::Serialize> serde::Serialize for Spanned<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

/// The schema of the value: the place is nothing that is written.
impl<T: schemars::JsonSchema> schemars::JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
}
