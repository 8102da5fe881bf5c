//! What one artifact shows by itself: what it is called, whether it keeps its rail, and which values of it name other things.

use super::{Artifact, At, Input, Which, about, document};
use crate::{
    catalog::{
        document::{Document, LARGE, Library, Raw, Read},
        layout::{Kind, RailOf},
        pointer::Pointer,
        rails::Rail,
        rules::{About, Form, Rule, Selected, refs},
    },
    domain::{Finding, Place, Severity},
    text::{
        located::{MAX_BYTES, MOST_WRONG},
        near, query,
        source::Source,
    },
    tree::Unreadable,
};
use serde_json::Value;
use std::{collections::HashMap, sync::Arc};

#[derive(Default)]
pub(super) struct Seen<'a> {
    pub artifact: Option<Artifact>,
    pub is_page: bool,
    pub was_looked_at: bool,
    pub findings: Vec<Finding>,
    pub asked: Vec<Asked<'a>>,
}

/// A value that names something, or that is to be there once.
pub(super) struct Asked<'a> {
    pub rule: &'a Rule,
    /// The file that it is in, where it is in one.
    pub file: String,
    pub pointer: String,
    /// Whether it is the key at this pointer.
    pub is_key: bool,
    pub value: String,
}

/// Which artifacts are looked at now: large ones have a turn of their own, so that one of them at most is in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Small,
    Any,
}

/// `None`: it is large, and this is not its turn.
pub(super) fn look<'a>(
    input: &Input<'a>,
    library: &Library<'a>,
    pointers: &[Pointer],
    at: &At<'a>,
    turn: Turn,
) -> Result<Option<Seen<'a>>, Unreadable> {
    let read = match library.raw(at.path)? {
        None => return Ok(Some(Seen::default())),
        Some(Raw::Kept(read)) => read,
        Some(Raw::Bytes(bytes)) if bytes.len() > LARGE && bytes.len() <= MAX_BYTES && turn == Turn::Small => return Ok(None),
        Some(Raw::Bytes(bytes)) => library.made(at.path, bytes),
    };
    let mut seen = seen(input, library, pointers, at, &read)?;
    if seen.findings.len() > MOST_WRONG {
        let hidden = seen.findings.split_off(MOST_WRONG);
        seen.findings.push(too_many(at.path, hidden.iter().map(|finding| finding.severity)));
    }
    Ok(Some(seen))
}

/// That not everything that was found in a file is shown; as grave as what is hidden.
pub(super) fn too_many(path: &str, mut hidden: impl Iterator<Item = Severity>) -> Finding {
    let is_error = hidden.any(|severity| severity == Severity::Error);
    let severity = if is_error { Severity::Error } else { Severity::Warning };
    let finding = Finding::error("catalog/too-many", format!("more is wrong in this file than the {MOST_WRONG} findings that are shown"));
    Finding { severity, ..finding }.at(start(path))
}

fn seen<'a>(input: &Input<'a>, library: &Library<'a>, pointers: &[Pointer], at: &At<'a>, read: &Read) -> Result<Seen<'a>, Unreadable> {
    let is_selected = match &input.which {
        Which::Below(paths) => paths.iter().any(|path| is_below(at.path, path)),
        Which::All | Which::Changed(_) => true,
    };
    let mut seen = Seen::default();
    let Some(kind) = input.layout.kinds.get(at.kind) else { return Ok(seen) };
    let document = match read {
        Read::Document(document) => document,
        Read::NoFrontMatter(_) => {
            seen.is_page = true;
            return Ok(seen);
        }
        Read::Malformed(findings) => {
            seen.was_looked_at = is_selected;
            // It is there, so that whoever refers to it is not told otherwise.
            seen.artifact = at.id.clone().map(|id| artifact(at, kind, id, at.version.clone()));
            if is_selected {
                seen.findings.extend(findings.iter().cloned());
            }
            return Ok(seen);
        }
    };
    let mut findings = Vec::new();
    seen.artifact = identity(at, kind, document, &mut findings);
    if !is_selected {
        return Ok(seen);
    }
    seen.was_looked_at = true;
    seen.findings = findings;
    let Some(artifact) = seen.artifact.clone() else { return Ok(seen) };
    let artifact = &artifact;
    (input.each)(artifact, document);
    let Some(rail) = rail(input, kind, document, &mut seen.findings) else { return Ok(seen) };
    let is_changed = match &input.which {
        Which::Changed(paths) => artifact.is_among(paths),
        Which::All | Which::Below(_) => true,
    };
    let whole = query::Input::of(&document.located.value);
    let reduced = (kind.null_is_absent && has_null(whole.value())).then(|| without_nulls(whole.value()));
    let reduced = reduced.as_ref().map(query::Input::of);
    let value = reduced.as_ref().unwrap_or(&whole);
    if let (Some(schema), true) = (&rail.schema, is_changed) {
        broken_schema(rail, schema, document, value.value(), &mut seen.findings);
    }
    let about = about(artifact, pointers);
    for rule in &rail.rules {
        if rule.only_active && !is_active(artifact, pointers) {
            continue;
        }
        match rule.holds_for(document, value, &about) {
            Ok(true) => {}
            Ok(false) => continue,
            Err(finding) => {
                seen.findings.push(*finding);
                continue;
            }
        }
        match &rule.form {
            Form::Find(program) if is_changed => seen.findings.extend(rule.found(program, document, value, &about)),
            Form::Ranges(ranges) if is_changed => seen.findings.extend(ranges.check(rule, document)),
            Form::Text(patterns) if is_changed => {
                if patterns.files.is_empty() {
                    seen.findings.extend(patterns.check_document(rule, document));
                } else {
                    seen.findings.extend(texts(library, artifact, rule, patterns)?);
                }
            }
            Form::Find(_) | Form::Ranges(_) | Form::Text(_) => {}
            Form::Unique(unique) => match unique.each.select(document, &whole, false) {
                Ok(selected) if unique.within_kind => seen.asked.extend(asked(rule, at.path, false, selected)),
                Ok(selected) => seen.findings.extend(not_unique(rule, document, &selected)),
                Err((why, pointer)) => seen.findings.push(unclear(rule, document, &pointer, &why)),
            },
            Form::Refs(refs) => references(library, artifact, rule, refs, (document, &whole), &about, &mut seen)?,
        }
    }
    Ok(seen)
}

fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn is_active(artifact: &Artifact, pointers: &[Pointer]) -> bool {
    pointers
        .iter()
        .any(|pointer| artifact.version.is_some() && pointer.active(artifact.kind.as_str(), &artifact.id) == artifact.version.as_deref())
}

fn artifact(at: &At, kind: &Kind, id: String, version: Option<String>) -> Artifact {
    Artifact { kind: at.kind.clone(), id, version, path: at.path.to_owned(), owns_folder: kind.path.owns_folder() }
}

/// What the artifact is called: by its path, by its own words, and by both where both say it.
fn identity(at: &At, kind: &Kind, document: &Document, findings: &mut Vec<Finding>) -> Option<Artifact> {
    let mut said = |what: &str, in_path: &Option<String>, pointer: &Option<String>| -> Option<String> {
        let Some(pointer) = pointer else { return in_path.clone() };
        let Some(in_file) = document.text(pointer).filter(|text| !text.trim().is_empty() && !text.chars().any(char::is_control)) else {
            let finding = Finding::error("catalog/no-name", format!("the file does not say its {what}")).at(document.place(pointer));
            findings.push(finding.pointer(pointer.as_str()));
            return in_path.clone();
        };
        if let Some(in_path) = in_path
            && in_path != in_file
        {
            let message = format!("the {what} is `{}` here, and `{}` by the path", in_file.escape_debug(), in_path.escape_debug());
            let finding = Finding::error("catalog/not-its-path", message).at(document.place(pointer)).pointer(pointer.as_str());
            findings.push(finding.help(format!("write `{}`, or move the file", in_path.escape_debug())));
            return Some(in_path.clone());
        }
        Some(in_file.to_owned())
    };
    let id = said("id", &at.id, &kind.id);
    let version = said("version", &at.version, &kind.version);
    Some(artifact(at, kind, id?, version))
}

fn rail<'a>(input: &Input<'a>, kind: &Kind, document: &Document, findings: &mut Vec<Finding>) -> Option<&'a Rail> {
    match &kind.rail {
        RailOf::None => None,
        RailOf::Named(name) => input.rails.get(name),
        RailOf::SaidAt(pointer) => {
            let known: Vec<&str> = input.rails.names().collect();
            let Some(name) = document.text(pointer) else {
                let finding = Finding::error("catalog/unknown-rail", "the file does not name its rail").at(document.place(pointer));
                findings.push(finding.pointer(pointer.as_str()).help(near::help("", &known)));
                return None;
            };
            let rail = input.rails.get(name);
            if rail.is_none() {
                let message = format!("there is no rail `{}`", name.escape_debug());
                let finding = Finding::error("catalog/unknown-rail", message).at(document.place(pointer)).pointer(pointer.as_str());
                findings.push(finding.help(near::help(name, &known)));
            }
            rail
        }
    }
}

/// Whether some key has the value null, at any depth.
fn has_null(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.values().any(|value| value.is_null() || has_null(value)),
        Value::Array(items) => items.iter().any(has_null),
        _ => false,
    }
}

/// The same value without the keys whose value is null, at any depth.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.clone(), without_nulls(value))).collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

/// Of a table the schema is about each row.
fn broken_schema(rail: &Rail, schema: &crate::text::schema::Schema, document: &Document, value: &Value, findings: &mut Vec<Finding>) {
    let is_table = document.format == crate::catalog::document::Format::Csv;
    let rows: Vec<(String, &Value)> = match value {
        Value::Array(rows) if is_table => rows.iter().enumerate().map(|(at, row)| (format!("/{at}"), row)).collect(),
        whole => vec![(String::new(), whole)],
    };
    for (prefix, value) in rows {
        // One more than is shown says that there are more.
        let left = (MOST_WRONG + 1).saturating_sub(findings.len());
        for violation in schema.violations(value, left) {
            let pointer = format!("{prefix}{}", violation.pointer);
            let range = match violation.of_key {
                true => document.located.key_range(&pointer),
                false => None,
            };
            let place = document.source.place(range.unwrap_or_else(|| document.located.range(&pointer)));
            let message = match document.row(&pointer) {
                Some(row) => format!("row {row}: {}", violation.message),
                None => violation.message,
            };
            let finding = Finding::error("catalog/schema", message)
                .of_rule(format!("{}/{}", rail.name, violation.keyword))
                .at(place)
                .pointer(pointer);
            findings.push(violation.help.iter().fold(finding, |finding, help| finding.help(help.as_str())));
        }
    }
}

fn asked<'a>(rule: &'a Rule, file: &str, is_key: bool, selected: Vec<Selected>) -> Vec<Asked<'a>> {
    let one = |Selected { pointer, text }| Asked { rule, file: file.to_owned(), pointer, is_key, value: text };
    selected.into_iter().map(one).collect()
}

fn unclear(rule: &Rule, document: &Document, pointer: &str, why: &str) -> Finding {
    Finding { severity: Severity::Error, ..rule.finding_at(document, pointer, "catalog/undecided", why) }
}

fn not_unique(rule: &Rule, document: &Document, selected: &[Selected]) -> Vec<Finding> {
    let mut first: HashMap<&str, &str> = HashMap::new();
    let mut findings = Vec::new();
    for Selected { pointer, text } in selected {
        if let Some(other) = first.get(text.as_str()) {
            let at = document.place(other).line;
            let message = format!("`{}` is in line {at} already", text.escape_debug());
            if findings.len() > MOST_WRONG {
                break;
            }
            findings.push(rule.finding_at(document, pointer, "catalog/not-unique", message));
        } else {
            first.insert(text, pointer);
        }
    }
    findings
}

fn texts(
    library: &Library,
    artifact: &Artifact,
    rule: &Rule,
    patterns: &crate::catalog::rules::text::Patterns,
) -> Result<Vec<Finding>, Unreadable> {
    let mut findings = Vec::new();
    for path in files_of(library, artifact) {
        let name = path.strip_prefix(artifact.folder()).unwrap_or(path).trim_start_matches('/');
        if !patterns.files.iter().any(|glob| glob.is_match(name)) {
            continue;
        }
        match library.document(path)?.as_deref() {
            Some(Read::Document(document)) => findings.extend(patterns.check(rule, &document.source)),
            Some(Read::NoFrontMatter(source)) => findings.extend(patterns.check(rule, source)),
            Some(Read::Malformed(wrong)) => findings.extend(wrong.iter().cloned()),
            None => {}
        }
    }
    Ok(findings)
}

/// The files below the folder of an artifact.
fn files_of<'a>(library: &Library<'a>, artifact: &Artifact) -> impl Iterator<Item = &'a str> {
    let prefix = if artifact.folder().is_empty() { String::new() } else { format!("{}/", artifact.folder()) };
    let entries = library.entries();
    let at = entries.partition_point(|entry| entry.path.as_str() < prefix.as_str());
    entries[at..].iter().map(|entry| entry.path.as_str()).take_while(move |path| path.starts_with(&prefix))
}

fn references<'a>(
    library: &Library,
    artifact: &Artifact,
    rule: &'a Rule,
    refs: &'a refs::Refs,
    (own, own_value): (&Document, &query::Input),
    about: &About,
    seen: &mut Seen<'a>,
) -> Result<(), Unreadable> {
    let from = match &refs.from {
        None => None,
        Some(template) => match refs::own(template, about).and_then(|path| refs::from_root(artifact.folder(), &path)) {
            Some(path) if library.has(&path) => Some(path),
            _ => return Ok(()),
        },
    };
    let Some(each) = &refs.each else {
        let file = from.unwrap_or_else(|| artifact.path.clone());
        seen.asked.push(Asked { rule, file, pointer: String::new(), is_key: false, value: String::new() });
        return Ok(());
    };
    let read: Option<Arc<Read>> = match &from {
        None => None,
        Some(path) => library.document(path)?,
    };
    let other = match read.as_deref() {
        None => None,
        Some(Read::Malformed(findings)) => {
            seen.findings.extend(findings.iter().cloned());
            return Ok(());
        }
        Some(read) => document(read),
    };
    let other_value = other.map(|other| query::Input::of(&other.located.value));
    let (document, value) = (other.unwrap_or(own), other_value.as_ref().unwrap_or(own_value));
    match each.select(document, value, refs.keys) {
        Ok(selected) => seen.asked.extend(asked(rule, &document.source.file, refs.keys, selected)),
        Err((why, pointer)) => seen.findings.push(unclear(rule, document, &pointer, &why)),
    }
    Ok(())
}

/// The start of a file.
pub(super) fn start(path: &str) -> Place {
    Place { file: path.to_owned(), line: 1, column: 1, end_column: None, source: None }
}

/// The place of a value that names something.
pub(super) fn place(library: &Library, asked: &Asked) -> Result<Place, Unreadable> {
    let of = |source: &Source, range| source.place(range);
    Ok(match library.document(&asked.file)?.as_deref() {
        Some(Read::Document(document)) => {
            let key = if asked.is_key { document.located.key_range(&asked.pointer) } else { None };
            match asked.pointer.is_empty() {
                true => start(&asked.file),
                false => of(&document.source, key.unwrap_or_else(|| document.located.range(&asked.pointer))),
            }
        }
        _ => start(&asked.file),
    })
}
