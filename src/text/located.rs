//! A value that was read from a text, with the place of each part of it.
//!
//! The places are a second tree beside the value, made while the text is read once; a JSON pointer leads to both. Whoever only wants
//! the value pays sixteen bytes for each part of it.
//!
//! Deliberately absent: any grammar. [`super::json`], [`super::csv`] and [`super::yaml`] read texts into this.

use super::source::Source;
use serde_json::Value;
use std::{fmt::Write as _, ops::Range};

/// Nested lists and objects that are read, in every grammar.
pub const MAX_DEPTH: usize = 128;

/// The longest text that is read, in bytes. Places are numbers of 32 bits.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The most values that one text may have: the cells of a table, and everything inside a JSON value. Each takes a hundred times the room
/// of the shortest text for it.
pub const MAX_VALUES: usize = 1_000_000;

/// How many errors of one text are reported at most.
pub const MOST_WRONG: usize = 1_000;

#[derive(Clone, Debug, PartialEq)]
pub struct Located {
    pub value: Value,
    pub spot: Spot,
}

/// Where a value is: bytes of the text, the whole scalar with its quotes, or the whole list or object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spot {
    start: u32,
    end: u32,
    inside: Inside,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Inside {
    #[default]
    Nothing,
    Items(Box<[Spot]>),
    /// In the order of the object's keys, the key's own range with each.
    Members(Box<[(Range<u32>, Spot)]>),
}

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    pub what: What,
    pub at: Range<usize>,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Syntax,
    DuplicateKey,
    TooDeep,
    TooLarge,
}

impl Malformed {
    pub fn new(what: What, at: Range<usize>, message: impl Into<String>) -> Malformed {
        Malformed { what, at, message: message.into() }
    }
}

impl Spot {
    pub fn scalar(at: Range<usize>) -> Spot {
        Spot { start: short(at.start), end: short(at.end), inside: Inside::Nothing }
    }

    pub fn items(at: Range<usize>, items: Vec<Spot>) -> Spot {
        Spot { inside: Inside::Items(items.into()), ..Spot::scalar(at) }
    }

    /// `members`: the range of each key with the spot of its value, in the order of the object.
    pub fn members(at: Range<usize>, members: Vec<(Range<usize>, Spot)>) -> Spot {
        let members = members.into_iter().map(|(key, spot)| (short(key.start)..short(key.end), spot));
        Spot { inside: Inside::Members(members.collect()), ..Spot::scalar(at) }
    }

    pub fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Texts longer than [`MAX_BYTES`] are not read.
fn short(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl Located {
    /// The range of what a JSON pointer names; of the nearest part above it that is there, where it leads to nothing.
    pub fn range(&self, pointer: &str) -> Range<usize> {
        let (mut value, mut spot) = (&self.value, &self.spot);
        for part in parts(pointer) {
            let Some((next, at)) = step(value, &part) else { break };
            let below = match &spot.inside {
                Inside::Items(items) => items.get(at),
                Inside::Members(members) => members.get(at).map(|(_, spot)| spot),
                Inside::Nothing => None,
            };
            let Some(below) = below else { break };
            (value, spot) = (next, below);
        }
        spot.range()
    }

    /// The range of the key that the last part of a pointer names; `None`: there is none, or it is an item of a list.
    pub fn key_range(&self, pointer: &str) -> Option<Range<usize>> {
        let (above, _) = pointer.rsplit_once('/')?;
        let (mut value, mut spot) = (&self.value, &self.spot);
        for part in parts(above) {
            let (next, at) = step(value, &part)?;
            spot = match &spot.inside {
                Inside::Items(items) => items.get(at)?,
                Inside::Members(members) => &members.get(at)?.1,
                Inside::Nothing => return None,
            };
            value = next;
        }
        let last = parts(pointer).last()?;
        let (_, at) = step(value, &last)?;
        match &spot.inside {
            Inside::Members(members) => members.get(at).map(|(key, _)| key.start as usize..key.end as usize),
            _ => None,
        }
    }

    /// A scalar as it is spelled in the text, so that `1.10` and `0752` stay what was written. `None`: nothing is there, or it is null,
    /// a list or an object.
    pub fn spelled<'s>(&'s self, source: &'s Source, pointer: &str) -> Option<&'s str> {
        match self.value.pointer(pointer)? {
            Value::String(text) => Some(text),
            Value::Number(_) | Value::Bool(_) => source.text.get(self.range(pointer)),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

fn step<'v>(value: &'v Value, part: &str) -> Option<(&'v Value, usize)> {
    match value {
        Value::Array(items) => part.parse().ok().and_then(|at: usize| Some((items.get(at)?, at))),
        Value::Object(members) => members.iter().position(|(key, _)| key == part).and_then(|at| Some((members.get(part)?, at))),
        _ => None,
    }
}

/// The parts of a JSON pointer (RFC 6901), unescaped.
pub fn parts(pointer: &str) -> impl Iterator<Item = String> + '_ {
    pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~"))
}

/// The pointer of a path as jq gives it: keys and numbers. `None`: it has another part.
pub fn pointer_of(path: &[Value]) -> Option<String> {
    let mut pointer = String::new();
    for part in path {
        match part {
            Value::String(key) => push(&mut pointer, key),
            Value::Number(at) => drop(write!(pointer, "/{at}")),
            _ => return None,
        }
    }
    Some(pointer)
}

/// Adds one part to a pointer.
pub fn push(pointer: &mut String, part: &str) {
    pointer.push('/');
    pointer.push_str(&part.replace('~', "~0").replace('/', "~1"));
}
