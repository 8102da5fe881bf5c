//! `snapshot sign`, and which signatures of a snapshot count.
//!
//! Who may sign is said by `allowed_signers` of the `gates/` beside the files, how many by `snapshots.signatures` there. Deliberately
//! absent: OpenPGP, and the signers of the policy in force.

use super::{Around, args::SnapshotOne};
use crate::{
    artifact::{log::What, manifest::LARGEST_READ, signature},
    attest::ssh::{AllowedSigners, Verified},
    cli::Session,
    domain::{Digest, Fault, Finding, Reason, Result, Timestamp},
    gate::protocol::KeySource,
    report::{
        Report,
        shape::snapshot::{SignedShape, SnapshotAnswer},
    },
    world::{
        Signer,
        oci::{Store, View, Writer},
    },
};
use std::{collections::BTreeMap, path::Path};

pub async fn run(session: &Session, args: &SnapshotOne) -> Result<Report> {
    let around = Around::of(session, &args.store).await?;
    let store = around.open()?;
    let view = store.view()?;
    let digest = store.find(&view, &args.snapshot)?;
    // What is signed is whole.
    let snapshot = store.named(&view, &digest)?;
    if let Some(wrong) = store.check_all(&[&snapshot], &|_| {}).first() {
        return Err(store.broken(&wrong.finding()));
    }
    let by = around.by(session).await?;
    let signer = signer(session, &around).await?;
    let mut writer = Writer::begin(&store)?;
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

/// The signatures of a snapshot.
#[derive(Default)]
pub struct Signatures {
    /// Who signed, once for each good signature.
    pub people: Vec<Verified>,
    /// Those that count for nobody, and those that are gone.
    pub findings: Vec<Finding>,
}

/// Judges every signature of a snapshot, recorded or put there by another program. `None`: nothing says who may sign.
pub fn of(around: &Around, store: &Store, view: &View, digest: &Digest, now: Timestamp) -> Option<Signatures> {
    let allowed = match allowed(around) {
        Ok(allowed) => allowed?,
        Err(fault) => return Some(Signatures { findings: fault.findings, ..Signatures::default() }),
    };
    let mut found = Signatures::default();
    let Ok(bytes) = manifest(store, view, digest) else { return Some(found) };
    let recorded = view.state.signatures.get(digest).cloned().unwrap_or_default();
    let named: BTreeMap<&Digest, u64> = view.index.of_type(signature::SSH).collect();
    for gone in recorded.keys().filter(|signature| !named.contains_key(signature)) {
        found.findings.push(Finding::error("snapshot/missing", format!("the signature {gone} of {digest} is not there")));
    }
    for (own, size) in named {
        let counted = |why: String| Finding::warning("snapshot/signature", format!("the signature {own} does not count: {why}"));
        let read = store.small_blob(own, size, LARGEST_READ).map_err(|wrong| wrong.finding());
        let parsed = read.and_then(|bytes| signature::parse(&bytes).map_err(counted));
        let signature = match parsed {
            Ok(signature) if signature.subject == *digest => signature,
            Ok(_) => continue,
            Err(finding) if recorded.contains_key(own) => {
                found.findings.push(finding);
                continue;
            }
            // Of which snapshot it is, nobody knows.
            Err(_) => continue,
        };
        let armored = match store.small_blob(&signature.blob, signature.size, signature::LONGEST) {
            Ok(armored) => String::from_utf8_lossy(&armored).into_owned(),
            Err(wrong) => {
                found.findings.push(wrong.finding());
                continue;
            }
        };
        let at = recorded.get(own).copied().unwrap_or(now);
        match signature::judge(&allowed, &bytes, &armored, at) {
            Ok(signed) => found.people.push(signed),
            Err(refusal) => found.findings.push(counted(refusal.to_string())),
        }
    }
    Some(found)
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
