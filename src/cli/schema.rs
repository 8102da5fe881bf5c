//! The verb `schema`: the JSON Schema of the files in `gates/`, made from the types that read them.

use super::args::{self, SchemaOf};
use crate::{
    domain::{Fault, Reason, Result},
    gate::config,
    report::{Body, Report, TextShape},
};
use serde_json::Value;

pub fn run(args: &args::Schema) -> Result<Report> {
    let wanted = match args.file {
        Some(SchemaOf::Protocol) => Some("protocol"),
        Some(SchemaOf::Lint) => Some("lint"),
        Some(SchemaOf::Gate) => Some("gate"),
        None => None,
    };
    let value = match wanted {
        Some(name) => config::schemas().into_iter().find(|(known, _)| *known == name).map(|(_, schema)| schema),
        None => Some(Value::Object(config::schemas().into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect())),
    };
    let value = value.ok_or_else(|| Fault::new(Reason::Internal, "there is no such schema"))?;
    let text = serde_json::to_string_pretty(&value).map_err(|error| Fault::new(Reason::Internal, error.to_string()))?;
    let shape = TextShape { media_type: "application/schema+json", text: text + "\n", value: Some(value) };
    Ok(Report::new(Reason::Passed, Body::Text(shape)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::kinds::KINDS;

    fn value(file: Option<SchemaOf>) -> Value {
        let Body::Text(shape) = run(&args::Schema { file }).unwrap().body else { panic!("a text") };
        let value = shape.value.unwrap();
        assert_eq!(serde_json::from_str::<Value>(&shape.text).unwrap(), value);
        value
    }

    #[test]
    fn each_file_has_its_schema() {
        let gate = value(Some(SchemaOf::Gate));
        assert!(KINDS.iter().all(|kind| gate["properties"].get(kind.id).is_some()));
        assert!(value(Some(SchemaOf::Protocol))["properties"].get("channels").is_some());
        let both = value(None);
        assert!(both["gate"] == gate && both.get("protocol").is_some());
    }
}
