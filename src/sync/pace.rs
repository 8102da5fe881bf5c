//! When the next round of a controller is due.

use crate::domain::Span;

/// Longer pauses help nobody: what failed may be well again.
const LONGEST: Span = Span::minutes(5);

/// The pause after a round. It doubles with each failure in a row, and a part of it is up to `chance`, so that controllers which failed
/// together do not come back together.
pub fn pause(poll: Span, failures: u32, chance: u32) -> Span {
    let share = |part: u64| part * u64::from(chance) / u64::from(u32::MAX);
    let poll = poll.max(Span::seconds(1)).as_millis();
    if failures == 0 {
        return Span::millis(poll - share(poll / 10));
    }
    let whole = poll.saturating_mul(1 << failures.min(20)).min(LONGEST.as_millis().max(poll));
    Span::millis(whole - share(whole / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_failures_and_differ_by_chance() {
        for (poll, failures, longest, shortest) in [
            (30_000, 0, 30_000, 27_000),
            (30_000, 1, 60_000, 30_000),
            (30_000, 3, 240_000, 120_000),
            (30_000, 4, 300_000, 150_000),
            (30_000, u32::MAX, 300_000, 150_000),
            (900_000, 2, 900_000, 450_000),
            (0, 0, 1_000, 900),
        ] {
            let at = |chance| pause(Span::millis(poll), failures, chance).as_millis();
            assert_eq!((at(0), at(u32::MAX)), (longest, shortest), "{poll} {failures}");
        }
    }
}
