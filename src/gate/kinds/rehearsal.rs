//! Kind `rehearsal`: is there a fresh passing drill?
//!
//! `tagwarden rehearse --record` promotes and rolls back in a scratch copy of what is on a channel, and signs into the ledger what came of
//! it. `tagwarden snapshot rehearse` restores from the store of snapshots, and records it in the store's log. The gate looks for the last
//! record of the one that it names.
//!
//! Deliberately absent: a default. One of them says nothing of the other.

use super::super::{
    Checks, Context, Evidence, Gate, Header, Judgement, Kind, Probe, ProbeKey, WaitsFor,
    config::{self, Spec, collect::Collector},
    freshness,
    probe::{Ask, ChannelRehearsalGot, Got, LedgerAsk, RehearsalAsk, Rehearsed},
};
use crate::{
    domain::{Fault, Finding, Oid, Reason, Result, Span, Timestamp, Verb},
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
    ("rehearsal/absent", "it was never rehearsed"),
    ("rehearsal/draft", "nobody can have rehearsed gates that are not adopted"),
    ("rehearsal/failed", "the last rehearsal did not pass"),
    ("rehearsal/foreign-answer", "the recorded answer is not about rehearsals, or not about those that the gate asks for"),
    ("rehearsal/future", "the last rehearsal is from the future: a clock is wrong"),
    ("rehearsal/ledger-broken", "the ledger does not verify, so its rehearsals prove nothing"),
    ("rehearsal/ledger-lost", "a ledger that is known is not on the remote any more, so nobody can tell what was rehearsed"),
    ("rehearsal/ledger-unverifiable", "the ledger is not here as a whole, so its rehearsals prove nothing"),
    ("rehearsal/no-ledger", "there is no ledger that could hold rehearsals"),
    ("rehearsal/not-found", "the protocol names no store of snapshots"),
    ("rehearsal/other-policy", "the last rehearsal was under another policy than the one in force"),
    ("rehearsal/other-release", "the last rehearsal was of another release than the one that is on the channel"),
    ("rehearsal/stale", "the last rehearsal is older than the gate allows"),
    ("rehearsal/unanswered", "there is no recorded answer about rehearsals"),
    ("rehearsal/unreachable", "the remote that holds the ledger could not be reached"),
    ("rehearsal/unreadable", "the store or the ledger could not be read"),
];

/// How long a rehearsal counts where the gate does not say.
const FRESH: Span = Span::minutes(30 * 24 * 60);

/// What must have been rehearsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum What {
    /// Promotion and rollback of what is on the channel: what `rehearse --record` signed into the ledger.
    Rollback,
    /// A restore: what `snapshot rehearse` recorded in the store.
    Restore,
}

/// A rehearsal that must have passed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RehearsalSpec {
    /// `rollback`: what `rehearse --record` signed into the ledger; `restore`: what `snapshot rehearse` recorded in the store.
    #[schemars(required)]
    of: Option<Spanned<What>>,
    /// How long a rehearsal counts; 30d where absent.
    fresh: Option<Spanned<Span>>,
}

impl Spec for RehearsalSpec {
    const KEY: &'static str = "rehearsal";
}

struct Rehearsal {
    of: What,
    fresh: Span,
}

fn read(source: &Source) -> Result<(Header, Box<dyn Gate>)> {
    let (header, spec) = config::read::<RehearsalSpec>(source)?;
    let mut collector = Collector::new(source);
    if let Some(fresh) = spec.fresh.as_ref().filter(|fresh| fresh.as_millis() == 0) {
        collector.refuse(fresh, "wrong-value", "a rehearsal that may not age at all is always too old");
    }
    if spec.of.is_none() {
        collector.refuse(&Spanned::<()>::default(), "missing-key", "`of` is missing: what must have been rehearsed");
        collector
            .help("`rollback`: what `rehearse --record` signed into the ledger; `restore`: what `snapshot rehearse` recorded in the store");
    }
    if let (Some(of), true) = (spec.of, collector.findings.is_empty()) {
        let fresh = spec.fresh.map_or(FRESH, |fresh| fresh.value);
        return Ok((header, Box::new(Rehearsal { of: of.value, fresh })));
    }
    Err(Fault::new(Reason::BadConfig, format!("{} is not a valid gate", source.file)).findings(collector.findings))
}

const ITEM: u32 = 0;

impl Gate for Rehearsal {
    fn waits_for(&self) -> Option<WaitsFor> {
        (self.of == What::Rollback).then_some(WaitsFor { verb: Verb::Rehearse, people: None, least: 1 })
    }

    fn asks(&self, _: &Context, seen: &Evidence) -> Vec<Probe> {
        let ask = || match self.of {
            What::Rollback => Ask::ChannelRehearsal(LedgerAsk {}),
            What::Restore => Ask::Rehearsal(RehearsalAsk {}),
        };
        let asked = seen.last(ITEM).is_some();
        (!asked).then(|| Probe::reads(ProbeKey::first(ITEM), ask())).into_iter().collect()
    }

    fn judge(&self, cx: &Context, seen: &Evidence) -> Judgement {
        let mut checks = Checks::new();
        let unknown = |code: &str, message: &str| Finding::error(format!("rehearsal/{code}"), message);
        let Some(answer) = seen.last(ITEM) else {
            checks.unknown(unknown("unanswered", "there is no answer about rehearsals"));
            return checks.judge("rehearsal");
        };
        let (whose, is_asked) = match self.of {
            What::Rollback => ("the ledger's rehearsals", matches!(answer.ask, Ask::ChannelRehearsal(_))),
            What::Restore => ("the store of snapshots", matches!(answer.ask, Ask::Rehearsal(_))),
        };
        match (self.of, answer.result()) {
            _ if !is_asked => {
                checks.unknown(unknown("foreign-answer", "the recorded answer is not about the rehearsals that the gate asks for"))
            }
            (What::Rollback, Ok(Got::ChannelRehearsal(got))) => self.weigh_rollback(cx, got, &mut checks),
            (What::Restore, Ok(Got::Rehearsal(got))) => self.weigh_restore(cx, got.last.as_ref(), &mut checks),
            (_, Ok(_)) => checks.unknown(unknown("unreadable", "the answer about rehearsals has another shape")),
            (_, Err(unavailable)) => checks.unavailable("rehearsal", whose, &unavailable),
        }
        checks.judge("rehearsal")
    }
}

impl Rehearsal {
    /// It must be of what is on the channel, where a rollback would lead back to, and under the policy that decides the move.
    fn weigh_rollback(&self, cx: &Context, got: &ChannelRehearsalGot, checks: &mut Checks) {
        let channel = &cx.channel;
        let finding = |code: &str, message: String| {
            let help = format!("`tagwarden rehearse --channel {channel} --record` rehearses what is on {channel} now, and records it");
            Finding::error(format!("rehearsal/{code}"), message).help(help)
        };
        let Some(policy) = &cx.policy else {
            return checks.unknown(finding("draft", "nobody can have rehearsed gates that are not adopted".to_owned()));
        };
        let Some(last) = &got.last else {
            return checks.fail(finding("absent", format!("nobody has rehearsed a rollback on {channel}")));
        };
        let shown = |commit: Option<&Oid>| commit.map_or("nothing".to_owned(), |commit| commit.short().to_owned());
        if last.candidate != got.present {
            let (was, is) = (shown(last.candidate.as_ref()), shown(got.present.as_ref()));
            let message = format!("the rehearsal of {} (entry {}) was of {was}, and {is} is on {channel}", last.time, last.serial);
            return checks.fail(finding("other-release", message));
        }
        if last.policy != *policy {
            let message = format!("the rehearsal of {} (entry {}) was under another policy than the one in force", last.time, last.serial);
            return checks.fail(finding("other-policy", message));
        }
        self.weigh(cx, last.time, &last.failed, finding, checks);
    }

    fn weigh_restore(&self, cx: &Context, last: Option<&Rehearsed>, checks: &mut Checks) {
        let finding = |code: &str, message: String| {
            Finding::error(format!("rehearsal/{code}"), message).help("`tagwarden snapshot rehearse` rehearses a restore and records it")
        };
        match last {
            None => checks.fail(finding("absent", "no restore was ever rehearsed".to_owned())),
            Some(Rehearsed { time, rehearsal }) => self.weigh(cx, *time, &rehearsal.failed, finding, checks),
        }
    }

    /// The last one decides: after one that failed, an earlier one proves nothing.
    fn weigh(&self, cx: &Context, time: Timestamp, failed: &[String], finding: impl Fn(&str, String) -> Finding, checks: &mut Checks) {
        if !failed.is_empty() {
            return checks.fail(finding("failed", format!("the rehearsal of {time} failed: {}", failed.join(", "))));
        }
        if time > cx.now.plus(freshness::CLOCK_SLACK) {
            return checks.unknown(finding("future", format!("the last rehearsal is from {time}, in the future")));
        }
        if time.plus(self.fresh) < cx.now {
            return checks.fail(finding("stale", format!("the last rehearsal is from {time}, more than {} ago", self.fresh)));
        }
        checks.hold();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_have_been_rehearsed_is_said_and_not_guessed() {
        for (keys, code) in [
            ("{ of: rollback }", None),
            ("{ of: restore, fresh: 7d }", None),
            ("{}", Some("config/missing-key")),
            ("{ fresh: 7d }", Some("config/missing-key")),
            ("{ of: both }", Some("config/unknown-word")),
            ("{ of: restore, fresh: 0s }", Some("config/wrong-value")),
        ] {
            let source = Source::new("gates/10-case.yaml", format!("title: Rehearsed\nrehearsal: {keys}\n"));
            let found = read(&source).map(drop).map_err(|fault| fault.findings[0].code.clone());
            assert_eq!(found.err().as_deref(), code, "{keys}");
        }
    }
}
