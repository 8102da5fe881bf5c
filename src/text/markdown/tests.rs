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
fn an_indented_block_is_one_of_code_without_a_language() {
    let text = "x\n\n    one #2\n\n    two\n\n- y\n\n      three\n";
    let document = parse(text);
    let fences: Vec<_> = document.fences.iter().map(|f| (f.info.as_str(), at(text, &f.content), f.closed)).collect();
    assert_eq!(fences, [("", "one #2\n\n    two\n", true), ("", "three\n", true)]);
    assert_eq!(document.texts.iter().map(|range| at(text, range)).collect::<Vec<_>>(), ["x", "y"]);
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
fn headings_of_html_have_anchors_too() {
    let text = "<h1 align=\"center\">\n  <img src=\"x.png\">\n  My &amp; <b>Project</b>\n</h1>\n\n# My  Project\n\n<H2>\n\nWith *text*\n\n</H2>\n\n\
                <h3>Open\n\n## After\n\n<!-- <h1>No</h1> -->\n\n<h12>Neither</h12>\n\n## ![x](y.png) Logo\n";
    let document = parse(text);
    let known = document.fragments();
    let wanted = ["my--project", "my--project-1", "with-text", "after", "logo", "-logo"];
    assert!(wanted.iter().all(|name| known.contains(name)), "{known:?}");
    assert!(!["no", "neither", "open", "openafter"].iter().any(|name| known.contains(name)), "{known:?}");
}

#[test]
fn fragments_are_slugs_ids_and_names() {
    let document = parse("# A\n# A\n# B {#bee}\n<a name=\"n\"></a> <span id='s'>\n");
    assert_eq!(document.fragments().into_iter().collect::<Vec<_>>(), ["a", "a-1", "b-bee", "bee", "n", "s"]);
}

#[test]
fn comments_have_the_bytes_between_their_ends() {
    let text = "a <!-- in line --> b <!--two\nlines--> <!-->\n\n<!-- block\n\nover lines -->\n\n> q <!-- x\n> y --> `c`\n>\n> <!-- z\n> w -->\n\n- i <!---->\n\n`<!-- code -->` \\<!-- text -->\n\n<!-- open\n# hidden\n";
    let document = parse(text);
    let comments: Vec<_> = document.comments.iter().map(|c| (at(text, &c.range), at(text, &c.text_range), c.closed)).collect();
    assert_eq!(
        comments,
        [
            ("<!-- in line -->", " in line ", true),
            ("<!--two\nlines-->", "two\nlines", true),
            ("<!-->", "", true),
            ("<!-- block\n\nover lines -->", " block\n\nover lines ", true),
            ("<!-- x\n> y -->", " x\n> y ", true),
            ("<!-- z\n> w -->", " z\n> w ", true),
            ("<!---->", "", true),
            ("<!-- open\n# hidden\n", " open\n# hidden\n", false),
        ]
    );
    assert_eq!(document.headings, []);
}

#[test]
fn html_keeps_its_places_whatever_the_parser_shows() {
    let text = "> é <a\n> href='x.md'\n> id=\"é\"> y\n\n<p>\0\0<a href=z.md>\n";
    let document = parse(text);
    assert_eq!(document.links.iter().map(|link| at(text, &link.place)).collect::<Vec<_>>(), ["x.md", "z.md"]);
    assert_eq!(at(text, &document.anchors[0].range), "é");
}

#[test]
fn metadata_is_apart_and_rules_hide_nothing() {
    let text = "\u{feff}---\ntitle: `x/y.md`\n---\n# T\n\n---\n`a/b.rs`\n\nmore\n\n---\n";
    let document = parse(text);
    assert_eq!(document.front_matter.map(|range| at(text, &range).to_owned()).as_deref(), Some("---\ntitle: `x/y.md`\n---\n"));
    assert_eq!(document.codes.iter().map(|code| at(text, &code.content)).collect::<Vec<_>>(), ["a/b.rs"]);
    assert_eq!(at(text, &document.headings[0].range), "T");
    assert_eq!(parse("x\n\n---\na: b\n---\n").front_matter, None);
}

#[test]
fn blocks_are_in_order_and_know_what_is_around_them() {
    let text = "# H\n\npara\nmore\n\n> quote\n\n1. one `a`\n   - sub `b`\n   - sub\n\n   rest `c`\n2. two\n\n| h |\n|---|\n| `d` |\n\n```\ncode\n```\n\n    indented\n\n<div>\nx\n</div>\n\n[^n]: note `e`\n";
    let document = parse(text);
    let depth = |block: &Block| std::iter::successors(block.parent, |at| document.blocks[*at].parent).count();
    let shown: Vec<_> = document.blocks.iter().map(|b| (depth(b), b.kind, at(text, &b.range))).collect();
    use BlockKind::*;
    assert_eq!(
        shown,
        [
            (0, Heading, "# H"),
            (0, Paragraph, "para\nmore"),
            (0, Quote, "> quote"),
            (1, Paragraph, "quote"),
            (0, List, "1. one `a`\n   - sub `b`\n   - sub\n\n   rest `c`\n2. two"),
            (1, ListItem, "1. one `a`\n   - sub `b`\n   - sub\n\n   rest `c`"),
            (2, Paragraph, "one `a`"),
            (2, List, "- sub `b`\n   - sub"),
            (3, ListItem, "- sub `b`"),
            (3, ListItem, "- sub"),
            (2, Paragraph, "rest `c`"),
            (1, ListItem, "2. two"),
            (2, Paragraph, "two"),
            (0, Table, "| h |\n|---|\n| `d` |"),
            (1, TableRow, "| h |"),
            (1, TableRow, "| `d` |"),
            (0, Code, "```\ncode\n```"),
            (0, Code, "indented"),
            (0, Html, "<div>\nx\n</div>"),
            (0, Footnote, "[^n]: note `e`"),
            (1, Paragraph, "note `e`"),
        ]
    );
    assert_eq!(at(text, &document.blocks[5].own).trim_end(), "1. one `a`");
    let around = |needle: &str| -> Vec<BlockKind> { document.blocks_around(text.find(needle).unwrap()).map(|block| block.kind).collect() };
    assert_eq!(around("`b`"), [ListItem, List, ListItem, List]);
    assert_eq!(around("`c`"), [Paragraph, ListItem, List]);
    assert_eq!(around("`d`"), [TableRow, Table]);
    assert_eq!(around("\n\n> quote"), []);
    let next = |needle: &str| document.block_from(text.find(needle).unwrap()).map(|block| (block.kind, at(text, &block.range)));
    assert_eq!(next("\n1. one"), Some(shown[4]).map(|(_, kind, text)| (kind, text)));
    assert_eq!(next("`e`"), None);
}

#[test]
fn lists_count_their_own_items() {
    let text = "- a\n- b\n  1) x\n  2) y\n\n- c\n\ntext\n\n7. seven\n8. eight\n\n* new\n\n> + q\n> + r\n";
    let lists: Vec<_> = parse(text).lists.iter().map(|list| (list.ordered, list.items, at(text, &list.range).len())).collect();
    assert_eq!(lists, [(false, 3, 26), (true, 2, 11), (true, 2, 17), (false, 1, 5), (false, 2, 9)]);
}

#[test]
fn what_would_take_all_memory_is_not_read_and_says_so() {
    for (text, unread) in [
        ("a\n\n> ".to_owned() + &"> ".repeat(MAX_DEPTH) + "`x`", Some(Unread::Deep(2 * MAX_DEPTH + 3))),
        ("\u{feff}---\na: b\n---\n".to_owned() + &"- ".repeat(MAX_DEPTH) + "`x`", Some(Unread::Deep(MAX_DEPTH + 16))),
        ("> ".repeat(MAX_DEPTH - 1) + "`x`", None),
        ("[".repeat(100_000) + "`x`", None),
        ("*a ".repeat(100_000) + "`x`", None),
        (nested("[", MAX_NESTED) + " `x`", None),
        ("`x` ".to_owned() + &nested("[", MAX_NESTED + 1), Some(Unread::Nested(4))),
        ("\u{feff}---\na: b\n---\n`x` ".to_owned() + &nested("![", 100_000), Some(Unread::Nested(20 + 2 * (100_000 - MAX_NESTED - 1)))),
        ("[[[a][b]][c] ".repeat(20_000) + "`x`", None),
    ] {
        let document = parse(&text);
        assert_eq!(document.unread, unread);
        match unread {
            Some(_) => assert_eq!(document, Document { unread, ..Document::default() }),
            None => assert_eq!(document.codes.len(), 1),
        }
    }
    assert!(normal::weight(&"> `a` [b](c)\n".repeat(1000)) * 4000 > MAX_MEMORY);
}

/// References that nothing defines, this many around one another.
fn nested(open: &str, times: usize) -> String {
    format!("{}a{}", open.repeat(times), "][b]".repeat(times))
}

#[test]
fn what_references_without_a_definition_span_grows_as_their_text() {
    for text in [nested("[", 4000), nested("![", 4000), nested("![", MAX_NESTED).repeat(200), "[[a][b]][c] ![![x][y]][z]\n\n".repeat(500)] {
        let document = parse(&text);
        assert_eq!(document.unread.is_some(), document.undefined.is_empty());
        let spanned: usize = document.undefined.iter().map(|undefined| undefined.range.len()).sum();
        assert!(spanned <= MAX_NESTED * text.len(), "{spanned} bytes of {}", text.len());
    }
}

#[test]
fn carriage_returns_end_lines() {
    let text = "# A\r\r```\rx\r```\t\r# B\r- `a/b.md`\r- c\r";
    let document = parse(text);
    assert_eq!(document.headings.iter().map(|heading| at(text, &heading.range)).collect::<Vec<_>>(), ["A", "B"]);
    assert!(document.fences[0].closed);
    assert_eq!((at(text, &document.codes[0].content), document.lists[0].items), ("a/b.md", 2));
}

proptest::proptest! {
    #[test]
    fn blocks_lie_inside_of_one_another(text in "([-*+>#| \t]|1\\.|[ab]|\r?\n|```|<!--|-->|\\|-\n|\\[\\^a\\]:){0,50}") {
        let document = parse(&text);
        for pair in document.blocks.windows(2) {
            proptest::prop_assert!(pair[0].range.start <= pair[1].range.start, "{pair:?}");
        }
        for (at, block) in document.blocks.iter().enumerate() {
            let Some(parent) = block.parent else { continue };
            let around = &document.blocks[parent];
            proptest::prop_assert!(parent < at && around.range.start <= block.range.start && block.range.end <= around.range.end, "{around:?} {block:?}");
        }
    }

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

#[test]
fn lines_are_read_as_a_document_of_their_own() {
    let text = "--- é\n>   see `a\n>  b` and\n> [x](y.md) #1 */";
    let lines = [11..17, 21..27, 30..43];
    let lines = lines.map(|line| line.start..line.end);
    assert_eq!(lines.clone().map(|line| at(text, &line)), ["see `a", "b` and", "[x](y.md) #1 "]);
    let document = parse_lines(text, &lines);
    assert_eq!(document.codes.iter().map(|code| (code.text.as_str(), at(text, &code.range))).collect::<Vec<_>>(), [("a b", "`a\n>  b`")]);
    assert_eq!(document.links.iter().map(|link| at(text, &link.place)).collect::<Vec<_>>(), ["y.md"]);
    assert_eq!(document.texts.iter().map(|range| at(text, range)).collect::<Vec<_>>(), ["see ", " and", "x", " #1"]);
    assert_eq!(parse_lines("---\na: b\n---\n", &[0..3, 4..8, 9..12]).front_matter, None);
}
