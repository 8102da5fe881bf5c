//! JSON Schemas of the files in `gates/`, made from the very types that read them.

use super::{header::RawHeader, raw};
use crate::gate::kinds::KINDS;
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Value, json};

/// `("protocol", schema)` and `("gate", schema)`.
pub fn schemas() -> Vec<(&'static str, Value)> {
    vec![("protocol", protocol()), ("gate", gate())]
}

fn protocol() -> Value {
    let mut generator = generator();
    let mut schema = generator.root_schema_for::<raw::Protocol>().to_value();
    schema["title"] = json!("gates/protocol.yaml");
    schema
}

/// The header's keys and exactly one kind key.
fn gate() -> Value {
    let mut generator = generator();
    let mut schema = generator.root_schema_for::<RawHeader>().to_value();
    schema["title"] = json!("gates/NN-<id>.yaml");
    let mut one_of = Vec::new();
    for kind in KINDS {
        let mut generator = self::generator();
        let mut of_kind = (kind.schema)(&mut generator).to_value();
        of_kind["description"] = json!(kind.about);
        schema["properties"][kind.id] = of_kind;
        let definitions = generator.take_definitions(true);
        for (name, definition) in definitions {
            schema["$defs"][&name] = definition;
        }
        one_of.push(json!({ "required": [kind.id] }));
    }
    if !one_of.is_empty() {
        schema["oneOf"] = Value::Array(one_of);
    }
    schema
}

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().into_generator()
}
