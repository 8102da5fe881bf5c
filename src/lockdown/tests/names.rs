//! The same edges of names: variables, endpoints, columns of pull requests, URLs, and what markers hold for.

use super::{edges::check, *};

#[test]
fn words_in_capitals_are_variables_where_something_says_so() {
    let files = [
        (".env.example", "API=1\nAPP_MODE=x\n"),
        ("src/read.ts", "process.env.PORT; process.env.NAME; const LIMIT = 3; OPEN APP_MODE"),
        ("notes.yaml", "LEVEL: DEBUG"),
    ];
    let unknown = |name: &str| format!("unknown-env: no gate, example, workflow, script or source of the tree knows a variable `{name}`");
    let nope = unknown("NOPE");
    check(
        &Facts::default(),
        &files,
        true,
        &[
            ("`PORT` `API=2` `NAME` `LIMIT` `NOPE` `DEBUG` `GET`", &["env PORT ok", "env API ok"]),
            ("The environment variables `LIMIT`, `DEBUG`. A variable `NOPE`.", &["env LIMIT ok"]),
            ("(Env var `NOPE`) and the new\nenvironment variable `CI`", &["env NOPE broken", &nope]),
            (
                "| Env var | x |\n|---|---|\n| `LIMIT` | `LEVEL` |\n| NOPE | `NOPE` |\n| PORT, **API** and CI | y |\n| NONE | z |\n| | A |",
                &["env LIMIT ok", "env NOPE broken", &nope],
            ),
            (
                "| # | Variables (all) | x |\n|---|---|---|\n| 1 | PORT, **API** or APP\\_MODE | y |\n| 2 | see LIMIT | y |",
                &["env PORT ok", "env API ok", "env APP_MODE ok"],
            ),
            ("| Level | x |\n|---|---|\n| `DEBUG` | a |\n| `NOPE` | b |\n| `PORT` | c |", &["env PORT ok"]),
            ("| Code | x |\n|---|---|\n| `APP_MODE` | a |\n| `LIMIT` | b |\n| `APP_MODE` | c |", &["env APP_MODE ok", "env APP_MODE ok"]),
        ],
    );
    check(
        &Facts::default(),
        &files,
        false,
        &[
            ("`PORT` the environment variable `NOPE`", &["env PORT ok", "env NOPE unchecked: nothing in the tree declares or reads it"]),
            ("| Var |\n|---|\n| NOPE |", &["env NOPE unchecked: nothing in the tree declares or reads it"]),
        ],
    );
}

#[test]
fn a_name_in_capitals_is_a_variable_where_something_says_so() {
    let large = "LARGE_NAME ".repeat(100_000);
    let files = [
        ("src/read.ts", "APP_CHANNEL APP_KEY APP_ID APP_URL A_B"),
        ("README.md", "PROSE_NAME"),
        ("data.bin", "BINARY_NAME\0"),
        ("large.txt.csv", large.as_str()),
        ("scripts/x.sh", "#!/bin/sh\n"),
    ];
    check(
        &Facts::default(),
        &files,
        true,
        &[
            (
                "`APP_CHANXXL` `APP_KEZ` `APP_IX`",
                &[
                    "env APP_CHANXXL unchecked: nothing in the tree declares or reads it",
                    "env APP_KEZ broken",
                    "env APP_IX unchecked: nothing in the tree declares or reads it",
                    "unknown-env: no gate, example, workflow, script or source of the tree knows a variable `APP_KEZ` (did you mean `APP_KEY`?)",
                ],
            ),
            ("the variable `GITHUB_TOKEN`", &["env GITHUB_TOKEN unchecked: nothing in the tree declares or reads it"]),
            ("`SHOP_LEVEL`", &["env SHOP_LEVEL unchecked: nothing in the tree declares or reads it"]),
            (
                "| a | b |\n|---|---|\n| `SHOP_LEVEL` | c |\n| c | `SHOP_LEVEL` |",
                &[
                    "env SHOP_LEVEL broken",
                    "env SHOP_LEVEL unchecked: nothing in the tree declares or reads it",
                    "unknown-env: no gate, example, workflow, script or source of the tree knows a variable `SHOP_LEVEL`",
                ],
            ),
            (
                "`$SHOP_LEVEL` `SHOP_LEVEL=1`",
                &[
                    "env SHOP_LEVEL broken",
                    "env SHOP_LEVEL broken",
                    "unknown-env: no gate, example, workflow, script or source of the tree knows a variable `SHOP_LEVEL`",
                    "unknown-env: no gate, example, workflow, script or source of the tree knows a variable `SHOP_LEVEL`",
                ],
            ),
            (
                "The variable `SHOP_LEVEL`",
                &[
                    "env SHOP_LEVEL broken",
                    "unknown-env: no gate, example, workflow, script or source of the tree knows a variable `SHOP_LEVEL`",
                ],
            ),
            (
                "The env `SHOP_LEVEL`",
                &[
                    "env SHOP_LEVEL broken",
                    "unknown-env: no gate, example, workflow, script or source of the tree knows a variable `SHOP_LEVEL`",
                ],
            ),
            (
                "`APP_URL*` `$A_B`",
                &[
                    "env APP_URL* broken",
                    "env A_B ok",
                    "unknown-env: no gate, example, workflow, script or source of the tree knows a variable `APP_URL*` (did you mean `APP_URL`?)",
                ],
            ),
            (
                "`$PROSE_NAME` `$BINARY_NAME` `$LARGE_NAME`",
                &[
                    "env PROSE_NAME broken",
                    "env BINARY_NAME broken",
                    "env LARGE_NAME broken",
                    "unknown-env: no gate, example, workflow, script or source of the tree knows a variable `PROSE_NAME`",
                    "unknown-env: no gate, example, workflow, script or source of the tree knows a variable `BINARY_NAME`",
                    "unknown-env: no gate, example, workflow, script or source of the tree knows a variable `LARGE_NAME`",
                ],
            ),
            (
                "```sh\nAPP_CHANEL=x make\nAPP_CHANNEL=x make\nFOO_LEVELS=1 sh scripts/x.sh\nAPP_CHANEL=1 sh scripts/x.sh\n```",
                &[
                    "env APP_CHANEL unchecked: a variable that whoever runs the command may set",
                    "command APP_CHANEL=x make unchecked: no file of its rules here",
                    "env APP_CHANNEL ok",
                    "command APP_CHANNEL=x make unchecked: no file of its rules here",
                    "env FOO_LEVELS unchecked: a variable that whoever runs the command may set",
                    "command FOO_LEVELS=1 sh scripts/x.sh ok",
                    "env APP_CHANEL broken",
                    "command APP_CHANEL=1 sh scripts/x.sh ok",
                    "unknown-env: no gate, example, workflow, script or source of the tree knows a variable `APP_CHANEL` (did you mean `APP_CHANNEL`?)",
                ],
            ),
            (
                "`SHOP_LEVEL=1` (PR #12)",
                &[
                    "env SHOP_LEVEL unchecked: not here; #12 beside it may bring it",
                    "pull #12 unchecked: nothing is recorded of pull requests",
                ],
            ),
        ],
    );
    check(&Facts::default(), &files, false, &[("`SHOP_LEVEL=1`", &["env SHOP_LEVEL unchecked: nothing in the tree declares or reads it"])]);
    check(
        &Facts::default(),
        &[("a.csv", "nothing")],
        true,
        &[("`SHOP_LEVEL=1`", &["env SHOP_LEVEL unchecked: no file of the tree declares or reads variables"])],
    );
}

#[test]
fn endpoints_are_compared_part_by_part() {
    let files = [
        ("app/api/users/me/route.ts", ""),
        ("app/api/health/route.ts", ""),
        ("app/@modal/help/page.tsx", ""),
        ("pages/api/_mid.ts", ""),
        ("swagger.json", "{\"paths\": {\"/v1/users\": {\"parameters\": [], \"get\": {}, \"post\": {}}}}"),
        ("config.yaml", "paths:\n  /conf/x:\n    get: {}\n"),
    ];
    check(
        &Facts::default(),
        &files,
        true,
        &[
            (
                "`GET /app/api/health/route.ts`",
                &["endpoint GET /app/api/health/route.ts unchecked: no route file, OpenAPI document or gate tells of it"],
            ),
            ("`/api/users/<id>` `GET /api/health`", &["endpoint /api/users/<id> ok", "endpoint GET /api/health ok"]),
            ("`/api/health?x=1` `/api/health#x`", &["endpoint /api/health?x=1 ok", "endpoint /api/health#x ok"]),
            (
                "`/help` `/api/_mid`",
                &[
                    "endpoint /help ok",
                    "endpoint /api/_mid broken",
                    "unknown-endpoint: no route file, OpenAPI document or gate of the tree serves `/api/_mid`",
                ],
            ),
            (
                "`DELETE /v1/users` `/conf/x`",
                &[
                    "endpoint DELETE /v1/users broken",
                    "endpoint /conf/x unchecked: no route file, OpenAPI document or gate tells of it",
                    "unknown-endpoint: `/v1/users` answers GET, POST, not DELETE",
                ],
            ),
        ],
    );
    check(
        &Facts::default(),
        &files,
        false,
        &[("`/api/helth`", &["endpoint /api/helth unchecked: no route file, OpenAPI document or gate tells of it"])],
    );
    check(
        &Facts::default(),
        &[],
        true,
        &[("`/api/health`", &["endpoint /api/health unchecked: no route file, OpenAPI document or gate tells of endpoints"])],
    );
}

#[test]
fn tables_of_pull_requests_are_read_by_their_columns() {
    let rows = |head: &str, rows: &str| format!("| {head} |\n|---|---|\n{rows}");
    let many = |count: u64| format!("#1–#{count}\n\n| PR | x |\n|---|---|\n| #1 | |");
    check(
        &Facts::default(),
        &[],
        true,
        &[
            (
                &format!("#1–#2\n\n{}", rows("PR | Depends on", "| example/x#9 | |\n| #1 | example/x#2 |\n| #2 | |")),
                &[
                    "pull #1-#2 ok",
                    "pull example/x#9 unchecked: in another repository",
                    "pull #1 unchecked: nothing is recorded of pull requests",
                    "pull example/x#2 unchecked: in another repository",
                    "pull #2 unchecked: nothing is recorded of pull requests",
                ],
            ),
            (
                &rows("PR | Depends on", "| #1 | #2–#3 |\n| #2 | |\n| #3 | |"),
                &[
                    "pull #1 unchecked: nothing is recorded of pull requests",
                    "pull #2-#3 ok",
                    "pull #2 unchecked: nothing is recorded of pull requests",
                    "pull #3 unchecked: nothing is recorded of pull requests",
                    "pull-order: #1 depends on #2, which stands below it (move the row, or mend what it depends on)",
                    "pull-order: #1 depends on #3, which stands below it (move the row, or mend what it depends on)",
                ],
            ),
            (
                &format!("## Phase 1\n\n## Other\n\n{}", rows("PR | Depends on", "| #1 | Phase 1 |")),
                &["pull #1 unchecked: nothing is recorded of pull requests", "phase phase 1 ok"],
            ),
            (
                &format!("## Phase 1\n\n{}\n\n## Phase 2\n", rows("PR | Depends on", "| #1 | Phase 2 |")),
                &[
                    "pull #1 unchecked: nothing is recorded of pull requests",
                    "phase phase 2 ok",
                    "pull-order: #1 of phase 1 depends on phase 2, which does not come before it (move the row, or mend what it depends on)",
                ],
            ),
            (
                &rows("PR | Depends on", "| #1 | #3 |\n| #3 | #2 |\n| #2 | #3 |"),
                &[
                    "pull #1 unchecked: nothing is recorded of pull requests",
                    "pull #3 unchecked: nothing is recorded of pull requests",
                    "pull #3 unchecked: nothing is recorded of pull requests",
                    "pull #2 unchecked: nothing is recorded of pull requests",
                    "pull #2 unchecked: nothing is recorded of pull requests",
                    "pull #3 unchecked: nothing is recorded of pull requests",
                    "pull-order: #1 depends on #3, which stands below it (move the row, or mend what it depends on)",
                    "pull-order: #3 depends on #2, which stands below it (move the row, or mend what it depends on)",
                    "pull-cycle: these depend on one another: #2 → #3 → #2",
                ],
            ),
            (
                &rows("Pull requests | Needs", "| #1 | #2 |\n| #2 | |"),
                &[
                    "pull #1 unchecked: nothing is recorded of pull requests",
                    "pull #2 unchecked: nothing is recorded of pull requests",
                    "pull #2 unchecked: nothing is recorded of pull requests",
                    "pull-order: #1 depends on #2, which stands below it (move the row, or mend what it depends on)",
                ],
            ),
            (
                &rows("PRs | After", "| #1 | #2 |\n| #2 | |"),
                &[
                    "pull #1 unchecked: nothing is recorded of pull requests",
                    "pull #2 unchecked: nothing is recorded of pull requests",
                    "pull #2 unchecked: nothing is recorded of pull requests",
                    "pull-order: #1 depends on #2, which stands below it (move the row, or mend what it depends on)",
                ],
            ),
            (
                &format!("#9–#5\n\n{}", rows("PR | x", "| #9 | |")),
                &["pull #9-#5 broken", "pull #9 unchecked: nothing is recorded of pull requests", "pull-missing: #9 to #5 is no range"],
            ),
            (
                &many(10_000),
                &[
                    "pull #1-#10000 broken",
                    "pull #1 unchecked: nothing is recorded of pull requests",
                    "pull-missing: #1 to #10000 are 10000 pull requests, but 9999 stand in no table: #2, #3, #4, #5, #6, #7, #8, #9, #10, #11, #12, #13, #14, #15, #16, #17, #18, #19, #20, #21, … (add their rows, or narrow the range)",
                ],
            ),
            (
                &many(10_001),
                &[
                    "pull #1-#10001 unchecked: nothing is recorded of pull requests",
                    "pull #1 unchecked: nothing is recorded of pull requests",
                ],
            ),
            (
                &many(21),
                &[
                    "pull #1-#21 broken",
                    "pull #1 unchecked: nothing is recorded of pull requests",
                    "pull-missing: #1 to #21 are 21 pull requests, but 20 stand in no table: #2, #3, #4, #5, #6, #7, #8, #9, #10, #11, #12, #13, #14, #15, #16, #17, #18, #19, #20, #21 (add their rows, or narrow the range)",
                ],
            ),
            (
                &many(22),
                &[
                    "pull #1-#22 broken",
                    "pull #1 unchecked: nothing is recorded of pull requests",
                    "pull-missing: #1 to #22 are 22 pull requests, but 21 stand in no table: #2, #3, #4, #5, #6, #7, #8, #9, #10, #11, #12, #13, #14, #15, #16, #17, #18, #19, #20, #21, … (add their rows, or narrow the range)",
                ],
            ),
        ],
    );
    check(
        &Facts::default(),
        &[],
        false,
        &[(
            &format!("#1–#2\n\n{}", rows("PR | Depends on", "| #9 | #8 |\n| #8 | |\n| #8 | |")),
            &[
                "pull #1-#2 unchecked: nothing is recorded of pull requests",
                "pull #9 unchecked: nothing is recorded of pull requests",
                "pull #8 unchecked: nothing is recorded of pull requests",
                "pull #8 unchecked: nothing is recorded of pull requests",
                "pull #8 unchecked: nothing is recorded of pull requests",
            ],
        )],
    );
    let facts = Facts { pulls: pulls::Known { complete: true, ..pulls::Known::default() }, ..Facts::default() };
    check(
        &facts,
        &[],
        true,
        &[(
            "example/other#9 and #9",
            &[
                "pull example/other#9 unchecked: in another repository",
                "pull #9 broken",
                "pull-unknown: there is no pull request or issue #9",
            ],
        )],
    );
}

#[test]
fn urls_of_the_same_repository_have_many_forms() {
    let origin = urls::Origin { host: "github.com".to_owned(), name: "example/web".to_owned() };
    let facts = Facts { origin: Some(origin), branches: vec!["stable".to_owned()], ..Facts::default() };
    let files = [("src/a.rs", "")];
    check(
        &facts,
        &files,
        true,
        &[
            ("<http://www.GitHub.com/example/web/raw/stable/src/a.rs>", &["link src/a.rs ok"]),
            (
                "https://github.com/example/web/blame/master/src/a.rs https://github.com/example/web/edit/trunk/src/a.rs",
                &["url src/a.rs ok", "url src/a.rs ok"],
            ),
            (
                "https://github.com/example/web/blob/develop/src/a.rs https://github.com/example/web/blob/other/src/a.rs",
                &["url src/a.rs ok", "url other:src/a.rs unchecked: at a revision that was not looked at"],
            ),
            ("https://raw.githubusercontent.com/example/web/refs/heads/main/src/a.rs", &["url src/a.rs ok"]),
            (
                "https://github.com/exampla/web/blob/main/src/a.rs",
                &["url https://github.com/exampla/web/blob/main/src/a.rs unchecked: a URL outside of the tree"],
            ),
            ("[`https://example.com/a`](https://example.com/b)", &["link https://example.com/b unchecked: a URL outside of the tree"]),
            (
                "https:// and http://, then (https://example.com/a]) https://example.com/a*",
                &[
                    "url https://example.com/a unchecked: a URL outside of the tree",
                    "url https://example.com/a unchecked: a URL outside of the tree",
                ],
            ),
        ],
    );
    let forge = urls::Origin { host: "forge.example.com".to_owned(), name: "example/web".to_owned() };
    let facts = Facts { origin: Some(forge), ..Facts::default() };
    check(
        &facts,
        &files,
        true,
        &[(
            "https://raw.githubusercontent.com/example/web/main/src/a.rs",
            &["url https://raw.githubusercontent.com/example/web/main/src/a.rs unchecked: a URL outside of the tree"],
        )],
    );
}

#[test]
fn markers_speak_of_what_stands_where_they_hold() {
    let mark = |what: &str| format!("<!-- tagwarden: {what} -- x -->");
    let (ignore, expect, watch, as_of) = (mark("ignore"), mark("expect-missing"), mark("watch"), mark("as-of v1"));
    let count = mark("count gates = rows(table 1)");
    check(
        &Facts::default(),
        FILES,
        true,
        &[
            (
                &format!("{as_of}\n#12 `src/lib/env.ts` Phase 1"),
                &[
                    "pull #12 unchecked: nothing is recorded of pull requests",
                    "path src/lib/env.ts unchecked: as of v1, which was not looked at",
                ],
            ),
            (&format!("`src/gone.ts` was removed. {watch}"), &["path src/gone.ts ok"]),
            (&format!("`src/lib/env.ts` was removed. {ignore}"), &["path src/lib/env.ts unchecked: ignored: x"]),
            (&format!("### Step 1\n\n{ignore}\n\n### Step 3"), &["gate step 1 ok", "gate step 3 unchecked: ignored: x"]),
            (
                &format!("{watch}\n`Makefile`\n`src/gone.ts` {ignore}\nmore"),
                &["path Makefile ok", "path src/gone.ts unchecked: ignored: x"],
            ),
            (
                &format!("{expect}\n[a](https://example.com/x) #12"),
                &[
                    "link https://example.com/x unchecked: a URL outside of the tree",
                    "pull #12 unchecked: nothing is recorded of pull requests",
                ],
            ),
            (
                &format!("{count}\n`Makefile`"),
                &["path Makefile ok", "?unused-marker: this marker has nothing to say: no number of such things stands where it holds"],
            ),
            (&format!("{watch}\nText\n`Makefile` {ignore}\nmore"), &["path Makefile unchecked: ignored: x"]),
            (&format!("### Step 1\n\n{expect}\nAs step 1."), &["gate step 1 ok", "gate step 1 ok"]),
            (&format!("# T\n\n{watch}"), &["?unused-marker: this marker has nothing to say: no reference stands where it holds"]),
        ],
    );
    let facts = Facts { past: ["docs/promotion.md".to_owned()].into(), ..Facts::default() };
    check(&facts, FILES, true, &[(&format!("`src/gone.ts` {expect}"), &["path src/gone.ts ok"])]);
    let (rev, path) = ("v1".to_owned(), "src/gone.ts".to_owned());
    let as_of_v1 = Question::AsOf { rev, path, inside: Inside::Whole, sure: true };
    for (marker, questions) in [(ignore, vec![]), (expect, vec![]), (as_of, vec![as_of_v1])] {
        let (_, census) = strict(FILES, &format!("{marker}\n`src/gone.ts`"));
        assert_eq!(census.questions().cloned().collect::<Vec<_>>(), questions, "{marker}");
    }
}
