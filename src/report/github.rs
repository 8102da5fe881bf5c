//! The report for GitHub Actions: workflow commands on standard output, the step summary, and the step's outputs.
//!
//! The runner reads commands from whatever is printed, so foreign text is neutralised ([`neutral`], in Markdown
//! [`super::markdown`]). Neither `GITHUB_ENV` nor `GITHUB_PATH` is ever written.

use super::{
    Body, Report, Style, human,
    markdown::{fenced_within, inline},
    safe::{neutral, visible},
    shape::{GateShape, MoveOutputs},
};
use crate::domain::{Decision, Finding, Oid, Reason, Severity};
use std::{collections::BTreeSet, fmt::Write as _};

/// What a step summary may hold, in bytes; GitHub drops a larger one whole.
pub const SUMMARY_LIMIT: usize = 1024 * 1024;

/// Standard output: the report for people without colour, then one annotation for each error and warning, which the runner
/// prints as well, so that the text leaves them out. Notes are no annotations: a green run makes none.
pub fn render(report: &Report, style: Style) -> String {
    let mut text = neutral(&human::render(report, Style { color: false, annotated: true, ..style }));
    for annotation in annotations(report, style.quiet) {
        text.push_str(&annotation);
        text.push('\n');
    }
    text
}

fn annotations(report: &Report, quiet: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let shown = |severity: Severity| severity == Severity::Error || severity == Severity::Warning && !quiet;
    let mut seen = BTreeSet::new();
    for (gate, findings) in human::gate_findings(&report.body) {
        // A gate that does not stop the run is worth a warning at most.
        let most = if gate.blocks() { Severity::Error } else { Severity::Warning };
        for finding in findings.iter().filter(|finding| shown(finding.severity.max(most))) {
            if seen.insert(human::problem(finding)) {
                lines.push(annotation(finding, finding.severity.max(most)));
            }
        }
        if gate.blocks() && findings.is_empty() && gate.outcome != crate::domain::Outcome::Skipped {
            lines.push(command("error", &[("title", gate.reason_code.slug())], &format!("gate {}: {}", gate.id, gate.reason_code.about())));
        }
    }
    let own = human::most_urgent(human::body_findings(&report.body).into_iter().chain(&report.findings).collect());
    let own = own.into_iter().take(human::MOST_DRAWN).filter(|finding| shown(finding.severity));
    lines.extend(own.map(|finding| annotation(finding, finding.severity)));
    let said = match &report.body {
        Body::Error(shape) => report.findings.iter().any(|finding| human::says(finding, &shape.message)),
        _ => !lines.is_empty(),
    };
    if report.decision() == Decision::Stop && !said {
        let message = match &report.body {
            Body::Error(shape) => shape.message.as_str(),
            _ => report.reason.about(),
        };
        lines.insert(
            0,
            command("error", &[("title", report.reason.slug())], &format!("{}\n{}", visible(message), visible(&report.next_step()))),
        );
    }
    lines
}

fn annotation(finding: &Finding, severity: Severity) -> String {
    let name = match severity {
        Severity::Error => "error",
        Severity::Warning | Severity::Note => "warning",
    };
    let mut properties = Vec::new();
    if let Some(place) = &finding.place {
        properties.push(("file", visible(&place.file).into_owned()));
        properties.push(("line", place.line.to_string()));
        properties.push(("col", place.column.to_string()));
        // GitHub counts the last marked column, we count one past it.
        properties.extend(place.end_column.map(|end| ("endColumn", end.saturating_sub(1).max(place.column).to_string())));
    }
    properties.push(("title", visible(&finding.code).into_owned()));
    let properties: Vec<(&str, &str)> = properties.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let help = finding.help.as_ref().map(|help| format!("\nhelp: {}", visible(help))).unwrap_or_default();
    command(name, &properties, &format!("{}{help}", visible(&finding.message)))
}

fn command(name: &str, properties: &[(&str, &str)], message: &str) -> String {
    let escape = |text: &str| text.replace("##[", "## [").replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |(name, value): &(&str, &str)| format!("{name}={}", escape(value).replace(':', "%3A").replace(',', "%2C"));
    let properties: Vec<String> = properties.iter().map(property).collect();
    format!("::{name} {}::{}", properties.join(","), escape(message))
}

/// Markdown for the step summary, at most `room` bytes: what moved with who and why, the way of the promotion, a table of the gates
/// with their evidence, and the report for people in a fence. Empty where there is no room for the head.
pub fn summary(report: &Report, links: &Links, room: usize) -> String {
    let decision = super::word(report.decision());
    let mut text = format!("### tagwarden: {decision} (`{}`)\n\n", report.reason);
    facts(report, links, &mut text);
    if let Body::Move(shape) = &report.body {
        text.push_str(&super::mermaid::way(shape));
    }
    let gates = human::gate_findings(&report.body);
    if !gates.is_empty() {
        text.push_str("| gate | title | outcome | reason | evidence |\n|---|---|---|---|---|\n");
        for (gate, _) in &gates {
            let GateShape { number, id, title, outcome, reason_code, evidence, .. } = gate;
            let evidence = evidence.as_ref().map(|digest| format!("`sha256:{}`", &digest.hex()[..12])).unwrap_or_default();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "| {number} `{id}` | {} | {outcome} | `{reason_code}` | {evidence} |", inline(title));
        }
        text.push('\n');
    }
    let body = fenced_within(&human::render(report, Style::default()), room.saturating_sub(text.len()));
    if body.is_empty() { body } else { text + &body }
}

/// Where GitHub shows a repository and a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    repository: Option<String>,
    run: Option<String>,
}

impl Links {
    /// From what GitHub tells a step. A value of another form than GitHub's makes no link.
    pub fn of(server: &str, repository: &str, run: &str) -> Links {
        let plain = |text: &str, more: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c));
        let host = server.strip_prefix("https://").or_else(|| server.strip_prefix("http://")).map(|host| host.trim_end_matches('/'));
        let (owner, name) = repository.split_once('/').unwrap_or_default();
        if !host.is_some_and(|host| plain(host, ".-:")) || !plain(owner, "-_.") || !plain(name, "-_.") {
            return Links::default();
        }
        let repository = format!("{}/{owner}/{name}", server.trim_end_matches('/'));
        let is_number = !run.is_empty() && run.chars().all(|c| c.is_ascii_digit());
        Links { run: is_number.then(|| format!("{repository}/actions/runs/{run}")), repository: Some(repository) }
    }

    fn commit(&self, oid: &Oid) -> String {
        let code = format!("`{}`", oid.short());
        self.repository.as_ref().map_or_else(|| code.clone(), |at| format!("[{code}]({at}/commit/{oid})"))
    }
}

/// What is about whom, who asked, why, and where it is written.
fn facts(report: &Report, links: &Links, text: &mut String) {
    let mut lines: Vec<String> = Vec::new();
    let asked = match &report.body {
        Body::Move(shape) => Some((shape.verb, &shape.actor, shape.reason.as_ref())),
        Body::Entry(shape) => Some((shape.action, &shape.actor, shape.reason.as_ref())),
        _ => None,
    };
    let releases = report.body.release().map(|release| format!(" {}", inline(&release))).unwrap_or_default();
    if let Some((verb, actor, reason)) = asked {
        let channel = report.body.channel().map(|channel| format!(" → **{}**", inline(channel.as_str()))).unwrap_or_default();
        lines.push(format!("{verb}{releases}{channel}"));
        lines.push(format!("asked by {} ({})", inline(&clipped(&actor.name)), inline(&clipped(&actor.id))));
        lines.extend(reason.map(|reason| format!("because: {}", inline(&clipped(reason)))));
    }
    let About { commit, ledger } = about(report);
    lines.extend(commit.map(|oid| format!("commit {}", links.commit(&oid))));
    lines.extend(ledger.map(|(serial, entry)| format!("ledger entry {serial} {}", links.commit(&entry))));
    lines.extend(links.run.as_ref().map(|run| format!("[this run]({run})")));
    for line in &lines {
        let _ = writeln!(text, "- {line}");
    }
    if !lines.is_empty() {
        text.push('\n');
    }
}

/// Some characters of a text that others made as long as they liked; the report below has it whole.
fn clipped(text: &str) -> String {
    const MOST: usize = 500;
    text.char_indices().nth(MOST).map_or_else(|| text.to_owned(), |(end, _)| format!("{}…", &text[..end]))
}

/// Lines for the step's output file, each value between the delimiter, which the caller draws at random. `file`: where the answer is
/// as JSON. `None`: a value contains the delimiter; draw another.
pub fn outputs(report: &Report, file: Option<&str>, delimiter: &str) -> Option<String> {
    let mut text = String::new();
    for (name, value) in values(report, file) {
        let value = visible(&value);
        if value.contains(delimiter) {
            return None;
        }
        let _ = writeln!(text, "{name}<<{delimiter}\n{value}\n{delimiter}");
    }
    Some(text)
}

/// The commit that an answer is about, and the entry of the ledger that it wrote or read.
struct About {
    commit: Option<Oid>,
    ledger: Option<(u64, Oid)>,
}

fn about(report: &Report) -> About {
    let (commit, ledger) = match &report.body {
        Body::Run(shape) => (shape.commit.clone(), None),
        Body::Move(shape) => (shape.outputs.commit.clone(), shape.ledger.clone().map(|at| (at.serial, at.entry))),
        Body::Channel(shape) => (shape.commit.clone(), None),
        Body::Resolve(shape) => (Some(shape.commit.clone()), Some((shape.ledger.serial, shape.ledger.entry.clone()))),
        Body::Entry(shape) => (shape.commit.clone(), Some((shape.serial, shape.entry.clone()))),
        Body::Policy(shape) => (None, Some((shape.ledger.serial, shape.ledger.entry.clone()))),
        Body::Status(shape) => (None, shape.ledger.clone().map(|at| (at.serial, at.entry))),
        _ => (None, None),
    };
    About { commit, ledger }
}

/// The outputs of a step. All are always there; what this answer does not know is empty.
fn values(report: &Report, file: Option<&str>) -> Vec<(&'static str, String)> {
    let About { commit, ledger } = about(report);
    let made = match &report.body {
        Body::Move(shape) => shape.outputs.clone(),
        _ => MoveOutputs::default(),
    };
    let moved = match report.reason {
        Reason::OutcomeUnknown => String::new(),
        _ => made.moved.to_string(),
    };
    let result = match &report.body {
        Body::Error(shape) => shape.message.clone(),
        _ => report.reason.about().to_owned(),
    };
    vec![
        ("decision", super::word(report.decision()).to_owned()),
        ("reason_code", report.reason.to_string()),
        ("exit_code", report.exit_code().to_string()),
        ("result", result),
        ("channel", report.body.channel().map(ToString::to_string).unwrap_or_default()),
        ("release", report.body.release().unwrap_or_default()),
        ("commit", commit.map(|oid| oid.to_string()).unwrap_or_default()),
        ("previous_commit", made.previous_commit.map(|oid| oid.to_string()).unwrap_or_default()),
        ("tag", made.tag.unwrap_or_default()),
        ("from", made.from.unwrap_or_default()),
        ("to", made.to.unwrap_or_default()),
        ("version", made.version.unwrap_or_default()),
        ("moved", moved),
        ("serial", ledger.as_ref().map(|(serial, _)| serial.to_string()).unwrap_or_default()),
        ("entry", ledger.map(|(_, entry)| entry.to_string()).unwrap_or_default()),
        ("signing", report.signing.map(|signing| signing.slug().to_owned()).unwrap_or_default()),
        ("report", file.unwrap_or_default().to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::Outcome, report::sample};

    #[test]
    fn annotations_name_the_place() {
        insta::assert_snapshot!(annotations(&sample::verify(), false).join("\n"), @"::error file=gates/20-health.yaml,line=3,col=11,endColumn=28,title=http/status::the status was 500, expected 200%0Ahelp: look at the service's log");
        insta::assert_snapshot!(annotations(&sample::refused(), false).join("\n"), @r"
        ::error title=held::production is held%0A`tagwarden status` shows the hold; `tagwarden unhold` lifts it.
        ::error file=gates/20-health.yaml,line=3,col=11,endColumn=28,title=http/status::the status was 500, expected 200%0Ahelp: look at the service's log
        ");
        insta::assert_snapshot!(annotations(&sample::lost_race(), false).join("\n"), @"::error title=stale_pointer::Somebody else moved first; nothing was moved.%0ALook at `tagwarden status`, then run again.");
        insta::assert_snapshot!(annotations(&sample::status(), false).join("\n"), @"::error title=ledger/tag-drift::refs/tags/channel/staging was moved by hand%0Ahelp: `tagwarden doctor --fix` moves it back");
        assert!(annotations(&sample::moved(), false).is_empty());
    }

    #[test]
    fn what_blocks_nothing_is_a_warning_at_most() {
        let Body::Run(mut run) = sample::verify().body else { panic!("a run") };
        run.gates = vec![GateShape { on_fail: "document", findings: vec![sample::placed()], ..sample::gate(1, "advice", Outcome::Failed) }];
        let report = Report::new(crate::domain::Reason::Passed, Body::Run(run));
        assert!(annotations(&report, false).iter().all(|line| line.starts_with("::warning ")), "{:?}", annotations(&report, false));
    }

    #[test]
    fn printed_foreign_text_is_no_command() {
        let text = render(&sample::hostile(), Style::default());
        insta::assert_snapshot!(text, @r"
        verify commit cccccccccc for production by policy bbbbbbbbbb
          ✗   1  body  x\u{1b}[2J\n::error::owned\n## [command]rm ]]> </failure> & \u{202e}@octocat https://evil.example ```\n- [x](y) <b>#1 \u{0}  41 ms  gate_failed  owner x\u{1b}[2J\n::error::owned\n## [command]rm ]]> </failure> & \u{202e}@octocat https://evil.example ```\n- [x](y) <b>#1 \u{0}
        note: x\u{1b}[2J\n::error::owned\n## [command]rm ]]> </failure> & \u{202e}@octocat https://evil.example ```\n- [x](y) <b>#1 \u{0}
        signing: none

        stop (gate_failed). Read the finding, mend its cause, run `tagwarden verify --channel production --at COMMIT`.
        ::error file=x\u{1b}[2J\n%3A%3Aerror%3A%3Aowned\n## [command]rm ]]> </failure> & \u{202e}@octocat https%3A//evil.example ```\n- [x](y) <b>#1 \u{0},line=1,col=8,endColumn=11,title=http/body::x\u{1b}[2J\n::error::owned\n## [command]rm ]]> </failure> & \u{202e}@octocat https://evil.example ```\n- [x](y) <b>#1 \u{0}%0Ahelp: x\u{1b}[2J\n::error::owned\n## [command]rm ]]> </failure> & \u{202e}@octocat https://evil.example ```\n- [x](y) <b>#1 \u{0}
        ");
        for line in text.lines() {
            let line = line.trim_start();
            assert!(!line.contains("##["), "{line}");
            assert!(!line.starts_with("::") || line.starts_with("::error file="), "{line}");
        }
    }

    #[test]
    fn the_summary_fences_what_is_foreign() {
        insta::assert_snapshot!(summary(&sample::hostile(), &Links::default(), SUMMARY_LIMIT), @r"
        ### tagwarden: stop (`gate_failed`)

        - commit `cccccccccc`

        | gate | title | outcome | reason | evidence |
        |---|---|---|---|---|
        | 1 `body` | x\\u\{1b\}\[2J\\n:&#8203;:&#8203;error:&#8203;:&#8203;owned\\n#&#8203;#&#8203;\[command\]rm \]\]&gt; &lt;/failure&gt; &amp; \\u\{202e\}@&#8203;octocat https:&#8203;//evil&#8203;.example \`\`\`\\n-&#8203; \[x\]\(y\) &lt;b&gt;#&#8203;1 \\u\{0\} | failed | `gate_failed` | `sha256:230d8358dc8e` |

        ````text
        verify commit cccccccccc for production by policy bbbbbbbbbb
          ✗   1  body  x\u{1b}[2J\n::error::owned\n## [command]rm ]]> </failure> & \u{202e}@octocat https://evil.example ```\n- [x](y) <b>#1 \u{0}  41 ms  gate_failed  owner x\u{1b}[2J\n::error::owned\n## [command]rm ]]> </failure> & \u{202e}@octocat https://evil.example ```\n- [x](y) <b>#1 \u{0}

        gate 1, body: gate_failed
        error[http/body]: x\u{1b}[2J\n::error::owned\n## [command]rm ]]> </failure> & \u{202e}@octocat https://evil.example ```\n- [x](y) <b>#1 \u{0}
         --> x\u{1b}[2J\n::error::owned\n## [command]rm ]]> </failure> & \u{202e}@octocat https://evil.example ```\n- [x](y) <b>#1 \u{0}:1:8
          |
        1 | a␛[31m�b: x
          |        ^^^^
          |
          = help: x\u{1b}[2J\n::error::owned\n## [command]rm ]]> </failure> & \u{202e}@octocat https://evil.example ```\n- [x](y) <b>#1 \u{0}
        note: x\u{1b}[2J\n::error::owned\n## [command]rm ]]> </failure> & \u{202e}@octocat https://evil.example ```\n- [x](y) <b>#1 \u{0}
        signing: none

        stop (gate_failed). Read the finding, mend its cause, run `tagwarden verify --channel production --at COMMIT`.
        ````
        ");
    }

    #[test]
    fn the_summary_of_a_move_says_who_why_and_where() {
        let links = Links::of("https://github.example.com", "example/app", "42");
        insta::assert_snapshot!(summary(&sample::moved(), &links, SUMMARY_LIMIT), @r#"
        ### tagwarden: done (`moved`)

        - promote web@&#8203;1&#8203;.4&#8203;.0 → **production**
        - asked by Release (ssh:&#8203;release@&#8203;example&#8203;.com)
        - because: the fix for logins
        - commit [`cccccccccc`](https://github.example.com/example/app/commit/cccccccccccccccccccccccccccccccccccccccc)
        - ledger entry 12 [`eeeeeeeeee`](https://github.example.com/example/app/commit/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee)
        - [this run](https://github.example.com/example/app/actions/runs/42)

        ```mermaid
        flowchart LR
            c0["staging<br/>web#64;1.4.0"]
            c1["production<br/>web#64;1.3.0 → web#64;1.4.0"]
            c2["demo<br/>nothing"]
            c0 --> c1
            style c1 stroke-width:4px
        ```

        | gate | title | outcome | reason | evidence |
        |---|---|---|---|---|
        | 1 `env` | The env gate | passed | `passed` | `sha256:b77349bf1fa9` |

        ```text
        promote web@1.4.0 to production
          refs/tags/channel/production  none -> aaaaaaaaaa  commit cccccccccc
          ledger entry 12 (eeeeeeeeee) on tagwarden/ledger

        gates before the move
          ✓   1  env  The env gate  41 ms

        done (moved). See it: `tagwarden status`.
        ```
        "#);
        let mut foreign = sample::moved();
        let Body::Move(shape) = &mut foreign.body else { panic!("a move") };
        shape.actor.name = sample::HOSTILE.to_owned();
        shape.reason = Some(sample::HOSTILE.repeat(100));
        let text = summary(&foreign, &Links::default(), SUMMARY_LIMIT);
        let line = text.lines().find(|line| line.starts_with("- because: ")).unwrap();
        assert!(line.len() < 4000 && line.contains("&lt;/failure&gt;") && !line.contains("@octocat"), "{line}");
        assert!(!text.contains("](http"), "{text}");
    }

    #[test]
    fn only_what_github_says_makes_links() {
        let of = |server, repository, run| Links::of(server, repository, run).run;
        assert_eq!(of("https://github.com", "example/app", "42").as_deref(), Some("https://github.com/example/app/actions/runs/42"));
        assert_eq!(of("http://127.0.0.1:80/", "example/app", "42").as_deref(), Some("http://127.0.0.1:80/example/app/actions/runs/42"));
        for (server, repository, run) in [
            ("https://github.com", "example/app", "42)[x](y"),
            ("https://github.com", "example/app", ""),
            ("https://github.com/x)", "example/app", "42"),
            ("javascript:alert", "example/app", "42"),
            ("https://", "example/app", "42"),
            ("https://github.com", "example/app/more", "42"),
            ("https://github.com", "example", "42"),
            ("https://github.com", "<b>/app", "42"),
        ] {
            assert_eq!(of(server, repository, run), None, "{server} {repository} {run}");
        }
    }

    #[test]
    fn the_summary_keeps_to_its_room() {
        let mut report = sample::verify();
        report.notices = vec!["n".repeat(1000); 3000];
        let text = summary(&report, &Links::default(), SUMMARY_LIMIT);
        assert!(text.len() <= SUMMARY_LIMIT && text.len() > SUMMARY_LIMIT - 2000, "{}", text.len());
        assert!(text.ends_with("than GitHub shows\n```\n"), "{}", &text[text.len() - 200..]);
        for room in [0, 10, 400, 500, 1000] {
            let text = summary(&report, &Links::default(), room);
            assert!(text.len() <= room, "{room}: {}", text.len());
            assert!(text.matches("```").count().is_multiple_of(2), "{text}");
        }
    }

    #[test]
    fn outputs_stand_between_their_delimiter() {
        insta::assert_snapshot!(outputs(&sample::moved(), Some("/tmp/report.json"), "d41d8cd9").unwrap(), @r"
        decision<<d41d8cd9
        done
        d41d8cd9
        reason_code<<d41d8cd9
        moved
        d41d8cd9
        exit_code<<d41d8cd9
        0
        d41d8cd9
        result<<d41d8cd9
        The refs moved, together with their ledger entry.
        d41d8cd9
        channel<<d41d8cd9
        production
        d41d8cd9
        release<<d41d8cd9
        web@1.4.0
        d41d8cd9
        commit<<d41d8cd9
        cccccccccccccccccccccccccccccccccccccccc
        d41d8cd9
        previous_commit<<d41d8cd9
        9999999999999999999999999999999999999999
        d41d8cd9
        tag<<d41d8cd9
        channel/production
        d41d8cd9
        from<<d41d8cd9
        8888888888888888888888888888888888888888
        d41d8cd9
        to<<d41d8cd9
        aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        d41d8cd9
        version<<d41d8cd9
        1.4.0
        d41d8cd9
        moved<<d41d8cd9
        true
        d41d8cd9
        serial<<d41d8cd9
        12
        d41d8cd9
        entry<<d41d8cd9
        eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee
        d41d8cd9
        signing<<d41d8cd9
        ssh
        d41d8cd9
        report<<d41d8cd9
        /tmp/report.json
        d41d8cd9
        ");
        assert_eq!(outputs(&sample::moved(), Some("/tmp/report.json"), "production"), None);
        let empty = outputs(&sample::refused(), None, "x9").unwrap();
        assert!(empty.contains("decision<<x9\nstop\nx9\n") && empty.contains("serial<<x9\n\nx9\n"), "{empty}");
    }
}
