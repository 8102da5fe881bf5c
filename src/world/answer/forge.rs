//! What gates ask of GitHub: from the client's answers to what is recorded.

use crate::{
    gate::{
        Unavailable,
        probe::{
            github::{ChecksAsk, ChecksGot, RunGot, StatusGot},
            why,
        },
    },
    world::{
        GitHub, World, documents,
        github::{CheckRun, Failure, Status},
    },
};

/// The repository that a remote's URL names.
pub(super) async fn connect(world: &World, remote: &str) -> Result<GitHub, Unavailable> {
    let Some(origin) = documents::origin(&world.git, remote).await else {
        let words = format!("the URL of the remote `{remote}` does not name a repository on GitHub");
        return Err(Unavailable::new(why::NO_FORGE).detail(words));
    };
    GitHub::new(&origin, &world.env, &world.http, world.clock).map_err(Failure::unavailable)
}

pub(super) async fn checks(github: &GitHub, ask: &ChecksAsk) -> Result<ChecksGot, Unavailable> {
    let (runs, statuses) = tokio::join!(github.check_runs(&ask.commit), github.statuses(&ask.commit));
    let (runs, statuses) = (runs.map_err(Failure::unavailable)?, statuses.map_err(Failure::unavailable)?);
    Ok(ChecksGot::reduce(ask, runs.into_iter().map(run).collect(), statuses.into_iter().map(status).collect()))
}

fn run(run: CheckRun) -> RunGot {
    RunGot { name: run.name, app: run.app.map(|app| app.id), id: run.id, status: run.status, conclusion: run.conclusion }
}

fn status(status: Status) -> StatusGot {
    StatusGot { context: status.context, by: status.creator.map(|creator| creator.id), id: status.id, state: status.state }
}
