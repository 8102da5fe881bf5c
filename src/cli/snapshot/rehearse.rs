//! `snapshot rehearse`: restores a snapshot in a scratch copy, under injected faults, and records what came of it.
//!
//! The store is read as a restore would read it, and nothing is written to it but the record. Its files are restored to an empty folder,
//! compared byte by byte and timed; captured from there, they make a scratch store, in which each fault is planted, must be found, and is
//! taken back. Every criterion decides.
//!
//! A kill is played by a write that stops when half of the files took their places and tells nobody; the store's tests kill the real
//! process at its system calls. Deliberately absent: what runs after a restore, such as services that read the files.

use super::{Around, args::SnapshotRehearse};
use crate::{
    artifact::{
        Form, Snapshot,
        files::counted,
        log::{By, Capture, Rehearsal, What},
        signature::{self, Allowed, Kind},
    },
    attest::ssh::{AllowedSigners, PrivateKey},
    cli::Session,
    domain::{Digest, Fault, Reason, Result},
    report::{
        Report,
        shape::snapshot::{CriterionShape, RehearsedShape, SnapshotAnswer},
    },
    world::{
        clock::Stopwatch,
        oci::{Source, Spoiled, Store, Target, View, Writer},
        signer,
        temporary::Temporary,
    },
};

pub async fn run(session: &Session, args: &SnapshotRehearse) -> Result<Report> {
    let around = Around::of(session, &args.store).await?;
    let store = around.open()?;
    let view = store.view()?;
    if let Some(why) = &view.broken {
        return Err(Fault::new(Reason::StoreBroken, format!("the log of the store does not verify: {why}")));
    }
    let digest = match &args.snapshot {
        Some(wanted) => store.find(&view, wanted)?,
        None => newest(&view)?,
    };
    let snapshot = store.named(&view, &digest)?;
    let by = around.by(session).await?;
    let scratch = Temporary::needed(&session.env.temp_dir())?;
    let mut drill = Drill { session, snapshot: &snapshot, by: &by, criteria: Vec::new() };
    let live = Target::open(&scratch.path().join(LIVE))?;
    let recovery_ms = drill.restore(&store, &live, args.limit);
    if drill.criteria.iter().all(|criterion| criterion.held) {
        drill.faults(&scratch).await?;
    }
    let failed: Vec<String> =
        drill.criteria.iter().filter(|criterion| !criterion.held).map(|criterion| criterion.name.to_owned()).collect();
    let criteria = drill.criteria;
    let rehearsal = Rehearsal { snapshot: digest.clone(), failed: failed.clone(), recovery_ms, limit_seconds: args.limit };
    let recorded = super::verify::record(session, &around, &store, What::Rehearse(rehearsal)).await;
    let shape = RehearsedShape { digest, recovery_ms, limit_seconds: args.limit, recorded: recorded.is_ok(), criteria };
    let reason = if failed.is_empty() { Reason::Passed } else { Reason::DrillFailed };
    let report = around.report(reason, SnapshotAnswer::Rehearsed(shape));
    Ok(match recorded {
        Ok(()) => report,
        Err(why) => report.notice(format!("this rehearsal is not recorded: {why}")),
    })
}

/// The newest that somebody captured; what a restore captured by itself only where there is nothing else.
fn newest(view: &View) -> Result<Digest> {
    let known = view.state.snapshots.iter().rev();
    let newest = known.max_by_key(|(_, known)| (!known.capture.before_restore, known.serial)).map(|(digest, _)| digest.clone());
    newest.ok_or_else(|| {
        let fault = Fault::new(Reason::NothingToCheck, "the store has no snapshot that could be restored");
        fault.help("`tagwarden snapshot create PATH` captures one")
    })
}

struct Drill<'a> {
    session: &'a Session,
    snapshot: &'a Snapshot,
    by: &'a By,
    criteria: Vec<CriterionShape>,
}

impl Drill<'_> {
    /// One criterion, which holds where nothing is said against it.
    fn hold(&mut self, name: &'static str, began: Stopwatch, against: std::result::Result<String, String>) {
        let (held, detail) = match against {
            Ok(detail) => (true, detail),
            Err(detail) => (false, detail),
        };
        let duration_ms = began.millis();
        self.criteria.push(CriterionShape { name, held, duration_ms, detail });
    }

    /// Restores from the store itself to an empty folder; how long that took, in milliseconds.
    fn restore(&mut self, store: &Store, live: &Target, limit_seconds: u64) -> u64 {
        let _waiting = self.session.progress().wait(format!("restoring {} in a scratch copy", counted(self.snapshot.files.len())));
        let began = Stopwatch::start();
        let restored = restored(store, self.snapshot, live);
        let recovery_ms = began.millis();
        self.hold("restore", began, restored.map(|()| counted(self.snapshot.files.len())));
        let began = Stopwatch::start();
        let differing = live.differing(self.snapshot).map_err(|fault| fault.message);
        let equal = differing.and_then(|differing| match differing.len() {
            0 => Ok(format!("{} bytes", self.snapshot.bytes())),
            1 => Err("1 file is not as it was captured".to_owned()),
            count => Err(format!("{count} files are not as they were captured")),
        });
        self.hold("equal-bytes", began, equal);
        let took = format!("{}.{} s, and {limit_seconds} s are allowed", recovery_ms / 1000, recovery_ms % 1000 / 100);
        // What took any time at all is longer than none.
        let is_in_time = recovery_ms < limit_seconds.saturating_mul(1000);
        self.hold("recovery-time", began, if is_in_time { Ok(took) } else { Err(took) });
        recovery_ms
    }

    /// Plants each fault in a scratch store of the restored files.
    async fn faults(&mut self, scratch: &Temporary) -> Result<()> {
        let began = Stopwatch::start();
        let store = Store::open_or_begin(&scratch.path().join("store"))?;
        let mut writer = Writer::begin(&store, self.session.progress()).await?;
        let source = Source::of_disk(&[(scratch.path().join(LIVE), String::new())], store.root())?;
        let source = source.read(&|_| {})?;
        let made = writer.capture(&source, self.snapshot.label.as_ref(), &|_| {})?;
        let (digest, size) = (made.snapshot.digest.clone(), made.manifest.len() as u64);
        let same = match digest == self.snapshot.digest {
            true => Ok(format!("captured again, it is {}", &digest.hex()[..12])),
            false => Err(format!("captured again, it is {digest}")),
        };
        self.hold("same-digest", began, same);
        let capture = Capture {
            snapshot: digest.clone(),
            source: "rehearsal".to_owned(),
            commit: None,
            channel: None,
            files: source.files.len() as u64,
            bytes: made.snapshot.bytes(),
            tags: Vec::new(),
            reason: None,
            before_restore: false,
            bundle: made.snapshot.label.clone(),
        };
        let now = self.session.clock.now();
        writer.commit(now, self.by, What::Create(capture), |index| index.add(made.snapshot.artifact_type(), &digest, size, &[]))?;
        drop(writer);
        let refused = Target::open(&scratch.path().join("refused"))?;
        for (name, fault) in FAULTS {
            let began = Stopwatch::start();
            let at = if name == "missing-metadata" { digest.clone() } else { largest(&made.snapshot) };
            let found = planted(&store, &made.snapshot, &refused, &at, fault);
            self.hold(name, began, found);
        }
        let began = Stopwatch::start();
        let judged = self.signatures(&store, &digest, &made.manifest).await;
        self.hold("wrong-signature", began, judged);
        let began = Stopwatch::start();
        let finished = stopped(&store, &made.snapshot, scratch);
        self.hold("stopped-in-mid-write", began, finished);
        Ok(())
    }

    /// A signature of somebody who is not listed, and one over other bytes, count for nobody; one that is right counts.
    async fn signatures(&self, store: &Store, digest: &Digest, manifest: &[u8]) -> std::result::Result<String, String> {
        let said = |fault: Fault| fault.message;
        let (listed, stranger) = (signer::throw_away().map_err(said)?, signer::throw_away().map_err(said)?);
        let allowed = AllowedSigners::parse(&format!("rehearsal@example.com {}\n", listed.public_line()));
        let allowed = allowed.map_err(|_| "the list of signers cannot be read".to_owned())?;
        let allowed = Allowed { ssh: allowed, ..Allowed::default() };
        let mut counted = Vec::new();
        for (key, signed) in [(&stranger, manifest), (&listed, &manifest[1..]), (&listed, manifest)] {
            self.put(store, digest, manifest.len() as u64, key, signed).await.map_err(said)?;
            let view = store.view().map_err(said)?;
            counted.push(store.signatures(&view, digest, &allowed, self.session.clock.now()).names().len());
        }
        match counted[..] {
            [0, 0, 1] => Ok("of somebody else, and over other bytes, it counts for nobody".to_owned()),
            _ => Err(format!("of somebody else, over other bytes, and right: {counted:?} people were counted")),
        }
    }

    async fn put(&self, store: &Store, digest: &Digest, size: u64, key: &PrivateKey, signed: &[u8]) -> Result<()> {
        let armored = key.sign(signature::NAMESPACE, signed);
        let made = signature::manifest(Kind::Ssh, digest, size, &armored)?;
        let mut writer = Writer::begin(store, self.session.progress()).await?;
        writer.put_small(&[armored.as_bytes(), crate::artifact::manifest::EMPTY_BYTES, &made])?;
        let (own, size) = (Digest::of(&made), made.len() as u64);
        let what = What::Sign { snapshot: digest.clone(), signature: own.clone(), signer: "rehearsal".to_owned() };
        writer.commit(self.session.clock.now(), self.by, what, |index| index.add_other(&own, size, Kind::Ssh.artifact_type()))
    }
}

/// The folder that is restored to.
const LIVE: &str = "live";

fn restored(store: &Store, snapshot: &Snapshot, live: &Target) -> std::result::Result<(), String> {
    let write = || -> Result<()> {
        if let Some(wrong) = store.check_all(&[snapshot], &|_| {}).first() {
            return Err(store.broken(&wrong.finding()));
        }
        live.check(&snapshot.files)?;
        live.write(store, snapshot, &live.differing(snapshot)?).map(drop)
    };
    write().map_err(|fault| fault.message)
}

/// The blob whose loss would lose the most.
fn largest(snapshot: &Snapshot) -> Digest {
    let file = || snapshot.files.iter().max_by_key(|file| file.size).map_or_else(|| snapshot.digest.clone(), |file| file.digest);
    match &snapshot.form {
        Form::Tar { layer, .. } => layer.clone(),
        Form::Blobs => file(),
    }
}

const FAULTS: [(&str, Spoiled); 4] = [
    ("truncation", Spoiled::Truncated),
    ("missing-file", Spoiled::Gone),
    ("flipped-bit", Spoiled::Flipped),
    ("missing-metadata", Spoiled::Gone),
];

/// Has a fault of the scratch store looked for, and restored from.
fn planted(store: &Store, snapshot: &Snapshot, refused: &Target, at: &Digest, fault: Spoiled) -> std::result::Result<String, String> {
    let size = store.view().map_err(|fault| fault.message)?.index.sizes().get(&snapshot.digest).copied().unwrap_or_default();
    let restore = || -> Result<()> {
        let read = store.snapshot(&snapshot.digest, size).map_err(|wrong| store.broken(&wrong.finding()))?;
        refused.write(store, &read, &all(&read)).map(drop)
    };
    let look = || {
        let found = match store.snapshot(&snapshot.digest, size) {
            Ok(read) => !store.check_all(&[&read], &|_| {}).is_empty(),
            Err(_) => true,
        };
        (found, restore().is_err())
    };
    let (found, is_refused) = store.spoiled(at, fault, look).map_err(|fault| fault.message)?;
    let left = refused.now(&snapshot.files).map_err(|fault| fault.message)?;
    match (found, is_refused && left.is_none()) {
        (true, true) => Ok("found, and nothing was restored".to_owned()),
        (false, _) => Err("it was not found".to_owned()),
        (true, false) => Err("a restore wrote files of it".to_owned()),
    }
}

fn all(snapshot: &Snapshot) -> Vec<usize> {
    (0..snapshot.files.len()).collect()
}

/// Stops a restore over other files when half of them took their places, then runs it again.
fn stopped(store: &Store, snapshot: &Snapshot, scratch: &Temporary) -> std::result::Result<String, String> {
    let other = scratch.path().join("stopped");
    let run = || -> Result<(usize, usize, usize)> {
        let target = Target::open(&other)?;
        let half = snapshot.files.len() / 2;
        target.write_some(store, snapshot, &all(snapshot), half)?;
        let there = snapshot.files.len() - target.differing(snapshot)?.len();
        target.write(store, snapshot, &target.differing(snapshot)?)?;
        Ok((half, there, target.differing(snapshot)?.len()))
    };
    match run().map_err(|fault| fault.message)? {
        (half, there, 0) if half == there => Ok(format!("after {there} of {}; the second run ended it", counted(snapshot.files.len()))),
        (_, there, differing) => Err(format!("whole after it: {}; not whole after the second run: {}", counted(there), counted(differing))),
    }
}
