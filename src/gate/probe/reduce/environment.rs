//! Environments as text: `.env` files, the output of a program that prints its environment, the JSON of an endpoint.
//!
//! The accepted `.env` form is the common one: `NAME=value` a line, `export ` before it, `#` comments, single quotes
//! (literal, may span lines), double quotes (`\n`, `\r`, `\t`, `\"`, `\\`, `\$` are unescaped; may span lines). Deliberately
//! absent: expansion of `$NAME`, since a value is only ever compared, never used. Errors name a line, never its text.

use serde_json::Value;
use std::collections::BTreeMap;

/// What a source tells of one variable.
#[derive(Clone, PartialEq, Eq)]
pub enum Variable {
    Value(String),
    /// The source tells presence only.
    Presence(bool),
}

/// An environment. Has no `Debug`: it holds secrets.
pub type Variables = BTreeMap<String, Variable>;

/// Reads the output of a program or the content of a file: a JSON object, or `NAME=value` lines. A name that is given twice has
/// its last value, as a shell that reads the lines would have it.
pub fn read(text: &str) -> Result<Variables, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('{') {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("line {} is no JSON", error.line()))?;
        return read_json(&value);
    }
    read_lines(text)
}

/// Reads a JSON object: strings and numbers are values, `true` and `false` tell presence, `null` is absent.
pub fn read_json(value: &Value) -> Result<Variables, String> {
    let Value::Object(fields) = value else { return Err("the answer is no JSON object of names".to_owned()) };
    let mut variables = Variables::new();
    for (name, value) in fields {
        let variable = match value {
            Value::String(text) => Variable::Value(text.clone()),
            Value::Number(number) => Variable::Value(number.to_string()),
            Value::Bool(present) => Variable::Presence(*present),
            Value::Null => Variable::Presence(false),
            Value::Array(_) | Value::Object(_) => return Err("a name has a list or an object for its value".to_owned()),
        };
        variables.insert(name.clone(), variable);
    }
    Ok(variables)
}

fn read_lines(text: &str) -> Result<Variables, String> {
    let mut variables = Variables::new();
    let mut rest = text;
    let mut line = 1;
    while !rest.is_empty() {
        let wrong = |why: &str| format!("line {line}: {why}");
        let trimmed = rest.trim_start_matches([' ', '\t', '\r']);
        let length = if trimmed.is_empty() || trimmed.starts_with(['#', '\n']) {
            rest.find('\n').map_or(rest.len(), |end| end + 1)
        } else {
            let (name, after) = trimmed.split_once('=').filter(|(name, _)| !name.contains('\n')).ok_or_else(|| wrong("no `=`"))?;
            let name = name.trim();
            let name = name.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])).map_or(name, str::trim);
            if !crate::text::template::is_name(name) {
                return Err(wrong("what stands before `=` is no name of a variable"));
            }
            let (value, left) = read_value(after).map_err(wrong)?;
            variables.insert(name.to_owned(), Variable::Value(value));
            rest.len() - left.len()
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    Ok(variables)
}

/// The value at the start of a text, and what follows its line.
fn read_value(text: &str) -> Result<(String, &str), &'static str> {
    let text = text.trim_start_matches([' ', '\t']);
    let (value, after) = match text.chars().next() {
        Some('\'') => {
            let (value, after) = text[1..].split_once('\'').ok_or("a single quote is not closed")?;
            (value.to_owned(), after)
        }
        Some('"') => double_quoted(&text[1..]).ok_or("a double quote is not closed")?,
        _ => {
            let (line, after) = text.split_once('\n').unwrap_or((text, ""));
            let value = [" #", "\t#"].iter().filter_map(|mark| line.find(mark)).min().map_or(line, |at| &line[..at]);
            return Ok((if value.starts_with('#') { String::new() } else { value.trim().to_owned() }, after));
        }
    };
    let (line, after) = after.split_once('\n').unwrap_or((after, ""));
    let tail = line.trim();
    if tail.is_empty() || tail.starts_with('#') { Ok((value, after)) } else { Err("text follows a closing quote") }
}

fn double_quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                c @ ('"' | '\\' | '$' | '`') => value.push(c),
                c => value.extend(['\\', c]),
            },
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value<'a>(variables: &'a Variables, name: &str) -> Option<&'a str> {
        match variables.get(name) {
            Some(Variable::Value(value)) => Some(value),
            Some(Variable::Presence(_)) | None => None,
        }
    }

    #[test]
    fn lines_are_read() {
        let text = "\u{feff}# comment\n\n export A = plain value # note\r\nB='single # \n two'\nC=\"q\\\"\\n\\$x\\y\" # note\nD=\nE=a=b#c\nA=last\nF=#none\nG=end";
        let variables = read(text).unwrap_or_default();
        for (name, want) in
            [("A", "last"), ("B", "single # \n two"), ("C", "q\"\n$x\\y"), ("D", ""), ("E", "a=b#c"), ("F", ""), ("G", "end")]
        {
            assert_eq!(value(&variables, name), Some(want), "{name}");
        }
        assert_eq!(variables.len(), 7);
    }

    #[test]
    fn errors_name_the_line_and_nothing_of_it() {
        for (text, want) in [
            ("A=1\nsecret-value\n", "line 2: no `=`"),
            ("A='x\n\ny'\nB C=1", "line 4: what stands before `=` is no name of a variable"),
            ("A='x", "line 1: a single quote is not closed"),
            ("A=\"x\\\"", "line 1: a double quote is not closed"),
            ("A=\"x\" y", "line 1: text follows a closing quote"),
            ("{\"A\":\n", "line 2 is no JSON"),
            ("{\"A\": {}}", "a name has a list or an object for its value"),
        ] {
            assert_eq!(read(text).err().as_deref(), Some(want), "{text}");
        }
    }

    #[test]
    fn json_tells_values_or_presence() {
        let variables = read(r#" {"A": "x", "B": true, "C": false, "D": null, "E": 4000}"#).unwrap_or_default();
        assert!(variables["A"] == Variable::Value("x".to_owned()) && variables["B"] == Variable::Presence(true));
        assert!(variables["C"] == Variable::Presence(false) && variables["D"] == Variable::Presence(false));
        assert_eq!(value(&variables, "E"), Some("4000"));
        assert!(read_json(&Value::from(1)).is_err());
    }
}
