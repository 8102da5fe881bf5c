//! What says which release readers see: the verified ledger of a repository, or, where it has none, its tags.
//!
//! With tags the `gates/` of the checkout that runs this decide how rows are made and which rails hold: whoever has the machine chose them.

use crate::domain::Digest;
use crate::{
    cli::{Session, gather, rollback, status},
    domain::{ChannelName, Fault, Finding, Oid, Reason, RefName, Result, Severity, Timestamp},
    gate::Protocol,
    release::{
        plan::Refs,
        projection::{ProjectedTag, Projection, TagOwner},
    },
    report::{Report, shape::join_releases},
    sync::{
        From, Settings, scheduled,
        state::{Source, State},
        step::Wanted,
        tags::{self, Tags},
    },
    world::{World, git::Want, ledger::read_entries},
};

pub enum Origin {
    Ledger { situation: Box<gather::Situation>, channel: ChannelName },
    Tags { place: Box<gather::Place>, refs: Refs, tags: Tags },
}

/// What readers should see; how tags disagree with what is recorded, which forbids anything new; and what else is worth saying.
pub struct Now {
    pub wanted: Option<Wanted>,
    pub drift: Vec<Finding>,
    pub notes: Vec<Finding>,
}

impl Origin {
    /// With the settings of the policy in force. Faults: `bad_config` where that names no store.
    pub async fn open(session: &Session) -> Result<(Origin, Settings)> {
        let place = gather::place(session).await?;
        let drafted = place.drafted.as_ref().and_then(|protocol| protocol.sync.clone());
        if let Some(settings) = drafted
            && let From::Tags(tags) = &settings.from
        {
            let refs = gather::refs(&place).await?;
            if refs.contains_key(&place.at.branch) {
                let why = format!("`sync.tags` is for repositories without a ledger, and {} is on the remote", place.at.branch);
                return Err(
                    Fault::new(Reason::BadConfig, why).help("write `channel` instead, then `tagwarden policy adopt --reason REASON`")
                );
            }
            gather::never_known(&place, &refs).await?;
            let tags = tags.clone();
            return Ok((Origin::Tags { place: Box::new(place), refs, tags }, settings));
        }
        let situation = gather::situation(session).await?;
        let Some(settings) = situation.protocol().sync.clone() else {
            let fault = Fault::new(Reason::BadConfig, "the policy in force names no read store");
            return Err(fault
                .help("write `sync:` into gates/protocol.yaml (`tagwarden explain sync`), then `tagwarden policy adopt --reason REASON`"));
        };
        match &settings.from {
            From::Channel(channel) => {
                let channel = channel.clone();
                Ok((Origin::Ledger { situation: Box::new(situation), channel }, settings))
            }
            From::Tags(_) => {
                let why = "the policy in force has `sync.tags`, which is for repositories without a ledger";
                Err(Fault::new(Reason::BadConfig, why).help("write `channel` instead, then `tagwarden policy adopt --reason REASON`"))
            }
        }
    }

    pub fn place(&self) -> &gather::Place {
        match self {
            Origin::Ledger { situation, .. } => &situation.place,
            Origin::Tags { place, .. } => place,
        }
    }

    pub fn world(&self) -> &World {
        &self.place().world
    }

    /// That which decides. `None`: there is none, which [`Origin::open`] refused.
    pub fn protocol(&self) -> Option<&Protocol> {
        match self {
            Origin::Ledger { situation, .. } => Some(situation.protocol()),
            Origin::Tags { place, .. } => place.drafted.as_deref(),
        }
    }

    /// Readers believe what is published, so somebody must have said elsewhere which ledger is meant.
    pub async fn pinned(&self) -> Result<()> {
        match self {
            Origin::Ledger { situation, .. } => gather::pinned(&situation.place, &situation.head).await,
            Origin::Tags { .. } => Ok(()),
        }
    }

    pub fn source(&self, settings: &Settings) -> Result<Source> {
        let genesis = match self {
            Origin::Ledger { situation, .. } => situation.head.genesis().clone(),
            // No ledger begins with it.
            Origin::Tags { .. } => "f".repeat(40).parse().map_err(|why: String| Fault::new(Reason::Internal, why))?,
        };
        Ok(Source { genesis, channel: settings.source() })
    }

    /// `state`: what the store says, where there is one; `shape`: how rows are made.
    pub fn now(&self, state: Option<&State>, shape: &Digest) -> Result<Now> {
        Ok(match self {
            Origin::Ledger { situation, channel } => {
                let from = in_force(situation, channel)?;
                let wanted = situation.head.state().channels.get(channel).map(|now| {
                    let releases = status::on_channel(situation.head.state(), now);
                    let release = if releases.is_empty() { "no release".to_owned() } else { join_releases(&releases, ", ") };
                    Wanted { serial: now.serial, release, commit: now.shown().clone(), shape: shape.clone(), from }
                });
                Now { wanted, drift: drift(situation, channel), notes: Vec::new() }
            }
            Origin::Tags { refs, tags, .. } => {
                let there = tags::of_refs(refs.iter().map(|(name, fact)| (name, &fact.oid, fact.peeled.as_ref())));
                let chosen = tags.choose(&there, state, shape);
                let (drift, notes) = chosen.findings.into_iter().partition(|finding| finding.severity == Severity::Error);
                Now { wanted: chosen.wanted, drift, notes }
            }
        })
    }

    /// What brings a commit here: a tag that holds it, where there is one.
    pub fn want(&self, commit: &Oid) -> Want {
        let holds = |name: &RefName| match self {
            Origin::Ledger { situation, .. } => situation.refs.get(name).is_some_and(|fact| fact.peeled.as_ref() == Some(commit)),
            Origin::Tags { refs, .. } => refs.get(name).is_some_and(|fact| fact.peeled.as_ref().unwrap_or(&fact.oid) == commit),
        };
        let tag = match self {
            Origin::Ledger { situation, channel } => situation.head.state().channels.get(channel).map(|now| now.tag.name.clone()),
            Origin::Tags { refs, .. } => refs.keys().find(|name| name.as_str().starts_with("refs/tags/") && holds(name)).cloned(),
        };
        tag.filter(|name| holds(name)).map_or_else(|| Want::Oid(commit.clone()), Want::Ref)
    }

    /// The commits that a rollback goes back to where nobody names one. `now`: what readers should see.
    pub async fn reached(&self, now: Option<&Oid>) -> Vec<Oid> {
        // A new tag at an old commit finds its snapshot among those that are kept anyway.
        let Origin::Ledger { situation, channel } = self else { return Vec::new() };
        let ledger = situation.head.ledger();
        let before = ledger.moves_of(channel).filter_map(|linked| linked.outline.shown()).find(|commit| Some(*commit) != now);
        let targets = match ledger.moves_of(channel).next() {
            Some(last) => rollback::last_set(situation, channel, last).await.map(|(targets, _)| targets).unwrap_or_default(),
            None => Vec::new(),
        };
        before.cloned().into_iter().chain(targets.into_iter().map(|release| release.commit)).collect()
    }

    /// Reads the remote again: what was read must be what is published. Faults: `ref_changed`.
    pub async fn still(&self, wanted: &Wanted) -> Result<()> {
        let now = gather::refs(self.place()).await?;
        let (names, refs) = match self {
            Origin::Ledger { situation, channel } => {
                // Entries about other things may follow.
                if !now.contains_key(&situation.place.at.branch) {
                    return Err(changed(&situation.place.at.branch));
                }
                (self::tags(situation, channel).into_iter().map(|tag| tag.name).collect::<Vec<_>>(), &situation.refs)
            }
            Origin::Tags { refs, .. } => {
                (refs.keys().filter(|name| name.as_str().strip_prefix("refs/tags/") == Some(&wanted.release)).cloned().collect(), refs)
            }
        };
        let oid = |refs: &Refs, name: &RefName| refs.get(name).map(|fact| fact.oid.clone());
        match names.iter().find(|name| oid(refs, name) != oid(&now, name)) {
            Some(name) => Err(changed(name)),
            None => Ok(()),
        }
    }

    pub fn report(&self, report: Report) -> Report {
        match self {
            Origin::Ledger { situation, .. } => situation.report(report),
            Origin::Tags { .. } => report,
        }
    }
}

/// From when readers may see what the channel is at; `None`: at once.
fn in_force(situation: &gather::Situation, channel: &ChannelName) -> Result<Option<Timestamp>> {
    let Some(last) = situation.head.ledger().moves_of(channel).next() else { return Ok(None) };
    let entries = read_entries(&situation.place.world.git, std::slice::from_ref(&last.oid))?;
    let windows = entries.iter().map(|whole| scheduled::effective_from(&whole.entry, &whole.evidence));
    windows.collect::<Result<Vec<_>>>().map(|windows| windows.into_iter().flatten().max())
}

fn changed(name: &RefName) -> Fault {
    let why = format!("{name} changed on the remote while the release was read; nothing was published");
    Fault::new(Reason::RefChanged, why).help("`tagwarden sync once` again")
}

/// The tags that say what the channel is at.
fn tags(situation: &gather::Situation, channel: &ChannelName) -> Vec<ProjectedTag> {
    let now = situation.head.state().channels.get(channel);
    let releases: Vec<String> = now
        .map(|now| status::on_channel(situation.head.state(), now).iter().map(|release| release.name().to_string()).collect())
        .unwrap_or_default();
    let meant = |tag: &&ProjectedTag| match &tag.owner {
        TagOwner::Channel(of) => of == channel,
        TagOwner::Release(name) => releases.contains(name),
    };
    Projection::of(&situation.head, &situation.refs).tags().iter().filter(meant).cloned().collect()
}

fn drift(situation: &gather::Situation, channel: &ChannelName) -> Vec<Finding> {
    let moved = tags(situation, channel).into_iter().filter(|tag| tag.recorded != tag.there).map(|tag| tag.finding());
    let remote = &situation.place.at.remote;
    moved.chain(crate::cli::activation::drift(&situation.head, &situation.refs, remote, channel)).collect()
}
