//! Writes a release into the store beside what is live, as the difference to the newest complete snapshot, and demands it back.
//!
//! Rows are written as they are read: no list of them is kept, only 48 bytes of each, and those in a file where they are many. A release
//! that turns out to be wrong is taken back; no pointer ever held its number.

use super::{
    once,
    release::{Item, Release},
    site::Site,
};
use crate::{
    domain::{Digest, Fault, Finding, Oid, Reason, Result},
    report::shape::RowsShape,
    sync::{
        compare::{Change, Pair},
        member::{self, Buckets, Member, same_key},
        row::{self, Content, Key, Row},
        state::State,
        step::{self, Wanted},
    },
    world::{
        beside::{Beside, Give, Next, beside},
        spill::{PARTS, Spill},
        stores::PAGE,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

/// Rows that are written at once.
const BATCH: usize = 5_000;
/// Bodies that are read at once. Each is as large as a file.
pub const PAGE_OF_BODIES: usize = 500;
/// How long nothing may come before the lease is prolonged. The shortest lease is longer.
const QUIET: Duration = Duration::from_secs(1);

/// What became of a release.
pub enum Hydrated {
    /// Why it is not valid. Nothing of it is left in the store.
    Rejected(Vec<Finding>),
    /// This snapshot has these very rows already. Nothing was left in the store.
    Same(u64),
    /// What is only worth a warning goes along.
    Written(u64, RowsShape, Vec<Finding>),
}

/// One hydration, from its number to its completion. `anew`: whether it is written even where a snapshot has the same rows.
pub async fn write(site: &mut Site, state: &State, epoch: u64, wanted: &Wanted, release: Arc<Release>, anew: bool) -> Result<Hydrated> {
    let base = state.snapshots.last().map_or(0, |snapshot| snapshot.number);
    let number = site.store.begin(epoch, wanted.commit.clone(), wanted.shape.clone(), release.rules().cloned()).await?;
    let mut hydration = Hydration {
        epoch,
        number,
        base,
        rows: RowsShape::default(),
        counts: BTreeMap::new(),
        members: Spill::new(&site.world().env.temp_dir()),
        open: Vec::new(),
    };
    let mut reading = beside(2, move |give| release.read(give));
    loop {
        match reading.next(QUIET).await {
            Next::Part(items) => hydration.take(site, items).await?,
            Next::Quiet => hydration.go_on(site).await?,
            Next::End => break,
        }
    }
    let judged = match reading.end().await? {
        Ok(judged) => judged,
        Err(fault) => {
            site.store.take_back(epoch, number).await?;
            return Err(fault);
        }
    };
    let errors: Vec<Finding> = judged.errors().cloned().collect();
    if !errors.is_empty() {
        site.store.take_back(epoch, number).await?;
        return Ok(Hydrated::Rejected(errors));
    }
    hydration.send(site).await?;
    let Some(buckets) = hydration.buckets()? else {
        site.store.take_back(epoch, number).await?;
        return Ok(Hydrated::Rejected(twice(site, &wanted.commit).await?));
    };
    let same = step::same_rows(state, &buckets.digest(), &wanted.shape).filter(|_| !anew);
    if let Some(number) = same.map(|snapshot| snapshot.number)
        && once::is_whole(site, state, number).await?
    {
        site.store.take_back(epoch, hydration.number).await?;
        return Ok(Hydrated::Same(number));
    }
    let found = hydration.settle(site).await?;
    if !found.is_empty() {
        site.store.take_back(epoch, number).await?;
        return Err(other_than_written(site, found));
    }
    site.store.complete(epoch, number, buckets, hydration.counts).await?;
    Ok(Hydrated::Written(number, hydration.rows, judged.findings))
}

/// Which identities a release has twice: it is read again, and only of those who are wrong is it asked.
async fn twice(site: &Site, commit: &Oid) -> Result<Vec<Finding>> {
    let (contents, _) = contents(site, commit).await?;
    match row::sort(contents) {
        Err(findings) => Ok(findings),
        Ok(_) => Err(Fault::new(Reason::Internal, "a release had an identity twice, and had not when it was read again")),
    }
}

/// All rows of a release, in any order, and why files have none.
pub async fn contents(site: &Site, commit: &Oid) -> Result<(Vec<Content>, Vec<Finding>)> {
    let release = Release::of(site, commit).await?.judged_before();
    let mut reading = beside(2, move |give| release.read(give));
    let mut contents = Vec::new();
    loop {
        match reading.next(QUIET).await {
            Next::Part(items) => contents.extend(items.into_iter().map(|item| item.content)),
            Next::Quiet => {}
            Next::End => return Ok((contents, reading.end().await??.wrong)),
        }
    }
}

pub fn other_than_written(site: &Site, findings: Vec<Finding>) -> Fault {
    let why = format!("{} gives back something else than was written; readers see what they saw before", site.store.shown());
    let fault = Fault::new(Reason::Unreachable, why).findings(findings);
    fault.help("`tagwarden sync audit` compares all of it, `tagwarden sync repair` mends it")
}

struct Hydration {
    epoch: u64,
    number: u64,
    /// The snapshot that it is the difference to, 0 for none.
    base: u64,
    rows: RowsShape,
    counts: BTreeMap<String, u64>,
    members: Spill<{ size_of::<Member>() }>,
    /// Not written yet.
    open: Vec<Item>,
}

impl Hydration {
    async fn take(&mut self, site: &mut Site, items: Vec<Item>) -> Result<()> {
        for item in &items {
            self.members.push(item.member)?;
            match self.counts.get_mut(&item.content.key.kind) {
                Some(count) => *count += 1,
                None => drop(self.counts.insert(item.content.key.kind.clone(), 1)),
            }
        }
        self.open.extend(items);
        if self.open.len() >= BATCH { self.send(site).await } else { Ok(()) }
    }

    async fn send(&mut self, site: &mut Site) -> Result<()> {
        let items = std::mem::take(&mut self.open);
        let keys = || items.iter().map(|item| item.content.key.clone()).collect();
        let mut there: HashMap<Key, Vec<Row>> = HashMap::new();
        if self.base > 0 {
            for row in site.store.find(self.base, keys()).await? {
                there.entry(row.content.key.clone()).or_default().push(row);
            }
        }
        let digests: BTreeSet<Digest> = items.iter().map(|item| item.content.digest.clone()).collect();
        let mut lacking: BTreeSet<Digest> = site.store.lacks(digests.into_iter().collect()).await?.into_iter().collect();
        let (mut changes, mut bodies) = (Vec::new(), Vec::new());
        for Item { content, body, .. } in items {
            if lacking.remove(&content.digest) {
                bodies.push((content.digest.clone(), body));
            }
            let mut rows = there.remove(&content.key).unwrap_or_default();
            let pair = match rows.len() {
                0 => Pair::Missing(&content),
                1 => Pair::Both(&content, rows.remove(0)),
                _ => Pair::Twice(Some(&content), rows),
            };
            let Some(change) = pair.change(self.number) else {
                self.rows.kept += 1;
                continue;
            };
            self.rows.written += 1;
            self.rows.ended += u64::from(change.ends);
            changes.push(change);
        }
        let until = site.now().plus(site.settings.lease);
        site.store.write(self.epoch, self.number, until, changes, bodies).await
    }

    /// Goes on with the lease.
    async fn go_on(&mut self, site: &mut Site) -> Result<()> {
        let until = site.now().plus(site.settings.lease);
        site.store.write(self.epoch, self.number, until, Vec::new(), Vec::new()).await
    }

    /// The digests that the release asks for. `None`: it has some identity twice.
    fn buckets(&self) -> Result<Option<Buckets>> {
        let mut buckets = Buckets::default();
        for part in 0..PARTS {
            let members = self.members.part(part)?;
            if members.windows(2).any(|pair| same_key(&pair[0], &pair[1])) {
                return Ok(None);
            }
            buckets.set_all(&members);
        }
        Ok(Some(buckets))
    }

    /// Ends what the release does not have, and compares everything that the store gives back with what was read.
    async fn settle(&mut self, site: &mut Site) -> Result<Vec<Finding>> {
        let (rows, bodies) = (self.stored(site), self.wrong_bodies(site));
        let until = site.now().plus(site.settings.lease);
        site.store.index(self.epoch, until).await?;
        let stored = self.ended(site, rows).await??;
        let mut lost = 0;
        let mut gone: HashSet<Member> = HashSet::new();
        for part in 0..PARTS {
            let (asked, stored) = (self.members.part(part)?, stored.part(part)?);
            let mut asked = asked.iter().peekable();
            for member in stored {
                while asked.next_if(|asked| **asked < member && !same_key(asked, &member)).is_some() {
                    lost += 1;
                }
                match asked.next_if(|asked| same_key(asked, &member)) {
                    Some(asked) => lost += u64::from(*asked != member),
                    None => drop(gone.insert(member)),
                }
            }
            lost += asked.count() as u64;
        }
        if !gone.is_empty() {
            self.end(site, &gone).await?;
        }
        let rows: u64 = self.counts.values().sum();
        let there = site.store.count(self.number).await?;
        let wrong = self.ended(site, bodies).await??;
        let mut findings: Vec<Finding> = wrong.iter().map(other_content).collect();
        if lost > 0 || there != rows {
            let message = format!("of {rows} rows {lost} are not there, or not as they were written, and there are {there}");
            findings.push(Finding::error("sync/stale", message));
        }
        Ok(findings)
    }

    /// Ends rows: the store is read once more, since a member does not say its key.
    async fn end(&mut self, site: &mut Site, gone: &HashSet<Member>) -> Result<()> {
        let mut behind = None;
        loop {
            let page = site.store.rows(self.number, behind.take(), PAGE).await?;
            let is_last = page.len() < PAGE;
            behind = page.last().map(|row| row.content.key.clone());
            let ends = page.into_iter().filter(|row| gone.contains(&member::of(&row.content)));
            let ends: Vec<Change> = ends.map(|row| Change { key: row.content.key, ends: true, begins: None }).collect();
            self.rows.ended += ends.len() as u64;
            let until = site.now().plus(site.settings.lease);
            site.store.write(self.epoch, self.number, until, ends, Vec::new()).await?;
            if is_last {
                return Ok(());
            }
        }
    }

    /// What work beside this came to. The lease goes on meanwhile.
    async fn ended<T>(&mut self, site: &mut Site, mut work: Beside<(), T>) -> Result<T> {
        while !matches!(work.next(QUIET).await, Next::End) {
            self.go_on(site).await?;
        }
        work.end().await
    }

    /// Begins to read the members that the store gives back.
    fn stored(&self, site: &Site) -> Beside<(), Result<Spill<{ size_of::<Member>() }>>> {
        let (mut store, number, folder) = (site.store.another(), self.number, site.world().env.temp_dir());
        beside(1, move |give: &Give<()>| {
            let mut stored = Spill::new(&folder);
            let mut take = |page: Vec<Row>| page.iter().try_for_each(|row| stored.push(member::of(&row.content)));
            give.wait(store.each(number, &mut take, &|| give.is_wanted()))?;
            Ok(stored)
        })
    }

    /// Begins to compare bodies, as they are stored, with their digests, which were made of what was read of the release.
    fn wrong_bodies(&self, site: &Site) -> Beside<(), Result<Vec<Digest>>> {
        let (mut store, number) = (site.store.another(), self.number);
        beside(1, move |give: &Give<()>| give.wait(store.wrong(number, &|| give.is_wanted())))
    }
}

/// What is wrong with a body as it is stored.
pub fn wrong_body(digest: &Digest, body: &str) -> Option<Finding> {
    let is_right = Digest::of(body.as_bytes()) == *digest;
    (!is_right).then(|| other_content(digest))
}

fn other_content(digest: &Digest) -> Finding {
    Finding::error("sync/stale", format!("the content that is stored as {digest} is not that"))
}
