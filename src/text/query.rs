//! jq programs: the one expression language of gates. The only importer of the jq engine.
//!
//! A program sees its input and the variables that its caller names, nothing else: no environment, no clock, no further
//! input, no output but its values. So the same program gives the same answer again from recorded evidence.
//!
//! What it compares must be of one type and there: [`strict`] has the rule, and where it is broken the run ends undecided.
//! Programs that only name paths ([`Program::selecting`]) judge nothing and compare as jq does.
//!
//! A program always ends. The engine itself has no limits, so they are put around it, in three layers:
//! 1. Before: a program may not call itself, and the builtins that loop without an end (`repeat`, `while`, `until`,
//!    `recurse(f)`) are not there. What is left ends for every input ([`check`]). How deep its calls nest is known before
//!    it runs, and limited.
//! 2. During: the program is rewritten so that every step passes through a meter ([`lower`]); steps and sizes of values
//!    are paid from an allowance that grows with the input. An empty allowance ends the run in a way that the program
//!    cannot catch. Nothing is timed, so the end comes at the same step everywhere.
//! 3. Around: it runs on a thread of its own with a stack that fits the deepest lawful program; a defect of the engine is
//!    an error there, not the end of the process.
//!
//! Deliberately absent: modules, `env`, `input`, `debug`, `now`, local time, and recursion.

mod builtins;
mod check;
mod engine;
mod lower;
mod names;
mod strict;
#[cfg(test)]
mod tests;

use super::{
    source::Source,
    template::{self, Slot},
    yaml::{Spanned, place_in},
};
use crate::domain::Finding;
use serde_json::Value;
use std::{
    cell::{OnceCell, RefCell},
    collections::HashMap,
    ops::Range,
    rc::Rc,
};

/// The longest program, in bytes.
pub const MAX_PROGRAM: usize = 8 * 1024;

/// The most values that one run may give.
pub const MAX_OUTPUTS: usize = 1000;

/// A program that can be run any number of times, from any thread.
pub struct Program {
    text: String,
    filter: engine::Filter,
    variables: usize,
    comparing: engine::Comparing,
}

/// Why a run gave no values, in words that name no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// It compares values of two types, or one that is not there: nothing can be concluded.
    #[error("{0}")]
    Undecided(String),
    #[error("{0}")]
    Failed(String),
}

impl From<String> for RunError {
    fn from(why: String) -> RunError {
        RunError::Failed(why)
    }
}

/// Why a text is no program, and where: byte offsets in the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    pub message: String,
    pub offset: usize,
    /// Bytes from `offset` on that are wrong; 0 where it is a point.
    pub length: usize,
}

impl Program {
    /// Compiles. `vars` names the variables that the program may use, with or without their `$`; values for them are given
    /// to [`Program::run`] in the same order.
    pub fn compile(text: &str, vars: &[&str]) -> Result<Program, QueryError> {
        if let Some(error) = placeholder(text, vars) {
            return Err(error);
        }
        let filter = engine::on_worker(|| engine::compile(text, vars)).unwrap_or_else(|defect| Err(QueryError::at(0..0, defect)))?;
        Ok(Program { text: text.to_owned(), filter, variables: vars.len(), comparing: engine::Comparing::Strictly })
    }

    /// Compiles a program that selects and judges nothing: it compares as jq does, so that `.. | select(.kind? == "key")` can look
    /// at every value.
    pub fn selecting(text: &str) -> Result<Program, QueryError> {
        Ok(Program { comparing: engine::Comparing::AsJq, ..Program::compile(text, &[])? })
    }

    /// Compiles a program that stands in a file; an error is a finding (`config/query`) with its place inside the scalar.
    pub fn compile_in(source: &Source, text: &Spanned<String>, vars: &[&str]) -> Result<Program, Finding> {
        Program::compile(text, vars).map_err(|error| error.finding(source, text))
    }

    /// The text it was compiled from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Every value that the program gives for this input. An error of the program, more than [`MAX_OUTPUTS`] values and an
    /// empty allowance are errors, in words.
    pub fn run(&self, input: &Value, vars: &[Value]) -> Result<Vec<Value>, RunError> {
        self.run_on(&Input::of(input), vars)
    }

    /// The same for an input that other programs are run on, too.
    pub fn run_on(&self, input: &Input, vars: &[Value]) -> Result<Vec<Value>, RunError> {
        if vars.len() != self.variables {
            return Err(format!("the program takes {} variables, {} were given", self.variables, vars.len()).into());
        }
        if engine::is_worker() {
            let read = || engine::on_this(|| engine::Input::read(input.value))?;
            let ready = input.ready.get_or_init(read).as_ref().map_err(|why| RunError::Failed(why.clone()))?;
            return engine::on_this(|| engine::run(&self.filter, self.comparing, ready, vars, 1))?;
        }
        let value = input.value;
        engine::on_worker(|| engine::run(&self.filter, self.comparing, &engine::Input::read(value)?, vars, 1))?
    }

    /// What a program of [`Program::selecting`] gives, run once for an input however many rules have the same text. Those take no variables
    /// and compare alike, so their text and the input are all that they depend on; a program of [`Program::compile`] is never asked here.
    pub fn selected(&self, input: &Input) -> Rc<Result<Vec<Value>, RunError>> {
        let known = input.given.borrow().get(&self.text).cloned();
        known.unwrap_or_else(|| {
            let given = Rc::new(self.run_on(input, &[]));
            input.given.borrow_mut().insert(self.text.clone(), given.clone());
            given
        })
    }
}

/// What programs gave, by their text.
type Given = RefCell<HashMap<String, Rc<Result<Vec<Value>, RunError>>>>;

/// A value that programs are run on. Inside [`side_by_side`] it is put into the form of the engine once for all of them.
pub struct Input<'v> {
    value: &'v Value,
    ready: OnceCell<Result<engine::Input, String>>,
    given: Given,
}

impl<'v> Input<'v> {
    pub fn of(value: &'v Value) -> Input<'v> {
        Input { value, ready: OnceCell::new(), given: Given::default() }
    }

    pub fn value(&self) -> &'v Value {
        self.value
    }
}

/// The first `{env.NAME}` or `{capture.NAME}`: nothing is filled in inside a program, not even inside its strings.
fn placeholder(text: &str, vars: &[&str]) -> Option<QueryError> {
    let (at, slot, length) = text.match_indices('{').find_map(|(at, _)| match template::slot_at(&text[at..]) {
        Some((slot @ (Slot::Env(_) | Slot::Capture(_)), length)) => Some((at, slot, length)),
        _ => None,
    })?;
    let (list, name) = match &slot {
        Slot::Env(name) => ("env", name),
        Slot::Capture(name) | Slot::Value(name) => ("capture", name),
    };
    let known = vars.iter().any(|var| var.trim_start_matches('$') == list);
    let instead = match known {
        true => format!("write `${list}.{name}`, without quotes and braces"),
        false if list == "env" => "`$env` is there only in the rules of channels; a gate compares variables by its kind `env`".to_owned(),
        false => "no captures are known here".to_owned(),
    };
    Some(QueryError::at(at..at + length, format!("`{slot}` is not filled in inside a program; {instead}")))
}

/// Does work that runs many programs, side by side where it says so to rayon: there no program needs a thread of its own. Work that is a
/// part of such work goes on with its threads.
pub fn side_by_side<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if engine::is_worker() && rayon::current_thread_index().is_some() {
        return work();
    }
    match engine::pool() {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

/// Whether a text is written as a jq program, whatever names it uses. For programs that this program never runs.
pub fn check_syntax(text: &str) -> Result<(), QueryError> {
    engine::on_worker(|| check::parse(text).map(drop)).unwrap_or_else(|defect| Err(QueryError::at(0..0, defect)))
}

/// The first name in a program for jq itself that nothing gives it, for every version of jq. `variables`: those that its
/// options name, with their `$`. `None` where the text is no program at all.
pub fn unknown_name(text: &str, variables: &[&str]) -> Option<QueryError> {
    engine::on_worker(|| names::unknown(text, variables)).unwrap_or_default()
}

/// The names `NAME` of every `$env.NAME` in a program, in order, each once. Empty where the program does not compile; a use
/// of `$env` without a plain name is found by [`env_names`].
pub fn variables_in(text: &str) -> Vec<String> {
    engine::on_worker(|| check::env_names(text).0).unwrap_or_default()
}

/// As [`variables_in`], but a program that uses `$env` other than as `$env.NAME` or `$env["NAME"]` is an error: nobody
/// could say which variables it depends on.
pub fn env_names(text: &str) -> Result<Vec<String>, QueryError> {
    match engine::on_worker(|| check::env_names(text)) {
        Ok((names, None)) => Ok(names),
        Ok((_, Some(error))) => Err(error),
        Err(defect) => Err(QueryError::at(0..0, defect)),
    }
}

impl QueryError {
    fn at(range: Range<usize>, message: impl Into<String>) -> QueryError {
        QueryError { message: message.into(), offset: range.start, length: range.len() }
    }

    /// The error as a finding at its place inside the scalar.
    pub fn finding(&self, source: &Source, text: &Spanned<String>) -> Finding {
        let place = place_in(source, text, self.offset..self.offset + self.length);
        Finding::error("config/query", format!("no valid jq program: {}", self.message)).at(place)
    }
}
