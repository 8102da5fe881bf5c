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

    /// Everybody in a team, also of the teams below it.
    pub async fn team(&self, organisation: &str, slug: &str) -> Answer<Vec<Account>> {
        self.list(self.elsewhere(&["orgs", organisation, "teams", slug, "members"])).await
    }
}
