//! Texts and their grammars: JSON, YAML, CSV, Markdown, jq, JSON Schema, slash commands, workflows. Each engine is imported by exactly one module here.

pub mod collect;
pub mod constant;
pub mod csv;
pub mod hidden;
pub mod json;
pub mod located;
pub mod markdown;
pub mod near;
pub mod query;
pub mod schema;
pub mod slash;
pub mod source;
pub mod template;
pub mod workflows;
pub mod yaml;
