//! What GitHub tells a workflow of the event that started it: `GITHUB_EVENT_NAME`, and the file of `GITHUB_EVENT_PATH`.
//!
//! An event says that something happened, and proves nothing: whoever acts on it reads the thing itself again. A word that is not
//! known keeps its text and is none of the known ones, so a `match` has to say what becomes of it. Errors name members that we look
//! for, never what stands in the file. Deliberately absent: other events, and deliveries with a signature.

use super::{Account, checks::App, issues::Marked, pulls::Branch, there};
use crate::{domain::Timestamp, world::EnvVars};
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    fmt,
    fs::File,
    io::{self, Read},
};

const NAME: &str = "GITHUB_EVENT_NAME";
const PATH: &str = "GITHUB_EVENT_PATH";

/// GitHub caps payloads at 25 MB: <https://docs.github.com/webhooks/webhook-events-and-payloads#payload-cap>.
const LARGEST: u64 = 25 << 20;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name {
            $($variant,)*
            /// What GitHub has come to call it.
            Unknown(String),
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let text = String::deserialize(deserializer)?;
                Ok(match text.as_str() {
                    $($text => $name::$variant,)*
                    _ => $name::Unknown(text),
                })
            }
        }
    };
}

words! {
    CommentAction { Created "created", Edited "edited", Deleted "deleted", Pinned "pinned", Unpinned "unpinned", }
}

words! {
    PullAction {
        Assigned "assigned", AutoMergeDisabled "auto_merge_disabled", AutoMergeEnabled "auto_merge_enabled", Closed "closed",
        ConvertedToDraft "converted_to_draft", Demilestoned "demilestoned", Dequeued "dequeued", Edited "edited", Enqueued "enqueued",
        Labeled "labeled", Locked "locked", Milestoned "milestoned", Opened "opened", ReadyForReview "ready_for_review",
        Reopened "reopened", ReviewRequestRemoved "review_request_removed", ReviewRequested "review_requested",
        Synchronize "synchronize", Unassigned "unassigned", Unlabeled "unlabeled", Unlocked "unlocked",
    }
}

words! {
    SuiteAction { Completed "completed", Requested "requested", Rerequested "rerequested", }
}

words! {
    RunAction { Created "created", Completed "completed", Rerequested "rerequested", RequestedAction "requested_action", }
}

words! {
    /// Of an issue or a pull request.
    OpenState { Open "open", Closed "closed", }
}

words! {
    CheckState {
        Queued "queued", Requested "requested", Waiting "waiting", Pending "pending", InProgress "in_progress", Completed "completed",
    }
}

words! {
    Conclusion {
        Success "success", Failure "failure", Neutral "neutral", Cancelled "cancelled", Skipped "skipped", TimedOut "timed_out",
        ActionRequired "action_required", Stale "stale", StartupFailure "startup_failure",
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    IssueComment(IssueCommentEvent),
    PullRequest(PullRequestEvent),
    CheckSuite(CheckSuiteEvent),
    CheckRun(CheckRunEvent),
    Push(PushEvent),
    /// An event of another name; its payload is not looked at.
    Unknown(String),
}

/// Where something happened.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EventRepository {
    pub id: u64,
    /// `owner/name`.
    pub full_name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct IssueCommentEvent {
    pub action: CommentAction,
    pub comment: EventComment,
    pub issue: EventIssue,
    pub repository: EventRepository,
    #[serde(deserialize_with = "there")]
    pub sender: Option<Account>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EventComment {
    pub id: u64,
    pub body: String,
    #[serde(deserialize_with = "there")]
    pub user: Option<Account>,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EventIssue {
    pub number: u64,
    pub state: OpenState,
    pub locked: bool,
    #[serde(deserialize_with = "there")]
    pub user: Option<Account>,
    /// Of a pull request alone.
    pub pull_request: Option<Marked>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PullRequestEvent {
    pub action: PullAction,
    pub pull_request: EventPull,
    pub repository: EventRepository,
    #[serde(deserialize_with = "there")]
    pub sender: Option<Account>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EventPull {
    pub number: u64,
    pub state: OpenState,
    pub draft: bool,
    pub merged: bool,
    pub head: Branch,
    pub base: Branch,
    #[serde(deserialize_with = "there")]
    pub user: Option<Account>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct CheckSuiteEvent {
    pub action: SuiteAction,
    pub check_suite: EventSuite,
    pub repository: EventRepository,
    #[serde(deserialize_with = "there")]
    pub sender: Option<Account>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EventSuite {
    pub id: u64,
    pub head_sha: String,
    #[serde(deserialize_with = "there")]
    pub status: Option<CheckState>,
    #[serde(deserialize_with = "there")]
    pub conclusion: Option<Conclusion>,
    #[serde(deserialize_with = "there")]
    pub app: Option<App>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct CheckRunEvent {
    pub action: RunAction,
    pub check_run: EventRun,
    pub repository: EventRepository,
    #[serde(deserialize_with = "there")]
    pub sender: Option<Account>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EventRun {
    pub id: u64,
    pub name: String,
    pub head_sha: String,
    pub status: CheckState,
    #[serde(deserialize_with = "there")]
    pub conclusion: Option<Conclusion>,
    #[serde(deserialize_with = "there")]
    pub app: Option<App>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PushEvent {
    /// `refs/heads/main`.
    #[serde(rename = "ref")]
    pub name: String,
    /// Forty zeros where the ref was made.
    pub before: String,
    /// Forty zeros where the ref was deleted.
    pub after: String,
    pub created: bool,
    pub deleted: bool,
    pub forced: bool,
    pub repository: EventRepository,
    #[serde(deserialize_with = "there")]
    pub sender: Option<Account>,
}

/// Why no event was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventError {
    /// A variable that GitHub sets in its workflows.
    NotSet(&'static str),
    /// No file that can be read, and what the system says of it.
    NotThere(String),
    TooLarge,
    /// Line and column.
    NotJson(usize, usize),
    /// A member of this name, in an event of that name.
    Lacks(String, String),
    /// Something in an event of that name is of another kind than GitHub documents: line and column.
    Odd(String, usize, usize),
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EventError::NotSet(variable) => write!(f, "{variable} is not set; GitHub sets it in the jobs of its workflows"),
            EventError::NotThere(why) => write!(f, "the file that {PATH} names cannot be read: {why}"),
            EventError::TooLarge => {
                write!(f, "the file that {PATH} names is larger than the {} MB of GitHub's largest event", LARGEST >> 20)
            }
            EventError::NotJson(line, column) => write!(f, "the file that {PATH} names is not JSON (line {line}, column {column})"),
            EventError::Lacks(event, member) => write!(f, "the event {event} lacks `{member}`"),
            EventError::Odd(event, line, column) => {
                write!(f, "the event {event} is not what GitHub documents at line {line}, column {column} of the file that {PATH} names")
            }
        }
    }
}

impl Event {
    /// The event that started this job.
    pub fn read(env: &EnvVars) -> Result<Event, EventError> {
        let given = |name: &'static str| env.get(name).filter(|value| !value.is_empty()).ok_or(EventError::NotSet(name));
        let (name, path) = (given(NAME)?, given(PATH)?);
        let no_file = |error: io::Error| EventError::NotThere(error.kind().to_string());
        // A pipe could keep us for ever.
        if !std::fs::metadata(&path).map_err(no_file)?.is_file() {
            return Err(EventError::NotThere("it is not a file".to_owned()));
        }
        let mut payload = Vec::new();
        File::open(&path).map_err(no_file)?.take(LARGEST + 1).read_to_end(&mut payload).map_err(no_file)?;
        match payload.len() as u64 > LARGEST {
            true => Err(EventError::TooLarge),
            false => Event::parse(&name, &payload),
        }
    }

    pub fn parse(name: &str, payload: &[u8]) -> Result<Event, EventError> {
        match name {
            "issue_comment" => of(name, payload).map(Event::IssueComment),
            "pull_request" => of(name, payload).map(Event::PullRequest),
            "check_suite" => of(name, payload).map(Event::CheckSuite),
            "check_run" => of(name, payload).map(Event::CheckRun),
            "push" => of(name, payload).map(Event::Push),
            other => Ok(Event::Unknown(other.to_owned())),
        }
    }
}

fn of<T: DeserializeOwned>(name: &str, payload: &[u8]) -> Result<T, EventError> {
    serde_json::from_slice(payload).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        // Of serde's words only this sentence has nothing but names of ours.
        let missing = |words: String| Some(words.strip_prefix("missing field `")?.split_once('`')?.0.to_owned());
        match (error.is_data(), missing(error.to_string())) {
            (true, Some(member)) => EventError::Lacks(name.to_owned(), member),
            (true, None) => EventError::Odd(name.to_owned(), line, column),
            (false, _) => EventError::NotJson(line, column),
        }
    })
}
