//! Rewrites a checked program so that every step of it passes through the meter.
//!
//! Two filters that no program can name are put in: [`TICK`] takes one step (and a little for a long string or list),
//! [`CHARGE`] pays for every value inside a value and refuses one that is too large or too deep. Both give their input on
//! unchanged, also as a path. The rules:
//! - a call is preceded by a step, so that work without any output is paid as well;
//! - whatever may give several outputs is followed by a step for each;
//! - whatever looks at a whole value (a comparison, `..`, sorting, an assignment) is preceded by its charge, and whatever
//!   builds a value is followed by it.

use super::builtins::{self, Cost};
use jaq_core::{
    load::{
        lex::StrPart,
        parse::{BinaryOp, Def, Pattern, Term},
    },
    ops::Math,
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

/// A variable that no program can name.
const HIDDEN: &str = "$!";

/// The same for a definition of the engine.
pub(super) fn lower_def<'s>(def: Def<&'s str>) -> Def<&'s str> {
    let scope: Vec<(&'s str, usize)> = def.args.iter().filter(|name| !name.starts_with('$')).map(|name| (*name, 0)).collect();
    let body = Lowering { locals: scope }.term(def.body);
    Def { name: def.name, args: def.args, body }
}

pub(super) fn lower(term: Term<&str>) -> Term<&str> {
    Lowering { locals: Vec::new() }.term(term)
}

struct Lowering<'s> {
    /// Definitions and filter arguments in scope, by name and arity: a call to one of them is no builtin.
    locals: Vec<(&'s str, usize)>,
}

impl<'s> Lowering<'s> {
    fn term(&mut self, term: Term<&'s str>) -> Term<&'s str> {
        match term {
            Term::Id | Term::Num(_) | Term::Arr(None) | Term::Break(_) | Term::Var(_) => term,
            Term::Recurse => tick(pipe(call(CHARGE), Term::Recurse)),
            Term::Str(format, parts) => self.string(format, parts),
            Term::Arr(Some(inner)) => charge(Term::Arr(Some(self.boxed(*inner)))),
            Term::Obj(entries) => charge(Term::Obj(entries.into_iter().map(|(key, value)| self.entry(key, value)).collect())),
            Term::Neg(inner) => tick(Term::Neg(self.boxed(*inner))),
            Term::BinOp(left, op, right) => self.operation(*left, op, *right),
            Term::Label(name, inner) => Term::Label(name, self.boxed(*inner)),
            Term::Fold(kind, items, pattern, arguments) => {
                let (items, pattern) = (self.boxed(*items), self.pattern(pattern));
                tick(Term::Fold(kind, items, pattern, self.terms(arguments)))
            }
            Term::TryCatch(body, catch) => pipe(call(ATTEMPT), Term::TryCatch(self.boxed(*body), catch.map(|catch| self.boxed(*catch)))),
            Term::IfThenElse(branches, otherwise) => {
                let branches = branches.into_iter().map(|(condition, then)| (self.term(condition), self.term(then))).collect();
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

    fn terms(&mut self, terms: Vec<Term<&'s str>>) -> Vec<Term<&'s str>> {
        terms.into_iter().map(|term| self.term(term)).collect()
    }

    fn string(&mut self, format: Option<&'s str>, parts: Vec<StrPart<&'s str, Term<&'s str>>>) -> Term<&'s str> {
        let plain = parts.iter().all(|part| !matches!(part, StrPart::Term(_)));
        let parts = parts.into_iter().map(|part| match part {
            StrPart::Term(inner) => StrPart::Term(charge(self.term(inner))),
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
                (self.term(key), Some(self.path(Term::Id, path)))
            }
            (key, Some(value)) => (self.term(key), Some(self.term(value))),
        }
    }

    fn operation(&mut self, left: Term<&'s str>, op: BinaryOp<&'s str>, right: Term<&'s str>) -> Term<&'s str> {
        match op {
            BinaryOp::Pipe(None) | BinaryOp::Alt | BinaryOp::Or | BinaryOp::And => {
                let left = self.term(left);
                binary(left, op, self.term(right))
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

    /// `left` is lowered already, `right` is not.
    fn arithmetic(&mut self, left: Term<&'s str>, math: Math, right: Term<&'s str>) -> Term<&'s str> {
        let right = self.term(right);
        tick(match math {
            Math::Mul => Term::Call(MULTIPLY, vec![left, right]),
            // A difference of lists sorts one and looks the other up in it; a quotient of strings splits.
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
        if is_constant(&key) { key } else { pipe(call(TICK), pipe(self.term(key), call(KEY))) }
    }
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
