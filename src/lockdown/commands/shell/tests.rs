use super::*;

/// `line` of each statement, or its fault.
fn told(text: &str) -> Vec<String> {
    let show = |statement: &Statement| match &statement.fault {
        Some(fault) => format!("{} @{}: {}", statement.line, fault.range.start, fault.message),
        None => statement.line.clone(),
    };
    read(text, false).iter().map(show).collect()
}

#[test]
fn a_statement_is_a_line_with_all_that_belongs_to_it() {
    for (text, statements) in [
        ("a b\nc", vec!["a b", "c"]),
        ("# note\n\na # b\n", vec!["a"]),
        ("a | b\\\n  -x \\\n  | c\nd", vec!["a | b -x | c", "d"]),
        ("a |\n  # why\n  b &&\n\nc\nd", vec!["a | b && c", "d"]),
        ("jq '\n  .a,\n  .b\n'\nx", vec!["jq ' .a, .b '", "x"]),
        ("cat <<EOF >x\nit's $A\nEOF\nb", vec!["cat <<EOF >x it's $A EOF", "b"]),
        ("cat <<-'E O'\n\tit's\n\tE O\nb", vec!["cat <<-'E O' it's E O", "b"]),
        ("x <<A <<B\n1\nA\n2\nB\ny", vec!["x <<A <<B 1 A 2 B", "y"]),
        ("for i in 1 2; do\n  a $i\ndone | b\nc", vec!["for i in 1 2; do a $i done | b", "c"]),
        ("if [ -f a ]; then\n b\nelif c; then d\nelse\n e\nfi\nf", vec!["if [ -f a ]; then b elif c; then d else e fi", "f"]),
        ("case $a in\n x|y) b ;;\n (*) c\nesac\nd", vec!["case $a in x|y) b ;; (*) c esac", "d"]),
        ("while read -r l; do a; done < f\nb", vec!["while read -r l; do a; done < f", "b"]),
        ("f() {\n a\n}\nf", vec!["f() { a }", "f"]),
        ("f ()\n{\n a\n}\nf", vec!["f ()", "{ a }", "f"]),
        ("(cd a && b) > c; d\ne", vec!["(cd a && b) > c; d", "e"]),
        ("[[ $a =~ ^(x|y)$ && -n $b ]] && c\nd", vec!["[[ $a =~ ^(x|y)$ && -n $b ]] && c", "d"]),
        ("if [[ $a == b ]]; then\n c\nfi\n[[ a ]]&&b\nd", vec!["if [[ $a == b ]]; then c fi", "[[ a ]]&&b", "d"]),
        ("a\n$ while b; do c; done\nd", vec!["a", "$ while b; do c; done", "d"]),
        ("for i do\n a\ndone\nb", vec!["for i do a done", "b"]),
        ("function f {\n a\n}\nfunction g () { a; }\nb", vec!["function f { a }", "function g () { a; }", "b"]),
        ("case $a in\n (*\\'*) b;;\n (c) d;;\nesac\ne", vec!["case $a in (*\\'*) b;; (c) d;; esac", "e"]),
        ("((i < 3)) && a $((1 << 2))\nb", vec!["((i < 3)) && a $((1 << 2))", "b"]),
        ("a \"$(cat <<'E'\nit's )\nE\n)\"\nb", vec!["a \"$(cat <<'E' it's ) E )\"", "b"]),
        ("a \"${x:-don't}\" $'it\\'s' \\' b#c\nd", vec!["a \"${x:-don't}\" $'it\\'s' \\' b#c", "d"]),
        ("x=(a b\n c)\ny", vec!["x=(a b c)", "y"]),
        ("a `b 'c'` \"`d \\`e\\``\"", vec!["a `b 'c'` \"`d \\`e\\``\""]),
        ("a 2>&1 >/dev/null &\nb &>c", vec!["a 2>&1 >/dev/null &", "b &>c"]),
        ("echo \"$(case a in a) b;; esac)\"\nc", vec!["echo \"$(case a in a) b;; esac)\"", "c"]),
        ("", vec![]),
        ("# only\n", vec![]),
    ] {
        assert_eq!(told(text), statements, "{text}");
    }
}

#[test]
fn placeholders_are_words() {
    for text in [
        "a <target> b",
        "a <your token> <a|b>",
        "a https://<target>/x/{y}/… ...",
        "a [options] [--x | --y] {start|stop} [-- <args>...]",
        "a {{ .Values.x }} {{< skew v >}} {% data a.b %} ${{ secrets.X }}",
        "a <<NAME>> (optional)",
        "a (one of: b, c)",
        "docker run [-p 1:2] image",
        "a <x>=<y> --z=<w>",
        "a <the fix's commit> b",
        "<program> a",
        "a -> b",
    ] {
        let statements = read(text, false);
        assert_eq!(told(text), [text], "{text}");
        assert_eq!(statements[0].commands.len(), 1, "{text}");
        let redirects = usize::from(text.contains("->"));
        assert_eq!(statements[0].commands[0].redirects.len(), redirects, "{text}");
    }
}

#[test]
fn faults_have_their_place() {
    for (text, statements) in [
        ("a 'b\nc", vec!["a 'b @2: `'` is never closed", "c"]),
        ("a \"b\nc d", vec!["a \"b @2: `\"` is never closed", "c d"]),
        ("x\na $(b\nc", vec!["x", "a $(b @4: `(` is never closed", "c"]),
        ("a ${b\n", vec!["a ${b @2: `${` is never closed"]),
        ("a `b", vec!["a `b @2: ``` is never closed"]),
        ("(a\nb", vec!["(a @0: `(` without `)`", "b"]),
        ("f() {\n a", vec!["f() { @4: `{` without `}`", "a"]),
        ("for i in a; do\n b", vec!["for i in a; do @12: `do` without `done`", "b"]),
        ("for i in a\n b", vec!["for i in a @0: a loop without `do`", "b"]),
        ("if a; then b", vec!["if a; then b @0: `if` without `fi`"]),
        ("case a in b) c;;", vec!["case a in b) c;; @0: `case` without `esac`"]),
        ("a |", vec!["a | @2: no command behind `|`"]),
        ("a && ; b", vec!["a && ; b @2: no command behind `&&`"]),
        ("a &; b", vec!["a &; b @3: no command before `;`"]),
        ("a\n| b", vec!["a", "| b @2: no command before `|`"]),
        ("a | | b", vec!["a | | b @4: no command before `|`"]),
        ("done", vec!["done @0: `done` without `do`"]),
        ("(if a; then b)", vec!["(if a; then b) @1: `if` without `fi`"]),
        ("cat <<E\nx\n", vec!["cat <<E @4: no line `E` ends this here-document", "x"]),
        // Only the first, since the others may come of it.
        ("a 'b\nc \"d\ne", vec!["a 'b @2: `'` is never closed", "c \"d", "e"]),
        ("cat <<E", vec!["cat <<E"]),
    ] {
        assert_eq!(told(text), statements, "{text}");
    }
}

#[test]
fn commands_are_split_into_words() {
    let show = |text: &str| -> Vec<String> {
        let statements = read(text, false);
        let shown = |command: &Command| {
            let names: Vec<&str> = command.assignments.iter().map(|a| &text[a.range.clone()]).collect();
            let words: Vec<String> =
                command.words.iter().map(|word| word.value(text).unwrap_or_else(|| format!("${}", word.raw(text)))).collect();
            let files: Vec<&str> = command.redirects.iter().map(|redirect| redirect.word.raw(text)).collect();
            format!("{} [{}] {}", names.join(","), words.join("|"), files.join(","))
        };
        statements.iter().flat_map(|statement| &statement.commands).map(shown).collect()
    };
    for (text, commands) in [
        ("A=1 B='x y' ./c.sh D=2", vec!["A,B [./c.sh|D=2] "]),
        ("a 'b c'\"d\\\"e\"f\\ g <h >i 2>>j", vec![" [a|b cd\"ef g] h,i,j"]),
        ("a | b && c; d &", vec![" [a] ", " [b] ", " [c] ", " [d] "]),
        ("a \"$X\" $(b 'c' $(d))", vec![" [a|$\"$X\"|$$(b 'c' $(d))] ", " [b|c|$$(d)] ", " [d] "]),
        ("if a; then B=1; fi", vec![" [a] ", "B [] "]),
        ("! time a b", vec![" [a|b] "]),
        ("diff <(a) <(b)", vec![" [diff|$<(a)|$<(b)] ", " [a] ", " [b] "]),
        ("x=(1 2) y", vec!["x [y] "]),
    ] {
        assert_eq!(show(text), commands, "{text}");
    }
}

#[test]
fn variables_that_are_expanded_are_told() {
    for (text, names) in [
        ("a $B ${C:-d} ${#E} $1 $? '$F' \\$G \"$H\"", vec!["B", "C", "E", "H"]),
        ("a <<E\n$B \\$C ${D}\nE", vec!["B", "D"]),
        ("a <<'E'\n$B\nE", vec![]),
        ("a $(b \"$C\") `d $E`", vec!["C", "E"]),
        ("${{ secrets.A }}", vec![]),
    ] {
        let statements = read(text, false);
        let found: Vec<&str> = statements.iter().flat_map(|statement| &statement.uses).map(|used| &text[used.range.clone()]).collect();
        assert_eq!(found, names, "{text}");
    }
}

#[test]
fn long_texts_take_linear_time() {
    for part in [
        "'",
        "\"",
        "$(",
        "`",
        "(",
        "{ ",
        "[",
        "<",
        "<<E\n",
        "if ",
        "a 'b\n",
        "\"$(",
        "${",
        "((",
        "case a in ",
        "$(case x in a) ",
        "|",
        "\\",
        "# c\n",
    ] {
        let text = part.repeat(100_000 / part.len());
        read(&text, false);
        read(&format!("cat <<E\n{text}\nE\n"), false);
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_read(text in "([ a-c='\"$(){}<>|&;`#\\\\\n\\[\\]…é!0-2]|\"a \\$X\"|'a b'|\\$\\(a b\\)|\\$\\{X\\}|`a`|<t>|if a; then b; fi|\n|if |then |fi |do |done |for |case |esac |in |<<E|E\n|\\$\\(|\\$\\{|\\{\\{|\\[\\[ ){0,60}") {
        let statements = read(&text, false);
        let mut last = 0;
        for statement in &statements {
            proptest::prop_assert!(text.get(statement.range.clone()).is_some());
            proptest::prop_assert!(last <= statement.range.start && statement.range.start < statement.range.end);
            last = statement.range.end;
            proptest::prop_assert!(!statement.line.contains('\n'));
            let words = statement.commands.iter().flat_map(|command| &command.words);
            for word in words {
                proptest::prop_assert!(!word.raw(&text).is_empty());
                word.value(&text);
            }
            for range in statement.uses.iter().map(|used| &used.range).chain(statement.fault.iter().map(|fault| &fault.range)) {
                proptest::prop_assert!(text.get(range.clone()).is_some());
            }
        }
    }
}
