//! `snapshot` and `bundle`: files captured as content-addressed snapshots in a store, verified and restored; those of a rail with a
//! version and a window as bundles.
//!
//! A repository is needed only where something is asked of it: the default store, a commit, a channel, the rails of a catalog. Who did
//! it, as the log has it, is what the surroundings say.

mod bundle;
mod create;
mod list;
mod prune;
mod rehearse;
mod restore;
mod sign;
mod status;
mod verify;

use super::{
    Session,
    args::{self, StoreAt},
    gather,
};
use crate::{
    artifact::{log::By, names::Wanted},
    domain::{Digest, Fault, Reason, Result},
    gate::{
        Protocol,
        config::{self, GateFiles},
    },
    report::{
        Body, Report, SigningMode,
        shape::snapshot::{SnapshotAnswer, SnapshotShape},
    },
    tree::Tree,
    world::{
        World,
        oci::{Store, View},
        trees::WorkTree,
    },
};
use std::path::PathBuf;

pub async fn run(session: &Session, command: &args::Snapshot) -> Result<Report> {
    match command {
        args::Snapshot::Create(args) => create::run(session, args).await,
        args::Snapshot::List(args) => list::list(session, args).await,
        args::Snapshot::Info(args) => list::info(session, args, Meant::Either).await,
        args::Snapshot::Verify(args) => verify::run(session, &args.store, args.snapshot.as_ref(), Meant::Either).await,
        args::Snapshot::Restore(args) => restore::run(session, args).await,
        args::Snapshot::Sign(args) => sign::run(session, args, Meant::Either).await,
        args::Snapshot::Rehearse(args) => rehearse::run(session, args).await,
        args::Snapshot::Prune(args) => prune::run(session, args).await,
        args::Snapshot::Status(args) => status::run(session, args).await,
    }
}

pub async fn bundle(session: &Session, command: &args::Bundle) -> Result<Report> {
    match command {
        args::Bundle::Create(args) => bundle::create(session, args).await,
        args::Bundle::List(args) => list::bundles(session, args).await,
        args::Bundle::Sign(args) => sign::run(session, args, Meant::Bundle).await,
        args::Bundle::Verify(args) => verify::run(session, &args.store, Some(&args.snapshot), Meant::Bundle).await,
        args::Bundle::Show(args) => list::info(session, args, Meant::Bundle).await,
        args::Bundle::Diff(args) => bundle::diff(session, args).await,
    }
}

/// What a name may lead to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meant {
    Either,
    Bundle,
}

impl Meant {
    fn find(self, store: &Store, view: &View, wanted: &Wanted) -> Result<Digest> {
        let digest = store.find(view, wanted)?;
        if self == Meant::Bundle && store.named(view, &digest)?.label.is_none() {
            let fault = Fault::new(Reason::BadUsage, format!("{digest} is a snapshot, not a bundle"));
            return Err(fault.help("`tagwarden snapshot` has the same verbs for it"));
        }
        Ok(digest)
    }
}

/// What is around a store: the repository, and its protocol, where there are any.
struct Around {
    world: Option<World>,
    protocol: Option<Protocol>,
    store: PathBuf,
}

impl Around {
    /// Faults: `bad_usage` where no store is named.
    async fn of(session: &Session, at: &StoreAt) -> Result<Around> {
        let world = match session.world().await {
            Ok(world) => Some(world.clone()),
            Err(fault) if fault.reason == Reason::NotARepository => None,
            Err(fault) => return Err(fault),
        };
        let protocol = world.as_ref().map(|world| protocol(session, world)).transpose()?.flatten();
        if let Some(protocol) = &protocol {
            session.beside(SigningMode::of(protocol));
        }
        let named = protocol.as_ref().and_then(|protocol| protocol.snapshots.as_ref());
        let store = match (&at.store, named, &world) {
            (Some(store), ..) => store.clone(),
            (None, Some(named), Some(world)) => world.git.dir().join(&named.store),
            _ => {
                let fault = Fault::new(Reason::BadUsage, "no store of snapshots is named");
                return Err(fault.help("give `--store DIR`, or write `snapshots: { store: DIR }` into gates/protocol.yaml"));
            }
        };
        Ok(Around { world, protocol, store })
    }

    fn open(&self) -> Result<Store> {
        Store::open(&self.store)
    }

    fn report(&self, reason: Reason, what: SnapshotAnswer) -> Report {
        let report = Report::new(reason, Body::Snapshot(SnapshotShape { store: self.store.display().to_string(), what }));
        match &self.protocol {
            Some(protocol) => report.signing(SigningMode::of(protocol)),
            None => report,
        }
    }

    /// Who does this, by what the job or git says.
    async fn by(&self, session: &Session) -> Result<By> {
        let var = |name| session.env.get(name).filter(|value| !value.is_empty());
        let mail = match &self.world {
            Some(world) => world.git.config("user.email").await?,
            None => None,
        };
        let actor = match (var("GITHUB_ACTOR_ID"), mail, var("USER")) {
            (Some(id), ..) => format!("github:{id}"),
            (None, Some(mail), _) => format!("local:{mail}"),
            (None, None, Some(user)) => format!("local:{user}"),
            (None, None, None) => "unknown".to_owned(),
        };
        let run = match (var("GITHUB_REPOSITORY"), var("GITHUB_RUN_ID")) {
            (Some(repository), Some(run)) => Some(format!("{repository}/actions/runs/{run}")),
            _ => None,
        };
        let masked = |text: String| session.env.masks().mask(&text);
        Ok(By { actor: masked(actor), trigger: masked(var("GITHUB_EVENT_NAME").unwrap_or_else(|| "cli".to_owned())), run: run.map(masked) })
    }
}

/// The protocol of the work tree; `None`: there is none.
fn protocol(session: &Session, world: &World) -> Result<Option<Protocol>> {
    if world.git.is_bare() {
        return Ok(None);
    }
    let root = gather::gates_folder(session);
    let tree = WorkTree::unpinned(&world.git)?;
    let files = (&tree as &dyn Tree).files_in(&root).map_err(|error| Fault::new(Reason::BadConfig, error.to_string()))?;
    if files.is_empty() { Ok(None) } else { config::load(&GateFiles { files, root }).map(Some) }
}
