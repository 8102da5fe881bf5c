//! What scripts, test reporters and GitHub read: every member of every JSON answer, the exit codes, JUnit as XML, workflow
//! commands, summary and outputs, with hostile text in all of them.

use crate::common::{EXIT_CODES, Scratch, exit_code_of, xml};
use insta::assert_snapshot;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// The shape of answers of one verb: a line for each member with the types it had, `F` for a finding.
fn shape(answers: &[&Value]) -> String {
    let mut lines: Vec<(String, BTreeSet<String>)> = Vec::new();
    for answer in answers {
        let mut open: Vec<(String, &Value)> = vec![(String::new(), answer)];
        while let Some((path, value)) = open.pop() {
            let kind = match value {
                Value::Object(members) if is_finding(value) => {
                    assert!(!members.is_empty());
                    "F".to_owned()
                }
                Value::Object(members) => {
                    let join = |name: &String| if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    open.extend(members.iter().rev().map(|(name, member)| (join(name), member)));
                    continue;
                }
                Value::Array(items) if items.is_empty() => "[]".to_owned(),
                Value::Array(items) => {
                    open.extend(items.iter().rev().map(|item| (format!("{path}[]"), item)));
                    continue;
                }
                Value::String(text) if path.ends_with("schema") => text.clone(),
                Value::String(_) => "string".to_owned(),
                Value::Number(_) => "number".to_owned(),
                Value::Bool(_) => "bool".to_owned(),
                Value::Null => "null".to_owned(),
            };
            match lines.iter_mut().find(|(known, _)| *known == path) {
                Some((_, kinds)) => _ = kinds.insert(kind),
                None => lines.push((path, BTreeSet::from([kind]))),
            }
        }
    }
    // An empty list says nothing where another answer shows what stands in it.
    let names: Vec<String> = lines.iter().map(|(path, _)| path.clone()).collect();
    let shown = lines.into_iter().filter(|(path, kinds)| {
        !(kinds.contains("[]") && kinds.len() == 1 && names.iter().any(|name| name.starts_with(&format!("{path}[]"))))
    });
    shown.fold(String::new(), |mut text, (path, kinds)| {
        writeln!(text, "{path}: {}", kinds.into_iter().collect::<Vec<_>>().join(" | ")).unwrap();
        text
    })
}

const FINDING: [&str; 9] = ["code", "severity", "message", "file", "line", "column", "end_column", "pointer", "help"];

fn is_finding(value: &Value) -> bool {
    value.as_object().is_some_and(|members| members.keys().eq(FINDING))
}

#[test]
fn every_member_of_every_answer() {
    let scratch = Scratch::new();
    let init = scratch.json(&["init", "--minimal"]).expect("passed");
    assert_snapshot!(shape(&[&init]), @r"
    schema: tagwarden.init/1
    decision: string
    reason_code: string
    signing: string
    files[].path: string
    files[].about: string
    files[].written: bool
    next: string
    findings: []
    notices: []
    ");
    scratch.commit("Add the protocol");
    scratch.push();
    let adopted = scratch.json(&["policy", "adopt", "--reason", "start"]).expect("moved");
    let shown = scratch.json(&["policy", "show"]).expect("passed");
    assert_snapshot!(shape(&[&adopted, &shown]), @r"
    schema: tagwarden.policy/1
    decision: string
    reason_code: string
    signing: string
    version: number
    tree: string
    committed: string
    ledger.ref: string
    ledger.entry: string
    ledger.serial: number
    genesis: string
    pin.variable: string
    pin.value: string
    pin.kept: string
    threshold: number
    signers: []
    release_branches[]: string
    channels[]: string
    roles: []
    automation: []
    gates[].number: number
    gates[].id: string
    gates[].kind: string
    gates[].title: string
    gates[].when: string
    gates[].on_fail: string
    gates[].verbs[]: string
    gates[].channels: null
    next: string
    findings: []
    notices[]: string
    ");

    let good = scratch.json(&["verify", "--at", "HEAD", "--adopted"]).expect("passed");
    scratch.edit("protocol-docs/promotion.md", "## Gate 1", "## Step without");
    let bad = scratch.json(&["verify"]).expect("gate_failed");
    scratch.git(&["checkout", "--quiet", "."]);
    assert_snapshot!(shape(&[&good, &bad]), @r"
    schema: tagwarden.run/1
    decision: string
    reason_code: string
    signing: string
    verb: string
    channel: string
    commit: null | string
    policy: null | string
    started: string
    gates[].number: number
    gates[].id: string
    gates[].kind: string
    gates[].title: string
    gates[].owner: null
    gates[].on_fail: string
    gates[].outcome: string
    gates[].reason_code: string
    gates[].findings[]: F
    gates[].evidence: string
    gates[].duration_ms: number
    gates[].waiver: null
    next: string
    findings: []
    notices[]: string
    ");

    let planned = scratch.json(&["promote", "v1.0.0", "--channel", "local_dev", "--dry-run"]).expect("passed");
    assert_eq!((&planned["decision"], &planned["dry_run"]), (&"continue".into(), &true.into()));
    let moved = scratch.json(&["promote", "v1.0.0", "--channel", "local_dev"]).expect("moved");
    let again = scratch.json(&["promote", "v1.0.0", "--channel", "local_dev"]).expect("already_there");
    assert_snapshot!(shape(&[&planned, &moved, &again]), @r"
    schema: tagwarden.move/1
    decision: string
    reason_code: string
    signing: string
    verb: string
    channel: string
    releases[].package: string
    releases[].version: string
    releases[].commit: string
    releases[].tag: null | string
    moves[].ref: string
    moves[].from: null
    moves[].to: null | string
    moves[].commit: string
    ledger: null
    dry_run: bool
    actor.id: string
    actor.kind: string
    actor.name: string
    reason: null
    commit: string
    tag: string
    version: string
    previous_commit: null
    from: null
    to: null | string
    moved: bool
    way[].channel: string
    way[].after: null
    way[].release: null | string
    run: null
    after: null
    next: string
    findings: []
    notices[]: string
    ledger.ref: string
    ledger.entry: string
    ledger.serial: number
    run.schema: tagwarden.run/1
    run.decision: string
    run.reason_code: string
    run.verb: string
    run.channel: string
    run.commit: string
    run.policy: string
    run.started: string
    run.gates[].number: number
    run.gates[].id: string
    run.gates[].kind: string
    run.gates[].title: string
    run.gates[].owner: null
    run.gates[].on_fail: string
    run.gates[].outcome: string
    run.gates[].reason_code: string
    run.gates[].findings[]: F
    run.gates[].evidence: string
    run.gates[].duration_ms: number
    run.gates[].waiver: null
    ");

    scratch.commit_and_push("second");
    scratch.json(&["promote", "v1.1.0", "--channel", "local_dev"]).expect("moved");
    let back = scratch.json(&["rollback", "--channel", "local_dev", "--reason", "slow"]).expect("moved");
    let same = |one: &Value, other: &Value| {
        assert_eq!(one.as_object().unwrap().keys().collect::<Vec<_>>(), other.as_object().unwrap().keys().collect::<Vec<_>>())
    };
    same(&moved, &back);

    let hold = scratch.json(&["hold", "--all", "--reason", "fire"]).expect("moved");
    let staged = scratch.json(&["stage", "v1.2.0", "--at", "HEAD"]).expect("moved");
    let verdict = scratch.json(&["verdict", "record", "SAFE", "--at", "HEAD"]).expect("moved");
    let unhold = scratch.json(&["unhold", "--all", "--reason", "out"]).expect("moved");
    assert_snapshot!(shape(&[&hold, &staged, &verdict, &unhold]), @r"
    schema: tagwarden.entry-written/1
    decision: string
    reason_code: string
    signing: string
    action: string
    serial: number
    entry: string
    ref: string
    actor.id: string
    actor.kind: string
    actor.name: string
    reason: null | string
    time: string
    channel: null
    commit: null | string
    body.hold.scope: string
    body.hold.of: null
    next: string
    findings: []
    releases[].package: string
    releases[].version: string
    releases[].commit: string
    releases[].tag: string
    moves[].ref: string
    moves[].from: null
    moves[].to: string
    moves[].commit: string
    body: null
    body.verdict.verdict: string
    notices[]: string
    ");

    let clean = scratch.json(&["status"]).expect("passed");
    let resolved = scratch.json(&["resolve", "local_dev"]).expect("passed");
    let audited = scratch.json(&["audit", "--rejudge", "all"]).expect("passed");
    let healthy = scratch.json(&["doctor"]).expect("passed");
    scratch.git(&["push", "--quiet", "--force", "origin", "HEAD:refs/tags/channel/local_dev"]);
    let drifted = scratch.json(&["status"]).expect("findings");
    assert_snapshot!(shape(&[&clean, &drifted]), @r"
    schema: tagwarden.status/1
    decision: string
    reason_code: string
    signing: string
    ledger.ref: string
    ledger.entry: string
    ledger.serial: number
    policy.version: number
    policy.tree: string
    policy.committed: string
    channels[].channel: string
    channels[].release: string
    channels[].releases[].package: string
    channels[].releases[].version: string
    channels[].releases[].commit: string
    channels[].releases[].tag: string
    channels[].commit: string
    channels[].serial: number
    channels[].since: string
    channels[].hold.scope: string
    channels[].hold.of: string
    channels[].hold.reason: string
    channels[].hold.by: string
    channels[].hold.serial: number
    channels[].hold.automation_only: bool
    channels[].tag: string
    holds[].scope: string
    holds[].of: string
    holds[].reason: string
    holds[].by: string
    holds[].serial: number
    holds[].automation_only: bool
    waivers: []
    releases[].release: string
    releases[].commit: string
    releases[].state: string
    releases[].channels[]: string
    releases[].held: bool
    next: string
    findings: []
    notices: []
    channels[].drift[]: F
    ");
    assert_snapshot!(shape(&[&resolved]), @r"
    schema: tagwarden.resolve/1
    decision: string
    reason_code: string
    signing: string
    channel: string
    release: string
    releases[].package: string
    releases[].version: string
    releases[].commit: string
    releases[].tag: string
    commit: string
    tag.ref: string
    tag.oid: string
    serial: number
    since: string
    ledger.ref: string
    ledger.entry: string
    ledger.serial: number
    next: string
    findings: []
    notices: []
    ");
    let history = scratch.json(&["history"]).expect("passed");
    assert_snapshot!(shape(&[&history]), @r"
    schema: tagwarden.history/1
    decision: string
    reason_code: string
    signing: string
    entries[].serial: number
    entries[].action: string
    entries[].channel: null | string
    entries[].actor.id: string
    entries[].actor.kind: string
    entries[].actor.name: string
    entries[].reason: null | string
    entries[].time: string
    entries[].about.scope: string
    entries[].about.entries[]: number
    entries[].entry: string
    entries[].after_gates: []
    entries[].after: null
    entries[].after_reason: null
    entries[].about.commit: string
    entries[].about.release: string
    entries[].about.verdict: string
    entries[].releases[].package: string
    entries[].releases[].version: string
    entries[].releases[].commit: string
    entries[].releases[].tag: string
    entries[].moves[].ref: string
    entries[].moves[].from: null | string
    entries[].moves[].to: string
    entries[].moves[].commit: string
    entries[].about.holds[].scope: string
    entries[].about.holds[].of: string
    entries[].gates[].id: string
    entries[].gates[].kind: string
    entries[].gates[].on_fail: string
    entries[].gates[].outcome: string
    entries[].gates[].reason_code: string
    entries[].gates[].evidence: string
    entries[].gates[].waiver: null
    next: string
    findings: []
    notices: []
    ");
    let head = history["entries"][0]["entry"].as_str().unwrap();
    let expected = scratch.json(&["audit", "--expect-head", head]).expect("findings");
    assert_snapshot!(shape(&[&audited, &expected]), @r"
    schema: tagwarden.audit/1
    decision: string
    reason_code: string
    signing: string
    head: string
    genesis: string
    entries: number
    signed: number
    expected_head: null | string
    rejudged[].serial: number
    rejudged[].gate: string
    rejudged[].recorded: string
    rejudged[].again: string
    rejudged[].verdict: string
    rejudged[].detail: null
    next: string
    notices[]: string
    findings[]: F
    ");
    let ill = scratch.json(&["doctor"]).expect("findings");
    assert_snapshot!(shape(&[&healthy, &ill]), @r"
    schema: tagwarden.doctor/1
    decision: string
    reason_code: string
    signing: string
    checks[].name: string
    checks[].outcome: string
    checks[].detail: string
    checks[].help: null | string
    checks[].fixed: bool
    next: string
    notices: []
    findings[]: F
    ");

    let refused = scratch.json(&["promote", "v9.0.0", "--channel", "local_dev"]).expect("half_state");
    scratch.write("gates/10-docs.yaml", "title: t\n");
    let wrong = scratch.json(&["status"]).expect("bad_config");
    assert_snapshot!(shape(&[&refused, &wrong]), @r"
    schema: tagwarden.error/1
    decision: string
    reason_code: string
    signing: string
    message: string
    help: string
    notices: []
    findings[]: F
    ");
    let text = scratch.json(&["explain", "held"]).expect("passed");
    assert_snapshot!(shape(&[&text]), @r"
    schema: tagwarden.text/1
    decision: string
    reason_code: string
    media_type: string
    text: string
    value.reason_code: string
    value.exit_code: number
    value.about: string
    value.next: string
    next: string
    findings: []
    notices: []
    ");

    // What holds of every answer.
    for answer in [
        &init, &adopted, &good, &bad, &planned, &moved, &back, &hold, &clean, &drifted, &resolved, &history, &audited, &ill, &refused,
        &wrong, &text,
    ] {
        let members: Vec<&String> = answer.as_object().unwrap().keys().collect();
        assert_eq!(members[..3], ["schema", "decision", "reason_code"], "{answer:#}");
        let decision = answer["decision"].as_str().unwrap();
        assert_eq!(decision == "stop", exit_code_of(answer["reason_code"].as_str().unwrap()) != 0);
        assert!(["done", "stop", "continue"].contains(&decision));
        spelt_as_promised(answer);
    }
}

/// snake_case members, times in UTC to the second, digests with their algorithm, git object ids whole.
fn spelt_as_promised(answer: &Value) {
    let mut open = vec![("", answer)];
    while let Some((name, value)) = open.pop() {
        let matches = |pattern: &str| regex::Regex::new(pattern).unwrap().is_match(value.as_str().unwrap());
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{name}");
                    open.push((name, member));
                }
            }
            Value::Array(items) => open.extend(items.iter().map(|item| (name, item))),
            Value::String(text) if matches!(name, "time" | "since" | "started" | "until") => {
                assert!(matches(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"), "{name}: {text}");
            }
            Value::String(text) if matches!(name, "evidence" | "claim") => assert!(matches("^sha256:[0-9a-f]{64}$"), "{name}: {text}"),
            Value::String(text) if matches!(name, "commit" | "entry" | "head" | "genesis" | "from" | "to" | "tree" | "oid") => {
                assert!(matches("^[0-9a-f]{40}$"), "{name}: {text}");
            }
            Value::String(text) if matches!(name, "code") => assert!(matches("^[a-z][a-z0-9-]*/[a-z0-9-]+$"), "{name}: {text}"),
            _ => {}
        }
    }
}

/// `explain` knows exactly the reason codes of the table, each with its exit code.
#[test]
fn every_reason_code_has_its_exit_code() {
    let scratch = Scratch::without_repository();
    let all = scratch.json(&["explain"]).expect("passed");
    let listed = all["text"].as_str().unwrap();
    let (_, after) = listed.split_once("\nreason codes\n").unwrap();
    let (reasons, _) = after.split_once("\n\n").unwrap();
    let listed: Vec<&str> = reasons.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    let promised: Vec<&str> = EXIT_CODES.iter().flat_map(|(_, reasons)| reasons.split(' ')).collect();
    assert_eq!(listed, promised);
    for (code, reasons) in EXIT_CODES {
        for reason in reasons.split(' ') {
            let told = scratch.json(&["explain", reason]).expect("passed");
            assert_eq!(told["value"]["exit_code"], *code, "{reason}");
        }
    }
}

/// Everything that a workflow runner, a Markdown reader or an XML reader could take for its own.
const HOSTILE: &str = "::error::x ##[command]y %0A::set-output name=a::b <img src=x onerror=y> @team #1 [a](b) `c` ``` &amp; ]]> \"'| --> ${{ github.token }}";

/// Three gates with hostile titles: one passes, one fails and prints hostile lines, one is not run; and an advisory one.
fn hostile() -> Scratch {
    let title = Value::from(HOSTILE).to_string();
    let scratch = Scratch::minimal_unadopted();
    scratch.write("gates/10-docs.yaml", format!("title: {title}\ncommand:\n  - shell: 'true'\n"));
    let script =
        "  - shell: |\n      printf '::set-env name=A::b\\n##[group]x\\n\\r::stop-commands::pause\\n<b>\\033[31m' >&2\n      exit 3\n";
    scratch.write("gates/20-advice.yaml", format!("title: {title}\non_fail: document\ncommand:\n{script}"));
    scratch.write("gates/30-bad.yaml", format!("title: {title}\ncommand:\n{script}"));
    scratch.write("gates/40-unknown.yaml", format!("title: {title}\ncommand:\n  - run: [no-such-program-anywhere]\n"));
    scratch.commit("Be hostile");
    scratch.push();
    scratch
}

#[test]
fn junit_is_xml_and_counts_right() {
    let scratch = hostile();
    let read = |args: &[&str], code: i32| {
        let output = scratch.run(&[args, &["--format", "junit"]].concat());
        assert_eq!(output.code, code, "{output}");
        xml::parse(&output.stdout).unwrap_or_else(|why| panic!("{why}: {output}"))
    };
    let items = read(&["verify"], 1);
    let count = |wanted: &str| items.iter().filter(|item| matches!(item, xml::Item::Open { name, .. } if name == wanted)).count();
    let suite = items
        .iter()
        .find_map(|item| match item {
            xml::Item::Open { name, attributes } if name == "testsuite" => Some(attributes.iter().cloned().collect::<BTreeMap<_, _>>()),
            _ => None,
        })
        .unwrap();
    for (element, attribute) in [("testcase", "tests"), ("failure", "failures"), ("error", "errors"), ("skipped", "skipped")] {
        assert_eq!(suite[attribute], count(element).to_string(), "{element}: {suite:?}");
    }
    assert_eq!((count("testcase"), count("failure"), count("error")), (4, 1, 0), "{items:#?}");
    let named = items.iter().any(|item| matches!(item, xml::Item::Open { name, attributes } if name == "testcase" && attributes.iter().any(|(_, value)| value.contains("<img src=x onerror=y>"))));
    assert!(named, "what was escaped reads as it was written: {items:#?}");

    scratch.edit("gates/30-bad.yaml", "exit 3", "exit 0");
    let inconclusive = read(&["verify"], 3);
    assert!(inconclusive.iter().any(|item| matches!(item, xml::Item::Open { name, .. } if name == "error")));
    scratch.json(&["policy", "adopt", "--reason", HOSTILE]).expect("bad_config");
    scratch.git(&["checkout", "--quiet", "."]);
    scratch.json(&["policy", "adopt", "--reason", HOSTILE]).expect("moved");
    for (args, code) in [
        (&["status"][..], 0),
        (&["history"], 0),
        (&["audit"], 0),
        (&["promote", "v1.0.0", "--channel", "local_dev"], 1),
        (&["status", "--remote", "x"], 2),
    ] {
        read(args, code);
    }
    assert!(xml::parse("<?xml version=\"1.0\" encoding=\"UTF-8\"?><a b=\"1\"><c></a>").is_err(), "the reader can say no");
}

#[test]
fn github_reads_nothing_into_foreign_text() {
    let scratch = hostile();
    scratch.json(&["policy", "adopt", "--reason", HOSTILE]).expect("moved");
    let (summary, outputs) = (scratch.path("summary"), scratch.path("outputs"));
    let env =
        [("GITHUB_STEP_SUMMARY", summary.to_str().unwrap()), ("GITHUB_OUTPUT", outputs.to_str().unwrap()), ("GITHUB_ACTIONS", "true")];
    let lines: &[&[&str]] = &[
        &["verify"],
        &["promote", "v1.0.0", "--channel", "local_dev", "--reason", HOSTILE],
        &["history"],
        &["stage", HOSTILE, "--at", "HEAD"],
        &["status"],
    ];
    for line in lines {
        for format in ["github", "human", "json", "sarif"] {
            let output = scratch.run_with(&[*line, &["--format", format]].concat(), &env);
            for printed in format!("{}\n{}", output.stdout, output.stderr).lines().flat_map(|line| line.split('\r')) {
                // What the runner takes for a command: at the start of a line, or `##[` anywhere.
                assert!(!printed.contains("##["), "{line:?} {format}: {printed}");
                let Some(command) = printed.trim_start().strip_prefix("::") else { continue };
                let own = format == "github" && ["error ", "warning ", "notice "].iter().any(|name| command.starts_with(name));
                assert!(own, "{line:?} {format}: {printed}");
                let (properties, _) = command.split_once("::").unwrap();
                assert!(properties.split_once(' ').unwrap().1.split(',').all(|property| property.split_once('=').is_some()), "{printed}");
            }
            assert!(!output.stdout.contains('\u{1b}'), "{output}");
        }
    }
    let failed = scratch.run_with(&["verify", "--format", "github"], &env).stdout;
    assert!(failed.lines().any(|line| line.starts_with("::error ") && line.contains("command/exit")), "{failed}");
    assert!(failed.lines().any(|line| line.starts_with("::warning ") && line.contains("command/exit")), "the advisory gate: {failed}");

    // The summary is Markdown in which the foreign text is dead.
    let text = std::fs::read_to_string(&summary).unwrap();
    let mut fence: Option<&str> = None;
    for line in text.lines() {
        match fence {
            Some(end) if line == end => fence = None,
            Some(_) => {}
            None if line.starts_with("```") => fence = Some(line.trim_end_matches(|c| c != '`')),
            None => {
                for wrong in ["<img", "@team", "[a](b)", "```", "::error"] {
                    assert!(!line.contains(wrong), "`{wrong}` is alive in: {line}");
                }
            }
        }
    }
    assert_eq!(fence, None, "an open fence");
    assert!(text.contains("onerror"), "the title stands there all the same");

    // The outputs, read as the runner reads them.
    let read = outputs_of(&std::fs::read_to_string(&outputs).unwrap());
    let names: BTreeSet<&str> = read.iter().map(|(name, _)| name.as_str()).collect();
    for name in ["decision", "reason_code"] {
        assert!(names.contains(name), "{names:?}");
    }
    assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == '-')), "{names:?}");
    let last = |wanted: &str| read.iter().rev().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    assert_eq!((last("decision"), last("reason_code")), (Some("stop"), Some("gate_failed")));
}

#[test]
fn sarif_has_each_finding_under_its_rule_in_its_file() {
    let scratch = hostile();
    scratch.edit("protocol-docs/promotion.md", "## Gate 1", "[broken](nowhere%20é.md) and `src/gone.rs`\n\n## Gate 1");
    let read = |args: &[&str], code: i32| -> Value {
        let output = scratch.run(&[args, &["--format", "sarif"]].concat());
        assert_eq!(output.code, code, "{output}");
        let log: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|why| panic!("{why}: {output}"));
        assert_eq!((&log["version"], &log["runs"][0]["invocations"][0]["exitCode"]), (&"2.1.0".into(), &code.into()));
        log["runs"][0].clone()
    };
    let run = read(&["verify"], 1);
    assert_eq!((&run["tool"]["driver"]["name"], &run["columnKind"]), (&"tagwarden".into(), &"unicodeCodePoints".into()));
    let results = run["results"].as_array().unwrap();
    let seen: BTreeSet<String> = results
        .iter()
        .map(|result| {
            let rule = &run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize];
            assert_eq!(rule["id"], result["ruleId"], "{run:#}");
            let place = &result["locations"][0]["physicalLocation"];
            assert!(!result["message"]["text"].as_str().unwrap().contains("]("), "{result:#}");
            format!(
                "{} {} {}",
                result["level"].as_str().unwrap(),
                rule["id"].as_str().unwrap(),
                place["artifactLocation"]["uri"].as_str().unwrap()
            )
        })
        .collect();
    // The same findings as in the JSON answer, each with its file, and the same words for how bad they are.
    let answer = scratch.json(&["verify"]).expect("gate_failed");
    for gate in answer["gates"].as_array().unwrap() {
        for finding in gate["findings"].as_array().unwrap() {
            let advisory = gate["on_fail"] == "document";
            let level = if advisory { "warning" } else { finding["severity"].as_str().unwrap() };
            let file = finding["file"].as_str().unwrap_or("gates/protocol.yaml");
            let line = format!("{level} {} {file}", finding["code"].as_str().unwrap());
            assert!(seen.contains(&line), "{line} is not in {seen:#?}");
        }
    }
    assert!(seen.iter().any(|line| line.starts_with("warning command/exit")), "the advisory gate: {seen:#?}");

    scratch.git(&["checkout", "--quiet", "."]);
    scratch.json(&["policy", "adopt", "--reason", HOSTILE]).expect("moved");
    for (args, code, result) in [
        (&["status"][..], 0, None),
        (&["promote", "v1.0.0", "--channel", "local_dev"], 1, Some("command/exit")),
        (&["status", "--remote", "x"], 2, Some("no_remote")),
    ] {
        let run = read(args, code);
        let stops = run["results"].as_array().unwrap().iter().any(|result| result["level"] == "error");
        assert_eq!(stops, code != 0, "a stop is never green: {run:#}");
        let has = |wanted: &str| run["results"].as_array().unwrap().iter().any(|result| result["ruleId"] == wanted);
        assert!(result.is_none_or(has), "{run:#}");
    }
}

/// `name=value`, or `name<<DELIMITER`, lines, `DELIMITER`.
fn outputs_of(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let at = line.find(['=', '<']).unwrap_or_else(|| panic!("no output: {line}"));
        if let Some(delimiter) = line[at..].strip_prefix("<<") {
            let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
            found.push((line[..at].to_owned(), value.join("\n")));
        } else {
            found.push((line[..at].to_owned(), line[at + 1..].to_owned()));
        }
    }
    found
}
