//! Judges the commands of one statement: unwraps `sudo` and the like, then asks the module of the program.

use super::{
    Named,
    around::{Around, Folder},
    cargo, curl, files, git, jq, make,
    mapped::Mapped,
    packages, scripts,
    shell::{Command, Statement, Use, Word},
};
use crate::{
    domain::Severity,
    lockdown::{desk::Desk, index::normal, variables},
    text::markdown::Bytes,
    tree::Unreadable,
};

/// What shows that something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The text alone.
    Text,
    /// The tree, which a document that is no protocol document may not speak of.
    Tree,
}

pub struct Issue {
    pub code: &'static str,
    pub proof: Proof,
    pub severity: Severity,
    /// In the document.
    pub range: Bytes,
    pub message: String,
    pub help: Option<String>,
    /// The path that is not there.
    pub missing: Option<String>,
}

/// What became of one statement.
#[derive(Default)]
pub struct Report {
    pub issues: Vec<Issue>,
    /// Something was looked at that could have been wrong.
    pub checked: bool,
    /// Why something in it cannot be judged.
    pub reason: Option<&'static str>,
}

impl Report {
    pub fn blame(&mut self, code: &'static str, proof: Proof, range: Bytes, message: String, help: Option<String>) {
        self.checked = true;
        self.issues.push(Issue { code, proof, severity: Severity::Error, range, message, help, missing: None });
    }

    pub fn unsure(&mut self, reason: &'static str) {
        self.reason.get_or_insert(reason);
    }
}

pub struct Judge<'j, 'a, 't> {
    pub desk: &'j mut Desk<'a, 't>,
    pub text: &'j Mapped,
    pub around: &'j mut Around,
    pub report: Report,
    pub named: Named,
}

/// A program with its arguments, without what was put before it.
pub struct Run<'w> {
    /// Its words, the program first; never empty.
    pub words: &'w [Word],
    /// The program's name without its folder, as far as it is known.
    pub program: String,
    /// Whether `xargs` or the like gives it further arguments.
    pub fed: bool,
}

/// Variables of the shell and of everybody's session.
const EVERYBODYS: &[&str] = &[
    "BASHPID",
    "BASH_SOURCE",
    "BASH_VERSION",
    "COLUMNS",
    "DISPLAY",
    "EDITOR",
    "EUID",
    "FUNCNAME",
    "GID",
    "HISTFILE",
    "HOME",
    "HOSTNAME",
    "HOSTTYPE",
    "IFS",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LINENO",
    "LINES",
    "LOGNAME",
    "MACHTYPE",
    "OLDPWD",
    "OPTARG",
    "OPTIND",
    "OSTYPE",
    "PAGER",
    "PATH",
    "PIPESTATUS",
    "PPID",
    "PROMPT_COMMAND",
    "PS1",
    "PS2",
    "PWD",
    "RANDOM",
    "REPLY",
    "SECONDS",
    "SHELL",
    "SHLVL",
    "TERM",
    "TMPDIR",
    "UID",
    "USER",
    "USERNAME",
    "VISUAL",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
];

/// Words that run the rest as a command, with their options that take a value.
const WRAPPERS: &[(&str, &str)] = &[
    ("builtin", ""),
    ("command", ""),
    ("env", "uS"),
    ("exec", "a"),
    ("nice", "n"),
    ("nohup", ""),
    ("stdbuf", "ioe"),
    ("sudo", "ughpCDRT"),
    ("doas", "u"),
    ("time", "fo"),
    ("timeout", "ks"),
    ("watch", "n"),
    ("xargs", "IaEdLnPs"),
];

impl<'j, 'a, 't> Judge<'j, 'a, 't> {
    pub fn new(desk: &'j mut Desk<'a, 't>, text: &'j Mapped, around: &'j mut Around) -> Judge<'j, 'a, 't> {
        Judge { desk, text, around, report: Report::default(), named: Named::default() }
    }

    pub fn statement(&mut self, statement: &Statement) -> Result<(), Unreadable> {
        let before = self.around.folder.clone();
        // What is set within the statement counts in all of it.
        self.around.sets.extend(statement.sets.iter().cloned());
        for command in &statement.commands {
            self.command(command)?;
        }
        for used in &statement.uses {
            self.used(used);
        }
        // What a subshell does to the folder ends with it.
        if statement.line.starts_with('(') {
            self.around.folder = before;
        }
        Ok(())
    }

    fn command(&mut self, command: &Command) -> Result<(), Unreadable> {
        let text = &self.text.text;
        let Some(run) = unwrap(&command.words, text) else {
            self.around.sets.extend(command.assignments.iter().map(|assignment| assignment.name.clone()));
            return Ok(());
        };
        let ours = self.program(&run)?;
        files::judge(self, &run, command)?;
        for assignment in &command.assignments {
            if is_of_everybody(&assignment.name) {
                continue;
            }
            let range = self.text.range(&assignment.range);
            self.named.variables.push(variables::Named { name: assignment.name.clone(), range, sure: ours });
        }
        let arguments = run.words.iter().skip(1).map(|word| word.raw(text));
        let written = command.redirects.iter().filter(|redirect| redirect.writes).map(|redirect| redirect.word.raw(text));
        self.around.ran(&run.program, arguments);
        written.for_each(|path| self.around.wrote(path));
        Ok(())
    }

    /// Judges by the program; whether it is a script of the tree.
    fn program(&mut self, run: &Run) -> Result<bool, Unreadable> {
        match run.program.as_str() {
            "cd" | "pushd" => self.enter(run)?,
            "popd" => self.around.folder = Folder::Elsewhere,
            "export" | "declare" | "local" | "readonly" | "typeset" => self.exported(run),
            "read" | "mapfile" => self.around.sets.extend(run.words[1..].iter().map(|word| word.raw(&self.text.text).to_owned())),
            "jq" | "jaq" | "gojq" => jq::judge(self, run),
            "curl" | "wget" => curl::judge(self, run)?,
            "git" => git::judge(self, run),
            "open" | "xdg-open" | "http" | "https" => curl::opened(self, run),
            "make" | "gmake" => make::judge(self, run)?,
            "just" => make::judge_recipes(self, run)?,
            "npm" | "pnpm" | "yarn" => packages::judge(self, run)?,
            "cargo" => cargo::judge(self, run)?,
            _ => return scripts::judge(self, run),
        }
        Ok(false)
    }

    fn enter(&mut self, run: &Run) -> Result<(), Unreadable> {
        let target = run.words.get(1).map(|word| (word.value(&self.text.text), word.raw(&self.text.text)));
        let library = self.desk.library;
        self.around.folder = match target {
            Some((None, raw)) if raw.contains("rev-parse --show-toplevel") => Folder::In(String::new()),
            Some((Some(path), _)) if !path.starts_with(['/', '~', '-']) => {
                let found = self.starts().into_iter().filter_map(|start| normal(&start, &path)).find(|path| library.index.has_folder(path));
                // A clone of this very repository.
                let own = || {
                    library.facts.origin.as_ref().is_some_and(|origin| origin.name.rsplit('/').next() == Some(path.trim_end_matches('/')))
                };
                found.or_else(|| own().then(String::new)).map_or(Folder::Elsewhere, Folder::In)
            }
            _ => Folder::Elsewhere,
        };
        Ok(())
    }

    /// The folders that a relative path may start from, the likeliest first; none: it is not known.
    pub fn starts(&self) -> Vec<String> {
        match &self.around.folder {
            Folder::In(folder) => vec![folder.clone()],
            Folder::Elsewhere => Vec::new(),
            Folder::Start => {
                let mut folder = self.desk.source.file.as_str();
                let mut starts = vec![String::new()];
                while let Some((outer, _)) = folder.rsplit_once('/') {
                    starts.push(outer.to_owned());
                    folder = outer;
                }
                starts.extend(self.desk.library.facts.roots.iter().cloned());
                starts
            }
        }
    }

    /// `export NAME=value`
    fn exported(&mut self, run: &Run) {
        for word in &run.words[1..] {
            let raw = word.raw(&self.text.text);
            let Some((name, _)) = raw.split_once('=').filter(|(name, _)| is_variable(name)) else { continue };
            if run.program == "export" && !is_of_everybody(name) && !self.around.sets.contains(name) {
                let range = self.text.range(&(word.range.start..word.range.start + name.len()));
                self.named.variables.push(variables::Named { name: name.to_owned(), range, sure: false });
            }
            self.around.sets.insert(name.to_owned());
        }
    }

    fn used(&mut self, used: &Use) {
        if is_variable(&used.name) && !is_of_everybody(&used.name) && !self.around.sets.contains(&used.name) {
            let range = self.text.range(&used.range);
            self.named.variables.push(variables::Named { name: used.name.clone(), range, sure: false });
        }
    }

    /// There is nothing more to judge, for this reason.
    pub fn leave(&mut self, reason: &'static str) -> Result<(), Unreadable> {
        self.report.unsure(reason);
        Ok(())
    }

    /// The name that a word says; `None`: it is known only when it runs, or stands for another (`<x>`, `NAME`).
    pub fn named_by(&self, word: &Word) -> Option<String> {
        let text = &self.text.text;
        let value = word.value(text).filter(|_| !word.has_placeholder(text))?;
        let shouted = value.len() > 1 && value.chars().all(|c| c.is_ascii_uppercase() || matches!(c, '_' | '-'));
        (!shouted).then_some(value)
    }

    /// The document's bytes of a word.
    pub fn place(&self, word: &Word) -> Bytes {
        self.text.range(&word.range)
    }
}

/// As environments have them: local names of the shell are written small.
pub fn is_variable(name: &str) -> bool {
    name.len() > 2
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

fn is_of_everybody(name: &str) -> bool {
    !is_variable(name) || is_of_sessions(name)
}

/// Whether every session has a variable of this name.
pub fn is_of_sessions(name: &str) -> bool {
    EVERYBODYS.contains(&name)
}

/// Takes wrappers off; `None`: there is no program.
fn unwrap<'w>(words: &'w [Word], text: &str) -> Option<Run<'w>> {
    let mut words = words;
    let mut fed = false;
    loop {
        let first = words.first()?;
        let program = first.value(text).unwrap_or_default();
        let Some((wrapper, valued)) = WRAPPERS.iter().find(|(wrapper, _)| *wrapper == program) else {
            let name = program.rsplit('/').next().unwrap_or_default().to_owned();
            // A path says more than its last part.
            let program = if program.contains('/') && !program.starts_with(['/', '~']) { program } else { name };
            return Some(Run { words, program, fed });
        };
        fed |= *wrapper == "xargs";
        let mut rest = &words[1..];
        while let Some(word) = rest.first() {
            let raw = word.raw(text);
            let assigned = *wrapper == "env" && raw.contains('=');
            if !raw.starts_with('-') && !assigned {
                break;
            }
            let value = raw.len() == 2 && raw[1..].starts_with(|c: char| valued.contains(c));
            rest = rest.get(1 + usize::from(value)..).unwrap_or_default();
        }
        if *wrapper == "timeout" {
            rest = rest.get(1..).unwrap_or_default();
        }
        words = rest;
    }
}
