//! `snapshot restore`: every byte is checked, what is there becomes a snapshot, then the files take their places.
//!
//! Where a check is given and fails, or a write does, the folder goes back to what it was. A restore that was killed is told by
//! `status` and `verify`, and ended by the same command. Deliberately absent: removing files that the snapshot does not name.

use super::{Around, args::SnapshotRestore, sign};
use crate::{
    artifact::{
        Files, SNAPSHOT, Snapshot, files,
        log::{By, Capture, What},
    },
    cli::{Session, paths},
    domain::{Digest, Fault, Finding, Reason, Result},
    report::{
        Report,
        shape::snapshot::{RestoredShape, SnapshotAnswer},
    },
    world::{
        oci::{Restored, Store, Target, Writer},
        process::run_script,
    },
};

pub async fn run(session: &Session, args: &SnapshotRestore) -> Result<Report> {
    let around = Around::of(session, &args.store).await?;
    let store = around.open()?;
    let view = store.view()?;
    let digest = store.find(&view, &args.snapshot)?;
    let snapshot = store.named(&view, &digest)?;
    let wrong = store.check_all(&[&snapshot], &|_| {});
    if let Some(first) = wrong.first() {
        let fault = store.broken(&first.finding()).findings(wrong.iter().skip(1).map(|wrong| wrong.finding()));
        return Err(
            fault.help("nothing was written. `tagwarden snapshot list` shows the others; a capture of the same files puts it right")
        );
    }
    let signatures = sign::of(&around, &store, &view, &digest, session.clock.now());
    if let Some(finding) = sign::lacking(&around, signatures.as_ref(), &digest) {
        let reason = if finding.code == sign::UNCHECKED { Reason::SignatureUnchecked } else { Reason::NotPermitted };
        let fault = Fault::new(reason, finding.message.clone()).help(finding.help.clone().unwrap_or_default());
        return Err(fault.finding(finding).findings(signatures.into_iter().flat_map(|signatures| signatures.findings)));
    }
    let by = around.by(session).await?;
    // Pruning waits, so that nothing is taken away meanwhile.
    let mut writer = Writer::begin(&store, session.progress()).await?;
    let snapshot = store.named(&writer.view, &digest)?;
    let target = Target::open(&args.to)?;
    target.check(&snapshot.files)?;
    let differing = target.differing(&snapshot)?;
    let name = target.name();
    let open = writer.view.state.restores.get(&name).filter(|restore| !restore.ended).cloned();
    let (files, shape) = (snapshot.files.len(), |written, previous, undone| {
        let (digest, target) = (digest.clone(), name.clone());
        SnapshotAnswer::Restored(RestoredShape { digest, target, files: snapshot.files.len(), written, previous, undone })
    });
    let end = |undone| What::RestoreEnd { snapshot: digest.clone(), target: name.clone(), undone };
    if differing.is_empty() {
        if open.is_some_and(|open| open.snapshot == digest) {
            writer.commit(session.clock.now(), &by, end(false), |_| {})?;
        }
        return Ok(around.report(Reason::NothingToDo, shape(0, None, false)));
    }
    let now = before(session, &mut writer, &target, &snapshot.files, &by)?;
    // Of a restore that never ended, what was there before it is what somebody would go back to.
    let previous = open.and_then(|open| open.before).or_else(|| now.clone());
    let begin = What::RestoreBegin {
        snapshot: digest.clone(),
        target: name.clone(),
        before: previous.clone(),
        reason: args.reason.as_ref().map(|reason| session.env.masks().mask(reason)),
    };
    writer.commit(session.clock.now(), &by, begin, |_| {})?;
    let waiting = session.progress().wait(format!("writing {}", files::counted(files)));
    let wrote = target.write(&store, &snapshot, &differing);
    drop(waiting);
    let failed = match (&wrote, &args.check) {
        (Err(fault), _) => Some(fault.clone()),
        (Ok(_), Some(script)) => check(session, script, &target).await.err(),
        (Ok(_), None) => None,
    };
    let Some(fault) = failed else {
        writer.commit(session.clock.now(), &by, end(false), |_| {})?;
        return Ok(around.report(Reason::Passed, shape(differing.len(), previous, false)));
    };
    let new: Vec<usize> = match wrote {
        Ok(Restored { new, .. }) => new,
        // Nobody knows how far it came.
        Err(_) => missing(&store, &writer, now.as_ref(), &snapshot)?,
    };
    match undo(&store, &writer, &target, now.as_ref(), (&snapshot.files, &new)) {
        Ok(()) => {
            writer.commit(session.clock.now(), &by, end(true), |_| {})?;
            let report = around.report(fault.reason, shape(0, previous, true));
            Ok(report.findings(said(&fault)))
        }
        Err(second) => {
            let why = format!("{}; and the folder could not be put back: {}", fault.message, second.message);
            let back = previous.map_or_else(String::new, |digest| {
                format!(", or go back: `tagwarden snapshot restore {digest} --to {}`", paths::quoted(&name))
            });
            Err(Fault::new(fault.reason, why).findings(fault.findings).help(format!("when that is mended, run it again{back}")))
        }
    }
}

fn said(fault: &Fault) -> Vec<Finding> {
    match fault.findings.is_empty() {
        true => vec![Finding::error("snapshot/not-restored", fault.message.clone())],
        false => fault.findings.clone(),
    }
}

/// Captures the files that are about to be replaced.
fn before(session: &Session, writer: &mut Writer<'_>, target: &Target, files: &Files, by: &By) -> Result<Option<Digest>> {
    let Some(source) = target.now(files)? else { return Ok(None) };
    let source = source.read(&|_| {})?;
    let made = writer.capture(&source, None, &|_| {})?;
    let digest = made.snapshot.digest;
    let capture = Capture {
        snapshot: digest.clone(),
        source: format!("before a restore to {}", target.name()),
        commit: None,
        channel: None,
        files: source.files.len() as u64,
        bytes: source.files.total(),
        tags: Vec::new(),
        reason: None,
        before_restore: true,
        bundle: None,
    };
    let size = made.manifest.len() as u64;
    writer.commit(session.clock.now(), by, What::Create(capture), |index| index.add(SNAPSHOT, &digest, size, &[]))?;
    Ok(Some(digest))
}

/// The files of a snapshot that were not there before, as places in its list.
fn missing(store: &Store, writer: &Writer<'_>, before: Option<&Digest>, snapshot: &Snapshot) -> Result<Vec<usize>> {
    let before = before.map(|digest| store.named(&writer.view, digest)).transpose()?;
    let was = |path: &str| before.as_ref().is_some_and(|before| before.files.find(path).is_some());
    Ok((0..snapshot.files.len()).filter(|at| !was(snapshot.files.path(*at))).collect())
}

/// Puts a folder back to what it was.
fn undo(store: &Store, writer: &Writer<'_>, target: &Target, before: Option<&Digest>, new: (&Files, &[usize])) -> Result<()> {
    if let Some(digest) = before {
        let snapshot = store.named(&writer.view, digest)?;
        let differing = target.differing(&snapshot)?;
        if !differing.is_empty() {
            target.write(store, &snapshot, &differing)?;
        }
    }
    target.remove(new.0, new.1)
}

/// Runs what decides whether the restored folder is good, in that folder.
async fn check(session: &Session, script: &str, target: &Target) -> Result<()> {
    let failed = |why: String, said: &[u8]| {
        let text = session.env.masks().mask(&String::from_utf8_lossy(said));
        let mut finding = Finding::error("snapshot/check-failed", format!("the check {why}, so the folder was put back"));
        finding.output = text.lines().rev().take(20).map(str::to_owned).collect::<Vec<_>>().into_iter().rev().collect();
        Fault::new(Reason::GateFailed, finding.message.clone()).finding(finding)
    };
    let _waiting = session.progress().wait("the check");
    let ended = run_script(script, target.root(), &session.env, CHECK_LIMIT).await;
    match ended.map_err(|why| failed(format!("did not end: {}", why.why), b""))? {
        (Some(0), _) => Ok(()),
        (Some(code), said) => Err(failed(format!("failed with exit code {code}"), &said)),
        (None, said) => Err(failed("was ended by a signal".to_owned(), &said)),
    }
}

const CHECK_LIMIT: std::time::Duration = std::time::Duration::from_secs(600);
