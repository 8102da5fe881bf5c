//! The one clock, which whoever starts a run gives: the system's, or one that starts at a time of theirs and goes on at the
//! pace of the system's monotonic clock.

use crate::domain::Timestamp;
use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, Instant},
};

/// Measures how long something took, for reports only.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    pub fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    pub fn millis(self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Clock {
    base: Option<(Timestamp, Instant)>,
    hand: Option<&'static AtomicI64>,
}

impl Clock {
    pub const fn system() -> Clock {
        Clock { base: None, hand: None }
    }

    /// Begins at this time, now.
    pub fn starting(at: Timestamp) -> Clock {
        Clock { base: Some((at, Instant::now())), hand: None }
    }

    /// Shows these seconds since 1970, and stands still until somebody sets them: for tests. Whoever sleeps puts them forward.
    pub const fn by_hand(hand: &'static AtomicI64) -> Clock {
        Clock { base: None, hand: Some(hand) }
    }

    pub fn now(&self) -> Timestamp {
        if let Some(hand) = self.hand {
            return Timestamp::from_unix(hand.load(Ordering::SeqCst));
        }
        match self.base {
            Some((base, since)) => Timestamp::from_unix(base.unix().saturating_add(since.elapsed().as_secs() as i64)),
            None => Timestamp::from_unix(jiff::Timestamp::now().as_second()),
        }
    }

    /// Returns once [`Clock::now`] is at or after `time`; at once where it is.
    pub async fn sleep_until(&self, time: Timestamp) {
        if let Some(hand) = self.hand {
            hand.fetch_max(time.unix(), Ordering::SeqCst);
            return;
        }
        loop {
            let left = self.left_until(time);
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
        }
    }

    fn left_until(&self, time: Timestamp) -> Duration {
        let left = |seconds: i64, past: Duration| Duration::from_secs(u64::try_from(seconds).unwrap_or(0)).saturating_sub(past);
        match self.base {
            Some((base, since)) => left(time.seconds_since(base), since.elapsed()),
            None => {
                let now = jiff::Timestamp::now();
                let past = Duration::from_nanos(u64::try_from(now.subsec_nanosecond()).unwrap_or(0));
                left(time.unix().saturating_sub(now.as_second()), past)
            }
        }
    }
}

/// The system clock may be set while we sleep; look again at least this often.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_point_in_the_past_needs_no_sleep() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let clock = Clock::starting(now);
        clock.sleep_until(now).await;
        assert!(clock.now() >= now && clock.now().seconds_since(now) < 60);
        assert!(clock.left_until(now.plus(crate::domain::Span::minutes(1))) > Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_clock_set_by_hand_goes_only_where_it_is_put() {
        static HAND: AtomicI64 = AtomicI64::new(1000);
        let clock = Clock::by_hand(&HAND);
        clock.sleep_until(Timestamp::from_unix(900)).await;
        assert_eq!(clock.now().unix(), 1000);
        clock.sleep_until(Timestamp::from_unix(4600)).await;
        assert_eq!(clock.now().unix(), 4600);
        HAND.store(5, Ordering::SeqCst);
        assert_eq!(clock.now().unix(), 5);
    }
}
