//! `doctor`: looks at everything that promotions rest on and says what to do about it; `--fix` puts drifted tags back where the
//! newest valid entry says, for who has the right to such a move, and removes probe refs that were left behind; `--write` tries whether
//! a ref can be written. It deletes nothing but probe refs, each under the lease of what it was seen to hold. `--github` looks at the
//! settings of the repository there, too.

mod github;

use super::{
    Session, acting, activation, args,
    gather::{self, Believed, Place},
};
use crate::{
    domain::{Fault, Finding, Outcome, Reason, RefName, Result},
    gate::{
        probe::{PROBE_REFS, why},
        protocol::KeySource,
    },
    release::{
        chain::Verified,
        plan::Refs,
        projection::{ProjectedTag, Projection},
    },
    report::{Body, DoctorShape, Report, SigningMode, shape::Check},
    world::{
        answer::{Removed, probe_ref, remove_probe_ref},
        apply, git,
        ledger::read_refs,
        output,
    },
};
use std::collections::BTreeSet;

pub async fn run(session: &Session, args: &args::Doctor) -> Result<Report> {
    let place = gather::place(session).await?;
    let warnings: Vec<Finding> = place.drafted.iter().flat_map(|protocol| protocol.warnings.iter().cloned()).collect();
    let report = look(session, args, &place).await?;
    let report = if args.github { with_github(report, github::look(&place, args).await?) } else { report };
    Ok(report.findings(warnings))
}

/// What was found here counts before what was found there.
fn with_github(mut report: Report, looked: Vec<github::Looked>) -> Report {
    let (checks, told): (Vec<Check>, Vec<Vec<Finding>>) = looked.into_iter().unzip();
    let findings =
        checks.iter().zip(told).flat_map(|(check, told)| if told.is_empty() { check.finding().into_iter().collect() } else { told });
    report.findings.extend(findings.collect::<Vec<_>>());
    let reason = reason_of(&checks);
    report.reason = match (report.reason, reason) {
        (Reason::Passed, reason) => reason,
        (Reason::Unreachable, Reason::Findings) => Reason::Findings,
        (reason, _) => reason,
    };
    if let Body::Doctor(shape) = &mut report.body {
        shape.checks.extend(checks);
    }
    let next = next(report.reason, &report.findings);
    Report { next, ..report }
}

/// Branches of pointer files that are not where the ledger says. The policy in force may name others than the work tree does.
async fn pointers(place: &Place, head: &Verified) -> Result<Vec<Finding>> {
    if head.protocol().catalog.pointers.is_empty() {
        return Ok(Vec::new());
    }
    let refs = read_refs(&place.world.git, &place.at, &head.protocol().branches()).await?;
    let channels = head.protocol().catalog.pointers.iter().map(|pointer| &pointer.channel);
    Ok(channels.filter_map(|channel| activation::drift(head, &refs, &place.at.remote, channel)).collect())
}

async fn look(session: &Session, args: &args::Doctor, place: &Place) -> Result<Report> {
    let mut checks =
        vec![passed("repository", format!("git answers, {}", if place.world.git.is_shallow() { "shallow clone" } else { "whole clone" }))];
    checks.push(match &place.drafted {
        Some(protocol) => passed("gates/", format!("{} gates, {} channels", protocol.gates.len(), protocol.channels.len())),
        None => failed("gates/", "there is none in the work tree", "`tagwarden init`"),
    });
    let refs = match gather::refs(place).await {
        Ok(refs) => refs,
        Err(fault) => return Ok(finish(checks, Some((of_fault("remote", &fault), Vec::new())), session.signing())),
    };
    checks.push(passed("remote", format!("{} answers", place.at.remote)));
    checks.extend(left_probes(place, args.fix).await);
    let head = match verified(place, &refs, args.fix).await {
        Ok(head) => head,
        Err(fault) => {
            let check = of_fault("ledger", &fault);
            let says_it = fault.findings.iter().any(|finding| finding.message == fault.message);
            let (told, beside) = if says_it { (fault.findings, Vec::new()) } else { (Vec::new(), fault.findings) };
            let report = finish(checks, Some((check, told)), session.signing());
            let is_own = matches!(fault.reason, Reason::LedgerLost | Reason::LedgerBroken);
            let report = if is_own { Report { reason: fault.reason, ..report } } else { report };
            return Ok(report.findings(beside));
        }
    };
    let signing = SigningMode::of(head.protocol());
    checks.push(passed("ledger", format!("{} entries verify, head {}", head.length(), head.head().short())));
    checks.push(pinned(place, &head).await);
    checks.push(signer(session, place, &head).await);
    checks.push(adopted(place, &head));
    checks.push(atomic(place, &head).await);
    if args.write {
        checks.push(write(place).await?);
    }
    let mut projection = Projection::of(&head, &refs);
    let skipped = head.skipped_findings();
    if projection.mendable().count() > 0 && args.fix {
        let acting = acting::acting(session, place, &head).await?;
        let permit = |tag: &ProjectedTag| {
            let (verb, channel) = tag.right();
            acting.permit(head.protocol(), verb, channel)
        };
        let tags = projection.mendable().map(|tag| Ok((tag, permit(tag)?))).collect::<Result<Vec<_>>>()?;
        let projected = apply::project(&acting.writer(place), &tags).await?;
        for name in &projected.names {
            checks.push(Check { fixed: true, ..passed("tags", format!("{name} is where the ledger says again")) });
        }
        // What was put back is said, also where nobody can look at the rest.
        match gather::refs(place).await {
            Ok(refs) => projection = Projection::of(&head, &refs),
            Err(fault) => return Ok(finish(checks, Some((of_fault("tags", &fault), Vec::new())), Some(signing)).findings(skipped)),
        }
    }
    let mut findings = projection.findings();
    findings.extend(pointers(place, &head).await?);
    let tags = match findings.len() {
        0 => passed("tags", "every tag is where the ledger says".to_owned()),
        n => {
            let help = projection.mendable().next().map(|_| "`tagwarden doctor --fix` puts channel tags back".to_owned());
            Check { outcome: Outcome::Failed, help, ..passed("tags", format!("{n} ref(s) are not where the ledger says")) }
        }
    };
    Ok(finish(checks, Some((tags, findings)), Some(signing)).findings(skipped))
}

async fn verified(place: &Place, refs: &Refs, fix: bool) -> Result<Verified> {
    let head = gather::verification(place, refs).await?.1.into_verified()?;
    let whom = if fix { Believed::Everybody } else { Believed::Signers };
    gather::not_cut_back(place, &head, refs, whom).await?;
    Ok(head)
}

/// Probe refs of runs that could not remove their own. They stand in nobody's way.
async fn left_probes(place: &Place, fix: bool) -> Vec<Check> {
    const NAME: &str = "probe refs";
    let (git, remote) = (&place.world.git, &place.at.remote);
    let there = match git.ls_remote(remote, &[&format!("{PROBE_REFS}*")]).await {
        Ok(there) => there,
        Err(fault) => return vec![of_fault(NAME, &fault)],
    };
    if !fix && !there.is_empty() {
        let names: Vec<&str> = there.keys().map(RefName::as_str).collect();
        let help = Some("`tagwarden doctor --fix` removes what no run needs any more".to_owned());
        return vec![Check { help, ..advice(NAME, format!("left behind on the remote: {}", names.join(", "))) }];
    }
    let mut checks = Vec::new();
    for (name, held) in &there {
        checks.push(match remove_probe_ref(git, remote, name, &held.oid).await {
            Removed::Yes => Check { fixed: true, ..passed(NAME, format!("{name} is removed")) },
            Removed::No(why) => failed(NAME, &format!("{name} was left behind, and could not be removed: {why}"), LEFT),
            Removed::Unknown(why) => {
                let detail = format!("{name} was left behind, and whether it is removed now is not known: {why}");
                Check { outcome: Outcome::Inconclusive, ..failed(NAME, &detail, LEFT) }
            }
        });
    }
    checks
}

const LEFT: &str = "read the server's words; who may remove refs there can do it";

async fn pinned(place: &Place, head: &Verified) -> Check {
    let pin = match gather::trust(place).await {
        Ok(trust) => gather::pin(place, &trust),
        Err(fault) => Err(fault),
    };
    match pin {
        Ok(Some(_)) => passed("pin", "entry 0 is the pinned one".to_owned()),
        Ok(None) => Check {
            help: Some(format!(
                "compare it with what the first adoption printed; then `tagwarden trust {0}`, or {1}={0} where the workflow runs",
                head.genesis(),
                gather::GENESIS_PIN
            )),
            ..advice(
                "pin",
                format!("nothing outside of the repository says that entry 0 is {}: nothing can be written from here", head.genesis()),
            )
        },
        Err(fault) => of_fault("pin", &fault),
    }
}

async fn signer(session: &Session, place: &Place, head: &Verified) -> Check {
    if head.protocol().signing.key == KeySource::None {
        return advice("signer", "signing: none, so entries prove nothing about who wrote them".to_owned());
    }
    match acting::adopting(session, place, head.policy()).await {
        Ok(acting) => passed("signer", format!("acting as {}", acting.actor.id)),
        Err(fault) => Check { help: fault.help.clone(), ..advice("signer", fault.message) },
    }
}

fn adopted(place: &Place, head: &Verified) -> Check {
    let in_force = &head.state().policy;
    match &place.committed {
        Some(tree) if *tree == in_force.tree => {
            passed("policy", format!("the committed gates/ are in force (version {})", in_force.version))
        }
        _ => Check {
            help: Some("`tagwarden policy adopt --reason REASON`".to_owned()),
            ..advice("policy", format!("the committed gates/ differ from the adopted policy (version {})", in_force.version))
        },
    }
}

async fn atomic(place: &Place, head: &Verified) -> Check {
    match place.world.git.advertises_atomic(&place.at.remote, head.head()).await {
        Ok(true) => passed("atomic push", "the server offers it".to_owned()),
        Ok(false) => failed("atomic push", "the server does not offer it", "use a server with `receive.advertiseAtomic`"),
        Err(fault) => of_fault("atomic push", &fault),
    }
}

/// Tries whether refs can be written: what a protected branch or a hook says of the real ones is not tried.
async fn write(place: &Place) -> Result<Check> {
    let failed_here = |error: std::io::Error| Fault::new(Reason::NoResources, error.to_string());
    let (world, remote) = (&place.world, &place.at.remote);
    let id = format!("doctor-{}", output::random_hex().map_err(failed_here)?);
    Ok(match probe_ref(&world.git, remote, &id, world.clock.now()).await {
        Ok(got) if got.removed && got.read_back.as_ref() == Some(&got.written) => {
            passed("write", format!("{} was written, read back and removed", got.name))
        }
        Ok(got) if got.removed => {
            failed("write", &format!("{} was written, and read back otherwise", got.name), "look at the server's hooks")
        }
        Ok(got) => failed(
            "write",
            &format!("{} was written, and may not be removed", got.name),
            &format!("see what the server says of removing it: `git push {remote} :{}`", got.name),
        ),
        Err(unavailable) => {
            let is_unknown = unavailable.why == why::UNREACHABLE;
            let why = unavailable.detail.unwrap_or(unavailable.why);
            let help =
                git::advice(&why).map_or("read the server's words; `git ls-remote` shows whether it can be read", |advice| advice.help);
            let outcome = if is_unknown { Outcome::Inconclusive } else { Outcome::Failed };
            Check { outcome, ..failed("write", &format!("writing a ref and removing it again did not succeed: {why}"), help) }
        }
    })
}

fn passed(name: &str, detail: String) -> Check {
    Check { name: name.to_owned(), outcome: Outcome::Passed, detail: Some(detail), help: None, fixed: false, code: Check::CODE }
}

/// Nothing that stands in the way, but worth knowing.
fn advice(name: &str, detail: String) -> Check {
    Check { outcome: Outcome::Skipped, ..passed(name, detail) }
}

fn failed(name: &str, detail: &str, help: &str) -> Check {
    Check { outcome: Outcome::Failed, help: Some(help.to_owned()), ..passed(name, detail.to_owned()) }
}

fn of_fault(name: &str, fault: &Fault) -> Check {
    let outcome = if fault.reason.exit_code() == 3 { Outcome::Inconclusive } else { Outcome::Failed };
    let help = fault.help.clone().unwrap_or_else(|| fault.reason.next().to_owned());
    Check { outcome, help: Some(help), ..passed(name, fault.message.clone()) }
}

/// `last`: the check that the run ended at, with the findings that tell of it where it is more than one thing.
fn finish(mut checks: Vec<Check>, last: Option<(Check, Vec<Finding>)>, signing: Option<SigningMode>) -> Report {
    let mut findings: Vec<Finding> = checks.iter().filter_map(Check::finding).collect();
    if let Some((check, told)) = last {
        findings.extend(check.finding().filter(|_| told.is_empty()));
        findings.extend(told);
        checks.push(check);
    }
    let reason = reason_of(&checks);
    let next = next(reason, &findings);
    let report = Report { next, ..Report::new(reason, Body::Doctor(DoctorShape { checks })) }.findings(findings);
    match signing {
        Some(signing) => report.signing(signing),
        None => report,
    }
}

fn reason_of(checks: &[Check]) -> Reason {
    let any = |outcome| checks.iter().any(|check| check.outcome == outcome);
    match (any(Outcome::Failed), any(Outcome::Inconclusive)) {
        (true, _) => Reason::Findings,
        (false, true) => Reason::Unreachable,
        (false, false) => Reason::Passed,
    }
}

/// The one thing to do, where there is one.
fn next(reason: Reason, findings: &[Finding]) -> Option<String> {
    let helps: BTreeSet<&str> = findings.iter().filter_map(|finding| finding.help.as_deref()).collect();
    match (reason, helps.first()) {
        (Reason::Passed, _) => None,
        (_, Some(only)) if helps.len() == 1 => Some((*only).to_owned()),
        _ => Some(Reason::Findings.next().to_owned()),
    }
}
