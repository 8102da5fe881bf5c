//! The state of a rehearsal, and how its steps run verbs.
//!
//! A verb is run as a person would: words, parsed by the same parser, through the same dispatch, with that person's key. What
//! it did is judged by [`super::witness`], never by its own answer alone. A step that fails puts refs and bookkeeping back to
//! where they were before it, so that the steps after it still say something.

use super::{
    cast::{Cast, principal},
    copy::{Endpoint, KEY_VARIABLE},
    witness::Refs,
};
use crate::{
    cli::{
        args::Cli,
        parse::{Parsed, parse},
        session::Session,
    },
    domain::{ChannelName, Fault, GateId, Outcome, PackageName, Reason, RefName, ReleaseName, Result, Verb},
    gate::{Protocol, When},
    report::{Report, shape::Step},
    world::{
        Checkpoints, Clock, EnvVars, World,
        apply::Checkpoint,
        clock::Stopwatch,
        output,
        scratch::{self, Files, Key, Scratch},
        standin::{Mood, StandIn},
    },
};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

/// What a step saw: a sentence for the report, or why it did not see what it should.
pub type Seen = std::result::Result<String, Miss>;

/// Why a step did not end well.
#[derive(Debug)]
pub enum Miss {
    /// Something else happened than should: the step failed.
    Wrong(String),
    /// It could not be found out: the step is inconclusive.
    Blocked(String),
}

impl From<Fault> for Miss {
    fn from(fault: Fault) -> Miss {
        Miss::Blocked(fault.message)
    }
}

pub fn wrong<T>(what: impl Into<String>) -> std::result::Result<T, Miss> {
    Err(Miss::Wrong(what.into()))
}

/// The repositories of the scratch place.
pub const SERVER: &str = "server.git";
pub const WORK: &str = "work";
pub const RIVAL: &str = "rival";

/// The file in which one release differs from the next.
const CHANGING: &str = "tagwarden-rehearsal.txt";

/// Where things are, fixed for the whole drill.
pub struct Set {
    pub scratch: Scratch,
    pub protocol: Arc<Protocol>,
    pub cast: Cast,
    pub keys: BTreeMap<String, Key>,
    /// The drilled channel, and those that a release has to pass before it, first to last.
    pub channels: Vec<ChannelName>,
    pub package: PackageName,
    pub branch: String,
    /// `--gates` as it was given.
    pub gates: Option<PathBuf>,
    pub clock: Clock,
    pub endpoint: Endpoint,
    pub asking: Vec<GateId>,
    /// The tree that every release of the drill starts from.
    pub tree: String,
}

/// A release of the drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// `package@version`.
    pub name: String,
    pub commit: String,
    pub tag: RefName,
}

/// What the drill remembers between steps.
#[derive(Clone, Default)]
pub struct Memory {
    pub cuts: u64,
    /// The newest commit of the release branch.
    pub tip: Option<String>,
    /// A release that lacks nothing but its promotion.
    pub pending: Option<Cut>,
    /// What was on the channel, oldest first.
    pub history: Vec<Cut>,
    /// The bytes of the first release as they were when it was promoted.
    pub first: Option<Files>,
    pub genesis: Option<String>,
    /// Foreign commits on the ledger.
    pub annulled: Vec<String>,
}

pub struct Drill {
    pub set: Arc<Set>,
    pub stand_in: StandIn,
    pub memory: Memory,
    pub steps: Vec<Step>,
    pub shows_progress: bool,
}

impl Drill {
    /// Runs one step and records how it ended.
    pub async fn step(&mut self, name: &str, act: impl AsyncFnOnce(&mut Drill) -> Seen) {
        let watch = Stopwatch::start();
        let before = self.set.refs();
        let memory = self.memory.clone();
        let mut seen = act(self).await;
        self.stand_in.calm();
        if let Err(fault) = self.stand_in.reopen().await {
            seen = seen.and(Err(fault.into()));
        }
        if seen.is_err()
            && let Ok(before) = before
            && self.set.restore(&before).is_ok()
        {
            self.memory = memory;
        }
        let (outcome, detail) = match seen {
            Ok(detail) => (Outcome::Passed, detail),
            Err(Miss::Wrong(detail)) => (Outcome::Failed, detail),
            Err(Miss::Blocked(detail)) => (Outcome::Inconclusive, detail),
        };
        if self.shows_progress {
            // Where standard error is gone, nobody waits for it.
            let _ = output::to_stderr(&format!("{outcome:>12}  {name} ({} ms)\n", watch.millis()));
        }
        self.steps.push(Step { name: name.to_owned(), outcome, duration_ms: Some(watch.millis()), detail: Some(detail) });
    }

    /// Runs a verb as the mover; nothing may change, and the answer must be this reason.
    pub async fn refused(&self, words: &[&str], reason: Reason) -> std::result::Result<Report, Miss> {
        self.refused_to(&self.set.mover(), words, reason).await
    }

    /// The same as somebody else.
    pub async fn refused_to(&self, player: &Player, words: &[&str], reason: Reason) -> std::result::Result<Report, Miss> {
        let before = self.set.refs()?;
        let answer = player.run(words).await;
        self.set.refs()?.same_as(&before)?;
        expect(&answer, reason)?;
        Ok(answer)
    }

    /// The words of a promotion to the drilled channel.
    pub fn promotion<'a>(&'a self, cut: &'a Cut) -> [&'a str; 6] {
        ["promote", &cut.name, "--channel", self.set.channel().as_str(), "--reason", "rehearsal"]
    }

    /// A release that lacks nothing but its promotion to the drilled channel; the same one until it was promoted.
    pub async fn ready(&mut self) -> std::result::Result<Cut, Miss> {
        if let Some(pending) = &self.memory.pending {
            self.set.stand_at(WORK, &pending.commit)?;
            return Ok(pending.clone());
        }
        let cut = self.cut(&[])?;
        self.make_ready(&cut, self.set.channel(), None).await?;
        self.memory.pending = Some(cut.clone());
        Ok(cut)
    }

    /// The pending release is on the channel now.
    pub fn promoted(&mut self) {
        self.memory.history.extend(self.memory.pending.take());
    }

    /// Another release was made ready, so the pending one may no longer be on the channels before this one.
    pub fn displaced(&mut self) {
        if self.set.channels.len() > 1 {
            self.memory.pending = None;
        }
    }

    /// A new commit on the release branch, and the name of a new version for it. `edits` are changes beside its own.
    pub fn cut(&mut self, edits: &[(String, Option<Vec<u8>>)]) -> Result<Cut> {
        self.memory.cuts += 1;
        let version = format!("{}.0.0", self.memory.cuts);
        let name = format!("{}@{version}", self.set.package);
        let mut edits = edits.to_vec();
        edits.push((CHANGING.to_owned(), Some(format!("{name}\n").into_bytes())));
        let commit = self.set.commit(&edits, self.memory.tip.as_deref(), &name)?;
        self.set.publish(&commit)?;
        self.memory.tip = Some(commit.clone());
        let release = ReleaseName { package: self.set.package.clone(), version: semver::Version::new(self.memory.cuts, 0, 0) };
        Ok(Cut { name, commit, tag: crate::release::plan::release_ref(&self.set.protocol, &release)? })
    }

    /// Records what the gates up to `channel` want for this release, and promotes it to the channels before. `without`: all but
    /// what this gate wants.
    pub async fn make_ready(&self, cut: &Cut, channel: &ChannelName, without: Option<&GateId>) -> std::result::Result<(), Miss> {
        let set = &self.set;
        // A release without a tag is made at HEAD.
        set.stand_at(WORK, &cut.commit)?;
        let skips = |kind: &str| without.and_then(|id| set.protocol.gate(id)).is_some_and(|gate| gate.kind.id == kind);
        if set.is_staged_first() {
            self.done(&set.mover(), &["stage", &cut.name, "--at", &cut.commit]).await?;
        }
        if !skips("verdict") {
            for reviewer in &set.cast.reviewers {
                self.done(&set.player(reviewer, WORK), &["verdict", "record", "SAFE", "--at", &cut.commit]).await?;
            }
        }
        for passed in &set.channels {
            for (gate, acker) in set.cast.ackers.iter().filter(|(gate, _)| Some(*gate) != without) {
                if set.decides(gate, passed) {
                    let words = ["ack", gate.as_str(), "--channel", passed.as_str(), "--release", &cut.name];
                    self.done(&set.player(acker, WORK), &words).await?;
                }
            }
            if passed == channel {
                break;
            }
            self.done(&set.mover(), &["promote", &cut.name, "--channel", passed.as_str()]).await?;
        }
        Ok(())
    }

    /// Runs a verb that only prepares a step.
    pub async fn done(&self, player: &Player, words: &[&str]) -> std::result::Result<(), Miss> {
        let answer = player.run(words).await;
        match answer.exit_code() {
            0 => Ok(()),
            _ => Err(Miss::Blocked(format!("`tagwarden {}` was refused: {}", words.join(" "), said(&answer)))),
        }
    }

    pub fn mood(&self, mood: Mood) {
        self.stand_in.set(&self.set.endpoint.gate, mood);
    }
}

impl Set {
    pub fn channel(&self) -> &ChannelName {
        // A drill is made with one channel at least.
        &self.channels[self.channels.len() - 1]
    }

    pub fn mover(&self) -> Player {
        self.player(&self.cast.mover, WORK)
    }

    /// Somebody with their key, in one of the clones.
    pub fn player(&self, who: &str, clone: &str) -> Player {
        let key = self.keys.get(&principal(who)).map(|key| key.file.clone().into_os_string()).unwrap_or_default();
        Player {
            repo: self.scratch.path(clone),
            env: self.scratch.env().with(KEY_VARIABLE, key),
            gates: self.gates.clone(),
            clock: self.clock,
        }
    }

    /// Whether a release has to be staged before it can be promoted: an acknowledgement names a release that exists.
    pub fn is_staged_first(&self) -> bool {
        let decides = |gate: &GateId| self.channels.iter().any(|channel| self.decides(gate, channel));
        self.cast.ackers.keys().any(decides)
    }

    /// Whether a gate decides promotions to this channel.
    pub fn decides(&self, gate: &GateId, channel: &ChannelName) -> bool {
        self.protocol.gate(gate).is_some_and(|gate| gate.applies(Verb::Promote, channel, When::Before))
    }

    /// The ref of the drilled channel's tag.
    pub fn channel_tag(&self) -> Result<RefName> {
        let pattern = self.protocol.channels.get(self.channel()).and_then(|channel| channel.tag.as_ref());
        let pattern = pattern.ok_or_else(|| Fault::new(Reason::NotPermitted, format!("channel {} has no tag", self.channel())))?;
        pattern.channel_ref(self.channel(), &self.package).map_err(|why| Fault::new(Reason::BadConfig, why))
    }

    /// A commit of the base tree with some changes, in the mover's clone.
    pub fn commit(&self, edits: &[(String, Option<Vec<u8>>)], parent: Option<&str>, message: &str) -> Result<String> {
        let tree = self.scratch.edit_tree(WORK, &self.tree, edits)?;
        let mut args = vec!["commit-tree", &tree, "-m", message];
        args.extend(parent.into_iter().flat_map(|parent| ["-p", parent]));
        self.scratch.git(WORK, &args)
    }

    /// Pushes a commit to the release branch, as anybody does.
    pub fn publish(&self, commit: &str) -> Result<()> {
        let to = format!("{commit}:refs/heads/{}", self.branch);
        self.scratch.git(WORK, &["push", "--quiet", &self.protocol.remote, &to]).map(|_| ())
    }

    /// Lets the branch that a clone has checked out name this commit, which must be there.
    pub fn stand_at(&self, clone: &str, commit: &str) -> Result<()> {
        self.scratch.git(clone, &["update-ref", &format!("refs/heads/{}", self.branch), commit]).map(|_| ())
    }

    /// Brings the rival's clone up to date.
    pub fn bring_rival(&self) -> Result<()> {
        self.scratch.git(RIVAL, &["fetch", "--quiet", &self.protocol.remote]).map(|_| ())
    }

    /// The folder of the protocol.
    pub fn folder(&self) -> String {
        let folder = self.gates.as_ref().map(|folder| folder.to_string_lossy().trim_end_matches('/').to_owned());
        folder.unwrap_or_else(|| "gates".to_owned())
    }

    /// Checks the protocol's folder out of HEAD, as far as a clone needs files at all.
    pub fn check_out(&self, clone: &str) -> Result<()> {
        let folder = self.folder();
        self.scratch.git(clone, &["read-tree", "HEAD"])?;
        self.scratch.git(clone, &["checkout", "--quiet", "--", &folder])?;
        self.scratch.git(clone, &["clean", "-d", "--quiet", "--force", "--", &folder]).map(|_| ())
    }

    /// Moves a ref of the server by hand, past everything.
    pub fn move_by_hand(&self, name: &str, to: &str) -> Result<()> {
        self.scratch.git(SERVER, &["update-ref", name, to]).map(|_| ())
    }
}

/// Somebody who runs verbs.
#[derive(Clone)]
pub struct Player {
    repo: PathBuf,
    env: EnvVars,
    gates: Option<PathBuf>,
    clock: Clock,
}

impl Player {
    pub async fn run(&self, words: &[&str]) -> Report {
        self.run_through(words, Arc::new(|_| Ok(()))).await
    }

    /// Runs a verb with something happening between the steps of its write.
    pub async fn run_through(&self, words: &[&str], checkpoint: Arc<Checkpoints>) -> Report {
        let line: Vec<OsString> = std::iter::once("tagwarden").chain(words.iter().copied()).map(OsString::from).collect();
        let Parsed::Run(cli) = parse(&line) else {
            return Fault::new(Reason::Internal, format!("the drill's own words are wrong: {}", words.join(" "))).into();
        };
        let Cli { mut globals, command } = *cli;
        globals.repo = Some(self.repo.clone());
        globals.gates = self.gates.clone();
        globals.now.get_or_insert(self.clock.now());
        let world = match World::open(&self.repo, globals.now, self.env.clone()).await {
            Ok(world) => world.stopping(checkpoint),
            Err(fault) => return fault.into(),
        };
        let session = Session::within(globals, world);
        // Behind a pointer, since a rehearsal is itself one of the verbs.
        let run: Pin<Box<dyn Future<Output = Result<Report>> + '_>> = Box::pin(crate::cli::run(&session, &command));
        run.await.unwrap_or_else(Report::from)
    }

    /// The same environment with one variable set.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Player {
        self.env = self.env.with(name, value);
        self
    }

    pub fn time(&self) -> crate::domain::Timestamp {
        self.clock.now()
    }
}

/// Something that happens once, at this point of a write.
pub fn at(point: Checkpoint, act: impl FnOnce() -> Result<()> + Send + 'static) -> Arc<Checkpoints> {
    let act = Mutex::new(Some(act));
    Arc::new(move |reached| {
        let act = if reached == point { act.lock().unwrap_or_else(PoisonError::into_inner).take() } else { None };
        act.map_or(Ok(()), |act| act())
    })
}

/// The end of the process, as far as the write is concerned.
pub fn kill(point: Checkpoint) -> Arc<Checkpoints> {
    at(point, || Err(Fault::new(Reason::DrillFailed, KILLED)))
}

const KILLED: &str = "the process was ended here";

/// Runs somebody's verb to its end in the middle of another one; what it answered is left in the slot.
pub fn meanwhile(player: Player, words: &[&str]) -> (impl FnOnce() -> Result<()> + Send + 'static, Arc<Mutex<Option<Report>>>) {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let slot = Arc::new(Mutex::new(None));
    let answered = slot.clone();
    let act = move || {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let answer = scratch::in_between(player.run(&words));
        *answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        Ok(())
    };
    (act, slot)
}

/// What the verb in the middle answered; it must have been let through.
pub fn went_through(slot: &Mutex<Option<Report>>, who: &str) -> std::result::Result<(), Miss> {
    match &*slot.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(answer) if answer.exit_code() == 0 => Ok(()),
        Some(answer) => Err(Miss::Blocked(format!("{who} was refused: {}", said(answer)))),
        None => Err(Miss::Blocked(format!("{who} never got their turn"))),
    }
}

pub fn expect(answer: &Report, reason: Reason) -> std::result::Result<(), Miss> {
    if answer.reason == reason {
        return Ok(());
    }
    wrong(format!("expected {reason} (exit {}), got {}", reason.exit_code(), said(answer)))
}

/// An answer in one line.
pub fn said(answer: &Report) -> String {
    use crate::report::Body;
    let why = match &answer.body {
        Body::Error(shape) => Some(shape.message.clone()),
        Body::Move(shape) => shape.run.as_ref().map(|run| {
            let blocking = run.gates.iter().filter(|gate| gate.blocks());
            let words = blocking.map(|gate| {
                let why: Vec<&str> = gate.findings.iter().map(|finding| finding.message.as_str()).take(3).collect();
                format!("gate {} {}: {}", gate.id, gate.outcome, why.join("; "))
            });
            words.collect::<Vec<_>>().join("; ")
        }),
        _ => None,
    };
    let findings = answer.findings.iter().take(3).map(|finding| format!("{}: {}", finding.code, finding.message));
    let words: Vec<String> = why.into_iter().filter(|why| !why.is_empty()).chain(findings).collect();
    let words = if words.is_empty() { String::new() } else { format!(": {}", words.join("; ")) };
    format!("{} (exit {}){words}", answer.reason, answer.exit_code())
}

/// Refs of the server; see [`super::witness`].
impl Set {
    pub fn refs(&self) -> Result<Refs> {
        Refs::read(&self.scratch)
    }

    /// Puts every ref of the server back.
    fn restore(&self, wanted: &Refs) -> Result<()> {
        self.refs()?.put_back(wanted, &self.scratch)
    }
}
