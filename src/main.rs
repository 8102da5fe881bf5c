//! The program: the surroundings of the process go in, the answer is printed, the process ends with its exit code.
//!
//! Every way out goes through one report, a panic included, so that a script always finds a decision and a reason code.

use std::{
    ffi::OsString,
    io::ErrorKind,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::ExitCode,
    sync::Mutex,
};
use tagwarden::{
    cli::{
        parse::Delivery,
        program::{self, Printed, Surroundings},
    },
    domain::{Fault, Reason},
    report::Report,
    world::{
        Clock, EnvVars, Progress, askpass,
        git::{Limits, Patience},
        hidden, machine, output,
    },
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    // git asks, and wants no more than the answer.
    if let Some(code) = askpass::helper(&words) {
        return ExitCode::from(code);
    }
    remember_panics();
    let around = surroundings();
    ExitCode::from(match guarded(&words, &around, |words| program::run(words, &around)) {
        Ok(printed) => print(&printed),
        Err(text) => match text.print() {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => unprinted(0, &error),
            _ => 0,
        },
    })
}

fn surroundings() -> Surroundings {
    Surroundings {
        env: hidden::environment(),
        clock: Clock::system(),
        dir: PathBuf::new(),
        columns: output::columns(),
        shows_colors: anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never,
        patience: Patience { limits: Limits::default(), progress: Progress::on_terminal() },
        // Where it cannot be told, git is given nothing.
        program: std::env::current_exe().ok(),
    }
}

type Ended = Result<Printed, clap::Error>;

/// Runs the program; a panic becomes a report as well.
fn guarded(words: &[OsString], around: &Surroundings, program: impl FnOnce(&[OsString]) -> Ended) -> Ended {
    catch_unwind(AssertUnwindSafe(|| program(words)))
        .unwrap_or_else(|_| Ok(program::deliver(&Report::from(defect()), &Delivery::guess(words), around)))
}

/// Prints the answer; gives the exit code.
fn print(printed: &Printed) -> u8 {
    // Where standard error is gone, nobody is left to be told.
    let complain = |text: &str| if text.is_empty() { Ok(()) } else { output::to_stderr(text) };
    let told = complain(&printed.stderr);
    let written = if printed.stdout.is_empty() { told } else { output::to_stdout(&printed.stdout) };
    let Err(error) = written else { return printed.code };
    unprinted(printed.code, &error)
}

fn unprinted(code: u8, error: &std::io::Error) -> u8 {
    // Where standard error is gone too, the exit code is all that is left.
    let _ = output::to_stderr(&program::complaint(&format!("cannot write the answer: {error}")));
    program::undelivered(code)
}

static PANIC: Mutex<Option<Panic>> = Mutex::new(None);

struct Panic {
    place: String,
    /// A library that gets no thread or file panics, and its message says so.
    reason: Reason,
}

/// Keeps the place of a panic for the report instead of printing it. Its message may quote any value, so it is told only
/// where `RUST_BACKTRACE` asks for it.
fn remember_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let told = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| !value.is_empty() && value != "0");
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let said = panic.payload();
        let said = said.downcast_ref::<String>().map(String::as_str).or_else(|| said.downcast_ref::<&str>().copied());
        let reason = said.map_or(Reason::Internal, |said| machine::reason(&said, Reason::Internal));
        let message = said.filter(|_| told).map(|message| format!(": {message}")).unwrap_or_default();
        if let Ok(mut last) = PANIC.lock() {
            last.get_or_insert(Panic { place: format!("{place}{message}"), reason });
        }
    }));
}

fn defect() -> Fault {
    let unknown = || Panic { place: "an unknown place".to_owned(), reason: Reason::Internal };
    let Panic { place, reason } = PANIC.lock().ok().and_then(|mut panic| panic.take()).unwrap_or_else(unknown);
    if reason != Reason::Internal {
        return Fault::new(reason, format!("no further file, thread or memory is to be had, at {place}"))
            .help("raise the limits (`ulimit -n`, `ulimit -u`) or end other programs, then run again");
    }
    let place = EnvVars::from_process().masks().mask(&place);
    Fault::new(reason, format!("a defect in Tagwarden at {place}"))
        .help("report it with this message; with RUST_BACKTRACE=1 the message says more (it may quote values)")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One after the other, since the hook is the whole process's.
    #[test]
    fn a_panic_is_an_answer_and_quotes_no_value() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answer.json");
        let words: Vec<OsString> =
            ["tagwarden", "status", "--format", "json", "--output"].iter().map(OsString::from).chain([path.clone().into()]).collect();
        for (said, code, reason) in [
            ("the key is hunter2", 70, "internal"),
            ("OS can't spawn worker thread: Resource temporarily unavailable (os error 11), hunter2", 3, "no_resources"),
        ] {
            let hook = std::panic::take_hook();
            remember_panics();
            let ended = guarded(&words, &surroundings(), |_| panic!("{said}"));
            std::panic::set_hook(hook);
            assert_eq!(ended.unwrap(), Printed { code, stdout: String::new(), stderr: String::new() });
            let answer: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            assert_eq!((&answer["reason_code"], &answer["decision"]), (&reason.into(), &"stop".into()));
            let message = answer["message"].as_str().unwrap();
            let told = std::env::var_os("RUST_BACKTRACE").is_some();
            assert!(message.contains("src/main.rs:") && (told || !message.contains("hunter2")), "{message}");
        }
    }
}
