//! What `validate` answers.

use crate::domain::KindName;
use serde::Serialize;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CatalogShape {
    /// How many were looked at.
    pub artifacts: usize,
    /// Every kind of the protocol, in its order, with how many artifacts of it there are.
    pub kinds: Vec<KindShape>,
    /// Entries of the pointer files; 0 where those were not looked at.
    pub active: usize,
    /// Markdown files without front matter at the place of artifacts.
    pub pages: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KindShape {
    pub kind: KindName,
    pub artifacts: usize,
}

impl CatalogShape {
    pub const SCHEMA: &str = "tagwarden.catalog/1";

    /// One line.
    pub fn summary(&self) -> String {
        let kinds: Vec<String> = self.kinds.iter().map(|kind| format!("{} {}", kind.artifacts, kind.kind)).collect();
        let active = if self.active > 0 { format!("; {} active", self.active) } else { String::new() };
        let pages = if self.pages > 0 { format!("; {} without front matter", self.pages) } else { String::new() };
        format!("{} artifacts checked ({}){active}{pages}", self.artifacts, kinds.join(", "))
    }
}
