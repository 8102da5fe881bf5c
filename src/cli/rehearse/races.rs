//! What happens between plan and push, and in the middle of the push: rivals, kills, servers that refuse.

use super::{
    drill::{Drill, Miss, Seen, wrong},
    players::{at, expect, kill, meanwhile, went_through},
    set::{RIVAL, SERVER},
    witness::Expected,
};
use crate::{domain::Reason, world::apply::Checkpoint};

/// A rival promotes the same release between our plan and our push.
pub async fn stale_lease(drill: &mut Drill) -> Seen {
    let cut = drill.ready().await?;
    let set = drill.set.clone();
    set.bring_rival()?;
    set.stand_at(RIVAL, &cut.commit)?;
    let before = set.refs()?;
    let words = drill.promotion(&cut);
    let (act, slot) = meanwhile(set.player(&set.cast.rival, RIVAL), &words);
    let answer = set.mover().run_through(&words, at(Checkpoint::BeforePush, act)).await;
    went_through(&slot, "the rival")?;
    // What was asked for is there; that it was the rival who did it is told, and counts once.
    expect(&answer, Reason::AlreadyThere)?;
    set.moved(&before, &Expected { action: "promote", by: &set.cast.rival, cut: &cut, entries: 1 })?;
    drill.promoted();
    Ok("the rival's move stands, ours left nothing behind".to_owned())
}

/// Somebody moves the channel tag alone, by hand, between our plan and our push.
pub async fn tag_moved_meanwhile(drill: &mut Drill) -> Seen {
    let cut = drill.ready().await?;
    let set = drill.set.clone();
    let tag = set.channel_tag()?;
    let before = set.refs()?;
    let elsewhere = other_tag(drill)?;
    let (hand, name, to) = (set.clone(), tag.to_string(), elsewhere.clone());
    let act = move || hand.move_by_hand(&name, &to);
    let answer = set.mover().run_through(&drill.promotion(&cut), at(Checkpoint::BeforePush, act)).await;
    let after = set.refs()?;
    if after.changed(&before) != [tag.as_str()] || after.get(tag.as_str()) != Some(elsewhere.as_str()) {
        return wrong(format!("refs changed: {}", after.changed(&before).join(", ")));
    }
    expect(&answer, Reason::HalfState)?;
    set.move_by_hand(tag.as_str(), before.get(tag.as_str()).unwrap_or_default())?;
    Ok("nothing of ours moved over it".to_owned())
}

/// Somebody moves the channel tag while the gates run.
pub async fn tag_moved_at_gates(drill: &mut Drill) -> Seen {
    let cut = drill.ready().await?;
    let set = drill.set.clone();
    let tag = set.channel_tag()?;
    let before = set.refs()?;
    let elsewhere = other_tag(drill)?;
    let (hand, name) = (set.clone(), tag.to_string());
    drill.stand_in.on_next(Box::new(move || {
        // What it did is looked at below.
        let _ = hand.move_by_hand(&name, &elsewhere);
    }));
    let answer = set.mover().run(&drill.promotion(&cut)).await;
    let after = set.refs()?;
    if after.changed(&before) != [tag.as_str()] {
        return wrong(format!("refs changed: {}", after.changed(&before).join(", ")));
    }
    expect(&answer, Reason::RefChanged)?;
    set.move_by_hand(tag.as_str(), before.get(tag.as_str()).unwrap_or_default())?;
    Ok("what was judged was no longer there, so nothing moved".to_owned())
}

/// A tag object that is not the channel's: the tag of a release.
pub fn other_tag(drill: &Drill) -> Result<String, Miss> {
    let refs = drill.set.refs()?;
    let tag = drill.memory.history.first().and_then(|cut| refs.get(cut.tag.as_str()));
    tag.map(str::to_owned).ok_or_else(|| Miss::Blocked("there is no release tag yet".to_owned()))
}

/// A hold that comes between plan and push stops the move.
pub async fn held_meanwhile(drill: &mut Drill) -> Seen {
    let cut = drill.ready().await?;
    let set = drill.set.clone();
    let before = set.refs()?;
    let hold = ["hold", "--channel", set.channel().as_str(), "--reason", "rehearsal"];
    let (act, slot) = meanwhile(set.player(&set.cast.rival, RIVAL), &hold);
    let answer = set.mover().run_through(&drill.promotion(&cut), at(Checkpoint::BeforePush, act)).await;
    went_through(&slot, "who holds")?;
    let after = set.refs()?;
    if after.changed(&before) != [set.ledger()] {
        return wrong(format!("refs changed: {}", after.changed(&before).join(", ")));
    }
    expect(&answer, Reason::StalePointer)?;
    let entries = set.entries(before.get(set.ledger()), &set.head(&after)?)?;
    if entries.len() != 1 || entries[0].json["action"] != "hold" {
        return wrong("another entry than the hold came");
    }
    super::recovery::lift(drill, &["--channel", set.channel().as_str()]).await?;
    Ok("the hold came first and counted".to_owned())
}

/// An entry that concerns something else comes between plan and push: ours is written anew behind it.
pub async fn unrelated(drill: &mut Drill) -> Seen {
    let cut = drill.ready().await?;
    let other = drill.cut(&[])?;
    let set = drill.set.clone();
    set.bring_rival()?;
    let before = set.refs()?;
    let (act, slot) = meanwhile(set.player(&set.cast.rival, RIVAL), &["stage", &other.name, "--at", &other.commit]);
    let answer = set.mover().run_through(&drill.promotion(&cut), at(Checkpoint::BeforePush, act)).await;
    went_through(&slot, "the rival")?;
    expect(&answer, Reason::Moved)?;
    let entry = set.moved(&before, &Expected { action: "promote", by: &set.cast.mover, cut: &cut, entries: 2 })?;
    let allowed = [set.ledger().to_owned(), set.channel_tag()?.to_string(), cut.tag.to_string(), other.tag.to_string()];
    if let Some(foreign) = set.refs()?.changed(&before).iter().find(|name| !allowed.contains(name)) {
        return wrong(format!("{foreign} changed too"));
    }
    drill.promoted();
    Ok(format!("moved by entry {}, behind the one that came between", entry.json["serial"]))
}

/// The process dies with everything written and nothing pushed.
pub async fn killed_before(drill: &mut Drill) -> Seen {
    let cut = drill.ready().await?;
    let set = drill.set.clone();
    let before = set.refs()?;
    let answer = set.mover().run_through(&drill.promotion(&cut), kill(Checkpoint::BeforePush)).await;
    expect(&answer, Reason::DrillFailed)?;
    set.refs()?.same_as(&before)?;
    super::promotions::promote(drill, None).await?;
    Ok("nothing had moved; run again, it moved".to_owned())
}

/// The process dies after the push, before it knows.
pub async fn killed_after(drill: &mut Drill) -> Seen {
    let cut = drill.ready().await?;
    let set = drill.set.clone();
    let before = set.refs()?;
    let answer = set.mover().run_through(&drill.promotion(&cut), kill(Checkpoint::AfterPush)).await;
    expect(&answer, Reason::DrillFailed)?;
    set.moved(&before, &Expected { action: "promote", by: &set.cast.mover, cut: &cut, entries: 1 })?;
    drill.unmoved(&drill.promotion(&cut), Reason::AlreadyThere).await?;
    drill.promoted();
    Ok("it had moved whole; run again, it recognised its claim".to_owned())
}

/// A hook of the server refuses one ref: first the tag, then the ledger.
pub async fn refused_by_server(drill: &mut Drill) -> Seen {
    let cut = drill.ready().await?;
    let set = drill.set.clone();
    let hook = format!("{SERVER}/hooks/update");
    for name in [set.channel_tag()?.to_string(), set.ledger().to_owned()] {
        set.scratch.script(&hook, &format!("#!/bin/sh\nif [ \"$1\" = '{name}' ]; then echo 'not today' >&2; exit 1; fi\n"))?;
        let refused = drill.unmoved(&drill.promotion(&cut), Reason::ServerRefused).await;
        set.scratch.remove(&hook)?;
        refused?;
    }
    Ok("one ref refused, none moved".to_owned())
}

/// A server without the atomic capability gets nothing. Staging shows it, since no gate can come before it.
pub async fn not_atomic(drill: &mut Drill) -> Seen {
    let cut = drill.cut(&[])?;
    let set = drill.set.clone();
    set.scratch.git(SERVER, &["config", "receive.advertiseAtomic", "false"])?;
    let refused = drill.unmoved(&["stage", &cut.name, "--at", &cut.commit], Reason::NoAtomic).await;
    set.scratch.git(SERVER, &["config", "--unset", "receive.advertiseAtomic"])?;
    refused?;
    Ok("nothing was sent to a server that cannot push atomically".to_owned())
}

/// A server that hides a ref moves the others in spite of the atomic push; they are taken back.
pub async fn split_by_server(drill: &mut Drill) -> Seen {
    let cut = drill.cut(&[])?;
    let set = drill.set.clone();
    set.scratch.git(SERVER, &["config", "receive.hideRefs", cut.tag.as_str()])?;
    let refused = drill.unmoved(&["stage", &cut.name, "--at", &cut.commit], Reason::PartialMove).await;
    set.scratch.git(SERVER, &["config", "--unset", "receive.hideRefs"])?;
    refused?;
    Ok("what moved alone was taken back".to_owned())
}
