use super::*;
use serde_json::json;

const VARS: [&str; 3] = ["$env", "channel", "big"];

fn run(text: &str, input: Value) -> Result<Vec<Value>, String> {
    let program = Program::compile(text, &VARS).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let big: Vec<i32> = (0..5_000).collect();
    program.run(&input, &[json!({"X": "y"}), json!("staging"), json!(big)]).map_err(|error| error.to_string())
}

#[test]
fn programs_give_what_jq_gives() {
    for (text, input, wanted) in [
        (".status == \"ok\"", json!({"status": "ok"}), json!([true])),
        (".a.b[1].c", json!({"a": {"b": [0, {"c": 5}]}}), json!([5])),
        ("$env.X, $channel, $env[\"X\"]", json!(null), json!(["y", "staging", "y"])),
        ("[.[] | select(.n > 1) | .n] | add", json!([{"n": 1}, {"n": 2}, {"n": 3}]), json!([5])),
        ("map(. * 2) | sort | reverse", json!([3, 1]), json!([[6, 2]])),
        ("[..] | length", json!([1, [2]]), json!([4])),
        ("[recurse] | length", json!([1, [2]]), json!([4])),
        (".a += 3 | .b |= . + 1 | .c //= 9 | .d = 1", json!({"a": 1, "b": 1}), json!([{"a": 4, "b": 2, "c": 9, "d": 1}])),
        (".[] += 1", json!([1, 2]), json!([[2, 3]])),
        ("del(.a, .b[0])", json!({"a": 1, "b": [1, 2]}), json!([{"b": [2]}])),
        ("[paths]", json!({"a": [1]}), json!([[["a"], ["a", 0]]])),
        ("getpath([\"a\", 0]), setpath([\"b\"]; 1)", json!({"a": [1]}), json!([1, {"a": [1], "b": 1}])),
        ("walk(if type == \"number\" then . + 1 else . end)", json!([1, [2]]), json!([[2, [3]]])),
        ("to_entries | from_entries", json!({"a": 1}), json!([{"a": 1}])),
        ("with_entries(.value += 1)", json!({"a": 1}), json!([{"a": 2}])),
        (
            "{a, \"b\", $channel, (\"k\"): 1, @base64 \"x\": 2}",
            json!({"a": 1, "b": 2}),
            json!([{"a": 1, "b": 2, "channel": "staging", "k": 1, "x": 2}]),
        ),
        ("{(\"a\", \"b\"): (1, 2)}", json!(null), json!([{"a": 1}, {"a": 2}, {"b": 1}, {"b": 2}])),
        (". as {a: $x, b: [$y, $z]} | $x + $y + $z", json!({"a": 1, "b": [2, 3]}), json!([6])),
        ("reduce .[] as $x (0; . + $x), [foreach .[] as $x (0; . + $x; [$x, .])]", json!([1, 2]), json!([3, [[1, 1], [2, 3]]])),
        ("label $out | .[] | if . > 1 then ., break $out else . end", json!([1, 2, 3]), json!([1, 2])),
        ("try error(\"x\") catch ., (try error({a: 1}) catch .a), [.[]?]", json!(1), json!(["x", 1, []])),
        ("(.a, .b) // \"none\"", json!({"a": null}), json!(["none"])),
        ("def twice(f): f | f; def inc($n): . + $n; twice(inc(2))", json!(1), json!([5])),
        ("def f: 1; def g: def f: 2; f; [f, g]", json!(null), json!([[1, 2]])),
        ("first(range(10)), [limit(3; range(10))], nth(2; range(10)), [range(0; 10; 4)]", json!(null), json!([0, [0, 1, 2], 2, [0, 4, 8]])),
        ("any(.[]; . > 1), all(. > 0), (map(. > 1) | any), isempty(.[])", json!([1, 2]), json!([true, true, true, false])),
        ("add, (map(tostring) | add), ([[1], [2]] | add), add(.[] | . * 2)", json!([1, 2]), json!([3, "12", [1, 2], 6])),
        ("join(\"-\"), ([] | join(\",\"))", json!(["a", 1, true]), json!(["a-1-true", ""])),
        ("flatten, flatten(1)", json!([1, [2, [3]]]), json!([[1, 2, 3], [1, 2, [3]]])),
        ("test(\"a.c\"; \"x\"), [match(\"(?<n>[a-z])(x)?\"; \"g\").captures[0].name]", json!("abcé"), json!([true, ["n", "n", "n"]])),
        ("[match(\"é.\"; \"g\") | .offset, .length, .string]", json!("aéb-éc"), json!([[1, 2, "éb", 4, 2, "éc"]])),
        ("capture(\"(?<y>[0-9]+)-(?<m>[0-9]+)\")", json!("2026-11"), json!([{"y": "2026", "m": "11"}])),
        (
            "sub(\"(?<l>[a-z])\"; \"<\\(.l)>\"), gsub(\"[0-9]\"; \"\"), [scan(\"[0-9]\")], split(\", *\"; null)",
            json!("a1, b2"),
            json!(["<a>1, b2", "a, b", ["1", "2"], ["a1", "b2"]]),
        ),
        (
            "split(\",\"), ascii_upcase, ltrimstr(\"a\"), startswith(\"a\"), length, explode[0]",
            json!("a,b"),
            json!([["a", "b"], "A,B", ",b", true, 3, 97]),
        ),
        ("\"v\\(.n + 1): \\(.l)\"", json!({"n": 1, "l": [1, "x"]}), json!(["v2: [1,\"x\"]"])),
        (
            "@base64, (@base64 | @base64d), @uri, @sh, @html, @json",
            json!("a b<"),
            json!(["YSBiPA==", "a b<", "a%20b%3C", "'a b<'", "a b&lt;", "\"a b<\""]),
        ),
        ("fromjson, tojson", json!("[1, {\"a\": null}]"), json!([[1, {"a": null}], "\"[1, {\\\"a\\\": null}]\""])),
        ("tonumber + 1, (\"1.5\" | tonumber)", json!("41"), json!([42, 1.5])),
        (
            "contains({a: [\"b\"]}), inside({a: [\"abc\"], b: 1}), has(\"a\"), index(\"b\")?",
            json!({"a": ["abc"]}),
            json!([true, true, true]),
        ),
        ("indices(\"b\"), index(\"b\"), rindex(\"b\")", json!("abcb"), json!([[1, 3], 1, 3])),
        (
            "group_by(.k) | map(length), unique_by(.k)[0].k, (min_by(.v) | .v), (max_by(.v) | .v)",
            json!([{"k": 1, "v": 5}, {"k": 0, "v": 7}, {"k": 1, "v": 6}]),
            json!([]),
        ),
        ("\"2026-11-21T10:00:00Z\" | fromdate | ., todate", json!(null), json!([1795255200, "2026-11-21T10:00:00Z"])),
        ("1 / 3 | floor, round, ceil, sqrt > 0.5", json!(null), json!([0, 0, 1, true])),
        (
            "10000000000000000000000 + 1, 18446744073709551615, 1.10, 7 % 3, -.",
            json!(5),
            json!([1e22, 18446744073709551615u64, 1.1, 1, -5]),
        ),
        ("transpose, .[1:], .[-1], .[:1][0]", json!([[1], [2]]), json!([[[1, 2]], [[2]], [2], [1]])),
        ("\"abc\" * 2, {a: {b: 1}} * {a: {c: 2}}, [1, 2, 1] - [1]", json!(null), json!(["abcabc", {"a": {"b": 1, "c": 2}}, [2]])),
        ("empty # nothing", json!(1), json!([])),
    ] {
        let wanted = wanted.as_array().unwrap().clone();
        if text.starts_with("group_by") {
            assert_eq!(run("group_by(.k) | map(length)", input.clone()), Ok(vec![json!([1, 2])]));
            assert_eq!(run("unique_by(.k)[0].k, (min_by(.v) | .v), (max_by(.v) | .v)", input), Ok(vec![json!(0), json!(5), json!(7)]));
            continue;
        }
        assert_eq!(run(text, input), Ok(wanted), "{text}");
    }
}

#[test]
fn programs_that_see_outside_or_never_end_do_not_compile() {
    for (text, offset, length, word) in [
        ("1 + env", 4, 3, "env"),
        ("$ENV.PATH", 0, 4, "$ENV"),
        ("$__loc__", 0, 8, "$__loc__"),
        ("[inputs]", 1, 6, "inputs"),
        ("input", 0, 5, "input"),
        ("debug", 0, 5, "debug"),
        ("debug(1)", 0, 5, "debug"),
        ("stderr", 0, 6, "stderr"),
        ("input_filename", 0, 14, "input_filename"),
        ("now", 0, 3, "now"),
        ("now | localtime", 0, 3, "now"),
        ("1 | localtime", 4, 9, "localtime"),
        ("halt", 0, 4, "halt"),
        ("halt_error(1)", 0, 10, "halt_error"),
        ("import \"x\" as y; .", 7, 3, "not"),
        ("include \"x\"; .", 8, 3, "not"),
        ("x::y", 0, 4, "x::y"),
        ("get_search_list", 0, 15, "get_search_list"),
        ("repeat(.)", 0, 6, "repeat"),
        ("[while(true; .)]", 1, 5, "while"),
        ("until(false; .)", 0, 5, "until"),
        ("recurse(.)", 0, 7, "recurse"),
        ("recurse(.; true)", 0, 7, "recurse"),
        ("def f: f; f", 7, 1, "calls itself"),
        ("def f: 1 + f; f", 11, 1, "calls itself"),
        ("def f(g): def h: f(g); h; f(.)", 17, 1, "calls itself"),
        ("matches(\"a\"; \"\")", 0, 7, "matches"),
        ("nope", 0, 4, "no filter"),
        ("lenght", 0, 6, "did you mean `length`"),
        ("map(.; .)", 0, 3, "does not take 2"),
        ("$chanel", 0, 7, "did you mean `$channel`"),
        ("break $x", 6, 2, "$x"),
        ("reduce .[] as $x (0)", 0, 6, "reduce"),
        (".a ==", 5, 0, "end"),
        (".a == )", 6, 1, ")"),
        ("\"abc", 4, 0, "quote"),
        ("[1", 2, 0, "bracket"),
        ("1 &", 2, 1, "&"),
        ("é", 0, 2, "é"),
        ("", 0, 0, "term"),
        ("1; 2", 1, 1, "nothing"),
    ] {
        let error = Program::compile(text, &VARS).map(|_| ()).expect_err(text);
        assert_eq!((error.offset, error.length), (offset, length), "{text}: {}", error.message);
        assert!(error.message.contains(word), "{text}: {}", error.message);
    }
}

#[test]
fn placeholders_inside_programs_are_refused() {
    for (text, offset, length, word) in [
        (".url == \"{env.URL}/x\"", 9, 9, "write `$env.URL`"),
        (".a == {env.URL}", 6, 9, "write `$env.URL`"),
        (".a == \"{capture.ID}\"", 7, 12, "no captures are known here"),
    ] {
        let error = Program::compile(text, &VARS).map(|_| ()).expect_err(text);
        assert_eq!((error.offset, error.length), (offset, length), "{text}: {}", error.message);
        assert!(error.message.contains(word), "{text}: {}", error.message);
    }
    let error = Program::compile(".a == {env.A}", &["channel"]).map(|_| ()).unwrap_err();
    assert!(error.message.contains("only in the rules of channels"), "{}", error.message);
    // Those are objects and texts like others.
    for text in [". == {channel: 1}", ".text | contains(\"{version}\") | not", "{env: 1}.env == 1", "{channel}"] {
        assert!(Program::compile(text, &VARS).is_ok(), "{text}");
    }
}

#[test]
fn hostile_texts_do_not_compile() {
    let doubling: String = (1..40).map(|i| format!("def f{i}(g): f{}(f{}(g)); ", i - 1, i - 1)).collect();
    for text in [
        "(".repeat(5_000),
        "[".repeat(8_000),
        format!("{}1", "-".repeat(8_000)),
        format!("{}1", "try ".repeat(2_000)),
        format!("{}1", "1 as $x|".repeat(1_000)),
        format!("{}1", "def a:".repeat(1_000)),
        format!("{}1{}", "\"\\(".repeat(1_000), ")\"".repeat(1_000)),
        format!("1{}", "+1".repeat(4_000)),
        format!("1{}", "|1".repeat(4_000)),
        format!(".{}", "[0]".repeat(2_600)),
        format!("{}1{}", "if 1 then ".repeat(500), " else 1 end".repeat(300)),
        format!("def f0(g): [g]; {doubling} f39(.)"),
        "1 ".repeat(10_000),
        "9".repeat(4_000),
    ] {
        assert!(Program::compile(&text, &[]).is_err(), "{}", &text[..40]);
    }
}

#[test]
fn programs_always_end() {
    let big = json!((0..5_000).collect::<Vec<i32>>());
    let doubled: String = (1..30).map(|i| format!("def f{i}: f{} , f{}; ", i - 1, i - 1)).collect();
    for (text, word) in [
        ("[range(1e12)]", "steps"),
        ("range(1e12) | empty", "steps"),
        ("[range(1e12) | empty]", "steps"),
        ("first(range(1e12) | select(. < 0))", "steps"),
        ("[range(0; 1; 0)]", "steps"),
        ("try [range(1e12)] catch 1", "steps"),
        ("[range(1e12)]? // 1", "steps"),
        ("[range(1000) as $a | range(1000) as $b | range(1000) | empty]", "steps"),
        ("[(range(1000) + range(1000) + range(1000)) | empty]", "steps"),
        ("[{a: range(1000), b: range(1000), c: range(1000)} | empty]", "steps"),
        ("[\"\\(range(1000))\\(range(1000))\\(range(1000))\" | empty]", "steps"),
        ("[range(1e6) | $big == ($big | reverse | reverse)]", "steps"),
        ("[range(1e6) | $big | sort | empty]", "steps"),
        ("[range(1e6) | try ($big - 1) catch empty]", "steps"),
        ("[range(1e6) | try error($big) catch empty]", "steps"),
        ("[range(1000) | try ($big + 1)]", "steps"),
        ("reduce range(10000) as $x (1; [.]) | 1", "deep"),
        ("[range(1e6) | ($big | reverse) - $big | empty]", "steps"),
        ("[range(1e6) | $big | .. | empty]", "steps"),
        ("[range(1e6) | $big | tojson | empty]", "steps"),
        ("[range(1e6) | $big | .[]?.a?]", "steps"),
        ("[range(1e6) | $big | contains($big) | empty]", "steps"),
        ("[range(1e6) | $big | indices($big[1:]) | empty]", "steps"),
        ("[range(1e6) | $big | .[0] = 1 | empty]", "steps"),
        ("[limit(1e9; range(1e12)) | empty]", "steps"),
        ("[.[range(1e9), 0]?]", "steps"),
        ("reduce range(1e12) as $x (0; . + 1)", "steps"),
        ("\"a\" * 1e12", "cannot"),
        ("\"a\" * 1000000000000", "large"),
        ("1000000000000 * \"a\"", "large"),
        ("reduce range(60) as $x (\"a\"; . + .)", "large"),
        ("reduce range(60) as $x ([1]; . + .)", "large"),
        ("reduce range(60) as $x (10; . * .)", "large"),
        ("reduce range(60) as $x (1; [., .]) | tojson", "large"),
        ("reduce range(60) as $x (1; {a: ., b: .})", "large"),
        ("reduce range(60) as $x ({}; .a = . | .b = .)", "large"),
        ("reduce range(60) as $x ([[]]; .[0] |= [., .])", "large"),
        ("reduce range(10000) as $x (1; [.])", "deep"),
        ("reduce range(10000) as $x ({}; {a: .})", "deep"),
        ("\"[\" * 5000 | fromjson", "JSON"),
        ("\"a\" | test(\"(a{1000}){1000}\")", "regular expression"),
        ("range(2000)", "1000 values"),
        (&format!("def f0: empty; {doubled} [f29]"), "steps"),
        (&format!("def f0: .a?; {doubled} [f29]"), "steps"),
        (&format!("[{} | .a?]", vec!["(1, 2)"; 50].join("|")), "steps"),
        (&format!("def f0: .; {} [f29 | empty]", doubled.replace(',', "|")), ""),
        (&format!("[{} | empty]", vec!["(1, 2)"; 50].join("|")), "steps"),
        (&format!("[null | .{} | empty]", "[(0, 0)]?".repeat(60)), "steps"),
        (&format!("[{}]", vec!["(1, 2)"; 50].join(" + ")), "steps"),
    ] {
        let program = Program::compile(text, &VARS).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        let vars = [json!({}), json!("c"), big.clone()];
        // A twentieth of the steps will do to see that they are counted; sizes need the whole.
        let share = if word == "steps" { 20 } else { 1 };
        match engine::on_worker(|| engine::run(&program.filter, program.comparing, &engine::Input::read(&json!([1, 2, 3]))?, &vars, share))
            .unwrap()
        {
            Err(error) => assert!(error.to_string().contains(word), "{text}: {error}"),
            Ok(values) => panic!("{text}: {values:?}"),
        }
    }
}

#[test]
fn the_deepest_lawful_programs_fit_their_stack() {
    let deep = (0..120).fold(json!(1), |value, _| json!([value]));
    for body in [
        "1 + g",
        "[g]",
        "{a: g}",
        "g | .",
        ". as $x | g",
        "try g catch .",
        "(g)?",
        "first(g)",
        "last(g)",
        "limit(1; g)",
        "reduce g as $x (0; .)",
        "foreach .[]? as $x (g; .)",
        "label $l | g",
        "if g then . else . end",
        ".[g]?",
        "sort_by(g)?",
        "map(g)?",
        "any(g; .)",
        "[path(g)]",
        "(g) |= .",
        "\"\\(g)\"",
        "walk(g)",
        "paths(g)",
        "(1, g)",
    ] {
        let nested = |levels: usize| {
            let definitions: String = (1..=levels).map(|i| format!("def f{i}(g): f{0}(f{0}(g)); ", i - 1)).collect();
            let calls: String = (0..=levels).rev().map(|i| format!("f{i}(")).collect();
            format!("def f0(g): {body}; {definitions}{calls}.{}", ")".repeat(levels + 1))
        };
        let deepest = (0..12).take_while(|levels| Program::compile(&nested(*levels), &[]).is_ok()).last().expect(body);
        assert!((2..11).contains(&deepest), "{body}: {deepest}");
        let program = Program::compile(&nested(deepest), &[]).unwrap();
        for input in [json!(1), json!([1, 2]), deep.clone()] {
            // Whatever it gives, it comes back.
            let result = program.run(&input, &[]);
            assert_ne!(result, Err(RunError::Failed("the jq engine failed on it".to_owned())), "{body}");
        }
    }
    assert_eq!(run("[..] | length", deep.clone()), Ok(vec![json!(121)]));
    assert_eq!(run("walk(.) == . and tojson == (tojson | fromjson | tojson)", deep), Ok(vec![json!(true)]));
}

/// What a program gives that knows a variable without a value.
fn given(text: &str, input: &Value) -> Result<Vec<Value>, RunError> {
    let program = Program::compile(text, &["version"]).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    program.run(input, &[json!(null)])
}

/// `Some(value)`: the one value of the program; `None`: nothing can be concluded.
fn concluded(text: &str, input: &Value) -> Option<Value> {
    match given(text, input) {
        Ok(mut values) if values.len() == 1 => values.pop(),
        Err(RunError::Undecided(_)) => None,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn what_cannot_be_compared_is_undecided() {
    let answer = json!({
        "n": 5, "s": "69%", "none": null, "list": ["5"], "mixed": [1, "a"], "items": [{"k": 1}, {"k": "1"}, {}], "o": {"a": 1},
        "yes": "false", "v": [1, 2, 10],
    });
    let undecided = [
        ".s >= 70",
        "[] >= 70",
        ".missing <= 0",
        ".missing as $k | .o | has($k) | not",
        ".missing | in({\"a\": 1}) | not",
        "(.missing | tojson) != \"1\"",
        "(.missing | @json) != \"1\"",
        "(.missing | @uri) != \"failed\"",
        ".missing < 100",
        "(.missing > 5) | not",
        ".missing == 5",
        ".missing != 5",
        ".missing == .none",
        "[.missing] == [.none]",
        ".missing == $version",
        "$version != \"1.0\"",
        ".s != 5",
        ".list != [5]",
        ".o != {a: \"1\"}",
        "try (.s >= 70) catch true",
        "(.s >= 70)? // true",
        "(.missing > 5) // true",
        "if .missing > 5 then false else true end",
        "if .missing then false else true end",
        ".missing | not",
        ".yes and true",
        "true and .s",
        "false or .n",
        "[.items[] | select(.k == 1)] | length == 1",
        "[.items[] | select(.k)] | length == 2",
        "any(.list[]; . == 5) | not",
        "all(.list[]; . != 5)",
        "(.mixed | any) | not",
        "(.mixed | all) | not",
        "[.mixed[] | . > 0] | length == 2",
        ".mixed | sort | length == 2",
        ".mixed | unique | length == 2",
        ".mixed | min == 1",
        ".mixed | max == \"a\"",
        "[.missing, .none] | unique | length == 1",
        ".items | sort_by(.k) | length == 3",
        ".items | group_by(.k) | length == 3",
        ".items | unique_by(.k) | length == 3",
        ".items | min_by(.k) | .k == 1",
        ".items | max_by(.k) | .k == 1",
        "[] | max < 5",
        "[] | add < 5",
        ".missing + 1 < 5",
        ".n - .missing < 6",
        "[.n, .missing] | add == 5",
        "add(.n, .missing) == 5",
        "-.missing < 5",
        "(.missing | length) == 0",
        "\"v\\(.missing)\" != \"v1\"",
        "(.missing | tostring) != \"1\"",
        "([.s, .missing] | join(\"-\")) != \"69%\"",
        "[range(.missing)] | length == 0",
        "(.n | contains(\"5\")) | not",
        "(.list | contains([5])) | not",
        ". as $r | ([5] | inside($r.list)) | not",
        "(.list | index(5)) == null",
        "(.list - [5]) == [\"5\"]",
        ".missing | test(\"a\") | not",
        "[.missing | test(\"a\")?] | length == 0",
        "[.n | match(\"a\")?] | length == 0",
        "[.n | capture(\"a\")?] | length == 0",
        "[.n | startswith(\"a\")?] | length == 0",
        "(0 / 0) < 5",
        "(1 / 0) > 5",
        "(.missing | @text) != \"1\"",
        "(.missing | @sh) != \"1\"",
        "(.missing | @html) != \"1\"",
        "(.missing | @base64) != \"MQ==\"",
        "[.missing] | max == null",
        ".missing | index(\"a\") == null",
        "(.list | rindex(5)) == null",
        "(.list | indices(5)) == []",
        "[.s | test($version)?] == []",
        ".list | any(.) | not",
        ".list | all(.)",
        "any(.list[]; .) | not",
        "all(.list[]; .)",
        "[.o | paths(.)] == [[\"a\"]]",
        "[.missing | utf8bytelength?] == []",
        "(.missing | reverse) == []",
        "[.n | endswith(\"a\")?] == []",
        ".items | max_by(.k) | length == 1",
        ".items | min_by(.k) | length == 0",
        "([.missing] | tojson) != \"[1]\"",
        "([.missing] | tostring) != \"[1]\"",
        "({a: .missing} | @json) != \"{}\"",
        "([.missing] | @text) != \"[1]\"",
        "([.missing] | @sh) != \"1\"",
        "\"v\\([.missing])\" != \"v[1]\"",
        "[[.missing], [.none]] | flatten | length == 2",
        "[[.missing], [.none]] | flatten(1) | length == 2",
        "[.missing, .none] | transpose | length == 0",
        "[[.missing]] | transpose | length == 1",
        "[.missing[]?] == []",
        "[.missing[]] == []",
        "all(.missing[]?; .ok)",
        "isempty(.missing[]?)",
        "try ([.missing[]] | length == 1) catch true",
        "[.missing | map(.ok)?] == []",
        "[.missing | keys?] == []",
        "[.missing | to_entries?] == []",
        "[.missing | tonumber?] == []",
        "[.missing | fromjson?] == []",
        ".v[.missing:] | length == 3",
        ".v[:.missing] | length == 3",
        "[.o[.missing]?] == []",
        ".missing as $k | [.o[$k]?] == []",
        "[.o | getpath([$version])?] == []",
        "({(.missing): 1}? | length) == 1",
        ". as {(.missing): $x} | true",
        "[limit(.missing; 1, 2)] == []",
        "(.s | ltrimstr($version)) == .s",
        ". as $r | (.s | rtrimstr($r.missing)) == .s",
    ];
    let told = undecided.map(|text| (text, given(text, &answer)));
    let decided: Vec<_> = told.iter().filter(|(_, told)| !matches!(told, Err(RunError::Undecided(_)))).collect();
    assert!(decided.is_empty(), "{decided:#?}");
    for (text, holds) in [
        (".n >= 5 and .n < 5.5", true),
        (".s == \"69%\"", true),
        (".s < \"7\"", true),
        (".v >= [1, 2, 9]", true),
        (".mixed < [2, 3]", true),
        (".o == {a: 1}", true),
        (".o != {b: \"1\"}", true),
        (".missing == null", true),
        ("null != .n", true),
        (".none == null and has(\"none\") and (has(\"missing\") | not)", true),
        (".missing // 0 | . <= 0", true),
        ("(.missing // 0) <= 0", true),
        ("[.n, .missing] == [5, null]", true),
        ("$version == null", true),
        (".n == 4 and .missing > 5", false),
        (".n == 5 or .missing > 5", true),
        ("(.s | type) == \"number\"", false),
        ("[.items[] | select(has(\"k\") and (.k | type) == \"number\")] | length == 1", true),
        (".v | sort == [1, 2, 10] and max == 10 and add == 13 and (unique | length) == 3", true),
        (".list | contains([\"5\"]) and index(\"5\") == 0 and (. - [\"5\"]) == []", true),
        ("any(.v[]; . == 10) and (all(.v[]; . > 5) | not)", true),
        ("(.mixed | contains([1]))", true),
        ("(.missing // [] | [.[]]) == [] and ([(.missing // [])[]] == [])", true),
        ("(.v | tojson) == \"[1,2,10]\" and \"\\(.v)\" == \"[1,2,10]\"", true),
        ("[[.n], [.s]] | flatten == [5, \"69%\"] and transpose == [[5, \"69%\"]]", true),
        ("\"a\" as $k | .o[$k] == 1 and (.o | getpath([$k])) == 1 and {($k): 1} == .o", true),
        (".v[1:] == [2, 10] and .v[:.v[0]] == [1] and [limit(.v[0]; .v[])] == [1] and nth(1; .v[]) == 2", true),
        ("(.s | rtrimstr(\"%\")) == \"69\" and (.s | rtrimstr(\"%\") | tonumber) < 70", true),
        ("[.n[]?] == []", true),
    ] {
        assert_eq!(concluded(text, &answer), Some(json!(holds)), "{text}");
    }
}

/// A definition of the program's own that has the name of a builtin is called as it is, and the rule still holds inside.
#[test]
fn a_name_of_their_own_does_not_lift_the_rule() {
    assert_eq!(concluded("def not: 7; .x | not", &json!({})), Some(json!(7)));
    assert_eq!(concluded("def null: .x; .y == null", &json!({})), None);
    assert_eq!(concluded("def select(f): if f then true else false end; select(.x)", &json!({})), None);
}

#[test]
fn a_program_that_selects_compares_as_jq_does() {
    let run = |text: &str, input: Value| Program::selecting(text).unwrap().run(&input, &[]);
    let answer = json!({"kind": "key", "value": 1, "list": [{"kind": 5}, 7]});
    assert_eq!(run("[path(.. | select(.kind? == \"key\") | .value)]", answer.clone()), Ok(vec![json!([["value"]])]));
    assert_eq!(
        run(".missing < 5, (.kind | . > 5), (.missing | not), ([1, \"a\"] | sort | length)", answer),
        Ok(vec![json!(true), json!(true), json!(true), json!(2)])
    );
}

#[test]
fn an_error_text_is_short_and_printable() {
    let error = run("$big - 1", json!(null)).unwrap_err();
    assert!(error.len() < 250 && error.starts_with("cannot calculate [0,1,2"), "{error}");
    assert!(!run("error(\"a\\u001b[31mb\\n\")", json!(null)).unwrap_err().contains(['\n', '\u{1b}']));
}

#[test]
fn variables_are_found() {
    assert_eq!(variables_in("$env.A == \"x\" and ($env[\"B\"] | test(\"y\")) or $env.A.c"), ["A", "B"]);
    assert_eq!(env_names("[$env.A, ($env.B as $x | {c: $env.C})]"), Ok(vec!["A".into(), "B".into(), "C".into()]));
    assert_eq!(variables_in("$env =="), Vec::<String>::new());
    for (text, offset) in [("$env", 0), ("1 | $env[$channel]", 4), ("$env | keys", 0), ("\"\\($env)\"", 3), (". as {($env): $x} | 1", 7)] {
        let error = env_names(text).expect_err(text);
        assert_eq!((error.offset, error.length), (offset, 4), "{text}");
    }
}

#[test]
fn a_program_is_shared_between_threads() {
    let program = Program::compile(".a", &[]).unwrap();
    std::thread::scope(|scope| {
        for n in 0..4 {
            let program = &program;
            scope.spawn(move || assert_eq!(program.run(&json!({"a": n}), &[]), Ok(vec![json!(n)])));
        }
    });
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(80))]

    /// No value of another type, and no missing one, lets a comparison with a number pass: neither as it is, nor negated, nor caught.
    #[test]
    fn a_comparison_with_a_number_passes_for_numbers_only(value in not_a_number(), number in -100i32..100, operator in 0usize..6) {
        let compared = format!(".x {} {number}", ["==", "!=", "<", "<=", ">", ">="][operator]);
        let turned = format!("{number} {} .x", ["==", "!=", "<", "<=", ">", ">="][operator]);
        for compared in [&compared, &turned] {
            for form in [
                "C", "C | not", "(C) == false", "(C) != true", "if C then false else true end", "(C) // true", "try (C) catch true",
                "[C | not] | all", "any(.; C)", "all(.; C)", "all(.; C | not)", "[., .] | any(C)", "[., .] | all(C | not)",
                "[select(C)] | length == 0", "[select(C | not)] | length == 1", "isempty(C) | not", "(C) as $c | $c or ($c | not)",
                "reduce (C) as $c (true; . and $c)", "reduce (C) as $c (true; . and ($c | not))", "def f: C; f, f | not",
                "[label $out | (C), break $out] == [true]", "first(C)", "[C] == [false]", "[C] | contains([true]) | not",
            ] {
                let text = form.replace('C', compared);
                let program = Program::compile(&text, &[]).unwrap();
                for input in [json!({ "x": value }), json!({})] {
                    let outputs = program.run(&input, &[]);
                    proptest::prop_assert!(
                        matches!(outputs, Err(RunError::Undecided(_))), "{} on {} gives {:?}", text, input, outputs
                    );
                }
            }
        }
    }

    /// Whatever stands in a program, it is refused at a place in it, or runs to an end without a defect of the engine.
    #[test]
    fn any_program_is_refused_or_ends(parts in proptest::collection::vec(proptest::sample::select(vec![
        ".", ".a", ".[]", "..", "|", ",", " ", "(", ")", "[", "]", "{", "}", ":", ";", "?", "//", "+", "-", "*", "/", "%", "==", "<", " and ",
        " or ", "not", "|=", "+=", "=", "if ", " then ", " else ", " end ", "try ", " catch ", "def f: ", "f", "reduce ", "foreach ", " as ",
        "$x", "$env", "label $l | ", "break $l", "1", "1e9", "\"a\"", "\"\\(", "\"", "range(", "limit(3; ", "first(", "map(", "select(", "path(",
        "test(\"a\")", "sub(\"a\"; ", "tojson", "fromjson", "add", "sort", "@base64 ", "@json", "getpath([\"a\"])", "del(", "to_entries", "#", "é", "\n",
    ]), 1..14)) {
        let text = parts.concat();
        match Program::compile(&text, &["x", "env"]) {
            Err(error) => {
                proptest::prop_assert!(text.get(error.offset..error.offset + error.length).is_some(), "{text:?} {error:?}");
                proptest::prop_assert_ne!(error.message, "the jq engine failed on it", "{}", text);
            }
            Ok(program) => {
                for input in [json!(null), json!({"a": [1, "b", {"c": null}]}), json!("text"), json!(-1.5)] {
                    let vars = [json!({"a": 1}), json!({"X": "y"})];
                    let ended = engine::on_worker(|| engine::run(&program.filter, program.comparing, &engine::Input::read(&input)?, &vars, 20));
                    proptest::prop_assert!(ended.is_ok(), "{text:?} on {input}");
                }
            }
        }
    }
}

/// JSON other than a number.
fn not_a_number() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::*;
    let scalar = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        "[0-9]{1,3}%?".prop_map(Value::from),
        "\\PC{0,5}".prop_map(Value::from),
    ];
    let inner = prop_oneof![scalar.clone(), any::<i32>().prop_map(Value::from)];
    prop_oneof![
        scalar,
        proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
        proptest::collection::btree_map("[a-c]", inner, 0..3).prop_map(|entries| Value::Object(entries.into_iter().collect())),
    ]
}

/// Programs of the grammar, nested a few levels.
fn programs() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let leaf = proptest::sample::select(vec![
        ".",
        ".a",
        ".a?",
        ".[]",
        ".[]?",
        ".[0]",
        ".[1:]",
        "..",
        "$x",
        "1",
        "-1",
        "0.5",
        "1e300",
        "\"a\"",
        "\"é\"",
        "null",
        "true",
        "{}",
        "[]",
        "empty",
        "error",
        "add",
        "length",
        "keys",
        "sort",
        "reverse",
        "tojson",
        "fromjson",
        "tostring",
        "tonumber",
        "type",
        "flatten",
        "paths",
        "to_entries",
        "from_entries",
        "transpose",
        "unique",
        "min",
        "max",
        "any",
        "all",
        "not",
        "explode",
        "implode",
        "@base64",
        "@json",
        "@base64d",
        "@sh",
        "floor",
        "sqrt",
        "ascii_upcase",
        "trim",
        "first",
        "last",
        "infinite",
        "nan",
        "utf8bytelength",
        "todate",
        "join(\",\")",
    ]);
    leaf.prop_map(str::to_owned).prop_recursive(5, 40, 3, |inner| {
        let unary = proptest::sample::select(vec![
            "[X]",
            "{a: X}",
            "{(X): 1}",
            "-(X)",
            "try (X)",
            "(X)?",
            "map(X)",
            "select(X)",
            "first(X)",
            "last(X)",
            "limit(2; X)",
            "skip(1; X)",
            "path(X)",
            "[paths(X)]",
            "sort_by(X)",
            "group_by(X)",
            "unique_by(X)",
            "min_by(X)",
            "max_by(X)",
            "any(X)",
            "all(X)",
            "isempty(X)",
            "add(X)",
            "del(X)",
            "pick(X)",
            "walk(X)",
            "with_entries(X)",
            "map_values(X)",
            "range(X)",
            "has(X)",
            "contains(X)",
            "inside(X)",
            "indices(X)",
            "index(X)",
            "split(X)",
            "join(X)",
            "test(X)",
            "[match(X; \"g\")]",
            "ltrimstr(X)",
            "startswith(X)",
            "flatten(X)",
            "getpath(X)",
            "error(X)",
            "\"<\\(X)>\"",
            "@html \"\\(X)\"",
            ".[X]",
            ".[X]?",
            ".[X:]",
            "label $l | (X), break $l",
            "def f: X; f, f",
            "def f(g): g | g; f(X)",
            "def f($v): $v; f(X)",
            "nth(X)",
            "splits(X)",
            "scan(X)",
            "tojson | X",
            "gsub(X; \"b\")",
            "sub(\"a\"; X)",
        ]);
        let binary = proptest::sample::select(vec![
            "(X | Y)",
            "(X, Y)",
            "(X + Y)",
            "(X - Y)",
            "(X * Y)",
            "(X / Y)",
            "(X % Y)",
            "(X == Y)",
            "(X < Y)",
            "(X and Y)",
            "(X // Y)",
            "(X = Y)",
            "(X |= Y)",
            "(X += Y)",
            "(X *= Y)",
            "(X //= Y)",
            "if X then Y else . end",
            "try (X) catch Y",
            "reduce (X) as $x (.; Y)",
            "[foreach (X) as $x (.; Y; [$x, .])]",
            "(X) as $x | Y",
            ". as [$x] | X, Y",
            "(X) as {a: $x} | Y",
            "[limit(3; X | Y)]",
            "setpath(X; Y)",
            "[range(X; Y)]",
            "{(X): Y}",
            "sub(X; Y)",
            "any(X; Y)",
            "label $l | X | Y | break $l",
        ]);
        prop_oneof![
            (unary, inner.clone()).prop_map(|(form, x)| form.replace('X', &x)),
            (binary, inner.clone(), inner).prop_map(|(form, x, y)| form
                .split('X')
                .map(|part| part.replace('Y', &y))
                .collect::<Vec<_>>()
                .join(&x)),
        ]
    })
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    #[test]
    fn any_lawful_program_ends(text in programs()) {
        let Ok(program) = Program::compile(&text, &["x"]) else { return Ok(()) };
        for input in [json!(null), json!({"a": [1, "b", {"c": null}]}), json!([[3, 1], [2, {"a": "x"}]]), json!("a,b 1"), json!(7)] {
            let ended = engine::on_worker(|| engine::run(&program.filter, program.comparing, &engine::Input::read(&input)?, &[json!({"a": 1})], 20));
            proptest::prop_assert!(ended.is_ok(), "{text:?} on {input}");
        }
    }
}

#[test]
fn work_that_is_a_part_of_other_work_starts_no_threads_of_its_own() {
    let here = || std::thread::current().id();
    let (outer, inner) = side_by_side(|| (here(), side_by_side(here)));
    assert_eq!(outer, inner);
    assert_ne!(side_by_side(here), here());
}
