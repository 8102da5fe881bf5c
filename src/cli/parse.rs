//! From the words of the command line to a verb, a text to print, or a refusal as a report.
//!
//! A refusal keeps to the format that was asked for even where the rest of the line could not be understood.

use super::args::{self, Cli, Color};
use crate::{
    domain::{Fault, Reason},
    report::{Format, Report},
};
use clap::{
    CommandFactory, FromArgMatches, ValueEnum,
    error::{ContextKind, ContextValue, ErrorKind},
};
use std::{borrow::Cow, ffi::OsString, path::PathBuf};

/// What the words mean.
pub enum Parsed {
    Run(Box<Cli>),
    /// Help or version, as clap prints it.
    Print(clap::Error),
    Refused(Box<Report>, Delivery),
}

/// Where and how the answer goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    pub format: Format,
    pub output: Option<PathBuf>,
    /// Further files, each in a format of its own.
    pub also: Vec<(Format, PathBuf)>,
    pub color: Color,
    pub verbose: u8,
    pub quiet: bool,
    pub wide: bool,
}

impl Delivery {
    pub fn of(globals: &args::Globals) -> Delivery {
        Delivery {
            format: globals.format.into(),
            output: globals.output.clone(),
            also: globals.also.iter().map(|(format, path)| ((*format).into(), path.clone())).collect(),
            color: globals.color,
            verbose: globals.verbose,
            quiet: globals.quiet,
            wide: globals.wide,
        }
    }

    /// What can be known of a line that does not parse: `--format`, `--output` and `--also`, as `--flag value` or `--flag=value`.
    pub fn guess(words: &[OsString]) -> Delivery {
        let words = || words.iter().skip(1).take_while(|word| *word != "--").map(|word| word.to_string_lossy());
        let values = |flag: &str| -> Vec<String> {
            let next = words().skip(1).map(Some).chain([None]);
            let of = |(word, next): (Cow<'_, str>, Option<Cow<'_, str>>)| match word.strip_prefix(flag)? {
                "" => next.map(Cow::into_owned),
                joined => joined.strip_prefix('=').map(str::to_owned),
            };
            words().zip(next).filter_map(of).collect()
        };
        let value = |flag: &str| values(flag).into_iter().next();
        let format = value("--format").and_then(|name| args::Format::from_str(&name, false).ok()).unwrap_or_default();
        let also = values("--also").iter().filter_map(|text| args::also(text).ok()).map(|(format, path)| (format.into(), path)).collect();
        Delivery { format: format.into(), output: value("--output").map(PathBuf::from), also, ..Delivery::default() }
    }
}

/// Parses the words, the program's name first. `width`: the columns that help is wrapped at.
pub fn parse(words: &[OsString], width: Option<usize>) -> Parsed {
    // Help is printed before its flag could be parsed.
    let width = width.filter(|_| !words.iter().skip(1).take_while(|word| *word != "--").any(|word| word == "--wide"));
    // For clap, 0 is no limit.
    let command = Cli::command().term_width(width.map_or(0, |width| width.min(100)));
    match command.try_get_matches_from(words).and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => Parsed::Run(Box::new(cli)),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => Parsed::Print(error),
        Err(error) => Parsed::Refused(Box::new(refusal(&error, words).into()), Delivery::guess(words)),
    }
}

/// clap's message in our words: its first paragraph is the message; its tips, or else the verbs that know the flag, its usage line
/// or where values are described, are the help.
fn refusal(error: &clap::Error, words: &[OsString]) -> Fault {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let command = Cli::command();
        let verbs: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        let help = format!("one of {}; `tagwarden help` says what they do", verbs.join(", "));
        return Fault::new(Reason::BadUsage, "a verb is missing").help(help);
    }
    if error.kind() == ErrorKind::UnknownArgument && error.get(ContextKind::InvalidArg) == Some(&ContextValue::String("--now".to_owned())) {
        return Fault::new(Reason::BadUsage, "`--now` is for verbs that only read: what is written has the time of the system's clock")
            .help("leave it out, or let it follow verify, policy show, status, resolve, history, audit, docs check, docs list or explain");
    }
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n");
    let first = paragraphs.next().unwrap_or_default();
    let message = one_line(first.strip_prefix("error: ").unwrap_or(first));
    let rest: Vec<String> = paragraphs.map(one_line).collect();
    // No value of ours starts with a dash.
    let tips = rest.iter().filter_map(|paragraph| paragraph.strip_prefix("tip: ")).filter(|tip| !tip.starts_with("to pass '"));
    let mut help: Vec<String> = tips.map(str::to_owned).collect();
    if help.is_empty() {
        help.extend(known_elsewhere(error));
        help.extend(rest.iter().filter(|paragraph| paragraph.starts_with("Usage: ")).cloned());
    }
    if help.is_empty() {
        help.push(format!("`tagwarden help{}` says what may stand there", verb_in(words)));
    }
    Fault::new(Reason::BadUsage, message).help(help.join("; "))
}

/// Which verbs know the flag that this one does not.
fn known_elsewhere(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg).filter(|_| error.kind() == ErrorKind::UnknownArgument) else {
        return None;
    };
    let long = flag.strip_prefix("--")?;
    let command = Cli::command();
    let knows = |verb: &&clap::Command| verb.get_arguments().any(|known| known.get_long() == Some(long));
    let verbs: Vec<&str> = command.get_subcommands().filter(knows).map(clap::Command::get_name).collect();
    (!verbs.is_empty()).then(|| format!("`{flag}` is a flag of {}", verbs.join(", ")))
}

/// The verb among the words, and its own verb, each with a space before it.
fn verb_in(words: &[OsString]) -> String {
    let (mut command, mut verb) = (Cli::command(), String::new());
    for word in words.iter().skip(1) {
        if let Some(found) = command.find_subcommand(word).cloned() {
            verb.push(' ');
            verb.push_str(found.get_name());
            command = found;
        }
    }
    verb
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    fn refused(line: &str) -> (Report, Delivery) {
        match parse(&words(line), None) {
            Parsed::Refused(report, delivery) => (*report, delivery),
            _ => panic!("`{line}` was not refused"),
        }
    }

    fn said(line: &str) -> String {
        let (report, _) = refused(line);
        assert_eq!(report.reason, Reason::BadUsage, "{line}");
        format!("{} | {}", message(&report), report.next_step())
    }

    fn message(report: &Report) -> String {
        match &report.body {
            crate::report::Body::Error(shape) => shape.message.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn refusals_name_what_was_meant() {
        insta::assert_snapshot!(said("tagwarden promot web@1.0.0"), @"unrecognized subcommand 'promot' | a similar subcommand exists: 'promote'");
        insta::assert_snapshot!(said("tagwarden promote web@1.0.0 --chanel production"), @"unexpected argument '--chanel' found | a similar argument exists: '--channel'");
        insta::assert_snapshot!(said("tagwarden promote web@1.0.0"), @"the following required arguments were not provided: --channel <CHANNEL> | Usage: tagwarden promote --channel <CHANNEL> <RELEASE>...");
        insta::assert_snapshot!(said("tagwarden status --format xml"), @"invalid value 'xml' for '--format <FORMAT>' [possible values: human, json, junit, github, sarif] | `tagwarden help status` says what may stand there");
        insta::assert_snapshot!(said("tagwarden status --channel ../x"), @"invalid value '../x' for '--channel <CHANNEL>': `../x` is no channel name: lower-case letters, digits and ['_', '-'], at most 64, starting with a letter | `tagwarden help status` says what may stand there");
        insta::assert_snapshot!(said("tagwarden hold --all --channel staging --reason x"), @"the argument '--all' cannot be used with '--channel <CHANNEL>' | Usage: tagwarden hold --reason <TEXT> <--channel <CHANNEL>|--release <RELEASE>|--all>");
        insta::assert_snapshot!(said("tagwarden waive docs --channel staging --release web@1.0.0 --until soon --reason x"), @"invalid value 'soon' for '--until <SPAN|TIME>': `soon` is neither a duration such as 24h nor a time such as 2026-11-21T10:00:00Z | `tagwarden help waive` says what may stand there");
        insta::assert_snapshot!(said("tagwarden verify --signing-key none"), @"invalid value 'none' for '--signing-key <SOURCE>': whether entries are signed is said by the policy in force, not by a flag | `tagwarden help verify` says what may stand there");
        insta::assert_snapshot!(said("tagwarden"), @"a verb is missing | one of init, verify, policy, stage, promote, rollback, status, resolve, history, audit, hold, unhold, waive, ack, verdict, comment, follow, docs, validate, snapshot, bundle, sync, diff, catalog, trust, doctor, rehearse, serve, explain, schema, completions, man; `tagwarden help` says what they do");
    }

    #[test]
    fn unbuilt_verbs_and_flags_are_unknown() {
        for line in ["queue plan", "catalog check"] {
            assert!(said(&format!("tagwarden {line}")).starts_with("unrecognized subcommand"), "{line}");
        }
        assert!(said("tagwarden init --force").starts_with("unexpected argument"));
    }

    #[test]
    fn the_format_is_kept_where_the_line_is_wrong() {
        for (line, format, output) in [
            ("tagwarden --format json promot", Format::Json, None),
            ("tagwarden promot --format=json", Format::Json, None),
            ("tagwarden promot --format junit --output a.xml", Format::Junit, Some("a.xml")),
            ("tagwarden promot -- --format json", Format::Human, None),
            ("tagwarden promot --format", Format::Human, None),
            ("tagwarden promot --format xml", Format::Human, None),
            ("tagwarden promot --format sarif", Format::Sarif, None),
        ] {
            let (_, delivery) = refused(line);
            assert_eq!((delivery.format, delivery.output), (format, output.map(PathBuf::from)), "{line}");
        }
    }

    #[test]
    fn further_files_are_kept_where_the_line_is_wrong() {
        let (_, delivery) = refused("tagwarden promot --also json=a.json --also=sarif=b --also github=c --also x");
        assert_eq!(delivery.also, [(Format::Json, PathBuf::from("a.json")), (Format::Sarif, PathBuf::from("b"))]);
        for wrong in ["json", "json=", "xml=a", "github=a"] {
            let said = said(&format!("tagwarden status --also {wrong}"));
            assert!(said.contains(&format!("`{wrong}` is not of the form FORMAT=FILE")), "{said}");
        }
    }

    #[test]
    fn global_flags_stand_before_and_after_the_verb() {
        for line in
            ["tagwarden --format json -q status --now 2026-11-21T10:00:00Z", "tagwarden status --format json -q --now 2026-11-21T10:00:00Z"]
        {
            let Parsed::Run(cli) = parse(&words(line), None) else { panic!("{line}") };
            assert_eq!(Delivery::of(&cli.globals), Delivery { format: Format::Json, quiet: true, ..Delivery::default() });
            assert_eq!(cli.command.now().map(|now| now.to_string()).as_deref(), Some("2026-11-21T10:00:00Z"));
        }
    }

    #[test]
    fn help_and_version_are_printed() {
        for line in ["tagwarden --help", "tagwarden help promote", "tagwarden --version", "tagwarden promote -h"] {
            assert!(matches!(parse(&words(line), None), Parsed::Print(_)), "{line}");
        }
    }

    #[test]
    fn the_shapes_are_sound() {
        Cli::command().debug_assert();
    }
}
