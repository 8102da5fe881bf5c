//! Everything that touches the world: git, HTTP, processes, files, clock, keys.
//!
//! A verb opens one [`World`] and hands it down; nothing else reads the environment or the clock, so tests give both.
//! Judgement is absent: what comes from here is a fact, or why the fact could not be had.

pub mod answer;
pub mod apply;
pub mod askpass;
pub mod beside;
pub mod clock;
pub mod documents;
pub mod env;
pub mod files;
pub mod git;
pub mod github;
pub mod gpg;
pub mod hidden;
pub mod http;
pub mod ledger;
pub mod listen;
pub mod machine;
pub mod nonce;
pub mod oci;
pub mod output;
pub mod process;
pub mod progress;
pub mod runtime;
pub mod scratch;
pub mod signals;
pub mod signer;
pub mod spill;
pub mod standin;
pub mod stores;
pub mod temporary;
pub mod trees;
pub mod trust;

pub use clock::Clock;
pub use env::EnvVars;
pub use git::Git;
pub use github::GitHub;
pub use gpg::Gpg;
pub use http::Http;
pub use progress::Progress;
pub use signer::Signer;

use crate::domain::Result;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The outside, as one capability. Cheap to clone.
#[derive(Clone)]
pub struct World {
    pub git: Git,
    pub clock: Clock,
    pub env: EnvVars,
    pub http: Http,
    pub progress: Progress,
    checkpoint: Arc<Checkpoints>,
    /// The repository that knows other commits than those that are judged, where it is not this one.
    others: Option<Git>,
}

/// Called between the steps of a write; an error ends the write there, as a kill would.
pub type Checkpoints = dyn Fn(apply::Checkpoint) -> Result<()> + Send + Sync;

impl World {
    /// Opens the repository that holds `dir`.
    pub async fn open(dir: &Path, clock: Clock, env: EnvVars) -> Result<World> {
        let git = Git::open(dir, &env).await?;
        let http = Http::new(&env);
        Ok(World { git, clock, env, http, progress: Progress::default(), checkpoint: Arc::new(|_| Ok(())), others: None })
    }

    /// The same world, in which servers are waited for so long, and somebody sees it.
    #[must_use]
    pub fn waiting(self, patience: git::Patience) -> World {
        World { progress: patience.progress.clone(), git: self.git.waiting(patience), ..self }
    }

    /// The same world, in which git is given what this run has to prove who it is. `program`: this one, as git can start it.
    #[must_use]
    pub fn proving(self, program: PathBuf) -> World {
        let askpass = askpass::Askpass::new(program, self.env.clone(), self.http.clone(), self.clock);
        World { git: self.git.proving(askpass), ..self }
    }

    /// The same world, in which writes stop where `checkpoint` says. For rehearsals.
    #[must_use]
    pub fn stopping(&self, checkpoint: Arc<Checkpoints>) -> World {
        World { checkpoint, ..self.clone() }
    }

    /// The same world, in which documents are answered about other commits, tags and pull requests from `git`. For rehearsals,
    /// whose scratch copy has one commit's files only.
    #[must_use]
    pub fn remembering(&self, git: Git) -> World {
        World { others: Some(git), ..self.clone() }
    }

    /// Where other commits, tags and pull requests are known.
    pub fn others(&self) -> &Git {
        self.others.as_ref().unwrap_or(&self.git)
    }

    pub fn checkpoint(&self) -> &Checkpoints {
        self.checkpoint.as_ref()
    }
}
