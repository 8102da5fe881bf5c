//! `rollback`: back to a release this channel had, by the oids that the ledger recorded. Only gates that decide rollbacks are
//! asked; the release that is left gets a hold, and so does the channel for automation.

use super::{
    Session, args, gather,
    moving::{self, Request},
    releases,
};
use crate::{
    domain::{ChannelName, Fault, PackageName, Reason, Release, Result, Verb, state::HoldScope},
    release::{
        chain::Linked,
        plan::{self, Plan, PlannedRelease},
        policy as rights,
        state::holds_on,
        transition,
    },
    report::Report,
};

pub async fn run(session: &Session, args: &args::Rollback) -> Result<Report> {
    let situation = gather::situation(session).await?;
    let (channel, rules) = plan::channel(situation.protocol(), situation.place.drafted.as_deref(), args.channel.as_str())?;
    let time = situation.world().clock.now();
    let acting = gather::acting(session, &situation.place, &situation.head).await?;
    let permit = rights::permit(situation.protocol(), &acting.actor, &[], Verb::Rollback, Some(&channel))?;
    let wanted = releases::names(situation.protocol(), &args.releases)?;
    let named: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    let request = Request {
        verb: Verb::Rollback,
        channel: channel.clone(),
        about: serde_json::json!({ "releases": named, "reason": args.reason }),
        releases: named,
        claim: args.moving.claim.clone(),
    };
    let claim = match moving::recognise(&situation, &request)? {
        Ok(claim) => claim,
        Err(linked) => {
            let again = format!("to go back further, name the release: `tagwarden rollback RELEASE --channel {channel} --reason REASON`");
            return Ok(moving::already(&situation, Verb::Rollback, linked)?.notice(again));
        }
    };
    let entries: Vec<&Linked> = situation.head.ledger().moves_of(&channel).collect();
    if entries.is_empty() {
        let fault = Fault::new(Reason::UnknownRelease, format!("nothing was ever promoted to {channel}"));
        return Err(fault.help(format!("`tagwarden promote RELEASE --channel {channel}` would be the first")));
    }
    let targets = match wanted.is_empty() {
        true => last_set(&situation, &channel, &entries)?,
        false => wanted.iter().map(|name| had(&entries, &channel, name)).collect::<Result<_>>()?,
    };
    let releases = targets.iter().map(|release| planned(&situation, release)).collect::<Result<Vec<PlannedRelease>>>()?;
    let packages: Vec<PackageName> = releases.iter().map(|release| release.name.package.clone()).collect();
    let tags = plan::channel_tags((&channel, rules), &packages, situation.head.state(), &situation.refs)?;
    let body = transition::rollback_body(situation.head.state(), &channel, &targets);
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
        body,
    };
    moving::early(&situation, &plan)?;
    for release in &plan.releases {
        moving::bring_commit(situation.world(), &situation.place.at, release, &situation.refs).await?;
    }
    moving::run(situation, &acting, plan, permit, &args.moving).await
}

/// The default: for every package of the last set, the newest release that was here before the present one came first, and
/// that is not held.
fn last_set(situation: &gather::Situation, channel: &ChannelName, entries: &[&Linked]) -> Result<Vec<Release>> {
    let state = situation.head.state();
    let Some(last) = entries.first() else { return Ok(Vec::new()) };
    let mut targets = Vec::new();
    for now in &last.outline.releases {
        let mut history = entries.iter().rev().flat_map(|linked| &linked.outline.releases).filter(|release| release.package == now.package);
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
    let mut releases = entries.iter().flat_map(|linked| &linked.outline.releases);
    let found = releases.find(|release| release.name() == *name).cloned();
    found.ok_or_else(|| transition::never_there(name, channel).fault())
}

fn planned(situation: &gather::Situation, release: &Release) -> Result<PlannedRelease> {
    let tag_ref = plan::release_ref(situation.protocol(), &release.name())?;
    Ok(PlannedRelease { name: release.name(), commit: release.commit.clone(), tag_ref, tag: release.tag.clone() })
}
