//! What stands beside the page: metadata and comments.

use super::*;

const TREE: &[(&str, &str)] = &[
    ("docs/a.md", "# A\n"),
    ("src/run.sh", "#!/bin/sh\necho $APP_LEVEL\n"),
    ("lib/run.sh", ""),
    ("src/gate.rs", "pub fn run_gate() {}\n"),
    ("app/api/health/route.ts", "export async function GET() {}\n"),
    ("Makefile", "build:\n\ttrue\n"),
];

/// `line:column-end kind text verdict` of each reference, and the findings that are none of these; the characters are those
/// of the source at that place.
fn told(text: &str, strict: bool) -> Vec<String> {
    let tree = tree(TREE);
    let origin = urls::Origin { host: "github.com".to_owned(), name: "example/web".to_owned() };
    let facts = Facts { origin: Some(origin), ..Facts::default() };
    let source = Source::new("docs/page.md", text);
    let census = Library::new(&tree, &facts).unwrap().census(&source, &markdown::parse(text), strict).unwrap();
    let mut told: Vec<String> = Vec::new();
    for reference in &census.references {
        let Reference { kind, line, column, end_column, verdict, .. } = reference;
        let shown = text.lines().nth(*line as usize - 1).unwrap();
        let shown: String = shown.chars().take(*end_column as usize - 1).skip(*column as usize - 1).collect();
        told.push(format!("{line}:{column} {} {shown} {}", kind.slug(), verdict.slug()));
    }
    let others = census.problems.iter().filter(|problem| problem.reference.is_none());
    told.extend(others.map(|problem| problem.finding.code.clone()));
    told
}

fn check(cases: &[(&str, &[&str])], strict: bool) {
    let mut wrong = Vec::new();
    for (text, expected) in cases {
        let told = told(text, strict);
        if told != *expected {
            wrong.push(format!("{text}\n  is {told:?}\n not {expected:?}\n"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn values_of_the_metadata_are_read_like_text() {
    let cases = [
        // Pull requests, also where YAML sees a comment.
        ("pr: #312", vec!["2:5 pull #312 unchecked"]),
        (
            "pr: \"#312\"\nother: ['#1', example/tool#3]",
            vec!["2:6 pull #312 unchecked", "3:10 pull #1 unchecked", "3:15 pull example/tool#3 unchecked"],
        ),
        ("note: é of #305–#337 # and #9", vec!["2:12 pull #305–#337 unchecked", "2:28 pull #9 unchecked"]),
        ("- #7\n- x: #8\n- - #9", vec!["2:3 pull #7 unchecked", "3:6 pull #8 unchecked", "4:5 pull #9 unchecked"]),
        ("#312: x\n#1 first\n  # see #5, src/gone.rs\na: 1", vec!["4:9 pull #5 unchecked", "4:13 path src/gone.rs broken"]),
        ("color: \"#123\"\nthemeColor: '#123456'\npr: '#123456'", vec!["4:6 pull #123456 unchecked"]),
        // Paths, as values and in sentences.
        ("path: src/gone.rs", vec!["2:7 path src/gone.rs broken"]),
        ("path: 'other/gone.rs'", vec!["2:8 path other/gone.rs broken"]),
        ("note: see src/run.sh, src/gone.rs and other/gone.rs.", vec!["2:11 path src/run.sh ok", "2:23 path src/gone.rs broken"]),
        ("all: [src/run.sh, \"src/gone.rs\"]", vec!["2:7 path src/run.sh ok", "2:20 path src/gone.rs broken"]),
        ("src/gone.rs: x\n\"src/gone.rs\": y\n? src/gone.rs\n: z", vec!["4:3 path src/gone.rs broken"]),
        ("planned: src/gone.rs", vec!["2:10 path src/gone.rs broken"]),
        ("state: planned\npath: src/gone.rs", vec!["3:7 path src/gone.rs broken"]),
        // Code spans and links.
        ("a: set `APP_LEVEL` and `$APP_GONE`", vec!["2:9 env APP_LEVEL ok", "2:25 env $APP_GONE broken"]),
        ("env: `APP_GONE`", vec!["2:7 env APP_GONE broken"]),
        (
            "run: '`make gone` by `run_gate` in `src/gate.rs`'",
            vec!["2:8 command make gone broken", "2:23 symbol run_gate ok", "2:37 path src/gate.rs ok"],
        ),
        ("note: see [x](y.md) or [a](a.md#a)", vec!["2:15 link y.md broken", "2:28 link a.md#a ok"]),
        (
            "see: <https://example.com/x>, https://example.com/y",
            vec!["2:7 link https://example.com/x unchecked", "2:31 url https://example.com/y unchecked"],
        ),
        (
            "u: https://github.com/example/web/blob/main/src/gone.rs",
            vec!["2:4 url https://github.com/example/web/blob/main/src/gone.rs broken"],
        ),
        ("u: https://github.com/example/web/pull/12", vec!["2:4 pull https://github.com/example/web/pull/12 unchecked"]),
        ("by: commit a1b2c3d, `v1.2.3`", vec!["2:12 commit a1b2c3d unchecked", "2:22 release v1.2.3 unchecked"]),
        // Values over several lines.
        (
            "note: >-\n  See: `src/gone.rs`\n\n  # and [x](y.md)\nb: #2",
            vec!["3:9 path src/gone.rs broken", "5:13 link y.md broken", "6:4 pull #2 unchecked"],
        ),
        (
            "note: \"a `src/\n  gone.rs` [x\n  y](y.md)\"\nlist:\n- one\n  src/gone.rs",
            vec!["4:6 link y.md broken", "7:3 path src/gone.rs broken"],
        ),
        ("a:\n  b:\n    - c: `src/gone.rs`\n      d: |2-\n        #4", vec!["4:11 path src/gone.rs broken", "6:9 pull #4 unchecked"]),
        // Nothing of the page, and no endpoint of a site.
        ("see: <a href=\"gone.md\">x</a>", vec!["2:15 html gone.md broken"]),
        ("url: /api/gone/x\nstatus: merged\nn: 9 gates, Gate 7 and #3 is merged", vec!["4:24 pull #3 unchecked"]),
        ("a: \"`open\nb: '[x](\nc: <!-- src/gone.rs -->\nd: - - [\ne: \"\nf:", vec![]),
    ];
    let cases = cases.map(|(text, expected)| (format!("---\n{text}\n---\n"), expected));
    check(&cases.iter().map(|(text, expected)| (text.as_str(), expected.as_slice())).collect::<Vec<_>>(), true);
    check(
        &[
            (
                "\u{feff}---\r\npr: #312\r\nnote: `src/gone.rs`\r\n---\r\n#3",
                &["2:5 pull #312 unchecked", "3:8 path src/gone.rs broken", "5:1 pull #3 unchecked"],
            ),
            (
                "+++\n# see #1\npr = \"#2\" # of #3\n[src/gone.rs]\nx.\"y\" = ['src/gone.rs',\n  \"src/run.sh\"]\nz = '''\na = `src/gone.rs`\n#5'''\nw = `x=1`\n+++\n# T\n",
                &[
                    "2:7 pull #1 unchecked",
                    "3:7 pull #2 unchecked",
                    "3:16 pull #3 unchecked",
                    "5:11 path src/gone.rs broken",
                    "6:4 path src/run.sh ok",
                    "8:6 path src/gone.rs broken",
                    "9:1 pull #5 unchecked",
                ],
            ),
        ],
        true,
    );
}

#[test]
fn comments_of_protocol_documents_are_read_like_text() {
    check(
        &[
            (
                "<!-- see src/run.sh, src/gone.rs, #312 and https://example.com/x -->",
                &[
                    "1:10 path src/run.sh ok",
                    "1:22 path src/gone.rs broken",
                    "1:35 pull #312 unchecked",
                    "1:44 url https://example.com/x unchecked",
                ],
            ),
            (
                "é <!-- `src/gone.rs` --> and <!--[x](gone.md)-->, `src/run.sh`",
                &["1:9 path src/gone.rs broken", "1:38 link gone.md broken", "1:52 path src/run.sh ok"],
            ),
            (
                "> a\n> <!-- see `make\n> gone` and\n>     src/gone.rs\n> -->\n",
                &["2:13 command make broken", "4:7 path src/gone.rs broken"],
            ),
            (
                "| a <!-- `src/gone.rs` --> | b <!-- #2 --> |\n|---|---|\n| <!-- \\| #3 --> | |",
                &["1:11 path src/gone.rs broken", "1:37 pull #2 unchecked", "3:11 pull #3 unchecked"],
            ),
            ("- x\n  <!--\n    - `src/gone.rs`\n\n    #4\n  -->\n", &["3:8 path src/gone.rs broken", "5:5 pull #4 unchecked"]),
            ("<!-- <!-- `src/gone.rs` --> `src/run.sh` -->", &["1:12 path src/gone.rs broken"]),
            ("x <!-- a <!-- `src/gone.rs` --> `src/run.sh` -->", &["1:16 path src/gone.rs broken", "1:34 path src/run.sh ok"]),
            ("<!-- never closed `src/gone.rs`\n\n# T #3\n", &["1:20 path src/gone.rs broken", "3:5 pull #3 unchecked"]),
            ("<!-- [x](#t) [y](#u) -->\n\n# T\n", &["1:10 fragment #t ok", "1:18 fragment #u broken"]),
            // Not of the sentence around it, nor of the folder before it.
            ("`src/run.sh` <!-- `run.sh` -->", &["1:2 path src/run.sh ok", "1:20 path run.sh unchecked"]),
            ("It will come: <!-- `src/gone.rs` --> soon", &["1:21 path src/gone.rs broken"]),
            ("<!-- Planned: `src/gone.rs` -->", &["1:16 path src/gone.rs broken"]),
            ("`src/` <!-- run.sh --> <!-- `gate.rs` -->", &["1:2 path src/ ok", "1:30 path gate.rs ok"]),
            // Examples, definitions, labels, markers, and what is no comment.
            ("<!--\n```sh\nmake gone\n```\n[a]: gone.md\n[b][c]\n-->\n\n<!-- <a href='gone.md'>x</a> -->", &[]),
            ("<!-- tagwarden: ignore -- see #3 and `src/gone.rs` -->\n\n`src/gone.rs`", &["3:2 path src/gone.rs unchecked"]),
            ("x <!-- `src/gone.rs` --> <!-- tagwarden: expect-missing -- #3 -->", &["1:9 path src/gone.rs ok"]),
            ("```html\n<!-- `src/gone.rs` #3 -->\n```\n\n`<!-- src/gone.rs -->`", &[]),
            // The page alone says what there is.
            ("<!-- 9 gates, Gate 7; #3 is merged; phase 4 -->", &["1:23 pull #3 unchecked"]),
            ("```make\nmine:\n\ttrue\n```\n\n<!-- `make mine` -->", &["6:7 command make mine unchecked"]),
        ],
        true,
    );
}

#[test]
fn elsewhere_comments_say_nothing_and_metadata_makes_no_error() {
    check(
        &[
            ("<!-- `src/gone.rs` [x](gone.md) #3 https://example.com -->", &[]),
            (
                "---\n# `src/gone.rs` #3\na: `src/gone.rs` [x](gone.md) [y](a.md#gone) [z](a.md) #4\n---\n",
                &[
                    "3:5 path src/gone.rs unchecked",
                    "3:22 link gone.md unchecked",
                    "3:35 link a.md#gone unchecked",
                    "3:50 link a.md ok",
                    "3:56 pull #4 unchecked",
                ],
            ),
        ],
        false,
    );
}
