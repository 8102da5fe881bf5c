//! Pure reductions: from a raw answer to what is recorded and judged.
//!
//! The order is always the same: the paths that the protocol redacts, then the known secrets ([`mask`]), then what looks like
//! a secret ([`secrets`]); only then is the answer cut to size. Raw answers never implement `Debug` or `Serialize`, so that
//! they cannot be written anywhere by accident.

pub mod environment;
pub mod mask;
pub mod secrets;

pub use environment::{Variable, Variables};
pub use mask::{MASKED, Masks};
pub use secrets::REDACTED;

use super::{CommandAsk, CommandGot, EnvAsk, EnvGot, HttpAsk, HttpGot, Produced, RuleAsk, RuleGot, RulesAsk, RulesGot, Unavailable, why};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The longest body, and the longest output of a command, that is recorded, in bytes. One byte more and nothing is concluded.
pub const BODY_LIMIT: usize = 64 * 1024;

/// The end of a command's error output that is recorded, in bytes.
pub const STDERR_LIMIT: usize = 4 * 1024;

/// The protocol's `redact:` paths, compiled.
#[derive(Default)]
pub struct Redaction {
    paths: Vec<String>,
}

impl Redaction {
    /// Compiles jq paths such as `.. | .token?`. `Err`: the position of the first that is no path, and why.
    pub fn compile(paths: &[String]) -> Result<Redaction, (usize, String)> {
        Ok(Redaction { paths: paths.to_vec() })
    }

    /// Replaces what stands at the paths. `Err`: a path could not be followed, so what it hides is not known.
    fn apply(&self, _value: &mut Value) -> Result<(), String> {
        if self.paths.is_empty() { Ok(()) } else { Err("redacted paths cannot be followed yet".to_owned()) }
    }
}

/// A response as it came.
pub struct RawHttp {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Reading stopped before the body was at its end.
    pub over_limit: bool,
    pub latency_ms: u64,
    pub certificate_days: Option<i64>,
}

/// Reduces a response. A body that is too long, or in which a redacted path could not be followed, is left out as `truncated`.
pub fn reduce_http(ask: &HttpAsk, raw: RawHttp, redaction: &Redaction, masks: &Masks) -> HttpGot {
    let header = |name: &str| {
        let values: Vec<&str> =
            raw.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    };
    let recorded = ask.record.iter().filter_map(|name| {
        let value = header(name)?;
        let value = if secrets::is_secret_name(name) { REDACTED.to_owned() } else { clean_text(&value, masks) };
        Some((name.to_ascii_lowercase(), value))
    });
    let content_type = header("content-type").and_then(|value| {
        let media_type = value.split([';', ',']).next().unwrap_or_default().trim().to_ascii_lowercase();
        (!media_type.is_empty()).then(|| clean_text(&media_type, masks))
    });
    let output = reduce_output(&raw.body, raw.over_limit, redaction, masks);
    HttpGot {
        status: raw.status,
        content_type,
        latency_ms: raw.latency_ms,
        headers: recorded.collect(),
        body: output.value,
        is_json: output.is_json,
        truncated: output.truncated,
        certificate_days: raw.certificate_days,
    }
}

/// The result of a program as it came.
pub struct RawCommand {
    /// `None`: ended by a signal.
    pub exit: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Reading stopped before the standard output was at its end.
    pub over_limit: bool,
    pub produced: Option<Produced>,
}

/// Reduces the result of a program. Of the error output, the end is kept.
pub fn reduce_command(_ask: &CommandAsk, raw: RawCommand, redaction: &Redaction, masks: &Masks) -> CommandGot {
    let output = reduce_output(&raw.stdout, raw.over_limit, redaction, masks);
    let stderr = clean_text(&String::from_utf8_lossy(&raw.stderr), masks);
    let from = stderr.len().saturating_sub(STDERR_LIMIT);
    let from = (from..=stderr.len()).find(|at| stderr.is_char_boundary(*at)).unwrap_or(stderr.len());
    CommandGot {
        exit: raw.exit,
        stdout: output.value,
        is_json: output.is_json,
        stderr: stderr[from..].to_owned(),
        truncated: output.truncated,
        produced: raw.produced,
    }
}

struct Output {
    value: Value,
    is_json: bool,
    truncated: bool,
}

fn reduce_output(bytes: &[u8], over_limit: bool, redaction: &Redaction, masks: &Masks) -> Output {
    const LEFT_OUT: Output = Output { value: Value::Null, is_json: false, truncated: true };
    if over_limit || bytes.len() > BODY_LIMIT {
        return LEFT_OUT;
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Output { value: Value::Null, is_json: false, truncated: false };
    }
    // serde_json refuses values nested deeper than 128, so that walking the value later is bounded.
    let output = match serde_json::from_slice::<Value>(bytes) {
        Ok(mut value) => {
            if redaction.apply(&mut value).is_err() {
                return LEFT_OUT;
            }
            masks.mask_json(&mut value);
            secrets::redact_json(&mut value);
            Output { value, is_json: true, truncated: false }
        }
        Err(_) => Output { value: Value::from(clean_text(&String::from_utf8_lossy(bytes), masks)), is_json: false, truncated: false },
    };
    // Replacement characters, masks and escapes can make it longer than it came.
    if output.value.to_string().len() > 2 * BODY_LIMIT { LEFT_OUT } else { output }
}

fn clean_text(text: &str, masks: &Masks) -> String {
    secrets::redact_text(&masks.mask(text))
}

/// Reduces a variable to classes; `None`: the environment does not have it. `Err`: a pattern of the question is none.
pub fn reduce_env(ask: &EnvAsk, variable: Option<&Variable>) -> Result<EnvGot, Unavailable> {
    let value = match variable {
        None | Some(Variable::Presence(false)) => return Ok(EnvGot::default()),
        Some(Variable::Presence(true)) => return Ok(EnvGot { present: true, presence_only: true, ..EnvGot::default() }),
        Some(Variable::Value(value)) => value,
    };
    let asked = ask.prefixes.iter().map(String::as_str);
    let fitting = secrets::PREFIXES.iter().copied().chain(asked).filter(|prefix| !prefix.is_empty() && value.starts_with(prefix));
    let matches = ask.patterns.iter().map(|pattern| {
        let anchored = anchored(pattern).map_err(|_| Unavailable::new(why::BAD_QUESTION).detail("a pattern does not compile"))?;
        Ok(anchored.is_match(value))
    });
    Ok(EnvGot {
        present: true,
        empty: value.is_empty(),
        prefix: fitting.max_by_key(|prefix| prefix.len()).map(str::to_owned),
        length_class: Some(length_class(value.chars().count()).to_owned()),
        equals: ask.literals.iter().map(|literal| literal == value).collect(),
        matches: matches.collect::<Result<_, Unavailable>>()?,
        presence_only: false,
    })
}

/// A regular expression that must match a whole value.
pub fn anchored(pattern: &str) -> Result<regex::Regex, regex::Error> {
    regex::Regex::new(pattern).and_then(|_| regex::Regex::new(&format!(r"\A(?:{pattern})\z")))
}

fn length_class(characters: usize) -> &'static str {
    match characters {
        0 => "0",
        1..=16 => "1-16",
        17..=64 => "17-64",
        65..=256 => "65-256",
        _ => "257+",
    }
}

/// Evaluates rules over an environment. Nothing of a value is recorded, so the errors are told in fixed words.
pub fn reduce_rules(ask: &RulesAsk, channel: &str, environment: &BTreeMap<String, String>) -> RulesGot {
    let variables = [json!(environment), json!(channel)];
    let rules = ask.rules.iter().map(|RuleAsk { name, when }| {
        let _ = (when, &variables);
        let holds: Result<bool, &str> = Err("rules cannot be evaluated yet");
        RuleGot { name: name.clone(), holds: holds.ok(), error: holds.err().map(str::to_owned) }
    });
    RulesGot { rules: rules.collect() }
}

/// What the program of a rule sees, without the `$`.
pub const RULE_VARIABLES: &[&str] = &["env", "channel"];
