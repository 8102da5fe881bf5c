//! The state as a git tree of small files, so that entries share what they do not change.
//!
//! ```text
//! state/head.json                    serial, time, policy
//! state/channels/<channel>.json      what the channel is at
//! state/<kind>/<n>/<serial>.json     the records that entry <serial> made and that still stand; n = serial / 256
//! ```
//!
//! `<kind>` is `holds`, `waivers`, `acks`, `verdicts`, `rehearsals` or `staged`; each file is a JSON list, since one entry can make several
//! records of a kind. The tree's id after an entry is computed from what changed ([`StateTree::after`]); nothing is ever read
//! back from it. A copy shares the folders that stay. Deliberately absent: writing objects ([`crate::world::apply`]).

use super::{
    object::{TreeItem, object_id, parse_tree},
    state::{Changed, Delta},
};
use crate::domain::{
    Oid, Result, Timestamp,
    digest::canonical_json,
    state::{PolicyRef, STATE_SCHEMA, State},
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// How many entries share a folder, so that no tree grows with the ledger.
const BUCKET: u64 = 256;

const HEAD: &str = "head.json";
const CHANNELS: &str = "channels";

/// The ids of the state's files.
#[derive(Clone, Debug)]
pub struct StateTree {
    /// Any id of the repository; tells the hash function.
    like: Oid,
    root: Oid,
    head: Oid,
    channels: Folder,
    kinds: [Kind; KINDS.len()],
}

/// A folder of files, as the bytes of its git tree: a copy of it is made with every entry.
#[derive(Clone, Debug, Default)]
struct Folder {
    bytes: Arc<Vec<u8>>,
    /// `None`: it is empty, so it is not there.
    id: Option<Oid>,
}

#[derive(Clone, Debug)]
struct Kind {
    name: &'static str,
    buckets: BTreeMap<u64, Folder>,
    id: Option<Oid>,
}

/// What stands at a path of the state's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A file of these bytes, changed by the newest entry.
    File(Vec<u8>),
    /// A file that stays.
    Blob(Oid),
    /// A folder that stays.
    Tree(Oid),
}

/// The bytes of every file that one entry changes; `None`: it is gone.
struct Files {
    head: Vec<u8>,
    channels: BTreeMap<String, Vec<u8>>,
    kinds: [BTreeMap<u64, Option<Vec<u8>>>; KINDS.len()],
}

const KINDS: [&str; 6] = ["acks", "holds", "rehearsals", "staged", "verdicts", "waivers"];

impl Files {
    fn of(delta: &Delta) -> Result<Files> {
        let channel = |(name, state)| Ok((format!("{name}.json"), canonical_json(state)?));
        let channels = delta.channels.iter().map(channel).collect::<Result<_>>()?;
        let kinds = [
            contents(&delta.acks)?,
            contents(&delta.holds)?,
            contents(&delta.rehearsals)?,
            contents(&delta.staged)?,
            contents(&delta.verdicts)?,
            contents(&delta.waivers)?,
        ];
        Ok(Files { head: head(delta.serial, delta.time, &delta.policy)?, channels, kinds })
    }
}

fn head(serial: u64, time: Timestamp, policy: &PolicyRef) -> Result<Vec<u8>> {
    canonical_json(&serde_json::json!({ "schema": STATE_SCHEMA, "serial": serial, "time": time, "policy": policy }))
}

fn contents<T: Serialize>(changed: &Changed<T>) -> Result<BTreeMap<u64, Option<Vec<u8>>>> {
    let content = |records: &Vec<T>| match records.is_empty() {
        true => Ok(None),
        false => canonical_json(records).map(Some),
    };
    changed.iter().map(|(serial, records)| Ok((*serial, content(records)?))).collect()
}

impl StateTree {
    /// The tree of a state without anything in it. `like`: any object id of the repository.
    pub fn empty(like: &Oid) -> StateTree {
        let kinds = KINDS.map(|name| Kind { name, buckets: BTreeMap::new(), id: None });
        StateTree { like: like.clone(), root: like.clone(), head: like.clone(), channels: Folder::default(), kinds }
    }

    /// The tree of a whole state, which is the same as step by step.
    pub fn of(state: &State, like: &Oid) -> Result<StateTree> {
        let mut tree = StateTree::empty(like);
        tree.head = object_id("blob", &head(state.serial, state.time, &state.policy)?, like);
        for (name, channel) in &state.channels {
            tree.channels.put(&format!("{name}.json"), Some(object_id("blob", &canonical_json(channel)?, like)), like);
        }
        tree.channels.seal(like);
        let kinds = [
            contents(state.acks.by_serial())?,
            contents(state.holds.by_serial())?,
            contents(state.rehearsals.by_serial())?,
            contents(state.staged.by_serial())?,
            contents(state.verdicts.by_serial())?,
            contents(state.waivers.by_serial())?,
        ];
        for (kind, all) in tree.kinds.iter_mut().zip(&kinds) {
            kind.set(all, like);
        }
        tree.root = tree.compute_root();
        Ok(tree)
    }

    /// The id of `state/`.
    pub fn id(&self) -> &Oid {
        &self.root
    }

    /// The tree after an entry.
    pub fn after(&self, delta: &Delta) -> Result<StateTree> {
        let files = Files::of(delta)?;
        let mut tree = self.clone();
        tree.head = object_id("blob", &files.head, &self.like);
        for (name, bytes) in &files.channels {
            let oid = object_id("blob", bytes, &self.like);
            tree.channels.put(name, Some(oid), &self.like);
        }
        tree.channels.seal(&self.like);
        for (kind, changed) in tree.kinds.iter_mut().zip(&files.kinds) {
            kind.set(changed, &self.like);
        }
        tree.root = tree.compute_root();
        Ok(tree)
    }

    fn compute_root(&self) -> Oid {
        let folders = self.kinds.iter().map(|kind| (kind.name, &kind.id)).chain([(CHANNELS, &self.channels.id)]);
        let folders = folders.filter_map(|(name, id)| Some((name.to_owned(), true, id.as_ref()?)));
        tree_id(folders.chain([(HEAD.to_owned(), false, &self.head)]), &self.like)
    }

    /// Everything that a writer puts below `state/` for this tree, which is the one after `delta`, by path.
    pub fn items(&self, delta: &Delta) -> Result<Vec<(String, Item)>> {
        let files = Files::of(delta)?;
        let mut items = vec![(HEAD.to_owned(), Item::File(files.head))];
        let fresh = files.channels.iter().map(|(name, bytes)| (name.as_str(), bytes));
        self.channels.items(CHANNELS, fresh, &mut items);
        for (kind, changed) in self.kinds.iter().zip(&files.kinds) {
            match &kind.id {
                Some(id) if changed.is_empty() => items.push((kind.name.to_owned(), Item::Tree(id.clone()))),
                _ => kind.items(changed, &mut items),
            }
        }
        Ok(items)
    }
}

impl Kind {
    fn set(&mut self, changed: &BTreeMap<u64, Option<Vec<u8>>>, like: &Oid) {
        if changed.is_empty() {
            return;
        }
        for (serial, bytes) in changed {
            let bucket = self.buckets.entry(serial / BUCKET).or_default();
            bucket.put(&file_name(*serial), bytes.as_ref().map(|bytes| object_id("blob", bytes, like)), like);
        }
        let touched: BTreeSet<u64> = changed.keys().map(|serial| serial / BUCKET).collect();
        for (_, bucket) in self.buckets.iter_mut().filter(|(number, _)| touched.contains(number)) {
            bucket.seal(like);
        }
        self.buckets.retain(|_, bucket| bucket.id.is_some());
        let folders = self.buckets.iter().filter_map(|(number, bucket)| Some((number.to_string(), true, bucket.id.as_ref()?)));
        self.id = (!self.buckets.is_empty()).then(|| tree_id(folders, like));
    }

    fn items(&self, changed: &BTreeMap<u64, Option<Vec<u8>>>, items: &mut Vec<(String, Item)>) {
        for (number, bucket) in &self.buckets {
            let path = format!("{}/{number}", self.name);
            let fresh: BTreeMap<String, &Vec<u8>> = changed
                .iter()
                .filter(|(serial, _)| *serial / BUCKET == *number)
                .filter_map(|(serial, bytes)| Some((file_name(*serial), bytes.as_ref()?)))
                .collect();
            let touched = changed.keys().any(|serial| serial / BUCKET == *number);
            match &bucket.id {
                Some(id) if !touched => items.push((path, Item::Tree(id.clone()))),
                _ => bucket.items(&path, fresh.iter().map(|(name, bytes)| (name.as_str(), *bytes)), items),
            }
        }
    }
}

impl Folder {
    /// Changes a file; [`Folder::seal`] then gives the folder its id.
    fn put(&mut self, name: &str, oid: Option<Oid>, like: &Oid) {
        let bytes = Arc::make_mut(&mut self.bytes);
        let length = like.as_str().len() / 2;
        // Every item is `<mode> <name>\0<raw id>`, in the order of the names.
        let (mut at, mut end) = (0, 0);
        while let Some((its_name, next)) = item_at(bytes, at, length) {
            match its_name.cmp(name.as_bytes()) {
                std::cmp::Ordering::Less => (at, end) = (next, next),
                std::cmp::Ordering::Equal => {
                    end = next;
                    break;
                }
                std::cmp::Ordering::Greater => break,
            }
        }
        let item: Vec<u8> = oid.iter().flat_map(|oid| item_bytes(name, false, oid)).collect();
        bytes.splice(at..end.max(at), item);
    }

    fn seal(&mut self, like: &Oid) {
        self.id = (!self.bytes.is_empty()).then(|| object_id("tree", &self.bytes, like));
    }

    fn items<'a>(&self, path: &str, fresh: impl IntoIterator<Item = (&'a str, &'a Vec<u8>)>, items: &mut Vec<(String, Item)>) {
        let fresh: BTreeMap<&str, &Vec<u8>> = fresh.into_iter().collect();
        let length = self.id.as_ref().map_or(20, |id| id.as_str().len() / 2);
        // The bytes were made here, so they are a tree.
        for TreeItem { name, oid, .. } in parse_tree(&self.bytes, length).unwrap_or_default() {
            let item = fresh.get(name.as_str()).map_or_else(|| Item::Blob(oid.clone()), |bytes| Item::File((*bytes).clone()));
            items.push((format!("{path}/{name}"), item));
        }
    }
}

/// The name of the item that starts at `at`, and where the next one starts.
fn item_at(bytes: &[u8], at: usize, length: usize) -> Option<(&[u8], usize)> {
    let rest = bytes.get(at..)?;
    let blank = memchr::memchr(b' ', rest)?;
    let nul = blank + memchr::memchr(0, &rest[blank..])?;
    Some((&rest[blank + 1..nul], at + nul + 1 + length))
}

fn item_bytes(name: &str, folder: bool, oid: &Oid) -> Vec<u8> {
    let mode: &[u8] = if folder { b"40000 " } else { b"100644 " };
    let mut bytes = Vec::with_capacity(48);
    bytes.extend_from_slice(mode);
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(0);
    bytes.extend(raw(oid));
    bytes
}

fn file_name(serial: u64) -> String {
    format!("{serial}.json")
}

/// The id of a git tree. Each item: its name, whether it is a folder, its id. git sorts a folder as if its name ended with a
/// slash (git-mktree(1), `base_name_compare`).
pub fn tree_id<'a>(items: impl Iterator<Item = (String, bool, &'a Oid)>, like: &Oid) -> Oid {
    let mut items: Vec<(String, bool, &Oid)> = items.collect();
    let key = |(name, folder, _): &(String, bool, &Oid)| if *folder { format!("{name}/") } else { name.clone() };
    items.sort_by_cached_key(key);
    let mut bytes = Vec::with_capacity(items.len() * 48);
    for (name, folder, oid) in items {
        bytes.extend(item_bytes(&name, folder, oid));
    }
    object_id("tree", &bytes, like)
}

fn raw(oid: &Oid) -> impl Iterator<Item = u8> {
    let digit = |byte: u8| if byte.is_ascii_digit() { byte - b'0' } else { byte - b'a' + 10 };
    // An object id is lower-case hex of even length.
    oid.as_str().as_bytes().chunks_exact(2).map(move |pair| digit(pair[0]) << 4 | digit(pair[1]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            Verb,
            state::{Body, HoldScope},
        },
        release::{
            assemble::tree_of,
            fixtures::{entry, oid, release},
            state::apply,
        },
    };

    fn grown() -> (Vec<StateTree>, Vec<Delta>) {
        let hold = |of: u64| Some(Body::Hold { scope: HoldScope::Release, of: Some(format!("web@{of}.0.0")) });
        let mut entries = vec![entry(0, Verb::Adopt, None, Vec::new(), None)];
        entries.extend((1..600).map(|serial| entry(serial, Verb::Hold, None, Vec::new(), hold(serial))));
        entries.push(entry(600, Verb::Promote, Some("staging"), vec![release("1.0.0", oid('b'), oid('9'))], None));
        entries.extend((1..300).map(|of| entry(600 + of, Verb::Unhold, None, Vec::new(), hold(of))));
        let (mut state, mut trees, mut deltas): (Option<State>, Vec<StateTree>, Vec<Delta>) = (None, Vec::new(), Vec::new());
        for entry in &entries {
            let delta = Delta::of(state.as_ref(), entry, &[]);
            let before = trees.last().cloned().unwrap_or_else(|| StateTree::empty(&oid('a')));
            trees.push(before.after(&delta).unwrap());
            let after = apply(state, &delta);
            if entry.serial % 100 == 0 {
                assert_eq!(StateTree::of(&after, &oid('a')).unwrap().id(), trees.last().unwrap().id(), "serial {}", entry.serial);
            }
            state = Some(after);
            deltas.push(delta);
        }
        (trees, deltas)
    }

    #[test]
    fn what_is_written_has_the_computed_id_and_folders_stay_small() {
        let (trees, deltas) = grown();
        for (tree, delta) in trees.iter().zip(&deltas) {
            let items: BTreeMap<String, Item> = tree.items(delta).unwrap().into_iter().collect();
            assert_eq!(tree_of(&items, &oid('a')), *tree.id(), "serial {}", delta.serial);
        }
        let last = trees.last().unwrap();
        assert!(last.kinds.iter().flat_map(|kind| kind.buckets.values()).all(|bucket| parse_tree(&bucket.bytes, 20).unwrap().len() <= 256));
        let holds = last.kinds.iter().find(|kind| kind.name == "holds").unwrap();
        assert_eq!(holds.buckets.keys().copied().collect::<Vec<_>>(), [1, 2], "a folder without files is not there");
    }

    #[test]
    fn the_id_is_the_one_that_git_gives() {
        // As `git write-tree` gives them.
        let (blob, like) = (object_id("blob", b"x\n", &oid('a')), oid('a'));
        assert_eq!(blob.as_str(), "587be6b4c3f93f93c489c0111bba5596147a26cb");
        let inner = tree_id([("f.json".to_owned(), false, &blob)].into_iter(), &like);
        let outer = tree_id(
            [("1".to_owned(), true, &inner), ("1.json".to_owned(), false, &blob), ("10".to_owned(), true, &inner)].into_iter(),
            &like,
        );
        assert_eq!(
            (inner.as_str(), outer.as_str()),
            ("69b2dfc6593ba112e345bbd268795a9f8ba58277", "29ddb4fbf15aa13535392866903110e47537ebc6")
        );
    }
}
