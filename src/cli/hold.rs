//! `hold` and `unhold`: freeze a channel, a release or everything, with a reason; lift it again.

use super::{
    Session, acting, args, gather, releases,
    statement::{self, Intent},
};
use crate::{
    domain::{
        ChannelName, Finding, Result, Verb,
        state::{Body, HoldScope},
    },
    release::plan::{self, Located},
    report::Report,
    text::near,
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
    let acting = acting::acting(session, &situation.place, &situation.head).await?;
    let permit = acting.permit(situation.protocol(), verb, channel.as_ref())?;
    let intent = Intent { channel, reason: Some(args.reason.clone()), body: Some(Body::Hold { scope, of }), ..Intent::default() };
    let unknown = unknown_release(&situation, args, verb);
    let signing = situation.signing();
    let gather::Situation { place, head, .. } = situation;
    let applied = statement::write(&place, &acting, Some(head), &permit, verb, intent, time).await?;
    Ok(statement::report(&place, applied, signing).findings(unknown))
}

/// A hold on what is not there yet is meant, or a mistyped version.
fn unknown_release(situation: &gather::Situation, args: &args::Hold, verb: Verb) -> Option<Finding> {
    let name = plan::release_name(situation.protocol(), args.release.as_deref().filter(|_| verb == Verb::Hold)?).ok()?;
    let tag_ref = plan::release_ref(situation.protocol(), &name).ok()?;
    if !matches!(plan::locate(situation.head.state(), &situation.refs, &name, &tag_ref), Ok(Located::Missing)) {
        return None;
    }
    let known: Vec<String> = situation.head.state().staged.iter().map(|staged| releases::of_staged(staged).name().to_string()).collect();
    let meant = near::nearest(&name.to_string(), known.iter().map(String::as_str)).map(|near| format!("; `{near}` is there"));
    let finding = Finding::warning("hold/unknown-release", format!("there is no release {name} yet; it is held once it comes"));
    Some(finding.help(format!("`tagwarden unhold --release {name} --reason REASON` lifts it{}", meant.unwrap_or_default())))
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
