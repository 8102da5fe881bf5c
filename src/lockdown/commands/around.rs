//! What the commands of a document have done so far: the folder they are in, what they have set and made.
//!
//! Whoever follows a document goes from block to block in one shell, so most of it stays from one to the next.

use std::collections::HashSet;

/// Programs that make no file of what they are given.
const READERS: &[&str] = &[
    "bash", "bat", "cat", "cd", "chmod", "code", "dash", "echo", "export", "grep", "head", "jq", "ksh", "less", "ls", "make", "nano",
    "node", "npm", "pnpm", "python", "python3", "ruby", "sh", "source", "sudo", "tail", "test", "vi", "vim", "yarn", "zsh",
];

/// Programs that fill whole folders.
const FILLERS: &[&str] = &["7z", "gunzip", "tar", "unzip", "gh"];

/// Programs that make no files but those that they are told to.
const QUIET: &[&str] = &[
    ".",
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
    /// Last parts of the paths and URLs that earlier commands may have made files of.
    made: HashSet<String>,
    /// Something has run that may make files that nobody names.
    pub built: bool,
    /// A whole folder was filled, in the present block.
    filled: bool,
    /// The rules that blocks of the document show, once somebody has asked.
    pub rules: Option<HashSet<String>>,
    /// `chmod` has been used.
    pub chmod: bool,
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
        let (sets, made) = (HashSet::new(), HashSet::new());
        Around { inline: false, folder: Folder::Start, strayed: false, sets, made, filled: false, rules: None, chmod: false, built: false }
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
        self.built |= !QUIET.contains(&program);
        self.filled |= FILLERS.contains(&program);
        if READERS.contains(&program) {
            return;
        }
        for part in words.map(last_part).filter(|part| !part.is_empty()) {
            self.make(part);
        }
    }

    pub fn wrote(&mut self, path: &str) {
        self.make(last_part(path));
    }

    fn make(&mut self, part: &str) {
        if !self.made.contains(part) {
            self.made.insert(part.to_owned());
        }
    }

    /// Whether an earlier command may have made this path, or a folder on the way to it.
    pub fn may_have_made(&self, path: &str) -> bool {
        self.filled || path.split('/').any(|part| self.made.contains(part))
    }
}

fn last_part(word: &str) -> &str {
    let bare = word.trim_matches(['"', '\'', '/']);
    let bare = bare.strip_suffix(".git").unwrap_or(bare);
    let bare = bare.rsplit(['/', '=']).next().unwrap_or(bare);
    if matches!(bare, "." | "..") { "" } else { bare }
}
