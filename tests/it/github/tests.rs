//! The contract, and the model that is held to it: that each catches what it is there for.

use super::contract::{self, Answer, Call, Request};
use serde_json::{Value, json};

// ---- planted faults ---------------------------------------------------------------------------------------------------

const THREADS: &str = include_str!("../../contract/github/operations/threads.graphql");

fn request(line: &str, body: Value) -> Request {
    let (method, target) = line.split_once(' ').unwrap();
    let mut headers = std::collections::BTreeMap::from([("user-agent".to_owned(), "tests".to_owned())]);
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
