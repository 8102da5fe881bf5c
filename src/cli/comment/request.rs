//! The comment that an event is about, and what it stands on.

use crate::{
    cli::gather::Place,
    domain::{Fault, Oid, Reason, Result},
    world::{
        EnvVars,
        documents::connect,
        github::{CommentAction, Event, EventError, GitHub, Purpose},
    },
};

/// A new comment, as the event has it.
pub struct Request {
    pub comment: u64,
    /// The issue or pull request.
    pub number: u64,
    pub is_pull: bool,
    /// Who wrote it.
    pub account: u64,
    pub login: String,
    pub body: String,
    /// `owner/name`.
    repository: String,
}

/// What a comment stands on.
pub enum Stand {
    Open { head: Oid },
    Merged { merge: Oid },
    ReleaseIssue,
}

impl Stand {
    /// The commit that is meant where none is named.
    pub fn commit(&self) -> Option<&Oid> {
        match self {
            Stand::Open { head } => Some(head),
            Stand::Merged { merge } => Some(merge),
            Stand::ReleaseIssue => None,
        }
    }
}

impl Request {
    /// The comment of the event that GitHub started this run for; the words say why there is none to look at.
    pub fn received(env: &EnvVars) -> Result<std::result::Result<Request, &'static str>> {
        let unread = |error: EventError| {
            let help =
                "`comment` runs in a workflow `on: issue_comment`, whose event GitHub puts into GITHUB_EVENT_NAME and GITHUB_EVENT_PATH";
            Fault::new(Reason::BadUsage, error.to_string()).help(help)
        };
        let event = match Event::read(env).map_err(unread)? {
            Event::IssueComment(event) => event,
            _ => return Ok(Err("the event is about no comment")),
        };
        if event.action != CommentAction::Created {
            return Ok(Err("the comment is not new: only one that was just written is acted on"));
        }
        let Some(user) = event.comment.user else { return Ok(Err("nobody that GitHub still knows wrote the comment")) };
        Ok(Ok(Request {
            comment: event.comment.id,
            number: event.issue.number,
            is_pull: event.issue.pull_request.is_some(),
            account: user.id,
            login: user.login,
            body: event.comment.body,
            repository: event.repository.full_name,
        }))
    }

    /// Refuses an event that another repository sent.
    pub fn is_of(&self, github: &GitHub) -> Result<()> {
        if github.repository().eq_ignore_ascii_case(&self.repository) {
            return Ok(());
        }
        let why = format!("the event is about {}, and the remote is {}", self.repository.escape_debug(), github.repository());
        Err(Fault::new(Reason::BadUsage, why).help("run it in a checkout of the repository that the comment stands in"))
    }
}

/// The repository of the remote on GitHub.
pub async fn forge(place: &Place) -> Result<GitHub> {
    connect(&place.world, &place.world.git, &place.at.remote, Purpose::Commands).await.map_err(|unavailable| {
        let why = unavailable.detail.unwrap_or(unavailable.why);
        let fault = Fault::new(Reason::BadUsage, format!("GitHub cannot be asked: {why}"));
        fault.help("a slash command is carried out in a job of the repository that it was written in")
    })
}
