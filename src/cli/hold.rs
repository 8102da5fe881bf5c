//! `hold` and `unhold`: freeze a channel, a release or everything, with a reason; lift it again.

use super::{
    Session, args, gather,
    statement::{self, Intent},
};
use crate::{
    domain::{
        ChannelName, Result, Verb,
        state::{Body, HoldScope},
    },
    release::{plan, policy as rights},
    report::Report,
};

pub async fn hold(session: &Session, args: &args::Hold) -> Result<Report> {
    write(session, args, Verb::Hold).await
}

pub async fn unhold(session: &Session, args: &args::Hold) -> Result<Report> {
    write(session, args, Verb::Unhold).await
}

async fn write(session: &Session, args: &args::Hold, verb: Verb) -> Result<Report> {
    let situation = gather::situation(session).await?;
    let time = situation.world().clock.now();
    let (scope, of, channel) = target(&situation, args)?;
    let acting = gather::acting(session, &situation.place, &situation.head).await?;
    let permit = rights::permit(situation.protocol(), &acting.actor, &[], verb, channel.as_ref())?;
    let intent = Intent { channel, reason: Some(args.reason.clone()), body: Some(Body::Hold { scope, of }), ..Intent::default() };
    let signing = situation.signing();
    let gather::Situation { place, head, .. } = situation;
    let applied = statement::write(&place, &acting, Some(head), &permit, verb, intent, time).await?;
    Ok(statement::report(&place, applied, signing))
}

fn target(situation: &gather::Situation, args: &args::Hold) -> Result<(HoldScope, Option<String>, Option<ChannelName>)> {
    match (&args.channel, &args.release) {
        (Some(channel), _) => {
            let (channel, _) = plan::channel(situation.protocol(), situation.place.drafted.as_deref(), channel.as_str())?;
            Ok((HoldScope::Channel, Some(channel.to_string()), Some(channel)))
        }
        (None, Some(release)) => Ok((HoldScope::Release, Some(plan::release_name(situation.protocol(), release)?.to_string()), None)),
        (None, None) => Ok((HoldScope::All, None, None)),
    }
}
