//! Which snapshots are kept.

use super::state::State;
use crate::domain::{Oid, Span, Timestamp};
use std::collections::BTreeSet;

/// The numbers to keep, of those that are complete. `reached`: the commits that rollbacks go back to.
pub fn kept(state: &State, retain: usize, grace: Span, reached: &[Oid], now: Timestamp) -> BTreeSet<u64> {
    let live = state.live.as_ref().map(|live| live.number);
    // The next hydration is a difference to this one.
    let newest = state.snapshots.last().map(|snapshot| snapshot.number);
    let mut left: Vec<(Timestamp, u64)> =
        state.snapshots.iter().filter(|snapshot| Some(snapshot.number) != live).filter_map(|s| Some((s.left?, s.number))).collect();
    left.sort_unstable();
    let last = left.iter().rev().take(retain).map(|(_, number)| *number);
    let pinned = left.iter().filter(|(left, _)| left.plus(grace) >= now).map(|(_, number)| *number);
    let rollbacks = state.snapshots.iter().filter(|snapshot| reached.contains(&snapshot.commit)).map(|snapshot| snapshot.number);
    live.into_iter().chain(newest).chain(last).chain(pinned).chain(rollbacks).collect()
}

/// The numbers that go.
pub fn gone(state: &State, kept: &BTreeSet<u64>) -> Vec<u64> {
    state.snapshots.iter().map(|snapshot| snapshot.number).filter(|number| !kept.contains(number)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::Digest,
        sync::state::{Lease, Live, Snapshot, Source},
    };

    fn oid(number: u64) -> Oid {
        format!("{number:040x}").parse().unwrap()
    }

    /// Snapshots 1 to 6; 6 is the newest, `live` is live, the others were left at their number in minutes.
    fn state(live: u64) -> State {
        let digest = Digest::of(b"x");
        let snapshot = |number: u64| Snapshot {
            number,
            digest: digest.clone(),
            commit: oid(number),
            shape: digest.clone(),
            rules: None,
            counts: Default::default(),
            left: (number != live && number != 6).then(|| Timestamp::from_unix(number as i64 * 60)),
        };
        let live = Live {
            number: live,
            serial: 9,
            release: String::new(),
            commit: oid(live),
            shape: digest.clone(),
            since: Timestamp::from_unix(0),
        };
        State {
            source: Source { genesis: oid(99), channel: "production".into() },
            live: Some(live),
            lease: Lease::default(),
            snapshots: (1..=6).map(snapshot).collect(),
            attempt: None,
        }
    }

    #[test]
    fn what_readers_rollbacks_and_the_next_hydration_need_is_kept() {
        let late = Timestamp::from_unix(3600);
        for (live, retain, grace, reached, now, want) in [
            (6, 0, 0, vec![], late, vec![6]),
            (6, 2, 0, vec![], late, vec![4, 5, 6]),
            (3, 0, 0, vec![], late, vec![3, 6]),
            (3, 1, 0, vec![], late, vec![3, 5, 6]),
            (6, 0, 0, vec![oid(2)], late, vec![2, 6]),
            // Five minutes after 4 was left, it may still be read.
            (6, 0, 5, vec![], Timestamp::from_unix(9 * 60), vec![4, 5, 6]),
            (6, 0, 5, vec![], Timestamp::from_unix(9 * 60 + 1), vec![5, 6]),
        ] {
            let state = state(live);
            let kept = kept(&state, retain, Span::minutes(grace), &reached, now);
            assert_eq!(kept.iter().copied().collect::<Vec<_>>(), want, "{live} {retain} {grace}");
            assert_eq!(gone(&state, &kept).len(), 6 - want.len());
        }
    }
}
