//! What proves who we are: a token of the environment, or a GitHub App.

use super::{Answer, Failure, Place, app::App, transport::Transport};
use crate::{gate::probe::reduce::Masks, world::EnvVars};

pub(super) enum Credentials {
    /// Public repositories can be read.
    Nothing,
    Token(String),
    App(Box<App>),
}

const APP_ID: &str = "TAGWARDEN_APP_ID";
const APP_KEY: &str = "TAGWARDEN_APP_KEY";

impl Credentials {
    /// An App where [`APP_ID`] and [`APP_KEY`] are set, else `GITHUB_TOKEN`, else `GH_TOKEN`.
    pub fn of(env: &EnvVars) -> Answer<Credentials> {
        let given = |name: &str| env.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        match (given(APP_ID), given(APP_KEY)) {
            (Some(id), Some(key)) => Ok(Credentials::App(Box::new(App::new(&id, &key)?))),
            (Some(_), None) => Err(Failure::elsewhere(format!("{APP_ID} is set, but {APP_KEY} with the App's private key is not"))),
            (None, Some(_)) => Err(Failure::elsewhere(format!("{APP_KEY} is set, but {APP_ID} with the App's id is not"))),
            (None, None) => Ok(given("GITHUB_TOKEN").or_else(|| given("GH_TOKEN")).map_or(Credentials::Nothing, Credentials::Token)),
        }
    }

    /// The value of the header `Authorization`.
    pub async fn authorization(&self, place: &Place, transport: &Transport) -> Answer<Option<String>> {
        match self {
            Credentials::Nothing => Ok(None),
            Credentials::Token(token) => Ok(Some(format!("Bearer {token}"))),
            Credentials::App(app) => Ok(Some(format!("Bearer {}", app.token(place, transport).await?))),
        }
    }

    pub fn masks(&self) -> Masks {
        match self {
            Credentials::Nothing => Masks::default(),
            Credentials::Token(token) => Masks::new([token]),
            Credentials::App(app) => Masks::new(app.given()),
        }
    }
}
