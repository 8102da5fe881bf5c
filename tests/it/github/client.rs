//! The program's own client and the model: the contract judges what the client asks, the model what it understands.

use super::model::{Broken, GitHub, Key};
use tagwarden::{
    domain::Oid,
    lockdown::urls::Origin,
    world::{self, Clock, EnvVars, Http, github::FailureKind},
};

fn client(hub: &GitHub, credentials: &[(&str, &str)]) -> world::GitHub {
    let (url, graphql) = (hub.url(), format!("{}/graphql", hub.url()));
    let server = [("GITHUB_SERVER_URL", "https://github.com"), ("GITHUB_API_URL", &url), ("GITHUB_GRAPHQL_URL", &graphql)];
    let env = EnvVars::of(server.into_iter().chain(credentials.iter().copied()));
    let origin = Origin::of_remote("https://github.com/example/app.git").unwrap();
    let clock = Clock::starting(hub.now().to_string().parse().unwrap());
    world::GitHub::new(&origin, &env, &Http::new(&env), clock).unwrap()
}

fn oid(number: u64) -> Oid {
    format!("{number:040x}").parse().unwrap()
}

/// What is there, of every sort that the client reads.
fn filled(hub: &GitHub) {
    let (ann, ci, head) = (hub.user("ann"), hub.app("ci"), oid(0xabc).to_string());
    let repo = hub.repo().collaborator(&ann, "maintain").check_run(&ci, &head, "build", "completed", Some("success"));
    repo.check_run(&ci, &head, "build", "in_progress", None).status(&ann, &head, "lint", "success");
    let pull = hub.pull(7).head(&head).files(101).review(&ann, "APPROVED", "Fine").react(&ann, "+1").thread(&ci.bot, "Why?");
    let comment = pull.comment(&ann, "One");
    pull.edit_comment(comment, &hub.user("bob"), "Two");
    hub.team("example", "release", &[(&ann, "member")]);
}

#[tokio::test]
async fn the_client_reads_what_is_there() {
    let hub = GitHub::new();
    filled(&hub);
    let ann = hub.user("ann");
    let client = client(&hub, &[("GITHUB_TOKEN", &hub.token(&ann))]);
    let head = oid(0xabc);
    assert_eq!(client.pull(7).await.unwrap().head.sha, head.to_string());
    assert_eq!(client.files(7).await.unwrap().len(), 101);
    assert_eq!(client.reviews(7).await.unwrap()[0].commit_id, Some(head.to_string()));
    assert_eq!(client.reactions(7).await.unwrap()[0].content, "+1");
    assert_eq!(client.threads(7).await.unwrap()[0].author.as_ref().unwrap().id, hub.app("ci").bot.id);
    let comment = client.comments(7).await.unwrap().remove(0);
    assert_eq!((comment.body.as_str(), comment.edited.unwrap().unwrap().id), ("Two", hub.user("bob").id));
    let runs = client.check_runs(&head).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.status.as_str()).collect::<Vec<_>>(), ["completed", "in_progress"]);
    assert_eq!(client.statuses(&head).await.unwrap()[0].context, "lint");
    assert_eq!(client.pulls_of(&head).await.unwrap()[0].number, 7);
    assert_eq!(client.permission(ann.id).await.unwrap().role_name, "maintain");
    let team = hub.team_id("example", "release");
    assert_eq!(client.team("example", "release", team).await.unwrap()[0].id, ann.id);
    assert!(client.team("example", "release", team + 1).await.is_err());
    assert_eq!(client.pull(8).await.unwrap_err().kind, FailureKind::NotFound);
}

#[tokio::test]
async fn the_client_is_an_app() {
    let hub = GitHub::new();
    filled(&hub);
    let mover = hub.app("mover");
    let id = mover.id.to_string();
    let credentials = [("TAGWARDEN_APP_ID", id.as_str()), ("TAGWARDEN_APP_KEY", Key::of_apps().pem.as_str())];
    let refused = client(&hub, &credentials).pull(7).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::NotFound);
    let read = [("checks", "read"), ("members", "read"), ("metadata", "read"), ("statuses", "read")];
    let write = [("contents", "write"), ("issues", "write"), ("pull_requests", "write")];
    mover.install_on(&hub.repo(), &[&read[..], &write[..]].concat());
    assert_eq!(client(&hub, &credentials).pull(7).await.unwrap().number, 7);
    let strange = [credentials[0], ("TAGWARDEN_APP_KEY", Key::of_nobody().pem.as_str())];
    assert_eq!(client(&hub, &strange).pull(7).await.unwrap_err().kind, FailureKind::Unauthorized);
}

#[tokio::test]
async fn the_client_takes_no_page_for_another() {
    let hub = GitHub::new();
    filled(&hub);
    let client = client(&hub, &[("GITHUB_TOKEN", &hub.token(&hub.user("ann")))]);
    let head = oid(0xabc);
    let runs = format!("GET /repos/example/app/commits/{head}/check-runs");
    hub.break_contract(&runs, 1, Broken::StuckCursor);
    assert_eq!(client.check_runs(&head).await.unwrap_err().kind, FailureKind::Unreadable);
    hub.break_contract(&runs, 1, Broken::Replaced { from: head.to_string(), to: oid(0xdef).to_string() });
    assert_eq!(client.check_runs(&head).await.unwrap_err().kind, FailureKind::Unreadable);
    hub.break_contract("POST /graphql", 1, Broken::StuckCursor);
    hub.break_contract("POST /graphql", 2, Broken::StuckCursor);
    assert_eq!(client.threads(7).await.unwrap_err().kind, FailureKind::Unreadable);
    hub.break_contract("GET /repos/example/app/pulls/7", 1, Broken::Html(200));
    assert_eq!(client.pull(7).await.unwrap_err().kind, FailureKind::Unreadable);
}
