//! Kind `audit`: is the audit trail durable?
//!
//! Three questions: does the ledger verify from its head to its first entry; can a ref be written, read back and removed on
//! the remote that will take the move; does a dump of the data come into being, and can it be listed. A dump command's
//! output is never believed: the file that it made is measured.
//!
//! Deliberately absent: restoring a dump, and looking into the records of the ledger (its chain is verified where it is
//! read).

mod dump;

use super::super::{
    Checks, Context, Effect, Evidence, Gate, Header, Judgement, Kind, Probe, ProbeKey,
    config::{self, Spec, collect::Collector},
    probe::{Ask, ChainAsk, ChainGot, Got, PROBE_REFS, ProbeRefAsk, ProbeRefGot},
};
use crate::{
    domain::{Digest, Fault, Finding, Reason, Result, Verb},
    text::{source::Source, yaml::Spanned},
};
use dump::{Dump, DumpSpec};
use schemars::JsonSchema;
use serde::Deserialize;

pub static KIND: Kind = Kind {
    id: "audit",
    about: "is the audit trail durable?",
    page: include_str!("audit.md"),
    codes: CODES,
    verbs: &[Verb::Promote],
    writes: true,
    read,
    schema: |generator| generator.subschema_for::<AuditSpec>(),
};

const CODES: &[(&str, &str)] = &[
    ("audit/broken-chain", "the ledger does not verify from its head to its first entry"),
    ("audit/empty-chain", "the ledger has no entry"),
    ("audit/unsigned", "the ledger verifies, but its entries are not signed (a note)"),
    ("audit/no-read-back", "the probe ref was written, but the remote did not give it back"),
    ("audit/not-removed", "the probe ref was left behind on the remote"),
    ("audit/other-ref", "another ref than the one asked for was probed"),
    ("audit/dump-failed", "the dump command ended with another exit code than 0"),
    ("audit/dump-missing", "the dump command made no file"),
    ("audit/dump-stale", "the dump file was there before, and the command did not change it"),
    ("audit/dump-too-small", "the dump file is smaller than `min_bytes`"),
    ("audit/dumped", "size and digest of the dump (a note)"),
    ("audit/list-failed", "the command that lists the dump ended with another exit code than 0"),
    ("audit/list-empty", "the command that lists the dump listed nothing"),
    ("audit/not-found", "there is no such program, or it cannot be run (exit 126 or 127)"),
    ("audit/signal", "a program was ended by a signal"),
    ("audit/no-value", "a placeholder has no value here"),
    ("audit/not-listed", "the dump was not listed, because it did not come into being (a note)"),
    ("audit/unanswered", "there is no recorded answer to a question of the gate"),
    ("audit/foreign-answer", "a recorded answer belongs to another question"),
    ("audit/unreadable", "an answer came, but could not be read"),
    ("audit/unreachable", "the remote that holds the ledger could not be reached"),
    ("audit/refused", "the remote refused to write the probe ref"),
    ("audit/no-ledger", "there is no ledger"),
    ("audit/ledger-broken", "the ledger could not be read as a ledger"),
    ("audit/ledger-lost", "a ledger that is known is not on the remote any more"),
    ("audit/ledger-unverifiable", "the ledger is not here as a whole"),
    ("audit/timeout", "an answer did not come within its time limit"),
    ("audit/unset-variable", "a variable that is passed through is not set"),
    ("audit/bad-question", "a program cannot be started as it stands"),
    ("audit/effects-not-allowed", "the probe ref is written only in promote, rehearse, or with `--effects`"),
    ("audit/nothing-to-check", "nothing of the gate is asked for this verb"),
];

/// What makes the audit trail durable.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AuditSpec {
    /// Verify the ledger from its head to its first entry; true where absent.
    ledger: Option<Spanned<bool>>,
    /// Write a probe ref, read it back, remove it (promote only); true where absent.
    probe_ref: Option<Spanned<bool>>,
    /// Make a dump of the data.
    dump: Option<Spanned<DumpSpec>>,
}

impl Spec for AuditSpec {
    const KEY: &'static str = "audit";
}

struct Audit {
    ledger: bool,
    probe_ref: bool,
    dump: Option<Dump>,
}

fn read(source: &Source) -> Result<(Header, Box<dyn Gate>)> {
    let (header, spec) = config::read::<AuditSpec>(source)?;
    let mut collector = Collector::new(source);
    let asked = |flag: &Option<Spanned<bool>>| flag.as_ref().is_none_or(|flag| flag.value);
    let (ledger, probe_ref) = (asked(&spec.ledger), asked(&spec.probe_ref));
    let refused = [&spec.ledger, &spec.probe_ref].into_iter().flatten().next().filter(|_| spec.dump.is_none() && !ledger && !probe_ref);
    if let Some(flag) = refused {
        collector.refuse(flag, "wrong-value", "the gate asks nothing: ledger and probe ref are off, and there is no dump");
    }
    let dump = spec.dump.map(|dump| dump::check(source, dump, &mut collector));
    if collector.findings.is_empty() {
        return Ok((header, Box::new(Audit { ledger, probe_ref, dump: dump.flatten() })));
    }
    Err(Fault::new(Reason::BadConfig, format!("{} is no valid gate", source.file)).findings(collector.findings))
}

const CHAIN: ProbeKey = ProbeKey::first(0);
const PROBE_REF: ProbeKey = ProbeKey::first(1);
const DUMP: ProbeKey = ProbeKey::first(2);
const LIST: ProbeKey = ProbeKey::first(3);

impl Gate for Audit {
    fn asks(&self, cx: &Context, seen: &Evidence) -> Vec<Probe> {
        let mut probes = Vec::new();
        if self.ledger && seen.get(CHAIN).is_none() {
            probes.push(Probe::reads(CHAIN, Ask::Chain(ChainAsk {})));
        }
        if self.probes(cx) && seen.get(PROBE_REF).is_none() {
            let ask = Ask::ProbeRef(ProbeRefAsk { id: probe_id(cx) });
            probes.push(Probe { key: PROBE_REF, ask, not_before: None, effect: Effect::Writes });
        }
        probes.extend(self.dump.as_ref().and_then(|dump| dump.asks(cx, seen)));
        probes
    }

    fn judge(&self, cx: &Context, seen: &Evidence) -> Judgement {
        let mut checks = Checks::new();
        if self.ledger {
            chain(seen, &mut checks);
        }
        if self.probes(cx) {
            probe_ref(seen, &mut checks);
        }
        if let Some(dump) = &self.dump {
            dump.judge(cx, seen, &mut checks);
        }
        checks.judge("audit")
    }
}

impl Audit {
    /// The way back must not hang on a remote that takes new refs.
    fn probes(&self, cx: &Context) -> bool {
        self.probe_ref && cx.verb != Verb::Rollback
    }
}

/// The same for one run, another for the next: a ref that an earlier run left behind is never read back as this one's.
fn probe_id(cx: &Context) -> String {
    let candidate = cx.candidate.as_ref().map_or_else(|| cx.tree.id().to_string(), |oid| oid.to_string());
    Digest::of(format!("{candidate} {} {}", cx.channel, cx.now).as_bytes()).hex()[..32].to_owned()
}

/// The recorded answer to one question, or the finding that says why there is none.
fn answer<'e, T>(
    seen: &'e Evidence,
    key: ProbeKey,
    what: &str,
    belongs: impl Fn(&Ask) -> bool,
    read: impl Fn(&'e Got) -> Option<&'e T>,
    checks: &mut Checks,
) -> Option<&'e T> {
    let mut unknown = |code: &str, message: String| {
        checks.unknown(Finding::error(format!("audit/{code}"), message));
        None
    };
    let Some(answer) = seen.get(key) else { return unknown("unanswered", format!("there is no answer about {what}")) };
    if !belongs(&answer.ask) {
        return unknown("foreign-answer", format!("the recorded answer is not about {what}"));
    }
    match (&answer.got, answer.result()) {
        (_, Err(unavailable)) => {
            checks.unavailable("audit", what, &unavailable);
            None
        }
        (Some(got), Ok(_)) => match read(got) {
            Some(got) => Some(got),
            None => unknown("unreadable", format!("the answer about {what} has another shape")),
        },
        (None, Ok(_)) => unknown("unreadable", format!("the answer about {what} is empty")),
    }
}

fn chain(seen: &Evidence, checks: &mut Checks) {
    let Some(chain) = answer(seen, CHAIN, "the ledger", |ask| matches!(ask, Ask::Chain(_)), as_chain, checks) else { return };
    for problem in &chain.problems {
        let finding = Finding::error("audit/broken-chain", format!("{} ({})", problem.message, problem.code));
        let help = problem.help.clone().unwrap_or_else(|| "see all of it: `tagwarden audit`".to_owned());
        checks.fail(Finding { place: problem.place.clone(), pointer: problem.pointer.clone(), ..finding.help(help) });
    }
    if chain.entries == 0 {
        checks.fail(Finding::error("audit/empty-chain", "the ledger has no entry").help("`tagwarden policy adopt --reason REASON`"));
    }
    if chain.problems.is_empty() && chain.entries > 0 {
        checks.hold();
        if chain.signing == "none" {
            checks.remark(Finding::note("audit/unsigned", "the ledger verifies, but `signing: none` leaves its entries unsigned"));
        }
    }
}

fn probe_ref(seen: &Evidence, checks: &mut Checks) {
    let belongs = |ask: &Ask| matches!(ask, Ask::ProbeRef(_));
    let Some(probe) = answer(seen, PROBE_REF, "the probe ref", belongs, as_probe_ref, checks) else { return };
    let name = &probe.name;
    let asked =
        seen.get(PROBE_REF).is_some_and(|answer| matches!(&answer.ask, Ask::ProbeRef(ask) if *name == format!("{PROBE_REFS}{}", ask.id)));
    if !asked {
        return checks.unknown(Finding::error("audit/other-ref", format!("`{}` is not the ref that was asked for", name.escape_debug())));
    }
    match &probe.read_back {
        Some(read_back) if *read_back == probe.written => checks.hold(),
        Some(other) => {
            let message = format!("{name} was written as {}, but read back as {}", probe.written.short(), other.short());
            checks.fail(Finding::error("audit/no-read-back", message));
        }
        None => checks.fail(Finding::error("audit/no-read-back", format!("{name} was written, but the remote does not show it"))),
    }
    if probe.removed {
        checks.hold();
    } else {
        let help = format!("remove it: `git push REMOTE :{name}`");
        checks.fail(Finding::error("audit/not-removed", format!("{name} was left behind on the remote")).help(help));
    }
}

fn as_chain(got: &Got) -> Option<&ChainGot> {
    if let Got::Chain(chain) = got { Some(chain) } else { None }
}

fn as_probe_ref(got: &Got) -> Option<&ProbeRefGot> {
    if let Got::ProbeRef(probe) = got { Some(probe) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lawful_configuration_is_read() {
        let file = |audit: &str| Source::new("gates/10-audit.yaml", format!("title: Audit\naudit: {audit}\n"));
        for (audit, lawful) in [
            ("{}", true),
            ("{ ledger: false }", true),
            ("{ ledger: false, probe_ref: false }", false),
            ("{ dump: { file: d } }", false),
            ("{ dump: { file: ../d, shell: x } }", false),
            ("{ dump: { file: d, shell: x, run: [x] } }", false),
            ("{ dump: { file: d, run: [] } }", false),
            ("{ dump: { file: d, run: ['{chanel}'] } }", false),
            ("{ dump: { file: d, run: [dump, '${URL}'] } }", false),
            ("{ dump: { file: d, shell: 'dump ${URL} v1^{commit}' } }", true),
            ("{ dump: { file: d, shell: 'dump {channel}' } }", false),
            ("{ dump: { file: d, shell: x, env: ['A B'] } }", false),
        ] {
            assert_eq!(read(&file(audit)).is_ok(), lawful, "{audit}");
        }
    }
}
