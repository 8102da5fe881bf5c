//! `verify`: runs the gates and moves nothing. Without `--at` it judges the work tree as a draft, by its own `gates/`; with
//! `--adopted` by the policy in force.

use super::{
    Session, args,
    drive::{self, Judged},
    gather::{self, Place, Situation},
    releases,
};
use crate::{
    domain::{ChannelName, Fault, GateId, Oid, Reason, Result, Verb},
    gate::{
        Context, LoadedGate, Protocol, When,
        config::{self, GateFiles},
        runner::Runner,
    },
    release::{plan, state::staged_at},
    report::{Body, Report, SigningMode},
    tree::Tree,
    world::{
        answer::LedgerFacts,
        git::Want,
        trees::{CommitTree, Folder, WorkTree},
    },
};
use std::sync::Arc;

pub async fn run(session: &Session, args: &args::Verify) -> Result<Report> {
    if args.adopted {
        let situation = gather::situation(session).await?;
        let (candidate, said) = match &args.at {
            Some(rev) => {
                candidate(&situation.place, situation.protocol(), Ok(&situation.refs), rev).await.map(|(oid, said)| (Some(oid), said))?
            }
            None => (None, None),
        };
        let subject = Subject {
            protocol: situation.protocol().clone(),
            gates: drive::policy_tree(&situation)?,
            policy: Some(situation.head.state().policy.tree.clone()),
            candidate,
        };
        let report = judge(session, &situation.place, Ledger::Known(&situation), subject, args).await?;
        return Ok(said.into_iter().fold(situation.report(report), Report::notice));
    }
    let place = gather::place(session).await?;
    let folder = gather::gates_folder(session);
    let (subject, said) = match &args.at {
        Some(rev) => {
            let (commit, said) = named(&place, rev).await?;
            (at_commit(&place, commit, folder)?, said)
        }
        None => (draft(&place, folder)?, None),
    };
    let signing = SigningMode::of(&subject.protocol);
    // Gates that read the ledger are answered from it; a repository without one is judged all the same.
    let situation = if reads_ledger(&subject.protocol) { gather::situation(session).await } else { Err(not_asked()) };
    let ledger = match &situation {
        Ok(situation) => Ledger::Known(situation),
        // It is wrong whichever gates decide.
        Err(fault) if matches!(fault.reason, Reason::LedgerLost | Reason::LedgerBroken) => return Err(fault.clone()),
        Err(fault) => Ledger::Unknown(fault),
    };
    let report = judge(session, &place, ledger, subject, args).await?.signing(signing);
    Ok(said.into_iter().fold(report, Report::notice))
}

/// The commit that `--at` names, and what is worth saying of it. The remote is asked only about what may be a release.
async fn named(place: &Place, rev: &str) -> Result<(Oid, Option<String>)> {
    match place.drafted.as_ref().filter(|protocol| plan::release_name(protocol, rev).is_ok()) {
        Some(protocol) => candidate(place, protocol, gather::refs(place).await.as_ref(), rev).await,
        None => Ok((gather::commit(&place.world, rev)?, None)),
    }
}

/// A release is what the remote has under its name, whatever a tag here says.
async fn candidate(
    place: &Place,
    protocol: &Protocol,
    refs: std::result::Result<&plan::Refs, &Fault>,
    rev: &str,
) -> Result<(Oid, Option<String>)> {
    let git = &place.world.git;
    let Ok(name) = plan::release_name(protocol, rev) else { return Ok((gather::commit(&place.world, rev)?, None)) };
    let tag_ref = plan::release_ref(protocol, &name)?;
    let here = git.rev_parse(tag_ref.as_str())?;
    match (refs, here) {
        (Ok(refs), here) => match refs.get(&tag_ref) {
            Some(fact) => {
                let commit = fact.peeled.clone().unwrap_or_else(|| fact.oid.clone());
                if !git.has(&commit)? {
                    git.fetch_objects(&place.at.remote, &[Want::Ref(tag_ref.clone())]).await?;
                }
                let differs = here.filter(|here| *here != commit).map(|here| format!("; the tag here is at {}", here.short()));
                Ok((commit.clone(), Some(format!("{name} is at {} on the remote{}", commit.short(), differs.unwrap_or_default()))))
            }
            None => match git.rev_parse(rev)? {
                Some(commit) => Ok((commit, Some(format!("the remote has no release {name}; judged what the name is here")))),
                None => {
                    let why = format!("neither the remote nor this clone has a release {name}");
                    Err(Fault::new(Reason::UnknownRelease, why).help("name a commit, or a release that `tagwarden status` shows"))
                }
            },
        },
        (Err(fault), Some(here)) => {
            Ok((here, Some(format!("the remote could not be asked for {name} ({}); judged what the name is here", fault.message))))
        }
        (Err(fault), None) => Err(fault.clone()),
    }
}

/// What is judged, and by which gates.
struct Subject {
    protocol: Arc<Protocol>,
    /// The gates' own files, for `command` gates.
    gates: Arc<dyn Tree>,
    policy: Option<Oid>,
    /// `None`: the work tree.
    candidate: Option<Oid>,
}

enum Ledger<'a> {
    Known(&'a Situation),
    Unknown(&'a Fault),
}

fn not_asked() -> Fault {
    Fault::new(Reason::NoLedger, "the ledger was not read")
}

fn at_commit(place: &Place, commit: Oid, folder: String) -> Result<Subject> {
    let tree = CommitTree::new(&place.world.git, &commit)?;
    let (protocol, gates) = own_gates(Arc::new(tree), folder)?;
    Ok(Subject { protocol, gates, policy: None, candidate: Some(commit) })
}

fn draft(place: &Place, folder: String) -> Result<Subject> {
    if place.world.git.is_bare() {
        return Err(Fault::new(Reason::BadUsage, "a bare repository has no work tree to judge").help("name a commit with `--at REV`"));
    }
    let tree = WorkTree::new(&place.world.git)?;
    let (protocol, gates) = own_gates(Arc::new(tree), folder)?;
    Ok(Subject { protocol, gates, policy: None, candidate: None })
}

fn own_gates(tree: Arc<dyn Tree>, folder: String) -> Result<(Arc<Protocol>, Arc<dyn Tree>)> {
    let files = tree.files_in(&folder).map_err(|error| Fault::new(Reason::BadConfig, error.to_string()))?;
    if files.is_empty() {
        let fault = Fault::new(Reason::BadConfig, format!("there is no {folder}/ here"));
        return Err(fault.help("`tagwarden init` writes one; `tagwarden init --minimal` the smallest"));
    }
    let gates = Folder::of(tree, &folder).map_err(|error| Fault::new(Reason::BadConfig, error.to_string()))?;
    let protocol = Arc::new(config::load(&GateFiles { files, root: folder })?);
    Ok((protocol, Arc::new(gates)))
}

fn reads_ledger(protocol: &Protocol) -> bool {
    let has_logs = !protocol.documents.log.is_empty();
    protocol.gates.iter().any(|gate| match gate.kind.id {
        "audit" | "verdict" | "ack" => true,
        // The logs of what is on the channel.
        "docs" => has_logs,
        _ => false,
    })
}

async fn judge(session: &Session, place: &Place, ledger: Ledger<'_>, subject: Subject, args: &args::Verify) -> Result<Report> {
    let channel = channel(&subject.protocol, args)?;
    let gates = selected(&subject.protocol, &channel, args)?;
    let candidate_releases = match (&ledger, &subject.candidate) {
        (Ledger::Known(situation), Some(commit)) => staged_at(situation.head.state(), commit).map(releases::of_staged).collect(),
        _ => Vec::new(),
    };
    let tree: Arc<dyn Tree> = match &subject.candidate {
        Some(commit) => Arc::new(CommitTree::new(&place.world.git, commit)?),
        None => Arc::new(WorkTree::new(&place.world.git)?),
    };
    let cx = Context {
        verb: Verb::Promote,
        base_url: drive::base_url(&subject.protocol, &channel),
        channel,
        releases: candidate_releases,
        candidate: subject.candidate.clone(),
        policy: subject.policy.clone(),
        now: place.world.clock.now(),
        actor: None,
        protocol: subject.protocol.clone(),
        tree,
    };
    let (facts, waivers): (LedgerFacts, _) = match ledger {
        Ledger::Known(situation) => {
            (drive::ledger_facts(&situation.head), situation.head.state().waivers_that_count(situation.head.policy()))
        }
        Ledger::Unknown(fault) => (drive::no_ledger_facts(fault), Vec::new()),
    };
    let answerer =
        drive::answerer(place, Judged { cx: &cx, gates: subject.gates, facts, effects: args.effects, pulls: args.pulls.as_deref() })?;
    let mut runner = match gates {
        Some(gates) => Runner::selected(&cx, gates),
        None => Runner::new(&cx, When::Before, &waivers),
    };
    let signing = SigningMode::of(&subject.protocol);
    let known = |run| session.knows(Report::new(Reason::Interrupted, Body::Run(run)).signing(signing));
    drive::drive(&place.world, &answerer, &mut runner, &known).await?;
    let run = runner.run()?;
    if run.gates.is_empty() {
        return Err(Fault::new(Reason::NothingToCheck, format!("no gate decides promotions to {}", cx.channel)));
    }
    let report = Report::run(&run, signing).findings(subject.protocol.warnings.iter().cloned());
    Ok(match &subject.candidate {
        None => report.notice("judged the work tree as a draft; a promotion judges a commit"),
        Some(_) => report,
    })
}

fn channel(protocol: &Protocol, args: &args::Verify) -> Result<ChannelName> {
    match (&args.channel, protocol.channels.keys().next()) {
        (Some(channel), _) => Ok(plan::channel(protocol, None, channel.as_str())?.0),
        (None, Some(first)) if protocol.channels.len() == 1 => Ok(first.clone()),
        (None, _) => {
            let names: Vec<&str> = protocol.channels.keys().map(ChannelName::as_str).collect();
            Err(Fault::new(Reason::BadUsage, "there are several channels; say which one is meant")
                .help(format!("`--channel` with one of: {}", names.join(", "))))
        }
    }
}

/// The gates that `--gate` names, in their own order; `None`: all that decide a promotion.
fn selected<'a>(protocol: &'a Protocol, channel: &ChannelName, args: &args::Verify) -> Result<Option<Vec<&'a LoadedGate>>> {
    if args.gates.is_empty() {
        return Ok(None);
    }
    for id in &args.gates {
        let gate = gate(protocol, id)?;
        if gate.header.channels.as_ref().is_some_and(|channels| !channels.contains(channel)) {
            return Err(Fault::new(Reason::BadUsage, format!("gate {id} does not decide on {channel}")));
        }
    }
    Ok(Some(protocol.gates.iter().filter(|gate| args.gates.contains(&gate.id)).collect()))
}

/// A gate of the policy that judges.
fn gate<'a>(protocol: &'a Protocol, id: &GateId) -> Result<&'a LoadedGate> {
    protocol.gate(id).ok_or_else(|| {
        let known: Vec<&str> = protocol.gates.iter().map(|gate| gate.id.as_str()).collect();
        Fault::new(Reason::BadUsage, format!("the policy has no gate `{id}`")).help(format!("its gates: {}", known.join(", ")))
    })
}
