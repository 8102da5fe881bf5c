//! The report for GitHub Actions.

use super::Report;

pub fn render(report: &Report) -> String {
    super::json::render(report)
}
