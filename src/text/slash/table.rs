//! The table of commands.

use super::{
    command::{self, Command},
    dialect::Dialect,
    value::{Kind, Values},
};
use crate::domain::Verb;

/// One command.
pub struct Spec {
    /// Lower-case letters.
    pub name: &'static str,
    /// One line of help.
    pub about: &'static str,
    /// The program's own words for it; arguments come behind.
    pub program: &'static [&'static str],
    /// First those by position, in their order; at most the last of them repeats.
    pub arguments: &'static [Argument],
    /// Exactly one of these flags must be given; none where empty.
    pub one_of: &'static [&'static str],
    /// Flags of the program that a comment does not take, each with what to do in place of it.
    pub not_here: &'static [(&'static str, &'static str)],
    pub right: Right,
    pub on: &'static [On],
    /// A whole command without the prefix.
    pub example: &'static str,
    /// The command, once every argument that must be there is.
    pub(super) make: fn(&mut Values) -> Option<Command>,
}

/// What somebody must be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// To read the repository.
    Read,
    /// To be named by any role of the policy in force.
    Role,
    /// What the roles of the policy in force permit, on the channel that is named.
    Verb(Verb),
}

/// What a comment may stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    OpenPull,
    MergedPull,
    /// The issue that `comment.release_issue` names.
    ReleaseIssue,
}

impl On {
    pub const fn about(self) -> &'static str {
        match self {
            On::OpenPull => "an open pull request",
            On::MergedPull => "a merged pull request",
            On::ReleaseIssue => "the release issue",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Of a flag: without the hyphens.
    pub name: &'static str,
    pub form: Form,
    pub kind: Kind,
    pub need: Need,
    pub repeats: bool,
    /// What it says, without a full stop.
    pub about: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Position,
    Flag,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Always,
    /// Unless `comment.require_sha` is false.
    Policy,
    No,
}

impl Need {
    pub const fn is_met_by(self, dialect: &Dialect) -> bool {
        match self {
            Need::Always => false,
            Need::Policy => !dialect.require_sha,
            Need::No => true,
        }
    }
}

impl Argument {
    const fn flag(name: &'static str, kind: Kind, need: Need, about: &'static str) -> Argument {
        Argument { name, form: Form::Flag, kind, need, repeats: false, about }
    }

    const fn position(name: &'static str, kind: Kind, need: Need, about: &'static str) -> Argument {
        Argument { name, form: Form::Position, kind, need, repeats: false, about }
    }

    const fn repeated(self) -> Argument {
        Argument { repeats: true, ..self }
    }

    /// As it is spoken of: `--channel`, `RELEASE`.
    pub fn shown(&self) -> String {
        match self.form {
            Form::Position => self.kind.placeholder().to_owned(),
            Form::Flag => format!("--{}", self.name),
        }
    }

    /// As it is written: `--channel CHANNEL`, `RELEASE...`.
    pub fn written(&self) -> String {
        let repeated = if self.repeats && self.form == Form::Position { "..." } else { "" };
        match (self.form, self.kind) {
            (Form::Flag, Kind::Switch) => self.shown(),
            (Form::Flag, kind) => format!("{} {}", self.shown(), kind.placeholder()),
            (Form::Position, kind) => format!("{}{repeated}", kind.placeholder()),
        }
    }
}

impl Spec {
    pub fn argument(&self, form: Form, name: &str) -> Option<&'static Argument> {
        self.arguments.iter().find(|argument| argument.form == form && argument.name == name)
    }

    pub fn flags(&self) -> impl Iterator<Item = &'static Argument> + use<> {
        self.arguments.iter().filter(|argument| argument.form == Form::Flag)
    }

    pub fn positions(&self) -> impl Iterator<Item = &'static Argument> + use<> {
        self.arguments.iter().filter(|argument| argument.form == Form::Position)
    }

    /// Whether it may write an entry of the ledger, and what is pushed with it.
    pub fn writes(&self) -> bool {
        matches!(self.right, Right::Verb(_)) && !self.program.contains(&"--dry-run")
    }

    /// Whether a commit can be named, by `--sha` or by `--at`.
    pub fn names_commit(&self) -> bool {
        self.flags().any(|flag| flag.kind == Kind::Sha)
    }

    /// One line with every argument, in brackets what may be left out.
    pub fn usage(&self, dialect: &Dialect) -> String {
        let mut words = vec![format!("{}{}", dialect.prefix, self.name)];
        let mut chosen: Vec<String> = Vec::new();
        for argument in self.arguments {
            if self.one_of.contains(&argument.name) && argument.form == Form::Flag {
                chosen.push(argument.written());
                if chosen.len() == self.one_of.len() {
                    words.push(format!("({})", chosen.join(" | ")));
                }
            } else if argument.need.is_met_by(dialect) {
                let repeated = if argument.repeats && argument.form == Form::Flag { "..." } else { "" };
                words.push(format!("[{}]{repeated}", argument.written()));
            } else {
                words.push(argument.written());
            }
        }
        words.join(" ")
    }
}

/// The command of this name.
pub fn spec(name: &str) -> Option<&'static Spec> {
    COMMANDS.iter().find(|spec| spec.name == name)
}

const EVERYWHERE: &[On] = &[On::OpenPull, On::MergedPull, On::ReleaseIssue];

const CHANNEL: &str = "channel";
const RELEASES: &str = "package@version, or the name of a release tag; several move together or not at all";
const RELEASE: &str = "package@version, or the name of a release tag";
const SHA: &str = "The full commit id of the release; of several releases, the one that all are at";
const WHY: &str = "Why";

const CLAIM: (&str, &str) = ("claim", "leave it out: the comment itself is the claim");
const PULLS: (&str, &str) = ("pulls", "leave it out: GitHub is asked");
const NOW: (&str, &str) = ("now", "leave it out: a comment is answered at the time of the clock");
const RETIRE: (&str, &str) = ("retire", "run `tagwarden promote --retire KIND:ID` on a machine");
const SCHEDULED: (&str, &str) = ("scheduled", "run `tagwarden promote --scheduled` on a machine");
const DRY_RUN: (&str, &str) = ("dry-run", "`plan` shows what `promote` would do");

/// Every command, in the order of the help.
pub const COMMANDS: &[Spec] = &[
    Spec {
        name: "promote",
        about: "Move a channel to releases: plan, gates, one atomic move with its ledger entry",
        program: &["promote"],
        arguments: &[
            Argument::position("releases", Kind::Release, Need::Always, RELEASES).repeated(),
            Argument::flag(CHANNEL, Kind::Channel, Need::Always, "The channel to move"),
            Argument::flag("sha", Kind::Sha, Need::Policy, SHA),
            Argument::flag("reason", Kind::Text, Need::No, WHY),
        ],
        one_of: &[],
        not_here: &[DRY_RUN, CLAIM, PULLS, RETIRE, SCHEDULED],
        right: Right::Verb(Verb::Promote),
        on: EVERYWHERE,
        example: "promote web@1.4.0 --channel production --sha 4b825dc642cb6eb9a060e54bf8d69288fbee4904 --reason \"fixes the login\"",
        make: command::promote,
    },
    Spec {
        name: "rollback",
        about: "Move a channel back to releases it had",
        program: &["rollback"],
        arguments: &[
            Argument::position("releases", Kind::Release, Need::No, "What to go back to; without it, the newest before that is not held")
                .repeated(),
            Argument::flag(CHANNEL, Kind::Channel, Need::Always, "The channel to move"),
            Argument::flag("sha", Kind::Sha, Need::No, SHA),
            Argument::flag("reason", Kind::Text, Need::Always, WHY),
        ],
        one_of: &[],
        not_here: &[("dry-run", "`status` shows what the channel had"), CLAIM, PULLS],
        right: Right::Verb(Verb::Rollback),
        on: EVERYWHERE,
        example: "rollback --channel production --reason \"logins fail\"",
        make: command::rollback,
    },
    Spec {
        name: "verify",
        about: "Run the gates and say what they found; moves nothing",
        program: &["verify"],
        arguments: &[
            Argument::flag(CHANNEL, Kind::Channel, Need::No, "The channel to verify for; without it, the only one"),
            Argument::flag("at", Kind::Sha, Need::No, "The full id of the commit to judge"),
            Argument::flag("gate", Kind::Gate, Need::No, "Run only this gate; may be repeated").repeated(),
        ],
        one_of: &[],
        not_here: &[
            ("adopted", "leave it out: the policy in force judges what a comment asks for"),
            ("effects", "leave it out: probes that write run only in a promotion"),
            PULLS,
            NOW,
        ],
        right: Right::Role,
        on: EVERYWHERE,
        example: "verify --channel staging --at 4b825dc642cb6eb9a060e54bf8d69288fbee4904",
        make: command::verify,
    },
    Spec {
        name: "status",
        about: "Show every channel, release and hold, and what disagrees",
        program: &["status"],
        arguments: &[Argument::flag(CHANNEL, Kind::Channel, Need::No, "Only this channel")],
        one_of: &[],
        not_here: &[NOW, ("packages", "run `tagwarden status --packages` on a machine")],
        right: Right::Read,
        on: EVERYWHERE,
        example: "status --channel production",
        make: command::status,
    },
    Spec {
        name: "plan",
        about: "Show what `promote` would move and which gates would decide; moves nothing",
        program: &["promote", "--dry-run"],
        arguments: &[
            Argument::position("releases", Kind::Release, Need::Always, RELEASES).repeated(),
            Argument::flag(CHANNEL, Kind::Channel, Need::Always, "The channel that would move"),
            Argument::flag("sha", Kind::Sha, Need::No, SHA),
            Argument::flag("reason", Kind::Text, Need::No, WHY),
        ],
        one_of: &[],
        not_here: &[("dry-run", "leave it out: `plan` moves nothing"), CLAIM, PULLS, RETIRE, SCHEDULED],
        right: Right::Verb(Verb::Promote),
        on: EVERYWHERE,
        example: "plan web@1.4.0 --channel production",
        make: command::plan,
    },
    Spec {
        name: "hold",
        about: "Freeze a channel, a release or everything",
        program: &["hold"],
        arguments: &[
            Argument::flag(CHANNEL, Kind::Channel, Need::No, "This channel"),
            Argument::flag("release", Kind::Release, Need::No, "This release, on every channel"),
            Argument::flag("all", Kind::Switch, Need::No, "Everything"),
            Argument::flag("reason", Kind::Text, Need::Always, WHY),
        ],
        one_of: &[CHANNEL, "release", "all"],
        not_here: &[],
        right: Right::Verb(Verb::Hold),
        on: EVERYWHERE,
        example: "hold --channel production --reason \"an incident is open\"",
        make: command::hold,
    },
    Spec {
        name: "unhold",
        about: "Lift a hold",
        program: &["unhold"],
        arguments: &[
            Argument::flag(CHANNEL, Kind::Channel, Need::No, "The hold of this channel"),
            Argument::flag("release", Kind::Release, Need::No, "The hold of this release"),
            Argument::flag("all", Kind::Switch, Need::No, "The hold of everything"),
            Argument::flag("reason", Kind::Text, Need::Always, WHY),
        ],
        one_of: &[CHANNEL, "release", "all"],
        not_here: &[],
        right: Right::Verb(Verb::Unhold),
        on: EVERYWHERE,
        example: "unhold --release web@1.4.0 --reason \"the fix is in\"",
        make: command::unhold,
    },
    Spec {
        name: "ack",
        about: "Confirm an operator step for a release",
        program: &["ack"],
        arguments: &[
            Argument::position("gate", Kind::Gate, Need::Always, "The gate that asks for it"),
            Argument::flag(CHANNEL, Kind::Channel, Need::Always, "For this channel"),
            Argument::flag("release", Kind::Release, Need::Always, RELEASE),
            Argument::flag("sha", Kind::Sha, Need::No, SHA),
        ],
        one_of: &[],
        not_here: &[],
        right: Right::Verb(Verb::Ack),
        on: EVERYWHERE,
        example: "ack migration --channel production --release web@1.4.0",
        make: command::ack,
    },
    Spec {
        name: "waive",
        about: "Let one release pass one gate for a time, with a reason",
        program: &["waive"],
        arguments: &[
            Argument::position("gate", Kind::Gate, Need::Always, "The gate"),
            Argument::flag(CHANNEL, Kind::Channel, Need::Always, "For this channel"),
            Argument::flag("release", Kind::Release, Need::Always, RELEASE),
            Argument::flag("sha", Kind::Sha, Need::No, SHA),
            Argument::flag("until", Kind::Until, Need::Always, "How long: a duration (24h) or a time (2026-11-21T10:00:00Z)"),
            Argument::flag("reason", Kind::Text, Need::Always, WHY),
        ],
        one_of: &[],
        not_here: &[],
        right: Right::Verb(Verb::Waive),
        on: EVERYWHERE,
        example: "waive docs --channel production --release web@1.4.0 --until 36h --reason \"the page follows\"",
        make: command::waive,
    },
    Spec {
        name: "verdict",
        about: "Record a reviewer's verdict on one commit",
        program: &["verdict", "record"],
        arguments: &[
            Argument::position("record", Kind::Word("record"), Need::Always, "The word itself"),
            Argument::position("verdict", Kind::Verdict, Need::Always, "What was found"),
            Argument::flag("release", Kind::Release, Need::No, "On this release's commit"),
            Argument::flag("at", Kind::Sha, Need::No, "On the commit of this full id"),
            Argument::flag("reason", Kind::Text, Need::No, "What was looked at, or found"),
        ],
        one_of: &["release", "at"],
        not_here: &[],
        right: Right::Verb(Verb::Verdict),
        on: EVERYWHERE,
        example: "verdict record SAFE --release web@1.4.0 --reason \"read every change\"",
        make: command::verdict,
    },
    Spec {
        name: "help",
        about: "Say which commands there are, or how one of them is written",
        program: &["help"],
        arguments: &[Argument::position("command", Kind::Command, Need::No, "The command")],
        one_of: &[],
        not_here: &[],
        right: Right::Read,
        on: EVERYWHERE,
        example: "help promote",
        make: command::help,
    },
];
