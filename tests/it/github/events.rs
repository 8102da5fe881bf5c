//! What a workflow is told of its event: payloads that the model makes of what it knows, files that are none, and every example that
//! GitHub publishes.

use super::model::GitHub;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs::File, path::Path};
use tagwarden::world::{
    EnvVars,
    github::{
        CheckState, CommentAction, Conclusion, Event, EventError, IssueCommentEvent, OpenState, PullAction, PullRequestEvent, RunAction,
        SuiteAction,
    },
};

const SECRET: &str = "ghs_OpenSesame1234";

fn oid(number: u64) -> String {
    format!("{number:040x}")
}

/// An event of each name.
fn payloads(hub: &GitHub) -> Vec<(&'static str, Value)> {
    let (ann, ci) = (hub.user("ann"), hub.app("ci"));
    let comment = hub.pull(7).head(&oid(0xabc)).author(&ann).comment(&ann, "/status");
    let repo = hub.repo().check_run(&ci, &oid(0xabc), "build", "completed", Some("failure"));
    let (run, suite) = repo.check_events();
    vec![
        ("issue_comment", repo.comment_event(comment)),
        ("pull_request", repo.pull_event(7)),
        ("check_run", run),
        ("check_suite", suite),
        ("push", repo.push_event(&ann, "refs/heads/main", (&oid(0), &oid(0xabc)))),
    ]
}

fn parse(name: &str, payload: &Value) -> Result<Event, EventError> {
    Event::parse(name, payload.to_string().as_bytes())
}

#[test]
fn each_event_is_read() {
    let hub = GitHub::new();
    let all: BTreeMap<&str, Event> = payloads(&hub).into_iter().map(|(name, payload)| (name, parse(name, &payload).unwrap())).collect();
    let (ann, ci) = (hub.user("ann").id, hub.app("ci"));
    let Event::IssueComment(IssueCommentEvent { action, comment, issue, repository, sender }) = &all["issue_comment"] else { panic!() };
    assert_eq!((action, comment.body.as_str(), comment.user.as_ref().unwrap().id), (&CommentAction::Created, "/status", ann));
    assert_eq!((issue.number, &issue.state, issue.locked, issue.pull_request.is_some()), (7, &OpenState::Open, false, true));
    assert_eq!((repository.id, repository.full_name.as_str(), sender.as_ref().unwrap().id), (hub.repo().id, "example/app", ann));
    let Event::PullRequest(PullRequestEvent { action, pull_request, .. }) = &all["pull_request"] else { panic!() };
    assert_eq!((action, pull_request.number, &pull_request.state), (&PullAction::Synchronize, 7, &OpenState::Open));
    assert_eq!((pull_request.draft, pull_request.merged, &pull_request.head.sha), (false, false, &oid(0xabc)));
    assert_eq!(pull_request.head.repo, pull_request.base.repo);
    let Event::CheckRun(event) = &all["check_run"] else { panic!() };
    assert_eq!(
        (&event.action, event.check_run.name.as_str(), &event.check_run.status),
        (&RunAction::Completed, "build", &CheckState::Completed)
    );
    assert_eq!((event.check_run.conclusion.as_ref(), event.check_run.app.as_ref().unwrap().id), (Some(&Conclusion::Failure), ci.id));
    let Event::CheckSuite(event) = &all["check_suite"] else { panic!() };
    assert_eq!((&event.action, &event.check_suite.head_sha), (&SuiteAction::Completed, &oid(0xabc)));
    let Event::Push(event) = &all["push"] else { panic!() };
    assert_eq!((event.name.as_str(), event.created, event.deleted, &event.after), ("refs/heads/main", true, false, &oid(0xabc)));
    assert_eq!(Event::parse("issues", b"not looked at"), Ok(Event::Unknown("issues".to_owned())));
    assert_eq!(Event::parse("Push", b"{}"), Ok(Event::Unknown("Push".to_owned())));
}

/// A word that nobody knows yet is none of the known ones, and keeps its text.
#[test]
fn new_words_are_known_as_new() {
    let hub = GitHub::new();
    let mut seen = 0;
    for (name, payload) in payloads(&hub) {
        let inner = ["/comment", "/issue", "/pull_request", "/check_run", "/check_suite"];
        let words = ["status", "conclusion", "state"];
        let pointers = inner.iter().flat_map(|part| words.map(|word| format!("{part}/{word}")));
        for pointer in pointers.chain(["/action".to_owned()]) {
            let mut bent = payload.clone();
            let Some(word) = bent.pointer_mut(&pointer).filter(|word| word.is_string()) else { continue };
            *word = json!("Completed");
            let read = format!("{:?}", parse(name, &bent).unwrap());
            assert!(read.contains("Unknown(\"Completed\")"), "{name}{pointer}: {read}");
            seen += 1;
        }
    }
    assert_eq!(seen, 10);
}

/// Each member that is read is taken away, or another kind of thing: the message names it, and never what stands there.
#[test]
fn a_payload_that_lacks_something_is_told_without_what_it_has() {
    let hub = GitHub::new();
    let mut seen = (0, 0);
    for (name, payload) in payloads(&hub) {
        let pointers: Vec<String> =
            (members(&payload, 3)).into_iter().filter(|pointer| !pointer.starts_with("/repository/owner")).collect();
        let truth = parse(name, &payload).unwrap();
        for pointer in pointers {
            let (parent, member) = pointer.rsplit_once('/').unwrap();
            let mut bent = payload.clone();
            bent.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(member);
            match parse(name, &bent) {
                // Not read, or the mark of a pull request.
                Ok(event) => assert!(event == truth || pointer == "/issue/pull_request", "{name}{pointer}: {event:?}"),
                Err(error) => {
                    assert_eq!(error, EventError::Lacks(name.to_owned(), member.to_owned()), "{name}{pointer}");
                    assert_eq!(error.to_string(), format!("the event {name} lacks `{member}`"));
                    seen.0 += 1;
                }
            }
            for odd in [json!([SECRET]), json!({ SECRET: SECRET }), json!(-1), json!(SECRET)] {
                *bent.pointer_mut(parent).unwrap() = payload.pointer(parent).unwrap().clone();
                bent.pointer_mut(parent).unwrap()[member] = odd;
                if let Err(error) = parse(name, &bent) {
                    assert!(!error.to_string().contains("Sesame"), "{name}{pointer}: {error}");
                    seen.1 += 1;
                }
            }
        }
    }
    assert!(seen.0 > 60 && seen.1 > 150, "{seen:?}");
}

/// Members of objects, so deep, as JSON pointers.
fn members(value: &Value, depth: usize) -> Vec<String> {
    let Some(object) = value.as_object().filter(|_| depth > 0) else { return Vec::new() };
    let deeper = |(name, value): (&String, &Value)| {
        let below = members(value, depth - 1).into_iter().map(move |rest| format!("/{name}{rest}"));
        below.chain([format!("/{name}")]).collect::<Vec<_>>()
    };
    object.iter().flat_map(deeper).collect()
}

fn read(folder: &Path, name: &str) -> String {
    let path = folder.join("event.json").display().to_string();
    Event::read(&EnvVars::of([("GITHUB_EVENT_NAME", name), ("GITHUB_EVENT_PATH", &path)])).unwrap_err().to_string()
}

#[test]
fn what_is_no_event_is_told_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let none = |variables: &[(&str, &str)]| Event::read(&EnvVars::of(variables.iter().copied())).unwrap_err();
    assert_eq!(none(&[]), EventError::NotSet("GITHUB_EVENT_NAME"));
    assert_eq!(none(&[("GITHUB_EVENT_NAME", "")]), EventError::NotSet("GITHUB_EVENT_NAME"));
    assert_eq!(none(&[("GITHUB_EVENT_NAME", "push")]), EventError::NotSet("GITHUB_EVENT_PATH"));
    let file = folder.path().join("event.json");
    insta::assert_snapshot!(read(folder.path(), "push"), @"the file that GITHUB_EVENT_PATH names cannot be read: entity not found");
    std::fs::create_dir(&file).unwrap();
    insta::assert_snapshot!(read(folder.path(), "push"), @"the file that GITHUB_EVENT_PATH names cannot be read: it is not a file");
    std::fs::remove_dir(&file).unwrap();
    std::fs::write(&file, format!("{{\"{SECRET}")).unwrap();
    insta::assert_snapshot!(read(folder.path(), "push"), @"the file that GITHUB_EVENT_PATH names is not JSON (line 1, column 20)");
    std::fs::write(&file, "[".repeat(100_000)).unwrap();
    insta::assert_snapshot!(read(folder.path(), "push"), @"the event push is not what GitHub documents at line 1, column 1 of the file that GITHUB_EVENT_PATH names");
    std::fs::write(&file, "{}").unwrap();
    insta::assert_snapshot!(read(folder.path(), "check_run"), @"the event check_run lacks `action`");
    std::fs::write(&file, r#"{ "action": "created", "action": "completed" }"#).unwrap();
    insta::assert_snapshot!(read(folder.path(), "check_run"), @"the event check_run is not what GitHub documents at line 1, column 31 of the file that GITHUB_EVENT_PATH names");
    // As long as GitHub's longest, and a byte more.
    File::create(&file).unwrap().set_len(25 << 20).unwrap();
    insta::assert_snapshot!(read(folder.path(), "push"), @"the file that GITHUB_EVENT_PATH names is not JSON (line 1, column 1)");
    File::create(&file).unwrap().set_len((25 << 20) + 1).unwrap();
    insta::assert_snapshot!(read(folder.path(), "push"), @"the file that GITHUB_EVENT_PATH names is larger than the 25 MB of GitHub's largest event");
}

const READ: [&str; 5] = ["check_run", "check_suite", "issue_comment", "pull_request", "push"];

/// Why an example was not read as what it is; `None`: it was.
fn misread(name: &str, payload: &Value) -> Option<String> {
    match parse(name, payload) {
        Ok(Event::Unknown(other)) => (other != name || READ.contains(&name)).then(|| format!("{name} is not known")),
        Ok(_) => (!READ.contains(&name)).then(|| format!("{name} is taken for another event")),
        Err(error) => Some(error.to_string()),
    }
}

#[test]
#[ignore = "asks npm for GitHub's examples; `tests/full github` runs it"]
fn every_published_example_is_read() {
    let file = std::env::var_os("TAGWARDEN_WEBHOOK_EXAMPLES").expect("TAGWARDEN_WEBHOOK_EXAMPLES names the file of `subset --examples`");
    let events: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let examples: Vec<(&str, &Value)> = events
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|event| event["examples"].as_array().unwrap().iter().map(|example| (event["name"].as_str().unwrap(), example)))
        .collect();
    let ours = examples.iter().filter(|(name, _)| READ.contains(name)).count();
    assert_eq!((examples.len(), ours), (329, 63));
    let misread_ones: Vec<String> = examples.iter().filter_map(|(name, payload)| misread(name, payload)).collect();
    assert_eq!(misread_ones, Vec::<String>::new());
    // One that is broken is seen.
    for name in READ {
        let (_, whole) = examples.iter().find(|(of, _)| *of == name).unwrap();
        let mut broken = (*whole).clone();
        broken["repository"].as_object_mut().unwrap().remove("full_name");
        assert_eq!(misread(name, &broken), Some(format!("the event {name} lacks `full_name`")));
    }
}
