//! What gates ask of GitHub: from the client's answers to what is recorded.

use crate::{
    gate::{
        Unavailable,
        probe::github::{ChecksAsk, ChecksGot, RunGot, StatusGot},
    },
    world::{
        GitHub,
        github::{CheckRun, Failure, Status},
    },
};

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
