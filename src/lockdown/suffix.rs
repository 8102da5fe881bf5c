//! The path that a wrong one must have meant: the only file of that name in the whole tree, in a folder of the same name.
//!
//! Proof only where no commit ever had the path that is written: one that was there and is gone is history's to explain.

use super::index::{Found, Index};

/// `None`: nothing is proven.
pub fn only_path<'t>(index: &Index<'t>, written: &str) -> Option<&'t str> {
    let mut parts = written.trim_start_matches("./").rsplit('/');
    let (name, folder) = (parts.next()?, parts.next()?);
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\\');
    if !plain(name) || !plain(folder) || !parts.all(plain) {
        return None;
    }
    let [only] = index.ending_in(name, 2)[..] else { return None };
    let same_folder = only.rsplit('/').nth(1) == Some(folder);
    (same_folder && matches!(index.find(only), Ok(Found::File(_)))).then_some(only)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        lockdown::{Answers, Facts, Fate, Library},
        text::{markdown, source::Source},
        tree::MapTree,
    };

    fn tree() -> MapTree {
        let paths = ["src/lib/env.ts", "src/a/route.ts", "src/b/route.ts", "src/data/dump.d/x", "top/one.sh", "docs/me.md"];
        MapTree::new(paths.iter().map(|path| ((*path).to_owned(), Vec::new())).collect())
    }

    #[test]
    fn only_a_name_that_stands_once_is_proof() {
        let tree = tree();
        let index = Index::new(&tree).unwrap();
        for (written, only) in [
            ("web/lib/env.ts", Some("src/lib/env.ts")),
            ("./web/lib/env.ts", Some("src/lib/env.ts")),
            ("docs/top/one.sh", Some("top/one.sh")),
            ("web/other/env.ts", None),
            ("env.ts", None),
            ("../lib/env.ts", None),
            ("web/a/route.ts", None),
            ("web/data/dump.d", None),
            ("web\\lib/env.ts", None),
            ("web//lib/env.ts", None),
            ("lib/env.ts/", None),
        ] {
            assert_eq!(only_path(&index, written), only, "{written}");
        }
    }

    #[test]
    fn it_is_written_only_if_no_commit_ever_had_the_other() {
        let (tree, facts) = (tree(), Facts::default());
        let library = Library::new(&tree, &facts).unwrap();
        let text = "`web/lib/env.ts:1` [a](lib/env.ts)";
        let source = Source::new("docs/me.md", text);
        let census = library.census(&source, &markdown::parse(text), true).unwrap();
        let fixes = |fate: Option<Fate>| {
            let mut census = census.clone();
            let fates = census.questions().filter_map(|question| match question {
                crate::lockdown::Question::Fate(path) => Some((path.clone(), fate.clone()?)),
                _ => None,
            });
            let answers = Answers { fates: fates.collect(), ..Answers::default() };
            census.settle(&source, &answers);
            census.problems.iter().filter_map(|problem| problem.fix.clone()).map(|fix| fix.with).collect::<Vec<_>>()
        };
        assert_eq!(fixes(Some(Fate::Never)), ["src/lib/env.ts:1"], "a link may be meant for a site's own roots");
        assert_eq!(fixes(Some(Fate::Deleted)), [""; 0]);
        assert_eq!(fixes(None), [""; 0], "nothing is known of the history");
    }
}
