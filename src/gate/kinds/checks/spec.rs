//! What stands under `checks:`, and its checked form.

use crate::{
    gate::config::{Spec, collect::Collector},
    text::yaml::Spanned,
};
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use std::{borrow::Cow, fmt};

/// Checks that must be green on the commit that is judged.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChecksSpec {
    /// The checks; at least one.
    required: Spanned<Vec<Spanned<CheckSpec>>>,
    /// Results that pass beside success: neutral, skipped.
    #[serde(default)]
    accept: Vec<Spanned<String>>,
}

/// A check run (`name`, `app`) or a commit status (`status`, `by`).
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CheckSpec {
    /// The name of a check run.
    name: Option<String>,
    /// The number of the App that writes the run, or any.
    app: Option<Who>,
    /// The context of a commit status.
    status: Option<String>,
    /// The number of the account that writes the status, or any.
    by: Option<Who>,
}

impl Spec for ChecksSpec {
    const KEY: &'static str = "checks";
}

/// Who must have written something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Any,
    Number(u64),
}

impl Who {
    pub fn is(self, number: Option<u64>) -> bool {
        match self {
            Who::Any => true,
            Who::Number(wanted) => number == Some(wanted),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Check {
    Run { name: String, app: Who },
    Status { context: String, by: Who },
}

impl Check {
    pub fn name(&self) -> &str {
        match self {
            Check::Run { name, .. } => name,
            Check::Status { context, .. } => context,
        }
    }
}

/// Results that count as success, beside it. Others never do.
const ACCEPTABLE: &[&str] = &["neutral", "skipped"];

/// The checks, and the results that pass.
pub(super) fn check(spec: ChecksSpec, collector: &mut Collector) -> (Vec<Check>, Vec<String>) {
    if spec.required.is_empty() {
        collector.refuse(&spec.required, "wrong-value", "at least one check must be named");
    }
    let mut checks = Vec::new();
    for one in &spec.required.value {
        let CheckSpec { name, app, status, by } = one.value.clone();
        let check = match (name, app, status, by) {
            (Some(name), Some(app), None, None) => Check::Run { name, app },
            (None, None, Some(context), Some(by)) => Check::Status { context, by },
            (Some(_), None, None, None) => {
                collector.refuse(one, "missing-key", "`app` is missing: any App can write a run of that name");
                collector.help("name the App by its number (GitHub Actions is 15368), or say `app: any`");
                continue;
            }
            (None, None, Some(_), None) => {
                collector.refuse(one, "missing-key", "`by` is missing: everybody with write access can write a status of that name");
                collector.help("name the account by its number, or say `by: any`");
                continue;
            }
            _ => {
                collector.refuse(one, "wrong-value", "a check is either `{ name, app }` or `{ status, by }`");
                continue;
            }
        };
        if check.name().trim().is_empty() {
            collector.refuse(one, "wrong-value", "a check has a name");
        } else if checks.contains(&check) {
            collector.refuse(one, "duplicate", "this check is named twice");
        } else {
            checks.push(check);
        }
    }
    for accepted in spec.accept.iter().filter(|accepted| !ACCEPTABLE.contains(&accepted.as_str())) {
        collector.refuse(accepted, "wrong-value", format!("`{}` cannot be accepted", accepted.escape_debug()));
        collector.help("`success` always passes; `neutral` and `skipped` may be accepted beside it");
    }
    (checks, spec.accept.into_iter().map(|accepted| accepted.value).collect())
}

impl<'de> Deserialize<'de> for Who {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Who, D::Error> {
        deserializer.deserialize_any(WhoVisitor)
    }
}

struct WhoVisitor;

impl Visitor<'_> for WhoVisitor {
    type Value = Who;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or `any`")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Who, E> {
        if value == "any" { Ok(Who::Any) } else { Err(E::custom(format!("`{value}` is neither a number nor `any`"))) }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Who, E> {
        Ok(Who::Number(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Who, E> {
        u64::try_from(value).map(Who::Number).map_err(|_| E::custom(format!("`{value}` is not the number of anybody")))
    }
}

impl JsonSchema for Who {
    fn schema_name() -> Cow<'static, str> {
        "Who".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "oneOf": [{ "const": "any" }, { "type": "integer", "minimum": 1 }] })
    }
}
