//! How far a version must step up for what changed in a JSON Schema.
//!
//! Breaking is what takes something away from who has data or reads it: a value that was valid is not any more, or a property is not
//! described any more. That needs a major step; what only allows more needs a minor one, and what changes no value needs none but a patch.
//! A keyword whose change cannot be judged counts as breaking. A version 0.y.z steps up by its minor number where others do by the major one.
//!
//! References inside the file are followed on both sides. Deliberately absent: proving that two schemas allow the same. What is written
//! another way counts as a change of what is written.

use super::{
    check::Artifact,
    diff::{Side, named, own_files},
    document::{self, Read},
    layout::Layout,
};
use crate::{
    domain::{Finding, Place as FilePlace},
    text::located,
    tree::{Tree, Unreadable},
};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    Patch,
    Minor,
    Major,
}

impl Step {
    pub const fn slug(self) -> &'static str {
        match self {
            Step::Patch => "patch",
            Step::Minor => "minor",
            Step::Major => "major",
        }
    }

    /// The step from one version to a higher one. `None`: it is not higher.
    pub fn between(from: &semver::Version, to: &semver::Version) -> Option<Step> {
        let unstable = from.major == 0 && to.major == 0;
        match () {
            () if to <= from => None,
            () if to.major > from.major || unstable && to.minor > from.minor => Some(Step::Major),
            () if to.minor > from.minor || unstable => Some(Step::Minor),
            () => Some(Step::Patch),
        }
    }

    /// The smallest version that is this step above another.
    pub fn above(self, from: &semver::Version) -> semver::Version {
        let (major, minor, patch) = (from.major, from.minor, from.patch);
        match self {
            Step::Major if major > 0 => semver::Version::new(major.saturating_add(1), 0, 0),
            Step::Major => semver::Version::new(0, minor.saturating_add(1), 0),
            Step::Minor if major > 0 => semver::Version::new(major, minor.saturating_add(1), 0),
            Step::Minor | Step::Patch => semver::Version::new(major, minor, patch.saturating_add(1)),
        }
    }
}

/// One change, and the step that it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    pub step: Step,
    /// The JSON pointer in the newer schema, or in the older where it is gone.
    pub pointer: String,
    pub message: String,
}

/// A version that follows another, and the step that it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bump {
    /// The kind.
    pub class: String,
    pub id: String,
    pub from: semver::Version,
    pub to: semver::Version,
    pub needs: Step,
    pub has: Step,
    pub because: Vec<Because>,
    /// The lowest version that would do.
    pub lowest: semver::Version,
    #[serde(skip)]
    path: String,
}

/// What needs a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Because {
    /// The file, relative to the artifact's folder; `None`: the artifact's own.
    pub file: Option<String>,
    #[serde(flatten)]
    pub reason: Reason,
}

impl Bump {
    /// What is wrong with it, where something is.
    pub fn finding(&self) -> Option<Finding> {
        if self.has >= self.needs {
            return None;
        }
        let Bump { class, id, from, to, needs, has, lowest, .. } = self;
        let first = self.because.iter().find(|because| because.reason.step == *needs);
        let why = first.map(|because| format!(": {} {}", because.reason.pointer, because.reason.message)).unwrap_or_default();
        let file = first.and_then(|because| because.file.as_deref());
        let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let file = file.map_or(self.path.clone(), |file| format!("{folder}/{file}"));
        let message = format!("{class}:{id} went from {from} to {to}, a {} step, and needs a {} one{why}", has.slug(), needs.slug());
        let place = FilePlace { file, line: 1, column: 1, end_column: None, source: None };
        let finding = Finding::error("catalog/low-bump", message).at(place).help(format!("give it {lowest} or a higher version"));
        Some(first.into_iter().fold(finding, |finding, because| finding.pointer(because.reason.pointer.as_str())))
    }
}

/// The versions of one side that follow one of the other: where both say what is active, what went up; else every version that is new,
/// after the next lower one. What is no semantic version has no step, and a pre-release none to be judged by.
pub fn bumps(layout: &Layout, before: &Side, after: &Side) -> Result<Vec<Bump>, Unreadable> {
    let (from, to) = (named(layout, before, after), named(layout, after, before));
    let version = |artifact: &Artifact| {
        let version = semver::Version::parse(artifact.version.as_deref()?).ok()?;
        version.pre.is_empty().then_some(version)
    };
    type Versions<'a> = BTreeMap<semver::Version, (&'a dyn Tree, &'a Artifact)>;
    let mut older: BTreeMap<(&str, &str), Versions> = BTreeMap::new();
    let both = [(before.tree, &from), (after.tree, &to)];
    for (tree, (key, named)) in both.into_iter().flat_map(|(tree, all)| all.iter().map(move |named| (tree, named))) {
        let Some((artifact, version)) = named.artifact.and_then(|artifact| Some((artifact, version(artifact)?))) else { continue };
        older.entry((&key.kind, &key.id)).or_default().entry(version).or_insert((tree, artifact));
    }
    let mut bumps = Vec::new();
    for (key, named) in &to {
        let Some((artifact, to)) = named.artifact.and_then(|artifact| Some((artifact, version(artifact)?))) else { continue };
        let is_new = from.get(key).and_then(|old| old.artifact).is_none_or(|old| old.version != artifact.version);
        let lower = older.get(&(key.kind.as_str(), key.id.as_str())).and_then(|all| all.range(..&to).next_back());
        let Some((from, old)) = lower.filter(|_| is_new) else { continue };
        let because = because(layout, *old, (after.tree, artifact))?;
        let needs = because.iter().map(|because| because.reason.step).max().unwrap_or(Step::Patch);
        let Some(has) = Step::between(from, &to) else { continue };
        bumps.push(Bump {
            class: key.kind.clone(),
            id: key.id.clone(),
            lowest: needs.above(from),
            from: from.clone(),
            to,
            needs,
            has,
            because,
            path: artifact.path.clone(),
        });
    }
    Ok(bumps)
}

/// What changed in the schemas of an artifact, and in the values that its kind declares.
fn because(layout: &Layout, old: (&dyn Tree, &Artifact), new: (&dyn Tree, &Artifact)) -> Result<Vec<Because>, Unreadable> {
    let (from, to) = (own_files(old.0, old.1)?, own_files(new.0, new.1)?);
    let names: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    let mut because = Vec::new();
    for name in names {
        let read = |tree: &dyn Tree, file: Option<&(String, String)>| -> Result<Option<Value>, Unreadable> {
            let Some((path, _)) = file else { return Ok(None) };
            Ok(match tree.read(path)?.map(|bytes| document::read(path, bytes)) {
                Some(Read::Document(document)) => Some(document.located.value),
                _ => None,
            })
        };
        let (before, after) = (read(old.0, from.get(name))?, read(new.0, to.get(name))?);
        let file = (!name.is_empty()).then(|| name.clone());
        let mut say = |reason: Reason| because.push(Because { file: file.clone(), reason });
        if let Some(kind) = layout.kind(new.1.kind.as_str()).filter(|_| name.is_empty()) {
            for pointer in &kind.major {
                let at = |value: &Option<Value>| value.as_ref().and_then(|value| value.pointer(pointer)).cloned();
                if at(&before) != at(&after) {
                    let message = "changed, which the protocol calls a major step".to_owned();
                    say(Reason { step: Step::Major, pointer: pointer.clone(), message });
                }
            }
        }
        let is = |value: &Option<Value>| value.as_ref().is_some_and(is_schema);
        let whole = |step, message: &str| Reason { step, pointer: String::new(), message: message.to_owned() };
        match (is(&before), is(&after)) {
            (true, true) => reasons(&before.unwrap_or_default(), &after.unwrap_or_default()).into_iter().for_each(say),
            (true, false) => say(whole(Step::Major, "the schema is gone")),
            (false, true) => say(whole(Step::Minor, "the schema is new")),
            (false, false) => {}
        }
    }
    Ok(because)
}

/// Whether a file says of itself that it is a JSON Schema.
fn is_schema(value: &Value) -> bool {
    value.get("$schema").and_then(Value::as_str).is_some_and(|dialect| dialect.contains("json-schema.org/"))
}

/// Schemas nest, and refer to one another, at most this deep.
const DEPTH: usize = 64;

/// What changed between two schemas, in the order in which they say it.
pub fn reasons(old: &Value, new: &Value) -> Vec<Reason> {
    let mut comparison = Comparison { roots: (old, new), seen: BTreeSet::new(), reasons: Vec::new() };
    comparison.schemas(old, new, &Place::default(), 0);
    comparison.reasons
}

#[derive(Clone, Default)]
struct Place {
    old: String,
    new: String,
}

impl Place {
    fn down(&self, parts: &[&str]) -> Place {
        let mut place = self.clone();
        for part in parts {
            located::push(&mut place.old, part);
            located::push(&mut place.new, part);
        }
        place
    }
}

struct Comparison<'a> {
    roots: (&'a Value, &'a Value),
    /// References that are being compared or were, by what they are on both sides.
    seen: BTreeSet<(String, String)>,
    reasons: Vec<Reason>,
}

/// Lower limits: higher is narrower.
const LOWER: &[&str] = &["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"];
/// Upper limits: lower is narrower.
const UPPER: &[&str] = &["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains"];
/// Anything but the same is narrower; without it, more is allowed.
const EXACT: &[&str] = &["pattern", "format", "multipleOf", "contentEncoding", "contentMediaType"];
/// What is allowed beside what is named: a schema; where it is absent, everything.
const REST: &[&str] = &["additionalProperties", "unevaluatedProperties", "additionalItems", "unevaluatedItems", "items"];
/// Keywords whose change cannot be judged.
const OPAQUE: &[&str] = &[
    "$schema",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "contentSchema",
    "$dynamicRef",
    "$recursiveRef",
    "$dynamicAnchor",
    "$recursiveAnchor",
    "$anchor",
];
/// What is followed where something refers to it.
const BEHIND: &[&str] = &["$defs", "definitions", "$ref"];

impl Comparison<'_> {
    fn say(&mut self, step: Step, pointer: &str, message: impl Into<String>) {
        self.reasons.push(Reason { step, pointer: pointer.to_owned(), message: message.into() });
    }

    fn schemas(&mut self, old: &Value, new: &Value, place: &Place, depth: usize) {
        if old == new && !refers(old) {
            return;
        }
        if depth > DEPTH {
            return self.say(Step::Major, &place.new, "it nests too deep to be compared");
        }
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => self.objects(old, new, place, depth),
            _ if old == new => {}
            // `true` is the schema that allows everything.
            (Value::Bool(true), Value::Object(new)) => self.objects(&Map::new(), new, place, depth),
            (Value::Object(old), Value::Bool(true)) => self.objects(old, &Map::new(), place, depth),
            (Value::Bool(false), _) => self.say(Step::Minor, &place.new, "what was forbidden is allowed"),
            (_, Value::Bool(false)) => self.say(Step::Major, &place.new, "nothing is allowed any more"),
            _ => self.say(Step::Major, &place.new, "it is not a schema on both sides"),
        }
    }

    fn objects(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, place: &Place, depth: usize) {
        self.references(old, new, place, depth);
        self.types(old, new, place);
        self.values(old, new, place);
        self.required(old, new, place);
        self.named(old, new, place, depth);
        for name in REST {
            self.rest(name, old, new, place, depth);
        }
        self.lists(old, new, place, depth);
        self.limits(old, new, place);
        for name in OPAQUE.iter().filter(|name| old.get(**name) != new.get(**name)) {
            self.say(Step::Major, &place.down(&[name]).new, format!("`{name}` changed, and what that means cannot be told"));
        }
        let known = |name: &str| {
            [LOWER, UPPER, EXACT, REST, OPAQUE, BEHIND].iter().any(|names| names.contains(&name))
                || [
                    "type",
                    "enum",
                    "const",
                    "required",
                    "properties",
                    "patternProperties",
                    "allOf",
                    "anyOf",
                    "oneOf",
                    "prefixItems",
                    "uniqueItems",
                ]
                .contains(&name)
        };
        let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
        for name in names.filter(|name| !known(name) && old.get(*name) != new.get(*name)) {
            self.say(Step::Patch, &place.down(&[name]).new, format!("`{name}` changed"));
        }
    }

    /// References are compared by what they lead to.
    fn references(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, place: &Place, depth: usize) {
        let reference = |schema: &Map<String, Value>| schema.get("$ref").and_then(Value::as_str).map(str::to_owned);
        let (from, to) = (reference(old), reference(new));
        let everything = Value::Bool(true);
        let (old_root, new_root) = self.roots;
        let inside = |root, reference: &Option<String>| match reference {
            None => Some(everything.clone()),
            Some(reference) => target(root, reference).cloned(),
        };
        match (&from, &to) {
            (None, None) => return,
            (from, to) if !self.seen.insert((from.clone().unwrap_or_default(), to.clone().unwrap_or_default())) => return,
            _ => {}
        }
        match (inside(old_root, &from), inside(new_root, &to)) {
            (Some(old), Some(new)) => {
                let at =
                    |reference: &Option<String>, there: &str| reference.as_deref().and_then(fragment).unwrap_or_else(|| there.to_owned());
                self.schemas(&old, &new, &Place { old: at(&from, &place.old), new: at(&to, &place.new) }, depth + 1);
            }
            _ if from == to => {}
            _ => self.say(Step::Major, &place.down(&["$ref"]).new, "it refers to something else outside of the file"),
        }
    }

    fn types(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, place: &Place) {
        let (from, to) = (types(old), types(new));
        let pointer = place.down(&["type"]).new;
        let lost: Vec<&str> = from.difference(&to).copied().collect();
        let more: Vec<&str> = to.difference(&from).copied().collect();
        if !lost.is_empty() {
            self.say(Step::Major, &pointer, format!("{} is not allowed any more", lost.join(", ")));
        } else if !more.is_empty() {
            self.say(Step::Minor, &pointer, format!("{} is allowed, too", more.join(", ")));
        }
    }

    /// `enum`, and `const` as the list of one.
    fn values(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, place: &Place) {
        for name in ["enum", "const"] {
            let list = |schema: &Map<String, Value>| {
                schema.get(name).map(|value| value.as_array().filter(|_| name == "enum").cloned().unwrap_or_else(|| vec![value.clone()]))
            };
            let pointer = place.down(&[name]).new;
            match (list(old), list(new)) {
                (None, Some(_)) => self.say(Step::Major, &pointer, "only some values are allowed any more"),
                (Some(_), None) => self.say(Step::Minor, &pointer, "any value is allowed"),
                (Some(old), Some(new)) => {
                    let told = |values: Vec<&Value>| values.iter().map(|value| clipped(value)).collect::<Vec<_>>().join(", ");
                    let lost: Vec<&Value> = old.iter().filter(|value| !new.contains(value)).collect();
                    let more: Vec<&Value> = new.iter().filter(|value| !old.contains(value)).collect();
                    if !lost.is_empty() {
                        self.say(Step::Major, &pointer, format!("{} is not allowed any more", told(lost)));
                    } else if !more.is_empty() {
                        self.say(Step::Minor, &pointer, format!("{} is allowed, too", told(more)));
                    }
                }
                (None, None) => {}
            }
        }
    }

    fn required(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, place: &Place) {
        let names = |schema: &Map<String, Value>| -> Vec<String> {
            let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
            names.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let (from, to) = (names(old), names(new));
        let pointer = place.down(&["required"]).new;
        for name in to.iter().filter(|name| !from.contains(name)) {
            self.say(Step::Major, &pointer, format!("`{name}` is required"));
        }
        for name in from.iter().filter(|name| !to.contains(name)) {
            self.say(Step::Minor, &pointer, format!("`{name}` is not required any more"));
        }
    }

    /// Properties, by name and by pattern.
    fn named(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, place: &Place, depth: usize) {
        let none = Map::new();
        for keyword in ["properties", "patternProperties"] {
            let members = |schema| -> Option<&Map<String, Value>> { Map::get(schema, keyword).and_then(Value::as_object) };
            let (from, to) = (members(old).unwrap_or(&none), members(new).unwrap_or(&none));
            for (name, schema) in from {
                let there = place.down(&[keyword, name]);
                match to.get(name) {
                    Some(now) => self.schemas(schema, now, &there, depth + 1),
                    None => self.say(Step::Major, &there.old, format!("`{name}` is gone")),
                }
            }
            for name in to.keys().filter(|name| !from.contains_key(*name)) {
                // A pattern narrows names that were free; a name is new.
                let step = if keyword == "properties" { Step::Minor } else { Step::Major };
                self.say(step, &place.down(&[keyword, name]).new, format!("`{name}` is new"));
            }
        }
    }

    fn rest(&mut self, name: &str, old: &Map<String, Value>, new: &Map<String, Value>, place: &Place, depth: usize) {
        let (from, to) = (old.get(name), new.get(name));
        // A list of schemas for the first items is compared with `prefixItems`.
        if from.is_some_and(Value::is_array) || to.is_some_and(Value::is_array) {
            return;
        }
        let everything = Value::Bool(true);
        let there = place.down(&[name]);
        match (from.unwrap_or(&everything), to.unwrap_or(&everything)) {
            (old, new) if is_open(old) && is_open(new) => {}
            (old, Value::Bool(false)) if *old != Value::Bool(false) => {
                self.say(Step::Major, &there.new, "nothing else is allowed any more")
            }
            (old, _) if is_open(old) => self.say(Step::Major, &there.new, format!("`{name}` limits what was free")),
            (_, new) if is_open(new) => self.say(Step::Minor, &there.new, format!("`{name}` limits nothing any more")),
            (old, new) => self.schemas(old, new, &there, depth + 1),
        }
    }

    /// Lists of schemas.
    fn lists(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, place: &Place, depth: usize) {
        for (name, added, removed) in [
            ("allOf", Step::Major, Step::Minor),
            ("anyOf", Step::Minor, Step::Major),
            ("oneOf", Step::Minor, Step::Major),
            ("prefixItems", Step::Major, Step::Minor),
            ("items", Step::Major, Step::Minor),
        ] {
            let list = |schema: &Map<String, Value>| schema.get(name).and_then(Value::as_array).cloned();
            let (from, to) = (list(old), list(new));
            // Where there was no choice, everything was allowed.
            let (added, removed) = match (from.is_some(), to.is_some()) {
                (false, true) => (Step::Major, removed),
                (true, false) => (added, Step::Minor),
                _ => (added, removed),
            };
            let mut from: Vec<(usize, Value)> = from.into_iter().flatten().enumerate().collect();
            let mut to: Vec<(usize, Value)> = to.into_iter().flatten().enumerate().collect();
            if !name.contains("tems") {
                // The order says nothing, so equal ones stand for one another.
                from.retain(|(_, schema)| {
                    let same = to.iter().position(|(_, other)| other == schema && !refers(schema));
                    same.map(|at| to.remove(at)).is_none()
                });
            }
            let pairs = from.len().min(to.len());
            for ((at, old), (now, new)) in from.iter().zip(&to) {
                let mut there = place.down(&[name]);
                located::push(&mut there.old, &at.to_string());
                located::push(&mut there.new, &now.to_string());
                self.schemas(old, new, &there, depth + 1);
            }
            for (at, _) in &from[pairs..] {
                self.say(removed, &place.down(&[name, &at.to_string()]).old, format!("a schema of `{name}` is gone"));
            }
            for (at, _) in &to[pairs..] {
                self.say(added, &place.down(&[name, &at.to_string()]).new, format!("a schema of `{name}` is new"));
            }
        }
    }

    fn limits(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, place: &Place) {
        for (names, narrower_is_higher) in [(LOWER, true), (UPPER, false)] {
            for name in names.iter().filter(|name| old.get(**name) != new.get(**name)) {
                let number = |schema: &Map<String, Value>| schema.get(*name).and_then(Value::as_f64);
                let pointer = place.down(&[name]).new;
                match (number(old), number(new), new.get(*name)) {
                    (_, _, None) => self.say(Step::Minor, &pointer, format!("`{name}` is gone")),
                    (Some(old), Some(new), _) if old == new => {}
                    (Some(old), Some(new), _) if (new < old) == narrower_is_higher => {
                        self.say(Step::Minor, &pointer, format!("`{name}` was {old} and is {new}"));
                    }
                    (_, _, Some(new)) => self.say(Step::Major, &pointer, format!("`{name}` is {}", clipped(new))),
                }
            }
        }
        for name in EXACT.iter().filter(|name| old.get(**name) != new.get(**name)) {
            let pointer = place.down(&[name]).new;
            match new.get(*name) {
                None => self.say(Step::Minor, &pointer, format!("`{name}` is gone")),
                Some(now) => self.say(Step::Major, &pointer, format!("`{name}` is {}", clipped(now))),
            }
        }
        let unique = |schema: &Map<String, Value>| schema.get("uniqueItems") == Some(&Value::Bool(true));
        match (unique(old), unique(new)) {
            (false, true) => self.say(Step::Major, &place.down(&["uniqueItems"]).new, "items must be unique"),
            (true, false) => self.say(Step::Minor, &place.down(&["uniqueItems"]).new, "items need not be unique any more"),
            _ => {}
        }
    }
}

/// Whether a schema allows everything.
fn is_open(schema: &Value) -> bool {
    *schema == Value::Bool(true) || schema.as_object().is_some_and(Map::is_empty)
}

/// Whether something in it is a reference, so that the same words may mean something else.
fn refers(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members.contains_key("$ref") || members.values().any(refers),
        Value::Array(items) => items.iter().any(refers),
        _ => false,
    }
}

/// The types that are allowed; an integer is a number, too.
fn types(schema: &Map<String, Value>) -> BTreeSet<&'static str> {
    const ALL: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];
    let named = |name: &str| match schema.get("type") {
        None => true,
        Some(Value::Array(names)) => names.iter().any(|other| other == name),
        Some(only) => only == name,
    };
    ALL.into_iter().filter(|name| named(name) || *name == "integer" && named("number")).collect()
}

/// The JSON pointer of a reference inside the file. One with escapes of URLs is taken for a reference elsewhere.
fn fragment(reference: &str) -> Option<String> {
    let pointer = reference.strip_prefix('#').filter(|pointer| !pointer.contains('%'))?;
    (pointer.is_empty() || pointer.starts_with('/')).then(|| pointer.to_owned())
}

fn target<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    root.pointer(&fragment(reference)?)
}

fn clipped(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_change_needs_its_step() {
        let object = |properties: Value| json!({ "type": "object", "properties": properties });
        for (old, new, want) in [
            (json!({}), json!({}), None),
            (json!({ "title": "a" }), json!({ "title": "b" }), Some((Step::Patch, "/title"))),
            (json!({ "type": "string" }), json!({ "type": "number" }), Some((Step::Major, "/type"))),
            (json!({ "type": "integer" }), json!({ "type": "number" }), Some((Step::Minor, "/type"))),
            (json!({ "type": "number" }), json!({ "type": "integer" }), Some((Step::Major, "/type"))),
            (json!({ "type": "string" }), json!({ "type": ["string", "null"] }), Some((Step::Minor, "/type"))),
            (json!({}), json!({ "type": "string" }), Some((Step::Major, "/type"))),
            (json!({ "enum": ["a", "b"] }), json!({ "enum": ["b"] }), Some((Step::Major, "/enum"))),
            (json!({ "enum": ["a"] }), json!({ "enum": ["b", "a"] }), Some((Step::Minor, "/enum"))),
            (json!({ "enum": ["a", "b"] }), json!({ "enum": ["b", "a"] }), None),
            (json!({ "const": 1 }), json!({ "const": 2 }), Some((Step::Major, "/const"))),
            (json!({}), json!({ "required": ["a"] }), Some((Step::Major, "/required"))),
            (json!({ "required": ["a"] }), json!({}), Some((Step::Minor, "/required"))),
            (object(json!({})), object(json!({ "a": {} })), Some((Step::Minor, "/properties/a"))),
            (object(json!({ "a": {} })), object(json!({})), Some((Step::Major, "/properties/a"))),
            (
                object(json!({ "a": object(json!({ "b": { "maxLength": 5 } })) })),
                object(json!({ "a": object(json!({ "b": { "maxLength": 4 } })) })),
                Some((Step::Major, "/properties/a/properties/b/maxLength")),
            ),
            (json!({}), json!({ "additionalProperties": false }), Some((Step::Major, "/additionalProperties"))),
            (json!({ "additionalProperties": true }), json!({}), None),
            (json!({ "additionalProperties": false }), json!({}), Some((Step::Minor, "/additionalProperties"))),
            (
                json!({ "additionalProperties": { "type": "string" } }),
                json!({ "additionalProperties": { "type": "null" } }),
                Some((Step::Major, "/additionalProperties/type")),
            ),
            (json!({ "items": { "minLength": 2 } }), json!({ "items": { "minLength": 1 } }), Some((Step::Minor, "/items/minLength"))),
            (json!({}), json!({ "items": { "type": "string" } }), Some((Step::Major, "/items"))),
            (json!({ "prefixItems": [{}] }), json!({ "prefixItems": [{ "type": "null" }] }), Some((Step::Major, "/prefixItems/0/type"))),
            (json!({ "items": [{}] }), json!({ "items": [{}, {}] }), Some((Step::Major, "/items/1"))),
            (json!({ "patternProperties": {} }), json!({ "patternProperties": { "a": {} } }), Some((Step::Major, "/patternProperties/a"))),
            (json!({ "minimum": 1 }), json!({ "minimum": 1.0 }), None),
            (json!({ "minimum": 1 }), json!({ "minimum": 2 }), Some((Step::Major, "/minimum"))),
            (json!({ "maximum": 1 }), json!({ "maximum": 2 }), Some((Step::Minor, "/maximum"))),
            (json!({ "maximum": 1 }), json!({}), Some((Step::Minor, "/maximum"))),
            (json!({ "pattern": "a" }), json!({ "pattern": "b" }), Some((Step::Major, "/pattern"))),
            (json!({}), json!({ "uniqueItems": true }), Some((Step::Major, "/uniqueItems"))),
            (
                json!({ "anyOf": [{ "type": "null" }] }),
                json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] }),
                Some((Step::Minor, "/anyOf/0")),
            ),
            (
                json!({ "oneOf": [{ "type": "null" }, { "const": 1 }] }),
                json!({ "oneOf": [{ "const": 1 }] }),
                Some((Step::Major, "/oneOf/0")),
            ),
            (json!({}), json!({ "anyOf": [{ "const": 1 }] }), Some((Step::Major, "/anyOf/0"))),
            (json!({ "allOf": [{ "const": 1 }] }), json!({}), Some((Step::Minor, "/allOf/0"))),
            (json!({ "not": { "const": 1 } }), json!({ "not": { "const": 2 } }), Some((Step::Major, "/not"))),
            (json!({ "if": {} }), json!({}), Some((Step::Major, "/if"))),
            (json!(true), json!({ "const": 1 }), Some((Step::Major, "/const"))),
            (json!({ "a": 1 }), json!(false), Some((Step::Major, ""))),
            (json!(false), json!({}), Some((Step::Minor, ""))),
        ] {
            let found = reasons(&old, &new);
            let highest = found.iter().max_by_key(|reason| reason.step).map(|reason| (reason.step, reason.pointer.as_str()));
            assert_eq!(highest, want, "{old} {new}: {found:?}");
        }
    }

    #[test]
    fn references_are_followed_also_in_circles() {
        let of = |inner: Value| json!({ "properties": { "a": { "$ref": "#/$defs/n" } }, "$defs": { "n": inner } });
        let node = |kind: &str| json!({ "properties": { "next": { "$ref": "#/$defs/n" }, "v": { "type": kind } } });
        assert_eq!(reasons(&of(node("string")), &of(node("string"))), []);
        let found = reasons(&of(node("string")), &of(node("null")));
        assert_eq!(found.iter().map(|reason| reason.pointer.as_str()).collect::<Vec<_>>(), ["/$defs/n/properties/v/type"]);
        // Nothing refers to it, so it says nothing.
        assert_eq!(reasons(&json!({ "$defs": { "n": {} } }), &json!({ "$defs": { "n": false } })), []);
        // The same schema, written out.
        assert_eq!(
            reasons(&of(json!({ "type": "string" })), &json!({ "properties": { "a": { "type": "string" } } }))
                .iter()
                .map(|reason| reason.step)
                .max(),
            Some(Step::Major)
        );
        let outside = |to: &str| json!({ "$ref": to });
        assert_eq!(reasons(&outside("a.json"), &outside("a.json")), []);
        assert_eq!(reasons(&outside("a.json"), &outside("b.json"))[0].step, Step::Major);
    }

    #[test]
    fn versions_have_steps() {
        for (from, to, want) in [
            ("1.2.3", "1.2.4", Some(Step::Patch)),
            ("1.2.3", "1.3.0", Some(Step::Minor)),
            ("1.2.3", "2.0.0", Some(Step::Major)),
            ("0.2.3", "0.3.0", Some(Step::Major)),
            ("0.2.3", "0.2.4", Some(Step::Minor)),
            ("0.2.3", "1.0.0", Some(Step::Major)),
            ("1.2.3", "1.2.3", None),
            ("1.2.3", "1.2.3-rc.1", None),
        ] {
            let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
            assert_eq!(Step::between(&from, &to), want, "{from} {to}");
        }
        for (step, from, want) in [
            (Step::Major, "1.2.3", "2.0.0"),
            (Step::Minor, "1.2.3", "1.3.0"),
            (Step::Patch, "1.2.3", "1.2.4"),
            (Step::Major, "0.2.3", "0.3.0"),
            (Step::Minor, "0.2.3", "0.2.4"),
        ] {
            let from = from.parse().unwrap();
            assert_eq!(step.above(&from).to_string(), want);
            assert!(Step::between(&from, &step.above(&from)) >= Some(step), "{from}");
        }
    }
}
