//! What stands under `env:`, and its checked form.

use crate::{
    domain::{ChannelName, Finding, Place},
    gate::{
        config::{Spec, collect::Collector},
        probe::{EnvFrom, reduce},
        shapes::{self, OneOrMany},
    },
    text::{
        source::Source,
        template::{self, Allowed, Template},
        yaml::{Spanned, place_of},
    },
};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};
use std::{borrow::Cow, fmt};

/// Variables of one environment, and how they must be set on each channel.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EnvSpec {
    /// Whose environment is read; this process where absent.
    from: Option<Spanned<FromSpec>>,
    /// For each variable a cell, or a cell for each channel (`default` for the others).
    #[serde(default)]
    vars: IndexMap<Spanned<String>, Spanned<Row>>,
    /// Variables that are set together or not at all.
    #[serde(default)]
    all_of: Vec<Spanned<Vec<Spanned<String>>>>,
    /// Of these variables at least one is set.
    #[serde(default)]
    one_of: Vec<Spanned<Vec<Spanned<String>>>>,
    /// Keys that must be of one mode: a live key beside a test key fails.
    #[serde(default)]
    agree: Vec<Spanned<Vec<Spanned<String>>>>,
}

impl Spec for EnvSpec {
    const KEY: &'static str = "env";
}

/// Whose environment is read: the word `process`, or one of the others with its argument.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum FromSpec {
    /// This process.
    Process,
    /// A file of `NAME=value` lines.
    File(Spanned<String>),
    /// A program that prints `NAME=value` lines or a JSON object.
    Command(Vec<Spanned<String>>),
    /// A URL that answers with a JSON object of names.
    Http(Spanned<String>),
}

/// A cell, or cells by channel.
enum Row {
    All(CellSpec),
    ByChannel(IndexMap<Spanned<String>, Spanned<CellSpec>>),
}

#[derive(Clone, Copy)]
enum Word {
    Required,
    Optional,
    Empty,
    Forbidden,
}

/// How a variable must be set: a word, or a mapping.
#[derive(Default)]
struct CellSpec {
    word: Option<String>,
    optional: bool,
    literal: Option<Spanned<String>>,
    prefix: Option<Spanned<OneOrMany<String>>>,
    pattern: Option<Spanned<String>>,
}

const WORDS: [(&str, Word); 4] =
    [("required", Word::Required), ("optional", Word::Optional), ("empty", Word::Empty), ("forbidden", Word::Forbidden)];
const CELL_KEYS: [&str; 4] = ["optional", "literal", "prefix", "pattern"];

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Row, D::Error> {
        struct RowVisitor;

        impl<'de> Visitor<'de> for RowVisitor {
            type Value = Row;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a cell (required, optional, empty, forbidden, or a mapping), or cells by channel")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Row, E> {
                Ok(Row::All(CellSpec::of_word(word)))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
                let mut cell = CellSpec::default();
                let mut channels = IndexMap::new();
                let mut is_cell = false;
                while let Some(key) = map.next_key::<Spanned<String>>()? {
                    if CELL_KEYS.contains(&key.as_str()) && channels.is_empty() {
                        is_cell = true;
                        cell.field(&key, &mut map)?;
                    } else if is_cell {
                        return Err(A::Error::unknown_field(&key, &CELL_KEYS));
                    } else {
                        channels.insert(key, map.next_value()?);
                    }
                }
                Ok(if is_cell { Row::All(cell) } else { Row::ByChannel(channels) })
            }
        }

        deserializer.deserialize_any(RowVisitor)
    }
}

impl<'de> Deserialize<'de> for CellSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<CellSpec, D::Error> {
        struct CellVisitor;

        impl<'de> Visitor<'de> for CellVisitor {
            type Value = CellSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("required, optional, empty, forbidden, or a mapping of literal, prefix, pattern, optional")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<CellSpec, E> {
                Ok(CellSpec::of_word(word))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CellSpec, A::Error> {
                let mut cell = CellSpec::default();
                while let Some(key) = map.next_key::<Spanned<String>>()? {
                    cell.field(&key, &mut map)?;
                }
                Ok(cell)
            }
        }

        deserializer.deserialize_any(CellVisitor)
    }
}

impl CellSpec {
    fn of_word(word: &str) -> CellSpec {
        CellSpec { word: Some(word.to_owned()), ..CellSpec::default() }
    }

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "optional" => self.optional = map.next_value()?,
            "literal" => self.literal = Some(map.next_value()?),
            "prefix" => self.prefix = Some(map.next_value()?),
            "pattern" => self.pattern = Some(map.next_value()?),
            _ => {
                map.next_value::<IgnoredAny>()?;
                return Err(A::Error::unknown_field(key, &CELL_KEYS));
            }
        }
        Ok(())
    }
}

impl JsonSchema for Row {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "EnvRow".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let cell = serde_json::json!({ "anyOf": [
            { "enum": WORDS.map(|(word, _)| word) },
            { "type": "object", "additionalProperties": false, "minProperties": 1, "properties": {
                "optional": { "type": "boolean", "description": "The variable may be absent; where it is set, the rest of the cell must hold." },
                "literal": { "type": "string", "description": "The value." },
                "prefix": { "description": "The beginning of the value, or several lawful ones.",
                    "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" }, "minItems": 1 }] },
                "pattern": { "type": "string", "description": "A regular expression that the whole value must match." }
            } }
        ] });
        schemars::json_schema!({ "anyOf": [cell, { "type": "object", "additionalProperties": cell, "minProperties": 1,
            "propertyNames": { "not": { "enum": CELL_KEYS } } }] })
    }
}

/// The checked gate.
pub(super) struct Matrix {
    pub from: Whose,
    pub rows: IndexMap<String, Vars>,
    pub all_of: Vec<Set>,
    pub one_of: Vec<Set>,
    pub agree: Vec<Set>,
}

/// Where the environment is read, with its templates.
pub(super) enum Whose {
    Process,
    File(Template),
    Command(Vec<Template>),
    Http(Template),
}

/// The cells of one variable.
pub(super) struct Vars {
    pub cells: Vec<(Scope, Cell)>,
    pub place: Place,
}

#[derive(PartialEq, Eq)]
pub(super) enum Scope {
    Default,
    Channel(ChannelName),
}

#[derive(Clone)]
pub(super) enum Cell {
    Required(Shape),
    Optional(Shape),
    Empty,
    Forbidden,
}

/// What a value must look like.
#[derive(Clone, Default)]
pub(super) struct Shape {
    pub literal: Option<Template>,
    pub prefixes: Vec<Template>,
    pub pattern: Option<String>,
}

pub(super) struct Set {
    pub names: Vec<String>,
    pub place: Place,
}

impl Vars {
    /// The channels that have a cell of their own.
    pub fn channels(&self) -> impl Iterator<Item = &ChannelName> {
        self.cells.iter().filter_map(|(scope, _)| match scope {
            Scope::Channel(name) => Some(name),
            Scope::Default => None,
        })
    }

    /// The cell of a channel; `None`: nothing is said about it.
    pub fn cell(&self, channel: &ChannelName) -> Option<&Cell> {
        let own = self.cells.iter().find(|(scope, _)| matches!(scope, Scope::Channel(name) if name == channel));
        own.or_else(|| self.cells.iter().find(|(scope, _)| *scope == Scope::Default)).map(|(_, cell)| cell)
    }
}

/// The key of the cell for all channels that have none of their own.
const DEFAULT: &str = "default";

pub(super) fn check(source: &Source, spec: EnvSpec, collector: &mut Collector) -> Matrix {
    let from = spec.from.as_ref().map_or(Whose::Process, |from| check_from(from, collector));
    let mut rows = IndexMap::new();
    for (name, row) in spec.vars {
        variable_name(&name, collector);
        let place = place_of(source, &name);
        let at = row.with(());
        let cells = match row.value {
            Row::All(cell) => check_cell(&at, cell, collector).map(|cell| (Scope::Default, cell)).into_iter().collect(),
            Row::ByChannel(cells) => {
                if cells.is_empty() {
                    collector.refuse(&at, "missing-key", format!("nothing is said about `{}`", name.value));
                }
                cells.into_iter().filter_map(|(channel, cell)| by_channel(&channel, cell, collector)).collect()
            }
        };
        rows.insert(name.value, Vars { cells, place });
    }
    let mut sets = |sets: Vec<Spanned<Vec<Spanned<String>>>>| sets.into_iter().map(|set| check_set(source, set, collector)).collect();
    Matrix { from, rows, all_of: sets(spec.all_of), one_of: sets(spec.one_of), agree: sets(spec.agree) }
}

fn by_channel(channel: &Spanned<String>, cell: Spanned<CellSpec>, collector: &mut Collector) -> Option<(Scope, Cell)> {
    let scope = if channel.value == DEFAULT { Scope::Default } else { Scope::Channel(collector.parsed(channel)?) };
    let at = cell.with(());
    Some((scope, check_cell(&at, cell.value, collector)?))
}

fn check_cell(at: &Spanned<()>, spec: CellSpec, collector: &mut Collector) -> Option<Cell> {
    let allowed = Allowed { values: template::VALUES, ..Allowed::default() };
    if let Some(word) = spec.word {
        return Some(match collector.word(&at.with(word), &WORDS)? {
            Word::Required => Cell::Required(Shape::default()),
            Word::Optional => Cell::Optional(Shape::default()),
            Word::Empty => Cell::Empty,
            Word::Forbidden => Cell::Forbidden,
        });
    }
    if spec.literal.is_none() && spec.prefix.is_none() && spec.pattern.is_none() {
        collector.refuse(at, "missing-key", "the cell says nothing about the value");
        collector.help("write `required` or `optional`, or one of: literal, prefix, pattern");
        return None;
    }
    let literal = spec.literal.as_ref().map(|text| shapes::template(collector, text, &allowed));
    let mut prefixes = Vec::new();
    if let Some(list) = &spec.prefix {
        if list.0.is_empty() || list.0.iter().any(String::is_empty) {
            collector.refuse(list, "wrong-value", "the beginning of a value must stand here, or several of them");
        }
        prefixes.extend(list.0.iter().filter_map(|prefix| shapes::template(collector, &list.with(prefix.clone()), &allowed)));
    }
    if let Some(pattern) = &spec.pattern {
        collector.kept(pattern, reduce::anchored(pattern).map_err(|error| shapes::explain_pattern(&error)));
    }
    let shape = Shape { literal: literal.flatten(), prefixes, pattern: spec.pattern.map(|pattern| pattern.value) };
    Some(if spec.optional { Cell::Optional(shape) } else { Cell::Required(shape) })
}

fn check_from(from: &Spanned<FromSpec>, collector: &mut Collector) -> Whose {
    let allowed = Allowed { values: template::VALUES, ..Allowed::default() };
    let checked = match &from.value {
        FromSpec::Process => Some(Whose::Process),
        FromSpec::File(path) => {
            if path.is_empty() {
                collector.refuse(path, "wrong-value", "the path of a file must stand here");
            }
            shapes::template(collector, path, &allowed).map(Whose::File)
        }
        FromSpec::Command(arguments) => {
            match arguments.first() {
                Some(program) => shapes::program(collector, program),
                None => collector.refuse(from, "wrong-value", "a program and its arguments must stand here"),
            }
            arguments.iter().map(|argument| shapes::argument(collector, argument)).collect::<Option<_>>().map(Whose::Command)
        }
        FromSpec::Http(url) => shapes::url(collector, url, &Allowed { env: true, ..allowed }).map(Whose::Http),
    };
    // Where it is wrong, the finding keeps the gate from being made.
    checked.unwrap_or(Whose::Process)
}

fn check_set(source: &Source, set: Spanned<Vec<Spanned<String>>>, collector: &mut Collector) -> Set {
    if set.len() < 2 {
        collector.refuse(&set, "wrong-value", "at least two variables must stand here");
    }
    for (at, name) in set.iter().enumerate() {
        variable_name(name, collector);
        if set[..at].contains(name) {
            collector.refuse(name, "duplicate", format!("`{}` stands here a second time", name.value));
        }
    }
    let place = place_of(source, &set);
    Set { names: set.value.into_iter().map(|name| name.value).collect(), place }
}

fn variable_name(name: &Spanned<String>, collector: &mut Collector) {
    if !template::is_name(name) {
        let message = format!("`{}` is no name of a variable: letters, digits and `_`, no digit first", name.escape_debug());
        let place = place_of(collector.source, name);
        collector.findings.push(Finding::error("config/wrong-value", message).at(place));
    }
}

impl Whose {
    /// The source with its placeholders filled in. `Err`: the placeholder that has no value here.
    pub fn expand(&self, mut value: impl FnMut(&template::Slot) -> Option<String>) -> Result<EnvFrom, template::Slot> {
        Ok(match self {
            Whose::Process => EnvFrom::Process,
            Whose::File(path) => EnvFrom::File(path.expand(value)?),
            Whose::Command(arguments) => {
                EnvFrom::Command(arguments.iter().map(|argument| argument.expand(&mut value)).collect::<Result<_, _>>()?)
            }
            Whose::Http(url) => EnvFrom::Http(shapes::stage_url(url, value)?),
        })
    }
}
