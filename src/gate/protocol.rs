//! The protocol: what `gates/` says, validated. Made by [`super::config`] from the files of a work tree, of a commit, or of
//! the adopted policy; nothing in it can be half right.

use super::{LoadedGate, When, hooks::Hook};
use crate::{
    attest::openpgp::Keyring,
    catalog::layout::Layout,
    domain::{ChannelName, Finding, GateId, PackageName, RefName, Span, TagPattern, Verb},
    sync::Settings,
    text::slash::Dialect,
};
use indexmap::IndexMap;
use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

/// The levels of access to a repository, the least first. A role for one of them is a role for those above it, too.
pub const PERMISSIONS: [&str; 5] = ["read", "triage", "write", "maintain", "admin"];

pub struct Protocol {
    pub packages: IndexMap<PackageName, Package>,
    /// Branch names without `refs/heads/`.
    pub release_branches: Vec<String>,
    /// In order of promotion.
    pub channels: IndexMap<ChannelName, Channel>,
    /// Full ref of the ledger branch.
    pub ledger: RefName,
    pub remote: String,
    pub signing: Signing,
    pub release_tags: ReleaseTags,
    pub roles: IndexMap<String, Role>,
    /// Identities that are automation.
    pub automation: Vec<String>,
    /// Identities that may sign entries whose actor is `github:<id>`.
    pub movers: Vec<String>,
    /// People, bots and teams whose verdicts on pull requests gates ask for, by name.
    pub reviewers: IndexMap<String, Reviewer>,
    pub comments: Comments,
    /// jq paths removed from every recorded body.
    pub redact: Vec<String>,
    pub documents: Documents,
    /// Where configuration artifacts are.
    pub catalog: Layout,
    /// The read store, where there is one.
    pub sync: Option<Settings>,
    pub snapshots: Option<Snapshots>,
    /// What is called after a move, in order.
    pub hooks: Vec<Hook>,
    /// Sorted by file name.
    pub gates: Vec<LoadedGate>,
    /// The text of `gates/allowed_signers`; `None` where there is none.
    pub allowed_signers: Option<String>,
    /// The keys of `gates/openpgp/`; they count for snapshots and bundles alone.
    pub openpgp: Arc<Keyring>,
    /// Warnings of the configuration; errors never make a Protocol.
    pub warnings: Vec<Finding>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshots {
    /// The folder of the store: absolute, or from the repository's root.
    pub store: String,
    /// How many people must have signed.
    pub signatures: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    pub release_tag: TagPattern,
    pub default: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// `None`: for verification only.
    pub tag: Option<TagPattern>,
    /// Without a trailing slash.
    pub base_url: Option<String>,
    pub after: Option<ChannelName>,
    pub rules: Vec<Rule>,
}

/// A jq program over `$env` and `$channel`; the first rule that holds decides, and its name is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub name: String,
    pub when: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signing {
    pub key: KeySource,
    /// How many signers an adoption needs.
    pub threshold: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// No signatures. Every report says so.
    None,
    Path(String),
    /// A variable that holds the key itself or the path of its file.
    Env(String),
    /// A key of the running ssh-agent, by `SHA256:` fingerprint.
    Agent(String),
    /// A key of the user's `gpg`, by what that calls it. It signs snapshots and bundles, never a ledger.
    OpenPgp(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseTags {
    Signed,
    Any,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    pub who: Vec<String>,
    pub may: Vec<Verb>,
    /// `None`: every channel.
    pub on: Option<Vec<ChannelName>>,
}

/// Somebody whose verdict on a pull request counts, known by number: a login can change hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reviewer {
    pub kind: ReviewerKind,
    /// Of the account, or of the team.
    pub id: u64,
    /// Of a team: `organisation/slug`.
    pub team: Option<String>,
    /// The number of the App that comments come through.
    pub app: Option<u64>,
    /// Of a person: the name that they sign the ledger under, a principal of `allowed_signers`.
    pub signer: Option<String>,
    /// What counts as an approval. Never empty.
    pub approves: Vec<Signal>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewerKind {
    User,
    Bot,
    Team,
}

/// How an approval is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// An approving review.
    Review,
    /// A comment that begins so, and names the commit.
    Comment(String),
    /// A thumb, which names no commit.
    Reaction,
}

/// How commands in comments are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comments {
    pub dialect: Dialect,
    /// How old a comment may be when its command is run.
    pub max_age: Span,
    /// The issue that takes commands beside pull requests.
    pub release_issue: Option<u64>,
}

impl Default for Comments {
    fn default() -> Comments {
        Comments { dialect: Dialect::default(), max_age: Span::minutes(10), release_issue: None }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documents {
    pub protocol: Vec<String>,
    pub archive: Vec<String>,
    pub log: Vec<String>,
    /// Root folder of another repository to its name.
    pub foreign: BTreeMap<String, String>,
    /// Folders that paths of documents may start from, beside the root.
    pub roots: Vec<String>,
    pub banned: Vec<crate::lockdown::banned::List>,
    /// Path of the document lock, where one is named.
    pub lock: Option<String>,
}

impl Protocol {
    pub fn gate(&self, id: &GateId) -> Option<&LoadedGate> {
        self.gates.iter().find(|gate| gate.id == *id)
    }

    /// The gates that decide this verb on this channel, in order.
    pub fn gates_for(&self, verb: Verb, channel: &ChannelName, when: When) -> impl Iterator<Item = &LoadedGate> {
        self.gates.iter().filter(move |gate| gate.applies(verb, channel, when))
    }

    /// How the release tags of a package are named; `None`: the protocol has no such package, nor kind of artifacts.
    pub fn release_tag(&self, package: &PackageName) -> Option<Cow<'_, TagPattern>> {
        match package.artifact() {
            Some((kind, id)) => Some(Cow::Owned(self.catalog.kind(kind)?.release_tag.of_artifact(kind, id))),
            None => self.packages.get(package).map(|package| Cow::Borrowed(&package.release_tag)),
        }
    }

    /// The branches that moves are about: release branches, and those of pointer files. Without `refs/heads/`.
    pub fn branches(&self) -> Vec<String> {
        let mut branches = self.release_branches.clone();
        for branch in self.catalog.pointers.iter().filter_map(|pointer| pointer.branch.as_ref()) {
            if !branches.contains(branch) {
                branches.push(branch.clone());
            }
        }
        branches
    }

    pub fn default_package(&self) -> Option<&PackageName> {
        self.packages.iter().find(|(_, package)| package.default).map(|(name, _)| name)
    }

    pub fn is_unsigned(&self) -> bool {
        self.signing.key == KeySource::None
    }
}
