//! Texts and their grammars: YAML, Markdown, jq, slash commands. Each engine is imported by exactly one module here.

pub mod constant;
pub mod hidden;
pub mod markdown;
pub mod near;
pub mod query;
pub mod slash;
pub mod source;
pub mod template;
pub mod yaml;
