//! JSON Schemas of the files in `gates/`, made from the very types that read them, for editors and for `schema`.
//!
//! A schema says the shape of a file. What its values say of one another, and whether its programs compile, is said only
//! by [`super::load`].

use super::{header::RawHeader, raw};
use crate::{
    catalog::rules::RawLint,
    gate::{Kind, kinds::KINDS},
};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// How the files are named where they are spoken of.
pub(super) const PROTOCOL_FILE: &str = "gates/protocol.yaml";
pub(super) const GATE_FILE: &str = "gates/NN-<id>.yaml";
pub(super) const LINT_FILE: &str = "gates/rails/<rail>/lint.yaml";

/// `("protocol", schema)`, `("lint", schema)` and `("gate", schema)`, all of draft 2020-12.
pub fn schemas() -> Vec<(&'static str, Value)> {
    vec![("protocol", protocol()), ("lint", lint()), ("gate", gate(KINDS))]
}

fn protocol() -> Value {
    let mut generator = generator();
    let mut schema = raw::Protocol::json_schema(&mut generator).to_value();
    finish(&mut schema, generator, PROTOCOL_FILE);
    schema
}

/// The rules of a rail, each with exactly one form.
fn lint() -> Value {
    let mut generator = generator();
    let mut schema = RawLint::json_schema(&mut generator).to_value();
    finish(&mut schema, generator, LINT_FILE);
    let forms = ["find", "refs", "unique", "ranges", "text"];
    schema["$defs"]["RawRule"]["oneOf"] = forms.iter().map(|form| json!({ "required": [form] })).collect();
    schema
}

/// The header's keys and exactly one kind key.
fn gate(kinds: &[&'static Kind]) -> Value {
    // One generator for all kinds: it gives types of one name in different kinds different names here.
    let mut generator = generator();
    let mut schema = RawHeader::json_schema(&mut generator).to_value();
    for kind in kinds {
        let mut of_kind = (kind.schema)(&mut generator).to_value();
        if let Value::Object(of_kind) = &mut of_kind {
            of_kind.insert("description".to_owned(), json!(kind.about));
        }
        schema["properties"][kind.id] = of_kind;
    }
    if !kinds.is_empty() {
        schema["oneOf"] = kinds.iter().map(|kind| json!({ "required": [kind.id] })).collect();
    }
    finish(&mut schema, generator, GATE_FILE);
    schema
}

pub(super) fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().into_generator()
}

/// Puts the dialect and a title in front, and the shared types behind.
fn finish(schema: &mut Value, mut generator: SchemaGenerator, title: &str) {
    let Value::Object(body) = schema else { return };
    let mut whole = Map::new();
    whole.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    whole.insert("title".to_owned(), json!(title));
    body.remove("title");
    whole.append(body);
    whole.insert("$defs".to_owned(), Value::Object(generator.take_definitions(true)));
    *schema = Value::Object(whole);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn keys(value: &Value) -> BTreeSet<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    /// Every schema inside, with its JSON pointer.
    fn inside<'a>(schema: &'a Value, at: String, found: &mut Vec<(String, &'a Value)>) {
        found.push((at.clone(), schema));
        match schema {
            Value::Object(entries) => entries.iter().for_each(|(key, value)| inside(value, format!("{at}/{key}"), found)),
            Value::Array(items) => items.iter().enumerate().for_each(|(key, value)| inside(value, format!("{at}/{key}"), found)),
            _ => {}
        }
    }

    #[test]
    fn a_gate_is_a_header_and_exactly_one_kind() {
        let (_, gate) = schemas().pop().unwrap();
        let header = ["title", "owner", "on_fail", "when", "verbs", "channels", "max_age", "waivable"];
        let wanted: BTreeSet<&str> = header.into_iter().chain(KINDS.iter().map(|kind| kind.id)).collect();
        assert_eq!(keys(&gate["properties"]), wanted);
        assert_eq!(gate["required"], json!(["title"]));
        assert_eq!(gate["additionalProperties"], json!(false));
        let one_of: Vec<Value> = KINDS.iter().map(|kind| json!({ "required": [kind.id] })).collect();
        assert_eq!(gate["oneOf"], json!(one_of));
        assert!(gate["$schema"].as_str().unwrap().contains("2020-12"));
    }

    #[test]
    fn a_protocol_has_every_key_of_the_format() {
        let (_, protocol) = schemas().remove(0);
        let wanted = "version packages release_branches channels ledger remote signing release_tags roles automation redact documents \
                      lock pointer kinds sync snapshots reviewers comment hooks movers";
        assert_eq!(keys(&protocol["properties"]), wanted.split(' ').collect());
        assert_eq!(protocol["required"], json!(["version", "packages", "release_branches", "channels", "signing"]));
        assert_eq!(protocol["properties"]["version"]["const"], 1);
        let permitted = &protocol["$defs"]["Permitted"]["enum"];
        assert!(permitted.as_array().unwrap().contains(&json!("promote")) && !permitted.as_array().unwrap().contains(&json!("adopt")));
    }

    /// Unknown keys are errors everywhere, so that a mistyped key is never silently nothing; and no reference hangs in the air.
    #[test]
    fn every_mapping_is_closed_and_every_reference_leads_somewhere() {
        for (name, schema) in schemas() {
            let mut found = Vec::new();
            inside(&schema, String::new(), &mut found);
            for (at, part) in found {
                if let Some(properties) = part.get("properties").filter(|properties| properties.is_object())
                    && !at.ends_with("/properties")
                {
                    assert!(part.get("additionalProperties").is_some(), "{name}{at}: {:?}", keys(properties));
                }
                if let Some(reference) = part.get("$ref").and_then(Value::as_str) {
                    assert!(schema.pointer(reference.trim_start_matches('#')).is_some(), "{name}{at}: {reference}");
                }
            }
        }
    }
}
