//! A release as what changed since the newest complete snapshot: files that did not change are not read again, and of the store only the
//! buckets are read that have a changed row.
//!
//! It is for catalogs whose rules look at one file alone, and for a snapshot that was judged by the same rules and made in the same way:
//! then what was found right of a file stays right. What several files say together and every rule-free catalog must keep, one identity
//! for one row and one name for one artifact, is asked of the store and of the paths. Whatever is out of the ordinary here (an identity
//! that is there twice, a kind without files, a store that is not as it was left) is left to whoever reads the whole release, and finds
//! out what is wrong.
//!
//! Deliberately absent: comparing what did not change. `sync audit` does.

use super::{
    hydrate::{self, Hydrated, other_than_written},
    once,
    release::{Item, Release},
    site::Site,
};
use crate::{
    domain::{Digest, Finding, Result},
    report::shape::RowsShape,
    sync::{
        compare::{Change, Pair},
        member::{self, Buckets, Member},
        row::{Content, Key, Row},
        state::{Snapshot, State},
        step::{self, Wanted},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// More changed files than these are read with all others: what is held here is small.
const MOST: usize = 5_000;

/// What a look at the changes gave.
pub enum Looked {
    /// Nothing: the whole release is to be read.
    Whole,
    Rejected(Vec<Finding>),
    /// This snapshot has these very rows already.
    Same(u64),
    Changed(Box<Changed>),
}

/// The difference between a release and a snapshot.
pub struct Changed {
    /// The snapshot.
    pub base: u64,
    begins: Vec<(Item, Option<Row>)>,
    ends: Vec<Key>,
    touched: BTreeSet<u16>,
    buckets: Buckets,
    counts: BTreeMap<String, u64>,
    kept: u64,
    warnings: Vec<Finding>,
}

/// Reads and judges the files that changed. Nothing is written.
pub async fn look(site: &mut Site, state: &State, wanted: &Wanted, release: &Release) -> Result<Looked> {
    let Some(base) = state.snapshots.last().filter(|base| is_comparable(base, wanted, release)) else { return Ok(Looked::Whole) };
    let git = site.world().git.clone();
    if !git.has(&base.commit)? {
        return Ok(Looked::Whole);
    }
    let Some(differs) = git.differs(&base.commit, &wanted.commit, MOST)? else { return Ok(Looked::Whole) };
    let (before, after) = differs.into_iter().map(|differs| (differs.before, differs.after)).unzip::<_, _, Vec<_>, Vec<_>>();
    let before = release.look(&base.commit, before.into_iter().flatten().collect())?;
    let after = release.look(&wanted.commit, after.into_iter().flatten().collect())?;
    let errors: Vec<Finding> = after.judged.errors().cloned().collect();
    if !errors.is_empty() {
        return Ok(Looked::Rejected(errors));
    }
    let Some(counts) = counts(base, &before.kinds, &after.kinds) else { return Ok(Looked::Whole) };
    let has_new_name = after.names.iter().any(|name| !before.names.contains(name));
    let (gone, come) = (by_key(before.items), by_key(after.items));
    let (Some(gone), Some(come), false) = (gone, come, has_new_name) else { return Ok(Looked::Whole) };
    let keys: BTreeSet<Key> = gone.keys().chain(come.keys()).cloned().collect();
    let touched: BTreeSet<u16> = keys.iter().map(member::bucket).collect();
    let Some(mut there) = there(site, base, &gone, keys.into_iter().collect()).await? else { return Ok(Looked::Whole) };
    let Some(buckets) = buckets(site, base, &touched, &gone, &come).await? else { return Ok(Looked::Whole) };
    if let Some(same) = step::same_rows(state, &buckets.digest(), &wanted.shape).map(|snapshot| snapshot.number)
        && once::is_whole(site, state, same).await?
    {
        return Ok(Looked::Same(same));
    }
    let ends: Vec<Key> = gone.keys().filter(|key| !come.contains_key(*key)).cloned().collect();
    let begins = come.into_values().map(|item| {
        let row = there.remove(&item.content.key);
        (item, row)
    });
    let begins: Vec<_> = begins.collect();
    let kept = base.rows() - gone.len() as u64;
    Ok(Looked::Changed(Box::new(Changed {
        base: base.number,
        begins,
        ends,
        touched,
        buckets,
        counts,
        kept,
        warnings: after.judged.findings,
    })))
}

/// Whether what was found right of a file then is right now.
fn is_comparable(base: &Snapshot, wanted: &Wanted, release: &Release) -> bool {
    base.shape == wanted.shape && release.is_local() && base.rules.is_some() && base.rules.as_ref() == release.rules()
}

/// The rows of each kind afterwards. `None`: some kind may have no files any more.
fn counts(
    base: &Snapshot,
    before: &BTreeMap<String, (usize, bool)>,
    after: &BTreeMap<String, (usize, bool)>,
) -> Option<BTreeMap<String, u64>> {
    let mut counts = base.counts.clone();
    for (kind, (gone, has_rows)) in before {
        let come = after.get(kind).map_or(0, |(come, _)| *come);
        if !has_rows {
            if come < *gone {
                return None;
            }
            continue;
        }
        let count = counts.get_mut(kind)?;
        *count = (*count + come as u64).checked_sub(*gone as u64).filter(|count| *count > 0)?;
    }
    for (kind, (come, _)) in after.iter().filter(|(kind, (_, has_rows))| *has_rows && !before.contains_key(*kind)) {
        *counts.entry(kind.clone()).or_default() += *come as u64;
    }
    Some(counts)
}

/// `None`: some key is there twice.
fn by_key(items: Vec<Item>) -> Option<BTreeMap<Key, Item>> {
    let count = items.len();
    let by_key: BTreeMap<Key, Item> = items.into_iter().map(|item| (item.content.key.clone(), item)).collect();
    (by_key.len() == count).then_some(by_key)
}

/// The stored rows that have these keys. `None`: one is not what its file made it, or is of a file that did not change.
async fn there(site: &mut Site, base: &Snapshot, gone: &BTreeMap<Key, Item>, keys: Vec<Key>) -> Result<Option<BTreeMap<Key, Row>>> {
    let mut there: BTreeMap<Key, Row> = BTreeMap::new();
    for row in site.store.find(base.number, keys).await? {
        let is_as_left = gone.get(&row.content.key).is_some_and(|item| item.content == row.content);
        if !is_as_left || there.insert(row.content.key.clone(), row).is_some() {
            return Ok(None);
        }
    }
    Ok((there.len() == gone.len()).then_some(there))
}

/// The digests afterwards. `None`: the store is not as it was left.
async fn buckets(
    site: &mut Site,
    base: &Snapshot,
    touched: &BTreeSet<u16>,
    gone: &BTreeMap<Key, Item>,
    come: &BTreeMap<Key, Item>,
) -> Result<Option<Buckets>> {
    let Some(mut buckets) = site.store.buckets(base.number).await?.filter(|buckets| buckets.digest() == base.digest) else {
        return Ok(None);
    };
    let gone: BTreeSet<Member> = gone.values().map(|item| item.member).collect();
    let mut new: BTreeMap<u16, Vec<Member>> = BTreeMap::new();
    come.values().for_each(|item| new.entry(member::bucket_of(&item.member)).or_default().push(item.member));
    for bucket in touched {
        let mut members = members(site.store.bucket(base.number, *bucket).await?.iter().map(|(row, _)| &row.content));
        let mut stored = Buckets::default();
        stored.set(*bucket, &members);
        if stored.get(*bucket) != buckets.get(*bucket) {
            return Ok(None);
        }
        members.retain(|member| !gone.contains(member));
        members.extend(new.remove(bucket).unwrap_or_default());
        members.sort_unstable();
        buckets.set(*bucket, &members);
    }
    Ok(Some(buckets))
}

fn members<'c>(contents: impl Iterator<Item = &'c Content>) -> Vec<Member> {
    let mut members: Vec<Member> = contents.map(member::of).collect();
    members.sort_unstable();
    members
}

/// Writes the difference as a hydration, and reads every bucket back that it is in.
pub async fn write(site: &mut Site, epoch: u64, wanted: &Wanted, release: &Release, changed: Changed) -> Result<Hydrated> {
    let Changed { begins, ends, touched, buckets, counts, kept, warnings, .. } = changed;
    let rules = release.rules().cloned();
    let number = site.store.begin(epoch, wanted.commit.clone(), wanted.shape.clone(), rules).await?;
    let mut rows = RowsShape { kept, ..RowsShape::default() };
    let digests: BTreeSet<Digest> = begins.iter().map(|(item, _)| item.content.digest.clone()).collect();
    let mut lacking: BTreeSet<Digest> = site.store.lacks(digests.into_iter().collect()).await?.into_iter().collect();
    let (mut changes, mut bodies) = (Vec::new(), Vec::new());
    for (Item { content, body, .. }, row) in begins {
        if lacking.remove(&content.digest) {
            bodies.push((content.digest.clone(), body));
        }
        let pair = row.map_or(Pair::Missing(&content), |row| Pair::Both(&content, row));
        match pair.change(number) {
            Some(change) => changes.push(change),
            None => rows.kept += 1,
        }
    }
    changes.extend(ends.into_iter().map(|key| Change { key, ends: true, begins: None }));
    rows.written = changes.iter().filter(|change| change.begins.is_some()).count() as u64;
    rows.ended = changes.iter().filter(|change| change.ends).count() as u64;
    let until = site.now().plus(site.settings.lease);
    site.store.write(epoch, number, until, changes, bodies).await?;
    let mut findings = Vec::new();
    for bucket in touched {
        let stored = site.store.bucket(number, bucket).await?;
        let mut read = Buckets::default();
        read.set(bucket, &members(stored.iter().map(|(row, _)| &row.content)));
        if read.get(bucket) != buckets.get(bucket) {
            findings.push(Finding::error("sync/stale", format!("the rows of bucket {bucket} are not those that were written")));
        }
        for (row, body) in &stored {
            let Content { key, digest, .. } = &row.content;
            let missing = || {
                let what = format!("the store lacks the content of `{}` `{}`", key.kind, key.identity.escape_debug());
                Some(Finding::error("sync/missing", what))
            };
            findings.extend(body.as_deref().map_or_else(missing, |body| hydrate::wrong_body(digest, body)));
        }
    }
    if !findings.is_empty() {
        site.store.take_back(epoch, number).await?;
        return Err(other_than_written(site, findings));
    }
    site.store.complete(epoch, number, buckets, counts).await?;
    Ok(Hydrated::Written(number, rows, warnings))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Oid;

    #[test]
    fn rows_are_counted_and_a_kind_that_may_be_empty_is_left_to_others() {
        let digest = Digest::of(b"x");
        let commit: Oid = "a".repeat(40).parse().unwrap();
        let base = Snapshot {
            number: 1,
            digest: digest.clone(),
            commit,
            shape: digest,
            rules: None,
            counts: [("a".to_owned(), 3)].into(),
            left: None,
        };
        let side = |kinds: &[(&str, usize, bool)]| kinds.iter().map(|(kind, count, rows)| ((*kind).to_owned(), (*count, *rows))).collect();
        type Kinds = &'static [(&'static str, usize, bool)];
        type Case = (Kinds, Kinds, Option<&'static [(&'static str, u64)]>);
        let cases: [Case; 7] = [
            (&[("a", 1, true)], &[("a", 1, true)], Some(&[("a", 3)])),
            (&[("a", 2, true)], &[], Some(&[("a", 1)])),
            (&[("a", 3, true)], &[], None),
            (&[], &[("a", 2, true), ("b", 1, true)], Some(&[("a", 5), ("b", 1)])),
            (&[("b", 1, true)], &[], None),
            (&[("other", 1, false)], &[("other", 1, false)], Some(&[("a", 3)])),
            (&[("other", 2, false)], &[("other", 1, false)], None),
        ];
        for (before, after, want) in cases {
            let want = want.map(|want| want.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect::<BTreeMap<_, _>>());
            assert_eq!(counts(&base, &side(before), &side(after)), want, "{before:?} {after:?}");
        }
    }
}
