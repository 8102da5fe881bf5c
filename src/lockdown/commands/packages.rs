//! `npm`, `pnpm` and `yarn`: the script must stand in a `package.json`.

use super::{
    around::Folder,
    judge::{Judge, Proof, Run},
    options::{self, Given, Valued},
};
use crate::{
    lockdown::{desk::did_you_mean, index::normal},
    tree::Unreadable,
};
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc};

const OPTIONS: Valued = Valued { letters: "CwF", names: "prefix dir cwd workspace filter" };

const ELSEWHERE: &str = "run in a folder outside of the tree";
const OPEN: &str = "the script is known only when it runs";
const NO_FILE: &str = "no package.json here";
const WORKSPACE: &str = "a script of a workspace";
const MANAGER: &str = "a command of the package manager itself";
const OTHER: &str = "not in the package.json here, but in another one";
const BINARY: &str = "no script of the package.json; it may be a program of a dependency";

/// The scripts of a `package.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    scripts: BTreeSet<String>,
    readable: bool,
}

pub fn judge(judge: &mut Judge, run: &Run) -> Result<(), Unreadable> {
    let text = &judge.text.text;
    let given = options::read(&run.words[1..], text, &OPTIONS);
    let mut folder = None;
    let mut words = Vec::new();
    for given in &given {
        match given {
            Given::Option(name, value) => match name.as_str() {
                "--prefix" | "--dir" | "--cwd" | "-C" => folder = Some(value.as_ref().and_then(|value| value.text.clone())),
                "-w" | "--workspace" | "--workspaces" | "-F" | "--filter" | "-r" | "--recursive" => {
                    return judge.leave(WORKSPACE);
                }
                _ => {}
            },
            Given::Argument(word) => words.push(*word),
        }
    }
    let npm = run.program == "npm";
    let first = words.first().map(|word| word.raw(text)).unwrap_or_default();
    // Whether only a script can be meant.
    let (word, sure) = match first {
        "run" | "run-script" => (words.get(1), run.program != "yarn"),
        "test" | "t" if npm || run.program == "pnpm" => (words.first(), true),
        "start" | "stop" if npm => (words.first(), true),
        _ if npm || MANAGERS.contains(&first) => return judge.leave(MANAGER),
        _ => (words.first(), false),
    };
    let Some(word) = word else { return judge.leave(MANAGER) };
    let Some(name) = judge.named_by(word) else { return judge.leave(OPEN) };
    let name = if name == "t" { "test".to_owned() } else { name };
    let starts: Vec<String> = match folder {
        Some(None) => return judge.leave(OPEN),
        Some(Some(folder)) => judge.starts().iter().filter_map(|start| normal(start, &folder)).collect(),
        None => judge.starts(),
    };
    if judge.around.folder == Folder::Elsewhere {
        return judge.leave(ELSEWHERE);
    }
    let mut known = Vec::new();
    // What npm starts where no script says otherwise.
    let mut by_itself = false;
    for start in starts {
        by_itself |= normal(&start, "server.js").is_some_and(|path| judge.desk.library.index.is_there(&path));
        let path = if start.is_empty() { "package.json".to_owned() } else { format!("{start}/package.json") };
        known.extend(package(judge, &path)?);
    }
    if known.iter().any(|package| package.scripts.contains(&name)) {
        judge.report.checked = true;
        return Ok(());
    }
    if known.is_empty() {
        return judge.leave(NO_FILE);
    }
    if !sure {
        return judge.leave(BINARY);
    }
    let library = judge.desk.library;
    let everywhere = library.tools.everywhere.get_or_init(|| everywhere(judge)).as_ref().map_err(Clone::clone)?;
    if everywhere.contains(&name) {
        return judge.leave(OTHER);
    }
    if first == "start" && by_itself {
        return judge.leave(MANAGER);
    }
    let help = judge.desk.similar(&name, known.iter().flat_map(|package| &package.scripts)).map(|name| did_you_mean(&name));
    let range = judge.place(word);
    judge.report.blame("docs/missing-target", Proof::Tree, range, format!("`{name}` is no script of package.json"), help);
    Ok(())
}

/// Commands of `pnpm` and `yarn` that are no scripts.
const MANAGERS: &[&str] = &[
    "",
    "add",
    "audit",
    "bin",
    "cache",
    "config",
    "create",
    "dedupe",
    "deploy",
    "dlx",
    "exec",
    "global",
    "help",
    "i",
    "import",
    "info",
    "init",
    "install",
    "link",
    "list",
    "login",
    "ls",
    "node",
    "outdated",
    "pack",
    "patch",
    "plugin",
    "publish",
    "rebuild",
    "remove",
    "rm",
    "set",
    "setup",
    "store",
    "uninstall",
    "unlink",
    "up",
    "update",
    "upgrade",
    "version",
    "why",
    "workspace",
    "workspaces",
];

/// A `package.json` of the tree that can be read.
fn package(judge: &Judge, path: &str) -> Result<Option<Arc<Package>>, Unreadable> {
    let library = judge.desk.library;
    let tree = library.index.tree;
    if tree.entry(path)?.is_none() {
        return Ok(None);
    }
    let package = library.tools.packages.get(path, || Ok(parse(&tree.read(path)?.unwrap_or_default())))?;
    Ok(Some(package).filter(|package| package.readable))
}

/// The scripts of every package.
fn everywhere(judge: &Judge) -> Result<BTreeSet<String>, Unreadable> {
    let mut scripts = BTreeSet::new();
    for path in judge.desk.library.index.ending_in("package.json", usize::MAX) {
        scripts.extend(package(judge, path)?.iter().flat_map(|package| package.scripts.clone()));
    }
    Ok(scripts)
}

fn parse(bytes: &[u8]) -> Package {
    let value: Option<Value> = serde_json::from_slice(bytes).ok();
    let scripts = value.as_ref().and_then(|value| value.get("scripts")).and_then(Value::as_object);
    Package { scripts: scripts.into_iter().flatten().map(|(name, _)| name.clone()).collect(), readable: value.is_some() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_of_a_package_are_read() {
        let package = parse(br#"{"scripts": {"build": "tsc", "test:e2e": "x"}}"#);
        assert_eq!(package.scripts.iter().map(String::as_str).collect::<Vec<_>>(), ["build", "test:e2e"]);
        assert!(package.readable && parse(b"{}").readable && !parse(b"{").readable);
    }
}
