//! What verbs gather before they judge: the committed protocol, the remote's refs, the verified ledger.
//!
//! The committed `gates/` only says where the ledger is (and what `verify` judges a draft by); everything that decides a
//! move comes from the ledger's adopted policy.

use super::Session;
use crate::{
    domain::{Fault, Finding, Oid, Reason, RefName, Result, state::PolicyRef},
    gate::{
        Protocol,
        config::{self, GateFiles},
    },
    release::{
        chain::{Chain, GIT_NAMESPACE, Verification, Verified},
        object,
        plan::{self, Refs},
        projection,
    },
    report::{Report, SigningMode},
    tree::Tree,
    world::{
        World, apply,
        git::ObjectKind,
        ledger::{self, Known, LedgerAt, bring, read_refs, read_settled},
        trees::WorkTree,
        trust::Trust,
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
        under(&self.place, &self.head.state().policy, report.signing(self.signing()))
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

/// Names the difference between the committed `gates/` and the policy that decided, where there is one.
pub fn under(place: &Place, policy: &PolicyRef, report: Report) -> Report {
    let Some(tree) = place.committed.as_ref().filter(|tree| **tree != policy.tree) else { return report };
    report.notice(format!(
        "the committed gates/ ({}) are not the adopted policy ({}, version {}); the adopted one decides",
        tree.short(),
        policy.tree.short(),
        policy.version,
    ))
}

/// Reads the remote and verifies its ledger. Faults: also those of [`not_cut_back`].
pub async fn situation(session: &Session) -> Result<Situation> {
    let place = place(session).await?;
    let mut refs = refs(&place).await?;
    let mut head = verified(&place, &refs).await?;
    if let Err(fault) = not_cut_back(&place, &head, &refs, Believed::Signers).await {
        if fault.reason != Reason::StalePointer {
            return Err(fault);
        }
        refs = self::refs(&place).await?;
        head = verified(&place, &refs).await?;
        not_cut_back(&place, &head, &refs, Believed::Signers).await?;
    }
    session.under(SigningMode::of(head.protocol()));
    // The adopted policy may name branches that the committed one does not.
    let known = place.drafted.as_ref().map(|protocol| protocol.branches()).unwrap_or_default();
    let wanted = head.protocol().branches();
    let missing = wanted.iter().any(|branch| !known.contains(branch));
    let refs = if missing { read_refs(&place.world.git, &place.at, &wanted).await? } else { refs };
    Ok(Situation { place, refs, head })
}

/// One look at the remote's refs.
pub async fn refs(place: &Place) -> Result<Refs> {
    let branches = place.drafted.as_ref().map(|protocol| protocol.branches()).unwrap_or_default();
    read_refs(&place.world.git, &place.at, &branches).await
}

/// The ledger behind the remote's head, verified; what this machine verified before is not looked at again.
pub async fn verified(place: &Place, refs: &Refs) -> Result<Verified> {
    let trust = trust(place).await?;
    let known = known(place, &trust, Look::AtWhatIsNew)?;
    let tip = bring_ledger(place, refs, &known).await?;
    let before = known.chain.as_ref().map_or(0, |chain| chain.length() as u64);
    let head = ledger::verify(&place.world.git, &tip, place.world.clock.now(), known).await?.into_verified()?;
    same_branch(place, &head.protocol().ledger)?;
    trust.saw(&tip);
    if head.length() != before
        && let Some(chain) = head.chain()
    {
        trust.remember(chain);
    }
    Ok(head)
}

/// What the branch holds, and what the verification of all of it gave.
pub async fn verification(place: &Place, refs: &Refs) -> Result<(Oid, Verification)> {
    let trust = trust(place).await?;
    let known = known(place, &trust, Look::AtEverything)?;
    let tip = bring_ledger(place, refs, &known).await?;
    let verification = ledger::verify(&place.world.git, &tip, place.world.clock.now(), known).await?;
    if let Some(verified) = &verification.verified {
        same_branch(place, &verified.protocol().ledger)?;
    }
    Ok((tip, verification))
}

/// Whose tags are believed where they name an entry that the ledger does not have: those of the policy's signers, so that nobody
/// stops the others with a tag; or anybody's, before a tag is moved away that may be the one trace of such an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Believed {
    Signers,
    Everybody,
}

/// A channel tag that is not where the ledger says may be the newer of the two: it is asked which entry made it. Faults:
/// `ledger_broken` where this ledger does not have that entry, so that it is the ledger that went back; `stale_pointer` where the
/// ledger grew while it was looked at.
pub async fn not_cut_back(place: &Place, head: &Verified, refs: &Refs, whom: Believed) -> Result<()> {
    let (policy, now) = (head.policy(), place.world.clock.now());
    let is_signed = |tag: &object::Tag| {
        let allowed = policy.allowed.as_ref().zip(tag.signature.as_ref());
        allowed.is_some_and(|(allowed, armored)| allowed.verify(GIT_NAMESPACE, &tag.payload, armored, now).is_ok())
    };
    let believed = |tag: Option<&object::Tag>| whom == Believed::Everybody || policy.protocol.is_unsigned() || tag.is_some_and(is_signed);
    for (name, there) in projection::displaced(head, refs) {
        let serial = apply::serial_in_tag(&place.world.git, &place.at, name, there, &believed).await?;
        let Some(serial) = serial.filter(|serial| *serial > head.serial()) else { continue };
        // A server that writes one file for each ref shows a tag before the entry that moved it.
        let branch = &place.at.branch;
        let now = read_settled(&place.world.git, &place.at, &[], |now| now.get(branch) != refs.get(branch)).await?;
        if now.get(branch) != refs.get(branch) {
            return Err(Fault::new(Reason::StalePointer, format!("{branch} changed while it was read")));
        }
        let why = format!("{name} was made by entry {serial}, and the ledger here ends with entry {}", head.serial());
        let help = format!(
            "ask who moved {branch} back; a clone that fetched the entries since can push them again: {}. Only where there never was such \
             an entry, the tag is forged: {}",
            push_back(place),
            plan::keep_and_delete(name, &place.at.remote)
        );
        let finding = Finding::error("ledger/cut-back", why.clone()).help(help.clone());
        return Err(Fault::new(Reason::LedgerBroken, why).finding(finding).findings(head.skipped_findings()).help(help));
    }
    Ok(())
}

/// How a clone that fetched the ledger pushes what it saw of it.
fn push_back(place: &Place) -> String {
    let LedgerAt { remote, branch } = &place.at;
    match branch.as_str().strip_prefix("refs/heads/") {
        Some(short) => format!("`git push {remote} refs/remotes/{remote}/{short}:{branch}`"),
        None => format!("`git push {remote} OID:{branch}`"),
    }
}

/// What this machine keeps of the ledger behind the remote.
pub async fn trust(place: &Place) -> Result<Trust> {
    let git = &place.world.git;
    Ok(Trust::of(&place.world.env, &git.push_url(&place.at.remote).await?, git.dir()))
}

#[derive(PartialEq)]
enum Look {
    AtEverything,
    AtWhatIsNew,
}

fn known(place: &Place, trust: &Trust, look: Look) -> Result<Known> {
    let (pin, chain) = (pin(place, trust)?, trust.seen()?);
    Ok(Known { pin, remembered: remembered(place, trust, chain.as_ref())?, chain: chain.filter(|_| look == Look::AtWhatIsNew) })
}

/// The commits that this machine saw as the tip of the branch. `chain`: what it verified last.
fn remembered(place: &Place, trust: &Trust, chain: Option<&Chain>) -> Result<Vec<Oid>> {
    // What git noted when this clone fetched or pushed last.
    let noted = place.at.branch.as_str().strip_prefix("refs/heads/").map(|branch| format!("refs/remotes/{}/{branch}", place.at.remote));
    let noted = noted.map(|noted| place.world.git.rev_parse(&noted)).transpose()?.flatten();
    Ok(trust.tip()?.into_iter().chain(noted).chain(chain.map(|chain| chain.tip().clone())).collect())
}

/// What is known of the ledger where only now somebody says which entry 0 is meant: everything but that.
pub fn known_without_pin(place: &Place, trust: &Trust) -> Result<Known> {
    Ok(Known { pin: None, remembered: remembered(place, trust, trust.seen()?.as_ref())?, chain: None })
}

/// A checkout that is judged does not say which branch is the ledger.
pub fn same_branch(place: &Place, ledger: &RefName) -> Result<()> {
    if *ledger == place.at.branch {
        return Ok(());
    }
    let why = format!("gates/protocol.yaml here names {} as the ledger; the ledger that is trusted is {ledger}", place.at.branch);
    Err(Fault::new(Reason::PolicyUnadopted, why).help(format!("name {ledger} again: the branch of a ledger never changes")))
}

/// Makes the ledger's objects local; gives its head. Faults: `no_ledger`, `ledger_lost`.
pub async fn bring_ledger(place: &Place, refs: &Refs, known: &Known) -> Result<Oid> {
    let Some(head) = refs.get(&place.at.branch).map(|fact| fact.oid.clone()) else {
        not_lost(place, refs, known).await?;
        return Err(Fault::new(Reason::NoLedger, format!("remote `{}` has no {}", place.at.remote, place.at.branch)));
    };
    bring(&place.world.git, &place.at, std::slice::from_ref(&place.at.branch)).await?;
    Ok(head)
}

/// Nothing may be begun anew where a ledger is known. Faults: `ledger_lost`, and those of the pin.
pub async fn never_known(place: &Place, refs: &Refs) -> Result<()> {
    not_lost(place, refs, &known(place, &trust(place).await?, Look::AtEverything)?).await
}

/// Where the remote shows no ledger, there never was one. Faults: `ledger_lost` where anything tells of one.
async fn not_lost(place: &Place, refs: &Refs, known: &Known) -> Result<()> {
    let LedgerAt { remote, branch } = &place.at;
    let seen = newest(place, &known.remembered).await?;
    let (trace, left) = match (&seen, &known.pin, made_by_a_ledger(place, refs).await?) {
        (Some(seen), ..) => (format!("this machine saw it at {seen}"), None),
        (None, Some(pin), _) => (format!("{} as {pin}", pinned_by(place)), None),
        (None, None, Some((tag, serial))) => (format!("{tag} was made by entry {serial} of it"), Some(tag)),
        (None, None, None) => return Ok(()),
    };
    let lost = |what: &str| Fault::new(Reason::LedgerLost, format!("remote `{remote}` {what}; {trace}"));
    if push_finds_it(place, seen.as_ref()).await == Some(true) {
        let help = format!(
            "ask who runs the server to show {branch} to fetches again (`uploadpack.hideRefs` there); nothing is lost, and nothing is to be pushed"
        );
        return Err(lost(&format!("hides {branch} from fetches, and a push would find it there")).help(help));
    }
    let help = match &seen {
        Some(seen) if place.world.git.has(seen)? => {
            format!(
                "ask who removed or hid it (`transfer.hideRefs` on the server); `git push {remote} {seen}:{branch}` brings back what was seen"
            )
        }
        Some(seen) => {
            format!("ask who removed or hid it; from a clone that has what was seen, `git push {remote} {seen}:{branch}` brings it back")
        }
        None => format!("ask who removed or hid it; a clone that fetched it can push it back: {}", push_back(place)),
    };
    let fault = lost(&format!("has no {branch} any more: it was deleted, or is hidden from fetches and pushes"));
    let help = match (&seen, given_pin(place)) {
        (None, Some(_)) => format!("{help}. Where this is another repository than the pinned one, unset {GENESIS_PIN}"),
        _ => help,
    };
    Err(fault.help(match left {
        None => help,
        Some(tag) => format!(
            "{help}. Only where everybody who used that ledger gave it up: the tag is the last trace of it, so {} and begin anew",
            plan::keep_and_delete(&tag, remote)
        ),
    }))
}

/// The newest of these commits that is here; where none is, the first.
async fn newest(place: &Place, seen: &[Oid]) -> Result<Option<Oid>> {
    let git = &place.world.git;
    let mut newest: Option<&Oid> = None;
    for oid in seen {
        let is_newer = match newest {
            _ if !git.has(oid)? => false,
            Some(newest) => git.is_ancestor(newest, oid).await? == Some(true),
            None => true,
        };
        newest = if is_newer { Some(oid) } else { newest };
    }
    Ok(newest.or(seen.first()).cloned())
}

/// A channel tag that an entry made says that there was a ledger, also to who never saw it.
async fn made_by_a_ledger(place: &Place, refs: &Refs) -> Result<Option<(RefName, u64)>> {
    let drafted = place.drafted.as_deref().map(plan::channel_refs);
    let is_channel_tag = |name: &RefName| match &drafted {
        Some(names) => names.iter().any(|(_, wanted)| wanted == name),
        None => name.as_str().starts_with("refs/tags/channel/"),
    };
    // A lightweight tag has no message.
    for (name, fact) in refs.iter().filter(|(name, fact)| fact.peeled.is_some() && is_channel_tag(name)) {
        if let Some(serial) = apply::serial_in_tag(&place.world.git, &place.at, name, &fact.oid, &|_| true).await? {
            return Ok(Some((name.clone(), serial)));
        }
    }
    Ok(None)
}

/// Whether a push would find the branch that fetches do not see. `None`: that cannot be told.
async fn push_finds_it(place: &Place, seen: Option<&Oid>) -> Option<bool> {
    let git = &place.world.git;
    let seen = seen.filter(|seen| git.has(seen).unwrap_or(false)).cloned();
    let commit = seen.or_else(|| git.rev_parse("HEAD").ok().flatten())?;
    git.push_finds(&place.at.remote, &place.at.branch, &commit).await.ok()
}

/// The environment variable that pins entry 0 outside the repository.
pub const GENESIS_PIN: &str = "TAGWARDEN_GENESIS";

/// The pinned entry 0. Faults: `bad_usage` where the pin is no object id; `not_pinned` where two pins disagree or one cannot be
/// read; `policy_unadopted` where the checkout names another branch than the pin.
pub fn pin(place: &Place, trust: &Trust) -> Result<Option<Oid>> {
    // The value is not told: a secret may have been put into the wrong variable.
    let wrong = |_: String| {
        let fault = Fault::new(Reason::BadUsage, format!("{GENESIS_PIN} is not an object id of 40 or 64 lower-case hex characters"));
        fault.help(format!("set {GENESIS_PIN} to entry 0 as the first adoption printed it, or unset it"))
    };
    let given = given_pin(place);
    let given: Option<Oid> = given.map(|pin| pin.trim().parse().map_err(wrong)).transpose()?;
    let Some(kept) = trust.pin()? else { return Ok(given) };
    if let Some(given) = given.filter(|given| *given != kept.genesis) {
        let file = trust.file().unwrap_or_default();
        let why = format!("{GENESIS_PIN} says that entry 0 is {given}, and {} that it is {}", file.display(), kept.genesis);
        return Err(Fault::new(Reason::NotPinned, why).help("one of the two is not the ledger you mean: ask who began it"));
    }
    same_branch(place, &kept.branch)?;
    Ok(Some(kept.genesis))
}

fn given_pin(place: &Place) -> Option<String> {
    place.world.env.get(GENESIS_PIN).filter(|pin| !pin.is_empty())
}

/// Who pins entry 0.
fn pinned_by(place: &Place) -> String {
    match given_pin(place) {
        Some(_) => format!("{GENESIS_PIN} pins its entry 0"),
        None => "this machine pins its entry 0".to_owned(),
    }
}

/// Who writes to a ledger that is there must know from elsewhere which one is meant.
pub async fn pinned(place: &Place, head: &Verified) -> Result<()> {
    let trust = trust(place).await?;
    if pin(place, &trust)?.is_some() {
        return Ok(());
    }
    let why = format!("nothing outside of the repository says that the ledger behind `{}` is the one you mean", place.at.remote);
    let help = format!(
        "compare its entry 0, {0}, with what the first adoption printed; then `tagwarden trust {0}`, or {GENESIS_PIN}={0} where there is no home folder, as in CI",
        head.genesis()
    );
    let help = match trust.same_elsewhere(head.genesis()).as_slice() {
        [] => help,
        remotes => {
            format!("{help}; it is pinned for {}, and another address of the same ledger needs a pin of its own", remotes.join(", "))
        }
    };
    Err(Fault::new(Reason::NotPinned, why).help(help))
}

/// The commit that a revision names.
pub fn commit(world: &World, rev: &str) -> Result<Oid> {
    let fault = || {
        let fault = Fault::new(Reason::BadUsage, format!("`{}` names no commit here", rev.escape_debug()));
        fault.help("name a branch, a tag or a commit that `git rev-parse` knows; a shallow clone knows few")
    };
    world.git.rev_parse(rev)?.ok_or_else(fault)
}
