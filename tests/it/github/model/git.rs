//! git beside the API, of one repository that stands on disk: git's own server with GitHub's credentials and rules, and what of
//! that repository the API shows. The repository is the truth; [`follow`] reads it before each request.
//! <https://docs.github.com/en/get-started/git-basics/about-remote-repositories>
//!
//! Deliberately absent: `refs/pull/N/merge`, and the judgements of rules (rule suites), which a test tells.

use super::{
    access,
    fault::refusal,
    state::{self, Repo, State, Token},
};
use crate::{
    common::git_http::{self, Asked},
    github::contract::{Answer, Request},
};
use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};

const HOOKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/github/model/hooks");

/// The user that a token is the password of.
const USER: &str = "x-access-token";

/// `OWNER`, `NAME` and the rest of a path to a repository; `None`: the path is one of the API.
fn place(target: &str) -> Option<(&str, &str, &str)> {
    let (owner, rest) = target.strip_prefix('/')?.split_once('/')?;
    let (name, rest) = rest.split_once('/')?;
    Some((owner, name.strip_suffix(".git")?, rest))
}

pub fn is_git(request: &Request) -> bool {
    place(&request.target).is_some()
}

/// One request of git's protocol. The state is not held while git's server runs.
pub fn answer(state: &Arc<Mutex<State>>, request: &Request) -> Answer {
    let way = way(&mut state.lock().unwrap(), request);
    let (folder, target, rules) = match way {
        Ok(way) => way,
        Err(answer) => return answer,
    };
    let header = |name: &str| request.headers.get(name).cloned();
    let asked = Asked { method: &request.method, target: &target, header: &header, body: &request.body };
    // What a pull request holds can be read by everybody who reads the repository, and pushed by nobody.
    let settings = [format!("core.hooksPath={HOOKS}"), "receive.hideRefs=refs/pull".to_owned()];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let (status, headers, body) = git_http::backend(&folder, &asked, &settings, &[("RULES", &rules)]);
    state.lock().unwrap().repos.iter_mut().for_each(keep_up);
    let headers = headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    Answer { status, headers, body }
}

/// Where the repository is, what of it is asked, and the rules for who asks.
fn way(state: &mut State, request: &Request) -> Result<(PathBuf, String, String), Answer> {
    state.git_log.push(request.clone());
    state.repos.iter_mut().for_each(keep_up);
    let not_found = || refusal(404, "Repository not found.");
    let (owner, name, rest) = place(&request.target).ok_or_else(not_found)?;
    let token = token(state, request)?;
    // Nobody is told what is there before saying who they are.
    let hidden = || if token.is_none() { unauthorized() } else { not_found() };
    let repo = state.repo_named(owner, name).filter(|repo| access::sees(state, token.as_ref(), repo.id)).ok_or_else(hidden)?;
    let folder = repo.folder.as_ref().ok_or_else(hidden)?;
    let is_write = rest.contains("git-receive-pack");
    let may_push = |token: &Token| {
        let role = repo.roles.get(&token.user).map(String::as_str);
        token.installation.is_some() || matches!(role, Some("write" | "maintain" | "admin"))
    };
    let denied = |message: &str| refusal(403, message);
    match &token {
        None if is_write => return Err(unauthorized()),
        _ if is_write && repo.is_archived => return Err(denied("This repository was archived so it is read-only.")),
        Some(token) if is_write && !may_push(token) => return Err(denied("Permission to push was denied.")),
        Some(_) => {
            let needed = if is_write { "contents=write" } else { "contents=read" };
            if repo.is_private || is_write {
                access::allowed(token.as_ref(), needed, is_write).map_err(|_| denied("Access to repository not granted."))?;
            }
        }
        None => {}
    }
    let app = token.and_then(|token| token.app);
    let rulesets = repo.rulesets.iter().filter(|ruleset| ruleset.binds(app));
    let patterns = |patterns: &[String]| patterns.iter().map(|pattern| state::as_regex(pattern)).collect::<Vec<_>>().join("|");
    let lines = rulesets.flat_map(|ruleset| {
        let of = format!("{} ({}) ({})", ruleset.prefix(), patterns(&ruleset.include), patterns(&ruleset.exclude));
        ruleset.rules.iter().map(move |rule| format!("{rule} {of}"))
    });
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let above = folder.parent().unwrap_or(folder).to_owned();
    Ok((above, format!("/{name}/{rest}"), lines.collect::<Vec<_>>().join("\n")))
}

/// The token that is the password; `None`: there is no password.
fn token(state: &State, request: &Request) -> Result<Option<Token>, Answer> {
    let Some(header) = request.headers.get("authorization") else { return Ok(None) };
    let (user, password) = git_http::credentials(header).ok_or_else(unauthorized)?;
    let token = state.tokens.get(&password).filter(|token| user == USER && token.expires.is_none_or(|at| at > state.now));
    token.cloned().map(Some).ok_or_else(unauthorized)
}

fn unauthorized() -> Answer {
    let mut answer = refusal(401, "Invalid username or token. Password authentication is not supported for Git operations.");
    answer.headers.insert("www-authenticate".to_owned(), "Basic realm=\"GitHub\"".to_owned());
    answer
}

// ---- the repository on disk --------------------------------------------------------------------------------------------

/// git in a folder; its output. A test that asks for what cannot be has made a mistake.
pub fn run(folder: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(args).current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "GitHub").env(format!("GIT_{role}_EMAIL"), "noreply@example.com");
        command.env(format!("GIT_{role}_DATE"), "1795000000 +0000");
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// [`follow`], where a ref changed since the last time: most requests find everything as it was.
pub fn keep_up(repo: &mut Repo) {
    let now = repo.folder.as_deref().map(refs_on_disk);
    if now != repo.followed {
        follow(repo);
    }
}

/// Everything that holds refs, and when it was written: a ref that moves is a new file, in each format that git has for them.
fn refs_on_disk(folder: &Path) -> Vec<(PathBuf, u64, i64, i64)> {
    use std::os::unix::fs::MetadataExt;
    let mut open = ["refs", "packed-refs", "reftable"].map(|name| folder.join(name)).to_vec();
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        let Ok(meta) = std::fs::metadata(&path) else { continue };
        if meta.is_dir() {
            open.extend(std::fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        }
        found.push((path, meta.ino(), meta.mtime(), meta.mtime_nsec()));
    }
    found.sort();
    found
}

/// Takes in what the repository holds now. Commits that nothing leads to any more are still there, as GitHub keeps them.
pub fn follow(repo: &mut Repo) {
    let Some(folder) = repo.folder.clone() else { return };
    heads(repo, &folder);
    let refs = run(&folder, &["for-each-ref", "--format=%(refname) %(objectname) %(objecttype)"]);
    let refs = refs.lines().filter_map(|line| {
        let [name, object, kind] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
        Some((name.to_owned(), (object.to_owned(), if kind == "tag" { "tag" } else { "commit" })))
    });
    repo.refs = refs.collect();
    for line in run(&folder, &["log", "--all", "--format=%H|%P|%T|%s"]).lines() {
        let [oid, parents, tree, message] = line.splitn(4, '|').collect::<Vec<_>>().try_into().unwrap();
        let commit = repo.commits.entry(oid.to_owned()).or_default();
        commit.parents = parents.split_whitespace().map(str::to_owned).collect();
        (commit.tree, commit.message) = (tree.to_owned(), message.to_owned());
    }
    repo.followed = Some(refs_on_disk(&folder));
}

/// A pull request that is open has what its branch has.
fn heads(repo: &mut Repo, folder: &Path) {
    let branches = run(folder, &["for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads"]);
    let name = repo.full_name();
    let tip = |branch: &str| branches.lines().filter_map(|line| line.split_once(' ')).find(|(found, _)| *found == branch);
    for (number, pull) in repo.pulls.iter_mut().filter(|(_, pull)| pull.is_open && pull.head_repo.as_ref() == Some(&name)) {
        let (Some((_, head)), Some((_, base))) = (tip(&pull.head_branch), tip(&pull.base)) else { continue };
        (pull.head, pull.base_oid) = (head.to_owned(), base.to_owned());
        let commits = run(folder, &["rev-list", "--reverse", &format!("{base}..{head}")]);
        pull.commits = commits.lines().map(str::to_owned).collect();
        run(folder, &["update-ref", &format!("refs/pull/{number}/head"), head]);
    }
}

/// How GitHub merges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Merge,
    Squash,
    Rebase,
}

/// Merges a commit into a branch; the commits that this made on its first-parent line, newest first.
pub fn merge(folder: &Path, branch: &str, number: u64, head: &str, way: Way) -> Vec<String> {
    let place = tempfile::Builder::new().prefix("tw-test-merge-").tempdir().unwrap();
    let place = place.path();
    run(place, &["clone", "--quiet", "--shared", "--branch", branch, &folder.display().to_string(), "."]);
    let git = |args: &[&str]| run(place, args);
    let before = git(&["rev-parse", "HEAD"]);
    let message = format!("Merge pull request #{number}");
    git(&["fetch", "--quiet", "origin", &format!("refs/pull/{number}/head")]);
    match way {
        Way::Merge => drop(git(&["merge", "--quiet", "--no-ff", "--message", &message, head])),
        Way::Squash => {
            git(&["merge", "--quiet", "--squash", head]);
            git(&["commit", "--quiet", "--message", &message]);
        }
        Way::Rebase => drop(git(&["cherry-pick", &format!("{}..{head}", git(&["merge-base", "HEAD", head]))])),
    }
    git(&["push", "--quiet", "origin", &format!("HEAD:refs/heads/{branch}")]);
    git(&["rev-list", "--first-parent", &format!("{before}..HEAD")]).lines().map(str::to_owned).collect()
}
