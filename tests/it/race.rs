//! Two promoters with one base: however often they race, one wins, the other is told `stale_pointer`, and ledger and tags
//! agree; who asks for the same as the winner is told `already_there`. Both wait for one another before they push, so that every round is a race; where one never comes, the other is told
//! instead of waiting for ever. `TAGWARDEN_RACE_ROUNDS` asks for more rounds.

use crate::{
    common::NOW,
    ground::{Around, Ground},
};
use std::{
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};
use tagwarden::{
    domain::{Fault, Reason, Result},
    world::{Clock, apply::Checkpoint},
};

const PROTOCOL: &str = r#"
version: 1
packages: { app: { release_tag: "v{version}", default: true } }
release_branches: [main]
channels: { live: { tag: "channel/{channel}" } }
signing: { key: none }
release_tags: any
"#;
const GATE: &str = "title: The tree is there\ncommand: [ { run: [\"true\"] } ]\n";

fn rounds() -> usize {
    std::env::var("TAGWARDEN_RACE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(10)
}

/// Nobody who is still at work is this late, however busy the machine is.
pub const LIMIT: Duration = Duration::from_secs(300);

/// Where several wait for one another.
pub struct Meeting {
    guests: usize,
    /// How many came, and how many ended.
    seen: Mutex<(usize, usize)>,
    changed: Condvar,
}

impl Default for Meeting {
    fn default() -> Meeting {
        Meeting::of(2)
    }
}

impl Meeting {
    pub fn of(guests: usize) -> Meeting {
        Meeting { guests, seen: Mutex::default(), changed: Condvar::new() }
    }

    /// Returns once all are here; refused where one ended without coming, or is late.
    pub fn wait(&self, limit: Duration) -> Result<()> {
        let mut seen = self.seen.lock().unwrap();
        seen.0 += 1;
        self.changed.notify_all();
        let (seen, _) = self.changed.wait_timeout_while(seen, limit, |(came, ended)| *came < self.guests && *ended == 0).unwrap();
        let missed = |why: &str| Err(Fault::new(Reason::Internal, format!("the other promoter {why}")));
        match *seen {
            (came, _) if came >= self.guests => Ok(()),
            (_, 0) => missed("did not come in time"),
            _ => missed("ended before it pushed"),
        }
    }
}

/// One of them; it says so when it ends, in whatever way.
pub struct Guest(pub Arc<Meeting>);

impl Drop for Guest {
    fn drop(&mut self) {
        // A panic elsewhere must not keep the other waiting.
        self.0.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner).1 += 1;
        self.0.changed.notify_all();
    }
}

#[test]
fn of_two_promoters_with_one_base_one_wins() {
    let ground = Ground::new(&[("gates/protocol.yaml", PROTOCOL), ("gates/10-tree.yaml", GATE)]);
    let (one, two) = (ground.clone_as("one"), ground.clone_as("two"));
    assert_eq!(ground.run(&one, &["policy", "adopt", "--reason", "start"], None).code, 0);
    // Every release is tagged beforehand, all at the seed commit, so that each round asks for two moves of one tag and nothing
    // else.
    let names = |round: usize| [format!("v1.{round}.1"), format!("v1.{round}.2")];
    for name in (0..rounds()).flat_map(names) {
        ground.git(&one, &["tag", "-a", "-m", &name, &name]);
    }
    ground.git(&one, &["push", "-q", "origin", "--tags"]);
    for round in 0..rounds() {
        let names = names(round);
        let meeting = Arc::new(Meeting::default());
        let race = |clone: &std::path::Path, name: &str| {
            let _guest = Guest(meeting.clone());
            let meeting = meeting.clone();
            let wait = move |at: Checkpoint| if at == Checkpoint::BeforePush { meeting.wait(LIMIT) } else { Ok(()) };
            ground.run(clone, &["promote", name, "--channel", "live"], Some(Arc::new(wait)))
        };
        let answers = std::thread::scope(|scope| {
            let first = scope.spawn(|| race(&one, &names[0]));
            let second = scope.spawn(|| race(&two, &names[1]));
            [first.join().unwrap(), second.join().unwrap()]
        });
        let mut reasons: Vec<(u8, &str)> = answers.iter().map(|answer| (answer.code, answer.reason)).collect();
        reasons.sort_unstable();
        assert_eq!(reasons, [(0, "moved"), (4, "stale_pointer")], "round {round}: {answers:?}");
        let winner = answers.iter().position(|answer| answer.code == 0).unwrap();
        let last = ground.last_entry();
        assert_eq!(last["serial"], round + 1, "round {round}: one move, one entry");
        assert_eq!(last["releases"][0]["version"].as_str().unwrap(), &names[winner][1..]);
        let refs = ground.refs();
        assert_eq!(refs["refs/tags/channel/live"], last["moves"][0]["to"].as_str().unwrap(), "round {round}: tag and ledger disagree");
    }
}

/// The same release by four clones of one person, each by the same clock: what they write differs in nothing but chance. One moved
/// it, the others are told that it is there.
#[test]
fn of_four_who_promote_the_same_one_moves_it() {
    let ground = Ground::new(&[("gates/protocol.yaml", PROTOCOL), ("gates/10-tree.yaml", GATE)]);
    let clones: Vec<_> = (0..4).map(|_| ground.clone_as("one")).collect();
    let first = Around { clock: Some(Clock::starting(NOW.parse().unwrap())), ..Around::default() };
    assert_eq!(ground.run_around(&clones[0], &["policy", "adopt", "--reason", "start"], first).code, 0);
    for round in 1..=rounds().min(4) {
        let release = format!("v1.{round}.0");
        let meeting = Arc::new(Meeting::of(clones.len()));
        let race = |clone: &std::path::Path| {
            let _guest = Guest(meeting.clone());
            let meeting = meeting.clone();
            let wait = move |at: Checkpoint| if at == Checkpoint::BeforePush { meeting.wait(LIMIT) } else { Ok(()) };
            let clock = Clock::starting(format!("2026-11-21T1{round}:00:00Z").parse().unwrap());
            let around = Around { checkpoint: Some(Arc::new(wait)), clock: Some(clock), ..Around::default() };
            ground.run_around(clone, &["promote", &release, "--channel", "live"], around)
        };
        let answers: Vec<_> = std::thread::scope(|scope| {
            let runs: Vec<_> = clones.iter().map(|clone| scope.spawn(|| race(clone))).collect();
            runs.into_iter().map(|run| run.join().unwrap()).collect()
        });
        let mut reasons: Vec<(u8, &str)> = answers.iter().map(|answer| (answer.code, answer.reason)).collect();
        reasons.sort_unstable();
        assert_eq!(reasons, [(0, "already_there"), (0, "already_there"), (0, "already_there"), (0, "moved")], "round {round}: {answers:?}");
        assert_eq!(ground.last_entry()["serial"], round, "round {round}: one move, one entry");
        let entries: Vec<_> = answers.iter().map(|answer| answer.json["ledger"]["entry"].clone()).collect();
        assert!(entries.iter().all(|entry| *entry == entries[0]), "round {round}: {entries:?}");
        ground.commit(&clones[0], &format!("after {round}"));
        for clone in &clones[1..] {
            ground.git(clone, &["pull", "-q", "--rebase", "origin", "main"]);
        }
    }
}

#[test]
fn nobody_waits_for_one_who_does_not_come() {
    let said = |end: Result<()>| end.map_err(|fault| fault.message);
    let meeting = Arc::new(Meeting::default());
    let ended = std::thread::scope(|scope| {
        let waits = scope.spawn(|| meeting.wait(LIMIT));
        scope.spawn(|| drop(Guest(meeting.clone()))).join().unwrap();
        waits.join().unwrap()
    });
    assert_eq!(said(ended), Err("the other promoter ended before it pushed".to_owned()));
    assert_eq!(said(Meeting::default().wait(Duration::ZERO)), Err("the other promoter did not come in time".to_owned()));
    let meeting = Meeting::default();
    let both = std::thread::scope(|scope| [(), ()].map(|()| scope.spawn(|| meeting.wait(LIMIT))).map(|guest| guest.join().unwrap()));
    assert_eq!(both.map(said), [Ok(()), Ok(())]);
}
