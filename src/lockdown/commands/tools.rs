//! What was read of the tree for commands, kept from one document to the next.

use super::{cargo::Crates, make::Rules, packages::Package, scripts::Script};
use crate::{
    text::query::{self, QueryError},
    tree::Unreadable,
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

#[derive(Default)]
pub struct Tools {
    queries: Cache<Option<QueryError>>,
    names: Cache<Option<QueryError>>,
    pub scripts: Cache<Script>,
    pub rules: Cache<Rules>,
    pub packages: Cache<Package>,
    /// The scripts of all packages.
    pub everywhere: OnceLock<Result<BTreeSet<String>, Unreadable>>,
    pub crates: OnceLock<Result<Crates, Unreadable>>,
}

impl Tools {
    /// What is wrong with the syntax of a jq program.
    pub fn query(&self, text: &str) -> Option<QueryError> {
        let read = || Ok(query::check_syntax(text).err());
        self.queries.get(text, read).ok().and_then(|error| Option::clone(&error))
    }

    /// The first name of a jq program that nothing gives it, these variables apart.
    pub fn unknown_name(&self, text: &str, variables: &[&str]) -> Option<QueryError> {
        let key = std::iter::once(text).chain(variables.iter().copied()).collect::<Vec<_>>().join("\0");
        let read = || Ok(query::unknown_name(text, variables));
        self.names.get(&key, read).ok().and_then(|error| Option::clone(&error))
    }
}

/// Values by path or text, each made once.
pub struct Cache<T>(Mutex<HashMap<String, Arc<T>>>);

impl<T> Default for Cache<T> {
    fn default() -> Cache<T> {
        Cache(Mutex::default())
    }
}

impl<T> Cache<T> {
    pub fn get(&self, key: &str, make: impl FnOnce() -> Result<T, Unreadable>) -> Result<Arc<T>, Unreadable> {
        // A value is inserted whole or not at all, so that a poisoned lock is no danger.
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = known().get(key) {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(make()?);
        known().insert(key.to_owned(), Arc::clone(&value));
        Ok(value)
    }
}
