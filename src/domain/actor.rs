//! Who asks, and for what verb.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    Human,
    /// Listed under `automation` in the policy: may not lift a hold, act under one, or roll back a rollback.
    Automation,
}

/// An attributed actor. `id` is `ssh:<principal>` where an entry is signed, `local:<git e-mail>` where signing is `none`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    pub id: String,
    pub kind: ActorKind,
    /// For display only; never decides anything.
    pub name: String,
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
    Annul "annul";
}

impl Verb {
    /// Whether entries of this verb move channel tags.
    pub const fn moves(self) -> bool {
        matches!(self, Verb::Promote | Verb::Rollback)
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
