//! The table of permissions against the model, whose own rules are those that GitHub documents for each operation.

use super::{
    client::client_for,
    model::{Broken, GitHub, Key},
};
use serde_json::{Value, json};
use tagwarden::{
    domain::Oid,
    world::{
        self,
        github::{Answer, Emoji, FailureKind, Intent, Level, Needed, Purpose},
    },
};

fn head() -> Oid {
    format!("{:040x}", 0xabc).parse().unwrap()
}

/// A private repository with something of every sort, and the number of a comment in it.
fn filled(hub: &GitHub) -> u64 {
    let ann = hub.user("ann");
    let pull = hub.pull(7).head(head().as_str());
    hub.repo().collaborator(&ann, "admin").rule_suite(&ann, "refs/heads/main", (&"1".repeat(40), head().as_str()), "pass");
    hub.team("example", "release", &[(&ann, "member")]);
    let repo = hub.repo().environment("promotion", Some(&[("branch", "main")])).variable(Some("promotion"), "GENESIS", "1");
    repo.variable(None, "GENESIS", "1").immutable_releases(true).ruleset("Main", "branch", &["~ALL"], &["deletion"], &[]);
    hub.repo().release(&ann, "v1.0.0");
    pull.comment(&ann, "/status")
}

/// `None`: what git does with the token, which is no question to the API.
async fn play(hub: &GitHub, client: &world::GitHub, intent: Intent, comment: u64) -> Option<Answer<()>> {
    let ann = hub.user("ann").id;
    Some(match intent {
        Intent::Account => client.account(ann).await.map(drop),
        Intent::CheckRuns => client.check_runs(&head()).await.map(drop),
        Intent::Comment => client.comment(comment).await.map(drop),
        Intent::Comments => client.comments(7).await.map(drop),
        Intent::DefaultBranch => client.default_branch().await.map(drop),
        Intent::Environment => client.environment("promotion").await.map(drop),
        Intent::EnvironmentVariable => client.variable(Some("promotion"), "GENESIS").await.map(drop),
        Intent::ImmutableReleases => client.has_immutable_releases().await.map(drop),
        Intent::Release => client.release("v1.0.0").await.map(drop),
        Intent::Rulesets => client.rulesets().await.map(drop),
        Intent::Variable => client.variable(None, "GENESIS").await.map(drop),
        Intent::WorkflowToken => client.workflow_token().await.map(drop),
        Intent::Edit => client.edit(comment, "Edited").await,
        Intent::Fetch | Intent::Push => return None,
        Intent::Files => client.files(7).await.map(drop),
        Intent::IsMember => client.is_member("example", "release", ann).await.map(drop),
        Intent::IsShown => client.is_shown().await,
        Intent::Issue => client.issue(7).await.map(drop),
        Intent::IssueComments => client.issue_comments(7).await.map(drop),
        Intent::Myself => client.myself().await.map(drop),
        Intent::Permission => client.permission(ann).await.map(drop),
        Intent::Pull => client.pull(7).await.map(drop),
        Intent::PullsOf => client.pulls_of(&head()).await.map(drop),
        Intent::React => client.react(comment, Emoji::Eyes).await,
        Intent::Reactions => client.reactions(7).await.map(drop),
        Intent::Reviews => client.reviews(7).await.map(drop),
        Intent::RuleSuites => client.rule_suites("main").await.map(drop),
        Intent::RulesOf => client.rules_of("main").await.map(drop),
        Intent::Say => client.say(7, "Said").await.map(drop),
        Intent::Statuses => client.statuses(&head()).await.map(drop),
        Intent::Team => client.team("example", "release", hub.team_id("example", "release")).await.map(drop),
        Intent::Threads => client.threads(7).await.map(drop),
    })
}

/// With exactly the permissions of the table everything works; with one less it does not, and that one is named, whether or not
/// GitHub's header does.
#[tokio::test]
async fn each_intent_needs_what_the_table_says() {
    let hub = GitHub::new();
    let comment = filled(&hub);
    let with = |permissions: &[(&str, &str)]| {
        let token = hub.limited_token(&hub.user("ann"), permissions);
        client_for(&hub, &[("GITHUB_TOKEN", &token)], Purpose::Gates)
    };
    let mut refused = 0;
    for intent in Intent::ALL {
        let needs: Vec<(&str, &str)> = intent.needs().iter().map(|need| (need.permission, need.level.name())).collect();
        let Some(answer) = play(&hub, &with(&needs), *intent, comment).await else { continue };
        assert_eq!(answer, Ok(()), "{}", intent.name());
        for (at, need) in intent.needs().iter().enumerate() {
            let mut less = vec![needs.clone()];
            less[0].remove(at);
            if need.level == Level::Write {
                less.push(less[0].iter().copied().chain([(need.permission, "read")]).collect());
            }
            for less in less {
                let before = hub.requests().len();
                let failure = play(&hub, &with(&less), *intent, comment).await.unwrap().unwrap_err();
                let named = |failure: &world::github::Failure| {
                    let is_named = matches!(&failure.kind, FailureKind::Forbidden(Some(needed)) if needed.contains(&need.to_string()));
                    assert!(is_named && failure.words.contains(&need.to_string()), "{} with {less:?}: {failure:?}", intent.name());
                };
                named(&failure);
                let last = hub.requests().split_off(before).pop().unwrap();
                let line = format!("{} {}", last.method, last.target.split('?').next().unwrap());
                let asks_before = hub.requests().split_off(before).len();
                hub.break_contract(&line, nth(&hub, before, &line), Broken::Header("x-accepted-github-permissions", String::new()));
                let failure = play(&hub, &with(&less), *intent, comment).await.unwrap().unwrap_err();
                named(&failure);
                assert!(failure.words.starts_with(&format!("this needs {need}; ")), "{failure}");
                assert_eq!(hub.requests().len(), before + 2 * asks_before);
                refused += 1;
            }
        }
    }
    assert!(refused > 20, "{refused}");
}

/// Which of the requests since `before` with this line the last one was.
fn nth(hub: &GitHub, before: usize, line: &str) -> usize {
    let same = |target: &str, method: &str| format!("{method} {}", target.split('?').next().unwrap()) == line;
    hub.requests().split_off(before).iter().filter(|one| same(&one.target, &one.method)).count()
}

#[test]
fn the_table_as_others_print_it() {
    let listed = |needs: &[Needed]| needs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let intents: Vec<String> =
        Intent::ALL.iter().map(|intent| format!("{} <- {}", intent.name(), listed(intent.needs())).trim_end().to_owned()).collect();
    insta::assert_snapshot!(intents.join("\n"), @r"
    account <-
    check_runs <- checks: read
    comment <- issues: read
    comments <- pull_requests: read
    default_branch <-
    edit <- issues: write
    environment <- actions: read
    variable of an environment <- environments: read
    git fetch <- contents: read
    files <- pull_requests: read
    has_immutable_releases <- administration: read
    is_member <- members: read
    is_shown <-
    issue <- issues: read
    issue_comments <- issues: read
    myself <-
    permission <-
    pull <- pull_requests: read
    pulls_of <- pull_requests: read
    git push <- contents: write
    react <- issues: write
    reactions <- issues: read
    release <- contents: read
    reviews <- pull_requests: read
    rule_suites <- administration: read
    rules_of <-
    rulesets <-
    say <- issues: write
    statuses <- statuses: read
    team <- members: read
    threads <- pull_requests: read
    variable <- actions_variables: read
    workflow_token <- administration: read
    ");
    let purposes: Vec<String> = Purpose::ALL.iter().map(|purpose| format!("{purpose:?} <- {}", listed(&purpose.needs()))).collect();
    insta::assert_snapshot!(purposes.join("\n"), @r"
    Documents <- issues: read, pull_requests: read
    Gates <- administration: read, checks: read, issues: read, members: read, pull_requests: read, statuses: read
    Commands <- issues: write, members: read, pull_requests: read
    Settings <- actions: read, actions_variables: read, administration: read, contents: read, environments: read
    Fetch <- contents: read
    Push <- contents: write
    ");
}

/// Whoever is only asked to judge can write nothing, and nobody gets more than there is.
#[tokio::test]
async fn the_token_of_an_app_is_good_for_its_purpose_alone() {
    let all = json!({
        "actions": "write", "administration": "write", "checks": "write", "contents": "write", "issues": "write", "members": "read",
        "metadata": "read", "pull_requests": "write", "statuses": "write", "workflows": "write",
    });
    let few = json!({ "contents": "read", "issues": "read", "metadata": "read", "pull_requests": "read" });
    for granted in [&all, &few] {
        for purpose in Purpose::ALL {
            let hub = GitHub::new();
            let comment = filled(&hub);
            let mover = hub.app("mover");
            let texts: Vec<(&str, &str)> =
                granted.as_object().unwrap().iter().map(|(name, level)| (name.as_str(), level.as_str().unwrap())).collect();
            mover.install_on(&hub.repo(), &texts);
            let id = mover.id.to_string();
            let client = client_for(&hub, &[("TAGWARDEN_APP_ID", &id), ("TAGWARDEN_APP_KEY", &Key::of_apps().pem)], *purpose);
            let token = client.token().await;
            let lacks: Vec<Needed> = purpose.needs().into_iter().filter(|need| !covers(granted, need)).collect();
            if purpose.intents().iter().all(|intent| matches!(intent, Intent::Fetch | Intent::Push)) && !lacks.is_empty() {
                let failure = token.unwrap_err();
                assert_eq!(failure.kind, FailureKind::Forbidden(Some(lacks[0].to_string())), "{purpose:?}");
                assert!(failure.words.starts_with(&format!("the App's installation lacks {}; grant it", lacks[0])), "{failure}");
                continue;
            }
            assert!(token.unwrap().is_some(), "{purpose:?}");
            let asked: Value = serde_json::from_slice(&hub.requests()[1].body).unwrap();
            let mut wanted = json!({ "metadata": "read" });
            for need in purpose.needs() {
                let level = match (need.level, granted[need.permission].as_str()) {
                    (_, None) => continue,
                    (Level::Write, Some("write")) => "write",
                    _ => "read",
                };
                wanted[need.permission] = json!(level);
            }
            assert_eq!(asked["permissions"], wanted, "{purpose:?}");
            let writes = [Intent::React, Intent::Say, Intent::Edit];
            for intent in writes {
                let answer = play(&hub, &client, intent, comment).await.unwrap();
                let may = *purpose == Purpose::Commands && granted == &all;
                // A comment of somebody else is the App's to change, too, where it may write.
                assert_eq!(answer.is_ok(), may, "{purpose:?} {}: {answer:?}", intent.name());
            }
        }
    }
}

fn covers(granted: &Value, need: &Needed) -> bool {
    match granted[need.permission].as_str() {
        Some("write") => true,
        Some("read") => need.level == Level::Read,
        _ => false,
    }
}

/// Everything that belongs to a purpose works with the token that is asked for it.
#[tokio::test]
async fn a_purpose_is_served_by_its_permissions() {
    for purpose in Purpose::ALL {
        let hub = GitHub::new();
        let comment = filled(&hub);
        let needs = purpose.needs();
        let permissions: Vec<(&str, &str)> = needs.iter().map(|need| (need.permission, need.level.name())).collect();
        let token = hub.limited_token(&hub.user("ann"), &permissions);
        let client = client_for(&hub, &[("GITHUB_TOKEN", &token)], *purpose);
        for intent in purpose.intents() {
            let answer = play(&hub, &client, *intent, comment).await;
            assert!(answer.is_none_or(|answer| answer.is_ok()), "{purpose:?}: {}", intent.name());
        }
    }
}
