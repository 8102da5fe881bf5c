//! Two promoters with one base: however often they race, one wins, the other is told `stale_pointer`, and ledger and tags
//! agree. Both wait for one another before they push, so that every round is a race.

use crate::ground::Ground;
use std::sync::{Arc, Barrier};
use tagwarden::world::apply::Checkpoint;

const PROTOCOL: &str = r#"
version: 1
packages: { app: { release_tag: "v{version}", default: true } }
release_branches: [main]
channels: { live: { tag: "channel/{channel}" } }
signing: { key: none }
release_tags: any
"#;
const GATE: &str = "title: The tree is there\ncommand: [ { run: [\"true\"] } ]\n";

const ROUNDS: usize = 100;

#[test]
fn of_two_promoters_with_one_base_one_wins() {
    let ground = Ground::new(&[("gates/protocol.yaml", PROTOCOL), ("gates/10-tree.yaml", GATE)]);
    let (one, two) = (ground.clone_as("one"), ground.clone_as("two"));
    assert_eq!(ground.run(&one, &["policy", "adopt", "--reason", "start"], None).code, 0);
    // Every release is tagged beforehand, all at the seed commit, so that each round asks for two moves of one tag and nothing
    // else.
    let names = |round: usize| [format!("v1.{round}.1"), format!("v1.{round}.2")];
    for name in (0..ROUNDS).flat_map(names) {
        ground.git(&one, &["tag", "-a", "-m", &name, &name]);
    }
    ground.git(&one, &["push", "-q", "origin", "--tags"]);
    for round in 0..ROUNDS {
        let names = names(round);
        let barrier = Arc::new(Barrier::new(2));
        let race = |clone: &std::path::Path, name: &str| {
            let barrier = barrier.clone();
            let wait = move |at: Checkpoint| {
                if at == Checkpoint::BeforePush {
                    barrier.wait();
                }
                Ok(())
            };
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
