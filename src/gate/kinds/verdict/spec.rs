//! What stands under `verdict:`, and its checked form.

use super::{InLedger, OnPulls, Verdicts, bypass::Bypass};
use crate::{
    domain::Span,
    gate::{
        config::{Spec, collect::Collector},
        identity,
    },
    text::yaml::Spanned,
};
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use std::{borrow::Cow, fmt};

/// Reviewers, and how many of them must have said SAFE to the candidate: in the ledger, on the pull requests that the move brings, or
/// both.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VerdictSpec {
    /// Identities: ssh:<principal>, local:<git e-mail>, github:<numeric id>.
    reviewers: Option<Spanned<Vec<Spanned<String>>>>,
    /// all, or how many.
    #[serde(default)]
    require: Spanned<Require>,
    /// How old a verdict may be; any age where absent.
    fresh: Option<Spanned<Span>>,
    /// Verdicts on GitHub.
    pulls: Option<Spanned<PullsSpec>>,
}

/// Reviewers on GitHub, and how many of them must have approved the last commit of every pull request that the move brings.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PullsSpec {
    /// Names under reviewers of gates/protocol.yaml.
    reviewers: Spanned<Vec<Spanned<String>>>,
    /// all, or how many.
    #[serde(default)]
    require: Spanned<Require>,
    /// Whether a merge that came past the rules of the branch counts: refuse_known, refuse or allow.
    #[serde(default)]
    bypass: Bypass,
    /// Whose verdict in the ledger answers for a commit that no pull request brought as it was reviewed.
    otherwise: Option<Spanned<OtherwiseSpec>>,
}

/// Reviewers in the ledger, and how many of them must have said SAFE to such a commit itself.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OtherwiseSpec {
    /// Identities: ssh:<principal>, local:<git e-mail>, github:<numeric id>.
    reviewers: Spanned<Vec<Spanned<String>>>,
    /// all, or how many.
    #[serde(default)]
    require: Spanned<Require>,
}

impl Spec for VerdictSpec {
    const KEY: &'static str = "verdict";
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Require {
    #[default]
    All,
    AtLeast(u64),
}

/// One person, under every form in which the gate names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reviewer {
    pub person: String,
    /// Never empty.
    pub forms: Vec<String>,
}

/// Where verdicts are asked for.
pub(super) fn check(spec: VerdictSpec, collector: &mut Collector) -> Verdicts {
    if let Some(fresh) = spec.fresh.as_ref().filter(|fresh| fresh.as_millis() == 0) {
        collector.refuse(fresh, "wrong-value", "a verdict that may not age at all has always expired");
    }
    let fresh = spec.fresh.map(|fresh| fresh.value);
    let pulls = spec.pulls.map(|pulls| on_pulls(&pulls, collector));
    let ledger = match &spec.reviewers {
        Some(reviewers) => Some(in_ledger(reviewers, &spec.require, fresh, collector)),
        None if pulls.is_none() => {
            collector.refuse(&Spanned::<()>::default(), "missing-key", "the key `reviewers` is missing, and so is `pulls`");
            None
        }
        None => None,
    };
    Verdicts { ledger, pulls }
}

fn in_ledger(
    named: &Spanned<Vec<Spanned<String>>>,
    require: &Spanned<Require>,
    fresh: Option<Span>,
    collector: &mut Collector,
) -> InLedger {
    let mut reviewers: Vec<Reviewer> = Vec::new();
    for reviewer in &named.value {
        if collector.kept(reviewer, identity::check(reviewer)).is_none() {
            continue;
        }
        let person = identity::person(reviewer);
        match reviewers.iter_mut().find(|known| known.person == person) {
            Some(known) => known.forms.push(reviewer.value.clone()),
            None => reviewers.push(Reviewer { person, forms: vec![reviewer.value.clone()] }),
        }
    }
    let required = required(named, require, reviewers.len(), collector);
    InLedger { reviewers, required, fresh }
}

fn on_pulls(spec: &PullsSpec, collector: &mut Collector) -> OnPulls {
    let mut reviewers: Vec<String> = Vec::new();
    for name in &spec.reviewers.value {
        if reviewers.contains(&name.value) {
            collector.refuse(name, "duplicate", format!("`{}` is named twice", name.escape_debug()));
        } else {
            reviewers.push(name.value.clone());
        }
    }
    let required = required(&spec.reviewers, &spec.require, reviewers.len(), collector);
    let otherwise = spec.otherwise.as_ref().map(|spec| in_ledger(&spec.reviewers, &spec.require, None, collector));
    OnPulls { reviewers, required, bypass: spec.bypass, otherwise }
}

/// How many of the `named` must approve; `people`: how many different ones they are.
fn required(named: &Spanned<Vec<Spanned<String>>>, require: &Spanned<Require>, people: usize, collector: &mut Collector) -> usize {
    if named.is_empty() {
        collector.refuse(named, "wrong-value", "at least one reviewer must be named");
    }
    let required = match require.value {
        Require::All => people,
        Require::AtLeast(number) => usize::try_from(number).unwrap_or(usize::MAX),
    };
    if required == 0 && people > 0 {
        collector.refuse(require, "wrong-value", "at least one verdict must be required");
    } else if required > people && collector.findings.is_empty() {
        let message = format!("{required} verdicts are required, but the gate names {people} different people");
        collector.refuse(require, "wrong-value", message);
        collector.help("a person counts once, under however many forms they are named");
    }
    required
}

impl<'de> Deserialize<'de> for Require {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Require, D::Error> {
        deserializer.deserialize_any(RequireVisitor)
    }
}

struct RequireVisitor;

impl Visitor<'_> for RequireVisitor {
    type Value = Require;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`all`, or a number")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Require, E> {
        if value == "all" { Ok(Require::All) } else { Err(E::custom(format!("`{value}` is neither `all` nor a number"))) }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Require, E> {
        Ok(Require::AtLeast(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Require, E> {
        u64::try_from(value).map(Require::AtLeast).map_err(|_| E::custom(format!("`{value}` is no number of people")))
    }
}

impl JsonSchema for Require {
    fn schema_name() -> Cow<'static, str> {
        "Require".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "oneOf": [{ "const": "all" }, { "type": "integer", "minimum": 1 }] })
    }
}
