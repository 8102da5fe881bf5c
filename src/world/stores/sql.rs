//! What the stores that speak SQL share: names and numbers of their tables, and the conditions that each of them understands.

use std::collections::BTreeMap;

/// Of the tables. A change of them raises it.
pub(super) const SCHEMA: i64 = 3;
/// `valid_to` of a row that has not ended.
pub(super) const OPEN: i64 = i64::MAX;
/// The name of the one pointer.
pub(super) const POINTER: &str = "live";

/// Rows that no snapshot has, whole or being written. An open row belongs to the newest complete one, so it begins at that at the latest.
pub(super) const STRAY: &str =
    "NOT EXISTS (SELECT 1 FROM snapshots s WHERE artifacts.valid_from <= s.number AND s.number < artifacts.valid_to)";

/// How many of these there are, and bodies without a row. A hydration that has no row in `snapshots` was removed, so what it wrote belongs
/// to an interval that holds a kept one.
pub(super) fn counted_strays() -> String {
    format!(
        "SELECT (SELECT count(*) FROM artifacts WHERE {STRAY}),
                (SELECT count(*) FROM bodies WHERE NOT EXISTS (SELECT 1 FROM artifacts a WHERE a.digest = bodies.digest))"
    )
}

/// Numbers count upwards from 0 and never come near the end.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(OPEN)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// As JSON. Texts and numbers are always JSON.
pub(super) fn text_of(counts: &BTreeMap<String, u64>) -> String {
    serde_json::to_string(counts).unwrap_or_default()
}
