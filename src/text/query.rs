//! jq programs: the one expression language of gates. The only importer of the jq engine.
//!
//! A program sees its input and the variables that its caller names, nothing else: no environment, no clock, no further
//! input, no output but its values. So the same program gives the same answer again from recorded evidence.
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
#[cfg(test)]
mod tests;

use super::{
    source::Source,
    yaml::{Spanned, place_in},
};
use crate::domain::Finding;
use serde_json::Value;
use std::ops::Range;

/// The longest program, in bytes.
pub const MAX_PROGRAM: usize = 8 * 1024;

/// The most values that one run may give.
pub const MAX_OUTPUTS: usize = 1000;

/// A program that can be run any number of times, from any thread.
pub struct Program {
    text: String,
    filter: engine::Filter,
    variables: usize,
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
        let filter = engine::on_worker(|| engine::compile(text, vars)).unwrap_or_else(|defect| Err(QueryError::at(0..0, defect)))?;
        Ok(Program { text: text.to_owned(), filter, variables: vars.len() })
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
    pub fn run(&self, input: &Value, vars: &[Value]) -> Result<Vec<Value>, String> {
        if vars.len() != self.variables {
            return Err(format!("the program takes {} variables, {} were given", self.variables, vars.len()));
        }
        engine::on_worker(|| engine::run(&self.filter, input, vars, 1))?
    }

    /// Whether the program holds: it must give exactly one value, `true` or `false`.
    pub fn holds(&self, input: &Value, vars: &[Value]) -> Result<bool, String> {
        match self.run(input, vars)?.as_slice() {
            [Value::Bool(holds)] => Ok(*holds),
            [other] => Err(format!("the program gives {} instead of true or false", kind_of(other))),
            others => Err(format!("the program gives {} values instead of one, true or false", others.len())),
        }
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

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
