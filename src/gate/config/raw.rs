//! `gates/protocol.yaml` as it is written: every key, with places where a later check may want to show them.

use crate::{domain::Span, text::yaml::Spanned};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

pub type Text = Spanned<String>;
pub type Named<T> = IndexMap<Spanned<String>, T>;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// Version of this format: 1.
    pub version: Spanned<u32>,
    /// The packages that are released.
    #[schemars(with = "BTreeMap<String, Package>")]
    pub packages: Named<Package>,
    /// A release's commit must be reachable from one of these branches.
    pub release_branches: Spanned<Vec<Text>>,
    /// The channels, in order of promotion.
    #[schemars(with = "BTreeMap<String, Channel>")]
    pub channels: Named<Channel>,
    #[serde(default)]
    pub ledger: Option<Ledger>,
    /// The git remote that holds tags and ledger; origin where absent.
    #[serde(default)]
    pub remote: Option<Text>,
    pub signing: Signing,
    /// What is asked of release tags that others made: signed (default) or any.
    #[serde(default)]
    pub release_tags: Option<Text>,
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Role>")]
    pub roles: Named<Role>,
    /// Identities that are automation.
    #[serde(default)]
    pub automation: Vec<Text>,
    /// jq paths removed from every recorded body.
    #[serde(default)]
    pub redact: Vec<Text>,
    #[serde(default)]
    pub documents: Documents,
    /// Path of the document lock.
    #[serde(default)]
    pub lock: Option<Text>,
    #[serde(default)]
    pub pointer: Option<Spanned<Pointer>>,
    /// Artifact kinds.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Value>")]
    pub kinds: Named<Value>,
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Reviewer>")]
    #[allow(dead_code, reason = "only the shape is checked")]
    pub reviewers: Named<Reviewer>,
    #[serde(default)]
    #[allow(dead_code, reason = "only the shape is checked")]
    pub comment: Option<Comment>,
    #[serde(default)]
    pub hooks: Hooks,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// The pattern of its release tags, with {version} and perhaps {package}.
    pub release_tag: Text,
    #[serde(default)]
    pub default: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// The pattern of its tag; without one the channel is for verification only.
    #[serde(default)]
    pub tag: Option<Text>,
    #[serde(default)]
    pub base_url: Option<Text>,
    /// Only what is on that channel now may be promoted here.
    #[serde(default)]
    pub after: Option<Text>,
    #[serde(default)]
    pub rules: Vec<Rule>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub name: Text,
    /// A jq program over $env and $channel.
    pub when: Text,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    pub branch: Text,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signing {
    /// A path, env:NAME, agent:FINGERPRINT, or the word none.
    pub key: Text,
    /// How many signers an adoption or annulment needs; 1 where absent.
    #[serde(default)]
    pub threshold: Option<Spanned<u32>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    pub who: Vec<Text>,
    pub may: Vec<Text>,
    /// Channels; all where absent.
    #[serde(default)]
    pub on: Option<Vec<Text>>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Documents {
    #[serde(default)]
    pub protocol: Vec<Text>,
    #[serde(default)]
    pub archive: Vec<Text>,
    #[serde(default)]
    pub log: Vec<Text>,
    #[serde(default)]
    pub foreign: BTreeMap<String, String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "the shape is checked; what it asks for is refused")]
pub struct Pointer {
    pub file: String,
    #[serde(default)]
    pub shape: Option<String>,
    #[serde(default)]
    pub branch: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only the shape is checked")]
pub struct Reviewer {
    #[serde(rename = "type")]
    pub kind: String,
    pub id: u64,
    #[serde(default)]
    pub app: Option<u64>,
    #[serde(default)]
    pub approves: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only the shape is checked")]
pub struct Comment {
    #[serde(default)]
    pub prefix: Option<String>,
    #[serde(default)]
    pub max_age: Option<Span>,
    #[serde(default)]
    pub require_sha: Option<bool>,
    #[serde(default)]
    pub release_issue: Option<u64>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hooks {
    #[serde(default)]
    pub after_move: Vec<Spanned<Value>>,
}
