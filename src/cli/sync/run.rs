//! `sync run`: rounds without an end. One controller leads, by the lease of the store; others stand by, and one of them takes over where the
//! lease ends.
//!
//! A round is that of `sync once`. Between rounds the lease goes on; the next one begins after `--poll`, or as soon as a signed message
//! comes. After failures pauses grow. Told to end, it drops what it does (the next round of whoever leads takes that back), gives the lease
//! back and ends well.
//!
//! What happens is one JSON object a line on standard error; rounds that found nothing to do are written with `-v` alone.

use super::{
    board::{self, Board},
    once::{self, Leader},
    site::Site,
};
use crate::{
    cli::{Session, args, program::complaint},
    domain::{Fault, Reason, Result, Span, Timestamp},
    report::{Body, Report, TextShape},
    sync::{hook::Secret, pace},
    world::{clock::Stopwatch, listen, nonce, output, signals},
};
use futures_util::future::{Either, select};
use serde_json::{Value, json};
use std::{pin::pin, sync::Arc};

/// A shorter secret can be guessed.
const SHORTEST_SECRET: usize = 16;

pub async fn run(session: &Session, args: &args::SyncRun) -> Result<Report> {
    let secret = args.webhook.as_deref().map(|name| secret(session, name)).transpose()?;
    let board = Arc::new(Board::new(session.clock, secret));
    let mut controller = Controller {
        session,
        poll: args.poll,
        board: board.clone(),
        leader: Leader::staying()?,
        site: None,
        epoch: None,
        failures: 0,
        told: None,
    };
    let bound = match args.listen {
        Some(address) => Some(listen::bind(address).await?),
        None => None,
    };
    // It ends by itself when it is told to.
    let _busy = signals::busy(signals::Work::Server);
    let serving = bound.map(|bound| {
        controller.log("info", "listening", [("address", Value::from(format!("http://{}", bound.address)))]);
        if bound.is_exposed() {
            // Where standard error is gone, nobody reads it.
            let _ = output::to_stderr(&complaint(&format!("warning: other machines may reach {}", bound.address)));
        }
        bound.start(board::router(board), signals::told())
    });
    let ended = controller.rounds().await;
    controller.resign().await;
    ended?;
    if let Some(serving) = serving {
        serving.ended().await?;
    }
    Ok(Report::new(Reason::Passed, Body::Text(TextShape::plain(""))))
}

/// The value of the variable is never told.
fn secret(session: &Session, name: &str) -> Result<Secret> {
    match session.env.get(name).filter(|value| value.len() >= SHORTEST_SECRET) {
        Some(value) => Ok(Secret::new(&value)),
        None => {
            let why = format!("the variable {name} has no secret of at least {SHORTEST_SECRET} characters");
            Err(Fault::new(Reason::BadUsage, why).help(format!("set {name} to what signs the messages, e.g. from `openssl rand -hex 32`")))
        }
    }
}

struct Controller<'s> {
    session: &'s Session,
    poll: Span,
    board: Arc<Board>,
    leader: Leader,
    /// That of the last round; its store keeps the lease meanwhile.
    site: Option<Site>,
    /// Under which it leads.
    epoch: Option<u64>,
    failures: u32,
    /// What was written last: a change of it is worth a line.
    told: Option<Value>,
}

impl Controller<'_> {
    /// Rounds, until it is told to end. Faults: those of the first round that no later one could mend.
    async fn rounds(&mut self) -> Result<()> {
        let mut is_first = true;
        loop {
            self.board.begins();
            let watch = Stopwatch::start();
            let Some(outcome) = unless_told(self.round()).await else { return Ok(()) };
            if let Err(fault) = &outcome
                && is_first
                && matches!(fault.reason.exit_code(), 2 | 5)
            {
                return outcome.map(|_| ());
            }
            is_first = false;
            let pause = self.end(outcome, watch.millis()).await?;
            if unless_told(self.wait(self.session.clock.now().plus(pause))).await.is_none() {
                return Ok(());
            }
        }
    }

    async fn round(&mut self) -> Result<Report> {
        // The last one stays until then: by its store the lease is given back.
        let opened = Site::open(&self.session.again()).await?;
        let site = self.site.insert(opened);
        site.pinned().await?;
        // Whose store it is, before anything is written to it.
        site.state().await?;
        self.epoch = self.leader.lead(site).await?;
        match self.epoch {
            Some(_) => once::run(site, &self.leader).await,
            None => site.report(Reason::NotLeading, None, None).await,
        }
    }

    /// Tells what came of a round; how long to wait for the next one.
    async fn end(&mut self, outcome: Result<Report>, millis: u64) -> Result<Span> {
        let (reason, failure, report) = match outcome {
            Ok(report) => (report.reason, None, Some(report)),
            Err(fault) => {
                // What readers see is known even where nothing could be published.
                let report = match &mut self.site {
                    Some(site) => site.report(Reason::Passed, None, None).await.ok(),
                    None => None,
                };
                (fault.reason, Some(fault), report)
            }
        };
        if reason == Reason::NotLeading {
            self.epoch = None;
        }
        let failed = !matches!(reason, Reason::Published | Reason::NothingToDo | Reason::NotLeading);
        self.failures = if failed { self.failures.saturating_add(1) } else { 0 };
        let pause = pace::pause(self.poll, self.failures, chance()?);
        // Whoever reads the line may ask at once.
        self.board.ends(reason, failure.clone(), self.failures, self.epoch.is_some(), report.clone(), millis);
        self.log_round(reason, failure.as_ref(), report.as_ref(), millis, pause);
        Ok(pause)
    }

    /// Waits until then, or for a message; the lease goes on.
    async fn wait(&mut self, due: Timestamp) {
        let clock = self.session.clock;
        let bell = self.board.bell.clone();
        while clock.now() < due {
            let lease = self.site.as_ref().map_or(self.poll, |site| site.settings.lease);
            let renewal = clock.now().plus(Span::millis(lease.as_millis() / 3));
            let (heard, slept) = (pin!(bell.heard()), pin!(clock.sleep_until(due.min(renewal))));
            if let Either::Left(_) = select(heard, slept).await {
                return;
            }
            if let (Some(site), Some(_)) = (&mut self.site, self.epoch) {
                // Where the store does not answer, the next round says so.
                self.epoch = self.leader.lead(site).await.unwrap_or(self.epoch);
            }
        }
    }

    async fn resign(&mut self) {
        if let (Some(site), Some(epoch)) = (&mut self.site, self.epoch.take()) {
            // Where it cannot be given back, it ends by itself.
            let _ = site.store.resign(epoch).await;
        }
        self.log("info", "stopped", []);
    }

    fn log_round(&mut self, reason: Reason, failure: Option<&Fault>, report: Option<&Report>, millis: u64, pause: Span) {
        let role = if self.epoch.is_some() { "leader" } else { "standby" };
        let shape = report.and_then(|report| if let Body::Sync(shape) = &report.body { Some(shape) } else { None });
        let live = shape.and_then(|shape| shape.live.as_ref());
        let live = live.map(|live| json!({ "release": live.release, "commit": live.commit, "serial": live.serial, "number": live.number }));
        let conditions: Option<Vec<Value>> = shape.map(|shape| {
            shape.conditions.iter().map(|one| json!({ "type": one.name, "status": one.status, "reason": one.reason })).collect()
        });
        let told = json!([role, reason, live, conditions]);
        let is_news = self.told.as_ref() != Some(&told) || reason == Reason::Published;
        self.told = Some(told);
        if !is_news && self.session.globals.verbose == 0 && failure.is_none() {
            return;
        }
        let first = report.and_then(|report| report.findings.first()).map(|finding| finding.message.clone());
        self.log(
            if self.failures > 0 { "error" } else { "info" },
            "round",
            [
                ("reason_code", json!(reason)),
                ("role", json!(role)),
                ("live", json!(live)),
                ("conditions", json!(conditions)),
                ("rows", json!(shape.and_then(|shape| shape.rows))),
                ("message", json!(failure.map(|fault| fault.message.clone()).or(first))),
                ("milliseconds", json!(millis)),
                ("next_in_milliseconds", json!(pause.as_millis())),
            ],
        );
    }

    fn log<const N: usize>(&self, level: &str, event: &str, members: [(&str, Value); N]) {
        let mut line = json!({ "time": self.session.clock.now(), "level": level, "event": event });
        if let Value::Object(line) = &mut line {
            line.extend(members.into_iter().map(|(name, value)| (name.to_owned(), value)));
        }
        // Where standard error is gone, nobody reads it.
        let _ = output::to_stderr(&format!("{}\n", self.session.env.masks().mask(&line.to_string())));
    }
}

/// `None`: it was told to end first, and the work is dropped.
async fn unless_told<T>(work: impl Future<Output = T>) -> Option<T> {
    match select(pin!(work), pin!(signals::told())).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

fn chance() -> Result<u32> {
    let fresh = nonce::fresh()?;
    Ok(fresh.hex().get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0))
}
