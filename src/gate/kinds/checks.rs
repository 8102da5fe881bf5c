//! Kind `checks`: are the required CI checks green on this commit?
//!
//! The newest run of an App under a name decides, and a commit status likewise for the account that wrote it. States and
//! results are GitHub's words; one that is not known here blocks.
//!
//! Deliberately absent: which checks a branch requires on GitHub (a policy must not change with a setting there), and waiting
//! for a run to end.

mod spec;

use super::super::{
    Checks, Context, Evidence, Gate, Header, Judgement, Kind, Probe, ProbeKey, Unavailable, config,
    config::collect::Collector,
    probe::{
        Ask, Got,
        github::{ChecksAsk, ChecksGot, RunGot, StatusGot},
    },
};
use crate::{
    domain::{Fault, Finding, Oid, Reason, Result, Verb},
    text::source::Source,
};
use spec::{Check, ChecksSpec};

pub static KIND: Kind = Kind {
    id: "checks",
    about: "are the required CI checks green on this commit?",
    page: include_str!("checks.md"),
    codes: CODES,
    verbs: &[Verb::Promote],
    writes: false,
    read,
    schema: |generator| generator.subschema_for::<ChecksSpec>(),
};

const CODES: &[(&str, &str)] = &[
    ("checks/failed", "the newest run of a check did not succeed"),
    ("checks/running", "the newest run of a check has not ended"),
    ("checks/missing", "a check has not run on this commit"),
    ("checks/unknown-value", "the newest run of a check has a state or result that is not known"),
    ("checks/draft", "a draft has no commit that a check could have run on"),
    ("checks/unanswered", "there is no recorded answer about checks"),
    ("checks/foreign-answer", "the recorded answer belongs to another question"),
    ("checks/unreadable", "GitHub's answer could not be read"),
    ("checks/no-forge", "it is not known which repository on GitHub to ask, or with what"),
    ("checks/not-allowed", "GitHub does not know the token, or the token lacks a permission"),
    ("checks/not-found", "GitHub does not know the repository or the commit, or does not show it"),
    ("checks/rate-limited", "GitHub limits how often it is asked"),
    ("checks/unreachable", "GitHub could not be reached"),
    ("checks/tls", "GitHub's server could not prove who it is"),
    ("checks/bad-question", "the question cannot be asked as it stands"),
    ("checks/timeout", "GitHub did not answer within the time limit"),
];

struct Required {
    checks: Vec<Check>,
    /// Results that pass beside success.
    accept: Vec<String>,
}

fn read(source: &Source) -> Result<(Header, Box<dyn Gate>)> {
    let (header, spec) = config::read::<ChecksSpec>(source)?;
    let mut collector = Collector::new(source);
    let (checks, accept) = spec::check(spec, &mut collector);
    if collector.findings.is_empty() {
        return Ok((header, Box::new(Required { checks, accept })));
    }
    Err(Fault::new(Reason::BadConfig, format!("{} is not a valid gate", source.file)).findings(collector.findings))
}

const ITEM: u32 = 0;

impl Gate for Required {
    fn asks(&self, cx: &Context, seen: &Evidence) -> Vec<Probe> {
        let Some(commit) = cx.candidate.clone().filter(|_| seen.last(ITEM).is_none()) else { return Vec::new() };
        vec![Probe::reads(ProbeKey::first(ITEM), Ask::Checks(self.question(commit)))]
    }

    fn judge(&self, cx: &Context, seen: &Evidence) -> Judgement {
        let mut checks = Checks::new();
        match &cx.candidate {
            None => checks.unknown(Finding::error("checks/draft", "a draft has no commit that a check could have run on")),
            Some(commit) => match self.answer(commit, seen) {
                Err(Unanswered::Finding(finding)) => checks.unknown(finding),
                Err(Unanswered::Unavailable(unavailable)) => checks.unavailable("checks", "GitHub's checks", &unavailable),
                Ok(got) => self.weigh(commit, got, &mut checks),
            },
        }
        checks.judge("checks")
    }
}

enum Unanswered {
    Finding(Finding),
    Unavailable(Unavailable),
}

/// What one run or status says.
enum State {
    Accepted,
    Refused(String),
    Running(String),
    Unknown(String),
}

impl Required {
    fn question(&self, commit: Oid) -> ChecksAsk {
        let mut names: Vec<String> = self.checks.iter().map(|check| check.name().to_owned()).collect();
        names.sort();
        names.dedup();
        ChecksAsk { commit, names }
    }

    fn answer<'e>(&self, commit: &Oid, seen: &'e Evidence) -> std::result::Result<&'e ChecksGot, Unanswered> {
        let finding = |code: &str, message: &str| Unanswered::Finding(Finding::error(format!("checks/{code}"), message));
        let answer = seen.last(ITEM).ok_or_else(|| finding("unanswered", "there is no answer about checks"))?;
        if answer.ask != Ask::Checks(self.question(commit.clone())) {
            return Err(finding("foreign-answer", "the recorded answer is about other checks or another commit"));
        }
        match answer.result() {
            Ok(Got::Checks(got)) if got.commit == *commit => Ok(got),
            Ok(_) => Err(finding("unreadable", "the answer holds no checks of this commit")),
            Err(unavailable) => Err(Unanswered::Unavailable(unavailable)),
        }
    }

    fn weigh(&self, commit: &Oid, got: &ChecksGot, checks: &mut Checks) {
        for check in &self.checks {
            let states: Vec<(String, State)> = match check {
                Check::Run { name, app } => {
                    let runs = got.runs.iter().filter(|run| run.name == *name && app.is(run.app));
                    runs.map(|run| (named(name, "App", run.app), self.run(run))).collect()
                }
                Check::Status { context, by } => {
                    let statuses = got.statuses.iter().filter(|status| status.context == *context && by.is(status.by));
                    statuses.map(|status| (named(context, "account", status.by), self.status(status))).collect()
                }
            };
            if states.is_empty() {
                let message = format!("`{}` has not run on {}, as far as GitHub tells", check.name().escape_debug(), commit.short());
                let help = "start it, or look whether the name, and the number of who writes it, are those that GitHub shows";
                checks.unknown(Finding::error("checks/missing", message).help(help));
            }
            for (who, state) in states {
                let at = commit.short();
                match state {
                    State::Accepted => checks.hold(),
                    State::Refused(said) => checks.fail(Finding::error("checks/failed", format!("{who} says `{said}` of {at}"))),
                    State::Running(said) => {
                        let help = "wait until it has ended, and run the same command again";
                        checks.unknown(Finding::error("checks/running", format!("{who} has not ended on {at}: `{said}`")).help(help));
                    }
                    State::Unknown(said) => {
                        checks.unknown(Finding::error("checks/unknown-value", format!("{who} says `{said}` of {at}, which is not known")));
                    }
                }
            }
        }
    }

    /// The words are those of GitHub's REST API, version 2022-11-28.
    fn run(&self, run: &RunGot) -> State {
        let said = |text: &str| text.escape_debug().to_string();
        match (run.status.as_str(), run.conclusion.as_deref()) {
            ("completed", Some("success")) => State::Accepted,
            ("completed", Some(result)) if self.accept.iter().any(|accepted| accepted == result) => State::Accepted,
            (
                "completed",
                Some(
                    result @ ("failure" | "neutral" | "cancelled" | "skipped" | "timed_out" | "action_required" | "stale"
                    | "startup_failure"),
                ),
            ) => State::Refused(said(result)),
            ("completed", Some(other)) => State::Unknown(said(other)),
            ("completed", None) => State::Unknown("completed, without a result".to_owned()),
            (state @ ("queued" | "in_progress" | "waiting" | "requested" | "pending"), _) => State::Running(said(state)),
            (other, _) => State::Unknown(said(other)),
        }
    }

    fn status(&self, status: &StatusGot) -> State {
        let said = status.state.escape_debug().to_string();
        match status.state.as_str() {
            "success" => State::Accepted,
            "error" | "failure" => State::Refused(said),
            "pending" => State::Running(said),
            _ => State::Unknown(said),
        }
    }
}

/// `` `test` of App 15368 ``.
fn named(name: &str, what: &str, number: Option<u64>) -> String {
    let name = name.escape_debug();
    match number {
        Some(number) => format!("`{name}` of {what} {number}"),
        None => format!("`{name}` of an unnamed {what}"),
    }
}
