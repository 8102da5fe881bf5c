//! The probe ref: can the remote take a ref, give it back and let it go? Each step is a push under its lease, so that nobody
//! else's ref is ever touched.

use crate::{
    domain::{Fault, Oid, RefName, Timestamp},
    gate::{
        Unavailable,
        probe::{ProbeRefGot, why},
    },
    world::git::{Git, ObjectKind, PushEnd, PushSpec, Update},
};
use std::collections::BTreeMap;

/// Writes `refs/tagwarden/probe/<id>`, reads it back, removes it. Whatever the reading gives, the removal is tried.
pub async fn probe(git: &Git, remote: &str, id: &str, now: Timestamp) -> Result<ProbeRefGot, Unavailable> {
    let name: RefName =
        format!("refs/tagwarden/probe/{id}").parse().map_err(|why: String| Unavailable::new(why::BAD_QUESTION).detail(why))?;
    let written = commit(git, id, now).await.map_err(unreadable)?;
    push(git, remote, &name, None, Some(&written)).await?;
    let seen = git.ls_remote(remote, &[name.as_str()]).await;
    let removed = push(git, remote, &name, Some(&written), None).await.is_ok();
    let read_back = seen.map_err(unreachable)?.get(&name).map(|found| found.oid.clone());
    Ok(ProbeRefGot { name: name.to_string(), written, read_back, removed })
}

/// A commit of its own with an empty tree, so that no other ref holds it.
async fn commit(git: &Git, id: &str, now: Timestamp) -> Result<Oid, Fault> {
    let tree = git.write_tree(&BTreeMap::new()).await?;
    let who = format!("tagwarden <> {} +0000", now.unix());
    let raw = format!("tree {tree}\nauthor {who}\ncommitter {who}\n\nprobe {id}\n");
    git.write_object(ObjectKind::Commit, raw.as_bytes()).await
}

async fn push(git: &Git, remote: &str, name: &RefName, expect: Option<&Oid>, new: Option<&Oid>) -> Result<(), Unavailable> {
    let update = Update { name: name.clone(), expect: expect.cloned(), new: new.cloned() };
    let answer = git.push(remote, &PushSpec { updates: vec![update] }).await.map_err(unreachable)?;
    let refused = |words: String| Err(Unavailable::new("refused").detail(words));
    match answer.end {
        PushEnd::Moved => Ok(()),
        PushEnd::UpToDate => refused("somebody wrote the probe ref at the same time".to_owned()),
        PushEnd::NoAtomic => refused("the server cannot push atomically".to_owned()),
        PushEnd::Refused(words) | PushEnd::Stale(words) | PushEnd::Locked(words) | PushEnd::Partial(words) => refused(words),
        PushEnd::NotSent(words) | PushEnd::Unknown(words) => Err(Unavailable::new(why::UNREACHABLE).detail(words)),
    }
}

fn unreachable(fault: Fault) -> Unavailable {
    Unavailable::new(why::UNREACHABLE).detail(fault.message)
}

fn unreadable(fault: Fault) -> Unavailable {
    Unavailable::new(why::UNREADABLE).detail(fault.message)
}
