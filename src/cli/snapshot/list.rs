//! `snapshot list`, `bundle list`, `snapshot info` and `bundle show`: what a store has, by its index and its log.

use super::{
    Around, Meant,
    args::{SnapshotOne, StoreAt},
    sign,
};
use crate::{
    artifact::Form,
    cli::Session,
    domain::{Digest, Finding, Reason, Result, Severity, Timestamp},
    report::{
        Report,
        shape::snapshot::{FileShape, Info, Listed, SnapshotAnswer},
    },
    world::oci::View,
};

pub async fn list(session: &Session, args: &StoreAt) -> Result<Report> {
    let around = Around::of(session, args).await?;
    let view = around.open()?.view()?;
    let recorded = view.state.snapshots.keys().filter(|digest| view.index.has(digest));
    let others = view.index.sizes().into_keys().filter(|digest| !view.state.snapshots.contains_key(digest));
    let now = session.clock.now();
    let snapshots = recorded.cloned().chain(others).map(|digest| listed(&view, digest, now)).collect();
    Ok(around.report(Reason::Passed, SnapshotAnswer::List { snapshots }).findings(doubts(&view)))
}

/// The bundles of a store. Of what another program put there the manifest says whether it is one.
pub async fn bundles(session: &Session, args: &StoreAt) -> Result<Report> {
    let around = Around::of(session, args).await?;
    let store = around.open()?;
    let view = store.view()?;
    let (mut bundles, mut findings) = (Vec::new(), doubts(&view));
    let now = session.clock.now();
    for digest in view.state.snapshots.keys().filter(|digest| view.index.has(digest)) {
        bundles.push(listed(&view, digest.clone(), now));
    }
    for (digest, size) in view.index.sizes().into_iter().filter(|(digest, _)| !view.state.snapshots.contains_key(digest)) {
        match store.snapshot(&digest, size) {
            Ok(snapshot) => bundles.push(Listed { bundle: snapshot.label, ..listed(&view, digest, now) }.at(now)),
            Err(wrong) => findings.push(wrong.finding()),
        }
    }
    bundles.retain(|listed| listed.bundle.is_some());
    let reason = if findings.iter().any(|finding| finding.severity == Severity::Error) { Reason::Findings } else { Reason::Passed };
    Ok(around.report(reason, SnapshotAnswer::Bundles { bundles }).findings(findings))
}

pub async fn info(session: &Session, args: &SnapshotOne, meant: Meant) -> Result<Report> {
    let around = Around::of(session, &args.store).await?;
    let store = around.open()?;
    let view = store.view()?;
    let digest = meant.find(&store, &view, &args.snapshot)?;
    let snapshot = store.named(&view, &digest)?;
    let form = match snapshot.form {
        Form::Blobs => "blobs",
        Form::Tar { .. } => "tar",
    };
    let (files, bytes) = (snapshot.files.len() as u64, snapshot.bytes());
    let now = session.clock.now();
    let signed = sign::of(&around, &store, &view, &digest, now).map(|signatures| signatures.names());
    let contents = snapshot.files.iter();
    let contents = contents.map(|file| FileShape { path: file.path, mode: file.mode.to_string(), size: file.size, digest: file.digest });
    // What the manifest itself says is known even where nothing is recorded.
    let listed = Listed { files: Some(files), bytes: Some(bytes), bundle: snapshot.label, ..listed(&view, digest, now) }.at(now);
    let info = Info { listed, form, signed, contents: contents.collect() };
    Ok(around.report(Reason::Passed, SnapshotAnswer::Info(Box::new(info))).findings(doubts(&view)))
}

impl Listed {
    fn at(self, now: Timestamp) -> Listed {
        Listed { phase: self.bundle.as_ref().map(|label| label.phase(now).word()), ..self }
    }
}

fn listed(view: &View, digest: Digest, now: Timestamp) -> Listed {
    let tags = view.index.tags_of(&digest);
    let known = view.state.snapshots.get(&digest);
    let capture = known.map(|known| &known.capture);
    Listed {
        tags,
        captured: known.map(|known| known.time),
        first: known.map(|known| known.first),
        actor: known.map(|known| known.actor.clone()),
        source: capture.map(|capture| capture.source.clone()),
        commit: capture.and_then(|capture| capture.commit.clone()),
        channel: capture.and_then(|capture| capture.channel.clone()),
        files: capture.map(|capture| capture.files),
        bytes: capture.map(|capture| capture.bytes),
        reason: capture.and_then(|capture| capture.reason.clone()),
        serial: known.map(|known| known.serial),
        bundle: capture.and_then(|capture| capture.bundle.clone()),
        phase: None,
        digest,
    }
    .at(now)
}

/// Why what is listed may not be all.
pub(super) fn doubts(view: &View) -> Vec<Finding> {
    let broken =
        view.broken.iter().map(|why| Finding::warning("snapshot/log-broken", format!("the log of the store does not verify: {why}")));
    let missing = view.state.snapshots.keys().filter(|digest| !view.index.has(digest));
    let missing =
        missing.map(|digest| Finding::warning("snapshot/missing", format!("the log knows {digest}, and the store does not name it")));
    broken.chain(missing).collect()
}
