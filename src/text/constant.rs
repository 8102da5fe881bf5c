//! Regular expressions that are part of the program.

use regex::Regex;

/// Compiles a pattern that stands in the source.
pub fn pattern(text: &str) -> Regex {
    // A constant, compiled by every test of the module that holds it: it cannot fail for a user.
    Regex::new(text).expect("a constant pattern")
}

/// The same, for what need not be text.
pub fn bytes_pattern(text: &str) -> regex::bytes::Regex {
    // As above.
    regex::bytes::Regex::new(text).expect("a constant pattern")
}
