//! Scripts of the tree: whether they are there, may be run, and read what they are given.

use super::{
    around::Folder,
    judge::{Judge, Proof, Run, is_variable},
    shell::Word,
};
use crate::text::constant::pattern;
use crate::{
    lockdown::{
        desk::did_you_mean,
        grade,
        index::{Found, normal},
    },
    tree::{EntryKind, Unreadable},
};
use regex::Regex;
use std::sync::LazyLock;

const BUILT: &str = "not in the tree; it may come of a build";
const MADE: &str = "an earlier command may have made it";
const ELSEWHERE: &str = "run in a folder outside of the tree";
const STRAYED: &str = "an earlier block has gone to a folder outside of the tree";
const FOREIGN: &str = "in another repository";
const OPEN: &str = "a script with a placeholder";

/// Larger scripts are not looked into.
const LARGEST: usize = 1 << 20;

/// Extensions of files that are written, not built.
const WRITTEN: &[&str] = &["sh", "bash", "zsh", "ksh", "py", "js", "mjs", "cjs", "ts", "mts", "rb", "pl", "php", "lua", "fish"];

/// Programs that no bit tells whether they may be run.
const WINDOWS: &[&str] = &["bat", "cmd", "exe", "ps1"];

/// Folders that builds fill.
const BUILDS: &[&str] =
    &["_build", "bin", "build", "cmake-build", "dist", "env", "lib", "node_modules", "out", "output", "target", "tmp", "vendor", "venv"];

/// Programs that run a script, with options that take a value, and those with which they run something else.
const INTERPRETERS: &[(&str, &[&str], &[&str])] = &[
    ("bash", &["-o", "-O", "--rcfile", "--init-file"], &["-c", "-s"]),
    ("sh", &["-o"], &["-c", "-s"]),
    ("zsh", &["-o"], &["-c", "-s"]),
    ("dash", &["-o"], &["-c", "-s"]),
    ("ksh", &["-o"], &["-c", "-s"]),
    (
        "node",
        &["-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions"],
        &["-e", "--eval", "-p", "--print"],
    ),
    ("tsx", &[], &["-e"]),
    ("ts-node", &["-P", "--project", "-r"], &["-e"]),
    ("python", &["-W", "-X"], &["-c", "-m"]),
    ("python3", &["-W", "-X"], &["-c", "-m"]),
    ("ruby", &["-r", "-I"], &["-e"]),
    ("perl", &["-I"], &["-e", "-ne", "-pe", "-pi"]),
    ("php", &["-d"], &["-r"]),
];

/// What a script does with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    text: String,
    /// For a shell.
    shell: bool,
    /// It looks at its arguments, or may.
    reads: bool,
}

static READS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)\$[@*#1-9]|\$\{[@*#1-9!]|\b(?:shift|getopts?|BASH_ARGV|argv)\b|^\s*(?:source|\.)\s"));

/// Words by which scripts of other languages read their arguments.
const READERS: &[&str] =
    &["argv", "argparse", "args", "click", "typer", "fire", "OptionParser", "optparse", "parseArgs", "commander", "getopt"];

/// Judges a program that may be a script of the tree; whether it is one.
pub fn judge(judge: &mut Judge, run: &Run) -> Result<bool, Unreadable> {
    let text = &judge.text.text;
    if let Some((_, valued, other)) = INTERPRETERS.iter().find(|(name, ..)| *name == run.program) {
        let mut words = run.words[1..].iter().enumerate();
        while let Some((at, word)) = words.next() {
            let raw = word.raw(text);
            if other.contains(&raw) {
                return Ok(false);
            }
            if valued.contains(&raw) {
                words.next();
            } else if !raw.starts_with('-') {
                return script(judge, word, &run.words[at + 2..], false);
            }
        }
        return Ok(false);
    }
    if !run.program.contains('/') {
        return Ok(false);
    }
    script(judge, &run.words[0], &run.words[1..], true)
}

/// `direct`: it is run itself, not read by another program.
fn script(judge: &mut Judge, word: &Word, arguments: &[Word], direct: bool) -> Result<bool, Unreadable> {
    let text = &judge.text.text;
    let Some(path) = word.value(text) else { return Ok(false) };
    let extension = extension(&path);
    let written = WRITTEN.contains(&extension);
    let relative = path.starts_with("./") || path.starts_with("../");
    if path.starts_with(['/', '~', '-']) || path.contains("://") || path.contains(char::is_whitespace) || !(written || path.contains('/')) {
        return Ok(false);
    }
    let first = path.trim_start_matches("./").split('/').next().unwrap_or_default();
    let library = judge.desk.library;
    let known = judge.starts().iter().filter_map(|start| normal(start, first)).any(|folder| library.index.has_folder(&folder));
    // What stands where a command should, but looks like none of the tree's: output, a list of files.
    if !(relative || written || known) {
        return Ok(false);
    }
    if word.has_placeholder(text) || path.contains('*') {
        judge.report.unsure(OPEN);
        return Ok(true);
    }
    match find(judge, &path)? {
        Some(found) => {
            judge.report.checked = true;
            if direct {
                executable(judge, word, &found)?;
            }
            let read = library.tools.scripts.get(&found, || Ok(read(&found, library.index.tree.read(&found)?.unwrap_or_default())))?;
            given(judge, arguments, &path, Some(&read));
        }
        None => {
            missing(judge, word, &path, written);
            given(judge, arguments, &path, None);
        }
    }
    Ok(true)
}

pub fn extension(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map_or("", |(_, extension)| extension)
}

/// The file of the tree that this path runs.
fn find(judge: &Judge, path: &str) -> Result<Option<String>, Unreadable> {
    for start in judge.starts() {
        if let Some(path) = normal(&start, path)
            && let Found::File(found) = judge.desk.library.index.find(&path)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn missing(judge: &mut Judge, word: &Word, path: &str, written: bool) {
    let library = judge.desk.library;
    let start = match &judge.around.folder {
        Folder::Elsewhere => return judge.report.unsure(ELSEWHERE),
        Folder::In(folder) => folder.clone(),
        Folder::Start if judge.around.strayed => return judge.report.unsure(STRAYED),
        Folder::Start => String::new(),
    };
    let bare = path.trim_start_matches("./");
    let folder = normal(&start, bare.rsplit_once('/').map_or("", |(folder, _)| folder));
    let in_folder = folder.as_deref().is_some_and(|folder| !folder.is_empty() && library.index.has_folder(folder));
    let first = bare.split('/').next().unwrap_or_default();
    if library.facts.foreign.contains_key(first) {
        return judge.report.unsure(FOREIGN);
    }
    if judge.around.may_have_made(bare) {
        return judge.report.unsure(MADE);
    }
    let build = bare.contains('/') && (BUILDS.contains(&first) || first.starts_with('.')) && !library.index.has_folder(first);
    if build || !(written || in_folder) {
        return judge.report.unsure(BUILT);
    }
    let target = normal(&start, bare).unwrap_or_else(|| bare.to_owned());
    let help = grade::similar_path(judge.desk, &target).map(|path| did_you_mean(&path));
    let range = judge.place(word);
    judge.report.blame("docs/missing-script", Proof::Tree, range, format!("`{path}` is no script of the tree"), help);
    if let Some(issue) = judge.report.issues.last_mut() {
        issue.missing = Some(target);
    }
}

fn executable(judge: &mut Judge, word: &Word, found: &str) -> Result<(), Unreadable> {
    let entry = judge.desk.library.index.tree.entry(found)?;
    let plain = entry.is_some_and(|entry| entry.kind == EntryKind::File);
    if plain && !judge.around.chmod && !WINDOWS.contains(&extension(found)) {
        let range = judge.place(word);
        let help = format!("`git update-index --chmod=+x {found}` lets it be run");
        judge.report.blame("docs/not-executable", Proof::Tree, range, format!("`{found}` is there, but is not executable"), Some(help));
    }
    Ok(())
}

/// Arguments that a script does not read, above all variables in the wrong place.
fn given(judge: &mut Judge, arguments: &[Word], path: &str, script: Option<&Script>) {
    let text = &judge.text.text;
    if script.is_some_and(|script| script.reads) {
        return;
    }
    let name = |word: &Word| word.raw(text).split_once('=').map(|(name, _)| name.to_owned()).filter(|name| is_variable(name));
    // Behind other arguments it may be meant for what the script runs: `./run.sh make X=1`.
    let first = arguments.iter().find(|word| !word.raw(text).starts_with('-'));
    if let Some((word, name)) = first.and_then(|word| Some((word, name(word)?))) {
        let raw = word.raw(text);
        let reads = script.is_some_and(|script| script.text.contains(&name));
        let known = if reads { format!("; `{path}` reads `${name}`, and no arguments") } else { String::new() };
        let message = format!("`{name}` is set behind the command word, where it is an argument and no variable{known}");
        let help = format!("put it before the command: `{raw} {path}`");
        let range = judge.place(word);
        return judge.report.blame("docs/assignment-after-command", Proof::Tree, range, message, Some(help));
    }
    let optional = |word: &Word| {
        let raw = word.raw(text);
        raw.starts_with('[') || raw.starts_with('(') || matches!(raw, "..." | "\u{2026}")
    };
    let Some(word) = arguments.iter().find(|word| !optional(word)) else { return };
    if script.is_some_and(|script| script.shell) {
        let range = judge.place(word);
        judge.report.blame("docs/unread-argument", Proof::Text, range, format!("`{path}` reads no arguments"), None);
    }
}

fn read(path: &str, bytes: Vec<u8>) -> Script {
    if bytes.len() > LARGEST {
        return Script { text: String::new(), shell: false, reads: true };
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let first = text.lines().next().filter(|line| line.starts_with("#!")).unwrap_or_default();
    let program = first.rsplit(['/', ' ']).next().unwrap_or_default();
    let shell = matches!(program, "sh" | "bash" | "zsh" | "dash" | "ksh")
        || first.is_empty() && matches!(extension(path), "sh" | "bash" | "zsh" | "ksh");
    let reads = if shell { READS.is_match(&text) } else { READERS.iter().any(|word| text.contains(word)) };
    Script { text, shell, reads }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_tell_whether_they_read_arguments() {
        for (path, text, shell, reads) in [
            ("a.sh", "echo hi", true, false),
            ("a.sh", "echo \"$1\"", true, true),
            ("a", "#!/usr/bin/env bash\necho ${BASE_URL:?}", true, false),
            ("a", "#!/bin/sh\nfor x in \"${@}\"; do :; done", true, true),
            ("a", "#!/bin/sh\n. ./lib.sh", true, true),
            ("a.sh", "echo $$ $? $0 ${x#y}", true, false),
            ("a.mjs", "console.log(process.env.A)", false, false),
            ("a.mjs", "process.argv[2]", false, true),
            ("a.py", "import argparse", false, true),
        ] {
            let script = read(path, text.as_bytes().to_vec());
            assert_eq!((script.shell, script.reads), (shell, reads), "{text}");
        }
    }
}
