//! Which documents are meant: those named, those of a named folder, or those that the protocol declares.

use super::{super::args, gathered::Gathered};
use crate::{
    domain::{Fault, Reason, Result},
    text::near,
    tree::EntryKind,
};
use std::{
    collections::BTreeMap,
    path::{Component, Path},
};

pub struct Chosen {
    /// From the root.
    pub path: String,
    pub strict: bool,
}

/// Sorted by path, each once.
pub fn choose(gathered: &Gathered, args: &args::DocsCheck) -> Result<Vec<Chosen>> {
    let declared = gathered.protocol.as_ref().map(|protocol| protocol.documents.protocol.clone()).unwrap_or_default();
    let mut chosen: BTreeMap<String, bool> = BTreeMap::new();
    if args.paths.is_empty() {
        if declared.is_empty() {
            let fault = Fault::new(Reason::NothingToCheck, "the protocol declares no document, and none was named");
            return Err(fault.help("`tagwarden docs check PATH`, or name them under `documents.protocol` in gates/protocol.yaml"));
        }
        chosen.extend(declared.iter().map(|path| (path.clone(), true)));
    }
    let entries = gathered.tree.entries().map_err(super::gathered::unreadable)?;
    for path in &args.paths {
        let (path, prefix) = found(gathered, path)?;
        match prefix {
            None => {
                chosen.insert(path, true);
            }
            Some(prefix) => {
                let below = entries.iter().filter(|entry| entry.path.starts_with(&prefix));
                let documents =
                    below.filter(|entry| matches!(entry.kind, EntryKind::File | EntryKind::Executable) && is_document(&entry.path));
                let before = chosen.len();
                for entry in documents {
                    chosen.entry(entry.path.clone()).or_insert_with(|| args.strict || declared.contains(&entry.path));
                }
                if chosen.len() == before {
                    let fault = Fault::new(Reason::NothingToCheck, format!("`{}` holds no Markdown file", shown(&path)));
                    return Err(fault.help("name a document, or a folder that holds some"));
                }
            }
        }
    }
    Ok(chosen.into_iter().map(|(path, strict)| Chosen { path, strict }).collect())
}

/// The path from the root; for a folder, also what its files start with.
fn found(gathered: &Gathered, path: &Path) -> Result<(String, Option<String>)> {
    let entries = gathered.tree.entries().map_err(super::gathered::unreadable)?;
    let tried = [from_root(&gathered.prefix, path), from_root("", path), gathered.below_root(path)];
    for path in tried.into_iter().flatten() {
        if entries.binary_search_by(|entry| entry.path.as_str().cmp(&path)).is_ok() {
            return Ok((path, None));
        }
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let at = entries.partition_point(|entry| entry.path.as_str() < prefix.as_str());
        if entries.get(at).is_some_and(|entry| entry.path.starts_with(&prefix)) {
            return Ok((path, Some(prefix)));
        }
    }
    let path = path.to_string_lossy();
    let fault = Fault::new(Reason::BadUsage, format!("`{}` is no file or folder of the tree", path.escape_debug()));
    Err(match near::nearest(&path, entries.iter().map(|entry| entry.path.as_str()).filter(|path| is_document(path))) {
        Some(near) => fault.help(format!("did you mean `{near}`?")),
        None => fault.help("name a document, or a folder that holds some; ignored files are not seen"),
    })
}

/// `None`: out of the tree, or absolute.
fn from_root(prefix: &str, path: &Path) -> Option<String> {
    let mut parts: Vec<String> = prefix.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(parts.pop()?),
            Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}

fn is_document(path: &str) -> bool {
    let lower = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    [".md", ".markdown", ".mdx"].iter().any(|end| lower.ends_with(end))
}

fn shown(path: &str) -> &str {
    if path.is_empty() { "." } else { path }
}
