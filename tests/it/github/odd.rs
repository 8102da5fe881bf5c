//! Random odd answers to every method of the program's client. The oracle is what the model truthfully answers: a bent answer gives
//! the same value, or a failure with a name, or a value that differs only in what GitHub may say: a word that is new, or a null where
//! its contract allows one. Never is something approved, absent or shorter because an answer was odd.

use super::model::{Bend, Broken, GitHub, NEW_WORD, Refused};
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use std::{
    collections::BTreeSet,
    fmt::Debug,
    sync::{Arc, Mutex, atomic::AtomicI64},
};
use tagwarden::{
    domain::Oid,
    lockdown::urls::Origin,
    world::{
        self, Clock, EnvVars, Http,
        github::{Answer, Emoji, Failure, Purpose},
    },
};

const METHODS: &[&str] = &[
    "pull",
    "files",
    "reviews",
    "reactions",
    "threads",
    "comments",
    "issue",
    "is_shown",
    "rules_of",
    "rule_suites",
    "pulls_of",
    "check_runs",
    "statuses",
    "account",
    "permission",
    "team",
    "is_member",
    "myself",
    "comment",
    "issue_comments",
    "react",
    "say",
    "edit",
    "default_branch",
    "rulesets",
    "environment",
    "variable",
    "workflow_token",
    "has_immutable_releases",
    "release",
];

/// Every name that the client reads of an answer.
#[rustfmt::skip]
const READ: &[&str] = &[
    "number", "state", "draft", "merged", "merge_commit_sha", "head", "base", "sha", "ref", "repo", "user", "merged_by", "id", "login", "type",
    "filename", "status", "previous_filename", "commit_id", "submitted_at", "content", "data", "repository", "pullRequest", "reviewThreads",
    "nodes", "totalCount", "pageInfo", "hasNextPage", "endCursor", "isResolved", "isOutdated", "comments", "author", "editor", "__typename", "databaseId",
    "body", "createdAt", "lastEditedAt", "pull_request", "parameters", "required_approving_review_count", "before_sha", "after_sha", "result",
    "merged_at", "total_count", "check_runs", "name", "head_sha", "conclusion", "started_at", "app", "context", "creator", "role_name",
    "default_branch", "target", "enforcement", "conditions", "ref_name", "include", "exclude", "rules", "bypass_actors", "actor_id",
    "actor_type", "bypass_mode", "protection_rules", "deployment_branch_policy", "protected_branches", "custom_branch_policies",
    "branch_policies", "value", "default_workflow_permissions", "can_approve_pull_request_reviews", "enabled", "tag_name",
    "locked", "viewer", "node", "fullDatabaseId", "node_id", "issue_url", "created_at", "updated_at", "performed_via_github_app",
];

/// What may be null: GitHub says then that there is nobody or nothing, and whoever judges knows less.
#[rustfmt::skip]
const NULLABLE: &[&str] = &[
    "merge_commit_sha", "repo", "user", "merged_by", "previous_filename", "commit_id", "submitted_at", "author", "editor", "lastEditedAt",
    "pull_request", "parameters", "merged_at", "conclusion", "started_at", "app", "creator", "draft", "endCursor",
    "performed_via_github_app", "bypass_actors", "actor_id", "bypass_mode", "type", "deployment_branch_policy",
];

/// What may be left out. An issue is known by the lack of `pull_request`.
#[rustfmt::skip]
const OPTIONAL: &[&str] = &[
    "draft", "previous_filename", "submitted_at", "started_at", "pull_request", "parameters", "endCursor", "bypass_actors", "actor_id",
    "bypass_mode", "type",
];

/// At how many places of each name every bend is tried before the random ones.
const PLACES: usize = 2;

static HAND: AtomicI64 = AtomicI64::new(1_767_268_800);

fn oid() -> Oid {
    format!("{:040x}", 0xabc).parse().unwrap()
}

/// Of every sort that the client reads, more than a page of files.
fn filled(hub: &GitHub) -> world::GitHub {
    let (ann, ci, head) = (hub.user("ann"), hub.app("ci"), oid().to_string());
    let repo = hub.repo().collaborator(&ann, "admin").check_run(&ci, &head, "build", "completed", Some("success"));
    let repo = repo.check_run(&ci, &head, "build", "in_progress", None).status(&ann, &head, "lint", "success");
    let repo = repo.ruleset("main", "branch", &["refs/heads/main"], &["deletion", "non_fast_forward"], &[]);
    let repo = repo.rule_suite(&ann, "refs/heads/main", (&"1".repeat(40), &head), "bypass");
    let repo = repo.ruleset("tags", "tag", &["refs/tags/v*"], &["update"], &[&ci]).immutable_releases(true);
    let repo = repo.environment("promotion", Some(&[("branch", "main"), ("tag", "v*")])).variable(None, "GENESIS", "1");
    repo.release(&ann, "v1.0.0");
    let pull = hub.pull(7).head(&head).files(101).review(&ann, "APPROVED", "Fine").react(&ann, "+1").thread(&ci.bot, "Why?");
    let comment = pull.comment(&ann, "One");
    pull.edit_comment(comment, &hub.user("bob"), "Two");
    hub.pull(7).comment_of_app(&ci, "Three");
    hub.pull(8).comment(&ann, "Four");
    hub.team("example", "release", &[(&ann, "member")]);
    let (url, graphql) = (hub.url(), format!("{}/graphql", hub.url()));
    let server = [("GITHUB_SERVER_URL", "https://github.com"), ("GITHUB_API_URL", &url), ("GITHUB_GRAPHQL_URL", &graphql)];
    let env = EnvVars::of(server.into_iter().chain([("GITHUB_TOKEN", hub.token(&ann).as_str())]));
    let origin = Origin::of_remote("https://github.com/example/app.git").unwrap();
    world::GitHub::new(&origin, &env, &Http::new(&env), Clock::by_hand(&HAND), Purpose::Commands).unwrap()
}

async fn said(hub: &GitHub, client: &world::GitHub, method: &str) -> Result<String, Failure> {
    fn text<T: Debug>(answer: Answer<T>) -> Result<String, Failure> {
        answer.map(|answer| format!("{answer:?}"))
    }
    match method {
        "pull" => text(client.pull(7).await),
        "files" => text(client.files(7).await),
        "reviews" => text(client.reviews(7).await),
        "reactions" => text(client.reactions(7).await),
        "threads" => text(client.threads(7).await),
        "comments" => text(client.comments(7).await),
        "issue" => text(client.issue(7).await),
        "is_shown" => text(client.is_shown().await),
        "rules_of" => text(client.rules_of("main").await),
        "rule_suites" => text(client.rule_suites("main").await),
        "pulls_of" => text(client.pulls_of(&oid()).await),
        "check_runs" => text(client.check_runs(&oid()).await),
        "statuses" => text(client.statuses(&oid()).await),
        "account" => text(client.account(hub.user("ann").id).await),
        "permission" => text(client.permission(hub.user("ann").id).await),
        "team" => text(client.team("example", "release", hub.team_id("example", "release")).await),
        "is_member" => text(client.is_member("example", "release", hub.user("ann").id).await),
        "myself" => text(client.myself().await),
        "comment" => text(client.comment(hub.pull(7).comment_ids()[0]).await),
        "issue_comments" => text(client.issue_comments(7).await),
        // They stand where no read looks.
        "react" => text(client.react(hub.pull(8).comment_ids()[0], Emoji::Eyes).await),
        "say" => text(client.say(8, "Said").await.map(drop)),
        "edit" => text(client.edit(hub.pull(8).comment_ids()[0], "Edited").await),
        "default_branch" => text(client.default_branch().await),
        "rulesets" => text(client.rulesets().await),
        "environment" => text(client.environment("promotion").await),
        "variable" => text(client.variable(None, "GENESIS").await),
        "workflow_token" => text(client.workflow_token().await),
        "has_immutable_releases" => text(client.has_immutable_releases().await),
        "release" => text(client.release("v1.0.0").await),
        other => panic!("there is no method {other}"),
    }
}

#[derive(Clone, Debug)]
enum Odd {
    Bent(usize, Bend),
    Html(u16),
    Empty(u16),
    Truncated,
    Closed,
    WrongType,
    Stuck,
    NoNext,
    OtherCommit,
    Limited(u64),
}

const BENDS: [Bend; 6] = [Bend::Gone, Bend::Null, Bend::Word, Bend::Negative, Bend::List, Bend::Object];

fn odd() -> impl Strategy<Value = Odd> {
    let bend = prop::sample::select(BENDS.to_vec());
    prop_oneof![
        12 => (any::<usize>(), bend).prop_map(|(at, bend)| Odd::Bent(at, bend)),
        2 => prop::sample::select(vec![200, 201, 403, 404, 500, 502, 503]).prop_map(Odd::Html),
        2 => prop::sample::select(vec![200, 202, 204, 403, 404, 410, 422, 451, 500]).prop_map(Odd::Empty),
        1 => Just(Odd::Truncated),
        1 => Just(Odd::Closed),
        1 => Just(Odd::WrongType),
        1 => Just(Odd::Stuck),
        1 => Just(Odd::NoNext),
        1 => Just(Odd::OtherCommit),
        2 => (0..100_000_u64).prop_map(Odd::Limited),
    ]
}

/// Whether only new words tell two values apart.
fn differs_by_new_words(truth: &str, said: &str) -> bool {
    if said.replace(&format!("Some({NEW_WORD:?})"), "None") == truth {
        return true;
    }
    let (truth, said): (Vec<&str>, Vec<&str>) = (truth.split('"').collect(), said.split('"').collect());
    truth.len() == said.len() && truth.iter().zip(&said).all(|(truth, said)| truth == said || *said == NEW_WORD)
}

#[test]
fn no_odd_answer_is_taken_for_another() {
    let cases = std::env::var("TAGWARDEN_PROPERTY_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(500);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let hub = GitHub::new();
    let client = filled(&hub);
    // What each method truthfully gives, and what it asks for.
    let truths: Vec<(&str, String, Vec<String>)> = METHODS
        .iter()
        .map(|method| {
            let before = hub.requests().len();
            let truth = runtime.block_on(said(&hub, &client, method)).unwrap_or_else(|failure| panic!("{method}: {failure}"));
            assert_eq!(hub.violations(), Vec::<String>::new(), "{method}");
            let lines = hub.requests().split_off(before).into_iter();
            (*method, truth, lines.map(|one| format!("{} {}", one.method, one.target.split('?').next().unwrap())).collect())
        })
        .collect();
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, max_shrink_iters: 0, ..Config::default() });
    let strategy = (0..METHODS.len(), any::<usize>(), odd());
    let seen = Mutex::new((0, 0));
    let play = |method: usize, request: usize, odd: Odd| -> Result<String, TestCaseError> {
        let (method, truth, lines) = &truths[method];
        let line = &lines[request % lines.len()];
        let nth = lines[..=request % lines.len()].iter().filter(|one| *one == line).count();
        let told = Arc::new(Mutex::new(String::new()));
        let broken = match &odd {
            Odd::Bent(at, bend) => Some(Broken::Bent { among: READ, at: *at, bend: *bend, told: told.clone() }),
            Odd::Html(status) => Some(Broken::Html(*status)),
            Odd::Empty(status) => Some(Broken::Json(*status, serde_json::json!({}))),
            Odd::Truncated => Some(Broken::Truncated),
            Odd::Closed => Some(Broken::ClosedAfter),
            Odd::WrongType => Some(Broken::WrongType),
            Odd::Stuck => Some(Broken::StuckCursor),
            Odd::NoNext => Some(Broken::Header("link", "nonsense".to_owned())),
            Odd::OtherCommit => Some(Broken::Replaced { from: oid().to_string(), to: "f".repeat(40) }),
            Odd::Limited(_) => None,
        };
        match (broken, &odd) {
            (Some(broken), _) => hub.break_contract(line, nth, broken),
            (None, Odd::Limited(retry_after)) => hub.refuse(line, nth, Refused::SecondaryRateLimit { retry_after: *retry_after }),
            (None, _) => unreachable!("every other one is broken"),
        }
        let answer = runtime.block_on(said(&hub, &client, method));
        // What has no commit to replace says so.
        let _ = hub.violations();
        let told = told.lock().unwrap().clone();
        let name = told.rsplit('/').next().unwrap_or_default();
        let mut seen = seen.lock().unwrap();
        let fine = match &answer {
            Ok(said) if said == truth => {
                seen.0 += 1;
                true
            }
            Ok(said) => match &odd {
                // Edited at a time that is a new word is edited, by nobody who is known.
                Odd::Bent(_, Bend::Word) if name == "lastEditedAt" => said.replace("edited: Some(None)", "edited: None") == *truth,
                Odd::Bent(_, Bend::Word) => differs_by_new_words(truth, said),
                Odd::Bent(_, Bend::Null) => NULLABLE.contains(&name) && said.matches("None").count() > truth.matches("None").count(),
                Odd::Bent(_, Bend::Gone) => OPTIONAL.contains(&name) && said.matches("None").count() > truth.matches("None").count(),
                // Which other commit is told, whoever judges compares it.
                Odd::OtherCommit => said.replace(&"f".repeat(40), oid().as_str()) == *truth,
                _ => false,
            },
            Err(failure) => {
                seen.1 += 1;
                !failure.words.is_empty()
            }
        };
        prop_assert!(fine, "{method}, {line} ({nth}), {odd:?} {told}: {answer:?}, in truth {truth}");
        Ok(told)
    };
    // Every name of every answer at its first places (a null often stands at the second), bent in every way.
    for (method, (_, _, lines)) in truths.iter().enumerate() {
        for (request, bend) in (0..lines.len()).flat_map(|request| BENDS.map(|bend| (request, bend))) {
            let mut names = BTreeSet::new();
            for at in 0.. {
                let place = play(method, request, Odd::Bent(at, bend)).unwrap_or_else(|error| panic!("{error}"));
                names.insert(place.rsplit('/').next().unwrap_or_default().to_owned());
                if at + 1 >= PLACES * names.len() {
                    break;
                }
            }
        }
    }
    runner.run(&strategy, |(method, request, odd)| play(method, request, odd).map(drop)).unwrap_or_else(|error| panic!("{error}"));
    let seen = seen.into_inner().unwrap();
    assert!(seen.0 > 20 && seen.1 > 200, "{seen:?}");
}
