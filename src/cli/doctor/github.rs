//! `doctor --github`: the settings of the repository that a protocol rests on, and the workflows in the work tree.
//!
//! What GitHub does not show is told as not known and never passes. Who administers the repository sees the rulesets whole, and only
//! the App sees how it is installed: with both credentials in the environment one run sees everything.
//!
//! Limits: workflows are read as [`workflows`] says. Deliberately absent: every write to GitHub, and secrets, which nobody is shown.

use super::{advice, failed, passed};
use crate::{
    cli::{args, gather, gather::Place},
    domain::{Finding, Outcome, Result},
    gate::{Protocol, Unavailable},
    lockdown::urls::Origin,
    release::rulesets::{self, Barred, Kept, Ruleset},
    report::shape::Check,
    text::{workflows, yaml},
    tree::Tree,
    world::{
        documents,
        github::{self, Answer, Environment, Failure, FailureKind, GitHub, Installed, Level, Needed, Purpose, Refs},
        trees::WorkTree,
    },
};

/// A check, and the findings that tell of it where it is more than one thing.
pub type Looked = (Check, Vec<Finding>);

const FOLDER: &str = ".github/workflows";

pub async fn look(place: &Place, args: &args::Doctor) -> Result<Vec<Looked>> {
    let mut all = vec![workflow_files(place)?];
    let (settings, app) = match clients(place).await {
        Ok(clients) => clients,
        Err(unavailable) => {
            all.insert(0, one(unknown("github", unavailable.detail.as_deref().unwrap_or(unavailable.why.as_str()), SHOWN)));
            return Ok(all);
        }
    };
    let asked = match settings.default_branch().await {
        Ok(branch) => branch,
        Err(failure) => {
            all.insert(0, one(unread("github", failure)));
            return Ok(all);
        }
    };
    let installed = match &app {
        Some(app) => Some(app.installed().await),
        None => None,
    };
    let own = match &installed {
        Some(Ok(Some(installed))) => Some(installed.app_id),
        _ => None,
    };
    let number = args.app.or(own);
    let mut found = vec![one(passed("github", format!("{} answers", settings.repository())))];
    if let Some(protocol) = &place.drafted {
        found.extend(rules(protocol, settings.rulesets().await, number));
    }
    found.push(one(app_installed(installed, args.app)));
    found.push(one(environment(&args.environment, &asked, settings.environment(&args.environment).await)));
    found.push(one(genesis(place, &args.environment, &settings).await));
    found.push(one(advice(
        "secrets",
        format!("whether the environment `{}` has its secrets is not known: GitHub shows them to nobody", args.environment),
    )));
    found.extend(workflow_token(settings.workflow_token().await).into_iter().map(one));
    if let Some(protocol) = &place.drafted {
        found.push(one(channel_releases(protocol, &settings).await));
    }
    found.push(one(immutable(settings.has_immutable_releases().await)));
    found.append(&mut all);
    Ok(found)
}

fn one(check: Check) -> Looked {
    (check, Vec::new())
}

/// What is not known. It does not pass.
fn unknown(name: &str, why: &str, help: &str) -> Check {
    Check { outcome: Outcome::Inconclusive, code: "github/unknown", ..failed(name, &format!("not known: {why}"), help) }
}

fn wrong(code: &'static str, name: &str, detail: &str, help: &str) -> Check {
    Check { code, ..failed(name, detail, help) }
}

/// Who can see all settings.
const SHOWN: &str =
    "run it as an administrator of the repository, with GH_TOKEN set: `GH_TOKEN=$(gh auth token) tagwarden doctor --github`";

fn unread(name: &str, failure: Failure) -> Check {
    unknown(name, &failure.words, SHOWN)
}

/// Who reads the settings, and the App itself. A token is asked before an App, which is shown less.
async fn clients(place: &Place) -> std::result::Result<(GitHub, Option<GitHub>), Unavailable> {
    let world = &place.world;
    let client = |origin: &Origin, without: &[&str]| {
        GitHub::new(origin, &world.env.without(without), &world.http, world.clock, Purpose::Settings).map_err(Failure::unavailable)
    };
    let Some(origin) = documents::origin(&world.git, &place.at.remote).await else {
        let words = format!("the URL of the remote `{}` does not name a repository on GitHub", place.at.remote);
        return Err(Unavailable::new("no-forge").detail(words));
    };
    let has = |names: &[&str]| names.iter().any(|name| world.env.get(name).is_some_and(|value| !value.trim().is_empty()));
    let app = if has(github::APP) { Some(client(&origin, &[])?) } else { None };
    match app {
        Some(app) if !has(github::TOKENS) => Ok((app.clone(), Some(app))),
        app => Ok((client(&origin, github::APP)?, app)),
    }
}

// ---- rulesets ---------------------------------------------------------------------------------------------------------

const MAKE: &str = "`tagwarden init --rulesets --app NUMBER` prints the rulesets; protocol-docs/set-up.md says how they are made";

fn rules(protocol: &Protocol, answer: Answer<Vec<Ruleset>>, app: Option<u64>) -> Vec<Looked> {
    let found = match answer {
        Ok(found) => found,
        Err(failure) => return vec![one(unread("rulesets", failure))],
    };
    let mut looked: Vec<Looked> = rulesets::guards(protocol)
        .iter()
        .map(|guard| {
            one(match rulesets::kept(guard, &found, app) {
                Kept::Yes => passed("rulesets", guard.about.to_owned()),
                Kept::Missing(what) => {
                    let words = format!("not kept: {}; no ruleset forbids {}", guard.about, what.join(", "));
                    wrong("github/ruleset-missing", "rulesets", &words, MAKE)
                }
                Kept::Open(names) => {
                    let words = format!("not kept: {}; {} let others past", guard.about, names.join(", "));
                    wrong("github/ruleset-open", "rulesets", &words, "take out of their bypass lists all but the App that moves")
                }
                Kept::Unknown(names) => {
                    let (why, help) = match app {
                        Some(_) => ("whom they let past is not shown to this token", SHOWN),
                        None => ("whether they let past the right App alone cannot be told", NAME_IT),
                    };
                    unknown("rulesets", &format!("{}: of {names}, {why}", guard.about), help)
                }
            })
        })
        .collect();
    let (mut by, mut perhaps) = (Vec::new(), Vec::new());
    for barred in rulesets::barred(protocol, &found, app) {
        let told = |ruleset: &str, rule: &str, name: &str| format!("`{}` {name} ({})", ruleset.escape_debug(), rule.escape_debug());
        match barred {
            Barred::By(ruleset, rule, name) => by.push(told(&ruleset, &rule, &name)),
            Barred::Perhaps(ruleset, rule, name) => perhaps.push(told(&ruleset, &rule, &name)),
        }
    }
    if !by.is_empty() {
        let words = format!("the App is forbidden to move what it must: {}", by.join(", "));
        let help = "put the App into the bypass list of that ruleset, or take the ref out of it";
        looked.push(one(wrong("github/ruleset-bars-app", "rulesets", &words, help)));
    }
    if !perhaps.is_empty() {
        let words = format!("whether the App is let past: {}", perhaps.join(", "));
        looked.push(one(unknown("rulesets", &words, if app.is_some() { SHOWN } else { NAME_IT })));
    }
    looked
}

const NAME_IT: &str = "name the App: `tagwarden doctor --github --app NUMBER`";

// ---- the App ----------------------------------------------------------------------------------------------------------

fn app_installed(installed: Option<Answer<Option<Installed>>>, wanted: Option<u64>) -> Check {
    const NAME: &str = "app";
    let installed = match installed {
        Some(Ok(Some(installed))) => installed,
        Some(Err(failure)) if failure.kind == FailureKind::NotFound => {
            return wrong("github/app-missing", NAME, &failure.words, "install the App on this repository");
        }
        Some(Err(failure)) => return unread(NAME, failure),
        Some(Ok(None)) | None => {
            let help = "set TAGWARDEN_APP_ID and TAGWARDEN_APP_KEY as well: GitHub tells only the App itself";
            return unknown(NAME, "how the App is installed", help);
        }
    };
    if let Some(wanted) = wanted.filter(|wanted| *wanted != installed.app_id) {
        let words = format!("TAGWARDEN_APP_ID is the App {}, and `--app` names {wanted}", installed.app_id);
        return wrong("github/app-missing", NAME, &words, "name the App that the workflows move with");
    }
    if installed.suspended_at.is_some() {
        return wrong("github/app-missing", NAME, "the App's installation is suspended", "unsuspend it where it is installed");
    }
    let lacks = |purpose: Purpose| {
        let level = |need: &Needed| installed.permissions.get(need.permission).and_then(|name| Level::of_name(name));
        let lacking = purpose.needs().into_iter().filter(|need| level(need) < Some(need.level));
        lacking.map(|need| need.to_string()).collect::<Vec<_>>()
    };
    let push = lacks(Purpose::Push);
    if !push.is_empty() {
        let words = format!("the App cannot move anything: its installation lacks {}", push.join(" and "));
        return wrong("github/app-permission", NAME, &words, "grant it in the settings of the App, and accept it where it is installed");
    }
    let less =
        [("slash commands", Purpose::Commands), ("gates that ask GitHub", Purpose::Gates)].into_iter().filter_map(|(what, purpose)| {
            let lacking = lacks(purpose);
            (!lacking.is_empty()).then(|| format!("{what} would also need {}", lacking.join(", ")))
        });
    let words: Vec<String> = [format!("App {} is installed and may move refs", installed.app_id)].into_iter().chain(less).collect();
    passed(NAME, words.join("; "))
}

// ---- the environment --------------------------------------------------------------------------------------------------

fn environment(name: &str, default_branch: &str, answer: Answer<Environment>) -> Check {
    const NAME: &str = "environment";
    let limit = format!("in its settings, choose selected branches and tags, and list the branch `{default_branch}` alone");
    let found = match answer {
        Ok(found) => found,
        Err(failure) if failure.kind == FailureKind::NotFound => {
            let words = format!("there is no environment `{name}`, or this token may not see it");
            let help =
                format!("make it in the repository's settings, limited to the branch `{default_branch}`; `--environment` names another");
            return wrong("github/environment-missing", NAME, &words, &help);
        }
        Err(failure) => return unread(NAME, failure),
    };
    let open = |who: &str| wrong("github/environment-open", NAME, &format!("the keys of `{name}` are in reach of {who}"), &limit);
    match found.refs {
        None => open("every branch and tag"),
        Some(Refs::Protected) => open("every protected branch"),
        Some(Refs::Listed(listed)) => {
            let is_default = |one: &github::RefPolicy| one.name == default_branch && one.kind.as_deref() == Some("branch");
            match listed.iter().find(|one| !is_default(one)) {
                Some(other) => open(&format!("`{}`", other.name.escape_debug())),
                None if listed.is_empty() => open("no branch, so no workflow can promote"),
                None if found.rules.iter().any(|rule| rule == "required_reviewers") => {
                    passed(NAME, format!("`{name}` is limited to {default_branch}, and somebody approves each job"))
                }
                None => passed(NAME, format!("`{name}` is limited to {default_branch}; nobody has to approve a job")),
            }
        }
    }
}

/// Which ledger is meant must be said where workflows run, outside of what a push can change.
async fn genesis(place: &Place, environment: &str, settings: &GitHub) -> Check {
    const NAME: &str = "genesis pin";
    let variable = gather::GENESIS_PIN;
    let (of_environment, of_repository) = (settings.variable(Some(environment), variable).await, settings.variable(None, variable).await);
    let (found, whose) = match (of_environment, of_repository) {
        (Ok(value), _) => (value, format!("of the environment `{environment}`")),
        (Err(failure), Ok(value)) if failure.kind == FailureKind::NotFound => (value, "of the repository".to_owned()),
        (Err(one), Err(other)) if [&one, &other].iter().all(|failure| failure.kind == FailureKind::NotFound) => {
            let help = format!(
                "after the first adoption: `gh variable set {variable} --env {environment} --body OID`, with the entry 0 that it printed"
            );
            return wrong(
                "github/genesis-missing",
                NAME,
                &format!("the variable {variable} is not set, or not shown to this token"),
                &help,
            );
        }
        (Err(failure), _) if failure.kind != FailureKind::NotFound => return unread(NAME, failure),
        (_, Err(failure)) => return unread(NAME, failure),
        (Err(failure), Ok(_)) => return unread(NAME, failure),
    };
    let known = match gather::trust(place).await {
        Ok(trust) => gather::pin(place, &trust),
        Err(fault) => Err(fault),
    };
    match known {
        Ok(Some(oid)) if oid.as_str() == found.trim() => passed(NAME, format!("{variable} {whose} is the entry 0 that is pinned here")),
        // The value is not told: a secret may have been put into the wrong variable.
        Ok(Some(oid)) => {
            let words = format!("{variable} {whose} is not {oid}, the entry 0 that is pinned here");
            wrong("github/genesis-other", NAME, &words, "one of the two is not the ledger you mean: ask who began it")
        }
        Ok(None) | Err(_) => {
            let help = "pin entry 0 here as well: `tagwarden trust OID`";
            unknown(NAME, &format!("{variable} {whose} is set, and nothing here says which entry 0 is meant"), help)
        }
    }
}

// ---- workflows and releases ---------------------------------------------------------------------------------------------

fn workflow_token(answer: Answer<github::WorkflowToken>) -> Vec<Check> {
    const NAME: &str = "workflow token";
    let token = match answer {
        Ok(token) => token,
        Err(failure) => return vec![unread(NAME, failure)],
    };
    let mut checks = Vec::new();
    if token.default_workflow_permissions != "read" {
        let words =
            format!("a workflow that says nothing of its permissions may do `{}`", token.default_workflow_permissions.escape_debug());
        checks.push(wrong("github/token-writes", NAME, &words, "in Settings, Actions, General: read repository contents"));
    }
    if token.approves {
        let help = "in Settings, Actions, General: take away that Actions may approve pull requests";
        checks.push(wrong("github/token-approves", NAME, "a workflow may approve pull requests", help));
    }
    if checks.is_empty() {
        checks.push(passed(NAME, "reads by default, and approves nothing".to_owned()));
    }
    checks
}

/// GitHub locks the tag of an immutable release, and a channel's tag must move.
async fn channel_releases(protocol: &Protocol, settings: &GitHub) -> Check {
    const NAME: &str = "channel tags";
    for name in rulesets::channel_tags(protocol) {
        let tag = name.trim_start_matches("refs/tags/");
        match settings.release(tag).await {
            // The repository is shown, so what is not found is not there.
            Err(failure) if failure.kind == FailureKind::NotFound => {}
            Ok(_) => {
                let words = format!("a release was published for the channel tag {tag}; where releases are immutable it never moves again");
                return wrong("github/channel-release", NAME, &words, "publish releases for release tags alone, and take this one back");
            }
            Err(failure) => return unread(NAME, failure),
        }
    }
    passed(NAME, "none carries a release".to_owned())
}

fn immutable(answer: Answer<bool>) -> Check {
    const NAME: &str = "immutable releases";
    match answer {
        Ok(true) => passed(NAME, "what is published stays as it is".to_owned()),
        Ok(false) | Err(Failure { kind: FailureKind::NotFound, .. }) => {
            let words = "a published release's tag and assets can be changed, or the setting is not shown to this token";
            wrong("github/releases-mutable", NAME, words, "in Settings, General, Releases: enable release immutability")
        }
        Err(failure) => unread(NAME, failure),
    }
}

fn workflow_files(place: &Place) -> Result<Looked> {
    const NAME: &str = "workflows";
    if place.world.git.is_bare() {
        return Ok(one(unknown(NAME, "a bare repository has no work tree to read them in", "run it in a clone")));
    }
    let tree = WorkTree::new(&place.world.git)?;
    let files = match (&tree as &dyn Tree).files_in(FOLDER) {
        Ok(files) => files,
        Err(error) => return Ok(one(unknown(NAME, &error.to_string(), "make the files readable"))),
    };
    let is_workflow = |name: &String| name.ends_with(".yml") || name.ends_with(".yaml");
    let (mut findings, mut number) = (Vec::new(), 0);
    for (name, bytes) in files.iter().filter(|(name, _)| is_workflow(name)) {
        number += 1;
        match yaml::source(format!("{FOLDER}/{name}"), bytes) {
            Ok(source) => findings.extend(workflows::findings(&source)),
            Err(finding) => findings.push(finding),
        }
    }
    if number == 0 {
        let words = format!("there is none in {FOLDER}");
        return Ok(one(wrong("github/no-workflow", NAME, &words, "`tagwarden init --github` writes them")));
    }
    let check = match findings.len() {
        0 => passed(NAME, format!("{number} read: actions are pinned, and Tagwarden has history and permissions")),
        n => failed(NAME, &format!("{n} finding(s) in {number} workflow(s)"), "see each"),
    };
    Ok((check, findings))
}
