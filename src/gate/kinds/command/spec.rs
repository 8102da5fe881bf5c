//! What stands under `command:`, and its checked form.

use crate::{
    domain::{Place, Span},
    gate::{
        Effect,
        config::{Spec, collect::Collector},
        expect::Expectation,
        shapes::{self, OneOrMany, PatternSpec},
    },
    text::{
        source::Source,
        template::{self, Template},
        yaml::{Spanned, place_of},
    },
};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

/// A list of programs, run one after the other up to the first that says no.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct CommandsSpec(Vec<Spanned<CommandSpec>>);

impl Spec for CommandsSpec {
    const KEY: &'static str = "command";
}

/// One program: exactly one of `run` and `shell`, and what is expected of it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CommandSpec {
    /// Program and arguments. With a slash, the program is a file below `gates/` of the adopted policy.
    run: Option<Spanned<Vec<Spanned<String>>>>,
    /// A script for `sh -eu -c`. Nothing is filled in; the script reads `$TAGWARDEN_CHANNEL` and its like.
    shell: Option<Spanned<String>>,
    /// Names of variables that are passed through; all others are cleared.
    #[serde(default)]
    env: Vec<Spanned<String>>,
    /// Variables that are set.
    #[serde(default)]
    set: IndexMap<Spanned<String>, Spanned<String>>,
    /// Lawful exit codes; 0 where absent.
    exit: Option<Spanned<OneOrMany<u8>>>,
    /// jq programs over the standard output, each of which must give true.
    #[serde(default)]
    jq: Vec<Spanned<String>>,
    /// What must be found in the standard output.
    stdout: Option<PatternSpec>,
    /// What must be found in the error output.
    stderr: Option<PatternSpec>,
    /// A file that must come into being.
    produces: Option<ProducesSpec>,
    /// Time limit; 60s where absent.
    within: Option<Span>,
    /// Whether the program changes something outside; `reads` where absent.
    effect: Option<EffectSpec>,
}

/// A file that a program makes in its scratch folder (`$TAGWARDEN_SCRATCH`).
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ProducesSpec {
    /// Path relative to the scratch folder.
    file: Spanned<String>,
    /// The least size; 1 where absent.
    min_bytes: Option<u64>,
}

/// Whether a probe changes something outside.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum EffectSpec {
    Reads,
    Writes,
}

/// A checked command.
pub(super) struct Command {
    pub program: Program,
    pub env: Vec<String>,
    pub set: Vec<(String, Template)>,
    pub exit: Vec<i32>,
    pub jq: Vec<Expectation>,
    pub stdout: Option<(regex::Regex, Place)>,
    pub stderr: Option<(regex::Regex, Place)>,
    pub produces: Option<Produces>,
    pub within: Option<Span>,
    pub effect: Effect,
    pub place: Place,
}

pub(super) enum Program {
    Run(Vec<Template>),
    Shell(String),
}

pub(super) struct Produces {
    pub file: Template,
    pub min_bytes: u64,
    pub place: Place,
}

/// Variables that every command sees, beside those of its configuration: from the placeholder of the same name.
pub(super) const PREFIX: &str = "TAGWARDEN_";

pub(super) fn check(source: &Source, spec: CommandsSpec, collector: &mut Collector) -> Vec<Command> {
    spec.0.into_iter().filter_map(|command| check_command(source, command, collector)).collect()
}

fn check_command(source: &Source, command: Spanned<CommandSpec>, collector: &mut Collector) -> Option<Command> {
    let at = command.with(());
    let place = place_of(source, &command);
    let spec = command.value;
    let program = match (&spec.run, &spec.shell) {
        (Some(run), None) => check_run(run, collector),
        (None, Some(shell)) => shapes::script(collector, shell).map(Program::Shell),
        (None, None) => {
            collector.refuse(&at, "missing-key", "the command has neither `run` nor `shell`");
            None
        }
        (Some(_), Some(shell)) => {
            collector.refuse(shell, "several-commands", "a command has `run` or `shell`, not both");
            None
        }
    };
    spec.env.iter().for_each(|name| variable_name(name, collector));
    let set = check_set(&spec.set, &spec.env, collector);
    if let Some(exit) = spec.exit.as_ref().filter(|exit| exit.0.is_empty()) {
        collector.refuse(exit, "wrong-value", "an exit code must stand here, or several of them");
    }
    let mut pattern = |spec: Option<PatternSpec>| {
        let spec = spec?;
        shapes::pattern(collector, &spec.matches).map(|pattern| (pattern, place_of(source, &spec.matches)))
    };
    let (stdout, stderr) = (pattern(spec.stdout), pattern(spec.stderr));
    let jq = spec.jq.iter().filter_map(|program| shapes::expectation(collector, program)).collect();
    let produces = spec.produces.map(|produces| check_produces(source, produces, collector));
    Some(Command {
        program: program?,
        env: spec.env.into_iter().map(|name| name.value).collect(),
        set,
        exit: spec.exit.map_or(vec![0], |exit| exit.value.0.into_iter().map(i32::from).collect()),
        jq,
        stdout,
        stderr,
        produces: produces.flatten(),
        within: spec.within,
        effect: match spec.effect {
            None | Some(EffectSpec::Reads) => Effect::Reads,
            Some(EffectSpec::Writes) => Effect::Writes,
        },
        place,
    })
}

fn check_run(run: &Spanned<Vec<Spanned<String>>>, collector: &mut Collector) -> Option<Program> {
    match run.first() {
        Some(program) => shapes::program(collector, program),
        None => collector.refuse(run, "wrong-value", "a program and its arguments must stand here"),
    }
    let arguments: Vec<Option<Template>> = run.iter().map(|argument| shapes::argument(collector, argument)).collect();
    arguments.into_iter().collect::<Option<_>>().map(Program::Run)
}

fn check_set(
    set: &IndexMap<Spanned<String>, Spanned<String>>,
    passed: &[Spanned<String>],
    collector: &mut Collector,
) -> Vec<(String, Template)> {
    let mut checked = Vec::new();
    for (name, value) in set {
        variable_name(name, collector);
        if passed.contains(name) {
            collector.refuse(name, "duplicate", format!("`{}` is passed through by `env` already", name.value));
        }
        if let Some(value) = shapes::argument(collector, value) {
            checked.push((name.value.clone(), value));
        }
    }
    checked
}

fn check_produces(source: &Source, spec: ProducesSpec, collector: &mut Collector) -> Option<Produces> {
    let parts = || spec.file.split('/');
    if spec.file.contains('\\') || parts().any(|part| matches!(part, "" | "." | "..")) {
        let message = "the path of a file below the scratch folder must stand here: relative, without `..`";
        collector.refuse(&spec.file, "wrong-value", message);
    }
    let place = place_of(source, &spec.file);
    let file = shapes::argument(collector, &spec.file)?;
    Some(Produces { file, min_bytes: spec.min_bytes.unwrap_or(1), place })
}

/// A lawful name, and none that Tagwarden itself sets or that would change how programs are found or loaded.
fn variable_name(name: &Spanned<String>, collector: &mut Collector) {
    if !template::is_name(name) {
        let message = format!("`{}` is no name of a variable: letters, digits and `_`, no digit first", name.escape_debug());
        collector.refuse(name, "wrong-value", message);
    } else if name.starts_with(PREFIX) || name.value == "PATH" || name.starts_with("LD_") || name.starts_with("DYLD_") {
        collector.refuse(name, "wrong-value", format!("`{}` is set by Tagwarden itself, or not at all", name.value));
    }
}
