//! The report of a rehearsal as an entry records it: what it must say so that the entry may name what failed.
//!
//! Deliberately absent: how a rehearsal runs, and what else it tells; that is for people who read the report.

use crate::domain::Outcome;
use serde::Deserialize;

pub const SCHEMA: &str = "tagwarden.rehearsal/1";

#[derive(Deserialize)]
struct Told {
    schema: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    name: String,
    outcome: Outcome,
}

/// The steps of a report that did not pass, in its order. Errors: it is no report, or tells of no step, which proves nothing.
pub fn failed(report: &[u8]) -> Result<Vec<String>, String> {
    let told: Told = serde_json::from_slice(report).map_err(|error| format!("is no report of a rehearsal: {error}"))?;
    if told.schema != SCHEMA {
        return Err(format!("is of the schema `{}`, not {SCHEMA}", told.schema.escape_debug()));
    }
    if told.steps.is_empty() {
        return Err("tells of no step".to_owned());
    }
    Ok(told.steps.into_iter().filter(|step| step.outcome != Outcome::Passed).map(|step| step.name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_pass_is_named_and_no_report_is_none() {
        let step = |name: &str, outcome: &str| serde_json::json!({ "name": name, "outcome": outcome, "detail": null });
        let report = |schema: &str, steps: Vec<serde_json::Value>| serde_json::json!({ "schema": schema, "steps": steps }).to_string();
        for (text, want) in [
            (report(SCHEMA, vec![step("a", "passed")]), Ok(vec![])),
            (
                report(SCHEMA, vec![step("a", "failed"), step("b", "passed"), step("c", "skipped"), step("d", "inconclusive")]),
                Ok(vec!["a", "c", "d"]),
            ),
            (report(SCHEMA, vec![]), Err("tells of no step")),
            (report("tagwarden.run/1", vec![step("a", "passed")]), Err("schema")),
            (report(SCHEMA, vec![step("a", "fine")]), Err("no report")),
            ("{}".to_owned(), Err("no report")),
        ] {
            match (failed(text.as_bytes()), want) {
                (Ok(failed), Ok(want)) => assert_eq!(failed, want, "{text}"),
                (Err(why), Err(want)) => assert!(why.contains(want), "{text}: {why}"),
                (got, want) => panic!("{text}: {got:?} in place of {want:?}"),
            }
        }
    }
}
