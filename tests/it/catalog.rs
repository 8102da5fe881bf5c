//! Configuration artifacts as their authors have them: `validate` on catalogs of every shape, what it says, and where.

use crate::common::{Scratch, finding, findings, show::steady};
use insta::assert_snapshot;
use serde_json::Value;

const PROTOCOL: &str = r#"version: 1
packages: { web: { release_tag: "v{version}" } }
release_branches: [main]
channels: { staging: {}, production: {} }
signing: { key: none }
kinds:
  document: { path: "documents/{id}/{version}/package.yaml", rail: document, id: /id, version: /version, null_is_absent: true }
  schema: { path: "schemas/{id}/{version}/schema.json", rail: none }
  table: { path: "tables/{id}.csv", rail: table }
  page: { path: "pages/**/*.md", id: /metadata/name, rail: /rail }
pointer: { file: active.json, shape: grouped }
"#;

const DOCUMENT: &str = r#"rules:
  - id: inputs
    of: active
    refs: { each: '.inputs[]?', to: [{ artifact: "document:{value}", must: active }], acyclic: true }
  - id: schema
    refs: { each: .schema, to: [{ form: "schema:{name}:{at}", artifact: "schema:{name}@{at}" }] }
  - id: newest-schema
    severity: warning
    refs: { each: .schema, to: [{ form: "schema:{name}:{at}", artifact: "schema:{name}@{at}", must: active }] }
  - id: files
    refs: { each: '.files[]?', to: [{ path: "{value}" }] }
  - id: binds
    refs: { each: '.binds[]?', to: [{ path: "schema.json#/properties/{value}" }] }
  - id: same-schema
    refs: { from: schema.json, to: [{ artifact: "schema:{id}@{version}", must: equal }] }
  - id: prompt-names-fields
    when: '.level == "descriptive"'
    refs: { from: schema.json, each: '.properties[]?', take: key, to: [{ text: prompt.txt }] }
  - id: context
    help: descriptive documents need context.txt
    when: '.level == "descriptive"'
    refs: { to: [{ path: context.txt }] }
  - id: no-keys
    text: { files: ["*.txt"], forbid: ['AKIA[0-9A-Z]{4}'] }
  - id: sku
    unique: { each: .sku, within: kind }
"#;

const DOCUMENT_SCHEMA: &str = r#"{
  "type": "object",
  "required": ["id", "version", "level"],
  "properties": {
    "version": { "type": "string" },
    "level": { "enum": ["descriptive", "constructive"] },
    "owner": { "type": "string", "maxLength": 5 }
  }
}
"#;

const TABLE: &str = r#"rules:
  - id: ranges
    ranges: { start: first, end: last, as: prefixes, sorted: true }
  - id: prepaid-is-debit
    find: 'to_entries[] | select(.value.prepaid == "y") | select(.value.type != "debit") | {message: "prepaid is debit", at: [.key, "type"]}'
"#;

const ROWS: &str = "first,last,type,prepaid\n4000,,debit,n\n400010,400019,debit,y\n40001200,,credit,n\n4100,4199,credit,n\n";

/// A catalog in which everything is right.
fn catalog() -> Scratch {
    let document = |id: &str, version: &str, more: &str| format!("id: {id}\nversion: \"{version}\"\nlevel: constructive\n{more}");
    let schema = "{ \"properties\": { \"title\": {}, \"owner\": {} } }\n";
    let scratch = Scratch::new();
    for (path, text) in [
        ("gates/protocol.yaml", PROTOCOL.to_owned()),
        ("gates/rails/document/schema.json", DOCUMENT_SCHEMA.to_owned()),
        ("gates/rails/document/lint.yaml", DOCUMENT.to_owned()),
        ("gates/rails/table/lint.yaml", TABLE.to_owned()),
        ("gates/rails/product/schema.json", "{ \"properties\": { \"metadata\": { \"required\": [\"owner\"] } } }\n".to_owned()),
        ("active.json", "{\n  \"$schema\": \"active.schema.json\",\n  \"document\": {\n    \"base\": \"1.10\",\n    \"plan\": \"0752\"\n  },\n  \"schema\": {\n    \"plan\": \"0752\"\n  }\n}\n".to_owned()),
        ("active.schema.json", "{ \"properties\": { \"document\": { \"type\": \"object\" } } }\n".to_owned()),
        ("documents/base/1.10/package.yaml", document("base", "1.10", "owner: null\nsku: a\n")),
        ("documents/plan/0752/package.yaml", "id: plan\nversion: '0752'\nlevel: descriptive\ninputs: [base]\nschema: schema:plan:0752\nfiles: [prompt.txt]\nbinds: [title]\nsku: b\n".to_owned()),
        ("documents/plan/0752/prompt.txt", "Write `title` and `owner`.\n".to_owned()),
        ("documents/plan/0752/context.txt", "Ask first.\n".to_owned()),
        ("documents/plan/0752/schema.json", schema.to_owned()),
        ("documents/plan/0751/package.yaml", document("plan", "0751", "sku: b\n")),
        ("schemas/plan/0752/schema.json", schema.to_owned()),
        ("tables/bins.csv", ROWS.to_owned()),
        ("pages/a/chair.md", "---\nrail: product\nmetadata: { name: chair, owner: ada }\n---\n# Chair\n".to_owned()),
        ("pages/README.md", "# For people\n".to_owned()),
    ] {
        scratch.write(path, text);
    }
    scratch.commit("Add the catalog");
    scratch
}

/// `code rule file:line:column pointer` of every finding.
fn told(answer: &Value) -> Vec<String> {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or("-").to_owned();
    let number = |finding: &Value, key: &str| finding[key].as_u64().unwrap_or(0);
    findings(answer)
        .iter()
        .map(|finding| {
            let place = format!("{}:{}:{}", text(finding, "file"), number(finding, "line"), number(finding, "column"));
            format!("{} {} {place} {}", text(finding, "code"), text(finding, "rule"), text(finding, "pointer"))
        })
        .collect()
}

#[test]
fn a_right_catalog_is_valid_and_says_what_it_has() {
    let scratch = catalog();
    assert_snapshot!(steady(&scratch.run(&["validate"]).all()), @r"
    6 artifacts checked (3 document, 1 schema, 1 table, 1 page); 3 active; 1 without front matter
    signing: none

    done (passed). Every artifact is valid.
    -- exit 0
    ");
    let answer = scratch.json(&["validate"]).expect("passed");
    assert_eq!(answer["schema"], "tagwarden.catalog/1");
    assert_eq!((&answer["artifacts"], &answer["active"], &answer["pages"]), (&6.into(), &3.into(), &1.into()));
    assert_eq!(answer["kinds"][0], serde_json::json!({ "kind": "document", "artifacts": 3 }));
    scratch.json(&["validate", "--at", "HEAD"]).expect("passed");
}

/// Each change of the right catalog is found by exactly the findings named.
#[test]
fn everything_that_is_wrong_is_found_at_its_place() {
    type Change<'a> = (&'a str, &'a str, &'a str);
    const PLAN: &str = "documents/plan/0752/package.yaml";
    let cases: &[(Change, &[&str])] = &[
        // By the schema, all of them at once.
        ((PLAN, "level: descriptive", "level: descriptve"), &["catalog/schema document/enum documents/plan/0752/package.yaml:3:8 /level"]),
        (
            ("documents/base/1.10/package.yaml", "version: \"1.10\"\nlevel: constructive\nowner: null", "version: 1.10\nowner: somebody"),
            &[
                "catalog/schema document/required documents/base/1.10/package.yaml:1:1 ",
                "catalog/undecided document/prompt-names-fields documents/base/1.10/package.yaml:1:1 ",
                "catalog/undecided document/context documents/base/1.10/package.yaml:1:1 ",
                "catalog/schema document/type documents/base/1.10/package.yaml:2:10 /version",
                "catalog/schema document/maxLength documents/base/1.10/package.yaml:3:8 /owner",
            ],
        ),
        // Names.
        ((PLAN, "version: '0752'", "version: '752'"), &["catalog/not-its-path - documents/plan/0752/package.yaml:2:10 /version"]),
        (
            (PLAN, "id: plan", "title: plan"),
            &[
                "catalog/no-name - documents/plan/0752/package.yaml:1:1 /id",
                "catalog/schema document/required documents/plan/0752/package.yaml:1:1 ",
            ],
        ),
        // References.
        (
            (PLAN, "schema: schema:plan:0752", "schema: schema:plan:752"),
            &[
                "catalog/dangling-reference document/schema documents/plan/0752/package.yaml:5:9 /schema",
                "catalog/dangling-reference document/newest-schema documents/plan/0752/package.yaml:5:9 /schema",
            ],
        ),
        (
            (PLAN, "schema: schema:plan:0752", "schema: plan"),
            &[
                "catalog/malformed-reference document/schema documents/plan/0752/package.yaml:5:9 /schema",
                "catalog/malformed-reference document/newest-schema documents/plan/0752/package.yaml:5:9 /schema",
            ],
        ),
        (
            (PLAN, "files: [prompt.txt]", "files: [promt.txt, ../../../../x]"),
            &[
                "catalog/dangling-reference document/files documents/plan/0752/package.yaml:6:9 /files/0",
                "catalog/dangling-reference document/files documents/plan/0752/package.yaml:6:20 /files/1",
            ],
        ),
        (
            (PLAN, "binds: [title]", "binds: [titel]"),
            &["catalog/dangling-reference document/binds documents/plan/0752/package.yaml:7:9 /binds/0"],
        ),
        (
            ("documents/base/1.10/package.yaml", "sku: a", "inputs: [plan]"),
            &["catalog/cycle document/inputs documents/plan/0752/package.yaml:4:10 /inputs/0"],
        ),
        (
            (PLAN, "inputs: [base]", "inputs: [bas]"),
            &["catalog/dangling-reference document/inputs documents/plan/0752/package.yaml:4:10 /inputs/0"],
        ),
        // The same thing twice, and once too often.
        (
            ("schemas/plan/0752/schema.json", "\"title\"", "\"Title\""),
            &["catalog/differs document/same-schema documents/plan/0752/schema.json:1:1 -"],
        ),
        (
            ("documents/base/1.10/package.yaml", "sku: a", "sku: b"),
            &[
                "catalog/not-unique document/sku documents/plan/0751/package.yaml:4:6 /sku",
                "catalog/not-unique document/sku documents/plan/0752/package.yaml:8:6 /sku",
            ],
        ),
        // Texts.
        (
            ("documents/plan/0752/prompt.txt", "`owner`", "`owner_2`"),
            &["catalog/not-mentioned document/prompt-names-fields documents/plan/0752/schema.json:1:32 /properties/owner"],
        ),
        (
            ("documents/plan/0752/context.txt", "first.", "AKIA0123."),
            &["catalog/forbidden-text document/no-keys documents/plan/0752/context.txt:1:5 -"],
        ),
        // Rows: swapped, an end that is too short, a range that reaches beyond the one around it, the same range.
        (
            ("tables/bins.csv", "4000,,debit,n\n400010,400019,debit,y", "400010,400019,debit,y\n4000,,debit,n"),
            &["catalog/unsorted table/ranges tables/bins.csv:3:1 /1/first"],
        ),
        (("tables/bins.csv", "400019", "40001"), &["catalog/bad-range table/ranges tables/bins.csv:3:8 /1/last"]),
        (("tables/bins.csv", "400019", "400009"), &["catalog/bad-range table/ranges tables/bins.csv:3:8 /1/last"]),
        (("tables/bins.csv", "400019", "400119"), &["catalog/overlap table/ranges tables/bins.csv:3:1 /1/first"]),
        (("tables/bins.csv", "40001200,", "400010,400019"), &["catalog/overlap table/ranges tables/bins.csv:4:1 /2/first"]),
        (("tables/bins.csv", "4000,,", "4000x,,"), &["catalog/bad-range table/ranges tables/bins.csv:2:1 /0/first"]),
        (("tables/bins.csv", "400019,debit,y", "400019,credit,y"), &["catalog/lint table/prepaid-is-debit tables/bins.csv:3:15 /1/type"]),
        (("tables/bins.csv", "4100,4199,credit,n", "4100,4199"), &["catalog/syntax - tables/bins.csv:5:1 -"]),
        // Rails that artifacts name themselves.
        (("pages/a/chair.md", "rail: product", "rail: produkt"), &["catalog/unknown-rail - pages/a/chair.md:2:7 /rail"]),
        (("pages/a/chair.md", "rail: product\n", ""), &["catalog/unknown-rail - pages/a/chair.md:2:1 /rail"]),
        (("pages/a/chair.md", ", owner: ada", ""), &["catalog/schema product/required pages/a/chair.md:3:11 /metadata"]),
        // The pointer file.
        (("active.json", "\"1.10\"", "\"1.1\""), &["catalog/missing-artifact - active.json:4:13 /document/base"]),
        (
            ("active.json", "\"base\"", "\"bass\""),
            &[
                "catalog/missing-artifact - active.json:4:13 /document/bass",
                "catalog/inactive-reference document/inputs documents/plan/0752/package.yaml:4:10 /inputs/0",
            ],
        ),
        (
            ("active.json", "    \"base\": \"1.10\",\n", ""),
            &["catalog/inactive-reference document/inputs documents/plan/0752/package.yaml:4:10 /inputs/0"],
        ),
        (
            ("active.json", "\"schema\": {", "\"schemas\": {"),
            &[
                "catalog/unknown-kind - active.json:8:13 /schemas/plan",
                "catalog/inactive-reference document/newest-schema documents/plan/0752/package.yaml:5:9 /schema",
            ],
        ),
        (("active.schema.json", "\"object\"", "\"array\""), &["catalog/pointer-schema - active.json:3:15 /document"]),
    ];
    let scratch = catalog();
    let mut wrong = Vec::new();
    for ((file, from, to), wanted) in cases {
        let before = scratch.read(file);
        scratch.edit(file, from, to);
        let answer = scratch.json(&["validate"]);
        let is_error = |code: &&&str| !code.contains("newest-schema") && !code.contains("pointer-schema");
        let answer = match wanted.iter().any(|code| is_error(&code)) {
            true => answer.expect("findings"),
            false => answer.expect("passed"),
        };
        if told(&answer) != *wanted {
            wrong.push(format!("{file}: {from} -> {to}\n{:#?}", told(&answer)));
        }
        scratch.write(file, before);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    scratch.json(&["validate"]).expect("passed");
}

#[test]
fn a_deleted_artifact_is_missed() {
    let scratch = catalog();
    for (path, code) in [
        ("documents/base/1.10/package.yaml", "catalog/missing-artifact"),
        ("documents/plan/0752/package.yaml", "catalog/missing-artifact"),
        ("schemas/plan/0752/schema.json", "catalog/missing-artifact"),
        ("tables/bins.csv", "catalog/empty-kind"),
        ("pages/a/chair.md", "catalog/empty-kind"),
    ] {
        let before = scratch.read(path);
        std::fs::remove_file(scratch.path("work").join(path)).unwrap();
        finding(&scratch.json(&["validate"]).expect("findings"), code);
        scratch.write(path, before);
    }
}

#[test]
fn findings_show_the_line_and_say_what_to_do() {
    let scratch = catalog();
    scratch.edit("tables/bins.csv", "400019,debit,y", "400119,debit,y");
    scratch.edit("documents/plan/0752/package.yaml", "level: descriptive", "level: descriptve");
    scratch.edit("active.json", "\"1.10\"", "\"1.1\"");
    assert_snapshot!(steady(&scratch.run(&["validate"]).all()), @r#"
    6 artifacts checked (3 document, 1 schema, 1 table, 1 page); 3 active; 1 without front matter

    error[catalog/missing-artifact]: there is no artifact `document:base@1.1`: nothing is at documents/base/1.1/package.yaml
     --> active.json:4:13
      |
    4 |     "base": "1.1",
      |             ^^^^^
      |
      = note: at /document/base
      = help: versions of it: 1.10

    error[catalog/schema]: document/enum: this is not one of the 2 values that are allowed
     --> documents/plan/0752/package.yaml:3:8
      |
    3 | level: descriptve
      |        ^^^^^^^^^^
      |
      = note: at /level
      = help: did you mean `descriptive`?

    error[catalog/overlap]: table/ranges: row 3: 400010-400119 overlaps in part 4000 of row 2
     --> tables/bins.csv:3:1
      |
    3 | 400010,400119,debit,y
      | ^^^^^^
      |
      = note: at /1/first
    signing: none

    stop (findings). Fix the artifacts or what they reference. `tagwarden explain CODE` explains a code.
    -- exit 1
    "#);
}

#[test]
fn nothing_to_validate_is_never_a_pass() {
    let scratch = catalog();
    scratch.edit("gates/protocol.yaml", "tables/{id}.csv", "tabels/{id}.csv");
    let answer = scratch.json(&["validate"]).expect("findings");
    assert!(finding(&answer, "catalog/empty-kind")["message"].as_str().unwrap().contains("tabels/{id}.csv"));
    scratch.json(&["validate", "pages/README.md"]).expect("nothing_to_check");
    scratch.json(&["validate", "absent"]).expect("bad_usage");
    let from = PROTOCOL.find("kinds:").unwrap();
    scratch.write("gates/protocol.yaml", &PROTOCOL[..from]);
    scratch.json(&["validate"]).expect("nothing_to_check");
}

#[test]
fn parts_and_changes_are_checked_alone() {
    let scratch = catalog();
    scratch.edit("tables/bins.csv", "400019", "400119");
    scratch.edit("documents/plan/0752/package.yaml", "[title]", "[titel]");
    let commit = scratch.commit("Break two");
    assert_eq!(told(&scratch.json(&["validate", "tables"]).expect("findings")).len(), 1);
    scratch.json(&["validate", "pages"]).expect("passed");
    // What several files say together is checked of all, what a file shows by itself only of those that changed.
    let answer = scratch.json(&["validate", "--changed-since", &commit]).expect("findings");
    assert_eq!(told(&answer), ["catalog/dangling-reference document/binds documents/plan/0752/package.yaml:7:9 /binds/0"]);
    assert_eq!(told(&scratch.json(&["validate", "--changed-since", "HEAD~1"]).expect("findings")).len(), 2);
    scratch.edit("gates/rails/table/lint.yaml", "sorted: true", "sorted: false");
    assert_eq!(told(&scratch.json(&["validate", "--changed-since", &commit]).expect("findings")).len(), 2);
    scratch.json(&["validate", "--at", "HEAD~1", "--changed-since", "HEAD~1"]).expect("passed");
}

#[test]
fn a_file_of_a_permanent_kind_that_nothing_names_may_not_go() {
    let scratch = catalog();
    scratch.write("tables/more.csv", std::fs::read_to_string(scratch.path("work/tables/bins.csv")).unwrap());
    let before = scratch.commit("Add a table");
    std::fs::remove_file(scratch.path("work/tables/more.csv")).unwrap();
    scratch.json(&["validate"]).expect("passed");
    scratch.json(&["validate", "--changed-since", &before]).expect("passed");
    scratch.edit("gates/protocol.yaml", "rail: table }", "rail: table, permanent: true }");
    let gone = ["catalog/removed - tables/more.csv:1:1 -"];
    // In the work tree, whether gates changed too or not, and committed.
    assert_eq!(told(&scratch.json(&["validate", "--changed-since", &before]).expect("findings")), gone);
    let after = scratch.commit("Remove it");
    assert_eq!(told(&scratch.json(&["validate", "--changed-since", &before, "--at", &after]).expect("findings")), gone);
    scratch.json(&["validate", "--changed-since", &after]).expect("passed");
    scratch.edit("tables/bins.csv", "400019", "400018");
    scratch.json(&["validate", "--changed-since", &after]).expect("passed");
}

#[test]
fn rails_that_cannot_be_used_are_configuration_errors() {
    let scratch = catalog();
    let mut wrong = Vec::new();
    for (file, text, wanted) in [
        ("gates/rails/table/lint.yaml", "rules: []\n", "config/nothing-there - gates/rails/table/lint.yaml:1:8 -"),
        ("gates/rails/table/lint.yaml", "rules:\n  - id: a\n    find: '.['\n", "config/query - gates/rails/table/lint.yaml:3:14 -"),
        ("gates/rails/table/lint.yaml", "rules:\n  - id: a\n", "config/wrong-value - gates/rails/table/lint.yaml:2:9 -"),
        ("gates/rails/table/lint.yaml", "rules:\n  - { id: a, finds: x }\n", "config/unknown-key - gates/rails/table/lint.yaml:2:14 -"),
        (
            "gates/rails/table/lint.yaml",
            "rules:\n  - { id: a, text: { forbid: ['(?=a)'] } }\n",
            "config/wrong-value - gates/rails/table/lint.yaml:2:31 -",
        ),
        (
            "gates/rails/table/lint.yaml",
            "rules:\n  - { id: a, unique: { each: 'length' } }\n",
            "config/no-path - gates/rails/table/lint.yaml:2:30 -",
        ),
        (
            "gates/rails/table/lint.yaml",
            "rules:\n  - { id: a, refs: { to: [{ path: '{x}' }] } }\n",
            "config/bad-template - gates/rails/table/lint.yaml:2:35 -",
        ),
        (
            "gates/rails/table/lint.yaml",
            "rules:\n  - { id: a, refs: { to: [{ path: x, must: active }] } }\n",
            "config/wrong-value - gates/rails/table/lint.yaml:2:44 -",
        ),
        (
            "gates/rails/table/lint.yaml",
            "rules:\n  - { id: a, refs: { to: [{ artifact: 'produkt:{value}' }] } }\n",
            "config/wrong-value - gates/rails/table/lint.yaml:2:39 -",
        ),
        ("gates/rails/product/schema.json", "{ \"type\": \"objekt\" }\n", "rail/schema - gates/rails/product/schema.json:1:11 /type"),
        (
            "gates/rails/product/schema.json",
            "{ \"$ref\": \"https://example.com/a.json\" }\n",
            "rail/schema - gates/rails/product/schema.json:1:11 /$ref",
        ),
        (
            "gates/rails/product/schema.json",
            "{ \"$ref\": \"../table/schema.json\" }\n",
            "rail/schema - gates/rails/product/schema.json:1:11 /$ref",
        ),
        ("gates/rails/product/schema.json", "{ \"allOf\": [{ \"$ref\": \"#\" }] }\n", "rail/schema - gates/rails/product/schema.json:1:1 "),
        ("gates/rails/product/schema.json", "{ \"a\": 1, \"a\": 2 }\n", "catalog/duplicate-key - gates/rails/product/schema.json:1:11 -"),
        ("gates/protocol.yaml", &PROTOCOL.replace("rail: table", "rail: tabel"), "rail/unknown - -:0:0 -"),
    ] {
        let before = scratch.read(file);
        scratch.write(file, text);
        let answer = scratch.json(&["validate"]).expect("bad_config");
        if told(&answer) != [wanted] {
            wrong.push(format!("{text}\n{:#?}", told(&answer)));
        }
        scratch.write(file, before);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn bad_artifacts_end_in_findings() {
    let scratch = catalog();
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let large = vec![b' '; 50 * 1024 * 1024];
    for (path, bytes, wanted) in [
        ("schemas/a/1/schema.json", b"{\"a\": \"\xff\"}".as_slice(), "catalog/not-text - schemas/a/1/schema.json:1:8 -"),
        ("schemas/a/1/schema.json", &large, "catalog/too-large - schemas/a/1/schema.json:1:1 -"),
        ("schemas/a/1/schema.json", deep.as_bytes(), "catalog/too-deep - schemas/a/1/schema.json:1:129 -"),
        ("schemas/a/1/schema.json", b"", "catalog/empty - schemas/a/1/schema.json:1:1 -"),
        ("schemas/a/1/schema.json", b"{\"a\": 1, \"a\": 2}", "catalog/duplicate-key - schemas/a/1/schema.json:1:10 -"),
        ("documents/a/1/package.yaml", b"a: &a [*a, *a]\n", "catalog/syntax - documents/a/1/package.yaml:1:8 -"),
        ("documents/a/1/package.yaml", b"id: a\nid: b\n", "catalog/duplicate-key - documents/a/1/package.yaml:2:1 -"),
        ("tables/a.csv", b"first\n\"1\n", "catalog/syntax - tables/a.csv:2:1 -"),
        ("pages/a.md", b"---\nrail: product\n", "catalog/syntax - pages/a.md:1:1 -"),
    ] {
        scratch.write(path, bytes);
        let answer = scratch.json(&["validate"]).expect("findings");
        assert_eq!(told(&answer), [wanted]);
        std::fs::remove_file(scratch.path("work").join(path)).unwrap();
    }
}

/// Each of them would keep a careless reader busy for hours, or take all memory.
#[test]
fn artifacts_that_are_made_to_take_long_end_in_findings() {
    let scratch = catalog();
    let keys = format!("{{{}\"a\": 1}}", "\"a\": 1, ".repeat(100_000));
    let columns = (0..100_000).map(|at| format!("c{at}")).collect::<Vec<_>>().join(",");
    let rows = format!("first,last,type,prepaid\n{}", "x,,debit,n\n".repeat(50_000));
    let nested: String = (0..20_000).map(|at| format!("{:08},{:08},debit,n\n", at, 99_999_999 - at)).collect();
    let nested = format!("first,last,type,prepaid\n{nested}");
    for (path, bytes, first, count) in [
        ("schemas/a/1/schema.json", keys, "catalog/duplicate-key - schemas/a/1/schema.json:1:10 -", 1_000),
        ("tables/a.csv", format!("first,last,type,prepaid\n{}", "x,".repeat(900_000)), "catalog/syntax - tables/a.csv:2:1 -", 1),
        ("tables/a.csv", format!("first,last,type,prepaid\n{}", ",,,\n".repeat(250_001)), "catalog/too-large - tables/a.csv:250002:1 -", 1),
        ("schemas/a/1/schema.json", format!("[{}0]", "0,".repeat(1_000_000)), "catalog/too-large - schemas/a/1/schema.json:1:2000000 -", 1),
        ("tables/a.csv", format!("{columns},c7\n"), "catalog/duplicate-key - tables/a.csv:1:688891 -", 1),
        ("tables/a.csv", rows, "catalog/too-many - tables/a.csv:1:1 -", 1_001),
        ("tables/a.csv", nested, "-", 0),
    ] {
        scratch.write(path, bytes);
        let answer = scratch.json(&["validate"]);
        let answer = if count == 0 { answer.expect("passed") } else { answer.expect("findings") };
        let told = told(&answer);
        assert_eq!((told.len(), told.first().map_or("-", String::as_str)), (count, first), "{path}");
        std::fs::remove_file(scratch.path("work").join(path)).unwrap();
    }
}

/// Rails that would never come to an end: programs, patterns, and references that lead back.
#[test]
fn rails_that_are_made_to_take_long_end_in_findings() {
    let scratch = catalog();
    scratch.write("pages/a/chair.md", format!("---\nrail: product\nmetadata: {{ name: chair, owner: {}b }}\n---\n", "a".repeat(50_000)));
    for (find, code) in [
        ("[range(1000000000000)] | length | tostring", "catalog/undecided"),
        ("reduce range(1000000000000) as $i (0; . + $i) | tostring", "catalog/undecided"),
        ("\"x\" * 1000000000", "catalog/undecided"),
        ("reduce range(60) as $i (\"xx\"; . + .)", "catalog/undecided"),
        ("[range(100000)] | map(tostring) | .[]", "catalog/undecided"),
        (".metadata.owner | select(test(\"^(a+)+$\") | not) | \"it does not match\"", "catalog/lint"),
        (".metadata.owner | select(test(\"^(a|aa)*$\") | not) | \"it does not match\"", "catalog/lint"),
        ("def f: f; f", "config/query"),
        ("def f: ., f; f", "config/query"),
        ("repeat(1)", "config/query"),
        ("last(range(infinite))", "catalog/undecided"),
    ] {
        scratch.write("gates/rails/product/lint.yaml", format!("rules:\n  - id: a\n    find: '{find}'\n"));
        let reason = if code == "config/query" { "bad_config" } else { "findings" };
        let answer = scratch.json(&["validate"]).expect(reason);
        assert_eq!(findings(&answer).iter().map(|finding| &finding["code"]).collect::<Vec<_>>(), [code], "{find}");
    }
    std::fs::remove_file(scratch.path("work/gates/rails/product/lint.yaml")).unwrap();
    let below = "{\"below\": ".repeat(100) + "3" + &"}".repeat(100);
    scratch.write("pages/a/chair.md", format!("---\nrail: product\nmetadata: {{ name: chair, owner: {}b }}\n---\n", "a".repeat(50_000)));
    let protocol = PROTOCOL.replace("{version}/schema.json\", rail: none", "{version}/schema.json\", rail: product");
    scratch.write("gates/protocol.yaml", protocol);
    scratch.write("schemas/plan/0752/schema.json", &below);
    scratch.write("documents/plan/0752/schema.json", &below);
    for (schema, wanted) in [
        // Recursion goes as deep as the artifact does.
        (
            "{ \"type\": \"object\", \"properties\": { \"below\": { \"$ref\": \"#\" } } }",
            "catalog/schema product/type schemas/plan/0752/schema.json",
        ),
        (
            "{ \"properties\": { \"metadata\": { \"properties\": { \"owner\": { \"pattern\": \"^(a+)+$\" } } } } }",
            "catalog/schema product/pattern pages/a/chair.md",
        ),
    ] {
        scratch.write("gates/rails/product/schema.json", schema);
        let answer = scratch.json(&["validate"]).expect("findings");
        assert!(told(&answer).iter().any(|told| told.starts_with(wanted)), "{schema}: {:#?}", told(&answer));
    }
}

#[test]
fn links_are_not_followed() {
    let scratch = catalog();
    scratch.git(&["rm", "-q", "tables/bins.csv"]);
    let target = scratch.git(&["rev-parse", "--show-toplevel"]);
    std::os::unix::fs::symlink("/etc/passwd", format!("{}/tables-link", target.trim())).unwrap();
    scratch.git(&["add", "tables-link"]);
    scratch.write("tables/x.txt", "x");
    scratch.git(&["mv", "tables-link", "tables/bins.csv"]);
    for args in [&["validate"][..], &["validate", "--at", "HEAD"]] {
        if args.len() > 1 {
            scratch.commit("Link");
        }
        assert_eq!(told(&scratch.json(args).expect("findings")), ["catalog/link - tables/bins.csv:1:1 -"]);
    }
}

#[test]
fn a_pointer_file_is_a_file() {
    let scratch = catalog();
    let place = scratch.path("work/active.json");
    std::fs::rename(&place, scratch.path("work/real.json")).unwrap();
    std::os::unix::fs::symlink("real.json", &place).unwrap();
    let answer = scratch.json(&["validate"]).expect("findings");
    assert_eq!(findings(&answer)[0]["message"], "the pointer file active.json is a symbolic link, which is not followed");
    assert_eq!(told(&answer)[0], "catalog/link - active.json:1:1 -");
    std::fs::remove_file(&place).unwrap();
    scratch.write("active.json/a.json", "{}\n");
    let answer = scratch.json(&["validate"]).expect("findings");
    assert_eq!(findings(&answer)[0]["message"], "the pointer file active.json is a folder, and not a file");
}

#[test]
fn pointer_files_are_where_activations_may_write() {
    let scratch = catalog();
    for file in [".git/active.json", "a/.GIT/active.json", "gates/active.json", "gates/rails/active.json", "active/"] {
        scratch.write("gates/protocol.yaml", PROTOCOL.replace("file: active.json", &format!("file: {file}")));
        for args in [&["validate"][..], &["policy", "adopt", "--reason", "start"]] {
            scratch.commit("Point elsewhere");
            let answer = scratch.json(args).expect("bad_config");
            assert_eq!(told(&answer), ["config/pointer-file - gates/protocol.yaml:11:18 -"], "{file}");
        }
    }
}

#[test]
fn a_flat_pointer_names_ids_of_one_kind() {
    let scratch = catalog();
    scratch.edit("gates/protocol.yaml", "shape: grouped", "shape: flat");
    scratch.write("active.json", "{ \"base\": \"1.10\", \"plan\": \"0752\", \"bas\": \"1\" }\n");
    let answer = scratch.json(&["validate"]).expect("findings");
    assert_eq!(told(&answer), ["catalog/ambiguous-id - active.json:1:27 /plan", "catalog/missing-artifact - active.json:1:42 /bas"]);
    scratch.edit("gates/protocol.yaml", "shape: flat", "shape: grouped");
    assert_eq!(told(&scratch.json(&["validate"]).expect("findings"))[0], "catalog/pointer-shape - active.json:1:11 /base");
}

#[test]
fn channels_have_pointer_files_of_their_own() {
    let scratch = catalog();
    let pointer = "pointer: { file: active.json, shape: grouped }";
    scratch.edit("gates/protocol.yaml", pointer, "pointer: { file: active.json, shape: grouped, channel: [staging, production] }");
    let answer = scratch.json(&["validate"]).expect("bad_config");
    assert_eq!(told(&answer), ["config/shared-pointer - gates/protocol.yaml:11:56 -"]);
    scratch.edit("gates/protocol.yaml", "file: active.json", "file: \"active-{channel}.json\"");
    scratch.git(&["mv", "active.json", "active-staging.json"]);
    let absent = scratch.json(&["validate"]).expect("findings");
    assert_eq!(told(&absent), ["catalog/no-pointer - active-production.json:1:1 -"]);
    // What is active on one channel and not on the other is open there.
    scratch.write("active-production.json", "{\"document\": {\"plan\": \"0752\"}, \"schema\": {\"plan\": \"0752\"}}\n");
    let open = scratch.json(&["validate"]).expect("findings");
    assert_eq!(told(&open), ["catalog/inactive-reference document/inputs documents/plan/0752/package.yaml:4:10 /inputs/0"]);
}

#[test]
fn a_pointer_may_be_on_a_branch_of_its_own() {
    let scratch = catalog();
    scratch.git(&["checkout", "-q", "-b", "active"]);
    scratch.git(&["checkout", "-q", "main"]);
    scratch.edit("gates/protocol.yaml", "shape: grouped", "shape: grouped, branch: active");
    scratch.git(&["rm", "-q", "active.json"]);
    scratch.json(&["validate"]).expect("passed");
    scratch.git(&["branch", "-q", "-D", "active"]);
    assert_eq!(told(&scratch.json(&["validate"]).expect("findings"))[0], "catalog/no-pointer - active.json:1:1 -");
}

/// The files of the page, and what it shows of them.
#[test]
fn the_page_s_table_is_checked_as_the_page_says() {
    let page = include_str!("../../protocol-docs/catalogs.md");
    let scratch = Scratch::new();
    let (mut shown, mut rails) = (None, 0);
    for block in page.split("\n```").skip(1).step_by(2) {
        let (head, text) = block.split_once('\n').unwrap();
        if let Some((_, path)) = head.split_once("file=") {
            scratch.write(path, format!("{text}\n"));
        } else if let Some((_, rail)) = head.split_once("rules=") {
            // A rail of no kind, about kinds of another tree: that it can be used is all that is asked.
            let of_here = |text: String, kind| text.replace(&format!("artifact: \"{kind}:"), "artifact: \"table:");
            let text = ["document", "role", "schema", "context"].into_iter().fold(text.to_owned(), of_here);
            scratch.write(&format!("gates/rails/{rail}/lint.yaml"), format!("{text}\n"));
            rails += 1;
        } else if head == "console" {
            shown = text.strip_prefix("$ tagwarden validate\n").map(str::to_owned);
        }
    }
    assert_eq!(rails, 3);
    let answer = scratch.run(&["validate"]).all();
    assert_eq!(steady(&answer).trim(), format!("{}\n-- exit 1", shown.unwrap().trim()));
    // Each of the two, put right.
    scratch.edit("tables/bins.csv", "400018,400021", "400020,400021");
    scratch.edit("tables/bins.csv", "510000,51000,", "510000,510009,");
    scratch.json(&["validate"]).expect("passed");
}
