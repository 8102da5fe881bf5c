//! `gates/protocol.yaml` as it is written: every key, with the places that later checks show.
//!
//! The JSON Schema is made from these types, so their doc comments are what an editor shows.

use crate::{domain::Span, text::yaml::Spanned};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

pub type Text = Spanned<String>;
/// By name, in the order of the file.
pub type Named<T> = IndexMap<Text, T>;

/// A release protocol: what is released, where to, by whom, on whose word.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// Version of this format.
    #[schemars(with = "schema::Version")]
    pub version: Spanned<u64>,
    /// What is released. One may be the default; it need not be named then.
    pub packages: Spanned<Named<Package>>,
    /// A release's commit must be reachable from one of these branches (names without refs/heads/).
    pub release_branches: Spanned<Vec<Text>>,
    /// Where releases go to, in order of promotion.
    pub channels: Spanned<Named<Channel>>,
    /// Where the ledger is kept.
    pub ledger: Option<Ledger>,
    /// The git remote of tags and ledger; origin where absent.
    pub remote: Option<Text>,
    /// How ledger entries and tags are signed.
    pub signing: Signing,
    /// What is asked of release tags that others made; signed where absent.
    #[schemars(with = "Option<schema::ReleaseTags>")]
    pub release_tags: Option<Text>,
    /// Who may do what, on which channels.
    #[serde(default)]
    pub roles: Named<Role>,
    /// Identities that are automation: they may not roll back a rollback, lift a hold, or act under one.
    #[serde(default)]
    pub automation: Vec<Text>,
    /// Signers that may sign entries for people who asked through a slash command. They have no right of their own by it.
    #[serde(default)]
    pub movers: Vec<Text>,
    /// jq paths that are removed from every recorded body, such as .. | .token?
    #[serde(default)]
    pub redact: Vec<Text>,
    /// The documents that describe this protocol.
    #[serde(default)]
    pub documents: Documents,
    /// Path of the document lock; protocol-docs/tagwarden.lock where absent.
    pub lock: Option<Text>,
    /// The file that names the active version of each artifact. `promote` and `rollback` on its channel write it.
    pub pointer: Option<Spanned<Pointer>>,
    /// Kinds of configuration artifacts, and where they are.
    pub kinds: Option<Named<ArtifactKind>>,
    /// The read store that `sync` brings the artifacts of a channel to.
    pub sync: Option<Sync>,
    /// Where snapshots are kept.
    pub snapshots: Option<Snapshots>,
    /// Those whose verdicts on pull requests gates ask for, by name.
    #[serde(default)]
    pub reviewers: Named<Reviewer>,
    /// How commands in comments are read.
    #[serde(default)]
    pub comment: Comment,
    /// What is called after a move. Not supported by this version.
    #[serde(default)]
    pub hooks: Hooks,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// The name of its release tags: {version} once, and {package} where there are several packages.
    pub release_tag: Text,
    /// Whether it is meant where none is named.
    #[serde(default)]
    pub default: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// The name of its movable tag, with {channel}, and {package} where there are several packages. Without a tag the
    /// channel is for verification only.
    pub tag: Option<Text>,
    /// Where it runs: http or https, absolute, without user info, query and fragment.
    pub base_url: Option<Text>,
    /// Only what is on that channel now may be promoted here. It stands before this one.
    pub after: Option<Text>,
    /// How a running process finds out that it is on this channel; the first rule that holds decides.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Shown where the rule decides.
    pub name: Text,
    /// A jq program over $env.NAME and $channel that gives true or false.
    pub when: Text,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// Branch name without refs/heads/; tagwarden/ledger where absent.
    pub branch: Text,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signing {
    /// Path of a private key, env:NAME, agent:SHA256:FINGERPRINT, or none.
    pub key: Text,
    /// How many signers an adoption needs; 1 where absent.
    pub threshold: Option<Spanned<u32>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// ssh:PRINCIPAL, github:NUMERIC-ID, team:ORG/SLUG, permission:LEVEL, or local:E-MAIL where signing is none.
    pub who: Spanned<Vec<Text>>,
    /// Verbs.
    #[schemars(with = "Vec<schema::Permitted>")]
    pub may: Spanned<Vec<Text>>,
    /// Channels; all where absent.
    pub on: Option<Spanned<Vec<Text>>>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Documents {
    /// Documents whose headings are the gates.
    #[serde(default)]
    pub protocol: Vec<Text>,
    /// Documents about the past: what they name may be gone.
    #[serde(default)]
    pub archive: Vec<Text>,
    /// Documents that are only added to: the `docs` gate compares each with what is on the channel.
    #[serde(default)]
    pub log: Vec<Text>,
    /// Root folders of other repositories, with the name of each.
    #[serde(default)]
    pub foreign: Named<Text>,
    /// Folders that paths in documents may start from, beside the root.
    #[serde(default)]
    pub roots: Vec<Text>,
    /// Lists of phrases that no document may say.
    #[serde(default)]
    pub banned: Vec<Banned>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Banned {
    /// Path of the list: an extended regular expression a line; after the line :case-sensitive: case counts.
    pub list: Text,
    /// Documents that may say its phrases: paths or patterns with *.
    #[serde(default)]
    pub allow: Vec<Text>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pointer {
    /// Path of the file, which is JSON; it may have {channel}.
    pub file: Text,
    /// flat for {id: version}, grouped for {kind: {id: version}}; flat where absent.
    #[schemars(with = "Option<schema::PointerShape>")]
    pub shape: Option<Text>,
    /// The branch that it is on, without refs/heads/; it may have {channel}. Where absent it is in the tree that it speaks of.
    pub branch: Option<Text>,
    /// The channel whose versions it names, or a list of channels that each have their own by {channel}. Where absent: the last channel,
    /// or with {channel} every channel that has a tag.
    #[schemars(with = "Option<schema::OneOrMany>")]
    pub channel: Option<Spanned<OneOrMany>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Snapshots {
    /// The folder of the store: absolute, or from the repository's root.
    pub store: Text,
    /// How many people of allowed_signers and openpgp/ must have signed a snapshot before it verifies and is restored; 0 where absent.
    pub signatures: Option<Spanned<u32>>,
}

/// A word, or a list of words.
pub struct OneOrMany(pub Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<OneOrMany, D::Error> {
        deserializer.deserialize_any(schema::Words)
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArtifactKind {
    /// The path of an artifact's file from the root, such as prompts/{id}/{version}/manifest.json. {id} and {version} are one part of a
    /// path at most, * is anything inside one part, ** any number of whole parts.
    pub path: Text,
    /// What artifacts are checked by: a folder of gates/rails/, none, or a JSON pointer such as /rail at which each artifact names its
    /// own; the folder with the name of the kind where absent.
    pub rail: Option<Text>,
    /// JSON pointer to the id in the artifact's file. It must agree with the path where that has {id}.
    pub id: Option<Text>,
    /// JSON pointer to the version in the artifact's file. It must agree with the path where that has {version}.
    pub version: Option<Text>,
    /// Whether a key whose value is null counts as absent; false where absent.
    #[serde(default)]
    pub null_is_absent: bool,
    /// Whether a file of this kind may not be removed or moved once it is committed, which `validate --changed-since` looks at; false where
    /// absent.
    #[serde(default)]
    pub permanent: bool,
    /// JSON pointers into the artifact's file, such as /authority_level: another value there needs a major step of the version.
    pub major: Option<Vec<Text>>,
    /// The name of the release tags of its artifacts, with {id}, {version} and perhaps {kind}; {kind}/{id}/v{version} where absent.
    pub release_tag: Option<Text>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sync {
    /// Where the store is: sqlite:PATH, from the repository's root or absolute, or env:NAME of a variable that holds it.
    pub store: Text,
    /// The channel whose releases readers see; the last one that has a tag where absent.
    pub channel: Option<Text>,
    /// Where there is no ledger: patterns of tags, from ^ to $. Readers see the one with the highest version.
    pub tags: Option<Spanned<Vec<Text>>>,
    /// Whether lightweight tags count; false where absent.
    pub lightweight: Option<Spanned<bool>>,
    /// Whether versions with a part such as -rc.1 are left out; false where absent.
    pub stable: Option<Spanned<bool>>,
    /// Which kinds of artifacts become rows, and what identifies them; all kinds where absent.
    pub kinds: Option<Spanned<Named<SyncKind>>>,
    /// How many earlier snapshots are kept, so that a rollback to them only moves the pointer; 5 where absent.
    pub retain: Option<Spanned<u64>>,
    /// How long a snapshot is kept after it was live, for readers that pinned it; 10m where absent.
    pub grace: Option<Spanned<Span>>,
    /// How long a controller leads without a sign of life; 60s where absent.
    pub lease: Option<Spanned<Span>>,
    /// Whether references that lead nowhere stop a release (refuse) or are reported with it (publish); refuse where absent.
    #[schemars(with = "Option<schema::Orphans>")]
    pub orphans: Option<Text>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncKind {
    /// JSON pointer to what identifies an artifact across releases; its id where absent.
    pub identity: Option<Text>,
    /// JSON pointer to the part whose change makes a new generation, such as /spec; the whole file where absent. The text below front
    /// matter always counts.
    pub generation: Option<Text>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reviewer {
    /// user, bot or team.
    #[serde(rename = "type")]
    pub kind: ReviewerKind,
    /// Numeric id of the account or team.
    pub id: Spanned<u64>,
    /// For a team: ORGANISATION/SLUG.
    pub team: Option<Text>,
    /// Numeric id of the app that comments come through, for bots.
    pub app: Option<u64>,
    /// The name that the person signs with, in allowed_signers or as a git e-mail where nothing is signed; their own requests are
    /// not theirs to review.
    pub ssh: Option<Text>,
    /// What counts as an approval: review, reaction, or comment:TEXT for comments that begin with the text and name the
    /// commit; review where absent.
    #[serde(default)]
    pub approves: Spanned<Vec<Text>>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReviewerKind {
    User,
    Bot,
    Team,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comment {
    /// What a command begins with: a letter or one of / ! . at the start, then letters, digits and / ! . : _ -, and one of these marks or
    /// one space at the end; / where absent.
    pub prefix: Option<Text>,
    /// How old a comment may be when its command is run; 10m where absent.
    pub max_age: Option<Spanned<Span>>,
    /// Whether promote must name the release's full commit id; true where absent.
    pub require_sha: Option<bool>,
    /// The number of the issue that takes commands beside pull requests; none where absent.
    pub release_issue: Option<Spanned<u64>>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hooks {
    /// What is called after a move, in order. What comes of it is reported, and never undoes the move.
    #[serde(default)]
    pub after_move: Vec<Spanned<Hook>>,
}

/// A request or a program; exactly one of `post` and `run`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hook {
    /// What reports call it.
    pub name: Text,
    /// The URL that what moved is posted to as JSON; with placeholders, and `{env.NAME}`.
    pub post: Option<Text>,
    /// Headers of the request; with placeholders, and `{env.NAME}`.
    #[serde(default)]
    pub headers: Named<Text>,
    /// Program and arguments. With a slash, the program is a file below `gates/` of the adopted policy.
    pub run: Option<Spanned<Vec<Text>>>,
    /// Names of variables that the program sees; all others are cleared.
    #[serde(default)]
    pub env: Vec<Text>,
    /// What a cache is to forget; with placeholders. Reported, posted as `keys`, and in TAGWARDEN_KEYS.
    #[serde(default)]
    pub keys: Vec<Text>,
    /// The channels after whose moves it is called; all where absent.
    pub channels: Option<Vec<Text>>,
}

/// Words that are read as texts, so that a wrong one is one finding among others, and that the schema lists.
mod schema {
    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
    use std::borrow::Cow;

    pub struct Version;

    impl JsonSchema for Version {
        fn inline_schema() -> bool {
            true
        }

        fn schema_name() -> Cow<'static, str> {
            "Version".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({ "const": 1 })
        }
    }

    #[derive(JsonSchema)]
    #[serde(rename_all = "lowercase")]
    #[expect(dead_code, reason = "a list of words for the schema")]
    pub enum ReleaseTags {
        Signed,
        Any,
    }

    #[derive(JsonSchema)]
    #[serde(rename_all = "lowercase")]
    #[expect(dead_code, reason = "a list of words for the schema")]
    pub enum PointerShape {
        Flat,
        Grouped,
    }

    #[derive(JsonSchema)]
    #[serde(rename_all = "lowercase")]
    #[expect(dead_code, reason = "a list of words for the schema")]
    pub enum Orphans {
        Refuse,
        Publish,
    }

    pub struct OneOrMany;

    impl JsonSchema for OneOrMany {
        fn inline_schema() -> bool {
            true
        }

        fn schema_name() -> Cow<'static, str> {
            "OneOrMany".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
        }
    }

    pub(super) struct Words;

    impl<'de> serde::de::Visitor<'de> for Words {
        type Value = super::OneOrMany;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a word or a list of words")
        }

        fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<super::OneOrMany, E> {
            Ok(super::OneOrMany(vec![word.to_owned()]))
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<super::OneOrMany, A::Error> {
            let mut words = Vec::new();
            while let Some(word) = items.next_element()? {
                words.push(word);
            }
            Ok(super::OneOrMany(words))
        }
    }

    /// The verbs that a role may permit.
    pub struct Permitted;

    impl JsonSchema for Permitted {
        fn schema_name() -> Cow<'static, str> {
            "Permitted".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            let verbs: Vec<&str> = super::super::protocol::permitted().map(|(slug, _)| slug).collect();
            json_schema!({ "enum": verbs })
        }
    }
}
