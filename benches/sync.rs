//! `tagwarden sync` on a store in a file, beside what plain tools need to bring the same rows into a table: time by the clock, CPU time and
//! peak memory, as medians, on generated catalogs of several sizes.
//!
//! `cargo bench --bench sync -- [--sizes N,...] [--runs N] [--seed N] [--folder DIR] [--json FILE]`, and with the feature `postgres`
//! `--postgres BIN`, the folder of a server's programs (of Debian `/usr/lib/postgresql/VERSION/bin`), which is started below `--folder`
//!
//! | step | is |
//! |---|---|
//! | first | the first release, into an empty store |
//! | peer | `git cat-file --batch --buffer` of the same tree, then `sqlite3 .import` of the same rows into one table with a key |
//! | ten | a release that changes ten artifacts |
//! | flip | back to the first release, whose snapshot is kept |
//! | idle | a round that finds nothing to do: what starting, reading the remote and asking the store cost |
//! | server | as first, into a server of PostgreSQL |
//! | copy | as peer, with `psql \\copy` into that server |
//!
//! It needs the shell `sqlite3`, and for a million artifacts about 5 GB below `--folder`. Peak memory is that of the largest process of a
//! step, so git's counts where it is larger; a server's time and memory are not in it. Nothing here passes or fails by its time; a step
//! that does not end as it must stops the benchmark.

use serde_json::{Value, json};
use std::{
    error::Error,
    fs,
    io::{BufWriter, Write},
    os::unix::fs::PermissionsExt,
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
    postgres: Option<PathBuf>,
}

impl Options {
    fn read() -> Result<Options> {
        let mut options = Options {
            sizes: vec![1_000, 10_000, 100_000],
            runs: 3,
            seed: 1,
            folder: PathBuf::from(env!("CARGO_TARGET_TMPDIR")),
            json: Path::new(env!("CARGO_TARGET_TMPDIR")).join("sync.json"),
            postgres: None,
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
                "--postgres" => options.postgres = Some(value.into()),
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
/// With a server.
const SERVER: [&str; 2] = ["server", "copy"];

fn main() -> Result<()> {
    let options = Options::read()?;
    let known = Command::new("sqlite3").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !known.is_ok_and(|status| status.success()) {
        return Err("the shell `sqlite3` is not installed".into());
    }
    println!("{:>9}  {:<6} {:>10} {:>10} {:>9}  {:<24}", "artifacts", "step", "clock s", "CPU s", "peak MB", "beside");
    let server = options.postgres.as_deref().map(|programs| Server::start(programs, &options.folder)).transpose()?;
    let mut rows = Vec::new();
    for size in &options.sizes {
        let scratch = tempfile::tempdir_in(&options.folder)?;
        let catalog = Catalog::generate(scratch.path(), *size, options.seed)?;
        let names: Vec<&str> = STEPS.iter().chain(server.iter().flat_map(|_| &SERVER)).copied().collect();
        let mut runs: Vec<Vec<Run>> = vec![Vec::new(); names.len()];
        for _ in 0..options.runs {
            for (runs, run) in runs.iter_mut().zip(catalog.round(server.as_ref())?) {
                runs.push(run);
            }
        }
        let medians: Vec<Run> = runs.iter().map(|runs| median(runs)).collect();
        for (step, middle) in names.iter().zip(&medians) {
            let beside = match *step {
                "first" => format!("{:.2} of the peer", middle.clock / medians[1].clock),
                "server" => format!("{:.2} of the copy", middle.clock / medians[STEPS.len() + 1].clock),
                "ten" => format!("{:.3} % of the first", 100.0 * middle.clock / medians[0].clock),
                _ => "-".to_owned(),
            };
            println!("{size:>9}  {step:<6} {:>10.3} {:>10.3} {:>9.0}  {beside:<24}", middle.clock, middle.cpu, middle.peak);
        }
        let value = |run: &Run| json!({ "clock_s": run.clock, "cpu_s": run.cpu, "peak_mb": run.peak });
        let steps = names.iter().zip(runs.iter().zip(&medians));
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

    /// Every step once, in the order of [`STEPS`] and [`SERVER`].
    fn round(&self, server: Option<&Server>) -> Result<Vec<Run>> {
        for end in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(self.folder.join(format!("live.db{end}")));
        }
        let store = format!("sqlite:{}", self.folder.join("live.db").display());
        let sync = |verb, reason| self.sync(&store, verb, reason);
        sync("init", "passed")?;
        for tag in git(&self.folder.join("remote.git"), &["tag", "--list"])?.lines() {
            self.remote(&["tag", "--delete", tag])?;
        }
        self.tag("v1.0.0", &self.first)?;
        let (first, rows) = sync("once", "published")?;
        demand(&rows, self.size, 0)?;
        let peer = self.peer()?;
        let server = server.map(|server| self.server(&server.url)).transpose()?;
        self.tag("v1.1.0", &self.second)?;
        let (ten, rows) = sync("once", "published")?;
        demand(&rows, CHANGED, CHANGED)?;
        self.tag("v1.2.0", &self.first)?;
        let (flip, rows) = sync("once", "published")?;
        if !rows.is_null() {
            return Err(format!("going back wrote rows: {rows}").into());
        }
        let (idle, _) = sync("once", "nothing_to_do")?;
        Ok([first, peer, ten, flip, idle].into_iter().chain(server.into_iter().flatten()).collect())
    }

    /// The first release into a server, and its peer. The rows are those that the peer of the file wrote.
    fn server(&self, url: &str) -> Result<[Run; 2]> {
        let script = |text: &str| -> Result<Run> {
            let mut command = self.script(text);
            command.env("URL", url).env("PGOPTIONS", "--client-min-messages=warning");
            match measured(command)? {
                (run, true) => Ok(run),
                (_, false) => Err("psql failed".into()),
            }
        };
        script(&format!("{PSQL} --command 'DROP SCHEMA public CASCADE' --command 'CREATE SCHEMA public' --command 'CHECKPOINT'"))?;
        self.sync(url, "init", "passed")?;
        let (first, rows) = self.sync(url, "once", "published")?;
        demand(&rows, self.size, 0)?;
        script(&format!("{PSQL} --command 'DROP SCHEMA public CASCADE' --command 'CREATE SCHEMA public' --command 'CHECKPOINT'"))?;
        let columns =
            "kind text, identity text, uid text, generation bigint, version text, path text, digest text, media_type text, body text";
        let table = format!("CREATE TABLE rows ({columns}, PRIMARY KEY (kind, identity))");
        let copy = script(&format!("{READ_TREE}\n{PSQL} --command '{table}' --command '\\copy rows FROM rows.csv CSV'"))?;
        Ok([first, copy])
    }

    fn remote(&self, arguments: &[&str]) -> Result<String> {
        git(&self.folder.join("remote.git"), arguments)
    }

    fn tag(&self, name: &str, at: &str) -> Result<()> {
        self.remote(&["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com", "tag", "-a", "-m", name, name, at]).map(|_| ())
    }

    /// A verb of `sync` that must end with this reason; what it says of rows.
    fn sync(&self, store: &str, verb: &str, reason: &str) -> Result<(Run, Value)> {
        let said = self.folder.join("said.json");
        let mut command = Command::new(env!("CARGO_BIN_EXE_tagwarden"));
        command.args(["--format", "json", "sync", verb]).current_dir(self.folder.join("own.git"));
        command.env("LIVE", store).stdout(fs::File::create(&said)?);
        let (run, _) = measured(command)?;
        let text = fs::read_to_string(&said)?;
        let answer: Value = serde_json::from_str(&text).map_err(|error| format!("sync {verb}: {error}: {text}"))?;
        if answer["reason_code"] != reason {
            return Err(format!("sync {verb}: {answer:#}").into());
        }
        Ok((run, answer["rows"].clone()))
    }

    fn script(&self, text: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-euc", text]).current_dir(&self.folder).stdout(Stdio::null()).env("COMMIT", &self.first);
        command
    }

    /// The rows are written to a file before, which is not measured.
    fn peer(&self) -> Result<Run> {
        let columns = "kind, identity, uid, generation, version, path, digest, media_type, body";
        let rows = format!("rm -f peer.db*; sqlite3 -csv live.db 'SELECT {columns} FROM live ORDER BY path' >rows.csv");
        measured(self.script(&rows))?;
        let key = "PRIMARY KEY (kind, identity)";
        let import = format!(
            "{READ_TREE}
             sqlite3 peer.db 'CREATE TABLE rows ({columns}, {key})' '.mode csv' '.import rows.csv rows'"
        );
        let (run, succeeded) = measured(self.script(&import))?;
        if succeeded { Ok(run) } else { Err("the peer failed".into()) }
    }
}

const READ_TREE: &str =
    "git -C own.git ls-tree -r --format='%(objectname)' \"$COMMIT\" | git -C own.git cat-file --batch --buffer >/dev/null";

const PSQL: &str = "psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 \"$URL\"";

/// A server on loopback, with the settings that it comes with.
struct Server {
    programs: PathBuf,
    /// Its data is there until it stopped.
    folder: tempfile::TempDir,
    url: String,
}

impl Server {
    fn start(programs: &Path, within: &Path) -> Result<Server> {
        let folder = tempfile::tempdir_in(within)?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777))?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let server = Server { programs: programs.to_owned(), folder, url };
        let at = server.folder.path().display().to_string();
        server.run("initdb", &["-A", "trust", "-U", "postgres"])?;
        server.run("pg_ctl", &["-o", &format!("-h 127.0.0.1 -k {at} -p {port}"), "-l", &format!("{at}/log"), "-w", "start"])?;
        Ok(server)
    }

    /// As somebody who may: they refuse root.
    fn run(&self, program: &str, words: &[&str]) -> Result<()> {
        let script = "[ \"$(id -u)\" != 0 ] || set -- runuser -u postgres -- \"$@\"; exec \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-euc", script, "sh"]).arg(self.programs.join(program)).arg("-D").arg(self.folder.path().join("data")).args(words);
        let status = command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).status()?;
        if status.success() { Ok(()) } else { Err(format!("{program}: {status}").into()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What it leaves running where this fails is seen by whoever started it.
        let _ = self.run("pg_ctl", &["-m", "immediate", "stop"]);
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
