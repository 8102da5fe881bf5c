//! How long evidence counts. The runner clears a move by it, and the ledger judges what was recorded by it again, so it
//! stands once.

use super::{Answer, Evidence};
use crate::domain::{Span, Timestamp};

/// How far a clock may be off before a time counts as being in the future.
pub const CLOCK_SLACK: Span = Span::minutes(5);

/// No run takes longer. A move that rests on nothing dated is good for as long.
pub const LONGEST_RUN: Span = Span::minutes(24 * 60);

/// Until when this evidence counts: the oldest of the newest answer to each question, plus the gate's `max_age`. `None`: there
/// is nothing dated in it.
pub fn good_until(evidence: &Evidence, max_age: Span) -> Option<Timestamp> {
    let newest = |answer: &&Answer| evidence.last(answer.key.item).map(|last| last.key) == Some(answer.key);
    evidence.answers.iter().filter(newest).map(|answer| answer.time.plus(max_age)).min()
}

/// Until when a move counts that was decided at `time` and rests on `parts`: the evidence of every required gate that passed,
/// and the waivers of those that did not.
pub fn valid_until(time: Timestamp, parts: impl Iterator<Item = Timestamp>) -> Timestamp {
    parts.min().unwrap_or_else(|| time.plus(LONGEST_RUN))
}
