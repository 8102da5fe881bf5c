//! Kind `verdict`: did the named reviewers say SAFE to this commit?
//!
//! Reads the verdicts that the ledger holds, so it needs no forge. A verdict counts for exactly one commit, the newest of a
//! reviewer decides, and nobody reviews a move that they ask for themselves.
//!
//! Deliberately absent: who may record a verdict (the policy's roles) and reviews on a forge.

mod spec;

use super::super::{
    Checks, Context, Evidence, Gate, Header, Judgement, Kind, Probe, ProbeKey, config,
    config::collect::Collector,
    identity,
    probe::{Ask, Got, LedgerAsk},
};
use crate::{
    domain::{Fault, Finding, Oid, Reason, Result, Span, Timestamp, Verb, state},
    text::source::Source,
};
use spec::{Reviewer, VerdictSpec};

pub static KIND: Kind = Kind {
    id: "verdict",
    about: "did the named reviewers say SAFE to this commit?",
    page: include_str!("verdict.md"),
    codes: CODES,
    verbs: &[Verb::Promote],
    writes: false,
    read,
    schema: |generator| generator.subschema_for::<VerdictSpec>(),
};

const CODES: &[(&str, &str)] = &[
    ("verdict/absent", "a reviewer has recorded no verdict"),
    ("verdict/stale", "a reviewer's verdict is for another commit"),
    ("verdict/expired", "a reviewer's verdict on this commit is older than `fresh` allows"),
    ("verdict/findings", "a reviewer's newest verdict on this commit is FINDINGS"),
    ("verdict/self", "a reviewer asks for the move, and nobody reviews their own"),
    ("verdict/unknown-value", "a reviewer's newest verdict is neither SAFE nor FINDINGS"),
    ("verdict/tie", "two different verdicts of a reviewer claim to be the newest"),
    ("verdict/future", "a verdict is from the future: a clock is wrong"),
    ("verdict/draft", "a draft has no commit that a verdict could be on"),
    ("verdict/unanswered", "there is no recorded answer with the ledger's verdicts"),
    ("verdict/foreign-answer", "the recorded answer belongs to another question"),
    ("verdict/unreadable", "the ledger's verdicts could not be read"),
    ("verdict/unreachable", "the remote that holds the ledger could not be reached"),
    ("verdict/no-ledger", "there is no ledger that could hold verdicts"),
    ("verdict/ledger-broken", "the ledger does not verify, so its verdicts prove nothing"),
    ("verdict/ledger-unverifiable", "the ledger is not here as a whole, so its verdicts prove nothing"),
    ("verdict/timeout", "the ledger was not read within the time limit"),
];

/// How far a clock may be off before a time counts as being in the future.
const CLOCK_SLACK: Span = Span::minutes(5);

struct Verdicts {
    reviewers: Vec<Reviewer>,
    /// How many of them must say SAFE.
    required: usize,
    fresh: Option<Span>,
}

fn read(source: &Source) -> Result<(Header, Box<dyn Gate>)> {
    let (header, spec) = config::read::<VerdictSpec>(source)?;
    let mut collector = Collector::new(source);
    let (reviewers, required, fresh) = spec::check(spec, &mut collector);
    if collector.findings.is_empty() {
        return Ok((header, Box::new(Verdicts { reviewers, required, fresh })));
    }
    Err(Fault::new(Reason::BadConfig, format!("{} is no valid gate", source.file)).findings(collector.findings))
}

const ITEM: u32 = 0;

impl Gate for Verdicts {
    fn asks(&self, _cx: &Context, seen: &Evidence) -> Vec<Probe> {
        let asked = seen.last(ITEM).is_some();
        (!asked).then(|| Probe::reads(ProbeKey::first(ITEM), Ask::Verdicts(LedgerAsk {}))).into_iter().collect()
    }

    fn judge(&self, cx: &Context, seen: &Evidence) -> Judgement {
        let mut checks = Checks::new();
        match answer(seen) {
            Err(Unanswered::Finding(finding)) => checks.unknown(finding),
            Err(Unanswered::Unavailable(unavailable)) => checks.unavailable("verdict", "the ledger's verdicts", &unavailable),
            Ok(verdicts) => match &cx.candidate {
                None => checks.unknown(Finding::error("verdict/draft", "a draft has no commit that a verdict could be on")),
                Some(candidate) => self.weigh(cx, candidate, verdicts, &mut checks),
            },
        }
        checks.judge("verdict")
    }

    fn looks_for(&self, identity: &str) -> bool {
        self.reviewers.iter().any(|reviewer| reviewer.forms.iter().any(|form| form == identity))
    }
}

enum Unanswered {
    Finding(Finding),
    Unavailable(super::super::Unavailable),
}

fn answer(seen: &Evidence) -> std::result::Result<&[state::Verdict], Unanswered> {
    let finding = |code: &str, message: &str| Unanswered::Finding(Finding::error(format!("verdict/{code}"), message));
    let answer = seen.last(ITEM).ok_or_else(|| finding("unanswered", "there is no answer with the ledger's verdicts"))?;
    if !matches!(answer.ask, Ask::Verdicts(_)) {
        return Err(finding("foreign-answer", "the recorded answer is not about verdicts"));
    }
    match answer.result() {
        Ok(Got::Verdicts(got)) => Ok(&got.verdicts),
        Ok(_) => Err(finding("unreadable", "the answer holds no verdicts")),
        Err(unavailable) => Err(Unanswered::Unavailable(unavailable)),
    }
}

/// Where one reviewer stands.
enum Stand {
    Safe,
    /// Blocks, however many others say SAFE.
    Against(Finding),
    /// Does not count; blocks where it is needed.
    Missing(Finding),
    /// Cannot be told.
    Unknown(Finding),
}

impl Verdicts {
    fn weigh(&self, cx: &Context, candidate: &Oid, verdicts: &[state::Verdict], checks: &mut Checks) {
        let stands: Vec<Stand> = self.reviewers.iter().map(|reviewer| self.stand(cx, candidate, reviewer, verdicts)).collect();
        let enough = stands.iter().filter(|stand| matches!(stand, Stand::Safe)).count() >= self.required;
        for stand in stands {
            match stand {
                Stand::Safe => checks.hold(),
                Stand::Against(finding) => checks.fail(finding),
                Stand::Unknown(finding) => checks.unknown(finding),
                Stand::Missing(finding) if enough => checks.remark(Finding::note(finding.code, finding.message)),
                Stand::Missing(finding) => checks.fail(finding),
            }
        }
    }

    fn stand(&self, cx: &Context, candidate: &Oid, reviewer: &Reviewer, verdicts: &[state::Verdict]) -> Stand {
        let name = &reviewer.forms[0];
        let finding = |code: &str, message: String| Finding::error(format!("verdict/{code}"), message);
        if cx.actor.as_ref().is_some_and(|actor| identity::person(&actor.id) == reviewer.person) {
            let message = format!("{name} asks for this move, so their own verdict does not count");
            return Stand::Missing(
                finding("self", message).help("let another reviewer record a verdict, or another person ask for the move"),
            );
        }
        let theirs = || verdicts.iter().filter(|verdict| reviewer.forms.contains(&verdict.by));
        let Some(newest) = theirs().filter(|verdict| verdict.commit == *candidate).max_by_key(|verdict| verdict.serial) else {
            let help = format!("{name} records it: `tagwarden verdict record SAFE --at {candidate}`");
            let elsewhere = theirs().max_by_key(|verdict| verdict.serial);
            return Stand::Missing(match elsewhere {
                Some(other) => {
                    let message = format!("the newest verdict of {name} is on {}, not on {}", other.commit.short(), candidate.short());
                    finding("stale", message).help(help)
                }
                None => finding("absent", format!("{name} has recorded no verdict on {}", candidate.short())).help(help),
            });
        };
        let rivals = theirs().filter(|verdict| verdict.commit == *candidate && verdict.serial == newest.serial);
        if rivals.clone().any(|rival| rival.verdict != newest.verdict) {
            return Stand::Unknown(finding(
                "tie",
                format!("the ledger has two different verdicts of {name} under serial {}", newest.serial),
            ));
        }
        match newest.verdict.as_str() {
            "SAFE" => self.age(cx.now, name, newest),
            "FINDINGS" => {
                let message = format!("{name} has findings on {}", candidate.short());
                let help = "resolve the findings; the reviewer's next verdict on the new commit decides";
                Stand::Against(finding("findings", message).help(help))
            }
            other => Stand::Unknown(finding("unknown-value", format!("the verdict `{}` of {name} is not known", other.escape_debug()))),
        }
    }

    fn age(&self, now: Timestamp, name: &str, verdict: &state::Verdict) -> Stand {
        let Some(fresh) = self.fresh else { return Stand::Safe };
        if verdict.time > now.plus(CLOCK_SLACK) {
            let message = format!("the verdict of {name} is from {}, which is in the future", verdict.time);
            return Stand::Unknown(Finding::error("verdict/future", message).help("set the clock"));
        }
        if verdict.time.plus(fresh) < now {
            let message = format!("the verdict of {name} is from {}, more than {fresh} ago", verdict.time);
            let help = format!("{name} records it again: `tagwarden verdict record SAFE --at {}`", verdict.commit);
            return Stand::Missing(Finding::error("verdict/expired", message).help(help));
        }
        Stand::Safe
    }
}
