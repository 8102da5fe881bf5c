//! Comments below issues and pull requests, as the slash commands read and write them.
//!
//! A comment that is acted on is read alone ([`GitHub::comment`]), which tells whether anybody changed it; a list does not.

use super::{Account, Answer, Failure, GitHub, Intent, checks::App, graphql, people, there};
use crate::domain::Timestamp;
use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::json;

/// A comment as REST tells it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct IssueComment {
    pub id: u64,
    /// The issue or pull request that it stands on.
    #[serde(rename = "issue_url", deserialize_with = "number_of")]
    pub number: u64,
    pub body: String,
    /// `None`: nobody that GitHub still knows.
    #[serde(deserialize_with = "there")]
    pub user: Option<Account>,
    /// The App that wrote it; `None`: it was not an App.
    #[serde(rename = "performed_via_github_app", deserialize_with = "there")]
    pub app: Option<App>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A comment, and whether it is what its author wrote at first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeComment {
    pub comment: IssueComment,
    /// Whether it was changed since, by its author too, and by whom as far as GitHub tells.
    pub edited: Option<Option<Account>>,
}

/// What GitHub has as reactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emoji {
    PlusOne,
    MinusOne,
    Laugh,
    Confused,
    Heart,
    Hooray,
    Rocket,
    Eyes,
}

impl Emoji {
    pub const fn content(self) -> &'static str {
        match self {
            Emoji::PlusOne => "+1",
            Emoji::MinusOne => "-1",
            Emoji::Laugh => "laugh",
            Emoji::Confused => "confused",
            Emoji::Heart => "heart",
            Emoji::Hooray => "hooray",
            Emoji::Rocket => "rocket",
            Emoji::Eyes => "eyes",
        }
    }
}

/// With the name that GraphQL has for it.
#[derive(Deserialize)]
struct Addressed {
    node_id: String,
    #[serde(flatten)]
    comment: IssueComment,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Edits {
    #[serde(deserialize_with = "people::long")]
    full_database_id: u64,
    #[serde(deserialize_with = "there")]
    last_edited_at: Option<String>,
    #[serde(deserialize_with = "there")]
    editor: Option<people::Actor>,
}

#[derive(Deserialize)]
struct Reacted {
    content: String,
}

impl GitHub {
    /// One comment. Its text is read before its edits, so that whoever changes it in between is seen.
    pub async fn comment(&self, id: u64) -> Answer<WholeComment> {
        let Addressed { node_id, comment } = self.read(self.here(Intent::Comment, &["issues", "comments", &id.to_string()])).await?;
        let edits: Edits = self.ask(Intent::Comment, graphql::COMMENT_EDITS, json!({ "id": node_id }), "/node").await?;
        if let Some(other) = [comment.id, edits.full_database_id].into_iter().find(|found| *found != id) {
            return Err(Failure::unreadable(format!("asked about comment {id}, GitHub answered about {other}")));
        }
        let editor = people::account(edits.editor)?;
        let edited = (edits.last_edited_at.is_some() || editor.is_some()).then_some(editor);
        Ok(WholeComment { comment, edited })
    }

    /// Every comment below an issue or a pull request, oldest first.
    pub async fn issue_comments(&self, number: u64) -> Answer<Vec<IssueComment>> {
        let comments = self.list::<IssueComment>(self.here(Intent::IssueComments, &["issues", &number.to_string(), "comments"])).await?;
        match comments.iter().find(|comment| comment.number != number) {
            Some(other) => {
                let words = format!("asked for comments of {number}, GitHub gave one of {} ({})", other.number, other.id);
                Err(Failure::unreadable(words))
            }
            None => Ok(comments),
        }
    }

    /// Reacts to a comment; where we did so before, nothing changes.
    pub async fn react(&self, comment: u64, emoji: Emoji) -> Answer<()> {
        let call = self.here(Intent::React, &["issues", "comments", &comment.to_string(), "reactions"]);
        let reacted: Reacted = self.write(call, Method::POST, json!({ "content": emoji.content() })).await?;
        match reacted.content == emoji.content() {
            true => Ok(()),
            false => Err(Failure::unreadable("GitHub answered about another reaction").of_write()),
        }
    }

    /// Writes a comment below an issue or a pull request; gives its number.
    pub async fn say(&self, number: u64, body: &str) -> Answer<u64> {
        let call = self.here(Intent::Say, &["issues", &number.to_string(), "comments"]);
        let written: IssueComment = self.write(call, Method::POST, json!({ "body": body })).await?;
        match written.number == number {
            true => Ok(written.id),
            false => Err(Failure::unreadable(format!("GitHub answered with a comment on {}, not on {number}", written.number)).of_write()),
        }
    }

    /// Gives a comment another text.
    pub async fn edit(&self, comment: u64, body: &str) -> Answer<()> {
        let call = self.here(Intent::Edit, &["issues", "comments", &comment.to_string()]);
        let written: IssueComment = self.write(call, Method::PATCH, json!({ "body": body })).await?;
        match written.id == comment {
            true => Ok(()),
            false => Err(Failure::unreadable(format!("GitHub answered about comment {}, not {comment}", written.id)).of_write()),
        }
    }
}

/// The number at the end of `https://api.github.com/repos/OWNER/NAME/issues/7`.
fn number_of<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let url = String::deserialize(deserializer)?;
    let number = || {
        let url = Url::parse(&url).ok()?;
        let mut parts = url.path_segments()?.rev();
        let number = parts.next()?.parse().ok()?;
        (parts.next() == Some("issues")).then_some(number)
    };
    number().ok_or_else(|| serde::de::Error::custom("not the address of an issue"))
}
