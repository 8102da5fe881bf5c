//! Who asks, and whether they may: credentials, what a token can see, the permission that each operation needs.
//! <https://docs.github.com/rest/authentication/permissions-required-for-github-apps>

use super::{
    fault::refusal,
    jwt,
    state::{Permissions, State, Token},
};
use crate::github::contract::{Answer, Call, GRAPHQL, Request};

/// Requests in an hour.
pub const LIMIT: u64 = 5000;

/// Who asks: nobody, an App by its signature, or somebody by a token.
#[derive(Default)]
pub struct Caller {
    pub token: Option<String>,
    pub user: Option<u64>,
    /// The App that the caller is, or acts for.
    pub app: Option<u64>,
    pub installation: Option<u64>,
    pub is_app_itself: bool,
}

pub fn caller(state: &State, request: &Request) -> Result<Caller, Answer> {
    let Some(header) = request.headers.get("authorization") else { return Ok(Caller::default()) };
    let bad = |message: &str| Err(refusal(401, message));
    let Some((scheme, secret)) = header.split_once(' ') else { return bad("Bad credentials") };
    if !scheme.eq_ignore_ascii_case("bearer") && !scheme.eq_ignore_ascii_case("token") {
        return bad("Bad credentials");
    }
    if secret.matches('.').count() == 2 {
        let app = jwt::issuer(secret).and_then(|id| state.apps.iter().find(|app| app.id == id));
        let Some((app, public)) = app.and_then(|app| Some((app, app.public_key.as_ref()?))) else { return bad("Integration not found") };
        return match jwt::refuse(secret, public, state.now) {
            Some(message) => bad(message),
            None => Ok(Caller { app: Some(app.id), is_app_itself: true, ..Caller::default() }),
        };
    }
    match state.tokens.get(secret) {
        Some(token) if token.expires.is_none_or(|at| at > state.now) => Ok(Caller {
            token: Some(secret.to_owned()),
            user: Some(token.user),
            app: token.app,
            installation: token.installation,
            is_app_itself: false,
        }),
        _ => bad("Bad credentials"),
    }
}

/// Takes one from what is left of the hour.
pub fn count(state: &mut State, caller: &Caller, operation: &str) -> Result<(), Answer> {
    let Some(token) = caller.token.as_ref().and_then(|token| state.tokens.get_mut(token)) else { return Ok(()) };
    if operation == "GET /rate_limit" {
        return Ok(());
    }
    if token.remaining == 0 {
        return Err(refusal(403, &format!("API rate limit exceeded for user ID {}.", token.user)));
    }
    token.remaining -= 1;
    Ok(())
}

/// The repository that is asked about, where the caller may do what is asked.
pub fn check(state: &State, caller: &Caller, call: &Call) -> Result<Option<u64>, Answer> {
    let needed = needed(call.operation);
    if let Needed::App = needed {
        return match caller.is_app_itself {
            true => Ok(call.path.get("repo").and_then(|_| named(state, call))),
            false => Err(refusal(401, "A JSON web token could not be decoded")),
        };
    }
    if caller.is_app_itself {
        return Err(refusal(403, "Resource not accessible by integration"));
    }
    let token = caller.token.as_ref().map(|token| &state.tokens[token]);
    match needed {
        Needed::Nothing => Ok(None),
        Needed::Installation if caller.installation.is_some() => Ok(None),
        Needed::Installation => Err(refusal(403, "You must authenticate with an installation access token in order to list repositories")),
        Needed::Organization(permission) => allowed(token, permission, false).map(|()| None),
        Needed::Repository(permission) => {
            let Some(id) = named(state, call).filter(|id| sees(state, token, *id)) else { return Err(refusal(404, "Not Found")) };
            let repo = state.repos.iter().find(|repo| repo.id == id).expect("it was found");
            let is_write = !call.operation.starts_with("GET ");
            // Settings are nobody's to read.
            let is_setting = ["administration", "actions_variables", "environments"].iter().any(|setting| permission.starts_with(setting));
            let free = !repo.is_private && !is_write && !is_setting;
            if !free {
                allowed(token, permission, is_write)?;
            }
            if is_write && repo.is_archived {
                return Err(refusal(403, "Repository was archived so is read-only."));
            }
            Ok(Some(id))
        }
        Needed::App => unreachable!("answered above"),
    }
}

/// Whether a token can see a repository at all.
pub fn sees(state: &State, token: Option<&Token>, id: u64) -> bool {
    let Some(repo) = state.repos.iter().find(|repo| repo.id == id) else { return false };
    let Some(token) = token else { return !repo.is_private };
    let is_in_reach = token.repos.as_ref().is_none_or(|repos| repos.contains(&id));
    // A person sees what they have a role in; an App what it is installed on.
    let is_member = token.installation.is_some() || repo.roles.contains_key(&token.user);
    !repo.is_private || (is_in_reach && is_member)
}

fn named(state: &State, call: &Call) -> Option<u64> {
    state.repo_named(call.path.get("owner")?, call.path.get("repo")?).map(|repo| repo.id)
}

/// Whether a token has one of some permissions: `issues=write; pull_requests=write`.
pub fn allowed(token: Option<&Token>, needed: &str, is_write: bool) -> Result<(), Answer> {
    let Some(token) = token else { return Err(refusal(if is_write { 401 } else { 403 }, "Requires authentication")) };
    let Some(permissions) = &token.permissions else { return Ok(()) };
    if needed.split("; ").any(|one| has(permissions, one)) {
        return Ok(());
    }
    let mut answer = refusal(403, "Resource not accessible by integration");
    answer.headers.insert("x-accepted-github-permissions".to_owned(), needed.to_owned());
    Err(answer)
}

fn has(permissions: &Permissions, needed: &str) -> bool {
    let rank = |level: &str| ["read", "write", "admin"].iter().position(|known| *known == level);
    let Some((name, level)) = needed.split_once('=') else { return false };
    // What is known of every repository comes with any permission.
    name == "metadata" || permissions.get(name).is_some_and(|given| rank(given) >= rank(level))
}

enum Needed {
    Nothing,
    App,
    Installation,
    Organization(&'static str),
    Repository(&'static str),
}

fn needed(operation: &str) -> Needed {
    let Some((method, path)) = operation.split_once(' ') else { return Needed::Nothing };
    let path = path.strip_prefix("/repos/{owner}/{repo}").map_or_else(|| path.to_owned(), |rest| format!("REPO{rest}"));
    let is_read = method == "GET";
    let either = |read, write| if is_read { read } else { write };
    let issues = either("issues=read; pull_requests=read", "issues=write; pull_requests=write");
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match &parts[..] {
        _ if operation == GRAPHQL => Needed::Nothing,
        ["app", ..] | ["REPO", "installation"] => Needed::App,
        ["installation", ..] => Needed::Installation,
        ["orgs", ..] => Needed::Organization("members=read"),
        ["REPO", "pulls", ..] => Needed::Repository("pull_requests=read"),
        // What is said below a pull request counts as either; the issue itself and reactions do not.
        ["REPO", "issues", "comments", _] | ["REPO", "issues", _, "comments"] => Needed::Repository(issues),
        ["REPO", "issues", ..] => Needed::Repository(either("issues=read", "issues=write")),
        ["REPO", "commits", _, "check-runs" | "check-suites"] | ["REPO", "check-runs", ..] => {
            Needed::Repository(either("checks=read", "checks=write"))
        }
        ["REPO", "commits", _, "status" | "statuses"] | ["REPO", "statuses", ..] => {
            Needed::Repository(either("statuses=read", "statuses=write"))
        }
        ["REPO", "commits", _, "pulls"] => Needed::Repository("pull_requests=read"),
        ["REPO", "commits" | "git" | "releases", ..] => Needed::Repository(either("contents=read", "contents=write")),
        ["REPO", "deployments", ..] => Needed::Repository(either("deployments=read", "deployments=write")),
        ["REPO", "rulesets"] if !is_read => Needed::Repository("administration=write"),
        ["REPO", "actions", "permissions", ..] | ["REPO", "immutable-releases"] => {
            Needed::Repository(either("administration=read", "administration=write"))
        }
        ["REPO", "environments", _, "variables"] => Needed::Repository("environments=write"),
        ["REPO", "actions", "variables", _] => Needed::Repository("actions_variables=read"),
        ["REPO", "environments", _, "variables", _] => Needed::Repository("environments=read"),
        ["REPO", "environments", ..] => Needed::Repository(either("actions=read", "administration=write")),
        ["REPO", "rulesets", "rule-suites", ..] => Needed::Repository("administration=read"),
        ["REPO", ..] => Needed::Repository("metadata=read"),
        _ => Needed::Nothing,
    }
}
