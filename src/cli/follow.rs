//! `follow`: tells again what came of a move, where the telling failed: the answer in the thread where it was asked for. Nothing
//! is moved, and a thread that knows is not told twice.

use super::{
    Session, args,
    comment::tell_again,
    gather::{self, Situation},
};
use crate::{
    domain::{Fault, Reason, Result},
    release::chain::Linked,
    report::{Body, EntryShape, Report},
};

pub async fn run(session: &Session, args: &args::Follow) -> Result<Report> {
    let situation = gather::situation(session).await?;
    let linked = the_move(&situation, args.serial)?;
    let entry = &linked.outline;
    let answer = |reason| {
        let shape = EntryShape { moves: Vec::new(), ..EntryShape::of(entry, linked.oid.clone(), situation.place.at.branch.clone()) };
        situation.report(Report::new(reason, Body::Entry(shape)))
    };
    let comment = entry.source.strip_prefix("comment:").and_then(|id| id.parse().ok());
    let Some(comment) = comment else {
        return Ok(answer(Reason::NothingToDo)
            .notice(format!("nobody waits for an answer: entry {} was not asked for in a comment", entry.serial)));
    };
    match tell_again(&situation, linked, comment).await? {
        true => Ok(answer(Reason::Moved).notice(format!("the thread of comment {comment} is told now")).next("Look at the thread.")),
        false => Ok(answer(Reason::AlreadyThere).notice(format!("the thread of comment {comment} was told before"))),
    }
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
