//! The settings of a repository that a protocol rests on: rulesets, an environment, variables, what workflows may do, releases, and
//! the installation of the App.
//!
//! Deliberately absent: secrets, which GitHub shows to nobody, and every write.

use super::{Answer, Failure, GitHub, Intent, credentials::Credentials, pages::Wrapped, there};
use crate::release::rulesets::{Bypass, Ruleset};
use serde::Deserialize;
use std::collections::BTreeMap;

/// An environment that jobs deploy to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// `None`: every branch and tag may deploy.
    pub refs: Option<Refs>,
    /// The types of its protection rules: `required_reviewers`, `wait_timer`, ...
    pub rules: Vec<String>,
}

/// What may deploy to an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refs {
    /// Every branch that has rules.
    Protected,
    Listed(Vec<RefPolicy>),
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RefPolicy {
    /// A pattern.
    pub name: String,
    /// `branch` or `tag`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// What the token of a workflow may do where the workflow says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct WorkflowToken {
    /// `read` or `write`.
    pub default_workflow_permissions: String,
    #[serde(rename = "can_approve_pull_request_reviews")]
    pub approves: bool,
}

/// The App on this repository.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Installed {
    pub app_id: u64,
    /// `read`, `write` or `admin`, by the name of a permission.
    pub permissions: BTreeMap<String, String>,
    #[serde(deserialize_with = "there")]
    pub suspended_at: Option<String>,
}

impl GitHub {
    pub async fn default_branch(&self) -> Answer<String> {
        let shown: Shown = self.read(self.here(Intent::DefaultBranch, &[])).await?;
        Ok(shown.default_branch)
    }

    /// All that apply here, also those of the organisation. Whom they let past is shown to administrators only.
    pub async fn rulesets(&self) -> Answer<Vec<Ruleset>> {
        let listed: Vec<Listed> = self.list(self.here(Intent::Rulesets, &["rulesets"]).query("includes_parents", "true")).await?;
        let mut rulesets = Vec::with_capacity(listed.len());
        for Listed { id } in listed {
            let call = self.here(Intent::Rulesets, &["rulesets", &id.to_string()]).query("includes_parents", "true");
            let whole: Whole = self.read(call).await?;
            if whole.id != id {
                return Err(Failure::unreadable(format!("asked about ruleset {id}, GitHub answered about {}", whole.id)));
            }
            rulesets.push(whole.ruleset()?);
        }
        Ok(rulesets)
    }

    /// Not found: there is none of that name, or it is not shown to us.
    pub async fn environment(&self, name: &str) -> Answer<Environment> {
        let shown: ShownEnvironment = self.read(self.here(Intent::Environment, &["environments", name])).await?;
        if !shown.name.eq_ignore_ascii_case(name) {
            return Err(Failure::unreadable("asked about one environment, GitHub answered about another"));
        }
        let refs = match shown.deployment_branch_policy {
            None => None,
            Some(Policy { custom_branch_policies: true, protected_branches: false }) => {
                let call = self.here(Intent::Environment, &["environments", name, "deployment-branch-policies"]);
                Some(Refs::Listed(self.list_in::<Policies>(call).await?))
            }
            Some(Policy { custom_branch_policies: false, protected_branches: true }) => Some(Refs::Protected),
            Some(_) => return Err(Failure::unreadable("GitHub's answer says two things of the branches that may deploy")),
        };
        Ok(Environment { refs, rules: shown.protection_rules.into_iter().map(|rule| rule.kind).collect() })
    }

    /// Not found: it is not set, or not shown to us. `environment`: where it is set, else in the repository.
    pub async fn variable(&self, environment: Option<&str>, name: &str) -> Answer<String> {
        let call = match environment {
            Some(environment) => self.here(Intent::EnvironmentVariable, &["environments", environment, "variables", name]),
            None => self.here(Intent::Variable, &["actions", "variables", name]),
        };
        let shown: ShownVariable = self.read(call).await?;
        match shown.name.eq_ignore_ascii_case(name) {
            true => Ok(shown.value),
            false => Err(Failure::unreadable("asked about one variable, GitHub answered about another")),
        }
    }

    pub async fn workflow_token(&self) -> Answer<WorkflowToken> {
        self.read(self.here(Intent::WorkflowToken, &["actions", "permissions", "workflow"])).await
    }

    /// Whether what is published as a release can be changed no more. Not found is how GitHub says that it can.
    pub async fn has_immutable_releases(&self) -> Answer<bool> {
        Ok(self.read::<Enabled>(self.here(Intent::ImmutableReleases, &["immutable-releases"])).await?.enabled)
    }

    /// The number of the release that was published for a tag. Not found: none was, or it is not shown to us.
    pub async fn release(&self, tag: &str) -> Answer<u64> {
        let segments: Vec<&str> = ["releases", "tags"].into_iter().chain(tag.split('/')).collect();
        let release: Release = self.read(self.here(Intent::Release, &segments)).await?;
        match release.tag_name == tag {
            true => Ok(release.id),
            false => Err(Failure::unreadable("asked about one tag, GitHub answered about another")),
        }
    }

    /// `None`: the credentials are not an App's.
    pub async fn installed(&self) -> Answer<Option<Installed>> {
        let Credentials::App(app) = &*self.credentials else { return Ok(None) };
        let answer = app.installed(&self.place, &self.transport).await;
        answer.map(Some).map_err(|failure| failure.masked(&self.masks()))
    }
}

#[derive(Deserialize)]
struct Shown {
    default_branch: String,
}

#[derive(Deserialize)]
struct Listed {
    id: u64,
}

#[derive(Deserialize)]
struct Whole {
    id: u64,
    name: String,
    target: String,
    enforcement: String,
    #[serde(deserialize_with = "there")]
    conditions: Option<Conditions>,
    rules: Vec<Typed>,
    bypass_actors: Option<Vec<Actor>>,
}

#[derive(Deserialize)]
struct Conditions {
    ref_name: Names,
}

#[derive(Deserialize)]
struct Names {
    include: Vec<String>,
    exclude: Vec<String>,
}

#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Actor {
    actor_type: String,
    actor_id: Option<u64>,
    bypass_mode: Option<String>,
}

impl Whole {
    fn ruleset(self) -> Answer<Ruleset> {
        let names = match self.conditions {
            Some(conditions) => conditions.ref_name,
            // One about pushes has no refs.
            None if !matches!(self.target.as_str(), "tag" | "branch") => Names { include: Vec::new(), exclude: Vec::new() },
            None => return Err(Failure::unreadable("GitHub's answer does not say which refs a ruleset is about")),
        };
        let bypass = |actor: Actor| Bypass { kind: actor.actor_type, id: actor.actor_id, mode: actor.bypass_mode };
        Ok(Ruleset {
            name: self.name,
            target: self.target,
            enforcement: self.enforcement,
            include: names.include,
            exclude: names.exclude,
            rules: self.rules.into_iter().map(|rule| rule.kind).collect(),
            bypass: self.bypass_actors.map(|actors| actors.into_iter().map(bypass).collect()),
        })
    }
}

#[derive(Deserialize)]
struct ShownEnvironment {
    name: String,
    protection_rules: Vec<Typed>,
    #[serde(deserialize_with = "there")]
    deployment_branch_policy: Option<Policy>,
}

#[derive(Deserialize)]
struct Policy {
    protected_branches: bool,
    custom_branch_policies: bool,
}

#[derive(Deserialize)]
struct Policies {
    total_count: u64,
    branch_policies: Vec<RefPolicy>,
}

impl Wrapped for Policies {
    type Item = RefPolicy;

    fn total(&self) -> u64 {
        self.total_count
    }

    fn items(self) -> Vec<RefPolicy> {
        self.branch_policies
    }
}

#[derive(Deserialize)]
struct ShownVariable {
    name: String,
    value: String,
}

#[derive(Deserialize)]
struct Enabled {
    enabled: bool,
}

#[derive(Deserialize)]
struct Release {
    id: u64,
    tag_name: String,
}
