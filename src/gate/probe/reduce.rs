//! Pure reductions: from a raw answer to what is recorded and judged.
//!
//! The order is always the same: the paths that the protocol redacts, then the known secrets ([`mask`]), then what looks like
//! a secret ([`secrets`]). Raw answers never implement `Debug` or `Serialize`, so that
//! they cannot be written anywhere by accident.

pub mod environment;
pub mod mask;
pub mod secrets;

pub use environment::{Variable, Variables};
pub use mask::{MASKED, Masks};
pub use secrets::REDACTED;

use super::{CommandAsk, CommandGot, EnvAsk, EnvGot, HttpAsk, HttpGot, Produced, RuleAsk, RuleGot, RulesAsk, RulesGot, Unavailable, why};
use crate::{
    domain::canonical_json,
    text::query::{Program, RunError},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The longest body, and the longest output of a command, that is recorded, in bytes. One byte more and nothing is concluded.
pub const BODY_LIMIT: usize = 64 * 1024;

/// The end of a command's error output that is recorded, in bytes.
pub const STDERR_LIMIT: usize = 4 * 1024;

/// The protocol's `redact:` paths, compiled.
#[derive(Default)]
pub struct Redaction {
    paths: Vec<Program>,
}

impl Redaction {
    /// Compiles jq paths such as `.. | .token?`. `Err`: the position of the first that is no path, and why.
    pub fn compile(paths: &[String]) -> Result<Redaction, (usize, String)> {
        let compiled = paths.iter().enumerate().map(|(at, path)| {
            // Alone first, so that the error speaks of the text as it was written.
            Program::selecting(path).and_then(|_| Program::selecting(&format!("path({path}\n)"))).map_err(|why| (at, why.to_string()))
        });
        Ok(Redaction { paths: compiled.collect::<Result<_, _>>()? })
    }

    /// Replaces what stands at the paths. `Err`: a path could not be followed, so what it hides is not known.
    fn apply(&self, value: &mut Value) -> Result<(), String> {
        for path in &self.paths {
            for path in path.run(value, &[]).map_err(|error| error.to_string())? {
                if let Some(found) = at_path(value, &path) {
                    *found = Value::from(REDACTED);
                }
            }
        }
        Ok(())
    }
}

/// The value at a jq path (a list of keys and positions), where there is one.
fn at_path<'a>(value: &'a mut Value, path: &Value) -> Option<&'a mut Value> {
    path.as_array()?.iter().try_fold(value, |value, step| match step {
        Value::String(key) => value.get_mut(key),
        Value::Number(_) => {
            let length = value.as_array().map_or(0, Vec::len) as i64;
            let at = step.as_i64()?;
            value.get_mut(usize::try_from(if at < 0 { at + length } else { at }).ok()?)
        }
        _ => None,
    })
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
    // Masked as it came: a part of it, or its small letters, might no longer be known for what they are.
    let content_type = header("content-type").and_then(|value| {
        let clean = clean_text(&value, masks);
        let media_type = clean.split([';', ',']).next().unwrap_or_default().trim().to_ascii_lowercase();
        (!media_type.is_empty()).then_some(media_type)
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
    /// Reading stopped before the error output was at its end.
    pub stderr_cut: bool,
    pub produced: Option<Produced>,
}

/// Reduces the result of a program. Of the error output, the end is kept.
pub fn reduce_command(_ask: &CommandAsk, raw: RawCommand, redaction: &Redaction, masks: &Masks) -> CommandGot {
    let output = reduce_output(&raw.stdout, raw.over_limit, redaction, masks);
    let stderr = String::from_utf8_lossy(&raw.stderr);
    let stderr = secrets::redact_text(&if raw.stderr_cut { masks.mask_cut(&stderr) } else { masks.mask(&stderr) });
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
            match as_recorded(&value) {
                Some(value) => Output { value, is_json: true, truncated: false },
                None => return LEFT_OUT,
            }
        }
        Err(_) => Output { value: Value::from(clean_text(&String::from_utf8_lossy(bytes), masks)), is_json: false, truncated: false },
    };
    // Replacement characters, masks and escapes can make it longer than it came.
    if output.value.to_string().len() > 2 * BODY_LIMIT { LEFT_OUT } else { output }
}

/// The value as it is read back from the record: the order of keys and the spelling of numbers are those of canonical JSON,
/// so that a program which looks at them says the same again later.
fn as_recorded(value: &Value) -> Option<Value> {
    serde_json::from_slice(&canonical_json(value).ok()?).ok()
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
        let holds = match Program::compile(when, RULE_VARIABLES) {
            Err(_) => Err("the program does not compile"),
            Ok(program) => match program.run(&Value::Null, &variables).as_deref() {
                Ok([Value::Bool(holds)]) => Ok(*holds),
                Ok([]) => Err("the program gave no answer"),
                Ok([_]) => Err("the program gave something that is neither true nor false"),
                Ok(_) => Err("the program gave several answers"),
                Err(RunError::Undecided(_)) => Err("it compares values of two types, or a variable that is not set"),
                Err(RunError::Failed(_)) => Err("the program ended in an error"),
            },
        };
        RuleGot { name: name.clone(), holds: holds.ok(), error: holds.err().map(str::to_owned) }
    });
    RulesGot { rules: rules.collect() }
}

/// What the program of a rule sees, without the `$`.
pub const RULE_VARIABLES: &[&str] = &["env", "channel"];

#[cfg(test)]
mod tests {
    use super::*;

    fn http(content_type: &str, body: &[u8]) -> RawHttp {
        let headers = [("Content-Type", content_type), ("X-A", "1"), ("x-a", "2"), ("Set-Cookie", "sid=1"), ("X-B", "no")];
        RawHttp {
            status: 200,
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body: body.to_vec(),
            over_limit: false,
            latency_ms: 7,
            certificate_days: Some(30),
        }
    }

    fn reduce(content_type: &str, body: &[u8]) -> HttpGot {
        let ask = HttpAsk { record: vec!["X-A".to_owned(), "set-cookie".to_owned(), "x-none".to_owned()], ..HttpAsk::default() };
        let redaction = Redaction::compile(&[".. | .inner?".to_owned(), ".list[0]".to_owned()]).map_err(|(_, why)| why).unwrap();
        reduce_http(&ask, http(content_type, body), &redaction, &Masks::new(["hunter22"]))
    }

    #[test]
    fn a_response_is_reduced() {
        let got = reduce(
            "Application/JSON; charset=utf-8",
            br#" {"z": "a hunter22", "list": ["x", "y"], "b": {"inner": {"c": 1}}, "token": "t", "n": 1.0}"#,
        );
        assert_eq!((got.status, got.latency_ms, got.certificate_days), (200, 7, Some(30)));
        assert_eq!(got.content_type.as_deref(), Some("application/json"));
        assert_eq!(got.headers, BTreeMap::from([("x-a".into(), "1, 2".into()), ("set-cookie".into(), REDACTED.into())]));
        assert!(got.is_json && !got.truncated);
        let want = r#"{"b":{"inner":"[redacted]"},"list":["[redacted]","y"],"n":1,"token":"[redacted]","z":"a [masked]"}"#;
        assert_eq!(got.body.to_string(), want, "in the order and spelling in which it is read back");
    }

    #[test]
    fn bodies_that_are_no_json_are_told_as_they_are() {
        let long = vec![b'1'; BODY_LIMIT + 1];
        let deep = "[".repeat(200) + &"]".repeat(200);
        let binary = vec![0xff; BODY_LIMIT];
        let cases: [(&[u8], Value, bool, bool); 7] = [
            (b"", Value::Null, false, false),
            (b" \n", Value::Null, false, false),
            (b"null", Value::Null, true, false),
            (b"ok hunter22", json!("ok [masked]"), false, false),
            (b"\xff{}", json!("\u{fffd}{}"), false, false),
            (&long, Value::Null, false, true),
            (&binary, Value::Null, false, true),
        ];
        for (body, value, is_json, truncated) in cases {
            let got = reduce("text/plain", body);
            assert_eq!((got.body, got.is_json, got.truncated), (value, is_json, truncated), "{:?}", &body[..body.len().min(9)]);
        }
        assert_eq!(reduce("", deep.as_bytes()).body, json!(deep), "too deep to be looked at as JSON");
        let cut =
            reduce_http(&HttpAsk::default(), RawHttp { over_limit: true, ..http("", b"{}") }, &Redaction::default(), &Masks::default());
        assert_eq!((cut.body, cut.truncated, cut.content_type), (Value::Null, true, None));
    }

    #[test]
    fn a_redacted_path_that_fails_hides_the_body() {
        let redaction = Redaction::compile(&[".a.b".to_owned()]).map_err(|(_, why)| why).unwrap();
        let got = reduce_http(&HttpAsk::default(), http("", br#"{"a": 1}"#), &redaction, &Masks::default());
        assert_eq!((got.body, got.truncated), (Value::Null, true));
        for wrong in ["1 +", "(", ".a) | (.b"] {
            assert!(Redaction::compile(&[".x".to_owned(), wrong.to_owned()]).is_err_and(|(at, _)| at == 1), "{wrong}");
        }
    }

    #[test]
    fn a_command_is_reduced() {
        let raw = RawCommand {
            exit: Some(1),
            stdout: b"{\"password\": \"x\"}\n".to_vec(),
            stderr: format!("{}\u{e9}end with hunter22", "x".repeat(2 * STDERR_LIMIT)).into_bytes(),
            over_limit: false,
            stderr_cut: false,
            produced: None,
        };
        let got = reduce_command(&CommandAsk::default(), raw, &Redaction::default(), &Masks::new(["hunter22"]));
        assert_eq!((got.exit, got.stdout, got.is_json), (Some(1), json!({"password": REDACTED}), true));
        assert!(got.stderr.len() <= STDERR_LIMIT && got.stderr.ends_with("\u{e9}end with [masked]"));
    }

    /// What would hide a secret happens after the masks: a limit, small letters, the cut at a separator.
    #[test]
    fn nothing_is_changed_before_it_is_masked() {
        let masks = Masks::new(["Hunter22;and-more"]);
        let command = |stderr: String, stderr_cut: bool| {
            let raw = RawCommand {
                exit: Some(1),
                stdout: Vec::new(),
                stderr: stderr.into_bytes(),
                over_limit: false,
                stderr_cut,
                produced: None,
            };
            reduce_command(&CommandAsk::default(), raw, &Redaction::default(), &masks).stderr
        };
        // The kept end starts inside the secret.
        let kept = command(format!("Hunter22;and-more{}", "x".repeat(STDERR_LIMIT - 8)), false);
        assert!(!kept.contains("and-more"), "{kept:.20}");
        assert_eq!(command("x Hunter22;an".to_owned(), true), "x [masked]");
        assert_eq!(command("x Hunter22;an".to_owned(), false), "x Hunter22;an");
        let got = reduce_http(&HttpAsk::default(), http("text/Hunter22;and-more; charset=utf-8", b""), &Redaction::default(), &masks);
        assert_eq!(got.content_type.as_deref(), Some("text/[masked]"));
    }

    #[test]
    fn variables_become_classes() {
        let ask = EnvAsk {
            prefixes: vec!["sk_live_x".to_owned(), "no".to_owned()],
            literals: vec!["a".to_owned(), "sk_live_xyz".to_owned()],
            patterns: vec!["sk_.*".to_owned(), "live|sk_live_xyz".to_owned(), "live".to_owned()],
            ..EnvAsk::default()
        };
        let of = |value: &str| reduce_env(&ask, Some(&Variable::Value(value.to_owned()))).unwrap();
        let got = of("sk_live_xyz");
        assert!(got.present && !got.empty && !got.presence_only);
        assert_eq!((got.prefix.as_deref(), got.length_class.as_deref()), (Some("sk_live_x"), Some("1-16")));
        assert_eq!((got.equals, got.matches), (vec![false, true], vec![true, true, false]));
        let empty = of("");
        assert_eq!((empty.present, empty.empty, empty.prefix, empty.length_class.as_deref()), (true, true, None, Some("0")));
        for (length, class) in [(16, "1-16"), (17, "17-64"), (64, "17-64"), (65, "65-256"), (256, "65-256"), (257, "257+")] {
            assert_eq!(of(&"\u{e9}".repeat(length)).length_class.as_deref(), Some(class), "{length}");
        }
        assert_eq!(reduce_env(&ask, None), Ok(EnvGot::default()));
        assert_eq!(reduce_env(&ask, Some(&Variable::Presence(false))), Ok(EnvGot::default()));
        let present = reduce_env(&ask, Some(&Variable::Presence(true))).unwrap();
        assert!(present.present && present.presence_only && present.equals.is_empty());
        let wrong = EnvAsk { patterns: vec!["(".to_owned()], ..EnvAsk::default() };
        assert!(reduce_env(&wrong, Some(&Variable::Value(String::new()))).is_err());
    }

    #[test]
    fn rules_give_booleans_and_never_values() {
        let rule = |when: &str| RuleAsk { name: when.to_owned(), when: when.to_owned() };
        let programs =
            ["$env.APP == \"secret-value\"", "$channel == \"staging\"", "$env.APP", "$env.APP + 1", "empty", "true, true", "$nope", "true"];
        let ask = RulesAsk { rules: programs.map(rule).to_vec() };
        let environment = BTreeMap::from([("APP".to_owned(), "secret-value".to_owned())]);
        let got = reduce_rules(&ask, "staging", &environment);
        let holds: Vec<Option<bool>> = got.rules.iter().map(|rule| rule.holds).collect();
        assert_eq!(holds, [Some(true), Some(true), None, None, None, None, None, Some(true)]);
        let errors: String = got.rules.iter().filter_map(|rule| rule.error.clone()).collect();
        assert!(!errors.contains("secret-value"), "{errors}");
        assert!(got.rules.iter().all(|rule| rule.holds.is_some() != rule.error.is_some()));
    }
}
