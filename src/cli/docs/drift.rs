//! The lock's part of `docs check`: what changed since the documents were locked, with the change of the text where the
//! history still has the one that was reviewed.

use super::{Taken, args, gathered::Gathered};
use crate::{
    cli::gather,
    domain::{Digest, Finding, Oid, Result},
    lockdown::lock::{
        LockFile,
        compare::{self, Change, Seen},
        diff,
        watch::Watcher,
    },
    report::shape::ChangeShape,
    tree::Unreadable,
};

/// Changed texts that are shown.
const MOST_DIFFS: usize = 20;

#[derive(Default)]
pub struct Drift {
    pub findings: Vec<Finding>,
    pub changes: Vec<ChangeShape>,
    /// References that somebody accepted.
    pub accepted: usize,
}

/// Only declared documents have a lock. What it accepts becomes a note in the censuses.
pub fn of(gathered: &Gathered, taken: &mut [Taken], args: &args::DocsCheck) -> Result<Drift> {
    // The lock holds every kind; what was not looked for is not gone.
    if !gathered.facts.only.is_all() {
        return Ok(Drift::default());
    }
    let declared = gathered.declared();
    let mut locked: Vec<&mut Taken> = taken.iter_mut().filter(|taken| taken.was_read() && declared.contains(&taken.source.file)).collect();
    if locked.is_empty() {
        return Ok(Drift::default());
    }
    let found = LockFile::find(gathered.tree.as_ref(), gathered.named_lock()).map_err(super::gathered::unreadable)?;
    let lock = match found {
        Ok(Some(lock)) => lock,
        Ok(None) => {
            // A committed lock does not go by being deleted.
            let head = gathered.world.git.rev_parse("HEAD")?;
            let committed = head.map(|head| gathered.world.git.object_at(&head, crate::lockdown::lock::FILE)).transpose()?.flatten();
            let finding = if committed.is_some() { LockFile::deleted() } else { LockFile::absent() };
            return Ok(Drift { findings: vec![finding], ..Drift::default() });
        }
        Err(findings) => return Ok(Drift { findings, ..Drift::default() }),
    };
    let accepts = |taken: &mut &mut Taken| compare::accept(&lock.read.lock, &taken.source.file, &mut taken.census);
    let accepted = locked.iter_mut().map(accepts).sum();
    let mut watcher = Watcher::new(gathered.tree.as_ref());
    let seen: std::result::Result<Vec<Seen>, Unreadable> =
        locked.iter().map(|taken| Seen::new(&mut watcher, &taken.source, &taken.census)).collect();
    let seen = seen.map_err(super::gathered::unreadable)?;
    let whole = args.paths.is_empty().then_some(declared);
    let compared = compare::compare(&lock.path, &lock.text, &lock.read, &seen, whole);
    let reviewed = if compared.changes.is_empty() { Vec::new() } else { versions(gathered, &lock.path, args)? };
    let mut changes = Vec::new();
    for (number, change) in compared.changes.into_iter().enumerate() {
        let diff = if number < MOST_DIFFS { difference(gathered, &reviewed, &change)? } else { None };
        let Change { key, .. } = change;
        changes.push(ChangeShape { document: key.document, kind: key.kind.slug(), target: key.target, diff });
    }
    Ok(Drift { findings: compared.findings, changes, accepted })
}

/// Commits that may hold a text that was reviewed: the present one, and the last that wrote the lock.
fn versions(gathered: &Gathered, lock: &str, args: &args::DocsCheck) -> Result<Vec<Oid>> {
    let git = &gathered.world.git;
    let head = match &args.at {
        Some(rev) => Some(gather::commit(&gathered.world, rev)?),
        None => git.rev_parse("HEAD")?,
    };
    let Some(head) = head else { return Ok(Vec::new()) };
    let last = git.last_change(&head, lock)?;
    Ok([Some(head), last].into_iter().flatten().collect())
}

/// Only a text with the digest of the lock is the one that was reviewed.
fn difference(gathered: &Gathered, versions: &[Oid], change: &Change) -> Result<Option<Vec<String>>> {
    let git = &gathered.world.git;
    let now = gathered.tree.read(change.part.path()).map_err(super::gathered::unreadable)?;
    let Some(now) = now.and_then(|file| change.part.text(&file)) else { return Ok(None) };
    for commit in versions {
        let Some((blob, _)) = git.object_at(commit, change.part.path())? else { continue };
        let Some(object) = git.read(&blob)? else { continue };
        match change.part.text(&object.bytes) {
            Some(text) if Digest::of(&text) == change.reviewed => return Ok(diff::unified(&text, &now)),
            _ => {}
        }
    }
    Ok(None)
}
