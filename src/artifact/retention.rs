//! Which snapshots may be forgotten: the oldest by the order of the log, never by the time of a file, and none that something rests on.

use super::{bundle::Phase, log::State, manifest::Index};
use crate::domain::{Digest, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Why a snapshot stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// It is one of the newest.
    Newest,
    /// A folder was last restored to it.
    Live,
    /// It is what a folder held before it was last restored.
    Previous,
    /// Somebody gave it a name.
    Tagged,
    /// The newest of its source.
    NewestOfSource,
    /// The newest whose signatures count.
    Signed,
    /// A bundle that is in force, and the newest of its rail that is.
    Effective,
    /// A bundle that will be in force.
    Scheduled,
    /// The log does not know it: another program put it there.
    Unrecorded,
}

impl Kept {
    pub const fn word(self) -> &'static str {
        match self {
            Kept::Newest => "among the newest",
            Kept::Live => "live",
            Kept::Previous => "what was there before the last restore",
            Kept::Tagged => "tagged",
            Kept::NewestOfSource => "the newest of its source",
            Kept::Signed => "the newest that is signed",
            Kept::Effective => "the newest bundle of its rail that is in force",
            Kept::Scheduled => "a bundle that is not in force yet",
            Kept::Unrecorded => "not recorded here",
        }
    }
}

/// What is kept and what goes, each oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub kept: Vec<(Digest, Kept)>,
    pub gone: Vec<Digest>,
}

/// Keeps the newest `keep`, and whatever something rests on. `is_good`: whether the signatures of a snapshot count; anybody who may write
/// to the store can add one that does not.
pub fn plan(state: &State, index: &Index, keep: usize, now: Timestamp, is_good: impl Fn(&Digest) -> bool) -> Plan {
    let mut rests: BTreeMap<&Digest, Kept> = BTreeMap::new();
    let mut rest = |digest, kept| {
        rests.entry(digest).or_insert(kept);
    };
    state.restores.values().filter(|restore| !restore.undone).for_each(|restore| rest(&restore.snapshot, Kept::Live));
    state.restores.values().filter_map(|restore| restore.before.as_ref()).for_each(|digest| rest(digest, Kept::Previous));
    state.tags.values().for_each(|digest| rest(digest, Kept::Tagged));
    // A tag that only the index has counts as well: whoever set it meant it.
    state.snapshots.keys().filter(|digest| !index.tags_of(digest).is_empty()).for_each(|digest| rest(digest, Kept::Tagged));
    for known in state.snapshots.values() {
        if state.newest_of(&known.capture.source) == Some(known) {
            rest(&known.capture.snapshot, Kept::NewestOfSource);
        }
    }
    let mut in_force = BTreeSet::new();
    for (digest, label) in state.snapshots.iter().rev().filter_map(|(digest, known)| Some((digest, known.capture.bundle.as_ref()?))) {
        match label.phase(now) {
            Phase::Scheduled(_) => rest(digest, Kept::Scheduled),
            Phase::Effective if in_force.insert(&label.rail) => rest(digest, Kept::Effective),
            Phase::Effective | Phase::Expired(_) => {}
        }
    }
    let mut signed = state.snapshots.keys().rev().filter(|digest| state.signatures.contains_key(*digest));
    if let Some(good) = signed.find(|digest| is_good(digest)) {
        rest(good, Kept::Signed);
    }
    let mut plan = Plan::default();
    let newest = state.snapshots.len().saturating_sub(keep);
    for (at, digest) in state.snapshots.keys().enumerate() {
        match rests.get(digest) {
            _ if at >= newest => plan.kept.push((digest.clone(), Kept::Newest)),
            Some(kept) => plan.kept.push((digest.clone(), *kept)),
            None => plan.gone.push(digest.clone()),
        }
    }
    let unrecorded = index.sizes().into_keys().filter(|digest| !state.snapshots.contains_key(digest));
    plan.kept.extend(unrecorded.map(|digest| (digest, Kept::Unrecorded)));
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{
        Label, SNAPSHOT,
        log::{By, Capture, Log, What},
    };

    fn digest(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    fn capture(name: &str, source: &str, tags: &[&str]) -> What {
        What::Create(Capture {
            snapshot: digest(name),
            source: source.to_owned(),
            commit: None,
            channel: None,
            files: 1,
            bytes: 1,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            reason: None,
            before_restore: false,
            bundle: None,
        })
    }

    /// In force for the seconds between these.
    fn bundle(name: &str, rail: &str, window: (i64, i64)) -> What {
        let What::Create(capture) = capture(name, rail, &[]) else { panic!("it is a capture") };
        let window = (Some(Timestamp::from_unix(window.0)), Some(Timestamp::from_unix(window.1)));
        What::Create(Capture { bundle: Some(Label::new(rail, name, window).unwrap()), ..capture })
    }

    fn begin(name: &str, before: Option<&str>) -> What {
        What::RestoreBegin { snapshot: digest(name), target: "/x".to_owned(), before: before.map(digest), reason: None }
    }

    fn sign(name: &str) -> What {
        What::Sign { snapshot: digest(name), signature: digest("signature"), signer: "ada@example.com".to_owned() }
    }

    #[test]
    fn the_oldest_go_unless_something_rests_on_them() {
        let end = |undone| What::RestoreEnd { snapshot: digest("a"), target: "/x".to_owned(), undone };
        let base = || ["a", "b", "c", "d"].map(|name| capture(name, "s", &[])).to_vec();
        let with = |more: Vec<What>| [base(), more].concat();
        for (what, events, keep, gone) in [
            ("two are kept", base(), 2, vec!["a", "b"]),
            ("more than there are", base(), 9, vec![]),
            ("none", base(), 0, vec!["a", "b", "c"]),
            ("captured again is new", with(vec![capture("a", "s", &[])]), 2, vec!["b", "c"]),
            ("tagged", with(vec![capture("e", "s", &["x"]), capture("f", "s", &[])]), 1, vec!["a", "b", "c", "d"]),
            ("live", with(vec![begin("a", None), end(false)]), 1, vec!["b", "c"]),
            ("live of a restore that never ended", with(vec![begin("a", None)]), 1, vec!["b", "c"]),
            ("previous", with(vec![begin("d", Some("b")), end(false)]), 1, vec!["a", "c"]),
            ("undone", with(vec![begin("a", Some("b")), end(true)]), 1, vec!["a", "c"]),
            ("newest of another source", [vec![capture("z", "t", &[])], base()].concat(), 1, vec!["a", "b", "c"]),
            ("the newest signed one", with(vec![sign("b"), sign("a")]), 1, vec!["a", "c"]),
            (
                "bundles in force and to come",
                vec![
                    bundle("a", "r", (5, 9)),
                    bundle("b", "r", (5, 19)),
                    bundle("c", "r", (9, 19)),
                    bundle("d", "r", (90, 99)),
                    bundle("e", "r", (1, 2)),
                    bundle("f", "q", (1, 2)),
                ],
                0,
                vec!["a", "b"],
            ),
            ("pruned already", with(vec![What::Prune { snapshot: digest("a") }]), 1, vec!["b", "c"]),
        ] {
            let mut log = Log::default();
            for event in events {
                log.add(Timestamp::from_unix(1), &By::default(), event).unwrap();
            }
            let plan = plan(&log.state(), &Index::default(), keep, Timestamp::from_unix(10), |_| true);
            assert_eq!(plan.gone, gone.into_iter().map(digest).collect::<Vec<_>>(), "{what}");
        }
    }

    #[test]
    fn what_others_put_there_stays() {
        let mut index = Index::default();
        index.add(SNAPSHOT, &digest("theirs"), 1, &[]);
        let plan = plan(&State::default(), &index, 0, Timestamp::from_unix(1), |_| true);
        assert_eq!(plan, Plan { kept: vec![(digest("theirs"), Kept::Unrecorded)], gone: vec![] });
    }
}
