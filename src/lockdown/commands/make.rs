//! `make` and `just`: the target must be a rule.

use super::{
    around::Folder,
    judge::{Judge, Proof, Run},
    options::{self, Given, Valued},
    shell::Word,
};
use crate::{lockdown::desk::did_you_mean, tree::Unreadable};
use std::collections::BTreeSet;

const OPTIONS: Valued = Valued { letters: "CfIoW", names: "directory file makefile include-dir old-file what-if" };
const JUST: Valued = Valued { letters: "dfE", names: "working-directory justfile dotenv-path set" };

const ELSEWHERE: &str = "run in a folder outside of the tree";
const OPEN: &str = "the target is known only when it runs";
const INCLUDES: &str = "its rules are not all in one file";
const SHOWN: &str = "the document itself shows the rule";
const OTHER: &str = "no rule of the file here, but of another one";
const NO_FILE: &str = "no file of its rules here";

/// The rules of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    names: BTreeSet<String>,
    /// `%.o`
    patterns: Vec<String>,
    /// Rules may come from elsewhere: files that are included, names that are put together.
    more: bool,
}

impl Rules {
    fn has(&self, name: &str) -> bool {
        let fits = |pattern: &String| {
            pattern
                .split_once('%')
                .is_some_and(|(start, end)| name.len() > start.len() + end.len() && name.starts_with(start) && name.ends_with(end))
        };
        self.names.contains(name) || self.patterns.iter().any(fits)
    }
}

pub fn judge(judge: &mut Judge, run: &Run) -> Result<(), Unreadable> {
    let text = &judge.text.text;
    let given = options::read(&run.words[1..], text, &OPTIONS);
    let mut folder = None;
    let mut names: Vec<&Word> = Vec::new();
    for given in &given {
        match given {
            Given::Option(name, Some(value)) if name == "-C" || name == "--directory" => folder = Some(value.text.clone()),
            Given::Option(name, _) if matches!(name.as_str(), "-f" | "--file" | "--makefile" | "--version" | "-v" | "--help" | "-h") => {
                return judge.leave(INCLUDES);
            }
            Given::Argument(word) if !word.raw(text).contains('=') => names.push(word),
            _ => {}
        }
    }
    // `make -j 4`
    names.retain(|word| !word.raw(text).bytes().all(|byte| byte.is_ascii_digit()));
    targets(judge, &names, folder, &["GNUmakefile", "makefile", "Makefile"], make_rules, "target of the Makefile")
}

pub fn judge_recipes(judge: &mut Judge, run: &Run) -> Result<(), Unreadable> {
    let text = &judge.text.text;
    let given = options::read(&run.words[1..], text, &JUST);
    if given.iter().any(|given| matches!(given, Given::Option(..))) {
        return judge.leave(INCLUDES);
    }
    let names: Vec<&Word> = given.iter().filter_map(|given| if let Given::Argument(word) = given { Some(*word) } else { None }).collect();
    // What follows the recipe are its arguments.
    let names: Vec<&Word> = names.into_iter().filter(|word| !word.raw(text).contains('=')).take(1).collect();
    // Recipes of modules and of other folders.
    if names.iter().any(|word| word.raw(text).contains([':', '/'])) {
        return judge.leave(INCLUDES);
    }
    targets(judge, &names, None, &["justfile", "Justfile", ".justfile"], recipes, "recipe of the justfile")
}

/// Judges names by the rules in the nearest of these files. `folder`: an option that names it.
fn targets(
    judge: &mut Judge,
    names: &[&Word],
    folder: Option<Option<String>>,
    files: &[&str],
    parse: fn(&str) -> Rules,
    what: &str,
) -> Result<(), Unreadable> {
    let starts = match folder {
        Some(None) => return judge.leave(OPEN),
        Some(Some(folder)) => judge.starts().iter().filter_map(|start| crate::lockdown::index::normal(start, &folder)).collect(),
        None => judge.starts(),
    };
    if judge.around.folder == Folder::Elsewhere {
        return judge.leave(ELSEWHERE);
    }
    let library = judge.desk.library;
    let tree = library.index.tree;
    let mut known = Vec::new();
    for start in starts {
        for file in files {
            let path = if start.is_empty() { (*file).to_owned() } else { format!("{start}/{file}") };
            if tree.entry(&path)?.is_some() {
                let read = || Ok(parse(&String::from_utf8_lossy(&tree.read(&path)?.unwrap_or_default())));
                known.push(library.tools.rules.get(&path, read)?);
                break;
            }
        }
    }
    if known.is_empty() {
        return judge.leave(NO_FILE);
    }
    for word in names {
        let Some(name) = judge.named_by(word) else {
            judge.report.unsure(OPEN);
            continue;
        };
        if known.iter().any(|rules| rules.has(&name)) {
            judge.report.checked = true;
        } else if known.iter().any(|rules| rules.more) {
            judge.report.unsure(INCLUDES);
        } else if tree.entry(&name)?.is_some() {
            // A file is its own target.
            judge.report.checked = true;
        } else if is_shown(judge, &name) {
            judge.report.unsure(SHOWN);
        } else if elsewhere(judge, &name, files, parse)? {
            judge.report.unsure(OTHER);
        } else {
            let help = judge.desk.similar(&name, known.iter().flat_map(|rules| &rules.names)).map(|name| did_you_mean(&name));
            let range = judge.place(word);
            judge.report.blame("docs/missing-target", Proof::Tree, range, format!("`{name}` is no {what}"), help);
        }
    }
    judge.report.checked |= names.is_empty();
    Ok(())
}

/// Whether a block of the document holds a rule of this name.
fn is_shown(judge: &mut Judge, name: &str) -> bool {
    let (document, source) = (judge.desk.page, judge.desk.source);
    let made = |info: &str| ["make", "just", "mk"].iter().any(|word| info.to_ascii_lowercase().starts_with(word));
    let shown = judge.around.rules.get_or_insert_with(|| {
        let fences = document.fences.iter().filter(|fence| made(&fence.info));
        let lines = fences.flat_map(|fence| source.text.get(fence.content.clone()).unwrap_or_default().lines());
        let rules = lines.filter_map(|line| line.split_once(':')).flat_map(|(names, _)| names.split_whitespace());
        rules.map(|name| name.trim_start_matches('@').to_owned()).collect()
    });
    shown.contains(name)
}

/// Whether another file of rules has this name.
fn elsewhere(judge: &Judge, name: &str, files: &[&str], parse: fn(&str) -> Rules) -> Result<bool, Unreadable> {
    let library = judge.desk.library;
    let paths = files.iter().flat_map(|file| library.index.ending_in(file, MOST_FILES));
    for path in paths {
        let read = || Ok(parse(&String::from_utf8_lossy(&library.index.tree.read(path)?.unwrap_or_default())));
        if library.tools.rules.get(path, read)?.has(name) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How many files of rules are looked through for one name.
const MOST_FILES: usize = 200;

fn make_rules(text: &str) -> Rules {
    let mut rules = Rules::default();
    let joined = text.replace("\\\r\n", " ").replace("\\\n", " ");
    let mut defined = false;
    for line in joined.lines() {
        let word = line.split_whitespace().next().unwrap_or_default();
        defined = word == "define" || defined && word != "endef";
        if defined || line.starts_with(['\t', '#']) {
            continue;
        }
        if matches!(word, "include" | "-include" | "sinclude") || word.starts_with("$(eval") || word.starts_with("$(call") {
            rules.more = true;
            continue;
        }
        let line = line.split('#').next().unwrap_or_default();
        let Some((names, rest)) = line.split_once(':') else { continue };
        if names.contains('=') || rest.starts_with('=') || rest.starts_with(":=") {
            continue;
        }
        let names = if names.trim() == ".PHONY" { rest.trim_start_matches(':') } else { names };
        for name in names.split_whitespace() {
            if name.contains('$') {
                rules.more = true;
            } else if name.contains('%') {
                rules.patterns.push(name.to_owned());
            } else {
                rules.names.insert(name.to_owned());
            }
        }
    }
    rules
}

fn recipes(text: &str) -> Rules {
    let mut rules = Rules::default();
    for line in text.lines() {
        let word = line.split(|c: char| c.is_whitespace() || c == ':').next().unwrap_or_default();
        if matches!(word, "import" | "import?" | "mod" | "mod?") {
            rules.more = true;
        } else if let Some(alias) = line.strip_prefix("alias ").and_then(|rest| rest.split(":=").next()) {
            rules.names.insert(alias.trim().to_owned());
        } else if line.split_once(':').is_some_and(|(_, rest)| !rest.starts_with('=')) {
            let name = word.trim_start_matches('@');
            if !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_-".contains(c)) && !line.starts_with([' ', '\t', '#', '['])
            {
                rules.names.insert(name.to_owned());
            }
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_make_are_read() {
        let text = "A := b:c\nB ?= x\n.PHONY: one \\\n  two\nall: one two # c: d\none two:\n\tcurl a: b\nthree:: x\n%.o: %.c\ndefine D\nno: x\nendef\nifeq (a, b)\nendif\nfour: E = 1\n";
        let rules = make_rules(text);
        assert_eq!(rules.names.iter().map(String::as_str).collect::<Vec<_>>(), ["all", "four", "one", "three", "two"]);
        assert!(rules.has("x.o") && !rules.has(".o") && !rules.has("no") && !rules.more);
        assert!(make_rules("include x.mk\n").more && make_rules("$(BIN): x\n").more && !make_rules("$(info x)\n").more);
    }

    #[test]
    fn recipes_of_just_are_read() {
        let rules = recipes(
            "set shell := [\"sh\"]\nx := \"a: b\"\nalias b := build\n\n# c: d\n@build target='x': dep\n    echo: y\n[private]\ntest *args:\n",
        );
        assert_eq!(rules.names.iter().map(String::as_str).collect::<Vec<_>>(), ["b", "build", "test"]);
        assert!(recipes("import 'x.just'\n").more);
    }
}
