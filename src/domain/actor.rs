//! Who asks, and for what verb.

use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    Human,
    /// Listed under `automation` in the policy: may not lift a hold, act under one, or roll back a rollback.
    Automation,
}

/// An attributed actor. `id` is `ssh:<principal>` where an entry is signed, `github:<numeric id>` where a mover signed it for
/// somebody, `local:<git e-mail>` where signing is `none`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    pub id: String,
    pub kind: ActorKind,
    /// For display only; never decides anything.
    pub name: String,
}

pub const ACTOR_SCHEMA: &str = "tagwarden.actor/1";

/// Beside an entry that a mover signed for somebody else (`evidence/actor.json`): the answers that gave that person the
/// right. They are judged from here again, so they are recorded as they were given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActorEvidence {
    pub schema: String,
    /// The id of the entry's actor, `github:<numeric id>`.
    pub actor: String,
    /// Where the request was made, as the entry's `source`: `comment:<id>`.
    pub source: String,
    /// When the answers were had.
    pub time: Timestamp,
    /// The actor's access to the repository: `read`, `triage`, `write`, `maintain` or `admin`; `None`: none, or not asked.
    pub permission: Option<String>,
    /// The teams that the actor is an active member of, as far as they were asked about: `<org>/<slug>`.
    pub teams: Vec<String>,
}

impl ActorEvidence {
    /// The rights in the form that roles name them.
    pub fn rights(&self) -> Vec<String> {
        let permission = self.permission.iter().map(|level| format!("permission:{level}"));
        permission.chain(self.teams.iter().map(|team| format!("team:{team}"))).collect()
    }
}

macro_rules! verbs {
    ($($variant:ident $slug:literal;)*) => {
        /// The actions that a ledger entry can record, and that a role may permit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "lowercase")]
        pub enum Verb { $($variant,)* }

        impl Verb {
            pub const ALL: &'static [Verb] = &[$(Verb::$variant,)*];

            pub const fn slug(self) -> &'static str {
                match self { $(Verb::$variant => $slug,)* }
            }
        }
    };
}

verbs! {
    Adopt "adopt";
    Stage "stage";
    Promote "promote";
    Rollback "rollback";
    Hold "hold";
    Unhold "unhold";
    Waive "waive";
    Ack "ack";
    Verdict "verdict";
    Rehearse "rehearse";
    After "after";
}

impl Verb {
    /// Whether entries of this verb move channel tags.
    pub const fn moves(self) -> bool {
        matches!(self, Verb::Promote | Verb::Rollback)
    }

    /// Whether a role may permit it: adopting is decided by the signers and their threshold, and what gates found after a move is said
    /// by who may make it.
    pub const fn is_for_roles(self) -> bool {
        !matches!(self, Verb::Adopt | Verb::After)
    }

    /// Whether the right to do this is the right to do `verb`: who may move a channel may say what its gates found afterwards.
    pub const fn grants(self, verb: Verb) -> bool {
        self as u8 == verb as u8 || (matches!(verb, Verb::After) && self.moves())
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

impl FromStr for Verb {
    type Err = String;

    fn from_str(text: &str) -> Result<Verb, String> {
        Verb::ALL.iter().copied().find(|verb| verb.slug() == text).ok_or_else(|| format!("`{text}` is no verb"))
    }
}

/// What somebody says for the record, such as a reason: something beside white space, at most 4,000 characters.
pub fn sentence(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("it must say something".to_owned()),
        trimmed if trimmed.chars().count() > 4000 => Err("it is longer than 4,000 characters".to_owned()),
        trimmed => Ok(trimmed.to_owned()),
    }
}
