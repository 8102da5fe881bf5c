//! What the commands of a document have done so far: the folder they are in, what they have set and made.
//!
//! Whoever follows a document goes from block to block in one shell, so most of it stays from one to the next.

use std::collections::HashSet;

/// Programs that make no file of what they are given. Sorted, as all such lists here.
const READERS: &[&str] = &[
    "[", "bash", "bat", "cat", "cd", "chmod", "dash", "echo", "export", "grep", "head", "jq", "ksh", "less", "ls", "make", "node", "npm",
    "pnpm", "python", "python3", "ruby", "sh", "source", "sudo", "tail", "test", "yarn", "zsh",
];

/// Programs that fill whole folders.
const FILLERS: &[&str] = &["7z", "gh", "gunzip", "tar", "unzip"];

/// Programs that make no files but those that they are told to.
const QUIET: &[&str] = &[
    ".",
    "[",
    "bat",
    "cat",
    "cd",
    "chmod",
    "cmp",
    "cp",
    "curl",
    "diff",
    "echo",
    "egrep",
    "export",
    "fgrep",
    "file",
    "git",
    "grep",
    "head",
    "install",
    "jq",
    "kubectl",
    "less",
    "ln",
    "ls",
    "md5sum",
    "mkdir",
    "more",
    "mv",
    "oc",
    "popd",
    "printf",
    "psql",
    "pushd",
    "pwd",
    "rm",
    "sha256sum",
    "shellcheck",
    "source",
    "tail",
    "tee",
    "test",
    "touch",
    "wc",
    "wget",
];

#[derive(Debug)]
pub struct Around {
    /// A code span, not a block.
    pub inline: bool,
    /// In each block anew.
    pub folder: Folder,
    /// An earlier block has left the tree.
    pub strayed: bool,
    /// Variables that were set.
    pub sets: HashSet<String>,
    /// Paths and URLs that earlier commands may have made files of, each with a NUL behind it. Most documents never ask.
    noted: String,
    /// The last parts of those that came before somebody asked last.
    made: HashSet<String>,
    /// Something has run that may make files that nobody names.
    pub built: bool,
    /// A whole folder was filled, in the present block.
    filled: bool,
    /// The rules that blocks of the document show, once somebody has asked.
    pub rules: Option<HashSet<String>>,
    /// `chmod` has been used.
    pub chmod: bool,
    /// How often the text before a command was searched.
    pub searches: usize,
}

/// Where commands run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Folder {
    /// Where the reader starts: the root, or the document's folder.
    Start,
    /// A folder of the tree, from its root.
    In(String),
    /// Somewhere else.
    Elsewhere,
}

impl Around {
    pub fn new() -> Around {
        Around {
            inline: false,
            folder: Folder::Start,
            strayed: false,
            sets: HashSet::new(),
            noted: String::new(),
            made: HashSet::new(),
            built: false,
            filled: false,
            rules: None,
            chmod: false,
            searches: 0,
        }
    }

    /// A further block begins.
    pub fn begin(&mut self, inline: bool) {
        self.inline = inline;
        self.strayed |= self.folder == Folder::Elsewhere;
        self.folder = Folder::Start;
        self.filled = false;
    }

    /// Notes what a command may have made. `words`: its arguments and the files that it writes.
    pub fn ran<'w>(&mut self, program: &str, words: impl Iterator<Item = &'w str>) {
        self.chmod |= program == "chmod";
        self.built |= !is_one_of(QUIET, program);
        self.filled |= is_one_of(FILLERS, program);
        if !is_one_of(READERS, program) {
            words.for_each(|word| self.wrote(word));
        }
    }

    pub fn wrote(&mut self, path: &str) {
        self.noted.push_str(path);
        self.noted.push('\0');
    }

    /// Whether an earlier command may have made this path, or a folder on the way to it.
    pub fn may_have_made(&mut self, path: &str) -> bool {
        for part in self.noted.split('\0').map(last_part).filter(|part| !part.is_empty()) {
            if !self.made.contains(part) {
                self.made.insert(part.to_owned());
            }
        }
        self.noted.clear();
        self.filled || path.split('/').any(|part| self.made.contains(part))
    }
}

fn is_one_of(names: &[&str], name: &str) -> bool {
    names.binary_search(&name).is_ok()
}

fn last_part(word: &str) -> &str {
    let bare = word.trim_matches(['"', '\'', '/']);
    let bare = bare.strip_suffix(".git").unwrap_or(bare);
    let bare = bare.rsplit(['/', '=']).next().unwrap_or(bare);
    if matches!(bare, "." | "..") { "" } else { bare }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_so_that_each_is_found() {
        for names in [READERS, FILLERS, QUIET] {
            assert!(names.is_sorted(), "{names:?}");
        }
    }

    #[test]
    fn what_commands_are_given_may_be_made() {
        let mut around = Around::new();
        around.ran("cat", ["read.txt"].into_iter());
        around.ran("cp", ["from/a.txt", "to/b.txt", "--into=out/c"].into_iter());
        assert!(!around.may_have_made("read.txt") && around.may_have_made("b.txt") && around.may_have_made("x/a.txt/y"));
        around.wrote("late/");
        assert!(around.may_have_made("late") && around.may_have_made("c") && !around.may_have_made("to"));
        around.ran("tar", ["-x"].into_iter());
        assert!(around.may_have_made("anything"));
    }
}
