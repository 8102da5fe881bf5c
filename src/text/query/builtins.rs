//! Which filters a program may call, and what each costs.
//!
//! An allow list, so that a newer engine cannot bring anything unasked. Definitions that are written in jq are taken from
//! the engine and metered like the program itself.

use super::check::{Checker, Depth};
use super::lower::lower_def;
use jaq_core::load::parse::Def;
use std::{collections::BTreeMap, sync::OnceLock};

pub(super) type Signature = (&'static str, usize);

/// What a native filter costs before it runs, besides the step itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cost {
    /// Nothing that grows with the input's depth.
    Shallow,
    /// One unit for every value inside the input.
    Deep,
    /// Sixteen units for every value inside the input: sorting compares each several times.
    Sort,
    /// Values inside the input times values inside the argument.
    Product,
}

use Cost::{Deep, Product, Shallow, Sort};

/// Native filters that programs may call.
const NATIVE: &[(&str, usize, Cost)] = &[
    ("add", 0, Deep),
    ("ascii_downcase", 0, Shallow),
    ("ascii_upcase", 0, Shallow),
    ("ceil", 0, Shallow),
    ("contains", 1, Product),
    ("endswith", 1, Shallow),
    ("explode", 0, Shallow),
    ("fabs", 0, Shallow),
    ("first", 1, Shallow),
    ("flatten", 0, Deep),
    ("flatten", 1, Deep),
    ("floor", 0, Shallow),
    ("fromdateiso8601", 0, Shallow),
    ("fromjson", 0, Shallow),
    ("group_by", 1, Sort),
    ("has", 1, Shallow),
    ("implode", 0, Shallow),
    ("indices", 1, Product),
    ("join", 1, Deep),
    ("keys_unsorted", 0, Shallow),
    ("last", 1, Shallow),
    ("length", 0, Shallow),
    ("limit", 2, Shallow),
    ("log", 0, Shallow),
    ("log10", 0, Shallow),
    ("log2", 0, Shallow),
    ("ltrim", 0, Shallow),
    ("ltrimstr", 1, Shallow),
    ("path", 1, Shallow),
    ("pow", 2, Shallow),
    ("range", 3, Shallow),
    ("reverse", 0, Shallow),
    ("round", 0, Shallow),
    ("rtrim", 0, Shallow),
    ("rtrimstr", 1, Shallow),
    ("skip", 2, Shallow),
    ("sort", 0, Sort),
    ("sort_by", 1, Sort),
    ("sqrt", 0, Shallow),
    ("startswith", 1, Shallow),
    ("todateiso8601", 0, Shallow),
    ("tojson", 0, Deep),
    ("trim", 0, Shallow),
    ("trunc", 0, Shallow),
    ("utf8bytelength", 0, Shallow),
];

/// Native filters that only definitions call.
const INNER: &[(&str, usize, Cost)] = &[
    ("decode_base64", 0, Shallow),
    ("decode_uri", 0, Shallow),
    ("encode_base64", 0, Shallow),
    ("encode_uri", 0, Shallow),
    ("!contains", 1, Product),
    ("error_empty", 0, Shallow),
    ("escape_html", 0, Shallow),
    ("escape_sh", 0, Shallow),
    ("key_values", 0, Shallow),
    ("matches", 2, Shallow),
    ("max_by_or_empty", 1, Sort),
    ("min_by_or_empty", 1, Sort),
    ("path_value", 1, Shallow),
    ("split_", 2, Shallow),
    ("split_matches", 2, Shallow),
];

/// Definitions that programs may call.
const DEFINED: &[Signature] = &[
    ("@base64", 0),
    ("@base64d", 0),
    ("@html", 0),
    ("@json", 0),
    ("@sh", 0),
    ("@text", 0),
    ("@uri", 0),
    ("@urid", 0),
    ("abs", 0),
    ("add", 1),
    ("all", 0),
    ("all", 1),
    ("all", 2),
    ("any", 0),
    ("any", 1),
    ("any", 2),
    ("arrays", 0),
    ("booleans", 0),
    ("capture", 1),
    ("capture", 2),
    ("del", 1),
    ("delpaths", 1),
    ("empty", 0),
    ("error", 0),
    ("error", 1),
    ("false", 0),
    ("finites", 0),
    ("first", 0),
    ("from_entries", 0),
    ("fromdate", 0),
    ("getpath", 1),
    ("gsub", 2),
    ("gsub", 3),
    ("in", 1),
    ("index", 1),
    ("infinite", 0),
    ("inside", 1),
    ("isarray", 0),
    ("isboolean", 0),
    ("isempty", 1),
    ("isfinite", 0),
    ("isinfinite", 0),
    ("isnan", 0),
    ("isnormal", 0),
    ("isnumber", 0),
    ("isobject", 0),
    ("isstring", 0),
    ("iterables", 0),
    ("keys", 0),
    ("last", 0),
    ("map", 1),
    ("map_values", 1),
    ("match", 1),
    ("match", 2),
    ("max", 0),
    ("max_by", 1),
    ("min", 0),
    ("min_by", 1),
    ("nan", 0),
    ("normals", 0),
    ("not", 0),
    ("nth", 1),
    ("nth", 2),
    ("null", 0),
    ("nulls", 0),
    ("numbers", 0),
    ("objects", 0),
    ("paths", 0),
    ("paths", 1),
    ("pick", 1),
    ("range", 1),
    ("range", 2),
    ("rindex", 1),
    ("scalars", 0),
    ("scan", 1),
    ("scan", 2),
    ("select", 1),
    ("setpath", 2),
    ("split", 1),
    ("split", 2),
    ("splits", 1),
    ("splits", 2),
    ("strings", 0),
    ("sub", 2),
    ("sub", 3),
    ("test", 1),
    ("test", 2),
    ("to_entries", 0),
    ("toboolean", 0),
    ("todate", 0),
    ("tonumber", 0),
    ("tostring", 0),
    ("transpose", 0),
    ("true", 0),
    ("type", 0),
    ("unique", 0),
    ("unique_by", 1),
    ("values", 0),
    ("walk", 1),
    ("with_entries", 1),
];

/// Definitions that only definitions call.
const INNER_DEFINED: &[Signature] = &[("capture_of_match", 0), ("scan_", 2), ("totype", 2)];

/// Well-known filters that are missing on purpose, with the reason.
const REFUSED: &[(&str, &str)] = &[
    ("env", OUTSIDE),
    ("input", OUTSIDE),
    ("inputs", OUTSIDE),
    ("debug", OUTSIDE),
    ("stderr", OUTSIDE),
    ("input_filename", OUTSIDE),
    ("input_line_number", OUTSIDE),
    ("now", OUTSIDE),
    ("localtime", OUTSIDE),
    ("strflocaltime", OUTSIDE),
    ("mktime", CALENDAR),
    ("gmtime", CALENDAR),
    ("strftime", CALENDAR),
    ("strptime", CALENDAR),
    ("halt", OUTSIDE),
    ("halt_error", OUTSIDE),
    ("get_search_list", OUTSIDE),
    ("import", OUTSIDE),
    ("include", OUTSIDE),
    ("modulemeta", OUTSIDE),
    ("recurse", ENDLESS),
    ("repeat", ENDLESS),
    ("while", ENDLESS),
    ("until", ENDLESS),
    ("combinations", ENDLESS),
];

const OUTSIDE: &str = "a program sees only its input and its variables";
const CALENDAR: &str = "of the calendar there are only fromdate and todate";
const ENDLESS: &str = "it can run without an end";

/// A definition, ready to stand before a program.
pub(super) struct Builtin {
    /// Metered.
    pub def: Def<&'static str>,
    pub depth: Depth,
    /// The definitions that it calls.
    pub calls: Vec<Signature>,
    pub public: bool,
}

pub(super) struct Builtins {
    /// In an order in which each stands behind those that it calls.
    pub order: Vec<Signature>,
    pub defined: BTreeMap<Signature, Builtin>,
}

impl Builtins {
    pub fn get() -> &'static Builtins {
        static BUILTINS: OnceLock<Builtins> = OnceLock::new();
        BUILTINS.get_or_init(Builtins::read)
    }

    pub fn find(&self, name: &str, arity: usize) -> Option<(&Signature, &Builtin)> {
        self.defined.iter().find(|((known, takes), _)| *known == name && *takes == arity)
    }

    /// What the lists leave of the engine's own definitions. One that does not pass the checks is simply not there; a test
    /// says that none is missing.
    fn read() -> Builtins {
        let mut builtins = Builtins { order: Vec::new(), defined: BTreeMap::new() };
        for def in jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs()) {
            let signature = (def.name, def.args.len());
            let public = DEFINED.contains(&signature);
            if !public && !INNER_DEFINED.contains(&signature) {
                continue;
            }
            let Ok((depth, calls)) = Checker::of_builtin(&builtins, &def) else { continue };
            builtins.order.push(signature);
            builtins.defined.insert(signature, Builtin { def: lower_def(def), depth, calls, public });
        }
        builtins
    }
}

/// The cost of a native filter, if there is one of this name.
pub(super) fn native(name: &str, arity: usize, inner: bool) -> Option<Cost> {
    let inner = if inner { INNER } else { &[] };
    NATIVE.iter().chain(inner).find(|(known, takes, _)| *known == name && *takes == arity).map(|(.., cost)| *cost)
}

/// Whether the engine's native filter of this name is kept. What has a version of ours is not.
pub(super) fn keeps(name: &str, arity: usize) -> bool {
    const OURS: &[&str] = &["add", "flatten", "join", "fromjson", "matches", "split_matches", "split_"];
    native(name, arity, true).is_some() && !OURS.contains(&name)
}

/// Why a well-known filter is missing.
pub(super) fn refused(name: &str) -> Option<&'static str> {
    REFUSED.iter().find(|(refused, _)| *refused == name).map(|(_, why)| *why)
}

/// The names that programs may call, for guesses.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    NATIVE.iter().map(|(name, ..)| *name).chain(DEFINED.iter().map(|(name, _)| *name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_listed_is_there() {
        let builtins = Builtins::get();
        for signature in DEFINED.iter().chain(INNER_DEFINED) {
            assert!(builtins.defined.contains_key(signature), "{signature:?}");
        }
        let natives: Vec<(&str, usize)> = super::super::engine::natives().iter().map(|(name, args, _)| (*name, args.len())).collect();
        for (name, arity, _) in NATIVE.iter().chain(INNER) {
            assert!(natives.contains(&(name, *arity)), "{name}/{arity}");
        }
    }

    #[test]
    fn nothing_refused_is_listed() {
        for (name, _) in REFUSED {
            assert!(!names().any(|listed| listed == *name), "{name}");
        }
    }
}
