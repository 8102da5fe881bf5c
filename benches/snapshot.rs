//! `snapshot create`, `verify` and `restore` beside what plain tools need for the same files, and beside restic where that is installed:
//! time by the clock, CPU time and peak memory, as medians of runs that take turns, on generated folders of several sizes.
//!
//! `cargo bench --bench snapshot -- [--files N,...] [--mean BYTES] [--runs N] [--seed N] [--folder DIR] [--json FILE]`
//!
//! `hash` is sha256sum of every file; `copy` is that, `cp -r` and `sync -f`. Every run begins with what is written gone and the disk
//! quiet, and the files in memory. Nothing here passes or fails by its time; a command that fails stops the benchmark.

use serde_json::{Value, json};
use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};
use wait4::Wait4;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

struct Options {
    files: Vec<usize>,
    mean: u64,
    runs: usize,
    seed: u64,
    folder: PathBuf,
    json: PathBuf,
}

impl Options {
    fn read() -> Result<Options> {
        let mut options = Options {
            files: vec![1_000, 10_000, 100_000],
            mean: 10_000,
            runs: 3,
            seed: 1,
            folder: PathBuf::from(env!("CARGO_TARGET_TMPDIR")),
            json: Path::new(env!("CARGO_TARGET_TMPDIR")).join("snapshot.json"),
        };
        let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("`{word}` wants a value"))?;
            match word.as_str() {
                "--files" => options.files = value.split(',').map(str::parse).collect::<std::result::Result<_, _>>()?,
                "--mean" => options.mean = value.parse()?,
                "--runs" => options.runs = value.parse::<usize>()?.max(1),
                "--seed" => options.seed = value.parse()?,
                "--folder" => options.folder = value.into(),
                "--json" => options.json = value.into(),
                _ => return Err(format!("`{word}` is no option; the head of benches/snapshot.rs lists them").into()),
            }
        }
        Ok(options)
    }
}

/// What is measured: its name, what it is compared with, what it needs gone before, and its script. `$T` is this program.
const STEPS: &[(&str, &str, &str, &str)] = &[
    ("hash", "", "", "find files -type f -print0 | xargs -0 sha256sum >/dev/null"),
    ("copy", "", "copy", "find files -type f -print0 | xargs -0 sha256sum >/dev/null && cp -r files copy && sync -f copy"),
    ("create", "copy", "store", "$T snapshot create files --store store"),
    ("create again", "hash", "", "$T snapshot create files --store store"),
    ("verify", "hash", "", "$T snapshot verify --store store"),
    ("restore", "copy", "restored", "$T snapshot restore bench --store store --to restored"),
    ("restic backup", "copy", "repo", "restic init -q -r repo && restic backup -q -r repo files"),
    ("restic check", "hash", "", "restic check -q --read-data -r repo"),
    ("restic restore", "copy", "restored", "restic restore -q latest -r repo --target restored && sync -f restored"),
];

#[derive(Clone, Copy)]
struct Run {
    clock: f64,
    cpu: f64,
    peak: f64,
}

fn main() -> Result<()> {
    let options = Options::read()?;
    let has_restic = Command::new("restic").arg("version").stdout(Stdio::null()).status().is_ok_and(|status| status.success());
    let steps: Vec<_> = STEPS.iter().filter(|step| has_restic || !step.0.starts_with("restic")).collect();
    println!("{:>8} {:>8}  {:<16} {:>9} {:>9} {:>9}  {:>8}", "files", "MB", "step", "clock s", "CPU s", "peak MB", "ratio");
    let mut rows = Vec::new();
    for count in &options.files {
        let scratch = tempfile::tempdir_in(&options.folder)?;
        let bytes = generate(&scratch.path().join("files"), *count, options.mean, options.seed)?;
        let mut runs: Vec<Vec<Run>> = vec![Vec::new(); steps.len()];
        for _ in 0..options.runs {
            for ((_, _, gone, script), runs) in steps.iter().zip(&mut runs) {
                runs.push(once(scratch.path(), gone, script)?);
            }
        }
        let medians: Vec<Run> = runs.iter().map(|runs| median(runs)).collect();
        for ((name, beside, ..), middle) in steps.iter().zip(&medians) {
            let beside = steps.iter().position(|step| !beside.is_empty() && step.0 == *beside).map(|at| medians[at].clock);
            let ratio = beside.map(|beside| middle.clock / beside);
            let shown = ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
            let mega = bytes as f64 / 1e6;
            println!("{count:>8} {mega:>8.0}  {name:<16} {:>9.3} {:>9.3} {:>9.0}  {shown:>8}", middle.clock, middle.cpu, middle.peak);
            rows.push(json!({
                "files": count, "bytes": bytes, "step": name, "clock_s": middle.clock, "cpu_s": middle.cpu, "peak_mb": middle.peak,
                "ratio": ratio,
            }));
        }
    }
    if !has_restic {
        println!("restic is not installed, so it was not measured");
    }
    let answer: Value = json!({ "benchmark": "snapshot", "seed": options.seed, "rows": rows });
    fs::write(&options.json, serde_json::to_string_pretty(&answer)? + "\n")?;
    println!("written to {}", options.json.display());
    Ok(())
}

fn once(folder: &Path, gone: &str, script: &str) -> Result<Run> {
    if !gone.is_empty() && folder.join(gone).exists() {
        fs::remove_dir_all(folder.join(gone))?;
    }
    Command::new("sync").arg("-f").arg(folder).status()?;
    let script = script.replace("$T snapshot create", "$T snapshot create --max-shrink 100").replace("$T", "\"$T\"");
    let script =
        script.replace("restore bench", "restore $(\"$T\" --format json snapshot list --store store | grep -om1 '[0-9a-f]\\{64\\}')");
    let began = Instant::now();
    let mut child = Command::new("sh")
        .args(["-eu", "-c", &script])
        .current_dir(folder)
        .env("T", env!("CARGO_BIN_EXE_tagwarden"))
        .env("RESTIC_PASSWORD", "bench")
        .env("GIT_CEILING_DIRECTORIES", "/")
        .stdout(Stdio::null())
        .spawn()?;
    let used = child.wait4()?;
    if !used.status.success() {
        return Err(format!("`{script}` failed: {}", used.status).into());
    }
    let cpu = (used.rusage.utime + used.rusage.stime).as_secs_f64();
    Ok(Run { clock: began.elapsed().as_secs_f64(), cpu, peak: used.rusage.maxrss as f64 / 1e6 })
}

fn median(runs: &[Run]) -> Run {
    let middle = |of: fn(&Run) -> f64| {
        let mut all: Vec<f64> = runs.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    Run { clock: middle(|run| run.clock), cpu: middle(|run| run.cpu), peak: middle(|run| run.peak) }
}

/// Files of random sizes and bytes, a hundred in a folder; how many bytes there are.
fn generate(folder: &Path, count: usize, mean: u64, seed: u64) -> Result<u64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut all = 0;
    for at in 0..count {
        let place = folder.join(format!("{:04}", at / 100));
        fs::create_dir_all(&place)?;
        let size = next() % (mean * 2);
        let bytes: Vec<u8> = std::iter::repeat_with(&mut next).flat_map(u64::to_le_bytes).take(size as usize).collect();
        fs::write(place.join(at.to_string()), bytes)?;
        all += size;
    }
    Ok(all)
}
