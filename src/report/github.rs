//! The report for GitHub Actions.

use super::Report;

pub fn render(report: &Report) -> String {
    super::json::render(report)
}

pub fn summary(_report: &Report) -> String {
    String::new()
}

pub fn outputs(_report: &Report, _delimiter: &str) -> String {
    String::new()
}
