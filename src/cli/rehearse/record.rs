//! `rehearse --record`: what must be so before a rehearsal can be recorded, and the entry that records it.
//!
//! What is rehearsed must be what decides: the HEAD commit has the policy in force, and the tags of the channel are where the ledger says.
//! A rehearsal that failed is recorded as well, so that an earlier one does not count any more.
//!
//! Deliberately absent: the moves themselves, which are rehearsed in the scratch copy and nowhere else.

use super::{
    drill::{Drill, Seen, wrong},
    set::SERVER,
};
use crate::{
    attest::statement::REPORT_PATH,
    cli::{
        Session, acting, args,
        gather::{self, Situation},
        statement::{self, Intent},
    },
    domain::{
        ChannelName, Digest, Fault, Oid, Reason, RefName, Result, Verb,
        digest::canonical_json,
        state::{Body, ChannelState},
    },
    release::{
        plan,
        policy::Permit,
        rehearsal::{SCHEMA, failed},
        state::channel_tags,
    },
    report::{RehearsalShape, shape::LedgerPlace},
    world::{git::ObjectKind, ledger::bring},
};

/// What a rehearsal is recorded for.
pub struct Ground {
    pub channel: ChannelName,
    /// What is on the channel.
    present: Option<Present>,
    /// The tree of the policy in force.
    policy: Oid,
}

struct Present {
    /// What was judged; the entry names it.
    candidate: Oid,
    /// What the channel's tags peel to.
    shown: Oid,
}

/// Looks before anything is rehearsed whether it could be recorded. Faults: those of every verb that writes; `policy_unadopted` where
/// HEAD has another policy, `half_state` where a tag of the channel was moved by hand.
pub async fn ground(session: &Session, args: &args::Rehearse) -> Result<Ground> {
    let situation = gather::situation(session).await?;
    let channel = super::channel(situation.protocol(), args)?;
    permit(session, &situation, &channel).await?;
    let policy = situation.head.state().policy.tree.clone();
    if situation.place.committed.as_ref() != Some(&policy) {
        let committed = situation.place.committed.as_ref().map_or("nothing".to_owned(), |tree| tree.short().to_owned());
        let why =
            format!("the gates/ of the HEAD commit ({committed}) are not the policy in force ({}), which is what decides", policy.short());
        let fault = Fault::new(Reason::PolicyUnadopted, why);
        return Err(fault
            .help("check out a commit that has the policy in force, or adopt this one first: `tagwarden policy adopt --reason REASON`"));
    }
    let present = situation.head.state().channels.get(&channel);
    let names = present.map(|present| in_place(&situation, present)).transpose()?.unwrap_or_default();
    bring(&situation.world().git, &situation.place.at, &names).await?;
    let present = present.map(|present| Present { candidate: present.candidate.clone(), shown: present.shown().clone() });
    Ok(Ground { channel, present, policy })
}

async fn permit(session: &Session, situation: &Situation, channel: &ChannelName) -> Result<(acting::Acting, Permit)> {
    let acting = acting::acting(session, &situation.place, &situation.head).await?;
    let permit = acting.permit(situation.protocol(), Verb::Rehearse, Some(channel))?;
    Ok((acting, permit))
}

/// The tags of the channel, where each is what the ledger says.
fn in_place(situation: &Situation, present: &ChannelState) -> Result<Vec<RefName>> {
    let in_place = |(name, oid): (RefName, &Oid)| {
        let there = situation.refs.get(&name).map(|fact| &fact.oid);
        if there == Some(oid) { Ok(name) } else { Err(plan::half_state(&name, Some(oid), there)) }
    };
    channel_tags(present).map(|tag| in_place((tag.name.clone(), &tag.oid))).collect()
}

/// The step that only a rehearsal for the record has: a rollback would want every file of what is on the channel.
pub async fn way_back(drill: &mut Drill) -> Seen {
    let set = drill.set.clone();
    let present = set.ground.as_ref().and_then(|ground| ground.present.as_ref());
    let Some(present) = present else { return Ok(format!("nothing is on {}, so a rollback would lead nowhere", set.channel())) };
    let commit = &present.shown;
    let Some((tree, ObjectKind::Tree)) = set.live.object_at(commit, "")? else {
        return wrong(format!("commit {} is on {}, and is not here", commit.short(), set.channel()));
    };
    set.scratch.copy(&set.live, &tree, SERVER).await?;
    let files = set.scratch.files(SERVER, tree.as_str())?.len();
    Ok(format!("every file of commit {} on {} is here ({files})", commit.short(), set.channel()))
}

/// Writes the entry. Faults: `policy_unadopted` and `stale_pointer` where the policy, or what is on the channel, changed meanwhile.
pub async fn write(session: &Session, ground: &Ground, shape: &RehearsalShape) -> Result<LedgerPlace> {
    let situation = gather::situation(session).await?;
    let (acting, permit) = permit(session, &situation, &ground.channel).await?;
    if situation.head.state().policy.tree != ground.policy {
        let why = "another policy was adopted while this one was rehearsed; nothing was recorded";
        return Err(Fault::new(Reason::PolicyUnadopted, why).help("rehearse that one: the same command again"));
    }
    let mut report = serde_json::to_value(shape).map_err(|error| Fault::new(Reason::Internal, error.to_string()))?;
    report["schema"] = SCHEMA.into();
    let report = canonical_json(&report)?;
    let failed = failed(&report).map_err(|why| Fault::new(Reason::Internal, format!("the report {why}")))?;
    let intent = Intent {
        channel: Some(ground.channel.clone()),
        candidate: ground.present.as_ref().map(|present| present.candidate.clone()),
        body: Some(Body::Rehearse { report: Digest::of(&report), failed }),
        evidence: vec![(REPORT_PATH.to_owned(), report)],
        ..Intent::default()
    };
    let Situation { place, head, .. } = situation;
    let time = place.world.clock.now();
    let applied = statement::write(&place, &acting, Some(head), &permit, Verb::Rehearse, intent, time).await?;
    Ok(LedgerPlace { name: place.at.branch.clone(), entry: applied.entry, serial: applied.record.serial })
}
