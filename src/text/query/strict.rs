//! What a program may compare, and what it may take for true or false: the one place of this rule.
//!
//! jq gives every two values an order and an answer: null is less than every number, every number less than every text, and whatever
//! is neither null nor false counts as true. A gate that asks `.coverage >= 70` would pass on `"69%"` and on `[]`, and one that asks
//! `.errors <= 0` would pass where there is no such field. Here values are compared only where they are of one type and both are
//! there; null is compared only where the program writes it down (`== null`). Everything else ends the run as [`Undecided`], which no
//! program can catch, so that no negation and no alternative makes a pass of it.
//!
//! A null is not there wherever it would be used: calculated or gone through (`.x[]?` gives nothing of it), as a key, and inside what
//! is written out as text, flattened or transposed.
//!
//! Lists are compared from the front up to the first difference, objects with the same keys value by value. Deliberately absent:
//! conversions, an order of objects other than the engine's, and a rule for values of other types that `?` passes over.

use jaq_json::{Num, Val};

/// Why nothing can be concluded from a comparison or a condition. It names types, never values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Undecided {
    #[error("{0} is compared with {1}")]
    Types(&'static str, &'static str),
    #[error("a value that is not there (null) is compared with {0}")]
    Missing(&'static str),
    #[error("a value that is not there (null) is used as if it were")]
    Null,
    #[error("a number without a finite value is compared")]
    NotFinite,
    #[error("{0} stands where true or false is needed")]
    Condition(&'static str),
    #[error("{0} stands where {1} is needed")]
    Needs(&'static str, &'static str),
}

/// Whether two values may be compared, in order or for equality. `named`: the nulls of `left` are written in the program.
pub(super) fn alike(left: &Val, right: &Val, named: bool) -> Result<(), Undecided> {
    match (left, right) {
        (Val::Null, _) if named => Ok(()),
        (Val::Null, other) | (other, Val::Null) => Err(Undecided::Missing(kind(other))),
        (Val::Num(left), Val::Num(right)) if is_finite(left) && is_finite(right) => Ok(()),
        (Val::Num(_), Val::Num(_)) => Err(Undecided::NotFinite),
        (Val::Bool(_), Val::Bool(_)) | (Val::TStr(_) | Val::BStr(_), Val::TStr(_) | Val::BStr(_)) => Ok(()),
        (Val::Arr(left), Val::Arr(right)) => {
            for (left, right) in left.iter().zip(right.iter()) {
                alike(left, right, named)?;
                if left != right {
                    break;
                }
            }
            Ok(())
        }
        (Val::Obj(left), Val::Obj(right)) => {
            if left.len() != right.len() || left.keys().any(|key| right.get(key).is_none()) {
                return Ok(());
            }
            left.iter().try_for_each(|(key, left)| right.get(key).map_or(Ok(()), |right| alike(left, right, named)))
        }
        (left, right) => Err(Undecided::Types(kind(left), kind(right))),
    }
}

/// Whether each two of these values may be compared: neighbours in the engine's order are, because values that differ in type at
/// one place and in nothing before it stand side by side somewhere.
pub(super) fn all_alike<'v>(values: impl IntoIterator<Item = &'v Val>) -> Result<(), Undecided> {
    let mut values: Vec<&Val> = values.into_iter().collect();
    values.sort();
    match values.as_slice() {
        // One alone is compared with nothing, but must be there.
        [only] => alike(only, only, false),
        several => several.windows(2).try_for_each(|pair| alike(pair[0], pair[1], false)),
    }
}

/// jq's `contains`, where a no that hangs on values of two types is no answer.
pub(super) fn contains(whole: &Val, part: &Val) -> Result<bool, Undecided> {
    match (whole, part) {
        (Val::TStr(whole) | Val::BStr(whole), Val::TStr(part) | Val::BStr(part)) => {
            Ok(part.is_empty() || whole.windows(part.len()).any(|window| window == &part[..]))
        }
        (Val::Arr(whole), Val::Arr(parts)) => all(parts.iter().map(|part| any(whole.iter().map(|item| contains(item, part))))),
        (Val::Obj(whole), Val::Obj(parts)) => {
            all(parts.iter().map(|(key, part)| whole.get(key).map_or(Ok(false), |value| contains(value, part))))
        }
        (whole, part) => alike(whole, part, false).map(|()| whole == part),
    }
}

fn any(mut answers: impl Iterator<Item = Result<bool, Undecided>>) -> Result<bool, Undecided> {
    let mut undecided = None;
    let found = answers.any(|answer| match answer {
        Ok(found) => found,
        Err(why) => {
            undecided.get_or_insert(why);
            false
        }
    });
    match undecided {
        Some(why) if !found => Err(why),
        _ => Ok(found),
    }
}

fn all(answers: impl Iterator<Item = Result<bool, Undecided>>) -> Result<bool, Undecided> {
    any(answers.map(|answer| answer.map(|held| !held))).map(|missed| !missed)
}

/// A condition is true or false, nothing else.
pub(super) fn condition(value: &Val) -> Result<(), Undecided> {
    if matches!(value, Val::Bool(_)) { Ok(()) } else { Err(Undecided::Condition(kind(value))) }
}

pub(super) fn conditions(list: &Val) -> Result<(), Undecided> {
    items(list).try_for_each(condition)
}

/// What is calculated with or gone through must be there.
pub(super) fn there(value: &Val) -> Result<(), Undecided> {
    if matches!(value, Val::Null) { Err(Undecided::Null) } else { Ok(()) }
}

/// What is written out, or put together in another way, must be there with all that it holds.
pub(super) fn whole(value: &Val) -> Result<(), Undecided> {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        there(value)?;
        open.extend(items(value));
    }
    Ok(())
}

pub(super) fn items_there(list: &Val) -> Result<(), Undecided> {
    items(list).try_for_each(there)
}

pub(super) fn items_alike(list: &Val) -> Result<(), Undecided> {
    all_alike(items(list))
}

/// A value is looked up in a list of its own type; in whatever is no list, the engine's own rules hold.
pub(super) fn member(list: &Val, value: &Val) -> Result<(), Undecided> {
    match (list, value) {
        (Val::Null, _) | (_, Val::Null) => Err(Undecided::Null),
        (Val::Arr(list), Val::Arr(part)) => list.iter().try_for_each(|item| part.iter().try_for_each(|part| alike(item, part, false))),
        (Val::Arr(list), value) => list.iter().try_for_each(|item| alike(item, value, false)),
        _ => Ok(()),
    }
}

pub(super) fn number(value: &Val) -> Result<(), Undecided> {
    if matches!(value, Val::Num(_)) { Ok(()) } else { Err(Undecided::Needs(kind(value), "a number")) }
}

pub(super) fn text(value: &Val) -> Result<(), Undecided> {
    if matches!(value, Val::TStr(_) | Val::BStr(_)) { Ok(()) } else { Err(Undecided::Needs(kind(value), "a string")) }
}

/// The values of a list or an object; none of anything else, which the engine refuses itself.
fn items(value: &Val) -> Box<dyn Iterator<Item = &Val> + '_> {
    match value {
        Val::Arr(items) => Box::new(items.iter()),
        Val::Obj(entries) => Box::new(entries.values()),
        _ => Box::new(std::iter::empty()),
    }
}

fn is_finite(number: &Num) -> bool {
    match number {
        Num::Int(_) | Num::BigInt(_) => true,
        Num::Float(number) => number.is_finite(),
        Num::Dec(digits) => digits.parse::<f64>().is_ok_and(f64::is_finite),
    }
}

fn kind(value: &Val) -> &'static str {
    match value {
        Val::Null => "null",
        Val::Bool(_) => "a boolean",
        Val::Num(_) => "a number",
        Val::TStr(_) | Val::BStr(_) => "a string",
        Val::Arr(_) => "an array",
        Val::Obj(_) => "an object",
    }
}
