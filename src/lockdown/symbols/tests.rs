use super::*;

#[test]
fn a_symbol_is_taken_apart() {
    for (symbol, expected) in [
        ("run", "run"),
        ("run()", "run"),
        ("#run", "run"),
        ("Runner::run", "Runner run"),
        ("Runner.run(a.b, c)", "Runner run"),
        ("Runner#run", "Runner run"),
        ("a::b::C::d()", "a b C d"),
        ("(*Runner).Stop", "Runner Stop"),
        ("Vec<a::B>::new", "Vec new"),
        ("items[0]", "items"),
        ("<T as Into>::into", "into"),
        ("println!", "println"),
        ("pub async fn run(x: u8) -> Result<T>", "run"),
        ("class Runner", "Runner"),
        ("headers.x-request-id", "headers x-request-id"),
        ("a->b", "a b"),
        ("$el._x", "$el _x"),
        ("größe", "größe"),
        ("", ""),
        ("::", ""),
        ("fn", "fn"),
        ("run or walk", "run"),
        (")]>(", ""),
    ] {
        assert_eq!(parts(symbol).join(" "), expected, "{symbol}");
    }
}

#[test]
fn words_are_found_whole() {
    let text = "run runner\r\n// re_run, run() and run\n\nRunner::run\nrun_\n$run\nrun";
    for (symbol, lines) in [
        ("run", vec![1, 2, 4, 7]),
        ("Runner::run()", vec![1, 2, 4, 7]),
        ("runner", vec![1]),
        ("re_run", vec![2]),
        ("$run", vec![6]),
        ("ru", vec![]),
        ("", vec![]),
    ] {
        assert_eq!(word_lines(text, symbol), lines, "{symbol}");
    }
    assert_eq!(word_lines("größe grö", "grö"), [1]);
    assert_eq!(word_lines(&"x\n".repeat(100_000), "x").len(), 100_000);
}

#[test]
fn what_cannot_be_read_is_looked_for_as_words() {
    let text = "def run; end\nrun\n";
    for path in ["a.rb", "a", "rs", "docs/a.md", "a.RS"] {
        let definitions = definitions(path, text);
        assert!(definitions.is_none(), "{path}");
        assert_eq!(look(definitions.as_ref(), text, "run"), Sighting::Mentioned(vec![1, 2]));
        assert_eq!(look(definitions.as_ref(), text, "walk"), Sighting::Absent);
    }
}

#[cfg(not(feature = "symbols"))]
#[test]
fn without_grammars_every_language_is_unknown() {
    assert!(definitions("a.rs", "fn run() {}").is_none());
}

#[cfg(feature = "symbols")]
#[cfg(test)]
mod parsed;
