use super::*;
use crate::domain::Span;
use indexmap::IndexMap;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Inner {
    a: Spanned<String>,
    n: Option<Spanned<u32>>,
    b: Option<bool>,
    e: Option<Word>,
    l: Option<Vec<Spanned<String>>>,
    t: Option<Spanned<Span>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Halt,
    Document,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Outer {
    x: IndexMap<Spanned<String>, Inner>,
}

fn read(text: &str) -> Result<Outer, Finding> {
    source("f.yaml", text.as_bytes()).and_then(|source| parse(&source))
}

/// `code line:column-end source line`; the source line is left out where it is long.
fn shown(finding: &Finding) -> String {
    let place = finding.place.clone().unwrap();
    let line = place.source.filter(|line| line.len() < 80).unwrap_or_default();
    format!("{} {}:{}-{} |{line}|", finding.code, place.line, place.column, place.end_column.unwrap_or(0))
}

#[test]
fn everything_wrong_has_its_place() {
    for (text, wanted) in [
        ("x:\n  k: { a: v, c: 1 }\n", "config/unknown-key 2:14-15 |  k: { a: v, c: 1 }|"),
        ("x:\n  k:\n    n: 5\n", "config/missing-key 3:5-6 |    n: 5|"),
        ("x:\n  k:\n    n: 5\n    l:\n      - a\n  z: {a: 1}\n", "config/missing-key 3:5-6 |    n: 5|"),
        ("x: {k: {n: 5,\n  b: true,\n  l: [a, b]}}", "config/missing-key 1:9-10 |x: {k: {n: 5,|"),
        ("x:\n  k: {}\n  z: {a: 1}\n", "config/missing-key 2:6-7 |  k: {}|"),
        ("x:\n  k: { a: v, b: NO }\n", "config/wrong-type 2:17-19 |  k: { a: v, b: NO }|"),
        ("x:\n  k: { a: v, e: halp }\n", "config/unknown-word 2:17-21 |  k: { a: v, e: halp }|"),
        ("x:\n  k: { a: v, e: [halt] }\n", "config/wrong-type 2:17-18 |  k: { a: v, e: [halt] }|"),
        ("x:\n  k: { a: v, n: 1.5 }\n", "config/wrong-type 2:17-20 |  k: { a: v, n: 1.5 }|"),
        ("x:\n  k: { a: v, n: -1 }\n", "config/wrong-type 2:17-19 |  k: { a: v, n: -1 }|"),
        ("x:\n  k: { a: v, n: 0752 }\n", "config/wrong-type 2:17-21 |  k: { a: v, n: 0752 }|"),
        ("x:\n  k: { a: v, t: 'é5x', n: 7 }\n", "config/wrong-value 2:17-22 |  k: { a: v, t: 'é5x', n: 7 }|"),
        ("x:\n  k: { a: [v] }\n", "config/wrong-type 2:11-12 |  k: { a: [v] }|"),
        ("x:\n  k: { a: ~ }\n", "config/wrong-type 2:11-12 |  k: { a: ~ }|"),
        ("x:\n  k: { a: }\n", "config/wrong-type 2:9-10 |  k: { a: }|"),
        ("x:\n  k: 7\n", "config/wrong-type 2:6-7 |  k: 7|"),
        ("x: 5\n", "config/wrong-type 1:4-5 |x: 5|"),
        ("- x\n", "config/wrong-type 1:1-2 |- x|"),
        ("x: {}\ny: {}\nx: {}\n", "config/unknown-key 2:1-2 |y: {}|"),
        ("x: {}\nx: {}\n", "config/duplicate-key 2:1-2 |x: {}|"),
        ("x: { k: {a: 1}, k: {a: 2} }", "config/duplicate-key 1:17-18 |x: { k: {a: 1}, k: {a: 2} }|"),
        ("x: {}\n---\nx: {}\n", "config/several-documents 3:1-2 |x: {}|"),
        ("--- {x: {}}\n--- {x: {}}\n", "config/several-documents 2:5-6 |--- {x: {}}|"),
        ("x:\n\tk: 1\n", "config/tab 2:2-3 |\tk: 1|"),
        ("x: { k: { a: \"v } }\n", "config/syntax 1:14-16 |x: { k: { a: \"v } }|"),
        ("x: {k: {a: v}} w\n", "config/syntax 1:16-17 |x: {k: {a: v}} w|"),
        ("x: { k: { a: *z } }\n", "config/unknown-anchor 1:14-16 |x: { k: { a: *z } }|"),
        ("x: {k: &z {a: v}, j: {<<: *z}}\n", "config/merge-key 1:23-25 |x: {k: &z {a: v}, j: {<<: *z}}|"),
        ("x: {k: {a: !include v}}\n", "config/tag 1:21-22 |x: {k: {a: !include v}}|"),
        ("x: {k: {a: v\u{0}w}}\n", "config/control-character 1:13-14 |x: {k: {a: v\u{0}w}}|"),
        ("x: {k: {a: v\u{202e}w}}\n", "config/control-character 1:13-14 |x: {k: {a: v\u{202e}w}}|"),
        ("x: {}\ry: {}\n", "config/control-character 1:6-7 |x: {}\ry: {}|"),
        ("\u{feff}x: {}\n", "config/byte-order-mark 1:1-2 |\u{feff}x: {}|"),
        ("", "config/empty 1:1-2 ||"),
        ("\n# nothing\n---\n", "config/empty 1:1-2 ||"),
    ] {
        assert_eq!(shown(&read(text).expect_err(text)), wanted, "{text:?}");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_at_their_place() {
    let finding = source("f.yaml", b"x: {}\ny: \xff\xfe\n").unwrap_err();
    assert_eq!(shown(&finding), "config/not-utf8 2:4-5 |y: \u{fffd}\u{fffd}|");
    let huge = vec![b'#'; MAX_BYTES + 1];
    assert_eq!(shown(&source("f.yaml", &huge).unwrap_err()), "config/too-large 1:1-2 ||");
    let large = format!("x: {{}}\n#{}\n", "#".repeat(MAX_BYTES - 9));
    assert!(read(&large).is_ok());
}

#[test]
fn hostile_texts_are_refused() {
    let bomb: String = (1..30).map(|i| format!("k{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", "))).collect();
    let bomb = format!("k0: &a0 [x]\n{bomb}");
    let many = format!("k: &a [x]\n{}", (0..5_000).map(|i| format!("k{i}: *a\n")).collect::<String>());
    let wide = format!("k: [{}]\n", "x,".repeat(150_000));
    for (text, code) in [
        ("[".repeat(100_000), "config/too-deep"),
        ("{a: ".repeat(100_000), "config/too-deep"),
        ("- ".repeat(100_000), "config/too-deep"),
        ((0..300).map(|i| format!("{}k:\n", " ".repeat(i))).collect(), "config/too-deep"),
        (bomb, "config/too-big"),
        (many, "config/too-big"),
        (wide, "config/too-big"),
        ("--- x\n".repeat(10_000), "config/several-documents"),
    ] {
        let source = source("f.yaml", text.as_bytes()).unwrap();
        let finding = parse::<serde_json::Value>(&source).expect_err(code);
        assert_eq!(finding.code, code, "{}", &text[..40.min(text.len())]);
        assert!(finding.place.unwrap().line >= 1);
    }
}

#[test]
fn scalars_read_as_strings_keep_their_spelling() {
    let outer = read("x:\n  k: { a: 1.10, l: [NO, 0752, 1e3, yes, '', 'it''s', \"t\\tb\", 2026-11-21, .inf, 0x1f] }\n").unwrap();
    let inner = outer.x.values().next().unwrap();
    assert_eq!(inner.a.value, "1.10");
    let texts: Vec<&str> = inner.l.as_ref().unwrap().iter().map(|text| text.as_str()).collect();
    assert_eq!(texts, ["NO", "0752", "1e3", "yes", "", "it's", "t\tb", "2026-11-21", ".inf", "0x1f"]);
}

#[test]
fn places_cover_the_whole_scalar() {
    let text = "x:\r\n  'ké': { a: \"v\\tw\" , n: 12 }\r\n";
    let source = source("f.yaml", text.as_bytes()).unwrap();
    let outer: Outer = parse(&source).unwrap();
    let (key, inner) = outer.x.first().unwrap();
    for (place, column, end) in
        [(place_of(&source, key), 3, 7), (place_of(&source, &inner.a), 14, 20), (place_of(&source, inner.n.as_ref().unwrap()), 26, 28)]
    {
        assert_eq!((place.line, place.column, place.end_column), (2, column, Some(end)));
        assert_eq!(place.source.as_deref(), Some("  'ké': { a: \"v\\tw\" , n: 12 }"));
    }
    assert_eq!(keys(&source).unwrap(), [Spanned::new("x".to_owned(), 0..0)]);
}

#[test]
fn an_alias_has_the_place_of_its_anchor() {
    let source = source("f.yaml", b"x: { k: { a: &z v, l: [*z] } }").unwrap();
    let outer: Outer = parse(&source).unwrap();
    let inner = &outer.x[0];
    assert_eq!(inner.l.as_ref().unwrap()[0].span, inner.a.span);
}

#[test]
fn places_inside_a_scalar() {
    // Where `!` stands in the value is where it must be shown, or the whole scalar where letters were rewritten.
    for (text, line, column, end) in [
        ("x: {k: {a: ab!c}}", 1, 14, 15),
        ("x: {k: {a: 'ab!c'}}", 1, 15, 16),
        ("x: {k: {a: 'it''s!'}}", 1, 18, 19),
        ("x: {k: {a: \"é!\"}}", 1, 14, 15),
        ("x: {k: {a: \"\\t!\"}}", 1, 12, 17),
        ("x:\n  k:\n    a: |\n      é b\n        c!d\n", 5, 10, 11),
        ("x:\r\n  k:\r\n    a: |\r\n      a b\r\n\r\n        c!d\r\n", 6, 10, 11),
        ("x:\n  k:\n    a: >\n      ab\n      c!d\n", 4, 7, 9),
    ] {
        let source = source("f.yaml", text.as_bytes()).unwrap();
        let outer: Outer = parse(&source).unwrap();
        let a = &outer.x[0].a;
        let at = a.find('!').unwrap();
        let place = place_in(&source, a, at..at + 1);
        assert_eq!((place.line, place.column, place.end_column), (line, column, Some(end)), "{text:?}");
    }
}

proptest::proptest! {
    /// Whatever stands in a file, it is read or refused, with a place inside the file.
    #[test]
    fn any_text_is_read_or_refused_at_a_place(parts in proptest::collection::vec(proptest::sample::select(vec![
        "x", "k", "a", ": ", ":", "- ", "\n", "\n  ", "\r\n", "\t", " ", "{", "}", "[", "]", ", ", "'", "\"", "\\", "|", ">", "&a ", "*a",
        "!t ", "# c", "---", "...", "%", "?", "é", "\u{feff}", "\u{0}", "1.10", "~", "<<", "@", "`", "true",
    ]), 0..40)) {
        let text = parts.concat();
        for finding in [read(&text).err(), source("f.yaml", text.as_bytes()).and_then(|source| keys(&source)).err()].into_iter().flatten() {
            let place = finding.place.unwrap();
            let lines: Vec<&str> = text.split('\n').collect();
            let line = lines.get(place.line as usize - 1).copied().unwrap_or_default();
            proptest::prop_assert!(place.column as usize <= line.chars().count() + 1, "{text:?} {place:?}");
            proptest::prop_assert_eq!(place.source.unwrap_or_default(), line.trim_end_matches('\r'));
        }
    }
}

#[test]
fn what_needs_quotes_or_another_word_is_said_with_the_corrected_line() {
    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Shape {
        get: Option<Spanned<String>>,
        title: Option<Spanned<String>>,
        #[serde(default)]
        list: Vec<Spanned<String>>,
        flag: Option<bool>,
    }
    let quotes = "a text with `{` at its start or `: ` in it needs quotes: ";
    for (text, help) in [
        ("get: {base_url}/api\n", format!("{quotes}`get: \"{{base_url}}/api\"`")),
        ("get: {base_url}\n", format!("{quotes}`get: \"{{base_url}}\"`")),
        ("title: a: b\n", format!("{quotes}`title: \"a: b\"`")),
        ("title: t\nget: say \"x\": y # why\nflag: true\n", format!("{quotes}`get: 'say \"x\": y'`")),
        ("get: say \"x\": it's y\n", format!("{quotes}`get: 'say \"x\": it''s y'`")),
        ("list:\n  - {base_url}/x\n", format!("{quotes}`- \"{{base_url}}/x\"`")),
        ("list:\n  - a: b: c\n", format!("{quotes}`- a: \"b: c\"`")),
        ("flag: yes\n", "`yes` is a text; write `true`".to_owned()),
        ("flag: On\n", "`On` is a text; write `true`".to_owned()),
        ("flag: no\n", "`no` is a text; write `false`".to_owned()),
        ("flag: \"off\"\n", "`off` is a text; write `false`".to_owned()),
    ] {
        let finding = parse::<Shape>(&Source::new("f", text)).unwrap_err();
        assert_eq!(finding.help.as_deref(), Some(help.as_str()), "{text}: {finding:?}");
    }
    for text in ["get: [a, b]\n", "title: t\nget: a: b\n bad\n", "get: {a: 1}\n", "title: 'a\n", "flag: maybe\n", "list: yes\n  x\n"] {
        let finding = parse::<Shape>(&Source::new("f", text)).unwrap_err();
        assert_eq!(finding.help, None, "{text}: {finding:?}");
    }
}
