//! The two conditions of a store: `Ready` (readers get a whole snapshot) and `Published` (it is what the channel is at), each with a
//! reason that scripts compare and a message that names the last good state.

use super::{
    state::{Attempt, State},
    step::{Step, Wanted, step},
};
use crate::domain::{Finding, Timestamp};
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Condition {
    #[serde(rename = "type")]
    pub name: &'static str,
    pub status: Status,
    pub reason: &'static str,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Status {
    True,
    False,
}

impl Status {
    pub const fn word(self) -> &'static str {
        match self {
            Status::True => "True",
            Status::False => "False",
        }
    }
}

/// A reason of a condition. `about`: a clause without capital and full stop; `next`: what to do, a sentence, empty where all is well.
pub struct Known {
    pub name: &'static str,
    pub reason: &'static str,
    pub about: &'static str,
    pub next: &'static str,
}

const fn known(name: &'static str, reason: &'static str, about: &'static str, next: &'static str) -> Known {
    Known { name, reason, about, next }
}

pub const REASONS: &[Known] = &[
    known("Ready", "Live", "readers see a whole snapshot", ""),
    known("Ready", "NothingLive", "nothing was published yet", "Promote a release, then `tagwarden sync once`."),
    known(
        "Ready",
        "SnapshotLost",
        "the pointer names a snapshot that is not there, so readers see nothing",
        "`tagwarden sync once` writes it again.",
    ),
    known("Published", "UpToDate", "readers see what the channel is at", ""),
    known("Published", "NothingReleased", "nothing was promoted to the channel yet", "`tagwarden promote RELEASE --channel CHANNEL`."),
    known(
        "Published",
        "Behind",
        "the channel is at a release that was not brought to the store yet",
        "`tagwarden sync once`; where a controller runs, ask its `/status` why it did not.",
    ),
    known(
        "Published",
        "Rejected",
        "the release that the channel is at is not valid, so readers keep the one before",
        "Mend what the message names and promote a new version, or go back: `tagwarden rollback --channel CHANNEL --reason REASON`.",
    ),
    known(
        "Published",
        "Scheduled",
        "the release that the channel is at is in force later, so readers keep the one before until then",
        "Wait; `tagwarden sync run` brings it at its time.",
    ),
    known(
        "Published",
        "TagMoved",
        "a tag is not where the ledger says, or where it was published, so nothing new is published",
        "`tagwarden doctor` says which tag, and who has to put it back.",
    ),
    known(
        "Published",
        "Ahead",
        "the store is at a later entry than this ledger has",
        "`tagwarden audit`: this clone may be old, or somebody cut the ledger back.",
    ),
];

/// The longest name of a release in a message, in characters.
const LONGEST: usize = 120;

/// Both, in this order. `wanted`: what the channel is at; `drift`: how its tags disagree with the ledger.
pub fn conditions(state: &State, wanted: Option<&Wanted>, drift: &[Finding], now: Timestamp) -> Vec<Condition> {
    let ready = match (&state.live, state.live_snapshot()) {
        (Some(live), Some(snapshot)) => {
            let message = format!("snapshot {} of {}: {} rows", live.number, brief(&live.release), snapshot.rows());
            made("Ready", Status::True, "Live", message)
        }
        (Some(live), None) => made("Ready", Status::False, "SnapshotLost", format!("snapshot {} is not there", live.number)),
        (None, _) => made("Ready", Status::False, "NothingLive", "nothing was published yet".to_owned()),
    };
    vec![ready, published(state, wanted, drift, now)]
}

fn published(state: &State, wanted: Option<&Wanted>, drift: &[Finding], now: Timestamp) -> Condition {
    let good = state.live.as_ref().map_or("readers see nothing".to_owned(), |live| {
        format!("readers see {} at {} (entry {}) since {}", brief(&live.release), live.commit.short(), live.serial, live.since)
    });
    let no = |reason, message: String| made("Published", Status::False, reason, message);
    let Some(wanted) = wanted else { return no("NothingReleased", format!("nothing was promoted to {} yet", state.source.channel)) };
    if let Some(moved) = drift.first() {
        return no("TagMoved", format!("{}; {good}", moved.message));
    }
    let newest = format!("{} at {} (entry {})", brief(&wanted.release), wanted.commit.short(), wanted.serial);
    match (step(state, wanted), rejected(state, wanted)) {
        (Step::Nothing, _) => made("Published", Status::True, "UpToDate", good),
        (Step::Newer { serial }, _) => {
            no("Ahead", format!("the ledger ends with entry {} for this channel, the store is at entry {serial}", wanted.serial))
        }
        _ if wanted.waits(now).is_some() => no("Scheduled", format!("{newest} is in force from {}; {good}", wanted.from.unwrap_or(now))),
        (_, Some((attempt, findings, message))) => {
            no("Rejected", format!("{newest} was rejected at {} with {findings} findings: {message}; {good}", attempt.time))
        }
        (_, None) => no("Behind", format!("{newest} was not brought to the store yet; {good}")),
    }
}

fn rejected<'s>(state: &'s State, wanted: &Wanted) -> Option<(&'s Attempt, u64, &'s str)> {
    let attempt = state.attempt.as_ref().filter(|attempt| attempt.serial == wanted.serial && attempt.commit == wanted.commit)?;
    attempt.rejected.as_ref().map(|rejected| (attempt, rejected.findings, rejected.message.as_str()))
}

/// A release by its name, if that is no list that would hide what is said of it; `release` of the store's state has all of it.
fn brief(release: &str) -> &str {
    if release.chars().count() <= LONGEST { release } else { "its release" }
}

fn made(name: &'static str, status: Status, reason: &'static str, message: String) -> Condition {
    Condition { name, status, reason, message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::Digest,
        sync::state::{Lease, Live, Rejected, Snapshot, Source},
    };
    use std::collections::{BTreeMap, BTreeSet};

    /// Snapshot 1 of entry 3 is live.
    fn state() -> State {
        let (commit, shape) = ("c".repeat(40).parse().unwrap(), Digest::of(b"s"));
        let live =
            Live { number: 1, serial: 3, release: "shop@1.0.0".into(), commit, shape: shape.clone(), since: Timestamp::from_unix(0) };
        let counts = BTreeMap::from([("product".to_owned(), 2)]);
        let snapshot = Snapshot { number: 1, digest: shape.clone(), commit: live.commit.clone(), shape, rules: None, counts, left: None };
        let source = Source { genesis: live.commit.clone(), channel: "production".into() };
        State { source, live: Some(live), lease: Lease::default(), snapshots: vec![snapshot], attempt: None }
    }

    fn wanted(serial: u64, letter: &str) -> Wanted {
        Wanted { serial, release: "shop@1.1.0".into(), commit: letter.repeat(40).parse().unwrap(), shape: Digest::of(b"s"), from: None }
    }

    #[test]
    fn every_state_has_its_reasons_and_every_reason_a_state() {
        let (none, moved): (&[Finding], &[Finding]) = (&[], &[Finding::error("status/tag-moved", "somebody moved it")]);
        let rejected = Some(Rejected { findings: 2, message: "products/a.md:3: too long".into() });
        let attempt =
            Attempt { serial: 4, release: "shop@1.1.0".into(), commit: wanted(4, "d").commit, time: Timestamp::from_unix(60), rejected };
        let tried = State { attempt: Some(attempt), ..state() };
        let at = |serial: u64, from: i64| Wanted {
            from: Some(Timestamp::from_unix(from)),
            ..wanted(serial, if serial == 3 { "c" } else { "d" })
        };
        let mut seen = BTreeSet::new();
        for (state, wanted, drift, want) in [
            (state(), Some(wanted(3, "c")), none, ["Live", "UpToDate"]),
            (state(), Some(wanted(4, "d")), none, ["Live", "Behind"]),
            (tried.clone(), Some(wanted(4, "d")), none, ["Live", "Rejected"]),
            (tried, Some(wanted(5, "e")), none, ["Live", "Behind"]),
            (state(), Some(wanted(2, "b")), none, ["Live", "Ahead"]),
            (state(), Some(at(4, 101)), none, ["Live", "Scheduled"]),
            (state(), Some(at(4, 100)), none, ["Live", "Behind"]),
            (state(), Some(at(3, 101)), none, ["Live", "UpToDate"]),
            (state(), Some(wanted(3, "c")), moved, ["Live", "TagMoved"]),
            (State { live: None, ..state() }, None, none, ["NothingLive", "NothingReleased"]),
            (State { snapshots: Vec::new(), ..state() }, Some(wanted(3, "c")), none, ["SnapshotLost", "Behind"]),
        ] {
            let conditions = conditions(&state, wanted.as_ref(), drift, Timestamp::from_unix(100));
            assert_eq!([conditions[0].reason, conditions[1].reason], want);
            for condition in conditions {
                assert_eq!(condition.status == Status::True, ["Live", "UpToDate"].contains(&condition.reason), "{condition:?}");
                assert!(!condition.message.is_empty());
                seen.insert((condition.name, condition.reason));
            }
        }
        assert_eq!(seen, REASONS.iter().map(|known| (known.name, known.reason)).collect());
    }

    #[test]
    fn what_was_rejected_names_why_and_what_readers_see() {
        let rejected = Some(Rejected { findings: 2, message: "products/a.md:3: too long".into() });
        let commit = wanted(4, "d").commit;
        let attempt = Attempt { serial: 4, release: "shop@1.1.0".into(), commit, time: Timestamp::from_unix(60), rejected };
        let conditions = conditions(&State { attempt: Some(attempt), ..state() }, Some(&wanted(4, "d")), &[], Timestamp::from_unix(100));
        assert_eq!(
            conditions[1].message,
            "shop@1.1.0 at dddddddddd (entry 4) was rejected at 1970-01-01T00:01:00Z with 2 findings: products/a.md:3: too long; \
             readers see shop@1.0.0 at cccccccccc (entry 3) since 1970-01-01T00:00:00Z"
        );
    }

    #[test]
    fn a_release_of_many_artifacts_does_not_hide_what_is_said_of_it() {
        let mut state = state();
        let release: Vec<String> = (0..85).map(|at| format!("product:item-{at}@1.0.0")).collect();
        state.live.as_mut().unwrap().release = release.join(", ");
        let conditions = conditions(&state, Some(&wanted(3, "c")), &[], Timestamp::from_unix(100));
        let said: Vec<&str> = conditions.iter().map(|condition| condition.message.as_str()).collect();
        let live = "readers see its release at cccccccccc (entry 3) since 1970-01-01T00:00:00Z";
        assert_eq!(said, ["snapshot 1 of its release: 2 rows", live]);
    }
}
