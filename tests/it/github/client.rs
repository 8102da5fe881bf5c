//! The program's own client and the model: the contract judges what the client asks, the model what it understands.

use super::model::{Broken, GitHub, Key, Refused};
use tagwarden::{
    domain::Oid,
    lockdown::urls::Origin,
    world::{
        self, Clock, EnvVars, Http,
        github::{Emoji, FailureKind, Purpose},
    },
};

fn client(hub: &GitHub, credentials: &[(&str, &str)]) -> world::GitHub {
    client_for(hub, credentials, Purpose::Gates)
}

pub fn client_for(hub: &GitHub, credentials: &[(&str, &str)], purpose: Purpose) -> world::GitHub {
    let (url, graphql) = (hub.url(), format!("{}/graphql", hub.url()));
    let server = [("GITHUB_SERVER_URL", "https://github.com"), ("GITHUB_API_URL", &url), ("GITHUB_GRAPHQL_URL", &graphql)];
    let env = EnvVars::of(server.into_iter().chain(credentials.iter().copied()));
    let origin = Origin::of_remote("https://github.com/example/app.git").unwrap();
    let clock = Clock::starting(hub.now().to_string().parse().unwrap());
    world::GitHub::new(&origin, &env, &Http::new(&env), clock, purpose).unwrap()
}

/// What an App is given that does everything.
const APP: &[(&str, &str)] = &[
    ("checks", "read"),
    ("contents", "write"),
    ("issues", "write"),
    ("members", "read"),
    ("metadata", "read"),
    ("pull_requests", "write"),
    ("statuses", "read"),
];

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
    mover.install_on(&hub.repo(), APP);
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

#[tokio::test]
async fn a_comment_is_read_with_who_changed_it() {
    let hub = GitHub::new();
    let (ann, bob, ci) = (hub.user("ann"), hub.user("bob"), hub.app("ci"));
    let repo = hub.repo().issue_of(9, &bob);
    let (first, other, status) =
        (repo.comment(9, &ann, "/plan"), hub.pull(7).comment(&ann, "/plan"), hub.pull(7).comment_of_app(&ci, "Wait."));
    let client = client(&hub, &[("GITHUB_TOKEN", &hub.token(&repo_reader(&hub)))]);
    let read = client.comment(first).await.unwrap();
    assert_eq!((read.comment.id, read.comment.number, read.comment.body.as_str(), read.edited), (first, 9, "/plan", None));
    let user = read.comment.user.unwrap();
    assert_eq!((user.id, user.login.as_str(), user.kind.as_str()), (ann.id, "ann", "User"));
    assert_eq!((read.comment.app, read.comment.created_at == read.comment.updated_at), (None, true));
    let read = client.comment(status).await.unwrap().comment;
    assert_eq!((read.number, read.app.unwrap().id, read.user.unwrap().id), (7, ci.id, ci.bot.id));
    // Its author's change is one, too; so is that of somebody who is gone.
    repo.edit_comment(first, &ann, "/promote");
    let edited = client.comment(first).await.unwrap();
    assert_eq!((edited.comment.body.as_str(), edited.edited.unwrap().unwrap().id), ("/promote", ann.id));
    repo.edit_comment(other, &bob, "/promote");
    bob.delete();
    assert_eq!(client.comment(other).await.unwrap().edited, Some(None));
    // REST's times alone would not show it.
    let line = format!("GET /repos/example/app/issues/comments/{other}");
    let read = client.comment(other).await.unwrap().comment;
    hub.break_contract(&line, 1, Broken::Replaced { from: read.updated_at.to_string(), to: read.created_at.to_string() });
    assert_eq!(client.comment(other).await.unwrap().edited, Some(None));
    assert_eq!(client.comment(4).await.unwrap_err().kind, FailureKind::NotFound);
    // Another comment's edits, and another comment.
    let to = format!("\"fullDatabaseId\":\"{first}\"");
    hub.break_contract("POST /graphql", 1, Broken::Replaced { from: format!("\"fullDatabaseId\":\"{other}\""), to });
    let failure = client.comment(other).await.unwrap_err();
    assert_eq!(failure.to_string(), format!("asked about comment {other}, GitHub answered about {first}"));
    hub.break_contract(&line, 1, Broken::Replaced { from: format!("\"id\":{other},"), to: format!("\"id\":{first},") });
    assert_eq!(client.comment(other).await.unwrap_err().kind, FailureKind::Unreadable);
}

/// Somebody who may read the repository.
fn repo_reader(hub: &GitHub) -> super::model::User {
    let reader = hub.user("reader");
    hub.repo().collaborator(&reader, "read");
    reader
}

#[tokio::test]
async fn a_status_comment_is_written_found_and_changed() {
    let hub = GitHub::new();
    let (ann, mover) = (hub.user("ann"), hub.app("mover"));
    mover.install_on(&hub.repo(), APP);
    let command = hub.pull(7).comment(&ann, "/promote");
    let id = mover.id.to_string();
    let client = client_for(&hub, &[("TAGWARDEN_APP_ID", &id), ("TAGWARDEN_APP_KEY", &Key::of_apps().pem)], Purpose::Commands);
    let me = client.myself().await.unwrap();
    assert_eq!((me.id, me.login.as_str()), (mover.bot.id, "mover[bot]"));
    client.react(command, Emoji::Eyes).await.unwrap();
    client.react(command, Emoji::Eyes).await.unwrap();
    let own = client.say(7, "Working.").await.unwrap();
    hub.pull(7).comment(&ann, "More");
    client.edit(own, "Done: `a` & <b>").await.unwrap();
    let all = client.issue_comments(7).await.unwrap();
    let mine: Vec<u64> =
        all.iter().filter(|comment| comment.user.as_ref().is_some_and(|user| user.id == me.id)).map(|one| one.id).collect();
    assert_eq!((all.len(), mine, all[1].app.as_ref().unwrap().id), (3, vec![own], mover.id));
    assert_eq!(hub.pull(7).comments(), ["ann: /promote", "mover[bot]: Done: `a` & <b>", "ann: More"]);
    assert_eq!(hub.pull(7).reactions(command), ["mover[bot] eyes"]);
    // The list goes on to its end, and names no other issue's comments.
    for at in 0..100 {
        hub.pull(7).comment(&ann, &format!("{at}"));
    }
    assert_eq!(client.issue_comments(7).await.unwrap().len(), 103);
    let from = "issues/7\"".to_owned();
    hub.break_contract("GET /repos/example/app/issues/7/comments", 1, Broken::Replaced { from, to: "issues/8\"".to_owned() });
    assert!(client.issue_comments(7).await.unwrap_err().to_string().contains("asked for comments of 7, GitHub gave one of 8"));
    assert_eq!(client.say(8, "Nowhere").await.unwrap_err().kind, FailureKind::NotFound);
}

/// A write goes out once, whatever comes back; what came of it is told apart from a refusal.
#[tokio::test]
async fn a_write_whose_answer_was_lost_says_so() {
    let hub = GitHub::new();
    let ann = hub.user("ann");
    hub.repo().collaborator(&ann, "write");
    let command = hub.pull(7).comment(&ann, "/promote");
    let client = client(&hub, &[("GITHUB_TOKEN", &hub.token(&ann))]);
    let (say, edit) = ("POST /repos/example/app/issues/7/comments", format!("PATCH /repos/example/app/issues/comments/{command}"));
    let react = format!("POST /repos/example/app/issues/comments/{command}/reactions");
    let lines = [say, &edit, &react];
    let odd = [
        Broken::ClosedAfter,
        Broken::ClosedBefore,
        Broken::Truncated,
        Broken::Html(201),
        Broken::Html(502),
        Broken::WrongType,
        Broken::Json(201, serde_json::json!({})),
        Broken::Json(200, serde_json::Value::Null),
    ];
    for (line, broken) in lines.iter().flat_map(|line| odd.iter().map(move |broken| (*line, broken))) {
        let before = hub.requests().len();
        hub.break_contract(line, 1, broken.clone());
        let failure = write(&client, line, command).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::OutcomeUnknown, "{line} {broken:?}: {failure}");
        assert!(failure.to_string().starts_with("this was sent to GitHub once, and whether it was done is not known"), "{failure}");
        assert_eq!(hub.requests().len(), before + 1, "{line} {broken:?}");
    }
    let refused = [
        (Refused::BadCredentials, "GitHub does not know the token"),
        (Refused::NotFound, "GitHub has no such thing"),
        (Refused::RateLimit, "GitHub limits how often it is asked"),
        (Refused::SecondaryRateLimit { retry_after: 1 }, "GitHub limits how often it is asked"),
    ];
    for (line, (refused, words)) in lines.iter().flat_map(|line| refused.iter().map(move |refused| (*line, refused))) {
        let before = hub.requests().len();
        hub.refuse(line, 1, *refused);
        let failure = write(&client, line, command).await.unwrap_err();
        assert!(failure.to_string().starts_with(words), "{line} {refused:?}: {failure}");
        assert_ne!(failure.kind, FailureKind::OutcomeUnknown);
        assert_eq!(hub.requests().len(), before + 1, "{line} {refused:?}");
    }
    for line in lines {
        hub.break_contract(line, 1, Broken::Json(307, serde_json::json!({})));
        assert_eq!(write(&client, line, command).await.unwrap_err().kind, FailureKind::Moved, "{line}");
    }
    // An answer about something else.
    hub.break_contract(say, 1, Broken::Replaced { from: "issues/7\"".to_owned(), to: "issues/8\"".to_owned() });
    hub.break_contract(&edit, 1, Broken::Replaced { from: format!("\"id\":{command},"), to: "\"id\":1,".to_owned() });
    hub.break_contract(&react, 1, Broken::Replaced { from: "eyes".to_owned(), to: "heart".to_owned() });
    for line in lines {
        assert_eq!(write(&client, line, command).await.unwrap_err().kind, FailureKind::OutcomeUnknown, "{line}");
    }
}

async fn write(client: &world::GitHub, line: &str, comment: u64) -> Result<(), world::github::Failure> {
    match line {
        line if line.starts_with("PATCH") => client.edit(comment, "Edited").await,
        line if line.ends_with("reactions") => client.react(comment, Emoji::Eyes).await,
        _ => client.say(7, "Said").await.map(drop),
    }
}

/// Nothing was sent, so nothing can have been done.
#[tokio::test]
async fn a_write_without_a_connection_was_not_done() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{address}");
    let env = EnvVars::of([("GITHUB_SERVER_URL", "https://github.com"), ("GITHUB_API_URL", url.as_str())]);
    let origin = Origin::of_remote("https://github.com/example/app.git").unwrap();
    let clock = Clock::starting("2026-01-01T12:00:00Z".parse().unwrap());
    let client = world::GitHub::new(&origin, &env, &Http::new(&env), clock, Purpose::Commands).unwrap();
    let failure = client.say(7, "Said").await.unwrap_err();
    assert_eq!(failure.to_string(), "GitHub was not reached: connection refused");
}

#[tokio::test]
async fn members_issues_and_forks_are_told() {
    let hub = GitHub::new();
    let (ann, bob) = (hub.user("ann"), hub.user("bob"));
    hub.repo().collaborator(&ann, "write").issue_of(9, &bob).issue(10);
    hub.team("example", "release", &[(&ann, "member")]);
    let invited = hub.user("invited");
    hub.invite("example", "release", &invited);
    let client = client(&hub, &[("GITHUB_TOKEN", &hub.token(&ann))]);
    assert!(client.is_member("example", "release", ann.id).await.unwrap());
    assert!(!client.is_member("example", "release", bob.id).await.unwrap());
    assert!(!client.is_member("example", "release", invited.id).await.unwrap());
    assert_eq!(client.is_member("example", "other", ann.id).await.unwrap_err().kind, FailureKind::NotFound);
    let issue = client.issue(9).await.unwrap();
    assert_eq!((issue.state.as_str(), issue.locked, issue.user.unwrap().id), ("open", false, bob.id));
    hub.repo().close_issue(9);
    hub.repo().lock(9);
    let issue = client.issue(9).await.unwrap();
    assert_eq!((issue.state.as_str(), issue.locked), ("closed", true));
    assert_eq!(client.issue(10).await.unwrap().user, None);
    hub.pull(7).draft();
    let pull = client.pull(7).await.unwrap();
    assert_eq!((pull.is_of_fork(), pull.draft, pull.merged, pull.state.as_str()), (false, Some(true), false, "open"));
    hub.pull(7).of_fork(Some(&hub.repository("somebody/app").public()));
    assert!(client.pull(7).await.unwrap().is_of_fork());
    hub.pull(7).of_fork(None);
    assert!(client.pull(7).await.unwrap().is_of_fork());
}
