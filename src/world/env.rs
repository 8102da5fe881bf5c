//! The process environment, read once at the start, and which of its values are secrets whoever asks.

use crate::gate::probe::reduce::{
    Masks,
    secrets::{self, is_secret, is_secret_name},
};
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

/// A snapshot of environment variables. Child processes get theirs from it, so a test can give any environment.
#[derive(Clone, Default)]
pub struct EnvVars {
    vars: Arc<BTreeMap<OsString, OsString>>,
    masks: Arc<OnceLock<Masks>>,
}

impl EnvVars {
    /// The environment of this process, as it is now.
    pub fn from_process() -> EnvVars {
        EnvVars::of(std::env::vars_os())
    }

    /// Exactly these variables.
    pub fn of<K: Into<OsString>, V: Into<OsString>>(vars: impl IntoIterator<Item = (K, V)>) -> EnvVars {
        let vars = vars.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        EnvVars { vars: Arc::new(vars), masks: Arc::default() }
    }

    /// The same environment with one variable set.
    #[must_use]
    pub fn with(&self, name: impl Into<OsString>, value: impl Into<OsString>) -> EnvVars {
        let mut vars = (*self.vars).clone();
        vars.insert(name.into(), value.into());
        EnvVars::of(vars)
    }

    /// The same environment without some variables.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> EnvVars {
        EnvVars::of(self.iter().filter(|(name, _)| !names.iter().any(|without| *name == OsStr::new(without))))
    }

    /// The value of a variable; bytes that are no UTF-8 are replaced. `None`: not set.
    pub fn get(&self, name: &str) -> Option<String> {
        self.get_os(name).map(|value| value.to_string_lossy().into_owned())
    }

    pub fn get_os(&self, name: &str) -> Option<&OsStr> {
        self.vars.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// Names and values that are secrets whatever is asked of them: those whose names say so, and the user info of addresses.
    /// A path of something that is there is none.
    pub fn secrets(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for (name, value) in self.iter() {
            let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
            found.extend(secrets::of_address(&value).map(|secret| ("password".to_owned(), secret.to_owned())));
            let path = Path::new(value.as_ref());
            if is_secret_name(&name) && !(path.is_absolute() && path.exists()) {
                found.push((name.into_owned(), value.into_owned()));
            }
        }
        found.retain(|(name, value)| is_secret(name, value));
        found
    }

    /// The same environment without the variables that hold a secret: for programs that need none.
    #[must_use]
    pub fn without_secrets(&self) -> EnvVars {
        let is_open = |(name, value): &(&OsStr, &OsStr)| {
            let one = EnvVars::of([(name.to_os_string(), value.to_os_string())]);
            one.secrets().is_empty() && !is_key(value)
        };
        // git reads these as one list, and refuses one with holes.
        let of_git = |name: &OsStr| name.to_string_lossy().starts_with("GIT_CONFIG_");
        let is_whole = self.iter().filter(|(name, _)| of_git(name)).all(|variable| is_open(&variable));
        EnvVars::of(self.iter().filter(is_open).filter(|(name, _)| is_whole || *name != OsStr::new("GIT_CONFIG_COUNT")))
    }

    /// The same without private keys, for programs that may need other secrets.
    #[must_use]
    pub fn without_keys(&self) -> EnvVars {
        EnvVars::of(self.iter().filter(|(_, value)| !is_key(value)))
    }

    pub(super) fn get_os_name(&self, name: &OsStr) -> Option<&OsStr> {
        self.vars.get(name).map(OsString::as_os_str)
    }

    /// Masks for the words of programs that run in this environment.
    pub fn masks(&self) -> &Masks {
        self.masks.get_or_init(|| Masks::new(self.secrets().into_iter().map(|(_, value)| value)))
    }

    /// Where temporary files go.
    pub fn temp_dir(&self) -> PathBuf {
        self.get_os("TMPDIR").filter(|dir| !dir.is_empty()).map_or_else(|| PathBuf::from("/tmp"), PathBuf::from)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.vars.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

fn is_key(value: &OsStr) -> bool {
    value.to_string_lossy().contains("PRIVATE KEY-----")
}

/// Shows names only: values may be secrets.
impl std::fmt::Debug for EnvVars {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.vars.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_never_show_in_debug_output() {
        let env = EnvVars::of([("TOKEN", "hunter2")]).with("HOME", "/x");
        assert_eq!(env.get("TOKEN").as_deref(), Some("hunter2"));
        assert_eq!(env.get("NOPE"), None);
        assert_eq!(format!("{env:?}"), r#"{"HOME", "TOKEN"}"#);
    }

    #[test]
    fn secrets_are_what_names_and_addresses_say() {
        let env = EnvVars::of([
            ("API_TOKEN", "hunter2"),
            ("HTTPS_PROXY", "http://me:sesame@example.com"),
            ("SIGNING_KEY", "/usr/bin"),
            ("ACCESS_KEY", "/no/such/file"),
            ("EDITOR", "hunter-and-gatherer-22"),
        ]);
        let masked = env.masks().mask("hunter2 sesame me /usr/bin /no/such/file hunter-and-gatherer-22");
        assert_eq!(masked, "[masked] [masked] me /usr/bin [masked] hunter-and-gatherer-22");
    }
}
