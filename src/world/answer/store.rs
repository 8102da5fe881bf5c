//! Questions about the store of snapshots that the policy in force names.

use super::Answerer;
use crate::{
    artifact::{manifest::Snapshot, names::Wanted, signature::Allowed},
    attest::ssh::AllowedSigners,
    domain::{Digest, Fault, Reason},
    gate::{
        Unavailable,
        probe::{BundleAsk, BundleFound, BundleGot, RehearsalGot, Rehearsed, why},
    },
    world::oci::{Store, View},
};

impl Answerer {
    pub(super) fn bundle(&self, ask: &BundleAsk) -> Result<BundleGot, Unavailable> {
        let named = self.named(ask)?;
        let (store, view) = self.store()?;
        let wanted = named.parse::<Wanted>().map_err(|why| unreadable(format!("`{}`: {why}", named.escape_debug())))?;
        let got = |bundle| BundleGot { named: named.clone(), bundle, scheduled: self.scheduled };
        let digest = match store.find(&view, &wanted) {
            Ok(digest) => digest,
            Err(fault) if fault.reason == Reason::UnknownSnapshot => return Ok(got(None)),
            Err(fault) => return Err(unread(fault)),
        };
        let snapshot = store.named(&view, &digest).map_err(unread)?;
        Ok(got(self.found(&store, &view, digest, &snapshot)?))
    }

    fn found(&self, store: &Store, view: &View, digest: Digest, snapshot: &Snapshot) -> Result<Option<BundleFound>, Unavailable> {
        let Some(label) = snapshot.label.clone() else { return Ok(None) };
        let allowed = self.allowed_signers.as_deref().map(AllowedSigners::parse).transpose();
        let allowed = allowed.map_err(|_| unreadable("the policy's allowed_signers cannot be read"))?.unwrap_or_default();
        let allowed = Allowed { ssh: allowed, openpgp: self.openpgp.clone() };
        let signatures = store.signatures(view, &digest, &allowed, self.world.clock.now());
        let mut wrong: Vec<_> = store.check_all(&[snapshot], &|_| {}).iter().map(|wrong| wrong.finding()).collect();
        wrong.extend(view.state.reused(&label, &digest));
        Ok(Some(BundleFound { digest, label, people: signatures.names(), unchecked: signatures.unchecked, wrong }))
    }

    pub(super) fn rehearsal(&self) -> Result<RehearsalGot, Unavailable> {
        let (_, view) = self.store()?;
        Ok(RehearsalGot { last: view.state.rehearsed.map(|(time, rehearsal)| Rehearsed { time, rehearsal }) })
    }

    /// The name of the bundle that is meant.
    fn named(&self, ask: &BundleAsk) -> Result<String, Unavailable> {
        let file = match (&ask.name, &ask.file) {
            (Some(name), None) => return Ok(name.clone()),
            (None, Some(file)) => file,
            _ => return Err(Unavailable::new(why::BAD_QUESTION)),
        };
        let bytes = self.tree.read(file).map_err(|error| unreadable(error.to_string()))?;
        let bytes = bytes.ok_or_else(|| Unavailable::new(why::NOT_FOUND).detail(format!("the candidate has no file {file}")))?;
        let word = std::str::from_utf8(&bytes).ok().and_then(|text| text.split_whitespace().next());
        word.map(str::to_owned).ok_or_else(|| unreadable(format!("{file} names no bundle")))
    }

    /// The store, if its log can be believed.
    fn store(&self) -> Result<(Store, View), Unavailable> {
        let named = self.snapshots.as_ref();
        let named = named.ok_or_else(|| Unavailable::new(why::NOT_FOUND).detail("the protocol names no store: `snapshots`"))?;
        // A rehearsal judges in a copy, and the store is that of the repository it rehearses.
        let store = Store::open(&self.world.others().dir().join(&named.store)).map_err(unread)?;
        let view = store.view().map_err(unread)?;
        match (&view.broken, view.is_logged) {
            (Some(why), _) => Err(unreadable(format!("the log of the store does not verify: {why}"))),
            (None, false) => Err(unreadable("the store has no log")),
            (None, true) => Ok((store, view)),
        }
    }
}

fn unreadable(detail: impl Into<String>) -> Unavailable {
    Unavailable::new(why::UNREADABLE).detail(detail)
}

fn unread(fault: Fault) -> Unavailable {
    unreadable(fault.message)
}
