//! The pointer file: which version of each artifact is active. Read, and rewritten in place.
//!
//! It is JSON: `{id: version}`, or `{kind: {id: version}}`. Keys that start with `$` or `_` are not entries. Ids and versions are text
//! and are never taken apart: `1.10` is not `1.1`, and an id may contain dots. A key that is there twice is an error.
//!
//! A change is made in the text itself: everything else keeps its bytes, so that a new version of an entry is one line of the diff, and a
//! new entry one line and perhaps the comma above it.
//!
//! Deliberately absent: whether a change is right, and who may make it.

use super::layout::Shape;
use crate::{
    domain::{Finding, Place},
    text::{
        json,
        located::{self, Located, Malformed, What},
        source::Source,
    },
    tree::{EntryKind, Tree, Unreadable},
};
use serde_json::Value;
use std::{collections::HashMap, ops::Range};

/// A pointer file as it was read.
#[derive(Clone, Debug)]
pub struct Pointer {
    pub source: Source,
    pub located: Located,
    pub shape: Shape,
    entries: Vec<Entry>,
    /// The entries of each id.
    by_id: HashMap<String, Vec<usize>>,
}

/// One active version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `None` in a flat file.
    pub kind: Option<String>,
    pub id: String,
    pub version: String,
}

impl Entry {
    /// The JSON pointer to the version.
    pub fn pointer(&self) -> String {
        let mut pointer = String::new();
        self.kind.iter().for_each(|kind| located::push(&mut pointer, kind));
        located::push(&mut pointer, &self.id);
        pointer
    }
}

/// One change of a pointer file: `to` is the new version; `None` takes the entry out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub kind: Option<String>,
    pub id: String,
    pub to: Option<String>,
}

impl Pointer {
    /// The findings are never empty.
    pub fn read(source: Source, shape: Shape) -> Result<Pointer, Vec<Finding>> {
        let located = json::read(&source).map_err(|errors| errors.iter().map(|error| malformed(&source, error)).collect::<Vec<_>>())?;
        let mut findings = Vec::new();
        let mut entries = Vec::new();
        match (&located.value, shape) {
            (Value::Object(members), Shape::Flat) => {
                for (id, version) in members.iter().filter(|(key, _)| is_entry(key)) {
                    read_entry(
                        &source,
                        &located,
                        Entry { kind: None, id: id.clone(), version: String::new() },
                        version,
                        &mut entries,
                        &mut findings,
                    );
                }
            }
            (Value::Object(groups), Shape::Grouped) => {
                for (kind, group) in groups.iter().filter(|(key, _)| is_entry(key)) {
                    let Value::Object(members) = group else {
                        let mut pointer = String::new();
                        located::push(&mut pointer, kind);
                        let message = format!("`{}` is not a group of entries", kind.escape_debug());
                        let finding = shape_finding(&source, &located, &pointer, message);
                        findings.push(finding.help("`shape: grouped` reads {kind: {id: version}}, `shape: flat` reads {id: version}"));
                        continue;
                    };
                    for (id, version) in members.iter().filter(|(key, _)| is_entry(key)) {
                        let entry = Entry { kind: Some(kind.clone()), id: id.clone(), version: String::new() };
                        read_entry(&source, &located, entry, version, &mut entries, &mut findings);
                    }
                }
            }
            _ => findings.push(shape_finding(&source, &located, "", "a pointer file is a JSON object".to_owned())),
        }
        match findings.is_empty() {
            true => {
                let mut by_id: HashMap<String, Vec<usize>> = HashMap::new();
                entries.iter().enumerate().for_each(|(at, entry)| by_id.entry(entry.id.clone()).or_default().push(at));
                Ok(Pointer { source, located, shape, entries, by_id })
            }
            false => Err(findings),
        }
    }

    /// In the order of the file.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The active version of an artifact. In a flat file the id decides alone, so it says nothing of ids that several kinds have.
    pub fn active(&self, kind: &str, id: &str) -> Option<&str> {
        let mut of_id = self.by_id.get(id)?.iter().map(|at| &self.entries[*at]);
        let entry = of_id.find(|entry| entry.kind.as_deref().is_none_or(|of| of == kind));
        entry.map(|entry| entry.version.as_str())
    }

    /// The file after a whole set of changes, one after the other. `Err`: the first that cannot be made, in words.
    pub fn with(&self, changes: &[Change]) -> Result<Pointer, String> {
        changes.iter().try_fold(self.clone(), |pointer, change| {
            let text = pointer.changed(change)?;
            let first = |findings: Vec<Finding>| findings.into_iter().next().map_or_else(String::new, |finding| finding.message);
            Pointer::read(Source::new(pointer.source.file.as_str(), text), pointer.shape).map_err(first)
        })
    }

    fn changed(&self, change: &Change) -> Result<String, String> {
        if !is_entry(&change.id) || change.kind.as_deref().is_some_and(|kind| !is_entry(kind)) {
            return Err(format!("`{}` is not the name of an entry", change.id.escape_debug()));
        }
        if change.kind.is_some() != (self.shape == Shape::Grouped) {
            return Err("an entry has a kind in a grouped pointer file, and only there".to_owned());
        }
        let entry = Entry { kind: change.kind.clone(), id: change.id.clone(), version: String::new() };
        let pointer = entry.pointer();
        let is_there = self.located.value.pointer(&pointer).is_some();
        match (&change.to, is_there) {
            (Some(version), true) => Ok(self.spliced(self.located.range(&pointer), &quoted(version))),
            (Some(version), false) => Ok(self.added(&entry, version)),
            (None, true) => Ok(self.removed(&pointer)),
            (None, false) => Err(format!("`{}` is not in the pointer file", change.id.escape_debug())),
        }
    }

    fn spliced(&self, range: Range<usize>, with: &str) -> String {
        let mut text = self.source.text.clone();
        text.replace_range(range, with);
        text
    }

    fn added(&self, entry: &Entry, version: &str) -> String {
        let member = |indent: &str| format!("{indent}{}: {}", quoted(&entry.id), quoted(version));
        let group = entry.kind.as_ref().map(|kind| {
            let mut pointer = String::new();
            located::push(&mut pointer, kind);
            pointer
        });
        match group {
            Some(group) if self.located.value.pointer(&group).is_none() => {
                let kind = entry.kind.as_deref().unwrap_or_default();
                let (unit, end) = (self.indent_unit(), self.line_end());
                let body = match self.is_multiline("") {
                    true => format!("{}: {{{end}{unit}{unit}{}{end}{unit}}}", quoted(kind), member("").trim_start()),
                    false => format!("{}: {{{}}}", quoted(kind), member("")),
                };
                self.with_member("", kind, &body)
            }
            group => self.with_member(&group.unwrap_or_default(), &entry.id, &member("")),
        }
    }

    /// The text with one more member of the object at this pointer: where its key sorts where the keys are sorted, else behind the last
    /// entry.
    fn with_member(&self, object: &str, key: &str, member: &str) -> String {
        let range = self.located.range(object);
        let keys: Vec<&String> =
            self.located.value.pointer(object).and_then(Value::as_object).into_iter().flatten().map(|(key, _)| key).collect();
        let depth = object.matches('/').count();
        let (unit, end) = (self.indent_unit(), self.line_end());
        let entries: Vec<&String> = keys.iter().copied().filter(|key| is_entry(key)).collect();
        let at = |key: &str| {
            let mut pointer = object.to_owned();
            located::push(&mut pointer, key);
            pointer
        };
        let behind = entries.iter().find(|other| other.as_str() > key).filter(|_| entries.is_sorted());
        if let Some(key) = behind.and_then(|key| self.located.key_range(&at(key))) {
            return self.spliced(key.start..key.start, &format!("{member}{}", self.separator(key.start)));
        }
        let Some(last) = entries.last().or(keys.last()).map(|key| at(key)) else {
            let body = match self.is_multiline("") {
                true => format!("{{{end}{}{member}{end}{}}}", unit.repeat(depth + 1), unit.repeat(depth)),
                false => format!("{{{member}}}"),
            };
            return self.spliced(range, &body);
        };
        let value = self.located.range(&last);
        let key = self.located.key_range(&last).unwrap_or(value.clone());
        self.spliced(value.end..value.end, &format!("{}{member}", self.separator(key.start)))
    }

    /// What is between two members, of which one begins here: a line of its own for each, where this one has that.
    fn separator(&self, key: usize) -> String {
        let text = &self.source.text;
        let line_start = text[..key].rfind('\n').map_or(0, |at| at + 1);
        let indent = &text[line_start..key];
        if indent.trim().is_empty() && line_start > 0 { format!(",{}{indent}", self.line_end()) } else { ", ".to_owned() }
    }

    fn line_end(&self) -> &'static str {
        if self.source.text.contains("\r\n") { "\r\n" } else { "\n" }
    }

    fn removed(&self, pointer: &str) -> String {
        let text = &self.source.text;
        let value = self.located.range(pointer);
        let key = self.located.key_range(pointer).unwrap_or(value.clone());
        let behind = &text[value.end..];
        let comma = behind.len() - behind.trim_start().len();
        if behind[comma..].starts_with(',') {
            // With the white space up to the next member, which takes its place.
            let rest = &behind[comma + 1..];
            let end = value.end + comma + 1 + (rest.len() - rest.trim_start().len());
            return self.spliced(key.start..end, "");
        }
        let before = text[..key.start].trim_end();
        match before.ends_with(',') {
            true => self.spliced(before.len() - 1..value.end, ""),
            // It was the only one.
            false => self.spliced(before.len()..value.end + comma, ""),
        }
    }

    fn is_multiline(&self, object: &str) -> bool {
        self.source.text.get(self.located.range(object)).is_some_and(|text| text.contains('\n')) || self.source.text.trim() == "{}"
    }

    /// What one level is indented by: as the first key of the file is.
    fn indent_unit(&self) -> String {
        let text = &self.source.text;
        let first = self.located.value.as_object().and_then(|members| members.keys().next()).and_then(|key| {
            let mut pointer = String::new();
            located::push(&mut pointer, key);
            self.located.key_range(&pointer)
        });
        let indent = first.map(|key| &text[text[..key.start].rfind('\n').map_or(0, |at| at + 1)..key.start]);
        indent.filter(|indent| !indent.is_empty() && indent.trim().is_empty()).unwrap_or("  ").to_owned()
    }
}

/// Why what is at the path of a pointer file is no file that can be read; `None`: it is one, or nothing is there.
pub fn not_a_file(tree: &dyn Tree, file: &str) -> Result<Option<Finding>, Unreadable> {
    let entries = tree.entries()?;
    let below = format!("{file}/");
    let first = entries.partition_point(|entry| entry.path.as_str() < below.as_str());
    let is_folder = entries.get(first).is_some_and(|entry| entry.path.starts_with(&below));
    let kind = entries.binary_search_by(|entry| entry.path.as_str().cmp(file)).ok().map(|at| entries[at].kind);
    let what = match kind {
        Some(EntryKind::Symlink) => ("catalog/link", "is a symbolic link, which is not followed"),
        Some(EntryKind::File | EntryKind::Executable) => return Ok(None),
        // A work tree has a folder as both where git knows a file of that name.
        _ if is_folder => ("catalog/no-pointer", "is a folder, and not a file"),
        Some(EntryKind::Submodule) => ("catalog/link", "is a submodule, and not a file"),
        None => return Ok(None),
    };
    let place = Place { file: file.to_owned(), line: 1, column: 1, end_column: None, source: None };
    let finding = Finding::error(what.0, format!("the pointer file {file} {}", what.1)).at(place);
    Ok(Some(finding.help("commit the file itself; `{}` is one that activates nothing")))
}

/// Keys that start with `$` or `_` belong to tools and people.
fn is_entry(key: &str) -> bool {
    !key.is_empty() && !key.starts_with(['$', '_'])
}

fn read_entry(source: &Source, located: &Located, entry: Entry, version: &Value, entries: &mut Vec<Entry>, findings: &mut Vec<Finding>) {
    let pointer = entry.pointer();
    match version {
        Value::String(version) if !version.trim().is_empty() && !version.chars().any(char::is_control) => {
            entries.push(Entry { version: version.clone(), ..entry });
        }
        _ => {
            let message = format!("the version of `{}` is not text", entry.id.escape_debug());
            let spelled = located.spelled(source, &pointer).filter(|_| version.is_number());
            let finding = shape_finding(source, located, &pointer, message);
            findings.push(match spelled {
                Some(spelled) => finding.help(format!("put it in quotes: \"{spelled}\"")),
                None => finding.help("write the version in quotes; an entry that is not active is left out"),
            });
        }
    }
}

fn shape_finding(source: &Source, located: &Located, pointer: &str, message: String) -> Finding {
    Finding::error("catalog/pointer-shape", message).at(source.place(located.range(pointer))).pointer(pointer)
}

/// What is wrong with a text, as a finding.
pub(super) fn malformed(source: &Source, error: &Malformed) -> Finding {
    let code = match error.what {
        What::Syntax => "catalog/syntax",
        What::DuplicateKey => "catalog/duplicate-key",
        What::TooDeep => "catalog/too-deep",
        What::TooLarge => "catalog/too-large",
    };
    Finding::error(code, error.message.clone()).at(source.place(error.at.clone()))
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn of(text: &str, shape: Shape) -> Result<Pointer, Vec<Finding>> {
        Pointer::read(Source::new("active.json", text), shape)
    }

    fn change(kind: Option<&str>, id: &str, to: Option<&str>) -> Change {
        Change { kind: kind.map(str::to_owned), id: id.to_owned(), to: to.map(str::to_owned) }
    }

    #[test]
    fn entries_are_text_and_tools_have_their_own_keys() {
        let grouped = of(
            r#"{"$schema": "s.json", "_comment": "c", "prompt": {"a.v1": "1.10", "_x": "y"}, "table": {"a.v1": "0752", "b": "1e10"}}"#,
            Shape::Grouped,
        )
        .unwrap();
        assert_eq!((grouped.active("prompt", "a.v1"), grouped.active("table", "a.v1")), (Some("1.10"), Some("0752")));
        assert_eq!((grouped.active("table", "b"), grouped.active("prompt", "b")), (Some("1e10"), None));
        assert_eq!(grouped.entries().len(), 3);
        let flat = of(r#"{"a.v1": "no", "$schema": 3}"#, Shape::Flat).unwrap();
        assert_eq!((flat.active("any", "a.v1"), flat.entries().len()), (Some("no"), 1));
    }

    #[test]
    fn what_is_not_a_pointer_file_is_refused_with_its_place() {
        for (text, shape, code, column) in [
            (r#"{"a": "1", "a": "2"}"#, Shape::Flat, "catalog/duplicate-key", 12),
            (r#"{"k": {"a": "1", "a": "2"}}"#, Shape::Grouped, "catalog/duplicate-key", 18),
            (r#"{"a": 1.10}"#, Shape::Flat, "catalog/pointer-shape", 7),
            (r#"{"a": null}"#, Shape::Flat, "catalog/pointer-shape", 7),
            (r#"{"a": " "}"#, Shape::Flat, "catalog/pointer-shape", 7),
            (r#"{"k": {"a": "1"}}"#, Shape::Flat, "catalog/pointer-shape", 7),
            (r#"{"a": "1"}"#, Shape::Grouped, "catalog/pointer-shape", 7),
            ("[]", Shape::Flat, "catalog/pointer-shape", 1),
            ("{", Shape::Flat, "catalog/syntax", 2),
        ] {
            let findings = of(text, shape).unwrap_err();
            let place = findings[0].place.as_ref().unwrap();
            assert_eq!((findings[0].code.as_str(), place.column), (code, column), "{text}");
        }
        let number = of(r#"{"a": 1.10}"#, Shape::Flat).unwrap_err();
        assert_eq!(number[0].help.as_deref(), Some("put it in quotes: \"1.10\""));
    }

    #[test]
    fn changes_keep_everything_else() {
        let grouped = "{\n  \"$schema\": \"x\",\n  \"doc\": {\n    \"a\": \"1.0.0\",\n    \"c\": \"1.0.0\"\n  },\n  \"empty\": {}\n}\n";
        for (text, shape, change, want) in [
            (grouped, Shape::Grouped, change(Some("doc"), "a", Some("1.10")), grouped.replace("\"a\": \"1.0.0\"", "\"a\": \"1.10\"")),
            (grouped, Shape::Grouped, change(Some("doc"), "b", Some("2")), grouped.replace("    \"c\"", "    \"b\": \"2\",\n    \"c\"")),
            (
                grouped,
                Shape::Grouped,
                change(Some("doc"), "z.v1", Some("2")),
                grouped.replace("\"c\": \"1.0.0\"", "\"c\": \"1.0.0\",\n    \"z.v1\": \"2\""),
            ),
            (
                &grouped.replace('\n', "\r\n"),
                Shape::Grouped,
                change(Some("doc"), "z.v1", Some("2")),
                grouped.replace("\"c\": \"1.0.0\"", "\"c\": \"1.0.0\",\n    \"z.v1\": \"2\"").replace('\n', "\r\n"),
            ),
            (
                &grouped.replace('\n', "\r\n"),
                Shape::Grouped,
                change(Some("aaa"), "n", Some("1")),
                grouped.replace("  \"doc\"", "  \"aaa\": {\n    \"n\": \"1\"\n  },\n  \"doc\"").replace('\n', "\r\n"),
            ),
            ("{\r\n}\r\n", Shape::Flat, change(None, "a", Some("1")), "{\r\n  \"a\": \"1\"\r\n}\r\n".to_owned()),
            // Sorted keys stay sorted; others, and those of tools behind them, stay where they are.
            (
                "{\"a\":\"1\", \"c\":\"1\"}",
                Shape::Flat,
                change(None, "b", Some("2")),
                "{\"a\":\"1\", \"b\": \"2\", \"c\":\"1\"}".to_owned(),
            ),
            (
                "{\"c\":\"1\", \"a\":\"1\"}",
                Shape::Flat,
                change(None, "b", Some("2")),
                "{\"c\":\"1\", \"a\":\"1\", \"b\": \"2\"}".to_owned(),
            ),
            (
                "{\n  \"a\": \"1\",\n  \"_c\": 3\n}",
                Shape::Flat,
                change(None, "b", Some("2")),
                "{\n  \"a\": \"1\",\n  \"b\": \"2\",\n  \"_c\": 3\n}".to_owned(),
            ),
            (grouped, Shape::Grouped, change(Some("doc"), "a", None), grouped.replace("    \"a\": \"1.0.0\",\n", "")),
            (grouped, Shape::Grouped, change(Some("doc"), "c", None), grouped.replace(",\n    \"c\": \"1.0.0\"", "")),
            (grouped, Shape::Grouped, change(Some("empty"), "n", Some("1")), grouped.replace("{}", "{\n    \"n\": \"1\"\n  }")),
            (
                grouped,
                Shape::Grouped,
                change(Some("new"), "n", Some("1")),
                grouped.replace("\"empty\": {}", "\"empty\": {},\n  \"new\": {\n    \"n\": \"1\"\n  }"),
            ),
            ("{}\n", Shape::Flat, change(None, "a", Some("1")), "{\n  \"a\": \"1\"\n}\n".to_owned()),
            ("{\"a\":\"1\"}", Shape::Flat, change(None, "b", Some("2")), "{\"a\":\"1\", \"b\": \"2\"}".to_owned()),
            ("{\n\t\"a\": \"1\"\n}", Shape::Flat, change(None, "b", Some("2")), "{\n\t\"a\": \"1\",\n\t\"b\": \"2\"\n}".to_owned()),
            ("{\n\t\"a\": \"1\"\n}", Shape::Flat, change(None, "a", None), "{}".to_owned()),
        ] {
            let changed = of(text, shape).unwrap().with(std::slice::from_ref(&change)).unwrap();
            assert_eq!(changed.source.text, want, "{change:?}");
        }
    }

    #[test]
    fn changes_that_cannot_be_made_are_refused() {
        let flat = of("{\"a\": \"1\"}", Shape::Flat).unwrap();
        for change in
            [change(None, "b", None), change(None, "$schema", Some("1")), change(Some("k"), "a", Some("1")), change(None, "a", Some(""))]
        {
            assert!(flat.with(std::slice::from_ref(&change)).is_err(), "{change:?}");
        }
    }

    fn lines_changed(before: &str, after: &str) -> usize {
        let diff = similar::TextDiff::from_lines(before, after);
        let changes = diff.iter_all_changes().filter(|change| change.tag() != similar::ChangeTag::Equal);
        let mut count = [0usize; 2];
        changes.for_each(|change| count[usize::from(change.tag() == similar::ChangeTag::Insert)] += 1);
        count[0].max(count[1])
    }

    proptest! {
        #[test]
        fn any_change_gives_the_map_that_it_says_and_a_small_diff(
            groups in prop::collection::btree_map("[a-z]{1,4}", prop::collection::btree_map("[a-z.\"é]{1,4}", "[0-9a-z.]{1,6}", 1..5), 1..4),
            indent in prop::sample::select(vec!["  ", "    ", "\t"]),
            ends in any::<bool>(),
            at in any::<prop::sample::Index>(),
            id in "[a-z.\"é]{1,4}",
            version in "[0-9]\\.[0-9]{1,2}",
        ) {
            let mut text = String::from("{");
            for (number, (kind, group)) in groups.iter().enumerate() {
                let comma = if number == 0 { "" } else { "," };
                text.push_str(&format!("{comma}\n{indent}{}: {{", quoted(kind)));
                for (number, (id, version)) in group.iter().rev().enumerate() {
                    let comma = if number == 0 { "" } else { "," };
                    text.push_str(&format!("{comma}\n{indent}{indent}{}: {}", quoted(id), quoted(version)));
                }
                text.push_str(&format!("\n{indent}}}"));
            }
            text.push_str("\n}");
            if ends { text.push('\n'); }
            let pointer = of(&text, Shape::Grouped).unwrap();
            let kind = groups.keys().nth(at.index(groups.len())).unwrap().clone();
            let map = |pointer: &Pointer| -> BTreeMap<(Option<String>, String), String> {
                pointer.entries().iter().map(|entry| ((entry.kind.clone(), entry.id.clone()), entry.version.clone())).collect()
            };
            let set = pointer.with(&[Change { kind: Some(kind.clone()), id: id.clone(), to: Some(version.clone()) }]).unwrap();
            let mut want = map(&pointer);
            want.insert((Some(kind.clone()), id.clone()), version);
            prop_assert_eq!(map(&set), want);
            // A new entry behind the last one gives that a comma.
            let most = if groups[&kind].contains_key(&id) { 1 } else { 2 };
            prop_assert!(lines_changed(&text, &set.source.text) <= most, "{}\n{}", text, set.source.text);
            let gone = set.with(&[Change { kind: Some(kind.clone()), id: id.clone(), to: None }]).unwrap();
            let mut want = map(&pointer);
            want.remove(&(Some(kind), id));
            prop_assert_eq!(map(&gone), want);
            prop_assert_eq!(gone.source.text.ends_with('\n'), ends);
        }
    }
}
