//! What gates ask of GitHub, and what is recorded of the answer: numbers and words as GitHub gave them, so that a value that
//! nobody knows yet is seen by whoever judges.

use crate::domain::Oid;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What continuous integration says of a commit, about these names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChecksAsk {
    pub commit: Oid,
    /// Names of check runs, and contexts of commit statuses.
    pub names: Vec<String>,
}

/// The newest of each that was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChecksGot {
    pub commit: Oid,
    #[serde(default)]
    pub runs: Vec<RunGot>,
    #[serde(default)]
    pub statuses: Vec<StatusGot>,
}

/// The newest check run of an App under a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunGot {
    pub name: String,
    /// `None`: GitHub names no App.
    pub app: Option<u64>,
    /// Later runs have higher numbers.
    pub id: u64,
    pub status: String,
    /// Only of a completed run.
    #[serde(default)]
    pub conclusion: Option<String>,
}

/// The newest commit status of an account under a context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusGot {
    pub context: String,
    /// `None`: GitHub names nobody.
    pub by: Option<u64>,
    pub id: u64,
    pub state: String,
}

impl ChecksGot {
    /// Keeps what was asked for, and of that the newest.
    pub fn reduce(ask: &ChecksAsk, runs: Vec<RunGot>, statuses: Vec<StatusGot>) -> ChecksGot {
        let is_asked = |name: &str| ask.names.iter().any(|asked| asked == name);
        let runs = newest(runs.into_iter().filter(|run| is_asked(&run.name)), |run| ((run.name.clone(), run.app), run.id));
        let statuses = newest(statuses.into_iter().filter(|status| is_asked(&status.context)), |status| {
            ((status.context.clone(), status.by), status.id)
        });
        ChecksGot { commit: ask.commit.clone(), runs, statuses }
    }
}

/// Of each key the one with the highest number, in the order of the keys.
fn newest<T, K: Ord>(all: impl Iterator<Item = T>, of: impl Fn(&T) -> (K, u64)) -> Vec<T> {
    let mut newest: BTreeMap<K, T> = BTreeMap::new();
    for one in all {
        let (key, id) = of(&one);
        match newest.get(&key) {
            Some(known) if of(known).1 >= id => {}
            _ => drop(newest.insert(key, one)),
        }
    }
    newest.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_each_app_stays() {
        let run =
            |name: &str, app, id, status: &str| RunGot { name: name.to_owned(), app, id, status: status.to_owned(), conclusion: None };
        let status = |context: &str, by, id| StatusGot { context: context.to_owned(), by, id, state: "success".to_owned() };
        let ask = ChecksAsk { commit: "c".repeat(40).parse().unwrap(), names: vec!["test".to_owned(), "ci".to_owned()] };
        let runs = vec![
            run("test", Some(1), 7, "old"),
            run("test", Some(1), 9, "new"),
            run("test", Some(1), 8, "older"),
            run("test", Some(2), 3, "another app"),
            run("test", None, 4, "no app"),
            run("lint", Some(1), 10, "not asked"),
        ];
        let got = ChecksGot::reduce(&ask, runs, vec![status("ci", Some(5), 2), status("ci", Some(5), 1), status("other", None, 3)]);
        let kept: Vec<(Option<u64>, &str)> = got.runs.iter().map(|run| (run.app, run.status.as_str())).collect();
        assert_eq!(kept, [(None, "no app"), (Some(1), "new"), (Some(2), "another app")]);
        assert_eq!(got.statuses, [status("ci", Some(5), 2)]);
    }
}
