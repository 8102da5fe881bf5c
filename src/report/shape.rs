//! The typed shapes of every answer, as scripts read them. Field names are promises (snake_case); fields may be added,
//! never renamed. Times are RFC 3339 UTC, an unmeasured value is `null`.
//!
//! The members that every answer has (`schema`, `decision`, `reason_code`, `signing`, `findings`, `notices`) are put around
//! a shape by [`super::json`]; they are not repeated here, except in a [`RunShape`], which also stands inside a move.

mod catalog;
mod docs;
mod ledger;
mod run;
pub mod snapshot;
mod sync;

pub use catalog::{BumpsShape, CatalogHistoryShape, CatalogShape, Compared, DiffShape, Event, ImmutabilityShape, KindShape, SideShape};
pub use docs::{ChangeShape, DocsShape, FixedShape, Listed, LockShape, ReferenceShape, UncheckedShape};
pub use ledger::{
    About, AfterShape, AuditShape, EntryShape, HistoryEntry, HistoryShape, PinShape, PolicyGate, PolicyRole, PolicyShape, PolicySigner,
    RejudgeVerdict, Rejudged,
};
pub use run::{GateShape, HookShape, LedgerPlace, MoveOutputs, MoveRef, MoveShape, RehearsalShape, RunShape, Step, WaiverShape, Waypoint};
pub use sync::{LeaderShape, LiveShape, PlanShape, RowsShape, SyncShape};

pub use crate::domain::ReleaseState;
use crate::domain::{ChannelName, Digest, Finding, Oid, Outcome, Reason, RefName, Release, Timestamp, state};
use serde::Serialize;

/// What is said where every question was answered well.
pub const NOTHING_IS_WRONG: &str = "Nothing is wrong.";

/// What a verb answers with.
#[derive(Clone, Debug)]
pub enum Body {
    /// `verify`: `tagwarden.run/1`.
    Run(RunShape),
    /// `promote`, `rollback`: `tagwarden.move/1`.
    Move(Box<MoveShape>),
    /// `rehearse`: `tagwarden.rehearsal/1`.
    Rehearsal(RehearsalShape),
    /// `status`: `tagwarden.status/1`.
    Status(StatusShape),
    /// One channel of `status`, as `serve` answers it: `tagwarden.channel/1`.
    Channel(ChannelShape),
    /// `serve`'s own: `tagwarden.version/1`.
    Version(VersionShape),
    /// `resolve`: `tagwarden.resolve/1`.
    Resolve(ResolveShape),
    /// `history`: `tagwarden.history/1`.
    History(HistoryShape),
    /// `audit`: `tagwarden.audit/1`.
    Audit(AuditShape),
    /// `policy show`, `policy adopt`: `tagwarden.policy/1`.
    Policy(PolicyShape),
    /// `stage`, `hold`, `unhold`, `waive`, `ack`, `verdict`: `tagwarden.entry-written/1`.
    Entry(EntryShape),
    /// `doctor`: `tagwarden.doctor/1`.
    Doctor(DoctorShape),
    /// `docs`: `tagwarden.docs/1`.
    Docs(Box<DocsShape>),
    /// `validate`: `tagwarden.catalog/1`.
    Catalog(CatalogShape),
    /// `sync`: `tagwarden.sync/1`.
    Sync(Box<SyncShape>),
    /// `diff`: `tagwarden.diff/1`.
    Diff(DiffShape),
    /// `catalog history`: `tagwarden.catalog-history/1`.
    CatalogHistory(CatalogHistoryShape),
    /// `catalog immutability`: `tagwarden.immutability/1`.
    Immutability(ImmutabilityShape),
    /// `catalog bumps`: `tagwarden.bumps/1`.
    Bumps(BumpsShape),
    /// `snapshot`: `tagwarden.snapshot/1`.
    Snapshot(snapshot::SnapshotShape),
    /// `init`: `tagwarden.init/1`.
    Init(InitShape),
    /// `explain`, `schema`, `completions`, `man`, statements to sign: `tagwarden.text/1`.
    Text(TextShape),
    /// Any verb that was refused: `tagwarden.error/1`.
    Error(ErrorShape),
}

impl Body {
    pub const fn schema(&self) -> &'static str {
        match self {
            Body::Run(_) => RunShape::SCHEMA,
            Body::Move(_) => "tagwarden.move/1",
            Body::Rehearsal(_) => "tagwarden.rehearsal/1",
            Body::Status(_) => "tagwarden.status/1",
            Body::Channel(_) => "tagwarden.channel/1",
            Body::Version(_) => "tagwarden.version/1",
            Body::Resolve(_) => "tagwarden.resolve/1",
            Body::History(_) => "tagwarden.history/1",
            Body::Audit(_) => "tagwarden.audit/1",
            Body::Policy(_) => "tagwarden.policy/1",
            Body::Entry(_) => "tagwarden.entry-written/1",
            Body::Doctor(_) => "tagwarden.doctor/1",
            Body::Docs(_) => DocsShape::SCHEMA,
            Body::Catalog(_) => CatalogShape::SCHEMA,
            Body::Sync(_) => SyncShape::SCHEMA,
            Body::Diff(_) => "tagwarden.diff/1",
            Body::CatalogHistory(_) => "tagwarden.catalog-history/1",
            Body::Immutability(_) => "tagwarden.immutability/1",
            Body::Bumps(_) => "tagwarden.bumps/1",
            Body::Snapshot(_) => snapshot::SCHEMA,
            Body::Init(_) => "tagwarden.init/1",
            Body::Text(_) => "tagwarden.text/1",
            Body::Error(_) => "tagwarden.error/1",
        }
    }

    /// The one channel the answer is about.
    pub fn channel(&self) -> Option<&ChannelName> {
        match self {
            Body::Run(shape) => Some(&shape.channel),
            Body::Move(shape) => Some(&shape.channel),
            Body::Channel(shape) => Some(&shape.channel),
            Body::Resolve(shape) => Some(&shape.channel),
            Body::Entry(shape) => shape.channel.as_ref(),
            _ => None,
        }
    }

    /// The releases the answer is about, as they are written on the command line.
    pub fn release(&self) -> Option<String> {
        let releases = match self {
            Body::Move(shape) => &shape.releases,
            Body::Channel(shape) => &shape.releases,
            Body::Resolve(shape) => &shape.releases,
            Body::Entry(shape) => &shape.releases,
            _ => return None,
        };
        (!releases.is_empty()).then(|| join_releases(releases, " "))
    }

    /// What comes next where the reason's own sentence does not fit this answer.
    pub fn next(&self, reason: Reason) -> Option<&'static str> {
        match (self, reason) {
            (Body::Move(shape), Reason::Passed) if shape.dry_run => Some("Run it again without `--dry-run`."),
            // A draft has no commit that a verdict or a step could be for.
            (Body::Run(RunShape { commit: Some(_), .. }) | Body::Move(_), Reason::GateFailed) => {
                Some("Read the finding, mend its cause, run `tagwarden verify --channel CHANNEL --at COMMIT`.")
            }
            (Body::Run(_) | Body::Move(_) | Body::Error(_), _) => None,
            (Body::Entry(shape), Reason::Moved) if shape.moves.is_empty() => {
                Some("It is recorded, and no tag moved. See it: `tagwarden history`.")
            }
            (Body::Rehearsal(shape), Reason::Passed) if shape.ledger.is_some() => {
                Some("Move, refusal, recovery and rollback work here, and the ledger says so. See it: `tagwarden history`.")
            }
            (Body::Rehearsal(_), Reason::Passed) => {
                Some("Move, refusal, recovery and rollback work here; nothing of the live repository was touched.")
            }
            (Body::Init(_), Reason::Passed | Reason::Moved) => {
                Some("Commit and push these files, then `tagwarden policy adopt --reason start`.")
            }
            (Body::Doctor(_), Reason::Passed | Reason::Moved) => Some("Nothing stands in the way."),
            (Body::Catalog(_), Reason::Passed) => Some("Every artifact is valid."),
            (Body::Diff(_), Reason::Passed) => Some("Nothing differs."),
            (Body::Immutability(_), Reason::Passed) => Some("No version changed after it was released."),
            (Body::Bumps(_), Reason::Passed) => Some("Every version steps up far enough."),
            (Body::Bumps(_), Reason::Findings) => Some("Give the changes the versions that they need."),
            (Body::Immutability(_), Reason::Findings) => {
                Some("Put the files back as they were, and give each change a version of its own.")
            }
            (Body::Catalog(_), Reason::Findings) => {
                Some("Fix the artifacts or what they reference. `tagwarden explain CODE` explains a code.")
            }
            (Body::Catalog(_), Reason::NothingToCheck) => Some("Correct the paths of `kinds` in gates/protocol.yaml."),
            (Body::Sync(shape), Reason::Findings) if shape.plan.is_some_and(|plan| !plan.done) => {
                Some("To carry it out: `tagwarden sync repair --yes`.")
            }
            (Body::Sync(_), Reason::Findings) => Some("Readers see what they saw before. Fix the findings and release again."),
            (Body::Snapshot(shape), reason) => snapshot_next(&shape.what, reason),
            (Body::Docs(_), Reason::Passed) => Some("Every reference that can be judged holds."),
            (Body::Docs(_), Reason::Findings) => Some("Mend the documents, or what they speak of."),
            (Body::Docs(_), Reason::NothingToCheck) => Some("Name the documents: `tagwarden docs check PATH`."),
            (Body::Audit(_), Reason::Passed) => Some("The ledger verifies."),
            (Body::Policy(shape), Reason::Passed) if shape.committed.as_ref().is_some_and(|committed| *committed != shape.tree) => {
                Some("To put the committed gates/ in force: `tagwarden policy adopt --reason REASON`.")
            }
            (Body::Policy(_), Reason::Moved) => Some("Verify under it: `tagwarden verify --adopted --channel CHANNEL`."),
            (_, Reason::Passed) => Some(NOTHING_IS_WRONG),
            _ => None,
        }
    }
}

fn snapshot_next(answer: &snapshot::SnapshotAnswer, reason: Reason) -> Option<&'static str> {
    use snapshot::SnapshotAnswer as Answer;
    match (answer, reason) {
        (Answer::Created(made), Reason::Passed) if made.bundle.is_some() => Some("Have it signed: `tagwarden bundle sign NAME`."),
        (Answer::Created(_), Reason::Passed) => Some("Check it: `tagwarden snapshot verify`."),
        (Answer::Created(_), Reason::NothingToDo) => Some("The store had exactly this already; the capture is recorded."),
        (Answer::Differences(_), Reason::Passed) => Some("They are the same bundle."),
        (Answer::Differences(_), _) => Some("Read the differences."),
        (Answer::Signed(_), _) => Some("`tagwarden snapshot verify` counts it."),
        (Answer::Restored(_), Reason::Passed) => Some("Every file is as it was captured."),
        (Answer::Restored(_), Reason::NothingToDo) => Some("Every file was as it was captured."),
        (Answer::Restored(_), _) => Some("The check failed, and the folder is as it was before. Read what the check said."),
        (Answer::Verified(_), Reason::Passed) => Some("Every byte is what its name says."),
        (Answer::Verified(_), Reason::NothingToCheck) => Some("Capture something: `tagwarden snapshot create PATH`."),
        (Answer::Verified(_), _) => Some("Restore nothing from what is named above. A capture of the same files puts missing bytes right."),
        (Answer::Rehearsed(_), Reason::Passed) => Some("A restore leads back, and every planted fault was found."),
        (Answer::Pruned(shape), Reason::Passed) if shape.dry_run => Some("Run it again without `--dry-run`."),
        (_, Reason::Passed) => Some("Nothing was changed."),
        _ => None,
    }
}

/// `web@1.4.0`, several joined.
pub fn join_releases(releases: &[Release], separator: &str) -> String {
    releases.iter().map(|release| release.name().to_string()).collect::<Vec<_>>().join(separator)
}

/// The state of every channel, hold and staged release, and how ledger, tags and policy differ.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StatusShape {
    /// `None`: the remote has no ledger.
    pub ledger: Option<LedgerPlace>,
    pub policy: Option<PolicyState>,
    /// In order of promotion.
    pub channels: Vec<ChannelShape>,
    /// Every hold in force, also those on a whole channel or on everything.
    pub holds: Vec<state::Hold>,
    pub waivers: Vec<state::Waiver>,
    pub releases: Vec<ReleaseShape>,
    /// Every version of every artifact, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packages: Option<Vec<PackageShape>>,
}

/// One version of a configuration artifact.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PackageShape {
    /// `kind:id@version`.
    pub artifact: String,
    pub kind: String,
    pub id: String,
    pub version: Option<String>,
    /// Its file on a release branch, else where it was seen; `None`: in no tree that was looked at.
    pub path: Option<String>,
    pub state: ReleaseState,
    /// The channels whose pointer files name it.
    pub channels: Vec<ChannelName>,
    /// The commit that it was staged at.
    pub commit: Option<Oid>,
    /// The digest of the report of its check at that commit.
    pub report: Option<Digest>,
    pub held: bool,
    /// The work tree has it other than the commit that is checked out.
    pub changed_here: bool,
    /// The release branch has other bytes than it was staged with.
    pub differs: bool,
    /// It is in the tree of a release branch.
    pub in_tree: bool,
}

/// The policy in force and the committed one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyState {
    pub version: u64,
    /// The git tree of the adopted `gates/`.
    pub tree: Oid,
    /// The git tree of the committed `gates/`; `None`: there is none, or it could not be read.
    pub committed: Option<Oid>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChannelShape {
    pub channel: ChannelName,
    /// `package@version`, several joined by `, `; `None`: nothing was promoted yet, the channel was taken over
    /// without a release, or it is for verification only.
    pub release: Option<String>,
    pub releases: Vec<Release>,
    /// The commit that the channel tag peels to by the ledger.
    pub commit: Option<Oid>,
    /// The entry that moved it last.
    pub serial: Option<u64>,
    pub since: Option<Timestamp>,
    /// The hold that stops this channel first.
    pub hold: Option<state::Hold>,
    /// How the remote's tags disagree with the ledger.
    pub drift: Vec<Finding>,
    pub tag: Option<RefName>,
    /// It is where it was found before the ledger began. Who moved it there is unknown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub taken_over: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReleaseShape {
    /// `package@version`.
    pub release: String,
    pub commit: Oid,
    pub state: ReleaseState,
    /// The channels it is on now.
    pub channels: Vec<ChannelName>,
    pub held: bool,
}

/// The running program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct VersionShape {
    pub version: &'static str,
}

/// What one channel points to, by the verified ledger head.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResolveShape {
    pub channel: ChannelName,
    /// `package@version`, several joined by `, `.
    pub release: String,
    pub releases: Vec<Release>,
    pub commit: Oid,
    pub tag: state::TagState,
    pub serial: u64,
    pub since: Timestamp,
    pub ledger: LedgerPlace,
}

/// What `doctor` looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DoctorShape {
    pub checks: Vec<Check>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// What was looked at, a few words.
    pub name: String,
    pub outcome: Outcome,
    pub detail: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// `--fix` mended it in this run.
    pub fixed: bool,
    /// The code of its finding.
    #[serde(skip)]
    pub code: &'static str,
}

impl Check {
    /// The code of what has none of its own.
    pub const CODE: &'static str = "doctor/check";

    /// What is wrong, where something is.
    pub fn finding(&self) -> Option<Finding> {
        if !matches!(self.outcome, Outcome::Failed | Outcome::Inconclusive) || self.fixed {
            return None;
        }
        let detail = self.detail.as_deref().unwrap_or("it does not hold");
        let finding = Finding::error(self.code, format!("{}: {detail}", self.name));
        Some(self.help.iter().fold(finding, |finding, help| finding.help(help)))
    }
}

/// The files of a new protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InitShape {
    pub files: Vec<InitFile>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InitFile {
    /// Relative to the repository root.
    pub path: String,
    pub about: String,
    /// `false`: it was there already and is as it was.
    pub written: bool,
}

/// A text of Tagwarden's own: human output prints it as it is, without a decision line, so that it can be piped.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TextShape {
    pub media_type: &'static str,
    pub text: String,
    /// The same as structured data, where it is data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<serde_json::Value>,
}

impl TextShape {
    pub const MARKDOWN: &str = "text/markdown";

    pub fn plain(text: impl Into<String>) -> TextShape {
        TextShape { media_type: "text/plain", text: text.into(), value: None }
    }
}

/// A refusal. The help line is the report's next step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorShape {
    pub message: String,
}
