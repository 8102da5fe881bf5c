//! `snapshot sign` and `bundle sign`, and which signatures count.
//!
//! Who may sign is said by `allowed_signers` and `openpgp/` of the `gates/` beside the files, how many by `snapshots.signatures` there.
//! Deliberately absent: the signers of the policy in force.

use super::{Around, Meant, args::SnapshotOne};
use crate::{
    artifact::{
        log::What,
        manifest::LARGEST_READ,
        signature::{self, Allowed, Kind},
    },
    attest::ssh::AllowedSigners,
    cli::Session,
    domain::{Digest, Fault, Finding, Reason, Result, Timestamp},
    gate::protocol::KeySource,
    report::{
        Report,
        shape::snapshot::{SignedShape, SnapshotAnswer},
    },
    world::{
        Gpg, Signer,
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

/// A key, with the program that signs with it.
pub enum Hand {
    Ssh(Box<Signer>),
    OpenPgp(Gpg),
}

impl Hand {
    fn fingerprint(&self) -> &str {
        match self {
            Hand::Ssh(signer) => signer.fingerprint(),
            Hand::OpenPgp(gpg) => gpg.fingerprint(),
        }
    }

    async fn sign(&self, bytes: &[u8]) -> Result<(Kind, String)> {
        Ok(match self {
            Hand::Ssh(signer) => (Kind::Ssh, signer.sign(signature::NAMESPACE, bytes).await?),
            Hand::OpenPgp(gpg) => (Kind::OpenPgp, gpg.sign(bytes).await?),
        })
    }
}

/// The key that `--signing-key` or the protocol names.
pub async fn signer(session: &Session, around: &Around) -> Result<Hand> {
    let source = session.globals.signing_key.clone().or_else(|| around.protocol.as_ref().map(|protocol| protocol.signing.key.clone()));
    let none = || {
        let fault = Fault::new(Reason::SignerMissing, "no signing key is named");
        fault.help("give `--signing-key`, or name one under `signing` in gates/protocol.yaml")
    };
    let dir = around.world.as_ref().map_or(Path::new("."), |world| world.git.dir());
    // A variable may say which key of gpg is meant.
    let said = |name: &String| session.env.get(name).and_then(|value| Some(value.trim().strip_prefix("openpgp:")?.trim().to_owned()));
    let openpgp = match &source {
        Some(KeySource::OpenPgp(key)) => Some(key.clone()),
        Some(KeySource::Env(name)) => said(name),
        _ => None,
    };
    let source = source.filter(|source| *source != KeySource::None).ok_or_else(none)?;
    match openpgp {
        Some(key) => Gpg::of(&key, &session.env).await.map(Hand::OpenPgp),
        None => Ok(Hand::Ssh(Box::new(Signer::from(&source, &session.env, dir).await?.ok_or_else(none)?))),
    }
}

/// Signs a snapshot of the store; the name that the signer is listed under, else the fingerprint of the key.
pub async fn put(
    session: &Session,
    around: &Around,
    store: &Store,
    writer: &mut Writer<'_>,
    signer: &Hand,
    digest: &Digest,
    by: &crate::artifact::log::By,
) -> Result<String> {
    let bytes = manifest(store, &writer.view, digest)?;
    let waiting = session.progress().wait("signing");
    let (kind, armored) = signer.sign(&bytes).await?;
    drop(waiting);
    let now = session.clock.now();
    let listed = allowed(around)?.and_then(|allowed| signature::judge(&allowed, kind, &bytes, &armored, (now, now)).ok());
    let who = listed.map_or_else(|| signer.fingerprint().to_owned(), |listed| listed.principal);
    let made = signature::manifest(kind, digest, bytes.len() as u64, &armored)?;
    writer.put_small(&[armored.as_bytes(), crate::artifact::manifest::EMPTY_BYTES, &made])?;
    let (own, size) = (Digest::of(&made), made.len() as u64);
    let what = What::Sign { snapshot: digest.clone(), signature: own.clone(), signer: who.clone() };
    writer.commit(now, by, what, |index| index.add_other(&own, size, kind.artifact_type()))?;
    Ok(who)
}

/// The signatures of a snapshot. `None`: nothing says who may sign.
pub fn of(around: &Around, store: &Store, view: &View, digest: &Digest, now: Timestamp) -> Option<Signatures> {
    match allowed(around) {
        Ok(allowed) => Some(store.signatures(view, digest, &allowed?, now)),
        Err(fault) => Some(Signatures { findings: fault.findings, ..Signatures::default() }),
    }
}

/// What the protocol asks for, where a snapshot does not have it: `snapshot/unsigned`, or `snapshot/signature-unchecked` where only
/// another build could tell.
pub fn lacking(around: &Around, signatures: Option<&Signatures>, digest: &Digest) -> Option<Finding> {
    let wanted = around.protocol.as_ref().and_then(|protocol| protocol.snapshots.as_ref()).map_or(0, |snapshots| snapshots.signatures);
    let people = signatures.map_or(0, |signatures| signature::count(&signatures.people));
    let unchecked = signatures.map_or(0, |signatures| signatures.unchecked);
    if people >= wanted as usize {
        return None;
    }
    if people + unchecked >= wanted as usize {
        let message =
            format!("{people} of {wanted} people signed the snapshot {digest}, and signatures that this build cannot check may be of more");
        return Some(Finding::error(UNCHECKED, message).help(Reason::SignatureUnchecked.next()));
    }
    let message = format!("{people} of {wanted} people signed the snapshot {digest}");
    let finding = Finding::error("snapshot/unsigned", message);
    Some(finding.help(format!("`tagwarden snapshot sign {}` by somebody of gates/allowed_signers or gates/openpgp", &digest.hex()[..12])))
}

/// The code of what nobody here can tell.
pub const UNCHECKED: &str = "snapshot/signature-unchecked";

fn manifest(store: &Store, view: &View, digest: &Digest) -> Result<Vec<u8>> {
    let size = view.index.sizes().get(digest).copied().unwrap_or_default();
    store.small_blob(digest, size, LARGEST_READ).map_err(|wrong| store.broken(&wrong.finding()))
}

fn allowed(around: &Around) -> Result<Option<Allowed>> {
    let Some(protocol) = &around.protocol else { return Ok(None) };
    let wrong = |findings| Fault::new(Reason::BadConfig, "gates/allowed_signers cannot be read").findings(findings);
    match &protocol.allowed_signers {
        None if protocol.openpgp.is_empty() => Ok(None),
        text => {
            let ssh = text.as_deref().map(AllowedSigners::parse).transpose().map_err(wrong)?.unwrap_or_default();
            Ok(Some(Allowed { ssh, openpgp: protocol.openpgp.clone() }))
        }
    }
}
