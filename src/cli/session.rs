//! What every verb is given: the global flags, the environment, and the world behind them, opened when first asked for.

use super::args::{Format, Globals};
use crate::{
    domain::Result,
    report::{SigningMode, safe},
    world::{Clock, EnvVars, World, output::Progress},
};
use std::{path::Path, sync::OnceLock};

/// One run of the program.
pub struct Session {
    pub globals: Globals,
    pub env: EnvVars,
    /// The time of everything that this run judges and writes.
    pub clock: Clock,
    world: OnceLock<World>,
    progress: Progress,
    signing: OnceLock<SigningMode>,
    drafted: OnceLock<SigningMode>,
}

impl Session {
    pub fn new(globals: Globals, env: EnvVars, clock: Clock) -> Session {
        let silent = globals.no_progress || globals.quiet || globals.format != Format::Human;
        Session {
            globals,
            env,
            clock,
            world: OnceLock::new(),
            progress: Progress::new(!silent),
            signing: OnceLock::new(),
            drafted: OnceLock::new(),
        }
    }

    /// Says on the terminal what is being done now. Never part of the answer.
    pub fn progress(&self, line: &str) {
        // Longer lines would wrap, and a wrapped line cannot be taken away.
        let line: String = safe::visible(line).chars().take(78).collect();
        self.progress.say(&line);
    }

    /// A run in a world that is open already; what a rehearsal gives its verbs.
    pub fn within(globals: Globals, world: World) -> Session {
        Session {
            globals,
            env: world.env.clone(),
            clock: world.clock,
            world: OnceLock::from(world),
            progress: Progress::default(),
            signing: OnceLock::new(),
            drafted: OnceLock::new(),
        }
    }

    /// The repository that `--repo` names, else the one around the working directory. Refused where there is
    /// none.
    pub async fn world(&self) -> Result<&World> {
        if let Some(world) = self.world.get() {
            return Ok(world);
        }
        let dir = self.globals.repo.as_deref().unwrap_or(Path::new("."));
        let world = World::open(dir, self.clock, self.env.clone()).await?;
        Ok(self.world.get_or_init(|| world))
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
