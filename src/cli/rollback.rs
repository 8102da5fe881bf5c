//! `rollback`: back to a release this channel had, by the oids that the ledger recorded. Only gates that decide rollbacks are
//! asked; the release that is left gets a hold, and so does the channel for automation.

use super::{
    Session, args, gather,
    moving::{self, PlanKey},
    releases,
};
use crate::{
    domain::{
        ActorKind, ChannelName, Fault, PackageName, Reason, Release, Result, Verb,
        state::{Body, HoldScope, HoldTarget},
    },
    release::{
        chain::Linked,
        plan::{self, Plan, PlannedRelease},
        policy as rights,
        state::holds_on,
    },
    report::Report,
};

pub async fn run(session: &Session, args: &args::Rollback) -> Result<Report> {
    let situation = gather::situation(session).await?;
    let (channel, rules) = plan::channel(situation.protocol(), situation.place.drafted.as_deref(), args.channel.as_str())?;
    let time = situation.world().clock.now();
    let acting = gather::acting(session, &situation.place, situation.head.policy()).await?;
    let permit = rights::permit(situation.protocol(), &acting.actor, Verb::Rollback, Some(&channel))?;
    let wanted = releases::names(situation.protocol(), &args.releases)?;
    let named: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    let request = serde_json::json!({ "verb": "rollback", "channel": channel, "releases": named, "reason": args.reason });
    let claim = rights::claim(args.moving.claim.as_deref(), &request)?;
    let key = PlanKey { verb: Verb::Rollback, channel: channel.clone(), releases: named, claim: claim.clone() };
    if let Some(linked) = moving::recognise(&situation, &key, args.moving.claim.is_some())? {
        let again = format!("to go back further, name the release: `tagwarden rollback RELEASE --channel {channel} --reason REASON`");
        return Ok(moving::already(&situation, Verb::Rollback, linked)?.notice(again));
    }
    let entries: Vec<&Linked> = situation.head.newest_first().filter(|linked| occupies(linked, &channel)).collect();
    let Some(last) = entries.first() else {
        let fault = Fault::new(Reason::UnknownRelease, format!("nothing was ever promoted to {channel}"));
        return Err(fault.help(format!("`tagwarden promote RELEASE --channel {channel}` would be the first")));
    };
    if last.entry.action == Verb::Rollback && acting.actor.kind == ActorKind::Automation {
        return Err(Fault::new(Reason::NotPermitted, "automation may not roll back a rollback"));
    }
    let targets = match wanted.is_empty() {
        true => last_set(&situation, &channel, &entries)?,
        false => wanted.iter().map(|name| had(&entries, &channel, name)).collect::<Result<_>>()?,
    };
    let releases = targets.iter().map(|release| planned(&situation, release)).collect::<Result<Vec<PlannedRelease>>>()?;
    if plan::is_there(situation.head.state(), &channel, &releases) {
        let names = releases.iter().map(|release| release.name.to_string()).collect::<Vec<_>>().join(", ");
        return Err(Fault::new(Reason::UnknownRelease, format!("{channel} is at {names} already; that is no rollback"))
            .help(format!("`tagwarden history --channel {channel}` lists what was")));
    }
    let names: Vec<String> = releases.iter().map(|release| release.name.to_string()).collect();
    rights::refuse_held(situation.head.state(), &acting.actor, Verb::Rollback, &channel, &names)?;
    let packages: Vec<PackageName> = releases.iter().map(|release| release.name.package.clone()).collect();
    let tags = plan::channel_tags((&channel, rules), &packages, situation.head.state(), &situation.refs)?;
    for release in &releases {
        moving::bring_commit(situation.world(), &situation.place.at, release, &situation.refs).await?;
    }
    let body = Body::Rollback { holds: holds(&situation, &channel, &packages), undoes: last.entry.serial };
    let plan = Plan {
        verb: Verb::Rollback,
        candidate: moving::one_candidate(&releases)?,
        channel,
        after: None,
        releases,
        tags,
        policy: situation.head.state().policy.tree.clone(),
        policy_version: situation.head.state().policy.version,
        actor: acting.actor.clone(),
        reason: Some(args.reason.clone()),
        claim,
        source: "cli".to_owned(),
        time,
        body: Some(body),
    };
    moving::run(situation, &acting, plan, permit, &args.moving).await
}

fn occupies(linked: &Linked, channel: &ChannelName) -> bool {
    linked.entry.action.moves() && linked.entry.channel.as_ref() == Some(channel)
}

/// The default: for every package of the last set, the newest release that was here before the present one came first, and
/// that is not held.
fn last_set(situation: &gather::Situation, channel: &ChannelName, entries: &[&Linked]) -> Result<Vec<Release>> {
    let state = situation.head.state();
    let Some(last) = entries.first() else { return Ok(Vec::new()) };
    let mut targets = Vec::new();
    for now in &last.entry.releases {
        let mut history = entries.iter().rev().flat_map(|linked| &linked.entry.releases).filter(|release| release.package == now.package);
        let before: Vec<&Release> = history.by_ref().take_while(|release| release.version != now.version).collect();
        let free = |release: &&&Release| {
            !holds_on(state, channel, &[release.name().to_string()]).iter().any(|hold| hold.scope == HoldScope::Release)
        };
        match before.iter().rev().find(free) {
            Some(target) => targets.push((*target).clone()),
            None if before.is_empty() => {
                return Err(Fault::new(
                    Reason::UnknownRelease,
                    format!("{} is the first release of {channel}; there is none before it", now.name()),
                )
                .help(format!("the way out is forward: a new release, or `tagwarden hold --channel {channel} --reason REASON`")));
            }
            None => {
                let fault = Fault::new(Reason::Held, format!("every release that {channel} had before {} is held", now.name()));
                return Err(fault.help("`tagwarden status` shows the holds"));
            }
        }
    }
    Ok(targets)
}

/// A named target must have been on this channel.
fn had(entries: &[&Linked], channel: &ChannelName, name: &crate::domain::ReleaseName) -> Result<Release> {
    let mut releases = entries.iter().flat_map(|linked| &linked.entry.releases);
    let found = releases.find(|release| release.name() == *name).cloned();
    found.ok_or_else(|| {
        let fault = Fault::new(Reason::UnknownRelease, format!("{name} was never on {channel}, so there is no way back to it"));
        fault.help(format!("`tagwarden history --channel {channel}` lists what was"))
    })
}

fn planned(situation: &gather::Situation, release: &Release) -> Result<PlannedRelease> {
    let tag_ref = plan::release_ref(situation.protocol(), &release.name())?;
    Ok(PlannedRelease { name: release.name(), commit: release.commit.clone(), tag_ref, tag: release.tag.clone() })
}

fn holds(situation: &gather::Situation, channel: &ChannelName, packages: &[PackageName]) -> Vec<HoldTarget> {
    let now = situation.head.state().channels.get(channel);
    let left = packages.iter().filter_map(|package| Some(format!("{package}@{}", now?.releases.get(package)?.version)));
    let mut holds: Vec<HoldTarget> = left.map(|release| HoldTarget { scope: HoldScope::Release, of: Some(release) }).collect();
    holds.push(HoldTarget { scope: HoldScope::Channel, of: Some(channel.to_string()) });
    holds
}
