//! `promote`: the gates of a channel, then one atomic move of its tag together with the ledger entry.

use super::{
    Session, args, gather,
    moving::{self, PlanKey},
    releases,
};
use crate::{
    domain::{Fault, Reason, Result, Verb},
    release::{
        plan::{self, Plan, PlannedRelease},
        policy as rights,
    },
    report::Report,
};

pub async fn run(session: &Session, args: &args::Promote) -> Result<Report> {
    let situation = gather::situation(session).await?;
    let (channel, rules) = plan::channel(situation.protocol(), situation.place.drafted.as_deref(), args.channel.as_str())?;
    let (after, time) = (rules.after.clone(), situation.world().clock.now());
    let acting = gather::acting(session, &situation.place, situation.head.policy()).await?;
    let permit = rights::permit(situation.protocol(), &acting.actor, Verb::Promote, Some(&channel))?;
    let wanted = releases::names(situation.protocol(), &args.releases)?;
    let packages: Vec<_> = wanted.iter().map(|name| name.package.clone()).collect();
    let tags = plan::channel_tags((&channel, rules), &packages, situation.head.state(), &situation.refs)?;
    let releases = releases::resolve(&situation, wanted).await?;
    let claim = claim(args, &channel, &releases)?;
    let key = PlanKey { verb: Verb::Promote, channel: channel.clone(), releases: names(&releases), claim: claim.clone() };
    if let Some(linked) = moving::recognise(&situation, &key, args.moving.claim.is_some())? {
        return moving::already(&situation, Verb::Promote, linked);
    }
    if plan::is_there(situation.head.state(), &channel, &releases) {
        return already_there(&situation, &channel).await;
    }
    rights::refuse_held(situation.head.state(), &acting.actor, Verb::Promote, &channel, &names(&releases))?;
    plan::check_versions(situation.head.state(), &channel, &releases)?;
    plan::check_after(situation.head.state(), &channel, after.as_ref(), &releases)?;
    for release in &releases {
        moving::bring_commit(situation.world(), &situation.place.at, release, &situation.refs).await?;
    }
    moving::bring_branches(&situation).await?;
    moving::check_reachable(&situation, &releases).await?;
    let creates = releases.iter().any(|release| release.tag.is_none());
    if creates {
        rights::permit(situation.protocol(), &acting.actor, Verb::Stage, Some(&channel))?;
    }
    let plan = Plan {
        verb: Verb::Promote,
        candidate: moving::one_candidate(&releases)?,
        channel,
        after,
        releases,
        tags,
        policy: situation.head.state().policy.tree.clone(),
        policy_version: situation.head.state().policy.version,
        actor: acting.actor.clone(),
        reason: args.reason.clone(),
        claim,
        source: "cli".to_owned(),
        time,
        body: None,
    };
    let mut made: Vec<String> = plan
        .releases
        .iter()
        .filter(|release| release.tag.is_none())
        .map(|release| format!("{} is new, at {}", release.name, release.commit))
        .collect();
    let report = moving::run(situation, &acting, plan, permit, &args.moving).await?;
    Ok(made.drain(..).fold(report, Report::notice))
}

fn names(releases: &[PlannedRelease]) -> Vec<String> {
    releases.iter().map(|release| release.name.to_string()).collect()
}

fn claim(args: &args::Promote, channel: &crate::domain::ChannelName, releases: &[PlannedRelease]) -> Result<crate::domain::Digest> {
    let commits: Vec<_> = releases.iter().map(|release| (release.name.to_string(), &release.commit)).collect();
    let request = serde_json::json!({ "verb": "promote", "channel": channel, "releases": commits, "reason": args.reason });
    rights::claim(args.moving.claim.as_deref(), &request)
}

/// The channel is there: exit 0 only where tag, entry and evidence agree. The tag was compared when the plan was made.
async fn already_there(situation: &gather::Situation, channel: &crate::domain::ChannelName) -> Result<Report> {
    use crate::world::ledger::{Depth, read_chain};
    let serial = situation.head.state().channels.get(channel).map(|now| now.serial);
    let linked = serial.and_then(|serial| situation.head.entry(serial));
    let linked =
        linked.ok_or_else(|| Fault::new(Reason::LedgerBroken, format!("the entry that put {channel} where it is is not in effect")))?;
    let full = read_chain(&situation.world().git, situation.head.head(), Depth::Full).await?;
    crate::release::chain::verify(&full, &[]).into_verified()?;
    moving::already(situation, Verb::Promote, linked)
}
