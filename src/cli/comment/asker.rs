//! Who asked for something in a comment: what the forge says of their rights, and whether they still ask for it.
//!
//! Everything is about the number of the account; its login is for display. What cannot be read gives no right.

use super::{
    refusal,
    request::{Request, Stand},
};
use crate::{
    domain::{
        Fault, Finding, Oid, Reason, Result, Span, Timestamp,
        actor::{ACTOR_SCHEMA, ActorEvidence},
    },
    gate::{Protocol, protocol::PERMISSIONS},
    release::policy,
    world::{Clock, GitHub, github::WholeComment},
};
use std::collections::BTreeSet;

/// Somebody who wrote a command, and where.
pub struct Asker {
    pub github: GitHub,
    pub clock: Clock,
    /// The comment.
    pub comment: u64,
    /// The issue or pull request that it stands on.
    pub number: u64,
    /// The writer's account.
    pub account: u64,
    pub login: String,
    /// The text that was accepted.
    pub body: String,
    /// When it was written.
    pub written: Option<Timestamp>,
    /// The head of the pull request; `None`: it stands on an issue.
    pub head: Option<Oid>,
}

impl Asker {
    /// Whoever wrote this, before anything about them is known.
    pub fn new(github: GitHub, clock: Clock, request: &Request) -> Asker {
        let Request { comment, number, account, login, body, .. } = request;
        let (login, body) = (login.clone(), body.clone());
        Asker { github, clock, comment: *comment, number: *number, account: *account, login, body, written: None, head: None }
    }

    /// Reads the comment: it must be what the event says, as its writer wrote it first.
    pub async fn read_comment(&mut self) -> Result<()> {
        let now = self.github.comment(self.comment).await.map_err(|failure| refusal::unreadable("the comment", &failure))?;
        self.is_as_accepted(&now)?;
        self.written = Some(now.comment.created_at);
        Ok(())
    }

    /// Refuses what was asked too long ago, or is dated ahead of the clock by as much.
    pub fn is_young(&self, max_age: Span) -> Result<()> {
        let age = self.written.map(|written| self.clock.now().seconds_since(written));
        match age.filter(|age| age.unsigned_abs() <= max_age.as_std().as_secs()) {
            Some(_) => Ok(()),
            None => Err(refusal::too_old(age, max_age)),
        }
    }

    /// What the comment stands on, where commands are carried out there.
    pub async fn stand(&mut self, is_pull: bool, release_issue: Option<u64>) -> Result<Stand> {
        if !is_pull {
            return match release_issue == Some(self.number) {
                true => Ok(Stand::ReleaseIssue),
                false => Err(refusal::not_here("this issue is not the one where releases are spoken of")),
            };
        }
        let pull = self.github.pull(self.number).await.map_err(|failure| refusal::unreadable("the pull request", &failure))?;
        let oid = |text: &str| text.parse::<Oid>().map_err(|_| refusal::odd("GitHub tells no commit of the pull request"));
        let head = oid(&pull.head.sha)?;
        self.head = Some(head.clone());
        match (pull.state.as_str(), pull.merged) {
            ("open", false) if pull.is_of_fork() => Err(refusal::fork()),
            ("open", false) => Ok(Stand::Open { head }),
            ("closed", true) => Ok(Stand::Merged { merge: oid(pull.merge_commit_sha.as_deref().unwrap_or_default())? }),
            ("closed", false) => Err(refusal::not_here("this pull request was closed without being merged")),
            _ => Err(refusal::odd("GitHub tells a state of the pull request that is not known here")),
        }
    }

    /// Refuses who has no role at all under this policy.
    pub async fn has_a_role(&self, protocol: &Protocol) -> Result<()> {
        let (evidence, unread) = self.rights(protocol).await;
        match policy::has_a_role(protocol, &self.identity(), &evidence.rights()) {
            true => Ok(()),
            false => Err(refusal::no_role(&self.identity(), &unread)),
        }
    }

    pub fn name(&self) -> &str {
        &self.login
    }

    /// As entries name where it was asked for.
    pub fn source(&self) -> String {
        format!("comment:{}", self.comment)
    }

    /// As entries name who asked.
    pub fn identity(&self) -> String {
        format!("github:{}", self.account)
    }

    /// What gives them rights under this policy, and what could not be found out, each with why. Only what a role of the policy
    /// names is asked for.
    pub async fn rights(&self, protocol: &Protocol) -> (ActorEvidence, Vec<String>) {
        let named: BTreeSet<&str> = protocol.roles.values().flat_map(|role| &role.who).map(String::as_str).collect();
        let mut unread = Vec::new();
        let mut permission = None;
        if named.iter().any(|who| who.starts_with("permission:")) {
            match self.github.permission(self.account).await {
                // A role that the organisation made up is none of those that a policy can name.
                Ok(found) => permission = Some(found.role_name).filter(|role| PERMISSIONS.contains(&role.as_str())),
                Err(failure) => unread.push(format!("the access of {} to the repository ({failure})", self.identity())),
            }
        }
        let mut teams = Vec::new();
        for team in named.iter().filter_map(|who| who.strip_prefix("team:")) {
            let Some((organisation, slug)) = team.split_once('/') else { continue };
            match self.github.is_member(organisation, slug, self.account).await {
                Ok(true) => teams.push(team.to_owned()),
                Ok(false) => {}
                Err(failure) => unread.push(format!("who is in the team {team} ({failure})")),
            }
        }
        let evidence = ActorEvidence {
            schema: ACTOR_SCHEMA.to_owned(),
            actor: self.identity(),
            source: self.source(),
            time: self.clock.now(),
            permission,
            teams,
        };
        (evidence, unread)
    }

    /// Whether this is the comment that was accepted, as its writer wrote it first.
    pub fn is_as_accepted(&self, now: &WholeComment) -> Result<()> {
        let writer = now.comment.user.as_ref().map(|user| user.id);
        let same =
            now.edited.is_none() && now.comment.body == self.body && writer == Some(self.account) && now.comment.number == self.number;
        if same { Ok(()) } else { Err(refusal::edited()) }
    }

    /// Whether the comment stands as it was accepted, and the head of its pull request is where it was.
    pub async fn still_asked(&self) -> Result<()> {
        let now = self.github.comment(self.comment).await.map_err(|failure| refusal::unreadable("the comment", &failure))?;
        self.is_as_accepted(&now)?;
        let Some(head) = &self.head else { return Ok(()) };
        let pull = self.github.pull(self.number).await.map_err(|failure| refusal::unreadable("the pull request", &failure))?;
        if pull.head.sha != head.as_str() {
            let why = format!("the pull request's head went from {head} to {} while the command ran", pull.head.sha.escape_debug());
            let finding = Finding::error("comment/head-changed", why.clone());
            let fault = Fault::new(Reason::RefChanged, why).finding(finding);
            return Err(fault.help("look at what was pushed, then ask again in a new comment"));
        }
        Ok(())
    }
}
