//! `follow`: tells again what came of a move, where the telling failed: the answer in the thread where it was asked for, and the hooks of
//! the policy in force. Nothing is moved, a thread that knows is not told twice, and hooks are called for a channel's newest move only.

use super::{
    Session, args,
    comment::tell_again,
    drive::{self, Judged},
    gather::{self, Situation},
    hooks,
};
use crate::{
    domain::{Fault, Reason, Result},
    release::{chain::Linked, rejudge},
    report::{Body, EntryShape, HookShape, Report},
};

pub async fn run(session: &Session, args: &args::Follow) -> Result<Report> {
    let situation = gather::situation(session).await?;
    let linked = the_move(&situation, args.serial)?;
    let entry = &linked.outline;
    let called = call(&situation, linked).await?;
    let is_lost = called.iter().any(|hook| hook.taken == Some(false));
    let answer = |reason| {
        let shape = EntryShape { moves: Vec::new(), ..EntryShape::of(entry, linked.oid.clone(), situation.place.at.branch.clone()) };
        let reason = if is_lost { Reason::FollowersFailed } else { reason };
        let report = situation.report(Report::new(reason, Body::Entry(shape)));
        let said =
            |hook: &HookShape| format!("hook {}: {}{}", hook.name, if hook.taken == Some(false) { "failed, " } else { "" }, hook.detail);
        called.iter().map(said).fold(report, Report::notice)
    };
    let comment = entry.source.strip_prefix("comment:").and_then(|id| id.parse().ok());
    let Some(comment) = comment else {
        let reason = if called.is_empty() { Reason::NothingToDo } else { Reason::Moved };
        let report = answer(reason).notice(format!("nobody waits for an answer: entry {} was not asked for in a comment", entry.serial));
        return Ok(if called.is_empty() { report } else { report.next("The hooks were called again; nothing was moved.") });
    };
    match tell_again(&situation, linked, comment).await? {
        true => Ok(answer(Reason::Moved).notice(format!("the thread of comment {comment} is told now")).next("Look at the thread.")),
        false => Ok(answer(Reason::AlreadyThere).notice(format!("the thread of comment {comment} was told before"))),
    }
}

/// Calls the hooks of a move, if it is the newest of its channel.
async fn call(situation: &Situation, linked: &Linked) -> Result<Vec<HookShape>> {
    let entry = &linked.outline;
    let newest = entry.channel.as_ref().and_then(|channel| situation.head.ledger().moves_of(channel).next());
    let policy = situation.head.policy();
    let (true, Some(cx)) = (newest.is_some_and(|newest| newest.oid == linked.oid), rejudge::context(entry, policy, None)) else {
        return Ok(Vec::new());
    };
    if policy.protocol.hooks.is_empty() {
        return Ok(Vec::new());
    }
    let facts = drive::ledger_facts(&situation.head);
    let judged = Judged { cx: &cx, gates: drive::policy_tree(situation)?, facts, effects: true, pulls: None };
    Ok(hooks::call(&drive::answerer(&situation.place, judged)?, &cx, entry).await)
}

/// The entry of this serial, or the newest that moved a channel or was asked for in a comment.
fn the_move(situation: &Situation, serial: Option<u64>) -> Result<&Linked> {
    let unknown = |why: String| Fault::new(Reason::BadUsage, why).help("`tagwarden history` shows the entries");
    match serial {
        Some(serial) => situation.head.entry(serial).ok_or_else(|| unknown(format!("the ledger has no entry {serial}"))),
        None => {
            let is_meant = |linked: &&Linked| linked.outline.action.moves() || linked.outline.source.starts_with("comment:");
            let newest = situation.head.entries().rev().find(is_meant);
            newest.ok_or_else(|| unknown("nothing was ever moved".to_owned()))
        }
    }
}
