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
        unusable.extend(endless(name, schema, files));
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

    /// In what a value breaks the schema, in the order in which the engine finds it; no more than `most`.
    pub fn violations(&self, value: &Value, most: usize) -> Vec<Violation> {
        if self.validator.is_valid(value) {
            return Vec::new();
        }
        self.validator.iter_errors(value).flat_map(|error| violations_of(&error)).take(most).collect()
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

/// References that are followed in one schema and its files. Their chains are followed by recursion.
const MOST_REFERENCES: usize = 2_000;

/// How many schemas may be applied to one value by one schema, itself included.
const MOST_APPLIED: u64 = 100_000;

/// A schema inside one of the files: the file, and the JSON pointer in it.
type Node = (String, String);

/// The schema with the files that it may refer to.
struct Documents<'s> {
    files: BTreeMap<&'s str, &'s Value>,
    ids: BTreeMap<&'s str, Vec<Node>>,
    anchors: BTreeMap<&'s str, Vec<Node>>,
    starts: Vec<Node>,
    references: usize,
}

impl<'s> Documents<'s> {
    fn of(name: &'s str, schema: &'s Value, files: &'s Files) -> Documents<'s> {
        let mut all: BTreeMap<&str, &Value> = files.iter().map(|(name, file)| (name.as_str(), file.as_ref())).collect();
        all.insert(name, schema);
        let mut documents =
            Documents { files: all.clone(), ids: BTreeMap::new(), anchors: BTreeMap::new(), starts: Vec::new(), references: 0 };
        for (file, schema) in all {
            each_subschema(schema, &mut |pointer, members| {
                let node = || ((*file).to_owned(), pointer.to_owned());
                documents.starts.push(node());
                for (key, value) in members {
                    let Value::String(text) = value else { continue };
                    match key.as_str() {
                        "$ref" | "$dynamicRef" | "$recursiveRef" => documents.references += 1,
                        "$id" | "id" => {
                            let id = text.split('#').next().unwrap_or(text);
                            documents.ids.entry(id).or_default().push(node());
                        }
                        "$anchor" | "$dynamicAnchor" => documents.anchors.entry(text).or_default().push(node()),
                        _ => {}
                    }
                }
            });
        }
        documents
    }

    fn members(&self, (file, pointer): &Node) -> Option<&'s serde_json::Map<String, Value>> {
        self.files.get(file.as_str())?.pointer(pointer)?.as_object()
    }

    /// The schemas that are applied to the same value as this one.
    fn in_place(&self, node: &Node) -> Vec<Node> {
        let Some(members) = self.members(node) else { return Vec::new() };
        let mut found = Vec::new();
        let mut at = |parts: &[&str]| {
            let mut to = node.1.clone();
            parts.iter().for_each(|part| located::push(&mut to, part));
            found.push((node.0.clone(), to));
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
            if let Some(reference) = members.get(key).and_then(Value::as_str) {
                found.extend(self.meant(node, reference));
            }
        }
        found
    }

    /// What a reference may lead to. Relative to an `$id` of its own it may be any id that ends like it.
    fn meant(&self, from: &Node, reference: &str) -> Vec<Node> {
        let (target, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let roots: Vec<Node> = if target.is_empty() {
            vec![self.resource(from)]
        } else if let Some(nodes) = self.ids.get(target) {
            nodes.clone()
        } else if self.files.contains_key(target) {
            vec![(target.to_owned(), String::new())]
        } else {
            self.ids.iter().filter(|(id, _)| id.ends_with(target)).flat_map(|(_, nodes)| nodes.clone()).collect()
        };
        if fragment.is_empty() {
            return roots;
        }
        if fragment.starts_with('/') {
            let fragment = fragment.replace("%25", "%");
            return roots.into_iter().map(|(file, pointer)| (file, pointer + &fragment)).collect();
        }
        let named = self.anchors.get(fragment).into_iter().flatten();
        named.filter(|(file, _)| roots.iter().any(|(root, _)| root == file)).cloned().collect()
    }

    /// The nearest schema around this one that has an id of its own, else the whole file.
    fn resource(&self, (file, pointer): &Node) -> Node {
        let mut pointer = pointer.as_str();
        loop {
            let here = (file.clone(), pointer.to_owned());
            let has_id =
                self.members(&here).is_some_and(|members| ["$id", "id"].iter().any(|key| members.get(*key).is_some_and(Value::is_string)));
            if pointer.is_empty() || has_id {
                return here;
            }
            pointer = pointer.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }
}

/// Schemas that lead back to themselves without going into the value: nothing could ever satisfy or break them, and an engine that
/// tries does not end. So it is with those that double at every step.
fn endless(name: &str, schema: &Value, files: &Files) -> Vec<Unusable> {
    let documents = Documents::of(name, schema, files);
    let unusable = |(file, pointer): Node, message: String, help: &str| {
        let message = if file == name { message } else { format!("{message} (in {file})") };
        let pointer = if file == name { pointer } else { String::new() };
        vec![Unusable { pointer, message, help: Some(help.to_owned()) }]
    };
    if documents.references > MOST_REFERENCES {
        let message = format!("there are {} references here; {MOST_REFERENCES} are followed at most", documents.references);
        return unusable((name.to_owned(), String::new()), message, "say it once under `items`, `properties` or `patternProperties`");
    }
    // How many schemas are applied to one value by each that was left.
    let mut applied: BTreeMap<Node, u64> = BTreeMap::new();
    for start in &documents.starts {
        if applied.contains_key(start) {
            continue;
        }
        // Depth first, with the way that led here.
        let mut way: Vec<(Node, Vec<Node>, u64)> = vec![(start.clone(), documents.in_place(start), 1)];
        let mut on_way: BTreeSet<Node> = [start.clone()].into();
        while let Some((here, next, sum)) = way.last_mut() {
            match next.pop() {
                Some(to) if on_way.contains(&to) => {
                    let message = "this schema refers to itself without going into the value, so it says nothing".to_owned();
                    return unusable(to, message, "put the reference under a property or an item");
                }
                Some(to) => match applied.get(&to) {
                    Some(below) => *sum += below,
                    None => {
                        let next = documents.in_place(&to);
                        on_way.insert(to.clone());
                        way.push((to, next, 1));
                    }
                },
                None => {
                    let (here, sum) = (here.clone(), *sum);
                    if sum > MOST_APPLIED {
                        let message = format!("more than {MOST_APPLIED} schemas are applied to one value here");
                        return unusable(here, message, "references to references double at every step; say it once");
                    }
                    way.pop();
                    if let Some((_, _, above)) = way.last_mut() {
                        *above += sum;
                    }
                    on_way.remove(&here);
                    applied.insert(here, sum);
                }
            }
        }
    }
    Vec::new()
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
        schema.violations(&value, 100).into_iter().map(|violation| (violation.pointer, violation.keyword)).collect()
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
        let violations = schema.violations(&json!({ "a/b": 1.1, "n": "debt", "c": 1 }), 100);
        let help: Vec<&str> = violations.iter().filter_map(|violation| violation.help.as_deref()).collect();
        assert_eq!(help, ["a number in quotes is text", "did you mean `debit`?"]);
    }

    #[test]
    fn references_stay_with_the_files_that_were_given() {
        let files = Files::from([("types.json".to_owned(), Arc::new(json!({ "$defs": { "name": { "type": "string" } } })))]);
        let schema = json!({ "properties": { "a": { "$ref": "types.json#/$defs/name" }, "m": { "$ref": "https://json-schema.org/draft/2020-12/schema" } } });
        let Ok(compiled) = Schema::compile("schema.json", &schema, &files) else { panic!("it compiles") };
        assert_eq!(compiled.violations(&json!({ "a": 1, "m": { "type": 3 } }), 100).len(), 2);
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
        // Through another file, and by ids of parts.
        let files = Files::from([("other.json".to_owned(), Arc::new(json!({ "anyOf": [{ "$ref": "schema.json" }] })))]);
        let unusable = Schema::compile("schema.json", &json!({ "$ref": "other.json" }), &files).err().unwrap_or_default();
        assert!(unusable.iter().any(|error| error.message.contains("refers to itself")), "{unusable:?}");
        let parts = json!({
            "$ref": "https://example.com/a",
            "$defs": {
                "a": { "$id": "https://example.com/a", "allOf": [{ "$ref": "b" }] },
                "b": { "$id": "https://example.com/b", "allOf": [{ "$ref": "https://example.com/a" }] }
            }
        });
        let unusable = compile(parts).err().unwrap_or_default();
        assert!(unusable.iter().any(|error| error.message.contains("refers to itself")), "{unusable:?}");
        // Twice as many at every step.
        let step = |next: usize| json!({ "allOf": [{ "$ref": format!("#/$defs/{next}") }, { "$ref": format!("#/$defs/{next}") }] });
        let steps: serde_json::Map<String, Value> =
            (0..40).map(|at| (at.to_string(), if at == 39 { json!({}) } else { step(at + 1) })).collect();
        let unusable = compile(json!({ "$ref": "#/$defs/0", "$defs": steps })).err().unwrap_or_default();
        assert!(unusable.iter().any(|error| error.message.contains("more than")), "{unusable:?}");
        let chain: serde_json::Map<String, Value> = (0..3_000)
            .map(|at| (at.to_string(), json!({ "properties": { "a": { "$ref": format!("#/$defs/{}", (at + 1) % 3_000) } } })))
            .collect();
        let unusable = compile(json!({ "$ref": "#/$defs/0", "$defs": chain })).err().unwrap_or_default();
        assert!(unusable.iter().any(|error| error.message.contains("references here")), "{unusable:?}");
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
