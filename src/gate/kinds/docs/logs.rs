//! Documents that are only added to: each must hold all that the channel's present release has of it.
//!
//! A rollback goes back to older logs, so promotions alone are asked. Which documents are logs says the policy in force.

use crate::{
    domain::{Finding, Place, Verb},
    gate::{
        Checks, Context, Evidence,
        probe::{Ask, Got, LogsAsk, LogsGot},
    },
    lockdown::log::Kept,
    text::source::Source,
    tree::Unreadable,
};

/// Position of the question.
pub const ITEM: u32 = 2;

/// `None`: there is nothing to ask.
pub fn ask(cx: &Context) -> Option<LogsAsk> {
    let documents = &cx.protocol.documents.log;
    (cx.verb == Verb::Promote && !documents.is_empty()).then(|| LogsAsk { documents: documents.clone() })
}

pub fn judge(cx: &Context, seen: &Evidence, checks: &mut Checks) -> Result<(), Unreadable> {
    let Some(ask) = ask(cx) else { return Ok(()) };
    let mut unknown = |code: &str, message: &str| checks.unknown(Finding::error(format!("docs/{code}"), message));
    let Some(answer) = seen.last(ITEM) else {
        unknown("unanswered", "there is no answer to what became of the logs");
        return Ok(());
    };
    if !matches!(&answer.ask, Ask::Logs(asked) if *asked == ask) {
        unknown("foreign-answer", "the recorded answer is not about the logs of this policy");
        return Ok(());
    }
    match answer.result() {
        Ok(Got::Logs(LogsGot { base: Some(base), logs })) => {
            for (path, kept) in logs {
                let show = format!("`git show {}:{path}` shows the old text", base.short());
                match kept {
                    Kept::Whole => checks.hold(),
                    Kept::Changed { line } => {
                        let message =
                            format!("`{path}` is only added to, but from here it is not what {} has ({})", cx.channel, base.short());
                        let help = format!("{show}: put it back, and add an entry that corrects it");
                        checks.fail(Finding::error("docs/log-changed", message).at(line_of(cx, path, *line)?).help(help));
                    }
                    Kept::Removed => {
                        let message = format!("`{path}` is only added to, but {} has it ({}) and it is gone", cx.channel, base.short());
                        let place = Place { file: path.clone(), line: 1, column: 1, end_column: None, source: None };
                        checks.fail(Finding::error("docs/log-removed", message).at(place).help(format!("{show}: put it back")));
                    }
                }
            }
        }
        Ok(Got::Logs(LogsGot { base: None, .. })) => {
            let message = format!("nothing is on {} yet, so the logs were compared with nothing", cx.channel);
            checks.remark(Finding::note("docs/log-without-base", message));
        }
        Ok(_) => unknown("unreadable", "the answer about the logs has another shape"),
        Err(unavailable) => {
            let detail = unavailable.detail.as_deref().map(|detail| format!(" ({detail})")).unwrap_or_default();
            let message = format!("what {} has of the logs cannot be read: {}{detail}", cx.channel, unavailable.why.replace('-', " "));
            unknown("log-unknown", &message);
        }
    }
    Ok(())
}

fn line_of(cx: &Context, path: &str, line: u32) -> Result<Place, Unreadable> {
    let bytes = cx.tree.read(path)?.unwrap_or_default();
    let source = Source::new(path, String::from_utf8_lossy(&bytes));
    let width = source.text.lines().nth(line.saturating_sub(1) as usize).map_or(1, |line| line.chars().count());
    Ok(source.place_at(line, 1, width as u32))
}
