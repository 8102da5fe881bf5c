//! What a snapshot has, as digests: so small that a few changes cost a few reads, however many rows there are.
//!
//! A row is a member of one of [`BUCKETS`] buckets, chosen by a digest of its key. A bucket's digest is that of its members in order of
//! their keys' digests, and a snapshot's digest is that of its buckets. So the digest after a change needs the members of those buckets
//! alone that changed, and nobody needs all rows in order: what is sorted is 48 bytes a row.
//!
//! Numbers, uids and generations are no part of it: a new tag at an old commit, and the commit of a rollback, have the digest of the
//! snapshot that is there already.

use super::row::{Content, Key};
use crate::domain::Digest;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Enough that ten changes of a million rows touch few of them, and few enough that all their digests are read at once.
pub const BUCKETS: u16 = 4096;

/// Digest of the key, cut, then digest of the row.
pub type Member = [u8; KEY + 32];

pub const KEY: usize = 16;
/// Bytes of a bucket in [`Buckets::to_bytes`].
const ENTRY: usize = 2 + 32;

pub fn of(content: &Content) -> Member {
    let Content { key, version, path, digest, counted } = content;
    let mut row = Sha256::new();
    for part in [&key.kind, &key.identity, path, digest.as_str(), counted.as_str()] {
        // With its length in front, so that no two rows are written alike.
        row.update((part.len() as u64).to_be_bytes());
        row.update(part);
    }
    row.update(version.as_deref().map_or(&b"-"[..], |_| b"+"));
    row.update(version.as_deref().unwrap_or_default());
    let mut member = [0; KEY + 32];
    member[..KEY].copy_from_slice(&name(&key.kind, &key.identity));
    member[KEY..].copy_from_slice(&row.finalize());
    member
}

/// Digest of what something of a kind is called, cut.
pub fn name(kind: &str, name: &str) -> [u8; KEY] {
    let mut hasher = Sha256::new();
    // No kind has a line break in its name.
    hasher.update(kind.as_bytes());
    hasher.update(b"\n");
    hasher.update(name.as_bytes());
    let mut cut = [0; KEY];
    cut.copy_from_slice(&hasher.finalize()[..KEY]);
    cut
}

/// The bucket of a row.
pub fn bucket(key: &Key) -> u16 {
    bucket_of(&name(&key.kind, &key.identity))
}

/// The bucket of a member, or of what begins as one.
pub fn bucket_of(member: &[u8]) -> u16 {
    let byte = |at: usize| u16::from(member.get(at).copied().unwrap_or_default());
    (byte(0) << 8 | byte(1)) >> 4
}

/// Whether two members are rows of one key.
pub fn same_key(one: &Member, other: &Member) -> bool {
    one[..KEY] == other[..KEY]
}

/// The digests of the buckets that have members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buckets(BTreeMap<u16, [u8; 32]>);

impl Buckets {
    /// `members`: all of this bucket, sorted.
    pub fn set(&mut self, bucket: u16, members: &[Member]) {
        if members.is_empty() {
            self.0.remove(&bucket);
            return;
        }
        let mut hasher = Sha256::new();
        members.iter().for_each(|member| hasher.update(member));
        self.0.insert(bucket, hasher.finalize().into());
    }

    /// Of members of several buckets, sorted.
    pub fn set_all(&mut self, members: &[Member]) {
        for of_one in members.chunk_by(|one, other| bucket_of(one) == bucket_of(other)) {
            self.set(of_one.first().map_or(0, |first| bucket_of(first)), of_one);
        }
    }

    pub fn get(&self, bucket: u16) -> Option<&[u8; 32]> {
        self.0.get(&bucket)
    }

    /// Of the snapshot.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(bucket, digest)| bucket.to_be_bytes().into_iter().chain(*digest)).collect()
    }

    /// `None`: nothing that [`Buckets::to_bytes`] writes.
    pub fn of_bytes(bytes: &[u8]) -> Option<Buckets> {
        let (entries, rest) = bytes.as_chunks::<ENTRY>();
        let read = |entry: &[u8; ENTRY]| {
            let (bucket, digest) = entry.split_at(2);
            Some((u16::from_be_bytes(bucket.try_into().ok()?), digest.try_into().ok()?))
        };
        rest.is_empty().then(|| entries.iter().map(read).collect::<Option<_>>()).flatten().map(Buckets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(identity: &str, path: &str) -> Content {
        let digest = Digest::of(b"x");
        Content {
            key: Key { kind: "product".into(), identity: identity.into() },
            version: None,
            path: path.into(),
            counted: digest.clone(),
            digest,
        }
    }

    fn buckets(contents: &[Content]) -> Buckets {
        let mut members: Vec<Member> = contents.iter().map(of).collect();
        members.sort_unstable();
        let mut buckets = Buckets::default();
        buckets.set_all(&members);
        buckets
    }

    #[test]
    fn the_digest_is_that_of_the_members_alone() {
        let rows: Vec<Content> = (0..20_000).map(|number| content(&number.to_string(), "a.yaml")).collect();
        let all = buckets(&rows);
        let mut turned = rows.clone();
        turned.reverse();
        assert_eq!(buckets(&turned), all, "the order in which rows come says nothing");
        assert_eq!(Buckets::of_bytes(&all.to_bytes()), Some(all.clone()));
        assert!(Buckets::of_bytes(&all.to_bytes()[1..]).is_none());
        for other in [&rows[1..], &[rows.as_slice(), &[content("x", "a.yaml")]].concat(), &[&rows[1..], &[content("0", "b.yaml")]].concat()]
        {
            assert_ne!(buckets(other).digest(), all.digest());
        }
    }

    #[test]
    fn a_change_is_that_of_its_bucket() {
        let rows: Vec<Content> = (0..20_000).map(|number| content(&number.to_string(), "a.yaml")).collect();
        let mut changed = rows.clone();
        changed[7].path = "b.yaml".into();
        let bucket = bucket(&rows[7].key);
        let mut members: Vec<Member> = changed.iter().map(of).filter(|member| bucket_of(member) == bucket).collect();
        members.sort_unstable();
        assert!(members.len() > 1 && members.len() < 50, "{}", members.len());
        let mut all = buckets(&rows);
        all.set(bucket, &members);
        assert_eq!(all, buckets(&changed));
        let mut none = buckets(&rows[7..8]);
        none.set(bucket, &[]);
        assert_eq!(none, Buckets::default());
    }
}
