//! The census: the references of one document in the order of its text, and what is wrong with them.

use super::{
    headings::Gated,
    history,
    pulls::{LONGEST_LIST, State},
};
use crate::{
    domain::{Finding, Place, Severity},
    text::markdown::Bytes,
};
use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

/// One reference of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub kind: ReferenceKind,
    /// As written in the document.
    pub text: String,
    /// What it leads to: the path from the root where it was found, else what was looked for.
    pub target: String,
    pub range: Bytes,
    /// Line and columns count from 1, columns in characters; `end_column` is one past the last.
    pub line: u32,
    pub column: u32,
    pub end_column: u32,
    pub verdict: Verdict,
}

macro_rules! kinds {
    ($($variant:ident $slug:literal $about:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ReferenceKind { $(#[doc = $about] $variant,)* }

        impl ReferenceKind {
            pub const ALL: &'static [ReferenceKind] = &[$(ReferenceKind::$variant,)*];

            /// As lock, reports and command line name it.
            pub const fn slug(self) -> &'static str {
                match self { $(ReferenceKind::$variant => $slug,)* }
            }

            /// The kind of this name.
            pub fn parse(slug: &str) -> Option<ReferenceKind> {
                ReferenceKind::ALL.iter().copied().find(|kind| kind.slug() == slug)
            }

            /// What it is, in a few words.
            pub const fn about(self) -> &'static str {
                match self { $(ReferenceKind::$variant => $about,)* }
            }
        }
    };
}

kinds! {
    Link "link" "a Markdown link";
    Image "image" "a Markdown image";
    Definition "definition" "the definition of a link label";
    Html "html" "an HTML link or image";
    Fragment "fragment" "a link into the same document";
    Url "url" "a URL";
    Path "path" "a path in a code span";
    Lines "lines" "a line range of a file";
    Symbol "symbol" "a name defined in a file";
    Pull "pull" "a pull request, or a range of them";
    Issue "issue" "an issue";
    Env "env" "an environment variable";
    Command "command" "a command";
    Endpoint "endpoint" "a URL path of a service";
    Gate "gate" "a gate, by its number or heading";
    Phase "phase" "a phase of the document";
    Channel "channel" "a channel";
    Count "count" "a number of things";
    Commit "commit" "a commit";
    Release "release" "a release or its tag";
    Phrase "phrase" "a banned phrase";
    Status "status" "a status word beside a reference";
}

/// A set of kinds; by default all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u32);

impl Default for Kinds {
    fn default() -> Kinds {
        Kinds::of(ReferenceKind::ALL)
    }
}

impl Kinds {
    /// What link checkers look at: links of Markdown and HTML with their lines and headings, and URLs.
    pub const LINKS: Kinds = Kinds::of(&[
        ReferenceKind::Link,
        ReferenceKind::Image,
        ReferenceKind::Definition,
        ReferenceKind::Html,
        ReferenceKind::Fragment,
        ReferenceKind::Url,
        ReferenceKind::Lines,
    ]);

    pub const fn of(kinds: &[ReferenceKind]) -> Kinds {
        let mut set = 0;
        let mut at = 0;
        while at < kinds.len() {
            set |= 1 << kinds[at] as u32;
            at += 1;
        }
        Kinds(set)
    }

    pub const fn with(self, others: Kinds) -> Kinds {
        Kinds(self.0 | others.0)
    }

    pub const fn has(self, kind: ReferenceKind) -> bool {
        self.0 & 1 << kind as u32 != 0
    }

    pub fn has_any(self, kinds: &[ReferenceKind]) -> bool {
        kinds.iter().any(|kind| self.has(*kind))
    }

    /// Whether links alone are asked for, so that no code span need be read. Lines alone may stand in any.
    pub const fn are_links(self) -> bool {
        self.0 & !Kinds::LINKS.0 == 0 && (!self.has(ReferenceKind::Lines) || self.has(ReferenceKind::Link))
    }

    pub fn is_all(self) -> bool {
        self == Kinds::default()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Ok,
    /// A problem of the census says why.
    Broken,
    /// Missing here, there in the head of this pull request, which is open.
    Pending(u64),
    /// Below a declared root of this other repository.
    Foreign(String),
    /// Recognised, but cannot be judged, for this reason.
    Unchecked(Cow<'static, str>),
}

impl Verdict {
    pub const fn slug(&self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Broken => "broken",
            Verdict::Pending(_) => "pending",
            Verdict::Foreign(_) => "foreign",
            Verdict::Unchecked(_) => "unchecked",
        }
    }

    pub const fn unchecked(reason: &'static str) -> Verdict {
        Verdict::Unchecked(Cow::Borrowed(reason))
    }
}

/// One thing that is wrong, or worth saying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub finding: Finding,
    /// Index of the reference that it is about; `None`: about the document.
    pub reference: Option<usize>,
    /// What would mend it, where that is proven.
    pub fix: Option<Fix>,
    /// The bytes that the finding is about.
    pub range: Bytes,
}

impl Problem {
    /// Whether there is more of it than its code.
    pub(super) fn is_told(&self) -> bool {
        !self.finding.message.is_empty()
    }
}

/// A replacement of some bytes of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    pub range: Bytes,
    pub with: String,
}

/// What the document alone and the tree cannot tell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// What became of a path that is not in the tree.
    Fate(String),
    /// Whether the head of this pull request holds a path.
    PullHas(u64, String),
    /// Whether a commit of this (abbreviated) id exists. `sure`: it must, if it is one of this repository at all.
    Commit { id: String, sure: bool },
    /// Whether there is a release tag of this name, or of this `package@version`.
    Tag { name: String, sure: bool },
    /// Whether the tree of this revision holds a path, and what of it is meant. `sure`: the revision must be one of here.
    AsOf { rev: String, path: String, inside: Inside, sure: bool },
    /// What became of the one path that is gone and ended in these parts.
    Ends(String),
}

/// What of a file is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inside {
    Whole,
    /// From the first to the last, from 1.
    Lines(u32, u32),
    /// A heading or a symbol.
    Name,
}

/// What is known of a path at a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AsOf {
    /// There is no such revision.
    NoRevision,
    Missing,
    /// `lines`: how many it has; `None`: it is no file, or nobody asked.
    There {
        lines: Option<u32>,
    },
}

/// What became of a path that is not in the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// By the history of commits.
    Was(history::Fate),
    /// Since the last commit, unchanged, to this path.
    Moved { to: String },
    /// Since the last commit.
    Deleted,
    /// No commit in the history that was looked at ever had it.
    Never,
    /// The same, but that history is cut off.
    NotHere,
}

impl Fate {
    /// The name that it has now, where it has another one.
    pub fn now(&self) -> Option<&str> {
        match self {
            Fate::Moved { to } => Some(to),
            Fate::Was(fate) => fate.now(),
            Fate::Deleted | Fate::Never | Fate::NotHere => None,
        }
    }

    /// Whether what has the new name is, but for little, the file that had the old one.
    pub fn is_same_file(&self) -> bool {
        match self {
            Fate::Moved { .. } => true,
            Fate::Was(fate) => fate.is_same_file(),
            Fate::Deleted | Fate::Never | Fate::NotHere => false,
        }
    }
}

/// What became of a path of which a document names only the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// From the root.
    pub path: String,
    pub fate: Fate,
}

/// Answers to questions; a question without one stays open.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    pub fates: BTreeMap<String, Fate>,
    /// By the end that is named; `None`: several such paths are gone.
    pub ends: BTreeMap<String, Option<Ended>>,
    /// Folders that paths were renamed to. Where most files of a folder went is likely its new name, not proven.
    pub folders: BTreeSet<String>,
    /// What the history behind `fates` cannot tell.
    pub limits: history::Limits,
    /// Why there is nothing in `fates`, where the history cannot be read: for people, beside the findings.
    pub unread: Option<String>,
    pub pulls: BTreeMap<(u64, String), PullAnswer>,
    pub commits: BTreeMap<String, bool>,
    pub tags: BTreeSet<String>,
    /// The forms ([`super::releases::form`]) that the tags of the repository have; none where some tags may not be here.
    pub tag_forms: BTreeSet<String>,
    /// By revision and path.
    pub as_of: BTreeMap<(String, String), AsOf>,
}

/// What is known of a pull request and a path; `None`: not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullAnswer {
    pub state: Option<State>,
    /// Its head holds the path.
    pub has: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    pub references: Vec<Reference>,
    /// One error at least for each broken reference; warnings for what hides references.
    pub problems: Vec<Problem>,
    /// References whose whole target a marker asks to be watched.
    pub watched: BTreeSet<usize>,
    /// References that are missing here and stand beside a pull request of which too little is known to say more. Their
    /// verdict is `Unchecked`.
    pub awaited: BTreeMap<usize, u64>,
    /// Whether the document is judged as a protocol document.
    pub(super) strict: bool,
    /// Reference and question, in the order of the text.
    pub(super) open: Vec<(usize, Question)>,
    /// Reference, path and fragment of what was not looked up yet, as the document of that path was not read.
    pub(super) later: Vec<(usize, String, String)>,
    pub(super) gated: Gated,
    /// References only if they once were paths: otherwise they go when the census is settled.
    pub(super) perhaps: BTreeSet<usize>,
    /// Markers that a count used, by their position.
    pub(super) counted: BTreeSet<usize>,
    /// What the errors that are not told one by one are about, as in [`Problem::reference`].
    pub(super) untold: Vec<Option<usize>>,
    /// How many warnings are not told.
    pub(super) unwarned: usize,
}

/// How many problems of one document are told one by one. Of the others only their number is kept, so that a document of
/// nothing but broken references takes no more memory than its references do.
pub(super) const MOST_PROBLEMS: usize = 10_000;

/// How many references have each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub ok: usize,
    pub broken: usize,
    pub pending: usize,
    pub foreign: usize,
    pub unchecked: usize,
}

impl Totals {
    pub fn all(&self) -> usize {
        self.ok + self.broken + self.pending + self.foreign + self.unchecked
    }

    pub fn count(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Ok => self.ok += 1,
            Verdict::Broken => self.broken += 1,
            Verdict::Pending(_) => self.pending += 1,
            Verdict::Foreign(_) => self.foreign += 1,
            Verdict::Unchecked(_) => self.unchecked += 1,
        }
    }
}

impl Census {
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.problems.iter().map(|problem| &problem.finding)
    }

    /// What is wrong with the document, and before it how much more where that is too much to be told. `file`: its path.
    pub fn take_findings(&mut self, file: &str) -> impl Iterator<Item = Finding> + use<> {
        let more = match (self.untold_errors(), self.unwarned) {
            (0, 0) => None,
            (0, warnings) => Some(Finding::warning("docs/too-many", format!("there are {warnings} more warnings for this document"))),
            (errors, 0) => Some(Finding::error("docs/too-many", format!("there are {errors} more errors in this document"))),
            (errors, warnings) => Some(Finding::error(
                "docs/too-many",
                format!("there are {errors} more errors and {warnings} more warnings in this document"),
            )),
        };
        self.say_how_to_expect();
        let start = || Place { file: file.to_owned(), line: 1, column: 1, end_column: None, source: None };
        let more = more.map(|more| more.at(start()).help("mend those that are told, or take the document out of the check"));
        more.into_iter().chain(std::mem::take(&mut self.problems).into_iter().map(|problem| problem.finding))
    }

    /// References with an error that is not told.
    pub fn untold(&self) -> impl Iterator<Item = usize> {
        self.untold.iter().flatten().copied().filter(|at| self.references[*at].verdict == Verdict::Broken)
    }

    /// How many errors are not told one by one.
    pub fn untold_errors(&self) -> usize {
        self.untold().count() + self.untold.iter().filter(|about| about.is_none()).count()
    }

    /// Whether one more problem would not be told.
    pub(super) fn is_full(&self) -> bool {
        self.problems.len() >= MOST_PROBLEMS
    }

    /// Lets go of the problems that are not told, once everything that may excuse them has been said.
    pub(super) fn trim(&mut self) {
        let Census { problems, untold, unwarned, .. } = self;
        problems.retain(|problem| {
            let told = problem.is_told();
            match problem.finding.severity {
                Severity::Error if !told => untold.push(problem.reference),
                _ => *unwarned += usize::from(!told),
            }
            told
        });
    }

    /// Takes out the references of which this does not hold, with all that is said of them.
    pub(super) fn retain(&mut self, keeps: impl Fn(usize) -> bool) {
        let mut kept = 0;
        let places = (0..self.references.len()).map(|at| {
            kept += usize::from(keeps(at));
            keeps(at).then(|| kept - 1)
        });
        let places: Vec<Option<usize>> = places.collect();
        let moved = |at: &mut usize| places[*at].map(|new| *at = new).is_some();
        let mut at = 0;
        self.references.retain(|_| {
            at += 1;
            places[at - 1].is_some()
        });
        self.problems.retain_mut(|problem| problem.reference.as_mut().is_none_or(moved));
        self.untold.retain_mut(|about| about.as_mut().is_none_or(moved));
        self.open.retain_mut(|(at, _)| moved(at));
        self.later.retain_mut(|(at, ..)| moved(at));
        let all = |set: &BTreeSet<usize>| set.iter().filter_map(|at| places[*at]).collect();
        self.watched = all(&self.watched);
        self.perhaps = all(&self.perhaps);
        self.gated.references = all(&self.gated.references);
        self.gated.near = self.gated.near.iter().filter_map(|(at, gate)| Some((places[*at]?, *gate))).collect();
        self.awaited = self.awaited.iter().filter_map(|(at, number)| Some((places[*at]?, *number))).collect();
    }

    /// What may be no path at all, and is not asked for since something else decided, is none.
    pub(super) fn without_closed(&mut self) {
        let asked: BTreeSet<usize> = self.open.iter().map(|(at, _)| *at).collect();
        let closed: BTreeSet<usize> = self.perhaps.difference(&asked).copied().collect();
        if !closed.is_empty() {
            self.retain(|at| !closed.contains(&at));
        }
    }

    /// What is still to be asked.
    pub fn questions(&self) -> impl Iterator<Item = &Question> {
        self.open.iter().map(|(_, question)| question)
    }

    /// The pull requests and issues of this repository that the document speaks of one by one.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        let spoken = self.references.iter().filter(|reference| matches!(reference.kind, ReferenceKind::Pull | ReferenceKind::Issue));
        spoken.filter_map(|reference| reference.target.strip_prefix('#')?.parse().ok())
    }

    /// Every pull request and issue of this repository that the document names, those of its ranges and those that the questions are
    /// about among them: what a forge is asked for at once.
    pub fn numbers_to_ask(&self) -> impl Iterator<Item = u64> {
        let range = |reference: &Reference| {
            let (first, last) = reference.target.split_once('-')?;
            let (first, last): (u64, u64) = (first.strip_prefix('#')?.parse().ok()?, last.strip_prefix('#')?.parse().ok()?);
            (reference.kind == ReferenceKind::Pull && last.saturating_sub(first) < LONGEST_LIST).then_some(first..=last)
        };
        let questions = self.questions().filter_map(|question| match question {
            Question::PullHas(number, _) => Some(*number),
            _ => None,
        });
        self.numbers().chain(self.references.iter().filter_map(range).flatten()).chain(questions)
    }
}
