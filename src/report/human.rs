//! The report for people.

use super::Report;

/// The choices of the person who reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    pub color: bool,
    /// How often `-v` was given.
    pub verbose: u8,
    pub quiet: bool,
}

pub fn render(report: &Report, _style: Style) -> String {
    super::json::render(report)
}
