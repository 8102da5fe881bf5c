//! Which documents are meant: those named, those of a named folder, or those that the protocol declares.

use super::{
    super::{args, paths},
    gathered::Gathered,
};
use crate::{
    domain::{Fault, Reason, Result},
    tree::EntryKind,
};
use std::collections::BTreeMap;

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
        let (path, prefix) = paths::in_tree(&gathered.world, gathered.tree.as_ref(), path, is_document)?;
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
                    let fault = Fault::new(Reason::NothingToCheck, format!("`{}` holds no Markdown file", paths::shown(&path)));
                    return Err(fault.help("name a document, or a folder that holds some"));
                }
            }
        }
    }
    Ok(chosen.into_iter().map(|(path, strict)| Chosen { path, strict }).collect())
}

fn is_document(path: &str) -> bool {
    let lower = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    [".md", ".markdown", ".mdx"].iter().any(|end| lower.ends_with(end))
}
