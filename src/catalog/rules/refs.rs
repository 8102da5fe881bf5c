//! References: values that name other things.
//!
//! A rule selects values in a file of the artifact, and says as templates what each of them names. A target is a path, with `#` and a JSON
//! pointer into the file where that is meant; the name of an artifact; or the text that must speak of the value. Where there are several
//! targets one that holds is enough. Without `each` there is one reference, from the artifact as a whole.
//!
//! ```yaml
//! refs: { each: .inputs[], to: [{ artifact: "document:{value}", must: active }] }
//! refs: { each: .role, to: [{ form: "role:{name}:{at}", artifact: "role:{name}@{at}" }] }
//! refs: { each: .sections[].path, to: [{ path: "schema.json#/properties/{value}" }] }
//! refs: { from: schema.json, to: [{ artifact: "schema:{id}@{version}", must: equal }] }
//! refs: { from: schema.json, each: .properties[], take: key, to: [{ text: prompt.txt }] }
//! ```
//!
//! Deliberately absent: fetching anything, and ranges of versions.

use super::{About, Selector, Text};
use crate::text::{
    collect::Collector,
    near,
    template::{Allowed, Slot, Template},
    yaml::Spanned,
};
use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRefs {
    /// The file that the values are in, relative to the artifact's folder; the artifact's own where absent. Where there is no such file
    /// there is no value.
    pub from: Option<Text>,
    /// Which values: a jq path, such as .inputs[]. What is null names nothing. Where absent, the artifact as a whole is the reference.
    pub each: Option<Text>,
    /// value, or key for the last key of each path; value where absent.
    pub take: Option<Text>,
    /// What each value names; one that holds is enough.
    pub to: Spanned<Vec<RawTarget>>,
    /// Whether no artifact may lead back to itself by these references.
    #[serde(default)]
    pub acyclic: bool,
    /// How many of these references may follow one another.
    pub depth: Option<Spanned<u32>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTarget {
    /// The form of the values that this target is for, such as schema:{name}:{at}; all of them where absent.
    pub form: Option<Text>,
    /// A path relative to the artifact's folder, or from the root with a slash in front; behind # a JSON pointer into the file. Without a
    /// file it is one into the file that has the value.
    pub path: Option<Text>,
    /// An artifact: KIND:ID@VERSION, or KIND:ID for any version.
    pub artifact: Option<Text>,
    /// A file, as in path, whose text has the value as a word of its own.
    pub text: Option<Text>,
    /// exist, active for the version that a pointer file names, or equal for bytes that are the same where it is there; exist where
    /// absent.
    pub must: Option<Text>,
}

pub struct Refs {
    pub(in crate::catalog) from: Option<Template>,
    pub(in crate::catalog) each: Option<Selector>,
    pub(in crate::catalog) keys: bool,
    pub(in crate::catalog) to: Vec<Target>,
    pub(in crate::catalog) acyclic: bool,
    pub(in crate::catalog) depth: Option<u32>,
}

pub struct Target {
    form: Option<Form>,
    pub(in crate::catalog) what: What,
    template: Template,
    pub(in crate::catalog) must: Must,
}

struct Form {
    text: String,
    pattern: Regex,
    names: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Path,
    Artifact,
    Text,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Must {
    Exist,
    Active,
    Equal,
}

/// What a template may say of the artifact that refers.
const OWN: [&str; 4] = ["kind", "id", "version", "value"];

pub(super) fn read(check: &mut Collector, raw: &RawRefs, kinds: &[&str]) -> Option<Refs> {
    let from = match &raw.from {
        Some(from) => Some(template(check, from, &OWN[..3])?),
        None => None,
    };
    let keys = match &raw.take {
        Some(word) => check.word(word, &[("value", false), ("key", true)])?,
        None => false,
    };
    let each = match &raw.each {
        Some(each) => Some(Selector::read(check, each)?),
        None => None,
    };
    if raw.to.is_empty() {
        check.refuse(&raw.to, "nothing-there", "`to` names nothing that a value could mean");
    }
    let to: Vec<Target> = raw.to.iter().filter_map(|target| self::target(check, target, raw.to.with(()), kinds)).collect();
    let has_graph = raw.to.iter().any(|target| target.artifact.is_some());
    if (raw.acyclic || raw.depth.is_some()) && !has_graph {
        check.refuse(&raw.to, "wrong-value", "`acyclic` and `depth` are about references to artifacts");
    }
    let depth = raw.depth.as_ref().map(|depth| depth.value);
    (to.len() == raw.to.len()).then_some(Refs { from, each, keys, to, acyclic: raw.acyclic, depth })
}

fn target(check: &mut Collector, raw: &RawTarget, at: Spanned<()>, kinds: &[&str]) -> Option<Target> {
    let (what, text) = match (&raw.path, &raw.artifact, &raw.text) {
        (Some(path), None, None) => (What::Path, path),
        (None, Some(artifact), None) => (What::Artifact, artifact),
        (None, None, Some(text)) => (What::Text, text),
        _ => {
            check.refuse(&at, "wrong-value", "a target has exactly one of `path`, `artifact` and `text`");
            return None;
        }
    };
    let form = match &raw.form {
        Some(form) => Some(self::form(check, form)?),
        None => None,
    };
    let names: Vec<&str> = OWN.into_iter().chain(form.iter().flat_map(|form| form.names.iter().map(String::as_str))).collect();
    let template = template(check, text, &names)?;
    if what == What::Artifact && !text.split_once(':').is_some_and(|(kind, id)| !kind.is_empty() && !id.is_empty()) {
        check.refuse(text, "wrong-value", "an artifact is written KIND:ID@VERSION, or KIND:ID for any version");
        return None;
    }
    // One that is filled in may be any kind.
    if what == What::Artifact
        && let Some((kind, _)) = text.split_once(':')
        && !kind.contains('{')
        && !kinds.contains(&kind)
    {
        check.refuse(text, "wrong-value", format!("there is no kind `{}`", kind.escape_debug()));
        match near::nearest(kind, kinds.iter().copied()) {
            Some(near) => check.help(format!("did you mean `{near}`?")),
            None => check.help("`kinds` in the protocol names them"),
        }
        return None;
    }
    let must = match &raw.must {
        Some(word) => {
            let must = check.word(word, &[("exist", Must::Exist), ("active", Must::Active), ("equal", Must::Equal)])?;
            if (must == Must::Active && what != What::Artifact) || (must == Must::Equal && what == What::Text) {
                check.refuse(word, "wrong-value", format!("`{}` cannot be asked of this target", word.value));
                return None;
            }
            must
        }
        None => Must::Exist,
    };
    Some(Target { form, what, template, must })
}

fn template(check: &mut Collector, text: &Text, names: &[&str]) -> Option<Template> {
    let allowed = Allowed { values: names, env: false, captures: &[] };
    match Template::parse(text).and_then(|template| template.allow(&allowed)) {
        Ok(template) => Some(template),
        Err(malformed) => {
            check.refuse(text, "bad-template", malformed.message);
            None
        }
    }
}

/// Each name is a part of the value without colons and slashes.
fn form(check: &mut Collector, text: &Text) -> Option<Form> {
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(malformed) => {
            check.refuse(text, "bad-template", malformed.message);
            return None;
        }
    };
    let mut names: Vec<String> = Vec::new();
    for (slot, _) in template.slots() {
        let Slot::Value(name) = slot else {
            check.refuse(text, "bad-template", format!("`{slot}` is not filled in here"));
            return None;
        };
        if OWN.contains(&name.as_str()) || names.contains(name) {
            check.refuse(text, "bad-template", format!("`{{{name}}}` has a meaning here already; give the part another name"));
            return None;
        }
        names.push(name.clone());
    }
    let marked = template.expand(|slot| Some(format!("\u{1}{slot}\u{1}"))).ok()?;
    let mut pattern = regex::escape(&marked);
    for name in &names {
        pattern = pattern.replace(&format!("\u{1}\\{{{}\\}}\u{1}", regex::escape(name)), &format!("(?P<{name}>[^:/]+)"));
    }
    let pattern = Regex::new(&format!("^{pattern}$")).ok()?;
    Some(Form { text: text.value.clone(), pattern, names })
}

impl Refs {
    /// The forms that a value could have, for messages.
    pub(in crate::catalog) fn forms(&self) -> String {
        let forms: Vec<String> = self.to.iter().filter_map(|target| target.form.as_ref()).map(|form| format!("`{}`", form.text)).collect();
        forms.join(" or ")
    }
}

/// Fills in what a template says of the artifact alone.
pub(in crate::catalog) fn own(template: &Template, about: &About) -> Option<String> {
    template.expand(|slot| of_artifact(slot, about)).ok()
}

fn of_artifact(slot: &Slot, about: &About) -> Option<String> {
    let Slot::Value(name) = slot else { return None };
    match name.as_str() {
        "kind" => Some(about.kind.to_owned()),
        "id" => Some(about.id.to_owned()),
        "version" => about.version.map(str::to_owned),
        _ => None,
    }
}

impl Target {
    /// What a value names by this target; `None`: it is for values of another form. `Some(None)`: the artifact has no version.
    pub(in crate::catalog) fn named(&self, about: &About, value: &str) -> Option<Option<String>> {
        let captures = match &self.form {
            Some(form) => Some(form.pattern.captures(value)?),
            None => None,
        };
        let fill = |slot: &Slot| match slot {
            Slot::Value(name) if name == "value" => Some(value.to_owned()),
            Slot::Value(name) if !OWN.contains(&name.as_str()) => {
                captures.as_ref().and_then(|captures| captures.name(name)).map(|part| part.as_str().to_owned())
            }
            slot => of_artifact(slot, about),
        };
        Some(self.template.expand(fill).ok())
    }
}

/// A path of a template from the root; `None`: it leads out of the tree.
pub(in crate::catalog) fn from_root(folder: &str, path: &str) -> Option<String> {
    let (base, path) = match path.strip_prefix('/') {
        Some(path) => ("", path),
        None => (folder, path),
    };
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Whether a text has a word as a word of its own.
pub(in crate::catalog) fn speaks_of(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    !word.is_empty()
        && text.match_indices(word).any(|(at, _)| {
            !text[..at].chars().next_back().is_some_and(is_part) && !text[at + word.len()..].chars().next().is_some_and(is_part)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside_the_tree() {
        for (folder, path, want) in [
            ("a/b", "c.json", Some("a/b/c.json")),
            ("a/b", "../c/./d", Some("a/c/d")),
            ("a/b", "/c", Some("c")),
            ("a", "../../c", None),
            ("", "..", None),
        ] {
            assert_eq!(from_root(folder, path).as_deref(), want, "{folder} {path}");
        }
    }

    #[test]
    fn words_are_whole() {
        for (text, word, want) in [
            ("say `name` now", "name", true),
            ("filename", "name", false),
            ("name_2", "name", false),
            ("names, name.", "name", true),
            ("x", "", false),
        ] {
            assert_eq!(speaks_of(text, word), want, "{text} {word}");
        }
    }
}
