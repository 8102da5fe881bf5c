//! GitHub's API: one method for each intent, answers as small structs of our own, and a named reason where there is none.
//!
//! Nothing here decides: a value that is not known comes through as the text that it is, and whoever judges it must have an
//! answer for that. A page that is missing, odd, or about something else makes the whole answer unreadable. Reads are
//! repeated where that can help, writes never.
//!
//! The token is sent to the API of the host that the environment says we run for, and to no other: the URL of a remote is the
//! repository's word, not ours. Deliberately absent: any cache, so that asking again means asking GitHub again.

mod app;
mod checks;
mod comments;
mod commits;
mod credentials;
mod events;
mod failure;
mod graphql;
mod issues;
mod pages;
mod people;
mod permissions;
mod place;
mod pulls;
mod rules;
mod settings;
mod transport;

pub use checks::{App, CheckRun, Status};
pub use comments::{Emoji, IssueComment, WholeComment};
pub use commits::CommitPull;
pub use credentials::{APP, TOKENS};
pub use events::{
    CheckRunEvent, CheckState, CheckSuiteEvent, CommentAction, Conclusion, Event, EventComment, EventError, EventIssue, EventPull,
    EventRepository, EventRun, EventSuite, IssueCommentEvent, OpenState, PullAction, PullRequestEvent, PushEvent, RunAction, SuiteAction,
};
pub use failure::{Failure, FailureKind};
pub use graphql::OPERATIONS;
pub use issues::{Issue, Marked};
pub use people::{Account, Myself, Permission};
pub use permissions::{Intent, Level, Needed, Purpose};
pub use place::Place;
pub use pulls::{Branch, Comment, Pull, PullFile, Reaction, Review, Thread};
pub use rules::{Rule, RuleSuite};
pub use settings::{Environment, Installed, RefPolicy, Refs, WorkflowToken};

use super::{Clock, EnvVars, Http};
use crate::{gate::probe::reduce::Masks, lockdown::urls::Origin};
use credentials::Credentials;
use std::sync::Arc;
use transport::{Call, Transport};

/// What a method gives: the answer, or why there is none.
pub type Answer<T> = Result<T, Failure>;

/// One repository on GitHub, and what we may ask of it. Cheap to clone.
#[derive(Clone)]
pub struct GitHub {
    place: Arc<Place>,
    credentials: Arc<Credentials>,
    transport: Transport,
}

impl GitHub {
    /// The repository that a remote's URL names. `Err`: the environment does not say that we may talk to its host, or what it
    /// gives as credentials cannot be used. `purpose`: what the token of an App may be good for.
    pub fn new(origin: &Origin, env: &EnvVars, http: &Http, clock: Clock, purpose: Purpose) -> Answer<GitHub> {
        let place = Place::of(origin, env)?;
        let credentials = Credentials::of(env, purpose)?;
        Ok(GitHub { place: Arc::new(place), credentials: Arc::new(credentials), transport: Transport::new(http, clock) })
    }

    /// The one host that gets a token over git's own way, as its addresses begin: that of `GITHUB_SERVER_URL`, else GitHub's.
    pub fn server(env: &EnvVars) -> Answer<String> {
        Place::server(env)
    }

    pub fn has_credentials(&self) -> bool {
        !matches!(*self.credentials, Credentials::Nothing)
    }

    /// What the credentials are, for people.
    pub fn credentials_name(&self) -> &'static str {
        self.credentials.name()
    }

    /// A token that is good for a while, where there is one.
    pub async fn token(&self) -> Answer<Option<String>> {
        let token = self.credentials.token(&self.place, &self.transport).await;
        token.map_err(|failure| failure.masked(&self.masks()))
    }

    /// `owner/name`, as the remote's URL has it.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.place.owner, self.place.name)
    }

    /// Masks for everything that was sent to prove who we are, also what was given to us since the start.
    pub fn masks(&self) -> Masks {
        self.credentials.masks()
    }

    /// A call on this repository: `segments` follow `/repos/{owner}/{name}`.
    fn here(&self, intent: Intent, segments: &[&str]) -> Call {
        let mut path = vec!["repos", self.place.owner.as_str(), self.place.name.as_str()];
        path.extend(segments);
        Call::get(&self.place.api, &path).intent(intent)
    }

    /// A call anywhere else.
    fn elsewhere(&self, intent: Intent, segments: &[&str]) -> Call {
        Call::get(&self.place.api, segments).intent(intent)
    }

    async fn send(&self, call: Call) -> Answer<transport::Reply> {
        let authorization = self.credentials.authorization(&self.place, &self.transport).await?;
        let masks = self.masks();
        self.transport.send(&call, authorization.as_deref()).await.map_err(|failure| failure.masked(&masks))
    }

    /// A write: sent once. What cannot be understood of its answer leaves open whether it was done.
    async fn write<T: serde::de::DeserializeOwned>(&self, call: Call, method: reqwest::Method, body: serde_json::Value) -> Answer<T> {
        self.send(call.writing(method, body)).await?.json().map_err(Failure::of_write)
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, call: Call) -> Answer<T> {
        self.send(call).await?.json()
    }
}

/// For what may be null, and is always there: an answer that lacks it is another than was asked for.
fn there<'de, D: serde::Deserializer<'de>, T: serde::Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    serde::Deserialize::deserialize(deserializer)
}
