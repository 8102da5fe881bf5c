//! Edges of single decisions about numbers, tables, states and phrases: what is just not counted, not a mention, and what is
//! judged only in protocol documents. A case lists its references, then its findings with their help.

use super::*;

/// `kind target verdict` of each reference, then `code message (help)` of each finding; a `?` marks what is no error.
fn shown(facts: &Facts, files: &[(&str, &str)], text: &str, strict: bool) -> Vec<String> {
    let tree = tree(files);
    let source = Source::new("docs/promotion.md", text);
    let census = Library::new(&tree, facts).unwrap().census(&source, &markdown::parse(text), strict).unwrap();
    let finding = |finding: &Finding| {
        let code = finding.code.trim_start_matches("docs/");
        let mark = if finding.severity == crate::domain::Severity::Error { "" } else { "?" };
        let help = finding.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{mark}{code}: {}{help}", finding.message)
    };
    lines(&census).0.into_iter().chain(census.findings().map(finding)).collect()
}

pub(super) type Case<'c> = (&'c str, &'c [&'c str]);

#[track_caller]
pub(super) fn check(facts: &Facts, files: &[(&str, &str)], strict: bool, cases: &[Case]) {
    let wrong: Vec<String> = cases
        .iter()
        .map(|(text, expected)| (text, shown(facts, files, text, strict), expected))
        .filter(|(_, shown, expected)| shown != *expected)
        .map(|(text, shown, _)| format!("({text:?}, &{shown:#?}),"))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn counts_know_what_they_speak_of() {
    let table = "| a | b |\n|---|---|\n| c | d |\n\n";
    let of_phases = format!("{table}<!-- tagwarden: count phases = rows(table 1) -- x -->\n2 gates decide.");
    let of_nothing = format!("{table}<!-- tagwarden: count gates = rows(table 9) -- x -->\n2 gates decide.");
    let of = |name: &str, text: &str| {
        format!("| a |\n|---|\n| b |\n| c |\n\n<!-- tagwarden: count {name} = rows(table 1) -- they agree -->\n{text}")
    };
    let services = of("services", "There are 3 services. We run two small, Services; 1 Service.\n\nElsewhere 5 services.");
    let widgets = of("widgets", "All 3\nblue widgets, 4 widget-makers, the 9 of 2 widgets.");
    let queues = of("work queue", "We have 3 work  queues and 2 work queues.");
    check(
        &Facts::default(),
        &[],
        true,
        &[
            (
                &services,
                &[
                    "count 3 services broken",
                    "count 1 services broken",
                    "wrong-count: the document says 3 services, but there are 2 (table 1)",
                    "wrong-count: the document says 1 services, but there are 2 (table 1)",
                ],
            ),
            (
                &widgets,
                &["count 3 widgets broken", "count 2 widgets ok", "wrong-count: the document says 3 widgets, but there are 2 (table 1)"],
            ),
            (
                &queues,
                &[
                    "count 3 work queue broken",
                    "count 2 work queue ok",
                    "wrong-count: the document says 3 work queue, but there are 2 (table 1)",
                ],
            ),
            (&of_phases, &["?unused-marker: this marker has nothing to say: no number of such things stands where it holds"]),
            (
                &of_nothing,
                &["count 2 gates broken", "wrong-count: the document says 2 gates, but there are 0 (table 9, which is not there)"],
            ),
            (
                "## 3 steps\n\n### Step 1\n### Step 2",
                &[
                    "count 3 steps broken",
                    "gate step 1 ok",
                    "gate step 2 ok",
                    "wrong-count: the document says 3 steps, but there are 2 (headings)",
                ],
            ),
            ("Three steps fail.\n\n### Step 1\n### Step 2", &["gate step 1 ok", "gate step 2 ok"]),
            (
                "### Step 1\n### Step 2\n### Step 3\n\nThe 2 steps.",
                &[
                    "gate step 1 ok",
                    "gate step 2 ok",
                    "gate step 3 ok",
                    "count 2 steps broken",
                    "wrong-count: the document says 2 steps, but there are 3 (headings)",
                ],
            ),
            (
                "## Gate 1\n## Gate 2\n\nAll 3 gates.",
                &[
                    "gate gate 1 ok",
                    "gate gate 2 ok",
                    "count 3 gates broken",
                    "wrong-count: the document says 3 gates, but there are 2 (headings)",
                ],
            ),
            ("All 3 steps.", &["count 3 steps unchecked: nothing here counts them"]),
            ("All 3 phases.", &["count 3 phases unchecked: nothing here counts them"]),
            ("## Three rules:\n\n- a\n- b", &[]),
            ("> Three rules:\n\n- a\n- b", &[]),
            ("One rule:\n\n- a\n- b", &[]),
            ("| Name | Gate |\n|---|---|\n| 1 | a |\n\nAll 2 gates.", &["count 2 gates unchecked: nothing here counts them"]),
            ("| # | Thing |\n|---|---|\n| 1 | a |\n\nAll 2 gates.", &["count 2 gates unchecked: nothing here counts them"]),
        ],
    );
    check(
        &Facts::default(),
        &[],
        false,
        &[
            (
                "### Step 1\n### Step 2\n\nThe three steps.",
                &["gate step 1 ok", "gate step 2 ok", "count 3 steps unchecked: not judged outside of protocol documents"],
            ),
            ("Three rules:\n\n- a\n- b", &["count 3 items unchecked: not judged outside of protocol documents"]),
        ],
    );
}

#[test]
fn steps_and_phases_are_whole_words_with_short_numbers() {
    check(
        &Facts::default(),
        &[],
        true,
        &[
            ("As in Phase 3.", &[]),
            ("## Phase 1\n\nsub-phase 9, Phase 9b, Phase 12345, a phase 1.", &["phase phase 1 ok"]),
            (
                "## About Phase 4\n## Phase 1\n\nPhase 4.",
                &[
                    "phase phase 4 broken",
                    "phase phase 4 broken",
                    "missing-phase: no heading of the document opens phase 4",
                    "missing-phase: no heading of the document opens phase 4",
                ],
            ),
            (
                "### Step 1\n\n> ### Step 5\n\n### Step 2",
                &["gate step 1 ok", "gate step 5 broken", "gate step 2 ok", "unknown-gate: there is no step 5"],
            ),
            (
                "### Before step 7\n### Step 1\n### Step 2",
                &["gate step 7 broken", "gate step 1 ok", "gate step 2 ok", "unknown-gate: there is no step 7"],
            ),
            ("### Step 1\n### Step 2\n### Step 1\n### Step 2", &["gate step 1 ok", "gate step 2 ok", "gate step 1 ok", "gate step 2 ok"]),
            ("### Step 1\n\nsub-step 9, step 9b, step 9_b, step 9.5, step 12345, step 1.", &["gate step 1 ok", "gate step 1 ok"]),
            ("| # | Gate |\n|---|---|\n| 1 | a |\n\nAs gate 0.", &["gate gate 0 broken", "unknown-gate: there is no gate 0"]),
        ],
    );
    check(
        &Facts::default(),
        &[],
        false,
        &[
            (
                "### Step 1\n### Step 3\n\nstep 4",
                &["gate step 1 ok", "gate step 3 ok", "gate step 4 unchecked: no heading bears this number"],
            ),
            ("## Phase 1\n\nPhase 3", &["phase phase 3 unchecked: no heading opens it"]),
        ],
    );
}

/// Two gates on three channels.
fn protocol() -> Facts {
    protocol_with("Health answers")
}

/// `title`: that of the second gate.
fn protocol_with(title: &str) -> Facts {
    let env = "title: Variables are set\nenv: { vars: { APP_KEY: { default: optional, production: { prefix: pk_live_ } }, APP_MODE: { production: { literal: live }, default: optional } } }\n";
    let http =
        format!("title: {title}\nchannels: [production]\nhttp: [ {{ get: \"{{base_url}}/api/health\", expect: {{ status: 200 }} }} ]\n");
    of_gates(&[("10-env.yaml", env), ("20-health.yaml", &http)])
}

/// These gates on three channels.
pub(super) fn of_gates(gates: &[(&str, &str)]) -> Facts {
    let protocol = "version: 1\npackages: { web: { release_tag: \"v{version}\", default: true } }\nrelease_branches: [main]\n\
        channels: { local_dev: { tag: \"channel/{channel}\" }, staging: { tag: \"channel/{channel}\" }, production: { tag: \"channel/{channel}\", base_url: \"https://example.com\" } }\n\
        signing: { key: none }\n";
    let files = gates.iter().copied().chain([("protocol.yaml", protocol)]);
    let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).collect();
    let loaded = crate::gate::config::load(&crate::gate::config::GateFiles { files, root: "gates".to_owned() });
    Facts { protocol: Some(Arc::new(loaded.unwrap())), ..Facts::default() }
}

#[test]
fn headings_of_gates_are_references() {
    let gated = Facts { gated: ["docs/promotion.md".to_owned()].into(), ..protocol() };
    let names = [("gates/10-env.yaml", "APP_KEY APP_MODE")];
    check(
        &gated,
        &names,
        true,
        &[
            (
                "# Way\n\n## Gate 1 — Variables are set\n\nGate 1 before gate 2.\n\n## Gate 2: `Health`  answers",
                &["gate Variables are set ok", "gate gate 1 ok", "gate gate 2 ok", "gate Health answers ok"],
            ),
            (
                "# Way\n\n## Variables are set\n\n### Why\n\n## Health answers\n\n> ## Other\n\n## More",
                &["gate Variables are set ok", "gate Health answers ok"],
            ),
            (
                "## Gate 1 — Variables set\n\n## Gate 3 — Health answers\n\n## Gate 9\n\n## Gate 2 — Health answers",
                &[
                    "gate Variables set broken",
                    "gate Health answers broken",
                    "gate Gate 9 broken",
                    "gate Health answers broken",
                    "heading-without-gate: the candidate has no gate “Variables set” (did you mean “Variables are set”, gate 1 in gates/10-env.yaml? Make the two equal)",
                    "gate-number: the heading says number 3, but “Health answers” is gate 2 (a gate's number is its position among the sorted gate files)",
                    "heading-without-gate: the candidate has no gate “Gate 9” (add its gate file, or remove the heading)",
                    "gate-twice: gate 2 “Health answers” has a second heading here",
                ],
            ),
            (
                "## Health answers\n\n<!-- tagwarden: ignore -- they stand as people read them -->\n## Variables are set\n",
                &["gate Health answers ok", "gate Variables are set unchecked: ignored: they stand as people read them"],
            ),
        ],
    );
    // The title may be written as code in the gate as well.
    let text = "## Gate 1 — Variables are set\n\n## Gate 2 — Health `answers`\n\n| # | Gate |\n|---|---|\n| 1 | Variables are set |\n| 2 | `Health` answers |";
    let told = shown(&Facts { gated: ["docs/promotion.md".to_owned()].into(), ..protocol_with("Health `answers`") }, &names, text, true);
    assert!(told.len() == 4 && told.iter().all(|told| told.ends_with(" ok")), "{told:#?}");
    // What is not of the tree is not expected to be missing from it.
    let state = Some(pulls::State::Open);
    let pulls = BTreeMap::from([(3, pulls::Pull { state, ..pulls::Pull::default() })]);
    let known = pulls::Known { pulls, complete: true, ..pulls::Known::default() };
    let expects = "Gate 1, #3 and `APP_KEY` <!-- tagwarden: expect-missing -- not yet -->";
    check(&Facts { pulls: known, ..protocol() }, &names, true, &[(expects, &["gate gate 1 ok", "pull #3 ok", "env APP_KEY ok"])]);
    // A channel's tag is no path that the history might know.
    check(
        &protocol(),
        &names,
        true,
        &[(
            "`channel/staging` `refs/heads/x` `channel/none`",
            &["path channel/none unchecked: named in code, and nothing of that name is in this tree"],
        )],
    );
    // Headings of other documents only mention gates.
    check(&protocol(), &names, true, &[("## Gate 1 — Anything", &["gate gate 1 ok"])]);
}

#[test]
fn tables_of_variables_need_no_underscores() {
    let env = "title: Variables are set\nenv: { vars: { PORT: required, CI: required, API_KEY: { default: optional, production: { literal: live } } } }\n";
    let facts = of_gates(&[("10-env.yaml", env)]);
    let files = [("gates/10-env.yaml", env)];
    let unknown = "unknown-env: no gate, example, workflow, script or source of the tree knows a variable `NOPE`";
    let out = |name: &str| {
        format!(
            "env-undocumented: gate \u{201c}Variables are set\u{201d} asks for the variable `{name}`, which the tables of variables leave out (add a row for `{name}`)"
        )
    };
    check(
        &facts,
        &files,
        true,
        &[
            (
                "| Name | production |\n|---|---|\n| `PORT` | optional |\n| CI | x |\n| `API_KEY` | `dead` |\n| `NOPE` | x |",
                &[
                    "env PORT ok",
                    "env CI ok",
                    "env API_KEY ok",
                    "env NOPE broken",
                    "env-cell: gate \u{201c}Variables are set\u{201d} has `PORT` required on production, not optional (make the table and the gate equal)",
                    "env-cell: gate \u{201c}Variables are set\u{201d} asks for `API_KEY` as `live` on production, not as `dead` (make the table and the gate equal)",
                    unknown,
                ],
            ),
            (
                "| # | Var |\n|---|---|\n| 1 | `CI` |\n| 2 | none |\n\nAnd `PORT`.\n\n| Name | x |\n|---|---|\n| API_KEY | x |",
                &["env CI ok", "env PORT ok", "env API_KEY ok", &out("PORT")],
            ),
            // Codes in capitals are no variables, and what stands among others is no table of them.
            (
                "| Code |\n|---|\n| `E_NONE` |\n| `E_SOME` |",
                &["env E_NONE broken", "env E_SOME broken", &unknown.replace("NOPE", "E_NONE"), &unknown.replace("NOPE", "E_SOME")],
            ),
            ("| Name | x |\n|---|---|\n| `NOPE` | a |\n| b | a |\n| PORT | a |\n| c | d |", &[]),
        ],
    );
    check(
        &facts,
        &files,
        false,
        &[("| Var |\n|---|\n| CI |\n| NOPE |", &["env CI ok", "env NOPE unchecked: nothing in the tree declares or reads it"])],
    );
}

#[test]
fn tables_and_numbers_are_compared_with_the_protocol() {
    let names = [("gates/10-env.yaml", "APP_KEY APP_MODE")];
    check(
        &protocol(),
        &names,
        true,
        &[
            ("All 2 channels.", &["count 2 channels broken", "wrong-count: the document says 2 channels, but there are 3 (the protocol)"]),
            (
                "As gate 4.\n\n# Way\n\ngate 0, gate 2, gate 3",
                &[
                    "gate gate 4 broken",
                    "gate gate 0 broken",
                    "gate gate 2 ok",
                    "gate gate 3 broken",
                    "unknown-gate: there is no gate 4",
                    "unknown-gate: there is no gate 0",
                    "unknown-gate: there is no gate 3",
                ],
            ),
            ("## Gate 1 — Variables are set\n## Gate 9 — More", &["gate gate 1 ok"]),
            (
                "| # | Gate |\n|---|---|\n| 2 | Variables are set |\n| 2 | `health` |",
                &["gate Variables are set broken", "gate health ok", "gate-table: “Variables are set” is gate 1"],
            ),
            (
                "| # | Gate |\n|---|---|\n| 1 | `Variables`  are set |\n| 2 | Health\tanswers |",
                &["gate Variables  are set ok", "gate Health\tanswers ok"],
            ),
            (
                "| # | Gate |\n|---|---|\n| 1 | Health answers |\n| 2 | Other |",
                &[
                    "gate Health answers broken",
                    "gate Other broken",
                    "gate-table: gate 1 is “Variables are set” (“Health answers” is gate 2)",
                    "gate-table: gate 2 is “Health answers” (make the two equal: gates/20-health.yaml has the title)",
                ],
            ),
            ("| Name | production | other_x |\n|---|---|---|\n| a | b | c |", &[]),
            (
                "| Name | local_dev | production | Notes | notes |\n|---|---|---|---|---|\n| a | b | c | d | e |",
                &["channel local_dev ok", "channel production ok", "channel-missing: the table has no column for staging"],
            ),
            (
                "| Name | local_dev | staging | prod |\n|---|---|---|---|\n| a | no | `required` | required |\n| b | - | | yes |",
                &[
                    "channel local_dev ok",
                    "channel staging ok",
                    "channel prod broken",
                    "unknown-channel: the protocol has no channel `prod` (did you mean `production`?)",
                ],
            ),
            (
                "| Name | production | Stagin |\n|---|---|---|\n| a | yes | no |",
                &[
                    "channel production ok",
                    "channel Stagin broken",
                    "channel-missing: the table has no column for local_dev",
                    "unknown-channel: the protocol has no channel `Stagin` (did you mean `staging`?)",
                ],
            ),
            (
                "| Name | staging | production | dev | preview |\n|---|---|---|---|---|\n| a | required | optional | (optional) | required |",
                &[
                    "channel staging ok",
                    "channel production ok",
                    "channel dev broken",
                    "channel preview broken",
                    "unknown-channel: the protocol has no channel `dev` (did you mean `local_dev`?)",
                    "unknown-channel: the protocol has no channel `preview`",
                ],
            ),
            // Without needs in its cells, or with those of another sort, a column is no channel's.
            ("| Name | production | stag |\n|---|---|---|\n| a | required | ask Ada |\n| b | required | required |", &[]),
            ("| Name | production | stag |\n|---|---|---|\n| a | x1 | required |", &[]),
            ("| Name | production | stag |\n|---|---|---|\n| a | yes | - |", &[]),
            (
                "| Name | local_dev | staging | production | Secret | secret | default | Who sets it | audited | Owner |\n|---|---|---|---|---|---|---|---|---|---|\n| a | yes | yes | yes | yes | required | optional | required | no | required |",
                &["channel local_dev ok", "channel staging ok", "channel production ok"],
            ),
            (
                "| Var | production |\n|---|---|\n| `APP_KEY` | `(optional)` |\n| `APP_MODE` | `(as needed)` |",
                &[
                    "env APP_KEY ok",
                    "env APP_MODE ok",
                    "env-cell: gate “Variables are set” has `APP_KEY` required on production, not optional (make the table and the gate equal)",
                ],
            ),
            ("| Var | production |\n|---|---|\n| `APP_KEY` | `abc` |\n| `APP_MODE` | `li…` |", &["env APP_KEY ok", "env APP_MODE ok"]),
            (
                "| Var | production |\n|---|---|\n| `APP_KEY` | `pk_live_...` |\n| `APP_MODE` | `other` |",
                &[
                    "env APP_KEY ok",
                    "env APP_MODE ok",
                    "env-cell: gate “Variables are set” asks for `APP_MODE` as `live` on production, not as `other` (make the table and the gate equal)",
                ],
            ),
            (
                "| Var | production | staging |\n|---|---|---|\n| `APP_KEY` | required | `(forbidden)` |\n| `APP_MODE` | (empty) | either, optional |",
                &[
                    "channel production ok",
                    "channel staging ok",
                    "env APP_KEY ok",
                    "env APP_MODE ok",
                    "channel-missing: the table has no column for local_dev",
                    "env-cell: gate “Variables are set” has `APP_KEY` optional on staging, not forbidden (make the table and the gate equal)",
                    "env-cell: gate “Variables are set” has `APP_MODE` required on production, not empty (make the table and the gate equal)",
                ],
            ),
            ("| Var | x |\n|---|---|\n| `APP_*` | b |", &["env APP_* ok"]),
            ("| Name | x |\n|---|---|\n| `APP_KEY` | b |\n| none | c |", &["env APP_KEY ok"]),
            ("`/api/health`", &["endpoint /api/health ok"]),
        ],
    );
    check(
        &protocol(),
        &names,
        false,
        &[
            ("| # | Gate |\n|---|---|\n| 1 | Health answers |", &[]),
            (
                "| Var | production |\n|---|---|\n| `APP_KEY` | `pk_test_…` |\n| `APP_MODE` | `other` |",
                &["env APP_KEY ok", "env APP_MODE ok"],
            ),
        ],
    );
}

#[test]
fn a_status_is_that_of_the_right_pull_request() {
    let pull = |state| pulls::Pull { state: Some(state), ..pulls::Pull::default() };
    let pulls = BTreeMap::from([(1, pull(pulls::State::Merged)), (2, pull(pulls::State::Open)), (10, pull(pulls::State::Open))]);
    let facts = Facts { pulls: pulls::Known { pulls, complete: false, ..pulls::Known::default() }, ..Facts::default() };
    check(
        &facts,
        &[],
        true,
        &[
            ("example/other#2 is live; issue #2 is merged", &["pull example/other#2 unchecked: in another repository", "issue #2 ok"]),
            ("#2 was seen | merged | by all", &["pull #2 ok"]),
            ("| PR | Needs | State |\n|---|---|---|\n| #1 | #2 | merged |", &["pull #1 ok", "pull #2 ok", "status #1 merged ok"]),
            ("#1–#2000 merged", &["pull #1-#2000 unchecked: nothing is recorded of pull requests"]),
            (
                "#9–#10 merged",
                &[
                    "pull #9-#10 unchecked: nothing is recorded of pull requests",
                    "status #9–#10 merged broken",
                    "untrue-status: #10 is called merged, but it is open",
                ],
            ),
        ],
    );
    check(
        &facts,
        &[],
        false,
        &[(
            "#2 is live",
            &[
                "pull #2 ok",
                "status #2 live unchecked: not judged outside of protocol documents",
                "?untrue-status: #2 is called live, but it is open",
            ],
        )],
    );
}

#[test]
fn phrases_are_read_as_they_are_written() {
    let list = "# never\n#\n \nsay \"no\"\na > b\nfully verified\n:case-sensitive:\nDone so\n:case-insensitive:\nloud\n(?:)\n";
    let banned = vec![banned::List { path: "banned.list".to_owned(), allow: vec!["docs/[a].md".to_owned()] }];
    let facts = Facts { banned, ..Facts::default() };
    let files = [("banned.list", list)];
    check(
        &facts,
        &files,
        true,
        &[
            ("see # never here", &[]),
            (
                "say \u{201c}no\u{201d} twice",
                &[
                    "phrase say \"no\" broken",
                    "banned-phrase: “say “no”” is banned by `say \"no\"` (banned.list:4 bans it; say it otherwise, or allow it for this document in the protocol)",
                ],
            ),
            (
                "first\nthen a > b",
                &[
                    "phrase a > b broken",
                    "banned-phrase: “a > b” is banned by `a > b` (banned.list:5 bans it; say it otherwise, or allow it for this document in the protocol)",
                ],
            ),
            ("> a\n> > b", &[]),
            (
                "fully\u{a0}verified and fully\tverified",
                &[
                    "phrase fully verified broken",
                    "phrase fully verified broken",
                    "banned-phrase: “fully verified” is banned by `fully verified` (banned.list:6 bans it; say it otherwise, or allow it for this document in the protocol)",
                    "banned-phrase: “fully verified” is banned by `fully verified` (banned.list:6 bans it; say it otherwise, or allow it for this document in the protocol)",
                ],
            ),
            (
                "Done so, done so",
                &[
                    "phrase Done so broken",
                    "banned-phrase: “Done so” is banned by `Done so` (banned.list:8 bans it; say it otherwise, or allow it for this document in the protocol)",
                ],
            ),
            (
                "LOUD",
                &[
                    "phrase loud broken",
                    "banned-phrase: “LOUD” is banned by `loud` (banned.list:10 bans it; say it otherwise, or allow it for this document in the protocol)",
                ],
            ),
        ],
    );
    let tree = tree(&files);
    let allowed = Source::new("docs/[a].md", "loud");
    assert!(Library::new(&tree, &facts).unwrap().census(&allowed, &markdown::parse("loud"), true).unwrap().problems.is_empty());
}
