//! What promote and rollback share: from a plan to a report, through gates, clearance and one atomic move.

use super::{
    Session,
    acting::{self, Acting},
    args::Moving,
    drive::{self, Judged},
    gather::{self, Place, Situation},
    hooks,
    statement::{self, Intent},
};
use crate::{
    domain::{
        ChannelName, Digest, Fault, Oid, Reason, RefName, Result, Verb,
        state::{self, Entry},
    },
    gate::{
        Context, When,
        runner::{Run, Runner},
    },
    release::{
        chain::{Linked, Verified},
        plan::{self, Plan, PlannedRelease},
        policy::{self as rights, Permit},
        projection::Projection,
        state::channel_moves,
        transition::{self, Violation},
    },
    report::{
        Body, MoveShape, Report, RunShape,
        shape::{LedgerPlace, MoveOutputs, MoveRef, WaiverShape, Waypoint, join_releases},
    },
    world::{
        World,
        apply::{self, Moved},
        git::Want,
        ledger::{self, read_settled},
        trees::CommitTree,
    },
};
use std::{collections::BTreeSet, sync::Arc};

/// What the command line says beside the plan.
pub struct Flags<'a> {
    pub moving: &'a Moving,
    /// What is not in force yet may be moved.
    pub scheduled: bool,
}

/// Judges and moves. `permit` is the right that the adopted policy gave for exactly this.
pub async fn run(session: &Session, situation: Situation, acting: &Acting, plan: Plan, permit: Permit, flags: Flags<'_>) -> Result<Report> {
    let Flags { moving, scheduled } = flags;
    let noted = rights::refuse_held(situation.head.state(), &plan.actor, plan.verb, &plan.channel, &plan.release_names())?;
    let mut notices: Vec<String> = noted.iter().map(|hold| format!("moved under {}", rights::describe(hold))).collect();
    early(&situation, acting, &plan)?;
    if moving.dry_run {
        return Ok(situation.report(planned(&situation, &plan, &context(&situation, &plan)?)));
    }
    let asked = asked(&situation, &plan);
    let cx = context(&situation, &plan)?;
    crate::gate::runner::require_some(&cx)?;
    let judged = Judged {
        cx: &cx,
        gates: drive::policy_tree(&situation)?,
        facts: drive::ledger_facts(&situation.head),
        effects: plan.verb == Verb::Promote,
        pulls: moving.pulls.as_deref(),
    };
    let answerer = drive::answerer(&situation.place, judged)?.scheduled(scheduled);
    let mut runner = Runner::new(&cx, When::Before, &situation.head.state().waivers_that_count(situation.head.policy()));
    let interrupted = |run| {
        let body = Body::Move(Box::new(MoveShape { run: Some(run), ..asked.clone() }));
        session.knows(situation.report(Report::new(Reason::Interrupted, body)));
    };
    drive::drive(situation.world(), &answerer, &mut runner, &interrupted).await?;
    let (run, clearance) = runner.finish(&plan.binding()?, situation.world().clock.now())?;
    if run.gates.is_empty() {
        notices.push(format!("no gate decides a {} on {}", plan.verb, plan.channel));
    }
    let shape = RunShape::of(&run);
    let Some(clearance) = clearance else {
        let body = Body::Move(Box::new(MoveShape { run: Some(shape), ..asked }));
        return Ok(with_notices(situation.report(Report::new(run.reason(), body)), notices));
    };
    read_again(&situation, &plan).await?;
    acting.still_asked(&situation.protocol().clone(), plan.verb, Some(&plan.channel)).await?;
    let Situation { place, refs: _, head } = situation;
    let policy = head.policy().clone();
    let signing = crate::report::SigningMode::of(&policy.protocol);
    let applied = match apply::move_refs(&acting.writer(&place), head, &plan, &clearance, &permit).await? {
        Moved::Applied(applied) => *applied,
        Moved::AlreadyThere(head) => return came_second(place, *head, &plan).await,
    };
    Acting::wrote(&place, &applied.entry).await;
    if applied.rebuilt > 0 {
        notices.push(format!("unrelated entries came in between; the entry was rebuilt {} time(s)", applied.rebuilt));
    }
    let ledger = LedgerPlace { name: place.at.branch.clone(), entry: applied.entry.clone(), serial: applied.record.serial };
    let mut shape = MoveShape {
        releases: applied.record.releases.clone(),
        moves: applied.record.moves.iter().map(MoveRef::from).collect(),
        ledger: Some(ledger),
        outputs: MoveOutputs { commit: applied.record.shown().cloned(), ..asked.outputs.clone().after(channel_moves(&applied.record)) },
        run: Some(shape),
        ..asked
    };
    let moved = |shape: MoveShape| {
        let report = Report::new(Reason::MovedButUnhealthy, Body::Move(Box::new(shape))).signing(signing);
        session.knows(report.notice("the gates after the move were not all asked"));
    };
    moved(shape.clone());
    // What is known is not lost any more: who is told to end need not wait for the gates.
    let record = applied.record.clone();
    drop(applied);
    let known = |run| moved(MoveShape { after: Some(run), ..shape.clone() });
    let reason = match after_gates(&place, &cx, &policy, &answerer, &known).await {
        Ok(None) => Reason::Moved,
        Ok(Some(run)) => {
            known(RunShape::of(&run));
            shape.after = Some(RunShape::of(&run));
            match run.reason() {
                Reason::Passed => Reason::Moved,
                _ => {
                    notices.push(match note_after(session, &record, &run).await {
                        Ok(serial) => format!("entry {serial} records what the gates found after the move"),
                        Err(fault) => format!("what the gates found after the move is not recorded: {fault}"),
                    });
                    Reason::MovedButUnhealthy
                }
            }
        }
        Err(fault) => {
            notices.push(format!("the gates after the move could not be run: {fault}"));
            Reason::MovedButUnhealthy
        }
    };
    if !cx.protocol.hooks.is_empty() {
        shape.hooks = hooks::call(&answerer.writing(), &cx, &record).await;
    }
    let reason = match reason {
        Reason::Moved if shape.hooks.iter().any(|hook| hook.taken == Some(false)) => Reason::FollowersFailed,
        reason => reason,
    };
    let report = gather::under(&place, &record.policy, Report::new(reason, Body::Move(Box::new(shape))).signing(signing));
    Ok(with_notices(report, notices))
}

/// Writes down what gates found after a move, and tells the serial of that entry. The move was pushed with its own entry before they
/// were asked.
async fn note_after(session: &Session, moved: &Entry, run: &Run) -> Result<u64> {
    let Situation { place, head, .. } = gather::situation(session).await?;
    // What gave the right before the gates may have grown too old to be recorded with this.
    let acting = &acting::acting(session, &place, &head).await?;
    let permit = acting.permit(head.protocol(), Verb::After, moved.channel.as_ref())?;
    let intent = Intent {
        channel: moved.channel.clone(),
        releases: moved.releases.clone(),
        candidate: moved.candidate.clone(),
        gates: run.records(),
        evidence: run.evidence()?,
        body: Some(state::Body::After { of: moved.serial, verb: moved.action }),
        ..Intent::default()
    };
    let applied = statement::write(&place, acting, Some(head), &permit, Verb::After, intent, run.started).await?;
    Ok(applied.record.serial)
}

/// Somebody promoted the same while this run judged it. Good only where the tags are where that entry put them.
async fn came_second(place: Place, head: Verified, plan: &Plan) -> Result<Report> {
    let refs = read_settled(&place.world.git, &place.at, &head.protocol().branches(), |refs| {
        Projection::of(&head, refs).drifted().next().is_none()
    })
    .await?;
    let (channel, rules) = plan::channel(head.protocol(), None, plan.channel.as_str())?;
    let retired = plan.retires().iter().map(|retired| retired.package.clone());
    let packages: Vec<_> = plan.releases.iter().map(|release| release.name.package.clone()).chain(retired).collect();
    plan::channel_tags((&channel, rules), &packages, head.state(), &refs)?;
    already_at(&Situation { place, refs, head }, &channel)
}

/// The answer where the channel is at what was asked for: exit 0 only where tag, entry and evidence agree. The tags were compared
/// before, entry and evidence when the ledger was verified.
pub fn already_at(situation: &Situation, channel: &ChannelName) -> Result<Report> {
    let serial = situation.head.state().channels.get(channel).map(|now| now.serial);
    let linked = serial.and_then(|serial| situation.head.entry(serial));
    let linked = linked.ok_or_else(|| Fault::new(Reason::Internal, format!("the entry that put {channel} where it is is not there")))?;
    already(situation, Verb::Promote, linked)
}

/// The rules that need no gate, before any gate is asked.
pub fn early(situation: &Situation, acting: &Acting, plan: &Plan) -> Result<()> {
    let entry = plan.draft(None).place(Some(&situation.head), Vec::new())?;
    transition::request(situation.head.ledger(), &entry, &acting.rights(), situation.world().clock.now()).map_err(Violation::fault)
}

/// The answer for a request whose move the ledger holds already.
pub fn already(situation: &Situation, verb: Verb, linked: &Linked) -> Result<Report> {
    let entry = &linked.outline;
    let channel = entry.channel.clone().ok_or_else(|| Fault::new(Reason::Internal, "a move without a channel"))?;
    let before = situation.head.ledger().moves_of(&channel).skip_while(|moved| moved.outline.serial != entry.serial).nth(1);
    let versions = entry.releases.iter().map(|release| &release.version);
    let tags = channel_moves(entry).map(|moved| (&moved.name, moved.from.as_ref(), moved.to.as_ref()));
    let outputs = MoveOutputs::of(entry.shown().cloned(), tags, versions, before.and_then(|before| before.outline.shown().cloned()));
    let shape = MoveShape {
        outputs,
        verb,
        channel,
        releases: entry.releases.clone(),
        retires: entry.retires().to_vec(),
        moves: Vec::new(),
        activates: Vec::new(),
        ledger: Some(LedgerPlace { name: situation.place.at.branch.clone(), entry: linked.oid.clone(), serial: entry.serial }),
        dry_run: false,
        actor: entry.actor.clone(),
        reason: entry.reason.clone(),
        way: way(situation),
        run: None,
        after: None,
        hooks: Vec::new(),
    };
    let what = match entry.releases.is_empty() {
        true => format!("took {} away", entry.retires().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        false => format!("put {} there", join_releases(&entry.releases, ", ")),
    };
    let said = format!("entry {} {what} at {}", entry.serial, entry.time);
    let report = situation.report(Report::new(Reason::AlreadyThere, Body::Move(Box::new(shape)))).notice(said);
    Ok(with_notices(report, situation.head.ledger().found_after(entry.serial).into_iter().collect()))
}

/// The report of a move as it was when it was made, from what its entry records.
pub fn recorded(situation: &Situation, linked: &Linked) -> Result<Report> {
    let report = already(situation, linked.outline.action, linked)?;
    let Body::Move(shape) = report.body else { return Err(Fault::new(Reason::Internal, "the answer about a move is none")) };
    let whole = ledger::read_entries(&situation.world().git, std::slice::from_ref(&linked.oid))?;
    let policy = situation.head.policies().get(&linked.outline.policy.tree);
    let waiver = |serial| {
        let given = &situation.head.entry(serial)?.outline;
        let Some(state::Body::Waive { until, .. }) = given.body else { return None };
        Some(WaiverShape { serial, by: given.actor.id.clone(), until })
    };
    let run = whole.first().zip(policy).and_then(|(whole, policy)| RunShape::recorded(&whole.entry, &policy.protocol, &waiver));
    let shape = MoveShape { run, moves: linked.outline.moves.iter().map(MoveRef::from).collect(), ..*shape };
    let (reason, notices) = match situation.head.ledger().found_after(linked.outline.serial) {
        Some(found) => (Reason::MovedButUnhealthy, vec![found]),
        None => (Reason::Moved, Vec::new()),
    };
    Ok(Report { reason, body: Body::Move(Box::new(shape)), notices, ..report })
}

/// A request, as far as it tells one from another.
pub struct Request {
    pub verb: Verb,
    pub channel: ChannelName,
    /// `package@version`, or as the request names them. Empty: whatever is right.
    pub releases: Vec<String>,
    /// Everything else that was asked for.
    pub about: serde_json::Value,
    /// The id that was given with it.
    pub claim: Option<String>,
}

impl Request {
    /// The claim of this request. One that was given counts once, whatever is asked with it; another counts once for what the
    /// channel is at (the serial of its newest entry), so that the same release may come back after a rollback.
    fn claim(&self, at: Option<u64>) -> Result<Digest> {
        let Request { verb, channel, about, claim, .. } = self;
        rights::claim(claim.as_deref(), &serde_json::json!({ "verb": verb, "channel": channel, "about": about, "at": at }))
    }
}

/// The claim of a request, or the entry by which it was carried out before: it is the channel's newest, with the claim that
/// the request had before it.
pub fn recognise<'a>(situation: &'a Situation, request: &'a Request) -> Result<std::result::Result<Digest, &'a Linked>> {
    let mut moves = situation.head.ledger().moves_of(&request.channel);
    let (newest, before) = (moves.next(), moves.next());
    if let Some(linked) = newest {
        let entry = &linked.outline;
        let names: Vec<String> = entry.releases.iter().map(|release| release.name().to_string()).collect();
        let same = entry.action == request.verb && request.releases.iter().all(|name| names.contains(name));
        if same && entry.claim == request.claim(before.map(|before| before.outline.serial))? {
            return Ok(Err(linked));
        }
    }
    request.claim(newest.map(|newest| newest.outline.serial)).map(Ok)
}

/// Commits must be reachable from a release branch as it is on the remote now.
pub async fn check_reachable<'a>(situation: &Situation, commits: impl IntoIterator<Item = &'a Oid>) -> Result<()> {
    let mut asked = BTreeSet::new();
    for commit in commits.into_iter().filter(|commit| asked.insert(*commit)) {
        reachable(situation, commit).await?;
    }
    Ok(())
}

async fn reachable(situation: &Situation, commit: &Oid) -> Result<()> {
    let protocol = situation.protocol();
    let mut unknown = false;
    for branch in &protocol.release_branches {
        let name = format!("refs/heads/{branch}").parse().map_err(|why: String| Fault::new(Reason::BadConfig, why))?;
        let Some(head) = situation.refs.get(&name) else { continue };
        match is_ancestor(situation, commit, &name, &head.oid).await? {
            Some(true) => return Ok(()),
            Some(false) => {}
            None => unknown = true,
        }
    }
    let branches = protocol.release_branches.join(", ");
    if unknown {
        let why = format!(
            "whether {} is on a release branch ({branches}) cannot be told from the history that this clone and its remote have",
            commit.short()
        );
        return Err(Fault::new(Reason::ShallowHistory, why).help("`git fetch --unshallow`, then run again"));
    }
    let fault = Fault::new(Reason::UnreachableCommit, format!("{commit} is on no release branch of the remote ({branches})"));
    Err(fault.help("merge and push it first"))
}

/// Whether a commit is on a branch of the remote. What a shallow clone lacks of the way is brought first.
pub async fn is_ancestor(situation: &Situation, commit: &Oid, branch: &RefName, head: &Oid) -> Result<Option<bool>> {
    let git = &situation.world().git;
    let here = git.is_ancestor(commit, head).await?;
    // What the remote cannot give either leaves the question open.
    if here.is_none() && git.fetch_objects(&situation.place.at.remote, &[Want::Ref(branch.clone())]).await.is_ok() {
        return git.is_ancestor(commit, head).await;
    }
    Ok(here)
}

fn context(situation: &Situation, plan: &Plan) -> Result<Context> {
    let protocol = situation.protocol().clone();
    Ok(Context {
        verb: plan.verb,
        base_url: drive::base_url(&protocol, &plan.channel),
        channel: plan.channel.clone(),
        releases: plan.as_releases(),
        candidate: Some(plan.candidate.clone()),
        policy: Some(plan.policy.clone()),
        now: plan.time,
        actor: Some(plan.actor.clone()),
        protocol,
        tree: Arc::new(match &plan.pointer {
            Some(pointer) => CommitTree::of_tree(&situation.world().git, &pointer.tree)?,
            None => CommitTree::new(&situation.world().git, &plan.candidate)?,
        }),
    })
}

/// The last look before the move: what was judged must still be what is there. The ledger may have grown; whether that
/// matters is decided when the push is built.
async fn read_again(situation: &Situation, plan: &Plan) -> Result<()> {
    let pointer = || plan.pointer.iter().map(|pointer| &pointer.branch);
    let names = || plan.tags.iter().map(|tag| &tag.name).chain(plan.releases.iter().map(|release| &release.tag_ref)).chain(pointer());
    let ledger = &situation.place.at.branch;
    let changed = |now: &plan::Refs| names().find(|name| now.get(*name) != situation.refs.get(*name)).cloned();
    let same_ledger = |now: &plan::Refs| now.get(ledger) == situation.refs.get(ledger);
    let is_settled = |now: &plan::Refs| !same_ledger(now) || changed(now).is_none();
    let now = read_settled(&situation.world().git, &situation.place.at, &situation.protocol().branches(), is_settled).await?;
    match changed(&now).filter(|_| same_ledger(&now)) {
        Some(name) => Err(Fault::new(Reason::RefChanged, format!("{name} changed while the gates ran"))),
        None => Ok(()),
    }
}

async fn after_gates(
    place: &Place,
    cx: &Context,
    policy: &crate::release::chain::Policy,
    answerer: &crate::world::answer::Answerer,
    known: &(dyn Fn(RunShape) + Sync),
) -> Result<Option<Run>> {
    if policy.protocol.gates_for(cx.verb, &cx.channel, When::After).next().is_none() {
        return Ok(None);
    }
    let cx = Context { now: place.world.clock.now(), ..cx.clone() };
    let mut runner = Runner::new(&cx, When::After, &[]);
    drive::drive(&place.world, answerer, &mut runner, known).await?;
    runner.run().map(Some)
}

/// The answer of a dry run: the plan, and which gates would decide.
fn planned(situation: &Situation, plan: &Plan, cx: &Context) -> Report {
    let mut moves: Vec<MoveRef> = plan
        .releases
        .iter()
        .filter(|release| release.tag.is_none())
        .map(|release| MoveRef { name: release.tag_ref.clone(), from: None, to: None, commit: Some(release.commit.clone()) })
        .collect();
    // The commit that activates is made with the push.
    moves.extend(plan.pointer.iter().map(|pointer| MoveRef {
        name: pointer.branch.clone(),
        from: pointer.from.clone(),
        to: None,
        commit: None,
    }));
    moves.extend(plan.tags.iter().map(|tag| MoveRef {
        name: tag.name.clone(),
        from: tag.from.clone(),
        to: None,
        commit: plan.pointer.is_none().then(|| plan.candidate.clone()),
    }));
    let shape = MoveShape { moves, dry_run: true, hooks: hooks::planned(cx), ..asked(situation, plan) };
    let gates: Vec<String> =
        situation.protocol().gates_for(plan.verb, &plan.channel, When::Before).map(|gate| format!("{} {}", gate.number, gate.id)).collect();
    let notice = match gates.is_empty() {
        true => "no gate would decide this move".to_owned(),
        false => format!("a dry run judges no gate; these would decide: {}", gates.join(", ")),
    };
    Report::new(Reason::Passed, Body::Move(Box::new(shape))).notice(notice)
}

/// What is asked for, before anything moved.
fn asked(situation: &Situation, plan: &Plan) -> MoveShape {
    let previous = situation.head.state().channels.get(&plan.channel).map(|now| now.shown().clone());
    let versions = plan.releases.iter().map(|release| &release.name.version);
    let tags = plan.tags.iter().map(|tag| (&tag.name, tag.from.as_ref(), None));
    MoveShape {
        verb: plan.verb,
        channel: plan.channel.clone(),
        releases: plan.as_releases(),
        retires: plan.retires().to_vec(),
        moves: Vec::new(),
        activates: plan.pointer.as_ref().map(|pointer| pointer.changes.clone()).unwrap_or_default(),
        ledger: None,
        dry_run: false,
        actor: plan.actor.clone(),
        reason: plan.reason.clone(),
        outputs: MoveOutputs::of(Some(plan.candidate.clone()), tags, versions, previous),
        way: way(situation),
        run: None,
        after: None,
        hooks: Vec::new(),
    }
}

/// The channels in the order of the policy in force, with what the ledger has them at.
fn way(situation: &Situation) -> Vec<Waypoint> {
    let at = |channel: &ChannelName| {
        let now = situation.head.state().channels.get(channel)?;
        let names: Vec<String> = now.releases.iter().map(|(package, release)| format!("{package}@{}", release.version)).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let channels = situation.protocol().channels.iter();
    channels.map(|(channel, rules)| Waypoint { channel: channel.clone(), after: rules.after.clone(), release: at(channel) }).collect()
}

fn with_notices(report: Report, notices: Vec<String>) -> Report {
    notices.into_iter().fold(report, Report::notice)
}

/// The commit of the first release of a move, until it is known which one has them all.
fn first_commit(releases: &[PlannedRelease]) -> Result<Oid> {
    let first = releases.first().ok_or_else(|| Fault::new(Reason::BadUsage, "no release is named"))?;
    Ok(first.commit.clone())
}

/// One commit for all releases of a move: gates judge one candidate.
pub fn one_candidate(releases: &[PlannedRelease]) -> Result<Oid> {
    let first = first_commit(releases)?;
    match releases.iter().zip(releases.iter().skip(1)).find(|(one, other)| one.commit != other.commit) {
        None => Ok(first),
        Some((one, other)) => {
            let at = |release: &PlannedRelease| format!("{} is at {}", release.name, release.commit.short());
            let fault = Fault::new(Reason::BadUsage, format!("{}, {}: gates judge one commit", at(one), at(other)));
            Err(fault.help("move them one after the other"))
        }
    }
}

/// A commit object must be here before a tag can point at it.
pub async fn bring_commit(world: &World, at: &crate::world::ledger::LedgerAt, release: &PlannedRelease, refs: &plan::Refs) -> Result<()> {
    if world.git.has(&release.commit)? && release.tag.as_ref().is_none_or(|tag| world.git.has(tag).unwrap_or(false)) {
        return Ok(());
    }
    let there = refs.get(&release.tag_ref).is_some_and(|fact| Some(&fact.oid) == release.tag.as_ref());
    let want = if there { Want::Ref(release.tag_ref.clone()) } else { Want::Oid(release.commit.clone()) };
    world.git.fetch_objects(&at.remote, &[want]).await
}

/// Reachability is a question about the remote's branches, so their commits must be here.
pub async fn bring_branches(situation: &Situation) -> Result<()> {
    let git = &situation.world().git;
    let mut wants = Vec::new();
    for branch in &situation.protocol().release_branches {
        let name: RefName = format!("refs/heads/{branch}").parse().map_err(|why: String| Fault::new(Reason::BadConfig, why))?;
        if let Some(fact) = situation.refs.get(&name)
            && !git.has(&fact.oid)?
        {
            wants.push(Want::Ref(name));
        }
    }
    git.fetch_objects(&situation.place.at.remote, &wants).await
}
