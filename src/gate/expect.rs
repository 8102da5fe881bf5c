//! Expectations as jq programs over an answer, and how to say briefly what the answer said instead.
//!
//! A program sees `$channel`, `$package`, `$version`, `$commit` and `$capture`. It holds where it gives `true` and nothing else. One
//! that compares what cannot be compared, or that gives no boolean, is [`Verdict::Undecided`]. Answers are redacted before they are
//! judged: a program whose verdict hangs on a redacted value is [`Verdict::Hidden`], because two hidden values would otherwise be
//! equal. Deliberately absent: the engine itself ([`crate::text::query`]), and any rendering.

use super::{
    Context,
    probe::{
        CommandGot,
        reduce::{MASKED, REDACTED},
    },
};
use crate::{
    domain::{Finding, Place},
    text::{
        query::{Program, RunError},
        source::Source,
        template::map_strings,
        yaml::{Spanned, place_of},
    },
};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

mod reads;

/// What a program sees beside its input, without the `$`.
pub const VARIABLES: &[&str] = &["channel", "package", "version", "commit", "capture"];

/// The values of [`VARIABLES`]; `null` where there is none, for example without a release.
pub fn variables(cx: &Context, captures: &Map<String, Value>) -> Vec<Value> {
    let placeholders = cx.placeholders();
    let value =
        |name: &str| placeholders.iter().find(|(key, _)| *key == name).map_or(Value::Null, |(_, value)| Value::from(value.as_str()));
    VARIABLES.iter().map(|name| if *name == "capture" { Value::Object(captures.clone()) } else { value(name) }).collect()
}

/// A compiled program and its place.
pub struct Expectation {
    pub place: Place,
    program: Program,
}

/// How an expectation and an answer go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Holds,
    /// What the answer said instead, and the JSON pointer of what was read where that is one thing.
    Broken {
        said: String,
        pointer: Option<String>,
    },
    /// Nothing can be concluded: what the program compares is of two types or not there, or what it gives is no boolean.
    Undecided {
        said: String,
        pointer: Option<String>,
    },
    /// It hangs on a redacted value.
    Hidden,
}

/// What to do about [`Verdict::Undecided`].
pub const DECIDE: &str = "a check compares values of one type that are there; say what a missing one means by name: `has(\"x\")`, \
                          `.x == null`, `.x // 0`";

impl Expectation {
    /// Compiles a program of a gate file. `Err`: a configuration finding with its place.
    pub fn compile(source: &Source, text: &Spanned<String>) -> Result<Expectation, Finding> {
        let compiled = Program::compile_in(source, text, VARIABLES);
        let program = compiled.map_err(|finding| finding.help(format!("a program here sees {}", dollar_names())))?;
        Ok(Expectation { place: place_of(source, text), program })
    }

    /// The program as it was written.
    pub fn text(&self) -> &str {
        self.program.text()
    }

    pub fn check(&self, answer: &Value, variables: &[Value]) -> Verdict {
        let outputs = self.program.run(answer, variables);
        let holds = matches!(outputs.as_deref(), Ok([Value::Bool(true)]));
        let hangs_on = |other: &Value| holds != matches!(self.program.run(other, variables).as_deref(), Ok([Value::Bool(true)]));
        let hidden = || {
            let texts = literals(self.text()).into_iter().chain(lengths(self.text(), answer).map(|length| "-".repeat(length)));
            [false, true].iter().any(|alike| hangs_on(&unmarked(answer, *alike)))
                || texts.into_iter().any(|text| hangs_on(&unmarked_as(answer, &text)))
        };
        if has_marks(answer) && hidden() {
            return Verdict::Hidden;
        }
        if holds { Verdict::Holds } else { self.broken(answer, variables, outputs) }
    }

    /// The one value that the program gives. `Err`: why there is none.
    pub fn value(&self, answer: &Value, variables: &[Value]) -> Result<Value, RunError> {
        let mut outputs = self.program.run(answer, variables)?;
        match (outputs.pop(), outputs.len()) {
            (Some(value), 0) => Ok(value),
            (None, _) => Err("it gives nothing".to_owned().into()),
            (Some(_), more) => Err(format!("it gives {} values instead of one", more + 1).into()),
        }
    }

    fn broken(&self, answer: &Value, variables: &[Value], outputs: Result<Vec<Value>, RunError>) -> Verdict {
        let reads = reads::of(self.text());
        let mut said: Vec<String> = reads.paths.iter().map(|path| path.said_by(answer)).collect();
        said.extend(reads.variables.iter().filter_map(|name| {
            let value = variables.get(VARIABLES.iter().position(|variable| variable == name)?)?;
            brief(value).map(|value| format!("`${name}` is {value}"))
        }));
        if reads.paths.is_empty() {
            said.extend(brief(answer).map(|value| format!("the answer is {value}")));
        }
        match outputs.as_deref() {
            Ok([Value::Bool(_)]) if !said.is_empty() => {}
            Ok([Value::Bool(_)]) => said.push("it gives false".to_owned()),
            Ok([other]) => {
                said.push(format!("the program gives {} instead of true or false", brief(other).unwrap_or("something".to_owned())))
            }
            Ok([]) => said.push("the program gives nothing".to_owned()),
            Ok(many) => said.push(format!("the program gives {} values instead of one", many.len())),
            Err(RunError::Undecided(why)) => said.insert(0, why.clone()),
            Err(_) if has_marks(answer) => said.push("the program ends in an error".to_owned()),
            Err(error) => said.push(format!("the program ends in an error: {}", cut(&error.to_string()))),
        }
        let pointer = match reads.paths.as_slice() {
            [path] => Some(path.pointer()),
            _ => None,
        };
        let said = said.join(", ");
        match outputs.as_deref() {
            Err(RunError::Undecided(_)) => Verdict::Undecided { said, pointer },
            Ok([value]) if !value.is_boolean() => Verdict::Undecided { said, pointer },
            _ => Verdict::Broken { said, pointer },
        }
    }
}

/// A value in few words; `None`: it would take many.
pub fn brief(value: &Value) -> Option<String> {
    if has_marks(value) && value.is_string() {
        return Some("a redacted value".to_owned());
    }
    let text = value.to_string();
    let short = text.chars().count() <= BRIEF && !has_marks(value);
    match value {
        _ if short => Some(text),
        Value::String(_) => Some(cut(&text)),
        Value::Array(items) => Some(format!("a list of {}", items.len())),
        Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// The end of a program's error output: for the message its last line in few words, and with the finding its last lines.
pub fn with_last_words(finding: Finding, got: &CommandGot) -> Finding {
    let lines: Vec<&str> = got.stderr.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let Some(last) = lines.last() else { return finding };
    let brief = brief(&Value::from(last.trim()));
    let message = brief.map(|last| format!("{}: {last}", finding.message)).unwrap_or(finding.message);
    let output: Vec<String> = lines[lines.len().saturating_sub(MOST_LINES)..].iter().map(|line| (*line).to_owned()).collect();
    let more = output.len() > 1 || last.chars().count() > BRIEF;
    let help = finding.help.or_else(|| more.then(|| "`-v` shows the last lines of its error output".to_owned()));
    Finding { message, help, output, ..finding }
}

/// Lines of an error output that somebody reads to see why a program failed.
const MOST_LINES: usize = 20;

/// Whether something in a value was masked or redacted.
pub fn has_marks(value: &Value) -> bool {
    let marked = |text: &str| text.contains(MASKED) || text.contains(REDACTED);
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) if marked(text) => return true,
            Value::Array(items) => open.extend(items),
            Value::Object(fields) if fields.keys().any(|key| marked(key)) => return true,
            Value::Object(fields) => open.extend(fields.values()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    false
}

/// `$channel, $package, ...` for a help line.
fn dollar_names() -> String {
    VARIABLES.iter().map(|name| format!("${name}")).collect::<Vec<_>>().join(", ")
}

/// The longest value that is told whole, in characters of JSON.
const BRIEF: usize = 80;

fn cut(text: &str) -> String {
    if text.chars().count() <= BRIEF { text.to_owned() } else { text.chars().take(BRIEF).chain("...".chars()).collect() }
}

/// The texts that a program names itself: what a hidden value may well be compared with.
fn literals(program: &str) -> Vec<String> {
    let mut literals = Vec::new();
    let mut rest = program;
    while let Some(start) = rest.find('"') {
        let body = &rest[start + 1..];
        let mut escaped = false;
        let end = body.find(|c: char| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let Some(end) = end else { break };
        // An escape the reader of JSON does not know is an interpolation; it has no one text.
        if let Ok(literal) = serde_json::from_str::<String>(&rest[start..start + end + 2]) {
            // A pattern's anchors stand for no text.
            let bare = literal.trim_start_matches('^').trim_end_matches('$').to_owned();
            literals.extend([literal, bare]);
        }
        rest = &body[end + 1..];
    }
    // What is empty is not hidden.
    literals.retain(|literal| !literal.is_empty());
    literals
}

/// The longest text that an answer can hold, in bytes, and how much text is put into one in place of what was hidden.
const LONGEST: usize = 64 * 1024;
const ROOM: usize = 16 * 1024 * 1024;

/// How long a hidden value may be, as far as a program tells one length from another: the shortest, the longest, and each number that
/// it names, with its neighbours.
fn lengths(program: &str, answer: &Value) -> impl Iterator<Item = usize> {
    let mut marks = 0;
    // Cannot fail: the closure never does.
    _ = map_strings::<()>(&mut answer.clone(), |text| {
        marks += usize::from(text.contains(MASKED) || text.contains(REDACTED));
        Ok(text.to_owned())
    });
    let longest = (ROOM / marks.max(1)).min(LONGEST);
    let numbers = program.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse::<usize>().ok());
    let near = numbers.flat_map(|number| [number.saturating_sub(1), number, number.saturating_add(1)]);
    let lengths: BTreeSet<usize> = near.filter(|length| (1..longest).contains(length)).chain([1, longest]).collect();
    lengths.into_iter()
}

/// The same answer with this text wherever something was hidden.
fn unmarked_as(answer: &Value, literal: &str) -> Value {
    let mut other = answer.clone();
    // Cannot fail: the closure never does.
    _ = map_strings::<()>(&mut other, |text| {
        let whole = text == MASKED || text == REDACTED;
        Ok(if whole { literal.to_owned() } else { text.replace(MASKED, literal).replace(REDACTED, literal) })
    });
    other
}

/// The same answer with other texts where something was hidden: all alike, or all different.
fn unmarked(answer: &Value, alike: bool) -> Value {
    let mut other = answer.clone();
    let mut count = 0;
    // Cannot fail: the closure never does.
    _ = map_strings::<()>(&mut other, |text| {
        if !text.contains(MASKED) && !text.contains(REDACTED) {
            return Ok(text.to_owned());
        }
        count += usize::from(!alike);
        let stand_in = format!("{count:->9}{}", "x".repeat(count % 64));
        Ok(text.replace(MASKED, &stand_in).replace(REDACTED, &stand_in))
    });
    other
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(program: &str, answer: Value) -> Verdict {
        let text = Spanned::new(program.to_owned(), 0..program.len());
        let expectation = Expectation::compile(&Source::new("g", program), &text).unwrap();
        expectation.check(&answer, &[json!("staging"), json!(null), json!(null), json!(null), json!({"A": "x"})])
    }

    #[test]
    fn only_one_true_holds() {
        for (program, holds) in [
            (".a == 1", true),
            (".a", false),
            (".b", true),
            (".none", false),
            ("true, true", false),
            ("empty", false),
            ("error", false),
            (".a.b", false),
            ("$channel == \"staging\" and $capture.A == \"x\" and $version == null", true),
        ] {
            assert_eq!(check(program, json!({"a": 1, "b": true})) == Verdict::Holds, holds, "{program}");
        }
    }

    #[test]
    fn only_true_and_false_are_answers() {
        for (program, undecided) in [
            (".coverage >= 70", true),
            ("(.coverage >= 70) | not", true),
            (".missing", true),
            (".coverage", true),
            (".n > 5", false),
            ("empty", false),
            (".n.b", false),
            ("error(\"x\")", false),
        ] {
            let verdict = check(program, json!({"coverage": "69%", "n": 1}));
            assert_eq!(matches!(verdict, Verdict::Undecided { .. }), undecided, "{program}: {verdict:?}");
            assert_ne!(verdict, Verdict::Holds, "{program}");
        }
    }

    #[test]
    fn a_hidden_value_may_be_what_the_program_names() {
        let answer = json!({ "password": REDACTED, "note": format!("it is {MASKED}"), "status": "ok" });
        for (program, hidden) in [
            (".password != \"changeme\"", true),
            (".password | test(\"^changeme$\") | not", true),
            (".note | contains(\"ok\") | not", true),
            (".status == \"ok\"", false),
            ("has(\"password\")", false),
        ] {
            assert_eq!(check(program, answer.clone()) == Verdict::Hidden, hidden, "{program}");
        }
    }

    #[test]
    fn what_hangs_on_a_hidden_value_is_no_verdict() {
        let answer =
            || json!({"a": REDACTED, "b": REDACTED, "c": MASKED, "d": format!("ghp_{REDACTED}"), "e": "plain", "f": {"g": [MASKED]}});
        for (program, hidden, holds) in [
            (".a == .b", true, false),
            (".a != .b", true, false),
            (".a == .c", true, false),
            (".a != .c", true, false),
            (".a | length > 10", true, false),
            (".a | test(\"redacted\")", true, false),
            ("[.a, .b] | unique | length == 1", true, false),
            (".f.g[0] == .c", true, false),
            (".d | startswith(\"ghp_\")", false, true),
            (".e == \"plain\"", false, true),
            ("has(\"a\") and .a != null", false, true),
            (".a == \"guess\"", true, false),
            ("(.a | length) >= 8", true, false),
            ("(.a | length) < 20", true, false),
            ("(.a | length) != 12", true, false),
            ("(.a | explode | length) < 200", true, false),
            ("(.a | @base64 | length) < 5000", true, false),
            (".a[20:] == \"\"", true, false),
            ("(.a | @base64 | length) >= 8", true, false),
            ("(.a | length / 1000) < 2", true, false),
            (".a != \"\"", false, true),
            ("(.a | length) > 0", false, true),
            (".e == \"other\"", false, false),
        ] {
            let verdict = check(program, answer());
            assert_eq!(verdict == Verdict::Hidden, hidden, "{program}: {verdict:?}");
            assert_eq!(verdict == Verdict::Holds, holds, "{program}: {verdict:?}");
        }
    }

    #[test]
    fn nothing_hidden_or_long_is_told() {
        let said = |program: &str, answer: Value| match check(program, answer) {
            Verdict::Broken { said, pointer } | Verdict::Undecided { said, pointer } => (said, pointer),
            other => panic!("{other:?}"),
        };
        assert_eq!(said(".a.b == 1", json!({"a": {"b": 2}})), ("`.a.b` is 2".to_owned(), Some("/a/b".to_owned())));
        assert_eq!(said(".a == $channel", json!({"a": "x"})).0, "`.a` is \"x\", `$channel` is \"staging\"");
        assert_eq!(
            said(".a == .b", json!({"a": 1})),
            ("a value that is not there (null) is compared with a number, `.a` is 1, `.b` is missing".to_owned(), None)
        );
        assert_eq!(said(". == 3", json!([1, 2])).0, "a number is compared with an array, the answer is [1,2]");
        assert_eq!(said(". == \"y\"", json!("x".repeat(500))).0, format!("the answer is \"{}...", "x".repeat(79)));
        assert_eq!(said("length == 3", json!({"a": "x".repeat(500)})).0, "it gives false");
        assert_eq!(said(".a | . + 1 == 2", json!({"a": format!("x{MASKED}")})).0, "`.a` is a redacted value, the program ends in an error");
    }
}
