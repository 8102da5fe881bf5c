//! Every key of `gates/protocol.yaml`, those that all gate files have in common, and those of a rail's rules, with what each says: taken from the schemas, and
//! so from the very types that read the files. `explain` and the page of keys are made from this list.
//!
//! Deliberately absent: the keys under a gate's kind, which the page of its kind explains.

use super::{
    header::RawHeader,
    raw,
    schemas::{GATE_FILE, LINT_FILE, PROTOCOL_FILE, generator},
};
use crate::catalog::rules::RawLint;
use schemars::JsonSchema;
use serde_json::Value;

/// One key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The file, such as `gates/protocol.yaml`.
    pub file: &'static str,
    /// The keys from the top of the file, with dots between; `NAME` stands for a name of one's own.
    pub path: String,
    pub about: String,
    pub required: bool,
}

impl Key {
    /// The last part of the path: the key as it is written.
    pub fn name(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }
}

/// The protocol first, then gate files, then the rules of rails, in the order of their types.
pub fn keys() -> Vec<Key> {
    [keys_of::<raw::Protocol>(PROTOCOL_FILE), keys_of::<RawHeader>(GATE_FILE), keys_of::<RawLint>(LINT_FILE)].concat()
}

fn keys_of<T: JsonSchema>(file: &'static str) -> Vec<Key> {
    let mut generator = generator();
    let schema = T::json_schema(&mut generator).to_value();
    let definitions = Value::Object(generator.take_definitions(true));
    let mut keys = Vec::new();
    collect(&schema, &definitions, file, "", &mut keys);
    keys
}

fn collect(schema: &Value, definitions: &Value, file: &'static str, above: &str, keys: &mut Vec<Key>) {
    let required = |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|known| known == name));
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{above}{name}");
        let about = property["description"].as_str().unwrap_or_default().replace('\n', " ");
        keys.push(Key { file, path: path.clone(), about, required: required(name) });
        below(property, definitions, file, &path, keys);
    }
}

/// The keys of the mapping that stands under a key, of each item of its list, or of each name of one's own.
fn below(schema: &Value, definitions: &Value, file: &'static str, path: &str, keys: &mut Vec<Key>) {
    let Some(schema) = resolved(schema, definitions) else { return };
    if schema["properties"].is_object() {
        collect(schema, definitions, file, &format!("{path}."), keys);
    }
    if schema["items"].is_object() {
        below(&schema["items"], definitions, file, path, keys);
    }
    if schema["additionalProperties"].is_object() {
        below(&schema["additionalProperties"], definitions, file, &format!("{path}.NAME"), keys);
    }
}

/// The schema itself: behind a reference, and behind the choice between it and nothing.
fn resolved<'s>(schema: &'s Value, definitions: &'s Value) -> Option<&'s Value> {
    if let Some(choices) = schema["anyOf"].as_array() {
        return resolved(choices.iter().find(|choice| choice["type"] != "null")?, definitions);
    }
    match schema["$ref"].as_str() {
        Some(reference) => definitions.get(reference.rsplit('/').next()?),
        None => Some(schema),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_says_what_it_is() {
        for key in keys() {
            assert!(!key.about.is_empty(), "{} of {}: a doc comment on its field is missing", key.path, key.file);
        }
    }

    #[test]
    fn keys_are_found_at_every_depth() {
        let keys = keys();
        let find =
            |file: &str, path: &str| keys.iter().find(|key| key.file == file && key.path == path).unwrap_or_else(|| panic!("{path}"));
        for (file, path, required) in [
            (PROTOCOL_FILE, "release_branches", true),
            (PROTOCOL_FILE, "channels.NAME.base_url", false),
            (PROTOCOL_FILE, "channels.NAME.rules.when", true),
            (PROTOCOL_FILE, "ledger.branch", true),
            (PROTOCOL_FILE, "signing.threshold", false),
            (PROTOCOL_FILE, "documents.banned.list", true),
            (GATE_FILE, "title", true),
            (GATE_FILE, "on_fail", false),
        ] {
            assert_eq!(find(file, path).required, required, "{path}");
        }
        assert_eq!(find(PROTOCOL_FILE, "channels.NAME.rules.when").name(), "when");
    }
}
