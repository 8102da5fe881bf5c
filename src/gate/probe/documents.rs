//! What documents leave open, asked of the world in one question.
//!
//! The answers stand in the order of the questions, so that a record of them shows each beside what was asked. Whatever
//! could not be found out is `null`.

use super::Unavailable;
use crate::{
    domain::{Digest, Oid},
    lockdown::{Answers, AsOf, Ended, Fate, PullAnswer, Question, history::Limits, log::Kept, pulls, releases},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DocumentsAsk {
    /// GitHub is asked for the numbers, and no record counts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub github: bool,
    /// The numbers of pull requests and issues that the documents speak of, in order.
    #[serde(default)]
    pub pulls: Vec<u64>,
    /// In order, each once.
    #[serde(default)]
    pub questions: Vec<Question>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DocumentsGot {
    /// The file in which somebody recorded what a forge knows; `None`: there is no such file.
    #[serde(default)]
    pub record: Option<Digest>,
    /// Those of the asked numbers that it has. A `null` state: it exists.
    #[serde(default)]
    pub pulls: BTreeMap<u64, Option<pulls::State>>,
    /// The record has every number there is; GitHub told of every number that was asked, but for `unread`.
    #[serde(default)]
    pub complete: bool,
    /// Of a pull request that GitHub told of: what its answers are about.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sides: BTreeMap<u64, SidesGot>,
    /// The numbers of which GitHub could not be asked, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unread: BTreeMap<u64, Unavailable>,
    /// What the history behind `fate` answers cannot tell.
    #[serde(default)]
    pub limits: Limits,
    /// As many as questions were asked, in their order.
    pub answers: Vec<Option<Told>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SidesGot {
    /// The last commit.
    pub head: Oid,
    /// The branch that it is for.
    pub base: String,
}

/// The answer to one question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// Of a path that is not in the tree. `folder`: it was renamed to a folder.
    Fate {
        of: Fate,
        #[serde(default)]
        folder: bool,
    },
    /// Of the end of a path; `None`: several such paths are gone.
    Ended {
        of: Option<Ended>,
        #[serde(default)]
        folder: bool,
    },
    Pull(PullAnswer),
    /// Of a path at a revision.
    AsOf(AsOf),
    /// Of a commit, or a tag: one that is not there although other tags of its form are.
    There(bool),
}

/// Files, folders and patterns of documents that are only added to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogsAsk {
    pub documents: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogsGot {
    /// The commit that is on the channel; `None`: nothing is.
    #[serde(default)]
    pub base: Option<Oid>,
    /// What became of each of its logs in the candidate.
    #[serde(default)]
    pub logs: BTreeMap<String, Kept>,
}

impl DocumentsAsk {
    pub fn new(pulls: BTreeSet<u64>, questions: BTreeSet<Question>) -> DocumentsAsk {
        DocumentsAsk { github: false, pulls: pulls.into_iter().collect(), questions: questions.into_iter().collect() }
    }

    pub fn is_empty(&self) -> bool {
        self.pulls.is_empty() && self.questions.is_empty()
    }
}

impl DocumentsGot {
    /// What is recorded for a question. `known` and its digest: the record, where there is one.
    pub fn new(ask: &DocumentsAsk, known: &pulls::Known, record: Option<Digest>, answers: &Answers) -> DocumentsGot {
        let is_folder = |fate: &Fate| matches!(fate, Fate::Was(fate) if fate.now().is_some_and(|to| answers.folders.contains(to)));
        let told = |question: &Question| match question {
            Question::Fate(path) => {
                let of = answers.fates.get(path)?.clone();
                let folder = is_folder(&of);
                Some(Told::Fate { of, folder })
            }
            Question::Ends(path) => {
                let of = answers.ends.get(path)?.clone();
                let folder = of.as_ref().is_some_and(|of| is_folder(&of.fate));
                Some(Told::Ended { of, folder })
            }
            Question::PullHas(number, path) => answers.pulls.get(&(*number, path.clone())).cloned().map(Told::Pull),
            Question::Commit { id, .. } => answers.commits.get(id).copied().map(Told::There),
            Question::Tag { name, .. } if answers.tags.contains(name) => Some(Told::There(true)),
            Question::Tag { name, .. } => answers.tag_forms.contains(&releases::form(name)).then_some(Told::There(false)),
            Question::AsOf { rev, path, .. } => answers.as_of.get(&(rev.clone(), path.clone())).copied().map(Told::AsOf),
        };
        let sides = |number: &u64| {
            let pull = known.pulls.get(number)?;
            Some((*number, SidesGot { head: pull.head.clone()?, base: pull.base.clone()? }))
        };
        DocumentsGot {
            record,
            pulls: ask.pulls.iter().filter_map(|number| Some((*number, known.pulls.get(number)?.state))).collect(),
            complete: known.complete,
            sides: if ask.github { ask.pulls.iter().filter_map(sides).collect() } else { BTreeMap::new() },
            unread: ask.pulls.iter().filter_map(|number| Some((*number, known.unread.get(number)?.clone()))).collect(),
            limits: answers.limits,
            answers: ask.questions.iter().map(told).collect(),
        }
    }

    /// The answers as documents take them; `None`: they do not fit the questions.
    pub fn answers(&self, ask: &DocumentsAsk) -> Option<Answers> {
        // A number that GitHub was asked for is told or has its reason: nothing else may pass for one that is not there.
        if self.answers.len() != ask.questions.len() || ask.github && !self.complete {
            return None;
        }
        let mut answers = Answers { limits: self.limits, ..Answers::default() };
        for (question, told) in ask.questions.iter().zip(&self.answers) {
            let Some(told) = told else { continue };
            match (question.clone(), told.clone()) {
                (Question::Fate(path), Told::Fate { of, folder }) => {
                    if let (Fate::Was(fate), true) = (&of, folder) {
                        answers.folders.extend(fate.now().map(str::to_owned));
                    }
                    answers.fates.insert(path, of);
                }
                (Question::Ends(path), Told::Ended { of, folder }) => {
                    if let (Some(Ended { fate: Fate::Was(fate), .. }), true) = (&of, folder) {
                        answers.folders.extend(fate.now().map(str::to_owned));
                    }
                    answers.ends.insert(path, of);
                }
                (Question::PullHas(number, path), Told::Pull(answer)) => drop(answers.pulls.insert((number, path), answer)),
                (Question::Commit { id, .. }, Told::There(there)) => drop(answers.commits.insert(id, there)),
                (Question::Tag { name, .. }, Told::There(true)) => drop(answers.tags.insert(name)),
                (Question::Tag { name, .. }, Told::There(false)) => drop(answers.tag_forms.insert(releases::form(&name))),
                (Question::AsOf { rev, path, .. }, Told::AsOf(found)) => drop(answers.as_of.insert((rev, path), found)),
                _ => return None,
            }
        }
        Some(answers)
    }

    /// What is known of the numbers that were asked for.
    pub fn known(&self) -> pulls::Known {
        let pull = |(number, state): (&u64, &Option<pulls::State>)| (*number, pulls::Pull { state: *state, ..pulls::Pull::default() });
        pulls::Known { pulls: self.pulls.iter().map(pull).collect(), complete: self.complete, unread: self.unread.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lockdown::{
        Inside,
        history::{self, End, Rename},
    };

    #[test]
    fn answers_are_the_same_after_they_were_recorded() {
        let path = |name: &str| name.to_owned();
        let moved = |to: &str| {
            Fate::Was(history::Fate { renames: vec![Rename { to: path(to), commit: path("0123456789"), alike: 97 }], end: End::Here })
        };
        let fates = [
            ("a", moved("b")),
            ("c", moved("d")),
            ("e", Fate::Was(history::Fate { renames: Vec::new(), end: End::Removed(path("0123456789")) })),
            ("f", Fate::Moved { to: path("g") }),
            ("h", Fate::Deleted),
            ("i", Fate::Never),
            ("j", Fate::NotHere),
        ];
        let answers = Answers {
            fates: fates.into_iter().map(|(name, fate)| (path(name), fate)).collect(),
            ends: BTreeMap::from([
                (path("n"), None),
                (path("o"), Some(Ended { path: path("p/o"), fate: moved("q") })),
                (path("r"), Some(Ended { path: path("p/r"), fate: Fate::Deleted })),
            ]),
            folders: BTreeSet::from([path("d"), path("q")]),
            limits: Limits { cut: true, ..Limits::default() },
            unread: None,
            pulls: BTreeMap::from([((7, path("k")), PullAnswer { state: Some(pulls::State::Open), has: Some(true) })]),
            commits: BTreeMap::from([(path("0a"), true), (path("0b"), false)]),
            tags: BTreeSet::from([path("v1.0.0")]),
            tag_forms: BTreeSet::from([path("v0.0.0")]),
            as_of: BTreeMap::from([
                ((path("v1"), path("l")), AsOf::Missing),
                ((path("v1"), path("m")), AsOf::There { lines: Some(3) }),
                ((path("v0"), path("l")), AsOf::NoRevision),
            ]),
        };
        let fates = answers.fates.keys().chain([&path("unknown")]).cloned().map(Question::Fate).collect::<Vec<_>>();
        let commit = |id: &str, sure: bool| Question::Commit { id: path(id), sure };
        let tag = |name: &str| Question::Tag { name: path(name), sure: true };
        let as_of = |rev: &str, of: &str| Question::AsOf { rev: path(rev), path: path(of), inside: Inside::Lines(1, 9), sure: true };
        let others = [
            Question::Ends(path("n")),
            Question::Ends(path("o")),
            Question::Ends(path("r")),
            Question::Ends(path("unknown")),
            Question::PullHas(7, path("k")),
            commit("0a", true),
            commit("0b", false),
            commit("0c", true),
            tag("v1.0.0"),
            tag("v1.1.0"),
            tag("web/v1.0.0"),
            as_of("v0", "l"),
            as_of("v1", "l"),
            as_of("v1", "m"),
            as_of("v2", "l"),
        ];
        let ask = DocumentsAsk::new(BTreeSet::from([7, 8, 9]), fates.into_iter().chain(others).collect());
        let text = r#"{"pulls": {"7": {"state": "merged", "files": ["k"]}, "8": {}, "10": {}}, "complete": true}"#;
        let known: pulls::Known = serde_json::from_str(text).unwrap();
        let got = DocumentsGot::new(&ask, &known, Some(Digest::of(b"x")), &answers);
        let bytes = crate::domain::canonical_json(&got).unwrap();
        let read: DocumentsGot = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(read, got);
        assert_eq!(format!("{:?}", read.answers(&ask).unwrap()), format!("{answers:?}"));
        let left: pulls::Known = serde_json::from_str(r#"{"pulls": {"7": {"state": "merged"}, "8": {}}, "complete": true}"#).unwrap();
        assert_eq!(read.known(), left, "only what was asked for");
        let mut other = ask.clone();
        other.questions.swap(0, 9);
        assert!(read.answers(&other).is_none(), "an answer of another form");
        other.questions.clear();
        assert!(read.answers(&other).is_none(), "more answers than questions");
    }
}
