//! The engine with its meter: compiles lowered programs, runs them on a thread of their own.

use super::{
    MAX_OUTPUTS, QueryError, RunError,
    builtins::{self, Builtins},
    check::check,
    lower::{self, lower},
    strict::{self, Undecided},
};
use jaq_core::{
    Compiler, Ctx, Cv, DataT, Error, Exn, Lut, Native, Vars,
    box_iter::box_once,
    data::HasLut,
    load::{Arena, File, Loader, parse::Def},
    native::{Fun, bome, v},
};
use jaq_json::{Map, Num, Val};
use regex::{Regex, RegexBuilder};
use serde_json::Value;
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeSet, HashMap},
    fmt::{self, Write},
    rc::Rc,
};

pub(super) type Filter = jaq_core::Filter<Metered>;

/// Stack of the thread that a program runs on. The deepest lawful programs of the tests need less than 8 MiB, unoptimised;
/// only what is used is ever backed by memory.
const STACK: usize = 64 * 1024 * 1024;

/// Units that every run may spend, further ones for each value inside the input and the variables, and the most of both.
const ALLOWANCE: u64 = 2_000_000;
const ALLOWANCE_PER_VALUE: u64 = 300;
const MAX_ALLOWANCE: u64 = 30_000_000;

/// Units of one step.
const STEP: u64 = 10;

/// The heaviest value: one unit for each value inside, and one for each eight bytes of text.
const MAX_WEIGHT: u64 = 1_000_000;

/// How deep values may nest.
const MAX_LEVELS: u32 = 128;

/// Bits of the largest whole number.
const MAX_BITS: u64 = 8 * 1024;

const MAX_TEXT: usize = 1024 * 1024;

/// Regular expressions that a thread keeps from run to run. Each may take a megabyte.
const MAX_PATTERNS: usize = 32;

thread_local! {
    /// By pattern and flags.
    static PATTERNS: RefCell<HashMap<(String, String), Regex>> = RefCell::default();
    /// Whether this thread has the stack that a program needs.
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
}

/// Threads that each have the stack of a program, for work that runs many. `None`: they cannot be had.
pub(super) fn pool() -> Option<rayon::ThreadPool> {
    let pool = rayon::ThreadPoolBuilder::new().stack_size(STACK).start_handler(|_| IS_WORKER.set(true));
    pool.build().ok()
}

/// Runs on a thread with a large stack: this one, where it has one. A panic inside is an error: some are known in the engine for odd
/// inputs.
pub(super) fn on_worker<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, String> {
    if is_worker() {
        return on_this(work);
    }
    std::thread::scope(|scope| {
        let worker = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        let worker = worker.map_err(|error| format!("no thread for the program: {error}"))?;
        worker.join().map_err(|_| "the jq engine failed on it".to_owned())
    })
}

/// Whether this thread has the stack that a program needs.
pub(super) fn is_worker() -> bool {
    IS_WORKER.get()
}

/// Runs here; for threads with the stack of a program.
pub(super) fn on_this<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    // What a program leaves half done is its own, and is dropped.
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    done.map_err(|_| "the jq engine failed on it".to_owned())
}

pub(super) fn compile(text: &str, vars: &[&str]) -> Result<Filter, QueryError> {
    let vars: Vec<String> = vars.iter().map(|name| format!("${}", name.trim_start_matches('$'))).collect();
    let vars: Vec<&str> = vars.iter().map(String::as_str).collect();
    // The text's own life is longer than that of the names, so both are cut to the shorter.
    let text: &str = text;
    let checked = check(text, &vars)?;
    let builtins = Builtins::get();
    let mut needed: BTreeSet<builtins::Signature> = checked.calls.into_iter().collect();
    for signature in builtins.order.iter().rev() {
        if needed.contains(signature) {
            needed.extend(&builtins.defined[signature].calls);
        }
    }
    let definitions = builtins.order.iter().filter(|signature| needed.contains(signature));
    let definitions = definitions.map(|signature| builtins.defined[signature].def.clone());
    let program = Def { name: PROGRAM, args: Vec::new(), body: lower(checked.term) };
    let arena = Arena::default();
    let loader = Loader::new(definitions.chain([program]));
    let defect = |what: String| QueryError::at(0..text.len(), format!("the jq engine does not take it: {what}"));
    let modules = loader.load(&arena, File { code: PROGRAM, path: () }).map_err(|_| defect("it cannot be loaded".to_owned()))?;
    let compiler = Compiler::default().with_funs(natives()).with_global_vars(vars.iter().copied());
    compiler.compile(modules).map_err(|errors| {
        let names = errors.into_iter().flat_map(|(_, errors)| errors).map(|(name, _)| name.to_owned());
        defect(names.collect::<Vec<_>>().join(", "))
    })
}

/// The program is the last definition of the engine's prelude, which is where definitions may be given as terms.
const PROGRAM: &str = "program_of_the_gate";

/// Whether a run is held to the rule of [`strict`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparing {
    Strictly,
    AsJq,
}

/// The engine's form of an input, with its weight. It never leaves its thread.
#[derive(Clone)]
pub(super) struct Input {
    value: Val,
    weight: u64,
}

impl Input {
    pub(super) fn read(value: &Value) -> Result<Input, String> {
        // Before it takes room a second time.
        if is_heavy(value) {
            return Err(Over::Size.to_string());
        }
        let value = read(value, 0)?;
        let weight = weigh(&value).map_err(|over| over.to_string())?;
        Ok(Input { value, weight })
    }
}

/// Runs with the given share of the usual allowance: 1 is all of it, 10 a tenth.
pub(super) fn run(filter: &Filter, comparing: Comparing, input: &Input, vars: &[Value], share: u64) -> Result<Vec<Value>, RunError> {
    let vars = vars.iter().map(|var| read(var, 0)).collect::<Result<Vec<Val>, String>>()?;
    let meter = Meter { as_jq: comparing == Comparing::AsJq, ..Meter::default() };
    let mut weight = input.weight;
    for value in &vars {
        weight += weigh(value).map_err(|over| over.to_string())?;
    }
    meter.left.set((ALLOWANCE + ALLOWANCE_PER_VALUE * weight).min(MAX_ALLOWANCE) / share);
    meter.largest.set(weight);
    let ctx = Ctx::<Metered>::new(Data { lut: &filter.lut, meter: &meter }, Vars::new(vars));
    let mut values = Vec::new();
    for output in filter.id.run((ctx, input.value.clone())) {
        let output = output.map_err(|exception| describe(&meter, exception))?;
        if values.len() == MAX_OUTPUTS {
            return Err(format!("the program gives more than {MAX_OUTPUTS} values").into());
        }
        // An output is weighed like any other value, so that writing it down ends.
        weigh(&output).map_err(|over| over.to_string())?;
        values.push(write(&output)?);
    }
    Ok(values)
}

fn describe(meter: &Meter, exception: Exn<'_, Val>) -> RunError {
    match meter.over.get() {
        Some(Over::Undecided(why)) => return RunError::Undecided(why.to_string()),
        Some(over) => return RunError::Failed(over.to_string()),
        None => {}
    }
    RunError::Failed(match exception.get_err() {
        Ok(error) => {
            let mut text = Short(String::new());
            // The only error is that the text is full.
            let _ = write!(text, "{error}");
            text.0
        }
        Err(_) => "the program was ended by the jq engine".to_owned(),
    })
}

/// The beginning of a text; writing stops where it is long enough.
struct Short(String);

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.0.len() > 200 {
                self.0.push('…');
                return Err(fmt::Error);
            }
            self.0.extend(c.escape_debug().filter(|_| c.is_control()).chain(Some(c).filter(|c| !c.is_control())));
        }
        Ok(())
    }
}

/// Why a run was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Over {
    #[error("the program takes too many steps")]
    Steps,
    #[error("the program makes a value that is too large")]
    Size,
    #[error("the program makes a value that nests more than {MAX_LEVELS} levels deep")]
    Depth,
    #[error("{0}")]
    Undecided(Undecided),
}

#[derive(Default)]
pub(super) struct Meter {
    /// Compares as jq does, whatever the types.
    as_jq: bool,
    left: Cell<u64>,
    /// The weight of the heaviest value so far.
    largest: Cell<u64>,
    over: Cell<Option<Over>>,
    patterns: RefCell<HashMap<(String, String), Regex>>,
}

impl Meter {
    /// The exception that ends a run: unlike an error, a program cannot catch it.
    fn end<T>(&self, over: Over) -> Result<T, Exn<'static, Val>> {
        self.over.set(Some(self.over.get().unwrap_or(over)));
        Err(Exn::halt(1))
    }

    fn spend(&self, units: u64) -> Result<(), Exn<'static, Val>> {
        match self.left.get().checked_sub(units) {
            Some(left) if self.over.get().is_none() => {
                self.left.set(left);
                Ok(())
            }
            _ => self.end(Over::Steps),
        }
    }

    /// One step, and what it takes to copy the value once.
    fn tick(&self, value: &Val) -> Result<(), Exn<'static, Val>> {
        let (size, limit) = match value {
            Val::TStr(bytes) | Val::BStr(bytes) => (bytes.len() / 8, MAX_TEXT / 8),
            Val::Arr(items) => (items.len() / 4, MAX_WEIGHT as usize / 4),
            Val::Obj(entries) => (entries.len(), MAX_WEIGHT as usize),
            Val::Num(Num::BigInt(number)) => ((number.bits() / 64) as usize, MAX_BITS as usize / 64),
            _ => (0, 0),
        };
        if size > limit {
            return self.end(Over::Size);
        }
        self.spend(STEP + size as u64)
    }

    /// What [`strict`] found, where this run is held to it.
    fn decided(&self, found: Result<(), Undecided>) -> Result<(), Exn<'static, Val>> {
        match found {
            Err(why) if !self.as_jq => self.end(Over::Undecided(why)),
            _ => Ok(()),
        }
    }

    fn charge(&self, value: &Val, times: u64) -> Result<u64, Exn<'static, Val>> {
        match weigh(value) {
            Ok(weight) => {
                self.largest.set(self.largest.get().max(weight));
                self.spend(STEP + weight * times).map(|()| weight)
            }
            Err(over) => self.end(over),
        }
    }
}

/// The weight of a value; shared parts count wherever they stand, as they do when it is compared or written.
fn weigh(value: &Val) -> Result<u64, Over> {
    let mut weight = 0;
    let mut open = vec![(value, 0)];
    while let Some((value, level)) = open.pop() {
        weight += 1 + match value {
            Val::TStr(bytes) | Val::BStr(bytes) => bytes.len() as u64 / 8,
            Val::Num(Num::BigInt(number)) => number.bits() / 64,
            Val::Arr(items) => {
                open.extend(items.iter().map(|item| (item, level + 1)));
                0
            }
            Val::Obj(entries) => {
                open.extend(entries.iter().flat_map(|(key, value)| [(key, level + 1), (value, level + 1)]));
                0
            }
            _ => 0,
        };
        if weight + open.len() as u64 > MAX_WEIGHT {
            return Err(Over::Size);
        }
        if level > MAX_LEVELS {
            return Err(Over::Depth);
        }
    }
    Ok(weight)
}

/// The engine's kind of data, with the meter beside the program.
pub(super) struct Metered;

#[derive(Clone)]
pub(super) struct Data<'a> {
    lut: &'a Lut<Metered>,
    meter: &'a Meter,
}

impl DataT for Metered {
    type V<'a> = Val;
    type Data<'a> = Data<'a>;
}

impl<'a> HasLut<'a, Metered> for Data<'a> {
    fn lut(&self) -> &'a Lut<Metered> {
        self.lut
    }
}

/// The native filters: what the lists keep of the engine's, and ours.
pub(super) fn natives() -> Vec<Fun<Metered>> {
    let engine = jaq_core::funs::<Metered>().chain(jaq_std::funs()).chain(jaq_json::funs());
    engine.filter(|(name, args, _)| builtins::keeps(name, args.len())).chain(meters()).chain(comparisons()).chain(ours()).collect()
}

/// The filters that [`lower`] puts in. All but the product give their input on, also as a path and in an update.
fn meters() -> [Fun<Metered>; 15] {
    macro_rules! gate {
        ($name:expr, $pay:expr) => {
            (
                $name,
                v(0),
                Native::new(|cv: Cv<'_, Metered>| {
                    let pay: Pay = $pay;
                    box_once(pay(cv.0.data().meter, &cv.1).map(|()| cv.1))
                })
                .with_paths(|cv| {
                    let pay: Pay = $pay;
                    let (ctx, (value, path)) = cv;
                    box_once(pay(ctx.data().meter, &value).map(|()| (value, path)))
                })
                .with_update(|cv, update| {
                    let pay: Pay = $pay;
                    match pay(cv.0.data().meter, &cv.1) {
                        Ok(()) => update(cv.1),
                        Err(end) => box_once(Err(end)),
                    }
                }),
            )
        };
    }
    [
        gate!(lower::TICK, Meter::tick),
        gate!(lower::CHARGE, |meter, value| meter.charge(value, 1).map(drop)),
        gate!(lower::SORT, |meter, value| meter.charge(value, 16).map(drop)),
        gate!(lower::ATTEMPT, |meter, _| meter.spend(STEP + meter.largest.get())),
        gate!(lower::CONDITION, |meter, value| meter.decided(strict::condition(value))),
        gate!(lower::CONDITIONS, |meter, value| meter.decided(strict::conditions(value))),
        gate!(lower::THERE, |meter, value| meter.decided(strict::there(value))),
        gate!(lower::WHOLE, |meter, value| {
            meter.charge(value, 1)?;
            meter.decided(strict::whole(value))
        }),
        gate!(lower::ITEMS_THERE, |meter, value| meter.decided(strict::items_there(value))),
        gate!(lower::ITEMS_ALIKE, |meter, value| {
            meter.charge(value, 16)?;
            meter.decided(strict::items_alike(value))
        }),
        gate!(lower::NUMBER, |meter, value| meter.decided(strict::number(value))),
        gate!(lower::TEXT, |meter, value| meter.decided(strict::text(value))),
        gate!(lower::KEY, |meter, value| match value {
            Val::Arr(_) | Val::Obj(_) => Err(Exn::from(Error::str("a list or an object is no key"))),
            key => meter.tick(key),
        }),
        (
            lower::PRODUCT,
            v(1),
            Native::new(|mut cv| {
                let other = cv.0.pop_var();
                let meter = cv.0.data().meter;
                let product = meter.charge(&cv.1, 1).and_then(|left| Ok(left.saturating_mul(meter.charge(&other, 1)?)));
                box_once(product.and_then(|product| meter.spend(product)).map(|()| cv.1))
            }),
        ),
        (
            lower::MULTIPLY,
            v(2),
            Native::new(|mut cv| {
                let (right, left) = (cv.0.pop_var(), cv.0.pop_var());
                box_once(multiply(cv.0.data().meter, left, right))
            }),
        ),
    ]
}

/// The filters that compare, under the rule of [`strict`].
fn comparisons() -> [Fun<Metered>; 12] {
    macro_rules! compare {
        ($name:expr, $named:expr, $holds:expr) => {
            (
                $name,
                v(2),
                Native::new(|mut cv: Cv<'_, Metered>| {
                    let (right, left) = (cv.0.pop_var(), cv.0.pop_var());
                    let holds: fn(&Val, &Val) -> bool = $holds;
                    let decided = cv.0.data().meter.decided(strict::alike(&left, &right, $named));
                    box_once(decided.map(|()| Val::Bool(holds(&left, &right))))
                }),
            )
        };
    }
    [
        compare!(lower::LT, false, |left, right| left < right),
        compare!(lower::LE, false, |left, right| left <= right),
        compare!(lower::GT, false, |left, right| left > right),
        compare!(lower::GE, false, |left, right| left >= right),
        compare!(lower::EQ, false, |left, right| left == right),
        compare!(lower::NE, false, |left, right| left != right),
        compare!(lower::EQ_NAMED, true, |left, right| left == right),
        compare!(lower::NE_NAMED, true, |left, right| left != right),
        (
            lower::CONTAINS,
            v(1),
            Native::new(|mut cv| {
                let part = cv.0.pop_var();
                let meter = cv.0.data().meter;
                let found = match strict::contains(&cv.1, &part) {
                    Err(why) => meter.decided(Err(why)).map(|()| cv.1 == part),
                    Ok(found) => Ok(found),
                };
                box_once(found.map(Val::Bool))
            }),
        ),
        (
            lower::MINUS,
            v(2),
            Native::new(|mut cv| {
                let (right, left) = (cv.0.pop_var(), cv.0.pop_var());
                let decided = match (&left, &right) {
                    (Val::Arr(left), Val::Arr(right)) => cv.0.data().meter.decided(strict::all_alike(left.iter().chain(right.iter()))),
                    _ => Ok(()),
                };
                box_once(decided.and_then(|()| Ok((left - right)?)))
            }),
        ),
        (
            lower::ALIKE,
            v(1),
            Native::new(|mut cv| {
                let keys = cv.0.pop_var();
                let meter = cv.0.data().meter;
                let decided = meter.charge(&keys, 16).and_then(|_| meter.decided(strict::items_alike(&keys)));
                box_once(decided.map(|()| cv.1))
            }),
        ),
        (
            lower::MEMBER,
            v(1),
            Native::new(|mut cv| {
                let value = cv.0.pop_var();
                let decided = cv.0.data().meter.decided(strict::member(&cv.1, &value));
                box_once(decided.map(|()| cv.1))
            }),
        ),
    ]
}

type Pay = fn(&Meter, &Val) -> Result<(), Exn<'static, Val>>;

fn multiply(meter: &Meter, left: Val, right: Val) -> Result<Val, Exn<'static, Val>> {
    let text = |value: &Val| match value {
        Val::TStr(bytes) | Val::BStr(bytes) => Some(bytes.len() as f64),
        _ => None,
    };
    let number = |value: &Val| match value {
        Val::Num(Num::Int(number)) => Some(*number as f64),
        Val::Num(Num::BigInt(_)) => Some(f64::MAX),
        _ => None,
    };
    let bits = |value: &Val| match value {
        Val::Num(Num::BigInt(number)) => number.bits(),
        _ => 64,
    };
    let repeated = text(&left).zip(number(&right)).or(number(&left).zip(text(&right)));
    if repeated.is_some_and(|(a, b)| a * b > MAX_TEXT as f64) || bits(&left) + bits(&right) > MAX_BITS {
        return meter.end(Over::Size);
    }
    // Objects are merged at every level.
    if matches!((&left, &right), (Val::Obj(_), Val::Obj(_))) {
        meter.charge(&left, 1)?;
        meter.charge(&right, 1)?;
    }
    let product = (left * right)?;
    meter.charge(&product, 1)?;
    Ok(product)
}

/// Filters that take the place of the engine's: linear where those are not, or with limits that those do not have.
fn ours() -> [Fun<Metered>; 8] {
    [
        ("add", v(0), Native::new(|cv| bome(add(cv.1)))),
        (
            "join",
            v(1),
            Native::new(|mut cv| {
                let separator = cv.0.pop_var();
                bome(join(cv.1, &separator))
            }),
        ),
        ("flatten", v(0), Native::new(|cv| bome(flatten(cv.1, MAX_LEVELS as isize)))),
        (
            "flatten",
            v(1),
            Native::new(|mut cv| {
                let depth = cv.0.pop_var();
                bome(match depth {
                    Val::Num(Num::Int(depth)) if depth >= 0 => flatten(cv.1, depth),
                    _ => Err(Error::str("the depth of flatten is a whole number from 0 on")),
                })
            }),
        ),
        ("fromjson", v(0), Native::new(|cv| bome(from_json(&cv.1)))),
        ("matches", v(2), Native::new(|cv| box_once(search(cv, false, true)))),
        ("split_matches", v(2), Native::new(|cv| box_once(search(cv, true, true)))),
        ("split_", v(2), Native::new(|cv| box_once(search(cv, true, false)))),
    ]
}

/// The values of a list or object, added up.
fn add(value: Val) -> Result<Val, Error<Val>> {
    let items: Vec<Val> = jaq_core::ValT::values(value).collect::<Result<_, _>>()?;
    if !items.is_empty() && items.iter().all(|item| matches!(item, Val::TStr(_))) {
        return Ok(text(&items.iter().filter_map(bytes_of).collect::<Vec<_>>().concat()));
    }
    items.into_iter().try_fold(Val::Null, |sum, item| sum + item)
}

fn join(value: Val, separator: &Val) -> Result<Val, Error<Val>> {
    let separator = bytes_of(separator).ok_or_else(|| Error::str("the separator of join is a string"))?;
    let mut joined = Vec::new();
    for (at, item) in jaq_core::ValT::values(value).enumerate() {
        if at > 0 {
            joined.extend_from_slice(separator);
        }
        match item? {
            Val::Null => {}
            Val::Arr(_) | Val::Obj(_) => return Err(Error::str("join takes strings, numbers and booleans")),
            item => joined.extend_from_slice(bytes_of(&jaq_core::ValT::into_string(item)).unwrap_or_default()),
        }
    }
    Ok(text(&joined))
}

fn flatten(value: Val, depth: isize) -> Result<Val, Error<Val>> {
    let mut flat = Vec::new();
    let mut open: Vec<(Val, isize)> = jaq_core::ValT::values(value).map(|item| item.map(|item| (item, depth))).collect::<Result<_, _>>()?;
    open.reverse();
    while let Some((item, depth)) = open.pop() {
        match item {
            Val::Arr(items) if depth > 0 => open.extend(items.iter().rev().map(|item| (item.clone(), depth - 1))),
            item => flat.push(item),
        }
    }
    Ok(Val::Arr(Rc::new(flat)))
}

fn from_json(value: &Val) -> Result<Val, Error<Val>> {
    let bytes = bytes_of(value).ok_or_else(|| Error::str("fromjson takes a string"))?;
    let value: Value = serde_json::from_slice(bytes).map_err(|error| Error::str(format!("no JSON: {error}")))?;
    read(&value, 0).map_err(Error::str)
}

fn bytes_of(value: &Val) -> Option<&[u8]> {
    match value {
        Val::TStr(bytes) | Val::BStr(bytes) => Some(bytes),
        _ => None,
    }
}

fn text(bytes: &[u8]) -> Val {
    Val::from(String::from_utf8_lossy(bytes).into_owned())
}

/// The regular expression filters: what does not match, what matches, or both in turn. A match is a list: the whole, then
/// the groups that took part.
fn search<'a>(mut cv: Cv<'a, Metered>, gaps: bool, matches: bool) -> Result<Val, Exn<'a, Val>> {
    let (flags, pattern) = (cv.0.pop_var(), cv.0.pop_var());
    let as_text = |value: &Val| bytes_of(value).and_then(|bytes| std::str::from_utf8(bytes).ok()).map(str::to_owned);
    cv.0.data().meter.decided(strict::text(&cv.1).and_then(|()| strict::text(&pattern)))?;
    let (Some(subject), Some(pattern)) = (as_text(&cv.1), as_text(&pattern)) else {
        return Err(Exn::from(Error::str("a regular expression and what it is matched with are strings")));
    };
    let flags = match flags {
        Val::Null => String::new(),
        flags => as_text(&flags).ok_or_else(|| Exn::from(Error::str("the flags of a regular expression are a string")))?,
    };
    let meter = cv.0.data().meter;
    let regex = meter.pattern(&pattern, &flags)?;
    meter.spend(4 * subject.len() as u64)?;
    let (global, skip_empty) = (flags.contains('g'), flags.contains('n'));
    let mut found = Vec::new();
    let (mut gap_start, mut counted, mut characters) = (0, 0, 0);
    for captures in regex.captures_iter(&subject) {
        let Some(whole) = captures.get(0) else { continue };
        if skip_empty && whole.is_empty() {
            continue;
        }
        meter.spend(STEP * regex.captures_len() as u64)?;
        if gaps {
            found.push(Val::from(subject[gap_start..whole.start()].to_owned()));
            gap_start = whole.end();
        }
        if matches {
            // Offsets count characters; they are counted on from the match before.
            characters += subject[counted..whole.start()].chars().count();
            counted = whole.start();
            let groups = captures.iter().zip(regex.capture_names()).filter_map(|(group, name)| {
                let group = group?;
                let before = subject[counted..group.start()].chars().count();
                Some(group_value(characters + before, group.as_str(), name))
            });
            found.push(groups.collect());
        }
        if !global {
            break;
        }
    }
    if gaps {
        found.push(Val::from(subject[gap_start..].to_owned()));
    }
    Ok(found.into_iter().collect())
}

fn group_value(offset: usize, string: &str, name: Option<&str>) -> Val {
    let key = |key: &str| Val::from(key.to_owned());
    let mut group = Map::default();
    group.insert(key("offset"), Val::from(offset));
    group.insert(key("length"), Val::from(string.chars().count()));
    group.insert(key("string"), Val::from(string.to_owned()));
    if let Some(name) = name {
        group.insert(key("name"), key(name));
    }
    Val::obj(group)
}

impl Meter {
    /// Each pattern is paid for once in a run, whoever compiled it. Matching is linear in the text; the size limit bounds the factor.
    fn pattern(&self, pattern: &str, flags: &str) -> Result<Regex, Exn<'static, Val>> {
        let key = (pattern.to_owned(), flags.to_owned());
        if let Some(regex) = self.patterns.borrow().get(&key) {
            return Ok(regex.clone());
        }
        self.spend(5_000 + 20 * pattern.len() as u64)?;
        if let Some(regex) = PATTERNS.with_borrow(|known| known.get(&key).cloned()) {
            self.patterns.borrow_mut().insert(key, regex.clone());
            return Ok(regex);
        }
        let mut builder = RegexBuilder::new(pattern);
        builder.size_limit(1 << 17).dfa_size_limit(1 << 20).nest_limit(50);
        for flag in flags.chars() {
            match flag {
                'g' | 'n' => &mut builder,
                'i' => builder.case_insensitive(true),
                'm' => builder.multi_line(true),
                's' => builder.dot_matches_new_line(true),
                'p' => builder.multi_line(true).dot_matches_new_line(true),
                'l' => builder.swap_greed(true),
                'x' => builder.ignore_whitespace(true),
                other => return Err(Exn::from(Error::str(format!("`{other}` is no flag of a regular expression")))),
            };
        }
        let regex = builder.build().map_err(|error| Exn::from(Error::str(format!("no regular expression: {error}"))))?;
        PATTERNS.with_borrow_mut(|known| {
            if known.len() >= MAX_PATTERNS {
                known.clear();
            }
            known.insert(key.clone(), regex.clone());
        });
        self.patterns.borrow_mut().insert(key, regex.clone());
        Ok(regex)
    }
}

/// Whether a value has more parts than any may weigh.
fn is_heavy(value: &Value) -> bool {
    let (mut parts, mut open) = (0, vec![value]);
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(members) => {
                parts += members.len() as u64;
                open.extend(members.values());
            }
            _ => {}
        }
        parts += 1;
        if parts + open.len() as u64 > MAX_WEIGHT {
            return true;
        }
    }
    false
}

/// JSON into the engine's value.
fn read(value: &Value, level: u32) -> Result<Val, String> {
    if level > MAX_LEVELS {
        return Err(format!("the input nests more than {MAX_LEVELS} levels deep"));
    }
    Ok(match value {
        Value::Null => Val::Null,
        Value::Bool(value) => Val::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => isize::try_from(whole).map_or(Val::from(whole as f64), Val::from),
            (None, _) if number.is_u64() => Num::from_str_radix(&number.to_string(), 10).map_or(Val::Null, Val::Num),
            (None, number) => number.map_or(Val::Null, Val::from),
        },
        Value::String(text) => Val::from(text.clone()),
        Value::Array(items) => Val::Arr(Rc::new(items.iter().map(|item| read(item, level + 1)).collect::<Result<_, _>>()?)),
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| Ok((Val::from(key.clone()), read(value, level + 1)?)));
            Val::obj(entries.collect::<Result<Map, String>>()?)
        }
    })
}

/// The engine's value as JSON. It has been weighed, so this ends and does not nest deeply. What JSON cannot say is an
/// error, never something else.
fn write(value: &Val) -> Result<Value, String> {
    Ok(match value {
        Val::Null => Value::Null,
        Val::Bool(value) => Value::Bool(*value),
        Val::Num(Num::Int(number)) => Value::from(*number as i64),
        Val::Num(number) => {
            let text = number.to_string();
            let unsigned = text.parse::<u64>().ok().map(Value::from);
            let float = || text.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Value::Number);
            unsigned.or_else(float).ok_or_else(|| "the program gives a number that JSON cannot hold".to_owned())?
        }
        Val::TStr(bytes) | Val::BStr(bytes) => Value::String(String::from_utf8_lossy(bytes).into_owned()),
        Val::Arr(items) => Value::Array(items.iter().map(write).collect::<Result<_, _>>()?),
        Val::Obj(entries) => {
            let entries = entries.iter().map(|(key, value)| match key {
                Val::TStr(key) => Ok((String::from_utf8_lossy(key).into_owned(), write(value)?)),
                _ => Err("the program gives an object with a key that is no string".to_owned()),
            });
            Value::Object(entries.collect::<Result<_, String>>()?)
        }
    })
}

const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Filter>();
};
