//! `tagwarden sync` on a store in a file, beside what plain tools need to bring the same rows into a table: time by the clock, CPU time and
//! peak memory, as medians, on generated catalogs of several sizes.
//!
//! `cargo bench --bench sync -- [--sizes N,...] [--runs N] [--seed N] [--folder DIR] [--json FILE]`
//!
//! | step | is |
//! |---|---|
//! | first | the first release, into an empty store |
//! | peer | `git cat-file --batch --buffer` of the same tree, then `sqlite3 .import` of the same rows into one table with a key |
//! | ten | a release that changes ten artifacts |
//! | flip | back to the first release, whose snapshot is kept |
//! | idle | a round that finds nothing to do: what starting, reading the remote and asking the store cost |
//!
//! It needs the shell `sqlite3`, and for a million artifacts about 5 GB below `--folder`. Peak memory is that of the largest process of a
//! step, so git's counts where it is larger. Nothing here passes or fails by its time; a step that does not end as it must stops the
//! benchmark.

use serde_json::{Value, json};
use std::{
    error::Error,
    fs,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};
use wait4::Wait4;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const PROTOCOL: &str = r#"version: 1
packages: { shop: { release_tag: "v{version}" } }
release_branches: [main]
channels: { production: {} }
signing: { key: none }
kinds: { product: { path: "products/*/{id}.json" } }
sync: { store: "env:LIVE", tags: ['^v\d+\.\d+\.\d+$'], kinds: { product: { generation: /spec } }, retain: 3 }
"#;

const SCHEMA: &str = r##"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object", "required": ["metadata", "spec"], "additionalProperties": false,
  "properties": {
    "metadata": {
      "type": "object", "required": ["name", "labels"], "additionalProperties": false,
      "properties": {
        "name": { "type": "string", "pattern": "^[a-z][a-z0-9-]*$", "maxLength": 63 },
        "labels": { "type": "object", "additionalProperties": { "type": "string", "maxLength": 40 } }
      }
    },
    "spec": {
      "type": "object", "required": ["title", "price", "stock"],
      "properties": {
        "title": { "type": "string", "minLength": 1, "maxLength": 200 },
        "price": {
          "type": "object", "required": ["currency", "amount"],
          "properties": { "currency": { "enum": ["EUR", "USD"] }, "amount": { "type": "integer", "minimum": 1 } }
        },
        "stock": {
          "type": "array", "minItems": 1,
          "items": {
            "type": "object", "required": ["place", "count"],
            "properties": { "place": { "type": "string" }, "count": { "type": "integer", "minimum": 0 } }
          }
        }
      }
    }
  }
}
"##;

/// Artifacts in one folder.
const FOLDER: usize = 1_000;
/// Artifacts that the second release changes.
const CHANGED: usize = 10;

struct Options {
    sizes: Vec<usize>,
    runs: usize,
    seed: u64,
    folder: PathBuf,
    json: PathBuf,
}

impl Options {
    fn read() -> Result<Options> {
        let mut options = Options {
            sizes: vec![1_000, 10_000, 100_000],
            runs: 3,
            seed: 1,
            folder: PathBuf::from(env!("CARGO_TARGET_TMPDIR")),
            json: Path::new(env!("CARGO_TARGET_TMPDIR")).join("sync.json"),
        };
        let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("`{word}` wants a value"))?;
            match word.as_str() {
                "--sizes" => options.sizes = value.split(',').map(str::parse).collect::<std::result::Result<_, _>>()?,
                "--runs" => options.runs = value.parse::<usize>()?.max(1),
                "--seed" => options.seed = value.parse()?,
                "--folder" => options.folder = value.into(),
                "--json" => options.json = value.into(),
                _ => return Err(format!("`{word}` is no option; the head of benches/sync.rs lists them").into()),
            }
        }
        if options.sizes.iter().any(|size| *size < CHANGED) {
            return Err(format!("a catalog has {CHANGED} artifacts or more").into());
        }
        Ok(options)
    }
}

const STEPS: [&str; 5] = ["first", "peer", "ten", "flip", "idle"];

fn main() -> Result<()> {
    let options = Options::read()?;
    let known = Command::new("sqlite3").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !known.is_ok_and(|status| status.success()) {
        return Err("the shell `sqlite3` is not installed".into());
    }
    println!("{:>9}  {:<6} {:>10} {:>10} {:>9}  {:<24}", "artifacts", "step", "clock s", "CPU s", "peak MB", "beside");
    let mut rows = Vec::new();
    for size in &options.sizes {
        let scratch = tempfile::tempdir_in(&options.folder)?;
        let catalog = Catalog::generate(scratch.path(), *size, options.seed)?;
        let mut runs: Vec<Vec<Run>> = vec![Vec::new(); STEPS.len()];
        for _ in 0..options.runs {
            for (runs, run) in runs.iter_mut().zip(catalog.round()?) {
                runs.push(run);
            }
        }
        let medians: Vec<Run> = runs.iter().map(|runs| median(runs)).collect();
        for (step, middle) in STEPS.iter().zip(&medians) {
            let beside = match *step {
                "first" => format!("{:.2} of the peer", middle.clock / medians[1].clock),
                "ten" => format!("{:.3} % of the first", 100.0 * middle.clock / medians[0].clock),
                _ => "-".to_owned(),
            };
            println!("{size:>9}  {step:<6} {:>10.3} {:>10.3} {:>9.0}  {beside:<24}", middle.clock, middle.cpu, middle.peak);
        }
        let value = |run: &Run| json!({ "clock_s": run.clock, "cpu_s": run.cpu, "peak_mb": run.peak });
        let steps = STEPS.iter().zip(runs.iter().zip(&medians));
        let steps: serde_json::Map<String, Value> = steps
            .map(|(step, (runs, middle))| {
                ((*step).to_owned(), json!({ "median": value(middle), "runs": runs.iter().map(value).collect::<Vec<_>>() }))
            })
            .collect();
        rows.push(json!({
            "artifacts": size, "steps": steps, "first_to_peer": medians[0].clock / medians[1].clock,
            "ten_to_first": medians[2].clock / medians[0].clock,
        }));
    }
    let answer = json!({ "benchmark": "sync", "seed": options.seed, "rows": rows });
    fs::write(&options.json, serde_json::to_string_pretty(&answer)? + "\n")?;
    println!("written to {}", options.json.display());
    Ok(())
}

/// What one step took: seconds, and MB.
#[derive(Clone, Copy)]
struct Run {
    clock: f64,
    cpu: f64,
    peak: f64,
}

fn median(runs: &[Run]) -> Run {
    let middle = |of: fn(&Run) -> f64| {
        let mut all: Vec<f64> = runs.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    Run { clock: middle(|run| run.clock), cpu: middle(|run| run.cpu), peak: middle(|run| run.peak) }
}

/// A remote with two releases, and the bare clone of a controller.
struct Catalog {
    folder: PathBuf,
    size: usize,
    first: String,
    second: String,
}

impl Catalog {
    fn generate(folder: &Path, size: usize, seed: u64) -> Result<Catalog> {
        let remote = folder.join("remote.git");
        git(folder, &["init", "--quiet", "--bare", "--initial-branch=main", "remote.git"])?;
        let mut import = Command::new("git").args(["fast-import", "--quiet"]).current_dir(&remote).stdin(Stdio::piped()).spawn()?;
        let mut to = BufWriter::new(import.stdin.take().ok_or("git fast-import has no pipe")?);
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let commit = |to: &mut dyn Write, branch: &str, said: &str| -> std::io::Result<()> {
            let by = "committer Somebody <somebody@example.com> 1795000000 +0000";
            writeln!(to, "commit refs/heads/{branch}\n{by}\ndata {}\n{said}", said.len())
        };
        let file = |to: &mut dyn Write, path: &str, text: &str| -> std::io::Result<()> {
            write!(to, "M 100644 inline {path}\ndata {}\n{text}\n", text.len())
        };
        commit(&mut to, "main", "First")?;
        file(&mut to, "gates/protocol.yaml", PROTOCOL)?;
        file(&mut to, "gates/rails/product/schema.json", SCHEMA)?;
        for number in 0..size {
            file(&mut to, &path(number), &product(number, &mut dice))?;
        }
        commit(&mut to, "next", "Second")?;
        writeln!(to, "from refs/heads/main")?;
        for at in 0..CHANGED {
            let number = at * (size / CHANGED);
            file(&mut to, &path(number), &product(number, &mut dice))?;
        }
        to.flush()?;
        drop(to);
        if !import.wait()?.success() {
            return Err("git fast-import failed".into());
        }
        git(folder, &["clone", "--quiet", "--bare", "remote.git", "own.git"])?;
        let oid = |branch: &str| git(&remote, &["rev-parse", &format!("refs/heads/{branch}")]);
        Ok(Catalog { folder: folder.to_owned(), size, first: oid("main")?, second: oid("next")? })
    }

    /// Every step once, in the order of [`STEPS`].
    fn round(&self) -> Result<[Run; 5]> {
        for end in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(self.folder.join(format!("live.db{end}")));
        }
        self.sync("init", "passed")?;
        for tag in git(&self.folder.join("remote.git"), &["tag", "--list"])?.lines() {
            self.remote(&["tag", "--delete", tag])?;
        }
        self.tag("v1.0.0", &self.first)?;
        let (first, rows) = self.sync("once", "published")?;
        demand(&rows, self.size, 0)?;
        let peer = self.peer()?;
        self.tag("v1.1.0", &self.second)?;
        let (ten, rows) = self.sync("once", "published")?;
        demand(&rows, CHANGED, CHANGED)?;
        self.tag("v1.2.0", &self.first)?;
        let (flip, rows) = self.sync("once", "published")?;
        if !rows.is_null() {
            return Err(format!("going back wrote rows: {rows}").into());
        }
        let (idle, _) = self.sync("once", "nothing_to_do")?;
        Ok([first, peer, ten, flip, idle])
    }

    fn remote(&self, arguments: &[&str]) -> Result<String> {
        git(&self.folder.join("remote.git"), arguments)
    }

    fn tag(&self, name: &str, at: &str) -> Result<()> {
        self.remote(&["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com", "tag", "-a", "-m", name, name, at]).map(|_| ())
    }

    /// A verb of `sync` that must end with this reason; what it says of rows.
    fn sync(&self, verb: &str, reason: &str) -> Result<(Run, Value)> {
        let said = self.folder.join("said.json");
        let mut command = Command::new(env!("CARGO_BIN_EXE_tagwarden"));
        command.args(["--format", "json", "sync", verb]).current_dir(self.folder.join("own.git"));
        command.env("LIVE", format!("sqlite:{}", self.folder.join("live.db").display())).stdout(fs::File::create(&said)?);
        let (run, _) = measured(command)?;
        let text = fs::read_to_string(&said)?;
        let answer: Value = serde_json::from_str(&text).map_err(|error| format!("sync {verb}: {error}: {text}"))?;
        if answer["reason_code"] != reason {
            return Err(format!("sync {verb}: {answer:#}").into());
        }
        Ok((run, answer["rows"].clone()))
    }

    /// The rows are written to a file before, which is not measured.
    fn peer(&self) -> Result<Run> {
        let script = |text: &str| {
            let mut command = Command::new("sh");
            command.args(["-euc", text]).current_dir(&self.folder).stdout(Stdio::null()).env("COMMIT", &self.first);
            command
        };
        let columns = "kind, identity, uid, generation, version, path, digest, media_type, body";
        let rows = format!("rm -f peer.db*; sqlite3 -csv live.db 'SELECT {columns} FROM live ORDER BY path' >rows.csv");
        measured(script(&rows))?;
        let key = "PRIMARY KEY (kind, identity)";
        let import = format!(
            "git -C own.git ls-tree -r --format='%(objectname)' \"$COMMIT\" | git -C own.git cat-file --batch --buffer >/dev/null
             sqlite3 peer.db 'CREATE TABLE rows ({columns}, {key})' '.mode csv' '.import rows.csv rows'"
        );
        let (run, succeeded) = measured(script(&import))?;
        if succeeded { Ok(run) } else { Err("the peer failed".into()) }
    }
}

/// Writes of the step before it are on disk when it begins.
fn measured(mut command: Command) -> Result<(Run, bool)> {
    Command::new("sync").status()?;
    let start = Instant::now();
    let used = command.stdin(Stdio::null()).spawn()?.wait4()?;
    let clock = start.elapsed().as_secs_f64();
    let cpu = (used.rusage.utime + used.rusage.stime).as_secs_f64();
    Ok((Run { clock, cpu, peak: used.rusage.maxrss as f64 / 1e6 }, used.status.success()))
}

fn demand(rows: &Value, written: usize, ended: usize) -> Result<()> {
    let is_right = rows["written"] == written && rows["ended"] == ended;
    if is_right { Ok(()) } else { Err(format!("{written} rows were to be written and {ended} ended: {rows}").into()) }
}

fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("git").args(arguments).current_dir(folder).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout)?.trim().to_owned()),
        false => Err(format!("git {}: {}", arguments.join(" "), output.status).into()),
    }
}

fn path(number: usize) -> String {
    format!("products/{:04}/{}.json", number / FOLDER, name(number))
}

fn name(number: usize) -> String {
    format!("product-{number}")
}

fn product(number: usize, dice: &mut Dice) -> String {
    let stock: Vec<Value> =
        (0..=dice.roll(3)).map(|place| json!({ "place": format!("place-{place}"), "count": dice.roll(5_000) })).collect();
    let product = json!({
        "metadata": { "name": name(number), "labels": { "room": (["kitchen", "hall", "garden"])[dice.roll(3)], "lot": dice.roll(900).to_string() } },
        "spec": {
            "title": prose(dice, 5), "text": prose(dice, 30),
            "price": { "currency": "EUR", "amount": 1 + dice.roll(900) }, "stock": stock, "revision": dice.roll(1_000_000_000),
        },
    });
    // A value of `json!` can be written.
    serde_json::to_string_pretty(&product).unwrap_or_default() + "\n"
}

const WORDS: &[&str] =
    &["chair", "of", "oak", "with", "four", "legs", "and", "a", "seat", "for", "one", "made", "by", "hand", "in", "spring"];

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
