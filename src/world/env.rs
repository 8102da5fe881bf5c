//! The process environment, read once at the start.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::PathBuf,
    sync::Arc,
};

/// A snapshot of environment variables. Child processes get theirs from it, so a test can give any environment.
#[derive(Clone, Default)]
pub struct EnvVars(Arc<BTreeMap<OsString, OsString>>);

impl EnvVars {
    /// The environment of this process, as it is now.
    pub fn from_process() -> EnvVars {
        EnvVars(Arc::new(std::env::vars_os().collect()))
    }

    /// Exactly these variables.
    pub fn of<K: Into<OsString>, V: Into<OsString>>(vars: impl IntoIterator<Item = (K, V)>) -> EnvVars {
        EnvVars(Arc::new(vars.into_iter().map(|(name, value)| (name.into(), value.into())).collect()))
    }

    /// The same environment with one variable set.
    #[must_use]
    pub fn with(&self, name: impl Into<OsString>, value: impl Into<OsString>) -> EnvVars {
        let mut vars = (*self.0).clone();
        vars.insert(name.into(), value.into());
        EnvVars(Arc::new(vars))
    }

    /// The value of a variable; bytes that are no UTF-8 are replaced. `None`: not set.
    pub fn get(&self, name: &str) -> Option<String> {
        self.get_os(name).map(|value| value.to_string_lossy().into_owned())
    }

    pub fn get_os(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// Where temporary files go.
    pub fn temp_dir(&self) -> PathBuf {
        self.get_os("TMPDIR").filter(|dir| !dir.is_empty()).map_or_else(|| PathBuf::from("/tmp"), PathBuf::from)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

/// Shows names only: values may be secrets.
impl std::fmt::Debug for EnvVars {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
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
}
