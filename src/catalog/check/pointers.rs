//! What the pointer files say of the artifacts: every entry is an artifact that is there, of one kind, and no pre-release.

use super::{Input, Known, file};
use crate::{
    catalog::{
        document::{Library, Read},
        layout::PointerAt,
        pointer::{Entry, Pointer},
        rails,
        rules::refs,
    },
    domain::{Finding, Severity},
    text::{located::MOST_WRONG, near, schema::Files},
    tree::Unreadable,
};
use serde_json::Value;

pub(super) fn absent(at: &PointerAt) -> Finding {
    let message = match &at.branch {
        Some(branch) => format!("the pointer file {} is neither in this tree nor on a branch `{branch}` that is known here", at.file),
        None => format!("the pointer file {} is not in the tree", at.file),
    };
    Finding::error("catalog/no-pointer", message).at(file::start(&at.file)).help("commit it; `{}` is one that activates nothing")
}

pub(super) fn entries(input: &Input, known: &Known, pointer: &Pointer) -> Vec<Finding> {
    pointer.entries().iter().filter_map(|entry| self::entry(input, known, pointer, entry)).collect()
}

fn entry(input: &Input, known: &Known, pointer: &Pointer, entry: &Entry) -> Option<Finding> {
    let at = entry.pointer();
    let finding = |code: &str, message: String| {
        Finding::error(code, message).at(pointer.source.place(pointer.located.range(&at))).pointer(at.as_str())
    };
    let kinds: Vec<&str> = match &entry.kind {
        Some(kind) if input.layout.kinds.keys().any(|known| known.as_str() == kind) => vec![kind],
        Some(kind) => {
            let known: Vec<&str> = input.layout.kinds.keys().map(|kind| kind.as_str()).collect();
            let message = format!("`kinds` has no kind `{}`", kind.escape_debug());
            return Some(finding("catalog/unknown-kind", message).help(near::help(kind, &known)));
        }
        None => input.layout.kinds.keys().map(|kind| kind.as_str()).filter(|kind| known.of(kind, &entry.id).next().is_some()).collect(),
    };
    let (id, version) = (entry.id.escape_debug(), entry.version.escape_debug());
    let [kind] = kinds[..] else {
        return Some(match kinds.as_slice() {
            [] => {
                let ids = known.artifacts.iter().map(|artifact| artifact.id.as_str());
                let help = near::nearest(&entry.id, ids.take(super::resolve::MOST_NEAR)).map(|near| format!("did you mean `{near}`?"));
                let missing = finding("catalog/missing-artifact", format!("there is no artifact `{id}`"));
                help.into_iter().fold(missing, Finding::help)
            }
            several => finding("catalog/ambiguous-id", format!("several kinds have an artifact `{id}`: {}", several.join(", ")))
                .help("`shape: grouped` tells them apart"),
        });
    };
    let versions: Vec<&str> = known.of(kind, &entry.id).filter_map(|at| known.artifacts[at].version.as_deref()).collect();
    if !versions.contains(&entry.version.as_str()) {
        let path = input
            .layout
            .kinds
            .iter()
            .find(|(name, _)| name.as_str() == kind)
            .and_then(|(_, of)| of.path.path_of(&entry.id, Some(&entry.version)));
        let nowhere = path.map(|path| format!(": nothing is at {path}")).unwrap_or_default();
        let missing = finding("catalog/missing-artifact", format!("there is no artifact `{kind}:{id}@{version}`{nowhere}"));
        return Some(match versions.is_empty() {
            true => missing,
            false => missing.help(format!("versions of it: {}", versions.join(", "))),
        });
    }
    let is_pre_release = semver::Version::parse(&entry.version).is_ok_and(|version| !version.pre.is_empty());
    is_pre_release.then(|| finding("catalog/pre-release-active", format!("`{version}` is a pre-release, which is never active")))
}

/// The pointer file by the schema that it names itself, where that is a file of the tree. It decides nothing here, so it warns.
pub(super) fn own_schema(library: &Library, pointer: &Pointer) -> Result<Vec<Finding>, Unreadable> {
    let Some(Value::String(named)) = pointer.located.value.get("$schema") else { return Ok(Vec::new()) };
    let folder = pointer.source.file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let Some(path) = refs::from_root(folder, named).filter(|_| !named.contains(':')) else { return Ok(Vec::new()) };
    let read = library.document(&path)?;
    let Some(Read::Document(schema)) = read.as_deref() else { return Ok(Vec::new()) };
    let mut findings = Vec::new();
    let compiled = rails::compiled(&schema.source, &schema.located, &Files::new(), &mut findings);
    for violation in compiled.iter().flat_map(|schema| schema.violations(&pointer.located.value, MOST_WRONG)) {
        let range = if violation.of_key { pointer.located.key_range(&violation.pointer) } else { None };
        let place = pointer.source.place(range.unwrap_or_else(|| pointer.located.range(&violation.pointer)));
        let finding = Finding::warning("catalog/pointer-schema", format!("by {path}, {}", violation.message)).at(place);
        findings.push(finding.pointer(violation.pointer));
    }
    Ok(findings.into_iter().map(|finding| Finding { severity: Severity::Warning, ..finding }).collect())
}
