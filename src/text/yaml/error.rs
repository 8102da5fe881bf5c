//! One finding for whatever the YAML crate refused: our words, our codes, the exact place.

use super::{MAX_DEPTH, Source, Spanned};
use crate::{
    domain::{Finding, Place},
    text::near,
};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_yaml::{Error, Location, budget::BudgetBreach, localizer::ExternalMessageSource};
use std::{fmt, ops::Range};

pub(super) fn finding(source: &Source, failure: &Error) -> Finding {
    let Described { code, message, help } = describe(failure);
    let place = match code {
        // Shown at the first level too many, not to its end.
        "too-deep" => Place { end_column: None, ..place(source, failure.location()) },
        "missing-key" => mapping_place(source, failure.location()),
        _ => place(source, failure.location()),
    };
    let help = help.or_else(|| hint(source, code, &message, &place));
    let finding = Finding::error(format!("config/{code}"), message).at(place);
    match help {
        Some(help) => finding.help(help),
        None => finding,
    }
}

/// What was most likely meant where YAML reads something else than people do: words for booleans, and texts that need quotes.
fn hint(source: &Source, code: &str, message: &str, place: &Place) -> Option<String> {
    let line = place.source.as_deref()?;
    let marked: String = line.chars().skip(place.column.saturating_sub(1) as usize).collect();
    let word = marked.split(|c: char| c.is_whitespace() || ",:]}".contains(c)).next().unwrap_or_default().trim_matches(['"', '\'']);
    let boolean = match word.to_ascii_lowercase().as_str() {
        "yes" | "on" | "y" => Some("true"),
        "no" | "off" | "n" => Some("false"),
        _ => None,
    };
    match (code, boolean) {
        ("wrong-type", Some(boolean)) if message.contains("`true` or `false`") || message.contains("boolean") => {
            return Some(format!("`{word}` is a text; write `{boolean}`"));
        }
        ("wrong-type" | "syntax", _) => {}
        _ => return None,
    }
    // The place of a syntax error may be behind the line that causes it.
    let here = place.line.saturating_sub(1) as usize;
    (here.saturating_sub(1)..=here).rev().find_map(|number| {
        let written = source.text.lines().nth(number)?;
        let corrected = quoted(written).filter(|corrected| code == "wrong-type" || mends(source, number, corrected))?;
        (code == "syntax" || number == here)
            .then(|| format!("a text with `{{` at its start or `: ` in it needs quotes: `{}`", corrected.trim()))
    })
}

/// The line with its value in quotes, where it is a plain text that starts with a placeholder or has a colon in it.
fn quoted(line: &str) -> Option<String> {
    let item = line.len() - line.trim_start_matches([' ', '-']).len();
    let rest = &line[item..];
    let key = rest.find(": ").map(|at| at + 2).filter(|at| rest[..*at - 2].chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)));
    let start = item + key.unwrap_or(0);
    let value = line[start..].split(" #").next().unwrap_or_default().trim();
    let placeholder = value.starts_with('{')
        && value[1..].split('}').next().is_some_and(|name| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c)) && value.contains('}')
        });
    let plain = !value.starts_with(['"', '\'', '{', '[', '|', '>', '&', '*', '!', '%', '@', '`']);
    if start == 0 || value.is_empty() || !(placeholder || plain && value.contains(": ")) {
        return None;
    }
    let text = match value.contains(['"', '\\']) {
        true => format!("'{}'", value.replace('\'', "''")),
        false => format!("\"{value}\""),
    };
    Some(format!("{}{text}", &line[..start]))
}

/// Whether the document can be read as YAML, or further than before, once a line is replaced.
fn mends(source: &Source, number: usize, corrected: &str) -> bool {
    let lines: Vec<&str> = source.text.lines().enumerate().map(|(at, line)| if at == number { corrected } else { line }).collect();
    match serde_yaml::from_str_with_options::<Node>(&lines.join("\n"), super::options()) {
        Ok(_) => true,
        Err(error) => error.location().is_some_and(|location| location.line() as usize > number + 2),
    }
}

struct Described {
    code: &'static str,
    message: String,
    help: Option<String>,
}

impl Described {
    fn new(code: &'static str, message: impl Into<String>) -> Described {
        Described { code, message: message.into(), help: None }
    }

    fn help(self, help: impl Into<String>) -> Described {
        Described { help: Some(help.into()), ..self }
    }
}

fn describe(failure: &Error) -> Described {
    let wrong_type = |wanted: &str| Described::new("wrong-type", format!("{} must stand here", in_words(wanted)));
    match failure {
        Error::WithSnippet { error, .. } | Error::AliasError { error, .. } => describe(error),
        Error::SerdeUnknownField { field, expected, .. } => {
            Described::new("unknown-key", format!("unknown key `{}`", field.escape_debug())).help(near::help(field, expected))
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            Described::new("unknown-word", format!("`{}` is not known here", variant.escape_debug())).help(near::help(variant, expected))
        }
        Error::SerdeMissingField { field, .. } => Described::new("missing-key", format!("the key `{field}` is missing")),
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().map(|key| format!(" `{}`", key.escape_debug())).unwrap_or_default();
            Described::new("duplicate-key", format!("the key{key} stands here a second time"))
        }
        Error::Eof { .. } => Described::new("syntax", "the text ends too early"),
        Error::MultipleDocuments { .. } => Described::new("several-documents", "a second document starts here; one file holds one"),
        Error::MergeKeyNotAllowed { .. } => Described::new("merge-key", "merge keys (`<<`) are not read; write the keys out"),
        Error::UnsupportedTag { tag, .. } => Described::new("tag", format!("the tag `{}` is not read", tag.escape_debug())),
        Error::UnknownAnchor { .. } => Described::new("unknown-anchor", "no anchor of this name stands before"),
        Error::InvalidBooleanStrict { .. } => wrong_type("boolean"),
        Error::NullIntoString { .. } => wrong_type("string scalar"),
        Error::InvalidScalar { ty, .. } => wrong_type(ty),
        Error::Unexpected { expected, .. } => wrong_type(expected),
        Error::ExternallyTaggedEnumExpectedScalarOrMapping { .. } => wrong_type("string scalar or mapping"),
        Error::SerdeInvalidType { unexpected, expected, .. } | Error::SerdeInvalidValue { unexpected, expected, .. } => {
            Described::new("wrong-type", format!("{unexpected} stands here instead of {expected}"))
        }
        Error::SerdeInvalidLength { len, expected, .. } => {
            Described::new("wrong-type", format!("{len} items stand here instead of {expected}"))
        }
        Error::Budget { breach, .. } => budget(breach),
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. } => Described::new("too-big", "the aliases of this file unfold to too much"),
        Error::ExternalMessage { source: origin, msg, .. } if matches!(**origin, ExternalMessageSource::Parser(_)) => syntax(msg),
        Error::Message { msg, .. } => Described::new("wrong-value", msg.clone()),
        other => Described::new("syntax", without_position(&other.to_string())),
    }
}

fn budget(breach: &BudgetBreach) -> Described {
    match breach {
        BudgetBreach::Depth { .. } => too_deep(),
        BudgetBreach::Documents { .. } => Described::new("several-documents", "one file holds one document"),
        BudgetBreach::Aliases { .. } | BudgetBreach::Anchors { .. } | BudgetBreach::AliasAnchorRatio { .. } => {
            Described::new("too-big", "the file has too many anchors and aliases")
        }
        _ => Described::new("too-big", "the file is too big for a configuration file"),
    }
}

fn too_deep() -> Described {
    Described::new("too-deep", format!("more than {MAX_DEPTH} levels of nesting are not read"))
}

fn syntax(message: &str) -> Described {
    let message = without_position(message);
    if message.contains("recursion limit") || message.contains("nesting") {
        return too_deep();
    }
    if message.contains("tab") {
        return Described::new("tab", message).help("indent with spaces");
    }
    Described::new("syntax", message)
}

/// What the crate calls a type, as a person would.
fn in_words(kind: &str) -> &str {
    match kind {
        "boolean" => "`true` or `false`",
        "string scalar" | "string" => "a text",
        "string scalar or mapping" => "a word or a mapping",
        "mapping start" | "mapping" => "a mapping (`key: value`)",
        "sequence start" | "sequence" => "a list (`- item`)",
        "floating point" | "f64" | "f32" => "a number",
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "a whole number, not negative,",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        other => other,
    }
}

fn without_position(message: &str) -> String {
    message.split(" at line ").next().unwrap_or(message).to_owned()
}

/// Nothing but comments and blank lines: serde would read it as an empty mapping.
pub(super) fn is_empty(source: &Source) -> bool {
    source.text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#') || line == "---")
}

/// The place of the whole key or scalar. Where the crate gives a point only, up to the end of the word there.
fn place(source: &Source, location: Option<Location>) -> Place {
    let Some(location) = location else { return source.place(0..0) };
    let start = match location.span().byte_offset() {
        Some(offset) => offset as usize,
        None => offset_of(source, location.line(), location.column()),
    };
    let length = match location.span().byte_len() {
        Some(length) if length > 0 => length as usize,
        _ => word_length(source.text.get(start..).unwrap_or_default()),
    };
    // A point behind the last character: show the last line that has one.
    let start = if start >= source.text.trim_end().len() { source.text.trim_end().len() } else { start };
    source.place(start..start + length)
}

/// The crate gives the last key of the mapping in which one is missing. What is shown is its first key.
fn mapping_place(source: &Source, last: Option<Location>) -> Place {
    let offset = last.and_then(|location| location.span().byte_offset()).unwrap_or(0) as usize;
    let tree: Option<Node> = serde_yaml::from_str_with_options(&source.text, super::options()).ok();
    match tree.and_then(|tree| tree.first_key_beside(offset)) {
        Some(first) => source.place(first),
        None => place(source, last),
    }
}

/// The shape of a document: its mappings with the places of their keys.
enum Node {
    Scalar,
    List(Vec<Node>),
    Mapping(Vec<(Spanned<String>, Node)>),
}

impl Node {
    /// The first key of the mapping that has a key at this offset.
    fn first_key_beside(&self, offset: usize) -> Option<Range<usize>> {
        let mut open = vec![self];
        while let Some(node) = open.pop() {
            match node {
                Node::Scalar => {}
                Node::List(items) => open.extend(items),
                Node::Mapping(entries) => {
                    if entries.iter().any(|(key, _)| key.span.start == offset) {
                        return entries.first().map(|(key, _)| key.span.clone());
                    }
                    open.extend(entries.iter().map(|(_, value)| value));
                }
            }
        }
        None
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

/// As deep as the budget lets documents nest.
impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_str<E>(self, _: &str) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Mapping(entries))
    }
}

fn offset_of(source: &Source, line: u64, column: u64) -> usize {
    let line_start: usize = source.text.split_inclusive('\n').take(line.saturating_sub(1) as usize).map(str::len).sum();
    let rest = source.text.get(line_start..).unwrap_or_default();
    line_start + rest.char_indices().nth(column.saturating_sub(1) as usize).map_or(rest.len(), |(at, _)| at)
}

fn word_length(text: &str) -> usize {
    text.find(|c: char| c.is_whitespace() || ",:]}".contains(c)).unwrap_or(text.len()).max(1)
}
