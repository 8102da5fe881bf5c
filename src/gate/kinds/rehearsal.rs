//! Kind `rehearsal`: is there a fresh passing drill?
//!
//! `tagwarden snapshot rehearse` restores from the store of snapshots in a scratch copy, under injected faults, and records in the store's
//! log what came of it. The gate looks for the last record.
//!
//! Deliberately absent: the rehearsal of a promotion, which is not recorded.

use super::super::{
    Checks, Context, Evidence, Gate, Header, Judgement, Kind, Probe, ProbeKey,
    config::{self, Spec, collect::Collector},
    freshness,
    probe::{Ask, Got, RehearsalAsk, Rehearsed},
};
use crate::{
    domain::{Fault, Finding, Reason, Result, Span, Verb},
    text::{source::Source, yaml::Spanned},
};
use schemars::JsonSchema;
use serde::Deserialize;

pub static KIND: Kind = Kind {
    id: "rehearsal",
    about: "is there a fresh passing drill?",
    page: include_str!("rehearsal.md"),
    codes: CODES,
    verbs: &[Verb::Promote],
    writes: false,
    read,
    schema: |generator| generator.subschema_for::<RehearsalSpec>(),
};

const CODES: &[(&str, &str)] = &[
    ("rehearsal/absent", "no restore was ever rehearsed"),
    ("rehearsal/failed", "the last rehearsal did not pass"),
    ("rehearsal/foreign-answer", "the recorded answer is not about rehearsals"),
    ("rehearsal/future", "the last rehearsal is from the future: a clock is wrong"),
    ("rehearsal/not-found", "the protocol names no store of snapshots"),
    ("rehearsal/stale", "the last rehearsal is older than the gate allows"),
    ("rehearsal/unanswered", "there is no recorded answer about rehearsals"),
    ("rehearsal/unreadable", "the store could not be read"),
];

/// How long a rehearsal counts where the gate does not say.
const FRESH: Span = Span::minutes(30 * 24 * 60);

/// A rehearsal of a restore.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RehearsalSpec {
    /// How long a rehearsal counts; 30d where absent.
    fresh: Option<Spanned<Span>>,
}

impl Spec for RehearsalSpec {
    const KEY: &'static str = "rehearsal";
}

struct Rehearsal {
    fresh: Span,
}

fn read(source: &Source) -> Result<(Header, Box<dyn Gate>)> {
    let (header, spec) = config::read::<RehearsalSpec>(source)?;
    let mut collector = Collector::new(source);
    if let Some(fresh) = spec.fresh.as_ref().filter(|fresh| fresh.as_millis() == 0) {
        collector.refuse(fresh, "wrong-value", "a rehearsal that may not age at all is always too old");
    }
    if collector.findings.is_empty() {
        return Ok((header, Box::new(Rehearsal { fresh: spec.fresh.map_or(FRESH, |fresh| fresh.value) })));
    }
    Err(Fault::new(Reason::BadConfig, format!("{} is not a valid gate", source.file)).findings(collector.findings))
}

const ITEM: u32 = 0;

impl Gate for Rehearsal {
    fn asks(&self, _: &Context, seen: &Evidence) -> Vec<Probe> {
        let asked = seen.last(ITEM).is_some();
        (!asked).then(|| Probe::reads(ProbeKey::first(ITEM), Ask::Rehearsal(RehearsalAsk {}))).into_iter().collect()
    }

    fn judge(&self, cx: &Context, seen: &Evidence) -> Judgement {
        let mut checks = Checks::new();
        let unknown = |code: &str, message: &str| Finding::error(format!("rehearsal/{code}"), message);
        match seen.last(ITEM) {
            None => checks.unknown(unknown("unanswered", "there is no answer about rehearsals")),
            Some(answer) if !matches!(answer.ask, Ask::Rehearsal(_)) => {
                checks.unknown(unknown("foreign-answer", "the recorded answer is not about rehearsals"));
            }
            Some(answer) => match answer.result() {
                Ok(Got::Rehearsal(got)) => self.weigh(cx, got.last.as_ref(), &mut checks),
                Ok(_) => checks.unknown(unknown("unreadable", "the answer about rehearsals has another shape")),
                Err(unavailable) => checks.unavailable("rehearsal", "the store of snapshots", &unavailable),
            },
        }
        checks.judge("rehearsal")
    }
}

impl Rehearsal {
    /// The last one decides: after one that failed, an earlier one proves nothing.
    fn weigh(&self, cx: &Context, last: Option<&Rehearsed>, checks: &mut Checks) {
        let finding = |code: &str, message: String| {
            Finding::error(format!("rehearsal/{code}"), message).help("`tagwarden snapshot rehearse` rehearses a restore and records it")
        };
        let Some(Rehearsed { time, rehearsal }) = last else {
            return checks.fail(finding("absent", "no restore was ever rehearsed".to_owned()));
        };
        if !rehearsal.failed.is_empty() {
            return checks.fail(finding("failed", format!("the rehearsal of {time} failed: {}", rehearsal.failed.join(", "))));
        }
        if *time > cx.now.plus(freshness::CLOCK_SLACK) {
            return checks.unknown(finding("future", format!("the last rehearsal is from {time}, in the future")));
        }
        if time.plus(self.fresh) < cx.now {
            return checks.fail(finding("stale", format!("the last rehearsal is from {time}, more than {} ago", self.fresh)));
        }
        checks.hold();
    }
}
