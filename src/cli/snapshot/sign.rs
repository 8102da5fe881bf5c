//! `snapshot sign` and `bundle sign`, and which signatures count.
//!
//! Who may sign is said by `allowed_signers` of the `gates/` beside the files, how many by `snapshots.signatures` there. Deliberately
//! absent: OpenPGP, and the signers of the policy in force.

use super::{Around, Meant, args::SnapshotOne};
use crate::{
    artifact::{log::What, manifest::LARGEST_READ, signature},
    attest::ssh::AllowedSigners,
    cli::Session,
    domain::{Digest, Fault, Finding, Reason, Result, Timestamp},
    gate::protocol::KeySource,
    report::{
        Report,
        shape::snapshot::{SignedShape, SnapshotAnswer},
    },
    world::{
        Signer,
        oci::{Signatures, Store, View, Writer},
    },
};
use std::path::Path;

pub async fn run(session: &Session, args: &SnapshotOne, meant: Meant) -> Result<Report> {
    let around = Around::of(session, &args.store).await?;
    let store = around.open()?;
    let view = store.view()?;
    let digest = meant.find(&store, &view, &args.snapshot)?;
    // What is signed is whole.
    let snapshot = store.named(&view, &digest)?;
    if let Some(wrong) = store.check_all(&[&snapshot], &|_| {}).first() {
        return Err(store.broken(&wrong.finding()));
    }
    let by = around.by(session).await?;
    let signer = signer(session, &around).await?;
    let mut writer = Writer::begin(&store, session.progress()).await?;
    let who = put(session, &around, &store, &mut writer, &signer, &digest, &by).await?;
    let people = of(&around, &store, &writer.view, &digest, session.clock.now()).map_or(0, |found| signature::count(&found.people));
    let shape = SignedShape { digest, signer: who, fingerprint: signer.fingerprint().to_owned(), people };
    Ok(around.report(Reason::Passed, SnapshotAnswer::Signed(shape)))
}

/// The key that `--signing-key` or the protocol names.
pub async fn signer(session: &Session, around: &Around) -> Result<Signer> {
    let source = session.globals.signing_key.clone().or_else(|| around.protocol.as_ref().map(|protocol| protocol.signing.key.clone()));
    let none = || {
        let fault = Fault::new(Reason::SignerMissing, "no signing key is named");
        fault.help("give `--signing-key`, or name one under `signing` in gates/protocol.yaml")
    };
    let dir = around.world.as_ref().map_or(Path::new("."), |world| world.git.dir());
    match source {
        None | Some(KeySource::None) => Err(none()),
        Some(source) => Signer::from(&source, &session.env, dir).await?.ok_or_else(none),
    }
}

/// Signs a snapshot of the store; the name that the signer is listed under, else the fingerprint of the key.
pub async fn put(
    session: &Session,
    around: &Around,
    store: &Store,
    writer: &mut Writer<'_>,
    signer: &Signer,
    digest: &Digest,
    by: &crate::artifact::log::By,
) -> Result<String> {
    let bytes = manifest(store, &writer.view, digest)?;
    let armored = signer.sign(signature::NAMESPACE, &bytes).await?;
    let now = session.clock.now();
    let listed = allowed(around)?.and_then(|allowed| signature::judge(&allowed, &bytes, &armored, now).ok());
    let who = listed.map_or_else(|| signer.fingerprint().to_owned(), |listed| listed.principal);
    let made = signature::manifest(digest, bytes.len() as u64, &armored)?;
    writer.put_small(&[armored.as_bytes(), crate::artifact::manifest::EMPTY_BYTES, &made])?;
    let (own, size) = (Digest::of(&made), made.len() as u64);
    let what = What::Sign { snapshot: digest.clone(), signature: own.clone(), signer: who.clone() };
    writer.commit(now, by, what, |index| index.add_other(&own, size, signature::SSH))?;
    Ok(who)
}

/// The signatures of a snapshot. `None`: nothing says who may sign.
pub fn of(around: &Around, store: &Store, view: &View, digest: &Digest, now: Timestamp) -> Option<Signatures> {
    match allowed(around) {
        Ok(allowed) => Some(store.signatures(view, digest, &allowed?, now)),
        Err(fault) => Some(Signatures { findings: fault.findings, ..Signatures::default() }),
    }
}

/// What the protocol asks for, where a snapshot does not have it.
pub fn lacking(around: &Around, signatures: Option<&Signatures>, digest: &Digest) -> Option<Finding> {
    let wanted = around.protocol.as_ref().and_then(|protocol| protocol.snapshots.as_ref()).map_or(0, |snapshots| snapshots.signatures);
    let people = signatures.map_or(0, |signatures| signature::count(&signatures.people));
    if people >= wanted as usize {
        return None;
    }
    let message = format!("{people} of {wanted} people signed the snapshot {digest}");
    let finding = Finding::error("snapshot/unsigned", message);
    Some(finding.help(format!("`tagwarden snapshot sign {}` by somebody of gates/allowed_signers", &digest.hex()[..12])))
}

fn manifest(store: &Store, view: &View, digest: &Digest) -> Result<Vec<u8>> {
    let size = view.index.sizes().get(digest).copied().unwrap_or_default();
    store.small_blob(digest, size, LARGEST_READ).map_err(|wrong| store.broken(&wrong.finding()))
}

fn allowed(around: &Around) -> Result<Option<AllowedSigners>> {
    let text = around.protocol.as_ref().and_then(|protocol| protocol.allowed_signers.as_deref());
    let wrong = |findings| Fault::new(Reason::BadConfig, "gates/allowed_signers cannot be read").findings(findings);
    text.map(AllowedSigners::parse).transpose().map_err(wrong)
}
