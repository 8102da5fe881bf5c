//! What every verb of `sync` begins with: what says which release readers see, the settings that hold, and the store they name.

use super::origin::{Now, Origin};
use crate::{
    catalog::layout::Layout,
    cli::Session,
    domain::{Fault, Finding, Oid, Reason, Result, Timestamp},
    report::{
        Body, Report, SyncShape,
        shape::{LeaderShape, LiveShape, PlanShape, RowsShape},
    },
    sync::{
        Settings, condition,
        state::{Source, State},
        step::{self, Wanted},
    },
    world::{
        World,
        stores::{self, Store},
        trees::CommitTree,
    },
};

pub struct Site {
    origin: Origin,
    pub settings: Settings,
    /// Of the policy that decides, with the pointer file of this channel alone.
    pub layout: Layout,
    /// What readers should see; `None`: nothing was released.
    pub wanted: Option<Wanted>,
    /// How tags disagree with what is recorded, which forbids anything new.
    pub drift: Vec<Finding>,
    /// What else is worth saying of the tags.
    pub notes: Vec<Finding>,
    pub store: Box<dyn Store>,
}

impl Site {
    pub async fn open(session: &Session) -> Result<Site> {
        let (origin, settings) = Origin::open(session).await?;
        let mut layout = origin.protocol().map(|protocol| protocol.catalog.clone()).unwrap_or_default();
        match settings.channel() {
            Some(channel) => layout.pointers.retain(|pointer| pointer.channel == *channel),
            // The tagged commit has the file itself, whichever branch it is activated on.
            None => layout.pointers.dedup_by(|one, other| one.file == other.file),
        }
        if layout.pointers.len() > 1 {
            let why = "every channel has a pointer file of its own, and `sync.tags` does not say which of them readers follow";
            return Err(Fault::new(Reason::BadConfig, why).help("write `channel` instead of `tags`, or give `pointer` one file"));
        }
        let world = origin.world();
        let mut store = stores::open(&settings.store, world.git.dir(), &world.env)?;
        let shape = step::shape(&settings, &layout)?;
        // What is wrong with the store is said by whoever needs it.
        let state = if settings.channel().is_none() { store.state().await.ok() } else { None };
        let Now { wanted, drift, notes } = origin.now(state.as_ref(), &shape)?;
        Ok(Site { origin, settings, layout, wanted, drift, notes, store })
    }

    pub fn world(&self) -> &World {
        self.origin.world()
    }

    pub fn now(&self) -> Timestamp {
        self.world().clock.now()
    }

    /// Readers believe what is published, so somebody must have said elsewhere which ledger is meant.
    pub async fn pinned(&self) -> Result<()> {
        self.origin.pinned().await
    }

    pub fn source(&self) -> Result<Source> {
        self.origin.source(&self.settings)
    }

    /// What the store says. Faults: `foreign_store` where it holds another ledger's releases, or another channel's.
    pub async fn state(&mut self) -> Result<State> {
        let state = self.store.state().await?;
        let own = self.source()?;
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

    /// The files that a commit has, brought from the remote where they are not here.
    pub async fn tree(&self, commit: &Oid) -> Result<CommitTree> {
        let git = &self.world().git;
        if !git.has(commit)? {
            git.fetch_objects(&self.origin.place().at.remote, &[self.origin.want(commit)]).await?;
        }
        CommitTree::new(git, commit)
    }

    /// The commits that a rollback goes back to where nobody names one.
    pub async fn reached(&self) -> Vec<Oid> {
        self.origin.reached(self.wanted.as_ref().map(|wanted| &wanted.commit)).await
    }

    /// Reads the remote again: what was read must be what is published. Faults: `ref_changed`.
    pub async fn still(&self, wanted: &Wanted) -> Result<()> {
        self.origin.still(wanted).await
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
        let conditions = condition::conditions(&state, self.wanted.as_ref(), &self.drift, now);
        let (store, channel) = (self.store.shown().to_owned(), self.settings.source());
        let shape = SyncShape { store, channel, live, leader, conditions, rows, plan };
        Ok(self.origin.report(Report::new(reason, Body::Sync(Box::new(shape)))))
    }
}
