//! A whole run: from the words to what is printed and the exit code, in surroundings that the caller gives. `main.rs` gives
//! those of the process.

use super::{
    Cli, Session,
    args::Color,
    parse::{Delivery, Parsed, parse},
};
use crate::{
    domain::{Fault, Reason, Result},
    report::{self, Format, Report, Style, github::Links},
    world::{Clock, EnvVars, git::Patience, machine, output, runtime},
};
use std::{
    ffi::OsString,
    mem::ManuallyDrop,
    path::{Path, PathBuf},
};

/// What a run takes from around it.
#[derive(Clone, Debug)]
pub struct Surroundings {
    pub env: EnvVars,
    pub clock: Clock,
    /// Where the words are said; empty: the working folder of the process.
    pub dir: PathBuf,
    /// Whether standard output shows colours.
    pub shows_colors: bool,
    /// The columns of the terminal that standard output is; `None`: it is none.
    pub columns: Option<usize>,
    /// How long servers are waited for, and who sees it.
    pub patience: Patience,
    /// This program, where others can start it.
    pub program: Option<PathBuf>,
}

impl Surroundings {
    /// The width of the screen: the terminal's, else what `COLUMNS` says, else there is none.
    fn width(&self) -> Option<usize> {
        let said = || self.env.get("COLUMNS").and_then(|said| said.trim().parse().ok());
        self.columns.or_else(said).filter(|columns| *columns > 0)
    }
}

/// What a run comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printed {
    pub code: u8,
    pub stdout: String,
    pub stderr: String,
}

/// The answer to the words, or help and version, as clap prints them.
pub fn run(words: &[OsString], around: &Surroundings) -> std::result::Result<Printed, clap::Error> {
    match parse(words, around.width()) {
        Parsed::Run(cli) => {
            let cli = if around.dir.as_os_str().is_empty() { *cli } else { cli.said_in(&around.dir) };
            let delivery = Delivery::of(&cli.globals);
            let report = writable(&delivery).and_then(|()| answer(cli, around)).unwrap_or_else(Report::from);
            // The process ends soon; taking a large report apart first would only cost time.
            let report = ManuallyDrop::new(report);
            Ok(deliver(&report, &delivery, around))
        }
        Parsed::Refused(report, delivery) => {
            // It quotes the words, and a secret may have been put among them.
            let Printed { code, stdout, stderr } = deliver(&report, &delivery, around);
            let masks = around.env.masks();
            Ok(Printed { code, stdout: masks.mask(&stdout), stderr: masks.mask(&stderr) })
        }
        Parsed::Print(text) => Err(text),
    }
}

/// The runtime is started only for verbs that need the world.
fn answer(cli: Cli, around: &Surroundings) -> Result<Report> {
    if let Some(answer) = cli.command.answer_at_once() {
        return answer;
    }
    let clock = cli.command.now().map_or(around.clock, Clock::starting);
    let session = Session::new(cli.globals, around.env.clone(), clock).waiting(around.patience.clone()).started_as(around.program.clone());
    let answer = runtime::complete(super::run(&session, &cli.command)).unwrap_or_else(|fault| session.broken_off(fault));
    session.progress().end();
    answer
}

/// Refuses an output file that cannot be written before anything is run.
fn writable(delivery: &Delivery) -> Result<()> {
    let files = delivery.output.iter().map(|path| ("--output", path)).chain(delivery.also.iter().map(|(_, path)| ("--also", path)));
    for (flag, path) in files {
        output::can_replace(path).map_err(|error| {
            Fault::new(machine::unwritten(&error, Reason::BadUsage), format!("cannot write the answer to {}: {error}", path.display()))
                .help(format!("give `{flag}` a file in a folder that exists"))
        })?;
    }
    Ok(())
}

/// Puts the answer where it was asked for. One that could not be put there goes to standard output, so that what happened is
/// never unknown.
pub fn deliver(report: &Report, delivery: &Delivery, around: &Surroundings) -> Printed {
    let text = report::render(report, delivery.format, style(delivery, around));
    let mut printed = Printed { code: report.exit_code(), stdout: String::new(), stderr: String::new() };
    match &delivery.output {
        Some(path) => {
            if let Err(error) = output::replace_file(&around.dir.join(path), &text) {
                printed.stderr = complaint(&format!("cannot write the answer to {}: {error}", path.display()));
                printed.stdout = text;
                printed.code = undelivered(printed.code);
            }
        }
        None if delivery.format == Format::Human && matches!(report.body, report::Body::Error(_)) => printed.stderr = text,
        None => printed.stdout = text,
    }
    let mut files = Vec::new();
    for (format, path) in &delivery.also {
        let path = around.dir.join(path);
        match output::replace_file(&path, &report::render(report, *format, Style { color: false, width: None, ..style(delivery, around) }))
        {
            Ok(()) => files.push((*format, path)),
            Err(error) => {
                printed.stderr.push_str(&complaint(&format!("cannot write the answer to {}: {error}", path.display())));
                printed.code = undelivered(printed.code);
            }
        }
    }
    let file = files.iter().find(|(format, _)| *format == Format::Json).map(|(_, path)| path.as_path());
    if delivery.format == Format::Github
        && let Err(error) = tell_github(report, file, &around.env)
    {
        printed.stderr.push_str(&complaint(&format!("cannot write the step summary or the outputs: {error}")));
    }
    printed
}

/// The exit code of a run whose answer could not be put where it was asked for: never that of a success.
pub const fn undelivered(code: u8) -> u8 {
    if code == 0 { Reason::NoResources.exit_code() } else { code }
}

/// Appends to the files that GitHub Actions names; does nothing where it names none. `file`: where the answer is as JSON.
fn tell_github(report: &Report, file: Option<&Path>, env: &EnvVars) -> std::io::Result<()> {
    let written = file.map(|path| path.to_string_lossy().into_owned());
    let file = |name| env.get_os(name).filter(|path| !path.is_empty()).map(Path::new);
    if let Some(path) = file("GITHUB_STEP_SUMMARY") {
        let room = report::github::SUMMARY_LIMIT.saturating_sub(output::size(path));
        output::append_file(path, &report::github::summary(report, &links(env), room))?;
    }
    if let Some(path) = file("GITHUB_OUTPUT") {
        output::append_file(path, &outputs(report, written.as_deref(), output::random_hex)?)?;
    }
    Ok(())
}

/// The step's outputs, between delimiters that none of them contains.
fn outputs(report: &Report, file: Option<&str>, mut draw: impl FnMut() -> std::io::Result<String>) -> std::io::Result<String> {
    loop {
        if let Some(lines) = report::github::outputs(report, file, &draw()?) {
            return Ok(lines);
        }
    }
}

/// Where GitHub shows the repository and the run, as it tells each step.
fn links(env: &EnvVars) -> Links {
    let var = |name| env.get(name).unwrap_or_default();
    Links::of(&var("GITHUB_SERVER_URL"), &var("GITHUB_REPOSITORY"), &var("GITHUB_RUN_ID"))
}

fn style(delivery: &Delivery, around: &Surroundings) -> Style {
    let color = match delivery.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => delivery.output.is_none() && around.shows_colors,
    };
    // A file, and what GitHub reads line by line, is not a screen.
    let screen = delivery.output.is_none() && delivery.format == Format::Human && !delivery.wide;
    let width = if screen { around.width() } else { None };
    Style { color, verbose: delivery.verbose, quiet: delivery.quiet, width, annotated: false }
}

/// What is said on standard error beside an answer.
pub fn complaint(message: &str) -> String {
    format!("tagwarden: {}\n", report::safe::visible(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delimiter_that_an_output_contains_is_drawn_again() {
        let report = Report::from(Fault::new(Reason::NotPermitted, "no"));
        let mut drawn = ["stop", "permitted", "5", "x9"].into_iter();
        let text = outputs(&report, None, || Ok(drawn.next().expect("one of them fits").to_owned())).unwrap();
        assert!(text.starts_with("decision<<x9\nstop\nx9\nreason_code<<x9\nnot_permitted\nx9\n"), "{text}");
        assert_eq!(drawn.next(), None);
        assert!(outputs(&report, None, || Err(std::io::ErrorKind::Other.into())).is_err());
    }

    #[test]
    fn the_screen_is_the_terminal_s_else_as_columns_says_else_there_is_none() {
        let around = |columns, said: Option<&str>| Surroundings {
            env: EnvVars::of(said.map(|said| ("COLUMNS", said))),
            clock: Clock::system(),
            dir: PathBuf::new(),
            shows_colors: false,
            columns,
            patience: Patience::default(),
            program: None,
        };
        for (terminal, said, width) in [
            (Some(80), None, Some(80)),
            (Some(80), Some("40"), Some(80)),
            (None, Some("40"), Some(40)),
            (None, Some("0"), None),
            (None, Some("wide"), None),
            (None, None, None),
        ] {
            assert_eq!(around(terminal, said).width(), width, "{terminal:?} {said:?}");
        }
        let around = around(Some(80), None);
        let of = |delivery: Delivery| style(&delivery, &around).width;
        assert_eq!(of(Delivery::default()), Some(80));
        assert_eq!(of(Delivery { wide: true, ..Delivery::default() }), None);
        assert_eq!(of(Delivery { output: Some("file".into()), ..Delivery::default() }), None);
        assert_eq!(of(Delivery { format: Format::Github, ..Delivery::default() }), None);
    }
}
