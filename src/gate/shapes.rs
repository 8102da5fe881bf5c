//! Shapes that several kinds have in their configuration: one value or a list, a text or a pattern, templates and URLs.
//!
//! Each is checked when the gate is read, into a form that cannot be wrong later; errors go to the [`Collector`] with the
//! place of the very characters.

use super::{config::collect::Collector, endpoint, expect::Expectation};
use crate::domain::Finding;
use crate::text::{
    template::{self, Allowed, Malformed, Slot, Template},
    yaml::{Spanned, place_in},
};
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{Error, IntoDeserializer, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use std::{borrow::Cow, fmt, marker::PhantomData};

/// One value, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<OneOrMany<T>, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor(PhantomData))
    }
}

struct OneOrManyVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrManyVisitor<T> {
    type Value = OneOrMany<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one value or a list of them")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<OneOrMany<T>, E> {
        T::deserialize(value.into_deserializer()).map(|value| OneOrMany(vec![value]))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<OneOrMany<T>, E> {
        T::deserialize(value.into_deserializer()).map(|value| OneOrMany(vec![value]))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<OneOrMany<T>, E> {
        T::deserialize(value.into_deserializer()).map(|value| OneOrMany(vec![value]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<OneOrMany<T>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element()? {
            values.push(value);
        }
        Ok(OneOrMany(values))
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMany_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let one = generator.subschema_for::<T>();
        schemars::json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }
}

/// A text that must be equal, or `{ matches: <regular expression> }`.
#[derive(Clone, Debug)]
pub enum TextMatch {
    Equals(String),
    Matches(Spanned<String>),
}

impl<'de> Deserialize<'de> for TextMatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TextMatch, D::Error> {
        deserializer.deserialize_any(TextMatchVisitor)
    }
}

struct TextMatchVisitor;

impl<'de> Visitor<'de> for TextMatchVisitor {
    type Value = TextMatch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text (in quotes where it looks like a number), or `matches: <regular expression>`")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<TextMatch, E> {
        Ok(TextMatch::Equals(value.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TextMatch, A::Error> {
        PatternSpec::deserialize(MapAccessDeserializer::new(map)).map(|spec| TextMatch::Matches(spec.matches))
    }
}

impl JsonSchema for TextMatch {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TextMatch".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "anyOf": [{ "type": "string" }, generator.subschema_for::<PatternSpec>()] })
    }
}

/// `{ matches: <regular expression> }`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PatternSpec {
    /// A regular expression that must be found in the text; `^` and `$` bind it to the ends.
    pub matches: Spanned<String>,
}

/// A jq program of a gate file.
pub fn expectation(collector: &mut Collector, text: &Spanned<String>) -> Option<Expectation> {
    match Expectation::compile(collector.source, text) {
        Ok(expectation) => Some(expectation),
        Err(finding) => {
            collector.findings.push(finding);
            None
        }
    }
}

/// A regular expression of a gate file. Not anchored.
pub fn pattern(collector: &mut Collector, text: &Spanned<String>) -> Option<regex::Regex> {
    collector.kept(text, regex::Regex::new(text).map_err(|error| explain_pattern(&error)))
}

/// The regex crate draws a picture of several lines; the last one says what is wrong.
pub fn explain_pattern(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    format!("the regular expression does not compile: {}", last.strip_prefix("error: ").unwrap_or(last))
}

/// A template of a gate file whose placeholders are all known.
pub fn template(collector: &mut Collector, text: &Spanned<String>, allowed: &Allowed) -> Option<Template> {
    keep(collector, text, Template::parse(text).and_then(|template| template.allow(allowed)))
}

/// An argument of a program: a template in which all other braces are the program's. `${...}` is refused, because nobody expands it.
pub fn argument(collector: &mut Collector, text: &Spanned<String>) -> Option<Template> {
    if let Some(start) = text.find("${") {
        let end = text[start..].find('}').map_or(text.len(), |end| start + end + 1);
        let place = place_in(collector.source, text, start..end);
        let finding = Finding::error("config/unexpanded", format!("`{}` would not be filled in", &text[start..end])).at(place);
        collector.findings.push(finding.help("placeholders are written {channel}; a `shell` script expands its own variables"));
        return None;
    }
    let allowed = Allowed { values: template::VALUES, env: false, captures: &[] };
    keep(collector, text, Template::parse_argument(text, &allowed))
}

/// A script. Its braces are the shell's; only a placeholder is refused, unless `$` or `^` stands before it.
pub fn script(collector: &mut Collector, script: &Spanned<String>) -> Option<String> {
    let mut valid = !script.trim().is_empty();
    if !valid {
        collector.refuse(script, "wrong-value", "a script must stand here");
    }
    for name in template::VALUES {
        let placeholder = format!("{{{name}}}");
        let bare = |at: &usize| !script[..*at].ends_with(['$', '^']);
        if let Some(start) = script.match_indices(&placeholder).map(|(at, _)| at).find(bare) {
            let place = place_in(collector.source, script, start..start + placeholder.len());
            let finding = Finding::error("config/unexpanded", format!("`{placeholder}` would not be filled in inside a script")).at(place);
            collector.findings.push(finding.help(format!("the script reads $TAGWARDEN_{}", name.to_uppercase())));
            valid = false;
        }
    }
    valid.then(|| script.value.clone())
}

/// A URL of a gate file: a template whose host is its own.
pub fn url(collector: &mut Collector, text: &Spanned<String>, allowed: &Allowed) -> Option<Template> {
    let template = template(collector, text, allowed)?;
    let checked = endpoint::check_template(text, &template).map(|()| template);
    keep(collector, text, checked)
}

fn keep(collector: &mut Collector, text: &Spanned<String>, result: Result<Template, Malformed>) -> Option<Template> {
    match result {
        Ok(template) => Some(template),
        Err(malformed) => {
            let place = place_in(collector.source, text, malformed.at);
            collector.findings.push(Finding::error("config/bad-template", malformed.message).at(place));
            None
        }
    }
}

/// A program of a gate file: a bare word is looked for on a fixed path; with a slash it is a file of the adopted `gates/`.
pub fn program(collector: &mut Collector, text: &Spanned<String>) {
    let parts = || text.split('/').skip(usize::from(text.starts_with("./")));
    if text.is_empty() || text.starts_with('-') || text.contains(['\\', '\0', '{', '}']) {
        collector.refuse(text, "bad-program", "the name of a program must stand here, without placeholders");
    } else if text.contains('/') && parts().any(|part| matches!(part, "" | "." | "..")) {
        collector.refuse(text, "bad-program", "a program with a slash is a file below `gates/`: a relative path without `..`");
        collector.help("a bare word is looked for on a fixed PATH");
    }
}

/// Fills in the placeholders of a URL but `{env.NAME}`. Every value but the base URL stays one segment.
pub fn stage_url(template: &Template, mut value: impl FnMut(&Slot) -> Option<String>) -> Result<String, Slot> {
    template.stage(|slot| match slot {
        Slot::Value(name) if name == "base_url" => value(slot),
        _ => value(slot).map(|value| endpoint::encode(&value)),
    })
}

/// For the tests of the kinds: what is refused of a gate file, each as `code <marked text> message`.
#[cfg(test)]
pub fn refusals(kind: &super::Kind, text: &str) -> Vec<String> {
    let source = crate::text::source::Source::new("gates/10-a.yaml", text);
    let Err(fault) = (kind.read)(&source) else { return Vec::new() };
    assert_eq!(fault.reason, crate::domain::Reason::BadConfig);
    let show = |finding: &Finding| {
        let place = finding.place.clone().unwrap_or_default();
        assert_eq!((place.file.as_str(), text.lines().nth(place.line as usize - 1)), ("gates/10-a.yaml", place.source.as_deref()));
        let width = place.end_column.unwrap_or_default().saturating_sub(place.column);
        let marked: String = place.source.unwrap_or_default().chars().skip(place.column as usize - 1).take(width as usize).collect();
        format!("{} <{marked}> {}", finding.code, finding.message)
    };
    fault.findings.iter().map(show).collect()
}

/// For the tests of the kinds: each text must be refused with exactly one finding that starts as wanted.
#[cfg(test)]
pub fn assert_refused(kind: &super::Kind, cases: impl IntoIterator<Item = (String, &'static str)>) {
    let wrong: Vec<String> = cases
        .into_iter()
        .map(|(text, wanted)| (refusals(kind, &text), text, wanted))
        .filter(|(found, _, wanted)| found.len() != 1 || !found[0].starts_with(wanted))
        .map(|(found, text, wanted)| format!("{text}found  {found:?}\nwanted {wanted}\n"))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
