//! The second look at a census: markers and the sentence around each reference, then the answers of history, other commits
//! and the forge.

use super::{
    census::{Answers, AsOf, Census, Ended, Fate, Fix, Inside, Problem, PullAnswer, Question, Reference, ReferenceKind, Verdict},
    desk::did_you_mean,
    history::End,
    index::normal,
    layout::Layout,
    marker::{Marker, What},
    place::Places,
    presence,
    pulls::State,
    releases, shape,
};
use crate::{
    domain::{Finding, Severity},
    text::{markdown::Bytes, source::Source},
};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

/// How many markers may hold for one reference.
const MOST_AROUND: usize = 16;

pub const UNUSED_MARKER: &str = "docs/unused-marker";

/// What is wrong with a path in code; with one in a link it is another.
const MISSING_PATH: &str = "docs/missing-path";

const PAST: &str = "gone, in a document about the past";

const NO_HISTORY: &str = "and the history cannot be read to tell what became of it";

const SEVERAL_WENT: &str = "and several paths that ended in it are gone";

/// Of a path that only ends like one of the tree.
const BY_END: &str = "a path of the tree ends like it, but the history cannot be read to tell whether it was there itself";
const BY_END_CUT: &str = "a path of the tree ends like it, but this shallow clone lacks the commits that may have had it itself";

/// What no sentence can say.
const EXPECT: &str = "if it is meant to be missing, put `<!-- tagwarden: expect-missing -- REASON -->` above it or at the end of its line";

/// Kinds whose absence a sentence can speak of.
const SPOKEN: &[ReferenceKind] =
    &[ReferenceKind::Path, ReferenceKind::Symbol, ReferenceKind::Env, ReferenceKind::Command, ReferenceKind::Endpoint];

/// Whether what a document names may be gone, as it speaks of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    No,
    /// By its name: only what it names in code. Its links lead somewhere today.
    Names,
    /// It is declared to.
    All,
}

impl Past {
    pub fn of(file: &str, strict: bool, declared: bool) -> Past {
        let name = file.rsplit('/').next().unwrap_or(file).to_ascii_uppercase();
        let named = ["CHANGELOG", "CHANGES", "HISTORY", "RELEASE"].iter().any(|start| name.starts_with(start));
        match declared {
            true => Past::All,
            false if named && !strict => Past::Names,
            false => Past::No,
        }
    }
}

/// Applies markers, then what sentences say. Whatever a marker speaks of, no sentence speaks of any more.
pub fn attitudes(census: &mut Census, places: &mut Places, layout: &Layout, markers: &[Marker], past: Past) {
    let mut used: BTreeSet<usize> = BTreeSet::new();
    let mut dropped: BTreeSet<usize> = BTreeSet::new();
    let mut asked: Vec<(usize, Question)> = Vec::new();
    let mut closed: BTreeSet<usize> = BTreeSet::new();
    let problems = by_reference(census);
    // Missing, though no problem says so: that only what happened to it could make it one.
    let doubtful: BTreeSet<usize> = census
        .open
        .iter()
        .filter(|(at, question)| matches!(question, Question::Fate(_)) && problems.of(*at).is_empty())
        .map(|(at, _)| *at)
        .collect();
    // Of these, what another path of the tree ends like.
    let by_end: BTreeSet<usize> = doubtful.iter().copied().filter(|at| census.references[*at].verdict == Verdict::Ok).collect();
    for at in 0..census.references.len() {
        let start = census.references[at].range.start;
        let own = problems.of(at);
        let mut marked = false;
        for (index, marker) in around(markers, start) {
            // Whatever else stands there, a count is used by counting.
            if !matches!(marker.what, What::Count { .. }) {
                used.insert(index);
            }
            marked |= !matches!(marker.what, What::Watch | What::Count { .. });
            match &marker.what {
                What::Ignore => {
                    dropped.extend(own);
                    closed.insert(at);
                    set_aside(census, at, format!("ignored: {}", marker.reason));
                }
                What::ExpectMissing => {
                    closed.insert(at);
                    if !by_end.contains(&at) {
                        expect_missing(census, at, own, &mut dropped, places, &marker.reason);
                    }
                }
                What::AsOf(rev) => {
                    if is_of_the_tree(census.references[at].kind) && !is_elsewhere(&census.references[at]) {
                        dropped.extend(own);
                        let path = without_lines(&census.references[at]);
                        closed.insert(at);
                        set_aside(census, at, format!("as of {rev}, which was not looked at"));
                        let inside = shape::inside(&census.references[at].text);
                        asked.push((at, Question::AsOf { rev: rev.clone(), path, inside, sure: true }));
                    }
                }
                What::Watch => drop(census.watched.insert(at)),
                What::Count { .. } => {}
            }
        }
        let missing = doubtful.contains(&at);
        let absent = if past == Past::All && !marked { absent(census, own) } else { Vec::new() };
        if !absent.is_empty() {
            closed.insert(at);
            excuse(census, at, own, &absent, &mut dropped, Verdict::unchecked(PAST));
        } else if !marked {
            let gone_by_now = missing && past != Past::No;
            let speaks = match census.references[at].kind {
                // A link leads somewhere today.
                ReferenceKind::Lines => missing || own.iter().any(|at| census.problems[*at].finding.code == MISSING_PATH),
                kind => SPOKEN.contains(&kind),
            };
            if gone_by_now || speaks && spoken(census, at, missing, own, &mut dropped, places, layout) {
                closed.insert(at);
            }
        }
    }
    census.open.retain(|(reference, _)| !closed.contains(reference));
    census.open.extend(asked);
    // Problems of the document as a whole are ignored by their place.
    for (at, problem) in census.problems.iter().enumerate().filter(|(_, problem)| problem.reference.is_none()) {
        for (index, marker) in around(markers, problem.range.start) {
            if marker.what == What::Ignore {
                used.insert(index);
                dropped.insert(at);
            }
        }
    }
    remove(census, &dropped);
    used.extend(&census.counted);
    for (_, marker) in markers.iter().enumerate().filter(|(index, _)| !used.contains(index)) {
        let what = if matches!(marker.what, What::Count { .. }) { "number of such things" } else { "reference" };
        let message = format!("this marker has nothing to say: no {what} stands where it holds");
        push(census, places, None, &marker.range, Finding::warning(UNUSED_MARKER, message), None);
    }
}

/// The markers that hold for this byte, with their positions.
pub fn around(markers: &[Marker], offset: usize) -> impl Iterator<Item = (usize, &Marker)> {
    // Scopes begin in the order of their markers, so the ones around here are the last that begin before.
    let upto = markers.partition_point(|marker| marker.scope.start <= offset);
    let from = upto.saturating_sub(MOST_AROUND);
    (from..upto).map(|at| (at, &markers[at])).filter(move |(_, marker)| marker.scope.contains(&offset))
}

/// Whether the sentence decided. `missing`: it is not there, whether or not a problem says so.
fn spoken(
    census: &mut Census,
    at: usize,
    missing: bool,
    own: &[usize],
    dropped: &mut BTreeSet<usize>,
    places: &mut Places,
    layout: &Layout,
) -> bool {
    let absent = absent(census, own);
    let there = census.strict && census.references[at].kind == ReferenceKind::Path && census.references[at].verdict == Verdict::Ok;
    let missing = missing || !absent.is_empty();
    if !missing && !there {
        return false;
    }
    let range = census.references[at].range.clone();
    let sentence = layout.sentence(range.start);
    let before = places.source().text.get(sentence.start..range.start).unwrap_or_default();
    let after = places.source().text.get(range.end..sentence.end.max(range.end)).unwrap_or_default();
    // In a block of code there are no sentences.
    let in_line = before.rsplit('\n').next().unwrap_or(before).contains('`');
    if census.references[at].kind == ReferenceKind::Command && !in_line || !presence::says_gone(before, after) {
        return false;
    }
    if missing {
        excuse(census, at, own, &absent, dropped, Verdict::Ok);
    } else {
        let message = format!("the sentence says that `{}` is gone, but it is there", census.references[at].target);
        let finding =
            Finding::error("docs/still-there", message).help("fix the sentence, or mark it with `<!-- tagwarden: ignore -- REASON -->`");
        break_it(census, places, at, finding);
    }
    true
}

fn expect_missing(census: &mut Census, at: usize, own: &[usize], dropped: &mut BTreeSet<usize>, places: &mut Places, reason: &str) {
    let absent = absent(census, own);
    if !absent.is_empty() {
        excuse(census, at, own, &absent, dropped, Verdict::Ok);
    } else if census.references[at].verdict == Verdict::Ok && is_of_the_tree(census.references[at].kind) {
        let message = format!("`{}` is expected to be missing ({reason}), but it is there", census.references[at].target);
        break_it(census, places, at, Finding::error("docs/still-there", message).help("take the marker away"));
    }
}

/// The path of a target, without the heading or the lines that follow it.
fn without_lines(reference: &Reference) -> String {
    let path = reference.target.split('#').next().unwrap_or_default();
    let lines = path.rsplit_once(':').filter(|_| reference.kind == ReferenceKind::Lines);
    lines.map_or(path, |(path, _)| path).to_owned()
}

/// URLs that lead out of the tree, or to a revision that they name themselves.
fn is_elsewhere(reference: &Reference) -> bool {
    reference.target.contains("://") || reference.kind == ReferenceKind::Url && reference.target.contains(':')
}

fn is_of_the_tree(kind: ReferenceKind) -> bool {
    use ReferenceKind::{Definition, Html, Image, Lines, Link, Path, Symbol, Url};
    matches!(kind, Link | Image | Definition | Html | Url | Path | Lines | Symbol)
}

/// Those of the problems that say that there is no such thing.
fn absent(census: &Census, own: &[usize]) -> Vec<usize> {
    own.iter().copied().filter(|at| is_absence(&census.problems[*at].finding)).collect()
}

fn is_absence(finding: &Finding) -> bool {
    let what = finding.code.strip_prefix("docs/").unwrap_or_default();
    what.starts_with("missing-") || what.starts_with("unknown-")
}

/// Drops what says that a thing is absent. The verdict changes where nothing else is wrong.
fn excuse(census: &mut Census, at: usize, own: &[usize], absent: &[usize], dropped: &mut BTreeSet<usize>, verdict: Verdict) {
    dropped.extend(absent);
    let wrong = |at: &usize| census.problems[*at].finding.severity == Severity::Error && !dropped.contains(at);
    if !own.iter().any(wrong) {
        census.references[at].verdict = verdict;
    }
}

fn set_aside(census: &mut Census, at: usize, reason: impl Into<Cow<'static, str>>) {
    census.references[at].verdict = Verdict::Unchecked(reason.into());
}

/// The problems of each reference, by its position.
struct ByReference(BTreeMap<usize, Vec<usize>>);

impl ByReference {
    fn of(&self, reference: usize) -> &[usize] {
        self.0.get(&reference).map(Vec::as_slice).unwrap_or_default()
    }
}

fn by_reference(census: &Census) -> ByReference {
    let mut problems: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, problem) in census.problems.iter().enumerate() {
        if let Some(reference) = problem.reference {
            problems.entry(reference).or_default().push(at);
        }
    }
    ByReference(problems)
}

fn remove(census: &mut Census, dropped: &BTreeSet<usize>) {
    let mut at = 0;
    census.problems.retain(|_| {
        at += 1;
        !dropped.contains(&(at - 1))
    });
}

/// A reference is broken after all.
fn break_it(census: &mut Census, places: &mut Places, at: usize, finding: Finding) {
    census.references[at].verdict = Verdict::Broken;
    let range = census.references[at].range.clone();
    push(census, places, Some(at), &range, finding, None);
}

/// Adds a problem; where there are too many to be told, no more than its code.
pub fn push(census: &mut Census, places: &mut Places, reference: Option<usize>, range: &Bytes, finding: Finding, fix: Option<Fix>) {
    let finding = match census.is_full() {
        true => Finding { message: String::new(), help: None, ..finding },
        false => {
            let place = places.place(range);
            finding.at(places.quote(&place))
        }
    };
    census.problems.push(Problem { finding, reference, fix, range: range.clone() });
}

impl Census {
    /// Takes in the answers; a question without one stays as it is. `source`: the document that the census was taken of.
    pub fn settle(&mut self, source: &Source, answers: &Answers) {
        let open = std::mem::take(&mut self.open);
        let source = source.with_line_feeds();
        let places = &mut Places::new(&source);
        let problems = by_reference(self);
        let mut dropped = BTreeSet::new();
        let mut fates: BTreeMap<usize, Vec<(String, &Fate)>> = BTreeMap::new();
        let mut pulls: BTreeMap<(usize, u64), Vec<PullAnswer>> = BTreeMap::new();
        let mut ends: BTreeMap<usize, Option<&Ended>> = BTreeMap::new();
        for (at, question) in open {
            let own = problems.of(at);
            match question {
                Question::PullHas(number, path) => {
                    pulls.entry((at, number)).or_default().push(answers.pulls.get(&(number, path)).cloned().unwrap_or_default());
                }
                Question::Fate(path) => {
                    let open = !own.iter().any(|own| dropped.contains(own));
                    if let Some(fate) = answers.fates.get(&path).filter(|_| open) {
                        fates.entry(at).or_default().push((path, fate));
                    } else if answers.limits.unread && open {
                        self.note(&absent(self, own), NO_HISTORY);
                        if self.references[at].verdict == Verdict::Ok {
                            set_aside(self, at, BY_END);
                        }
                    }
                }
                Question::Ends(path) => {
                    if let Some(ended) = answers.ends.get(&path).filter(|_| !own.iter().any(|own| dropped.contains(own))) {
                        ends.insert(at, ended.as_ref());
                    }
                }
                Question::Commit { id, sure } => match answers.commits.get(&id) {
                    Some(true) => self.references[at].verdict = Verdict::Ok,
                    Some(false) if self.strict && sure => {
                        let finding = Finding::error("docs/unknown-commit", format!("there is no commit {id} here"));
                        break_it(self, places, at, finding);
                    }
                    _ => {}
                },
                Question::Tag { name, .. } if answers.tags.contains(&name) => self.references[at].verdict = Verdict::Ok,
                Question::Tag { name, sure: true } if self.strict && answers.tag_forms.contains(&releases::form(&name)) => {
                    let finding = Finding::error("docs/unknown-tag", format!("there is no tag `{name}` here"));
                    break_it(self, places, at, finding.help("`git fetch --tags` brings those of the remote"));
                }
                Question::Tag { .. } => {}
                Question::AsOf { rev, path, inside, sure } => {
                    let answer = answers.as_of.get(&(rev.clone(), path.clone()));
                    match answer.map(|answer| as_of(&rev, &path, inside, sure, *answer)) {
                        Some(Ok(Verdict::Unchecked(reason))) => set_aside(self, at, reason),
                        Some(Ok(verdict)) => self.references[at].verdict = verdict,
                        Some(Err(finding)) => break_it(self, places, at, finding),
                        None => {}
                    }
                }
            }
        }
        for ((at, number), told) in pulls {
            // A command needs all that it names; anything else is one path, read from several folders.
            let wanted = self.references[at].kind != ReferenceKind::Command;
            let has = match () {
                () if told.iter().any(|answer| answer.has == Some(wanted)) => Some(wanted),
                () if told.iter().any(|answer| answer.has.is_none()) => None,
                () => Some(!wanted),
            };
            let answer = PullAnswer { state: told.iter().find_map(|answer| answer.state), has };
            // The new name of what was renamed is certain; a pull request of which nothing is known is no better answer.
            let moved = |(_, fate): &(String, &Fate)| fate.now().is_some();
            let ended = ends.get(&at).is_some_and(|ended| ended.is_some_and(|ended| ended.fate.now().is_some()));
            if answer != PullAnswer::default() || !ended && !fates.get(&at).is_some_and(|told| told.iter().any(moved)) {
                self.pull(at, problems.of(at), &mut dropped, number, &answer);
            }
        }
        for (at, told) in fates {
            // A path may be read from several folders; what happened to one of them is more than that nothing did.
            let happened = told.iter().find(|(_, fate)| !matches!(fate, Fate::Never | Fate::NotHere));
            match (happened, ends.get(&at)) {
                (None, Some(Some(ended))) => self.fate(places, at, problems.of(at), &ended.path, &ended.fate, answers),
                (None, Some(None)) => self.note(&absent(self, problems.of(at)), SEVERAL_WENT),
                (happened, _) => {
                    if let Some((path, fate)) = happened.or(told.first()) {
                        self.fate(places, at, problems.of(at), path, fate, answers);
                    }
                }
            }
        }
        remove(self, &dropped);
        self.trim();
        let perhaps = std::mem::take(&mut self.perhaps);
        if !perhaps.is_empty() {
            let never: BTreeSet<usize> = perhaps.into_iter().filter(|at| self.references[*at].verdict != Verdict::Broken).collect();
            self.retain(|at| !never.contains(&at));
        }
        self.problems.sort_by_key(|problem| (problem.range.start, problem.range.end));
    }

    /// What a protocol document names and is not there may be right all the same, which only a marker can say.
    pub fn say_how_to_expect(&mut self) {
        let Census { references, problems, strict, .. } = self;
        for problem in problems
            .iter_mut()
            .filter(|problem| *strict && problem.is_told() && problem.fix.is_none() && problem.finding.severity == Severity::Error)
        {
            let spoken = problem.reference.is_some_and(|at| SPOKEN.contains(&references[at].kind)) && is_absence(&problem.finding);
            let help = &mut problem.finding.help;
            if spoken {
                *help = Some(help.take().map_or_else(|| EXPECT.to_owned(), |help| format!("{help} Else, {EXPECT}")));
            }
        }
    }

    fn pull(&mut self, at: usize, own: &[usize], dropped: &mut BTreeSet<usize>, number: u64, answer: &PullAnswer) {
        let absent = absent(self, own);
        let verdict = match (answer.state, answer.has) {
            (Some(State::Open), Some(true)) => Ok(Verdict::Pending(number)),
            (Some(State::Merged), _) => Err(format!("although #{number} is merged")),
            (Some(State::Closed), _) => Err(format!("and #{number} was closed without being merged")),
            (_, Some(false)) => Err(format!("and the head of #{number} does not have it either")),
            (Some(State::Open), None) => {
                Ok(Verdict::Unchecked(format!("missing here; the head of #{number} beside it is not known").into()))
            }
            (None, Some(true)) => {
                Ok(Verdict::Unchecked(format!("missing here, in the head of #{number}, whose state is not known").into()))
            }
            (None, None) => Ok(Verdict::unchecked("missing here; nothing is known of the pull request beside it")),
        };
        match verdict {
            Ok(verdict) => {
                if matches!(verdict, Verdict::Unchecked(_)) {
                    self.awaited.insert(at, number);
                }
                excuse(self, at, own, &absent, dropped, verdict);
            }
            Err(note) => self.note(&absent, &note),
        }
    }

    /// Says more of these problems, once.
    fn note(&mut self, problems: &[usize], note: &str) {
        for at in problems {
            let message = &mut self.problems[*at].finding.message;
            if !message.ends_with(note) {
                *message = format!("{message}, {note}");
            }
        }
    }

    fn fate(&mut self, places: &mut Places, at: usize, own: &[usize], path: &str, fate: &Fate, answers: &Answers) {
        let renamed = fate.now();
        let said = match fate {
            Fate::NotHere if own.is_empty() && self.references[at].verdict == Verdict::Ok => return set_aside(self, at, BY_END_CUT),
            Fate::Never | Fate::NotHere if own.is_empty() => return,
            Fate::Never => "no commit in the history of this one ever had it".to_owned(),
            Fate::NotHere => "no commit that is here ever had it, but this is a shallow clone, which lacks the older ones".to_owned(),
            Fate::Was(fate) if matches!(fate.end, End::Removed(_)) && answers.limits.renames_skipped => {
                format!("it was {fate}, or renamed then: some commit changed too many files for git to look for all renames")
            }
            Fate::Was(fate) if matches!(fate.end, End::Removed(_)) && answers.limits.renames_unread => {
                format!("it was {fate}, or renamed then: the renames of the history cannot be read, which `git fsck` may explain")
            }
            Fate::Was(fate) if matches!(fate.end, End::Removed(_)) && answers.limits.exact_renames_only => {
                format!("it was {fate}, or renamed then: in a partial clone only unchanged files are followed")
            }
            Fate::Deleted => "it was removed since the last commit".to_owned(),
            Fate::Moved { to } => format!("it was renamed to `{to}` since the last commit"),
            Fate::Was(fate) => format!("it was {fate}"),
        };
        // Every repository had some file of such a name.
        if own.is_empty() && !self.strict && renamed.is_none() && !self.references[at].text.contains(['/', '\\']) {
            return;
        }
        if own.is_empty() {
            // It was taken for another path, which ends like it.
            if self.references[at].verdict == Verdict::Ok {
                let target = &self.references[at].target;
                let tail = target.get(without_lines(&self.references[at]).len()..).unwrap_or_default();
                self.references[at].target = format!("{path}{tail}");
            }
            let message = format!("`{path}` is no file or folder of the tree: {said}");
            break_it(self, places, at, Finding::error("docs/missing-path", message));
        }
        let target = without_lines(&self.references[at]);
        let is_end = |whole: &str, end: &str| whole.strip_suffix(end).is_some_and(|start| start.ends_with('/'));
        let in_code = matches!(self.references[at].kind, ReferenceKind::Path | ReferenceKind::Lines | ReferenceKind::Symbol);
        let another = in_code && !target.starts_with('.') && (is_end(&target, path) || is_end(path, target.trim_end_matches('/')));
        let said = match said.strip_prefix("it was ").filter(|_| another) {
            Some(rest) => format!("`{path}` was {rest}"),
            None => said,
        };
        let own: Vec<usize> = if own.is_empty() { vec![self.problems.len() - 1] } else { absent(self, own) };
        for own in own {
            let reference = &self.references[at];
            let problem = &mut self.problems[own];
            if !problem.finding.message.ends_with(&said) {
                problem.finding.message = format!("{}: {said}", problem.finding.message.trim_end_matches(&format!(": {said}")));
            }
            let Some(to) = renamed else { continue };
            // A command is more than the path that it runs.
            let (range, kind) = match reference.kind {
                ReferenceKind::Command => (problem.range.clone(), ReferenceKind::Path),
                ReferenceKind::Lines if problem.finding.code != MISSING_PATH => (reference.range.clone(), ReferenceKind::Link),
                kind => (reference.range.clone(), kind),
            };
            let text = places.source().text.get(range.clone()).unwrap_or_default();
            if reference.kind == ReferenceKind::Command && text.trim_start_matches("./") != path {
                problem.finding.help = Some(format!("it is `{to}` now"));
                continue;
            }
            let text = if reference.kind == ReferenceKind::Command { text } else { &reference.text };
            let with = rewritten(&places.source().file, kind, text, path, to);
            match with {
                None => problem.finding.help = Some(format!("it is `{to}` now")),
                Some(with) if answers.folders.contains(to) || !fate.is_same_file() => problem.finding.help = Some(did_you_mean(&with)),
                Some(with) => {
                    problem.finding.help = Some(format!("write `{with}`; `tagwarden docs check --fix` does it"));
                    problem.fix = Some(Fix { range, with });
                }
            }
        }
    }
}

/// What a revision says of a path and of what is meant of it.
fn as_of(rev: &str, path: &str, inside: Inside, sure: bool, answer: AsOf) -> Result<Verdict, Finding> {
    let lines = match answer {
        AsOf::NoRevision if sure => {
            let finding = Finding::error("docs/unknown-commit", format!("there is no revision `{rev}` here"));
            return Err(finding.help("`git fetch --tags` brings the tags of the remote"));
        }
        AsOf::NoRevision => return Ok(Verdict::Unchecked(format!("there is no revision `{rev}` here").into())),
        AsOf::Missing => return Err(Finding::error("docs/missing-path", format!("`{path}` was not there as of {rev}"))),
        AsOf::There { lines } => lines,
    };
    match (inside, lines) {
        (Inside::Whole, _) => Ok(Verdict::Ok),
        (Inside::Name, _) => Ok(Verdict::Unchecked(format!("the file is there as of {rev}, but names in it were not looked for").into())),
        (Inside::Lines(first, last), _) if first == 0 || last < first => {
            Err(Finding::error("docs/missing-lines", format!("{first} to {last} is no range of lines")))
        }
        (Inside::Lines(..), None) => Ok(Verdict::Unchecked(format!("it is there as of {rev}, but its lines were not counted").into())),
        (Inside::Lines(_, last), Some(length)) if last <= length => Ok(Verdict::Ok),
        (Inside::Lines(_, last), Some(length)) => {
            let message = match last {
                // The number itself was too large to be kept.
                u32::MAX => format!("`{path}` had {length} lines as of {rev}: this is far beyond its end"),
                last => format!("`{path}` had {length} lines as of {rev}, not {last}"),
            };
            Err(Finding::error("docs/missing-lines", message))
        }
    }
}

/// What a reference must say once its target has moved. A link is written from its document's folder, a path in code from
/// the root; what follows the path stays. `None`: something else would be lost, so that a person must write it.
pub fn rewritten(file: &str, kind: ReferenceKind, text: &str, from: &str, to: &str) -> Option<String> {
    // A URL stays one.
    if let Some((scheme, rest)) = text.split_once("://") {
        let from = encoded(from);
        let at = rest.rfind(&from)?;
        return Some(format!("{scheme}://{}{}{}", &rest[..at], encoded(to), &rest[at + from.len()..]));
    }
    if !matches!(kind, ReferenceKind::Path | ReferenceKind::Lines | ReferenceKind::Symbol) {
        let tail = text.find(['#', '?']).map_or("", |at| &text[at..]);
        return Some(match text.starts_with('/') {
            true => format!("/{}{tail}", encoded(to)),
            false => format!("{}{tail}", encoded(&relative(file, to))),
        });
    }
    let name = from.rsplit('/').next().unwrap_or(from);
    let at = text.rfind(name)?;
    let (written, tail) = text.split_at(at + name.len());
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let meant = from.ends_with(written.trim_start_matches("./")) || normal(folder, written).as_deref() == Some(from);
    let dot = if text.starts_with("./") { "./" } else { "" };
    meant.then(|| format!("{dot}{to}{tail}"))
}

/// The way from a document to a path.
fn relative(file: &str, to: &str) -> String {
    let mut from: Vec<&str> = file.split('/').collect();
    from.pop();
    let to: Vec<&str> = to.split('/').collect();
    let common = from.iter().zip(&to).take_while(|(from, to)| from == to).count().min(to.len() - 1);
    let mut parts: Vec<&str> = vec![".."; from.len() - common];
    parts.extend(&to[common..]);
    parts.join("/")
}

/// What would end a link's destination is percent-encoded.
fn encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for c in path.chars() {
        match c {
            ' ' | '(' | ')' | '<' | '>' | '%' | '#' | '?' | '\\' | '"' => encoded.push_str(&format!("%{:02X}", c as u32)),
            c => encoded.push(c),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_rewritten_from_where_they_stand() {
        use ReferenceKind::{Link, Path};
        for (kind, text, from, to, expected) in [
            (Path, "src/a.rs", "src/a.rs", "src/b/c.rs", Some("src/b/c.rs")),
            (Path, "src/a.rs:3-9", "src/a.rs", "src/b.rs", Some("src/b.rs:3-9")),
            (Path, "a.rs#Run", "src/a.rs", "src/b.rs", Some("src/b.rs#Run")),
            (Path, "./src/a.sh", "src/a.sh", "src/b.sh", Some("./src/b.sh")),
            (Path, "../src/a.sh:3", "src/a.sh", "src/b.sh", Some("src/b.sh:3")),
            (Path, "@/a.sh", "src/a.sh", "src/b.sh", None),
            (Path, "SRC/A.SH:3", "src/a.sh", "src/b.sh", None),
            (Link, "a.md#way", "docs/a.md", "docs/ops/b.md", Some("ops/b.md#way")),
            (Link, "../src/a.rs", "src/a.rs", "lib/a b.rs", Some("../lib/a%20b.rs")),
            (Link, "/docs/a.md", "docs/a.md", "x.md", Some("/x.md")),
            (
                Link,
                "https://github.com/a/b/blob/main/src/a.rs#L1",
                "src/a.rs",
                "src/b.rs",
                Some("https://github.com/a/b/blob/main/src/b.rs#L1"),
            ),
        ] {
            assert_eq!(rewritten("docs/me.md", kind, text, from, to).as_deref(), expected, "{text}");
        }
    }
}
