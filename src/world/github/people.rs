//! Who somebody is, by number, and what they may do.

use super::{Answer, Failure, GitHub};
use serde::Deserialize;

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

impl GitHub {
    pub async fn account(&self, id: u64) -> Answer<Account> {
        let account: Account = self.read(self.elsewhere(&["user", &id.to_string()])).await?;
        if account.id != id {
            return Err(Failure::unreadable(format!("asked about account {id}, GitHub answered about {}", account.id)));
        }
        Ok(account)
    }

    /// What an account may do here: the login is looked up by its number first, and the answer must be about that number.
    pub async fn permission(&self, id: u64) -> Answer<Permission> {
        let account = self.account(id).await?;
        let permission: Permission = self.read(self.here(&["collaborators", &account.login, "permission"])).await?;
        if permission.user.as_ref().map(|user| user.id) != Some(id) {
            return Err(Failure::unreadable(format!("asked what account {id} may do, GitHub answered about another")));
        }
        Ok(permission)
    }

    /// Everybody in a team, also of the teams below it. The slug is looked up first, and must be that of the team with this number:
    /// a slug can be given to another team.
    pub async fn team(&self, organisation: &str, slug: &str, id: u64) -> Answer<Vec<Account>> {
        let team: Team = self.read(self.elsewhere(&["orgs", organisation, "teams", slug])).await?;
        if team.id != id {
            return Err(Failure::unreadable(format!("the team {organisation}/{slug} has the number {}, not {id}", team.id)));
        }
        self.list(self.elsewhere(&["orgs", organisation, "teams", slug, "members"])).await
    }
}

#[derive(Deserialize)]
struct Team {
    id: u64,
}
