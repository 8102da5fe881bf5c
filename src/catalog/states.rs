//! Where each version of an artifact stands: computed from what is seen of it, and stored nowhere.
//!
//! Deliberately absent: looking. Work tree, branches, ledger and pointer files are read by `status --packages`.

use super::{
    check::{self, Artifact, Input, Which},
    layout::Layout,
    rails::Rails,
};
use crate::{
    domain::ReleaseState,
    tree::{Tree, Unreadable},
};

/// What is seen of one version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// A pointer file names it.
    pub is_active: bool,
    /// An entry of the ledger made it active once.
    pub was_active: bool,
    /// An entry of the ledger holds the report of its check.
    pub is_staged: bool,
    /// A release tag names it.
    pub is_tagged: bool,
    /// It is in the tree of a release branch.
    pub is_on_branch: bool,
    /// It is in the work tree, and there not as in the commit that is checked out.
    pub is_changed: bool,
}

impl Seen {
    /// The state. What is active, or was, stays that whatever happens to its files: a version keeps its bytes, and a change of them is
    /// told beside the state.
    pub fn state(self) -> ReleaseState {
        let is_known = self.was_active || self.is_staged || self.is_tagged;
        match self {
            Seen { is_active: true, .. } => ReleaseState::Released,
            Seen { is_on_branch: false, .. } if is_known => ReleaseState::Archived,
            Seen { was_active: true, .. } => ReleaseState::Superseded,
            Seen { is_staged: true, .. } => ReleaseState::Staged,
            Seen { is_changed: true, .. } => ReleaseState::Draft,
            _ => ReleaseState::Committed,
        }
    }
}

/// Every artifact of a tree, without checking any.
pub fn artifacts(tree: &dyn Tree, layout: &Layout) -> Result<Vec<Artifact>, Unreadable> {
    let pointers = layout.pointers.iter().map(|_| None).collect();
    let input =
        Input { tree, layout, rails: &Rails::default(), pointers, which: Which::Below(Vec::new()), done: &|_| {}, each: &|_, _| {} };
    Ok(check::check(input)?.found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_the_furthest_that_a_version_came() {
        let on_branch = Seen { is_on_branch: true, ..Seen::default() };
        let staged = Seen { is_staged: true, is_tagged: true, ..on_branch };
        let was = Seen { was_active: true, ..staged };
        for (seen, want) in [
            (Seen::default(), ReleaseState::Committed),
            (on_branch, ReleaseState::Committed),
            (Seen { is_changed: true, ..Seen::default() }, ReleaseState::Draft),
            (Seen { is_changed: true, ..on_branch }, ReleaseState::Draft),
            (Seen { is_tagged: true, ..on_branch }, ReleaseState::Committed),
            (staged, ReleaseState::Staged),
            (Seen { is_changed: true, ..staged }, ReleaseState::Staged),
            (Seen { is_on_branch: false, ..staged }, ReleaseState::Archived),
            (Seen { is_tagged: true, ..Seen::default() }, ReleaseState::Archived),
            (was, ReleaseState::Superseded),
            (Seen { is_on_branch: false, ..was }, ReleaseState::Archived),
            (Seen { is_active: true, ..was }, ReleaseState::Released),
            (Seen { is_active: true, ..on_branch }, ReleaseState::Released),
            (Seen { is_active: true, is_on_branch: false, ..was }, ReleaseState::Released),
        ] {
            assert_eq!(seen.state(), want, "{seen:?}");
        }
    }
}
