//! GitHub's own contract, for one exchange at a time: `tests/contract/github/openapi.json` (JSON Schema draft 2020-12, made from
//! what GitHub publishes) for REST, [`super::graphql`] for GraphQL. What the documents do not say is said here, from GitHub's
//! pages about every operation: the headers of a request, how many entries a page has, which refusals each operation can give.
//!
//! Limits: the published schemas are open, so an answer may have more members than they name; a request may not.
//! Deliberately absent: permissions and states, which are the model's.

use super::graphql;
use jsonschema::{Registry, Validator};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{LazyLock, Mutex},
};

/// One request, as it came.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names are lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// One answer, as it is sent.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(status: u16, body: &Value) -> Answer {
        let headers = [("content-type".to_owned(), "application/json; charset=utf-8".to_owned())].into();
        Answer { status, headers, body: body.to_string().into_bytes() }
    }

    pub fn empty(status: u16) -> Answer {
        Answer { status, headers: BTreeMap::new(), body: Vec::new() }
    }
}

/// A request that one operation answers.
pub struct Call {
    /// `GET /repos/{owner}/{repo}`.
    pub operation: &'static str,
    /// Decoded.
    pub path: BTreeMap<String, String>,
    pub query: BTreeMap<String, String>,
    pub body: Value,
    pub graphql: Option<graphql::Query>,
}

pub const GRAPHQL: &str = "POST /graphql";

/// Every operation can refuse like this: bad credentials, no right or a rate limit, what the caller may not see, what cannot be
/// done with these values.
/// <https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api>
const REFUSALS: [u16; 5] = [401, 403, 404, 422, 429];
/// A fork that was deleted is null: GitHub's schema of webhook events says so, that of its answers does not.
const FORKS: [&str; 2] = ["/head/repo", "/head/user"];
const MOST_PER_PAGE: i64 = 100;
const VERSIONS: [&str; 2] = ["2022-11-28", "2026-03-10"];

// ---- the document ----------------------------------------------------------------------------------------------------

const BASE: &str = "https://example.com/openapi.json";

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("../../contract/github/openapi.json").replace("\"#/schemas/", &format!("\"{BASE}#/schemas/"));
    serde_json::from_str(&text).expect("openapi.json is JSON")
});
static REGISTRY: LazyLock<Registry<'static>> =
    LazyLock::new(|| Registry::new().add(BASE, &*DOCUMENT).expect("the base is a URI").prepare().expect("every reference leads somewhere"));
static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    let operations = DOCUMENT["operations"].as_object().expect("an object");
    operations.iter().map(|(name, described)| Operation::new(name, described)).collect()
});

struct Operation {
    name: &'static str,
    method: &'static str,
    segments: Vec<Segment>,
    described: &'static Value,
}

enum Segment {
    Literal(&'static str),
    One(&'static str),
    /// A name of a ref: one part of the path or more.
    Ref(&'static str),
}

impl Operation {
    fn new(name: &'static str, described: &'static Value) -> Operation {
        let (method, path) = name.split_once(' ').expect("a method and a path");
        let segment = |part: &'static str| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(parameter @ ("ref" | "branch" | "tag")) => Segment::Ref(parameter),
            Some(parameter) => Segment::One(parameter),
            None => Segment::Literal(part),
        };
        Operation { name, method, segments: path[1..].split('/').map(segment).collect(), described }
    }

    fn literals(&self) -> usize {
        self.segments.iter().filter(|segment| matches!(segment, Segment::Literal(_))).count()
    }

    fn parameters(&self, place: &'static str) -> impl Iterator<Item = &'static Value> {
        let all = self.described["parameters"].as_array().into_iter().flatten();
        all.filter(move |parameter| parameter["in"] == place)
    }
}

/// All the operations, for a test that goes through them.
pub fn operations() -> impl Iterator<Item = &'static str> {
    OPERATIONS.iter().map(|operation| operation.name).chain([GRAPHQL])
}

fn matched(segments: &[Segment], parts: &[&str]) -> Option<Vec<(&'static str, String)>> {
    let Some((first, segments)) = segments.split_first() else { return parts.is_empty().then(Vec::new) };
    match first {
        Segment::Literal(text) => (parts.first() == Some(text)).then(|| matched(segments, &parts[1..]))?,
        Segment::One(name) => {
            let part = parts.first().filter(|part| !part.is_empty())?;
            let mut found = matched(segments, &parts[1..])?;
            found.push((name, (*part).to_owned()));
            Some(found)
        }
        Segment::Ref(_) if parts.first().is_none_or(|part| part.is_empty()) => None,
        Segment::Ref(name) => (1..=parts.len()).find_map(|end| {
            let mut found = matched(segments, &parts[end..])?;
            found.push((name, parts[..end].join("/")));
            Some(found)
        }),
    }
}

/// A validator is made where it is first needed, once for the process.
fn schema_faults(schema: &'static Value, value: &Value) -> Vec<String> {
    static MADE: LazyLock<Mutex<HashMap<usize, &'static Validator>>> = LazyLock::new(Mutex::default);
    let key = std::ptr::from_ref(schema) as usize;
    let known = MADE.lock().unwrap().get(&key).copied();
    let validator = known.unwrap_or_else(|| {
        let options = jsonschema::options().with_registry(&REGISTRY).should_validate_formats(true);
        let made = Box::leak(Box::new(options.build(schema).expect("GitHub's schema is one")));
        MADE.lock().unwrap().insert(key, made);
        made
    });
    validator.iter_errors(value).map(|fault| format!("{}: {fault}", fault.instance_path())).collect()
}

// ---- requests --------------------------------------------------------------------------------------------------------

/// The operation that a request asks for, and what of the request breaks the contract.
pub fn read(request: &Request) -> (Option<Call>, Vec<String>) {
    let mut faults = header_faults(request);
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    if (request.method.as_str(), &parts[..]) == ("POST", &["graphql"]) {
        let call = graphql_call(request, &mut faults);
        return (call, faults);
    }
    let candidates = OPERATIONS.iter().filter(|operation| operation.method == request.method);
    let found = candidates.filter_map(|operation| Some((operation, matched(&operation.segments, &parts)?)));
    let Some((operation, raw)) = found.max_by_key(|(operation, _)| operation.literals()) else {
        faults.push("no such operation in tests/contract/github/openapi.json".to_owned());
        return (None, faults);
    };
    let mut call = Call { operation: operation.name, path: BTreeMap::new(), query: BTreeMap::new(), body: Value::Null, graphql: None };
    for (name, raw) in raw {
        if raw.to_ascii_lowercase().contains("%2f") {
            faults.push(format!("%2F in `{name}`: GitHub takes the slash of a ref as it is"));
        }
        let described = operation.parameters("path").find(|parameter| parameter["name"] == name);
        parameter(name, &raw, described, &mut call.path, &mut faults);
    }
    for (name, raw) in query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, ""))) {
        if call.query.contains_key(name) {
            faults.push(format!("the parameter `{name}` is given twice"));
        }
        let described = operation.parameters("query").find(|parameter| parameter["name"] == name);
        parameter(name, &raw.replace('+', " "), described, &mut call.query, &mut faults);
    }
    let required = operation.parameters("query").filter(|parameter| parameter["required"] == true);
    let missing = required.filter_map(|parameter| parameter["name"].as_str()).filter(|name| !call.query.contains_key(*name));
    faults.extend(missing.map(|name| format!("the parameter `{name}` is missing")));
    if call.query.get("per_page").and_then(|text| text.parse().ok()).is_some_and(|size: i64| !(1..=MOST_PER_PAGE).contains(&size)) {
        faults.push(format!("`per_page` is 1 to {MOST_PER_PAGE}"));
    }
    call.body = request_body(request, &operation.described["body"], &mut faults);
    (Some(call), faults)
}

fn header_faults(request: &Request) -> Vec<String> {
    let header = |name: &str| request.headers.get(name).map(String::as_str);
    let mut faults = Vec::new();
    if header("user-agent").is_none_or(str::is_empty) {
        faults.push("no user-agent".to_owned());
    }
    if !matches!(header("accept"), None | Some("application/vnd.github+json" | "application/json" | "*/*")) {
        faults.push("`accept` asks for a form that the contract does not describe".to_owned());
    }
    if header("x-github-api-version").is_some_and(|version| !VERSIONS.contains(&version)) {
        faults.push("`x-github-api-version` is none that GitHub has".to_owned());
    }
    if !request.body.is_empty() && header("content-type").is_none_or(|kind| media(kind) != "application/json") {
        faults.push("a body that is not `application/json`".to_owned());
    }
    faults
}

fn parameter(name: &str, raw: &str, described: Option<&'static Value>, into: &mut BTreeMap<String, String>, faults: &mut Vec<String>) {
    let Some(described) = described else { return faults.push(format!("there is no parameter `{name}`")) };
    let Some(text) = decoded(raw) else { return faults.push(format!("`{name}` is badly encoded")) };
    let kinds = &described["schema"]["type"];
    let is = |kind: &str| kinds == kind || kinds.as_array().is_some_and(|kinds| kinds.contains(&json!(kind)));
    let typed = match &text {
        text if is("integer") => text.parse::<i64>().map_or(json!(text), |number| json!(number)),
        text if is("boolean") => text.parse::<bool>().map_or(json!(text), |boolean| json!(boolean)),
        text => json!(text),
    };
    faults.extend(schema_faults(&described["schema"], &typed).into_iter().map(|fault| format!("the parameter `{name}`{fault}")));
    into.insert(name.to_owned(), text);
}

fn decoded(raw: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = raw.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        bytes.push(match first {
            b'%' => {
                let byte = u8::from_str_radix(std::str::from_utf8(rest.get(..2)?).ok()?, 16).ok()?;
                rest = &rest[2..];
                byte
            }
            byte => *byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn request_body(request: &Request, described: &'static Value, faults: &mut Vec<String>) -> Value {
    if request.body.is_empty() {
        if described["required"] == true {
            faults.push("the body is missing".to_owned());
        }
        return Value::Null;
    }
    let Some(schema) = described["content"].get("application/json") else {
        faults.push("a body where none is read".to_owned());
        return Value::Null;
    };
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
        faults.push("the body is not JSON".to_owned());
        return Value::Null;
    };
    faults.extend(schema_faults(schema, &body).into_iter().map(|fault| format!("the body{fault}")));
    let known = schema["properties"].as_object();
    for member in body.as_object().into_iter().flatten().map(|(name, _)| name) {
        if known.is_some_and(|known| !known.contains_key(member)) {
            faults.push(format!("the body has an unknown member `{member}`"));
        }
    }
    body
}

fn graphql_call(request: &Request, faults: &mut Vec<String>) -> Option<Call> {
    let body = serde_json::from_slice::<Value>(&request.body).unwrap_or_default();
    match graphql::query(&body) {
        Ok(query) => Some(Call { operation: GRAPHQL, path: BTreeMap::new(), query: BTreeMap::new(), body, graphql: Some(query) }),
        Err(found) => {
            faults.extend(found);
            None
        }
    }
}

// ---- answers ---------------------------------------------------------------------------------------------------------

/// What of an answer to a call breaks the contract.
pub fn answer_faults(call: &Call, answer: &Answer) -> Vec<String> {
    let kind = answer.headers.get("content-type").map(|kind| media(kind));
    let body = serde_json::from_slice::<Value>(&answer.body);
    if let Some(query) = call.graphql.as_ref().filter(|_| answer.status == 200) {
        return match (kind, body) {
            (Some("application/json"), Ok(body)) => query.violations(&body),
            _ => vec!["an answer that is not JSON".to_owned()],
        };
    }
    let Some(schemas) = answer_schemas(call.operation, answer.status) else {
        return vec![format!("{} is documented for no answer", answer.status)];
    };
    let Some((_, schema)) = schemas.iter().find(|(known, _)| Some(known.as_str()) == kind) else {
        let empty = schemas.is_empty() && answer.body.is_empty();
        return if empty { Vec::new() } else { vec![format!("the media type {kind:?} is documented for no answer {}", answer.status)] };
    };
    let is_deleted_fork = |fault: &String| FORKS.iter().any(|place| fault.contains(&format!("{place}: null is not of type")));
    match body {
        Ok(body) => {
            let faults = schema_faults(schema, &body).into_iter().filter(|fault| !is_deleted_fork(fault));
            faults.map(|fault| format!("the answer{fault}")).collect()
        }
        Err(fault) => vec![format!("the answer is not JSON: {fault}")],
    }
}

/// The schemas of an answer by media type; nothing where the status is not documented.
fn answer_schemas(operation: &str, status: u16) -> Option<&'static serde_json::Map<String, Value>> {
    static REFUSAL: LazyLock<Value> = LazyLock::new(|| json!({ "application/json": { "$ref": format!("{BASE}#/schemas/basic-error") } }));
    let documented = DOCUMENT["operations"].get(operation).and_then(|described| described["responses"].get(status.to_string()));
    // Some refusals are documented without their form.
    let documented = documented.and_then(Value::as_object).filter(|media| status < 400 || !media.is_empty());
    documented.or_else(|| REFUSALS.contains(&status).then_some(&*REFUSAL)?.as_object())
}

fn media(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

// ---- whole answers from what a state knows ----------------------------------------------------------------------------

/// Puts in what the contract demands of an answer and the state does not know: null where that may be, else the plainest value.
pub fn complete(operation: &str, status: u16, known: Value) -> Value {
    match answer_schemas(operation, status).and_then(|schemas| schemas.get("application/json")) {
        Some(schema) => completed(schema, Some(known)),
        None => known,
    }
}

/// The payload of an event, whole, and what of it breaks the contract. `name`: `issue-comment-created`.
pub fn payload(name: &str, known: Value) -> (Value, Vec<String>) {
    let schema = &DOCUMENT["payloads"][name];
    assert!(schema.is_object(), "there is no payload {name} in tests/contract/github/openapi.json");
    let whole = completed(schema, Some(known));
    let faults = schema_faults(schema, &whole);
    (whole, faults)
}

fn completed(schema: &Value, known: Option<Value>) -> Value {
    if let Some(target) = schema["$ref"].as_str() {
        let name = target.rsplit('/').next().unwrap_or_default();
        return completed(&DOCUMENT["schemas"][name], known);
    }
    for word in ["anyOf", "oneOf"] {
        if let Some(alternatives) = schema[word].as_array().filter(|_| schema.get("properties").is_none()) {
            let may_be = |schema: &&Value| known.as_ref().is_none_or(|known| may_be(schema, known));
            return alternatives.iter().find(may_be).map_or(Value::Null, |schema| completed(schema, known.clone()));
        }
    }
    if let Some(all) = schema["allOf"].as_array() {
        return all.iter().fold(known, |known, schema| Some(completed(schema, known))).unwrap_or_default();
    }
    match known {
        Some(Value::Object(mut members)) => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            for name in required {
                members.entry(name).or_insert_with(|| completed(&schema["properties"][name], None));
            }
            for (name, member) in &mut members {
                if let Some(schema) = schema["properties"].get(name) {
                    *member = completed(schema, Some(member.take()));
                }
            }
            Value::Object(members)
        }
        Some(Value::Array(items)) => items.into_iter().map(|item| completed(&schema["items"], Some(item))).collect(),
        Some(known) => known,
        None => plainest(schema),
    }
}

/// Whether a known value can belong to a schema: its type, and those of its members that name one of a list.
fn may_be(schema: &Value, known: &Value) -> bool {
    if let Some(target) = schema["$ref"].as_str() {
        return may_be(&DOCUMENT["schemas"][target.rsplit('/').next().unwrap_or_default()], known);
    }
    let kind = match known {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds = &schema["type"];
    let fits = kinds.is_null() || kinds == kind || kinds.as_array().is_some_and(|kinds| kinds.contains(&json!(kind)));
    let listed = schema["enum"].as_array().is_none_or(|listed| listed.contains(known));
    let all = schema["allOf"].as_array().is_none_or(|all| all.iter().all(|schema| may_be(schema, known)));
    let members = known.as_object().is_none_or(|members| {
        members.iter().all(|(name, member)| schema["properties"].get(name).is_none_or(|schema| may_be(schema, member)))
    });
    fits && listed && all && members
}

fn plainest(schema: &Value) -> Value {
    let kinds = &schema["type"];
    if kinds.as_array().is_some_and(|kinds| kinds.contains(&json!("null"))) {
        return Value::Null;
    }
    if let Some(first) = schema["enum"].as_array().and_then(|listed| listed.first()) {
        return first.clone();
    }
    match kinds.as_str() {
        Some("object") => completed(schema, Some(json!({}))),
        Some("array") => json!([]),
        Some("boolean") => json!(false),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(0)),
        Some("string") => match schema["format"].as_str() {
            Some("date-time") => json!("2026-01-01T00:00:00Z"),
            Some("uri") => json!("https://example.com/"),
            Some("email") => json!("somebody@example.com"),
            _ => json!(""),
        },
        _ => Value::Null,
    }
}
