//! Collects what is wrong in one configuration file, so that checking goes on after the first error.

use super::{
    near,
    source::Source,
    yaml::{Spanned, place_of},
};
use crate::domain::Finding;
use std::str::FromStr;

pub struct Collector<'a> {
    pub source: &'a Source,
    pub findings: Vec<Finding>,
}

impl<'a> Collector<'a> {
    pub fn new(source: &'a Source) -> Collector<'a> {
        Collector { source, findings: Vec::new() }
    }

    /// Something is wrong with this value. The code is `config/<what>`.
    pub fn refuse<T>(&mut self, at: &Spanned<T>, what: &str, message: impl Into<String>) {
        self.findings.push(Finding::error(format!("config/{what}"), message).at(place_of(self.source, at)));
    }

    /// Adds a help line to the newest finding.
    pub fn help(&mut self, help: impl Into<String>) {
        if let Some(finding) = self.findings.last_mut() {
            finding.help = Some(help.into());
        }
    }

    /// A text that must have a form of its own.
    pub fn parsed<T: FromStr<Err = String>>(&mut self, at: &Spanned<String>) -> Option<T> {
        self.kept(at, at.parse())
    }

    /// The value, or its refusal as a finding.
    pub fn kept<T, U>(&mut self, at: &Spanned<U>, result: Result<T, String>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(message) => {
                self.refuse(at, "wrong-value", message);
                None
            }
        }
    }

    /// One of a few words.
    pub fn word<T: Copy>(&mut self, at: &Spanned<String>, words: &[(&'static str, T)]) -> Option<T> {
        let found = words.iter().find(|(word, _)| *word == at.value);
        if found.is_none() {
            self.refuse(at, "unknown-word", format!("`{}` is not known here", at.escape_debug()));
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.help(near::help(at, &words));
        }
        found.map(|(_, value)| *value)
    }
}
