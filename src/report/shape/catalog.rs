//! What the verbs about configuration artifacts answer.

use crate::{
    catalog::{bumps::Bump, diff::Change, history::Turn},
    domain::{ChannelName, KindName, Oid, Timestamp},
};
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
        let artifacts = if self.artifacts == 1 { "artifact" } else { "artifacts" };
        format!("{} {artifacts} checked ({}){active}{pages}", self.artifacts, kinds.join(", "))
    }
}

/// What differs between two sides, by kind and id.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DiffShape {
    pub compared: Compared,
    pub from: SideShape,
    pub to: SideShape,
    pub changes: Vec<Change>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compared {
    /// What the pointer files name.
    Active,
    /// Every artifact with the one of the same name.
    All,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SideShape {
    /// As it was named; `.` is the work tree.
    pub name: String,
    pub channel: Option<ChannelName>,
    /// `None`: the work tree.
    pub commit: Option<Oid>,
}

/// When artifacts became active and stopped to be, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CatalogHistoryShape {
    pub events: Vec<Event>,
    /// Whether the history that was looked at has its beginning.
    pub complete: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    #[serde(flatten)]
    pub turn: Turn,
    pub channel: ChannelName,
    pub commit: Oid,
    pub author: String,
    pub time: Timestamp,
    pub subject: String,
}

/// What was looked at for changes of released versions; the changes are findings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImmutabilityShape {
    pub since: Option<Oid>,
    pub head: Oid,
    /// How many commits were looked at.
    pub commits: usize,
    /// How many versions were active or tagged.
    pub versions: usize,
}

impl ImmutabilityShape {
    /// One line.
    pub fn summary(&self) -> String {
        let since = self.since.as_ref().map(|since| format!("{}..", since.short())).unwrap_or_default();
        format!("{} versions in {} commits ({since}{})", self.versions, self.commits, self.head.short())
    }
}

/// Versions that follow others, with the step that each needs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BumpsShape {
    pub compared: Compared,
    pub from: SideShape,
    pub to: SideShape,
    pub bumps: Vec<Bump>,
}
