//! Rails: folders below `gates/rails/` that say what must hold of an artifact. `schema.json` is a JSON Schema, `lint.yaml` the rules;
//! either may be absent. Other JSON files of the folder can be referred to by the schema.
//!
//! Everything is compiled once, when the rails are read. A rail that cannot be used is a configuration error, with every error of every
//! rail.
//!
//! Deliberately absent: rails outside the repository, and schemas in YAML.

use super::{
    layout::{Layout, RailOf},
    pointer::malformed,
    rules::{self, Form, Rule},
};
use crate::{
    domain::{Finding, Place},
    text::{
        json,
        located::Located,
        near, query,
        schema::{Files, Schema},
        source::Source,
        yaml,
    },
};
use rayon::prelude::*;
use std::{collections::BTreeMap, sync::Arc};

const FOLDER: &str = "rails";
const SCHEMA: &str = "schema.json";
const LINT: &str = "lint.yaml";

/// A name that the folder of a rail may have.
pub fn name(name: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    match name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(is_plain) {
        true => Ok(name.to_owned()),
        false => Err(format!("`{}` is not the name of a folder below gates/rails/", name.escape_debug())),
    }
}

#[derive(Default)]
pub struct Rails {
    rails: BTreeMap<String, Rail>,
}

pub struct Rail {
    pub name: String,
    pub schema: Option<Schema>,
    pub rules: Vec<Rule>,
}

impl Rails {
    /// Reads the rails of a layout, side by side. The findings are never empty.
    pub fn read(layout: &Layout) -> Result<Rails, Vec<Finding>> {
        query::side_by_side(|| Rails::read_here(layout))
    }

    fn read_here(layout: &Layout) -> Result<Rails, Vec<Finding>> {
        let (files, root) = (&layout.rails.files, &layout.rails.root);
        let mut folders: BTreeMap<&str, BTreeMap<&str, &[u8]>> = BTreeMap::new();
        for (path, bytes) in files {
            let Some((rail, file)) = path.strip_prefix(FOLDER).and_then(|path| path.strip_prefix('/')?.split_once('/')) else { continue };
            folders.entry(rail).or_default().insert(file, bytes);
        }
        let mut findings = Vec::new();
        let names: Vec<&str> = folders.keys().copied().collect();
        for (kind, named) in layout.kinds.iter().filter_map(|(kind, of)| match &of.rail {
            RailOf::Named(name) => Some((kind, name)),
            RailOf::SaidAt(_) | RailOf::None => None,
        }) {
            if !folders.contains_key(named.as_str()) {
                let message = format!("there is no rail `{named}` for artifacts of kind `{kind}`");
                let help = match near::nearest(named, names.iter().copied()) {
                    Some(near) => format!("did you mean `rail: {near}`?"),
                    None => format!("write {root}/{FOLDER}/{named}/{SCHEMA} or {LINT}, or `rail: none` where nothing is to be checked"),
                };
                findings.push(Finding::error("rail/unknown", message).help(help));
            }
        }
        let folders: Vec<_> = folders.into_iter().collect();
        let kinds: Vec<&str> = layout.kinds.keys().map(|kind| kind.as_str()).collect();
        let read: Vec<(Rail, Vec<Finding>)> = folders
            .par_iter()
            .map(|(name, files)| {
                let mut findings = Vec::new();
                (rail(name, files, (root, &kinds), &mut findings), findings)
            })
            .collect();
        let mut rails = BTreeMap::new();
        for (rail, mut wrong) in read {
            findings.append(&mut wrong);
            rails.insert(rail.name.clone(), rail);
        }
        match findings.is_empty() {
            true => Ok(Rails { rails }),
            false => Err(findings),
        }
    }

    pub fn get(&self, name: &str) -> Option<&Rail> {
        self.rails.get(name)
    }

    /// Whether a rule looks into other files than the one that it is asked of.
    pub fn look_elsewhere(&self) -> bool {
        self.rails.values().flat_map(|rail| &rail.rules).any(|rule| matches!(rule.form, Form::Refs(_)))
    }

    /// Whether every rule looks at one file alone, so that what it says of a file stays true whatever others become.
    pub fn are_local(&self) -> bool {
        self.rails.values().flat_map(|rail| &rail.rules).all(Rule::is_local)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rails.keys().map(String::as_str)
    }
}

/// `kinds`: those that there are.
fn rail(name: &str, files: &BTreeMap<&str, &[u8]>, (root, kinds): (&str, &[&str]), findings: &mut Vec<Finding>) -> Rail {
    let path = |file: &str| format!("{root}/{FOLDER}/{name}/{file}");
    if !files.contains_key(SCHEMA) && !files.contains_key(LINT) {
        let place = Place { file: path(SCHEMA), line: 1, column: 1, end_column: None, source: None };
        let message = format!("the rail `{name}` has neither {SCHEMA} nor {LINT}, so it checks nothing");
        findings.push(Finding::error("rail/empty", message).at(place));
    }
    let mut read: BTreeMap<&str, (Source, Located)> = BTreeMap::new();
    for (file, bytes) in files.iter().filter(|(file, _)| file.ends_with(".json")) {
        match json_of(path(file), bytes) {
            Ok(json) => drop(read.insert(file, json)),
            Err(wrong) => findings.extend(wrong),
        }
    }
    let given: Files = read.iter().map(|(file, (_, located))| ((*file).to_owned(), Arc::new(located.value.clone()))).collect();
    let schema = read.get(SCHEMA).and_then(|(source, located)| compiled(source, located, &given, findings));
    let rules = match files.get(LINT).map(|bytes| yaml::source(path(LINT), bytes)) {
        Some(Ok(source)) => rules::read(name, &source, kinds, findings),
        Some(Err(finding)) => {
            findings.push(finding);
            Vec::new()
        }
        None => Vec::new(),
    };
    Rail { name: name.to_owned(), schema, rules }
}

fn json_of(path: String, bytes: &[u8]) -> Result<(Source, Located), Vec<Finding>> {
    let source = yaml::source(path, bytes).map_err(|finding| vec![finding])?;
    let located = json::read(&source).map_err(|errors| errors.iter().map(|error| malformed(&source, error)).collect::<Vec<_>>())?;
    Ok((source, located))
}

/// The schema in a file; what is wrong with it goes to `findings`, each at its place.
pub(super) fn compiled(source: &Source, located: &Located, files: &Files, findings: &mut Vec<Finding>) -> Option<Schema> {
    match Schema::compile(SCHEMA, &located.value, files) {
        Ok(schema) => Some(schema),
        Err(unusable) => {
            for error in unusable {
                let place = source.place(located.range(&error.pointer));
                let finding = Finding::error("rail/schema", format!("this schema cannot be used: {}", error.message)).at(place);
                let finding = finding.pointer(error.pointer);
                findings.push(error.help.iter().fold(finding, |finding, help| finding.help(help.as_str())));
            }
            None
        }
    }
}
