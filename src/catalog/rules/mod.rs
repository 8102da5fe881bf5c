//! The rules of a rail: `gates/rails/<rail>/lint.yaml`.
//!
//! There are five forms, and each says one sort of thing; what a repository's own habit is stands in their parameters:
//!
//! | form | says |
//! |---|---|
//! | `find` | a jq program over one file prints what is wrong |
//! | `refs` | values name other things, which must be there, be active, be equal, or speak of the value ([`refs`]) |
//! | `unique` | values are not there a second time ([`unique`]) |
//! | `ranges` | rows are ranges that lie apart or inside one another ([`ranges`]) |
//! | `text` | patterns that files must or must not match ([`text`]) |
//!
//! With `when` a rule holds for some artifacts only, with `of: active` for those that a pointer file names. References are the widest
//! form: paths, names of artifacts, JSON pointers into a schema, required inputs, files that some level demands, copies that must be
//! equal, and prompts that must name the fields of a schema are all a value that is selected and a target that is written as a template.
//!
//! Deliberately absent: rules that know a format, a name or a path of somebody's repository.

pub mod ranges;
pub mod refs;
pub mod text;
pub mod unique;

use super::document::Document;
use crate::{
    domain::{Finding, Severity},
    text::{
        collect::Collector,
        located,
        query::{self, Input, Program},
        source::Source,
        yaml::{self, Spanned},
    },
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

pub(super) type Text = Spanned<String>;

/// The variables of every program: `$version` and `$active` are null where there is none.
const VARIABLES: &[&str] = &["kind", "id", "version", "active"];

/// The rules of a rail.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawLint {
    /// What must hold of every artifact of this rail.
    pub rules: Spanned<Vec<RawRule>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRule {
    /// The rule's name in findings: letters, digits, hyphens.
    pub id: Text,
    /// What to do about it, shown with every finding.
    pub help: Option<Text>,
    /// error, warning or note; error where absent.
    #[schemars(with = "Option<RawSeverity>")]
    pub severity: Option<Text>,
    /// all, or active for those artifacts only that a pointer file names; all where absent.
    #[schemars(with = "Option<RawOf>")]
    pub of: Option<Text>,
    /// A jq program over the artifact that gives true where the rule is to hold. It knows $kind, $id, $version, $active.
    pub when: Option<Text>,
    /// A jq program over the artifact that prints what is wrong: texts, or objects of message, at (a path) and help.
    pub find: Option<Text>,
    /// Values that name other things.
    pub refs: Option<refs::RawRefs>,
    /// Values that are there once.
    pub unique: Option<unique::RawUnique>,
    /// Rows that are ranges.
    pub ranges: Option<ranges::RawRanges>,
    /// Patterns over the text of files.
    pub text: Option<text::RawText>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "a list of words for the schema")]
enum RawSeverity {
    Error,
    Warning,
    Note,
}

#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "a list of words for the schema")]
enum RawOf {
    All,
    Active,
}

pub struct Rule {
    /// `<rail>/<id>`.
    pub id: String,
    pub help: Option<String>,
    pub severity: Severity,
    pub only_active: bool,
    pub when: Option<Program>,
    pub form: Form,
}

pub enum Form {
    Find(Program),
    Refs(refs::Refs),
    Unique(unique::Unique),
    Ranges(ranges::Ranges),
    Text(text::Patterns),
}

impl Rule {
    /// Whether it looks at the artifact's own file alone.
    pub fn is_local(&self) -> bool {
        match &self.form {
            Form::Find(_) | Form::Ranges(_) => true,
            Form::Text(patterns) => patterns.files.is_empty(),
            Form::Unique(unique) => !unique.within_kind,
            Form::Refs(_) => false,
        }
    }
}

/// What a program or a template may ask of an artifact.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    pub kind: &'a str,
    pub id: &'a str,
    pub version: Option<&'a str>,
    pub active: Option<&'a str>,
}

impl About<'_> {
    fn variables(&self) -> [Value; 4] {
        let or_null = |text: Option<&str>| text.map_or(Value::Null, Value::from);
        [Value::from(self.kind), Value::from(self.id), or_null(self.version), or_null(self.active)]
    }
}

/// Reads the rules of a rail, which may name artifacts of these kinds; what is wrong with them goes to `findings`.
pub(super) fn read(rail: &str, source: &Source, kinds: &[&str], findings: &mut Vec<Finding>) -> Vec<Rule> {
    let raw: RawLint = match yaml::parse(source) {
        Ok(raw) => raw,
        Err(finding) => {
            findings.push(finding);
            return Vec::new();
        }
    };
    let mut check = Collector::new(source);
    if raw.rules.is_empty() {
        check.refuse(&raw.rules, "nothing-there", "`rules` names no rule");
    }
    let mut rules: Vec<Rule> = Vec::new();
    for raw in &raw.rules.value {
        let is_name = !raw.id.is_empty() && raw.id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !is_name {
            check.refuse(
                &raw.id,
                "wrong-value",
                format!("`{}` is not the name of a rule: letters, digits, hyphens", raw.id.escape_debug()),
            );
        }
        let id = format!("{rail}/{}", raw.id.value);
        if rules.iter().any(|rule| rule.id == id) {
            check.refuse(&raw.id, "duplicate", format!("there is a rule `{}` already", raw.id.escape_debug()));
        }
        if let Some(rule) = rule(&mut check, id, raw, kinds) {
            rules.push(rule);
        }
    }
    findings.append(&mut check.findings);
    rules
}

fn rule(check: &mut Collector, id: String, raw: &RawRule, kinds: &[&str]) -> Option<Rule> {
    let severity = match &raw.severity {
        Some(word) => check.word(word, &[("error", Severity::Error), ("warning", Severity::Warning), ("note", Severity::Note)])?,
        None => Severity::Error,
    };
    let only_active = match &raw.of {
        Some(word) => check.word(word, &[("all", false), ("active", true)])?,
        None => false,
    };
    let when = match &raw.when {
        Some(when) => Some(program(check, when)?),
        None => None,
    };
    let forms = [
        ("find", raw.find.is_some()),
        ("refs", raw.refs.is_some()),
        ("unique", raw.unique.is_some()),
        ("ranges", raw.ranges.is_some()),
        ("text", raw.text.is_some()),
    ];
    if forms.iter().filter(|(_, is_there)| *is_there).count() != 1 {
        check.refuse(&raw.id, "wrong-value", "a rule has exactly one form");
        check.help("one of: find, refs, unique, ranges, text");
        return None;
    }
    let form = if let Some(find) = &raw.find {
        Form::Find(program(check, find)?)
    } else if let Some(refs) = &raw.refs {
        Form::Refs(refs::read(check, refs, kinds)?)
    } else if let Some(unique) = &raw.unique {
        Form::Unique(unique::read(check, unique)?)
    } else if let Some(ranges) = &raw.ranges {
        Form::Ranges(ranges::read(check, ranges)?)
    } else {
        Form::Text(text::read(check, raw.text.as_ref()?)?)
    };
    Some(Rule { id, help: raw.help.as_ref().map(|help| help.value.clone()), severity, only_active, when, form })
}

fn program(check: &mut Collector, text: &Text) -> Option<Program> {
    Program::compile_in(check.source, text, VARIABLES).map_err(|finding| check.findings.push(finding)).ok()
}

impl Rule {
    /// A finding of this rule.
    pub(super) fn finding(&self, code: &str, message: impl Into<String>) -> Finding {
        let finding = Finding { severity: self.severity, ..Finding::error(code, message) }.of_rule(&self.id);
        self.help.iter().fold(finding, |finding, help| finding.help(help.as_str()))
    }

    /// At a place of a document; of a table with the row as its editor counts it.
    pub(super) fn finding_at(&self, document: &Document, pointer: &str, code: &str, message: impl Into<String>) -> Finding {
        let message: String = match document.row(pointer) {
            Some(row) => format!("row {row}: {}", message.into()),
            None => message.into(),
        };
        self.finding(code, message).at(document.place(pointer)).pointer(pointer)
    }

    /// Whether it is to hold for this artifact. What cannot be decided is a finding, and never a pass.
    pub(super) fn holds_for(&self, document: &Document, value: &Input, about: &About) -> Result<bool, Box<Finding>> {
        let Some(when) = &self.when else { return Ok(true) };
        let undecided = |why: String| Box::new(self.undecided(document, &format!("`when` could not be decided: {why}")));
        match when.run_on(value, &about.variables()) {
            Ok(values) => match values.as_slice() {
                [Value::Bool(holds)] => Ok(*holds),
                _ => Err(undecided("it must give true or false, once".to_owned())),
            },
            Err(error) => Err(undecided(error.to_string())),
        }
    }

    fn undecided(&self, document: &Document, message: &str) -> Finding {
        let finding = self.finding_at(document, "", "catalog/undecided", message);
        Finding { severity: Severity::Error, ..finding }
    }

    /// What a `find` program prints.
    pub(super) fn found(&self, program: &Program, document: &Document, value: &Input, about: &About) -> Vec<Finding> {
        match program.run_on(value, &about.variables()) {
            Ok(values) => values.iter().map(|value| self.printed(document, value)).collect(),
            Err(error) => vec![self.undecided(document, &format!("the program gave no answer: {error}"))],
        }
    }

    fn printed(&self, document: &Document, value: &Value) -> Finding {
        let unclear = || self.undecided(document, "the program printed neither a text nor an object with a `message`");
        match value {
            Value::String(message) => self.finding_at(document, "", "catalog/lint", message.as_str()),
            Value::Object(members) => {
                let Some(message) = members.get("message").and_then(Value::as_str) else { return unclear() };
                let pointer = match members.get("at") {
                    None => Some(String::new()),
                    Some(Value::String(pointer)) => (pointer.is_empty() || pointer.starts_with('/')).then(|| pointer.clone()),
                    Some(Value::Array(path)) => located::pointer_of(path),
                    Some(_) => None,
                };
                let Some(pointer) = pointer else { return unclear() };
                let finding = self.finding_at(document, &pointer, "catalog/lint", message);
                match members.get("help").and_then(Value::as_str) {
                    Some(help) => finding.help(help),
                    None => finding,
                }
            }
            _ => unclear(),
        }
    }
}

/// A jq path: which parts of a file are meant. It selects, so it compares as jq does.
pub struct Selector(Program);

/// A selected part.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Selected {
    pub pointer: String,
    pub text: String,
}

impl Selector {
    pub(super) fn read(check: &mut Collector, text: &Text) -> Option<Selector> {
        // Alone first, so that nothing in it can close what is put around it.
        if let Err(error) = query::check_syntax(text) {
            check.findings.push(error.finding(check.source, text));
            return None;
        }
        let paths = Program::selecting(&format!("[path(\n{}\n)]", text.value)).ok();
        let fails = |program: &Program| {
            let shapes = [serde_json::json!(null), serde_json::json!({}), serde_json::json!([])];
            shapes.iter().any(|shape| program.run(shape, &[]).is_err_and(|error| error.to_string().contains("path expression")))
        };
        match paths.filter(|paths| !fails(paths)) {
            Some(paths) => Some(Selector(paths)),
            None => {
                if let Err(error) = Program::selecting(text) {
                    check.findings.push(error.finding(check.source, text));
                    return None;
                }
                check.refuse(text, "no-path", "this program gives values, not paths");
                check.help("write which parts are meant as a path, such as '.inputs[]'");
                None
            }
        }
    }

    /// The scalars that it selects, as they are spelled, each with its pointer; with `keys` the last key of each path instead. What is
    /// null or not there is not selected. `value`: that of the document. `Err`: words, and the pointer of what is no scalar.
    pub(super) fn select(&self, document: &Document, value: &Input, keys: bool) -> Result<Vec<Selected>, (String, String)> {
        let given = self.0.selected(value);
        let values = given.as_ref().as_ref().map_err(|error| (error.to_string(), String::new()))?;
        let paths = values.first().and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut selected = Vec::new();
        for path in paths {
            let Value::Array(path) = path else { continue };
            let Some(pointer) = located::pointer_of(path) else { continue };
            if keys {
                if let Some(Value::String(key)) = path.last() {
                    selected.push(Selected { pointer, text: key.clone() });
                }
                continue;
            }
            match document.located.value.pointer(&pointer) {
                None | Some(Value::Null) => {}
                Some(Value::Array(_) | Value::Object(_)) => return Err(("this is not a text".to_owned(), pointer)),
                Some(_) => {
                    let text = document.text(&pointer).unwrap_or_default().to_owned();
                    selected.push(Selected { pointer, text });
                }
            }
        }
        Ok(selected)
    }
}
