//! From probes to answers: everything that gates ask of the world is fetched here, reduced, and only then handed on.
//!
//! Reads go out together, at most [`AT_ONCE`] at a time; programs and the probe ref run one after another, in the order asked.
//! Nothing is asked twice within one call: variables of one environment come from one look at it. A probe that writes is
//! answered with `effects-not-allowed` unless the run allows effects. Whatever happens, each probe gets exactly one answer.
//!
//! Deliberately absent: retries (a gate asks again) and any judgement.

mod environment;
mod facts;
mod forge;
mod probe_ref;
mod reviews;
mod secrets;
mod store;

pub use facts::LedgerFacts;
pub use probe_ref::{Removed, probe as probe_ref, remove as remove_probe_ref};

use super::{
    GitHub, World,
    documents::{self, Record},
    github::Purpose,
    process,
    temporary::Temporary,
    trees,
};
use crate::{
    attest::openpgp::Keyring,
    domain::{Fault, Oid, Reason, Result},
    gate::{
        Answer, Ask, Context, Effect, Got, Probe, Unavailable,
        probe::{
            CommandAsk, DocumentsAsk, DocumentsGot, EFFECTS_NOT_ALLOWED, LogsAsk, LogsGot, TreeGot,
            reduce::{RawCommand, Redaction, reduce_command, reduce_env, reduce_http, reduce_rules},
            why,
        },
        protocol::Snapshots,
    },
    lockdown::pulls,
    tree::Tree,
};
use environment::Environments;
use futures_util::StreamExt;
use secrets::Secrets;
use std::{collections::BTreeSet, sync::Arc};

/// How many reads are under way at once.
const AT_ONCE: usize = 32;

/// Answers the probes of one run.
pub struct Answerer {
    world: World,
    channel: String,
    tree: Arc<dyn Tree>,
    /// `None`: the tree is the work tree.
    candidate: Option<Oid>,
    record: Option<Record>,
    /// The files that command gates may run: those of the policy's own folder.
    gates: Arc<dyn Tree>,
    remote: String,
    /// What concerns the candidate.
    facts: LedgerFacts,
    ledger: LedgerFacts,
    effects: bool,
    /// Whether the run was told to move what is not in force yet.
    scheduled: bool,
    snapshots: Option<Snapshots>,
    allowed_signers: Option<String>,
    openpgp: Arc<Keyring>,
    redaction: Redaction,
    secrets: Secrets,
    /// Made at the first question, so that one token serves them all.
    github: tokio::sync::OnceCell<std::result::Result<GitHub, Unavailable>>,
    /// Held while a program runs. Its folder is the run's own: what one program leaves there, a later one finds.
    scratch: tokio::sync::Mutex<Temporary>,
}

impl Answerer {
    /// `gates`: the files of the policy's folder, at the root of the tree. `effects`: whether probes may write. `remote`: where
    /// the probe ref goes. Faults: `bad_config` where a `redact` path is none.
    pub fn new(world: &World, cx: &Context, gates: Arc<dyn Tree>, facts: LedgerFacts, effects: bool, remote: String) -> Result<Answerer> {
        let redaction = Redaction::compile(&cx.protocol.redact)
            .map_err(|(at, why)| Fault::new(Reason::BadConfig, format!("`redact` path {} is none: {why}", at + 1)))?;
        let scratch = Temporary::needed(&world.env.temp_dir())?;
        Ok(Answerer {
            world: world.clone(),
            channel: cx.channel.to_string(),
            tree: Arc::clone(&cx.tree),
            candidate: cx.candidate.clone(),
            record: None,
            gates,
            remote,
            facts: facts.clone().about(cx.candidate.as_ref()),
            ledger: facts,
            effects,
            scheduled: false,
            snapshots: cx.protocol.snapshots.clone(),
            allowed_signers: cx.protocol.allowed_signers.clone(),
            openpgp: cx.protocol.openpgp.clone(),
            redaction,
            secrets: Secrets::new(&world.env, cx),
            github: tokio::sync::OnceCell::new(),
            scratch: tokio::sync::Mutex::new(scratch),
        })
    }

    /// The same with what somebody recorded of the forge.
    #[must_use]
    pub fn recorded(self, record: Option<Record>) -> Answerer {
        Answerer { record, ..self }
    }

    /// The same for a run that was told to move what is not in force yet.
    #[must_use]
    pub fn scheduled(self, scheduled: bool) -> Answerer {
        Answerer { scheduled, ..self }
    }

    /// The same for what may write.
    #[must_use]
    pub fn writing(self) -> Answerer {
        Answerer { effects: true, ..self }
    }

    /// One answer for each probe, in the order of the probes. The number is passed through.
    pub async fn answer_all(&self, probes: Vec<(usize, Probe)>) -> Vec<(usize, Answer)> {
        self.secrets.learn(probes.iter().map(|(_, probe)| &probe.ask));
        let environments = Environments::default();
        let (programs, reads): (Vec<_>, Vec<_>) = probes.iter().enumerate().partition(|(_, (_, probe))| runs_alone(&probe.ask));
        let reads = reads.into_iter().map(|(at, (gate, probe))| self.numbered(at, *gate, probe, &environments));
        let reads = futures_util::stream::iter(reads).buffer_unordered(AT_ONCE).collect::<Vec<_>>();
        let programs = async {
            let mut answers = Vec::with_capacity(programs.len());
            for (at, (gate, probe)) in programs {
                answers.push(self.numbered(at, *gate, probe, &environments).await);
            }
            answers
        };
        let (mut answers, programs) = tokio::join!(reads, programs);
        answers.extend(programs);
        answers.sort_by_key(|(at, ..)| *at);
        answers.into_iter().map(|(_, gate, answer)| (gate, answer)).collect()
    }

    async fn numbered(&self, at: usize, gate: usize, probe: &Probe, environments: &Environments) -> (usize, usize, Answer) {
        (at, gate, self.answer(probe, environments).await)
    }

    /// The time of an answer is when it was asked for: evidence must not look younger than it is.
    async fn answer(&self, probe: &Probe, environments: &Environments) -> Answer {
        let writes = probe.effect == Effect::Writes || matches!(probe.ask, Ask::ProbeRef(_));
        if writes && !self.effects {
            return Answer::of(probe, self.world.clock.now(), Err(Unavailable::new(EFFECTS_NOT_ALLOWED)));
        }
        if let Some(time) = probe.not_before {
            self.world.clock.sleep_until(time).await;
        }
        let time = self.world.clock.now();
        Answer::of(probe, time, self.fetch(&probe.ask, environments).await)
    }

    /// The one door of what could not be had: every reason goes through the masks, whoever worded it.
    async fn fetch(&self, ask: &Ask, environments: &Environments) -> std::result::Result<Got, Unavailable> {
        self.fetch_raw(ask, environments).await.map_err(|unavailable| self.secrets.masks().unavailable(unavailable))
    }

    async fn fetch_raw(&self, ask: &Ask, environments: &Environments) -> std::result::Result<Got, Unavailable> {
        match ask {
            Ask::Http(ask) => {
                let exchange = self.world.http.ask(ask, self.world.clock.now()).await;
                let masks = self.secrets.masks().and(&exchange.masks);
                Ok(Got::Http(reduce_http(ask, exchange.result?, &self.redaction, &masks)))
            }
            Ask::Env(ask) => {
                let variables = environments.of(&ask.from, self).await?;
                Ok(Got::Env(reduce_env(ask, variables.get(&ask.name))?))
            }
            Ask::Rules(ask) => {
                let pairs = self.world.env.iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_string_lossy())));
                let values = pairs.map(|(name, value)| (name.to_owned(), value.into_owned())).collect();
                Ok(Got::Rules(reduce_rules(ask, &self.channel, &values)))
            }
            Ask::Command(ask) => {
                let raw = self.run(ask).await?;
                Ok(Got::Command(reduce_command(ask, raw, &self.redaction, &self.secrets.masks())))
            }
            Ask::ProbeRef(ask) => {
                let probed = probe_ref::probe(&self.world.git, &self.remote, &ask.id, self.world.clock.now()).await;
                probed.map(Got::ProbeRef)
            }
            Ask::Chain(_) => self.facts.chain.clone().map(Got::Chain),
            Ask::Verdicts(_) => self.facts.verdicts().map(Got::Verdicts),
            Ask::VerdictsOn(ask) => self.ledger.verdicts_on(&ask.commits).map(Got::Verdicts),
            Ask::Acks(_) => self.facts.acks().map(Got::Acks),
            Ask::Tree(_) => {
                let origin = documents::origin(self.world.others(), &self.remote).await;
                Ok(Got::Tree(TreeGot { id: self.tree.id().to_string(), origin }))
            }
            Ask::Checks(ask) => forge::masked(forge::checks(self.github().await?, ask).await?, &self.secrets.masks()).map(Got::Checks),
            Ask::Pulls(ask) => {
                let since = self.facts.present(&self.channel)?;
                let asked = reviews::Asked {
                    github: self.github().await?,
                    git: &self.world.git,
                    remote: &self.remote,
                    since: since.as_ref(),
                    masks: &self.secrets.masks(),
                };
                forge::masked(reviews::reviews(&asked, ask).await?, asked.masks).map(Got::Pulls)
            }
            Ask::Documents(ask) => {
                let answered = self.documents(ask).await;
                let answered = answered.map_err(|fault| Unavailable::new(why::UNREADABLE).detail(fault.message))?;
                let answered = if ask.github { forge::masked(answered, &self.secrets.masks())? } else { answered };
                Ok(Got::Documents(answered))
            }
            Ask::Logs(ask) => self.logs(ask).await.map(Got::Logs),
            Ask::Bundle(ask) => self.bundle(ask).map(Got::Bundle),
            Ask::ChannelRehearsal(_) => self.facts.rehearsal(&self.channel).map(Got::ChannelRehearsal),
            Ask::Rehearsal(_) => self.rehearsal().map(Got::Rehearsal),
        }
    }

    /// The repository that the remote names.
    async fn github(&self) -> std::result::Result<&GitHub, Unavailable> {
        // A rehearsal judges elsewhere, and the forge is that of the repository it rehearses.
        let github = self.github.get_or_init(|| documents::connect(&self.world, self.world.others(), &self.remote, Purpose::Gates)).await;
        github.as_ref().map_err(Clone::clone)
    }

    async fn documents(&self, ask: &DocumentsAsk) -> Result<DocumentsGot> {
        let (git, others) = (&self.world.git, self.world.others());
        let record = self.record.as_ref().filter(|_| !ask.github);
        let known = &match ask.pulls.is_empty() {
            _ if ask.github => self.told(&ask.pulls).await,
            true => record.map(|record| record.known.clone()).unwrap_or_default(),
            false => documents::known(others, record).await?,
        };
        let source = documents::Source { git, others, tree: self.tree.as_ref(), at: self.candidate.as_ref(), known };
        let answers = documents::answers(&source, &ask.questions.iter().cloned().collect()).await?;
        Ok(DocumentsGot::new(ask, known, record.map(|record| record.digest.clone()), &answers))
    }

    /// What GitHub tells of these pull requests.
    async fn told(&self, numbers: &[u64]) -> pulls::Known {
        let numbers = numbers.iter().copied().collect::<BTreeSet<u64>>();
        let github = if numbers.is_empty() { Err(Unavailable::new(why::NO_FORGE)) } else { self.github().await };
        let mut known = documents::told(github, &numbers).await;
        let masks = self.secrets.masks();
        known.unread = known.unread.into_iter().map(|(number, unavailable)| (number, masks.unavailable(unavailable))).collect();
        known
    }

    async fn logs(&self, ask: &LogsAsk) -> std::result::Result<LogsGot, Unavailable> {
        let Some(base) = self.facts.present(&self.channel)? else { return Ok(LogsGot::default()) };
        let logs = documents::logs(&self.world.git, &self.remote, &base, self.tree.as_ref(), &ask.documents).await;
        let logs = logs.map_err(|fault| Unavailable::new(why::UNREADABLE).detail(fault.message))?;
        Ok(LogsGot { base: Some(base), logs })
    }

    /// Runs a program in a fresh checkout of the policy's folder, so that none finds what another changed in it.
    async fn run(&self, ask: &CommandAsk) -> std::result::Result<RawCommand, Unavailable> {
        let scratch = self.scratch.lock().await;
        let folder = trees::checkout(self.gates.as_ref(), "", &self.world.env.temp_dir())
            .map_err(|fault| Unavailable::new(why::UNREADABLE).detail(fault.message))?;
        self.world.git.suspect();
        process::run_command(ask, folder.path(), scratch.path(), &self.world.env).await
    }
}

fn runs_alone(ask: &Ask) -> bool {
    matches!(ask, Ask::Command(_) | Ask::ProbeRef(_))
}
