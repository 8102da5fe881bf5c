//! The probe ref: can the remote take a ref, give it back and let it go? Each step is a push under its lease, so that nobody
//! else's ref is ever touched.
//!
//! A push whose answer was lost proves nothing: the refs are read, what is there of ours is taken away again, and what cannot be
//! told is said with the name of the ref.

use crate::{
    domain::{Fault, Oid, RefName, Timestamp},
    gate::{
        Unavailable,
        probe::{PROBE_REFS, ProbeRefGot, why},
    },
    world::git::{Git, ObjectKind, PushEnd, PushSpec, Update},
};
use std::collections::BTreeMap;

/// Writes `refs/tagwarden/probe/<id>`, reads it back, removes it. Whatever the reading gives, the removal is tried.
pub async fn probe(git: &Git, remote: &str, id: &str, now: Timestamp) -> Result<ProbeRefGot, Unavailable> {
    let name: RefName = format!("{PROBE_REFS}{id}").parse().map_err(|why: String| Unavailable::new(why::BAD_QUESTION).detail(why))?;
    let written = commit(git, id, now).await.map_err(unreadable)?;
    match push(git, remote, &name, None, Some(&written)).await? {
        Pushed::Done => {}
        Pushed::Refused(words) => return Err(Unavailable::new("refused").detail(words)),
        Pushed::NotSent(words) => return Err(Unavailable::new(why::UNREACHABLE).detail(words)),
        Pushed::Unknown(words) => {
            let left = take_away(git, remote, &name, &written).await;
            return Err(Unavailable::new(why::UNREACHABLE).detail(format!("{words}; {left}")));
        }
    }
    let seen = git.ls_remote(remote, &[name.as_str()]).await;
    let removed = remove(git, remote, &name, &written).await;
    let read_back = seen.map_err(unreachable)?.get(&name).map(|found| found.oid.clone());
    match removed {
        Removed::Yes => Ok(ProbeRefGot { name: name.to_string(), written, read_back, removed: true }),
        Removed::No(_) => Ok(ProbeRefGot { name: name.to_string(), written, read_back, removed: false }),
        Removed::Unknown(words) => {
            let why = format!("{name} was written, and whether it is there still is not known: {words}");
            Err(Unavailable::new(why::UNREACHABLE).detail(why))
        }
    }
}

/// What became of a removal.
pub enum Removed {
    Yes,
    /// Why not.
    No(String),
    /// Neither the answer nor the refs tell.
    Unknown(String),
}

/// Removes a ref where it holds this object still. The refs decide where the answer to the push does not.
pub async fn remove(git: &Git, remote: &str, name: &RefName, held: &Oid) -> Removed {
    let words = match push(git, remote, name, Some(held), None).await {
        Ok(Pushed::Done) => return Removed::Yes,
        Ok(Pushed::Refused(words)) => return Removed::No(words),
        Ok(Pushed::NotSent(words) | Pushed::Unknown(words)) => words,
        Err(unavailable) => unavailable.detail.unwrap_or(unavailable.why),
    };
    match git.ls_remote(remote, &[name.as_str()]).await {
        Ok(refs) if refs.get(name).is_some_and(|found| found.oid == *held) => Removed::No(words),
        Ok(_) => Removed::Yes,
        Err(_) => Removed::Unknown(words),
    }
}

/// After a push that may have written the ref: whether it is there, and what became of it.
async fn take_away(git: &Git, remote: &str, name: &RefName, written: &Oid) -> String {
    let is_ours = match git.ls_remote(remote, &[name.as_str()]).await {
        Ok(refs) => refs.get(name).is_some_and(|found| found.oid == *written),
        Err(fault) => return format!("whether {name} is there is not known: {}", fault.message),
    };
    if !is_ours {
        return format!("{name} is not there now; where the server is at work still, it may come");
    }
    let what = match remove(git, remote, name, written).await {
        Removed::Yes => "is removed again",
        Removed::No(_) => "is still there",
        Removed::Unknown(_) => "whether it is there still is not known",
    };
    format!("{name} was written all the same, and {what}")
}

/// A commit of its own with an empty tree, so that no other ref holds it.
async fn commit(git: &Git, id: &str, now: Timestamp) -> Result<Oid, Fault> {
    let tree = git.write_tree(&BTreeMap::new()).await?;
    let who = format!("tagwarden <> {} +0000", now.unix());
    let raw = format!("tree {tree}\nauthor {who}\ncommitter {who}\n\nprobe {id}\n");
    git.write_object(ObjectKind::Commit, raw.as_bytes()).await
}

/// How a push of the one ref ended.
enum Pushed {
    Done,
    /// Nothing moved; the words are the server's or git's own.
    Refused(String),
    NotSent(String),
    Unknown(String),
}

async fn push(git: &Git, remote: &str, name: &RefName, expect: Option<&Oid>, new: Option<&Oid>) -> Result<Pushed, Unavailable> {
    let update = Update { name: name.clone(), expect: expect.cloned(), new: new.cloned() };
    let answer = git.push(remote, &PushSpec { updates: vec![update] }).await.map_err(unreachable)?;
    Ok(match answer.end {
        PushEnd::Moved => Pushed::Done,
        PushEnd::UpToDate => Pushed::Refused("somebody wrote the probe ref at the same time".to_owned()),
        PushEnd::NoAtomic => Pushed::Refused("the server cannot push atomically".to_owned()),
        PushEnd::Refused(words) | PushEnd::Stale(words) | PushEnd::Locked(words) => Pushed::Refused(words),
        PushEnd::NotSent(words) => Pushed::NotSent(words),
        PushEnd::Unknown(words) | PushEnd::Partial(words) => Pushed::Unknown(words),
    })
}

fn unreachable(fault: Fault) -> Unavailable {
    Unavailable::new(why::UNREACHABLE).detail(fault.message)
}

fn unreadable(fault: Fault) -> Unavailable {
    Unavailable::new(why::UNREADABLE).detail(fault.message)
}
