//! What verbs gather before they judge: the committed protocol, the remote's refs, the verified ledger, the actor.
//!
//! The committed `gates/` only says where the ledger is (and what `verify` judges a draft by); everything that decides a
//! move comes from the ledger's adopted policy.

use super::Session;
use crate::{
    attest::ssh::Verified as Signed,
    domain::{Actor, Fault, Oid, Reason, RefName, Result},
    gate::{
        Protocol,
        config::{self, GateFiles},
        protocol::KeySource,
    },
    release::{
        chain::{self, Verification, Verified},
        plan::Refs,
        policy as rights,
    },
    report::{Report, SigningMode},
    tree::Tree,
    world::{
        World,
        apply::Writer,
        git::ObjectKind,
        ledger::{self, LedgerAt, bring, read_refs},
        signer::Signer,
        trees::WorkTree,
    },
};
use std::sync::Arc;

/// Where the ledger is if no protocol says otherwise.
const DEFAULT_LEDGER: &str = "refs/heads/tagwarden/ledger";

/// The repository and what is committed or drafted in it.
pub struct Place {
    pub world: World,
    pub at: LedgerAt,
    /// The `gates/` of the work tree; `None` where there is none.
    pub drafted: Option<Arc<Protocol>>,
    /// The git tree of `gates/` in the HEAD commit.
    pub committed: Option<Oid>,
}

/// The folder of gate files, relative to the repository root.
pub fn gates_folder(session: &Session) -> String {
    session.gates().to_string_lossy().trim_end_matches('/').to_owned()
}

/// Opens the repository and reads its `gates/`. A broken configuration is refused here, before anything is asked of the
/// world.
pub async fn place(session: &Session) -> Result<Place> {
    let world = session.world().await?.clone();
    let folder = gates_folder(session);
    let head = world.git.rev_parse("HEAD")?;
    let committed = match &head {
        Some(head) => world.git.object_at(head, &folder)?.and_then(|(oid, kind)| (kind == ObjectKind::Tree).then_some(oid)),
        None => None,
    };
    let files = if world.git.is_bare() {
        match &committed {
            Some(tree) => crate::world::ledger::read_folder(&world.git, tree)?,
            None => Default::default(),
        }
    } else {
        let tree = WorkTree::new(&world.git)?;
        (&tree as &dyn Tree).files_in(&folder).map_err(|error| Fault::new(Reason::BadConfig, error.to_string()))?
    };
    let drafted = match files.is_empty() {
        true => None,
        false => Some(Arc::new(config::load(&GateFiles { files, root: folder })?)),
    };
    if let Some(protocol) = &drafted {
        session.beside(SigningMode::of(protocol));
    }
    let remote = session.globals.remote.clone().or_else(|| drafted.as_ref().map(|protocol| protocol.remote.clone()));
    let branch = drafted.as_ref().map(|protocol| protocol.ledger.clone()).map_or_else(default_ledger, Ok)?;
    Ok(Place { world, at: LedgerAt { remote: remote.unwrap_or_else(|| "origin".to_owned()), branch }, drafted, committed })
}

fn default_ledger() -> Result<RefName> {
    DEFAULT_LEDGER.parse().map_err(|why: String| Fault::new(Reason::Internal, why))
}

/// A place with its verified ledger.
pub struct Situation {
    pub place: Place,
    pub refs: Refs,
    pub head: Verified,
}

impl Situation {
    pub fn world(&self) -> &World {
        &self.place.world
    }

    pub fn protocol(&self) -> &Arc<Protocol> {
        self.head.protocol()
    }

    pub fn signing(&self) -> SigningMode {
        SigningMode::of(self.head.protocol())
    }

    /// Puts on a report what every report of a ledger verb says.
    pub fn report(&self, report: Report) -> Report {
        let report = report.signing(self.signing());
        match self.place.committed.as_ref().filter(|tree| **tree != self.head.state().policy.tree) {
            Some(tree) => report.notice(format!(
                "the committed gates/ ({}) are not the adopted policy ({}, version {}); the adopted one decides",
                tree.short(),
                self.head.state().policy.tree.short(),
                self.head.state().policy.version,
            )),
            None => report,
        }
    }

    /// The ledger position for reports.
    pub fn ledger_place(&self) -> crate::report::shape::LedgerPlace {
        crate::report::shape::LedgerPlace {
            name: self.place.at.branch.clone(),
            entry: self.head.head().clone(),
            serial: self.head.serial(),
        }
    }
}

/// Reads the remote and verifies its ledger.
pub async fn situation(session: &Session) -> Result<Situation> {
    let place = place(session).await?;
    let refs = refs(&place).await?;
    let head = verified(&place, &refs).await?;
    session.under(SigningMode::of(head.protocol()));
    // The adopted policy may name release branches that the committed one does not.
    let known = place.drafted.as_ref().map(|protocol| protocol.release_branches.clone()).unwrap_or_default();
    let missing = head.protocol().release_branches.iter().any(|branch| !known.contains(branch));
    let refs = if missing { read_refs(&place.world.git, &place.at, &head.protocol().release_branches).await? } else { refs };
    Ok(Situation { place, refs, head })
}

/// One look at the remote's refs.
pub async fn refs(place: &Place) -> Result<Refs> {
    let branches = place.drafted.as_ref().map(|protocol| protocol.release_branches.clone()).unwrap_or_default();
    read_refs(&place.world.git, &place.at, &branches).await
}

/// The ledger behind the remote's head, verified.
pub async fn verified(place: &Place, refs: &Refs) -> Result<Verified> {
    verification(place, refs).await?.1.into_verified()
}

/// What the branch holds, and what its verification gave.
pub async fn verification(place: &Place, refs: &Refs) -> Result<(Oid, Verification)> {
    let tip = bring_ledger(place, refs).await?;
    let git = &place.world.git;
    // What git noted when this clone fetched or pushed last.
    let noted = place.at.branch.as_str().strip_prefix("refs/heads/").map(|branch| format!("refs/remotes/{}/{branch}", place.at.remote));
    let remembered = noted.map(|noted| git.rev_parse(&noted)).transpose()?.flatten();
    let verification = ledger::verify(git, &tip, place.world.clock.now(), pin(place)?, remembered).await?;
    Ok((tip, verification))
}

/// Makes the ledger's objects local; gives its head.
pub async fn bring_ledger(place: &Place, refs: &Refs) -> Result<Oid> {
    let head = ledger_head(place, refs)?;
    bring(&place.world.git, &place.at, std::slice::from_ref(&place.at.branch)).await?;
    Ok(head)
}

pub fn ledger_head(place: &Place, refs: &Refs) -> Result<Oid> {
    let head = refs.get(&place.at.branch).map(|fact| fact.oid.clone());
    head.ok_or_else(|| Fault::new(Reason::NoLedger, format!("remote `{}` has no {}", place.at.remote, place.at.branch)))
}

/// The environment variable that pins entry 0 outside the repository.
pub const GENESIS_PIN: &str = "TAGWARDEN_GENESIS";

/// The pinned entry 0. Faults: `bad_usage` where the pin is no object id.
pub fn pin(place: &Place) -> Result<Option<Oid>> {
    let pin = place.world.env.get(GENESIS_PIN).filter(|pin| !pin.is_empty());
    let wrong = |why: String| Fault::new(Reason::BadUsage, format!("{GENESIS_PIN} is not an object id: {why}"));
    pin.map(|pin| pin.trim().parse().map_err(wrong)).transpose()
}

/// Who acts, and the key they act with.
pub struct Acting {
    pub actor: Actor,
    pub signer: Option<Signer>,
    /// Who the policy says that the signer is.
    pub signed: Option<Signed>,
}

impl Acting {
    /// Writes as this actor.
    pub fn writer<'a>(&'a self, place: &'a Place) -> Writer<'a> {
        let (signer, signed) = (self.signer.as_ref(), self.signed.as_ref());
        Writer { world: &place.world, at: &place.at, signer, signed, checkpoint: place.world.checkpoint() }
    }
}

/// The actor under the policy in force: the principal of the signing key, or the git e-mail where signing is `none`.
pub async fn acting(session: &Session, place: &Place, policy: &chain::Policy) -> Result<Acting> {
    let world = &place.world;
    let name = world.git.config("user.name").await?.unwrap_or_default();
    if policy.protocol.is_unsigned() {
        let mail = world.git.config("user.email").await?.unwrap_or_else(|| "unknown".to_owned());
        return Ok(Acting { actor: rights::actor(&policy.protocol, &format!("local:{mail}"), &name), signer: None, signed: None });
    }
    let signer = signer(session, place, &policy.protocol).await?;
    let key = signer.public_key().to_owned();
    let refuse = |why: String| {
        let fault = Fault::new(Reason::NotPermitted, format!("the signing key belongs to no signer of the adopted policy: {why}"));
        fault.help("`tagwarden policy show` lists them; a new signer is added to gates/allowed_signers and adopted by the present ones")
    };
    let allowed = policy.allowed.as_ref().ok_or_else(|| refuse("it lists none".to_owned()))?;
    let found = allowed.principal_of(&key, world.clock.now()).map_err(|refusal| refuse(refusal.to_string()))?;
    let actor = rights::actor(&policy.protocol, &format!("ssh:{}", found.principal), &name);
    Ok(Acting { actor, signer: Some(signer), signed: Some(found) })
}

/// The signer that the policy, or `--signing-key`, names.
pub async fn signer(session: &Session, place: &Place, protocol: &Protocol) -> Result<Signer> {
    let source = session.globals.signing_key.clone().unwrap_or_else(|| protocol.signing.key.clone());
    let none = || Fault::new(Reason::SignerMissing, "the policy asks for signatures, and no signing key is named");
    match source {
        KeySource::None => Err(none()),
        source => Signer::from(&source, &place.world.env, place.world.git.dir()).await?.ok_or_else(none),
    }
}

/// The commit that a revision names.
pub fn commit(world: &World, rev: &str) -> Result<Oid> {
    let fault = || {
        let fault = Fault::new(Reason::BadUsage, format!("`{}` names no commit here", rev.escape_debug()));
        fault.help("name a branch, a tag or a commit that `git rev-parse` knows; a shallow clone knows few")
    };
    world.git.rev_parse(rev)?.ok_or_else(fault)
}
