//! The commands as typed values, and how one is written.

use super::{
    dialect::Prefix,
    table::{self, Form},
    value::{Kind, Values},
    words,
};
use crate::domain::{ChannelName, GateId, Oid, ReleaseWord, Until, VerdictWord};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Promote(Promote),
    Rollback(Rollback),
    Verify(Verify),
    Status(Status),
    /// `promote --dry-run`.
    Plan(Promote),
    Hold(Hold),
    Unhold(Hold),
    Ack(Ack),
    Waive(Waive),
    Verdict(Verdict),
    /// Of this command, or of all.
    Help(Option<&'static str>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promote {
    /// Never empty.
    pub releases: Vec<ReleaseWord>,
    pub channel: ChannelName,
    /// The commit that every release must be at.
    pub sha: Option<Oid>,
    pub reason: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollback {
    /// Empty: the newest release before the present one that is not held.
    pub releases: Vec<ReleaseWord>,
    pub channel: ChannelName,
    pub sha: Option<Oid>,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verify {
    pub channel: Option<ChannelName>,
    pub at: Option<Oid>,
    /// Empty: every gate.
    pub gates: Vec<GateId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub channel: Option<ChannelName>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub on: HoldOn,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldOn {
    Channel(ChannelName),
    Release(ReleaseWord),
    All,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    pub gate: GateId,
    pub channel: ChannelName,
    pub release: ReleaseWord,
    pub sha: Option<Oid>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waive {
    pub gate: GateId,
    pub channel: ChannelName,
    pub release: ReleaseWord,
    pub sha: Option<Oid>,
    pub until: Until,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub verdict: VerdictWord,
    pub on: VerdictOn,
    pub reason: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerdictOn {
    Release(ReleaseWord),
    Commit(Oid),
}

pub(super) fn promote(values: &mut Values) -> Option<Command> {
    moved(values).map(Command::Promote)
}

pub(super) fn plan(values: &mut Values) -> Option<Command> {
    moved(values).map(Command::Plan)
}

fn moved(values: &mut Values) -> Option<Promote> {
    let releases = Some(values.all("releases")).filter(|releases| !releases.is_empty())?;
    Some(Promote { releases, channel: values.one("channel")?, sha: values.one("sha"), reason: values.one("reason") })
}

pub(super) fn rollback(values: &mut Values) -> Option<Command> {
    Some(Command::Rollback(Rollback {
        releases: values.all("releases"),
        channel: values.one("channel")?,
        sha: values.one("sha"),
        reason: values.one("reason")?,
    }))
}

pub(super) fn verify(values: &mut Values) -> Option<Command> {
    Some(Command::Verify(Verify { channel: values.one("channel"), at: values.one("at"), gates: values.all("gate") }))
}

pub(super) fn status(values: &mut Values) -> Option<Command> {
    Some(Command::Status(Status { channel: values.one("channel") }))
}

pub(super) fn hold(values: &mut Values) -> Option<Command> {
    held(values).map(Command::Hold)
}

pub(super) fn unhold(values: &mut Values) -> Option<Command> {
    held(values).map(Command::Unhold)
}

fn held(values: &mut Values) -> Option<Hold> {
    let on = match (values.one("channel"), values.one("release")) {
        (Some(channel), _) => HoldOn::Channel(channel),
        (None, Some(release)) => HoldOn::Release(release),
        (None, None) if values.has("all") => HoldOn::All,
        (None, None) => return None,
    };
    Some(Hold { on, reason: values.one("reason")? })
}

pub(super) fn ack(values: &mut Values) -> Option<Command> {
    Some(Command::Ack(Ack {
        gate: values.one("gate")?,
        channel: values.one("channel")?,
        release: values.one("release")?,
        sha: values.one("sha"),
    }))
}

pub(super) fn waive(values: &mut Values) -> Option<Command> {
    Some(Command::Waive(Waive {
        gate: values.one("gate")?,
        channel: values.one("channel")?,
        release: values.one("release")?,
        sha: values.one("sha"),
        until: values.one("until")?,
        reason: values.one("reason")?,
    }))
}

pub(super) fn verdict(values: &mut Values) -> Option<Command> {
    let on = match values.one("release") {
        Some(release) => VerdictOn::Release(release),
        None => VerdictOn::Commit(values.one("at")?),
    };
    Some(Command::Verdict(Verdict { verdict: values.one("verdict")?, on, reason: values.one("reason") }))
}

pub(super) fn help(values: &mut Values) -> Option<Command> {
    Some(Command::Help(values.one("command")))
}

impl Command {
    pub fn name(&self) -> &'static str {
        match self {
            Command::Promote(_) => "promote",
            Command::Rollback(_) => "rollback",
            Command::Verify(_) => "verify",
            Command::Status(_) => "status",
            Command::Plan(_) => "plan",
            Command::Hold(_) => "hold",
            Command::Unhold(_) => "unhold",
            Command::Ack(_) => "ack",
            Command::Waive(_) => "waive",
            Command::Verdict(_) => "verdict",
            Command::Help(_) => "help",
        }
    }

    /// The channel that it names: the one that the right to it is judged on.
    pub fn channel(&self) -> Option<&ChannelName> {
        match self {
            Command::Promote(of) | Command::Plan(of) => Some(&of.channel),
            Command::Rollback(of) => Some(&of.channel),
            Command::Verify(of) => of.channel.as_ref(),
            Command::Status(of) => of.channel.as_ref(),
            Command::Hold(Hold { on: HoldOn::Channel(channel), .. }) | Command::Unhold(Hold { on: HoldOn::Channel(channel), .. }) => {
                Some(channel)
            }
            Command::Ack(of) => Some(&of.channel),
            Command::Waive(of) => Some(&of.channel),
            Command::Hold(_) | Command::Unhold(_) | Command::Verdict(_) | Command::Help(_) => None,
        }
    }

    /// The commit that it names by its full id.
    pub fn commit(&self) -> Option<&Oid> {
        match self {
            Command::Promote(of) | Command::Plan(of) => of.sha.as_ref(),
            Command::Rollback(of) => of.sha.as_ref(),
            Command::Verify(of) => of.at.as_ref(),
            Command::Ack(of) => of.sha.as_ref(),
            Command::Waive(of) => of.sha.as_ref(),
            Command::Verdict(Verdict { on: VerdictOn::Commit(commit), .. }) => Some(commit),
            Command::Status(_) | Command::Hold(_) | Command::Unhold(_) | Command::Verdict(_) | Command::Help(_) => None,
        }
    }

    /// Why, where it says so.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Command::Promote(of) | Command::Plan(of) => of.reason.as_deref(),
            Command::Rollback(of) => Some(&of.reason),
            Command::Hold(of) | Command::Unhold(of) => Some(&of.reason),
            Command::Waive(of) => Some(&of.reason),
            Command::Verdict(of) => of.reason.as_deref(),
            Command::Verify(_) | Command::Status(_) | Command::Ack(_) | Command::Help(_) => None,
        }
    }

    /// The line that is read as this command.
    pub fn line(&self, prefix: &Prefix) -> String {
        let mut line = format!("{prefix}{}", self.name());
        for (name, value) in self.values() {
            let flag = table::spec(self.name()).is_some_and(|spec| spec.argument(Form::Flag, name).is_some());
            line.push(' ');
            if flag {
                line.push_str("--");
                line.push_str(name);
            }
            if let Some(value) = value {
                line.push_str(if flag { " " } else { "" });
                line.push_str(&words::quoted(&value));
            }
        }
        line
    }

    /// The same as words of the program's own command line, behind the program's name.
    pub fn arguments(&self) -> Vec<String> {
        let Some(spec) = table::spec(self.name()) else { return Vec::new() };
        let mut words: Vec<String> = spec.program.iter().map(|word| (*word).to_owned()).collect();
        for (name, value) in self.values() {
            match (spec.argument(Form::Flag, name), value) {
                // Joined, so that no text is taken for a flag.
                (Some(flag), Some(value)) => words.push(format!("{}={value}", flag.shown())),
                (Some(flag), None) => words.push(flag.shown()),
                (None, Some(value)) if spec.argument(Form::Position, name).is_some_and(|at| !matches!(at.kind, Kind::Word(_))) => {
                    words.push(value);
                }
                (None, _) => {}
            }
        }
        words
    }

    /// Its values by the names of the arguments, in the order of the table; a switch has none.
    fn values(&self) -> Vec<(&'static str, Option<String>)> {
        fn named<T: ToString>(name: &'static str, values: impl IntoIterator<Item = T>) -> Vec<(&'static str, Option<String>)> {
            values.into_iter().map(|value| (name, Some(value.to_string()))).collect()
        }
        match self {
            Command::Promote(of) | Command::Plan(of) => {
                [named("releases", &of.releases), named("channel", [&of.channel]), named("sha", &of.sha), named("reason", &of.reason)]
                    .concat()
            }
            Command::Rollback(of) => {
                [named("releases", &of.releases), named("channel", [&of.channel]), named("sha", &of.sha), named("reason", [&of.reason])]
                    .concat()
            }
            Command::Verify(of) => [named("channel", &of.channel), named("at", &of.at), named("gate", &of.gates)].concat(),
            Command::Status(of) => named("channel", &of.channel),
            Command::Hold(of) | Command::Unhold(of) => {
                let on = match &of.on {
                    HoldOn::Channel(channel) => named("channel", [channel]),
                    HoldOn::Release(release) => named("release", [release]),
                    HoldOn::All => vec![("all", None)],
                };
                [on, named("reason", [&of.reason])].concat()
            }
            Command::Ack(of) => {
                [named("gate", [&of.gate]), named("channel", [&of.channel]), named("release", [&of.release]), named("sha", &of.sha)]
                    .concat()
            }
            Command::Waive(of) => [
                named("gate", [&of.gate]),
                named("channel", [&of.channel]),
                named("release", [&of.release]),
                named("sha", &of.sha),
                named("until", [&of.until]),
                named("reason", [&of.reason]),
            ]
            .concat(),
            Command::Verdict(of) => {
                let on = match &of.on {
                    VerdictOn::Release(release) => named("release", [release]),
                    VerdictOn::Commit(commit) => named("at", [commit]),
                };
                [named("record", ["record"]), named("verdict", [of.verdict]), on, named("reason", &of.reason)].concat()
            }
            Command::Help(command) => named("command", command),
        }
    }
}
