//! The files of a snapshot as a list: which paths and modes may stand in it.
//!
//! The same rules hold for what is captured and for what a manifest says, so that nothing can be restored that could not have been
//! captured. Deliberately absent: names that differ in case only, which some file systems take for one.

use super::Files;
use crate::domain::Digest;
use serde::{Deserialize, Serialize};

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// With `/` separators; plain names only.
    pub path: String,
    /// The permission bits in octal, four digits: `0644`.
    pub mode: Mode,
    /// In bytes.
    pub size: u64,
    pub digest: Digest,
}

/// Permission bits, without set-user-id, set-group-id and sticky.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mode(u32);

impl Mode {
    pub const FILE: Mode = Mode(0o644);
    pub const EXECUTABLE: Mode = Mode(0o755);

    /// `None`: there are bits that are not captured.
    pub fn of_bits(bits: u32) -> Option<Mode> {
        (bits & !0o777 == 0).then_some(Mode(bits))
    }

    pub fn bits(self) -> u32 {
        self.0
    }

    pub fn parse(text: &str) -> Option<Mode> {
        let octal = text.len() == 4 && text.bytes().all(|c| (b'0'..=b'7').contains(&c));
        octal.then(|| u32::from_str_radix(text, 8).ok()).flatten().and_then(Mode::of_bits)
    }
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl Serialize for Mode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Mode, D::Error> {
        let text = String::deserialize(deserializer)?;
        Mode::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{}` is not a mode", text.escape_debug())))
    }
}

/// The longest path, in bytes: what systems take as one.
const LONGEST: usize = 4000;

/// Why a path may not stand in a snapshot; `None`: it may.
pub fn why_not(path: &str) -> Option<&'static str> {
    let parts = || path.split('/');
    match () {
        () if path.is_empty() => Some("it is empty"),
        () if path.len() > LONGEST => Some("it is too long"),
        () if path.starts_with('/') => Some("it is absolute"),
        () if parts().any(|part| part == "..") => Some("it leads upwards"),
        () if parts().any(|part| part.is_empty() || part == ".") => Some("it has an empty part"),
        () if parts().any(|part| part.len() > 255) => Some("a part of it is too long"),
        () if path.contains('\\') => Some("it has a backslash"),
        () if path.chars().any(char::is_control) => Some("it has a control character"),
        () => None,
    }
}

/// Why a list cannot be the files of a snapshot.
pub fn why_not_all(files: &Files) -> Option<String> {
    if files.is_empty() {
        return Some("it names no file".to_owned());
    }
    if let Some((path, why)) = files.paths().find_map(|path| Some((path, why_not(path)?))) {
        return Some(format!("it names `{}`: {why}", path.escape_debug()));
    }
    if let Some((_, second)) = files.paths().zip(files.paths().skip(1)).find(|(first, second)| first >= second) {
        return Some(format!("`{}` is there twice, or not in its order", second.escape_debug()));
    }
    if files.sizes().try_fold(0_u64, u64::checked_add).is_none() {
        return Some("its sizes have no sum".to_owned());
    }
    let both = files.folders().find(|folder| files.find(folder).is_some());
    both.map(|path| format!("`{}` is a file and a folder", path.escape_debug()))
}

/// The folders that a file is in, from the outermost.
pub fn folders(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

/// How many files, for people.
pub fn counted(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn entry(path: &str) -> FileEntry {
        FileEntry { path: path.to_owned(), mode: Mode::FILE, size: 1, digest: Digest::of(path.as_bytes()) }
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for (path, why) in [
            ("", "it is empty"),
            ("/etc/passwd", "it is absolute"),
            ("a/../../b", "it leads upwards"),
            ("..", "it leads upwards"),
            ("a//b", "it has an empty part"),
            ("./a", "it has an empty part"),
            ("a/", "it has an empty part"),
            ("a\\b", "it has a backslash"),
            ("a\nb", "it has a control character"),
            ("a\0b", "it has a control character"),
        ] {
            assert_eq!(why_not(path), Some(why), "{path:?}");
        }
        assert_eq!(why_not(&"x".repeat(256)), Some("a part of it is too long"));
        for path in ["a", "a/b.c", "..a/b..", "ä/日", "-rf", "a b", ".hidden"] {
            assert_eq!(why_not(path), None, "{path}");
        }
    }

    #[test]
    fn lists_that_no_folder_can_hold_are_refused() {
        let list = |paths: &[&str]| paths.iter().map(|path| entry(path)).collect::<Files>();
        assert_eq!(why_not_all(&list(&["a", "a.b", "a0/c", "b/c"])), None);
        for (paths, why) in [
            (&[][..], "it names no file"),
            (&["a", "a"], "`a` is there twice, or not in its order"),
            (&["b", "a"], "`a` is there twice, or not in its order"),
            (&["a", "a.b", "a/b"], "`a` is a file and a folder"),
            (&["a/b", "a/b/c"], "`a/b` is a file and a folder"),
            (&["../a"], "it names `../a`: it leads upwards"),
        ] {
            assert_eq!(why_not_all(&list(paths)).as_deref(), Some(why), "{paths:?}");
        }
        let huge = FileEntry { size: u64::MAX, ..entry("a") };
        assert_eq!(why_not_all(&[huge, entry("b")].into_iter().collect()).as_deref(), Some("its sizes have no sum"));
    }

    #[test]
    fn modes_are_four_octal_digits() {
        for text in ["0644", "0755", "0000", "0777"] {
            assert_eq!(Mode::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "644", "4755", "0888", "00644", "0o64", "+644"] {
            assert_eq!(Mode::parse(text), None, "{text}");
        }
    }
}
