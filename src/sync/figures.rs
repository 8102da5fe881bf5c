//! What a controller has done so far, in the text format of Prometheus.
//!
//! Deliberately absent: names of releases and commits, which would make a series each.

use super::condition::{self, Condition, Status};
use crate::domain::{Reason, Timestamp};
use std::{collections::BTreeMap, fmt::Write};

#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Whether this controller leads.
    pub leads: bool,
    pub conditions: Vec<Condition>,
    /// What readers see: the serial of its entry, and since when.
    pub live: Option<(u64, Timestamp)>,
    /// Live rows by kind.
    pub counts: BTreeMap<String, u64>,
    pub rounds: BTreeMap<Reason, u64>,
    /// In a row, until now.
    pub failures: u32,
    /// Rows that were written.
    pub written: u64,
    /// Messages that were taken, and those that were not signed.
    pub woken: u64,
    pub unsigned: u64,
    /// When the last round ended, and the last that did not fail.
    pub last: Option<Timestamp>,
    pub last_good: Option<Timestamp>,
    /// How long the last one took.
    pub millis: u64,
}

impl Figures {
    pub fn render(&self) -> String {
        let mut page = Page::default();
        page.gauge("leads", "1 where this controller leads, 0 where it stands by", [(String::new(), u64::from(self.leads))]);
        let of = |name: &str| self.conditions.iter().find(|condition| condition.name == name);
        for name in ["Ready", "Published"] {
            let holds = of(name).is_some_and(|condition| condition.status == Status::True);
            page.gauge(&name.to_lowercase(), &format!("1 where the condition {name} is True"), [(String::new(), u64::from(holds))]);
        }
        let reasons = condition::REASONS.iter().map(|condition::Known { name, reason, .. }| {
            let is_now = of(name).is_some_and(|condition| condition.reason == *reason);
            (format!("{{type=\"{name}\",reason=\"{reason}\"}}"), u64::from(is_now))
        });
        page.gauge("condition", "1 for the present reason of a condition", reasons);
        let rows = self.counts.iter().map(|(kind, count)| (format!("{{kind=\"{kind}\"}}"), *count));
        page.gauge("live_rows", "rows that readers see", rows);
        page.gauge("live_serial", "the ledger's entry that readers see", self.live.map(|(serial, _)| (String::new(), serial)));
        page.gauge("live_since_seconds", "when readers came to see it", self.live.map(|(_, since)| (String::new(), seconds(since))));
        let rounds = self.rounds.iter().map(|(reason, count)| (format!("{{reason=\"{reason}\"}}"), *count));
        page.counter("rounds_total", "rounds by the reason that they ended with", rounds);
        page.gauge("failures", "rounds that failed one after the other", [(String::new(), u64::from(self.failures))]);
        page.counter("rows_written_total", "rows that were written", [(String::new(), self.written)]);
        let messages = [("{result=\"taken\"}".to_owned(), self.woken), ("{result=\"unsigned\"}".to_owned(), self.unsigned)];
        page.counter("messages_total", "messages that came to /hook", messages);
        page.gauge("last_round_seconds", "when the last round ended", self.last.map(|at| (String::new(), seconds(at))));
        page.gauge(
            "last_good_round_seconds",
            "when the last round ended that did not fail",
            self.last_good.map(|at| (String::new(), seconds(at))),
        );
        page.gauge("round_milliseconds", "how long the last round took", [(String::new(), self.millis)]);
        page.0
    }
}

fn seconds(at: Timestamp) -> u64 {
    u64::try_from(at.unix()).unwrap_or(0)
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn gauge(&mut self, name: &str, help: &str, series: impl IntoIterator<Item = (String, u64)>) {
        self.family("gauge", name, help, series);
    }

    fn counter(&mut self, name: &str, help: &str, series: impl IntoIterator<Item = (String, u64)>) {
        self.family("counter", name, help, series);
    }

    fn family(&mut self, kind: &str, name: &str, help: &str, series: impl IntoIterator<Item = (String, u64)>) {
        // Writing to a text cannot fail.
        let _ = writeln!(self.0, "# HELP tagwarden_sync_{name} {help}\n# TYPE tagwarden_sync_{name} {kind}");
        for (labels, value) in series {
            let _ = writeln!(self.0, "tagwarden_sync_{name}{labels} {value}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_comment_or_a_series() {
        let figures = Figures {
            leads: true,
            live: Some((7, Timestamp::from_unix(1_795_000_000))),
            counts: BTreeMap::from([("product".to_owned(), 3)]),
            rounds: BTreeMap::from([(Reason::Published, 2), (Reason::Unreachable, 1)]),
            ..Figures::default()
        };
        let page = figures.render();
        let line = regex::Regex::new(
            r#"^(# (HELP|TYPE) tagwarden_sync_[a-z_]+ .+|tagwarden_sync_[a-z_]+(\{[a-z]+="\w+"(,[a-z]+="\w+")*\})? \d+)$"#,
        )
        .unwrap();
        assert!(page.lines().all(|text| line.is_match(text)), "{page}");
        for said in [
            "tagwarden_sync_leads 1",
            "tagwarden_sync_ready 0",
            "tagwarden_sync_live_serial 7",
            "tagwarden_sync_live_since_seconds 1795000000",
            "tagwarden_sync_live_rows{kind=\"product\"} 3",
            "tagwarden_sync_rounds_total{reason=\"published\"} 2",
            "tagwarden_sync_condition{type=\"Published\",reason=\"Rejected\"} 0",
        ] {
            assert!(page.lines().any(|text| text == said), "{said} in {page}");
        }
    }
}
