//! Answers about variables against the cells and sets of the matrix. Messages name variables, prefixes and classes only.

use super::{
    Env,
    spec::{Cell, Set, Shape},
};
use crate::{
    domain::Finding,
    gate::{
        Checks, Context, Evidence, Judgement,
        probe::{Ask, EnvAsk, EnvGot, Got, Unavailable},
    },
};
use std::collections::BTreeMap;

/// What is known of the variables, by name.
type Known<'a> = BTreeMap<&'a str, (EnvAsk, &'a EnvGot)>;

pub(super) fn all(gate: &Env, cx: &Context, seen: &Evidence) -> Judgement {
    let mut checks = Checks::new();
    unknown_channels(gate, cx, &mut checks);
    let known = gather(gate, cx, seen, &mut checks);
    for (name, row) in &gate.matrix.rows {
        if let (Some(cell), Some((ask, got))) = (row.cell(&cx.channel), known.get(name.as_str())) {
            match cell_verdict(name, cell, ask, got) {
                Verdict::Held => checks.hold(),
                Verdict::Nothing => {}
                Verdict::Wrong(findings) => findings.into_iter().for_each(|finding| checks.fail(finding.at(row.place.clone()))),
                Verdict::Unknown(finding) => checks.unknown(finding.at(row.place.clone())),
            }
        }
    }
    gate.matrix.all_of.iter().for_each(|set| all_of(set, &known, &mut checks));
    gate.matrix.one_of.iter().for_each(|set| one_of(set, &known, &mut checks));
    gate.matrix.agree.iter().for_each(|set| agree(set, &known, &mut checks));
    checks.judge("env")
}

/// A misspelt channel would silently check nothing.
fn unknown_channels(gate: &Env, cx: &Context, checks: &mut Checks) {
    for (name, row) in &gate.matrix.rows {
        for channel in row.channels().filter(|channel| !cx.protocol.channels.contains_key(*channel)) {
            let message = format!("the cells of `{name}` name the channel `{channel}`, which the protocol does not have");
            checks.fail(Finding::error("env/unknown-channel", message).at(row.place.clone()));
        }
    }
}

/// The answers by name. What could not be had is said once for all variables that it concerns.
fn gather<'a>(gate: &'a Env, cx: &Context, seen: &'a Evidence, checks: &mut Checks) -> Known<'a> {
    let mut known = Known::new();
    let mut missing: Vec<(Unavailable, Vec<&str>)> = Vec::new();
    for (item, name) in (0..).zip(&gate.names) {
        let ask = match gate.ask(cx, name) {
            Ok(ask) => ask,
            Err(why) => {
                match gate.not_asked(name, why) {
                    Some((finding, true)) => checks.fail(finding),
                    Some((finding, false)) => checks.unknown(finding),
                    None => {}
                }
                continue;
            }
        };
        let Some(answer) = seen.last(item) else {
            checks.unknown(Finding::error("env/unanswered", format!("there is no answer for `{name}`")));
            continue;
        };
        if answer.ask != Ask::Env(ask.clone()) {
            checks.unknown(Finding::error("env/foreign-answer", format!("the recorded answer is not about `{name}` as it is asked here")));
            continue;
        }
        let unavailable = match answer.result() {
            Ok(Got::Env(got)) => {
                known.insert(name, (ask, got));
                continue;
            }
            Ok(_) => Unavailable::new("unreadable"),
            Err(unavailable) => unavailable,
        };
        match missing.iter_mut().find(|(why, _)| *why == unavailable) {
            Some((_, names)) => names.push(name),
            None => missing.push((unavailable, vec![name])),
        }
    }
    for (unavailable, names) in missing {
        checks.unavailable("env", &list(&names), &unavailable);
    }
    known
}

enum Verdict {
    Held,
    /// Nothing was asked of the variable, or it is rightly absent.
    Nothing,
    Wrong(Vec<Finding>),
    Unknown(Finding),
}

fn cell_verdict(name: &str, cell: &Cell, ask: &EnvAsk, got: &EnvGot) -> Verdict {
    let wrong = |code: &str, message: String| Verdict::Wrong(vec![Finding::error(format!("env/{code}"), message)]);
    match cell {
        Cell::Forbidden if got.present => wrong("forbidden", format!("`{name}` is set, and must not be")),
        Cell::Empty if got.present && got.presence_only => Verdict::Unknown(not_measurable(name)),
        Cell::Empty if got.present && !got.empty => wrong("not-empty", format!("`{name}` has a value, and must be empty")),
        Cell::Forbidden | Cell::Empty => Verdict::Held,
        Cell::Optional(_) if !got.present => Verdict::Nothing,
        Cell::Required(_) if !got.present => wrong("missing", format!("`{name}` is not set")),
        Cell::Required(_) if got.empty => wrong("empty", format!("`{name}` is set, but empty")),
        Cell::Optional(shape) | Cell::Required(shape) => match shape_verdict(name, shape, ask, got) {
            Verdict::Nothing if matches!(cell, Cell::Required(_)) => Verdict::Held,
            verdict => verdict,
        },
    }
}

fn shape_verdict(name: &str, shape: &Shape, ask: &EnvAsk, got: &EnvGot) -> Verdict {
    if shape.literal.is_none() && shape.prefixes.is_empty() && shape.pattern.is_none() {
        return Verdict::Nothing;
    }
    if got.presence_only || got.equals.len() != ask.literals.len() || got.matches.len() != ask.patterns.len() {
        return Verdict::Unknown(not_measurable(name));
    }
    let mut wrong = Vec::new();
    if got.equals.contains(&false) {
        wrong.push(Finding::error("env/literal", format!("`{name}` is not `{}`", ask.literals.join("` or `"))));
    }
    let starts = |asked: &String| got.prefix.as_ref().is_some_and(|found| found.starts_with(asked.as_str()));
    if !ask.prefixes.is_empty() && !ask.prefixes.iter().any(starts) {
        let found = got.prefix.as_ref().map_or("otherwise".to_owned(), |prefix| format!("with `{prefix}`"));
        let message = format!("`{name}` starts {found}, and must start with `{}`", ask.prefixes.join("` or `"));
        wrong.push(Finding::error("env/prefix", message));
    }
    if got.matches.contains(&false) {
        wrong.push(Finding::error("env/pattern", format!("`{name}` does not match `{}`", ask.patterns.join("` or `"))));
    }
    if wrong.is_empty() { Verdict::Held } else { Verdict::Wrong(wrong) }
}

fn not_measurable(name: &str) -> Finding {
    let finding = Finding::error("env/not-measurable", format!("the source tells only that `{name}` is set, not how"));
    finding.help("read the environment from a source that tells values; they are reduced before anybody sees them")
}

fn is_set(got: &EnvGot) -> bool {
    got.present && !got.empty
}

fn all_of(set: &Set, known: &Known, checks: &mut Checks) {
    let (there, missing): (Vec<&str>, Vec<&str>) =
        set.names.iter().map(String::as_str).filter(|name| known.contains_key(name)).partition(|name| is_set(known[name].1));
    if !there.is_empty() && !missing.is_empty() {
        let message = format!("{} set without {}", are(&there), list(&missing));
        checks.fail(Finding::error("env/incomplete-set", message).at(set.place.clone()));
    } else if there.len() == set.names.len() {
        checks.hold();
    }
}

fn one_of(set: &Set, known: &Known, checks: &mut Checks) {
    let names: Vec<&str> = set.names.iter().map(String::as_str).collect();
    if names.iter().any(|name| known.get(name).is_some_and(|(_, got)| is_set(got))) {
        checks.hold();
    } else if names.iter().all(|name| known.contains_key(name)) {
        checks.fail(Finding::error("env/none-of", format!("none of {} is set", list(&names))).at(set.place.clone()));
    }
}

fn agree(set: &Set, known: &Known, checks: &mut Checks) {
    let there = set.names.iter().filter_map(|name| Some((name, known.get(name.as_str())?.1))).filter(|(_, got)| is_set(got));
    let modes: Vec<(&String, Option<&str>, Option<Mode>)> =
        there.map(|(name, got)| (name, got.prefix.as_deref(), got.prefix.as_deref().and_then(Mode::of))).collect();
    let of = |mode: Mode| modes.iter().find(|(_, _, found)| *found == Some(mode));
    if let (Some((live, live_prefix, _)), Some((test, test_prefix, _))) = (of(Mode::Live), of(Mode::Test)) {
        let (live_prefix, test_prefix) = (live_prefix.unwrap_or_default(), test_prefix.unwrap_or_default());
        let message = format!("`{live}` is a live key (`{live_prefix}`) beside `{test}`, a test key (`{test_prefix}`)");
        checks.fail(Finding::error("env/disagree", message).at(set.place.clone()));
    } else if let Some((name, ..)) = modes.iter().find(|(_, _, mode)| mode.is_none()).filter(|_| modes.len() > 1) {
        let message = format!("whether `{name}` is a live or a test key cannot be told: it has no known prefix");
        checks.unknown(Finding::error("env/not-measurable", message).at(set.place.clone()));
    } else if modes.len() > 1 {
        checks.hold();
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Live,
    Test,
}

impl Mode {
    fn of(prefix: &str) -> Option<Mode> {
        let has = |word: &str| prefix.to_ascii_lowercase().contains(word);
        match (has("live"), has("test")) {
            (true, false) => Some(Mode::Live),
            (false, true) => Some(Mode::Test),
            _ => None,
        }
    }
}

/// "`A`, `B` and `C`".
fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("`{one}`"),
        [most @ .., last] => format!("`{}` and `{last}`", most.join("`, `")),
    }
}

fn are(names: &[&str]) -> String {
    format!("{} {}", list(names), if names.len() == 1 { "is" } else { "are" })
}
