//! `POST /graphql`: the state as a tree of objects with all that it knows, and a walk along what was selected. A field that the
//! schema has and the tree has not is a violation, not a null: a null would be an answer.

use super::{
    access::{self, Caller},
    fault::STUCK,
    state::{Comment, Repo, State, node_id},
};
use crate::github::{
    contract::{Answer, Call},
    graphql::{Arguments, Field, Query, SCHEMA},
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Map, Value, json};

pub fn answer(state: &mut State, caller: &Caller, call: &Call, line: &str) -> Answer {
    let query = call.graphql.as_ref().expect("a call of GraphQL");
    let mut walk = Walk { query, errors: Vec::new(), unknown: Vec::new() };
    let root = root(state, caller);
    let data = walk.object(&root, query.root(), &[], &mut Vec::new());
    let mut body = json!({ "data": data });
    if !walk.errors.is_empty() {
        body["errors"] = Value::Array(walk.errors);
    }
    state.violations.extend(walk.unknown.into_iter().map(|what| format!("{line}: the model does not answer {what}")));
    Answer::json(200, &body)
}

struct Walk<'a> {
    query: &'a Query,
    errors: Vec<Value>,
    unknown: Vec<String>,
}

impl Walk<'_> {
    fn object(&mut self, object: &Value, of: &str, parents: &[&Field], path: &mut Vec<Value>) -> Value {
        let name = object["__typename"].as_str().unwrap_or(of).to_owned();
        let query = self.query;
        let mut made = Map::new();
        for (key, fields) in query.fields(parents, &name) {
            path.push(json!(key));
            let value = self.field(object, &name, &fields, path);
            path.pop();
            if value.is_null() && SCHEMA.is_required(&name, &fields[0].name) {
                return Value::Null;
            }
            made.insert(key.to_owned(), value);
        }
        Value::Object(made)
    }

    fn field(&mut self, object: &Value, of: &str, fields: &[&Field], path: &mut Vec<Value>) -> Value {
        let field = fields[0];
        if field.name == "__typename" {
            return json!(of);
        }
        let arguments = field.arguments(&self.query.variables);
        let Some(known) = object.get(&field.name) else {
            self.unknown.push(format!("{of}.{}", field.name));
            return Value::Null;
        };
        let inner = SCHEMA.field(of, &field.name).unwrap_or_default().to_owned();
        let value = match known {
            Value::Object(members) if members.contains_key("by argument") => match chosen(&members["by argument"], &arguments) {
                Some(found) => found,
                None => {
                    let message = format!("Could not resolve to a {inner} with {}.", Value::Object(arguments));
                    self.errors.push(json!({ "type": "NOT_FOUND", "path": path.clone(), "message": message }));
                    return Value::Null;
                }
            },
            Value::Array(items) if inner.ends_with("Connection") => match self.page(items, &inner, &arguments) {
                Ok(page) => page,
                Err(message) => {
                    self.errors.push(json!({ "type": "INVALID_CURSOR_ARGUMENTS", "path": path.clone(), "message": message }));
                    return Value::Null;
                }
            },
            known => known.clone(),
        };
        if value.get("forbidden").is_some() {
            self.errors.push(json!({ "type": "FORBIDDEN", "path": path.clone(), "message": "Resource not accessible by integration" }));
            return Value::Null;
        }
        self.value(&value, &inner, fields, path)
    }

    fn value(&mut self, value: &Value, of: &str, fields: &[&Field], path: &mut Vec<Value>) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.value(item, of, fields, path)).collect(),
            Value::Object(_) => self.object(value, of, fields, path),
            leaf => leaf.clone(),
        }
    }

    fn page(&mut self, items: &[Value], of: &str, arguments: &Arguments) -> Result<Value, String> {
        let items: Vec<&Value> = match arguments.iter().find(|(name, _)| matches!(name.as_str(), "states" | "itemTypes")) {
            Some((name, Value::Array(wanted))) => {
                let kind = |item: &Value| {
                    if name == "states" { item["state"].clone() } else { json!(screaming(item["__typename"].as_str().unwrap_or_default())) }
                };
                items.iter().filter(|item| wanted.contains(&kind(item))).collect()
            }
            _ => items.iter().collect(),
        };
        self.unknown.extend(
            arguments
                .keys()
                .filter(|name| !["first", "last", "after", "before", "states", "itemTypes"].contains(&name.as_str()))
                .map(|name| format!("{of}({name})")),
        );
        let total = items.len();
        let after = position(arguments.get("after"))?.unwrap_or(0);
        let before = position(arguments.get("before"))?.map_or(total, |at| at - 1).min(total);
        let number = |name: &str| arguments.get(name).and_then(Value::as_u64).map(|count| usize::try_from(count).unwrap());
        let (start, end) = match (number("first"), number("last")) {
            (Some(first), _) => (after.min(before), (after + first).min(before)),
            (None, last) => (before.saturating_sub(last.unwrap_or(0)).max(after.min(before)), before),
        };
        let shown = &items[start..end];
        let edges: Vec<Value> = shown.iter().zip(start + 1..).map(|(node, at)| json!({ "node": node, "cursor": cursor(at) })).collect();
        let pages = json!({
            "hasNextPage": end < total, "hasPreviousPage": start > 0,
            "startCursor": (start < end).then(|| cursor(start + 1)), "endCursor": (start < end).then(|| cursor(end)),
        });
        Ok(json!({
            "totalCount": total, "filteredCount": total, "pageCount": shown.len(), "nodes": shown, "edges": edges, "pageInfo": pages,
        }))
    }
}

/// The one of some objects whose `by` members are the arguments.
fn chosen(objects: &Value, arguments: &Arguments) -> Option<Value> {
    let same = |known: &Value, given: &Value| match (known, given) {
        (Value::String(known), Value::String(given)) => known.eq_ignore_ascii_case(given),
        (known, given) => known == given,
    };
    let fits = |object: &&Value| {
        object["by"]
            .as_object()
            .is_some_and(|by| by.iter().all(|(name, known)| arguments.get(name).is_some_and(|given| same(known, given))))
    };
    objects.as_array()?.iter().find(fits).cloned()
}

/// `MergedEvent` is `MERGED_EVENT`.
fn screaming(name: &str) -> String {
    let breaks = |(at, letter): (usize, char)| if at > 0 && letter.is_ascii_uppercase() { vec!['_', letter] } else { vec![letter] };
    name.chars().enumerate().flat_map(breaks).collect::<String>().to_ascii_uppercase()
}

fn cursor(at: usize) -> String {
    BASE64.encode(format!("cursor:{at}"))
}

fn position(cursor: Option<&Value>) -> Result<Option<usize>, String> {
    let Some(text) = cursor.and_then(Value::as_str).filter(|text| *text != STUCK) else { return Ok(None) };
    let at = BASE64.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok()?.strip_prefix("cursor:")?.parse().ok());
    at.map(Some).ok_or_else(|| format!("`{text}` does not appear to be a valid cursor."))
}

// ---- the tree ---------------------------------------------------------------------------------------------------------

fn root(state: &State, caller: &Caller) -> Value {
    let token = caller.token.as_ref().map(|token| &state.tokens[token]);
    let seen = || state.repos.iter().filter(|repo| access::sees(state, token, repo.id));
    let may = |needed: &str| access::allowed(token, needed, false).is_ok();
    let (may_read, may_read_comments) = (may("pull_requests=read"), may("issues=read; pull_requests=read"));
    let rate = json!({ "limit": access::LIMIT, "remaining": token.map_or(0, |token| token.remaining), "cost": 1, "nodeCount": 1 });
    // An App's bot is shown as a user, with its whole login.
    let viewer = caller.user.map(|id| {
        let user = state.user(id);
        json!({ "__typename": "User", "login": user.login, "databaseId": user.id, "id": node_id(user.kind, user.id) })
    });
    let nodes = seen().flat_map(|repo| repo.comments.iter()).map(|comment| {
        let mut node = if may_read_comments { comment_shown(state, comment) } else { json!({ "forbidden": true }) };
        node["by"] = json!({ "id": node_id("IssueComment", comment.id) });
        node
    });
    json!({
        "node": { "by argument": nodes.collect::<Vec<_>>() },
        "repository": { "by argument": seen().map(|repo| repository(state, repo, may_read)).collect::<Vec<_>>() },
        "rateLimit": rate, "viewer": viewer,
    })
}

fn repository(state: &State, repo: &Repo, may_read: bool) -> Value {
    let pulls: Vec<Value> = repo.pulls.keys().map(|number| pull(state, repo, *number)).collect();
    json!({
        "by": { "owner": repo.owner, "name": repo.name }, "__typename": "Repository", "id": node_id("Repository", repo.id),
        "databaseId": repo.id, "name": repo.name, "nameWithOwner": repo.full_name(), "isPrivate": repo.is_private,
        "isArchived": repo.is_archived, "isFork": repo.is_fork,
        "pullRequest": if may_read { json!({ "by argument": pulls }) } else { json!({ "forbidden": true }) },
    })
}

/// A bot has no `[bot]` at the end of its login here.
fn actor(state: &State, id: u64) -> Value {
    let user = state.user(id);
    if user.is_deleted {
        return Value::Null;
    }
    let login = user.login.trim_end_matches("[bot]");
    json!({ "__typename": user.kind, "login": login, "databaseId": user.id, "id": node_id(user.kind, user.id) })
}

fn edited(state: &State, edited: Option<(jiff::Timestamp, u64)>) -> (Option<String>, Value) {
    (edited.map(|(at, _)| at.to_string()), edited.map_or(Value::Null, |(_, by)| actor(state, by)))
}

fn comment_shown(state: &State, comment: &Comment) -> Value {
    let (at, editor) = edited(state, comment.edited);
    json!({
        "__typename": "IssueComment", "id": node_id("IssueComment", comment.id), "databaseId": comment.id, "body": comment.body,
        "fullDatabaseId": comment.id.to_string(), "createdAt": comment.at.to_string(), "lastEditedAt": at, "editor": editor,
        "updatedAt": comment.edited.map_or(comment.at, |(at, _)| at).to_string(), "author": actor(state, comment.author),
        "includesCreatedEdit": comment.edited.is_some(),
    })
}

fn pull(state: &State, repo: &Repo, number: u64) -> Value {
    let pull = &repo.pulls[&number];
    let comments = repo.comments.iter().filter(|comment| comment.issue == number).map(|comment| comment_shown(state, comment));
    let reviews = pull.reviews.iter().map(|review| {
        let (at, editor) = edited(state, review.edited);
        json!({
            "__typename": "PullRequestReview", "id": node_id("PullRequestReview", review.id), "databaseId": review.id, "body": review.body,
            "fullDatabaseId": review.id.to_string(), "state": review.state, "createdAt": review.at.to_string(),
            "updatedAt": review.edited.map_or(review.at, |(at, _)| at).to_string(), "includesCreatedEdit": review.edited.is_some(),
            "submittedAt": (review.state != "PENDING").then(|| review.at.to_string()), "lastEditedAt": at, "editor": editor,
            "author": actor(state, review.author), "commit": { "oid": review.commit },
        })
    });
    let threads = pull.threads.iter().map(|thread| {
        let comments = thread.comments.iter().map(|(id, author, body)| {
            json!({
                "__typename": "PullRequestReviewComment", "id": node_id("PullRequestReviewComment", *id), "databaseId": id,
                "fullDatabaseId": id.to_string(), "body": body, "author": actor(state, *author), "createdAt": pull.created.to_string(),
                "lastEditedAt": null, "editor": null,
            })
        });
        json!({
            "id": node_id("PullRequestReviewThread", thread.id), "isResolved": thread.is_resolved, "isOutdated": thread.is_outdated,
            "isCollapsed": thread.is_resolved, "resolvedBy": thread.resolved_by.map(|by| actor(state, by)),
            "comments": comments.collect::<Vec<_>>(),
        })
    });
    let merged = pull.merged.as_ref();
    json!({
        "by": { "number": number }, "__typename": "PullRequest", "id": node_id("PullRequest", pull.id), "databaseId": pull.id,
        "number": number, "title": pull.title, "body": pull.body, "isDraft": pull.is_draft, "author": actor(state, pull.author),
        "state": if merged.is_some() { "MERGED" } else if pull.is_open { "OPEN" } else { "CLOSED" }, "merged": merged.is_some(),
        "mergedAt": merged.map(|(at, ..)| at.to_string()), "mergedBy": merged.map_or(Value::Null, |(.., by)| actor(state, *by)),
        "mergeCommit": merged.map(|(_, oid, _)| json!({ "oid": oid })), "createdAt": pull.created.to_string(),
        "headRefOid": pull.head, "headRefName": pull.head_branch, "baseRefName": pull.base, "baseRefOid": pull.base_oid,
        "isCrossRepository": pull.head_repo.as_deref() != Some(&repo.full_name()), "lastEditedAt": null, "editor": null,
        "comments": comments.collect::<Vec<_>>(), "reviews": reviews.collect::<Vec<_>>(), "reviewThreads": threads.collect::<Vec<_>>(),
        "timelineItems": pull.timeline.iter().map(|event| event_shown(state, event)).collect::<Vec<_>>(),
    })
}

/// An event names people by their ids until it is shown.
fn event_shown(state: &State, event: &Value) -> Value {
    let mut shown = event.clone();
    for name in ["actor", "enabler", "disabler"] {
        if let Some(id) = event[name].as_u64() {
            shown[name] = actor(state, id);
        }
    }
    shown
}
