//! Commands: statements of shell blocks and commands in code spans, judged as far as the text and the tree can tell.
//!
//! What is looked at: the syntax of the shell and of jq programs, scripts (there, executable, their arguments read), targets
//! of `make`, `npm`, `cargo` and `just`, hosts of `curl`, assignments behind the command word. Variables and URL paths in
//! commands are handed on to [`super::variables`] and [`super::endpoints`]. Files that commands of the system read must be there ([`files`]).
//!
//! Outside of protocol documents nothing here is an error, since their commands may speak of another tree; a text that no
//! shell could read is a warning. Deliberately absent: running anything, and what programs of the system accept.

mod around;
mod blocks;
mod cargo;
mod curl;
mod files;
mod git;
mod jq;
mod judge;
mod make;
mod mapped;
mod options;
mod packages;
mod scripts;
mod shell;
mod tools;

pub use judge::is_of_sessions;
pub use tools::Tools;

use super::{
    census::{Question, ReferenceKind, Verdict},
    commits,
    desk::{Desk, Draft},
    endpoints,
    extract::spans::Span,
    grade,
    pulls::scan::Word,
    variables,
};
use crate::{
    domain::{Digest, Finding, Severity},
    text::markdown::Bytes,
    tree::Unreadable,
};
use around::Around;
use blocks::Block;
use judge::{Judge, Proof, Report};
use mapped::Mapped;
use shell::Statement;
use std::collections::HashMap;

/// Longer commands are cut, with a digest of the whole.
const LONGEST: usize = 400;

const OUTSIDE: &str = "a program outside of the tree";
const NOT_READ: &str = "its shell syntax cannot be read";
const DOUBTFUL: &str = "behind a line of shell that is never closed";
const MISTAKEN: &str = "it does not fit this tree, but the document may speak of another one";

/// What commands name of other kinds.
#[derive(Default)]
pub struct Named {
    pub variables: Vec<variables::Named>,
    pub endpoints: Vec<endpoints::Named>,
    pub revisions: Vec<commits::Named>,
}

/// Adds every command of the document; gives what they name.
pub fn take(desk: &mut Desk) -> Result<Named, Unreadable> {
    let (document, text) = (desk.document, desk.source.text.as_str());
    let mut taking = Taking { named: Named::default(), announced: desk.announced(), around: Around::new() };
    let mut spans = (0..document.codes.len()).filter(|at| desk.spans[*at] == Span::Command).collect::<Vec<_>>().into_iter().peekable();
    for fence in document.fences.iter().map(Some).chain([None]) {
        let start = fence.map_or(usize::MAX, |fence| fence.range.start);
        while let Some(at) = spans.next_if(|at| document.codes[*at].range.start < start) {
            if let Some(block) = blocks::of_span(text, &document.codes[at]) {
                read(desk, &block, true, &mut taking)?;
            }
        }
        if let Some(block) = fence.and_then(|fence| blocks::of_fence(text, fence)) {
            read(desk, &block, false, &mut taking)?;
        }
    }
    Ok(taking.named)
}

/// What grows from one command to the next.
struct Taking {
    named: Named,
    announced: HashMap<String, (String, u64)>,
    around: Around,
}

fn read(desk: &mut Desk, block: &Block, inline: bool, taking: &mut Taking) -> Result<(), Unreadable> {
    taking.around.begin(inline);
    for text in &block.texts {
        for mut statement in shell::read(&text.text, block.session) {
            // A piece of a pipeline may be what a sentence speaks of.
            if let Some(fault) = &mut statement.fault {
                fault.weak = match inline {
                    true => fault.weak || fault.range.end == statement.range.end,
                    // A protocol document means what it says.
                    false => fault.weak && !(block.named && desk.strict),
                };
            }
            let mut judge = Judge::new(desk, text, &mut taking.around);
            if statement.fault.is_none() && !statement.doubtful {
                judge.statement(&statement)?;
            }
            taking.named.variables.append(&mut judge.named.variables);
            taking.named.endpoints.append(&mut judge.named.endpoints);
            taking.named.revisions.append(&mut judge.named.revisions);
            let report = judge.report;
            write(desk, &statement, text, report, taking);
        }
    }
    Ok(())
}

fn write(desk: &mut Desk, statement: &Statement, text: &Mapped, mut report: Report, taking: &Taking) {
    let range = text.range(&statement.range);
    let comment = statement.comment.as_ref().map(|comment| text.range(comment));
    let draft = Draft { kind: ReferenceKind::Command, text: desk.text(&range).to_owned(), target: target(&statement.line), range };
    let range = draft.range.clone();
    if let Some(fault) = &statement.fault {
        report.reason = Some(NOT_READ);
        // Where the text may be no shell at all, only a protocol document is told, and only as a warning.
        let (proof, severity) = if fault.weak { (Proof::Tree, Severity::Warning) } else { (Proof::Text, Severity::Error) };
        let message = format!("no lawful shell: {}", fault.message);
        report.blame("docs/shell-syntax", proof, text.range(&fault.range), message, None);
        report.issues.iter_mut().for_each(|issue| issue.severity = severity);
    }
    if statement.doubtful {
        report.reason = Some(DOUBTFUL);
    }
    let strict = desk.strict;
    let (told, kept): (Vec<_>, Vec<_>) = report.issues.into_iter().partition(|issue| strict || issue.proof == Proof::Text);
    let mistaken = !kept.is_empty() || (!strict && !told.is_empty());
    let verdict = match report.reason {
        Some(reason) => Verdict::unchecked(reason),
        None if mistaken => Verdict::unchecked(MISTAKEN),
        None if report.checked => Verdict::Ok,
        None => Verdict::unchecked(OUTSIDE),
    };
    let at = desk.add(draft, verdict);
    for issue in told {
        let severity = if strict { issue.severity } else { Severity::Warning };
        let finding = Finding { help: issue.help, severity, ..Finding::error(issue.code, issue.message) };
        desk.problem(Some(at), &issue.range, finding, None);
        if let Some(path) = issue.missing {
            let elsewhere = || {
                let (announced, number) = taking.announced.get(path.rsplit('/').next().unwrap_or(&path))?;
                (path == *announced || path.strip_suffix(announced.as_str())?.ends_with('/')).then_some(*number)
            };
            if let Some(number) = pull_beside(desk, &range, comment.as_ref()).or_else(elsewhere) {
                desk.ask(at, Question::PullHas(number, path.clone()));
            }
            // Without a folder it may have stood beside the document.
            if let Some((folder, _)) = desk.source.file.rsplit_once('/').filter(|_| !path.contains('/')) {
                desk.ask(at, Question::Fate(format!("{folder}/{path}")));
            }
            desk.ask(at, Question::Fate(path));
        }
    }
}

/// The command on one line, not longer than what one wants to read.
fn target(line: &str) -> String {
    if line.len() <= LONGEST {
        return line.to_owned();
    }
    let end = (0..=LONGEST).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
    format!("{}… {}", &line[..end], &Digest::of(line.as_bytes()).hex()[..12])
}

/// The pull request that a command is named beside: in the comment above it, else in its sentence or cell.
fn pull_beside(desk: &Desk, range: &Bytes, comment: Option<&Bytes>) -> Option<u64> {
    let in_fence = desk.page.fences.iter().any(|fence| fence.range.contains(&range.start));
    let Some(comment) = comment else { return (!in_fence).then(|| grade::beside(desk, range)).flatten() };
    let from = desk.mentions.partition_point(|mention| mention.range.start < comment.start);
    let inside = desk.mentions[from..].iter().take_while(|mention| mention.range.end <= comment.end);
    inside.filter(|mention| mention.repo.is_none() && !mention.issue).find_map(|mention| match mention.word {
        Word::One(number) => Some(number),
        Word::Range(..) => None,
    })
}

#[cfg(test)]
mod tests;
