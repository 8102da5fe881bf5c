//! The census of a document as rich as a real protocol document: every reference with its kind, place and verdict, and
//! every defect that was put into it. The document is [`RICH`]; the tree around it holds some of what it names.

use crate::ground::Ground;
use std::{collections::BTreeMap, fmt::Write as _, os::unix::fs::PermissionsExt as _};

const RICH: &str = include_str!("../documents/rich.txt");

const FILES: &[(&str, &str)] = &[
    ("docs/promotion.md", RICH),
    ("README.md", "# Shop\n"),
    (".env.example", "SHOP_CHANNEL=local\nSHOP_PUBLIC_KEY=\nSHOP_SECRET_KEY=\nDATABASE_URL=\n"),
    ("src/env.ts", "export const env = process.env;\n"),
    ("src/channel.ts", "export function resolveChannel() {\n  return process.env.SHOP_CHANNEL;\n}\n\n"),
    ("app/api/health/route.ts", "export {};\n"),
    ("scripts/backup.sh", "#!/bin/sh\npg_dump \"$DATABASE_URL\"\n"),
    ("scripts/check.sh", "#!/bin/sh\ncurl \"$BASE_URL/api/health\"\n"),
    ("package.json", "{\"scripts\": {\"build\": \"tsc\"}}\n"),
];

fn checked() -> serde_json::Value {
    let ground = Ground::new(FILES);
    let clone = ground.clone_as("writer");
    let script = clone.join("scripts/backup.sh");
    std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let answer = ground.run(&clone, &["docs", "list", "docs/promotion.md"], None);
    assert_eq!((answer.code, answer.reason), (1, "findings"), "{answer:?}");
    answer.json
}

#[test]
fn every_reference_is_counted_by_kind_and_verdict() {
    let census = checked();
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for reference in census["references"].as_array().unwrap() {
        let text = |key: &str| reference[key].as_str().unwrap().to_owned();
        *counts.entry((text("kind"), text("verdict"))).or_default() += 1;
        // The place holds the very text.
        let line = RICH.lines().nth(reference["line"].as_u64().unwrap() as usize - 1).unwrap();
        let column = |key: &str| reference[key].as_u64().unwrap() as usize - 1;
        let shown: String = line.chars().skip(column("column")).take(column("end_column") - column("column")).collect();
        let first = text("text");
        let first = first.lines().next().unwrap_or_default();
        assert!(
            shown.starts_with(first.split(" |").next().unwrap()) || first.contains(&shown) || shown.contains("\\|"),
            "{first:?} is not {shown:?}"
        );
    }
    let mut table = String::new();
    for ((kind, verdict), count) in counts {
        writeln!(table, "{kind:<12} {verdict:<10} {count}").unwrap();
    }
    insta::assert_snapshot!(table, @r#"
    command      broken     4
    command      ok         4
    command      unchecked  3
    commit       broken     1
    count        broken     2
    count        ok         2
    definition   ok         1
    endpoint     ok         3
    endpoint     unchecked  3
    env          ok         7
    env          unchecked  1
    fragment     broken     1
    fragment     ok         1
    gate         broken     1
    gate         ok         4
    image        broken     1
    issue        unchecked  1
    lines        broken     1
    lines        ok         1
    link         broken     1
    link         unchecked  1
    path         broken     1
    path         ok         8
    path         unchecked  2
    phase        broken     1
    phase        ok         3
    pull         broken     1
    pull         unchecked  28
    status       unchecked  2
    symbol       ok         2
    "#);
}

#[test]
fn every_defect_is_told_and_nothing_else() {
    let census = checked();
    let mut told = String::new();
    for finding in census["findings"].as_array().unwrap() {
        let text = |key: &str| finding[key].as_str().unwrap_or("-").to_owned();
        writeln!(told, "{}:{} {} {}", finding["line"], finding["column"], text("code"), text("message")).unwrap();
    }
    insta::assert_snapshot!(told, @r#"
    13:44 docs/curl-without-host `/api/health` has no host, so that curl cannot ask it
    19:29 docs/wrong-count the document says 6 gates, but there are 5 (rows of the table in line 11)
    23:15 docs/pull-missing #30 to #42 are 13 pull requests, but 1 stands in no table: #32
    40:51 docs/missing-target `migrate` is no script of package.json
    43:9 docs/pull-order #38 depends on #39, which stands below it
    54:12 docs/missing-phase no heading of the document opens phase 4
    75:16 docs/jq-syntax no valid jq program: `(` is never closed
    87:3 docs/not-executable `scripts/check.sh` is there, but is not executable
    87:22 docs/assignment-after-command `BASE_URL` is set behind the command word, where it is an argument and no variable; `./scripts/check.sh` reads `$BASE_URL`, and no arguments
    90:13 docs/missing-path `backups/latest.dump` is no file or folder of the tree: no commit in the history of this one ever had it
    91:68 docs/missing-lines `src/channel.ts` has 4 lines, not 90
    95:1 docs/wrong-count the document says 3, but the list below has 2 items
    108:89 docs/missing-anchor `docs/promotion.md` has no heading, id or name `way-forward`
    108:111 docs/missing-file the link leads to `docs/img/map.png`, which is no file or folder of the tree: no commit in the history of this one ever had it
    109:34 docs/undefined-reference nothing defines the label `other`
    115:59 docs/unknown-commit there is no commit 0a1b2c3d here
    116:48 docs/unknown-gate there is no gate 9
    "#);
}
