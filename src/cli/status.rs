//! `status`: every channel, release and hold as the verified ledger says, and how the remote's tags and the committed policy
//! differ from it.

use super::{Session, activation, args, gather, packages};
use crate::{
    domain::{
        ChannelName, Finding, Oid, Reason, Release, ReleaseName, Result,
        state::{self, Record as _},
    },
    gate::protocol::Channel,
    release::{
        plan,
        projection::{Projection, TagOwner},
        state::holds_on,
    },
    report::{
        Body, Report, StatusShape,
        shape::{ChannelShape, PolicyState, ReleaseShape, ReleaseState, join_releases},
    },
};
use std::collections::BTreeSet;

pub async fn run(session: &Session, args: &args::Status) -> Result<Report> {
    let situation = gather::situation(session).await?;
    let only = match &args.channel {
        Some(channel) => Some(plan::channel(situation.protocol(), situation.place.drafted.as_deref(), channel.as_str())?.0),
        None => None,
    };
    let (mut shape, release_drift) = shape(&situation, only.as_ref());
    if args.packages {
        shape.packages = Some(packages::packages(&situation, only.as_ref()).await?);
    }
    let drifted = !release_drift.is_empty() || shape.channels.iter().any(|channel| !channel.drift.is_empty());
    let reason = if drifted { Reason::Findings } else { Reason::Passed };
    let unhealthy = shape.channels.iter().filter_map(|channel| {
        let help = format!("`tagwarden rollback --channel {} --reason REASON` goes back; what is mended is promoted", channel.channel);
        Some(Finding::warning("status/unhealthy", situation.head.ledger().found_after(channel.serial?)?).help(help))
    });
    let unhealthy: Vec<Finding> = unhealthy.collect();
    let report = Report::new(reason, Body::Status(shape)).findings(release_drift).findings(situation.head.skipped_findings());
    let is_mendable = drifted && Projection::of(&situation.head, &situation.refs).mendable().next().is_some();
    let mend = "`tagwarden doctor` explains the drift, `tagwarden doctor --fix` puts tags back where the ledger says";
    let report = if is_mendable { report.next(mend) } else { report };
    Ok(situation.report(report.findings(unhealthy)))
}

/// The state of everything, or of one channel, and the drift of release tags.
pub fn shape(situation: &gather::Situation, only: Option<&ChannelName>) -> (StatusShape, Vec<Finding>) {
    let projection = Projection::of(&situation.head, &situation.refs);
    let shown = |channel: &&ChannelName| only.is_none_or(|only| only == *channel);
    let channels: Vec<ChannelShape> = situation
        .protocol()
        .channels
        .iter()
        .filter(|(name, _)| shown(name))
        .map(|(name, rules)| channel(situation, &projection, name, rules))
        .collect();
    let release_drift: Vec<Finding> = match only {
        Some(_) => Vec::new(),
        None => projection
            .tags()
            .iter()
            .filter(|tag| matches!(tag.owner, TagOwner::Release(_)) && tag.recorded != tag.there)
            .map(|tag| tag.finding())
            .collect(),
    };
    let state = situation.head.state();
    let shape = StatusShape {
        ledger: Some(situation.ledger_place()),
        policy: Some(PolicyState {
            version: state.policy.version,
            tree: state.policy.tree.clone(),
            committed: situation.place.committed.clone(),
        }),
        channels,
        holds: state.holds.to_vec(),
        waivers: waivers_in_force(situation),
        releases: releases(situation),
        packages: None,
    };
    (shape, release_drift)
}

/// Waivers that still count: not past their end, and of somebody who has the right.
fn waivers_in_force(situation: &gather::Situation) -> Vec<state::Waiver> {
    let now = situation.world().clock.now();
    let waivers = situation.head.state().waivers_that_count(situation.head.policy());
    waivers.into_iter().filter(|waiver| waiver.until > now).collect()
}

/// What a channel is at, by the ledger.
pub fn channel(situation: &gather::Situation, projection: &Projection, name: &ChannelName, rules: &Channel) -> ChannelShape {
    let state = situation.head.state();
    let now = state.channels.get(name);
    let releases = now.map(|now| on_channel(state, now)).unwrap_or_default();
    let names: Vec<String> = releases.iter().map(|release| release.name().to_string()).collect();
    let drift = projection.tags().iter().filter(|tag| tag.owner == TagOwner::Channel(name.clone()) && tag.recorded != tag.there);
    let drift = drift.map(|tag| tag.finding()).chain(activation::drift(&situation.head, &situation.refs, &situation.place.at.remote, name));
    ChannelShape {
        channel: name.clone(),
        release: (!releases.is_empty()).then(|| join_releases(&releases, ", ")),
        taken_over: situation.head.ledger().is_taken_over(name),
        commit: now.map(|now| now.shown().clone()),
        serial: now.map(|now| now.serial),
        since: now.map(|now| now.since),
        hold: holds_on(state, name, &names).first().map(|hold| (*hold).clone()),
        drift: drift.collect(),
        tag: now.map(|now| now.tag.name.clone()).or_else(|| {
            let pattern = rules.tag.as_ref()?;
            let of_package = || pattern.channel_ref(name, situation.protocol().packages.keys().next()?).ok();
            pattern.only_ref(name).or_else(of_package)
        }),
        releases,
    }
}

/// The releases of a channel with their tag objects.
pub fn on_channel(state: &state::State, now: &state::ChannelState) -> Vec<Release> {
    let release = |(package, release): (&crate::domain::PackageName, &state::ChannelRelease)| Release {
        package: package.clone(),
        version: release.version.clone(),
        commit: release.commit.clone(),
        tag: tag_of(state, package, &release.version),
    };
    now.releases.iter().map(release).collect()
}

fn tag_of(state: &state::State, package: &crate::domain::PackageName, version: &semver::Version) -> Option<Oid> {
    state.staged.get(&ReleaseName { package: package.clone(), version: version.clone() }).map(|staged| staged.tag.clone())
}

/// Every release that a move brought to a channel.
pub fn moved(situation: &gather::Situation) -> BTreeSet<ReleaseName> {
    let moves = situation.head.entries().map(|linked| &linked.outline).filter(|entry| entry.action.moves());
    moves.flat_map(|entry| &entry.releases).map(Release::name).collect()
}

/// Staged: recorded and never promoted. Released: on a channel now. Superseded: was on a channel. All computed.
fn releases(situation: &gather::Situation) -> Vec<ReleaseShape> {
    let state = situation.head.state();
    let moved = moved(situation);
    let shape = |staged: &state::Staged| {
        let name = format!("{}@{}", staged.package, staged.version);
        let on = |now: &state::ChannelState| now.releases.get(&staged.package).is_some_and(|release| release.version == staged.version);
        let channels: Vec<ChannelName> = state.channels.iter().filter(|(_, now)| on(now)).map(|(channel, _)| channel.clone()).collect();
        let stands = match (channels.is_empty(), moved.contains(&staged.key())) {
            (false, _) => ReleaseState::Released,
            (true, true) => ReleaseState::Superseded,
            (true, false) => ReleaseState::Staged,
        };
        let held = state.holds.iter().any(|hold| hold.scope == state::HoldScope::Release && hold.of.as_deref() == Some(name.as_str()));
        ReleaseShape { release: name, commit: staged.commit.clone(), state: stands, channels, held }
    };
    state.staged.iter().map(shape).collect()
}
