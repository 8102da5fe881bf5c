//! What every verb of `sync` begins with: the verified ledger, the settings of the policy in force, and the store they name.

use crate::{
    catalog::layout::Layout,
    cli::{Session, gather, rollback, status},
    domain::{Fault, Finding, Oid, Reason, Result, Timestamp},
    release::{
        plan::Refs,
        projection::{ProjectedTag, Projection, TagOwner},
    },
    report::{
        Body, Report, SyncShape,
        shape::{LeaderShape, LiveShape, PlanShape, RowsShape, join_releases},
    },
    sync::{
        Settings, condition,
        state::{Source, State},
        step::{self, Wanted},
    },
    world::{
        git::Want,
        stores::{self, Store},
        trees::CommitTree,
    },
};

pub struct Site {
    pub situation: gather::Situation,
    pub settings: Settings,
    /// Of the policy in force, with the pointer file of this channel alone.
    pub layout: Layout,
    /// What the channel is at; `None`: nothing was promoted to it.
    pub wanted: Option<Wanted>,
    /// How tags of the channel and its releases disagree with the ledger.
    pub drift: Vec<Finding>,
    pub store: Box<dyn Store>,
}

impl Site {
    /// Faults: `bad_config` where the policy in force names no store.
    pub async fn open(session: &Session) -> Result<Site> {
        let situation = gather::situation(session).await?;
        let Some(settings) = situation.protocol().sync.clone() else {
            let fault = Fault::new(Reason::BadConfig, "the policy in force names no read store");
            return Err(fault
                .help("write `sync:` into gates/protocol.yaml (`tagwarden explain sync`), then `tagwarden policy adopt --reason REASON`"));
        };
        let mut layout = situation.protocol().catalog.clone();
        layout.pointers.retain(|pointer| pointer.channel == settings.channel);
        let world = situation.world();
        let store = stores::open(&settings.store, world.git.dir(), &world.env)?;
        let shape = step::shape(&settings, &layout)?;
        let wanted = situation.head.state().channels.get(&settings.channel).map(|now| {
            let releases = status::on_channel(situation.head.state(), now);
            let release = if releases.is_empty() { "no release".to_owned() } else { join_releases(&releases, ", ") };
            Wanted { serial: now.serial, release, commit: now.shown().clone(), shape: shape.clone() }
        });
        let drift = drift(&situation, &settings);
        Ok(Site { situation, settings, layout, wanted, drift, store })
    }

    pub fn now(&self) -> Timestamp {
        self.situation.world().clock.now()
    }

    /// Readers believe what is published, so somebody must have said elsewhere which ledger is meant.
    pub async fn pinned(&self) -> Result<()> {
        gather::pinned(&self.situation.place, &self.situation.head).await
    }

    pub fn source(&self) -> Source {
        Source { genesis: self.situation.head.genesis().clone(), channel: self.settings.channel.to_string() }
    }

    /// What the store says. Faults: `foreign_store` where it holds another ledger's releases, or another channel's.
    pub async fn state(&mut self) -> Result<State> {
        let state = self.store.state().await?;
        let own = self.source();
        if state.source == own {
            return Ok(state);
        }
        let Source { genesis, channel } = &state.source;
        let why = match *channel == own.channel {
            true => format!("{} holds releases of another ledger, which begins with {genesis}", self.store.shown()),
            false => format!("{} holds releases of channel {channel}, and this is {}", self.store.shown(), own.channel),
        };
        Err(Fault::new(Reason::ForeignStore, why).help("name a store of its own under `sync.store`"))
    }

    /// The files that a commit of the channel has, brought from the remote where they are not here.
    pub async fn tree(&self, commit: &Oid) -> Result<CommitTree> {
        let world = self.situation.world();
        if !world.git.has(commit)? {
            let remote = &self.situation.place.at.remote;
            let tag = self.situation.head.state().channels.get(&self.settings.channel).map(|now| now.tag.name.clone());
            let shows =
                |name: &crate::domain::RefName| self.situation.refs.get(name).is_some_and(|fact| fact.peeled.as_ref() == Some(commit));
            let want = tag.filter(shows).map_or_else(|| Want::Oid(commit.clone()), Want::Ref);
            world.git.fetch_objects(remote, &[want]).await?;
        }
        CommitTree::new(&world.git, commit)
    }

    /// The commits that a rollback goes back to where nobody names one.
    pub async fn reached(&self) -> Vec<Oid> {
        let channel = &self.settings.channel;
        let ledger = self.situation.head.ledger();
        let now = self.wanted.as_ref().map(|wanted| &wanted.commit);
        let before = ledger.moves_of(channel).filter_map(|linked| linked.outline.shown()).find(|commit| Some(*commit) != now);
        let targets = match ledger.moves_of(channel).next() {
            Some(last) => rollback::last_set(&self.situation, channel, last).await.map(|(targets, _)| targets).unwrap_or_default(),
            None => Vec::new(),
        };
        before.cloned().into_iter().chain(targets.into_iter().map(|release| release.commit)).collect()
    }

    /// Reads the remote again: what was read must be what is published. Faults: `ref_changed`.
    pub async fn still(&self) -> Result<()> {
        let now = gather::refs(&self.situation.place).await?;
        let names = self.tags().map(|tag| tag.name.clone()).chain([self.situation.place.at.branch.clone()]);
        for name in names {
            let ledger = name == self.situation.place.at.branch;
            let (before, after) = (at(&self.situation.refs, &name), at(&now, &name));
            // Entries about other things may follow.
            let changed = if ledger { after.is_none() } else { before != after };
            if changed {
                let why = format!("{name} changed on the remote while the release was read; nothing was published");
                return Err(Fault::new(Reason::RefChanged, why).help("`tagwarden sync once` again"));
            }
        }
        Ok(())
    }

    fn tags(&self) -> impl Iterator<Item = ProjectedTag> {
        tags(&self.situation, &self.settings).into_iter()
    }

    /// The answer, with what the store says now.
    pub async fn report(&mut self, reason: Reason, rows: Option<RowsShape>, plan: Option<PlanShape>) -> Result<Report> {
        let state = self.state().await?;
        let now = self.now();
        let live = state.live.as_ref().map(|live| {
            let snapshot = state.snapshot(live.number);
            LiveShape {
                snapshot: snapshot.map(|snapshot| snapshot.digest.clone()),
                number: live.number,
                release: live.release.clone(),
                commit: live.commit.clone(),
                serial: live.serial,
                since: live.since,
                counts: snapshot.map(|snapshot| snapshot.counts.clone()).unwrap_or_default(),
            }
        });
        let leader = state.lease.holder.as_ref().filter(|holder| holder.until > now);
        let leader = leader.map(|holder| LeaderShape { name: holder.name.clone(), until: holder.until });
        let conditions = condition::conditions(&state, self.wanted.as_ref(), &self.drift);
        let (store, channel) = (self.store.shown().to_owned(), self.settings.channel.to_string());
        let shape = SyncShape { store, channel, live, leader, conditions, rows, plan };
        Ok(self.situation.report(Report::new(reason, Body::Sync(Box::new(shape)))))
    }
}

fn at<'r>(refs: &'r Refs, name: &crate::domain::RefName) -> Option<&'r Oid> {
    refs.get(name).map(|fact| &fact.oid)
}

/// The tags that say what the channel is at.
fn tags(situation: &gather::Situation, settings: &Settings) -> Vec<ProjectedTag> {
    let now = situation.head.state().channels.get(&settings.channel);
    let releases: Vec<String> = now
        .map(|now| status::on_channel(situation.head.state(), now).iter().map(|release| release.name().to_string()).collect())
        .unwrap_or_default();
    let meant = |tag: &&ProjectedTag| match &tag.owner {
        TagOwner::Channel(channel) => *channel == settings.channel,
        TagOwner::Release(name) => releases.contains(name),
    };
    Projection::of(&situation.head, &situation.refs).tags().iter().filter(meant).cloned().collect()
}

fn drift(situation: &gather::Situation, settings: &Settings) -> Vec<Finding> {
    let moved = tags(situation, settings).into_iter().filter(|tag| tag.recorded != tag.there).map(|tag| tag.finding());
    let remote = &situation.place.at.remote;
    moved.chain(crate::cli::activation::drift(&situation.head, &situation.refs, remote, &settings.channel)).collect()
}
