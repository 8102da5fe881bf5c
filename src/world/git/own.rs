//! Whether git was set up to prove who it is to a host without us: then it is left alone.
//!
//! Looked for are a credential helper, an `Authorization` in `http.extraHeader` (as `actions/checkout` leaves one), `core.askPass` and
//! `GIT_ASKPASS`. A `.netrc` is git's own matter: it is used before anybody is asked.

use super::{Git, normal_key};
use crate::{domain::Result, world::EnvVars};
use std::collections::BTreeMap;

impl Git {
    /// `url`: where git is about to go.
    pub(super) async fn has_own_credentials(&self, url: &str) -> Result<bool> {
        let env = &self.runner().surroundings;
        let is_set = env.get("GIT_ASKPASS").is_some_and(|program| !program.is_empty());
        Ok(is_set || is_configured(&with_environment(self.configuration().await?.clone(), env), url))
    }
}

/// What the environment adds to git's configuration; the listing was made without variables that hold secrets.
fn with_environment(mut configuration: BTreeMap<String, Vec<String>>, env: &EnvVars) -> BTreeMap<String, Vec<String>> {
    let variable = |name: &str| env.get(name).unwrap_or_default();
    for at in 0..variable("GIT_CONFIG_COUNT").parse::<usize>().unwrap_or(0).min(1_000) {
        let (key, value) = (variable(&format!("GIT_CONFIG_KEY_{at}")), variable(&format!("GIT_CONFIG_VALUE_{at}")));
        configuration.entry(normal_key(&key)).or_default().push(value);
    }
    configuration
}

fn is_configured(configuration: &BTreeMap<String, Vec<String>>, url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default().to_ascii_lowercase();
    let name = host.split(':').next().unwrap_or_default();
    // With a pattern in doubt it is git's own: then nothing is offered.
    let is_for = |of: &str| of.is_empty() || of.contains('*') || of.to_ascii_lowercase().contains(name);
    configuration.iter().any(|(key, values)| {
        let (Some((section, rest)), Some(last)) = (key.split_once('.'), values.last()) else { return false };
        let (of, variable) = rest.rsplit_once('.').unwrap_or(("", rest));
        match (section, variable) {
            // An empty value forgets those before it.
            ("credential", "helper") | ("core", "askpass") => is_for(of) && !last.is_empty(),
            ("http", "extraheader") => {
                is_for(of) && values.iter().any(|header| header.trim_start().to_ascii_lowercase().starts_with("authorization:"))
            }
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_up_for_the_host_is_found() {
        let url = "https://git.example.com/acme/shop.git";
        for (key, values, wanted) in [
            ("credential.helper", &["store"][..], true),
            ("credential.helper", &["store", ""], false),
            ("credential.helper", &["", "cache"], true),
            ("credential.https://git.example.com.helper", &["cache"], true),
            ("credential.https://*.example.com.helper", &["cache"], true),
            ("credential.https://other.example.org.helper", &["cache"], false),
            ("http.https://git.example.com/.extraheader", &["AUTHORIZATION: basic abc"], true),
            ("http.extraheader", &["X-Request: 1"], false),
            ("http.extraheader", &["X-Request: 1", "Authorization: Bearer x", "X-Other: 2"], true),
            ("core.askpass", &["/usr/bin/ask"], true),
            ("core.pager", &["less"], false),
        ] {
            let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
            let configuration = BTreeMap::from([(key.to_owned(), values.clone())]);
            assert_eq!(is_configured(&configuration, url), wanted, "{key} {values:?}");
            let mut env: Vec<(String, String)> = vec![("GIT_CONFIG_COUNT".to_owned(), values.len().to_string())];
            for (at, value) in values.into_iter().enumerate() {
                env.extend([(format!("GIT_CONFIG_KEY_{at}"), key.to_owned()), (format!("GIT_CONFIG_VALUE_{at}"), value)]);
            }
            assert_eq!(is_configured(&with_environment(BTreeMap::new(), &EnvVars::of(env)), url), wanted, "{key}");
        }
    }
}
