//! What a release asks to be done with the store: nothing, a flip, or a hydration.

use super::{
    Settings,
    state::{Snapshot, State},
};
use crate::{
    catalog::layout::Layout,
    domain::{Digest, Oid, Result, Timestamp},
};
use serde_json::json;

/// What the ledger says that the channel is at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub serial: u64,
    pub release: String,
    /// The commit whose files are meant.
    pub commit: Oid,
    pub shape: Digest,
    /// From when readers may see it; `None`: at once.
    pub from: Option<Timestamp>,
}

impl Wanted {
    /// From when readers may see it, where that is still to come.
    pub fn waits(&self, now: Timestamp) -> Option<Timestamp> {
        self.from.filter(|from| *from > now)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is live.
    Nothing,
    /// What is live is newer. Somebody else knows a longer ledger.
    Newer {
        serial: u64,
    },
    /// This snapshot is of that very commit.
    Flip(u64),
    Hydrate,
}

/// Decides. A snapshot is taken for a commit only where its rows were made the same way.
pub fn step(state: &State, wanted: &Wanted) -> Step {
    if let Some(live) = &state.live {
        // Two controllers that counted from the same state give one serial to two tags; the one that was published stays.
        let is_another = live.serial == wanted.serial && live.release != wanted.release && live.commit != wanted.commit;
        if live.serial > wanted.serial || is_another {
            return Step::Newer { serial: live.serial };
        }
        let is_same = live.serial == wanted.serial && live.commit == wanted.commit && live.shape == wanted.shape;
        // A pointer to a snapshot that is not there shows readers nothing.
        if is_same && state.snapshot(live.number).is_some() {
            return Step::Nothing;
        }
    }
    let same = |snapshot: &&Snapshot| snapshot.commit == wanted.commit && snapshot.shape == wanted.shape;
    state.snapshots.iter().rev().find(same).map_or(Step::Hydrate, |snapshot| Step::Flip(snapshot.number))
}

/// The snapshot with the same rows, where there is one.
pub fn same_rows<'s>(state: &'s State, digest: &Digest, shape: &Digest) -> Option<&'s Snapshot> {
    state.snapshots.iter().rev().find(|snapshot| snapshot.digest == *digest && snapshot.shape == *shape)
}

/// How rows are made of files: what of the protocol decides it, and the version of this program's way. `layout`: with the one pointer file
/// that readers follow, or none.
pub fn shape(settings: &Settings, layout: &Layout) -> Result<Digest> {
    const VERSION: u64 = 1;
    let kinds = settings.kinds.iter().map(|(name, rows)| {
        let kind = layout.kinds.get(name);
        let named = kind.map(|kind| (kind.path.as_str(), &kind.id, &kind.version));
        json!([name, rows.identity, rows.generation, named])
    });
    let kinds: Vec<_> = kinds.collect();
    let pointer = layout.pointers.first().map(|at| (&at.file, format!("{:?}", at.shape)));
    Digest::of_json(&json!([VERSION, kinds, pointer]))
}

/// What the files of a release are judged by: where artifacts are, their rails, and the version of this program.
pub fn rules(layout: &Layout) -> Result<Digest> {
    let kinds = layout
        .kinds
        .iter()
        .map(|(name, kind)| json!([name, kind.path.as_str(), format!("{:?}", kind.rail), kind.id, kind.version, kind.null_is_absent]));
    let kinds: Vec<_> = kinds.collect();
    let rails: Vec<_> = layout.rails.files.iter().map(|(path, bytes)| json!([path, Digest::of(bytes)])).collect();
    Digest::of_json(&json!([env!("CARGO_PKG_VERSION"), kinds, rails]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::layout::RailFiles,
        domain::Timestamp,
        sync::state::{Lease, Live, Source},
    };

    fn oid(letter: &str) -> Oid {
        letter.repeat(40).parse().unwrap()
    }

    fn digest(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    fn snapshot(number: u64, commit: &str, shape: &str) -> Snapshot {
        let (digest, shape) = (digest(commit), digest(shape));
        Snapshot { number, digest, commit: oid(commit), shape, rules: None, counts: Default::default(), left: None }
    }

    fn state(live: Option<(u64, u64, &str)>, snapshots: Vec<Snapshot>) -> State {
        let live = live.map(|(number, serial, commit)| Live {
            number,
            serial,
            release: "web@1.0.0".into(),
            commit: oid(commit),
            shape: digest("s"),
            since: Timestamp::from_unix(0),
        });
        State {
            source: Source { genesis: oid("f"), channel: "production".into() },
            live,
            lease: Lease::default(),
            snapshots,
            attempt: None,
        }
    }

    #[test]
    fn other_rails_and_other_places_are_other_rules() {
        let with = |path: &str, text: &str| {
            let files = [(path.to_owned(), text.as_bytes().to_vec())].into();
            rules(&Layout { rails: RailFiles { files, root: "gates".into() }.into(), ..Layout::default() }).unwrap()
        };
        let one = with("rails/product/schema.json", "{}");
        assert_eq!(with("rails/product/schema.json", "{}"), one);
        assert_ne!(with("rails/product/schema.json", "{ }"), one);
        assert_ne!(with("rails/other/schema.json", "{}"), one);
        assert_ne!(rules(&Layout::default()).unwrap(), one);
    }

    #[test]
    fn what_a_release_asks_for() {
        let both = || vec![snapshot(1, "a", "s"), snapshot(2, "b", "s")];
        let wanted = |serial: u64, commit: &str| {
            let (release, commit) = ("web@1.0.0".to_owned(), oid(commit));
            Wanted { serial, release, commit, shape: digest("s"), from: None }
        };
        for (live, snapshots, want, step_is) in [
            (None, vec![], wanted(3, "a"), Step::Hydrate),
            (Some((1, 3, "a")), both(), wanted(3, "a"), Step::Nothing),
            (Some((1, 3, "a")), both(), wanted(4, "b"), Step::Flip(2)),
            (Some((2, 4, "b")), both(), wanted(5, "a"), Step::Flip(1)),
            (Some((1, 3, "a")), both(), wanted(5, "a"), Step::Flip(1)),
            (Some((1, 3, "a")), both(), wanted(4, "c"), Step::Hydrate),
            (Some((2, 9, "b")), both(), wanted(4, "a"), Step::Newer { serial: 9 }),
            (Some((1, 3, "a")), vec![snapshot(1, "a", "other")], wanted(4, "a"), Step::Hydrate),
            (Some((1, 3, "a")), vec![], wanted(3, "a"), Step::Hydrate),
            (Some((1, 3, "a")), both(), Wanted { release: "other@1.0.0".into(), ..wanted(3, "b") }, Step::Newer { serial: 3 }),
        ] {
            assert_eq!(step(&state(live, snapshots), &want), step_is, "{live:?} {want:?}");
        }
        let other_way = Wanted { shape: digest("t"), ..wanted(3, "a") };
        assert_eq!(step(&state(Some((1, 3, "a")), both()), &other_way), Step::Hydrate);
    }
}
