//! `tagwarden docs check`, with every kind of reference and with links alone, beside lychee, which checks links alone: CPU time,
//! time by the clock and peak memory, as medians of runs that take turns, on generated trees of several sizes or on checkouts
//! that the caller names. Where a checkout has a history, it is read too.
//!
//! `cargo bench --bench docs -- [--tree DIR]... [--sizes MIB,...] [--runs N] [--seed N] [--lychee PATH] [--json FILE]`
//!
//! Ratios are what counts; nothing here passes or fails by its time. A run that does not end as a check ends, or that found
//! nothing to check, is no measurement and stops the benchmark.

use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    io::{BufReader, BufWriter},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};
use wait4::Wait4;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let options = Options::read()?;
    let scratch = tempfile::tempdir()?;
    let mut trees = options.trees.clone();
    for size in options.sizes.iter().filter(|_| options.trees.is_empty()) {
        let folder = scratch.path().join(format!("{size}-mib"));
        generate(&folder, size * 1024 * 1024, options.seed)?;
        trees.push(folder);
    }
    let tools = tools(&options);
    let mut rows = Vec::new();
    println!(
        "{:<24} {:>8} {:>6}  {:<16} {:>9} {:>9} {:>9}  {:>10}",
        "tree", "MiB", "files", "tool", "CPU s", "clock s", "peak MiB", "of lychee"
    );
    for tree in &trees {
        let shown = tree.file_name().unwrap_or(tree.as_os_str()).to_string_lossy().into_owned();
        let (bytes, files) = markdown_in(tree)?;
        let references = references_in(tree)?;
        let mut runs: Vec<Vec<Run>> = vec![Vec::new(); tools.len()];
        for _ in 0..options.runs {
            for (tool, runs) in tools.iter().zip(&mut runs) {
                runs.push(tool.run(tree)?);
            }
        }
        let medians: Vec<Run> = runs.iter().map(|runs| median(runs)).collect();
        let peer = tools.iter().position(|tool| tool.name == LYCHEE).map(|at| &medians[at]);
        for (tool, (middle, runs)) in tools.iter().zip(medians.iter().zip(&runs)) {
            let ratio = if tool.name == LYCHEE { None } else { peer.map(|peer| middle.cpu / peer.cpu) };
            let shown_ratio = ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
            println!(
                "{shown:<24} {:>8.1} {files:>6}  {:<16} {:>9.2} {:>9.2} {:>9.0}  {shown_ratio:>10}",
                bytes as f64 / f64::from(1 << 20),
                tool.name,
                middle.cpu,
                middle.clock,
                middle.peak
            );
            rows.push(json!({
                "tree": shown, "bytes": bytes, "files": files, "references": references, "tool": tool.name,
                "median": middle.value(), "cpu_ratio": ratio, "runs": runs.iter().map(Run::value).collect::<Vec<_>>(),
            }));
        }
    }
    if !tools.iter().any(|tool| tool.name == LYCHEE) {
        println!("lychee is not installed: there is nothing to compare with");
    }
    let answer = json!({ "benchmark": "docs", "seed": options.seed, "rows": rows });
    fs::write(&options.json, serde_json::to_string_pretty(&answer)? + "\n")?;
    println!("written to {}", options.json.display());
    Ok(())
}

struct Options {
    trees: Vec<PathBuf>,
    /// In MiB.
    sizes: Vec<usize>,
    runs: usize,
    seed: u64,
    lychee: PathBuf,
    json: PathBuf,
}

impl Options {
    fn read() -> Result<Options> {
        let mut options = Options {
            trees: Vec::new(),
            sizes: vec![2, 8, 32],
            runs: 5,
            seed: 1,
            lychee: "lychee".into(),
            json: Path::new(env!("CARGO_TARGET_TMPDIR")).join("docs.json"),
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            // What cargo itself gives to every benchmark.
            if word == "--bench" {
                continue;
            }
            let value = words.next().ok_or_else(|| format!("`{word}` wants a value"))?;
            match word.as_str() {
                "--tree" => options.trees.push(fs::canonicalize(value)?),
                "--sizes" => options.sizes = value.split(',').map(str::parse).collect::<std::result::Result<_, _>>()?,
                "--runs" => options.runs = value.parse::<usize>()?.max(1),
                "--seed" => options.seed = value.parse()?,
                "--lychee" => options.lychee = value.into(),
                "--json" => options.json = value.into(),
                _ => return Err(format!("`{word}` is no option; the head of benches/docs.rs lists them").into()),
            }
        }
        Ok(options)
    }
}

struct Tool {
    name: &'static str,
    program: PathBuf,
    arguments: &'static [&'static str],
    /// Exit codes of a check that was made: without and with findings.
    ends: [i32; 2],
}

const LYCHEE: &str = "lychee";

/// Those that are installed.
fn tools(options: &Options) -> Vec<Tool> {
    let tagwarden = |name: &'static str, arguments: &'static [&'static str]| Tool {
        name,
        program: env!("CARGO_BIN_EXE_tagwarden").into(),
        arguments,
        ends: [0, 1],
    };
    let mut tools =
        vec![tagwarden("tagwarden", &["docs", "check", "."]), tagwarden("tagwarden links", &["docs", "check", ".", "--only", "links"])];
    let lychee = Tool {
        name: LYCHEE,
        program: options.lychee.clone(),
        arguments: &["--offline", "--include-fragments", "--no-progress", "--quiet", "--quiet", "--extensions", "md", "."],
        ends: [0, 2],
    };
    let installed = Command::new(&lychee.program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if installed.is_ok_and(|status| status.success()) {
        tools.push(lychee);
    }
    tools
}

/// What one run took: seconds, and MiB.
#[derive(Clone)]
struct Run {
    cpu: f64,
    clock: f64,
    peak: f64,
}

impl Run {
    fn value(&self) -> Value {
        json!({ "cpu_s": self.cpu, "clock_s": self.clock, "peak_mib": self.peak })
    }
}

impl Tool {
    fn run(&self, tree: &Path) -> Result<Run> {
        let start = Instant::now();
        let mut command = Command::new(&self.program);
        command.args(self.arguments).current_dir(tree).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let used = command.spawn()?.wait4()?;
        let clock = start.elapsed().as_secs_f64();
        if !used.status.code().is_some_and(|code| self.ends.contains(&code)) {
            return Err(format!("{} in {}: {}", self.name, tree.display(), used.status).into());
        }
        let cpu = (used.rusage.utime + used.rusage.stime).as_secs_f64();
        Ok(Run { cpu, clock, peak: used.rusage.maxrss as f64 / f64::from(1 << 20) })
    }
}

/// Each number by itself: the median of the runs.
fn median(runs: &[Run]) -> Run {
    let middle = |of: fn(&Run) -> f64| {
        let mut all: Vec<f64> = runs.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    Run { cpu: middle(|run| run.cpu), clock: middle(|run| run.clock), peak: middle(|run| run.peak) }
}

/// What is read of an answer; the rest may be large and is passed over, since a child's peak counts from what its parent holds.
#[derive(Deserialize)]
struct Answer {
    reason_code: String,
    #[serde(default)]
    totals: BTreeMap<String, u64>,
}

/// How many references a check judges there, by its own account.
fn references_in(tree: &Path) -> Result<BTreeMap<String, u64>> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tagwarden"));
    let mut child = command.args(["docs", "check", ".", "--format", "json"]).current_dir(tree).stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().ok_or("no output to read")?;
    let answer: Answer = serde_json::from_reader(BufReader::new(stdout))?;
    child.wait()?;
    if answer.totals.values().sum::<u64>() == 0 {
        return Err(format!("nothing to check in {}: {}", tree.display(), answer.reason_code).into());
    }
    Ok(answer.totals)
}

fn markdown_in(tree: &Path) -> Result<(u64, usize)> {
    let (mut bytes, mut files, mut open) = (0, 0, vec![tree.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder)? {
            let (path, kind) = entry.map(|entry| (entry.path(), entry.file_type()))?;
            let kind = kind?;
            if kind.is_dir() && !path.ends_with(".git") {
                open.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|end| end == "md") {
                bytes += fs::metadata(path)?.len();
                files += 1;
            }
        }
    }
    Ok((bytes, files))
}

// ---- generated trees -------------------------------------------------------------------------------------------------

/// How much a generated document holds, about.
const DOCUMENT: usize = 30 * 1024;

const WORDS: &[&str] = &[
    "release", "gate", "ledger", "channel", "before", "after", "the", "a", "of", "and", "moves", "waits", "holds", "when", "nothing",
    "changes", "is", "checked", "once", "more", "then", "evidence", "answers", "by", "hand",
];

/// A repository with so many bytes of Markdown, the same for the same seed: prose with links and fragments, code spans, tables,
/// fences; one reference in fifty leads nowhere.
fn generate(folder: &Path, bytes: usize, seed: u64) -> Result<()> {
    let documents = (bytes / DOCUMENT).max(1);
    let mut dice = Dice(seed ^ 0x9e37_79b9_7f4a_7c15);
    for number in 0..documents {
        let path = folder.join(document(number));
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        write_document(BufWriter::new(fs::File::create(path)?), number, documents, &mut dice)?;
    }
    for number in 0..documents.min(500) {
        let path = folder.join(source(number));
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, "fn main() {}\n".repeat(40))?;
    }
    for arguments in [
        &["init", "--quiet", "--initial-branch=main"][..],
        &["add", "--all"],
        &["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com", "commit", "--quiet", "--message", "Generated"],
    ] {
        let status = Command::new("git").args(arguments).current_dir(folder).status()?;
        if !status.success() {
            return Err(format!("git {}: {status}", arguments[0]).into());
        }
    }
    Ok(())
}

fn document(number: usize) -> String {
    format!("docs/part-{}/page-{number}.md", number % 20)
}

fn source(number: usize) -> String {
    format!("src/part_{}/module_{number}.rs", number % 20)
}

fn write_document(mut out: impl std::io::Write, number: usize, documents: usize, dice: &mut Dice) -> Result<()> {
    writeln!(out, "# Page {number}\n")?;
    let mut written = 0;
    for section in 0.. {
        if written >= DOCUMENT {
            break;
        }
        let text = match dice.roll(8) {
            0 => format!("## Section {section}\n\n"),
            1 => format!(
                "| file | what |\n|---|---|\n| `{}` | {} |\n| `{}` | {} |\n\n",
                path(dice, documents),
                prose(dice, 4),
                path(dice, documents),
                prose(dice, 4)
            ),
            2 => format!("```sh\n{}\n{}\n```\n\n", prose(dice, 8), prose(dice, 8)),
            3 => format!("- {}\n- see `{}`\n- {}\n\n", prose(dice, 12), path(dice, documents), prose(dice, 12)),
            4 => format!("{} [page]({}) {}\n\n", prose(dice, 20), link(dice, documents), prose(dice, 20)),
            _ => format!("{}\n{}\n{}\n\n", prose(dice, 14), prose(dice, 14), prose(dice, 14)),
        };
        written += text.len();
        out.write_all(text.as_bytes())?;
    }
    writeln!(out, "## End")?;
    Ok(())
}

fn path(dice: &mut Dice, documents: usize) -> String {
    if dice.roll(50) == 0 { "src/gone/away.rs".to_owned() } else { source(dice.roll(documents.min(500))) }
}

fn link(dice: &mut Dice, documents: usize) -> String {
    let number = dice.roll(documents);
    match dice.roll(50) {
        0 => "../part-0/gone.md".to_owned(),
        1 => format!("../part-{}/page-{number}.md#nowhere", number % 20),
        other if other % 2 == 0 => format!("../part-{}/page-{number}.md#end", number % 20),
        _ => format!("../part-{}/page-{number}.md", number % 20),
    }
}

fn prose(dice: &mut Dice, words: usize) -> String {
    let words: Vec<&str> = (0..words).map(|_| WORDS[dice.roll(WORDS.len())]).collect();
    words.join(" ")
}

/// Xorshift: the same numbers everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}
