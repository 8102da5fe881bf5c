//! What gates ask of GitHub: from the client's answers to what is recorded.

use crate::{
    gate::{
        Unavailable,
        probe::{
            github::{ChecksAsk, ChecksGot, RunGot, StatusGot},
            reduce::Masks,
            why,
        },
    },
    world::{
        GitHub,
        github::{CheckRun, Failure, Status},
    },
};
use serde::{Serialize, de::DeserializeOwned};

/// The answer without secrets. Whoever writes on GitHub, or answers in its place, may know one; what is no answer any more without it
/// cannot be read.
pub(super) fn masked<T: Serialize + DeserializeOwned>(answer: T, masks: &Masks) -> Result<T, Unavailable> {
    let unreadable = |_| Unavailable::new(why::UNREADABLE).detail("GitHub's answer holds a secret where a number belongs");
    let mut value = serde_json::to_value(answer).map_err(unreadable)?;
    masks.mask_json(&mut value);
    serde_json::from_value(value).map_err(unreadable)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_recorded_of_an_answer() {
        let masks = Masks::new(["ghs_OpenSesame1234", "123456789"]);
        let run = |id, conclusion: &str| RunGot {
            name: "test".to_owned(),
            app: Some(1),
            id,
            status: "completed".to_owned(),
            conclusion: Some(conclusion.to_owned()),
        };
        let kept = masked(run(7, "was ghs_OpenSesame1234"), &masks).unwrap();
        assert_eq!(kept.conclusion.as_deref(), Some("was [masked]"));
        assert_eq!(masked(run(123_456_789, "success"), &masks).unwrap_err().why, why::UNREADABLE);
        assert_eq!(masked(run(7, "success"), &masks), Ok(run(7, "success")));
    }
}
