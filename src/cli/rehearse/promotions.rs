//! The plain way: adoption, promotions, the same one again.

use super::{
    drill::{Drill, Seen, wrong},
    players::expect,
    set::{SERVER, WORK},
    witness::Expected,
};
use crate::domain::{Reason, Verb};

/// Entry 0 brings the policy, and only what is committed.
pub async fn adoption(drill: &mut Drill) -> Seen {
    let set = drill.set.clone();
    let before = set.refs()?;
    let answer = set.mover().run(&["policy", "adopt", "--reason", "rehearsal"]).await;
    expect(&answer, Reason::Moved)?;
    let after = set.refs()?;
    if after.changed(&before) != [set.ledger()] {
        return wrong(format!("refs changed: {}", after.changed(&before).join(", ")));
    }
    let head = set.head(&after)?;
    let entries = set.entries(None, &head)?;
    let adopted = set.scratch.git(SERVER, &["rev-parse", &format!("{head}:policy")])?;
    let committed = set.scratch.git(WORK, &["rev-parse", &format!("HEAD:{}", set.folder())])?;
    if entries.len() != 1 || entries[0].json["action"] != "adopt" || adopted != committed {
        return wrong("entry 0 does not adopt the committed policy");
    }
    set.signed_by(&head, &set.cast.mover)?;
    drill.memory.genesis = Some(head);
    Ok(format!("entry 0 by {} adopts the committed policy", set.cast.mover))
}

/// Without a ledger nothing moves, and none is made by the way.
pub async fn no_ledger(drill: &mut Drill) -> Seen {
    let cut = drill.cut(&[])?;
    drill.unmoved(&drill.promotion(&cut), Reason::NoLedger).await?;
    Ok("refused; no ledger came into being".to_owned())
}

pub async fn first(drill: &mut Drill) -> Seen {
    let seen = promote(drill, None).await?;
    let tag = drill.set.channel_tag()?;
    drill.memory.first = Some(drill.set.scratch.files(SERVER, tag.as_str())?);
    Ok(seen)
}

pub async fn second(drill: &mut Drill) -> Seen {
    promote(drill, Some(CLAIM)).await
}

/// The claim of the second promotion.
const CLAIM: &str = "rehearsal-second";

/// Promotes the release that is ready, and looks at everything that came of it.
pub async fn promote(drill: &mut Drill, claim: Option<&str>) -> Seen {
    let cut = drill.ready().await?;
    let set = drill.set.clone();
    let before = set.refs()?;
    let asked = drill.stand_in.asked(&set.endpoint.gate);
    let mut words = drill.promotion(&cut).to_vec();
    words.extend(claim.into_iter().flat_map(|claim| ["--claim", claim]));
    let answer = set.mover().run(&words).await;
    expect(&answer, Reason::Moved)?;
    let entry = set.moved(&before, &Expected { action: "promote", by: &set.cast.mover, cut: &cut, entries: 1 })?;
    if drill.stand_in.asked(&set.endpoint.gate) == asked {
        return wrong(format!("gate {} never asked its endpoint", set.endpoint.gate));
    }
    let required = set.protocol.gates_for(Verb::Promote, set.channel(), crate::gate::When::Before).count();
    let recorded = entry.json["gates"].as_array().map_or(0, Vec::len);
    if recorded != required {
        return wrong(format!("the entry records {recorded} gates, {required} decide"));
    }
    set.signed_by(&entry.oid, &set.cast.mover)?;
    set.is_signed_tag(&set.channel_tag()?.to_string())?;
    drill.promoted();
    Ok(format!("{} is on {}, {recorded} gates recorded in entry {}", cut.name, set.channel(), entry.json["serial"]))
}

/// The very same request, and the same release with other words.
pub async fn again(drill: &mut Drill) -> Seen {
    let Some(cut) = drill.memory.history.last().cloned() else { return wrong("nothing was promoted yet") };
    let asked = drill.stand_in.asked(&drill.set.endpoint.gate);
    drill.unmoved(&drill.promotion(&cut), Reason::AlreadyThere).await?;
    let other = ["promote", &cut.name, "--channel", drill.set.channel().as_str(), "--reason", "for another reason"];
    drill.unmoved(&other, Reason::AlreadyThere).await?;
    if drill.stand_in.asked(&drill.set.endpoint.gate) != asked {
        return wrong("gates were asked although nothing was to be done");
    }
    Ok("nothing moved, no second entry, no gate asked".to_owned())
}

/// A claim moves things once.
pub async fn claim_again(drill: &mut Drill) -> Seen {
    let cut = drill.ready().await?;
    let mut words = drill.promotion(&cut).to_vec();
    words.extend(["--claim", CLAIM]);
    drill.unmoved(&words, Reason::ClaimUsed).await?;
    Ok(format!("the claim {CLAIM} does not move a second release"))
}

/// A dry run writes nothing.
pub async fn dry_run(drill: &mut Drill) -> Seen {
    let cut = drill.ready().await?;
    let mut words = drill.promotion(&cut).to_vec();
    words.push("--dry-run");
    drill.unmoved(&words, Reason::Passed).await?;
    Ok("planned, nothing written".to_owned())
}
