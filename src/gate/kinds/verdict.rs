//! Kind `verdict`: did the named reviewers say SAFE to this commit?
//!
//! Reads the verdicts that the ledger holds, for which it needs no forge, and what reviewers said on GitHub of the pull requests
//! that the move brings ([`pulls`]); each where the gate asks for it. A verdict counts for exactly one commit, the newest of a
//! reviewer decides, and nobody reviews a move that they ask for themselves.
//!
//! Deliberately absent: who may record a verdict (the policy's roles).

mod bypass;
mod pulls;
mod spec;

use super::super::{
    Checks, Context, Evidence, Gate, Header, Judgement, Kind, Probe, ProbeKey, WaitsFor, config,
    config::collect::Collector,
    freshness, identity,
    probe::{
        Ask, Got, LedgerAsk,
        github::{PullsAsk, PullsGot, VerdictsOnAsk},
    },
};
use crate::{
    domain::{Fault, Finding, Oid, Reason, Result, Span, Timestamp, Verb, state},
    text::source::Source,
};
use pulls::OnPulls;
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
    ("verdict/self", "a reviewer asks for the move or wrote the pull request, and nobody reviews their own"),
    ("verdict/unknown-value", "a reviewer's newest verdict is neither SAFE nor FINDINGS"),
    ("verdict/tie", "two different verdicts of a reviewer claim to be the newest"),
    ("verdict/future", "a verdict is from the future: a clock is wrong"),
    ("verdict/draft", "a draft has no commit that a verdict could be on"),
    ("verdict/unanswered", "there is no recorded answer with the verdicts"),
    ("verdict/foreign-answer", "the recorded answer belongs to another question"),
    ("verdict/unreadable", "the verdicts could not be read"),
    ("verdict/unreachable", "the remote that holds the ledger, or GitHub, could not be reached"),
    ("verdict/no-ledger", "there is no ledger that could hold verdicts"),
    ("verdict/ledger-broken", "the ledger does not verify, so its verdicts prove nothing"),
    ("verdict/ledger-lost", "a ledger that is known is not on the remote any more, so nobody can tell its verdicts"),
    ("verdict/ledger-unverifiable", "the ledger is not here as a whole, so its verdicts prove nothing"),
    ("verdict/timeout", "the ledger was not read, or GitHub did not answer, within the time limit"),
    ("verdict/unmapped", "no merged pull request brought a commit of the move"),
    ("verdict/not-as-merged", "a commit is not what merging the reviewed head of its pull request gives"),
    ("verdict/merge-unknown", "whether a commit is what merging its pull request gives could not be found out"),
    ("verdict/bypassed", "a commit came past the rules of its branch"),
    ("verdict/bypass-suspected", "GitHub does not say that a commit kept to the rules of its branch, and it looks as if it did not"),
    ("verdict/bypass-unknown", "whether a commit kept to the rules of its branch could not be found out"),
    ("verdict/unresolved", "a reviewer began conversations on a pull request that are not resolved"),
    ("verdict/pending", "a reviewer is still at work on a pull request"),
    ("verdict/dismissed", "a reviewer's review of a pull request was dismissed"),
    ("verdict/edited", "a reviewer's approving comment was changed since, by whomever"),
    ("verdict/other-account", "a reviewer's approval came from another sort of account, or through another App, than the protocol says"),
    ("verdict/other-base", "the pull request that brought a commit was for another repository, or for no release branch"),
    ("verdict/same-person", "the one person who approves for a reviewer is counted for another"),
    ("verdict/unbound", "a reviewer approved a pull request without saying which commit"),
    ("verdict/unknown-reviewer", "the gate names a reviewer that the protocol does not have"),
    ("verdict/no-forge", "it is not known which repository on GitHub to ask, or with what"),
    ("verdict/not-allowed", "GitHub does not know the token, or the token lacks a permission"),
    ("verdict/not-found", "GitHub does not know the repository or the commit, or does not show it"),
    ("verdict/rate-limited", "GitHub limits how often it is asked"),
    ("verdict/tls", "GitHub's server could not prove who it is"),
    ("verdict/bad-question", "the question cannot be asked as it stands"),
];

struct Verdicts {
    ledger: Option<InLedger>,
    pulls: Option<OnPulls>,
}

/// Which reviewers must have said SAFE in the ledger.
struct InLedger {
    reviewers: Vec<Reviewer>,
    /// How many of them.
    required: usize,
    fresh: Option<Span>,
}

fn read(source: &Source) -> Result<(Header, Box<dyn Gate>)> {
    let (header, spec) = config::read::<VerdictSpec>(source)?;
    let mut collector = Collector::new(source);
    let verdicts = spec::check(spec, &mut collector);
    if collector.findings.is_empty() {
        return Ok((header, Box::new(verdicts)));
    }
    Err(Fault::new(Reason::BadConfig, format!("{} is no valid gate", source.file)).findings(collector.findings))
}

/// The ledger's verdicts on the candidate, and those on pull requests.
const LEDGER: u32 = 0;
const PULLS: u32 = 1;
/// Verdicts on commits that no pull request answers for.
const COMMITS: u32 = 2;

impl Gate for Verdicts {
    fn asks(&self, cx: &Context, seen: &Evidence) -> Vec<Probe> {
        let ledger = self.ledger.as_ref().map(|_| (LEDGER, Ask::Verdicts(LedgerAsk {})));
        let pulls = self.pulls.as_ref().and_then(|pulls| pulls.question(cx)).map(|ask| (PULLS, Ask::Pulls(ask)));
        let otherwise = self.pulls.as_ref().and_then(|pulls| Some((COMMITS, Ask::VerdictsOn(pulls.commits_to_ask(cx, seen)?))));
        let asks = ledger.into_iter().chain(pulls).chain(otherwise).filter(|(item, _)| seen.last(*item).is_none());
        asks.map(|(item, ask)| Probe::reads(ProbeKey::first(item), ask)).collect()
    }

    fn judge(&self, cx: &Context, seen: &Evidence) -> Judgement {
        let mut checks = Checks::new();
        let Some(candidate) = &cx.candidate else {
            let draft = Finding::error("verdict/draft", "a draft has no commit that a verdict could be on");
            checks.unknown(draft.help(cx.name_a_commit()));
            return checks.judge("verdict");
        };
        if let Some(ledger) = &self.ledger {
            match answer(seen) {
                Err(unanswered) => unanswered.tell("the ledger's verdicts", &mut checks),
                Ok(verdicts) => ledger.weigh(cx, candidate, verdicts, &mut checks),
            }
        }
        if let Some(pulls) = &self.pulls {
            pulls.unknown(cx).into_iter().for_each(|finding| checks.fail(finding));
            match pulls.question(cx).map(|question| on_pulls(seen, question)) {
                Some(Ok(got)) => pulls.weigh(cx, seen, got, &mut checks),
                Some(Err(unanswered)) => unanswered.tell("what was said of the pull requests", &mut checks),
                None => {}
            }
        }
        checks.judge("verdict")
    }

    fn waits_for(&self) -> Option<WaitsFor> {
        let ledger = self.ledger.as_ref()?;
        let people = ledger.reviewers.iter().map(|reviewer| reviewer.forms.clone()).collect();
        Some(WaitsFor { verb: Verb::Verdict, people: Some(people), least: ledger.required })
    }

    fn looks_for(&self, identity: &str) -> bool {
        let otherwise = self.pulls.iter().filter_map(|pulls| pulls.otherwise.as_ref());
        let mut reviewers = self.ledger.iter().chain(otherwise).flat_map(|ledger| &ledger.reviewers);
        reviewers.any(|reviewer| reviewer.forms.iter().any(|form| form == identity))
    }
}

enum Unanswered {
    Finding(Finding),
    Unavailable(super::super::Unavailable),
}

impl Unanswered {
    fn of(code: &str, message: &str) -> Unanswered {
        Unanswered::Finding(Finding::error(format!("verdict/{code}"), message))
    }

    fn tell(self, what: &str, checks: &mut Checks) {
        match self {
            Unanswered::Finding(finding) => checks.unknown(finding),
            Unanswered::Unavailable(unavailable) => checks.unavailable("verdict", what, &unavailable),
        }
    }
}

fn answer(seen: &Evidence) -> std::result::Result<&[state::Verdict], Unanswered> {
    let answer = seen.last(LEDGER).ok_or_else(|| Unanswered::of("unanswered", "there is no answer with the ledger's verdicts"))?;
    if !matches!(answer.ask, Ask::Verdicts(_)) {
        return Err(Unanswered::of("foreign-answer", "the recorded answer is not about verdicts"));
    }
    match answer.result() {
        Ok(Got::Verdicts(got)) => Ok(&got.verdicts),
        Ok(_) => Err(Unanswered::of("unreadable", "the answer holds no verdicts")),
        Err(unavailable) => Err(Unanswered::Unavailable(unavailable)),
    }
}

fn on_pulls(seen: &Evidence, question: PullsAsk) -> std::result::Result<&PullsGot, Unanswered> {
    let answer = seen.last(PULLS).ok_or_else(|| Unanswered::of("unanswered", "there is no answer about pull requests"))?;
    let commit = question.commit.clone();
    if answer.ask != Ask::Pulls(question) {
        return Err(Unanswered::of("foreign-answer", "the recorded answer is about other reviewers or another commit"));
    }
    match answer.result() {
        Ok(Got::Pulls(got)) if got.commit == commit => Ok(got),
        Ok(_) => Err(Unanswered::of("unreadable", "the answer holds nothing about pull requests of this commit")),
        Err(unavailable) => Err(Unanswered::Unavailable(unavailable)),
    }
}

/// The ledger's verdicts on these commits.
fn on_commits<'s>(seen: &'s Evidence, question: &VerdictsOnAsk) -> std::result::Result<&'s [state::Verdict], Unanswered> {
    let answer =
        seen.last(COMMITS).ok_or_else(|| Unanswered::of("unanswered", "there is no answer with verdicts on commits of the move"))?;
    if !matches!(&answer.ask, Ask::VerdictsOn(asked) if asked == question) {
        return Err(Unanswered::of("foreign-answer", "the recorded answer is about verdicts on other commits"));
    }
    match answer.result() {
        Ok(Got::Verdicts(got)) => Ok(&got.verdicts),
        Ok(_) => Err(Unanswered::of("unreadable", "the answer holds no verdicts")),
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

/// As many as are required must say SAFE, and nobody may be against it.
fn tally(stands: Vec<Stand>, required: usize, checks: &mut Checks) {
    let enough = stands.iter().filter(|stand| matches!(stand, Stand::Safe)).count() >= required;
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

impl InLedger {
    fn weigh(&self, cx: &Context, candidate: &Oid, verdicts: &[state::Verdict], checks: &mut Checks) {
        let stands = self.reviewers.iter().map(|reviewer| self.stand(cx, candidate, reviewer, verdicts)).collect();
        tally(stands, self.required, checks);
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
        if verdict.time > now.plus(freshness::CLOCK_SLACK) {
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
