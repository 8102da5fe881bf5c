//! Which values of environments are secrets: taken out of every answer of the run, whoever gave it.
//!
//! Secret are the values of variables whose names say so, the user info of addresses in variables, and the values of variables
//! that gates ask for, pass on or send where the value is long or mixed enough to be one. Never secret is what every gate may know: channel and package names, versions,
//! the commit, base URLs. What goes into a request by `{env.NAME}` is masked beside this, whatever it looks like.

use crate::{
    gate::{
        Ask, Context,
        probe::{
            EnvAsk, EnvFrom, HttpAsk,
            reduce::{Masks, secrets::is_secret},
        },
    },
    world::{EnvVars, http},
};
use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

pub(super) struct Secrets {
    env: EnvVars,
    public: BTreeSet<String>,
    masks: Mutex<Masks>,
}

impl Secrets {
    pub fn new(env: &EnvVars, cx: &Context) -> Secrets {
        let placeholders = cx.placeholders().into_iter().map(|(_, value)| value);
        let channels = cx.protocol.channels.iter().flat_map(|(name, channel)| [Some(name.to_string()), channel.base_url.clone()]);
        let packages = cx.protocol.packages.keys().map(|name| name.to_string());
        let public = placeholders.chain(channels.flatten()).chain(packages).collect();
        let secrets = Secrets { env: env.clone(), public, masks: Mutex::default() };
        let named = env.secrets();
        secrets.learn_values(named.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        secrets
    }

    /// Takes up the variables that the probes name.
    pub fn learn<'a>(&self, asks: impl Iterator<Item = &'a Ask>) {
        let names: BTreeSet<String> = asks
            .flat_map(|ask| match ask {
                Ask::Command(ask) => ask.env.clone(),
                Ask::Http(ask) => http::variables(ask),
                Ask::Env(EnvAsk { name, from: EnvFrom::Process, .. }) => vec![name.clone()],
                Ask::Env(EnvAsk { from: EnvFrom::Http(url), .. }) => http::variables(&HttpAsk { url: url.clone(), ..HttpAsk::default() }),
                _ => Vec::new(),
            })
            .collect();
        let values: Vec<(String, String)> =
            names.into_iter().filter_map(|name| Some((self.env.get(&name)?, name))).map(|(value, name)| (name, value)).collect();
        self.learn_values(values.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    }

    /// Takes up the secrets among these variables.
    pub fn learn_values<'a>(&self, variables: impl Iterator<Item = (&'a str, &'a str)>) {
        let fresh = Masks::new(variables.filter(|(name, value)| self.is_secret(name, value)).map(|(_, value)| value));
        let mut masks = self.masks.lock().unwrap_or_else(PoisonError::into_inner);
        *masks = masks.and(&fresh);
    }

    pub fn masks(&self) -> Masks {
        self.masks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_secret(&self, name: &str, value: &str) -> bool {
        !self.public.contains(value.trim()) && is_secret(name, value)
    }
}
