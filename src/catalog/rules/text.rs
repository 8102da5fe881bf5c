//! Patterns over the text of files: what they must not say, and what they must.
//!
//! Regular expressions take time that is linear in the text. `^` and `$` are the ends of a line.

use super::{Rule, Text};
use crate::{
    catalog::document::Document,
    domain::{Finding, Place},
    text::{collect::Collector, located::MOST_WRONG, source::Source},
};
use globset::{GlobBuilder, GlobMatcher};
use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawText {
    /// Which files of the artifact: patterns with *, relative to its folder; its own file where absent.
    #[serde(default)]
    pub files: Vec<Text>,
    /// Regular expressions that match nowhere in these files.
    #[serde(default)]
    pub forbid: Vec<Text>,
    /// Regular expressions of which each matches somewhere in each of these files.
    #[serde(default)]
    pub require: Vec<Text>,
}

pub struct Patterns {
    /// Empty: the artifact's own file.
    pub(in crate::catalog) files: Vec<GlobMatcher>,
    forbid: Vec<Regex>,
    require: Vec<Regex>,
}

pub(super) fn read(check: &mut Collector, raw: &RawText) -> Option<Patterns> {
    let mut files = Vec::new();
    for file in &raw.files {
        match GlobBuilder::new(file).literal_separator(true).build() {
            Ok(glob) => files.push(glob.compile_matcher()),
            Err(error) => check.refuse(file, "wrong-value", format!("this is not a pattern of files: {}", error.kind())),
        }
    }
    let (forbid, require) = (patterns(check, &raw.forbid), patterns(check, &raw.require));
    if raw.forbid.is_empty() && raw.require.is_empty() {
        let at = crate::text::yaml::Spanned::new((), 0..0);
        check.refuse(raw.files.first().map_or(&at, |_| &at), "nothing-there", "a `text` rule forbids or requires something");
        return None;
    }
    Some(Patterns { files, forbid, require })
}

fn patterns(check: &mut Collector, raw: &[Text]) -> Vec<Regex> {
    let mut found = Vec::new();
    for pattern in raw {
        match RegexBuilder::new(pattern).multi_line(true).build() {
            Ok(regex) => found.push(regex),
            Err(_) => {
                check.refuse(pattern, "wrong-value", "this is not a regular expression that can be used");
                check.help("look-around and back-references are not there, so that no pattern can take long");
            }
        }
    }
    found
}

impl Patterns {
    /// In the artifact's own file.
    pub(in crate::catalog) fn check_document(&self, rule: &Rule, document: &Document) -> Vec<Finding> {
        self.check(rule, &document.source)
    }

    pub(in crate::catalog) fn check(&self, rule: &Rule, source: &Source) -> Vec<Finding> {
        let mut findings = Vec::new();
        for pattern in &self.forbid {
            for found in pattern.find_iter(&source.text).take(MOST_WRONG + 1) {
                let message = format!("this is not allowed here (`{}`)", pattern.as_str().escape_debug());
                findings.push(rule.finding("catalog/forbidden-text", message).at(source.place(found.range())));
            }
        }
        for pattern in self.require.iter().filter(|pattern| !pattern.is_match(&source.text)) {
            let message = format!("nothing here is as it must be (`{}`)", pattern.as_str().escape_debug());
            let start = Place { file: source.file.clone(), line: 1, column: 1, end_column: None, source: None };
            findings.push(rule.finding("catalog/missing-text", message).at(start));
        }
        findings
    }
}
