//! Documents that the protocol names: by a path, by a folder with all below it, or by a pattern (`docs/old/*`, `**/CHANGES.md`).

use super::pattern;

/// Whether an entry of the protocol names this file.
pub fn names(entry: &str, file: &str) -> bool {
    let entry = entry.strip_prefix("./").unwrap_or(entry).trim_end_matches('/');
    let below = file.strip_prefix(entry).is_some_and(|rest| rest.starts_with('/') || rest.is_empty());
    below && !entry.is_empty() || pattern::is_pattern(entry) && matches(entry, file)
}

/// A pattern that names a folder names all below it, too.
fn matches(entry: &str, file: &str) -> bool {
    let Some(matcher) = pattern::matcher(entry) else { return false };
    let folders = file.match_indices('/').map(|(at, _)| &file[..at]).chain([file]);
    // What ends in a wildcard names files, not the folders beside them.
    let named = !entry.ends_with('*');
    folders.into_iter().filter(|path| named || *path == file).any(|path| matcher.is_match(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_named_by_path_folder_or_pattern() {
        for (entry, file, expected) in [
            ("old/a.md", "old/a.md", true),
            ("old", "old/a.md", true),
            ("old/", "old/deep/a.md", true),
            ("./old/", "old/a.md", true),
            ("old/**", "old/deep/a.md", true),
            ("old/*", "old/a.md", true),
            ("old/*", "old/deep/a.md", false),
            ("old/*.md", "old/a.md", true),
            ("*/archive/", "docs/archive/x/a.md", true),
            ("**/CHANGES.md", "a/b/CHANGES.md", true),
            ("**/CHANGES.md", "CHANGES.md", true),
            ("old", "older/a.md", false),
            ("old", "docs/old/a.md", false),
            ("", "a.md", false),
            ("/", "a.md", false),
        ] {
            assert_eq!(names(entry, file), expected, "{entry} {file}");
        }
    }
}
