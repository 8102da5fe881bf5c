//! The REST operations. A handler says what the state knows; [`contract::complete`] puts in the rest that GitHub promises.

use super::{
    access::{self, Caller},
    fault::refusal,
    state::{
        Comment, Deployment, Environment, Reaction, Repo, Ruleset, State, Status, Token, environment_json, node_id, ref_json, rule_json,
        ruleset_json,
    },
};
use crate::github::contract::{self, Answer, Call};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What an operation answers.
enum Done {
    One(u16, Value),
    /// A list in pages.
    Pages(Vec<Value>),
    /// A list in pages, under a name, beside how many there are and other members.
    Counted(&'static str, Vec<Value>, Value),
    Empty(u16),
}

type Handled = Result<Done, Answer>;

const DEFAULT_PER_PAGE: usize = 30;
const MOST_FILES: usize = 3000;
const MOST_COMMITS: usize = 250;
const LONGEST_BODY: usize = 65_536;

/// The address of another page.
type Link<'a> = &'a dyn Fn(Option<u64>, u64) -> String;

pub fn answer(state: &mut State, caller: &Caller, call: &Call, repo: Option<u64>, line: &str, link: Link) -> Answer {
    match handle(state, caller, call, repo, line) {
        Ok(Done::One(status, known)) => Answer::json(status, &contract::complete(call.operation, status, known)),
        Ok(Done::Pages(items)) => paged(call, items, &|page| link(repo, page), |items, _| Value::Array(items)),
        Ok(Done::Counted(name, items, mut whole)) => paged(call, items, &|page| link(repo, page), |items, total| {
            whole["total_count"] = json!(total);
            whole[name] = Value::Array(items);
            whole
        }),
        Ok(Done::Empty(status)) => Answer::empty(status),
        Err(refused) => refused,
    }
}

fn paged(call: &Call, items: Vec<Value>, link: &dyn Fn(u64) -> String, shape: impl FnOnce(Vec<Value>, usize) -> Value) -> Answer {
    let number = |name: &str, default: usize| call.query.get(name).and_then(|text| text.parse().ok()).unwrap_or(default).max(1);
    let (size, page, total) = (number("per_page", DEFAULT_PER_PAGE).min(100), number("page", 1), items.len());
    let last = total.div_ceil(size).max(1);
    let shown = items.into_iter().skip((page - 1) * size).take(size).collect();
    let mut answer = Answer::json(200, &contract::complete(call.operation, 200, shape(shown, total)));
    let mut links = Vec::new();
    if page > 1 {
        links.extend([("prev", (page - 1).min(last)), ("first", 1)]);
    }
    if page < last {
        links.extend([("next", page + 1), ("last", last)]);
    }
    let links: Vec<String> = links.into_iter().map(|(rel, page)| format!("<{}>; rel=\"{rel}\"", link(page as u64))).collect();
    if !links.is_empty() {
        answer.headers.insert("link".to_owned(), links.join(", "));
    }
    answer
}

fn not_found() -> Answer {
    refusal(404, "Not Found")
}

fn unprocessable(message: &str) -> Answer {
    refusal(422, message)
}

fn handle(state: &mut State, caller: &Caller, call: &Call, repo: Option<u64>, line: &str) -> Handled {
    let path = |name: &str| call.path.get(name).map(String::as_str).unwrap_or_default();
    let number = |name: &str| path(name).parse::<u64>().unwrap_or_default();
    if let Some(done) = accounts(state, caller, call) {
        return done;
    }
    let Some(id) = repo else { return Err(not_found()) };
    match call.operation.split_once("/repos/{owner}/{repo}").unwrap_or_default() {
        ("GET ", "/commits/{ref}/statuses" | "/commits/{ref}/status") => statuses(state, id, path("ref"), call),
        ("GET ", "/commits/{ref}/check-runs" | "/commits/{ref}/check-suites") => checks(state, id, path("ref"), call),
        ("GET ", rest) if rest.starts_with("/pulls/") => pulls(state, caller, id, number("pull_number"), rest),
        ("PUT " | "POST ", rest) if is_setting(rest) => set(state, id, path("environment_name"), rest, &call.body),
        ("POST ", "/rulesets") => create_ruleset(state, id, &call.body),
        ("POST ", "/git/refs") => create_ref(state, caller, id, &call.body),
        ("PATCH " | "DELETE ", "/git/refs/{ref}") => change_ref(state, caller, id, &format!("refs/{}", path("ref")), call),
        (method, rest) if rest.contains("/reactions") => reactions(state, caller, id, method.trim(), call),
        (method, rest) if rest.starts_with("/issues/") => comments(state, caller, id, method.trim(), call),
        (method, rest) if rest.starts_with("/check-runs") => {
            write_check_run(state, caller, id, method.trim(), number("check_run_id"), &call.body)
        }
        (method, rest) if rest.starts_with("/deployments") => deployments(state, caller, id, method.trim(), call, line),
        ("POST ", "/statuses/{sha}") => write_status(state, caller, id, path("sha"), &call.body),
        ("GET ", rest) => read(state, caller, id, call, rest),
        _ => unanswered(state, line),
    }
}

fn unanswered(state: &mut State, line: &str) -> Handled {
    state.violations.push(format!("{line}: the model does not answer this"));
    Err(refusal(404, "Not Found"))
}

// ---- accounts, teams, Apps --------------------------------------------------------------------------------------------

fn accounts(state: &mut State, caller: &Caller, call: &Call) -> Option<Handled> {
    let path = |name: &str| call.path.get(name).map(String::as_str).unwrap_or_default();
    let team = || state.teams.iter().find(|team| team.organization.eq_ignore_ascii_case(path("org")) && team.slug == path("team_slug"));
    let one = |found: Option<Value>| found.map(|known| Done::One(200, known)).ok_or_else(not_found);
    Some(match call.operation {
        "GET /user/{account_id}" => {
            let found = state.users.iter().find(|user| user.id.to_string() == path("account_id") && !user.is_deleted);
            one(found.map(|user| whole_user(state, user.id)))
        }
        "GET /users/{username}" => one(state.user_named(path("username")).map(|user| whole_user(state, user.id))),
        "GET /orgs/{org}/teams/{team_slug}" => one(team().map(|team| {
            let organization = state.user_named(&team.organization).map_or(Value::Null, |user| state.user_json(user.id));
            json!({
                "id": team.id, "node_id": node_id("Team", team.id), "name": team.slug, "slug": team.slug, "privacy": "closed",
                "permission": "pull", "members_count": team.members.len(), "repos_count": 0,
                "organization": organization, "type": "organization",
            })
        })),
        "GET /orgs/{org}/teams/{team_slug}/members" => {
            let role = call.query.get("role").map_or("all", String::as_str);
            team().ok_or_else(not_found).map(|team| {
                let wanted = team.members.iter().filter(|(_, known)| role == "all" || role == **known);
                Done::Pages(wanted.map(|(id, _)| state.user_json(*id)).collect())
            })
        }
        "GET /orgs/{org}/teams/{team_slug}/memberships/{username}" => {
            let user = state.user_named(path("username"));
            let found = team().zip(user).and_then(|(team, user)| {
                let active = team.members.get(&user.id).map(|role| (*role, "active"));
                active.or_else(|| team.pending.contains(&user.id).then_some(("member", "pending")))
            });
            one(found.map(|(role, known)| json!({ "role": role, "state": known })))
        }
        "GET /rate_limit" => {
            let remaining = caller.token.as_ref().map_or(60, |token| state.tokens[token].remaining);
            let used = access::LIMIT.saturating_sub(remaining);
            let rate = json!({ "limit": access::LIMIT, "remaining": remaining, "used": used, "reset": state.now.as_second() });
            Ok(Done::One(200, json!({ "rate": rate, "resources": { "core": rate, "graphql": rate } })))
        }
        "GET /app" => one(caller.app.map(|id| state.app_json(id))),
        "GET /repos/{owner}/{repo}/installation" => {
            let repo = state.repo_named(path("owner"), path("repo"));
            let own = || state.installations.iter().filter(|found| Some(found.app) == caller.app);
            let found = repo.and_then(|repo| own().find(|found| reaches(found.repos.as_ref(), &found.account, repo)));
            one(found.map(|found| state.installation_json(found)))
        }
        "POST /app/installations/{installation_id}/access_tokens" => installation_token(state, caller, path("installation_id"), &call.body),
        "GET /installation/repositories" => {
            let installation = state.installations.iter().find(|found| Some(found.id) == caller.installation)?;
            let token = &state.tokens[caller.token.as_ref()?];
            let is_in_reach = |repo: &&Repo| reaches(token.repos.as_ref().or(installation.repos.as_ref()), &installation.account, repo);
            let repos = state.repos.iter().filter(is_in_reach).map(|repo| state.repo_json(repo)).collect();
            Ok(Done::Counted("repositories", repos, json!({})))
        }
        _ => return None,
    })
}

fn whole_user(state: &State, id: u64) -> Value {
    let mut shown = state.user_json(id);
    shown["user_view_type"] = json!("public");
    shown
}

fn reaches(repos: Option<&BTreeSet<u64>>, account: &str, repo: &Repo) -> bool {
    repo.owner.eq_ignore_ascii_case(account) && repos.is_none_or(|repos| repos.contains(&repo.id))
}

fn installation_token(state: &mut State, caller: &Caller, id: &str, body: &Value) -> Handled {
    let found = state.installations.iter().find(|found| found.id.to_string() == id && Some(found.app) == caller.app);
    let installation = found.ok_or_else(not_found)?.clone();
    if installation.is_suspended {
        return Err(refusal(403, "This installation has been suspended"));
    }
    let names = body["repositories"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let named = names.map(|name| state.repo_named(&installation.account, name).map(|repo| repo.id));
    let wanted: Vec<Option<u64>> = named.chain(body["repository_ids"].as_array().into_iter().flatten().map(Value::as_u64)).collect();
    let is_in_reach = |id: &Option<u64>| {
        state.repos.iter().any(|repo| Some(repo.id) == *id && reaches(installation.repos.as_ref(), &installation.account, repo))
    };
    if !wanted.iter().all(is_in_reach) {
        return Err(unprocessable("There is at least one repository that does not exist or is not accessible to the parent installation."));
    }
    let permissions = match body["permissions"].as_object() {
        None => installation.permissions.clone(),
        Some(asked) => asked.iter().map(|(name, level)| (name.clone(), level.as_str().unwrap_or_default().to_owned())).collect(),
    };
    let parent = Token {
        user: state.app(installation.app).bot,
        app: Some(installation.app),
        installation: Some(installation.id),
        repos: installation.repos.clone(),
        permissions: Some(installation.permissions.clone()),
        expires: None,
        remaining: access::LIMIT,
    };
    if !permissions.iter().all(|(name, level)| access::allowed(Some(&parent), &format!("{name}={level}"), false).is_ok()) {
        return Err(unprocessable("The permissions requested are not granted to this installation."));
    }
    let expires = state.now.checked_add(SignedDuration::from_hours(1)).unwrap();
    let repos: Option<BTreeSet<u64>> = if wanted.is_empty() { installation.repos } else { Some(wanted.into_iter().flatten().collect()) };
    let secret = format!("ghs_{:036}", state.id());
    let mut shown = json!({
        "token": secret, "expires_at": expires.to_string(), "permissions": permissions,
        "repository_selection": if repos.is_some() { "selected" } else { "all" },
    });
    if let Some(ids) = &repos {
        shown["repositories"] = state.repos.iter().filter(|repo| ids.contains(&repo.id)).map(|repo| state.repo_json(repo)).collect();
    }
    state.tokens.insert(secret, Token { repos, permissions: Some(permissions), expires: Some(expires), ..parent });
    Ok(Done::One(201, shown))
}

// ---- reading a repository ---------------------------------------------------------------------------------------------

fn find(state: &State, id: u64) -> &Repo {
    state.repos.iter().find(|repo| repo.id == id).expect("the repository was found before")
}

fn pulls(state: &State, caller: &Caller, id: u64, number: u64, rest: &str) -> Handled {
    let repo = find(state, id);
    let pull = repo.pulls.get(&number).ok_or_else(not_found)?;
    Ok(match rest {
        "/pulls/{pull_number}/reviews" => {
            // What somebody has not sent yet, nobody else sees.
            let shown = pull.reviews.iter().filter(|review| review.state != "PENDING" || Some(review.author) == caller.user);
            Done::Pages(shown.map(|review| state.review_json(number, review)).collect())
        }
        "/pulls/{pull_number}/files" => {
            let file = |name: &String| json!({ "sha": pull.head, "filename": name, "status": "modified", "additions": 1, "changes": 1 });
            Done::Pages(pull.files.iter().take(MOST_FILES).map(file).collect())
        }
        "/pulls/{pull_number}/commits" => {
            Done::Pages(pull.commits.iter().take(MOST_COMMITS).map(|oid| state.commit_json(repo, oid)).collect())
        }
        _ => Done::One(200, state.pull_json(repo, number)),
    })
}

fn read(state: &mut State, caller: &Caller, id: u64, call: &Call, rest: &str) -> Handled {
    let path = |name: &str| call.path.get(name).map(String::as_str).unwrap_or_default();
    let token = caller.token.as_ref().map(|token| &state.tokens[token]);
    let sees_bypass = access::allowed(token, "administration=write", true).is_ok();
    let repo = find(state, id);
    let one = |found: Option<Value>| found.map(|known| Done::One(200, known)).ok_or_else(not_found);
    match rest {
        "" => Ok(Done::One(200, state.repo_json(repo))),
        "/collaborators/{username}/permission" => permission(state, repo, path("username")),
        "/commits/{commit_sha}/pulls" => {
            let oid = commit(repo, path("commit_sha"))?;
            let listed = &repo.commits[&oid].pulls;
            let of = repo.pulls.iter().filter(|(number, pull)| {
                let merged = pull.merged.as_ref().is_some_and(|(_, merge, _)| *merge == oid);
                listed.contains(number) || pull.head == oid || pull.commits.contains(&oid) || merged
            });
            Ok(Done::Pages(of.map(|(number, _)| state.pull_json(repo, *number)).collect()))
        }
        "/commits/{ref}" => commit(repo, path("ref")).map(|oid| Done::One(200, state.commit_json(repo, &oid))),
        "/git/ref/{ref}" => {
            let name = format!("refs/{}", path("ref"));
            one(repo.refs.get(&name).map(|found| ref_json(&name, found)))
        }
        "/git/matching-refs/{ref}" => {
            let prefix = format!("refs/{}", path("ref"));
            let found = repo.refs.iter().filter(|(name, _)| name.starts_with(&prefix));
            Ok(Done::One(200, found.map(|(name, found)| ref_json(name, found)).collect()))
        }
        "/rules/branches/{branch}" => {
            let name = format!("refs/heads/{}", path("branch"));
            let active = repo.rulesets.iter().filter(|ruleset| ruleset.is_active() && ruleset.covers(&name));
            let rules = active.flat_map(|ruleset| {
                ruleset.rules.iter().map(|rule| {
                    let mut shown = rule_json(rule);
                    shown["ruleset_id"] = json!(ruleset.id);
                    shown["ruleset_source"] = json!(repo.full_name());
                    shown["ruleset_source_type"] = json!("Repository");
                    shown
                })
            });
            Ok(Done::Pages(rules.collect()))
        }
        "/rulesets" => Ok(Done::Pages(repo.rulesets.iter().map(|ruleset| ruleset_json(repo, ruleset, false, false)).collect())),
        "/rulesets/{ruleset_id}" => {
            let found = repo.rulesets.iter().find(|ruleset| ruleset.id.to_string() == path("ruleset_id"));
            one(found.map(|ruleset| ruleset_json(repo, ruleset, true, sees_bypass)))
        }
        "/rulesets/rule-suites" => {
            let wanted = |name: &str, value: &Value| call.query.get(name).is_none_or(|wanted| wanted == "all" || value == wanted);
            let found =
                repo.rule_suites.iter().filter(|suite| wanted("ref", &suite["ref"]) && wanted("rule_suite_result", &suite["result"]));
            let short = |suite: &Value| {
                let mut short = suite.clone();
                short.as_object_mut().map(|members| members.remove("rule_evaluations"));
                short
            };
            Ok(Done::Pages(found.map(short).collect()))
        }
        "/rulesets/rule-suites/{rule_suite_id}" => {
            one(repo.rule_suites.iter().find(|suite| suite["id"].as_u64() == path("rule_suite_id").parse().ok()).cloned())
        }
        "/actions/permissions/workflow" => one(Some(json!({
            "default_workflow_permissions": repo.workflow_default, "can_approve_pull_request_reviews": repo.workflows_approve,
        }))),
        "/actions/variables/{name}" => one(repo.variables.get(path("name")).map(|value| json!({ "name": path("name"), "value": value }))),
        "/immutable-releases" => one(repo.has_immutable_releases.then(|| json!({ "enabled": true, "enforced_by_owner": false }))),
        rest if rest.starts_with("/environments/") => environments(repo, path("environment_name"), path("name"), rest),
        "/releases/tags/{tag}" => one(repo.releases.iter().find(|release| release["tag_name"] == path("tag")).cloned()),
        _ => unanswered(state, call.operation),
    }
}

fn environments(repo: &Repo, name: &str, variable: &str, rest: &str) -> Handled {
    let found = repo.environments.iter().find(|found| found.name == name).ok_or_else(not_found)?;
    if rest.ends_with("/variables/{name}") {
        let value = found.variables.get(variable).ok_or_else(not_found)?;
        return Ok(Done::One(200, json!({ "name": variable, "value": value })));
    }
    if rest.ends_with("/deployment-branch-policies") {
        let policies = found.policies.iter().flatten().zip(1..);
        let shown = policies.map(|((kind, pattern), id)| json!({ "id": id, "node_id": "P", "name": pattern, "type": kind }));
        return Ok(Done::Counted("branch_policies", shown.collect(), json!({})));
    }
    Ok(Done::One(200, environment_json(found)))
}

fn is_setting(rest: &str) -> bool {
    rest.starts_with("/environments/") || ["/actions/permissions/workflow", "/immutable-releases"].contains(&rest)
}

fn set(state: &mut State, id: u64, environment: &str, rest: &str, body: &Value) -> Handled {
    let new_id = state.id();
    let repo = state.repo(id);
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    match rest {
        "/immutable-releases" => repo.has_immutable_releases = true,
        "/actions/permissions/workflow" => {
            repo.workflow_default = if body["default_workflow_permissions"] == "read" { "read" } else { "write" };
            repo.workflows_approve = body["can_approve_pull_request_reviews"] == true;
        }
        "/environments/{environment_name}" => {
            let policies = (body["deployment_branch_policy"]["custom_branch_policies"] == true).then(Vec::new);
            let has_reviewers = body["reviewers"].as_array().is_some_and(|reviewers| !reviewers.is_empty());
            let made = Environment { id: new_id, name: environment.to_owned(), policies, has_reviewers, variables: BTreeMap::new() };
            repo.environments.retain(|known| known.name != environment);
            repo.environments.push(made.clone());
            return Ok(Done::One(200, environment_json(&made)));
        }
        _ => {
            let found = repo.environments.iter_mut().find(|found| found.name == environment).ok_or_else(not_found)?;
            if rest.ends_with("/variables") {
                found.variables.insert(text("name"), text("value"));
                return Ok(Done::One(201, json!({})));
            }
            let kind = if body["type"] == "tag" { "tag" } else { "branch" };
            found.policies.as_mut().ok_or_else(not_found)?.push((kind, text("name")));
            return Ok(Done::One(200, json!({ "id": new_id, "node_id": "P", "name": text("name"), "type": kind })));
        }
    }
    Ok(Done::Empty(204))
}

/// As it was asked for, and in force at once.
fn create_ruleset(state: &mut State, id: u64, body: &Value) -> Handled {
    let texts = |value: &Value| value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>();
    let bypass = body["bypass_actors"].as_array().cloned().unwrap_or_default();
    let is_known = |actor: &Value| actor["actor_type"] != "Integration" || state.apps.iter().any(|app| actor["actor_id"] == app.id);
    if !bypass.iter().all(is_known) {
        return Err(unprocessable("Validation Failed: Actor must be part of the ruleset source or owner organization"));
    }
    let name = body["name"].as_str().unwrap_or_default().to_owned();
    let new_id = state.id();
    let repo = state.repo(id);
    if repo.rulesets.iter().any(|known| known.name == name) {
        return Err(unprocessable("Validation Failed: Name must be unique"));
    }
    let names = &body["conditions"]["ref_name"];
    repo.rulesets.push(Ruleset {
        id: new_id,
        name,
        target: if body["target"] == "tag" { "tag" } else { "branch" },
        include: texts(&names["include"]),
        exclude: texts(&names["exclude"]),
        rules: body["rules"].as_array().into_iter().flatten().filter_map(|rule| rule["type"].as_str()).map(str::to_owned).collect(),
        enforcement: match body["enforcement"].as_str() {
            Some("active") => "active",
            Some("evaluate") => "evaluate",
            _ => "disabled",
        },
        bypass,
    });
    let repo = find(state, id);
    Ok(Done::One(201, ruleset_json(repo, &repo.rulesets[repo.rulesets.len() - 1], true, true)))
}

fn commit(repo: &Repo, name: &str) -> Result<String, Answer> {
    let found = repo.resolve(name).filter(|oid| repo.commits.contains_key(oid));
    found.ok_or_else(|| unprocessable(&format!("No commit found for SHA: {name}")))
}

/// The four permissions that were before roles; a role of one's own counts as the nearest below.
fn permission(state: &State, repo: &Repo, login: &str) -> Handled {
    let user = state.user_named(login).ok_or_else(not_found)?;
    let role = repo.roles.get(&user.id).map_or(if repo.is_private { "none" } else { "read" }, String::as_str);
    let permission = match role {
        "admin" | "write" | "read" | "none" => role,
        "maintain" => "write",
        _ => "read",
    };
    let mut shown = state.user_json(user.id);
    shown["role_name"] = json!(role);
    let has = |roles: &[&str]| roles.contains(&role);
    shown["permissions"] = json!({
        "admin": has(&["admin"]), "maintain": has(&["admin", "maintain"]), "push": has(&["admin", "maintain", "write"]),
        "triage": has(&["admin", "maintain", "write", "triage"]), "pull": role != "none",
    });
    Ok(Done::One(200, json!({ "permission": permission, "role_name": role, "user": shown })))
}

fn checks(state: &State, id: u64, name: &str, call: &Call) -> Handled {
    let repo = find(state, id);
    let oid = commit(repo, name)?;
    let wanted = |parameter: &str, value: &str| call.query.get(parameter).is_none_or(|wanted| wanted == value);
    if call.operation.ends_with("/check-suites") {
        let has_run = |suite: u64| repo.check_runs.iter().any(|run| run.suite == suite && wanted("check_name", &run.name));
        let suites = repo.check_suites.iter().filter(|suite| suite.commit == oid && wanted("app_id", &suite.app.to_string()));
        let suites = suites.filter(|suite| !call.query.contains_key("check_name") || has_run(suite.id));
        return Ok(Done::Counted("check_suites", suites.map(|suite| state.check_suite_json(repo, suite)).collect(), json!({})));
    }
    let is_latest = |at: usize| {
        let run = &repo.check_runs[at];
        !repo.check_runs[at + 1..].iter().any(|later| (&later.commit, &later.name, later.app) == (&run.commit, &run.name, run.app))
    };
    let all = call.query.get("filter").is_some_and(|filter| filter == "all");
    let runs = repo.check_runs.iter().enumerate().filter(|(at, run)| run.commit == oid && (all || is_latest(*at))).map(|(_, run)| run);
    let runs =
        runs.filter(|run| wanted("check_name", &run.name) && wanted("status", &run.status) && wanted("app_id", &run.app.to_string()));
    Ok(Done::Counted("check_runs", runs.map(|run| state.check_run_json(run)).collect(), json!({})))
}

fn statuses(state: &State, id: u64, name: &str, call: &Call) -> Handled {
    let repo = find(state, id);
    let oid = commit(repo, name)?;
    let newest_first = repo.statuses.iter().rev().filter(|status| status.commit == oid);
    if call.operation.ends_with("/statuses") {
        return Ok(Done::Pages(newest_first.map(|status| state.status_json(status)).collect()));
    }
    let mut latest: BTreeMap<&str, &Status> = BTreeMap::new();
    for status in newest_first {
        latest.entry(&status.context).or_insert(status);
    }
    let combined = combined(latest.values().map(|status| status.state.as_str()));
    let shown = latest.values().map(|status| state.status_json(status)).collect();
    Ok(Done::Counted("statuses", shown, json!({ "state": combined, "sha": oid, "repository": state.repo_json(repo) })))
}

fn combined<'a>(states: impl Iterator<Item = &'a str> + Clone) -> &'static str {
    if states.clone().any(|state| matches!(state, "error" | "failure")) {
        "failure"
    } else if states.clone().count() == 0 || states.clone().any(|state| state == "pending") {
        "pending"
    } else {
        "success"
    }
}

// ---- refs -------------------------------------------------------------------------------------------------------------

fn create_ref(state: &mut State, caller: &Caller, id: u64, body: &Value) -> Handled {
    let (name, oid) = (body["ref"].as_str().unwrap_or_default().to_owned(), body["sha"].as_str().unwrap_or_default().to_owned());
    let repo = state.repo(id);
    if !name.starts_with("refs/") || name.matches('/').count() < 2 {
        return Err(unprocessable("Reference name must start with 'refs/' and contain at least two slashes."));
    }
    if repo.refs.contains_key(&name) {
        return Err(unprocessable("Reference already exists"));
    }
    if !repo.commits.contains_key(&oid) {
        return Err(unprocessable("Object does not exist"));
    }
    ruled(repo, &name, "creation", caller)?;
    repo.set_ref(&name, &oid, "commit");
    Ok(Done::One(201, ref_json(&name, &repo.refs[&name])))
}

fn change_ref(state: &mut State, caller: &Caller, id: u64, name: &str, call: &Call) -> Handled {
    let repo = state.repo(id);
    let Some((old, _)) = repo.refs.get(name).cloned() else { return Err(unprocessable("Reference does not exist")) };
    if call.operation.starts_with("DELETE") {
        ruled(repo, name, "deletion", caller)?;
        repo.remove_ref(name);
        return Ok(Done::Empty(204));
    }
    let new = call.body["sha"].as_str().unwrap_or_default().to_owned();
    if !repo.commits.contains_key(&new) {
        return Err(unprocessable("Object does not exist"));
    }
    ruled(repo, name, "update", caller)?;
    if !repo.is_ancestor(&old, &new) {
        ruled(repo, name, "non_fast_forward", caller)?;
        if call.body["force"] != true {
            return Err(unprocessable("Update is not a fast forward"));
        }
    }
    repo.set_ref(name, &new, "commit");
    Ok(Done::One(200, ref_json(name, &repo.refs[name])))
}

fn ruled(repo: &Repo, name: &str, rule: &str, caller: &Caller) -> Result<(), Answer> {
    match repo.forbids(name, rule, caller.app) {
        Some(_) => Err(unprocessable("Repository rule violations found\n\nCannot update this protected ref.\n\n")),
        None => Ok(()),
    }
}

// ---- comments and reactions -------------------------------------------------------------------------------------------

fn comments(state: &mut State, caller: &Caller, id: u64, method: &str, call: &Call) -> Handled {
    let body = call.body["body"].as_str().unwrap_or_default().to_owned();
    if body.chars().count() > LONGEST_BODY {
        return Err(unprocessable("Body is too long (maximum is 65536 characters)"));
    }
    let number = |name: &str| call.path.get(name).and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    let user = caller.user.unwrap_or_default();
    if let Some(comment_id) = call.path.get("comment_id").map(|_| number("comment_id")) {
        let at = find(state, id).comments.iter().position(|comment| comment.id == comment_id).ok_or_else(not_found)?;
        if method == "PATCH" {
            let now = state.tick();
            state.repo(id).comments[at].body = body;
            state.repo(id).comments[at].edited = Some((now, user));
        }
        let repo = find(state, id);
        return Ok(Done::One(200, state.comment_json(repo, &repo.comments[at])));
    }
    let issue = number("issue_number");
    if call.operation.ends_with("/issues/{issue_number}") {
        let shown = state.issue_json(find(state, id), issue).ok_or_else(not_found)?;
        return Ok(Done::One(200, shown));
    }
    let repo = find(state, id);
    if !repo.pulls.contains_key(&issue) && !repo.issues.contains_key(&issue) {
        return Err(not_found());
    }
    if method == "POST" && repo.locked.contains(&issue) && !repo.roles.contains_key(&user) && caller.installation.is_none() {
        return Err(refusal(403, "Unable to create comment because issue is locked."));
    }
    if method == "POST" {
        let comment =
            Comment { id: state.id(), issue, author: user, app: caller.app, body, at: state.tick(), edited: None, reactions: Vec::new() };
        state.repo(id).comments.push(comment.clone());
        return Ok(Done::One(201, state.comment_json(find(state, id), &comment)));
    }
    let since = call.query.get("since").and_then(|text| text.parse::<Timestamp>().ok());
    let repo = find(state, id);
    let shown = repo.comments.iter().filter(|comment| comment.issue == issue);
    let shown = shown.filter(|comment| since.is_none_or(|since| comment.edited.map_or(comment.at, |(at, _)| at) >= since));
    Ok(Done::Pages(shown.map(|comment| state.comment_json(repo, comment)).collect()))
}

fn reactions(state: &mut State, caller: &Caller, id: u64, method: &str, call: &Call) -> Handled {
    let number = |name: &str| call.path.get(name).and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    let (new_id, now, user) = (state.next_id + 1, state.now, caller.user.unwrap_or_default());
    let repo = state.repo(id);
    let list = match call.path.contains_key("comment_id") {
        true => repo.comments.iter_mut().find(|comment| comment.id == number("comment_id")).map(|comment| &mut comment.reactions),
        false => repo.pulls.get_mut(&number("issue_number")).map(|pull| &mut pull.reactions),
    };
    let list = list.ok_or_else(not_found)?;
    match method {
        "GET" => {
            let wanted = call.query.get("content");
            let found: Vec<Reaction> =
                list.iter().filter(|reaction| wanted.is_none_or(|wanted| *wanted == reaction.content)).cloned().collect();
            Ok(Done::Pages(found.iter().map(|reaction| state.reaction_json(reaction)).collect()))
        }
        "DELETE" => {
            let at = list.iter().position(|reaction| reaction.id == number("reaction_id")).ok_or_else(not_found)?;
            list.remove(at);
            Ok(Done::Empty(204))
        }
        _ => {
            let content = call.body["content"].as_str().unwrap_or_default();
            let known = list.iter().find(|reaction| reaction.author == user && reaction.content == content).cloned();
            let (status, reaction) = match known {
                Some(known) => (200, known),
                None => {
                    let made = Reaction { id: new_id, author: user, content: content.to_owned(), at: now };
                    list.push(made.clone());
                    state.next_id = new_id;
                    state.tick();
                    (201, made)
                }
            };
            Ok(Done::One(status, state.reaction_json(&reaction)))
        }
    }
}

// ---- checks, statuses, deployments --------------------------------------------------------------------------------------

fn write_check_run(state: &mut State, caller: &Caller, id: u64, method: &str, run: u64, body: &Value) -> Handled {
    let Some(app) = caller.app else { return Err(refusal(403, "You must authenticate via a GitHub App.")) };
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let mut other = json!({});
    for name in ["external_id", "details_url", "output", "started_at", "completed_at"] {
        other.as_object_mut().unwrap().extend(body.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    // Where a run ended, it is completed.
    let status = text("status").or_else(|| body.get("conclusion").map(|_| "completed".to_owned()));
    if method == "POST" {
        let oid = text("head_sha").unwrap_or_default();
        if !find(state, id).commits.contains_key(&oid) {
            return Err(unprocessable(&format!("No commit found for SHA: {oid}")));
        }
        let status = status.unwrap_or_else(|| "queued".to_owned());
        let made =
            super::session::add_check_run(state, id, app, &oid, &text("name").unwrap_or_default(), &status, text("conclusion"), other);
        return Ok(Done::One(201, state.check_run_json(&made)));
    }
    let found = state.repo(id).check_runs.iter_mut().find(|found| found.id == run).ok_or_else(not_found)?;
    // An App changes its own runs only.
    if found.app != app {
        return Err(refusal(403, "Invalid app_id - check run can only be modified by the GitHub App that created it."));
    }
    found.name = text("name").unwrap_or_else(|| found.name.clone());
    found.status = status.unwrap_or_else(|| found.status.clone());
    found.conclusion = text("conclusion").or_else(|| found.conclusion.clone());
    found.other.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
    let changed = found.clone();
    Ok(Done::One(200, state.check_run_json(&changed)))
}

fn write_status(state: &mut State, caller: &Caller, id: u64, oid: &str, body: &Value) -> Handled {
    if !find(state, id).commits.contains_key(oid) {
        return Err(unprocessable(&format!("No commit found for SHA: {oid}")));
    }
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let made = Status {
        id: state.id(),
        commit: oid.to_owned(),
        author: caller.user.unwrap_or_default(),
        context: text("context").unwrap_or_else(|| "default".to_owned()),
        state: text("state").unwrap_or_default(),
        description: text("description"),
        target_url: text("target_url"),
        at: state.tick(),
    };
    state.repo(id).statuses.push(made.clone());
    Ok(Done::One(201, state.status_json(&made)))
}

fn deployments(state: &mut State, caller: &Caller, id: u64, method: &str, call: &Call, line: &str) -> Handled {
    let user = caller.user.unwrap_or_default();
    if let Some(deployment) = call.path.get("deployment_id").and_then(|text| text.parse::<u64>().ok()) {
        let at = find(state, id).deployments.iter().position(|found| found.id == deployment).ok_or_else(not_found)?;
        if method == "POST" {
            let made = (state.id(), user, call.body.clone(), state.tick());
            state.repo(id).deployments[at].statuses.push(made.clone());
            return Ok(Done::One(201, state.deployment_status_json(&made)));
        }
        let newest_first = find(state, id).deployments[at].statuses.iter().rev();
        return Ok(Done::Pages(newest_first.map(|status| state.deployment_status_json(status)).collect()));
    }
    if method == "GET" {
        let wanted = |name: &str, value: &Value| call.query.get(name).is_none_or(|wanted| value == wanted);
        let shown = find(state, id).deployments.iter().rev().map(|found| state.deployment_json(found));
        let shown = shown.filter(|shown| ["sha", "ref", "task", "environment"].iter().all(|name| wanted(name, &shown[*name])));
        return Ok(Done::Pages(shown.collect()));
    }
    if call.body["auto_merge"] != false {
        return unanswered(state, &format!("{line} with `auto_merge`"));
    }
    let name = call.body["ref"].as_str().unwrap_or_default();
    let repo = find(state, id);
    let Some(commit) = repo.resolve(name) else { return Err(unprocessable(&format!("No ref found for: {name}"))) };
    let mut latest: BTreeMap<&str, &str> = BTreeMap::new();
    for status in repo.statuses.iter().filter(|status| status.commit == commit) {
        latest.insert(&status.context, &status.state);
    }
    let required = call.body["required_contexts"].as_array();
    let is_required = |context: &str| required.is_none_or(|required| required.contains(&json!(context)));
    let missing = required.into_iter().flatten().any(|context| !latest.contains_key(context.as_str().unwrap_or_default()));
    if missing || latest.iter().any(|(context, state)| is_required(context) && *state != "success") {
        return Err(refusal(409, &format!("Conflict: Commit status checks failed for {name}.")));
    }
    let made = Deployment {
        id: state.id(),
        commit,
        author: user,
        app: caller.app,
        asked: call.body.clone(),
        at: state.tick(),
        statuses: Vec::new(),
    };
    state.repo(id).deployments.push(made.clone());
    Ok(Done::One(201, state.deployment_json(&made)))
}
