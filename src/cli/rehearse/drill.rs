//! The course of a rehearsal: its steps, and what it remembers between them.
//!
//! What a verb did is judged by [`super::witness`], never by its own answer alone. A step that fails puts refs and memory back
//! to where they were before it, so that the steps after it still say something.

use super::{
    players::{Player, expect, said},
    set::{Set, WORK},
};
use crate::{
    domain::{ChannelName, Fault, GateId, Outcome, Reason, RefName, ReleaseName, Result},
    report::{Report, shape::Step},
    world::{
        Progress,
        clock::Stopwatch,
        scratch::Files,
        standin::{Mood, StandIn},
    },
};
use std::sync::Arc;

/// What a step saw: a sentence for the report, or why it did not see what it should.
pub type Seen = std::result::Result<String, Miss>;

/// Why a step did not end well.
#[derive(Debug)]
pub enum Miss {
    /// Something else happened than should: the step failed.
    Wrong(String),
    /// It could not be found out: the step is inconclusive.
    Blocked(String),
}

impl From<Fault> for Miss {
    fn from(fault: Fault) -> Miss {
        Miss::Blocked(fault.message)
    }
}

pub fn wrong<T>(what: impl Into<String>) -> std::result::Result<T, Miss> {
    Err(Miss::Wrong(what.into()))
}

/// The file in which one release differs from the next.
const CHANGING: &str = "tagwarden-rehearsal.txt";

/// A release of the drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// `package@version`.
    pub name: String,
    pub commit: String,
    pub tag: RefName,
}

/// What the drill remembers between steps.
#[derive(Clone, Default)]
pub struct Memory {
    pub cuts: u64,
    /// The newest commit of the release branch.
    pub tip: Option<String>,
    /// A release that lacks nothing but its promotion.
    pub pending: Option<Cut>,
    /// What was on the channel, oldest first.
    pub history: Vec<Cut>,
    /// The bytes of the first release as they were when it was promoted.
    pub first: Option<Files>,
    pub genesis: Option<String>,
    /// Foreign commits on the ledger.
    pub foreign: Vec<String>,
}

pub struct Drill {
    pub set: Arc<Set>,
    pub stand_in: StandIn,
    pub memory: Memory,
    pub steps: Vec<Step>,
    pub progress: Progress,
    /// How many steps there are.
    pub of: usize,
    /// While the steps are counted, none is played.
    pub counting: Option<usize>,
}

impl Drill {
    /// Runs one step and records how it ended.
    pub async fn step(&mut self, name: &str, act: impl AsyncFn(&mut Drill) -> Seen) {
        if let Some(counted) = &mut self.counting {
            *counted += 1;
            return;
        }
        let waiting = self.progress.doing(format!("step {} of {}, {name}", self.steps.len() + 1, self.of));
        #[cfg(test)]
        Box::pin(super::tests::bent_answers(self, name, &act)).await;
        let watch = Stopwatch::start();
        let before = self.set.snapshot();
        let memory = self.memory.clone();
        let mut seen = act(self).await;
        self.stand_in.calm();
        if let Err(fault) = self.stand_in.reopen().await {
            seen = seen.and(Err(fault.into()));
        }
        if seen.is_err()
            && let Ok(before) = before
            && self.set.restore(&before).is_ok()
        {
            self.memory = memory;
        }
        let (outcome, detail) = match seen {
            Ok(detail) => (Outcome::Passed, detail),
            Err(Miss::Wrong(detail)) => (Outcome::Failed, detail),
            Err(Miss::Blocked(detail)) => (Outcome::Inconclusive, detail),
        };
        drop(waiting);
        self.progress.print(&format!("{outcome:>12}  {name} ({} ms)", watch.millis()));
        self.steps.push(Step { name: name.to_owned(), outcome, duration_ms: Some(watch.millis()), detail: Some(detail) });
    }

    /// Runs a verb as the mover; nothing may change, and the answer must be this reason.
    pub async fn unmoved(&self, words: &[&str], reason: Reason) -> std::result::Result<Report, Miss> {
        self.unmoved_by(&self.set.mover(), words, reason).await
    }

    /// The same as somebody else.
    pub async fn unmoved_by(&self, player: &Player, words: &[&str], reason: Reason) -> std::result::Result<Report, Miss> {
        let before = self.set.refs()?;
        let answer = player.run(words).await;
        self.set.refs()?.same_as(&before)?;
        expect(&answer, reason)?;
        Ok(answer)
    }

    /// The words of a promotion to the drilled channel.
    pub fn promotion<'a>(&'a self, cut: &'a Cut) -> [&'a str; 6] {
        ["promote", &cut.name, "--channel", self.set.channel().as_str(), "--reason", "rehearsal"]
    }

    /// A release that lacks nothing but its promotion to the drilled channel; the same one until it was promoted.
    pub async fn ready(&mut self) -> std::result::Result<Cut, Miss> {
        if let Some(pending) = &self.memory.pending {
            self.set.stand_at(WORK, &pending.commit)?;
            return Ok(pending.clone());
        }
        let cut = self.cut(&[])?;
        self.make_ready(&cut, self.set.channel(), None).await?;
        self.memory.pending = Some(cut.clone());
        Ok(cut)
    }

    /// The pending release is on the channel now.
    pub fn promoted(&mut self) {
        self.memory.history.extend(self.memory.pending.take());
    }

    /// Another release was made ready, so the pending one may no longer be on the channels before this one.
    pub fn displaced(&mut self) {
        if self.set.channels.len() > 1 {
            self.memory.pending = None;
        }
    }

    /// A new commit on the release branch, and the name of a new version for it. `edits` are changes beside its own.
    pub fn cut(&mut self, edits: &[(String, Option<Vec<u8>>)]) -> Result<Cut> {
        self.memory.cuts += 1;
        let version = format!("{}.0.0", self.memory.cuts);
        let name = format!("{}@{version}", self.set.package);
        let mut edits = edits.to_vec();
        edits.push((CHANGING.to_owned(), Some(format!("{name}\n").into_bytes())));
        let commit = self.set.commit(&edits, self.memory.tip.as_deref(), &name)?;
        self.set.publish(&commit)?;
        self.memory.tip = Some(commit.clone());
        let release = ReleaseName { package: self.set.package.clone(), version: semver::Version::new(self.memory.cuts, 0, 0) };
        Ok(Cut { name, commit, tag: crate::release::plan::release_ref(&self.set.protocol, &release)? })
    }

    /// Records what the gates up to `channel` want for this release, and promotes it to the channels before. `without`: all but
    /// what this gate wants.
    pub async fn make_ready(&self, cut: &Cut, channel: &ChannelName, without: Option<&GateId>) -> std::result::Result<(), Miss> {
        let set = &self.set;
        // A release without a tag is made at HEAD.
        set.stand_at(WORK, &cut.commit)?;
        let skips = |kind: &str| without.and_then(|id| set.protocol.gate(id)).is_some_and(|gate| gate.kind.id == kind);
        if set.is_staged_first() {
            self.done(&set.mover(), &["stage", &cut.name, "--at", &cut.commit]).await?;
        }
        if !skips("verdict") {
            for reviewer in &set.cast.reviewers {
                self.done(&set.player(reviewer, WORK), &["verdict", "record", "SAFE", "--at", &cut.commit]).await?;
            }
        }
        for passed in &set.channels {
            for (gate, acker) in set.cast.ackers.iter().filter(|(gate, _)| Some(*gate) != without) {
                if set.decides(gate, passed) {
                    let words = ["ack", gate.as_str(), "--channel", passed.as_str(), "--release", &cut.name];
                    self.done(&set.player(acker, WORK), &words).await?;
                }
            }
            if passed == channel {
                break;
            }
            self.done(&set.mover(), &["promote", &cut.name, "--channel", passed.as_str()]).await?;
        }
        Ok(())
    }

    /// Runs a verb that only prepares a step.
    pub async fn done(&self, player: &Player, words: &[&str]) -> std::result::Result<(), Miss> {
        let answer = player.run(words).await;
        match answer.exit_code() {
            0 => Ok(()),
            _ => Err(Miss::Blocked(format!("`tagwarden {}` was refused: {}", words.join(" "), said(&answer)))),
        }
    }

    pub fn mood(&self, mood: Mood) {
        self.stand_in.set(&self.set.endpoint.gate, mood);
    }
}
