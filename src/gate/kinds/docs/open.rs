//! What documents leave open: the question, its recorded answer, and what it means that something comes only with a pull
//! request.

use super::Pulls;
use crate::{
    domain::{Finding, Verb},
    gate::{
        Checks, Context, Evidence,
        probe::{Ask, DocumentsAsk, DocumentsGot, Got},
    },
    lockdown::{
        Answers, Census, Verdict,
        lock::{Lock, compare},
        pulls,
    },
    text::source::Source,
};

/// Position of the question.
pub const ITEM: u32 = 1;

/// What is recorded of pull requests. It counts only with [`answers`], which says whether it is recorded for these documents.
pub fn known(seen: &Evidence) -> pulls::Known {
    match seen.last(ITEM).map(|answer| answer.result()) {
        Some(Ok(Got::Documents(got))) => DocumentsGot::known(got),
        _ => pulls::Known::default(),
    }
}

/// Everything that the documents ask, in one question.
pub fn ask(censuses: &[Census], pulls: Pulls) -> DocumentsAsk {
    let github = pulls == Pulls::Github;
    let numbers = match github {
        true => censuses.iter().flat_map(Census::numbers_to_ask).collect(),
        false => censuses.iter().flat_map(Census::numbers).collect(),
    };
    DocumentsAsk { github, ..DocumentsAsk::new(numbers, censuses.iter().flat_map(Census::questions).cloned().collect()) }
}

/// The recorded answers to exactly these questions. Without them nothing that the documents leave open may pass.
pub fn answers(cx: &Context, seen: &Evidence, ask: &DocumentsAsk, checks: &mut Checks) -> Option<Answers> {
    if ask.is_empty() {
        return None;
    }
    let mut unknown = |code: &str, message: &str| checks.unknown(Finding::error(format!("docs/{code}"), message));
    let Some(answer) = seen.last(ITEM) else {
        unknown("unanswered", "there is no answer to what the documents leave open");
        return None;
    };
    if !matches!(&answer.ask, Ask::Documents(asked) if asked == ask) {
        unknown("foreign-answer", "the recorded answer is not to what these documents leave open");
        return None;
    }
    match answer.result() {
        Ok(Got::Documents(got)) => {
            if let Some(mut answers) = got.answers(ask) {
                got.known().unread_findings().into_iter().for_each(|finding| checks.unknown(finding));
                answers.tags.extend(own_tags(cx));
                return Some(answers);
            }
            unknown("unreadable", "the answers to what the documents leave open do not fit the questions");
        }
        Ok(_) => unknown("unreadable", "the answer to what the documents leave open has another shape"),
        Err(unavailable) => checks.unavailable("docs", "what the documents leave open", &unavailable),
    }
    None
}

/// What the releases under judgement are called: their tags may come into being with the very move that is decided.
fn own_tags(cx: &Context) -> impl Iterator<Item = String> {
    cx.releases.iter().flat_map(|release| {
        let name = release.name();
        let tag = cx.protocol.release_tag(&release.package).and_then(|pattern| pattern.release_ref(&name).ok());
        let tag = tag.and_then(|tag| Some(tag.as_str().strip_prefix("refs/tags/")?.to_owned()));
        tag.into_iter().chain([name.to_string()])
    })
}

/// What is missing and comes with a pull request stands in the way of a promotion, not of the way back. Where too little is
/// known of the pull request, nothing can be decided, unless somebody accepted that it is missing.
pub fn waits(cx: &Context, source: &Source, census: &Census, lock: Option<&Lock>, pulls: Pulls, checks: &mut Checks) {
    for (at, reference) in census.references.iter().enumerate() {
        let accepted = || lock.is_some_and(|lock| compare::is_accepted(lock, &source.file, reference));
        let place = || source.place(reference.range.clone());
        match (&reference.verdict, census.awaited.get(&at)) {
            (Verdict::Pending(number), _) => {
                let message = format!("`{}` is not here: it comes with #{number}, which is not merged", reference.target);
                if cx.verb == Verb::Promote && !accepted() {
                    let help = format!("merge #{number} first, and promote a commit that has it");
                    checks.fail(Finding::error("docs/pending", message).at(place()).help(help));
                } else {
                    checks.remark(Finding::note("docs/pending", message).at(place()));
                }
            }
            (Verdict::Unchecked(reason), Some(number)) if !accepted() => {
                let finding = Finding::error("docs/awaited", format!("`{}` is {reason}", reference.target)).at(place());
                let help = match pulls {
                    Pulls::Github => format!("another finding says what GitHub did not tell of #{number}"),
                    Pulls::Record => format!(
                        "record the state of #{number} and name the file with `--pulls`; \
                         `git fetch origin '+refs/pull/{number}/*:refs/pull/{number}/*'` brings what it holds"
                    ),
                };
                checks.unknown(finding.help(help));
            }
            _ => {}
        }
    }
}
