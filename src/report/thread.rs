//! The answer to a slash command, as a comment in the thread where it was asked: who reads only the thread knows what happened and
//! what to type next.
//!
//! The first line is a marker that only a program reads, so that the comment is found again and changed in place. No line of such a
//! comment begins with a prefix of commands: what is to be typed stands in a code span. Foreign text formats, links and mentions nothing.
//! Deliberately absent: posting it.

use super::{
    Body, Report, Style, human,
    markdown::{code, fenced_within, inline},
    shape::{GateShape, MoveRef, RunShape, TextShape, join_releases},
};
use crate::{
    catalog::activation::Activation,
    domain::{Decision, Oid, Outcome, Reason, RefName},
};
use std::fmt::Write as _;

/// GitHub takes 65,536 characters; what is counted here are bytes, of which there are never fewer.
pub const LIMIT: usize = 65_000;

/// Rows of the table of moves; the report below has them all.
const MOST_MOVES: usize = 50;

/// The request that is answered.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// The comment that holds the command, by its number.
    pub comment: u64,
    /// Who wrote it: the login, and the account's number.
    pub login: &'a str,
    pub account: u64,
    /// Why, as the command says.
    pub reason: Option<&'a str>,
    /// The command in one line; empty where it could not be read.
    pub command: &'a str,
    /// What a command starts with.
    pub prefix: &'a str,
    /// The verbs that can be typed into a thread.
    pub verbs: &'a [&'a str],
}

/// How far an answer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Running,
    /// Refused, or nothing was to be written.
    Ended,
    /// What this entry of the ledger did.
    Entry(u64),
}

/// The first line of an answer.
pub fn marker(comment: u64, told: Told) -> String {
    let state = match told {
        Told::Running => "running".to_owned(),
        Told::Ended => "final".to_owned(),
        Told::Entry(serial) => format!("final entry={serial}"),
    };
    format!("<!-- tagwarden comment={comment} state={state} -->")
}

/// Which request a comment of our own answers, and how far. Comments of others prove nothing. A state that is not known says nothing.
pub fn answered(body: &str) -> Option<(u64, Told)> {
    let line = body.lines().next()?.trim_end();
    let (comment, state) = line.strip_prefix("<!-- tagwarden comment=")?.strip_suffix(" -->")?.split_once(" state=")?;
    let told = match (state, state.strip_prefix("final entry=").and_then(|serial| serial.parse().ok())) {
        (_, Some(serial)) => Told::Entry(serial),
        ("final", None) => Told::Ended,
        _ => Told::Running,
    };
    Some((comment.parse().ok()?, told))
}

/// What an answer with this report tells.
pub fn told(report: &Report) -> Told {
    let serial = match &report.body {
        Body::Move(shape) => shape.ledger.as_ref().map(|at| at.serial),
        Body::Entry(shape) => Some(shape.serial),
        _ => None,
    };
    serial.map_or(Told::Ended, Told::Entry)
}

/// The comment while the command runs.
pub fn started(asked: &Asked<'_>) -> String {
    format!(
        "{}\n### … {}\n\nAsked by {}. This comment changes when it is done.\n",
        marker(asked.comment, Told::Running),
        title(asked),
        who(asked)
    )
}

/// The comment when it is done.
pub fn render(report: &Report, asked: &Asked<'_>) -> String {
    let mark = match (report.decision(), report.exit_code()) {
        (_, 3) => "?",
        (Decision::Stop, _) => "✗",
        _ => "✓",
    };
    let result = match report.body {
        Body::Text(_) => String::new(),
        _ => format!(": {}", result(report)),
    };
    let mut text = format!("{}\n### {mark} {}{result}\n\n", marker(asked.comment, told(report)), title(asked));
    // Writing to a String cannot fail.
    match &report.body {
        Body::Error(shape) => {
            let _ = writeln!(text, "{}\n", prose(&clipped(&shape.message, 2000), &code));
        }
        // Our own words, as they are.
        Body::Text(shape) if shape.media_type == TextShape::MARKDOWN => {
            let _ = writeln!(text, "{}\n", shape.text.trim_end());
        }
        Body::Status(_) | Body::Channel(_) | Body::Resolve(_) => {
            let _ = writeln!(text, "{}", fenced_within(&human::render(report, Style { quiet: false, ..Style::default() }), LIMIT / 2));
        }
        _ => {}
    }
    moves(report, &mut text);
    judged(report, &mut text);
    gates(report, asked, &mut text);
    facts(report, asked, &mut text);
    let next = if matches!(report.body, Body::Text(_)) { String::new() } else { next(report, asked) };
    if !next.is_empty() {
        let _ = writeln!(text, "\n**Next:** {next}");
    }
    let room = LIMIT.saturating_sub(text.len());
    if worth_folding(report) {
        text.push_str(&folded(report, room));
    }
    text
}

fn title(asked: &Asked<'_>) -> String {
    if asked.command.is_empty() { "a command that could not be read".to_owned() } else { code(&clipped(asked.command, 500)) }
}

/// What came of it, in few words: the reason code can be looked up.
fn result(report: &Report) -> String {
    let words = match report.reason {
        Reason::Moved if matches!(report.body, Body::Entry(_)) => "recorded",
        Reason::Moved | Reason::FollowersFailed => "moved",
        Reason::AlreadyThere => "was done before",
        Reason::NothingToDo => "nothing to do",
        Reason::MovedButUnhealthy => "moved, but a gate after the move is not green",
        Reason::Passed => "all is well",
        Reason::GateFailed => "a gate stopped it",
        Reason::Held => "a hold stops it",
        Reason::TagConflict => "the tag is at another object",
        Reason::UnknownChannel => "no such channel",
        Reason::UnknownRelease => "no such release",
        Reason::NotPermitted => "not permitted",
        _ => match report.exit_code() {
            2 => "not understood",
            3 => "not known",
            4 => "something else came first",
            5 => "refused",
            _ => "stopped",
        },
    };
    match words == report.reason.slug() {
        true => words.to_owned(),
        false => format!("{words} (`{}`)", report.reason),
    }
}

fn who(asked: &Asked<'_>) -> String {
    format!("{} (`github:{}`)", inline(asked.login), asked.account)
}

/// What moved from where to where.
fn moves(report: &Report, text: &mut String) {
    let Body::Move(shape) = &report.body else { return };
    let releases = join_releases(&shape.releases, ", ");
    let candidate = shape.outputs.commit.as_ref().map(|oid| format!(" at {oid}")).unwrap_or_default();
    if !releases.is_empty() {
        let _ = writeln!(text, "{} → **{}**{candidate}\n", inline(&releases), inline(shape.channel.as_str()));
    }
    for Activation { artifact, from, to } in shape.activates.iter().take(MOST_MOVES) {
        let version = |version: &Option<String>| version.as_ref().map_or_else(|| "none".to_owned(), |version| code(version));
        let _ = writeln!(text, "- {}: {} → {}", inline(artifact.as_str()), version(from), version(to));
    }
    if !shape.activates.is_empty() {
        text.push('\n');
    }
    if shape.moves.is_empty() {
        return;
    }
    text.push_str("| ref | from | to | commit |\n|---|---|---|---|\n");
    for made @ MoveRef { name, from, to, commit } in shape.moves.iter().take(MOST_MOVES) {
        let object = |oid: &Option<Oid>, none: &str| oid.as_ref().map_or_else(|| none.to_owned(), |oid| format!("`{}`", oid.short()));
        let new = if shape.dry_run { made.planned() } else { "gone" };
        let commit = commit.as_ref().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(text, "| {} | {} | {} | {commit} |", tag(name), object(from, "none"), object(to, new));
    }
    text.push('\n');
}

fn tag(name: &RefName) -> String {
    // A cell of a table ends at a bar, also inside of a code span.
    code(name.as_str()).replace('|', "\\|")
}

/// What a run without a move is about: whoever asked may not have named it.
fn judged(report: &Report, text: &mut String) {
    let Body::Run(shape) = &report.body else { return };
    if let Some(commit) = &shape.commit {
        let _ = writeln!(text, "commit {commit} for **{}**\n", inline(shape.channel.as_str()));
    }
}

fn gates(report: &Report, asked: &Asked<'_>, text: &mut String) {
    let runs: Vec<(&str, &RunShape)> = match &report.body {
        Body::Run(run) => vec![("", run)],
        Body::Move(shape) => {
            let after = shape.after.iter().map(|run| ("After the move:\n\n", run));
            shape.run.iter().map(|run| ("", run)).chain(after).collect()
        }
        _ => Vec::new(),
    };
    for (head, run) in runs.into_iter().filter(|(_, run)| !run.gates.is_empty()) {
        text.push_str(head);
        gates_of(run, asked, text);
    }
}

fn gates_of(run: &RunShape, asked: &Asked<'_>, text: &mut String) {
    text.push_str("| | gate | title | outcome | findings |\n|---|---|---|---|---|\n");
    for (at, gate) in run.gates.iter().enumerate() {
        if text.len() > LIMIT / 2 {
            let _ = writeln!(text, "\n{} gates are left out here.", run.gates.len() - at);
            break;
        }
        let GateShape { number, id, title, outcome, reason_code, waiver, findings, .. } = gate;
        let mark = match outcome {
            Outcome::Passed => "✓",
            Outcome::Failed => "✗",
            Outcome::Inconclusive => "?",
            Outcome::Skipped => "–",
        };
        let mut shown = match outcome {
            Outcome::Passed => "passed".to_owned(),
            Outcome::Skipped => "not run".to_owned(),
            Outcome::Failed | Outcome::Inconclusive => format!("{outcome} (`{reason_code}`)"),
        };
        if gate.is_advisory() {
            shown.push_str(", advisory");
        }
        if let Some(waiver) = waiver {
            let _ = write!(shown, ", waived until {} by `{}` (entry {})", waiver.until, waiver.by, waiver.serial);
        }
        let first = findings.first().map(|finding| inline(&clipped(&finding.message, 200))).unwrap_or_default();
        let more = findings.len().checked_sub(2).map(|more| format!(" and {} more", more + 1)).unwrap_or_default();
        let _ = writeln!(text, "| {mark} | {number} `{id}` | {} | {shown} | {first}{more} |", inline(title));
    }
    text.push('\n');
    let helps = run.gates.iter().filter(|gate| gate.blocks()).filter_map(|gate| Some((gate, gate.findings.first()?.help.as_ref()?)));
    for (gate, help) in helps.take(10) {
        let _ = writeln!(text, "- gate {} `{}`: {}", gate.number, gate.id, prose(&clipped(help, 500), &|part| typed(part, asked)));
    }
}

/// Some characters of a text that others made as long as they liked; the whole words stand in the report below.
fn clipped(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Where it stands in the ledger, who asked, and why.
fn facts(report: &Report, asked: &Asked<'_>, text: &mut String) {
    let at = match &report.body {
        Body::Move(shape) => shape.ledger.as_ref().map(|at| (at.serial, at.entry.clone(), at.name.clone())),
        Body::Entry(shape) => Some((shape.serial, shape.entry.clone(), shape.ledger.clone())),
        _ => None,
    };
    if let Some((serial, entry, name)) = at {
        let _ = writeln!(text, "- ledger entry {serial} ({entry}) on {}", tag(&name));
    }
    let _ = writeln!(text, "- asked by {}", who(asked));
    if let Some(reason) = asked.reason {
        let _ = writeln!(text, "- because: {}", inline(&clipped(reason, 500)));
    }
    let shown = report.notices.iter().take(10);
    for notice in shown {
        let _ = writeln!(text, "- {}", prose(&clipped(notice, 500), &code));
    }
    if report.signing == Some(super::SigningMode::None) {
        text.push_str("- nothing is signed here\n");
    }
}

/// What to type next.
fn next(report: &Report, asked: &Asked<'_>) -> String {
    prose(&human::sentence(&clipped(&report.next_step(), 2000)), &|part| typed(part, asked))
}

/// A command line, in the words of a thread where it can be typed there.
fn typed(part: &str, asked: &Asked<'_>) -> String {
    // No command lists all entries; what is in force is what counts of the last one. A pull request means its own head.
    let part = if part == "tagwarden history" { "tagwarden status" } else { part.trim_end_matches(" --at COMMIT") };
    let verb = part.strip_prefix("tagwarden ").and_then(|rest| Some((rest, rest.split_whitespace().next()?)));
    match verb.filter(|(_, verb)| asked.verbs.contains(verb)) {
        Some((rest, "promote")) if !rest.contains("--sha") => code(&format!("{}{rest} --sha COMMIT", asked.prefix)),
        Some((rest, _)) => code(&format!("{}{rest}", asked.prefix)),
        None => code(part),
    }
}

/// A sentence with code spans: what stands between backticks goes through `span`, all else is foreign text.
fn prose(text: &str, span: &dyn Fn(&str) -> String) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return inline(text);
    }
    let shown = parts.iter().enumerate().map(|(at, part)| match at % 2 {
        0 => inline(part),
        _ if part.trim().is_empty() => inline(part),
        _ => span(part),
    });
    shown.collect()
}

/// A short answer says all in its head.
fn worth_folding(report: &Report) -> bool {
    match report.body {
        Body::Text(_) | Body::Status(_) | Body::Channel(_) | Body::Resolve(_) => false,
        Body::Error(_) => !report.findings.is_empty(),
        _ => true,
    }
}

fn folded(report: &Report, room: usize) -> String {
    const HEAD: &str = "\n<details><summary>The whole report</summary>\n\n";
    const END: &str = "\n</details>\n";
    let body = human::render(report, Style::default());
    match room.checked_sub(HEAD.len() + END.len()).map(|room| fenced_within(&body, room)) {
        Some(body) if !body.is_empty() => format!("{HEAD}{body}{END}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Finding, Outcome},
        report::sample,
        text::slash::{self, Dialect, Problem},
    };
    use proptest::prelude::*;

    fn asked(command: &str) -> Asked<'_> {
        Asked {
            comment: 5,
            login: "x@boss",
            account: 7,
            reason: Some("see #1, @boss\n/promote <b>"),
            command,
            prefix: "/",
            verbs: &["promote", "rollback", "status", "unhold", "verify"],
        }
    }

    #[test]
    fn a_marker_is_read_back_and_nothing_else_is_one() {
        for (comment, told) in [(5, Told::Ended), (u64::MAX, Told::Running), (7, Told::Entry(12))] {
            let text = format!("{}\r\nmore", marker(comment, told));
            assert_eq!(answered(&text), Some((comment, told)));
        }
        for text in [
            "",
            "x",
            "<!-- tagwarden comment=x state=final -->",
            " <!-- tagwarden comment=5 state=final -->",
            "a\n<!-- tagwarden comment=5 state=final -->",
        ] {
            assert_eq!(answered(text), None, "{text}");
        }
        assert_eq!(answered("<!-- tagwarden comment=5 state=odd -->"), Some((5, Told::Running)));
        assert_eq!((told(&sample::moved()), told(&sample::refused())), (Told::Entry(12), Told::Ended));
    }

    #[test]
    fn what_to_type_next_stands_in_the_words_of_the_thread() {
        let next = |text: &str| next(&sample::refused().next(text), &asked("/promote"));
        for (text, shown) in [
            ("see it: `tagwarden status`", "See it:&#8203; `/status`"),
            ("`tagwarden promote a@1.0.0 --channel c`", "`/promote a@1.0.0 --channel c --sha COMMIT`"),
            ("`tagwarden audit` or `git fetch`", "`tagwarden audit` or `git fetch`"),
            ("`tagwarden", "\\`tagwarden"),
        ] {
            assert_eq!(next(text), shown);
        }
    }

    /// No line is a command, no text of others mentions, links, formats, or leaves its cell.
    #[test]
    fn foreign_text_is_only_text() {
        let mut hostile = sample::hostile();
        if let Body::Run(run) = &mut hostile.body {
            run.gates[0].findings.push(Finding::error("x/y", "/promote\n/promote a | b ``` @boss https://evil.example"));
        }
        harmless(&render(&hostile, &asked("/promote a|b `x` @boss")));
    }

    #[test]
    fn a_long_report_is_cut_and_keeps_its_head() {
        let mut long = sample::verify();
        if let Body::Run(run) = &mut long.body {
            for number in 0..400 {
                let finding = Finding::error("x/y", format!("{number} {}", "é@".repeat(400)));
                run.gates
                    .push(crate::report::shape::GateShape { findings: vec![finding; 9], ..sample::gate(number, "more", Outcome::Failed) });
            }
        }
        let text = render(&long, &asked("/verify"));
        assert!(text.len() <= 65_536 && text.contains("**Next:**") && text.contains("gates are left out"), "{} bytes", text.len());
    }

    fn refused(comment: &str, problem: &Problem) -> String {
        render(&Report::from(problem.fault(comment)), &asked(comment.lines().next().unwrap_or_default()))
    }

    /// The marker and the fold are our own.
    fn harmless(reply: &str) {
        let reply = reply.split_once('\n').map(|(_, rest)| rest).unwrap_or_default();
        let reply = reply.replace("<details><summary>", "").replace("</summary>", "").replace("</details>", "");
        // What keeps a mention from being one is nothing that acts.
        let reply = reply.replace("@&#8203;", "at ").replace("#&#8203;", "number ").replace("&#8203;", "·");
        crate::report::reply::tests::harmless(&reply, &Dialect::default());
    }

    #[test]
    fn the_longest_comment_is_answered_in_a_comment() {
        for part in ["`", "\u{1b}", "\u{202e}", "漢", "\"", "\\", " --x", "::", "##["] {
            for start in ["/status ", "/status --channel ", "/hold --all --reason \""] {
                let comment: String = start.chars().chain(part.chars().cycle()).take(slash::MAX_CHARACTERS).collect();
                if let Err(problem) = slash::read(&comment, &Dialect::default()) {
                    harmless(&refused(&comment, &problem));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_refusal_acts(text in "(/status|--channel|--reason|=|@octocat|#1|`{1,4}|https://example.com|<!--|::error::|##\\[|[\"\\\\ \n<*_|]|\u{202e}|é){0,20}") {
            let comment = format!("/hold {text}");
            if let Err(problem) = slash::read(&comment, &Dialect::default()) {
                harmless(&refused(&comment, &problem));
            }
        }
    }
}
