//! Kind `ack`: did a human confirm the operator step?
//!
//! Some steps cannot be seen from outside: a migration was run, a provider was told. A person says so in a signed ledger
//! entry, for this gate, this channel and this commit, and it counts for a while.
//!
//! Deliberately absent: who may acknowledge at all (the policy's roles); `by` only narrows it for this gate.

use super::super::{
    Checks, Context, Evidence, Gate, Header, Judgement, Kind, Probe, ProbeKey, Unavailable, WaitsFor,
    config::{self, Spec, collect::Collector},
    freshness, identity,
    probe::{Ask, Got, LedgerAsk},
};
use crate::{
    domain::{Fault, Finding, Oid, Reason, Result, Span, Verb, state},
    text::{source::Source, yaml::Spanned},
};
use schemars::JsonSchema;
use serde::Deserialize;

pub static KIND: Kind = Kind {
    id: "ack",
    about: "did a human confirm the operator step?",
    page: include_str!("ack.md"),
    codes: CODES,
    verbs: &[Verb::Promote],
    writes: false,
    read,
    schema: |generator| generator.subschema_for::<AckSpec>(),
};

const CODES: &[(&str, &str)] = &[
    ("ack/absent", "nobody has acknowledged the step"),
    ("ack/stale", "the acknowledgement is older than `fresh` allows"),
    ("ack/not-allowed", "the step was acknowledged, but not by a person whom the gate names"),
    ("ack/self", "the step was acknowledged by the person who asks for the move, and the gate wants another one"),
    ("ack/other-commit", "the acknowledgement is for another commit"),
    ("ack/other-channel", "the acknowledgement is for another channel"),
    ("ack/future", "the acknowledgement is from the future: a clock is wrong"),
    ("ack/draft", "a draft has no commit for which a step could be acknowledged"),
    ("ack/unanswered", "there is no recorded answer with the ledger's acknowledgements"),
    ("ack/foreign-answer", "the recorded answer belongs to another question"),
    ("ack/unreadable", "the ledger's acknowledgements could not be read"),
    ("ack/unreachable", "the remote that holds the ledger could not be reached"),
    ("ack/no-ledger", "there is no ledger that could hold acknowledgements"),
    ("ack/ledger-broken", "the ledger does not verify, so its acknowledgements prove nothing"),
    ("ack/ledger-lost", "a ledger that is known is not on the remote any more, so nobody can tell what was acknowledged"),
    ("ack/ledger-unverifiable", "the ledger is not here as a whole, so its acknowledgements prove nothing"),
    ("ack/timeout", "the ledger was not read within the time limit"),
];

/// How long an acknowledgement counts where the gate does not say.
const FRESH: Span = Span::minutes(24 * 60);

/// An operator step that a person confirms for each move.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AckSpec {
    /// What the operator must have done, in words.
    step: Spanned<String>,
    /// Who may acknowledge it: ssh:<principal>, local:<git e-mail>, github:<numeric id>; everybody whom the policy lets where
    /// absent.
    by: Option<Spanned<Vec<Spanned<String>>>>,
    /// How long an acknowledgement counts; 24h where absent.
    fresh: Option<Spanned<Span>>,
    /// Whether it must be another person than the one who asks for the move.
    #[serde(default)]
    four_eyes: bool,
}

impl Spec for AckSpec {
    const KEY: &'static str = "ack";
}

struct Step {
    step: String,
    by: Option<Vec<String>>,
    fresh: Span,
    four_eyes: bool,
}

fn read(source: &Source) -> Result<(Header, Box<dyn Gate>)> {
    let (header, spec) = config::read::<AckSpec>(source)?;
    let mut collector = Collector::new(source);
    let step = check(spec, &mut collector);
    if collector.findings.is_empty() {
        return Ok((header, Box::new(step)));
    }
    Err(Fault::new(Reason::BadConfig, format!("{} is no valid gate", source.file)).findings(collector.findings))
}

fn check(spec: AckSpec, collector: &mut Collector) -> Step {
    if spec.step.trim().is_empty() {
        collector.refuse(&spec.step, "wrong-value", "the step must say what the operator has to do");
    }
    if let Some(by) = spec.by.as_ref().filter(|by| by.is_empty()) {
        collector.refuse(by, "wrong-value", "an empty list would let nobody acknowledge the step");
        collector.help("leave the key out to let everybody whom the policy lets");
    }
    let by =
        spec.by.map(|by| by.value.iter().filter_map(|one| collector.kept(one, identity::check(one)).map(|()| one.value.clone())).collect());
    if let Some(fresh) = spec.fresh.as_ref().filter(|fresh| fresh.as_millis() == 0) {
        collector.refuse(fresh, "wrong-value", "an acknowledgement that may not age at all has always expired");
    }
    let fresh = spec.fresh.map_or(FRESH, |fresh| fresh.value);
    Step { step: spec.step.trim().to_owned(), by, fresh, four_eyes: spec.four_eyes }
}

const ITEM: u32 = 0;

impl Gate for Step {
    fn waits_for(&self) -> Option<WaitsFor> {
        let people = self.by.as_ref().map(|by| by.iter().map(|who| vec![who.clone()]).collect());
        Some(WaitsFor { verb: Verb::Ack, people, least: 1 })
    }

    fn asks(&self, _cx: &Context, seen: &Evidence) -> Vec<Probe> {
        let asked = seen.last(ITEM).is_some();
        (!asked).then(|| Probe::reads(ProbeKey::first(ITEM), Ask::Acks(LedgerAsk {}))).into_iter().collect()
    }

    fn judge(&self, cx: &Context, seen: &Evidence) -> Judgement {
        let mut checks = Checks::new();
        match answer(seen) {
            Err(Unanswered::Finding(finding)) => checks.unknown(finding),
            Err(Unanswered::Unavailable(unavailable)) => checks.unavailable("ack", "the ledger's acknowledgements", &unavailable),
            Ok(acks) => match &cx.candidate {
                None => {
                    let draft = Finding::error("ack/draft", "a draft has no commit for which a step could be acknowledged");
                    checks.unknown(draft.help(cx.name_a_commit()));
                }
                Some(candidate) => self.weigh(cx, seen, candidate, acks, &mut checks),
            },
        }
        checks.judge("ack")
    }
}

enum Unanswered {
    Finding(Finding),
    Unavailable(Unavailable),
}

fn answer(seen: &Evidence) -> std::result::Result<&[state::Ack], Unanswered> {
    let finding = |code: &str, message: &str| Unanswered::Finding(Finding::error(format!("ack/{code}"), message));
    let answer = seen.last(ITEM).ok_or_else(|| finding("unanswered", "there is no answer with the ledger's acknowledgements"))?;
    if !matches!(answer.ask, Ask::Acks(_)) {
        return Err(finding("foreign-answer", "the recorded answer is not about acknowledgements"));
    }
    match answer.result() {
        Ok(Got::Acks(got)) => Ok(&got.acks),
        Ok(_) => Err(finding("unreadable", "the answer holds no acknowledgements")),
        Err(unavailable) => Err(Unanswered::Unavailable(unavailable)),
    }
}

/// Why one acknowledgement does not count, from the farthest off to the nearest miss.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Miss {
    OtherChannel,
    OtherCommit,
    NotAllowed,
    Own,
    Future,
    Stale,
}

impl Step {
    /// One acknowledgement that counts is enough; otherwise the nearest miss says why there is none.
    fn weigh(&self, cx: &Context, seen: &Evidence, candidate: &Oid, acks: &[state::Ack], checks: &mut Checks) {
        // Another gate's acknowledgement is no near miss: it is an answer to another question.
        let ours = acks.iter().filter(|ack| ack.gate == seen.gate);
        let misses: Vec<(Option<Miss>, &state::Ack)> = ours.map(|ack| (self.miss(cx, candidate, ack), ack)).collect();
        if misses.iter().any(|(miss, _)| miss.is_none()) {
            return checks.hold();
        }
        let nearest = misses.into_iter().filter_map(|(miss, ack)| Some((miss?, ack))).max_by_key(|(miss, ack)| (*miss, ack.serial));
        let finding = self.finding(cx, candidate, nearest).help(help(cx, seen));
        match nearest {
            Some((Miss::Future, _)) => checks.unknown(finding),
            _ => checks.fail(finding),
        }
    }

    fn miss(&self, cx: &Context, candidate: &Oid, ack: &state::Ack) -> Option<Miss> {
        let person = identity::person(&ack.by);
        if ack.channel != cx.channel {
            Some(Miss::OtherChannel)
        } else if ack.candidate != *candidate {
            Some(Miss::OtherCommit)
        } else if self.by.as_ref().is_some_and(|by| !by.contains(&ack.by)) {
            Some(Miss::NotAllowed)
        } else if self.four_eyes && cx.actor.as_ref().is_some_and(|actor| identity::person(&actor.id) == person) {
            Some(Miss::Own)
        } else if ack.time > cx.now.plus(freshness::CLOCK_SLACK) {
            Some(Miss::Future)
        } else if ack.time.plus(self.fresh) < cx.now {
            Some(Miss::Stale)
        } else {
            None
        }
    }

    fn finding(&self, cx: &Context, candidate: &Oid, nearest: Option<(Miss, &state::Ack)>) -> Finding {
        let step = &self.step;
        let (code, message) = match nearest {
            None => ("absent", format!("nobody has acknowledged the step \u{201c}{step}\u{201d} for {}", candidate.short())),
            Some((Miss::OtherChannel, ack)) => {
                ("other-channel", format!("{} acknowledged the step for {}, not for {}", ack.by, ack.channel, cx.channel))
            }
            Some((Miss::OtherCommit, ack)) => {
                let (theirs, ours) = (ack.candidate.short(), candidate.short());
                ("other-commit", format!("{} acknowledged the step for {theirs}, not for {ours}", ack.by))
            }
            Some((Miss::NotAllowed, ack)) => ("not-allowed", format!("{} acknowledged the step, but the gate does not name them", ack.by)),
            Some((Miss::Own, ack)) => ("self", format!("{} acknowledged the step and also asks for the move", ack.by)),
            Some((Miss::Future, ack)) => ("future", format!("the acknowledgement of {} is from {}, in the future", ack.by, ack.time)),
            Some((Miss::Stale, ack)) => {
                ("stale", format!("the acknowledgement of {} is from {}, more than {} ago", ack.by, ack.time, self.fresh))
            }
        };
        Finding::error(format!("ack/{code}"), message)
    }
}

fn help(cx: &Context, seen: &Evidence) -> String {
    let release = cx.releases.first();
    let name = release.map_or("RELEASE".to_owned(), |release| release.name().to_string());
    let ack = format!("after the step: `tagwarden ack {} --channel {} --release {name}`", seen.gate, cx.channel);
    // A release without a tag is made only by the move that is refused here.
    match &cx.candidate {
        Some(candidate) if release.is_none_or(|release| release.tag.is_none()) => {
            format!("`tagwarden stage {name} --at {candidate}` makes the release; {ack}")
        }
        _ => ack,
    }
}
