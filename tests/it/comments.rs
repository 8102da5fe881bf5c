//! Slash commands on whole comments: `tests/comments/*.yaml`, one list of cases a file, and what holds of every comment.
//!
//! A case has `comment` and how it is read: `command`, the line that the answer is written as, and the `parts` of the comment that
//! say so; `error`, the finding code, with place, marked text, words and the command to type; or neither. `{sha}` and `{4000 x}` are
//! filled in.

use clap::{ArgAction, CommandFactory, Parser};
use serde::Deserialize;
use std::{collections::BTreeSet, fs, path::Path};
use tagwarden::{
    cli::{args::Cli, explain},
    domain::Reason,
    text::{
        slash::{self, Dialect, Form, Invocation, Kind, Need, Problem},
        source::Source,
        yaml,
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    is: String,
    comment: String,
    #[serde(default)]
    prefix: Option<String>,
    #[serde(default)]
    require_sha: Option<bool>,
    #[serde(default)]
    command: Option<String>,
    #[serde(default)]
    parts: Vec<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    at: String,
    #[serde(default)]
    marks: String,
    #[serde(default, rename = "try")]
    correct: Option<String>,
    #[serde(default)]
    says: Vec<String>,
}

const SHA: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

fn filled(text: &str) -> String {
    text.replace("{sha}", SHA).replace("{4000 x}", &"x".repeat(4000)).replace("{4001 x}", &"x".repeat(4001))
}

impl Case {
    fn dialect(&self) -> Dialect {
        let default = Dialect::default();
        let prefix = self.prefix.as_ref().map_or(default.prefix, |prefix| prefix.parse().unwrap());
        Dialect { prefix, require_sha: self.require_sha.unwrap_or(default.require_sha) }
    }
}

fn cases(file: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/comments").join(file);
    let source = Source::new(file, fs::read_to_string(path).unwrap());
    yaml::parse(&source).unwrap_or_else(|finding| panic!("{finding:?}"))
}

/// Reads a comment and checks what holds of every answer.
fn read(comment: &str, dialect: &Dialect) -> Result<Option<Invocation>, Problem> {
    let answer = slash::read(comment, dialect);
    match &answer {
        Ok(Some(invocation)) => {
            let line = invocation.command.line(&dialect.prefix);
            let again = slash::read(&line, dialect);
            assert_eq!(again.map(|again| again.map(|again| again.command)), Ok(Some(invocation.command.clone())), "{line}");
        }
        Ok(None) => {}
        Err(problem) => {
            assert!(comment.get(problem.range.clone()).is_some(), "{problem:?}");
            assert!(explain::knows(problem.wrong.code()), "{problem:?}");
            assert!(!problem.message.is_empty() && !problem.help.is_empty() && !problem.correct.is_empty(), "{problem:?}");
            let fault = problem.fault(comment);
            assert_eq!((fault.reason, fault.findings.len()), (Reason::BadUsage, 1));
        }
    }
    answer
}

#[test]
fn comments_with_a_command_are_read() {
    for case in cases("commands.yaml") {
        let comment = filled(&case.comment);
        let invocation = read(&comment, &case.dialect()).unwrap_or_else(|problem| panic!("{}: {problem:?}", case.is));
        let invocation = invocation.unwrap_or_else(|| panic!("{}: no command", case.is));
        assert_eq!(invocation.command.line(&case.dialect().prefix), filled(case.command.as_ref().unwrap()), "{}", case.is);
        let parts: Vec<String> = invocation
            .parts
            .iter()
            .map(|part| match &part.value {
                Some(value) => format!("{}={}", part.name, &comment[value.clone()]),
                None => part.name.to_owned(),
            })
            .collect();
        if !case.parts.is_empty() {
            assert_eq!(parts, case.parts.iter().map(|part| filled(part)).collect::<Vec<_>>(), "{}", case.is);
        }
        for part in &invocation.parts {
            if let Some(flag) = &part.flag {
                assert_eq!(&comment[flag.clone()], format!("--{}", part.name), "{}", case.is);
            }
        }
        let line = &comment[invocation.range.clone()];
        assert!(line.starts_with(&comment[invocation.head.clone()]) && !line.contains(['\n', '\r']), "{}: {line:?}", case.is);
    }
}

#[test]
fn comments_without_a_command_get_no_answer() {
    for case in cases("none.yaml") {
        assert_eq!(read(&filled(&case.comment), &case.dialect()), Ok(None), "{}", case.is);
    }
}

#[test]
fn wrong_commands_are_refused_with_their_place() {
    for case in cases("errors.yaml") {
        let comment = filled(&case.comment);
        let Err(problem) = read(&comment, &case.dialect()) else { panic!("{}: not refused", case.is) };
        let place = problem.place(&comment);
        let seen = (problem.wrong.code(), format!("{}:{}", place.line, place.column), &comment[problem.range.clone()]);
        assert_eq!(seen, (case.error.as_deref().unwrap(), case.at.clone(), filled(&case.marks).as_str()), "{}: {problem:?}", case.is);
        if let Some(correct) = &case.correct {
            assert_eq!(&problem.correct, correct, "{}", case.is);
        }
        let said = format!("{} {}", problem.message, problem.help);
        case.says.iter().for_each(|part| assert!(said.contains(part), "{}: {said}", case.is));
    }
}

/// Nothing is learnt twice: a comment has the flags of the program, with the same rules, and says of each that it does not take what
/// to do in place of it.
#[test]
fn commands_are_those_of_the_program() {
    let mut program = Cli::command();
    program.build();
    for spec in slash::COMMANDS.iter().filter(|spec| spec.name != "help") {
        let verbs = spec.program.iter().filter(|word| !word.starts_with("--"));
        let verb = verbs.fold(&program, |verb, word| verb.find_subcommand(word).unwrap_or_else(|| panic!("{word}")));
        let own = |argument: &&clap::Arg| !argument.is_global_set() && argument.get_id() != "help";
        let flags = || verb.get_arguments().filter(own).filter_map(|argument| argument.get_long().map(|long| (long, argument)));
        let known: BTreeSet<&str> = flags().map(|(long, _)| long).collect();
        let here = spec.flags().map(|flag| flag.name);
        let told: BTreeSet<&str> = here.chain(spec.not_here.iter().map(|(flag, _)| *flag)).collect();
        assert_eq!(told, known, "{}", spec.name);
        for (long, argument) in flags() {
            let Some(flag) = spec.argument(Form::Flag, long) else { continue };
            assert_eq!(flag.need == Need::Always, argument.is_required_set(), "{} --{long}", spec.name);
            assert_eq!(flag.repeats, matches!(argument.get_action(), ArgAction::Append), "{} --{long}", spec.name);
            assert_eq!(flag.kind == Kind::Switch, matches!(argument.get_action(), ArgAction::SetTrue), "{} --{long}", spec.name);
        }
        // `--retire`, which no comment takes, may stand in place of releases.
        let positions: Vec<(bool, bool)> = verb
            .get_positionals()
            .map(|argument| (argument.is_required_set() || known.contains("retire"), matches!(argument.get_action(), ArgAction::Append)))
            .collect();
        let own = spec.positions().filter(|position| !matches!(position.kind, Kind::Word(_)));
        assert_eq!(own.map(|position| (position.need == Need::Always, position.repeats)).collect::<Vec<_>>(), positions, "{}", spec.name);
        let groups = verb.get_groups().filter(|group| group.is_required_set());
        let chosen: Vec<String> = groups.flat_map(|group| group.get_args().map(ToString::to_string)).collect();
        assert_eq!(chosen, spec.one_of, "{}", spec.name);
    }
}

#[test]
fn what_a_comment_asks_for_is_a_command_line() {
    let whole = cases("commands.yaml");
    let read = |case: &Case| slash::read(&filled(&case.comment), &case.dialect()).unwrap().unwrap().command;
    for command in whole.iter().map(read).filter(|command| command.name() != "help") {
        let words = command.arguments();
        let line = std::iter::once("tagwarden").chain(words.iter().map(String::as_str));
        let cli = Cli::try_parse_from(line).unwrap_or_else(|error| panic!("{words:?}: {error}"));
        // Every value is somewhere in what the program read; a commit id only where it has a flag for it.
        let seen = format!("{:?}", cli.command);
        for value in words.iter().filter_map(|word| word.split_once('=').map(|(_, value)| value).filter(|_| word.starts_with("--reason"))) {
            assert!(seen.contains(&format!("{value:?}")), "{value}: {seen}");
        }
    }
}
