use super::*;

fn at<'t>(text: &'t str, range: &Bytes) -> &'t str {
    &text[range.clone()]
}

#[test]
fn headings_have_text_level_range_and_anchor() {
    let text = "---\ntitle: x\n---\n# The `a_b` *way* ![alt](i.png) {#top}\n\nSetext [link](x)\nline\n----\n\n> ## Quoted\n\n## Gate 1 — Health ##\n## Set {channel}\n##\n";
    let document = parse(text);
    let shown: Vec<_> = document
        .headings
        .iter()
        .map(|h| (h.level, h.text.as_str(), h.slug.as_str(), h.id.as_deref(), at(text, &h.range), h.nested))
        .collect();
    assert_eq!(
        shown,
        [
            (1, "The a_b way", "the-a_b-way--top", Some("top"), "The `a_b` *way* ![alt](i.png)", false),
            (2, "Setext link line", "setext-link-line", None, "Setext [link](x)\nline", false),
            (2, "Quoted", "quoted", None, "Quoted", true),
            (2, "Gate 1 — Health", "gate-1--health", None, "Gate 1 — Health", false),
            (2, "Set {channel}", "set-channel", None, "Set {channel}", false),
            (2, "", "", None, "", false),
        ]
    );
}

#[test]
fn links_have_exact_destinations() {
    let text = "[a `](x` b](one.md#f \"t\") ![i [n](no)](<two three.png>) [r][Lab] [lab] [e](a\\)b.md) <https://example.com/x>\n\n[lab]: four.md 'T'\n[un]: <five.md>\n\n<a href=\"six.md\">x</a>\n\n<div>\n<img src=seven.png>\n</div>\n\n| h |\n|---|\n| [p](a\\|b.md) |\n";
    let document = parse(text);
    let links: Vec<_> = document.links.iter().map(|l| (l.image, l.destination.as_str(), at(text, &l.place))).collect();
    assert_eq!(
        links,
        [
            (false, "one.md#f", "one.md#f"),
            (false, "no", "no"),
            (true, "two three.png", "two three.png"),
            (false, "four.md", "[r][Lab]"),
            (false, "four.md", "[lab]"),
            (false, "a)b.md", "a\\)b.md"),
            (false, "https://example.com/x", "https://example.com/x"),
            (false, "six.md", "six.md"),
            (true, "seven.png", "seven.png"),
            (false, "a|b.md", "a\\|b.md"),
        ]
    );
    let definitions: Vec<_> = document.definitions.iter().map(|d| (d.label.as_str(), at(text, &d.place))).collect();
    assert_eq!(definitions, [("lab", "four.md"), ("un", "five.md")]);
}

#[test]
fn undefined_references_are_told_from_text() {
    let text = "[x][y] [x] [x][] ![i][j] `[c][d]` [t][^1] \\[a][b]\n\n[^1]: note\n\n```\n[f][g]\n```\n";
    let undefined: Vec<_> = parse(text).undefined.iter().map(|u| (u.label.clone(), at(text, &u.range).to_owned())).collect();
    assert_eq!(undefined, [("y".into(), "[x][y]".into()), ("j".into(), "![i][j]".into())]);
}

#[test]
fn code_spans_in_tables_show_their_pipe() {
    let text = "`` a`b `` and [`src/x.rs`](../src/x.rs)\n\n| a | b |\n|---|---|\n| `x \\| y` | `p/q.rs` two |\n";
    let document = parse(text);
    let codes: Vec<_> =
        document.codes.iter().map(|c| (c.text.as_str(), at(text, &c.range), at(text, &c.content), c.link.as_deref(), c.cell)).collect();
    assert_eq!(
        codes,
        [
            ("a`b", "`` a`b ``", "a`b", None, false),
            ("src/x.rs", "`src/x.rs`", "src/x.rs", Some("../src/x.rs"), false),
            ("x | y", "`x \\| y`", "x \\| y", None, true),
            ("p/q.rs", "`p/q.rs`", "p/q.rs", None, true),
        ]
    );
    let table = &document.tables[0];
    assert_eq!(table.header.iter().map(|c| c.text.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(table.rows[0].iter().map(|c| c.text.as_str()).collect::<Vec<_>>(), ["x | y", "p/q.rs two"]);
    assert_eq!(at(text, &table.rows[0][1].range).trim(), "`p/q.rs` two");
}

#[test]
fn a_tab_behind_a_fence_hides_nothing() {
    let text = "```sh\nrun\n```\t\n# After\n\n~~~\nopen\n";
    let document = parse(text);
    let fences: Vec<_> = document.fences.iter().map(|f| (f.info.as_str(), at(text, &f.content), f.closed)).collect();
    assert_eq!(fences, [("sh", "run\n", true), ("", "open\n", false)]);
    assert_eq!(document.headings[0].text, "After");
}

#[test]
fn byte_order_mark_line_ends_and_nul_keep_their_places() {
    let text = "\u{feff}# Title\r\n\r\n`a/b.md`\r\n```\r\nx\r\n```\r\nnul \0 [l](m)\r\n";
    let document = parse(text);
    assert_eq!(at(text, &document.headings[0].range), "Title");
    assert_eq!(at(text, &document.codes[0].content), "a/b.md");
    assert_eq!(at(text, &document.fences[0].content), "x\r\n");
    assert!(document.fences[0].closed);
    assert_eq!(at(text, &document.links[0].place), "m");
}

#[test]
fn text_runs_are_what_is_shown_as_text() {
    let text = "PR #12, see *#13* &amp; `code` ![alt](x) [li_nk](y)\n\n    indented\n";
    let runs: Vec<_> = parse(text).texts.iter().map(|range| at(text, range).to_owned()).collect();
    assert_eq!(runs, ["PR #12, see ", "#13", " &amp; ", " ", " ", "li_nk"]);
}

#[test]
fn fragments_are_slugs_ids_and_names() {
    let document = parse("# A\n# A\n# B {#bee}\n<a name=\"n\"></a> <span id='s'>\n");
    assert_eq!(document.fragments().into_iter().collect::<Vec<_>>(), ["a", "a-1", "b-bee", "bee", "n", "s"]);
}

proptest::proptest! {
    #[test]
    fn every_range_is_inside_on_character_boundaries(text in "[\\[\\]()<>`~#|\\\\!:*_ \t\r\n{}a\"'=/éß\u{0}-]{0,60}|\\PC{0,40}") {
        let mut document = parse(&text);
        let mut ranges = Vec::new();
        document.ranges(|range| ranges.push(range.clone()));
        for range in ranges {
            proptest::prop_assert!(text.get(range.clone()).is_some(), "{range:?}");
        }
    }
}
