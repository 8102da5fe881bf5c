//! The answer of `docs`: the census of the documents.

use crate::lockdown::{Reference, Totals, Verdict};
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::borrow::Cow;

#[derive(Clone, Debug, Default, Serialize)]
pub struct DocsShape {
    /// What is accepted is counted by itself, not as broken (see [`DocsShape::with_accepted`]).
    #[serde(serialize_with = "totals")]
    pub totals: Totals,
    pub documents: Vec<String>,
    #[serde(serialize_with = "references")]
    pub references: Vec<Listed>,
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

/// The references of one document as its census has them, since they may be very many.
#[derive(Clone, Debug)]
pub struct Listed {
    pub file: String,
    pub references: Vec<Reference>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReferenceShape<'r> {
    pub kind: &'static str,
    pub text: &'r str,
    pub target: &'r str,
    pub file: &'r str,
    pub line: u32,
    pub column: u32,
    pub end_column: u32,
    #[serde(serialize_with = "verdict")]
    pub verdict: &'r Verdict,
    /// Why it could not be judged, which repository it leads to, which pull request it comes with.
    pub reason: Option<Cow<'r, str>>,
}

impl<'r> ReferenceShape<'r> {
    fn of(file: &'r str, reference: &'r Reference) -> ReferenceShape<'r> {
        ReferenceShape {
            kind: reference.kind.slug(),
            text: &reference.text,
            target: &reference.target,
            file,
            line: reference.line,
            column: reference.column,
            end_column: reference.end_column,
            verdict: &reference.verdict,
            reason: match &reference.verdict {
                Verdict::Unchecked(reason) => Some(reason.as_ref().into()),
                Verdict::Foreign(name) => Some(format!("in {name}").into()),
                Verdict::Pending(number) => Some(format!("comes with #{number}").into()),
                Verdict::Ok | Verdict::Broken => None,
            },
        }
    }
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

    /// Of all documents, in their order.
    pub fn references(&self) -> impl Iterator<Item = ReferenceShape<'_>> {
        each(&self.references)
    }

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

fn each(listed: &[Listed]) -> impl Iterator<Item = ReferenceShape<'_>> {
    listed.iter().flat_map(|listed| listed.references.iter().map(|reference| ReferenceShape::of(&listed.file, reference)))
}

fn references<S: Serializer>(listed: &[Listed], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(each(listed))
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

fn verdict<S: Serializer>(verdict: &&Verdict, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(verdict.slug())
}
