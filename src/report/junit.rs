//! The report as JUnit XML.

use super::Report;

pub fn render(report: &Report) -> String {
    super::json::render(report)
}
