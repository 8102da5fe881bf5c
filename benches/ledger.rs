//! Verification of a long ledger: time, memory, and how both grow. `cargo bench --bench ledger -- [PROMOTIONS...] [--holds N]`
//!
//! Ledgers are made here, entry by entry, with good signatures and three gates for each promotion; `audit` and `status` of the
//! built program are run on them as a user would. Prints a table and writes JSON; passes or fails nothing.

#[path = "../tests/it/rulebook/forge.rs"]
#[expect(dead_code, reason = "tests use the rest")]
mod forge;
#[path = "../tests/it/rulebook/keys.rs"]
mod keys;
#[path = "../tests/it/rulebook/objects.rs"]
mod objects;
#[path = "../tests/it/world_support/mod.rs"]
#[expect(dead_code, reason = "tests use the rest")]
mod world_support;

use forge::{Forge, NOW};
use std::process::{Command, Stdio};
use tagwarden::domain::{Verb, state::HoldScope};
use wait4::Wait4;

/// How often each command is run; the median counts.
const RUNS: usize = 3;

fn main() {
    let mut sizes = Vec::new();
    let mut holds = 10_000;
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        match word.as_str() {
            "--holds" => holds = words.next().and_then(|word| word.parse().ok()).expect("--holds N"),
            _ => sizes.push(word.parse().expect("a number of promotions")),
        }
    }
    if sizes.is_empty() {
        sizes = vec![100, 1_000, 3_000];
    }
    println!("{:>24} {:>10} {:>10} {:>12} {:>12}", "ledger", "command", "CPU s", "wall s", "memory MB");
    let mut rows = Vec::new();
    for size in sizes {
        let forge = Forge::long(size, |forge, head, number| {
            let version = format!("web@1.{number}.0");
            forge.promote(head, "lead", "staging", &[&version], &forge.commit, &[])
        });
        rows.extend(["audit", "status"].map(|command| measure(&forge, &format!("{size} promotions"), command)));
    }
    let forge = Forge::long(holds, |forge, head, number| {
        forge.hold(head, Verb::Hold, "lead", HoldScope::Release, Some(&format!("web@1.{number}.0")))
    });
    rows.push(measure(&forge, &format!("{holds} holds"), "audit"));
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-ledger.json");
    std::fs::write(&path, serde_json::to_vec_pretty(&rows).unwrap()).unwrap();
    println!("written to {}", path.display());
}

fn measure(forge: &Forge, ledger: &str, command: &str) -> serde_json::Value {
    let mut runs: Vec<(f64, f64, f64)> = (0..RUNS).map(|_| once(forge, command)).collect();
    runs.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (cpu, wall, memory) = runs[RUNS / 2];
    println!("{ledger:>24} {command:>10} {cpu:>10.2} {wall:>12.2} {memory:>12.1}");
    serde_json::json!({ "ledger": ledger, "command": command, "cpu_s": cpu, "wall_s": wall, "memory_mb": memory })
}

fn once(forge: &Forge, command: &str) -> (f64, f64, f64) {
    let started = std::time::Instant::now();
    let mut program = Command::new(env!("CARGO_BIN_EXE_tagwarden"));
    program.args([command, "--now", NOW, "--format", "json"]).current_dir(forge.clone_dir());
    let mut child = program.stdout(Stdio::piped()).spawn().unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut answer).unwrap();
    let used = child.wait4().unwrap();
    let value: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(value["reason_code"], "passed", "{answer}");
    let cpu = used.rusage.utime + used.rusage.stime;
    (cpu.as_secs_f64(), started.elapsed().as_secs_f64(), used.rusage.maxrss as f64 / 1_048_576.0)
}
