//! What proves who we are: a token of the environment, or a GitHub App.

use super::{Answer, Failure, Place, Purpose, app::App, transport::Transport};
use crate::{gate::probe::reduce::Masks, world::EnvVars};

pub(super) enum Credentials {
    /// Public repositories can be read.
    Nothing,
    Token {
        variable: &'static str,
        token: String,
    },
    App(Box<App>),
}

const APP_ID: &str = "TAGWARDEN_APP_ID";
const APP_KEY: &str = "TAGWARDEN_APP_KEY";

/// The variables that make an App.
pub const APP: &[&str] = &[APP_ID, APP_KEY];

/// The variables that may hold a token, in this order.
pub const TOKENS: &[&str] = &["GITHUB_TOKEN", "GH_TOKEN"];

impl Credentials {
    /// An App where [`APP_ID`] and [`APP_KEY`] are set, else the first of [`TOKENS`].
    pub fn of(env: &EnvVars, purpose: Purpose) -> Answer<Credentials> {
        let given = |name: &str| env.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        match (given(APP_ID), given(APP_KEY)) {
            (Some(id), Some(key)) => Ok(Credentials::App(Box::new(App::new(&id, &key, purpose)?))),
            (Some(_), None) => Err(Failure::elsewhere(format!("{APP_ID} is set, but {APP_KEY} with the App's private key is not"))),
            (None, Some(_)) => Err(Failure::elsewhere(format!("{APP_KEY} is set, but {APP_ID} with the App's id is not"))),
            (None, None) => {
                let mut tokens = TOKENS.iter().filter_map(|variable| Some(Credentials::Token { variable, token: given(variable)? }));
                Ok(tokens.next().unwrap_or(Credentials::Nothing))
            }
        }
    }

    /// A token that is good for a while, where there is one.
    pub async fn token(&self, place: &Place, transport: &Transport) -> Answer<Option<String>> {
        match self {
            Credentials::Nothing => Ok(None),
            Credentials::Token { token, .. } => Ok(Some(token.clone())),
            Credentials::App(app) => app.token(place, transport).await.map(Some),
        }
    }

    /// The value of the header `Authorization`.
    pub async fn authorization(&self, place: &Place, transport: &Transport) -> Answer<Option<String>> {
        Ok(self.token(place, transport).await?.map(|token| format!("Bearer {token}")))
    }

    /// What they are, for people.
    pub fn name(&self) -> &'static str {
        match self {
            Credentials::Nothing => "nobody",
            Credentials::Token { variable, .. } => variable,
            Credentials::App(_) => "the GitHub App of TAGWARDEN_APP_ID",
        }
    }

    pub fn masks(&self) -> Masks {
        match self {
            Credentials::Nothing => Masks::default(),
            Credentials::Token { token, .. } => Masks::new([token]),
            Credentials::App(app) => Masks::new(app.given()),
        }
    }
}
