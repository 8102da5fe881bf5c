//! `snapshot verify` and `bundle verify`: every name, byte, tag and event of a store, or of one snapshot.
//!
//! A store is compared with its log, which is its own list of what must be there. One snapshot is compared with the digest that was
//! asked for. The verification itself is an event; where the store cannot be written it is said, and decides nothing.

use super::{Around, Meant, args::StoreAt, sign};
use crate::{
    artifact::{Snapshot, log::What, names::Wanted},
    cli::{Session, paths},
    domain::{Digest, Finding, Reason, Result, Severity},
    report::{
        Report,
        shape::snapshot::{BundleShape, SignersShape, SnapshotAnswer, VerifiedShape},
    },
    world::oci::{Store, View, Writer, Wrong},
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::OnceLock,
};

/// `wanted`: only this one. The window of a bundle is judged where one was asked for: in a whole store, old ones are expired.
pub async fn run(session: &Session, at: &StoreAt, wanted: Option<&Wanted>, meant: Meant) -> Result<Report> {
    let around = Around::of(session, at).await?;
    let store = around.open()?;
    let view = store.view()?;
    let digest = wanted.map(|wanted| meant.find(&store, &view, wanted)).transpose()?;
    let mut findings = match &digest {
        Some(_) => Vec::new(),
        None => recorded(&view),
    };
    let mut snapshots = Vec::new();
    for (known, size) in view.index.sizes() {
        if digest.as_ref().is_none_or(|wanted| *wanted == known) {
            match store.snapshot(&known, size) {
                Ok(snapshot) => snapshots.push(snapshot),
                Err(wrong) => findings.push(wrong.finding()),
            }
        }
    }
    if digest.is_none() {
        findings.extend(view.index.others().filter_map(|other| Some(store.check(&other.digest, other.size).err()?.finding())));
    }
    let read: Vec<&Snapshot> = snapshots.iter().collect();
    let waiting = OnceLock::new();
    let wrong = store.check_all(&read, &|all| waiting.get_or_init(|| session.progress().count("blobs:", all)).advance());
    findings.extend(named(&wrong, &snapshots));
    let mut signed = Vec::new();
    let mut bundles = Vec::new();
    for snapshot in &snapshots {
        if let Some(label) = &snapshot.label {
            let phase = label.phase(session.clock.now());
            findings.extend(view.state.reused(label, &snapshot.digest));
            findings.extend(label.out_of_window(phase).filter(|_| meant == Meant::Bundle));
            bundles.push(BundleShape { digest: snapshot.digest.clone(), bundle: label.clone(), phase: phase.word() });
        }
        let signatures = sign::of(&around, &store, &view, &snapshot.digest, session.clock.now());
        // What a restore captured by itself is signed by whoever wants to go back to it.
        if view.state.snapshots.get(&snapshot.digest).is_none_or(|known| !known.capture.before_restore) {
            findings.extend(sign::lacking(&around, signatures.as_ref(), &snapshot.digest));
        }
        if let Some(signatures) = signatures {
            let people = signatures.names();
            findings.extend(signatures.findings);
            signed.push(SignersShape { digest: snapshot.digest.clone(), people });
        }
    }
    let is_judged = around.protocol.as_ref().is_some_and(|protocol| protocol.allowed_signers.is_some() || !protocol.openpgp.is_empty());
    let wrong = || findings.iter().filter(|finding| finding.severity == Severity::Error);
    let errors = wrong().count() as u64;
    let reason = match (errors, view.index.sizes().is_empty()) {
        (0, true) => Reason::NothingToCheck,
        (0, false) => Reason::Passed,
        _ if wrong().all(|finding| finding.code == sign::UNCHECKED) => Reason::SignatureUnchecked,
        _ => Reason::Findings,
    };
    let files = snapshots.iter().map(|snapshot| snapshot.files.len()).sum();
    let bytes = snapshots.iter().map(|snapshot| snapshot.files.total()).sum();
    let what = What::Verify { snapshot: digest.clone(), snapshots: snapshots.len() as u64, findings: errors };
    let recorded = record(session, &around, &store, what).await;
    let events = view.broken.is_none().then_some(view.log.events.len() as u64).filter(|_| view.is_logged);
    let signed = is_judged.then_some(signed);
    let head = view.log.head.clone();
    let shape = VerifiedShape { digest, verified: snapshots.len(), signed, bundles, files, bytes, events, head };
    let report = around.report(reason, SnapshotAnswer::Verified(shape)).findings(findings);
    Ok(match recorded {
        Ok(()) => report,
        Err(why) => report.notice(format!("this verification is not recorded: {why}")),
    })
}

/// What log and index say of one another.
fn recorded(view: &View) -> Vec<Finding> {
    if let Some(why) = &view.broken {
        return vec![Finding::error("snapshot/log-broken", format!("the log of the store does not verify: {why}"))];
    }
    let (state, index) = (&view.state, &view.index);
    let mut findings = Vec::new();
    if !view.is_logged && !index.sizes().is_empty() {
        let finding = Finding::error("snapshot/no-log", "the store has no log, so nothing says which snapshots must be there");
        findings.push(finding.help("name one snapshot by the digest that you know: `tagwarden snapshot verify DIGEST`"));
        return findings;
    }
    for (digest, known) in &state.snapshots {
        if !index.has(digest) {
            let message = format!("the snapshot {digest} of {}, captured at {}, is not there", known.capture.source, known.time);
            findings.push(Finding::error("snapshot/missing", message));
        }
    }
    for digest in index.sizes().keys().filter(|digest| !state.snapshots.contains_key(*digest)) {
        findings.push(Finding::warning("snapshot/unrecorded", format!("the snapshot {digest} is not recorded here")));
    }
    for (tag, digest) in &state.tags {
        let at: BTreeSet<&Digest> = index.tagged(tag).collect();
        if at != BTreeSet::from([digest]) {
            let is_at: Vec<&str> = at.iter().map(|digest| digest.as_str()).collect();
            let is_at = if is_at.is_empty() { "nothing".to_owned() } else { is_at.join(", ") };
            findings.push(Finding::error("snapshot/tag", format!("the tag `{tag}` is at {is_at}, and the log says {digest}")));
        }
    }
    findings.extend(open_restores(view));
    findings
}

/// Restores that began and did not end.
pub(super) fn open_restores(view: &View) -> Vec<Finding> {
    let open = view.state.restores.iter().filter(|(_, restore)| !restore.ended);
    let finding = open.map(|(target, restore)| {
        let message = format!("a restore of {} to {target} began at {} and did not end", restore.snapshot, restore.time);
        let finding = Finding::warning("snapshot/restore-open", message);
        finding.help(format!("run it again: `tagwarden snapshot restore {} --to {}`", &restore.snapshot.hex()[..12], paths::quoted(target)))
    });
    finding.collect()
}

/// What is wrong with blobs, with the file that each is.
fn named(wrong: &[Wrong], snapshots: &[Snapshot]) -> Vec<Finding> {
    let blobs: BTreeSet<&Digest> = wrong.iter().map(Wrong::digest).collect();
    let mut files: HashMap<Digest, (String, usize)> = HashMap::new();
    for snapshot in snapshots {
        for file in snapshot.files.iter().filter(|file| blobs.contains(&file.digest)) {
            let first = || (format!("`{}` of {}", file.path, &snapshot.digest.hex()[..12]), 0);
            files.entry(file.digest.clone()).or_insert_with(first).1 += 1;
        }
    }
    let named = wrong.iter().map(|wrong| {
        let finding = wrong.finding();
        let message = match files.get(wrong.digest()) {
            Some((first, 1)) => format!("{}; it is {first}", finding.message),
            Some((first, all)) => format!("{}; it is {first} and {} more", finding.message, all - 1),
            None => return finding,
        };
        Finding { message, ..finding }
    });
    named.collect()
}

/// Writes an event where nothing else is written.
pub(super) async fn record(session: &Session, around: &Around, store: &Store, what: What) -> std::result::Result<(), String> {
    let by = around.by(session).await.map_err(|fault| fault.message)?;
    let mut writer = Writer::begin(store, session.progress()).await.map_err(|fault| fault.message)?;
    writer.commit(session.clock.now(), &by, what, |_| {}).map_err(|fault| fault.message)
}
