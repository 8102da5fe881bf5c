//! The verb `rehearse`: the real code of promote and rollback, run against a scratch copy of this repository, with failures
//! put in its way.
//!
//! The protocol of the HEAD commit is rehearsed, not that of the work tree, and nothing here is written: one pack is read out
//! of the object store, everything else happens in a folder that goes away. What `--record` writes at the end is one entry of the ledger. What the verbs did is looked at by plain git, so
//! that no check trusts the code that it checks. Switching off a detection of the
//! move, the ledger, the rights or the holds makes some step fail; what each kind of gate detects is tried by its cases.
//!
//! Deliberately absent: deployments and data. Endpoints, keys and people are stand-ins, and the report names each.

mod cast;
mod copy;
mod drill;
mod forgeries;
mod forgery_list;
mod players;
mod promotions;
mod races;
mod record;
mod recovery;
mod refusals;
mod set;
#[cfg(test)]
mod tests;
mod witness;

use super::{Session, args, gather::gates_folder};
use crate::{
    attest::ssh::AllowedSigners,
    domain::{ChannelName, Fault, GateId, Oid, Outcome, Reason, Result, Verb},
    gate::{
        Protocol, When,
        config::{self, GateFiles},
    },
    release::plan,
    report::{Body, RehearsalShape, Report, SigningMode},
    world::{
        Progress, World,
        clock::Stopwatch,
        documents::Record,
        git::{ObjectFormat, ObjectKind},
        ledger::read_folder,
        scratch::Scratch,
        signer::throw_away,
        standin::StandIn,
    },
};
use cast::Cast;
use copy::{Copy, Original};
use drill::{Drill, Memory};
use set::{RIVAL, SERVER, Set, WORK};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// The part whose key no policy lists.
const STRANGER: &str = "rehearsal-stranger";

pub async fn run(session: &Session, args: &args::Rehearse) -> Result<Report> {
    let watch = Stopwatch::start();
    // What is not here stays away: fetching it would write into the repository.
    let quiet = Session::new(session.globals.clone(), session.env.with("GIT_NO_LAZY_FETCH", "1"), session.clock);
    let quiet = quiet.waiting(session.patience().clone());
    let ground = if args.record { Some(Arc::new(record::ground(session, args).await?)) } else { None };
    let world = quiet.world().await?;
    let live = Live::read(world, gates_folder(session))?;
    let channel = match &ground {
        Some(ground) => ground.channel.clone(),
        None => channel(&live.protocol, args)?,
    };
    let uncommitted = !world.git.is_bare() && world.git.is_dirty(&live.folder).await?;
    let (mut drill, stand_ins) = prepare(session, world, &live, channel, pulls(world, &live, args)?, ground.clone()).await?;
    drill.of = count(&mut drill).await;
    drill.progress = session.progress().clone();
    play(&mut drill).await;
    let failed = drill.steps.iter().any(|step| step.outcome != Outcome::Passed);
    let reason = if failed { Reason::DrillFailed } else { Reason::Passed };
    let mut shape = RehearsalShape {
        steps: std::mem::take(&mut drill.steps),
        stand_ins,
        proves: PROVES.map(str::to_owned).to_vec(),
        does_not_prove: DOES_NOT_PROVE.map(str::to_owned).to_vec(),
        duration_ms: watch.millis(),
        ledger: None,
    };
    if let Some(ground) = ground {
        shape.ledger = Some(record::write(session, &ground, &shape).await?);
    }
    let report = Report::new(reason, Body::Rehearsal(shape)).signing(SigningMode::of(&live.protocol));
    let report = report.notice(format!("rehearsed for channel {} at {}", drill.set.channel(), live.head.short()));
    Ok(match uncommitted {
        true => report.notice(format!("changes of {}/ that are not committed were not rehearsed", live.folder)),
        false => report,
    })
}

const PROVES: [&str; 5] = [
    "that tags and ledger of this protocol move together or not at all",
    "that each kind of failure put in the way is refused with its own reason, and moves nothing",
    "that a rollback brings the very bytes of an earlier release back",
    "that an interrupted run is completed or recognised when it is run again",
    "that forged, foreign, lost and replaced ledgers are found",
];

const DOES_NOT_PROVE: [&str; 4] = [
    "that endpoints, variables and programs of the real channels answer",
    "that the real remote enforces its own rules, or that the real keys are at hand",
    "that a deployment follows the tags",
    "anything about migrations and data",
];

/// The protocol of the HEAD commit.
struct Live {
    head: Oid,
    folder: String,
    files: BTreeMap<String, Vec<u8>>,
    protocol: Protocol,
}

impl Live {
    fn read(world: &World, folder: String) -> Result<Live> {
        let fault = |message: String| Fault::new(Reason::BadConfig, message);
        let head = world.git.rev_parse("HEAD")?;
        let head = head.ok_or_else(|| fault("there is no commit yet, so there is nothing to rehearse".to_owned()).help(COMMIT))?;
        let tree = world.git.object_at(&head, &folder)?.and_then(|(oid, kind)| (kind == ObjectKind::Tree).then_some(oid));
        let tree = tree.ok_or_else(|| fault(format!("the HEAD commit ({}) has no {folder}/", head.short())).help(COMMIT))?;
        let files = read_folder(&world.git, &tree)?;
        let protocol = config::load(&GateFiles { files: files.clone(), root: folder.clone() })?;
        Ok(Live { head, folder, files, protocol })
    }
}

const COMMIT: &str = "`tagwarden init` writes a first protocol; what is committed is rehearsed";

fn channel(protocol: &Protocol, args: &args::Rehearse) -> Result<ChannelName> {
    if let Some(name) = &args.channel {
        let (name, rules) = plan::channel(protocol, None, name.as_str())?;
        return match rules.tag {
            Some(_) => Ok(name),
            None => Err(Fault::new(Reason::BadUsage, format!("channel {name} has no tag, so nothing moves there"))
                .help("rehearse a channel that has one")),
        };
    }
    let first = protocol.channels.iter().find(|(_, channel)| channel.tag.is_some());
    first.map(|(name, _)| name.clone()).ok_or_else(|| Fault::new(Reason::BadConfig, "no channel of the protocol has a tag"))
}

/// What `--pulls` names, which must be as good for the rehearsed commit as for a promotion of it.
fn pulls(world: &World, live: &Live, args: &args::Rehearse) -> Result<Option<PathBuf>> {
    let Some(file) = &args.pulls else { return Ok(None) };
    Record::beside(file, &world.git, Some(&live.head))?;
    // The players work elsewhere.
    Ok(Some(std::path::absolute(file).unwrap_or_else(|_| file.clone())))
}

/// The channels that a release has to pass, the drilled one last.
fn way(protocol: &Protocol, channel: &ChannelName) -> Vec<ChannelName> {
    let mut way = vec![channel.clone()];
    let before = |channel: &ChannelName| protocol.channels.get(channel).and_then(|channel| channel.after.clone());
    // `after` names a channel that stands before, so this ends.
    while let Some(after) = way.last().and_then(before) {
        way.push(after);
    }
    way.reverse();
    way
}

/// Builds the scratch place: keys, stand-ins, server, clones. Also what stands in for the real thing, in words.
async fn prepare(
    session: &Session,
    world: &World,
    live: &Live,
    channel: ChannelName,
    pulls: Option<PathBuf>,
    ground: Option<Arc<record::Ground>>,
) -> Result<(Drill, Vec<String>)> {
    let protocol = &live.protocol;
    let branch = protocol.release_branches.first().cloned().unwrap_or_else(|| "main".to_owned());
    let original = Original { protocol, files: &live.files, folder: &live.folder, branch: &branch };
    let channels = way(protocol, &channel);
    let cast = Cast::of(protocol, &signers(live), &copy::asked(&original)?, &channels);
    let scratch = Scratch::new(&session.env)?;
    let mut keys = BTreeMap::new();
    for name in cast.principals.iter().map(String::as_str).chain([STRANGER]) {
        keys.insert(name.to_owned(), throw_away()?);
    }
    let public = keys.iter().map(|(name, key)| (name.clone(), key.public_line())).collect();
    let stand_in = StandIn::open().await?;
    let read = |path: &str| match world.git.object_at(&live.head, path)? {
        Some((oid, ObjectKind::Blob)) => Ok(world.git.read(&oid)?.map(|object| object.bytes)),
        _ => Ok(None),
    };
    let copy = Copy::of(&original, &cast, &public, &channel, |channel| stand_in.base_url(channel.as_str()), read)?;
    let (tree, tip) = serve(world, live, &scratch, &copy, &branch).await?;
    let signers = copy.files.get(&format!("{}/allowed_signers", live.folder)).cloned().unwrap_or_default();
    scratch.write(witness::SIGNERS, &signers)?;
    let rehearsed = config::load(&GateFiles { files: with_changes(live, &copy), root: live.folder.clone() }).map_err(|fault| Fault {
        reason: Reason::Internal,
        message: format!("the scratch copy's protocol: {}", fault.message),
        ..fault
    })?;
    let package = rehearsed.default_package().or_else(|| rehearsed.packages.keys().next()).cloned();
    let set = Set {
        package: package.ok_or_else(|| Fault::new(Reason::Internal, "the protocol has no package"))?,
        protocol: Arc::new(rehearsed),
        scratch,
        cast,
        keys,
        channels,
        branch,
        gates: session.globals.gates.clone(),
        clock: world.clock,
        pulls,
        endpoint: copy.endpoint,
        asking: copy.asking,
        live: world.git.clone(),
        ground,
        tree,
        #[cfg(test)]
        bent: Arc::default(),
    };
    for clone in [WORK, RIVAL] {
        let origin = format!("--origin={}", set.protocol.remote);
        set.scratch.git("", &["clone", "--quiet", "--no-checkout", &origin, SERVER, clone])?;
        set.scratch.git(clone, &["config", "user.name", "Rehearsal"])?;
        set.check_out(clone)?;
    }
    let memory = Memory { tip: Some(tip), ..Memory::default() };
    Ok((
        Drill { set: Arc::new(set), stand_in, memory, steps: Vec::new(), progress: Progress::default(), of: 0, counting: None },
        copy.stand_ins,
    ))
}

/// Makes the server, with the changed copy of the HEAD commit on its release branch: its tree, and its commit.
async fn serve(world: &World, live: &Live, scratch: &Scratch, copy: &Copy, branch: &str) -> Result<(String, String)> {
    let format = if world.git.object_format() == ObjectFormat::Sha256 { "sha256" } else { "sha1" };
    let (format, head) = (format!("--object-format={format}"), format!("--initial-branch={branch}"));
    scratch.git("", &["init", "--quiet", "--bare", &format, &head, SERVER])?;
    let Some((tree, ObjectKind::Tree)) = world.git.object_at(&live.head, "")? else {
        return Err(Fault::new(Reason::Internal, "the HEAD commit has no tree"));
    };
    scratch.copy(&world.git, &tree, SERVER).await?;
    let edits: Vec<(String, Option<Vec<u8>>)> = copy.files.iter().map(|(path, bytes)| (path.clone(), Some(bytes.clone()))).collect();
    let tree = scratch.edit_tree(SERVER, tree.as_str(), &edits)?;
    let tip = scratch.git(SERVER, &["commit-tree", &tree, "-m", "The protocol under rehearsal"])?;
    scratch.git(SERVER, &["update-ref", &format!("refs/heads/{branch}"), &tip])?;
    Ok((tree, tip))
}

/// The principals of the real `allowed_signers`. One that names nobody yet can be rehearsed all the same; anything else that
/// is wrong with it was refused with the protocol.
fn signers(live: &Live) -> Vec<String> {
    let allowed = live.protocol.allowed_signers.as_deref().map(AllowedSigners::parse);
    let allowed = allowed.and_then(std::result::Result::ok).unwrap_or_default();
    allowed.signers().map(|signer| signer.principal.clone()).collect()
}

/// The protocol's folder as it is in the scratch copy.
fn with_changes(live: &Live, copy: &Copy) -> BTreeMap<String, Vec<u8>> {
    let mut files = live.files.clone();
    let prefix = format!("{}/", live.folder);
    files.extend(copy.files.iter().filter_map(|(path, bytes)| Some((path.strip_prefix(&prefix)?.to_owned(), bytes.clone()))));
    files
}

/// How many steps there will be: the same course, in which no step is played.
async fn count(drill: &mut Drill) -> usize {
    drill.counting = Some(0);
    play(drill).await;
    drill.counting.take().unwrap_or_default()
}

/// Every step, in order. Each starts from what the ones before left, or from what was put back after a failed one.
async fn play(drill: &mut Drill) {
    let set = drill.set.clone();
    drill.step("no ledger", promotions::no_ledger).await;
    drill.step("policy adoption", promotions::adoption).await;
    drill.step("first promotion", promotions::first).await;
    drill.step("the same promotion again", promotions::again).await;
    drill.step("second promotion", promotions::second).await;
    for (name, forgeries) in [
        ("tampered entries: signatures", forgery_list::SIGNATURES),
        ("tampered entries: chain, state, moves", forgery_list::CHAIN),
        ("tampered entries: gate results", forgery_list::GATES),
        ("tampered entries: evidence", forgery_list::EVIDENCE),
    ] {
        drill.step(name, async |drill: &mut Drill| forgeries::forged(drill, forgeries).await).await;
    }
    drill.step("a ledger cut off", recovery::cut_off).await;
    drill.step("a ledger lost or replaced", recovery::replaced).await;

    drill.step("a claim used again", promotions::claim_again).await;
    drill.step("a dry run", promotions::dry_run).await;

    drill.step("a failing gate", refusals::failing_gate).await;
    drill.step("a server error", refusals::server_error).await;
    drill.step("an unreachable endpoint", refusals::unreachable).await;
    for gate in wanting(&set) {
        let kind = set.protocol.gate(&gate).map(|gate| gate.kind.id).unwrap_or_default();
        drill.step(&format!("no {kind} for gate {gate}"), async |drill: &mut Drill| refusals::without(drill, &gate).await).await;
    }
    drill.step("gates weakened in the candidate", refusals::weakened).await;
    if set.endpoint.waivable {
        drill.step("waivers", refusals::waiver).await;
    }
    drill.step("an actor without the right", refusals::no_right).await;
    drill.step("a stranger's key", refusals::stranger).await;
    drill.step("no key", refusals::no_key).await;
    drill.step("a lower version", refusals::lower_version).await;
    drill.step("a version used again", refusals::version_reused).await;
    drill.step("a commit of no release branch", refusals::unmerged).await;
    if set.channels.len() > 1 {
        drill.step("a channel passed by", refusals::not_after).await;
    }
    drill.step("a clock behind the ledger", refusals::clock_behind).await;
    drill.step("holds", recovery::hold).await;

    drill.step("a stale lease", races::stale_lease).await;
    drill.step("a tag moved between plan and push", races::tag_moved_meanwhile).await;
    drill.step("a tag moved while gates run", races::tag_moved_at_gates).await;
    drill.step("a hold between plan and push", races::held_meanwhile).await;
    drill.step("an unrelated entry between plan and push", races::unrelated).await;
    drill.step("a kill before the push", races::killed_before).await;
    drill.step("a kill after the push", races::killed_after).await;
    drill.step("a server that refuses one ref", races::refused_by_server).await;
    drill.step("a server without atomic pushes", races::not_atomic).await;
    drill.step("a server that moves only some refs", races::split_by_server).await;

    drill.step("a channel tag moved by hand", recovery::drift).await;
    drill.step("a release tag moved by hand", recovery::release_tag).await;
    drill.step("a foreign commit on the ledger", recovery::foreign_entry).await;
    drill.step("a change of policy", recovery::policy_change).await;

    drill.step("rollback", recovery::rollback).await;
    drill.step("the release that was left", recovery::left_is_held).await;
    drill.step("automation after a rollback", recovery::automation).await;
    drill.step("rollback to the first release", recovery::rollback_to_first).await;
    drill.step("byte comparison", recovery::bytes).await;
    drill.step("forward again", async |drill: &mut Drill| promotions::promote(drill, None).await).await;
    drill.step("audit", recovery::audit).await;
    if set.ground.is_some() {
        drill.step("what is on the channel", record::way_back).await;
    }
}

/// The required verdict and ack gates that decide somewhere on the way.
fn wanting(set: &Set) -> Vec<GateId> {
    let decides = |gate: &&crate::gate::LoadedGate| {
        matches!(gate.kind.id, "verdict" | "ack")
            && gate.header.on_fail == crate::gate::OnFail::Halt
            && set.channels.iter().any(|channel| gate.applies(Verb::Promote, channel, When::Before))
    };
    set.protocol.gates.iter().filter(decides).map(|gate| gate.id.clone()).collect()
}
