//! What happened between two readings of a pointer file, by the versions alone: what a commit says of itself decides nothing.
//!
//! Deliberately absent: reading git, and who did it.

use super::pointer::{Entry, Pointer};
use serde::Serialize;

/// One artifact that became active, stopped to be, or changed its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Turn {
    pub event: EventKind,
    /// `None`: the pointer file is flat, and does not say.
    pub kind: Option<String>,
    pub id: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// It became active, or a higher version did.
    Activate,
    Deactivate,
    /// To a lower version.
    Rollback,
    /// To another version, and which of the two is lower cannot be told.
    Change,
}

impl EventKind {
    pub const fn slug(self) -> &'static str {
        match self {
            EventKind::Activate => "activate",
            EventKind::Deactivate => "deactivate",
            EventKind::Rollback => "rollback",
            EventKind::Change => "change",
        }
    }

    fn of(from: Option<&str>, to: Option<&str>) -> EventKind {
        let (from, to) = match (from, to) {
            (_, None) => return EventKind::Deactivate,
            (None, _) => return EventKind::Activate,
            (Some(from), Some(to)) => (semver::Version::parse(from), semver::Version::parse(to)),
        };
        match (from, to) {
            (Ok(from), Ok(to)) if from < to => EventKind::Activate,
            (Ok(from), Ok(to)) if from > to => EventKind::Rollback,
            _ => EventKind::Change,
        }
    }
}

/// In the order of the newer file, then what is gone in that of the older. `None`: the file was not there.
pub fn turns(before: Option<&Pointer>, after: Option<&Pointer>) -> Vec<Turn> {
    let entries = |pointer: Option<&Pointer>| pointer.map(|pointer| pointer.entries().to_vec()).unwrap_or_default();
    let (before, after) = (entries(before), entries(after));
    let version = |entries: &[Entry], of: &Entry| {
        entries.iter().find(|entry| entry.kind == of.kind && entry.id == of.id).map(|entry| entry.version.clone())
    };
    let gone = before.iter().filter(|entry| version(&after, entry).is_none());
    let turn = |entry: &Entry| {
        let (from, to) = (version(&before, entry), version(&after, entry));
        let event = EventKind::of(from.as_deref(), to.as_deref());
        (from != to).then(|| Turn { event, kind: entry.kind.clone(), id: entry.id.clone(), from, to })
    };
    after.iter().chain(gone).filter_map(turn).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalog::layout::Shape, text::source::Source};

    #[test]
    fn two_versions_say_what_happened() {
        let read = |text: &str| Pointer::read(Source::new("active.json", text), Shape::Flat).unwrap();
        for (before, after, want) in [
            (None, Some(r#"{"a": "1.0.0"}"#), vec!["activate a - 1.0.0"]),
            (Some(r#"{"a": "1.0.0"}"#), None, vec!["deactivate a 1.0.0 -"]),
            (Some(r#"{"a": "1.9.0", "b": "1.0.0"}"#), Some(r#"{"a": "1.10.0", "b": "1.0.0"}"#), vec!["activate a 1.9.0 1.10.0"]),
            (Some(r#"{"a": "1.10.0"}"#), Some(r#"{"a": "1.9.0"}"#), vec!["rollback a 1.10.0 1.9.0"]),
            (Some(r#"{"a": "1.0.0"}"#), Some(r#"{"a": "1.0.0-rc.1"}"#), vec!["rollback a 1.0.0 1.0.0-rc.1"]),
            (Some(r#"{"a": "1.10"}"#), Some(r#"{"a": "1.1"}"#), vec!["change a 1.10 1.1"]),
            (
                Some(r#"{"a": "1.0.0", "c": "1"}"#),
                Some(r#"{"b": "1"}"#),
                vec!["activate b - 1", "deactivate a 1.0.0 -", "deactivate c 1 -"],
            ),
            (Some(r#"{"a": "1", "b": "1"}"#), Some(r#"{"b": "1", "a": "1", "_x": "2"}"#), vec![]),
        ] {
            let shown = |version: &Option<String>| version.clone().unwrap_or("-".to_owned());
            let told = turns(before.map(read).as_ref(), after.map(read).as_ref());
            let told: Vec<String> =
                told.iter().map(|turn| format!("{} {} {} {}", turn.event.slug(), turn.id, shown(&turn.from), shown(&turn.to))).collect();
            assert_eq!(told, want, "{before:?} {after:?}");
        }
    }
}
