//! Paths that went, found by their last parts: a document may name a file by no more than those.

use crate::lockdown::index::reverse;
use std::collections::BTreeSet;

/// More paths than these with the same end tell nothing.
pub const MOST: usize = 8;

/// Files with the folders around them, by their parts in reverse order: a common end is a common beginning here.
#[derive(Default)]
pub struct Ends(Vec<(String, String)>);

impl Ends {
    pub fn of<'p>(paths: impl Iterator<Item = &'p str>) -> Ends {
        let mut all: BTreeSet<&str> = BTreeSet::new();
        for mut path in paths {
            while all.insert(path) {
                let Some((folder, _)) = path.rsplit_once('/') else { break };
                path = folder;
            }
        }
        let mut ends: Vec<(String, String)> = all.into_iter().map(|path| (reverse(path), path.to_owned())).collect();
        ends.sort_unstable();
        Ends(ends)
    }

    /// The paths that end in these parts and begin with others; at most one more than [`MOST`].
    pub fn with(&self, parts: &str) -> impl Iterator<Item = &str> {
        let below = format!("{}/", reverse(parts.trim_end_matches('/')));
        let at = self.0.partition_point(|(reversed, _)| *reversed < below);
        self.0[at..].iter().take_while(move |(reversed, _)| reversed.starts_with(&below)).map(|(_, path)| path.as_str()).take(MOST + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_by_what_they_end_in() {
        let ends = Ends::of(["a/lib/x.rs", "b/lib/x.rs", "b/mylib/x.rs", "x.rs", "c/deep/run/y.rs"].into_iter());
        for (parts, found) in [
            ("lib/x.rs", vec!["a/lib/x.rs", "b/lib/x.rs"]),
            ("mylib/x.rs", vec!["b/mylib/x.rs"]),
            ("deep/run/", vec!["c/deep/run"]),
            ("run", vec!["c/deep/run"]),
            ("c/deep", vec![]),
            ("ib/x.rs", vec![]),
        ] {
            assert_eq!(ends.with(parts).collect::<Vec<_>>(), found, "{parts}");
        }
        assert_eq!(Ends::of((0..20).map(|_| "q/same.rs")).with("same.rs").count(), 1);
        let many: Vec<String> = (0..20).map(|at| format!("{at}/same.rs")).collect();
        assert_eq!(Ends::of(many.iter().map(String::as_str)).with("same.rs").count(), MOST + 1);
    }
}
