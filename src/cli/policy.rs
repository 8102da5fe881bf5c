//! `policy adopt` and `policy show`: which `gates/` decides, and who may change that.

use super::{
    Session, acting, args,
    gather::{self, Place},
    statement::{self, Intent},
    take_over,
};
use crate::{
    domain::{Fault, Oid, Reason, Result, Timestamp, Verb, state::Body},
    gate::{
        Protocol, When,
        config::{self, GateFiles},
    },
    release::{
        chain::Policy,
        plan::Refs,
        policy::{self as rights, Signers},
    },
    report::{
        self, PolicyShape, Report, SigningMode, TextShape,
        shape::{LedgerPlace, PinShape, PolicyGate, PolicyRole, PolicySigner},
    },
    world::ledger::read_folder,
};
use std::sync::Arc;

pub async fn run(session: &Session, command: &args::Policy) -> Result<Report> {
    match command {
        args::Policy::Adopt(args) => adopt(session, args).await,
        args::Policy::Show(_) => show(session).await,
    }
}

async fn adopt(session: &Session, args: &args::Adopt) -> Result<Report> {
    let place = gather::place(session).await?;
    let time = place.world.clock.now();
    let policy = committed_policy(session, &place).await?;
    session.under(SigningMode::of(&policy.protocol));
    let refs = gather::refs(&place).await?;
    if !refs.contains_key(&place.at.branch) {
        return first(session, &place, &refs, policy, args, time).await;
    }
    let head = gather::verified(&place, &refs).await?;
    gather::not_cut_back(&place, &head, &refs, gather::Believed::Signers).await?;
    if args.take_over {
        let why = format!("only the adoption that begins a ledger takes tags over, and {} is there", place.at.branch);
        return Err(
            Fault::new(Reason::BadUsage, why).help("`tagwarden status` names tags that no entry made, and says what to do about them")
        );
    }
    if head.state().policy.tree == policy.tree {
        let shape = shape(&place, &policy, head.state().policy.version, head.genesis(), head.head().clone(), head.serial());
        return Ok(adopted(Reason::NothingToDo, &policy, shape));
    }
    no_dead_end(&policy, time)?;
    let version = head.state().policy.version + 1;
    let said = rights::statement(Verb::Adopt, head.head(), rights::adoption(&policy.tree, version))?;
    if args.signatures.print_statement {
        return Ok(Report::new(Reason::Passed, report::Body::Text(TextShape::plain(String::from_utf8_lossy(&said).into_owned()))));
    }
    // The one verb that may change whether entries are signed.
    gather::pinned(&place, &head).await?;
    let acting = acting::adopting(session, &place, head.policy()).await?;
    let signatures = read_signatures(&args.signatures)?;
    let signers = Signers::of_adoption(head.policy(), &acting.actor, &said, &signatures, time);
    let permit = rights::permit_by_threshold(head.protocol(), &acting.actor, &signers)?;
    let intent = Intent {
        reason: Some(args.reason.clone()),
        body: Some(Body::Adopt { signatures, taken_over: Vec::new() }),
        adopts: Some(policy.clone()),
        ..Intent::default()
    };
    let genesis = head.genesis().clone();
    let applied = statement::write(&place, &acting, Some(head), &permit, Verb::Adopt, intent, time).await?;
    let shape = shape(&place, &policy, version, &genesis, applied.entry, applied.record.serial);
    let moved = adopted(Reason::Moved, &policy, shape);
    Ok(signers.refused.into_iter().fold(moved, |report, finding| report.findings([finding])))
}

/// Entry 0: nothing is in force yet, so the policy speaks for itself, and its oid is what can be pinned outside.
async fn first(session: &Session, place: &Place, refs: &Refs, policy: Policy, args: &args::Adopt, time: Timestamp) -> Result<Report> {
    gather::never_known(place, refs).await?;
    no_dead_end(&policy, time)?;
    let taken_over = take_over::gather(place, refs, &policy.protocol, args.take_over, &args.releases).await?;
    if args.signatures.print_statement {
        return Err(Fault::new(Reason::NoLedger, "the first entry needs no co-signatures; there is no ledger yet"));
    }
    let acting = acting::adopting(session, place, &policy).await?;
    let permit = rights::permit_first(&acting.actor);
    let body = Body::Adopt { signatures: Vec::new(), taken_over: taken_over.clone() };
    let intent = Intent { reason: Some(args.reason.clone()), body: Some(body), adopts: Some(policy.clone()), ..Intent::default() };
    let applied = statement::write(place, &acting, None, &permit, Verb::Adopt, intent, time).await?;
    // The entry is written: where the pin cannot be kept here, it is still to be said.
    let kept = gather::trust(place).await.and_then(|trust| trust.keep(&place.at.branch, &applied.entry));
    let here = match &kept {
        Ok(_) => "this machine keeps it".to_owned(),
        Err(fault) => format!("this machine does not keep it: {}", fault.message),
    };
    let genesis = applied.entry.clone();
    let elsewhere = format!(
        "wherever else releases are made, CI among them, set {}={genesis}, as a variable of that place's own settings and not in a file of this repository",
        gather::GENESIS_PIN
    );
    let kept = kept.ok().map(|file| file.display().to_string());
    let pin = PinShape { variable: gather::GENESIS_PIN, value: genesis.clone(), kept };
    let said: Vec<String> = taken_over.iter().map(take_over::describe).collect();
    let shape = PolicyShape { pin: Some(pin), taken_over, ..shape(place, &policy, 1, &genesis, applied.entry, applied.record.serial) };
    let report = adopted(Reason::Moved, &policy, shape);
    let report = report.notice(format!("entry 0 is {genesis}; {here}")).notice(elsewhere);
    Ok(said.into_iter().fold(report, Report::notice))
}

fn adopted(reason: Reason, policy: &Policy, shape: PolicyShape) -> Report {
    let report = Report::new(reason, report::Body::Policy(shape)).signing(SigningMode::of(&policy.protocol));
    report.findings(policy.protocol.warnings.iter().cloned())
}

/// Refuses a policy under which nobody could go on.
fn no_dead_end(policy: &Policy, time: Timestamp) -> Result<()> {
    let found = policy.dead_ends(time);
    let Some(first) = found.first() else { return Ok(()) };
    let fault = Fault::new(Reason::BadConfig, first.message.clone()).findings(policy.protocol.warnings.iter().chain(&found).cloned());
    Err(first.help.iter().fold(fault, |fault, help| fault.help(help.clone())))
}

/// The `gates/` of the HEAD commit. What is only in the work tree cannot be adopted.
async fn committed_policy(session: &Session, place: &Place) -> Result<Policy> {
    let folder = gather::gates_folder(session);
    let git = &place.world.git;
    let Some(tree) = place.committed.clone() else {
        let fault = Fault::new(Reason::BadConfig, format!("the HEAD commit has no {folder}/"));
        return Err(fault.help("`tagwarden init` writes one; commit it"));
    };
    if !git.is_bare() && git.is_dirty(&folder).await? {
        let fault =
            Fault::new(Reason::BadConfig, format!("{folder}/ has changes that are not committed; only what is committed can be adopted"));
        return Err(fault.help(format!("`git add {folder} && git commit`, or put them away with `git stash`")));
    }
    let protocol = Arc::new(config::load(&GateFiles { files: read_folder(git, &tree)?, root: folder })?);
    Policy::new(tree, protocol).map_err(|findings| {
        let why = findings.first().map_or("it cannot be read", |first| first.message.as_str());
        let help = findings.first().and_then(|first| first.help.clone());
        let fault = Fault::new(Reason::BadConfig, format!("gates/allowed_signers: {why}"));
        help.into_iter().fold(fault, Fault::help).findings(findings)
    })
}

pub fn read_signatures(args: &args::Signatures) -> Result<Vec<String>> {
    let read = |path: &std::path::PathBuf| {
        crate::world::files::read_text(path, 64 * 1024)
            .map_err(|why| Fault::new(Reason::BadUsage, format!("cannot read {}: {why}", path.display())))
    };
    args.files.iter().map(read).collect()
}

async fn show(session: &Session) -> Result<Report> {
    let situation = gather::situation(session).await?;
    let place = &situation.place;
    let shape = shape(
        place,
        situation.head.policy(),
        situation.head.state().policy.version,
        situation.head.genesis(),
        situation.head.head().clone(),
        situation.head.serial(),
    );
    Ok(situation.report(Report::new(Reason::Passed, report::Body::Policy(shape))))
}

fn shape(place: &Place, policy: &Policy, version: u64, genesis: &Oid, entry: Oid, serial: u64) -> PolicyShape {
    let protocol: &Protocol = &policy.protocol;
    let signers = policy.allowed.iter().flat_map(|allowed| allowed.signers());
    PolicyShape {
        version,
        tree: policy.tree.clone(),
        committed: place.committed.clone(),
        ledger: LedgerPlace { name: place.at.branch.clone(), entry, serial },
        genesis: genesis.clone(),
        pin: None,
        taken_over: Vec::new(),
        threshold: if protocol.is_unsigned() { 0 } else { protocol.signing.threshold },
        signers: signers
            .map(|signer| PolicySigner { principal: signer.principal.clone(), fingerprint: signer.fingerprint.clone() })
            .collect(),
        release_branches: protocol.release_branches.clone(),
        channels: protocol.channels.keys().cloned().collect(),
        after: protocol.channels.iter().filter_map(|(name, channel)| Some((name.clone(), channel.after.clone()?))).collect(),
        roles: protocol
            .roles
            .iter()
            .map(|(name, role)| PolicyRole { name: name.clone(), who: role.who.clone(), may: role.may.clone(), on: role.on.clone() })
            .collect(),
        automation: protocol.automation.clone(),
        gates: protocol
            .gates
            .iter()
            .map(|gate| PolicyGate {
                number: gate.number,
                id: gate.id.clone(),
                kind: gate.kind.id,
                title: gate.header.title.clone(),
                when: if gate.header.when == When::Before { "before" } else { "after" },
                on_fail: gate.header.on_fail.slug(),
                verbs: gate.verbs().to_vec(),
                channels: gate.header.channels.clone(),
            })
            .collect(),
    }
}
