//! What stands under `verdict:`, and its checked form.

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

/// Reviewers, and how many of them must have said SAFE to the candidate.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VerdictSpec {
    /// Identities: ssh:<principal>, local:<git e-mail>, github:<numeric id>.
    reviewers: Spanned<Vec<Spanned<String>>>,
    /// all, or how many.
    #[serde(default)]
    require: Spanned<Require>,
    /// How old a verdict may be; any age where absent.
    fresh: Option<Spanned<Span>>,
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

/// The reviewers, how many of them are required, and how old a verdict may be.
pub(super) fn check(spec: VerdictSpec, collector: &mut Collector) -> (Vec<Reviewer>, usize, Option<Span>) {
    let mut reviewers: Vec<Reviewer> = Vec::new();
    for reviewer in &spec.reviewers.value {
        if collector.kept(reviewer, identity::check(reviewer)).is_none() {
            continue;
        }
        let person = identity::person(reviewer);
        match reviewers.iter_mut().find(|known| known.person == person) {
            Some(known) => known.forms.push(reviewer.value.clone()),
            None => reviewers.push(Reviewer { person, forms: vec![reviewer.value.clone()] }),
        }
    }
    if spec.reviewers.is_empty() {
        collector.refuse(&spec.reviewers, "wrong-value", "at least one reviewer must be named");
    }
    let required = match spec.require.value {
        Require::All => reviewers.len(),
        Require::AtLeast(number) => usize::try_from(number).unwrap_or(usize::MAX),
    };
    if required == 0 && !reviewers.is_empty() {
        collector.refuse(&spec.require, "wrong-value", "at least one verdict must be required");
    } else if required > reviewers.len() && collector.findings.is_empty() {
        let message = format!("{required} verdicts are required, but the gate names {} different people", reviewers.len());
        collector.refuse(&spec.require, "wrong-value", message);
        collector.help("a person counts once, under however many forms they are named");
    }
    if let Some(fresh) = spec.fresh.as_ref().filter(|fresh| fresh.as_millis() == 0) {
        collector.refuse(fresh, "wrong-value", "a verdict that may not age at all has always expired");
    }
    (reviewers, required, spec.fresh.map(|fresh| fresh.value))
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
