//! Paths that git is told to leave out, so that no commit is meant to hold them: what builds and people make.
//!
//! Read from the root's `.gitignore` alone, and only its plain names: `dist`, `dist/`, `/out/web`. Deliberately absent:
//! wildcards, exceptions (`!`) but to drop the name they take back, and the files of other folders.

use super::index::Index;
use std::sync::OnceLock;

const FILE: &str = ".gitignore";

#[derive(Default)]
pub struct Ignored(OnceLock<Vec<Name>>);

#[derive(Debug, PartialEq, Eq)]
struct Name {
    path: String,
    /// Counts from the root only.
    anchored: bool,
    /// Only a folder of that name is meant.
    folder: bool,
}

impl Ignored {
    /// Whether a path lies in what is left out. A file that cannot be read leaves nothing out.
    pub fn holds(&self, index: &Index, path: &str) -> bool {
        let names = self.0.get_or_init(|| {
            let text = index.tree.read(FILE).ok().flatten().unwrap_or_default();
            read(&String::from_utf8_lossy(&text))
        });
        let written = path.trim_start_matches("./");
        let path = written.trim_end_matches('/');
        names.iter().any(|name| {
            let starts =
                std::iter::once(0).chain(path.match_indices('/').map(|(at, _)| at + 1)).take(if name.anchored { 1 } else { usize::MAX });
            starts.into_iter().any(|start| {
                let rest = path[start..].strip_prefix(name.path.as_str());
                rest.is_some_and(|rest| rest.starts_with('/') || rest.is_empty() && (!name.folder || written.len() > path.len()))
            })
        })
    }
}

fn read(text: &str) -> Vec<Name> {
    let mut names: Vec<Name> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (back, line) = line.strip_prefix('!').map_or((false, line), |line| (true, line));
        let line = line.strip_prefix("**/").unwrap_or(line);
        let path = line.trim_matches('/');
        if back {
            // What is taken back may lie below a name.
            names.retain(|name| path != name.path && !path.starts_with(&format!("{}/", name.path)));
        } else if !path.is_empty() && !path.contains(['*', '?', '[', '\\']) {
            names.push(Name { path: path.to_owned(), anchored: line.trim_end_matches('/').contains('/'), folder: line.ends_with('/') });
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::MapTree;

    #[test]
    fn plain_names_are_left_out_with_all_below_them() {
        let text = "# built\ndist/\n/out\nweb/gen/\n*.log\nkept\n!kept/here.md\n**/deep\n";
        let tree = MapTree::new([(FILE.to_owned(), text.as_bytes().to_vec())].into());
        let index = Index::new(&tree).unwrap();
        let ignored = Ignored::default();
        for (path, left_out) in [
            ("dist/bundle.js", true),
            ("./dist/bundle.js", true),
            ("dist/", true),
            ("dist", false),
            ("web/dist/a/b.js", true),
            ("distance/a.js", false),
            ("out", true),
            ("out/a.js", true),
            ("web/out/a.js", false),
            ("web/gen/a.js", true),
            ("a/web/gen/a.js", false),
            ("x.log", false),
            ("kept/a.md", false),
            ("a/deep/b.md", true),
        ] {
            assert_eq!(ignored.holds(&index, path), left_out, "{path}");
        }
    }
}
