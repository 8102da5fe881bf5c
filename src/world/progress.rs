//! What a run waits for, on one line of standard error that is written over, and taken away at the end.
//!
//! A value that is handed down: whoever waits says so with [`Progress::wait`] and drops what that gives. Shown on a terminal only, and
//! only what lasts longer than a moment. While a program may ask something at the terminal, nothing is written over its question. Questions of
//! this program go the same way ([`Progress::ask`]).
//! Deliberately absent: bars, and anything that decides: what is not shown is done all the same.

use super::output;
use std::{
    fmt,
    io::{self, IsTerminal},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

/// What lasts no longer is not shown.
const MOMENT: Duration = Duration::from_millis(300);

const TICK: Duration = Duration::from_millis(250);

/// A longer line would wrap, and a wrapped line cannot be taken away.
const WIDTH: usize = 78;

/// Takes what is written: whole lines, or the one line with what puts it in its place.
pub type Sink = dyn Fn(&str) + Send + Sync;

/// One line of what somebody types; `None`: there is no more.
pub type Answers = dyn Fn() -> Option<String> + Send + Sync;

/// The default shows nothing, and asks nobody.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Line>>);

struct Line {
    sink: Arc<Sink>,
    /// `None`: nobody types.
    answers: Option<Arc<Answers>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: Vec<Open>,
    next: u64,
    shown: String,
    is_ticking: bool,
    is_over: bool,
}

/// Something that is waited for.
#[derive(Clone, Debug)]
struct Open {
    id: u64,
    what: String,
    counts: Counts,
    since: Instant,
    /// A program may ask something meanwhile.
    is_quiet: bool,
}

/// The number behind the words.
#[derive(Clone, Copy, Debug)]
enum Counts {
    Nothing,
    Seconds,
    Down(Instant),
    Done(usize, usize),
}

impl Progress {
    /// On standard error, where that is a terminal.
    pub fn on_terminal() -> Progress {
        let sink = |text: &str| {
            // A terminal that went away misses nothing.
            let _ = output::to_stderr(text);
        };
        let answers = || io::stdin().lines().next().and_then(io::Result::ok);
        match (io::stderr().is_terminal(), io::stdin().is_terminal()) {
            (true, true) => Progress::with(Arc::new(sink), Some(Arc::new(answers))),
            (true, false) => Progress::with_sink(Arc::new(sink)),
            (false, _) => Progress::default(),
        }
    }

    pub fn with_sink(sink: Arc<Sink>) -> Progress {
        Progress::with(sink, None)
    }

    fn with(sink: Arc<Sink>, answers: Option<Arc<Answers>>) -> Progress {
        Progress(Some(Arc::new(Line { sink, answers, state: Mutex::default() })))
    }

    /// Asks whoever sits at the terminal. Only a typed `y` or `yes` is one; `None`: nobody is there to be asked.
    pub fn ask(&self, question: &str) -> Option<bool> {
        let line = self.0.as_ref()?;
        let answers = line.answers.as_ref()?;
        let waiting = self.open(String::new(), Counts::Nothing);
        waiting.quiet(true);
        let question: String = question.chars().map(|c| if c == '\n' || is_harmless(c) { c } else { '\u{fffd}' }).collect();
        (line.sink)(&format!("{question} [y/N] "));
        let answer = answers().unwrap_or_default();
        Some(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    /// Says what is done until the answer is dropped.
    pub fn doing(&self, what: impl Into<String>) -> Waiting {
        self.open(what.into(), Counts::Nothing)
    }

    /// The same with the seconds since.
    pub fn wait(&self, what: impl Into<String>) -> Waiting {
        self.open(what.into(), Counts::Seconds)
    }

    /// The same with the seconds that are left.
    pub fn until(&self, what: impl Into<String>, left: Duration) -> Waiting {
        self.open(what.into(), Counts::Down(Instant::now() + left))
    }

    /// The same with how many of them are done: [`Waiting::advance`].
    pub fn count(&self, what: impl Into<String>, of: usize) -> Waiting {
        self.open(what.into(), Counts::Done(0, of))
    }

    /// Writes a line that stays.
    pub fn print(&self, text: &str) {
        if let Some(line) = &self.0 {
            let mut state = line.state();
            line.show(&mut state, String::new());
            (line.sink)(&format!("{text}\n"));
        }
    }

    /// Takes the line away; nothing is shown any more.
    pub fn end(&self) {
        if let Some(line) = &self.0 {
            let mut state = line.state();
            line.show(&mut state, String::new());
            state.is_over = true;
        }
    }

    fn open(&self, what: String, counts: Counts) -> Waiting {
        let Some(line) = &self.0 else { return Waiting(None) };
        let mut state = line.state();
        let id = state.next;
        state.next += 1;
        state.open.push(Open { id, what, counts, since: Instant::now(), is_quiet: false });
        if !state.is_ticking
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            state.is_ticking = true;
            runtime.spawn(tick(Arc::downgrade(line)));
        }
        Waiting(Some((line.clone(), id)))
    }
}

async fn tick(line: Weak<Line>) {
    loop {
        tokio::time::sleep(TICK).await;
        let Some(line) = line.upgrade() else { return };
        let mut state = line.state();
        if state.is_over {
            return;
        }
        let words = words(&state.open, Instant::now());
        line.show(&mut state, words);
    }
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, state: &mut State, words: String) {
        if state.shown != words && !state.is_over {
            (self.sink)(&format!("\r\x1b[2K{words}"));
            state.shown = words;
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Progress({})", if self.0.is_some() { "shown" } else { "none" })
    }
}

/// Something that is waited for, until it is dropped.
#[must_use]
pub struct Waiting(Option<(Arc<Line>, u64)>);

impl Waiting {
    /// Other words, and the seconds from now on.
    pub fn now_waits(&self, what: impl Into<String>) {
        self.change(|open| *open = Open { what: what.into(), counts: Counts::Seconds, since: Instant::now(), ..open.clone() });
    }

    /// One more is done.
    pub fn advance(&self) {
        self.change(|open| {
            if let Counts::Done(done, _) = &mut open.counts {
                *done += 1;
            }
        });
    }

    /// Whether a program may ask something at the terminal now: then nothing is written there.
    pub fn quiet(&self, is_quiet: bool) {
        self.change(|open| open.is_quiet = is_quiet);
        if let (Some((line, _)), true) = (&self.0, is_quiet) {
            let mut state = line.state();
            line.show(&mut state, String::new());
        }
    }

    fn change(&self, change: impl FnOnce(&mut Open)) {
        if let Some((line, id)) = &self.0
            && let Some(open) = line.state().open.iter_mut().find(|open| open.id == *id)
        {
            change(open);
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some((line, id)) = &self.0 {
            let mut state = line.state();
            state.open.retain(|open| open.id != *id);
            if state.open.is_empty() {
                line.show(&mut state, String::new());
            }
        }
    }
}

/// The outermost wait and the newest one.
fn words(open: &[Open], now: Instant) -> String {
    let is_due = |open: &&Open| now.saturating_duration_since(open.since) >= MOMENT;
    if open.iter().any(|open| open.is_quiet) {
        return String::new();
    }
    let mut shown: Vec<String> = open.iter().find(is_due).into_iter().map(|open| open.words(now)).collect();
    if let Some(newest) = open.iter().skip(1).rfind(is_due).filter(|newest| newest.id != open[0].id) {
        shown.push(newest.words(now));
    }
    shown.dedup();
    shown.join(": ").chars().take(WIDTH).map(|c| if is_harmless(c) { c } else { '\u{fffd}' }).collect()
}

/// Names of gates and remotes are others' words: none may steer the terminal, or turn its text round.
fn is_harmless(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl Open {
    fn words(&self, now: Instant) -> String {
        match self.counts {
            Counts::Nothing => self.what.clone(),
            Counts::Seconds => format!("{} ({} s)", self.what, now.saturating_duration_since(self.since).as_secs()),
            Counts::Down(until) => format!("{} {} s", self.what, until.saturating_duration_since(now).as_secs_f64().ceil()),
            Counts::Done(done, of) => format!("{} {done} of {of}", self.what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(id: u64, what: &str, counts: Counts, since: Instant) -> Open {
        Open { id, what: what.to_owned(), counts, since, is_quiet: false }
    }

    #[test]
    fn the_line_says_what_is_waited_for() {
        let start = Instant::now();
        let now = start + Duration::from_secs(12);
        let gate = open(0, "gate 3 of 7, health", Counts::Nothing, start);
        let wait = open(1, "waiting for origin", Counts::Seconds, start);
        let next = open(2, "attempt 3 of 6, next in", Counts::Down(now + Duration::from_millis(7_500)), start);
        let documents = open(3, "documents", Counts::Done(120, 500), start);
        let young = open(4, "young", Counts::Nothing, now - MOMENT / 2);
        let cases: &[(&[&Open], &str)] = &[
            (&[], ""),
            (&[&wait], "waiting for origin (12 s)"),
            (&[&gate], "gate 3 of 7, health"),
            (&[&gate, &next], "gate 3 of 7, health: attempt 3 of 6, next in 8 s"),
            (&[&gate, &next, &wait], "gate 3 of 7, health: waiting for origin (12 s)"),
            (&[&documents], "documents 120 of 500"),
            (&[&young], ""),
            (&[&young, &wait], "waiting for origin (12 s)"),
            (&[&gate, &young], "gate 3 of 7, health"),
        ];
        for (waits, want) in cases {
            let waits: Vec<Open> = waits.iter().map(|open| (*open).clone()).collect();
            assert_eq!(words(&waits, now), *want);
        }
        let quiet = Open { is_quiet: true, ..wait };
        assert_eq!(words(&[gate, quiet], now), "", "nothing is written over a question");
        let foreign = open(5, &format!("\u{1b}[2J{}", "x".repeat(200)), Counts::Nothing, start);
        let shown = words(&[foreign], now);
        assert!(!shown.contains('\u{1b}') && shown.chars().count() == WIDTH, "{shown}");
    }

    #[test]
    fn only_a_yes_is_one() {
        let asked = |typed: Option<&str>| {
            let written = Arc::new(Mutex::new(String::new()));
            let (sink, typed) = (written.clone(), typed.map(str::to_owned));
            let sink = move |text: &str| sink.lock().unwrap().push_str(text);
            let progress = Progress::with(Arc::new(sink), Some(Arc::new(move || typed.clone())));
            (progress.ask("Do\u{1b} it?"), written.lock().unwrap().clone())
        };
        for (typed, want) in
            [(Some("y"), true), (Some(" YES \r"), true), (Some(""), false), (Some("n"), false), (Some("yesterday"), false), (None, false)]
        {
            assert_eq!(asked(typed), (Some(want), "Do\u{fffd} it? [y/N] ".to_owned()), "{typed:?}");
        }
        assert_eq!(Progress::with_sink(Arc::new(|_| ())).ask("Do it?"), None, "nobody types");
        assert_eq!(Progress::default().ask("Do it?"), None);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_line_is_taken_away_and_stays_away() {
        let written = Arc::new(Mutex::new(String::new()));
        let sink = {
            let written = written.clone();
            move |text: &str| written.lock().unwrap().push_str(text)
        };
        let progress = Progress::with_sink(Arc::new(sink));
        let waiting = progress.wait("waiting for origin");
        while !written.lock().unwrap().contains("waiting for origin (") {
            tokio::time::sleep(TICK).await;
        }
        progress.print("a line");
        drop(waiting);
        progress.end();
        let _late = progress.wait("late");
        tokio::time::sleep(MOMENT + TICK * 3).await;
        let written = written.lock().unwrap().clone();
        assert!(written.contains("\r\x1b[2Ka line\n"), "{written:?}");
        assert!(!written.contains("late") && written.ends_with("a line\n"), "{written:?}");
        let silent = Progress::default();
        silent.wait("nobody sees it").advance();
    }
}
