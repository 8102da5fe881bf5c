//! `promote`: the gates of a channel, then one atomic move of its tag together with the ledger entry.

use super::{
    Session, acting, activation, args, gather,
    moving::{self, Flags, Request},
    releases,
};
use crate::{
    domain::{ChannelName, Result, Verb, state::Body},
    release::{
        plan::{self, Plan, PlannedRelease},
        transition,
    },
    report::Report,
};

pub async fn run(session: &Session, args: &args::Promote) -> Result<Report> {
    let situation = gather::situation(session).await?;
    let (channel, rules) = plan::channel(situation.protocol(), situation.place.drafted.as_deref(), args.channel.as_str())?;
    let (after, time) = (rules.after.clone(), situation.world().clock.now());
    let acting = acting::acting(session, &situation.place, &situation.head).await?;
    let permit = acting.permit(situation.protocol(), Verb::Promote, Some(&channel))?;
    let wanted = releases::names(&situation, &args.releases)?;
    let packages: Vec<_> = wanted.iter().map(|name| &name.package).chain(&args.retire).cloned().collect();
    let tags = plan::channel_tags((&channel, rules), &packages, situation.head.state(), &situation.refs)?;
    let releases = releases::resolve(&situation, wanted, args.meant.sha.as_ref()).await?;
    let candidate = match situation.protocol().catalog.pointer(&channel) {
        Some(_) => activation::first_commit(&situation, &channel, &releases)?,
        None => {
            args.meant.check(&releases)?;
            moving::one_candidate(&releases)?
        }
    };
    let request = request(args, acting.claim(), &channel, &releases);
    let claim = match moving::recognise(&situation, &request)? {
        Ok(claim) => claim,
        Err(linked) => return moving::already(&situation, Verb::Promote, linked),
    };
    let retires = activation::retired(&situation, &channel, &releases, &args.retire).await?;
    let plan = Plan {
        verb: Verb::Promote,
        candidate,
        channel,
        after,
        releases,
        tags,
        pointer: None,
        policy: situation.head.state().policy.tree.clone(),
        policy_version: situation.head.state().policy.version,
        actor: acting.actor.clone(),
        reason: args.reason.clone(),
        claim,
        source: acting.source(),
        time,
        body: (!retires.is_empty()).then_some(Body::Promote { retires }),
    };
    if transition::is_there(situation.head.ledger(), &plan.channel, &plan.as_releases(), plan.retires())
        && !situation.head.ledger().claims.contains_key(&plan.claim)
    {
        return moving::already_at(&situation, &plan.channel);
    }
    moving::early(&situation, &acting, &plan)?;
    let plan = activation::complete(&situation, plan).await?;
    args.meant.check_activation(&plan)?;
    for release in &plan.releases {
        moving::bring_commit(situation.world(), &situation.place.at, release, &situation.refs).await?;
    }
    moving::bring_branches(&situation).await?;
    moving::check_reachable(&situation, plan.commits()).await?;
    let mut made: Vec<String> = plan
        .releases
        .iter()
        .filter(|release| release.tag.is_none())
        .map(|release| format!("{} is new, at {}", release.name, release.commit))
        .collect();
    let report = moving::run(session, situation, &acting, plan, permit, Flags { moving: &args.moving, scheduled: args.scheduled }).await?;
    Ok(made.drain(..).fold(report, Report::notice))
}

fn names(releases: &[PlannedRelease]) -> Vec<String> {
    releases.iter().map(|release| release.name.to_string()).collect()
}

fn request(args: &args::Promote, claim: Option<String>, channel: &ChannelName, releases: &[PlannedRelease]) -> Request {
    let commits: Vec<_> = releases.iter().map(|release| (release.name.to_string(), &release.commit)).collect();
    let mut about = serde_json::json!({ "releases": commits, "reason": args.reason });
    if !args.retire.is_empty() {
        about["retire"] = serde_json::json!(args.retire);
    }
    let claim = args.moving.claim.clone().or(claim);
    Request { verb: Verb::Promote, channel: channel.clone(), releases: names(releases), about, claim }
}
