//! What differs between two trees: by kind and id, with the changes inside of the files.
//!
//! Either what is active on each side is compared, one version of each id, or every artifact with the one of the same name. Structured files
//! are compared value by value, at JSON pointers; what looks like a secret is told without its value. Rows of a table are the same row where a
//! rule of the rail says that a column is unique and the column has the same text, else where they have the same position. Of other files, and
//! where only spelling differs, the changed lines are told.
//!
//! Deliberately absent: moves. What was renamed was removed and added; the order of rows with keys is not compared.

use super::{
    check::Artifact,
    document::{self, Document, Format, Read},
    layout::{Layout, RailOf},
    pointer::Pointer,
    rails::Rails,
    rules::Form,
};
use crate::{
    domain::Digest,
    gate::probe::reduce::secrets::{REDACTED, redact_json, redact_text},
    text::{located, query::Input},
    tree::{EntryKind, Tree, Unreadable},
};
use serde::Serialize;
use serde_json::Value;
use similar::{Algorithm, DiffOp, capture_diff_slices};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Lists and texts with more parts than this on both sides together are compared by position, or as a whole.
const MOST: usize = 20_000;

/// One side of a comparison.
pub struct Side<'a> {
    pub tree: &'a dyn Tree,
    /// Every artifact of the tree.
    pub artifacts: Vec<Artifact>,
    /// What is active; `None`: every artifact is meant.
    pub active: Option<Pointer>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The kind.
    pub class: String,
    pub id: String,
    pub change: What,
    /// The version on either side.
    pub from: Option<String>,
    pub to: Option<String>,
    pub fields: Vec<Field>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    Added,
    Removed,
    Changed,
}

/// One change inside an artifact.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Field {
    /// The file, relative to the artifact's folder; `None`: the artifact's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Where it is on the side that has it, else where it was.
    pub pointer: String,
    /// What the row is called, where rows have keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The line of a text, from 1, on the side that has it, else where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Null where it is not there. Of a file that is told as a whole, its digest.
    pub from: Option<Value>,
    pub to: Option<Value>,
    #[serde(skip)]
    pub is_file: bool,
}

/// Everything that differs, in the order of the kinds, then of ids and versions.
pub fn changes(layout: &Layout, rails: &Rails, before: &Side, after: &Side) -> Result<Vec<Change>, Unreadable> {
    let (from, to) = (named(layout, before, after), named(layout, after, before));
    let keys: BTreeSet<&Key> = from.keys().chain(to.keys()).collect();
    let mut changes = Vec::new();
    for key in keys {
        let (old, new) = (from.get(key), to.get(key));
        let change = match (old, new) {
            (None, _) => What::Added,
            (_, None) => What::Removed,
            _ => What::Changed,
        };
        let version = |named: Option<&Named>| named.and_then(|named| named.version.clone());
        let fields = match (old.and_then(|old| old.artifact), new.and_then(|new| new.artifact)) {
            (Some(old), Some(new)) => files(layout, rails, (before.tree, old), (after.tree, new))?,
            _ => Vec::new(),
        };
        let (from, to) = (version(old), version(new));
        if change != What::Changed || from != to || !fields.is_empty() {
            changes.push(Change { class: key.kind.clone(), id: key.id.clone(), change, from, to, fields });
        }
    }
    Ok(changes)
}

/// What is compared with what.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    at: usize,
    pub kind: String,
    pub id: String,
    /// Where every artifact is compared.
    version: Option<(Option<semver::Version>, String)>,
}

pub(super) struct Named<'a> {
    version: Option<String>,
    /// `None`: the pointer file names what is not there.
    pub artifact: Option<&'a Artifact>,
}

/// The kind of an entry of a flat pointer file of which no artifact is there.
const UNKNOWN: &str = "unknown";

pub(super) fn named<'a>(layout: &Layout, side: &'a Side, other: &Side) -> BTreeMap<Key, Named<'a>> {
    let at = |kind: &str| layout.kinds.keys().position(|known| known.as_str() == kind).unwrap_or(usize::MAX);
    let key = |kind: &str, id: &str, version: Option<&String>| Key {
        at: at(kind),
        kind: kind.to_owned(),
        id: id.to_owned(),
        version: version.map(|version| (semver::Version::parse(version).ok(), version.clone())),
    };
    let Some(pointer) = &side.active else {
        let all = side.artifacts.iter();
        return all
            .map(|artifact| {
                let named = Named { version: artifact.version.clone(), artifact: Some(artifact) };
                (key(artifact.kind.as_str(), &artifact.id, artifact.version.as_ref()), named)
            })
            .collect();
    };
    let mut by_id: HashMap<&str, Vec<&Artifact>> = HashMap::new();
    side.artifacts.iter().for_each(|artifact| by_id.entry(&artifact.id).or_default().push(artifact));
    let mut all = BTreeMap::new();
    for entry in pointer.entries() {
        let of_id = by_id.get(entry.id.as_str()).map(Vec::as_slice).unwrap_or_default();
        let is_kind = |artifact: &Artifact| entry.kind.as_ref().is_none_or(|kind| artifact.kind.as_str() == kind);
        let artifact = of_id.iter().copied().find(|artifact| is_kind(artifact) && artifact.version.as_ref() == Some(&entry.version));
        let known = || of_id.iter().copied().chain(other.artifacts.iter().filter(|artifact| artifact.id == entry.id)).next();
        let kind = entry.kind.as_deref().or_else(|| artifact.or_else(known).map(|artifact| artifact.kind.as_str())).unwrap_or(UNKNOWN);
        all.insert(key(kind, &entry.id, None), Named { version: Some(entry.version.clone()), artifact });
    }
    all
}

/// The files of an artifact, each by what it is called there, with its path and object id. The artifact's own is called nothing.
pub(super) fn own_files(tree: &dyn Tree, artifact: &Artifact) -> Result<BTreeMap<String, (String, String)>, Unreadable> {
    let entries = tree.entries()?;
    let folder = match artifact.owns_folder {
        true => format!("{}/", artifact.folder()),
        false => artifact.path.clone(),
    };
    let start = entries.partition_point(|entry| entry.path < folder);
    let below = entries[start..].iter().take_while(|entry| entry.path.starts_with(&folder));
    let own = below.filter(|entry| entry.kind != EntryKind::Submodule && (artifact.owns_folder || entry.path == artifact.path));
    let called = |path: &str| if path == artifact.path { String::new() } else { path[folder.len()..].to_owned() };
    Ok(own.map(|entry| (called(&entry.path), (entry.path.clone(), entry.oid.clone()))).collect())
}

fn files(layout: &Layout, rails: &Rails, before: (&dyn Tree, &Artifact), after: (&dyn Tree, &Artifact)) -> Result<Vec<Field>, Unreadable> {
    let (old, new) = (own_files(before.0, before.1)?, own_files(after.0, after.1)?);
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut fields = Vec::new();
    for name in names {
        let (old, new) = (old.get(name), new.get(name));
        // Only git's trees know the ids of what is in their files.
        if let (Some((_, old)), Some((_, new))) = (old, new)
            && old == new
            && !old.is_empty()
        {
            continue;
        }
        let bytes =
            |tree: &dyn Tree, file: Option<&(String, String)>| file.map(|(path, _)| tree.read(path)).transpose().map(Option::flatten);
        let (a, b) = (bytes(before.0, old)?, bytes(after.0, new)?);
        if a == b {
            continue;
        }
        let rail = layout.kind(after.1.kind.as_str()).map(|kind| &kind.rail);
        let path = new.or(old).map(|(path, _)| path.as_str()).unwrap_or_default();
        let found = file(path, a, b, rails, rail);
        let file = (!name.is_empty()).then(|| name.clone());
        fields.extend(found.into_iter().map(|field| Field { file: file.clone(), ..field }));
    }
    Ok(fields)
}

/// The changes of one file whose bytes differ; never none.
fn file(path: &str, before: Option<Vec<u8>>, after: Option<Vec<u8>>, rails: &Rails, rail: Option<&RailOf>) -> Vec<Field> {
    let digest = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|bytes| Value::String(Digest::of(bytes).to_string()));
    let whole = Field { from: digest(&before), to: digest(&after), is_file: true, ..Field::default() };
    let (Some(before), Some(after)) = (before, after) else { return vec![whole] };
    let texts = String::from_utf8(before.clone()).ok().zip(String::from_utf8(after.clone()).ok());
    let mut fields = Vec::new();
    if let (Read::Document(a), Read::Document(b)) = (document::read(path, before), document::read(path, after))
        && a.format != Format::Text
    {
        let mut compared = Compared::new(&a, &b);
        match rows(&a, &b, rails, rail) {
            Some(rows) => compared.rows(&rows),
            None => compared.values(&mut String::new(), &mut String::new(), None),
        }
        fields = compared.fields;
        if let (Some((line, old)), Some((other, new))) = (a.body(), b.body()) {
            fields.extend(lines(old, new).into_iter().flatten().map(|field| {
                // The line is one of the side that has it.
                let first = if field.to.is_some() { other } else { line };
                Field { line: field.line.map(|at| at + first - 1), ..field }
            }));
        }
    }
    // The bytes differ, and no value does: the spelling.
    if fields.is_empty() {
        fields = texts.and_then(|(before, after)| lines(&before, &after)).unwrap_or_default();
    }
    if fields.is_empty() { vec![whole] } else { fields }
}

/// The changed lines of a text. `None`: it is too long.
fn lines(before: &str, after: &str) -> Option<Vec<Field>> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    if old.len() + new.len() > MOST {
        return None;
    }
    let (shown_before, shown_after) = (Shown::of(before), Shown::of(after));
    let field = |from: Option<usize>, to: Option<usize>| Field {
        line: to.or(from).map(|at| at + 1),
        from: from.map(|at| Value::String(shown_before.line(at, old[at]))),
        to: to.map(|at| Value::String(shown_after.line(at, new[at]))),
        ..Field::default()
    };
    Some(pairs(&capture_diff_slices(Algorithm::Myers, &old, &new)).into_iter().map(|(from, to)| field(from, to)).collect())
}

/// The lines of a text that may be shown.
struct Shown {
    lines: Vec<String>,
    is_aligned: bool,
}

impl Shown {
    fn of(text: &str) -> Shown {
        let lines: Vec<String> = redact_text(text).lines().map(str::to_owned).collect();
        Shown { is_aligned: lines.len() == text.lines().count(), lines }
    }

    /// A secret of several lines leaves fewer: then only what stayed as it was is shown.
    fn line(&self, at: usize, line: &str) -> String {
        match self.lines.get(at) {
            Some(shown) if self.is_aligned => shown.clone(),
            _ if self.lines.iter().any(|shown| shown == line) => line.to_owned(),
            _ => REDACTED.to_owned(),
        }
    }
}

/// What stands for what: positions of both sides, or of one.
fn pairs(ops: &[DiffOp]) -> Vec<(Option<usize>, Option<usize>)> {
    let mut pairs = Vec::new();
    for op in ops.iter().filter(|op| !matches!(op, DiffOp::Equal { .. })) {
        let (old, new) = (op.old_range(), op.new_range());
        for at in 0..old.len().max(new.len()) {
            let there = |range: &std::ops::Range<usize>| (at < range.len()).then(|| range.start + at);
            pairs.push((there(&old), there(&new)));
        }
    }
    pairs
}

/// The rows of two tables with the keys that they have, where a rule says that a column is there once.
struct Rows {
    before: Vec<String>,
    after: Vec<String>,
}

fn rows(before: &Document, after: &Document, rails: &Rails, rail: Option<&RailOf>) -> Option<Rows> {
    if before.format != Format::Csv || after.format != Format::Csv {
        return None;
    }
    let RailOf::Named(name) = rail? else { return None };
    rails.get(name)?.rules.iter().find_map(|rule| {
        let Form::Unique(unique) = &rule.form else { return None };
        let keys = |document: &Document| {
            let selected = unique.each.select(document, &Input::of(&document.located.value), false).ok()?;
            let rows = document.located.value.as_array()?;
            let column = selected.first().and_then(|first| first.pointer.rsplit_once('/')).map(|(_, column)| column.to_owned());
            let fits = |(at, found): (usize, &super::rules::Selected)| {
                column.as_ref().is_some_and(|column| found.pointer == format!("/{at}/{column}"))
            };
            let is_whole = selected.len() == rows.len() && selected.iter().enumerate().all(fits);
            let texts: Vec<String> = selected.into_iter().map(|found| found.text).collect();
            let is_unique = texts.iter().collect::<BTreeSet<_>>().len() == texts.len();
            (is_whole && is_unique).then_some(texts)
        };
        Some(Rows { before: keys(before)?, after: keys(after)? })
    })
}

/// Two documents while they are compared.
struct Compared<'a> {
    before: &'a Document,
    after: &'a Document,
    /// The same values without what looks like a secret.
    shown: [Value; 2],
    fields: Vec<Field>,
}

impl<'a> Compared<'a> {
    fn new(before: &'a Document, after: &'a Document) -> Compared<'a> {
        let shown = [before, after].map(|document| {
            let mut value = document.located.value.clone();
            redact_json(&mut value);
            value
        });
        Compared { before, after, shown, fields: Vec::new() }
    }

    /// Rows by their keys: what was there first, in the old order, then what is new.
    fn rows(&mut self, rows: &Rows) {
        let after: HashMap<&String, usize> = rows.after.iter().enumerate().map(|(at, key)| (key, at)).collect();
        let before: BTreeSet<&String> = rows.before.iter().collect();
        for (at, key) in rows.before.iter().enumerate() {
            let from = format!("/{at}");
            match after.get(key) {
                Some(to) => self.values(&mut from.clone(), &mut format!("/{to}"), Some(key)),
                None => self.field(Some(&from), None, Some(key)),
            }
        }
        for (at, key) in rows.after.iter().enumerate().filter(|(_, key)| !before.contains(key)) {
            self.field(None, Some(&format!("/{at}")), Some(key));
        }
    }

    /// What is at a pointer on either side. Both must be there.
    fn values(&mut self, from: &mut String, to: &mut String, key: Option<&String>) {
        let (Some(old), Some(new)) = (self.before.located.value.pointer(from), self.after.located.value.pointer(to)) else { return };
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => {
                let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
                for name in names {
                    let lengths = (from.len(), to.len());
                    located::push(from, name);
                    located::push(to, name);
                    match (old.contains_key(name), new.contains_key(name)) {
                        (true, true) => self.values(from, to, key),
                        (true, false) => self.field(Some(from), None, key),
                        (false, _) => self.field(None, Some(to), key),
                    }
                    from.truncate(lengths.0);
                    to.truncate(lengths.1);
                }
            }
            (Value::Array(old), Value::Array(new)) => {
                for pair in aligned(old, new) {
                    let at = |pointer: &str, at: Option<usize>| at.map(|at| format!("{pointer}/{at}"));
                    match (at(from, pair.0), at(to, pair.1)) {
                        (Some(mut from), Some(mut to)) => self.values(&mut from, &mut to, key),
                        (from, to) => self.field(from.as_deref(), to.as_deref(), key),
                    }
                }
            }
            // A number is also what it is spelled as: `1.10` is not `1.1`.
            (old, new) => {
                let spelled = |document: &Document, pointer: &str| document.text(pointer).map(str::to_owned);
                if old != new || (old.is_number() && spelled(self.before, from) != spelled(self.after, to)) {
                    self.field(Some(from), Some(to), key);
                }
            }
        }
    }

    fn field(&mut self, from: Option<&str>, to: Option<&str>, key: Option<&String>) {
        let value = |document: &Document, shown: &Value, pointer: &str| {
            let value = shown.pointer(pointer).cloned().unwrap_or_else(|| Value::from(REDACTED));
            if !value.is_number() {
                return value;
            }
            let shown = value.to_string();
            match document.text(pointer).filter(|text| shown != *text) {
                Some(spelled) => Value::from(spelled),
                None => value,
            }
        };
        self.fields.push(Field {
            pointer: to.or(from).unwrap_or_default().to_owned(),
            key: key.map(|key| redact_text(key)),
            from: from.map(|pointer| value(self.before, &self.shown[0], pointer)),
            to: to.map(|pointer| value(self.after, &self.shown[1], pointer)),
            ..Field::default()
        });
    }
}

/// Which items of two lists stand for one another: equal ones first, then by position.
fn aligned(old: &[Value], new: &[Value]) -> Vec<(Option<usize>, Option<usize>)> {
    let by_position = || (0..old.len().max(new.len())).map(|at| ((at < old.len()).then_some(at), (at < new.len()).then_some(at))).collect();
    if old.len() == new.len() || old.len() + new.len() > MOST {
        return by_position();
    }
    let text = |items: &[Value]| items.iter().map(Value::to_string).collect::<Vec<_>>();
    pairs(&capture_diff_slices(Algorithm::Myers, &text(old), &text(new)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalog::layout::RailFiles, text::source::Source, tree::MapTree};
    use std::sync::Arc;

    /// One line for each change of a file: where, what, from, to.
    fn told(path: &str, before: &str, after: &str, rails: &Rails, rail: Option<&RailOf>) -> Vec<String> {
        let fields = file(path, Some(before.as_bytes().to_vec()), Some(after.as_bytes().to_vec()), rails, rail);
        let value = |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), Value::to_string);
        let place = |field: &Field| match (&field.key, field.line) {
            (Some(key), _) => format!("{} ({key})", field.pointer),
            (_, Some(line)) => format!("line {line}"),
            _ => field.pointer.clone(),
        };
        fields.iter().map(|field| format!("{} {} -> {}", place(field), value(&field.from), value(&field.to))).collect()
    }

    #[test]
    fn values_are_compared_at_their_pointers_and_texts_by_lines() {
        for (path, before, after, want) in [
            (
                "a.json",
                r#"{"a": 1, "b": {"c~/": [1, 2]}}"#,
                r#"{"b": {"c~/": [1, 3]}, "d": null}"#,
                vec!["/a 1 -> -", "/b/c~0~1/1 2 -> 3", "/d - -> null"],
            ),
            ("a.yaml", "v: 1.10\nw: \"1\"\n", "v: 1.1\nw: 1\n", vec![r#"/v "1.10" -> 1.1"#, r#"/w "1" -> 1"#]),
            // What came between others leaves those alone.
            ("a.json", r#"["a", "b"]"#, r#"["x", "a", "b"]"#, vec![r#"/0 - -> "x""#]),
            ("a.json", r#"[{"a": 1}, 2, 3]"#, r#"[{"a": 2}, 3]"#, vec!["/0/a 1 -> 2", "/1 2 -> -"]),
            ("a.json", r#"{"a": [1]}"#, r#"{"a": {"0": 1}}"#, vec![r#"/a [1] -> {"0":1}"#]),
            // Only the spelling differs.
            ("a.json", "{\"a\": 1}\n", "{ \"a\": 1}\n", vec![r#"line 1 "{\"a\": 1}" -> "{ \"a\": 1}""#]),
            ("a.txt", "one\ntwo\nthree\n", "one\n2\nthree\nfour\n", vec![r#"line 2 "two" -> "2""#, r#"line 4 - -> "four""#]),
            ("a.md", "---\nid: a\n---\ntext\n", "---\nid: b\n---\nother\n", vec![r#"/id "a" -> "b""#, r#"line 4 "text" -> "other""#]),
            // What cannot be read is told by its lines.
            ("a.json", "{\"a\": 1", "{\"a\": 2", vec![r#"line 1 "{\"a\": 1" -> "{\"a\": 2""#]),
            ("a.csv", "a,b\n1,x\n2,y\n", "a,b\n2,z\n", vec![r#"/0/a "1" -> "2""#, r#"/0/b "x" -> "z""#, r#"/1 {"a":"2","b":"y"} -> -"#]),
        ] {
            assert_eq!(told(path, before, after, &Rails::default(), None), want, "{path} {before}");
        }
    }

    #[test]
    fn rows_have_the_keys_that_a_rule_names() {
        let lint = "rules:\n  - id: once\n    unique: { each: '.[].start' }\n";
        let files = [("rails/bin/lint.yaml".to_owned(), lint.as_bytes().to_vec())].into();
        let layout = Layout { rails: Arc::new(RailFiles { files, root: "gates".to_owned() }), ..Layout::default() };
        let rails = Rails::read(&layout).unwrap_or_else(|findings| panic!("{findings:?}"));
        let rail = RailOf::Named("bin".to_owned());
        let told = |before: &str, after: &str| told("a.csv", before, after, &rails, Some(&rail));
        assert_eq!(
            told("start,type\n40,a\n41,b\n42,c\n", "start,type\n39,x\n40,a\n42,d\n"),
            [r#"/1 (41) {"start":"41","type":"b"} -> -"#, r#"/2/type (42) "c" -> "d""#, r#"/0 (39) - -> {"start":"39","type":"x"}"#]
        );
        // The same rows in another order: the lines show it.
        assert_eq!(told("start\n40\n41\n", "start\n41\n40\n").len(), 2);
        // Where a key is there twice, it is none.
        assert_eq!(told("start,type\n40,a\n40,b\n", "start,type\n40,a\n40,c\n"), [r#"/1/type "b" -> "c""#]);
    }

    #[test]
    fn secrets_are_not_told_and_their_change_is() {
        let token = "ghp_0123456789abcdefghijABCDEFGHIJ0123";
        let plain = |path: &str, before: &str, after: &str| told(path, before, after, &Rails::default(), None);
        assert_eq!(
            plain("a.json", r#"{"password": "hunter1"}"#, r#"{"password": "hunter2"}"#),
            [r#"/password "[redacted]" -> "[redacted]""#]
        );
        for (path, before, after) in [
            ("a.yaml", "x: none\n".to_owned(), format!("x: {token}\n")),
            ("a.txt", "key none\n".to_owned(), format!("key {token}\n")),
            ("a.json", "{\"a\":".to_owned(), format!("{{\"a\": \"{token}\"")),
        ] {
            let told = plain(path, &before, &after).join("\n");
            assert!(told.contains("[redacted]") && !told.contains("0123456789abc"), "{told}");
        }
        let pem = |body: &str| format!("a\n-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\nb\n");
        let told = plain("a.txt", &pem("MIIEvQIBADANBgkq"), &pem("MIIEvQIBADANBgkr"));
        assert_eq!(told, [r#"line 3 "[redacted]" -> "[redacted]""#]);
    }

    fn side<'a>(tree: &'a MapTree, layout: &Layout, active: Option<&str>) -> Side<'a> {
        let artifacts = super::super::states::artifacts(tree, layout).unwrap();
        let read = |text: &str| Pointer::read(Source::new("active.json", text), super::super::layout::Shape::Grouped).unwrap();
        Side { tree, artifacts, active: active.map(read) }
    }

    #[test]
    fn versions_that_are_active_are_compared_or_all_of_them() {
        let kind = |path: &str| super::super::layout::Kind {
            path: super::super::layout::PathTemplate::parse(path).unwrap(),
            rail: RailOf::None,
            id: None,
            version: None,
            null_is_absent: false,
            permanent: false,
            major: Vec::new(),
            release_tag: crate::domain::TagPattern::artifact("{kind}/{id}/v{version}").unwrap(),
        };
        let kinds = [("doc", kind("docs/{id}/{version}/m.json")), ("page", kind("pages/{id}-{version}.json"))];
        let kinds = kinds.into_iter().map(|(name, kind)| (name.parse().unwrap(), kind)).collect();
        let layout = Layout { kinds, ..Layout::default() };
        let tree = |files: &[(&str, &str)]| {
            MapTree::new(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect())
        };
        let before = tree(&[("docs/a/1.0.0/m.json", "{\"x\":1}"), ("docs/a/1.0.0/t.txt", "one\n"), ("pages/p-1.0.0.json", "{\"x\":1}")]);
        let after = tree(&[
            ("docs/a/1.0.0/m.json", "{\"x\":1}"),
            ("docs/a/1.0.0/t.txt", "one\n"),
            ("docs/a/1.10.0/m.json", "{\"x\":2}"),
            ("docs/a/1.10.0/t.txt", "two\n"),
            ("docs/a/1.9.0/m.json", "{\"x\":2}"),
            ("pages/p-1.0.0.json", "{\"x\":1}"),
        ]);
        let told = |old: Option<&str>, new: Option<&str>| {
            let all = changes(&layout, &Rails::default(), &side(&before, &layout, old), &side(&after, &layout, new)).unwrap();
            let line = |change: &Change| {
                let fields: Vec<String> =
                    change.fields.iter().map(|field| format!("{}{}", field.file.as_deref().unwrap_or(""), field.pointer)).collect();
                let version = |version: &Option<String>| version.clone().unwrap_or("-".to_owned());
                format!(
                    "{:?} {}:{} {} {} {}",
                    change.change,
                    change.class,
                    change.id,
                    version(&change.from),
                    version(&change.to),
                    fields.join(" ")
                )
            };
            all.iter().map(line).collect::<Vec<_>>()
        };
        assert_eq!(told(None, None), ["Added doc:a - 1.9.0 ", "Added doc:a - 1.10.0 "]);
        let old = r#"{"doc": {"a": "1.0.0"}, "page": {"p": "1.0.0"}}"#;
        assert_eq!(told(Some(old), Some(old)), Vec::<String>::new());
        assert_eq!(
            told(Some(old), Some(r#"{"doc": {"a": "1.10.0", "b": "1"}}"#)),
            ["Changed doc:a 1.0.0 1.10.0 /x t.txt", "Added doc:b - 1 ", "Removed page:p 1.0.0 - ",]
        );
    }
}
