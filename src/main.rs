//! The program: parse, run the verb, write its answer, end with its exit code.
//!
//! Every way out goes through one report, a panic included, so that a script always finds a decision and a reason code.
//! The runtime is started only for verbs that need the world.

use std::{
    ffi::OsString,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::ExitCode,
    sync::Mutex,
};
use tagwarden::{
    cli::{
        self, Session,
        args::Color,
        parse::{Delivery, Parsed},
    },
    domain::{Fault, Reason, Result},
    report::{self, Format, Report, Style},
    world::{EnvVars, output},
};

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    remember_panics();
    ExitCode::from(guarded(&words, |words| match cli::parse::parse(words) {
        Parsed::Run(cli) => {
            let delivery = Delivery::of(&cli.globals);
            let report = writable(&delivery).and_then(|()| answer(*cli)).unwrap_or_else(Report::from);
            // The process ends here; taking a large report apart first would only cost time.
            let report = std::mem::ManuallyDrop::new(report);
            deliver(&report, &delivery)
        }
        Parsed::Refused(report, delivery) => deliver(&report, &delivery),
        Parsed::Print(text) => {
            // Only a closed pipe can be in the way.
            let _ = text.print();
            0
        }
    }))
}

/// Runs the program; a panic becomes a report as well.
fn guarded(words: &[OsString], program: impl FnOnce(&[OsString]) -> u8) -> u8 {
    catch_unwind(AssertUnwindSafe(|| program(words))).unwrap_or_else(|_| deliver(&Report::from(defect()), &Delivery::guess(words)))
}

fn answer(cli: cli::Cli) -> Result<Report> {
    if let Some(answer) = cli.command.answer_at_once() {
        return answer;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Fault::new(Reason::Internal, format!("cannot start the runtime: {error}")))?;
    let session = Session::new(cli.globals, EnvVars::from_process());
    let answer = runtime.block_on(cli::run(&session, &cli.command));
    // A helper task that still waits for the network must not hold the answer back.
    runtime.shutdown_background();
    answer
}

/// Refuses an output file that cannot be written before anything is run.
fn writable(delivery: &Delivery) -> Result<()> {
    let Some(path) = &delivery.output else { return Ok(()) };
    output::can_replace(path).map_err(|error| {
        Fault::new(Reason::BadUsage, format!("cannot write the answer to {}: {error}", path.display()))
            .help("give `--output` a file in a folder that exists")
    })
}

/// Writes the answer where it was asked for; gives the exit code. An answer that could not be put there goes to standard
/// output, so that what happened is never unknown.
fn deliver(report: &Report, delivery: &Delivery) -> u8 {
    let text = report::render(report, delivery.format, style(delivery));
    let mut code = report.exit_code();
    let written = match &delivery.output {
        Some(path) => output::replace_file(path, &text).or_else(|error| {
            complain(&format!("cannot write the answer to {}: {error}", path.display()));
            output::to_stdout(&text)
        }),
        None if delivery.format == Format::Human && matches!(report.body, report::Body::Error(_)) => output::to_stderr(&text),
        None => output::to_stdout(&text),
    };
    if let Err(error) = written {
        complain(&format!("cannot write the answer: {error}"));
        code = if code == 0 { Reason::Internal.exit_code() } else { code };
    }
    if delivery.format == Format::Github
        && let Err(error) = tell_github(report)
    {
        complain(&format!("cannot write the step summary or the outputs: {error}"));
    }
    code
}

/// Appends to the files that GitHub Actions names; does nothing where it names none.
fn tell_github(report: &Report) -> std::io::Result<()> {
    let file = |name| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    if let Some(path) = file("GITHUB_STEP_SUMMARY") {
        let room = report::github::SUMMARY_LIMIT.saturating_sub(output::size(&path));
        output::append_file(&path, &report::github::summary(report, room))?;
    }
    if let Some(path) = file("GITHUB_OUTPUT") {
        let lines = loop {
            if let Some(lines) = report::github::outputs(report, &output::random_hex()?) {
                break lines;
            }
        };
        output::append_file(&path, &lines)?;
    }
    Ok(())
}

fn style(delivery: &Delivery) -> Style {
    let color = match delivery.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => delivery.output.is_none() && anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never,
    };
    Style { color, verbose: delivery.verbose, quiet: delivery.quiet }
}

fn complain(message: &str) {
    // Where standard error is gone, nobody is left to be told.
    let _ = output::to_stderr(&format!("tagwarden: {}\n", report::safe::visible(message)));
}

static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Keeps the place of a panic for the report instead of printing it. Its message may quote any value, so it is told only
/// where `RUST_BACKTRACE` asks for it.
fn remember_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let told = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| !value.is_empty() && value != "0");
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let said = panic.payload();
        let said = said.downcast_ref::<String>().map(String::as_str).or_else(|| said.downcast_ref::<&str>().copied());
        let message = said.filter(|_| told).map(|message| format!(": {message}")).unwrap_or_default();
        if let Ok(mut last) = PANIC.lock() {
            last.get_or_insert(format!("{place}{message}"));
        }
    }));
}

fn defect() -> Fault {
    let place = PANIC.lock().ok().and_then(|mut place| place.take()).unwrap_or_else(|| "an unknown place".to_owned());
    Fault::new(Reason::Internal, format!("a defect in Tagwarden at {place}"))
        .help("report it with this message; with RUST_BACKTRACE=1 the message says more (it may quote values)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_answer_and_quotes_no_value() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answer.json");
        let words: Vec<OsString> =
            ["tagwarden", "status", "--format", "json", "--output"].iter().map(OsString::from).chain([path.clone().into()]).collect();
        let hook = std::panic::take_hook();
        remember_panics();
        let code = guarded(&words, |_| panic!("the key is hunter2"));
        std::panic::set_hook(hook);
        assert_eq!(code, 70);
        let answer: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!((&answer["reason_code"], &answer["decision"]), (&"internal".into(), &"stop".into()));
        let message = answer["message"].as_str().unwrap();
        assert!(
            message.contains("src/main.rs:") && (std::env::var_os("RUST_BACKTRACE").is_some() || !message.contains("hunter2")),
            "{message}"
        );
    }
}
