//! Values that are there once: in a file, or among all artifacts of a kind. Versions of one artifact may share them.

use super::{Selector, Text};
use crate::text::collect::Collector;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawUnique {
    /// Which values: a jq path, such as .spec.sku or .[].code
    pub each: Text,
    /// file, or kind for all artifacts of the kind but other versions of the same one; file where absent.
    pub within: Option<Text>,
}

pub struct Unique {
    pub(in crate::catalog) each: Selector,
    pub(in crate::catalog) within_kind: bool,
}

pub(super) fn read(check: &mut Collector, raw: &RawUnique) -> Option<Unique> {
    let within_kind = match &raw.within {
        Some(word) => check.word(word, &[("file", false), ("kind", true)])?,
        None => false,
    };
    Some(Unique { each: Selector::read(check, &raw.each)?, within_kind })
}
