//! Rewrites a checked program so that every step of it passes through the meter.
//!
//! Two filters that no program can name are put in: [`TICK`] takes one step (and a little for a long string or list),
//! [`CHARGE`] pays for every value inside a value and refuses one that is too large or too deep. Both give their input on
//! unchanged, also as a path. The rules:
//! - a call is preceded by a step, so that work without any output is paid as well;
//! - whatever may give several outputs is followed by a step for each;
//! - whatever looks at a whole value (a comparison, `..`, sorting, an assignment) is preceded by its charge, and whatever
//!   builds a value is followed by it.
//!
//! In the same way whatever compares values or decides by one is led through the rule of [`super::strict`]. The engine's own
//! definitions are not: some rest on jq's order of types.

use super::builtins::{self, Cost};
use jaq_core::{
    load::{
        lex::StrPart,
        parse::{BinaryOp, Def, Pattern, Term},
    },
    ops::{Cmp, Math},
    path::{Part, Path},
};

pub(super) const TICK: &str = "!tick";
pub(super) const CHARGE: &str = "!charge";
/// The charge of sorting.
pub(super) const SORT: &str = "!sort";
/// `!product($x)`: the charge of comparing everything inside with everything inside `$x`.
pub(super) const PRODUCT: &str = "!product";
/// Gives on whatever may be the key of an object or list, refuses lists and objects: searching for those is not linear.
pub(super) const KEY: &str = "!key";
/// `!multiply($l; $r)`: the product, refused before a string or number becomes huge.
pub(super) const MULTIPLY: &str = "!multiply";

/// Pays for writing out an error: its text may hold the largest value there is.
pub(super) const ATTEMPT: &str = "!attempt";

/// Gates of [`super::strict`]: each gives its input on, or ends the run.
pub(super) const CONDITION: &str = "!condition";
pub(super) const CONDITIONS: &str = "!conditions";
pub(super) const THERE: &str = "!there";
pub(super) const WHOLE: &str = "!whole";
pub(super) const ITEMS_THERE: &str = "!items_there";
pub(super) const ITEMS_ALIKE: &str = "!items_alike";
pub(super) const NUMBER: &str = "!number";
pub(super) const TEXT: &str = "!text";
/// `!alike($keys)`: gives its input on where each two of the keys may be compared.
pub(super) const ALIKE: &str = "!alike";
/// `!member($x)`: gives its input on where `$x` may be looked up in it.
pub(super) const MEMBER: &str = "!member";
/// `!contains($x)`, `!minus($l; $r)`.
pub(super) const CONTAINS: &str = "!contains";
pub(super) const MINUS: &str = "!minus";
/// The comparisons `!lt($l; $r)` and so on. In the last two, the nulls of `$l` are written in the program.
pub(super) const LT: &str = "!lt";
pub(super) const LE: &str = "!le";
pub(super) const GT: &str = "!gt";
pub(super) const GE: &str = "!ge";
pub(super) const EQ: &str = "!eq";
pub(super) const NE: &str = "!ne";
pub(super) const EQ_NAMED: &str = "!eq_named";
pub(super) const NE_NAMED: &str = "!ne_named";

/// A variable that no program can name.
const HIDDEN: &str = "$!";

/// The same for a definition of the engine.
pub(super) fn lower_def<'s>(def: Def<&'s str>) -> Def<&'s str> {
    let scope: Vec<(&'s str, usize)> = def.args.iter().filter(|name| !name.starts_with('$')).map(|name| (*name, 0)).collect();
    let body = Lowering { locals: scope, strict: false }.term(def.body);
    Def { name: def.name, args: def.args, body }
}

pub(super) fn lower(term: Term<&str>) -> Term<&str> {
    Lowering { locals: Vec::new(), strict: true }.term(term)
}

struct Lowering<'s> {
    /// Definitions and filter arguments in scope, by name and arity: a call to one of them is no builtin.
    locals: Vec<(&'s str, usize)>,
    /// Whether the rule of [`super::strict`] holds here.
    strict: bool,
}

impl<'s> Lowering<'s> {
    fn term(&mut self, term: Term<&'s str>) -> Term<&'s str> {
        match term {
            Term::Id | Term::Num(_) | Term::Arr(None) | Term::Break(_) | Term::Var(_) => term,
            Term::Recurse => tick(pipe(call(CHARGE), Term::Recurse)),
            Term::Str(format, parts) => self.string(format, parts),
            Term::Arr(Some(inner)) => charge(Term::Arr(Some(self.boxed(*inner)))),
            Term::Obj(entries) => charge(Term::Obj(entries.into_iter().map(|(key, value)| self.entry(key, value)).collect())),
            Term::Neg(inner) => {
                let inner = self.term(*inner);
                tick(Term::Neg(Box::new(self.through(inner, THERE))))
            }
            Term::BinOp(left, op, right) => self.operation(*left, op, *right),
            Term::Label(name, inner) => Term::Label(name, self.boxed(*inner)),
            Term::Fold(kind, items, pattern, arguments) => {
                let (items, pattern) = (self.boxed(*items), self.pattern(pattern));
                tick(Term::Fold(kind, items, pattern, self.terms(arguments)))
            }
            Term::TryCatch(body, catch) => pipe(call(ATTEMPT), Term::TryCatch(self.boxed(*body), catch.map(|catch| self.boxed(*catch)))),
            Term::IfThenElse(branches, otherwise) => {
                let branches = branches.into_iter().map(|(condition, then)| (self.condition(condition), self.term(then))).collect();
                Term::IfThenElse(branches, otherwise.map(|otherwise| self.boxed(*otherwise)))
            }
            Term::Def(definitions, inner) => {
                let scope = self.locals.len();
                let definitions = definitions.into_iter().map(|definition| self.definition(definition)).collect();
                let inner = self.boxed(*inner);
                self.locals.truncate(scope);
                Term::Def(definitions, inner)
            }
            Term::Call(name, arguments) => self.call(name, arguments),
            Term::Path(head, path) => self.path(*head, path),
        }
    }

    fn boxed(&mut self, term: Term<&'s str>) -> Box<Term<&'s str>> {
        Box::new(self.term(term))
    }

    /// A lowered term whose outputs pass a gate.
    fn through(&self, term: Term<&'s str>, gate: &'static str) -> Term<&'s str> {
        if self.strict { pipe(term, call(gate)) } else { term }
    }

    fn condition(&mut self, term: Term<&'s str>) -> Term<&'s str> {
        let term = self.term(term);
        self.through(term, CONDITION)
    }

    fn terms(&mut self, terms: Vec<Term<&'s str>>) -> Vec<Term<&'s str>> {
        terms.into_iter().map(|term| self.term(term)).collect()
    }

    fn string(&mut self, format: Option<&'s str>, parts: Vec<StrPart<&'s str, Term<&'s str>>>) -> Term<&'s str> {
        let plain = parts.iter().all(|part| !matches!(part, StrPart::Term(_)));
        let parts = parts.into_iter().map(|part| match part {
            StrPart::Term(inner) => {
                let inner = self.term(inner);
                StrPart::Term(charge(self.through(inner, WHOLE)))
            }
            other => other,
        });
        let string = Term::Str(format, parts.collect());
        if plain { string } else { tick(string) }
    }

    /// `{a}` and `{"a b"}` stand for `{a: .a}`; `{$x}` stays, because its key is not that of the variable's value.
    fn entry(&mut self, key: Term<&'s str>, value: Option<Term<&'s str>>) -> (Term<&'s str>, Option<Term<&'s str>>) {
        match (key, value) {
            (Term::Var(name), None) => (Term::Var(name), None),
            (key, None) => {
                let path = Path(vec![(Part::Index(key.clone()), jaq_core::path::Opt::Essential)]);
                (self.entry_key(key), Some(self.path(Term::Id, path)))
            }
            (key, Some(value)) => (self.entry_key(key), Some(self.term(value))),
        }
    }

    fn entry_key(&mut self, key: Term<&'s str>) -> Term<&'s str> {
        let is_constant = is_constant(&key);
        let key = self.term(key);
        if is_constant { key } else { self.through(key, THERE) }
    }

    fn operation(&mut self, left: Term<&'s str>, op: BinaryOp<&'s str>, right: Term<&'s str>) -> Term<&'s str> {
        match op {
            BinaryOp::Pipe(None) | BinaryOp::Alt => {
                let left = self.term(left);
                binary(left, op, self.term(right))
            }
            BinaryOp::Or | BinaryOp::And => {
                let left = self.condition(left);
                binary(left, op, self.condition(right))
            }
            BinaryOp::Pipe(Some(pattern)) => {
                let (left, pattern) = (self.term(left), self.pattern(pattern));
                binary(left, BinaryOp::Pipe(Some(pattern)), self.term(right))
            }
            BinaryOp::Comma => {
                let left = self.term(left);
                tick(binary(left, BinaryOp::Comma, self.term(right)))
            }
            BinaryOp::Math(math) => {
                let left = self.term(left);
                self.arithmetic(left, math, right)
            }
            BinaryOp::Cmp(cmp) if self.strict => self.comparison(left, cmp, right),
            BinaryOp::Cmp(_) => {
                let left = charge(self.term(left));
                tick(binary(left, op, charge(self.term(right))))
            }
            BinaryOp::Assign | BinaryOp::Update | BinaryOp::UpdateAlt => {
                let left = self.term(left);
                charge(pipe(call(CHARGE), binary(left, op, self.term(right))))
            }
            // `l += r` is `r as $x | l |= . + $x`.
            BinaryOp::UpdateMath(math) => {
                let (left, right) = (self.term(left), self.term(right));
                let sum = self.arithmetic(Term::Id, math, Term::Var(HIDDEN));
                let update = charge(pipe(call(CHARGE), binary(left, BinaryOp::Update, sum)));
                binary(right, BinaryOp::Pipe(Some(Pattern::Var(HIDDEN))), update)
            }
        }
    }

    fn comparison(&mut self, left: Term<&'s str>, cmp: Cmp, right: Term<&'s str>) -> Term<&'s str> {
        let (names_left, names_right) = (self.names_null(&left), self.names_null(&right));
        let (left, right) = (charge(self.term(left)), charge(self.term(right)));
        let (name, arguments) = match cmp {
            Cmp::Lt => (LT, vec![left, right]),
            Cmp::Le => (LE, vec![left, right]),
            Cmp::Gt => (GT, vec![left, right]),
            Cmp::Ge => (GE, vec![left, right]),
            Cmp::Eq if names_left => (EQ_NAMED, vec![left, right]),
            Cmp::Eq if names_right => (EQ_NAMED, vec![right, left]),
            Cmp::Eq => (EQ, vec![left, right]),
            Cmp::Ne if names_left => (NE_NAMED, vec![left, right]),
            Cmp::Ne if names_right => (NE_NAMED, vec![right, left]),
            Cmp::Ne => (NE, vec![left, right]),
        };
        tick(Term::Call(name, arguments))
    }

    /// Whether a term is a constant, so that its nulls are the word of whoever wrote it.
    fn names_null(&self, term: &Term<&'s str>) -> bool {
        match term {
            Term::Call("null" | "true" | "false", arguments) => arguments.is_empty() && !self.locals.iter().any(|(name, _)| is_word(name)),
            Term::Arr(Some(inner)) => self.names_null(inner),
            Term::BinOp(left, BinaryOp::Comma, right) => self.names_null(left) && self.names_null(right),
            Term::Obj(entries) => {
                entries.iter().all(|(key, value)| is_constant(key) && value.as_ref().is_some_and(|value| self.names_null(value)))
            }
            Term::Arr(None) => true,
            other => is_constant(other),
        }
    }

    /// `left` is lowered already, `right` is not.
    fn arithmetic(&mut self, left: Term<&'s str>, math: Math, right: Term<&'s str>) -> Term<&'s str> {
        let right = self.term(right);
        let (left, right) = (self.through(left, THERE), self.through(right, THERE));
        tick(match math {
            Math::Mul => Term::Call(MULTIPLY, vec![left, right]),
            // A difference of lists sorts one and looks the other up in it; a quotient of strings splits.
            Math::Sub if self.strict => Term::Call(MINUS, vec![pipe(left, call(SORT)), pipe(right, call(SORT))]),
            Math::Sub => binary(pipe(left, call(SORT)), BinaryOp::Math(math), pipe(right, call(SORT))),
            Math::Div => binary(charge(left), BinaryOp::Math(math), charge(right)),
            Math::Add | Math::Rem => binary(left, BinaryOp::Math(math), right),
        })
    }

    fn pattern(&mut self, pattern: Pattern<&'s str>) -> Pattern<&'s str> {
        match pattern {
            Pattern::Var(name) => Pattern::Var(name),
            Pattern::Arr(items) => Pattern::Arr(items.into_iter().map(|item| self.pattern(item)).collect()),
            Pattern::Obj(entries) => Pattern::Obj(entries.into_iter().map(|(key, value)| (self.key(key), self.pattern(value))).collect()),
        }
    }

    fn definition(&mut self, def: Def<&'s str>) -> Def<&'s str> {
        let scope = self.locals.len();
        self.locals.extend(def.args.iter().filter(|name| !name.starts_with('$')).map(|name| (*name, 0)));
        let body = self.term(def.body);
        self.locals.truncate(scope);
        self.locals.push((def.name, def.args.len()));
        Def { name: def.name, args: def.args, body }
    }

    fn call(&mut self, name: &'s str, arguments: Vec<Term<&'s str>>) -> Term<&'s str> {
        let mut arguments = self.terms(arguments);
        let arity = arguments.len();
        if self.locals.contains(&(name, arity)) {
            return tick(pipe(call(TICK), Term::Call(name, arguments)));
        }
        if name == "recurse" && arity == 0 {
            return self.term(Term::Recurse);
        }
        if matches!(name, "has" | "range") {
            arguments = arguments.into_iter().map(|argument| pipe(argument, call(KEY))).collect();
        }
        if self.strict {
            return self.strict_call(name, arguments);
        }
        Self::metered_call(name, arguments)
    }

    /// A call of a builtin by a program: what it compares, and what it decides by, passes the gates of the rule.
    fn strict_call(&self, name: &'s str, mut arguments: Vec<Term<&'s str>>) -> Term<&'s str> {
        let gate = match (name, arguments.len()) {
            ("not", 0) => Some(call(CONDITION)),
            ("any" | "all", 0) => Some(call(CONDITIONS)),
            ("select" | "any" | "all" | "paths", 1) | ("any" | "all", 2) => {
                arguments = gate_last(arguments, CONDITION);
                None
            }
            ("length" | "utf8bytelength" | "reverse", 0) => Some(call(THERE)),
            ("tostring" | "tojson" | "transpose" | "flatten", 0) | ("flatten", 1) => Some(call(WHOLE)),
            ("@text" | "@json" | "@uri" | "@sh" | "@html" | "@base64" | "@base64d" | "@csv" | "@tsv", 0) => Some(call(WHOLE)),
            // What these refuse, `?` would take for an empty list.
            ("keys" | "keys_unsorted" | "to_entries" | "from_entries" | "tonumber" | "toboolean" | "fromjson", 0) => Some(call(THERE)),
            ("map" | "map_values" | "with_entries", 1) => Some(call(THERE)),
            ("has", 1) => {
                arguments = gate_last(arguments, THERE);
                None
            }
            ("in", 1) => Some(call(THERE)),
            ("getpath", 1) => {
                arguments = gate_last(arguments, WHOLE);
                None
            }
            // Without a text to take away, these give on what they were given.
            ("ltrimstr" | "rtrimstr", 1) => {
                arguments = gate_last(arguments, TEXT);
                None
            }
            ("limit" | "skip" | "nth", 2) | ("nth", 1) => {
                arguments = arguments.into_iter().enumerate().map(|(at, it)| if at == 0 { pipe(it, call(NUMBER)) } else { it }).collect();
                None
            }
            ("add", 0) | ("join", 1) => Some(call(ITEMS_THERE)),
            ("add", 1) => {
                arguments = gate_last(arguments, THERE);
                None
            }
            ("range", _) => {
                arguments = arguments.into_iter().map(|argument| pipe(argument, call(NUMBER))).collect();
                None
            }
            ("startswith" | "endswith", 1) => {
                arguments = gate_last(arguments, TEXT);
                Some(call(TEXT))
            }
            ("sort" | "unique" | "min" | "max", 0) => Some(call(ITEMS_ALIKE)),
            ("sort_by" | "group_by" | "unique_by" | "min_by" | "max_by", 1) => {
                let all = Path(vec![(Part::Range(None, None), jaq_core::path::Opt::Essential)]);
                let each = tick(Term::Path(Box::new(Term::Id), all));
                let keys = arguments.iter().map(|key| charge(Term::Arr(Some(Box::new(key.clone()))))).map(|key| pipe(each.clone(), key));
                Some(Term::Call(ALIKE, keys.map(|keys| charge(Term::Arr(Some(Box::new(keys))))).collect()))
            }
            ("index" | "rindex" | "indices", 1) => {
                let value = arguments.pop().unwrap_or_default();
                let found = Self::metered_call(name, vec![Term::Var(HIDDEN)]);
                let looked_up = pipe(call(CHARGE), pipe(Term::Call(MEMBER, vec![Term::Var(HIDDEN)]), found));
                return binary(charge(value), BinaryOp::Pipe(Some(Pattern::Var(HIDDEN))), looked_up);
            }
            ("contains", 1) => return Self::metered_call(CONTAINS, arguments),
            ("inside", 1) => {
                let whole = arguments.pop().unwrap_or_default();
                let inside = pipe(whole, Self::metered_call(CONTAINS, vec![Term::Var(HIDDEN)]));
                return binary(Term::Id, BinaryOp::Pipe(Some(Pattern::Var(HIDDEN))), inside);
            }
            _ => None,
        };
        let called = Self::metered_call(name, arguments);
        match gate {
            Some(gate) => pipe(call(CHARGE), pipe(gate, called)),
            None => called,
        }
    }

    fn metered_call(name: &'s str, mut arguments: Vec<Term<&'s str>>) -> Term<&'s str> {
        let arity = arguments.len();
        let before = match builtins::native(name, arity, true) {
            None | Some(Cost::Shallow) => call(TICK),
            Some(Cost::Deep) => call(CHARGE),
            Some(Cost::Sort) => {
                // What is sorted by is compared as well.
                arguments = arguments.into_iter().map(charge).collect();
                call(SORT)
            }
            Some(Cost::Product) => {
                let argument = arguments.pop().unwrap_or_default();
                let product = pipe(Term::Call(PRODUCT, vec![Term::Var(HIDDEN)]), Term::Call(name, vec![Term::Var(HIDDEN)]));
                return tick(binary(argument, BinaryOp::Pipe(Some(Pattern::Var(HIDDEN))), product));
            }
        };
        tick(pipe(before, Term::Call(name, arguments)))
    }

    /// `.a.b` gives one output at the cost of one step and stays as it is. A path is cut behind every other part, so that
    /// each output of each part is a step; all parts are evaluated with the input of the whole path, wherever it is cut.
    fn path(&mut self, head: Term<&'s str>, path: Path<Term<&'s str>>) -> Term<&'s str> {
        let mut single = matches!(head, Term::Id | Term::Var(_));
        let mut current = self.term(head);
        let mut names = Vec::new();
        for (part, opt) in path.0 {
            let part = match part {
                Part::Index(index) if is_constant(&index) => {
                    names.push((Part::Index(index), opt));
                    continue;
                }
                Part::Index(index) => Part::Index(self.key(index)),
                Part::Range(from, upto) => {
                    current = access(current, std::mem::take(&mut names));
                    // Going through a long list or string has its price before the first output.
                    current = tick(current);
                    if from.is_none() && upto.is_none() {
                        current = self.through(current, THERE);
                    }
                    Part::Range(from.map(|from| self.key(from)), upto.map(|upto| self.key(upto)))
                }
            };
            names.push((part, opt));
            current = tick(access(current, std::mem::take(&mut names)));
            single = true;
        }
        // What was cut has been stepped already; the names behind it add no outputs.
        let whole = access(current, names);
        if single { whole } else { tick(whole) }
    }

    /// A term that gives keys. The step before it pays for evaluating it again, which the engine does.
    fn key(&mut self, key: Term<&'s str>) -> Term<&'s str> {
        if is_constant(&key) {
            return key;
        }
        let key = self.term(key);
        pipe(call(TICK), pipe(self.through(key, THERE), call(KEY)))
    }
}

/// The last argument with its outputs led through a gate.
fn gate_last<'s>(mut arguments: Vec<Term<&'s str>>, gate: &'static str) -> Vec<Term<&'s str>> {
    let last = arguments.pop().map(|last| pipe(last, call(gate)));
    arguments.extend(last);
    arguments
}

/// A builtin that is a word for a constant.
fn is_word(name: &str) -> bool {
    matches!(name, "null" | "true" | "false")
}

fn access<'s>(head: Term<&'s str>, parts: Vec<(Part<Term<&'s str>>, jaq_core::path::Opt)>) -> Term<&'s str> {
    if parts.is_empty() { head } else { Term::Path(Box::new(head), Path(parts)) }
}

fn is_constant(term: &Term<&str>) -> bool {
    match term {
        Term::Num(_) => true,
        Term::Str(None, parts) => parts.iter().all(|part| !matches!(part, StrPart::Term(_))),
        _ => false,
    }
}

fn call<'s>(name: &'static str) -> Term<&'s str> {
    Term::Call(name, Vec::new())
}

fn tick(term: Term<&str>) -> Term<&str> {
    pipe(term, call(TICK))
}

fn charge(term: Term<&str>) -> Term<&str> {
    pipe(term, call(CHARGE))
}

fn pipe<'s>(left: Term<&'s str>, right: Term<&'s str>) -> Term<&'s str> {
    binary(left, BinaryOp::Pipe(None), right)
}

fn binary<'s>(left: Term<&'s str>, op: BinaryOp<&'s str>, right: Term<&'s str>) -> Term<&'s str> {
    Term::BinOp(Box::new(left), op, Box::new(right))
}
