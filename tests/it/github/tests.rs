//! The contract, and the model that is held to it: that each catches what it is there for.

use super::{
    contract::{self, Answer, Call, Request},
    model::{App, Broken, GitHub, Key, Refused},
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

// ---- planted faults ---------------------------------------------------------------------------------------------------

const EDITS: &str = include_str!("../../contract/github/operations/edits.graphql");
const THREADS: &str = include_str!("../../contract/github/operations/threads.graphql");
const TIMELINE: &str = include_str!("../../contract/github/operations/timeline.graphql");

fn request(line: &str, body: Value) -> Request {
    let (method, target) = line.split_once(' ').unwrap();
    let mut headers = BTreeMap::from([("user-agent".to_owned(), "tests".to_owned())]);
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    if !body.is_empty() {
        headers.insert("content-type".to_owned(), "application/json".to_owned());
    }
    Request { method: method.to_owned(), target: target.to_owned(), headers, body }
}

/// What of a request breaks the contract, in one line.
fn request_faults(request: &Request) -> String {
    contract::read(request).1.join("; ")
}

fn call(request: &Request) -> Call {
    let (call, faults) = contract::read(request);
    assert_eq!(faults, Vec::<String>::new(), "{}", request.target);
    call.unwrap()
}

#[test]
fn a_request_that_breaks_the_contract_is_caught() {
    let oid = "a".repeat(40);
    let refs = "POST /repos/o/r/git/refs";
    let whole = json!({ "ref": "refs/heads/a", "sha": oid });
    #[rustfmt::skip]
    let cases = [
        ("GET /repos/o/r", Value::Null, ""),
        ("GET /repos/o/r/git/ref/tags/channel/production", Value::Null, ""),
        ("GET /repos/o/r/commits/heads/a%23b/check-runs?per_page=100", Value::Null, ""),
        (refs, whole.clone(), ""),
        ("GET /repos/o/r/git/ref/tags%2Fchannel", Value::Null, "%2F in `ref`: GitHub takes the slash of a ref as it is"),
        ("GET /repos/o/r/rules/branches/release%2f1", Value::Null, "%2F in `branch`: GitHub takes the slash of a ref as it is"),
        ("GET /repos/o/r/git/ref/", Value::Null, "no such operation in tests/contract/github/openapi.json"),
        ("GET /repos/o/r/tarball", Value::Null, "no such operation in tests/contract/github/openapi.json"),
        ("PUT /repos/o/r", Value::Null, "no such operation in tests/contract/github/openapi.json"),
        ("GET /repos/o//pulls/7", Value::Null, "no such operation in tests/contract/github/openapi.json"),
        ("GET /repos/o/r/pulls/seven", Value::Null, "the parameter `pull_number`: \"seven\" is not of type \"integer\""),
        ("GET /repos/o/r/commits/main/check-runs?filter=newest", Value::Null,
            "the parameter `filter`: \"newest\" is not one of \"latest\" or \"all\""),
        ("GET /repos/o/r/pulls/7/reviews?perpage=100", Value::Null, "there is no parameter `perpage`"),
        ("GET /repos/o/r/pulls/7/reviews?per_page=101", Value::Null, "`per_page` is 1 to 100"),
        ("GET /repos/o/r/pulls/7/reviews?page=1&page=2", Value::Null, "the parameter `page` is given twice"),
        ("GET /repos/o/r/git/ref/heads/a%zz", Value::Null, "`ref` is badly encoded"),
        (refs, Value::Null, "the body is missing"),
        (refs, json!({ "ref": "refs/heads/a" }), "the body: \"sha\" is a required property"),
        (refs, json!({ "ref": "refs/heads/a", "sha": 7 }), "the body/sha: 7 is not of type \"string\""),
        (refs, json!({ "ref": "refs/heads/a", "sha": oid, "forced": true }), "the body has an unknown member `forced`"),
        ("GET /repos/o/r", json!({}), "a body where none is read"),
    ];
    for (line, body, fault) in cases {
        assert_eq!(request_faults(&request(line, body)), fault, "{line}");
    }
    for (name, value, fault) in [
        ("user-agent", "", "no user-agent"),
        ("accept", "application/vnd.github.diff", "`accept` asks for a form that the contract does not describe"),
        ("x-github-api-version", "2021-01-01", "`x-github-api-version` is none that GitHub has"),
        ("content-type", "text/plain", "a body that is not `application/json`"),
    ] {
        let mut bent = request(refs, whole.clone());
        bent.headers.insert(name.to_owned(), value.to_owned());
        assert_eq!(request_faults(&bent), fault);
    }
}

#[test]
fn an_answer_that_breaks_the_contract_is_caught() {
    let call = call(&request("GET /repos/o/r/git/ref/heads/main", Value::Null));
    let oid = "a".repeat(40);
    let object = json!({ "type": "commit", "sha": oid, "url": "https://example.com/" });
    let whole = json!({ "ref": "refs/heads/main", "node_id": "x", "url": "https://example.com/", "object": object });
    let with = |member: &str, value: Value| {
        let mut bent = whole.clone();
        bent[member] = value;
        bent
    };
    let refusal = json!({ "message": "Not Found", "documentation_url": "https://example.com/", "status": "404" });
    let mut html = Answer::json(200, &whole);
    html.headers.insert("content-type".to_owned(), "text/html".to_owned());
    let mut broken = Answer::json(200, &whole);
    broken.body.truncate(20);
    #[rustfmt::skip]
    let cases = [
        (Answer::json(200, &whole), ""),
        (Answer::json(404, &refusal), ""),
        (Answer::json(401, &refusal), ""),
        (Answer::json(404, &json!({ "message": 7 })), "the answer/message: 7 is not of type \"string\""),
        (Answer::json(201, &whole), "201 is documented for no answer"),
        (Answer::json(502, &refusal), "502 is documented for no answer"),
        (Answer::json(200, &with("ref", Value::Null)), "the answer/ref: null is not of type \"string\""),
        (Answer::json(200, &with("url", json!("not a url"))), "the answer/url: \"not a url\" is not a \"uri\""),
        (Answer::json(200, &with("object", json!({ "type": "commit", "sha": "abc", "url": "https://example.com/" }))),
            "the answer/object/sha: \"abc\" is shorter than 40 characters"),
        (Answer::json(200, &json!({ "ref": "refs/heads/main" })),
            "the answer: \"node_id\" is a required property; the answer: \"url\" is a required property; \
             the answer: \"object\" is a required property"),
        (html, "the media type Some(\"text/html\") is documented for no answer 200"),
        (broken, "the answer is not JSON: EOF while parsing a string at line 1 column 20"),
        (Answer::empty(200), "the media type None is documented for no answer 200"),
    ];
    for (answer, fault) in cases {
        assert_eq!(contract::answer_faults(&call, &answer).join("; "), fault);
    }
}

fn graphql(text: &str, variables: Value) -> Request {
    request("POST /graphql", json!({ "query": text, "variables": variables }))
}

#[test]
fn a_graphql_request_that_breaks_the_contract_is_caught() {
    let known = json!({ "owner": "o", "name": "r", "number": 7 });
    let pull = |inner: &str| format!("query {{ repository(owner: \"o\", name: \"r\") {{ pullRequest(number: 7) {{ {inner} }} }} }}");
    let at = "Query.repository.pullRequest";
    #[rustfmt::skip]
    let cases = [
        (THREADS.to_owned(), known.clone(), String::new()),
        (THREADS.to_owned(), json!({ "owner": "o", "name": "r" }), "$number: null where Int! is due".to_owned()),
        (THREADS.to_owned(), json!({ "owner": "o", "name": "r", "number": "7" }), "$number: \"7\" is not a Int!".to_owned()),
        (THREADS.to_owned(), json!({ "owner": "o", "name": "r", "number": 7, "cursor": "" }), "$cursor is not declared".to_owned()),
        (THREADS.replace("first: 100,", "first: 101,"), known.clone(), format!("{at}.reviewThreads: `first` or `last` must be 1 to 100")),
        (THREADS.replace("isOutdated", "isOutdatd"), known.clone(),
            format!("{at}.reviewThreads.nodes.isOutdatd: PullRequestReviewThread has no such field in tests/contract/github/graphql.json")),
        (THREADS.replace("...identity", "...nobody"), known.clone(),
            format!("{at}.reviewThreads.nodes.comments.nodes.author: no fragment `nobody`")),
        (pull("number { id }"), Value::Null, format!("{at}.number: Int has no fields")),
        (pull("author"), Value::Null, format!("{at}.author: nothing is selected of Actor")),
        (pull("author { ... on Ref { id } }"), Value::Null, format!("{at}.author: a Actor is never a Ref")),
        (pull("reviews(first: 1, states: approved) { totalCount }"), Value::Null,
            format!("{at}.reviews(states): \"approved\" is not a PullRequestReviewState!")),
        (pull("reviews(first: 1, states: \"APPROVED\") { totalCount }"), Value::Null,
            format!("{at}.reviews(states): a word or a string where the other is due")),
        (pull("reviews(first: 1, sort: 2) { totalCount }"), Value::Null, format!("{at}.reviews: no argument `sort`")),
        (pull("id").replace("owner: \"o\", ", ""), Value::Null, "Query.repository: the argument `owner` is missing".to_owned()),
        (pull("id").replace("query", "query ($a: Int)"), Value::Null, "$a is never used".to_owned()),
        (pull("id").replace("number: 7", "number: $n").replace("query", "query ($n: Int)"), json!({ "n": 7 }),
            format!("{at}(number): $n is a Int where Int! is due")),
        (pull("id").replace("id }", "id"), Value::Null, "the document ends too early".to_owned()),
    ];
    for (text, variables, fault) in cases {
        assert_eq!(request_faults(&graphql(&text, variables)), fault, "{text}");
    }
}

#[test]
fn a_graphql_answer_that_breaks_the_contract_is_caught() {
    let call = call(&graphql(THREADS, json!({ "owner": "o", "name": "r", "number": 7 })));
    let author = json!({ "__typename": "User", "login": "ann", "databaseId": 11 });
    let thread = json!({ "id": "T_1", "isResolved": false, "isOutdated": false, "comments": { "nodes": [{ "author": author }] } });
    let pages = json!({ "hasNextPage": false, "endCursor": null });
    let threads = json!({ "totalCount": 1, "pageInfo": pages, "nodes": [thread] });
    let whole = json!({ "data": { "repository": { "pullRequest": { "headRefOid": "a".repeat(40), "reviewThreads": threads } } } });
    let faults = |body: &Value| contract::answer_faults(&call, &Answer::json(200, body)).join("; ");
    assert_eq!(faults(&whole), "");
    let pull = "/data/repository/pullRequest";
    let thread = format!("{pull}/reviewThreads/nodes/0");
    let shown = "data.repository.pullRequest";
    let shown_thread = format!("{shown}.reviewThreads.nodes[0]");
    #[rustfmt::skip]
    let cases = [
        ("/data/repository".to_owned(), Value::Null, String::new()),
        (format!("{thread}/comments/nodes/0/author"), Value::Null, String::new()),
        (format!("{thread}/comments/nodes/0/author"), json!({ "__typename": "Mannequin", "login": "x" }), String::new()),
        (format!("{thread}/isResolved"), json!("no"), format!("{shown_thread}.isResolved: \"no\" is not a Boolean!")),
        (format!("{thread}/isResolved"), Value::Null, format!("{shown_thread}.isResolved: null where Boolean! is due")),
        (format!("{thread}/comments/nodes/0/author"), json!({ "__typename": "Bot", "login": "x" }),
            format!("{shown_thread}.comments.nodes[0].author.databaseId is missing")),
        (format!("{thread}/comments/nodes/0/author"), json!({ "__typename": "Robot", "login": "x" }),
            format!("{shown_thread}.comments.nodes[0].author: Robot is not a Actor")),
        (format!("{pull}/headRefOid"), json!("abc"), format!("{shown}.headRefOid: \"abc\" is not a GitObjectID!")),
        (format!("{pull}/reviewThreads/nodes"), json!({}), format!("{shown}.reviewThreads.nodes: {{}} is not a list")),
        (format!("{pull}/reviewThreads/pageInfo"), json!({ "hasNextPage": true, "endCursor": null, "startCursor": "" }),
            format!("{shown}.reviewThreads.pageInfo.startCursor was not asked")),
        ("/data".to_owned(), Value::Null, "neither `data` nor `errors`".to_owned()),
    ];
    for (pointer, value, fault) in cases {
        let mut bent = whole.clone();
        *bent.pointer_mut(&pointer).unwrap() = value;
        assert_eq!(faults(&bent), fault, "{pointer}");
    }
    assert_eq!(faults(&json!({ "data": null, "errors": [{ "message": "no" }] })), "");
    assert_eq!(faults(&json!({ "data": null, "errors": [] })), "`errors` is not a list of messages");
    assert_eq!(faults(&json!({ "data": null, "errors": ["no"] })), "`errors` is not a list of messages");
}

// ---- the model --------------------------------------------------------------------------------------------------------

/// A client that knows nothing of GitHub.
pub struct Plain {
    root: String,
    token: String,
}

pub struct Got {
    pub status: u16,
    headers: BTreeMap<String, String>,
    text: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Status and GitHub's words.
    pub fn refusal(&self) -> String {
        format!("{} {}", self.status, self.json()["message"].as_str().unwrap_or_default())
    }
}

impl Plain {
    pub fn new(hub: &GitHub, token: &str) -> Plain {
        Plain { root: hub.url(), token: token.to_owned() }
    }

    fn try_send(&self, line: &str, body: &Value) -> Result<Got, reqwest::Error> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (method, target) = line.split_once(' ').unwrap();
        let url = if target.starts_with("http") { target.to_owned() } else { format!("{}{target}", self.root) };
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let client = reqwest::Client::builder().no_proxy().user_agent("tests").timeout(std::time::Duration::from_secs(5)).build()?;
            let mut request = client.request(method.parse().unwrap(), url);
            if !self.token.is_empty() {
                request = request.header("authorization", format!("Bearer {}", self.token));
            }
            if !body.is_null() {
                request = request.header("content-type", "application/json").body(body.to_string());
            }
            let response = request.send().await?;
            let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap().to_owned();
            let headers = response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
            Ok(Got { status: response.status().as_u16(), headers, text: response.text().await? })
        })
    }

    pub fn send(&self, line: &str, body: &Value) -> Got {
        self.try_send(line, body).unwrap_or_else(|error| panic!("{line}: {error:?}"))
    }

    fn get(&self, path: &str) -> Got {
        self.send(&format!("GET {path}"), &Value::Null)
    }

    fn ask(&self, text: &str, variables: &Value) -> Value {
        self.send("POST /graphql", &json!({ "query": text, "variables": variables })).json()
    }
}

fn oid(number: u64) -> String {
    format!("{number:040x}")
}

fn claims(app: &App, hub: &GitHub) -> Value {
    let now = hub.now().as_second();
    json!({ "iss": app.id.to_string(), "iat": now - 30, "exp": now + 540 })
}

/// A plain client goes through every operation; the contract judges each answer when the model ends.
#[test]
fn every_operation_is_answered() {
    let hub = GitHub::new();
    let (ann, ci) = (hub.user("ann"), hub.app("ci"));
    let head = oid(0xabc);
    let repo = hub.repo().collaborator(&ann, "admin").reference("refs/heads/main", &head).reference("refs/tags/v1.0.0", &head);
    let repo = repo.commit(&oid(0xdef), &[&head]).check_run(&ci, &head, "build", "completed", Some("success"));
    let repo = repo.status(&ann, &head, "lint", "success").release(&ann, "v1.0.0");
    let repo = repo.environment("promotion", Some(&[("branch", "main")])).variable(Some("promotion"), "TAGWARDEN_GENESIS", &head);
    let repo = repo.variable(None, "TAGWARDEN_GENESIS", &head).workflows("write", true).immutable_releases(true);
    let repo = repo.ruleset("Channels", "tag", &["refs/tags/channel/*"], &["update", "deletion"], &[&ci]);
    repo.ruleset("Main", "branch", &["refs/heads/main"], &["deletion"], &[]).rule_suite(
        &ann,
        "refs/heads/main",
        (&oid(1), &head),
        "bypass",
    );
    let pull = hub.pull(7).author(&hub.user("bob")).head(&head).files(3).review(&ann, "APPROVED", "Fine").react(&ann, "+1");
    let pull = pull.thread(&ann, "Why?").merged(&ann, &oid(0xdef)).auto_merge(&ann).force_push(&ann, &oid(0xabcd)).dismiss(&ann, &ann);
    let comment = pull.comment(&ann, "Hello");
    hub.team("example", "release", &[(&ann, "maintainer")]);
    let installation = ci.install("example", &[("checks", "write"), ("contents", "read")]);
    let ids = |path: &str| Plain::new(&hub, &hub.token(&ann)).get(path).json()[0]["id"].to_string();
    let (ruleset, suite) = (ids("/repos/example/app/rulesets"), ids("/repos/example/app/rulesets/rule-suites"));

    let here = "/repos/example/app";
    let check = json!({ "name": "tagwarden", "head_sha": head, "output": { "title": "Promoted", "summary": "All gates passed" } });
    let person = Plain::new(&hub, &hub.token(&ann));
    let itself = Plain::new(&hub, &Key::of_apps().token(&claims(&ci, &hub)));
    let given = itself.send(&format!("POST /app/installations/{installation}/access_tokens"), &Value::Null).json();
    let installed = Plain::new(&hub, given["token"].as_str().unwrap());
    let made = installed.send(&format!("POST {here}/check-runs"), &check).json()["id"].to_string();
    let deployment = json!({ "ref": "main", "auto_merge": false, "environment": "production" });
    let deployed = person.send(&format!("POST {here}/deployments"), &deployment).json()["id"].to_string();
    let eyes = json!({ "content": "eyes" });
    let reacted = person.send(&format!("POST {here}/issues/comments/{comment}/reactions"), &eyes).json()["id"].to_string();
    let query = |text: &str| json!({ "query": text, "variables": { "owner": "example", "name": "app", "number": 7 } });

    let none = Value::Null;
    #[rustfmt::skip]
    let session: Vec<(&Plain, String, Value, u16)> = vec![
        (&itself, "GET /app".to_owned(), none.clone(), 200),
        (&itself, format!("GET {here}/installation"), none.clone(), 200),
        (&itself, format!("POST /app/installations/{installation}/access_tokens"), json!({ "permissions": { "contents": "read" } }), 201),
        (&installed, "GET /installation/repositories".to_owned(), none.clone(), 200),
        (&installed, format!("POST {here}/check-runs"), check.clone(), 201),
        (&installed, format!("PATCH {here}/check-runs/{made}"), json!({ "status": "completed", "conclusion": "success" }), 200),
        (&person, "GET /rate_limit".to_owned(), none.clone(), 200),
        (&person, format!("GET /user/{}", ann.id), none.clone(), 200),
        (&person, "GET /users/ci%5Bbot%5D".to_owned(), none.clone(), 200),
        (&person, "GET /orgs/example/teams/release".to_owned(), none.clone(), 200),
        (&person, "GET /orgs/example/teams/release/members?role=maintainer".to_owned(), none.clone(), 200),
        (&person, "GET /orgs/example/teams/release/memberships/ann".to_owned(), none.clone(), 200),
        (&person, format!("GET {here}"), none.clone(), 200),
        (&person, format!("GET {here}/collaborators/ann/permission"), none.clone(), 200),
        (&person, format!("GET {here}/commits/{head}/pulls"), none.clone(), 200),
        (&person, format!("GET {here}/commits/heads/main"), none.clone(), 200),
        (&person, format!("GET {here}/commits/main/check-runs?filter=all"), none.clone(), 200),
        (&person, format!("GET {here}/commits/{head}/check-suites"), none.clone(), 200),
        (&person, format!("GET {here}/commits/{head}/status"), none.clone(), 200),
        (&person, format!("GET {here}/commits/{head}/statuses"), none.clone(), 200),
        (&person, format!("POST {here}/statuses/{head}"), json!({ "state": "success", "context": "tagwarden" }), 201),
        (&person, format!("POST {here}/deployments"), deployment.clone(), 201),
        (&person, format!("GET {here}/deployments?environment=production"), none.clone(), 200),
        (&person, format!("POST {here}/deployments/{deployed}/statuses"), json!({ "state": "success" }), 201),
        (&person, format!("GET {here}/deployments/{deployed}/statuses"), none.clone(), 200),
        (&person, format!("GET {here}/git/ref/tags/v1.0.0"), none.clone(), 200),
        (&person, format!("GET {here}/git/matching-refs/heads/"), none.clone(), 200),
        (&person, format!("POST {here}/git/refs"), json!({ "ref": "refs/heads/next", "sha": head }), 201),
        (&person, format!("PATCH {here}/git/refs/heads/next"), json!({ "sha": oid(0xdef) }), 200),
        (&person, format!("DELETE {here}/git/refs/heads/next"), none.clone(), 204),
        (&person, format!("GET {here}/issues/7"), none.clone(), 200),
        (&person, format!("GET {here}/issues/7/comments?per_page=100"), none.clone(), 200),
        (&person, format!("POST {here}/issues/7/comments"), json!({ "body": "Promoted" }), 201),
        (&person, format!("GET {here}/issues/comments/{comment}"), none.clone(), 200),
        (&person, format!("PATCH {here}/issues/comments/{comment}"), json!({ "body": "Edited" }), 200),
        (&person, format!("GET {here}/issues/7/reactions?content=%2B1"), none.clone(), 200),
        (&person, format!("POST {here}/issues/comments/{comment}/reactions"), eyes.clone(), 200),
        (&person, format!("GET {here}/issues/comments/{comment}/reactions"), none.clone(), 200),
        (&person, format!("DELETE {here}/issues/comments/{comment}/reactions/{reacted}"), none.clone(), 204),
        (&person, format!("GET {here}/pulls/7"), none.clone(), 200),
        (&person, format!("GET {here}/pulls/7/reviews"), none.clone(), 200),
        (&person, format!("GET {here}/pulls/7/files"), none.clone(), 200),
        (&person, format!("GET {here}/pulls/7/commits"), none.clone(), 200),
        (&person, format!("GET {here}/releases/tags/v1.0.0"), none.clone(), 200),
        (&person, format!("GET {here}/rules/branches/main"), none.clone(), 200),
        (&person, format!("GET {here}/rulesets"), none.clone(), 200),
        (&person, format!("POST {here}/rulesets"), json!({ "name": "Ledger", "target": "branch", "enforcement": "active",
            "conditions": { "ref_name": { "include": ["~ALL"], "exclude": [] } }, "rules": [{ "type": "deletion" }] }), 201),
        (&person, format!("GET {here}/actions/permissions/workflow"), none.clone(), 200),
        (&person, format!("GET {here}/actions/variables/TAGWARDEN_GENESIS"), none.clone(), 200),
        (&person, format!("GET {here}/environments/promotion"), none.clone(), 200),
        (&person, format!("GET {here}/environments/promotion/deployment-branch-policies"), none.clone(), 200),
        (&person, format!("GET {here}/environments/promotion/variables/TAGWARDEN_GENESIS"), none.clone(), 200),
        (&person, format!("GET {here}/immutable-releases"), none.clone(), 200),
        (&person, format!("PUT {here}/immutable-releases"), none.clone(), 204),
        (&person, format!("PUT {here}/actions/permissions/workflow"), json!({ "default_workflow_permissions": "read" }), 204),
        (&person, format!("PUT {here}/environments/next"),
            json!({ "deployment_branch_policy": { "protected_branches": false, "custom_branch_policies": true } }), 200),
        (&person, format!("POST {here}/environments/next/deployment-branch-policies"), json!({ "name": "main", "type": "branch" }), 200),
        (&person, format!("POST {here}/environments/next/variables"), json!({ "name": "GENESIS", "value": "1" }), 201),
        (&person, format!("GET {here}/rulesets/{ruleset}"), none.clone(), 200),
        (&person, format!("GET {here}/rulesets/rule-suites?rule_suite_result=bypass"), none.clone(), 200),
        (&person, format!("GET {here}/rulesets/rule-suites/{suite}"), none.clone(), 200),
        (&person, "POST /graphql".to_owned(), query(THREADS), 200),
        (&person, "POST /graphql".to_owned(), query(EDITS), 200),
        (&person, "POST /graphql".to_owned(), query(TIMELINE), 200),
    ];
    let mut left: BTreeSet<&str> = contract::operations().collect();
    for (client, line, body, status) in session {
        let got = client.send(&line, &body);
        assert_eq!(got.status, status, "{line}: {}", got.text);
        assert!(!got.text.contains("\"errors\""), "{line}: {}", got.text);
        left.remove(contract::read(&request(&line, body)).0.unwrap().operation);
    }
    assert_eq!(left, BTreeSet::new(), "operations that nobody asked for");
    assert_eq!(pull.comments(), ["ann: Edited", "ann: Promoted"]);
    assert_eq!(pull.reactions(comment), Vec::<String>::new());
    assert_eq!(hub.violations(), Vec::<String>::new());
}

#[test]
fn what_breaks_the_contract_fails_the_test() {
    let hub = GitHub::new();
    let ann = hub.user("ann");
    hub.repo().collaborator(&ann, "read");
    let client = Plain::new(&hub, &hub.token(&ann));
    client.get("/repos/example/app/tarball");
    client.get("/repos/example/app/pulls/7/reviews?per_page=1000");
    client.ask("query { repository(owner: \"example\", name: \"app\") { diskUsage } }", &json!({}));
    hub.refuse("GET /repos/example/app", 3, Refused::NotFound);
    assert_eq!(
        hub.violations(),
        [
            "GET /repos/example/app/tarball: no such operation in tests/contract/github/openapi.json",
            "GET /repos/example/app/pulls/7/reviews?per_page=1000: `per_page` is 1 to 100",
            "POST /graphql: the model does not answer Repository.diskUsage",
            "GET /repos/example/app: a planted fault was never met",
        ]
    );
    let dropped = std::panic::catch_unwind(|| {
        let hub = GitHub::new();
        Plain::new(&hub, "").get("/repos/example/app/tarball");
    });
    let words = *dropped.unwrap_err().downcast::<String>().unwrap();
    assert_eq!(words.trim(), "GET /repos/example/app/tarball: no such operation in tests/contract/github/openapi.json");
}

#[test]
fn lists_come_in_pages_and_name_the_repository_by_number() {
    let hub = GitHub::new();
    let ann = hub.user("ann");
    let repo = hub.repo().collaborator(&ann, "read");
    hub.pull(7).files(3001);
    let client = Plain::new(&hub, &hub.token(&ann));
    let first = client.get("/repos/example/app/pulls/7/files?per_page=100");
    let at = |page: u64| format!("{}/repositories/{}/pulls/7/files?per_page=100&page={page}", hub.url(), repo.id);
    assert_eq!(first.header("link"), format!("<{}>; rel=\"next\", <{}>; rel=\"last\"", at(2), at(30)));
    let last = client.get(&at(30));
    assert_eq!(last.header("link"), format!("<{}>; rel=\"prev\", <{}>; rel=\"first\"", at(29), at(1)));
    // 3,000 files is all that GitHub tells.
    assert_eq!(last.json().as_array().unwrap().last().unwrap()["filename"], "file-2999.txt");
    assert_eq!(client.get("/repos/example/app/pulls/7/files").json().as_array().unwrap().len(), 30);
}

#[test]
fn a_token_sees_and_may_what_it_was_given() {
    let hub = GitHub::new();
    let (ann, stranger) = (hub.user("ann"), hub.user("stranger"));
    let repo = hub.repo().collaborator(&ann, "write").reference("refs/heads/main", &oid(1));
    let open = hub.repository("example/open").public().reference("refs/heads/main", &oid(1));
    let create =
        |client: &Plain, repo: &str| client.send(&format!("POST /repos/{repo}/git/refs"), &json!({ "ref": "refs/heads/x", "sha": oid(1) }));
    let pulls = "/repos/example/app/pulls/7";
    assert_eq!(Plain::new(&hub, "").get("/repos/example/app").refusal(), "404 Not Found");
    assert_eq!(Plain::new(&hub, &hub.token(&stranger)).get("/repos/example/app").refusal(), "404 Not Found");
    assert_eq!(Plain::new(&hub, "").get("/repos/example/open").status, 200);
    assert_eq!(create(&Plain::new(&hub, ""), "example/open").refusal(), "401 Requires authentication");
    assert_eq!(Plain::new(&hub, "ghp_wrong").get("/repos/example/open").refusal(), "401 Bad credentials");

    hub.pull(7);
    let limited = Plain::new(&hub, &hub.limited_token(&ann, &[("contents", "write")]));
    let refused = limited.get(pulls);
    assert_eq!(refused.refusal(), "403 Resource not accessible by integration");
    assert_eq!(refused.header("x-accepted-github-permissions"), "pull_requests=read");
    assert_eq!(create(&limited, "example/app").status, 201);
    let reader = Plain::new(&hub, &hub.limited_token(&ann, &[("contents", "read")]));
    assert_eq!(create(&reader, "example/app").header("x-accepted-github-permissions"), "contents=write");
    let answer = limited.ask(THREADS, &json!({ "owner": "example", "name": "app", "number": 7 }));
    assert_eq!(answer["errors"][0]["type"], "FORBIDDEN");

    let token = hub.token(&ann);
    hub.set_remaining(&token, 1);
    let client = Plain::new(&hub, &token);
    assert_eq!(client.get(pulls).header("x-ratelimit-remaining"), "0");
    assert!(client.get(pulls).refusal().starts_with("403 API rate limit exceeded"));
    repo.archived();
    assert_eq!(create(&Plain::new(&hub, &hub.token(&ann)), "example/app").refusal(), "403 Repository was archived so is read-only.");
    assert_eq!(open.at("refs/heads/x"), None);
}

#[test]
fn an_app_proves_who_it_is_and_gets_no_more_than_its_installation_has() {
    let hub = GitHub::new();
    let mover = hub.app("mover");
    let repo = hub.repo();
    hub.repository("example/other");
    let installation = mover.install_on(&repo, &[("contents", "write"), ("checks", "read")]);
    let whole = claims(&mover, &hub);
    let with = |name: &str, value: i64| {
        let mut bent = whole.clone();
        bent[name] = json!(value);
        Key::of_apps().token(&bent)
    };
    let now = hub.now().as_second();
    let good = Key::of_apps().token(&whole);
    let (head, rest) = good.split_once('.').unwrap();
    #[rustfmt::skip]
    let cases = [
        (good.clone(), "200"),
        (Key::of_nobody().token(&whole), "401 A JSON web token could not be decoded"),
        (format!("{head}.{}", rest.replacen('a', "b", 1)), "401"),
        (with("exp", now), "401 'Expiration time' claim ('exp') must be"),
        (with("exp", now + 601), "401 'Expiration time' claim ('exp') is too far in the future"),
        (with("iat", now + 120), "401 'Issued at' claim ('iat')"),
        (with("iss", 1), "401 Integration not found"),
        (hub.token(&hub.user("ann")), "401 A JSON web token could not be decoded"),
    ];
    for (token, expected) in cases {
        let got = Plain::new(&hub, &token).get("/app").refusal();
        assert!(got.starts_with(expected), "{got}, not {expected}");
    }

    let itself = Plain::new(&hub, &good);
    assert_eq!(itself.get("/repos/example/app/installation").json()["id"], installation);
    assert_eq!(itself.get("/repos/example/other/installation").status, 404);
    let line = format!("POST /app/installations/{installation}/access_tokens");
    let refused = |body: Value| itself.send(&line, &body).refusal();
    assert_eq!(refused(json!({ "permissions": { "contents": "admin" } })).split(' ').next(), Some("422"));
    assert_eq!(hub.violations().len(), 1, "`admin` is no level of this permission, and the contract says so");
    assert_eq!(
        refused(json!({ "permissions": { "checks": "write" } })),
        "422 The permissions requested are not granted to this installation."
    );
    assert!(refused(json!({ "repositories": ["other"] })).starts_with("422 There is at least one repository"));
    let given = itself.send(&line, &json!({ "repositories": ["app"], "permissions": { "checks": "read" } })).json();
    assert_eq!(given["permissions"], json!({ "checks": "read" }));
    let token = given["token"].as_str().unwrap();
    let client = Plain::new(&hub, token);
    repo.reference("refs/heads/main", &oid(1));
    assert_eq!(client.get("/repos/example/app/commits/main/check-runs").status, 200);
    assert_eq!(client.get("/repos/example/app/git/ref/heads/main").status, 403);
    assert_eq!(client.get("/repos/example/other").status, 404);
    hub.set_now("2026-01-01T13:10:00Z");
    assert_eq!(client.get("/repos/example/app").refusal(), "401 Bad credentials");
}

#[test]
fn refs_move_as_git_and_the_rules_allow() {
    let hub = GitHub::new();
    let (ann, mover) = (hub.user("ann"), hub.app("mover"));
    let (old, new) = (oid(1), oid(2));
    let repo = hub.repo().collaborator(&ann, "admin").commit(&old, &[]).commit(&new, &[&old]).reference("refs/heads/main", &old);
    let repo = repo.reference("refs/tags/channel/production", &old);
    let repo = repo.ruleset("Channels", "tag", &["refs/tags/channel/*"], &["update", "deletion"], &[&mover]);
    let person = Plain::new(&hub, &hub.token(&ann));
    let installation = mover.install("example", &[("contents", "write")]);
    let line = format!("POST /app/installations/{installation}/access_tokens");
    let given = Plain::new(&hub, &Key::of_apps().token(&claims(&mover, &hub))).send(&line, &Value::Null).json();
    let app = Plain::new(&hub, given["token"].as_str().unwrap());
    let refs = "/repos/example/app/git/refs";
    let ruled = "422 Repository rule violations found\n\nCannot update this protected ref.\n\n";
    #[rustfmt::skip]
    let session = [
        (&person, "POST", "", json!({ "ref": "refs/heads/main", "sha": new }), "422 Reference already exists"),
        (&person, "POST", "", json!({ "ref": "refs/heads/x", "sha": oid(9) }), "422 Object does not exist"),
        (&person, "POST", "", json!({ "ref": "heads/x", "sha": new }),
            "422 Reference name must start with 'refs/' and contain at least two slashes."),
        (&person, "PATCH", "/heads/main", json!({ "sha": new }), "200 "),
        (&person, "PATCH", "/heads/main", json!({ "sha": old }), "422 Update is not a fast forward"),
        (&person, "PATCH", "/heads/main", json!({ "sha": old, "force": true }), "200 "),
        (&person, "PATCH", "/heads/gone", json!({ "sha": old }), "422 Reference does not exist"),
        (&person, "PATCH", "/tags/channel/production", json!({ "sha": new }), ruled),
        (&person, "DELETE", "/tags/channel/production", Value::Null, ruled),
        (&app, "PATCH", "/tags/channel/production", json!({ "sha": new }), "200 "),
    ];
    for (client, method, name, body, expected) in session {
        assert_eq!(client.send(&format!("{method} {refs}{name}"), &body).refusal(), expected, "{method} {name}");
    }
    assert_eq!(repo.at("refs/heads/main"), Some(old));
    assert_eq!(repo.at("refs/tags/channel/production"), Some(new));
}

#[test]
fn people_are_shown_as_github_shows_them() {
    let hub = GitHub::new();
    let (ann, bot) = (hub.user("ann"), hub.app("reviewer"));
    let (gone, other) = (hub.user("gone"), hub.user("reviewer"));
    hub.repo().collaborator(&ann, "maintain");
    let pull = hub.pull(7).review(&gone, "APPROVED", "").review(&bot.bot, "COMMENTED", "").review(&ann, "PENDING", "Draft");
    let pull = pull.thread(&bot.bot, "Why?").thread(&other, "Same login but for the end").resolve(&ann);
    let comment = pull.comment(&ann, "One");
    pull.edit_comment(comment, &other, "Two");
    gone.delete();
    let as_ann = Plain::new(&hub, &hub.token(&ann));
    let as_workflow = Plain::new(&hub, &hub.workflow_token(&[("pull_requests", "read")]));
    let reviews = |client: &Plain| {
        let found = client.get("/repos/example/app/pulls/7/reviews").json();
        let shown =
            |review: &Value| format!("{} {}", review["user"]["login"].as_str().unwrap_or("null"), review["state"].as_str().unwrap());
        found.as_array().unwrap().iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(reviews(&as_ann), ["null APPROVED", "reviewer[bot] COMMENTED", "ann PENDING"]);
    assert_eq!(reviews(&as_workflow), ["null APPROVED", "reviewer[bot] COMMENTED"]);

    let known = json!({ "owner": "example", "name": "app", "number": 7 });
    let threads = &as_workflow.ask(THREADS, &known)["data"]["repository"]["pullRequest"]["reviewThreads"]["nodes"];
    let author = |at: usize| threads[at]["comments"]["nodes"][0]["author"].clone();
    assert_eq!(author(0), json!({ "__typename": "Bot", "login": "reviewer", "databaseId": bot.bot.id }));
    assert_eq!(author(1), json!({ "__typename": "User", "login": "reviewer", "databaseId": other.id }));
    assert_eq!((&threads[0]["isResolved"], &threads[1]["isResolved"]), (&json!(false), &json!(true)));
    let edits = as_workflow.ask(EDITS, &known);
    let edited = &edits["data"]["repository"]["pullRequest"]["comments"]["nodes"][0];
    assert_eq!((&edited["body"], &edited["editor"]["login"]), (&json!("Two"), &json!("reviewer")));
    let missing = as_workflow.ask(THREADS, &json!({ "owner": "example", "name": "app", "number": 8 }));
    assert_eq!((&missing["errors"][0]["type"], &missing["data"]["repository"]["pullRequest"]), (&json!("NOT_FOUND"), &Value::Null));
    let permission = as_ann.get("/repos/example/app/collaborators/ann/permission").json();
    assert_eq!((&permission["permission"], &permission["role_name"]), (&json!("write"), &json!("maintain")));
}

#[test]
fn cursors_lead_from_page_to_page() {
    let hub = GitHub::new();
    let ann = hub.user("ann");
    hub.repo().collaborator(&ann, "read");
    let mut pull = hub.pull(7);
    for number in 0..5 {
        pull = pull.thread(&ann, &number.to_string());
    }
    let client = Plain::new(&hub, &hub.token(&ann));
    let text = THREADS.replace("first: 100", "first: 2");
    let (mut after, mut seen) = (Value::Null, Vec::new());
    loop {
        let answer = client.ask(&text, &json!({ "owner": "example", "name": "app", "number": 7, "after": after }));
        let threads = &answer["data"]["repository"]["pullRequest"]["reviewThreads"];
        seen.push(threads["nodes"].as_array().unwrap().len());
        after = threads["pageInfo"]["endCursor"].clone();
        if threads["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(seen, [2, 2, 1]);
    let odd = client.ask(&text, &json!({ "owner": "example", "name": "app", "number": 7, "after": "odd" }));
    assert_eq!(odd["errors"][0]["message"], "`odd` does not appear to be a valid cursor.");
}

#[test]
fn faults_come_at_the_request_that_was_named() {
    let hub = GitHub::new();
    let ann = hub.user("ann");
    let repo = hub.repo().collaborator(&ann, "admin").reference("refs/heads/main", &oid(1));
    repo.check_run(&hub.app("ci"), &oid(1), "build", "completed", Some("success"));
    let client = Plain::new(&hub, &hub.token(&ann));
    let (path, runs) = ("/repos/example/app/pulls/7", format!("/repos/example/app/commits/{}/check-runs", oid(1)));
    let line = format!("GET {path}");
    let pull = hub.pull(7).thread(&ann, "Why?");
    hub.refuse(&line, 2, Refused::SecondaryRateLimit { retry_after: 7 });
    hub.refuse(&line, 3, Refused::RateLimit);
    hub.break_contract(&line, 4, Broken::Html(502));
    let got: Vec<Got> = (0..5).map(|_| client.get(path)).collect();
    assert_eq!(got.iter().map(|got| got.status).collect::<Vec<_>>(), [200, 403, 403, 502, 200]);
    assert_eq!((got[1].header("retry-after"), got[2].header("x-ratelimit-remaining")), ("7", "0"));
    assert_eq!(got[3].header("content-type"), "text/html; charset=utf-8");

    for broken in [Broken::Truncated, Broken::ClosedBefore] {
        hub.break_contract(&line, 1, broken.clone());
        let error = client.try_send(&line, &Value::Null).err().unwrap_or_else(|| panic!("{broken:?} is an answer"));
        assert!(!error.is_timeout(), "{broken:?}: {error:?}");
    }
    let write = "POST /repos/example/app/issues/7/comments";
    hub.break_contract(write, 1, Broken::ClosedAfter);
    assert!(client.try_send(write, &json!({ "body": "Lost" })).is_err());
    assert_eq!(pull.comments(), ["ann: Lost"]);

    hub.break_contract(&line, 1, Broken::WrongType);
    assert_eq!(client.get(path).header("content-type"), "text/plain");
    hub.break_contract(&line, 1, Broken::Json(200, json!([])));
    assert_eq!(client.get(path).text, "[]");
    hub.break_contract(&line, 1, Broken::Header("link", "nonsense".to_owned()));
    assert_eq!(client.get(path).header("link"), "nonsense");
    hub.break_contract(&format!("GET {runs}"), 1, Broken::StuckCursor);
    assert_eq!(client.get(&runs).header("link"), format!("<{}{runs}>; rel=\"next\"", hub.url()));
    hub.break_contract("POST /graphql", 1, Broken::StuckCursor);
    let stuck = client.ask(THREADS, &json!({ "owner": "example", "name": "app", "number": 7 }));
    assert_eq!(stuck["data"]["repository"]["pullRequest"]["reviewThreads"]["pageInfo"]["hasNextPage"], true);
    hub.break_contract(&format!("GET {runs}"), 1, Broken::Replaced { from: oid(1), to: oid(2) });
    assert_eq!(client.get(&runs).json()["check_runs"][0]["head_sha"], oid(2));
}

#[test]
fn a_stalled_answer_ends_with_the_model() {
    let hub = GitHub::new();
    hub.repo().public();
    hub.break_contract("GET /repos/example/app", 1, Broken::Stalled);
    let client = Plain::new(&hub, "");
    let asking = std::thread::spawn(move || client.try_send("GET /repos/example/app", &Value::Null).err());
    while hub.requests().is_empty() {
        std::thread::yield_now();
    }
    drop(hub);
    let error = asking.join().unwrap().expect("no whole answer came");
    assert!(!error.is_timeout(), "{error:?}");
}

#[test]
fn a_pull_request_is_read_as_it_was_made() {
    let hub = GitHub::new();
    let (ann, ci) = (hub.user("ann"), hub.app("ci"));
    let repo = hub.repo().collaborator(&ann, "admin").tag_object("v1", &oid(0x7a6)).reference("refs/tags/v2", &oid(2));
    let fork = hub.repository("bob/app").public();
    let pull = hub.pull(7).author(&ann).base("release", &oid(5)).of_fork(Some(&fork)).draft().mergeable(None);
    let mine = pull.comment(&ann, "One");
    pull.comment_of_app(&ci, "Two");
    pull.delete_comment(pull.comment(&ann, "Gone"));
    hub.pull(8).of_fork(None).closed().review(&ann, "CHANGES_REQUESTED", "No").edit_review(&ann, "Yes");
    let client = Plain::new(&hub, &hub.token(&ann));
    let at = |path: &str, pointers: &[&str]| {
        let got = client.get(&format!("/repos/example/app{path}")).json();
        pointers.iter().map(|pointer| got.pointer(pointer).map_or("nothing".to_owned(), Value::to_string)).collect::<Vec<_>>().join(" ")
    };
    let of_pull = ["/state", "/draft", "/mergeable", "/base/ref", "/head/repo/full_name", "/user/login"];
    assert_eq!(at("/pulls/7", &of_pull), r#""open" true null "release" "bob/app" "ann""#);
    assert_eq!(at("/pulls/8", &of_pull), r#""closed" false true "main" nothing "author""#);
    assert_eq!(at("/pulls/8/reviews", &["/0/state", "/0/body", "/1"]), r#""CHANGES_REQUESTED" "Yes" nothing"#);
    let of_comments = ["/0/id", "/0/performed_via_github_app", "/1/user/type", "/1/performed_via_github_app/id", "/2"];
    assert_eq!(at("/issues/7/comments", &of_comments), format!("{mine} null \"Bot\" {} nothing", ci.id));
    assert_eq!(at("/git/ref/tags/v1", &["/object/type"]), r#""tag""#);

    repo.ruleset("Releases", "tag", &["refs/tags/v*"], &["deletion"], &[]).enforce("Releases", "evaluate");
    assert_eq!(client.send("DELETE /repos/example/app/git/refs/tags/v2", &Value::Null).status, 204);
    let installation = ci.install("example", &[]);
    ci.suspend(installation);
    let itself = Plain::new(&hub, &Key::of_apps().token(&claims(&ci, &hub)));
    let asked = itself.send(&format!("POST /app/installations/{installation}/access_tokens"), &Value::Null);
    assert_eq!(asked.refusal(), "403 This installation has been suspended");
    hub.refuse("GET /app", 1, Refused::BadCredentials);
    hub.refuse("GET /app", 2, Refused::TooManyRequests { retry_after: 1 });
    assert_eq!([itself.get("/app").status, itself.get("/app").status], [401, 429]);
}
