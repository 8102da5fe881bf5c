//! Names that a program for jq itself uses and that nothing gives it: variables that nothing binds, filters that no jq has.
//!
//! Whether a name is bound somewhere in the program is all that is looked at, and filters are known by their name alone: what is told
//! here is wrong for every version of jq. Deliberately absent: scopes, numbers of arguments, modules.

use super::{
    QueryError,
    check::{self, path_terms, range_of},
};
use crate::text::near;
use jaq_core::load::{
    lex::StrPart,
    parse::{BinaryOp, Def, Pattern, Term},
};

/// What jq gives every program.
const VARIABLES: &[&str] = &["$ENV", "$__loc__", "$__prog_args", "$ARGS"];

/// The filters of jq 1.5 to 1.8, formats among them.
const FILTERS: &str = "\
    @base32 @base32d @base64 @base64d @csv @html @json @sh @text @tsv @uri @urid GROUP_BY IN INDEX INSIDE JOIN UNIQUE_BY abs acos acosh \
    add all any arrays ascii ascii_downcase ascii_upcase asin asinh atan atan2 atanh booleans bsearch builtins capture cbrt ceil \
    combinations contains copysign cos cosh date dateadd datesub debug del delpaths drem empty endswith env erf erfc error exp exp10 exp2 \
    explode expm1 fabs false fdim finites first flatten floor fma fmax fmin fmod format frexp from_entries fromdate fromdateiso8601 fromjson \
    fromstream gamma get_jq_origin get_prog_origin get_search_list getpath gmtime group_by gsub halt halt_error has have_decnum \
    have_literal_numbers hypot implode in index indices infinite input input_filename input_line_number inputs inside isempty isfinite \
    isinfinite isnan isnormal isvalid iterables j0 j1 jn join keys keys_unsorted last ldexp leaf_paths length lgamma lgamma_r limit \
    localtime log log10 log1p log2 logb ltrim ltrimstr map map_values match max max_by min min_by mktime modf modulemeta nan nearbyint \
    nextafter nexttoward normals not now nth null nulls numbers objects path paths pick pow pow10 range recurse recurse_down remainder repeat \
    reverse rindex rint round rtrim rtrimstr scalars scalars_or_empty scalb scalbln scan select setpath significand sin sinh skip sort \
    sort_by split splits sqrt startswith stderr strflocaltime strftime strings strptime sub tan tanh test tgamma to_entries toarray todate \
    toboolean todateiso8601 tojson tonumber tostream tostring transpose trim trimstr true trunc truncate_stream type unique unique_by until \
    utf8bytelength values walk while with_entries y0 y1 yn";

/// The first name that nothing gives the program; `None`: there is none, or it is no program at all. `variables`: with their `$`.
pub(super) fn unknown(text: &str, variables: &[&str]) -> Option<QueryError> {
    let term = check::parse(text).ok()?;
    let mut names = Names::default();
    names.gather(&term);
    let Names { bound, defined, mut used, mut called } = names;
    used.retain(|name| !(bound.contains(name) || variables.contains(name) || VARIABLES.contains(name)));
    called.retain(|name| !(defined.contains(name) || FILTERS.split(' ').any(|known| known == *name)));
    // A name of a module may be anything.
    let unknown = used.into_iter().chain(called).filter(|name| !name.contains("::"));
    let (range, name) =
        unknown.map(|name| (range_of(text, name), name)).filter(|(range, _)| !range.is_empty()).min_by_key(|(at, _)| at.start)?;
    let message = match name.strip_prefix('$') {
        Some(bare) => format!("nothing gives it the variable `{name}` (`--arg {bare} VALUE` would)"),
        None => match near::nearest(name, FILTERS.split(' ').chain(defined.iter().copied())) {
            Some(near) => format!("jq has no filter `{name}`; did you mean `{near}`?"),
            None => format!("jq has no filter `{name}`"),
        },
    };
    Some(QueryError::at(range, message))
}

#[derive(Default)]
struct Names<'s> {
    bound: Vec<&'s str>,
    defined: Vec<&'s str>,
    used: Vec<&'s str>,
    called: Vec<&'s str>,
}

impl<'s> Names<'s> {
    /// Without calling itself, since terms may nest as deep as the text is long.
    fn gather(&mut self, term: &Term<&'s str>) {
        let mut open: Vec<&Term<&'s str>> = vec![term];
        while let Some(term) = open.pop() {
            match term {
                Term::Id | Term::Recurse | Term::Num(_) | Term::Arr(None) | Term::Break(_) => {}
                Term::Str(format, parts) => {
                    self.called.extend(format);
                    open.extend(parts.iter().filter_map(|part| if let StrPart::Term(term) = part { Some(term) } else { None }));
                }
                Term::Arr(Some(inner)) | Term::Neg(inner) | Term::Label(_, inner) => open.push(inner),
                Term::Obj(entries) => entries.iter().for_each(|(key, value)| open.extend(std::iter::once(key).chain(value))),
                Term::BinOp(left, operator, right) => {
                    if let BinaryOp::Pipe(Some(pattern)) = operator {
                        self.pattern(pattern, &mut open);
                    }
                    open.extend([&**left, &**right]);
                }
                Term::Fold(_, items, pattern, arguments) => {
                    self.pattern(pattern, &mut open);
                    open.push(items);
                    open.extend(arguments);
                }
                Term::TryCatch(body, catch) => open.extend(std::iter::once(&**body).chain(catch.as_deref())),
                Term::IfThenElse(branches, otherwise) => {
                    branches.iter().for_each(|(condition, then)| open.extend([condition, then]));
                    open.extend(otherwise.as_deref());
                }
                Term::Def(definitions, inner) => {
                    self.definitions(definitions, &mut open);
                    open.push(inner);
                }
                Term::Call(name, arguments) => {
                    self.called.push(name);
                    open.extend(arguments);
                }
                Term::Var(name) => self.used.push(name),
                Term::Path(head, path) => {
                    open.push(head);
                    open.extend(path_terms(path));
                }
            }
        }
    }

    fn pattern<'t>(&mut self, pattern: &'t Pattern<&'s str>, open: &mut Vec<&'t Term<&'s str>>) {
        let mut patterns = vec![pattern];
        while let Some(pattern) = patterns.pop() {
            match pattern {
                Pattern::Var(name) => self.bound.push(name),
                Pattern::Arr(items) => patterns.extend(items),
                Pattern::Obj(entries) => {
                    for (key, value) in entries {
                        // `{$x}` binds by its key.
                        if let Term::Var(name) = key {
                            self.bound.push(name);
                        }
                        open.push(key);
                        patterns.push(value);
                    }
                }
            }
        }
    }

    fn definitions<'t>(&mut self, definitions: &'t [Def<&'s str>], open: &mut Vec<&'t Term<&'s str>>) {
        for definition in definitions {
            self.defined.push(definition.name);
            for argument in &definition.args {
                if argument.starts_with('$') {
                    self.bound.push(argument)
                } else {
                    self.defined.push(argument)
                }
                // `def f($x)` defines `x` as well.
                self.defined.extend(argument.strip_prefix('$'));
            }
            open.push(&definition.body);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_nothing_gives_are_told() {
        for (text, variables, told) in [
            (". | select(.a == $y)", vec![], Some("$y")),
            (". | select(.a == $y)", vec!["$y"], None),
            ("foo(.)", vec![], Some("foo")),
            ("def foo(f; $x): f + $x + x; foo(.a; 1)", vec![], None),
            (". as [$a, {b: $c, $d}] | $a + $c + $d", vec![], None),
            ("reduce .[] as $x (0; . + $x)", vec![], None),
            ("reduce .[] as $x (0; . + $z)", vec![], Some("$z")),
            ("$ENV.PATH, $__loc__, env.HOME, $ARGS.named", vec![], None),
            ("label $out | foreach .[] as $i (0; .; if $i > 3 then ., break $out else . end)", vec![], None),
            ("@base64 \"x\\(.a | foo2)\"", vec![], Some("foo2")),
            ("@base46", vec![], Some("@base46")),
            ("lib::f, $m::x", vec![], None),
            ("to_entries | map(select(.value > now)) | sort_by(.key) | ltrimstr(\"a\") | pick(.a) | trimstr(\"b\")", vec![], None),
            ("{a: $y, ($z): 1}", vec!["$z"], Some("$y")),
            ("null, true, false", vec![], None),
            ("if . then try error catch . else empty end", vec![], None),
            ("selct(.a)", vec![], Some("selct")),
        ] {
            let found = unknown(text, &variables);
            assert_eq!(found.as_ref().map(|error| &text[error.offset..error.offset + error.length]), told, "{text}");
        }
        assert!(unknown("selct(.a)", &[]).unwrap().message.ends_with("did you mean `select`?"));
    }
}
