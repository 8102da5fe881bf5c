//! Kind `catalog`: are the configuration artifacts right?
//!
//! The candidate's tree is checked as a whole: every artifact by its rail, what artifacts say of one another, and the pointer file of the
//! channel. Kinds, rails and rules are those of the policy in force, so a candidate cannot weaken what it is judged by. On a channel with
//! a pointer file the tree is the one that would be released, with the file as it would be.
//!
//! Deliberately absent: the pointer files of other channels, which may be on branches that this tree does not have.

use super::super::{
    Checks, Context, Evidence, Gate, Header, Judgement, Kind, Probe, at_hand,
    config::{self, Spec},
};
use crate::{
    catalog::{
        check::{self, Checked, Input, Which},
        layout::{Layout, PointerAt},
        rails::Rails,
    },
    domain::{Finding, Result, Severity, Verb},
    text::source::Source,
    tree::Unreadable,
};
use schemars::JsonSchema;
use serde::Deserialize;

pub static KIND: Kind = Kind {
    id: "catalog",
    about: "are the configuration artifacts right?",
    page: include_str!("catalog.md"),
    codes: CODES,
    verbs: &[Verb::Promote, Verb::Rollback],
    writes: false,
    read,
    schema: |generator| generator.subschema_for::<CatalogSpec>(),
};

/// What the gate itself finds; [`crate::catalog::CODES`] has the rest.
const CODES: &[(&str, &str)] = &[
    ("catalog/foreign-answer", "the recorded answer is not about a tree"),
    ("catalog/other-tree", "the recorded answer is about another tree than the one at hand"),
    ("catalog/unanswered", "there is no recorded answer about the candidate's tree"),
    ("catalog/unreadable", "the candidate's tree could not be read"),
];

/// How many errors are shown.
const MOST_FINDINGS: usize = 500;

/// There is nothing to say: `kinds`, `pointer` and the rails say what is right.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CatalogSpec {}

impl Spec for CatalogSpec {
    const KEY: &'static str = "catalog";
}

struct Catalog;

fn read(source: &Source) -> Result<(Header, Box<dyn Gate>)> {
    let (header, CatalogSpec {}) = config::read::<CatalogSpec>(source)?;
    Ok((header, Box::new(Catalog)))
}

impl Gate for Catalog {
    fn asks(&self, _: &Context, seen: &Evidence) -> Vec<Probe> {
        if seen.last(at_hand::ITEM).is_none() { vec![at_hand::ask()] } else { Vec::new() }
    }

    fn judge(&self, cx: &Context, seen: &Evidence) -> Judgement {
        let mut checks = Checks::new();
        if at_hand::is_the_tree(KIND.id, cx, seen, &mut checks)
            && let Err(unreadable) = look(cx, &mut checks)
        {
            checks.unknown(Finding::error("catalog/unreadable", unreadable.to_string()));
        }
        checks.judge(KIND.id)
    }
}

fn look(cx: &Context, checks: &mut Checks) -> std::result::Result<(), Unreadable> {
    let all = &cx.protocol.catalog;
    let rails = match Rails::read(all) {
        Ok(rails) => rails,
        Err(findings) => {
            findings.into_iter().for_each(|finding| checks.fail(finding));
            return Ok(());
        }
    };
    let mut layout = Layout { pointers: all.pointer(&cx.channel).cloned().into_iter().collect(), ..all.clone() };
    let mut pointers = Vec::new();
    for at in &layout.pointers {
        pointers.push(cx.tree.read(&at.file)?);
    }
    // On a branch of its own it comes into the tree with the move.
    let is_own = |at: &PointerAt| !at.is_on(&cx.protocol.release_branches);
    let is_elsewhere = layout.pointers.iter().zip(&pointers).any(|(at, bytes)| bytes.is_none() && is_own(at));
    if is_elsewhere {
        let message = "the pointer file is on a branch of its own, so what is active is not known here";
        checks.remark(Finding::note("catalog/no-pointer", message));
        layout.pointers.clear();
        pointers.clear();
    }
    let input =
        Input { tree: cx.tree.as_ref(), layout: &layout, rails: &rails, pointers, which: Which::All, done: &|_| (), each: &|_, _| {} };
    tell(check::check(input)?, checks);
    Ok(())
}

/// Every artifact counts as one check.
fn tell(checked: Checked, checks: &mut Checks) {
    (0..checked.artifacts).for_each(|_| checks.hold());
    let (errors, others): (Vec<Finding>, Vec<Finding>) =
        checked.findings.into_iter().partition(|finding| finding.severity == Severity::Error);
    let hidden = errors.len().saturating_sub(MOST_FINDINGS);
    errors.into_iter().take(MOST_FINDINGS).for_each(|finding| checks.fail(finding));
    if hidden > 0 {
        checks.fail(Finding::error("catalog/too-many", format!("there are {hidden} more errors")));
    }
    others.into_iter().take(MOST_FINDINGS).for_each(|finding| checks.remark(finding));
}
