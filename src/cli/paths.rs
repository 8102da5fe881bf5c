//! Paths on the command line, as paths of a tree.

use crate::{
    domain::{Fault, Reason, Result},
    text::near,
    tree::Tree,
    world::World,
};
use std::path::{Component, Path};

/// The path from the root; for a folder, also what its files start with. `is_meant`: the files that may be suggested where there is
/// nothing of this name.
pub fn in_tree(world: &World, tree: &dyn Tree, path: &Path, is_meant: impl Fn(&str) -> bool) -> Result<(String, Option<String>)> {
    let entries = tree.entries().map_err(|error| Fault::new(Reason::GateInconclusive, error.to_string()))?;
    let below_root = path.strip_prefix(world.git.dir()).ok().map(|below| below.to_string_lossy().into_owned());
    let tried = [from_root(world.git.prefix(), path), from_root("", path), below_root];
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
    Err(match near::nearest(&path, entries.iter().map(|entry| entry.path.as_str()).filter(|path| is_meant(path))) {
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

/// A word of a command that somebody is advised to type.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:@,=%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// The root has a name, too.
pub fn shown(path: &str) -> &str {
    if path.is_empty() { "." } else { path }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_a_shell_would_split_is_quoted() {
        for (word, quoted) in [("/srv/a-b/c.d", "/srv/a-b/c.d"), ("", "''"), ("a b", "'a b'"), ("$(x)", "'$(x)'"), ("it's", "'it'\\''s'")] {
            assert_eq!(super::quoted(word), quoted);
        }
    }
}
