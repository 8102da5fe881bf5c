//! `cargo`: binaries, examples, tests, benches, features and aliases must be those of some manifest of the tree.
//!
//! Manifests are read by their lines, as far as names stand in them; which of several packages is meant is not looked at.

use super::{
    around::Folder,
    judge::{Judge, Proof, Run},
    options::{self, Given, Valued},
};
use crate::{
    lockdown::{desk::did_you_mean, index::Index},
    tree::Unreadable,
};
use std::collections::{BTreeMap, BTreeSet};

const OPTIONS: Valued = Valued {
    letters: "pFjZC",
    names: "package features bin example test bench target target-dir manifest-path profile jobs config color message-format exclude \
            registry index version root path git branch tag rev token",
};

const ELSEWHERE: &str = "run in a folder outside of the tree";
const OPEN: &str = "a name that is known only when it runs";
const NO_FILE: &str = "no Cargo.toml in the tree";
const CARGO: &str = "a command of cargo itself";

/// What the manifests of the tree have, by sort (`bin`, `example`, `test`, `bench`, `feature`, `alias`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crates {
    names: BTreeMap<&'static str, BTreeSet<String>>,
    any: bool,
}

const SORTS: &[(&str, &str)] =
    &[("--bin", "bin"), ("--example", "example"), ("--test", "test"), ("--bench", "bench"), ("--features", "feature"), ("-F", "feature")];

pub fn judge(judge: &mut Judge, run: &Run) -> Result<(), Unreadable> {
    let text = &judge.text.text;
    let words = run.words[1..].iter().filter(|word| !word.raw(text).starts_with('+'));
    // What follows `--` is for the program.
    let words: Vec<_> = words.take_while(|word| word.raw(text) != "--").cloned().collect();
    let given = options::read(&words, text, &OPTIONS);
    if judge.around.folder == Folder::Elsewhere {
        return judge.leave(ELSEWHERE);
    }
    let library = judge.desk.library;
    let crates = library.tools.crates.get_or_init(|| gather(&library.index)).as_ref().map_err(Clone::clone)?;
    if !crates.any {
        return judge.leave(NO_FILE);
    }
    let verb = given.iter().find_map(|given| if let Given::Argument(word) = given { Some(word.raw(text)) } else { None });
    if verb.is_some_and(|verb| crates.has("alias", verb)) {
        judge.report.checked = true;
    }
    if matches!(verb, Some("install" | "add" | "new" | "init" | "search" | "publish") | None) {
        return judge.leave(CARGO);
    }
    for given in &given {
        let Given::Option(option, Some(value)) = given else { continue };
        let Some((_, sort)) = SORTS.iter().find(|(name, _)| name == option) else { continue };
        let shouted = |names: &str| names.chars().all(|c| c.is_ascii_uppercase() || matches!(c, '_' | '-'));
        let Some(names) = value.text.as_deref().filter(|names| !value.word.has_placeholder(text) && !shouted(names)) else {
            judge.report.unsure(OPEN);
            continue;
        };
        for name in names.split([',', ' ']).filter(|name| !name.is_empty()) {
            // A feature of a dependency, a pattern.
            if name.contains(['/', '*', '?', ':']) || crates.has(sort, name) {
                judge.report.checked = true;
                continue;
            }
            let known = crates.names.get(sort).into_iter().flatten();
            let help = judge.desk.similar(name, known).map(|name| did_you_mean(&name));
            let range = judge.place(value.word);
            judge.report.blame("docs/missing-target", Proof::Tree, range, format!("no package of the tree has a {sort} `{name}`"), help);
        }
    }
    if !judge.report.checked {
        judge.report.unsure(CARGO);
    }
    Ok(())
}

impl Crates {
    fn has(&self, sort: &str, name: &str) -> bool {
        self.names.get(sort).is_some_and(|names| names.contains(name))
    }

    fn add(&mut self, sort: &'static str, name: &str) {
        self.names.entry(sort).or_default().insert(name.to_owned());
    }
}

fn gather(index: &Index) -> Result<Crates, Unreadable> {
    let mut crates = Crates::default();
    for entry in index.tree.entries()? {
        let path = entry.path.as_str();
        let name = path.rsplit('/').next().unwrap_or(path);
        if name == "Cargo.toml" || path.ends_with(".cargo/config.toml") {
            crates.any |= name == "Cargo.toml";
            let bytes = index.tree.read(path)?.unwrap_or_default();
            manifest(&String::from_utf8_lossy(&bytes), &mut crates);
        } else if name.ends_with(".rs") {
            by_place(path, &mut crates);
        }
    }
    Ok(crates)
}

/// Names that cargo takes from where a file stands.
fn by_place(path: &str, crates: &mut Crates) {
    let parts: Vec<&str> = path.split('/').collect();
    let stem = parts.last().and_then(|name| name.strip_suffix(".rs")).unwrap_or_default();
    let outer = |back: usize| parts.len().checked_sub(back + 1).and_then(|at| parts.get(at)).copied().unwrap_or_default();
    let (name, folder) = if stem == "main" { (outer(1), outer(2)) } else { (stem, outer(1)) };
    match folder {
        "bin" => crates.add("bin", name),
        "examples" => crates.add("example", name),
        "tests" => crates.add("test", name),
        "benches" => crates.add("bench", name),
        _ => {}
    }
}

fn manifest(text: &str, crates: &mut Crates) {
    let mut section = "";
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line.split('#').next().unwrap_or(line).trim();
            if let Some(name) = dependency(section) {
                crates.add("feature", name);
            }
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let key = key.trim().trim_matches(['"', '\'']);
        let value = value.trim().trim_matches(['"', '\'']);
        match section {
            "[[bin]]" | "[package]" if key == "name" => crates.add("bin", value.split(['"', '\'']).next().unwrap_or(value)),
            "[[example]]" if key == "name" => crates.add("example", value),
            "[[test]]" if key == "name" => crates.add("test", value),
            "[[bench]]" if key == "name" => crates.add("bench", value),
            "[features]" => crates.add("feature", key),
            "[alias]" => crates.add("alias", key),
            _ if section.ends_with("dependencies]") && value.contains("optional") => crates.add("feature", key),
            _ => {}
        }
    }
}

/// `[dependencies.x]`, which may be optional.
fn dependency(section: &str) -> Option<&str> {
    let inner = section.strip_prefix('[')?.strip_suffix(']')?;
    let (kind, name) = inner.rsplit_once('.')?;
    kind.ends_with("dependencies").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_and_places_name_what_may_be_asked_for() {
        let mut crates = Crates::default();
        manifest(
            "[package]\nname = \"tool\"\n[[bin]]\nname = \"other\" # x\n[features]\ndefault = []\n\"full\" = [\"a\"]\n[dependencies]\nb = { version = \"1\", optional = true }\nc = \"1\"\n[dependencies.d]\noptional = true\n[alias]\nxtask = \"run\"\n",
            &mut crates,
        );
        for path in ["src/bin/one.rs", "a/src/bin/two/main.rs", "examples/three.rs", "tests/four.rs", "benches/five.rs", "src/lib.rs"] {
            by_place(path, &mut crates);
        }
        let shown: Vec<String> =
            crates.names.iter().map(|(sort, names)| format!("{sort}: {}", names.iter().cloned().collect::<Vec<_>>().join(" "))).collect();
        assert_eq!(
            shown,
            ["alias: xtask", "bench: five", "bin: one other tool two", "example: three", "feature: b d default full", "test: four"]
        );
    }
}
