//! Times and durations. A [`Timestamp`] is UTC with whole seconds, so that what is recorded reads back equal.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A point in time, UTC, whole seconds, written as RFC 3339 (`2026-11-21T10:00:00Z`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// The point this many seconds after 1970-01-01T00:00:00Z; clamped to what the calendar can express.
    pub fn from_unix(seconds: i64) -> Timestamp {
        let clamped = seconds.clamp(jiff::Timestamp::MIN.as_second(), jiff::Timestamp::MAX.as_second());
        Timestamp(jiff::Timestamp::from_second(clamped).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }

    pub fn unix(self) -> i64 {
        self.0.as_second()
    }

    /// Seconds from `earlier` to `self`; negative where `earlier` is later.
    pub fn seconds_since(self, earlier: Timestamp) -> i64 {
        self.unix() - earlier.unix()
    }

    /// The point `span` later. Rounds up to whole seconds, so that a wait is never too short.
    #[must_use]
    pub fn plus(self, span: Span) -> Timestamp {
        Timestamp::from_unix(self.unix().saturating_add(span.as_millis().div_ceil(1000) as i64))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for Timestamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Timestamp, String> {
        let parsed: jiff::Timestamp = text.parse().map_err(|_| format!("`{text}` is no RFC 3339 time such as 2026-11-21T10:00:00Z"))?;
        Ok(Timestamp::from_unix(parsed.as_second()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A length of time in milliseconds, written with one unit: `250ms`, `2s`, `15m`, `24h`, `30d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(u64);

impl Span {
    pub const fn seconds(seconds: u64) -> Span {
        Span(seconds * 1000)
    }

    pub const fn minutes(minutes: u64) -> Span {
        Span::seconds(minutes * 60)
    }

    pub const fn millis(millis: u64) -> Span {
        Span(millis)
    }

    pub const fn as_millis(self) -> u64 {
        self.0
    }

    pub const fn as_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0)
    }

    pub fn signed(self) -> SignedDuration {
        SignedDuration::from_millis(i64::try_from(self.0).unwrap_or(i64::MAX))
    }
}

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Span, String> {
        let wrong = || format!("`{text}` is no duration such as 250ms, 2s, 15m, 24h or 30d");
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        number.checked_mul(*factor).map(Span).ok_or_else(wrong)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) =
            UNITS.iter().rev().find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor)).unwrap_or(&UNITS[0]);
        write!(f, "{}{unit}", self.0 / factor)
    }
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9]+(ms|s|m|h|d)$",
            "description": "A number and a unit: 250ms, 2s, 15m, 24h, 30d"
        })
    }
}

/// The end of something that is asked for now, such as a waiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    For(Span),
    At(Timestamp),
}

impl Until {
    /// The end, counted from the decision time.
    pub fn from(self, now: Timestamp) -> Timestamp {
        match self {
            Until::For(span) => now.plus(span),
            Until::At(time) => time,
        }
    }
}

impl FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Until, String> {
        let time = || text.parse().map(Until::At);
        let none = |_| format!("`{text}` is neither a duration such as 24h nor a time such as 2026-11-21T10:00:00Z");
        text.parse().map(Until::For).or_else(|_: String| time()).map_err(none)
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Until::For(span) => span.fmt(f),
            Until::At(time) => time.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_and_write() {
        for (text, millis) in [("250ms", 250), ("2s", 2000), ("15m", 900_000), ("24h", 86_400_000), ("30d", 2_592_000_000), ("0s", 0)] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.as_millis(), millis, "{text}");
        }
        assert_eq!(Span::minutes(15).to_string(), "15m");
        for wrong in ["", "5", "m", "-1s", "1 s", "1w", "99999999999999999999d", "18446744073709551615d"] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn timestamps_drop_fractions_and_read_back() {
        let time: Timestamp = "2026-11-21T10:00:00.75+01:00".parse().unwrap();
        assert_eq!(time.to_string(), "2026-11-21T09:00:00Z");
        assert_eq!(time.plus(Span::millis(1)).to_string(), "2026-11-21T09:00:01Z");
        assert!("yesterday".parse::<Timestamp>().is_err());
    }
}
