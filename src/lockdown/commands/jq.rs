//! `jq`: its program must be one.

use super::judge::{Judge, Proof, Run};
use crate::text::constant::pattern;
use crate::text::query;
use regex::Regex;
use std::sync::LazyLock;

const BUILT: &str = "the jq program is put together when it runs";
const PLACEHOLDER: &str = "the jq program has a placeholder";
const BEYOND: &str = "the jq program uses what is not understood here";
const LONG: &str = "the jq program is too large to be looked at";

/// Options with the number of words that they take.
const VALUED: &[(&str, usize)] = &[
    ("--arg", 2),
    ("--argjson", 2),
    ("--slurpfile", 2),
    ("--rawfile", 2),
    ("--indent", 1),
    ("--argfile", 2),
    ("-L", 1),
    ("--library-path", 1),
];

static STANDS_FOR: LazyLock<Regex> = LazyLock::new(|| pattern(r"<[A-Za-z][A-Za-z0-9_ -]*>|\{\{|\u{2026}|\.\.\.|\bYOUR_"));

/// What jq takes and the reader of programs here does not: modules, alternative patterns, numbers that start with a point, a
/// division as the source of a fold, a pattern behind `$name:`.
static STRANGE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\?//|\b(?:import|include)\b|(?:^|[^\w)\]}\x22.])\.[0-9]|\b(?:reduce|foreach)\b[^|]*/|\$\w+\s*:"));

pub fn judge(judge: &mut Judge, run: &Run) {
    let text = &judge.text.text;
    let mut words = run.words[1..].iter();
    let mut program = None;
    // Variables that options give; `None`: one of them is known only when it runs.
    let mut variables: Option<Vec<String>> = Some(Vec::new());
    while let Some(word) = words.next() {
        let raw = word.raw(text);
        if let Some((option, count)) = VALUED.iter().find(|(option, _)| *option == raw) {
            let name = words.next();
            if *count == 2 {
                variables = variables.zip(name.and_then(|name| name.value(text))).map(|(mut names, name)| {
                    names.push(format!("${name}"));
                    names
                });
            }
            for _ in 1..*count {
                words.next();
            }
            if option.starts_with("-L") || option.starts_with("--library") {
                variables = None;
            }
        } else if raw == "--from-file" || (raw.starts_with('-') && !raw.starts_with("--") && raw.contains('f')) {
            // The program stands in a file.
            return;
        } else if !raw.starts_with('-') && program.is_none() {
            program = Some(word);
        }
    }
    let Some(program) = program else { return };
    let Some(mapped) = program.mapped(text) else { return judge.report.unsure(BUILT) };
    if mapped.text.len() > query::MAX_PROGRAM {
        return judge.report.unsure(LONG);
    }
    let tools = &judge.desk.library.tools;
    let (error, start) = match tools.query(&mapped.text) {
        Some(error) => (error, "no valid jq program: "),
        None => {
            let unknown = |names: Vec<String>| {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                tools.unknown_name(&mapped.text, &names)
            };
            match variables.filter(|_| run.program == "jq").and_then(unknown) {
                Some(error) => (error, "the jq program does not compile: "),
                None => return judge.report.checked = true,
            }
        }
    };
    if STANDS_FOR.is_match(&mapped.text) {
        return judge.report.unsure(PLACEHOLDER);
    }
    if STRANGE.is_match(&mapped.text) {
        return judge.report.unsure(BEYOND);
    }
    let at_end = error.offset >= mapped.text.trim_end().len();
    let (inner, message, help) = match unclosed(&mapped.text).filter(|_| at_end) {
        Some((at, open, comment)) => {
            let help = comment.then(|| "in jq `#` opens a comment that hides the rest of its line".to_owned());
            (at..at + 1, format!("`{open}` is never closed"), help)
        }
        None => {
            let start = floor(&mapped.text, error.offset);
            (start..floor(&mapped.text, error.offset + error.length.max(1)).max(start), error.message, None)
        }
    };
    let inner = mapped.range(&inner);
    // Behind the program there is no character to point at: its closing quote is taken.
    let inner = if inner.is_empty() { inner.start..inner.start + usize::from(program.range.end > inner.start) } else { inner };
    let range = judge.text.range(&inner);
    judge.report.blame("docs/jq-syntax", Proof::Text, range, format!("{start}{message}"), help);
}

/// The last bracket that is never closed, and whether a comment stands behind it.
fn unclosed(text: &str) -> Option<(usize, char, bool)> {
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut comment = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '(' | '[' | '{' => open.push((at, c)),
            ')' | ']' | '}' => drop(open.pop()),
            '#' => {
                comment = Some(at);
                chars.by_ref().find(|(_, c)| *c == '\n');
            }
            '"' => {
                let mut escaped = false;
                chars.by_ref().find(|(_, c)| {
                    let ends = *c == '"' && !escaped;
                    escaped = *c == '\\' && !escaped;
                    ends
                });
            }
            _ => {}
        }
    }
    open.pop().map(|(at, c)| (at, c, comment.is_some_and(|comment| comment > at)))
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
