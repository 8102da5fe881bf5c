//! The checks of the fuzz targets on this repository's own files, whole and mutilated, always in the same way: so they compile,
//! hold, and reach what they are about. Looking further is the fuzzer's work (CONTRIBUTING.md).

#[path = "../../fuzz/checks/catalog.rs"]
mod catalog;
#[path = "../../fuzz/checks/census.rs"]
mod census;
#[path = "../../fuzz/checks/config.rs"]
mod config;
#[path = "../../fuzz/checks/lock.rs"]
mod lock;
#[path = "../../fuzz/checks/markdown.rs"]
mod markdown;
#[path = "../../fuzz/checks/objects.rs"]
mod objects;
#[path = "../../fuzz/checks/openpgp.rs"]
mod openpgp;
#[path = "../../fuzz/checks/query.rs"]
mod query;
#[path = "../../fuzz/checks/slash.rs"]
mod slash;

const DOCUMENTS: &[&str] = &[
    include_str!("../../README.md"),
    include_str!("../../protocol-docs/promotion.md"),
    "> - a `b/c.rs:3-9` <!-- x\n> y --> [l](m 't') ![i][j]\n\n[j]: <k l>\n\n| a | `b \\| c` |\n|---|---|\n| #12 | é |\n\n```sh\nx\n```\t\n1. z\r\n\r<a href='q' id=\"r\">\0\n",
];

const GATES: &[&str] =
    &[include_str!("../../gates/protocol.yaml"), include_str!("../../gates/10-docs.yaml"), include_str!("../../gates/40-verdict.yaml")];

const QUERIES: &[&str] = &[
    ".a | map(select(.b == $channel)) | length > 1\0{\"a\":[{\"b\":\"staging\"}]}",
    "def f(x): x + 1; [limit(3; range(9))] | f(add) as $x | reduce .[] as $i (0; . + $i) | test(\"a+\")\0[1,2]",
    "$env.NAME | ascii_downcase | split(\",\") | join(\"-\") | fromjson? // error(\"x\")\0\"aaa\"",
];

const COMMENTS: &[&str] = &[
    include_str!("../comments/commands.yaml"),
    "/promote web@1.4.0 --channel production --sha 4b825dc642cb6eb9a060e54bf8d69288fbee4904 --reason \"a \\\"b\\\" \\\\ --c\"",
    "Well.\n\n/waive docs --channel=staging --release v1.4.0 --until 5h --reason=late\r\n> quoted\nlazy\n",
    "tagwarden verdict record SAFE --at 4b825dc642cb6eb9a060e54bf8d69288fbee4904 --reason “x”\n\n<details>\n\n/status\n\n</details>\n",
];

const COMMIT: &str = "tree 0123456789012345678901234567890123456789\nparent 0123456789012345678901234567890123456789\nauthor a <b> 1 +0000\ncommitter a <b> 1 +0000\ngpgsig -----BEGIN X-----\n abc\n -----END X-----\n\nm\n";

const TAG: &str = "object 0123456789012345678901234567890123456789\ntype commit\ntag v1\ntagger a <b> 1 +0000\n\nm\n-----BEGIN SSH SIGNATURE-----\nabc\n-----END SSH SIGNATURE-----\n";

#[test]
fn documents_keep_their_ranges() {
    DOCUMENTS.iter().for_each(|text| markdown::check(text));
    mutilated(DOCUMENTS, 400, markdown::check);
}

#[test]
fn censuses_keep_their_places() {
    let rest = "\0# Top\n\0fn main() {}\n\0title: x\nhttp: []\n\0all:\n\ttrue\n\0FOO_BAR=1\n";
    let trees: Vec<String> = DOCUMENTS.iter().map(|text| text.replace('\0', "") + rest).collect();
    let trees: Vec<&str> = trees.iter().map(String::as_str).collect();
    trees.iter().for_each(|text| census::check(text));
    mutilated(&trees, 150, census::check);
}

#[test]
fn configurations_are_read_or_refused_with_places() {
    let whole = GATES.join("\0");
    config::check(whole.as_bytes());
    mutilated(&[&whole], 150, |text| config::check(text.as_bytes()));
}

#[test]
fn locks_read_back() {
    let by = "a\tpath\tb\t1\t-\tAda <a@example.com> | 2026-11-21T10:00:00Z | w\n";
    let conflict = format!("# tagwarden.lock/1\n<<<<<<< a\n{by}=======\na\tlink\t\\u{{23}}\t2\t-\t-\n>>>>>>> b\n");
    let seeds = [include_str!("../../protocol-docs/tagwarden.lock"), &conflict];
    seeds.iter().for_each(|text| lock::check(text));
    mutilated(&seeds, 1000, lock::check);
}

#[test]
fn catalogs_are_checked_or_refused_with_places() {
    let lint = "rules:\n  - { id: f, find: '.[]? | tojson' }
  - { id: r, refs: { each: '.. | strings', to: [{ path: '{value}' }, { artifact: 'k:{value}@{version}', must: active }], acyclic: true } }
  - { id: u, unique: { each: '.[]?', within: kind } }
  - { id: g, ranges: { start: a, end: b, as: prefixes, sorted: true } }
  - { id: t, text: { forbid: [x], require: ['[a-z]+'] } }\n";
    let json = "{\"a\": [1.10, -2e3, \"\\u00e9\", null], \"b\": {\"c\": true}}";
    let pointer = "{\"$schema\": \"s\", \"k\": {\n  \"x\": \"1\"\n}}\n";
    let schema = r##"{"$id": "i", "allOf": [{"$ref": "#/$defs/d"}, {"$ref": "more.json#a"}], "$defs": {"d": {"items": {"$ref": "#"}}}}"##;
    let more = r#"{"$anchor": "a", "properties": {"a": {"$ref": "schema.json", "pattern": "^(a+)+$"}}, "not": {"const": 1}}"#;
    let (yaml, csv, page) = ("a: &x [1.10, no]\nb: {c: *x}\n", "a,b\n40,49\n\"41\",\n", "---\na: b\n---\n# t\n");
    let whole = [json, yaml, csv, page, pointer, lint, schema, more].join("\0");
    catalog::check(&whole);
    mutilated(&[&whole], 400, catalog::check);
}

#[test]
fn keys_and_signatures_are_read_or_refused() {
    const OPENPGP: &[(&str, &str)] = &[
        (include_str!("../openpgp/keys/ada.asc"), include_str!("../openpgp/signatures/ada.asc")),
        (include_str!("../openpgp/keys/bob.asc"), include_str!("../openpgp/signatures/bob.asc")),
        (include_str!("../openpgp/keys/six.asc"), include_str!("../openpgp/signatures/six.asc")),
        (include_str!("../openpgp/keys/ada-second.asc"), include_str!("../openpgp/signatures/v3.asc")),
        (include_str!("../openpgp/keys/sub.asc"), include_str!("../openpgp/signatures/certification.asc")),
    ];
    let seeds: Vec<String> = OPENPGP.iter().map(|(keys, signature)| format!("{keys}\0{signature}\0manifest\n")).collect();
    let seeds: Vec<&str> = seeds.iter().map(String::as_str).collect();
    seeds.iter().for_each(|text| openpgp::check(text));
    mutilated(&seeds, 400, openpgp::check);
}

#[test]
fn programs_end() {
    QUERIES.iter().for_each(|text| query::check(text));
    mutilated(QUERIES, 150, query::check);
}

#[test]
fn comments_are_read_as_they_are_written() {
    COMMENTS.iter().for_each(|text| slash::check(text));
    mutilated(COMMENTS, 2000, slash::check);
}

#[test]
fn objects_say_what_is_signed() {
    let seeds = [COMMIT, TAG];
    seeds.iter().for_each(|text| objects::check(text.as_bytes()));
    mutilated(&seeds, 2000, |text| objects::check(text.as_bytes()));
}

/// Gives this many texts, each with some pieces cut out, doubled, or taken from elsewhere.
fn mutilated(seeds: &[&str], rounds: usize, mut check: impl FnMut(&str)) {
    const MARKS: &[&str] = &[
        "\0", "`", "[", "](", "<!--", "-->", "> ", "- ", "|", "\t", "\r", "\n", "\n\n", "{", "\"", ": ", "é", "\u{feff}", "```\n", "$",
        "(", ")",
    ];
    let mut dice = 0x2545_f491_4f6c_dd1d_u64;
    let mut roll = |sides: usize| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        (dice % sides.max(1) as u64) as usize
    };
    for _ in 0..rounds {
        let seed = seeds[roll(seeds.len())];
        // A window, so that one text does not take long.
        let mut text: Vec<char> = seed.chars().skip(roll(seed.len() / 2)).take(1500).collect();
        for _ in 0..=roll(6) {
            let (one, two) = (roll(text.len()), roll(text.len()));
            let (from, to) = (one.min(two), one.max(two).min(one.min(two) + 200));
            let piece: Vec<char> = text[from..to].to_vec();
            match roll(4) {
                0 => drop(text.drain(from..to)),
                1 => drop(text.splice(two..two, piece).collect::<Vec<_>>()),
                2 => text.truncate(to.max(1)),
                _ => drop(text.splice(one..one, MARKS[roll(MARKS.len())].chars()).collect::<Vec<_>>()),
            }
        }
        let text: String = text.into_iter().collect();
        check(&text);
    }
}
