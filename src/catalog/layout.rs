//! Where artifacts are: kinds with their path templates, and the pointer file. The checked form of `kinds` and `pointer` in
//! `gates/protocol.yaml`; [`crate::gate::config`] makes it.
//!
//! Deliberately absent: any habit of one repository. What a path means is only what its template says.

use crate::{
    domain::{ChannelName, KindName, RefName, TagPattern},
    text::template::{Allowed, Template},
};
use indexmap::IndexMap;
use regex::Regex;
use std::{collections::BTreeMap, sync::Arc};

/// The default is a repository without artifacts.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// In the order of the file.
    pub kinds: IndexMap<KindName, Kind>,
    /// One for each channel that has its own; empty: nothing is ever active.
    pub pointers: Vec<PointerAt>,
    /// The folder that the rails are in.
    pub rails: Arc<RailFiles>,
}

/// Files of a folder of gates; those below `rails/` say what must hold of artifacts.
#[derive(Clone, Debug, Default)]
pub struct RailFiles {
    /// By path relative to the folder.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The folder's own path, for places in messages.
    pub root: String,
}

#[derive(Clone, Debug)]
pub struct Kind {
    pub path: PathTemplate,
    pub rail: RailOf,
    /// JSON pointers to where an artifact's own file says its id and version.
    pub id: Option<String>,
    pub version: Option<String>,
    /// Whether a key whose value is null counts as absent.
    pub null_is_absent: bool,
    /// Whether a committed file may neither go nor move.
    pub permanent: bool,
    /// JSON pointers to values whose change needs a major step of the version.
    pub major: Vec<String>,
    /// The name of the release tags of its artifacts.
    pub release_tag: TagPattern,
}

/// The rail that an artifact is checked by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RailOf {
    Named(String),
    /// Each artifact names its own, at this JSON pointer.
    SaidAt(String),
    /// It is only read.
    None,
}

/// A pointer file of one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointerAt {
    pub channel: ChannelName,
    pub file: String,
    pub shape: Shape,
    /// Without `refs/heads/`; `None`: it is in the tree that it speaks of.
    pub branch: Option<String>,
}

impl PointerAt {
    /// The branch that activations are written to. `None`: several release branches, and the protocol does not say which.
    pub fn branch_ref(&self, release_branches: &[String]) -> Option<RefName> {
        let branch = match (&self.branch, release_branches) {
            (Some(branch), _) => branch,
            (None, [only]) => only,
            (None, _) => return None,
        };
        format!("refs/heads/{branch}").parse().ok()
    }

    /// Whether activations are written to a release branch itself, between the commits of everybody else.
    pub fn is_on(&self, release_branches: &[String]) -> bool {
        self.branch.as_ref().is_none_or(|branch| release_branches.contains(branch))
    }
}

impl Layout {
    pub fn kind(&self, name: &str) -> Option<&Kind> {
        self.kinds.get(&name.parse::<KindName>().ok()?)
    }

    /// The pointer file of a channel.
    pub fn pointer(&self, channel: &ChannelName) -> Option<&PointerAt> {
        self.pointers.iter().find(|pointer| pointer.channel == *channel)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `{id: version}`.
    Flat,
    /// `{kind: {id: version}}`.
    Grouped,
}

impl Shape {
    pub const ALL: &'static [(&'static str, Shape)] = &[("flat", Shape::Flat), ("grouped", Shape::Grouped)];
}

/// The path of an artifact's file from the root, with `{id}` and `{version}`. Either is one part of a path at most: it never spans a
/// slash. `*` is anything inside one part, `**` any number of whole parts.
#[derive(Clone, Debug)]
pub struct PathTemplate {
    text: String,
    template: Template,
    pattern: Regex,
    /// What every path starts with.
    prefix: String,
}

/// What a path says of the artifact in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub id: Option<String>,
    pub version: Option<String>,
}

const PLACEHOLDERS: &[&str] = &["id", "version"];

impl PathTemplate {
    pub fn parse(text: &str) -> Result<PathTemplate, String> {
        let inside = |part: &str| !matches!(part, "" | "." | "..");
        if !text.split('/').all(inside) || text.contains(['\\', ':']) || text.chars().any(char::is_control) {
            return Err(format!("`{}` is not a path inside the repository", text.escape_debug()));
        }
        if text.split('/').any(|part| part.contains("**") && part != "**") || text.ends_with("**") {
            return Err("`**` is a whole part of a path, and not the last".to_owned());
        }
        let allowed = Allowed { values: PLACEHOLDERS, env: false, captures: &[] };
        let template = Template::parse(text).and_then(|template| template.allow(&allowed)).map_err(|malformed| malformed.message)?;
        for name in PLACEHOLDERS {
            if template.slots().filter(|(slot, _)| slot.to_string() == format!("{{{name}}}")).count() > 1 {
                return Err(format!("`{{{name}}}` is in the path twice"));
            }
        }
        // The placeholders become texts that no path holds, so that everything else can be escaped at once.
        let marked = template.expand(|slot| Some(format!("\u{1}{slot}\u{1}"))).map_err(|slot| format!("`{slot}` is not filled in"))?;
        let prefix = marked[..marked.find(['\u{1}', '*']).unwrap_or(marked.len())].to_owned();
        let pattern = regex::escape(&marked)
            .replace("\u{1}\\{id\\}\u{1}", "(?P<id>[^/]+)")
            .replace("\u{1}\\{version\\}\u{1}", "(?P<version>[^/]+)")
            .replace("\\*\\*/", "(?:[^/]+/)*")
            .replace("\\*", "[^/]*");
        let pattern = Regex::new(&format!("^{pattern}$")).map_err(|error| error.to_string())?;
        Ok(PathTemplate { text: text.to_owned(), template, pattern, prefix })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn has(&self, placeholder: &str) -> bool {
        self.template.slots().any(|(slot, _)| slot.to_string() == format!("{{{placeholder}}}"))
    }

    /// `None`: the path is not of this template.
    pub fn read(&self, path: &str) -> Option<Said> {
        if !path.starts_with(&self.prefix) {
            return None;
        }
        let found = self.pattern.captures(path)?;
        let part = |name| found.name(name).map(|part| part.as_str().to_owned());
        Some(Said { id: part("id"), version: part("version") })
    }

    /// The artifact that a file belongs to: as its own file, or by lying in its folder.
    pub fn of_file(&self, path: &str) -> Option<Said> {
        if !self.owns_folder() {
            return self.read(path);
        }
        let name = self.text.rsplit_once('/').map_or(self.text.as_str(), |(_, name)| name);
        path.match_indices('/').find_map(|(at, _)| self.read(&format!("{}/{name}", &path[..at])))
    }

    /// The folder that everything of this template is in; empty: the root.
    pub fn fixed_folder(&self) -> &str {
        self.prefix.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// Where an artifact would be; `None` where the template leaves that open.
    pub fn path_of(&self, id: &str, version: Option<&str>) -> Option<String> {
        if self.text.contains('*') {
            return None;
        }
        let value = |slot: &crate::text::template::Slot| match slot.to_string().as_str() {
            "{id}" => Some(id.to_owned()),
            "{version}" => version.map(str::to_owned),
            _ => None,
        };
        self.template.expand(value).ok()
    }

    /// Whether an artifact has its folder to itself: then every file below belongs to it. Where the file's own name varies, the folder
    /// holds several.
    pub fn owns_folder(&self) -> bool {
        let (folder, file) = self.text.rsplit_once('/').unwrap_or(("", &self.text));
        !file.contains(['{', '*']) && folder.contains('{')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_read_and_make_paths() {
        let said = |id: Option<&str>, version: Option<&str>| Some(Said { id: id.map(str::to_owned), version: version.map(str::to_owned) });
        for (template, path, want) in [
            ("docs/{id}/releases/{version}/package.yaml", "docs/a.v1/releases/1.10/package.yaml", said(Some("a.v1"), Some("1.10"))),
            ("docs/{id}/releases/{version}/package.yaml", "docs/a/b/releases/1/package.yaml", None),
            ("docs/{id}/releases/{version}/package.yaml", "x/docs/a/releases/1/package.yaml", None),
            ("docs/{id}/releases/{version}/package.yaml", "docs/a/releases/1/packageXyaml", None),
            ("products/**/{id}.md", "products/x.md", said(Some("x"), None)),
            ("products/**/{id}.md", "products/a/b/x.md", said(Some("x"), None)),
            ("products/**/{id}.md", "productsx.md", None),
            ("t/{id}-{version}.csv", "t/bin-0752.csv", said(Some("bin"), Some("0752"))),
            ("t/*.csv", "t/bin.csv", said(None, None)),
            ("t/*.csv", "t/a/bin.csv", None),
            ("{{x}}/{id}", "{x}/no", said(Some("no"), None)),
        ] {
            let template = PathTemplate::parse(template).unwrap();
            assert_eq!(template.read(path), want, "{} {path}", template.as_str());
            if let Some(Said { id: Some(id), version }) = want {
                let made = template.path_of(&id, version.as_deref());
                assert_eq!(made.as_deref(), (!template.as_str().contains('*')).then_some(path), "{path}");
            }
        }
    }

    #[test]
    fn files_belong_to_artifacts_by_path_or_folder() {
        for (template, path, want) in [
            ("docs/{id}/{version}/m.json", "docs/a/1/m.json", Some("a@1")),
            ("docs/{id}/{version}/m.json", "docs/a/1/texts/b/c.txt", Some("a@1")),
            ("docs/{id}/{version}/m.json", "docs/a/notes.txt", None),
            ("docs/{id}/{version}/m.json", "other/a/1/m.json", None),
            ("t/{id}-{version}.csv", "t/bin-0752.csv", Some("bin@0752")),
            ("t/{id}-{version}.csv", "t/bin-0752.csv/x", None),
        ] {
            let said = PathTemplate::parse(template).unwrap().of_file(path);
            let said = said.map(|said| format!("{}@{}", said.id.unwrap_or_default(), said.version.unwrap_or_default()));
            assert_eq!(said.as_deref(), want, "{template} {path}");
        }
    }

    #[test]
    fn templates_that_cannot_be_meant_are_refused() {
        for text in ["", "/a/{id}", "a/../{id}", "a//{id}", "{name}/x", "{id}/{id}", "a**/{id}", "{id}/**", "a\\{id}", "{id", "c:/{id}"] {
            assert!(PathTemplate::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_artifact_has_its_folder_where_the_file_name_is_fixed() {
        for (text, owns) in
            [("a/{id}/{version}/m.json", true), ("{id}/m.json", true), ("a/{id}.json", false), ("a/m.json", false), ("m.json", false)]
        {
            assert_eq!(PathTemplate::parse(text).unwrap().owns_folder(), owns, "{text}");
        }
    }
}
