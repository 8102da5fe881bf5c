//! What the model knows: accounts, repositories and what is in them, who may do what, what goes wrong on demand. Plain data; the
//! ways to ask for it are [`super::rest`] and [`super::graphql`], the ways to make it [`super::session`].

use super::{fault::Planted, git};
use crate::github::contract::Request;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// `read`, `write` or `admin`, by the name of a permission.
pub type Permissions = BTreeMap<String, String>;

pub struct State {
    pub now: Timestamp,
    pub next_id: u64,
    pub users: Vec<User>,
    pub apps: Vec<App>,
    pub installations: Vec<Installation>,
    pub tokens: BTreeMap<String, Token>,
    pub teams: Vec<Team>,
    pub repos: Vec<Repo>,
    pub planted: Vec<Planted>,
    pub log: Vec<Request>,
    /// The requests of git's protocol.
    pub git_log: Vec<Request>,
    /// What broke the contract, or was never expected.
    pub violations: Vec<String>,
}

#[derive(Clone)]
pub struct User {
    pub id: u64,
    /// A bot's ends with `[bot]`.
    pub login: String,
    /// `User`, `Bot`, `Organization`.
    pub kind: &'static str,
    /// What it did is still there, without its name.
    pub is_deleted: bool,
}

#[derive(Clone)]
pub struct App {
    pub id: u64,
    pub slug: String,
    pub owner: u64,
    pub bot: u64,
    /// Of the key that its JSON Web Tokens are signed with: PKCS#1, DER.
    pub public_key: Option<Vec<u8>>,
    pub permissions: Permissions,
}

#[derive(Clone)]
pub struct Installation {
    pub id: u64,
    pub app: u64,
    pub account: String,
    /// Where nothing is named, all of the account.
    pub repos: Option<BTreeSet<u64>>,
    pub permissions: Permissions,
    pub is_suspended: bool,
}

#[derive(Clone)]
pub struct Token {
    pub user: u64,
    pub app: Option<u64>,
    pub installation: Option<u64>,
    pub repos: Option<BTreeSet<u64>>,
    /// Nothing: everything that its user may do.
    pub permissions: Option<Permissions>,
    pub expires: Option<Timestamp>,
    pub remaining: u64,
}

pub struct Team {
    pub id: u64,
    pub organization: String,
    pub slug: String,
    /// `member` or `maintainer`.
    pub members: BTreeMap<u64, &'static str>,
    pub pending: BTreeSet<u64>,
}

pub struct Repo {
    pub id: u64,
    /// A bare repository, which is then the truth about commits and refs.
    pub folder: Option<PathBuf>,
    /// What of it was read last.
    pub followed: Option<Vec<(PathBuf, u64, i64, i64)>>,
    pub owner: String,
    pub name: String,
    pub is_private: bool,
    pub is_archived: bool,
    pub is_fork: bool,
    pub default_branch: String,
    /// The role's name by the user's id.
    pub roles: BTreeMap<u64, String>,
    pub commits: BTreeMap<String, Commit>,
    /// `refs/...`: the object, `commit` or `tag`.
    pub refs: BTreeMap<String, (String, &'static str)>,
    pub pulls: BTreeMap<u64, Pull>,
    /// What is no pull request.
    pub issues: BTreeMap<u64, Issue>,
    /// Numbers where only those with a role may comment.
    pub locked: BTreeSet<u64>,
    pub comments: Vec<Comment>,
    pub check_runs: Vec<CheckRun>,
    pub check_suites: Vec<CheckSuite>,
    pub statuses: Vec<Status>,
    pub deployments: Vec<Deployment>,
    pub rulesets: Vec<Ruleset>,
    pub rule_suites: Vec<Value>,
    pub releases: Vec<Value>,
    pub environments: Vec<Environment>,
    pub variables: BTreeMap<String, String>,
    /// What a workflow's token may do where nothing is said: `read` or `write`.
    pub workflow_default: &'static str,
    pub workflows_approve: bool,
    pub has_immutable_releases: bool,
}

#[derive(Clone)]
pub struct Environment {
    pub id: u64,
    pub name: String,
    /// Patterns, each for a `branch` or a `tag`; nothing: every ref may be deployed.
    pub policies: Option<Vec<(&'static str, String)>>,
    pub has_reviewers: bool,
    pub variables: BTreeMap<String, String>,
}

#[derive(Clone, Default)]
pub struct Commit {
    pub parents: Vec<String>,
    pub tree: String,
    pub message: String,
    pub author: Option<u64>,
    /// The requests that it came with, beside those whose head or merge it is.
    pub pulls: BTreeSet<u64>,
}

#[derive(Clone)]
pub struct Pull {
    pub id: u64,
    pub title: String,
    pub body: String,
    pub author: u64,
    pub head: String,
    pub head_branch: String,
    /// `owner/name`; nothing where the fork was deleted.
    pub head_repo: Option<String>,
    pub base: String,
    pub base_oid: String,
    pub is_draft: bool,
    pub is_open: bool,
    /// When, which commit, by whom.
    pub merged: Option<(Timestamp, String, u64)>,
    pub mergeable: Option<bool>,
    pub created: Timestamp,
    pub commits: Vec<String>,
    pub files: Vec<String>,
    pub reviews: Vec<Review>,
    pub threads: Vec<Thread>,
    pub reactions: Vec<Reaction>,
    pub timeline: Vec<Value>,
}

pub struct Issue {
    pub author: Option<u64>,
    pub is_open: bool,
}

#[derive(Clone)]
pub struct Review {
    pub id: u64,
    pub author: u64,
    pub state: &'static str,
    pub body: String,
    pub commit: String,
    pub at: Timestamp,
    pub edited: Option<(Timestamp, u64)>,
}

#[derive(Clone)]
pub struct Thread {
    pub id: u64,
    pub is_resolved: bool,
    pub is_outdated: bool,
    pub resolved_by: Option<u64>,
    /// Id, author, text.
    pub comments: Vec<(u64, u64, String)>,
}

#[derive(Clone)]
pub struct Comment {
    pub id: u64,
    pub issue: u64,
    pub author: u64,
    pub app: Option<u64>,
    pub body: String,
    pub at: Timestamp,
    pub edited: Option<(Timestamp, u64)>,
    pub reactions: Vec<Reaction>,
}

#[derive(Clone)]
pub struct Reaction {
    pub id: u64,
    pub author: u64,
    pub content: String,
    pub at: Timestamp,
}

#[derive(Clone)]
pub struct CheckRun {
    pub id: u64,
    pub suite: u64,
    pub app: u64,
    pub commit: String,
    pub name: String,
    pub status: String,
    pub conclusion: Option<String>,
    pub at: Timestamp,
    /// What its maker said beside that: `output`, `external_id`, `details_url`.
    pub other: Value,
}

#[derive(Clone)]
pub struct CheckSuite {
    pub id: u64,
    pub app: u64,
    pub commit: String,
}

#[derive(Clone)]
pub struct Status {
    pub id: u64,
    pub commit: String,
    pub author: u64,
    pub context: String,
    pub state: String,
    pub description: Option<String>,
    pub target_url: Option<String>,
    pub at: Timestamp,
}

#[derive(Clone)]
pub struct Deployment {
    pub id: u64,
    pub commit: String,
    pub author: u64,
    pub app: Option<u64>,
    pub asked: Value,
    pub at: Timestamp,
    /// Id, author, what was asked, when.
    pub statuses: Vec<(u64, u64, Value, Timestamp)>,
}

#[derive(Clone)]
pub struct Ruleset {
    pub id: u64,
    pub name: String,
    /// `branch` or `tag`.
    pub target: &'static str,
    /// Patterns of whole ref names.
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    /// `deletion`, `non_fast_forward`, `update`, `creation`.
    pub rules: Vec<String>,
    /// `active`, `evaluate`, `disabled`.
    pub enforcement: &'static str,
    /// Whom it does not bind, as GitHub tells them.
    pub bypass: Vec<Value>,
}

impl Ruleset {
    pub fn covers(&self, name: &str) -> bool {
        let covers = |pattern: &String| regex::Regex::new(&format!("^{}$", as_regex(pattern))).unwrap().is_match(name);
        name.starts_with(self.prefix()) && self.include.iter().any(covers) && !self.exclude.iter().any(covers)
    }

    /// Of all names that it can be about.
    pub fn prefix(&self) -> &'static str {
        if self.target == "tag" { "refs/tags/" } else { "refs/heads/" }
    }

    pub fn is_active(&self) -> bool {
        self.enforcement == "active"
    }

    /// Whether it holds for what an App does, or somebody without one.
    pub fn binds(&self, app: Option<u64>) -> bool {
        let is_app = |actor: &Value| actor["actor_type"] == "Integration" && app.is_some_and(|app| actor["actor_id"] == app);
        self.is_active() && !self.bypass.iter().any(|actor| is_app(actor) && actor["bypass_mode"] != "pull_request")
    }
}

/// An App that a ruleset lets past.
pub fn app_bypass(app: u64) -> Value {
    json!({ "actor_id": app, "actor_type": "Integration", "bypass_mode": "always" })
}

/// A pattern of a ruleset, which is `fnmatch` with paths: a star stays within a part, `**/` is any number of parts.
/// <https://docs.github.com/repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets/creating-rulesets-for-a-repository>
pub fn as_regex(pattern: &str) -> String {
    if pattern == "~ALL" {
        return ".*".to_owned();
    }
    let escaped = pattern.replace('.', r"\.").replace('+', r"\+");
    escaped.replace("**/", "\u{1}").replace('*', "[^/]*").replace('\u{1}', "(.*/)?")
}

impl State {
    pub fn new() -> State {
        State {
            now: "2026-01-01T12:00:00Z".parse().unwrap(),
            next_id: 1000,
            users: Vec::new(),
            apps: Vec::new(),
            installations: Vec::new(),
            tokens: BTreeMap::new(),
            teams: Vec::new(),
            repos: Vec::new(),
            planted: Vec::new(),
            log: Vec::new(),
            git_log: Vec::new(),
            violations: Vec::new(),
        }
    }

    pub fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Everything that happens is a second after what happened before.
    pub fn tick(&mut self) -> Timestamp {
        self.now = self.now.checked_add(SignedDuration::from_secs(1)).unwrap();
        self.now
    }

    pub fn user(&self, id: u64) -> &User {
        self.users.iter().find(|user| user.id == id).expect("the user exists")
    }

    /// Logins and names are not case sensitive.
    pub fn user_named(&self, login: &str) -> Option<&User> {
        self.users.iter().find(|user| user.login.eq_ignore_ascii_case(login) && !user.is_deleted)
    }

    pub fn app(&self, id: u64) -> &App {
        self.apps.iter().find(|app| app.id == id).expect("the app exists")
    }

    pub fn repo(&mut self, id: u64) -> &mut Repo {
        self.repos.iter_mut().find(|repo| repo.id == id).expect("the repository exists")
    }

    pub fn repo_named(&self, owner: &str, name: &str) -> Option<&Repo> {
        self.repos.iter().find(|repo| repo.owner.eq_ignore_ascii_case(owner) && repo.name.eq_ignore_ascii_case(name))
    }
}

impl Repo {
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// From now on, where it was not before.
    pub fn has_commit(&mut self, oid: &str) {
        self.commits.entry(oid.to_owned()).or_default();
    }

    /// Moves or makes a ref, also on disk.
    pub fn set_ref(&mut self, name: &str, oid: &str, kind: &'static str) {
        if let Some(folder) = &self.folder {
            git::run(folder, &["update-ref", name, oid]);
        }
        self.refs.insert(name.to_owned(), (oid.to_owned(), kind));
    }

    pub fn remove_ref(&mut self, name: &str) {
        if let Some(folder) = &self.folder {
            git::run(folder, &["update-ref", "-d", name]);
        }
        self.refs.remove(name);
    }

    /// A commit by its id, a prefix of it, or a name, as GitHub's `{ref}` of a commit.
    pub fn resolve(&self, name: &str) -> Option<String> {
        let candidates = [name.to_owned(), format!("refs/{name}"), format!("refs/heads/{name}"), format!("refs/tags/{name}")];
        if let Some((object, _)) = candidates.iter().find_map(|name| self.refs.get(name)) {
            return Some(object.clone());
        }
        let is_prefix = name.len() >= 7 && name.len() <= 40;
        let mut found = self.commits.keys().filter(|oid| is_prefix && oid.starts_with(name));
        let first = found.next()?;
        found.next().is_none().then(|| first.clone())
    }

    pub fn is_ancestor(&self, ancestor: &str, of: &str) -> bool {
        let mut waiting = vec![of.to_owned()];
        let mut seen = BTreeSet::new();
        while let Some(oid) = waiting.pop() {
            if oid == ancestor {
                return true;
            }
            if let Some(commit) = self.commits.get(&oid).filter(|_| seen.insert(oid.clone())) {
                waiting.extend(commit.parents.iter().cloned());
            }
        }
        false
    }

    /// What forbids a change of a ref: the ruleset's name.
    pub fn forbids(&self, name: &str, rule: &str, app: Option<u64>) -> Option<&str> {
        let mut bind = self.rulesets.iter().filter(|ruleset| ruleset.binds(app));
        let found = bind.find(|ruleset| ruleset.covers(name) && ruleset.rules.iter().any(|known| known == rule));
        found.map(|ruleset| ruleset.name.as_str())
    }
}

// ---- how it is shown by REST; what is not said here is put in from the contract ----------------------------------------

impl State {
    pub fn user_json(&self, id: u64) -> Value {
        let user = self.user(id);
        if user.is_deleted {
            return Value::Null;
        }
        json!({
            "login": user.login, "id": user.id, "node_id": node_id(user.kind, user.id), "type": user.kind, "site_admin": false,
            "url": format!("https://api.example.com/users/{}", encoded(&user.login)),
            "html_url": format!("https://example.com/{}", encoded(user.login.trim_end_matches("[bot]"))),
        })
    }

    pub fn app_json(&self, id: u64) -> Value {
        let app = self.app(id);
        json!({
            "id": app.id, "node_id": node_id("App", app.id), "slug": app.slug, "name": app.slug, "owner": self.user_json(app.owner),
            "client_id": format!("Iv1.{}", app.id), "permissions": app.permissions, "events": [],
        })
    }

    pub fn optional_app(&self, id: Option<u64>) -> Value {
        id.map_or(Value::Null, |id| self.app_json(id))
    }

    pub fn repo_json(&self, repo: &Repo) -> Value {
        let owner = self.user_named(&repo.owner).map_or(Value::Null, |owner| self.user_json(owner.id));
        json!({
            "id": repo.id, "node_id": node_id("Repository", repo.id), "name": repo.name, "full_name": repo.full_name(), "owner": owner,
            "private": repo.is_private, "visibility": if repo.is_private { "private" } else { "public" }, "fork": repo.is_fork,
            "archived": repo.is_archived, "disabled": false, "default_branch": repo.default_branch,
            "url": format!("https://api.example.com/repos/{}", repo.full_name()),
            "html_url": format!("https://example.com/{}", repo.full_name()),
        })
    }

    pub fn pull_json(&self, repo: &Repo, number: u64) -> Value {
        let pull = &repo.pulls[&number];
        let of = |full_name: &str| {
            let found = full_name.split_once('/').and_then(|(owner, name)| self.repo_named(owner, name));
            found.map_or(Value::Null, |found| self.repo_json(found))
        };
        let side = |owner: &str, branch: &str, oid: &str, shown: Value| {
            let user = self.user_named(owner).map_or(Value::Null, |user| self.user_json(user.id));
            json!({ "label": format!("{owner}:{branch}"), "ref": branch, "sha": oid, "user": user, "repo": shown })
        };
        let head_owner = pull.head_repo.as_deref().and_then(|name| name.split_once('/')).map_or("unknown", |(owner, _)| owner);
        let merged = pull.merged.as_ref();
        json!({
            "id": pull.id, "node_id": node_id("PullRequest", pull.id), "number": number, "title": pull.title, "body": pull.body,
            "state": if pull.is_open { "open" } else { "closed" }, "locked": repo.locked.contains(&number), "draft": pull.is_draft,
            "user": self.user_json(pull.author), "created_at": pull.created.to_string(), "updated_at": pull.created.to_string(),
            "closed_at": merged.map(|(at, ..)| at.to_string()), "merged_at": merged.map(|(at, ..)| at.to_string()),
            "merged": merged.is_some(), "merge_commit_sha": merged.map(|(_, oid, _)| oid), "auto_merge": null,
            "merged_by": merged.map_or(Value::Null, |(.., by)| self.user_json(*by)), "mergeable": pull.mergeable,
            "mergeable_state": match pull.mergeable { Some(true) => "clean", Some(false) => "dirty", None => "unknown" },
            "author_association": "NONE", "commits": pull.commits.len(), "changed_files": pull.files.len(),
            "head": side(head_owner, &pull.head_branch, &pull.head, pull.head_repo.as_deref().map_or(Value::Null, of)),
            "base": side(&repo.owner, &pull.base, &pull.base_oid, self.repo_json(repo)),
            "assignee": null, "milestone": null, "labels": [],
        })
    }

    /// A pull request is an issue, too.
    pub fn issue_json(&self, repo: &Repo, number: u64) -> Option<Value> {
        let pull = repo.pulls.get(&number);
        let (author, is_open) = match (pull, repo.issues.get(&number)) {
            (Some(pull), _) => (Some(pull.author), pull.is_open),
            (None, Some(issue)) => (issue.author, issue.is_open),
            (None, None) => return None,
        };
        let mut shown = json!({
            "id": number, "node_id": node_id("Issue", number), "number": number, "title": format!("Issue {number}"),
            "state": if is_open { "open" } else { "closed" }, "locked": repo.locked.contains(&number), "labels": [],
            "user": author.map_or(Value::Null, |author| self.user_json(author)), "author_association": "NONE",
            "created_at": self.now.to_string(), "updated_at": self.now.to_string(), "closed_at": null,
        });
        if pull.is_some() {
            shown["pull_request"] = json!({});
        }
        Some(shown)
    }

    pub fn review_json(&self, number: u64, review: &Review) -> Value {
        let mut shown = json!({
            "id": review.id, "node_id": node_id("PullRequestReview", review.id), "user": self.user_json(review.author),
            "body": review.body, "state": review.state, "commit_id": review.commit, "author_association": "NONE",
            "html_url": format!("https://example.com/pull/{number}#pullrequestreview-{}", review.id),
        });
        // A review that was not sent yet has no time.
        if review.state != "PENDING" {
            shown["submitted_at"] = json!(review.at.to_string());
        }
        shown
    }

    pub fn comment_json(&self, repo: &Repo, comment: &Comment) -> Value {
        let updated = comment.edited.map_or(comment.at, |(at, _)| at);
        json!({
            "id": comment.id, "node_id": node_id("IssueComment", comment.id), "user": self.user_json(comment.author), "body": comment.body,
            "created_at": comment.at.to_string(), "updated_at": updated.to_string(), "author_association": "NONE",
            "performed_via_github_app": self.optional_app(comment.app),
            "issue_url": format!("https://api.example.com/repos/{}/issues/{}", repo.full_name(), comment.issue),
            "html_url": format!("https://example.com/{}/pull/{}#issuecomment-{}", repo.full_name(), comment.issue, comment.id),
        })
    }

    pub fn reaction_json(&self, reaction: &Reaction) -> Value {
        json!({
            "id": reaction.id, "node_id": node_id("Reaction", reaction.id), "user": self.user_json(reaction.author),
            "content": reaction.content, "created_at": reaction.at.to_string(),
        })
    }

    pub fn check_run_json(&self, run: &CheckRun) -> Value {
        let is_done = run.status == "completed";
        let mut shown = json!({
            "id": run.id, "node_id": node_id("CheckRun", run.id), "name": run.name, "head_sha": run.commit, "status": run.status,
            "conclusion": run.conclusion, "started_at": run.at.to_string(), "completed_at": is_done.then(|| run.at.to_string()),
            "external_id": "", "check_suite": { "id": run.suite }, "app": self.app_json(run.app), "pull_requests": [],
            "output": { "title": null, "summary": null, "text": null, "annotations_count": 0 },
        });
        for (name, value) in run.other.as_object().into_iter().flatten() {
            match (value.as_object(), shown[name].as_object_mut()) {
                (Some(members), Some(known)) => known.extend(members.clone()),
                _ => shown[name] = value.clone(),
            }
        }
        shown
    }

    /// A suite is as far as the runs in it.
    pub fn check_suite_json(&self, repo: &Repo, suite: &CheckSuite) -> Value {
        let runs: Vec<&CheckRun> = repo.check_runs.iter().filter(|run| run.suite == suite.id).collect();
        let is_done = !runs.is_empty() && runs.iter().all(|run| run.status == "completed");
        let failed = runs.iter().find(|run| !matches!(run.conclusion.as_deref(), Some("success" | "neutral" | "skipped")));
        let conclusion = failed.map_or(Some("success"), |run| run.conclusion.as_deref());
        let status = if is_done {
            "completed"
        } else if runs.is_empty() {
            "queued"
        } else {
            "in_progress"
        };
        let commit = &repo.commits[&suite.commit];
        json!({
            "id": suite.id, "node_id": node_id("CheckSuite", suite.id), "head_sha": suite.commit, "head_branch": null, "status": status,
            "conclusion": if is_done { json!(conclusion) } else { Value::Null }, "app": self.app_json(suite.app), "pull_requests": [],
            "latest_check_runs_count": runs.len(), "repository": self.repo_json(repo),
            "head_commit": { "id": suite.commit, "tree_id": commit.tree, "message": commit.message, "author": null, "committer": null },
        })
    }

    pub fn status_json(&self, status: &Status) -> Value {
        json!({
            "id": status.id, "node_id": node_id("StatusContext", status.id), "state": status.state, "context": status.context,
            "description": status.description, "target_url": status.target_url, "creator": self.user_json(status.author),
            "created_at": status.at.to_string(), "updated_at": status.at.to_string(),
            "url": format!("https://api.example.com/statuses/{}", status.commit),
        })
    }

    pub fn commit_json(&self, repo: &Repo, oid: &str) -> Value {
        let commit = &repo.commits[oid];
        let author = commit.author.map_or(Value::Null, |id| self.user_json(id));
        let person = json!({ "name": "somebody", "email": "somebody@example.com", "date": "2026-01-01T00:00:00Z" });
        let parents: Vec<Value> = commit.parents.iter().map(|parent| json!({ "sha": parent })).collect();
        json!({
            "sha": oid, "node_id": node_id("Commit", repo.id), "author": author, "committer": author, "parents": parents,
            "commit": { "message": commit.message, "tree": { "sha": commit.tree }, "author": person, "committer": person },
        })
    }

    pub fn deployment_json(&self, deployment: &Deployment) -> Value {
        let asked = |name: &str, default: Value| deployment.asked.get(name).cloned().unwrap_or(default);
        json!({
            "id": deployment.id, "node_id": node_id("Deployment", deployment.id), "sha": deployment.commit, "ref": deployment.asked["ref"],
            "task": asked("task", json!("deploy")), "environment": asked("environment", json!("production")),
            "original_environment": asked("environment", json!("production")), "payload": asked("payload", json!({})),
            "description": asked("description", Value::Null), "creator": self.user_json(deployment.author),
            "transient_environment": asked("transient_environment", json!(false)),
            "production_environment": asked("production_environment", json!(false)),
            "performed_via_github_app": self.optional_app(deployment.app),
            "created_at": deployment.at.to_string(), "updated_at": deployment.at.to_string(),
        })
    }

    pub fn deployment_status_json(&self, (id, author, asked, at): &(u64, u64, Value, Timestamp)) -> Value {
        let text = |name: &str| asked.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut shown = json!({
            "id": id, "node_id": node_id("DeploymentStatus", *id), "state": text("state"), "description": text("description"),
            "creator": self.user_json(*author), "target_url": text("target_url"), "created_at": at.to_string(), "updated_at": at.to_string(),
        });
        for name in ["environment", "environment_url", "log_url"] {
            shown.as_object_mut().unwrap().extend(asked.get(name).map(|value| (name.to_owned(), value.clone())));
        }
        shown
    }

    pub fn installation_json(&self, installation: &Installation) -> Value {
        let account = self.user_named(&installation.account).expect("the account exists");
        json!({
            "id": installation.id, "account": self.user_json(account.id), "app_id": installation.app,
            "app_slug": self.app(installation.app).slug, "target_id": account.id, "target_type": account.kind,
            "permissions": installation.permissions, "events": [],
            "repository_selection": if installation.repos.is_some() { "selected" } else { "all" },
            "suspended_at": installation.is_suspended.then(|| self.now.to_string()),
        })
    }
}

pub fn ruleset_json(repo: &Repo, ruleset: &Ruleset, is_whole: bool, shows_bypass: bool) -> Value {
    let mut shown = json!({
        "id": ruleset.id, "node_id": node_id("RepositoryRuleset", ruleset.id), "name": ruleset.name, "target": ruleset.target,
        "source_type": "Repository", "source": repo.full_name(), "enforcement": ruleset.enforcement,
    });
    if is_whole {
        shown["conditions"] = json!({ "ref_name": { "include": ruleset.include, "exclude": ruleset.exclude } });
        shown["rules"] = ruleset.rules.iter().map(|rule| rule_json(rule)).collect();
        shown["current_user_can_bypass"] = json!("never");
    }
    if is_whole && shows_bypass {
        shown["bypass_actors"] = json!(ruleset.bypass);
    }
    shown
}

pub fn environment_json(environment: &Environment) -> Value {
    let mut rules = Vec::new();
    if environment.has_reviewers {
        rules.push(json!({ "id": 1, "node_id": "R", "type": "required_reviewers", "prevent_self_review": true, "reviewers": [] }));
    }
    let policy = environment.policies.as_ref().map(|_| {
        rules.push(json!({ "id": 2, "node_id": "R", "type": "branch_policy" }));
        json!({ "protected_branches": false, "custom_branch_policies": true })
    });
    json!({
        "id": environment.id, "node_id": node_id("Environment", environment.id), "name": environment.name,
        "protection_rules": rules, "deployment_branch_policy": policy,
    })
}

/// A rule for pull requests asks for two approvals.
pub fn rule_json(rule: &str) -> Value {
    let mut shown = json!({ "type": rule });
    if rule == "pull_request" {
        shown["parameters"] = json!({
            "required_approving_review_count": 2, "dismiss_stale_reviews_on_push": false, "require_code_owner_review": false,
            "require_last_push_approval": false, "required_review_thread_resolution": false,
        });
    }
    shown
}

pub fn ref_json(name: &str, (object, kind): &(String, &'static str)) -> Value {
    json!({ "ref": name, "node_id": node_id("Ref", 0), "object": { "type": kind, "sha": object } })
}

/// Opaque, as GitHub's.
pub fn node_id(kind: &str, id: u64) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(format!("{kind}:{id}"))
}

/// `[` and `]` stand in the login of a bot and not in a URL.
fn encoded(login: &str) -> String {
    login.replace('[', "%5B").replace(']', "%5D")
}
