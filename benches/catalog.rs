//! `tagwarden validate` beside check-jsonschema and ajv-cli, on the same schema and the same files: CPU time, time by the clock and peak
//! memory, as medians of runs that take turns, on generated catalogs of several sizes.
//!
//! `cargo bench --bench catalog -- [--sizes N,...] [--runs N] [--seed N] [--wrong N] [--check-jsonschema PATH] [--ajv PATH] [--json FILE]`
//!
//! `--wrong N`: one artifact in N breaks the schema. `--generate FOLDER` writes the catalog of the first size there and measures nothing.
//!
//! Ratios are what counts; nothing here passes or fails by its time. A run that does not end as a check ends is no measurement and stops
//! the benchmark. The others check the schema alone; the row `with rules` is what rules, references and a pointer file cost on top.

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

const SCHEMA: &str = include_str!("catalog.schema.json");

const PROTOCOL: &str = r#"version: 1
packages: { app: { release_tag: "v{version}" } }
release_branches: [main]
channels: { live: {} }
signing: { key: none }
kinds:
  product: { path: "items/*/{id}/{version}/product.json", id: /id, version: /version }
"#;

/// The same with what only this program checks.
const POINTER: &str = "pointer: { file: active.json, shape: grouped }\n";

const RULES: &str = r#"rules:
  - id: sku
    unique: { each: .sku, within: kind }
  - id: successor
    of: active
    refs: { each: '.attributes.t_next', to: [{ artifact: "product:{value}", must: active }] }
  - id: places
    unique: { each: '.stock[].place' }
  - id: reserved
    find: '.stock | to_entries[] | select(.value.reserved != null) | select(.value.reserved > .value.count)
      | {message: "more is reserved than there is", at: ["stock", .key, "reserved"]}'
"#;

fn main() -> Result<()> {
    let options = Options::read()?;
    if let Some(folder) = &options.generate {
        let size = options.sizes.first().copied().unwrap_or(100);
        generate(folder, size, &options)?;
        println!("{size} artifacts in {}", folder.display());
        return Ok(());
    }
    let scratch = tempfile::tempdir()?;
    let mut rows = Vec::new();
    println!(
        "{:>9}  {:<18} {:>9} {:>9} {:>9}  {:>12} {:>12}",
        "artifacts", "tool", "CPU s", "clock s", "peak MiB", "clock ratio", "CPU ratio"
    );
    for size in &options.sizes {
        let folder = scratch.path().join(size.to_string());
        generate(&folder, *size, &options)?;
        let files = files(&folder)?;
        let tools = tools(&options, &files);
        let mut runs: Vec<Vec<Run>> = vec![Vec::new(); tools.len()];
        for _ in 0..options.runs {
            for (tool, runs) in tools.iter().zip(&mut runs) {
                runs.push(tool.run(&folder)?);
            }
        }
        let medians: Vec<Run> = runs.iter().map(|runs| median(runs)).collect();
        let Some(own) = medians.first().cloned() else { return Err("there is nothing to measure".into()) };
        for (tool, (middle, runs)) in tools.iter().zip(medians.iter().zip(&runs)) {
            let (clock, cpu) = (middle.clock / own.clock, middle.cpu / own.cpu);
            println!(
                "{size:>9}  {:<18} {:>9.3} {:>9.3} {:>9.0}  {clock:>12.2} {cpu:>12.2}",
                tool.name, middle.cpu, middle.clock, middle.peak
            );
            rows.push(json!({
                "artifacts": size, "tool": tool.name, "median": middle.value(), "clock_ratio": clock, "cpu_ratio": cpu,
                "runs": runs.iter().map(Run::value).collect::<Vec<_>>(),
            }));
        }
        for (name, is_there) in [(CHECK_JSONSCHEMA, &options.check_jsonschema), (AJV, &options.ajv)] {
            if !is_installed(is_there) {
                println!("{size:>9}  {name:<18} is not installed");
            }
        }
    }
    let answer = json!({ "benchmark": "catalog", "seed": options.seed, "rows": rows });
    fs::write(&options.json, serde_json::to_string_pretty(&answer)? + "\n")?;
    println!("written to {}", options.json.display());
    Ok(())
}

struct Options {
    sizes: Vec<usize>,
    runs: usize,
    seed: u64,
    wrong: usize,
    check_jsonschema: PathBuf,
    ajv: PathBuf,
    json: PathBuf,
    generate: Option<PathBuf>,
}

impl Options {
    fn read() -> Result<Options> {
        let mut options = Options {
            sizes: vec![100, 1_000, 10_000],
            runs: 5,
            seed: 1,
            wrong: 100,
            check_jsonschema: CHECK_JSONSCHEMA.into(),
            ajv: AJV.into(),
            json: Path::new(env!("CARGO_TARGET_TMPDIR")).join("catalog.json"),
            generate: None,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            // What cargo itself gives to every benchmark.
            if word == "--bench" {
                continue;
            }
            let value = words.next().ok_or_else(|| format!("`{word}` wants a value"))?;
            match word.as_str() {
                "--sizes" => options.sizes = value.split(',').map(str::parse).collect::<std::result::Result<_, _>>()?,
                "--runs" => options.runs = value.parse::<usize>()?.max(1),
                "--seed" => options.seed = value.parse()?,
                "--wrong" => options.wrong = value.parse::<usize>()?.max(1),
                "--check-jsonschema" => options.check_jsonschema = value.into(),
                "--ajv" => options.ajv = value.into(),
                "--json" => options.json = value.into(),
                "--generate" => options.generate = Some(value.into()),
                _ => return Err(format!("`{word}` is no option; the head of benches/catalog.rs lists them").into()),
            }
        }
        Ok(options)
    }
}

struct Tool {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
}

const CHECK_JSONSCHEMA: &str = "check-jsonschema";
const AJV: &str = "ajv";

/// This program first, then those that are installed. All of them read the files of one folder by one schema.
fn tools(options: &Options, files: &[String]) -> Vec<Tool> {
    let tagwarden = |name: &'static str, arguments: &[&str]| Tool {
        name,
        program: env!("CARGO_BIN_EXE_tagwarden").into(),
        arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
    };
    let mut tools = vec![tagwarden("tagwarden", &["validate"]), tagwarden("with rules", &["--gates", "gates-with-rules", "validate"])];
    if is_installed(&options.check_jsonschema) {
        let arguments = ["--schemafile".to_owned(), "schema.json".to_owned()].into_iter().chain(files.iter().cloned()).collect();
        tools.push(Tool { name: CHECK_JSONSCHEMA, program: options.check_jsonschema.clone(), arguments });
    }
    if is_installed(&options.ajv) {
        let words = ["validate", "--spec=draft2020", "--strict=false", "--all-errors", "-s", "schema.json", "-d", "items/**/*.json"];
        tools.push(Tool { name: AJV, program: options.ajv.clone(), arguments: words.map(str::to_owned).into() });
    }
    tools
}

fn is_installed(program: &Path) -> bool {
    // ajv-cli answers every question about itself with an exit code of its own.
    Command::new(program).arg("--help").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
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
    fn run(&self, folder: &Path) -> Result<Run> {
        let start = Instant::now();
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let used = command.spawn()?.wait4()?;
        let clock = start.elapsed().as_secs_f64();
        if !matches!(used.status.code(), Some(0 | 1)) {
            return Err(format!("{} in {}: {}", self.name, folder.display(), used.status).into());
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

// ---- generated catalogs ----------------------------------------------------------------------------------------------

/// A repository with so many artifacts, the same for the same seed. The schema is a file of its own, too, for the others.
fn generate(folder: &Path, size: usize, options: &Options) -> Result<()> {
    let mut dice = Dice(options.seed ^ 0x9e37_79b9_7f4a_7c15);
    let mut active = serde_json::Map::new();
    for number in 0..size {
        let mut product = product(number, size, &mut dice);
        if number % options.wrong == options.wrong - 1 {
            spoil(&mut product, number / options.wrong);
        }
        active.insert(name(number), json!("1.0.0"));
        let path = folder.join(format!("items/{}/{}/1.0.0", number % 100, name(number)));
        fs::create_dir_all(&path)?;
        fs::write(path.join("product.json"), serde_json::to_string_pretty(&product)? + "\n")?;
    }
    fs::write(folder.join("schema.json"), SCHEMA)?;
    fs::write(folder.join("active.json"), serde_json::to_string_pretty(&json!({ "product": active }))? + "\n")?;
    for (gates, protocol, rules) in
        [("gates", PROTOCOL.to_owned(), None), ("gates-with-rules", format!("{PROTOCOL}{POINTER}"), Some(RULES))]
    {
        let rail = folder.join(gates).join("rails/product");
        fs::create_dir_all(&rail)?;
        fs::write(folder.join(gates).join("protocol.yaml"), protocol)?;
        fs::write(rail.join("schema.json"), SCHEMA)?;
        if let Some(rules) = rules {
            fs::write(rail.join("lint.yaml"), rules)?;
        }
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

/// The artifacts below a generated folder, relative to it.
fn files(folder: &Path) -> Result<Vec<String>> {
    let (mut found, mut open) = (Vec::new(), vec![folder.join("items")]);
    while let Some(below) = open.pop() {
        for entry in fs::read_dir(below)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            } else {
                found.push(entry.path().strip_prefix(folder)?.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn name(number: usize) -> String {
    format!("product-{number}")
}

fn product(number: usize, size: usize, dice: &mut Dice) -> Value {
    let stock: Vec<Value> = (0..=dice.roll(8))
        .map(|place| {
            let lot = if dice.roll(3) == 0 { Value::Null } else { json!("L-0752") };
            json!({ "place": format!("place-{place}"), "count": 10 + dice.roll(5_000), "reserved": dice.roll(10), "lot": lot })
        })
        .collect();
    let media: Vec<Value> = (0..=dice.roll(6))
        .map(|at| match dice.roll(3) {
            0 => json!({ "kind": "video", "path": format!("media/{number}/{at}.mp4"), "seconds": 1.5 }),
            1 => json!({ "kind": "document", "path": format!("media/{number}/{at}.pdf") }),
            _ => {
                let (alt, width) = (prose(dice, 6), 2 * (1 + dice.roll(900)));
                json!({ "kind": "image", "path": format!("media/{number}/{at}.png"), "alt": alt, "width": width })
            }
        })
        .collect();
    let dimensions = match dice.roll(2) {
        0 => json!({ "unit": "mm", "length": 1 + dice.roll(900), "width": 12.5, "height": 1 + dice.roll(90) }),
        _ => json!({ "unit": "cm", "diameter": 1 + dice.roll(90) }),
    };
    json!({
        "id": name(number), "version": "1.0.0", "sku": format!("AB-{number:06}"),
        "title": { "en": prose(dice, 4), "de-DE": prose(dice, 4) },
        "description": { "en": prose(dice, 40), "de-DE": prose(dice, 40) },
        "status": (["draft", "listed", "paused", "sold_out", "archived"])[dice.roll(5)],
        "owner": "somebody@example.com", "tags": ["wood", "four-legs", "indoor"],
        "price": { "currency": "EUR", "amount": 10 + dice.roll(900), "reduced": 9.5, "until": "2031-12-24" },
        "stock": stock, "dimensions": dimensions, "media": media,
        "attributes": {
            "n_weight": 12.5, "t_colour": "oak", "b_outdoor": false, "t_next": name(dice.roll(size)), "rooms": ["kitchen", "hall"],
            "note": prose(dice, 8)
        },
        "shipping": { "classes": ["parcel", "pickup"], "weight_g": 1 + dice.roll(20_000), "dangerous": true, "un_number": "UN1263" },
        "parts": [{ "name": "leg", "count": 4, "parts": [{ "name": "screw", "count": 2 }] }, { "name": "seat", "count": 1 }],
    })
}

/// Breaks the schema in one of many ways.
fn spoil(product: &mut Value, way: usize) {
    let (at, value) = match way % 20 {
        0 => ("/sku", json!("ab-1")),
        1 => ("/version", json!(1.10)),
        2 => ("/status", json!("sold")),
        3 => ("/price/amount", json!(0)),
        4 => ("/price/until", json!("2031-99-24")),
        5 => ("/stock", json!([])),
        6 => ("/stock/0/count", json!(-1)),
        7 => ("/stock/0/count", json!(1.5)),
        8 => ("/stock/0/lot", json!(752)),
        9 => ("/dimensions", json!({ "unit": "cm" })),
        10 => ("/dimensions/unit", json!("inch")),
        11 => ("/media/0", json!({ "kind": "image", "path": "media/a.png" })),
        12 => ("/media/0", json!({ "kind": "video", "path": "media/a.mp4", "seconds": 1, "extra": 1 })),
        13 => ("/attributes/n_weight", json!("heavy")),
        14 => ("/attributes", json!({ "Weight": "1" })),
        15 => ("/shipping", json!({ "classes": ["parcel"], "dangerous": true })),
        16 => ("/tags", json!(["wood", "wood"])),
        17 => ("/title", json!({ "english": "x" })),
        18 => ("/parts/0/parts/0/count", json!(0)),
        _ => ("/owner", json!("é")),
    };
    if let Some(place) = product.pointer_mut(at) {
        *place = value;
    }
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
