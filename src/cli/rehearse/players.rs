//! People who run verbs, and what happens to them: rivals in between, the end of the process.
//!
//! A verb is run as a person would: words, parsed by the same parser, through the same dispatch, with that person's key.

use super::drill::{Miss, wrong};
use crate::{
    cli::{
        args::Cli,
        parse::{Parsed, parse},
        session::Session,
    },
    domain::{Fault, Reason, Result, Timestamp},
    report::{Body, Report},
    world::{Checkpoints, Clock, EnvVars, Git, World, apply::Checkpoint, scratch},
};
use std::{
    ffi::OsString,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

/// Somebody who runs verbs.
#[derive(Clone)]
pub struct Player {
    /// The clone that they work in.
    pub repo: PathBuf,
    pub env: EnvVars,
    /// `--gates` as it was given.
    pub gates: Option<PathBuf>,
    pub clock: Clock,
    /// What `--pulls` names.
    pub pulls: Option<PathBuf>,
    /// The rehearsed repository, read-only.
    pub live: Git,
    /// What tests do to the answers.
    #[cfg(test)]
    pub bent: Arc<super::tests::Bent>,
}

impl Player {
    pub async fn run(&self, words: &[&str]) -> Report {
        self.run_through(words, Arc::new(|_| Ok(()))).await
    }

    /// Runs a verb with something happening between the steps of its write.
    pub async fn run_through(&self, words: &[&str], checkpoint: Arc<Checkpoints>) -> Report {
        let line: Vec<OsString> = std::iter::once("tagwarden").chain(words.iter().copied()).map(OsString::from).collect();
        let Parsed::Run(cli) = parse(&line, None) else {
            return Fault::new(Reason::Internal, format!("the drill's own words are wrong: {}", words.join(" "))).into();
        };
        let Cli { mut globals, mut command } = *cli;
        globals.repo = Some(self.repo.clone());
        if let Some(pulls) = command.pulls() {
            pulls.clone_from(&self.pulls);
        }
        globals.gates = self.gates.clone();
        let world = match World::open(&self.repo, self.clock, self.env.clone()).await {
            Ok(world) => world.stopping(checkpoint).remembering(self.live.clone()),
            Err(fault) => return fault.into(),
        };
        let session = Session::within(globals, world);
        // Behind a pointer, since a rehearsal is itself one of the verbs.
        let run: Pin<Box<dyn Future<Output = Result<Report>> + '_>> = Box::pin(crate::cli::run(&session, &command));
        let report = run.await.unwrap_or_else(Report::from);
        #[cfg(test)]
        let report = self.bent.bend(report);
        report
    }

    /// The same environment with one variable set.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Player {
        self.env = self.env.with(name, value);
        self
    }

    /// The same person by another clock.
    #[must_use]
    pub fn at(self, time: Timestamp) -> Player {
        Player { clock: Clock::starting(time), ..self }
    }

    pub fn time(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Something that happens once, at this point of a write.
pub fn at(point: Checkpoint, act: impl FnOnce() -> Result<()> + Send + 'static) -> Arc<Checkpoints> {
    let act = Mutex::new(Some(act));
    Arc::new(move |reached| {
        let act = if reached == point { act.lock().unwrap_or_else(PoisonError::into_inner).take() } else { None };
        act.map_or(Ok(()), |act| act())
    })
}

/// The end of the process, as far as the write is concerned.
pub fn kill(point: Checkpoint) -> Arc<Checkpoints> {
    at(point, || Err(Fault::new(Reason::DrillFailed, KILLED)))
}

const KILLED: &str = "the process was ended here";

/// Runs somebody's verb to its end in the middle of another one; what it answered is left in the slot.
pub fn meanwhile(player: Player, words: &[&str]) -> (impl FnOnce() -> Result<()> + Send + 'static, Arc<Mutex<Option<Report>>>) {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let slot = Arc::new(Mutex::new(None));
    let answered = slot.clone();
    let act = move || {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let answer = scratch::in_between(player.run(&words));
        *answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        Ok(())
    };
    (act, slot)
}

/// What the verb in the middle answered; it must have been let through.
pub fn went_through(slot: &Mutex<Option<Report>>, who: &str) -> std::result::Result<(), Miss> {
    match &*slot.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(answer) if answer.exit_code() == 0 => Ok(()),
        Some(answer) => Err(Miss::Blocked(format!("{who} was refused: {}", said(answer)))),
        None => Err(Miss::Blocked(format!("{who} never got their turn"))),
    }
}

pub fn expect(answer: &Report, reason: Reason) -> std::result::Result<(), Miss> {
    if answer.reason == reason {
        return Ok(());
    }
    wrong(format!("expected {reason} (exit {}), got {}", reason.exit_code(), said(answer)))
}

/// An answer in one line.
pub fn said(answer: &Report) -> String {
    let why = match &answer.body {
        Body::Error(shape) => Some(shape.message.clone()),
        Body::Move(shape) => shape.run.as_ref().map(|run| {
            let blocking = run.gates.iter().filter(|gate| gate.blocks());
            let words = blocking.map(|gate| {
                let why: Vec<&str> = gate.findings.iter().map(|finding| finding.message.as_str()).take(3).collect();
                format!("gate {} {}: {}", gate.id, gate.outcome, why.join("; "))
            });
            words.collect::<Vec<_>>().join("; ")
        }),
        _ => None,
    };
    let findings = answer.findings.iter().take(3).map(|finding| format!("{}: {}", finding.code, finding.message));
    let words: Vec<String> = why.into_iter().filter(|why| !why.is_empty()).chain(findings).collect();
    let words = if words.is_empty() { String::new() } else { format!(": {}", words.join("; ")) };
    format!("{} (exit {}){words}", answer.reason, answer.exit_code())
}
