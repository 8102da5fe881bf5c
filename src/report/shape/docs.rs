//! The answer of `docs`: the census of the documents.

use crate::lockdown::{Totals, Verdict};
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::{borrow::Cow, sync::Arc};

#[derive(Clone, Debug, Default, Serialize)]
pub struct DocsShape {
    /// What is accepted is counted by itself, not as broken (see [`DocsShape::with_accepted`]).
    #[serde(serialize_with = "totals")]
    pub totals: Totals,
    pub documents: Vec<String>,
    pub references: Vec<ReferenceShape>,
    /// What could not be judged, by kind and reason.
    pub unchecked: Vec<UncheckedShape>,
    /// Documents that `--fix` rewrote, with the number of places.
    pub fixed: Vec<FixedShape>,
    /// Broken references that somebody accepted.
    pub accepted: usize,
    /// Texts that are not the ones that were reviewed.
    pub changes: Vec<ChangeShape>,
    /// `docs lock` and `docs accept`: what became of the lock.
    pub lock: Option<LockShape>,
    /// Show every reference to people, not only what is wrong.
    #[serde(skip)]
    pub listing: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReferenceShape {
    pub kind: &'static str,
    pub text: String,
    pub target: String,
    pub file: Arc<str>,
    pub line: u32,
    pub column: u32,
    pub end_column: u32,
    #[serde(serialize_with = "verdict")]
    pub verdict: Verdict,
    /// Why it could not be judged, which repository it leads to, which pull request it comes with.
    pub reason: Option<Cow<'static, str>>,
}

#[derive(Clone, Debug, Serialize)]
pub struct UncheckedShape {
    pub kind: &'static str,
    pub reason: String,
    pub count: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct FixedShape {
    pub file: String,
    pub places: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct ChangeShape {
    pub document: String,
    pub kind: &'static str,
    pub target: String,
    /// Unified, of the text that was reviewed and the present one; `None`: the reviewed text was not found in the history.
    pub diff: Option<Vec<String>>,
}

/// Numbers of rows.
#[derive(Clone, Debug, Serialize)]
pub struct LockShape {
    pub file: String,
    pub written: bool,
    pub rows: usize,
    pub added: usize,
    pub removed: usize,
    pub changed: usize,
    /// Newly accepted.
    pub accepted: usize,
}

impl DocsShape {
    pub const SCHEMA: &'static str = "tagwarden.docs/1";

    /// Counts this many of the broken references as accepted.
    pub fn with_accepted(mut self, accepted: usize) -> DocsShape {
        self.totals.broken = self.totals.broken.saturating_sub(accepted);
        self.accepted = accepted;
        self
    }

    /// `190 references: 120 ok, 16 pending, 3 broken, 51 unchecked`; what there is none of is left out.
    pub fn summary(&self) -> String {
        let Totals { ok, broken, pending, foreign, unchecked } = self.totals;
        let accepted = self.accepted;
        let parts: Vec<String> =
            [(ok, "ok"), (pending, "pending"), (broken, "broken"), (accepted, "accepted"), (foreign, "foreign"), (unchecked, "unchecked")]
                .iter()
                .filter(|(number, _)| *number > 0)
                .map(|(number, word)| format!("{number} {word}"))
                .collect();
        let all = self.totals.all() + accepted;
        let head = format!("{all} reference{}", if all == 1 { "" } else { "s" });
        let head = if parts.is_empty() { head } else { format!("{head}: {}", parts.join(", ")) };
        if unchecked > 0 { head + " (kinds and reasons below)" } else { head }
    }
}

fn totals<S: Serializer>(totals: &Totals, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(5))?;
    map.serialize_entry("ok", &totals.ok)?;
    map.serialize_entry("broken", &totals.broken)?;
    map.serialize_entry("pending", &totals.pending)?;
    map.serialize_entry("foreign", &totals.foreign)?;
    map.serialize_entry("unchecked", &totals.unchecked)?;
    map.end()
}

fn verdict<S: Serializer>(verdict: &Verdict, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(verdict.slug())
}
