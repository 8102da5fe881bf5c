//! `rollback`: back to a release this channel had, by the oids that the ledger recorded. Only gates that decide rollbacks are
//! asked; the release that is left gets a hold, and so does the channel for automation.

use super::{
    Session, acting, activation, args, gather,
    moving::{self, Flags, Request},
    releases,
};
use crate::{
    domain::{
        ChannelName, Fault, PackageName, Reason, Release, ReleaseName, Result, Verb,
        state::{HoldScope, Retired, Staged},
    },
    release::{
        chain::Linked,
        plan::{self, Plan, PlannedRelease},
        state::{holds_on, staged},
        transition,
    },
    report::Report,
};

pub async fn run(session: &Session, args: &args::Rollback) -> Result<Report> {
    let situation = gather::situation(session).await?;
    let (channel, rules) = plan::channel(situation.protocol(), situation.place.drafted.as_deref(), args.channel.as_str())?;
    let time = situation.world().clock.now();
    let acting = acting::acting(session, &situation.place, &situation.head).await?;
    let permit = acting.permit(situation.protocol(), Verb::Rollback, Some(&channel))?;
    let wanted = releases::names(&situation, &args.releases)?;
    let named: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    let request = Request {
        verb: Verb::Rollback,
        channel: channel.clone(),
        about: serde_json::json!({ "releases": named, "reason": args.reason }),
        releases: named,
        claim: args.moving.claim.clone().or_else(|| acting.claim()),
    };
    let claim = match moving::recognise(&situation, &request)? {
        Ok(claim) => claim,
        Err(linked) => {
            let again = format!("to go back further, name the release: `tagwarden rollback RELEASE --channel {channel} --reason REASON`");
            return Ok(moving::already(&situation, Verb::Rollback, linked)?.notice(again));
        }
    };
    let Some(last) = situation.head.ledger().moves_of(&channel).next() else {
        let fault = Fault::new(Reason::UnknownRelease, format!("nothing was ever promoted to {channel}"));
        return Err(fault.help(format!("`tagwarden promote RELEASE --channel {channel}` would be the first")));
    };
    let (targets, retires) = match wanted.is_empty() {
        true => last_set(&situation, &channel, last).await?,
        false => (wanted.iter().map(|name| had(&situation, &channel, name)).collect::<Result<_>>()?, Vec::new()),
    };
    let releases = targets.iter().map(|release| planned(&situation, release)).collect::<Result<Vec<PlannedRelease>>>()?;
    let candidate = match situation.protocol().catalog.pointer(&channel) {
        Some(_) => activation::first_commit(&situation, &channel, &releases)?,
        None => {
            args.meant.check(&releases)?;
            moving::one_candidate(&releases)?
        }
    };
    let retired = retires.iter().map(|retired| &retired.package);
    let packages: Vec<PackageName> = releases.iter().map(|release| &release.name.package).chain(retired).cloned().collect();
    let tags = plan::channel_tags((&channel, rules), &packages, situation.head.state(), &situation.refs)?;
    let body = transition::rollback_body(situation.head.state(), &channel, &targets, &retires);
    let plan = Plan {
        verb: Verb::Rollback,
        candidate,
        channel,
        after: None,
        releases,
        tags,
        pointer: None,
        policy: situation.head.state().policy.tree.clone(),
        policy_version: situation.head.state().policy.version,
        actor: acting.actor.clone(),
        reason: Some(args.reason.clone()),
        claim,
        source: acting.source(),
        time,
        body,
    };
    moving::early(&situation, &acting, &plan)?;
    let plan = activation::complete(&situation, plan).await?;
    args.meant.check_activation(&plan)?;
    for release in &plan.releases {
        moving::bring_commit(situation.world(), &situation.place.at, release, &situation.refs).await?;
    }
    moving::run(session, situation, &acting, plan, permit, Flags { moving: &args.moving, scheduled: false }).await
}

/// The default: for every package of the last set, the newest release that was here before the present one came first, and
/// that is not held; an artifact that was not active before is retired. What the last set retired comes back.
pub async fn last_set(situation: &gather::Situation, channel: &ChannelName, last: &Linked) -> Result<(Vec<Release>, Vec<Retired>)> {
    let state = situation.head.state();
    let ledger = situation.head.ledger();
    let free =
        |release: &Release| !holds_on(state, channel, &[release.name().to_string()]).iter().any(|hold| hold.scope == HoldScope::Release);
    let held = |what: String| Err(Fault::new(Reason::Held, what).help("`tagwarden status` shows the holds"));
    let (mut targets, mut retires) = (Vec::new(), Vec::new());
    for retired in last.outline.retires() {
        let was = |release: &&Release| release.package == retired.package && release.version.to_string() == retired.version;
        match ledger.releases_of(channel).find(was) {
            Some(release) if free(release) => targets.push(release.clone()),
            Some(_) => return held(format!("{retired} is held, so it does not come back")),
            None => {
                let fault = Fault::new(Reason::UnknownRelease, format!("{retired} was in the pointer file before any entry activated it"));
                return Err(fault.help(format!("`tagwarden stage {retired} --at REV`, then promote it")));
            }
        }
    }
    for now in &last.outline.releases {
        let all = stands(situation, channel, &now.package);
        let before = all.iter().take_while(|stand| stand.is_none_or(|release| release.version != now.version));
        let before: Vec<Option<&Release>> = before.copied().collect();
        match before.iter().rev().find(|stand| stand.is_none_or(free)) {
            Some(Some(target)) => targets.push((*target).clone()),
            Some(None) => {
                activation::was_absent(situation, channel, &now.package).await?;
                retires.push(Retired { package: now.package.clone(), version: now.version.to_string() });
            }
            None if before.is_empty() => {
                return Err(Fault::new(
                    Reason::UnknownRelease,
                    format!("{} is the first release of {channel}; there is none before it", now.name()),
                )
                .help(no_way_back(situation, channel)));
            }
            None => return held(format!("every release that {channel} had before {} is held", now.name())),
        }
    }
    Ok((targets, retires))
}

/// What a package was at on a channel, oldest first; `None`: an artifact was not active. Other packages never leave a channel.
fn stands<'a>(situation: &'a gather::Situation, channel: &'a ChannelName, package: &PackageName) -> Vec<Option<&'a Release>> {
    let ledger = situation.head.ledger();
    let of_package = |release: &&Release| release.package == *package;
    let taken_over = ledger.taken_over(channel).filter_map(|taken| taken.release.as_ref()).filter(of_package).map(Some);
    let mut all: Vec<Option<&Release>> = package.artifact().map(|_| None).into_iter().chain(taken_over).collect();
    let moves: Vec<&Linked> = ledger.moves_of(channel).collect();
    for linked in moves.into_iter().rev() {
        all.extend(linked.outline.releases.iter().find(of_package).map(Some));
        all.extend(linked.outline.retires().iter().any(|retired| retired.package == *package).then_some(None));
    }
    all
}

/// What is left to do where no release was on the channel before.
fn no_way_back(situation: &gather::Situation, channel: &ChannelName) -> String {
    match situation.head.ledger().taken_over(channel).next() {
        Some(taken) => format!(
            "it was taken over at {0} without a release: `tagwarden stage RELEASE --at {0}` gives it one, then `tagwarden rollback RELEASE --channel {channel} --reason REASON`",
            taken.commit
        ),
        None => format!("the way out is forward: a new release, or `tagwarden hold --channel {channel} --reason REASON`"),
    }
}

/// A named target must have been on this channel; where that was taken over without a release, one that is staged at its commit.
fn had(situation: &gather::Situation, channel: &ChannelName, name: &ReleaseName) -> Result<Release> {
    let ledger = situation.head.ledger();
    if let Some(release) = ledger.releases_of(channel).find(|release| release.name() == *name) {
        return Ok(release.clone());
    }
    let unnamed = |staged: &&Staged| ledger.taken_over(channel).any(|taken| taken.release.is_none() && taken.commit == staged.commit);
    let staged = staged(situation.head.state(), name).filter(unnamed);
    staged.map(releases::of_staged).ok_or_else(|| transition::never_there(name, channel).fault())
}

fn planned(situation: &gather::Situation, release: &Release) -> Result<PlannedRelease> {
    let tag_ref = plan::release_ref(situation.protocol(), &release.name())?;
    // What was taken over without a tag may have one by now.
    let known = || staged(situation.head.state(), &release.name()).map(|staged| staged.tag.clone());
    Ok(PlannedRelease { name: release.name(), commit: release.commit.clone(), tag_ref, tag: release.tag.clone().or_else(known) })
}
