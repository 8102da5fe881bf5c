//! What a program must be before it may run: every name known, no definition that calls itself, not nested too deeply.
//!
//! Without recursion the depth to which calls nest at run time can be computed beforehand. It is, because a few short
//! definitions that hand filters to one another can nest exponentially deep.

use super::{
    QueryError,
    builtins::{self, Builtins, Signature},
};
use crate::text::near;
use jaq_core::{
    load::{
        Lexer, Parser,
        lex::{self, StrPart},
        parse::{self, BinaryOp, Def, Pattern, Term},
    },
    path::{Part, Path},
};
use std::{collections::BTreeMap, ops::Range};

/// How deep brackets may nest; the engine's reader calls itself for each.
const MAX_BRACKETS: usize = 64;

/// How many words may stand in a program that make the engine's reader call itself without a bracket.
const MAX_WORDS: usize = 256;

/// How deep terms may nest. A chain of operators counts one for each.
const MAX_TERMS: u32 = 256;

/// How deep calls and terms together may nest at run time.
const MAX_DEPTH: u32 = 512;

/// How deep a term nests at run time: by itself, and for every filter argument that it uses, at which depth it does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Depth {
    own: u32,
    arguments: BTreeMap<usize, u32>,
}

pub(super) struct Checked<'s> {
    pub term: Term<&'s str>,
    /// The builtin definitions that it calls, directly.
    pub calls: Vec<Signature>,
}

/// Reads and checks a program. `vars` are the global variables with their `$`.
pub(super) fn check<'s>(text: &'s str, vars: &[&'s str]) -> Result<Checked<'s>, QueryError> {
    let term = parse(text)?;
    let mut checker = Checker { text, builtins: Some(Builtins::get()), vars: vars.to_vec(), ..Checker::default() };
    let depth = checker.term(&term, 0)?;
    if depth.own > MAX_DEPTH {
        return Err(QueryError::at(0..text.len(), "the program nests too deeply: its definitions call one another too often"));
    }
    Ok(Checked { term, calls: checker.calls })
}

pub(super) fn parse(text: &str) -> Result<Term<&str>, QueryError> {
    if text.len() > super::MAX_PROGRAM {
        return Err(QueryError::at(0..0, format!("it is longer than {} bytes", super::MAX_PROGRAM)));
    }
    if let Some(at) = too_many_brackets(text) {
        return Err(QueryError::at(at..at + 1, format!("more than {MAX_BRACKETS} levels of brackets")));
    }
    let tokens = Lexer::new(text).lex().map_err(|errors| first(errors.into_iter().map(|error| lexical(text, error))))?;
    if words(&tokens) > MAX_WORDS {
        return Err(QueryError::at(0..text.len(), format!("more than {MAX_WORDS} of `if`, `def`, `as`, `-` and the like")));
    }
    let unexpected = |(expected, found): parse::TError<&str>| {
        let (at, found) = match found {
            Some(token) => (range_of(text, token.as_str()), format!("`{}`", shorten(token.as_str()))),
            None => (text.trim_end().len()..text.trim_end().len(), "the end".to_owned()),
        };
        QueryError::at(at, format!("{} expected, not {found}", expected.as_str()))
    };
    Parser::new(&tokens).parse(|parser| parser.term()).map_err(|errors| first(errors.into_iter().map(unexpected)))
}

/// Counts without regard to strings and comments: those hold few brackets that do not close again.
fn too_many_brackets(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        (depth > MAX_BRACKETS).then_some(at)
    })
}

fn words(tokens: &[lex::Token<&str>]) -> usize {
    let count = |token: &lex::Token<&str>| match &token.1 {
        lex::Tok::Block(inner) => words(inner),
        lex::Tok::Str(parts) => {
            parts.iter().map(|part| if let StrPart::Term(inner) = part { words(std::slice::from_ref(inner)) } else { 0 }).sum()
        }
        _ => usize::from(matches!(token.0, "-" | "as" | "catch" | "def" | "foreach" | "if" | "label" | "reduce" | "try")),
    };
    tokens.iter().map(count).sum()
}

fn lexical(text: &str, (expected, rest): lex::Error<&str>) -> QueryError {
    let start = range_of(text, rest).start;
    let length = rest.chars().next().map_or(0, char::len_utf8);
    let found = if length == 0 { "the end".to_owned() } else { format!("`{}`", shorten(&rest[..length])) };
    QueryError::at(start..start + length, format!("{} expected, not {found}", expected.as_str()))
}

/// The error that stands first in the text. There always is one; an empty list would be a defect of the engine.
fn first(errors: impl Iterator<Item = QueryError>) -> QueryError {
    errors.min_by_key(|error| error.offset).unwrap_or_else(|| QueryError::at(0..0, "it cannot be read"))
}

/// Where a slice of the text stands in it. Names that are not of the text (the engine's own) have no place.
pub(super) fn range_of(text: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
    match start.checked_add(part.len()) {
        Some(end) if end <= text.len() => start..end,
        _ => 0..0,
    }
}

fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(20).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short.escape_debug().to_string()
}

/// What a name means inside a definition.
#[derive(Clone)]
enum Local<'s> {
    /// The definition around this term: calling it would be recursion.
    Open {
        name: &'s str,
        arity: usize,
    },
    /// Its arguments by identity, `None` for a `$variable`.
    Ready {
        name: &'s str,
        arguments: Vec<Option<usize>>,
        depth: Depth,
    },
    Argument {
        name: &'s str,
        id: usize,
    },
}

#[derive(Default)]
pub(super) struct Checker<'s, 'b> {
    text: &'s str,
    builtins: Option<&'b Builtins>,
    /// Whether this is a definition of the engine, which may use what programs may not.
    inner: bool,
    vars: Vec<&'s str>,
    labels: Vec<&'s str>,
    locals: Vec<Local<'s>>,
    next_argument: usize,
    calls: Vec<Signature>,
}

impl<'s, 'b> Checker<'s, 'b> {
    /// Checks a definition of the engine, which may use those already in `builtins`: its depth, and what it calls.
    pub fn of_builtin(builtins: &'b Builtins, def: &Def<&'s str>) -> Result<(Depth, Vec<Signature>), QueryError> {
        let mut checker = Checker { builtins: Some(builtins), inner: true, ..Checker::default() };
        let depth = checker.definition(def, 0)?.1;
        Ok((depth, checker.calls))
    }

    fn term(&mut self, term: &Term<&'s str>, level: u32) -> Result<Depth, QueryError> {
        if level > MAX_TERMS {
            return Err(QueryError::at(0..self.text.len(), format!("more than {MAX_TERMS} terms stand inside one another")));
        }
        let level = level + 1;
        let mut depth = Depth::default();
        match term {
            Term::Id | Term::Recurse => {}
            Term::Num(digits) => {
                if digits.len() > 64 {
                    return Err(self.error(digits, "a number has at most 64 characters"));
                }
            }
            Term::Str(format, parts) => {
                if let Some(format) = format {
                    depth.join(self.call(format, &[], level)?);
                }
                for part in parts {
                    if let StrPart::Term(term) = part {
                        depth.join(self.term(term, level)?);
                    }
                }
            }
            Term::Arr(None) => {}
            Term::Arr(Some(inner)) | Term::Neg(inner) => depth.join(self.term(inner, level)?),
            Term::Obj(entries) => {
                for (key, value) in entries {
                    depth.join(self.term(key, level)?);
                    if let Some(value) = value {
                        depth.join(self.term(value, level)?);
                    }
                }
            }
            Term::BinOp(left, BinaryOp::Pipe(Some(pattern)), right) => {
                depth.join(self.term(left, level)?);
                depth.join(self.pattern(pattern, level)?);
                depth.join(self.bound(pattern, |checker| checker.term(right, level))?);
            }
            Term::BinOp(left, _, right) => {
                depth.join(self.term(left, level)?);
                depth.join(self.term(right, level)?);
            }
            Term::Label(name, inner) => {
                self.labels.push(name);
                depth.join(self.term(inner, level)?);
                self.labels.pop();
            }
            Term::Break(name) => {
                if !self.labels.contains(name) {
                    return Err(self.error(name, format!("there is no label `{name}` here")));
                }
            }
            Term::Fold(kind, items, pattern, arguments) => {
                let lawful = match *kind {
                    "reduce" => arguments.len() == 2,
                    _ => matches!(arguments.len(), 2 | 3),
                };
                if !lawful {
                    return Err(self.error(kind, format!("`{kind}` does not take {} arguments", arguments.len())));
                }
                depth.join(self.term(items, level)?);
                depth.join(self.pattern(pattern, level)?);
                depth.join(self.term(&arguments[0], level)?);
                for argument in &arguments[1..] {
                    depth.join(self.bound(pattern, |checker| checker.term(argument, level))?);
                }
            }
            Term::TryCatch(body, catch) => {
                depth.join(self.term(body, level)?);
                if let Some(catch) = catch {
                    depth.join(self.term(catch, level)?);
                }
            }
            Term::IfThenElse(branches, otherwise) => {
                for (condition, then) in branches {
                    depth.join(self.term(condition, level)?);
                    depth.join(self.term(then, level)?);
                }
                if let Some(otherwise) = otherwise {
                    depth.join(self.term(otherwise, level)?);
                }
                // Each further `elif` stands inside the one before it.
                depth = depth.below(branches.len() as u32);
            }
            Term::Def(definitions, inner) => {
                let scope = self.locals.len();
                for definition in definitions {
                    let (arguments, depth) = self.definition(definition, level)?;
                    self.locals.push(Local::Ready { name: definition.name, arguments, depth });
                }
                depth.join(self.term(inner, level)?);
                self.locals.truncate(scope);
            }
            Term::Call(name, arguments) => depth.join(self.call(name, arguments, level)?),
            Term::Var(name) => {
                if !self.vars.contains(name) {
                    return Err(self.unknown_variable(name));
                }
            }
            Term::Path(head, path) => {
                depth.join(self.term(head, level)?);
                for inner in path_terms(path) {
                    depth.join(self.term(inner, level)?);
                }
                depth = depth.below(path.0.len() as u32);
            }
        }
        Ok(depth.below(1))
    }

    /// The terms inside a pattern. They do not see its variables.
    fn pattern(&mut self, pattern: &Pattern<&'s str>, level: u32) -> Result<Depth, QueryError> {
        if level > MAX_TERMS {
            return Err(QueryError::at(0..self.text.len(), format!("more than {MAX_TERMS} terms stand inside one another")));
        }
        let mut depth = Depth::default();
        match pattern {
            Pattern::Var(_) => {}
            Pattern::Arr(items) => {
                for item in items {
                    depth.join(self.pattern(item, level + 1)?);
                }
            }
            Pattern::Obj(entries) => {
                for (key, value) in entries {
                    depth.join(self.term(key, level + 1)?);
                    depth.join(self.pattern(value, level + 1)?);
                }
            }
        }
        Ok(depth.below(1))
    }

    fn bound<T>(&mut self, pattern: &Pattern<&'s str>, inner: impl FnOnce(&mut Self) -> T) -> T {
        let scope = self.vars.len();
        collect_vars(pattern, &mut self.vars);
        let result = inner(self);
        self.vars.truncate(scope);
        result
    }

    /// The identities of the arguments, and how deep the body nests.
    fn definition(&mut self, def: &Def<&'s str>, level: u32) -> Result<(Vec<Option<usize>>, Depth), QueryError> {
        let (scope, vars) = (self.locals.len(), self.vars.len());
        let mut arguments = Vec::with_capacity(def.args.len());
        for name in &def.args {
            if name.starts_with('$') {
                self.vars.push(name);
                arguments.push(None);
            } else {
                let id = self.next_argument;
                self.next_argument += 1;
                self.locals.push(Local::Argument { name, id });
                arguments.push(Some(id));
            }
        }
        self.locals.push(Local::Open { name: def.name, arity: def.args.len() });
        let depth = self.term(&def.body, level + 1);
        self.locals.truncate(scope);
        self.vars.truncate(vars);
        Ok((arguments, depth?))
    }

    fn call(&mut self, name: &&'s str, arguments: &[Term<&'s str>], level: u32) -> Result<Depth, QueryError> {
        let depths = arguments.iter().map(|argument| self.term(argument, level)).collect::<Result<Vec<Depth>, _>>()?;
        let arity = arguments.len();
        let local = self.locals.iter().rev().find(|local| match local {
            Local::Open { name: known, arity: takes } => known == name && *takes == arity,
            Local::Ready { name: known, arguments, .. } => known == name && arguments.len() == arity,
            Local::Argument { name: known, .. } => known == name && arity == 0,
        });
        match local {
            Some(Local::Open { .. }) => Err(self.error(name, format!("`{name}` calls itself, which could run without an end"))),
            Some(Local::Argument { id, .. }) => Ok(Depth { own: 1, arguments: [(*id, 1)].into() }),
            Some(Local::Ready { arguments, depth, .. }) => Ok(depth.clone().with(arguments, &depths).below(1)),
            None => self.call_builtin(name, &depths),
        }
    }

    fn call_builtin(&mut self, name: &&'s str, depths: &[Depth]) -> Result<Depth, QueryError> {
        let arity = depths.len();
        let mut depth = Depth::default();
        depths.iter().for_each(|argument| depth.join(argument.clone()));
        if builtins::native(name, arity, self.inner).is_some() || (*name == "recurse" && arity == 0) {
            return Ok(depth.below(2));
        }
        let defined = self.builtins.and_then(|builtins| builtins.find(name, arity));
        match defined {
            Some((signature, builtin)) if builtin.public || self.inner => {
                if !self.calls.contains(signature) {
                    self.calls.push(*signature);
                }
                // Its arguments are used no deeper than it nests itself.
                Ok(depth.below(builtin.depth.own + 2))
            }
            _ => Err(self.unknown_filter(name, arity)),
        }
    }

    fn unknown_filter(&self, name: &str, arity: usize) -> QueryError {
        if let Some(why) = builtins::refused(name) {
            return self.error(name, format!("`{name}` is not available: {why}"));
        }
        if builtins::names().any(|known| known == name) {
            return self.error(name, format!("`{name}` does not take {arity} arguments"));
        }
        let locals = self.locals.iter().map(|local| match local {
            Local::Open { name, .. } | Local::Ready { name, .. } | Local::Argument { name, .. } => *name,
        });
        let names: Vec<&str> = builtins::names().map(|name| name as &str).collect();
        let guess = near::nearest(name, names.into_iter().chain(locals)).map(|near| format!("; did you mean `{near}`?"));
        self.error(name, format!("there is no filter `{}`{}", shorten(name), guess.unwrap_or_default()))
    }

    fn unknown_variable(&self, name: &str) -> QueryError {
        let message = match near::nearest(name, self.vars.iter().copied()) {
            Some(near) => format!("there is no variable `{}` here; did you mean `{near}`?", shorten(name)),
            None if self.vars.is_empty() => format!("there is no variable `{}` here", shorten(name)),
            None => format!("there is no variable `{}` here, only {}", shorten(name), self.vars.join(", ")),
        };
        self.error(name, message)
    }

    fn error(&self, at: &str, message: impl Into<String>) -> QueryError {
        QueryError::at(range_of(self.text, at), message)
    }
}

impl Depth {
    /// The deeper of both, for each part.
    fn join(&mut self, other: Depth) {
        self.own = self.own.max(other.own);
        for (id, depth) in other.arguments {
            let here = self.arguments.entry(id).or_default();
            *here = (*here).max(depth);
        }
    }

    /// The same, so many levels further down.
    fn below(mut self, levels: u32) -> Depth {
        self.own = self.own.saturating_add(levels);
        self.arguments.values_mut().for_each(|depth| *depth = depth.saturating_add(levels));
        self
    }

    /// A definition's depth with the depths of the arguments that a call gives it.
    fn with(mut self, arguments: &[Option<usize>], given: &[Depth]) -> Depth {
        for (argument, given) in arguments.iter().zip(given) {
            // A `$variable` is evaluated at the call.
            let used_at = argument.map_or(Some(0), |id| self.arguments.remove(&id));
            if let Some(used_at) = used_at {
                self.join(given.clone().below(used_at));
            }
        }
        self
    }
}

fn collect_vars<'s>(pattern: &Pattern<&'s str>, vars: &mut Vec<&'s str>) {
    match pattern {
        Pattern::Var(name) => vars.push(name),
        Pattern::Arr(items) => items.iter().for_each(|item| collect_vars(item, vars)),
        Pattern::Obj(entries) => entries.iter().for_each(|(_, value)| collect_vars(value, vars)),
    }
}

pub(super) fn path_terms<'t, 's>(path: &'t Path<Term<&'s str>>) -> impl Iterator<Item = &'t Term<&'s str>> {
    path.0.iter().flat_map(|(part, _)| {
        let (first, second) = match part {
            Part::Index(index) => (Some(index), None),
            Part::Range(from, upto) => (from.as_ref(), upto.as_ref()),
        };
        first.into_iter().chain(second)
    })
}

/// The names of `$env.NAME` and `$env["NAME"]`, in order, each once; and the first other use of `$env`, or whatever else
/// keeps the names from being known.
pub(super) fn env_names(text: &str) -> (Vec<String>, Option<QueryError>) {
    let term = match parse(text) {
        Ok(term) => term,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut uses = EnvUses { text, names: Vec::new(), other: None };
    uses.term(&term, 0);
    (uses.names, uses.other)
}

struct EnvUses<'s> {
    text: &'s str,
    names: Vec<String>,
    other: Option<QueryError>,
}

impl EnvUses<'_> {
    fn term(&mut self, term: &Term<&str>, level: u32) {
        if level > MAX_TERMS {
            let message = format!("more than {MAX_TERMS} terms stand inside one another");
            self.other.get_or_insert_with(|| QueryError::at(0..self.text.len(), message));
            return;
        }
        let mut go = |term: &Term<&str>| self.term(term, level + 1);
        match term {
            Term::Path(head, path) if matches!(**head, Term::Var("$env")) => {
                match path.0.first() {
                    Some((Part::Index(Term::Str(None, parts)), _)) => match parts.as_slice() {
                        [StrPart::Str(name)] => {
                            if !self.names.iter().any(|known| known == name) {
                                self.names.push((*name).to_owned());
                            }
                        }
                        _ => self.term(head, level + 1),
                    },
                    _ => self.term(head, level + 1),
                }
                path_terms(path).for_each(|inner| self.term(inner, level + 1));
            }
            Term::Var("$env") => {
                let Term::Var(name) = term else { return };
                let message = "`$env` may be used only as `$env.NAME`, so that the variables it depends on are known";
                let at = range_of(self.text, name);
                self.other.get_or_insert_with(|| QueryError::at(at, message));
            }
            Term::Id | Term::Recurse | Term::Num(_) | Term::Arr(None) | Term::Break(_) | Term::Var(_) => {}
            Term::Str(_, parts) => parts.iter().for_each(|part| {
                if let StrPart::Term(inner) = part {
                    go(inner);
                }
            }),
            Term::Arr(Some(inner)) | Term::Neg(inner) | Term::Label(_, inner) => go(inner),
            Term::Obj(entries) => entries.iter().for_each(|(key, value)| {
                go(key);
                value.iter().for_each(&mut go);
            }),
            Term::BinOp(left, op, right) => {
                go(left);
                go(right);
                if let BinaryOp::Pipe(Some(pattern)) = op {
                    self.pattern(pattern, level + 1);
                }
            }
            Term::Fold(_, items, pattern, arguments) => {
                go(items);
                arguments.iter().for_each(go);
                self.pattern(pattern, level + 1);
            }
            Term::TryCatch(body, catch) => {
                go(body);
                catch.iter().for_each(|catch| go(catch));
            }
            Term::IfThenElse(branches, otherwise) => {
                for (condition, then) in branches {
                    go(condition);
                    go(then);
                }
                otherwise.iter().for_each(|otherwise| go(otherwise));
            }
            Term::Def(definitions, inner) => {
                definitions.iter().for_each(|definition| go(&definition.body));
                go(inner);
            }
            Term::Call(_, arguments) => arguments.iter().for_each(go),
            Term::Path(head, path) => {
                go(head);
                path_terms(path).for_each(go);
            }
        }
    }

    fn pattern(&mut self, pattern: &Pattern<&str>, level: u32) {
        if level > MAX_TERMS {
            return;
        }
        match pattern {
            Pattern::Var(_) => {}
            Pattern::Arr(items) => items.iter().for_each(|item| self.pattern(item, level + 1)),
            Pattern::Obj(entries) => entries.iter().for_each(|(key, value)| {
                self.term(key, level + 1);
                self.pattern(value, level + 1);
            }),
        }
    }
}
