//! Texts and their grammars: YAML, Markdown, jq. Each engine is imported by exactly one module here.

pub mod constant;
pub mod markdown;
pub mod near;
pub mod query;
pub mod source;
pub mod template;
pub mod yaml;
