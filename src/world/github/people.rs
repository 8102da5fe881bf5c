//! Who somebody is, by number, and what they may do.

use super::{Answer, Failure, GitHub, Intent, graphql};
use serde::Deserialize;
use serde_json::json;

/// An account. Only `id` says who it is: a login can be given up and taken by another.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Account {
    pub id: u64,
    pub login: String,
    /// `User`, `Bot`, `Organization`, or what GitHub has come to call it.
    #[serde(rename = "type")]
    pub kind: String,
}

/// An account's access to the repository.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Permission {
    /// `read`, `triage`, `write`, `maintain`, `admin`, or the name of a role of the organisation.
    pub role_name: String,
    pub user: Option<Account>,
}

/// Who the credentials are to GitHub.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Myself {
    #[serde(rename = "databaseId")]
    pub id: u64,
    /// That of an App ends with `[bot]`.
    pub login: String,
}

/// An account as GraphQL tells it: a number only for people and bots.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Actor {
    #[serde(rename = "__typename")]
    kind: String,
    login: String,
    database_id: Option<u64>,
}

/// `None`: nobody that GitHub still knows, or neither a person nor a bot.
pub(super) fn account(actor: Option<Actor>) -> Answer<Option<Account>> {
    let Some(actor) = actor else { return Ok(None) };
    match actor.database_id {
        Some(id) => Ok(Some(Account { id, login: actor.login, kind: actor.kind })),
        // What they said would otherwise be nobody's.
        None if matches!(actor.kind.as_str(), "User" | "Bot") => {
            Err(Failure::unreadable(format!("GitHub's answer names the {} `{}` without a number", actor.kind, actor.login.escape_debug())))
        }
        None => Ok(None),
    }
}

/// A number that may be too long for GraphQL's `Int`, which GitHub gives as a text.
pub(super) fn long<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Long {
        Number(u64),
        Text(String),
    }
    match Long::deserialize(deserializer)? {
        Long::Number(number) => Ok(number),
        Long::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

impl GitHub {
    pub async fn account(&self, id: u64) -> Answer<Account> {
        let account: Account = self.read(self.elsewhere(Intent::Account, &["user", &id.to_string()])).await?;
        if account.id != id {
            return Err(Failure::unreadable(format!("asked about account {id}, GitHub answered about {}", account.id)));
        }
        // It becomes a part of addresses.
        match is_login(&account.login) {
            true => Ok(account),
            false => Err(Failure::unreadable(format!("`{}` is not a login", account.login.escape_debug()))),
        }
    }

    /// What an account may do here: the login is looked up by its number first, and the answer must be about that number.
    pub async fn permission(&self, id: u64) -> Answer<Permission> {
        let account = self.account(id).await?;
        let permission: Permission = self.read(self.here(Intent::Permission, &["collaborators", &account.login, "permission"])).await?;
        if permission.user.as_ref().map(|user| user.id) != Some(id) {
            return Err(Failure::unreadable(format!("asked what account {id} may do, GitHub answered about another")));
        }
        Ok(permission)
    }

    /// Everybody in a team, also of the teams below it. The slug is looked up first, and must be that of the team with this number:
    /// a slug can be given to another team.
    pub async fn team(&self, organisation: &str, slug: &str, id: u64) -> Answer<Vec<Account>> {
        let team: Team = self.read(self.elsewhere(Intent::Team, &["orgs", organisation, "teams", slug])).await?;
        if team.id != id {
            return Err(Failure::unreadable(format!("the team {organisation}/{slug} has the number {}, not {id}", team.id)));
        }
        self.members(Intent::Team, organisation, slug).await
    }

    /// Whether an account is in the team that has this name now, or in one below it. GitHub does not list who was only invited.
    pub async fn is_member(&self, organisation: &str, slug: &str, id: u64) -> Answer<bool> {
        Ok(self.members(Intent::IsMember, organisation, slug).await?.iter().any(|member| member.id == id))
    }

    async fn members(&self, intent: Intent, organisation: &str, slug: &str) -> Answer<Vec<Account>> {
        self.list(self.elsewhere(intent, &["orgs", organisation, "teams", slug, "members"])).await
    }

    pub async fn myself(&self) -> Answer<Myself> {
        self.ask(Intent::Myself, graphql::VIEWER, json!({}), "/viewer").await
    }
}

/// Letters, digits and hyphens; an underscore in the logins of managed users, `[bot]` behind those of Apps.
fn is_login(text: &str) -> bool {
    let name = text.strip_suffix("[bot]").unwrap_or(text);
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

#[derive(Deserialize)]
struct Team {
    id: u64,
}
