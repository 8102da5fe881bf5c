//! `waive`: a reasoned, expiring exception for one gate, channel and commit. It never counts for the person who moves.

use super::{
    Session, args, gather, releases,
    statement::{self, Intent},
};
use crate::{
    domain::{Fault, GateId, Reason, Result, Verb, state::Body},
    gate::{LoadedGate, Protocol},
    release::{plan, policy as rights},
    report::Report,
};

pub async fn run(session: &Session, args: &args::Waive) -> Result<Report> {
    let situation = gather::situation(session).await?;
    let time = situation.world().clock.now();
    let (channel, _) = plan::channel(situation.protocol(), situation.place.drafted.as_deref(), args.channel.as_str())?;
    let gate = gate(situation.protocol(), &args.gate)?;
    if !gate.header.waivable {
        let fault = Fault::new(Reason::NotPermitted, format!("the policy does not let anybody waive gate {}", gate.id));
        return Err(fault.help("`waivable: true` in its gate file would, once adopted"));
    }
    let until = args.until.from(time);
    if until <= time {
        return Err(Fault::new(Reason::BadUsage, format!("the waiver would end at {until}, and it is {time}")));
    }
    let release = releases::existing(&situation, &args.release).await?;
    let acting = gather::acting(session, &situation.place, situation.head.policy()).await?;
    let permit = rights::permit(situation.protocol(), &acting.actor, Verb::Waive, Some(&channel))?;
    let intent = Intent {
        channel: Some(channel),
        candidate: Some(release.commit.clone()),
        reason: Some(args.reason.clone()),
        body: Some(Body::Waive { gate: args.gate.clone(), until }),
        ..Intent::default()
    };
    let signing = situation.signing();
    let gather::Situation { place, head, .. } = situation;
    let applied = statement::write(&place, &acting, Some(head), &permit, Verb::Waive, intent, time).await?;
    Ok(statement::report(&place, applied, signing)
        .notice(format!("it ends at {until} and does not count for a move that {} asks for", acting.actor.id)))
}

/// A gate of the policy in force.
pub fn gate<'a>(protocol: &'a Protocol, id: &GateId) -> Result<&'a LoadedGate> {
    protocol.gate(id).ok_or_else(|| {
        let known: Vec<&str> = protocol.gates.iter().map(|gate| gate.id.as_str()).collect();
        Fault::new(Reason::BadUsage, format!("the adopted policy has no gate `{id}`")).help(format!("its gates: {}", known.join(", ")))
    })
}
