//! What every verb is given: the global flags, the environment, and the world behind them, opened when first asked for.

use super::{
    args::{Format, Globals},
    comment::Asker,
};
use crate::{
    domain::{Fault, Reason, Result},
    report::{Report, SigningMode},
    world::{Clock, EnvVars, Progress, World, git::Patience},
};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

/// One run of the program.
pub struct Session {
    pub globals: Globals,
    pub env: EnvVars,
    /// The time of everything that this run judges and writes.
    pub clock: Clock,
    world: OnceLock<World>,
    patience: Patience,
    program: Option<PathBuf>,
    known: Mutex<Option<Report>>,
    signing: OnceLock<SigningMode>,
    drafted: OnceLock<SigningMode>,
    /// Who asked for this on a forge; `None`: whoever holds the key.
    asker: OnceLock<Arc<Asker>>,
}

impl Session {
    pub fn new(globals: Globals, env: EnvVars, clock: Clock) -> Session {
        Session {
            globals,
            env,
            clock,
            world: OnceLock::new(),
            patience: Patience::default(),
            program: None,
            known: Mutex::default(),
            signing: OnceLock::new(),
            drafted: OnceLock::new(),
            asker: OnceLock::new(),
        }
    }

    /// The same with other limits for servers, and with somebody who sees what is waited for.
    #[must_use]
    pub fn waiting(self, patience: Patience) -> Session {
        let silent = self.globals.no_progress || self.globals.quiet || self.globals.format != Format::Human;
        let progress = if silent { Progress::default() } else { patience.progress };
        Session { patience: Patience { progress, ..patience }, ..self }
    }

    /// The same of a program that git can start to ask for credentials.
    #[must_use]
    pub fn started_as(self, program: Option<PathBuf>) -> Session {
        Session { program, ..self }
    }

    pub fn patience(&self) -> &Patience {
        &self.patience
    }

    pub fn progress(&self) -> &Progress {
        &self.patience.progress
    }

    /// Remembers what is known so far: the answer where this run is told to end before it has a better one.
    pub fn knows(&self, report: Report) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
    }

    /// The answer of a run that was broken off: with what is known, where it was told to end.
    pub fn broken_off(&self, fault: Fault) -> Result<Report> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).take();
        match known.filter(|_| fault.reason == Reason::Interrupted) {
            Some(report) => Ok(report.notice(fault.message)),
            None => Err(fault),
        }
    }

    /// The same, with nothing known yet and nothing open.
    #[must_use]
    pub fn again(&self) -> Session {
        Session::new(self.globals.clone(), self.env.clone(), self.clock).waiting(self.patience.clone()).started_as(self.program.clone())
    }

    /// A run in a world that is open already; what a rehearsal gives its verbs.
    pub fn within(globals: Globals, world: World) -> Session {
        Session {
            globals,
            env: world.env.clone(),
            clock: world.clock,
            world: OnceLock::from(world),
            patience: Patience::default(),
            program: None,
            known: Mutex::default(),
            signing: OnceLock::new(),
            drafted: OnceLock::new(),
            asker: OnceLock::new(),
        }
    }

    /// The repository that `--repo` names, else the one around the working directory. Refused where there is
    /// none.
    pub async fn world(&self) -> Result<&World> {
        if let Some(world) = self.world.get() {
            return Ok(world);
        }
        let dir = self.globals.repo.as_deref().unwrap_or(Path::new("."));
        let world = World::open(dir, self.clock, self.env.clone()).await?.waiting(self.patience.clone());
        let world = match &self.program {
            Some(program) => world.proving(program.clone()),
            None => world,
        };
        Ok(self.world.get_or_init(|| world))
    }

    /// What is written from now on is signed for somebody who asked on a forge.
    pub fn acts_for(&self, asker: Arc<Asker>) {
        let _ = self.asker.set(asker);
    }

    pub fn asker(&self) -> Option<&Arc<Asker>> {
        self.asker.get()
    }

    /// Remembers how the committed protocol signs, so that a refusal before the policy is known says it too.
    pub fn beside(&self, signing: SigningMode) {
        let _ = self.drafted.set(signing);
    }

    /// Remembers how the policy in force signs, so that a refusal later in this run says it too.
    pub fn under(&self, signing: SigningMode) {
        let _ = self.signing.set(signing);
    }

    pub fn signing(&self) -> Option<SigningMode> {
        self.signing.get().or(self.drafted.get()).copied()
    }

    /// The folder of the protocol, relative to the repository's root.
    pub fn gates(&self) -> &Path {
        self.globals.gates.as_deref().unwrap_or(Path::new("gates"))
    }
}
