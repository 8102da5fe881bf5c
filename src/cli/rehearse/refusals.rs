//! Promotions that must be refused, each for one cause alone: the release at hand lacks nothing else.

use super::{
    drill::{Cut, Drill, Miss, Seen, wrong},
    players::{expect, said},
    set::WORK,
    witness::Expected,
};
use crate::{
    domain::{ChannelName, GateId, Outcome, Reason, Verb},
    gate::{OnFail, When},
    report::{Body, Report},
    world::standin::Mood,
};

pub async fn failing_gate(drill: &mut Drill) -> Seen {
    let cut = drill.ready().await?;
    drill.mood(Mood::Wrong);
    let answer = drill.unmoved(&drill.promotion(&cut), Reason::GateFailed).await?;
    blocked_by(&answer, &drill.set.endpoint.gate, Outcome::Failed)?;
    Ok(format!("gate {} failed, nothing moved", drill.set.endpoint.gate))
}

pub async fn server_error(drill: &mut Drill) -> Seen {
    let cut = drill.ready().await?;
    drill.mood(Mood::Broken);
    let answer = drill.unmoved(&drill.promotion(&cut), Reason::GateInconclusive).await?;
    blocked_by(&answer, &drill.set.endpoint.gate, Outcome::Inconclusive)?;
    Ok(format!("gate {} is inconclusive, which is no pass", drill.set.endpoint.gate))
}

/// The port is closed, so the first gate that asks there blocks.
pub async fn unreachable(drill: &mut Drill) -> Seen {
    let cut = drill.ready().await?;
    let set = drill.set.clone();
    let required = |gate: &&GateId| set.protocol.gate(gate).is_some_and(|gate| gate.header.on_fail == OnFail::Halt);
    let Some(first) = set.asking.iter().filter(|gate| set.decides(gate, set.channel())).find(required) else {
        return Err(Miss::Blocked("no gate asks an endpoint".to_owned()));
    };
    drill.stand_in.close().await;
    let answer = drill.unmoved(&drill.promotion(&cut), Reason::GateInconclusive).await?;
    blocked_by(&answer, first, Outcome::Inconclusive)?;
    Ok(format!("gate {first} is inconclusive, which is no pass"))
}

/// The candidate's own `gates/` ask for less than the adopted ones.
pub async fn weakened(drill: &mut Drill) -> Seen {
    let set = drill.set.clone();
    let file = &set.endpoint.file;
    let text = set.scratch.git(WORK, &["cat-file", "blob", &format!("{}:{file}", set.tree)])?;
    let weaker = text.replace("\"halt\"", "\"document\"");
    if weaker == text {
        return Err(Miss::Blocked(format!("{file} has no word to weaken")));
    }
    let cut = drill.cut(&[(file.clone(), Some(weaker.into_bytes()))])?;
    drill.make_ready(&cut, set.channel(), None).await?;
    drill.displaced();
    drill.mood(Mood::Wrong);
    let answer = drill.unmoved(&drill.promotion(&cut), Reason::GateFailed).await?;
    blocked_by(&answer, &set.endpoint.gate, Outcome::Failed)?;
    Ok("the adopted policy decided, not the candidate's".to_owned())
}

/// What a verdict or ack gate wants is missing for this commit, although others have it.
pub async fn without(drill: &mut Drill, gate: &GateId) -> Seen {
    let set = drill.set.clone();
    let Some(channel) = first_channel(drill, gate) else { return wrong(format!("gate {gate} decides nowhere")) };
    let cut = drill.cut(&[])?;
    drill.make_ready(&cut, &channel, Some(gate)).await?;
    drill.displaced();
    let words = ["promote", &cut.name, "--channel", channel.as_str()];
    let answer = drill.unmoved(&words, Reason::GateFailed).await?;
    blocked_by(&answer, gate, Outcome::Failed)?;
    if set.protocol.gate(gate).is_some_and(|gate| gate.kind.id == "verdict")
        && let Some((last, others)) = set.cast.reviewers.split_last()
    {
        for reviewer in others {
            drill.done(&set.player(reviewer, WORK), &["verdict", "record", "SAFE", "--at", &cut.commit]).await?;
        }
        drill.done(&set.player(last, WORK), &["verdict", "record", "FINDINGS", "--at", &cut.commit]).await?;
        let answer = drill.unmoved(&words, Reason::GateFailed).await?;
        blocked_by(&answer, gate, Outcome::Failed)?;
    }
    Ok(format!("gate {gate} failed for a commit of which nobody said so"))
}

/// The first channel of the way on which a gate decides promotions.
pub fn first_channel(drill: &Drill, gate: &GateId) -> Option<ChannelName> {
    let gate = drill.set.protocol.gate(gate)?;
    drill.set.channels.iter().find(|channel| gate.applies(Verb::Promote, channel, When::Before)).cloned()
}

/// Own waivers and expired ones count for nothing; another person's counts, and the gate stays failed in the record.
pub async fn waiver(drill: &mut Drill) -> Seen {
    let set = drill.set.clone();
    let cut = drill.ready().await?;
    // A waiver names a release that exists.
    drill.done(&set.mover(), &["stage", &cut.name, "--at", &cut.commit]).await?;
    let (gate, channel) = (set.endpoint.gate.as_str(), set.channel().as_str());
    let waive = |until| ["waive", gate, "--channel", channel, "--release", &cut.name, "--until", until, "--reason", "rehearsal"];
    drill.mood(Mood::Wrong);
    let own = set.mover().run(&waive("1h")).await;
    // Whether the mover has the right to waive is the protocol's; that it does not help is not.
    if own.exit_code() != 0 {
        expect(&own, Reason::NotPermitted)?;
    }
    drill.unmoved(&drill.promotion(&cut), Reason::GateFailed).await?;
    drill.done(&set.player(&set.cast.waiver, WORK), &waive("90s")).await?;
    let late = set.mover().time().plus(crate::domain::Span::minutes(2));
    drill.unmoved_by(&set.mover().at(late), &drill.promotion(&cut), Reason::GateFailed).await?;
    let before = set.refs()?;
    let answer = set.mover().run(&drill.promotion(&cut)).await;
    expect(&answer, Reason::Moved)?;
    let expected = Expected { action: "promote", by: &set.cast.mover, cut: &cut, entries: 1 };
    let entry = set.moved(&before, &expected)?;
    let recorded = entry.json["gates"].as_array().into_iter().flatten().find(|record| record["id"] == gate).cloned().unwrap_or_default();
    if recorded["outcome"] != "failed" || !recorded["waiver"].is_u64() {
        return wrong(format!("the entry records gate {gate} as {recorded}"));
    }
    drill.promoted();
    Ok(format!("moved under the waiver of {} alone, recorded as failed", set.cast.waiver))
}

pub async fn no_right(drill: &mut Drill) -> Seen {
    let cut = drill.ready().await?;
    let bystander = drill.set.player(&drill.set.cast.bystander, WORK);
    drill.unmoved_by(&bystander, &drill.promotion(&cut), Reason::NotPermitted).await?;
    Ok(format!("{} signs, but has no right", drill.set.cast.bystander))
}

pub async fn stranger(drill: &mut Drill) -> Seen {
    let cut = drill.ready().await?;
    let stranger = drill.set.player(super::STRANGER, WORK);
    drill.unmoved_by(&stranger, &drill.promotion(&cut), Reason::NotPermitted).await?;
    Ok("a key that the policy does not list moves nothing".to_owned())
}

pub async fn no_key(drill: &mut Drill) -> Seen {
    let cut = drill.ready().await?;
    let nobody = drill.set.mover().with(super::copy::KEY_VARIABLE, "");
    drill.unmoved_by(&nobody, &drill.promotion(&cut), Reason::SignerMissing).await?;
    Ok("without a key nothing moves".to_owned())
}

pub async fn lower_version(drill: &mut Drill) -> Seen {
    let Some(older) = earlier(drill) else { return wrong("there is no earlier release") };
    drill.unmoved(&drill.promotion(&older), Reason::LowerVersion).await?;
    Ok(format!("{} is lower than what is there; that is a rollback's to do", older.name))
}

/// A release that was on the channel before the present one, and is lower.
fn earlier(drill: &Drill) -> Option<Cut> {
    let history = &drill.memory.history;
    history.len().checked_sub(2).map(|at| history[at].clone())
}

pub async fn version_reused(drill: &mut Drill) -> Seen {
    let Some(last) = drill.memory.history.last().cloned() else { return wrong("nothing was promoted yet") };
    let other = drill.cut(&[])?;
    drill.unmoved(&["stage", &last.name, "--at", &other.commit], Reason::VersionReused).await?;
    Ok(format!("{} keeps its commit", last.name))
}

pub async fn unmerged(drill: &mut Drill) -> Seen {
    let set = drill.set.clone();
    let commit = set.commit(&[], None, "on no release branch")?;
    let name = format!("{}@999.0.0", set.package);
    drill.unmoved(&["stage", &name, "--at", &commit], Reason::UnreachableCommit).await?;
    Ok("a commit of no release branch becomes no release".to_owned())
}

pub async fn not_after(drill: &mut Drill) -> Seen {
    let set = drill.set.clone();
    let cut = drill.cut(&[])?;
    drill.done(&set.mover(), &["stage", &cut.name, "--at", &cut.commit]).await?;
    drill.unmoved(&drill.promotion(&cut), Reason::NotAfter).await?;
    // A higher version exists now, so the pending one could no longer be made by the way.
    drill.memory.pending = None;
    Ok(format!("{} passes no channel by", cut.name))
}

pub async fn clock_behind(drill: &mut Drill) -> Seen {
    let cut = drill.ready().await?;
    let early = crate::domain::Timestamp::from_unix(drill.set.mover().time().unix() - 3600);
    drill.unmoved_by(&drill.set.mover().at(early), &drill.promotion(&cut), Reason::ClockBehind).await?;
    Ok("a clock an hour behind the ledger is not believed".to_owned())
}

/// The only gate that blocks is this one.
pub fn blocked_by(answer: &Report, gate: &GateId, outcome: Outcome) -> Result<(), Miss> {
    let Body::Move(shape) = &answer.body else { return wrong("the answer holds no gates") };
    let blocking: Vec<_> =
        shape.run.iter().flat_map(|run| &run.gates).filter(|gate| gate.blocks() && gate.outcome != Outcome::Skipped).collect();
    match blocking.as_slice() {
        [one] if one.id == *gate && one.outcome == outcome => Ok(()),
        _ => wrong(format!("{gate} should be {outcome} alone: {}", said(answer))),
    }
}
