//! What a release asks of the store: for each artifact one row, made from its file.
//!
//! A body is what readers get without knowing formats: JSON with sorted keys for files that have a value, the text itself for others.
//! Markdown is `{"front_matter": ..., "text": ...}`. Equal values in files that are written differently are equal bodies.
//!
//! Deliberately absent: numbers that JSON readers would round. They are findings, so that nobody reads another number than was written.

use super::{KindRows, member};
use crate::{
    catalog::{
        check::Artifact,
        document::{Document, Format},
    },
    domain::{Digest, Finding, Place},
    text::located,
};
use serde_json::{Value, json};

/// What names a row within a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub kind: String,
    pub identity: String,
}

/// A row as a release asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub key: Key,
    pub version: Option<String>,
    /// Of the artifact's file, from the root.
    pub path: String,
    /// Of the body.
    pub digest: Digest,
    /// Of the part of it whose change makes a new generation.
    pub counted: Digest,
}

/// A row as a store holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub content: Content,
    pub uid: String,
    pub generation: u64,
    /// It is kept under the bucket of its key, where it is looked for when little changes.
    pub is_in_bucket: bool,
}

impl Row {
    /// A row as a store has it, under this bucket.
    pub fn found(content: Content, uid: String, generation: u64, bucket: i64) -> Row {
        let is_in_bucket = bucket == i64::from(member::bucket(&content.key));
        Row { content, uid, generation, is_in_bucket }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    pub media_type: &'static str,
    pub text: String,
}

pub const JSON: &str = "application/json";
pub const TEXT: &str = "text/plain";

/// The row of an artifact. `has_versions`: whether several versions of an id can be rows. The findings are never empty.
pub fn of(
    artifact: &Artifact,
    document: &Document,
    rows: &KindRows,
    has_versions: bool,
) -> std::result::Result<(Content, Body), Vec<Finding>> {
    let identity = match (&rows.identity, &artifact.version) {
        (Some(pointer), _) => identity(document, pointer).map_err(|finding| vec![*finding])?,
        (None, Some(version)) if has_versions => format!("{}@{version}", artifact.id),
        (None, _) => artifact.id.clone(),
    };
    let mut findings = Vec::new();
    inexact(document, &document.located.value, &mut String::new(), &mut findings);
    if !findings.is_empty() {
        return Err(findings);
    }
    let body = body(document);
    let digest = Digest::of(body.text.as_bytes());
    let counted = match &rows.generation {
        Some(pointer) => {
            let mut part = String::from("[");
            sorted(document.located.value.pointer(pointer).unwrap_or(&Value::Null), &mut part);
            part.push(',');
            quoted(text_below(document), &mut part);
            part.push(']');
            Digest::of(part.as_bytes())
        }
        None => digest.clone(),
    };
    let key = Key { kind: artifact.kind.to_string(), identity };
    Ok((Content { key, version: artifact.version.clone(), path: artifact.path.clone(), digest, counted }, body))
}

fn identity(document: &Document, pointer: &str) -> std::result::Result<String, Box<Finding>> {
    let found = document.located.value.pointer(pointer);
    let named = match found {
        Some(Value::String(text)) if !text.trim().is_empty() && !text.chars().any(char::is_control) => Some(text.clone()),
        // As it is written: `0752` is not `752`.
        Some(Value::Number(number)) if !number.is_f64() => document.text(pointer).map(str::to_owned),
        _ => None,
    };
    named.ok_or_else(|| {
        let message = format!("`{pointer}` identifies an artifact, and is not a text or a whole number here");
        Box::new(Finding::error("sync/no-identity", message).at(document.place(pointer)).pointer(pointer))
    })
}

fn body(document: &Document) -> Body {
    match document.format {
        Format::Text => Body { media_type: TEXT, text: document.source.text.clone() },
        Format::FrontMatter => {
            let mut text = String::from("{\"front_matter\":");
            sorted(&document.located.value, &mut text);
            text.push_str(",\"text\":");
            quoted(text_below(document), &mut text);
            text.push('}');
            Body { media_type: JSON, text }
        }
        Format::Json | Format::Yaml | Format::Csv => {
            let mut text = String::with_capacity(document.source.text.len());
            sorted(&document.located.value, &mut text);
            Body { media_type: JSON, text }
        }
    }
}

/// What is below the front matter.
fn text_below(document: &Document) -> &str {
    if document.format != Format::FrontMatter {
        return "";
    }
    let mut rest = document.source.text.as_str();
    for _ in 0..2 {
        let fence = rest.split_inclusive('\n').take_while(|line| line.trim_end() != "---").map(str::len).sum::<usize>();
        rest = rest.get(fence..).unwrap_or_default();
        rest = rest.split_once('\n').map_or("", |(_, below)| below);
    }
    rest
}

/// Writes a value with the keys of every object in order. No copy of it is made: there is one for every artifact.
fn sorted(value: &Value, to: &mut String) {
    match value {
        Value::Object(members) => {
            let mut ordered: Vec<(&String, &Value)> = members.iter().collect();
            ordered.sort_unstable_by_key(|(key, _)| *key);
            to.push('{');
            for (at, (key, value)) in ordered.into_iter().enumerate() {
                if at > 0 {
                    to.push(',');
                }
                quoted(key, to);
                to.push(':');
                sorted(value, to);
            }
            to.push('}');
        }
        Value::Array(items) => {
            to.push('[');
            for (at, value) in items.iter().enumerate() {
                if at > 0 {
                    to.push(',');
                }
                sorted(value, to);
            }
            to.push(']');
        }
        Value::String(text) => quoted(text, to),
        Value::Null => to.push_str("null"),
        Value::Bool(is_true) => to.push_str(if *is_true { "true" } else { "false" }),
        Value::Number(number) => to.push_str(&number.to_string()),
    }
}

/// Writes a text as JSON does.
fn quoted(text: &str, to: &mut String) {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        to.push('"');
        to.push_str(text);
        to.push('"');
    } else {
        to.push_str(&Value::from(text).to_string());
    }
}

/// Whole numbers that do not fit: they were read as the nearest fraction, or readers that know fractions alone would do so.
fn inexact(document: &Document, value: &Value, at: &mut String, findings: &mut Vec<Finding>) {
    const EXACT: u64 = 1 << 53;
    let length = at.len();
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                located::push(at, key);
                inexact(document, value, at, findings);
                at.truncate(length);
            }
        }
        Value::Array(items) => {
            for (position, value) in items.iter().enumerate() {
                located::push(at, &position.to_string());
                inexact(document, value, at, findings);
                at.truncate(length);
            }
        }
        Value::Number(number) => {
            let is_whole = || document.text(at).is_some_and(|text| !text.contains(['.', 'e', 'E', 'n', 'N']));
            let fits = match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => number <= EXACT,
                (None, Some(number)) => number.unsigned_abs() <= EXACT,
                (None, None) => !is_whole(),
            };
            if !fits {
                let finding = Finding::error("sync/inexact-number", "readers of JSON do not keep every digit of this number");
                findings.push(finding.at(document.place(at)).pointer(at.as_str()).help("put it in quotes"));
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// What identifies an artifact for as long as it is there: made from where it first appeared.
pub fn uid(key: &Key, number: u64) -> String {
    let digest = Digest::of(json!([key.kind, key.identity, number]).to_string().as_bytes());
    digest.hex()[..32].to_owned()
}

/// Sorts the rows of a release. The findings name both paths of each identity that is there twice.
pub fn sort(mut contents: Vec<Content>) -> std::result::Result<Vec<Content>, Vec<Finding>> {
    contents.sort_by(|a, b| (&a.key, &a.path).cmp(&(&b.key, &b.path)));
    let twice = contents.windows(2).filter(|pair| pair[0].key == pair[1].key).map(|pair| {
        let Key { kind, identity } = &pair[0].key;
        let message = format!("{} and {} are both `{kind}` `{}`", pair[0].path, pair[1].path, identity.escape_debug());
        let place = Place { file: pair[1].path.clone(), line: 1, column: 1, end_column: None, source: None };
        Finding::error("sync/duplicate-identity", message).at(place).help("give one of them another identity, or remove it")
    });
    let findings: Vec<Finding> = twice.collect();
    if findings.is_empty() { Ok(contents) } else { Err(findings) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::document::{self, Read};

    fn artifact(path: &str) -> Artifact {
        Artifact {
            kind: "product".parse().unwrap(),
            id: "chair".into(),
            version: Some("1.0.0".into()),
            path: path.into(),
            owns_folder: false,
        }
    }

    fn row(path: &str, text: &str, rows: &KindRows) -> std::result::Result<(Content, Body), Vec<Finding>> {
        let Read::Document(document) = document::read(path, text.as_bytes().to_vec()) else { panic!("{path}: {text}") };
        of(&artifact(path), &document, rows, false)
    }

    #[test]
    fn bodies_are_json_with_sorted_keys_or_the_text() {
        for (path, text, media_type, body) in [
            ("a.json", "{\"b\": 1, \"a\": {\"d\": 1.10, \"c\": null}}", JSON, r#"{"a":{"c":null,"d":1.1},"b":1}"#),
            ("a.yaml", "b: 1\na: '1.10'\n", JSON, r#"{"a":"1.10","b":1}"#),
            ("a.csv", "n,v\n1,2\n", JSON, r#"[{"n":"1","v":"2"}]"#),
            ("a.md", "---\nb: 1\na: 2\n---\n# T\n---\nend\n", JSON, r##"{"front_matter":{"a":2,"b":1},"text":"# T\n---\nend\n"}"##),
            ("a.md", "---\r\na: 2\r\n---", JSON, r#"{"front_matter":{"a":2},"text":""}"#),
            (
                "a.json",
                "{\"b\\\"\": \"x\\n\\u0001\\u007fé\", \"a\": [true, -1, null, {}]}",
                JSON,
                "{\"a\":[true,-1,null,{}],\"b\\\"\":\"x\\n\\u0001\u{7f}é\"}",
            ),
            ("a.txt", "as it is\n", TEXT, "as it is\n"),
        ] {
            let (_, made) = row(path, text, &KindRows::default()).unwrap();
            assert_eq!((made.media_type, made.text.as_str()), (media_type, body), "{path}");
        }
    }

    #[test]
    fn the_same_value_written_differently_is_the_same_row() {
        let one = row("a.yaml", "b: 1\na: x\n", &KindRows::default()).unwrap().0;
        let other = row("a.yaml", "# words\n{a: x, b: 1}\n", &KindRows::default()).unwrap().0;
        assert_eq!(one, other);
        assert_ne!(one.digest, row("a.yaml", "b: 2\na: x\n", &KindRows::default()).unwrap().0.digest);
    }

    #[test]
    fn identity_is_what_the_settings_say() {
        let rows = KindRows { identity: Some("/metadata/name".into()), generation: None };
        let identity =
            |text: &str| row("a.yaml", text, &rows).map(|(content, _)| content.key.identity).map_err(|found| found[0].code.clone());
        for (text, want) in [
            ("metadata: {name: lamp}", Ok("lamp")),
            ("metadata: {name: 752}", Ok("752")),
            ("metadata: {}", Err("sync/no-identity")),
            ("metadata: {name: ' '}", Err("sync/no-identity")),
            ("metadata: {name: [a]}", Err("sync/no-identity")),
            ("metadata: {name: 1.5}", Err("sync/no-identity")),
        ] {
            assert_eq!(identity(text), want.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
        assert_eq!(row("a.yaml", "a: 1", &KindRows::default()).unwrap().0.key.identity, "chair");
    }

    #[test]
    fn a_generation_counts_what_the_settings_say_and_the_text() {
        let rows = KindRows { identity: None, generation: Some("/spec".into()) };
        let counted = |text: &str| row("a.md", text, &rows).unwrap().0.counted;
        let first = counted("---\nlabels: a\nspec: {x: 1}\n---\ntext");
        assert_eq!(first, counted("---\nlabels: b\nspec: {x: 1}\n---\ntext"), "a label is no new generation");
        assert_ne!(first, counted("---\nlabels: a\nspec: {x: 2}\n---\ntext"));
        assert_ne!(first, counted("---\nlabels: a\nspec: {x: 1}\n---\nother text"));
    }

    #[test]
    fn numbers_that_readers_would_round_are_refused_at_their_place() {
        for (text, want) in [
            ("{\"a\": 9007199254740992}", None),
            ("{\"a\": 1.5e300, \"b\": -3}", None),
            ("{\"a\": [1, 9007199254740993]}", Some("/a/1")),
            ("{\"a\": -9007199254740993}", Some("/a")),
            ("{\"a\": 123456789012345678901234567890}", Some("/a")),
        ] {
            let found = row("a.json", text, &KindRows::default()).map(|_| ()).map_err(|found| found[0].pointer.clone().unwrap());
            assert_eq!(found.err().as_deref(), want, "{text}");
        }
    }

    #[test]
    fn an_identity_that_is_there_twice_names_both_paths() {
        let content = |path: &str| row(path, "a: 1", &KindRows::default()).unwrap().0;
        let findings = sort(vec![content("b/chair.yaml"), content("a/chair.yaml")]).unwrap_err();
        assert_eq!(findings[0].message, "a/chair.yaml and b/chair.yaml are both `product` `chair`");
    }
}
