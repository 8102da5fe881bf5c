//! The command line as clap shapes: verbs, their arguments, and the flags that go with every verb.
//!
//! Values are parsed here as far as they have rules of their own (channels, gates, times, object ids); what needs the
//! protocol or the repository (which release a word names) is the verb's to resolve. Verbs and flags that are not built do
//! not show and are unknown.

use super::init::ActionRef;
use crate::{
    artifact::names::{Tag, Wanted},
    catalog::rails,
    domain::{ChannelName, GateId, Oid, PackageName, Span, Timestamp, Until, VerdictWord, actor::sentence},
    gate::protocol::KeySource,
    lockdown::{Kinds, ReferenceKind},
    report,
    text::near,
};
use clap::{Args, Parser, Subcommand, ValueEnum, builder::PossibleValue};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Ordered release gates, one atomic tag move, and a ledger that says why.
#[derive(Clone, Debug, Parser)]
#[command(name = "tagwarden", version, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 a gate failed, 2 usage or configuration, 3 inconclusive, 4 conflict, 5 refused by policy, 6 moved but unhealthy, 70 a defect.\n\
                        `tagwarden explain ID` explains every gate kind, key, reason code and finding code."
)]
pub struct Cli {
    #[command(flatten)]
    pub globals: Globals,
    #[command(subcommand)]
    pub command: Command,
}

/// The flags of every verb; they stand before or after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Global options")]
pub struct Globals {
    /// How the answer is written
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Write the answer to this file instead of standard output
    #[arg(long, global = true, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write the answer in this format to this file as well; may be repeated
    #[arg(long, global = true, value_name = "FORMAT=FILE", value_parser = also)]
    pub also: Vec<(Format, PathBuf)>,
    /// The repository [default: the one around the working directory]
    #[arg(long, global = true, value_name = "DIR")]
    pub repo: Option<PathBuf>,
    /// The folder of the protocol, relative to the repository's root [default: gates]
    #[arg(long, global = true, value_name = "DIR")]
    pub gates: Option<PathBuf>,
    /// The remote that holds tags and ledger [default: the one that the protocol names]
    #[arg(long, global = true, value_name = "NAME")]
    pub remote: Option<String>,
    /// Where the signing key comes from: a path, env:NAME, agent:FINGERPRINT, or for snapshots and bundles openpgp:KEY, a key of gpg [default: as the protocol says]
    #[arg(long, global = true, value_name = "SOURCE", value_parser = key_source)]
    pub signing_key: Option<KeySource>,
    /// Colours in the answer
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// Never wrap lines [default: at the width of the terminal, else of COLUMNS]
    #[arg(long, global = true)]
    pub wide: bool,
    /// Say nothing where all is well, else only what is wrong
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more; twice: everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Show no progress on standard error
    #[arg(long, global = true)]
    pub no_progress: bool,
}

/// What a verb that only reads takes beside. What is written has the time of the clock, and no flag can change that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Args)]
pub struct Reading {
    /// Judge as if it were this time: for replays
    #[arg(long, value_name = "RFC3339")]
    pub now: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Human,
    /// For scripts
    Json,
    /// For test reporters: gates as test cases
    Junit,
    /// For GitHub Actions: annotations, step summary, outputs
    Github,
    /// For code scanning: findings as SARIF 2.1.0
    Sarif,
}

impl From<Format> for report::Format {
    fn from(format: Format) -> report::Format {
        match format {
            Format::Human => report::Format::Human,
            Format::Json => report::Format::Json,
            Format::Junit => report::Format::Junit,
            Format::Github => report::Format::Github,
            Format::Sarif => report::Format::Sarif,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Write a first protocol into gates/, with its document
    Init(Init),
    /// Run the gates and say what they found; moves nothing
    Verify(Verify),
    /// Show the policy in force, or make the committed gates/ the policy in force
    Policy {
        #[command(subcommand)]
        command: Policy,
    },
    /// Give a release its commit and its immutable tag
    Stage(Stage),
    /// Move a channel to releases: plan, gates, one atomic move with its ledger entry
    Promote(Promote),
    /// Move a channel back to releases it had
    Rollback(Rollback),
    /// Show every channel, release and hold, and what disagrees
    Status(Status),
    /// Say what a channel points to, by the verified ledger
    Resolve(Resolve),
    /// Show who moved what, when and why
    History(History),
    /// Verify the whole ledger: chain, signatures, tags, and the evidence judged again
    Audit(Audit),
    /// Freeze a channel, a release or everything
    Hold(Hold),
    /// Lift a hold
    Unhold(Hold),
    /// Let one release pass one gate for a time, with a reason
    Waive(Waive),
    /// Confirm an operator step for a release
    Ack(Ack),
    /// Record a reviewer's verdict
    Verdict {
        #[command(subcommand)]
        command: Verdict,
    },
    /// Carry out the slash command of the comment that GitHub started this job for
    Comment,
    /// Tell again what came of a move, where the telling failed
    Follow(Follow),
    /// Check that documents still speak of what is there
    Docs {
        #[command(subcommand)]
        command: Docs,
    },
    /// Check configuration artifacts by their rails, their references and the pointer file
    Validate(Validate),
    /// Capture files as content-addressed snapshots, verify and restore them
    Snapshot {
        #[command(subcommand)]
        command: Snapshot,
    },
    /// Make, sign, check and compare bundles: the files of a rail with a version and a window of effect
    Bundle {
        #[command(subcommand)]
        command: Bundle,
    },
    /// Bring what a channel is at into the read store
    Sync {
        #[command(subcommand)]
        command: Sync,
    },
    /// Compare configuration artifacts of two commits, channels, or the work tree
    Diff(Diff),
    /// Make rails, and look at the history of configuration artifacts
    Catalog {
        #[command(subcommand)]
        command: Catalog,
    },
    /// Keep on this machine which entry 0 begins the ledger
    Trust(Trust),
    /// Look for what would get in the way, and mend it
    Doctor(Doctor),
    /// Promote and roll back for real in a scratch copy, with injected failures
    Rehearse(Rehearse),
    /// Answer what the channels point to over HTTP; read-only
    Serve(Serve),
    /// Explain a gate kind, a key, a reason code or a finding code
    Explain(Explain),
    /// Print the JSON Schema of the configuration
    Schema(Schema),
    /// Print a completion script
    Completions(Completions),
    /// Print the manual page
    Man,
}

#[derive(Clone, Debug, Args)]
pub struct Init {
    /// The smallest protocol: one channel, one gate, no keys
    #[arg(long)]
    pub minimal: bool,
    /// A catalog of configuration artifacts: a small one that is right, with its rails and its gate, no keys
    #[arg(long, value_name = "PRESET", value_enum, conflicts_with_all = ["minimal", "github", "rulesets"])]
    pub preset: Option<Preset>,
    /// Print the rulesets that the protocol needs on GitHub, as bodies of `POST /repos/OWNER/REPO/rulesets`; writes nothing
    #[arg(long, conflicts_with_all = ["minimal", "github"])]
    pub rulesets: bool,
    /// The App that alone moves channel tags, by the number that its page shows as App ID
    #[arg(long, value_name = "NUMBER", requires = "rulesets", value_parser = clap::value_parser!(u64).range(1..))]
    pub app: Option<u64>,
    /// Write workflows for GitHub Actions that call those of Tagwarden's repository
    #[arg(long, conflicts_with = "minimal")]
    pub github: bool,
    /// Where the action is: a repository, and the commit whose action/assets.txt names the files of a release
    #[arg(long, value_name = "OWNER/NAME@COMMIT", requires = "github", value_parser = ActionRef::parse)]
    pub action: Option<ActionRef>,
    /// The environment that holds the keys
    #[arg(long, value_name = "NAME", requires = "github", default_value = "promotion", value_parser = environment)]
    pub environment: String,
}

/// What a catalog begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// Artifacts with versions, and a pointer file {id: version}
    Flat,
    /// Artifacts with versions, and a pointer file {kind: {id: version}}
    Grouped,
    /// Tables and pages that are checked by rails, without a pointer file
    Rails,
}

#[derive(Clone, Debug, Args)]
pub struct Verify {
    /// The channel to verify for [default: the only one]
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<ChannelName>,
    /// Judge this commit instead of the work tree
    #[arg(long, value_name = "REV", value_parser = word)]
    pub at: Option<String>,
    /// Run only this gate; may be repeated
    #[arg(id = "gate", long = "gate", value_name = "ID")]
    pub gates: Vec<GateId>,
    /// Judge by the policy in force instead of the gates/ that stand beside the files
    #[arg(long)]
    pub adopted: bool,
    /// Let gates run probes that write
    #[arg(long)]
    pub effects: bool,
    /// What is known of pull requests: a JSON file of numbers and states, outside of what is judged
    #[arg(long, value_name = "FILE")]
    pub pulls: Option<PathBuf>,
    #[command(flatten)]
    pub reading: Reading,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Policy {
    /// Make the committed gates/ the policy in force; writes the first ledger entry where there is none
    Adopt(Adopt),
    /// Show the policy in force
    Show(Reading),
}

#[derive(Clone, Debug, Args)]
pub struct Adopt {
    /// Why
    #[arg(long, value_name = "TEXT", value_parser = sentence)]
    pub reason: String,
    /// Record channel tags that are there already as they are; for the adoption that begins the ledger
    #[arg(long)]
    pub take_over: bool,
    /// The release that a channel is at, where the tag's commit bears no release tag, or several; may be repeated
    #[arg(long = "release", value_name = "CHANNEL=RELEASE", requires = "take_over", value_parser = channel_release)]
    pub releases: Vec<(ChannelName, String)>,
    #[command(flatten)]
    pub signatures: Signatures,
}

/// How a statement that needs several signers is brought together.
#[derive(Clone, Debug, Args)]
pub struct Signatures {
    /// A co-signer's SSH signature over the statement; may be repeated
    #[arg(long = "signature", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Print the statement that co-signers sign, and do nothing else
    #[arg(long)]
    pub print_statement: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Stage {
    /// package@version, or the name of a release tag
    #[arg(value_name = "RELEASE", value_parser = word)]
    pub release: String,
    /// The commit
    #[arg(long, value_name = "REV", value_parser = word)]
    pub at: String,
}

/// Which commit a release is meant to be at.
#[derive(Clone, Debug, Default, Args)]
pub struct Meant {
    /// The commit that is meant, in full: a release at another is refused, and a new one is made there
    #[arg(long, value_name = "OID")]
    pub sha: Option<Oid>,
}

#[derive(Clone, Debug, Args)]
pub struct Promote {
    /// package@version, or the name of a release tag; several move together or not at all
    #[arg(value_name = "RELEASE", required_unless_present = "retire", value_parser = word)]
    pub releases: Vec<String>,
    /// The channel to move
    #[arg(long, value_name = "CHANNEL")]
    pub channel: ChannelName,
    /// Take this artifact out of the channel's pointer file, in the same move; may be repeated, and needs a reason
    #[arg(long, value_name = "KIND:ID", requires = "reason", value_parser = artifact)]
    pub retire: Vec<PackageName>,
    #[command(flatten)]
    pub meant: Meant,
    /// Why
    #[arg(long, value_name = "TEXT", value_parser = sentence)]
    pub reason: Option<String>,
    /// Let gates pass bundles that are signed and not in force yet
    #[arg(long)]
    pub scheduled: bool,
    #[command(flatten)]
    pub moving: Moving,
}

#[derive(Clone, Debug, Args)]
pub struct Rollback {
    /// What to go back to [default: the newest release before the present one that is not held]
    #[arg(value_name = "RELEASE", value_parser = word)]
    pub releases: Vec<String>,
    /// The channel to move
    #[arg(long, value_name = "CHANNEL")]
    pub channel: ChannelName,
    /// Why
    #[arg(long, value_name = "TEXT", value_parser = sentence)]
    pub reason: String,
    #[command(flatten)]
    pub meant: Meant,
    #[command(flatten)]
    pub moving: Moving,
}

#[derive(Clone, Debug, Args)]
pub struct Moving {
    /// Show the plan and which gates would decide; judge and move nothing
    #[arg(long)]
    pub dry_run: bool,
    /// A name for this request: repeated, it is recognised and not done twice
    #[arg(long, value_name = "ID", value_parser = claim)]
    pub claim: Option<String>,
    /// What is known of pull requests: a JSON file of numbers and states, outside of what is judged
    #[arg(long, value_name = "FILE")]
    pub pulls: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub struct Status {
    /// Only this channel
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<ChannelName>,
    /// Every version of every configuration artifact, with where it stands
    #[arg(long)]
    pub packages: bool,
    #[command(flatten)]
    pub reading: Reading,
}

#[derive(Clone, Debug, Args)]
pub struct Resolve {
    #[arg(value_name = "CHANNEL")]
    pub channel: ChannelName,
    #[command(flatten)]
    pub reading: Reading,
}

#[derive(Clone, Debug, Args)]
pub struct History {
    /// Only this channel
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<ChannelName>,
    #[command(flatten)]
    pub reading: Reading,
}

#[derive(Clone, Debug, Args)]
pub struct Audit {
    /// The head remembered from before: shows a ledger that was cut off or replaced
    #[arg(long, value_name = "OID")]
    pub expect_head: Option<Oid>,
    /// Judge the recorded evidence again: of the newest entry per channel, or of every entry
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = Rejudge::Newest)]
    pub rejudge: Rejudge,
    #[command(flatten)]
    pub reading: Reading,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Rejudge {
    #[default]
    Newest,
    All,
}

/// What a hold freezes: exactly one of the three.
#[derive(Clone, Debug, Args)]
#[command(group = clap::ArgGroup::new("scope").required(true))]
pub struct Hold {
    /// This channel
    #[arg(long, value_name = "CHANNEL", group = "scope")]
    pub channel: Option<ChannelName>,
    /// This release, on every channel
    #[arg(long, value_name = "RELEASE", group = "scope", value_parser = word)]
    pub release: Option<String>,
    /// Everything
    #[arg(long, group = "scope")]
    pub all: bool,
    /// Why
    #[arg(long, value_name = "TEXT", value_parser = sentence)]
    pub reason: String,
}

#[derive(Clone, Debug, Args)]
pub struct Waive {
    /// The gate
    #[arg(value_name = "GATE")]
    pub gate: GateId,
    /// For this channel
    #[arg(long, value_name = "CHANNEL")]
    pub channel: ChannelName,
    /// For this release
    #[arg(long, value_name = "RELEASE", value_parser = word)]
    pub release: String,
    /// How long: a duration (24h) or a time (2026-11-21T10:00:00Z)
    #[arg(long, value_name = "SPAN|TIME")]
    pub until: Until,
    /// Why
    #[arg(long, value_name = "TEXT", value_parser = sentence)]
    pub reason: String,
    #[command(flatten)]
    pub meant: Meant,
}

#[derive(Clone, Debug, Args)]
pub struct Trust {
    /// Entry 0 in full, as the adoption that wrote it printed it
    #[arg(value_name = "OID")]
    pub genesis: Oid,
}

#[derive(Clone, Debug, Args)]
pub struct Ack {
    /// The gate that asks for it
    #[arg(value_name = "GATE")]
    pub gate: GateId,
    /// For this channel
    #[arg(long, value_name = "CHANNEL")]
    pub channel: ChannelName,
    /// For this release
    #[arg(long, value_name = "RELEASE", value_parser = word)]
    pub release: String,
    #[command(flatten)]
    pub meant: Meant,
}

#[derive(Clone, Debug, Args)]
pub struct Follow {
    /// The entry that recorded the move [default: the newest that moved a channel or was asked for in a comment]
    #[arg(long, value_name = "N")]
    pub serial: Option<u64>,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Verdict {
    /// Record a verdict on one commit
    Record(VerdictRecord),
}

#[derive(Clone, Debug, Args)]
#[command(group = clap::ArgGroup::new("subject").required(true))]
pub struct VerdictRecord {
    #[arg(value_name = "VERDICT", value_enum, ignore_case = true)]
    pub verdict: VerdictWord,
    /// On this release's commit
    #[arg(long, value_name = "RELEASE", group = "subject", value_parser = word)]
    pub release: Option<String>,
    /// On this commit
    #[arg(long, value_name = "REV", group = "subject", value_parser = word)]
    pub at: Option<String>,
    /// What was looked at, or found
    #[arg(long, value_name = "TEXT", value_parser = sentence)]
    pub reason: Option<String>,
}

impl ValueEnum for VerdictWord {
    fn value_variants<'a>() -> &'a [VerdictWord] {
        VerdictWord::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.slug()))
    }
}

#[derive(Clone, Debug, Subcommand)]
pub enum Docs {
    /// Resolve every reference, compare with the lock, and say what is wrong
    Check {
        #[command(flatten)]
        documents: DocsCheck,
        /// Write what is proven to be right into the documents, then check again
        #[arg(long, conflicts_with_all = ["at", "now"])]
        fix: bool,
    },
    /// List every reference with its place, kind and verdict
    List(DocsCheck),
    /// Write the lock: what the protocol's documents speak of now, to be reviewed
    Lock(DocsFacts),
    /// Let a broken reference stand, with a reason
    Accept(DocsAccept),
}

/// What documents are judged by beside the work tree.
#[derive(Clone, Debug, Default, Args)]
pub struct DocsFacts {
    /// What is known of pull requests: a JSON file of numbers and states
    #[arg(long, value_name = "FILE", conflicts_with = "github")]
    pub pulls: Option<PathBuf>,
    /// Ask GitHub about the pull requests that the documents name
    #[arg(long)]
    pub github: bool,
    /// A list of banned phrases, by its path from the root; may be repeated
    #[arg(long = "banned", value_name = "LIST", value_parser = word)]
    pub banned: Vec<String>,
    /// A root folder that belongs to another repository, as FOLDER=NAME; may be repeated
    #[arg(long = "foreign", value_name = "FOLDER=NAME", value_parser = foreign)]
    pub foreign: Vec<(String, String)>,
}

#[derive(Clone, Debug, Args)]
pub struct DocsAccept {
    /// The reference, as the document writes it or as the finding names it [default: all broken ones of the kind]
    #[arg(value_name = "TARGET", value_parser = target)]
    pub target: Option<String>,
    /// The kind of reference, as `docs list` shows it
    #[arg(long, value_name = "KIND", value_parser = reference_kind)]
    pub kind: ReferenceKind,
    /// Only in this document [default: in all of the protocol's documents]
    #[arg(long, value_name = "PATH")]
    pub document: Option<PathBuf>,
    /// Why it may stand
    #[arg(long, value_name = "TEXT", value_parser = sentence)]
    pub reason: String,
    /// Who accepts it [default: as git's user.name and user.email say]
    #[arg(long, value_name = "WHO", value_parser = sentence)]
    pub by: Option<String>,
    #[command(flatten)]
    pub facts: DocsFacts,
}

#[derive(Clone, Debug, Default, Args)]
pub struct DocsCheck {
    /// Documents, or folders of Markdown files [default: the protocol's documents]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Judge the documents and files of this commit [default: the work tree]
    #[arg(long, value_name = "REV", value_parser = word)]
    pub at: Option<String>,
    /// Judge every document as strictly as a protocol document
    #[arg(long)]
    pub strict: bool,
    /// Look only for these kinds of reference, or for `links`; the lock is not compared then. May be repeated
    #[arg(long, value_name = "KIND", value_parser = reference_kinds, value_delimiter = ',')]
    pub only: Vec<Kinds>,
    #[command(flatten)]
    pub facts: DocsFacts,
    #[command(flatten)]
    pub reading: Reading,
}

#[derive(Clone, Debug, Default, Args)]
pub struct Validate {
    /// Only artifacts at or below these paths, without the pointer file [default: all]
    #[arg(value_name = "PATH", conflicts_with = "changed_since")]
    pub paths: Vec<PathBuf>,
    /// Judge this commit, by its own gates/ [default: the work tree]
    #[arg(long, value_name = "REV", value_parser = word)]
    pub at: Option<String>,
    /// Check files by themselves only where they changed since this commit; what is said of several files is checked of all
    #[arg(long, value_name = "REV", value_parser = word)]
    pub changed_since: Option<String>,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Sync {
    /// Make the tables and views of the read store
    Init,
    /// Bring the release that the channel is at to the readers: hydrate, validate, move the pointer
    Once,
    /// Do so again and again: a controller that leads, or stands by until the one that leads is gone
    Run(SyncRun),
    /// Show what readers see, and why not something newer
    Status,
    /// Compare the live snapshot, row by row and byte by byte, with the release that it is of
    Audit,
    /// Plan what makes the live snapshot right again; at a terminal ask, with --yes do not, then write it and audit again
    Repair(Repair),
}

#[derive(Clone, Debug, Args)]
pub struct SyncRun {
    /// How often the remote is asked
    #[arg(long, value_name = "SPAN", default_value = "30s")]
    pub poll: Span,
    /// Where /healthz, /readyz, /status, /metrics and /hook are answered; port 0 takes a free one. There is neither TLS nor access
    /// control. Without it nothing listens
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// The variable with the secret of messages to /hook, which wake it before its time: signed as GitHub signs webhooks
    #[arg(long, value_name = "env:NAME", requires = "listen", value_parser = variable)]
    pub webhook: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub struct Repair {
    /// Carry the plan out without asking
    #[arg(long)]
    pub yes: bool,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Rail {
    /// Write the files of a new rail, to be filled in; nothing is written over
    New(NewRail),
}

#[derive(Clone, Debug, Args)]
pub struct NewRail {
    /// The name of its folder below gates/rails/
    #[arg(value_name = "NAME", value_parser = rail)]
    pub name: String,
}

#[derive(Clone, Debug, Args)]
pub struct Diff {
    /// A channel, a revision, or `.` for the work tree
    #[arg(value_name = "A", value_parser = word)]
    pub from: String,
    /// The other side [default: the work tree]
    #[arg(value_name = "B", value_parser = word)]
    pub to: Option<String>,
    /// Compare every artifact, not what is active
    #[arg(long)]
    pub all: bool,
    /// Whose pointer file says what is active, where no side is a channel and several have one
    #[arg(long, value_name = "CHANNEL", conflicts_with = "all")]
    pub channel: Option<ChannelName>,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Catalog {
    /// Show when artifacts became active and stopped to be, by the versions in the history of the pointer file
    History(CatalogHistory),
    /// Look for changes of versions after they were active or tagged
    Immutability(CatalogImmutability),
    /// Compare how far versions step up with what changed in their schemas
    Bumps(Diff),
    /// The rails that artifacts are checked by
    Rail {
        #[command(subcommand)]
        command: Rail,
    },
}

#[derive(Clone, Debug, Args)]
pub struct CatalogHistory {
    /// Only this artifact, or this kind
    #[arg(value_name = "KIND[:ID]", value_parser = word)]
    pub artifact: Option<String>,
    /// Only the pointer file of this channel
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<ChannelName>,
    /// The history of this commit [default: of the pointer file's branch, as this clone knows it]
    #[arg(long, value_name = "REV", value_parser = word)]
    pub at: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub struct CatalogImmutability {
    /// Only changes that came after this commit [default: all of the history]
    #[arg(long, value_name = "REV", value_parser = word)]
    pub since: Option<String>,
    /// Up to this commit [default: the release branch, as this clone knows it]
    #[arg(long, value_name = "REV", value_parser = word)]
    pub at: Option<String>,
    /// Only versions that are active at both ends
    #[arg(long, requires = "since")]
    pub active: bool,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Snapshot {
    /// Capture files; the same bytes again change nothing but the log
    Create(SnapshotCreate),
    /// List what was captured, oldest first
    List(StoreAt),
    /// Show one snapshot: its files, its events
    Info(SnapshotOne),
    /// Check every byte, name, tag and event of the store, or of one snapshot
    Verify(SnapshotVerify),
    /// Put the files of a snapshot into a folder; what was there is captured first
    Restore(SnapshotRestore),
    /// Sign a snapshot with the key that the protocol, or `--signing-key`, names
    Sign(SnapshotOne),
    /// Restore in a scratch copy, under injected faults, and record what came of it
    Rehearse(SnapshotRehearse),
    /// Forget the oldest snapshots that nothing rests on
    Prune(SnapshotPrune),
    /// Say how old the newest capture and the last verification are
    Status(SnapshotStatus),
}

/// Which store is meant.
#[derive(Clone, Debug, Default, Args)]
pub struct StoreAt {
    /// The folder of the store [default: the one that the protocol names]
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Bundle {
    /// Capture files of a rail as a bundle; a rail and a version name one content for ever
    Create(BundleCreate),
    /// List the bundles of a store, and which are in force
    List(StoreAt),
    /// Sign a bundle with the key that the protocol, or `--signing-key`, names
    Sign(SnapshotOne),
    /// Check every byte, the version, the signatures and the window of a bundle
    Verify(SnapshotOne),
    /// Show a bundle: its rail, version, window, files, and who signed it
    Show(SnapshotOne),
    /// Compare two bundles
    Diff(BundleDiff),
}

#[derive(Clone, Debug, Args)]
pub struct BundleCreate {
    #[command(flatten)]
    pub capturing: Capturing,
    /// The rail that the files are checked by, and that the bundle is of
    #[arg(long, value_name = "RAIL", value_parser = word)]
    pub rail: String,
    /// Its version
    #[arg(long, value_name = "VERSION", value_parser = word)]
    pub version: String,
    /// The first moment at which it is in force [default: always]
    #[arg(long, value_name = "TIME")]
    pub effective_from: Option<Timestamp>,
    /// The first moment at which it is not in force any more [default: it has no end]
    #[arg(long, value_name = "TIME")]
    pub effective_to: Option<Timestamp>,
}

#[derive(Clone, Debug, Args)]
pub struct BundleDiff {
    /// The bundle before: RAIL@VERSION, the first 8 or more digits of its digest, or a tag
    #[arg(value_name = "A")]
    pub from: Wanted,
    /// The bundle after
    #[arg(value_name = "B")]
    pub to: Wanted,
    #[command(flatten)]
    pub store: StoreAt,
}

#[derive(Clone, Debug, Args)]
pub struct SnapshotCreate {
    #[command(flatten)]
    pub capturing: Capturing,
    /// By how many percent files or bytes may be fewer than when the same source was captured last
    #[arg(long, value_name = "PERCENT", default_value_t = 50, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub max_shrink: u8,
}

/// What is captured.
#[derive(Clone, Debug, Args)]
pub struct Capturing {
    /// Files or folders. One folder: its files stand at the top of the snapshot; several paths keep their names from the root
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub store: StoreAt,
    /// Capture the files of this commit instead of those of the disk
    #[arg(long, value_name = "REV", value_parser = word, conflicts_with = "channel")]
    pub at: Option<String>,
    /// Capture the files of the commit that this channel is at, by the verified ledger
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<ChannelName>,
    /// A name for it, which protects it from being pruned; may be repeated
    #[arg(long = "tag", value_name = "NAME")]
    pub tags: Vec<Tag>,
    /// Sign it with the key that the protocol, or `--signing-key`, names
    #[arg(long)]
    pub sign: bool,
    /// Why
    #[arg(long, value_name = "TEXT", value_parser = sentence)]
    pub reason: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub struct SnapshotOne {
    /// The first 8 or more digits of its digest, a tag, or RAIL@VERSION of a bundle
    #[arg(value_name = "DIGEST")]
    pub snapshot: Wanted,
    #[command(flatten)]
    pub store: StoreAt,
}

#[derive(Clone, Debug, Args)]
pub struct SnapshotVerify {
    /// Only this one: the first 8 or more digits of its digest, or a tag [default: the whole store]
    #[arg(value_name = "DIGEST")]
    pub snapshot: Option<Wanted>,
    #[command(flatten)]
    pub store: StoreAt,
}

#[derive(Clone, Debug, Args)]
pub struct SnapshotRestore {
    /// The first 8 or more digits of its digest, or a tag
    #[arg(value_name = "DIGEST")]
    pub snapshot: Wanted,
    /// The folder; files of it that the snapshot does not name stay
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// A shell script that is run in the folder afterwards; if it fails, the folder goes back to what it was
    #[arg(long, value_name = "SCRIPT")]
    pub check: Option<String>,
    #[command(flatten)]
    pub store: StoreAt,
    /// Why
    #[arg(long, value_name = "TEXT", value_parser = sentence)]
    pub reason: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub struct SnapshotRehearse {
    /// The first 8 or more digits of its digest, a tag, or RAIL@VERSION of a bundle [default: the newest]
    #[arg(value_name = "DIGEST")]
    pub snapshot: Option<Wanted>,
    /// How long the restore may take at most
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub limit: u64,
    #[command(flatten)]
    pub store: StoreAt,
}

#[derive(Clone, Debug, Args)]
pub struct SnapshotPrune {
    /// How many of the newest are kept, beside those that something rests on
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub keep: usize,
    /// Show what would go; remove nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub store: StoreAt,
}

#[derive(Clone, Debug, Args)]
pub struct SnapshotStatus {
    /// Print metrics in the text format of Prometheus
    #[arg(long)]
    pub prometheus: bool,
    #[command(flatten)]
    pub store: StoreAt,
}

#[derive(Clone, Debug, Args)]
pub struct Doctor {
    /// Mend what can be mended from the verified ledger, and remove probe refs that were left behind
    #[arg(long)]
    pub fix: bool,
    /// Try a write: push a ref below refs/tagwarden/probe/, read it back, remove it
    #[arg(long)]
    pub write: bool,
    /// Ask GitHub for the settings that the protocol rests on, and read the workflows
    #[arg(long)]
    pub github: bool,
    /// The environment that holds the keys
    #[arg(long, value_name = "NAME", requires = "github", default_value = "promotion", value_parser = environment)]
    pub environment: String,
    /// The App that alone moves channel tags, by its number [default: the one of TAGWARDEN_APP_ID]
    #[arg(long, value_name = "NUMBER", requires = "github", value_parser = clap::value_parser!(u64).range(1..))]
    pub app: Option<u64>,
}

impl Command {
    /// Where the verb takes what is known of pull requests for its gates.
    pub fn pulls(&mut self) -> Option<&mut Option<PathBuf>> {
        match self {
            Command::Verify(verify) => Some(&mut verify.pulls),
            Command::Promote(promote) => Some(&mut promote.moving.pulls),
            Command::Rollback(rollback) => Some(&mut rollback.moving.pulls),
            _ => None,
        }
    }

    /// The time that a verb was told to judge by; verbs that write are told none.
    pub fn now(&self) -> Option<Timestamp> {
        let reading = match self {
            Command::Verify(verify) => verify.reading,
            Command::Policy { command: Policy::Show(reading) } => *reading,
            Command::Status(status) => status.reading,
            Command::Resolve(resolve) => resolve.reading,
            Command::History(history) => history.reading,
            Command::Audit(audit) => audit.reading,
            Command::Docs { command: Docs::Check { documents, .. } | Docs::List(documents) } => documents.reading,
            _ => return None,
        };
        reading.now
    }

    /// The files that the words name, apart from documents, which the repository resolves.
    fn files(&mut self) -> Vec<&mut PathBuf> {
        let signatures = match self {
            Command::Policy { command: Policy::Adopt(Adopt { signatures, .. }) } => signatures,
            Command::Docs { command: Docs::Check { documents: DocsCheck { facts, .. }, .. } | Docs::List(DocsCheck { facts, .. }) }
            | Command::Docs { command: Docs::Lock(facts) | Docs::Accept(DocsAccept { facts, .. }) } => {
                return facts.pulls.iter_mut().collect();
            }
            Command::Rehearse(rehearse) => return rehearse.pulls.iter_mut().collect(),
            Command::Snapshot { command } => return command.files(),
            Command::Bundle { command } => return command.files(),
            other => return other.pulls().into_iter().flatten().collect(),
        };
        signatures.files.iter_mut().collect()
    }
}

impl Snapshot {
    /// The folders that the words name. What is captured is named from the root of the repository, or resolved by the verb.
    fn files(&mut self) -> Vec<&mut PathBuf> {
        match self {
            Snapshot::Create(create) => create.capturing.store.store.iter_mut().collect(),
            Snapshot::List(store) => store.store.iter_mut().collect(),
            Snapshot::Info(one) | Snapshot::Sign(one) => one.store.store.iter_mut().collect(),
            Snapshot::Verify(verify) => verify.store.store.iter_mut().collect(),
            Snapshot::Restore(restore) => restore.store.store.iter_mut().chain([&mut restore.to]).collect(),
            Snapshot::Rehearse(rehearse) => rehearse.store.store.iter_mut().collect(),
            Snapshot::Prune(prune) => prune.store.store.iter_mut().collect(),
            Snapshot::Status(status) => status.store.store.iter_mut().collect(),
        }
    }
}

impl Bundle {
    fn files(&mut self) -> Vec<&mut PathBuf> {
        let store = match self {
            Bundle::Create(create) => &mut create.capturing.store,
            Bundle::Sign(one) | Bundle::Verify(one) | Bundle::Show(one) => &mut one.store,
            Bundle::List(store) => store,
            Bundle::Diff(diff) => &mut diff.store,
        };
        store.store.iter_mut().collect()
    }
}

impl Cli {
    /// The same words, said in this folder.
    #[must_use]
    pub fn said_in(mut self, dir: &Path) -> Cli {
        let repo = self.globals.repo.take().unwrap_or_default();
        self.globals.repo = Some(dir.join(repo));
        self.globals.output = self.globals.output.map(|path| dir.join(path));
        self.globals.also = self.globals.also.into_iter().map(|(format, path)| (format, dir.join(path))).collect();
        self.command.files().into_iter().for_each(|path| *path = dir.join(&*path));
        self
    }
}

#[derive(Clone, Debug, Args)]
pub struct Rehearse {
    /// The channel to drill [default: the first that has a tag]
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<ChannelName>,
    /// What is known of pull requests: a JSON file of numbers and states, outside of what is judged
    #[arg(long, value_name = "FILE")]
    pub pulls: Option<PathBuf>,
    /// Sign into the ledger how it went, for what is on the channel now and the policy in force; gates of kind `rehearsal` ask for it
    #[arg(long)]
    pub record: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Serve {
    /// Where to listen; port 0 takes a free one, which is printed. There is neither TLS nor access control, so addresses that
    /// other machines reach are warned of
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7077")]
    pub listen: SocketAddr,
}

#[derive(Clone, Debug, Args)]
pub struct Explain {
    /// A gate kind (http), a key (on_fail), a reason code (gate_failed) or a finding code (http/status); without it, a list
    #[arg(value_name = "ID")]
    pub id: Option<String>,
    #[command(flatten)]
    pub reading: Reading,
}

#[derive(Clone, Debug, Args)]
pub struct Schema {
    /// Of gates/protocol.yaml, of a rail's lint.yaml, or of a gate file; without it, all
    #[arg(value_name = "FILE", value_enum)]
    pub file: Option<SchemaOf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    Protocol,
    Lint,
    Gate,
}

#[derive(Clone, Debug, Args)]
pub struct Completions {
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: clap_complete::Shell,
}

/// One word: not empty, no white space, no control character, not an option.
fn word(text: &str) -> Result<String, String> {
    if text.is_empty() || text.starts_with('-') || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("one word is wanted, without white space, not starting with `-`".to_owned());
    }
    Ok(text.to_owned())
}

fn rail(text: &str) -> Result<String, String> {
    match text {
        "none" => Err("`rail: none` says that nothing is checked, so no rail has this name".to_owned()),
        name => rails::name(name),
    }
}

/// The name of an environment. Workflows have it as text, in which GitHub would evaluate an expression.
fn environment(text: &str) -> Result<String, String> {
    match text.contains("${{") {
        true => Err("the name of an environment is wanted, and `${{` begins an expression".to_owned()),
        false => word(text),
    }
}

/// What a reference leads to: commands and titles have several words.
fn target(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.starts_with('-') || text.contains(char::is_control) {
        return Err("a reference is wanted, as the document writes it, not starting with `-`".to_owned());
    }
    Ok(text.to_owned())
}

/// A word that no comment has as its claim.
fn claim(text: &str) -> Result<String, String> {
    match text.starts_with("comment:") {
        true => Err("`comment:` begins the claims of slash commands".to_owned()),
        false => word(text),
    }
}

/// `channel=release`.
fn channel_release(text: &str) -> Result<(ChannelName, String), String> {
    let (channel, release) = text.split_once('=').ok_or("a channel and its release are wanted, as CHANNEL=RELEASE")?;
    Ok((channel.parse()?, word(release)?))
}

/// `folder=name` of another repository.
fn foreign(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((folder, name)) if !folder.is_empty() && !name.is_empty() => Ok((folder.trim_matches('/').to_owned(), name.to_owned())),
        _ => Err("a folder and the name of its repository must stand here, as FOLDER=NAME".to_owned()),
    }
}

/// A kind, or the group of them that link checkers look at.
fn reference_kinds(text: &str) -> Result<Kinds, String> {
    match text {
        "links" => Ok(Kinds::LINKS),
        _ => {
            let names: Vec<&str> = ["links"].into_iter().chain(ReferenceKind::ALL.iter().map(|kind| kind.slug())).collect();
            ReferenceKind::parse(text).map(|kind| Kinds::of(&[kind])).ok_or_else(|| near::help(text, &names))
        }
    }
}

fn artifact(text: &str) -> Result<PackageName, String> {
    let name: Option<PackageName> = text.parse().ok();
    name.filter(|name| name.artifact().is_some()).ok_or_else(|| format!("`{}` is not written as kind:id", text.escape_debug()))
}

fn reference_kind(text: &str) -> Result<ReferenceKind, String> {
    let names: Vec<&str> = ReferenceKind::ALL.iter().map(|kind| kind.slug()).collect();
    ReferenceKind::parse(text).ok_or_else(|| near::help(text, &names))
}

pub fn also(text: &str) -> Result<(Format, PathBuf), String> {
    let wanted = || format!("`{text}` is not of the form FORMAT=FILE, where FORMAT is json, junit, sarif or human");
    let (format, file) = text.split_once('=').filter(|(_, file)| !file.is_empty()).ok_or_else(wanted)?;
    // What GitHub reads from the output is not a file.
    let format = Format::from_str(format, false).ok().filter(|format| *format != Format::Github).ok_or_else(wanted)?;
    Ok((format, PathBuf::from(file)))
}

/// The name in `env:NAME`. What is given instead may be the secret itself, so it is not repeated.
fn variable(source: &str) -> Result<String, String> {
    match source.split_once(':') {
        Some(("env", name)) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err("env:NAME is wanted, the name of a variable that holds the secret".to_owned()),
    }
}

fn key_source(source: &str) -> Result<KeySource, String> {
    match source.split_once(':') {
        _ if source.is_empty() => Err("a path, env:NAME, agent:FINGERPRINT or openpgp:KEY is wanted".to_owned()),
        _ if source == "none" => Err("whether entries are signed is said by the policy in force, not by a flag".to_owned()),
        Some(("env", name)) if !name.is_empty() => Ok(KeySource::Env(name.to_owned())),
        Some(("agent", fingerprint)) if fingerprint.starts_with("SHA256:") => Ok(KeySource::Agent(fingerprint.to_owned())),
        Some(("openpgp", key)) if !key.trim().is_empty() && !key.contains(char::is_control) => {
            Ok(KeySource::OpenPgp(key.trim().to_owned()))
        }
        Some(("openpgp", _)) => Err("openpgp:KEY is wanted, the fingerprint of a key that `gpg` has".to_owned()),
        Some(("env" | "agent", _)) => Err(format!("`{source}` is neither env:NAME nor agent:SHA256:FINGERPRINT")),
        _ => Ok(KeySource::Path(source.to_owned())),
    }
}
