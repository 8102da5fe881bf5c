//! The verbs: clap shapes and one file per verb, each gathering, judging, applying, and answering with a
//! [`crate::report::Report`].
//!
//! A verb never prints and never ends the process. [`program::run`] parses with [`parse::parse`], runs
//! [`Command::answer_at_once`] or [`run`], and gives `main.rs` what to print.

mod ack;
mod acting;
mod activation;
pub mod args;
mod audit;
mod catalog;
mod comment;
mod completions;
mod diff;
mod docs;
mod doctor;
mod drive;
pub mod explain;
mod follow;
pub mod gather;
mod history;
mod hold;
mod hooks;
mod init;
mod man;
mod moving;
mod packages;
pub mod parse;
mod paths;
mod policy;
pub mod program;
mod promote;
mod rehearse;
mod releases;
mod resolve;
mod rollback;
mod schema;
mod serve;
pub mod session;
mod snapshot;
mod stage;
mod statement;
mod status;
mod sync;
mod take_over;
mod trust;
mod validate;
mod verdict;
mod verify;
mod waive;

pub use args::{Cli, Command};
pub use session::Session;

use crate::{domain::Result, report::Report};

/// Runs a verb. A refusal under a known policy says how that policy signs, as every other report does.
pub async fn run(session: &Session, command: &Command) -> Result<Report> {
    match (dispatch(session, command).await, session.signing()) {
        (Err(fault), Some(signing)) => Ok(Report::from(fault).signing(signing)),
        (answer, _) => answer,
    }
}

async fn dispatch(session: &Session, command: &Command) -> Result<Report> {
    match command {
        Command::Init(args) => init::run(session, args).await,
        Command::Verify(args) => verify::run(session, args).await,
        Command::Policy { command } => policy::run(session, command).await,
        Command::Stage(args) => stage::run(session, args).await,
        Command::Promote(args) => promote::run(session, args).await,
        Command::Rollback(args) => rollback::run(session, args).await,
        Command::Status(args) => status::run(session, args).await,
        Command::Resolve(args) => resolve::run(session, args).await,
        Command::History(args) => history::run(session, args).await,
        Command::Audit(args) => audit::run(session, args).await,
        Command::Hold(args) => hold::hold(session, args).await,
        Command::Unhold(args) => hold::unhold(session, args).await,
        Command::Waive(args) => waive::run(session, args).await,
        Command::Ack(args) => ack::run(session, args).await,
        Command::Verdict { command } => verdict::run(session, command).await,
        Command::Comment => comment::run(session).await,
        Command::Follow(args) => follow::run(session, args).await,
        Command::Docs { command } => docs::run(session, command).await,
        Command::Validate(args) => validate::run(session, args).await,
        Command::Snapshot { command } => snapshot::run(session, command).await,
        Command::Bundle { command } => snapshot::bundle(session, command).await,
        Command::Sync { command } => sync::run(session, command).await,
        Command::Diff(args) => diff::run(session, args).await,
        Command::Catalog { command } => catalog::run(session, command).await,
        Command::Trust(args) => trust::run(session, args).await,
        Command::Doctor(args) => doctor::run(session, args).await,
        Command::Rehearse(args) => rehearse::run(session, args).await,
        Command::Serve(args) => serve::run(session, args).await,
        Command::Explain(args) => explain::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Man => man::run(),
    }
}

impl Command {
    /// The answer of a verb that needs neither repository nor world; `None` for all others. Saves starting the runtime.
    pub fn answer_at_once(&self) -> Option<Result<Report>> {
        match self {
            Command::Explain(args) => Some(explain::run(args)),
            Command::Schema(args) => Some(schema::run(args)),
            Command::Completions(args) => Some(completions::run(args)),
            Command::Man => Some(man::run()),
            _ => None,
        }
    }
}
