//! What each question and write needs of a token, in one table, and what a run therefore asks for.
//!
//! For REST: <https://docs.github.com/rest/authentication/permissions-required-for-github-apps>. GitHub documents none for GraphQL,
//! where what it shows needs what REST needs for the same thing. Where several permissions would do, the table names one that also
//! does for issues. `metadata: read` is left out, because no token is without it.
//!
//! Deliberately absent: what a token has. GitHub says so when it refuses, and an App's installation before.

use std::{collections::BTreeMap, fmt};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Read,
    Write,
}

impl Level {
    pub const fn name(self) -> &'static str {
        match self {
            Level::Read => "read",
            Level::Write => "write",
        }
    }

    /// What GitHub says that somebody has. A word that is not known is nothing.
    pub fn of_name(name: &str) -> Option<Level> {
        match name {
            "read" => Some(Level::Read),
            "write" | "admin" => Some(Level::Write),
            _ => None,
        }
    }
}

/// A permission of a token, by the name that the API has for it: `issues: write`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Needed {
    pub permission: &'static str,
    pub level: Level,
}

const fn read(permission: &'static str) -> Needed {
    Needed { permission, level: Level::Read }
}

const fn write(permission: &'static str) -> Needed {
    Needed { permission, level: Level::Write }
}

impl Needed {
    /// What all of these need: the highest level of each permission, by name.
    pub fn of(intents: &[Intent]) -> Vec<Needed> {
        let mut highest = BTreeMap::new();
        for need in intents.iter().flat_map(|intent| intent.needs()) {
            let level = highest.entry(need.permission).or_insert(need.level);
            *level = need.level.max(*level);
        }
        highest.into_iter().map(|(permission, level)| Needed { permission, level }).collect()
    }
}

impl fmt::Display for Needed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.permission, self.level.name())
    }
}

/// `checks: read and statuses: read`, in this order.
pub(super) fn listed(needs: &[Needed]) -> String {
    needs.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

macro_rules! intents {
    ($($variant:ident $name:literal [$($need:expr),*];)*) => {
        /// One thing that is asked of GitHub, or done there: a method of the client, or what git does with its token.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Intent { $($variant,)* }

        impl Intent {
            /// The whole table.
            pub const ALL: &'static [Intent] = &[$(Intent::$variant,)*];

            /// The method's name.
            pub const fn name(self) -> &'static str {
                match self { $(Intent::$variant => $name,)* }
            }

            /// All of these, beside `metadata: read`.
            pub const fn needs(self) -> &'static [Needed] {
                match self { $(Intent::$variant => const { &[$($need),*] },)* }
            }
        }
    };
}

intents! {
    Account "account" [];
    CheckRuns "check_runs" [read("checks")];
    Comment "comment" [read("issues")];
    Comments "comments" [read("pull_requests")];
    DefaultBranch "default_branch" [];
    Edit "edit" [write("issues")];
    Environment "environment" [read("actions")];
    EnvironmentVariable "variable of an environment" [read("environments")];
    Fetch "git fetch" [read("contents")];
    Files "files" [read("pull_requests")];
    ImmutableReleases "has_immutable_releases" [read("administration")];
    IsMember "is_member" [read("members")];
    IsShown "is_shown" [];
    Issue "issue" [read("issues")];
    IssueComments "issue_comments" [read("issues")];
    Myself "myself" [];
    Permission "permission" [];
    Pull "pull" [read("pull_requests")];
    PullsOf "pulls_of" [read("pull_requests")];
    Push "git push" [write("contents")];
    React "react" [write("issues")];
    Reactions "reactions" [read("issues")];
    Release "release" [read("contents")];
    Reviews "reviews" [read("pull_requests")];
    RuleSuites "rule_suites" [read("administration")];
    RulesOf "rules_of" [];
    Rulesets "rulesets" [];
    Say "say" [write("issues")];
    Statuses "statuses" [read("statuses")];
    Team "team" [read("members")];
    Threads "threads" [read("pull_requests")];
    Variable "variable" [read("actions_variables")];
    WorkflowToken "workflow_token" [read("administration")];
}

/// What a client is made for: the token of a GitHub App's installation is asked for no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// The pull requests and issues that documents name.
    Documents,
    /// The facts that gates judge.
    Gates,
    /// Slash commands: who wrote them, and what is answered below them.
    Commands,
    /// The settings that a protocol rests on.
    Settings,
    /// git reads the repository.
    Fetch,
    /// git moves refs.
    Push,
}

impl Purpose {
    pub const ALL: &'static [Purpose] =
        &[Purpose::Documents, Purpose::Gates, Purpose::Commands, Purpose::Settings, Purpose::Fetch, Purpose::Push];

    pub const fn intents(self) -> &'static [Intent] {
        use Intent::{
            Account, CheckRuns, Comment, Comments, DefaultBranch, Edit, Environment, EnvironmentVariable, Fetch, Files, ImmutableReleases,
            IsMember, IsShown, Issue, IssueComments, Myself, Permission, Pull, PullsOf, Push, React, Reactions, Release, Reviews,
            RuleSuites, RulesOf, Rulesets, Say, Statuses, Team, Threads, Variable, WorkflowToken,
        };
        match self {
            Purpose::Documents => &[Pull, Files, Issue, IsShown],
            Purpose::Gates => &[
                Pull,
                Files,
                Issue,
                IsShown,
                Account,
                CheckRuns,
                Comments,
                IssueComments,
                Permission,
                PullsOf,
                Reactions,
                Reviews,
                RuleSuites,
                RulesOf,
                Statuses,
                Team,
                Threads,
            ],
            Purpose::Commands => &[Myself, Comment, IssueComments, React, Say, Edit, Issue, Pull, Account, Permission, IsMember],
            Purpose::Settings => {
                &[IsShown, DefaultBranch, Rulesets, Environment, EnvironmentVariable, Variable, WorkflowToken, ImmutableReleases, Release]
            }
            Purpose::Fetch => &[Fetch],
            Purpose::Push => &[Push],
        }
    }

    /// What it is, for people.
    pub const fn about(self) -> &'static str {
        match self {
            Purpose::Documents => "documents that name pull requests",
            Purpose::Gates => "gates that ask GitHub",
            Purpose::Commands => "slash commands",
            Purpose::Settings => "`doctor --github`",
            Purpose::Fetch => "reading with git",
            Purpose::Push => "every move, and every entry of the ledger",
        }
    }

    pub fn needs(self) -> Vec<Needed> {
        Needed::of(self.intents())
    }

    /// Whether it is nothing without all that it needs. Of many questions some may be answered.
    pub(super) const fn needs_all(self) -> bool {
        matches!(self, Purpose::Fetch | Purpose::Push)
    }
}
