//! How a test makes what the model knows, as short as a person would tell it:
//! `let hub = GitHub::new(); let ann = hub.user("ann"); hub.pull(7).head(&oid).review(&ann, "APPROVED", "");`
//!
//! What is made refers to the model that made it. A name that is new is made on first use.

use super::{
    fault::{Broken, Fault, Planted, Refused},
    git::{self, Way},
    jwt::Key,
    server::Server,
    state::{
        self, CheckRun, CheckSuite, Comment, Installation, Permissions, Reaction, Repo, Review, Ruleset, State, Status, Team, Thread, Token,
    },
};
use crate::github::contract::{self, Request};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};

/// The repository that is meant where none is named; it is private.
const REPOSITORY: &str = "example/app";

pub struct GitHub {
    state: Shared,
    server: Server,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<State>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that failed while it held the state has said so itself.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for GitHub {
    fn drop(&mut self) {
        self.server.end();
        let violations = self.violations();
        if !std::thread::panicking() && !violations.is_empty() {
            panic!("\n{}\n", violations.join("\n"));
        }
    }
}

impl GitHub {
    pub fn new() -> GitHub {
        let shared = Shared(Arc::new(Mutex::new(State::new())));
        let server = Server::start(shared.0.clone());
        let hub = GitHub { state: shared, server };
        hub.repository(REPOSITORY);
        hub
    }

    /// The root of the API, without a slash at the end; GraphQL is `/graphql` below it.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    pub fn now(&self) -> Timestamp {
        self.state.lock().now
    }

    pub fn set_now(&self, now: &str) {
        self.state.lock().now = now.parse().unwrap();
    }

    /// Every request to the API until now.
    pub fn requests(&self) -> Vec<Request> {
        self.state.lock().log.clone()
    }

    /// Every request of git until now.
    pub fn git_requests(&self) -> Vec<Request> {
        self.state.lock().git_log.clone()
    }

    /// Takes out what was wrong until now, for a test that planted it.
    pub fn violations(&self) -> Vec<String> {
        let mut state = self.state.lock();
        let left: Vec<String> = state.planted.drain(..).map(|planted| format!("{}: a planted fault was never met", planted.line)).collect();
        state.violations.drain(..).chain(left).collect()
    }

    /// The n-th request from now with this line, `GET /repos/example/app/pulls/7`, is refused as GitHub says it may.
    pub fn refuse(&self, line: &str, nth: usize, refused: Refused) {
        self.plant(line, nth, Fault::Refused(refused));
    }

    /// The n-th request from now with this line is answered as no contract allows.
    pub fn break_contract(&self, line: &str, nth: usize, broken: Broken) {
        self.plant(line, nth, Fault::Broken(broken));
    }

    fn plant(&self, line: &str, nth: usize, fault: Fault) {
        self.state.lock().planted.push(Planted { line: line.to_owned(), left: nth, fault });
    }

    // ---- accounts ----

    /// A person.
    pub fn user(&self, login: &str) -> User {
        self.account(login, "User")
    }

    pub fn organization(&self, login: &str) -> User {
        self.account(login, "Organization")
    }

    fn account(&self, login: &str, kind: &'static str) -> User {
        let mut state = self.state.lock();
        let known = state.user_named(login).map(|user| user.id);
        let id = known.unwrap_or_else(|| {
            let id = state.id();
            state.users.push(state::User { id, login: login.to_owned(), kind, is_deleted: false });
            id
        });
        drop(state);
        User { id, state: self.state.clone() }
    }

    /// An App and its bot, `SLUG[bot]`, with [`Key::of_apps`].
    pub fn app(&self, slug: &str) -> App {
        let bot = self.account(&format!("{slug}[bot]"), "Bot");
        let owner = self.organization("example");
        let mut state = self.state.lock();
        let known = state.apps.iter().find(|app| app.slug == slug).map(|app| app.id);
        let id = known.unwrap_or_else(|| {
            let id = state.id();
            let key = Some(Key::of_apps().public.clone());
            let made =
                state::App { id, slug: slug.to_owned(), owner: owner.id, bot: bot.id, public_key: key, permissions: BTreeMap::new() };
            state.apps.push(made);
            id
        });
        drop(state);
        App { id, bot, state: self.state.clone() }
    }

    pub fn team(&self, organization: &str, slug: &str, members: &[(&User, &'static str)]) {
        self.organization(organization);
        let members = members.iter().map(|(user, role)| (user.id, *role)).collect();
        let mut state = self.state.lock();
        let id = state.id();
        state.teams.push(Team { id, organization: organization.to_owned(), slug: slug.to_owned(), members, pending: BTreeSet::new() });
    }

    /// Somebody who has not yet accepted.
    pub fn invite(&self, organization: &str, slug: &str, user: &User) {
        let mut state = self.state.lock();
        let team = state.teams.iter_mut().find(|team| team.organization == organization && team.slug == slug).unwrap();
        team.pending.insert(user.id);
    }

    /// Somebody is in a team no more.
    pub fn leave(&self, organization: &str, slug: &str, user: &User) {
        let mut state = self.state.lock();
        let team = state.teams.iter_mut().find(|team| team.organization == organization && team.slug == slug).unwrap();
        team.members.remove(&user.id);
    }

    /// The number of a team.
    pub fn team_id(&self, organization: &str, slug: &str) -> u64 {
        let state = self.state.lock();
        state.teams.iter().find(|team| team.organization == organization && team.slug == slug).unwrap().id
    }

    /// A token that may do all that its user may.
    pub fn token(&self, user: &User) -> String {
        self.token_of(user.id, None, None)
    }

    /// A token with some permissions, `[("contents", "read")]`.
    pub fn limited_token(&self, user: &User, permissions: &[(&str, &str)]) -> String {
        self.token_of(user.id, None, Some(permissions_of(permissions)))
    }

    /// What a workflow gets: the bot of GitHub Actions, in one repository.
    pub fn workflow_token(&self, permissions: &[(&str, &str)]) -> String {
        let actions = self.app("github-actions");
        let installation = actions.install("example", permissions);
        let secret = self.token_of(actions.bot.id, Some(actions.id), Some(permissions_of(permissions)));
        self.state.lock().tokens.get_mut(&secret).unwrap().installation = Some(installation);
        secret
    }

    /// A token of an App that is installed.
    pub fn app_token(&self, app: &App) -> String {
        let found = self.state.lock().installations.iter().find(|found| found.app == app.id).unwrap().clone();
        let secret = self.token_of(app.bot.id, Some(app.id), Some(found.permissions));
        self.state.lock().tokens.get_mut(&secret).unwrap().installation = Some(found.id);
        secret
    }

    fn token_of(&self, user: u64, app: Option<u64>, permissions: Option<Permissions>) -> String {
        let mut state = self.state.lock();
        let secret = format!("{}_{:036}", if app.is_some() { "ghs" } else { "ghp" }, state.id());
        let token = Token { user, app, installation: None, repos: None, permissions, expires: None, remaining: super::access::LIMIT };
        state.tokens.insert(secret.clone(), token);
        secret
    }

    /// How many requests a token has left in this hour.
    pub fn set_remaining(&self, token: &str, remaining: u64) {
        self.state.lock().tokens.get_mut(token).unwrap().remaining = remaining;
    }

    // ---- repositories ----

    /// `owner/name`.
    pub fn repository(&self, full_name: &str) -> Repository {
        let (owner, name) = full_name.split_once('/').unwrap();
        if self.state.lock().user_named(owner).is_none() {
            self.organization(owner);
        }
        let mut state = self.state.lock();
        let known = state.repo_named(owner, name).map(|repo| repo.id);
        let id = known.unwrap_or_else(|| {
            let id = state.id();
            state.repos.push(new_repo(id, owner, name));
            id
        });
        drop(state);
        Repository { id, state: self.state.clone() }
    }

    pub fn repo(&self) -> Repository {
        self.repository(REPOSITORY)
    }

    pub fn pull(&self, number: u64) -> Pull {
        self.repo().pull(number)
    }
}

fn permissions_of(permissions: &[(&str, &str)]) -> Permissions {
    permissions.iter().map(|(name, level)| ((*name).to_owned(), (*level).to_owned())).collect()
}

fn new_repo(id: u64, owner: &str, name: &str) -> Repo {
    Repo {
        id,
        folder: None,
        followed: None,
        owner: owner.to_owned(),
        name: name.to_owned(),
        is_private: true,
        is_archived: false,
        is_fork: false,
        default_branch: "main".to_owned(),
        roles: BTreeMap::new(),
        commits: BTreeMap::new(),
        refs: BTreeMap::new(),
        pulls: BTreeMap::new(),
        issues: BTreeMap::new(),
        locked: BTreeSet::new(),
        comments: Vec::new(),
        check_runs: Vec::new(),
        check_suites: Vec::new(),
        statuses: Vec::new(),
        deployments: Vec::new(),
        rulesets: Vec::new(),
        rule_suites: Vec::new(),
        releases: Vec::new(),
        environments: Vec::new(),
        variables: BTreeMap::new(),
        workflow_default: "read",
        workflows_approve: false,
        has_immutable_releases: false,
    }
}

#[derive(Clone)]
pub struct User {
    pub id: u64,
    state: Shared,
}

impl User {
    pub fn login(&self) -> String {
        self.state.lock().user(self.id).login.clone()
    }

    /// Somebody else can take the login afterwards.
    pub fn delete(&self) {
        self.state.lock().users.iter_mut().find(|user| user.id == self.id).unwrap().is_deleted = true;
    }
}

#[derive(Clone)]
pub struct App {
    pub id: u64,
    pub bot: User,
    state: Shared,
}

impl App {
    /// Installs it on all repositories of an account; gives the installation's number.
    pub fn install(&self, account: &str, permissions: &[(&str, &str)]) -> u64 {
        self.installed(account, None, permissions)
    }

    pub fn install_on(&self, repo: &Repository, permissions: &[(&str, &str)]) -> u64 {
        let account = self.state.lock().repo(repo.id).owner.clone();
        self.installed(&account, Some(BTreeSet::from([repo.id])), permissions)
    }

    fn installed(&self, account: &str, repos: Option<BTreeSet<u64>>, permissions: &[(&str, &str)]) -> u64 {
        let mut state = self.state.lock();
        let id = state.id();
        let permissions = permissions_of(permissions);
        state.installations.push(Installation { id, app: self.id, account: account.to_owned(), repos, permissions, is_suspended: false });
        id
    }

    pub fn uninstall(&self) {
        self.state.lock().installations.retain(|found| found.app != self.id);
    }

    pub fn suspend(&self, installation: u64) {
        self.state.lock().installations.iter_mut().find(|found| found.id == installation).unwrap().is_suspended = true;
    }
}

#[derive(Clone)]
pub struct Repository {
    pub id: u64,
    state: Shared,
}

impl Repository {
    fn with<T>(&self, change: impl FnOnce(&mut Repo) -> T) -> T {
        change(self.state.lock().repo(self.id))
    }

    /// From now on a bare repository is what is in it, and git is served beside the API as `OWNER/NAME.git`.
    pub fn on_disk(self, folder: &Path) -> Repository {
        self.with(|repo| {
            repo.folder = Some(folder.to_owned());
            git::follow(repo);
        });
        self
    }

    pub fn public(self) -> Repository {
        self.with(|repo| repo.is_private = false);
        self
    }

    pub fn archived(self) -> Repository {
        self.with(|repo| repo.is_archived = true);
        self
    }

    /// `admin`, `maintain`, `write`, `triage`, `read`, or a role of one's own.
    pub fn collaborator(self, user: &User, role: &str) -> Repository {
        self.with(|repo| repo.roles.insert(user.id, role.to_owned()));
        self
    }

    pub fn commit(self, oid: &str, parents: &[&str]) -> Repository {
        let parents = parents.iter().map(|parent| (*parent).to_owned()).collect();
        self.with(|repo| repo.commits.entry(oid.to_owned()).or_default().parents = parents);
        self
    }

    /// `refs/heads/main` or any other name, at a commit.
    pub fn reference(self, name: &str, oid: &str) -> Repository {
        self.with(|repo| {
            repo.has_commit(oid);
            repo.set_ref(name, oid, "commit");
        });
        self
    }

    /// A tag with an object of its own.
    pub fn tag_object(self, name: &str, tag: &str) -> Repository {
        self.with(|repo| repo.set_ref(&format!("refs/tags/{name}"), tag, "tag"));
        self
    }

    /// Where a ref is now.
    pub fn at(&self, name: &str) -> Option<String> {
        self.with(|repo| {
            git::follow(repo);
            repo.refs.get(name).map(|(oid, _)| oid.clone())
        })
    }

    pub fn check_run(self, app: &App, oid: &str, name: &str, status: &str, conclusion: Option<&str>) -> Repository {
        self.with(|repo| repo.has_commit(oid));
        add_check_run(&mut self.state.lock(), self.id, app.id, oid, name, status, conclusion.map(str::to_owned), json!({}));
        self
    }

    pub fn status(self, author: &User, oid: &str, context: &str, known: &str) -> Repository {
        let mut state = self.state.lock();
        let (id, at) = (state.id(), state.tick());
        let repo = state.repo(self.id);
        repo.has_commit(oid);
        let (commit, context, known) = (oid.to_owned(), context.to_owned(), known.to_owned());
        repo.statuses.push(Status { id, commit, author: author.id, context, state: known, description: None, target_url: None, at });
        drop(state);
        self
    }

    /// `target` is `branch` or `tag`; patterns are whole names of refs; Apps of `bypass` are not bound.
    pub fn ruleset(self, name: &str, target: &'static str, include: &[&str], rules: &[&str], bypass: &[&App]) -> Repository {
        let mut state = self.state.lock();
        let id = state.id();
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let bypass = bypass.iter().map(|app| state::app_bypass(app.id)).collect();
        let (name, enforcement) = (name.to_owned(), "active");
        let made = Ruleset { id, name, target, include: texts(include), exclude: Vec::new(), rules: texts(rules), enforcement, bypass };
        state.repo(self.id).rulesets.push(made);
        drop(state);
        self
    }

    /// Somebody else whom a ruleset lets past: `RepositoryRole`, `Team`, `OrganizationAdmin`, `DeployKey`.
    pub fn let_past(self, ruleset: &str, kind: &str, id: u64) -> Repository {
        let actor = json!({ "actor_id": id, "actor_type": kind, "bypass_mode": "always" });
        self.with(|repo| repo.rulesets.iter_mut().find(|found| found.name == ruleset).unwrap().bypass.push(actor));
        self
    }

    pub fn remove_ruleset(&self, ruleset: &str) {
        self.with(|repo| repo.rulesets.retain(|found| found.name != ruleset));
    }

    /// `policies`: patterns, each for a `branch` or a `tag`; nothing: every ref may be deployed.
    pub fn environment(self, name: &str, policies: Option<&[(&'static str, &str)]>) -> Repository {
        let id = self.state.lock().id();
        let policies = policies.map(|policies| policies.iter().map(|(kind, pattern)| (*kind, (*pattern).to_owned())).collect());
        let made = state::Environment { id, name: name.to_owned(), policies, has_reviewers: true, variables: BTreeMap::new() };
        self.with(|repo| {
            repo.environments.retain(|known| known.name != made.name);
            repo.environments.push(made);
        });
        self
    }

    /// The same environment for other refs.
    pub fn change_environment(self, name: &str, policies: Option<&[(&'static str, &str)]>) -> Repository {
        let policies = policies.map(|policies| policies.iter().map(|(kind, pattern)| (*kind, (*pattern).to_owned())).collect());
        self.with(|repo| repo.environments.iter_mut().find(|found| found.name == name).unwrap().policies = policies);
        self
    }

    pub fn remove_environment(&self, name: &str) {
        self.with(|repo| repo.environments.retain(|known| known.name != name));
    }

    pub fn remove_variable(&self, environment: &str, name: &str) {
        self.with(|repo| repo.environments.iter_mut().find(|found| found.name == environment).unwrap().variables.remove(name));
    }

    /// A variable of the repository, or of one of its environments.
    pub fn variable(self, environment: Option<&str>, name: &str, value: &str) -> Repository {
        self.with(|repo| {
            let of = environment.map(|environment| repo.environments.iter_mut().find(|found| found.name == environment).unwrap());
            of.map_or(&mut repo.variables, |of| &mut of.variables).insert(name.to_owned(), value.to_owned());
        });
        self
    }

    /// What a workflow's token may do where nothing is said, `read` or `write`, and whether it may approve.
    pub fn workflows(self, default: &'static str, approve: bool) -> Repository {
        self.with(|repo| (repo.workflow_default, repo.workflows_approve) = (default, approve));
        self
    }

    pub fn immutable_releases(self, has: bool) -> Repository {
        self.with(|repo| repo.has_immutable_releases = has);
        self
    }

    /// `active`, `evaluate` or `disabled`.
    pub fn enforce(self, ruleset: &str, enforcement: &'static str) -> Repository {
        self.with(|repo| repo.rulesets.iter_mut().find(|found| found.name == ruleset).unwrap().enforcement = enforcement);
        self
    }

    /// How the rules judged a push: `pass`, `fail`, `bypass`.
    pub fn rule_suite(self, actor: &User, name: &str, (before, after): (&str, &str), result: &str) -> Repository {
        let login = actor.login();
        let mut state = self.state.lock();
        let (id, at) = (state.id(), state.tick());
        let repo = state.repo(self.id);
        let suite = json!({
            "id": id, "actor_id": actor.id, "actor_name": login, "before_sha": before, "after_sha": after, "ref": name,
            "repository_id": repo.id, "repository_name": repo.name, "pushed_at": at.to_string(), "result": result,
            "rule_evaluations": [],
        });
        repo.rule_suites.push(suite);
        drop(state);
        self
    }

    pub fn release(self, author: &User, tag: &str) -> Repository {
        let mut state = self.state.lock();
        let (id, author) = (state.id(), state.user_json(author.id));
        let known =
            json!({ "id": id, "tag_name": tag, "name": tag, "author": author, "target_commitish": "main", "assets": [], "draft": false });
        let whole = contract::complete("GET /repos/{owner}/{repo}/releases/tags/{tag}", 200, known);
        state.repo(self.id).releases.push(whole);
        drop(state);
        self
    }

    /// An issue that is no pull request.
    pub fn issue(self, number: u64) -> Repository {
        self.with(|repo| repo.issues.insert(number, state::Issue { author: None, is_open: true }));
        self
    }

    pub fn issue_of(self, number: u64, author: &User) -> Repository {
        self.with(|repo| repo.issues.insert(number, state::Issue { author: Some(author.id), is_open: true }));
        self
    }

    pub fn close_issue(&self, number: u64) {
        self.with(|repo| repo.issues.get_mut(&number).unwrap().is_open = false);
    }

    /// An issue or a pull request.
    pub fn lock(&self, number: u64) {
        self.with(|repo| repo.locked.insert(number));
    }

    /// Writes a comment below an issue or a pull request; gives its number.
    pub fn comment(&self, number: u64, author: &User, body: &str) -> u64 {
        self.comment_by(number, author.id, None, body)
    }

    fn comment_by(&self, number: u64, author: u64, app: Option<u64>, body: &str) -> u64 {
        let mut state = self.state.lock();
        let (id, at) = (state.id(), state.tick());
        let made = Comment { id, issue: number, author, app, body: body.to_owned(), at, edited: None, reactions: Vec::new() };
        state.repo(self.id).comments.push(made);
        id
    }

    pub fn edit_comment(&self, comment: u64, editor: &User, body: &str) {
        let mut state = self.state.lock();
        let at = state.tick();
        let found = state.repo(self.id).comments.iter_mut().find(|found| found.id == comment).unwrap();
        (found.body, found.edited) = (body.to_owned(), Some((at, editor.id)));
    }

    /// What a workflow is told of a new comment.
    pub fn comment_event(&self, comment: u64) -> Value {
        self.event("issue-comment-created", |state, repo| {
            let comment = repo.comments.iter().find(|found| found.id == comment).unwrap();
            json!({
                "action": "created", "comment": state.comment_json(repo, comment), "issue": state.issue_json(repo, comment.issue),
                "sender": state.user_json(comment.author),
            })
        })
    }

    /// What a workflow is told of the newest commit of a pull request.
    pub fn pull_event(&self, number: u64) -> Value {
        self.event("pull-request-synchronize", |state, repo| {
            let pull = &repo.pulls[&number];
            json!({
                "action": "synchronize", "number": number, "pull_request": state.pull_json(repo, number),
                "before": pull.base_oid, "after": pull.head, "sender": state.user_json(pull.author),
            })
        })
    }

    /// What a workflow is told of the last check run, and of its suite.
    pub fn check_events(&self) -> (Value, Value) {
        let sender = |state: &State, app: u64| state.user_json(state.app(app).bot);
        let of_run = self.event("check-run-completed", |state, repo| {
            let run = repo.check_runs.last().unwrap();
            json!({ "action": "completed", "check_run": state.check_run_json(run), "sender": sender(state, run.app) })
        });
        let of_suite = self.event("check-suite-completed", |state, repo| {
            let suite = repo.check_suites.last().unwrap();
            let mut shown = state.check_suite_json(repo, suite);
            // An answer has null where nobody is known; a payload does not.
            let person = json!({ "name": "somebody", "email": "somebody@example.com" });
            shown["head_commit"]["author"] = person.clone();
            shown["head_commit"]["committer"] = person;
            json!({ "action": "completed", "check_suite": shown, "sender": sender(state, suite.app) })
        });
        (of_run, of_suite)
    }

    pub fn push_event(&self, pusher: &User, name: &str, (before, after): (&str, &str)) -> Value {
        self.event("push", |state, _| {
            let is_zero = |oid: &str| oid.bytes().all(|byte| byte == b'0');
            json!({
                "ref": name, "before": before, "after": after, "created": is_zero(before), "deleted": is_zero(after), "forced": false,
                "sender": state.user_json(pusher.id),
            })
        })
    }

    /// Held to the contract like an answer.
    fn event(&self, name: &str, known: impl FnOnce(&State, &Repo) -> Value) -> Value {
        let mut state = self.state.lock();
        let repo = state.repos.iter().find(|repo| repo.id == self.id).unwrap();
        let mut known = known(&state, repo);
        known["repository"] = state.repo_json(repo);
        let (whole, faults) = contract::payload(name, known);
        state.violations.extend(faults.into_iter().map(|fault| format!("the payload {name}: {fault}")));
        whole
    }

    /// The texts of the comments below an issue or a pull request, oldest first, as `LOGIN: TEXT`.
    pub fn comments(&self, number: u64) -> Vec<String> {
        let state = self.state.lock();
        let repo = state.repos.iter().find(|repo| repo.id == self.id).unwrap();
        let own = repo.comments.iter().filter(|comment| comment.issue == number);
        own.map(|comment| format!("{}: {}", state.user(comment.author).login, comment.body)).collect()
    }

    /// A pull request of this number: open, from a branch of this repository, by somebody named `author`, until told otherwise.
    pub fn pull(&self, number: u64) -> Pull {
        let mut state = self.state.lock();
        if !state.repo(self.id).pulls.contains_key(&number) {
            let author = state.user_named("author").map(|user| user.id).unwrap_or_else(|| {
                let id = state.id();
                state.users.push(state::User { id, login: "author".to_owned(), kind: "User", is_deleted: false });
                id
            });
            let (id, created) = (state.id(), state.tick());
            let repo = state.repo(self.id);
            let made = state::Pull {
                id,
                title: format!("Change {number}"),
                body: String::new(),
                author,
                head: format!("{number:040x}"),
                head_branch: format!("change-{number}"),
                head_repo: Some(repo.full_name()),
                base: repo.default_branch.clone(),
                base_oid: "b".repeat(40),
                is_draft: false,
                is_open: true,
                merged: None,
                mergeable: Some(true),
                created,
                commits: vec![format!("{number:040x}")],
                files: vec!["README.md".to_owned()],
                reviews: Vec::new(),
                threads: Vec::new(),
                reactions: Vec::new(),
                timeline: Vec::new(),
            };
            repo.has_commit(&made.head);
            repo.has_commit(&made.base_oid);
            repo.pulls.insert(number, made);
        }
        Pull { number, repo: self.clone() }
    }
}

/// A run, and where it is the first of its App on this commit, a suite for it.
#[allow(clippy::too_many_arguments)]
pub fn add_check_run(
    state: &mut State,
    repo: u64,
    app: u64,
    oid: &str,
    name: &str,
    status: &str,
    conclusion: Option<String>,
    other: Value,
) -> CheckRun {
    let (id, new_suite, at) = (state.id(), state.id(), state.tick());
    let repo = state.repo(repo);
    let known = repo.check_suites.iter().find(|suite| suite.app == app && suite.commit == oid).map(|suite| suite.id);
    let suite = known.unwrap_or_else(|| {
        repo.check_suites.push(CheckSuite { id: new_suite, app, commit: oid.to_owned() });
        new_suite
    });
    let (commit, name, status) = (oid.to_owned(), name.to_owned(), status.to_owned());
    let run = CheckRun { id, suite, app, commit, name, status, conclusion, at, other };
    repo.check_runs.push(run.clone());
    run
}

#[derive(Clone)]
pub struct Pull {
    pub number: u64,
    repo: Repository,
}

impl Pull {
    fn with<T>(&self, change: impl FnOnce(&mut state::Pull) -> T) -> T {
        self.repo.with(|repo| change(repo.pulls.get_mut(&self.number).unwrap()))
    }

    fn made(&self) -> (u64, Timestamp) {
        let mut state = self.repo.state.lock();
        (state.id(), state.tick())
    }

    pub fn author(self, user: &User) -> Pull {
        self.with(|pull| pull.author = user.id);
        self
    }

    /// Pushes one more commit.
    pub fn head(self, oid: &str) -> Pull {
        self.repo.with(|repo| repo.has_commit(oid));
        self.with(|pull| {
            pull.head = oid.to_owned();
            pull.commits.push(oid.to_owned());
        });
        self
    }

    /// Replaces all commits by another.
    pub fn force_push(self, actor: &User, oid: &str) -> Pull {
        let (_, at) = self.made();
        let before = self.with(|pull| std::mem::take(&mut pull.commits).pop());
        let event = json!({
            "__typename": "HeadRefForcePushedEvent", "createdAt": at.to_string(), "actor": actor.id,
            "beforeCommit": { "oid": before }, "afterCommit": { "oid": oid },
        });
        self.with(|pull| pull.timeline.push(event));
        self.head(oid)
    }

    pub fn base(self, branch: &str, oid: &str) -> Pull {
        self.repo.with(|repo| repo.has_commit(oid));
        self.with(|pull| (pull.base, pull.base_oid) = (branch.to_owned(), oid.to_owned()));
        self
    }

    /// From a branch of another repository; `None` is one that was deleted.
    pub fn of_fork(self, fork: Option<&Repository>) -> Pull {
        let name = fork.map(|fork| {
            fork.with(|repo| {
                repo.is_fork = true;
                repo.full_name()
            })
        });
        self.with(|pull| pull.head_repo = name);
        self
    }

    pub fn draft(self) -> Pull {
        self.with(|pull| pull.is_draft = true);
        self
    }

    pub fn closed(self) -> Pull {
        self.with(|pull| pull.is_open = false);
        self
    }

    /// `None`: GitHub has not found out yet.
    pub fn mergeable(self, known: Option<bool>) -> Pull {
        self.with(|pull| pull.mergeable = known);
        self
    }

    pub fn merged(self, by: &User, merge: &str) -> Pull {
        let (_, at) = self.made();
        self.repo.with(|repo| repo.has_commit(merge));
        let event = json!({ "__typename": "MergedEvent", "createdAt": at.to_string(), "actor": by.id, "commit": { "oid": merge } });
        self.with(|pull| {
            pull.is_open = false;
            pull.merged = Some((at, merge.to_owned(), by.id));
            pull.timeline.push(event);
        });
        self
    }

    /// A branch that was pushed is its head from now on, and goes on being it.
    pub fn of_branch(self, branch: &str) -> Pull {
        self.repo.with(|repo| {
            repo.pulls.get_mut(&self.number).unwrap().head_branch = branch.to_owned();
            git::follow(repo);
        });
        self
    }

    /// GitHub lists it at this commit, too.
    pub fn listed_at(self, oid: &str) -> Pull {
        self.repo.with(|repo| repo.commits.entry(oid.to_owned()).or_default().pulls.insert(self.number));
        self
    }

    /// Merges it as GitHub's button does, into a repository that is on disk; gives the merge commit.
    pub fn merge(&self, by: &User, way: Way) -> String {
        let made = self.repo.with(|repo| {
            git::follow(repo);
            let (folder, pull) = (repo.folder.clone().unwrap(), &repo.pulls[&self.number]);
            let made = git::merge(&folder, &pull.base, self.number, &pull.head, way);
            for oid in &made {
                repo.commits.entry(oid.clone()).or_default().pulls.insert(self.number);
            }
            made
        });
        self.clone().merged(by, &made[0]);
        made[0].clone()
    }

    pub fn auto_merge(self, by: &User) -> Pull {
        let (_, at) = self.made();
        self.with(|pull| {
            pull.timeline
                .push(json!({ "__typename": "AutoMergeEnabledEvent", "createdAt": at.to_string(), "enabler": by.id, "actor": by.id }))
        });
        self
    }

    pub fn files(self, count: usize) -> Pull {
        self.with(|pull| pull.files = (0..count).map(|at| format!("file-{at}.txt")).collect());
        self
    }

    /// Files beside those, after them in the list.
    pub fn touches(self, files: &[&str]) -> Pull {
        self.with(|pull| pull.files.extend(files.iter().map(|file| (*file).to_owned())));
        self
    }

    /// A review of the head as it is now: `APPROVED`, `CHANGES_REQUESTED`, `COMMENTED`, `PENDING`.
    pub fn review(self, author: &User, known: &'static str, body: &str) -> Pull {
        let (id, at) = self.made();
        self.with(|pull| {
            let commit = pull.head.clone();
            pull.reviews.push(Review { id, author: author.id, state: known, body: body.to_owned(), commit, at, edited: None });
        });
        self
    }

    /// Dismisses the last review of somebody.
    pub fn dismiss(self, actor: &User, author: &User) -> Pull {
        let (_, at) = self.made();
        self.with(|pull| {
            let review = pull.reviews.iter_mut().rfind(|review| review.author == author.id).unwrap();
            let event = json!({
                "__typename": "ReviewDismissedEvent", "createdAt": at.to_string(), "actor": actor.id, "previousReviewState": review.state,
                "review": { "databaseId": review.id },
            });
            review.state = "DISMISSED";
            pull.timeline.push(event);
        });
        self
    }

    /// Somebody changes the text of the last review.
    pub fn edit_review(self, editor: &User, body: &str) -> Pull {
        let (_, at) = self.made();
        self.with(|pull| {
            let review = pull.reviews.last_mut().unwrap();
            (review.body, review.edited) = (body.to_owned(), Some((at, editor.id)));
        });
        self
    }

    pub fn thread(self, author: &User, body: &str) -> Pull {
        let ((id, _), (first, _)) = (self.made(), self.made());
        let comments = vec![(first, author.id, body.to_owned())];
        self.with(|pull| pull.threads.push(Thread { id, is_resolved: false, is_outdated: false, resolved_by: None, comments }));
        self
    }

    /// Resolves the last thread.
    pub fn resolve(self, by: &User) -> Pull {
        self.with(|pull| {
            let thread = pull.threads.last_mut().unwrap();
            (thread.is_resolved, thread.resolved_by) = (true, Some(by.id));
        });
        self
    }

    /// Writes a comment; gives its number.
    pub fn comment(&self, author: &User, body: &str) -> u64 {
        self.repo.comment(self.number, author, body)
    }

    pub fn comment_of_app(&self, app: &App, body: &str) -> u64 {
        self.comment_through(&app.bot, app, body)
    }

    /// Through an App that need not be theirs.
    pub fn comment_through(&self, author: &User, app: &App, body: &str) -> u64 {
        self.repo.comment_by(self.number, author.id, Some(app.id), body)
    }

    pub fn edit_comment(&self, comment: u64, editor: &User, body: &str) {
        self.repo.edit_comment(comment, editor, body);
    }

    /// The numbers of the comments, oldest first.
    pub fn comment_ids(&self) -> Vec<u64> {
        let of = |comment: &&Comment| comment.issue == self.number;
        self.repo.with(|repo| repo.comments.iter().filter(of).map(|comment| comment.id).collect())
    }

    pub fn delete_comment(&self, comment: u64) {
        self.repo.with(|repo| repo.comments.retain(|found| found.id != comment));
    }

    /// The texts of the comments, oldest first, as `LOGIN: TEXT`.
    pub fn comments(&self) -> Vec<String> {
        self.repo.comments(self.number)
    }

    pub fn react(self, author: &User, content: &str) -> Pull {
        let (id, at) = self.made();
        self.with(|pull| pull.reactions.push(Reaction { id, author: author.id, content: content.to_owned(), at }));
        self
    }

    /// The reactions to a comment, as `LOGIN CONTENT`.
    pub fn reactions(&self, comment: u64) -> Vec<String> {
        let state = self.repo.state.lock();
        let repo = state.repos.iter().find(|repo| repo.id == self.repo.id).unwrap();
        let found = repo.comments.iter().find(|found| found.id == comment).unwrap();
        found.reactions.iter().map(|reaction| format!("{} {}", state.user(reaction.author).login, reaction.content)).collect()
    }
}
