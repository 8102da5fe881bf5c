//! The report as JUnit XML: gates, steps and checks as test cases.
//!
//! A failed gate is a `failure`, an inconclusive one an `error`. An advisory or waived gate that did not pass is `skipped`
//! with the reason, since it neither blocks nor passes. Where no case shows why the answer is a stop, a case named
//! `decision` does, so that a stop is never green.

use super::{
    Body, Report,
    safe::visible,
    shape::{Check, DocsShape, GateShape, RejudgeVerdict, Rejudged, RunShape, Step},
};
use crate::domain::{Finding, Outcome, Reason, Severity};
use std::{collections::BTreeMap, fmt::Write as _};

pub fn render(report: &Report) -> String {
    let suites = suites(report);
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    let all: Vec<&Case> = suites.iter().flat_map(|suite| &suite.cases).collect();
    open(&mut xml, "<testsuites name=\"tagwarden\"", &all);
    for suite in &suites {
        let cases: Vec<&Case> = suite.cases.iter().collect();
        open(&mut xml, &format!("  <testsuite name=\"{}\"", escape(&suite.name)), &cases);
        properties(&mut xml, report);
        for case in cases {
            write_case(&mut xml, case);
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    // Character references are the same to an XML reader, and nothing to a CI runner.
    xml.replace("##[", "##&#91;").replace("\n::", "\n&#58;:")
}

struct Suite {
    name: String,
    cases: Vec<Case>,
}

struct Case {
    class: String,
    name: String,
    millis: u64,
    state: State,
    /// What it found, line by line.
    text: String,
}

#[derive(PartialEq)]
enum State {
    Passed,
    Failed { message: String, code: Reason },
    Unknown { message: String, code: Reason },
    Skipped { message: String },
}

fn suites(report: &Report) -> Vec<Suite> {
    let mut suites = match &report.body {
        Body::Run(run) => vec![gates(run, &format!("gates for {}", run.channel))],
        Body::Move(shape) => {
            let sides = [(&shape.run, "before"), (&shape.after, "after")];
            let runs = sides.into_iter().filter_map(|(run, side)| Some((run.as_ref()?, side)));
            runs.map(|(run, side)| gates(run, &format!("gates {side} {} on {}", shape.verb, shape.channel))).collect()
        }
        Body::Rehearsal(shape) => vec![Suite { name: "rehearsal".into(), cases: shape.steps.iter().map(step).collect() }],
        Body::Doctor(shape) => vec![Suite { name: "doctor".into(), cases: shape.checks.iter().map(check).collect() }],
        Body::Audit(shape) => vec![Suite { name: "judged again".into(), cases: shape.rejudged.iter().map(rejudged).collect() }],
        Body::Status(shape) => {
            let cases = shape.channels.iter().map(|channel| found("status", channel.channel.as_str(), &channel.drift, report.reason));
            vec![Suite { name: "channels".into(), cases: cases.collect() }]
        }
        Body::Docs(shape) => vec![Suite { name: "documents".into(), cases: documents(shape, report) }],
        Body::Catalog(_) => vec![Suite { name: "artifacts".into(), cases: artifacts(report) }],
        _ => Vec::new(),
    };
    suites.retain(|suite| !suite.cases.is_empty());
    let red = suites.iter().flat_map(|suite| &suite.cases).any(Case::is_red);
    let told = |finding: &Finding| match (&report.body, &finding.place) {
        (Body::Docs(shape), Some(place)) => shape.documents.contains(&place.file),
        (Body::Catalog(_), place) => place.is_some(),
        _ => false,
    };
    let errors = report.findings.iter().any(|finding| finding.severity == Severity::Error && !told(finding));
    if suites.is_empty() || errors || (report.exit_code() != 0 && !red) {
        suites.push(Suite { name: "tagwarden".into(), cases: vec![decision(report)] });
    }
    suites
}

fn gates(run: &RunShape, name: &str) -> Suite {
    Suite { name: name.to_owned(), cases: run.gates.iter().map(gate).collect() }
}

fn gate(gate: &GateShape) -> Case {
    let first = gate.findings.first().map_or_else(|| gate.reason_code.about().to_owned(), |finding| finding.message.clone());
    let waived = gate.waiver.as_ref().map(|waiver| format!("waived until {} by {} (entry {})", waiver.until, waiver.by, waiver.serial));
    let excuse = if gate.is_advisory() { Some("advisory".to_owned()) } else { waived };
    let state = match (gate.outcome, excuse) {
        (Outcome::Passed, _) => State::Passed,
        (Outcome::Skipped, _) => State::Skipped { message: "not run: an earlier gate halted the run".into() },
        (outcome, Some(excuse)) => State::Skipped { message: format!("{outcome}, {excuse}: {first}") },
        (Outcome::Failed, None) => State::Failed { message: first, code: gate.reason_code },
        (Outcome::Inconclusive, None) => State::Unknown { message: first, code: gate.reason_code },
    };
    Case {
        class: format!("gates.{}", gate.kind),
        name: format!("{:02} {}: {}", gate.number, gate.id, gate.title),
        millis: gate.duration_ms.unwrap_or(0),
        state,
        text: lines(&gate.findings),
    }
}

fn step(step: &Step) -> Case {
    outcome_case("rehearsal", &step.name, step.outcome, step.detail.as_deref(), step.duration_ms, Reason::DrillFailed)
}

fn check(check: &Check) -> Case {
    let outcome = if check.fixed { Outcome::Passed } else { check.outcome };
    outcome_case("doctor", &check.name, outcome, check.detail.as_deref(), None, Reason::Findings)
}

fn rejudged(again: &Rejudged) -> Case {
    let outcome = match again.verdict {
        RejudgeVerdict::Same => Outcome::Passed,
        RejudgeVerdict::Differs => Outcome::Failed,
        RejudgeVerdict::CannotRejudge => Outcome::Skipped,
    };
    outcome_case("audit", &format!("entry {} {}", again.serial, again.gate), outcome, again.detail.as_deref(), None, Reason::Findings)
}

fn outcome_case(class: &str, name: &str, outcome: Outcome, detail: Option<&str>, millis: Option<u64>, code: Reason) -> Case {
    let message = detail.unwrap_or(outcome.slug()).to_owned();
    let state = match outcome {
        Outcome::Passed => State::Passed,
        Outcome::Failed => State::Failed { message, code },
        Outcome::Inconclusive => State::Unknown { message, code },
        Outcome::Skipped => State::Skipped { message },
    };
    Case { class: class.to_owned(), name: name.to_owned(), millis: millis.unwrap_or(0), state, text: String::new() }
}

fn found(class: &str, name: &str, findings: &[Finding], code: Reason) -> Case {
    let error = findings.iter().find(|finding| finding.severity == Severity::Error);
    let state = error.map_or(State::Passed, |finding| State::Failed { message: finding.message.clone(), code });
    Case { class: class.to_owned(), name: name.to_owned(), millis: 0, state, text: lines(findings) }
}

/// A case for each document, with the findings in it.
fn documents(shape: &DocsShape, report: &Report) -> Vec<Case> {
    let mut by_file: BTreeMap<&str, Vec<Finding>> = BTreeMap::new();
    for finding in &report.findings {
        if let Some(place) = &finding.place {
            by_file.entry(&place.file).or_default().push(finding.clone());
        }
    }
    let findings = |file: &String| by_file.get(file.as_str()).map(Vec::as_slice).unwrap_or_default();
    shape.documents.iter().map(|file| found("documents", file, findings(file), Reason::Findings)).collect()
}

/// A case for each file with findings. There may be very many without.
fn artifacts(report: &Report) -> Vec<Case> {
    let mut by_file: BTreeMap<&str, Vec<Finding>> = BTreeMap::new();
    for finding in &report.findings {
        if let Some(place) = &finding.place {
            by_file.entry(&place.file).or_default().push(finding.clone());
        }
    }
    by_file.into_iter().map(|(file, findings)| found("artifacts", file, &findings, Reason::Findings)).collect()
}

fn decision(report: &Report) -> Case {
    let message = match &report.body {
        Body::Error(shape) => shape.message.clone(),
        _ => report.reason.about().to_owned(),
    };
    let code = report.reason;
    let state = match code.exit_code() {
        0 => State::Passed,
        3 => State::Unknown { message, code },
        _ => State::Failed { message, code },
    };
    let text = format!("{}{}\n", lines(&report.findings), report.next_step());
    Case { class: "tagwarden".into(), name: "decision".into(), millis: 0, state, text }
}

impl Case {
    fn is_red(&self) -> bool {
        matches!(self.state, State::Failed { .. } | State::Unknown { .. })
    }
}

fn lines(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}: {}", visible(&finding.code), visible(&finding.message));
        if let Some(place) = &finding.place {
            let _ = writeln!(text, "  at {}:{}:{}", visible(&place.file), place.line, place.column);
        }
        if let Some(help) = &finding.help {
            let _ = writeln!(text, "  help: {}", visible(help));
        }
    }
    text
}

fn open(xml: &mut String, tag: &str, cases: &[&Case]) {
    let count = |wanted: fn(&State) -> bool| cases.iter().filter(|case| wanted(&case.state)).count();
    let (failures, errors) = (count(|s| matches!(s, State::Failed { .. })), count(|s| matches!(s, State::Unknown { .. })));
    let skipped = count(|s| matches!(s, State::Skipped { .. }));
    let time = seconds(cases.iter().map(|case| case.millis).sum());
    let _ =
        writeln!(xml, "{tag} tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" time=\"{time}\">", cases.len());
}

fn properties(xml: &mut String, report: &Report) {
    let decision = super::word(report.decision());
    let mut facts = vec![("decision", decision.to_owned()), ("reason_code", report.reason.to_string())];
    facts.extend(report.signing.map(|signing| ("signing", signing.slug().to_owned())));
    xml.push_str("    <properties>\n");
    for (name, value) in facts {
        let _ = writeln!(xml, "      <property name=\"{name}\" value=\"{}\"/>", escape(&value));
    }
    xml.push_str("    </properties>\n");
}

fn write_case(xml: &mut String, case: &Case) {
    let head = format!(
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{}\"",
        escape(&visible(&case.class)),
        escape(&visible(&case.name)),
        seconds(case.millis)
    );
    let text = escape(&case.text);
    let body = match &case.state {
        State::Passed if text.is_empty() => {
            let _ = writeln!(xml, "{head}/>");
            return;
        }
        State::Passed => format!("      <system-out>{text}</system-out>\n"),
        State::Failed { message, code } => {
            format!("      <failure type=\"{code}\" message=\"{}\">{text}</failure>\n", escape(&visible(message)))
        }
        State::Unknown { message, code } => {
            format!("      <error type=\"{code}\" message=\"{}\">{text}</error>\n", escape(&visible(message)))
        }
        State::Skipped { message } => {
            let out = if text.is_empty() { String::new() } else { format!("      <system-out>{text}</system-out>\n") };
            format!("      <skipped message=\"{}\"/>\n{out}", escape(&visible(message)))
        }
    };
    let _ = write!(xml, "{head}>\n{body}    </testcase>\n");
}

/// XML text or attribute value. What XML 1.0 cannot hold is replaced.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\n' => escaped.push('\n'),
            _ if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push(char::REPLACEMENT_CHARACTER),
            _ => escaped.push(c),
        }
    }
    escaped
}

fn seconds(millis: u64) -> String {
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn gates_are_cases() {
        insta::assert_snapshot!(render(&sample::verify()), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="tagwarden" tests="5" failures="1" errors="0" skipped="3" time="63.582">
          <testsuite name="gates for production" tests="5" failures="1" errors="0" skipped="3" time="63.582">
            <properties>
              <property name="decision" value="stop"/>
              <property name="reason_code" value="gate_failed"/>
              <property name="signing" value="none"/>
            </properties>
            <testcase classname="gates.http" name="01 env: The env gate" time="0.041"/>
            <testcase classname="gates.http" name="02 window: The window gate" time="0.041">
              <skipped message="failed, waived until 2026-11-21T10:00:00Z by ssh:lead@example.com (entry 7): A required gate failed."/>
            </testcase>
            <testcase classname="gates.http" name="03 advice: The advice gate" time="2.500">
              <skipped message="inconclusive, advisory: A fact that a required gate needs could not be had."/>
            </testcase>
            <testcase classname="gates.http" name="04 health: The health gate" time="61.000">
              <failure type="gate_failed" message="the status was 500, expected 200">http/status: the status was 500, expected 200
          at gates/20-health.yaml:3:11
          help: look at the service&apos;s log
        </failure>
            </testcase>
            <testcase classname="gates.http" name="05 docs: The docs gate" time="0.000">
              <skipped message="not run: an earlier gate halted the run"/>
            </testcase>
          </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn a_stop_is_never_green() {
        for report in [
            sample::lost_race(),
            sample::refused(),
            sample::audit(),
            sample::status(),
            sample::rehearsal(),
            sample::doctor(),
            sample::hostile(),
        ] {
            let xml = render(&report);
            assert!(xml.contains("<failure ") || xml.contains("<error "), "{xml}");
        }
        for report in
            [sample::passed(), sample::moved(), sample::dry_run(), sample::history(), sample::resolve(), sample::init(), sample::entry()]
        {
            let xml = render(&report);
            assert!(xml.contains("<testcase ") && !xml.contains("<failure ") && !xml.contains("<error "), "{xml}");
        }
        insta::assert_snapshot!(render(&sample::refused()), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="tagwarden" tests="1" failures="1" errors="0" skipped="0" time="0.000">
          <testsuite name="tagwarden" tests="1" failures="1" errors="0" skipped="0" time="0.000">
            <properties>
              <property name="decision" value="stop"/>
              <property name="reason_code" value="held"/>
            </properties>
            <testcase classname="tagwarden" name="decision" time="0.000">
              <failure type="held" message="production is held">http/status: the status was 500, expected 200
          at gates/20-health.yaml:3:11
          help: look at the service&apos;s log
        `tagwarden status` shows the hold; `tagwarden unhold` lifts it.
        </failure>
            </testcase>
          </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn hostile_text_stays_text() {
        let xml = render(&sample::hostile());
        insta::assert_snapshot!(xml, @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="tagwarden" tests="1" failures="1" errors="0" skipped="0" time="0.041">
          <testsuite name="gates for production" tests="1" failures="1" errors="0" skipped="0" time="0.041">
            <properties>
              <property name="decision" value="stop"/>
              <property name="reason_code" value="gate_failed"/>
              <property name="signing" value="none"/>
            </properties>
            <testcase classname="gates.http" name="01 body: x\u{1b}[2J\n::error::owned\n##&#91;command]rm ]]&gt; &lt;/failure&gt; &amp; \u{202e}@octocat https://evil.example ```\n- [x](y) &lt;b&gt;#1 \u{0}" time="0.041">
              <failure type="gate_failed" message="x\u{1b}[2J\n::error::owned\n##&#91;command]rm ]]&gt; &lt;/failure&gt; &amp; \u{202e}@octocat https://evil.example ```\n- [x](y) &lt;b&gt;#1 \u{0}">http/body: x\u{1b}[2J\n::error::owned\n##&#91;command]rm ]]&gt; &lt;/failure&gt; &amp; \u{202e}@octocat https://evil.example ```\n- [x](y) &lt;b&gt;#1 \u{0}
          at x\u{1b}[2J\n::error::owned\n##&#91;command]rm ]]&gt; &lt;/failure&gt; &amp; \u{202e}@octocat https://evil.example ```\n- [x](y) &lt;b&gt;#1 \u{0}:1:8
          help: x\u{1b}[2J\n::error::owned\n##&#91;command]rm ]]&gt; &lt;/failure&gt; &amp; \u{202e}@octocat https://evil.example ```\n- [x](y) &lt;b&gt;#1 \u{0}
        </failure>
            </testcase>
          </testsuite>
        </testsuites>
        "#);
        assert!(!xml.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{xml:?}");
        assert_eq!(escape("\u{0}\u{ffff}<&>\"'"), "\u{fffd}\u{fffd}&lt;&amp;&gt;&quot;&apos;");
    }
}
