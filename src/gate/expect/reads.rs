//! Which fields of its input a jq program reads, as far as its text shows at a glance: for explaining, never for judging.
//!
//! Only paths that start at the program's input are taken: not those behind a pipe, nor those inside the arguments of a
//! function, where `.` is something else. What is not recognised is left out.

use super::brief;
use serde_json::Value;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reads {
    pub paths: Vec<Path>,
    /// Names of `$variables`, without the `$`.
    pub variables: Vec<String>,
}

/// A path from the root of the answer, and its spelling in the program.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    At(usize),
}

impl Path {
    /// What the answer says at this path.
    pub fn said_by(&self, answer: &Value) -> String {
        let found = self.steps.iter().try_fold(answer, |value, step| match step {
            Step::Key(key) => value.get(key),
            Step::At(at) => value.get(at),
        });
        match found {
            None => format!("`{}` is missing", self.text),
            Some(value) => match brief(value) {
                Some(said) => format!("`{}` is {said}", self.text),
                None => format!("`{}` is there", self.text),
            },
        }
    }

    /// As a JSON pointer (RFC 6901).
    pub fn pointer(&self) -> String {
        let step = |step: &Step| match step {
            Step::Key(key) => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Step::At(at) => format!("/{at}"),
        };
        self.steps.iter().map(step).collect()
    }
}

/// At most this many paths are told.
const MOST: usize = 4;

pub(super) fn of(program: &str) -> Reads {
    let mut reads = Reads::default();
    // For each open bracket: whether `.` is still the program's input.
    let mut at_root = vec![true];
    let mut bound = false;
    let mut rest = program;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let mut length = c.len_utf8();
        let root = at_root.last().copied().unwrap_or(false);
        match c {
            '"' => length = string_end(rest),
            '#' => length = rest.find('\n').unwrap_or(rest.len()),
            // The brackets of a call hide what `.` is inside; those of a group, a list or an object do not.
            '(' => at_root.push(root && !is_word(before)),
            '[' | '{' => at_root.push(root),
            ')' | ']' | '}' => _ = at_root.pop(),
            '|' if !bound => at_root.last_mut().into_iter().for_each(|root| *root = false),
            '|' => bound = false,
            '$' => {
                let name = word(&rest[1..]);
                length += name.len();
                if !reads.variables.iter().any(|known| known == name) {
                    reads.variables.push(name.to_owned());
                }
            }
            '.' if !is_word(before) && !matches!(before, ')' | ']' | '}' | '"' | '.' | '?') => {
                let (steps, taken) = steps(rest);
                if root && !steps.is_empty() {
                    let path = Path { text: rest[..taken].to_owned(), steps };
                    if !reads.paths.contains(&path) && reads.paths.len() < MOST {
                        reads.paths.push(path);
                    }
                }
                length = taken.max(1);
            }
            _ if is_word(c) => {
                let word = word(rest);
                length = word.len().max(1);
                bound |= word == "as";
            }
            _ => {}
        }
        before = rest[..length].chars().next_back().unwrap_or(c);
        rest = &rest[length..];
    }
    reads
}

/// The steps at the start of a text that starts with a dot, and how many bytes they take.
fn steps(text: &str) -> (Vec<Step>, usize) {
    let mut steps = Vec::new();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let (step, length) = if let Some(after) = rest.strip_prefix('.') {
            if after.starts_with('"') {
                quoted(after).map_or((None, 0), |(key, length)| (Some(Step::Key(key)), length + 1))
            } else if after.starts_with('[') && at == 0 {
                // `.["key"]`, `.[0]`: the bracket is the step.
                at = 1;
                continue;
            } else {
                let name = word(after);
                let lawful = !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit());
                (lawful.then(|| Step::Key(name.to_owned())), name.len() + 1)
            }
        } else if let Some(after) = rest.strip_prefix('[') {
            let inner = after.split_once(']').map_or("", |(inner, _)| inner);
            match quoted(after).filter(|(_, length)| after[*length..].starts_with(']')) {
                Some((key, length)) => (Some(Step::Key(key)), length + 2),
                None => (inner.parse().ok().map(Step::At), inner.len() + 2),
            }
        } else {
            (None, 0)
        };
        let Some(step) = step else { break };
        steps.push(step);
        at += length;
    }
    (steps, at)
}

/// A string literal without interpolation at the start of a text: its value and its length with the quotes.
fn quoted(text: &str) -> Option<(String, usize)> {
    let end = text.starts_with('"').then(|| string_end(text))?;
    serde_json::from_str(text.get(..end)?).ok().map(|value| (value, end))
}

/// Where the string literal at the start of a text ends.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            _ => escaped = c == '\\' && !escaped,
        }
    }
    text.len()
}

fn word(text: &str) -> &str {
    &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())]
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_from_the_root_are_found() {
        for (program, paths, variables) in [
            (".status == \"ok\"", vec!["/status"], vec![]),
            (".runtime_channel == $channel", vec!["/runtime_channel"], vec!["channel"]),
            (".config.clerk.mode == \".x\" # .y", vec!["/config/clerk/mode"], vec![]),
            (".keys | length > 0", vec!["/keys"], vec![]),
            (".keys[0].kid == $capture.KID", vec!["/keys/0/kid"], vec!["capture"]),
            (".keys[] | .kid != null", vec!["/keys"], vec![]),
            ("all(.keys[]; .kid)", vec![], vec![]),
            ("[.subsystems[] | select(.present | not)] == []", vec!["/subsystems"], vec![]),
            (".a as $x | .b == $x", vec!["/a", "/b"], vec!["x"]),
            (".[\"a-b\"].\"c/d\" and (.e | .f)", vec!["/a-b/c~1d", "/e"], vec![]),
            (".x? // false", vec!["/x"], vec![]),
            ("1.5 > .5 and .. == .", vec![], vec![]),
            ("\"a \\\" .b\" == .c", vec!["/c"], vec![]),
        ] {
            let reads = of(program);
            assert_eq!(reads.paths.iter().map(Path::pointer).collect::<Vec<_>>(), paths, "{program}");
            assert_eq!(reads.variables, variables, "{program}");
        }
    }

    #[test]
    fn odd_programs_end() {
        for program in ["", ".", "[", ".[", ".[\"", "\"\\", ".\"a", ".[0", ".[]", ".a[\"b\"", ")))].a", "é.é", "$", ". [ 0 ]"] {
            of(program);
        }
    }

    #[test]
    fn answers_are_told_briefly() {
        let answer = json!({"a": "x", "b": null, "c": [1, 2], "d": {"e": "y".repeat(200)}, "f": "[redacted]", "g": "z".repeat(100)});
        let said: Vec<String> = [".a", ".b", ".c", ".d", ".f", ".g", ".h", ".a.b"]
            .iter()
            .flat_map(|program| of(program).paths)
            .map(|path| path.said_by(&answer))
            .collect();
        let cut = format!("`.g` is \"{}...", "z".repeat(79));
        let want = [
            "`.a` is \"x\"",
            "`.b` is null",
            "`.c` is [1,2]",
            "`.d` is there",
            "`.f` is a redacted value",
            &cut,
            "`.h` is missing",
            "`.a.b` is missing",
        ];
        assert_eq!(said, want);
    }
}
