//! The dump of the audit gate: one program that makes a file, and one that lists what is in it.

use super::{DUMP, LIST, answer};
use crate::{
    domain::{Finding, Place, Span},
    gate::{
        Checks, Context, Effect, Evidence, Probe,
        config::collect::Collector,
        expect,
        probe::{Ask, CommandAsk, CommandGot, Got},
        shapes,
    },
    text::{
        source::Source,
        template::{Slot, Template},
        yaml::{Spanned, place_of},
    },
};
use schemars::JsonSchema;
use serde::Deserialize;

/// A dump of the data: exactly one of `run` and `shell`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DumpSpec {
    /// Program and arguments. With a slash, the program is a file below `gates/` of the adopted policy.
    run: Option<Spanned<Vec<Spanned<String>>>>,
    /// A script for `sh -eu -c`.
    shell: Option<Spanned<String>>,
    /// Names of variables that are passed through; all others are cleared.
    #[serde(default)]
    env: Vec<Spanned<String>>,
    /// The file that must come into being, relative to the scratch folder (`$TAGWARDEN_SCRATCH`).
    file: Spanned<String>,
    /// Program and arguments that list the dump.
    list: Option<Spanned<Vec<Spanned<String>>>>,
    /// Instead of `list`: a script that lists the dump.
    list_shell: Option<Spanned<String>>,
    /// The least size of the file; 1 where absent.
    min_bytes: Option<u64>,
    /// Time limit of each of the two programs; 60s where absent.
    within: Option<Span>,
}

/// A checked dump.
pub(super) struct Dump {
    make: Program,
    list: Option<Program>,
    env: Vec<String>,
    file: String,
    min_bytes: u64,
    within: Option<Span>,
    place: Place,
}

enum Program {
    Run(Vec<Template>),
    Shell(String),
}

pub(super) fn check(source: &Source, dump: Spanned<DumpSpec>, collector: &mut Collector) -> Option<Dump> {
    let at = dump.with(());
    let place = place_of(source, &dump);
    let spec = dump.value;
    let make = match (&spec.run, &spec.shell) {
        (None, None) => {
            collector.refuse(&at, "missing-key", "the dump has neither `run` nor `shell`");
            None
        }
        (run, shell) => program(run.as_ref(), shell.as_ref(), collector),
    };
    let list = match (&spec.list, &spec.list_shell) {
        (None, None) => None,
        (run, shell) => program(run.as_ref(), shell.as_ref(), collector),
    };
    for name in &spec.env {
        let lawful = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(lawful) {
            collector.refuse(name, "wrong-value", "the name of an environment variable must stand here");
        }
    }
    let parts = || spec.file.split('/');
    if spec.file.contains(['\\', '\0']) || parts().any(|part| matches!(part, "" | "." | "..")) {
        collector.refuse(&spec.file, "wrong-value", "a path inside the scratch folder must stand here, without `..`");
    }
    Some(Dump {
        make: make?,
        list,
        env: spec.env.iter().map(|name| name.value.clone()).collect(),
        file: spec.file.value.clone(),
        min_bytes: spec.min_bytes.unwrap_or(1).max(1),
        within: spec.within,
        place,
    })
}

fn program(run: Option<&Spanned<Vec<Spanned<String>>>>, shell: Option<&Spanned<String>>, collector: &mut Collector) -> Option<Program> {
    match (run, shell) {
        (Some(_), Some(shell)) => {
            collector.refuse(shell, "wrong-value", "either a program with its arguments or a script can stand here, not both");
            None
        }
        (Some(run), None) => {
            if run.first().is_none_or(|program| program.is_empty()) {
                collector.refuse(run, "wrong-value", "a program and its arguments must stand here");
            }
            run.iter().map(|argument| shapes::argument(collector, argument)).collect::<Option<_>>().map(Program::Run)
        }
        (None, Some(shell)) => shapes::script(collector, shell).map(Program::Shell),
        (None, None) => None,
    }
}

/// How a program ended.
enum End {
    Well,
    Badly(Finding),
    Unknown(Finding),
}

impl Dump {
    /// The next question: first the dump, and the list once the dump came into being.
    pub fn asks(&self, cx: &Context, seen: &Evidence) -> Option<Probe> {
        let (key, program, produces) = match (seen.get(DUMP), &self.list) {
            (None, _) => (DUMP, &self.make, Some(self.file.clone())),
            (Some(_), Some(list)) if seen.get(LIST).is_none() && self.came_into_being(cx, seen) => (LIST, list, None),
            _ => return None,
        };
        let ask = self.ask(cx, program, produces).ok()?;
        Some(Probe { key, ask: Ask::Command(ask), not_before: None, effect: Effect::Reads })
    }

    pub fn judge(&self, cx: &Context, seen: &Evidence, checks: &mut Checks) {
        let Some(got) = self.got(cx, seen, true, checks) else { return };
        let findings = self.made(got);
        if !findings.is_empty() {
            findings.into_iter().for_each(|end| settle(end, checks));
            if self.list.is_some() {
                let message = "the dump was not listed, because it did not come into being";
                checks.remark(Finding::note("audit/not-listed", message).at(self.place.clone()));
            }
            return;
        }
        checks.hold();
        if let Some(produced) = &got.produced {
            let message = format!("the dump has {} bytes, sha256:{}", produced.bytes, produced.sha256);
            checks.remark(Finding::note("audit/dumped", message));
        }
        if self.list.is_some()
            && let Some(got) = self.got(cx, seen, false, checks)
        {
            settle(self.listed(got), checks);
        }
    }

    fn came_into_being(&self, cx: &Context, seen: &Evidence) -> bool {
        self.got(cx, seen, true, &mut Checks::new()).is_some_and(|got| self.made(got).is_empty())
    }

    /// The recorded end of the dump or of its list; what is wrong with the record goes to `checks`.
    fn got<'e>(&self, cx: &Context, seen: &'e Evidence, dump: bool, checks: &mut Checks) -> Option<&'e CommandGot> {
        let (key, what) = if dump { (DUMP, "the dump") } else { (LIST, "the list of the dump") };
        let program = if dump { &self.make } else { self.list.as_ref()? };
        let wanted = match self.ask(cx, program, None) {
            Ok(wanted) => wanted,
            Err(slot) => {
                let finding = Finding::error("audit/no-value", format!("`{slot}` has no value here")).at(self.place.clone());
                checks.unknown(finding.help("name a release or a commit, or give the channel a `base_url`"));
                return None;
            }
        };
        let belongs = |ask: &Ask| matches!(ask, Ask::Command(ask) if ask.run == wanted.run && ask.shell == wanted.shell);
        answer(seen, key, what, belongs, as_command, checks)
    }

    /// What is wrong with the dump; empty: it came into being.
    fn made(&self, got: &CommandGot) -> Vec<End> {
        let finding = |code: &str, message: String| Finding::error(format!("audit/{code}"), message).at(self.place.clone());
        match self.ended(got, "the dump command", "dump-failed") {
            End::Well => {}
            end => return vec![end],
        }
        let Some(produced) = &got.produced else {
            return vec![End::Badly(finding("dump-missing", format!("the dump command ended well, but made no file `{}`", self.file)))];
        };
        if !produced.fresh {
            return vec![End::Badly(finding("dump-stale", format!("`{}` is older than the dump command's start", self.file)))];
        }
        if produced.bytes < self.min_bytes {
            let message = format!("`{}` has {} bytes; at least {} are wanted", self.file, produced.bytes, self.min_bytes);
            return vec![End::Badly(finding("dump-too-small", message))];
        }
        Vec::new()
    }

    fn listed(&self, got: &CommandGot) -> End {
        let nothing = match &got.stdout {
            serde_json::Value::Null => true,
            serde_json::Value::String(text) => text.trim().is_empty(),
            serde_json::Value::Array(items) => items.is_empty(),
            serde_json::Value::Object(members) => members.is_empty(),
            _ => false,
        };
        match self.ended(got, "the command that lists the dump", "list-failed") {
            End::Well if nothing => {
                End::Badly(Finding::error("audit/list-empty", "the dump was listed, but there is nothing in it").at(self.place.clone()))
            }
            end => end,
        }
    }

    fn ended(&self, got: &CommandGot, what: &str, code: &str) -> End {
        let finding = |code: &str, message: String| {
            expect::with_last_words(Finding::error(format!("audit/{code}"), message).at(self.place.clone()), got)
        };
        match got.exit {
            Some(0) => End::Well,
            Some(exit @ (126 | 127)) => End::Unknown(finding("not-found", format!("{what} could not be run (exit code {exit})"))),
            Some(exit) => End::Badly(finding(code, format!("{what} ended with exit code {exit}"))),
            None => End::Unknown(finding("signal", format!("{what} was ended by a signal"))),
        }
    }

    fn ask(&self, cx: &Context, program: &Program, produces: Option<String>) -> Result<CommandAsk, Slot> {
        let placeholders = cx.placeholders();
        let value = |slot: &Slot| match slot {
            Slot::Value(name) => placeholders.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()),
            Slot::Env(_) | Slot::Capture(_) => None,
        };
        let (run, shell) = match program {
            Program::Run(arguments) => (arguments.iter().map(|text| text.expand(value)).collect::<Result<_, _>>()?, None),
            Program::Shell(script) => (Vec::new(), Some(script.clone())),
        };
        let set = placeholders.iter().map(|(name, value)| (format!("TAGWARDEN_{}", name.to_uppercase()), value.clone())).collect();
        Ok(CommandAsk { run, shell, env: self.env.clone(), set, within: self.within, produces })
    }
}

fn settle(end: End, checks: &mut Checks) {
    match end {
        End::Well => checks.hold(),
        End::Badly(finding) => checks.fail(finding),
        End::Unknown(finding) => checks.unknown(finding),
    }
}

fn as_command(got: &Got) -> Option<&CommandGot> {
    if let Got::Command(command) = got { Some(command) } else { None }
}
