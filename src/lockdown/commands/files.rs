//! Files that commands read: `cat config/x.yaml`, `source scripts/env.sh`, `cp from/x to/y` without the last one. They must be
//! in the tree; what a command writes must not.
//!
//! A document speaks of other trees, of files that a build or the reader makes, and of examples; so a missing file is told
//! only where its path starts in a folder of this tree, nothing before may have made it, and nothing in its name says that it
//! is the reader's own. A file without a folder (`./env.sh`, `input.txt`) is told in protocol documents, where the document has
//! not spoken of it before. Deliberately absent: programs whose arguments may be made by themselves, such as editors.

use super::{
    around::Folder,
    judge::{Judge, Proof, Run},
    options::{self, Given, Valued},
    scripts,
    shell::{Command, Word},
};
use crate::{
    lockdown::{
        desk::did_you_mean,
        grade,
        index::{Found, Index, normal},
    },
    tree::Unreadable,
};

const MADE: &str = "an earlier command may have made a file that it reads";
const ELSEWHERE: &str = "reads a file in a folder outside of the tree";
const STRAYED: &str = "reads a file after an earlier block has left the tree";
const FOREIGN: &str = "reads a file of another repository";
const SPOKEN: &str = "reads a file of which the document speaks before";
const ANOTHER: &str = "reads a file of which there is one in another folder";
const OWN: &str = "reads a file that a build or the reader makes";

/// Which arguments are files to be read.
enum Reads {
    All,
    First,
    /// All but so many at the start.
    Behind(usize),
    /// All but the last, which is written.
    ButLast,
    /// Values of these options, behind one of these verbs where there are any.
    Options(&'static [&'static str], &'static [&'static str]),
}

/// Programs by name, with the options that take a value.
const READERS: &[(&str, Valued, Reads)] = &[
    (".", NONE, Reads::First),
    ("source", NONE, Reads::First),
    ("bat", Valued { letters: "lHrm", names: "language line-range theme style" }, Reads::All),
    ("cat", NONE, Reads::All),
    ("cmp", Valued { letters: "in", names: "bytes" }, Reads::All),
    ("diff", Valued { letters: "UCIxLWFS", names: "label exclude color unified" }, Reads::All),
    ("egrep", GREP, Reads::Behind(1)),
    ("fgrep", GREP, Reads::Behind(1)),
    ("file", NONE, Reads::All),
    ("grep", GREP, Reads::Behind(1)),
    ("head", Valued { letters: "nc", names: "lines bytes" }, Reads::All),
    ("jq", Valued { letters: "fL", names: "from-file indent" }, Reads::Behind(1)),
    ("less", Valued { letters: "pPb", names: "" }, Reads::All),
    ("md5sum", NONE, Reads::All),
    ("more", Valued { letters: "n", names: "lines" }, Reads::All),
    ("sha256sum", NONE, Reads::All),
    ("shellcheck", Valued { letters: "sefoS", names: "shell exclude format severity" }, Reads::All),
    ("tail", Valued { letters: "nc", names: "lines bytes pid" }, Reads::All),
    ("wc", NONE, Reads::All),
    ("chmod", Valued { letters: "", names: "reference" }, Reads::Behind(1)),
    ("cp", Valued { letters: "tS", names: "target-directory suffix" }, Reads::ButLast),
    ("install", Valued { letters: "mogtS", names: "mode owner group target-directory" }, Reads::ButLast),
    ("mv", Valued { letters: "tS", names: "target-directory suffix" }, Reads::ButLast),
    ("docker-compose", Valued { letters: "fp", names: "file project-name" }, Reads::Options(&["-f", "--file"], &[])),
    (
        "helm",
        Valued { letters: "fn", names: "values namespace set version" },
        Reads::Options(&["-f", "--values"], &["install", "lint", "template", "upgrade"]),
    ),
    ("kubectl", KUBECTL, KUBECTL_READS),
    ("oc", KUBECTL, KUBECTL_READS),
    ("psql", Valued { letters: "cdfhpUvoLFRT", names: "command dbname file host port username" }, Reads::Options(&["-f", "--file"], &[])),
];

const NONE: Valued = Valued { letters: "", names: "" };
const GREP: Valued = Valued { letters: "ABCmdD", names: "include exclude exclude-dir max-count context color" };
const KUBECTL: Valued = Valued { letters: "fknlo", names: "filename kustomize namespace selector output context cluster kubeconfig" };
const KUBECTL_READS: Reads = Reads::Options(&["-f", "--filename", "-k", "--kustomize"], &["apply", "create", "delete", "diff", "replace"]);

/// Options with which the other arguments of a program mean other things.
fn otherwise(program: &str) -> &'static [&'static str] {
    match program {
        "cp" | "install" | "mv" => &["-t", "--target-directory", "-d", "--directory"],
        "egrep" | "fgrep" | "grep" => &["-e", "--regexp", "-f", "--file"],
        "jq" => &["-n", "--null-input", "-f", "--from-file", "--args", "--jsonargs", "--arg", "--argjson", "--slurpfile", "--rawfile"],
        _ => &[],
    }
}

/// Folders that builds and people fill.
const FILLED: &[&str] = &[
    "_build",
    "bin",
    "build",
    "coverage",
    "dist",
    "gen",
    "generated",
    "log",
    "logs",
    "node_modules",
    "out",
    "output",
    "target",
    "tmp",
    "vendor",
];

/// Parts of the names of files that the reader has himself.
const OWN_NAMES: &[&str] = &[
    "bar",
    "baz",
    "credential",
    "custom",
    "demo",
    "example",
    "foo",
    "kubeconfig",
    "local",
    "my",
    "override",
    "private",
    "sample",
    "secret",
    "some",
    "your",
];

/// Extensions of files that people write; others may come of any command before.
const WRITTEN: &[&str] = &[
    "bash", "cfg", "conf", "go", "ini", "js", "md", "mjs", "mts", "pl", "proto", "py", "rb", "rs", "sh", "sql", "tf", "toml", "ts", "yaml",
    "yml", "zsh",
];

/// Extensions of other files that a bare name is read by; keys, archives and logs are the reader's own.
const READ: &[&str] = &["cjs", "css", "csv", "html", "json", "jsonc", "jsx", "tsx", "txt", "xml"];

/// How often the text before a command is searched.
const MOST_SEARCHES: usize = 200;

/// Judges the files that a command is given to read.
pub fn judge(judge: &mut Judge, run: &Run, command: &Command) -> Result<(), Unreadable> {
    for redirect in command.redirects.iter().filter(|redirect| !redirect.writes) {
        file(judge, &redirect.word, true)?;
    }
    let Some((_, valued, reads)) = READERS.iter().find(|(program, ..)| *program == run.program) else { return Ok(()) };
    let words = &run.words[1..];
    let upto = words.iter().position(|word| word.raw(&judge.text.text) == "--").filter(|_| matches!(reads, Reads::Options(..)));
    let given = options::read(&words[..upto.unwrap_or(words.len())], &judge.text.text, valued);
    if let Reads::Options(options, verbs) = reads {
        let first = given.iter().find_map(|given| match given {
            Given::Argument(word) => Some(word.raw(&judge.text.text)),
            Given::Option(..) => None,
        });
        if !verbs.is_empty() && !first.is_some_and(|verb| verbs.contains(&verb)) {
            return Ok(());
        }
        for given in &given {
            if let Given::Option(name, Some(value)) = given
                && options.contains(&name.as_str())
                && value.text.as_deref() == Some(value.word.raw(&judge.text.text))
            {
                file(judge, value.word, false)?;
            }
        }
        return Ok(());
    }
    let otherwise = otherwise(&run.program);
    let other = |given: &Given| matches!(given, Given::Option(name, _) if otherwise.contains(&name.as_str()));
    if run.fed || given.iter().any(other) {
        return Ok(());
    }
    let arguments: Vec<&Word> = given
        .iter()
        .filter_map(|given| match given {
            Given::Argument(word) => Some(*word),
            Given::Option(..) => None,
        })
        .collect();
    let (from, to) = match reads {
        Reads::All => (0, arguments.len()),
        Reads::First => (0, 1),
        Reads::Behind(count) => (*count, arguments.len()),
        Reads::ButLast => (0, arguments.len().saturating_sub(1)),
        Reads::Options(..) => (0, 0),
    };
    for word in arguments.get(from..to.min(arguments.len())).unwrap_or_default() {
        file(judge, word, true)?;
    }
    Ok(())
}

/// `bare_counts`: a name alone is one of the tree; in what is given to a cluster it is mostly an example.
fn file(judge: &mut Judge, word: &Word, bare_counts: bool) -> Result<(), Unreadable> {
    match judge.named_by(word) {
        Some(path) => at(judge, word, path, bare_counts),
        None => Ok(()),
    }
}

/// The same for a word that says more than the path.
pub fn at(judge: &mut Judge, word: &Word, path: String, bare_counts: bool) -> Result<(), Unreadable> {
    let odd = |c: char| {
        let mark = matches!(
            c,
            '*' | '?' | '[' | ']' | '{' | '}' | '(' | ')' | '$' | '`' | ':' | '=' | '%' | '@' | ',' | ';' | '|' | '&' | '<' | '>' | '\\'
        );
        mark || matches!(c, '"' | '\'' | '#' | '!' | '^') || c.is_whitespace() || c.is_control()
    };
    if path.is_empty() || path.starts_with(['/', '~', '-', '+']) || path.contains(odd) || path.contains("...") {
        return Ok(());
    }
    let library = judge.desk.library;
    for start in judge.starts() {
        if let Some(path) = normal(&start, &path)
            && matches!(library.index.find(&path)?, Found::File(_) | Found::Folder(_) | Found::Submodule(_))
        {
            judge.report.checked = true;
            return Ok(());
        }
    }
    let bare = path.trim_start_matches("./");
    if bare.starts_with("../") {
        return Ok(());
    }
    let Some((first, _)) = bare.split_once('/') else {
        return if bare_counts || path.starts_with("./") { without_folder(judge, word, &path, bare) } else { Ok(()) };
    };
    if library.facts.foreign.contains_key(first) {
        return judge.leave(FOREIGN);
    }
    match &judge.around.folder {
        Folder::Elsewhere => return judge.leave(ELSEWHERE),
        Folder::Start if judge.around.strayed => return judge.leave(STRAYED),
        Folder::Start | Folder::In(_) => {}
    }
    let known = |start: &String| normal(start, first).is_some_and(|folder| library.index.has_folder(&folder));
    let Some(start) = judge.starts().into_iter().find(known) else { return Ok(()) };
    let written = WRITTEN.contains(&scripts::extension(bare));
    let target = normal(&start, bare).unwrap_or_else(|| bare.to_owned());
    if library.ignored.holds(&library.index, &target) || is_own(&library.index, &target, written) {
        return judge.leave(OWN);
    }
    if judge.around.may_have_made(bare) || judge.around.built && !written {
        return judge.leave(MADE);
    }
    let help = grade::similar_path(judge.desk, &target).map(|path| did_you_mean(&path));
    let range = judge.place(word);
    judge.report.blame("docs/missing-path", Proof::Tree, range, format!("`{path}` is no file or folder of the tree"), help);
    if let Some(issue) = judge.report.issues.last_mut() {
        issue.missing = Some(target);
    }
    Ok(())
}

/// A file that is in none of the folders where the command may run.
fn without_folder(judge: &mut Judge, word: &Word, path: &str, name: &str) -> Result<(), Unreadable> {
    let extension = scripts::extension(name);
    let written = WRITTEN.contains(&extension);
    let (relative, library) = (path.starts_with("./"), judge.desk.library);
    if !judge.desk.strict || name.is_empty() || !(relative || written || READ.contains(&extension)) {
        return Ok(());
    }
    // One letter stands for any name.
    if !relative && name.len() < extension.len() + 3 {
        return judge.leave(OWN);
    }
    let folder = match &judge.around.folder {
        Folder::Elsewhere => return judge.leave(ELSEWHERE),
        Folder::Start if judge.around.strayed => return judge.leave(STRAYED),
        Folder::Start => None,
        Folder::In(folder) => Some(folder.clone()),
    };
    let target = normal(folder.as_deref().unwrap_or_default(), name).unwrap_or_else(|| name.to_owned());
    if library.ignored.holds(&library.index, &target) || is_own(&library.index, &target, written) {
        return judge.leave(OWN);
    }
    if judge.around.may_have_made(name) || judge.around.built && !(written && relative) {
        return judge.leave(MADE);
    }
    // Who is in some folder that only a sentence names reads it there.
    if folder.is_none() && !relative && !library.index.ending_in(name, 1).is_empty() {
        return judge.leave(ANOTHER);
    }
    let range = judge.place(word);
    judge.around.searches += 1;
    if judge.around.searches > MOST_SEARCHES || names(&judge.desk.source.text[..range.start], name) {
        return judge.leave(SPOKEN);
    }
    let help = grade::similar_path(judge.desk, &target).map(|path| did_you_mean(&path));
    judge.report.blame("docs/missing-path", Proof::Tree, range, format!("`{path}` is no file or folder of the tree"), help);
    if let Some(issue) = judge.report.issues.last_mut() {
        issue.missing = Some(target);
    }
    Ok(())
}

/// Whether this text names a file.
fn names(text: &str, name: &str) -> bool {
    let goes_on = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    text.match_indices(name).any(|(at, _)| !text[..at].ends_with(goes_on) && !text[at + name.len()..].starts_with(goes_on))
}

/// Whether the name says that it is none of the tree's: what stands behind the folders that are there, or a folder that is
/// filled with what nobody writes.
fn is_own(index: &Index, target: &str, written: bool) -> bool {
    let folders = target.match_indices('/').map(|(at, _)| at).take_while(|at| index.has_folder(&target[..*at]));
    let rest = &target[folders.last().map_or(0, |at| at + 1)..];
    let parts = rest.split(['/', '-', '_', '.']).map(str::to_ascii_lowercase);
    let named = |part: String| OWN_NAMES.iter().any(|own| part == *own || part.strip_suffix('s') == Some(own));
    let filled = |part: &str| FILLED.contains(&part) || part.starts_with('.');
    rest.split('/').any(filled) || !written && target.split('/').any(filled) || parts.into_iter().any(named)
}
