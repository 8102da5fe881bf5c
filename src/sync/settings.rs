//! The checked form of `sync:` in `gates/protocol.yaml`; [`crate::gate::config`] makes it.

use super::tags::Tags;
use crate::domain::{ChannelName, KindName, Span};
use indexmap::IndexMap;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub store: StoreAt,
    pub from: From,
    /// Never empty.
    pub kinds: IndexMap<KindName, KindRows>,
    /// Snapshots that are kept beside the live one.
    pub retain: usize,
    pub grace: Span,
    pub lease: Span,
    pub orphans: Orphans,
}

/// What says which release readers see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// The ledger, by what this channel is at.
    Channel(ChannelName),
    /// Tags, where there is no ledger.
    Tags(Tags),
}

impl Settings {
    pub fn channel(&self) -> Option<&ChannelName> {
        match &self.from {
            From::Channel(channel) => Some(channel),
            From::Tags(_) => None,
        }
    }

    /// As it is shown, and told from that of another store.
    pub fn source(&self) -> String {
        match &self.from {
            From::Channel(channel) => channel.to_string(),
            From::Tags(tags) => tags.shown(),
        }
    }
}

/// Where the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreAt {
    /// A file, from the repository's root or absolute.
    Sqlite(String),
    /// A variable that holds where it is, since that may have a password.
    Env(String),
}

impl StoreAt {
    /// Reads `sqlite:PATH` or `env:NAME`. The error never repeats what was given: it may hold a password.
    pub fn parse(text: &str) -> Result<StoreAt, String> {
        let is_name = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        match text.split_once(':') {
            Some(("sqlite", path)) if !path.trim().is_empty() && !path.chars().any(char::is_control) => {
                Ok(StoreAt::Sqlite(path.to_owned()))
            }
            Some(("env", name)) if is_name(name) => Ok(StoreAt::Env(name.to_owned())),
            _ => Err("this names no store: sqlite:PATH, or env:NAME of a variable that holds where it is".to_owned()),
        }
    }
}

/// How the artifacts of a kind become rows. Both are JSON pointers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KindRows {
    /// `None`: the id; with the version where several versions of an id can be rows.
    pub identity: Option<String>,
    /// The part whose change makes a new generation; `None`: everything.
    pub generation: Option<String>,
}

/// What is done with a release that has references to what is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orphans {
    Refuse,
    Publish,
}

impl Orphans {
    pub const ALL: &'static [(&'static str, Orphans)] = &[("refuse", Orphans::Refuse), ("publish", Orphans::Publish)];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_named_without_repeating_secrets() {
        assert_eq!(StoreAt::parse("sqlite:/var/lib/live.db"), Ok(StoreAt::Sqlite("/var/lib/live.db".into())));
        assert_eq!(StoreAt::parse("env:STORE_URL"), Ok(StoreAt::Env("STORE_URL".into())));
        for wrong in ["", "live.db", "sqlite:", "env:", "env:1A", "env:A B", "postgres://me:hunter2@example.com/live", "sqlite:a\nb"] {
            let said = StoreAt::parse(wrong).unwrap_err();
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}
