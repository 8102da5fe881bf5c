//! The client of GitHub's API against a server that answers oddly: whatever comes, there is an answer that says what GitHub
//! said, or a reason why there is none. What is bent is a whole answer that keeps to GitHub's contract.

use crate::{
    common::server::{Reply, Server},
    github::contract,
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};
use std::{
    fmt::Debug,
    process::Command,
    sync::atomic::{AtomicI64, Ordering},
};
use tagwarden::{
    domain::Oid,
    lockdown::urls::Origin,
    world::{
        Clock, EnvVars, GitHub, Http,
        github::{Failure, OPERATIONS, Purpose},
    },
};

const HERE: &str = "/api/repos/acme/shop";

fn sha(digit: char) -> String {
    digit.to_string().repeat(40)
}

fn oid(digit: char) -> Oid {
    sha(digit).parse().unwrap()
}

/// The repository `acme/shop` on a server, whose clock goes on by itself where somebody waits for it.
fn github(server: &Server, hand: &'static AtomicI64, variables: &[(&str, &str)]) -> Result<GitHub, Failure> {
    let (api, graphql) = (format!("{}/api", server.url()), format!("{}/graphql", server.url()));
    let mut all = vec![("GITHUB_SERVER_URL", server.url()), ("GITHUB_API_URL", api), ("GITHUB_GRAPHQL_URL", graphql)];
    all.extend(variables.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let env = EnvVars::of(all);
    let origin = Origin { host: "127.0.0.1".to_owned(), name: "acme/shop".to_owned() };
    GitHub::new(&origin, &env, &Http::new(&env), Clock::by_hand(hand), Purpose::Gates)
}

fn user(id: u64, login: &str) -> Value {
    json!({ "id": id, "login": login, "type": "User" })
}

/// The whole of a good answer, as GitHub's contract has it, from what the client reads of it.
fn whole(intent: Intent) -> Intent {
    let headers = [("user-agent", "tests"), ("content-type", "application/json")];
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let operation = OPERATIONS.iter().find(|(name, _)| *name == intent.name && intent.path == "/graphql");
    let variables = json!({ "owner": "acme", "name": "shop", "number": 12, "after": null });
    let (method, body) = match operation {
        Some((_, text)) => ("POST", json!({ "query": text, "variables": variables }).to_string().into_bytes()),
        None => ("GET", Vec::new()),
    };
    let target = intent.path.trim_start_matches("/api").to_owned();
    let (call, faults) = contract::read(&contract::Request { method: method.to_owned(), target, headers, body });
    assert_eq!(faults, Vec::<String>::new(), "{}", intent.name);
    let call = call.unwrap();
    let good = contract::complete(call.operation, 200, intent.good);
    assert_eq!(contract::answer_faults(&call, &contract::Answer::json(200, &good)), Vec::<String>::new(), "{}", intent.name);
    Intent { good, ..intent }
}

/// One intent of the client: where GitHub answers it, with what, and which parts of the answer it cannot do without.
struct Intent {
    name: &'static str,
    path: String,
    good: Value,
    needed: &'static [&'static str],
}

fn intents() -> Vec<Intent> {
    let branch = |name: &str, digit| json!({ "sha": sha(digit), "ref": name, "repo": { "id": 1 } });
    let author = json!({ "__typename": "User", "login": "ann", "databaseId": 7 });
    let page = json!({ "hasNextPage": false, "endCursor": null });
    let within = |what: &str, connection: Value| json!({ "data": { "repository": { "pullRequest": { what: connection } } } });
    let comment = json!({ "fullDatabaseId": "5", "body": "text", "createdAt": "2026-11-21T10:00:00Z", "lastEditedAt": null, "author": author, "editor": null });
    let thread = json!({ "isResolved": false, "isOutdated": true, "comments": { "nodes": [{ "author": author }] } });
    let run =
        json!({ "id": 3, "name": "test", "head_sha": sha('a'), "status": "completed", "conclusion": "success", "app": { "id": 15368 } });
    let list = |item: Value| json!([item]);
    let all = vec![
        Intent {
            name: "pull",
            path: format!("{HERE}/pulls/12"),
            good: json!({ "number": 12, "state": "closed", "merged": true, "merge_commit_sha": sha('c'), "user": user(7, "ann"),
                "head": branch("topic", 'a'), "base": branch("main", 'b'), "merged_by": null }),
            needed: &["/number", "/state", "/merged", "/head", "/head/sha", "/head/ref", "/base", "/base/sha", "/user/id"],
        },
        Intent {
            name: "files",
            path: format!("{HERE}/pulls/12/files"),
            good: list(json!({ "filename": "a.md", "status": "renamed", "previous_filename": "b.md" })),
            needed: &["/0/filename", "/0/status", "/0"],
        },
        Intent {
            name: "reviews",
            path: format!("{HERE}/pulls/12/reviews"),
            good: list(
                json!({ "id": 4, "user": user(7, "ann"), "state": "APPROVED", "commit_id": sha('a'), "submitted_at": "2026-11-21T10:00:00Z" }),
            ),
            needed: &["/0/id", "/0/state", "/0/user/id", "/0"],
        },
        Intent {
            name: "reactions",
            path: format!("{HERE}/issues/12/reactions"),
            good: list(json!({ "id": 4, "user": user(7, "ann"), "content": "+1" })),
            needed: &["/0/id", "/0/content", "/0/user/id"],
        },
        Intent {
            name: "threads",
            path: "/graphql".to_owned(),
            good: within("reviewThreads", json!({ "totalCount": 1, "nodes": [thread], "pageInfo": page })),
            needed: &[
                "/data",
                "/data/repository",
                "/data/repository/pullRequest",
                "/data/repository/pullRequest/reviewThreads",
                "/data/repository/pullRequest/reviewThreads/nodes",
                "/data/repository/pullRequest/reviewThreads/nodes/0",
                "/data/repository/pullRequest/reviewThreads/nodes/0/isResolved",
                "/data/repository/pullRequest/reviewThreads/nodes/0/comments",
                "/data/repository/pullRequest/reviewThreads/totalCount",
                "/data/repository/pullRequest/reviewThreads/pageInfo",
                "/data/repository/pullRequest/reviewThreads/pageInfo/hasNextPage",
            ],
        },
        Intent {
            name: "comments",
            path: "/graphql".to_owned(),
            good: within("comments", json!({ "totalCount": 1, "nodes": [comment], "pageInfo": page })),
            needed: &[
                "/data/repository/pullRequest/comments/nodes/0/fullDatabaseId",
                "/data/repository/pullRequest/comments/nodes/0/body",
                "/data/repository/pullRequest/comments/nodes/0/createdAt",
            ],
        },
        Intent {
            name: "issue",
            path: format!("{HERE}/issues/12"),
            good: json!({ "number": 12, "state": "open", "locked": false, "user": user(7, "ann"), "pull_request": {} }),
            needed: &["/number", "/state", "/locked", "/user/id"],
        },
        Intent {
            name: "rules_of",
            path: format!("{HERE}/rules/branches/release/1.x"),
            good: list(json!({ "type": "pull_request", "parameters": { "required_approving_review_count": 1 } })),
            needed: &["/0/type", "/0"],
        },
        Intent {
            name: "rule_suites",
            path: format!("{HERE}/rulesets/rule-suites"),
            good: list(json!({ "before_sha": sha('a'), "after_sha": sha('b'), "ref": "refs/heads/release/1.x", "result": "bypass" })),
            needed: &["/0/before_sha", "/0/after_sha", "/0/ref", "/0/result", "/0"],
        },
        Intent { name: "is_shown", path: HERE.to_owned(), good: json!({ "id": 3 }), needed: &["/id"] },
        Intent {
            name: "pulls_of",
            path: format!("{HERE}/commits/{}/pulls", sha('a')),
            good: list(json!({ "number": 12, "merged_at": "2026-11-21T10:00:00Z", "merge_commit_sha": sha('c') })),
            needed: &["/0/number", "/0"],
        },
        Intent {
            name: "check_runs",
            path: format!("{HERE}/commits/{}/check-runs", sha('a')),
            good: json!({ "total_count": 1, "check_runs": [run] }),
            needed: &[
                "/total_count",
                "/check_runs",
                "/check_runs/0",
                "/check_runs/0/id",
                "/check_runs/0/name",
                "/check_runs/0/status",
                "/check_runs/0/head_sha",
            ],
        },
        Intent {
            name: "statuses",
            path: format!("{HERE}/commits/{}/statuses", sha('a')),
            good: list(json!({ "id": 4, "state": "success", "context": "ci", "creator": user(7, "ann") })),
            needed: &["/0/id", "/0/state", "/0/context"],
        },
        Intent { name: "account", path: "/api/user/7".to_owned(), good: user(7, "ann"), needed: &["/id", "/login", "/type"] },
        Intent {
            name: "permission",
            path: format!("{HERE}/collaborators/ann/permission"),
            good: json!({ "role_name": "maintain", "user": user(7, "ann") }),
            needed: &["/role_name", "/user", "/user/id"],
        },
        Intent {
            name: "team",
            path: "/api/orgs/acme/teams/core/members".to_owned(),
            good: list(user(7, "ann")),
            needed: &["/0/id", "/0/login"],
        },
    ];
    all.into_iter().map(whole).collect()
}

/// What the client says, as text.
async fn say(github: &GitHub, intent: &str) -> Result<String, Failure> {
    fn text<T: Debug>(answer: Result<T, Failure>) -> Result<String, Failure> {
        answer.map(|answer| format!("{answer:?}"))
    }
    match intent {
        "pull" => text(github.pull(12).await),
        "files" => text(github.files(12).await),
        "reviews" => text(github.reviews(12).await),
        "reactions" => text(github.reactions(12).await),
        "threads" => text(github.threads(12).await),
        "comments" => text(github.comments(12).await),
        "issue" => text(github.issue(12).await),
        "rules_of" => text(github.rules_of("release/1.x").await),
        "rule_suites" => text(github.rule_suites("release/1.x").await),
        "is_shown" => text(github.is_shown().await),
        "pulls_of" => text(github.pulls_of(&oid('a')).await),
        "check_runs" => text(github.check_runs(&oid('a')).await),
        "statuses" => text(github.statuses(&oid('a')).await),
        "account" => text(github.account(7).await),
        "permission" => text(github.permission(7).await),
        "team" => text(github.team("acme", "core", 31).await),
        other => panic!("there is no intent {other}"),
    }
}

static HAND: AtomicI64 = AtomicI64::new(1_795_255_200);

/// Every part that is needed is taken away, made null, and given another type; every answer comes whole, cut and as a page.
#[tokio::test]
async fn an_odd_answer_is_never_taken_for_a_good_one() {
    let server = Server::start();
    server.set("/api/user/7", Reply::json(&user(7, "ann").to_string()));
    server.set("/api/orgs/acme/teams/core", Reply::json("{\"id\": 31}"));
    let github = github(&server, &HAND, &[]).unwrap();
    let mut tried = 0;
    for Intent { name, path, good, needed } in intents() {
        server.set(&path, Reply::json(&good.to_string()));
        let answer = say(&github, name).await.unwrap_or_else(|failure| panic!("{name}: {failure}"));
        assert!(!answer.is_empty());
        let mut refused = async |what: String, reply: Reply| {
            server.set(&path, reply);
            let answer = say(&github, name).await;
            assert!(answer.is_err(), "{name}, {what}: {answer:?}");
            tried += 1;
        };
        for pointer in needed {
            for odd in [None, Some(Value::Null), Some(json!({ "odd": [1] })), Some(json!(-1.5))] {
                let mut body = good.clone();
                let (parent, key) = pointer.rsplit_once('/').unwrap();
                match (&odd, body.pointer_mut(parent).unwrap()) {
                    (None, Value::Object(object)) => drop(object.remove(key).unwrap()),
                    (None, _) => continue,
                    (Some(odd), parent) => *parent.pointer_mut(&format!("/{key}")).unwrap() = odd.clone(),
                }
                // Who nobody knows any more is nobody; the rest of the answer stays.
                if pointer.ends_with("/user") && odd == Some(Value::Null) && name != "permission" {
                    continue;
                }
                refused(format!("{pointer} is {odd:?}"), Reply::json(&body.to_string())).await;
            }
        }
        let text = good.to_string();
        refused("cut".to_owned(), Reply::json(&text[..text.len() - 1])).await;
        refused("empty".to_owned(), Reply::json("")).await;
        refused(
            "a page of HTML".to_owned(),
            Reply::Send {
                status: 200,
                headers: vec![("content-type".to_owned(), "text/html".to_owned())],
                body: text.clone().into_bytes(),
            },
        )
        .await;
        for status in [204, 304, 401, 403, 404, 410, 418, 422, 429, 451, 500, 502] {
            refused(format!("status {status}"), Reply::status(status, &text)).await;
        }
        refused("the connection ends".to_owned(), Reply::Drop).await;
        if path == "/graphql" {
            let mut body = good.clone();
            body["errors"] = json!([{ "type": "FORBIDDEN", "message": "no" }]);
            refused("data beside an error".to_owned(), Reply::json(&body.to_string())).await;
            body["errors"] = json!("no");
            refused("errors of another shape".to_owned(), Reply::json(&body.to_string())).await;
        }
        server.set(&path, Reply::json(&good.to_string()));
    }
    assert!(tried > 300, "{tried}");
}

#[tokio::test]
async fn what_is_about_something_else_is_no_answer() {
    let server = Server::start();
    let github = github(&server, &HAND, &[]).unwrap();
    let mut wrong: Vec<(&str, String, Value)> = Vec::new();
    for intent in intents() {
        let mut body = intent.good.clone();
        match intent.name {
            "pull" | "issue" => body["number"] = json!(13),
            "account" => body["id"] = json!(8),
            "permission" => body["user"]["id"] = json!(8),
            "check_runs" => body["check_runs"][0]["head_sha"] = json!(sha('b')),
            "rule_suites" => body[0]["ref"] = json!("refs/heads/main"),
            _ => continue,
        }
        wrong.push((intent.name, intent.path, body));
    }
    assert_eq!(wrong.len(), 6);
    for (name, path, body) in wrong {
        server.set("/api/user/7", Reply::json(&user(7, "ann").to_string()));
        server.set(&path, Reply::json(&body.to_string()));
        let failure = say(&github, name).await.unwrap_err();
        assert!(failure.to_string().contains("GitHub"), "{name}: {failure}");
        assert_eq!(failure.unavailable().why, "unreadable");
    }
}

/// A value that nobody knows yet comes through as it is: whoever judges must have an answer for it.
#[tokio::test]
async fn new_words_come_through() {
    let server = Server::start();
    let github = github(&server, &HAND, &[]).unwrap();
    for (name, pointer) in
        [("pull", "/state"), ("reviews", "/0/state"), ("check_runs", "/check_runs/0/status"), ("permission", "/role_name")]
    {
        let mut intent = intents().into_iter().find(|intent| intent.name == name).unwrap();
        *intent.good.pointer_mut(pointer).unwrap() = json!("brand_new");
        server.set("/api/user/7", Reply::json(&user(7, "ann").to_string()));
        server.set(&intent.path, Reply::json(&intent.good.to_string()));
        assert!(say(&github, name).await.unwrap().contains("brand_new"), "{name}");
    }
}

fn next(reply: Reply, url: &str) -> Reply {
    reply.header("link", &format!("<{url}>; rel=\"next\", <{url}>; rel=\"last\""))
}

#[tokio::test]
async fn lists_are_read_to_their_end() {
    let server = Server::start();
    let github = github(&server, &HAND, &[]).unwrap();
    let path = format!("{HERE}/pulls/12/reviews");
    let review = |id: u64| json!([{ "id": id, "user": null, "state": "APPROVED", "commit_id": null }]).to_string();
    // GitHub names the repository by its number, and maybe another host; only the query is followed.
    let page = |at: u64| {
        next(
            Reply::json(&review(at)),
            &format!("https://elsewhere.example.com/repositories/1/pulls/12/reviews?per_page=100&page={}", at + 1),
        )
    };
    server.set(&path, Reply::Then(vec![page(1), page(2), Reply::json(&review(3))]));
    let ids: Vec<u64> = github.reviews(12).await.unwrap().iter().map(|review| review.id).collect();
    assert_eq!(ids, [1, 2, 3]);
    let asked: Vec<String> = server.log().iter().map(|request| request.target.clone()).collect();
    assert_eq!(asked, ["?per_page=100", "?per_page=100&page=2", "?per_page=100&page=3"].map(|query| format!("{path}{query}")));
    // The next page is one that was read.
    server.set(&path, page(1));
    assert!(github.reviews(12).await.unwrap_err().to_string().contains("read before"));
    // A page in the middle is missing.
    server.set(&path, Reply::Then(vec![page(1), Reply::status(404, "{}")]));
    assert!(github.reviews(12).await.is_err());
    // Fewer than announced.
    let runs = format!("{HERE}/commits/{}/check-runs", sha('a'));
    server.set(&runs, Reply::json(&json!({ "total_count": 2, "check_runs": [] }).to_string()));
    assert!(github.check_runs(&oid('a')).await.unwrap_err().to_string().contains("announced 2"));
    // A cursor that does not advance.
    let stuck = json!({ "data": { "repository": { "pullRequest": { "comments": { "totalCount": 0, "nodes": [], "pageInfo": { "hasNextPage": true, "endCursor": "x" } } } } } });
    server.set("/graphql", Reply::json(&stuck.to_string()));
    assert!(github.comments(12).await.unwrap_err().to_string().contains("no way to it"));
    // As many files as GitHub lists at most: there may be more.
    let many: Vec<Value> = (0..100).map(|at| json!({ "filename": format!("{at}"), "status": "added" })).collect();
    let files = format!("{HERE}/pulls/12/files");
    let page = |at: u64| next(Reply::json(&json!(many).to_string()), &format!("https://x.example.com/?page={}", at + 1));
    let mut pages: Vec<Reply> = (1..30).map(page).collect();
    pages.push(Reply::json(&json!(many).to_string()));
    server.set(&files, Reply::Then(pages));
    assert!(github.files(12).await.unwrap_err().to_string().contains("lists no more"));
}

#[tokio::test]
async fn reads_are_sent_again_where_that_can_help() {
    static HAND: AtomicI64 = AtomicI64::new(1_795_255_200);
    let server = Server::start();
    let github = github(&server, &HAND, &[("GITHUB_TOKEN", "ghs_sesame")]).unwrap();
    let account = || Reply::json(&user(7, "ann").to_string());
    let asked = |replies: Vec<Reply>| {
        server.forget();
        server.set("/api/user/7", Reply::Then(replies));
    };
    for first in [Reply::status(502, ""), Reply::status(500, "{}"), Reply::Drop] {
        asked(vec![first.clone(), first, account()]);
        assert!(github.account(7).await.is_ok());
        assert_eq!(server.log().len(), 3);
    }
    for first in [Reply::status(404, "{}"), Reply::status(401, "{}"), Reply::status(403, "{}"), Reply::status(422, "{}")] {
        asked(vec![first, account()]);
        assert!(github.account(7).await.is_err());
        assert_eq!(server.log().len(), 1);
    }
    // A limit that ends soon is waited for, one that ends late is told.
    let began = HAND.load(Ordering::SeqCst);
    asked(vec![Reply::status(403, "{}").header("retry-after", "30"), account()]);
    assert!(github.account(7).await.is_ok());
    assert!(HAND.load(Ordering::SeqCst) >= began + 30);
    asked(vec![Reply::status(429, "{}").header("retry-after", "3600"), account()]);
    let failure = github.account(7).await.unwrap_err();
    assert_eq!((server.log().len(), failure.unavailable().why.as_str()), (1, "rate-limited"));
    // What GitHub repeats of what we sent is not shown.
    asked(vec![Reply::status(403, "{\"message\": \"ghs_sesame may not\"}")]);
    assert_eq!(github.account(7).await.unwrap_err().to_string(), "the token may not do this: [masked] may not");
    assert!(server.log()[0].head.to_lowercase().contains("authorization: bearer ghs_sesame"));
    // A renamed repository; and another one, or another host, which gets nothing.
    let pull = intents().into_iter().find(|intent| intent.name == "pull").unwrap();
    let other = Server::start();
    for (on, path) in
        [(&server, "/api/repositories/5/pulls/12"), (&server, "/api/repos/evil/shop/pulls/12"), (&other, "/api/repositories/5/pulls/12")]
    {
        on.set(path, Reply::json(&pull.good.to_string()));
    }
    let moved = |to: &str| {
        server.forget();
        server.set(&pull.path, Reply::status(301, "{}").header("location", to));
    };
    moved("/api/repositories/5/pulls/12");
    assert_eq!(github.pull(12).await.unwrap().number, 12);
    for to in ["/api/repos/evil/shop/pulls/12".to_owned(), format!("{}/api/repositories/5/pulls/12", other.url())] {
        moved(&to);
        let failure = github.pull(12).await.unwrap_err();
        assert_eq!(failure.to_string(), "GitHub has this at another place now; give the remote its present URL");
        assert_eq!((server.log().len(), other.log().len()), (1, 0), "{to}");
    }
}

/// Each page may be waited for, and not the whole list for ever.
#[tokio::test]
async fn a_list_that_takes_too_long_is_no_answer() {
    static HAND: AtomicI64 = AtomicI64::new(1_795_255_200);
    let server = Server::start();
    let github = github(&server, &HAND, &[]).unwrap();
    let limited = || Reply::status(429, "{}").header("retry-after", "59");
    let page = |at: u64| next(Reply::json("[]"), &format!("https://x.example.com/?page={}", at + 1));
    let pages = |slow: usize| {
        let slow = (1..=slow).flat_map(|at| [limited(), page(at as u64)]);
        slow.chain([Reply::json("[]")]).collect::<Vec<_>>()
    };
    let path = format!("{HERE}/pulls/12/reviews");
    server.set(&path, Reply::Then(pages(5)));
    assert_eq!(github.reviews(12).await, Ok(Vec::new()));
    server.set(&path, Reply::Then(pages(6)));
    let failure = github.reviews(12).await.unwrap_err();
    assert_eq!(failure.to_string(), "GitHub was not reached: no whole list within 5m");
    assert_eq!(failure.unavailable().why, "timeout");
    // Through GraphQL as well.
    let page = |at: u64| {
        let info = json!({ "hasNextPage": true, "endCursor": format!("{at}") });
        let comments = json!({ "totalCount": 0, "nodes": [], "pageInfo": info });
        Reply::json(&json!({ "data": { "repository": { "pullRequest": { "comments": comments } } } }).to_string())
    };
    server.set("/graphql", Reply::Then((1..=6).flat_map(|at| [limited(), page(at)]).collect()));
    assert_eq!(github.comments(12).await.unwrap_err().unavailable().why, "timeout");
}

/// The App's key signs a claim, GitHub gives a token for it, and a token that ends soon is renewed.
#[tokio::test]
async fn an_app_gets_a_token_for_this_repository() {
    static HAND: AtomicI64 = AtomicI64::new(1_795_255_200);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-f"]).arg(&file).status().unwrap();
    assert!(made.success());
    let key = std::fs::read_to_string(&file).unwrap();
    let server = Server::start();
    let installation = format!("{HERE}/installation");
    let tokens = "/api/app/installations/99/access_tokens";
    let token = |name: &str, end: &str| Reply::status(201, &json!({ "token": name, "expires_at": end }).to_string());
    let granted = json!({ "checks": "write", "contents": "write", "pull_requests": "read", "actions": "write" });
    server.set(&installation, Reply::json(&json!({ "id": 99, "permissions": granted }).to_string()));
    // 2026-11-21T10:00:00Z is now.
    server.set(tokens, Reply::Then(vec![token("ghs_first", "2026-11-21T11:00:00Z"), token("ghs_second", "2026-11-21T12:00:00Z")]));
    server.set("/api/user/7", Reply::json(&user(7, "ann").to_string()));
    let variables = [("TAGWARDEN_APP_ID", "4711"), ("TAGWARDEN_APP_KEY", key.as_str()), ("GITHUB_TOKEN", "ghs_other")];
    let github = github(&server, &HAND, &variables).unwrap();
    github.account(7).await.unwrap();
    github.account(7).await.unwrap();
    let log = server.log();
    let targets: Vec<&str> = log.iter().map(|request| request.target.as_str()).collect();
    assert_eq!(targets, [installation.as_str(), tokens, "/api/user/7", "/api/user/7"]);
    assert!(log[2].head.contains("Bearer ghs_first"));
    let body: Value = serde_json::from_slice(&log[1].body).unwrap();
    assert_eq!(body["repositories"], json!(["shop"]));
    // Of what it was given, what its purpose needs.
    assert_eq!(body["permissions"], json!({ "checks": "read", "metadata": "read", "pull_requests": "read" }));
    // The claim, against the key as another program tells it.
    let claim = log[0].head.lines().find_map(|line| line.split_once("Bearer ")).unwrap().1.trim().to_owned();
    let [header, payload, signature] = claim.split('.').collect::<Vec<_>>().try_into().unwrap();
    let part = |text: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap() };
    assert_eq!(part(header), json!({ "alg": "RS256", "typ": "JWT" }));
    assert_eq!(part(payload), json!({ "iat": 1_795_255_140, "exp": 1_795_255_680, "iss": "4711" }));
    let public = Command::new("ssh-keygen").args(["-e", "-m", "PEM", "-f"]).arg(&file).output().unwrap();
    let public = String::from_utf8(public.stdout).unwrap();
    let public: String = public.lines().filter(|line| !line.starts_with("-----")).collect();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, STANDARD.decode(public).unwrap());
    let signed = format!("{header}.{payload}");
    assert!(public.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).is_ok());
    assert!(public.verify(b"another claim", &URL_SAFE_NO_PAD.decode(signature).unwrap()).is_err());
    // Five minutes before its end.
    HAND.store(1_795_255_200 + 3_301, Ordering::SeqCst);
    github.account(7).await.unwrap();
    assert!(server.log().last().unwrap().head.contains("Bearer ghs_second"));
    assert_eq!(github.masks().mask(&format!("{claim} ghs_first ghs_second")), "[masked] [masked] [masked]");
    // An installation that lacks a permission, and none.
    HAND.store(1_795_255_200 + 7_200, Ordering::SeqCst);
    server.set(tokens, Reply::status(422, "{\"message\": \"The permissions requested are not granted to this installation.\"}"));
    assert!(github.account(7).await.unwrap_err().to_string().contains("lacks a permission of administration: read and checks: read"));
    server.set(&installation, Reply::status(404, "{}"));
    assert!(github.account(7).await.unwrap_err().to_string().contains("not installed on acme/shop"));
}

#[test]
fn credentials_that_cannot_be_used_are_told_without_them() {
    static HAND: AtomicI64 = AtomicI64::new(0);
    let server = Server::start();
    let told = |variables: &[(&str, &str)]| github(&server, &HAND, variables).err().map(|failure| failure.to_string()).unwrap_or_default();
    assert_eq!(told(&[]), "");
    assert!(told(&[("TAGWARDEN_APP_ID", "1")]).contains("TAGWARDEN_APP_KEY with the App's private key is not"));
    assert!(told(&[("TAGWARDEN_APP_KEY", "sesame")]).contains("TAGWARDEN_APP_ID with the App's id is not"));
    let wrong = told(&[("TAGWARDEN_APP_ID", "1"), ("TAGWARDEN_APP_KEY", "sesame")]);
    assert!(wrong.contains("is not an RSA private key in PEM form") && !wrong.contains("sesame"));
    assert!(told(&[("TAGWARDEN_APP_ID", "1/2"), ("TAGWARDEN_APP_KEY", "sesame")]).contains("neither an App's id nor its client id"));
}
