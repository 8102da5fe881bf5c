//! JSON Schema, drafts 4 to 2020-12. The only importer of the schema engine.
//!
//! A schema sees the files that its caller gives it and nothing else: no network, no disk. References lead inside the schema, to one of
//! those files by its relative name, or to the published metaschema of its own draft, which the engine has in it. Patterns are run by an
//! engine whose time is linear in the text, so look-around and back-references are refused. `format` is checked in every draft.
//!
//! Messages never quote the value, which may be long; they say its place.
//!
//! Deliberately absent: reading files, vocabularies of one's own, and default values.

use super::located;
use crate::text::near;
use jsonschema::{
    JsonType, PatternOptions, Retrieve, Uri, ValidationError, Validator,
    error::{TypeKind, ValidationErrorKind},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Where the files of a schema are, as the engine sees them.
const BASE: &str = "tagwarden-files:/";

/// A compiled schema.
pub struct Schema {
    validator: Validator,
}

/// One way in which a value breaks a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer to the value.
    pub pointer: String,
    /// Whether it is about the key of the value rather than the value.
    pub of_key: bool,
    pub keyword: String,
    pub message: String,
    pub help: Option<String>,
}

/// Why something is not a schema that can be used, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    pub pointer: String,
    pub message: String,
    pub help: Option<String>,
}

/// Files that references may name, by their path relative to the schema's folder.
pub type Files = BTreeMap<String, Arc<Value>>;

impl Schema {
    /// Compiles the schema that is the file `name` among `files`. The errors are never empty.
    pub fn compile(name: &str, schema: &Value, files: &Files) -> Result<Schema, Vec<Unusable>> {
        let mut unusable = foreign_references(schema, files);
        unusable.extend(endless(schema));
        if !unusable.is_empty() {
            return Err(unusable);
        }
        let failed = |error: &dyn std::fmt::Display, pointer: &str| {
            vec![Unusable { pointer: pointer.to_owned(), message: error.to_string(), help: None }]
        };
        let retriever = Given(files.clone());
        let base = format!("{BASE}{name}");
        let built = jsonschema::options()
            .with_base_uri(base)
            .with_retriever(retriever)
            .should_validate_formats(true)
            .with_pattern_options(PatternOptions::regex())
            .build(schema);
        match built {
            Ok(validator) => Ok(Schema { validator }),
            Err(error) => {
                let pointer = error.instance_path().as_str().to_owned();
                Err(failed(&error.masked_with("this value"), &pointer))
            }
        }
    }

    /// Everything in which a value breaks the schema, in the order in which the engine finds it.
    pub fn violations(&self, value: &Value) -> Vec<Violation> {
        if self.validator.is_valid(value) {
            return Vec::new();
        }
        self.validator.iter_errors(value).flat_map(|error| violations_of(&error)).collect()
    }
}

struct Given(Files);

impl Retrieve for Given {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let path = uri.as_str().strip_prefix(BASE).ok_or("it is not a file of this folder, and nothing is fetched")?;
        let file = self.0.get(path).ok_or_else(|| format!("there is no file `{path}` beside the schema"))?;
        Ok(file.as_ref().clone())
    }
}

fn violations_of(error: &ValidationError<'_>) -> Vec<Violation> {
    let pointer = error.instance_path().as_str().to_owned();
    let keyword = error.kind().keyword().to_owned();
    let one = |message: String| vec![Violation { pointer: pointer.clone(), of_key: false, keyword: keyword.clone(), message, help: None }];
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected
            .iter()
            .map(|key| {
                let mut at = pointer.clone();
                located::push(&mut at, key);
                let message = format!("the key `{}` is not allowed here", key.escape_debug());
                Violation { pointer: at, of_key: true, keyword: keyword.clone(), message, help: None }
            })
            .collect(),
        ValidationErrorKind::Required { property: Value::String(key) } => one(format!("the key `{}` is missing", key.escape_debug())),
        ValidationErrorKind::Type { kind } => {
            let mut found = one(format!("this must be {}, and is {}", types(kind), type_of(error.instance())));
            if let (Some(violation), Value::Number(_)) = (found.first_mut(), error.instance().as_ref())
                && allows_text(kind)
            {
                violation.help = Some("a number in quotes is text".to_owned());
            }
            found
        }
        ValidationErrorKind::Enum { options } => {
            let words: Vec<String> = options.as_array().into_iter().flatten().map(shown).collect();
            let mut found = one(format!("this is not one of the {} values that are allowed", words.len()));
            if let Some(violation) = found.first_mut() {
                let borrowed: Vec<&str> = words.iter().map(String::as_str).collect();
                violation.help = Some(near::help(&shown(error.instance()), &borrowed));
            }
            found
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            let mut found = one(format!("this fits none of the {} alternatives", context.len()));
            // The alternative that fails at the deepest place is the one that was most likely meant.
            let depth = |errors: &[ValidationError<'_>]| errors.iter().map(|error| error.instance_path().as_str().len()).max();
            let nearest = context.iter().max_by_key(|errors| (depth(errors), std::cmp::Reverse(errors.len())));
            let first = nearest.and_then(|errors| errors.first()).and_then(|error| violations_of(error).into_iter().next());
            if let (Some(violation), Some(first)) = (found.first_mut(), first) {
                let at = if first.pointer.is_empty() { "/".to_owned() } else { first.pointer };
                violation.help = Some(format!("of the alternative that is nearest: at {at}, {}", first.message));
            }
            found
        }
        ValidationErrorKind::OneOfMultipleValid { context } => {
            one(format!("this fits more than one of the {} alternatives", context.len()))
        }
        ValidationErrorKind::PropertyNames { error } => one(format!("a key here is not allowed: {}", error.masked_with("the key"))),
        ValidationErrorKind::FalseSchema => one("nothing may be here".to_owned()),
        ValidationErrorKind::Not { .. } => one("this is what the schema excludes (`not`)".to_owned()),
        _ => one(error.masked_with("the value").to_string()),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn types(kind: &TypeKind) -> String {
    let names: Vec<String> = match kind {
        TypeKind::Single(single) => vec![single.to_string()],
        TypeKind::Multiple(set) => set.iter().map(|one| one.to_string()).collect(),
    };
    names.join(" or ")
}

fn allows_text(kind: &TypeKind) -> bool {
    match kind {
        TypeKind::Single(single) => *single == JsonType::String,
        TypeKind::Multiple(set) => set.iter().any(|one| one == JsonType::String),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// References that lead out of what was given.
fn foreign_references(schema: &Value, files: &Files) -> Vec<Unusable> {
    let known: BTreeSet<&str> = ids(schema);
    let mut found = Vec::new();
    each_subschema(schema, &mut |pointer, object| {
        for key in ["$ref", "$dynamicRef", "$recursiveRef"] {
            let Some(Value::String(reference)) = object.get(key) else { continue };
            let target = reference.split('#').next().unwrap_or_default();
            let is_known = target.is_empty()
                || known.contains(target)
                || files.contains_key(target)
                || target.starts_with("http://json-schema.org/draft-")
                || target.starts_with("https://json-schema.org/draft/");
            // Relative to an `$id` of its own it may be an id here.
            let may_be_relative = !target.contains(':') && known.iter().any(|id| id.ends_with(target));
            if is_known || may_be_relative {
                continue;
            }
            let mut at = pointer.to_owned();
            located::push(&mut at, key);
            let (message, help) = match target.contains(':') || target.starts_with("//") {
                true => (
                    "this reference leads to another host or scheme, and nothing is fetched",
                    "put the file into the rail's folder and refer to it by its name",
                ),
                false => ("this reference names no file of the rail", "files of the rail's own folder can be referred to by their name"),
            };
            found.push(Unusable { pointer: at, message: message.to_owned(), help: Some(help.to_owned()) });
        }
    });
    found
}

fn ids(schema: &Value) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let mut open = vec![schema];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                found.extend(
                    ["$id", "id"].iter().filter_map(|key| members.get(*key)?.as_str()).map(|id| id.split('#').next().unwrap_or(id)),
                );
                open.extend(members.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    found
}

/// Every object that may be a schema; what is under keywords that hold plain values is none.
fn each_subschema<'s>(schema: &'s Value, seen: &mut impl FnMut(&str, &'s serde_json::Map<String, Value>)) {
    let mut open = vec![(String::new(), schema)];
    while let Some((pointer, value)) = open.pop() {
        let mut below = |key: &str, value: &'s Value| {
            let mut pointer = pointer.clone();
            located::push(&mut pointer, key);
            open.push((pointer, value));
        };
        match value {
            Value::Object(members) => {
                for (key, value) in members.iter().rev() {
                    if !matches!(key.as_str(), "enum" | "const" | "default" | "examples") {
                        below(key, value);
                    }
                }
                seen(&pointer, members);
            }
            Value::Array(items) => items.iter().enumerate().rev().for_each(|(at, value)| below(&at.to_string(), value)),
            _ => {}
        }
    }
}

/// Schemas that lead back to themselves without going into the value: nothing could ever satisfy or break them, and an engine that
/// tries does not end.
fn endless(schema: &Value) -> Vec<Unusable> {
    let mut settled: BTreeSet<String> = BTreeSet::new();
    let mut found = Vec::new();
    let mut starts = Vec::new();
    each_subschema(schema, &mut |pointer, _| starts.push(pointer.to_owned()));
    for start in starts {
        if settled.contains(&start) {
            continue;
        }
        // Depth first, with the way that led here.
        let mut way: Vec<(String, Vec<String>)> = vec![(start.clone(), in_place(schema, &start))];
        while let Some((here, next)) = way.last_mut() {
            let (here, next) = (here.clone(), next.pop());
            match next {
                Some(to) if way.iter().any(|(on_way, _)| *on_way == to) => {
                    let message = "this schema refers to itself without going into the value, so it says nothing".to_owned();
                    found.push(Unusable { pointer: to, message, help: Some("put the reference under a property or an item".to_owned()) });
                    return found;
                }
                Some(to) if settled.contains(&to) => {}
                Some(to) => {
                    let next = in_place(schema, &to);
                    way.push((to, next));
                }
                None => {
                    settled.insert(here);
                    way.pop();
                }
            }
        }
    }
    found
}

/// The schemas that are applied to the same value as the one at this pointer.
fn in_place(schema: &Value, pointer: &str) -> Vec<String> {
    let Some(Value::Object(members)) = schema.pointer(pointer) else { return Vec::new() };
    let mut found = Vec::new();
    let mut at = |parts: &[&str]| {
        let mut to = pointer.to_owned();
        parts.iter().for_each(|part| located::push(&mut to, part));
        found.push(to);
    };
    for key in ["not", "if", "then", "else"] {
        if members.contains_key(key) {
            at(&[key]);
        }
    }
    for key in ["allOf", "anyOf", "oneOf"] {
        let items = members.get(key).and_then(Value::as_array).map_or(0, Vec::len);
        (0..items).for_each(|item| at(&[key, &item.to_string()]));
    }
    for key in ["dependentSchemas", "dependencies"] {
        let names = members.get(key).and_then(Value::as_object).into_iter().flatten();
        names.for_each(|(name, _)| at(&[key, name]));
    }
    for key in ["$ref", "$dynamicRef", "$recursiveRef"] {
        if let Some(target) = members.get(key).and_then(Value::as_str).and_then(|reference| inside(schema, reference)) {
            found.push(target);
        }
    }
    found
}

/// The pointer that a reference within the same document leads to.
fn inside(schema: &Value, reference: &str) -> Option<String> {
    let own = ["$id", "id"].iter().find_map(|key| schema.get(*key)?.as_str()).map(|id| id.split('#').next().unwrap_or(id));
    let (target, fragment) = reference.split_once('#').unwrap_or((reference, ""));
    if !target.is_empty() && Some(target) != own {
        return None;
    }
    if fragment.is_empty() || fragment.starts_with('/') {
        return Some(fragment.replace("%25", "%"));
    }
    let mut named = None;
    each_subschema(schema, &mut |pointer, members| {
        if ["$anchor", "$dynamicAnchor"].iter().any(|key| members.get(*key).and_then(Value::as_str) == Some(fragment)) {
            named = Some(pointer.to_owned());
        }
    });
    named
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn compile(schema: Value) -> Result<Schema, Vec<Unusable>> {
        Schema::compile("schema.json", &schema, &Files::new())
    }

    fn broken(schema: Value, value: Value) -> Vec<(String, String)> {
        let Ok(schema) = compile(schema) else { panic!("the schema compiles") };
        schema.violations(&value).into_iter().map(|violation| (violation.pointer, violation.keyword)).collect()
    }

    #[test]
    fn every_draft_is_read_by_its_own_rules() {
        // exclusiveMinimum is a word of another type since draft 6, and tuples are `prefixItems` since 2020-12.
        for (draft, schema, wrong) in [
            ("http://json-schema.org/draft-04/schema#", json!({ "minimum": 3, "exclusiveMinimum": true }), json!(3)),
            ("http://json-schema.org/draft-06/schema#", json!({ "exclusiveMinimum": 3 }), json!(3)),
            ("http://json-schema.org/draft-07/schema#", json!({ "if": { "const": 3 }, "then": false }), json!(3)),
            ("https://json-schema.org/draft/2019-09/schema", json!({ "dependentRequired": { "a": ["b"] } }), json!({ "a": 1 })),
            ("https://json-schema.org/draft/2020-12/schema", json!({ "prefixItems": [{ "type": "string" }] }), json!([3])),
        ] {
            let mut schema = schema;
            schema["$schema"] = json!(draft);
            assert_eq!(broken(schema, wrong).len(), 1, "{draft}");
        }
        assert_eq!(broken(json!({ "format": "date" }), json!("2026-02-30")), [(String::new(), "format".to_owned())]);
    }

    #[test]
    fn all_violations_are_reported_each_at_its_place() {
        let schema = json!({
            "type": "object", "additionalProperties": false, "required": ["c"],
            "properties": { "a/b": { "type": "string" }, "n": { "enum": ["debit", "credit"] }, "c": {} }
        });
        let mut found = broken(schema.clone(), json!({ "a/b": 1, "n": "debt", "x": 1, "y": 2 }));
        found.sort();
        let want = [("", "required"), ("/a~1b", "type"), ("/n", "enum"), ("/x", "additionalProperties"), ("/y", "additionalProperties")];
        assert_eq!(found, want.map(|(pointer, keyword)| (pointer.to_owned(), keyword.to_owned())));
        let Ok(schema) = compile(schema) else { panic!("the schema compiles") };
        let violations = schema.violations(&json!({ "a/b": 1.1, "n": "debt", "c": 1 }));
        let help: Vec<&str> = violations.iter().filter_map(|violation| violation.help.as_deref()).collect();
        assert_eq!(help, ["a number in quotes is text", "did you mean `debit`?"]);
    }

    #[test]
    fn references_stay_with_the_files_that_were_given() {
        let files = Files::from([("types.json".to_owned(), Arc::new(json!({ "$defs": { "name": { "type": "string" } } })))]);
        let schema = json!({ "properties": { "a": { "$ref": "types.json#/$defs/name" }, "m": { "$ref": "https://json-schema.org/draft/2020-12/schema" } } });
        let Ok(compiled) = Schema::compile("schema.json", &schema, &files) else { panic!("it compiles") };
        assert_eq!(compiled.violations(&json!({ "a": 1, "m": { "type": 3 } })).len(), 2);
        for (reference, pointer) in [
            ("https://example.com/a.json", "/properties/a/$ref"),
            ("//example.com/a.json", "/properties/a/$ref"),
            ("file:///etc/passwd", "/properties/a/$ref"),
            ("../other/types.json", "/properties/a/$ref"),
            ("absent.json", "/properties/a/$ref"),
        ] {
            let schema = json!({ "properties": { "a": { "$ref": reference } } });
            let unusable = Schema::compile("schema.json", &schema, &files).err().unwrap_or_default();
            assert_eq!(unusable.iter().map(|error| error.pointer.as_str()).collect::<Vec<_>>(), [pointer], "{reference}");
        }
        let dangling = compile(json!({ "$ref": "#/$defs/absent" })).err().unwrap_or_default();
        assert_eq!(dangling.len(), 1, "{dangling:?}");
        let own = json!({ "$id": "https://example.com/a.json", "$defs": { "n": { "type": "string" } }, "items": { "$ref": "https://example.com/a.json#/$defs/n" } });
        assert_eq!(broken(own, json!([1])).len(), 1);
    }

    #[test]
    fn schemas_that_never_end_are_refused_and_recursive_ones_are_not() {
        for schema in [
            json!({ "$ref": "#" }),
            json!({ "allOf": [{ "$ref": "#/$defs/a" }], "$defs": { "a": { "anyOf": [{ "$ref": "#/$defs/b" }] }, "b": { "not": { "$ref": "#/$defs/a" } } } }),
            json!({ "$anchor": "top", "oneOf": [{ "$ref": "#top" }] }),
            json!({ "$id": "https://example.com/a", "allOf": [{ "$ref": "https://example.com/a" }] }),
        ] {
            let unusable = compile(schema.clone()).err().unwrap_or_default();
            assert!(unusable.iter().any(|error| error.message.contains("refers to itself")), "{schema}: {unusable:?}");
        }
        let tree = json!({ "type": "object", "properties": { "below": { "type": "array", "items": { "$ref": "#" } } } });
        assert_eq!(
            broken(tree, json!({ "below": [{ "below": [{ "below": 3 }] }] })),
            [("/below/0/below/0/below".to_owned(), "type".to_owned())]
        );
    }

    #[test]
    fn patterns_take_linear_time_and_look_around_is_refused() {
        let schema = json!({ "pattern": "^(a+)+$" });
        assert_eq!(broken(schema, json!(format!("{}b", "a".repeat(100_000)))).len(), 1);
        for pattern in ["(?=a)b", "(a)\\1", "("] {
            let unusable = compile(json!({ "properties": { "x": { "pattern": pattern } } })).err().unwrap_or_default();
            assert_eq!(unusable.first().map(|error| error.pointer.as_str()), Some("/properties/x/pattern"), "{pattern}: {unusable:?}");
        }
    }
}
